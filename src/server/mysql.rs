//! Logging in to MySQL and MariaDB, and what their errors mean.
//!
//! A password of `caching_sha2_password` (MySQL's default) is asked for in full when the server does not remember it.
//! The driver sends it over TLS only: on this machine, where `tls` may be off, the connection is then made once more with TLS.

use super::{
    Ask, Login, Row,
    faults::{self, CHECK_PASSWORD},
    is_here,
    login::is_socket,
};
use crate::{
    drill::{Fault, FaultClass},
    playbook::Tls,
    time::Period,
};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Decode, Executor, MySql, Row as _, TypeInfo, ValueRef,
    mysql::{
        MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode, MySqlValueRef,
    },
};

/// A connection to MySQL or MariaDB.
#[derive(Debug)]
pub struct MysqlAsk {
    connection: MySqlConnection,
    place: String,
}

/// Logs in. A server that is starting is waited for, at most for `patience`.
pub async fn connect(login: &Login, patience: Period) -> Result<MysqlAsk, Fault> {
    let options = options(login)?;
    let place = login.place();
    let attempt = || async {
        let limit = faults::CONNECT_TIMEOUT.to_std();
        let mut connecting = tokio::time::timeout(limit, options.connect()).await;
        if let Ok(Err(error)) = &connecting
            && wants_tls_for_password(error)
            && login.tls == Tls::Disable
            && is_here(&login.host)
        {
            let secured = options.clone().ssl_mode(MySqlSslMode::Required);
            connecting = tokio::time::timeout(limit, secured.connect()).await;
        }
        match connecting {
            Ok(Ok(connection)) => Ok(MysqlAsk { connection, place: place.clone() }),
            Ok(Err(error)) => Err(explain_login(&error, login)),
            Err(_) => Err(faults::no_answer(&place)),
        }
    };
    faults::with_patience(patience, attempt).await
}

fn options(login: &Login) -> Result<MySqlConnectOptions, Fault> {
    let mut options = MySqlConnectOptions::new()
        .port(login.port)
        .username(&login.user)
        .statement_cache_capacity(0)
        // The session's modes are set by those who use it, and in full.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .ssl_mode(match login.tls {
            Tls::Disable => MySqlSslMode::Disabled,
            Tls::Require => MySqlSslMode::Required,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
        .disable_statement_logging();
    options = if is_socket(&login.host) { options.socket(&login.host) } else { options.host(&login.host) };
    if !login.database.is_empty() {
        options = options.database(&login.database);
    }
    if let Some(password) = &login.password {
        options = options.password(password.reveal());
    }
    if let Some(ca) = &login.ca {
        let pem = std::fs::read(ca).map_err(|error| faults::unreadable_ca(ca, &error))?;
        options = options.ssl_ca_from_pem(pem);
    }
    Ok(options)
}

impl MysqlAsk {
    /// The connection itself.
    pub fn inner(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    /// `host:port`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Ends it.
    pub async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a connection");
        }
    }
}

#[async_trait]
impl Ask for MysqlAsk {
    async fn rows(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        if parameters.is_empty() {
            // Not prepared: everything comes as text, and statements that can't be prepared work too.
            let mut fetched = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection);
            while let Some(row) = fetched.try_next().await.map_err(|error| explain(&error))? {
                rows.push(texts(&row).map_err(|error| explain(&error))?);
            }
            return Ok(rows);
        }
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for parameter in parameters {
            query = query.bind(*parameter);
        }
        let mut fetched = query.fetch(&mut self.connection);
        while let Some(row) = fetched.try_next().await.map_err(|error| explain(&error))? {
            rows.push(texts(&row).map_err(|error| explain(&error))?);
        }
        Ok(rows)
    }

    async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(|error| explain(&error))?;
        Ok(())
    }
}

fn texts(row: &MySqlRow) -> Result<Row, sqlx::Error> {
    (0..row.len()).map(|column| text(row.try_get_raw(column)?)).collect()
}

/// A column that is text, or a count.
fn text(raw: MySqlValueRef<'_>) -> Result<Option<String>, sqlx::Error> {
    let kind = raw.type_info().into_owned();
    let number = matches!(kind.name(), "BIGINT" | "BIGINT UNSIGNED" | "INT" | "INT UNSIGNED");
    if raw.is_null() {
        return Ok(None);
    }
    if number {
        let unsigned = kind.name().ends_with("UNSIGNED");
        let number = match unsigned {
            true => <u64 as Decode<'_, MySql>>::decode(raw).map(|number| number.to_string()),
            false => <i64 as Decode<'_, MySql>>::decode(raw).map(|number| number.to_string()),
        };
        return number.map(Some).map_err(sqlx::Error::Decode);
    }
    let bytes = <&[u8] as Decode<'_, MySql>>::decode(raw).map_err(sqlx::Error::Decode)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

/// The number of an error that the server sent.
pub fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// Errors whose quotes hold names of the statement or the schema, never data.
const WITHOUT_DATA: [u16; 24] = [
    1044, 1046, 1049, 1051, 1052, 1054, 1055, 1056, 1060, 1064, 1109, 1140, 1142, 1143, 1146, 1193, 1222,
    1227, 1248, 1305, 1317, 1356, 1370, 1792,
];

/// What an error of a statement means. A message that may quote data is shown without what stands in quotes.
pub fn explain(error: &sqlx::Error) -> Fault {
    let Some(number) = number(error) else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Fault::new(FaultClass::Transient, format!("the connection to MySQL broke: {error}"))
            }
            _ => Fault::new(FaultClass::Permanent, format!("MySQL's answer can't be read: {error}")),
        };
    };
    let raw = error.as_database_error().map_or("", |database| database.message());
    let message = faults::without_data(raw, !WITHOUT_DATA.contains(&number));
    let fault = |class, message: String| Fault::new(class, message);
    match number {
        // Stopped by a limit, or by hand.
        1317 | 1969 | 3024 => fault(FaultClass::Timeout, format!("the statement was stopped: {message}")),
        1205 | 1213 | 3572 | 3058 => {
            fault(FaultClass::Transient, format!("a lock could not be had: {message}"))
        }
        1053 | 1077 | 1079 | 1080 | 1927 | 4031 => {
            fault(FaultClass::Transient, format!("MySQL ended the connection: {message}"))
        }
        1040 | 1203 | 1226 => fault(FaultClass::Transient, format!("MySQL says: {message}")),
        1792 | 1290 | 1836 => fault(FaultClass::Permanent, format!("a check only reads: {message}")),
        1044 | 1142 | 1143 | 1227 | 1356 | 1370 => fault(
            FaultClass::Permanent,
            format!("MySQL says: {message}; grant the user what it lacks (checks need SELECT and SHOW VIEW)"),
        ),
        1021 | 1037 | 1038 | 1041 | 1114 | 3 | 28 => {
            fault(FaultClass::Surroundings, format!("MySQL says: {message} (error {number})"))
        }
        1153 => fault(
            FaultClass::Permanent,
            format!("MySQL says: {message}; raise max_allowed_packet on the server"),
        ),
        _ => fault(FaultClass::Permanent, format!("MySQL says: {message} (error {number})")),
    }
}

/// Whether an error tells that stored data are damaged: marked as crashed, a key file or index that is corrupt, a page that
/// can't be read, a table whose file is gone.
pub fn is_damage(error: &sqlx::Error) -> Option<String> {
    let code = number(error)?;
    let message = error.as_database_error()?.message();
    let engine = |codes: &[&str]| codes.iter().any(|code| message.contains(code));
    let damaged = match code {
        1034 | 1035 | 1194 | 1195 | 1459 | 1712 | 1812 | 1877 | 1932 => true,
        // "Got error N from storage engine": HA_ERR_WRONG_INDEX, CRASHED, INDEX_CORRUPT, TABLE_CORRUPT, decryption and the like.
        1030 => engine(&[" 124", " 126", " 127", " 134", " 144", " 145", " 175", " 180", " 192", " 194"]),
        1296 => message.contains("corrupt"),
        _ => false,
    };
    damaged.then(|| faults::without_data(message, false))
}

fn wants_tls_for_password(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(why) if why.to_string().contains("RSA"))
}

fn explain_login(error: &sqlx::Error, login: &Login) -> Fault {
    let place = login.place();
    let user = &login.user;
    let surroundings = |text: String| Fault::new(FaultClass::Surroundings, text);
    if wants_tls_for_password(error) {
        return surroundings(format!(
            "{place} wants the password of {user} over TLS (caching_sha2_password or sha256_password): set `tls: verify-full` and `ca`"
        ));
    }
    let Some(number) = number(error) else {
        return match error {
            sqlx::Error::Protocol(text) if text.contains("unknown authentication plugin") => {
                let plugin = text.rsplit(' ').next().unwrap_or_default();
                surroundings(format!(
                    "{place} wants {user} to log in by {plugin}, which firedrill does not speak: \
                     give it a user with caching_sha2_password (over TLS), or on MariaDB mysql_native_password"
                ))
            }
            sqlx::Error::Protocol(text) if text.contains("unexpected packet") => surroundings(format!(
                "{place} wants a password for {user}, and none is given: set `password`"
            )),
            // What a host that blocks, or a proxy without a server behind it, sends before any handshake.
            sqlx::Error::Protocol(_) => Fault::new(
                FaultClass::Transient,
                format!("what answers at {place} does not speak as MySQL does: {error}; check the port"),
            ),
            _ => faults::of_connecting(error, login),
        };
    };
    let raw = error.as_database_error().map_or("", |database| database.message());
    let message = raw.lines().next().unwrap_or_default();
    let says = |help: String| surroundings(format!("MySQL at {place} says: {message}; {help}"));
    match number {
        1045 | 1698 => says(match login.tls {
            Tls::Disable => format!(
                "{CHECK_PASSWORD} {user}, and that {user} may come from this host; an account that requires TLS is refused in the same words: \
                 then set `tls: verify-full`; a password that was just set on a cloud instance takes minutes to work"
            ),
            _ => format!(
                "{CHECK_PASSWORD} {user}, and that {user} may come from this host; \
                 a password that was just set on a cloud instance takes minutes to work"
            ),
        }),
        1044 => says(format!("grant {user} what it needs in that database, or check the database's name")),
        1049 => says("check the database's name".to_owned()),
        1130 => says(format!("an account of {user} must exist for this host: create user '{user}'@'…'")),
        1129 => says("on the server: FLUSH HOSTS (truncate performance_schema.host_cache)".to_owned()),
        3159 | 4162 => says("set `tls: verify-full` (and `ca`)".to_owned()),
        1251 | 2059 => says(
            "the account's authentication plugin is not one that firedrill speaks: caching_sha2_password over TLS is"
                .to_owned(),
        ),
        1820 | 1862 => says(format!("set a new password for {user}")),
        3118 | 3955 | 4151 => says(format!("unlock {user}: alter user … account unlock")),
        1040 | 1203 | 1226 => Fault::new(
            FaultClass::Transient,
            format!(
                "MySQL at {place} has no connection to spare: {message}; raise max_connections (or the account's limit)"
            ),
        ),
        1053 | 1077 | 1079 | 1080 | 3032 | 3168 => Fault::new(
            FaultClass::Transient,
            format!("MySQL at {place} is up, but does not take connections yet: {message}"),
        ),
        code => says(format!("error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn login(tls: Tls) -> Login {
        Login {
            engine: crate::playbook::ServerEngine::Mysql,
            host: "db.internal".into(),
            port: 3306,
            user: "drill".into(),
            password: None,
            database: String::new(),
            tls,
            ca: None,
        }
    }

    fn words(error: &sqlx::Error, tls: Tls) -> (FaultClass, String) {
        let fault = explain_login(error, &login(tls));
        (fault.class, fault.message)
    }

    #[test]
    fn a_password_that_needs_tls_says_so() {
        let error = sqlx::Error::Configuration("RSA auth backend disabled; enable feature".into());
        let (class, message) = words(&error, Tls::Disable);
        assert_eq!(class, FaultClass::Surroundings);
        assert!(message.contains("over TLS") && message.contains("tls: verify-full"), "{message}");
    }

    #[test]
    fn an_unknown_plugin_is_named() {
        let error = sqlx::Error::Protocol("unknown authentication plugin: client_ed25519".into());
        let (class, message) = words(&error, Tls::VerifyFull);
        assert_eq!(class, FaultClass::Surroundings);
        assert!(message.contains("by client_ed25519,"), "{message}");
    }

    #[test]
    fn a_server_that_is_not_up_yet_is_worth_waiting_for() {
        let error = sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionRefused));
        let (class, message) = words(&error, Tls::Disable);
        assert_eq!(class, FaultClass::Transient);
        assert!(message.contains("db.internal:3306"), "{message}");
    }

    #[test]
    fn a_certificate_of_an_unknown_authority_asks_for_ca() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidData, tls));
        let (class, message) = words(&error, Tls::VerifyFull);
        assert_eq!(class, FaultClass::Surroundings);
        assert!(message.contains("`ca`"), "{message}");
    }
}
