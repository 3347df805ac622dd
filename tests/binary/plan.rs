//! `firedrill plan`: what a run would do, and nothing done.

use super::{Firedrill, Ran, by_commands};
use serde_json::Value;

fn step<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let steps = plan["plan"]["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["id"] == id).expect("the step")
}

fn fits(ran: &Ran) {
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
}

#[test]
fn before_the_first_run_nothing_is_made_to_look_at_it() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart.yaml");
    let ran = firedrill.run(&["plan", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("the run makes the sample"), "{ran}");
    fits(&ran);
    assert!(!firedrill.data().exists(), "a data directory was made");
    assert!(!firedrill.path().join("drills/sample").exists(), "a sample was made");
}

#[test]
fn the_run_takes_what_the_plan_says() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart.yaml");
    let playbook = playbook.to_str().expect("utf-8");
    assert_eq!(firedrill.run(&["run", playbook, "-q"]).code, 0);
    let runs = firedrill.json(&["list", "--format", "json"]);
    let ran = firedrill.run(&["plan", playbook]);
    assert_eq!(ran.code, 0, "{ran}");
    fits(&ran);
    for word in ["fd-RUN-shop-db-1", "side by side", "with the baseline of", "the newest, of 3", "draws anew"]
    {
        assert!(ran.stdout.contains(word), "`{word}` is missing: {ran}");
    }
    let plan = firedrill.json(&["plan", playbook, "--format", "json"]);
    assert_eq!(firedrill.json(&["list", "--format", "json"]), runs, "a plan is no run");
    assert_eq!(plan["plan"]["outlook"], "ready");
    assert_eq!(plan["estimate"]["runs"], 1);
    let waves: Vec<_> =
        ["shop-db", "any-day-db", "orders-intact"].map(|id| step(&plan, id)["wave"].clone()).into();
    assert_eq!(waves, [1, 1, 2]);
    let shown = firedrill.json(&["run", playbook, "--format", "json"]);
    let taken = |id: &str| {
        let steps = shown["steps"].as_array().expect("steps");
        let step = steps.iter().find(|step| step["id"] == id).expect("the step");
        step["point"]["id"].as_str().map(str::to_owned)
    };
    let planned = step(&plan, "shop-db")["restore"]["point"]["id"].as_str().map(str::to_owned);
    assert!(planned.is_some());
    assert_eq!(taken("shop-db"), planned);
    assert_eq!(firedrill.left(), Vec::<String>::new());
}

#[test]
fn every_restore_without_a_backup_is_told() {
    let firedrill = Firedrill::new();
    let text = r#"apiVersion: firedrill/v1
kind: Playbook
metadata: { name: two }
steps:
  - { id: first, restore: { sqlite: { backup: nowhere/one.db } } }
  - { id: second, restore: { sqlite: { backup: nowhere/two.db } } }
  - { id: well, needs: [first], verify: { sql: { database: first, checks: [{ name: a, query: "select 1", expect: { equals: 1 } }] } } }
  - { id: good, needs: [second], verify: { sql: { database: second, checks: [{ name: a, query: "select 1", expect: { equals: 1 } }] } } }
  - { id: ask, needs: [first, second], approve: { question: "Is it well?" } }
"#;
    let playbook = firedrill.write("two.yaml", text);
    let ran = firedrill.run(&["plan", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 3, "{ran}");
    for word in ["REFUSED", "first:", "one.db", "second:", "two.db", "A PERSON IS NEEDED", "Is it well?"] {
        assert!(ran.stdout.contains(word), "`{word}` is missing: {ran}");
    }
    fits(&ran);
    let run = firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q"]);
    assert_eq!(run.code, ran.code, "the run says the same: {run}");
}

#[test]
fn what_is_known_to_fail_is_no_success() {
    let firedrill = Firedrill::new();
    let none = by_commands("none", "true", "")
        .replace("{\\\"id\\\":\\\"one\\\",\\\"time\\\":\\\"2026-01-01T00:00:00Z\\\"}", "");
    let busy = by_commands("busy", "true", "").replace("echo '", "exit 75; echo '");
    for (text, code, word) in [(none, 1, "no recovery point"), (busy, 6, "exit code 75")] {
        let playbook = firedrill.write("drill.yaml", &text);
        let ran = firedrill.run(&["plan", playbook.to_str().expect("utf-8")]);
        assert_eq!(ran.code, code, "{ran}");
        assert!(ran.stdout.contains(word), "`{word}` is missing: {ran}");
        let run = firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q", "--format", "json"]);
        assert_ne!(run.code, 0, "{run}");
    }
    let faulty = firedrill.write("faulty.yaml", "kind: Playbook\n");
    assert_eq!(firedrill.run(&["plan", faulty.to_str().expect("utf-8")]).code, 2);
}

#[test]
fn a_place_that_is_not_scratch_is_refused() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart.yaml");
    assert_eq!(firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q"]).code, 0);
    let text =
        std::fs::read_to_string(&playbook).expect("text") + "\nscratch: { folder: /var/lib/elsewhere }\n";
    let playbook = firedrill.write("drills/elsewhere.yaml", &text);
    let plan = firedrill.json(&["plan", playbook.to_str().expect("utf-8"), "--format", "json"]);
    assert_eq!(plan["plan"]["outlook"], "refused");
    let against = plan["plan"]["against"].to_string();
    assert!(against.contains("shop-db: ") && against.contains("any-day-db: "), "{against}");
    assert_eq!(firedrill.run(&["plan", playbook.to_str().expect("utf-8")]).code, 3);
    assert!(!std::path::Path::new("/var/lib/elsewhere").exists());
}
