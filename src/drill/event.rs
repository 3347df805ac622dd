//! What can happen in a run. The list of a run's events is the only truth about it.
//!
//! Everything else (status, timings, verdict, reports, resumption) is folded from these. Progress ticks are
//! not events: they would drown the evidence. No event carries a secret or a row of data.

use super::{
    Candidate, CheckOutcome, Claim, Declaration, Fault, Hydration, Link, Outputs, RecoveryPoint, Teardown,
    Verdict,
};
use crate::{
    ids::{ClaimId, StepId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// An event at its place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, … within the run.
    pub seq: u64,
    /// When; never before the entry before it.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The disaster is declared: the clock of the recovery time starts.
    Declared(Box<Declaration>),
    /// Another process took the run up. What was in flight before was interrupted.
    Resumed {
        /// User and host.
        by: String,
        /// firedrill's version.
        version: String,
    },
    /// The wall clock was set, or the machine slept. Times in the journal did not go back.
    ClockStepped {
        /// By how many milliseconds; negative: it was set back.
        millis: i64,
    },
    /// The guardrails and the preflight found nothing against the run.
    Cleared {
        /// What was looked at and found, for the evidence.
        facts: Vec<String>,
    },
    /// A guardrail or the preflight said no. Nothing was created.
    Refused {
        /// Each with what to do.
        reasons: Vec<String>,
        /// The surroundings (credentials, network, disk) failed, rather than a rule saying no.
        surroundings: bool,
    },
    /// An attempt at a step began.
    StepStarted {
        /// The step.
        step: StepId,
        /// 1, 2, 3, …
        attempt: u32,
    },
    /// The recovery point was chosen, and the chain of claims that restores it laid down.
    PointChosen {
        /// The step.
        step: StepId,
        /// Its attempt.
        attempt: u32,
        /// The one chosen.
        point: RecoveryPoint,
        /// What there was to choose from, newest first, at most [`MAX_CONSIDERED`].
        considered: Vec<Candidate>,
        /// How many there were.
        considered_total: u64,
        /// Why this one.
        because: String,
        /// The links of the chain, in the order of acquisition.
        chain: Vec<Link>,
    },
    /// The intent to acquire: from here on the run owes its removal.
    ClaimIntended {
        /// What will be acquired.
        claim: Claim,
    },
    /// The provider took the request.
    ClaimAcquired {
        /// Which.
        claim: ClaimId,
        /// Request ids and the like.
        receipts: Vec<String>,
    },
    /// An attempt to acquire failed; whether anything was made is not known.
    AcquireFailed {
        /// Which.
        claim: ClaimId,
        /// How often it was tried by now.
        tries: u32,
        /// Why.
        fault: Fault,
        /// When it is tried again; if not, the step's attempt fails.
        retry_at: Option<Timestamp>,
    },
    /// The claim was observed ready.
    ClaimReady {
        /// Which.
        claim: ClaimId,
        /// What it gives.
        outputs: Outputs,
        /// Whether all of the storage is loaded.
        hydration: Hydration,
    },
    /// The claim was observed broken.
    ClaimBroken {
        /// Which.
        claim: ClaimId,
        /// What the provider said.
        reason: String,
    },
    /// The storage of a ready claim was observed loaded in full.
    ClaimHydrated {
        /// Which.
        claim: ClaimId,
    },
    /// A check ended.
    CheckFinished {
        /// The step.
        step: StepId,
        /// Its attempt.
        attempt: u32,
        /// The check's name.
        check: String,
        /// How.
        outcome: CheckOutcome,
    },
    /// A step is done.
    StepSucceeded {
        /// The step.
        step: StepId,
        /// What it gives.
        outputs: Outputs,
    },
    /// An attempt at a step failed.
    AttemptFailed {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// Why.
        fault: Fault,
        /// When the next begins (not before its claims are gone); if none, the step has failed.
        retry_at: Option<Timestamp>,
    },
    /// A step never started, since a step that it needs did not succeed or the run was stopped.
    StepSkipped {
        /// The step.
        step: StepId,
        /// Why.
        because: String,
    },
    /// A person is asked.
    ApprovalRequested {
        /// The step.
        step: StepId,
        /// The question.
        question: String,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// A person answered.
    ApprovalAnswered {
        /// The step.
        step: StepId,
        /// Yes or no.
        approved: bool,
        /// Who.
        by: String,
        /// What they said beside it.
        note: Option<String>,
    },
    /// A person or the service wants the run stopped.
    AbortRequested {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// What was restored is kept for a person to look at.
    KeptUntil {
        /// The hard end.
        until: Timestamp,
    },
    /// From here on everything is removed.
    TeardownBegan {
        /// Why now.
        reason: TeardownReason,
    },
    /// The intent to remove.
    ReleaseIntended {
        /// Which.
        claim: ClaimId,
        /// 1, 2, 3, …
        tries: u32,
    },
    /// The provider took the request to remove.
    ReleaseAccepted {
        /// Which.
        claim: ClaimId,
        /// Request ids and the like.
        receipts: Vec<String>,
    },
    /// A request to remove failed.
    ReleaseFailed {
        /// Which.
        claim: ClaimId,
        /// How often it was tried by now.
        tries: u32,
        /// Why.
        fault: Fault,
        /// When it is tried again; if not, the claim is leaked.
        retry_at: Option<Timestamp>,
    },
    /// The claim was observed absent.
    ClaimRemoved {
        /// Which.
        claim: ClaimId,
        /// What was looked at to know.
        proof: String,
    },
    /// The claim may still be there, and the run gives up on it.
    ClaimLeaked {
        /// Which.
        claim: ClaimId,
        /// Why, and how to remove it by hand.
        reason: String,
    },
    /// The run is over.
    Finished {
        /// What it proved.
        verdict: Verdict,
        /// What it left.
        teardown: Teardown,
        /// In words, the worst first.
        reasons: Vec<String>,
    },
}

/// How many candidates a [`Event::PointChosen`] lists at most.
pub const MAX_CONSIDERED: usize = 20;

/// Why teardown began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeardownReason {
    /// Every step is settled.
    Completed,
    /// The run took longer than `max_duration`.
    MaxDuration,
    /// A person or the service wanted it stopped.
    Aborted,
    /// The time for which a failed run was kept is over.
    KeepEnded,
}
