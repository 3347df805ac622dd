//! Restoring a dump into a database: by `pg_restore` for archives, by `psql` for plain SQL.

use super::plan::{self, Plan};
use crate::{
    drill::{Fault, FaultClass},
    playbook::{DumpSource, Extensions, Roles, Tls},
    ports::Receipts,
    process::{Finished, Invocation, Runner, Secrets},
    provider::{
        backup_file::{Identity, Packing},
        disk::cant,
        dump::{
            archive::Toc,
            feed::{DumpFeed, look_through},
            format::{Dump, Format},
            sql::{Found, Sieve, postgres::PostgresSieve},
            tools::Tool,
            words::Complaints,
            work::{Work, system_authorities},
        },
        unpacked::Unpacked,
    },
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

/// Restores the dump. The receipts prove it.
pub(in super::super) async fn restore(work: &Work<'_>, dump: &Dump) -> Result<Receipts, Fault> {
    match (&dump.toc, dump.format) {
        (_, Format::Plain) | (None, _) => plain(work, dump).await,
        (Some(toc), format) => archive(work, toc, format, dump.packing).await,
    }
}

async fn archive(work: &Work<'_>, toc: &Toc, format: Format, packing: Packing) -> Result<Receipts, Fault> {
    let tool = Tool::find(work.runner, work.tools.as_deref(), &["pg_restore"]).await?;
    let plan = plan::plan(toc, work.source).map_err(|why| Fault::new(FaultClass::Permanent, why))?;
    work.unchanged("since it was chosen")?;
    let list = List::write(&work.login.database, &plan)?;
    let mut invocation = invocation(work, &tool);
    let mut args: Vec<OsString> =
        ["--exit-on-error", "--no-password", "--verbose", "--no-tablespaces"].map(OsString::from).into();
    args.push(format!("--dbname={}", work.login.database).into());
    args.push(concat("--use-list=", &list.path));
    if work.source.roles == Roles::Skip {
        args.extend(["--no-owner".into(), "--no-acl".into()]);
    }
    let piped = packing != Packing::Plain;
    let jobs = work.source.jobs.unwrap_or(JOBS);
    let parallel = !piped && jobs > 1 && matches!(format, Format::Custom | Format::Directory);
    if parallel {
        args.push(format!("--jobs={jobs}").into());
    }
    if !piped {
        args.push(work.backup.into());
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
                (work.progress)(done.min(total), total, "objects");
            }
        }
    };
    let (finished, fed) = if piped {
        let from = Unpacked::open(work.backup, work.listed).await?;
        let bytes = |done, total| (work.progress)(done, total, "bytes");
        let mut feed = DumpFeed::new(from, work.backup, None, Vec::new(), &bytes);
        let finished = work.runner.run_fed(&invocation, &mut feed, Some(&on_line)).await?;
        // A program that failed is told of before what it left unread.
        work.ended("pg_restore", &finished, &complaints)?;
        feed.drain().await?;
        (Finished { fed: true, ..finished }, feed.fed())
    } else {
        (work.runner.run(&invocation, Some(&on_line)).await?, None)
    };
    work.ended("pg_restore", &finished, &complaints)?;
    work.unchanged("while it was restored")?;
    let how = if parallel { format!("{jobs} jobs") } else { "one job".to_owned() };
    Ok(work.receipts(&tool, &finished, &plan.found, fed, &format!("{total} objects by {how}")))
}

async fn plain(work: &Work<'_>, dump: &Dump) -> Result<Receipts, Fault> {
    let tool = Tool::find(work.runner, work.tools.as_deref(), &["psql"]).await?;
    can_restrict(work.runner, &tool).await?;
    let mut sieve = PostgresSieve::new(work.source.roles, work.source.extensions);
    let mut invocation = invocation(work, &tool);
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
    invocation.env.push(("PGDATABASE".into(), work.login.database.clone().into()));
    // Nobody knows this word but psql and firedrill, so nothing in the dump ends the restriction.
    let before = format!("\\restrict {}\n", restriction()?).into_bytes();
    let (finished, fed) = work.pipe("psql", &invocation, &mut sieve, before).await?;
    let from = dump.program().map(|version| format!("SQL of pg_dump {version}"));
    Ok(work.receipts(&tool, &finished, sieve.found(), fed, &from.unwrap_or_else(|| "SQL".to_owned())))
}

fn invocation(work: &Work<'_>, tool: &Tool) -> Invocation {
    let mut invocation = Invocation::new(&tool.path, "/");
    let login = work.login;
    let mut env = |name: &str, value: OsString| invocation.env.push((name.into(), value));
    env("LC_ALL", "C".into());
    env("PGHOST", login.host.clone().into());
    env("PGPORT", login.port.to_string().into());
    env("PGUSER", login.user.clone().into());
    env("PGSSLMODE", login.tls.word().into());
    env("PGCONNECT_TIMEOUT", "15".into());
    env("PGGSSENCMODE", "disable".into());
    env("PGAPPNAME", "firedrill restore".into());
    let checked = matches!(login.tls, Tls::VerifyCa | Tls::VerifyFull);
    if let Some(ca) = login.ca.clone().or_else(|| system_authorities().filter(|_| checked)) {
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
    look_through(from, backup, &mut sieve).await?;
    Ok(sieve.found().clone())
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
