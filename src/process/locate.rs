//! Finding a program before it is started, so that a missing one is named with the places that were looked in.

use crate::drill::{Fault, FaultClass};
use rustix::fs::{Access, access};
use std::path::{Component, Path, PathBuf};

/// Where programs are looked for when firedrill itself has no PATH.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The path of a program: by firedrill's own `PATH` where the name has no `/`, else relative to `folder`.
pub(crate) fn locate(written: &str, folder: &Path) -> Result<PathBuf, Fault> {
    if written.is_empty() {
        return Err(Fault::new(FaultClass::Permanent, "the command's program is empty"));
    }
    if written.contains('/') {
        let path = absolute(written, folder);
        return match usable(&path) {
            Usable::Yes => Ok(path),
            Usable::NotExecutable => Err(not_executable(&path)),
            Usable::No => Err(Fault::new(
                FaultClass::Surroundings,
                format!("the program `{written}` was not found: {} is not a file", path.display()),
            )),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
    in_path(written, std::env::split_paths(&path))
}

/// Where a written path leads, `.` and `..` resolved in the text: what is checked is what is started.
pub(super) fn absolute(written: &str, folder: &Path) -> PathBuf {
    let mut path = PathBuf::new();
    for part in folder.join(written).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}

fn in_path(name: &str, folders: impl Iterator<Item = PathBuf>) -> Result<PathBuf, Fault> {
    let mut looked = Vec::new();
    let mut denied = None;
    // An empty or relative entry would make the outcome depend on where firedrill was started.
    for folder in folders.filter(|folder| folder.is_absolute()) {
        let path = folder.join(name);
        match usable(&path) {
            Usable::Yes => return Ok(path),
            Usable::NotExecutable => denied = denied.or(Some(path)),
            Usable::No => {}
        }
        looked.push(folder.display().to_string());
    }
    match denied {
        Some(path) => Err(not_executable(&path)),
        None => Err(Fault::new(
            FaultClass::Surroundings,
            format!(
                "the program `{name}` was not found in {} (firedrill's PATH): install it, or write its whole path",
                looked.join(", ")
            ),
        )),
    }
}

enum Usable {
    Yes,
    NotExecutable,
    No,
}

fn usable(path: &Path) -> Usable {
    match (path.is_file(), access(path, Access::EXEC_OK)) {
        (false, _) => Usable::No,
        (true, Ok(())) => Usable::Yes,
        (true, Err(_)) => Usable::NotExecutable,
    }
}

fn not_executable(path: &Path) -> Fault {
    Fault::new(
        FaultClass::Surroundings,
        format!("{0} may not be executed by this user: `chmod +x {0}`, or check who owns it", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_bare_name_is_looked_up_in_the_path() {
        assert!(locate("sh", Path::new("/")).expect("every Unix has it").is_absolute());
        let fault = locate("no-such-program", Path::new("/")).expect_err("is not there");
        assert!(fault.message.contains("`no-such-program` was not found in /"), "{fault}");
        assert_eq!(fault.class, FaultClass::Surroundings);
    }

    #[test]
    fn a_path_starts_at_the_folder_and_dots_are_resolved() {
        assert_eq!(absolute("./bin/../x.sh", Path::new("/drills")), Path::new("/drills/x.sh"));
        assert_eq!(absolute("/a/../../b", Path::new("/drills")), Path::new("/b"));
    }

    #[test]
    fn a_file_without_the_executable_bit_is_told_apart_from_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("x.sh");
        fs::write(&script, "#!/bin/sh\n").expect("written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).expect("set");
        let fault = locate("./x.sh", folder.path()).expect_err("not executable");
        assert!(fault.message.contains("chmod +x"), "{fault}");
        let fault = in_path("x.sh", [folder.path().to_owned()].into_iter()).expect_err("not executable");
        assert!(fault.message.contains("chmod +x"), "{fault}");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(locate("./x.sh", folder.path()), Ok(script));
    }
}
