//! What a server's catalog can prove: storage, schema, sequences, references.
//!
//! ```text
//!   a connection (Ask) ──┬─> integrity    the engine's own check of each table and index ──> Findings
//!                        ├─> sequences    where each stands, against the largest value it gave ──> Findings
//!                        ├─> references   each foreign key by an anti-join ──> Findings
//!                        └─> snapshot     a definition for each object ──> SchemaSnapshot
//!                                             names, compare: without (exclude), compare, digest     pure
//! ```
//! For PostgreSQL 13 to 18, MySQL 8 and later, MariaDB 10.6 and later. The session is to be the check's own: what the answers depend
//! on (search path, zone, formats, SQL mode) is pinned and stays so, and MySQL's CHECK TABLE ends a transaction. Nothing is written,
//! but for an extension that the caller allows, in a transaction that is rolled back.
//!
//! A snapshot is in words that are the same whatever the server's version: the same dump restored to each gives the same
//! snapshot. Extensions come in a version of their server, and say so. Between MySQL and MariaDB what is one in both is the same;
//! an expression that one of them writes in words of its own differs, and is shown. What a snapshot does not cover:
//!
//! - PostgreSQL: comments, security labels, publications, subscriptions, tablespaces, large objects, settings of the database
//!   and of roles, roles themselves and who is a member of which, options of user mappings, the database's own collation and
//!   grants, what everybody may do in the schema `public` and who owns it (defaults that changed with 15), who owns collations,
//!   statistics, text search objects, operator classes and extensions, names of NOT NULL constraints, statistics targets of
//!   index columns, the order of columns that inherit, whether an index is valid (that is integrity's).
//! - MySQL and MariaDB: comments, row formats and other options of storage, parsers of full-text indexes, the database's own
//!   character set, statistics, accounts themselves, roles, global and routine grants, resource groups.

mod compare;
mod mysql;
mod names;
mod normal;
mod postgres;
mod words;

pub use compare::{compare, digest};
pub use names::{OWNERS_AND_GRANTS, without};

use super::{SchemaSnapshot, sql::Integrity};
use crate::{drill::Fault, playbook::ServerEngine, server::Ask};
use sha2::{Digest as _, Sha256};

/// firedrill's own table, which is not part of anybody's database.
const OWN_TABLE: &str = "_firedrill";
/// Begins the name of what stands for objects that the server does not show to this user.
pub const HIDDEN: &str = "every hidden ";

/// What a look at the catalog found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// How many objects were looked at; where none, nothing was proven.
    pub looked_at: u64,
    /// What was looked at, in words.
    pub words: String,
    /// What is wrong, the worst first; empty: nothing.
    pub problems: Vec<String>,
    /// What could not be looked at, or should be known.
    pub notes: Vec<String>,
}

impl From<Findings> for Integrity {
    fn from(found: Findings) -> Self {
        Self { looked_at: found.words, problems: found.problems, notes: found.notes }
    }
}

/// Told how many objects were looked at, and of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// The engine's own check of its storage and indexes, and of what the catalog says about them.
///
/// `allow_create`: where PostgreSQL's `amcheck` is not in the database, it is created in a transaction that is rolled back.
/// Only for a database that is firedrill's own to change.
pub async fn integrity(
    ask: &mut dyn Ask,
    engine: ServerEngine,
    allow_create: bool,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    match engine {
        ServerEngine::Postgres => postgres::integrity::check(ask, allow_create, progress).await,
        ServerEngine::Mysql => mysql::integrity::check(ask, progress).await,
    }
}

/// A definition for each object of the database, but for the excluded ones.
///
/// `grants`: owners and grants too. A dump that is restored without them, and any dump of MySQL's, is compared without.
pub async fn snapshot(
    ask: &mut dyn Ask,
    engine: ServerEngine,
    grants: bool,
    exclude: &[String],
) -> Result<SchemaSnapshot, Fault> {
    let all = match engine {
        ServerEngine::Postgres => postgres::schema::snapshot(ask, grants).await?,
        ServerEngine::Mysql => mysql::schema::snapshot(ask, grants).await?,
    };
    Ok(without(&all, exclude))
}

/// Whether each sequence, identity and AUTO_INCREMENT is beyond the largest value in its column.
pub async fn sequences(
    ask: &mut dyn Ask,
    engine: ServerEngine,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    match engine {
        ServerEngine::Postgres => postgres::sequences::check(ask, progress).await,
        ServerEngine::Mysql => mysql::sequences::check(ask, progress).await,
    }
}

/// Whether each foreign key finds its row, those too that the server does not enforce.
///
/// `redact`: rows are counted, their keys are not named.
pub async fn references(
    ask: &mut dyn Ask,
    engine: ServerEngine,
    redact: bool,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    match engine {
        ServerEngine::Postgres => postgres::references::check(ask, redact, progress).await,
        ServerEngine::Mysql => mysql::references::check(ask, redact, progress).await,
    }
}

/// 128 bits of a text's SHA-256, as definitions hold them.
fn hashed(text: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text.as_bytes())[..16]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a column that is never NULL.
fn text(row: &[Option<String>], column: usize) -> &str {
    row.get(column).and_then(Option::as_deref).unwrap_or_default()
}

/// A column that holds a number.
fn number(row: &[Option<String>], column: usize) -> u64 {
    text(row, column).parse().unwrap_or(0)
}

/// A column that holds `true` or `t` or `1`.
fn yes(row: &[Option<String>], column: usize) -> bool {
    matches!(text(row, column), "true" | "t" | "1" | "YES")
}
