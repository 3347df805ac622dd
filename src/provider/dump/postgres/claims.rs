//! The two claims of a restore on PostgreSQL: `roles` where they are to be created, then `database`.

use super::{
    databases::{self, Found, LONGEST_NAME, Wanted},
    plan, restore, roles,
};
use crate::{
    drill::{Claim, Fault, FaultClass, Hydration},
    ids::ClaimId,
    playbook::{DumpSource, Roles},
    ports::{AcquireRequest, Observation, Receipts, Tick},
    process::Runner,
    provider::{
        backup_file::Identity,
        dump::{
            DATABASE, ROLES,
            format::Dump,
            marker::Marker,
            servers::{Servers, Target},
            work::{Work, look},
        },
        scratch::refused,
    },
    server::Ask,
};
use std::path::Path;

/// The longest name of a scratch database here.
pub(in super::super) const MOST: usize = LONGEST_NAME;

/// Makes a claim, or finds it made.
pub(in super::super) async fn acquire(
    servers: &Servers,
    runner: &Runner,
    source: &DumpSource,
    ask: &AcquireRequest<'_>,
) -> Result<Receipts, Fault> {
    let target = servers.cleared(ask.claim)?;
    let mut server = target.connect().await?;
    let backup = Path::new(&ask.point.id);
    let listed = Identity::listed(&ask.point.details);
    match ask.claim.link.kind.as_str() {
        ROLES => {
            let dump = look(backup, source.engine).await?;
            let wanted = restore::named(&dump, source, backup, listed).await?.roles;
            roles::make(server.as_mut(), ask.claim, &wanted).await
        }
        DATABASE => {
            if let Found::Ours(marker, _) = databases::look(server.as_mut(), ask.claim).await? {
                if let Some(receipts) = marker.restored {
                    return Ok(receipts);
                }
                // Half of a restore is worth nothing, and can't be gone on with.
                databases::remove(&target, server.as_mut(), ask.claim).await?;
            }
            let dump = look(backup, source.engine).await?;
            if source.roles == Roles::Keep {
                keepable(server.as_mut(), &dump, source, backup, listed).await?;
            }
            let wanted = Wanted { encoding: dump.toc.as_ref().and_then(plan::encoding) };
            let note = databases::make(&target, server.as_mut(), ask.claim, &wanted).await?;
            // A session that does nothing for hours would be cut by the first firewall; and it says that it is making.
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
                listed,
                progress: &progress,
            };
            let mut receipts = restore::restore(&work, &dump).await?;
            receipts.extend(note);
            finish(&target, ask.claim, &receipts).await?;
            Ok(receipts)
        }
        other => Err(refused(format!("`{other}` is no claim of a dump"))),
    }
}

/// The restore is complete only once the database says so. The session from before it may be long gone.
async fn finish(target: &Target, claim: &Claim, receipts: &Receipts) -> Result<(), Fault> {
    let mut server = target.connect().await?;
    match databases::look(server.as_mut(), claim).await? {
        Found::Ours(marker, _) => {
            let done = Marker { restored: Some(receipts.clone()), ..*marker };
            databases::mark(server.as_mut(), &claim.link.name, &done).await
        }
        _ => Err(Fault::new(
            FaultClass::Permanent,
            format!("the database {} is not there any more, or no longer bears its marker", claim.link.name),
        )),
    }
}

async fn keepable(
    server: &mut dyn Ask,
    dump: &Dump,
    source: &DumpSource,
    backup: &Path,
    listed: Option<Identity>,
) -> Result<(), Fault> {
    let named = restore::named(dump, source, backup, listed).await?;
    let missing = roles::missing(server, &named.roles).await?;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(FaultClass::Permanent, missing_roles(&missing))),
    }
}

/// What is said of roles that are not there.
pub(in super::super) fn missing_roles(missing: &[String]) -> String {
    format!(
        "the dump gives things to roles that the scratch server lacks: {}. Create them there, or say `roles: create` or `roles: skip`",
        missing.join(", ")
    )
}

/// How the claims of one server are.
pub(in super::super) async fn observe(
    target: &Target,
    server: &mut dyn Ask,
    claims: &[&Claim],
) -> Result<Vec<(ClaimId, Observation)>, Fault> {
    let of_kind =
        |kind: &str| claims.iter().copied().filter(|claim| claim.link.kind == kind).collect::<Vec<_>>();
    let mut seen = Vec::with_capacity(claims.len());
    let bases = of_kind(DATABASE);
    if !bases.is_empty() {
        let names: Vec<&str> = bases.iter().map(|claim| claim.link.name.as_str()).collect();
        let makers = databases::makers(server, &names).await?;
        let there = databases::list(server, &names).await?;
        let version = server.value("select current_setting('server_version')", &[]).await?;
        for claim in bases {
            let found = databases::judge(claim, &there, &makers);
            seen.push((claim.id.clone(), database(target, claim, found, version.as_deref())));
        }
    }
    let held = of_kind(ROLES);
    if !held.is_empty() {
        let marked = roles::marked(server).await?;
        for claim in held {
            seen.push((
                claim.id.clone(),
                roles_of(target, server, claim, &roles::held(claim, &marked)).await?,
            ));
        }
    }
    Ok(seen)
}

fn database(target: &Target, claim: &Claim, found: Found, version: Option<&str>) -> Observation {
    let pending = |note: &str| Observation::Pending { progress: None, note: note.to_owned() };
    let name = &claim.link.name;
    match found {
        Found::Absent => Observation::Absent {
            proof: format!(
                "pg_database of {} lists neither {name} nor {name}{}, and no session is making it",
                target.login.place(),
                databases::MAKING
            ),
        },
        Found::Foreign(reason) => Observation::Broken { reason },
        Found::Making(_) | Found::Underway => pending("the database is being made"),
        Found::Ours(marker, _) if marker.restored.is_none() => pending("the dump is being restored"),
        Found::Ours(_, bytes) => {
            let mut outputs = target.login.on(name).outputs();
            outputs.extend(bytes.map(|bytes| ("bytes".to_owned(), bytes.to_string())));
            outputs.extend(version.map(|version| ("server_version".to_owned(), version.to_owned())));
            let backup = claim.link.params.get("backup_id");
            outputs.extend(backup.map(|backup| ("backup_id".to_owned(), backup.clone())));
            Observation::Ready { outputs, hydration: Hydration::Complete }
        }
    }
}

async fn roles_of(
    target: &Target,
    server: &mut dyn Ask,
    claim: &Claim,
    held: &roles::Held,
) -> Result<Observation, Fault> {
    let name = &claim.link.name;
    Ok(match &held.own {
        Some(Marker { restored: Some(_), .. }) => {
            let made = held.others.join(", ");
            Observation::Ready {
                outputs: [("roles".to_owned(), made)].into(),
                hydration: Hydration::Complete,
            }
        }
        Some(_) => Observation::Pending { progress: None, note: "the roles are being made".to_owned() },
        None if !held.others.is_empty() => Observation::Broken {
            reason: format!("the roles {} bear its marker, and {name} is gone", held.others.join(", ")),
        },
        None if roles::is_there(server, name).await? => {
            Observation::Broken { reason: format!("the role {name} bears no marker of this claim") }
        }
        None => Observation::Absent {
            proof: format!(
                "pg_roles of {} lists neither {name} nor a role with its marker",
                target.login.place()
            ),
        },
    })
}

/// Removes a claim.
pub(in super::super) async fn release(servers: &Servers, claim: &Claim) -> Result<Receipts, Fault> {
    let target = servers.cleared(claim)?;
    let mut server = target.connect().await?;
    match claim.link.kind.as_str() {
        DATABASE => {
            let list = restore::list_path(&claim.link.name);
            match std::fs::remove_file(&list) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(crate::provider::disk::cant("remove", &list, &error));
                }
                _ => {}
            }
            let dropped = databases::remove(&target, server.as_mut(), claim).await?;
            Ok(vec![dropped.unwrap_or_else(|| format!("there is no database {}", claim.link.name))])
        }
        ROLES => {
            let dropped = roles::remove(server.as_mut(), claim).await?;
            Ok(vec![match dropped.is_empty() {
                true => "there are no roles of this claim's".to_owned(),
                false => format!("dropped the roles {}", dropped.join(", ")),
            }])
        }
        other => Err(refused(format!("`{other}` is no claim of a dump"))),
    }
}
