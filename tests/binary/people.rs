//! What people do to a run that another process drives: approve, abort, interrupt; and what is kept for them.

use super::{Firedrill, Ran, by_commands, eventually};

const ASKS: &str = r#"  - id: sign-off
    needs: [there]
    approve: { question: "Did it work?", timeout: 5m }
"#;

fn waiting(firedrill: &Firedrill, text: &str) {
    eventually(text, 30, || firedrill.run(&["show", "last", "--events"]).stdout.contains(text));
}

#[test]
fn an_approval_given_from_another_process_lets_the_run_pass() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("asks", "true", ASKS));
    let child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8")]);
    waiting(&firedrill, "waiting for a person");
    let wrong = firedrill.run(&["approve", "last", "sign-of"]);
    assert_eq!(wrong.code, 2, "{wrong}");
    assert!(wrong.stderr.contains("sign-off"), "{wrong}");
    let yes = firedrill.run(&["approve", "last", "sign-off", "--note", "seen"]);
    assert_eq!(yes.code, 0, "{yes}");
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn an_answer_of_no_fails_the_run() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("asks", "true", ASKS));
    let child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8")]);
    waiting(&firedrill, "waiting for a person");
    assert_eq!(firedrill.run(&["approve", "last", "sign-off", "--no"]).code, 0);
    assert_eq!(Ran::from(child.wait_with_output().expect("ends")).code, 1);
}

#[test]
fn a_run_is_driven_by_one_process_alone() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("asks", "true", ASKS));
    let child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8")]);
    waiting(&firedrill, "waiting for a person");
    let other = firedrill.run(&["resume", "last"]);
    assert_eq!(other.code, 3, "{other}");
    assert!(other.stderr.contains("being driven by"), "{other}");
    let abort = firedrill.run(&["abort", "last", "--reason", "enough"]);
    assert_eq!(abort.code, 0, "{abort}");
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, 7, "{ran}");
    assert_eq!(firedrill.left(), Vec::<String>::new());
}

#[test]
fn an_interrupt_tears_down_and_a_second_leaves_at_once() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("slow", "sleep 60", ""));
    let child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8")]);
    waiting(&firedrill, "will make");
    let pid = child.id().to_string();
    let signal = || std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill");
    assert!(signal().success());
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, 7, "{ran}");
    assert_eq!(firedrill.left(), Vec::<String>::new());
}

#[test]
fn a_failed_run_is_kept_until_someone_has_looked() {
    let firedrill = Firedrill::new();
    let text = by_commands("kept", "true", "").replace("\"/bin/true\"", "\"/bin/false\"")
        + "limits: { keep_on_failure: 1h }\n";
    let playbook = firedrill.write("drill.yaml", &text);
    let child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8")]);
    waiting(&firedrill, "kept until");
    assert_ne!(firedrill.left(), Vec::<String>::new(), "what was restored is still there");
    assert_eq!(firedrill.run(&["abort", "last"]).code, 0);
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, 1, "it failed before it was aborted: {ran}");
    assert_eq!(firedrill.left(), Vec::<String>::new());
}
