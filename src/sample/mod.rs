//! The demonstration database of the quick start, and its backups.
//!
//! ```text
//!   FOLDER/orders/                      (or orders-corrupted); FOLDER is `sample` beside the playbook
//!     orders.db                           the live database of a web shop: about 260,000 rows in six tables
//!     backups/orders-20261121T090000Z.db.zst   as it was two days ago
//!             orders-20261122T090000Z.db.zst   as it was yesterday
//!             orders-20261123T090000Z.db.zst   as it is; of orders-corrupted, silently altered
//! ```
//! Nothing of it is kept in the repository: it is made from a seed when it is first wanted, and made anew once its
//! newest backup is an hour old. The files are made in a folder of their own that is renamed when it is whole, under
//! a lock, so that two processes may want it at the same time.

mod random;
mod shop;

use crate::{playbook::Sample, time::Period, time::Timestamp};
use async_compression::{Level, tokio::write::ZstdEncoder};
use shop::Shop;
use std::path::{Path, PathBuf};
use tokio::{
    fs,
    io::{self, AsyncWriteExt},
};

/// Older than this, the sample is made anew.
const FRESH: Period = Period::from_secs(3600);
const DAY: Period = Period::from_secs(24 * 3600);
/// How the names of the backups tell their moment, in `strftime` letters.
const NAME: &str = "orders-%Y%m%dT%H%M%SZ.db.zst";

/// Where the sample is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Where it is.
    pub folder: PathBuf,
    /// The live database.
    pub live: PathBuf,
    /// The folder with its backups.
    pub backups: PathBuf,
    /// The moment of the newest backup.
    pub newest: Timestamp,
    /// Whether it was made just now.
    pub made: bool,
}

/// Why the sample could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file or folder.
    #[error("make the sample in {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database.
    #[error("make the sample database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Whether the demonstration database and its backups are there, as [`prepare`] would leave them.
pub async fn is_ready(folder: &Path, kind: Sample, now: Timestamp) -> bool {
    newest(&home(folder, kind), now).await.is_some()
}

fn home(folder: &Path, kind: Sample) -> PathBuf {
    folder.join(match kind {
        Sample::Orders => "orders",
        Sample::OrdersCorrupted => "orders-corrupted",
    })
}

/// Makes the sample in `folder` (`sample` beside the playbook), if it is not there or no longer fresh.
pub async fn prepare(folder: &Path, kind: Sample, now: Timestamp) -> Result<Prepared, SampleError> {
    let home = home(folder, kind);
    // Names tell seconds.
    let now = Timestamp::from_millis(now.as_millis().div_euclid(1000) * 1000);
    if let Some(newest) = newest(&home, now).await {
        return Ok(prepared(&home, newest, false));
    }
    fs::create_dir_all(folder).await.map_err(at(folder))?;
    let lock = lock(folder.join(".lock")).await?;
    if let Some(newest) = newest(&home, now).await {
        return Ok(prepared(&home, newest, false));
    }
    let building = folder.join(format!(".building-{}", std::process::id()));
    remove(&building).await?;
    make(&building, kind, now).await?;
    let old = folder.join(format!(".old-{}", std::process::id()));
    remove(&old).await?;
    if fs::try_exists(&home).await.map_err(at(&home))? {
        fs::rename(&home, &old).await.map_err(at(&home))?;
    }
    fs::rename(&building, &home).await.map_err(at(&home))?;
    remove(&old).await?;
    drop(lock);
    Ok(prepared(&home, now, true))
}

fn prepared(home: &Path, newest: Timestamp, made: bool) -> Prepared {
    let (live, backups) = (home.join("orders.db"), home.join("backups"));
    Prepared { folder: home.to_owned(), live, backups, newest, made }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SampleError {
    let path = path.to_owned();
    move |source| SampleError::File { path, source }
}

/// Waits until no other process makes a sample there.
async fn lock(path: PathBuf) -> Result<std::fs::File, SampleError> {
    let wait = {
        let path = path.clone();
        move || {
            let file = std::fs::File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok(file)
        }
    };
    tokio::task::spawn_blocking(wait).await.map_err(io::Error::other).flatten().map_err(at(&path))
}

async fn remove(folder: &Path) -> Result<(), SampleError> {
    match fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

/// The moment of the newest backup, if the sample is there and fresh.
async fn newest(home: &Path, now: Timestamp) -> Option<Timestamp> {
    fs::metadata(home.join("orders.db")).await.ok()?;
    let mut files = fs::read_dir(home.join("backups")).await.ok()?;
    let mut newest = None;
    while let Ok(Some(file)) = files.next_entry().await {
        let name = file.file_name();
        let moment = name.to_str().and_then(|name| chrono::NaiveDateTime::parse_from_str(name, NAME).ok());
        newest = newest.max(moment.map(|moment| Timestamp::from(moment.and_utc())));
    }
    newest.filter(|newest| *newest <= now && now.since(*newest) < FRESH)
}

async fn make(folder: &Path, kind: Sample, now: Timestamp) -> Result<(), SampleError> {
    let backups = folder.join("backups");
    fs::create_dir_all(&backups).await.map_err(at(&backups))?;
    let mut shop = Shop::create(&folder.join("orders.db"), now).await?;
    for until in [now - DAY - DAY, now - DAY, now] {
        shop.trade(until).await?;
        let copy = folder.join("copy.db");
        shop.back_up(&copy).await?;
        if kind == Sample::OrdersCorrupted && until == now {
            shop::corrupt(&copy).await?;
        }
        let name = until.to_chrono().format(NAME).to_string();
        compress(&copy, &backups.join(name)).await?;
        fs::remove_file(&copy).await.map_err(at(&copy))?;
    }
    shop.close().await?;
    Ok(())
}

async fn compress(from: &Path, to: &Path) -> Result<(), SampleError> {
    let mut source = fs::File::open(from).await.map_err(at(from))?;
    let target = fs::File::create(to).await.map_err(at(to))?;
    let mut encoder = ZstdEncoder::with_quality(target, Level::Fastest);
    io::copy(&mut source, &mut encoder).await.map_err(at(to))?;
    encoder.shutdown().await.map_err(at(to))
}

#[cfg(test)]
mod tests;
