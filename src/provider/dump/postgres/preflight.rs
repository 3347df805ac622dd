//! What would stop a restore on PostgreSQL: looked for before anything is made.

use super::{claims::missing_roles, restore, roles};
use crate::{
    drill::{Candidate, Fault},
    playbook::{DumpSource, Extensions, Roles},
    ports::Preflight,
    process::Runner,
    provider::{
        backup_file::Identity,
        dump::{
            archive::major,
            format::{Dump, Format},
            servers::{Servers, Target},
            tools::Tool,
            work::look as look_into,
        },
    },
    server::Ask,
};
use std::path::Path;

/// A plain dump is read from end to end for its roles and extensions only up to this size.
const READ_THROUGH: u64 = 256 * 1024 * 1024;

/// Looks at the programs, the login's rights, and what the newest dump wants of the server.
pub(in super::super) async fn look(
    servers: &Servers,
    runner: &Runner,
    source: &DumpSource,
    target: &Target,
    server: &mut dyn Ask,
    newest: Option<&Candidate>,
    found: &mut Preflight,
) -> Result<(), Fault> {
    let version = server.value("select current_setting('server_version')", &[]).await?.unwrap_or_default();
    found.facts.push(format!("PostgreSQL {version} at {} answers", target.login.place()));
    rights(source, target, server, found).await?;
    let Some(newest) = newest else { return Ok(()) };
    let backup = Path::new(&newest.point.id);
    let dump = look_into(backup, source.engine).await?;
    program(servers, runner, &dump, found).await;
    if let (Some(theirs), Some(ours)) = (dump.server().and_then(major), major(&version))
        && theirs > ours
    {
        found.refusals.push(format!(
            "the newest dump is of PostgreSQL {theirs} and the scratch server is {ours}: dumps are not made for older servers, so use a scratch server of version {theirs} or newer"
        ));
    }
    let size = newest.point.bytes.unwrap_or(0);
    if dump.toc.is_none()
        && (size > READ_THROUGH || source.roles == Roles::Skip && source.extensions == Extensions::Skip)
    {
        return Ok(());
    }
    let named = restore::named(&dump, source, backup, Identity::listed(&newest.point.details)).await?;
    if source.roles == Roles::Keep {
        let missing = roles::missing(server, &named.roles).await?;
        match missing.is_empty() {
            true => found.facts.push("every role that the newest dump names is there".to_owned()),
            false => found.refusals.push(missing_roles(&missing)),
        }
    }
    if source.roles != Roles::Skip {
        let closed = roles::closed(server, &named.owners).await?;
        if !closed.is_empty() {
            let user = &target.login.user;
            found.refusals.push(format!(
                "the newest dump gives things to {}, and {user} can't act as them: GRANT them to {user}, log in as a superuser, or say `roles: skip`",
                closed.join(", ")
            ));
        }
    }
    if source.extensions == Extensions::Create && !named.extensions.is_empty() {
        let rows = server.rows("select name::text from pg_catalog.pg_available_extensions", &[]).await?;
        let there: std::collections::BTreeSet<String> =
            rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect();
        let missing: Vec<&str> = named.extensions.difference(&there).map(String::as_str).collect();
        match missing.is_empty() {
            true => found.facts.push("every extension that the newest dump names is available".to_owned()),
            false => found.refusals.push(format!(
                "the newest dump needs extensions that the scratch server lacks: {}. Install their packages there, or say `extensions: skip` if nothing depends on them",
                missing.join(", ")
            )),
        }
    }
    Ok(())
}

async fn rights(
    source: &DumpSource,
    target: &Target,
    server: &mut dyn Ask,
    found: &mut Preflight,
) -> Result<(), Fault> {
    let rows = server
        .rows(
            "select (rolsuper or rolcreatedb)::text, (rolsuper or rolcreaterole)::text, rolsuper::text, \
             pg_catalog.pg_is_in_recovery()::text from pg_catalog.pg_roles where rolname = current_user",
            &[],
        )
        .await?;
    let is = |column: usize| {
        rows.first().and_then(|row| row.get(column)).is_some_and(|it| it.as_deref() == Some("true"))
    };
    let user = &target.login.user;
    if is(3) {
        found.refusals.push(format!(
            "the server at {} is a standby, which takes no changes: use a primary of its own",
            target.login.place()
        ));
    }
    match is(0) {
        true => found.facts.push(format!("{user} may create databases")),
        false => found.refusals.push(format!(
            "{user} may not create databases at {}: ALTER ROLE {user} CREATEDB",
            target.login.place()
        )),
    }
    if source.roles == Roles::Create && !is(1) {
        found.refusals.push(format!(
            "{user} may not create roles at {}: ALTER ROLE {user} CREATEROLE, or leave `roles: create` out",
            target.login.place()
        ));
    }
    if is(2) {
        found.facts.push(format!("{user} is a superuser: what a dump holds can do anything on that server"));
    }
    found.facts.push("how much room the server has is not known".to_owned());
    Ok(())
}

/// The program that restores the newest dump: there, and able to.
async fn program(servers: &Servers, runner: &Runner, dump: &Dump, found: &mut Preflight) {
    let name = if dump.format == Format::Plain { "psql" } else { "pg_restore" };
    let folder = servers.tools(dump.engine);
    let tool = match Tool::find(runner, folder.as_deref(), &[name]).await {
        Ok(tool) => tool,
        Err(fault) => return found.refusals.push(fault.message),
    };
    if dump.format == Format::Plain {
        if let Err(fault) = restore::can_restrict(runner, &tool).await {
            found.refusals.push(fault.message);
        }
    } else if let (Some(theirs), Some((ours, _))) = (dump.program().and_then(major), tool.version())
        && theirs > ours
    {
        found.refusals.push(format!(
            "the newest dump was made by pg_dump {theirs}, and {} is {ours}: install the client programs of PostgreSQL {theirs} or newer, or name their folder under `[tools]` in firedrill.toml",
            tool.path.display()
        ));
    }
    found.facts.push(tool.says);
}
