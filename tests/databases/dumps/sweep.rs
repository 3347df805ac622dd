//! `firedrill sweep` on scratch servers: databases and roles that a killed run left, its journal lost.

use super::*;
use std::process::{Child, Output, Stdio};

struct Swept<'a> {
    server: &'a Server,
    kind: Kind,
    folder: TempDir,
}

impl<'a> Swept<'a> {
    fn new(server: &'a Server, kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let swept = Self { server, kind, folder };
        let (key, more) = match kind {
            Kind::Postgres => ("postgres_dump", ", roles: create"),
            Kind::MariaDb | Kind::MySql => ("mysql_dump", ""),
        };
        let text = format!(
            "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: dumps }}\nsteps:\n  - id: db\n    \
             restore: {{ {key}: {{ backup: x.dump{more} }} }}\n  - {{ id: then, needs: [db], run: [\"/bin/sleep\", \"300\"] }}\n"
        );
        std::fs::write(swept.path("x.yaml"), text).expect("written");
        std::fs::write(swept.path("password"), server.password()).expect("written");
        swept.allow(server.port());
        swept.dump();
        swept
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn allow(&self, port: u16) {
        let (word, client) = match self.kind {
            Kind::Postgres => ("postgres", "psql"),
            Kind::MariaDb => ("mysql", "mariadb"),
            Kind::MySql => ("mysql", "mysql"),
        };
        let tools = self.server.tool(client);
        let text = format!(
            "[scratch]\n{word} = [{{ host = \"127.0.0.1\", port = {port}, user = \"firedrill\", password = {{ file = {:?} }} }}]\n\
             [tools]\n{word} = {:?}\n",
            self.path("password"),
            tools.parent().expect("a folder")
        );
        std::fs::write(self.path("firedrill.toml"), text).expect("written");
    }

    /// A dump whose table belongs to a role that is gone, where there are roles.
    fn dump(&self) {
        let source = self.server.fresh_database();
        let (server, file) = (self.server, self.path("x.dump"));
        if self.kind == Kind::Postgres {
            server.sql(
                &source,
                "create role left_owner; create table t (a int); alter table t owner to left_owner;",
            );
            run(server, "pg_dump", &["--format=custom", &format!("--file={}", file.display()), &source]);
            server.sql("postgres", &format!("drop database {source}; drop role left_owner;"));
            return;
        }
        server.sql(&source, "create table t (a int primary key); insert into t values (1);");
        let program = if self.kind == Kind::MySql { "mysqldump" } else { "mariadb-dump" };
        let output = Command::new(server.tool(program))
            .args(["--no-defaults", &format!("--socket={}", server.folder().join("s").display())])
            .args(["--user=firedrill", &source])
            .env("MYSQL_PWD", server.password())
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(file, output.stdout).expect("written");
        server.sql(server.first_database(), &format!("drop database {source};"));
    }

    fn firedrill(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
        command.args(["--config", "firedrill.toml", "--data-dir", "data", "--no-color"]).args(args);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn sweep(&self, args: &[&str]) -> Output {
        self.firedrill(&["sweep", "--min-age", "0s"]).args(args).output().expect("runs")
    }

    /// Databases and roles that are named as firedrill names them, and the role that a dump brought.
    fn there(&self) -> Vec<String> {
        let roles =
            "union all select rolname from pg_roles where rolname like 'fd\\_%' or rolname = 'left_owner'";
        let sql = match self.kind {
            Kind::Postgres => {
                format!("select datname from pg_database where datname like 'fd\\_%' {roles} order by 1;")
            }
            _ => "select schema_name from information_schema.schemata where schema_name like 'fd\\_%' order by 1;"
                .to_owned(),
        };
        let said = self.server.query(self.server.first_database(), &sql);
        said.lines().map(str::to_owned).collect()
    }

    /// Whether a run has restored and waits.
    fn restored(&self, events: &str) -> bool {
        let said = self.firedrill(&["show", "last", "--events"]).output().expect("runs");
        String::from_utf8_lossy(&said.stdout).contains(events)
    }

    fn begun(&self) -> (Child, Vec<String>) {
        let before = self.there();
        let mut drill = self.firedrill(&["run", "x.yaml"]);
        let mut child = drill.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        let restored = (0..600).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            self.restored("db: done")
        });
        if restored {
            return (child, self.there().into_iter().filter(|name| !before.contains(name)).collect());
        }
        let events = self.firedrill(&["show", "last", "--events"]).output().expect("runs");
        child.kill().expect("killed");
        child.wait().expect("reaped");
        panic!("it never restored: {}", said(&events));
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn a_lost_run_is_swept(kind: Kind, version: &str, unmarked: &str, damaged: &str) {
    if !Server::wanted(kind, version) {
        return;
    }
    let server = Server::start(kind, version);
    let swept = Swept::new(&server, kind);
    let (mut dead, lost) = swept.begun();
    dead.kill().expect("killed");
    dead.wait().expect("reaped");
    assert!(!lost.is_empty());
    std::fs::remove_dir_all(swept.path("data")).expect("the journal is lost");
    server.sql(server.first_database(), unmarked);
    server.sql(server.first_database(), damaged);
    // The roles of the dump are held by the dead run: one that needs them waits until they are gone.
    let bystanders: Vec<String> = swept.there().into_iter().filter(|name| !lost.contains(name)).collect();
    assert_eq!(bystanders, ["fd_0badcafe_db_1", "fd_0badf00d_db_1"]);

    let found = swept.sweep(&[]);
    assert_eq!(found.status.code(), Some(5), "{}", said(&found));
    assert!(lost.iter().all(|name| swept.there().contains(name)), "the first phase removes nothing");
    let applied = swept.sweep(&["--apply"]);
    assert_eq!(applied.status.code(), Some(5), "two can't be told: {}", said(&applied));
    assert!(said(&applied).contains("fd_0badcafe_db_1"), "{}", said(&applied));
    assert!(said(&applied).contains("fd_0badf00d_db_1"), "{}", said(&applied));
    assert_eq!(swept.there(), bystanders, "{}", said(&applied));

    // One that is alive is not touched, with the journal at hand.
    let (mut alive, held) = swept.begun();
    let kept = swept.sweep(&["--apply"]);
    assert!(said(&kept).contains("is being driven by"), "{}", said(&kept));
    assert!(held.iter().all(|name| swept.there().contains(name)), "{}", said(&kept));
    alive.kill().expect("killed");
    alive.wait().expect("reaped");
    let aborted = swept.firedrill(&["abort", "last"]).output().expect("runs");
    assert_eq!(aborted.status.code(), Some(7), "{}", said(&aborted));
    assert_eq!(swept.there(), bystanders);
    let record = swept.firedrill(&["sweep", "--record"]).output().expect("runs");
    assert!(said(&record).contains("observed gone"), "{}", said(&record));
    assert!(!said(&record).contains(server.password()), "the password is in the record");
}

#[test]
fn databases_and_roles_of_a_lost_run_are_swept_from_postgres() {
    a_lost_run_is_swept(
        Kind::Postgres,
        "15",
        "create database fd_0badcafe_db_1;",
        "create database fd_0badf00d_db_1; comment on database fd_0badf00d_db_1 is '{\"firedrill\": {\"id\"';",
    );
}

#[test]
fn databases_of_a_lost_run_are_swept_from_mariadb() {
    a_lost_run_is_swept(
        Kind::MariaDb,
        "11.8",
        "create database fd_0badcafe_db_1; create table fd_0badcafe_db_1.t (a int);",
        "create database fd_0badf00d_db_1; create table fd_0badf00d_db_1._firedrill (id int primary key, marker longtext); \
         insert into fd_0badf00d_db_1._firedrill values (1, '{\"firedrill\": {\"id\"');",
    );
}

#[test]
fn databases_of_a_lost_run_are_swept_from_mysql() {
    a_lost_run_is_swept(
        Kind::MySql,
        "8.0",
        "create database fd_0badcafe_db_1; create table fd_0badcafe_db_1.t (a int);",
        "create database fd_0badf00d_db_1; create table fd_0badf00d_db_1._firedrill (id int primary key, marker longtext); \
         insert into fd_0badf00d_db_1._firedrill values (1, '{\"firedrill\": {\"id\"');",
    );
}

#[test]
fn a_list_of_another_server_at_the_same_address_is_refused() {
    if !Server::wanted(Kind::Postgres, "15") {
        return;
    }
    let server = Server::start(Kind::Postgres, "15");
    let swept = Swept::new(&server, Kind::Postgres);
    let (mut dead, lost) = swept.begun();
    dead.kill().expect("killed");
    dead.wait().expect("reaped");
    std::fs::remove_dir_all(swept.path("data")).expect("the journal is lost");
    let found = swept.sweep(&["--save", "list.json"]);
    assert_eq!(found.status.code(), Some(5), "{}", said(&found));
    // As if it had been made of another server: only what that said of itself differs.
    let list = std::fs::read_to_string(swept.path("list.json")).expect("a list");
    let own = server.query("postgres", "select system_identifier from pg_control_system();");
    assert!(list.contains(own.trim()), "the list is bound to the server");
    std::fs::write(swept.path("list.json"), list.replace(own.trim(), "7000000000000000000"))
        .expect("written");
    let refused = swept.sweep(&["--apply", "--list", "list.json"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(lost.iter().all(|name| swept.there().contains(name)), "{}", said(&refused));
}
