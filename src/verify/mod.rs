//! Proof that the restored data is right.
//!
//! ```text
//!   Checks ─┬─> sql ─┬─> tables     fingerprints ──> difference, location (which rows), source (`expect: source`)
//!           │        ├─> whole      integrity, schema, sequences, references ──> catalog
//!           │        └─> answer     queries, freshness
//!           │              each against a Session: sqlite, or a server's
//!           └─> http (given by the composition root)
//!   fingerprint, cells, sketch, difference, answer, moment, value, statement: pure
//!   baseline: the same on the source.   `docs/fingerprints.md` has the algorithms.
//! ```

pub mod http;

mod answer;
mod base64;
mod baseline;
pub mod catalog;
mod cells;
mod decimal;
mod difference;
mod fingerprint;
mod location;
mod logins;
mod moment;
mod mysql;
mod postgres;
mod running;
mod sketch;
mod source;
mod sql;
mod sqlite;
mod statement;
mod tables;
mod targets;
mod value;
mod varint;
mod whole;
mod words;

pub use baseline::{
    BaselineOf, BaselineRequest, Baselines, LiveSource, Taken, WantedBaseline, take_baselines,
    wanted_baselines,
};
pub use fingerprint::ALGORITHM;
pub use logins::ScratchServers;
pub use sql::SqlVerifier;

use crate::{
    drill::{CheckOutcome, Fault, FaultClass},
    playbook::CheckKind,
    ports::{CheckRequest, Verifier},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// The fingerprint of a table or of a query's rows.
///
/// Two fingerprints can be compared only if `algorithm` and `columns` are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFingerprint {
    /// The table, or `query`.
    pub table: String,
    /// The versioned algorithm id, such as `fd1-xxh3-128`.
    pub algorithm: String,
    /// Columns in order: name and declared type.
    pub columns: Vec<(String, String)>,
    /// The columns of the primary key; empty where there is none.
    pub key: Vec<String>,
    /// How many rows.
    pub rows: u64,
    /// At least 128 bits, hexadecimal.
    pub digest: String,
    /// Sums per bucket of the key's hash, which locate rows that differ. Where there is no key, of the row's own hash.
    pub buckets: String,
    /// The condition that the rows fulfil, with the values that were bound; empty: all rows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// The rows left out since they changed after the recovery point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<ChangedRows>,
}

/// The rows that changed at or after the recovery point, as the source told when the baseline was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedRows {
    /// The column that told.
    pub column: String,
    /// 64 bits of a hash of each key, as the engine writes them, in order.
    pub keys: Vec<String>,
}

/// What a database is made of: a definition for each object, in words that do not depend on the server's version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SchemaSnapshot {
    /// By kind and name, such as `index shop.orders_pkey`; the definition, such as `unique btree (id)`.
    pub objects: std::collections::BTreeMap<String, String>,
}

/// Every check there is, each by the verifier of its kind.
#[derive(Clone)]
pub struct Checks {
    sql: SqlVerifier,
    http: Option<Arc<dyn Verifier>>,
}

impl Checks {
    /// With a verifier for HTTP checks, if this build has one.
    pub fn new(http: Option<Arc<dyn Verifier>>) -> Self {
        Self { sql: SqlVerifier::default(), http }
    }

    /// With the servers that dumps are restored on.
    #[must_use]
    pub fn with_servers(mut self, servers: ScratchServers) -> Self {
        self.sql = SqlVerifier::new(servers);
        self
    }

    /// With a place where passwords of managed databases come from.
    #[must_use]
    pub fn with_managed(mut self, managed: Arc<dyn crate::server::ManagedLogins>) -> Self {
        self.sql = self.sql.with_managed(managed);
        self
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("http", &self.http.is_some()).finish()
    }
}

#[async_trait]
impl Verifier for Checks {
    async fn check(&self, ask: &CheckRequest<'_>) -> Result<CheckOutcome, Fault> {
        let missing =
            |what: &str| Fault::new(FaultClass::Permanent, format!("this build has no verifier for {what}"));
        match (&ask.check.kind, &self.http) {
            (
                CheckKind::Integrity
                | CheckKind::Schema(_)
                | CheckKind::Sequences
                | CheckKind::References { .. }
                | CheckKind::Fingerprint(_)
                | CheckKind::Query { .. }
                | CheckKind::Freshness { .. },
                _,
            ) => self.sql.check(ask).await,
            (CheckKind::Http(_), Some(http)) => http.check(ask).await,
            (CheckKind::Http(_), None) => Err(missing("http")),
            (CheckKind::Kubernetes, _) => Err(missing("kubernetes")),
        }
    }
}
