//! A definition for each object of a PostgreSQL database.
//!
//! Each statement below answers with names, definitions, and, for views, rules and bodies that are stored parsed, the text that the
//! server prints. Such a text goes into the definition as a digest of its one form over all versions.

use super::super::{hashed, normal, text};
use crate::{drill::Fault, server::Ask, verify::SchemaSnapshot};

const OBJECTS: [&str; 7] = [
    include_str!("sql/relations.sql"),
    include_str!("sql/columns.sql"),
    include_str!("sql/constraints.sql"),
    include_str!("sql/code.sql"),
    include_str!("sql/rules.sql"),
    include_str!("sql/types.sql"),
    include_str!("sql/others.sql"),
];
const GRANTS: &str = include_str!("sql/grants.sql");

pub(in crate::verify::catalog) async fn snapshot(
    ask: &mut dyn Ask,
    grants: bool,
) -> Result<SchemaSnapshot, Fault> {
    super::pin(ask).await?;
    let mut snapshot = SchemaSnapshot::default();
    for sql in OBJECTS.into_iter().chain(grants.then_some(GRANTS)) {
        for row in ask.rows(sql, &[]).await? {
            let mut definition = normal::expression(text(&row, 1));
            if let Some(body) = row.get(2).and_then(Option::as_deref) {
                let kept = if definition.is_empty() { "" } else { ", " };
                definition = format!("{definition}{kept}text {}", hashed(&normal::view(body)));
            }
            snapshot.objects.insert(text(&row, 0).to_owned(), definition);
        }
    }
    Ok(snapshot)
}
