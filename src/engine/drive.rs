//! One run, driven by this process until it is over.

use super::{
    EngineError, Outcome,
    absorb::absorb,
    perform::{Activity, Done, Key},
    poll::Polls,
};
use crate::{
    drill::{Approval, Command, Entry, Event, RunState, decide, next},
    playbook::Playbook,
    ports::{Ask, JournalError, LEASE, Lease, Ports},
    time::{Period, Steady, Timestamp},
};
use std::{collections::BTreeMap, future::poll_fn, sync::Arc, task::Poll};
use tokio::sync::watch;

/// What the surroundings want of a driven run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stop {
    /// Go on.
    #[default]
    No,
    /// Stop and tear down.
    Abort {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Leave at once; the run can be resumed.
    Leave,
}

/// How often the journal is asked for what people want of the run.
const ASK_EVERY: Period = Period::from_secs(1);
/// How long a busy journal is tried before the run is left.
const BUSY_PATIENCE: Period = Period::from_secs(30);
const BUSY_PAUSE: Period = Period::from_millis(200);

/// One run, driven by this process.
pub struct Drive {
    ports: Ports,
    playbook: Arc<Playbook>,
    lease: Lease,
    state: RunState,
    entries: Vec<Entry>,
    steady: Steady,
    activities: BTreeMap<Key, Activity>,
    polls: Polls,
    requests_seen: u64,
    renewed: Timestamp,
    asked: Timestamp,
}

/// Why the loop woke up.
enum Woken {
    Done(Key, Done),
    Time,
    Stop,
}

impl Drive {
    pub(super) fn new(
        ports: Ports,
        playbook: Playbook,
        lease: Lease,
        state: RunState,
        entries: Vec<Entry>,
        steady: Steady,
    ) -> Self {
        let last = state.last();
        Self {
            ports,
            playbook: Arc::new(playbook),
            lease,
            state,
            entries,
            steady,
            activities: BTreeMap::new(),
            polls: Polls::default(),
            requests_seen: 0,
            renewed: last,
            asked: last,
        }
    }

    /// The run as it stands.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Its name.
    pub fn run(&self) -> crate::ids::RunId {
        self.lease.run
    }

    /// Drives the run until it is over, or `stop` says to leave. On an error nothing more is done: what is under
    /// way is dropped, and the journal stands as it is, to be resumed.
    pub async fn to_the_end(mut self, mut stop: watch::Receiver<Stop>) -> Result<Outcome, EngineError> {
        let result = self.go(&mut stop).await;
        self.activities.clear();
        // Whatever happened, another process may take the run up now. If the journal is gone, the lease runs out.
        let given_up = self.ports.journal.give_up(&self.lease).await;
        let (verdict, teardown) = result?;
        if let Err(error) = given_up {
            tracing::warn!(run = %self.lease.run, %error, "the lease could not be given up; it runs out by itself");
        }
        Ok(Outcome { run: self.lease.run, verdict, teardown, entries: self.entries })
    }

    async fn go(
        &mut self,
        stop: &mut watch::Receiver<Stop>,
    ) -> Result<(crate::drill::Verdict, crate::drill::Teardown), EngineError> {
        loop {
            let now = self.now().await?;
            self.heed(&stop.borrow_and_update().clone()).await?;
            let commands = decide(&self.state, now);
            let (records, wishes): (Vec<_>, Vec<_>) =
                commands.into_iter().partition(|command| matches!(command, Command::Record(_)));
            if !records.is_empty() {
                let events = records.into_iter().filter_map(|command| match command {
                    Command::Record(event) => Some(*event),
                    _ => None,
                });
                self.append(events.collect()).await?;
                if let Some(end) = self.state.finished() {
                    return Ok(end);
                }
                continue;
            }
            let wake = self.arrange(wishes, now);
            match self.wait(wake, stop).await? {
                Woken::Done(key, done) => {
                    let now = self.now().await?;
                    if let Done::Observed(seen) = &done {
                        self.polls.looked(&self.ports, &key, seen, now);
                    }
                    let events = absorb(&self.state, done, now);
                    if !events.is_empty() {
                        // At the very moment for which they were worked out: a step of the clock in between
                        // could make one of them illegal.
                        self.append_at(events, now).await?;
                    }
                }
                Woken::Time | Woken::Stop => {}
            }
        }
    }

    /// The moment, and a mark in the journal where the wall clock was stepped.
    async fn now(&mut self) -> Result<Timestamp, EngineError> {
        let (now, step) = self.steady.advance(self.ports.clock.read());
        if let Some(step) = step {
            self.append_at(vec![Event::ClockStepped { millis: step.millis }], now).await?;
        }
        Ok(now.max(self.state.last()))
    }

    async fn heed(&mut self, stop: &Stop) -> Result<(), EngineError> {
        match stop {
            Stop::Leave => Err(EngineError::Left(self.lease.run)),
            Stop::Abort { by, reason } if self.state.abort().is_none() => {
                self.append(vec![Event::AbortRequested { by: by.clone(), reason: reason.clone() }]).await
            }
            Stop::No | Stop::Abort { .. } => Ok(()),
        }
    }

    /// Drops what is no longer wanted, begins what is new, and gives the moment at which to decide again.
    fn arrange(&mut self, wishes: Vec<Command>, now: Timestamp) -> Option<Timestamp> {
        let mut wake = None::<Timestamp>;
        let mut wanted = Vec::new();
        let mut watched = Vec::new();
        for wish in wishes {
            match wish {
                Command::WakeAt(at) => wake = Some(wake.map_or(at, |wake| wake.min(at))),
                Command::Observe { claim } => watched.push(claim),
                other => wanted.extend(Key::of(&other)),
            }
        }
        let rounds = self.polls.arrange(&self.state, &watched, now);
        wanted.extend(rounds.due.keys().cloned());
        let under_way = |key: &Key| matches!(key, Key::Observe(..)) && rounds.watched.contains(key);
        self.activities.retain(|key, _| wanted.contains(key) || under_way(key));
        for key in wanted {
            if !self.activities.contains_key(&key) {
                let claims = rounds.due.get(&key).cloned().unwrap_or_default();
                if let Some(activity) =
                    super::perform::begin(&self.ports, &self.playbook, &self.state, &key, claims)
                {
                    self.activities.insert(key, activity);
                }
            }
        }
        let busy = |key: &Key| self.activities.contains_key(key);
        let next_look = rounds.next.iter().filter(|(key, _)| !busy(key)).map(|(_, at)| *at).min();
        wake.into_iter().chain(next_look).min()
    }

    /// Waits for an outcome, for `wake`, or for a change of `stop`; keeps the lease and asks for requests meanwhile.
    async fn wait(
        &mut self,
        wake: Option<Timestamp>,
        stop: &mut watch::Receiver<Stop>,
    ) -> Result<Woken, EngineError> {
        loop {
            let now = self.now().await?;
            if wake.is_some_and(|wake| now >= wake) {
                return Ok(Woken::Time);
            }
            if self.keep_and_ask(now).await? {
                return Ok(Woken::Time);
            }
            let pause = wake.map_or(ASK_EVERY, |wake| wake.since(now).min(ASK_EVERY));
            let clock = Arc::clone(&self.ports.clock);
            let activities = &mut self.activities;
            let done = poll_fn(|context| {
                let finished =
                    activities.iter_mut().find_map(|(key, activity)| match activity.as_mut().poll(context) {
                        Poll::Ready(done) => Some((key.clone(), done)),
                        Poll::Pending => None,
                    });
                finished.map_or(Poll::Pending, Poll::Ready)
            });
            tokio::select! {
                biased;
                () = changed(stop) => return Ok(Woken::Stop),
                (key, done) = done => {
                    self.activities.remove(&key);
                    return Ok(Woken::Done(key, done));
                }
                () = clock.sleep(pause) => {}
            }
        }
    }

    /// Renews the lease when it is time, and takes in what people asked; true if something was taken in.
    async fn keep_and_ask(&mut self, now: Timestamp) -> Result<bool, EngineError> {
        if now.since(self.renewed) >= Period::from_millis(LEASE.as_millis() / 3) {
            match self.ports.journal.renew(&self.lease, now).await {
                Ok(()) => self.renewed = now,
                Err(JournalError::Busy(_)) if now.since(self.renewed) < LEASE => {}
                Err(error) => return Err(error.into()),
            }
        }
        if now.since(self.asked) < ASK_EVERY {
            return Ok(false);
        }
        self.asked = now;
        let requests = match self.ports.journal.requests(self.lease.run, self.requests_seen).await {
            Ok(requests) => requests,
            Err(JournalError::Busy(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        // A wall clock that was set back is not followed by the journal, but people's requests bear its time.
        let ahead = now.since(self.ports.clock.read().wall);
        let mut events = Vec::new();
        let mut answered = false;
        for request in requests {
            self.requests_seen = self.requests_seen.max(request.number);
            match request.ask {
                Ask::Abort { reason } if self.state.abort().is_none() && events.is_empty() => {
                    events.push(Event::AbortRequested { by: request.by, reason });
                }
                Ask::Abort { .. } => {}
                Ask::Answer { step, approved, note } => {
                    let waits = self.state.step(&step).is_some_and(|step| {
                        matches!(step.approval(), Approval::Asked { .. })
                            && step.status() == crate::drill::StepStatus::Running
                            && step.started().is_some_and(|started| request.at + ahead >= started)
                    });
                    if waits {
                        let event = Event::ApprovalAnswered { step, approved, by: request.by, note };
                        self.append(vec![event]).await?;
                        answered = true;
                    }
                }
            }
        }
        if events.is_empty() {
            return Ok(answered);
        }
        self.append(events).await?;
        Ok(true)
    }

    pub(super) async fn append(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        let (now, step) = self.steady.advance(self.ports.clock.read());
        let stepped = step.map(|step| Event::ClockStepped { millis: step.millis });
        self.append_at(stepped.into_iter().chain(events).collect(), now).await
    }

    /// Appends all of the events or none. Each is checked to be legal before it is written.
    async fn append_at(&mut self, events: Vec<Event>, now: Timestamp) -> Result<(), EngineError> {
        let run = self.lease.run;
        let at = now.max(self.state.last());
        let mut state = self.state.clone();
        let mut fresh = Vec::with_capacity(events.len());
        for event in events {
            let entry = Entry { seq: state.entries() + 1, at, event };
            state = next(state, &entry).map_err(|illegal| EngineError::Illegal { run, illegal })?;
            fresh.push(entry);
        }
        self.write(&fresh).await?;
        for entry in &fresh {
            self.ports.observer.entry(run, entry);
        }
        self.state = state;
        self.entries.extend(fresh);
        Ok(())
    }

    /// Writes entries, patient with a busy journal. An error can come after the entries were stored, so a conflict
    /// after an error is looked at: if it is these very entries that are there, they were written.
    async fn write(&mut self, fresh: &[Entry]) -> Result<(), EngineError> {
        let expected = self.state.entries();
        let mut waited = Period::ZERO;
        loop {
            let error = match self.ports.journal.append(&self.lease, expected, fresh).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error {
                JournalError::Busy(_) if waited < BUSY_PATIENCE => {
                    self.ports.clock.sleep(BUSY_PAUSE).await;
                    waited = waited + BUSY_PAUSE;
                }
                JournalError::Conflict { .. } if waited > Period::ZERO => {
                    let stored = self.ports.journal.entries(self.lease.run).await?;
                    let from = usize::try_from(expected).unwrap_or(usize::MAX);
                    if stored.get(from..) == Some(fresh) {
                        return Ok(());
                    }
                    return Err(error.into());
                }
                other => return Err(other.into()),
            }
        }
    }
}

/// Waits for a change; for ever, once nobody can make one.
async fn changed(stop: &mut watch::Receiver<Stop>) {
    if stop.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
