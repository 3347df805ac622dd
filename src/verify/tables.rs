//! The `fingerprint` check: which tables, what stands in the way, how they compare with what is expected.

use super::{
    ChangedRows, TableFingerprint,
    cells::{self, Cells},
    difference::{Comparison, RowDifference, compare},
    fingerprint::{ALGORITHM, Key},
    location::{self, Located},
    source,
    sql::{How, LeftOut, Session, Target, Trouble, outcome},
    statement::Statement,
    targets::{Aim, hint, targets},
    words::{counted, grouped},
};
use crate::{
    drill::{CheckOutcome, Fault, FaultClass, RecoveryPoint},
    ids::StepId,
    playbook::{FingerprintCheck, FingerprintExpect, FingerprintOf, Template},
    ports::{Baseline, CheckRequest, Known, Progress, Tick},
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

/// The baseline for the recovery point, or why nothing can be proven without one.
pub(super) fn baseline_for<'a>(ask: &CheckRequest<'a>) -> Result<&'a Baseline, Fault> {
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
        Some(baseline) => Ok(baseline),
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
    binder: &Binder<'_>,
    aim: Aim<'_>,
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
            vec![Target::Query(binder.statement(sql)?)]
        }
        _ => targets(session, check, binder, aim, &mut measured).await?,
    };
    let how = how(check);
    let mut before = 0;
    for target in targets {
        let name = target.name().to_owned();
        let seen = |rows, total: Option<u64>| tick(&name, before + rows, total.map(|total| before + total));
        let mut print = session.fingerprint(&target, how, &seen).await?;
        if let Target::Table(shape) = &target {
            print.condition = shape.condition.as_ref().map(Statement::in_words).unwrap_or_default();
            match &shape.left_out {
                LeftOut::Nothing => {}
                LeftOut::Since(column, since) => {
                    let keys = session.changed(shape, column, *since).await?;
                    print.changed = Some(ChangedRows { column: column.clone(), keys });
                }
                LeftOut::Keys(keys) => {
                    measured.notes.push(format!(
                        "{name}: {} left out, which changed at or after the recovery point as the source told",
                        counted(keys.len() as u64, "row")
                    ));
                }
            }
        }
        before += print.rows;
        if print.rows == 0 && !check.allow_empty {
            measured.faults.push(format!("{name} has no rows; `allow_empty: true` if that is right"));
        }
        measured.tables.push((target, print));
    }
    Ok(measured)
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

/// Looks references up for the statements of a session.
#[derive(Clone, Copy)]
pub(super) struct Binder<'a> {
    pub(super) placeholder: fn(usize, &str) -> String,
    pub(super) known: &'a Known,
    pub(super) point: Option<&'a RecoveryPoint>,
}

impl Binder<'_> {
    /// A statement of its own.
    pub(super) fn statement(&self, sql: &Template) -> Result<Statement, Fault> {
        Statement::build(self.known.bind(sql, self.point)?, self.placeholder)
    }

    /// A condition, in parentheses.
    pub(super) fn condition(&self, sql: &Template) -> Result<Statement, Fault> {
        Statement::condition(self.known.bind(sql, self.point)?, self.placeholder)
    }
}

/// Makes a `fingerprint` check.
pub(super) async fn check(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
    check: &FingerprintCheck,
) -> Result<CheckOutcome, Trouble> {
    let tick = ticker(ask.progress, ask.step, &ask.check.name);
    let binder = Binder { placeholder: session.placeholder(), known: ask.known, point: ask.point };
    if check.expect == FingerprintExpect::Source {
        return source::check(session, ask, check, &binder, &tick).await;
    }
    let aim = Aim::Restored(ask.baseline.map_or(&[][..], |baseline| &baseline.tables));
    let mut measured = measure(session, check, &binder, aim, &tick).await?;
    let mut details = std::mem::take(&mut measured.faults);
    let (expected, differing) = match (&check.expect, ask.baseline) {
        (FingerprintExpect::Digest(digest), _) => {
            (format!("digest {digest}"), digests(&measured, digest, &mut details))
        }
        (FingerprintExpect::Baseline, Some(baseline)) => {
            let differing = against(session, check, &measured, &baseline.tables, &mut details).await?;
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
        (FingerprintExpect::Source, _) => ("the source".to_owned(), 1),
    };
    Ok(concluded(measured, expected, differing, details))
}

/// What a check says of what it measured: `differing` tables, and `details` of which each makes it fail.
pub(super) fn concluded(
    measured: Measured,
    expected: String,
    differing: u64,
    mut details: Vec<String>,
) -> CheckOutcome {
    let rows: u64 = measured.tables.iter().map(|(_, print)| print.rows).sum();
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
    CheckOutcome {
        details,
        rows: Some(rows),
        digests: digests.collect(),
        ..outcome(passed, expected, actual)
    }
}

/// Compares with a digest that is written down; says how many differ.
fn digests(measured: &Measured, wanted: &str, details: &mut Vec<String>) -> u64 {
    let [(target, print)] = measured.tables.as_slice() else {
        details.push("a digest can be expected of a query or of a single table".to_owned());
        return 0;
    };
    let (algorithm, hex) = wanted.split_once(':').unwrap_or((ALGORITHM, wanted));
    if !algorithm.eq_ignore_ascii_case(&print.algorithm) {
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
pub(super) async fn against(
    session: &mut dyn Session,
    check: &FingerprintCheck,
    measured: &Measured,
    baseline: &[TableFingerprint],
    details: &mut Vec<String>,
) -> Result<u64, Trouble> {
    let all = check.of == FingerprintOf::AllTables;
    let mut differing = 0;
    for (target, print) in &measured.tables {
        let Some(was) = baseline.iter().find(|was| was.table == target.name()) else {
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
            Comparison::Rows(_) if Cells::are_in(&print.buckets) => {
                differing += 1;
                let found = location::locate(session, target, how(check), was, print).await?;
                details.extend(in_words(found, check.redact_keys, was, print));
            }
            Comparison::Rows(difference) => {
                differing += 1;
                details.extend(sketched(session, target, check, &difference, was, print).await?);
            }
        }
    }
    if all {
        let here =
            |was: &&TableFingerprint| measured.tables.iter().any(|(target, _)| was.table == target.name());
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

/// What was found, or why nothing could be, in words.
fn in_words(
    found: Result<Located, &'static str>,
    redact: bool,
    was: &TableFingerprint,
    is: &TableFingerprint,
) -> Vec<String> {
    match found {
        Ok(located) if redact => located.redacted(&was.key).words(was, is),
        Ok(located) => located.words(was, is),
        Err(why) => RowDifference::Unknown(why).words(was, is, |_| String::new()),
    }
}

/// The rows that a sketch names, in words.
pub(super) async fn sketched(
    session: &mut dyn Session,
    target: &Target,
    check: &FingerprintCheck,
    difference: &RowDifference,
    was: &TableFingerprint,
    is: &TableFingerprint,
) -> Result<Vec<String>, Trouble> {
    let names = session.names(target, &difference.hashed_keys()).await?;
    Ok(difference.words(was, is, |key| {
        let words = key_words(key, was, &names);
        if check.redact_keys { location::redacted(&words, &was.key) } else { words }
    }))
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
