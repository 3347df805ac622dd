//! The provider port over the simulated cloud, as a real adapter would be written: idempotent by name, three
//! proofs before a deletion, one look for all claims. What goes wrong, goes wrong on the way to the cloud.

use super::{
    cloud::{Cloud, Effect, Landed, Resource, Truly, production, scratch},
    hub::{Hub, Mishap, Trap, fault},
    journal::SimJournal,
    scenario::Scenario,
};
use async_trait::async_trait;
use firedrill::{
    drill::{Candidate, Claim, Fault, FaultClass, Hydration, Link, Outputs, RecoveryPoint, Scope},
    ids::{ClaimId, RunId},
    ports::{
        AcquireRequest, Observation, Owned, Preflight, Provider, Receipts, ReleaseRequest, RestoreRequest,
    },
    time::Period,
};
use std::{collections::BTreeMap, future::pending, sync::Arc};

pub struct SimProvider {
    pub hub: Arc<Hub>,
    pub cloud: Arc<Cloud>,
    pub journal: Arc<SimJournal>,
    pub scenario: Arc<Scenario>,
}

/// A request on its way. If its future is dropped, it may land later all the same.
struct Flight<'a> {
    cloud: &'a Cloud,
    hub: &'a Hub,
    effect: Option<Effect>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(effect) = self.effect.take()
            && self.hub.chance(|w| w.lands_late)
        {
            let settle = match &effect {
                Effect::Create(_, resource) => resource.spec.settle,
                Effect::Delete(_) => 10_000,
            };
            let after = self.hub.draw(0, settle / 2 - 1);
            self.hub.log(|| format!("cut off, lands in {after} ms: {effect}"));
            self.cloud.later(effect, after);
        }
    }
}

impl SimProvider {
    /// A call that changes nothing.
    async fn ask(&self, what: &str) -> Result<(), Fault> {
        let mishap = self.hub.mishap();
        self.hub.log(|| format!("api {what} ({mishap:?})"));
        self.hub.latency().await;
        match mishap {
            Mishap::Hangs => pending().await,
            Mishap::Slow => self.hub.wait(45_000).await,
            Mishap::Fails(class) => return Err(fault(class)),
            Mishap::AckLost => return Err(fault(FaultClass::Transient)),
            Mishap::RequestLost | Mishap::None => {}
        }
        Ok(())
    }

    /// A call that changes something.
    async fn send(&self, effect: Effect) -> Result<Landed, Fault> {
        let nth = {
            let inner = &mut *self.hub.lock();
            inner.mutations += 1;
            inner.mutations
        };
        let mishap = match self.scenario.mishaps.get(&nth) {
            Some(planned) => *planned,
            None => self.hub.mishap(),
        };
        self.hub.log(|| format!("api {effect} (call {nth}, {mishap:?})"));
        self.hub.trap(Trap::BeforeEffect(nth)).await;
        let mut flight = Flight { cloud: &self.cloud, hub: &self.hub, effect: Some(effect.clone()) };
        self.hub.latency().await;
        if mishap == Mishap::Slow {
            self.hub.wait(45_000).await;
        }
        match mishap {
            Mishap::Hangs => pending().await,
            Mishap::Fails(class) => {
                flight.effect = None;
                return Err(fault(class));
            }
            Mishap::RequestLost => {
                flight.effect = None;
                return Ok(Landed::Done);
            }
            Mishap::None | Mishap::Slow | Mishap::AckLost => {}
        }
        flight.effect = None;
        let landed = self.cloud.land(&effect);
        self.hub.trap(Trap::AfterEffect(nth)).await;
        self.hub.latency().await;
        if mishap == Mishap::AckLost { Err(fault(FaultClass::Transient)) } else { Ok(landed) }
    }

    fn seen(&self, claim: &Claim, now: u64) -> Observation {
        let world = self.cloud.look();
        let key = (claim.link.scope.clone(), claim.link.name.clone());
        let Some(resource) = world.resources.get(&key).filter(|resource| resource.shows(now)) else {
            return Observation::Absent { proof: format!("describe {}: not found", claim.link.name) };
        };
        if resource.made_for.as_ref() != Some(&claim.id) {
            return Observation::Broken { reason: "it was not made by this run".to_owned() };
        }
        let shown = if now + resource.spec.ready_lie >= resource.made_at + resource.spec.ready_after
            && resource.truly(now) == Truly::Creating
        {
            Truly::Ready
        } else {
            resource.truly(now)
        };
        let pending = |note: &str| Observation::Pending { progress: None, note: note.to_owned() };
        match shown {
            Truly::Creating => pending("creating"),
            Truly::Deleting => pending("deleting"),
            Truly::Broken => Observation::Broken { reason: "status: failed".to_owned() },
            Truly::Ready => {
                let loaded_at = resource
                    .spec
                    .hydrates_after
                    .map(|after| resource.made_at + resource.spec.ready_after + after);
                let hydration = match loaded_at {
                    None => Hydration::Unknown,
                    Some(at) if now >= at => Hydration::Complete,
                    Some(_) => Hydration::Loading,
                };
                drop(world);
                self.hub.lock().truth.said_ready.entry(claim.id.clone()).or_insert(now);
                let name = claim.link.name.clone();
                let outputs =
                    [(format!("made.{}", claim.link.kind), name.clone()), ("path".to_owned(), name)];
                Observation::Ready { outputs: outputs.into(), hydration }
            }
        }
    }

    /// What the engine must have got right before it calls.
    fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && !self.hub.is_dead() {
            self.hub.violation(what());
        }
    }
}

/// The resource's name: from the run, the step and the attempt alone.
pub fn name(run: RunId, step: &str, attempt: u32, kind: &str) -> String {
    format!("fd-{}-{step}-{attempt}-{kind}", run.short())
}

#[async_trait]
impl Provider for SimProvider {
    async fn preflight(&self, ask: &RestoreRequest<'_>) -> Result<Preflight, Fault> {
        self.ask("preflight").await?;
        let spec = self.scenario.restore(ask.step);
        if spec.scope == scratch() {
            return Ok(Preflight { facts: vec![format!("{} is scratch", spec.scope)], refusals: Vec::new() });
        }
        Ok(Preflight { facts: Vec::new(), refusals: vec![format!("{} is production", spec.scope)] })
    }

    async fn recovery_points(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
        self.ask("list recovery points").await?;
        let point = |point: &super::scenario::PointSpec| Candidate {
            point: RecoveryPoint {
                id: point.id.clone(),
                time: point.time,
                time_source: "snapshot".to_owned(),
                location: None,
                bytes: None,
                encrypted: None,
                details: BTreeMap::new(),
            },
            unfit: point.unfit.then(|| "still being written".to_owned()),
        };
        Ok(self.scenario.restore(ask.step).points.iter().map(point).collect())
    }

    fn chain(&self, ask: &RestoreRequest<'_>, _: &RecoveryPoint) -> Result<Vec<Link>, Fault> {
        let spec = self.scenario.restore(ask.step);
        let link = |link: &super::cloud::LinkSpec| Link {
            kind: link.kind.to_owned(),
            scope: spec.scope.clone(),
            name: name(ask.run, ask.step.as_str(), ask.attempt, link.kind),
            params: Outputs::new(),
            settle: Period::from_millis(link.settle),
        };
        Ok(spec.chain.iter().map(link).collect())
    }

    async fn acquire(&self, ask: &AcquireRequest<'_>) -> Result<Receipts, Fault> {
        self.hub.alive().await;
        let claim = ask.claim;
        self.expect(self.journal.lock().may_make(&claim.id), || {
            format!("{} is acquired, but there is no intent for it", claim.id)
        });
        if claim.link.scope != scratch() || claim.link.scope == production() {
            self.expect(false, || {
                format!("acquire was called for {}, which is not scratch", claim.link.scope)
            });
            return Err(fault(FaultClass::Refused));
        }
        let spec = self.scenario.restore(&claim.step);
        let at =
            spec.chain.iter().position(|link| link.kind == claim.link.kind).expect("a link of the chain");
        let mut parent = None;
        for earlier in &spec.chain[..at] {
            let made = ask.earlier.get(&format!("made.{}", earlier.kind));
            self.expect(made.is_some(), || format!("{}: {} gave nothing yet", claim.id, earlier.kind));
            parent = made.cloned();
        }
        if let Some(parent) = &parent {
            let now = self.hub.now();
            let key = (claim.link.scope.clone(), parent.clone());
            let truly = self.cloud.look().resources.get(&key).map(|parent| parent.truly(now));
            match truly {
                Some(Truly::Ready) => {}
                Some(Truly::Creating) => return Err(fault(FaultClass::Transient)),
                _ => return Err(fault(FaultClass::Permanent)),
            }
        }
        let key = (claim.link.scope.clone(), claim.link.name.clone());
        let resource = Resource::for_claim(claim, spec.chain[at].clone(), &ask.point.id, parent);
        match self.send(Effect::Create(key, Box::new(resource))).await? {
            Landed::Done | Landed::Already => Ok(vec![format!("request for {}", claim.link.name)]),
            Landed::OverQuota => Err(Fault::new(FaultClass::Permanent, "simulated: over the quota")),
            Landed::Foreign | Landed::NotThere | Landed::InUse => {
                Err(Fault::new(FaultClass::Permanent, "simulated: the name is taken"))
            }
        }
    }

    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        if let Err(why) = self.ask("describe").await {
            return claims
                .iter()
                .map(|claim| (claim.id.clone(), Observation::Unknown(why.clone())))
                .collect();
        }
        let now = self.hub.now();
        let one = |claim: &&Claim| {
            let seen = if self.hub.chance(|w| w.lies) {
                Observation::Unknown(fault(FaultClass::Transient))
            } else {
                self.seen(claim, now)
            };
            self.hub.log(|| format!("    {} is {seen:?}", claim.id));
            (claim.id.clone(), seen)
        };
        claims.iter().map(one).collect()
    }

    async fn release(&self, claim: &Claim, _: &ReleaseRequest<'_>) -> Result<Receipts, Fault> {
        self.hub.alive().await;
        self.expect(self.journal.lock().may_remove(&claim.id), || {
            format!("{} is released, but there is no intent for it", claim.id)
        });
        let outcome = self.remove(claim).await;
        if let Err(why) = &outcome
            && !why.class.may_pass()
        {
            self.hub.lock().truth.no_removal.insert(claim.id.clone());
        }
        outcome
    }

    async fn owned(&self, scope: &Scope) -> Result<Vec<Owned>, Fault> {
        self.ask("list by tag").await?;
        let world = self.cloud.look();
        let here = world.resources.iter().filter(|((of, _), _)| of == scope);
        let owned = here.filter_map(|(_, resource)| resource.owner.as_ref());
        Ok(owned.map(|owner| Owned { run: owner.run, claim: owner.claim.clone() }).collect())
    }

    fn pace(&self, so_far: Period) -> Period {
        Period::from_millis((so_far.as_millis() / 4).clamp(1_000, 30_000))
    }
}

impl SimProvider {
    /// The three proofs, then the request.
    async fn remove(&self, claim: &Claim) -> Result<Receipts, Fault> {
        if claim.link.scope != scratch() {
            return Err(fault(FaultClass::Refused));
        }
        let key = (claim.link.scope.clone(), claim.link.name.clone());
        let now = self.hub.now();
        let tags = {
            let world = self.cloud.look();
            let shown = world.resources.get(&key).filter(|resource| resource.shows(now));
            shown.map(|resource| resource.owner.as_ref().map(|owner| owner.claim.clone()))
        };
        match tags {
            None => {
                self.ask("look before a removal").await?;
                return Ok(vec!["nothing is there".to_owned()]);
            }
            Some(Some(tagged)) if tagged.id == claim.id && tagged.run == claim.run => {}
            Some(_) => {
                self.ask("look before a removal").await?;
                return Err(Fault::new(FaultClass::Refused, "simulated: it does not carry the run's tags"));
            }
        }
        match self.send(Effect::Delete(key)).await? {
            Landed::Done | Landed::Already | Landed::NotThere => Ok(vec!["request to delete".to_owned()]),
            Landed::InUse => Err(Fault::new(FaultClass::Transient, "simulated: still in use")),
            Landed::Foreign | Landed::OverQuota => Err(fault(FaultClass::Refused)),
        }
    }
}
