//! Waiting for one's turn to copy: an account may have only so many copies under way to a region at once.
//!
//! RDS says so in the same words as when the account may have no more snapshots at all. The two are told apart by whether any
//! copy is under way: if one is, there is something to wait for. One claim of this process waits and tries; the others
//! wait for it.

use super::{
    chain::COPY,
    observe::{Watcher, is_underway},
};
use crate::{
    drill::Claim,
    ports::{AcquireRequest, Receipts, Tick},
    provider::aws::{
        client::{Cloud, place_of},
        errors::{Kind, Problem},
        poller::pace,
    },
    time::{Period, SystemClock},
};
use std::future::Future;
use tokio::sync::Mutex;

/// A listing may be older than a copy that was just begun: only so many refusals with no copy in sight mean that there is
/// nothing to wait for.
const ALONE: u32 = 3;

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turn(Mutex<()>);

impl Turn {
    /// Makes a claim by `make`; a copy that there is no room for waits until another one is done.
    pub(super) async fn take<F>(
        &self,
        cloud: &Cloud,
        watcher: &Watcher,
        ask: &AcquireRequest<'_>,
        make: impl Fn() -> F,
    ) -> Result<Receipts, Problem>
    where
        F: Future<Output = Result<Receipts, Problem>>,
    {
        match make().await {
            Err(problem) if problem.kind == Kind::Quota && ask.claim.link.kind == COPY => {}
            other => return other,
        }
        let _turn = self.0.lock().await;
        let started = SystemClock::read().monotonic;
        let (mut before, mut alone) = (None, 0);
        loop {
            let underway = underway(cloud, watcher, ask.claim).await?;
            // The first look comes after others may have been waited for; from then on only a copy that is done makes room.
            if underway == 0 || before.is_none_or(|before| underway < before) {
                match make().await {
                    Err(problem) if problem.kind == Kind::Quota => {
                        alone = if underway == 0 { alone + 1 } else { 0 };
                        if alone >= ALONE {
                            return Err(problem);
                        }
                    }
                    other => return other,
                }
            }
            before = Some(underway);
            ask.progress.tick(Tick {
                step: ask.restore.step.clone(),
                what: COPY.to_owned(),
                done: None,
                total: None,
                unit: "copies",
                note: format!("waiting: {underway} copies are under way, as many as the account may have"),
            });
            let waited: Period = SystemClock::read().monotonic.saturating_sub(started).into();
            tokio::time::sleep(pace(waited).to_std()).await;
        }
    }
}

/// How many copies are under way to the claim's region, whoever made them.
async fn underway(cloud: &Cloud, watcher: &Watcher, claim: &Claim) -> Result<usize, Problem> {
    let (account, region) = place_of(&claim.link.scope).map_err(super::super::client::as_problem)?;
    let count = |at: std::sync::Arc<super::Connection>| async move {
        let listed = watcher.copies(&at, claim).await?;
        Ok(listed.iter().filter(|snapshot| is_underway(snapshot)).count())
    };
    cloud.looking(account, region, count).await
}
