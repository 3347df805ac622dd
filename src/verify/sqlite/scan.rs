//! Reading every row of a SQLite table once, on one connection or on several.

use super::{
    Opener, Pace, each_row, each_row_at,
    schema::{RowNumbers, pace, quoted},
    trouble, value,
};
use crate::{
    drill::{Fault, FaultClass},
    verify::{
        fingerprint::{Key, RowBytes, Tally},
        sql::{Shape, Trouble},
        statement::Statement,
        value::Value,
    },
};
use sqlx::{
    Connection, Decode, Row, Sqlite, TypeInfo, ValueRef,
    sqlite::{SqliteConnection, SqliteRow, SqliteValueRef},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// Rows between two looks of those who watch.
const TICK_ROWS: u64 = 50_000;

/// Which rows of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Whole,
    Range(i64, i64),
}

/// How rows are read and known.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    statement: Statement,
    /// Where the row number is compared, for a part of the table.
    row_number: Option<&'static str>,
    /// Whether there is a condition already.
    conditional: bool,
    /// The places of the key's columns in the row.
    key: Vec<usize>,
}

impl Plan {
    pub(super) fn of_table(shape: &Shape) -> Self {
        let names: Vec<String> =
            shape.columns.iter().map(|(name, _)| format!("x.{}", quoted(name))).collect();
        let mut sql = format!("select {} from main.{} as x", names.join(", "), quoted(&shape.table.name));
        let mut values = Vec::new();
        if let Some(condition) = &shape.condition {
            sql.push_str(&format!(" where {}", condition.sql));
            values.clone_from(&condition.values);
        }
        let place = |key: &String| shape.columns.iter().position(|(name, _)| name == key);
        let key = shape.key.iter().map(place).collect::<Option<Vec<usize>>>().unwrap_or_default();
        Self {
            statement: Statement { sql, values },
            row_number: shape.row_number,
            conditional: shape.condition.is_some(),
            key,
        }
    }

    pub(super) fn of_query(statement: &Statement) -> Self {
        Self { statement: statement.clone(), row_number: None, conditional: false, key: Vec::new() }
    }

    fn statement(&self, part: Part) -> Statement {
        let mut statement = self.statement.clone();
        if let (Part::Range(from, to), Some(number)) = (part, self.row_number) {
            // Numbers are written out: a bound text would be compared as one. The least i64 has no literal of its own.
            let from = if from == i64::MIN { "(-9223372036854775807 - 1)".into() } else { from.to_string() };
            let and = if self.conditional { "and" } else { "where" };
            statement.sql.push_str(&format!(" {and} x.{number} between {from} and {to}"));
        }
        statement
    }
}

/// Writes a value in its canonical bytes, without a copy of its own.
fn push(bytes: &mut RowBytes, raw: SqliteValueRef<'_>) -> Result<(), sqlx::Error> {
    if raw.is_null() {
        bytes.null();
        return Ok(());
    }
    let kind = raw.type_info().into_owned();
    match kind.name() {
        "INTEGER" => <i64 as Decode<'_, Sqlite>>::decode(raw).map(|value| bytes.integer(value)),
        "REAL" => <f64 as Decode<'_, Sqlite>>::decode(raw).map(|value| bytes.real(value)),
        "TEXT" => <&[u8] as Decode<'_, Sqlite>>::decode(raw).map(|value| bytes.text(value)),
        _ => <&[u8] as Decode<'_, Sqlite>>::decode(raw).map(|value| bytes.blob(value)),
    }
    .map_err(sqlx::Error::Decode)
}

/// Hashes rows and keys, with buffers that are used again.
#[derive(Default)]
struct Hasher {
    row: RowBytes,
    key: RowBytes,
}

impl Hasher {
    fn row(&mut self, row: &SqliteRow, columns: std::ops::Range<usize>) -> Result<u128, sqlx::Error> {
        self.row.clear();
        for column in columns {
            push(&mut self.row, row.try_get_raw(column)?)?;
        }
        Ok(self.row.row_hash())
    }

    fn key(&mut self, row: &SqliteRow, places: &[usize]) -> Result<Key, sqlx::Error> {
        if let [place] = places {
            let raw = row.try_get_raw(*place)?;
            if !raw.is_null() && raw.type_info().name() == "INTEGER" {
                let key = <i64 as Decode<'_, Sqlite>>::decode(raw).map_err(sqlx::Error::Decode)?;
                return Ok(Key::Integer(key));
            }
        }
        self.key.clear();
        for place in places {
            push(&mut self.key, row.try_get_raw(*place)?)?;
        }
        Ok(self.key.key())
    }
}

/// Reads a part on one connection.
pub(super) async fn tally(
    connection: &mut SqliteConnection,
    pace: Pace,
    plan: &Plan,
    part: Part,
    mut seen: impl FnMut(u64) + Send,
) -> Result<Tally, Trouble> {
    let mut tally = Tally::default();
    let mut hasher = Hasher::default();
    each_row_at(pace, connection, &plan.statement(part), |row| {
        let hash = hasher.row(row, 0..row.len())?;
        let key = if plan.key.is_empty() { Key::of_row(hash) } else { hasher.key(row, &plan.key)? };
        tally.add(hash, key);
        if tally.rows.is_multiple_of(TICK_ROWS) {
            seen(tally.rows);
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(tally)
}

/// Reads a table on several connections, each taking the next range of row numbers when it is done with one.
pub(super) async fn tally_split(
    opener: &Opener,
    plan: Plan,
    range: RowNumbers,
    ahead: usize,
    seen: impl Fn(u64) + Send,
) -> Result<Tally, Trouble> {
    let connections = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
    let ranges = Arc::new(range.cut(8 * connections as u64));
    let (plan, next, rows) = (Arc::new(plan), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let mut readers = JoinSet::new();
    for _ in 0..connections {
        let (opener, plan, ranges) = (opener.clone(), Arc::clone(&plan), Arc::clone(&ranges));
        let (next, rows) = (Arc::clone(&next), Arc::clone(&rows));
        readers.spawn(async move {
            let mut connection = opener.open(ahead).await?;
            let mut whole = Tally::default();
            while let Some((from, to)) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
                let part =
                    tally(&mut connection, pace(ahead), &plan, Part::Range(*from, *to), |_| {}).await?;
                rows.fetch_add(part.rows, Ordering::Relaxed);
                whole.merge(&part);
            }
            connection.close().await.map_err(trouble)?;
            Ok::<Tally, Trouble>(whole)
        });
    }
    let mut whole = Tally::default();
    loop {
        tokio::select! {
            done = readers.join_next() => match done {
                None => return Ok(whole),
                Some(Ok(part)) => whole.merge(&part?),
                Some(Err(error)) => {
                    return Err(Fault::new(FaultClass::Surroundings, format!("a reader ended: {error}")).into());
                }
            },
            () = tokio::time::sleep(Duration::from_millis(250)) => seen(rows.load(Ordering::Relaxed)),
        }
    }
}

/// Reads the table once more, to find those keys that are known by their hash alone.
pub(super) async fn names(
    connection: &mut SqliteConnection,
    shape: &Shape,
    keys: &[Key],
) -> Result<BTreeMap<Key, String>, Trouble> {
    let wanted: BTreeSet<Key> = keys.iter().copied().collect();
    let mut found = BTreeMap::new();
    let mut hasher = Hasher::default();
    let mut keep = |key: Key, words: &mut dyn FnMut() -> Result<String, sqlx::Error>| {
        if wanted.contains(&key) {
            found.insert(key, words()?);
        }
        let all = found.len() == wanted.len();
        Ok(if all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let table = quoted(&shape.table.name);
    if shape.key.is_empty() {
        // A row without a key is known by its own hash, and named by its number in the restored file.
        let Some(number) = shape.row_number else { return Ok(BTreeMap::new()) };
        let columns: Vec<String> =
            shape.columns.iter().map(|(name, _)| format!("x.{}", quoted(name))).collect();
        let sql = format!("select x.{number}, {} from main.{table} as x", columns.join(", "));
        each_row(connection, &Statement { sql, values: Vec::new() }, |row| {
            let hash = hasher.row(row, 1..row.len())?;
            keep(Key::of_row(hash), &mut || Ok(format!("{number}={}", value(row.try_get_raw(0)?)?)))
        })
        .await?;
    } else {
        let columns: Vec<String> = shape.key.iter().map(|name| format!("x.{}", quoted(name))).collect();
        let sql = format!("select {} from main.{table} as x", columns.join(", "));
        let places: Vec<usize> = (0..shape.key.len()).collect();
        each_row(connection, &Statement { sql, values: Vec::new() }, |row| {
            let key = hasher.key(row, &places)?;
            keep(key, &mut || {
                let parts = shape.key.iter().zip(&places).map(|(name, place)| {
                    Ok(format!("{name}={}", in_words(&value(row.try_get_raw(*place)?)?)))
                });
                Ok(parts.collect::<Result<Vec<_>, sqlx::Error>>()?.join(" "))
            })
        })
        .await?;
    }
    Ok(found)
}

/// A key's value, cut where it is long.
fn in_words(value: &Value) -> String {
    const LONGEST: usize = 40;
    let cut = |text: String| match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    match value {
        Value::Text(text) => format!("'{}'", cut(text.escape_debug().to_string())),
        Value::Blob(_) => format!("x'{}'", cut(value.to_string())),
        plain => plain.to_string(),
    }
}
