//! The composition root: the one place that names concrete adapters.

use crate::{
    config::Config,
    drill::{ClaimStage, fold},
    engine::{Engine, EngineError},
    error::Failure,
    ids::RunId,
    journal::{Mode, RunFilter, SqliteJournal},
    metrics::{RunSummary, summarise},
    playbook::{Playbook, ServerEngine, SourceKind},
    ports::{Journal, Observer, Ports, Provider},
    process::{Allowed, Runner, StepCommands},
    provider::{Cloud, Commands, Dumps, Rds, RdsLogins, Scratch, SqliteFile},
    random::SystemRandom,
    time::SystemClock,
    verify::{Checks, ScratchServers, http::HttpVerifier},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The application: a journal, what the operator allows, and the adapters.
pub struct App {
    journal: Arc<SqliteJournal>,
    config: Config,
    /// One for all runs of this process: they share what is known of AWS.
    rds: Arc<Rds>,
    logins: Arc<RdsLogins>,
    holder: String,
}

impl App {
    /// Opens the journal of a data directory, making it where there is none.
    pub async fn open(data_dir: &Path, config: Config) -> Result<Self, Failure> {
        let journal = SqliteJournal::open(data_dir, Mode::ReadWrite).await?;
        let holder = journal.holder().await?;
        Ok(Self::with(journal, config, holder))
    }

    /// Opens the journal of a data directory to read; none where there is none yet.
    pub async fn open_to_read(data_dir: &Path, config: Config) -> Result<Option<Self>, Failure> {
        if !data_dir.join("firedrill.db").exists() {
            return Ok(None);
        }
        let journal = SqliteJournal::open(data_dir, Mode::ReadOnly).await?;
        Ok(Some(Self::with(journal, config, String::new())))
    }

    fn with(journal: SqliteJournal, config: Config, holder: String) -> Self {
        let cloud = Arc::new(Cloud::new(config.clone()));
        let rds = Arc::new(Rds::new(Arc::clone(&cloud)));
        Self { journal: Arc::new(journal), config, rds, logins: Arc::new(RdsLogins::new(cloud)), holder }
    }

    /// The journal.
    pub fn journal(&self) -> &SqliteJournal {
        &self.journal
    }

    /// Who this process is, as a holder of leases.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// An engine on the real world, watched by `observer`.
    pub fn engine(&self, observer: Arc<dyn Observer>) -> Engine {
        Engine::new(Ports {
            providers: Arc::new(self.providers()),
            verifier: Arc::new(
                Checks::new(Some(Arc::new(HttpVerifier::new())))
                    .with_servers(self.servers())
                    .with_managed(Arc::clone(&self.logins) as _),
            ),
            commands: Arc::new(StepCommands::new(self.runner(), self.allowed())),
            journal: Arc::clone(&self.journal) as Arc<dyn Journal>,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            observer,
        })
    }

    /// The provider of a kind of source, where this build has one.
    pub fn provider(&self, kind: SourceKind) -> Option<Arc<dyn Provider>> {
        self.providers().remove(&kind)
    }

    fn providers(&self) -> BTreeMap<SourceKind, Arc<dyn Provider>> {
        let sqlite: Arc<dyn Provider> = Arc::new(SqliteFile::new(self.scratch()));
        let command: Arc<dyn Provider> =
            Arc::new(Commands::new(self.runner(), self.allowed(), self.scratch()));
        let dumps = |engine| -> Arc<dyn Provider> {
            Arc::new(Dumps::new(engine, self.config.clone(), self.runner()))
        };
        BTreeMap::from([
            (SourceKind::Sqlite, sqlite),
            (SourceKind::Command, command),
            (SourceKind::PostgresDump, dumps(ServerEngine::Postgres)),
            (SourceKind::MysqlDump, dumps(ServerEngine::Mysql)),
            (SourceKind::Rds, Arc::clone(&self.rds) as Arc<dyn Provider>),
        ])
    }

    /// The scratch server of a dump, as playbook and operator describe it together.
    fn servers(&self) -> ScratchServers {
        let config = self.config.clone();
        ScratchServers::new(move |dump| config.scratch_server(dump).map(|allowed| allowed.server))
    }

    /// Runs commands under a guard, which is this very program.
    fn runner(&self) -> Runner {
        Runner::new(std::env::current_exe().ok())
    }

    fn allowed(&self) -> Allowed {
        let config = self.config.clone();
        Allowed::new(move |program| config.command_allowed(program))
    }

    /// The folders in which things may be made and removed, and those that are production.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            allowed: self.config.scratch_folders().to_vec(),
            production: self.config.production_folders().to_vec(),
        }
    }

    /// The playbook of a run, as it was when the run was declared.
    pub async fn playbook_of(&self, run: RunId) -> Result<Playbook, Failure> {
        let text = self.journal.playbook_of(run).await?;
        let checked = Playbook::parse_text(&text).map_err(|faults| {
            Failure::Invalid(format!(
                "the playbook that run {} was declared with is not valid for this version of firedrill:\n{faults}",
                run.short()
            ))
        })?;
        Ok(checked.playbook)
    }

    /// A run as everything that people read of it shows it, with the head of its chain.
    pub async fn summary(&self, run: RunId) -> Result<RunSummary, Failure> {
        let entries = self.journal.entries(run).await?;
        let summary = summarise(&entries, SystemClock::wall())
            .map_err(|illegal| EngineError::Illegal { run, illegal })?;
        Ok(summary.with_head(Some(self.journal.head(run).await?)))
    }

    /// The runs that are not over, the oldest first.
    pub async fn unfinished(&self) -> Result<Vec<RunId>, Failure> {
        let filter = RunFilter { unfinished_only: true, ..RunFilter::default() };
        let mut rows = self.journal.runs(&filter, SystemClock::wall()).await?;
        rows.sort_by_key(|row| row.run);
        Ok(rows.into_iter().map(|row| row.run).collect())
    }

    /// What a run created and has not removed, in words; empty also where the journal can't be read.
    pub async fn left_behind(&self, run: RunId) -> Vec<String> {
        let Ok(entries) = self.journal.entries(run).await else { return Vec::new() };
        let Ok(state) = fold(&entries) else { return Vec::new() };
        let held = state.claims().iter().filter(|claim| claim.stage() != ClaimStage::Removed);
        held.map(|claim| {
            let link = &claim.claim().link;
            format!("{} `{}` in {}", link.kind, link.name, link.scope)
        })
        .collect()
    }
}
