//! `firedrill init`: a commented starter.

use super::say;
use crate::{
    error::{Exit, Failure},
    starter,
};
use std::{io::ErrorKind, path::Path};

pub(super) fn init(dir: &Path, force: bool) -> Result<Exit, Failure> {
    let files = [("drills/first.yaml", starter::PLAYBOOK.1), ("firedrill.toml", starter::CONFIG.1)];
    let existing: Vec<_> =
        files.iter().map(|(name, _)| dir.join(name)).filter(|path| path.exists()).collect();
    if let (false, [first, ..]) = (force, existing.as_slice()) {
        return Err(Failure::Invalid(format!(
            "{} exists already; nothing was written (--force overwrites)",
            first.display()
        )));
    }
    for (name, text) in files {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(Failure::io(format!("making the folder {}", folder.display())))?;
        }
        write(&path, text, force).map_err(Failure::io(format!("writing {}", path.display())))?;
        say(&format!("wrote {}", path.display()));
    }
    say(&format!("next: edit {}, then `firedrill check {0}`", dir.join("drills/first.yaml").display()));
    Ok(Exit::Passed)
}

/// Writes a file; without `force` never over another, even one that came up meanwhile.
fn write(path: &Path, text: &str, force: bool) -> Result<(), std::io::Error> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(force).create(true).create_new(!force);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => std::io::Error::other("it exists already"),
        _ => error,
    })?;
    file.write_all(text.as_bytes())
}
