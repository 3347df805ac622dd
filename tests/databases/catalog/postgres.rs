//! Snapshots of PostgreSQL's schema.

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
pub(super) fn servers() -> impl Iterator<Item = (&'static str, &'static Server)> {
    POSTGRES
        .into_iter()
        .filter(|version| Server::wanted(Kind::Postgres, version))
        .map(|version| (version, shared(Kind::Postgres, version)))
}

/// A database with about everything in it.
pub(super) fn rich(server: &Server) -> String {
    let database = server.fresh_database();
    server.sql(&database, RICH_POSTGRES);
    database
}

/// What came after 13.
const LATER: &str = include_str!("../later_postgres.sql");

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

pub(super) const NOTHING: Vec<String> = Vec::new();

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
async fn what_later_versions_brought_is_the_same_on_each_that_has_it() {
    let mut first = None;
    for (version, server) in servers().filter(|(version, _)| *version != "13") {
        let database = server.fresh_database();
        server.sql(&database, LATER);
        let taken = taken(server, &database).await;
        let first = first.get_or_insert_with(|| taken.clone());
        assert_eq!(compare(first, &taken), NOTHING, "{version}");
    }
}

#[tokio::test]
async fn a_dump_restored_to_any_version_has_the_snapshot_of_its_source() {
    let all: Vec<_> = servers().collect();
    for (_, server) in &all {
        server.sql("postgres", ROLES);
    }
    // There is a pg_dump of 15 at most, which reads no later server.
    let sources = [("13", RICH_POSTGRES), ("15", RICH_POSTGRES), ("15", LATER)];
    for (from, script) in sources {
        let Some((_, source)) = all.iter().find(|(version, _)| *version == from) else { continue };
        let database = source.fresh_database();
        source.sql(&database, script);
        let before = without(&taken(source, &database).await, &OF_THE_SERVER);
        let whole = dump(source, &database, &[]);
        let bare = dump(source, &database, &["--no-owner", "--no-acl"]);
        for (to, target) in all.iter().filter(|(to, _)| *to >= from) {
            let restored = target.fresh_database();
            target.sql(&restored, &whole);
            let after = without(&taken(target, &restored).await, &OF_THE_SERVER);
            assert_eq!(compare(&before, &after), NOTHING, "{from} to {to}");

            let restored = target.fresh_database();
            target.sql(&restored, &bare);
            let after = taken(target, &restored).await;
            let (before, after) = (without(&before, &OWNERS_AND_GRANTS), without(&after, &OWNERS_AND_GRANTS));
            assert_eq!(
                compare(&before, &without(&after, &OF_THE_SERVER)),
                NOTHING,
                "{from} to {to} without owners"
            );
        }
    }
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
const DIFFERENCES: &[(&str, &[&str])] = &[
    (
        "drop index shop.customers_hash",
        &["index shop.customers_hash on shop.customers is missing; it was: hash (country)"],
    ),
    (
        "drop table shop.returns",
        &["table shop.returns is missing, and with it 4 columns, 3 constraints and 1 rule"],
    ),
    (
        "alter table shop.order_lines alter column quantity type bigint",
        &["column shop.order_lines.quantity was integer not null, is bigint not null"],
    ),
    (
        "alter table shop.orders alter column total drop not null",
        &["column shop.orders.total was numeric(12,2) not null default 0.00, is numeric(12,2) default 0.00"],
    ),
    (
        "alter table shop.orders rename column discount to rebate",
        &[
            "column shop.orders.discount is missing; it was: double precision default '-1.5'::numeric (shop.orders.rebate is new and is the same)",
            "column shop.orders.rebate is new: not in the baseline",
        ],
    ),
    (
        "alter table shop.order_lines drop constraint order_lines_order_id_fkey",
        &[
            "constraint shop.order_lines.order_lines_order_id_fkey is missing; it was: FOREIGN KEY (order_id) REFERENCES shop.orders(id) ON DELETE CASCADE",
        ],
    ),
    (
        "alter table shop.orders disable trigger per_statement",
        &[
            "trigger shop.orders.per_statement was AFTER UPDATE ON shop.orders REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION shop.audit(), is AFTER UPDATE ON shop.orders REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION shop.audit(), disabled",
        ],
    ),
    (
        "create or replace function shop.audit() returns trigger language plpgsql as $$ begin return new; end $$",
        &[
            "function shop.audit() was arguments (), returns trigger, language plpgsql, body sha256:795fbec4…, is arguments (), returns trigger, language plpgsql, body sha256:90daacc0…",
        ],
    ),
    (
        "create or replace view rich.series as select x from generate_series(1, 4) x",
        &["view rich.series was (x integer), text sha256:d6babcd1…, is (x integer), text sha256:7d6eef8f…"],
    ),
    (
        "revoke select on shop.orders from rich_reader",
        &["grant select on table shop.orders to rich_reader is missing"],
    ),
    (
        "revoke grant option for select on shop.orders from rich_writer",
        &["grant select on table shop.orders to rich_writer was with grant option, and is not"],
    ),
    (
        "grant delete on shop.customers to public",
        &["grant delete on table shop.customers to public is new: not in the baseline"],
    ),
    (
        "revoke execute on function shop.order_total(bigint, numeric, numeric[]) from public",
        &[
            "revoke execute on function shop.order_total(bigint, numeric, numeric[]) from public is new: not in the baseline",
        ],
    ),
    (
        "alter table shop.orders owner to rich_writer",
        &["owner of table shop.orders was rich_owner, is rich_writer"],
    ),
    (
        "alter type shop.status add value 'lost' before 'paid'",
        &[
            "type shop.status was enum ('new', 'paid', 'it''s shipped', 'CANCELLED'), is enum ('new', 'lost', 'paid', 'it''s shipped', 'CANCELLED')",
        ],
    ),
    (
        "alter sequence shop.invoice_no maxvalue 50000",
        &[
            "sequence shop.invoice_no was bigint start 1000 increment 10 from 1000 to 9999999 cache 5, is bigint start 1000 increment 10 from 1000 to 50000 cache 5",
        ],
    ),
    (
        "drop policy no_big on shop.orders",
        &[
            "policy shop.orders.no_big is missing; it was: restrictive for insert to public with check ((total < (1000000)::numeric))",
        ],
    ),
    (
        "alter table rich.events detach partition rich.events_2023",
        &[
            "index rich.events_2023_kind_at_idx on rich.events_2023 was btree (kind, at), part of rich.events_kind_idx, is btree (kind, at)",
            "table rich.events_2023 was partition of rich.events FOR VALUES FROM ('2023-01-01 00:00:00+00') TO ('2024-01-01 00:00:00+00'), and is not",
            "constraint rich.events_2023.events_customer_id_fkey is new: not in the baseline",
        ],
    ),
    (
        "refresh materialized view shop.never",
        &[
            "materialized view shop.never was (one integer), not populated, text sha256:15eeddc5…, is (one integer), text sha256:15eeddc5…",
        ],
    ),
    (
        "alter default privileges for role rich_owner in schema shop revoke select on tables from rich_reader",
        &["default grant select on tables in schema shop by rich_owner to rich_reader is missing"],
    ),
];

#[tokio::test]
async fn every_difference_is_named() {
    for (version, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Postgres, &database).await;
        let before = snapshot(ask.as_mut(), Postgres).await;
        for (statement, lines) in DIFFERENCES {
            ask.run("begin").await.expect("a transaction");
            ask.run(statement).await.expect(statement);
            let after = snapshot(ask.as_mut(), Postgres).await;
            ask.run("rollback").await.expect("rolled back");
            assert_eq!(compare(&before, &after), *lines, "{version}: {statement}");
            assert_ne!(digest(&before), digest(&after), "{version}: {statement}");
        }
    }
}
