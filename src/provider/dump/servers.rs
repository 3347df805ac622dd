//! Which servers are scratch, and how to log in to the one that a claim is on.
//!
//! A claim bears all that is needed to find its server again after a crash: address, user, and where the password comes
//! from. Whether anything may still be made or removed there is asked of the operator's configuration each time.

use crate::{
    config::Config,
    drill::{Claim, Fault, FaultClass, Outputs, Scope},
    playbook::{DumpSource, Password, Server, ServerAddress, ServerEngine, Tls},
    provider::scratch::refused,
    server::{Ask, Login, connect},
    time::Period,
};
use std::path::{Path, PathBuf};

/// How long a server that is starting is waited for.
const PATIENCE: Period = Period::from_secs(30);

/// A server to work on.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// How to log in, into no database in particular.
    pub(super) login: Login,
    /// What the server must say of itself.
    pub(super) identity: Option<String>,
}

/// What the operator allows.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    config: Config,
}

impl Servers {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    /// The folder of the engine's programs.
    pub(super) fn tools(&self, engine: ServerEngine) -> Option<PathBuf> {
        self.config.tools().folder(engine).map(Path::to_owned)
    }

    /// The server that a dump is restored on, and what a claim on it bears.
    pub(super) fn choose(&self, dump: &DumpSource, folder: &Path) -> Result<(Scope, Outputs), Fault> {
        let allowed = self.config.scratch_server(dump).map_err(refused)?;
        let scope = Scope::Server { engine: dump.engine, place: allowed.address().to_string() };
        Ok((scope, params(&allowed.server, dump.engine, folder)))
    }

    /// The server that a dump is restored on.
    pub(super) fn target(&self, dump: &DumpSource, folder: &Path) -> Result<Target, Fault> {
        let allowed = self.config.scratch_server(dump).map_err(refused)?;
        let login = Login::of(&allowed.server, dump.engine, "", folder)?;
        Ok(Target { login, identity: allowed.identity })
    }

    /// Where a claim is, by its own words. Nothing may be made or removed there on their strength alone.
    pub(super) fn of(&self, claim: &Claim) -> Result<Target, Fault> {
        let (engine, server) = server_of(claim)?;
        Ok(Target { login: Login::of(&server, engine, "", Path::new("/"))?, identity: None })
    }

    /// As [`Servers::of`], on a server that is scratch now.
    pub(super) fn cleared(&self, claim: &Claim) -> Result<Target, Fault> {
        let (engine, server) = server_of(claim)?;
        let address = server.address(engine);
        if let Some(why) = self.config.forbids(&address) {
            return Err(refused(format!("{why}: nothing is made or removed there")));
        }
        let allowed = self.config.scratch().servers.iter();
        let allowed =
            allowed.filter(|allowed| allowed.engine == engine).find(|allowed| allowed.address().is(&address));
        let Some(allowed) = allowed else {
            return Err(refused(format!(
                "the {} server {address} is not scratch: the operator can allow it under `[scratch]` in firedrill.toml",
                engine.word()
            )));
        };
        Ok(Target {
            login: Login::of(&server, engine, "", Path::new("/"))?,
            identity: allowed.identity.clone(),
        })
    }

    /// The server of a scope, as the operator logs in to it.
    pub(super) fn of_scope(&self, engine: ServerEngine, place: &str) -> Result<Target, Fault> {
        let mut all = self.config.scratch().servers.iter();
        let allowed = all.find(|allowed| allowed.engine == engine && allowed.address().to_string() == place);
        let allowed =
            allowed.ok_or_else(|| refused(format!("the {} server {place} is not scratch", engine.word())))?;
        if let Some(why) = self.config.forbids(&allowed.address()) {
            return Err(refused(why));
        }
        Ok(Target {
            login: Login::of(&allowed.server, engine, "", Path::new("/"))?,
            identity: allowed.identity.clone(),
        })
    }
}

impl Target {
    /// Logs in, and makes sure that it is the server that the operator means.
    pub(super) async fn connect(&self) -> Result<Box<dyn Ask>, Fault> {
        let mut ask = connect(&self.login, PATIENCE).await?;
        let Some(pinned) = &self.identity else { return Ok(ask) };
        let place = self.login.place();
        match identity(ask.as_mut(), self.login.engine).await? {
            Some(found) if found == *pinned => Ok(ask),
            Some(found) => Err(refused(format!(
                "the server at {place} says that it is {found}, and `identity` in firedrill.toml says {pinned}: another server has taken its place, or the pin is old"
            ))),
            None => Err(refused(format!(
                "the server at {place} does not tell who it is, so `identity` in firedrill.toml can't be compared"
            ))),
        }
    }

    /// Logs in to a database on it.
    pub(super) async fn connect_to(&self, database: &str) -> Result<Box<dyn Ask>, Fault> {
        connect(&self.login.on(database), PATIENCE).await
    }
}

/// What a server says of itself, which no other server says.
pub(super) async fn identity(ask: &mut dyn Ask, engine: ServerEngine) -> Result<Option<String>, Fault> {
    match engine {
        ServerEngine::Postgres => {
            ask.value("select system_identifier::text from pg_control_system()", &[]).await
        }
        ServerEngine::Mysql => {
            let rows = ask
                .rows("show global variables where variable_name in ('server_uuid', 'server_uid')", &[])
                .await?;
            Ok(rows.into_iter().find_map(|mut row| row.pop().flatten()).filter(|id| !id.is_empty()))
        }
    }
}

/// What a claim bears to find its server again. Where a password comes from is no secret.
fn params(server: &Server, engine: ServerEngine, folder: &Path) -> Outputs {
    let mut params = Outputs::new();
    let mut put = |key: &str, value: String| drop(params.insert(key.to_owned(), value));
    put("host", server.host.clone());
    put("port", server.port.unwrap_or(engine.default_port()).to_string());
    if let Some(user) = &server.user {
        put("user", user.clone());
    }
    match &server.password {
        Some(Password::Env(name)) => put("password_env", name.clone()),
        Some(Password::File(path)) => put("password_file", folder.join(path).display().to_string()),
        _ => {}
    }
    if let Some(tls) = server.tls {
        put("tls", tls.word().to_owned());
    }
    if let Some(ca) = &server.ca {
        put("ca", folder.join(ca).display().to_string());
    }
    params
}

fn server_of(claim: &Claim) -> Result<(ServerEngine, Server), Fault> {
    let Scope::Server { engine, place } = &claim.link.scope else {
        return Err(refused(format!(
            "the claim {} is not on a server but in {}",
            claim.id, claim.link.scope
        )));
    };
    let params = &claim.link.params;
    let get = |key: &str| params.get(key).cloned();
    let password = get("password_env")
        .map(Password::Env)
        .or_else(|| get("password_file").map(|path| Password::File(path.into())));
    let tls = [Tls::Disable, Tls::Require, Tls::VerifyCa, Tls::VerifyFull];
    let server = Server {
        host: get("host").unwrap_or_default(),
        port: get("port").and_then(|port| port.parse().ok()),
        user: get("user"),
        password,
        tls: get("tls").and_then(|word| tls.into_iter().find(|tls| tls.word() == word)),
        ca: get("ca").map(PathBuf::from),
    };
    let address: ServerAddress = server.address(*engine);
    if address.to_string() != *place {
        return Err(refused(format!("the claim {} says {place}, and its server is {address}", claim.id)));
    }
    Ok((*engine, server))
}

/// Whether the session is on the server that `other` leads to.
pub(super) async fn same(ask: &mut dyn Ask, other: &Login, patience: Period) -> Result<bool, Fault> {
    let mut there = connect(other, patience).await?;
    let identities = (identity(ask, other.engine).await?, identity(there.as_mut(), other.engine).await?);
    if let (Some(one), Some(other)) = identities {
        return Ok(one == other);
    }
    // A server without an identity of its own is told apart by where its data lie.
    let place = match other.engine {
        ServerEngine::Postgres => {
            return Err(Fault::new(FaultClass::Permanent, "one of them does not tell who it is"));
        }
        ServerEngine::Mysql => "select concat(@@hostname, ' ', @@port, ' ', @@datadir)",
    };
    Ok(ask.value(place, &[]).await? == there.value(place, &[]).await?)
}
