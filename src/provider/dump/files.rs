//! Finding dumps: [`Examine`] for those of one engine.

use super::{
    archive::Toc,
    format::{self, Dump, TOC},
};
use crate::{
    drill::RecoveryPoint,
    playbook::ServerEngine,
    provider::backup_file::{Examine, Identity},
    time::Timestamp,
};
use async_trait::async_trait;
use chrono::{LocalResult, NaiveDateTime, TimeZone};
use std::{fs::Metadata, io, path::Path};

/// Examines the dumps of one engine.
#[derive(Debug, Clone, Copy)]
pub(super) struct DumpFiles {
    pub(super) engine: ServerEngine,
    /// Of moments within dumps.
    pub(super) zone: Option<chrono_tz::Tz>,
}

#[async_trait]
impl Examine for DumpFiles {
    fn example(&self) -> &'static str {
        match self.engine {
            ServerEngine::Postgres => "*.dump",
            ServerEngine::Mysql => "*.sql.gz",
        }
    }

    fn is_one(&self, folder: &Path) -> bool {
        folder.join(TOC).is_file()
    }

    fn not_one(&self) -> &'static str {
        match self.engine {
            ServerEngine::Postgres => {
                "a folder without toc.dat: not a dump, or one that pg_dump has not finished"
            }
            ServerEngine::Mysql => "a folder",
        }
    }

    fn identity(&self, path: &Path, meta: &Metadata) -> io::Result<Identity> {
        identity(path, meta)
    }

    async fn examine(&self, path: &Path, point: &mut RecoveryPoint, named: bool) -> Result<(), String> {
        if !named {
            point.time_source = "modification time (end of the dump)".to_owned();
        }
        let dump = format::look(path).await?;
        let mut note = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                point.details.insert(key.to_owned(), value.to_owned());
            }
        };
        note("format", Some(dump.format.word()));
        note("packing", Some(dump.packing.word()));
        note("made_by", Some(dump.said.maker));
        note("server_version", dump.server());
        note("dump_version", dump.program());
        note("database", dump.database());
        if !dump.whole {
            note("whole", Some("known once it is unpacked"));
        }
        if dump.engine != self.engine {
            let (is, key) = match dump.engine {
                ServerEngine::Postgres => ("PostgreSQL", "postgres_dump"),
                ServerEngine::Mysql => (dump.said.maker, "mysql_dump"),
            };
            return Err(format!("it is a dump of {is}: a `{key}` restore takes it"));
        }
        if !named && let Some((time, source)) = self.moment(&dump, point.time) {
            point.time = time;
            point.time_source = source;
        }
        Ok(())
    }
}

impl DumpFiles {
    /// When the dump began, as it says itself. `modified` is when it ended, at the earliest.
    fn moment(&self, dump: &Dump, modified: Timestamp) -> Option<(Timestamp, String)> {
        let (local, zoned) = match &dump.toc {
            Some(Toc { header, .. }) => (header.created?, false),
            None => started(dump.said.started.as_deref()?)?,
        };
        // A plain dump names its zone, by an abbreviation that means one thing only if it is UTC.
        let zone = if zoned { Some(chrono_tz::UTC) } else { self.zone };
        if !zoned && dump.toc.is_none() && zone.is_none() {
            return None;
        }
        let at = moment_in(local, zone.unwrap_or(chrono_tz::UTC))?;
        if zone.is_none() && at > modified {
            let source = "modification time (end of the dump; the time within it is later: `timezone` can say in which zone it was made)";
            return Some((modified, source.to_owned()));
        }
        let read = zone.map_or("UTC", |zone| zone.name());
        Some((at, format!("start of the dump, as it says itself, read in {read}")))
    }
}

fn moment_in(local: NaiveDateTime, zone: chrono_tz::Tz) -> Option<Timestamp> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Some(at.to_utc().into()),
        // The earlier, so that the data never look newer than they are.
        LocalResult::Ambiguous(one, other) => Some(one.min(other).to_utc().into()),
        LocalResult::None => None,
    }
}

/// `2026-11-24 07:22:00 UTC`, and whether the zone is one that can be relied on.
fn started(text: &str) -> Option<(NaiveDateTime, bool)> {
    let (moment, zone) = NaiveDateTime::parse_and_remainder(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some((moment, matches!(zone.trim(), "UTC" | "GMT" | "Etc/UTC")))
}

/// Size and age of a dump: of a folder, all of its files, and the age of `toc.dat`, which is written last.
pub(super) fn identity(path: &Path, meta: &Metadata) -> io::Result<Identity> {
    if !meta.is_dir() {
        return Ok(Identity::of(meta));
    }
    let modified = Identity::of(&path.join(TOC).metadata()?).modified;
    let mut size = 0;
    for entry in std::fs::read_dir(path)? {
        let meta = entry?.metadata()?;
        size += if meta.is_file() { meta.len() } else { 0 };
    }
    Ok(Identity { size, modified })
}
