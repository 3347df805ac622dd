//! The summary of a run: what `firedrill show --format json` and `firedrill report --format json` print.
//!
//! Moments are RFC 3339 in UTC, lengths of time are written as in playbooks (`1h30m`, `250ms`). A field that is
//! not known is null, never left out. Keys are only ever added.

use super::{ClaimStanding, ObjectiveResult, Standing, StepPhase, StepSummary};
use crate::{
    drill::{Hydration, Teardown, TeardownReason, Trigger, Verdict},
    ids::{ClaimId, Digest, PlaybookName, RunId, StepId},
    playbook::{Objectives, SourceKind},
    time::{Period, Timestamp},
};
use serde::Serialize;

/// A run, folded from its journal as of a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Names this layout: `firedrill/run/v1`.
    pub format: &'static str,
    /// The run.
    pub run: RunId,
    /// Its last eight digits.
    pub short: String,
    /// The playbook's name.
    pub playbook: PlaybookName,
    /// SHA-256 of the playbook's text.
    pub digest: Digest,
    /// The digest of the journal's last entry, where the caller knows it.
    pub head: Option<Digest>,
    /// How many entries the journal has.
    pub entries: u64,
    /// What started it.
    pub trigger: Trigger,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// User and host.
    pub by: String,
    /// firedrill's version.
    pub version: String,
    /// What is imagined to have happened.
    pub scenario: Option<String>,
    /// Control references.
    pub controls: Vec<String>,
    /// When the disaster was declared.
    pub declared: Timestamp,
    /// When the preflight had nothing against it.
    pub cleared: Option<Timestamp>,
    /// What the preflight looked at.
    pub preflight: Vec<String>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The moment that this summary stands for: the end, or the one that it was asked for.
    pub as_of: Timestamp,
    /// From the declaration until then.
    pub elapsed: Period,
    /// Where it stands.
    pub state: Standing,
    /// What it proved; none while it is not over.
    pub verdict: Option<Verdict>,
    /// What it left; none while it is not over.
    pub teardown: Option<Teardown>,
    /// Why, the worst first.
    pub reasons: Vec<String>,
    /// What was promised.
    pub objectives: Objectives,
    /// Recovery time: from the declaration until the last required proof.
    pub rta: Measured,
    /// Recovery point: from the declaration back to the newest data restored, the worst of all that counts.
    pub rpa: Measured,
    /// The same by the recovery points' own times alone.
    pub rpa_by_point: Option<Period>,
    /// The same by what freshness checks found in the data alone.
    pub rpa_by_data: Option<Period>,
    /// When the last required proof was there.
    pub recovered_at: Option<Timestamp>,
    /// When a person was waited for.
    pub waiting_for_people: Stretches,
    /// When nobody drove the run, because the process had died.
    pub interrupted: Stretches,
    /// When the wall clock was set or the machine slept.
    pub clock_steps: Vec<ClockStep>,
    /// Who wanted it stopped.
    pub abort: Option<AbortSummary>,
    /// Until when what was restored is or was kept after a failure.
    pub kept_until: Option<Timestamp>,
    /// The moments of the run: each is reached when the last required restore has reached it.
    pub milestones: Milestones,
    /// How many checks ended how.
    pub checks: CheckCounts,
    /// The phases of the run as a whole.
    pub phases: Vec<StepPhase>,
    /// Its steps, each after all that it needs.
    pub steps: Vec<StepSummary>,
    /// Which steps made the recovery time.
    pub critical_path: CriticalPath,
    /// What it created, in the order of creation.
    pub claims: Vec<ClaimSummary>,
    /// What became of it.
    pub cleanup: Cleanup,
}

impl RunSummary {
    /// The same with the digest of the journal's last entry.
    #[must_use]
    pub fn with_head(mut self, head: Option<Digest>) -> Self {
        self.head = head;
        self
    }

    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&StepSummary> {
        self.steps.iter().find(|step| &step.id == id)
    }
}

/// A measured time against what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// What was promised.
    pub objective: Option<Period>,
    /// What was measured.
    pub actual: Option<Period>,
    /// The same in milliseconds, for machines.
    pub actual_ms: Option<u64>,
    /// How they compare.
    pub result: ObjectiveResult,
    /// How far inside the objective (met) or over it (missed).
    pub margin: Option<Period>,
}

/// Stretches of time of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Stretches {
    /// All of them, overlaps counted once.
    pub total: Period,
    /// The part that lies within the recovery time, or within the run where nothing was recovered.
    pub within_recovery: Period,
    /// Each.
    pub stretches: Vec<Stretch>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// From.
    pub from: Timestamp,
    /// To, or the moment of the summary.
    pub to: Timestamp,
    /// How long.
    pub took: Period,
    /// It goes on.
    pub open: bool,
    /// The step, if it is of one.
    pub step: Option<StepId>,
    /// Who ended it: who answered, who took the run up.
    pub by: Option<String>,
}

/// The wall clock was set, or the machine slept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClockStep {
    /// When it was seen.
    pub at: Timestamp,
    /// By how many milliseconds; negative: it was set back.
    pub millis: i64,
}

/// Someone wanted the run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AbortSummary {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// The moments of a restore, or of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Milestones {
    /// The disaster was declared.
    pub declared: Option<Timestamp>,
    /// The recovery point was chosen.
    pub point_chosen: Option<Timestamp>,
    /// The first request to restore it was about to go out.
    pub requested: Option<Timestamp>,
    /// What was restored could be used.
    pub available: Option<Timestamp>,
    /// All of its storage was loaded; null where the provider does not tell.
    pub hydrated: Option<Timestamp>,
    /// It and every required step that rests on it was proven.
    pub verified: Option<Timestamp>,
    /// All that it created was observed absent.
    pub removed: Option<Timestamp>,
    /// The same in order, with the time between.
    pub legs: Vec<Leg>,
}

/// One moment and how long it took to get there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// Its name.
    pub name: &'static str,
    /// When.
    pub at: Option<Timestamp>,
    /// Since the declaration.
    pub since_declared: Option<Period>,
    /// Since the one before it that was reached.
    pub since_previous: Option<Period>,
}

/// How many checks ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct CheckCounts {
    /// Required ones, of required steps.
    pub required: u32,
    /// Of these: passed.
    pub required_passed: u32,
    /// All.
    pub total: u32,
    /// Passed.
    pub passed: u32,
    /// Failed.
    pub failed: u32,
    /// Could not be made.
    pub errors: u32,
    /// Never made.
    pub not_run: u32,
    /// Rows that were looked at.
    pub rows: u64,
}

/// Which steps made the recovery time: the chain of steps, each the last that the next one needed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriticalPath {
    /// Whether it leads to a proven recovery; otherwise to the end of the steps, or to now.
    pub achieved: bool,
    /// Where it ends.
    pub end: Option<Timestamp>,
    /// From the declaration until then.
    pub total: Period,
    /// Its links, without gaps, in order.
    pub links: Vec<PathLink>,
    /// How much later each other step could have ended. Empty where nothing was recovered.
    pub slack: Vec<Slack>,
}

/// A link of the critical path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathLink {
    /// The step; none: what came before any step.
    pub step: Option<StepId>,
    /// The step's name, or `preflight`.
    pub label: String,
    /// When the link before it ended.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// How long.
    pub took: Period,
    /// Its share of the whole, in percent, to a tenth.
    pub percent: f64,
    /// What it was spent on.
    pub parts: PathParts,
}

/// What the time of a link was spent on. The parts do not overlap and add up to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct PathParts {
    /// Work.
    pub working: Period,
    /// Ready to start, not started.
    pub queued: Period,
    /// Pauses before retries.
    pub backoff: Period,
    /// A person was waited for.
    pub person: Period,
    /// Nobody drove the run.
    pub interrupted: Period,
}

/// The slack of a step that is not on the critical path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slack {
    /// The step.
    pub step: StepId,
    /// How much later it could have ended; none: it has no bearing on the recovery time.
    pub slack: Option<Period>,
}

/// One thing that the run created and owes to remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimSummary {
    /// Names it within the run.
    pub id: ClaimId,
    /// The step.
    pub step: StepId,
    /// Its attempt.
    pub attempt: u32,
    /// By which provider.
    pub source: SourceKind,
    /// What it is.
    pub kind: String,
    /// The resource's name.
    pub name: String,
    /// Where it is.
    pub scope: String,
    /// Where it stands.
    pub state: ClaimStanding,
    /// When it may have been made at the earliest.
    pub intended: Timestamp,
    /// When the provider took the request.
    pub acquired: Option<Timestamp>,
    /// When it was ready.
    pub ready: Option<Timestamp>,
    /// Whether its storage was loaded.
    pub hydration: Option<Hydration>,
    /// When its removal began.
    pub release_began: Option<Timestamp>,
    /// How often its removal was asked for.
    pub release_tries: u32,
    /// When it was observed absent.
    pub removed: Option<Timestamp>,
    /// What was looked at to know.
    pub proof: Option<String>,
    /// Why it may still be there, and what to do.
    pub leaked: Option<String>,
    /// Past this moment the sweep may remove it.
    pub expires: Timestamp,
    /// Request ids and the like, shortened.
    pub receipts: Vec<String>,
    /// Attempts to make or remove it that failed, and what broke, shortened.
    pub faults: Vec<String>,
}

/// What became of all that the run created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cleanup {
    /// So many claims.
    pub created: u32,
    /// Observed absent.
    pub removed: u32,
    /// May still be there.
    pub leaked: u32,
    /// Not settled yet.
    pub outstanding: u32,
    /// When the teardown began.
    pub began: Option<Timestamp>,
    /// Why.
    pub reason: Option<TeardownReason>,
    /// When the last claim was settled.
    pub ended: Option<Timestamp>,
    /// How long it took, or has taken so far.
    pub took: Option<Period>,
}
