//! The append-only list of events of each run, in SQLite.
//!
//! ```text
//! playbooks ‹── runs ‹──┬── events         what happened; chained by digests (chain)
//! digest, text  run     ├── requests       what people ask of a run (requests)
//!               digest  ├── leases         who may write, by which token (lease, holder)
//!               folder  └── run_summaries  a projection for listings (projection, listing)
//! baselines     fingerprints of sources (baselines)
//! deletions     what sweeps removed; chained too (deletions)
//! builds        which firedrill made which version of the schema (open)
//! ```
//!
//! | rule | kept by |
//! | --- | --- |
//! | events, playbooks, runs, requests, baselines and deletions are added to, never changed or deleted | triggers |
//! | an event comes right after the last, names its digest, and carries the token of the lease | triggers |
//! | entries are written all or none, with the projection, in one transaction that begins with the write lock | `writer` |
//! | a writer whose lease was taken over, or who believes another number of entries, is refused | `sqlite` |
//! | what is read was verified: each digest, each place, and the end against the projection | `chain` |
//! | a committed entry survives the loss of power | WAL with `synchronous = FULL` |
//! | a file of another program or a newer firedrill is refused and not changed | `open` |
//!
//! The journal expects a local file system: write-ahead logging shares memory between the processes of one
//! machine. What is not guaranteed: someone who may write to the file can write another history in it, digests
//! and all. Against that, keep the head of a run elsewhere; see [`chain`].
//!
//! `fence` (the token that an event was written with) says which holder wrote it. It is no evidence and no part
//! of the digest; it is only checked never to shrink and never to be larger than the lease's.

mod audit;
mod baselines;
pub mod chain;
mod deletions;
mod holder;
mod lease;
mod listing;
mod open;
mod place;
mod projection;
mod requests;
mod sqlite;
mod writer;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use audit::{Audit, Rebuilt, RunAudit};
pub use baselines::BaselineRow;
pub use chain::Chained;
pub use deletions::{Deletion, DeletionRow};
pub use listing::{RunFilter, RunRow, RunStatus};
pub use open::{APPLICATION_ID, DATABASE, Mode};
pub use sqlite::SqliteJournal;
