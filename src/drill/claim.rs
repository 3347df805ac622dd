//! Recovery points, and the claims that a restore of one makes.

use crate::{
    ids::{ClaimId, RunId, StepId},
    playbook::{ServerEngine, SourceKind},
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Values that a step or claim gives to later ones: `path`, `endpoint`, `port`, `engine`, `recovery_point.time`.
pub type Outputs = BTreeMap<String, String>;

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
    /// A database server: databases and roles on it.
    Server {
        /// Of which kind.
        engine: ServerEngine,
        /// Where: `host:port`, or a socket's path.
        place: String,
    },
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
            Scope::Server { engine, place } => write!(f, "{} server {place}", engine.word()),
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
