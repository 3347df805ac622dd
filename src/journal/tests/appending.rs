use crate::{
    drill::{Entry, Event},
    ids::Digest,
    journal::testing::{RUN, TEXT, at, declare, declared, declared_at, finished, note, open, run},
    ports::{Journal, JournalError, NewRun, PlaybookText},
};
use std::sync::Arc;

#[tokio::test]
async fn what_is_appended_is_read_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    journal.append(&lease, 1, &[note(2), note(3)]).await.expect("appends");
    journal.append(&lease, 3, &[]).await.expect("appends nothing");
    journal.append(&lease, 3, &[finished(4)]).await.expect("appends");
    let expected = [declared(RUN), note(2), note(3), finished(4)];
    assert_eq!(journal.entries(run(RUN)).await.expect("reads"), expected);
    let chained = journal.chained(run(RUN)).await.expect("reads");
    assert_eq!(chained[0].prev, Digest::ZERO);
    assert_eq!(journal.head(run(RUN)).await.expect("a head"), chained[3].digest);
    drop(journal);
    let journal = open(dir.path()).await;
    assert_eq!(journal.entries(run(RUN)).await.expect("reads"), expected);
}

#[tokio::test]
async fn a_writer_that_believes_another_number_is_told_the_true_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    for expected in [0, 2, u64::MAX] {
        let result = journal.append(&lease, expected, &[note(2)]).await;
        assert!(
            matches!(result, Err(JournalError::Conflict { actual: 1, expected: e, .. }) if e == expected),
            "{result:?}"
        );
    }
    assert_eq!(journal.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
}

#[tokio::test]
async fn entries_are_written_all_or_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    for wrong in [vec![note(2), note(4)], vec![note(3)], vec![note(2), note(2)], vec![finished(2), note(3)]] {
        assert!(matches!(journal.append(&lease, 1, &wrong).await, Err(JournalError::Storage(_))));
        assert_eq!(journal.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
    }
    journal.append(&lease, 1, &[note(2)]).await.expect("appends");
}

#[tokio::test]
async fn nothing_comes_after_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    journal.append(&lease, 1, &[finished(2)]).await.expect("appends");
    assert!(matches!(journal.append(&lease, 2, &[note(3)]).await, Err(JournalError::Finished(_))));
    // A writer that missed the answer to its last append must be able to see that it was written.
    let again = journal.append(&lease, 1, &[finished(2)]).await;
    assert!(matches!(again, Err(JournalError::Conflict { actual: 2, .. })), "{again:?}");
}

#[tokio::test]
async fn of_eight_who_append_at_once_one_wins() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = open(dir.path()).await;
    let lease = declare(&first, RUN).await;
    let mut journals = vec![Arc::new(first)];
    for _ in 1..8 {
        journals.push(Arc::new(open(dir.path()).await));
    }
    for expected in 1..6u64 {
        let tries: Vec<_> = journals
            .iter()
            .cloned()
            .map(|journal| {
                let lease = lease.clone();
                tokio::spawn(async move { journal.append(&lease, expected, &[note(expected + 1)]).await })
            })
            .collect();
        let mut won = 0;
        for attempt in tries {
            match attempt.await.expect("no panic") {
                Ok(()) => won += 1,
                Err(JournalError::Conflict { actual, .. }) => assert_eq!(actual, expected + 1),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1);
    }
    assert_eq!(journals[3].entries(run(RUN)).await.expect("reads").len(), 6);
}

#[tokio::test]
async fn an_append_that_is_dropped_half_way_leaves_all_or_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    let mut count = 1;
    for polls in 0..60 {
        let entries = [note(count + 1), note(count + 2)];
        let mut append = Box::pin(journal.append(&lease, count, &entries));
        for _ in 0..polls {
            if futures_util::poll!(&mut append).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(append);
        // The next transaction waits until the dropped one is undone or done.
        journal.renew(&lease, at(1)).await.expect("renews");
        let now = journal.entries(run(RUN)).await.expect("intact").len() as u64;
        assert!(now == count || now == count + 2, "{now} of {count}");
        count = now;
    }
    journal.append(&lease, count, &[note(count + 1)]).await.expect("appends");
}

#[tokio::test]
async fn a_run_is_declared_once_and_as_what_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    declare(&journal, RUN).await;
    let playbook = PlaybookText { text: TEXT.to_owned(), folder: "/drills".into() };
    let first = declared(RUN);
    let again = NewRun { run: run(RUN), playbook: &playbook, holder: "bert", first: &first };
    let result = journal.declare(again).await;
    assert!(matches!(result, Err(JournalError::Conflict { expected: 0, actual: 1, .. })), "{result:?}");

    let other = run("019aa000-0000-7000-8000-0000000000b2");
    let text = PlaybookText { text: "other".to_owned(), folder: "/drills".into() };
    let fits = declared(&other.to_string());
    let moved = Entry { seq: 2, ..fits.clone() };
    let event = Event::Cleared { facts: Vec::new() };
    let no_declaration = Entry { seq: 1, at: at(1), event };
    for (playbook, first) in
        [(&playbook, &first), (&text, &fits), (&playbook, &moved), (&playbook, &no_declaration)]
    {
        let result = journal.declare(NewRun { run: other, playbook, holder: "bert", first }).await;
        assert!(matches!(result, Err(JournalError::Storage(_))), "{result:?}");
    }
    assert!(matches!(journal.entries(other).await, Err(JournalError::NoSuchRun(_))));
    assert!(matches!(journal.head(other).await, Err(JournalError::NoSuchRun(_))));
}

#[tokio::test]
async fn a_run_keeps_the_folder_that_it_was_declared_with() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    declare(&journal, RUN).await;
    let second = "019aa000-0000-7000-8000-0000000000b2";
    let elsewhere = PlaybookText { text: TEXT.to_owned(), folder: "/elsewhere".into() };
    let first = declared_at(second, "orders", 7);
    let new = NewRun { run: run(second), playbook: &elsewhere, holder: "anna", first: &first };
    journal.declare(new).await.expect("declares");
    let here = PlaybookText { text: TEXT.to_owned(), folder: "/drills".into() };
    assert_eq!(journal.playbook_of(run(RUN)).await.expect("reads"), here);
    assert_eq!(journal.playbook_of(run(second)).await.expect("reads"), elsewhere);
    assert_eq!(journal.playbook(Digest::of(TEXT.as_bytes())).await.expect("reads"), elsewhere);
    assert!(journal.playbook(Digest::ZERO).await.is_err());
    let unknown = run("019aa000-0000-7000-8000-00000000ffff");
    assert!(matches!(journal.playbook_of(unknown).await, Err(JournalError::NoSuchRun(_))));
}
