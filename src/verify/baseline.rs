//! Baselines: fingerprints and schemas taken on the live database, to compare restored ones with.

use super::{
    SchemaSnapshot, TableFingerprint, logins,
    postgres::{PostgresSession, Reading},
    sql::{Session, Trouble, open_server},
    sqlite::SqliteSession,
    tables::{Binder, measure, ticker},
    targets::Aim,
    whole::with_grants,
};
use crate::{
    drill::{Fault, FaultClass, RecoveryPoint},
    ids::StepId,
    playbook::{
        Action, Check, CheckKind, FingerprintCheck, FingerprintExpect, FingerprintOf, Playbook, Restore,
        SchemaCheck, ServerEngine, Source, Step, Subject,
    },
    ports::{Known, Progress},
    server::Login,
};
use std::path::{Path, PathBuf};

/// Connections that share the scan of a live database, to spare it.
pub(super) const LIVE_CONNECTIONS: usize = 2;

/// A check that wants a baseline, and the restore whose source it is taken on.
#[derive(Debug, Clone, Copy)]
pub struct WantedBaseline<'a> {
    /// The verify step.
    pub step: &'a StepId,
    /// Its check.
    pub check: &'a Check,
    /// What the check compares.
    pub of: BaselineOf<'a>,
    /// The restore step that it looks at.
    pub restored_by: &'a Step,
    /// What that step restores.
    pub restore: &'a Restore,
}

impl WantedBaseline<'_> {
    /// Whether it is of rows that do not change any more, or notes those that did: it may be taken later.
    pub fn is_of_closed_data(&self) -> bool {
        let BaselineOf::Fingerprint(check) = self.of else { return false };
        let FingerprintOf::Tables(tables) = &check.of else { return false };
        tables
            .iter()
            .all(|table| check.conditions.contains_key(table) || check.changed_since.contains_key(table))
    }
}

/// What a baseline is of.
#[derive(Debug, Clone, Copy)]
pub enum BaselineOf<'a> {
    /// Rows.
    Fingerprint(&'a FingerprintCheck),
    /// The schema.
    Schema(&'a SchemaCheck),
}

/// A live database, which is only read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveSource {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database on a server.
    Server(Login),
}

impl LiveSource {
    /// The source of a restore, if the playbook names it. `folder`: where its relative paths start.
    pub fn of(source: &Source, folder: &Path) -> Result<Option<Self>, Fault> {
        match source {
            Source::Sqlite(source) => {
                Ok(source.live.as_ref().map(|live| LiveSource::Sqlite(folder.join(live))))
            }
            Source::Dump(_) | Source::Command(_) | Source::Rds(_) => {
                Ok(logins::live(source, folder)?.map(LiveSource::Server))
            }
            Source::Unsupported { .. } => Ok(None),
        }
    }

    /// For a person.
    pub fn shown(&self) -> String {
        match self {
            LiveSource::Sqlite(path) => path.display().to_string(),
            LiveSource::Server(login) => {
                format!("{} database {} at {}", login.engine.word(), login.database, login.place())
            }
        }
    }

    async fn open(&self, snapshot: Option<&str>) -> Result<Box<dyn Session>, Trouble> {
        match (self, snapshot) {
            (LiveSource::Server(login), Some(snapshot)) if login.engine == ServerEngine::Postgres => {
                let reading =
                    Reading { connections: LIVE_CONNECTIONS, scratch: false, snapshot: Some(snapshot) };
                Ok(Box::new(PostgresSession::open(login, reading).await?))
            }
            (_, Some(_)) => Err(Fault::new(
                FaultClass::Permanent,
                "only PostgreSQL has snapshots that one session exports for another",
            )
            .into()),
            (LiveSource::Sqlite(path), None) => Ok(Box::new(SqliteSession::of_live(path).await?)),
            (LiveSource::Server(login), None) => open_server(login, LIVE_CONNECTIONS, false).await,
        }
    }
}

/// The checks of a playbook that want a baseline.
pub fn wanted_baselines(playbook: &Playbook) -> Vec<WantedBaseline<'_>> {
    let mut wanted = Vec::new();
    for step in playbook.steps() {
        let Action::Verify(verify) = &step.action else { continue };
        let Subject::Database(subject) = &verify.subject else { continue };
        let Some(restored_by) = playbook.step(&subject.step) else { continue };
        let Action::Restore(restore) = &restored_by.action else { continue };
        for check in &verify.checks {
            let of = match &check.kind {
                CheckKind::Fingerprint(of) if of.expect == FingerprintExpect::Baseline => {
                    BaselineOf::Fingerprint(of)
                }
                CheckKind::Schema(of) if of.expect == FingerprintExpect::Baseline => BaselineOf::Schema(of),
                _ => continue,
            };
            wanted.push(WantedBaseline { step: &step.id, check, of, restored_by, restore });
        }
    }
    wanted
}

/// A baseline to take.
#[derive(Clone, Copy)]
pub struct BaselineRequest<'a> {
    /// The verify step.
    pub step: &'a StepId,
    /// Its check's name.
    pub check: &'a str,
    /// Of what.
    pub of: BaselineOf<'a>,
    /// What the restore restores from.
    pub source: Option<&'a Source>,
    /// The recovery point that it is for, to which `{{ recovery_point.* }}` refers.
    pub point: Option<&'a RecoveryPoint>,
    /// What else references can refer to.
    pub known: &'a Known,
    /// Where to tell how far it is.
    pub progress: &'a dyn Progress,
}

/// What was taken for one check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// One for each table, or one for the query.
    pub tables: Vec<TableFingerprint>,
    /// The schema.
    pub schema: Option<SchemaSnapshot>,
}

/// What was taken, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baselines {
    /// For each request, in order.
    pub taken: Vec<Taken>,
    /// The source's own name for the moment: an LSN, a GTID set.
    pub position: Option<String>,
    /// What should be said beside it.
    pub remarks: Vec<String>,
}

/// Takes baselines on a live database, all of one moment: in one read transaction, of one snapshot. The database is only
/// read. `snapshot`: one that another PostgreSQL session has exported, such as that of a dump.
///
/// A SQLite database that is not in WAL mode makes writers wait meanwhile. Beside one in WAL mode that nobody has
/// open, SQLite leaves its `-shm` and an empty `-wal`, as for any reader.
pub async fn take_baselines(
    asks: &[BaselineRequest<'_>],
    source: &LiveSource,
    snapshot: Option<&str>,
) -> Result<Baselines, Fault> {
    let whole = async {
        let mut session = source.open(snapshot).await?;
        let mut all = Baselines::default();
        for ask in asks {
            all.taken.push(take(session.as_mut(), ask).await?);
        }
        all.position = session.position().await?;
        all.remarks = session.remarks();
        session.close().await;
        Ok(all)
    };
    Box::pin(whole).await.map_err(|trouble| match trouble {
        Trouble::Fault(fault) => fault,
        Trouble::Damaged(what) => {
            Fault::new(FaultClass::Permanent, format!("the live database is damaged: {what}"))
        }
    })
}

async fn take(session: &mut dyn Session, ask: &BaselineRequest<'_>) -> Result<Taken, Trouble> {
    let check = match ask.of {
        BaselineOf::Schema(check) => {
            let grants = with_grants(ask.source, ask.source.and_then(logins::live_engine));
            let schema = session.schema(grants, &check.exclude).await?;
            return Ok(Taken { tables: Vec::new(), schema: Some(schema) });
        }
        BaselineOf::Fingerprint(check) => check,
    };
    let tick = ticker(ask.progress, ask.step, ask.check);
    let binder = Binder { placeholder: session.placeholder(), known: ask.known, point: ask.point };
    let aim = Aim::Source(ask.point.map(|point| point.time));
    let measured = measure(session, check, &binder, aim, &tick).await?;
    if !measured.faults.is_empty() {
        let message = format!("baseline of `{}`: {}", ask.check, measured.faults.join("; "));
        return Err(Fault::new(FaultClass::Permanent, message).into());
    }
    Ok(Taken { tables: measured.tables.into_iter().map(|(_, print)| print).collect(), schema: None })
}
