//! Checks on real MySQL and MariaDB servers, made as a run makes them.

mod answers;
mod login;
mod rows;
mod soundness;

use crate::servers::{Kind, Server};
use firedrill::{
    drill::{CheckOutcome, CheckStatus, Fault, Outputs, RecoveryPoint},
    ids::{RunId, StepId},
    playbook::{Action, Check, Playbook, ServerEngine, Subject, Tls},
    ports::{Baseline, CheckRequest, Known, PlaybookText, Progress, Tick, Verifier},
    server::{Login, Secret},
    time::{SystemClock, Timestamp},
    verify::{BaselineRequest, LiveSource, ScratchServers, SqlVerifier, take_baselines, wanted_baselines},
};
use tempfile::TempDir;

/// The versions that tests run against.
pub const EVERY: [(Kind, &str); 4] =
    [(Kind::MariaDb, "10.11"), (Kind::MariaDb, "11.8"), (Kind::MySql, "8.0"), (Kind::MySql, "9.7")];

/// One of each.
pub const BOTH: [(Kind, &str); 2] = [(Kind::MariaDb, "10.11"), (Kind::MySql, "9.7")];

/// A table of every type.
pub const EVERY_TYPE: &str = include_str!("every_type.sql");

/// The checks of a playbook, and the database that they look at.
pub struct Looking<'a> {
    server: &'a Server,
    playbook: Playbook,
    folder: TempDir,
    run: RunId,
    pub user: String,
}

struct Nobody;

impl Progress for Nobody {
    fn tick(&self, _: Tick) {}
}

/// The recovery point of every test.
pub fn point() -> RecoveryPoint {
    RecoveryPoint {
        id: "one".to_owned(),
        time: "2026-11-23T09:00:00Z".parse().expect("a moment"),
        time_source: "test".to_owned(),
        location: None,
        bytes: None,
        encrypted: None,
        details: Outputs::new(),
    }
}

impl<'a> Looking<'a> {
    /// With these checks, each in YAML; each gets a name of its own.
    pub fn new(server: &'a Server, checks: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("password"), server.password()).expect("written");
        let checks: String = checks
            .iter()
            .enumerate()
            .map(|(n, check)| {
                format!(
                    "          - {{ name: check {n}, {check} }}
"
                )
            })
            .collect();
        let text = format!(
            "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: looking, owner: x }}\nsteps:\n  - id: db\n    \
             restore:\n      mysql_dump: {{ backup: backups }}\n  - id: look\n    needs: [db]\n    verify:\n      sql:\n        \
             database: db\n        user: firedrill\n        password: {{ file: password }}\n        checks:\n{checks}"
        );
        let text = PlaybookText { text, folder: folder.path().to_owned() };
        let playbook = Playbook::parse_text(&text).unwrap_or_else(|faults| panic!("{faults}")).playbook;
        let run = RunId::new(SystemClock::read().wall, [7; 10]);
        Self { server, playbook, folder, run, user: server.user().to_owned() }
    }

    pub fn login(&self, database: &str) -> Login {
        login(self.server, database)
    }

    fn checks(&self) -> &[Check] {
        match &self.playbook.step(&step("look")).expect("is there").action {
            Action::Verify(verify) => &verify.checks,
            _ => panic!("no checks"),
        }
    }

    /// The baselines of all checks that want one, in their order.
    pub async fn baselines(&self, database: &str) -> Vec<Baseline> {
        let (known, point) = (Known::default(), point());
        let wanted = wanted_baselines(&self.playbook);
        let asks: Vec<BaselineRequest<'_>> = wanted
            .iter()
            .map(|wanted| BaselineRequest {
                step: wanted.step,
                check: &wanted.check.name,
                of: wanted.of,
                source: None,
                point: Some(&point),
                known: &known,
                progress: &Nobody,
            })
            .collect();
        let live = LiveSource::Server(self.login(database));
        let taken = take_baselines(&asks, &live, None).await.unwrap_or_else(|fault| panic!("{fault}"));
        taken
            .taken
            .into_iter()
            .map(|one| Baseline {
                taken: point.time,
                source: database.to_owned(),
                point: point.id.clone(),
                point_time: point.time,
                by: "test".to_owned(),
                position: taken.position.clone(),
                tables: one.tables,
                schema: one.schema,
            })
            .collect()
    }

    /// Makes the n-th check.
    pub async fn look(
        &self,
        n: usize,
        database: &str,
        baseline: Option<&Baseline>,
    ) -> Result<CheckOutcome, Fault> {
        let step = step("look");
        let Action::Verify(verify) = &self.playbook.step(&step).expect("is there").action else { panic!() };
        let Subject::Database(login) = &verify.subject else { panic!("no database") };
        let mut login = login.clone();
        login.user = Some(self.user.clone());
        let subject: Outputs = [
            ("engine", "mysql".to_owned()),
            ("host", self.server.host().to_owned()),
            ("port", self.server.port().to_string()),
            ("database", database.to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        let (known, point) = (Known::default(), point());
        let declared: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a moment");
        let ask = CheckRequest {
            run: self.run,
            step: &step,
            check: &self.checks()[n],
            login: Some(&login),
            subject: &subject,
            point: Some(&point),
            source: None,
            baseline,
            folder: self.folder.path(),
            declared,
            known: &known,
            progress: &Nobody,
        };
        Box::pin(SqlVerifier::new(ScratchServers::none()).check(&ask)).await
    }

    /// Makes the n-th check, which can be made.
    pub async fn made(&self, n: usize, database: &str, baseline: Option<&Baseline>) -> CheckOutcome {
        self.look(n, database, baseline).await.unwrap_or_else(|fault| panic!("{fault}"))
    }
}

fn step(name: &str) -> StepId {
    name.parse().expect("a label")
}

/// The superuser of a server, without TLS.
pub fn login(server: &Server, database: &str) -> Login {
    Login {
        engine: ServerEngine::Mysql,
        host: server.host().to_owned(),
        port: server.port(),
        user: server.user().to_owned(),
        password: Some(Secret::new(server.password())),
        database: database.to_owned(),
        tls: Tls::Disable,
        ca: None,
    }
}

/// What a check said, but for the remark that the user could write.
pub fn said(outcome: &CheckOutcome) -> (bool, String) {
    let details: Vec<&str> =
        outcome.details.iter().map(String::as_str).filter(|line| !line.contains("who could write")).collect();
    let passed = outcome.status == CheckStatus::Passed;
    (passed, format!("{} / {} / {}", outcome.expected, outcome.actual, details.join(" / ")))
}
