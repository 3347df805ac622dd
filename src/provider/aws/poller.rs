//! One look serves everybody: listings of an account and region are shared by all the claims, runs and steps of this process
//! that wait there.
//!
//! A listing that is young enough is not asked for again. How young depends on who has waited for the shortest time: while
//! something was only just begun, looks are frequent; while all has been under way for long, rare. Whoever comes while a
//! listing is being read waits for it.

use super::{client::Connection, errors::Problem};
use crate::{
    drill::Claim,
    ids::{ClaimId, RunId},
    provider,
    time::{Period, SystemClock},
};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The shortest and the longest time between two looks.
const QUICKEST: Period = Period::from_secs(1);
const LONGEST: Period = Period::from_secs(30);
/// A claim that nobody has asked for in this time is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// How long to wait between two looks at what has been waited for `so_far`.
pub(super) fn pace(so_far: Period) -> Period {
    provider::pace(so_far, QUICKEST, LONGEST)
}

type Place = (String, String);
type Shelf<T> = Arc<tokio::sync::Mutex<Option<Listing<T>>>>;

struct Listing<T> {
    taken: Duration,
    items: Arc<Vec<T>>,
}

/// Listings of one kind of thing.
pub(super) struct Poller<T> {
    shelves: Mutex<BTreeMap<Place, Shelf<T>>>,
    watched: Mutex<BTreeMap<(RunId, ClaimId), Watch>>,
}

#[derive(Clone, Copy)]
struct Watch {
    since: Duration,
    last: Duration,
}

impl<T> Default for Poller<T> {
    fn default() -> Self {
        Self { shelves: Mutex::default(), watched: Mutex::default() }
    }
}

impl<T> Poller<T> {
    /// What there is, as old as these claims bear.
    pub(super) async fn look<F>(
        &self,
        connection: &Connection,
        claims: &[&Claim],
        list: impl FnOnce() -> F,
    ) -> Result<Arc<Vec<T>>, Problem>
    where
        F: Future<Output = Result<Vec<T>, Problem>>,
    {
        let place = (connection.account.clone(), connection.region.clone());
        let old_enough = self.bears(claims, SystemClock::read().monotonic);
        let shelf = match self.shelves.lock() {
            Ok(mut shelves) => Arc::clone(shelves.entry(place).or_default()),
            Err(_) => Shelf::default(),
        };
        let mut listing = shelf.lock().await;
        let now = SystemClock::read().monotonic;
        if let Some(listing) = listing.as_ref().filter(|it| now.saturating_sub(it.taken) < old_enough) {
            return Ok(Arc::clone(&listing.items));
        }
        // The moment before the answer: what happens while it is on its way is not in it.
        let items = Arc::new(list().await?);
        *listing = Some(Listing { taken: now, items: Arc::clone(&items) });
        Ok(items)
    }

    /// For how long this process has been looking at a claim.
    pub(super) fn watched_for(&self, claim: &Claim) -> Duration {
        let now = SystemClock::read().monotonic;
        let Ok(watched) = self.watched.lock() else { return Duration::ZERO };
        let watch = watched.get(&(claim.run, claim.id.clone()));
        watch.map_or(Duration::ZERO, |watch| now.saturating_sub(watch.since))
    }

    /// How old a listing may be for these claims: half of the time between two looks at the youngest.
    fn bears(&self, claims: &[&Claim], now: Duration) -> Duration {
        let Ok(mut watched) = self.watched.lock() else { return Duration::ZERO };
        watched.retain(|_, watch| now.saturating_sub(watch.last) < FORGOTTEN);
        let waits = claims.iter().map(|claim| {
            let watch =
                watched.entry((claim.run, claim.id.clone())).or_insert(Watch { since: now, last: now });
            watch.last = now;
            now.saturating_sub(watch.since)
        });
        let youngest = waits.min().unwrap_or_default();
        pace(youngest.into()).to_std() / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::aws::tags::tests::claim;

    #[test]
    fn looks_get_rare_with_time_and_never_too_rare() {
        assert_eq!(pace(Period::ZERO), QUICKEST);
        assert_eq!(pace(Period::from_secs(100)), Period::from_secs(10));
        assert_eq!(pace(Period::from_secs(36_000)), LONGEST);
    }

    #[test]
    fn the_youngest_claim_says_how_old_a_listing_may_be() {
        let poller: Poller<()> = Poller::default();
        let (old, young) = (claim("instance", "a"), claim("snapshot_copy", "b"));
        let seconds = Duration::from_secs;
        assert_eq!(poller.bears(&[&old], seconds(1000)), Duration::from_millis(500));
        assert_eq!(poller.bears(&[&old], seconds(1100)), seconds(5));
        assert_eq!(poller.bears(&[&old, &young], seconds(1100)), Duration::from_millis(500));
        assert_eq!(poller.bears(&[&old], seconds(1400)), seconds(15));
        // Nobody asked for so long: it begins anew.
        assert_eq!(poller.bears(&[&old], seconds(3000)), Duration::from_millis(500));
    }
}
