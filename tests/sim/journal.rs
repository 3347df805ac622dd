//! The journal port in memory, as strict as the real one and stricter: every append is folded, and an entry
//! that is not legal, or says that something is gone which is not, is a violation.
//!
//! Its faults: busy, storage gone until the process ends, stored but answered with an error, lease taken over.

use super::{
    cloud::Cloud,
    hub::{Hub, Trap},
    person::Person,
};
use async_trait::async_trait;
use firedrill::{
    drill::{Entry, Event, RunState, next},
    ids::{ClaimId, Digest, RunId, StepId},
    ports::{Baseline, BaselineKey, Journal, JournalError, LEASE, Lease, NewRun, PlaybookText, Request},
    time::Timestamp,
};
use std::sync::{Arc, Mutex, MutexGuard};

pub struct SimJournal {
    hub: Arc<Hub>,
    cloud: Arc<Cloud>,
    baselines: Vec<(BaselineKey, Baseline)>,
    state: Mutex<Stored>,
}

#[derive(Default)]
pub struct Stored {
    run: Option<(RunId, PlaybookText)>,
    pub entries: Vec<Entry>,
    /// The true time of each.
    pub times: Vec<u64>,
    pub folded: Option<RunState>,
    token: u64,
    holder: Option<(String, u64)>,
    storage_gone: bool,
    person: Person,
}

/// What goes wrong with an append.
enum Trouble {
    Before(JournalError),
    After(JournalError),
}

impl SimJournal {
    pub fn new(
        hub: Arc<Hub>,
        cloud: Arc<Cloud>,
        person: Person,
        baselines: Vec<(BaselineKey, Baseline)>,
    ) -> Self {
        Self { hub, cloud, baselines, state: Mutex::new(Stored { person, ..Stored::default() }) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Stored> {
        self.state.lock().expect("not poisoned")
    }

    pub fn entries_now(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    pub fn run_now(&self) -> Option<RunId> {
        self.lock().run.as_ref().map(|(run, _)| *run)
    }

    /// The machine was looked after: there is room on the disk again.
    pub fn repair(&self) {
        self.lock().storage_gone = false;
    }

    fn trouble(&self, run: RunId) -> Option<Trouble> {
        let hub = &self.hub;
        if self.lock().storage_gone {
            return Some(Trouble::Before(JournalError::Storage("disk full".to_owned())));
        }
        let after = hub.chance(|_| 300);
        let error = if hub.chance(|w| w.busy) {
            JournalError::Busy("database is locked".to_owned())
        } else if hub.chance(|w| w.storage) {
            self.lock().storage_gone = true;
            JournalError::Storage("disk full".to_owned())
        } else if hub.chance(|w| w.lease_lost) {
            let state = &mut *self.lock();
            state.token += 1;
            state.holder = Some(("someone else".to_owned(), hub.now()));
            return Some(Trouble::Before(JournalError::LeaseLost(run)));
        } else {
            return None;
        };
        hub.log(|| format!("journal: {error}{}", if after { ", but stored" } else { "" }));
        Some(if after { Trouble::After(error) } else { Trouble::Before(error) })
    }

    /// Reads have troubles that pass only.
    fn read_trouble(&self) -> Result<(), JournalError> {
        if self.hub.chance(|w| w.busy) {
            return Err(JournalError::Busy("database is locked".to_owned()));
        }
        Ok(())
    }

    fn store(&self, entries: &[Entry]) {
        let now = self.hub.now();
        for entry in entries {
            self.hub.log(|| {
                let event = serde_json::to_string(&entry.event).expect("an event is JSON");
                format!("journal {:>3} {} {event}", entry.seq, entry.at)
            });
            let state = &mut *self.lock();
            let folded = match state.folded.take() {
                None => RunState::begin(entry),
                Some(folded) => next(folded, entry),
            };
            match folded {
                Ok(folded) => state.folded = Some(folded),
                Err(error) => self.hub.violation(format!("{error}: {:?}", entry.event)),
            }
            match &entry.event {
                Event::ClaimRemoved { claim, .. } if self.cloud.is_live(claim) => {
                    self.hub.violation(format!("claim {claim} is journaled as removed, and is there"));
                }
                Event::ApprovalRequested { step, .. } => state.person.asked(step, now),
                _ => {}
            }
            state.entries.push(entry.clone());
            state.times.push(now);
        }
    }
}

impl Stored {
    /// Whether the intent to make that claim is journaled, and none to remove it.
    pub fn may_make(&self, claim: &ClaimId) -> bool {
        let mut intended = false;
        for entry in &self.entries {
            match &entry.event {
                Event::ClaimIntended { claim: of } if &of.id == claim => intended = true,
                Event::ReleaseIntended { claim: of, .. } if of == claim => return false,
                _ => {}
            }
        }
        intended
    }

    /// Whether the intent to remove that claim is journaled, and it is not settled.
    pub fn may_remove(&self, claim: &ClaimId) -> bool {
        self.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::ReleaseIntended { claim: of, .. } if of == claim => Some(true),
            Event::ClaimRemoved { claim: of, .. } | Event::ClaimLeaked { claim: of, .. } if of == claim => {
                Some(false)
            }
            _ => None,
        }) == Some(true)
    }

    /// The attempt of a step that is under way or was the last.
    pub fn attempt(&self, step: &StepId) -> u32 {
        self.folded.as_ref().and_then(|state| state.step(step)).map_or(0, |step| step.attempt())
    }

    fn check(&self, lease: &Lease, expected: u64) -> Result<(), JournalError> {
        if lease.token != self.token {
            return Err(JournalError::LeaseLost(lease.run));
        }
        let actual = self.entries.len() as u64;
        if expected != actual {
            return Err(JournalError::Conflict { run: lease.run, expected, actual });
        }
        Ok(())
    }

    fn known(&self, run: RunId) -> Result<&PlaybookText, JournalError> {
        match &self.run {
            Some((known, text)) if *known == run => Ok(text),
            _ => Err(JournalError::NoSuchRun(run.to_string())),
        }
    }
}

#[async_trait]
impl Journal for SimJournal {
    async fn declare(&self, first: NewRun<'_>) -> Result<Lease, JournalError> {
        self.hub.alive().await;
        let lease = {
            let state = &mut *self.lock();
            assert!(state.run.is_none(), "a simulation has one run");
            state.run = Some((first.run, first.playbook.clone()));
            state.token += 1;
            state.holder = Some((first.holder.to_owned(), self.hub.now()));
            Lease { run: first.run, holder: first.holder.to_owned(), token: state.token }
        };
        self.store(std::slice::from_ref(first.first));
        let now = self.hub.now();
        self.hub.lock().truth.declared = Some(now);
        self.hub.trap(Trap::Entries(1)).await;
        Ok(lease)
    }

    async fn append(&self, lease: &Lease, expected: u64, entries: &[Entry]) -> Result<(), JournalError> {
        self.hub.latency().await;
        self.hub.alive().await;
        let trouble = self.trouble(lease.run);
        if let Some(Trouble::Before(error)) = trouble {
            return Err(error);
        }
        self.lock().check(lease, expected)?;
        self.store(entries);
        let stored = self.lock().entries.len() as u64;
        self.hub.trap(Trap::Entries(stored)).await;
        match trouble {
            Some(Trouble::After(error)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn entries(&self, run: RunId) -> Result<Vec<Entry>, JournalError> {
        self.hub.alive().await;
        self.read_trouble()?;
        let state = self.lock();
        state.known(run)?;
        Ok(state.entries.clone())
    }

    async fn playbook(&self, digest: Digest) -> Result<PlaybookText, JournalError> {
        self.hub.alive().await;
        self.read_trouble()?;
        let state = self.lock();
        match &state.run {
            Some((_, text)) if Digest::of(text.text.as_bytes()) == digest => Ok(text.clone()),
            _ => Err(JournalError::Storage(format!("there is no playbook {digest}"))),
        }
    }

    async fn take_lease(&self, run: RunId, holder: &str, _: Timestamp) -> Result<Lease, JournalError> {
        self.hub.alive().await;
        self.read_trouble()?;
        let now = self.hub.now();
        let state = &mut *self.lock();
        state.known(run)?;
        if let Some((by, renewed)) = &state.holder
            && now < renewed + LEASE.as_millis()
        {
            return Err(JournalError::Held { run, holder: by.clone() });
        }
        state.token += 1;
        state.holder = Some((holder.to_owned(), now));
        Ok(Lease { run, holder: holder.to_owned(), token: state.token })
    }

    async fn renew(&self, lease: &Lease, _: Timestamp) -> Result<(), JournalError> {
        self.hub.alive().await;
        self.read_trouble()?;
        let now = self.hub.now();
        let state = &mut *self.lock();
        if lease.token != state.token {
            return Err(JournalError::LeaseLost(lease.run));
        }
        state.holder = Some((lease.holder.clone(), now));
        Ok(())
    }

    async fn give_up(&self, lease: &Lease) -> Result<(), JournalError> {
        self.hub.alive().await;
        let state = &mut *self.lock();
        if lease.token == state.token {
            state.holder = None;
        }
        Ok(())
    }

    async fn requests(&self, run: RunId, seen: u64) -> Result<Vec<Request>, JournalError> {
        self.hub.alive().await;
        self.read_trouble()?;
        let now = self.hub.now();
        let state = &mut *self.lock();
        state.known(run)?;
        Ok(state.person.requests(seen, now, &self.hub))
    }

    async fn baseline(&self, key: &BaselineKey) -> Result<Option<Baseline>, JournalError> {
        self.hub.alive().await;
        self.read_trouble()?;
        Ok(self.baselines.iter().find(|(of, _)| of == key).map(|(_, baseline)| baseline.clone()))
    }
}
