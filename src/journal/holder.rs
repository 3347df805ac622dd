//! Who drives runs, and whether that process is still alive.
//!
//! ```text
//! <data dir>/locks/.guard            held for an instant while lock files are made or removed
//!                 /<16 hex>.lock     held exclusively by one process for as long as it lives
//! holder text:  anna@build-7 pid 4242 (lock 3f9c2a1b77aa0d12)
//! ```
//!
//! The kernel lets go of a file lock when its process ends, however it ends. A lock file that can be locked
//! therefore belongs to a process that is gone, and its runs can be taken over at once. Where nothing can be
//! learned (no lock file, a file system without locks), the lease's time decides.

use super::place::Place;
use crate::ports::JournalError;
use std::{
    collections::HashSet,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What is known about a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveness {
    /// Its process holds its lock.
    Alive,
    /// Its process has ended.
    Gone,
    /// It can't be told.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Locks {
    dir: PathBuf,
    place: Place,
    own: Mutex<Option<Own>>,
}

#[derive(Debug)]
struct Own {
    text: String,
    /// Kept open: its lock is the sign of life. None where the file system has no locks.
    _lock: Option<File>,
}

impl Locks {
    pub(super) fn new(data_dir: &Path, place: Place) -> Self {
        Self { dir: data_dir.join("locks"), place, own: Mutex::new(None) }
    }

    /// This process's holder text; the first call makes and takes its lock.
    pub(super) fn own(&self) -> Result<String, JournalError> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = own.as_ref() {
            return Ok(own.text.clone());
        }
        let made = self.make().map_err(|error| self.place.io(&self.dir, "make a lock file in", &error))?;
        Ok(own.insert(made).text.clone())
    }

    fn make(&self) -> io::Result<Own> {
        make_private_dir(&self.dir)?;
        let _guard = self.guard()?;
        let id = getrandom::u64().map_err(io::Error::other)?;
        let id = format!("{id:016x}");
        let path = self.path(&id);
        let mut file = private().create_new(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                let text = format!("{} (lock {id})", whoami());
                writeln!(file, "{text}")?;
                Ok(Own { text, _lock: Some(file) })
            }
            Err(TryLockError::WouldBlock) => Err(io::Error::other("a new lock file is locked by another")),
            // Without locks the lease's time alone tells whether this process lives.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                std::fs::remove_file(&path)?;
                Ok(Own { text: format!("{} ({id})", whoami()), _lock: None })
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether the process behind a holder text is alive.
    pub(super) fn liveness(&self, holder: &str) -> Liveness {
        let Some(id) = lock_id(holder) else { return Liveness::Unknown };
        let Ok(file) = File::open(self.path(id)) else { return Liveness::Unknown };
        // Shared, so that two who look at the same time don't take each other for the holder.
        match file.try_lock_shared() {
            Ok(()) => Liveness::Gone,
            Err(TryLockError::WouldBlock) => Liveness::Alive,
            Err(TryLockError::Error(_)) => Liveness::Unknown,
        }
    }

    /// Removes the lock files of dead processes that no lease names any more. A failure does no harm.
    pub(super) fn sweep(&self, named: &HashSet<String>) {
        let named: HashSet<&str> = named.iter().filter_map(|holder| lock_id(holder)).collect();
        let Ok(_guard) = self.guard() else { return };
        let Ok(files) = std::fs::read_dir(&self.dir) else { return };
        for path in files.flatten().map(|file| file.path()) {
            let id =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".lock"));
            let dead = |id: &str| {
                is_id(id)
                    && !named.contains(id)
                    && File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
            };
            if id.is_some_and(dead)
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::debug!(path = %path.display(), %error, "a dead lock file stays");
            }
        }
    }

    /// Between making a lock file and locking it, nobody may take it for a dead one.
    fn guard(&self) -> io::Result<File> {
        let file = private().create(true).truncate(false).open(self.dir.join(".guard"))?;
        match file.lock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(file),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.lock"))
    }

    /// Lets the lock go as the end of the process would.
    #[cfg(test)]
    pub(super) fn die(&self) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let files = std::fs::read_dir(&self.dir).expect("locks");
        files.flatten().filter(|file| file.file_name().to_string_lossy().ends_with(".lock")).count()
    }
}

/// The lock's id in a holder text.
fn lock_id(holder: &str) -> Option<&str> {
    let (_, rest) = holder.rsplit_once("(lock ")?;
    rest.strip_suffix(')').filter(|id| is_id(id))
}

fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn whoami() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| format!("uid-{}", rustix::process::geteuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host} pid {}", std::process::id())
}

fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Makes a folder that its owner alone can enter. One that is there is left as it is.
pub(super) fn make_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locks(dir: &Path) -> Locks {
        Locks::new(dir, Place::new(dir.join("firedrill.db")))
    }

    #[test]
    fn a_holder_is_alive_until_its_lock_is_let_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mine, theirs) = (locks(dir.path()), locks(dir.path()));
        let holder = mine.own().expect("a holder");
        assert_eq!(mine.own().expect("a holder"), holder);
        assert_ne!(theirs.own().expect("a holder"), holder);
        assert_eq!(theirs.liveness(&holder), Liveness::Alive);
        assert_eq!(mine.liveness(&holder), Liveness::Alive);
        mine.die();
        assert_eq!(theirs.liveness(&holder), Liveness::Gone);
    }

    #[test]
    fn a_killed_process_is_gone_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let locks = locks(dir.path());
        make_private_dir(&locks.dir).expect("a folder");
        let holder = "bert@drill pid 7 (lock 00000000000000aa)";
        let path = locks.path("00000000000000aa");
        let mut child = std::process::Command::new("flock")
            .args(["--exclusive", "--no-fork"])
            .arg(&path)
            .args(["sleep", "600"])
            .spawn()
            .expect("flock, of util-linux");
        while locks.liveness(holder) != Liveness::Alive {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert_eq!(locks.liveness(holder), Liveness::Gone);
    }

    #[test]
    fn a_holder_without_a_lock_file_is_unknown() {
        let dir = tempfile::tempdir().expect("a folder");
        let locks = locks(dir.path());
        for holder in
            ["anna@drill", "", "x (lock zz)", "x (lock 00000000000000aa)", "x (lock ../../etc/pass)"]
        {
            assert_eq!(locks.liveness(holder), Liveness::Unknown, "{holder}");
        }
    }

    #[test]
    fn the_sweep_keeps_the_living_and_the_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let (living, named, dead) = (locks(dir.path()), locks(dir.path()), locks(dir.path()));
        living.own().expect("a holder");
        let name = named.own().expect("a holder");
        dead.own().expect("a holder");
        named.die();
        dead.die();
        assert_eq!(living.count(), 3);
        living.sweep(&HashSet::from([name.clone()]));
        assert_eq!(living.count(), 2);
        assert_eq!(living.liveness(&name), Liveness::Gone);
    }
}
