//! Dumps of PostgreSQL, MySQL and MariaDB: where they are, the scratch server that they are restored on, and the
//! database that they are of.

use super::{
    model::{Restore, Source, SourceKind},
    restores::{Files, common, files},
    secrets,
    servers::{DumpSource, Extensions, LiveDatabase, Roles, Server, ServerEngine, Tls, is_here},
    values,
};
use crate::document::{
    read::{Fields, Read, Reader},
    words,
};
use serde_json::json;
use std::path::PathBuf;

/// A dump that `pg_restore` or `psql` restores.
pub(super) fn postgres_dump(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a postgres_dump restore", |m| {
        let files = files(
            m,
            "A dump, a folder of dumps or a glob: custom, directory, tar or plain; .gz or .zst too.",
            "the moment within the dump, or its modification time",
        );
        let jobs = m.opt("jobs", "How many tables are restored at the same time; 2 where left out.", |r| {
            r.integer(1, 64).and_then(|jobs| u32::try_from(jobs).ok())
        });
        let roles = m.opt("roles", "Owners and grants: kept, created or skipped (as left out).", |r| {
            r.word(&[("keep", Roles::Keep), ("create", Roles::Create), ("skip", Roles::Skip)])
        });
        let extensions = m.opt("extensions", "Extensions: created (as left out) or skipped.", |r| {
            r.word(&[("create", Extensions::Create), ("skip", Extensions::Skip)])
        });
        let tuning = (jobs, roles.unwrap_or_default(), extensions.unwrap_or_default());
        rest(m, ServerEngine::Postgres, files, tuning)
    })
}

/// A dump that `mysql` or `mariadb` restores.
pub(super) fn mysql_dump(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a mysql_dump restore", |m| {
        let files = files(
            m,
            "A dump, a folder of dumps or a glob; plain, .gz or .zst.",
            "the moment within the dump, or its modification time",
        );
        m.elsewhere(&["jobs"], "is for PostgreSQL: a MySQL dump is one stream of statements", "leave it out");
        m.elsewhere(
            &["roles", "extensions"],
            "is for PostgreSQL: a MySQL dump of a database holds none",
            "leave it out",
        );
        rest(m, ServerEngine::Mysql, files, Default::default())
    })
}

/// The live database of a source that says which kind of server it is on.
pub(super) fn live_of_engine(r: &mut Reader<'_>) -> Option<(ServerEngine, LiveDatabase)> {
    r.fields("the live database", |m| {
        let engine = m.need("engine", "The kind of server; `mysql` is MariaDB too.", |r| {
            r.word(&[("postgres", ServerEngine::Postgres), ("mysql", ServerEngine::Mysql)])
        });
        let read = engine.unwrap_or(ServerEngine::Postgres);
        let server = server(m, read, secrets::server_password, values::path);
        let database = m.need("database", "The database that the backups are of.", database);
        Some((engine?, LiveDatabase { server: server?, database: database? }))
    })
}

/// What both have.
fn rest(
    m: &mut Fields<'_, '_>,
    engine: ServerEngine,
    files: Files,
    (jobs, roles, extensions): (Option<u32>, Roles, Extensions),
) -> Option<Restore> {
    let into =
        m.opt("into", "The scratch server; may be left out where the operator allows only one.", |r| {
            r.fields("the scratch server", |m| server(m, engine, secrets::server_password, values::path))
        });
    let live = m.opt("live", "The database that the dumps are of, for baselines. Only read.", |r| {
        r.fields("the live database", |m| {
            let server = server(m, engine, secrets::server_password, values::path);
            let database = m.need("database", "The database that the dumps are of.", database);
            Some(LiveDatabase { server: server?, database: database? })
        })
    });
    let kind = match engine {
        ServerEngine::Postgres => SourceKind::PostgresDump,
        ServerEngine::Mysql => SourceKind::MysqlDump,
    };
    let common = common(m, kind);
    if let (Some(into), Some(live)) = (&into, &live) {
        let (scratch, source) = (into.address(engine), live.server.address(engine));
        if scratch.may_be(&source) {
            let message = match scratch == source {
                true => format!("{source} is the live server and the scratch server"),
                false => format!("the live server {source} and the scratch server {scratch} are one"),
            };
            m.error(
                "live",
                message,
                "restore into another server: nothing is made or removed next to live data",
            );
        }
    }
    let Files { backup, timestamp, timezone } = files;
    let source = Source::Dump(DumpSource {
        engine,
        backup: backup?,
        timestamp,
        timezone,
        jobs,
        roles,
        extensions,
        into,
        live,
    });
    Some(Restore { recovery_point: common.recovery_point, max_age: common.max_age, source })
}

/// Reads the keys of a server. Where secrets and certificates may lie differs between a playbook and the configuration.
pub(crate) fn server(
    m: &mut Fields<'_, '_>,
    engine: ServerEngine,
    password: Read<super::Password>,
    certificates: Read<PathBuf>,
) -> Option<Server> {
    let socket = match engine {
        ServerEngine::Postgres => "the folder of its socket",
        ServerEngine::Mysql => "its socket",
    };
    let host = m.need("host", &format!("Its host name or address, or {socket}."), host);
    let port = m.opt("port", &format!("Its port; {} where left out.", engine.default_port()), |r| {
        r.integer(1, 65_535).and_then(|port| u16::try_from(port).ok())
    });
    let user = m.opt("user", "Who logs in.", values::words_of);
    let password = m.opt("password", "Where the password comes from.", password);
    let tls = m.opt(
        "tls",
        "How the connection is secured; none to this machine, `verify-full` to others where left out.",
        tls,
    );
    let ca = m.opt(
        "ca",
        "The certificates of the authorities to trust; the system's where left out.",
        certificates,
    );
    m.elsewhere(&["sslmode"], "is called `tls` here", "write `tls`, with the same words");
    // What is wrong already is not judged by what it would mean.
    if let Some(host) = host.as_ref().filter(|_| tls.is_some() || !m.has("tls") && !m.has("sslmode")) {
        secured(m, host, tls);
    }
    Some(Server { host: host?, port, user, password, tls, ca })
}

/// Keys that would secure nothing are a false comfort.
fn secured(m: &mut Fields<'_, '_>, host: &str, tls: Option<Tls>) {
    if host.starts_with('/') && tls.is_some_and(|tls| tls != Tls::Disable) {
        m.error("tls", "there is no TLS on a socket", "leave `tls` out, or give the server's host name");
        return;
    }
    let unused = match tls {
        Some(Tls::Disable) => Some("there is no TLS"),
        Some(Tls::Require) => Some("`require` does not look at the certificate"),
        None if is_here(host) => Some("without `tls`, a connection to this machine has none"),
        _ => None,
    };
    if let Some(why) = unused.filter(|_| m.has("ca")) {
        m.error(
            "ca",
            format!("nothing is checked against `ca`: {why}"),
            "use `tls: verify-full` or `verify-ca`, or leave `ca` out",
        );
    }
}

/// How a connection is secured.
pub(super) fn tls(r: &mut Reader<'_>) -> Option<Tls> {
    r.word(&[
        ("disable", Tls::Disable),
        ("require", Tls::Require),
        ("verify-ca", Tls::VerifyCa),
        ("verify-full", Tls::VerifyFull),
    ])
}

/// A host name, an address, or the absolute path of a socket. What may hold a password is not shown.
fn host(r: &mut Reader<'_>) -> Option<String> {
    let mut hide = false;
    let host = r.parsed(json!({ "type": "string", "minLength": 1 }), "a host", |text| {
        hide = text.contains("://") || text.contains('@');
        host_of(text).map_err(|help| match hide {
            true => ("this is not a host".to_owned(), help),
            false => (format!("{} is not a host", words::quoted(text)), help),
        })
    });
    if hide && host.is_none() {
        r.hide();
    }
    host
}

/// The host, or what to write instead.
pub(crate) fn host_of(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.chars().any(char::is_control) {
        let path = text.trim_end_matches('/');
        return match path.is_empty() {
            true => Err("give the path of the socket, such as /run/postgresql".to_owned()),
            false => Ok(path.to_owned()),
        };
    }
    if text.contains("://") || text.contains('@') {
        return Err("give `host`, `port`, `user` and `password` as keys of their own".to_owned());
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(bare) = bare.filter(|bare| bare.parse::<std::net::IpAddr>().is_ok()) {
        return Err(format!("did you mean `{bare}`?"));
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && port.parse::<u16>().is_ok()
        && host_of(host.trim_matches(['[', ']'])).is_ok()
    {
        return Err(format!("give the port as a key of its own: `port: {port}`"));
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label) {
        true => Ok(text.to_owned()),
        false => Err("give a host name, an address, or the absolute path of a socket".to_owned()),
    }
}

/// The name of a database.
fn database(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "minLength": 1 }), "a database", |text| {
        if !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control) {
            return Ok(text.to_owned());
        }
        Err((
            format!("{} can't be a database", words::quoted(text)),
            "give its name, such as `orders`".to_owned(),
        ))
    })
}
