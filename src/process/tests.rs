//! Commands as they are really run: `/bin/sh` scripts in a temporary folder.

use super::*;
use crate::{
    playbook::{CommandLine, CommandSpec, EnvValue, Template},
    ports::Known,
};
use std::{path::Path, sync::Mutex, time::Duration};

pub(crate) fn shell(text: &str) -> CommandSpec {
    spec(CommandLine::Shell(text.to_owned()))
}

pub(crate) fn argv(parts: &[&str]) -> CommandSpec {
    let parts = parts.iter().map(|part| Template::parse(part).expect("a template"));
    spec(CommandLine::Argv(parts.collect()))
}

fn spec(line: CommandLine) -> CommandSpec {
    CommandSpec { line, env: Default::default(), folder: None, timeout: None, success: vec![0] }
}

fn known() -> Known {
    let outputs = [("path", "/tmp/$(touch pwned) x"), ("port", "5432")];
    let outputs = outputs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Known {
        run: "run-1".to_owned(),
        declared: "2026-11-23T09:00:00.000Z".to_owned(),
        steps: [("orders-db".parse().expect("a label"), outputs)].into(),
    }
}

fn prepare(spec: &CommandSpec, folder: &Path) -> Result<Prepared, Fault> {
    Prepared::new(spec, folder, &known(), None, &[], &Allowed::any())
}

async fn run(spec: &CommandSpec, folder: &Path) -> Result<Finished, Fault> {
    let invocation = prepare(spec, folder)?.invocation()?;
    Runner::new(None).run(&invocation, None).await
}

async fn sh(text: &str) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    run(&shell(text), folder.path()).await.expect("ends by itself")
}

/// Waits until it is so. A test that waits in vain fails by its assertion after ten seconds.
pub(crate) async fn eventually(so: impl Fn() -> bool) -> bool {
    for _ in 0..1000 {
        if so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    so()
}

/// Whether the process whose id is in that file is there and no zombie.
fn alive(pid_file: &Path) -> bool {
    let Ok(pid) = std::fs::read_to_string(pid_file) else { return false };
    let Some(pid) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) else { return false };
    let zombie = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
        .is_ok_and(|stat| stat.contains(") Z "));
    rustix::process::test_kill_process(pid).is_ok() && !zombie
}

#[tokio::test]
async fn both_outputs_and_the_exit_code_are_kept() {
    let finished = sh("echo out; echo err >&2; exit 3").await;
    assert_eq!(finished.exit, Exit::Code(3));
    assert_eq!((finished.stdout.tail.as_str(), finished.stderr.tail.as_str()), ("out\n", "err\n"));
    assert_eq!(finished.stdout.digest, crate::ids::Digest::of(b"out\n"));
}

#[tokio::test]
async fn a_signal_is_no_exit_code() {
    let finished = sh("kill -TERM $$").await;
    assert_eq!(finished.exit, Exit::Signal(15));
    assert_eq!(finished.exit.to_string(), "killed by signal 15 (SIGTERM)");
}

#[tokio::test]
async fn only_a_few_variables_are_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = argv(&["env"]);
    spec.env.insert("GIVEN".into(), EnvValue::Text(Template::parse("{{ run.id }}").expect("parses")));
    let finished = run(&spec, folder.path()).await.expect("runs");
    let names: Vec<&str> =
        finished.stdout.tail.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(finished.stdout.tail.contains("GIVEN=run-1\n"), "{names:?}");
    assert!(names.iter().all(|name| *name == "GIVEN" || Invocation::BASE_ENV.contains(name)), "{names:?}");
    // cargo sets this one for the test itself.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
}

#[tokio::test]
async fn an_output_larger_than_every_pipe_does_not_block_the_command() {
    let finished = sh("head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo end").await;
    assert_eq!(finished.exit, Exit::Code(0));
    assert_eq!(finished.stdout.bytes, 3_000_005);
    assert!(finished.stdout.truncated && finished.stdout.tail.len() == OUTPUT_LIMIT);
    assert_eq!(finished.stdout.last_lines(1), ["end"]);
}

#[tokio::test]
async fn standard_input_is_empty() {
    assert_eq!(sh("cat; echo done").await.stdout.tail, "done\n");
}

#[tokio::test]
async fn a_value_with_shell_code_in_it_is_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec =
        shell("printf '%s|' \"{{ steps.orders-db.path }}\" {{ steps.orders-db.port }}; echo '{{.State}}'");
    let finished = run(&spec, folder.path()).await.expect("runs");
    assert_eq!(finished.stdout.tail, "/tmp/$(touch pwned) x|5432|{{.State}}\n");
    assert!(!folder.path().join("pwned").exists());
    let spec = argv(&["printf", "%s|", "{{ steps.orders-db.path }}"]);
    assert_eq!(run(&spec, folder.path()).await.expect("runs").stdout.tail, "/tmp/$(touch pwned) x|");
}

#[test]
fn a_reference_to_nothing_is_a_fault() {
    for spec in
        [shell("echo {{ steps.orders-db.nothing }}"), argv(&["echo", "{{ steps.orders-db.nothing }}"])]
    {
        let fault = prepare(&spec, Path::new("/")).expect_err("not given");
        assert!(fault.message.contains("{{ steps.orders-db.nothing }} was not given"), "{fault}");
    }
    let fault = prepare(&shell("echo {{ steps.orders-db }}"), Path::new("/")).expect_err("no reference");
    assert!(fault.message.contains("refers to nothing"), "{fault}");
}

#[test]
fn a_program_that_is_not_allowed_is_refused() {
    let prepare = |spec: &CommandSpec, allowed: &[&str]| {
        let allowed = Allowed::only(allowed.iter().map(|&name| name.to_owned()));
        Prepared::new(spec, Path::new("/"), &known(), None, &[], &allowed)
    };
    assert!(prepare(&argv(&["env"]), &["env"]).is_ok());
    assert!(prepare(&argv(&["/bin/sh"]), &["/bin/sh"]).is_ok());
    let fault = prepare(&argv(&["env"]), &["restic"]).expect_err("not on the list");
    assert_eq!(fault.class, FaultClass::Refused);
    assert!(fault.message.contains("`env`") && fault.message.contains("[commands]"), "{fault}");
    // A path is not excused by a name, nor by dots in it.
    assert!(prepare(&argv(&["/bin/sh"]), &["sh"]).is_err());
    assert!(prepare(&argv(&["/opt/allowed/../../bin/sh"]), &["/opt/allowed/../../bin/sh"]).is_err());
    assert!(prepare(&shell("true"), &["restic"]).is_err());
}

#[tokio::test]
async fn secrets_reach_the_command_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pw"), "hunter2000\n").expect("written");
    let mut spec = shell("printf %s \"$PW\" | wc -c; echo $PW; echo $PW >&2; exit 1");
    spec.env.insert("PW".into(), EnvValue::FromFile("pw".into()));
    let prepared = prepare(&spec, folder.path()).expect("prepared");
    assert!(!serde_json::to_string(&prepared).expect("JSON").contains("hunter"));
    let invocation = prepared.invocation().expect("readable");
    assert!(invocation.args.iter().all(|arg| !arg.to_string_lossy().contains("hunter")));
    let lines = Mutex::new(Vec::new());
    let on_line = |line: &str| lines.lock().expect("not poisoned").push(line.to_owned());
    let finished = Runner::new(None).run(&invocation, Some(&on_line)).await.expect("ends");
    assert_eq!(finished.stdout.tail.split_whitespace().collect::<Vec<_>>(), ["10", "[redacted]"]);
    assert_eq!(finished.stderr.tail, "[redacted]\n");
    assert!(!format!("{lines:?}").contains("hunter"));
}

#[tokio::test]
async fn a_secret_in_the_last_words_of_a_killed_command_is_taken_out() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pw"), "hunter2000").expect("written");
    let mut spec = shell("echo \"login with $PW\" >&2; sleep 60");
    spec.env.insert("PW".into(), EnvValue::FromFile("pw".into()));
    spec.timeout = Some(Period::from_millis(300));
    let fault = run(&spec, folder.path()).await.expect_err("killed");
    assert_eq!(fault.class, FaultClass::Timeout);
    assert!(fault.message.contains("login with [redacted]"), "{fault}");
}

#[test]
fn a_secret_that_is_not_there_is_named() {
    let mut spec = argv(&["env"]);
    spec.env.insert("PW".into(), EnvValue::FromEnv("FIREDRILL_TEST_NOT_SET".into()));
    let fault = prepare(&spec, Path::new("/")).expect("prepared").invocation().expect_err("not set");
    assert!(fault.message.contains("FIREDRILL_TEST_NOT_SET is not set"), "{fault}");
    assert_eq!(fault.class, FaultClass::Surroundings);
}

#[tokio::test]
async fn a_timeout_kills_the_whole_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = shell("sh -c 'echo $$ > inner; exec sleep 60' & echo waiting; wait");
    spec.timeout = Some(Period::from_millis(500));
    let fault = run(&spec, folder.path()).await.expect_err("killed");
    assert!(
        fault.message.contains("did not end within 500ms") && fault.message.contains("waiting"),
        "{fault}"
    );
    let inner = folder.path().join("inner");
    assert!(inner.exists());
    assert!(eventually(|| !alive(&inner)).await);
}

#[tokio::test]
async fn a_dropped_future_takes_the_whole_group_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    // It ignores the polite signal.
    let spec = shell("trap '' TERM; sh -c 'echo $$ > inner; exec sleep 60' & wait; wait");
    let running = {
        let folder = folder.path().to_owned();
        tokio::spawn(async move { run(&spec, &folder).await })
    };
    assert!(eventually(|| alive(&inner)).await, "it never started");
    running.abort();
    assert!(eventually(|| !alive(&inner)).await, "it lives on");
}

#[tokio::test]
async fn what_a_command_leaves_running_in_its_group_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = shell("sh -c 'echo $$ > inner; exec sleep 60' & while ! [ -s inner ]; do sleep 0.01; done");
    let finished = run(&spec, folder.path()).await.expect("ends");
    assert_eq!(finished.exit, Exit::Code(0));
    let inner = folder.path().join("inner");
    assert!(eventually(|| !alive(&inner)).await);
}

#[tokio::test]
async fn an_interpreter_that_is_missing_is_told_apart_from_the_script() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("x");
    std::fs::write(&script, "#!/no/such/interpreter\n").expect("written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("set");
    let mut fault = run(&argv(&["./x"]), folder.path()).await.expect_err("can't start");
    // A fork of another test may hold the file open for writing for a moment.
    while fault.message.contains("busy") {
        fault = run(&argv(&["./x"]), folder.path()).await.expect_err("can't start");
    }
    assert!(fault.message.contains("interpreter"), "{fault}");
    let mut spec = argv(&["env"]);
    spec.folder = Some("nowhere".into());
    let fault = run(&spec, folder.path()).await.expect_err("no folder");
    assert!(fault.message.contains("nowhere to run in does not exist"), "{fault}");
}

mod steps {
    use super::*;
    use crate::{
        drill::{CheckStatus, Outputs},
        playbook::{Action, Retry, Step},
        ports::{CommandDone, CommandRequest, CommandRunner},
    };

    async fn step(command: CommandSpec) -> Result<CommandDone, Fault> {
        let folder = tempfile::tempdir().expect("a folder");
        let step = Step {
            id: "smoke".parse().expect("a label"),
            needs: Vec::new(),
            required: true,
            timeout: None,
            retry: Retry::default(),
            action: Action::Run(command.clone()),
        };
        let ask = CommandRequest {
            run: crate::ids::RunId::new(crate::time::Timestamp::from_millis(0), [7; 10]),
            step: &step,
            command: &command,
            folder: folder.path(),
            known: &known(),
        };
        StepCommands::new(Runner::new(None), Allowed::any()).run(&ask).await
    }

    #[tokio::test]
    async fn the_exit_code_is_the_check() {
        let mut command = shell("echo one; echo two >&2; exit 2");
        let outcome = step(command.clone()).await.expect("ends").outcome;
        assert_eq!(outcome.status, CheckStatus::Failed);
        assert_eq!((outcome.expected.as_str(), outcome.actual.as_str()), ("exit code 0", "exit code 2"));
        assert_eq!(outcome.details, ["stderr: two", "stdout: one"]);
        command.success = vec![0, 2];
        let outcome = step(command).await.expect("ends").outcome;
        assert_eq!(outcome.status, CheckStatus::Passed);
        assert_eq!(outcome.expected, "exit code 0 or 2");
        assert!(outcome.digests["stdout"].starts_with("sha256:"));
    }

    #[tokio::test]
    async fn outputs_are_read_from_the_last_line() {
        let line = r#"{"outputs": {"port": 5432, "up": true, "name": "x", "bad key": 1, "list": []}}"#;
        let done = step(shell(&format!("echo hello; echo '{line}'"))).await.expect("ends");
        let digest = done.outputs["stdout_digest"].clone();
        let expected: Outputs =
            [("exit_code", "0"), ("port", "5432"), ("up", "true"), ("name", "x"), ("stdout_digest", &digest)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
        assert_eq!(done.outputs, expected);
        assert_eq!(done.outcome.details.iter().filter(|line| line.contains("left out")).count(), 2);
    }

    #[tokio::test]
    async fn a_command_killed_by_a_signal_has_failed() {
        let outcome = step(shell("kill -KILL $$")).await.expect("ends").outcome;
        assert_eq!(outcome.status, CheckStatus::Failed);
        assert!(outcome.actual.contains("signal 9"), "{}", outcome.actual);
    }

    #[tokio::test]
    async fn run_and_step_are_told() {
        let done = step(shell("echo $FIREDRILL_STEP $FIREDRILL_RUN")).await.expect("ends");
        assert!(done.outcome.details[0].starts_with("stdout: smoke 00000000-"), "{:?}", done.outcome.details);
    }
}
