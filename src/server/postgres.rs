//! Logging in to PostgreSQL, and what its errors mean.

use super::{Ask, Login, Row, faults, login::is_socket};
use crate::{
    drill::{Fault, FaultClass},
    playbook::Tls,
    time::Period,
};
use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _,
    postgres::{PgConnectOptions, PgConnection, PgSslMode},
};

/// A connection to PostgreSQL.
#[derive(Debug)]
pub struct PostgresAsk {
    connection: PgConnection,
    place: String,
}

/// Logs in. A server that is starting or recovering is waited for, at most for `patience`.
pub async fn connect(login: &Login, patience: Period) -> Result<PostgresAsk, Fault> {
    let options = options(login)?;
    let place = login.place();
    let attempt = || async {
        let connecting = tokio::time::timeout(faults::CONNECT_TIMEOUT.to_std(), options.connect());
        match connecting.await {
            Ok(Ok(connection)) => Ok(PostgresAsk { connection, place: place.clone() }),
            Ok(Err(error)) => Err(explain_login(&error, login)),
            Err(_) => Err(faults::no_answer(&place)),
        }
    };
    faults::with_patience(patience, attempt).await
}

fn options(login: &Login) -> Result<PgConnectOptions, Fault> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(login.port)
        .username(&login.user)
        .database(if login.database.is_empty() { "postgres" } else { &login.database })
        .application_name("firedrill")
        .statement_cache_capacity(0)
        .ssl_mode(match login.tls {
            Tls::Disable => PgSslMode::Disable,
            Tls::Require => PgSslMode::Require,
            Tls::VerifyCa => PgSslMode::VerifyCa,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        })
        .disable_statement_logging();
    options = if is_socket(&login.host) { options.socket(&login.host) } else { options.host(&login.host) };
    if let Some(password) = &login.password {
        options = options.password(password.reveal());
    }
    if let Some(ca) = &login.ca {
        let pem = std::fs::read(ca).map_err(|error| faults::unreadable_ca(ca, &error))?;
        options = options.ssl_root_cert_from_pem(pem);
    }
    Ok(options)
}

impl PostgresAsk {
    /// The connection itself.
    pub fn inner(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// `host:port`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The server's version as one number, such as 150018.
    pub async fn version(&mut self) -> Result<u32, Fault> {
        let version = self.value("select current_setting('server_version_num')", &[]).await?;
        Ok(version.and_then(|version| version.parse().ok()).unwrap_or(0))
    }

    /// Ends it.
    pub async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a connection");
        }
    }
}

#[async_trait]
impl Ask for PostgresAsk {
    async fn rows(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<Row>, Fault> {
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for parameter in parameters {
            query = query.bind(*parameter);
        }
        let rows = query.fetch_all(&mut self.connection).await.map_err(|error| explain(&error))?;
        let texts = rows.iter().map(|row| {
            (0..row.len()).map(|column| row.try_get::<Option<String>, _>(column)).collect::<Result<Row, _>>()
        });
        texts.collect::<Result<Vec<Row>, _>>().map_err(|error| explain(&error))
    }

    async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(|error| explain(&error))?;
        Ok(())
    }
}

/// What an error of a statement means. Messages about data (SQLSTATE classes 22 and 23) may quote it: what stands in
/// quotes is left out.
pub fn explain(error: &sqlx::Error) -> Fault {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Fault::new(FaultClass::Transient, format!("the connection to PostgreSQL broke: {error}"))
            }
            _ => Fault::new(FaultClass::Permanent, format!("PostgreSQL's answer can't be read: {error}")),
        };
    };
    let code = database.code().unwrap_or_default().into_owned();
    let message = faults::without_data(database.message(), code.starts_with("22") || code.starts_with("23"));
    let fault = |class, message: String| Fault::new(class, message);
    match code.as_str() {
        "57014" => fault(FaultClass::Timeout, format!("the statement was stopped: {message}")),
        "55P03" => fault(FaultClass::Transient, format!("a lock could not be had: {message}")),
        "57P01" | "57P02" | "57P03" | "40001" | "40P01" => {
            fault(FaultClass::Transient, format!("PostgreSQL says: {message}"))
        }
        "25006" => fault(FaultClass::Permanent, format!("a check only reads: {message}")),
        "42501" => fault(
            FaultClass::Permanent,
            format!(
                "PostgreSQL says: {message}; grant the user what it lacks, for instance the role pg_read_all_data"
            ),
        ),
        _ if code.starts_with("53") || code.starts_with("58") => {
            fault(FaultClass::Surroundings, format!("PostgreSQL says: {message} ({code})"))
        }
        _ => fault(FaultClass::Permanent, format!("PostgreSQL says: {message} ({code})")),
    }
}

/// Whether an error tells that stored data are damaged (SQLSTATE XX001, XX002).
pub fn is_damage(error: &sqlx::Error) -> Option<String> {
    let database = error.as_database_error()?;
    let code = database.code()?;
    matches!(code.as_ref(), "XX001" | "XX002").then(|| database.message().to_owned())
}

fn explain_login(error: &sqlx::Error, login: &Login) -> Fault {
    let place = login.place();
    let Some(database) = error.as_database_error() else { return faults::of_connecting(error, login) };
    let message = database.message();
    let surroundings = |help: String| {
        Fault::new(FaultClass::Surroundings, format!("PostgreSQL at {place} says: {message}; {help}"))
    };
    match database.code().as_deref().unwrap_or_default() {
        "57P03" => Fault::new(
            FaultClass::Transient,
            format!("PostgreSQL at {place} is up, but does not take connections yet: {message}"),
        ),
        "28P01" => surroundings(format!(
            "{} {}; one that was just set on a cloud instance takes minutes to work",
            faults::CHECK_PASSWORD,
            login.user
        )),
        "28000" if message.contains("no encryption") || message.contains("SSL off") => {
            surroundings("the server wants TLS: set `tls: verify-full` (and `ca`)".to_owned())
        }
        "28000" => surroundings(format!(
            "pg_hba.conf must let {} in from this machine, into the database {}",
            login.user,
            if login.database.is_empty() { "postgres" } else { &login.database }
        )),
        "3D000" => surroundings("check the database's name".to_owned()),
        "53300" => Fault::new(
            FaultClass::Transient,
            format!(
                "PostgreSQL at {place} has no connection to spare: {message}; raise max_connections or ask for fewer connections"
            ),
        ),
        code => surroundings(format!("SQLSTATE {code}")),
    }
}
