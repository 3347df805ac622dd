//! What firedrill left behind, found by the marks on the things themselves, and removed: with the journal lost, too.
//!
//! ```text
//! firedrill.toml ── scopes ──> find ──> providers: what bears our mark there?
//!                                │ judge: is its run alive, resumable, finished, unknown? is its time over?
//!                                v
//!                              list (a file: places, what they say of themselves, things)
//!                                │
//!                              purge: finds again; only what is on the list, left behind still, and in the same places
//!                                │ intent ──> journal (deletions), release, observe absent ──> journal
//!                                v
//! ```
//!
//! | the run of a thing | is it left behind? |
//! | --- | --- |
//! | driven by a live process | no, never; not even when its time is over |
//! | to be resumed | no, until its time is over |
//! | finished | yes, if the journal says that the run made it; otherwise it is in doubt, and kept |
//! | not in this journal | yes, once its time is over, or it is older than a day: another firedrill may drive it |
//! | in a journal that can't be read | in doubt, and kept |
//!
//! The three proofs before a removal: the mark on the thing (it takes the place of the journal), which the provider reads
//! again; the place, which the operator allows and which is the very one of the list; and the provider's own rules.

mod find;
mod fits;
mod judge;
mod list;
mod purge;
mod scopes;
#[cfg(test)]
mod tests;

pub use fits::Refused;
pub use judge::{Run, Standing, YOUNG};
pub use list::{Listed, load, save};

use crate::{
    config::Config,
    drill::{Claim, Fault, Scope},
    ids::{Digest, RunId},
    journal::SqliteJournal,
    playbook::SourceKind,
    ports::{Clock, JournalError, Provider},
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// Names the layout of what was found, and of the list.
pub const FORMAT: &str = "firedrill/sweep/v1";

/// Finds and removes, through providers.
pub struct Sweep<'a> {
    /// By kind of source.
    pub providers: BTreeMap<SourceKind, Arc<dyn Provider>>,
    /// Which runs there are, and where deletions are written down.
    pub journal: &'a SqliteJournal,
    /// Where to look.
    pub config: &'a Config,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who this process is, as a holder of leases.
    pub holder: String,
    /// User and host.
    pub by: String,
    /// What is younger is left alone. Where not given: nothing, but what this journal does not know for [`YOUNG`].
    pub min_age: Option<Period>,
}

/// What was found, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// [`FORMAT`].
    pub format: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The digest of what the operator allows and forbids.
    pub config: Digest,
    /// Where it was looked.
    pub places: Vec<Place>,
    /// What bears firedrill's mark.
    pub things: Vec<Thing>,
    /// What can't be told to be firedrill's, in words. It is never removed.
    pub unclear: Vec<String>,
}

/// A place that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Which.
    pub scope: Scope,
    /// What it says of itself.
    pub identity: Option<String>,
    /// Why it could not be looked at.
    pub fault: Option<Fault>,
    /// Nothing in this build makes anything there, so it was not looked at.
    pub passed_over: bool,
}

/// Something that bears firedrill's mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// What the mark says.
    pub claim: Claim,
    /// When its run was declared.
    pub declared: Option<Timestamp>,
    /// How long ago that was.
    pub age: Option<Period>,
    /// What is to become of it, or became of it.
    pub standing: Standing,
    /// Why.
    pub why: String,
}

impl Thing {
    /// Whether it may be removed.
    pub fn is_left_behind(&self) -> bool {
        self.standing == Standing::LeftBehind
    }

    /// Whether both are the same thing at the same place.
    fn is(&self, other: &Thing) -> bool {
        let (one, other) = (&self.claim, &other.claim);
        one.run == other.run
            && one.id == other.id
            && one.link.name == other.link.name
            && one.link.scope == other.link.scope
    }
}

impl Found {
    /// How many things stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.things.iter().filter(|thing| thing.standing == standing).count()
    }

    /// Whether something may be left behind.
    pub fn may_be_left(&self) -> bool {
        let left = |thing: &Thing| match thing.standing {
            Standing::Kept | Standing::Removed => false,
            Standing::Young | Standing::Doubtful | Standing::LeftBehind | Standing::StillThere => true,
        };
        !self.unclear.is_empty() || self.things.iter().any(left)
    }
}

/// Why a sweep can't go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The journal did not do as asked.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The list is not for what is there now.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Sweep<'_> {
    fn now(&self) -> Timestamp {
        self.clock.read().wall
    }

    fn id(&self) -> RunId {
        let mut random = [0; 10];
        let half = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        random[..8].copy_from_slice(&half.to_le_bytes());
        RunId::new(self.now(), random)
    }
}
