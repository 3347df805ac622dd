//! Several real processes on one journal: the test binary starts itself, to play a part.

use crate::{
    ids::RunId,
    journal::{
        RunFilter, RunStatus,
        testing::{at, declare_as, declared, note, open, run},
    },
    ports::Journal,
};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

const DIR: &str = "FIREDRILL_TEST_JOURNAL";
const ID: &str = "FIREDRILL_TEST_RUN";
const ENTRIES: &str = "FIREDRILL_TEST_ENTRIES";

fn id(n: u32) -> String {
    format!("019aa000-0000-7000-8000-0000{n:08x}")
}

/// Starts a process that declares a run and appends entries one by one.
fn start(dir: &Path, n: u32, entries: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "journal::tests::processes::the_part_of_another_process"])
        .env(DIR, dir)
        .env(ID, id(n))
        .env(ENTRIES, entries.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

#[tokio::test]
async fn the_part_of_another_process() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let run = std::env::var(ID).expect("a run");
    let entries: u64 = std::env::var(ENTRIES).expect("a number").parse().expect("a number");
    let journal = open(Path::new(&dir)).await;
    let holder = journal.holder().await.expect("a holder");
    let lease = declare_as(&journal, &declared(&run), &holder).await;
    for count in 1..=entries {
        journal.append(&lease, count, &[note(count + 1)]).await.expect("appends");
    }
}

#[tokio::test]
async fn processes_make_open_and_write_one_journal_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let children: Vec<Child> = (0..6).map(|n| start(&data, n, 15)).collect();
    for mut child in children {
        assert!(child.wait().expect("ends").success());
    }
    let journal = open(&data).await;
    assert!(journal.verify_all().await.expect("looks").is_clean());
    let rows = journal.runs(&RunFilter::default(), at(2)).await.expect("lists");
    assert_eq!(
        rows.iter().map(|row| (row.entries, row.status)).collect::<Vec<_>>(),
        [(16, RunStatus::Interrupted); 6]
    );
}

#[tokio::test]
async fn a_process_killed_while_it_writes_leaves_a_run_to_take_over() {
    for n in 0..5u32 {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = open(dir.path()).await;
        let mut child = start(dir.path(), n, u64::MAX - 1);
        let run: RunId = run(&id(n));
        let far_enough = u64::from(n) * 7 + 2;
        while journal.entries(run).await.map_or(0, |entries| entries.len() as u64) < far_enough {
            assert_eq!(child.try_wait().expect("looks"), None, "it ended by itself");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let me = journal.holder().await.expect("a holder");
        assert!(journal.take_lease(run, &me, at(2)).await.is_err(), "it lives");
        child.kill().expect("killed");
        child.wait().expect("ended");
        let lease = journal.take_lease(run, &me, at(2)).await.expect("taken over at once");
        let count = journal.entries(run).await.expect("intact").len() as u64;
        journal.append(&lease, count, &[note(count + 1)]).await.expect("goes on");
        assert!(journal.verify_all().await.expect("looks").is_clean());
        assert_eq!(journal.locks.count(), 1);
    }
}
