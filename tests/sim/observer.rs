//! Watches the engine: an entry may be shown only once it is journaled, and as it is journaled.

use super::{hub::Hub, journal::SimJournal};
use firedrill::{
    drill::Entry,
    ids::RunId,
    ports::{Observer, Progress, Tick},
};
use std::sync::Arc;

pub struct SimObserver {
    hub: Arc<Hub>,
    journal: Arc<SimJournal>,
}

impl SimObserver {
    pub fn new(hub: Arc<Hub>, journal: Arc<SimJournal>) -> Self {
        Self { hub, journal }
    }
}

impl Progress for SimObserver {
    fn tick(&self, _: Tick) {}
}

impl Observer for SimObserver {
    fn entry(&self, run: RunId, entry: &Entry) {
        let at = usize::try_from(entry.seq).expect("fits").wrapping_sub(1);
        let stored = self.journal.lock().entries.get(at) == Some(entry);
        if !stored || self.journal.run_now() != Some(run) {
            self.hub.violation(format!("entry {} was shown, but is not what is journaled", entry.seq));
        }
    }
}
