//! The few traits through which the engine sees the world, in firedrill's own words. No SDK type crosses them.

use crate::{
    drill::{Candidate, CheckOutcome, Claim, Entry, Fault, Hydration, Link, Outputs, RecoveryPoint, Scope},
    ids::{ClaimId, Digest, PlaybookName, RunId, StepId},
    playbook::{AwsScratch, Bound, Check, DatabaseSubject, Restore, Step},
    time::{Period, Reading, Timestamp},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

// ---------------------------------------------------------------- providers

/// Restores backups of one kind and removes what it made.
///
/// The engine calls `acquire` and `release` as often as it has to: both are idempotent by the claim's name.
/// A future that is dropped must stop its work soon; whether it had an effect is then unknown to the engine.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Looks for what would stop this restore: scope, permissions, room. Changes nothing.
    async fn preflight(&self, ask: &RestoreRequest<'_>) -> Result<Preflight, Fault>;

    /// Every recovery point there is, fit or not, in any order.
    async fn recovery_points(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault>;

    /// The chain of claims that restores `point`. Pure: names come from the request alone.
    fn chain(&self, ask: &RestoreRequest<'_>, point: &RecoveryPoint) -> Result<Vec<Link>, Fault>;

    /// Makes the claim, or finds it made already by this run.
    async fn acquire(&self, ask: &AcquireRequest<'_>) -> Result<Receipts, Fault>;

    /// Tells how all of these claims are, in one go; one answer for each.
    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)>;

    /// Asks for the claim to be removed, after the three proofs. Something that never existed is `Ok`.
    async fn release(&self, claim: &Claim, ask: &ReleaseRequest<'_>) -> Result<Receipts, Fault>;

    /// What firedrill created in a scope, by its tags.
    async fn owned(&self, scope: &Scope) -> Result<Vec<Owned>, Fault>;

    /// How long to wait between two looks at claims that have been waited for `so_far`.
    fn pace(&self, so_far: Period) -> Period;
}

/// What is to be restored, for whom.
#[derive(Debug, Clone, Copy)]
pub struct RestoreRequest<'a> {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: &'a StepId,
    /// Its attempt.
    pub attempt: u32,
    /// What the playbook says.
    pub restore: &'a Restore,
    /// Where relative paths start.
    pub folder: &'a Path,
    /// The scratch folder that the author wishes for, if any.
    pub scratch_folder: Option<&'a Path>,
    /// The AWS account and region that the author wishes for, if any.
    pub scratch_aws: Option<&'a AwsScratch>,
    /// When the run was declared.
    pub declared: Timestamp,
}

/// A claim to make.
#[derive(Clone, Copy)]
pub struct AcquireRequest<'a> {
    /// What is restored.
    pub restore: RestoreRequest<'a>,
    /// The claim.
    pub claim: &'a Claim,
    /// The chosen point.
    pub point: &'a RecoveryPoint,
    /// What the chain's earlier claims gave.
    pub earlier: &'a Outputs,
    /// What earlier steps gave, for references.
    pub known: &'a Known,
    /// Where to tell how far it is.
    pub progress: &'a dyn Progress,
}

/// What a release needs beside the claim.
#[derive(Clone, Copy)]
pub struct ReleaseRequest<'a> {
    /// What the playbook says.
    pub restore: RestoreRequest<'a>,
    /// The chosen point.
    pub point: &'a RecoveryPoint,
    /// What earlier steps gave.
    pub known: &'a Known,
}

/// What a preflight found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preflight {
    /// What was looked at and is well, for the evidence.
    pub facts: Vec<String>,
    /// What forbids the run, each with what to do.
    pub refusals: Vec<String>,
}

/// Request ids and other words that prove a call.
pub type Receipts = Vec<String>;

/// How a claim is.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// Not ready yet.
    Pending {
        /// From 0 to 1, where the provider tells.
        progress: Option<f64>,
        /// In words.
        note: String,
    },
    /// Ready to be used.
    Ready {
        /// What it gives.
        outputs: Outputs,
        /// Whether its storage is loaded.
        hydration: Hydration,
    },
    /// It is there, and will never be ready.
    Broken {
        /// What the provider says.
        reason: String,
    },
    /// It is not there.
    Absent {
        /// What was looked at to know.
        proof: String,
    },
    /// It could not be seen. Nothing follows from it.
    Unknown(Fault),
}

/// Something that firedrill created, found by its tags.
#[derive(Debug, Clone, PartialEq)]
pub struct Owned {
    /// The run that its tags name.
    pub run: RunId,
    /// The claim that its tags hold.
    pub claim: Claim,
}

// ---------------------------------------------------------------- verification

/// Makes checks. One session each, read-only.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Makes a check. `Err`: it could not be made, and nothing is proven.
    async fn check(&self, ask: &CheckRequest<'_>) -> Result<CheckOutcome, Fault>;
}

/// A check to make.
#[derive(Clone, Copy)]
pub struct CheckRequest<'a> {
    /// The run.
    pub run: RunId,
    /// The step that makes it.
    pub step: &'a StepId,
    /// The check.
    pub check: &'a Check,
    /// How to log in, for a database.
    pub login: Option<&'a DatabaseSubject>,
    /// What the restore step gave that is looked at.
    pub subject: &'a Outputs,
    /// The recovery point that the data comes from.
    pub point: Option<&'a RecoveryPoint>,
    /// Where the restore step that is looked at restored from.
    pub source: Option<&'a crate::playbook::Source>,
    /// What the baseline says for this point, where the check wants one.
    pub baseline: Option<&'a Baseline>,
    /// Where relative paths start.
    pub folder: &'a Path,
    /// When the run was declared.
    pub declared: Timestamp,
    /// What earlier steps gave, for references.
    pub known: &'a Known,
    /// Where to tell how far it is.
    pub progress: &'a dyn Progress,
}

/// Runs a command step.
#[async_trait]
pub trait CommandRunner: Send + Sync {
    /// Runs it to its end. `Err`: it could not be started or was killed by its timeout.
    async fn run(&self, ask: &CommandRequest<'_>) -> Result<CommandDone, Fault>;
}

/// A command to run.
#[derive(Clone, Copy)]
pub struct CommandRequest<'a> {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: &'a Step,
    /// What to run.
    pub command: &'a crate::playbook::CommandSpec,
    /// Where relative paths start.
    pub folder: &'a Path,
    /// What earlier steps gave, for references.
    pub known: &'a Known,
}

/// A command that ended by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandDone {
    /// How: the exit code as a check.
    pub outcome: CheckOutcome,
    /// What later steps can refer to: `exit_code`, `stdout_digest`, and the `outputs` of a JSON object on the last line, if it printed one.
    pub outputs: Outputs,
}

/// What a run knows at a moment, to look references up in.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The run's id, as text.
    pub run: String,
    /// The moment of declaration, as text.
    pub declared: String,
    /// What each finished step gave.
    pub steps: std::collections::BTreeMap<StepId, Outputs>,
}

impl Known {
    /// The value of a reference; `point` is what `recovery_point.*` stands for.
    pub fn look_up(
        &self,
        reference: &crate::playbook::Reference,
        point: Option<&RecoveryPoint>,
    ) -> Option<String> {
        use crate::playbook::Reference;
        match reference {
            Reference::Output { step, key } => self.steps.get(step)?.get(key).cloned(),
            Reference::RecoveryPoint(key) if key == "time" => point.map(|point| point.time.to_string()),
            Reference::RecoveryPoint(_) => point.map(|point| point.id.clone()),
            Reference::Run(key) if key == "id" => Some(self.run.clone()),
            Reference::Run(_) => Some(self.declared.clone()),
        }
    }

    /// A template with its references looked up, or the fault that names the one that is not known.
    pub fn bind(
        &self,
        template: &crate::playbook::Template,
        point: Option<&RecoveryPoint>,
    ) -> Result<Vec<Bound>, Fault> {
        template.bind(|reference| self.look_up(reference, point)).map_err(|reference| not_given(&reference))
    }

    /// A template with its references put in as text.
    pub fn render(
        &self,
        template: &crate::playbook::Template,
        point: Option<&RecoveryPoint>,
    ) -> Result<String, Fault> {
        template.render(|reference| self.look_up(reference, point)).map_err(|reference| not_given(&reference))
    }
}

fn not_given(reference: &crate::playbook::Reference) -> Fault {
    Fault::new(
        crate::drill::FaultClass::Permanent,
        format!(
            "{reference} was not given by its step; `firedrill show RUN --events` lists what each step gave"
        ),
    )
}

// ---------------------------------------------------------------- journal

/// The append-only list of events of each run, and who may write to it.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Creates a run with its first entry, and takes its lease.
    async fn declare(&self, first: NewRun<'_>) -> Result<Lease, JournalError>;

    /// Appends at `expected` (the number of entries so far), all or nothing, if the lease still holds.
    async fn append(&self, lease: &Lease, expected: u64, entries: &[Entry]) -> Result<(), JournalError>;

    /// The entries of a run, the chain verified.
    async fn entries(&self, run: RunId) -> Result<Vec<Entry>, JournalError>;

    /// The text of a playbook by its digest. The folder is that of the newest run of it.
    async fn playbook(&self, digest: Digest) -> Result<PlaybookText, JournalError>;

    /// The playbook of a run, with the folder that this run was declared with: what a resumed run goes on with.
    async fn playbook_of(&self, run: RunId) -> Result<PlaybookText, JournalError> {
        match self.entries(run).await?.first().map(|entry| &entry.event) {
            Some(crate::drill::Event::Declared(declaration)) => self.playbook(declaration.digest).await,
            _ => Err(JournalError::NoSuchRun(run.to_string())),
        }
    }

    /// Takes the lease of an unfinished run whose holder is gone.
    async fn take_lease(&self, run: RunId, holder: &str, now: Timestamp) -> Result<Lease, JournalError>;

    /// Keeps the lease; fails with [`JournalError::LeaseLost`] when another holds it.
    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<(), JournalError>;

    /// Gives the lease up.
    async fn give_up(&self, lease: &Lease) -> Result<(), JournalError>;

    /// What people asked of this run, beyond the first `seen`.
    async fn requests(&self, run: RunId, seen: u64) -> Result<Vec<Request>, JournalError>;

    /// The newest baseline of a check for a recovery point.
    async fn baseline(&self, key: &BaselineKey) -> Result<Option<Baseline>, JournalError>;
}

/// A run to create.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'a> {
    /// The run.
    pub run: RunId,
    /// Its playbook's text and the folder it was read from.
    pub playbook: &'a PlaybookText,
    /// Who drives it.
    pub holder: &'a str,
    /// Its first entry: a declaration.
    pub first: &'a Entry,
}

/// A playbook's text, and where relative paths in it start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybookText {
    /// The text.
    pub text: String,
    /// The folder of its file.
    pub folder: PathBuf,
}

/// The right to write to a run. Its token grows with every holder: an old one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Who.
    pub holder: String,
    /// The fencing token.
    pub token: u64,
}

/// How long a lease holds without renewal; it is renewed three times as often.
pub const LEASE: Period = Period::from_secs(30);

/// What a person asks of a run that another process may be driving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// 1, 2, 3, … within the run.
    pub number: u64,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Stop and tear down.
    Abort {
        /// Why.
        reason: Option<String>,
    },
    /// Answer an approval step.
    Answer {
        /// The step.
        step: StepId,
        /// Yes or no.
        approved: bool,
        /// What is said beside it.
        note: Option<String>,
    },
}

/// Why the journal did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No such run.
    #[error("there is no run {0}")]
    NoSuchRun(String),
    /// A part of an id that several runs share; the text lists them.
    #[error("{0}")]
    Ambiguous(String),
    /// Nothing more can happen in the run.
    #[error("run {0} is finished")]
    Finished(RunId),
    /// Someone else drives the run.
    #[error("run {run} is being driven by {holder}")]
    Held {
        /// The run.
        run: RunId,
        /// Who.
        holder: String,
    },
    /// Someone else took the run over; this process must stop touching it.
    #[error("the lease on run {0} was taken over by another process")]
    LeaseLost(RunId),
    /// Someone else appended.
    #[error("run {run} has {actual} entries, not {expected}: another process wrote to it")]
    Conflict {
        /// The run.
        run: RunId,
        /// As the writer believed.
        expected: u64,
        /// As it is.
        actual: u64,
    },
    /// The chain is broken or an entry is not legal: the file was altered or is damaged.
    #[error("the journal of run {run} is damaged at entry {seq}: {what}")]
    Damaged {
        /// The run.
        run: RunId,
        /// The entry.
        seq: u64,
        /// What is wrong.
        what: String,
    },
    /// Written by a newer firedrill.
    #[error("{0}")]
    Newer(String),
    /// May pass: the database is locked.
    #[error("the journal is busy: {0}")]
    Busy(String),
    /// The disk is full, the file is read-only, …
    #[error("the journal can't be used: {0}")]
    Storage(String),
}

/// Names what a baseline is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaselineKey {
    /// The playbook.
    pub playbook: PlaybookName,
    /// The verify step.
    pub step: StepId,
    /// The check.
    pub check: String,
    /// The recovery point's id.
    pub point: String,
}

/// Fingerprints taken on the source for a recovery point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// When they were taken.
    pub taken: Timestamp,
    /// Where: what was read.
    pub source: String,
    /// The recovery point's id.
    pub point: String,
    /// The moment of the recovery point.
    pub point_time: Timestamp,
    /// By whom.
    pub by: String,
    /// The source's own name for that moment: an LSN, a GTID set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// One for each table, or one for the query.
    pub tables: Vec<crate::verify::TableFingerprint>,
    /// The schema, for a `schema` check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<crate::verify::SchemaSnapshot>,
}

// ---------------------------------------------------------------- the rest of the world

/// Time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Both clocks, now.
    fn read(&self) -> Reading;
    /// Waits.
    async fn sleep(&self, period: Period);
}

/// Randomness.
pub trait Random: Send + Sync {
    /// 64 random bits.
    fn next(&self) -> u64;
}

/// Takes progress ticks. They are shown, never journaled.
pub trait Progress: Send + Sync {
    /// Something moved.
    fn tick(&self, tick: Tick);
}

/// How far something is.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The step.
    pub step: StepId,
    /// The claim's kind or the check's name.
    pub what: String,
    /// How much is done, in `unit`.
    pub done: Option<u64>,
    /// Of how much.
    pub total: Option<u64>,
    /// `bytes`, `rows`, `percent`.
    pub unit: &'static str,
    /// In words.
    pub note: String,
}

/// Sees everything that is journaled, once it is, and every tick: the live view, logs, notifications.
pub trait Observer: Progress {
    /// An entry was journaled.
    fn entry(&self, run: RunId, entry: &Entry);
}

/// Ticks that nobody looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unseen;

impl Progress for Unseen {
    fn tick(&self, _: Tick) {}
}

impl Observer for Unseen {
    fn entry(&self, _: RunId, _: &Entry) {}
}

/// All that an engine needs, put together by the composition root or a test.
#[derive(Clone)]
pub struct Ports {
    /// By kind of source.
    pub providers: Arc<std::collections::BTreeMap<crate::playbook::SourceKind, Arc<dyn Provider>>>,
    /// Checks.
    pub verifier: Arc<dyn Verifier>,
    /// Commands.
    pub commands: Arc<dyn CommandRunner>,
    /// Events.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Whoever watches.
    pub observer: Arc<dyn Observer>,
}
