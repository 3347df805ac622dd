//! What the restored data are compared with: a snapshot, a file from elsewhere, the source as it is now, data that go on.

use super::*;

const ALL_ROWS: &str = "{ name: all rows, fingerprint: { all_tables: true }, expect: baseline }";
const SCHEMA: &str = "{ name: schema, schema: true, expect: baseline }";

/// So many times 20 rows are enough where the kind of comparison matters.
const FEW: u64 = 50;

#[test]
fn a_baseline_comes_as_a_file_from_where_the_source_is() {
    let Some(servers) = postgres() else { return };
    let drill = Drill::new(servers, &shop(servers.source, FEW), &[ALL_ROWS, SCHEMA]);
    let snapshot = Snapshot::of(servers.source, &drill.database);
    let (path, moment) = drill.dump(&["--snapshot", &snapshot.id]);
    let name = path.rsplit('/').next().expect("a name");

    // Next to the source there are no dumps, no journal and no scratch server.
    let there = Drill::new(servers, &drill.database, &[ALL_ROWS, SCHEMA]);
    std::fs::remove_dir(there.firedrill.path().join("backups")).expect("removed");
    let file = drill.firedrill.path().join("baseline.json").display().to_string();
    let given = ["--point", name, "--point-time", &moment.to_string(), "--snapshot", &snapshot.id];
    there.playbook();
    let mut command =
        there.firedrill.command(&[&["baseline", "drill.yaml", "--export", &file], &given[..]].concat());
    let ran = Ran::from(command.env(LIVE, PASSWORD).output().expect("starts"));
    assert_eq!(ran.code, 0, "{ran}");
    assert!(!there.firedrill.data().exists(), "it left something next to the source");
    drop(snapshot);
    servers
        .source
        .sql(&drill.database, "delete from order_lines where order_id = 3; drop view order_totals;");

    // Where the drill runs, nobody knows the password of the source.
    let ask = |args: &[&str]| {
        let mut command = drill.command(args);
        Ran::from(command.env_remove(LIVE).output().expect("starts"))
    };
    let ran = ask(&["run", "drill.yaml"]);
    assert_eq!(ran.code, 1, "without the file: {ran}");
    let text = std::fs::read_to_string(&file).expect("a file");
    for (from, to, because) in
        [("\"rows\": 150", "\"rows\": 151", "digest"), ("\"shop\"", "\"other\"", "playbook other")]
    {
        assert!(text.contains(from), "{text}");
        let wrong = drill.firedrill.write("wrong.json", &text.replace(from, to));
        let ran = ask(&["baseline", "drill.yaml", "--import", &wrong.display().to_string()]);
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.stderr.contains(because), "{ran}");
    }
    let ran = ask(&["baseline", "drill.yaml", "--import", &file]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("4 tables, 1000 rows"), "{ran}");
    let ran = ask(&["run", "drill.yaml"]);
    assert_eq!(ran.code, 0, "{ran}");
    drill.left_nothing();
}

#[test]
fn a_baseline_that_comes_before_its_dump_says_that_nothing_matches_yet() {
    let Some(servers) = postgres() else { return };
    let drill = Drill::new(servers, &shop(servers.source, FEW), &[SCHEMA]);
    let now = SystemClock::wall();
    let path = path_of(now);
    let name = path.rsplit('/').next().expect("a name");
    let file = drill.firedrill.path().join("baseline.json").display().to_string();
    drill.baseline(&["--export", &file, "--point", name, "--point-time", &now.to_string()]);
    let ran = drill.baseline(&["--import", &file]);
    assert!(ran.stderr.contains("no recovery point here is"), "{ran}");
    drill.dump_as(&drill.database, &path, &[]);
    let ran = drill.baseline(&["--import", &file]);
    assert!(!ran.stderr.contains("no recovery point here is"), "{ran}");
    drill.passes();
    // Or it is said which dump it is of, and no other moment's is taken for it.
    let other = Drill::new(servers, &drill.database, &[SCHEMA]);
    let path = other.dump_as(&drill.database, &path.replace("shop-", "copy-of-shop-"), &[]);
    other.baseline(&["--import", &file, "--point", &path]);
    other.passes();
    let (path, _) = other.dump(&[]);
    let ran = other.ask(&["baseline", "drill.yaml", "--import", &file, "--point", &path]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("its baselines are of the moment"), "{ran}");
}

#[test]
fn the_source_itself_can_be_compared_with() {
    let Some(servers) = postgres() else { return };
    let drill = Drill::new(
        servers,
        &shop(servers.source, FEW),
        &[
            "{ name: all rows, fingerprint: { all_tables: true }, expect: source }",
            "{ name: schema, schema: true, expect: source }",
        ],
    );
    drill.dump(&[]);
    drill.passes();
    servers.source.sql(
        &drill.database,
        "update orders set note = 'was not there' where id = 17; delete from order_lines where order_id = 5 and line = 1;
         insert into ledger (order_id, account, booked_at) values (1, 'gift', now());
         create index later_idx on ledger (account);",
    );
    drill.fails(&[
        "orders: 1 row differs (150 rows in both): changed id=17",
        "orders id=17: note differs",
        "extra order_id=5 line=1",
        "lost id=301",
        "index public.later_idx on public.ledger is missing",
    ]);
}

/// Without a key a row is the same wherever it lies, and none changes: it is lost, and another is extra.
#[test]
fn rows_without_a_key_are_compared_with_the_source_by_what_they_hold() {
    let Some(servers) = postgres() else { return };
    let drill = Drill::new(
        servers,
        &shop(servers.source, FEW),
        &["{ name: visits, fingerprint: { tables: [visits], buckets: 64 }, expect: source }"],
    );
    servers.source.sql(
        &drill.database,
        "create table visits (at int, page text); insert into visits select n % 500, 'page ' || n % 7 from generate_series(1, 900) n;",
    );
    drill.dump(&[]);
    // The same rows, in other places.
    servers.source.sql(
        &drill.database,
        "create temp table kept as select * from visits order by random(); truncate visits; insert into visits select * from kept;",
    );
    drill.passes();
    servers.source.sql(
        &drill.database,
        "update visits set page = 'another' where ctid = (select min(ctid) from visits);
         insert into visits values (-1, 'new'), (-1, 'new');",
    );
    // Three rows of the source are not here, and one is here that the source has no more.
    let ran = drill.fails(&[
        "visits: 4 rows differ (902 rows in the source, 900 here): lost row#",
        " (2 times)",
        "; extra row at (",
    ]);
    assert!(!ran.stdout.contains("changed"), "{ran}");
}

/// Orders and ledger are only appended to: what is older than the dump is closed.
const APPENDED: &str = "{ name: closed, fingerprint: { tables: [orders, ledger], where: { orders: \"created_at < {{ recovery_point.time }}\", \
                        ledger: \"booked_at < {{ recovery_point.time }}\" } }, expect: EXPECT }";

#[test]
fn closed_rows_of_a_source_that_goes_on_are_proven() {
    let Some(servers) = postgres() else { return };
    let source = servers.source;
    for expect in ["baseline", "source"] {
        let drill = Drill::new(servers, &shop(source, FEW), &[APPENDED.replace("EXPECT", expect).as_str()]);
        let (path, _) = drill.dump(&[]);
        source.sql(
            &drill.database,
            "insert into orders (customer_id, total) select 1, n from generate_series(1, 25) n;
             insert into ledger (order_id, account, booked_at) select id, 'later', now() from orders where id > 150;",
        );
        if expect == "baseline" {
            let ran = drill.baseline(&[]);
            assert!(
                !ran.stderr.contains("older than this baseline"),
                "closed data may be taken later: {ran}"
            );
            assert!(ran.stdout.contains("450 rows"), "{ran}");
        }
        let passed = drill.passes();
        assert!(passed.stdout.contains("equal: 2 tables, 450 rows"), "{passed}");
        // An old row that is not as it was is no late one.
        let damaged = format!("{}_damaged", drill.database);
        source.sql("postgres", &format!("create database {damaged} template {};", drill.database));
        source.sql(
            &damaged,
            "delete from ledger where booked_at > now() - interval '1 minute' and account = 'later'; \
             update ledger set debit = debit + 1 where id = 33;",
        );
        drill.dump_as(&damaged, &path, &[]);
        drill.fails(&["ledger: 1 row differs", "changed id=33"]);
    }
}

const CHANGING: &str = "{ name: customers, fingerprint: { tables: [customers], changed_since: { customers: updated_at } }, expect: baseline }";

#[test]
fn rows_that_the_source_changed_meanwhile_are_left_out_and_no_others() {
    let Some(servers) = postgres() else { return };
    let source = servers.source;
    let drill = Drill::new(servers, &shop(source, FEW), &[CHANGING]);
    let (path, _) = drill.dump(&[]);
    let kept = format!("{}_kept", drill.database);
    source.sql("postgres", &format!("create database {kept} template {};", drill.database));
    // A trigger notes when a row was changed.
    source.sql(
        &drill.database,
        "update customers set name = 'Changed' where id in (3, 4);
         insert into customers (email, name) values ('new@example.org', 'New');",
    );
    let ran = drill.baseline(&[]);
    assert!(!ran.stderr.contains("older than this baseline"), "{ran}");
    let passed = drill.passes();
    assert!(passed.stdout.contains("equal: 1 table, 48 rows"), "{passed}");
    assert!(words_of(&passed.stdout).contains("3 rows left out, which changed at or after"), "{passed}");

    // What the backup says of itself does not matter: neither a moment that makes an old row look changed, nor a row
    // that bears another's key, hides anything. A row that the source changed too is left out, and told so above.
    for (what, sql, said) in [
        (
            "an old row that is made to look like a changed one",
            "update customers set balance = balance + 1, updated_at = now() + interval '1 day' where id = 20;",
            &["changed id=20"][..],
        ),
        (
            "an old row under the key of a new one",
            "update customers set id = 51 where id = 21;",
            &["lost id=21"],
        ),
        (
            "a row that the source never had",
            "insert into customers (id, email, name) values (99, 'x', 'x');",
            &["extra id=99"],
        ),
    ] {
        let damaged = format!("{}_damaged", drill.database);
        source.sql("postgres", &format!("create database {damaged} template {kept};"));
        let sql = sql.replace("values (99", "overriding system value values (99");
        let sql = format!(
            "set session_replication_role = replica; alter table orders drop constraint orders_customer_id_fkey; alter table customers alter id set generated by default; {sql}"
        );
        source.sql(&damaged, &sql);
        drill.dump_as(&damaged, &path, &[]);
        source.sql("postgres", &format!("drop database {damaged};"));
        let failed = drill.fails(said);
        assert!(failed.stdout.contains("1 row differs"), "{what}: {failed}");
    }

    // A row that the source deleted leaves no trace there, so the difference is told.
    drill.dump_as(&kept, &path, &[]);
    source.sql(&drill.database, "delete from order_lines; delete from ledger; delete from orders; delete from customers where id = 30;");
    drill.baseline(&[]);
    drill.fails(&["extra id=30"]);
    // As is one that was changed without a note of it.
    source.sql(
        &drill.database,
        "set session_replication_role = replica; update customers set name = 'Silent' where id = 31;",
    );
    drill.baseline(&[]);
    drill.fails(&["changed id=31", "extra id=30"]);
}
