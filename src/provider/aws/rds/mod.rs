//! Backups of RDS instances, restored into instances of their own.
//!
//! ```text
//!  eu-west-1: snapshot ──CopyDBSnapshot──> eu-central-1: fd-RUN-STEP-1 ──Restore…──> instance fd-RUN-STEP-1
//! ```
//!
//! | claim | what it is | when |
//! | --- | --- | --- |
//! | `snapshot_copy` | a manual snapshot | the backup lies elsewhere, is another's and encrypted, or is to have another key |
//! | `instance` | the restored instance | always |
//!
//! The source is read, never changed. See [`chain`] for what a restore takes, [`settings`] for what it is made with, and
//! [`readback`] for what is proven before anything logs in to it.

mod chain;
mod describe;
mod names;
mod observe;
mod owned;
mod password;
mod place;
mod points;
mod preflight;
mod presign;
mod readback;
mod release;
mod restore;
mod settings;
mod turn;

pub use password::RdsLogins;

use super::client::{Cloud, Connection, permanent, place_of};
use crate::{
    drill::{Candidate, Claim, Fault, Link, RecoveryPoint, Scope},
    ids::ClaimId,
    playbook::{RdsSource, Source, SourceKind},
    ports::{
        AcquireRequest, Observation, Owned, Preflight, Provider, Receipts, ReleaseRequest, RestoreRequest,
    },
    provider::scratch::refused,
    time::Period,
};
use async_trait::async_trait;
use futures_util::future::join_all;
use observe::Watcher;
use place::Place;
use std::{collections::BTreeMap, fmt, sync::Arc};
use turn::Turn;

/// How long credentials that ran out are waited for, before a restore fails for want of them.
const RENEWAL: Period = Period::from_secs(600);

/// Restores backups of RDS instances.
pub struct Rds {
    cloud: Arc<Cloud>,
    watcher: Watcher,
    turn: Turn,
}

impl fmt::Debug for Rds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rds")
    }
}

impl Rds {
    /// With AWS as the operator lets firedrill see it.
    pub fn new(cloud: Arc<Cloud>) -> Self {
        Self { cloud, watcher: Watcher::default(), turn: Turn::default() }
    }

    fn source<'a>(&self, ask: &RestoreRequest<'a>) -> Result<&'a RdsSource, Fault> {
        match &ask.restore.source {
            Source::Rds(source) => Ok(source),
            other => Err(permanent(format!("`{}` is not restored by the rds provider", other.kind().key()))),
        }
    }

    fn place(&self, ask: &RestoreRequest<'_>) -> Result<Place, Fault> {
        Place::of(self.cloud.config(), ask.scratch_aws, &self.source(ask)?.home)
    }

    async fn candidates(&self, ask: &RestoreRequest<'_>, place: &Place) -> Result<Vec<Candidate>, Fault> {
        let (source, wish) = (self.source(ask)?, &ask.restore.recovery_point);
        let scratch = self.cloud.reading(&place.account, &place.region).await?;
        let list = |home: Arc<Connection>| {
            let scratch = Arc::clone(&scratch);
            async move { points::list(&home, &scratch, place, source, wish).await }
        };
        Ok(self.cloud.looking(&place.account, &place.home, list).await?)
    }

    /// The claims of one scope, answered together.
    async fn observe_in(&self, scope: &Scope, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        let seen = match place_of(scope) {
            // Whose account it is was asked: "not there" from another account would be no proof.
            Ok((account, region)) => {
                let look = |at: Arc<Connection>| async move { self.watcher.observe(&at, claims).await };
                self.cloud.looking(account, region, look).await.map_err(Fault::from)
            }
            Err(fault) => Err(fault),
        };
        seen.unwrap_or_else(|fault| {
            claims.iter().map(|claim| (claim.id.clone(), Observation::Unknown(fault.clone()))).collect()
        })
    }
}

fn is_mine(claim: &Claim) -> Result<(), Fault> {
    match claim.source {
        SourceKind::Rds => Ok(()),
        other => Err(refused(format!("the claim {} was made by the {} provider", claim.id, other.key()))),
    }
}

#[async_trait]
impl Provider for Rds {
    async fn preflight(&self, ask: &RestoreRequest<'_>) -> Result<Preflight, Fault> {
        let source = self.source(ask)?;
        let place = self.place(ask)?;
        let candidates = self.candidates(ask, &place).await?;
        let at = self.cloud.reading(&place.account, &place.region).await?;
        let mut found = Preflight::default();
        preflight::look(&at, ask, &place, source, candidates, &mut found).await?;
        Ok(found)
    }

    async fn recovery_points(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
        self.candidates(ask, &self.place(ask)?).await
    }

    fn chain(&self, ask: &RestoreRequest<'_>, point: &RecoveryPoint) -> Result<Vec<Link>, Fault> {
        chain::links(ask, &self.place(ask)?, self.source(ask)?, point)
    }

    async fn acquire(&self, ask: &AcquireRequest<'_>) -> Result<Receipts, Fault> {
        is_mine(ask.claim)?;
        let make = |at| async move { restore::acquire(&at, ask.claim, ask.earlier).await };
        let make = || self.cloud.working(&ask.claim.link.scope, RENEWAL, make);
        Ok(self.turn.take(&self.cloud, &self.watcher, ask, make).await?)
    }

    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        let mut by_scope: BTreeMap<&Scope, Vec<&Claim>> = BTreeMap::new();
        for claim in claims {
            by_scope.entry(&claim.link.scope).or_default().push(claim);
        }
        let all = join_all(by_scope.iter().map(|(scope, claims)| self.observe_in(scope, claims))).await;
        all.into_iter().flatten().collect()
    }

    async fn release(&self, claim: &Claim, _: &ReleaseRequest<'_>) -> Result<Receipts, Fault> {
        is_mine(claim)?;
        // The engine asks again by itself, and says that it does: nothing is waited for here.
        let remove = |at| async move { release::release(&at, claim).await };
        Ok(self.cloud.working(&claim.link.scope, Period::ZERO, remove).await?)
    }

    async fn owned(&self, scope: &Scope) -> Result<Vec<Owned>, Fault> {
        let Ok((account, region)) = place_of(scope) else { return Ok(Vec::new()) };
        let at = self.cloud.reading(account, region).await?;
        Ok(owned::list(&at, scope).await?)
    }

    fn pace(&self, so_far: Period) -> Period {
        super::poller::pace(so_far)
    }
}
