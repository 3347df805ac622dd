//! Baselines: fingerprints taken on the live database, to compare restored ones with.

use super::{
    TableFingerprint,
    sql::{Session, Trouble},
    sqlite::SqliteSession,
    tables::{Binder, measure, ticker},
    targets::Aim,
};
use crate::{
    drill::{Fault, FaultClass, RecoveryPoint},
    ids::StepId,
    playbook::{
        Action, Check, CheckKind, FingerprintCheck, FingerprintExpect, Playbook, Restore, Source, Step,
        Subject,
    },
    ports::{Known, Progress},
};
use std::path::Path;

/// A check that wants a baseline, and the restore whose source it is taken on.
#[derive(Debug, Clone, Copy)]
pub struct WantedBaseline<'a> {
    /// The verify step.
    pub step: &'a StepId,
    /// Its check.
    pub check: &'a Check,
    /// What the check takes the fingerprint of.
    pub fingerprint: &'a FingerprintCheck,
    /// The restore step that it looks at.
    pub restored_by: &'a Step,
    /// What that step restores.
    pub restore: &'a Restore,
}

impl WantedBaseline<'_> {
    /// The live database as the playbook writes it: relative to its folder.
    pub fn live(&self) -> Option<&Path> {
        match &self.restore.source {
            Source::Sqlite(source) => source.live.as_deref(),
            Source::Command(_) | Source::Dump(_) | Source::Unsupported { .. } => None,
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
            if let CheckKind::Fingerprint(fingerprint) = &check.kind
                && fingerprint.expect == FingerprintExpect::Baseline
            {
                wanted.push(WantedBaseline { step: &step.id, check, fingerprint, restored_by, restore });
            }
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
    pub fingerprint: &'a FingerprintCheck,
    /// The recovery point that it is for, to which `{{ recovery_point.* }}` refers.
    pub point: Option<&'a RecoveryPoint>,
    /// What else references can refer to.
    pub known: &'a Known,
    /// Where to tell how far it is.
    pub progress: &'a dyn Progress,
}

/// Takes one baseline on a live SQLite database.
pub async fn take_baseline(
    ask: BaselineRequest<'_>,
    database: &Path,
) -> Result<Vec<TableFingerprint>, Fault> {
    let mut taken = take_baselines(std::slice::from_ref(&ask), database).await?;
    Ok(taken.pop().unwrap_or_default())
}

/// Takes baselines on a live SQLite database, all of one moment: in one read transaction. Others may write meanwhile if
/// the database is in WAL mode, else they wait. It is opened read-only and never changed. Beside a
/// database in WAL mode that nobody has open, SQLite leaves its `-shm` and an empty `-wal`, as for any reader.
pub async fn take_baselines(
    asks: &[BaselineRequest<'_>],
    database: &Path,
) -> Result<Vec<Vec<TableFingerprint>>, Fault> {
    let whole = async {
        let mut session = SqliteSession::of_live(database).await?;
        let mut taken = Vec::new();
        for ask in asks {
            let tick = ticker(ask.progress, ask.step, ask.check);
            let binder = Binder { placeholder: session.placeholder(), known: ask.known, point: ask.point };
            let aim = Aim::Source(ask.point.map(|point| point.time));
            let measured = measure(&mut session, ask.fingerprint, &binder, aim, &tick).await?;
            if !measured.faults.is_empty() {
                let message = format!("baseline of `{}`: {}", ask.check, measured.faults.join("; "));
                return Err(Fault::new(FaultClass::Permanent, message).into());
            }
            taken.push(measured.tables.into_iter().map(|(_, print)| print).collect());
        }
        Box::new(session).close().await;
        Ok(taken)
    };
    Box::pin(whole).await.map_err(|trouble| match trouble {
        Trouble::Fault(fault) => fault,
        Trouble::Damaged(what) => {
            Fault::new(FaultClass::Permanent, format!("the live database is damaged: {what}"))
        }
    })
}
