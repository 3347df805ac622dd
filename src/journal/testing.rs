//! What the tests of the journal share.

use super::{Mode, SqliteJournal};
use crate::{
    drill::{Declaration, Entry, Event, Teardown, Trigger, Verdict},
    ids::{Digest, RunId},
    playbook::{Limits, Objectives},
    ports::{Journal, Lease, NewRun, PlaybookText},
    time::Timestamp,
};
use std::path::Path;

pub(super) const RUN: &str = "019aa000-0000-7000-8000-0000000000a1";
pub(super) const TEXT: &str = "apiVersion: firedrill/v1\n";
pub(super) const NOW: i64 = 1_795_424_400_000;

pub(super) fn run(id: &str) -> RunId {
    id.parse().expect("a run id")
}

/// Seconds after the first declaration.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(NOW + secs * 1000)
}

pub(super) fn declared(id: &str) -> Entry {
    declared_at(id, "orders", 1)
}

pub(super) fn declared_at(id: &str, playbook: &str, secs: i64) -> Entry {
    let declaration = Declaration {
        run: run(id),
        playbook: playbook.parse().expect("a name"),
        digest: Digest::of(TEXT.as_bytes()),
        trigger: Trigger::Manual,
        reason: Some("a test, with “quotes” and \"more\"".to_owned()),
        by: "anna@drill".to_owned(),
        version: "0.1.0".to_owned(),
        objectives: Objectives::default(),
        limits: Limits::default(),
        seed: u64::MAX,
        scenario: None,
        controls: Vec::new(),
        steps: Vec::new(),
    };
    Entry { seq: 1, at: at(secs), event: Event::Declared(Box::new(declaration)) }
}

pub(super) fn note(seq: u64) -> Entry {
    let facts = vec![format!("fact {seq}")];
    Entry { seq, at: at(i64::try_from(seq).expect("small")), event: Event::Cleared { facts } }
}

pub(super) fn finished(seq: u64) -> Entry {
    let event =
        Event::Finished { verdict: Verdict::Passed, teardown: Teardown::Leaked(2), reasons: Vec::new() };
    Entry { seq, at: at(i64::try_from(seq).expect("small")), event }
}

pub(super) async fn open(dir: &Path) -> SqliteJournal {
    SqliteJournal::open(dir, Mode::ReadWrite).await.expect("opens")
}

pub(super) async fn declare_as(journal: &SqliteJournal, first: &Entry, holder: &str) -> Lease {
    let Event::Declared(declaration) = &first.event else { panic!("a declaration") };
    let playbook = PlaybookText { text: TEXT.to_owned(), folder: "/drills".into() };
    let new = NewRun { run: declaration.run, playbook: &playbook, holder, first };
    journal.declare(new).await.expect("declares")
}

pub(super) async fn declare(journal: &SqliteJournal, id: &str) -> Lease {
    declare_as(journal, &declared(id), "anna@drill").await
}

/// Runs SQL on a connection of its own, past all triggers and checks: what someone with the file can do.
pub(super) async fn tamper(dir: &Path, sql: &str) {
    use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
    let options =
        SqliteConnectOptions::new().filename(dir.join(super::DATABASE)).foreign_keys(false).to_owned();
    let mut conn = SqliteConnection::connect_with(&options).await.expect("opens");
    let triggers = sqlx::query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .fetch_all(&mut conn)
        .await
        .expect("reads");
    let mut script = "PRAGMA ignore_check_constraints = ON; BEGIN;".to_owned();
    for trigger in &triggers {
        script += &format!("DROP TRIGGER {};", trigger.get::<String, _>(0));
    }
    script += &format!("{sql};");
    for trigger in &triggers {
        script += &format!("{};", trigger.get::<String, _>(1));
    }
    script += "COMMIT;";
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut conn).await.expect("tampers");
    conn.close().await.expect("closes");
}
