//! The scratch database of a claim: made at one stroke with the claim written on it, removed only after three proofs.
//!
//! ```text
//!  create database fd_x_making   being made: empty, perhaps with the marker as its comment
//!  comment on … is '{claim}'
//!  rename to fd_x                made; what the dump brings comes only now
//!  comment on … is '{claim, restored}'
//!  drop database fd_x            one statement, its sessions ended
//! ```
//!
//! The proofs of a removal: the claim comes from the journal, the comment names the same run and claim, and the server is
//! one that the operator allows, is who it should be, and is not production. A database without the comment is removed
//! only under the name that is given while it is made, and only while it is empty.

use super::{ident, literal};
use crate::{
    drill::{Claim, Fault, FaultClass},
    provider::{
        dump::{
            marker::{Marker, is_ours_by_name},
            servers::Target,
        },
        scratch::refused,
    },
    server::Ask,
};
use std::collections::BTreeMap;

/// Ends the name of a database that is being made.
pub(in super::super) const MAKING: &str = "_making";

/// The longest name of a scratch database, so that there is room for the word that ends it while it is made.
pub(in super::super) const LONGEST_NAME: usize = 63 - MAKING.len();

/// A database that is there.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Seen {
    comment: Option<String>,
    /// Its size, where this user may know it.
    pub(in super::super) bytes: Option<u64>,
    /// Whether it belongs to the user who looks.
    own: bool,
}

/// What is at a claim's place.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Found {
    /// Nothing.
    Absent,
    /// The database, with this claim's marker.
    Ours(Box<Marker>, Option<u64>),
    /// Nothing yet but a database that is being made: with the marker, or without.
    Making(bool),
    /// A session is making it.
    Underway,
    /// Something that this claim did not make.
    Foreign(String),
}

/// The databases of those names, and of the names that they have while they are made.
pub(in super::super) async fn list(
    ask: &mut dyn Ask,
    names: &[&str],
) -> Result<BTreeMap<String, Seen>, Fault> {
    let all: Vec<String> =
        names.iter().flat_map(|name| [(*name).to_owned(), format!("{name}{MAKING}")]).collect();
    let rows = ask
        .rows(
            "select d.datname::text, pg_catalog.shobj_description(d.oid, 'pg_database'), \
             case when pg_catalog.has_database_privilege(d.oid, 'connect') \
             then pg_catalog.pg_database_size(d.oid)::text end, \
             pg_catalog.pg_has_role(d.datdba, 'usage')::text \
             from pg_catalog.pg_database d where d.datname = any (pg_catalog.string_to_array($1, ','))",
            &[&all.join(",")],
        )
        .await?;
    let seen = rows.into_iter().filter_map(|row| {
        let [name, comment, bytes, own] = <[Option<String>; 4]>::try_from(row).ok()?;
        let own = own.as_deref() == Some("true");
        Some((name?, Seen { comment, bytes: bytes.and_then(|bytes| bytes.parse().ok()), own }))
    });
    Ok(seen.collect())
}

/// The sessions that are making databases, by the name of what they make.
pub(in super::super) async fn makers(ask: &mut dyn Ask, names: &[&str]) -> Result<Vec<String>, Fault> {
    let rows = ask
        .rows(
            "select distinct application_name::text from pg_catalog.pg_stat_activity \
             where pid <> pg_catalog.pg_backend_pid() \
             and application_name = any (pg_catalog.string_to_array($1, ','))",
            &[&names.join(",")],
        )
        .await?;
    Ok(rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect())
}

/// What is at a claim's place, from what was listed.
pub(in super::super) fn judge(claim: &Claim, seen: &BTreeMap<String, Seen>, makers: &[String]) -> Found {
    let name = &claim.link.name;
    let making = format!("{name}{MAKING}");
    let marked = |name: &str, seen: &Seen| match seen.comment.as_deref().filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match Marker::read(text) {
            None => Err(format!("the database {name} has a comment that is no marker of firedrill's")),
            Some(marker) => marker
                .belongs_to(claim)
                .map(|()| Some(marker))
                .map_err(|why| format!("the database {name}: {why}")),
        },
    };
    if let Some(live) = seen.get(name) {
        return match marked(name, live) {
            Ok(Some(marker)) => Found::Ours(Box::new(marker), live.bytes),
            Ok(None) => Found::Foreign(format!(
                "the database {name} has no comment of firedrill's: it can't be told who made it"
            )),
            Err(why) => Found::Foreign(why),
        };
    }
    if let Some(half) = seen.get(&making) {
        return match marked(&making, half) {
            Ok(Some(_)) => Found::Making(true),
            Ok(None) if half.own => Found::Making(false),
            Ok(None) => Found::Foreign(format!("the database {making} belongs to another user")),
            Err(why) => Found::Foreign(why),
        };
    }
    if makers.contains(name) { Found::Underway } else { Found::Absent }
}

/// What is at a claim's place now.
pub(in super::super) async fn look(ask: &mut dyn Ask, claim: &Claim) -> Result<Found, Fault> {
    named(claim)?;
    let names = [claim.link.name.as_str()];
    // The sessions first: one that ends in between has made what is seen next.
    let makers = makers(ask, &names).await?;
    let seen = list(ask, &names).await?;
    Ok(judge(claim, &seen, &makers))
}

fn named(claim: &Claim) -> Result<(), Fault> {
    let name = &claim.link.name;
    if is_ours_by_name(name) && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(refused(format!("`{name}` is not the name of a database that firedrill makes")))
}

/// What a new database is to be like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct Wanted {
    /// The character encoding of the dump, as `SET client_encoding` names it.
    pub(in super::super) encoding: Option<String>,
}

/// Makes the database, empty and marked. It must not be there.
pub(in super::super) async fn make(
    target: &Target,
    ask: &mut dyn Ask,
    claim: &Claim,
    wanted: &Wanted,
) -> Result<Option<String>, Fault> {
    let name = &claim.link.name;
    let making = format!("{name}{MAKING}");
    // Seen by whoever wants to know that nothing is on its way.
    ask.run(&format!("set application_name = {}", literal(name))).await?;
    let mut note = None;
    match look(ask, claim).await? {
        Found::Absent => {
            let (encoding, said) = encoding(ask, wanted).await?;
            note = said;
            ask.run(&format!("create database {} template template0{encoding}", ident(&making)))
                .await
                .map_err(cant_make)?;
            mark(ask, &making, &Marker::of(claim)).await?;
        }
        Found::Making(false) => {
            empty(target, &making).await?;
            mark(ask, &making, &Marker::of(claim)).await?;
        }
        Found::Making(true) => {}
        Found::Ours(..) => return Err(refused(format!("the database {name} is there already"))),
        Found::Underway => {
            return Err(Fault::new(
                FaultClass::Transient,
                format!("another session is making the database {name}"),
            ));
        }
        Found::Foreign(why) => return Err(refused(why)),
    }
    ask.run(&format!("alter database {} rename to {}", ident(&making), ident(name))).await?;
    Ok(note)
}

fn cant_make(fault: Fault) -> Fault {
    match fault.message.contains("permission denied to create database") {
        true => Fault::new(fault.class, format!("{}: ALTER ROLE … CREATEDB allows it", fault.message)),
        false => fault,
    }
}

/// Where the server's own encoding is not the dump's: the words to ask for that, and what is said of it.
async fn encoding(ask: &mut dyn Ask, wanted: &Wanted) -> Result<(String, Option<String>), Fault> {
    let Some(wanted) = wanted
        .encoding
        .as_deref()
        .filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    else {
        return Ok((String::new(), None));
    };
    let row = ask
        .rows(
            "select pg_catalog.pg_encoding_to_char(encoding)::text, \
             (encoding = pg_catalog.pg_char_to_encoding($1))::text from pg_catalog.pg_database where datname = 'template0'",
            &[wanted],
        )
        .await?;
    let [own, same] = match row.into_iter().next().map(<[Option<String>; 2]>::try_from) {
        Some(Ok(row)) => row,
        _ => return Ok((String::new(), None)),
    };
    if same.as_deref() != Some("false") {
        return Ok((String::new(), None));
    }
    // The locale C goes with every encoding.
    let words = format!(" encoding {} lc_collate 'C' lc_ctype 'C'", literal(wanted));
    let said = format!(
        "the server's encoding is {} and the dump's {wanted}: the database was made with {wanted} and the locale C",
        own.unwrap_or_default()
    );
    Ok((words, Some(said)))
}

/// Writes the marker.
pub(in super::super) async fn mark(ask: &mut dyn Ask, name: &str, marker: &Marker) -> Result<(), Fault> {
    ask.run(&format!("comment on database {} is {}", ident(name), literal(&marker.text()))).await
}

/// A database without a marker is only then half of ours when nothing is in it.
async fn empty(target: &Target, name: &str) -> Result<(), Fault> {
    let mut inside = target.connect_to(name).await?;
    let objects = inside
        .value(
            "select ((select count(*) from pg_catalog.pg_class where oid >= 16384) \
             + (select count(*) from pg_catalog.pg_proc where oid >= 16384) \
             + (select count(*) from pg_catalog.pg_namespace where oid >= 16384) \
             + (select count(*) from pg_catalog.pg_type where oid >= 16384) \
             + (select count(*) from pg_catalog.pg_largeobject_metadata))::text",
            &[],
        )
        .await?;
    match objects.as_deref() {
        Some("0") => Ok(()),
        _ => Err(refused(format!(
            "the database {name} has no comment of firedrill's and is not empty: it can't be told who made it, so it is kept"
        ))),
    }
}

/// Removes the database, under whichever of its names. Nothing there is fine; any doubt is a refusal.
pub(in super::super) async fn remove(
    target: &Target,
    ask: &mut dyn Ask,
    claim: &Claim,
) -> Result<Option<String>, Fault> {
    let name = &claim.link.name;
    let making = format!("{name}{MAKING}");
    let doomed = match look(ask, claim).await? {
        Found::Absent => return Ok(None),
        Found::Foreign(why) => return Err(refused(format!("{why}; it is kept"))),
        Found::Underway => {
            return Err(Fault::new(
                FaultClass::Transient,
                format!("a session is still making the database {name}"),
            ));
        }
        Found::Ours(..) => name,
        Found::Making(marked) => {
            if !marked {
                empty(target, &making).await?;
            }
            &making
        }
    };
    drop_database(ask, doomed).await?;
    match look(ask, claim).await? {
        Found::Absent => Ok(Some(format!("dropped the database {doomed}"))),
        // Its other half, left by a crash.
        _ => Err(Fault::new(
            FaultClass::Transient,
            format!("{doomed} was dropped, and something is still there"),
        )),
    }
}

async fn drop_database(ask: &mut dyn Ask, name: &str) -> Result<(), Fault> {
    let version = ask.value("select current_setting('server_version_num')", &[]).await?;
    let version: u32 = version.and_then(|version| version.parse().ok()).unwrap_or(0);
    if version >= 130_000 {
        return ask
            .run(&format!("drop database if exists {} with (force)", ident(name)))
            .await
            .map_err(in_use);
    }
    ask.rows(
        "select pg_catalog.pg_terminate_backend(pid)::text from pg_catalog.pg_stat_activity \
         where datname = $1 and pid <> pg_catalog.pg_backend_pid()",
        &[name],
    )
    .await?;
    ask.run(&format!("drop database if exists {}", ident(name))).await.map_err(in_use)
}

/// What can't be dropped because someone uses it can be dropped later.
fn in_use(fault: Fault) -> Fault {
    match fault.message.contains("accessed by other users") || fault.message.contains("being used by") {
        true => Fault::new(FaultClass::Transient, fault.message),
        false => fault,
    }
}

/// All scratch databases that bear a marker.
pub(in super::super) async fn owned(ask: &mut dyn Ask) -> Result<Vec<Marker>, Fault> {
    let named = scratch(ask).await?;
    let own =
        named.into_iter().filter_map(|(name, marker)| marker.filter(|marker| marker.is_of(&name, MAKING)));
    Ok(own.collect())
}

/// All databases that are named as firedrill names them, with the marker that they bear.
pub(in super::super) async fn scratch(ask: &mut dyn Ask) -> Result<Vec<(String, Option<Marker>)>, Fault> {
    let rows = ask
        .rows(
            "select d.datname::text, pg_catalog.shobj_description(d.oid, 'pg_database') \
             from pg_catalog.pg_database d where d.datname like 'fd\\_%'",
            &[],
        )
        .await?;
    let named = rows.into_iter().filter_map(|row| {
        let [name, comment] = <[Option<String>; 2]>::try_from(row).ok()?;
        Some((name?, comment.as_deref().and_then(Marker::read)))
    });
    Ok(named.collect())
}
