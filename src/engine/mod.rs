//! The loop: decide, write the intent, perform through a port, append the outcome.
//!
//! ```text
//!      ┌──────────────> decide(state, now) ──> records ──> journal ──> next ──┐
//!      │                        │ wishes                                      │
//!      │                        v                                             │
//!      │        begin what is new, go on, drop what is not wanted             │
//!      │                        │                                             │
//!      └── wait for: an outcome, a moment, a person, the lease  <─────────────┘
//! ```
//!
//! All that a run does happens inside one task, as futures in a map by what they are for. Dropping one stops it.
//! After a crash nothing is live, and the same loop goes on with the journal as it is: there is no second path.

mod absorb;
mod activity;
mod check;
mod declare;
mod drive;
mod perform;
mod plan;
mod planned;
mod poll;

pub use declare::Order;
pub use drive::{Drive, Stop};
pub(crate) use perform::known;
pub use planned::{Against, Outlook, Plan, PlannedCheck, PlannedClaim, PlannedRestore, PlannedStep};

use crate::{
    drill::{Entry, Event, IllegalEvent, RunState, Teardown, Verdict, fold},
    ids::RunId,
    playbook::Playbook,
    ports::{JournalError, NewRun, PlaybookText, Ports},
    time::Steady,
};

/// Drives runs through ports.
#[derive(Clone)]
pub struct Engine {
    ports: Ports,
}

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// What it proved.
    pub verdict: Verdict,
    /// What it left.
    pub teardown: Teardown,
    /// Its whole journal.
    pub entries: Vec<Entry>,
}

/// Why a run can't be driven further by this process. What it created may still be there: resume it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal did not do as asked.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal is damaged, or firedrill is wrong.
    #[error("run {run}: {illegal}")]
    Illegal {
        /// The run.
        run: RunId,
        /// What is not legal.
        illegal: IllegalEvent,
    },
    /// The run is over already.
    #[error("run {0} is over already")]
    Over(RunId),
    /// Left on request, to be resumed.
    #[error("run {0} was left as it is; resume it with `firedrill resume`")]
    Left(RunId),
}

impl Engine {
    /// An engine on these ports.
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Declares a run: from here on the clock of the recovery time runs.
    pub async fn declare(
        &self,
        playbook: Playbook,
        order: Order,
        holder: &str,
    ) -> Result<Drive, EngineError> {
        let reading = self.ports.clock.read();
        let (steady, _) = Steady::new(reading, None);
        let mut random = [0; 10];
        let drawn =
            self.ports.random.next().to_le_bytes().into_iter().chain(self.ports.random.next().to_le_bytes());
        random.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        let run = RunId::new(reading.wall, random);
        let declaration = declare::declaration(&playbook, order, run, self.ports.random.next());
        let first = Entry { seq: 1, at: reading.wall, event: Event::Declared(Box::new(declaration)) };
        let state = RunState::begin(&first).map_err(|illegal| EngineError::Illegal { run, illegal })?;
        let text = PlaybookText { text: playbook.text().to_owned(), folder: playbook.folder().to_owned() };
        let new = NewRun { run, playbook: &text, holder, first: &first };
        let lease = self.ports.journal.declare(new).await?;
        self.ports.observer.entry(run, &first);
        Ok(Drive::new(self.ports.clone(), playbook, lease, state, vec![first], steady))
    }

    /// Takes up a run that a crash, or a person who left, has left. `playbook` is the one that the journal holds.
    pub async fn resume(
        &self,
        run: RunId,
        playbook: Playbook,
        by: String,
        holder: &str,
    ) -> Result<Drive, EngineError> {
        let reading = self.ports.clock.read();
        let lease = self.ports.journal.take_lease(run, holder, reading.wall).await?;
        // Read after the lease is held: nobody else appends from here on.
        let entries = self.ports.journal.entries(run).await?;
        let state = fold(&entries).map_err(|illegal| EngineError::Illegal { run, illegal })?;
        if state.finished().is_some() {
            self.ports.journal.give_up(&lease).await?;
            return Err(EngineError::Over(run));
        }
        let (steady, step) = Steady::new(reading, Some(state.last()));
        for entry in &entries {
            self.ports.observer.entry(run, entry);
        }
        let mut drive = Drive::new(self.ports.clone(), playbook, lease, state, entries, steady);
        let mut events = vec![Event::Resumed { by, version: env!("CARGO_PKG_VERSION").to_owned() }];
        events.extend(step.map(|step| Event::ClockStepped { millis: step.millis }));
        drive.append(events).await?;
        Ok(drive)
    }
}
