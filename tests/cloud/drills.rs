//! Whole drills of real databases: restored elsewhere, compared with what they were, and removed.

use super::{
    emulator::{self, Emulator},
    side_by_side,
    world::{Drill, HOME, PASSWORD, SCRATCH, SECRET_KEY, World, restore, says},
};
use crate::binary::Ran;
use serde_json::{Value, json};
use std::{path::Path, thread};

/// How many rows the large tables have.
fn rows() -> u32 {
    if std::env::var_os("FIREDRILL_FULL").is_some() { 1_000_000 } else { 5_000 }
}

const DIGITS: &str = "(select 0 n union all select 1 union all select 2 union all select 3 union all select 4 \
                      union all select 5 union all select 6 union all select 7 union all select 8 union all select 9)";

/// What is changed after the snapshots.
const LATER: [(&str, &str); 2] = [
    (
        "orders",
        "update orders set status = 'cancelled' where id % 100 = 7; delete from orders where id % 100 = 9;
         insert into orders select 2000000 + g, 1, 1, 'new', now(), 'later' from generate_series(1, 100) g;",
    ),
    (
        "catalog",
        "update products set price = price + 1 where id % 100 = 7; delete from products where id % 100 = 9;",
    ),
];

/// Orders in an encrypted PostgreSQL and a catalog in MySQL, both in [`HOME`].
fn production(emulator: &Emulator) -> World<'_> {
    let world = World::new(emulator);
    let (rows, d) = (rows(), DIGITS);
    thread::scope(|scope| {
        scope.spawn(|| {
            world.instance("orders", "postgres", "16", true);
            world.sql(
                "orders",
                &format!(
                    "set role chief;
                     create table customers (id bigint primary key, name text not null);
                     insert into customers select g, 'customer ' || g from generate_series(1, {rows} / 10) g;
                     create table orders (id bigint primary key, customer_id bigint not null references customers,
                       total numeric(12, 2) not null, status text not null, placed_at timestamptz not null, note text);
                     insert into orders select g, g % ({rows} / 10) + 1, g % 1000 / 10.0, 'new',
                       now() - ({rows} - g) * interval '1 second', case g % 10 when 0 then null else 'order ' || g end
                       from generate_series(1, {rows}) g;"
                ),
            );
        });
        scope.spawn(|| {
            world.instance("catalog", "mysql", "8.0", false);
            world.sql(
                "catalog",
                &format!(
                    "create table products (id bigint primary key, name varchar(100) not null, price decimal(12, 2) not null,
                       changed_at datetime(6) not null);
                     insert into products select n + 1, concat('product ', n + 1), n % 1000 / 10,
                       utc_timestamp(6) - interval ({rows} - n) second
                       from (select a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n n
                             from {d} a, {d} b, {d} c, {d} d, {d} e, {d} f) numbers where n < {rows};"
                ),
            );
        });
    });
    world
}

/// Where a source is, for baselines.
fn live(world: &World<'_>, instance: &str, engine: &str) -> String {
    let here = world.all("db", HOME);
    let port = here.iter().find(|one| one["id"] == instance).map(|one| one["port"].clone());
    format!(
        "        live: {{ engine: {engine}, host: 127.0.0.1, port: {}, user: chief, password: {{ env: LIVE_PASSWORD }}, \
         tls: verify-full, ca: {}, database: {instance} }}\n",
        port.expect("an instance"),
        world.emulator.ca().display()
    )
}

/// The steps of a drill of both: `point` is the recovery point's YAML.
fn steps(world: &World<'_>, region: &str, point: [&str; 2]) -> String {
    let ca = world.emulator.ca().display();
    let keys = |instance, engine, point| {
        format!("        recovery_point: {point}\n{}", live(world, instance, engine))
    };
    let verify = |step: &str, database: &str, tables: &str, fresh: &str| {
        format!(
            "  - id: {step}-intact\n    needs: [{step}]\n    verify:\n      sql:\n        database: {step}\n        name: {database}\n        \
             password: {{ reset: true }}\n        tls: verify-full\n        ca: {ca}\n        checks:\n          \
             - {{ name: all rows, fingerprint: {{ tables: [{tables}] }}, expect: baseline }}\n          \
             - {{ name: fresh, freshness: {fresh} }}\n"
        )
    };
    [
        restore(world, region, "orders-db", "orders", &keys("orders", "postgres", point[0])),
        restore(world, region, "catalog-db", "catalog", &keys("catalog", "mysql", point[1]))
            .replace(", kms_key: alias/drill", ""),
        verify("orders-db", "orders", "customers, orders", "select max(placed_at) from orders"),
        verify("catalog-db", "catalog", "products", "select max(changed_at) from products"),
    ]
    .concat()
}

fn baseline(drill: &Drill) {
    let ran = drill.ask(&["baseline", "drill.yaml"]);
    assert_eq!(ran.code, 0, "{ran}");
}

/// A small PostgreSQL, its snapshot and baseline, changed since; and the drill of it.
pub fn orders(world: &World<'_>) -> Drill {
    world.instance("orders", "postgres", "16", false);
    world.sql(
        "orders",
        "set role chief; create table orders (id int primary key, note text);
         insert into orders select g, 'order ' || g from generate_series(1, 1000) g;",
    );
    world.snapshot("orders", "nightly");
    let (live, ca) = (live(world, "orders", "postgres"), world.emulator.ca().display().to_string());
    let keys = format!("        recovery_point: {{ id: nightly }}\n{live}");
    let steps = format!(
        "{}  - id: intact\n    needs: [db]\n    verify:\n      sql:\n        database: db\n        name: orders\n        \
         password: {{ reset: true }}\n        tls: verify-full\n        ca: {ca}\n        checks:\n          \
         - {{ name: all rows, fingerprint: {{ tables: [orders] }}, expect: baseline }}\n",
        restore(world, SCRATCH, "db", "orders", &keys)
    );
    let drill = Drill::new(world, steps);
    baseline(&drill);
    world.sql("orders", "delete from orders where id % 3 = 0;");
    drill
}

/// Texts that look like the passwords that firedrill makes up: 40 letters and digits of its alphabet.
fn made_up(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let alphabet = |c: char| c.is_ascii_lowercase() && c != 'l' || ('2'..='9').contains(&c);
    words
        .filter(|word| word.len() == 40 && word.chars().all(alphabet) && word.contains(|c| c > 'f'))
        .collect()
}

/// No secret is in that, nor in any file of the drill's.
fn no_secret(drill: &Drill, ran: &Ran) {
    let mut texts = vec![("what it said".to_owned(), ran.to_string())];
    every_file(drill.firedrill.path(), &mut texts);
    assert!(
        texts
            .iter()
            .any(|(name, text)| name.contains("firedrill.db") && text.contains("orders-db/1/instance"))
    );
    assert!(texts.iter().any(|(name, _)| name.ends_with("report.html")));
    for (name, text) in texts {
        for secret in [PASSWORD, SECRET_KEY] {
            assert!(!text.contains(secret), "{name} holds {secret}");
        }
        assert_eq!(made_up(&text), Vec::<&str>::new(), "{name} holds a password");
        // What signs a request lets whoever has it make it.
        assert!(!text.contains("X-Amz-Signature="), "{name} holds a signed request");
    }
}

fn every_file(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            every_file(&path, texts);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

#[test]
fn passwords_that_firedrill_makes_up_would_be_seen() {
    assert_eq!(made_up("a abcdefghijkmnpqrstuvwxyz23456789abcdefgh b").len(), 1);
    assert!(made_up(&"ab23456789".repeat(4)).is_empty() && made_up("not-40").is_empty());
}

/// From an account's two databases, whole and damaged, elsewhere, at home and at a moment: all at the same time.
#[test]
fn what_is_restored_is_what_was_there_and_a_changed_value_is_found() {
    let Some(emulator) = emulator::real() else { return };
    let world = production(emulator);
    for name in ["nightly", "damaged"] {
        for instance in ["orders", "catalog"] {
            world.snapshot(instance, &format!("{instance}-{name}"));
        }
    }
    let moment = |instance: &str| {
        let sent = json!({ "instance": instance, "region": HOME, "account": world.account });
        emulator.control("POST checkpoint", &sent)["time"].as_str().expect("a moment").to_owned()
    };
    let moments =
        ["orders", "catalog"].map(|instance| format!("{{ point_in_time: \"{}\" }}", moment(instance)));
    let of = |name: &str| ["orders", "catalog"].map(|instance| format!("{{ id: {instance}-{name} }}"));
    let (whole, damaged) = (of("nightly"), of("damaged"));
    let point = |all: &[String; 2]| -> String { steps(&world, SCRATCH, [&all[0], &all[1]]) };
    let away = Drill::new(&world, point(&whole));
    let bad = Drill::new(&world, point(&damaged));
    let home = Drill::in_region(&world, HOME, steps(&world, HOME, [&whole[0], &whole[1]]));
    let then = Drill::in_region(&world, HOME, steps(&world, HOME, [&moments[0], &moments[1]]));
    for drill in [&away, &bad, &home, &then] {
        baseline(drill);
    }
    for (instance, sql) in LATER {
        world.sql(instance, sql);
    }
    world.tamper("orders-damaged", "orders", "update orders set total = total + 0.01 where id = 1234;");

    let all = [("away", &away), ("bad", &bad), ("home", &home), ("then", &then)];
    side_by_side(4, all.map(|(name, _)| name), |name| {
        let drill = all.iter().find(|(own, _)| *own == name).expect("one of them").1;
        let ran = drill.ask(&["run", "drill.yaml", "-vv", "--report", "report.html"]);
        if name == "bad" {
            assert_eq!(ran.code, 1, "{ran}");
            says(&ran, &["orders: 1 row differs", "changed id=1234"]);
            assert!(!ran.stdout.contains("products: "), "{ran}");
        } else {
            assert_eq!(ran.code, 0, "{ran}");
            says(&ran, &["PASSED", "equal: 2 tables", "equal: 1 table"]);
            let summary = drill.last();
            for (key, least) in [("rpa_by_point", 1), ("rpa_by_data", 1)] {
                assert!(seconds(&summary[key]) >= least, "{key} is {}", summary[key]);
            }
        }
        no_secret(drill, &ran);
    });
    world.left_nothing();
    emulator.fits_the_models();
    let calls = world.changes();
    let made = |call: &str| calls.iter().filter(|made| made.starts_with(call)).count();
    assert_eq!(made("eu-central-1 CopyDBSnapshot fd-"), 4, "{calls:#?}");
    assert_eq!(made("eu-central-1 RestoreDBInstanceFromDBSnapshot fd-"), 4, "{calls:#?}");
    assert_eq!(made("eu-west-1 RestoreDBInstanceFromDBSnapshot fd-"), 2, "{calls:#?}");
    assert_eq!(made("eu-west-1 RestoreDBInstanceToPointInTime fd-"), 2, "{calls:#?}");
    assert!(calls.iter().all(|call| call.contains(" fd-")), "{calls:#?}");
    for instance in ["orders", "catalog"] {
        assert!(world.has("db", HOME, instance), "{instance} is gone");
    }
}

/// A length of time as a summary writes it, such as `1m5s` or `250ms`, in whole seconds.
fn seconds(value: &Value) -> u64 {
    let mut text = value.as_str().expect("a length of time");
    let mut sum = 0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
        let (number, rest) = text.split_at(digits);
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match &rest[..unit] {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => 0,
        };
        sum += number.parse::<u64>().expect("a number") * factor;
        text = &rest[unit..];
    }
    sum
}
