//! Tables of random columns, with random keys and rows.

use super::values::Type;
use crate::sim::rng::Rng;
use std::{collections::BTreeSet, fmt::Write as _};

/// How rows of a table are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Small,
    Int,
    Big,
    Unique,
    TwoInts,
    ThreeInts,
    FourInts,
    Text,
    Uuid,
    IntText,
    Date,
    None,
}

const KEYS: [Key; 20] = [
    Key::Small,
    Key::Int,
    Key::Int,
    Key::Int,
    Key::Big,
    Key::Big,
    Key::Big,
    Key::Unique,
    Key::TwoInts,
    Key::TwoInts,
    Key::ThreeInts,
    Key::FourInts,
    Key::Text,
    Key::Text,
    Key::Uuid,
    Key::Uuid,
    Key::IntText,
    Key::Date,
    Key::None,
    Key::None,
];

impl Key {
    /// Its columns: names, types, whether a key's words quote them.
    pub fn columns(self) -> &'static [(&'static str, &'static str, bool)] {
        match self {
            Key::Small => &[("id", "smallint", false)],
            Key::Int => &[("id", "integer", false)],
            Key::Big => &[("id", "bigint", false)],
            Key::Unique => &[("number", "integer", false)],
            Key::TwoInts => &[("a", "integer", false), ("b", "bigint", false)],
            Key::ThreeInts => &[("a", "smallint", false), ("b", "integer", false), ("c", "bigint", false)],
            Key::FourInts => &[
                ("a", "integer", false),
                ("b", "integer", false),
                ("c", "bigint", false),
                ("d", "integer", false),
            ],
            Key::Text => &[("code", "text", true)],
            Key::Uuid => &[("u", "uuid", false)],
            Key::IntText => &[("n", "integer", false), ("code", "varchar(60)", true)],
            Key::Date => &[("day", "date", false)],
            Key::None => &[],
        }
    }

    /// Whether a row that is lost can be named by its key, not by a digest of it.
    pub fn is_summed(self) -> bool {
        !matches!(self, Key::FourInts | Key::Text | Key::Uuid | Key::IntText | Key::Date | Key::None)
    }

    /// A key that is not among these, each column as a literal.
    pub fn fresh(self, taken: &mut BTreeSet<Vec<String>>, rng: &mut Rng) -> Vec<String> {
        loop {
            let key = self.value(rng);
            if taken.insert(key.clone()) || self == Key::None {
                return key;
            }
        }
    }

    fn value(self, rng: &mut Rng) -> Vec<String> {
        let mut near = |most: u64| rng.between(0, most).to_string();
        match self {
            Key::None => Vec::new(),
            Key::Small => vec![number(rng, 16)],
            Key::Int | Key::Unique => vec![number(rng, 32)],
            Key::Big => vec![number(rng, 64)],
            Key::TwoInts => vec![near(30), number(rng, 64)],
            Key::ThreeInts => vec![near(9), near(9), near(99)],
            Key::FourInts => vec![near(5), near(5), near(5), number(rng, 32)],
            Key::Text => vec![code(rng)],
            Key::IntText => vec![number(rng, 32), code(rng)],
            Key::Uuid => vec![format!("'{:016x}{:016x}'", rng.next(), rng.next())],
            Key::Date => vec![format!("(date '2000-01-01' + {})", rng.between(0, 20_000))],
        }
    }
}

/// A number of so many bits as an SQL literal; small ones and those at the ends more often.
fn number(rng: &mut Rng, bits: u32) -> String {
    let n = match rng.between(0, 9) {
        0 => *rng.pick(&[0, -1, 1, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(u32::MAX), 1 << 40]),
        1..=5 => i64::try_from(rng.between(1, 300)).expect("small"),
        6 => -i64::try_from(rng.between(1, 300)).expect("small"),
        _ => rng.next().cast_signed(),
    };
    // The lowest bits, with their sign.
    format!("'{}'", n << (64 - bits) >> (64 - bits))
}

fn code(rng: &mut Rng) -> String {
    const OF: [char; 12] = ['a', 'b', 'A', ' ', '-', 'é', '日', '0', '9', '"', '.', '/'];
    let length = if rng.permille(100) { 50 } else { rng.between(2, 9) };
    let mut text: String = (0..length).map(|_| *rng.pick(&OF)).collect();
    if rng.permille(100) {
        text.push_str("''");
    }
    // A blank at an end would be cut where the list of keys is read back.
    format!("'x{text}z'")
}

/// A column of a table.
pub struct Column {
    pub name: String,
    pub kind: &'static Type,
    pub not_null: bool,
}

/// A table with its rows' keys.
pub struct Table {
    /// As checks name it, and, since all names are plain, as SQL takes it.
    pub name: String,
    pub key: Key,
    pub columns: Vec<Column>,
    /// Each key column's literal.
    pub keys: Vec<Vec<String>>,
}

const NAMES: [&str; 4] = ["value", "\"sel\"\"ect\"", "\"Größe\"", "\"a b\""];

impl Table {
    /// A table of some of the types, and the statements that make and fill it and its copy in the schema `orig`.
    pub fn random(number: usize, rows: usize, types: &[&'static Type], rng: &mut Rng) -> (Table, String) {
        let schema = if rng.permille(100) { "shop." } else { "" };
        let key = *rng.pick(&KEYS);
        let mut columns = Vec::new();
        let mut add = |kind: &'static Type, rng: &mut Rng| {
            let name = match columns.len() {
                n if rng.permille(50) => format!("{}{n}\"", NAMES[1 + n % 3].trim_end_matches('"')),
                n => format!("{}{n}", NAMES[0]),
            };
            columns.push(Column { name, kind, not_null: rng.permille(300) });
        };
        for _ in 0..rng.between(3, 6) {
            let kind = *rng.pick(types);
            add(kind, rng);
            // Two of a kind can be swapped, and characters moved between them.
            if rng.permille(400) {
                add(kind, rng);
            }
        }
        let mut taken = BTreeSet::new();
        let keys = (0..rows).map(|_| key.fresh(&mut taken, rng)).collect();
        let table = Table { name: format!("{schema}t{number}"), key, columns, keys };
        let sql = table.made(rng);
        (table, sql)
    }

    /// Names of all columns, the key's first.
    pub fn names(&self) -> Vec<&str> {
        let key = self.key.columns().iter().map(|(name, ..)| *name);
        key.chain(self.columns.iter().map(|column| column.name.as_str())).collect()
    }

    fn made(&self, rng: &mut Rng) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (name, kind, _) in self.key.columns() {
            parts.push(format!("{name} {kind} not null"));
        }
        for column in &self.columns {
            let not_null = if column.not_null { " not null" } else { "" };
            parts.push(format!("{} {}{not_null}", column.name, column.kind.name));
        }
        let key: Vec<&str> = self.key.columns().iter().map(|(name, ..)| *name).collect();
        match self.key {
            Key::None => {}
            Key::Unique => parts.push(format!("unique ({})", key.join(", "))),
            _ => parts.push(format!("primary key ({})", key.join(", "))),
        }
        let mut sql = format!("create table {} ({});\n", self.name, parts.join(", "));
        let rows: Vec<String> =
            self.keys.iter().map(|key| format!("({})", self.row(key, rng).join(", "))).collect();
        let _ = writeln!(sql, "insert into {} values {};", self.name, rows.join(",\n"));
        if self.key == Key::None {
            // Some rows occur more than once.
            let _ = writeln!(
                sql,
                "insert into {0} select * from {0} order by ctid limit 9; insert into {0} select * from {0} order by ctid limit 3;",
                self.name
            );
        }
        let _ = writeln!(sql, "create table {} as table {};", self.original(), self.name);
        sql
    }

    /// The copy that stays as it was.
    pub fn original(&self) -> String {
        format!("orig.{}", self.name.replace("shop.", "shop_"))
    }

    /// A row's values, as literals.
    pub fn row(&self, key: &[String], rng: &mut Rng) -> Vec<String> {
        let mut values = key.to_vec();
        for column in &self.columns {
            let null = !column.not_null && rng.permille(150);
            values.push(if null { "null".to_owned() } else { column.kind.value(rng) });
        }
        values
    }

    /// A condition that holds for one row: by its key, or by its place.
    pub fn is(&self, row: usize) -> String {
        match self.key {
            Key::None => {
                format!("ctid = (select ctid from {} order by ctid limit 1 offset {row})", self.name)
            }
            key => {
                let names = key.columns().iter().map(|(name, ..)| *name);
                let parts: Vec<_> =
                    names.zip(&self.keys[row]).map(|(name, value)| format!("{name} = {value}")).collect();
                parts.join(" and ")
            }
        }
    }

    /// The key in words, over `x`.
    pub fn words(&self) -> String {
        let part = |(name, _, quoted): &(&str, &str, bool)| match quoted {
            false => format!("'{name}=' || x.{name}::text"),
            true => format!(
                "'{name}=' || quote_literal(left(x.{name}, 40)) || case when length(x.{name}) > 40 then '…' else '' end"
            ),
        };
        self.key.columns().iter().map(part).collect::<Vec<_>>().join(" || ' ' || ")
    }
}
