//! Every call that changes something goes wrong in turn, in every way.

use super::{hub::Mishap, named, run::run, scenario::Scenario};
use firedrill::{
    drill::{FaultClass, Teardown, Verdict},
    playbook::SourceKind,
};

/// Whether a run with that mishap must still pass.
fn is_survived(mishap: Mishap, removes: bool) -> bool {
    match mishap {
        Mishap::None | Mishap::Slow | Mishap::AckLost => true,
        // A resource that was never made, or a call that never answers, may fail the drill; neither may leak.
        Mishap::RequestLost | Mishap::Hangs => removes,
        Mishap::Fails(FaultClass::Transient | FaultClass::Throttled | FaultClass::Timeout) => true,
        Mishap::Fails(_) => false,
    }
}

fn sweep(name: &str, scenario: &Scenario, ways: &[Mishap]) {
    let undisturbed = run(scenario.clone(), None, false);
    let makes = undisturbed.mutations / 2;
    for nth in 1..=undisturbed.mutations {
        for mishap in ways {
            let mut scenario = scenario.clone();
            scenario.mishaps.insert(nth, *mishap);
            let what = format!("{name}, call {nth}: {mishap:?}");
            let ran = run(scenario, None, false);
            assert!(ran.violations.is_empty(), "{what}: {:#?}", ran.violations);
            let (verdict, teardown) = ran.end.unwrap_or_else(|| panic!("{what}: the run is not over"));
            assert_eq!(teardown, Teardown::Clean, "{what}");
            if is_survived(*mishap, nth > makes) {
                assert_eq!(verdict, Verdict::Passed, "{what}");
            }
        }
    }
}

#[test]
fn one_call_that_goes_wrong_never_leaks() {
    let ways = [
        Mishap::Slow,
        Mishap::AckLost,
        Mishap::RequestLost,
        Mishap::Hangs,
        Mishap::Fails(FaultClass::Transient),
        Mishap::Fails(FaultClass::Throttled),
        Mishap::Fails(FaultClass::Permanent),
        Mishap::Fails(FaultClass::Surroundings),
    ];
    for (name, mut scenario) in
        [("single restore", named::single()), ("chain of three", named::chain_of_three())]
    {
        // A call without an answer is bounded by its step or by the whole run.
        scenario.steps[0].timeout = Some(900_000);
        sweep(name, &scenario, &ways);
    }
}

#[test]
fn both_kinds_of_source_are_swept() {
    let kinds = [named::single(), named::chain_of_three()].map(|scenario| {
        let restore = scenario.restore(&scenario.steps[0].id);
        if restore.sqlite { SourceKind::Sqlite } else { SourceKind::Command }
    });
    assert_eq!(kinds, [SourceKind::Sqlite, SourceKind::Command]);
}
