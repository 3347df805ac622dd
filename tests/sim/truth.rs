//! What really happened, written down by the doubles, independently of the journal.

use firedrill::ids::{ClaimId, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// Times are true milliseconds since the simulation began.
#[derive(Debug, Default)]
pub struct Truth {
    /// When the run's first entry was stored.
    pub declared: Option<u64>,
    /// Checks that really ran on the restored data and found it right; commands that really ended well.
    pub proven: Vec<Proven>,
    /// When a claim was first told to be ready.
    pub said_ready: BTreeMap<ClaimId, u64>,
    /// Approvals that a person really gave.
    pub approved: BTreeSet<StepId>,
    /// When a person answered a question that had been asked.
    pub answered: BTreeMap<StepId, u64>,
    /// A person really asked for an abort.
    pub abort_asked: bool,
    /// How often a claim's resource was made, requests that landed late left out.
    pub made: BTreeMap<ClaimId, u32>,
    /// Any resource was made for the run at all.
    pub anything_made: bool,
    /// Claims whose removal was answered with a fault that does not pass.
    pub no_removal: BTreeSet<ClaimId>,
    /// How often a process died or stopped.
    pub deaths: u32,
}

#[derive(Debug)]
pub struct Proven {
    pub step: StepId,
    pub check: String,
    /// The true time.
    pub at: u64,
    /// The step's attempt that was under way.
    pub attempt: u32,
}
