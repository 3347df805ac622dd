//! Restores: which backup, how old at most, from which kind of source.

use super::{
    cloud::{aurora, aws_backup, rds, velero},
    commands::command,
    dumps::{mysql_dump, postgres_dump},
    model::{CommandSource, Restore, Selector, Source, SourceKind, SqliteSource},
    values,
};
use crate::{
    document::{
        read::{Fields, Reader},
        words,
    },
    time::Period,
};
use chrono::format::{Item, StrftimeItems};
use serde_json::json;
use std::path::PathBuf;

/// A restore.
pub(super) fn restore(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a restore", |m| {
        m.one_of(&[
            ("sqlite", "A SQLite backup: a file, or the newest of a folder or glob.", sqlite),
            ("postgres_dump", "A PostgreSQL dump: the newest of a folder or glob.", postgres_dump),
            ("mysql_dump", "A MySQL or MariaDB dump: the newest of a folder or glob.", mysql_dump),
            ("command", "Any restore tool, by commands of your own.", commands),
            ("rds", "A snapshot of an RDS instance.", rds),
            ("aurora", "A snapshot of an Aurora cluster.", aurora),
            ("aws_backup", "A recovery point of AWS Backup.", aws_backup),
            ("velero", "A Velero backup.", velero),
        ])
    })
}

/// The keys that every source has.
pub(super) struct Common {
    /// Which of the recovery points.
    pub recovery_point: Selector,
    /// How old it may be.
    pub max_age: Option<Period>,
}

/// Reads the keys that every source has.
pub(super) fn common(m: &mut Fields<'_, '_>, kind: SourceKind) -> Common {
    let point = m.opt("recovery_point", "Which backup; the newest where left out.", selector);
    let max_age = m.opt("max_age", "Older than this: the step fails, and says so.", values::duration);
    let continuous = matches!(kind, SourceKind::Rds | SourceKind::Aurora | SourceKind::AwsBackup);
    if matches!(point, Some(Selector::PointInTime(_) | Selector::PointInTimeLatest)) && !continuous {
        m.error(
            "recovery_point",
            format!("`{}` has no continuous backup to restore a point in time from", kind.key()),
            "use `latest`, { id: … }, { before: … } or { random_within: … }",
        );
    }
    if matches!(point, Some(Selector::Id(_))) && max_age.is_some() {
        m.warn(
            "max_age",
            "`max_age` beside a fixed `id`: every run after that age will fail",
            "leave one of the two out",
        );
    }
    Common { recovery_point: point.unwrap_or(Selector::Latest), max_age }
}

fn selector(r: &mut Reader<'_>) -> Option<Selector> {
    r.shared("recovery_point", |r| {
        r.forms(
            "`latest` or a map such as { before: … }",
            Some(|r| {
                r.also(json!({ "const": "latest" }));
                if r.describing() {
                    return None;
                }
                let text = r.text()?;
                if text == "latest" {
                    return Some(Selector::Latest);
                }
                let help = match words::nearest(&text, ["latest"]) {
                    Some(_) => "did you mean `latest`?".to_owned(),
                    None => "use `latest`, { id: … }, { before: … }, { random_within: … } or \
                             { point_in_time: latest }"
                        .to_owned(),
                };
                r.error(format!("{} is no recovery point", words::quoted(&text)), help);
                None
            }),
            None,
            Some(|r| {
                r.fields("a recovery point", |m| {
                    m.one_of(&[
                        ("id", "That one.", |r| values::words_of(r).map(Selector::Id)),
                        ("before", "The newest at or before that moment.", |r| {
                            values::moment(r).map(Selector::Before)
                        }),
                        ("random_within", "Any within the last so long, drawn at random.", |r| {
                            values::duration(r).map(Selector::RandomWithin)
                        }),
                        ("point_in_time", "A moment from continuous backup, or `latest`.", point_in_time),
                    ])
                })
            }),
        )
    })
}

fn point_in_time(r: &mut Reader<'_>) -> Option<Selector> {
    if !r.describing() && !r.is_map() && r.text().as_deref() == Some("latest") {
        return Some(Selector::PointInTimeLatest);
    }
    values::moment(r).map(Selector::PointInTime)
}

/// The keys of sources whose backups are files, and whose names tell the moments.
pub(super) struct Files {
    /// A file, a folder or a glob.
    pub backup: Option<PathBuf>,
    /// How the file name tells its moment.
    pub timestamp: Option<String>,
    /// The zone of that moment.
    pub timezone: Option<chrono_tz::Tz>,
}

/// Reads the keys that sources of files have.
pub(super) fn files(m: &mut Fields<'_, '_>, backup: &str, otherwise: &str) -> Files {
    let backup = m.need("backup", backup, values::path);
    let timestamp = m.opt(
        "timestamp",
        &format!("How the file name tells its moment, as %Y%m%dT%H%M%SZ; {otherwise} where left out."),
        timestamp,
    );
    let timezone = m.opt("timezone", "The zone of that moment; UTC where left out.", values::timezone);
    if m.has("timezone") && !m.has("timestamp") && !m.misspelt("timestamp") {
        m.warn(
            "timezone",
            "`timezone` without `timestamp` says nothing",
            "give the pattern of the file names",
        );
    }
    if let Some(error) = backup.as_ref().and_then(|path| glob::Pattern::new(&path.to_string_lossy()).err()) {
        m.error("backup", format!("this glob is wrong: {}", error.msg), "use `*`, `?` and [a-z]");
    }
    Files { backup, timestamp, timezone }
}

fn sqlite(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a sqlite restore", |m| {
        let files = files(m, "A file, a folder or a glob, plain, .gz or .zst.", "its modification time");
        let live =
            m.opt("live", "The database that the backups are of, for baselines. Only read.", values::path);
        let common = common(m, SourceKind::Sqlite);
        if files.backup.is_some() && files.backup == live {
            m.error("live", "the backup is the live database itself", "give the backups' folder as `backup`");
        }
        let Files { backup, timestamp, timezone } = files;
        let source = Source::Sqlite(SqliteSource { backup: backup?, timestamp, timezone, live });
        Some(Restore { recovery_point: common.recovery_point, max_age: common.max_age, source })
    })
}

/// A strftime pattern that tells a moment.
fn timestamp(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "examples": ["%Y%m%dT%H%M%SZ", "%Y-%m-%d"] });
    r.parsed(schema, "a pattern", |text| {
        let help = "write it like %Y%m%dT%H%M%SZ or %Y-%m-%d; %s stands for seconds since 1970";
        let items: Vec<Item<'_>> = StrftimeItems::new(text).collect();
        if items.iter().any(|item| matches!(item, Item::Error)) {
            return Err((format!("{} has letters that mean nothing", words::quoted(text)), help.to_owned()));
        }
        let has = |letters: &[&str]| letters.iter().any(|letter| text.contains(letter));
        let date = has(&["%Y"]) && (has(&["%j"]) || has(&["%m", "%b", "%B"]) && has(&["%d", "%e"]));
        if date || has(&["%s", "%F", "%D", "%c", "%+"]) {
            return Ok(text.to_owned());
        }
        Err((format!("{} does not tell a day", words::quoted(text)), help.to_owned()))
    })
}

fn commands(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a command restore", |m| {
        let source = m.need("commands", "The four commands; see the JSON contract.", |r| {
            r.fields("`commands`", |m| {
                let from = m.noted();
                let point = m.need("recovery_point", "Prints the recovery points.", command);
                let early = m.take_notes(from);
                let acquire = m.need("acquire", "Restores one.", command);
                let observe = m.opt("observe", "Tells how the restored thing is.", command);
                let release = m.need("release", "Removes it; succeeds where there is nothing.", command);
                for note in early {
                    if note.text.contains("recovery_point.") && !note.text.contains("steps.") {
                        m.error(
                            "recovery_point",
                            "the recovery point is not chosen yet when this command runs",
                            "refer to it in `acquire`, `observe` and `release` only",
                        );
                    }
                }
                Some(Source::Command(CommandSource {
                    live: None,
                    recovery_point: point?,
                    acquire: acquire?,
                    observe,
                    release: release?,
                }))
            })
        });
        let live = m.opt(
            "live",
            "The database that the backups are of, for baselines. Only read.",
            super::dumps::live_of_engine,
        );
        let common = common(m, SourceKind::Command);
        let source = source.map(|source| match source {
            Source::Command(commands) => Source::Command(CommandSource { live, ..commands }),
            other => other,
        });
        Some(Restore { recovery_point: common.recovery_point, max_age: common.max_age, source: source? })
    })
}
