//! What a checked playbook says. Built by [`Playbook::parse`](super::Playbook::parse) alone; nothing after it re-checks.

mod restore;
mod verify;

pub use restore::*;
pub use verify::*;

use crate::{
    ids::{Digest, PlaybookName, StepId},
    time::Period,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A checked playbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    pub(super) text: String,
    pub(super) folder: PathBuf,
    pub(super) metadata: Metadata,
    pub(super) scenario: Option<String>,
    pub(super) controls: Vec<String>,
    pub(super) objectives: Objectives,
    pub(super) schedule: Option<Schedule>,
    pub(super) limits: Limits,
    pub(super) scratch: ScratchWish,
    pub(super) steps: Vec<Step>,
}

impl Playbook {
    /// The file's text, as it was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
    /// The folder that relative paths in the playbook start from: the one that holds the file.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }
    /// The same, with relative paths starting from `folder`.
    pub fn in_folder(mut self, folder: PathBuf) -> Self {
        self.folder = folder;
        self
    }
    /// Its name.
    pub fn name(&self) -> &PlaybookName {
        &self.metadata.name
    }
    /// Name, description, owner.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
    /// What is imagined to have happened.
    pub fn scenario(&self) -> Option<&str> {
        self.scenario.as_deref()
    }
    /// Control references such as `SOC2:A1.3`.
    pub fn controls(&self) -> &[String] {
        &self.controls
    }
    /// What the business was promised.
    pub fn objectives(&self) -> Objectives {
        self.objectives
    }
    /// When it runs by itself.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }
    /// What a run may take.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
    /// How far the author narrows the operator's scratch scopes.
    pub fn scratch(&self) -> &ScratchWish {
        &self.scratch
    }
    /// The steps, each after everything that it needs.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }
}

/// Who the playbook is and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// A DNS label, unique among the playbooks.
    pub name: PlaybookName,
    /// For a person.
    pub description: Option<String>,
    /// The team that answers for it.
    pub owner: Option<String>,
    /// The demonstration database that firedrill makes before the run, for the quick start.
    pub sample: Option<Sample>,
}

/// A demonstration database that firedrill can make by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// A web shop: customers, orders, order lines, a ledger, events.
    Orders,
    /// The same, its newest backup silently altered.
    OrdersCorrupted,
}

/// What the business was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objectives {
    /// Recovery time objective.
    pub rto: Option<Period>,
    /// Recovery point objective.
    pub rpo: Option<Period>,
}

/// When a playbook runs by itself. The cron text and zone are known to be valid and to fire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Seconds-first cron text, or `@quarterly` and the like.
    pub cron: String,
    /// IANA zone; UTC where none is given.
    pub timezone: chrono_tz::Tz,
    /// Drawn at random inside a window that each fire opens.
    pub unannounced: Option<Unannounced>,
    /// When never to run.
    pub blackout: Vec<Blackout>,
    /// What to do with a fire that was missed while the service was down.
    pub missed: Missed,
}

/// The window in which an unannounced drill happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unannounced {
    /// How long the window is open.
    pub window: Period,
    /// Minutes after midnight between which it may begin.
    pub between: Option<(u32, u32)>,
    /// Days on which it may begin; all where empty.
    pub days: Vec<chrono::Weekday>,
}

/// A stretch of days without drills, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blackout {
    /// First day.
    pub from: chrono::NaiveDate,
    /// Last day.
    pub to: chrono::NaiveDate,
    /// Why.
    pub reason: Option<String>,
}

/// What to do with a missed fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Once, as soon as possible.
    RunOnce,
    /// Not at all.
    Skip,
}

/// What a run may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// The whole run until teardown begins; what is not done by then has failed.
    pub max_duration: Period,
    /// After a failure, keep what was restored this long for a person to look at.
    pub keep_on_failure: Option<Period>,
    /// How long teardown may try before it calls a claim leaked.
    pub teardown: Period,
    /// The run is refused where its estimate is higher.
    pub max_cost_usd: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_duration: Period::from_secs(24 * 3600),
            keep_on_failure: None,
            teardown: Period::from_secs(3600),
            max_cost_usd: None,
        }
    }
}

/// The scratch places that the author wishes for: each must be allowed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScratchWish {
    /// An AWS account and region.
    pub aws: Option<AwsScratch>,
    /// A Kubernetes context and namespace patterns.
    pub kubernetes: Option<KubernetesScratch>,
    /// A folder, absolute or relative to the playbook.
    pub folder: Option<PathBuf>,
}

/// An AWS account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwsScratch {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
}

/// A Kubernetes context and namespace patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KubernetesScratch {
    /// As in the kubeconfig.
    pub context: String,
    /// Names; `*` at the end stands for the rest.
    pub namespaces: Vec<String>,
}

/// A node of the playbook's graph.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// The steps that must have succeeded before it starts.
    pub needs: Vec<StepId>,
    /// Whether the verdict depends on it. Steps that need one which failed are skipped either way.
    pub required: bool,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    /// Whether and how to try again.
    pub retry: Retry,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// The checks that this step makes, in order, by name: a verify step's, the built-in ones of a restore,
    /// the exit code of a command. Empty for an approval.
    pub fn check_names(&self) -> Vec<(String, bool)> {
        match &self.action {
            Action::Restore(restore) => {
                restore.built_in_checks().into_iter().map(|c| (c.name, true)).collect()
            }
            Action::Verify(verify) => verify.checks.iter().map(|c| (c.name.clone(), c.required)).collect(),
            Action::Run(_) => vec![("exit code".to_owned(), true)],
            Action::Approve(_) => Vec::new(),
        }
    }
}

/// Whether and how to try a step again. Only failures that may pass are tried again: never a check that
/// ran and found the data wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How many attempts in all, at least one.
    pub attempts: u32,
    /// The pause after the first; it doubles each time.
    pub backoff: Period,
    /// The longest pause.
    pub max_backoff: Period,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 1, backoff: Period::from_secs(5), max_backoff: Period::from_secs(300) }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a playbook has few steps, and boxes would be in every match")]
pub enum Action {
    /// Restores a backup.
    Restore(Restore),
    /// Proves something about what was restored.
    Verify(Verify),
    /// Asks a person.
    Approve(Approve),
    /// Runs a command.
    Run(CommandSpec),
}

impl Action {
    /// The word in the playbook.
    pub fn word(&self) -> &'static str {
        match self {
            Action::Restore(_) => "restore",
            Action::Verify(_) => "verify",
            Action::Approve(_) => "approve",
            Action::Run(_) => "run",
        }
    }
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approve {
    /// What is asked.
    pub question: String,
    /// How long to wait; the run's `max_duration` bounds it too.
    pub timeout: Option<Period>,
}
