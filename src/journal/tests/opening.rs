use crate::{
    journal::{
        APPLICATION_ID, DATABASE, Mode, RunFilter, SqliteJournal,
        testing::{RUN, at, declare, declared, note, open, run, tamper},
    },
    ports::{Ask, Journal, JournalError},
};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

async fn scalar<T>(dir: &Path, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let options = SqliteConnectOptions::new().filename(dir.join(DATABASE));
    let mut conn = SqliteConnection::connect_with(&options).await.expect("opens");
    sqlx::query_scalar(sql).fetch_one(&mut conn).await.expect(sql)
}

async fn refused(dir: &Path, mode: Mode) -> JournalError {
    SqliteJournal::open(dir, mode).await.expect_err("refused")
}

#[tokio::test]
async fn a_new_journal_is_its_owners_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("deep").join("data");
    let journal = open(&data).await;
    declare(&journal, RUN).await;
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(journal.path()), 0o600);
    assert_eq!(mode(&data.join("firedrill.db-wal")), 0o600);
    journal.holder().await.expect("a holder");
    for lock in fs::read_dir(data.join("locks")).expect("locks") {
        assert_eq!(mode(&lock.expect("a file").path()), 0o600);
    }
    assert_eq!(scalar::<i32>(&data, "PRAGMA application_id").await, APPLICATION_ID);
    assert_eq!(scalar::<String>(&data, "PRAGMA journal_mode").await, "wal");
    let mut tx = journal.begin().await.expect("begins");
    for (pragma, value) in
        [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)]
    {
        let found: i64 = sqlx::query_scalar(pragma).fetch_one(tx.conn()).await.expect(pragma);
        assert_eq!(found, value, "{pragma}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn any_number_may_make_and_open_it_at_once() {
    for _ in 0..5 {
        let dir = tempfile::tempdir().expect("a folder");
        let mut tries = Vec::new();
        for _ in 0..16 {
            let path = dir.path().join("data");
            tries.push(tokio::spawn(async move { SqliteJournal::open(&path, Mode::ReadWrite).await }));
        }
        for attempt in tries {
            let journal = attempt.await.expect("no panic").expect("opens");
            assert!(journal.runs(&RunFilter::default(), at(0)).await.expect("lists").is_empty());
        }
        let journal = open(&dir.path().join("data")).await;
        declare(&journal, RUN).await;
        assert!(journal.verify_all().await.expect("looks").is_clean());
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_not_touched() {
    let cases = [
        ("CREATE TABLE orders (id)", "not firedrill's"),
        ("PRAGMA application_id = 77", "not firedrill's"),
        ("PRAGMA journal_mode = WAL; CREATE TABLE orders (id)", "not firedrill's"),
    ];
    for (sql, why) in cases {
        let dir = tempfile::tempdir().expect("a folder");
        let options = SqliteConnectOptions::new().filename(dir.path().join(DATABASE)).create_if_missing(true);
        let mut conn = SqliteConnection::connect_with(&options).await.expect("opens");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.expect(sql);
        conn.close().await.expect("closes");
        let before = fs::read(dir.path().join(DATABASE)).expect("reads");
        for mode in [Mode::ReadOnly, Mode::ReadWrite] {
            let error = refused(dir.path(), mode).await;
            assert!(matches!(&error, JournalError::Storage(what) if what.contains(why)), "{error}");
        }
        assert_eq!(fs::read(dir.path().join(DATABASE)).expect("reads"), before);
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "no file was left beside it");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(DATABASE), "dear diary, ".repeat(1000)).expect("writes");
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        let error = refused(dir.path(), mode).await.to_string();
        assert!(error.contains("not a SQLite database"), "{error}");
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    declare(&journal, RUN).await;
    journal.close().await.expect("closes");
    tamper(
        dir.path(),
        "INSERT INTO _sqlx_migrations VALUES (7, 'later', 0, 1, x'00', 0); INSERT INTO builds VALUES (7, '9.1.0')",
    )
    .await;
    let before = fs::read(dir.path().join(DATABASE)).expect("reads");
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        let error = refused(dir.path(), mode).await;
        assert!(matches!(error, JournalError::Newer(_)), "{error:?}");
        let text = error.to_string();
        for part in ["firedrill 9.1.0", "version 7", "knows versions up to 2", env!("CARGO_PKG_VERSION")] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert_eq!(fs::read(dir.path().join(DATABASE)).expect("reads"), before);
}

#[tokio::test]
async fn a_schema_that_was_altered_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    open(dir.path()).await.close().await.expect("closes");
    tamper(dir.path(), "ALTER TABLE requests ADD COLUMN more TEXT").await;
    let journal = open(dir.path()).await;
    let audit = journal.verify_all().await.expect("looks");
    assert!(audit.database.contains(&"the table requests is missing or was changed".to_owned()), "{audit:?}");
}

#[tokio::test]
async fn a_reader_makes_nothing_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let error = refused(&data, Mode::ReadOnly).await.to_string();
    assert!(error.contains("nothing has been run yet"), "{error}");
    assert!(!data.exists());

    let journal = open(&data).await;
    let lease = declare(&journal, RUN).await;
    let reader = SqliteJournal::open(&data, Mode::ReadOnly).await.expect("opens");
    assert_eq!(reader.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
    journal.append(&lease, 1, &[note(2)]).await.expect("appends");
    assert_eq!(reader.entries(run(RUN)).await.expect("reads").len(), 2);
    let refusals = [
        reader.append(&lease, 2, &[note(3)]).await,
        reader.renew(&lease, at(2)).await,
        reader.ask(run(RUN), "anna", at(2), &Ask::Abort { reason: None }).await.map(|_| ()),
        reader.holder().await.map(|_| ()),
    ];
    for refusal in refusals {
        assert!(refusal.is_err_and(|error| error.to_string().contains("for reading only")));
    }
    assert!(reader.verify_all().await.expect("looks").is_clean());
}

#[tokio::test]
async fn a_journal_on_a_medium_that_can_not_be_written_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path()).await;
    declare(&journal, RUN).await;
    journal.close().await.expect("closes");
    drop(journal);
    let alone = tempfile::tempdir().expect("a folder");
    fs::copy(dir.path().join(DATABASE), alone.path().join(DATABASE)).expect("copies");
    let set = |mode| fs::set_permissions(alone.path(), fs::Permissions::from_mode(mode)).expect("sets");
    set(0o500);
    let reader = SqliteJournal::open(alone.path(), Mode::ReadOnly).await.expect("opens");
    assert_eq!(reader.entries(run(RUN)).await.expect("reads"), [declared(RUN)]);
    set(0o700);
}

#[tokio::test]
async fn a_data_folder_that_is_none_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("writes");
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        let error = refused(&file, mode).await.to_string();
        assert!(error.contains("is a file, not a folder"), "{error}");
    }
    let error = refused(&file.join("below"), Mode::ReadWrite).await.to_string();
    assert!(error.contains("can't make the data folder"), "{error}");
    let odd = dir.path().join("a?b#c %41 ü");
    open(&odd).await;
    assert!(odd.join(DATABASE).exists());
}

#[tokio::test]
async fn an_empty_file_is_taken_for_a_new_journal() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(DATABASE), "").expect("writes");
    let error = refused(dir.path(), Mode::ReadOnly).await.to_string();
    assert!(error.contains("nothing has been run yet"), "{error}");
    declare(&open(dir.path()).await, RUN).await;
}
