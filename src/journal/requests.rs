//! What people ask of a run that another process may be driving: to stop, or the answer to an approval.

use super::SqliteJournal;
use crate::{
    ids::RunId,
    ports::{Ask, JournalError, Request},
    time::Timestamp,
};
use sqlx::SqliteConnection;

impl SqliteJournal {
    /// Leaves a request for whoever drives the run; gives its number. A run that is not there or is finished
    /// refuses it.
    pub async fn ask(&self, run: RunId, by: &str, at: Timestamp, ask: &Ask) -> Result<u64, JournalError> {
        let mut tx = self.begin().await?;
        let result = self.ask_in(tx.conn(), run, by, at, ask).await;
        tx.end(result).await
    }

    async fn ask_in(
        &self,
        conn: &mut SqliteConnection,
        run: RunId,
        by: &str,
        at: Timestamp,
        ask: &Ask,
    ) -> Result<u64, JournalError> {
        let sql = |error| self.place.sql(error);
        let id = run.to_string();
        let (finished, last): (Option<i64>, i64) = sqlx::query_as(
            "SELECT s.finished_ms, (SELECT coalesce(max(number), 0) FROM requests q WHERE q.run = u.run) \
             FROM runs u LEFT JOIN run_summaries s ON s.run = u.run WHERE u.run = ?",
        )
        .bind(&id)
        .fetch_optional(&mut *conn)
        .await
        .map_err(sql)?
        .ok_or_else(|| JournalError::NoSuchRun(id.clone()))?;
        if finished.is_some() {
            return Err(JournalError::Finished(run));
        }
        let text = serde_json::to_string(ask)
            .map_err(|error| self.place.storage(format!("the request can't be written: {error}")))?;
        let number = last.saturating_add(1);
        sqlx::query("INSERT INTO requests (run, number, by, at_ms, ask) VALUES (?, ?, ?, ?, ?)")
            .bind(&id)
            .bind(number)
            .bind(by)
            .bind(at.as_millis())
            .bind(text)
            .execute(conn)
            .await
            .map_err(sql)?;
        Ok(number.unsigned_abs())
    }

    pub(super) async fn requests_after(&self, run: RunId, seen: u64) -> Result<Vec<Request>, JournalError> {
        let rows: Vec<(i64, String, i64, String)> = sqlx::query_as(
            "SELECT number, by, at_ms, ask FROM requests WHERE run = ? AND number > ? ORDER BY number",
        )
        .bind(run.to_string())
        .bind(i64::try_from(seen).unwrap_or(i64::MAX))
        .fetch_all(&self.reader)
        .await
        .map_err(|error| self.place.sql(error))?;
        rows.into_iter()
            .map(|(number, by, at, text)| {
                let ask = serde_json::from_str(&text).map_err(|error| {
                    self.place.storage(format!("request {number} to run {run} can't be read: {error}"))
                })?;
                Ok(Request { number: number.unsigned_abs(), by, at: Timestamp::from_millis(at), ask })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::testing::{RUN, at, declare, finished, open, run},
        ports::Journal,
    };

    #[tokio::test]
    async fn requests_are_numbered_and_read_from_where_one_left_off() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        declare(&journal, RUN).await;
        let abort = Ask::Abort { reason: Some("enough".to_owned()) };
        let answer = Ask::Answer { step: "sign-off".parse().expect("a step"), approved: false, note: None };
        assert_eq!(journal.ask(run(RUN), "anna", at(5), &answer).await.expect("asked"), 1);
        assert_eq!(journal.ask(run(RUN), "bert", at(6), &abort).await.expect("asked"), 2);
        let all = journal.requests(run(RUN), 0).await.expect("reads");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0], Request { number: 1, by: "anna".to_owned(), at: at(5), ask: answer });
        assert_eq!(journal.requests(run(RUN), 1).await.expect("reads"), all[1..]);
        assert!(journal.requests(run(RUN), 2).await.expect("reads").is_empty());
    }

    #[tokio::test]
    async fn nothing_is_asked_of_a_run_that_can_not_hear_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        let abort = Ask::Abort { reason: None };
        let unknown = journal.ask(run(RUN), "anna", at(5), &abort).await;
        assert!(matches!(unknown, Err(JournalError::NoSuchRun(_))), "{unknown:?}");
        let lease = declare(&journal, RUN).await;
        journal.append(&lease, 1, &[finished(2)]).await.expect("appends");
        let late = journal.ask(run(RUN), "anna", at(5), &abort).await;
        assert!(matches!(late, Err(JournalError::Finished(_))), "{late:?}");
        assert!(journal.requests(run(RUN), 0).await.expect("reads").is_empty());
    }
}
