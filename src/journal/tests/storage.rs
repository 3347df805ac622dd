use crate::{
    drill::{Entry, Event},
    journal::{
        DATABASE, SqliteJournal,
        testing::{RUN, at, declare, declared, note, open, run},
    },
    ports::{Journal, JournalError},
};
use std::fs;

fn huge(seq: u64) -> Entry {
    Entry { seq, at: at(9), event: Event::Cleared { facts: vec!["x".repeat(3_000_000)] } }
}

async fn limit_pages(journal: &SqliteJournal) {
    // SQLite raises the limit to what the file has already.
    journal.writer.as_ref().expect("a writer").run_for_test("PRAGMA max_page_count = 1").await;
}

#[tokio::test]
async fn a_full_disk_leaves_what_was_written_and_passes() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    for _ in 0..3 {
        limit_pages(&journal).await;
        let error = journal.append(&lease, 1, &[note(2), huge(3)]).await.expect_err("full");
        assert!(
            matches!(&error, JournalError::Storage(what) if what.contains("the disk is full")),
            "{error}"
        );
        assert_eq!(journal.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
    }
    assert!(journal.verify_all().await.expect("looks").is_clean());
    // The limit is of a connection; a new one has room again.
    let other = open(dir.path()).await;
    other.append(&lease, 1, &[note(2), huge(3)]).await.expect("appends");
    journal.writer.as_ref().expect("a writer").run_for_test("PRAGMA max_page_count = 1000000").await;
    journal.append(&lease, 3, &[note(4)]).await.expect("appends");
    assert_eq!(journal.entries(run(RUN)).await.expect("reads").len(), 4);
}

#[tokio::test]
async fn a_file_that_can_not_be_written_is_an_error_and_no_lie() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    let writer = journal.writer.as_ref().expect("a writer");
    writer.run_for_test("PRAGMA query_only = ON").await;
    let error = journal.append(&lease, 1, &[note(2)]).await.expect_err("read-only");
    assert!(matches!(&error, JournalError::Storage(what) if what.contains("can't be written")), "{error}");
    assert_eq!(journal.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
    writer.run_for_test("PRAGMA query_only = OFF").await;
    journal.append(&lease, 1, &[note(2)]).await.expect("appends");
}

#[tokio::test]
async fn a_lock_held_by_another_makes_the_journal_busy() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, other) = (open(dir.path()).await, open(dir.path()).await);
    let lease = declare(&journal, RUN).await;
    let held = other.begin().await.expect("begins");
    journal.writer.as_ref().expect("a writer").run_for_test("PRAGMA busy_timeout = 1").await;
    let error = journal.append(&lease, 1, &[note(2)]).await.expect_err("busy");
    assert!(matches!(error, JournalError::Busy(_)), "{error:?}");
    // Those who only look are not kept waiting.
    assert_eq!(journal.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
    held.end(Ok(())).await.expect("ends");
    journal.append(&lease, 1, &[note(2)]).await.expect("appends");
}

#[tokio::test]
async fn the_state_of_any_moment_opens_after_a_crash() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    for count in 1..20u64 {
        journal.append(&lease, count, &[note(count + 1)]).await.expect("appends");
        // The files as a crash leaves them: the log not folded in, its index not there.
        let after = tempfile::tempdir().expect("a folder");
        for file in [DATABASE, "firedrill.db-wal"] {
            fs::copy(dir.path().join(file), after.path().join(file)).expect("copies");
        }
        let log = after.path().join("firedrill.db-wal");
        let whole = fs::metadata(&log).expect("a log").len();
        let opened = open(after.path()).await;
        assert_eq!(opened.entries(run(RUN)).await.expect("reads").len() as u64, count + 1);
        let taken = opened.take_lease(run(RUN), "heir", at(3600)).await.expect("taken");
        opened.append(&taken, count + 1, &[note(count + 2)]).await.expect("goes on");
        drop(opened);

        // A log that was being written when the power went: what was committed before is there.
        let torn = tempfile::tempdir().expect("a folder");
        for file in [DATABASE, "firedrill.db-wal"] {
            fs::copy(dir.path().join(file), torn.path().join(file)).expect("copies");
        }
        let log =
            fs::OpenOptions::new().write(true).open(torn.path().join("firedrill.db-wal")).expect("a log");
        log.set_len(whole - 100).expect("cut");
        drop(log);
        let opened = open(torn.path()).await;
        let there = opened.entries(run(RUN)).await.expect("intact").len() as u64;
        assert_eq!(there, count);
    }
}
