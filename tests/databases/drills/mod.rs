//! Drills of dumps as a person runs them: the binary, a source server, its dumps, and a scratch server.
//!
//! ```text
//!   source server ── pg_dump ──> backups/shop-….dump ── firedrill run ──> fd_… on the scratch server ──> gone
//!        └────────── firedrill baseline ──> what the restored data are compared with
//! ```
//!
//! The ordinary run has 200,000 rows; FIREDRILL_FULL=1 makes it 5,000,000.

mod baselines;
mod crashes;
mod damage;
mod mysql;
mod postgres;
mod refusals;
mod secrets;

use crate::{
    binary::{Firedrill, Ran},
    servers::{Kind, Server, shared},
};
use firedrill::time::{SystemClock, Timestamp};
use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The variables that the passwords come from.
pub const LIVE: &str = "FIREDRILL_TEST_LIVE";
pub const SCRATCH: &str = "FIREDRILL_TEST_SCRATCH";

/// Users with no more rights than they need, and their password.
const READER: &str = "firedrill_reader";
const DRILLER: &str = "firedrill_driller";
pub const PASSWORD: &str = "canary-b1c7f0e29d";

/// A server with live databases, and one that drills restore into.
pub struct Servers {
    pub source: &'static Server,
    pub scratch: &'static Server,
}

/// PostgreSQL 15; none where it is not installed.
pub fn postgres() -> Option<&'static Servers> {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    if !Server::wanted(Kind::Postgres, "15") {
        return None;
    }
    Some(SERVERS.get_or_init(|| {
        let source = shared(Kind::Postgres, "15");
        let scratch = Box::leak(Box::new(Server::start(Kind::Postgres, "15")));
        source.sql(
            "postgres",
            &format!("create role {READER} login password '{PASSWORD}' in role pg_read_all_data;"),
        );
        scratch.sql("postgres", &format!("create role {DRILLER} login createdb password '{PASSWORD}';"));
        Servers { source, scratch }
    }))
}

/// How many times 20 rows a whole shop has.
pub fn unit() -> u64 {
    if std::env::var_os("FIREDRILL_FULL").is_some() { 250_000 } else { 10_000 }
}

/// A shop of 20 times so many rows, in a database of its own.
pub fn shop(server: &Server, unit: u64) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("shop_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    server.sql("postgres", &format!("create database {name};"));
    server.sql(&name, &format!("\\set unit {unit}\n{}", include_str!("../shop_postgres.sql")));
    name
}

/// A playbook over dumps of one live database, with a data directory of its own.
pub struct Drill {
    pub firedrill: Firedrill,
    servers: &'static Servers,
    /// The live database.
    pub database: String,
    /// More keys of the source, a line each.
    pub keys: Vec<String>,
    /// The live server, as the playbook has it.
    pub live: String,
    /// Its checks, a line each.
    pub checks: Vec<String>,
    /// The operator's configuration.
    pub config: String,
}

impl Drill {
    /// The least that users need: one who reads at the source, one who makes databases on the scratch server.
    pub fn new(servers: &'static Servers, database: &str, checks: &[&str]) -> Self {
        let (source, scratch) = (servers.source, servers.scratch);
        let drill = Self {
            firedrill: Firedrill::new(),
            servers,
            database: database.to_owned(),
            keys: Vec::new(),
            live: format!(
                "{{ host: 127.0.0.1, port: {}, user: {READER}, password: {{ env: {LIVE} }}, database: {database} }}",
                source.port()
            ),
            checks: checks.iter().map(|&check| check.to_owned()).collect(),
            config: allowed(scratch.port(), DRILLER, ""),
        };
        std::fs::create_dir(drill.firedrill.path().join("backups")).expect("a folder");
        drill
    }

    /// With more keys of the source, such as `roles: create`.
    pub fn with(mut self, keys: &[&str]) -> Self {
        self.keys.extend(keys.iter().map(|&key| key.to_owned()));
        self
    }

    /// As a superuser of the scratch server, who can give tables to others.
    pub fn by_superuser(mut self) -> Self {
        let scratch = self.servers.scratch;
        let file = self.firedrill.write("scratch-password", scratch.password());
        self.config = format!(
            "[scratch]\npostgres = [{{ host = \"127.0.0.1\", port = {}, user = \"{}\", password = {{ file = {file:?} }} }}]\n",
            scratch.port(),
            scratch.user()
        );
        self
    }

    /// Writes playbook and configuration, and gives the playbook's path.
    pub fn playbook(&self) -> PathBuf {
        let keys: String = self.keys.iter().map(|key| format!("        {key}\n")).collect();
        let checks: String = self.checks.iter().map(|check| format!("          - {check}\n")).collect();
        self.firedrill.write("firedrill.toml", &self.config);
        self.firedrill.write(
            "drill.yaml",
            &format!(
                "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: shop, owner: platform-team }}\n\
                 objectives: {{ rto: 30m, rpo: 26h }}\nsteps:\n  - id: shop-db\n    restore:\n      postgres_dump:\n        \
                 backup: backups\n        timestamp: \"shop-%Y%m%dT%H%M%S%3fZ\"\n        live: {}\n{keys}\
                 \x20 - id: shop-data\n    needs: [shop-db]\n    verify:\n      sql:\n        database: shop-db\n        \
                 checks:\n{checks}",
                self.live
            ),
        )
    }

    /// `firedrill ARGS`, with the passwords in its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        self.playbook();
        let mut command = self.firedrill.command(args);
        command.env(LIVE, PASSWORD).env(SCRATCH, PASSWORD).env("FIREDRILL_CONFIG", "firedrill.toml");
        command
    }

    pub fn ask(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("firedrill starts"))
    }

    pub fn run(&self) -> Ran {
        self.ask(&["run", "drill.yaml"])
    }

    /// Takes a baseline, which must work.
    pub fn baseline(&self, args: &[&str]) -> Ran {
        let ran = self.ask(&[&["baseline", "drill.yaml"], args].concat());
        assert_eq!(ran.code, 0, "{ran}");
        ran
    }

    /// A run that passes and leaves nothing.
    pub fn passes(&self) -> Ran {
        let ran = self.run();
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stdout.contains("PASSED"), "{ran}");
        self.left_nothing();
        ran
    }

    /// A run that fails, says all of that, and leaves nothing.
    pub fn fails(&self, words: &[&str]) -> Ran {
        let ran = self.run();
        assert_eq!(ran.code, 1, "{ran}");
        let text = words_of(&ran.stdout);
        for word in words {
            assert!(text.contains(word), "`{word}` is missing: {ran}");
        }
        self.left_nothing();
        ran
    }

    /// The last run's summary.
    pub fn last(&self) -> serde_json::Value {
        let ran = self.ask(&["show", "last", "--format", "json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
    }

    /// The names of the checks that failed, of a run's summary.
    pub fn failed(summary: &serde_json::Value) -> Vec<String> {
        let steps = summary["steps"].as_array().expect("steps").iter();
        let checks = steps.flat_map(|step| step["checks"].as_array().into_iter().flatten());
        let failed = checks.filter(|check| check["status"] == "failed");
        failed.filter_map(|check| check["name"].as_str().map(str::to_owned)).collect()
    }

    /// Nothing that any run of this data directory made is on the scratch server.
    pub fn left_nothing(&self) {
        let ran = self.ask(&["list", "--count", "100", "--format", "json"]);
        let runs: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
        for run in runs.as_array().expect("runs") {
            let id = run["run"].as_str().expect("an id");
            let short = &id[id.len() - 8..];
            let there = self.servers.scratch.query(
                "postgres",
                &format!(
                    "select datname from pg_database where datname like 'fd\\_{short}%' union all \
                     select r.rolname from pg_roles r join pg_shdescription d on d.objoid = r.oid where d.description like '%{id}%';"
                ),
            );
            assert_eq!(there, "", "run {id} left something");
        }
    }

    /// Dumps the live database now; gives the path and the moment that its name tells.
    pub fn dump(&self, args: &[&str]) -> (String, Timestamp) {
        let now = SystemClock::wall();
        (self.dump_as(&self.database, &path_of(now), args), now)
    }

    /// Dumps a database over what is at that path, relative to this folder.
    pub fn dump_as(&self, database: &str, path: &str, args: &[&str]) -> String {
        let source = self.servers.source;
        let full = self.firedrill.path().join(path);
        if full.is_dir() {
            std::fs::remove_dir_all(&full).expect("removed");
        }
        let file = format!("--file={}", full.display());
        let format = if args.iter().any(|arg| arg.starts_with("--format")) { "" } else { "--format=custom" };
        let args: Vec<&str> = args.iter().copied().chain([format, &file, database]).collect();
        tool(source, "pg_dump", args.into_iter().filter(|arg| !arg.is_empty()));
        full.display().to_string()
    }
}

/// The path of a dump of that moment, within a drill's folder.
pub fn path_of(moment: Timestamp) -> String {
    let text = moment.to_string().replace(['-', ':', '.'], "");
    format!("backups/shop-{text}.dump")
}

/// A configuration that allows a server on this machine, its password from [`SCRATCH`].
pub fn allowed(port: u16, user: &str, more: &str) -> String {
    format!(
        "[scratch]\npostgres = [{{ host = \"127.0.0.1\", port = {port}, user = \"{user}\", password = {{ env = \"{SCRATCH}\" }}{more} }}]\n"
    )
}

/// Runs a program of the server's as its superuser.
pub fn tool<'a>(server: &Server, program: &str, args: impl IntoIterator<Item = &'a str>) {
    super::dumps::run(server, program, &args.into_iter().collect::<Vec<_>>());
}

/// A text whose lines may have been wrapped, on one line.
pub fn words_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A session that holds a snapshot for `pg_dump --snapshot` and `firedrill baseline --snapshot`.
pub struct Snapshot {
    session: Child,
    pub id: String,
    _out: BufReader<ChildStdout>,
}

impl Snapshot {
    pub fn of(server: &Server, database: &str) -> Self {
        let mut client = server.client(database);
        let mut session = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
        let input = session.stdin.as_mut().expect("a pipe");
        input
            .write_all(b"begin isolation level repeatable read; select pg_export_snapshot();\n")
            .expect("written");
        let mut out = BufReader::new(session.stdout.take().expect("a pipe"));
        let mut id = String::new();
        out.read_line(&mut id).expect("an answer");
        Self { session, id: id.trim().to_owned(), _out: out }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        drop(self.session.stdin.take());
        let _ = self.session.wait();
    }
}
