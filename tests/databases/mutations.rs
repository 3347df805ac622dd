//! What can happen to the rows of a table, as SQL.

use super::{
    tables::{Column, Key, Table},
    values::Type,
};
use crate::sim::rng::Rng;
use std::{collections::BTreeSet, fmt::Write as _};

/// One thing that happens to a row, or to two.
#[derive(Debug, Clone)]
pub struct Mutation {
    pub what: &'static str,
    /// The type of the column that it is about.
    pub kind: &'static str,
    pub sql: String,
    /// The keys of the rows that it may change, as literals; none where the table has no key.
    pub keys: Vec<Vec<String>>,
    /// Whether it writes a value anew as it was.
    pub same: bool,
}

/// Mutations of different rows, which change `most` rows at most.
pub fn of_table(table: &Table, most: usize, rng: &mut Rng) -> Vec<Mutation> {
    let mut rows: Vec<usize> = (0..table.keys.len()).collect();
    for at in (1..rows.len()).rev() {
        let other = usize::try_from(rng.next() % (at as u64 + 1)).expect("small");
        rows.swap(at, other);
    }
    let mut maker = Maker { table, rows, taken: table.keys.iter().cloned().collect() };
    let mut all = Vec::new();
    let mut changed = 0;
    // Without a key, a row that changes is a row lost and a row more.
    let most = if table.key == Key::None { most / 2 } else { most };
    while changed < most {
        let Some(one) = maker.change(most - changed, rng) else { break };
        changed += one.keys.len().max(1);
        all.push(one);
    }
    for _ in 0..rng.between(1, 4) {
        all.extend(maker.rewrite(rng));
    }
    all
}

struct Maker<'a> {
    table: &'a Table,
    rows: Vec<usize>,
    taken: BTreeSet<Vec<String>>,
}

impl Maker<'_> {
    fn row(&mut self) -> Option<usize> {
        self.rows.pop()
    }

    fn change(&mut self, most: usize, rng: &mut Rng) -> Option<Mutation> {
        let table = self.table;
        let column = rng.pick(&table.columns);
        let made = match rng.between(0, 99) {
            0..=29 => self.set(column, "value", &column.kind.value(rng)),
            30..=54 => match column.kind.twists {
                [] => self.set(column, "value", &column.kind.value(rng)),
                twists => self.set(column, "twist", &rng.pick(twists).replace('@', &column.name)),
            },
            55..=62 if !column.not_null => self.set(column, "null", "null"),
            63..=68 => self.empty(rng),
            69..=74 => self.swap_columns(rng),
            75..=80 if most > 1 => self.swap_rows(column),
            81..=85 => self.move_character(rng),
            86..=89 => self.delete(),
            90..=93 => Some(self.insert(rng)),
            94..=96 if most > 1 => self.delete_and_insert(rng),
            97..=98 if most > 1 => self.other_key(rng),
            99 => self.duplicate(),
            _ => None,
        };
        // What does not fit the table gives way to what always does.
        made.or_else(|| self.set(column, "value", &column.kind.value(rng)))
    }

    fn of_row(&self, row: usize, what: &'static str, kind: &Type, sets: &str, same: bool) -> Mutation {
        let keys = if self.table.key == Key::None { Vec::new() } else { vec![self.table.keys[row].clone()] };
        let sql = format!("update {} set {sets} where {};", self.table.name, self.table.is(row));
        Mutation { what, kind: kind.name, sql, keys, same }
    }

    fn set(&mut self, column: &Column, what: &'static str, value: &str) -> Option<Mutation> {
        let row = self.row()?;
        Some(self.of_row(row, what, column.kind, &format!("{} = {value}", column.name), false))
    }

    /// NULL for '', '' for all else.
    fn empty(&mut self, rng: &mut Rng) -> Option<Mutation> {
        let texts: Vec<_> = self.table.columns.iter().filter(|column| column.kind.text).collect();
        if texts.is_empty() {
            return None;
        }
        let column = *rng.pick(&texts);
        let (row, name) = (self.row()?, &column.name);
        let other = if column.not_null { "' '" } else { "null" };
        let sets = format!("{name} = case when {name} = '' then {other} else '' end");
        Some(self.of_row(row, "empty", column.kind, &sets, false))
    }

    /// Two columns of the same kind that stand next to each other.
    fn twins(&self, rng: &mut Rng, text: bool) -> Option<(&Column, &Column)> {
        let pairs: Vec<_> = self
            .table
            .columns
            .windows(2)
            .filter(|pair| pair[0].kind.name == pair[1].kind.name && pair[0].not_null == pair[1].not_null)
            .filter(|pair| !text || pair[0].kind.text)
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let pair = rng.pick(&pairs);
        Some((&pair[0], &pair[1]))
    }

    fn swap_columns(&mut self, rng: &mut Rng) -> Option<Mutation> {
        let row = self.row()?;
        let (one, two) = self.twins(rng, false)?;
        let sets = format!("{} = {}, {} = {}", one.name, two.name, two.name, one.name);
        Some(self.of_row(row, "swapped columns", one.kind, &sets, false))
    }

    /// 'ab', 'c' becomes 'a', 'bc'.
    fn move_character(&mut self, rng: &mut Rng) -> Option<Mutation> {
        let row = self.row()?;
        let (one, two) = self.twins(rng, true)?;
        let sets = format!("{0} = left({0}, -1), {1} = right({0}, 1) || {1}", one.name, two.name);
        Some(self.of_row(row, "moved character", one.kind, &sets, false))
    }

    fn swap_rows(&mut self, column: &Column) -> Option<Mutation> {
        if self.table.key == Key::None {
            return None;
        }
        let (one, two) = (self.row()?, self.row()?);
        let (table, name) = (&self.table.name, &column.name);
        let (is_one, is_two) = (self.table.is(one), self.table.is(two));
        let sql = format!(
            "update {table} set {name} = case when {is_one} then (select {name} from {table} where {is_two}) \
             else (select {name} from {table} where {is_one}) end where {is_one} or {is_two};"
        );
        let keys = vec![self.table.keys[one].clone(), self.table.keys[two].clone()];
        Some(Mutation { what: "swapped rows", kind: column.kind.name, sql, keys, same: false })
    }

    fn delete(&mut self) -> Option<Mutation> {
        let row = self.row()?;
        let keys = if self.table.key == Key::None { Vec::new() } else { vec![self.table.keys[row].clone()] };
        let sql = format!("delete from {} where {};", self.table.name, self.table.is(row));
        Some(Mutation { what: "lost", kind: "", sql, keys, same: false })
    }

    fn insert(&mut self, rng: &mut Rng) -> Mutation {
        let key = match self.table.key {
            Key::None => Vec::new(),
            key => key.fresh(&mut self.taken, rng),
        };
        let row = self.table.row(&key, rng);
        let names = self.table.names().join(", ");
        let sql = format!("insert into {} ({names}) values ({});", self.table.name, row.join(", "));
        let keys = if key.is_empty() { Vec::new() } else { vec![key] };
        Mutation { what: "extra", kind: "", sql, keys, same: false }
    }

    fn delete_and_insert(&mut self, rng: &mut Rng) -> Option<Mutation> {
        let mut one = self.delete()?;
        let two = self.insert(rng);
        let _ = write!(one.sql, " {}", two.sql);
        one.keys.extend(two.keys);
        Some(Mutation { what: "lost and extra", ..one })
    }

    /// One bit of an integer key.
    fn other_key(&mut self, rng: &mut Rng) -> Option<Mutation> {
        let (name, kind, _) = *self.table.key.columns().last()?;
        let bits = match kind {
            "bigint" => 63,
            "integer" => 31,
            _ => return None,
        };
        let row = self.row()?;
        let old = &self.table.keys[row];
        let value: i64 = old.last()?.trim_matches('\'').parse().ok()?;
        let mut key = old.clone();
        let other = value ^ (1 << rng.between(0, bits - 1));
        *key.last_mut()? = format!("'{other}'");
        if !self.taken.insert(key.clone()) {
            return None;
        }
        let sql = format!("update {} set {name} = '{other}' where {};", self.table.name, self.table.is(row));
        Some(Mutation { what: "other key", kind: "", sql, keys: vec![old.clone(), key], same: false })
    }

    fn duplicate(&mut self) -> Option<Mutation> {
        if self.table.key != Key::None {
            return None;
        }
        let row = self.row()?;
        let sql =
            format!("insert into {0} select * from {0} where {1};", self.table.name, self.table.is(row));
        Some(Mutation { what: "duplicate", kind: "", sql, keys: Vec::new(), same: false })
    }

    /// A value is written anew as it was.
    fn rewrite(&mut self, rng: &mut Rng) -> Option<Mutation> {
        let column = rng.pick(&self.table.columns);
        let row = self.row()?;
        let name = &column.name;
        if column.kind.array && self.table.key != Key::None && rng.permille(500) {
            // The array keeps the bitmap of NULLs that it had for a moment.
            let (table, is) = (self.table, self.table.is(row));
            let first = format!("{name}[array_lower({name}, 1)]");
            let sql = format!(
                "update {0} set {first} = null where {is} and array_ndims({name}) = 1; \
                 update {0} set {first} = (select {first} from {1} where {is}) where {is} and array_ndims({name}) = 1;",
                table.name,
                table.original()
            );
            let keys = vec![table.keys[row].clone()];
            return Some(Mutation { what: "rewritten", kind: column.kind.name, sql, keys, same: true });
        }
        let value = match column.kind.same {
            [] => name.clone(),
            same => rng.pick(same).replace('@', name),
        };
        Some(self.of_row(row, "rewritten", column.kind, &format!("{name} = {value}"), true))
    }
}
