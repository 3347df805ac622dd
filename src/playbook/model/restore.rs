//! Restores: from which source, which recovery point, and what may be made of it.

use super::{Check, CheckKind};
use crate::playbook::{LiveDatabase, RdsSource};
use crate::{
    playbook::{
        servers::{DumpSource, ServerEngine},
        template::Template,
    },
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

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
pub enum Source {
    /// A SQLite backup file.
    Sqlite(SqliteSource),
    /// Commands of the user's own.
    Command(CommandSource),
    /// A dump of a database server.
    Dump(DumpSource),
    /// A backup of an RDS instance.
    Rds(RdsSource),
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
            Source::Rds(_) => SourceKind::Rds,
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
    /// The database that the backups are of, for baselines and `expect: source`.
    pub live: Option<(ServerEngine, LiveDatabase)>,
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
