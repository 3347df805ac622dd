//! Real database servers for tests, each started by the test that wants it.
//!
//! ```text
//! tests/servers/install ──► the cache folder, servers.tsv
//!                                  │
//! test process ── Setup::start ────┘
//!      │ pipe (closes when the process ends, however it ends)
//!      ▼
//! tests/servers/keep ── setpriv --pdeathsig ──► the server, on 127.0.0.1, in a temporary folder
//! ```
//!
//! A server never outlives the test process: `keep` stops it when the pipe closes, and the kernel kills it when
//! `keep` dies. As root the servers run as nobody, since they refuse root.

mod checks;
mod keeper;
mod setup;
mod tls;

pub use setup::Setup;

use keeper::Keeper;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Seek, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;

/// The products that tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Postgres,
    MariaDb,
    MySql,
}

impl Kind {
    /// How the installer's list writes it.
    fn name(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mariadb",
            Kind::MySql => "mysql",
        }
    }
}

/// A running server. It is stopped, and its folder removed, when this is dropped or the process ends.
pub struct Server {
    kind: Kind,
    bin: PathBuf,
    port: u16,
    pid: u32,
    password: String,
    // Before the folder: the server goes first.
    keeper: Keeper,
    folder: TempDir,
}

impl Server {
    /// Whether the installer could get that version, such as "15" or "10.11".
    pub fn available(kind: Kind, version: &str) -> bool {
        bin(kind, version).is_some()
    }

    /// As [`Server::available`], and says so if not. Where `tests/run` got every server, a missing one is a fault.
    pub fn wanted(kind: Kind, version: &str) -> bool {
        let available = Server::available(kind, version);
        if !available {
            let faulty = std::env::var_os("FIREDRILL_TEST_SERVERS").is_some();
            assert!(!faulty, "no {kind:?} {version}, and FIREDRILL_TEST_SERVERS is set");
            eprintln!("not made: no {kind:?} {version} here; tests/run installs one");
        }
        available
    }

    /// A server with the ordinary settings.
    pub fn start(kind: Kind, version: &str) -> Server {
        Setup::new(kind, version).start()
    }

    /// One with other settings, each as `name=value`.
    pub fn with(kind: Kind, version: &str, settings: &[&str]) -> Server {
        Setup::new(kind, version).settings(settings).start()
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A superuser, who needs the password over TCP.
    pub fn user(&self) -> &'static str {
        "firedrill"
    }

    pub fn password(&self) -> &str {
        &self.password
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its data, its log and its certificates lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority that signed its certificate, if it was set up with one.
    pub fn ca(&self) -> PathBuf {
        self.folder().join(tls::CA)
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        read_log(self.folder())
    }

    /// A program of its own version, such as `pg_dump`; else the machine's.
    pub fn tool(&self, name: &str) -> PathBuf {
        let own = self.bin.join(name);
        if own.exists() { own } else { name.into() }
    }

    /// The command-line client, connected to that database. It prints rows unaligned, and reads SQL from stdin.
    pub fn client(&self, database: &str) -> Command {
        let mut command;
        match self.kind {
            Kind::Postgres => {
                command = plain(self.tool("psql"));
                command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
                command.args([
                    "-h",
                    self.host(),
                    "-U",
                    self.user(),
                    "-p",
                    &self.port.to_string(),
                    "-d",
                    database,
                ]);
                command.env("PGPASSWORD", &self.password);
            }
            Kind::MariaDb | Kind::MySql => {
                let own = self.bin.join("mysql");
                command = plain(if own.exists() { own } else { self.tool("mariadb") });
                command.args(["--no-defaults", "--batch", "--raw", "--skip-column-names"]);
                command.args(["--default-character-set=utf8mb4", "-u", self.user()]);
                command.arg("-S").arg(self.folder().join(setup::SOCKET)).arg(database);
                command.env("MYSQL_PWD", &self.password);
            }
        }
        command
    }

    /// Runs a script; panics with the server's words where it fails.
    pub fn sql(&self, database: &str, script: &str) {
        self.query(database, script);
    }

    /// What a script prints: a line a row, a tab between columns. Panics with the server's words where it fails.
    pub fn query(&self, database: &str, script: &str) -> String {
        self.try_query(database, script)
            .unwrap_or_else(|words| panic!("{database}: {words}\n--- in\n{script}"))
    }

    /// As [`Server::query`], for scripts that may fail: the error has the server's words.
    pub fn try_query(&self, database: &str, script: &str) -> Result<String, String> {
        // A file, since a pipe would have to be written and read at once.
        let mut input = tempfile::tempfile().expect("a temporary file");
        input.write_all(script.as_bytes()).and_then(|()| input.rewind()).expect("a script");
        let output = self
            .client(database)
            .stdin(Stdio::from(input))
            .output()
            .map_err(|error| format!("client: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The database that is there before any other.
    pub fn first_database(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb | Kind::MySql => "mysql",
        }
    }

    /// A new, empty database of its own name.
    pub fn fresh_database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("fd_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql(self.first_database(), &format!("create database {name};"));
        name
    }

    /// Stops it as an operator would. Its data stay, and [`Server::restart`] brings it back.
    pub fn stop(&mut self) {
        self.keeper.stop();
    }

    /// Stops it if it runs, and starts it with the same settings on a port that may be another.
    pub fn restart(&mut self) {
        self.keeper.stop();
        self.run();
    }
}

/// One server of that version for the whole test process. Tests take a database each: [`Server::fresh_database`].
pub fn shared(kind: Kind, version: &str) -> &'static Server {
    type Shared = BTreeMap<(Kind, String), &'static OnceLock<Server>>;
    static SHARED: Mutex<Shared> = Mutex::new(BTreeMap::new());
    let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let cell: &'static OnceLock<Server> =
        all.entry((kind, version.to_owned())).or_insert_with(|| Box::leak(Box::default()));
    // Another kind may start meanwhile.
    drop(all);
    cell.get_or_init(|| Server::start(kind, version))
}

/// The folder of programs of that version, from the installer's list.
fn bin(kind: Kind, version: &str) -> Option<PathBuf> {
    static LIST: OnceLock<String> = OnceLock::new();
    let list = LIST.get_or_init(|| {
        let said = Command::new(script("install")).arg("where").output().expect("tests/servers/install runs");
        let cache = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim_end());
        std::fs::read_to_string(cache.join("servers.tsv")).unwrap_or_default()
    });
    list.lines().find_map(|line| {
        let mut columns = line.split('\t');
        let found = columns.next() == Some(kind.name()) && columns.next() == Some(version);
        columns.next().filter(|_| found).map(PathBuf::from)
    })
}

/// A script of this folder.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name)
}

/// A command that sees nothing of what the environment may say about databases.
pub fn plain(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

fn read_log(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join(setup::LOG)).unwrap_or_default()).into_owned()
}

/// A password that nobody else has.
fn random_password() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
