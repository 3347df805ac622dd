//! Ring 1: the pure core by example and by property. A puppet performs what is decided, at once, in its own way.

use super::*;
use crate::{
    ids::{Digest, RunId, StepId},
    playbook::{Limits, Objectives, Retry, SourceKind},
    time::{Period, Timestamp},
};
use std::collections::BTreeSet;

fn id(text: &str) -> StepId {
    text.parse().expect("a step id")
}

fn outline(name: &str, kind: StepKind, needs: &[&str]) -> StepOutline {
    StepOutline {
        id: id(name),
        kind,
        needs: needs.iter().map(|need| id(need)).collect(),
        required: true,
        timeout: None,
        retry: Retry::default(),
        checks: match kind {
            StepKind::Verify => vec![("rows".to_owned(), true), ("style".to_owned(), false)],
            StepKind::Run => vec![("exit code".to_owned(), true)],
            StepKind::Restore(_) | StepKind::Approve => Vec::new(),
        },
        parallel: 1,
        counts_for_rpo: true,
        question: None,
    }
}

const RESTORE: StepKind = StepKind::Restore(SourceKind::Sqlite);

/// How the world behaves, in words: `acquire db`, `check rows`, `release db`, `preflight`, `choose db` go wrong.
struct Drill {
    wrong: BTreeSet<String>,
    class: FaultClass,
    /// How often a wrong thing goes wrong; then it goes well.
    times: u32,
    declaration: Declaration,
    asked_to_stop_at: Option<u64>,
    took: Period,
    entries: Vec<Entry>,
}

impl Drill {
    fn new(steps: Vec<StepOutline>) -> Self {
        let declaration = Declaration {
            run: RunId::new(Timestamp::from_millis(1_800_000_000_000), [7; 10]),
            playbook: "test".parse().expect("a name"),
            digest: Digest::ZERO,
            trigger: Trigger::Manual,
            reason: None,
            by: "me@here".to_owned(),
            version: "0".to_owned(),
            objectives: Objectives { rto: Some(Period::from_secs(3600)), rpo: Some(Period::from_secs(7200)) },
            limits: Limits::default(),
            seed: 42,
            scenario: None,
            controls: Vec::new(),
            steps,
        };
        Self {
            wrong: BTreeSet::new(),
            class: FaultClass::Permanent,
            times: u32::MAX,
            declaration,
            asked_to_stop_at: None,
            took: Period::from_secs(1),
            entries: Vec::new(),
        }
    }

    fn simple() -> Self {
        Self::new(vec![outline("db", RESTORE, &[]), outline("proof", StepKind::Verify, &["db"])])
    }

    fn fail_at(mut self, what: &str) -> Self {
        self.wrong.insert(what.to_owned());
        self
    }

    fn with(mut self, class: FaultClass, times: u32) -> Self {
        self.class = class;
        self.times = times;
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Declaration)) -> Self {
        change(&mut self.declaration);
        self
    }

    fn fault(&mut self, what: &str) -> Option<Fault> {
        if !self.wrong.contains(what) || self.times == 0 {
            return None;
        }
        self.times -= 1;
        Some(Fault::new(self.class, format!("{what} went wrong")))
    }

    fn run(mut self) -> Ended {
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        let first = Entry { seq: 1, at: now, event: Event::Declared(Box::new(self.declaration.clone())) };
        let mut state = RunState::begin(&first).expect("declared");
        self.entries.push(first);
        for _ in 0..10_000 {
            if state.finished().is_some() {
                let verdict = state.verdict();
                return Ended { state, entries: self.entries, verdict };
            }
            if self.asked_to_stop_at.is_some_and(|seq| state.entries() >= seq) && state.abort().is_none() {
                state = self.journal(state, Event::AbortRequested { by: "me".to_owned(), reason: None }, now);
                continue;
            }
            let commands = decide(&state, now);
            assert!(!commands.is_empty(), "stuck in {:?}", state.phase());
            let record = commands.iter().find_map(|command| match command {
                Command::Record(event) => Some(event.as_ref().clone()),
                _ => None,
            });
            if let Some(event) = record {
                state = self.journal(state, event, now);
                continue;
            }
            let act = commands.iter().find(|command| !matches!(command, Command::WakeAt(_)));
            let wake = commands.iter().filter_map(|command| match command {
                Command::WakeAt(at) => Some(*at),
                _ => None,
            });
            let Some(act) = act.cloned() else {
                now = wake.min().expect("a moment to wait for");
                continue;
            };
            now = now + self.took;
            for event in self.perform(&state, &act, now) {
                state = self.journal(state, event, now);
            }
        }
        panic!("it does not end: {:?}", self.entries.last());
    }

    fn journal(&mut self, state: RunState, event: Event, at: Timestamp) -> RunState {
        let entry = Entry { seq: state.entries() + 1, at, event };
        let state = next(state, &entry).unwrap_or_else(|illegal| panic!("{illegal}: {entry:?}"));
        self.entries.push(entry);
        state
    }

    fn perform(&mut self, state: &RunState, command: &Command, now: Timestamp) -> Vec<Event> {
        match command {
            Command::Preflight => match self.fault("preflight") {
                None => vec![Event::Cleared { facts: Vec::new() }],
                Some(fault) => vec![Event::Refused { reasons: vec![fault.message], surroundings: false }],
            },
            Command::ChoosePoint { step } => {
                if let Some(fault) = self.fault(&format!("choose {step}")) {
                    return vec![state.attempt_failed(step, fault, now)];
                }
                let point = RecoveryPoint {
                    id: "point".to_owned(),
                    time: state.declared() - Period::from_secs(3600),
                    time_source: "test".to_owned(),
                    location: None,
                    bytes: None,
                    encrypted: None,
                    details: Outputs::new(),
                };
                let link = |kind: &str| Link {
                    kind: kind.to_owned(),
                    scope: Scope::Folder("/scratch".to_owned()),
                    name: format!("{step}-{kind}"),
                    params: Outputs::new(),
                    settle: Period::from_secs(5),
                };
                vec![Event::PointChosen {
                    step: step.clone(),
                    attempt: state.step(step).expect("known").attempt(),
                    considered: vec![Candidate { point: point.clone(), unfit: None }],
                    point,
                    considered_total: 1,
                    because: "the only one".to_owned(),
                    chain: vec![link("copy"), link("instance")],
                }]
            }
            Command::Acquire { claim } => {
                let of = state.claim(claim).expect("known");
                match self.fault(&format!("acquire {}", of.claim().step)) {
                    Some(fault) => state.acquire_failed(of, fault, now),
                    None => vec![Event::ClaimAcquired { claim: claim.clone(), receipts: Vec::new() }],
                }
            }
            Command::Observe { claim } => {
                let of = state.claim(claim).expect("known");
                match of.stage() {
                    ClaimStage::Accepted(_) if of.absence_counts_from().is_some_and(|from| now >= from) => {
                        vec![Event::ClaimRemoved { claim: claim.clone(), proof: "looked".to_owned() }]
                    }
                    ClaimStage::Acquired => match self.fault(&format!("observe {}", of.claim().step)) {
                        Some(fault) => state.claim_broken(of, fault.message, now),
                        None => vec![Event::ClaimReady {
                            claim: claim.clone(),
                            outputs: Outputs::from([("path".to_owned(), "/x".to_owned())]),
                            hydration: Hydration::Complete,
                        }],
                    },
                    _ => Vec::new(),
                }
            }
            Command::Check { step, check } => {
                let status = match self.fault(&format!("check {check}")) {
                    None => CheckStatus::Passed,
                    Some(fault) if fault.class == FaultClass::Permanent => CheckStatus::Failed,
                    Some(fault) => CheckStatus::Error(fault.class),
                };
                let attempt = state.step(step).expect("known").attempt();
                let outcome = outcome(status);
                vec![Event::CheckFinished { step: step.clone(), attempt, check: check.clone(), outcome }]
            }
            Command::RunCommand { step } => {
                let attempt = state.step(step).expect("known").attempt();
                let (status, end) = match self.fault(&format!("run {step}")) {
                    None => (
                        CheckStatus::Passed,
                        Event::StepSucceeded { step: step.clone(), outputs: Outputs::new() },
                    ),
                    Some(fault) => (CheckStatus::Failed, state.attempt_failed(step, fault, now)),
                };
                let check = "exit code".to_owned();
                vec![
                    Event::CheckFinished { step: step.clone(), attempt, check, outcome: outcome(status) },
                    end,
                ]
            }
            Command::Release { claim } => {
                let of = state.claim(claim).expect("known");
                match self.fault(&format!("release {}", of.claim().step)) {
                    Some(fault) => state.release_failed(of, fault, now),
                    None => vec![Event::ReleaseAccepted { claim: claim.clone(), receipts: Vec::new() }],
                }
            }
            Command::Record(_) | Command::WakeAt(_) => Vec::new(),
        }
    }
}

fn outcome(status: CheckStatus) -> CheckOutcome {
    CheckOutcome {
        status,
        kind: "query".to_owned(),
        expected: "1".to_owned(),
        actual: "1".to_owned(),
        details: Vec::new(),
        rows: Some(1),
        took: Period::ZERO,
        freshness: None,
        digests: Outputs::new(),
    }
}

struct Ended {
    state: RunState,
    entries: Vec<Entry>,
    verdict: Verdict,
}

impl Ended {
    fn position(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.entries.iter().position(|entry| wanted(&entry.event)).expect("it happened")
    }
    fn released_all(self) -> Self {
        assert!(self.state.claims().iter().all(|claim| claim.stage() == ClaimStage::Removed));
        assert_eq!(self.state.teardown(), Teardown::Clean);
        self
    }
    fn is(self, verdict: Verdict) -> Self {
        assert_eq!(self.verdict, verdict, "{:?}", self.state.reasons());
        self
    }
}

#[test]
fn all_well_passes_and_measures() {
    let ended = Drill::simple().run().released_all().is(Verdict::Passed);
    assert_eq!(ended.state.rpa(), Some(Period::from_secs(3600)));
    // Preflight, choosing, two claims acquired and observed, two checks: a second each.
    assert_eq!(ended.state.rta(), Some(Period::from_secs(8)));
}

#[test]
fn whatever_fails_is_torn_down_and_never_passes() {
    for (what, verdict) in [
        ("choose db", Verdict::Failed),
        ("acquire db", Verdict::Failed),
        ("observe db", Verdict::Failed),
        ("check rows", Verdict::Failed),
    ] {
        Drill::simple().fail_at(what).run().released_all().is(verdict);
    }
    Drill::simple().fail_at("preflight").run().is(Verdict::Refused);
    let surroundings = Drill::simple().fail_at("acquire db").with(FaultClass::Surroundings, u32::MAX);
    surroundings.run().released_all().is(Verdict::SurroundingsFailed);
}

#[test]
fn a_check_that_is_not_required_does_not_decide() {
    Drill::simple().fail_at("check style").run().released_all().is(Verdict::Passed);
}

#[test]
fn faults_that_pass_are_tried_again_and_journaled() {
    let ended = Drill::simple().fail_at("acquire db").with(FaultClass::Throttled, 3).run();
    let ended = ended.released_all().is(Verdict::Passed);
    let failures = ended.entries.iter().filter(|entry| matches!(entry.event, Event::AcquireFailed { .. }));
    assert_eq!(failures.count(), 3);
    assert_eq!(ended.state.claims().len(), 2, "the same claim each time");
}

#[test]
fn a_check_that_ran_and_failed_is_not_tried_again() {
    let retry = Retry { attempts: 5, ..Retry::default() };
    let drill = Drill::simple().fail_at("check rows").change(|d| d.steps[1].retry = retry);
    assert_eq!(drill.run().is(Verdict::Failed).state.step(&id("proof")).map(StepState::attempt), Some(1));
    let drill = Drill::simple().fail_at("check rows").with(FaultClass::Transient, 1);
    assert_eq!(drill.run().is(Verdict::Passed).state.step(&id("proof")).map(StepState::attempt), Some(2));
}

#[test]
fn a_new_attempt_begins_once_the_last_one_is_removed() {
    let drill = Drill::simple().fail_at("choose db").with(FaultClass::Transient, 1);
    drill.run().released_all().is(Verdict::Passed);
    let broken = Drill::simple().fail_at("acquire db").with(FaultClass::Transient, 6);
    let ended = broken.run().released_all().is(Verdict::Passed);
    assert_eq!(ended.state.step(&id("db")).map(StepState::attempt), Some(2));
    let removed = ended.position(|event| matches!(event, Event::ClaimRemoved { .. }));
    let again = ended.position(|event| matches!(event, Event::StepStarted { attempt: 2, .. }));
    assert!(removed < again);
}

#[test]
fn removal_runs_backwards() {
    let steps = vec![
        outline("a", RESTORE, &[]),
        outline("b", RESTORE, &["a"]),
        outline("proof", StepKind::Verify, &["a", "b"]),
    ];
    let ended = Drill::new(steps).run().released_all().is(Verdict::Passed);
    let order: Vec<_> = ended
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::ReleaseIntended { claim, .. } => Some(claim.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["b/1/instance", "b/1/copy", "a/1/instance", "a/1/copy"]);
}

#[test]
fn a_claim_that_may_not_be_removed_is_kept_and_told() {
    let ended = Drill::simple().fail_at("release db").with(FaultClass::Refused, 1).run().is(Verdict::Passed);
    assert_eq!(ended.state.teardown(), Teardown::Leaked(1));
    assert!(ended.state.reasons()[0].contains("may be left behind"));
}

#[test]
fn removal_is_tried_until_its_time_is_over() {
    let ended = Drill::simple().fail_at("release db").with(FaultClass::Transient, 12).run();
    ended.released_all().is(Verdict::Passed);
    let never = Drill::simple().fail_at("release db").with(FaultClass::Transient, u32::MAX).run();
    assert_eq!(never.state.teardown(), Teardown::Leaked(2));
}

#[test]
fn a_stop_at_any_moment_tears_down() {
    let whole = Drill::simple().run().entries.len() as u64;
    let teardown =
        Drill::simple().run().position(|event| matches!(event, Event::TeardownBegan { .. })) as u64;
    for seq in 1..whole {
        let mut drill = Drill::simple();
        drill.asked_to_stop_at = Some(seq);
        let ended = drill.run().released_all();
        // Once every step is settled, a wish to stop comes too late to change what was proven.
        let verdict = if seq >= teardown { Verdict::Passed } else { Verdict::Aborted };
        assert_eq!(ended.verdict, verdict, "asked at {seq}");
    }
}

#[test]
fn too_long_is_failed() {
    let drill = Drill::simple().change(|d| d.limits.max_duration = Period::from_secs(4));
    let ended = drill.run().released_all().is(Verdict::Failed);
    assert_eq!(ended.state.cut_short(), Some(TeardownReason::MaxDuration));
    let step = Drill::simple().change(|d| d.steps[0].timeout = Some(Period::from_secs(2)));
    step.run().released_all().is(Verdict::Failed);
}

#[test]
fn objectives_are_compared_with_what_was_achieved() {
    let late = Drill::simple().change(|d| d.objectives.rto = Some(Period::from_secs(7)));
    late.run().released_all().is(Verdict::ObjectiveMissed);
    let old = Drill::simple().change(|d| d.objectives.rpo = Some(Period::from_secs(3599)));
    old.run().released_all().is(Verdict::ObjectiveMissed);
    let met = Drill::simple().change(|d| d.objectives.rto = Some(Period::from_secs(8)));
    met.run().is(Verdict::Passed);
}

#[test]
fn a_failed_run_is_kept_until_its_hard_end() {
    let keep = Period::from_secs(7200);
    let drill = Drill::simple().fail_at("check rows").change(|d| d.limits.keep_on_failure = Some(keep));
    let ended = drill.run().released_all().is(Verdict::Failed);
    let kept = ended.position(|event| matches!(event, Event::KeptUntil { .. }));
    let torn = ended.position(|event| matches!(event, Event::TeardownBegan { .. }));
    assert_eq!(ended.entries[torn].at.since(ended.entries[kept].at), keep);
}

#[test]
fn an_event_that_can_not_follow_is_illegal() {
    let ended = Drill::simple().run();
    // Any entry twice, and any entry left out, is found.
    for at in 1..ended.entries.len() {
        let mut twice = ended.entries.clone();
        twice.insert(at, ended.entries[at].clone());
        assert!(fold(&renumbered(twice)).is_err(), "{at} twice");
        let mut without = ended.entries.clone();
        let removed = without.remove(at);
        let harmless = at == ended.entries.len() - 1;
        assert!(fold(&renumbered(without)).is_err() || harmless, "{removed:?} left out");
    }
    assert!(fold(&[]).is_err());
}

fn renumbered(mut entries: Vec<Entry>) -> Vec<Entry> {
    for (seq, entry) in (1..).zip(&mut entries) {
        entry.seq = seq;
    }
    entries
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever goes wrong, in whatever graph: the run ends, and a pass means that every required check passed.
        #[test]
        fn never_passed_without_every_required_proof(
            kinds in prop::collection::vec((0..3u8, any::<bool>(), 0..3usize), 1..6),
            wrong in prop::collection::vec((0..6usize, 0..6usize), 0..4),
            class in 0..6usize,
            times in prop_oneof![Just(u32::MAX), 0..8u32],
            stop in prop::option::of(1..60u64),
        ) {
            let mut steps = vec![outline("s0", RESTORE, &[])];
            for (at, (kind, required, need)) in kinds.iter().enumerate() {
                let kind = [RESTORE, StepKind::Verify, StepKind::Run][usize::from(*kind)];
                let need = format!("s{}", need % (at + 1));
                let mut step = outline(&format!("s{}", at + 1), kind, &[&need]);
                step.required = *required;
                steps.push(step);
            }
            let mut drill = Drill::new(steps);
            for (what, at) in wrong {
                let what = ["acquire", "observe", "choose", "run", "release", "check"][what];
                let of = if what == "check" { "rows".to_owned() } else { format!("s{at}") };
                drill = drill.fail_at(&format!("{what} {of}"));
            }
            let classes = [FaultClass::Permanent, FaultClass::Transient, FaultClass::Throttled,
                FaultClass::Timeout, FaultClass::Surroundings, FaultClass::Refused];
            let mut drill = drill.with(classes[class], times);
            drill.asked_to_stop_at = stop;
            let ended = drill.run();
            if matches!(ended.verdict, Verdict::Passed | Verdict::ObjectiveMissed) {
                for step in ended.state.steps().iter().filter(|step| step.outline().required) {
                    prop_assert_eq!(step.status(), StepStatus::Succeeded);
                    prop_assert!(step.required_checks_passed());
                }
            }
            // The fold of the whole journal is the state that was reached, and every prefix is legal.
            prop_assert_eq!(&fold(&ended.entries).expect("legal"), &ended.state);
            for end in 1..ended.entries.len() {
                prop_assert!(fold(&ended.entries[..end]).is_ok());
            }
        }
    }
}

#[test]
fn an_absence_counts_only_after_time_that_really_passed() {
    let ended = Drill::simple().run();
    let accepted = ended.position(|event| matches!(event, Event::ReleaseAccepted { .. }));
    let before = fold(&ended.entries[..=accepted]).expect("legal");
    let Event::ReleaseAccepted { claim, .. } = &ended.entries[accepted].event else { panic!("a removal") };
    let at = before.last() + Period::from_secs(7200);
    let after = |event: Event| {
        let entry = Entry { seq: before.entries() + 1, at, event };
        next(before.clone(), &entry).expect("legal").claim(claim).expect("known").absence_counts_from()
    };
    let settled = before.claim(claim).expect("known").absence_counts_from();
    let anew = Some(at + Period::from_secs(5));
    assert_eq!(after(Event::ClockStepped { millis: -7_200_000 }), settled);
    assert_eq!(after(Event::ClockStepped { millis: 7_200_000 }), anew);
    assert_eq!(after(Event::Resumed { by: "me@host".to_owned(), version: "0".to_owned() }), anew);
}
