//! How a check logs in to the database that a restore step gave.

use crate::{
    drill::{Fault, FaultClass, Outputs},
    playbook::{DumpSource, Password, Server, ServerEngine, Source, Tls},
    ports::CheckRequest,
    server::{Login, ManagedAsk, ManagedLogins, is_here, read_password},
};
use std::{fmt, path::Path, sync::Arc};

/// Where passwords come from that no playbook and no file of this machine holds; none: there is no such place.
pub(super) type Managed = Option<Arc<dyn ManagedLogins>>;

/// Tells the scratch server of a dump, as playbook and operator describe it together.
#[derive(Clone)]
pub struct ScratchServers(Arc<Tells>);

type Tells = dyn Fn(&DumpSource) -> Result<Server, String> + Send + Sync;

impl ScratchServers {
    /// Asks that function.
    pub fn new(ask: impl Fn(&DumpSource) -> Result<Server, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Where there are none.
    pub fn none() -> Self {
        Self::new(|_| Err("no database server is scratch".to_owned()))
    }
}

impl fmt::Debug for ScratchServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScratchServers")
    }
}

/// The engine that outputs name, if it is a server's.
pub(super) fn engine(outputs: &Outputs) -> Option<ServerEngine> {
    match outputs.get("engine")?.as_str() {
        "postgres" | "postgresql" | "aurora-postgresql" => Some(ServerEngine::Postgres),
        "mysql" | "mariadb" | "aurora-mysql" => Some(ServerEngine::Mysql),
        _ => None,
    }
}

/// The restored database: where it is, as the restore step says; who logs in, as the verify step says, else as the restore did.
/// Beside it what was done to get the password.
pub(super) async fn restored(
    ask: &CheckRequest<'_>,
    engine: ServerEngine,
    servers: &ScratchServers,
    managed: &Managed,
) -> Result<(Login, Option<String>), Fault> {
    let given = |key: &str| ask.subject.get(key).filter(|value| !value.is_empty());
    let permanent = |message: String| Fault::new(FaultClass::Permanent, message);
    let (host, port) = place(ask.subject, engine).ok_or_else(|| {
        permanent(
            "the restore step gave neither `host` nor `endpoint`, so its database can't be reached".into(),
        )
    })?;
    let subject = ask.login;
    let restoring = match ask.source {
        Some(Source::Dump(dump)) => {
            Some((servers.0)(dump).map_err(|why| Fault::new(FaultClass::Refused, why))?)
        }
        _ => None,
    };
    let tls =
        match subject.and_then(|subject| subject.tls).or_else(|| given("tls").and_then(|word| tls(word))) {
            Some(tls) => tls,
            None if is_here(&host) => Tls::Disable,
            None => Tls::VerifyFull,
        };
    let user = subject
        .and_then(|subject| subject.user.clone())
        .or_else(|| given("user").cloned())
        .ok_or_else(|| permanent("name the `user` who logs in: the restore step gave none".into()))?;
    let own = subject.is_none_or(|subject| subject.user.is_none());
    let from = subject
        .and_then(|subject| subject.password.as_ref())
        .or_else(|| restoring.as_ref().filter(|_| own).and_then(|server| server.password.as_ref()));
    let database = subject.and_then(|subject| subject.name.clone()).or_else(|| given("database").cloned());
    let ca = subject
        .and_then(|subject| subject.ca.as_ref().map(|ca| ask.folder.join(ca)))
        .or_else(|| given("ca").map(|ca| Path::new(ca).to_owned()));
    let database = database.unwrap_or_default();
    let mut login = Login { engine, host, port, user, password: None, database, tls, ca };
    match (from, managed) {
        (None, _) => Ok((login, None)),
        (Some(from @ (Password::Reset | Password::SecretsManager(_) | Password::Iam)), Some(managed)) => {
            let found = managed
                .credentials(&ManagedAsk { run: ask.run, from, login: &login, given: ask.subject })
                .await?;
            login.password = Some(found.password);
            if let Some(user) = found.user.filter(|_| own) {
                login.user = user;
            }
            Ok((login, found.note))
        }
        (Some(from), _) => {
            login.password = Some(read_password(from, ask.folder, &login.place())?);
            Ok((login, None))
        }
    }
}

/// The source of a restore: the live database that its backups are of.
pub(super) fn live(source: &Source, folder: &Path) -> Result<Option<Login>, Fault> {
    match source {
        Source::Dump(dump) => dump
            .live
            .as_ref()
            .map(|live| Login::of(&live.server, dump.engine, &live.database, folder))
            .transpose(),
        Source::Command(commands) => commands
            .live
            .as_ref()
            .map(|(engine, live)| Login::of(&live.server, *engine, &live.database, folder))
            .transpose(),
        Source::Rds(rds) => rds
            .live
            .as_ref()
            .map(|(engine, live)| Login::of(&live.server, *engine, &live.database, folder))
            .transpose(),
        Source::Sqlite(_) | Source::Unsupported { .. } => Ok(None),
    }
}

/// The kind of server that the source is on.
pub(super) fn live_engine(source: &Source) -> Option<ServerEngine> {
    match source {
        Source::Dump(dump) => Some(dump.engine),
        Source::Command(commands) => commands.live.as_ref().map(|(engine, _)| *engine),
        Source::Rds(rds) => rds.live.as_ref().map(|(engine, _)| *engine),
        Source::Sqlite(_) | Source::Unsupported { .. } => None,
    }
}

fn place(outputs: &Outputs, engine: ServerEngine) -> Option<(String, u16)> {
    let port = outputs.get("port").and_then(|port| port.parse().ok());
    if let Some(host) = outputs.get("host") {
        return Some((host.clone(), port.unwrap_or(engine.default_port())));
    }
    let endpoint = outputs.get("endpoint")?;
    match endpoint.rsplit_once(':') {
        Some((host, own)) if own.bytes().all(|b| b.is_ascii_digit()) && !own.is_empty() => {
            Some((host.trim_matches(['[', ']']).to_owned(), own.parse().ok()?))
        }
        _ => Some((endpoint.clone(), port.unwrap_or(engine.default_port()))),
    }
}

fn tls(word: &str) -> Option<Tls> {
    [Tls::Disable, Tls::Require, Tls::VerifyCa, Tls::VerifyFull].into_iter().find(|tls| tls.word() == word)
}
