//! Who may write to a run: taken, renewed, given up, and taken over from the dead.
//!
//! | the lease | may another take it? |
//! | --- | --- |
//! | given up | yes |
//! | held, the holder's process has ended | yes, at once |
//! | held, its time not over | no |
//! | held, its time over | yes: the holder hangs, or sleeps, and is refused from then on |
//!
//! Each taking makes the token one larger. An entry is written only with the newest token, so that a holder
//! that wakes up after it was replaced can't write.

use super::{SqliteJournal, holder::Liveness};
use crate::{
    ids::RunId,
    ports::{JournalError, LEASE, Lease},
    time::Timestamp,
};
use sqlx::{Row, SqliteConnection};
use std::collections::HashSet;

impl SqliteJournal {
    /// Names this process as a holder of leases. The first call takes a file lock that tells others that it lives.
    pub async fn holder(&self) -> Result<String, JournalError> {
        if self.writer.is_none() {
            return Err(self.place.storage("it was opened for reading only"));
        }
        let holder = self.locks.own()?;
        self.sweep_locks().await;
        Ok(holder)
    }

    /// Tidies up after dead processes. A lock file that stays does no harm, so a failure is no error.
    async fn sweep_locks(&self) {
        let named: Result<Vec<String>, _> =
            sqlx::query_scalar("SELECT holder FROM leases WHERE holder IS NOT NULL")
                .fetch_all(&self.reader)
                .await;
        match named {
            Ok(named) => self.locks.sweep(&HashSet::from_iter(named)),
            Err(error) => tracing::debug!(%error, "dead lock files were not looked for"),
        }
    }

    pub(super) async fn first_lease(
        &self,
        conn: &mut SqliteConnection,
        run: RunId,
        holder: &str,
        now: Timestamp,
    ) -> Result<Lease, JournalError> {
        sqlx::query("INSERT INTO leases (run, holder, token, expires_ms) VALUES (?, ?, 1, ?)")
            .bind(run.to_string())
            .bind(holder)
            .bind((now + LEASE).as_millis())
            .execute(conn)
            .await
            .map_err(|error| self.place.sql(error))?;
        Ok(Lease { run, holder: holder.to_owned(), token: 1 })
    }

    /// Refuses a lease that is not the newest, or was given up.
    pub(super) async fn must_hold(
        &self,
        conn: &mut SqliteConnection,
        lease: &Lease,
    ) -> Result<(), JournalError> {
        let row: Option<(Option<String>, i64)> =
            sqlx::query_as("SELECT holder, token FROM leases WHERE run = ?")
                .bind(lease.run.to_string())
                .fetch_optional(conn)
                .await
                .map_err(|error| self.place.sql(error))?;
        match row {
            None => Err(JournalError::NoSuchRun(lease.run.to_string())),
            Some((Some(holder), token))
                if holder == lease.holder && u64::try_from(token) == Ok(lease.token) =>
            {
                Ok(())
            }
            Some(_) => Err(JournalError::LeaseLost(lease.run)),
        }
    }

    pub(super) async fn take_over(
        &self,
        run: RunId,
        holder: &str,
        now: Timestamp,
    ) -> Result<Lease, JournalError> {
        let mut tx = self.begin().await?;
        let result = self.take_over_in(tx.conn(), run, holder, now).await;
        let lease = tx.end(result).await?;
        self.sweep_locks().await;
        Ok(lease)
    }

    async fn take_over_in(
        &self,
        conn: &mut SqliteConnection,
        run: RunId,
        holder: &str,
        now: Timestamp,
    ) -> Result<Lease, JournalError> {
        let sql = |error| self.place.sql(error);
        let row = sqlx::query(
            "SELECT l.holder, l.token, l.expires_ms, s.finished_ms FROM leases l \
             LEFT JOIN run_summaries s ON s.run = l.run WHERE l.run = ?",
        )
        .bind(run.to_string())
        .fetch_optional(&mut *conn)
        .await
        .map_err(sql)?
        .ok_or_else(|| JournalError::NoSuchRun(run.to_string()))?;
        let held_by: Option<String> = row.try_get("holder").map_err(sql)?;
        let token: i64 = row.try_get("token").map_err(sql)?;
        let expires = Timestamp::from_millis(row.try_get("expires_ms").map_err(sql)?);
        if row.try_get::<Option<i64>, _>("finished_ms").map_err(sql)?.is_some() {
            return Err(JournalError::Finished(run));
        }
        if let Some(held_by) = held_by
            && now < expires
            && self.locks.liveness(&held_by) != Liveness::Gone
        {
            return Err(JournalError::Held { run, holder: held_by });
        }
        let token = token.saturating_add(1);
        sqlx::query("UPDATE leases SET holder = ?, token = ?, expires_ms = ? WHERE run = ?")
            .bind(holder)
            .bind(token)
            .bind((now + LEASE).as_millis())
            .bind(run.to_string())
            .execute(conn)
            .await
            .map_err(sql)?;
        Ok(Lease { run, holder: holder.to_owned(), token: token.unsigned_abs() })
    }

    pub(super) async fn prolong(&self, lease: &Lease, now: Timestamp) -> Result<(), JournalError> {
        let mut tx = self.begin().await?;
        let result = self.set_lease(tx.conn(), lease, Some(&lease.holder), Some(now + LEASE)).await;
        tx.end(result).await
    }

    pub(super) async fn let_go(&self, lease: &Lease) -> Result<(), JournalError> {
        let mut tx = self.begin().await?;
        let result = self.set_lease(tx.conn(), lease, None, None).await;
        tx.end(result).await
    }

    async fn set_lease(
        &self,
        conn: &mut SqliteConnection,
        lease: &Lease,
        holder: Option<&str>,
        expires: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        self.must_hold(conn, lease).await?;
        sqlx::query("UPDATE leases SET holder = ?, expires_ms = coalesce(?, expires_ms) WHERE run = ?")
            .bind(holder)
            .bind(expires.map(Timestamp::as_millis))
            .bind(lease.run.to_string())
            .execute(conn)
            .await
            .map_err(|error| self.place.sql(error))?;
        Ok(())
    }
}
