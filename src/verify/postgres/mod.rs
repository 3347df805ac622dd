//! PostgreSQL 13 to 18: read-only sessions whose fingerprints are computed in the database.
//!
//! | | restored | live |
//! | --- | --- | --- |
//! | seen | one snapshot, exported to the connections that share the work | the same, or a snapshot that the playbook names |
//! | connections | 4 | 2, to spare production |
//!
//! Pinned for the session: time zone, date and interval styles, float digits, bytea and money output, search path, row
//! security off (hidden rows would be an error, never a silent omission), read-only and repeatable-read transaction.
//! Before the first fingerprint a probe makes sure that the server's hash functions are those that are known.
//!
//! A table is cut by ranges of its blocks (`ctid`, from version 14 on), and each connection takes the next range when it is done
//! with one. A dropped session cancels what its connections run.

mod columns;
mod probe;
mod query;
mod relations;
mod scan;
mod session;
mod target;
mod work;

pub(super) use session::{PostgresSession, Reading};
