//! How things end: faults, checks, the verdict, the teardown.

use super::Outputs;
use crate::time::{Period, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

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
