//! Whatever events come, in whatever order: a verdict is `passed` only if every required check ran to success.

use firedrill::{
    drill::{
        CheckOutcome, CheckStatus, Claim, Command, Declaration, Entry, Event, Fault, FaultClass, Hydration,
        Link, Outputs, RecoveryPoint, RunState, Scope, StepKind, StepOutline, TeardownReason, Trigger,
        Verdict, decide, next,
    },
    ids::{ClaimId, Digest, RunId, StepId},
    playbook::{Limits, Objectives, Retry, SourceKind},
    time::{Period, Timestamp},
};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::{collection::vec, prop_assert, prop_assert_eq};
use std::collections::BTreeMap;

const STEPS: [&str; 4] = ["db", "intact", "tool", "sign-off"];

fn step(n: usize) -> StepId {
    STEPS[n % STEPS.len()].parse().expect("a step id")
}

fn outline(n: usize, kind: StepKind, needs: &[usize], checks: &[(&str, bool)]) -> StepOutline {
    StepOutline {
        id: step(n),
        kind,
        needs: needs.iter().map(|n| step(*n)).collect(),
        required: true,
        timeout: None,
        retry: Retry { attempts: 2, ..Retry::default() },
        checks: checks.iter().map(|(name, required)| ((*name).to_owned(), *required)).collect(),
        parallel: 2,
        counts_for_rpo: n == 0,
        question: None,
    }
}

fn link() -> Link {
    Link {
        kind: "folder".to_owned(),
        scope: Scope::Folder("/scratch".to_owned()),
        name: "fd-db".to_owned(),
        params: Outputs::new(),
        settle: Period::ZERO,
    }
}

fn declared() -> Entry {
    let at = Timestamp::from_millis(1_795_424_400_000);
    let declaration = Declaration {
        run: RunId::new(at, [7; 10]),
        playbook: "simulated".parse().expect("a name"),
        digest: Digest::of(b"text"),
        trigger: Trigger::Manual,
        reason: None,
        by: "sim@host".to_owned(),
        version: "0".to_owned(),
        objectives: Objectives::default(),
        limits: Limits::default(),
        seed: 7,
        scenario: None,
        controls: Vec::new(),
        steps: vec![
            outline(0, StepKind::Restore(SourceKind::Sqlite), &[], &[("integrity", true)]),
            outline(1, StepKind::Verify, &[0], &[("rows", true), ("books", true), ("extra", false)]),
            outline(2, StepKind::Run, &[1], &[("exit code", true)]),
            outline(3, StepKind::Approve, &[1], &[]),
        ],
    };
    Entry { seq: 1, at, event: Event::Declared(Box::new(declaration)) }
}

/// A kind of move; what it is about is filled in from where the run stands, or at random.
#[derive(Debug, Clone)]
enum Move {
    /// The so-many-th thing that the drill itself wants, well or badly done.
    Wanted(usize, CheckStatus),
    Start(usize, u32),
    Choose,
    Intend,
    Acquired,
    Ready,
    Broken,
    Check(usize, usize, CheckStatus),
    Succeed(usize),
    Fail(usize, bool),
    Skip(usize),
    Answer(bool),
    Abort,
    Teardown(TeardownReason),
    Release,
    Accepted,
    Removed,
    Leaked,
    Finish(Verdict),
}

fn status() -> impl Strategy<Value = CheckStatus> {
    prop_oneof![
        6 => Just(CheckStatus::Passed),
        1 => Just(CheckStatus::Failed),
        1 => Just(CheckStatus::Error(FaultClass::Transient)),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        60 => (0..6usize, status()).prop_map(|(n, status)| Move::Wanted(n, status)),
        2 => (0..4usize, 1..3u32).prop_map(|(n, attempt)| Move::Start(n, attempt)),
        1 => Just(Move::Choose),
        1 => Just(Move::Intend),
        1 => Just(Move::Acquired),
        1 => Just(Move::Ready),
        1 => Just(Move::Broken),
        10 => (0..4usize, 0..5usize, status()).prop_map(|(n, check, status)| Move::Check(n, check, status)),
        2 => (0..4usize).prop_map(Move::Succeed),
        1 => (0..4usize, any::<bool>()).prop_map(|(n, again)| Move::Fail(n, again)),
        1 => (0..4usize).prop_map(Move::Skip),
        4 => any::<bool>().prop_map(Move::Answer),
        1 => Just(Move::Abort),
        1 => prop_oneof![Just(TeardownReason::Completed), Just(TeardownReason::Aborted), Just(TeardownReason::MaxDuration)]
            .prop_map(Move::Teardown),
        3 => Just(Move::Release),
        3 => Just(Move::Accepted),
        3 => Just(Move::Removed),
        1 => Just(Move::Leaked),
        1 => prop_oneof![Just(Verdict::Passed), Just(Verdict::ObjectiveMissed), Just(Verdict::Failed)].prop_map(Move::Finish),
    ];
    vec(one, 1..160)
}

fn outcome(status: CheckStatus) -> CheckOutcome {
    CheckOutcome {
        status,
        kind: "query".to_owned(),
        expected: "1".to_owned(),
        actual: "1".to_owned(),
        details: Vec::new(),
        rows: None,
        took: Period::ZERO,
        freshness: None,
        digests: BTreeMap::new(),
    }
}

fn point(at: Timestamp) -> RecoveryPoint {
    RecoveryPoint {
        id: "p".to_owned(),
        time: at,
        time_source: "file name".to_owned(),
        location: None,
        bytes: None,
        encrypted: None,
        details: BTreeMap::new(),
    }
}

fn finished(state: &RunState, step: &StepId, check: &str, status: CheckStatus) -> Option<Event> {
    let attempt = state.step(step)?.attempt();
    Some(Event::CheckFinished {
        step: step.clone(),
        attempt,
        check: check.to_owned(),
        outcome: outcome(status),
    })
}

/// The event that a move stands for, in this state.
fn event(state: &RunState, one: &Move, at: Timestamp) -> Option<Event> {
    let db = state.step(&step(0))?;
    let claim = ClaimId::new(&step(0), db.attempt(), "folder");
    let fault = Fault::new(FaultClass::Transient, "simulated");
    Some(match one {
        Move::Wanted(n, status) => {
            let wanted = decide(state, at);
            let wish = wanted.get(n % wanted.len().max(1))?;
            return match wish {
                Command::Record(wanted) => Some(wanted.as_ref().clone()),
                Command::Preflight => Some(Event::Cleared { facts: Vec::new() }),
                Command::ChoosePoint { .. } => event(state, &Move::Choose, at),
                Command::Acquire { .. } => event(state, &Move::Acquired, at),
                Command::Observe { .. } => event(state, &Move::Ready, at),
                Command::Check { step, check } => Some(finished(state, step, check, *status)?),
                Command::RunCommand { step } if state.step(step)?.checks().is_empty() => {
                    finished(state, step, "exit code", *status)
                }
                Command::RunCommand { step } => {
                    Some(Event::StepSucceeded { step: step.clone(), outputs: Outputs::new() })
                }
                Command::Release { .. } => event(state, &Move::Accepted, at),
                Command::WakeAt(_) => None,
            };
        }
        Move::Start(n, attempt) => Event::StepStarted { step: step(*n), attempt: *attempt },
        Move::Choose => Event::PointChosen {
            step: step(0),
            attempt: db.attempt(),
            point: point(at),
            considered: Vec::new(),
            considered_total: 1,
            because: "the only one".to_owned(),
            chain: vec![link()],
        },
        Move::Intend => Event::ClaimIntended {
            claim: Claim {
                id: claim,
                run: state.declaration().run,
                step: step(0),
                attempt: db.attempt(),
                source: SourceKind::Sqlite,
                link: link(),
                expires: at,
            },
        },
        Move::Acquired => Event::ClaimAcquired { claim, receipts: Vec::new() },
        Move::Ready => Event::ClaimReady { claim, outputs: Outputs::new(), hydration: Hydration::Complete },
        Move::Broken => Event::ClaimBroken { claim, reason: "simulated".to_owned() },
        Move::Check(n, check, status) => {
            let of = state.step(&step(*n))?;
            let names: Vec<_> = of.outline().checks.iter().map(|(name, _)| name).collect();
            let check = if names.is_empty() { "none" } else { names[check % names.len()] };
            finished(state, &step(*n), check, *status)?
        }
        Move::Succeed(n) => Event::StepSucceeded { step: step(*n), outputs: Outputs::new() },
        Move::Fail(n, again) => Event::AttemptFailed {
            step: step(*n),
            attempt: state.step(&step(*n))?.attempt(),
            fault,
            retry_at: again.then_some(at),
        },
        Move::Skip(n) => Event::StepSkipped { step: step(*n), because: "simulated".to_owned() },
        Move::Answer(approved) => {
            Event::ApprovalAnswered { step: step(3), approved: *approved, by: "p".to_owned(), note: None }
        }
        Move::Abort => Event::AbortRequested { by: "p".to_owned(), reason: None },
        Move::Teardown(reason) => Event::TeardownBegan { reason: *reason },
        Move::Release => Event::ReleaseIntended { claim, tries: 1 },
        Move::Accepted => Event::ReleaseAccepted { claim, receipts: Vec::new() },
        Move::Removed => Event::ClaimRemoved { claim, proof: "simulated".to_owned() },
        Move::Leaked => Event::ClaimLeaked { claim, reason: "simulated".to_owned() },
        Move::Finish(verdict) => {
            Event::Finished { verdict: *verdict, teardown: state.teardown(), reasons: Vec::new() }
        }
    })
}

/// Whether the entries themselves, read without the drill's state, prove the required check.
fn ran_to_success(entries: &[Entry], of: &StepId, name: &str) -> bool {
    let mut passed = false;
    for entry in entries {
        match &entry.event {
            Event::StepStarted { step, .. } if step == of => passed = false,
            Event::CheckFinished { step, check, outcome, .. } if step == of && check == name => {
                passed = outcome.status == CheckStatus::Passed;
            }
            _ => {}
        }
    }
    passed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passed_means_that_every_required_check_ran_to_success(moves in moves()) {
        let first = declared();
        let mut state = RunState::begin(&first).expect("a declaration");
        let mut entries = vec![first];
        for (n, one) in moves.iter().enumerate() {
            let at = state.last() + Period::from_secs(n as u64);
            let Some(event) = event(&state, one, at) else { continue };
            let entry = Entry { seq: state.entries() + 1, at, event };
            if let Ok(after) = next(state.clone(), &entry) {
                state = after;
                entries.push(entry);
            }
            if state.verdict() == Verdict::Passed {
                for outline in &state.declaration().steps {
                    for (check, required) in &outline.checks {
                        prop_assert!(
                            !required || ran_to_success(&entries, &outline.id, check),
                            "passed without check {} of {}", check, outline.id
                        );
                    }
                }
                let said = entries.iter().rev().find_map(|entry| match &entry.event {
                    Event::ApprovalAnswered { approved, .. } => Some(*approved),
                    _ => None,
                });
                prop_assert_eq!(said, Some(true), "passed without the approval");
            }
        }
    }
}

#[test]
fn the_moves_reach_a_passed_run() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut passed = 0;
    for _ in 0..1024 {
        let moves = moves().new_tree(&mut runner).expect("moves").current();
        let mut state = RunState::begin(&declared()).expect("a declaration");
        for (n, one) in moves.iter().enumerate() {
            let at = state.last() + Period::from_secs(n as u64);
            let Some(event) = event(&state, one, at) else { continue };
            let entry = Entry { seq: state.entries() + 1, at, event };
            state = next(state.clone(), &entry).unwrap_or(state);
        }
        passed += u32::from(state.verdict() == Verdict::Passed);
    }
    assert!(passed > 10, "only {passed} of 1024 reach `passed`: the property would hold for nothing");
}
