//! SQLite: a read-only session on a restored file or on the live database.
//!
//! | | restored | live |
//! | --- | --- | --- |
//! | opened | read-only, as immutable where no log lies beside it: no lock, no `-shm`, nothing left behind | read-only |
//! | seen | the file | one read transaction from its first read to its end |
//! | connections | several, by ranges of row numbers | one |
//!
//! Pinned: `query_only`, `trusted_schema = off` (the file's schema is data from elsewhere), `cell_size_check`.
//! Every statement can be stopped: a flag is looked at every few thousand steps of SQLite's machine.

mod scan;
mod schema;
#[cfg(test)]
mod tests;

use super::{
    TableFingerprint,
    answer::Answer,
    fingerprint::Key,
    sql::{How, Integrity, Seen, Session, Shape, Table, Target, Trouble},
    statement::Statement,
    value::Value,
    words::{counted, grouped},
};
use crate::drill::{Fault, FaultClass};
use async_trait::async_trait;
use futures_util::{FutureExt, TryStreamExt};
use scan::Part;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Decode, Executor, Row, SqlSafeStr, Sqlite, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteValueRef},
};
use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Steps of SQLite's machine between two looks at the flag.
const STEPS: i32 = 5000;
/// Problems of `integrity_check` that are listed.
const PROBLEMS: usize = 10;

/// A session; when it is dropped, what it runs is stopped.
pub(super) struct SqliteSession {
    stop: Stop,
    opener: Opener,
    connection: SqliteConnection,
    pace: Pace,
    live: bool,
}

/// How connections to one file are opened.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    path: PathBuf,
    immutable: bool,
    stopped: Arc<AtomicBool>,
}

/// Raises the flag when it goes.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Opener {
    fn new(path: &Path, immutable: bool) -> Result<Self, Trouble> {
        let path = path.canonicalize().map_err(|error| {
            Fault::new(FaultClass::Permanent, format!("{} can't be opened: {error}", path.display()))
        })?;
        Ok(Self { path, immutable, stopped: Arc::new(AtomicBool::new(false)) })
    }

    /// Opens a connection that holds so many rows ahead of its reader.
    async fn open(&self, ahead: usize) -> Result<SqliteConnection, Trouble> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .immutable(self.immutable)
            .foreign_keys(false)
            .busy_timeout(Duration::from_secs(30))
            .row_buffer_size(ahead)
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("query_only", "ON")
            .pragma("cache_size", "-16384")
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(trouble)?;
        let stopped = Arc::clone(&self.stopped);
        let mut handle = connection.lock_handle().await.map_err(trouble)?;
        handle.set_progress_handler(STEPS, move || !stopped.load(Ordering::Relaxed));
        drop(handle);
        Ok(connection)
    }
}

impl SqliteSession {
    /// On a restored file, which nobody else writes to.
    pub(super) async fn of_restored(path: &Path) -> Result<Self, Trouble> {
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            std::fs::metadata(name).is_ok_and(|file| file.len() > 0)
        };
        // An immutable file's logs would not be looked at: with one beside it, SQLite must see to it.
        let immutable = !beside("-wal") && !beside("-journal");
        let opener = Opener::new(path, immutable)?;
        let connection = opener.open(128).await?;
        Ok(Self {
            stop: Stop(Arc::clone(&opener.stopped)),
            opener,
            connection,
            pace: Pace::Eager,
            live: false,
        })
    }

    /// On a live database: everything is read as of one moment.
    pub(super) async fn of_live(path: &Path) -> Result<Self, Trouble> {
        let opener = Opener::new(path, false)?;
        let stop = Stop(Arc::clone(&opener.stopped));
        let mut probe = opener.open(16).await?;
        let mut rows = 0u64;
        for table in schema::tables(&mut probe).await? {
            let shape = schema::describe(&mut probe, &table).await?;
            let range = schema::row_numbers(&mut probe, &shape).await?;
            rows = rows.saturating_add(range.map_or(0, schema::RowNumbers::count));
        }
        probe.close().await.map_err(trouble)?;
        let ahead = schema::rows_ahead(&opener.path, rows);
        let mut connection = opener.open(ahead).await?;
        connection.execute("BEGIN").await.map_err(trouble)?;
        Ok(Self { stop, opener, connection, pace: schema::pace(ahead), live: true })
    }
}

/// What an error of the driver means.
pub(super) fn trouble(error: sqlx::Error) -> Trouble {
    let sqlx::Error::Database(database) = &error else {
        let class = match &error {
            sqlx::Error::Io(_) => FaultClass::Surroundings,
            _ => FaultClass::Permanent,
        };
        return Fault::new(class, format!("the database can't be read: {error}")).into();
    };
    let code: i32 = database.code().and_then(|code| code.parse().ok()).unwrap_or(1);
    let message = database.message();
    let fault = |class, message: String| Trouble::Fault(Fault::new(class, message));
    match code & 0xff {
        11 | 26 => Trouble::Damaged(message.to_owned()),
        9 => fault(FaultClass::Timeout, "the statement was stopped".into()),
        5 | 6 => fault(FaultClass::Transient, format!("the database is busy: {message}")),
        8 => fault(FaultClass::Permanent, format!("a check only reads: {message}")),
        7 | 10 | 13 | 14 | 23 => {
            fault(FaultClass::Surroundings, format!("the database can't be read: {message}"))
        }
        _ => fault(FaultClass::Permanent, format!("SQLite says: {message}")),
    }
}

/// Reads a value as it is stored, whatever the column's declared type.
pub(super) fn value(raw: SqliteValueRef<'_>) -> Result<Value, sqlx::Error> {
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().into_owned();
    let value = match kind.name() {
        "INTEGER" => <i64 as Decode<'_, Sqlite>>::decode(raw).map(Value::Integer),
        "REAL" => <f64 as Decode<'_, Sqlite>>::decode(raw).map(Value::Real),
        "TEXT" => <&[u8] as Decode<'_, Sqlite>>::decode(raw)
            .map(|bytes| Value::Text(String::from_utf8_lossy(bytes).into_owned())),
        _ => <&[u8] as Decode<'_, Sqlite>>::decode(raw).map(|bytes| Value::Blob(bytes.to_vec())),
    };
    value.map_err(sqlx::Error::Decode)
}

/// How rows are waited for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// Each as soon as it is there.
    Eager,
    /// Many at a time. The reader is faster than SQLite: woken for each row, it would cost more than the row.
    Batches,
}

/// Runs a statement and hands over each row until told to stop.
pub(super) async fn each_row(
    connection: &mut SqliteConnection,
    statement: &Statement,
    on_row: impl FnMut(&SqliteRow) -> Result<ControlFlow<()>, sqlx::Error> + Send,
) -> Result<(), Trouble> {
    each_row_at(Pace::Eager, connection, statement, on_row).await
}

/// As [`each_row`], at that pace.
pub(super) async fn each_row_at(
    pace: Pace,
    connection: &mut SqliteConnection,
    statement: &Statement,
    mut on_row: impl FnMut(&SqliteRow) -> Result<ControlFlow<()>, sqlx::Error> + Send,
) -> Result<(), Trouble> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql.as_str())).persistent(false);
    for value in &statement.values {
        query = query.bind(value.as_str());
    }
    let mut rows = query.fetch(connection);
    let mut first = true;
    loop {
        let next = match pace {
            Pace::Batches if !first => match rows.try_next().now_or_never() {
                Some(next) => next,
                None => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                }
            },
            _ => rows.try_next().await,
        };
        first = false;
        match next.map_err(trouble)? {
            Some(row) if on_row(&row).map_err(trouble)?.is_continue() => {}
            _ => return Ok(()),
        }
    }
}

fn plain(sql: impl Into<String>) -> Statement {
    Statement { sql: sql.into(), values: Vec::new() }
}

#[async_trait]
impl Session for SqliteSession {
    fn placeholder(&self) -> fn(usize, &str) -> String {
        |number, _| format!("?{number}")
    }

    async fn integrity(&mut self, _: Seen<'_>) -> Result<Integrity, Trouble> {
        let mut found = Integrity::default();
        let tables = self.tables().await?;
        if !tables.iter().any(|table| table.kind != super::sql::TableKind::View) {
            found.problems.push("the file holds no tables".to_owned());
        }
        let check = plain(format!("PRAGMA integrity_check({})", PROBLEMS + 1));
        let mut reported: Vec<String> = Vec::new();
        each_row(&mut self.connection, &check, |row| {
            reported.push(value(row.try_get_raw(0)?)?.to_string());
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        if reported.is_empty() {
            found.problems.push("integrity_check gave no answer".to_owned());
        }
        let more = reported.len() > PROBLEMS;
        found.problems.extend(reported.into_iter().take(PROBLEMS).filter(|line| line != "ok"));
        if more {
            found.problems.push("and more problems in storage".to_owned());
        }

        let mut broken: BTreeMap<(String, String), u64> = BTreeMap::new();
        let references = each_row(&mut self.connection, &plain("PRAGMA foreign_key_check"), |row| {
            let table = value(row.try_get_raw(0)?)?.to_string();
            let parent = value(row.try_get_raw(2)?)?.to_string();
            *broken.entry((table, parent)).or_default() += 1;
            Ok(ControlFlow::Continue(()))
        })
        .await;
        found.problems.extend(broken.into_iter().map(|((table, parent), rows)| {
            format!("{table}: {} refer to rows of {parent} that are not there", counted(rows, "row"))
        }));
        match references {
            Ok(()) => {}
            // The schema declares a reference that SQLite itself can't follow, such as to columns without an index.
            Err(Trouble::Fault(fault)) if fault.class == FaultClass::Permanent => {
                found.notes.push(format!("references were not checked in full: {}", fault.message));
            }
            Err(other) => return Err(other),
        }
        let size = "select page_count * page_size from pragma_page_count, pragma_page_size";
        let bytes = self.answer(&plain(size), 1).await?;
        let bytes = match bytes.first.first() {
            Some(Value::Integer(bytes)) => u64::try_from(*bytes).unwrap_or(0),
            _ => 0,
        };
        let count = tables.iter().filter(|table| table.kind != super::sql::TableKind::View).count();
        found.looked_at = format!("{} bytes, {}", grouped(bytes), counted(count as u64, "table"));
        Ok(found)
    }

    async fn tables(&mut self) -> Result<Vec<Table>, Trouble> {
        schema::tables(&mut self.connection).await
    }

    async fn describe(&mut self, table: &Table) -> Result<Shape, Trouble> {
        schema::describe(&mut self.connection, table).await
    }

    async fn fingerprint(
        &mut self,
        target: &Target,
        _: How,
        seen: Seen<'_>,
    ) -> Result<TableFingerprint, Trouble> {
        let shape = match target {
            Target::Table(shape) => shape,
            Target::Query(statement) => {
                let names = self.columns(statement).await?;
                let columns = names.into_iter().map(|name| (name, String::new())).collect();
                let plan = scan::Plan::of_query(statement);
                let tally =
                    scan::tally(&mut self.connection, self.pace, &plan, Part::Whole, |rows| seen(rows, None))
                        .await?;
                return Ok(tally.finish("query", columns, Vec::new()));
            }
        };
        let plan = scan::Plan::of_table(shape);
        let range = schema::row_numbers(&mut self.connection, shape).await?;
        let total = range.map(|range| range.count());
        let tally = match range {
            Some(range) if !self.live && range.worth_splitting() => {
                let ahead = schema::rows_ahead(&self.opener.path, range.count());
                scan::tally_split(&self.opener, plan, range, ahead, |rows| seen(rows, total)).await?
            }
            _ => {
                scan::tally(&mut self.connection, self.pace, &plan, Part::Whole, |rows| seen(rows, total))
                    .await?
            }
        };
        Ok(tally.finish(&shape.table.name, shape.columns.clone(), shape.key.clone()))
    }

    async fn names(&mut self, target: &Target, keys: &[Key]) -> Result<BTreeMap<Key, String>, Trouble> {
        match target {
            Target::Table(shape) if !keys.is_empty() => scan::names(&mut self.connection, shape, keys).await,
            _ => Ok(BTreeMap::new()),
        }
    }

    async fn answer(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble> {
        let mut answer = Answer { rows: 0, more: false, first: Vec::new() };
        each_row(&mut self.connection, statement, |row| {
            if answer.rows == enough {
                answer.more = true;
                return Ok(ControlFlow::Break(()));
            }
            answer.rows += 1;
            if answer.rows == 1 {
                for column in 0..row.len() {
                    answer.first.push(value(row.try_get_raw(column)?)?);
                }
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(answer)
    }

    async fn close(self: Box<Self>) {
        let SqliteSession { stop, connection, .. } = *self;
        // Nothing was written: an error while closing loses nothing.
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "closing a read-only connection");
        }
        drop(stop);
    }
}

impl SqliteSession {
    async fn columns(&mut self, statement: &Statement) -> Result<Vec<String>, Trouble> {
        use sqlx::{Column, Statement as _};
        let prepared = (&mut self.connection)
            .prepare(AssertSqlSafe(statement.sql.as_str()).into_sql_str())
            .await
            .map_err(trouble)?;
        Ok(prepared.columns().iter().map(|column| column.name().to_owned()).collect())
    }
}
