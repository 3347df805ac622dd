//! Restoring a dump into a database by the client program, `mariadb` or `mysql`.

use crate::{
    drill::Fault,
    playbook::Tls,
    ports::Receipts,
    process::{Invocation, Runner, Secrets},
    provider::dump::{
        format::Dump,
        sql::{Sieve, mysql::MysqlSieve},
        tools::Tool,
        work::{Work, system_authorities},
    },
    server::Ask,
};
use std::{ffi::OsString, path::Path};

/// What the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct About {
    /// `11.8.3-MariaDB-0+deb13u1`.
    pub(in super::super) version: String,
    /// Whether it runs events.
    pub(in super::super) events_run: bool,
}

impl About {
    pub(in super::super) async fn of(ask: &mut dyn Ask) -> Result<Self, Fault> {
        let version = ask.value("select cast(version() as char)", &[]).await?.unwrap_or_default();
        let rows = ask.rows("show global variables where variable_name = 'event_scheduler'", &[]).await?;
        let events = rows.into_iter().next().and_then(|mut row| row.pop().flatten());
        // Not known is as good as on.
        let events_run = events.is_none_or(|events| events.eq_ignore_ascii_case("on"));
        Ok(Self { version, events_run })
    }

    pub(in super::super) fn is_mariadb(&self) -> bool {
        self.version.contains("MariaDB")
    }

    /// `MariaDB` or `MySQL`.
    pub(in super::super) fn product(&self) -> &'static str {
        if self.is_mariadb() { "MariaDB" } else { "MySQL" }
    }
}

/// A client program, and what it can do.
pub(in super::super) struct Client {
    pub(in super::super) tool: Tool,
    mariadb: bool,
    sandbox: bool,
    system_command: bool,
    public_key: bool,
}

impl Client {
    /// The one that fits the server, or the other one.
    pub(in super::super) async fn find(
        runner: &Runner,
        folder: Option<&Path>,
        about: &About,
    ) -> Result<Self, Fault> {
        let names = if about.is_mariadb() { ["mariadb", "mysql"] } else { ["mysql", "mariadb"] };
        let tool = Tool::find(runner, folder, &names).await?;
        let mariadb = tool.says.contains("MariaDB");
        Ok(Self {
            sandbox: mariadb && tool.knows(runner, "--help", "--sandbox").await,
            system_command: !mariadb && tool.knows(runner, "--help", "--system-command").await,
            public_key: !mariadb && tool.knows(runner, "--help", "--get-server-public-key").await,
            mariadb,
            tool,
        })
    }

    /// The arguments. `--binary-mode` leaves of the client's own commands only `DELIMITER`.
    fn args(&self, work: &Work<'_>) -> Vec<OsString> {
        let login = work.login;
        let mut args: Vec<OsString> = [
            "--no-defaults",
            "--batch",
            "--binary-mode",
            "--local-infile=0",
            // A dump turns the strict mode off: what does not fit would be cut without a word.
            "--show-warnings",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
            "--connect-timeout=15",
        ]
        .map(OsString::from)
        .into();
        if self.sandbox {
            args.push("--sandbox".into());
        }
        if self.system_command {
            args.push("--system-command=0".into());
        }
        match login.host.starts_with('/') {
            true => args.push(format!("--socket={}", login.host).into()),
            false => {
                args.push("--protocol=tcp".into());
                args.push(format!("--host={}", login.host).into());
                args.push(format!("--port={}", login.port).into());
            }
        }
        args.push(format!("--user={}", login.user).into());
        args.extend(self.tls(work));
        args.push(format!("--database={}", login.database).into());
        args
    }

    fn tls(&self, work: &Work<'_>) -> Vec<OsString> {
        let tls = work.login.tls;
        let words: &[&str] = match (self.mariadb, tls) {
            (true, Tls::Disable) => &["--skip-ssl"],
            (true, Tls::Require) => &["--ssl", "--skip-ssl-verify-server-cert"],
            // It can't check the authority alone: the name is checked too.
            (true, Tls::VerifyCa | Tls::VerifyFull) => &["--ssl", "--ssl-verify-server-cert"],
            (false, Tls::Disable) if self.public_key => &["--ssl-mode=DISABLED", "--get-server-public-key"],
            (false, Tls::Disable) => &["--ssl-mode=DISABLED"],
            (false, Tls::Require) => &["--ssl-mode=REQUIRED"],
            (false, Tls::VerifyCa) => &["--ssl-mode=VERIFY_CA"],
            (false, Tls::VerifyFull) => &["--ssl-mode=VERIFY_IDENTITY"],
        };
        let mut args: Vec<OsString> = words.iter().map(OsString::from).collect();
        let checked = matches!(tls, Tls::VerifyCa | Tls::VerifyFull);
        if let Some(ca) = work.login.ca.clone().or_else(|| system_authorities().filter(|_| checked)) {
            let mut arg = OsString::from("--ssl-ca=");
            arg.push(ca);
            args.push(arg);
        }
        args
    }
}

/// Restores the dump. The receipts prove it.
pub(in super::super) async fn restore(
    work: &Work<'_>,
    dump: &Dump,
    about: &About,
) -> Result<Receipts, Fault> {
    let client = Client::find(work.runner, work.tools.as_deref(), about).await?;
    let mut invocation = Invocation::new(&client.tool.path, "/");
    invocation.args = client.args(work);
    invocation.env = vec![("LC_ALL".into(), "C".into())];
    if let Some(password) = &work.login.password {
        invocation.env.push(("MYSQL_PWD".into(), password.reveal().into()));
        let mut secrets = Secrets::default();
        secrets.add(password.reveal());
        invocation.secrets = secrets;
    }
    let mut sieve = MysqlSieve::new(about.events_run);
    let program = if client.mariadb { "mariadb" } else { "mysql" };
    let (finished, fed) = work.pipe(program, &invocation, &mut sieve, Vec::new()).await?;
    let of = dump.program().unwrap_or("an unknown version");
    let what = format!("SQL of {}'s dump program {of}", dump.said.maker);
    Ok(work.receipts(&client.tool, &finished, sieve.found(), fed, &what))
}
