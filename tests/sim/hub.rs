//! What all doubles of one simulation share: true time, the fault plan, the death switch, the truth, the log.

use super::{rng::Rng, truth::Truth};
use firedrill::{
    drill::{Fault, FaultClass},
    time::Timestamp,
};
use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{sync::Notify, time::Instant};

/// The wall clock's reading when a simulation begins: 2026-11-23T09:00:00Z.
pub const EPOCH: i64 = 1_795_424_400_000;

/// More reads of the clock within a millisecond than any run needs: the engine spins without time passing.
const TOO_MANY_READS: u64 = 3_000;

/// How often which mishap happens, in a thousand calls.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    pub slow: u64,
    pub transient: u64,
    pub throttled: u64,
    pub permanent: u64,
    pub surroundings: u64,
    /// The effect is done, but an error is returned.
    pub ack_lost: u64,
    /// `Ok` is returned, but nothing is done.
    pub request_lost: u64,
    /// No answer, ever.
    pub hang: u64,
    /// Observations that say something else than what is.
    pub lies: u64,
    /// Journal errors that pass.
    pub busy: u64,
    /// Journal errors that last until the process ends.
    pub storage: u64,
    /// Another process takes the lease.
    pub lease_lost: u64,
    /// A request that was cut off lands later all the same.
    pub lands_late: u64,
    /// Longest ordinary latency of a call, in milliseconds.
    pub latency: u64,
}

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    None,
    Slow,
    Fails(FaultClass),
    AckLost,
    RequestLost,
    Hangs,
}

/// Where the process is to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// As soon as so many entries are journaled.
    Entries(u64),
    /// At the so-many-th call that changes something: before its effect.
    BeforeEffect(u64),
    /// … after its effect, before its answer.
    AfterEffect(u64),
}

pub struct Hub {
    started: Instant,
    died: Notify,
    inner: Mutex<Inner>,
}

pub struct Inner {
    pub rng: Rng,
    pub weather: Weather,
    pub truth: Truth,
    pub violations: Vec<String>,
    pub trap: Option<Trap>,
    pub mutations: u64,
    verbose: bool,
    dead: bool,
    reads: (u64, u64),
    jumps: Vec<(u64, i64)>,
}

impl Hub {
    /// Must be made inside a runtime whose time is paused.
    pub fn new(seed: u64, weather: Weather, jumps: Vec<(u64, i64)>, verbose: bool) -> Arc<Self> {
        let inner = Inner {
            rng: Rng::new(seed),
            weather,
            truth: Truth::default(),
            violations: Vec::new(),
            trap: None,
            mutations: 0,
            verbose,
            dead: false,
            reads: (0, 0),
            jumps,
        };
        Arc::new(Self { started: Instant::now(), died: Notify::new(), inner: Mutex::new(inner) })
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("not poisoned")
    }

    /// True time: milliseconds since the simulation began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("fits")
    }

    /// What the wall clock shows now.
    pub fn wall(&self) -> Timestamp {
        let now = self.now();
        let mut inner = self.lock();
        inner.reads = if inner.reads.0 == now { (now, inner.reads.1 + 1) } else { (now, 0) };
        assert!(inner.reads.1 < TOO_MANY_READS, "the engine spins: it does not wait for time to pass");
        drop(inner);
        self.wall_at(now)
    }

    /// What the wall clock showed at that true time.
    pub fn wall_at(&self, now: u64) -> Timestamp {
        let jumps = &self.lock().jumps;
        let jumped: i64 = jumps.iter().filter(|(at, _)| *at <= now).map(|(_, by)| by).sum();
        Timestamp::from_millis(EPOCH + i64::try_from(now).expect("fits") + jumped)
    }

    pub fn violation(&self, what: impl Into<String>) {
        let at = self.now();
        self.lock().violations.push(format!("at {at} ms: {}", what.into()));
    }

    pub fn log(&self, line: impl FnOnce() -> String) {
        let at = self.now();
        let inner = self.lock();
        if inner.verbose {
            let line = format!("{at:>9} {}", line());
            show(&line);
        }
    }

    /// What befalls the next call.
    pub fn mishap(&self) -> Mishap {
        let inner = &mut *self.lock();
        let w = &inner.weather;
        let mut draw = inner.rng.next() % 1000;
        for (chance, mishap) in [
            (w.slow, Mishap::Slow),
            (w.transient, Mishap::Fails(FaultClass::Transient)),
            (w.throttled, Mishap::Fails(FaultClass::Throttled)),
            (w.permanent, Mishap::Fails(FaultClass::Permanent)),
            (w.surroundings, Mishap::Fails(FaultClass::Surroundings)),
            (w.ack_lost, Mishap::AckLost),
            (w.request_lost, Mishap::RequestLost),
            (w.hang, Mishap::Hangs),
        ] {
            if draw < chance {
                return mishap;
            }
            draw -= chance;
        }
        Mishap::None
    }

    pub fn draw(&self, low: u64, high: u64) -> u64 {
        self.lock().rng.between(low, high)
    }

    pub fn chance(&self, permille: impl FnOnce(&Weather) -> u64) -> bool {
        let inner = &mut *self.lock();
        let chance = permille(&inner.weather);
        chance > 0 && inner.rng.permille(chance)
    }

    /// An ordinary wait for the network.
    pub async fn latency(&self) {
        let ms = {
            let inner = &mut *self.lock();
            inner.rng.between(0, inner.weather.latency)
        };
        self.wait(ms).await;
    }

    /// Waits so long; for ever in a process that has died meanwhile.
    pub async fn wait(&self, ms: u64) {
        if ms > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
        }
        self.alive().await;
    }

    /// Goes on in a living process only.
    pub async fn alive(&self) {
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// The process dies here and now: nothing that it does after this has any effect.
    pub async fn die(&self) {
        self.log(|| "the process dies".to_owned());
        self.lock().dead = true;
        self.died.notify_one();
        pending::<()>().await;
    }

    pub fn kill(&self) {
        self.lock().dead = true;
    }

    pub async fn dead(&self) {
        self.died.notified().await;
    }

    /// A new process.
    pub fn revive(&self) {
        self.lock().dead = false;
    }

    pub async fn trap(&self, here: Trap) {
        let sprung = {
            let inner = &mut *self.lock();
            let sprung = match (inner.trap, here) {
                (Some(Trap::Entries(at)), Trap::Entries(now)) => now >= at,
                (trap, here) => trap == Some(here),
            };
            if sprung {
                inner.trap = None;
            }
            sprung
        };
        if sprung {
            self.die().await;
        }
    }
}

/// A fault with a word on where it comes from.
pub fn fault(class: FaultClass) -> Fault {
    let words = match class {
        FaultClass::Transient => "simulated: connection reset",
        FaultClass::Throttled => "simulated: rate exceeded",
        FaultClass::Permanent => "simulated: the request can't work",
        FaultClass::Timeout => "simulated: took too long",
        FaultClass::Surroundings => "simulated: credentials expired",
        FaultClass::Refused => "simulated: a safety rule said no",
    };
    Fault::new(class, words)
}

#[expect(clippy::print_stdout, reason = "a replay is read by a person, as far as it came")]
fn show(line: &str) {
    println!("{line}");
}
