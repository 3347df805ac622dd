//! A playbook over a live and a restored database, and its one check, made as the engine would make it.

use crate::servers::{Kind, Server};
use firedrill::{
    drill::{CheckOutcome, Fault, Outputs, RecoveryPoint},
    ids::{RunId, StepId},
    playbook::{Action, Check, DatabaseSubject, Playbook, Source, Subject},
    ports::{Baseline, CheckRequest, Known, Unseen, Verifier},
    time::Timestamp,
    verify::{BaselineRequest, Checks, LiveSource, TableFingerprint, take_baselines, wanted_baselines},
};
use std::path::Path;

/// A database, and who looks at it.
#[derive(Debug, Clone)]
pub struct Place {
    pub engine: &'static str,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: String,
}

impl Place {
    /// That database, as the superuser sees it.
    pub fn of(server: &Server, kind: Kind, database: &str) -> Self {
        Self {
            engine: if kind == Kind::Postgres { "postgres" } else { "mysql" },
            port: server.port(),
            database: database.to_owned(),
            user: server.user().to_owned(),
            password: server.password().to_owned(),
        }
    }

    /// The same as another user sees it.
    pub fn seen_by(&self, user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), ..self.clone() }
    }
}

/// A playbook with one check.
pub struct Drill {
    // Holds the passwords.
    folder: tempfile::TempDir,
    playbook: Playbook,
    restored: Outputs,
}

impl Drill {
    /// Of a database that is its own source. `check`: what stands beside its name, such as `fingerprint: { all_tables: true }, expect: baseline`.
    pub fn new(place: &Place, check: &str) -> Self {
        Self::between(place, place, check)
    }

    /// Of a live database, and of what was restored of it.
    pub fn between(live: &Place, restored: &Place, check: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, place) in [("live", live), ("restored", restored)] {
            std::fs::write(folder.path().join(name), &place.password).expect("a file");
        }
        let text = format!(
            r#"apiVersion: firedrill/v1
kind: Playbook
metadata: {{ name: databases }}
objectives: {{ rto: 1h, rpo: 3000d }}
steps:
  - id: db
    restore:
      command:
        live: {{ engine: {}, host: 127.0.0.1, port: {}, user: {}, password: {{ file: live }}, database: {} }}
        commands: {{ recovery_point: ["true"], acquire: ["true"], release: ["true"] }}
  - id: data
    needs: [db]
    verify:
      sql:
        database: db
        user: {}
        password: {{ file: restored }}
        checks:
          - {{ name: it, {check} }}
"#,
            live.engine, live.port, live.user, live.database, restored.user
        );
        let checked = Playbook::parse(&folder.path().join("drill.yaml"), &text);
        let playbook = checked.unwrap_or_else(|faults| panic!("{faults:?}\n{text}")).playbook;
        let outputs = [
            ("engine", restored.engine.to_owned()),
            ("host", "127.0.0.1".to_owned()),
            ("port", restored.port.to_string()),
            ("database", restored.database.clone()),
        ];
        let restored = outputs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { folder, playbook, restored }
    }

    fn step(&self) -> (&StepId, &DatabaseSubject, &Check) {
        let verify = self.playbook.steps().iter().find_map(|step| match &step.action {
            Action::Verify(verify) => Some((&step.id, verify)),
            _ => None,
        });
        let (id, verify) = verify.expect("a verify step");
        let Subject::Database(subject) = &verify.subject else { panic!("a database is looked at") };
        (id, subject, verify.checks.first().expect("a check"))
    }

    fn source(&self) -> &Source {
        let source = self.playbook.steps().iter().find_map(|step| match &step.action {
            Action::Restore(restore) => Some(&restore.source),
            _ => None,
        });
        source.expect("a restore step")
    }

    /// Takes the fingerprints on the live database.
    pub async fn baseline(&self) -> Result<Vec<TableFingerprint>, Fault> {
        self.baseline_at(None).await
    }

    /// The same of a snapshot that another session has exported.
    pub async fn baseline_at(&self, snapshot: Option<&str>) -> Result<Vec<TableFingerprint>, Fault> {
        let live = LiveSource::of(self.source(), self.folder())?.expect("a live database");
        let (known, point) = (Known::default(), point());
        let wanted = wanted_baselines(&self.playbook);
        let one = wanted.first().expect("a check that wants a baseline");
        let ask = BaselineRequest {
            step: one.step,
            check: &one.check.name,
            of: one.of,
            source: Some(self.source()),
            point: Some(&point),
            known: &known,
            progress: &Unseen,
        };
        let mut taken = Box::pin(take_baselines(&[ask], &live, snapshot)).await?.taken;
        Ok(taken.remove(0).tables)
    }

    /// Makes the check on the restored database.
    pub async fn check(&self, baseline: Option<&[TableFingerprint]>) -> Result<CheckOutcome, Fault> {
        let (step, subject, check) = self.step();
        let (known, point) = (Known::default(), point());
        let baseline = baseline.map(of);
        let ask = CheckRequest {
            run: RunId::new(point.time, [0; 10]),
            step,
            check,
            login: Some(subject),
            subject: &self.restored,
            point: Some(&point),
            source: Some(self.source()),
            baseline: baseline.as_ref(),
            folder: self.folder(),
            declared: point.time,
            known: &known,
            progress: &Unseen,
        };
        Checks::new(None).check(&ask).await
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn point() -> RecoveryPoint {
    RecoveryPoint {
        id: "the-one".into(),
        time: "2026-11-23T08:00:00Z".parse().expect("a moment"),
        time_source: "test".into(),
        location: None,
        bytes: None,
        encrypted: None,
        details: Outputs::new(),
    }
}

fn of(tables: &[TableFingerprint]) -> Baseline {
    let moment: Timestamp = "2026-11-23T08:00:01Z".parse().expect("a moment");
    Baseline {
        taken: moment,
        source: "live".into(),
        point: "the-one".into(),
        point_time: moment,
        by: "test".into(),
        position: None,
        schema: None,
        tables: tables.to_vec(),
    }
}
