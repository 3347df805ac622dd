//! A check ends at its timeout and leaves nothing running; a baseline is of one moment while others write.

use super::{Drill, Place, ask, runtime};
use crate::{
    binary::eventually,
    servers::{Kind, Server, shared},
};
use firedrill::{
    drill::{CheckStatus, FaultClass},
    playbook::ServerEngine,
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// So many rows on half-empty pages are read in ranges, by several connections.
const BIG: &str = "create table big (id int primary key, v bigint not null, t text) with (fillfactor = 10); \
    insert into big select i, 0, 'row ' || i from generate_series(1, 190000) i; analyze big;";

fn make(server: &Server, sql: &str) -> Place {
    let database = server.fresh_database();
    server.sql(&database, sql);
    Place::of(server, Kind::Postgres, &database)
}

/// How many statements run in a database, those that wait for a lock or are cancelled too.
fn running(server: &Server, database: &str) -> String {
    let asked = format!(
        "select count(*) from pg_stat_activity where datname = '{database}' and state <> 'idle' and pid <> pg_backend_pid();"
    );
    server.query("postgres", &asked)
}

#[test]
fn a_check_ends_at_its_timeout_and_so_does_what_it_runs() {
    for version in ["13", "15", "18"] {
        if !Server::wanted(Kind::Postgres, version) {
            continue;
        }
        let server = shared(Kind::Postgres, version);
        let place = make(
            server,
            &format!(
                "{BIG} create view slow as select i, pg_sleep(0.1)::text from generate_series(1, 600) i; \
                 create table held (id int primary key); insert into held values (1);"
            ),
        );
        for check in [
            "query: 'select pg_sleep(60)::text', expect: { equals: '' }",
            "freshness: 'select now() from pg_sleep(60)'",
            "fingerprint: { query: 'select pg_sleep(60)::text' }, expect: { digest: 'fd1-pg-128:00000000000000000000000000000000' }",
            "fingerprint: { tables: [slow] }, expect: { digest: 'fd1-pg-128:00000000000000000000000000000000' }",
            // Several connections at once.
            "fingerprint: { tables: [big], where: { big: 'pg_sleep(0.01) is not null' } }, expect: { digest: 'fd1-pg-128:00000000000000000000000000000000' }",
            "fingerprint: { tables: [held] }, expect: { digest: 'fd1-pg-128:00000000000000000000000000000000' }",
        ] {
            runtime().block_on(async {
                // Someone holds a lock on one of the tables.
                let mut holder = ask(server, ServerEngine::Postgres, &place.database).await;
                if check.contains("held") {
                    holder.run("begin; lock table held in access exclusive mode").await.expect("a lock");
                }
                let drill = Drill::new(&place, &format!("timeout: 1s, {check}"));
                let begun = Instant::now();
                let fault = drill.check(None).await.expect_err("it takes a minute");
                assert_eq!(fault.class, FaultClass::Timeout, "{version}, {check}: {fault:?}");
                assert!(fault.message.contains("its timeout"), "{fault:?}");
                assert!(
                    begun.elapsed() < Duration::from_secs(6),
                    "{version}, {check}: {:?}",
                    begun.elapsed()
                );
                // The lock is still held: what waited for it is cancelled all the same.
                let others = if check.contains("held") { "1" } else { "0" };
                eventually(check, 10, || running(server, &place.database) == others);
            });
        }
    }
}

/// Transaction number k changes one row, and writes down that it did.
const TRANSACTION: &str =
    "begin; update big set v = v + 1 where id = K * 7919 % 190000 + 1; insert into done values (K); commit;";

#[test]
fn a_baseline_is_of_one_moment_while_others_write() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let tables = format!("{BIG} create table done (k bigint primary key); insert into done values (0);");
    let place = make(server, &tables);
    let drill = Drill::new(&place, "fingerprint: { tables: [done, big] }, expect: baseline");
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let (early, at_snapshot, late) = std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime().block_on(async {
                let mut writer = ask(server, ServerEngine::Postgres, &place.database).await;
                for k in 1.. {
                    writer.run(&TRANSACTION.replace('K', &k.to_string())).await.expect("a transaction");
                    written.store(k, Ordering::Relaxed);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        });
        let taken = runtime().block_on(async {
            while written.load(Ordering::Relaxed) < 50 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Twice of a moment that another session holds, with many transactions in between.
            let mut holder = ask(server, ServerEngine::Postgres, &place.database).await;
            holder.run("begin isolation level repeatable read").await.expect("a transaction");
            let snapshot = holder.value("select pg_export_snapshot()", &[]).await.expect("a snapshot");
            let count = holder.value("select count(*)::text from done", &[]).await.expect("a count");
            let first = drill.baseline_at(snapshot.as_deref()).await.expect("a baseline");
            let before = written.load(Ordering::Relaxed);
            let late = drill.baseline().await.expect("a baseline");
            let again = drill.baseline_at(snapshot.as_deref()).await.expect("a baseline");
            assert!(written.load(Ordering::Relaxed) > before, "nothing was written meanwhile");
            assert_eq!(first, again);
            assert_eq!(Some(first[0].rows.to_string()), count);
            (first.clone(), again, late)
        });
        stop.store(true, Ordering::Relaxed);
        taken
    });
    assert_eq!(early, at_snapshot);
    for taken in [early, late] {
        // What there was after so many transactions, made anew.
        let transactions = taken[0].rows - 1;
        assert!((50..written.load(Ordering::Relaxed)).contains(&transactions), "{transactions}");
        let made = make(
            server,
            &format!(
                "{tables} insert into done select generate_series(1, {transactions}); \
                 update big set v = d.n from (select k * 7919 % 190000 + 1 as id, count(*) as n from done where k > 0 group by 1) d \
                 where big.id = d.id;"
            ),
        );
        let drill = Drill::between(&place, &made, "fingerprint: { tables: [done, big] }, expect: baseline");
        let outcome = runtime().block_on(drill.check(Some(&taken))).expect("a check");
        assert_eq!((outcome.status, outcome.details), (CheckStatus::Passed, Vec::new()));
    }
}

#[test]
fn a_snapshot_that_is_gone_is_told() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let place = make(server, "create table t (id int primary key); insert into t values (1);");
    let drill = Drill::new(&place, "fingerprint: { tables: [t] }, expect: baseline");
    let fault =
        runtime().block_on(drill.baseline_at(Some("00000003-0000001B-1"))).expect_err("there is none");
    assert!(fault.message.contains("the snapshot 00000003-0000001B-1 can't be used"), "{fault:?}");
}
