//! Backups that are files: where they are, how they are packed, when they are of. What makes one unfit is the
//! business of [`Examine`], one for each kind of backup.

use super::file_time::NamePattern;
use crate::{
    drill::{Candidate, Fault, FaultClass, Outputs, RecoveryPoint},
    time::{Period, Timestamp},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};

/// Clocks of two machines may differ by so much; a backup from further in the future has a wrong time.
const SKEW: Period = Period::from_secs(300);

/// Files looked at together: a folder on a network file system answers slowly, and many at once.
const TOGETHER: usize = 8;

/// Where backups are looked for, and how their names tell the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// A file, a folder or a glob, as the playbook has it.
    pub(super) backup: &'a Path,
    /// Where relative paths start.
    pub(super) folder: &'a Path,
    /// The pattern of the moment in a name.
    pub(super) timestamp: Option<&'a str>,
    /// The zone of that moment.
    pub(super) timezone: Option<chrono_tz::Tz>,
    /// When the run was declared.
    pub(super) now: Timestamp,
}

/// What one kind of backup looks like.
#[async_trait]
pub(super) trait Examine: Sync {
    /// A pattern as an example for a person, such as `*.db.gz`.
    fn example(&self) -> &'static str;

    /// Whether files of that name only lie beside backups and are not worth a word.
    fn is_beside(&self, name: &str) -> bool {
        name.starts_with('.')
    }

    /// Whether this folder is one backup.
    fn is_one(&self, _folder: &Path) -> bool {
        false
    }

    /// What a folder is that is not one.
    fn not_one(&self) -> &'static str {
        "a folder"
    }

    /// Size and age of what is at `path`, which is a regular file or one backup that is a folder.
    fn identity(&self, _path: &Path, meta: &Metadata) -> io::Result<Identity> {
        Ok(Identity::of(meta))
    }

    /// Looks into it, and notes in `point` what is found. The moment may be set from it unless the name told it:
    /// `named`. `Err`: why it is unfit.
    async fn examine(&self, path: &Path, point: &mut RecoveryPoint, named: bool) -> Result<(), String>;
}

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
pub(super) fn home(backup: &Path, folder: &Path) -> PathBuf {
    let backup = folder.join(backup);
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
pub(super) async fn candidates(wanted: Wanted<'_>, kind: &dyn Examine) -> Result<Vec<Candidate>, Fault> {
    let permanent = |message| Fault::new(FaultClass::Permanent, message);
    let pattern = match wanted.timestamp {
        Some(pattern) => Some(NamePattern::new(pattern, wanted.timezone).map_err(permanent)?),
        None => None,
    };
    let (folder, backup) = (wanted.folder.to_owned(), wanted.backup.to_owned());
    let whole = folder.join(&backup);
    let paths = if whole.is_dir() && kind.is_one(&whole) {
        vec![whole]
    } else {
        let example = kind.example();
        tokio::task::spawn_blocking(move || locations(&folder, &backup, example))
            .await
            .map_err(|_| Fault::new(FaultClass::Transient, "looking for the backups was interrupted"))??
    };
    let listed =
        |path: &PathBuf| !path.file_name().is_some_and(|name| kind.is_beside(&name.to_string_lossy()));
    let pattern = pattern.as_ref();
    let examined = stream::iter(paths.into_iter().filter(listed))
        .map(|path| async move { examine(kind, &path, pattern, wanted.now).await });
    let mut found: Vec<Candidate> = examined.buffered(TOGETHER).collect().await;
    // A link such as `latest.db` shows a backup a second time.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|candidate| seen.insert(candidate.point.id.clone()));
    Ok(found)
}

fn locations(folder: &Path, backup: &Path, example: &str) -> Result<Vec<PathBuf>, Fault> {
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
            let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
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
            Ok(paths.map(path).collect())
        }
        Err(_) => Err(permanent(format!(
            "{} does not exist: give `backup` an existing file or folder, or a pattern such as {}",
            whole.display(),
            whole.with_file_name(example).display()
        ))),
    }
}

async fn examine(
    kind: &dyn Examine,
    path: &Path,
    pattern: Option<&NamePattern<'_>>,
    now: Timestamp,
) -> Candidate {
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
        Ok(real) => judge(kind, &mut candidate.point, path, real, pattern, now).await,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("a symbolic link to nothing".to_owned()),
        Err(error) => Err(format!("it can't be looked at: {error}")),
    };
    candidate.unfit = judged.err();
    candidate
}

/// Fills the point in as far as it can be known; `Err` tells why it is unfit.
async fn judge(
    kind: &dyn Examine,
    point: &mut RecoveryPoint,
    given: &Path,
    real: &Path,
    pattern: Option<&NamePattern<'_>>,
    now: Timestamp,
) -> Result<(), String> {
    let meta = tokio::fs::metadata(real).await.map_err(|error| format!("it can't be looked at: {error}"))?;
    point.time = Identity::of(&meta).modified;
    if meta.is_dir() && !kind.is_one(real) {
        return Err(kind.not_one().to_owned());
    }
    if !meta.is_file() && !meta.is_dir() {
        return Err("not a regular file".to_owned());
    }
    let identity = kind.identity(real, &meta).map_err(|error| format!("it can't be looked at: {error}"))?;
    point.time = identity.modified;
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
    let future = |time: Timestamp| {
        let text = format!("its time, {}, lies in the future", time.human());
        if time > now + SKEW { Err(text) } else { Ok(()) }
    };
    future(point.time)?;
    if identity.size == 0 {
        return Err("empty".to_owned());
    }
    kind.examine(real, point, pattern.is_some()).await?;
    future(point.time)
}
