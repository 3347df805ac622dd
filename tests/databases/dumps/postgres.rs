//! Every format of `pg_dump`, and what is left out of a dump.

use super::*;
use crate::servers::shared;

/// A shop with whatever a dump can hold. Made once.
pub fn shop(server: &Server) -> &'static str {
    static MADE: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        server.sql("postgres", "create database shop; create role app_owner; create role \"we ird\";");
        server.sql(
            "shop",
            r#"
create extension citext;
create table orders(id bigserial primary key, name text not null, email citext, price numeric, at timestamptz default now());
create schema s2;
create table s2."Odd Name"(a int, b text default 'C:\');
insert into orders(name, email, price) select 'n' || g, 'e' || g, g from generate_series(1, 2000) g;
insert into s2."Odd Name" select g, E'x\\''\t\n' || g from generate_series(1, 50) g;
create view v as select * from orders where name like 'n1%';
create materialized view mv as select count(*) n from orders;
create function f(a int) returns int language plpgsql as $$ begin return a + 1; end $$;
create function g(a text) returns text language sql begin atomic select case when true then $1 || '\; x' end; end;
alter table orders owner to app_owner;
grant select on s2."Odd Name" to "we ird";
alter default privileges for role app_owner grant select on tables to "we ird";
alter table orders enable row level security;
create policy p on orders for select to "we ird" using (true);
select lo_from_bytea(0, 'hello');
comment on table orders is 'it''s \! a \connect test';
comment on database shop is 'the shop';
"#,
        );
    });
    "shop"
}

pub const ROWS: &str = "select count(*), sum(price), (select count(*) from s2.\"Odd Name\"), (select n from mv), nextval('orders_id_seq'), g('a'), f(1), (select count(*) from pg_largeobject_metadata) from orders;";
pub const EXPECTED: &str = "2000\t2001000\t50\t2000\t2001\ta\\; x\t2\t1";

pub fn dump(server: &Server, drill: &Drill<'_>, name: &str, args: &[&str]) -> PathBuf {
    let database = shop(server);
    let path = drill.path(name);
    let file = format!("--file={}", path.display());
    run(server, "pg_dump", &[args, &[&file, database]].concat());
    path
}

#[tokio::test]
async fn every_format_is_restored_and_gone_at_the_end() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    for (name, format, packing, args) in [
        ("custom.dump", "custom", None, &["--format=custom"][..]),
        ("directory", "directory", None, &["--format=directory", "--jobs=2"]),
        ("archive.tar", "tar", None, &["--format=tar"]),
        ("plain.sql", "plain", None, &[]),
        ("custom.dump.gz", "custom", Some("gzip"), &["--format=custom"]),
        ("archive.tar.zst", "tar", Some("zstd"), &["--format=tar"]),
        ("plain.sql.gz", "plain", Some("gzip"), &["--inserts", "--create"]),
        ("plain.sql.zst", "plain", Some("zstd"), &["--verbose", "--use-set-session-authorization"]),
        ("clean.sql", "plain", None, &["--clean"]),
    ] {
        let drill = Drill::new(server, Kind::Postgres, &[]);
        let bare = name.trim_end_matches(".gz").trim_end_matches(".zst");
        let file = dump(server, &drill, bare, args);
        match packing {
            Some("gzip") => pack("gzip", &file),
            Some("zstd") => {
                pack("zstd", &file);
                std::fs::remove_file(&file).expect("removed");
            }
            _ => {}
        }
        let (claim, point, receipts, outputs) = drill.restore(name).await;
        assert_eq!(
            (point.details["format"].as_str(), point.details["packing"].as_str()),
            (format, packing.unwrap_or("plain"))
        );
        assert_eq!(drill.scratch(&claim, ROWS), EXPECTED, "{name}: {receipts:?}");
        assert_eq!(
            drill.scratch(&claim, "select tableowner from pg_tables where tablename = 'orders';"),
            "firedrill"
        );
        assert_eq!(
            (outputs["engine"].as_str(), outputs["database"].as_str()),
            ("postgres", claim.link.name.as_str())
        );
        assert!(outputs["bytes"].parse::<u64>().expect("a number") > 1_000_000, "{outputs:?}");
        assert!(outputs["server_version"].starts_with("15."));
        assert!(!format!("{outputs:?}{receipts:?}{claim:?}").contains(server.password()));
        assert!(receipts.iter().any(|line| line.contains("grants")), "{receipts:?}");
        assert!(receipts.iter().any(|line| line.contains("policies for roles (1)")), "{receipts:?}");
        // A second call finds it done, and says the same.
        assert_eq!(drill.acquire(&claim, &point).await.expect("is done"), receipts);
        drill.remove(&point).await;
        assert!(!drill.ticks.lock().expect("not poisoned").is_empty(), "{name} told nothing of its progress");
    }
}

#[tokio::test]
async fn the_moment_of_a_dump_is_when_it_began() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let drill = Drill::new(server, Kind::Postgres, &[]);
    let custom = dump(server, &drill, "custom.dump", &["--format=custom"]);
    dump(server, &drill, "plain.sql", &[]);
    dump(server, &drill, "verbose.sql", &["--verbose"]);
    let old = std::time::SystemTime::now() + std::time::Duration::from_secs(200);
    std::fs::File::options().write(true).open(custom).expect("opened").set_modified(old).expect("set");
    let point = drill.point("custom.dump").await;
    assert!(
        point.time_source.contains("start of the dump, as it says itself, read in UTC"),
        "{}",
        point.time_source
    );
    assert!(point.time <= drill.now + Period::from_secs(60));
    assert_eq!(drill.point("plain.sql").await.time_source, "modification time (end of the dump)");
    assert!(drill.point("verbose.sql").await.time_source.contains("start of the dump"));
    assert!(point.details["server_version"].starts_with("15."), "{:?}", point.details);
    // An hour ahead of UTC, read as if it were UTC, it would have been made after it was finished.
    let drill = Drill::new(server, Kind::Postgres, &["timezone: America/New_York"]);
    dump(server, &drill, "custom.dump", &["--format=custom"]);
    let found = drill.candidates().await;
    assert!(found[0].unfit.as_deref().is_some_and(|why| why.contains("future")), "{found:?}");
}

#[tokio::test]
async fn roles_are_created_where_they_are_missing_and_go_again() {
    if !Server::wanted(Kind::Postgres, "15") || !Server::wanted(Kind::Postgres, "17") {
        return;
    }
    let source = shared(Kind::Postgres, "15");
    // On a server of its own: roles belong to all of a server.
    let server = Server::start(Kind::Postgres, "17");
    server.sql("postgres", "create role app_owner;");
    for (name, args) in [("custom.dump", &["--format=custom"][..]), ("plain.sql", &[])] {
        let drill = Drill::new(&server, Kind::Postgres, &["roles: create"]);
        dump(source, &drill, name, args);
        let (claim, point, _, _) = drill.restore(name).await;
        let owner = "select tableowner from pg_tables where tablename = 'orders';";
        assert_eq!(drill.scratch(&claim, owner), "app_owner");
        assert_eq!(
            drill.scratch(&claim, "select has_table_privilege('we ird', 's2.\"Odd Name\"', 'select');"),
            "t"
        );
        let roles = drill.claims(&point).remove(0);
        let seen = drill.observe(&roles).await;
        assert!(
            matches!(&seen, Observation::Ready { outputs, .. } if outputs["roles"] == "we ird"),
            "{seen:?}"
        );
        // A role that something still depends on is waited for, not torn away.
        let fault = drill.release(&roles, &point).await.expect_err("is in use");
        assert!(fault.message.contains("still used by a database"), "{fault}");
        drill.remove(&point).await;
        assert_eq!(
            server
                .query("postgres", "select rolname from pg_roles where rolname in ('app_owner', 'we ird');"),
            "app_owner"
        );
    }
    let drill = Drill::new(&server, Kind::Postgres, &["roles: keep"]);
    dump(source, &drill, "custom.dump", &["--format=custom"]);
    let refusals = drill.preflight().await.refusals;
    assert!(refusals.iter().any(|why| why.contains("lacks: we ird")), "{refusals:?}");
    let point = drill.point("custom.dump").await;
    let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("lacks a role");
    assert!(fault.message.contains("we ird"), "{fault}");
    server.sql("postgres", "create role \"we ird\";");
    let (_, point, _, _) = drill.restore("custom.dump").await;
    drill.remove(&point).await;
    assert_eq!(
        server.query("postgres", "select count(*) from pg_roles where rolname in ('app_owner', 'we ird');"),
        "2"
    );
}

#[tokio::test]
async fn two_steps_share_the_roles_that_one_of_them_made() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let source = shared(Kind::Postgres, "15");
    let server = Server::start(Kind::Postgres, "15");
    let one = Drill::new(&server, Kind::Postgres, &["roles: create"]);
    let mut two = Drill::new(&server, Kind::Postgres, &["roles: create"]);
    for drill in [&one, &two] {
        dump(source, drill, "custom.dump", &["--format=custom"]);
    }
    let (_, point, _, _) = one.restore("custom.dump").await;
    let point_of_two = two.point("custom.dump").await;
    let roles = two.claims(&point_of_two).remove(0);
    let fault = two.acquire(&roles, &point_of_two).await.expect_err("they are another run's");
    assert!(fault.class.may_pass() && fault.message.contains(&one.run.short()), "{fault}");
    // The first call made the claim's own role already, or nothing; either way it can be released.
    two.remove(&point_of_two).await;
    // Another step of the same run uses them.
    two.run = one.run;
    two.step = "other-db".parse().expect("a label");
    let (_, point_of_two, _, _) = two.restore("custom.dump").await;
    for (drill, point) in [(&two, &point_of_two), (&one, &point)] {
        for claim in drill.claims(point).iter().rev() {
            drill.release(claim, point).await.unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
    assert_eq!(one.left("fd_%"), "");
    assert_eq!(
        server.query("postgres", "select count(*) from pg_roles where rolname in ('app_owner', 'we ird');"),
        "0"
    );
}

#[tokio::test]
async fn extensions_can_be_left_out_and_missing_ones_are_named_before() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let source = server.fresh_database();
    server.sql(&source, "create extension pgcrypto; create table t (a int); insert into t values (1), (2);");
    for args in [&["--format=custom"][..], &[]] {
        let drill = Drill::new(server, Kind::Postgres, &["extensions: skip"]);
        let file = format!("--file={}", drill.path("x").display());
        run(server, "pg_dump", &[args, &[&file, &source]].concat());
        let (claim, point, receipts, _) = drill.restore("x").await;
        assert_eq!(drill.scratch(&claim, "select count(*) from t, pg_extension;"), "2");
        assert!(receipts.iter().any(|line| line.contains("extensions (2)")), "{receipts:?}");
        drill.remove(&point).await;
    }
    let drill = Drill::new(server, Kind::Postgres, &[]);
    let dump =
        String::from_utf8(run(server, "pg_dump", &[&source])).expect("text").replace("pgcrypto", "postgis");
    drill.write("x.sql", dump);
    let found = drill.preflight().await;
    assert!(found.refusals.iter().any(|why| why.contains("lacks: postgis")), "{found:?}");
}

#[tokio::test]
async fn what_reaches_out_to_other_servers_is_left_out() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let source = server.fresh_database();
    server.sql(
        &source,
        "create extension postgres_fdw; create server other foreign data wrapper postgres_fdw options (host 'prod.example');
         create user mapping for firedrill server other options (user 'u', password 'hidden-password');
         create table t (a int); insert into t values (1);
         create subscription s connection 'host=prod.example' publication p with (connect = false);",
    );
    for args in [&["--format=custom"][..], &[]] {
        let drill = Drill::new(server, Kind::Postgres, &[]);
        let file = format!("--file={}", drill.path("x").display());
        run(server, "pg_dump", &[args, &[&file, &source]].concat());
        let (claim, point, receipts, _) = drill.restore("x").await;
        let counts = "select (select count(*) from pg_user_mappings where srvname = 'other'), (select count(*) from pg_subscription s join pg_database d on d.oid = subdbid where datname = current_database()), (select count(*) from t);";
        assert_eq!(drill.scratch(&claim, counts), "0\t0\t1");
        let text = receipts.join("\n");
        assert!(text.contains("subscriptions") && text.contains("user mappings"), "{text}");
        assert!(!text.contains("hidden-password"));
        drill.remove(&point).await;
    }
    server.sql(&source, "alter subscription s set (slot_name = none); drop subscription s;");
}

#[tokio::test]
async fn a_user_who_is_no_superuser_restores_too() {
    if !Server::wanted(Kind::Postgres, "16") {
        return;
    }
    let server = Server::start(Kind::Postgres, "16");
    server.sql("postgres", "create role drill login createdb createrole password 'drill-password';");
    let source = shared(Kind::Postgres, "15");
    let database = source.fresh_database();
    source.sql(
        &database,
        "create role bob; create schema s authorization bob; create table s.t (a int); insert into s.t values (1);
         alter table s.t owner to bob;",
    );
    for roles in ["skip", "create"] {
        let into = format!(
            "into: {{ host: 127.0.0.1, port: {}, user: drill, password: {{ file: ../drill }} }}",
            server.port()
        );
        let drill = Drill::new(
            &server,
            Kind::Postgres,
            &[&format!("roles: {roles}"), &into.replace("../drill", "drill")],
        );
        std::fs::write(drill.folder.path().join("drill"), "drill-password\n").expect("written");
        run(
            source,
            "pg_dump",
            &["--format=custom", &format!("--file={}", drill.path("x").display()), &database],
        );
        let found = drill.preflight().await;
        assert!(found.refusals.is_empty(), "{found:?}");
        let (claim, point, _, outputs) = drill.restore("x").await;
        assert_eq!(
            (outputs["user"].as_str(), drill.scratch(&claim, "select count(*) from s.t;").as_str()),
            ("drill", "1")
        );
        drill.remove(&point).await;
        if roles == "create" {
            server.sql("postgres", "create role bob;");
            let found = drill.preflight().await;
            assert!(found.refusals.iter().any(|why| why.contains("gives things to bob")), "{found:?}");
        }
    }
}
