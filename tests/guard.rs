//! Commands under the real guard, which is the firedrill binary itself.

use firedrill::{
    drill::{Fault, FaultClass},
    process::{Exit, Feed, Input, Invocation, Runner},
    time::Period,
};
use std::{path::Path, process::Command, time::Duration};

fn runner() -> Runner {
    Runner::new(Some(env!("CARGO_BIN_EXE_firedrill").into()))
}

fn sh(text: &str, folder: &Path) -> Invocation {
    let mut invocation = Invocation::new("/bin/sh", folder);
    invocation.args = vec!["-c".into(), text.into()];
    invocation
}

/// Waits until it is so; a test that waits in vain fails by its assertion.
async fn eventually(so: impl Fn() -> bool) -> bool {
    for _ in 0..1000 {
        if so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    so()
}

/// Whether the process whose id is in that file still runs.
fn alive(pid_file: &Path) -> bool {
    let Ok(pid) = std::fs::read_to_string(pid_file) else { return false };
    let Some(pid) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) else { return false };
    let zombie = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
        .is_ok_and(|stat| stat.contains(") Z "));
    rustix::process::test_kill_process(pid).is_ok() && !zombie
}

#[tokio::test]
async fn exit_codes_and_signals_come_through_the_guard() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 137", Exit::Code(137)),
        ("kill -KILL $$", Exit::Signal(9)),
        ("kill -PIPE $$", Exit::Signal(13)),
        ("kill -TERM $$", Exit::Signal(15)),
    ] {
        let finished = runner().run(&sh(text, folder.path()), None).await.expect("ends by itself");
        assert_eq!(finished.exit, exit, "{text}");
    }
}

#[tokio::test]
async fn outputs_environment_and_folder_come_through_the_guard() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut invocation = sh("cat; echo $GIVEN; pwd >&2; env | cut -d= -f1", folder.path());
    invocation.env.push(("GIVEN".into(), "value".into()));
    let finished = runner().run(&invocation, None).await.expect("ends");
    assert!(finished.stdout.tail.starts_with("value\n"), "{}", finished.stdout.tail);
    assert!(!finished.stdout.tail.contains("CARGO"), "{}", finished.stdout.tail);
    let real = folder.path().canonicalize().expect("is there");
    assert_eq!(finished.stderr.tail.trim(), real.display().to_string());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_no_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let invocation = Invocation::new("/no/such/program", folder.path());
    let fault = runner().run(&invocation, None).await.expect_err("can't start");
    assert_eq!(fault.class, FaultClass::Surroundings);
    assert!(fault.message.contains("/no/such/program does not exist"), "{fault}");
}

#[tokio::test]
async fn a_command_may_end_in_its_own_way_when_its_time_is_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut invocation = sh("trap 'echo cleaned > trapped; exit 0' TERM; sleep 60 & wait", folder.path());
    invocation.timeout = Some(Period::from_millis(500));
    let fault = runner().run(&invocation, None).await.expect_err("its time is up");
    assert_eq!(fault.class, FaultClass::Timeout);
    assert!(folder.path().join("trapped").exists());
}

#[tokio::test]
async fn a_dropped_future_takes_guard_and_group_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    let invocation = sh("trap '' TERM; sh -c 'echo $$ > inner; exec sleep 60' & wait; wait", folder.path());
    let running = tokio::spawn(async move { runner().run(&invocation, None).await });
    assert!(eventually(|| alive(&inner)).await, "it never started");
    running.abort();
    assert!(eventually(|| !alive(&inner)).await, "it lives on");
}

#[tokio::test]
async fn a_command_that_kills_its_guard_does_not_escape() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "sh -c 'echo $$ > inner; exec sleep 60' & while ! [ -s inner ]; do sleep 0.01; done; kill -KILL $PPID; wait";
    let fault = runner().run(&sh(text, folder.path()), None).await.expect_err("nothing is known");
    assert_eq!(fault.class, FaultClass::Transient);
    let inner = folder.path().join("inner");
    assert!(eventually(|| !alive(&inner)).await, "it lives on");
}

const FOLDER: &str = "FIREDRILL_TEST_FOLDER";

/// Not a test: the process that `a_killed_firedrill_takes_its_commands_along` kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn a_process_that_is_to_be_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let text = "sh -c 'echo $$ > inner; while :; do date >> written; sleep 0.01; done' & wait";
    let _ = runner().run(&sh(text, Path::new(&folder)), None).await;
}

#[tokio::test]
async fn a_killed_firedrill_takes_its_commands_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut firedrill = Command::new(std::env::current_exe().expect("known"))
        .args(["--exact", "guard::a_process_that_is_to_be_killed", "--ignored", "--quiet"])
        .env(FOLDER, folder.path())
        .spawn()
        .expect("starts");
    let inner = folder.path().join("inner");
    assert!(eventually(|| alive(&inner)).await, "it never started");
    firedrill.kill().expect("can be killed");
    firedrill.wait().expect("was killed");
    assert!(eventually(|| !alive(&inner)).await, "it goes on writing");
}

/// Writes that, then waits if asked, then fails if asked.
struct Writes(&'static [u8], usize, Option<&'static str>);

#[async_trait::async_trait]
impl Feed for Writes {
    async fn feed(&mut self, to: &mut Input) -> Result<(), Fault> {
        for _ in 0..self.1 {
            to.write(self.0).await.expect("written");
        }
        self.2.map_or(Ok(()), |why| Err(Fault::new(FaultClass::Permanent, why)))
    }
}

#[tokio::test]
async fn input_comes_through_the_guard_and_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = sh("wc -c", folder.path());
    for runner in [runner(), Runner::new(None)] {
        let mut feed = Writes(&[b'x'; 100_000], 30, None);
        let finished = runner.run_fed(&command, &mut feed, None).await.expect("ends");
        assert_eq!((finished.exit, finished.fed), (Exit::Code(0), true));
        assert_eq!(finished.stdout.tail.trim(), "3000000");
    }
}

#[tokio::test]
async fn a_command_that_does_not_read_on_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for runner in [runner(), Runner::new(None)] {
        let mut feed = Writes(&[b'x'; 100_000], 30, None);
        let command = sh("head -c 5; exit 3", folder.path());
        let finished = runner.run_fed(&command, &mut feed, None).await.expect("ends");
        assert_eq!((finished.exit, finished.fed), (Exit::Code(3), false));
    }
}

#[tokio::test]
async fn a_command_never_takes_half_of_its_input_for_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = folder.path().join("done");
    for runner in [runner(), Runner::new(None)] {
        let command = sh("cat >/dev/null; touch done", folder.path());
        let mut feed = Writes(b"half", 1, Some("the other half is missing"));
        let fault = runner.run_fed(&command, &mut feed, None).await.expect_err("is stopped");
        assert_eq!(fault.message, "the other half is missing");
        assert!(!done.exists());
    }
}
