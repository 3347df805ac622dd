//! What a server's catalog proves, on every version there is.

mod mysql;
mod postgres;
mod postgres_checks;

use firedrill::{
    playbook::ServerEngine,
    server::Ask,
    verify::{
        SchemaSnapshot,
        catalog::{self, Findings},
    },
};

fn quiet(_: u64, _: Option<u64>) {}

async fn snapshot(ask: &mut dyn Ask, engine: ServerEngine) -> SchemaSnapshot {
    catalog::snapshot(ask, engine, true, &[]).await.expect("a snapshot")
}

async fn integrity(ask: &mut dyn Ask, engine: ServerEngine, allow_create: bool) -> Findings {
    catalog::integrity(ask, engine, allow_create, &quiet).await.expect("integrity")
}

async fn sequences(ask: &mut dyn Ask, engine: ServerEngine) -> Findings {
    catalog::sequences(ask, engine, &quiet).await.expect("sequences")
}

async fn references(ask: &mut dyn Ask, engine: ServerEngine, redact: bool) -> Findings {
    catalog::references(ask, engine, redact, &quiet).await.expect("references")
}
