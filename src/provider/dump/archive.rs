//! The archives of `pg_dump`: header and table of contents, read without `pg_restore`.
//!
//! ```text
//!  PGDMP  1.14  int and offset sizes  format  compression  created (local time)  database  server, pg_dump versions
//!  then the number of entries, and each: id, tag, kind, schema, owner, its SQL, where its data are
//! ```
//!
//! The layout follows `ReadHead` and `ReadToc` of PostgreSQL's `pg_backup_archiver.c`, archive versions 1.10 (8.4) to
//! 1.16 (17 and 18).

use chrono::{NaiveDate, NaiveDateTime};
use std::io::{self, Read};

/// With what a custom archive, and `toc.dat` of the others, begins.
pub(super) const MAGIC: &[u8; 5] = b"PGDMP";

/// The versions whose layout is known.
const OLDEST: (u8, u8) = (1, 10);
const NEWEST: (u8, u8) = (1, 16);

/// A text longer than this is no statement but damage.
const LONGEST_TEXT: i64 = 1 << 30;

/// More entries than a database can have objects worth dumping.
const MOST_ENTRIES: i64 = 50_000_000;

/// How the archive lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One file with everything.
    Custom,
    /// A folder: `toc.dat` and a file for each table. A tar archive holds the same files.
    Files,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the archive's layout: `1.14`.
    pub(super) version: (u8, u8),
    /// When `pg_dump` began, by the clock and in the zone of the machine that it ran on.
    pub(super) created: Option<NaiveDateTime>,
    /// The database that was dumped.
    pub(super) database: String,
    /// The version of its server.
    pub(super) server: String,
    /// The version of `pg_dump`.
    pub(super) pg_dump: String,
}

/// One entry of the table of contents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Entry {
    pub(super) id: i64,
    /// Its name.
    pub(super) tag: String,
    /// What it is: `TABLE`, `TABLE DATA`, `ACL`, `EXTENSION`, …
    pub(super) kind: String,
    pub(super) owner: String,
    /// The statements that make it.
    pub(super) sql: String,
    /// The statement before its data.
    pub(super) copy: String,
    /// Where its data begin in a custom archive that could be sought in when it was written.
    pub(super) offset: Option<u64>,
    /// The file with its data.
    pub(super) file: Option<String>,
}

/// Header and table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Toc {
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
}

/// Why there is no table of contents.
#[derive(Debug)]
pub(super) enum Unread {
    /// The data end before it does.
    Short,
    /// Newer or older than what is known.
    Unknown(Header),
    /// It is none.
    Damaged(String),
    /// The disk.
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Unread::Short,
            _ => Unread::Io(error),
        }
    }
}

/// Reads them.
pub(super) fn read(from: impl Read, layout: Layout) -> Result<Toc, Unread> {
    let mut from = Archive { from, int: 4, offset: 8 };
    let header = from.header()?;
    let count = from.int()?;
    if !(0..=MOST_ENTRIES).contains(&count) {
        return Err(Unread::Damaged(format!("it would have {count} entries")));
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(from.entry(header.version, layout)?);
    }
    Ok(Toc { header, entries })
}

struct Archive<R> {
    from: R,
    int: usize,
    offset: usize,
}

impl<R: Read> Archive<R> {
    fn byte(&mut self) -> Result<u8, Unread> {
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// A sign and so many bytes, the least significant first.
    fn int(&mut self) -> Result<i64, Unread> {
        let negative = self.byte()? != 0;
        let number = self.unsigned(self.int)?;
        let number =
            i64::try_from(number).map_err(|_| Unread::Damaged("a number is too large".to_owned()))?;
        Ok(if negative { -number } else { number })
    }

    fn unsigned(&mut self, size: usize) -> Result<u64, Unread> {
        let mut number = 0u64;
        for i in 0..size {
            let byte = u64::from(self.byte()?);
            if i >= 8 && byte != 0 {
                return Err(Unread::Damaged("a number is too large".to_owned()));
            }
            number |= if i < 8 { byte << (8 * i) } else { 0 };
        }
        Ok(number)
    }

    /// None: NULL.
    fn text(&mut self) -> Result<Option<String>, Unread> {
        let length = self.int()?;
        if length < 0 {
            return Ok(None);
        }
        if length > LONGEST_TEXT {
            return Err(Unread::Damaged("a text is too long".to_owned()));
        }
        let mut bytes = Vec::new();
        let wanted = length.unsigned_abs();
        // Not allocated beforehand: a damaged length must not take the memory.
        (&mut self.from).take(wanted).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != wanted {
            return Err(Unread::Short);
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn filled(&mut self) -> Result<String, Unread> {
        Ok(self.text()?.unwrap_or_default())
    }

    fn header(&mut self) -> Result<Header, Unread> {
        let mut magic = [0; MAGIC.len()];
        self.from.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(Unread::Damaged("it does not begin with PGDMP".to_owned()));
        }
        let version = (self.byte()?, self.byte()?);
        let _revision = self.byte()?;
        let mut header = Header {
            version,
            created: None,
            database: String::new(),
            server: String::new(),
            pg_dump: String::new(),
        };
        if version < OLDEST || version > NEWEST {
            return Err(Unread::Unknown(header));
        }
        self.int = usize::from(self.byte()?);
        self.offset = usize::from(self.byte()?);
        if !(1..=32).contains(&self.int) || !(1..=32).contains(&self.offset) {
            return Err(Unread::Damaged("its sizes of numbers are impossible".to_owned()));
        }
        let _format = self.byte()?;
        match version >= (1, 15) {
            true => drop(self.byte()?),
            false => drop(self.int()?),
        }
        let mut at = [0; 7];
        for part in &mut at {
            *part = self.int()?;
        }
        header.created = moment(at);
        header.database = self.filled()?;
        header.server = self.filled()?;
        header.pg_dump = self.filled()?;
        Ok(header)
    }

    fn entry(&mut self, version: (u8, u8), layout: Layout) -> Result<Entry, Unread> {
        let mut entry = Entry { id: self.int()?, ..Entry::default() };
        let has_data = self.int()? != 0;
        let _catalog = (self.text()?, self.text()?);
        entry.tag = self.filled()?;
        entry.kind = self.filled()?;
        if version >= (1, 11) {
            self.int()?;
        }
        entry.sql = self.filled()?;
        let _drop = self.text()?;
        entry.copy = self.filled()?;
        let _schema_and_tablespace = (self.text()?, self.text()?);
        if version >= (1, 14) {
            self.text()?;
        }
        if version >= (1, 16) {
            self.int()?;
        }
        entry.owner = self.filled()?;
        let _with_oids = self.text()?;
        while self.text()?.is_some() {}
        match layout {
            Layout::Files => {
                let file = self.filled()?;
                entry.file = (has_data && !file.is_empty()).then_some(file);
            }
            Layout::Custom => {
                // 1: not known, 2: at that offset, 3: no data.
                let state = self.byte()?;
                let offset = self.unsigned(self.offset)?;
                if !(1..=3).contains(&state) {
                    return Err(Unread::Damaged("an offset is impossible".to_owned()));
                }
                entry.offset = (state == 2).then_some(offset);
            }
        }
        Ok(entry)
    }
}

/// From a `struct tm`: seconds, minutes, hours, day, month from 0, year from 1900, daylight saving.
fn moment([second, minute, hour, day, month, year, _]: [i64; 7]) -> Option<NaiveDateTime> {
    let part = |number: i64| u32::try_from(number).ok();
    let year = i32::try_from(year).ok()?.checked_add(1900).filter(|year| (1990..=9999).contains(year))?;
    NaiveDate::from_ymd_opt(year, part(month)? + 1, part(day)?)?.and_hms_opt(
        part(hour)?,
        part(minute)?,
        part(second)?.min(59),
    )
}

/// The first number of a version: `15` of `15.18 (Debian 15.18-0+deb12u1)`.
pub(super) fn major(version: &str) -> Option<u32> {
    let digits = version.trim_start().bytes().take_while(u8::is_ascii_digit).count();
    version.trim_start()[..digits].parse().ok()
}
