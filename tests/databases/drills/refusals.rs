//! What stands in the way of a drill: which exit code, and whether the message says what to do.

use super::*;
use crate::servers::Setup;
use std::net::TcpListener;

const ONE: &str = "{ name: some, query: \"select count(*) from orders\", expect: { min: 1 } }";
const ALL_ROWS: &str = "{ name: all rows, fingerprint: { all_tables: true }, expect: baseline }";

fn few() -> Option<(&'static Servers, &'static str)> {
    static SHOP: OnceLock<String> = OnceLock::new();
    let servers = postgres()?;
    Some((servers, SHOP.get_or_init(|| shop(servers.source, 50))))
}

/// The run ends with that code, says all of that, and makes nothing.
fn refused(drill: &Drill, code: i32, words: &[&str]) {
    let ran = drill.run();
    assert_eq!(ran.code, code, "{ran}");
    for word in words {
        assert!(words_of(&ran.stdout).contains(word), "`{word}` is missing: {ran}");
    }
    assert!(ran.stdout.contains("nothing was created"), "{ran}");
}

/// As [`refused`], of a baseline.
fn no_baseline(drill: &Drill, code: i32, words: &[&str]) {
    let ran = drill.ask(&["baseline", "drill.yaml"]);
    assert_eq!(ran.code, code, "{ran}");
    for word in words {
        assert!(words_of(&ran.stderr).contains(word), "`{word}` is missing: {ran}");
    }
}

#[test]
fn logins_that_do_not_work_say_what_to_do() {
    let Some((servers, database)) = few() else { return };
    let mut drill = Drill::new(servers, database, &[ALL_ROWS]);
    drill.dump(&[]);
    let (live, config) = (drill.live.clone(), drill.config.clone());
    let password = drill.firedrill.write("password", "wrong\n");
    let wrong = format!("file = {password:?}");
    drill.config = config.replace(&format!("env = \"{SCRATCH}\""), &wrong);
    refused(&drill, 6, &["password authentication failed", &format!("check the password of {DRILLER}")]);
    drill.config = config.replace(SCRATCH, "FIREDRILL_TEST_NOT_SET");
    refused(&drill, 3, &["FIREDRILL_TEST_NOT_SET, which is not set"]);
    drill.config = config.replace(" }]", ", tls = \"require\" }]");
    refused(&drill, 6, &["offers no TLS", "tls: disable"]);
    // One who may not make databases.
    servers.scratch.sql("postgres", &format!("create role may_nothing login password '{PASSWORD}';"));
    drill.config = config.replace(DRILLER, "may_nothing");
    refused(&drill, 3, &["CREATEDB"]);

    drill.config = config;
    let cases: [(&str, &str, i32, &[&str]); 5] = [
        (LIVE, "FIREDRILL_TEST_NOT_SET", 3, &["FIREDRILL_TEST_NOT_SET, which is not set"]),
        (&format!("env: {LIVE}"), "file: password", 6, &["check the password of firedrill_reader"]),
        (READER, "may_nothing", 1, &["permission denied for table", "pg_read_all_data"]),
        (database, "no_such_shop", 6, &["no_such_shop", "check the database's name"]),
        (" }", ", tls: require }", 6, &["offers no TLS", "tls: disable"]),
    ];
    servers.source.sql("postgres", &format!("create role may_nothing login password '{PASSWORD}';"));
    for (from, to, code, words) in cases {
        let at = live.rfind(from).expect("is there");
        drill.live = format!("{}{to}{}", &live[..at], &live[at + from.len()..]);
        no_baseline(&drill, code, words);
    }
}

#[test]
fn a_port_where_nothing_listens_is_waited_for_and_told() {
    let Some((servers, database)) = few() else { return };
    let mut drill = Drill::new(servers, database, &[ONE]);
    drill.dump(&[]);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    drill.config = allowed(free, DRILLER, "");
    let ran = drill.run();
    assert_eq!(ran.code, 6, "{ran}");
    let nothing = format!("nothing listens at 127.0.0.1:{free}");
    assert!(words_of(&ran.stdout).contains(&nothing), "{ran}");
    assert!(ran.stderr.contains("trying again for 30.0s"), "the silence is explained: {ran}");
}

#[test]
fn certificates_are_looked_at() {
    let Some((servers, database)) = few() else { return };
    let server = Setup::new(Kind::Postgres, "15").tls("DNS:localhost").start();
    server.sql("postgres", &format!("create role {DRILLER} login createdb password '{PASSWORD}';"));
    let other = Setup::new(Kind::Postgres, "15").tls("DNS:localhost").start();
    let mut drill = Drill::new(servers, database, &[ONE]);
    drill.dump(&[]);
    let with = |host: &str, tls: &str, ca: Option<PathBuf>| {
        let ca = ca.map(|ca| format!(", ca = {ca:?}")).unwrap_or_default();
        allowed(server.port(), DRILLER, &format!(", tls = \"{tls}\"{ca}")).replace("127.0.0.1", host)
    };
    drill.config = with("localhost", "verify-full", None);
    refused(&drill, 6, &["signed by an authority that is not trusted here", "`ca`"]);
    drill.config = with("localhost", "verify-full", Some(other.ca()));
    refused(&drill, 6, &["signed by an authority that is not trusted here", "`ca`"]);
    drill.config = with("127.0.0.1", "verify-full", Some(server.ca()));
    refused(&drill, 6, &["certificate is for another host name", "verify-ca"]);
    drill.config = with("localhost", "verify-full", Some("/no/such/ca.pem".into()));
    refused(&drill, 6, &["/no/such/ca.pem"]);
    // The name of the certificate, or a tunnel.
    for (host, tls) in [("localhost", "verify-full"), ("127.0.0.1", "verify-ca")] {
        drill.config = with(host, tls, Some(server.ca()));
        let ran = drill.run();
        assert_eq!(ran.code, 0, "{ran}");
    }
    let left = "select count(*) from pg_database where datname like 'fd\\_%';";
    assert_eq!(server.query("postgres", left), "0");
}

#[test]
fn without_a_baseline_nothing_is_proven() {
    let Some((servers, database)) = few() else { return };
    let drill = Drill::new(servers, database, &[ONE, ALL_ROWS]);
    drill.dump(&[]);
    drill.fails(&["there is no baseline of `all rows`", "run `firedrill baseline"]);
    // One of another dump is none of this.
    drill.baseline(&[]);
    drill.dump(&[]);
    drill.fails(&["there is no baseline of `all rows`"]);
}

#[test]
fn a_user_who_may_not_read_is_told_so() {
    let Some((servers, database)) = few() else { return };
    let mut drill = Drill::new(servers, database, &[ONE]);
    drill.dump(&[]);
    servers.scratch.sql("postgres", &format!("create role onlooker login password '{PASSWORD}';"));
    let playbook = drill.playbook();
    let text = std::fs::read_to_string(&playbook).expect("read");
    let text = text.replace(
        "        database: shop-db\n",
        &format!(
            "        database: shop-db\n        user: onlooker\n        password: {{ env: {SCRATCH} }}\n"
        ),
    );
    drill.firedrill.write("onlooker.yaml", &text);
    let ran = drill.ask(&["run", "onlooker.yaml"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(words_of(&ran.stdout).contains("permission denied for table orders"), "{ran}");
    drill.left_nothing();
    // The operator's word about a read-only user is as good as the restoring one's.
    drill.checks = vec![ONE.to_owned()];
    drill.passes();
}

#[test]
fn a_server_that_is_production_is_never_spoken_to() {
    let Some((servers, database)) = few() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let port = listener.local_addr().expect("an address").port();
    let mut drill = Drill::new(servers, database, &[ONE]);
    drill.dump(&[]);
    // Under whatever name: the configuration contradicts itself.
    for never in [format!("127.0.0.1:{port}"), "localhost".to_owned(), format!("[::1]:{port}")] {
        drill.config = allowed(port, DRILLER, "") + &format!("[production]\nservers = [\"{never}\"]\n");
        let ran = drill.run();
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.stderr.contains("production is never touched"), "{ran}");
    }
    // Or the playbook asks for it.
    let elsewhere = servers.scratch.port();
    drill.config =
        allowed(elsewhere, DRILLER, "") + &format!("[production]\nservers = [\"127.0.0.1:{port}\"]\n");
    drill.keys = vec![format!("into: {{ host: localhost, port: {port} }}")];
    refused(&drill, 3, &["is the production server"]);
    assert!(listener.accept().is_err(), "it was spoken to");
}
