//! A drill with a dump as a person runs it, and killed in the middle.

use super::*;
use std::process::Stdio;

/// A playbook, a configuration, and a dump that takes some seconds to restore.
fn prepare(server: &Server, folder: &Path) {
    let source = server.fresh_database();
    server.sql(
        &source,
        "create function slow(a int) returns bool language sql as 'select true';
         create table t (a int check (slow(a))); insert into t select generate_series(1, 20);
         create or replace function slow(a int) returns bool language sql as 'select pg_sleep(0.2) is not null';",
    );
    run(
        server,
        "pg_dump",
        &["--format=custom", &format!("--file={}", folder.join("x.dump").display()), &source],
    );
    std::fs::write(folder.join("password"), server.password()).expect("written");
    let toml = format!(
        "[scratch]\npostgres = [{{ host = \"127.0.0.1\", port = {}, user = \"firedrill\", password = {{ file = {:?} }} }}]\n",
        server.port(),
        folder.join("password")
    );
    std::fs::write(folder.join("firedrill.toml"), toml).expect("written");
    let yaml = "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: { name: dumps, owner: x }\nsteps:\n  - id: db\n    restore: { postgres_dump: { backup: x.dump } }\n  - id: data\n    needs: [db]\n    verify:\n      sql:\n        database: db\n        checks:\n          - { name: rows, query: \"select count(*) from t\", expect: { equals: 20 } }\n";
    std::fs::write(folder.join("x.yaml"), yaml).expect("written");
}

fn firedrill(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.args(["--config", "firedrill.toml", "--data-dir", "data", "--no-color"]).args(args);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn scratch(server: &Server) -> String {
    server.query("postgres", "select datname from pg_database where datname like 'fd\\_%\\_db\\_1%';")
}

fn eventually(what: &str, so: impl Fn() -> bool) {
    for _ in 0..400 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("in vain: {what}");
}

#[test]
fn a_drill_that_is_killed_while_it_restores_is_taken_up_and_leaves_nothing() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = Server::start(Kind::Postgres, "15");
    let folder = tempfile::tempdir().expect("a folder");
    prepare(&server, folder.path());
    let mut drill = firedrill(folder.path(), &["run", "x.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let restoring =
        "select count(*) from pg_stat_activity where datname like 'fd\\_%' and query like 'COPY%';";
    eventually("it restores", || server.query("postgres", restoring) == "1");
    drill.kill().expect("killed");
    drill.wait().expect("reaped");
    // Its programs go with it.
    eventually("nobody restores", || {
        server.query(
            "postgres",
            "select count(*) from pg_stat_activity where application_name = 'firedrill restore';",
        ) == "0"
    });
    assert!(scratch(&server).ends_with("_db_1"), "the half is there");
    let resumed = firedrill(folder.path(), &["resume"]).output().expect("runs");
    let said =
        String::from_utf8_lossy(&resumed.stdout).into_owned() + &String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(resumed.status.code(), Some(0), "{said}");
    assert_eq!(scratch(&server), "", "{said}");

    let mut drill = firedrill(folder.path(), &["run", "x.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    eventually("it restores", || server.query("postgres", restoring) == "1");
    drill.kill().expect("killed");
    drill.wait().expect("reaped");
    // Nobody drives it any more, so whoever asks for its end takes it up.
    let aborted = firedrill(folder.path(), &["abort", "last"]).output().expect("runs");
    assert_eq!(aborted.status.code(), Some(7), "{}", String::from_utf8_lossy(&aborted.stderr));
    assert_eq!(scratch(&server), "");
    let data = std::fs::read(folder.path().join("data/firedrill.db")).expect("read");
    let password = server.password().as_bytes();
    assert!(!data.windows(password.len()).any(|part| part == password), "the password is in the journal");
}
