//! What a checked playbook says. Built by [`Playbook::parse`](super::Playbook::parse) alone; nothing after it re-checks.

use crate::{
    ids::{Digest, PlaybookName, StepId},
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

use super::{
    servers::{DumpSource, ServerEngine, Tls},
    template::Template,
};

/// A checked playbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    pub(super) text: String,
    pub(super) folder: PathBuf,
    pub(super) metadata: Metadata,
    pub(super) scenario: Option<String>,
    pub(super) controls: Vec<String>,
    pub(super) objectives: Objectives,
    pub(super) schedule: Option<Schedule>,
    pub(super) limits: Limits,
    pub(super) scratch: ScratchWish,
    pub(super) steps: Vec<Step>,
}

impl Playbook {
    /// The file's text, as it was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
    /// The folder that relative paths in the playbook start from: the one that holds the file.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }
    /// The same, with relative paths starting from `folder`.
    pub fn in_folder(mut self, folder: PathBuf) -> Self {
        self.folder = folder;
        self
    }
    /// Its name.
    pub fn name(&self) -> &PlaybookName {
        &self.metadata.name
    }
    /// Name, description, owner.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
    /// What is imagined to have happened.
    pub fn scenario(&self) -> Option<&str> {
        self.scenario.as_deref()
    }
    /// Control references such as `SOC2:A1.3`.
    pub fn controls(&self) -> &[String] {
        &self.controls
    }
    /// What the business was promised.
    pub fn objectives(&self) -> Objectives {
        self.objectives
    }
    /// When it runs by itself.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }
    /// What a run may take.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
    /// How far the author narrows the operator's scratch scopes.
    pub fn scratch(&self) -> &ScratchWish {
        &self.scratch
    }
    /// The steps, each after everything that it needs.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }
}

/// Who the playbook is and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// A DNS label, unique among the playbooks.
    pub name: PlaybookName,
    /// For a person.
    pub description: Option<String>,
    /// The team that answers for it.
    pub owner: Option<String>,
    /// The demonstration database that firedrill makes before the run, for the quick start.
    pub sample: Option<Sample>,
}

/// A demonstration database that firedrill can make by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// A web shop: customers, orders, order lines, a ledger, events.
    Orders,
    /// The same, its newest backup silently altered.
    OrdersCorrupted,
}

/// What the business was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objectives {
    /// Recovery time objective.
    pub rto: Option<Period>,
    /// Recovery point objective.
    pub rpo: Option<Period>,
}

/// When a playbook runs by itself. The cron text and zone are known to be valid and to fire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Seconds-first cron text, or `@quarterly` and the like.
    pub cron: String,
    /// IANA zone; UTC where none is given.
    pub timezone: chrono_tz::Tz,
    /// Drawn at random inside a window that each fire opens.
    pub unannounced: Option<Unannounced>,
    /// When never to run.
    pub blackout: Vec<Blackout>,
    /// What to do with a fire that was missed while the service was down.
    pub missed: Missed,
}

/// The window in which an unannounced drill happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unannounced {
    /// How long the window is open.
    pub window: Period,
    /// Minutes after midnight between which it may begin.
    pub between: Option<(u32, u32)>,
    /// Days on which it may begin; all where empty.
    pub days: Vec<chrono::Weekday>,
}

/// A stretch of days without drills, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blackout {
    /// First day.
    pub from: chrono::NaiveDate,
    /// Last day.
    pub to: chrono::NaiveDate,
    /// Why.
    pub reason: Option<String>,
}

/// What to do with a missed fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Once, as soon as possible.
    RunOnce,
    /// Not at all.
    Skip,
}

/// What a run may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// The whole run until teardown begins; what is not done by then has failed.
    pub max_duration: Period,
    /// After a failure, keep what was restored this long for a person to look at.
    pub keep_on_failure: Option<Period>,
    /// How long teardown may try before it calls a claim leaked.
    pub teardown: Period,
    /// The run is refused where its estimate is higher.
    pub max_cost_usd: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_duration: Period::from_secs(24 * 3600),
            keep_on_failure: None,
            teardown: Period::from_secs(3600),
            max_cost_usd: None,
        }
    }
}

/// The scratch places that the author wishes for: each must be allowed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScratchWish {
    /// An AWS account and region.
    pub aws: Option<AwsScratch>,
    /// A Kubernetes context and namespace patterns.
    pub kubernetes: Option<KubernetesScratch>,
    /// A folder, absolute or relative to the playbook.
    pub folder: Option<PathBuf>,
}

/// An AWS account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwsScratch {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
}

/// A Kubernetes context and namespace patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KubernetesScratch {
    /// As in the kubeconfig.
    pub context: String,
    /// Names; `*` at the end stands for the rest.
    pub namespaces: Vec<String>,
}

/// A node of the playbook's graph.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// The steps that must have succeeded before it starts.
    pub needs: Vec<StepId>,
    /// Whether the verdict depends on it. Steps that need one which failed are skipped either way.
    pub required: bool,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    /// Whether and how to try again.
    pub retry: Retry,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// The checks that this step makes, in order, by name: a verify step's, the built-in ones of a restore,
    /// the exit code of a command. Empty for an approval.
    pub fn check_names(&self) -> Vec<(String, bool)> {
        match &self.action {
            Action::Restore(restore) => {
                restore.built_in_checks().into_iter().map(|c| (c.name, true)).collect()
            }
            Action::Verify(verify) => verify.checks.iter().map(|c| (c.name.clone(), c.required)).collect(),
            Action::Run(_) => vec![("exit code".to_owned(), true)],
            Action::Approve(_) => Vec::new(),
        }
    }
}

/// Whether and how to try a step again. Only failures that may pass are tried again: never a check that
/// ran and found the data wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How many attempts in all, at least one.
    pub attempts: u32,
    /// The pause after the first; it doubles each time.
    pub backoff: Period,
    /// The longest pause.
    pub max_backoff: Period,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 1, backoff: Period::from_secs(5), max_backoff: Period::from_secs(300) }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a playbook has few steps, and boxes would be in every match")]
pub enum Action {
    /// Restores a backup.
    Restore(Restore),
    /// Proves something about what was restored.
    Verify(Verify),
    /// Asks a person.
    Approve(Approve),
    /// Runs a command.
    Run(CommandSpec),
}

impl Action {
    /// The word in the playbook.
    pub fn word(&self) -> &'static str {
        match self {
            Action::Restore(_) => "restore",
            Action::Verify(_) => "verify",
            Action::Approve(_) => "approve",
            Action::Run(_) => "run",
        }
    }
}

/// A restore: which backup, how old at most, by which source.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Restore {
    /// Which of the recovery points.
    pub recovery_point: Selector,
    /// Older than this: the step fails, and says so.
    pub max_age: Option<Period>,
    /// Where it comes from and how.
    pub source: Source,
}

impl Restore {
    /// Checks that a restore makes by itself, before its step succeeds and anything else looks at the data.
    pub fn built_in_checks(&self) -> Vec<Check> {
        match &self.source {
            Source::Sqlite(_) => vec![Check {
                name: "integrity".to_owned(),
                required: true,
                timeout: None,
                kind: CheckKind::Integrity,
            }],
            _ => Vec::new(),
        }
    }
}

/// Which recovery point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// The newest.
    Latest,
    /// That one.
    Id(String),
    /// The newest at or before that moment.
    Before(Timestamp),
    /// Any within the last so long, drawn at random from the run's seed.
    RandomWithin(Period),
    /// The latest moment that continuous backup can restore.
    PointInTimeLatest,
    /// That moment, from continuous backup.
    PointInTime(Timestamp),
}

/// The kinds of source, as the playbook and the journal name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A SQLite backup file.
    Sqlite,
    /// Commands of the user's own.
    Command,
    /// A PostgreSQL dump.
    PostgresDump,
    /// A MySQL or MariaDB dump.
    MysqlDump,
    /// An RDS snapshot.
    Rds,
    /// An Aurora cluster snapshot.
    Aurora,
    /// An AWS Backup recovery point.
    AwsBackup,
    /// A Velero backup.
    Velero,
}

impl SourceKind {
    /// The key in the playbook.
    pub fn key(self) -> &'static str {
        match self {
            SourceKind::Sqlite => "sqlite",
            SourceKind::Command => "command",
            SourceKind::PostgresDump => "postgres_dump",
            SourceKind::MysqlDump => "mysql_dump",
            SourceKind::Rds => "rds",
            SourceKind::Aurora => "aurora",
            SourceKind::AwsBackup => "aws_backup",
            SourceKind::Velero => "velero",
        }
    }
}

/// Where a restore comes from.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a playbook has few steps, and boxes would be in every match")]
pub enum Source {
    /// A SQLite backup file.
    Sqlite(SqliteSource),
    /// Commands of the user's own.
    Command(CommandSource),
    /// A dump of a database server.
    Dump(DumpSource),
    /// A source whose keys were checked, but which this build has no provider for. A run is refused.
    Unsupported {
        /// Which.
        kind: SourceKind,
        /// What identifies the asset, for listings: an instance, a schedule, a path.
        asset: String,
    },
}

impl Source {
    /// Its kind.
    pub fn kind(&self) -> SourceKind {
        match self {
            Source::Sqlite(_) => SourceKind::Sqlite,
            Source::Command(_) => SourceKind::Command,
            Source::Dump(dump) => match dump.engine {
                ServerEngine::Postgres => SourceKind::PostgresDump,
                ServerEngine::Mysql => SourceKind::MysqlDump,
            },
            Source::Unsupported { kind, .. } => *kind,
        }
    }
}

/// A SQLite backup: a file, or the newest of a folder or glob.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteSource {
    /// A file, a folder or a glob; absolute, or relative to the playbook.
    pub backup: PathBuf,
    /// How the file name tells the moment of the backup, in `strftime` letters such as `%Y%m%dT%H%M%SZ`;
    /// the file's modification time is used where this is absent. Text around the letters is matched anywhere in the name.
    pub timestamp: Option<String>,
    /// The zone of that moment where the pattern has none; UTC where absent.
    pub timezone: Option<chrono_tz::Tz>,
    /// The live database that the backups are of, for `firedrill baseline` and `expect: source`; read, never changed.
    pub live: Option<PathBuf>,
}

/// A restore tool of the user's own, by commands with a JSON contract.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommandSource {
    /// Prints the recovery points.
    pub recovery_point: CommandSpec,
    /// Restores one.
    pub acquire: CommandSpec,
    /// Tells how the restored thing is; where absent, it is ready once `acquire` has succeeded.
    pub observe: Option<CommandSpec>,
    /// Removes what `acquire` made; must succeed where there is nothing.
    pub release: CommandSpec,
}

/// A command to run: never through a shell unless asked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommandSpec {
    /// Program and arguments, or one text for the shell.
    pub line: CommandLine,
    /// Environment variables to set, beside the few that are always passed (`PATH`, `HOME`, `TMPDIR`, `LANG`, `LC_ALL`, `TZ`).
    pub env: BTreeMap<String, EnvValue>,
    /// The folder to run in; the playbook's own where absent.
    pub folder: Option<PathBuf>,
    /// Kill it, with all that it started, after this long.
    pub timeout: Option<Period>,
    /// Exit codes that mean success.
    pub success: Vec<i32>,
}

/// Program and arguments, or one text for the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandLine {
    /// A program and its arguments, each passed as it is.
    Argv(Vec<Template>),
    /// A text for `/bin/sh -c`. References in it are passed as environment variables, never pasted.
    Shell(String),
}

/// Where the value of an environment variable comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvValue {
    /// A text, no secret.
    Text(Template),
    /// From firedrill's own environment: a secret.
    FromEnv(String),
    /// From a file's content, without the line end: a secret.
    FromFile(PathBuf),
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approve {
    /// What is asked.
    pub question: String,
    /// How long to wait; the run's `max_duration` bounds it too.
    pub timeout: Option<Period>,
}

/// A verify step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verify {
    /// What is looked at.
    pub subject: Subject,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// How many run at the same time.
    pub parallel: u32,
}

/// What a verify step looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A restored database.
    Database(DatabaseSubject),
    /// An HTTP endpoint.
    Http,
    /// Kubernetes objects; this build has no verifier for them, so a run is refused.
    Kubernetes,
}

/// A restored database and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseSubject {
    /// The restore step that gives it.
    pub step: StepId,
    /// The database on the server; the restored one where absent; unused for SQLite.
    pub name: Option<String>,
    /// The user; the one who restored where absent; unused for SQLite.
    pub user: Option<String>,
    /// Where the password comes from; that of the restore where absent; unused for SQLite.
    pub password: Option<Password>,
    /// How the connection is secured; as the restore step says where absent.
    pub tls: Option<Tls>,
    /// The file with the certificates of the authorities to trust.
    pub ca: Option<PathBuf>,
}

/// Where a password comes from. It lives in memory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// Set anew on the scratch instance.
    Reset,
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
    /// An AWS Secrets Manager ARN.
    SecretsManager(String),
    /// An IAM token.
    Iam,
}

/// One check of a verify step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Check {
    /// Unique within the step.
    pub name: String,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// The statement's timeout; firedrill's default where absent.
    pub timeout: Option<Period>,
    /// What is checked.
    pub kind: CheckKind,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// The database's own integrity check.
    Integrity,
    /// Tables, columns, types, constraints, indexes, functions, triggers, extensions and grants equal those of the source.
    Schema(SchemaCheck),
    /// Every sequence, identity and AUTO_INCREMENT is beyond the largest value in its column.
    Sequences,
    /// Every foreign key finds its row, by an anti-join; NOT VALID and unenforced ones too.
    References,
    /// The fingerprint of tables or of a query.
    Fingerprint(FingerprintCheck),
    /// A query's answer.
    Query {
        /// The statement, its references bound as parameters.
        sql: Template,
        /// What its answer must be.
        expect: Expectation,
        /// Whether no row at all is fine.
        allow_empty: bool,
    },
    /// The newest moment in the data: counts for the recovery point actual.
    Freshness {
        /// Gives one moment.
        sql: Template,
        /// Older than this before the declaration: the check fails. Where absent, it measures only.
        max_age: Option<Period>,
    },
    /// An HTTP request.
    Http(HttpCheck),
    /// Workloads ready; not in this build.
    Kubernetes,
}

/// The fingerprint of tables or of a query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FingerprintCheck {
    /// Of what.
    pub of: FingerprintOf,
    /// Columns to leave out, per `table.column`.
    pub exclude: Vec<String>,
    /// What it must equal.
    pub expect: FingerprintExpect,
    /// Whether a table without rows is fine.
    pub allow_empty: bool,
    /// SHA-256 for each row: for those who want collision resistance against an adversary. Servers only.
    pub strong: bool,
    /// Into how many buckets rows are summed to name those that differ: a power of two from 64 to 65,536; 1,024 where absent.
    /// Servers only.
    pub buckets: Option<u32>,
    /// Conditions, per table, for data that is closed or only appended to: the baseline and the check cover the rows for
    /// which they hold. References are bound as parameters.
    pub conditions: BTreeMap<String, Template>,
    /// A column, per table, that tells when a row last changed. The baseline notes the keys of rows that changed at
    /// or after the recovery point; those rows, and no others, are left out on both sides.
    pub changed_since: BTreeMap<String, String>,
    /// Name rows that differ by the digest of their key.
    pub redact_keys: bool,
}

/// The schema of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaCheck {
    /// What it must equal.
    pub expect: FingerprintExpect,
    /// Names of objects to leave out, such as `table shop.tmp_*`; `*` stands for anything.
    pub exclude: Vec<String>,
}

/// Of what a fingerprint is taken.
#[derive(Debug, Clone, PartialEq)]
pub enum FingerprintOf {
    /// Named tables.
    Tables(Vec<String>),
    /// Every table that is not the engine's own.
    AllTables,
    /// The rows of a query.
    Query(Template),
}

/// What a fingerprint must equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FingerprintExpect {
    /// The baseline stored for the recovery point.
    Baseline,
    /// The source itself, read at the same time: exact rows and columns that differ are named.
    Source,
    /// A digest written down, as `firedrill show` prints it: for a query or a single table.
    Digest(String),
}

/// What a query's answer must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// The one value equals this. `null` is a value.
    Equals(serde_json::Value),
    /// The one value is at least this.
    Min(Number),
    /// The one value is at most this.
    Max(Number),
    /// The one value is between these, both included.
    Between(Number, Number),
    /// The one value, as text, matches this regular expression (known to compile).
    Matches(String),
    /// So many rows come back.
    Rows(RowCount),
}

/// How many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCount {
    /// At least.
    pub min: Option<u64>,
    /// At most.
    pub max: Option<u64>,
}

/// A number as written, compared without loss: integers as integers, others as reals or decimals; or a text
/// that orders as text (dates).
pub type Number = serde_json::Value;

/// An HTTP request and what must come back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HttpCheck {
    /// Where.
    pub url: Template,
    /// `GET` where absent.
    pub method: String,
    /// Headers; values may be secrets from the environment or a file.
    pub headers: BTreeMap<String, EnvValue>,
    /// A body to send.
    pub body: Option<Template>,
    /// The status that must come back.
    pub status: u16,
    /// A regular expression that the body must match (known to compile).
    pub body_matches: Option<String>,
    /// Ask again until it fits, for this long: services start slowly.
    pub within: Option<Period>,
}
