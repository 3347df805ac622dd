//! Which server a dump may be restored on.

use super::Config;
use crate::playbook::{Action, DumpSource, Password, Playbook, ServerEngine, Source, Tls};
use std::path::Path;

const ALLOWED: &str = r#"
[scratch]
postgres = [
  { host = "127.0.0.1", port = 5433, user = "drill", password = { env = "P" }, tls = "verify-ca", ca = "/ca.pem", databases = ["fd_*"], identity = 7301245678901234567 },
  { host = "pg.scratch" },
]
mysql = [{ host = "db.scratch", user = "drill", password = { file = "/p" } }]
[production]
servers = ["db.internal", "pg.scratch:5433", "[::1]:5432"]
[tools]
mysql = "/opt/mysql/bin/"
"#;

fn config(text: &str) -> Config {
    Config::parse(Path::new("/etc/firedrill.toml"), text, Path::new("/data"))
        .unwrap_or_else(|faults| panic!("{faults}"))
}

fn dump(source: &str) -> DumpSource {
    let text = format!(
        "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: x }}\nsteps:\n  - id: db\n    \
             restore: {{ {source} }}\n  - id: b\n    needs: [db]\n    run: [x]\n"
    );
    let checked = Playbook::parse(Path::new("x.yaml"), &text).unwrap_or_else(|faults| panic!("{faults}"));
    match &checked.playbook.steps()[0].action {
        Action::Restore(restore) => match &restore.source {
            Source::Dump(dump) => dump.clone(),
            other => panic!("a dump, not {other:?}"),
        },
        other => panic!("a restore, not {other:?}"),
    }
}

fn refusal(config: &Config, source: &str) -> String {
    config.scratch_server(&dump(source)).expect_err(source)
}

#[test]
fn servers_and_tools_are_read() {
    let config = config(ALLOWED);
    let all: Vec<String> = config.scratch().servers.iter().map(|s| s.address().to_string()).collect();
    assert_eq!(all, ["127.0.0.1:5433", "pg.scratch:5432", "db.scratch:3306"]);
    let never: Vec<String> = config.production().servers.iter().map(ToString::to_string).collect();
    assert_eq!(never, ["db.internal", "pg.scratch:5433", "[::1]:5432"]);
    assert_eq!(config.tools().folder(ServerEngine::Mysql), Some(Path::new("/opt/mysql/bin")));
    assert_eq!(config.tools().folder(ServerEngine::Postgres), None);
}

#[test]
fn what_the_playbook_says_goes_before_what_the_operator_says() {
    let config = config(ALLOWED);
    let into = "host: 127.0.0.1, port: 5433";
    let found = |more: &str| {
        let dump = dump(&format!("postgres_dump: {{ backup: x, into: {{ {into}{more} }} }}"));
        config.scratch_server(&dump).expect("allowed")
    };
    let own = found("");
    assert_eq!(own.server, config.scratch().servers[0].server);
    assert_eq!(own.identity.as_deref(), Some("7301245678901234567"));
    let other = found(", user: me, password: { env: Q }, tls: verify-full, ca: mine.pem").server;
    assert_eq!(other.user.as_deref(), Some("me"));
    assert_eq!(other.password, Some(Password::Env("Q".into())));
    assert_eq!((other.tls, other.ca), (Some(Tls::VerifyFull), Some("mine.pem".into())));
    // A password is that of its user.
    assert_eq!(found(", user: me").server.password, None);
    assert_eq!(found(", user: drill").server.password, Some(Password::Env("P".into())));
}

#[test]
fn the_only_server_of_its_kind_need_not_be_named() {
    let config = config(ALLOWED);
    let found = config.scratch_server(&dump("mysql_dump: { backup: x }")).expect("allowed");
    assert_eq!(found.server, config.scratch().servers[2].server);
    let many = refusal(&config, "postgres_dump: { backup: x }");
    assert_eq!(
        many,
        "several postgres servers are scratch (127.0.0.1:5433, pg.scratch:5432): say which with `into: { host: …, port: … }`"
    );
    let none = refusal(&Config::without_file(Path::new("/data")), "mysql_dump: { backup: x }");
    assert_eq!(
        none,
        "no mysql server is scratch; the operator can allow one: [scratch] mysql = [{ host = \"127.0.0.1\", port = 3306 }] in firedrill.toml"
    );
}

#[test]
fn what_is_not_allowed_is_refused_with_what_would_allow_it() {
    let config = config(ALLOWED);
    let into = |into: &str| refusal(&config, &format!("postgres_dump: {{ backup: x, into: {{ {into} }} }}"));
    assert_eq!(
        into("host: localhost, port: 5433"),
        "postgres server localhost:5433 is not scratch; the operator can allow it: [scratch] postgres = [{ host = \"localhost\", port = 5433 }] in firedrill.toml"
    );
    assert!(into("host: 127.0.0.1, port: 5434").contains("127.0.0.1:5434 is not scratch"));
    assert!(into("host: db.scratch, port: 3306").contains("postgres server db.scratch:3306 is not scratch"));
    assert_eq!(into("host: DB.internal"), "server DB.internal:5432 is the production server db.internal");
    assert_eq!(into("host: pg.scratch, port: 5433"), "server pg.scratch:5433 is production");
    assert!(into("host: localhost").contains("is the production server [::1]:5432"));
    assert!(
        into("host: 127.0.0.1, port: 5433, tls: require")
            .starts_with("`tls: require` is weaker than the `verify-ca` that the operator asks for")
    );
}

#[test]
fn nothing_is_made_next_to_live_data() {
    let config = config(ALLOWED);
    let live = "live: { host: db.scratch, database: users }";
    let said = refusal(&config, &format!("mysql_dump: {{ backup: x, {live} }}"));
    assert!(said.starts_with("server db.scratch:3306 is the live one"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let (socket, link) = (folder.path().join("a.sock"), folder.path().join("b.sock"));
    std::fs::write(&socket, "").expect("made");
    std::os::unix::fs::symlink(&socket, &link).expect("linked");
    let text = format!("[scratch]\nmysql = [{{ host = {:?} }}]", link.display().to_string());
    let live = format!("live: {{ host: {}, database: users }}", socket.display());
    let config = self::config(&text);
    let said = refusal(&config, &format!("mysql_dump: {{ backup: x, {live} }}"));
    assert!(said.contains("is the live one"), "{said}");
}

#[test]
fn another_server_behind_the_same_name_is_refused() {
    let config = config(ALLOWED);
    let [pinned, free, _] = config.scratch().servers.as_slice() else { panic!("three servers") };
    assert_eq!(pinned.refuses_identity(Some("7301245678901234567")), None);
    assert!(pinned.refuses_identity(Some("1")).is_some_and(|said| said.contains("another server answers")));
    assert!(pinned.refuses_identity(None).is_some());
    assert_eq!(free.refuses_identity(Some("1")), None);
}
