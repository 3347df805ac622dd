//! With what a run begins: the outline of its playbook, so that a journal can be folded without it.

use crate::{
    ids::{Digest, PlaybookName, RunId, StepId},
    playbook::{Limits, Objectives, Retry, SourceKind},
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};

/// With what a run begins. It holds the outline of the playbook, so that a journal can be folded without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declaration {
    /// The run.
    pub run: RunId,
    /// The playbook's name.
    pub playbook: PlaybookName,
    /// SHA-256 of its text, which the journal holds.
    pub digest: Digest,
    /// What started it.
    pub trigger: Trigger,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// User and host.
    pub by: String,
    /// firedrill's version.
    pub version: String,
    /// What was promised.
    pub objectives: Objectives,
    /// What the run may take.
    pub limits: Limits,
    /// Whence all that is drawn at random in this run.
    pub seed: u64,
    /// The playbook's scenario.
    pub scenario: Option<String>,
    /// The playbook's control references.
    pub controls: Vec<String>,
    /// The steps, each after all that it needs.
    pub steps: Vec<StepOutline>,
}

/// A step as the journal needs to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepOutline {
    /// Its name.
    pub id: StepId,
    /// What it does.
    pub kind: StepKind,
    /// What must have succeeded before.
    pub needs: Vec<StepId>,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// How long an attempt may take.
    pub timeout: Option<Period>,
    /// Whether and how to try again.
    pub retry: Retry,
    /// Its checks: name and whether required.
    pub checks: Vec<(String, bool)>,
    /// How many of them run at the same time.
    pub parallel: u32,
    /// Whether what it restores or finds counts for the recovery point actual. A restore that picks an older
    /// backup on purpose does not, as long as another takes the newest.
    pub counts_for_rpo: bool,
    /// What a person is asked, for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Restores by that kind of source.
    Restore(SourceKind),
    /// Checks.
    Verify,
    /// Asks a person.
    Approve,
    /// Runs a command.
    Run,
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A person, now.
    Manual,
    /// The schedule, for that fire time.
    Schedule(Timestamp),
    /// Another playbook's run.
    After(RunId),
}
