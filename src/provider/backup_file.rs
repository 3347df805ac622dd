//! SQLite backups as files: where they are, how they are packed, what makes one unfit.

use super::{copy::decoded, file_time::NamePattern, human_bytes};
use crate::{
    drill::{Candidate, Fault, FaultClass, Outputs, RecoveryPoint},
    playbook::SqliteSource,
    time::{Period, Timestamp},
};
use futures_util::{StreamExt, stream};
use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};
use tokio::io::AsyncReadExt;

/// With what every SQLite database begins (https://sqlite.org/fileformat2.html).
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Clocks of two machines may differ by so much; a backup from further in the future has a wrong time.
const SKEW: Period = Period::from_secs(300);

/// Files looked at together: a folder on a network file system answers slowly, and many at once.
const TOGETHER: usize = 8;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As it is.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Packing {
    /// By the first bytes; a name can say anything.
    pub(super) fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// For a person and for [`RecoveryPoint::details`].
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A file's size and modification time: if they are the same, so is its content, as far as can be told without
/// reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

impl Identity {
    pub(super) fn of(meta: &Metadata) -> Self {
        let modified = meta.modified().map_or(Timestamp::from_millis(0), Timestamp::from);
        Self { size: meta.len(), modified }
    }

    /// As it was when the recovery point was listed.
    pub(super) fn listed(details: &Outputs) -> Option<Self> {
        Some(Self {
            size: details.get("size")?.parse().ok()?,
            modified: Timestamp::from_millis(details.get("mtime_ms")?.parse().ok()?),
        })
    }
}

/// The folder that holds the backups: for a glob, its part before the first wildcard.
pub(super) fn home(source: &SqliteSource, folder: &Path) -> PathBuf {
    let backup = folder.join(&source.backup);
    if backup.is_dir() {
        return backup;
    }
    if backup.symlink_metadata().is_ok() || !is_glob(&backup) {
        return backup.parent().unwrap_or(Path::new("/")).to_owned();
    }
    let wild = |part: &Path| is_glob(part);
    backup.ancestors().find(|part| !wild(part)).unwrap_or(Path::new("/")).to_owned()
}

fn is_glob(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// Every file there is, fit or not.
pub(super) async fn candidates(
    source: &SqliteSource,
    folder: &Path,
    now: Timestamp,
) -> Result<Vec<Candidate>, Fault> {
    let permanent = |message| Fault::new(FaultClass::Permanent, message);
    let pattern = match &source.timestamp {
        Some(pattern) => Some(NamePattern::new(pattern, source.timezone).map_err(permanent)?),
        None => None,
    };
    let (backup, relative_to) = (source.backup.clone(), folder.to_owned());
    let paths = tokio::task::spawn_blocking(move || locations(&relative_to, &backup))
        .await
        .map_err(|_| Fault::new(FaultClass::Transient, "looking for the backups was interrupted"))??;
    let examined = stream::iter(paths).map(|path| async move { examine(&path, pattern.as_ref(), now).await });
    let mut found: Vec<Candidate> = examined.buffered(TOGETHER).collect().await;
    // A link such as `latest.db` shows a backup a second time.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|candidate| seen.insert(candidate.point.id.clone()));
    Ok(found)
}

fn locations(folder: &Path, backup: &Path) -> Result<Vec<PathBuf>, Fault> {
    let permanent = |message| Fault::new(FaultClass::Permanent, message);
    let whole = folder.join(backup);
    match whole.symlink_metadata() {
        Ok(_) if whole.is_dir() => {
            let entries = std::fs::read_dir(&whole).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let entries = entries.map_err(|error| {
                Fault::new(
                    FaultClass::Surroundings,
                    format!("the folder of backups {} can't be read: {error}", whole.display()),
                )
            })?;
            let mut paths: Vec<PathBuf> = entries
                .iter()
                .map(std::fs::DirEntry::path)
                .filter(|path| !is_beside_a_database(path))
                .collect();
            paths.sort();
            Ok(paths)
        }
        Ok(_) => Ok(vec![whole]),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::new(
            FaultClass::Surroundings,
            format!("the backup {} can't be looked at: {error}", whole.display()),
        )),
        Err(_) if is_glob(backup) => {
            // Only what the author wrote is a pattern; the folder's own name is taken as it is.
            let pattern = match (backup.is_absolute(), folder.to_str()) {
                (true, _) => backup.to_path_buf(),
                (false, Some(folder)) => Path::new(&glob::Pattern::escape(folder)).join(backup),
                (false, None) => {
                    return Err(permanent(format!("{} is not UTF-8 text", folder.display())));
                }
            };
            let paths = glob::glob(&pattern.to_string_lossy())
                .map_err(|error| permanent(format!("`{}` is not a pattern: {error}", backup.display())))?;
            // What can't be read is kept: it is listed as unfit, with the reason.
            let path = |found: glob::GlobResult| found.unwrap_or_else(|error| error.path().to_owned());
            Ok(paths.map(path).filter(|path| !is_beside_a_database(path)).collect())
        }
        Err(_) => Err(permanent(format!(
            "{} does not exist: give `backup` an existing file or folder, or a pattern such as {}",
            whole.display(),
            whole.with_file_name("*.db.gz").display()
        ))),
    }
}

/// Files that SQLite keeps beside a database, and hidden ones.
fn is_beside_a_database(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with('.') || ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
}

async fn examine(path: &Path, pattern: Option<&NamePattern<'_>>, now: Timestamp) -> Candidate {
    let real = tokio::fs::canonicalize(path).await;
    let named = real.as_deref().unwrap_or(path);
    let mut candidate = Candidate {
        point: RecoveryPoint {
            id: named.to_string_lossy().into_owned(),
            time: Timestamp::from_millis(0),
            time_source: "modification time".to_owned(),
            location: named.parent().map(|folder| folder.to_string_lossy().into_owned()),
            bytes: None,
            encrypted: None,
            details: Outputs::new(),
        },
        unfit: None,
    };
    let judged = match &real {
        Ok(real) if real.to_str().is_none() => Err("its path is not UTF-8 text".to_owned()),
        Ok(real) => judge(&mut candidate.point, path, real, pattern, now).await,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("a symbolic link to nothing".to_owned()),
        Err(error) => Err(format!("it can't be looked at: {error}")),
    };
    candidate.unfit = judged.err();
    candidate
}

/// Fills the point in as far as it can be known; `Err` tells why it is unfit.
async fn judge(
    point: &mut RecoveryPoint,
    given: &Path,
    real: &Path,
    pattern: Option<&NamePattern<'_>>,
    now: Timestamp,
) -> Result<(), String> {
    let meta = tokio::fs::metadata(real).await.map_err(|error| format!("it can't be looked at: {error}"))?;
    let identity = Identity::of(&meta);
    point.time = identity.modified;
    if meta.is_dir() {
        return Err("a folder".to_owned());
    }
    if !meta.is_file() {
        return Err("not a regular file".to_owned());
    }
    point.bytes = Some(identity.size);
    point.details.insert("size".to_owned(), identity.size.to_string());
    point.details.insert("mtime_ms".to_owned(), identity.modified.as_millis().to_string());
    let name = given.file_name().unwrap_or_default().to_string_lossy();
    if [".tmp", ".partial", ".part"].iter().any(|end| name.ends_with(end)) {
        return Err("its name says that it is still being written".to_owned());
    }
    if let Some(pattern) = pattern {
        // Behind a link such as `latest.db` the moment may be in the name of the file itself.
        let own = real.file_name().unwrap_or_default().to_string_lossy();
        point.time = pattern.find(&name).or_else(|why| pattern.find(&own).map_err(|_| why))?;
        point.time_source = "file name".to_owned();
    }
    if point.time > now + SKEW {
        return Err(format!("its time, {}, lies in the future", point.time.human()));
    }
    if identity.size == 0 {
        return Err("empty".to_owned());
    }
    let packing = sniff(real).await?;
    point.details.insert("packing".to_owned(), packing.word().to_owned());
    if packing == Packing::Plain {
        complete_alone(real).await?;
    }
    Ok(())
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
