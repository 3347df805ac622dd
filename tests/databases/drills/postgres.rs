//! A whole drill of PostgreSQL dumps, and the same over damaged ones.

use super::{damage::DAMAGES, *};

/// All that can be asked of a restored database.
const CHECKS: [&str; 7] = [
    "{ name: storage, integrity: true }",
    "{ name: schema, schema: true, expect: baseline }",
    "{ name: sequences, sequences: true }",
    "{ name: references, references: true }",
    "{ name: all rows, fingerprint: { all_tables: true }, expect: baseline }",
    "{ name: books balance, query: \"select sum(debit) - sum(credit) from ledger\", expect: { equals: 0 } }",
    "{ name: fresh, freshness: \"select max(created_at) from orders\", max_age: 26h }",
];

#[test]
fn a_dump_is_proven_and_a_damaged_one_is_not() {
    let Some(servers) = postgres() else { return };
    let source = servers.source;
    let drill = Drill::new(servers, &shop(source, unit()), &CHECKS)
        .with(&["roles: create", "jobs: 2"])
        .as_superuser();
    // Dump and baseline are of one snapshot, whatever happens meanwhile.
    let snapshot = Snapshot::of(source, &drill.database);
    let (path, _) = drill.dump(&["--snapshot", &snapshot.id]);
    source.sql(
        &drill.database,
        "insert into orders (customer_id, total) values (1, 5); delete from ledger where id = 5;
         update customers set name = 'Later' where id = 7; create table later (a int);",
    );
    let taken = drill.baseline(&["--snapshot", &snapshot.id]);
    let rows = unit() * 20;
    assert!(taken.stdout.contains(&format!("4 tables, {rows} rows")), "{taken}");
    let passed = drill.passes();
    assert!(passed.stdout.contains("7 of 7 required passed"), "{passed}");
    let roles = "select count(*) from pg_roles where rolname like 'shop\\_%';";
    assert_eq!(servers.scratch.query("postgres", roles), "0", "the roles were made for the drill");
    let claims = drill.last()["claims"].as_array().expect("claims").len();
    assert_eq!(claims, 2, "a database, and roles");

    // The same in directory format, in parallel.
    std::fs::remove_file(&path).expect("removed");
    drill.dump_as(&drill.database, &path, &["--format=directory", "--jobs=2", "--snapshot", &snapshot.id]);
    drop(snapshot);
    drill.passes();

    // Each time the same name and time, and something wrong in it.
    let kept = format!("{}_kept", drill.database);
    source.sql("postgres", &format!("create database {kept} template template0;"));
    tool(source, "pg_restore", ["--jobs=2", "--dbname", &kept, &path]);
    for damage in DAMAGES {
        let damaged = format!("{}_damaged", drill.database);
        source.sql("postgres", &format!("create database {damaged} template {kept};"));
        source.sql(&damaged, damage.by);
        drill.dump_as(&damaged, &path, &["--compress=1"]);
        source.sql("postgres", &format!("drop database {damaged};"));
        drill.fails(damage.said);
        assert_eq!(Drill::failed(&drill.last()), damage.fails, "{}", damage.what);
    }
}
