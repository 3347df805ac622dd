//! Database servers, and dumps that are restored into a scratch database on one: what a playbook says of them.

use super::model::Password;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, path::PathBuf};

/// The kinds of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerEngine {
    /// PostgreSQL and what speaks its protocol and has its catalog.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

impl ServerEngine {
    /// The word in playbooks, outputs and the configuration.
    pub fn word(self) -> &'static str {
        match self {
            ServerEngine::Postgres => "postgres",
            ServerEngine::Mysql => "mysql",
        }
    }

    /// The port where none is given.
    pub fn default_port(self) -> u16 {
        match self {
            ServerEngine::Postgres => 5432,
            ServerEngine::Mysql => 3306,
        }
    }
}

/// How a connection is secured, in the words of libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// No TLS. Only where the playbook says so.
    Disable,
    /// TLS, the certificate not checked.
    Require,
    /// TLS, the certificate signed by a trusted authority.
    VerifyCa,
    /// The same, and for that host name.
    VerifyFull,
}

impl Tls {
    /// The word in playbooks and outputs.
    pub fn word(self) -> &'static str {
        match self {
            Tls::Disable => "disable",
            Tls::Require => "require",
            Tls::VerifyCa => "verify-ca",
            Tls::VerifyFull => "verify-full",
        }
    }
}

/// A database server and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Its host name or address, or (an absolute path) the folder or file of its Unix socket.
    pub host: String,
    /// Its port; the engine's own where absent.
    pub port: Option<u16>,
    /// Who logs in; the operating system's user where absent.
    pub user: Option<String>,
    /// Where the password comes from: `Env` or `File`.
    pub password: Option<Password>,
    /// How it is secured; where absent: no TLS on a socket or to this machine's loopback, [`Tls::VerifyFull`] to elsewhere.
    pub tls: Option<Tls>,
    /// The file with the certificates of the authorities to trust; the system's where absent.
    pub ca: Option<PathBuf>,
}

impl Server {
    /// Where it is. A socket of MySQL is a file of its own, so it has no port.
    pub fn address(&self, engine: ServerEngine) -> ServerAddress {
        let port = match engine {
            ServerEngine::Mysql if self.host.starts_with('/') => None,
            _ => Some(self.port.unwrap_or(engine.default_port())),
        };
        ServerAddress { host: self.host.clone(), port }
    }
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Host name or address, or the absolute path of a socket.
    pub host: String,
    /// The port; where absent: any.
    pub port: Option<u16>,
}

impl ServerAddress {
    /// Whether it is written as that server is: what is allowed must be meant.
    pub fn is(&self, other: &ServerAddress) -> bool {
        self.port == other.port && same_host(&self.host, &other.host)
    }

    /// Whether it may be that server: what must be kept apart is refused in doubt. All names of this machine are one.
    pub fn may_be(&self, other: &ServerAddress) -> bool {
        let ports = self.port.zip(other.port).is_none_or(|(own, other)| own == other);
        ports && (same_host(&self.host, &other.host) || loopback(&self.host) && loopback(&other.host))
    }

    /// Whether nothing may be made on that server where this one is production. A machine without a port stands for all
    /// of its servers, also those that are reached by a socket.
    pub(crate) fn forbids(&self, server: &ServerAddress) -> bool {
        let by_socket = self.port.is_none() && loopback(&self.host) && server.host.starts_with('/');
        self.may_be(server) || by_socket
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.starts_with('/') => write!(f, "{} (port {port})", self.host),
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

fn same_host(a: &str, b: &str) -> bool {
    if a.starts_with('/') || b.starts_with('/') {
        return a.trim_end_matches('/') == b.trim_end_matches('/');
    }
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a.to_canonical() == b.to_canonical(),
        _ => name(a).eq_ignore_ascii_case(name(b)),
    }
}

fn loopback(host: &str) -> bool {
    name(host).eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| {
            // Connecting to no address in particular is connecting to this machine.
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        })
}

/// Whether a host is this machine: a socket, or loopback.
pub(crate) fn is_here(host: &str) -> bool {
    host.starts_with('/') || loopback(host)
}

/// A host name without the dot that may end it.
fn name(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// A database on a server that is read, never changed: the source that backups are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveDatabase {
    /// The server: the primary, or a replica of it.
    pub server: Server,
    /// The database.
    pub database: String,
}

/// A dump, restored into a database of its own on a scratch server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpSource {
    /// Of which kind of server.
    pub engine: ServerEngine,
    /// A file, a folder of dumps, a dump that is a folder (PostgreSQL's directory format), or a glob; absolute,
    /// or relative to the playbook.
    pub backup: PathBuf,
    /// How the file name tells the moment of the dump; as for SQLite. Where absent, the moment in the dump itself if it
    /// has one, else the modification time.
    pub timestamp: Option<String>,
    /// The zone of that moment where the pattern has none; UTC where absent.
    pub timezone: Option<chrono_tz::Tz>,
    /// How many tables are restored at the same time; 2 where absent. PostgreSQL's custom and directory formats only.
    pub jobs: Option<u32>,
    /// What becomes of owners and grants.
    pub roles: Roles,
    /// What becomes of extensions.
    pub extensions: Extensions,
    /// The scratch server; where absent, the only one of this engine that the operator allows.
    pub into: Option<Server>,
    /// The database that the dumps are of, for baselines and `expect: source`.
    pub live: Option<LiveDatabase>,
}

/// What becomes of owners and grants in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roles {
    /// Restored; the roles must be on the scratch server already.
    Keep,
    /// Restored; roles that are missing are created without login, and removed at the end.
    Create,
    /// Left out.
    #[default]
    Skip,
}

/// What becomes of extensions in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extensions {
    /// Created.
    #[default]
    Create,
    /// Left out.
    Skip,
}
