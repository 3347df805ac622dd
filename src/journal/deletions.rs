//! What sweeps removed: intent before effect, and the proof of absence, for claims whose run may be lost.
//!
//! The digest of a record is the SHA-256 of these fields, each with its length before it as in [`chain`](super::chain):
//! `firedrill/deletion/v1`, seq (8 bytes), at (8 bytes), sweep, run, claim, body, prev.

use super::{SqliteJournal, chain::digest_of, projection::digest};
use crate::{
    drill::{Claim, Fault},
    ids::{ClaimId, Digest, RunId},
    ports::JournalError,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// What happened to a claim that a sweep removes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Deletion {
    /// The intent to remove it.
    Intended {
        /// What is to be removed.
        claim: Box<Claim>,
        /// Why it may be.
        because: String,
        /// What the place says of itself.
        place: Option<String>,
        /// User and host.
        by: String,
        /// 1, 2, 3, …
        tries: u32,
    },
    /// The provider took the request.
    Accepted {
        /// Request ids and the like.
        receipts: Vec<String>,
    },
    /// The request failed; whether it had an effect is not known.
    Failed {
        /// Why.
        fault: Fault,
    },
    /// It was observed absent.
    Absent {
        /// What was looked at to know.
        proof: String,
    },
    /// It may still be there, and the sweep gives up on it.
    Left {
        /// Why.
        reason: String,
    },
}

/// A record of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeletionRow {
    /// 1, 2, 3, … over all sweeps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The sweep.
    pub sweep: RunId,
    /// The run that made the claim.
    pub run: RunId,
    /// The claim.
    pub claim: ClaimId,
    /// What happened.
    pub deletion: Deletion,
    /// The digest of this record.
    pub digest: Digest,
}

fn seal(seq: u64, at: i64, of: [&str; 3], body: &str, prev: Digest) -> Digest {
    digest_of(&[
        b"firedrill/deletion/v1",
        &seq.to_be_bytes(),
        &at.to_be_bytes(),
        of[0].as_bytes(),
        of[1].as_bytes(),
        of[2].as_bytes(),
        body.as_bytes(),
        prev.as_bytes(),
    ])
}

impl SqliteJournal {
    /// Writes down what a sweep does or did to a claim.
    pub async fn record_deletion(
        &self,
        sweep: RunId,
        of: (RunId, &ClaimId),
        at: Timestamp,
        deletion: &Deletion,
    ) -> Result<(), JournalError> {
        let body = serde_json::to_string(deletion)
            .map_err(|error| self.place.storage(format!("the deletion can't be written: {error}")))?;
        let names = [sweep.to_string(), of.0.to_string(), of.1.to_string()];
        let mut tx = self.begin().await?;
        let result = self.insert_deletion(tx.conn(), &names, at, &body).await;
        tx.end(result).await
    }

    async fn insert_deletion(
        &self,
        conn: &mut SqliteConnection,
        [sweep, run, claim]: &[String; 3],
        at: Timestamp,
        body: &str,
    ) -> Result<(), JournalError> {
        let sql = |error| self.place.sql(error);
        let last: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, digest FROM deletions ORDER BY seq DESC LIMIT 1")
                .fetch_optional(&mut *conn)
                .await
                .map_err(sql)?;
        let (last, prev) = match last {
            None => (0, Digest::ZERO),
            Some((seq, stored)) => (
                seq,
                digest(&stored)
                    .ok_or_else(|| self.place.storage("the digest of a deletion is not 32 bytes long"))?,
            ),
        };
        let seq = last.saturating_add(1);
        let sealed = seal(seq.unsigned_abs(), at.as_millis(), [sweep, run, claim], body, prev);
        sqlx::query(
            "INSERT INTO deletions (seq, at_ms, sweep, run, claim, body, prev, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(seq)
        .bind(at.as_millis())
        .bind(sweep)
        .bind(run)
        .bind(claim)
        .bind(body)
        .bind(&prev.as_bytes()[..])
        .bind(&sealed.as_bytes()[..])
        .execute(conn)
        .await
        .map_err(sql)?;
        Ok(())
    }

    /// All that sweeps did, in order, the chain verified.
    pub async fn deletions(&self) -> Result<Vec<DeletionRow>, JournalError> {
        let rows = sqlx::query(
            "SELECT seq, at_ms, sweep, run, claim, body, prev, digest FROM deletions ORDER BY seq",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(|error| self.place.sql(error))?;
        let mut head = Digest::ZERO;
        let mut found = Vec::with_capacity(rows.len());
        for (expected, row) in (1..).zip(&rows) {
            let row = read(row, expected, head).ok_or_else(|| {
                self.place.storage(format!(
                    "deletion {expected} is not as it was stored: the file was altered or is damaged"
                ))
            })?;
            head = row.digest;
            found.push(row);
        }
        Ok(found)
    }
}

/// None: it is not the record that was stored there.
fn read(row: &SqliteRow, expected: u64, head: Digest) -> Option<DeletionRow> {
    let seq = u64::try_from(row.try_get::<i64, _>("seq").ok()?).ok()?;
    let at: i64 = row.try_get("at_ms").ok()?;
    let text = |name| row.try_get::<String, _>(name).ok();
    let (sweep, run, claim, body) = (text("sweep")?, text("run")?, text("claim")?, text("body")?);
    let bytes = |name| digest(&row.try_get::<Vec<u8>, _>(name).ok()?);
    let (prev, stored) = (bytes("prev")?, bytes("digest")?);
    if seq != expected || prev != head || stored != seal(seq, at, [&sweep, &run, &claim], &body, prev) {
        return None;
    }
    Some(DeletionRow {
        seq,
        at: Timestamp::from_millis(at),
        sweep: sweep.parse().ok()?,
        run: run.parse().ok()?,
        claim: claim.parse().ok()?,
        deletion: serde_json::from_str(&body).ok()?,
        digest: stored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::{RUN, at, open, run, tamper};

    async fn three(dir: &std::path::Path) -> SqliteJournal {
        let journal = open(dir).await;
        let sweep = RunId::new(at(0), [7; 10]);
        let claim = "store/1/folder".parse::<ClaimId>().expect("an id");
        for (secs, deletion) in [
            (1, Deletion::Accepted { receipts: vec!["dropped".to_owned()] }),
            (2, Deletion::Absent { proof: "not there".to_owned() }),
            (3, Deletion::Left { reason: "no".to_owned() }),
        ] {
            // A run that this journal knows nothing of.
            journal.record_deletion(sweep, (run(RUN), &claim), at(secs), &deletion).await.expect("kept");
        }
        journal
    }

    #[tokio::test]
    async fn records_are_read_as_they_were_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = three(dir.path()).await;
        assert!(journal.verify_all().await.expect("looks").is_clean());
        let rows = journal.deletions().await.expect("reads");
        let seen: Vec<_> = rows.iter().map(|row| (row.seq, row.at)).collect();
        assert_eq!(seen, [(1, at(1)), (2, at(2)), (3, at(3))]);
        assert_eq!(rows[1].deletion, Deletion::Absent { proof: "not there".to_owned() });
    }

    #[tokio::test]
    async fn an_altered_record_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        three(dir.path()).await.close().await.expect("closes");
        for change in [
            "UPDATE deletions SET body = replace(body, 'not there', 'no where')",
            "UPDATE deletions SET claim = 'store/1/other' WHERE seq = 3",
            "DELETE FROM deletions WHERE seq = 2",
        ] {
            let copy = tempfile::tempdir().expect("a folder");
            std::fs::copy(dir.path().join("firedrill.db"), copy.path().join("firedrill.db")).expect("copies");
            tamper(copy.path(), change).await;
            let altered = open(copy.path()).await;
            assert!(!altered.verify_all().await.expect("looks").is_clean(), "{change}");
            let error = altered.deletions().await.expect_err(change).to_string();
            assert!(error.contains("not as it was stored"), "{error}");
        }
    }

    #[tokio::test]
    async fn records_are_never_changed() {
        let dir = tempfile::tempdir().expect("a folder");
        three(dir.path()).await.close().await.expect("closes");
        use sqlx::{Connection, sqlite::SqliteConnectOptions};
        let options = SqliteConnectOptions::new().filename(dir.path().join("firedrill.db"));
        let mut conn = SqliteConnection::connect_with(&options).await.expect("opens");
        for sql in ["UPDATE deletions SET at_ms = 0", "DELETE FROM deletions"] {
            let error = sqlx::raw_sql(sql).execute(&mut conn).await.expect_err(sql).to_string();
            assert!(error.contains("never"), "{error}");
        }
    }
}
