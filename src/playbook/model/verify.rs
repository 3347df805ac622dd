//! Verify steps: what is looked at, and which checks are made.

use super::EnvValue;
use crate::{
    ids::StepId,
    playbook::{servers::Tls, template::Template},
    time::Period,
};
use std::{collections::BTreeMap, path::PathBuf};

/// A verify step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verify {
    /// What is looked at.
    pub subject: Subject,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// How many run at the same time.
    pub parallel: u32,
}

/// What a verify step looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A restored database.
    Database(DatabaseSubject),
    /// An HTTP endpoint.
    Http,
    /// Kubernetes objects; this build has no verifier for them, so a run is refused.
    Kubernetes,
}

/// A restored database and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseSubject {
    /// The restore step that gives it.
    pub step: StepId,
    /// The database on the server; the restored one where absent; unused for SQLite.
    pub name: Option<String>,
    /// The user; the one who restored where absent; unused for SQLite.
    pub user: Option<String>,
    /// Where the password comes from; that of the restore where absent; unused for SQLite.
    pub password: Option<Password>,
    /// How the connection is secured; as the restore step says where absent.
    pub tls: Option<Tls>,
    /// The file with the certificates of the authorities to trust.
    pub ca: Option<PathBuf>,
}

/// Where a password comes from. It lives in memory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// Set anew on the scratch instance.
    Reset,
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
    /// An AWS Secrets Manager ARN.
    SecretsManager(String),
    /// An IAM token.
    Iam,
}

/// One check of a verify step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Check {
    /// Unique within the step.
    pub name: String,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// The statement's timeout; firedrill's default where absent.
    pub timeout: Option<Period>,
    /// What is checked.
    pub kind: CheckKind,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// The database's own integrity check.
    Integrity,
    /// Tables, columns, types, constraints, indexes, functions, triggers, extensions and grants equal those of the source.
    Schema(SchemaCheck),
    /// Every sequence, identity and AUTO_INCREMENT is beyond the largest value in its column.
    Sequences,
    /// Every foreign key finds its row, by an anti-join; NOT VALID and unenforced ones too.
    References {
        /// Rows that refer to nothing are counted, and their keys not named.
        redact_keys: bool,
    },
    /// The fingerprint of tables or of a query.
    Fingerprint(FingerprintCheck),
    /// A query's answer.
    Query {
        /// The statement, its references bound as parameters.
        sql: Template,
        /// What its answer must be.
        expect: Expectation,
        /// Whether no row at all is fine.
        allow_empty: bool,
    },
    /// The newest moment in the data: counts for the recovery point actual.
    Freshness {
        /// Gives one moment.
        sql: Template,
        /// Older than this before the declaration: the check fails. Where absent, it measures only.
        max_age: Option<Period>,
    },
    /// An HTTP request.
    Http(HttpCheck),
    /// Workloads ready; not in this build.
    Kubernetes,
}

/// The fingerprint of tables or of a query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FingerprintCheck {
    /// Of what.
    pub of: FingerprintOf,
    /// Columns to leave out, per `table.column`.
    pub exclude: Vec<String>,
    /// What it must equal.
    pub expect: FingerprintExpect,
    /// Whether a table without rows is fine.
    pub allow_empty: bool,
    /// SHA-256 for each row: for those who want collision resistance against an adversary. Servers only.
    pub strong: bool,
    /// Into how many buckets rows are summed to name those that differ: a power of two from 64 to 65,536; 1,024 where absent.
    /// Servers only.
    pub buckets: Option<u32>,
    /// Conditions, per table, for data that is closed or only appended to: the baseline and the check cover the rows for
    /// which they hold. References are bound as parameters.
    pub conditions: BTreeMap<String, Template>,
    /// A column, per table, that tells when a row last changed. The baseline notes the keys of rows that changed at
    /// or after the recovery point; those rows, and no others, are left out on both sides.
    pub changed_since: BTreeMap<String, String>,
    /// Name rows that differ by the digest of their key.
    pub redact_keys: bool,
}

/// The schema of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaCheck {
    /// What it must equal.
    pub expect: FingerprintExpect,
    /// Names of objects to leave out, such as `table shop.tmp_*`; `*` stands for anything.
    pub exclude: Vec<String>,
}

/// Of what a fingerprint is taken.
#[derive(Debug, Clone, PartialEq)]
pub enum FingerprintOf {
    /// Named tables.
    Tables(Vec<String>),
    /// Every table that is not the engine's own.
    AllTables,
    /// The rows of a query.
    Query(Template),
}

/// What a fingerprint must equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FingerprintExpect {
    /// The baseline stored for the recovery point.
    Baseline,
    /// The source itself, read at the same time: exact rows and columns that differ are named.
    Source,
    /// A digest written down, as `firedrill show` prints it: for a query or a single table.
    Digest(String),
}

/// What a query's answer must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// The one value equals this. `null` is a value.
    Equals(serde_json::Value),
    /// The one value is at least this.
    Min(Number),
    /// The one value is at most this.
    Max(Number),
    /// The one value is between these, both included.
    Between(Number, Number),
    /// The one value, as text, matches this regular expression (known to compile).
    Matches(String),
    /// So many rows come back.
    Rows(RowCount),
}

/// How many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCount {
    /// At least.
    pub min: Option<u64>,
    /// At most.
    pub max: Option<u64>,
}

/// A number as written, compared without loss: integers as integers, others as reals or decimals; or a text
/// that orders as text (dates).
pub type Number = serde_json::Value;

/// An HTTP request and what must come back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HttpCheck {
    /// Where.
    pub url: Template,
    /// `GET` where absent.
    pub method: String,
    /// Headers; values may be secrets from the environment or a file.
    pub headers: BTreeMap<String, EnvValue>,
    /// A body to send.
    pub body: Option<Template>,
    /// The status that must come back.
    pub status: u16,
    /// A regular expression that the body must match (known to compile).
    pub body_matches: Option<String>,
    /// Ask again until it fits, for this long: services start slowly.
    pub within: Option<Period>,
}
