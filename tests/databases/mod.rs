//! firedrill on real database servers.
//!
//! | | |
//! | --- | --- |
//! | [`soundness`] | random single mutations of rows of every type: each is seen, the rows are named, nothing else is |
//! | [`stability`] | the same rows give the same digest, whatever the version and the settings of the server |
//! | [`limits`] | a check ends at its timeout, and a baseline is of one moment while others write |
//! | [`mysql`] | logging in, queries of every type, each way to cut a table, settings that a server sets for its users |
//! | [`catalog`] | storage, schema, sequences, references |
//! | [`drills`] | whole drills by the binary, from dump to verdict |
//! | [`dumps`] | dumps restored into scratch databases, and removed |
//!
//! [`values`] holds the types with their values, [`mutations`] what can happen to a row.

mod catalog;
mod drill;
mod drills;
mod dumps;
mod limits;
mod mutations;
mod mysql;
mod report;
mod soundness;
mod stability;
mod tables;
mod values;

pub use drill::{Drill, Place};
pub use drills::words_of;

use crate::servers::{Kind, Server};
use firedrill::{
    playbook::{ServerEngine, Tls},
    server::{self, Ask, Login, Secret, postgres},
    time::Period,
};

/// About everything that PostgreSQL 13 to 18 know, in schemas `shop` and `rich`.
pub const RICH_POSTGRES: &str = include_str!("rich_postgres.sql");
/// About everything that MySQL and MariaDB both know.
pub const RICH_MYSQL: &str = include_str!("rich_mysql.sql");

/// Every server that firedrill is tried on.
pub const POSTGRES: [&str; 5] = ["13", "15", "16", "17", "18"];
pub const MYSQL: [(Kind, &str); 4] =
    [(Kind::MariaDb, "10.11"), (Kind::MariaDb, "11.8"), (Kind::MySql, "8.0"), (Kind::MySql, "9.7")];

/// Logs in as the server's superuser.
pub async fn ask(server: &Server, engine: ServerEngine, database: &str) -> Box<dyn Ask> {
    let login = Login {
        engine,
        host: server.host().to_owned(),
        port: server.port(),
        user: server.user().to_owned(),
        password: Some(Secret::new(server.password())),
        database: database.to_owned(),
        tls: Tls::Disable,
        ca: None,
    };
    let patience = Period::from_secs(20);
    match engine {
        ServerEngine::Postgres => Box::new(postgres::connect(&login, patience).await.expect("a connection")),
        ServerEngine::Mysql => {
            Box::new(server::mysql::connect(&login, patience).await.expect("a connection"))
        }
    }
}

/// A runtime for one test: servers are waited for, and cancelling needs a task of its own.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
