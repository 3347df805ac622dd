//! Looking through the whole database for damage, and building the projection anew.

use super::{
    SqliteJournal,
    open::MIGRATOR,
    projection::{COLUMNS, Summary, digest},
};
use crate::{
    ids::{Digest, RunId},
    ports::JournalError,
};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

/// What looking through the database found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// What is wrong with the database as a whole; empty: nothing.
    pub database: Vec<String>,
    /// Each run, in the order of declaration.
    pub runs: Vec<RunAudit>,
}

impl Audit {
    /// Whether nothing at all was found.
    pub fn is_clean(&self) -> bool {
        self.database.is_empty() && self.runs.iter().all(|run| run.damage.is_none())
    }
}

/// What looking through a run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunAudit {
    /// The run.
    pub run: RunId,
    /// How many entries were verified; 0 where it is damaged.
    pub entries: u64,
    /// The digest of the last.
    pub head: Option<Digest>,
    /// What is wrong; none: nothing.
    pub damage: Option<String>,
}

/// What building the projection anew did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Rebuilt {
    /// How many runs were done.
    pub runs: u64,
    /// The damaged runs, left as they are: a rebuild never makes a damaged run look whole.
    pub refused: Vec<(RunId, String)>,
}

/// How many runs are rebuilt in one transaction: other writers wait no longer than that.
const BATCH: usize = 100;

impl SqliteJournal {
    /// Verifies every run's chain, and the database around them.
    pub async fn verify_all(&self) -> Result<Audit, JournalError> {
        let database = match self.look_at_database().await {
            Err(JournalError::Storage(what)) => vec![what],
            other => other?,
        };
        let mut audit = Audit { database, runs: Vec::new() };
        match self.deletions().await {
            Err(JournalError::Storage(what)) => audit.database.push(what),
            other => drop(other?),
        }
        let (runs, strange) = self.every_run().await?;
        audit.database.extend(strange.iter().map(|id| format!("`{id}` is not the id of a run")));
        for run in runs {
            let (entries, head, damage) = match self.look_at_run(run).await {
                Ok((entries, head)) => (entries, Some(head), None),
                Err(error @ (JournalError::Damaged { .. } | JournalError::Storage(_))) => {
                    (0, None, Some(error.to_string()))
                }
                Err(other) => return Err(other),
            };
            audit.runs.push(RunAudit { run, entries, head, damage });
        }
        Ok(audit)
    }

    /// Builds the projection anew from the events.
    pub async fn rebuild_projection(&self) -> Result<Rebuilt, JournalError> {
        let mut rebuilt = Rebuilt::default();
        for batch in self.every_run().await?.0.chunks(BATCH) {
            let mut tx = self.begin().await?;
            let result = self.rebuild_in(tx.conn(), batch, &mut rebuilt).await;
            tx.end(result).await?;
        }
        Ok(rebuilt)
    }

    async fn rebuild_in(
        &self,
        conn: &mut SqliteConnection,
        batch: &[RunId],
        rebuilt: &mut Rebuilt,
    ) -> Result<(), JournalError> {
        for &run in batch {
            let (entries, chained) = match self.verified_on(&mut *conn, run).await {
                Ok(verified) => verified,
                Err(JournalError::Damaged { seq, what, .. }) => {
                    rebuilt.refused.push((run, format!("entry {seq}: {what}")));
                    continue;
                }
                Err(other) => return Err(other),
            };
            if let Some(summary) = Summary::of(&entries, &chained) {
                summary.write(conn, &self.place).await?;
                rebuilt.runs += 1;
            }
        }
        Ok(())
    }

    /// The runs, and the ids that are none.
    async fn every_run(&self) -> Result<(Vec<RunId>, Vec<String>), JournalError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT run FROM runs ORDER BY declared_ms, run")
            .fetch_all(&self.reader)
            .await
            .map_err(|error| self.place.sql(error))?;
        let mut runs = Vec::with_capacity(ids.len());
        let mut strange = Vec::new();
        for id in ids {
            match id.parse::<RunId>() {
                Ok(run) if run.to_string() == id => runs.push(run),
                _ => strange.push(id),
            }
        }
        Ok((runs, strange))
    }

    async fn look_at_run(&self, run: RunId) -> Result<(u64, Digest), JournalError> {
        let (entries, chained) = self.verified(run).await?;
        let row =
            sqlx::query(AssertSqlSafe(format!("SELECT {COLUMNS} FROM run_summaries s WHERE s.run = ?")))
                .bind(run.to_string())
                .fetch_optional(&self.reader)
                .await
                .map_err(|error| self.place.sql(error))?;
        let kept = row.map(|row| Summary::read(&row, &self.place)).transpose()?;
        let told = Summary::of(&entries, &chained);
        // A run that is under way may have grown between the two looks.
        let grown = kept.as_ref().zip(told.as_ref()).is_some_and(|(kept, told)| kept.entries > told.entries);
        if kept != told && !grown {
            return Err(self.place.storage(format!(
                "the summary of run {run} is not what its events say; rebuild the summaries from the events"
            )));
        }
        let head = chained.last().map_or(Digest::ZERO, |last| last.digest);
        Ok((entries.len() as u64, head))
    }

    async fn look_at_database(&self) -> Result<Vec<String>, JournalError> {
        let sql = |error| self.place.sql(error);
        let mut conn = self.reader.acquire().await.map_err(sql)?;
        let mut found: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(20)").fetch_all(&mut *conn).await.map_err(sql)?;
        found.retain(|line| line != "ok");
        let orphans = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *conn).await.map_err(sql)?;
        for orphan in orphans {
            let table: String = orphan.try_get(0).map_err(sql)?;
            let parent: String = orphan.try_get(2).map_err(sql)?;
            found.push(format!("a row of {table} belongs to a row of {parent} that is not there"));
        }
        let mut model = SqliteConnection::connect("sqlite::memory:").await.map_err(sql)?;
        MIGRATOR.run_direct(None, &mut model, false).await.map_err(|error| {
            self.place.storage(format!("the schema can't be built to compare with: {error}"))
        })?;
        let (ours, theirs) = (schema(&mut model).await, schema(&mut conn).await);
        let (ours, theirs) = (ours.map_err(sql)?, theirs.map_err(sql)?);
        for part in ours.iter().filter(|part| !theirs.contains(part)) {
            found.push(format!("the {} {} is missing or was changed", part.0, part.1));
        }
        for part in theirs.iter().filter(|part| !ours.iter().any(|our| our.1 == part.1)) {
            found.push(format!("the {} {} is not firedrill's", part.0, part.1));
        }
        let texts: Vec<(Vec<u8>, String)> =
            sqlx::query_as("SELECT digest, text FROM playbooks").fetch_all(&mut *conn).await.map_err(sql)?;
        for (stored, text) in texts {
            let told = Digest::of(text.as_bytes());
            if digest(&stored) != Some(told) {
                found.push(format!("a playbook's text, of digest {told}, is not the one that was stored"));
            }
        }
        Ok(found)
    }
}

/// Type, name and text of everything in the schema that SQLite did not make by itself.
async fn schema(conn: &mut SqliteConnection) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .fetch_all(conn)
        .await
}
