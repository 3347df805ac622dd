//! Right playbooks, and what is read from them. Wrong ones are in `tests/bad_input`.

use super::{
    Action, CheckKind, Checked, CommandLine, EnvValue, Expectation, FingerprintExpect, Limits, Objectives,
    Password, Playbook, Retry, RowCount, Selector, Source, SourceKind, Step, Subject,
};
use crate::{ports::PlaybookText, time::Period};
use serde_json::Value;
use std::path::Path;

mod managed;
mod servers;

const HEAD: &str = "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: { name: x }\n";

fn parse(text: &str) -> Checked {
    Playbook::parse(Path::new("drills/x.yaml"), text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn steps(text: &str) -> Vec<Step> {
    parse(&format!("{HEAD}steps:\n{text}")).playbook.steps().to_vec()
}

const RESTORE: &str = "  - id: db\n    restore: { sqlite: { backup: b.db } }\n";

#[test]
fn the_example_of_the_contract_is_read() {
    let text = include_str!("../../../drills/example-platform.yaml");
    let checked = parse(text);
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    let playbook = checked.playbook;
    assert_eq!(playbook.name().as_str(), "orders-platform");
    assert_eq!(playbook.folder(), Path::new("drills"));
    assert_eq!(playbook.objectives().rto, Some(Period::from_secs(7200)));
    assert_eq!(playbook.limits().max_cost_usd, Some(40.0));
    assert_eq!(playbook.controls().len(), 4);
    let schedule = playbook.schedule().expect("a schedule");
    assert_eq!(schedule.unannounced.as_ref().and_then(|u| u.between), Some((540, 1020)));
    let kinds: Vec<&str> = playbook.steps().iter().map(|step| step.action.word()).collect();
    assert_eq!(kinds, ["restore", "verify", "restore", "verify", "verify", "approve"]);
    let Action::Restore(restore) = &playbook.steps()[0].action else { panic!("a restore") };
    assert_eq!(restore.source.kind(), SourceKind::Rds);
    let Action::Verify(verify) = &playbook.steps()[1].action else { panic!("a verification") };
    let Subject::Database(database) = &verify.subject else { panic!("a database") };
    assert_eq!(database.password, Some(Password::Reset));
}

#[test]
fn steps_come_after_what_they_need() {
    let steps = steps(&format!(
        "  - id: b\n    needs: [a]\n    run: [x]\n  - id: a\n    needs: [db]\n    run: [x]\n{RESTORE}"
    ));
    let names: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(names, ["db", "a", "b"]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let checked = parse(&format!("{HEAD}steps:\n{RESTORE}  - id: b\n    needs: [db]\n    run: [x, \"\"]\n"));
    assert_eq!(checked.warnings.len(), 1, "{}", checked.warnings);
    let playbook = checked.playbook;
    assert_eq!(*playbook.limits(), Limits::default());
    assert_eq!(playbook.objectives(), Objectives::default());
    let Action::Run(command) = &playbook.steps()[1].action else { panic!("a command") };
    assert_eq!(command.success, [0]);
    assert_eq!(playbook.steps()[1].retry, Retry::default());
    let Action::Restore(restore) = &playbook.steps()[0].action else { panic!("a restore") };
    assert_eq!(restore.recovery_point, Selector::Latest);
}

#[test]
fn every_recovery_point_is_read() {
    for (text, expected) in [
        ("latest", Selector::Latest),
        ("{ id: a.db }", Selector::Id("a.db".into())),
        ("{ before: 2026-01-02 }", Selector::Before("2026-01-02".parse().expect("a day"))),
        ("{ random_within: 30d }", Selector::RandomWithin(Period::from_secs(30 * 86_400))),
    ] {
        let steps = steps(&format!(
            "  - id: db\n    restore: {{ sqlite: {{ backup: b.db, recovery_point: {text} }} }}\n  - id: b\n    needs: [db]\n    run: [x]\n"
        ));
        let Action::Restore(restore) = &steps[0].action else { panic!("a restore") };
        assert_eq!(restore.recovery_point, expected);
    }
}

#[test]
fn expectations_keep_their_types() {
    for (text, expected) in [
        ("{ equals: 0 }", Expectation::Equals(0.into())),
        ("{ equals: \"0\" }", Expectation::Equals("0".into())),
        ("{ equals: yes }", Expectation::Equals("yes".into())),
        ("{ equals: null }", Expectation::Equals(Value::Null)),
        ("{ equals: 18446744073709551615 }", Expectation::Equals(u64::MAX.into())),
        ("{ min: 1.5 }", Expectation::Min(1.5.into())),
        (
            "{ between: [2026-01-01, 2026-02-01] }",
            Expectation::Between("2026-01-01".into(), "2026-02-01".into()),
        ),
        ("{ rows: 3 }", Expectation::Rows(RowCount { min: Some(3), max: Some(3) })),
        ("{ rows: { min: 3 } }", Expectation::Rows(RowCount { min: Some(3), max: None })),
    ] {
        let steps = steps(&format!(
            "{RESTORE}  - id: b\n    needs: [db]\n    verify: {{ sql: {{ database: db, checks: [{{ name: a, query: select 1, expect: {text} }}] }} }}\n"
        ));
        let Action::Verify(verify) = &steps[1].action else { panic!("a verification") };
        let CheckKind::Query { expect, .. } = &verify.checks[0].kind else { panic!("a query") };
        assert_eq!(*expect, expected, "{text}");
    }
}

#[test]
fn fingerprints_expect_a_baseline_or_a_digest() {
    for (text, expected) in [
        ("baseline", FingerprintExpect::Baseline),
        ("{ digest: \"fd1:0123456789abcdef\" }", FingerprintExpect::Digest("fd1:0123456789abcdef".into())),
    ] {
        let steps = steps(&format!(
            "{RESTORE}  - id: b\n    needs: [db]\n    verify: {{ sql: {{ database: db, checks: [{{ name: a, fingerprint: {{ tables: [t] }}, expect: {text} }}] }} }}\n"
        ));
        let Action::Verify(verify) = &steps[1].action else { panic!("a verification") };
        let CheckKind::Fingerprint(check) = &verify.checks[0].kind else { panic!("a fingerprint") };
        assert_eq!(check.expect, expected);
    }
}

#[test]
fn commands_are_read_in_all_forms() {
    let steps = steps(
        "  - id: files\n    restore:\n      command:\n        commands:\n          recovery_point: [x, -l]\n          \
         acquire: { argv: [x, \"{{ recovery_point.id }}\"], env: { KEY: { file: /k }, A_TOKEN: { env: T }, MODE: fast } }\n          \
         release: { shell: \"rm -rf x\", success: [0, 3] }\n  - id: b\n    needs: [files]\n    run: [x]\n",
    );
    let Action::Restore(restore) = &steps[0].action else { panic!("a restore") };
    let Source::Command(source) = &restore.source else { panic!("a command source") };
    assert_eq!(source.acquire.env.get("A_TOKEN"), Some(&EnvValue::FromEnv("T".into())));
    assert_eq!(source.acquire.env.get("KEY"), Some(&EnvValue::FromFile("/k".into())));
    assert_eq!(source.release.line, CommandLine::Shell("rm -rf x".into()));
    assert_eq!(source.release.success, [0, 3]);
    assert_eq!(source.observe, None);
}

#[test]
fn a_stored_playbook_reads_the_same() {
    let text = include_str!("../../starter/drill.yaml").to_owned();
    let stored = PlaybookText { text: text.clone(), folder: "/etc/drills".into() };
    let again = Playbook::parse_text(&stored).unwrap_or_else(|faults| panic!("{faults}")).playbook;
    assert_eq!(again.folder(), Path::new("/etc/drills"));
    assert_eq!(again.digest(), parse(&text).playbook.digest());
}
