//! When to look at claims: all those of one source and scope in one call, paced by the provider.
//!
//! The number of calls does not grow with the number of claims: a hundred restores that wait in one account are
//! looked at together, as often as the one that has waited for the shortest time wants.

use super::perform::Key;
use crate::{
    drill::{Claim, RunState},
    ids::ClaimId,
    ports::{Observation, Ports},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// For each claim that is watched, since when and when it is looked at next.
#[derive(Debug, Default)]
pub(super) struct Polls {
    watched: BTreeMap<ClaimId, Watch>,
}

#[derive(Debug, Clone, Copy)]
struct Watch {
    since: Timestamp,
    next: Timestamp,
}

/// What to look at now, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// The rounds that are due, with all of their claims.
    pub due: BTreeMap<Key, Vec<Claim>>,
    /// Every round that is wanted.
    pub watched: BTreeSet<Key>,
    /// When each round is due next.
    pub next: BTreeMap<Key, Timestamp>,
}

impl Polls {
    /// Takes the claims to watch from here on; the others are forgotten.
    pub(super) fn arrange(&mut self, state: &RunState, wanted: &[ClaimId], now: Timestamp) -> Rounds {
        self.watched.retain(|claim, _| wanted.contains(claim));
        let mut rounds = Rounds::default();
        let mut all: BTreeMap<Key, Vec<Claim>> = BTreeMap::new();
        for id in wanted {
            let Some(claim) = state.claim(id).map(|claim| claim.claim()) else { continue };
            let watch = *self.watched.entry(id.clone()).or_insert(Watch { since: now, next: now });
            let key = Key::Observe(claim.source, claim.link.scope.clone());
            let next = rounds.next.entry(key.clone()).or_insert(watch.next);
            *next = (*next).min(watch.next);
            all.entry(key).or_default().push(claim.clone());
        }
        rounds.watched = all.keys().cloned().collect();
        rounds.due =
            all.into_iter().filter(|(key, _)| rounds.next.get(key).is_some_and(|at| now >= *at)).collect();
        rounds
    }

    /// Notes that a round was made.
    pub(super) fn looked(
        &mut self,
        ports: &Ports,
        key: &Key,
        seen: &[(ClaimId, Observation)],
        now: Timestamp,
    ) {
        let Key::Observe(source, _) = key else { return };
        let Some(provider) = ports.providers.get(source) else { return };
        for (claim, _) in seen {
            if let Some(watch) = self.watched.get_mut(claim) {
                watch.next = now + provider.pace(now.since(watch.since));
            }
        }
    }
}
