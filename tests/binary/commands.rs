//! Command lines, exit codes, and what is said on which stream.

use super::{Firedrill, by_commands};

#[test]
fn init_writes_what_check_accepts() {
    let firedrill = Firedrill::new();
    let ran = firedrill.run(&["init", "new"]);
    assert_eq!(ran.code, 0, "{ran}");
    let checked = firedrill.run(&["check", "new/drills", "--config", "new/firedrill.toml"]);
    assert_eq!(checked.code, 0, "{checked}");
    let again = firedrill.run(&["init", "new"]);
    assert_eq!(again.code, 2, "{again}");
    assert!(again.stderr.contains("nothing was written"), "{again}");
}

#[test]
fn the_examples_are_valid() {
    let firedrill = Firedrill::new();
    let drills = concat!(env!("CARGO_MANIFEST_DIR"), "/drills");
    let ran = firedrill.run(&["check", drills]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let firedrill = Firedrill::new();
    let text =
        by_commands("faulty", "true", "").replace("rto:", "rtoo:").replace("needs: [store]", "needs: [stor]");
    let playbook = firedrill.write("faulty.yaml", &text);
    let ran = firedrill.run(&["check", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 2, "{ran}");
    for word in ["faulty.yaml:4:", "rtoo", "rto", "stor", "store"] {
        assert!(ran.stderr.contains(word), "`{word}` is missing: {ran}");
    }
    let run = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(run.code, 2, "{run}");
    assert!(!firedrill.data().join("firedrill.db").exists(), "nothing was begun");
}

#[test]
fn a_source_without_provider_is_refused_before_anything_is_made() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("example-platform.yaml");
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.stdout.contains("velero"), "{ran}");
    assert_eq!(firedrill.left(), Vec::<String>::new());
}

#[test]
fn a_scratch_folder_that_the_operator_does_not_allow_is_refused() {
    let firedrill = Firedrill::new();
    let text = std::fs::read_to_string(firedrill.example("quickstart.yaml")).expect("text")
        + "\nscratch: { folder: /var/lib/elsewhere }\n";
    let playbook = firedrill.write("drills/elsewhere.yaml", &text);
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(!std::path::Path::new("/var/lib/elsewhere").exists());
}

#[test]
fn a_missing_backup_fails_loudly() {
    let firedrill = Firedrill::new();
    let text = by_commands("none", "true", "")
        .replace("{\\\"id\\\":\\\"one\\\",\\\"time\\\":\\\"2026-01-01T00:00:00Z\\\"}", "");
    let playbook = firedrill.write("none.yaml", &text);
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stdout.contains("no recovery point"), "{ran}");
}

#[test]
fn an_objective_that_is_missed_has_a_code_of_its_own() {
    let firedrill = Firedrill::new();
    let text = by_commands("late", "true", "").replace("rpo: 3000d", "rpo: 1h");
    let playbook = firedrill.write("late.yaml", &text);
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 4, "{ran}");
}

#[test]
fn json_stands_alone_on_stdout() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "true", ""));
    let summary = firedrill.json(&["run", playbook.to_str().expect("utf-8"), "--format", "json"]);
    assert_eq!(summary["verdict"], "passed");
    let run = summary["run"].as_str().expect("an id").to_owned();
    for way in [run.as_str(), &run[..13], "last"] {
        assert_eq!(firedrill.json(&["show", way, "--format", "json"])["run"], summary["run"], "{way}");
    }
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8"), "--format", "ndjson"]);
    assert!(ran.stdout.lines().count() > 8, "{ran}");
    for line in ran.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is a document");
    }
}

#[test]
fn unknown_runs_and_empty_journals_are_told_plainly() {
    let firedrill = Firedrill::new();
    assert_eq!(firedrill.json(&["list", "--format", "json"]), serde_json::json!([]));
    for args in [["show", "last"], ["report", "last"]] {
        let ran = firedrill.run(&args);
        assert_eq!(ran.code, 2, "{ran}");
    }
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "true", ""));
    firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q"]);
    let ran = firedrill.run(&["show", "ffffffff-ffff"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert_eq!(firedrill.run(&["resume"]).code, 0);
    assert_eq!(firedrill.run(&["nonsense"]).code, 2);
}

#[test]
fn a_step_that_fails_skips_what_needs_it_and_no_more() {
    let firedrill = Firedrill::new();
    let more = r#"  - { id: wrong, needs: [store], run: ["/bin/false"] }
  - { id: behind, needs: [wrong], run: ["/bin/true"] }
  - { id: beside, needs: [there], run: ["/bin/true"] }
"#;
    let playbook = firedrill.write("drill.yaml", &by_commands("branches", "true", more));
    let summary = firedrill.json(&["run", playbook.to_str().expect("utf-8"), "--format", "json"]);
    let status = |id: &str| {
        let steps = summary["steps"].as_array().expect("steps");
        steps.iter().find(|step| step["id"] == id).map(|step| step["status"].clone())
    };
    assert_eq!(status("wrong"), Some("failed".into()));
    assert_eq!(status("behind"), Some("skipped".into()));
    assert_eq!(status("beside"), Some("succeeded".into()));
}
