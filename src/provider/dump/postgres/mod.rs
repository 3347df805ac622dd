//! Scratch databases and roles on PostgreSQL, and what restores a dump into one.

pub(super) mod claims;
pub(super) mod databases;
pub(super) mod plan;
pub(super) mod preflight;
pub(super) mod restore;
pub(super) mod roles;

/// A name as an identifier in SQL.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal in SQL, whatever `standard_conforming_strings` is.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}
