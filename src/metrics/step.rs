//! What a summary says of one step: attempts, checks, recovery point, approval, and where its time went.

use super::{Answer, AttemptOutcome, CheckResult, Interval, Milestones, PhaseKind, StepStanding};
use crate::{
    drill::{Fault, FaultClass, Outputs},
    ids::StepId,
    playbook::SourceKind,
    time::{Period, Timestamp},
};
use serde::Serialize;

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSummary {
    /// Its name.
    pub id: StepId,
    /// `restore`, `verify`, `approve` or `run`.
    pub kind: &'static str,
    /// Restored by which kind of source.
    pub source: Option<SourceKind>,
    /// What must have succeeded before.
    pub needs: Vec<StepId>,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// Whether it counts for the recovery point actual.
    pub counts_for_rpo: bool,
    /// Where it stands.
    pub status: StepStanding,
    /// Why it failed or was skipped.
    pub because: Option<String>,
    /// When the next attempt begins.
    pub retry_at: Option<Timestamp>,
    /// When its first attempt began.
    pub started: Option<Timestamp>,
    /// When it was settled.
    pub ended: Option<Timestamp>,
    /// From the first attempt until then, or until the moment of the summary.
    pub took: Option<Period>,
    /// Whether it made the recovery time.
    pub critical: bool,
    /// How much later it could have ended without moving the end of the recovery. Null: it has no bearing on it.
    pub slack: Option<Period>,
    /// Its attempts.
    pub attempts: Vec<AttemptSummary>,
    /// Its checks, as the last attempt left them.
    pub checks: Vec<CheckSummary>,
    /// The recovery point that the last attempt restored.
    pub point: Option<PointSummary>,
    /// What a person was asked and answered.
    pub approval: Option<ApprovalSummary>,
    /// What it gave to later steps, shortened.
    pub outputs: Outputs,
    /// The moments of a restore.
    pub milestones: Option<Milestones>,
    /// What its time was spent on.
    pub phases: Vec<StepPhase>,
}

/// An attempt at a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptSummary {
    /// 1, 2, 3, …
    pub attempt: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How.
    pub outcome: AttemptOutcome,
    /// Why it failed.
    pub fault: Option<Fault>,
    /// When the next was to begin.
    pub retry_at: Option<Timestamp>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckSummary {
    /// Its name.
    pub name: String,
    /// Whether the step depends on it.
    pub required: bool,
    /// How it ended.
    pub status: CheckResult,
    /// Why it could not be made.
    pub error: Option<FaultClass>,
    /// What it was: `fingerprint`, `query`, …
    pub kind: Option<String>,
    /// When it ended.
    pub at: Option<Timestamp>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub actual: Option<String>,
    /// Where it differs.
    pub details: Vec<String>,
    /// The rows that were looked at.
    pub rows: Option<u64>,
    /// How long it took.
    pub took: Option<Period>,
    /// The newest moment in the data.
    pub freshness: Option<Timestamp>,
    /// How old that was at the declaration.
    pub freshness_age: Option<Period>,
    /// Digests that are evidence.
    pub digests: Outputs,
}

/// A recovery point that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointSummary {
    /// The provider's name for it.
    pub id: String,
    /// The moment whose data it holds.
    pub time: Timestamp,
    /// How old it was at the declaration.
    pub age: Period,
    /// How that moment is known.
    pub time_source: String,
    /// Where it lies.
    pub location: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
    /// When it was chosen.
    pub chosen_at: Timestamp,
    /// Why it was.
    pub because: String,
    /// What there was to choose from, the newest first, shortened.
    pub considered: Vec<CandidateSummary>,
    /// How many there were.
    pub considered_total: u64,
}

/// A recovery point that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandidateSummary {
    /// The provider's name for it.
    pub id: String,
    /// The moment whose data it holds.
    pub time: Timestamp,
    /// How old it was at the declaration.
    pub age: Period,
    /// Its size.
    pub bytes: Option<u64>,
    /// It is the one.
    pub chosen: bool,
    /// Why it was out of the question.
    pub unfit: Option<String>,
}

/// What a person was asked and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalSummary {
    /// The question.
    pub question: String,
    /// When it was asked.
    pub asked: Option<Timestamp>,
    /// Until when an answer counts.
    pub until: Option<Timestamp>,
    /// The answer.
    pub answer: Answer,
    /// When it came.
    pub answered: Option<Timestamp>,
    /// Whose it is.
    pub by: Option<String>,
    /// What was said beside it.
    pub note: Option<String>,
    /// How long it was waited for.
    pub waited: Option<Period>,
}

/// A stretch of a step's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepPhase {
    /// Spent on what.
    pub kind: PhaseKind,
    /// In which attempt; 0 where it is of none.
    pub attempt: u32,
    /// From.
    pub from: Timestamp,
    /// To, or the moment of the summary.
    pub to: Timestamp,
    /// It goes on.
    pub open: bool,
    /// It ended in a failure.
    pub failed: bool,
}

impl StepPhase {
    /// Its time.
    pub fn interval(&self) -> Interval {
        Interval::new(self.from, self.to)
    }
}
