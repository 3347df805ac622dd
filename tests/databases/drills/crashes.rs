//! `kill -9` in the middle, and resumed: nothing is left on the scratch server.

use super::*;
use crate::binary::eventually;

const FEW: u64 = 50;

const COPYING: &str = "query like 'COPY public.slow%'";
/// The hashes of rows whose condition waits.
const SUMMING: &str = "wait_event = 'PgSleep' and query like '%hash%' and application_name = 'firedrill'";

/// Starts a run and kills it once the scratch server is at work on it: `doing`, as a condition on `pg_stat_activity`.
fn killed(drill: &Drill, servers: &Servers, doing: &str) {
    let mut command = drill.command(&["run", "drill.yaml", "-q"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let busy = format!(
        "select count(*) from pg_stat_activity where datname like 'fd\\_%' and state = 'active' and {doing};"
    );
    eventually(doing, 60, || {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before");
        servers.scratch.query("postgres", &busy) != "0"
    });
    child.kill().expect("killed with SIGKILL");
    child.wait().expect("ended");
}

/// Whether a program still works on the dumps of that drill.
fn works_on(drill: &Drill) -> bool {
    let path = drill.firedrill.path().display().to_string();
    let processes = std::fs::read_dir("/proc").expect("processes");
    processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains("pg_restore") && line.contains(&path)
    })
}

#[test]
fn killed_while_it_restores_it_is_resumed_or_aborted() {
    let Some(servers) = postgres() else { return };
    let database = shop(servers.source, FEW);
    // Each row of the restore waits.
    servers.source.sql(
        &database,
        "create function slow(a int) returns bool language sql as 'select true';
         create table slow (a int check (slow(a))); insert into slow select generate_series(1, 40);
         create or replace function slow(a int) returns bool language sql as 'select pg_sleep(0.05) is not null';",
    );
    let drill = Drill::new(servers, &database, &["{ name: storage, integrity: true }"]);
    drill.dump(&[]);
    killed(&drill, servers, COPYING);
    eventually("pg_restore ends with firedrill", 10, || !works_on(&drill));
    let ran = drill.ask(&["resume"]);
    assert_eq!(ran.code, 0, "{ran}");
    drill.left_nothing();
    killed(&drill, servers, COPYING);
    let ran = drill.ask(&["abort", "last"]);
    assert_eq!(ran.code, 7, "{ran}");
    drill.left_nothing();
}

#[test]
fn killed_while_it_takes_a_fingerprint_it_is_resumed() {
    let Some(servers) = postgres() else { return };
    let slow = "{ name: slow, fingerprint: { tables: [orders], where: { orders: \"pg_sleep(0.015) is not null\" } }, expect: baseline }";
    let drill = Drill::new(servers, &shop(servers.source, FEW), &[slow]);
    drill.dump(&[]);
    drill.baseline(&[]);
    killed(&drill, servers, SUMMING);
    let ran = drill.ask(&["resume"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("equal: 1 table, 150 rows"), "{ran}");
    drill.left_nothing();
}
