//! firedrill on real database servers.

mod catalog;
mod dumps;

use crate::servers::{Kind, Server};
use firedrill::{
    playbook::{ServerEngine, Tls},
    server::{Ask, Login, Secret, mysql, postgres},
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
        ServerEngine::Mysql => Box::new(mysql::connect(&login, patience).await.expect("a connection")),
    }
}
