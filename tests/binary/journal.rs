//! The journal when its surroundings fail: exit 6, and no lie.

use super::{Firedrill, by_commands};

#[test]
fn a_data_directory_that_can_not_be_written_ends_in_exit_6() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "true", ""));
    let file = firedrill.write("a-file", "not a folder");
    let args = ["run", playbook.to_str().expect("utf-8"), "--data-dir", file.to_str().expect("utf-8")];
    let ran = firedrill.run(&args);
    assert_eq!(ran.code, 6, "{ran}");
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "true", ""));
    let other =
        firedrill.write("data/firedrill.db", "this is somebody's own file, and long enough to look at");
    let before = std::fs::read(&other).expect("its bytes");
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8")]);
    assert_eq!(ran.code, 6, "{ran}");
    assert_eq!(std::fs::read(&other).expect("its bytes"), before);
}

#[test]
fn a_journal_of_a_newer_firedrill_is_refused() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "true", ""));
    assert_eq!(firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q"]).code, 0);
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (99990101000000, 'newer', 1, x'00', 0)";
    sql(&firedrill, newer);
    for args in [vec!["list"], vec!["run", playbook.to_str().expect("utf-8")]] {
        let ran = firedrill.run(&args);
        assert_eq!(ran.code, 6, "{ran}");
        assert!(ran.stderr.contains("newer"), "{ran}");
    }
}

#[test]
fn an_altered_entry_is_found() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "/bin/true", ""));
    assert_eq!(firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q"]).code, 0);
    sql(&firedrill, "drop trigger if exists events_no_update");
    for trigger in triggers(&firedrill) {
        sql(&firedrill, &format!("drop trigger {trigger}"));
    }
    sql(
        &firedrill,
        "update events set body = replace(body, '2026-01-01', '2026-01-02') where body like '%2026-01-01%'",
    );
    let ran = firedrill.run(&["show", "last"]);
    assert_eq!(ran.code, 6, "{ran}");
    assert!(ran.stderr.contains("damaged at entry"), "{ran}");
}

#[test]
fn a_full_disk_in_the_middle_ends_in_exit_6_and_the_run_goes_on_later() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "sleep 2; true", ""));
    let child = firedrill.spawn(&["run", playbook.to_str().expect("utf-8")]);
    super::eventually("the restore is under way", 30, || {
        firedrill.run(&["show", "last", "--events"]).stdout.contains("will make")
    });
    // Another holder takes the one thing away that the run needs: the right to write.
    sql(
        &firedrill,
        "create trigger full before insert on events begin select raise(abort, 'database or disk is full'); end",
    );
    let ran = super::Ran::from(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, 6, "{ran}");
    assert!(ran.stderr.contains("firedrill resume"), "it says how to go on: {ran}");
    let events = firedrill.run(&["show", "last", "--events"]).stdout;
    assert!(!events.contains("finished"), "no verdict was made up: {events}");
    sql(&firedrill, "drop trigger full");
    let ran = firedrill.run(&["resume"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(firedrill.left(), Vec::<String>::new());
}

/// The script in docs/journal.md, as an auditor would use it.
#[test]
fn the_documented_script_verifies_the_chain_without_firedrill() {
    let firedrill = Firedrill::new();
    let playbook = firedrill.write("drill.yaml", &by_commands("plain", "true", ""));
    let run = firedrill.json(&["run", playbook.to_str().expect("utf-8"), "-q", "--format", "json"]);
    let docs = include_str!("../../docs/journal.md");
    let script =
        docs.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    firedrill.write("verify.py", script);
    let verify = || {
        let mut python = std::process::Command::new("python3");
        super::Ran::from(
            python
                .args(["verify.py", "data/firedrill.db"])
                .current_dir(firedrill.path())
                .output()
                .expect("python3"),
        )
    };
    let whole = verify();
    assert_eq!(whole.code, 0, "{whole}");
    assert!(whole.stdout.contains(run["head"].as_str().expect("the head is in the report")), "{whole}");
    for trigger in triggers(&firedrill) {
        sql(&firedrill, &format!("drop trigger {trigger}"));
    }
    sql(&firedrill, "update events set at_ms = at_ms + 1 where seq = 3");
    let altered = verify();
    assert!(altered.stderr.contains("broken at entry 3"), "{altered}");
}

fn sql(firedrill: &Firedrill, text: &str) -> Vec<String> {
    use sqlx::{Connection, Row};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let path = firedrill.data().join("firedrill.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("opens");
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(text.to_owned())).fetch_all(&mut connection).await.expect(text);
        rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()).collect()
    })
}

fn triggers(firedrill: &Firedrill) -> Vec<String> {
    sql(firedrill, "select name from sqlite_schema where type = 'trigger' and tbl_name = 'events'")
}
