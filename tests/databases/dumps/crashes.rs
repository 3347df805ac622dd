//! What a crash leaves at each instant: found, gone on with, and removed. And what was never ours: kept.

use super::{postgres::*, *};
use crate::servers::shared;

fn comment(server: &Server, name: &str) -> String {
    server.query(
        "postgres",
        &format!("select shobj_description(oid, 'pg_database') from pg_database where datname = '{name}';"),
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What a crash can leave of a database that is being made.
fn states(name: &str, marker: &str) -> Vec<(&'static str, String)> {
    let half = marker.split(",\"restored\"").next().expect("a part").to_owned() + "}";
    let (half, whole) = (quoted(&half), quoted(marker));
    assert_ne!(half, whole);
    vec![
        ("nothing", String::new()),
        ("created", format!("create database {name}_making template template0;")),
        (
            "marked",
            format!(
                "create database {name}_making template template0; comment on database {name}_making is {half};"
            ),
        ),
        (
            "renamed",
            format!("create database {name} template template0; comment on database {name} is {half};"),
        ),
        (
            "half restored",
            format!(
                "create database {name} template template0; comment on database {name} is {half};\n\\connect {name}\ncreate table orders (a int); create schema s2;"
            ),
        ),
    ]
}

#[tokio::test]
async fn from_every_instant_of_a_crash_the_restore_is_completed_or_removed() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let drill = Drill::new(server, Kind::Postgres, &[]);
    dump(server, &drill, "custom.dump", &["--format=custom"]);
    let (claim, point, _, _) = drill.restore("custom.dump").await;
    let marker = comment(server, &claim.link.name);
    drill.remove(&point).await;
    for (what, sql) in states(&claim.link.name, &marker) {
        for goes_on in [true, false] {
            server.sql("postgres", &sql);
            let seen = drill.observe(&claim).await;
            match what {
                "nothing" => assert!(matches!(seen, Observation::Absent { .. }), "{what}: {seen:?}"),
                _ => assert!(matches!(seen, Observation::Pending { .. }), "{what}: {seen:?}"),
            }
            if goes_on {
                drill.acquire(&claim, &point).await.unwrap_or_else(|fault| panic!("{what}: {fault}"));
                assert_eq!(drill.scratch(&claim, ROWS), EXPECTED, "{what}");
            }
            drill.remove(&point).await;
        }
    }
}

#[tokio::test]
async fn what_bears_another_mark_or_none_is_kept() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let drill = Drill::new(server, Kind::Postgres, &[]);
    dump(server, &drill, "custom.dump", &["--format=custom"]);
    let (claim, point, _, _) = drill.restore("custom.dump").await;
    let name = claim.link.name.clone();
    let marker = comment(server, &name);
    drill.remove(&point).await;
    let other = marker.replace(&drill.run.to_string(), "019370a2-1111-7abc-8def-0123456789ab");
    assert_ne!(marker, other);
    for (what, database, comment, inside) in [
        ("no mark", name.clone(), "null".to_owned(), ""),
        ("a comment of a person", name.clone(), "'mine'".to_owned(), ""),
        ("another claim's mark", name.clone(), quoted(&other), ""),
        ("another claim's mark while making", format!("{name}_making"), quoted(&other), ""),
        (
            "no mark, and not empty",
            format!("{name}_making"),
            "null".to_owned(),
            "create table precious (a int);",
        ),
        (
            "no mark, and a function",
            format!("{name}_making"),
            "null".to_owned(),
            "create function f() returns int language sql as 'select 1';",
        ),
    ] {
        server.sql(
            "postgres",
            &format!(
                "create database {database} template template0; comment on database {database} is {comment};"
            ),
        );
        server.sql(&database, inside);
        let fault = drill.acquire(&claim, &point).await.expect_err(what);
        assert_eq!(fault.class, firedrill::drill::FaultClass::Refused, "{what}: {fault}");
        let fault = drill.release(&claim, &point).await.expect_err(what);
        assert!(fault.message.contains("kept"), "{what}: {fault}");
        if database == name {
            let seen = drill.observe(&claim).await;
            assert!(matches!(seen, Observation::Broken { .. }), "{what}: {seen:?}");
        }
        assert_eq!(drill.left(&format!("{name}%")), database, "{what}");
        server.sql("postgres", &format!("drop database {database};"));
    }
}

#[tokio::test]
async fn a_restore_that_is_dropped_in_the_middle_leaves_nothing_running() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let source = server.fresh_database();
    // Takes long to restore: each row of the check waits.
    server.sql(
        &source,
        "create function slow(a int) returns bool language sql as 'select true';
         create table t (a int check (slow(a))); insert into t select generate_series(1, 200);
         create or replace function slow(a int) returns bool language sql as 'select pg_sleep(0.2) is not null';",
    );
    for args in [&["--format=custom"][..], &[]] {
        let drill = Drill::new(server, Kind::Postgres, &[]);
        run(
            server,
            "pg_dump",
            &[args, &[&format!("--file={}", drill.path("x").display()), &source]].concat(),
        );
        let point = drill.point("x").await;
        let claim = drill.claim(&point);
        let restore = drill.acquire(&claim, &point);
        let cut = tokio::time::timeout(std::time::Duration::from_secs(3), restore).await;
        assert!(cut.is_err(), "it was too quick: {cut:?}");
        let seen = drill.observe(&claim).await;
        assert!(matches!(seen, Observation::Pending { .. }), "{seen:?}");
        drill.remove(&point).await;
        let list = std::env::temp_dir().join(format!("{}.list", claim.link.name));
        assert!(!list.exists());
    }
}

#[tokio::test]
async fn sessions_on_the_database_do_not_keep_it() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let drill = Drill::new(server, Kind::Postgres, &[]);
    dump(server, &drill, "custom.dump", &["--format=custom"]);
    let (claim, point, _, _) = drill.restore("custom.dump").await;
    let owned = drill.provider.owned(&claim.link.scope).await.expect("lists");
    assert!(owned.iter().any(|owned| owned.claim == claim && owned.run == drill.run), "{owned:?}");
    let mut session =
        server.client(&claim.link.name).stdin(std::process::Stdio::piped()).spawn().expect("starts");
    use std::io::Write;
    let mut input = session.stdin.take().expect("a pipe");
    input.write_all(b"begin; lock table orders; select pg_sleep(60);\n").expect("written");
    std::thread::sleep(std::time::Duration::from_millis(500));
    drill.remove(&point).await;
    drop(input);
    assert!(!session.wait().expect("ends").success());
    let owned = drill.provider.owned(&claim.link.scope).await.expect("lists");
    assert!(owned.iter().all(|owned| owned.run != drill.run), "{owned:?}");
}
