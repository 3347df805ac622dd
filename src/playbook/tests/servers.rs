//! Dumps, servers, and the checks of databases on them.

use super::{HEAD, RESTORE, parse, steps};
use crate::{
    playbook::{
        Action, Check, CheckKind, DumpSource, Extensions, FingerprintCheck, FingerprintExpect, FingerprintOf,
        Password, Restore, Roles, SchemaCheck, Selector, Server, ServerAddress, ServerEngine, Source,
        SourceKind, Step, Subject, Tls,
    },
    time::Period,
};
use std::path::PathBuf;

/// A restore from these keys, and something that looks at it.
fn restore(source: &str) -> Restore {
    let steps = steps(&format!(
        "  - id: db\n    restore:\n      {source}\n  - id: b\n    needs: [db]\n    run: [x]\n"
    ));
    match &steps[0].action {
        Action::Restore(restore) => restore.clone(),
        _ => panic!("a restore"),
    }
}

fn dump(source: &str) -> DumpSource {
    match restore(source).source {
        Source::Dump(dump) => dump,
        other => panic!("a dump, not {other:?}"),
    }
}

fn checks(steps: &[Step]) -> Vec<Check> {
    match &steps[1].action {
        Action::Verify(verify) => verify.checks.clone(),
        _ => panic!("a verification"),
    }
}

#[test]
fn a_dump_is_read_in_full() {
    let restore = restore(
        "postgres_dump:\n        backup: dumps/*.dump\n        timestamp: \"orders-%Y%m%dT%H%M%SZ\"\n        \
         timezone: Europe/Berlin\n        jobs: 4\n        roles: create\n        extensions: skip\n        \
         recovery_point: { before: 2026-01-02 }\n        max_age: 26h\n        \
         into: { host: 127.0.0.1, port: 5433, user: drill, password: { env: X }, tls: verify-full, ca: ca.pem }\n        \
         live: { host: db.internal, user: ro, password: { file: pw }, tls: require, database: orders }",
    );
    assert_eq!(restore.recovery_point, Selector::Before("2026-01-02".parse().expect("a day")));
    assert_eq!(restore.max_age, Some(Period::from_secs(26 * 3600)));
    assert_eq!(restore.source.kind(), SourceKind::PostgresDump);
    let Source::Dump(dump) = restore.source else { panic!("a dump") };
    assert_eq!(dump.engine, ServerEngine::Postgres);
    assert_eq!(dump.backup, PathBuf::from("dumps/*.dump"));
    assert_eq!(dump.timestamp.as_deref(), Some("orders-%Y%m%dT%H%M%SZ"));
    assert_eq!(dump.timezone, Some(chrono_tz::Europe::Berlin));
    assert_eq!((dump.jobs, dump.roles, dump.extensions), (Some(4), Roles::Create, Extensions::Skip));
    let into = Server {
        host: "127.0.0.1".into(),
        port: Some(5433),
        user: Some("drill".into()),
        password: Some(Password::Env("X".into())),
        tls: Some(Tls::VerifyFull),
        ca: Some("ca.pem".into()),
    };
    assert_eq!(dump.into, Some(into));
    let live = dump.live.expect("a live database");
    assert_eq!((live.database.as_str(), live.server.port), ("orders", None));
    assert_eq!(live.server.password, Some(Password::File("pw".into())));
    assert_eq!(live.server.tls, Some(Tls::Require));
}

#[test]
fn what_a_dump_leaves_out_has_its_default() {
    let dump = dump("mysql_dump: { backup: x.sql.gz }");
    assert_eq!(dump.engine, ServerEngine::Mysql);
    assert_eq!((dump.jobs, dump.roles, dump.extensions), (None, Roles::Skip, Extensions::Create));
    assert!(dump.into.is_none() && dump.live.is_none() && dump.timestamp.is_none());
}

#[test]
fn the_scratch_server_may_be_a_socket() {
    let source = "postgres_dump: { backup: x, roles: keep, into: { host: /run/postgresql/, user: drill } }";
    let into = dump(source).into.expect("a server");
    assert_eq!(into.host, "/run/postgresql");
    assert_eq!(into.address(ServerEngine::Postgres).port, Some(5432));
    assert_eq!(into.address(ServerEngine::Mysql).port, None);
}

#[test]
fn another_port_of_the_live_machine_may_be_scratch() {
    for source in [
        "postgres_dump: { backup: x, into: { host: db, port: 5433 }, live: { host: db, database: x } }",
        "postgres_dump: { backup: x, into: { host: /run/a }, live: { host: /run/b, database: x } }",
        "postgres_dump: { backup: x, into: { host: /run/a, port: 1 }, live: { host: /run/a, database: x } }",
        "mysql_dump: { backup: x, into: { host: 127.0.0.1 }, live: { host: /run/mysqld.sock, database: x } }",
    ] {
        assert!(dump(source).live.is_some());
    }
}

#[test]
fn addresses_are_compared_by_what_they_mean() {
    let at = |host: &str, port| ServerAddress { host: host.into(), port };
    let one = at("DB.internal.", Some(5432));
    assert!(one.is(&at("db.internal", Some(5432))) && one.may_be(&at("db.internal", None)));
    assert!(!one.is(&at("db.internal", None)) && !one.may_be(&at("db.internal", Some(5433))));
    assert!(at("::ffff:10.0.0.1", Some(1)).is(&at("10.0.0.1", Some(1))));
    for (a, b) in [("localhost", "127.0.0.1"), ("::1", "127.0.0.53"), ("0.0.0.0", "localhost")] {
        assert!(at(a, Some(1)).may_be(&at(b, Some(1))), "{a} {b}");
        assert!(!at(a, Some(1)).is(&at(b, Some(1))), "what is allowed must be meant: {a} {b}");
    }
    assert!(at("localhost", None).forbids(&at("/run/mysqld.sock", None)));
    assert!(!at("localhost", Some(3306)).forbids(&at("/run/mysqld.sock", None)));
    let shown: Vec<String> = [at("::1", Some(1)), at("db", Some(1)), at("db", None), at("/run/pg", Some(1))]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(shown, ["[::1]:1", "db:1", "db", "/run/pg (port 1)"]);
}

/// Checks on a PostgreSQL dump whose live database is known.
fn on_dump(subject: &str, checks: &str) -> Vec<Step> {
    steps(&format!(
        "  - id: db\n    restore: {{ postgres_dump: {{ backup: x, live: {{ host: db, database: x }} }} }}\n  - id: b\n    \
         needs: [db]\n    verify:\n      sql:\n        database: db\n{subject}        checks:\n{checks}"
    ))
}

#[test]
fn a_database_is_checked_as_a_whole() {
    let steps = on_dump(
        "",
        "          - { name: a, integrity: true }\n          - { name: b, schema: true, expect: baseline }\n          \
         - { name: c, schema: { exclude: [\"table tmp_*\"] }, expect: source }\n          \
         - { name: d, schema: true, expect: { digest: \"fds1:0123456789abcdef\" } }\n          \
         - { name: e, sequences: true, required: false }\n          - { name: f, references: true, timeout: 1h }\n          \
         - { name: g, references: { redact: keys } }\n",
    );
    let found = checks(&steps);
    let kinds: Vec<CheckKind> = found.iter().map(|check| check.kind.clone()).collect();
    let schema = |expect, exclude: &[&str]| {
        CheckKind::Schema(SchemaCheck { expect, exclude: exclude.iter().map(|&name| name.into()).collect() })
    };
    let expected = [
        CheckKind::Integrity,
        schema(FingerprintExpect::Baseline, &[]),
        schema(FingerprintExpect::Source, &["table tmp_*"]),
        schema(FingerprintExpect::Digest("fds1:0123456789abcdef".into()), &[]),
        CheckKind::Sequences,
        CheckKind::References { redact_keys: false },
        CheckKind::References { redact_keys: true },
    ];
    assert_eq!(kinds, expected);
    assert!(!found[4].required);
    assert_eq!(found[5].timeout, Some(Period::from_secs(3600)));
}

#[test]
fn all_that_a_fingerprint_can_be_asked_for_is_read() {
    let steps = on_dump(
        "",
        "          - name: rows\n            expect: source\n            fingerprint:\n              \
         tables: [orders, shop.lines]\n              strong: true\n              buckets: 65536\n              \
         where: { orders: \"created_at < {{ recovery_point.time }}\" }\n              \
         changed_since: { shop.lines: updated_at }\n              redact: keys\n",
    );
    let CheckKind::Fingerprint(check) = &checks(&steps)[0].kind else { panic!("a fingerprint") };
    assert_eq!(check.of, FingerprintOf::Tables(vec!["orders".into(), "shop.lines".into()]));
    assert!(check.strong && check.redact_keys);
    assert_eq!(check.buckets, Some(65_536));
    assert_eq!(check.conditions["orders"].to_string(), "created_at < {{ recovery_point.time }}");
    assert_eq!(check.changed_since["shop.lines"], "updated_at");
    assert_eq!(check.expect, FingerprintExpect::Source);
}

#[test]
fn a_fingerprint_asks_for_nothing_by_itself() {
    let steps = steps(&format!(
        "{RESTORE}  - id: b\n    needs: [db]\n    verify: {{ sql: {{ database: db, checks: [{{ name: a, fingerprint: {{ all_tables: true }}, expect: baseline }}] }} }}\n"
    ));
    let plain = FingerprintCheck {
        of: FingerprintOf::AllTables,
        exclude: Vec::new(),
        expect: FingerprintExpect::Baseline,
        allow_empty: false,
        strong: false,
        buckets: None,
        conditions: Default::default(),
        changed_since: Default::default(),
        redact_keys: false,
    };
    assert_eq!(checks(&steps)[0].kind, CheckKind::Fingerprint(plain));
}

#[test]
fn conditions_and_redaction_are_for_sqlite_too_and_so_is_its_source() {
    parse(&format!(
        "{HEAD}objectives: {{ rto: 1h }}\nsteps:\n  - id: db\n    restore: {{ sqlite: {{ backup: b/*.db, live: a.db }} }}\n  - id: b\n    needs: [db]\n    verify: {{ sql: {{ database: db, checks: [{{ name: a, fingerprint: {{ all_tables: true, where: {{ t: id < 5 }}, redact: keys }}, expect: source }}] }} }}\n"
    ));
}

#[test]
fn what_only_servers_know_may_be_asked_of_a_tool_of_ones_own() {
    let tool = "command: { commands: { recovery_point: [a], acquire: [b], release: [c] } }";
    parse(&format!(
        "{HEAD}objectives: {{ rto: 1h }}\nsteps:\n  - id: db\n    restore: {{ {tool} }}\n  - id: b\n    needs: [db]\n    verify: {{ sql: {{ database: db, tls: require, checks: [{{ name: a, sequences: true }}] }} }}\n"
    ));
}

#[test]
fn a_subject_says_how_its_connection_is_secured() {
    let steps = on_dump(
        "        name: orders\n        user: reader\n        password: { env: P }\n        tls: verify-ca\n        ca: c.pem\n",
        "          - { name: a, integrity: true }\n",
    );
    let Action::Verify(verify) = &steps[1].action else { panic!("a verification") };
    let Subject::Database(subject) = &verify.subject else { panic!("a database") };
    assert_eq!(subject.tls, Some(Tls::VerifyCa));
    assert_eq!(subject.ca, Some(PathBuf::from("c.pem")));
    assert_eq!(subject.password, Some(Password::Env("P".into())));
}
