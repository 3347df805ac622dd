//! What a plan says, for a person and for machines.

use crate::{
    drill::{Candidate, Fault, RecoveryPoint, Scope, StepKind},
    ids::{Digest, PlaybookName, StepId},
    playbook::{Limits, Objectives, Selector},
    time::{Period, Timestamp},
};
use serde::Serialize;

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Names this layout: `firedrill/plan/v1`.
    pub format: &'static str,
    /// The playbook.
    pub playbook: PlaybookName,
    /// SHA-256 of its text.
    pub digest: Digest,
    /// When this was found.
    pub at: Timestamp,
    /// What was promised.
    pub objectives: Objectives,
    /// What the run may take.
    pub limits: Limits,
    /// How it would begin.
    pub outlook: Outlook,
    /// Why it would not pass, the worst first; each with its step.
    pub against: Vec<String>,
    /// Its steps, each after everything that it needs.
    pub steps: Vec<PlannedStep>,
}

/// How a run would begin, as far as can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It could start, and nothing is known against it.
    Ready,
    /// It could start, and would fail.
    WouldFail,
    /// A guardrail or the preflight would say no.
    Refused,
    /// Credentials, network or disk stand against it.
    Surroundings,
}

/// A step of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedStep {
    /// Its name.
    pub id: StepId,
    /// What it does.
    pub kind: StepKind,
    /// One more than the highest of the steps that it needs. Steps of one number run side by side.
    pub wave: u32,
    /// What must have succeeded before.
    pub needs: Vec<StepId>,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// What the preflight looked at and found well.
    pub facts: Vec<String>,
    /// What forbids the run.
    pub refusals: Vec<String>,
    /// What could not be looked at.
    pub surroundings: Vec<String>,
    /// What is restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<PlannedRestore>,
    /// What is checked.
    pub checks: Vec<PlannedCheck>,
    /// What a person is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// How long an attempt may take.
    pub timeout: Option<Period>,
}

/// A restore of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedRestore {
    /// Which recovery point is wished for.
    pub wish: Selector,
    /// The one that would be taken now.
    pub point: Option<RecoveryPoint>,
    /// Why this one.
    pub because: Option<String>,
    /// Whether it was drawn at random: the run draws anew.
    pub drawn: bool,
    /// Its age.
    pub age: Option<Period>,
    /// Older than this: the step fails.
    pub max_age: Option<Period>,
    /// What its age is held against, where this restore counts for it.
    pub rpo: Option<Period>,
    /// What there is to choose from, the newest first, at most so many as a run would journal.
    pub candidates: Vec<Candidate>,
    /// How many there are.
    pub found: u64,
    /// What would be made, in that order, and removed backwards.
    pub claims: Vec<PlannedClaim>,
    /// Why no recovery point can be taken.
    pub fault: Option<Fault>,
    /// The backups are made by the run itself: what it takes is known then.
    pub made_by_run: bool,
}

/// Something that a run would make.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedClaim {
    /// What.
    pub kind: String,
    /// Its name, `RUN` standing for what each run draws for itself.
    pub name: String,
    /// Where.
    pub scope: Scope,
}

/// A check of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedCheck {
    /// Its name.
    pub name: String,
    /// `fingerprint`, `query`, …
    pub kind: &'static str,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// What its finding is compared with.
    pub against: Against,
}

/// What a check compares with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// What the playbook says, or the database itself.
    Itself,
    /// The live source, read at the same time.
    Source,
    /// A baseline that is there.
    Baseline {
        /// When it was taken.
        taken: Timestamp,
        /// Where.
        source: String,
    },
    /// A baseline that is not there.
    NoBaseline,
    /// The run takes it first: the playbook brings its own sample.
    BaselineOfSample,
    /// It depends on a recovery point that is not known.
    NotKnown,
}
