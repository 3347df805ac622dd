//! A claim's own folder in scratch: made at one stroke with the claim written in it, removed only after three proofs.
//!
//! ```text
//!  <root>/<name>.making/     being made: holds at most the marker
//!  <root>/<name>/            made: .firedrill.json (the marker: the claim as JSON) and what was restored
//!  <root>/<name>.removing/   being removed: the marker goes last
//! ```
//!
//! Each step from one to the next is one `rename`, so a crash at any instant leaves one of the three, and all of
//! them are known by the claim's name. The proofs: the claim comes from the journal, the marker in the folder names the
//! same run and claim, and the folder really lies in scratch. A file system that is mounted somewhere inside
//! stops a removal: deleting would reach into it.
//!
//! Not guaranteed: the folders of a volume that is not mounted look absent.

use super::{
    disk::{Kind, cant, gone_already, kind, refuse_mounts, remove_contents_then_marker, write_whole},
    scratch::{Scratch, real, refused},
};
use crate::{
    drill::{Claim, Fault, FaultClass, Scope},
    files::{PARTIAL, sync_folder},
    playbook::SourceKind,
    ports::Owned,
};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The file that makes a folder ours.
pub(super) const MARKER: &str = ".firedrill.json";

/// A marker larger than this is not one of ours.
const LARGEST_MARKER: u64 = 1024 * 1024;

const MAKING: &str = ".making";
const REMOVING: &str = ".removing";

/// Where a claim's folder is, whether it exists or not.
#[derive(Debug, Clone)]
pub(super) struct Place {
    root: PathBuf,
    name: String,
    /// The folder itself.
    pub(super) live: PathBuf,
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, under none of the three names.
    Absent,
    /// The folder, with this claim's marker.
    Ours,
    /// A folder that is still being made, or already being removed.
    Half(&'static str),
    /// Something that this claim did not make.
    Foreign(String),
}

impl Place {
    /// Where the claim's folder is by the claim's own words. Nothing is looked at.
    pub(super) fn of(claim: &Claim) -> Result<Self, Fault> {
        let Scope::Folder(root) = &claim.link.scope else {
            return Err(refused(format!(
                "the claim {} is not in a folder but in {}",
                claim.id, claim.link.scope
            )));
        };
        let name = &claim.link.name;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with("fd-") || !name.chars().all(fits) {
            return Err(refused(format!("`{name}` is not the name of a folder that firedrill makes")));
        }
        let root = PathBuf::from(root);
        Ok(Self { live: root.join(name), root, name: name.clone() })
    }

    /// As [`Place::of`], in a scratch folder that is allowed now and in its real form.
    pub(super) fn cleared(claim: &Claim, scratch: &Scratch) -> Result<Self, Fault> {
        let place = Self::of(claim)?;
        if real(&place.root)? != place.root {
            return Err(refused(format!(
                "{} is not where it was when the claim was made: a symbolic link leads elsewhere now",
                place.root.display()
            )));
        }
        scratch.check(&place.root)?;
        scratch.check_apart(&place.live)?;
        Ok(place)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.root.join(format!("{}{suffix}", self.name))
    }

    /// Makes the folder, or finds it made by the same claim. Without an await: a future that is dropped can't
    /// leave a thread behind that makes it later.
    pub(super) fn make(&self, claim: &Claim) -> Result<(), Fault> {
        match self.look(claim)? {
            Found::Ours => return Ok(()),
            Found::Foreign(why) => return Err(refused(why)),
            Found::Half(REMOVING) => {
                return Err(refused(format!("{} is being removed already", self.live.display())));
            }
            Found::Half(_) | Found::Absent => {}
        }
        let making = self.beside(MAKING);
        if let Kind::Folder = kind(&making)?
            && let Marker::Other(why) = self.marker_at(&making, claim)?
        {
            return Err(refused(why));
        }
        let made = || -> io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
            match fs::DirBuilder::new().mode(0o700).create(&making) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            let text = serde_json::to_vec_pretty(claim)?;
            write_whole(&making.join(MARKER), &text)?;
            fs::rename(&making, &self.live)?;
            sync_folder(&self.root)
        };
        made().map_err(|error| cant("create", &self.live, &error))
    }

    /// What is there now.
    pub(super) fn look(&self, claim: &Claim) -> Result<Found, Fault> {
        match kind(&self.live)? {
            Kind::Nothing => {}
            Kind::Folder => {
                return Ok(match self.marker_at(&self.live, claim)? {
                    Marker::Ours => Found::Ours,
                    Marker::None => Found::Foreign(format!(
                        "{} has no {MARKER}: firedrill did not make it",
                        self.live.display()
                    )),
                    Marker::Other(why) => Found::Foreign(why),
                });
            }
            Kind::Other(what) => {
                return Ok(Found::Foreign(format!("{} is {what}, not a folder", self.live.display())));
            }
        }
        for suffix in [REMOVING, MAKING] {
            match kind(&self.beside(suffix))? {
                Kind::Nothing => {}
                Kind::Folder => return Ok(Found::Half(suffix)),
                Kind::Other(what) => {
                    return Ok(Found::Foreign(format!(
                        "{} is {what}, not a folder",
                        self.beside(suffix).display()
                    )));
                }
            }
        }
        Ok(Found::Absent)
    }

    /// In words, for the proof of absence.
    pub(super) fn absence(&self) -> String {
        format!(
            "{} is not there, nor as {}{MAKING} or {}{REMOVING}",
            self.live.display(),
            self.name,
            self.name
        )
    }

    /// Removes the folder, under whichever of its names. Nothing there is fine; any doubt is a refusal.
    pub(super) async fn remove(&self, claim: &Claim) -> Result<(), Fault> {
        let removing = self.beside(REMOVING);
        if let Kind::Folder = kind(&self.live)? {
            // Whatever was left by a removal that a crash interrupted goes first: its name is needed.
            self.remove_marked(&removing, claim).await?;
            self.prove(&self.live, claim)?;
            refuse_mounts(&self.live)?;
            fs::rename(&self.live, &removing).map_err(|error| cant("remove", &self.live, &error))?;
        } else if let Kind::Other(what) = kind(&self.live)? {
            return Err(refused(format!("{} is {what}, not the folder that was made", self.live.display())));
        }
        self.remove_marked(&removing, claim).await?;
        self.remove_making(claim)?;
        match fs::exists(&self.root) {
            Ok(true) => sync_folder(&self.root).map_err(|error| cant("remove", &self.live, &error)),
            _ => Ok(()),
        }
    }

    /// The second and third proof for a folder that is about to be deleted.
    fn prove(&self, folder: &Path, claim: &Claim) -> Result<(), Fault> {
        let real = folder.canonicalize().map_err(|error| cant("look at", folder, &error))?;
        if real != folder {
            return Err(refused(format!("{} really is {}: not removed", folder.display(), real.display())));
        }
        match self.marker_at(folder, claim)? {
            Marker::Ours => Ok(()),
            Marker::None => Err(refused(format!(
                "{} has no {MARKER}: it can't be told who made it, so it is kept",
                folder.display()
            ))),
            Marker::Other(why) => Err(refused(format!("{why}; it is kept"))),
        }
    }

    async fn remove_marked(&self, folder: &Path, claim: &Claim) -> Result<(), Fault> {
        match kind(folder)? {
            Kind::Nothing => return Ok(()),
            Kind::Other(what) => return Err(refused(format!("{} is {what}: kept", folder.display()))),
            Kind::Folder => {}
        }
        // Only the marker's own removal can have been the last thing that happened here.
        let is_empty = fs::read_dir(folder).map(|mut entries| entries.next().is_none());
        if !is_empty.map_err(|error| cant("look at", folder, &error))? {
            self.prove(folder, claim)?;
            refuse_mounts(folder)?;
        }
        let owned = folder.to_owned();
        let removed = tokio::task::spawn_blocking(move || remove_contents_then_marker(&owned)).await;
        match removed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(cant("remove", folder, &error)),
            Err(_) => Err(Fault::new(
                FaultClass::Transient,
                format!("removing {} was interrupted", folder.display()),
            )),
        }
    }

    /// A folder that was being made holds the marker or half of it, or nothing.
    fn remove_making(&self, claim: &Claim) -> Result<(), Fault> {
        let making = self.beside(MAKING);
        match kind(&making)? {
            Kind::Nothing => return Ok(()),
            Kind::Other(what) => return Err(refused(format!("{} is {what}: kept", making.display()))),
            Kind::Folder => {}
        }
        if let Marker::Other(why) = self.marker_at(&making, claim)? {
            return Err(refused(format!("{why}; it is kept")));
        }
        let half = format!("{MARKER}{PARTIAL}");
        let gone = || -> io::Result<bool> {
            for entry in fs::read_dir(&making)? {
                let name = entry?.file_name();
                if name != *MARKER && name != *half {
                    return Ok(false);
                }
            }
            for name in [half.as_str(), MARKER] {
                gone_already(fs::remove_file(making.join(name)))?;
            }
            gone_already(fs::remove_dir(&making))?;
            Ok(true)
        };
        match gone() {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused(format!("{} holds more than a marker: kept", making.display()))),
            Err(error) => Err(cant("remove", &making, &error)),
        }
    }

    fn marker_at(&self, folder: &Path, claim: &Claim) -> Result<Marker, Fault> {
        let Some(marked) = read_marker(folder)? else { return Ok(Marker::None) };
        Ok(match marked {
            Some(marked)
                if marked.run == claim.run && marked.id == claim.id && marked.link.name == self.name =>
            {
                Marker::Ours
            }
            Some(marked) => Marker::Other(format!(
                "{} belongs to claim {} of run {}, not to {} of run {}",
                folder.display(),
                marked.id,
                marked.run,
                claim.id,
                claim.run
            )),
            None => Marker::Other(format!("the {MARKER} in {} can't be read as a claim", folder.display())),
        })
    }
}

enum Marker {
    None,
    Ours,
    Other(String),
}

/// The claims of that source whose folders are in `root`.
pub(super) fn owned(root: &Path, source: SourceKind) -> Result<Vec<Owned>, Fault> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cant("look at", root, &error)),
    };
    let mut found: Vec<Owned> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| cant("look at", root, &error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with("fd-")) else { continue };
        let name = [MAKING, REMOVING].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        if !matches!(kind(&entry.path())?, Kind::Folder) {
            continue;
        }
        let Some(Some(claim)) = read_marker(&entry.path())? else { continue };
        let here = Place::of(&claim).is_ok_and(|place| place.root == root && place.name == name);
        let again = |other: &Owned| other.claim.run == claim.run && other.claim.id == claim.id;
        if here && claim.source == source && !found.iter().any(again) {
            found.push(Owned { run: claim.run, claim });
        }
    }
    Ok(found)
}

/// The folders in `root` that are named as firedrill names them, and do not bear the marker of a claim that is theirs.
pub(super) fn unclear(root: &Path) -> Result<Vec<String>, Fault> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cant("look at", root, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| cant("look at", root, &error))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("fd-") || !matches!(kind(&path)?, Kind::Folder) {
            continue;
        }
        let bare = [MAKING, REMOVING].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        match read_marker(&path)? {
            None => found.push(format!("{} has no {MARKER}: it can't be told who made it", path.display())),
            Some(None) => {
                found.push(format!("the {MARKER} in {} can't be read as a claim", path.display()));
            }
            Some(Some(claim)) => {
                if !Place::of(&claim).is_ok_and(|place| place.root == root && place.name == bare) {
                    let (name, scope) = (&claim.link.name, &claim.link.scope);
                    found.push(format!(
                        "{} bears the marker of {name} in {scope}, and that is elsewhere",
                        path.display()
                    ));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What tells a folder from another one that takes its place: the machine, the file system and the inode.
pub(super) fn identity(root: &Path) -> Result<Option<String>, Fault> {
    use std::os::unix::fs::MetadataExt;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    match fs::metadata(root) {
        Ok(meta) => Ok(Some(format!("{host} device {} inode {}", meta.dev(), meta.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(format!("{host} absent"))),
        Err(error) => Err(cant("look at", root, &error)),
    }
}

/// None: no marker. Some(None): something that is no marker of ours.
fn read_marker(folder: &Path) -> Result<Option<Option<Claim>>, Fault> {
    let path = folder.join(MARKER);
    match kind(&path)? {
        Kind::Nothing => return Ok(None),
        Kind::Other("a file") => {}
        _ => return Ok(Some(None)),
    }
    let size = fs::metadata(&path).map_err(|error| cant("look at", &path, &error))?.len();
    if size > LARGEST_MARKER {
        return Ok(Some(None));
    }
    let bytes = fs::read(&path).map_err(|error| cant("read", &path, &error))?;
    Ok(Some(serde_json::from_slice(&bytes).ok()))
}
