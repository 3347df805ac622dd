//! Two hundred thousand single mutations of rows of every type: each is seen and its row named, and nothing else is.
//!
//! Whether a mutation is one is decided by the server: the text of the row as it was and as it is. A database has many
//! small tables of random columns, a baseline, and a copy of each table that stays as it was. In each round a few
//! rows of each table are mutated, one check looks at all tables, and the rows are put back.
//!
//! `FIREDRILL_SEED=123 cargo test --test all databases::soundness -- --nocapture` replays one database;
//! `FIREDRILL_SEEDS=100` makes so many.

use super::{
    Drill, Place,
    mutations::{self, Mutation},
    report::{self, List, Rows},
    runtime,
    tables::{Key, Table},
    values::{PRELUDE, types_of},
};
use crate::{
    servers::{Kind, Server, shared},
    sim::rng::Rng,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _,
    postgres::{PgConnectOptions, PgConnection},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many databases there are; each has a seed.
const DATABASES: u64 = 8;
/// Tables of a database, and rows of a table.
const TABLES: usize = 100;
const ROWS: usize = 80;
/// Rounds: how many rows of a table may differ at most. With 4,096 buckets ten are told apart but for one table in 140,000,
/// fifty but for one in 850.
const ROUNDS: [usize; 10] = [10, 50, 10, 50, 50, 10, 50, 50, 50, 10];

/// What moves the rows of a table, and changes none; each statement by itself.
const REWRITES: &[&[&str]] = &[
    &["vacuum full @"],
    &["vacuum (freeze) @"],
    &["alter table @ set (fillfactor = 50)", "vacuum full @"],
    &["alter table @ add column gone int default 7", "alter table @ drop column gone"],
    &["alter table @ set unlogged", "alter table @ set logged"],
    &[
        "do $$ declare c text; begin for c in select quote_ident(attname) from pg_attribute where attrelid = '@'::regclass \
         and attnum > 0 and not attisdropped and attstorage = 'x' \
         loop execute 'alter table @ alter ' || c || ' set storage external'; end loop; end $$",
        "create temp table moved as table @",
        "delete from @",
        "insert into @ select * from moved",
        "drop table moved",
    ],
];

/// What was done and found, of all databases.
#[derive(Debug, Default)]
struct Tally {
    /// Mutations that changed something, and those that only wrote something anew.
    real: BTreeMap<String, u64>,
    same: u64,
    /// Tables in which some rows could not be told apart, and all tables with rows that differ.
    unclear: u64,
    differing: u64,
    /// Of each type: how many real mutations.
    types: BTreeMap<&'static str, u64>,
}

struct World {
    seed: u64,
    tables: Vec<Table>,
    connection: PgConnection,
    drill: Drill,
    baseline: Vec<firedrill::verify::TableFingerprint>,
}

impl World {
    async fn new(seed: u64, server: &Server, version: u32) -> World {
        let mut rng = Rng::new(seed);
        let database = server.fresh_database();
        let options = PgConnectOptions::new_without_pgpass()
            .host(server.host())
            .port(server.port())
            .username(server.user())
            .password(server.password())
            .database(&database)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        let connection = options.connect().await.expect("a connection");
        let place = Place::of(server, Kind::Postgres, &database);
        let check = "fingerprint: { tables: [TABLES], buckets: 4096 }, expect: baseline";
        let types = types_of(version);
        let mut tables = Vec::new();
        let mut script = format!("set timezone = 'UTC'; {PRELUDE} create schema orig; create schema shop;");
        for number in 0..TABLES {
            let (table, sql) = Table::random(number, ROWS, &types, &mut rng);
            script.push_str(&sql);
            tables.push(table);
        }
        let list: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let drill = Drill::new(&place, &check.replace("TABLES", &list.join(", ")));
        let mut world = World { seed, tables, connection, drill, baseline: Vec::new() };
        world.run(&script).await;
        world.baseline = world.drill.baseline().await.expect("a baseline");
        world
    }

    async fn run(&mut self, sql: &str) {
        let done = self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        if let Err(error) = done {
            panic!("seed {}: {error}\n{}", self.seed, &sql[..sql.len().min(3000)]);
        }
    }

    async fn rows(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let rows = self.connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        let rows = rows.unwrap_or_else(|error| panic!("seed {}: {error}\n{sql}", self.seed));
        let texts = |row: &sqlx::postgres::PgRow| (0..row.len()).map(|column| row.get(column)).collect();
        rows.iter().map(texts).collect()
    }

    /// Mutates, checks, compares, and puts back.
    async fn round(&mut self, round: u64, most: usize, tally: &Mutex<Tally>) -> Result<(), String> {
        let mut rng = Rng::new(self.seed ^ (round << 32));
        let mut all: Vec<Vec<Mutation>> = Vec::new();
        let mut script = String::new();
        for table in &self.tables {
            // Some tables stay as they are.
            let mutations =
                if rng.permille(30) { Vec::new() } else { mutations::of_table(table, most, &mut rng) };
            for mutation in &mutations {
                let _ = writeln!(script, "{}", mutation.sql);
            }
            all.push(mutations);
        }
        self.run(&script).await;
        for _ in 0..3 {
            let table = rng.pick(&self.tables).name.clone();
            for statement in *rng.pick(REWRITES) {
                self.run(&statement.replace('@', &table)).await;
            }
        }
        let truth = self.truth(&all).await;
        let outcome = self.drill.check(Some(&self.baseline)).await.map_err(|fault| fault.message)?;
        let named = report::read(&outcome.details)?;
        let mut faults = Vec::new();
        let names: BTreeSet<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        for stranger in named.keys().filter(|name| !names.contains(name.as_str())) {
            faults.push(format!("{stranger} is no table of ours"));
        }
        for (number, table) in self.tables.iter().enumerate() {
            let empty = Truth::default();
            let truth = truth.get(&number).unwrap_or(&empty);
            let found = named.get(&table.name);
            let mut tally = tally.lock().expect("not poisoned");
            if let Err(what) = compare(table, truth, found, &mut tally) {
                let done: String = all[number].iter().map(|one| format!("\n    {}", one.sql)).collect();
                faults.push(format!("{} {:?}: {what}{done}", table.name, table.key));
            }
            for (at, mutation) in all[number].iter().enumerate() {
                let real = match table.key {
                    Key::None => !mutation.same,
                    _ => truth.mutations.contains(&at),
                };
                if real && mutation.same {
                    faults.push(format!("{}: not the same: {mutation:?}", table.name));
                }
                if real {
                    *tally.real.entry(mutation.what.to_owned()).or_default() += 1;
                    *tally.types.entry(mutation.kind).or_default() += 1;
                } else {
                    tally.same += 1;
                }
            }
        }
        let mut back = String::new();
        for (table, mutations) in self.tables.iter().zip(&all) {
            back.push_str(&put_back(table, mutations));
        }
        self.run(&back).await;
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }

    /// Which rows are not as they were, as the server tells.
    async fn truth(&mut self, all: &[Vec<Mutation>]) -> BTreeMap<usize, Truth> {
        let mut parts = Vec::new();
        for (number, (table, mutations)) in self.tables.iter().zip(all).enumerate() {
            let (name, original) = (&table.name, table.original());
            if table.key == Key::None && !mutations.is_empty() {
                parts.push(format!(
                    "select '{number}', null, case when coalesce(n.c, 0) > coalesce(o.c, 0) then 'extra' else 'lost' end, \
                     abs(coalesce(n.c, 0) - coalesce(o.c, 0))::text || ' ' || coalesce(array_to_string(n.p, ' '), '') from \
                     (select x::text v, count(*) c, array_agg(ctid::text) p from {name} x group by 1) n full join \
                     (select x::text v, count(*) c from {original} x group by 1) o on n.v = o.v where n.c is distinct from o.c"
                ));
            } else if let Some(touched) = touched(table, mutations) {
                let words = table.words();
                let on: Vec<_> =
                    table.key.columns().iter().map(|(name, ..)| format!("x.{name} = k.{name}")).collect();
                let on = on.join(" and ");
                let side = |table: &str| {
                    format!("(select k.m, {words} w, x::text v from {touched} join {table} x on {on})")
                };
                parts.push(format!(
                    "select '{number}', coalesce(a.m, b.m)::text, case when b.w is null then 'extra' when a.w is null then 'lost' else 'changed' end, \
                     coalesce(a.w, b.w) from {} a full join {} b on a.w = b.w and a.m = b.m where a.v is distinct from b.v",
                    side(name),
                    side(&original)
                ));
            }
        }
        let mut truth: BTreeMap<usize, Truth> = BTreeMap::new();
        for row in self.rows(&(parts.join(";\n") + ";")).await {
            let [table, mutation, kind, words] = <[Option<String>; 4]>::try_from(row).expect("four columns");
            let number: usize = table.and_then(|number| number.parse().ok()).expect("a table's number");
            let truth = truth.entry(number).or_default();
            let words = words.expect("words");
            if let Some(mutation) = mutation {
                truth.mutations.insert(mutation.parse().expect("a number"));
                let list = match kind.as_deref() {
                    Some("changed") => &mut truth.changed,
                    Some("lost") => &mut truth.lost,
                    _ => &mut truth.extra,
                };
                list.insert(words);
            } else {
                let (times, places) = words.split_once(' ').expect("how often, and where");
                let times: u64 = times.parse().expect("a number");
                if kind.as_deref() == Some("lost") {
                    truth.gone += times;
                } else {
                    truth.new.push((times, places.split(' ').map(|at| format!("row at {at}")).collect()));
                }
            }
        }
        truth
    }
}

/// The keys that mutations may have changed, as a relation `k` with the mutation's number as `m`.
fn touched(table: &Table, mutations: &[Mutation]) -> Option<String> {
    let mut rows = Vec::new();
    for (at, mutation) in mutations.iter().enumerate() {
        for key in &mutation.keys {
            let values = key.iter().zip(table.key.columns());
            let values: Vec<_> = values.map(|(value, (_, kind, _))| format!("{value}::{kind}")).collect();
            rows.push(format!("({at}, {})", values.join(", ")));
        }
    }
    let names: Vec<_> = table.key.columns().iter().map(|(name, ..)| *name).collect();
    (!rows.is_empty()).then(|| format!("(values {}) k(m, {})", rows.join(", "), names.join(", ")))
}

fn put_back(table: &Table, mutations: &[Mutation]) -> String {
    let (name, original) = (&table.name, table.original());
    if mutations.is_empty() {
        return String::new();
    }
    if table.key == Key::None {
        return format!("delete from {name}; insert into {name} select * from {original};\n");
    }
    let Some(touched) = touched(table, mutations) else { return String::new() };
    let on: Vec<_> = table.key.columns().iter().map(|(name, ..)| format!("x.{name} = k.{name}")).collect();
    let on = on.join(" and ");
    format!(
        "delete from {name} x using {touched} where {on}; insert into {name} select x.* from {original} x join {touched} on {on};\n"
    )
}

/// What really differs in a table.
#[derive(Debug, Clone, Default)]
struct Truth {
    /// The mutations that changed something.
    mutations: BTreeSet<usize>,
    changed: BTreeSet<String>,
    lost: BTreeSet<String>,
    extra: BTreeSet<String>,
    /// Without a key: how many rows are gone; of each new row, how many, and where all of its kind are.
    gone: u64,
    new: Vec<(u64, BTreeSet<String>)>,
}

fn compare(table: &Table, truth: &Truth, found: Option<&Rows>, tally: &mut Tally) -> Result<(), String> {
    let new: u64 = truth.new.iter().map(|(times, _)| times).sum();
    let differing = truth.changed.len() + truth.lost.len() + truth.extra.len();
    let nothing = differing == 0 && truth.gone + new == 0;
    let Some(found) = found else {
        return if nothing { Ok(()) } else { Err(format!("not seen: {truth:?}")) };
    };
    if nothing {
        return Err(format!("a false alarm: {found:?}"));
    }
    tally.differing += 1;
    let mut wrong = Vec::new();
    let unclear = found.unclear > 0;
    if unclear {
        tally.unclear += 1;
    }
    let counted = |what: &str, found: &List, truth: u64| {
        let wrong = found.total() > truth || (found.total() < truth && !unclear);
        wrong.then(|| format!("{} {what} are told of {truth}", found.total()))
    };
    if table.key == Key::None {
        wrong.extend(counted("changed", &found.changed, 0));
        wrong.extend(counted("lost", &found.lost, truth.gone));
        wrong.extend(counted("extra", &found.extra, new));
        for (place, times) in &found.extra.keys {
            if !truth.new.iter().any(|(n, places)| n == times && places.contains(place)) {
                wrong.push(format!("extra {place} ({times} times) is not true"));
            }
        }
    } else {
        let lists = [
            ("changed", &found.changed, &truth.changed),
            ("lost", &found.lost, &truth.lost),
            ("extra", &found.extra, &truth.extra),
        ];
        for (what, found, truth) in lists {
            wrong.extend(counted(what, found, truth.len() as u64));
            if what == "lost" && !table.key.is_summed() {
                continue;
            }
            let strange = found.keys.iter().filter(|(key, times)| **times != 1 || !truth.contains(*key));
            wrong.extend(strange.map(|(key, _)| format!("{what} {key} is not true")));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n    found {found:?}\n    truth {truth:?}", wrong.join("; ")))
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn one(seed: u64, server: &Server, version: u32, tally: &Mutex<Tally>) -> Result<(), String> {
    runtime().block_on(async {
        let mut world = World::new(seed, server, version).await;
        let equal = world.drill.check(Some(&world.baseline)).await.map_err(|fault| fault.message)?;
        if !equal.details.is_empty() {
            return Err(format!("seed {seed}: before anything was done: {:?}", equal.details));
        }
        for (round, most) in (0..).zip(ROUNDS) {
            let replay = "cargo test --test all databases::soundness -- --nocapture";
            let told =
                |what| format!("seed {seed}, round {round}: {what}\n    FIREDRILL_SEED={seed} {replay}");
            world.round(round, most, tally).await.map_err(told)?;
        }
        Ok(())
    })
}

#[test]
#[expect(clippy::print_stdout, reason = "how many there were is worth a line")]
fn every_mutation_on_postgres_is_seen_and_named() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let (server, types) = (shared(Kind::Postgres, "15"), types_of(15));
    let only = number("FIREDRILL_SEED");
    let first = only.unwrap_or(1);
    let count = if only.is_some() { 1 } else { number("FIREDRILL_SEEDS").unwrap_or(DATABASES) };
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Err(what) = one(seed, server, 15, &tally) {
                        failures.lock().expect("not poisoned").push(what);
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("not poisoned");
    println!("{tally:#?}");
    let real: u64 = tally.real.values().sum();
    println!("{real} real mutations, {} rewritten as they were", tally.same);
    let failures = failures.into_inner().expect("not poisoned");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    if count < DATABASES {
        return;
    }
    assert!(real >= 200_000, "{real} mutations are too few");
    assert!(
        tally.unclear * 200 < tally.differing,
        "{} of {} tables are not told apart",
        tally.unclear,
        tally.differing
    );
    let few: Vec<_> =
        types.iter().filter(|kind| tally.types.get(kind.name).is_none_or(|n| *n < 100)).collect();
    assert!(few.is_empty(), "{:?}", few.iter().map(|kind| kind.name).collect::<Vec<_>>());
}

/// Where more rows differ than are looked up, none is told to be what it is not.
#[test]
fn of_very_many_rows_none_is_told_wrong() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = shared(Kind::Postgres, "15");
    let database = server.fresh_database();
    server.sql(
        &database,
        "create table texts (code text primary key, v int); insert into texts select 'c' || i, i from generate_series(1, 2000) i; \
         create table pairs (a int, b int, v int, primary key (a, b)); insert into pairs select i / 7, i, i from generate_series(1, 2000) i; \
         create table numbers (id bigint primary key, v int); insert into numbers select i, i from generate_series(1, 2000) i;",
    );
    let place = Place::of(server, Kind::Postgres, &database);
    let drill = Drill::new(&place, "fingerprint: { all_tables: true }, expect: baseline");
    runtime().block_on(async {
        let baseline = drill.baseline().await.expect("a baseline");
        let mut changed = 0;
        for most in (360..560).step_by(10) {
            let update = |table: &str| {
                format!("update {table} set v = -v where abs(v) > {changed} and abs(v) <= {most};")
            };
            server.sql(&database, &["texts", "pairs", "numbers"].map(update).concat());
            changed = most;
            let outcome = drill.check(Some(&baseline)).await.expect("a check");
            let named = report::read(&outcome.details).expect("rows");
            assert_eq!(named.len(), 3);
            for (table, rows) in &named {
                assert_eq!((rows.lost.total(), rows.extra.total()), (0, 0), "{table}, {most}");
                assert!(rows.changed.total() > 300 && rows.changed.total() <= most, "{table}, {most}");
            }
        }
    });
}
