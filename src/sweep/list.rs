//! The list between the two phases: a file that says what was found, where, and when.

use super::{FORMAT, Found};
use crate::{
    error::Failure,
    files::{PRIVATE, write_whole},
    time::Timestamp,
};
use std::path::{Path, PathBuf};

/// A list larger than this is none of ours.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A list and where it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub found: Found,
}

impl Listed {
    /// When it was written.
    pub fn at(&self) -> Timestamp {
        self.found.at
    }
}

/// Writes the list, whole or not at all, for this user alone.
pub fn save(found: &Found, file: &Path) -> Result<(), Failure> {
    let failed = || Failure::io(format!("writing the list {}", file.display()));
    let text = serde_json::to_vec_pretty(found).map_err(std::io::Error::other).map_err(failed())?;
    write_whole(file, &text, PRIVATE).map_err(failed())
}

/// Reads a list; none where there is none.
pub fn load(file: &Path) -> Result<Option<Listed>, Failure> {
    let size = match std::fs::metadata(file) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io(format!("reading the list {}", file.display()))(error)),
    };
    let none = |why: String| {
        Failure::Invalid(format!(
            "{} is no list of `firedrill sweep` ({why}); `firedrill sweep` writes one",
            file.display()
        ))
    };
    if size > LARGEST {
        return Err(none(format!("it has {size} bytes")));
    }
    let text = std::fs::read(file).map_err(Failure::io(format!("reading the list {}", file.display())))?;
    let found: Found = serde_json::from_slice(&text).map_err(|error| none(error.to_string()))?;
    if found.format != FORMAT {
        return Err(none(format!("its format is `{}`, not `{FORMAT}`", found.format)));
    }
    Ok(Some(Listed { file: file.to_owned(), found }))
}
