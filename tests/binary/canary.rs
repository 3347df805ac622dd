//! No secret reaches the database, the logs, the reports, or the arguments of a process.

use super::Firedrill;
use std::path::Path;

const FROM_ENV: &str = "canary-env-4f1c9a7e";
const FROM_FILE: &str = "canary-file-b83d20c5";

const PLAYBOOK: &str = r#"apiVersion: firedrill/v1
kind: Playbook
metadata: { name: canary }
objectives: { rto: 10m, rpo: 3000d }
steps:
  - id: store
    restore:
      command:
        commands:
          recovery_point:
            shell: |
              echo "listing with $TOKEN" >&2
              echo '{"recovery_points":[{"id":"one","time":"2026-01-01T00:00:00Z"}]}'
            env: { TOKEN: { env: CANARY } }
          acquire:
            shell: |
              cat /proc/*/cmdline 2>/dev/null | tr '\0' ' ' > cmdlines.txt
              test -n "$TOKEN" && test -n "$OTHER" || exit 9
              echo "restoring with $TOKEN and $OTHER" >&2
              echo "{\"outputs\":{\"place\":\"here\"},\"receipts\":[\"used $TOKEN\"]}"
            env: { TOKEN: { env: CANARY }, OTHER: { file: secret.txt } }
          release: { shell: "echo removed with $TOKEN", env: { TOKEN: { env: CANARY } } }
  - id: tells
    needs: [store]
    run: { shell: "echo $TOKEN; echo $OTHER >&2; exit 3", env: { TOKEN: { env: CANARY }, OTHER: { file: secret.txt } } }
  - id: asks
    needs: [store]
    verify:
      http: { url: "http://127.0.0.1:9/health", headers: { Authorization: { env: CANARY } } }
"#;

#[test]
fn no_secret_is_found_anywhere_after_a_whole_run() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", PLAYBOOK);
    firedrill.write("secret.txt", &format!("{FROM_FILE}\n"));
    let mut command =
        firedrill.command(&["run", playbook.to_str().expect("utf-8"), "-vv", "--report", "report.html"]);
    let ran = super::Ran::from(command.env("CANARY", FROM_ENV).output().expect("runs"));
    assert_eq!(ran.code, 1, "the command step ends with 3: {ran}");
    let cmdlines =
        std::fs::read_to_string(firedrill.path().join("cmdlines.txt")).expect("the arguments of all");
    assert!(cmdlines.contains("firedrill"), "the arguments were seen");
    let mut places =
        vec![("stdout".to_owned(), ran.stdout.into_bytes()), ("stderr".to_owned(), ran.stderr.into_bytes())];
    for format in ["html", "md", "json"] {
        let report = firedrill.run(&["report", "last", "--format", format, "--out", "-"]);
        places.push((format.to_owned(), report.stdout.into_bytes()));
    }
    let events = firedrill.run(&["show", "last", "--events", "--format", "json"]);
    assert!(events.stdout.contains("[redacted]"), "what a tool said of its secret is struck out: {events}");
    places.push(("events".to_owned(), events.stdout.into_bytes()));
    every_file(firedrill.path(), &mut places);
    assert!(places.iter().any(|(name, _)| name.ends_with("firedrill.db")));
    for (name, bytes) in places.iter().filter(|(name, _)| !name.ends_with("secret.txt")) {
        for canary in [FROM_ENV, FROM_FILE] {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} is in {name}");
        }
    }
}

fn every_file(folder: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            every_file(&path, places);
        } else {
            places.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
}
