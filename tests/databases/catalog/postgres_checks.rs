//! PostgreSQL's storage, sequences and references.

use super::{
    integrity,
    postgres::{NOTHING, rich, servers},
    references, sequences, snapshot,
};
use crate::{
    databases::ask,
    servers::{Kind, Server, Setup, shared},
};
use firedrill::{playbook::ServerEngine::Postgres, verify::catalog::compare};

#[tokio::test]
async fn sequences_behind_their_columns_are_named() {
    for (version, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Postgres, &database).await;
        let sound = sequences(ask.as_mut(), Postgres).await;
        assert_eq!((sound.looked_at, &sound.problems, &sound.notes), (8, &NOTHING, &NOTHING), "{version}");
        for statement in [
            "select setval('shop.orders_id_seq', 5)",
            // The next value is the one that is there.
            "select setval('shop.customers_id_seq', 40, false)",
            "select setval('rich.events_id_seq', 499)",
            // A cycle may stand anywhere but before a value that is there.
            "select setval('shop.countdown', 98)",
            "select setval('shop.invoice_no', 9999999)",
            "alter table shop.carts alter column id set default nextval('shop.unused') * 2",
            "create table shop.tenths (t text default 'n' || nextval('shop.unused'), d numeric default nextval('shop.unused'))",
            "insert into shop.tenths (d) values (2.5)",
        ] {
            ask.run(statement).await.expect(statement);
        }
        let found = sequences(ask.as_mut(), Postgres).await;
        assert_eq!(
            found.problems,
            [
                "sequence rich.events_id_seq stands at 499, but rich.events.id goes up to 500: the next insert fails",
                "sequence shop.countdown stands at 98, but its next value 97 is in shop.countdowns.n already: the next insert fails",
                "sequence shop.customers_id_seq stands at 40, but shop.customers.id goes up to 40: the next insert fails",
                "sequence shop.orders_id_seq stands at 5, but shop.orders.id goes up to 1,095: the next insert fails",
                "sequence shop.unused stands at 1, but shop.tenths.d goes up to 2: the next insert fails",
            ],
            "{version}"
        );
        assert_eq!(
            found.notes,
            [
                "sequence shop.invoice_no is used up: it stands at 9,999,999, its last; the next insert into shop.orders.invoice fails, as it does in the source",
                "sequence shop.carts_id_seq and shop.carts.id were not compared: the column takes it in an expression",
                "sequence shop.unused and shop.carts.id were not compared: the column takes it in an expression",
                "sequence shop.unused and shop.tenths.t were not compared: the column holds no numbers",
            ],
            "{version}"
        );
    }
}

#[tokio::test]
async fn rows_that_refer_to_nothing_are_named() {
    for (version, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Postgres, &database).await;
        let sound = references(ask.as_mut(), Postgres, false).await;
        assert_eq!((sound.looked_at, &sound.problems, &sound.notes), (8, &NOTHING, &NOTHING), "{version}");
        // As a restore does that was cut off: rows come while the triggers are off.
        ask.run("set session_replication_role = replica").await.expect("a superuser");
        for statement in [
            "insert into shop.order_lines select 0, n, 'x', 1, 1 from generate_series(1, 12) n",
            "insert into shop.customers (id, email, name, referred_by) values (1000, 'a@b', 'x', 999)",
            "insert into shop.returns values (100, null, null, 'half'), (null, 1, null, 'half'), (100, 9, 77, 'none'), (100, 1, null, 'fine')",
            "insert into rich.events (at, kind, customer_id) values ('2024-05-05 00:00+00', 'it''s', 4711)",
            "insert into rich.refers_to_partitioned values (500, 4711), (501, null)",
        ] {
            ask.run(statement).await.expect(statement);
        }
        let found = references(ask.as_mut(), Postgres, false).await;
        assert_eq!(
            found.problems,
            [
                "rich.events: 1 row refers to rows of shop.customers that are not there (foreign key events_customer_id_fkey): id=501 at='2024-05-05 00:00:00+00' kind='it''s'",
                "rich.refers_to_partitioned: 1 row refers to rows of rich.hashed that are not there (foreign key refers_to_partitioned_hashed_id_fkey): id=500",
                "shop.customers: 1 row refers to rows of shop.customers that are not there (foreign key customers_referred_by_fkey): id=1000",
                "shop.order_lines: 12 rows refer to rows of shop.orders that are not there (foreign key order_lines_order_id_fkey): order_id=0 line=1; order_id=0 line=2; order_id=0 line=3; order_id=0 line=4; order_id=0 line=5; order_id=0 line=6; order_id=0 line=7; order_id=0 line=8; order_id=0 line=9; order_id=0 line=10; and 2 more",
                "shop.returns: 3 rows refer to rows of shop.order_lines that are not there (foreign key returns_line_fkey)",
                "shop.returns: 1 row refers to rows of shop.customers that are not there (foreign key returns_part_fkey (not validated))",
            ],
            "{version}"
        );
        let redacted = references(ask.as_mut(), Postgres, true).await;
        assert_eq!(redacted.problems.len(), found.problems.len());
        assert!(!redacted.problems.join("").contains('='), "{redacted:?}");
    }
}

#[tokio::test]
async fn references_of_18_are_looked_at_too() {
    if !Server::wanted(Kind::Postgres, "18") {
        return;
    }
    let server = shared(Kind::Postgres, "18");
    let database = server.fresh_database();
    server.sql(
        &database,
        "create extension btree_gist;
         create table rooms (id int, during daterange, primary key (id, during without overlaps));
         create table stays (id int primary key, room int, during daterange, foreign key (room, period during) references rooms (id, period during));
         create table notes (id int primary key, stay int, constraint loose foreign key (stay) references stays (id) not enforced);
         insert into rooms values (1, '[2024-01-01,2024-02-01)'), (1, '[2024-02-01,2024-03-01)');
         insert into stays values (1, 1, '[2024-01-15,2024-02-15)'), (2, null, '[2024-01-15,2024-02-15)');
         set session_replication_role = replica;
         insert into stays values (3, 1, '[2024-02-15,2024-03-15)'), (4, 2, '[2024-01-15,2024-02-15)');
         insert into notes values (1, 1), (2, 77);",
    );
    let mut ask = ask(server, Postgres, &database).await;
    assert_eq!(
        references(ask.as_mut(), Postgres, false).await.problems,
        [
            "public.notes: 1 row refers to rows of public.stays that are not there (foreign key loose (not enforced)): id=2",
            "public.stays: 2 rows refer to rows of public.rooms that are not there (foreign key stays_room_during_fkey): id=3; id=4",
        ]
    );
    let notes = integrity(ask.as_mut(), Postgres, false).await.notes;
    let loose = "constraint public.notes.loose is not enforced: rows from before may not fulfil it";
    assert!(notes.contains(&loose.to_owned()), "{notes:#?}");
}

/// An index that lies: over a function that answered otherwise when rows came.
const LYING: &str = "create function public.f(text) returns text immutable language sql as 'select $1';
    create table public.lied (a text primary key); create index lying on public.lied (public.f(a));
    insert into public.lied values ('secret 1'), ('secret 2');";

#[tokio::test]
async fn a_damaged_index_is_named_and_nothing_is_left_behind() {
    for (version, server) in servers() {
        let database = rich(server);
        server.sql(&database, LYING);
        server.sql(
            &database,
            "create or replace function public.f(text) returns text immutable language sql as 'select $1 || ''x''';
             update pg_index set indisvalid = false where indexrelid = 'shop.customers_hash'::regclass;
             alter table shop.order_lines disable trigger all;",
        );
        let mut ask = ask(server, Postgres, &database).await;
        let before = snapshot(ask.as_mut(), Postgres).await;
        let found = integrity(ask.as_mut(), Postgres, true).await;
        let [damage, rest @ ..] = found.problems.as_slice() else { panic!("{version}: {found:#?}") };
        assert!(
            damage.starts_with(
                "btree index public.lying: heap tuple (0,1) from table \"lied\" lacks matching index tuple"
            ),
            "{version}: {damage}"
        );
        assert_eq!(
            rest,
            [
                "index shop.customers_hash is not valid: queries don't use it, and if it is unique it may not keep rows from being double; REINDEX it, or ATTACH what is missing",
                "table shop.order_lines: its references are not enforced, since 4 of its internal triggers are switched off; ALTER TABLE … ENABLE TRIGGER ALL",
            ],
            "{version}"
        );
        assert!(found.looked_at > 300, "{version}: {found:#?}");
        assert_eq!(compare(&before, &snapshot(ask.as_mut(), Postgres).await), NOTHING, "{version}");
        // Inside of a transaction of the caller's it is the same, and the transaction goes on.
        ask.run("begin").await.expect("a transaction");
        assert_eq!(integrity(ask.as_mut(), Postgres, true).await, found, "{version}");
        assert_eq!(ask.value("select 'alive'", &[]).await.expect("it goes on").as_deref(), Some("alive"));
        ask.run("rollback").await.expect("rolled back");

        // An error over a row may hold a value of it.
        server.sql(
            &database,
            "create or replace function public.f(text) returns text immutable language sql as 'select ($1::int)::text'",
        );
        // The definition that it had is remembered for as long as a session lasts.
        let mut ask = crate::databases::ask(server, Postgres, &database).await;
        let found = integrity(ask.as_mut(), Postgres, true).await;
        assert_eq!(
            found.problems[0],
            "btree index public.lying: the server stopped with error 22P02 while looking at its rows",
            "{version}"
        );
        assert!(!format!("{found:?}").contains("secret"), "{version}: {found:#?}");
    }
}

#[tokio::test]
async fn a_damaged_table_is_named() {
    for (version, checksums) in [("13", false), ("15", false), ("15", true), ("18", true)] {
        if !Server::wanted(Kind::Postgres, version) {
            continue;
        }
        let options = if checksums { vec!["--data-checksums"] } else { vec![] };
        let mut server = Setup::new(Kind::Postgres, version).init(&options).start();
        let database = server.fresh_database();
        server.sql(&database, "create table t (id int primary key, word text); insert into t select n, repeat('secret', 20) from generate_series(1, 500) n; checkpoint;");
        let at = server
            .query(&database, "select current_setting('data_directory') || '/' || pg_relation_filepath('t')");
        server.stop();
        let mut file = std::fs::read(&at).expect("the table's file");
        // The header of the second page's first row, which lies at the end.
        file[2 * 8192 - 152..2 * 8192 - 112].fill(0xff);
        std::fs::write(&at, file).expect("the table's file");
        server.restart();
        let mut ask = ask(&server, Postgres, &database).await;
        for allow_create in [false, true] {
            let found = integrity(ask.as_mut(), Postgres, allow_create).await;
            let damage: Vec<&String> =
                found.problems.iter().filter(|line| line.starts_with("table public.t: ")).collect();
            let seen = checksums || allow_create && version != "13";
            assert_eq!(damage.len(), usize::from(seen), "{version} {allow_create} {found:#?}");
            assert!(!format!("{found:?}").contains("secret"), "{found:#?}");
            if checksums {
                assert!(damage[0].contains("invalid page in block 1"), "{damage:?}");
                assert!(found.words.ends_with("data checksums on"), "{found:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_user_may_not_look_at_is_said() {
    for (version, server) in servers() {
        let database = rich(server);
        server.sql(&database, "create extension amcheck;");
        let mut ask = ask(server, Postgres, &database).await;
        let found = integrity(ask.as_mut(), Postgres, false).await;
        assert!(found.words.starts_with("amcheck 1."), "{version}: {found:#?}");
        ask.run("set role rich_owner").await.expect("a role");
        let found = integrity(ask.as_mut(), Postgres, false).await;
        assert!(
            found.notes.iter().any(|note| note.starts_with("this user may not use amcheck")),
            "{version}: {found:#?}"
        );
        assert!(
            found.notes.iter().any(|note| note.contains("was not looked at: permission denied")),
            "{version}: {found:#?}"
        );
        let refused = firedrill::verify::catalog::sequences(ask.as_mut(), Postgres, &super::quiet).await;
        assert!(refused.expect_err("no right").message.contains("permission denied"), "{version}");
    }
}
