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
    SchemaSnapshot, TableFingerprint,
    answer::{self, Answer, Judgement},
    catalog::Findings,
    cells::Element,
    fingerprint::Key,
    logins::{self, Managed, ScratchServers},
    mysql::MysqlSession,
    postgres::{PostgresSession, Reading},
    sqlite,
    statement::Statement,
    tables, whole,
};
use crate::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass, Outputs},
    playbook::{CheckKind, FingerprintExpect, ServerEngine, Template},
    ports::{CheckRequest, Tick, Verifier},
    server::{Login, ManagedLogins},
    time::{Period, SystemClock, Timestamp},
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Duration};

/// How long a check may take that reads whole tables, where the playbook does not say.
const SCAN_TIMEOUT: Period = Period::from_secs(6 * 3600);
/// How long a query may take, where the playbook does not say.
const QUERY_TIMEOUT: Period = Period::from_secs(600);

/// Connections that share the scan of a restored database, and of a live one.
const RESTORED_CONNECTIONS: usize = 4;

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
    /// How a parameter is written that will be bound to that value, counted from 1.
    fn placeholder(&self) -> fn(usize, &str) -> String;

    /// The engine's own check of its storage, and of references between tables.
    async fn integrity(&mut self, seen: Seen<'_>) -> Result<Integrity, Trouble>;

    /// What there is, by name.
    async fn tables(&mut self) -> Result<Vec<Table>, Trouble>;

    /// The columns and the key of a table.
    async fn describe(&mut self, table: &Table) -> Result<Shape, Trouble>;

    /// Reads all rows once; tells how many it has read, and of about how many.
    async fn fingerprint(
        &mut self,
        target: &Target,
        how: How,
        seen: Seen<'_>,
    ) -> Result<TableFingerprint, Trouble>;

    /// Words for those of the keys that are known by their hash and are still in the table.
    async fn names(&mut self, target: &Target, keys: &[Key]) -> Result<BTreeMap<Key, String>, Trouble>;

    /// Finds rows by what bucket sums tell of their keys; with `columns`, also a hash of each column.
    async fn locate(
        &mut self,
        target: &Target,
        how: How,
        wanted: &[Element],
        columns: bool,
    ) -> Result<Vec<Found>, Trouble> {
        let _ = (target, how, wanted, columns);
        Err(unsupported("bucket sums"))
    }

    /// Whether [`Session::locate`] can find the rows of a target.
    fn finds(&self, target: &Target) -> bool {
        let _ = target;
        true
    }

    /// Where keys of integers lie, one answer for each.
    async fn places(
        &mut self,
        target: &Target,
        how: How,
        keys: &[Vec<i128>],
    ) -> Result<Vec<Option<Element>>, Trouble> {
        let _ = (target, how);
        Ok(vec![None; keys.len()])
    }

    /// The key and hash of each row in some buckets.
    async fn marks(&mut self, target: &Target, how: How, buckets: &[u32]) -> Result<Vec<Mark>, Trouble> {
        let _ = (target, how, buckets);
        Err(unsupported("buckets"))
    }

    /// The hashes of the keys of rows that changed at or after a moment, as the column tells.
    async fn changed(
        &mut self,
        shape: &Shape,
        column: &str,
        since: Timestamp,
    ) -> Result<Vec<String>, Trouble> {
        let _ = (shape, column, since);
        Err(unsupported("`changed_since`"))
    }

    /// What the database is made of.
    async fn schema(&mut self, grants: bool, exclude: &[String]) -> Result<SchemaSnapshot, Trouble> {
        let _ = (grants, exclude);
        Err(unsupported("the `schema` check"))
    }

    /// Whether sequences are ahead of their columns.
    async fn sequences(&mut self, seen: Seen<'_>) -> Result<Findings, Trouble> {
        let _ = seen;
        Err(unsupported("the `sequences` check"))
    }

    /// Whether foreign keys find their rows.
    async fn references(&mut self, redact: bool, seen: Seen<'_>) -> Result<Findings, Trouble> {
        let _ = (redact, seen);
        Err(unsupported("the `references` check"))
    }

    /// The engine's own name for the moment that is read: an LSN, a GTID set.
    async fn position(&mut self) -> Result<Option<String>, Trouble> {
        Ok(None)
    }

    /// What fingerprints of all tables do not cover, in words.
    async fn uncovered(&mut self) -> Result<Vec<String>, Trouble> {
        Ok(Vec::new())
    }

    /// Tells from outside what the session is doing, where the engine lets it be seen.
    fn watch(&self) -> Option<Watch> {
        None
    }

    /// What should be said beside each outcome, such as that the user could write.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Runs a query and counts at most `enough` rows.
    async fn answer(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble>;

    /// Ends it.
    async fn close(self: Box<Self>);
}

/// Told how many rows were read, and of how many.
pub(super) type Seen<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// Looks once at what a session is doing.
pub(super) type Watch = Box<dyn Fn() -> BoxFuture<'static, Option<String>> + Send + Sync>;

fn unsupported(what: &str) -> Trouble {
    Fault::new(FaultClass::Permanent, format!("{what} can't be had of this kind of database")).into()
}

/// How a fingerprint is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct How {
    /// SHA-256 for each row.
    pub(super) strong: bool,
    /// How many buckets.
    pub(super) buckets: u32,
}

/// A row that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) element: Element,
    /// Its key in words, such as `id=5`.
    pub(super) words: String,
    /// The integer columns of its key.
    pub(super) keys: Vec<i128>,
    /// The `w` of its hash, see `cells`.
    pub(super) weight: u32,
    /// A hash of each column, in order; empty where not asked for.
    pub(super) columns: Vec<String>,
}

/// A row's key in words, what sums would tell of the key, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) words: String,
    pub(super) bucket: u32,
    pub(super) r: u32,
    pub(super) hash: String,
}

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
    /// Only rows for which this holds; its parameters are counted from 1.
    pub(super) condition: Option<Statement>,
    /// Which rows are left out since they changed after the recovery point.
    pub(super) left_out: LeftOut,
}

/// Rows that are left out of a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum LeftOut {
    /// None.
    #[default]
    Nothing,
    /// Those for which the column tells a moment at or after this.
    Since(String, Timestamp),
    /// Those whose keys have these hashes.
    Keys(Vec<String>),
}

/// What a fingerprint is taken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Table(Shape),
    Query(Statement),
}

/// Makes the checks of SQL databases.
#[derive(Clone)]
pub struct SqlVerifier {
    servers: ScratchServers,
    managed: Managed,
}

impl fmt::Debug for SqlVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlVerifier").field("managed", &self.managed.is_some()).finish_non_exhaustive()
    }
}

impl SqlVerifier {
    /// With the servers that dumps are restored on.
    pub fn new(servers: ScratchServers) -> Self {
        Self { servers, managed: None }
    }

    /// With a place where passwords of managed databases come from.
    #[must_use]
    pub fn with_managed(mut self, managed: Arc<dyn ManagedLogins>) -> Self {
        self.managed = Some(managed);
        self
    }
}

impl Default for SqlVerifier {
    fn default() -> Self {
        Self::new(ScratchServers::none())
    }
}

#[async_trait]
impl Verifier for SqlVerifier {
    async fn check(&self, ask: &CheckRequest<'_>) -> Result<CheckOutcome, Fault> {
        let started = SystemClock::read().monotonic;
        let (kind, default) = match ask.check.kind {
            CheckKind::Integrity => ("integrity", SCAN_TIMEOUT),
            CheckKind::Schema(_) => ("schema", QUERY_TIMEOUT),
            CheckKind::Sequences => ("sequences", QUERY_TIMEOUT),
            CheckKind::References { .. } => ("references", SCAN_TIMEOUT),
            CheckKind::Fingerprint(_) => ("fingerprint", SCAN_TIMEOUT),
            CheckKind::Query { .. } => ("query", QUERY_TIMEOUT),
            CheckKind::Freshness { .. } => ("freshness", QUERY_TIMEOUT),
            CheckKind::Http(_) | CheckKind::Kubernetes => {
                return Err(Fault::new(FaultClass::Permanent, "this is no check of a database"));
            }
        };
        let limit = ask.check.timeout.unwrap_or(default);
        let found = tokio::time::timeout(limit.to_std(), Box::pin(look(ask, &self.servers, &self.managed)))
            .await
            .map_err(|_| {
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

pub(super) fn outcome(passed: bool, expected: impl Into<String>, actual: impl Into<String>) -> CheckOutcome {
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

async fn look(
    ask: &CheckRequest<'_>,
    servers: &ScratchServers,
    managed: &Managed,
) -> Result<CheckOutcome, Trouble> {
    // What can be known before the database is read.
    let wants_baseline = match &ask.check.kind {
        CheckKind::Fingerprint(check) => check.expect == FingerprintExpect::Baseline,
        CheckKind::Schema(check) => check.expect == FingerprintExpect::Baseline,
        _ => false,
    };
    if wants_baseline {
        tables::baseline_for(ask)?;
    }
    let (mut session, note) = open(ask, servers, managed).await?;
    let found = match &ask.check.kind {
        CheckKind::Integrity => whole::integrity(session.as_mut(), ask).await,
        CheckKind::Schema(check) => whole::schema(session.as_mut(), ask, check).await,
        CheckKind::Sequences => whole::sequences(session.as_mut(), ask).await,
        CheckKind::References { redact_keys } => whole::references(session.as_mut(), ask, *redact_keys).await,
        CheckKind::Fingerprint(check) => tables::check(session.as_mut(), ask, check).await,
        CheckKind::Query { sql, expect, allow_empty } => {
            let statement = bind(session.as_ref(), sql, ask)?;
            answered(session.as_mut(), &statement, answer::rows_needed(expect), ask).await.map(|answer| {
                let rows = answer.rows;
                judged(answer::judge(expect, &answer, *allow_empty), rows)
            })
        }
        CheckKind::Freshness { sql, max_age } => {
            let statement = bind(session.as_ref(), sql, ask)?;
            answered(session.as_mut(), &statement, 2, ask).await.map(|answer| {
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
    let remarks = session.remarks();
    session.close().await;
    found.map(|mut outcome| {
        outcome.details.extend(remarks);
        outcome.details.extend(note);
        outcome
    })
}

/// How often is told that a query still runs.
const STILL: Duration = Duration::from_secs(5);

/// Runs a query; one that takes long, over storage that is loaded on first touch perhaps, tells that it is at work.
async fn answered(
    session: &mut dyn Session,
    statement: &Statement,
    enough: u64,
    ask: &CheckRequest<'_>,
) -> Result<Answer, Trouble> {
    let watch = session.watch();
    let started = SystemClock::read().monotonic;
    let tell = async {
        loop {
            tokio::time::sleep(STILL).await;
            let doing = match &watch {
                Some(watch) => watch().await.map(|doing| format!(", {doing}")),
                None => None,
            };
            let so_far: Period = SystemClock::read().monotonic.saturating_sub(started).into();
            ask.progress.tick(Tick {
                step: ask.step.clone(),
                what: ask.check.name.clone(),
                done: None,
                total: None,
                unit: "rows",
                note: format!("running for {}{}", so_far.human(), doing.unwrap_or_default()),
            });
        }
    };
    tokio::select! {
        done = session.answer(statement, enough) => done,
        never = tell => never,
    }
}

/// A session on the restored database, and what was done to get in.
async fn open(
    ask: &CheckRequest<'_>,
    servers: &ScratchServers,
    managed: &Managed,
) -> Result<(Box<dyn Session>, Option<String>), Trouble> {
    let subject = ask.subject;
    if let Some(engine) = logins::engine(subject) {
        let (login, note) = logins::restored(ask, engine, servers, managed).await?;
        return Ok((open_server(&login, RESTORED_CONNECTIONS, true).await?, note));
    }
    let permanent = |message: String| Trouble::Fault(Fault::new(FaultClass::Permanent, message));
    match subject.get("engine").map(String::as_str) {
        Some("sqlite") => {
            let path = subject
                .get("path")
                .ok_or_else(|| permanent("the restore step gave no `path` to a database".into()))?;
            Ok((Box::new(sqlite::SqliteSession::of_restored(Path::new(path)).await?), None))
        }
        Some(other) => Err(permanent(format!(
            "this build checks databases of engine sqlite, postgres and mysql; the restore step gave engine `{other}`"
        ))),
        None => Err(permanent(
            "the restore step gave no `engine`: it restores no database that SQL checks can look at".into(),
        )),
    }
}

/// A session on a server's database.
pub(super) async fn open_server(
    login: &Login,
    connections: usize,
    scratch: bool,
) -> Result<Box<dyn Session>, Trouble> {
    let reading = Reading { connections, scratch, snapshot: None };
    match login.engine {
        ServerEngine::Postgres => Ok(Box::new(PostgresSession::open(login, reading).await?)),
        ServerEngine::Mysql => Ok(Box::new(MysqlSession::open(login, connections, scratch).await?)),
    }
}

fn bind(session: &dyn Session, sql: &Template, ask: &CheckRequest<'_>) -> Result<Statement, Fault> {
    Statement::build(ask.known.bind(sql, ask.point)?, session.placeholder())
}
