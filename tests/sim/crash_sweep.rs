//! Every prefix of every journal is a crash, and so is every moment between an intent and its effect.

use super::{
    hub::Trap,
    named,
    run::{Ran, run},
    scenario::Scenario,
};
use firedrill::drill::{Teardown, Verdict};

fn whole(ran: &Ran, what: &str) -> (Verdict, Teardown) {
    assert!(ran.violations.is_empty(), "{what}: {:#?}", ran.violations);
    ran.end.unwrap_or_else(|| panic!("{what}: the run is not over"))
}

/// What the scenario comes to when nothing goes wrong.
fn expected(name: &str) -> (Verdict, Teardown) {
    match name {
        "failing check" | "keep on failure" => (Verdict::Failed, Teardown::Clean),
        "retry" => (Verdict::Failed, Teardown::Clean),
        "abort" => (Verdict::Aborted, Teardown::Clean),
        "leak" => (Verdict::Passed, Teardown::Leaked(3)),
        _ => (Verdict::Passed, Teardown::Clean),
    }
}

fn sweep(name: &str, scenario: &Scenario) -> usize {
    let undisturbed = run(scenario.clone(), None, false);
    let end = whole(&undisturbed, name);
    assert_eq!(undisturbed.processes, 1, "{name}");
    assert_eq!(end, expected(name), "{name}");
    let entries = undisturbed.entries.len() as u64;
    let after_entries = (1..=entries).map(Trap::Entries);
    let around_effects =
        (1..=undisturbed.mutations).flat_map(|nth| [Trap::BeforeEffect(nth), Trap::AfterEffect(nth)]);
    let mut crashes = 0;
    for trap in after_entries.chain(around_effects) {
        let what = format!("{name}, crashed at {trap:?}");
        let ran = run(scenario.clone(), Some(trap), false);
        assert_eq!(whole(&ran, &what), end, "{what}");
        assert!(ran.processes > 1, "{what}: there was no crash");
        crashes += 1;
    }
    crashes
}

#[test]
fn a_crash_anywhere_changes_nothing() {
    let crashes: usize = named::all().iter().map(|(name, scenario)| sweep(name, scenario)).sum();
    assert!(crashes > 200, "only {crashes} crashes were tried");
}

#[test]
fn two_crashes_change_nothing() {
    // The second process dies as well, so many entries after the first.
    let scenario = named::chain_of_three();
    let entries = run(scenario.clone(), None, false).entries.len() as u64;
    for first in (1..=entries).step_by(3) {
        let mut scenario = scenario.clone();
        scenario.deaths = vec![first * 2_500, first * 5_000 + 20_000];
        let what = format!("deaths at {:?}", scenario.deaths);
        assert_eq!(whole(&run(scenario, None, false), &what), (Verdict::Passed, Teardown::Clean), "{what}");
    }
}
