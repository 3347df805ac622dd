//! Proof that the restored data is right.

pub mod http;

use serde::{Deserialize, Serialize};

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
    /// Sums per bucket of the key's hash, which locate rows that differ; empty where there is no key.
    pub buckets: String,
}
