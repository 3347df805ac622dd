//! Fingerprints taken on a source, kept to compare restored data with.
//!
//! A verdict rests on them, so each is stored with the digest of its key and its text, and one that was altered
//! is refused rather than compared with. Its digest is the SHA-256 of these fields, each with its length before
//! it as in [`chain`](super::chain): `firedrill/baseline/v1`, playbook, step, check, point, JSON text.

use super::{SqliteJournal, chain::digest_of, projection::digest};
use crate::{
    ids::{Digest, PlaybookName},
    ports::{Baseline, BaselineKey, JournalError},
    time::Timestamp,
};
use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};

/// A baseline, without its fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaselineRow {
    /// The verify step.
    pub step: String,
    /// The check.
    pub check: String,
    /// The recovery point's id.
    pub point: String,
    /// The moment of the recovery point.
    pub point_time: Timestamp,
    /// When it was taken.
    pub taken: Timestamp,
    /// What was read.
    pub source: String,
    /// By whom.
    pub by: String,
    /// How many tables.
    pub tables: u64,
    /// How many rows in all.
    pub rows: u64,
}

fn seal(key: &BaselineKey, body: &str) -> Digest {
    digest_of(&[
        b"firedrill/baseline/v1",
        key.playbook.as_str().as_bytes(),
        key.step.as_str().as_bytes(),
        key.check.as_bytes(),
        key.point.as_bytes(),
        body.as_bytes(),
    ])
}

impl SqliteJournal {
    /// Keeps a baseline. It is the one that counts from now on; earlier ones of the same key stay.
    pub async fn save_baseline(&self, key: &BaselineKey, baseline: &Baseline) -> Result<(), JournalError> {
        if key.point != baseline.point {
            return Err(self.place.storage("a baseline is of the recovery point that it names"));
        }
        let body = serde_json::to_string(baseline)
            .map_err(|error| self.place.storage(format!("the baseline can't be written: {error}")))?;
        let rows = baseline.tables.iter().fold(0u64, |sum, table| sum.saturating_add(table.rows));
        let mut tx = self.begin().await?;
        let result = sqlx::query(
            "INSERT INTO baselines (playbook, step, check_name, point, point_time_ms, taken_ms, source, by, \
             tables, rows, body, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(key.playbook.as_str())
        .bind(key.step.as_str())
        .bind(&key.check)
        .bind(&key.point)
        .bind(baseline.point_time.as_millis())
        .bind(baseline.taken.as_millis())
        .bind(&baseline.source)
        .bind(&baseline.by)
        .bind(i64::try_from(baseline.tables.len()).unwrap_or(i64::MAX))
        .bind(i64::try_from(rows).unwrap_or(i64::MAX))
        .bind(&body)
        .bind(&seal(key, &body).as_bytes()[..])
        .execute(tx.conn())
        .await
        .map(|_| ())
        .map_err(|error| self.place.sql(error));
        tx.end(result).await
    }

    pub(super) async fn newest_baseline(&self, key: &BaselineKey) -> Result<Option<Baseline>, JournalError> {
        let row: Option<(String, Vec<u8>)> = sqlx::query_as(
            "SELECT body, digest FROM baselines \
             WHERE playbook = ? AND step = ? AND check_name = ? AND point = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(key.playbook.as_str())
        .bind(key.step.as_str())
        .bind(&key.check)
        .bind(&key.point)
        .fetch_optional(&self.reader)
        .await
        .map_err(|error| self.place.sql(error))?;
        let Some((body, stored)) = row else { return Ok(None) };
        let altered = || {
            self.place.storage(format!(
                "the baseline of {}, step {}, check `{}` for {} is not as it was stored: the file was altered or \
                 is damaged; take it again with `firedrill baseline`",
                key.playbook, key.step, key.check, key.point
            ))
        };
        if digest(&stored) != Some(seal(key, &body)) {
            return Err(altered());
        }
        serde_json::from_str(&body).map(Some).map_err(|_| altered())
    }

    /// The baselines of a playbook, the newest first, without their fingerprints.
    pub async fn baselines(&self, playbook: &PlaybookName) -> Result<Vec<BaselineRow>, JournalError> {
        let rows = sqlx::query(
            "SELECT step, check_name, point, point_time_ms, taken_ms, source, by, tables, rows \
             FROM baselines WHERE playbook = ? ORDER BY id DESC",
        )
        .bind(playbook.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(|error| self.place.sql(error))?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.place.sql(error))
    }
}

fn read(row: &SqliteRow) -> Result<BaselineRow, sqlx::Error> {
    Ok(BaselineRow {
        step: row.try_get("step")?,
        check: row.try_get("check_name")?,
        point: row.try_get("point")?,
        point_time: Timestamp::from_millis(row.try_get("point_time_ms")?),
        taken: Timestamp::from_millis(row.try_get("taken_ms")?),
        source: row.try_get("source")?,
        by: row.try_get("by")?,
        tables: row.try_get::<i64, _>("tables")?.unsigned_abs(),
        rows: row.try_get::<i64, _>("rows")?.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::testing::{at, open, tamper},
        ports::Journal,
        verify::TableFingerprint,
    };

    fn key(point: &str) -> BaselineKey {
        BaselineKey {
            playbook: "orders".parse().expect("a name"),
            step: "intact".parse().expect("a step"),
            check: "all rows".to_owned(),
            point: point.to_owned(),
        }
    }

    fn taken(point: &str, secs: i64, rows: u64) -> Baseline {
        let table = TableFingerprint {
            table: "orders".to_owned(),
            algorithm: "fd1-xxh3-128".to_owned(),
            columns: vec![("id".to_owned(), "INTEGER".to_owned())],
            key: vec!["id".to_owned()],
            rows,
            digest: "ab".repeat(16),
            buckets: "0123".repeat(1000),
            condition: String::new(),
            changed: None,
        };
        Baseline {
            taken: at(secs),
            source: "orders.db".to_owned(),
            point: point.to_owned(),
            point_time: at(0),
            by: "anna@drill".to_owned(),
            position: None,
            schema: None,
            tables: vec![table.clone(), table],
        }
    }

    #[tokio::test]
    async fn the_newest_baseline_of_a_point_counts_and_the_earlier_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        for baseline in [taken("p1", 9, 10), taken("p1", 5, 11), taken("p2", 6, 12)] {
            journal.save_baseline(&key(&baseline.point), &baseline).await.expect("kept");
        }
        assert_eq!(journal.baseline(&key("p1")).await.expect("reads"), Some(taken("p1", 5, 11)));
        assert_eq!(journal.baseline(&key("p3")).await.expect("reads"), None);
        let rows = journal.baselines(&key("p1").playbook).await.expect("reads");
        let seen: Vec<_> = rows.iter().map(|row| (row.point.as_str(), row.tables, row.rows)).collect();
        assert_eq!(seen, [("p2", 2, 24), ("p1", 2, 22), ("p1", 2, 20)]);
        assert!(journal.baselines(&"other".parse().expect("a name")).await.expect("reads").is_empty());
    }

    #[tokio::test]
    async fn an_altered_baseline_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        journal.save_baseline(&key("p1"), &taken("p1", 9, 10)).await.expect("kept");
        for change in [
            "UPDATE baselines SET body = replace(body, 'abab', 'abac')",
            "UPDATE baselines SET point = 'p2'",
            "UPDATE baselines SET digest = zeroblob(32)",
        ] {
            let copy = tempfile::tempdir().expect("a folder");
            journal.close().await.expect("closes");
            std::fs::copy(journal.path(), copy.path().join("firedrill.db")).expect("copies");
            tamper(copy.path(), change).await;
            let altered = open(copy.path()).await;
            let point = if change.contains("p2") { "p2" } else { "p1" };
            let error = altered.baseline(&key(point)).await.expect_err(change);
            assert!(error.to_string().contains("not as it was stored"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_baseline_is_of_the_point_that_it_names() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        assert!(journal.save_baseline(&key("p2"), &taken("p1", 9, 10)).await.is_err());
    }
}
