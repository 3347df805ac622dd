//! SQLite backups that are files: one folder in scratch for each restore, the database unpacked into it.
//!
//! ```text
//!  /backups/orders-20261123.db.gz ──read only──> <scratch>/fd-RUN-STEP-1/restore.partial ──> restored.db
//! ```
//!
//! The rename to `restored.db` is the moment at which the restore is available. The backup is opened for reading
//! alone, and a backup that changes while it is read is not restored.

use super::{
    backup_file::{self, Identity, Wanted},
    copy::unpack,
    disk::{cant, write_whole},
    pace,
    place::{Found, Place, identity, owned, unclear},
    scratch::{Scratch, real, refused},
    sqlite_backup::{SqliteBackups, complete_alone},
};
use crate::{
    drill::{Candidate, Claim, Fault, FaultClass, Hydration, Link, Outputs, RecoveryPoint, Scope},
    files::sync_folder,
    ids::ClaimId,
    playbook::{Source, SourceKind, SqliteSource},
    ports::{
        AcquireRequest, Observation, Owned, Preflight, Provider, Receipts, ReleaseRequest, RestoreRequest,
        Tick,
    },
    time::Period,
};
use async_trait::async_trait;
use std::path::Path;

/// The restored database within its folder.
const DATABASE: &str = "restored.db";

/// The database while it is being written.
const PARTIAL: &str = "restore.partial";

/// What proves the copy, kept for a second call.
const RECEIPTS: &str = ".receipts.json";

/// The one link of the chain.
const KIND: &str = "folder";

/// Restores SQLite backups from files.
#[derive(Debug, Clone)]
pub struct SqliteFile {
    scratch: Scratch,
}

impl SqliteFile {
    /// Restores into these scratch folders.
    pub fn new(scratch: Scratch) -> Self {
        Self { scratch }
    }
}

fn source<'a>(ask: &RestoreRequest<'a>) -> Result<&'a SqliteSource, Fault> {
    match &ask.restore.source {
        Source::Sqlite(source) => Ok(source),
        other => Err(Fault::new(
            FaultClass::Permanent,
            format!("`{}` is not restored by the sqlite provider", other.kind().key()),
        )),
    }
}

async fn candidates(ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
    let source = source(ask)?;
    let wanted = Wanted {
        backup: &source.backup,
        folder: ask.folder,
        timestamp: source.timestamp.as_deref(),
        timezone: source.timezone,
        now: ask.declared,
    };
    backup_file::candidates(wanted, &SqliteBackups).await
}

#[async_trait]
impl Provider for SqliteFile {
    async fn preflight(&self, ask: &RestoreRequest<'_>) -> Result<Preflight, Fault> {
        let source = source(ask)?;
        let home = backup_file::home(&source.backup, ask.folder);
        let candidates = candidates(ask).await?;
        let largest = candidates.iter().filter(|c| c.unfit.is_none()).filter_map(|c| c.point.bytes).max();
        let live = source.live.as_ref().map(|live| ask.folder.join(live));
        let apart: Vec<_> = std::iter::once(home.clone()).chain(live).collect();
        let mut found = self.scratch.preflight(ask, &apart, largest);
        let fit = candidates.iter().filter(|candidate| candidate.unfit.is_none()).count();
        found.facts.push(format!(
            "{} holds {fit} of {} files fit to restore",
            home.display(),
            candidates.len()
        ));
        Ok(found)
    }

    async fn recovery_points(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
        candidates(ask).await
    }

    fn chain(&self, ask: &RestoreRequest<'_>, point: &RecoveryPoint) -> Result<Vec<Link>, Fault> {
        let params = [("file", DATABASE.to_owned()), ("backup_id", point.id.clone())];
        Ok(vec![self.scratch.link(ask, KIND, params)?])
    }

    async fn acquire(&self, ask: &AcquireRequest<'_>) -> Result<Receipts, Fault> {
        let place = Place::cleared(ask.claim, &self.scratch)?;
        let backup = Path::new(&ask.point.id);
        if real(backup)?.starts_with(&place.live) {
            return Err(refused(format!(
                "the backup {} lies in the folder to restore into",
                backup.display()
            )));
        }
        place.make(ask.claim)?;
        let (done, receipts) = (place.live.join(DATABASE), place.live.join(RECEIPTS));
        if done.is_file() {
            let text = std::fs::read(&receipts).map_err(|error| cant("read", &receipts, &error))?;
            return serde_json::from_slice(&text).map_err(|error| cant("read", &receipts, &error.into()));
        }
        if ask.point.details.get("packing").is_none_or(|packing| packing == "plain") {
            let permanent = |why| {
                Fault::new(
                    FaultClass::Permanent,
                    format!("the backup {} can't be used: {why}", backup.display()),
                )
            };
            complete_alone(backup).await.map_err(permanent)?;
        }
        let partial = place.live.join(PARTIAL);
        // A new file each time: a call that was cut short may have one last chunk on its way to the old one.
        match std::fs::remove_file(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(cant("remove", &partial, &error));
            }
            _ => {}
        }
        let progress = |done, total| {
            ask.progress.tick(Tick {
                step: ask.restore.step.clone(),
                what: KIND.to_owned(),
                done: Some(done),
                total: Some(total),
                unit: "bytes",
                note: format!("restoring {}", backup.file_name().unwrap_or_default().to_string_lossy()),
            });
        };
        let copied = unpack(backup, Identity::listed(&ask.point.details), &partial, progress).await?;
        let proof = vec![
            format!("backup sha256:{} ({} bytes)", copied.digest, copied.read),
            format!("restored {} bytes into {}", copied.written, done.display()),
        ];
        let finish = || -> std::io::Result<()> {
            write_whole(&receipts, &serde_json::to_vec(&proof)?)?;
            std::fs::rename(&partial, &done)?;
            sync_folder(&place.live)
        };
        finish().map_err(|error| cant("write", &done, &error))?;
        Ok(proof)
    }

    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        let seen = |claim: &&Claim| (claim.id.clone(), look(claim).unwrap_or_else(Observation::Unknown));
        claims.iter().map(seen).collect()
    }

    async fn release(&self, claim: &Claim, _: &ReleaseRequest<'_>) -> Result<Receipts, Fault> {
        if claim.source != SourceKind::Sqlite {
            return Err(refused(format!("the claim {} was not made by the sqlite provider", claim.id)));
        }
        let place = Place::cleared(claim, &self.scratch)?;
        place.remove(claim).await?;
        Ok(vec![format!("removed {}", place.live.display())])
    }

    async fn owned(&self, scope: &Scope) -> Result<Vec<Owned>, Fault> {
        let Scope::Folder(root) = scope else { return Ok(Vec::new()) };
        let root = real(Path::new(root))?;
        self.scratch.check(&root)?;
        owned(&root, SourceKind::Sqlite)
    }

    /// Of all folders, those of commands too.
    async fn unclear(&self, scope: &Scope) -> Result<Vec<String>, Fault> {
        let Scope::Folder(root) = scope else { return Ok(Vec::new()) };
        let root = real(Path::new(root))?;
        self.scratch.check(&root)?;
        unclear(&root)
    }

    async fn identity(&self, scope: &Scope) -> Result<Option<String>, Fault> {
        let Scope::Folder(root) = scope else { return Ok(None) };
        identity(&real(Path::new(root))?)
    }

    fn pace(&self, so_far: Period) -> Period {
        pace(so_far, Period::from_millis(100), Period::from_secs(5))
    }
}

fn look(claim: &Claim) -> Result<Observation, Fault> {
    let place = Place::of(claim)?;
    let pending = |note: &str| Observation::Pending { progress: None, note: note.to_owned() };
    match place.look(claim)? {
        Found::Absent => return Ok(Observation::Absent { proof: place.absence() }),
        Found::Foreign(reason) => return Ok(Observation::Broken { reason }),
        Found::Half(_) => return Ok(pending("the folder is being made or removed")),
        Found::Ours => {}
    }
    let path = place.live.join(DATABASE);
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(pending("the backup is being unpacked"));
        }
        Err(error) => return Err(cant("look at", &path, &error)),
    };
    if !meta.is_file() {
        return Ok(Observation::Broken { reason: format!("{} is not a file", path.display()) });
    }
    let mut outputs: Outputs = [
        ("engine", "sqlite".to_owned()),
        ("path", path.display().to_string()),
        ("bytes", meta.len().to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if let Some(backup) = claim.link.params.get("backup_id") {
        outputs.insert("backup_id".to_owned(), backup.clone());
    }
    Ok(Observation::Ready { outputs, hydration: Hydration::Complete })
}
