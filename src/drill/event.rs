//! What can happen in a run. The list of a run's events is the only truth about it.
//!
//! Everything else (status, timings, verdict, reports, resumption) is folded from these. Progress ticks are
//! not events: they would drown the evidence. No event carries a secret or a row of data.

use crate::{
    ids::{ClaimId, Digest, PlaybookName, RunId, StepId},
    playbook::{Limits, Objectives, Retry, SourceKind},
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

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

/// Values that a step or claim gives to later ones: `path`, `endpoint`, `port`, `engine`, `recovery_point.time`.
pub type Outputs = BTreeMap<String, String>;

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

/// A backup that a restore can start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// The provider's name for it: an ARN, a path, a snapshot id.
    pub id: String,
    /// The moment whose data it holds.
    pub time: Timestamp,
    /// How that moment is known: `file name`, `modification time`, `snapshot`, `command`, …
    pub time_source: String,
    /// Where it lies: a region, a folder.
    pub location: Option<String>,
    /// Its size, where known.
    pub bytes: Option<u64>,
    /// Whether it is encrypted, where known.
    pub encrypted: Option<bool>,
    /// What else the provider needs to restore it. No secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: Outputs,
}

/// A recovery point that was looked at, and why it can't be taken if it can't.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The point.
    pub point: RecoveryPoint,
    /// Why it is out of the question; none: it is eligible.
    pub unfit: Option<String>,
}

/// A link of a restore's chain, before it is intended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// What it is: `folder`, `snapshot_copy`, `instance`, `restore`; unique within the chain.
    pub kind: String,
    /// Where it will be.
    pub scope: Scope,
    /// The resource's name, made from (run, step, attempt).
    pub name: String,
    /// What else the provider needs to make, find and remove it, after a crash too. No secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: Outputs,
    /// What the provider is told to wait after the last attempt to make it, before "not there" is believed.
    #[serde(default)]
    pub settle: Period,
}

/// One thing that a run creates and owes to remove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Names it within the run.
    pub id: ClaimId,
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// Its attempt.
    pub attempt: u32,
    /// By which provider.
    pub source: SourceKind,
    /// What, where, by which name.
    pub link: Link,
    /// Past this moment a sweep may remove it, whatever became of the run.
    pub expires: Timestamp,
}

/// A place where things may be created and deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A folder of this machine.
    Folder(String),
    /// Whatever the user's own commands do.
    Command(String),
    /// An AWS account and region.
    Aws {
        /// Twelve digits.
        account: String,
        /// Such as `eu-central-1`.
        region: String,
    },
    /// Namespaces of a cluster.
    Kubernetes {
        /// The context.
        context: String,
        /// UID of the kube-system namespace: which cluster it really is.
        cluster: String,
    },
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Folder(folder) => write!(f, "folder {folder}"),
            Scope::Command(what) => write!(f, "command {what}"),
            Scope::Aws { account, region } => write!(f, "aws {account}/{region}"),
            Scope::Kubernetes { context, cluster } => write!(f, "kubernetes {context} ({cluster})"),
        }
    }
}

/// Whether all of the storage is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hydration {
    /// All of it.
    Complete,
    /// Still loading; the claim is watched until it is done.
    Loading,
    /// The provider does not tell. Nothing is claimed.
    Unknown,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Whose fault, and whether trying again makes sense.
    pub class: FaultClass,
    /// What happened and what to do. No secrets, no rows of data.
    pub message: String,
}

impl Fault {
    /// A fault of that class.
    pub fn new(class: FaultClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// May pass: a lost connection, a 5xx, a busy server.
    Transient,
    /// Too many calls; try later.
    Throttled,
    /// The restore or the data is wrong, or the request can't ever work.
    Permanent,
    /// It took too long.
    Timeout,
    /// Credentials, network, disk: nothing is known about the backup.
    Surroundings,
    /// A safety rule said no.
    Refused,
}

impl FaultClass {
    /// Whether the same call may work a little later.
    pub fn may_pass(self) -> bool {
        match self {
            FaultClass::Transient | FaultClass::Throttled | FaultClass::Timeout => true,
            FaultClass::Permanent | FaultClass::Surroundings | FaultClass::Refused => false,
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Passed, failed or could not be made.
    pub status: CheckStatus,
    /// What it was: `fingerprint`, `query`, `freshness`, `integrity`, `http`, `exit code`.
    pub kind: String,
    /// What was expected, for a person. Counts and digests, never rows.
    pub expected: String,
    /// What was found.
    pub actual: String,
    /// Where it differs and what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The rows that were looked at.
    pub rows: Option<u64>,
    /// How long it took.
    pub took: Period,
    /// The newest moment in the data, from a freshness check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Timestamp>,
    /// Digests that are evidence: table or output name to `algorithm:hex`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: Outputs,
}

/// How a check ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It ran and found what was expected.
    Passed,
    /// It ran and found something else.
    Failed,
    /// It could not be made; nothing is proven.
    Error(FaultClass),
}

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

/// What a run proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Restored, verified, objectives met.
    Passed,
    /// Restored and verified, but later or older than promised.
    ObjectiveMissed,
    /// A restore or a required check failed.
    Failed,
    /// As failed, but for want of credentials, network or disk: nothing is known about the backup.
    SurroundingsFailed,
    /// A guardrail or the preflight said no; nothing was created.
    Refused,
    /// Stopped on request.
    Aborted,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Passed => "passed",
            Verdict::ObjectiveMissed => "objective missed",
            Verdict::Failed => "failed",
            Verdict::SurroundingsFailed => "failed (surroundings)",
            Verdict::Refused => "refused",
            Verdict::Aborted => "aborted",
        })
    }
}

/// What a run left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Teardown {
    /// All that it created was observed absent.
    Clean,
    /// So many claims may still be there.
    Leaked(u32),
}

impl fmt::Display for Teardown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Teardown::Clean => f.write_str("clean"),
            Teardown::Leaked(count) => write!(f, "leaked({count})"),
        }
    }
}
