//! The simulated world: what exists where, and how it changes with time.
//!
//! ```text
//! create ─> (not shown yet) ─> creating ─> ready ─> [broken]
//!                                 └──────────┴── delete ─> deleting ─> gone   [or back: the deletion failed]
//! ```
//!
//! State is worked out from true time at each look, so nothing runs in the background. A request that was cut
//! off by a dropped future may land later all the same, within half of the settle time.

use super::hub::Hub;
use firedrill::{
    drill::{Claim, Scope},
    ids::{ClaimId, RunId},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// Where the runs of simulations may create and delete.
pub fn scratch() -> Scope {
    Scope::Aws { account: "210987654321".to_owned(), region: "eu-central-1".to_owned() }
}

/// Where nothing may ever change.
pub fn production() -> Scope {
    Scope::Aws { account: "123456789012".to_owned(), region: "eu-west-1".to_owned() }
}

pub type Key = (Scope, String);

/// How a link of a restore's chain behaves. Times in milliseconds.
#[derive(Debug, Clone)]
pub struct LinkSpec {
    pub kind: &'static str,
    /// From its creation until it shows.
    pub shows_after: u64,
    pub ready_after: u64,
    /// It is told to be ready this long before it is.
    pub ready_lie: u64,
    /// After it became ready.
    pub breaks_after: Option<u64>,
    /// Storage loads for so long after it became ready.
    pub hydrates_after: Option<u64>,
    pub delete_takes: u64,
    /// So many deletions fail after they were accepted.
    pub deletes_fail: u32,
    /// A third party takes the tags off, after its creation.
    pub stripped_after: Option<u64>,
    /// What the provider tells the engine of how late things show.
    pub settle: u64,
}

impl LinkSpec {
    /// A well-behaved link.
    pub fn calm(kind: &'static str, ready_after: u64) -> Self {
        Self {
            kind,
            shows_after: 0,
            ready_after,
            ready_lie: 0,
            breaks_after: None,
            hydrates_after: None,
            delete_takes: 2_000,
            deletes_fail: 0,
            stripped_after: None,
            settle: 10_000,
        }
    }
}

/// The tags that firedrill puts on what it makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    pub run: RunId,
    pub claim: Claim,
}

#[derive(Debug, Clone)]
pub struct Resource {
    /// Which claim it was made for; none: it was there before.
    pub made_for: Option<ClaimId>,
    /// Its tags, which a third party may take off.
    pub owner: Option<Owner>,
    pub spec: LinkSpec,
    /// The recovery point whose data it holds.
    pub point: String,
    /// The step that it restores.
    pub asset: String,
    /// What it was made from, which can't be removed before it.
    pub parent: Option<String>,
    pub made_at: u64,
    gone_at: Option<u64>,
}

/// How a resource is, truly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truly {
    Creating,
    Ready,
    Broken,
    Deleting,
}

impl Resource {
    pub fn truly(&self, now: u64) -> Truly {
        let ready_at = self.made_at + self.spec.ready_after;
        if self.gone_at.is_some() {
            Truly::Deleting
        } else if self.spec.breaks_after.is_some_and(|after| now >= ready_at + after) {
            Truly::Broken
        } else if now >= ready_at {
            Truly::Ready
        } else {
            Truly::Creating
        }
    }

    pub fn shows(&self, now: u64) -> bool {
        now >= self.made_at + self.spec.shows_after
    }
}

/// A request that changes something.
#[derive(Debug, Clone)]
pub enum Effect {
    Create(Key, Box<Resource>),
    Delete(Key),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    Done,
    /// It is there already, made for the same claim.
    Already,
    NotThere,
    /// Something of somebody else has that name.
    Foreign,
    /// Something made from it is still there.
    InUse,
    OverQuota,
}

pub struct Cloud {
    hub: Arc<Hub>,
    world: Mutex<World>,
}

pub struct World {
    pub resources: BTreeMap<Key, Resource>,
    late: Vec<(u64, Effect)>,
    pub quota: usize,
}

impl Cloud {
    pub fn new(hub: Arc<Hub>, quota: usize, standing: Vec<(Key, Resource)>) -> Arc<Self> {
        let world = World { resources: standing.into_iter().collect(), late: Vec::new(), quota };
        Arc::new(Self { hub, world: Mutex::new(world) })
    }

    /// The world as of now.
    pub fn look(&self) -> MutexGuard<'_, World> {
        let now = self.hub.now();
        let mut world = self.world.lock().expect("not poisoned");
        world.late.sort_by_key(|(at, _)| *at);
        while world.late.first().is_some_and(|(at, _)| *at <= now) {
            let (at, effect) = world.late.remove(0);
            world.pass(at);
            let landed = world.apply(&effect, at);
            self.hub.log(|| format!("lands late: {effect} -> {landed:?}"));
            self.note(&effect, landed, true);
        }
        world.pass(now);
        world
    }

    /// Does it now.
    pub fn land(&self, effect: &Effect) -> Landed {
        let now = self.hub.now();
        let landed = self.look().apply(effect, now);
        self.note(effect, landed, false);
        landed
    }

    pub fn later(&self, effect: Effect, after: u64) {
        let at = self.hub.now() + after;
        self.world.lock().expect("not poisoned").late.push((at, effect));
    }

    /// Whether anything that was made for the claim is there.
    pub fn is_live(&self, claim: &ClaimId) -> bool {
        self.look().resources.values().any(|resource| resource.made_for.as_ref() == Some(claim))
    }

    fn note(&self, effect: &Effect, landed: Landed, late: bool) {
        if landed != Landed::Done {
            return;
        }
        let (Effect::Create((scope, name), _) | Effect::Delete((scope, name))) = effect;
        if *scope != scratch() {
            self.hub.violation(format!("{name} in {scope} was changed, which is not scratch"));
        }
        if let Effect::Create(_, resource) = effect
            && let Some(claim) = &resource.made_for
        {
            let inner = &mut *self.hub.lock();
            inner.truth.anything_made = true;
            if !late {
                let made = inner.truth.made.entry(claim.clone()).or_default();
                *made += 1;
                if *made > 1 {
                    inner.violations.push(format!("claim {claim} was made {made} times"));
                }
            }
        }
    }
}

impl World {
    /// Time passes until `now`.
    fn pass(&mut self, now: u64) {
        for resource in self.resources.values_mut() {
            if resource.spec.stripped_after.is_some_and(|after| now >= resource.made_at + after) {
                resource.owner = None;
            }
            if resource.gone_at.is_some_and(|at| at <= now) && resource.spec.deletes_fail > 0 {
                resource.spec.deletes_fail -= 1;
                resource.gone_at = None;
            }
        }
        self.resources.retain(|_, resource| resource.gone_at.is_none_or(|at| at > now));
    }

    fn apply(&mut self, effect: &Effect, now: u64) -> Landed {
        match effect {
            Effect::Create(key, resource) => match self.resources.get(key) {
                Some(there) if there.made_for == resource.made_for => Landed::Already,
                Some(_) => Landed::Foreign,
                None if self.resources.values().filter(|r| r.made_for.is_some()).count() >= self.quota => {
                    Landed::OverQuota
                }
                None => {
                    self.resources
                        .insert(key.clone(), Resource { made_at: now, ..resource.as_ref().clone() });
                    Landed::Done
                }
            },
            Effect::Delete((scope, name)) => {
                let in_use =
                    self.resources.iter().any(|((s, _), r)| s == scope && r.parent.as_ref() == Some(name));
                let Some(resource) = self.resources.get_mut(&(scope.clone(), name.clone())) else {
                    return Landed::NotThere;
                };
                if resource.owner.is_none() {
                    return Landed::Foreign;
                }
                if in_use {
                    return Landed::InUse;
                }
                if resource.gone_at.is_none() {
                    resource.gone_at = Some(now + resource.spec.delete_takes);
                }
                Landed::Done
            }
        }
    }
}

impl Resource {
    /// Something that is not firedrill's.
    pub fn foreign(name: &str) -> Self {
        Self {
            made_for: None,
            owner: None,
            spec: LinkSpec::calm("foreign", 0),
            point: String::new(),
            asset: name.to_owned(),
            parent: None,
            made_at: 0,
            gone_at: None,
        }
    }

    /// What a create request asks for.
    pub fn for_claim(claim: &Claim, spec: LinkSpec, point: &str, parent: Option<String>) -> Self {
        Self {
            made_for: Some(claim.id.clone()),
            owner: Some(Owner { run: claim.run, claim: claim.clone() }),
            spec,
            point: point.to_owned(),
            asset: claim.step.to_string(),
            parent,
            made_at: 0,
            gone_at: None,
        }
    }
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Effect::Create((scope, name), _) => write!(f, "create {name} in {scope}"),
            Effect::Delete((scope, name)) => write!(f, "delete {name} in {scope}"),
        }
    }
}
