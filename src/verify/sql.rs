//! Checks on a restored SQL database: one read-only session for each check.
//!
//! ```text
//!   SqlVerifier ── engine of the restored database ──> Session     sqlite: rows are streamed and summed in-process
//!        │                                                          (servers: summed inside the database)
//!        ├─ integrity    ─> Session::integrity
//!        ├─ fingerprint  ─> Session::fingerprint, for each table ──> difference (pure)
//!        └─ query, freshness ─> Session::answer ──> answer (pure)
//! ```
//! A timeout drops the session, and a dropped session stops its statement.

use super::{
    TableFingerprint,
    answer::{self, Answer, Judgement},
    difference::{Comparison, compare},
    fingerprint::{ALGORITHM, Key},
    sqlite,
    statement::Statement,
    words::{counted, grouped, nearest},
};
use crate::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass, Outputs},
    playbook::{CheckKind, FingerprintCheck, FingerprintExpect, FingerprintOf, Template},
    ports::{CheckRequest, Known, Tick, Verifier},
    time::{Period, SystemClock},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, path::Path};

/// How long a check may take that reads whole tables, where the playbook does not say.
const SCAN_TIMEOUT: Period = Period::from_secs(6 * 3600);
/// How long a query may take, where the playbook does not say.
const QUERY_TIMEOUT: Period = Period::from_secs(600);

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// The database itself is damaged: the check has failed.
    Damaged(String),
    /// The check could not be made.
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble::Fault(fault)
    }
}

/// What can be asked of a database, whatever its engine. Read-only; dropping it stops what it runs.
#[async_trait]
pub(super) trait Session: Send {
    /// How a parameter is written, counted from 1.
    fn placeholder(&self) -> fn(usize) -> String;

    /// The engine's own check of its storage, and of references between tables.
    async fn integrity(&mut self) -> Result<Integrity, Trouble>;

    /// What there is, by name.
    async fn tables(&mut self) -> Result<Vec<Table>, Trouble>;

    /// The columns and the key of a table.
    async fn describe(&mut self, table: &Table) -> Result<Shape, Trouble>;

    /// Reads all rows once; tells how many it has read, and of about how many.
    async fn fingerprint(&mut self, target: &Target, seen: Seen<'_>) -> Result<TableFingerprint, Trouble>;

    /// Words for those of the keys that are known by their hash and are still in the table.
    async fn names(&mut self, target: &Target, keys: &[Key]) -> Result<BTreeMap<Key, String>, Trouble>;

    /// Runs a query and counts at most `enough` rows.
    async fn answer(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble>;

    /// Ends it.
    async fn close(self: Box<Self>);
}

/// Told how many rows were read, and of how many.
pub(super) type Seen<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// What the engine's own check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Integrity {
    /// What was looked at, in words.
    pub(super) looked_at: String,
    /// What is wrong, the worst first; empty: nothing.
    pub(super) problems: Vec<String>,
    /// What could not be looked at.
    pub(super) notes: Vec<String>,
}

/// Something with rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) kind: TableKind,
    /// Whether its rows are numbered by the engine.
    pub(super) numbered: bool,
}

/// What kind of table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableKind {
    Ordinary,
    View,
    /// Its rows come from a module.
    Virtual,
    /// Where a module keeps what it needs.
    Shadow,
}

/// A table's columns and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) table: Table,
    /// Names and declared types, in order.
    pub(super) columns: Vec<(String, String)>,
    /// The columns of the primary key.
    pub(super) key: Vec<String>,
    /// The name under which the engine's row number can be asked for.
    pub(super) row_number: Option<&'static str>,
}

/// What a fingerprint is taken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Table(Shape),
    Query(Statement),
}

/// Fingerprints, and what stands in the way of believing them.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    pub(super) tables: Vec<(Target, TableFingerprint)>,
    /// Each makes the check fail.
    pub(super) faults: Vec<String>,
    /// What was not covered.
    pub(super) notes: Vec<String>,
}

/// Makes the checks of SQL databases.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqlVerifier;

#[async_trait]
impl Verifier for SqlVerifier {
    async fn check(&self, ask: &CheckRequest<'_>) -> Result<CheckOutcome, Fault> {
        let started = SystemClock::read().monotonic;
        let (kind, default) = match ask.check.kind {
            CheckKind::Integrity => ("integrity", SCAN_TIMEOUT),
            CheckKind::Fingerprint(_) => ("fingerprint", SCAN_TIMEOUT),
            CheckKind::Query { .. } => ("query", QUERY_TIMEOUT),
            CheckKind::Freshness { .. } => ("freshness", QUERY_TIMEOUT),
            CheckKind::Http(_) | CheckKind::Kubernetes => {
                return Err(Fault::new(FaultClass::Permanent, "this is no check of a database"));
            }
        };
        let limit = ask.check.timeout.unwrap_or(default);
        let found = tokio::time::timeout(limit.to_std(), Box::pin(look(ask))).await.map_err(|_| {
            Fault::new(FaultClass::Timeout, format!("stopped after {}, its timeout", limit.human()))
        })?;
        let mut outcome = match found {
            Ok(outcome) => outcome,
            Err(Trouble::Fault(fault)) => return Err(fault),
            Err(Trouble::Damaged(what)) => CheckOutcome {
                details: vec!["the restored database is damaged; restore an older backup and compare".into()],
                ..outcome(false, "a database that can be read", what)
            },
        };
        outcome.kind = kind.to_owned();
        outcome.took = SystemClock::read().monotonic.saturating_sub(started).into();
        Ok(outcome)
    }
}

fn outcome(passed: bool, expected: impl Into<String>, actual: impl Into<String>) -> CheckOutcome {
    CheckOutcome {
        status: if passed { CheckStatus::Passed } else { CheckStatus::Failed },
        kind: String::new(),
        expected: expected.into(),
        actual: actual.into(),
        details: Vec::new(),
        rows: None,
        took: Period::ZERO,
        freshness: None,
        digests: Outputs::new(),
    }
}

fn judged(judgement: Judgement, rows: u64) -> CheckOutcome {
    CheckOutcome {
        details: judgement.details,
        rows: Some(rows),
        freshness: judgement.freshness,
        ..outcome(judgement.passed, judgement.expected, judgement.actual)
    }
}

async fn look(ask: &CheckRequest<'_>) -> Result<CheckOutcome, Trouble> {
    if let CheckKind::Fingerprint(check) = &ask.check.kind {
        preconditions(ask, check)?;
    }
    let mut session = open(ask.subject).await?;
    let found = match &ask.check.kind {
        CheckKind::Integrity => integrity(session.as_mut()).await,
        CheckKind::Fingerprint(check) => fingerprint(session.as_mut(), ask, check).await,
        CheckKind::Query { sql, expect, allow_empty } => {
            let statement = bind(session.as_ref(), sql, ask)?;
            session.answer(&statement, answer::rows_needed(expect)).await.map(|answer| {
                let rows = answer.rows;
                judged(answer::judge(expect, &answer, *allow_empty), rows)
            })
        }
        CheckKind::Freshness { sql, max_age } => {
            let statement = bind(session.as_ref(), sql, ask)?;
            session.answer(&statement, 2).await.map(|answer| {
                let mut judgement = answer::judge_freshness(&answer, *max_age, ask.declared);
                let newer = judgement.freshness.zip(ask.point).filter(|(at, point)| *at > point.time);
                if let Some((at, point)) = newer {
                    judgement.details.push(format!(
                        "the data is {} newer than the recovery point's own time, {}",
                        at.since(point.time).human(),
                        point.time.human()
                    ));
                }
                judged(judgement, answer.rows)
            })
        }
        CheckKind::Http(_) | CheckKind::Kubernetes => {
            Err(Fault::new(FaultClass::Permanent, "this is no check of a database").into())
        }
    };
    session.close().await;
    found
}

async fn open(subject: &Outputs) -> Result<Box<dyn Session>, Trouble> {
    let permanent = |message: String| Trouble::Fault(Fault::new(FaultClass::Permanent, message));
    match subject.get("engine").map(String::as_str) {
        Some("sqlite") => {
            let path = subject
                .get("path")
                .ok_or_else(|| permanent("the restore step gave no `path` to a database".into()))?;
            Ok(Box::new(sqlite::SqliteSession::of_restored(Path::new(path)).await?))
        }
        Some(other) => Err(permanent(format!(
            "this build checks databases of engine sqlite; the restore step gave engine `{other}`"
        ))),
        None => Err(permanent(
            "the restore step gave no `engine`: it restores no database that SQL checks can look at".into(),
        )),
    }
}

fn bind(session: &dyn Session, sql: &Template, ask: &CheckRequest<'_>) -> Result<Statement, Fault> {
    Statement::build(ask.known.bind(sql, ask.point)?, session.placeholder())
}

async fn integrity(session: &mut dyn Session) -> Result<CheckOutcome, Trouble> {
    let found = session.integrity().await?;
    let actual = match found.problems.len() {
        0 => format!("sound: {}", found.looked_at),
        problems => counted(problems as u64, "problem"),
    };
    Ok(CheckOutcome {
        details: found.problems.iter().chain(&found.notes).cloned().collect(),
        ..outcome(found.problems.is_empty(), "no problem in storage, indexes or references", actual)
    })
}

// ---------------------------------------------------------------- fingerprints

/// What can be known before the database is read.
fn preconditions(ask: &CheckRequest<'_>, check: &FingerprintCheck) -> Result<(), Fault> {
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
    let mut before = 0;
    for target in targets {
        let name = target.name().to_owned();
        let seen = |rows, total: Option<u64>| tick(&name, before + rows, total.map(|total| before + total));
        let print = session.fingerprint(&target, &seen).await?;
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
    for table in chosen {
        let mut shape = session.describe(table).await?;
        let excluded = |column: &str| {
            exclude.iter().find(|entry| {
                entry
                    .strip_suffix_ignoring_case(column)
                    .and_then(|rest| rest.strip_suffix('.'))
                    .is_some_and(|named| named.eq_ignore_ascii_case(&shape.table.name))
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
        targets.push(Target::Table(shape));
    }
    let all = || {
        targets.iter().flat_map(|target| match target {
            Target::Table(shape) => {
                shape.columns.iter().map(|(column, _)| format!("{}.{column}", shape.table.name)).collect()
            }
            Target::Query(_) => Vec::new(),
        })
    };
    for entry in unused {
        let all: Vec<String> = all().collect();
        let hint = hint(entry, all.iter().map(String::as_str));
        measured.faults.push(format!("`exclude: {entry}` names no column; write table.column{hint}"));
    }
    Ok(targets)
}

trait StripIgnoringCase {
    fn strip_suffix_ignoring_case(&self, suffix: &str) -> Option<&str>;
}

impl StripIgnoringCase for String {
    fn strip_suffix_ignoring_case(&self, suffix: &str) -> Option<&str> {
        let (rest, end) = self.split_at_checked(self.len().checked_sub(suffix.len())?)?;
        end.eq_ignore_ascii_case(suffix).then_some(rest)
    }
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
    progress: &'a dyn crate::ports::Progress,
    step: &'a crate::ids::StepId,
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
    placeholder: fn(usize) -> String,
    known: &'a Known,
    point: Option<&'a crate::drill::RecoveryPoint>,
) -> impl Fn(&Template) -> Result<Statement, Fault> + 'a {
    move |sql| Statement::build(known.bind(sql, point)?, placeholder)
}

async fn fingerprint(
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
            (digest_words(digest), digests(&measured, digest, &mut details))
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
    };
    let passed = details.is_empty() && differing == 0;
    let read = format!("{}, {}", counted(measured.tables.len() as u64, "table"), counted(rows, "row"));
    let actual = match (passed, differing) {
        (true, _) => format!("equal: {read}"),
        (false, 0) => format!("not proven: {read}"),
        (false, differing) => format!("{} of {read} differ", grouped(differing)),
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

fn digest_words(digest: &str) -> String {
    format!("digest {digest}")
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
