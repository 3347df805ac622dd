//! `kill -9` at random moments, and resumed each time.

use super::Firedrill;
use std::time::Duration;

/// Moments are spread over the run by a fixed sequence; what happens at each depends on the machine.
const KILLS: u64 = 50;

#[test]
fn killed_at_fifty_moments_and_resumed_it_leaves_nothing() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart.yaml");
    let playbook = playbook.to_str().expect("utf-8");
    // The first makes the sample; it also tells how long a run takes here.
    let begun = std::time::Instant::now();
    let first = firedrill.run(&["run", playbook, "-q"]);
    assert_eq!(first.code, 0, "{first}");
    let again = std::time::Instant::now();
    assert_eq!(firedrill.run(&["run", playbook, "-q"]).code, 0);
    let whole = u64::try_from(again.elapsed().min(begun.elapsed()).as_millis()).expect("small");
    let (mut killed, mut resumed) = (0, 0);
    for kill in 0..KILLS {
        let mut child = firedrill.spawn(&["run", playbook, "-q"]);
        let share = (kill * 2_654_435_761) % 1000;
        std::thread::sleep(Duration::from_millis(whole * share / 1000));
        if child.try_wait().expect("a child").is_none() {
            child.kill().expect("killed with SIGKILL");
            killed += 1;
        }
        child.wait().expect("ended");
        let ran = firedrill.run(&["resume", "-q"]);
        assert_eq!(ran.code, 0, "after kill {kill} at {share} per mille: {ran}");
        resumed += u64::from(!ran.stdout.is_empty());
        assert_eq!(firedrill.left(), Vec::<String>::new(), "after kill {kill}");
    }
    assert!(killed >= KILLS / 2 && resumed >= 5, "only {killed} were killed and {resumed} resumed");
    let runs = firedrill.json(&["list", "--count", "200", "--format", "json"]);
    for run in runs.as_array().expect("runs") {
        assert_eq!((&run["verdict"], &run["teardown"]), (&"passed".into(), &"clean".into()), "{run}");
    }
}

#[test]
fn a_restore_tool_does_not_outlive_firedrill() {
    let firedrill = Firedrill::new();
    let mark = firedrill.path().join("alive");
    let acquire = format!("while true; do date >> {}; sleep 0.05; done", mark.display());
    let playbook = firedrill.write("drill.yaml", &super::by_commands("orphan", &acquire, ""));
    let mut child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8"), "-q"]);
    super::eventually("the tool runs", 20, || mark.exists());
    child.kill().expect("killed");
    child.wait().expect("ended");
    let size = || std::fs::metadata(&mark).map(|meta| meta.len()).unwrap_or(0);
    super::eventually("the tool has stopped", 10, || {
        let before = size();
        std::thread::sleep(Duration::from_millis(300));
        size() == before
    });
    let ran = firedrill.run(&["abort", "last"]);
    assert_eq!(ran.code, 7, "{ran}");
    assert_eq!(firedrill.left(), Vec::<String>::new());
}
