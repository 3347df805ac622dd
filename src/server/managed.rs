//! Logging in to databases that someone else runs, such as RDS: the password comes from there.

use super::{Ask, Login, Secret, mysql, postgres};
use crate::{
    drill::{Fault, Outputs},
    ids::RunId,
    playbook::{Password, ServerEngine},
    time::Period,
};
use async_trait::async_trait;

/// Who asks for which password.
#[derive(Debug, Clone, Copy)]
pub struct ManagedAsk<'a> {
    /// The run: nothing but its own databases is given a new password.
    pub run: RunId,
    /// Where the password comes from.
    pub from: &'a Password,
    /// Where and as whom the login will be, still without a password.
    pub login: &'a Login,
    /// What the restore step gave.
    pub given: &'a Outputs,
}

/// How to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, where the source of the password names one.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
    /// What was done to get it, for the evidence.
    pub note: Option<String>,
}

/// Gets passwords of databases that are managed.
#[async_trait]
pub trait ManagedLogins: Send + Sync {
    /// The password. It lives in memory only.
    async fn credentials(&self, ask: &ManagedAsk<'_>) -> Result<Credentials, Fault>;
}

/// Logs in, whatever the kind of server.
pub async fn connect(login: &Login, patience: Period) -> Result<Box<dyn Ask>, Fault> {
    match login.engine {
        ServerEngine::Postgres => Ok(Box::new(postgres::connect(login, patience).await?)),
        ServerEngine::Mysql => Ok(Box::new(mysql::connect(login, patience).await?)),
    }
}
