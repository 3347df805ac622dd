//! The catalogs of MySQL and MariaDB.

use super::{integrity, references, sequences, snapshot};
use crate::{
    databases::{MYSQL, RICH_MYSQL, ask},
    servers::{Kind, Server, shared},
};
use firedrill::{
    playbook::ServerEngine::Mysql,
    verify::{
        SchemaSnapshot,
        catalog::{self, OWNERS_AND_GRANTS, compare, digest, without},
    },
};
use std::process::Stdio;

/// The servers that are here.
fn servers() -> impl Iterator<Item = (String, Kind, &'static Server)> {
    MYSQL
        .into_iter()
        .filter(|(kind, version)| Server::wanted(*kind, version))
        .map(|(kind, version)| (format!("{kind:?} {version}"), kind, shared(kind, version)))
}

fn rich(server: &Server) -> String {
    let database = server.fresh_database();
    server.sql(&database, RICH_MYSQL);
    database
}

async fn taken(server: &Server, database: &str) -> SchemaSnapshot {
    let mut ask = ask(server, Mysql, database).await;
    snapshot(ask.as_mut(), Mysql).await
}

const NOTHING: Vec<String> = Vec::new();

#[tokio::test]
async fn the_same_schema_has_the_same_snapshot_on_every_version_of_both_products() {
    let mut first = None;
    for (version, _, server) in servers() {
        let taken = without(&taken(server, &rich(server)).await, &["grant *"]);
        assert!(taken.objects.len() > 150, "{version}: {}", taken.objects.len());
        let first = first.get_or_insert_with(|| taken.clone());
        assert_eq!(compare(first, &taken), NOTHING, "{version}");
        assert_eq!(digest(first), digest(&taken), "{version}");
    }
}

#[tokio::test]
async fn what_one_product_alone_knows_is_the_same_on_its_versions() {
    for (kind, script) in
        [(Kind::MySql, include_str!("../own_mysql.sql")), (Kind::MariaDb, include_str!("../own_mariadb.sql"))]
    {
        let mut first = None;
        for (version, _, server) in servers().filter(|(_, product, _)| *product == kind) {
            let database = server.fresh_database();
            server.sql(&database, script);
            let taken = taken(server, &database).await;
            let first = first.get_or_insert_with(|| taken.clone());
            assert_eq!(compare(first, &taken), NOTHING, "{version}");
        }
    }
}

#[tokio::test]
async fn a_dump_restored_has_the_snapshot_of_its_source() {
    let all: Vec<_> = servers().collect();
    for (from, product, source) in &all {
        let database = rich(source);
        let before = without(&taken(source, &database).await, &OWNERS_AND_GRANTS);
        let dump = dump(source, *product, &database);
        // A dump of one product may be in words of its own.
        for (to, _, target) in all.iter().filter(|(to, kind, _)| kind == product && to >= from) {
            let restored = target.fresh_database();
            target.sql(&restored, &dump);
            let after = without(&taken(target, &restored).await, &OWNERS_AND_GRANTS);
            assert_eq!(compare(&before, &after), NOTHING, "{from} to {to}");
        }
    }
}

fn dump(server: &Server, kind: Kind, database: &str) -> String {
    let mut command = std::process::Command::new(server.tool("mariadb-dump"));
    let output = command
        .args(["--no-defaults", "--routines", "--events", "--triggers", "--single-transaction"])
        .args(["-h", server.host(), "-P", &server.port().to_string(), "-u", server.user()])
        // MariaDB's tool does not know that MySQL takes no values for generated columns.
        .args((kind == Kind::MySql).then_some("--no-data"))
        .arg(database)
        .env("MYSQL_PWD", server.password())
        .stdin(Stdio::null())
        .output()
        .expect("mariadb-dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is done to a database, and what is said of it.
const DIFFERENCES: &[(&str, &[&str])] = &[
    (
        "drop index by_created on customers",
        &["index by_created on customers is missing; it was: btree (created_at)"],
    ),
    (
        "drop table returns",
        &[
            "table returns is missing, and with it 3 columns, 1 constraint and 1 index; it was: InnoDB, utf8mb4_unicode_ci",
        ],
    ),
    (
        "alter table order_lines modify price decimal(10, 3)",
        &["column order_lines.price was decimal(10,2), is decimal(10,3)"],
    ),
    (
        "alter table orders drop foreign key orders_customer",
        &[
            "constraint orders.orders_customer is missing; it was: foreign key (customer_id) references customers (id) on update cascade",
        ],
    ),
    (
        "alter table customers drop constraint customers_kind",
        &[
            "constraint customers.customers_kind is missing; it was: check (`kind` in ('retail','trade','staff'))",
        ],
    ),
    (
        "alter table customers modify country char(2) character set utf8mb4 collate utf8mb4_bin not null default 'FR'",
        &[
            "column customers.country was char(2) collate utf8mb4_unicode_ci not null default 'DE', is char(2) collate utf8mb4_bin not null default 'FR'",
        ],
    ),
    (
        "drop trigger orders_after",
        &[
            "trigger orders.orders_after is missing; it was: after update, number 1, body sha256:2f2bc047…, mode error_for_division_by_zero no_engine_substitution only_full_group_by strict_trans_tables",
        ],
    ),
    (
        "alter event nightly enable",
        &[
            "event nightly was disabled, every 1 day, from 2024-01-01 03:00:00, preserved, zone +00:00, body sha256:e6e408cc…, mode error_for_division_by_zero no_engine_substitution only_full_group_by strict_trans_tables, is enabled, every 1 day, from 2024-01-01 03:00:00, preserved, zone +00:00, body sha256:e6e408cc…, mode error_for_division_by_zero no_engine_substitution only_full_group_by strict_trans_tables",
        ],
    ),
    (
        "drop procedure touch",
        &[
            "procedure touch is missing; it was: (in which int, out how_many int, inout n bigint unsigned), modifies sql data, body sha256:7a9298a8…, mode error_for_division_by_zero no_engine_substitution only_full_group_by strict_trans_tables",
        ],
    ),
    (
        "alter table events_by_day drop partition p2023",
        &["partition events_by_day.p2023 is missing; it was: less than (2024)"],
    ),
    (
        "alter table old_style engine = InnoDB",
        &["table old_style was MyISAM, latin1_swedish_ci, is InnoDB, latin1_swedish_ci"],
    ),
    (
        "alter table order_lines rename column sku to article",
        &[
            "column order_lines.sku is missing; it was: varchar(20) collate latin1_general_cs not null (order_lines.article is new and is the same)",
            "index by_sku on order_lines was unique btree (order_id, sku), is unique btree (order_id, article)",
            "column order_lines.article is new: not in the baseline",
        ],
    ),
    ("alter view names as select name, kind from customers where kind in ('retail')", &["?"]),
];

#[tokio::test]
async fn every_difference_is_named() {
    for (version, _, server) in servers() {
        let database = rich(server);
        let mut before = taken(server, &database).await;
        let mut ask = ask(server, Mysql, &database).await;
        for (statement, lines) in DIFFERENCES {
            ask.run(statement).await.expect(statement);
            let after = snapshot(ask.as_mut(), Mysql).await;
            let found = compare(&before, &after);
            if *lines == ["?"] {
                assert_eq!(found.len(), 1, "{version}: {statement}");
                assert!(found[0].starts_with("view names was (name, kind), "), "{found:?}");
            } else {
                assert_eq!(found, *lines, "{version}: {statement}");
            }
            before = after;
        }
    }
}

#[tokio::test]
async fn grants_are_compared_where_they_are_asked_for() {
    for (version, _, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Mysql, &database).await;
        for statement in [
            "create user if not exists reader@'%' identified by 'Not-a-secret-1'".to_owned(),
            format!("grant select, insert on `{database}`.* to reader@'%'"),
            format!("grant update on `{database}`.orders to reader@'%' with grant option"),
            format!("grant select (name) on `{database}`.customers to reader@'%'"),
        ] {
            ask.run(&statement).await.expect(&statement);
        }
        let before = snapshot(ask.as_mut(), Mysql).await;
        let grants: Vec<String> = before
            .objects
            .iter()
            .filter(|(name, _)| name.starts_with("grant "))
            .map(|(name, option)| format!("{name} {option}").trim().to_owned())
            .collect();
        assert_eq!(
            grants,
            [
                "grant insert on database to `reader`@`%`",
                "grant select (name) on table customers to `reader`@`%`",
                "grant select on database to `reader`@`%`",
                "grant update on table orders to `reader`@`%` with grant option",
            ],
            "{version}"
        );
        ask.run(&format!("revoke update on `{database}`.orders from reader@'%'")).await.expect("revoked");
        let after = snapshot(ask.as_mut(), Mysql).await;
        assert_eq!(
            compare(&before, &after)[0],
            "grant update on table orders to `reader`@`%` is missing; it was: with grant option",
            "{version}"
        );
        let bare = catalog::snapshot(ask.as_mut(), Mysql, false, &[]).await.expect("a snapshot");
        assert_eq!(bare, without(&after, &OWNERS_AND_GRANTS), "{version}");
        ask.run("drop user reader@'%'").await.expect("dropped");
    }
}

#[tokio::test]
async fn a_rich_database_is_sound_and_is_looked_at_in_full() {
    for (version, _, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Mysql, &database).await;
        let found = integrity(ask.as_mut(), Mysql, false).await;
        assert_eq!((found.looked_at, &found.problems), (16, &NOTHING), "{version}");
        assert_eq!(
            found.notes,
            [
                "table returns has no primary and no unique key: rows of it can't be told apart",
                "table subparts has no primary and no unique key: rows of it can't be told apart",
            ],
            "{version}"
        );
        let found = sequences(ask.as_mut(), Mysql).await;
        assert_eq!((found.looked_at, &found.problems, &found.notes), (5, &NOTHING, &NOTHING), "{version}");
        let found = references(ask.as_mut(), Mysql, false).await;
        assert_eq!((found.looked_at, &found.problems), (4, &NOTHING), "{version}");
        assert_eq!(found.notes, ["1 table is of engine MyISAM, which keeps no foreign keys"], "{version}");
    }
}

#[tokio::test]
async fn rows_that_refer_to_nothing_are_named() {
    for (version, _, server) in servers() {
        let database = rich(server);
        let other = server.fresh_database();
        let mut ask = ask(server, Mysql, &database).await;
        for statement in [
            format!("create table `{other}`.parents (id int primary key)"),
            format!("create table far (id varchar(10) primary key, p int, constraint far_p foreign key (p) references `{other}`.parents (id))"),
            "create table lone (id binary(2) primary key, p int, q int, constraint lone_p foreign key (p, q) references lone_parents (a, b))".to_owned(),
        ] {
            ask.run("set foreign_key_checks = 0").await.expect("set");
            ask.run(&statement).await.expect(&statement);
        }
        let found = references(ask.as_mut(), Mysql, false).await;
        assert_eq!((found.looked_at, &found.problems), (6, &NOTHING), "{version}");
        assert_eq!(
            found.notes[0],
            "lone: lone_parents is not on this server (foreign key lone_p); no row refers to it",
            "{version}"
        );
        for statement in [
            "insert into order_lines (order_id, line, sku) values (77, 1, 'a'), (77, 2, 'b')",
            "insert into customers (id, email, name, referred_by) values (500, 'x@y', 'x', 499)",
            "insert into returns values (77, 2, null), (77, 3, 'none'), (null, 5, 'fine')",
            "insert into far values ('it''s\\', 5), ('fine', null)",
            "insert into lone values (x'00ff', 1, 2), (x'0000', 1, null)",
        ] {
            ask.run("set sql_mode = 'NO_BACKSLASH_ESCAPES'").await.expect("set");
            ask.run(statement).await.expect(statement);
        }
        let found = references(ask.as_mut(), Mysql, false).await;
        let far = format!(
            "far: 1 row refers to rows of {other}.parents that are not there (foreign key far_p): id='it\\'s\\\\'"
        );
        assert_eq!(
            found.problems,
            [
                "customers: 1 row refers to rows of customers that are not there (foreign key customers_referred_by): id=500",
                far.as_str(),
                "lone: 1 row refers to lone_parents, which is not on this server (foreign key lone_p): id=x'00FF'",
                "order_lines: 2 rows refer to rows of orders that are not there (foreign key lines_order): order_id=77 line=1; order_id=77 line=2",
                "returns: 1 row refers to rows of order_lines that are not there (foreign key returns_line)",
            ],
            "{version}"
        );
        let redacted = references(ask.as_mut(), Mysql, true).await;
        assert_eq!(redacted.problems.len(), 5);
        assert!(!redacted.problems.join("").contains('='), "{redacted:?}");
    }
}

#[tokio::test]
async fn counters_behind_their_columns_are_named() {
    for (version, kind, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Mysql, &database).await;
        ask.run("create table full_up (id tinyint auto_increment primary key)").await.expect("a table");
        ask.run("insert into full_up values (127)").await.expect("a row");
        let mut problems: Vec<&str> = Vec::new();
        let mut notes = vec![
            "AUTO_INCREMENT of full_up.id is used up: the column is at 127, its last; the next insert fails, as it does in the source",
        ];
        let mut looked_at = 6;
        if kind == Kind::MariaDb {
            for statement in [
                "create sequence ids start with 5",
                "create sequence down start with -1 increment by -1 minvalue -100 maxvalue -1",
                "create sequence unused",
                "create table numbered (id int primary key default nextval(ids), d int default nextval(down), e int default (nextval(ids) * 2))",
                "insert into numbered (id, d, e) values (1000, -50, 1)",
            ] {
                ask.run("set foreign_key_checks = 0").await.expect("set");
                ask.run(statement).await.expect(statement);
            }
            problems.extend([
                "sequence down gives -1 next, but numbered.d goes down to -50: the next insert fails",
                "sequence ids gives 5 next, but numbered.id goes up to 1,000: the next insert fails",
            ]);
            notes.extend([
                "numbered.e takes a sequence in an expression, or one of another database: it was not compared",
                "sequence unused is no column's default: it was not compared",
            ]);
            looked_at = 8;
        }
        let found = sequences(ask.as_mut(), Mysql).await;
        assert_eq!(found.problems, problems, "{version}");
        assert_eq!(found.notes, notes, "{version}");
        assert_eq!(found.looked_at, looked_at, "{version}");
    }
}

#[tokio::test]
async fn a_view_of_nothing_and_a_damaged_table_are_named() {
    for (kind, version) in MYSQL {
        if !Server::wanted(kind, version) {
            continue;
        }
        let mut server = Server::start(kind, version);
        let database = server.fresh_database();
        server.sql(
            &database,
            "create table t (id int primary key, w varchar(200), key by_w (w));
             create table gone (a int); create view v as select a from gone; drop table gone;
             insert into t values (1, repeat('secret', 30));",
        );
        for _ in 0..9 {
            server.sql(
                &database,
                "insert into t select id + (select max(id) from t), concat(id, left(w, 150)) from t;",
            );
        }
        let data = server.query(&database, "select @@datadir");
        server.stop();
        let path = std::path::Path::new(data.trim()).join(&database).join("t.ibd");
        let mut file = std::fs::read(&path).expect("the table's file");
        let page = 16384 * (file.len() / 16384 / 2)..;
        // Some rows in a page of rows.
        let page = (page.start..file.len())
            .step_by(16384)
            .find(|at| file[at + 24..at + 26] == [0x45, 0xbf])
            .expect("a page of rows");
        file[page + 8000..page + 8064].iter_mut().for_each(|byte| *byte ^= 0xff);
        std::fs::write(&path, file).expect("the table's file");
        server.restart();
        let mut ask = ask(&server, Mysql, &database).await;
        let looked = catalog::integrity(ask.as_mut(), Mysql, false, &super::quiet).await;
        if kind == Kind::MariaDb {
            let found = looked.expect("integrity");
            assert!(found.problems[0].starts_with("table t: InnoDB: "), "{version}: {found:#?}");
            assert!(found.problems[1].starts_with("view v: "), "{version}: {found:#?}");
            assert!(found.problems[1].contains("references invalid table"), "{version}: {found:#?}");
            assert!(!format!("{found:?}").contains("secret"), "{found:#?}");
        } else {
            // MySQL stops itself.
            let fault = looked.expect_err("the server is gone");
            assert!(fault.message.starts_with("while table t was looked at: "), "{version}: {fault:?}");
            assert!(fault.message.contains("look into its error log"), "{version}: {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_passes_over_damage_is_a_problem() {
    // MySQL lets nobody make a user then, so that the tests can't log in.
    for (kind, version) in MYSQL {
        if kind == Kind::MySql || !Server::wanted(kind, version) {
            continue;
        }
        let server = Server::with(kind, version, &["innodb_force_recovery=1"]);
        let database = server.fresh_database();
        server.sql(&database, "create table t (id int primary key);");
        let mut ask = ask(&server, Mysql, &database).await;
        let found = integrity(ask.as_mut(), Mysql, false).await;
        assert_eq!(
            found.problems,
            [
                "the server runs with innodb_force_recovery = 1: InnoDB passes over damage; set it to 0 and restart the server"
            ],
            "{version}"
        );
    }
}
