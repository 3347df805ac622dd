//! That every change of a value is seen, and none that is none.

use super::{BOTH, EVERY_TYPE, Looking, said};
use crate::servers::{Server, shared};

/// For each column, values that differ from each other, as SQL.
const VALUES: [(&str, &[&str]); 28] = [
    ("ti", &["null", "0", "1", "-1", "127", "-128"]),
    ("si", &["null", "0", "1", "65535"]),
    ("mi", &["null", "0", "-8388608", "8388607"]),
    (
        "bi",
        &[
            "null",
            "0",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551614",
        ],
    ),
    ("z", &["null", "0", "1", "10", "99999"]),
    ("dz", &["null", "0", "0.01", "0.10", "1"]),
    (
        "de",
        &[
            "null",
            "0",
            "0.0000000001",
            "-0.0000000001",
            "12345678901234567890.0123456788",
            "12345678901234567890.0123456789",
        ],
    ),
    (
        "fl",
        &[
            "null",
            "0",
            "1",
            "1.1",
            "16777216",
            "16777215",
            "1e-40",
            "3.4028234e38",
            "-1.1",
            "0.1",
            "0.10000001",
        ],
    ),
    (
        "db",
        &[
            "null",
            "0",
            "0.1",
            "0.30000000000000004",
            "0.3",
            "1e308",
            "5e-324",
            "-1e308",
            "9007199254740993",
            "9007199254740990",
        ],
    ),
    ("bt", &["null", "0", "1", "x'8000000000000000'", "x'ffffffffffffffff'", "x'fffffffffffffffe'"]),
    ("yr", &["null", "0", "1901", "2026", "2155"]),
    ("d", &["null", "'0000-00-00'", "'2026-01-02'", "'2026-02-01'", "'2026-00-01'", "'9999-12-31'"]),
    (
        "dt",
        &["null", "'0000-00-00'", "'2026-01-02'", "'2026-01-02 00:00:00.000001'", "'2026-01-02 00:00:01'"],
    ),
    (
        "ts",
        &["null", "'0000-00-00'", "'2026-01-02'", "'2026-01-02 00:00:00.000001'", "'2026-01-02 01:00:00'"],
    ),
    ("tm", &["null", "'0:0:0'", "'-0:0:1'", "'0:0:1'", "'0:0:0.001'", "'838:59:59'", "'-838:59:59'"]),
    ("ch", &["null", "''", "'n'", "'a'", "'A'", "' a'", "'ä'"]),
    (
        "vc",
        &[
            "null",
            "''",
            "' '",
            "'n'",
            "'a'",
            "'a '",
            "'A'",
            "'ä'",
            "'a\\0'",
            "'ab'",
            "'😀'",
            "'Zoë'",
            "_utf8mb4 x'5a6f65cc88'",
        ],
    ),
    ("l1", &["null", "''", "' '", "'n'", "'a'", "'a '", "'A'", "'ä'", "'ÿ'", "'ÿÿ'", "'1ÿ'"]),
    ("u16", &["null", "''", "'a'", "'A'", "'ä'", "'😀'"]),
    ("ascii_text", &["null", "''", "'a'", "'A'", "'aa'"]),
    ("bin", &["null", "x'00'", "'a'", "x'6100ff'", "x'ff'"]),
    ("vb", &["null", "''", "x'00'", "x'0000'", "'n'", "'a'", "x'ff'", "x'fe'", "x'31ff61'"]),
    (
        "bl",
        &[
            "null",
            "''",
            "x'00'",
            "x'0000'",
            "'n'",
            "x'ff'",
            "x'fe'",
            "repeat(x'ff', 70000)",
            "repeat(x'ff', 70001)",
        ],
    ),
    (
        "tx",
        &["null", "''", "'n'", "repeat('a', 70000)", "repeat('a', 70001)", "concat(repeat('a', 70000), 'b')"],
    ),
    ("en", &["null", "''", "'a'", "'b'", "'Zoë'"]),
    ("st", &["null", "''", "'x'", "'y'", "'x,y'", "'x,y,z'"]),
    (
        "ge",
        &[
            "null",
            "st_geomfromtext('POINT(1 2)')",
            "st_geomfromtext('POINT(2 1)')",
            "st_geomfromtext('LINESTRING(1 2,2 1)')",
        ],
    ),
    ("ci", &["null", "''", "'a'", "'A'", "'ä'", "'a '"]),
];

const CHECK: &str = "fingerprint: { tables: [every_type], strong: STRONG }, expect: baseline";

#[tokio::test]
async fn each_value_differs_from_each_other_value() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, EVERY_TYPE);
        let rows: Vec<String> = (10..60).map(|id| format!("({id}, 1)")).collect();
        let mode = "set sql_mode = '', time_zone = '+00:00';";
        server.sql(&database, &format!("insert into every_type (id, ti) values {};", rows.join(", ")));
        for strong in ["false", "true"] {
            let check = CHECK.replace("STRONG", strong);
            let looking = Looking::new(server, &[&check]);
            // The hash of a row is the same under `strong`: a few columns do.
            let columns = if strong == "true" { 4 } else { VALUES.len() };
            for (column, values) in VALUES.into_iter().take(columns) {
                // A row for each pair of values: it holds the first, then the second.
                let pairs: Vec<(&str, &str)> = values
                    .iter()
                    .enumerate()
                    .flat_map(|(at, first)| values[at + 1..].iter().map(move |second| (*first, *second)))
                    .collect();
                for pairs in pairs.chunks(8) {
                    let set = |id: usize, value: &str| {
                        format!("update every_type set {column} = {value} where id = {id};")
                    };
                    let first: String =
                        pairs.iter().enumerate().map(|(at, pair)| set(10 + at, pair.0)).collect();
                    let second: String =
                        pairs.iter().enumerate().map(|(at, pair)| set(10 + at, pair.1)).collect();
                    server.sql(&database, &format!("{mode} {first}"));
                    let baselines = looking.baselines(&database).await;
                    server.sql(&database, &format!("{mode} {second}"));
                    let outcome = looking.made(0, &database, Some(&baselines[0])).await;
                    let (passed, words) = said(&outcome);
                    assert!(!passed, "{kind:?} {version} {column} {pairs:?}");
                    for (at, pair) in pairs.iter().enumerate() {
                        let id = format!("id={}", 10 + at);
                        let named = words.split([' ', ',', ';']).any(|word| word == id);
                        assert!(
                            named || words.contains("too many"),
                            "{kind:?} {version} {column} {pair:?}: {words}"
                        );
                    }
                    server.sql(&database, &format!("{mode} {first}"));
                    let outcome = looking.made(0, &database, Some(&baselines[0])).await;
                    assert!(said(&outcome).0, "{kind:?} {version} {column}: {:?}", said(&outcome));
                }
            }
        }
    }
}

#[tokio::test]
async fn swapped_moved_and_doubled_values_are_seen() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let fill = "create table t (id int primary key, a varchar(20), b varchar(20), c varbinary(20), d varbinary(20), e int, f int) \
                    default character set utf8mb4; create table k (a int, b varchar(9)); \
                    insert into t values (1, 'x', 'y', 'x', 'y', 1, 2), (2, 'ab', 'c', 'ab', 'c', null, 3), (3, '', null, '', null, 5, null); \
                    insert into k values (1, 'x'), (1, 'x'), (2, 'y');";
        for change in [
            "update t set a = b, b = 'x' where id = 1",
            "update t set c = d, d = 'x' where id = 1",
            "update t set e = 2, f = 1 where id = 1",
            "update t set a = 'a', b = 'bc' where id = 2",
            "update t set c = 'a', d = 'bc' where id = 2",
            "update t set e = 3, f = null where id = 2",
            "update t set a = null, b = '' where id = 3",
            "update t set c = null, d = '' where id = 3",
            "update t set a = 'ab', b = 'c' where id = 1; update t set a = 'x', b = 'y' where id = 2",
            "insert into k values (1, 'x')",
            "insert into k values (1, 'x'), (1, 'x')",
            "delete from k where a = 1",
            "delete from k where a = 2; insert into k values (1, 'x')",
            "delete from k where a = 1 limit 1; insert into k values (2, 'y')",
        ] {
            let database = server.fresh_database();
            server.sql(&database, fill);
            let looking = Looking::new(server, &["fingerprint: { all_tables: true }, expect: baseline"]);
            let baselines = looking.baselines(&database).await;
            server.sql(&database, change);
            let outcome = looking.made(0, &database, Some(&baselines[0])).await;
            assert!(!said(&outcome).0, "{kind:?} {version} {change}: {:?}", said(&outcome));
            server.sql(server.first_database(), &format!("drop database {database};"));
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
