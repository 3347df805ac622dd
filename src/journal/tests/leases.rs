use crate::{
    journal::{
        RunFilter, RunStatus,
        testing::{RUN, at, declare, declare_as, declared, declared_at, finished, note, open, run},
    },
    ports::{Journal, JournalError, LEASE, Lease},
};

const OTHER: &str = "019aa000-0000-7000-8000-0000000000b2";

#[tokio::test]
async fn a_held_run_is_taken_only_when_its_time_is_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let old = declare(&journal, RUN).await;
    let until = declared(RUN).at + LEASE;
    let just_before = crate::time::Timestamp::from_millis(until.as_millis() - 1);
    let early = journal.take_lease(run(RUN), "bert", just_before).await;
    assert!(matches!(early, Err(JournalError::Held { holder, .. }) if holder == "anna@drill"));
    let new = journal.take_lease(run(RUN), "bert", until).await.expect("taken");
    assert_eq!(new, Lease { run: run(RUN), holder: "bert".to_owned(), token: 2 });
    let late = journal.append(&old, 1, &[note(2)]).await;
    assert!(matches!(late, Err(JournalError::LeaseLost(_))), "{late:?}");
    assert!(matches!(journal.renew(&old, until).await, Err(JournalError::LeaseLost(_))));
    assert!(matches!(journal.give_up(&old).await, Err(JournalError::LeaseLost(_))));
    journal.append(&new, 1, &[note(2)]).await.expect("appends");
    assert_eq!(journal.entries(run(RUN)).await.expect("reads").len(), 2);
}

#[tokio::test]
async fn renewal_keeps_a_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    journal.renew(&lease, at(25)).await.expect("renews");
    assert!(matches!(journal.take_lease(run(RUN), "bert", at(50)).await, Err(JournalError::Held { .. })));
    assert!(journal.take_lease(run(RUN), "bert", at(55)).await.is_ok());
}

#[tokio::test]
async fn a_run_given_up_is_free_at_once_and_closed_to_its_old_holder() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let old = declare(&journal, RUN).await;
    journal.give_up(&old).await.expect("given up");
    assert!(matches!(journal.append(&old, 1, &[note(2)]).await, Err(JournalError::LeaseLost(_))));
    assert!(matches!(journal.renew(&old, at(2)).await, Err(JournalError::LeaseLost(_))));
    let again = journal.take_lease(run(RUN), "anna@drill", at(2)).await.expect("taken");
    assert_eq!(again.token, 2);
    // The same holder's older token is as old as anyone's.
    assert!(matches!(journal.append(&old, 1, &[note(2)]).await, Err(JournalError::LeaseLost(_))));
    journal.append(&again, 1, &[note(2)]).await.expect("appends");
}

#[tokio::test]
async fn the_runs_of_a_dead_process_are_taken_over_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let (dying, heir) = (open(dir.path()).await, open(dir.path()).await);
    let holder = dying.holder().await.expect("a holder");
    assert_eq!(dying.holder().await.expect("a holder"), holder);
    let old = declare_as(&dying, &declared(RUN), &holder).await;
    declare_as(&dying, &declared_at(OTHER, "shop", 2), &holder).await;
    let me = heir.holder().await.expect("a holder");
    let statuses = async |secs| {
        let rows = heir.runs(&RunFilter::default(), at(secs)).await.expect("lists");
        rows.iter().map(|row| row.status).collect::<Vec<_>>()
    };

    assert!(matches!(heir.take_lease(run(RUN), &me, at(2)).await, Err(JournalError::Held { .. })));
    // As long as its process lives, a lease that has run out does not make a run look interrupted.
    assert_eq!(statuses(3600).await, [RunStatus::Running, RunStatus::Running]);

    dying.locks.die();
    assert_eq!(statuses(2).await, [RunStatus::Interrupted, RunStatus::Interrupted]);
    let first = heir.take_lease(run(RUN), &me, at(2)).await.expect("taken over");
    // The dead process's lock stays as long as another of its runs needs the proof.
    assert_eq!(heir.locks.count(), 2);
    heir.take_lease(run(OTHER), &me, at(2)).await.expect("taken over");
    assert_eq!(heir.locks.count(), 1);
    assert!(matches!(dying.append(&old, 1, &[note(2)]).await, Err(JournalError::LeaseLost(_))));
    heir.append(&first, 1, &[note(2)]).await.expect("appends");
    assert_eq!(statuses(2).await, [RunStatus::Running, RunStatus::Running]);
}

#[tokio::test]
async fn of_many_who_take_over_at_once_one_gets_the_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = std::sync::Arc::new(open(dir.path()).await);
    let lease = declare(&journal, RUN).await;
    journal.give_up(&lease).await.expect("given up");
    let mut tries = Vec::new();
    for n in 0..8 {
        let other = open(dir.path()).await;
        tries.push(tokio::spawn(async move { other.take_lease(run(RUN), &format!("h{n}"), at(2)).await }));
    }
    let mut taken = 0;
    for attempt in tries {
        match attempt.await.expect("no panic") {
            Ok(lease) => {
                assert_eq!(lease.token, 2);
                taken += 1;
            }
            Err(JournalError::Held { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_finished_or_unknown_run_has_nothing_to_take() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let unknown = journal.take_lease(run(RUN), "bert", at(0)).await;
    assert!(matches!(unknown, Err(JournalError::NoSuchRun(_))));
    let lease = declare(&journal, RUN).await;
    journal.append(&lease, 1, &[finished(2)]).await.expect("appends");
    journal.give_up(&lease).await.expect("given up");
    let error = journal.take_lease(run(RUN), "bert", at(3600)).await.expect_err("finished");
    assert_eq!(error.to_string(), format!("run {RUN} is finished"));
}
