//! The providers over real folders: what they make, what they find, and what they never touch.

mod command;
mod place;
mod sqlite;

use super::*;
use crate::{
    drill::{Candidate, Claim, Fault, Link, Outputs, RecoveryPoint, Scope},
    ids::{ClaimId, RunId, StepId},
    playbook::{Restore, Selector, Source},
    ports::{
        AcquireRequest, Known, Observation, Preflight, Progress, Provider, Receipts, ReleaseRequest,
        RestoreRequest, Tick,
    },
    time::Timestamp,
};
use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};
use tempfile::TempDir;

/// 2026-11-23T09:00:00Z: the declaration of every test's run.
const DECLARED: Timestamp = Timestamp::from_millis(1_795_424_400_000);

/// A machine with a folder of backups, a scratch folder and a folder of production.
struct Machine {
    _temp: TempDir,
    /// Real: macOS has its temporary folders behind a link.
    base: PathBuf,
    run: RunId,
    step: StepId,
    ticks: Mutex<Vec<Tick>>,
}

impl Progress for Machine {
    fn tick(&self, tick: Tick) {
        self.ticks.lock().expect("not poisoned").push(tick);
    }
}

impl Machine {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("a folder");
        let base = temp.path().canonicalize().expect("is there");
        for folder in ["backups", "scratch", "production"] {
            std::fs::create_dir(base.join(folder)).expect("made");
        }
        Self {
            _temp: temp,
            base,
            run: RunId::new(DECLARED, [7; 10]),
            step: "db".parse().expect("a label"),
            ticks: Mutex::default(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(path), bytes).expect("written");
        self.path(path)
    }

    fn scratch(&self) -> Scratch {
        Scratch { allowed: vec![self.path("scratch")], production: vec![self.path("production")] }
    }

    /// The names in a folder, sorted.
    fn names(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path(path))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn claim(&self, source: crate::playbook::SourceKind, link: Link) -> Claim {
        Claim {
            id: ClaimId::new(&self.step, 1, &link.kind),
            run: self.run,
            step: self.step.clone(),
            attempt: 1,
            source,
            link,
            expires: DECLARED + Period::from_secs(86_400),
        }
    }
}

/// One provider asked about one restore on a machine.
struct Drill<'a> {
    machine: &'a Machine,
    provider: &'a dyn Provider,
    restore: Restore,
    wish: Option<PathBuf>,
    known: Known,
}

impl<'a> Drill<'a> {
    fn new(machine: &'a Machine, provider: &'a dyn Provider, source: Source) -> Self {
        let restore = Restore { recovery_point: Selector::Latest, max_age: None, source };
        Self { machine, provider, restore, wish: None, known: Known::default() }
    }

    fn ask(&self) -> RestoreRequest<'_> {
        RestoreRequest {
            run: self.machine.run,
            step: &self.machine.step,
            attempt: 1,
            restore: &self.restore,
            folder: &self.machine.base,
            scratch_folder: self.wish.as_deref(),
            scratch_aws: None,
            declared: DECLARED,
        }
    }

    async fn preflight(&self) -> Preflight {
        self.provider.preflight(&self.ask()).await.expect("looks")
    }

    async fn candidates(&self) -> Vec<Candidate> {
        self.provider.recovery_points(&self.ask()).await.expect("lists")
    }

    /// The newest that is fit.
    async fn latest(&self) -> RecoveryPoint {
        let fit = self.candidates().await.into_iter().filter(|candidate| candidate.unfit.is_none());
        fit.map(|candidate| candidate.point).max_by_key(|point| point.time).expect("one is fit")
    }

    fn claim(&self, point: &RecoveryPoint) -> Claim {
        let mut chain = self.provider.chain(&self.ask(), point).expect("a chain");
        assert_eq!(chain.len(), 1);
        self.machine.claim(self.restore.source.kind(), chain.remove(0))
    }

    async fn acquire(&self, claim: &Claim, point: &RecoveryPoint) -> Result<Receipts, Fault> {
        let ask = AcquireRequest {
            restore: self.ask(),
            claim,
            point,
            earlier: &Outputs::new(),
            known: &self.known,
            progress: self.machine,
        };
        self.provider.acquire(&ask).await
    }

    async fn observe(&self, claim: &Claim) -> Observation {
        let mut seen = self.provider.observe(&[claim]).await;
        assert_eq!((seen.len(), &seen[0].0), (1, &claim.id));
        seen.remove(0).1
    }

    async fn release(&self, claim: &Claim, point: &RecoveryPoint) -> Result<Receipts, Fault> {
        let ask = ReleaseRequest { restore: self.ask(), point, known: &self.known };
        self.provider.release(claim, &ask).await
    }
}

fn is_absent(seen: &Observation) -> bool {
    matches!(seen, Observation::Absent { .. })
}

fn outputs(seen: Observation) -> Outputs {
    match seen {
        Observation::Ready { outputs, .. } => outputs,
        other => panic!("not ready: {other:?}"),
    }
}

#[test]
fn sizes_are_written_for_a_person() {
    assert_eq!(human_bytes(17), "17 bytes");
    assert_eq!(human_bytes(3 << 30), "3.0 GiB");
}

#[test]
fn the_pace_grows_with_the_waiting() {
    let at = |secs| pace(Period::from_secs(secs), Period::from_millis(100), Period::from_secs(5));
    assert_eq!([0, 10, 3600].map(|secs| at(secs).as_millis()), [100, 1000, 5000]);
}
