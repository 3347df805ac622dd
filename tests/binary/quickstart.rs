//! The quick start, as the README has it.

use super::Firedrill;

#[test]
fn the_quick_start_passes_and_leaves_nothing() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart.yaml");
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8"), "--report", "report.html"]);
    assert_eq!(ran.code, 0, "{ran}");
    for word in ["PASSED", "RTA", "RPA", "observed gone"] {
        assert!(ran.stdout.contains(word), "`{word}` is missing: {ran}");
    }
    assert_eq!(firedrill.left(), Vec::<String>::new());
    let page = std::fs::read_to_string(firedrill.path().join("report.html")).expect("a report");
    assert!(page.contains("<svg") && page.contains("shop-db"));

    let shown = firedrill.json(&["show", "last", "--format", "json"]);
    let steps = shown["steps"].as_array().expect("steps");
    let checks: Vec<_> =
        steps.iter().flat_map(|step| step["checks"].as_array().into_iter().flatten()).collect();
    let rows: u64 = checks.iter().filter_map(|check| check["rows"].as_u64()).sum();
    let kinds: std::collections::BTreeSet<_> =
        checks.iter().filter_map(|check| check["kind"].as_str()).collect();
    assert!(checks.len() >= 6, "{} checks", checks.len());
    assert!(kinds.len() >= 4, "{kinds:?}");
    assert!(rows >= 100_000, "{rows} rows");
}

#[test]
fn a_silently_corrupted_backup_fails_and_names_its_rows() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart-corrupted.yaml");
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 1, "{ran}");
    for word in ["orders", "order_lines", "changed", "lost"] {
        assert!(ran.stdout.contains(word), "`{word}` is missing: {ran}");
    }
    assert_eq!(firedrill.left(), Vec::<String>::new());
}

#[test]
fn both_are_listed() {
    let firedrill = Firedrill::new();
    for name in ["quickstart.yaml", "quickstart-corrupted.yaml"] {
        let playbook = firedrill.example(name);
        firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q"]);
    }
    let runs = firedrill.json(&["list", "--format", "json"]);
    let verdicts: Vec<_> = runs.as_array().expect("runs").iter().map(|run| run["verdict"].clone()).collect();
    assert_eq!(verdicts, ["failed", "passed"], "the newest first");
    let one = firedrill.json(&["list", "--playbook", "quickstart", "--format", "json"]);
    assert_eq!(one.as_array().map(Vec::len), Some(1));
}
