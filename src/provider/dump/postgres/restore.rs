//! Restoring a dump into a database: by `pg_restore` for archives, by `psql` for plain SQL.
//!
//! The password goes to the programs in their environment, which their user and root alone can read: never among the
//! arguments, and never on a disk.

use super::plan::{self, Plan};
use crate::{
    drill::{Fault, FaultClass},
    playbook::{DumpSource, Extensions, Roles, ServerEngine, Tls},
    ports::Receipts,
    process::{Exit, Finished, Invocation, Runner, Secrets},
    provider::{
        backup_file::{Identity, Packing},
        disk::cant,
        dump::{
            archive::Toc,
            feed::{DumpFeed, Fed},
            files::identity,
            format::{self, Dump, Format},
            sql::{Found, Sieve, postgres::PostgresSieve},
            tools::Tool,
            words::Complaints,
        },
        human_bytes,
        unpacked::{Unpacked, changed},
    },
    server::Login,
};
use std::{
    ffi::OsString,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Tables restored at the same time where the playbook says nothing.
const JOBS: u32 = 2;

/// A restore to make.
pub(in super::super) struct Work<'a> {
    pub(in super::super) runner: &'a Runner,
    /// The operator's folder of programs.
    pub(in super::super) tools: Option<&'a Path>,
    /// Into which database, as whom.
    pub(in super::super) login: &'a Login,
    pub(in super::super) source: &'a DumpSource,
    pub(in super::super) backup: &'a Path,
    /// What the backup was like when it was chosen.
    pub(in super::super) listed: Option<Identity>,
    /// How far it is: done, of, in what.
    pub(in super::super) progress: &'a (dyn Fn(u64, u64, &'static str) + Send + Sync),
}

impl Work<'_> {
    /// Restores the dump. The receipts prove it.
    pub(in super::super) async fn restore(&self, dump: &Dump) -> Result<Receipts, Fault> {
        let took = match (&dump.toc, dump.format) {
            (_, Format::Plain) | (None, _) => self.plain(dump).await?,
            (Some(toc), format) => self.archive(toc, format, dump.packing).await?,
        };
        Ok(took)
    }

    // ------------------------------------------------------------ archives

    async fn archive(&self, toc: &Toc, format: Format, packing: Packing) -> Result<Receipts, Fault> {
        let tool = Tool::find(self.runner, self.tools, &["pg_restore"]).await?;
        let plan = plan::plan(toc, self.source).map_err(|why| Fault::new(FaultClass::Permanent, why))?;
        self.unchanged("since it was chosen")?;
        let list = List::write(&self.login.database, &plan)?;
        let mut invocation = self.invocation(&tool);
        let mut args: Vec<OsString> =
            ["--exit-on-error", "--no-password", "--verbose", "--no-tablespaces"].map(OsString::from).into();
        args.push(format!("--dbname={}", self.login.database).into());
        args.push(concat("--use-list=", &list.path));
        if self.source.roles == Roles::Skip {
            args.extend(["--no-owner".into(), "--no-acl".into()]);
        }
        let piped = packing != Packing::Plain;
        let jobs = self.source.jobs.unwrap_or(JOBS);
        let parallel = !piped && jobs > 1 && matches!(format, Format::Custom | Format::Directory);
        if parallel {
            args.push(format!("--jobs={jobs}").into());
        }
        if !piped {
            args.push(self.backup.into());
        }
        invocation.args = args;

        let complaints = Complaints::default();
        let (done, total) = (AtomicU64::new(0), plan.ids.len() as u64);
        let on_line = |line: &str| {
            complaints.take(line);
            let item = ["creating ", "processing data for table ", "executing "];
            if line
                .strip_prefix("pg_restore: ")
                .is_some_and(|line| item.iter().any(|word| line.starts_with(word)))
            {
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if !piped {
                    (self.progress)(done.min(total), total, "objects");
                }
            }
        };
        let (finished, fed) = if piped {
            let from = Unpacked::open(self.backup, self.listed).await?;
            let bytes = |done, total| (self.progress)(done, total, "bytes");
            let mut feed = DumpFeed::new(from, self.backup, None, Vec::new(), &bytes);
            let finished = self.runner.run_fed(&invocation, &mut feed, Some(&on_line)).await?;
            // A program that failed is told of before what it left unread.
            self.ended("pg_restore", &finished, &complaints)?;
            feed.drain().await?;
            (Finished { fed: true, ..finished }, feed.fed())
        } else {
            (self.runner.run(&invocation, Some(&on_line)).await?, None)
        };
        self.ended("pg_restore", &finished, &complaints)?;
        self.unchanged("while it was restored")?;
        let how = if parallel { format!("{jobs} jobs") } else { "one job".to_owned() };
        Ok(self.receipts(&tool, &finished, &plan.found, fed, &format!("{total} objects by {how}")))
    }

    // ------------------------------------------------------------ plain

    async fn plain(&self, dump: &Dump) -> Result<Receipts, Fault> {
        let tool = Tool::find(self.runner, self.tools, &["psql"]).await?;
        can_restrict(self.runner, &tool).await?;
        let from = Unpacked::open(self.backup, self.listed).await?;
        let mut sieve = PostgresSieve::new(self.source.roles, self.source.extensions);
        let mut invocation = self.invocation(&tool);
        invocation.args = [
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=terse",
            "--set=SHOW_CONTEXT=never",
            "--output=/dev/null",
            "--file=-",
        ]
        .map(OsString::from)
        .into();
        invocation.env.push(("PGDATABASE".into(), self.login.database.clone().into()));
        let complaints = Complaints::default();
        let on_line = |line: &str| complaints.take(line);
        let bytes = |done, total| (self.progress)(done, total, "bytes");
        // Nobody knows this word but psql and firedrill, so nothing in the dump ends the restriction.
        let before = format!("\\restrict {}\n", restriction()?).into_bytes();
        let mut feed = DumpFeed::new(from, self.backup, Some(&mut sieve), before, &bytes);
        let finished = self.runner.run_fed(&invocation, &mut feed, Some(&on_line)).await?;
        let fed = feed.fed();
        self.ended("psql", &finished, &complaints)?;
        let from = dump.program().map(|version| format!("SQL of pg_dump {version}"));
        Ok(self.receipts(&tool, &finished, sieve.found(), fed, &from.unwrap_or_else(|| "SQL".to_owned())))
    }

    // ------------------------------------------------------------ both

    fn invocation(&self, tool: &Tool) -> Invocation {
        let mut invocation = Invocation::new(&tool.path, "/");
        let login = self.login;
        let mut env = |name: &str, value: OsString| invocation.env.push((name.into(), value));
        env("LC_ALL", "C".into());
        env("PGHOST", login.host.clone().into());
        env("PGPORT", login.port.to_string().into());
        env("PGUSER", login.user.clone().into());
        env("PGSSLMODE", login.tls.word().into());
        env("PGCONNECT_TIMEOUT", "15".into());
        env("PGGSSENCMODE", "disable".into());
        env("PGAPPNAME", "firedrill restore".into());
        if let Some(ca) = login.ca.clone().or_else(|| system_authorities(login.tls)) {
            env("PGSSLROOTCERT", ca.into());
        }
        if let Some(password) = &login.password {
            env("PGPASSWORD", password.reveal().into());
            let mut secrets = Secrets::default();
            secrets.add(password.reveal());
            invocation.secrets = secrets;
        }
        invocation
    }

    /// Whether the backup is what it was when it was chosen.
    fn unchanged(&self, when: &str) -> Result<(), Fault> {
        let unreadable = |error: std::io::Error| cant("look at the backup", self.backup, &error);
        let meta = self.backup.metadata().map_err(unreadable)?;
        let now = identity(self.backup, &meta).map_err(unreadable)?;
        match self.listed {
            Some(listed) if listed != now => Err(changed(self.backup, when)),
            _ => Ok(()),
        }
    }

    fn ended(&self, program: &str, finished: &Finished, complaints: &Complaints) -> Result<(), Fault> {
        let what = format!("{program}, restoring {}", self.backup.display());
        match finished.exit {
            // `pg_restore` need not read an archive to its end.
            Exit::Code(0) if !finished.fed && program == "psql" => Err(Fault::new(
                FaultClass::Permanent,
                format!("{program} ended before it had read all of {}", self.backup.display()),
            )),
            // A restore that ignored an error is no restore.
            Exit::Code(0) if !complaints.any() => Ok(()),
            exit => Err(complaints.fault(&what, &exit.to_string())),
        }
    }

    fn receipts(
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

/// Whether this psql can be kept from running programs for a dump.
pub(in super::super) async fn can_restrict(runner: &Runner, tool: &Tool) -> Result<(), Fault> {
    if tool.knows(runner, "--help=commands", "\\restrict").await {
        return Ok(());
    }
    Err(Fault::new(
        FaultClass::Refused,
        format!(
            "{} can't be restricted (\\restrict), so a dump could make it run programs: update it to 13.22, 14.19, 15.14, 16.10, 17.6 or newer, or dump with --format=custom",
            tool.says
        ),
    ))
}

/// The roles and extensions that a dump names. A plain dump is read from end to end for it.
pub(in super::super) async fn named(
    dump: &Dump,
    source: &DumpSource,
    backup: &Path,
    listed: Option<Identity>,
) -> Result<Found, Fault> {
    if let Some(toc) = &dump.toc {
        let plan = plan::plan(toc, source).map_err(|why| Fault::new(FaultClass::Permanent, why))?;
        return Ok(plan.found);
    }
    let from = Unpacked::open(backup, listed).await?;
    let mut sieve = PostgresSieve::new(Roles::Keep, Extensions::Create);
    crate::provider::dump::feed::look_through(from, backup, &mut sieve).await?;
    Ok(sieve.found().clone())
}

/// What the backup is, looked at once more.
pub(in super::super) async fn look(backup: &Path) -> Result<Dump, Fault> {
    let dump = format::look(backup).await.map_err(|why| {
        Fault::new(FaultClass::Permanent, format!("the backup {} can't be used: {why}", backup.display()))
    })?;
    match dump.engine {
        ServerEngine::Postgres => Ok(dump),
        ServerEngine::Mysql => Err(Fault::new(
            FaultClass::Permanent,
            format!("the backup {} is a dump of another kind of server now", backup.display()),
        )),
    }
}

/// Where the server's certificate is to be checked and no `ca` is given: the system's authorities, which libpq does
/// not look at by itself.
fn system_authorities(tls: Tls) -> Option<PathBuf> {
    if !matches!(tls, Tls::VerifyCa | Tls::VerifyFull) {
        return None;
    }
    let usual =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    usual.into_iter().map(PathBuf::from).find(|path| path.is_file())
}

/// 128 random bits as letters and digits.
fn restriction() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::new(FaultClass::Surroundings, format!("no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn concat(text: &str, path: &Path) -> OsString {
    let mut all = OsString::from(text);
    all.push(path);
    all
}

/// The list of what `pg_restore` restores: a file for as long as it runs, named from the claim so that it is found
/// after a crash.
struct List {
    path: PathBuf,
}

/// Where that file is.
pub(in super::super) fn list_path(database: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{database}.list"))
}

impl List {
    fn write(database: &str, plan: &Plan) -> Result<Self, Fault> {
        let path = list_path(database);
        let _ = std::fs::remove_file(&path);
        let list = Self { path };
        let write = || {
            let mut file =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&list.path)?;
            file.write_all(plan.list().as_bytes())
        };
        write().map_err(|error: std::io::Error| cant("write", &list.path, &error))?;
        Ok(list)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
