//! Ring 4: the binary, as a person uses it.

mod browser;
mod canary;
mod commands;
mod crash;
mod journal;
mod people;
mod plan;
mod quickstart;
mod sweep;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// A data directory and a folder of its own, and the firedrill that uses them.
pub struct Firedrill {
    dir: tempfile::TempDir,
}

/// What a command gave.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Firedrill {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn scratch(&self) -> PathBuf {
        self.data().join("scratch")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A copy of an example playbook, so that its sample is made in this folder.
    pub fn example(&self, name: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills").join(name);
        self.write(&format!("drills/{name}"), &std::fs::read_to_string(from).expect("an example"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
        command
            .args(args)
            .current_dir(self.path())
            .env_remove("FIREDRILL_CONFIG")
            .env("FIREDRILL_DATA_DIR", self.data())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("firedrill starts"))
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("firedrill starts")
    }

    /// The document that a command prints to stdout.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let ran = self.run(args);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{ran}"))
    }

    /// What lies in the scratch folder.
    pub fn left(&self) -> Vec<String> {
        let Ok(read) = std::fs::read_dir(self.scratch()) else { return Vec::new() };
        read.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Waits until `holds`, for at most `seconds`; panics with `what` if it never does.
pub fn eventually(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    for _ in 0..seconds * 50 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("not within {seconds} s: {what}");
}

/// A playbook by the `command` source: plain shell scripts that make and remove a folder of their own.
pub fn by_commands(name: &str, acquire: &str, more: &str) -> String {
    format!(
        r#"apiVersion: firedrill/v1
kind: Playbook
metadata: {{ name: {name} }}
objectives: {{ rto: 10m, rpo: 3000d }}
steps:
  - id: store
    restore:
      command:
        commands:
          recovery_point: {{ shell: "echo '{{\"recovery_points\":[{{\"id\":\"one\",\"time\":\"2026-01-01T00:00:00Z\"}}]}}'" }}
          acquire: {{ shell: {acquire:?} }}
          release: {{ shell: "true" }}
  - id: there
    needs: [store]
    run: ["/bin/true"]
{more}"#
    )
}
