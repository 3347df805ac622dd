//! Whether a query's answer is what the playbook expects: pure.

use super::{
    moment::moment,
    value::{Exact, Value},
    words::{counted, grouped},
};
use crate::{
    playbook::{Expectation, Number, RowCount},
    time::{Period, Timestamp},
};
use std::cmp::Ordering;

/// What a query gave. Rows beyond the first are counted, never held.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// How many rows came before counting stopped.
    pub(super) rows: u64,
    /// Whether counting stopped before the end.
    pub(super) more: bool,
    /// The first row.
    pub(super) first: Vec<Value>,
}

/// How an answer compares with what was expected, in words.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Judgement {
    pub(super) passed: bool,
    pub(super) expected: String,
    pub(super) actual: String,
    pub(super) details: Vec<String>,
    pub(super) freshness: Option<Timestamp>,
}

/// A moment this far after the declaration is taken for clocks that differ; later is wrong.
const FUTURE: Period = Period::from_secs(300);

/// How many rows are worth looking at for this expectation.
pub(super) fn rows_needed(expect: &Expectation) -> u64 {
    match expect {
        // Enough to say by how much there are too many; without an upper bound each row counts.
        Expectation::Rows(RowCount { max, .. }) => max.map_or(u64::MAX, |max| max.saturating_add(100_000)),
        _ => 2,
    }
}

/// Judges the answer of a `query` check.
pub(super) fn judge(expect: &Expectation, answer: &Answer, allow_empty: bool) -> Judgement {
    let expected = expected(expect);
    if let Expectation::Rows(count) = expect {
        return rows(*count, answer, allow_empty, expected);
    }
    match one_value(answer, allow_empty) {
        Ok(None) => {
            Judgement { passed: true, expected, actual: "no row, as allowed".into(), ..Judgement::default() }
        }
        Ok(Some(value)) => {
            let (passed, details) = match fits(expect, value) {
                Ok(passed) => (passed, Vec::new()),
                Err(why) => (false, vec![why]),
            };
            Judgement { passed, expected, actual: value.shown(), details, ..Judgement::default() }
        }
        Err((actual, why)) => Judgement { expected, actual, details: vec![why], ..Judgement::default() },
    }
}

/// Judges the answer of a `freshness` check.
pub(super) fn judge_freshness(answer: &Answer, max_age: Option<Period>, declared: Timestamp) -> Judgement {
    let expected = match max_age {
        Some(max) => format!("data no older than {}", max.human()),
        None => "a moment (measured only)".to_owned(),
    };
    let value = match one_value(answer, false) {
        Ok(Some(value)) => value,
        Ok(None) => &Value::Null,
        Err((actual, why)) => {
            return Judgement { expected, actual, details: vec![why], ..Judgement::default() };
        }
    };
    let Some(at) = moment(value) else {
        let why = match value {
            Value::Null => "the query gave NULL: are there any rows?",
            _ => {
                "the value is no moment; give an ISO 8601 text, seconds or milliseconds since 1970, or a Julian day"
            }
        };
        return Judgement {
            expected,
            actual: value.shown(),
            details: vec![why.into()],
            ..Judgement::default()
        };
    };
    if at > declared + FUTURE {
        let ahead = at.since(declared).human();
        return Judgement {
            expected,
            actual: format!("newest data from {}, {ahead} in the future", at.human()),
            details: vec![
                "data from the future proves nothing about its age: a zone is missing, or a clock is wrong"
                    .into(),
            ],
            ..Judgement::default()
        };
    }
    let age = declared.since(at);
    Judgement {
        passed: max_age.is_none_or(|max| age <= max),
        expected,
        actual: format!("newest data from {}, {} before the declaration", at.human(), age.human()),
        details: Vec::new(),
        freshness: Some(at),
    }
}

fn one_value(answer: &Answer, allow_empty: bool) -> Result<Option<&Value>, (String, String)> {
    match (answer.rows, answer.first.as_slice()) {
        (0, _) if allow_empty => Ok(None),
        (0, _) => Err((
            "no row".into(),
            "a check on no rows proves nothing; `allow_empty: true` if that is right".into(),
        )),
        (1, [value]) if !answer.more => Ok(Some(value)),
        (1, columns) if !answer.more => Err((
            counted(columns.len() as u64, "column"),
            "the query must give one value: one row of one column".into(),
        )),
        _ => Err((
            "more than one row".into(),
            "the query must give one value; to expect a number of rows, write `expect: { rows: … }`".into(),
        )),
    }
}

fn rows(count: RowCount, answer: &Answer, allow_empty: bool, expected: String) -> Judgement {
    let enough = count.min.is_none_or(|min| answer.rows >= min);
    let few_enough = count.max.is_none_or(|max| answer.rows <= max && !answer.more);
    let asked_for = allow_empty || count.min == Some(0) || count.max == Some(0);
    let empty_unasked = answer.rows == 0 && !asked_for;
    let more = if answer.more { "more than " } else { "" };
    Judgement {
        passed: enough && few_enough && !empty_unasked,
        expected,
        actual: format!("{more}{}", counted(answer.rows, "row")),
        details: if empty_unasked {
            vec!["a check on no rows proves nothing; `allow_empty: true` if that is right".into()]
        } else {
            Vec::new()
        },
        ..Judgement::default()
    }
}

fn expected(expect: &Expectation) -> String {
    match expect {
        Expectation::Equals(value) => format!("equals {value}"),
        Expectation::Min(number) => format!("at least {number}"),
        Expectation::Max(number) => format!("at most {number}"),
        Expectation::Between(low, high) => format!("between {low} and {high}"),
        Expectation::Matches(pattern) => format!("matches /{pattern}/"),
        Expectation::Rows(RowCount { min: Some(min), max: Some(max) }) if min == max => counted(*min, "row"),
        Expectation::Rows(RowCount { min, max }) => match (min, max) {
            (Some(min), Some(max)) => format!("{} to {}", grouped(*min), counted(*max, "row")),
            (Some(min), None) => format!("at least {}", counted(*min, "row")),
            (None, Some(max)) => format!("at most {}", counted(*max, "row")),
            (None, None) => "any number of rows".to_owned(),
        },
    }
}

fn fits(expect: &Expectation, value: &Value) -> Result<bool, String> {
    match expect {
        Expectation::Equals(wanted) => equals(wanted, value),
        Expectation::Min(low) => Ok(order(value, low)?.is_some_and(Ordering::is_ge)),
        Expectation::Max(high) => Ok(order(value, high)?.is_some_and(Ordering::is_le)),
        Expectation::Between(low, high) => Ok(order(value, low)?.is_some_and(Ordering::is_ge)
            && order(value, high)?.is_some_and(Ordering::is_le)),
        Expectation::Matches(pattern) => match value {
            Value::Null => Err("NULL matches nothing".into()),
            Value::Blob(_) => Err("a blob matches nothing; select a text".into()),
            value => {
                let pattern = regex::Regex::new(pattern).map_err(|error| error.to_string())?;
                Ok(pattern.is_match(&value.to_string()))
            }
        },
        Expectation::Rows(_) => Ok(false),
    }
}

fn equals(wanted: &serde_json::Value, value: &Value) -> Result<bool, String> {
    use serde_json::Value as Json;
    match (wanted, value) {
        (Json::Null, value) => Ok(*value == Value::Null),
        (_, Value::Null) => Ok(false),
        // SQLite has no booleans of its own: true is 1.
        (Json::Bool(wanted), value) => match value.number() {
            Some(number) => Ok(number == Exact::Integer(i128::from(*wanted))),
            None => Err("true and false are compared with 1 and 0; this is no number".into()),
        },
        (Json::Number(wanted), value) => match value.number() {
            Some(number) => Ok(number.partial_cmp(&Exact::of_json(wanted)) == Some(Ordering::Equal)),
            None => Err(not_alike("a number", value)),
        },
        (Json::String(wanted), Value::Text(text)) => Ok(wanted == text),
        (Json::String(_), value) => Err(not_alike("a text", value)),
        (Json::Array(_) | Json::Object(_), _) => {
            Err("lists and mappings can't be compared with a value".into())
        }
    }
}

fn order(value: &Value, bound: &Number) -> Result<Option<Ordering>, String> {
    match (bound, value) {
        (serde_json::Value::Number(bound), value) => match value.number() {
            Some(number) => Ok(number.partial_cmp(&Exact::of_json(bound))),
            None => Err(not_alike("a number", value)),
        },
        (serde_json::Value::String(bound), Value::Text(text)) => {
            Ok(Some(text.as_bytes().cmp(bound.as_bytes())))
        }
        (serde_json::Value::String(_), value) => Err(not_alike("a text", value)),
        _ => Err("a bound is a number or a text".into()),
    }
}

fn not_alike(wanted: &str, value: &Value) -> String {
    let is = match value {
        Value::Null => "NULL: are there any rows?",
        Value::Integer(_) | Value::Real(_) | Value::Decimal(_) => "a number",
        Value::Text(_) => "a text",
        Value::Blob(_) => "a blob",
    };
    format!("{wanted} is expected, the answer is {is}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(value: Value) -> Answer {
        Answer { rows: 1, more: false, first: vec![value] }
    }

    fn passes(expect: Expectation, value: Value) -> bool {
        judge(&expect, &one(value), false).passed
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn equals_is_exact() {
        let equals = |wanted, value| passes(Expectation::Equals(wanted), value);
        assert!(equals(json!(0), Value::Integer(0)));
        assert!(equals(json!(0), Value::Real(-0.0)));
        assert!(equals(json!(1.0), Value::Integer(1)));
        assert!(equals(json!(null), Value::Null));
        assert!(equals(json!(true), Value::Integer(1)));
        assert!(equals(json!("a"), text("a")));
        assert!(equals(json!(9_007_199_254_740_993_i64), Value::Integer(9_007_199_254_740_993)));
        for (wanted, value) in [
            (json!(9_007_199_254_740_992_i64), Value::Integer(9_007_199_254_740_993)),
            (json!(9_007_199_254_740_993_i64), Value::Real(9_007_199_254_740_992.0)),
            (json!(0), Value::Null),
            (json!(null), Value::Integer(0)),
            (json!(0), text("0")),
            (json!("0"), Value::Integer(0)),
            (json!(""), Value::Null),
            (json!(false), Value::Integer(1)),
            (json!(true), Value::Integer(2)),
            (json!(0), Value::Blob(vec![])),
            (json!([1]), Value::Integer(1)),
        ] {
            assert!(!equals(wanted.clone(), value.clone()), "{wanted} {value:?}");
        }
    }

    #[test]
    fn bounds_hold_on_both_sides() {
        let between = |value| passes(Expectation::Between(json!(1), json!(2.5)), value);
        assert!(between(Value::Integer(1)) && between(Value::Real(2.5)) && between(Value::Integer(2)));
        assert!(
            !between(Value::Real(0.999)) && !between(Value::Integer(3)) && !between(Value::Real(f64::NAN))
        );
        assert!(passes(Expectation::Min(json!("2026-01-01")), text("2026-02-01")));
        assert!(!passes(Expectation::Max(json!("2026-01-01")), text("2026-02-01")));
        for value in [Value::Null, text("5"), Value::Blob(vec![5])] {
            let judged = judge(&Expectation::Min(json!(1)), &one(value), false);
            assert!(!judged.passed && judged.details[0].starts_with("a number is expected"), "{judged:?}");
        }
    }

    #[test]
    fn patterns_look_at_the_text_form() {
        let matches = |pattern: &str, value| passes(Expectation::Matches(pattern.into()), value);
        assert!(matches("^4[0-9]$", Value::Integer(42)));
        assert!(matches("@example", text("ada@example.org")));
        assert!(!matches(".*", Value::Null));
        assert!(!matches(".*", Value::Blob(vec![])));
    }

    #[test]
    fn one_value_is_needed() {
        let expect = Expectation::Equals(json!(1));
        let none = Answer { rows: 0, more: false, first: vec![] };
        assert!(!judge(&expect, &none, false).passed);
        assert!(judge(&expect, &none, true).passed);
        let two = Answer { rows: 2, more: true, first: vec![Value::Integer(1)] };
        assert!(!judge(&expect, &two, true).passed);
        let wide = Answer { rows: 1, more: false, first: vec![Value::Integer(1), Value::Integer(1)] };
        assert_eq!(judge(&expect, &wide, true).actual, "2 columns");
    }

    #[test]
    fn rows_are_counted() {
        let judge = |min, max, rows, more| {
            let answer = Answer { rows, more, first: vec![] };
            judge(&Expectation::Rows(RowCount { min, max }), &answer, false)
        };
        assert!(judge(None, Some(0), 0, false).passed);
        assert!(judge(Some(1), None, 1, false).passed);
        assert!(!judge(Some(2), Some(2), 1, false).passed);
        assert!(!judge(None, Some(5), 5, true).passed);
        assert!(!judge(None, Some(5), 0, false).passed, "no rows, and nobody asked for none");
        assert!(judge(Some(0), Some(5), 0, false).passed);
        let judged = judge(None, Some(0), 100_001, true);
        assert_eq!((judged.passed, judged.actual.as_str()), (false, "more than 100,001 rows"));
    }

    #[test]
    fn no_text_of_the_data_is_shown() {
        let judged = judge(&Expectation::Equals(json!("x")), &one(text("ada@example.org")), false);
        assert!(!format!("{judged:?}").contains("ada"), "{judged:?}");
    }

    #[test]
    fn freshness_is_the_age_before_the_declaration() {
        let declared: Timestamp = "2026-11-23T09:00:00Z".parse().expect("a moment");
        let judge = |value, max: Option<u64>| {
            judge_freshness(&one(value), max.map(|h| Period::from_secs(3600 * h)), declared)
        };
        let judged = judge(text("2026-11-23 07:00:00"), Some(2));
        assert!(judged.passed);
        assert_eq!(judged.actual, "newest data from 2026-11-23 07:00:00Z, 2h 00m before the declaration");
        assert_eq!(judged.freshness, Some("2026-11-23T07:00:00Z".parse().expect("a moment")));
        let stale = judge(text("2026-11-23 06:59:59"), Some(2));
        assert!(!stale.passed && stale.freshness.is_some());
        assert!(judge(text("2020-01-01"), None).passed);
        assert!(judge(text("2026-11-23 09:04:59"), Some(2)).passed, "clocks differ a little");
        for wrong in [text("2026-11-23 09:05:01"), Value::Null, text("soon"), Value::Blob(vec![])] {
            let judged = judge(wrong, None);
            assert!(!judged.passed && judged.freshness.is_none(), "{judged:?}");
        }
    }
}
