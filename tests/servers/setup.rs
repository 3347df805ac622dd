//! How a server is set up before it starts, and brought up.

use super::{Keeper, Kind, Server, bin, plain, random_password, tls};
use std::{
    fs::Permissions,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Names in a server's folder.
pub const LOG: &str = "log";
pub const SOCKET: &str = "s";
const DATA: &str = "data";
const INIT: &str = "init.sql";

/// The user and group `nobody`, on every Debian.
const NOBODY: u32 = 65534;

/// What a server is to be like.
pub struct Setup {
    kind: Kind,
    version: String,
    settings: Vec<String>,
    init: Vec<String>,
    tls: Option<String>,
}

impl Setup {
    pub fn new(kind: Kind, version: &str) -> Setup {
        Setup { kind, version: version.to_owned(), settings: Vec::new(), init: Vec::new(), tls: None }
    }

    /// Settings of the running server, each as `name=value`; they win over the ordinary ones.
    pub fn settings(mut self, settings: &[&str]) -> Setup {
        self.settings.extend(settings.iter().map(|&setting| setting.to_owned()));
        self
    }

    /// Options of the program that makes the data folder, such as `--data-checksums`.
    pub fn init(mut self, options: &[&str]) -> Setup {
        self.init.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// A certificate by an authority of its own ([`Server::ca`]) for those names: `IP:127.0.0.1,DNS:localhost`.
    pub fn tls(mut self, names: &str) -> Setup {
        self.tls = Some(names.to_owned());
        self
    }

    /// Makes the data folder, starts the server, and waits until the superuser can log in.
    pub fn start(self) -> Server {
        let bin = bin(self.kind, &self.version)
            .unwrap_or_else(|| panic!("no {:?} {} here; run tests/servers/install", self.kind, self.version));
        let folder =
            tempfile::Builder::new().prefix("firedrill-server-").tempdir().expect("a temporary folder");
        give(folder.path());
        let (gentle, hard) = match self.kind {
            // Fast and immediate shutdown; the latter still frees its shared memory.
            Kind::Postgres => ("INT", "QUIT"),
            Kind::MariaDb | Kind::MySql => ("TERM", "KILL"),
        };
        let server = self.command(&bin, folder.path(), hard);
        let keeper = Keeper::start(folder.path(), &folder.path().join(LOG), gentle, hard, &server);
        let password = random_password();
        if let Some(names) = &self.tls {
            tls::make(folder.path(), names);
        }
        self.make_data(&bin, folder.path(), &password);
        let mut server = Server { kind: self.kind, bin, port: 0, pid: 0, password, keeper, folder };
        server.run();
        server
    }

    /// The server's command line, all but the port.
    fn command(&self, bin: &Path, folder: &Path, hard: &str) -> Command {
        let at = |name: &str| folder.join(name).display().to_string();
        let mut settings = Vec::new();
        let mut set = |name: &str, value: &str| settings.push(format!("--{name}={value}"));
        let program = match self.kind {
            Kind::Postgres => {
                set("listen_addresses", "127.0.0.1");
                set("unix_socket_directories", "");
                set("fsync", "off");
                set("shared_buffers", "16MB");
                if self.tls.is_some() {
                    set("ssl", "on");
                    set("ssl_ca_file", &at(tls::CA));
                    set("ssl_cert_file", &at(tls::CERTIFICATE));
                    set("ssl_key_file", &at(tls::KEY));
                }
                "postgres"
            }
            Kind::MariaDb | Kind::MySql => {
                set("datadir", &at(DATA));
                set("tmpdir", &folder.display().to_string());
                set("bind-address", "127.0.0.1");
                set("socket", &at(SOCKET));
                set("pid-file", &at("pid"));
                // A server that starts removes what others left in the folder for temporary files, and what they use.
                set("tmpdir", &folder.display().to_string());
                set("init-file", &at(INIT));
                set("skip-name-resolve", "ON");
                // Millions of rows want room: else each of them is read and written a dozen times.
                let full = std::env::var_os("FIREDRILL_FULL").is_some();
                set("innodb-buffer-pool-size", if full { "1G" } else { "32M" });
                set("innodb-flush-log-at-trx-commit", "0");
                // Many servers at once would use up what the kernel allows.
                set("innodb-use-native-aio", "OFF");
                if self.tls.is_some() {
                    set("ssl-ca", &at(tls::CA));
                    set("ssl-cert", &at(tls::CERTIFICATE));
                    set("ssl-key", &at(tls::KEY));
                }
                if self.kind == Kind::MariaDb {
                    "mariadbd"
                } else {
                    set("mysqlx", "OFF");
                    set("secure-file-priv", "NULL");
                    set("performance-schema", "OFF");
                    set("skip-log-bin", "ON");
                    "mysqld"
                }
            }
        };
        let mut command = unprivileged(&bin.join(program), hard);
        if self.kind == Kind::Postgres {
            command.args(["-D", &at(DATA)]);
        }
        command.args(settings).args(self.settings.iter().map(|setting| format!("--{setting}")));
        command
    }

    /// Makes the data folder, with the superuser in it or in the script that the server runs at its start.
    fn make_data(&self, bin: &Path, folder: &Path, password: &str) {
        let data = folder.join(DATA).display().to_string();
        let secret = folder.join(INIT);
        let mut command;
        match self.kind {
            Kind::Postgres => {
                command = unprivileged(&bin.join("initdb"), "KILL");
                command.args(["-D", &data, "-U", "firedrill", "-A", "scram-sha-256", "--no-sync"]);
                command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--pwfile"]).arg(&secret);
                write_secret(&secret, password);
            }
            Kind::MariaDb => {
                std::fs::create_dir(&data).expect("a folder");
                give(Path::new(&data));
                command = unprivileged(&bin.join("mariadb-install-db"), "KILL");
                command.arg(format!("--datadir={data}"));
            }
            Kind::MySql => {
                command = unprivileged(&bin.join("mysqld"), "KILL");
                command.args(["--initialize-insecure", "--innodb-use-native-aio=OFF"]);
                command.arg(format!("--datadir={data}"));
            }
        }
        // A server that starts removes the temporary tables of all others that share its folder for them.
        command.env("TMPDIR", folder);
        let made = command.args(&self.init).output().expect("setpriv runs");
        let words = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{:?} {}: no data folder: {words}", self.kind, self.version);
        if self.kind == Kind::Postgres {
            std::fs::remove_file(&secret).expect("the password's file");
        } else {
            // Whoever can reach the port can reach an account without a password.
            let drop_root = match self.kind {
                Kind::MySql => "drop user if exists root@localhost;",
                _ => "delete from mysql.global_priv where user in ('root', '');\nflush privileges;",
            };
            let script = format!(
                "create user if not exists firedrill@'%' identified by '{password}';\n\
                 grant all privileges on *.* to firedrill@'%' with grant option;\n{drop_root}\n"
            );
            write_secret(&secret, &script);
        }
    }
}

impl Server {
    /// Starts the server on a free port, and waits for it.
    pub(super) fn run(&mut self) {
        for _ in 0..5 {
            self.port = free_port();
            self.pid = self.keeper.run(&format!("--port={}", self.port));
            let from = self.log().len();
            if self.comes_up() {
                return;
            }
            self.keeper.stop();
            // Another process may have taken the port since it was found free.
            let log = self.log();
            let taken = log.get(from..).unwrap_or(&log).contains("in use");
            assert!(taken, "{:?} did not come up:\n{log}", self.kind);
        }
        panic!("{:?} found no free port:\n{}", self.kind, self.log());
    }

    /// Whether the superuser could log in before the server gave up.
    fn comes_up(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline && alive(self.pid) {
            // Its password tells it from another server that got the port first.
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok()
                && self.try_query(self.first_database(), "select 1;").is_ok()
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

/// Whether that process runs.
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A program as a user that servers accept, which gets that signal when its parent dies.
fn unprivileged(program: &Path, signal: &str) -> Command {
    let mut command = plain("setpriv");
    command.args(["--pdeathsig", signal]);
    if rustix::process::geteuid().is_root() {
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
    }
    command.arg("--").arg(program);
    command
}

/// Hands a file to the user that servers run as.
pub fn give(path: &Path) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give files away");
    }
}

fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("permissions");
    give(path);
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port").port()
}
