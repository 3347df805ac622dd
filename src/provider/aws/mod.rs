//! Restores from backups that AWS keeps, into an account and region that the operator allows.
//!
//! ```text
//!  Rds (a provider a source) ──> Cloud ──> Connection: whose account it is was asked of STS     reads
//!        │                          └────> Scratch: … and the operator allows it now            reads and changes
//!        ├─ tags     whose a resource is: put on by the call that makes it, proven before one that removes it
//!        ├─ poller   one listing for all claims, runs and steps of an account and region
//!        └─ errors   what AWS says, as a fault with what to do
//! ```

mod client;
mod errors;
mod identity;
mod poller;
mod rds;
mod tags;

pub use client::Cloud;
pub use rds::{Rds, RdsLogins};
