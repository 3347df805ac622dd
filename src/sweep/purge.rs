//! The second phase: what is on the list, left behind still, and in the same places, is removed and observed absent.

use super::{
    Found, Standing, Sweep, SweepError, Thing,
    fits::fits,
    judge::{Run, judge},
    list::Listed,
};
use crate::{
    drill::{Claim, Fault, FaultClass, Outputs, RecoveryPoint, fold},
    ids::RunId,
    journal::Deletion,
    playbook::{Action, Playbook, Restore, Selector, Source, SourceKind},
    ports::{
        Journal, JournalError, Known, LEASE, Lease, Observation, Provider, Receipts, ReleaseRequest,
        RestoreRequest,
    },
    time::{Period, Timestamp},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A removal that was taken but shows no effect is asked for again after this long.
const AGAIN: Period = Period::from_secs(120);

/// What is not gone by then is left.
const PATIENCE: Period = Period::from_secs(3600);

/// A call to remove that takes longer than this is made again.
const RELEASE_LIMIT: Period = Period::from_secs(600);

/// A look that takes longer than this tells nothing.
const LOOK_LIMIT: Period = Period::from_secs(60);

/// A claim under removal.
struct Removal {
    /// Its place among the things found.
    at: usize,
    claim: Claim,
    because: String,
    place: Option<String>,
    tries: u32,
    asked: Option<Timestamp>,
    fault: Option<Fault>,
    /// It may not be touched any more.
    closed: bool,
}

impl Removal {
    /// Whether it is to be asked for now.
    fn due(&self, now: Timestamp) -> bool {
        match (self.asked, &self.fault) {
            (None, _) | (_, Some(_)) => true,
            (Some(asked), None) => now.since(asked) >= AGAIN,
        }
    }
}

/// What a release needs of the run, as far as the journal has it.
struct Origin {
    playbook: Option<Playbook>,
    folder: PathBuf,
    points: BTreeMap<crate::ids::StepId, RecoveryPoint>,
    known: Known,
    declared: Timestamp,
}

impl Sweep<'_> {
    /// Finds again, and removes what is on the list too.
    pub async fn purge(&self, list: &Listed) -> Result<Found, SweepError> {
        let mut found = self.find().await?;
        fits(list, &found)?;
        let mut pool = Vec::new();
        for (at, thing) in found.things.iter_mut().enumerate() {
            if thing.standing != Standing::LeftBehind {
                continue;
            }
            let listed =
                list.found.things.iter().any(|old| old.is(thing) && old.standing == Standing::LeftBehind);
            if !listed {
                thing.why +=
                    &format!("; it is not on the list of {}, so it stays for the next", list.at().human());
                continue;
            }
            let place = found.places.iter().find(|place| place.scope == thing.claim.link.scope);
            pool.push(Removal {
                at,
                claim: thing.claim.clone(),
                because: thing.why.clone(),
                place: place.and_then(|place| place.identity.clone()),
                tries: 0,
                asked: None,
                fault: None,
                closed: false,
            });
        }
        let mut work = Work { sweep: self, id: self.id(), leases: BTreeMap::new(), origins: BTreeMap::new() };
        let result = work.remove(pool, &mut found.things).await;
        for lease in work.leases.into_values() {
            // It runs out by itself.
            if let Err(error) = self.journal.give_up(&lease).await {
                tracing::debug!(%error, run = %lease.run, "a lease was not given up");
            }
        }
        result?;
        found.at = self.now();
        Ok(found)
    }
}

struct Work<'a> {
    sweep: &'a Sweep<'a>,
    id: RunId,
    leases: BTreeMap<RunId, Lease>,
    origins: BTreeMap<RunId, Origin>,
}

impl Work<'_> {
    async fn remove(&mut self, mut pool: Vec<Removal>, things: &mut [Thing]) -> Result<(), SweepError> {
        let began = self.sweep.now();
        while !pool.is_empty() {
            let before = pool.len();
            for removal in &mut pool {
                if removal.due(self.sweep.now()) {
                    match self.may(&removal.claim).await? {
                        None => self.ask(removal).await?,
                        Some(why) => {
                            settle(things, removal, why.0, why.1);
                            removal.closed = true;
                        }
                    }
                }
            }
            pool.retain(|removal| !removal.closed);
            let gone = self.look(&pool).await;
            let mut left = Vec::new();
            for removal in pool {
                match gone.get(&removal.at) {
                    Some(proof) => {
                        self.record(&removal.claim, &Deletion::Absent { proof: proof.clone() }).await?;
                        settle(things, &removal, Standing::Removed, format!("observed gone: {proof}"));
                    }
                    None => left.push(removal),
                }
            }
            pool = left;
            let stuck = pool.len() == before;
            let late = self.sweep.now().since(began) > PATIENCE;
            let mut going_on = Vec::new();
            for removal in pool {
                // What another thing still rests on is given up only once nothing else goes away.
                let hopeless = removal.fault.as_ref().is_some_and(|fault| !fault.class.may_pass()) && stuck;
                if !hopeless && !late {
                    going_on.push(removal);
                    continue;
                }
                let reason = match &removal.fault {
                    Some(fault) => fault.message.clone(),
                    None => format!("it is still there {} after it was asked to go", PATIENCE.human()),
                };
                self.record(&removal.claim, &Deletion::Left { reason: reason.clone() }).await?;
                let why = format!("{}; it could not be removed: {reason}", removal.because);
                settle(things, &removal, Standing::StillThere, why);
            }
            pool = going_on;
            if let Some(first) = pool.first() {
                let waited = self.sweep.now().since(began);
                let pace = self.provider(first.claim.source).map(|provider| provider.pace(waited));
                self.pause(pace.unwrap_or(Period::from_secs(1))).await;
            }
        }
        Ok(())
    }

    /// Why it may not be touched at this very moment.
    async fn may(&mut self, claim: &Claim) -> Result<Option<(Standing, String)>, SweepError> {
        let run = claim.run;
        let now = self.sweep.now();
        if let Some(lease) = self.leases.get(&run) {
            return Ok(match self.sweep.journal.renew(lease, now).await {
                Ok(()) => None,
                Err(JournalError::LeaseLost(_)) => {
                    Some((Standing::Kept, "another process has taken its run up".to_owned()))
                }
                Err(error) => return Err(error.into()),
            });
        }
        let known = self.sweep.run(run, now).await?;
        let (standing, why) = judge(claim, &known, now, self.sweep.min_age);
        if standing != Standing::LeftBehind {
            return Ok(Some((standing, why)));
        }
        if let Run::Resumable(_) = known {
            // From here on nobody can resume it.
            match self.sweep.journal.take_lease(run, &self.sweep.holder, now).await {
                Ok(lease) => drop(self.leases.insert(run, lease)),
                Err(JournalError::Held { holder, .. }) => {
                    return Ok(Some((Standing::Kept, format!("its run is being driven by {holder}"))));
                }
                Err(JournalError::Finished(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The intent, the call, and what came of it.
    async fn ask(&mut self, removal: &mut Removal) -> Result<(), SweepError> {
        removal.tries += 1;
        let intent = Deletion::Intended {
            claim: Box::new(removal.claim.clone()),
            because: removal.because.clone(),
            place: removal.place.clone(),
            by: self.sweep.by.clone(),
            tries: removal.tries,
        };
        self.record(&removal.claim, &intent).await?;
        let result = self.release(&removal.claim).await;
        removal.asked = Some(self.sweep.now());
        let came = match result {
            Ok(receipts) => {
                removal.fault = None;
                Deletion::Accepted { receipts }
            }
            Err(fault) => {
                removal.fault = Some(fault.clone());
                Deletion::Failed { fault }
            }
        };
        self.record(&removal.claim, &came).await
    }

    async fn release(&mut self, claim: &Claim) -> Result<Receipts, Fault> {
        if !self.origins.contains_key(&claim.run) {
            let origin = self.origin(claim).await;
            self.origins.insert(claim.run, origin);
        }
        let provider = self.provider(claim.source).ok_or_else(|| {
            Fault::new(FaultClass::Refused, format!("this build has no `{}`", claim.source.key()))
        })?;
        let origin = self
            .origins
            .get(&claim.run)
            .ok_or_else(|| Fault::new(FaultClass::Permanent, "nothing is known of its run"))?;
        let unknown = origin.restore(claim);
        let restore = origin.playbook.as_ref().and_then(|playbook| {
            match playbook.step(&claim.step).map(|step| &step.action) {
                Some(Action::Restore(restore)) => Some(restore),
                _ => None,
            }
        });
        let scratch = origin.playbook.as_ref().map(Playbook::scratch);
        let point = origin.point(claim);
        let ask = ReleaseRequest {
            restore: RestoreRequest {
                run: claim.run,
                step: &claim.step,
                attempt: claim.attempt,
                restore: restore.unwrap_or(&unknown),
                folder: &origin.folder,
                scratch_folder: scratch.and_then(|scratch| scratch.folder.as_deref()),
                scratch_aws: scratch.and_then(|scratch| scratch.aws.as_ref()),
                declared: origin.declared,
            },
            point: &point,
            known: &origin.known,
        };
        let lease = self.leases.get(&claim.run);
        tokio::select! {
            biased;
            result = provider.release(claim, &ask) => result,
            lost = self.keep(lease) => Err(lost),
            () = self.sweep.clock.sleep(RELEASE_LIMIT) => {
                let what = format!("the call to remove it took longer than {RELEASE_LIMIT}");
                Err(Fault::new(FaultClass::Timeout, what))
            }
        }
    }

    /// Keeps the lease of the run whose claim is being removed; ends only if it is lost.
    async fn keep(&self, lease: Option<&Lease>) -> Fault {
        let Some(lease) = lease else { return std::future::pending().await };
        loop {
            self.sweep.clock.sleep(Period::from_millis(LEASE.as_millis() / 3)).await;
            if let Err(error) = self.sweep.journal.renew(lease, self.sweep.now()).await
                && !matches!(error, JournalError::Busy(_))
            {
                return Fault::new(FaultClass::Transient, format!("its run could not be held: {error}"));
            }
        }
    }

    /// A pause in which no lease runs out.
    async fn pause(&self, period: Period) {
        let longest = Period::from_millis(LEASE.as_millis() / 3);
        self.sweep.clock.sleep(period.min(longest)).await;
        for lease in self.leases.values() {
            // Whether it is held still is asked before anything is touched.
            if let Err(error) = self.sweep.journal.renew(lease, self.sweep.now()).await {
                tracing::debug!(%error, run = %lease.run, "a lease was not renewed");
            }
        }
    }

    async fn origin(&self, claim: &Claim) -> Origin {
        let run = claim.run;
        let mut origin = Origin {
            playbook: None,
            folder: PathBuf::from("/"),
            points: BTreeMap::new(),
            known: Known { run: run.to_string(), ..Known::default() },
            declared: run.declared().unwrap_or(Timestamp::from_millis(0)),
        };
        if let Ok(entries) = self.sweep.journal.entries(run).await
            && let Ok(state) = fold(&entries)
        {
            origin.declared = state.declared();
            origin.known = crate::engine::known(&state);
            for step in state.steps() {
                let chosen = step.chosen().map(|chosen| (step.id().clone(), chosen.point.clone()));
                origin.points.extend(chosen);
            }
        }
        if let Ok(text) = self.sweep.journal.playbook_of(run).await {
            origin.folder.clone_from(&text.folder);
            origin.playbook = Playbook::parse_text(&text).ok().map(|checked| checked.playbook);
        }
        origin
    }

    /// Which of them are observed absent, by their place among the things found, with the proof.
    async fn look(&self, pool: &[Removal]) -> BTreeMap<usize, String> {
        // One look for each source, place and run: a claim's id is its own only within its run.
        let mut groups: BTreeMap<_, Vec<&Removal>> = BTreeMap::new();
        for removal in pool {
            let claim = &removal.claim;
            groups.entry((claim.source, claim.link.scope.clone(), claim.run)).or_default().push(removal);
        }
        let mut gone = BTreeMap::new();
        for ((source, ..), group) in groups {
            let Some(provider) = self.provider(source) else { continue };
            // An attempt to make it may still be on its way.
            let settle = group.iter().map(|removal| removal.claim.link.settle).max().unwrap_or_default();
            let asked = group.iter().filter_map(|removal| removal.asked).max();
            let waited = asked.map(|asked| self.sweep.now().since(asked)).unwrap_or_default();
            if waited < settle {
                self.pause(Period::from_millis(settle.as_millis() - waited.as_millis())).await;
            }
            let claims: Vec<&Claim> = group.iter().map(|removal| &removal.claim).collect();
            let seen = tokio::select! {
                biased;
                seen = provider.observe(&claims) => seen,
                () = self.sweep.clock.sleep(LOOK_LIMIT) => continue,
            };
            for (id, observation) in seen {
                let removal = group.iter().find(|removal| removal.claim.id == id && removal.asked.is_some());
                if let (Some(removal), Observation::Absent { proof }) = (removal, observation) {
                    gone.insert(removal.at, proof);
                }
            }
        }
        gone
    }

    fn provider(&self, source: SourceKind) -> Option<&Arc<dyn Provider>> {
        self.sweep.providers.get(&source)
    }

    async fn record(&self, claim: &Claim, deletion: &Deletion) -> Result<(), SweepError> {
        let of = (claim.run, &claim.id);
        Ok(self.sweep.journal.record_deletion(self.id, of, self.sweep.now(), deletion).await?)
    }
}

impl Origin {
    /// What stands for the restore where its playbook is lost: the kind of source and no more.
    fn restore(&self, claim: &Claim) -> Restore {
        Restore {
            recovery_point: Selector::Latest,
            max_age: None,
            source: Source::Unsupported { kind: claim.source, asset: claim.link.name.clone() },
        }
    }

    fn point(&self, claim: &Claim) -> RecoveryPoint {
        if let Some(point) = self.points.get(&claim.step) {
            return point.clone();
        }
        let id = ["backup_id", "point_id"].iter().find_map(|key| claim.link.params.get(*key));
        RecoveryPoint {
            id: id.cloned().unwrap_or_default(),
            time: self.declared,
            time_source: "not known".to_owned(),
            location: None,
            bytes: None,
            encrypted: None,
            details: Outputs::new(),
        }
    }
}

fn settle(things: &mut [Thing], removal: &Removal, standing: Standing, why: String) {
    if let Some(thing) = things.get_mut(removal.at) {
        (thing.standing, thing.why) = (standing, why);
    }
}
