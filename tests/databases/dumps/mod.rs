//! Dumps restored on real servers: what comes of them, what a crash leaves, what is never touched.

mod binary;
mod crashes;
mod mysql;
mod postgres;
mod refusals;

use crate::servers::{Kind, Server};
use firedrill::{
    config::Config,
    drill::{Candidate, Claim, Fault, Outputs, RecoveryPoint},
    ids::{ClaimId, RunId, StepId},
    playbook::{Action, Playbook, Restore, ServerEngine},
    ports::{
        AcquireRequest, Known, Observation, PlaybookText, Preflight, Progress, Provider, Receipts,
        ReleaseRequest, RestoreRequest, Tick,
    },
    process::Runner,
    provider::Dumps,
    time::{Period, SystemClock, Timestamp},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU8, Ordering},
    },
};
use tempfile::TempDir;

/// A folder of dumps, a scratch server, and a run that restores from one into the other.
pub struct Drill<'a> {
    server: &'a Server,
    kind: Kind,
    folder: TempDir,
    provider: Dumps,
    restore: Restore,
    run: RunId,
    step: StepId,
    now: Timestamp,
    ticks: Mutex<Vec<Tick>>,
}

impl Progress for Drill<'_> {
    fn tick(&self, tick: Tick) {
        self.ticks.lock().expect("not poisoned").push(tick);
    }
}

impl<'a> Drill<'a> {
    /// With more keys of the restore, such as `roles: create`.
    pub fn new(server: &'a Server, kind: Kind, more: &[&str]) -> Self {
        Self::with(server, kind, more, "")
    }

    /// With more of the configuration.
    pub fn with(server: &'a Server, kind: Kind, more: &[&str], config: &str) -> Self {
        static RUNS: AtomicU8 = AtomicU8::new(0);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        std::fs::create_dir(path.join("backups")).expect("made");
        let (key, engine) = match kind {
            Kind::Postgres => ("postgres_dump", ServerEngine::Postgres),
            Kind::MariaDb | Kind::MySql => ("mysql_dump", ServerEngine::Mysql),
        };
        std::fs::write(path.join("password"), server.password()).expect("written");
        let keys: String = more.iter().map(|key| format!("        {key}\n")).collect();
        let text = format!(
            "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: dumps, owner: x }}\nsteps:\n  - id: orders-db\n    restore:\n      {key}:\n        backup: backups\n{keys}  - id: look\n    needs: [orders-db]\n    verify:\n      sql:\n        database: orders-db\n        checks:\n          - {{ name: some, query: \"select 1\", expect: {{ equals: 1 }} }}\n"
        );
        let text = PlaybookText { text, folder: path.to_owned() };
        let playbook = Playbook::parse_text(&text).unwrap_or_else(|faults| panic!("{faults}")).playbook;
        let step: StepId = "orders-db".parse().expect("a label");
        let restore = match &playbook.step(&step).expect("is there").action {
            Action::Restore(restore) => restore.clone(),
            _ => panic!("no restore"),
        };
        // More keys of the server, or more sections.
        let (keys, rest) = match config.starts_with(['[', '\n']) || config.is_empty() {
            true => (String::new(), config),
            false => (format!(", {config}"), ""),
        };
        let scratch = format!(
            "[scratch]\n{} = [{{ host = \"127.0.0.1\", port = {}, user = \"firedrill\", password = {{ file = {:?} }}{} }}]\n",
            engine.word(),
            server.port(),
            path.join("password"),
            keys,
        );
        let config = Config::parse(&path.join("firedrill.toml"), &format!("{scratch}{rest}"), path)
            .unwrap_or_else(|faults| panic!("{faults}"));
        let runner = Runner::new(Some(env!("CARGO_BIN_EXE_firedrill").into()));
        let now = SystemClock::wall();
        let mut random = [0; 10];
        random[9] = RUNS.fetch_add(1, Ordering::Relaxed);
        random[8] = match kind {
            Kind::Postgres => 1,
            Kind::MariaDb => 2,
            Kind::MySql => 3,
        };
        Self {
            server,
            kind,
            folder,
            provider: Dumps::new(engine, config, runner),
            restore,
            run: RunId::new(now, random),
            step,
            now,
            ticks: Mutex::default(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("backups").join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    pub fn ask(&self) -> RestoreRequest<'_> {
        RestoreRequest {
            run: self.run,
            step: &self.step,
            attempt: 1,
            restore: &self.restore,
            folder: self.folder.path(),
            scratch_folder: None,
            scratch_aws: None,
            declared: self.now,
        }
    }

    pub async fn preflight(&self) -> Preflight {
        self.provider.preflight(&self.ask()).await.expect("looks")
    }

    pub async fn candidates(&self) -> Vec<Candidate> {
        self.provider.recovery_points(&self.ask()).await.expect("lists")
    }

    /// The dump of that name, which must be fit.
    pub async fn point(&self, name: &str) -> RecoveryPoint {
        let all = self.candidates().await;
        let found = all.into_iter().find(|candidate| candidate.point.id.ends_with(name)).expect(name);
        assert_eq!(found.unfit, None, "{name}");
        found.point
    }

    /// Why the dump of that name is unfit.
    pub async fn unfit(&self, name: &str) -> String {
        let all = self.candidates().await;
        let found = all.into_iter().find(|candidate| candidate.point.id.ends_with(name)).expect(name);
        found.unfit.unwrap_or_else(|| panic!("{name} is fit"))
    }

    pub fn claims(&self, point: &RecoveryPoint) -> Vec<Claim> {
        let chain = self.provider.chain(&self.ask(), point).expect("a chain");
        let claim = |link: firedrill::drill::Link| Claim {
            id: ClaimId::new(&self.step, 1, &link.kind),
            run: self.run,
            step: self.step.clone(),
            attempt: 1,
            source: self.restore.source.kind(),
            link,
            expires: self.now + Period::from_secs(86_400),
        };
        chain.into_iter().map(claim).collect()
    }

    /// The claim of the database alone.
    pub fn claim(&self, point: &RecoveryPoint) -> Claim {
        self.claims(point).pop().expect("at least one")
    }

    pub async fn acquire(&self, claim: &Claim, point: &RecoveryPoint) -> Result<Receipts, Fault> {
        let known = Known::default();
        let ask = AcquireRequest {
            restore: self.ask(),
            claim,
            point,
            earlier: &Outputs::new(),
            known: &known,
            progress: self,
        };
        self.provider.acquire(&ask).await
    }

    pub async fn observe(&self, claim: &Claim) -> Observation {
        let mut seen = self.provider.observe(&[claim]).await;
        assert_eq!((seen.len(), &seen[0].0), (1, &claim.id));
        seen.remove(0).1
    }

    pub async fn release(&self, claim: &Claim, point: &RecoveryPoint) -> Result<Receipts, Fault> {
        let known = Known::default();
        let ask = ReleaseRequest { restore: self.ask(), point, known: &known };
        self.provider.release(claim, &ask).await
    }

    /// Restores the dump of that name, and gives what the restore gives.
    pub async fn restore(&self, name: &str) -> (Claim, RecoveryPoint, Receipts, Outputs) {
        let point = self.point(name).await;
        let mut receipts = Vec::new();
        for claim in self.claims(&point) {
            receipts = self.acquire(&claim, &point).await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        }
        let claim = self.claim(&point);
        match self.observe(&claim).await {
            Observation::Ready { outputs, .. } => (claim, point, receipts, outputs),
            other => panic!("{name} is not ready: {other:?}"),
        }
    }

    /// Removes everything, and sees it gone.
    pub async fn remove(&self, point: &RecoveryPoint) {
        for claim in self.claims(point).iter().rev() {
            self.release(claim, point).await.unwrap_or_else(|fault| panic!("{fault}"));
            let seen = self.observe(claim).await;
            assert!(matches!(seen, Observation::Absent { .. }), "{seen:?}");
        }
        assert!(self.left(&format!("fd_{}%", self.run.short())).is_empty());
    }

    /// The databases and roles with such names.
    pub fn left(&self, like: &str) -> String {
        let like = like.replace('_', "\\_");
        let sql = match self.kind {
            Kind::Postgres => format!(
                "select datname from pg_database where datname like '{like}' union all select rolname from pg_roles where rolname like '{like}' order by 1;"
            ),
            _ => format!(
                "select schema_name from information_schema.schemata where schema_name like '{like}' order by 1;"
            ),
        };
        self.server.query(self.server.first_database(), &sql)
    }

    pub fn scratch(&self, claim: &Claim, sql: &str) -> String {
        self.server.query(&claim.link.name, sql)
    }
}

/// Runs a program of the server's and waits for it.
pub fn run(server: &Server, program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(server.tool(program))
        .args(args)
        .env("PGHOST", server.host())
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", server.user())
        .env("PGPASSWORD", server.password())
        .output()
        .expect("runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub fn pack(program: &str, file: &Path) {
    let done = Command::new(program).arg("-q").arg("-f").arg(file).status().expect("runs");
    assert!(done.success(), "{program}");
}
