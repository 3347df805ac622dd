//! Lists of runs, from the projection alone: no event is read.

use super::{
    SqliteJournal,
    holder::Liveness,
    projection::{COLUMNS, Summary},
};
use crate::{
    drill::{Teardown, Trigger, Verdict},
    ids::{Digest, PlaybookName, RunId, StepId},
    ports::JournalError,
    time::Timestamp,
};
use serde::Serialize;
use sqlx::{QueryBuilder, Row, Sqlite};
use std::collections::HashMap;

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// That run alone.
    pub only: Option<RunId>,
    /// Of that playbook alone.
    pub playbook: Option<PlaybookName>,
    /// Declared at or after this.
    pub from: Option<Timestamp>,
    /// Declared before this.
    pub to: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
    /// Only those that are not finished.
    pub unfinished_only: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// A live process drives it.
    Running,
    /// A live process drives it, and waits for a person.
    Waiting,
    /// Nobody drives it; it can be resumed.
    Interrupted,
    /// It is over.
    Finished,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// Its playbook.
    pub playbook: PlaybookName,
    /// What started it.
    pub trigger: Trigger,
    /// Who.
    pub by: String,
    /// When it was declared.
    pub declared: Timestamp,
    /// When the last entry was written.
    pub last: Timestamp,
    /// How far it is.
    pub status: RunStatus,
    /// The approval steps that wait for an answer.
    pub waiting_for: Vec<StepId>,
    /// When it finished.
    pub finished: Option<Timestamp>,
    /// What it proved.
    pub verdict: Option<Verdict>,
    /// What it left.
    pub teardown: Option<Teardown>,
    /// How many entries it has.
    pub entries: u64,
    /// The digest of the last.
    pub head: Digest,
    /// Who has its lease.
    pub holder: Option<String>,
    /// Whether that process is alive, as far as can be told.
    pub alive: bool,
}

impl SqliteJournal {
    /// Runs, the newest first. `now` tells whether a lease is over where its holder can't be looked at.
    pub async fn runs(&self, filter: &RunFilter, now: Timestamp) -> Result<Vec<RunRow>, JournalError> {
        let sql = |error| self.place.sql(error);
        let rows = query(filter).build().fetch_all(&self.reader).await.map_err(sql)?;
        let mut seen = HashMap::new();
        rows.iter()
            .map(|row| {
                let summary = Summary::read(row, &self.place)?;
                let holder: Option<String> = row.try_get("holder").map_err(sql)?;
                let expires: Option<i64> = row.try_get("expires_ms").map_err(sql)?;
                let alive = holder.as_ref().is_some_and(|holder| {
                    match *seen.entry(holder.clone()).or_insert_with(|| self.locks.liveness(holder)) {
                        Liveness::Alive => true,
                        Liveness::Gone => false,
                        Liveness::Unknown => expires.is_some_and(|expires| now.as_millis() < expires),
                    }
                });
                Ok(row_of(summary, holder, alive))
            })
            .collect()
    }

    /// The run that a person means: its whole id, the beginning or the end of it, or `last`.
    pub async fn find_run(&self, given: &str) -> Result<RunId, JournalError> {
        let sql = |error| self.place.sql(error);
        let given = given.trim();
        let none = || JournalError::NoSuchRun(given.to_owned());
        let pattern = given.to_ascii_lowercase().replace('-', "");
        let found: Vec<(String, String, i64)> = if given == "last" {
            sqlx::query_as(
                "SELECT run, playbook, declared_ms FROM run_summaries ORDER BY declared_ms DESC, run DESC LIMIT 1",
            )
            .fetch_all(&self.reader)
            .await
            .map_err(sql)?
        } else if let Ok(run) = given.parse::<RunId>() {
            sqlx::query_as("SELECT run, playbook, declared_ms FROM runs WHERE run = ?")
                .bind(run.to_string())
                .fetch_all(&self.reader)
                .await
                .map_err(sql)?
        } else if !pattern.is_empty() && pattern.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            sqlx::query_as(
                "SELECT run, playbook, declared_ms FROM runs WHERE replace(run, '-', '') LIKE ?1 || '%' \
                 OR replace(run, '-', '') LIKE '%' || ?1 ORDER BY declared_ms DESC, run DESC",
            )
            .bind(pattern)
            .fetch_all(&self.reader)
            .await
            .map_err(sql)?
        } else {
            return Err(none());
        };
        match found.as_slice() {
            [] => Err(none()),
            [(run, ..)] => run.parse().map_err(|_| self.place.storage("a run has an id that is none")),
            many => Err(JournalError::Ambiguous(ambiguous(given, many))),
        }
    }
}

fn ambiguous(given: &str, found: &[(String, String, i64)]) -> String {
    let mut text = format!("{} runs have an id that begins or ends with `{given}`:", found.len());
    for (run, playbook, declared) in found.iter().take(8) {
        text += &format!("\n  {run}  {playbook}  {}", Timestamp::from_millis(*declared).human());
    }
    if found.len() > 8 {
        text += &format!("\n  and {} more", found.len() - 8);
    }
    text
}

fn query(filter: &RunFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(
        ", l.holder, l.expires_ms FROM run_summaries s \
         LEFT JOIN leases l ON l.run = s.run AND s.finished_ms IS NULL WHERE true",
    );
    if let Some(run) = filter.only {
        query.push(" AND s.run = ").push_bind(run.to_string());
    }
    if let Some(playbook) = &filter.playbook {
        query.push(" AND s.playbook = ").push_bind(playbook.as_str().to_owned());
    }
    if let Some(from) = filter.from {
        query.push(" AND s.declared_ms >= ").push_bind(from.as_millis());
    }
    if let Some(to) = filter.to {
        query.push(" AND s.declared_ms < ").push_bind(to.as_millis());
    }
    if filter.unfinished_only {
        query.push(" AND s.finished_ms IS NULL");
    }
    query.push(" ORDER BY s.declared_ms DESC, s.run DESC");
    if let Some(limit) = filter.limit {
        query.push(" LIMIT ").push_bind(i64::from(limit));
    }
    query
}

fn row_of(summary: Summary, holder: Option<String>, alive: bool) -> RunRow {
    let status = match (&summary.end, alive) {
        (Some(_), _) => RunStatus::Finished,
        (None, false) => RunStatus::Interrupted,
        (None, true) if summary.waiting.is_empty() => RunStatus::Running,
        (None, true) => RunStatus::Waiting,
    };
    RunRow {
        run: summary.run,
        playbook: summary.playbook,
        trigger: summary.trigger,
        by: summary.by,
        declared: summary.declared,
        last: summary.last,
        status,
        waiting_for: summary.waiting.into_iter().collect(),
        finished: summary.end.map(|end| end.at),
        verdict: summary.end.map(|end| end.verdict),
        teardown: summary.end.map(|end| end.teardown),
        entries: summary.entries,
        head: summary.head,
        holder,
        alive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drill::{Entry, Event},
        journal::testing::{at, declare_as, declared_at, finished, open, run},
        ports::Journal,
    };

    fn id(n: u32) -> String {
        format!("019aa000-0000-7000-8000-0000{n:08x}")
    }

    async fn three_runs(dir: &std::path::Path) -> SqliteJournal {
        let journal = open(dir).await;
        let first = declare_as(&journal, &declared_at(&id(0xa1), "orders", 1), "anna").await;
        journal.append(&first, 1, &[finished(2)]).await.expect("appends");
        let second = declare_as(&journal, &declared_at(&id(0xa2), "shop", 10), "bert").await;
        let step = "sign-off".parse().expect("a step");
        let asked = Event::ApprovalRequested { step, question: "well?".to_owned(), until: None };
        journal.append(&second, 1, &[Entry { seq: 2, at: at(11), event: asked }]).await.expect("appends");
        let third = declare_as(&journal, &declared_at(&id(0xb3), "orders", 20), "carl").await;
        journal.give_up(&third).await.expect("given up");
        journal
    }

    fn short(rows: &[RunRow]) -> Vec<(String, RunStatus)> {
        rows.iter().map(|row| (row.run.short(), row.status)).collect()
    }

    #[tokio::test]
    async fn runs_are_listed_newest_first_with_what_is_known() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = three_runs(dir.path()).await;
        let rows = journal.runs(&RunFilter::default(), at(12)).await.expect("lists");
        let seen = short(&rows);
        let [third, second, first] = [id(0xb3), id(0xa2), id(0xa1)].map(|id| run(&id).short());
        let expected = [
            (third.clone(), RunStatus::Interrupted),
            (second.clone(), RunStatus::Waiting),
            (first, RunStatus::Finished),
        ];
        assert_eq!(seen, expected);
        assert_eq!(rows[1].waiting_for, ["sign-off".parse().expect("a step")]);
        assert_eq!((rows[2].verdict, rows[2].teardown), (Some(Verdict::Passed), Some(Teardown::Leaked(2))));
        assert_eq!((rows[2].finished, rows[2].entries), (Some(at(2)), 2));
        assert_eq!(rows[2].head, journal.head(rows[2].run).await.expect("a head"));
        let later = journal.runs(&RunFilter::default(), at(3600)).await.expect("lists");
        assert_eq!(short(&later)[1], (second, RunStatus::Interrupted));
        assert_eq!((later[1].holder.as_deref(), later[1].alive), (Some("bert"), false));
    }

    #[tokio::test]
    async fn filters_choose_by_playbook_time_number_and_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = three_runs(dir.path()).await;
        let count = async |filter: RunFilter| journal.runs(&filter, at(12)).await.expect("lists").len();
        let orders = || Some("orders".parse().expect("a name"));
        assert_eq!(count(RunFilter { playbook: orders(), ..Default::default() }).await, 2);
        assert_eq!(count(RunFilter { from: Some(at(10)), ..Default::default() }).await, 2);
        assert_eq!(count(RunFilter { to: Some(at(10)), ..Default::default() }).await, 1);
        assert_eq!(count(RunFilter { limit: Some(1), ..Default::default() }).await, 1);
        assert_eq!(count(RunFilter { unfinished_only: true, ..Default::default() }).await, 2);
        let both = RunFilter { playbook: orders(), unfinished_only: true, ..Default::default() };
        assert_eq!(count(both).await, 1);
    }

    #[tokio::test]
    async fn a_run_is_found_by_what_a_person_types() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = three_runs(dir.path()).await;
        let find = async |given: &str| journal.find_run(given).await;
        assert_eq!(find("last").await.expect("found"), run(&id(0xb3)));
        assert_eq!(find(&id(0xa2)).await.expect("found"), run(&id(0xa2)));
        assert_eq!(find(" 000000A1 ").await.expect("found"), run(&id(0xa1)));
        assert_eq!(find("b3").await.expect("found"), run(&id(0xb3)));
        let error = find("019aa000-00").await.expect_err("ambiguous").to_string();
        assert!(error.starts_with("3 runs have an id that begins or ends with"), "{error}");
        assert!(error.contains(&id(0xa2)) && error.contains("shop"), "{error}");
        for unknown in ["", "zz", "%", "ffff", "019aa000-0000-7000-8000-00000000ffff"] {
            assert!(matches!(find(unknown).await, Err(JournalError::NoSuchRun(_))), "{unknown}");
        }
    }

    #[tokio::test]
    async fn an_empty_journal_lists_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        assert!(journal.runs(&RunFilter::default(), at(0)).await.expect("lists").is_empty());
        assert!(matches!(journal.find_run("last").await, Err(JournalError::NoSuchRun(_))));
    }

    #[tokio::test]
    async fn a_quarter_is_read_by_a_range_of_an_index() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        let quarter = RunFilter { from: Some(at(0)), to: Some(at(9)), ..Default::default() };
        let orders = RunFilter { playbook: Some("orders".parse().expect("a name")), ..quarter.clone() };
        let unfinished = RunFilter { unfinished_only: true, ..Default::default() };
        for (filter, index) in [
            (&quarter, "SEARCH s USING INDEX run_summaries_by_time (declared_ms>? AND declared_ms<?)"),
            (
                &orders,
                "SEARCH s USING INDEX run_summaries_by_playbook (playbook=? AND declared_ms>? AND declared_ms<?)",
            ),
            (&unfinished, "SCAN s USING INDEX run_summaries_unfinished"),
        ] {
            let explained = format!("EXPLAIN QUERY PLAN {}", query(filter).sql().as_str());
            let mut plan = sqlx::query(sqlx::AssertSqlSafe(explained));
            for _ in 0..3 {
                plan = plan.bind(0);
            }
            let rows = plan.fetch_all(&journal.reader).await.expect("explains");
            let lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(lines.iter().any(|line| line == index), "{lines:?}");
            assert!(!lines.iter().any(|line| line.contains("TEMP B-TREE")), "{lines:?}");
        }
    }
}
