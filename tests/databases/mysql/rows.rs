//! That the same rows have the same digest everywhere, and that rows that differ are named.

use super::{BOTH, EVERY, EVERY_TYPE, Looking, said};
use crate::servers::{Kind, Server, shared};

const ALL: &str = "fingerprint: { all_tables: true }, expect: baseline";

/// The digest of [`EVERY_TYPE`]. It may never change under this algorithm id.
const PINNED: &str = "fd1-mysql-128:1b3ebc826ce82c885a192b6bb0c77b20";
/// The same under `strong`.
const PINNED_STRONG: &str =
    "fd1-mysql-sha256:e21d187e845cc7dd1cb6e162b77257316badf1b4ce9000b4ee9675b7dc8e5c70";

async fn digest(server: &Server, database: &str, table: &str, more: &str) -> String {
    let check = format!(
        "fingerprint: {{ tables: [{table}]{more} }}, expect: {{ digest: \"fd1-mysql-128:00000000000000000000000000000000\" }}"
    );
    let outcome = Looking::new(server, &[&check]).made(0, database, None).await;
    outcome.digests.get(table).cloned().unwrap_or_else(|| panic!("{outcome:?}"))
}

#[tokio::test]
async fn the_same_rows_have_the_same_digest_on_every_version() {
    for (kind, version) in EVERY.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, EVERY_TYPE);
        assert_eq!(digest(server, &database, "every_type", "").await, PINNED, "{kind:?} {version}");
        assert_eq!(
            digest(server, &database, "every_type", ", strong: true").await,
            PINNED_STRONG,
            "{kind:?} {version}"
        );
    }
}

#[tokio::test]
async fn hostile_settings_change_no_digest() {
    let common = [
        "default-time-zone=+05:45",
        "group-concat-max-len=4",
        "div-precision-increment=1",
        "character-set-server=latin1",
        "collation-server=latin1_swedish_ci",
        "max-allowed-packet=1048576",
        "lc-time-names=de_DE",
        "default-week-format=7",
        "init-connect=SET sql_select_limit=1, sql_auto_is_null=1, time_zone='-11:00', sql_mode='ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,IGNORE_SPACE'",
    ];
    for (kind, version, mode) in [
        (Kind::MariaDb, "10.11", "sql-mode=ORACLE,EMPTY_STRING_IS_NULL"),
        (Kind::MariaDb, "11.8", "sql-mode=MSSQL"),
        (Kind::MySql, "8.0", "sql-mode=ANSI,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES"),
        (Kind::MySql, "9.7", "sql-mode=ANSI,REAL_AS_FLOAT,NO_BACKSLASH_ESCAPES"),
    ] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let settings: Vec<&str> = common.into_iter().chain([mode]).collect();
        let server = Server::with(kind, version, &settings);
        let database = server.fresh_database();
        // The script's own literals: read as everywhere.
        server.sql(&database, &format!("set names utf8mb4; set group_concat_max_len = 1024; {EVERY_TYPE}"));
        server.sql(
            &database,
            &format!(
                "create user ro@'%' identified by '{}'; grant select on {database}.* to ro@'%';",
                server.password()
            ),
        );
        let check = "fingerprint: { tables: [every_type] }, expect: { digest: \"fd1-mysql-128:00000000000000000000000000000000\" }";
        let mut looking = Looking::new(&server, &[check]);
        // Not a superuser, for whom init_connect is not run.
        looking.user = "ro".to_owned();
        let outcome = looking.made(0, &database, None).await;
        assert_eq!(outcome.digests["every_type"], PINNED, "{kind:?} {version}");
        assert_eq!(outcome.rows, Some(3));
        assert!(!outcome.details.iter().any(|line| line.contains("could write")), "{outcome:?}");
    }
}

/// Tables that are cut in each way: by arithmetic, by keys, by the first column of the key; read one by one.
const CUT: &str = "\
create table digits (d int primary key); insert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
create table dense (id int primary key, v varchar(20), w int) default character set utf8mb4;
insert into dense select n, concat('row ', n), n % 7 from (select a.d + b.d*10 + c.d*100 + e.d*1000 + f.d*10000 n from digits a, digits b, digits c, digits e, digits f) q;
create table sparse (id bigint primary key, w int);
insert into sparse select cast(id as signed) * id * id - 5000, w from dense;
create table texts (code varchar(30) collate utf8mb4_general_ci primary key, w int) default character set utf8mb4;
insert into texts select concat('k', lpad(hex(id * 2654435761 % 4294967296), 8, '0')), w from dense;
create table pairs (a int, b int, w int, primary key (a, b));
insert into pairs select id div 7, id % 7, w from dense;
create table skewed (a int, b int, w int, primary key (a, b));
insert into skewed select 5, id, w from dense;
create table labels (k enum('z','y','x') , n int, w int, primary key (k, n));
insert into labels select 1 + id % 3, id, w from dense;
create table keyless (a int, w int);
insert into keyless select id % 1000, w from dense;
drop table digits;";

const CHANGES: &str = "\
update dense set v = 'other' where id in (0, 77, 99999); delete from dense where id = 31337; insert into dense values (-5, 'new', 1);
update sparse set w = w + 1 where id = 343 - 5000; update texts set w = w + 1 where code = 'k00000000';
update pairs set w = w + 1 where a = 10 and b = 3; delete from skewed where b = 500; update labels set w = 9 where k = 'y' and n = 4;";

#[tokio::test]
async fn rows_that_differ_are_named_however_a_table_is_cut() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, CUT);
        let looking = Looking::new(server, &[ALL]);
        let baselines = looking.baselines(&database).await;
        let unchanged = looking.made(0, &database, Some(&baselines[0])).await;
        assert!(said(&unchanged).0, "{unchanged:?}");
        assert_eq!(unchanged.rows, Some(700_000));
        server.sql(&database, CHANGES);
        let outcome = looking.made(0, &database, Some(&baselines[0])).await;
        let (passed, words) = said(&outcome);
        assert!(!passed, "{words}");
        for part in [
            "id=0",
            "id=77",
            "id=99999",
            "lost id=31337",
            "extra id=-5",
            "changed id=-4657",
            "changed code='k00000000'",
            "changed a=10 b=3",
            "lost a=5 b=500",
            "changed k='y' n=4",
        ] {
            assert!(words.contains(part), "{kind:?} {version}: {part}: {words}");
        }
        assert!(!words.contains("keyless"), "{words}");
        server.sql(&database, "delete from keyless where a = 999 limit 1;");
        let outcome = looking.made(0, &database, Some(&baselines[0])).await;
        assert!(said(&outcome).1.contains("keyless: 1 row differs"), "{:?}", said(&outcome));
    }
}

#[tokio::test]
async fn what_changed_since_the_recovery_point_is_left_out() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let (live, restored) = (server.fresh_database(), server.fresh_database());
        let table = "create table customers (id int primary key, name varchar(20), updated_at datetime, made_at datetime); \
                     insert into customers values (1, 'a', '2026-11-20 10:00:00', '2026-11-20 10:00:00'), \
                     (2, 'b', '2026-11-21 10:00:00', '2026-11-21 10:00:00'), (3, 'c', null, null);";
        server.sql(&live, table);
        server.sql(&restored, table);
        server.sql(
            &live,
            "update customers set name = 'B', updated_at = '2026-11-23 09:00:00' where id = 2; \
             insert into customers values (4, 'd', '2026-11-23 09:30:00', '2026-11-23 09:30:00');",
        );
        let looking = Looking::new(
            server,
            &[
                "fingerprint: { tables: [customers], changed_since: { customers: updated_at } }, expect: baseline",
                "fingerprint: { tables: [customers], where: { customers: \"made_at < {{ recovery_point.time }} and id <> 2\" } }, expect: baseline",
            ],
        );
        let baselines = looking.baselines(&live).await;
        for (n, baseline) in baselines.iter().enumerate() {
            let outcome = looking.made(n, &restored, Some(baseline)).await;
            assert!(said(&outcome).0, "{kind:?} {version} {n}: {outcome:?}");
        }
        server.sql(&restored, "update customers set name = 'x' where id = 1;");
        for (n, baseline) in baselines.iter().enumerate() {
            let outcome = looking.made(n, &restored, Some(baseline)).await;
            assert!(said(&outcome).1.contains("changed id=1"), "{kind:?} {version} {n}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn what_is_equal_does_not_differ() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, &format!("{EVERY_TYPE} create table o (id int primary key, d double, v varchar(9), index (v)); insert into o values (1, 0, 'a'), (2, 5, 'b');"));
        let looking = Looking::new(server, &["fingerprint: { all_tables: true }, expect: baseline"]);
        let baselines = looking.baselines(&database).await;
        for change in [
            "alter table every_type force",
            "alter table every_type row_format = dynamic, comment = 'x'",
            "alter table every_type modify ci varchar(20) collate utf8mb4_bin",
            "alter table every_type alter column ti set default 5",
            "alter table o drop index v, add unique (v), add index (d)",
            "update o set d = -1 * d * 1e0 where id = 1",
            "delete from o where id = 1; insert into o values (1, 0, 'a')",
            "analyze table every_type, o",
            "create table _firedrill (claim text)",
        ] {
            server.sql(&database, &format!("set sql_mode = ''; {change};"));
            let outcome = looking.made(0, &database, Some(&baselines[0])).await;
            assert!(said(&outcome).0, "{kind:?} {version} {change}: {:?}", said(&outcome));
        }
    }
}
