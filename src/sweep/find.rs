//! The first phase: what bears firedrill's mark in the places that the operator allows. Nothing is changed.

use super::{
    FORMAT, Found, Place, Sweep, SweepError, Thing,
    judge::{Run, judge},
    scopes::{digest, scopes},
};
use crate::{
    drill::{Claim, ClaimStage, Fault, FaultClass, Scope, Teardown, fold},
    ids::RunId,
    journal::{RunFilter, RunStatus},
    ports::{Journal, JournalError, Observation, Owned, Provider},
    time::{Period, Timestamp},
};
use std::{collections::BTreeMap, sync::Arc};

/// A place that takes longer than this to answer tells nothing.
const LOOK_LIMIT: Period = Period::from_secs(120);

/// What one place holds.
#[derive(Default)]
struct Look {
    owned: Vec<Owned>,
    unclear: Vec<String>,
    identity: Option<String>,
}

impl Sweep<'_> {
    /// Looks at every place.
    pub async fn find(&self) -> Result<Found, SweepError> {
        let (scopes, mut unclear) = scopes(self.config);
        let (mut places, mut owned) = (Vec::new(), Vec::<Owned>::new());
        for (scope, makers) in scopes {
            let makers: Vec<&Arc<dyn Provider>> =
                makers.iter().filter_map(|kind| self.providers.get(kind)).collect();
            let mut place = Place { scope, identity: None, fault: None, passed_over: makers.is_empty() };
            match self.within(look(&makers, &place.scope)).await {
                Ok(look) => {
                    for found in look.owned {
                        let again = |other: &Owned| {
                            other.run == found.run
                                && other.claim.id == found.claim.id
                                && other.claim.link.scope == found.claim.link.scope
                        };
                        if !owned.iter().any(again) {
                            owned.push(found);
                        }
                    }
                    unclear.extend(look.unclear);
                    place.identity = look.identity;
                }
                Err(fault) => place.fault = Some(fault),
            }
            places.push(place);
        }
        // The journal after the places: a run journals a claim before it makes it, so no run of ours is overlooked.
        let now = self.now();
        let mut runs: BTreeMap<RunId, Run> = BTreeMap::new();
        let mut things = Vec::new();
        for Owned { run, claim } in owned {
            if claim.run != run {
                unclear
                    .push(format!("the marks of {} in {} name two runs", claim.link.name, claim.link.scope));
                continue;
            }
            if let std::collections::btree_map::Entry::Vacant(vacant) = runs.entry(run) {
                vacant.insert(self.run(run, now).await?);
            }
            let (standing, why) = judge(&claim, runs.get(&run).unwrap_or(&Run::Unknown), now, self.min_age);
            let declared = run.declared();
            let age = declared.map(|declared| now.since(declared));
            things.push(Thing { claim, declared, age, standing, why });
        }
        unclear.extend(self.forgotten(&places, &things, now).await?);
        things.sort_by(|a, b| {
            (&a.claim.link.scope, a.claim.run, &a.claim.id).cmp(&(
                &b.claim.link.scope,
                b.claim.run,
                &b.claim.id,
            ))
        });
        Ok(Found {
            format: FORMAT.to_owned(),
            at: now,
            by: self.by.clone(),
            config: digest(self.config),
            places,
            things,
            unclear,
        })
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            result = work => result,
            () = self.clock.sleep(LOOK_LIMIT) => {
                Err(Fault::new(FaultClass::Timeout, format!("looking there took longer than {LOOK_LIMIT}")))
            }
        }
    }

    /// What the journal says of a run. Whatever can't be read is no reason to take the run for unknown.
    pub(super) async fn run(&self, run: RunId, now: Timestamp) -> Result<Run, SweepError> {
        let entries = match self.journal.entries(run).await {
            Ok(entries) => entries,
            Err(JournalError::NoSuchRun(_)) => return Ok(Run::Unknown),
            Err(error @ JournalError::Damaged { .. }) => return Ok(Run::Unreadable(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let state = match fold(&entries) {
            Ok(state) => state,
            Err(illegal) => return Ok(Run::Unreadable(illegal.to_string())),
        };
        let filter = RunFilter { only: Some(run), ..RunFilter::default() };
        let rows = self.journal.runs(&filter, now).await?;
        let Some(row) = rows.first() else {
            return Ok(Run::Unreadable("it is not in the list of runs".to_owned()));
        };
        let claims: Vec<Claim> = state.claims().iter().map(|claim| claim.claim().clone()).collect();
        Ok(match (row.status, state.finished()) {
            (RunStatus::Finished, Some(_)) => Run::Finished(claims),
            (RunStatus::Interrupted, None) => Run::Resumable(claims),
            (RunStatus::Running | RunStatus::Waiting, None) => {
                Run::Driven(row.holder.clone().unwrap_or_else(|| "another process".to_owned()))
            }
            // It has ended or begun between two looks.
            _ => Run::Driven("another process".to_owned()),
        })
    }

    /// What finished runs gave up on, and no mark was found of: it may be there without one.
    async fn forgotten(
        &self,
        places: &[Place],
        things: &[Thing],
        now: Timestamp,
    ) -> Result<Vec<String>, SweepError> {
        let mut said = Vec::new();
        for row in self.journal.runs(&RunFilter::default(), now).await? {
            if !matches!(row.teardown, Some(Teardown::Leaked(_))) {
                continue;
            }
            let Ok(entries) = self.journal.entries(row.run).await else {
                said.push(format!("run {} left something behind, and its journal can't be read", row.run));
                continue;
            };
            let Ok(state) = fold(&entries) else { continue };
            for leaked in state.claims().iter().filter(|claim| claim.stage() == ClaimStage::Leaked) {
                let claim = leaked.claim();
                if things.iter().any(|thing| thing.claim.run == claim.run && thing.claim.id == claim.id) {
                    continue;
                }
                said.extend(self.unmarked(places, claim).await);
            }
        }
        Ok(said)
    }

    /// In words, unless it is known to be gone.
    async fn unmarked(&self, places: &[Place], claim: &Claim) -> Option<String> {
        let link = &claim.link;
        let name =
            format!("{} {} in {}, left by run {}", link.kind, link.name, link.scope, claim.run.short());
        let place = places.iter().find(|place| place.scope == link.scope);
        if place.is_none_or(|place| place.passed_over) {
            return Some(format!("{name}: that place is not scratch any more, so it is not looked at"));
        }
        // Said of the place already.
        if place.is_some_and(|place| place.fault.is_some()) {
            return None;
        }
        let provider = self.providers.get(&claim.source)?;
        let look = async { Ok(provider.observe(&[claim]).await) };
        let seen = self.within(look).await.ok()?.into_iter().next().map(|(_, seen)| seen);
        match seen {
            Some(Observation::Absent { .. }) => None,
            _ => Some(format!(
                "{name}: it may be there still, and bears no mark that tells that it is firedrill's"
            )),
        }
    }
}

async fn look(makers: &[&Arc<dyn Provider>], scope: &Scope) -> Result<Look, Fault> {
    let mut found = Look::default();
    for provider in makers {
        found.owned.extend(provider.owned(scope).await?);
        found.unclear.extend(provider.unclear(scope).await?);
        if found.identity.is_none() {
            found.identity = provider.identity(scope).await?;
        }
    }
    Ok(found)
}
