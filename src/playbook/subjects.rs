//! What a verify step asks of a database, against what the restore step gives.

use super::{
    checks::MANAGED,
    fingerprints::{SERVERS_ONLY, SOURCE},
    model::{Action, Restore, Source, SourceKind},
    steps::Draft,
};
use crate::document::{Faults, read::Note};

/// What a SQLite restore gives.
const SQLITE_OUTPUTS: &[&str] =
    &["path", "engine", "bytes", "backup_id", "recovery_point.time", "recovery_point.id"];

/// What the restore of a dump gives. A password is never given.
const DUMP_OUTPUTS: &[&str] = &[
    "endpoint",
    "host",
    "port",
    "database",
    "user",
    "engine",
    "tls",
    "ca",
    "bytes",
    "recovery_point.time",
    "recovery_point.id",
];

/// What the restore of a managed database gives. A password is never given.
const RDS_OUTPUTS: &[&str] = &[
    "endpoint",
    "host",
    "port",
    "engine",
    "engine_version",
    "identifier",
    "arn",
    "account",
    "region",
    "user",
    "database",
    "tls",
    "address",
    "recovery_point.time",
    "recovery_point.id",
];

/// What a source gives to refer to, where that is known.
pub(super) fn outputs(source: Option<SourceKind>) -> Option<&'static [&'static str]> {
    match source? {
        SourceKind::Sqlite => Some(SQLITE_OUTPUTS),
        SourceKind::PostgresDump | SourceKind::MysqlDump => Some(DUMP_OUTPUTS),
        SourceKind::Rds => Some(RDS_OUTPUTS),
        SourceKind::Command | SourceKind::Aurora | SourceKind::AwsBackup | SourceKind::Velero => None,
    }
}

/// Notes what `step` asks of the database that `target` restores and can't have.
pub(super) fn fits(step: &Draft, target: &Draft, faults: &mut Faults) {
    let Some(Action::Restore(restore)) = target.step.as_ref().map(|step| &step.action) else { return };
    let name = target.name();
    for note in &step.notes {
        let fault = match note.what {
            SERVERS_ONLY => servers_only(note, restore, name),
            MANAGED => managed(note, restore, name),
            SOURCE => source(restore, name),
            _ => None,
        };
        if let Some((message, help)) = fault {
            faults.error(note.span, message, Some(help));
        }
    }
}

type Said = Option<(String, &'static str)>;

fn servers_only(note: &Note, restore: &Restore, name: &str) -> Said {
    let Source::Sqlite(_) = restore.source else { return None };
    let help = match note.text.as_str() {
        "changed_since" => "use `where` to leave out what may have changed",
        "schema" => "compare { query: \"select type, name, sql from sqlite_schema\" } as a fingerprint",
        "references" => "use `integrity: true`: SQLite's own check looks at them too",
        "tls" | "ca" => "leave it out: a file is opened, there is no connection",
        _ => "leave it out",
    };
    Some((format!("`{}` is for servers, and `{name}` restores a SQLite database", note.text), help))
}

fn managed(note: &Note, restore: &Restore, name: &str) -> Said {
    let Source::Dump(_) = restore.source else { return None };
    Some((
        format!("`{}` is for databases that AWS manages, and `{name}` restores a dump", note.text),
        "write { env: NAME } or { file: PATH }, or leave `password` out to log in as the restore does",
    ))
}

fn source(restore: &Restore, name: &str) -> Said {
    let live = match &restore.source {
        Source::Sqlite(sqlite) => sqlite.live.is_some(),
        Source::Dump(dump) => dump.live.is_some(),
        Source::Command(commands) => commands.live.is_some(),
        Source::Rds(rds) => rds.live.is_some(),
        Source::Unsupported { .. } => {
            let kind = restore.source.kind().key();
            let message = format!("`{name}` does not know its source: it is a `{kind}` restore");
            return Some((message, "expect `baseline` instead"));
        }
    };
    let message = || format!("`{name}` names no live database to compare with");
    (!live).then(|| (message(), "add `live` to the restore, or expect `baseline`"))
}
