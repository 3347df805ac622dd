//! The catalogs of MySQL and MariaDB.

use super::{integrity, references, sequences, snapshot};
use crate::{
    databases::{MYSQL, RICH_MYSQL, ask},
    servers::{Kind, Server, shared},
};
use firedrill::{
    playbook::ServerEngine::Mysql,
    verify::catalog::{compare, digest},
};

/// The servers that are here.
fn servers() -> impl Iterator<Item = ((Kind, &'static str), &'static Server)> {
    MYSQL
        .into_iter()
        .filter(|(kind, version)| Server::wanted(*kind, version))
        .map(|(kind, version)| ((kind, version), shared(kind, version)))
}

fn rich(server: &Server) -> String {
    let database = server.fresh_database();
    server.sql(&database, RICH_MYSQL);
    database
}

#[tokio::test]
async fn the_same_schema_has_the_same_snapshot_on_every_version() {
    let mut first = None;
    for (version, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Mysql, &database).await;
        let taken = snapshot(ask.as_mut(), Mysql).await;
        assert!(taken.objects.len() > 100, "{version:?}: {}", taken.objects.len());
        if std::env::var_os("SHOW").is_some() {
            for (name, definition) in &taken.objects {
                eprintln!("{name} | {definition}");
            }
        }
        let (_, first) = first.get_or_insert_with(|| (version, taken.clone()));
        eprintln!("{version:?} {:#?}", compare(first, &taken));
        let _ = digest(&taken);
    }
}

#[tokio::test]
async fn a_rich_database_is_sound() {
    for (version, server) in servers() {
        let database = rich(server);
        let mut ask = ask(server, Mysql, &database).await;
        let found = integrity(ask.as_mut(), Mysql, false).await;
        eprintln!("{version:?} {found:#?}");
        eprintln!("{:#?}", sequences(ask.as_mut(), Mysql).await);
        eprintln!("{:#?}", references(ask.as_mut(), Mysql, false).await);
    }
}
