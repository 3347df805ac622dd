//! What a listing shows of a run, folded from its events and kept in `run_summaries`.
//!
//! It is written in the transaction that appends the events, and is never the truth: [`Summary::of`] gives the
//! same from the events alone.

use super::{chain::Chained, place::Place};
use crate::{
    drill::{Declaration, Entry, Event, Teardown, Trigger, Verdict},
    ids::{Digest, PlaybookName, RunId, StepId},
    ports::JournalError,
    time::Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::collections::BTreeSet;

/// The columns, in the order that [`Summary::read`] takes them.
pub(super) const COLUMNS: &str = "s.run, s.playbook, s.trigger, s.by, s.declared_ms, s.last_ms, s.waiting, \
                                  s.finished_ms, s.verdict, s.leaked, s.entries, s.head";

/// A row of `run_summaries`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    pub(super) run: RunId,
    pub(super) playbook: PlaybookName,
    pub(super) trigger: Trigger,
    pub(super) by: String,
    pub(super) declared: Timestamp,
    pub(super) last: Timestamp,
    /// The approval steps that a person is asked about and has not answered.
    pub(super) waiting: BTreeSet<StepId>,
    pub(super) end: Option<End>,
    pub(super) entries: u64,
    pub(super) head: Digest,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Timestamp,
    pub(super) verdict: Verdict,
    pub(super) teardown: Teardown,
}

impl Summary {
    pub(super) fn begin(declaration: &Declaration, at: Timestamp, head: Digest) -> Self {
        Self {
            run: declaration.run,
            playbook: declaration.playbook.clone(),
            trigger: declaration.trigger.clone(),
            by: declaration.by.clone(),
            declared: at,
            last: at,
            waiting: BTreeSet::new(),
            end: None,
            entries: 1,
            head,
        }
    }

    /// From the entries alone; none if they don't begin with a declaration.
    pub(super) fn of(entries: &[Entry], chained: &[Chained]) -> Option<Self> {
        let (first, rest) = entries.split_first()?;
        let Event::Declared(declaration) = &first.event else { return None };
        let mut summary = Self::begin(declaration, first.at, chained.first()?.digest);
        for (entry, stored) in rest.iter().zip(chained.get(1..)?) {
            summary.take_in(entry, stored.digest);
        }
        Some(summary)
    }

    pub(super) fn take_in(&mut self, entry: &Entry, digest: Digest) {
        match &entry.event {
            Event::ApprovalRequested { step, .. } => {
                self.waiting.insert(step.clone());
            }
            Event::ApprovalAnswered { step, .. }
            | Event::AttemptFailed { step, .. }
            | Event::StepSucceeded { step, .. }
            | Event::StepSkipped { step, .. } => {
                self.waiting.remove(step);
            }
            Event::TeardownBegan { .. } => self.waiting.clear(),
            Event::Finished { verdict, teardown, .. } => {
                self.waiting.clear();
                self.end = Some(End { at: entry.at, verdict: *verdict, teardown: *teardown });
            }
            _ => {}
        }
        self.entries = entry.seq;
        self.last = entry.at;
        self.head = digest;
    }

    /// Reads [`COLUMNS`].
    pub(super) fn read(row: &SqliteRow, place: &Place) -> Result<Self, JournalError> {
        let bad = |what: &str| {
            place.storage(format!(
                "a run's summary has a `{what}` that firedrill never wrote; rebuild the summaries from the events"
            ))
        };
        let sql = |error| place.sql(error);
        let run: String = row.try_get("run").map_err(sql)?;
        let playbook: String = row.try_get("playbook").map_err(sql)?;
        let trigger: String = row.try_get("trigger").map_err(sql)?;
        let waiting: String = row.try_get("waiting").map_err(sql)?;
        let finished: Option<i64> = row.try_get("finished_ms").map_err(sql)?;
        let verdict: Option<String> = row.try_get("verdict").map_err(sql)?;
        let leaked: Option<i64> = row.try_get("leaked").map_err(sql)?;
        let entries: i64 = row.try_get("entries").map_err(sql)?;
        let head: Vec<u8> = row.try_get("head").map_err(sql)?;
        let end = match (finished, verdict, leaked) {
            (None, None, None) => None,
            (Some(at), Some(verdict), Some(leaked)) => Some(End {
                at: Timestamp::from_millis(at),
                verdict: from_json(&format!("\"{verdict}\"")).ok_or_else(|| bad("verdict"))?,
                teardown: match u32::try_from(leaked).map_err(|_| bad("leaked"))? {
                    0 => Teardown::Clean,
                    count => Teardown::Leaked(count),
                },
            }),
            _ => return Err(bad("finished_ms")),
        };
        Ok(Self {
            run: run.parse().map_err(|_| bad("run"))?,
            playbook: playbook.parse().map_err(|_| bad("playbook"))?,
            trigger: from_json(&trigger).ok_or_else(|| bad("trigger"))?,
            by: row.try_get("by").map_err(sql)?,
            declared: Timestamp::from_millis(row.try_get("declared_ms").map_err(sql)?),
            last: Timestamp::from_millis(row.try_get("last_ms").map_err(sql)?),
            waiting: from_json(&waiting).ok_or_else(|| bad("waiting"))?,
            end,
            entries: u64::try_from(entries).map_err(|_| bad("entries"))?,
            head: digest(&head).ok_or_else(|| bad("head"))?,
        })
    }

    /// Writes the whole row, over the one that is there.
    pub(super) async fn write(&self, conn: &mut SqliteConnection, place: &Place) -> Result<(), JournalError> {
        sqlx::query(
            "INSERT OR REPLACE INTO run_summaries (run, playbook, trigger, by, declared_ms, last_ms, waiting, \
             entries, head) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.run.to_string())
        .bind(self.playbook.as_str())
        .bind(to_json(&self.trigger, place)?)
        .bind(&self.by)
        .bind(self.declared.as_millis())
        .bind(self.last.as_millis())
        .bind(to_json(&self.waiting, place)?)
        .bind(i64::try_from(self.entries).unwrap_or(i64::MAX))
        .bind(&self.head.as_bytes()[..])
        .execute(&mut *conn)
        .await
        .map_err(|error| place.sql(error))?;
        self.write_end(conn, place).await
    }

    /// Writes what entries change. No index has to follow until the end, which keeps an append to two pages.
    pub(super) async fn update(
        &self,
        conn: &mut SqliteConnection,
        place: &Place,
    ) -> Result<(), JournalError> {
        sqlx::query("UPDATE run_summaries SET last_ms = ?, waiting = ?, entries = ?, head = ? WHERE run = ?")
            .bind(self.last.as_millis())
            .bind(to_json(&self.waiting, place)?)
            .bind(i64::try_from(self.entries).unwrap_or(i64::MAX))
            .bind(&self.head.as_bytes()[..])
            .bind(self.run.to_string())
            .execute(&mut *conn)
            .await
            .map_err(|error| place.sql(error))?;
        self.write_end(conn, place).await
    }

    async fn write_end(&self, conn: &mut SqliteConnection, place: &Place) -> Result<(), JournalError> {
        let Some(End { at, verdict, teardown }) = self.end else { return Ok(()) };
        let leaked = match teardown {
            Teardown::Clean => 0,
            Teardown::Leaked(count) => i64::from(count),
        };
        sqlx::query("UPDATE run_summaries SET finished_ms = ?, verdict = ?, leaked = ? WHERE run = ?")
            .bind(at.as_millis())
            .bind(to_json(&verdict, place)?.trim_matches('"'))
            .bind(leaked)
            .bind(self.run.to_string())
            .execute(conn)
            .await
            .map_err(|error| place.sql(error))?;
        Ok(())
    }
}

fn to_json(value: &impl Serialize, place: &Place) -> Result<String, JournalError> {
    serde_json::to_string(value)
        .map_err(|error| place.storage(format!("a summary can't be written: {error}")))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// A digest from a column.
pub(super) fn digest(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drill::TeardownReason,
        journal::{
            chain::forge,
            testing::{RUN, at, declared, finished, run},
        },
    };

    fn summary_of(events: Vec<Event>) -> Summary {
        let mut entries = vec![declared(RUN)];
        entries.extend((2..).zip(events).map(|(seq, event)| Entry { seq, at: at(9), event }));
        let chained = forge(run(RUN), Digest::ZERO, &entries).expect("a chain");
        Summary::of(&entries, &chained).expect("a summary")
    }

    fn asked(step: &str) -> Event {
        Event::ApprovalRequested {
            step: step.parse().expect("a step"),
            question: "?".to_owned(),
            until: None,
        }
    }

    #[test]
    fn a_run_waits_from_the_question_to_the_answer() {
        let step: StepId = "sign-off".parse().expect("a step");
        assert_eq!(summary_of(vec![asked("sign-off")]).waiting, BTreeSet::from([step.clone()]));
        let answered =
            Event::ApprovalAnswered { step: step.clone(), approved: true, by: "b".to_owned(), note: None };
        let skipped = Event::StepSkipped { step, because: "aborted".to_owned() };
        let torn_down = Event::TeardownBegan { reason: TeardownReason::Aborted };
        for event in [answered, skipped, torn_down, finished(3).event] {
            assert!(summary_of(vec![asked("sign-off"), event]).waiting.is_empty());
        }
    }

    #[test]
    fn the_end_is_taken_from_the_last_event() {
        let summary = summary_of(vec![finished(2).event]);
        let end = End { at: at(9), verdict: Verdict::Passed, teardown: Teardown::Leaked(2) };
        assert_eq!((summary.end, summary.entries, summary.last), (Some(end), 2, at(9)));
    }
}
