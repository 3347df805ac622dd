//! Where the backup lives and where it is restored.

use crate::{
    config::Config,
    drill::{Fault, Scope},
    playbook::{AwsScratch, BackupHome},
    provider::scratch::refused,
};

/// Where the backup lives and where it is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The scratch account.
    pub(super) account: String,
    /// The scratch region.
    pub(super) region: String,
    /// The region of the backup.
    pub(super) home: String,
    /// The account that owns it.
    pub(super) owner: String,
}

impl Place {
    /// By what the playbook says and the operator allows.
    pub(super) fn of(config: &Config, wish: Option<&AwsScratch>, home: &BackupHome) -> Result<Self, Fault> {
        let AwsScratch { account, region } = config.scratch_aws(wish).map_err(refused)?;
        Ok(Self {
            home: home.region.clone().unwrap_or_else(|| region.clone()),
            owner: home.account.clone().unwrap_or_else(|| account.clone()),
            account,
            region,
        })
    }

    /// Whether the scratch account owns the backup.
    pub(super) fn own(&self) -> bool {
        self.owner == self.account
    }

    /// Whether the backup lies where it is restored, and is the scratch account's own.
    pub(super) fn here(&self) -> bool {
        self.own() && self.home == self.region
    }

    /// Where claims are made.
    pub(super) fn scope(&self) -> Scope {
        Scope::Aws { account: self.account.clone(), region: self.region.clone() }
    }
}
