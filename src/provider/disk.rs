//! What is done to the disk for a claim: files written whole, folders emptied without following links.

use super::{place::MARKER, scratch::refused};
use crate::{
    drill::{Fault, FaultClass},
    files,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// What is at a path.
pub(super) enum Kind {
    Nothing,
    Folder,
    Other(&'static str),
}

/// What is at a path, links not followed.
pub(super) fn kind(path: &Path) -> Result<Kind, Fault> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(Kind::Folder),
        Ok(meta) if meta.is_symlink() => Ok(Kind::Other("a symbolic link")),
        Ok(meta) if meta.is_file() => Ok(Kind::Other("a file")),
        Ok(_) => Ok(Kind::Other("a device or socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kind::Nothing),
        Err(error) => Err(cant("look at", path, &error)),
    }
}

/// Writes a file so that it is there whole or not at all, for this user alone.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    files::write_whole(path, bytes, files::PRIVATE)
}

pub(super) fn gone_already(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Empties the folder, the marker last, and removes it. Links in it are removed, never followed.
pub(super) fn remove_contents_then_marker(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == *MARKER {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            let removed = gone_already(fs::remove_dir_all(&path));
            match removed {
                // Restored trees keep the modes of their folders, which may forbid what their owner must do now.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    make_writable(&path)?;
                    gone_already(fs::remove_dir_all(&path))?;
                }
                other => other?,
            }
        } else {
            gone_already(fs::remove_file(&path))?;
        }
    }
    gone_already(fs::remove_file(folder.join(MARKER)))?;
    gone_already(fs::remove_dir(folder))
}

fn make_writable(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.mode();
    fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// Something mounted inside is not ours to empty.
pub(super) fn refuse_mounts(folder: &Path) -> Result<(), Fault> {
    // Where the kernel lists no mounts this proves nothing, and removal goes by the other proofs.
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    let mounted = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    match mounted.into_iter().find(|at| at.starts_with(folder)) {
        Some(at) => Err(refused(format!(
            "a file system is mounted at {}: unmount it, and the folder can be removed",
            at.display()
        ))),
        None => Ok(()),
    }
}

/// Spaces and the like are written as `\040` in that list.
fn unescape(text: &str) -> PathBuf {
    let text = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, is)| text.replace(code, is));
    PathBuf::from(text)
}

/// The fault of a file operation: the disk's, or a lack of rights.
pub(super) fn cant(what: &str, path: &Path, error: &io::Error) -> Fault {
    let class = match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy => FaultClass::Transient,
        _ => FaultClass::Surroundings,
    };
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free some room there",
        io::ErrorKind::PermissionDenied => ": check who owns it and its mode",
        _ => "",
    };
    Fault::new(class, format!("can't {what} {}: {error}{hint}", path.display()))
}

/// Whether something is at a path.
pub(super) fn exists(path: &Path) -> Result<bool, Fault> {
    fs::exists(path).map_err(|error| cant("look at", path, &error))
}

/// A file of firedrill's own; none where it is not there.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Fault> {
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|error| cant("read", path, &error.into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cant("read", path, &error)),
    }
}

/// Writes such a file.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Fault> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| cant("write", path, &error.into()))?;
    write_whole(path, &bytes).map_err(|error| cant("write", path, &error))
}
