//! A whole drill of dumps of MariaDB and MySQL, and the same over damaged ones.

use super::{Drill, LIVE, PASSWORD, SCRATCH, path_of, unit, words_of};
use crate::{
    binary::{Firedrill, Ran},
    servers::{Kind, Server, shared},
};
use firedrill::time::SystemClock;
use std::process::Stdio;

const CHECKS: &str = r#"
          - { name: storage, integrity: true }
          - { name: schema, schema: true, expect: baseline }
          - { name: sequences, sequences: true }
          - { name: references, references: true }
          - { name: all rows, fingerprint: { all_tables: true }, expect: baseline }
          - { name: books balance, query: "select sum(debit) - sum(credit) from ledger", expect: { equals: 0 } }
          - { name: fresh, freshness: "select max(created_at) from orders", max_age: 26h }
"#;

/// What is wrong, what does it, the checks that fail, and what is said.
const DAMAGES: [(&str, &str, &[&str], &[&str]); 5] = [
    (
        "one flipped digit in one row",
        "update orders set total = total + 0.10 where id = 12345;",
        &["all rows"],
        &["orders: 1 row differs", "changed id=12345"],
    ),
    (
        "a missing index",
        "alter table order_lines drop key order_lines_sku_idx;",
        &["schema"],
        &["order_lines_sku_idx", "is missing"],
    ),
    (
        "a foreign key that is there, and a row without its order",
        "set foreign_key_checks = 0; update ledger set order_id = 999999999 where id = 77;",
        &["references", "all rows"],
        &["ledger_order_fk", "id=77"],
    ),
    (
        "a foreign key that is gone",
        "alter table ledger drop foreign key ledger_order_fk;",
        &["schema"],
        &["ledger_order_fk"],
    ),
    ("a trigger that is gone", "drop trigger orders_note;", &["schema"], &["orders_note"]),
];

struct Shop {
    firedrill: Firedrill,
    source: &'static Server,
    scratch: Server,
    path: String,
}

impl Shop {
    fn dump(&self, database: &str) {
        let socket = self.source.folder().join("s");
        let own = self.source.tool("mysqldump");
        let program = if own.is_absolute() { own } else { self.source.tool("mariadb-dump") };
        let file = std::fs::File::create(self.firedrill.path().join(&self.path)).expect("a file");
        let mut command = std::process::Command::new(program);
        command.args(["--no-defaults", "--single-transaction", "--routines", "--triggers"]);
        command.arg("--socket").arg(socket).args(["-u", self.source.user(), database]);
        let done = command
            .env("MYSQL_PWD", self.source.password())
            .stdout(Stdio::from(file))
            .output()
            .expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn ask(&self, args: &[&str]) -> Ran {
        let mut command = self.firedrill.command(args);
        command.env(LIVE, PASSWORD).env(SCRATCH, PASSWORD).env("FIREDRILL_CONFIG", "firedrill.toml");
        Ran::from(command.output().expect("firedrill starts"))
    }

    fn run(&self, code: i32) -> Ran {
        let ran = self.ask(&["run", "drill.yaml"]);
        assert_eq!(ran.code, code, "{ran}");
        let left = "select schema_name from information_schema.schemata where schema_name like 'fd\\_%';";
        assert_eq!(self.scratch.query("mysql", left), "", "{ran}");
        ran
    }
}

fn drill(kind: Kind, version: &str) {
    if !Server::wanted(kind, version) {
        return;
    }
    let source = shared(kind, version);
    let database = format!("shop_{}", version.replace('.', "_"));
    let script = format!("set @unit = {};\n{}", unit(), include_str!("../shop_mysql.sql"));
    source.sql(
        "mysql",
        &format!(
            "create database {database}; create user 'drill_reader'@'%' identified by '{PASSWORD}';
             grant select, show view, trigger on {database}.* to 'drill_reader'@'%';"
        ),
    );
    source.sql(&database, &script);
    let scratch = Server::start(kind, version);
    scratch.sql(
        "mysql",
        &format!(
            "create user 'driller'@'%' identified by '{PASSWORD}'; grant all on `fd\\_%`.* to 'driller'@'%';"
        ),
    );
    let path = path_of(SystemClock::wall()).replace(".dump", ".sql");
    let shop = Shop { firedrill: Firedrill::new(), source, scratch, path };
    shop.firedrill.write(
        "drill.yaml",
        &format!(
            "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: shop, owner: platform-team }}\n\
             objectives: {{ rto: 30m, rpo: 26h }}\nsteps:\n  - id: shop-db\n    restore:\n      mysql_dump:\n        \
             backup: backups\n        timestamp: \"shop-%Y%m%dT%H%M%S%3fZ\"\n        live: {{ host: 127.0.0.1, port: {}, \
             user: drill_reader, password: {{ env: {LIVE} }}, database: {database} }}\n  - id: shop-data\n    \
             needs: [shop-db]\n    verify:\n      sql:\n        database: shop-db\n        checks:{CHECKS}",
            source.port()
        ),
    );
    shop.firedrill.write(
        "firedrill.toml",
        &format!(
            "[scratch]\nmysql = [{{ host = \"127.0.0.1\", port = {}, user = \"driller\", password = {{ env = \"{SCRATCH}\" }} }}]\n",
            shop.scratch.port()
        ),
    );
    std::fs::create_dir(shop.firedrill.path().join("backups")).expect("a folder");
    shop.dump(&database);
    let taken = shop.ask(&["baseline", "drill.yaml"]);
    assert_eq!(taken.code, 0, "{taken}");
    assert!(taken.stdout.contains(&format!("4 tables, {} rows", unit() * 20)), "{taken}");
    let passed = shop.run(0);
    assert!(passed.stdout.contains("7 of 7 required passed"), "{passed}");

    for (what, by, fails, said) in DAMAGES {
        let damaged = format!("{database}_damaged");
        source.sql("mysql", &format!("drop database if exists {damaged}; create database {damaged};"));
        shop.dump(&database);
        let dump = std::fs::File::open(shop.firedrill.path().join(&shop.path)).expect("a dump");
        let restored = source.client(&damaged).stdin(Stdio::from(dump)).status().expect("runs");
        assert!(restored.success());
        source.sql(&damaged, by);
        shop.dump(&damaged);
        let ran = shop.run(1);
        for word in said {
            assert!(words_of(&ran.stdout).contains(word), "{what}: `{word}` is missing: {ran}");
        }
        let shown = shop.ask(&["show", "last", "--format", "json"]);
        let summary: serde_json::Value = serde_json::from_str(&shown.stdout).expect("a summary");
        assert_eq!(Drill::failed(&summary), fails, "{what}: {ran}");
        source.sql("mysql", &format!("drop database {damaged};"));
    }
}

#[test]
fn a_dump_of_mariadb_is_proven_and_a_damaged_one_is_not() {
    drill(Kind::MariaDb, "10.11");
}

#[test]
fn a_dump_of_mysql_is_proven_and_a_damaged_one_is_not() {
    drill(Kind::MySql, "8.0");
}
