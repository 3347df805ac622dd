//! What a dump is: told by its content, never by its name.
//!
//! | first bytes | format | its moment |
//! | --- | --- | --- |
//! | `PGDMP` | custom | in its header |
//! | a folder with `toc.dat` | directory | in its header |
//! | a tar archive that begins with `toc.dat` | tar | in its header |
//! | `-- PostgreSQL database dump` | plain | `-- Started on`, if `pg_dump --verbose` made it |
//! | `-- MySQL dump`, `-- MariaDB dump` | plain | none: `-- Dump completed on` is its end |
//!
//! All but the directory may be packed with gzip or zstd.

use super::archive::{self, Header, Layout, Toc, Unread};
use crate::{
    playbook::ServerEngine,
    provider::{backup_file::Packing, unpacked::decoded},
};
use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};
use tokio::io::AsyncReadExt;

/// The file that makes a folder a dump.
pub(super) const TOC: &str = "toc.dat";

/// Enough for every line that stands before the first statement.
const HEAD: u64 = 16 * 1024;

/// Enough for every line that stands after the last statement.
const TAIL: u64 = 4 * 1024;

/// A packed dump up to this size is unpacked to look at its end when dumps are listed; of larger ones it is known
/// only once they are restored.
const SMALL: u64 = 8 * 1024 * 1024;

/// A table of contents larger than this is damage.
const LARGEST_TOC: u64 = 1024 * 1024 * 1024;

/// The layouts of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `pg_dump --format=custom`.
    Custom,
    /// `pg_dump --format=directory`.
    Directory,
    /// `pg_dump --format=tar`.
    Tar,
    /// SQL.
    Plain,
}

impl Format {
    /// In words, as `pg_dump` has them.
    pub(super) fn word(self) -> &'static str {
        match self {
            Format::Custom => "custom",
            Format::Directory => "directory",
            Format::Tar => "tar",
            Format::Plain => "plain",
        }
    }
}

/// What was found in a dump.
#[derive(Debug, Clone)]
pub(super) struct Dump {
    pub(super) engine: ServerEngine,
    pub(super) format: Format,
    pub(super) packing: Packing,
    /// Of an archive.
    pub(super) toc: Option<Toc>,
    /// What the lines before the first statement say, for plain dumps.
    pub(super) said: Said,
    /// Whether its end was seen.
    pub(super) whole: bool,
}

/// What the comments at the head of a plain dump say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// `MySQL`, `MariaDB` or `PostgreSQL`.
    pub(super) maker: &'static str,
    /// The version of the server that was dumped.
    pub(super) server: Option<String>,
    /// The version of the program that dumped it.
    pub(super) program: Option<String>,
    /// The database that was dumped.
    pub(super) database: Option<String>,
    /// When the dump began: the text of `-- Started on`.
    pub(super) started: Option<String>,
}

impl Dump {
    /// The version of the server that was dumped.
    pub(super) fn server(&self) -> Option<&str> {
        self.toc.as_ref().map(|toc| toc.header.server.as_str()).or(self.said.server.as_deref())
    }

    /// The version of the program that dumped it.
    pub(super) fn program(&self) -> Option<&str> {
        self.toc.as_ref().map(|toc| toc.header.pg_dump.as_str()).or(self.said.program.as_deref())
    }

    /// The database that was dumped.
    pub(super) fn database(&self) -> Option<&str> {
        self.toc.as_ref().map(|toc| toc.header.database.as_str()).or(self.said.database.as_deref())
    }
}

/// Looks into a dump. `Err`: why it is unfit.
pub(super) async fn look(path: &Path) -> Result<Dump, String> {
    let cant = |error: io::Error| format!("it can't be read: {error}");
    if path.is_dir() {
        let path = path.to_owned();
        return off_thread(move || directory(&path)).await;
    }
    let mut first = Vec::new();
    let file = tokio::fs::File::open(path).await.map_err(cant)?;
    file.take(4).read_to_end(&mut first).await.map_err(cant)?;
    let packing = Packing::of(&first);
    let head = unpacked(path, packing, HEAD).await?;
    if head.starts_with(archive::MAGIC) {
        return match packing {
            Packing::Plain => {
                let path = path.to_owned();
                off_thread(move || custom(&path)).await
            }
            _ => packed_archive(path, packing, Format::Custom).await,
        };
    }
    if is_tar(&head) {
        return tar(path, packing, &head).await;
    }
    let (engine, said) = plain(&head)?;
    let end = match packing {
        Packing::Plain => {
            let path = path.to_owned();
            Some(off_thread(move || tail(&path, TAIL).map_err(cant)).await?)
        }
        _ if tokio::fs::metadata(path).await.map_err(cant)?.len() <= SMALL => {
            Some(packed_tail(path, packing).await?)
        }
        _ => None,
    };
    if let Some(end) = &end
        && !ends(engine, end)
    {
        return Err(not_whole(engine));
    }
    Ok(Dump { engine, format: Format::Plain, packing, toc: None, said, whole: end.is_some() })
}

/// What is said of a plain dump without its closing line.
pub(super) fn not_whole(engine: ServerEngine) -> String {
    let line = match engine {
        ServerEngine::Postgres => PG_END,
        ServerEngine::Mysql => MYSQL_END,
    };
    format!("it is not whole: its closing line `{line}` is missing")
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|_| "looking into it was interrupted".to_owned())?
}

/// The first bytes of what is packed.
async fn unpacked(path: &Path, packing: Packing, most: u64) -> Result<Vec<u8>, String> {
    let file = tokio::fs::File::open(path).await.map_err(|error| format!("it can't be read: {error}"))?;
    let mut bytes = Vec::new();
    let read = decoded(packing, file).take(most).read_to_end(&mut bytes).await;
    match read {
        Ok(_) => Ok(bytes),
        Err(error) if packing == Packing::Plain => Err(format!("it can't be read: {error}")),
        Err(error) => Err(format!("it is damaged: {} data end or break: {error}", packing.word())),
    }
}

async fn packed_tail(path: &Path, packing: Packing) -> Result<Vec<u8>, String> {
    let file = tokio::fs::File::open(path).await.map_err(|error| format!("it can't be read: {error}"))?;
    let mut from = decoded(packing, file);
    let (mut end, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = from.read(&mut buffer).await;
        let read = read.map_err(|error| format!("it is damaged: unpacking it failed: {error}"))?;
        if read == 0 {
            return Ok(end);
        }
        end.extend_from_slice(&buffer[..read]);
        let surplus = end.len().saturating_sub(usize::try_from(TAIL).unwrap_or(0));
        end.drain(..surplus);
    }
}

fn tail(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut end = Vec::new();
    file.take(most).read_to_end(&mut end)?;
    Ok(end)
}

// ---------------------------------------------------------------- archives

fn unread(why: Unread) -> String {
    match why {
        Unread::Short => "it is cut off within its table of contents".to_owned(),
        Unread::Damaged(what) => format!("it is damaged: {what}"),
        Unread::Io(error) => format!("it can't be read: {error}"),
        Unread::Unknown(Header { version: (major, minor), .. }) => format!(
            "it is a PostgreSQL archive of version {major}.{minor}, and this firedrill knows 1.10 (pg_dump 8.4) to 1.16 (pg_dump 18): use another firedrill"
        ),
    }
}

fn archive_of(toc: Toc, format: Format, packing: Packing, whole: bool) -> Dump {
    let said = Said { maker: "PostgreSQL", ..Said::default() };
    Dump { engine: ServerEngine::Postgres, format, packing, toc: Some(toc), said, whole }
}

fn custom(path: &Path) -> Result<Dump, String> {
    let cant = |error: io::Error| format!("it can't be read: {error}");
    let file = File::open(path).map_err(cant)?;
    let size = file.metadata().map_err(cant)?.len();
    let toc = archive::read(BufReader::new(file), Layout::Custom).map_err(unread)?;
    if let Some(beyond) = toc.entries.iter().filter_map(|entry| entry.offset).max().filter(|at| *at >= size) {
        return Err(format!("it is cut off: it should have data at byte {beyond}, and it has {size} bytes"));
    }
    // The data of each table end with the number 0: a sign and four bytes.
    let has_data =
        toc.entries.iter().any(|entry| entry.kind == "TABLE DATA" || entry.kind.starts_with("BLOB"));
    if has_data && !tail(path, 5).map_err(cant)?.iter().all(|byte| *byte == 0) {
        return Err("it is cut off within the data of a table".to_owned());
    }
    Ok(archive_of(toc, Format::Custom, Packing::Plain, true))
}

fn directory(path: &Path) -> Result<Dump, String> {
    let file = File::open(path.join(TOC)).map_err(|error| format!("its {TOC} can't be read: {error}"))?;
    let toc = archive::read(BufReader::new(file), Layout::Files).map_err(unread)?;
    let there = |name: &str| {
        ["", ".gz", ".lz4", ".zst"].iter().any(|end| path.join(format!("{name}{end}")).is_file())
    };
    for entry in &toc.entries {
        if let Some(file) = entry.file.as_deref().filter(|file| !there(file)) {
            return Err(format!("it is not whole: {file} with the data of {} is missing", entry.tag));
        }
    }
    Ok(archive_of(toc, Format::Directory, Packing::Plain, true))
}

/// A packed archive, or a tar archive: its table of contents is near its beginning.
async fn packed_archive(path: &Path, packing: Packing, format: Format) -> Result<Dump, String> {
    let (layout, skip) = match format {
        Format::Tar => (Layout::Files, TAR_BLOCK),
        _ => (Layout::Custom, 0),
    };
    let mut most = 1024 * 1024;
    loop {
        let bytes = unpacked(path, packing, most).await?;
        let all = (bytes.len() as u64) < most;
        let toc = off_thread(move || {
            let bytes = bytes.get(skip..).unwrap_or_default();
            match archive::read(Cursor::new(bytes), layout) {
                Err(Unread::Short) if !all => Ok(None),
                other => other.map(Some).map_err(unread),
            }
        });
        match toc.await? {
            Some(toc) => return Ok(archive_of(toc, format, packing, false)),
            None if most >= LARGEST_TOC => return Err("its table of contents has no end".to_owned()),
            None => most *= 8,
        }
    }
}

const TAR_BLOCK: usize = 512;

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

async fn tar(path: &Path, packing: Packing, head: &[u8]) -> Result<Dump, String> {
    let name: Vec<u8> = head.iter().copied().take(100).take_while(|byte| *byte != 0).collect();
    let name = String::from_utf8_lossy(&name).into_owned();
    if name != TOC {
        return Err(format!(
            "it is a tar archive that begins with {name}, not the tar format of pg_dump: a packed folder has to be unpacked first"
        ));
    }
    if packing == Packing::Plain {
        let path = path.to_owned();
        let end = off_thread(move || {
            tail(&path, TAR_BLOCK as u64).map_err(|error| format!("it can't be read: {error}"))
        });
        if !end.await?.iter().all(|byte| *byte == 0) {
            return Err("it is cut off: the end of the tar archive is missing".to_owned());
        }
    }
    let dump = packed_archive(path, packing, Format::Tar).await?;
    Ok(Dump { whole: packing == Packing::Plain, ..dump })
}

// ---------------------------------------------------------------- plain

/// The last line of a plain dump.
pub(super) const PG_END: &str = "-- PostgreSQL database dump complete";
/// What the last line of a dump of MySQL or MariaDB begins with.
pub(super) const MYSQL_END: &str = "-- Dump completed";

/// Whether the dump ends as a whole one does: after its closing line come at most blank lines and `\unrestrict`.
pub(super) fn ends(engine: ServerEngine, end: &[u8]) -> bool {
    let text = String::from_utf8_lossy(end);
    let mut last = text.lines().rev().map(str::trim).filter(|line| !line.is_empty() && *line != "--");
    match engine {
        ServerEngine::Postgres => last.find(|line| !line.starts_with("\\unrestrict ")) == Some(PG_END),
        ServerEngine::Mysql => last.next().is_some_and(|line| line.starts_with(MYSQL_END)),
    }
}

/// Of which engine a plain dump is, and what its head says.
fn plain(head: &[u8]) -> Result<(ServerEngine, Said), String> {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(
            "it is text in UTF-16, as PowerShell's `>` writes it, and damaged by that: let the dump program write the file itself (--file, --result-file)"
                .to_owned(),
        );
    }
    let text = String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head));
    let mut said = Said::default();
    for line in text.lines().map(str::trim_end).take(60) {
        if said.maker.is_empty() {
            match line {
                "" | "--" => continue,
                line if line.starts_with("/*M!999999") || line.starts_with("/*!999999") => continue,
                "-- PostgreSQL database dump" => said.maker = "PostgreSQL",
                "-- PostgreSQL database cluster dump" => {
                    return Err("it is a dump of a whole cluster (pg_dumpall): make one of each database with pg_dump, and of the roles with pg_dumpall --globals-only".to_owned());
                }
                _ => match line
                    .strip_prefix("-- MySQL dump ")
                    .map(|rest| ("MySQL", rest))
                    .or_else(|| line.strip_prefix("-- MariaDB dump ").map(|rest| ("MariaDB", rest)))
                {
                    Some((maker, rest)) => {
                        said.maker = maker;
                        said.program = program(rest);
                    }
                    None => break,
                },
            }
            continue;
        }
        if let Some(version) = line.strip_prefix("-- Dumped from database version ") {
            said.server = Some(version.to_owned());
        } else if let Some(version) = line.strip_prefix("-- Dumped by pg_dump version ") {
            said.program = Some(version.to_owned());
        } else if let Some(moment) = line.strip_prefix("-- Started on ") {
            said.started = Some(moment.to_owned());
        } else if let Some(version) = line.strip_prefix("-- Server version") {
            said.server = Some(version.trim().to_owned());
        } else if let Some((_, database)) =
            line.split_once("Database: ").filter(|_| line.starts_with("-- Host: "))
        {
            said.database = Some(database.trim().to_owned()).filter(|name| !name.is_empty());
        }
    }
    match said.maker {
        "" => Err("it is no dump that is known: neither pg_dump's nor mysqldump's or mariadb-dump's first line is there. Comments must not be left out (--compact, --skip-comments): they tell whether a dump is whole".to_owned()),
        "PostgreSQL" => Ok((ServerEngine::Postgres, said)),
        _ => Ok((ServerEngine::Mysql, said)),
    }
}

/// `10.19-11.8.3-MariaDB, for debian-linux-gnu (x86_64)` or `10.13  Distrib 8.0.31, for Linux (x86_64)`.
fn program(rest: &str) -> Option<String> {
    let version = rest.split(',').next()?.trim();
    let version = match version.split_once("Distrib ") {
        Some((_, version)) => version,
        None => version.split_once('-').map_or(version, |(_, version)| version),
    };
    Some(version.trim().to_owned()).filter(|version| !version.is_empty())
}
