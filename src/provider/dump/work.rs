//! A restore by a program of the database: what is the same for all of them.
//!
//! Passwords go to the programs in their environment, which their user and root alone can read: never among the
//! arguments, and never on a disk.

use super::{
    feed::{DumpFeed, Fed},
    files::identity,
    format::{self, Dump},
    sql::{Found, Sieve},
    tools::Tool,
    words::Complaints,
};
use crate::{
    drill::{Fault, FaultClass},
    playbook::{DumpSource, ServerEngine},
    ports::Receipts,
    process::{Exit, Finished, Invocation, Runner},
    provider::{
        backup_file::Identity,
        disk::cant,
        human_bytes,
        unpacked::{Unpacked, changed},
    },
    server::Login,
};
use std::path::{Path, PathBuf};

/// A restore to make.
pub(super) struct Work<'a> {
    pub(super) runner: &'a Runner,
    /// The operator's folder of programs.
    pub(super) tools: Option<PathBuf>,
    /// Into which database, as whom.
    pub(super) login: &'a Login,
    pub(super) source: &'a DumpSource,
    pub(super) backup: &'a Path,
    /// What the backup was like when it was chosen.
    pub(super) listed: Option<Identity>,
    /// How far it is: done, of, in what.
    pub(super) progress: &'a (dyn Fn(u64, u64, &'static str) + Send + Sync),
}

impl Work<'_> {
    /// Whether the backup is what it was when it was chosen.
    pub(super) fn unchanged(&self, when: &str) -> Result<(), Fault> {
        let unreadable = |error: std::io::Error| cant("look at the backup", self.backup, &error);
        let meta = self.backup.metadata().map_err(unreadable)?;
        let now = identity(self.backup, &meta).map_err(unreadable)?;
        match self.listed {
            Some(listed) if listed != now => Err(changed(self.backup, when)),
            _ => Ok(()),
        }
    }

    /// Restores a plain dump: `program` reads it, past the sieve, after what comes `before`.
    pub(super) async fn pipe(
        &self,
        program: &str,
        invocation: &Invocation,
        sieve: &mut dyn Sieve,
        before: Vec<u8>,
    ) -> Result<(Finished, Option<Fed>), Fault> {
        let from = Unpacked::open(self.backup, self.listed).await?;
        let complaints = Complaints::default();
        let on_line = |line: &str| complaints.take(line);
        let bytes = |done, total| (self.progress)(done, total, "bytes");
        let mut feed = DumpFeed::new(from, self.backup, Some(sieve), before, &bytes);
        let finished = self.runner.run_fed(invocation, &mut feed, Some(&on_line)).await?;
        self.ended(program, &finished, &complaints)?;
        Ok((finished, feed.fed()))
    }

    /// Whether the program ended well.
    pub(super) fn ended(
        &self,
        program: &str,
        finished: &Finished,
        complaints: &Complaints,
    ) -> Result<(), Fault> {
        let what = format!("{program}, restoring {}", self.backup.display());
        match finished.exit {
            // `pg_restore` need not read an archive to its end.
            Exit::Code(0) if !finished.fed && program != "pg_restore" => Err(Fault::new(
                FaultClass::Permanent,
                format!("{program} ended before it had read all of {}", self.backup.display()),
            )),
            // A restore that ignored an error is no restore.
            Exit::Code(0) if !complaints.any() => Ok(()),
            exit => Err(complaints.fault(&what, &exit.to_string())),
        }
    }

    /// What proves the restore.
    pub(super) fn receipts(
        &self,
        tool: &Tool,
        finished: &Finished,
        found: &Found,
        fed: Option<Fed>,
        what: &str,
    ) -> Receipts {
        let name = self.backup.file_name().unwrap_or_default().to_string_lossy();
        let size = self.listed.map_or_else(String::new, |listed| format!(" ({})", human_bytes(listed.size)));
        let mut receipts =
            vec![format!("{} restored {what} of {name}{size} in {}", tool.says, finished.took.human())];
        if let Some(fed) = fed {
            receipts.push(format!("backup sha256:{} ({} bytes)", fed.digest, fed.read));
        }
        if let Some(left_out) = found.left_out_in_words() {
            receipts.push(format!("left out: {left_out}"));
        }
        receipts
    }
}

/// Where a server's certificate is to be checked and no `ca` is given: the system's authorities, which the programs do
/// not look at by themselves.
pub(super) fn system_authorities() -> Option<PathBuf> {
    let usual =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    usual.into_iter().map(PathBuf::from).find(|path| path.is_file())
}

/// What the backup is, looked at once more.
pub(super) async fn look(backup: &Path, engine: ServerEngine) -> Result<Dump, Fault> {
    let dump = format::look(backup).await.map_err(|why| {
        Fault::new(FaultClass::Permanent, format!("the backup {} can't be used: {why}", backup.display()))
    })?;
    if dump.engine == engine {
        return Ok(dump);
    }
    Err(Fault::new(
        FaultClass::Permanent,
        format!("the backup {} is a dump of another kind of server now", backup.display()),
    ))
}
