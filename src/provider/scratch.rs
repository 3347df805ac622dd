//! Which folders are scratch. The operator says; a playbook's author may only choose among them.
//!
//! Every path is compared in its real form, symbolic links resolved, so that no link leads out of scratch.

use super::human_bytes;
use crate::{
    drill::{Fault, FaultClass, Link, Scope},
    ports::{Preflight, RestoreRequest},
    time::Period,
};
use rustix::fs::{Access, access, statvfs};
use std::path::{Component, Path, PathBuf};

/// The folders that the operator allows, and those that must never be touched.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// Folders in which claims may be made and removed. The first is used where the playbook wishes for none.
    pub allowed: Vec<PathBuf>,
    /// Folders that are never scratch, even if they lie in one that is allowed.
    pub production: Vec<PathBuf>,
}

impl Scratch {
    /// The folder in which this restore makes its claims: absolute and real, though it may not be there yet.
    pub fn root(&self, ask: &RestoreRequest<'_>) -> Result<PathBuf, Fault> {
        let wish = match (ask.scratch_folder, self.allowed.first()) {
            (Some(wish), _) => ask.folder.join(wish),
            (None, Some(first)) => first.clone(),
            (None, None) => {
                return Err(refused(
                    "no scratch folder is allowed on this machine: add one to `folders` under `[scratch]` in firedrill.toml",
                ));
            }
        };
        let root = real(&wish)?;
        self.check(&root)?;
        Ok(root)
    }

    /// Whether things may be created and deleted in that folder. It must be in its real form.
    pub(super) fn check(&self, folder: &Path) -> Result<(), Fault> {
        if folder.to_str().is_none() {
            return Err(refused(format!("the scratch folder {} is not UTF-8 text", folder.display())));
        }
        for production in &self.production {
            let real = real(production)?;
            if folder.starts_with(&real) {
                return Err(refused(format!(
                    "the scratch folder {} is in {}, which is production",
                    folder.display(),
                    production.display()
                )));
            }
        }
        for allowed in &self.allowed {
            let real = real(allowed)?;
            // The root of the file system as scratch would make everything scratch.
            if real.parent().is_some() && folder.starts_with(&real) {
                return Ok(());
            }
        }
        Err(refused(format!(
            "{0} is not an allowed scratch folder: the operator can add \"{0}\" to `folders` under `[scratch]` in firedrill.toml",
            folder.display()
        )))
    }

    /// Whether that folder within a scratch folder neither is, holds nor lies in production.
    pub(super) fn check_apart(&self, folder: &Path) -> Result<(), Fault> {
        for production in &self.production {
            let real = real(production)?;
            if folder.starts_with(&real) || real.starts_with(folder) {
                return Err(refused(format!("{} is production: nothing is done there", folder.display())));
            }
        }
        Ok(())
    }

    /// The link of a claim that is a folder of its own in the scratch folder, with what else its provider needs.
    pub(super) fn link<const N: usize>(
        &self,
        ask: &RestoreRequest<'_>,
        kind: &str,
        more: [(&str, String); N],
    ) -> Result<Link, Fault> {
        let root = self.root(ask)?;
        let name = super::claim_name(ask.run, ask.step, ask.attempt);
        let path = ("path", root.join(&name).display().to_string());
        let params = std::iter::once(path).chain(more).map(|(key, value)| (key.to_owned(), value));
        Ok(Link {
            kind: kind.to_owned(),
            scope: Scope::Folder(root.display().to_string()),
            name,
            params: params.collect(),
            settle: Period::ZERO,
        })
    }

    /// Looks at the scratch folder of a restore: allowed, writable, apart from `apart` (where the backups and the
    /// live data are), with room for `need` bytes. Changes nothing.
    pub(super) fn preflight(
        &self,
        ask: &RestoreRequest<'_>,
        apart: &[PathBuf],
        need: Option<u64>,
    ) -> Preflight {
        let mut found = Preflight::default();
        let root = match self.root(ask) {
            Ok(root) => root,
            Err(fault) => {
                found.refusals.push(fault.message);
                return found;
            }
        };
        let shown = root.display();
        found.facts.push(format!("scratch folder {shown} is allowed and not production"));
        for other in apart {
            match real(other) {
                Ok(other) if root.starts_with(&other) || other.starts_with(&root) => {
                    found.refusals.push(format!(
                        "the scratch folder {shown} and {}, where the source's files are, lie one in the other: choose a scratch folder apart from it",
                        other.display()
                    ));
                }
                Ok(_) => {}
                Err(fault) => found.refusals.push(fault.message),
            }
        }
        let existing = existing_part(&root);
        if !existing.is_dir() {
            found.refusals.push(format!("{} is not a folder, so {shown} can't be used", existing.display()));
            return found;
        }
        match access(&existing, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) if existing == root => found.facts.push(format!("{shown} is writable")),
            Ok(()) => found.facts.push(format!("{shown} is not there yet and can be created")),
            Err(error) => found.refusals.push(format!(
                "{} is not writable for this user ({error}), so nothing can be restored into {shown}",
                existing.display()
            )),
        }
        match (statvfs(&existing), need) {
            (Ok(stat), need) => {
                let free = stat.f_bavail.saturating_mul(stat.f_frsize);
                match need {
                    Some(need) if need > free => found.refusals.push(format!(
                        "{shown} has {} free, and the largest backup alone takes {}",
                        human_bytes(free),
                        human_bytes(need)
                    )),
                    _ => found.facts.push(format!("{shown} has {} free", human_bytes(free))),
                }
            }
            (Err(error), _) => found.facts.push(format!("the room in {shown} is not known: {error}")),
        }
        found
    }
}

/// The path with all symbolic links resolved. What does not exist yet has none; it may not hold `..` either.
pub(super) fn real(path: &Path) -> Result<PathBuf, Fault> {
    if !path.is_absolute() {
        return Err(refused(format!("{} is not an absolute path", path.display())));
    }
    let unreadable = |error: std::io::Error| {
        Fault::new(FaultClass::Surroundings, format!("{} can't be looked at: {error}", path.display()))
    };
    let mut missing = Vec::new();
    let mut at = path;
    loop {
        match at.symlink_metadata() {
            Ok(_) => break,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
        }
        match (at.components().next_back(), at.parent()) {
            (Some(Component::Normal(name)), Some(parent)) => {
                missing.push(name);
                at = parent;
            }
            _ => return Err(refused(format!("{} leads through a folder that is not there", path.display()))),
        }
    }
    // A link to nowhere is there, but can't be resolved: an error, and rightly so.
    let mut real = at.canonicalize().map_err(unreadable)?;
    real.extend(missing.into_iter().rev());
    Ok(real)
}

/// The longest part of the path that is there.
fn existing_part(path: &Path) -> PathBuf {
    path.ancestors().find(|part| part.symlink_metadata().is_ok()).unwrap_or(Path::new("/")).to_owned()
}

pub(super) fn refused(message: impl Into<String>) -> Fault {
    Fault::new(FaultClass::Refused, message)
}
