//! How to log in to a server.

use crate::{
    drill::{Fault, FaultClass, Outputs},
    playbook::{Password, Server, ServerEngine, Tls},
};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A server, a database on it, and who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Which kind of server.
    pub engine: ServerEngine,
    /// Host name or address; or the absolute path of a socket's folder (PostgreSQL) or file (MySQL).
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who.
    pub user: String,
    /// With which password.
    pub password: Option<Secret>,
    /// Into which database; where empty, into the server's own (`postgres`, or none).
    pub database: String,
    /// How the connection is secured.
    pub tls: Tls,
    /// The certificates to trust beside, or instead of, the system's.
    pub ca: Option<PathBuf>,
}

impl Login {
    /// From what a playbook says. `folder`: where its relative paths start.
    pub fn of(server: &Server, engine: ServerEngine, database: &str, folder: &Path) -> Result<Self, Fault> {
        let port = server.port.unwrap_or(engine.default_port());
        let tls = server.tls.unwrap_or(if is_here(&server.host) { Tls::Disable } else { Tls::VerifyFull });
        let place = place(&server.host, port);
        let password = server.password.as_ref().map(|from| read(from, folder, &place)).transpose()?;
        Ok(Self {
            engine,
            host: server.host.clone(),
            port,
            user: server.user.clone().or_else(system_user).unwrap_or_else(|| "firedrill".to_owned()),
            password,
            database: database.to_owned(),
            tls,
            ca: server.ca.as_ref().map(|ca| folder.join(ca)),
        })
    }

    /// What a restore step gives so that checks find the database. No password.
    pub fn outputs(&self) -> Outputs {
        let mut outputs: Outputs = [
            ("engine", self.engine.word().to_owned()),
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("endpoint", place(&self.host, self.port)),
            ("database", self.database.clone()),
            ("user", self.user.clone()),
            ("tls", self.tls.word().to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        if let Some(ca) = &self.ca {
            outputs.insert("ca".to_owned(), ca.display().to_string());
        }
        outputs
    }

    /// `host:port`, or the socket's path.
    pub fn place(&self) -> String {
        place(&self.host, self.port)
    }

    /// The same server and user, another database.
    pub fn on(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }
}

fn place(host: &str, port: u16) -> String {
    if host.starts_with('/') {
        host.to_owned()
    } else if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Whether a host is a socket's path.
pub(super) fn is_socket(host: &str) -> bool {
    host.starts_with('/')
}

/// Whether a host is this machine: a socket, or loopback.
pub fn is_here(host: &str) -> bool {
    host.starts_with('/')
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn system_user() -> Option<String> {
    std::env::var("USER").ok().filter(|user| !user.is_empty())
}

/// Reads a password from where it is.
pub fn read(from: &Password, folder: &Path, place: &str) -> Result<Secret, Fault> {
    let refused = |what: String| Fault::new(FaultClass::Refused, what);
    match from {
        Password::Env(name) => std::env::var(name).map(Secret::new).map_err(|_| {
            refused(format!(
                "the password for {place} is to come from the environment variable {name}, which is not set (or is not UTF-8 text)"
            ))
        }),
        Password::File(path) => {
            let path = folder.join(path);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                refused(format!("the password for {place} can't be read from {}: {error}", path.display()))
            })?;
            Ok(Secret::new(text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line))))
        }
        Password::Reset | Password::SecretsManager(_) | Password::Iam => Err(refused(format!(
            "the password for {place} must come from {{ env: NAME }} or {{ file: PATH }}: this server is not one that AWS manages"
        ))),
    }
}
