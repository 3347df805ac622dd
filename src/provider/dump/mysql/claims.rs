//! The claim of a restore on MySQL or MariaDB.

use super::{
    databases::{self, Found, LONGEST_NAME},
    restore,
};
use crate::{
    drill::{Claim, Fault, FaultClass, Hydration},
    ids::ClaimId,
    playbook::DumpSource,
    ports::{AcquireRequest, Observation, Receipts, Tick},
    process::Runner,
    provider::{
        backup_file::Identity,
        dump::{
            DATABASE,
            marker::Marker,
            servers::{Servers, Target},
            work::{Work, look},
        },
    },
    server::Ask,
};
use std::path::Path;

/// The longest name of a scratch database here.
pub(in super::super) const MOST: usize = LONGEST_NAME;

/// Makes the claim, or finds it made.
pub(in super::super) async fn acquire(
    servers: &Servers,
    runner: &Runner,
    source: &DumpSource,
    ask: &AcquireRequest<'_>,
) -> Result<Receipts, Fault> {
    let target = servers.cleared(ask.claim)?;
    let mut server = target.connect().await?;
    let backup = Path::new(&ask.point.id);
    if let Found::Ours(marker) = databases::look(server.as_mut(), ask.claim).await? {
        if let Some(receipts) = marker.restored {
            return Ok(receipts);
        }
        // Half of a restore is worth nothing, and can't be gone on with.
        databases::remove(server.as_mut(), ask.claim).await?;
    }
    let dump = look(backup, source.engine).await?;
    let about = restore::About::of(server.as_mut()).await?;
    databases::make(server.as_mut(), ask.claim).await?;
    // A session that does nothing for hours would be cut by the first firewall.
    drop(server);
    let step = ask.restore.step;
    let file = backup.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let progress = move |done, total, unit| {
        ask.progress.tick(Tick {
            step: step.clone(),
            what: DATABASE.to_owned(),
            done: Some(done),
            total: Some(total),
            unit,
            note: format!("restoring {file}"),
        });
    };
    let work = Work {
        runner,
        tools: servers.tools(source.engine),
        login: &target.login.on(&ask.claim.link.name),
        source,
        backup,
        listed: Identity::listed(&ask.point.details),
        progress: &progress,
    };
    let receipts = restore::restore(&work, &dump, &about).await?;
    finish(&target, ask.claim, &receipts).await?;
    Ok(receipts)
}

/// The restore is complete only once the database says so.
async fn finish(target: &Target, claim: &Claim, receipts: &Receipts) -> Result<(), Fault> {
    let mut server = target.connect().await?;
    match databases::look(server.as_mut(), claim).await? {
        Found::Ours(marker) => {
            let done = Marker { restored: Some(receipts.clone()), ..*marker };
            databases::finish(server.as_mut(), claim, &done).await
        }
        _ => Err(Fault::new(
            FaultClass::Permanent,
            format!("the database {} is not there any more, or no longer bears its marker", claim.link.name),
        )),
    }
}

/// How the claims of one server are.
pub(in super::super) async fn observe(
    target: &Target,
    server: &mut dyn Ask,
    claims: &[&Claim],
) -> Result<Vec<(ClaimId, Observation)>, Fault> {
    let names: Vec<&str> = claims.iter().map(|claim| claim.link.name.as_str()).collect();
    let there = databases::list(server, &names).await?;
    let mut seen = Vec::with_capacity(claims.len());
    for claim in claims {
        let name = &claim.link.name;
        let pending = |note: &str| Observation::Pending { progress: None, note: note.to_owned() };
        if !there.contains(name) {
            let proof =
                format!("information_schema.schemata of {} does not list {name}", target.login.place());
            seen.push((claim.id.clone(), Observation::Absent { proof }));
            continue;
        }
        let observation = match databases::inside(server, claim).await {
            Err(fault) => Observation::Unknown(fault),
            Ok(Found::Absent) => pending("it goes at this moment"),
            Ok(Found::Foreign(reason)) => Observation::Broken { reason },
            Ok(Found::Making) => pending("the database is being made"),
            Ok(Found::Ours(marker)) if marker.restored.is_none() => pending("the dump is being restored"),
            Ok(Found::Ours(_)) => ready(target, server, claim).await?,
        };
        seen.push((claim.id.clone(), observation));
    }
    Ok(seen)
}

async fn ready(target: &Target, server: &mut dyn Ask, claim: &Claim) -> Result<Observation, Fault> {
    let name = &claim.link.name;
    let bytes = server
        .value(
            "select cast(sum(data_length + index_length) as char) from information_schema.tables where table_schema = ?",
            &[name],
        )
        .await?;
    let version = server.value("select cast(version() as char)", &[]).await?;
    let mut outputs = target.login.on(name).outputs();
    outputs.extend(bytes.map(|bytes| ("bytes".to_owned(), bytes)));
    outputs.extend(version.map(|version| ("server_version".to_owned(), version)));
    let backup = claim.link.params.get("backup_id");
    outputs.extend(backup.map(|backup| ("backup_id".to_owned(), backup.clone())));
    Ok(Observation::Ready { outputs, hydration: Hydration::Complete })
}

/// Removes a claim.
pub(in super::super) async fn release(servers: &Servers, claim: &Claim) -> Result<Receipts, Fault> {
    let target = servers.cleared(claim)?;
    let mut server = target.connect().await?;
    let dropped = databases::remove(server.as_mut(), claim).await?;
    Ok(vec![dropped.unwrap_or_else(|| format!("there is no database {}", claim.link.name))])
}
