//! The scratch database of a claim, marked by a table `_firedrill` within it, removed only after three proofs.
//!
//! ```text
//!  create database fd_x                   made: nothing is in it
//!  create table _firedrill                …
//!  insert (1, '{claim}')                  marked; what the dump brings comes only now
//!  insert (2, '{claim, restored}')        restored
//!  drop database fd_x
//! ```
//!
//! Neither server can rename a database, so for an instant one of that name is there without its marker. It is ours only
//! while nothing at all is in it, and its name is the very name of a journaled claim.

use super::ident;
use crate::{
    drill::{Claim, Fault, FaultClass},
    provider::{
        dump::marker::{Marker, is_ours_by_name},
        scratch::refused,
    },
    server::Ask,
};
use std::collections::BTreeSet;

/// The longest name of a scratch database.
pub(in super::super) const LONGEST_NAME: usize = 60;

/// The table with the marker. Checks leave it out.
pub(in super::super) const TABLE: &str = "_firedrill";

/// What is at a claim's place.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Found {
    /// Nothing.
    Absent,
    /// The database, with this claim's marker.
    Ours(Box<Marker>),
    /// The database, with nothing in it but an empty table for the marker, if that.
    Making,
    /// Something that this claim did not make.
    Foreign(String),
}

/// Which of those databases are there.
pub(in super::super) async fn list(ask: &mut dyn Ask, names: &[&str]) -> Result<BTreeSet<String>, Fault> {
    let rows = ask
        .rows(
            "select cast(schema_name as char) from information_schema.schemata where find_in_set(schema_name, ?)",
            &[&names.join(",")],
        )
        .await?;
    Ok(rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect())
}

/// What is at a claim's place now.
pub(in super::super) async fn look(ask: &mut dyn Ask, claim: &Claim) -> Result<Found, Fault> {
    named(claim)?;
    match list(ask, &[&claim.link.name]).await?.is_empty() {
        true => Ok(Found::Absent),
        false => inside(ask, claim).await,
    }
}

fn named(claim: &Claim) -> Result<(), Fault> {
    let name = &claim.link.name;
    if is_ours_by_name(name) && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(refused(format!("`{name}` is not the name of a database that firedrill makes")))
}

/// Whose the database is, which is there.
pub(in super::super) async fn inside(ask: &mut dyn Ask, claim: &Claim) -> Result<Found, Fault> {
    let name = &claim.link.name;
    let columns = ask
        .rows(
            "select cast(column_name as char) from information_schema.columns where table_schema = ? and table_name = ? order by 1",
            &[name, TABLE],
        )
        .await?;
    let columns: Vec<String> = columns.into_iter().filter_map(|mut row| row.pop().flatten()).collect();
    let objects = objects(ask, name).await?;
    if columns.is_empty() {
        return Ok(match objects {
            0 => Found::Making,
            _ => Found::Foreign(format!(
                "the database {name} has no table {TABLE}, and is not empty: it can't be told who made it"
            )),
        });
    }
    if columns != ["id", "marker"] {
        return Ok(Found::Foreign(format!(
            "the table {TABLE} of the database {name} is none of firedrill's"
        )));
    }
    let rows = ask
        .rows(
            &format!("select cast(marker as char) from {}.{} order by id desc", ident(name), ident(TABLE)),
            &[],
        )
        .await?;
    let Some(text) = rows.into_iter().next().and_then(|mut row| row.pop().flatten()) else {
        return Ok(match objects {
            0 | 1 => Found::Making,
            _ => Found::Foreign(format!(
                "the table {TABLE} of the database {name} is empty: it can't be told who made it"
            )),
        });
    };
    Ok(match Marker::read(&text) {
        None => Found::Foreign(format!(
            "what stands in {TABLE} of the database {name} is no marker of firedrill's"
        )),
        Some(marker) => match marker.belongs_to(claim) {
            Ok(()) => Found::Ours(Box::new(marker)),
            Err(why) => Found::Foreign(format!("the database {name}: {why}")),
        },
    })
}

/// How many tables, views, routines and events are in it.
async fn objects(ask: &mut dyn Ask, name: &str) -> Result<u64, Fault> {
    let count = ask
        .value(
            "select cast((select count(*) from information_schema.tables where table_schema = ?) \
             + (select count(*) from information_schema.routines where routine_schema = ?) \
             + (select count(*) from information_schema.events where event_schema = ?) as char)",
            &[name, name, name],
        )
        .await?;
    // What can't be counted is not taken for nothing.
    Ok(count.and_then(|count| count.parse().ok()).unwrap_or(u64::MAX))
}

/// Makes the database, empty but for its marker. It must not be there.
pub(in super::super) async fn make(ask: &mut dyn Ask, claim: &Claim) -> Result<(), Fault> {
    let (name, marker) = (&claim.link.name, Marker::of(claim));
    match look(ask, claim).await? {
        Found::Absent => {
            ask.run(&format!("create database {}", ident(name))).await.map_err(cant_make)?;
        }
        Found::Making => {}
        Found::Ours(_) => return Err(refused(format!("the database {name} is there already"))),
        Found::Foreign(why) => return Err(refused(why)),
    }
    let table = format!("{}.{}", ident(name), ident(TABLE));
    ask.run(&format!(
        "create table if not exists {table} (id int not null primary key, marker longtext character set utf8mb4 not null) engine=InnoDB"
    ))
    .await?;
    ask.rows(&format!("insert into {table} (id, marker) values (1, ?)"), &[&marker.text()]).await?;
    Ok(())
}

fn cant_make(fault: Fault) -> Fault {
    match fault.message.contains("Access denied") {
        true => Fault::new(
            fault.class,
            format!(
                "{}: GRANT ALL ON `fd\\_%`.* allows it to make scratch databases and no others",
                fault.message
            ),
        ),
        false => fault,
    }
}

/// Says that the restore is complete.
pub(in super::super) async fn finish(ask: &mut dyn Ask, claim: &Claim, marker: &Marker) -> Result<(), Fault> {
    let table = format!("{}.{}", ident(&claim.link.name), ident(TABLE));
    ask.rows(&format!("insert into {table} (id, marker) values (2, ?)"), &[&marker.text()]).await?;
    Ok(())
}

/// Removes the database. Nothing there is fine; any doubt is a refusal.
pub(in super::super) async fn remove(ask: &mut dyn Ask, claim: &Claim) -> Result<Option<String>, Fault> {
    let name = &claim.link.name;
    match look(ask, claim).await? {
        Found::Absent => return Ok(None),
        Found::Foreign(why) => return Err(refused(format!("{why}; it is kept"))),
        Found::Ours(_) | Found::Making => {}
    }
    // Whoever holds a lock on one of its tables would keep it for ever.
    ask.run("set session lock_wait_timeout = 30").await?;
    for session in sessions(ask, name).await? {
        if let Err(fault) = ask.run(&format!("kill {session}")).await {
            tracing::debug!(%fault, session, "a session on a scratch database could not be ended");
        }
    }
    ask.run(&format!("drop database if exists {}", ident(name))).await?;
    match look(ask, claim).await? {
        Found::Absent => Ok(Some(format!("dropped the database {name}"))),
        _ => Err(Fault::new(
            FaultClass::Transient,
            format!("{name} was dropped, and something is still there"),
        )),
    }
}

/// The sessions that use the database.
async fn sessions(ask: &mut dyn Ask, name: &str) -> Result<Vec<u64>, Fault> {
    let own = ask.value("select cast(connection_id() as char)", &[]).await?.unwrap_or_default();
    let rows = ask.rows("show processlist", &[]).await?;
    let on_it = rows.into_iter().filter_map(|row| {
        let (id, database) = (row.first()?.clone()?, row.get(3)?.clone()?);
        (database == name && id != own).then_some(id)
    });
    Ok(on_it.filter_map(|id| id.parse().ok()).collect())
}

/// All scratch databases that bear a marker.
pub(in super::super) async fn owned(ask: &mut dyn Ask) -> Result<Vec<Marker>, Fault> {
    let named = scratch(ask).await?;
    let own = named.into_iter().filter_map(|(name, marker)| marker.filter(|marker| marker.is_of(&name, "")));
    Ok(own.collect())
}

/// All databases that are named as firedrill names them, with the marker that they bear.
pub(in super::super) async fn scratch(ask: &mut dyn Ask) -> Result<Vec<(String, Option<Marker>)>, Fault> {
    let rows = ask
        .rows(
            "select cast(schema_name as char) from information_schema.schemata where schema_name like 'fd\\_%'",
            &[],
        )
        .await?;
    let mut found = Vec::new();
    for name in
        rows.into_iter().filter_map(|mut row| row.pop().flatten()).filter(|name| is_ours_by_name(name))
    {
        let text = ask
            .value(
                &format!(
                    "select cast(marker as char) from {}.{} order by id desc limit 1",
                    ident(&name),
                    ident(TABLE)
                ),
                &[],
            )
            .await;
        // One that goes at this very moment, or is not ours to read, bears none that could be read.
        let marker = text.ok().flatten().and_then(|text| Marker::read(&text));
        found.push((name, marker));
    }
    Ok(found)
}
