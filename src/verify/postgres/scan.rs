//! The statement that sums a table, bucket by bucket, in one scan.
//!
//! ```text
//!   select b, count(*), Σ g1, Σ g2, Σ keys, Σ p_j            group by b        sums: see `cells`
//!     from  b, r from the key's hash;  w·r from g1 and r
//!       from  g1, g2 = two chains over the columns, from two seeds;  kh = a chain over the key, from a third
//!         from  each column once, in the form in which it is hashed            see `columns`
//!           from  only the table, a range of its blocks, where the condition holds
//! ```
//! Each `from` holds an unused `with`, which keeps PostgreSQL from pulling it up: else each expression would be computed as
//! often as it is used. Under `strong` each row has its SHA-256 too, and each bucket the SHA-256 of them in order.

use super::columns::{Class, Column, Inputs, quoted, record};
use crate::verify::{
    cells::{Cell, KEY_COLUMNS, P, modulo},
    sql::How,
    statement::Statement,
};
use std::collections::BTreeSet;

/// The names of the seeds: "fd1pgrw1", "fd1pgrw2", "fd1pgkey".
const ROW_SEEDS: [u64; 2] = [u64::from_be_bytes(*b"fd1pgrw1"), u64::from_be_bytes(*b"fd1pgrw2")];
const KEY_SEED: u64 = u64::from_be_bytes(*b"fd1pgkey");

/// The sums of one bucket, and under `strong` its digest.
#[derive(Debug, Clone)]
pub(super) struct Summed {
    pub(super) bucket: u32,
    pub(super) cell: Cell,
    pub(super) strong: Option<String>,
}

/// What sums can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// So many rows hold NULL where the catalog says that there is none.
    Nulls(i128),
    /// Not numbers.
    Unreadable,
}

/// What is scanned, and how rows and keys are known.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    columns: Vec<Column>,
    key: Vec<Column>,
    summed: usize,
    how: How,
    /// Whether rows have a `ctid`.
    placed: bool,
}

impl Plan {
    pub(super) fn new(columns: Vec<Column>, key: &[String], how: How, placed: bool) -> Self {
        let key: Vec<Column> = key
            .iter()
            .map(|name| columns.iter().find(|column| column.name == *name).cloned())
            .collect::<Option<_>>()
            .unwrap_or_default();
        let integers = key.iter().all(|column| matches!(column.class, Class::Big) || is_integer(column));
        let summed = if integers && key.len() <= KEY_COLUMNS { key.len() } else { 0 };
        Self { columns, key, summed, how, placed }
    }

    /// How many columns of the key are summed.
    pub(super) fn summed(&self) -> usize {
        self.summed
    }

    /// The columns of the key.
    pub(super) fn key(&self) -> &[Column] {
        &self.key
    }

    /// Every column.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Of one expression each, over `x`: the inputs of both chains, of the key's chain, and the key's columns.
    fn inputs(&self, source: &str, more: &[String]) -> String {
        let (row, key) = (Inputs::new(&self.columns, "c"), Inputs::new(&self.key, "k"));
        let mut list: Vec<String> = row.list().to_vec();
        list.extend(key.list().iter().cloned());
        list.extend(
            self.key
                .iter()
                .take(self.summed)
                .zip(1..)
                .map(|(column, n)| format!("x.{}::int8 as key{n}", quoted(&column.name))),
        );
        if self.how.strong {
            list.push(format!("sha256({}) as sha", record(&self.columns)));
        }
        list.extend(more.iter().cloned());
        if list.is_empty() {
            list.push("0 as nothing".to_owned());
        }
        format!("(with f as (select 1) select {} from {source}) i", list.join(", "))
    }

    /// `g1`, `g2`, `kh` and what else is named, each computed once.
    fn hashed(&self, source: &str, more_inputs: &[String], more: &[String]) -> String {
        let row = Inputs::new(&self.columns, "c");
        let mut list: Vec<String> = match self.how.strong {
            false => ROW_SEEDS
                .iter()
                .zip(1..)
                .map(|(seed, n)| format!("{} as g{n}", row.chain("c", *seed)))
                .collect(),
            true => ROW_SEEDS
                .iter()
                .zip(1..)
                .map(|(seed, n)| {
                    format!("pg_catalog.hash_array_extended(array[sha], {}) as g{n}", *seed as i64)
                })
                .chain(std::iter::once("sha".to_owned()))
                .collect(),
        };
        if !self.key.is_empty() {
            list.push(format!("{} as kh", Inputs::new(&self.key, "k").chain("k", KEY_SEED)));
        }
        list.extend((1..=self.summed).map(|n| format!("key{n}")));
        list.extend(more.iter().cloned());
        format!(
            "(with f as (select 1) select {} from {}) j",
            list.join(", "),
            self.inputs(source, more_inputs)
        )
    }

    /// The bucket and the 31 bits of the key, over `j`. A row without a key is known by its own hash.
    fn place(&self) -> (String, String) {
        let hash = if self.key.is_empty() { "g2" } else { "kh" };
        let bucket = format!("({hash} & {}::int8)::int4", self.how.buckets.saturating_sub(1));
        let r = match self.summed {
            1 => format!("key1 & {P}::int8"),
            _ => format!("({hash} >> 32) & {P}::int8"),
        };
        (bucket, r)
    }

    /// What `source` gives of these buckets. Known by the key alone, so that the other columns of all other rows need not be hashed.
    fn of_buckets(&self, source: &str, buckets: impl Iterator<Item = u32>) -> String {
        if self.key.is_empty() {
            return source.to_owned();
        }
        let inputs = Inputs::new(&self.key, "k");
        let (mask, hash) = (self.how.buckets.saturating_sub(1), inputs.chain("k", KEY_SEED));
        let list: BTreeSet<String> = buckets.map(|bucket| bucket.to_string()).collect();
        format!(
            "(select x.* from {source}) x where exists (select from (select {}) k where ({hash} & {mask}::int8)::int4 in ({}))",
            inputs.list().join(", "),
            list.into_iter().collect::<Vec<_>>().join(", ")
        )
    }

    /// The statement that sums what `source` gives.
    pub(super) fn sums(&self, source: &str) -> String {
        let (bucket, r) = self.place();
        let keys: String = (1..=self.summed).map(|n| format!(", key{n}")).collect();
        let sha = if self.how.strong { ", sha" } else { "" };
        let mut sums: Vec<String> =
            ["count(*)", "pg_catalog.count(g1)", "sum(g1)", "sum(g2)"].map(str::to_owned).into();
        sums.extend((1..=self.summed).map(|n| format!("sum(key{n})")));
        sums.extend([
            "sum(p)".to_owned(),
            format!("sum(p % {P}::int8 * r)"),
            format!("sum((p % {P}::int8 * r) % {P}::int8 * r)"),
        ]);
        if self.summed == 0 {
            sums.push(format!("sum(((p % {P}::int8 * r) % {P}::int8 * r) % {P}::int8 * r)"));
        }
        let mut list: Vec<String> = sums.into_iter().map(|sum| format!("{sum}::text")).collect();
        if self.how.strong {
            list.push("encode(sha256(string_agg(sha, ''::bytea order by sha)), 'hex')".to_owned());
        }
        format!(
            "select b::text, {} from (with f as (select 1) select {bucket} as b, {r} as r, g1, g2, \
             g1 % {P}::int8 * ({r}) as p{keys}{sha} from {}) l group by b",
            list.join(", "),
            self.hashed(source, &[], &[])
        )
    }

    /// Reads a row of [`Plan::sums`].
    pub(super) fn cell(&self, row: &[Option<String>]) -> Result<Summed, Odd> {
        let mut values = row.iter();
        let mut next = || values.next().ok_or(Odd::Unreadable);
        let number = |text: &Option<String>| match text {
            Some(text) => text.parse::<i128>().map_err(|_| Odd::Unreadable),
            // The sum over rows none of which had a hash.
            None => Ok(0),
        };
        let bucket = next()?;
        let count = i64::try_from(number(next()?)?).map_err(|_| Odd::Unreadable)?;
        if bucket.is_none() {
            return Err(Odd::Nulls(i128::from(count)));
        }
        let bucket = u32::try_from(number(bucket)?).map_err(|_| Odd::Unreadable)?;
        let hashed = number(next()?)?;
        if i128::from(count) != hashed {
            return Err(Odd::Nulls(i128::from(count) - hashed));
        }
        let mut cell = Cell { count, s1: number(next()?)?, s2: number(next()?)?, ..Cell::default() };
        for _ in 0..self.summed {
            cell.keys.push(number(next()?)?);
        }
        let powers = if self.summed == 0 { 4 } else { 3 };
        for power in cell.powers.iter_mut().take(powers) {
            *power = modulo(number(next()?)?);
        }
        let strong = if self.how.strong { Some(next()?.clone().ok_or(Odd::Unreadable)?) } else { None };
        Ok(Summed { bucket, cell, strong })
    }

    /// The statement that tells the bucket and the 31 bits of keys that are given as integers; none: none of them is a key.
    pub(super) fn places(&self, keys: &[Vec<i128>]) -> Option<String> {
        let rows: Vec<String> = keys
            .iter()
            .zip(0..)
            // What is no bigint is no key.
            .filter(|(key, _)| key.iter().all(|value| i64::try_from(*value).is_ok()))
            .map(|(key, number): (&Vec<i128>, usize)| {
                let values: Vec<String> = key.iter().map(|value| format!("({value})::int8")).collect();
                format!("({number}, {})", values.join(", "))
            })
            .collect();
        if rows.is_empty() {
            return None;
        }
        let names: Vec<String> = self.key.iter().map(|column| quoted(&column.name)).collect();
        let inputs = Inputs::new(&self.key, "k");
        let (bucket, r) = self.place();
        let first = if self.summed == 1 { format!(", x.{}::int8 as key1", names[0]) } else { String::new() };
        let key1 = if self.summed == 1 { ", key1" } else { "" };
        Some(format!(
            "select n::text, {bucket}::text, ({r})::text from (with f as (select 1) select n, {} as kh{key1} from \
             (with f as (select 1) select x.n, {}{first} from (values {}) x(n, {})) i) j",
            inputs.chain("k", KEY_SEED),
            inputs.list().join(", "),
            rows.join(", "),
            names.join(", ")
        ))
    }

    /// A key in words, over `x`: `id=5`, `code='a'`; long texts are cut.
    fn words(&self) -> String {
        if self.key.is_empty() {
            return if self.placed { "'row at ' || x.ctid::text" } else { "'a row'::text" }.to_owned();
        }
        let part = |column: &Column| {
            let (name, source) = (
                super::columns::literal(&format!("{}=", column.name)),
                format!("x.{}", quoted(&column.name)),
            );
            match column.class {
                Class::Small | Class::Big | Class::Uuid => format!("{name} || {source}::text"),
                Class::Sent(_) | Class::Bytes | Class::Float(..) => format!("{name} || {source}::text"),
                // Without an encoding, bytes that are no text could not be sent.
                _ if column.declared.ends_with(" in SQL_ASCII") => format!(
                    "{name} || quote_literal(encode(convert_to(left({source}::text, 40), 'SQL_ASCII'), 'escape'))"
                ),
                _ => format!(
                    "{name} || quote_literal(left({source}::text, 40)) || case when length({source}::text) > 40 then '…' else '' end"
                ),
            }
        };
        self.key.iter().map(part).collect::<Vec<_>>().join(" || ' ' || ")
    }

    /// The statement that finds rows by (bucket, r): those, the key in words, the first half of the row's hash, the key's
    /// integers, and the hash of each column.
    pub(super) fn locate(&self, source: &str, wanted: &[(u32, u32)], columns: bool, most: usize) -> String {
        let (bucket, r) = self.place();
        let mut inputs = vec![format!("{} as words", self.words())];
        let mut more = vec!["words".to_owned()];
        if columns {
            for (number, column) in self.columns.iter().enumerate() {
                let alone = Inputs::new(std::slice::from_ref(column), &format!("o{number}_"));
                inputs.extend(alone.list().iter().cloned());
                more.push(format!("{} as h{number}", alone.chain(&format!("o{number}_"), ROW_SEEDS[0])));
            }
        }
        let pairs: Vec<String> = wanted.iter().map(|(b, r)| format!("({b}, {r})")).collect();
        let keys: String = (1..=self.summed).map(|n| format!(", key{n}::text")).collect();
        let hashes: String = if columns {
            (0..self.columns.len()).map(|n| format!(", h{n}::text")).collect()
        } else {
            String::new()
        };
        format!(
            "select {bucket}::text, ({r})::text, words, g1::text{keys}{hashes} from {} where ({bucket}, {r}) in ({}) limit {most}",
            self.hashed(&self.of_buckets(source, wanted.iter().map(|(bucket, _)| *bucket)), &inputs, &more),
            pairs.join(", ")
        )
    }

    /// The statement that gives each row of some buckets: bucket, r, words, hash.
    pub(super) fn marks(&self, source: &str, buckets: &[u32], most: usize) -> String {
        let (bucket, r) = self.place();
        let list: Vec<String> = buckets.iter().map(u32::to_string).collect();
        format!(
            "select {bucket}::text, ({r})::text, words, g1::text || ' ' || g2::text from {} where {bucket} in ({}) limit {most}",
            self.hashed(
                &self.of_buckets(source, buckets.iter().copied()),
                &[format!("{} as words", self.words())],
                &["words".to_owned()]
            ),
            list.join(", ")
        )
    }

    /// The statement that gives the hashes of keys.
    pub(super) fn key_hashes(&self, source: &str, most: usize) -> String {
        format!("select kh::text from {} limit {most}", self.hashed(source, &[], &[]))
    }

    /// A condition on `x` that leaves out the rows whose keys have the hashes in that parameter.
    pub(super) fn not_among(&self, parameter: usize) -> String {
        let expressions = Inputs::new(&self.key, "k");
        format!(
            "not exists (select from (select {}) k where {} = any(cast(cast(${parameter} as text) as int8[])))",
            expressions.list().join(", "),
            expressions.chain("k", KEY_SEED)
        )
    }
}

fn is_integer(column: &Column) -> bool {
    matches!(column.class, Class::Small) && !column.declared.starts_with("bool")
}

/// What is read of a table: a range of its blocks, under a condition.
pub(super) fn table_source(table: &str, blocks: Option<(u64, Option<u64>)>, conditions: &[String]) -> String {
    let mut all: Vec<String> = Vec::new();
    if let Some((from, to)) = blocks {
        all.push(format!("x.ctid >= '({from},0)'::tid"));
        all.extend(to.map(|to| format!("x.ctid < '({to},0)'::tid")));
    }
    all.extend(conditions.iter().cloned());
    let all = if all.is_empty() { String::new() } else { format!(" where {}", all.join(" and ")) };
    format!("{table} x{all}")
}

/// What is read of a query; its columns are named by their places.
pub(super) fn query_source(statement: &Statement, columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    format!("({}\n) x({})", statement.sql, names.join(", "))
}
