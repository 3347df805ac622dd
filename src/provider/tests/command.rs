//! The command source, with `/bin/sh` for a restore tool.

use super::*;
use crate::{
    drill::{FaultClass, Hydration},
    playbook::{CommandSource, CommandSpec, EnvValue, Template},
    process::{
        Allowed, Runner,
        tests::{argv, eventually, shell},
    },
};

const POINTS: &str = r#"echo '{"recovery_points": [{"id": "p1", "time": "2026-11-23T03:15:00Z", "details": {"label": "full"}}]}'"#;

/// Keeps what it "restores" in the folder `store`, beside the playbook.
fn tool() -> CommandSource {
    CommandSource {
        live: None,
        recovery_point: shell(POINTS),
        acquire: shell(
            r#"mkdir -p store/$FIREDRILL_CLAIM; echo x >> calls; echo data > $FIREDRILL_SCRATCH/file
               echo '{"progress": 0.5, "note": "half"}'; echo '{"outputs": {"port": 5432}, "receipts": ["job 7"]}'"#,
        ),
        observe: None,
        release: shell("rm -rf store/$FIREDRILL_CLAIM"),
    }
}

fn provider(machine: &Machine) -> Commands {
    Commands::new(Runner::new(None), Allowed::any(), machine.scratch())
}

async fn listed(machine: &Machine, command: CommandSpec) -> Result<Vec<Candidate>, Fault> {
    let provider = provider(machine);
    let source = CommandSource { recovery_point: command, ..tool() };
    provider.recovery_points(&Drill::new(machine, &provider, Source::Command(source)).ask()).await
}

#[tokio::test]
async fn a_restore_by_commands_from_list_to_removal() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let drill = Drill::new(&machine, &provider, Source::Command(tool()));
    let point = drill.latest().await;
    assert_eq!((point.id.as_str(), point.time_source.as_str()), ("p1", "command"));
    let claim = drill.claim(&point);
    assert!(is_absent(&drill.observe(&claim).await));

    let receipts = drill.acquire(&claim, &point).await.expect("restored");
    assert_eq!(receipts[0], "job 7");
    assert!(receipts[1].contains("exit code 0") && receipts[1].contains("sha256:"), "{receipts:?}");
    // Made already: not run again.
    assert_eq!(drill.acquire(&claim, &point).await, Ok(receipts));
    assert_eq!(std::fs::read_to_string(machine.path("calls")).expect("there"), "x\n");
    let ticks = machine.ticks.lock().expect("not poisoned").clone();
    assert_eq!((ticks[0].done, ticks[0].note.as_str()), (Some(50), "half"));

    let Observation::Ready { outputs, hydration } = drill.observe(&claim).await else { panic!("not ready") };
    assert_eq!((outputs["port"].as_str(), hydration), ("5432", Hydration::Unknown));
    assert!(Path::new(&outputs["scratch"]).join("file").exists());
    assert_eq!(machine.names("store"), std::slice::from_ref(&claim.link.name));

    drill.release(&claim, &point).await.expect("removed");
    drill.release(&claim, &point).await.expect("nothing to remove");
    assert!(is_absent(&drill.observe(&claim).await));
    assert_eq!((machine.names("store"), machine.names("scratch")), (vec![], vec![]));
}

#[tokio::test]
async fn commands_are_told_what_they_need() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.acquire = shell("env | grep ^FIREDRILL_ | sort > seen");
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    drill.acquire(&claim, &point).await.expect("restored");
    let seen = std::fs::read_to_string(machine.path("seen")).expect("there");
    let expected = [
        ("ATTEMPT", "1".to_owned()),
        ("CLAIM", claim.link.name.clone()),
        ("DECLARED", DECLARED.to_string()),
        ("EXPIRES", claim.expires.to_string()),
        ("POINT_DETAIL_LABEL", "full".to_owned()),
        ("POINT_ID", "p1".to_owned()),
        ("POINT_LOCATION", String::new()),
        ("POINT_TIME", "2026-11-23T03:15:00.000Z".to_owned()),
        ("RUN", machine.run.to_string()),
        ("SCRATCH", format!("{}/data", claim.link.params["path"])),
        ("STEP", "db".to_owned()),
    ];
    let expected: String = expected.iter().map(|(key, value)| format!("FIREDRILL_{key}={value}\n")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_list_that_breaks_the_contract_is_a_clear_fault() {
    let machine = Machine::new();
    for (command, class, part) in [
        (shell("echo hello"), FaultClass::Permanent, "must print"),
        (shell(r#"echo '{"recovery_points": ['"#), FaultClass::Permanent, "not valid JSON"),
        (shell(r#"echo '{"recovery_points": [{"id": "a"}]}'"#), FaultClass::Permanent, "`time` is missing"),
        (
            shell("echo no such repository >&2; exit 1"),
            FaultClass::Permanent,
            "exit code 1: no such repository",
        ),
        (shell("echo locked >&2; exit 75"), FaultClass::Transient, "locked"),
        (shell("kill -KILL $$"), FaultClass::Transient, "signal 9"),
        (shell("head -c 5000000 /dev/zero"), FaultClass::Permanent, "5000000 bytes"),
        (argv(&["no-such-tool"]), FaultClass::Surroundings, "`no-such-tool` was not found"),
    ] {
        let fault = listed(&machine, command).await.expect_err(part);
        assert_eq!(fault.class, class, "{fault}");
        assert!(
            fault.message.contains("recovery_point") || fault.message.contains("no-such-tool"),
            "{fault}"
        );
        assert!(fault.message.contains(part), "{fault}");
    }
    assert_eq!(listed(&machine, shell(r#"echo '{"recovery_points": []}'"#)).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_failed_acquire_owes_its_release() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.acquire = shell("mkdir -p store/$FIREDRILL_CLAIM; echo disk broke >&2; exit 3");
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    let fault = drill.acquire(&claim, &point).await.expect_err("failed");
    assert!(
        fault.message.contains("the acquire command (/bin/sh) ended with exit code 3: disk broke"),
        "{fault}"
    );
    assert!(matches!(drill.observe(&claim).await, Observation::Pending { .. }));
    drill.release(&claim, &point).await.expect("removed");
    assert_eq!((machine.names("store"), machine.names("scratch")), (vec![], vec![]));
}

#[tokio::test]
async fn a_failed_release_keeps_the_folder() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.release = shell("test -e allowed || { echo still in use >&2; exit 75; }");
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    drill.acquire(&claim, &point).await.expect("restored");
    let fault = drill.release(&claim, &point).await.expect_err("in use");
    assert_eq!(fault.class, FaultClass::Transient);
    assert!(!is_absent(&drill.observe(&claim).await));
    assert_eq!(provider.owned(&claim.link.scope).await.expect("lists").len(), 1);
    machine.write("allowed", "");
    drill.release(&claim, &point).await.expect("removed");
    assert!(is_absent(&drill.observe(&claim).await));
}

#[tokio::test]
async fn observe_is_asked_until_it_is_ready_and_until_it_is_absent() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.observe = Some(shell("cat state"));
    source.acquire = shell(r#"echo '{"outputs": {"host": "a", "port": 1}}'"#);
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    drill.acquire(&claim, &point).await.expect("accepted");

    machine.write("state", r#"{"state": "pending", "progress": 0.25, "note": "replaying"}"#);
    let pending = Observation::Pending { progress: Some(0.25), note: "replaying".to_owned() };
    assert_eq!(drill.observe(&claim).await, pending);
    machine.write("state", r#"{"state": "ready", "hydration": "loading", "outputs": {"port": 2}}"#);
    let seen = drill.observe(&claim).await;
    assert!(matches!(&seen, Observation::Ready { hydration: Hydration::Loading, .. }));
    let given = outputs(seen);
    assert_eq!((given["host"].as_str(), given["port"].as_str()), ("a", "2"));
    machine.write("state", r#"{"state": "broken", "reason": "no space"}"#);
    assert_eq!(drill.observe(&claim).await, Observation::Broken { reason: "no space".to_owned() });
    machine.write("state", r#"{"state": "absent"}"#);
    assert!(matches!(drill.observe(&claim).await, Observation::Broken { .. }));
    for unknown in [r#"{"state": "up"}"#, "", "nonsense"] {
        machine.write("state", unknown);
        assert!(matches!(drill.observe(&claim).await, Observation::Unknown(_)), "{unknown}");
    }

    machine.write("state", r#"{"state": "pending", "note": "stopping"}"#);
    drill.release(&claim, &point).await.expect("accepted");
    let pending = Observation::Pending { progress: None, note: "stopping".to_owned() };
    assert_eq!(drill.observe(&claim).await, pending);
    assert!(drill.acquire(&claim, &point).await.is_err(), "it was made again while being released");
    machine.write("state", r#"{"state": "absent"}"#);
    assert!(is_absent(&drill.observe(&claim).await));
    assert_eq!(machine.names("scratch"), [""; 0]);
}

#[tokio::test]
async fn a_program_that_is_not_allowed_is_never_started() {
    let machine = Machine::new();
    let allowed = Allowed::only(["echo".to_owned()]);
    let provider = Commands::new(Runner::new(None), allowed, machine.scratch());
    let mut source = tool();
    source.recovery_point = argv(&["echo", r#"{"recovery_points": [{"id": "p", "time": 1}]}"#]);
    source.acquire = argv(&["touch", "pwned"]);
    source.release = argv(&["echo"]);
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    let fault = drill.acquire(&claim, &point).await.expect_err("refused");
    assert_eq!(fault.class, FaultClass::Refused);
    assert!(!machine.path("pwned").exists());
    assert_eq!(machine.names("scratch"), [""; 0]);
    let refusals = drill.preflight().await.refusals;
    assert!(refusals.len() == 1 && refusals[0].contains("`touch`"), "{refusals:?}");
}

#[tokio::test]
async fn what_never_began_is_released_even_if_the_tool_is_not_there() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.acquire = argv(&["no-such-tool"]);
    source.release = argv(&["no-such-tool"]);
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    assert!(drill.acquire(&claim, &point).await.is_err());
    let receipts = drill.release(&claim, &point).await.expect("nothing was made");
    assert!(receipts[0].contains("nothing was made"), "{receipts:?}");
    assert!(is_absent(&drill.observe(&claim).await));
}

#[tokio::test]
async fn the_preflight_looks_at_programs_and_secrets() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.acquire = argv(&["no-such-tool"]);
    source.release.env.insert("PW".to_owned(), EnvValue::FromEnv("FIREDRILL_TEST_NOT_SET".to_owned()));
    let found = Drill::new(&machine, &provider, Source::Command(source)).preflight().await;
    assert_eq!(found.refusals.len(), 2, "{found:?}");
    assert!(found.refusals[0].contains("the acquire command: the program `no-such-tool` was not found"));
    assert!(found.refusals[1].contains("FIREDRILL_TEST_NOT_SET is not set"));
    assert!(found.facts.iter().any(|fact| fact.contains("recovery_point: /bin/sh can be run")));
}

#[tokio::test]
async fn secrets_are_in_no_answer_file_or_fault() {
    let machine = Machine::new();
    let provider = provider(&machine);
    machine.write("pw", "hunter2000\n");
    let mut source = tool();
    source.acquire = shell(
        r#"echo "{\"outputs\": {\"dsn\": \"u:$PW@h\"}, \"receipts\": [\"$PW\"]}"; echo $PW > $FIREDRILL_SCRATCH/x"#,
    );
    source.observe = Some(shell(r#"echo "login $PW failed" >&2; exit 1"#));
    for command in [Some(&mut source.acquire), source.observe.as_mut()].into_iter().flatten() {
        command.env.insert("PW".to_owned(), EnvValue::FromFile("pw".into()));
    }
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    let receipts = drill.acquire(&claim, &point).await.expect("restored");
    assert_eq!(receipts[0], "[redacted]");
    let Observation::Unknown(fault) = drill.observe(&claim).await else { panic!("it failed") };
    assert!(fault.message.contains("login [redacted] failed"), "{fault}");
    let folder = PathBuf::from(&claim.link.params["path"]);
    // What the tool writes for itself is its own; what firedrill writes holds no secret.
    for file in ["command.json", "outputs.json", ".firedrill.json"] {
        let text = std::fs::read_to_string(folder.join(file)).expect(file);
        assert!(!text.contains("hunter"), "{file}");
    }
}

#[tokio::test]
async fn a_dropped_acquire_stops_the_tool() {
    let machine = Machine::new();
    let provider = provider(&machine);
    let mut source = tool();
    source.acquire = shell("while :; do echo x >> $FIREDRILL_SCRATCH/log; sleep 0.01; done");
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    let log = PathBuf::from(&claim.link.params["path"]).join("data/log");
    tokio::select! {
        started = eventually(|| log.exists()) => assert!(started, "it never started"),
        done = drill.acquire(&claim, &point) => panic!("it has no end: {done:?}"),
    }
    // Removed, it does not come back: nothing writes there any more.
    drill.release(&claim, &point).await.expect("removed");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(machine.names("scratch"), [""; 0]);
}

/// The script in the documentation, as a reader would copy it.
fn documented_script() -> &'static str {
    let docs = include_str!("../../../docs/command-source.md");
    let script = docs.split_once("```sh\n").expect("a script").1;
    script.split_once("```").expect("its end").0
}

#[tokio::test]
async fn the_documented_script_keeps_the_contract() {
    let machine = Machine::new();
    machine.write("drill-restore.sh", documented_script());
    machine.write("production/a.txt", "a");
    for day in ["2026-11-22", "2026-11-23"] {
        let archive = machine.path(&format!("backups/files-{day}.tar.gz"));
        let mut tar = std::process::Command::new("tar");
        tar.arg("-czf").arg(archive).arg("-C").arg(machine.path("production")).arg("a.txt");
        assert!(tar.status().expect("tar runs").success());
    }
    let command = |what: &str| {
        let mut command = argv(&["/bin/sh", "drill-restore.sh", what]);
        command.env.insert("BACKUPS".to_owned(), EnvValue::Text(Template::literal("backups")));
        command
    };
    let source = CommandSource {
        live: None,
        recovery_point: command("list"),
        acquire: command("restore"),
        observe: None,
        release: command("remove"),
    };
    let provider = provider(&machine);
    let drill = Drill::new(&machine, &provider, Source::Command(source));
    assert_eq!(drill.candidates().await.len(), 2);
    let point = drill.latest().await;
    assert_eq!(
        (point.id.as_str(), point.time.human().as_str()),
        ("files-2026-11-23.tar.gz", "2026-11-23 00:00:00Z")
    );
    let claim = drill.claim(&point);
    drill.acquire(&claim, &point).await.expect("restored");
    let given = outputs(drill.observe(&claim).await);
    assert_eq!(given["files"], "1");
    assert_eq!(std::fs::read_to_string(Path::new(&given["path"]).join("a.txt")).expect("there"), "a");
    drill.release(&claim, &point).await.expect("removed");
    assert!(is_absent(&drill.observe(&claim).await));
}
