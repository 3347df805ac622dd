//! What differs between a baseline and a restored table, as far as their fingerprints alone can tell.

use super::{
    TableFingerprint,
    fingerprint::Key,
    sketch::Sketch,
    words::{counted, grouped, nearest},
};
use std::collections::BTreeMap;

/// How a restored table compares with its baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Columns, rows and digest are equal.
    Equal,
    /// They can't be compared; each difference in words.
    Shape(Vec<String>),
    /// Rows differ.
    Rows(RowDifference),
}

/// Which rows differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowDifference {
    /// All of them, by key, each with how many rows have it.
    Exact { changed: Vec<(Key, u64)>, lost: Vec<(Key, u64)>, extra: Vec<(Key, u64)> },
    /// So many that a sample was taken: about how many rows of the baseline are not here, about how many here are not
    /// in the baseline, and the keys in the sample.
    Sampled { gone: u64, new: u64, examples: Vec<Key> },
    /// More than any sample can tell, or the baseline holds no bucket sums.
    Unknown(&'static str),
}

/// Compares a restored table with its baseline.
pub(super) fn compare(baseline: &TableFingerprint, restored: &TableFingerprint) -> Comparison {
    let shape = shape(baseline, restored);
    if !shape.is_empty() {
        return Comparison::Shape(shape);
    }
    if baseline.rows == restored.rows && baseline.digest == restored.digest {
        return Comparison::Equal;
    }
    Comparison::Rows(rows(baseline, restored))
}

fn shape(baseline: &TableFingerprint, restored: &TableFingerprint) -> Vec<String> {
    let mut found = Vec::new();
    if baseline.algorithm != restored.algorithm {
        found.push(format!(
            "the baseline was taken with {}, this firedrill computes {}: take it anew",
            baseline.algorithm, restored.algorithm
        ));
    }
    let kind = |columns: &[(String, String)], name: &str| {
        columns.iter().find(|(other, _)| other == name).map(|(_, kind)| kind.clone())
    };
    for (name, was) in &baseline.columns {
        match kind(&restored.columns, name) {
            None => {
                let names = restored.columns.iter().map(|(name, _)| name.as_str());
                let hint =
                    nearest(name, names).map(|near| format!(" (there is `{near}`)")).unwrap_or_default();
                found.push(format!("column `{name}` is missing{hint}"));
            }
            Some(is) if is != *was => found.push(format!("column `{name}` was {was}, is {is}")),
            Some(_) => {}
        }
    }
    for (name, _) in &restored.columns {
        if kind(&baseline.columns, name).is_none() {
            found.push(format!("column `{name}` is not in the baseline"));
        }
    }
    if baseline.condition != restored.condition {
        found.push(format!(
            "the baseline covers {}, the check {}: take it anew",
            condition(&baseline.condition),
            condition(&restored.condition)
        ));
    }
    if found.is_empty() && baseline.columns != restored.columns {
        found.push("the columns are in another order".to_owned());
    }
    found
}

fn condition(text: &str) -> String {
    if text.is_empty() { "all rows".to_owned() } else { format!("rows where {text}") }
}

fn rows(baseline: &TableFingerprint, restored: &TableFingerprint) -> RowDifference {
    if baseline.key != restored.key {
        return RowDifference::Unknown("the primary key is not that of the baseline");
    }
    let (Ok(was), Ok(is)) = (Sketch::decode(&baseline.buckets), Sketch::decode(&restored.buckets)) else {
        return RowDifference::Unknown("the baseline holds no bucket sums that can be read");
    };
    let Some(difference) = was.difference(&is) else {
        return RowDifference::Unknown("too many rows differ to name any");
    };
    let mut keys: BTreeMap<Key, (u64, u64)> = BTreeMap::new();
    for (element, times) in &difference.elements {
        let (gone, new) = keys.entry(element.key).or_default();
        *(if *times > 0 { gone } else { new }) += times.unsigned_abs();
    }
    if keys.is_empty() {
        return RowDifference::Unknown("the bucket sums agree although the digests differ");
    }
    if difference.level > 0 {
        let scaled = |of: fn(&(u64, u64)) -> u64| keys.values().map(of).sum::<u64>() * difference.scale();
        return RowDifference::Sampled {
            gone: scaled(|(gone, _)| *gone),
            new: scaled(|(_, new)| *new),
            examples: keys.into_keys().collect(),
        };
    }
    let pick = |of: fn(u64, u64) -> u64| -> Vec<(Key, u64)> {
        let all = keys.iter().map(|(key, (gone, new))| (*key, of(*gone, *new)));
        all.filter(|(_, times)| *times > 0).collect()
    };
    RowDifference::Exact {
        changed: pick(u64::min),
        lost: pick(u64::saturating_sub),
        extra: pick(|gone, new| new.saturating_sub(gone)),
    }
}

/// How many keys are named in each list.
pub(super) const NAMED: usize = 20;

impl RowDifference {
    /// The keys that will be named, so that those which are known by their hash alone can be looked up.
    pub(super) fn hashed_keys(&self) -> Vec<Key> {
        let named: Vec<Key> = match self {
            RowDifference::Exact { changed, extra, .. } => {
                changed.iter().take(NAMED).chain(extra.iter().take(NAMED)).map(|(key, _)| *key).collect()
            }
            RowDifference::Sampled { examples, .. } => examples.iter().take(NAMED).copied().collect(),
            RowDifference::Unknown(_) => Vec::new(),
        };
        named.into_iter().filter(|key| matches!(key, Key::Hashed(_))).collect()
    }

    /// For a person, one line or two; `name` turns a key into words.
    pub(super) fn words(
        &self,
        baseline: &TableFingerprint,
        restored: &TableFingerprint,
        name: impl Fn(&Key) -> String,
    ) -> Vec<String> {
        let table = &baseline.table;
        let counts = match (baseline.rows, restored.rows) {
            (was, is) if was == is => format!("{} in both", counted(was, "row")),
            (was, is) => format!("{} in the baseline, {} here", counted(was, "row"), grouped(is)),
        };
        match self {
            RowDifference::Exact { changed, lost, extra } => {
                let lists = [("changed", changed), ("lost", lost), ("extra", extra)];
                let total = lists.iter().flat_map(|(_, keys)| *keys).map(|(_, times)| times).sum();
                let parts: Vec<String> = lists
                    .iter()
                    .filter(|(_, keys)| !keys.is_empty())
                    .map(|(word, keys)| format!("{word} {}", list(keys, &name)))
                    .collect();
                vec![format!(
                    "{table}: {} {} ({counts}): {}",
                    counted(total, "row"),
                    if total == 1 { "differs" } else { "differ" },
                    parts.join("; ")
                )]
            }
            RowDifference::Sampled { gone, new, examples } => {
                let keys: Vec<(Key, u64)> = examples.iter().take(NAMED).map(|key| (*key, 1)).collect();
                vec![
                    format!(
                        "{table}: very many rows differ ({counts}): about {} of the baseline changed or lost, about {} here \
                         changed or extra (estimated from a sample)",
                        grouped(*gone),
                        grouped(*new)
                    ),
                    format!("{table}: among the rows that differ: {}", list(&keys, &name)),
                ]
            }
            RowDifference::Unknown(why) => vec![format!("{table}: rows differ ({counts}); {why}")],
        }
    }
}

fn list(keys: &[(Key, u64)], name: &impl Fn(&Key) -> String) -> String {
    let mut words: Vec<String> = keys
        .iter()
        .take(NAMED)
        .map(|(key, times)| match times {
            1 => name(key),
            times => format!("{} ({times} times)", name(key)),
        })
        .collect();
    let rest = keys.len().saturating_sub(NAMED);
    if rest > 0 {
        words.push(format!("and {rest} more"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::fingerprint::{RowBytes, Tally};

    fn table(rows: &[(i64, &str)]) -> TableFingerprint {
        let mut tally = Tally::default();
        for (id, name) in rows {
            let mut bytes = RowBytes::default();
            bytes.integer(*id);
            bytes.text(name.as_bytes());
            tally.add(bytes.row_hash(), Key::Integer(*id));
        }
        let columns = vec![("id".into(), "INTEGER".into()), ("name".into(), "TEXT".into())];
        tally.finish("orders", columns, vec!["id".into()])
    }

    fn words(was: &TableFingerprint, is: &TableFingerprint) -> Vec<String> {
        let name = |key: &Key| match key {
            Key::Integer(id) => format!("id={id}"),
            Key::Hashed(hash) => format!("#{hash}"),
        };
        match compare(was, is) {
            Comparison::Equal => Vec::new(),
            Comparison::Shape(found) => found,
            Comparison::Rows(difference) => difference.words(was, is, name),
        }
    }

    #[test]
    fn equal_tables_are_equal() {
        assert_eq!(compare(&table(&[(1, "a"), (2, "b")]), &table(&[(2, "b"), (1, "a")])), Comparison::Equal);
    }

    #[test]
    fn changed_lost_and_extra_rows_are_named() {
        let was = table(&[(1, "a"), (2, "b"), (99, "c")]);
        let is = table(&[(1, "a"), (2, "B"), (100, "d"), (101, "e")]);
        assert_eq!(
            words(&was, &is),
            [
                "orders: 4 rows differ (3 rows in the baseline, 4 here): changed id=2; lost id=99; extra id=100, id=101"
            ]
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<(i64, &str)> = (0..50).map(|id| (id, "x")).collect();
        let text = words(&table(&many), &table(&[])).concat();
        assert!(text.contains("50 rows differ (50 rows in the baseline, 0 here)"), "{text}");
        assert!(text.ends_with("id=19, and 30 more"), "{text}");
    }

    #[test]
    fn floods_are_estimated() {
        let was: Vec<(i64, &str)> = (0..20_000).map(|id| (id, "x")).collect();
        let is: Vec<(i64, &str)> = (0..20_000).map(|id| (id, "y")).collect();
        let text = words(&table(&was), &table(&is));
        assert!(text[0].contains("very many rows differ (20,000 rows in both)"), "{text:?}");
        assert!(text[1].starts_with("orders: among the rows that differ: id="), "{text:?}");
    }

    #[test]
    fn other_columns_are_told_in_words() {
        let was = table(&[(1, "a")]);
        let mut is = was.clone();
        is.columns = vec![("id".into(), "TEXT".into()), ("names".into(), "TEXT".into())];
        assert_eq!(
            words(&was, &is),
            [
                "column `id` was INTEGER, is TEXT",
                "column `name` is missing (there is `names`)",
                "column `names` is not in the baseline"
            ]
        );
        is.columns = was.columns.iter().rev().cloned().collect();
        assert_eq!(words(&was, &is), ["the columns are in another order"]);
        is.algorithm = "fd2-x".into();
        assert!(words(&is, &was)[0].contains("take it anew"));
    }

    #[test]
    fn a_baseline_without_sums_still_fails_the_comparison() {
        let mut was = table(&[(1, "a")]);
        was.buckets.clear();
        assert_eq!(
            words(&was, &table(&[(1, "b")])),
            ["orders: rows differ (1 row in both); the baseline holds no bucket sums that can be read"]
        );
    }
}
