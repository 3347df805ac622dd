use crate::{
    journal::{
        DATABASE, Mode, SqliteJournal,
        testing::{RUN, at, declare, declared, finished, note, open, run, tamper},
    },
    ports::{Journal, JournalError},
};
use std::fs;

/// A closed journal of one run with four entries, in one file.
async fn small(dir: &std::path::Path) {
    let journal = open(dir).await;
    let lease = declare(&journal, RUN).await;
    journal.append(&lease, 1, &[note(2), note(3), finished(4)]).await.expect("appends");
    journal.close().await.expect("closes");
}

async fn damage_of(sql: &str) -> (u64, String) {
    let dir = tempfile::tempdir().expect("a folder");
    small(dir.path()).await;
    tamper(dir.path(), sql).await;
    let journal = open(dir.path()).await;
    let audit = journal.verify_all().await.expect("looks");
    assert!(audit.runs[0].damage.is_some(), "{sql}: {audit:?}");
    match journal.entries(run(RUN)).await {
        Err(JournalError::Damaged { seq, what, .. }) => (seq, what),
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn whatever_is_done_to_the_tables_is_found_and_named() {
    for (sql, seq, part) in [
        (
            "UPDATE events SET body = replace(body, 'fact 3', 'fact 4') WHERE seq = 3",
            3,
            "time or its event was altered",
        ),
        ("UPDATE events SET body = '{\"type\":\"resumed\"}' WHERE seq = 3", 3, "its event was altered"),
        (
            "UPDATE events SET body = replace(body, 'fact', CAST(x'ff' AS TEXT)) WHERE seq = 2",
            2,
            "can't be read",
        ),
        ("UPDATE events SET at_ms = at_ms + 1 WHERE seq = 2", 2, "was altered"),
        ("UPDATE events SET at_ms = at_ms + 86400000 WHERE seq = 2", 2, "its time was altered"),
        ("UPDATE events SET prev = zeroblob(32) WHERE seq = 3", 3, "was altered"),
        ("UPDATE events SET digest = zeroblob(32) WHERE seq = 3", 3, "its digest was altered; its content"),
        ("UPDATE events SET digest = zeroblob(31) WHERE seq = 3", 3, "its digest was altered"),
        ("DELETE FROM events WHERE seq = 1", 1, "it is missing; the next that is there is entry 2"),
        ("DELETE FROM events WHERE seq IN (2, 3)", 2, "it is missing; the next that is there is entry 4"),
        ("DELETE FROM events WHERE seq = 4", 4, "it is missing at the end"),
        ("DELETE FROM events", 1, "it and all after it up to entry 4 are missing"),
        (
            "UPDATE events SET seq = 9 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3; \
             UPDATE events SET seq = 3 WHERE seq = 9",
            2,
            "reordered",
        ),
        ("UPDATE events SET seq = -seq", 1, "missing"),
        ("UPDATE events SET fence = 2 WHERE seq = 3", 3, "token 2"),
        ("UPDATE runs SET playbook = 'shop'", 1, "playbook in the table of runs"),
        ("UPDATE runs SET declared_ms = declared_ms + 1", 1, "moment of declaration"),
        ("UPDATE runs SET digest = zeroblob(32)", 1, "digest of the playbook"),
        ("UPDATE run_summaries SET head = zeroblob(32)", 4, "not the last entry that was written down"),
        ("UPDATE run_summaries SET entries = 3", 4, "added past the end"),
        ("UPDATE run_summaries SET entries = 5", 5, "missing at the end"),
    ] {
        let (found, what) = damage_of(sql).await;
        assert!(found == seq && what.contains(part), "{sql}: entry {found}: {what}");
    }
}

#[tokio::test]
async fn what_lies_beside_the_chain_is_looked_at_too() {
    for (sql, part) in [
        ("UPDATE playbooks SET text = text || ' '", "a playbook's text"),
        ("DELETE FROM runs", "a row of events belongs to a row of runs that is not there"),
        ("UPDATE runs SET run = 'not-an-id-not-an-id-not-an-id-not-an!'", "is not the id of a run"),
        ("DROP INDEX runs_by_digest", "the index runs_by_digest is missing"),
        ("CREATE TABLE extra (id)", "the table extra is not firedrill's"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        small(dir.path()).await;
        tamper(dir.path(), sql).await;
        let audit = open(dir.path()).await.verify_all().await.expect("looks");
        assert!(!audit.is_clean());
        assert!(audit.database.iter().any(|line| line.contains(part)), "{sql}: {audit:?}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    small(dir.path()).await;
    let journal = open(dir.path()).await;
    journal.writer.as_ref().expect("a writer").run_for_test("DROP TRIGGER events_not_deleted").await;
    let audit = journal.verify_all().await.expect("looks");
    assert_eq!(audit.database, ["the trigger events_not_deleted is missing or was changed"]);
}

#[tokio::test]
async fn a_projection_that_is_wrong_is_found_and_built_anew() {
    for sql in [
        "UPDATE run_summaries SET verdict = 'failed'",
        "UPDATE run_summaries SET verdict = 'splendid'",
        "UPDATE run_summaries SET finished_ms = NULL",
        "UPDATE run_summaries SET leaked = 0",
        "UPDATE run_summaries SET playbook = 'shop'",
        "UPDATE run_summaries SET waiting = 'x'",
        "DELETE FROM run_summaries",
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        small(dir.path()).await;
        tamper(dir.path(), sql).await;
        let journal = open(dir.path()).await;
        let audit = journal.verify_all().await.expect("looks");
        assert!(audit.runs[0].damage.is_some(), "{sql}");
        let rebuilt = journal.rebuild_projection().await.expect("rebuilds");
        assert_eq!((rebuilt.runs, rebuilt.refused.len()), (1, 0), "{sql}");
        assert!(journal.verify_all().await.expect("looks").is_clean(), "{sql}");
        assert_eq!(journal.runs(&Default::default(), at(9)).await.expect("lists").len(), 1);
    }
}

#[tokio::test]
async fn a_rebuild_does_not_make_a_cut_run_look_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    small(dir.path()).await;
    tamper(dir.path(), "DELETE FROM events WHERE seq = 4").await;
    let journal = open(dir.path()).await;
    let rebuilt = journal.rebuild_projection().await.expect("rebuilds");
    assert_eq!(rebuilt.refused, [(run(RUN), "entry 4: it is missing at the end".to_owned())]);
    assert!(matches!(journal.entries(run(RUN)).await, Err(JournalError::Damaged { seq: 4, .. })));
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_the_file_gives_the_truth_or_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    small(dir.path()).await;
    let whole = fs::read(dir.path().join(DATABASE)).expect("reads");
    let truth = [declared(RUN), note(2), note(3), finished(4)];
    let copy = tempfile::tempdir().expect("a folder");
    let (mut intact, mut refused) = (0, 0);
    // A prime, so that every place within a page has its turn.
    for place in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(copy.path().join(DATABASE), &bytes).expect("writes");
        let read = match SqliteJournal::open(copy.path(), Mode::ReadOnly).await {
            Ok(journal) => {
                let read = journal.entries(run(RUN)).await;
                journal.close().await.expect("closes");
                read
            }
            Err(error) => Err(error),
        };
        for ending in ["-wal", "-shm"] {
            fs::remove_file(copy.path().join(format!("{DATABASE}{ending}"))).ok();
        }
        match read {
            Ok(entries) => {
                assert_eq!(entries, truth, "byte {place}");
                intact += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(intact > 0 && refused > 0, "{intact} intact, {refused} refused");
}
