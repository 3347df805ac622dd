//! Roles that a dump names and the scratch server lacks: made without login, removed at the end.
//!
//! ```text
//!  fd_x_roles   made first: the claim itself, with the marker as its comment
//!  app_owner …  each made together with the same marker in one transaction
//!  fd_x_roles   its marker rewritten: complete. It goes last, once all the others are gone
//! ```
//!
//! A role that was there before is used and never touched. Nothing that belongs to a role is ever dropped or given to
//! another: a role that something still depends on is kept until that is gone.

use super::{ident, literal};
use crate::{
    drill::{Claim, Fault, FaultClass},
    provider::{
        dump::marker::{Marker, is_ours_by_name},
        scratch::refused,
    },
    server::Ask,
};
use std::collections::{BTreeMap, BTreeSet};

/// Ends the name of the role that stands for the claim.
pub(in super::super) const END: &str = "_roles";

/// The roles with a marker of this claim, and the claim's own among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Held {
    /// The claim's own, and whether it says that all are made.
    pub(in super::super) own: Option<Marker>,
    /// The others.
    pub(in super::super) others: Vec<String>,
}

/// All roles with a marker of firedrill's.
pub(in super::super) async fn marked(ask: &mut dyn Ask) -> Result<BTreeMap<String, Marker>, Fault> {
    let rows = ask
        .rows(
            "select r.rolname::text, d.description from pg_catalog.pg_roles r \
             join pg_catalog.pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_catalog.pg_authid'::regclass \
             where d.description like '{\"firedrill\"%'",
            &[],
        )
        .await?;
    let marked = rows.into_iter().filter_map(|row| {
        let [name, comment] = <[Option<String>; 2]>::try_from(row).ok()?;
        Some((name?, Marker::read(&comment?)?))
    });
    Ok(marked.collect())
}

/// Those of a claim.
pub(in super::super) fn held(claim: &Claim, marked: &BTreeMap<String, Marker>) -> Held {
    let mut held = Held::default();
    for (name, marker) in marked.iter().filter(|(_, marker)| marker.belongs_to(claim).is_ok()) {
        match *name == claim.link.name {
            true => held.own = Some(marker.clone()),
            false => held.others.push(name.clone()),
        }
    }
    held
}

/// Which of these roles are not on the server.
pub(in super::super) async fn missing(
    ask: &mut dyn Ask,
    wanted: &BTreeSet<String>,
) -> Result<Vec<String>, Fault> {
    let rows = ask.rows("select rolname::text from pg_catalog.pg_roles", &[]).await?;
    let there: BTreeSet<String> = rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect();
    Ok(wanted.difference(&there).cloned().collect())
}

/// Which of these roles are there, and the user who asks can't act as them. As `pg_database_owner` it can, once it owns the
/// database that it makes.
pub(in super::super) async fn closed(
    ask: &mut dyn Ask,
    owners: &BTreeSet<String>,
) -> Result<Vec<String>, Fault> {
    let rows = ask
        .rows(
            "select rolname::text from pg_catalog.pg_roles where rolname <> 'pg_database_owner' and not \
             pg_catalog.pg_has_role(oid, case \
             when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end)",
            &[],
        )
        .await?;
    let closed: BTreeSet<String> = rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect();
    Ok(owners.intersection(&closed).cloned().collect())
}

/// Makes the roles that are missing.
pub(in super::super) async fn make(
    ask: &mut dyn Ask,
    claim: &Claim,
    wanted: &BTreeSet<String>,
) -> Result<Vec<String>, Fault> {
    let name = &claim.link.name;
    if !is_ours_by_name(name) {
        return Err(refused(format!("`{name}` is not the name of a role that firedrill makes")));
    }
    let marked = marked(ask).await?;
    let found = held(claim, &marked);
    if let Some(Marker { restored: Some(receipts), .. }) = found.own {
        return Ok(receipts);
    }
    let of_others = |(_, marker): &(&String, &Marker)| marker.firedrill.run != claim.run;
    if let Some((role, other)) = wanted.iter().filter_map(|role| marked.get_key_value(role)).find(of_others) {
        return Err(Fault::new(
            FaultClass::Transient,
            format!(
                "the role {role} was made by run {} and goes with it: it is waited for",
                other.firedrill.run.short()
            ),
        ));
    }
    let marker = Marker::of(claim);
    if found.own.is_none() {
        create(ask, name, &marker).await?;
    }
    let missing = missing(ask, wanted).await?;
    for role in &missing {
        create(ask, role, &marker).await?;
    }
    let mut made = found.others;
    made.extend(missing);
    made.sort();
    let receipts = vec![match made.as_slice() {
        [] => "every role that the dump names was on the server".to_owned(),
        made => format!("made the roles {} without login", made.join(", ")),
    }];
    let done = Marker { restored: Some(receipts.clone()), ..marker };
    ask.run(&format!("comment on role {} is {}", ident(name), literal(&done.text()))).await?;
    Ok(receipts)
}

/// A role and its marker, both or none.
async fn create(ask: &mut dyn Ask, role: &str, marker: &Marker) -> Result<(), Fault> {
    let (role, text) = (ident(role), literal(&marker.text()));
    // Whoever is no superuser must be a member of a role to give it something.
    let body = format!(
        "begin create role {role} nologin; comment on role {role} is {text}; \
         if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then \
         grant {role} to current_user; end if; end"
    );
    let made = ask.run(&format!("do {}", literal(&body))).await;
    made.map_err(|fault| match fault.message.contains("permission denied to create role") {
        true => Fault::new(
            fault.class,
            format!(
                "{}: ALTER ROLE … CREATEROLE allows it, or leave roles out with `roles: skip`",
                fault.message
            ),
        ),
        false => fault,
    })
}

/// Removes the claim's roles, its own last.
pub(in super::super) async fn remove(ask: &mut dyn Ask, claim: &Claim) -> Result<Vec<String>, Fault> {
    let there = is_there(ask, &claim.link.name).await?;
    let found = held(claim, &marked(ask).await?);
    if there && found.own.is_none() {
        return Err(refused(format!(
            "the role {} has no comment of this claim's: it can't be told who made it, so it is kept",
            claim.link.name
        )));
    }
    let own = found.own.map(|_| claim.link.name.clone());
    let mut dropped = Vec::new();
    for role in found.others.into_iter().chain(own) {
        ask.run(&format!("drop role if exists {}", ident(&role))).await.map_err(|fault| {
            match fault.message.contains("some objects depend on it") {
                // It goes with the database that another step has restored.
                true => Fault::new(
                    FaultClass::Transient,
                    format!("the role {role} is still used by a database: {}", fault.message),
                ),
                false => fault,
            }
        })?;
        dropped.push(role);
    }
    Ok(dropped)
}

/// Whether there is such a role.
pub(in super::super) async fn is_there(ask: &mut dyn Ask, role: &str) -> Result<bool, Fault> {
    let found =
        ask.value("select rolname::text from pg_catalog.pg_roles where rolname = $1", &[role]).await?;
    Ok(found.is_some())
}
