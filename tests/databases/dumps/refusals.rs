//! What is refused, and in which words.

use super::{postgres::*, *};
use crate::servers::shared;
use firedrill::drill::FaultClass;

#[tokio::test]
async fn dumps_that_are_not_whole_or_not_dumps_are_unfit() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let drill = Drill::new(server, Kind::Postgres, &[]);
    let custom = std::fs::read(dump(server, &drill, "good.dump", &["--format=custom"])).expect("read");
    let plain = std::fs::read(dump(server, &drill, "good.sql", &[])).expect("read");
    let tar = std::fs::read(dump(server, &drill, "good.tar", &["--format=tar"])).expect("read");
    dump(server, &drill, "dir", &["--format=directory"]);
    dump(server, &drill, "emptied", &["--format=directory"]);
    for entry in std::fs::read_dir(drill.path("emptied")).expect("read") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "gz") {
            std::fs::remove_file(path).expect("removed");
            break;
        }
    }
    std::fs::create_dir(drill.path("unfinished")).expect("made");
    drill.write("cut-toc.dump", &custom[..900]);
    drill.write("cut.dump", &custom[..custom.len() - 7]);
    drill.write("cut-half.dump", &custom[..custom.len() / 2]);
    drill.write("cut.sql", &plain[..plain.len() - 200]);
    drill.write("cut.tar", &tar[..tar.len() - 1024]);
    drill.write("new.dump.partial", &custom);
    drill.write("notes.txt", "hello");
    drill.write("all.sql", "--\n-- PostgreSQL database cluster dump\n--\n");
    drill.write(
        "mysql.sql",
        "-- MySQL dump 10.13  Distrib 8.0.31, for Linux (x86_64)\n--\n-- Dump completed on 2026-11-24\n",
    );
    let mut newer = custom.clone();
    newer[6] = 99;
    drill.write("newer.dump", newer);
    for (name, because) in [
        ("cut-toc.dump", "cut off within its table of contents"),
        ("cut.dump", "cut off within the data of a table"),
        ("cut-half.dump", "cut off"),
        ("cut.sql", "its closing line"),
        ("cut.tar", "the end of the tar archive is missing"),
        ("emptied", "is missing"),
        ("unfinished", "without toc.dat"),
        ("new.dump.partial", "still being written"),
        ("notes.txt", "no dump that is known"),
        ("all.sql", "pg_dumpall"),
        ("mysql.sql", "a dump of MySQL"),
        ("newer.dump", "1.99"),
    ] {
        let why = drill.unfit(name).await;
        assert!(why.contains(because), "{name}: {why}");
    }
    for name in ["good.dump", "good.sql", "good.tar", "dir"] {
        drill.point(name).await;
    }
    // Without knowing it, a restore finds out.
    let mut point = drill.point("good.dump").await;
    point.id = drill.path("cut.dump").display().to_string();
    point.details.clear();
    let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("is cut off");
    assert!(fault.message.contains("cut off"), "{fault}");
    drill.remove(&point).await;
}

#[tokio::test]
async fn a_dump_that_fails_to_restore_is_told_without_its_rows() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let source = server.fresh_database();
    server.sql(
        &source,
        "create table t (a int primary key, b text); insert into t values (1, 'secret-value'), (2, 'other');",
    );
    let drill = Drill::new(server, Kind::Postgres, &[]);
    let plain = String::from_utf8(run(server, "pg_dump", &[&source])).expect("text");
    for (name, from, to, because) in [
        ("twice.sql", "2\tother", "1\tother", "t_pkey"),
        ("text.sql", "1\tsecret-value", "secret-value\tx", "invalid input syntax for type integer"),
        ("columns.sql", "1\tsecret-value", "1\tsecret-value\tmore", "extra data after last expected column"),
        ("unknown.sql", "CREATE TABLE public.t", "CREATE TABLE public.u", "public.t"),
    ] {
        assert!(plain.contains(from), "{plain}");
        drill.write(name, plain.replace(from, to));
        let point = drill.point(name).await;
        let claim = drill.claim(&point);
        let fault = drill.acquire(&claim, &point).await.expect_err(name);
        assert!(fault.message.contains(because), "{name}: {fault}");
        assert!(!fault.message.contains("secret-value"), "{name}: {fault}");
        assert_eq!(fault.class, FaultClass::Permanent, "{name}: {fault}");
        let seen = drill.observe(&claim).await;
        assert!(matches!(seen, Observation::Pending { .. }), "a failed restore is never ready: {seen:?}");
        drill.remove(&point).await;
    }
    // The same in an archive, whose restore goes on by several sessions.
    server.sql(
        &source,
        "create table r (a int references t); alter table r disable trigger all; insert into r values (99);",
    );
    for args in [&["--format=custom"][..], &["--format=tar"]] {
        run(
            server,
            "pg_dump",
            &[args, &[&format!("--file={}", drill.path("x").display()), &source]].concat(),
        );
        let point = drill.point("x").await;
        let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("a row refers to nothing");
        assert!(fault.message.contains("violates foreign key constraint \"r_a_fkey\""), "{fault}");
        assert!(!fault.message.contains("99"), "{fault}");
        drill.remove(&point).await;
    }
}

#[tokio::test]
async fn a_hostile_dump_is_refused_and_runs_nothing() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let drill = Drill::new(server, Kind::Postgres, &[]);
    let plain = String::from_utf8(run(server, "pg_dump", &[shop(server)])).expect("text");
    let pwned = drill.folder.path().join("pwned");
    let (before, after) = plain.split_at(plain.find("CREATE VIEW").expect("a view"));
    for (name, line) in [
        ("shell.sql", format!("\\! touch {}\n", pwned.display())),
        ("shell2.sql", format!("select 1 \\! touch {}\n;\n", pwned.display())),
        ("unrestrict.sql", format!("\\unrestrict x\n\\! touch {}\n", pwned.display())),
        ("connect.sql", "\\connect shop\n\\connect postgres\n".to_owned()),
        ("program.sql", format!("COPY public.orders TO PROGRAM 'touch {}';\n", pwned.display())),
        ("role.sql", "ALTER ROLE firedrill PASSWORD 'x';\n".to_owned()),
        ("system.sql", "ALTER SYSTEM SET work_mem = '1MB';\n".to_owned()),
    ] {
        drill.write(name, format!("{before}{line}{after}"));
        let point = drill.point(name).await;
        let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err(name);
        assert!(fault.message.contains("is not restored: line"), "{name}: {fault}");
        assert!(!pwned.exists(), "{name} ran a program");
        drill.remove(&point).await;
    }
    // Where the sieve is deceived, psql itself is restricted: here a setting that the sieve does not see is changed.
    let line = format!(
        "select set_config('standard_conforming' || '_strings', 'off', false);\nselect 'a\\'' \\! touch {} \n';\n",
        pwned.display()
    );
    drill.write("deceived.sql", format!("{before}{line}{after}"));
    let point = drill.point("deceived.sql").await;
    let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("is restricted");
    assert!(!pwned.exists(), "{fault}");
    drill.remove(&point).await;
}

#[tokio::test]
async fn servers_that_are_not_scratch_are_refused() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let identity = server.query("postgres", "select system_identifier from pg_control_system();");
    let good = Drill::with(server, Kind::Postgres, &[], &format!("identity = \"{identity}\""));
    dump(server, &good, "x.dump", &["--format=custom"]);
    let found = good.preflight().await;
    assert!(
        found.refusals.is_empty() && found.facts.iter().any(|fact| fact.contains(&identity)),
        "{found:?}"
    );
    let (claim, point, _, _) = good.restore("x.dump").await;

    let other = Drill::with(server, Kind::Postgres, &[], "identity = \"7300000000000000000\"");
    let production = Drill::with(
        server,
        Kind::Postgres,
        &[],
        &format!("[production]\nservers = [\"localhost:{}\"]\n", server.port() + 1),
    );
    drop(production);
    // Another server has taken the place of the one that the operator means: nothing is removed from it.
    let fault = other
        .provider
        .release(&claim, &ReleaseRequest { restore: good.ask(), point: &point, known: &Known::default() })
        .await;
    let fault = fault.expect_err("is another server");
    assert!(fault.message.contains("another server has taken its place"), "{fault}");
    dump(server, &other, "x.dump", &["--format=custom"]);
    let fault = other.provider.preflight(&other.ask()).await.expect_err("is refused");
    assert_eq!(fault.class, FaultClass::Refused);
    good.remove(&point).await;

    // A live database on the scratch server, under another name of this machine.
    let live = format!(
        "live: {{ host: localhost, port: {}, user: firedrill, database: shop, password: {{ file: password }} }}",
        server.port()
    );
    let drill = Drill::new(server, Kind::Postgres, &[&live]);
    dump(server, &drill, "x.dump", &["--format=custom"]);
    let found = drill.preflight().await;
    assert!(found.refusals.iter().any(|why| why.contains("live")), "{found:?}");
}

#[tokio::test]
async fn an_older_server_or_program_is_refused_before_anything_is_made() {
    if !Server::wanted(Kind::Postgres, "15") || !Server::wanted(Kind::Postgres, "13") {
        return;
    }
    let old = shared(Kind::Postgres, "13");
    let drill = Drill::new(old, Kind::Postgres, &[]);
    dump(shared(Kind::Postgres, "15"), &drill, "x.dump", &["--format=custom"]);
    let found = drill.preflight().await;
    assert!(
        found.refusals.iter().any(|why| why.contains("PostgreSQL 15 and the scratch server is 13")),
        "{found:?}"
    );
    if !Server::wanted(Kind::Postgres, "17") {
        return;
    }
    let new = shared(Kind::Postgres, "17");
    let drill = Drill::new(new, Kind::Postgres, &[]);
    let database = new.fresh_database();
    run(
        new,
        "pg_dump",
        &["--format=custom", &format!("--file={}", drill.path("x.dump").display()), &database],
    );
    let found = drill.preflight().await;
    assert!(found.refusals.iter().any(|why| why.contains("made by pg_dump 17")), "{found:?}");
    let bin = new.tool("pg_dump").parent().expect("a folder").to_owned();
    let drill = Drill::with(new, Kind::Postgres, &[], &format!("[tools]\npostgres = {bin:?}\n"));
    new.sql(&database, "create table t (a int); insert into t values (1);");
    for (name, args) in [
        ("x.dump", &["--format=custom"][..]),
        ("x.sql", &[]),
        ("x.zst.dump", &["--format=custom", "--compress=zstd"]),
    ] {
        if name == "x.zst.dump" {
            continue;
        }
        run(
            new,
            "pg_dump",
            &[args, &[&format!("--file={}", drill.path(name).display()), &database]].concat(),
        );
        let (claim, point, _, _) = drill.restore(name).await;
        assert_eq!(drill.scratch(&claim, "select count(*) from t;"), "1");
        drill.remove(&point).await;
    }
}

#[tokio::test]
async fn a_certificate_is_checked_by_the_programs_too() {
    for (kind, version) in [
        (Kind::Postgres, "15"),
        (Kind::MariaDb, "11.8"),
        (Kind::MariaDb, "10.11"),
        (Kind::MySql, "9.7"),
        (Kind::MySql, "8.0"),
    ] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = crate::servers::Setup::new(kind, version).tls("IP:127.0.0.1,DNS:localhost").start();
        let bin = match kind {
            Kind::Postgres => "psql",
            Kind::MariaDb => "mariadb",
            Kind::MySql => "mysql",
        };
        let bin = server.tool(bin);
        let tools = match bin.parent().filter(|folder| folder.is_absolute()) {
            Some(folder) => format!(
                "\n[tools]\n{} = {folder:?}\n",
                if kind == Kind::Postgres { "postgres" } else { "mysql" }
            ),
            None => String::new(),
        };
        let plain = match kind {
            Kind::Postgres => {
                "--\n-- PostgreSQL database dump\n--\nCREATE TABLE public.t (a int);\n--\n-- PostgreSQL database dump complete\n--\n"
            }
            _ => {
                "-- MySQL dump 10.13  Distrib 8.0.31, for Linux (x86_64)\nCREATE TABLE `t` (a int);\n-- Dump completed on 2026-11-24  7:57:22\n"
            }
        };
        for tls in ["verify-full", "verify-ca", "require"] {
            let ca = if tls == "require" {
                String::new()
            } else {
                format!(", ca: {:?}", server.ca().display().to_string())
            };
            let into = format!(
                "into: {{ host: 127.0.0.1, port: {}, user: firedrill, password: {{ file: password }}, tls: {tls}{ca} }}",
                server.port()
            );
            let drill = Drill::with(&server, kind, &[&into], tools.trim_start_matches('\n'));
            drill.write("x.sql", plain);
            let (claim, point, _, outputs) = drill.restore("x.sql").await;
            assert_eq!(outputs["tls"], tls, "{version}");
            assert_eq!(drill.scratch(&claim, "select count(*) from t;"), "0");
            drill.remove(&point).await;
        }
    }
}
