//! Scratch databases on MySQL and MariaDB, and what restores a dump into one.

pub(super) mod claims;
pub(super) mod databases;
pub(super) mod preflight;
pub(super) mod restore;

/// A name as an identifier in SQL.
fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
