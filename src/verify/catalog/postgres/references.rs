//! Whether each foreign key finds its row, by an anti-join in the database.
//!
//! | | a row is an orphan if |
//! | --- | --- |
//! | MATCH SIMPLE | none of its columns is NULL and no row of the parent equals them |
//! | MATCH FULL | not all of them are NULL and no row of the parent equals them |
//! | PERIOD (18) | none is NULL and the periods of the parent's rows do not cover its own |
//!
//! The equality is the one that the constraint names. As the server itself does, inheriting tables are not looked into, partitions are.

use super::super::{
    Findings, Progress, number, text,
    words::{COUNTED, LISTED, first, named, orphans},
};
use crate::{drill::Fault, server::Ask, verify::words::counted};

const REFERENCES: &str = include_str!("sql/references.sql");

/// A foreign key, as pieces of a statement.
struct Reference<'a> {
    child: &'a str,
    constraint: &'a str,
    parent: &'a str,
    from_child: &'a str,
    from_parent: &'a str,
    present: &'a str,
    joined: &'a str,
    /// An expression for the child's key, in words; empty: it has none.
    key: &'a str,
    key_order: &'a str,
    state: &'a str,
}

pub(in crate::verify::catalog) async fn check(
    ask: &mut dyn Ask,
    redact: bool,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    super::pin(ask).await?;
    let rows = ask.rows(REFERENCES, &[]).await?;
    let total = rows.len() as u64;
    let mut found = Findings::default();
    let mut broken = Vec::new();
    for (done, row) in rows.iter().enumerate() {
        progress(done as u64, Some(total));
        let reference = Reference {
            child: text(row, 0),
            constraint: text(row, 1),
            parent: text(row, 2),
            from_child: text(row, 3),
            from_parent: text(row, 4),
            present: text(row, 5),
            joined: text(row, 6),
            key: text(row, 7),
            key_order: text(row, 8),
            state: text(row, 9),
        };
        let answer = ask.rows(&reference.count(), &[]).await?;
        let count = answer.first().map_or(0, |row| number(row, 0));
        found.looked_at += 1;
        if count == 0 {
            continue;
        }
        let mut keys = Vec::new();
        if !redact && !reference.key.is_empty() {
            let rows = ask.rows(&reference.name(), &[]).await?;
            keys = rows.iter().map(|row| text(row, 0).to_owned()).collect();
        }
        broken.push(reference.words(count, &keys));
    }
    progress(total, Some(total));
    found.problems = first(broken, "foreign keys with rows that are not there");
    found.words = match total {
        0 => "no foreign key".to_owned(),
        total => format!("{}, each row of its table", counted(total, "foreign key")),
    };
    Ok(found)
}

impl Reference<'_> {
    fn orphans(&self) -> String {
        let Reference { from_child, from_parent, present, joined, .. } = self;
        format!(
            "from {from_child} c where ({present}) and not exists (select from {from_parent} p where {joined})"
        )
    }

    fn count(&self) -> String {
        format!("select count(*)::text from (select {} limit {}) o", self.orphans(), COUNTED + 1)
    }

    fn name(&self) -> String {
        format!("select {} {} order by {} limit {LISTED}", self.key, self.orphans(), self.key_order)
    }

    fn words(&self, count: u64, keys: &[String]) -> String {
        let Reference { child, constraint, parent, state, .. } = self;
        let refer = orphans(count, &format!("rows of {parent} that are not there"));
        format!("{child}: {refer} (foreign key {constraint}{state}){}", named(keys, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_rows_or_only_counts_them() {
        let reference = Reference {
            child: "shop.order_lines",
            constraint: "lines_fkey",
            parent: "shop.orders",
            from_child: "only shop.order_lines",
            from_parent: "only shop.orders",
            present: "c.order_id is not null",
            joined: "p.id operator(pg_catalog.=) c.order_id",
            key: "'id=' || c.id::text",
            key_order: "c.id",
            state: " (not validated)",
        };
        assert_eq!(
            reference.words(12, &["id=1".into(), "id=2".into()]),
            "shop.order_lines: 12 rows refer to rows of shop.orders that are not there (foreign key lines_fkey (not validated)): id=1; id=2; and 10 more"
        );
        assert_eq!(
            reference.words(1, &[]),
            "shop.order_lines: 1 row refers to rows of shop.orders that are not there (foreign key lines_fkey (not validated))"
        );
        assert!(reference.words(1_000_001, &[]).contains("more than 1,000,000 rows refer"));
    }
}
