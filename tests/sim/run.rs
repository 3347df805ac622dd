//! Runs a scenario to its end: the engine over the doubles, process after process until the run is over.

use super::{
    clock::SimClock,
    cloud::{Cloud, Key, Resource, production, scratch},
    commands::SimCommands,
    hub::{Hub, Trap},
    invariants,
    journal::SimJournal,
    observer::SimObserver,
    person::Person,
    provider::{SimProvider, name},
    rng::SimRandom,
    scenario::{Does, HOUR, Scenario},
    verifier::SimVerifier,
};
use firedrill::{
    drill::{Entry, Teardown, Trigger, Verdict},
    engine::{Engine, EngineError, Order, Stop},
    playbook::{Playbook, SourceKind},
    ports::{Baseline, BaselineKey, JournalError, PlaybookText, Ports, Provider},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// More processes than any run needs.
const TOO_MANY_PROCESSES: u32 = 200;
/// From this process on, what ends processes does not happen any more.
const LUCK_TURNS: u32 = 8;

/// One simulated world with its run.
pub struct Sim {
    pub scenario: Arc<Scenario>,
    pub hub: Arc<Hub>,
    pub cloud: Arc<Cloud>,
    pub journal: Arc<SimJournal>,
    playbook: Playbook,
}

/// A run that has ended, or not.
pub struct Ran {
    pub end: Option<(Verdict, Teardown)>,
    pub entries: Vec<Entry>,
    pub violations: Vec<String>,
    pub mutations: u64,
    pub processes: u32,
}

impl Ran {
    /// The entries as they would be stored.
    pub fn bytes(&self) -> String {
        self.entries.iter().map(|entry| serde_json::to_string(entry).expect("JSON") + "\n").collect()
    }
}

/// Runs the scenario in a runtime of its own.
pub fn run(scenario: Scenario, trap: Option<Trap>, verbose: bool) -> Ran {
    let playbook = parse(&scenario.text());
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async {
            let sim = Sim::new(scenario, playbook, verbose);
            sim.hub.lock().trap = trap;
            let processes = sim.live().await;
            // What was cut off lands by now.
            tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
            invariants::check(&sim);
            sim.ran(processes)
        })
}

fn parse(text: &str) -> Playbook {
    let file = PlaybookText { text: text.to_owned(), folder: PathBuf::from("/simulated") };
    match Playbook::parse_text(&file) {
        Ok(checked) => checked.playbook,
        Err(faults) => panic!("the scenario's playbook is wrong:\n{faults}\n{text}"),
    }
}

/// How the life of a process ended.
enum Death {
    /// The run is over.
    Over,
    /// Another holds the lease.
    Held,
    /// It died or stopped.
    Gone(String),
    /// It was still going when it should long have been over.
    Endless,
}

impl Sim {
    fn new(scenario: Scenario, playbook: Playbook, verbose: bool) -> Self {
        let hub = Hub::new(scenario.seed, scenario.weather.clone(), scenario.jumps.clone(), verbose);
        let cloud = Cloud::new(Arc::clone(&hub), scenario.quota, standing());
        let person = Person::new(scenario.answers(), scenario.abort_at, scenario.noise.clone());
        let baselines = baselines(&scenario, &playbook);
        let journal = Arc::new(SimJournal::new(Arc::clone(&hub), Arc::clone(&cloud), person, baselines));
        Self { scenario: Arc::new(scenario), hub, cloud, journal, playbook }
    }

    fn ports(&self, process: u32) -> Ports {
        let (hub, cloud) = (Arc::clone(&self.hub), Arc::clone(&self.cloud));
        let (journal, scenario) = (Arc::clone(&self.journal), Arc::clone(&self.scenario));
        let provider: Arc<dyn Provider> = Arc::new(SimProvider {
            hub: Arc::clone(&hub),
            cloud: Arc::clone(&cloud),
            journal: Arc::clone(&journal),
            scenario: Arc::clone(&scenario),
        });
        let kinds = [SourceKind::Sqlite, SourceKind::Command];
        Ports {
            providers: Arc::new(kinds.map(|kind| (kind, Arc::clone(&provider))).into()),
            commands: Arc::new(SimCommands {
                hub: Arc::clone(&hub),
                journal: Arc::clone(&journal),
                scenario: Arc::clone(&scenario),
            }),
            clock: Arc::new(SimClock::new(Arc::clone(&hub))),
            random: Arc::new(SimRandom::new(scenario.seed ^ u64::from(process) << 48)),
            observer: Arc::new(SimObserver::new(Arc::clone(&hub), Arc::clone(&journal))),
            journal: Arc::clone(&journal) as _,
            verifier: Arc::new(SimVerifier { hub, cloud, journal, scenario }),
        }
    }

    /// Process after process, until the run is over.
    async fn live(&self) -> u32 {
        let longest = self.scenario.max_duration
            + self.scenario.keep_on_failure.unwrap_or(0)
            + self.scenario.teardown
            + 3 * HOUR
            + self.scenario.down * 20;
        let mut deaths = self.scenario.deaths.clone();
        deaths.sort_unstable();
        deaths.reverse();
        for process in 0..TOO_MANY_PROCESSES {
            if process == LUCK_TURNS {
                let weather = &mut self.hub.lock().weather;
                (weather.storage, weather.lease_lost) = (0, 0);
            }
            while deaths.last().is_some_and(|at| *at < self.hub.now()) {
                deaths.pop();
            }
            let by = deaths.last().copied();
            let death = self.process(process, by, longest).await;
            match death {
                Death::Over => return process + 1,
                Death::Endless => {
                    self.hub.violation("the run does not end");
                    return process + 1;
                }
                Death::Held => tokio::time::sleep(Duration::from_secs(5)).await,
                Death::Gone(why) => {
                    self.hub.log(|| format!("process {process} is gone: {why}"));
                    let down = Duration::from_millis(self.scenario.down);
                    tokio::time::sleep(down).await;
                    let truth = &mut self.hub.lock().truth;
                    truth.deaths += 1;
                }
            }
        }
        self.hub.violation("the run does not end, however often it is resumed");
        TOO_MANY_PROCESSES
    }

    async fn process(&self, process: u32, dies_at: Option<u64>, longest: u64) -> Death {
        self.hub.revive();
        self.journal.repair();
        let engine = Engine::new(self.ports(process));
        let (stop, stopped) = watch::channel(Stop::No);
        let life = async {
            let drive = match self.journal.run_now() {
                None => {
                    let order = Order {
                        trigger: Trigger::Manual,
                        reason: None,
                        by: "sim@host".to_owned(),
                        keep: true,
                    };
                    let drive = engine.declare(self.playbook.clone(), order, "sim").await?;
                    self.take_names(&drive);
                    drive
                }
                Some(run) => engine.resume(run, self.playbook.clone(), "sim@host".to_owned(), "sim").await?,
            };
            drive.to_the_end(stopped).await
        };
        let mut life = Box::pin(life);
        let now = self.hub.now();
        // Every second death is a person who leaves.
        let leaves = dies_at.is_some_and(|at| at % 2 == 1);
        let until = |at: u64| tokio::time::sleep(Duration::from_millis(at.saturating_sub(now)));
        let result = tokio::select! {
            biased;
            () = self.hub.dead() => return Death::Gone("trapped".to_owned()),
            () = until(dies_at.unwrap_or(u64::MAX / 4)), if dies_at.is_some() => None,
            () = tokio::time::sleep(Duration::from_millis(longest)) => return Death::Endless,
            result = &mut life => Some(result),
        };
        let result = match result {
            Some(result) => result,
            None if leaves => {
                let _ = stop.send(Stop::Leave);
                tokio::select! {
                    biased;
                    () = self.hub.dead() => return Death::Gone("trapped".to_owned()),
                    () = tokio::time::sleep(Duration::from_millis(longest)) => return Death::Endless,
                    result = life => result,
                }
            }
            None => {
                self.hub.kill();
                return Death::Gone("killed".to_owned());
            }
        };
        match result {
            Ok(outcome) => {
                if outcome.entries != self.journal.entries_now() {
                    self.hub.violation("the outcome's entries are not those of the journal");
                }
                Death::Over
            }
            Err(EngineError::Over(_)) => Death::Over,
            Err(EngineError::Journal(JournalError::Held { .. })) => Death::Held,
            Err(EngineError::Illegal { illegal, .. }) => {
                self.hub.violation(format!("the engine made an illegal event: {illegal}"));
                Death::Over
            }
            Err(error) => Death::Gone(error.to_string()),
        }
    }

    /// Somebody else's resources take the names that the run will want.
    fn take_names(&self, drive: &firedrill::engine::Drive) {
        for (step, attempt, kind) in &self.scenario.taken {
            let name = name(drive.run(), step.as_str(), *attempt, kind);
            let resource = Resource::foreign(&name);
            self.cloud.look().resources.insert((scratch(), name), resource);
        }
    }

    fn ran(&self, processes: u32) -> Ran {
        let entries = self.journal.entries_now();
        let end = self.journal.lock().folded.as_ref().and_then(|state| state.finished());
        let inner = &mut *self.hub.lock();
        Ran {
            end,
            entries,
            violations: std::mem::take(&mut inner.violations),
            mutations: inner.mutations,
            processes,
        }
    }
}

/// What is there before any run, and must be there after it.
pub fn standing() -> Vec<(Key, Resource)> {
    let named = |scope, name: &str| ((scope, name.to_owned()), Resource::foreign(name));
    vec![
        named(production(), "orders-prod"),
        named(production(), "fd-00000000-s0-1-instance"),
        named(scratch(), "somebody-elses"),
    ]
}

fn baselines(scenario: &Scenario, playbook: &Playbook) -> Vec<(BaselineKey, Baseline)> {
    let mut all = BTreeMap::new();
    for step in &scenario.steps {
        let Does::Verify { of, checks, .. } = &step.does else { continue };
        for check in checks.iter().filter(|check| check.baseline == Some(true)) {
            for point in &scenario.restore(of).points {
                let key = BaselineKey {
                    playbook: playbook.name().clone(),
                    step: step.id.clone(),
                    check: check.name.clone(),
                    point: point.id.clone(),
                };
                let baseline = Baseline {
                    taken: point.time,
                    source: "live".to_owned(),
                    point: point.id.clone(),
                    point_time: point.time,
                    by: "sim@host".to_owned(),
                    position: None,
                    schema: None,
                    tables: Vec::new(),
                };
                all.insert((key.step.clone(), key.check.clone(), key.point.clone()), (key, baseline));
            }
        }
    }
    all.into_values().collect()
}
