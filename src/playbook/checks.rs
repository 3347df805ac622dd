//! Verify steps: what is looked at, and which checks are made.

use super::{
    http::http,
    model::{
        Check, CheckKind, DatabaseSubject, Expectation, FingerprintCheck, FingerprintExpect, FingerprintOf,
        RowCount, Subject, Verify,
    },
    secrets,
    template::Template,
    values,
};
use crate::{
    document::{read::Reader, words},
    ids::Digest,
};
use serde_json::{Value, json};
use std::{cmp::Ordering, collections::BTreeMap};

/// A verify step.
pub(super) fn verify(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("a verify step", |m| {
        m.one_of(&[
            ("sql", "Checks on a restored database.", sql),
            ("http", "A request, and what must come back.", http),
            ("kubernetes", "What must be so in the cluster.", kubernetes),
        ])
    })
}

/// What `database` names is set aside under this word, for the look at the whole graph.
pub(super) const DATABASE: &str = "a database";

fn sql(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("an sql verification", |m| {
        let step = m.need("database", "The restore step that gives the database.", |r| {
            let step = values::step_id(r)?;
            r.note(step.value.as_str(), DATABASE);
            Some(step.value)
        });
        let name = m.opt("name", "The database on the server; not for SQLite.", values::words_of);
        let user = m.opt("user", "Who logs in; not for SQLite.", values::words_of);
        let password = m.opt("password", "Where the password comes from; not for SQLite.", secrets::password);
        let parallel = m.opt("parallel", "How many checks run at the same time; 1 where left out.", |r| {
            r.integer(1, 16).and_then(|n| u32::try_from(n).ok())
        });
        let checks = m.need("checks", "The checks, in order.", checks);
        let subject =
            Subject::Database(DatabaseSubject { step: step?, name, user, password, tls: None, ca: None });
        Some(Verify { subject, checks: checks?, parallel: parallel.unwrap_or(1) })
    })
}

/// Names of checks are set aside under this word: they must differ, also where a check is wrong otherwise.
pub(super) const CHECK_NAME: &str = "the name of a check";

fn checks(r: &mut Reader<'_>) -> Option<Vec<Check>> {
    r.list(1, check)
}

fn check_name(r: &mut Reader<'_>) -> Option<String> {
    let name = values::words_of(r)?;
    r.note(&name, CHECK_NAME);
    Some(name)
}

/// What a check looks at, before its expectation is read.
enum Look {
    Fingerprint(FingerprintOf, Vec<String>),
    Query(Template),
    Freshness(Template),
}

/// What a check expects.
enum Expect {
    Fingerprint(FingerprintExpect),
    Query(Expectation),
}

fn check(r: &mut Reader<'_>) -> Option<Check> {
    r.fields("a check", |m| {
        let name = m.need("name", "A name, unique within the step.", check_name);
        let required =
            m.opt("required", "Whether the verdict depends on it; true where left out.", values::boolean);
        let timeout = m.opt("timeout", "How long the statement may take.", values::duration);
        let look = m.one_of(&[
            ("fingerprint", "The digest and row count of tables or of a query.", fingerprint),
            ("query", "A statement with one answer.", |r| values::sql(r).map(Look::Query)),
            ("freshness", "A statement that gives the newest moment in the data.", |r| {
                values::sql(r).map(Look::Freshness)
            }),
        ]);
        let kind = ["fingerprint", "query", "freshness"].into_iter().find(|key| m.has(key)).unwrap_or("");
        let expect = match kind {
            "fingerprint" => m.opt("expect", EXPECT, |r| fingerprint_expect(r).map(Expect::Fingerprint)),
            "query" => m.opt("expect", EXPECT, |r| expectation(r).map(Expect::Query)),
            _ => m.opt("expect", EXPECT, |r| {
                r.forms("an expectation", Some(digest_word), None, Some(any_expectation))
            }),
        };
        let allow_empty =
            m.opt("allow_empty", "Whether no row at all is fine; false where left out.", values::boolean);
        let max_age = m.opt("max_age", "For freshness: older than this, the check fails.", values::duration);
        match kind {
            "freshness" => {
                m.forbid(&["expect"], "beside `freshness`", "give `max_age` if the data must not be older");
                m.forbid(&["allow_empty"], "beside `freshness`", "leave it out: no moment is never fresh");
            }
            "" => {}
            _ => m.forbid(&["max_age"], "here", "it belongs to `freshness`"),
        }
        if matches!(kind, "fingerprint" | "query") && !m.has("expect") {
            let help = if kind == "query" {
                "add `expect: { equals: … }`, or `min`, `max`, `between`, `matches` or `rows`"
            } else {
                "add `expect: baseline`; `firedrill baseline` takes it on the source"
            };
            m.error(kind, "a check without `expect` proves nothing", help);
        }
        let allow_empty = allow_empty.unwrap_or(false);
        let kind = match (look?, expect) {
            (Look::Fingerprint(of, exclude), Some(Expect::Fingerprint(expect))) => {
                let several = match &of {
                    FingerprintOf::Tables(tables) => tables.len() > 1,
                    FingerprintOf::AllTables => true,
                    FingerprintOf::Query(_) => false,
                };
                if several && matches!(expect, FingerprintExpect::Digest(_)) {
                    m.error(
                        "expect",
                        "one digest for several tables",
                        "make a check for each, or expect a baseline",
                    );
                }
                CheckKind::Fingerprint(FingerprintCheck {
                    of,
                    exclude,
                    expect,
                    allow_empty,
                    strong: false,
                    buckets: None,
                    conditions: BTreeMap::new(),
                    changed_since: BTreeMap::new(),
                    redact_keys: false,
                })
            }
            (Look::Query(sql), Some(Expect::Query(expect))) => {
                let none = matches!(expect, Expectation::Rows(RowCount { max: Some(0), .. }));
                if allow_empty
                    && !none
                    && matches!(expect, Expectation::Rows(RowCount { min: Some(1..), .. }))
                {
                    m.error(
                        "allow_empty",
                        "`allow_empty` beside a least number of rows",
                        "leave one of the two out",
                    );
                }
                // Asking for no rows is asking for emptiness.
                CheckKind::Query { sql, expect, allow_empty: allow_empty || none }
            }
            (Look::Freshness(sql), _) => CheckKind::Freshness { sql, max_age },
            _ => return None,
        };
        Some(Check { name: name?, required: required.unwrap_or(true), timeout, kind })
    })
}

const EXPECT: &str = "What must come out: for a fingerprint `baseline` or a digest, for a query a condition.";

fn fingerprint(r: &mut Reader<'_>) -> Option<Look> {
    r.fields("a fingerprint", |m| {
        let of = m.one_of(&[
            ("tables", "These tables.", |r| r.list(1, table).map(FingerprintOf::Tables)),
            ("all_tables", "Every table that is not the engine's own.", |r| {
                values::only_true(r).map(|()| FingerprintOf::AllTables)
            }),
            ("query", "The rows of a statement.", |r| values::sql(r).map(FingerprintOf::Query)),
        ]);
        let exclude = m.opt("exclude", "Columns to leave out, as table.column.", |r| r.list(1, column));
        if m.has("query") {
            m.forbid(&["exclude"], "beside `query`", "leave the column out of the statement");
        }
        if let Some(FingerprintOf::Tables(tables)) = &of {
            if let Some(twice) = (1..tables.len()).find(|i| tables[..*i].contains(&tables[*i])) {
                m.error(
                    "tables",
                    format!("{} comes twice", words::quoted(&tables[twice])),
                    "name each table once",
                );
            }
            for column in exclude.iter().flatten() {
                let owner = column.rsplit_once('.').map_or("", |(table, _)| table);
                if !tables.iter().any(|table| table == owner) {
                    let message = format!("{} is not among the tables", words::quoted(owner));
                    m.error("exclude", message, words::suggest(owner, tables.iter().map(String::as_str)));
                }
            }
        }
        Some(Look::Fingerprint(of?, exclude.unwrap_or_default()))
    })
}

fn table(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "minLength": 1 }), "a table", |text| {
        if !text.is_empty() && text.trim() == text && !text.chars().any(|c| c.is_control() || c == ';') {
            return Ok(text.to_owned());
        }
        Err((
            format!("{} can't be a table", words::quoted(text)),
            "give its name as `orders` or `shop.orders`".to_owned(),
        ))
    })
}

fn column(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "pattern": "^.+\\..+$" }), "a column", |text| {
        match text.rsplit_once('.') {
            Some((table, column)) if !table.is_empty() && !column.is_empty() => Ok(text.to_owned()),
            _ => Err((
                format!("{} does not name a column", words::quoted(text)),
                "write it as table.column".to_owned(),
            )),
        }
    })
}

fn digest_word(r: &mut Reader<'_>) -> Option<Expect> {
    let word = r.word(&[("baseline", Some(())), ("source", None)])?;
    if r.describing() {
        return None;
    }
    if word.is_none() {
        r.error(
            "`source` is not available yet",
            "use `baseline`; `firedrill baseline` takes it on the source",
        );
    }
    word.map(|()| Expect::Fingerprint(FingerprintExpect::Baseline))
}

fn fingerprint_expect(r: &mut Reader<'_>) -> Option<FingerprintExpect> {
    r.forms(
        "`baseline` or { digest: … }",
        Some(|r| digest_word(r).map(|_| FingerprintExpect::Baseline)),
        None,
        Some(|r| {
            r.fields("the expected fingerprint", |m| {
                m.need("digest", DIGEST, digest).map(FingerprintExpect::Digest)
            })
        }),
    )
}

const DIGEST: &str = "A digest as `firedrill show` prints it.";

fn digest(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._/-]*:[0-9a-f]{16,}$" });
    r.parsed(schema, "a digest", |text| {
        let well = text.split_once(':').is_some_and(|(algorithm, hex)| {
            !algorithm.is_empty()
                && algorithm
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._/-".contains(&b))
                && hex.len() >= 16
                && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if well {
            return Ok(text.to_owned());
        }
        let help = match text.parse::<Digest>() {
            Ok(_) => "put the algorithm before it, as `firedrill show` prints it: fd1:0123…",
            Err(_) => "copy it from `firedrill show`: the algorithm, a colon, hexadecimal digits",
        };
        Err((format!("{} is not a digest", words::quoted(text)), help.to_owned()))
    })
}

/// Every expectation there is, where the kind of the check is not known.
fn any_expectation(r: &mut Reader<'_>) -> Option<Expect> {
    r.fields("an expectation", |m| {
        m.one_of(&[
            ("digest", DIGEST, |r| {
                digest(r).map(|text| Expect::Fingerprint(FingerprintExpect::Digest(text)))
            }),
            EQUALS_E,
            MIN_E,
            MAX_E,
            BETWEEN_E,
            MATCHES_E,
            ROWS_E,
        ])
    })
}

type Choice<T> = (&'static str, &'static str, crate::document::read::Read<T>);

const EQUALS: Choice<Expectation> =
    ("equals", "The one value equals this; `null` is a value.", |r| r.value().map(Expectation::Equals));
const MIN: Choice<Expectation> =
    ("min", "The one value is at least this.", |r| bound(r).map(Expectation::Min));
const MAX: Choice<Expectation> =
    ("max", "The one value is at most this.", |r| bound(r).map(Expectation::Max));
const BETWEEN: Choice<Expectation> =
    ("between", "The one value is between these two, both included.", between);
const MATCHES: Choice<Expectation> =
    ("matches", "The one value, as text, matches this regular expression.", |r| {
        values::regex(r).map(Expectation::Matches)
    });
const ROWS: Choice<Expectation> = ("rows", "So many rows come back: a number, or { min, max }.", rows);

const EQUALS_E: Choice<Expect> = (EQUALS.0, EQUALS.1, |r| (EQUALS.2)(r).map(Expect::Query));
const MIN_E: Choice<Expect> = (MIN.0, MIN.1, |r| (MIN.2)(r).map(Expect::Query));
const MAX_E: Choice<Expect> = (MAX.0, MAX.1, |r| (MAX.2)(r).map(Expect::Query));
const BETWEEN_E: Choice<Expect> = (BETWEEN.0, BETWEEN.1, |r| (BETWEEN.2)(r).map(Expect::Query));
const MATCHES_E: Choice<Expect> = (MATCHES.0, MATCHES.1, |r| (MATCHES.2)(r).map(Expect::Query));
const ROWS_E: Choice<Expect> = (ROWS.0, ROWS.1, |r| (ROWS.2)(r).map(Expect::Query));

fn expectation(r: &mut Reader<'_>) -> Option<Expectation> {
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

/// A step with one check, which is named by itself.
pub(super) fn one(
    subject: Subject,
    name: String,
    required: Option<bool>,
    timeout: Option<crate::time::Period>,
    kind: CheckKind,
) -> Verify {
    let check = Check { name, required: required.unwrap_or(true), timeout, kind };
    Verify { subject, checks: vec![check], parallel: 1 }
}

fn kubernetes(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("a kubernetes verification", |m| {
        let name = m.opt("name", "A name; `workloads ready` where left out.", values::words_of);
        let timeout = m.need("workloads_ready", "Every workload of a namespace is ready.", |r| {
            r.fields("`workloads_ready`", |m| {
                let namespace = m.need("namespace", "The namespace.", values::playbook_name);
                let timeout = m.opt("timeout", "How long to wait for it.", values::duration);
                namespace.map(|_| timeout)
            })
        });
        let required =
            m.opt("required", "Whether the verdict depends on it; true where left out.", values::boolean);
        let name = name.unwrap_or_else(|| "workloads ready".to_owned());
        Some(one(Subject::Kubernetes, name, required, timeout?, CheckKind::Kubernetes))
    })
}
