//! Dumps of MySQL and MariaDB, restored on the like.

use super::*;
use crate::servers::shared;
use firedrill::drill::FaultClass;

const SERVERS: [(Kind, &str); 4] =
    [(Kind::MariaDb, "11.8"), (Kind::MariaDb, "10.11"), (Kind::MySql, "8.0"), (Kind::MySql, "9.7")];

/// A shop with whatever a dump can hold.
fn shop(server: &Server) -> String {
    let database = server.fresh_database();
    server.sql(
        &database,
        r#"
set sql_mode = '';
create table customers(id int primary key auto_increment, name varchar(50) character set utf8mb4, b blob, j json,
  g int generated always as (length(name) * 2) stored, d datetime(3), bb bit(9));
insert into customers(name, b, j, d, bb) values ('Ada; \\! ls ''q'' "x"', x'00ff5c27', '{"a":1}', '2020-01-01 00:00:00.5', b'101'),
  ('back\\slash\\', 'x\0y', null, null, null), ('-- not a comment /* x */ # y', null, null, null, null);
create table orders(id int primary key, c int, constraint fk foreign key (c) references customers(id));
insert into orders values (1, 1), (2, 2);
create view v as select * from customers where name like '%;%';
delimiter //
create trigger tr before insert on orders for each row begin if new.c = 0 then set new.c = 1; end if; end//
create procedure p(in x int) begin select 'a;b', x; /* c */ end//
create function f(x int) returns int deterministic return x + 1//
create event ev on schedule every 1 day do begin delete from orders where id = 99; end//
delimiter ;
"#,
    );
    database
}

const ROWS: &str = "select count(*), sum(g), (select count(*) from orders), (select count(*) from v), f(1), hex((select b from customers where id = 1)) from customers;";
const EXPECTED: &str = "3\t114\t2\t1\t2\t00FF5C27";

/// Dumps the database into a file of the drill.
fn dump(server: &Server, kind: Kind, drill: &Drill<'_>, name: &str, args: &[&str]) -> PathBuf {
    let program = if kind == Kind::MySql { "mysqldump" } else { "mariadb-dump" };
    let socket = format!("--socket={}", server.folder().join("s").display());
    let user = format!("--user={}", server.user());
    let output = Command::new(server.tool(program))
        .args(["--no-defaults", &socket, &user])
        .args(args)
        .env("MYSQL_PWD", server.password())
        .output()
        .expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    drill.write(name, output.stdout)
}

/// A drill with the server's own client.
fn drill(server: &Server, kind: Kind) -> Drill<'_> {
    let bin = server.tool(if kind == Kind::MySql { "mysql" } else { "mariadb" });
    let bin = bin.parent().expect("a folder");
    Drill::with(server, kind, &[], &format!("[tools]\nmysql = {bin:?}\n"))
}

#[tokio::test]
async fn dumps_are_restored_and_gone_at_the_end() {
    for (kind, version) in SERVERS {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = shared(kind, version);
        let source = shop(server);
        for (name, packing, args) in [
            ("plain.sql", None, &["--routines", "--events", "--triggers"][..]),
            (
                "whole.sql.gz",
                Some("gzip"),
                &["--routines", "--hex-blob", "--databases", "--add-drop-database"],
            ),
            (
                "plain.sql.zst",
                Some("zstd"),
                &["--routines", "--skip-extended-insert", "--single-transaction"],
            ),
        ] {
            let drill = drill(server, kind);
            let bare = name.trim_end_matches(".gz").trim_end_matches(".zst");
            let file = dump(server, kind, &drill, bare, &[args, &[&source]].concat());
            if let Some(program) = packing {
                pack(program, &file);
                let _ = std::fs::remove_file(&file);
            }
            let found = drill.preflight().await;
            assert!(found.refusals.is_empty(), "{version}: {found:?}");
            let (claim, point, receipts, outputs) = drill.restore(name).await;
            assert_eq!(drill.scratch(&claim, ROWS), EXPECTED, "{version} {name}: {receipts:?}");
            assert_eq!(
                (outputs["engine"].as_str(), outputs["database"].as_str()),
                ("mysql", claim.link.name.as_str())
            );
            assert!(
                outputs["bytes"].parse::<u64>().is_ok() && outputs["server_version"].starts_with(version),
                "{outputs:?}"
            );
            assert_eq!(point.time_source, "modification time (end of the dump)");
            assert!(point.details["server_version"].starts_with(version), "{:?}", point.details);
            assert!(!format!("{outputs:?}{receipts:?}{claim:?}").contains(server.password()));
            assert!(receipts.iter().any(|line| line.contains("definers (")), "{receipts:?}");
            assert!(receipts.iter().any(|line| line.starts_with("backup sha256:")), "{receipts:?}");
            drill.scratch(&claim, "call p(1);");
            assert_eq!(drill.acquire(&claim, &point).await.expect("is done"), receipts);
            drill.remove(&point).await;
        }
        server.sql(server.first_database(), &format!("drop database {source};"));
    }
}

#[tokio::test]
async fn from_every_instant_of_a_crash_the_restore_is_completed_or_removed() {
    for (kind, version) in [SERVERS[0], SERVERS[2]] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = shared(kind, version);
        let source = shop(server);
        let drill = drill(server, kind);
        dump(server, kind, &drill, "x.sql", &["--routines", &source]);
        let (claim, point, _, _) = drill.restore("x.sql").await;
        let name = claim.link.name.clone();
        let marker = drill.scratch(&claim, "select marker from _firedrill where id = 1;");
        let table = format!(
            "create database {name}; create table {name}._firedrill (id int not null primary key, marker longtext not null);"
        );
        let row = format!(
            "{table} insert into {name}._firedrill values (1, '{}');",
            marker.replace('\\', "\\\\").replace('\'', "''")
        );
        drill.remove(&point).await;
        for (what, sql) in [
            ("created", format!("create database {name};")),
            ("table", table.clone()),
            ("marked", row.clone()),
            ("half restored", format!("{row} create table {name}.customers (a int);")),
        ] {
            for goes_on in [true, false] {
                server.sql(server.first_database(), &sql);
                let seen = drill.observe(&claim).await;
                assert!(matches!(seen, Observation::Pending { .. }), "{what}: {seen:?}");
                if goes_on {
                    drill.acquire(&claim, &point).await.unwrap_or_else(|fault| panic!("{what}: {fault}"));
                    assert_eq!(drill.scratch(&claim, ROWS), EXPECTED, "{what}");
                    let owned = drill.provider.owned(&claim.link.scope).await.expect("lists");
                    assert!(owned.iter().any(|owned| owned.claim == claim), "{owned:?}");
                }
                drill.remove(&point).await;
            }
        }
        let other = row.replace(&drill.run.to_string(), "019370a2-1111-7abc-8def-0123456789ab");
        assert_ne!(row, other);
        for (what, sql) in [
            ("another claim's mark", other),
            ("not empty", format!("create database {name}; create table {name}.precious (a int);")),
            ("a view", format!("create database {name}; create view {name}.v as select 1;")),
            ("another table", format!("create database {name}; create table {name}._firedrill (a int);")),
            ("no mark, and not empty", format!("{table} create table {name}.precious (a int);")),
            ("no marker", format!("{table} insert into {name}._firedrill values (1, 'mine');")),
        ] {
            server.sql(server.first_database(), &sql);
            let fault = drill.acquire(&claim, &point).await.expect_err(what);
            assert_eq!(fault.class, FaultClass::Refused, "{what}: {fault}");
            let fault = drill.release(&claim, &point).await.expect_err(what);
            assert!(fault.message.contains("kept"), "{what}: {fault}");
            let seen = drill.observe(&claim).await;
            assert!(matches!(seen, Observation::Broken { .. }), "{what}: {seen:?}");
            assert_eq!(drill.left(&name), name);
            server.sql(server.first_database(), &format!("drop database {name};"));
        }
        server.sql(server.first_database(), &format!("drop database {source};"));
    }
}

#[tokio::test]
async fn sessions_on_the_database_do_not_keep_it() {
    for (kind, version) in [SERVERS[0], SERVERS[3]] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = shared(kind, version);
        let source = shop(server);
        let drill = drill(server, kind);
        dump(server, kind, &drill, "x.sql", &["--routines", &source]);
        let (claim, point, _, _) = drill.restore("x.sql").await;
        use std::io::Write;
        let mut session =
            server.client(&claim.link.name).stdin(std::process::Stdio::piped()).spawn().expect("starts");
        let mut input = session.stdin.take().expect("a pipe");
        input.write_all(b"start transaction; select * from orders; select sleep(60);\n").expect("written");
        drop(input);
        std::thread::sleep(std::time::Duration::from_millis(500));
        drill.remove(&point).await;
        let _ = session.wait();
        server.sql(server.first_database(), &format!("drop database {source};"));
    }
}

#[tokio::test]
async fn a_dump_that_fails_to_restore_is_told_without_its_rows() {
    for (kind, version) in [SERVERS[0], SERVERS[2]] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = shared(kind, version);
        let source = server.fresh_database();
        server.sql(&source, "create table t (a int primary key, b varchar(20)); insert into t values (1, 'secret-value'), (2, 'other');");
        let drill = drill(server, kind);
        let file = dump(server, kind, &drill, "good.sql", &[&source]);
        let text = std::fs::read_to_string(file).expect("read");
        for (name, from, to, because) in [
            // MariaDB finds out when it commits, and does not say which key.
            ("twice.sql", "(2,'other')", "(1,'other')", "ERROR 1"),
            ("long.sql", "secret-value", &"secret-value".repeat(9), "for column 'b'"),
            ("syntax.sql", "(2,'other')", "(2 'secret-value')", "You have an error in your SQL syntax"),
            ("engine.sql", "COLLATE=", "COLLATE=no_such_", "nknown collation"),
        ] {
            if !text.contains(from) {
                continue;
            }
            drill.write(name, text.replace(from, to));
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
        drill.write("cut.sql", &text[..text.len() - 60]);
        assert!(drill.unfit("cut.sql").await.contains("its closing line"));
        let pwned = drill.folder.path().join("pwned");
        let at = text.find("INSERT INTO").expect("rows");
        for (name, line, because) in [
            ("shell.sql", format!("\\! touch {}\n", pwned.display()), "is not restored: line"),
            ("user.sql", "CREATE USER evil;\n".to_owned(), "is not restored: line"),
            ("use.sql", "USE `mysql`;\nUSE `other`;\n".to_owned(), "several databases"),
            // Not told from the server's SQL by the sieve: the client has no such command in binary mode.
            ("system.sql", format!("system touch {}\n", pwned.display()), "ended with exit code 1"),
            (
                "source.sql",
                format!("source {}\n", drill.path("good.sql").display()),
                "ended with exit code 1",
            ),
        ] {
            drill.write(name, format!("{}{line}{}", &text[..at], &text[at..]));
            let point = drill.point(name).await;
            let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err(name);
            assert!(fault.message.contains(because), "{name}: {fault}");
            assert!(!pwned.exists(), "{name} ran a program");
            drill.remove(&point).await;
        }
        server.sql(server.first_database(), &format!("drop database {source};"));
    }
}

#[tokio::test]
async fn a_user_with_rights_on_scratch_databases_alone_restores() {
    for (kind, version) in SERVERS {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = shared(kind, version);
        let source = shop(server);
        server.sql(
            server.first_database(),
            "create user if not exists drill@'%' identified by 'drill-password'; grant all on `fd\\_%`.* to drill@'%';",
        );
        let into = format!(
            "into: {{ host: 127.0.0.1, port: {}, user: drill, password: {{ file: drill }} }}",
            server.port()
        );
        let bin = server.tool(if kind == Kind::MySql { "mysql" } else { "mariadb" });
        let drill = Drill::with(
            server,
            kind,
            &[&into],
            &format!("[tools]\nmysql = {:?}\n", bin.parent().expect("a folder")),
        );
        std::fs::write(drill.folder.path().join("drill"), "drill-password\n").expect("written");
        dump(server, kind, &drill, "x.sql", &["--routines", "--databases", &source]);
        let found = drill.preflight().await;
        assert!(found.refusals.is_empty(), "{version}: {found:?}");
        let (claim, point, _, _) = drill.restore("x.sql").await;
        assert_eq!(drill.scratch(&claim, ROWS), EXPECTED, "{version}");
        drill.remove(&point).await;
        server.sql(server.first_database(), &format!("drop database {source};"));
    }
}
