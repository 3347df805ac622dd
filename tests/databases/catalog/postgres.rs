//! PostgreSQL's catalog.

use super::{integrity, references, sequences, snapshot};
use crate::{
    databases::{POSTGRES, RICH_POSTGRES, ask},
    servers::{Kind, Server, shared},
};
use firedrill::{
    playbook::ServerEngine::Postgres,
    verify::{
        SchemaSnapshot,
        catalog::{OWNERS_AND_GRANTS, compare, digest, without},
    },
};
use std::process::{Command, Stdio};

/// The servers that are here.
fn servers() -> impl Iterator<Item = (&'static str, &'static Server)> {
    POSTGRES
        .into_iter()
        .filter(|version| Server::wanted(Kind::Postgres, version))
        .map(|version| (version, shared(Kind::Postgres, version)))
}

/// A database with about everything in it.
fn rich(server: &Server) -> String {
    let database = server.fresh_database();
    server.sql(&database, RICH_POSTGRES);
    database
}

/// Extensions come in a version of their server.
const OF_THE_SERVER: [&str; 1] = ["extension *"];

async fn taken(server: &Server, database: &str) -> SchemaSnapshot {
    let mut ask = ask(server, Postgres, database).await;
    snapshot(ask.as_mut(), Postgres).await
}

/// The roles of the rich database, which no dump of a database carries.
const ROLES: &str = "do $$ declare name text; begin
  foreach name in array array['rich_owner', 'rich_reader', 'rich_writer'] loop
    begin execute format('create role %I', name); exception when duplicate_object or unique_violation then null; end;
  end loop;
end $$;";

const NOTHING: Vec<String> = Vec::new();

#[tokio::test]
async fn the_same_schema_has_the_same_snapshot_on_every_version() {
    let mut first = None;
    for (version, server) in servers() {
        let taken = without(&taken(server, &rich(server)).await, &OF_THE_SERVER);
        assert!(taken.objects.len() > 300, "{version}: {}", taken.objects.len());
        let first = first.get_or_insert_with(|| taken.clone());
        assert_eq!(compare(first, &taken), NOTHING, "{version}");
        assert_eq!(digest(first), digest(&taken), "{version}");
    }
}

#[tokio::test]
async fn a_dump_restored_to_any_version_has_the_snapshot_of_its_source() {
    let all: Vec<_> = servers().collect();
    for (_, server) in &all {
        server.sql("postgres", ROLES);
    }
    // There is a pg_dump of 15 at most, which reads no later server.
    for (from, source) in all.iter().filter(|(version, _)| ["13", "15"].contains(version)) {
        let database = rich(source);
        let before = taken(source, &database).await;
        let dump = dump(source, &database, &[]);
        let bare = dump_of(source, &database);
        for (to, target) in all.iter().filter(|(to, _)| to >= from) {
            let restored = target.fresh_database();
            target.sql(&restored, &dump);
            let after = taken(target, &restored).await;
            let (before, after) = (without(&before, &OF_THE_SERVER), without(&after, &OF_THE_SERVER));
            assert_eq!(compare(&before, &after), NOTHING, "{from} to {to}");

            let restored = target.fresh_database();
            target.sql(&restored, &bare);
            let after = without(&taken(target, &restored).await, &OF_THE_SERVER);
            assert_eq!(
                compare(&without(&before, &OWNERS_AND_GRANTS), &without(&after, &OWNERS_AND_GRANTS)),
                NOTHING,
                "{from} to {to} without owners"
            );
            assert_ne!(compare(&before, &after), NOTHING);
        }
    }
}

fn dump_of(server: &Server, database: &str) -> String {
    dump(server, database, &["--no-owner", "--no-acl"])
}

fn dump(server: &Server, database: &str, options: &[&str]) -> String {
    let output = Command::new(server.tool("pg_dump"))
        .args(["-h", server.host(), "-U", server.user(), "-p", &server.port().to_string()])
        .args(options)
        .arg(database)
        .env("PGPASSWORD", server.password())
        .stdin(Stdio::null())
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The public schema is there already, with its owner.
    String::from_utf8(output.stdout).expect("a dump in UTF-8")
}

#[tokio::test]
async fn settings_of_the_database_do_not_change_its_snapshot() {
    for (version, server) in servers() {
        let database = rich(server);
        let before = taken(server, &database).await;
        for setting in [
            "search_path = shop, rich, public",
            "TimeZone = 'Asia/Kathmandu'",
            "DateStyle = 'German, DMY'",
            "IntervalStyle = 'iso_8601'",
            "quote_all_identifiers = on",
            "extra_float_digits = -5",
            "bytea_output = 'escape'",
            "xmloption = 'document'",
            "row_security = off",
            "default_transaction_read_only = on",
            "enable_seqscan = off",
        ] {
            server.sql("postgres", &format!("alter database {database} set {setting};"));
        }
        let mut ask = ask(server, Postgres, &database).await;
        let after = snapshot(ask.as_mut(), Postgres).await;
        assert_eq!(compare(&before, &after), NOTHING, "{version}");
        assert_eq!(integrity(ask.as_mut(), Postgres, false).await.problems, NOTHING, "{version}");
        assert_eq!(sequences(ask.as_mut(), Postgres).await.problems, NOTHING, "{version}");
        assert_eq!(references(ask.as_mut(), Postgres, false).await.problems, NOTHING, "{version}");
        // Read-only is the session's default: what needs to write says so for itself.
        let created = integrity(ask.as_mut(), Postgres, true).await;
        assert!(created.words.starts_with("amcheck "), "{version}: {created:?}");
    }
}

/// What is done to a database, and what is said of it.
const MUTATIONS: &[(&str, &[&str])] = &[("drop index shop.orders_created_idx", &["?"])];

#[tokio::test]
async fn every_difference_is_named() {
    for (version, server) in servers() {
        let database = rich(server);
        let before = taken(server, &database).await;
        let muts = std::fs::read_to_string("/tmp/cat/muts.sql").unwrap();
        for statement in muts.lines() {
            let copy = server.fresh_database();
            server.sql(
                "postgres",
                &format!("drop database {copy}; create database {copy} template {database};"),
            );
            server.sql(&copy, statement);
            let after = taken(server, &copy).await;
            eprintln!("M {version} {statement:?} {:#?}", compare(&before, &after));
            server.sql("postgres", &format!("drop database {copy}"));
        }
        let _ = MUTATIONS;
    }
}
