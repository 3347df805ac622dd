//! Scenarios by hand, each a situation with a name.

use super::{
    person::Answer,
    scenario::{CheckSpec, CommandTruth, Does, Judged, RestoreSpec, Scenario, StepSpec, step_id},
};

pub fn restore(id: &str, links: &[(&'static str, u64)]) -> StepSpec {
    StepSpec::new(id, &[], Does::Restore(RestoreSpec::calm(links.len() == 1, links)))
}

pub fn verify(id: &str, of: &str, checks: &[&str]) -> StepSpec {
    let checks = checks.iter().map(|name| CheckSpec::new(name)).collect();
    StepSpec::new(id, &[of], Does::Verify { of: step_id(of), parallel: 2, checks })
}

pub fn single() -> Scenario {
    Scenario::calm(vec![restore("db", &[("folder", 3_000)]), verify("intact", "db", &["rows", "books"])])
}

pub fn chain_of_three() -> Scenario {
    let links = [("snapshot-copy", 20_000), ("cluster", 30_000), ("instance", 40_000)];
    Scenario::calm(vec![restore("db", &links), verify("intact", "db", &["rows"])])
}

pub fn parallel() -> Scenario {
    let mut joined =
        StepSpec::new("together", &["a-ok", "b-ok"], Does::Run(CommandTruth { exit: 0, takes: 900 }));
    joined.timeout = Some(60_000);
    Scenario::calm(vec![
        restore("a", &[("folder", 4_000)]),
        restore("b", &[("copy", 3_000), ("instance", 9_000)]),
        verify("a-ok", "a", &["rows", "books", "fresh"]),
        verify("b-ok", "b", &["rows"]),
        joined,
    ])
}

/// The first attempt's instance breaks; the second is well.
pub fn retry() -> Scenario {
    let mut slow = restore("db", &[("copy", 5_000), ("instance", 90_000)]);
    slow.timeout = Some(60_000);
    slow.attempts = 2;
    Scenario::calm(vec![slow, verify("intact", "db", &["rows"])])
}

pub fn approval() -> Scenario {
    let answer = Answer { after: Some(30_000), approved: true };
    let mut scenario = single();
    let ask = Does::Approve { timeout: Some(600_000), answer };
    scenario.steps.push(StepSpec::new("sign-off", &["intact"], ask));
    scenario
}

pub fn failing_check() -> Scenario {
    let mut scenario = single();
    if let Does::Verify { checks, .. } = &mut scenario.steps[1].does {
        checks[1].judged = Judged::Never;
    }
    scenario
}

pub fn aborted() -> Scenario {
    Scenario { abort_at: Some(35_000), ..chain_of_three() }
}

pub fn kept_on_failure() -> Scenario {
    Scenario { keep_on_failure: Some(300_000), ..failing_check() }
}

pub fn leaked() -> Scenario {
    let mut scenario = Scenario { teardown: 300_000, ..chain_of_three() };
    if let Does::Restore(restore) = &mut scenario.steps[0].does {
        restore.chain[2].stripped_after = Some(1_000);
    }
    scenario
}

pub fn all() -> Vec<(&'static str, Scenario)> {
    vec![
        ("single restore", single()),
        ("chain of three", chain_of_three()),
        ("parallel", parallel()),
        ("retry", retry()),
        ("approval", approval()),
        ("failing check", failing_check()),
        ("abort", aborted()),
        ("keep on failure", kept_on_failure()),
        ("leak", leaked()),
    ]
}
