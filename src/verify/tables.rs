//! The `fingerprint` check: which tables, what stands in the way, how they compare with what is expected.

use super::{
    TableFingerprint, cells,
    difference::{Comparison, compare},
    fingerprint::{ALGORITHM, Key},
    sql::{How, Session, Table, TableKind, Target, Trouble, outcome},
    statement::Statement,
    words::{counted, grouped, nearest},
};
use crate::{
    drill::{CheckOutcome, Fault, FaultClass, RecoveryPoint},
    ids::StepId,
    playbook::{FingerprintCheck, FingerprintExpect, FingerprintOf, Template},
    ports::{CheckRequest, Known, Progress, Tick},
};
use std::collections::BTreeMap;

/// Fingerprints, and what stands in the way of believing them.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    pub(super) tables: Vec<(Target, TableFingerprint)>,
    /// Each makes the check fail.
    pub(super) faults: Vec<String>,
    /// What was not covered.
    pub(super) notes: Vec<String>,
}

/// What can be known before the database is read.
pub(super) fn preconditions(ask: &CheckRequest<'_>, check: &FingerprintCheck) -> Result<(), Fault> {
    if check.expect != FingerprintExpect::Baseline {
        return Ok(());
    }
    let point = ask.point.map(|point| format!("{} ({})", point.id, point.time.human()));
    let point = point.as_deref().unwrap_or("this recovery point");
    match ask.baseline {
        None => Err(Fault::new(
            FaultClass::Permanent,
            format!(
                "there is no baseline of `{}` for recovery point {point}, so nothing can be proven; run `firedrill baseline \
                 PLAYBOOK` on the source when a backup is made, then this drill again",
                ask.check.name
            ),
        )),
        Some(baseline) if ask.point.is_some_and(|point| point.id != baseline.point) => Err(Fault::new(
            FaultClass::Permanent,
            format!("the baseline is of recovery point {}, not of {point}", baseline.point),
        )),
        Some(_) => Ok(()),
    }
}

/// How the check wants its fingerprints.
pub(super) fn how(check: &FingerprintCheck) -> How {
    How { strong: check.strong, buckets: check.buckets.unwrap_or(cells::BUCKETS) }
}

/// Takes the fingerprints that a check asks for.
pub(super) async fn measure(
    session: &mut dyn Session,
    check: &FingerprintCheck,
    bind: impl Fn(&Template) -> Result<Statement, Fault>,
    tick: &(dyn Fn(&str, u64, Option<u64>) + Send + Sync),
) -> Result<Measured, Trouble> {
    let mut measured = Measured::default();
    let targets = match &check.of {
        FingerprintOf::Query(sql) => {
            if let Some(first) = check.exclude.first() {
                measured
                    .faults
                    .push(format!("`exclude: {first}`: of a query, select the columns you want instead"));
            }
            vec![Target::Query(bind(sql)?)]
        }
        of => targets(session, of, &check.exclude, &mut measured).await?,
    };
    let how = how(check);
    let mut before = 0;
    for target in targets {
        let name = target.name().to_owned();
        let seen = |rows, total: Option<u64>| tick(&name, before + rows, total.map(|total| before + total));
        let print = session.fingerprint(&target, how, &seen).await?;
        before += print.rows;
        if print.rows == 0 && !check.allow_empty {
            measured.faults.push(format!("{name} has no rows; `allow_empty: true` if that is right"));
        }
        measured.tables.push((target, print));
    }
    Ok(measured)
}

async fn targets(
    session: &mut dyn Session,
    of: &FingerprintOf,
    exclude: &[String],
    measured: &mut Measured,
) -> Result<Vec<Target>, Trouble> {
    let tables = session.tables().await?;
    let names = || tables.iter().map(|table| table.name.as_str());
    let mut chosen: Vec<&Table> = Vec::new();
    if let FingerprintOf::Tables(wanted) = of {
        for wanted in wanted {
            match tables.iter().find(|table| table.name.eq_ignore_ascii_case(wanted)) {
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
        for (kind, words) in
            [(TableKind::Virtual, "virtual tables"), (TableKind::Shadow, "tables behind virtual tables")]
        {
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
    let mut unused: Vec<&String> = exclude.iter().collect();
    let mut targets = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for table in chosen {
        let mut shape = session.describe(table).await?;
        columns.extend(shape.columns.iter().map(|(column, _)| format!("{}.{column}", shape.table.name)));
        let excluded =
            |column: &str| exclude.iter().find(|entry| names_column(entry, &shape.table.name, column));
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
        targets.push(Target::Table(shape));
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

fn hint<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wanted, names).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
}

impl Target {
    /// The table's name, or `query`.
    pub(super) fn name(&self) -> &str {
        match self {
            Target::Table(shape) => &shape.table.name,
            Target::Query(_) => "query",
        }
    }
}

/// Tells how far a check is.
pub(super) fn ticker<'a>(
    progress: &'a dyn Progress,
    step: &'a StepId,
    check: &'a str,
) -> impl Fn(&str, u64, Option<u64>) + Send + Sync + 'a {
    move |table, done, total| {
        progress.tick(Tick {
            step: step.clone(),
            what: check.to_owned(),
            done: Some(done),
            total,
            unit: "rows",
            note: table.to_owned(),
        });
    }
}

/// Looks references up for a statement of that session.
pub(super) fn binder<'a>(
    placeholder: fn(usize, &str) -> String,
    known: &'a Known,
    point: Option<&'a RecoveryPoint>,
) -> impl Fn(&Template) -> Result<Statement, Fault> + 'a {
    move |sql| Statement::build(known.bind(sql, point)?, placeholder)
}

/// Makes a `fingerprint` check.
pub(super) async fn check(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
    check: &FingerprintCheck,
) -> Result<CheckOutcome, Trouble> {
    let tick = ticker(ask.progress, ask.step, &ask.check.name);
    let binder = binder(session.placeholder(), ask.known, ask.point);
    let mut measured = measure(session, check, binder, &tick).await?;
    let mut details = std::mem::take(&mut measured.faults);
    let rows: u64 = measured.tables.iter().map(|(_, print)| print.rows).sum();
    let (expected, differing) = match (&check.expect, ask.baseline) {
        (FingerprintExpect::Digest(digest), _) => {
            (format!("digest {digest}"), digests(&measured, digest, &mut details))
        }
        (FingerprintExpect::Baseline, Some(baseline)) => {
            let all = check.of == FingerprintOf::AllTables;
            let differing = against(session, &measured, &baseline.tables, all, &mut details).await?;
            let rows: u64 = baseline.tables.iter().map(|print| print.rows).sum();
            let expected = format!(
                "the baseline of {}: {}, {}",
                baseline.taken.human(),
                counted(baseline.tables.len() as u64, "table"),
                counted(rows, "row")
            );
            (expected, differing)
        }
        (FingerprintExpect::Baseline, None) => ("a baseline".to_owned(), 1),
        (FingerprintExpect::Source, _) => {
            details.push("the source is not compared with in this build".to_owned());
            ("the source".to_owned(), 1)
        }
    };
    let passed = details.is_empty() && differing == 0;
    let (tables, rows_read) = (counted(measured.tables.len() as u64, "table"), counted(rows, "row"));
    let actual = match (passed, differing) {
        (true, _) => format!("equal: {tables}, {rows_read}"),
        (false, 0) => format!("not proven: {tables}, {rows_read}"),
        (false, differing) => format!("{} of {tables} differ, {rows_read} read", grouped(differing)),
    };
    details.extend(measured.notes);
    let digests = measured
        .tables
        .iter()
        .map(|(target, print)| (target.name().to_owned(), format!("{}:{}", print.algorithm, print.digest)));
    Ok(CheckOutcome {
        details,
        rows: Some(rows),
        digests: digests.collect(),
        ..outcome(passed, expected, actual)
    })
}

/// Compares with a digest that is written down; says how many differ.
fn digests(measured: &Measured, wanted: &str, details: &mut Vec<String>) -> u64 {
    let [(target, print)] = measured.tables.as_slice() else {
        details.push("a digest can be expected of a query or of a single table".to_owned());
        return 0;
    };
    let (algorithm, hex) = wanted.split_once(':').unwrap_or((ALGORITHM, wanted));
    if algorithm != print.algorithm {
        details.push(format!("the digest is of {algorithm}; this firedrill computes {}", print.algorithm));
        return 0;
    }
    if print.digest.eq_ignore_ascii_case(hex) {
        return 0;
    }
    details.push(format!(
        "{}: {}, digest {}:{}; which rows differ can be told from a baseline only",
        target.name(),
        counted(print.rows, "row"),
        print.algorithm,
        print.digest
    ));
    1
}

/// Compares with a baseline; says how many tables differ.
async fn against(
    session: &mut dyn Session,
    measured: &Measured,
    baseline: &[TableFingerprint],
    all: bool,
    details: &mut Vec<String>,
) -> Result<u64, Trouble> {
    let mut differing = 0;
    for (target, print) in &measured.tables {
        let Some(was) = baseline.iter().find(|was| was.table.eq_ignore_ascii_case(target.name())) else {
            differing += 1;
            details.push(match all {
                true => format!("{}: not in the baseline", target.name()),
                false => {
                    format!("{}: not in the baseline; take it anew with `firedrill baseline`", target.name())
                }
            });
            continue;
        };
        match compare(was, print) {
            Comparison::Equal => {}
            Comparison::Shape(found) => {
                differing += 1;
                details.extend(found.into_iter().map(|found| format!("{}: {found}", target.name())));
            }
            Comparison::Rows(difference) => {
                differing += 1;
                let names = session.names(target, &difference.hashed_keys()).await?;
                details.extend(difference.words(was, print, |key| key_words(key, was, &names)));
            }
        }
    }
    if all {
        let here = |was: &&TableFingerprint| {
            measured.tables.iter().any(|(target, _)| was.table.eq_ignore_ascii_case(target.name()))
        };
        for was in baseline.iter().filter(|was| !here(was)) {
            differing += 1;
            let names = measured.tables.iter().map(|(target, _)| target.name());
            details.push(format!(
                "{}: the table is missing{}; it had {}",
                was.table,
                hint(&was.table, names),
                counted(was.rows, "row")
            ));
        }
    }
    Ok(differing)
}

/// A key in words: an integer key as it is, another as it was found in the restored table, else by its digest.
fn key_words(key: &Key, was: &TableFingerprint, names: &BTreeMap<Key, String>) -> String {
    match (key, names.get(key)) {
        (_, Some(name)) => name.clone(),
        (Key::Integer(value), None) => format!("{}={value}", was.key.join(",")),
        (Key::Hashed(hash), None) if was.key.is_empty() => format!("row#{hash:016x}"),
        (Key::Hashed(hash), None) => format!("{}#{hash:016x}", was.key.join(",")),
    }
}
