use crate::{
    journal::{
        BaselineRow, DATABASE,
        testing::{RUN, at, declare, note, open, run},
    },
    ports::{Ask, Baseline, BaselineKey, Journal},
};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

/// What any SQLite tool may try; the triggers are in the file.
#[tokio::test]
async fn the_file_itself_refuses_to_change_evidence() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    let lease = declare(&journal, RUN).await;
    journal.append(&lease, 1, &[note(2)]).await.expect("appends");
    journal.ask(run(RUN), "anna", at(3), &Ask::Abort { reason: None }).await.expect("asked");
    let key = BaselineKey {
        playbook: "orders".parse().expect("a name"),
        step: "intact".parse().expect("a step"),
        check: "rows".to_owned(),
        point: "p1".to_owned(),
    };
    let baseline = Baseline {
        taken: at(1),
        source: "orders.db".to_owned(),
        point: "p1".to_owned(),
        point_time: at(0),
        by: "anna".to_owned(),
        position: None,
        schema: None,
        tables: Vec::new(),
    };
    journal.save_baseline(&key, &baseline).await.expect("kept");
    let before: Vec<BaselineRow> = journal.baselines(&key.playbook).await.expect("reads");

    let options = SqliteConnectOptions::new().filename(dir.path().join(DATABASE));
    let mut conn = SqliteConnection::connect_with(&options).await.expect("opens");
    let copy = |seq: &str, prev: &str, fence: &str, verb: &str| {
        format!(
            "{verb} INTO events (run, seq, at_ms, body, prev, digest, fence) \
             SELECT run, {seq}, at_ms, body, {prev}, digest, {fence} FROM events WHERE seq = 2"
        )
    };
    let refused = [
        ("UPDATE events SET body = '{}'".to_owned(), "events are never changed"),
        ("UPDATE events SET seq = seq + 5".to_owned(), "events are never changed"),
        ("DELETE FROM events WHERE seq = 2".to_owned(), "events are never deleted"),
        ("UPDATE playbooks SET text = ''".to_owned(), "playbooks are never changed"),
        ("DELETE FROM playbooks".to_owned(), "playbooks are never deleted"),
        ("UPDATE runs SET playbook = 'x'".to_owned(), "runs are never changed"),
        ("DELETE FROM runs".to_owned(), "runs are never deleted"),
        ("UPDATE requests SET by = 'x'".to_owned(), "requests are never changed"),
        ("DELETE FROM requests".to_owned(), "requests are never deleted"),
        ("UPDATE baselines SET body = '{}'".to_owned(), "baselines are never changed"),
        ("DELETE FROM baselines".to_owned(), "baselines are never deleted"),
        ("DELETE FROM leases".to_owned(), "leases are never deleted"),
        ("UPDATE leases SET token = 0".to_owned(), "only grows"),
        ("INSERT OR REPLACE INTO leases VALUES ((SELECT run FROM runs), 'x', 1, 0)".to_owned(), "one lease"),
        ("INSERT OR REPLACE INTO runs SELECT run, 'x', digest, '/', 0 FROM runs".to_owned(), "declared once"),
        (
            "INSERT OR REPLACE INTO baselines SELECT id, playbook, step, check_name, point, 0, 0, '', '', 0, 0, \
             '{}', zeroblob(32) FROM baselines"
                .to_owned(),
            "added, never replaced",
        ),
        (
            "INSERT OR REPLACE INTO requests SELECT run, 1, by, at_ms, ask FROM requests".to_owned(),
            "appended after the last",
        ),
        (copy("2", "prev", "1", "INSERT OR REPLACE"), "appended after the last"),
        (copy("4", "zeroblob(32)", "1", "INSERT"), "appended after the last"),
        (copy("3", "prev", "1", "INSERT"), "names the digest of the one before"),
        (copy("3", "digest", "2", "INSERT"), "with the token of the lease"),
    ];
    for (sql, why) in refused {
        let error = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut conn).await.expect_err(&sql);
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    // A playbook that is there is not stored anew, and not replaced either.
    sqlx::query("INSERT OR REPLACE INTO playbooks SELECT digest, 'other' FROM playbooks")
        .execute(&mut conn)
        .await
        .expect("ignored");
    assert_eq!(journal.entries(run(RUN)).await.expect("intact").len(), 2);
    assert!(journal.playbook_of(run(RUN)).await.is_ok());
    assert_eq!(journal.baselines(&key.playbook).await.expect("reads"), before);
    assert!(journal.verify_all().await.expect("looks").is_clean());
}
