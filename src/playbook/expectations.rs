//! What a query's answer must be.

use super::{
    model::{Expectation, RowCount},
    values,
};
use crate::document::read::{Read, Reader};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// A key, what it means, and how it is read.
pub(super) type Choice<T> = (&'static str, &'static str, Read<T>);

pub(super) const EQUALS: Choice<Expectation> =
    ("equals", "The one value equals this; `null` is a value.", |r| r.value().map(Expectation::Equals));
pub(super) const MIN: Choice<Expectation> =
    ("min", "The one value is at least this.", |r| bound(r).map(Expectation::Min));
pub(super) const MAX: Choice<Expectation> =
    ("max", "The one value is at most this.", |r| bound(r).map(Expectation::Max));
pub(super) const BETWEEN: Choice<Expectation> =
    ("between", "The one value is between these two, both included.", between);
pub(super) const MATCHES: Choice<Expectation> =
    ("matches", "The one value, as text, matches this regular expression.", |r| {
        values::regex(r).map(Expectation::Matches)
    });
pub(super) const ROWS: Choice<Expectation> =
    ("rows", "So many rows come back: a number, or { min, max }.", rows);

/// What a query's answer must be.
pub(super) fn expectation(r: &mut Reader<'_>) -> Option<Expectation> {
    if !r.is_map() && !r.describing() {
        r.error(
            "expected a condition",
            "write { equals: 0 }, or `min`, `max`, `between`, `matches` or `rows`",
        );
        return None;
    }
    r.fields("an expectation", |m| m.one_of(&[EQUALS, MIN, MAX, BETWEEN, MATCHES, ROWS]))
}

/// A number, or a text that orders as text.
fn bound(r: &mut Reader<'_>) -> Option<Value> {
    let value = r.value()?;
    if value.is_number() || value.is_string() {
        return Some(value);
    }
    r.error("expected a number, or a text that orders as text", "write a number, or a date in quotes");
    None
}

fn between(r: &mut Reader<'_>) -> Option<Expectation> {
    r.also(json!({ "minItems": 2, "maxItems": 2 }));
    let both = r.list(2, bound)?;
    let [low, high] = both.as_slice() else {
        r.error("more than two bounds", "give two: [1, 10]");
        return None;
    };
    match order(low, high) {
        Some(Ordering::Greater) => {
            r.error("the lower bound is above the upper one", "swap them");
            None
        }
        None => {
            r.error("a number and a text can't both bound a value", "give two numbers or two texts");
            None
        }
        Some(_) => Some(Expectation::Between(low.clone(), high.clone())),
    }
}

fn order(low: &Value, high: &Value) -> Option<Ordering> {
    if let (Some(low), Some(high)) = (low.as_str(), high.as_str()) {
        return Some(low.cmp(high));
    }
    if let (Some(low), Some(high)) = (low.as_i64(), high.as_i64()) {
        return Some(low.cmp(&high));
    }
    low.as_f64()?.partial_cmp(&high.as_f64()?)
}

fn rows(r: &mut Reader<'_>) -> Option<Expectation> {
    r.forms(
        "a number of rows or { min, max }",
        Some(|r| count(r).map(|n| RowCount { min: Some(n), max: Some(n) })),
        None,
        Some(|r| {
            r.fields("a number of rows", |m| {
                let min = m.opt("min", "At least.", count);
                let max = m.opt("max", "At most.", count);
                match (min, max) {
                    (None, None) if !m.has("min") && !m.has("max") => {
                        m.error(
                            "",
                            "a number of rows has neither `min` nor `max`",
                            "give one of them, or both",
                        );
                    }
                    (Some(least), Some(most)) if least > most => {
                        m.error("min", format!("`min` ({least}) is above `max` ({most})"), "swap them");
                    }
                    _ => {}
                }
                Some(RowCount { min, max })
            })
        }),
    )
    .map(Expectation::Rows)
}

fn count(r: &mut Reader<'_>) -> Option<u64> {
    r.integer(0, i64::MAX).and_then(|n| u64::try_from(n).ok())
}
