//! Fingerprints of rows and of the schema, and what they must equal.

use super::{
    model::{FingerprintCheck, FingerprintExpect, FingerprintOf},
    template::Template,
    values,
};
use crate::{
    document::{
        read::{Fields, Reader},
        words,
    },
    ids::Digest,
};
use serde_json::json;
use std::collections::BTreeMap;

/// What only servers know is set aside under this word, for the look at the whole graph.
pub(super) const SERVERS_ONLY: &str = "for servers only";
/// `expect: source` is set aside under this word: the restore step must name a live database.
pub(super) const SOURCE: &str = "the source";

/// A fingerprint before its expectation is read.
pub(super) struct Print {
    of: FingerprintOf,
    exclude: Vec<String>,
    strong: bool,
    buckets: Option<u32>,
    conditions: BTreeMap<String, Template>,
    changed_since: BTreeMap<String, String>,
    redact_keys: bool,
}

impl Print {
    /// The check, if it can expect that; `m` is the check's.
    pub(super) fn expecting(
        self,
        m: &mut Fields<'_, '_>,
        expect: FingerprintExpect,
        allow_empty: bool,
    ) -> FingerprintCheck {
        if let FingerprintExpect::Digest(_) = expect {
            let several = match &self.of {
                FingerprintOf::Tables(tables) => tables.len() > 1,
                FingerprintOf::AllTables => true,
                FingerprintOf::Query(_) => false,
            };
            if several {
                let help = "make a check for each, or expect a baseline";
                m.error("expect", "one digest for several tables", help);
            }
            if !self.changed_since.is_empty() {
                m.error(
                    "expect",
                    "a digest does not tell which rows had changed",
                    "expect `baseline` or `source` beside `changed_since`",
                );
            }
        }
        FingerprintCheck {
            of: self.of,
            exclude: self.exclude,
            expect,
            allow_empty,
            strong: self.strong,
            buckets: self.buckets,
            conditions: self.conditions,
            changed_since: self.changed_since,
            redact_keys: self.redact_keys,
        }
    }
}

/// A fingerprint of rows.
pub(super) fn fingerprint(r: &mut Reader<'_>) -> Option<Print> {
    r.fields("a fingerprint", |m| {
        let of = m.one_of(&[
            ("tables", "These tables.", |r| r.list(1, table).map(FingerprintOf::Tables)),
            ("all_tables", "Every table that is not the engine's own.", |r| {
                values::only_true(r).map(|()| FingerprintOf::AllTables)
            }),
            ("query", "The rows of a statement.", |r| values::sql(r).map(FingerprintOf::Query)),
        ]);
        let listed = match &of {
            Some(FingerprintOf::Tables(tables)) => Some(tables.as_slice()),
            _ => None,
        };
        let exclude = m.opt("exclude", "Columns to leave out, as table.column.", |r| r.list(1, column));
        let conditions = m.opt(
            "where",
            "For each table a condition: only its rows are covered, here and in the baseline.",
            |r| {
                let example = "write { orders: \"created_at < {{ recovery_point.time }}\" }";
                by_table(r, listed, example, |_, r| values::condition(r))
            },
        );
        let changed_since = m.opt(
            "changed_since",
            "For each table the column that tells when a row last changed; rows that changed after the recovery \
             point are left out.",
            |r| by_table(r, listed, "write { orders: updated_at }", changing_column),
        );
        let strong =
            m.opt("strong", "SHA-256 for each row, against an adversary; not for SQLite.", values::boolean);
        let buckets = m.opt(
            "buckets",
            "Into how many sums the rows go, to name those that differ; 1024 where left out; not for SQLite.",
            buckets,
        );
        let redact =
            m.opt("redact", "Names rows that differ by the digest of their key.", |r| r.word(&[("keys", ())]));
        for key in ["strong", "buckets", "changed_since"] {
            m.note(key, SERVERS_ONLY);
        }
        if m.has("query") {
            m.forbid(&["exclude"], "beside `query`", "leave the column out of the statement");
            m.forbid(&["where", "changed_since"], "beside `query`", "write the condition into the statement");
        }
        if let Some(tables) = listed {
            if let Some(twice) = (1..tables.len()).find(|i| tables[..*i].contains(&tables[*i])) {
                let message = format!("{} comes twice", words::quoted(&tables[twice]));
                m.error("tables", message, "name each table once");
            }
            for column in exclude.iter().flatten() {
                let owner = column.rsplit_once('.').map_or("", |(table, _)| table);
                if let Some((message, help)) = stranger(owner, tables) {
                    m.error("exclude", message, help);
                }
            }
        }
        Some(Print {
            exclude: exclude.unwrap_or_default(),
            strong: strong.unwrap_or(false),
            buckets,
            conditions: conditions.unwrap_or_default(),
            changed_since: changed_since.unwrap_or_default(),
            redact_keys: redact.is_some(),
            of: of?,
        })
    })
}

/// What to say of a table that is not among those that are listed.
fn stranger(table: &str, tables: &[String]) -> Option<(String, String)> {
    let known = tables.iter().any(|listed| listed == table);
    let message = || format!("{} is not among the tables", words::quoted(table));
    (!known).then(|| (message(), words::suggest(table, tables.iter().map(String::as_str))))
}

/// A map from tables to something, such as `example`.
fn by_table<T>(
    r: &mut Reader<'_>,
    listed: Option<&[String]>,
    example: &str,
    f: impl Fn(&str, &mut Reader<'_>) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    if !r.is_map() && !r.describing() {
        r.error("expected a map from tables", example);
        return None;
    }
    let all = r.entries(|name, r| {
        let value = f(name, r);
        let fault = match listed {
            Some(tables) => stranger(name, tables),
            None => table_name(name).err(),
        };
        match fault {
            Some((message, help)) if !r.describing() => {
                let key = r.key();
                r.error_at(key, message, help);
                None
            }
            _ => value,
        }
    })?;
    if all.is_empty() {
        r.error("no table is named", format!("{example}, or leave the key out"));
        return None;
    }
    Some(all.into_iter().collect())
}

fn table(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "minLength": 1 }), "a table", table_name)
}

fn table_name(text: &str) -> Result<String, (String, String)> {
    if !text.is_empty() && text.trim() == text && !text.chars().any(|c| c.is_control() || c == ';') {
        return Ok(text.to_owned());
    }
    Err((
        format!("{} can't be a table", words::quoted(text)),
        "give its name as `orders` or `shop.orders`".to_owned(),
    ))
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

/// The column of that table that tells when a row last changed.
fn changing_column(table: &str, r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "minLength": 1 }), "a column", |text| {
        let own = text.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
        let help = match own.filter(|own| table_name(own).is_ok()) {
            Some(own) => format!("give the column alone: `{own}`"),
            None if table_name(text).is_ok() && !text.contains(['(', ' ']) => return Ok(text.to_owned()),
            None => "give the name of one column, such as `updated_at`".to_owned(),
        };
        Err((format!("{} is not a column", words::quoted(text)), help))
    })
}

const LEAST_BUCKETS: i64 = 64;
const MOST_BUCKETS: i64 = 65_536;

fn buckets(r: &mut Reader<'_>) -> Option<u32> {
    let count = r.integer(LEAST_BUCKETS, MOST_BUCKETS).and_then(|count| u32::try_from(count).ok());
    let powers = (6..=16).map(|exponent| 1u32 << exponent);
    r.also(json!({ "enum": powers.collect::<Vec<_>>() }));
    let count = count?;
    if count.is_power_of_two() {
        return Some(count);
    }
    let next = count.next_power_of_two();
    r.error(format!("{count} is not a power of two"), format!("use {} or {next}", next / 2));
    None
}

/// What of the schema is compared.
pub(super) fn schema(r: &mut Reader<'_>) -> Option<Vec<String>> {
    r.forms(
        "`true` or { exclude: [ … ] }",
        Some(|r| values::only_true(r).map(|()| Vec::new())),
        None,
        Some(|r| {
            r.fields("the schema", |m| {
                m.need("exclude", "Objects to leave out, as `table shop.tmp_*`.", |r| r.list(1, object))
            })
        }),
    )
}

/// A pattern of objects, by kind and name.
fn object(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "examples": ["table shop.tmp_*", "index *_tmp"] });
    r.parsed(schema, "an object", |text| {
        let pattern = text.trim();
        let message = || match pattern {
            "" => "an empty text names no object".to_owned(),
            _ => format!("{} names no object", words::quoted(text)),
        };
        if !pattern.is_empty() && pattern.chars().all(|c| c == '*' || c.is_whitespace()) {
            let help = "name what may differ, such as `table shop.tmp_*`".to_owned();
            return Err((format!("{} leaves nothing to compare", words::quoted(text)), help));
        }
        let kind = pattern.split_once(char::is_whitespace);
        if pattern == text && (kind.is_some() || pattern.starts_with('*')) {
            return Ok(text.to_owned());
        }
        let help = match pattern {
            "" => "write kind and name, such as `table shop.tmp_*`".to_owned(),
            name => format!("write kind and name, such as `table {}`", words::short(name)),
        };
        Err((message(), help))
    })
}

/// What a fingerprint must equal.
pub(super) fn fingerprint_expect(r: &mut Reader<'_>) -> Option<FingerprintExpect> {
    r.forms(
        "`baseline`, `source` or { digest: … }",
        Some(other_side),
        None,
        Some(|r| {
            r.fields("the expected fingerprint", |m| {
                m.need("digest", DIGEST, digest).map(FingerprintExpect::Digest)
            })
        }),
    )
}

/// The baseline or the source.
pub(super) fn other_side(r: &mut Reader<'_>) -> Option<FingerprintExpect> {
    let source = r.word(&[("baseline", false), ("source", true)])?;
    if !source {
        return Some(FingerprintExpect::Baseline);
    }
    r.note("source", SOURCE);
    Some(FingerprintExpect::Source)
}

/// What `digest` means.
pub(super) const DIGEST: &str = "A digest as `firedrill show` prints it.";

/// A digest with its algorithm.
pub(super) fn digest(r: &mut Reader<'_>) -> Option<String> {
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
