//! Opening the database: whose file it is, which version it has, and making it where there is none.
//!
//! ```text
//! no file ──> empty file, 0600 ──┐
//! empty database ────────────────┴─> application id ──> WAL ──> migrations ──> open
//! ours, known version ────────────────────────────────> WAL ──> migrations ──> open
//! ours, newer version ──> refused, unchanged        someone else's ──> refused, unchanged
//! ```
//!
//! Any number of processes may do this at once. Each step is taken under SQLite's write lock, after another
//! look at whether it is still needed. The application id is written before write-ahead logging is on, so that
//! it is always in the file itself and can be read without touching anything.

use super::{
    holder::make_private_dir,
    place::{Place, code_of, is_busy},
};
use crate::ports::JournalError;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The name of the database in the data folder.
pub const DATABASE: &str = "firedrill.db";

/// What tells our files from others (`PRAGMA application_id`): "FDrl".
pub const APPLICATION_ID: i32 = 0x4644_726c;

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How long SQLite waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How the journal is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To drive runs, or ask something of them. Makes the folder and the database where there are none.
    ReadWrite,
    /// To look. Nothing is made and nothing is changed.
    ReadOnly,
}

/// How to connect, once the file is known to be ours and of our version.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) reading: SqliteConnectOptions,
    pub(super) writing: Option<SqliteConnectOptions>,
}

pub(super) async fn open(data_dir: &Path, mode: Mode) -> Result<Opened, JournalError> {
    let dir = std::path::absolute(data_dir)
        .map_err(|error| JournalError::Storage(format!("{}: {error}", data_dir.display())))?;
    let place = Place::new(dir.join(DATABASE));
    match mode {
        Mode::ReadWrite => {
            prepare_dir(&dir, &place)?;
            create_empty(&place)?;
        }
        Mode::ReadOnly => must_exist(&dir, &place)?,
    }
    let base = SqliteConnectOptions::new()
        .filename(place.db())
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut reading = base.clone().read_only(true);
    let mut found = whose(&place, &reading).await?;
    match mode {
        Mode::ReadOnly => {
            if found == Whose::Nobodys {
                return Err(place.storage("it is empty: nothing has been run yet"));
            }
            reading = fit_for_reading(&place, reading).await?;
            if version(&place, &reading).await? == Version::Behind {
                return Err(place.storage(
                    "an older firedrill made it; any command that writes, such as `firedrill run`, brings it up to date",
                ));
            }
            Ok(Opened { place, reading, writing: None })
        }
        Mode::ReadWrite => {
            if beside(&place, "-journal").is_some() {
                roll_back(&place, &base).await?;
                found = whose(&place, &reading).await?;
            }
            if found == Whose::Nobodys {
                mark(&place, &base).await?;
            }
            let version = version(&place, &reading).await?;
            log_ahead(&place, &base).await?;
            if version == Version::Behind {
                migrate(&place, &base).await?;
            }
            Ok(Opened { place, reading, writing: Some(base) })
        }
    }
}

fn prepare_dir(dir: &Path, place: &Place) -> Result<(), JournalError> {
    match std::fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(not_a_folder(dir)),
        Err(_) => make_private_dir(dir).map_err(|error| place.io(dir, "make the data folder", &error)),
    }
}

fn must_exist(dir: &Path, place: &Place) -> Result<(), JournalError> {
    if std::fs::metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
        return Err(not_a_folder(dir));
    }
    match std::fs::metadata(place.db()) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(place.storage("there is no journal here: nothing has been run yet with this --data-dir"))
        }
        Err(error) => Err(place.io(place.db(), "open", &error)),
    }
}

fn not_a_folder(dir: &Path) -> JournalError {
    JournalError::Storage(format!(
        "{} is a file, not a folder; choose another --data-dir or move it away",
        dir.display()
    ))
}

/// Makes the file, so that nobody but its owner can read it from its first byte on; SQLite gives the files
/// beside it the same permissions.
fn create_empty(place: &Place) -> Result<(), JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    // POSIX drops all locks of a process on a file when it closes any descriptor of it. So the file is opened
    // here only if it was not there, and by one thread at a time: then no SQLite connection has locks on it yet.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place.db());
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(place.io(place.db(), "make", &error)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Nobodys,
}

async fn whose(place: &Place, reading: &SqliteConnectOptions) -> Result<Whose, JournalError> {
    // Immutable: SQLite reads the one file, takes no lock and makes no file beside it.
    if let Ok(answer) = look(&reading.clone().immutable(true)).await {
        return judge(place, answer);
    }
    // In the middle of another process's checkpoint the file alone may look broken.
    match look(reading).await {
        Ok(answer) => judge(place, answer),
        Err(error) => Err(place.sql(error)),
    }
}

async fn look(options: &SqliteConnectOptions) -> Result<(i32, i64), sqlx::Error> {
    let mut conn = options.connect().await?;
    let answer = ask(&mut conn).await;
    conn.close().await?;
    answer
}

/// The application id, and how many things are in the database if it is not ours.
async fn ask(conn: &mut SqliteConnection) -> Result<(i32, i64), sqlx::Error> {
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *conn).await?;
    if id == APPLICATION_ID {
        return Ok((id, 0));
    }
    let things = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(conn).await?;
    Ok((id, things))
}

fn judge(place: &Place, (id, things): (i32, i64)) -> Result<Whose, JournalError> {
    match (id, things) {
        (APPLICATION_ID, _) => Ok(Whose::Ours),
        (0, 0) => Ok(Whose::Nobodys),
        _ => Err(place.storage(
            "this is a SQLite database, but not firedrill's; nothing was changed. \
             Choose another --data-dir, or move the file away",
        )),
    }
}

/// What a process left that died while it made the database is undone by the first connection that may write.
async fn roll_back(place: &Place, base: &SqliteConnectOptions) -> Result<(), JournalError> {
    look(base).await.map(|_| ()).map_err(|error| place.sql(error))
}

/// Makes an empty database ours.
async fn mark(place: &Place, base: &SqliteConnectOptions) -> Result<(), JournalError> {
    let mut conn = base.connect().await.map_err(|error| place.sql(error))?;
    let marked = async {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(|error| place.sql(error))?;
        let found = ask(&mut tx).await.map_err(|error| place.sql(error))?;
        if judge(place, found)? == Whose::Nobodys {
            // The number of APPLICATION_ID: a pragma takes no parameter.
            sqlx::query("PRAGMA application_id = 1178890860")
                .execute(&mut *tx)
                .await
                .map_err(|error| place.sql(error))?;
        }
        tx.commit().await.map_err(|error| place.sql(error))
    }
    .await;
    let closed = conn.close().await.map_err(|error| place.sql(error));
    marked.and(closed)
}

/// Turns write-ahead logging on. SQLite does not wait for the lock that this needs, so we do.
async fn log_ahead(place: &Place, base: &SqliteConnectOptions) -> Result<(), JournalError> {
    let mut conn = base.connect().await.map_err(|error| place.sql(error))?;
    let mut result = turn_on(&mut conn).await;
    for _ in 0..200 {
        if !result.as_ref().is_err_and(is_busy) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        result = turn_on(&mut conn).await;
    }
    let closed = conn.close().await;
    let mode = result.map_err(|error| place.sql(error))?;
    closed.map_err(|error| place.sql(error))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(place.storage(format!(
        "write-ahead logging can't be turned on (the mode stays `{mode}`); \
         put the --data-dir on a local file system"
    )))
}

async fn turn_on(conn: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *conn).await?;
    if mode == "wal" {
        return Ok(mode);
    }
    sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(conn).await
}

/// A read-only connection needs the log's index beside the file. On a read-only medium there is none: then the
/// file is all there is, if no log lies beside it.
async fn fit_for_reading(
    place: &Place,
    reading: SqliteConnectOptions,
) -> Result<SqliteConnectOptions, JournalError> {
    match version(place, &reading).await {
        Err(JournalError::Storage(_)) if beside(place, "-wal").is_none_or(|bytes| bytes == 0) => {
            let alone = reading.clone().immutable(true);
            version(place, &alone).await.map(|_| alone)
        }
        Err(error) => Err(error),
        Ok(_) => Ok(reading),
    }
}

/// The size of a file that SQLite keeps beside the database.
fn beside(place: &Place, ending: &str) -> Option<u64> {
    let mut path = place.db().as_os_str().to_owned();
    path.push(ending);
    std::fs::metadata(PathBuf::from(path)).ok().map(|meta| meta.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Current,
    Behind,
}

fn known() -> BTreeSet<i64> {
    MIGRATOR.iter().map(|migration| migration.version).collect()
}

/// Which version the database has. A newer one is refused, on a connection that can't write.
async fn version(place: &Place, reading: &SqliteConnectOptions) -> Result<Version, JournalError> {
    let mut conn = reading.connect().await.map_err(|error| place.sql(error))?;
    let applied = applied(&mut conn).await;
    let newest: Option<(i64, String)> =
        sqlx::query_as("SELECT schema, firedrill FROM builds ORDER BY schema DESC LIMIT 1")
            .fetch_optional(&mut conn)
            .await
            .ok()
            .flatten();
    conn.close().await.map_err(|error| place.sql(error))?;
    let (applied, known) = (applied.map_err(|error| place.sql(error))?, known());
    match applied.difference(&known).max() {
        Some(&newer) => Err(newer_error(place, newer, newest.map(|(_, firedrill)| firedrill))),
        None if applied == known => Ok(Version::Current),
        None => Ok(Version::Behind),
    }
}

async fn applied(conn: &mut SqliteConnection) -> Result<BTreeSet<i64>, sqlx::Error> {
    match sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(conn).await {
        Ok(versions) => Ok(versions.into_iter().collect()),
        // There is no such table yet: SQLITE_ERROR, the generic code.
        Err(error) if code_of(&error) == Some(1) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn newer_error(place: &Place, newer: i64, firedrill: Option<String>) -> JournalError {
    let by =
        firedrill.map_or_else(|| "a newer firedrill".to_owned(), |version| format!("firedrill {version}"));
    JournalError::Newer(format!(
        "{} was written by {by} (journal version {newer}), and this is firedrill {}, which knows versions up to {}; \
         nothing was changed. Use the newer firedrill, or another --data-dir",
        place.db().display(),
        env!("CARGO_PKG_VERSION"),
        known().last().copied().unwrap_or(0),
    ))
}

/// Brings the schema up to date in one transaction. Whoever waited for another process that did finds nothing to do.
async fn migrate(place: &Place, base: &SqliteConnectOptions) -> Result<(), JournalError> {
    let mut conn = base.connect().await.map_err(|error| place.sql(error))?;
    let migrated = async {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(|error| place.sql(error))?;
        MIGRATOR.run_direct(None, &mut *tx, false).await.map_err(|error| match error {
            MigrateError::VersionMissing(newer) => newer_error(place, newer, None),
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => place.sql(error),
            other => place.storage(format!("its schema is not as firedrill made it: {other}")),
        })?;
        sqlx::query("INSERT OR IGNORE INTO builds (schema, firedrill) VALUES (?, ?)")
            .bind(known().last().copied().unwrap_or(0))
            .bind(env!("CARGO_PKG_VERSION"))
            .execute(&mut *tx)
            .await
            .map_err(|error| place.sql(error))?;
        tx.commit().await.map_err(|error| place.sql(error))
    }
    .await;
    let closed = conn.close().await.map_err(|error| place.sql(error));
    migrated.and(closed)
}
