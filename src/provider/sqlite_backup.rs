//! SQLite backups as files: how one is told, and what makes it unfit.

use super::{
    backup_file::{Examine, Packing},
    human_bytes,
    unpacked::decoded,
};
use crate::drill::RecoveryPoint;
use async_trait::async_trait;
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::io::AsyncReadExt;

/// With what every SQLite database begins (https://sqlite.org/fileformat2.html).
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Examines SQLite backups.
#[derive(Debug, Clone, Copy)]
pub(super) struct SqliteBackups;

#[async_trait]
impl Examine for SqliteBackups {
    fn example(&self) -> &'static str {
        "*.db.gz"
    }

    /// Files that SQLite keeps beside a database, and hidden ones.
    fn is_beside(&self, name: &str) -> bool {
        name.starts_with('.') || ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
    }

    async fn examine(&self, path: &Path, point: &mut RecoveryPoint, _named: bool) -> Result<(), String> {
        let packing = sniff(path).await?;
        point.details.insert("packing".to_owned(), packing.word().to_owned());
        if packing == Packing::Plain {
            complete_alone(path).await?;
        }
        Ok(())
    }
}

/// Looks for a database's first bytes, unpacked if need be.
async fn sniff(path: &Path) -> Result<Packing, String> {
    let cant = |error: io::Error| format!("it can't be read: {error}");
    let mut file = tokio::fs::File::open(path).await.map_err(cant)?;
    let mut first = Vec::new();
    (&mut file).take(16).read_to_end(&mut first).await.map_err(cant)?;
    let packing = Packing::of(&first);
    if packing != Packing::Plain {
        let file = tokio::fs::File::open(path).await.map_err(cant)?;
        first.clear();
        let read = decoded(packing, file).take(16).read_to_end(&mut first).await;
        read.map_err(|error| {
            format!("it is damaged: {} data end or break at once: {error}", packing.word())
        })?;
    }
    if first == MAGIC {
        return Ok(packing);
    }
    let inside = if packing == Packing::Plain { "it" } else { "what is packed in it" };
    Err(format!("{inside} is not a SQLite database, or an encrypted one"))
}

/// A database whose newest changes are still in a file beside it is not complete without that file.
pub(super) async fn complete_alone(path: &Path) -> Result<(), String> {
    for (end, what) in [("-wal", "write-ahead log"), ("-journal", "rollback journal")] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(end);
        let beside = PathBuf::from(beside);
        let size = tokio::fs::metadata(&beside).await.map_or(0, |meta| meta.len());
        if size > 0 {
            return Err(format!(
                "a {what} of {} lies beside it ({}), and without it the file is not a complete database: make backups with `sqlite3 DB \".backup FILE\"` or `VACUUM INTO`, not by copying the file",
                human_bytes(size),
                beside.file_name().unwrap_or_default().to_string_lossy()
            ));
        }
    }
    Ok(())
}
