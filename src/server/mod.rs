//! Sessions on PostgreSQL, MySQL and MariaDB servers: one way to log in, to ask, and to say what went wrong.
//!
//! ```text
//!   playbook Server ──> Login ──> postgres::connect / mysql::connect ──> a connection
//!   outputs of a step ──┘              errors ──> explain ──> a Fault that says what to do
//! ```
//!
//! Verification and the dump sources use the same sessions. What firedrill asks for itself comes as text: each column
//! is cast in SQL, so that no type of a server is unknown to it.

mod faults;
mod login;
mod managed;
pub mod mysql;
pub mod postgres;

pub use faults::blames_password;
pub use login::{Login, Secret, is_here, read as read_password};
pub use managed::{Credentials, ManagedAsk, ManagedLogins, connect};

use crate::drill::Fault;
use async_trait::async_trait;

/// A row, each column as text; none: NULL.
pub type Row = Vec<Option<String>>;

/// What can be asked of a server's connection.
#[async_trait]
pub trait Ask: Send {
    /// Runs one statement whose columns are all text, its parameters bound as text.
    async fn rows(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<Row>, Fault>;

    /// Runs one statement for its effect.
    async fn run(&mut self, sql: &str) -> Result<(), Fault>;

    /// One value, or none where there is no row or it is NULL.
    async fn value(&mut self, sql: &str, parameters: &[&str]) -> Result<Option<String>, Fault> {
        Ok(self
            .rows(sql, parameters)
            .await?
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }
}
