//! Database servers, and dumps that are restored into a scratch database on one: what a playbook says of them.

use super::model::Password;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
