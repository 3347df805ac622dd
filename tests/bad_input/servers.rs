//! Wrong playbooks of dumps and of checks on servers: what is changed in a right one.

use super::Case;

pub const BASE: &str = r#"apiVersion: firedrill/v1
kind: Playbook
metadata: { name: shop }
objectives: { rto: 2h, rpo: 26h }
steps:
  - id: orders
    restore:
      postgres_dump:
        backup: /var/backups/orders/*.dump
        timestamp: "orders-%Y%m%dT%H%M%SZ"
        timezone: UTC
        jobs: 4
        roles: create
        extensions: create
        recovery_point: { random_within: 7d }
        max_age: 26h
        into:
          host: 127.0.0.1
          port: 5433
          user: drill
          password: { env: DRILL_PG }
          tls: verify-full
          ca: ca.pem
        live:
          host: db.internal
          database: orders
          user: ro
          password: { file: /run/secrets/ro }
  - id: orders-intact
    needs: [orders]
    verify:
      sql:
        database: orders
        user: reader
        password: { env: READER_PG }
        tls: verify-ca
        ca: ca.pem
        checks:
          - { name: storage, integrity: true }
          - { name: schema, schema: { exclude: ["table tmp_*"] }, expect: source }
          - { name: sequences, sequences: true }
          - { name: references, references: true }
          - name: all rows
            fingerprint:
              tables: [orders, shop.lines]
              strong: true
              buckets: 4096
              where: { orders: "created_at < {{ recovery_point.time }}" }
              changed_since: { shop.lines: updated_at }
              redact: keys
            expect: baseline
  - id: users
    restore:
      mysql_dump:
        backup: users.sql.zst
        into: { host: /run/mysqld/mysqld.sock }
        live: { host: "::1", port: 3306, database: users }
  - id: users-intact
    needs: [users]
    verify:
      sql:
        database: users
        checks:
          - { name: all rows, fingerprint: { all_tables: true }, expect: source }
  - id: files
    restore: { sqlite: { backup: files.db } }
  - id: files-intact
    needs: [files]
    verify:
      sql:
        database: files
        checks:
          - { name: sound, integrity: true }
          - { name: all rows, fingerprint: { tables: [files], where: { files: id < 100 }, redact: keys }, expect: baseline }
"#;

const INTO: &str = "        into:
          host: 127.0.0.1
          port: 5433
          user: drill
          password: { env: DRILL_PG }
          tls: verify-full
          ca: ca.pem
";
const LIVE: &str = "        live:
          host: db.internal
          database: orders
          user: ro
          password: { file: /run/secrets/ro }
";
const SQLITE: &str =
    "fingerprint: { tables: [files], where: { files: id < 100 }, redact: keys }, expect: baseline";

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // Dumps.
    ("dump: misspelt keys", &[("jobs:", "job:"), ("timestamp:", "timestmp:"), ("          user: drill", "          usr: drill"), ("          database: orders", "          databse: orders")]),
    ("dump: no backup", &[("        backup: /var/backups/orders/*.dump\n", "")]),
    ("dump: a glob that is wrong", &[("*.dump", "[.dump")]),
    ("dump: a pattern that tells no day", &[("orders-%Y%m%dT%H%M%SZ", "orders-%H%M")]),
    ("dump: a zone without a pattern", &[("        timestamp: \"orders-%Y%m%dT%H%M%SZ\"\n", "")]),
    ("dump: no jobs", &[("jobs: 4", "jobs: 0")]),
    ("dump: as many jobs as possible", &[("jobs: 4", "jobs: all")]),
    ("dump: unknown ways with roles and extensions", &[("roles: create", "roles: ignore"), ("extensions: create", "extensions: keep")]),
    ("dump: a point in time", &[("{ random_within: 7d }", "{ point_in_time: 2026-05-01T12:00:00Z }")]),
    ("dump: a fixed point with an age", &[("{ random_within: 7d }", "{ id: orders-20260501T000000Z.dump }")]),
    ("dump: keys of PostgreSQL for MySQL", &[("        backup: users.sql.zst", "        backup: users.sql.zst\n        jobs: 2\n        roles: skip\n        extensions: skip")]),
    // Servers.
    ("server: only a host", &[(INTO, "        into: 127.0.0.1\n")]),
    ("server: no host", &[("          host: 127.0.0.1\n", "")]),
    ("server: a port within the host", &[("host: 127.0.0.1", "host: 127.0.0.1:5433")]),
    ("server: brackets around an address", &[("host: \"::1\"", "host: \"[::1]\"")]),
    ("server: a url with a password", &[("host: 127.0.0.1", "host: postgres://drill:hunter2@db/x")]),
    ("server: a user within the host", &[("host: db.internal", "host: ro:hunter2@db.internal")]),
    ("server: a host with a space", &[("host: db.internal", "host: db internal")]),
    ("server: a socket by a relative path", &[("host: 127.0.0.1", "host: run/postgresql")]),
    ("server: the root as a socket", &[("host: /run/mysqld/mysqld.sock", "host: /")]),
    ("server: a port that is none", &[("port: 5433", "port: 0"), ("port: 3306", "port: mysql")]),
    ("server: a password in the playbook", &[("{ env: DRILL_PG }", "hunter2")]),
    ("server: a password as the name of a variable", &[("{ env: DRILL_PG }", "{ env: hunter2! }")]),
    ("server: passwords that only AWS has", &[("{ env: DRILL_PG }", "{ reset: true }"), ("{ file: /run/secrets/ro }", "{ iam: true }")]),
    ("server: two ways to a password", &[("{ env: DRILL_PG }", "{ env: A, file: b }")]),
    ("server: a secret of AWS", &[("{ file: /run/secrets/ro }", "{ secrets_manager: \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x\" }")]),
    ("server: an unknown way to secure it", &[("tls: verify-full", "tls: prefer")]),
    ("server: a word for TLS that is none", &[("tls: verify-full", "tls: true")]),
    ("server: certificates that are not looked at", &[("tls: verify-full", "tls: require")]),
    ("server: certificates without TLS", &[("          tls: verify-full\n", "")]),
    ("server: TLS on a socket", &[("host: /run/mysqld/mysqld.sock", "host: /run/mysqld/mysqld.sock, tls: require")]),
    ("server: the words of libpq", &[("tls: verify-full", "sslmode: verify-full")]),
    ("server: live without its database", &[("          database: orders\n", "")]),
    ("server: a blank database", &[("database: users }", "database: \" users\" }")]),
    ("server: scratch and live are one", &[("host: db.internal\n", "host: 127.0.0.1\n          port: 5433\n")]),
    ("server: scratch and live are one by another name", &[("host: db.internal\n", "host: LOCALHOST.\n          port: 5433\n")]),
    ("server: scratch and live are one by the port that is left out", &[("          port: 5433\n", ""), ("host: db.internal", "host: localhost")]),
    ("server: scratch and live are one socket", &[("host: \"::1\", port: 3306", "host: /run/mysqld/mysqld.sock/")]),
    // What is looked at.
    ("subject: passwords that only AWS has", &[("{ env: READER_PG }", "{ reset: true }")]),
    ("subject: a token of AWS", &[("        database: users\n", "        database: users\n        password: { iam: true }\n")]),
    ("subject: a secret of AWS", &[("{ env: READER_PG }", "{ secrets_manager: \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x\" }")]),
    ("subject: an unknown way to secure it", &[("tls: verify-ca", "tls: verify_ca")]),
    ("subject: a connection to a file", &[("        database: files\n", "        database: files\n        tls: verify-full\n        ca: ca.pem\n")]),
    ("subject: an output that a dump does not give", &[("created_at < {{ recovery_point.time }}", "created_at < {{ steps.orders.databse }}")]),
    ("subject: a password as a reference", &[("created_at < {{ recovery_point.time }}", "note = {{ steps.orders.password }}")]),
    // Checks of a database as a whole.
    ("check: nothing by false", &[("integrity: true }\n          - { name: schema", "integrity: false }\n          - { name: schema"), ("sequences: true", "sequences: false"), ("references: true", "references: no")]),
    ("check: expectations where there are none", &[("sequences: true", "sequences: true, expect: baseline"), ("references: true", "references: true, expect: { rows: 0 }"), ("{ name: storage, integrity: true", "{ name: storage, integrity: true, expect: source")]),
    ("check: ages and emptiness where there are none", &[("sequences: true", "sequences: true, allow_empty: true"), ("references: true", "references: true, max_age: 1h"), ("expect: source }", "expect: source, allow_empty: true }")]),
    ("check: a schema that expects nothing", &[(", expect: source }", " }")]),
    ("check: a schema that expects a number", &[("expect: source }", "expect: { equals: 0 } }")]),
    ("check: a schema by its name", &[("{ exclude: [\"table tmp_*\"] }", "public")]),
    ("check: objects without a kind", &[("[\"table tmp_*\"]", "[tmp_*, \"\"]")]),
    ("check: no object is left", &[("[\"table tmp_*\"]", "[\"* *\"]")]),
    ("check: nothing is excluded", &[("[\"table tmp_*\"]", "[]")]),
    ("check: two looks at once", &[("sequences: true", "sequences: true, references: true")]),
    ("check: a misspelt look", &[("sequences: true", "sequence: true")]),
    // Fingerprints.
    ("rows: strong by a word", &[("strong: true", "strong: sha256")]),
    ("rows: buckets that are no power of two", &[("buckets: 4096", "buckets: 1000")]),
    ("rows: too few buckets", &[("buckets: 4096", "buckets: 32")]),
    ("rows: too many buckets", &[("buckets: 4096", "buckets: 131072")]),
    ("rows: a condition for a table that is not listed", &[("where: { orders:", "where: { order:")]),
    ("rows: a condition without a table", &[("where: { orders: \"created_at < {{ recovery_point.time }}\" }", "where: \"created_at < now()\"")]),
    ("rows: an empty condition", &[("\"created_at < {{ recovery_point.time }}\"", "\" \"")]),
    ("rows: no condition", &[("{ orders: \"created_at < {{ recovery_point.time }}\" }", "{}")]),
    ("rows: a condition with a second statement", &[("{{ recovery_point.time }}\"", "{{ recovery_point.time }}; drop table orders\"")]),
    ("rows: a condition that begins with where", &[("\"created_at <", "\"WHERE created_at <")]),
    ("rows: a statement for a condition", &[("created_at < {{ recovery_point.time }}", "select id from orders")]),
    ("rows: a condition that is only a reference", &[("created_at < {{", "{{")]),
    ("rows: a condition with an unknown reference", &[("recovery_point.time", "recovery_point.tim")]),
    ("rows: a changing column of a table that is not listed", &[("{ shop.lines: updated_at }", "{ lines: updated_at }")]),
    ("rows: a changing column with its table", &[("{ shop.lines: updated_at }", "{ shop.lines: shop.lines.updated_at }")]),
    ("rows: an expression for a column", &[("{ shop.lines: updated_at }", "{ shop.lines: \"greatest(a, b)\" }")]),
    ("rows: changes against a digest", &[("tables: [orders, shop.lines]", "tables: [shop.lines]"), ("where: { orders: \"created_at < {{ recovery_point.time }}\" }\n", "exclude: [shop.lines.seen]\n"), ("expect: baseline", "expect: { digest: \"fd2:0123456789abcdef0123456789abcdef\" }")]),
    ("rows: an unknown thing to redact", &[("redact: keys", "redact: values")]),
    ("rows: conditions beside a query", &[("tables: [orders, shop.lines]", "query: select * from orders")]),
    ("rows: a condition of a table that can't be", &[("{ all_tables: true }", "{ all_tables: true, where: { \"a;b\": x = 1 } }")]),
    // What SQLite can't, and sources that are not at hand.
    ("sqlite: what only servers know of rows", &[(SQLITE, "fingerprint: { tables: [files], strong: true, buckets: 64, changed_since: { files: seen } }, expect: baseline")]),
    ("sqlite: what only servers know of a database", &[("{ name: sound, integrity: true }", "{ name: schema, schema: true, expect: baseline }\n          - { name: sequences, sequences: true }\n          - { name: references, references: true }")]),
    ("sqlite: the source without a live database", &[("redact: keys }, expect: baseline }\n", "redact: keys }, expect: source }\n")]),
    ("source: a dump without a live database", &[("        live: { host: \"::1\", port: 3306, database: users }\n", "")]),
    ("source: a schema without a live database", &[(LIVE, "")]),
    ("source: of commands of one's own", &[("sqlite: { backup: files.db }", "command: { commands: { recovery_point: [a], acquire: [b], release: [c] } }"), ("redact: keys }, expect: baseline }\n", "redact: keys }, expect: source }\n")]),
    ("source: of an instance", &[("sqlite: { backup: files.db }", "rds: { instance: files }"), ("redact: keys }, expect: baseline }\n", "redact: keys }, expect: source }\n")]),
];
