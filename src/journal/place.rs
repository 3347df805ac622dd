//! Where the journal is, and what its errors mean to a person.

use crate::ports::JournalError;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The database file. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    db: Arc<PathBuf>,
}

impl Place {
    pub(super) fn new(db: PathBuf) -> Self {
        Self { db: Arc::new(db) }
    }

    pub(super) fn db(&self) -> &Path {
        &self.db
    }

    /// Something that is not a matter of waiting. The text begins with the file's path.
    pub(super) fn storage(&self, what: impl std::fmt::Display) -> JournalError {
        JournalError::Storage(format!("{}: {what}", self.db.display()))
    }

    /// What an error of the file system means, and what to do.
    pub(super) fn io(&self, path: &Path, doing: &str, error: &std::io::Error) -> JournalError {
        use std::io::ErrorKind;
        let advice = match error.kind() {
            ErrorKind::PermissionDenied => {
                "; run firedrill as the user that owns it, or choose another --data-dir"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space on its file system",
            ErrorKind::ReadOnlyFilesystem => "; choose a --data-dir that can be written",
            _ => "",
        };
        JournalError::Storage(format!("can't {doing} {}: {error}{advice}", path.display()))
    }

    /// What an error of SQLite means, and what to do.
    pub(super) fn sql(&self, error: sqlx::Error) -> JournalError {
        let Some(code) = code_of(&error) else {
            return match error {
                sqlx::Error::PoolTimedOut => JournalError::Busy(format!(
                    "{}: every connection is in use, for longer than firedrill waits",
                    self.db.display()
                )),
                sqlx::Error::ColumnDecode { index, source } => self.storage(format!(
                    "the column {index} holds what firedrill never wrote there ({source}); \
                     the file was altered or is damaged: restore it from a backup"
                )),
                other => self.storage(other),
            };
        };
        let said = error.into_database_error().map_or_else(String::new, |error| error.message().to_owned());
        let advice = match code & 0xff {
            BUSY | LOCKED | PROTOCOL => {
                return JournalError::Busy(format!(
                    "{}: another process holds it for longer than firedrill waits ({said})",
                    self.db.display()
                ));
            }
            FULL => {
                "the disk is full; free some space on its file system, then take the run up again with `firedrill resume`"
            }
            READONLY => {
                "it can't be written; check the permissions of the file and its folder, or choose another --data-dir"
            }
            IOERR => "reading or writing failed; look at the disk and its file system before anything else",
            CANTOPEN => {
                "it can't be opened; check the permissions of the file and its folder, or choose another --data-dir"
            }
            CORRUPT => "the file is damaged; keep a copy of it, and restore it from a backup",
            NOTADB => "this is not a SQLite database; move it away, or choose another --data-dir",
            PERM | AUTH => {
                "access is denied; run firedrill as the user that owns it, or choose another --data-dir"
            }
            NOMEM => "there is not enough memory",
            TOOBIG => "an entry is larger than SQLite can hold",
            CONSTRAINT => "the journal's own rules refuse it",
            _ => "SQLite failed",
        };
        self.storage(format!("{advice} ({said}, code {code})"))
    }
}

/// SQLite's extended result code.
pub(super) fn code_of(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether the file itself, rather than its surroundings, is broken.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    matches!(code_of(error).map(|code| code & 0xff), Some(CORRUPT | NOTADB))
        || matches!(error, sqlx::Error::ColumnDecode { .. })
}

/// Whether waiting a little and trying again may help.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code_of(error).map(|code| code & 0xff), Some(BUSY | LOCKED | PROTOCOL))
}

// https://sqlite.org/rescode.html
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;
const TOOBIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const AUTH: i32 = 23;
const NOTADB: i32 = 26;
