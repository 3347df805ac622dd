//! Database servers: on which of them a scratch database may be made, and how to log in there.

use super::{
    Config, Tools,
    narrow::real_path,
    parse::written_secret,
    places::{file, folder},
};
use crate::{
    document::{read::Reader, words},
    playbook::{
        DumpSource, Password, Server, ServerAddress, ServerEngine, Tls,
        dumps::{self, host_of},
        secrets, values,
    },
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A server that scratch databases may be made on. They are named `fd_…`; others are never touched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerAllowed {
    /// Which kind of server.
    pub engine: ServerEngine,
    /// Where it is, and how to log in where the playbook does not say.
    pub server: Server,
    /// What the server must say of itself, so that another one behind the same name is not taken for it: the system
    /// identifier of PostgreSQL, the UUID of MySQL.
    pub identity: Option<String>,
}

impl ServerAllowed {
    /// Why the server that was reached is not the one that is allowed: `found` is what it says of itself. None where it is,
    /// or where nothing was said of it.
    pub fn refuses_identity(&self, found: Option<&str>) -> Option<String> {
        let wanted = self.identity.as_deref()?;
        let address = self.address();
        match found {
            Some(found) if found.eq_ignore_ascii_case(wanted) => None,
            Some(found) => Some(format!(
                "server {address} says that it is {found}, not {wanted}: another server answers there; if it was set up anew, \
                 the operator can change its `identity` in firedrill.toml"
            )),
            None => Some(format!(
                "server {address} does not say which server it is, and should be {wanted}; the operator can take its \
                 `identity` out of firedrill.toml"
            )),
        }
    }

    /// Where it is.
    pub fn address(&self) -> ServerAddress {
        self.server.address(self.engine)
    }
}

impl Config {
    /// The server that a dump may be restored on: the one that the playbook names, or the only one of its kind. What the
    /// playbook says of user, password, TLS and certificates goes before what the operator says. Otherwise, why not.
    pub fn scratch_server(&self, dump: &DumpSource) -> Result<ServerAllowed, String> {
        let engine = dump.engine;
        let allowed = match &dump.into {
            Some(wanted) => self.allows(engine, wanted)?,
            None => self.only(engine)?,
        };
        let address = allowed.address();
        if let Some(refusal) = self.forbids(&address) {
            return Err(refusal);
        }
        let live = dump.live.as_ref().map(|live| real(&live.server.address(engine)));
        if live.is_some_and(|live| live.may_be(&real(&address))) {
            return Err(format!(
                "server {address} is the live one: nothing is made or removed next to live data; restore on another server"
            ));
        }
        let server = match &dump.into {
            Some(wanted) => merged(wanted, &allowed.server)?,
            None => allowed.server.clone(),
        };
        Ok(ServerAllowed { engine, server, identity: allowed.identity.clone() })
    }

    fn allows(&self, engine: ServerEngine, wanted: &Server) -> Result<&ServerAllowed, String> {
        let address = wanted.address(engine);
        // Production first: it must not read as if it could be allowed.
        if let Some(refusal) = self.forbids(&address) {
            return Err(refusal);
        }
        let found = self.of(engine).find(|allowed| allowed.address().is(&address));
        found.ok_or_else(|| {
            format!(
                "{} server {address} is not scratch; the operator can allow it: {} in firedrill.toml",
                engine.word(),
                entry(engine, &address)
            )
        })
    }

    fn only(&self, engine: ServerEngine) -> Result<&ServerAllowed, String> {
        let mut all = self.of(engine);
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => {
                let example = ServerAddress { host: "127.0.0.1".into(), port: Some(engine.default_port()) };
                Err(format!(
                    "no {} server is scratch; the operator can allow one: {} in firedrill.toml",
                    engine.word(),
                    entry(engine, &example)
                ))
            }
            (Some(_), Some(_)) => {
                let all: Vec<String> = self.of(engine).map(|allowed| allowed.address().to_string()).collect();
                Err(format!(
                    "several {} servers are scratch ({}): say which with `into: {{ host: …, port: … }}`",
                    engine.word(),
                    all.join(", ")
                ))
            }
        }
    }

    fn of(&self, engine: ServerEngine) -> impl Iterator<Item = &ServerAllowed> {
        self.scratch.servers.iter().filter(move |allowed| allowed.engine == engine)
    }

    /// Why nothing may be made on that server, if it is production.
    pub fn forbids(&self, server: &ServerAddress) -> Option<String> {
        let wanted = real(server);
        let never = self.production.servers.iter().find(|never| real(never).forbids(&wanted))?;
        Some(match never == server {
            true => format!("server {server} is production"),
            false => format!("server {server} is the production server {never}"),
        })
    }
}

/// Where sockets are reached through links, the same one has two names.
fn real(address: &ServerAddress) -> ServerAddress {
    match address.host.starts_with('/') {
        true => {
            let host = real_path(Path::new(&address.host)).display().to_string();
            ServerAddress { host, port: address.port }
        }
        false => address.clone(),
    }
}

fn entry(engine: ServerEngine, address: &ServerAddress) -> String {
    let port = address.port.map(|port| format!(", port = {port}")).unwrap_or_default();
    format!("[scratch] {} = [{{ host = {:?}{port} }}]", engine.word(), address.host)
}

/// What the playbook says, completed by what the operator says.
fn merged(wanted: &Server, allowed: &Server) -> Result<Server, String> {
    if let (Some(wanted), Some(least)) = (wanted.tls, allowed.tls)
        && strength(wanted) < strength(least)
    {
        return Err(format!(
            "`tls: {}` is weaker than the `{}` that the operator asks for; leave `tls` out of `into`",
            wanted.word(),
            least.word()
        ));
    }
    // A password belongs to its user: it is not tried for another one.
    let same_user = wanted.user.is_none() || allowed.user.is_none() || wanted.user == allowed.user;
    let password = allowed.password.as_ref().filter(|_| same_user);
    Ok(Server {
        host: wanted.host.clone(),
        port: wanted.port,
        user: wanted.user.clone().or_else(|| allowed.user.clone()),
        password: wanted.password.as_ref().or(password).cloned(),
        tls: wanted.tls.or(allowed.tls),
        ca: wanted.ca.as_ref().or(allowed.ca.as_ref()).cloned(),
    })
}

fn strength(tls: Tls) -> u8 {
    match tls {
        Tls::Disable => 0,
        Tls::Require => 1,
        Tls::VerifyCa => 2,
        Tls::VerifyFull => 3,
    }
}

/// A server that is scratch.
pub(super) fn allowed(r: &mut Reader<'_>, engine: ServerEngine) -> Option<ServerAllowed> {
    r.fields("a scratch server", |m| {
        let server = dumps::server(m, engine, password, file);
        let _ = m.opt("databases", "Their names: always fd_*.", |r| r.list(1, databases));
        let identity = match engine {
            ServerEngine::Postgres => m.opt("identity", "Its system identifier.", system_identifier),
            ServerEngine::Mysql => m.opt("identity", "Its UUID.", values::words_of),
        };
        Some(ServerAllowed { engine, server: server?, identity })
    })
}

fn password(r: &mut Reader<'_>) -> Option<Password> {
    if !r.is_map() {
        return written_secret(r);
    }
    r.fields("the source of a password", |m| {
        m.elsewhere(
            &["reset", "secrets_manager", "iam"],
            "is for databases that AWS manages, and this server is none",
            "write { env = \"NAME\" } or { file = \"/path\" }",
        );
        m.one_of(&[
            ("env", "An environment variable.", |r| secrets::variable(r).map(Password::Env)),
            ("file", "A file that holds it, absolute.", |r| file(r).map(Password::File)),
        ])
    })
}

fn databases(r: &mut Reader<'_>) -> Option<()> {
    r.parsed(json!({ "const": "fd_*" }), "a pattern", |text| match text {
        "fd_*" => Ok(()),
        _ => Err((
            format!("{} can't be allowed", words::quoted(text)),
            "scratch databases are named fd_…, and no other is ever touched; leave `databases` out"
                .to_owned(),
        )),
    })
}

fn system_identifier(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": ["string", "integer"] }), "a system identifier", |text| {
        match text.parse::<u64>().is_ok() && text.bytes().all(|b| b.is_ascii_digit()) {
            true => Ok(text.to_owned()),
            false => Err((
                format!("{} is not a system identifier", words::quoted(text)),
                "ask the server: select system_identifier from pg_control_system()".to_owned(),
            )),
        }
    })
}

/// A server that is production: `host:port`, or a host with any port.
pub(super) fn never(r: &mut Reader<'_>) -> Option<ServerAddress> {
    let mut hide = false;
    let server = r.parsed(json!({ "type": "string" }), "a server", |text| {
        hide = text.contains("://") || text.contains('@');
        address(text).ok_or_else(|| {
            let message = match hide {
                true => "this is not a server".to_owned(),
                false => format!("{} is not a server", words::quoted(text)),
            };
            (message, "write host:port, host, [address]:port or the path of a socket".to_owned())
        })
    });
    if hide && server.is_none() {
        r.hide();
    }
    server
}

fn address(text: &str) -> Option<ServerAddress> {
    if let Ok(host) = host_of(text) {
        return Some(ServerAddress { host, port: None });
    }
    let unwrapped = |host: &str| match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok().map(|_| address.to_owned()),
        None => (!host.contains(':')).then(|| host.to_owned()),
    };
    if let Some(host) = text.strip_suffix(']').and_then(|_| unwrapped(text)) {
        return Some(ServerAddress { host, port: None });
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    Some(ServerAddress { host: host_of(&unwrapped(host)?).ok()?, port: Some(port) })
}

/// `[tools]`.
pub(super) fn tools(r: &mut Reader<'_>) -> Option<Tools> {
    r.fields("`tools`", |m| {
        let postgres = m.opt("postgres", "The folder of pg_restore and psql; PATH where left out.", programs);
        let mysql = m.opt("mysql", "The folder of mysql or mariadb; PATH where left out.", programs);
        Some(Tools { postgres, mysql })
    })
}

fn programs(r: &mut Reader<'_>) -> Option<PathBuf> {
    let path = folder(r)?;
    let program = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if ["pg_restore", "psql"].contains(&program) {
        r.error(format!("{} is a program, not a folder", path.display()), "give the folder that it is in");
        return None;
    }
    Some(path)
}
