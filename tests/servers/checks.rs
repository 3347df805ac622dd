//! That the servers serve, on loopback only, and never outlive the tests.

use super::{Kind, Server, Setup, plain, setup::alive, shared};
use crate::binary::eventually;
use std::{
    collections::BTreeSet,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

macro_rules! serves {
    ($($name:ident: $kind:ident $version:literal;)*) => {$(
        #[test]
        fn $name() {
            serves(Kind::$kind, $version);
        }
    )*};
}

serves! {
    postgres_13_serves: Postgres "13";
    postgres_15_serves: Postgres "15";
    postgres_16_serves: Postgres "16";
    postgres_17_serves: Postgres "17";
    postgres_18_serves: Postgres "18";
    mariadb_10_11_serves: MariaDb "10.11";
    mariadb_11_8_serves: MariaDb "11.8";
    mysql_8_0_serves: MySql "8.0";
    mysql_9_7_serves: MySql "9.7";
}

fn serves(kind: Kind, version: &str) {
    if !Server::wanted(kind, version) {
        return;
    }
    let mut server = Server::start(kind, version);
    let said = server.query(server.first_database(), "select version();");
    assert!(said.contains(&format!("{version}.")), "{said}");
    let database = server.fresh_database();
    server.sql(&database, "create table rows_of (id int primary key, word varchar(20));");
    server.sql(&database, "insert into rows_of values (1, 'eins'), (2, 'zwei'), (3, 'süß');");
    let rows = "1\teins\n2\tzwei\n3\tsüß";
    let read = "select id, word from rows_of order by id;";
    assert_eq!(server.query(&database, read), rows);
    let words = server.try_query(&database, "select nonsense from rows_of;").expect_err("no such column");
    assert!(words.contains("nonsense"), "the server's words: {words}");
    let listening = listening(server.pid());
    assert_eq!(listening, BTreeSet::from([format!("127.0.0.1:{}", server.port())]));

    server.restart();
    assert_eq!(server.query(&database, read), rows, "the data outlive a restart");
    server.stop();
    assert!(!reachable(server.port()));
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists(), "nothing is left");
}

#[test]
fn a_setup_decides_settings_encoding_and_checksums() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let settings = ["DateStyle=German, DMY", "TimeZone=Asia/Kathmandu"];
    let server = Setup::new(Kind::Postgres, "15")
        .settings(&settings)
        .init(&["--data-checksums", "--encoding=LATIN1", "--locale=C"])
        .start();
    let shown =
        server.query("postgres", "show datestyle; show timezone; show server_encoding; show data_checksums;");
    assert_eq!(shown, "German, DMY\nAsia/Kathmandu\nLATIN1\non");
    let server = Server::with(Kind::Postgres, "15", &["max_connections=7"]);
    assert_eq!(server.query("postgres", "show max_connections;"), "7");
}

#[test]
fn a_certificate_is_trusted_for_its_names_alone() {
    for (kind, version) in [(Kind::Postgres, "18"), (Kind::MariaDb, "10.11"), (Kind::MySql, "9.7")] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let server = Setup::new(kind, version).tls("IP:127.0.0.1,DNS:db.example").start();
        let protocol = if kind == Kind::Postgres { "postgres" } else { "mysql" };
        let trusted = |by: &[&str]| {
            let mut command = plain("openssl");
            command.args(["s_client", "-starttls", protocol, "-verify_return_error", "-CAfile"]);
            command.arg(server.ca()).args(["-connect", &format!("{}:{}", server.host(), server.port())]);
            command.args(by).output().expect("openssl runs").status.success()
        };
        assert!(trusted(&["-verify_ip", "127.0.0.1"]), "{kind:?}: {}", server.log());
        assert!(trusted(&["-verify_hostname", "db.example"]), "{kind:?}");
        assert!(!trusted(&["-verify_hostname", "other.example"]), "{kind:?}");
    }
}

#[test]
fn tests_share_a_server_and_have_a_database_each() {
    let (kind, version) = (Kind::Postgres, "15");
    if !Server::wanted(kind, version) {
        return;
    }
    let (one, two) = (shared(kind, version), shared(kind, version));
    assert_eq!(one.pid(), two.pid());
    assert_ne!(one.fresh_database(), two.fresh_database());
    let wrong = one.client("postgres").env("PGPASSWORD", "wrong").output().expect("psql runs");
    assert!(!wrong.status.success(), "there is a password, and it is asked for");
    assert_eq!((one.user(), one.password().len()), ("firedrill", 32));
}

#[test]
fn a_server_is_dumped_by_its_own_tool() {
    for version in ["13", "15", "16", "17", "18"] {
        if !Server::wanted(Kind::Postgres, version) {
            continue;
        }
        let server = Server::start(Kind::Postgres, version);
        let mut dump = plain(server.tool("pg_dump"));
        dump.args(["-h", server.host(), "-p", &server.port().to_string(), "-U", server.user(), "postgres"]);
        let dumped = dump.env("PGPASSWORD", server.password()).output().expect("pg_dump runs");
        assert!(dumped.status.success(), "{version}: {}", String::from_utf8_lossy(&dumped.stderr));
    }
}

/// Whatever ends the test process or the script that keeps the server, the server ends too.
#[test]
fn a_server_dies_with_whoever_kept_it() {
    for (kind, version) in [(Kind::Postgres, "15"), (Kind::MariaDb, "10.11"), (Kind::MySql, "8.0")] {
        if !Server::wanted(kind, version) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let told = folder.path().join("told");
        let mut helper = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "servers::checks::helper_that_is_killed"])
            .env("FIREDRILL_TEST_HELPER", format!("{} {version} {}", kind.name(), told.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this program starts");
        eventually("a server in the helper", 120, || told.exists());
        let told = std::fs::read_to_string(told).expect("what it told");
        let (pid, port, data) = parse(&told);
        assert!(alive(pid) && reachable(port) && data.exists());
        // SIGKILL, which no process can answer.
        helper.kill().expect("a kill");
        helper.wait().expect("its end");
        eventually("the server is gone", 20, || !alive(pid) && !reachable(port) && !data.exists());

        let server = Server::start(kind, version);
        let keeper = rustix::process::Pid::from_raw(server.keeper.pid().cast_signed()).expect("a process id");
        rustix::process::kill_process(keeper, rustix::process::Signal::KILL).expect("a kill");
        eventually("the server is gone", 20, || !alive(server.pid()) && !reachable(server.port()));
    }
}

#[test]
#[ignore = "run by the test above, which kills it"]
fn helper_that_is_killed() {
    let Ok(told) = std::env::var("FIREDRILL_TEST_HELPER") else { return };
    let mut words = told.splitn(3, ' ');
    let mut word = || words.next().expect("three words").to_owned();
    let (kind, version, tell) = (word(), word(), word());
    let kind = [Kind::Postgres, Kind::MariaDb, Kind::MySql].into_iter().find(|each| each.name() == kind);
    let server = Server::start(kind.expect("a kind"), &version);
    let text = format!("{} {} {}", server.pid(), server.port(), server.folder().display());
    std::fs::write(format!("{tell}.part"), text).expect("a file");
    std::fs::rename(format!("{tell}.part"), tell).expect("a file");
    std::thread::sleep(std::time::Duration::from_secs(120));
}

fn parse(told: &str) -> (u32, u16, PathBuf) {
    let mut words = told.splitn(3, ' ');
    let mut word = || words.next().expect("three words");
    (word().parse().expect("a process id"), word().parse().expect("a port"), PathBuf::from(word()))
}

fn reachable(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The TCP addresses that a process listens on, IPv6 ones as the kernel writes them.
fn listening(pid: u32) -> BTreeSet<String> {
    let open: BTreeSet<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the open files of the server")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut found = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        if !Path::new(table).exists() {
            continue;
        }
        for line in std::fs::read_to_string(table).expect("the sockets of this machine").lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            // Local address, state (0A: listening), inode.
            if let (Some(local), Some(&"0A"), Some(&inode)) = (columns.get(1), columns.get(3), columns.get(9))
                && open.contains(inode)
            {
                found.insert(readable(local));
            }
        }
    }
    found
}

/// `0100007F:1F90` is 127.0.0.1:8080; anything longer stays as it is.
fn readable(local: &str) -> String {
    let parsed = local.split_once(':').and_then(|(host, port)| {
        let host = (host.len() == 8).then(|| u32::from_str_radix(host, 16).ok())??;
        let port = u16::from_str_radix(port, 16).ok()?;
        Some(format!("{}:{port}", std::net::Ipv4Addr::from(host.to_ne_bytes())))
    });
    parsed.unwrap_or_else(|| local.to_owned())
}
