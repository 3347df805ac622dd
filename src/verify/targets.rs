//! Which tables a `fingerprint` check looks at, and what stands in the way.

use super::{
    sql::{LeftOut, Session, Shape, Table, TableKind, Target, Trouble},
    tables::{Binder, Measured},
    words::nearest,
};
use crate::{
    playbook::{FingerprintCheck, FingerprintOf},
    time::Timestamp,
};
use std::collections::BTreeMap;

/// What a fingerprint is taken for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim<'a> {
    /// On the source: rows that changed at or after that moment are noted and left out, where the check says so.
    Source(Option<Timestamp>),
    /// On the restored database, to be compared with these.
    Restored(&'a [super::TableFingerprint]),
}

/// The tables that a check names, each with its columns and the condition on its rows.
pub(super) async fn targets(
    session: &mut dyn Session,
    check: &FingerprintCheck,
    binder: &Binder<'_>,
    aim: Aim<'_>,
    measured: &mut Measured,
) -> Result<Vec<Target>, Trouble> {
    let tables = session.tables().await?;
    let names = || tables.iter().map(|table| table.name.as_str());
    let mut chosen: Vec<&Table> = Vec::new();
    if let FingerprintOf::Tables(wanted) = &check.of {
        for wanted in wanted {
            match find(&tables, wanted) {
                Some(table) if chosen.contains(&table) => {}
                Some(table) => chosen.push(table),
                None => {
                    measured.faults.push(format!("there is no table `{wanted}`{}", hint(wanted, names())))
                }
            }
        }
    } else {
        chosen.extend(tables.iter().filter(|table| table.kind == TableKind::Ordinary));
        if chosen.is_empty() {
            measured.faults.push("there are no tables".to_owned());
        }
        for (kind, words) in [
            (TableKind::Virtual, "virtual and foreign tables"),
            (TableKind::Shadow, "tables behind virtual tables"),
        ] {
            let left: Vec<&str> =
                tables.iter().filter(|table| table.kind == kind).map(|table| table.name.as_str()).collect();
            if !left.is_empty() {
                measured.notes.push(format!(
                    "not covered: {words} ({}); name them in `tables` to cover them",
                    left.join(", ")
                ));
            }
        }
    }
    if check.of == FingerprintOf::AllTables {
        measured.notes.extend(session.uncovered().await?);
    }
    let mut unused: Vec<&String> = check.exclude.iter().collect();
    let mut targets = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for table in chosen {
        let mut shape = session.describe(table).await?;
        columns.extend(shape.columns.iter().map(|(column, _)| format!("{}.{column}", shape.table.name)));
        // "ID" beside "id": an entry that is a column's very name means no other.
        let exact = |entry: &str| {
            shape.columns.iter().any(|(column, _)| entry == format!("{}.{column}", shape.table.name))
        };
        let excluded = |column: &str| {
            check.exclude.iter().find(|entry| match exact(entry) {
                true => **entry == format!("{}.{column}", shape.table.name),
                false => names_column(entry, &shape.table.name, column),
            })
        };
        let out: Vec<(String, &String)> =
            shape.columns.iter().filter_map(|(name, _)| Some((name.clone(), excluded(name)?))).collect();
        for (column, entry) in out {
            unused.retain(|other| *other != entry);
            shape.columns.retain(|(name, _)| *name != column);
            if shape.key.contains(&column) {
                shape.key.clear();
            }
        }
        if shape.columns.is_empty() {
            measured.faults.push(format!("every column of {} is excluded", shape.table.name));
            continue;
        }
        narrow(&mut shape, check, binder, aim, measured)?;
        targets.push(Target::Table(shape));
    }
    let names = || targets.iter().map(Target::name);
    for entry in check.conditions.keys().chain(check.changed_since.keys()) {
        if !names().any(|name| is_named(name, entry)) {
            measured.faults.push(format!("`{entry}` is not among the tables{}", hint(entry, names())));
        }
    }
    for entry in unused {
        let hint = hint(entry, columns.iter().map(String::as_str));
        measured.faults.push(format!("`exclude: {entry}` names no column; write table.column{hint}"));
    }
    Ok(targets)
}

/// Whether an entry of `exclude` names that column.
fn names_column(entry: &str, table: &str, column: &str) -> bool {
    let parts = entry.len().checked_sub(column.len() + 1).and_then(|at| entry.split_at_checked(at));
    parts.is_some_and(|(named, rest)| {
        named.eq_ignore_ascii_case(table)
            && rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(column))
    })
}

pub(super) fn hint<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wanted, names).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
}

/// Whether a playbook's word for a table means the one of that name.
fn is_named(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
        || wanted.strip_prefix("public.").is_some_and(|wanted| name.eq_ignore_ascii_case(wanted))
}

/// What a playbook says of a table: under its very name, else whatever the case of its letters.
fn entry_of<'a, T>(entries: &'a BTreeMap<String, T>, name: &str) -> Option<&'a T> {
    entries
        .get(name)
        .or_else(|| entries.iter().find(|(table, _)| is_named(name, table)).map(|(_, entry)| entry))
}

/// The table that is meant: as it is written, else whatever the case of its letters.
fn find<'a>(tables: &'a [Table], wanted: &str) -> Option<&'a Table> {
    let exact = tables.iter().find(|table| table.name == wanted);
    exact.or_else(|| tables.iter().find(|table| is_named(&table.name, wanted)))
}

/// Puts the condition in, and leaves out what changed after the recovery point.
fn narrow(
    shape: &mut Shape,
    check: &FingerprintCheck,
    binder: &Binder<'_>,
    aim: Aim<'_>,
    measured: &mut Measured,
) -> Result<(), Trouble> {
    let name = shape.table.name.clone();
    if let Some(condition) = entry_of(&check.conditions, &name) {
        shape.condition = Some(binder.condition(condition)?);
    }
    let Some(column) = entry_of(&check.changed_since, &name) else {
        return Ok(());
    };
    if !shape.columns.iter().any(|(name, _)| name == column) {
        let names = shape.columns.iter().map(|(name, _)| name.as_str());
        measured
            .faults
            .push(format!("`changed_since`: {name} has no column `{column}`{}", hint(column, names)));
        return Ok(());
    }
    match aim {
        Aim::Source(Some(since)) => shape.left_out = LeftOut::Since(column.clone(), since),
        Aim::Source(None) => measured.faults.push(format!(
            "`changed_since` of {name} needs the moment of a recovery point, and none was given"
        )),
        Aim::Restored(baseline) => {
            let was = baseline.iter().find(|was| was.table == name);
            match was.and_then(|was| was.changed.as_ref()) {
                Some(changed) if changed.column == *column => {
                    shape.left_out = LeftOut::Keys(changed.keys.clone());
                }
                _ => measured.faults.push(format!(
                    "{name}: the baseline has no note of what changed by `{column}`; take it anew with `firedrill baseline`"
                )),
            }
        }
    }
    Ok(())
}
