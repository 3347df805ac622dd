//! The one connection that writes, and its transactions.
//!
//! A transaction takes the connection out of its slot and puts it back once SQLite is known to be between
//! transactions. If a future is dropped half-way, or a rollback fails because SQLite has rolled back by itself
//! (a full disk), the connection is closed instead: SQLite then undoes what was not committed, and the next
//! transaction opens a new one. No state is carried over from an accident.

use super::place::Place;
use crate::ports::JournalError;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Writer {
    place: Place,
    options: SqliteConnectOptions,
    slot: Mutex<Option<SqliteConnection>>,
}

impl Writer {
    pub(super) fn new(place: Place, options: SqliteConnectOptions) -> Self {
        Self { place, options, slot: Mutex::new(None) }
    }

    /// Begins a transaction that holds SQLite's write lock from the start, so that what it reads stays true.
    pub(super) async fn begin(&self) -> Result<WriteTx<'_>, JournalError> {
        let mut slot = self.slot.lock().await;
        let mut conn = match slot.take() {
            Some(conn) => conn,
            None => self.options.connect().await.map_err(|error| self.place.sql(error))?,
        };
        if let Err(error) = sqlx::query("BEGIN IMMEDIATE").execute(&mut conn).await {
            return Err(self.place.sql(error));
        }
        Ok(WriteTx { slot, conn, place: &self.place })
    }

    /// Closes the connection. SQLite folds the write-ahead log into the file when the last one goes.
    pub(super) async fn close(&self) -> Result<(), JournalError> {
        use sqlx::Connection;
        match self.slot.lock().await.take() {
            Some(conn) => conn.close().await.map_err(|error| self.place.sql(error)),
            None => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) async fn run_for_test(&self, sql: &'static str) {
        let mut slot = self.slot.lock().await;
        let mut conn = match slot.take() {
            Some(conn) => conn,
            None => self.options.connect().await.expect("connects"),
        };
        sqlx::query(sql).execute(&mut conn).await.expect(sql);
        *slot = Some(conn);
    }
}

/// A transaction under way. Dropped without [`WriteTx::end`], it is undone.
pub(super) struct WriteTx<'a> {
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    conn: SqliteConnection,
    place: &'a Place,
}

impl WriteTx<'_> {
    pub(super) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }

    /// Commits what was done if `result` is good, and undoes it if not.
    pub(super) async fn end<T>(self, result: Result<T, JournalError>) -> Result<T, JournalError> {
        let Self { mut slot, mut conn, place } = self;
        let result = match result {
            Ok(value) => match sqlx::query("COMMIT").execute(&mut conn).await {
                Ok(_) => {
                    *slot = Some(conn);
                    return Ok(value);
                }
                Err(error) => Err(place.sql(error)),
            },
            Err(error) => Err(error),
        };
        if sqlx::query("ROLLBACK").execute(&mut conn).await.is_ok() {
            *slot = Some(conn);
        }
        result
    }
}
