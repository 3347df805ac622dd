//! Databases that AWS runs: what a playbook says of restoring one.

use super::servers::{LiveDatabase, ServerEngine};
use std::collections::BTreeMap;

/// A backup of an RDS instance, restored into an instance of its own in the scratch account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RdsSource {
    /// The DB instance whose backup is restored.
    pub instance: String,
    /// Where the backup lives, and who owns it.
    pub home: BackupHome,
    /// How the instance is made.
    pub into: InstanceWish,
    /// Whether "ready" means that the storage is loaded.
    pub hydration: HydrationWish,
    /// Where the database is reached instead of at its own endpoint: a port forward, a bastion.
    pub endpoint: Option<(String, u16)>,
    /// The database that the backups are of, for baselines and `expect: source`.
    pub live: Option<(ServerEngine, LiveDatabase)>,
}

/// Where backups that AWS keeps live.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BackupHome {
    /// The region; that of the scratch scope where absent.
    pub region: Option<String>,
    /// The account that owns them; that of the scratch scope where absent.
    pub account: Option<String>,
    /// Only backups that carry all of these tags.
    pub tags: BTreeMap<String, String>,
}

/// How a restored instance is made. What is absent is as it was on the source, or the restore is refused: a restore must not
/// fall back on a default group that nobody looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InstanceWish {
    /// Such as `db.r6g.large`.
    pub class: Option<String>,
    /// The DB subnet group.
    pub subnet_group: Option<String>,
    /// The VPC security groups.
    pub security_groups: Vec<String>,
    /// The DB parameter group.
    pub parameter_group: Option<String>,
    /// The option group.
    pub option_group: Option<String>,
    /// The KMS key of the scratch region: an ARN, an id or an alias.
    pub kms_key: Option<String>,
    /// The certificate authority.
    pub ca_certificate: Option<String>,
    /// Whether IAM tokens are taken for passwords.
    pub iam_authentication: Option<bool>,
    /// Such as `gp3`.
    pub storage_type: Option<String>,
    /// Provisioned I/O operations a second.
    pub iops: Option<i32>,
    /// MiB a second.
    pub throughput: Option<i32>,
    /// Whether it has a standby.
    pub multi_az: bool,
}

/// What a playbook wants of storage that is loaded lazily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HydrationWish {
    /// The step is done once all of it is loaded.
    Wait,
    /// The step is done once the database answers; when it is loaded is measured beside.
    #[default]
    Measure,
}
