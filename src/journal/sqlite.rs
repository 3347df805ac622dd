//! The journal in SQLite: the [`Journal`] port, and the appending of entries.

use super::{
    chain::{self, Chained, Damage},
    holder::Locks,
    open::{Mode, open},
    place::{Place, is_damage},
    projection::{COLUMNS, Summary, digest},
    writer::{WriteTx, Writer},
};
use crate::{
    drill::{Entry, Event},
    ids::{Digest, RunId},
    ports::{Baseline, BaselineKey, Journal, JournalError, Lease, NewRun, PlaybookText, Request},
    time::Timestamp,
};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::{
    Row, SqliteConnection, SqliteExecutor, SqlitePool,
    sqlite::{SqlitePoolOptions, SqliteRow},
};
use std::{path::Path, time::Duration};

/// How many connections read at the same time.
const READERS: u32 = 3;

/// The journal of a data folder.
#[derive(Debug)]
pub struct SqliteJournal {
    pub(super) place: Place,
    pub(super) reader: SqlitePool,
    pub(super) writer: Option<Writer>,
    pub(super) locks: Locks,
}

impl SqliteJournal {
    /// Opens the journal in a data folder; with [`Mode::ReadWrite`] it is made where there is none.
    pub async fn open(data_dir: &Path, mode: Mode) -> Result<Self, JournalError> {
        let opened = open(data_dir, mode).await?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(opened.reading);
        let writer = opened.writing.map(|options| Writer::new(opened.place.clone(), options));
        let locks = Locks::new(data_dir, opened.place.clone());
        Ok(Self { place: opened.place, reader, writer, locks })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.place.db()
    }

    /// Closes every connection; the write-ahead log is folded into the file. Not needed for safety.
    pub async fn close(&self) -> Result<(), JournalError> {
        self.reader.close().await;
        match &self.writer {
            Some(writer) => writer.close().await,
            None => Ok(()),
        }
    }

    /// The digest of the run's last entry.
    pub async fn head(&self, run: RunId) -> Result<Digest, JournalError> {
        let head: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT digest FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1")
                .bind(run.to_string())
                .fetch_optional(&self.reader)
                .await
                .map_err(|error| self.place.sql(error))?;
        let head = head.ok_or_else(|| JournalError::NoSuchRun(run.to_string()))?;
        digest(&head).ok_or_else(|| self.place.storage("a digest is not 32 bytes long; the file is damaged"))
    }

    /// The entries of a run as they are stored, the chain verified: what evidence is made of.
    pub async fn chained(&self, run: RunId) -> Result<Vec<Chained>, JournalError> {
        Ok(self.verified(run).await?.1)
    }

    pub(super) async fn begin(&self) -> Result<WriteTx<'_>, JournalError> {
        match &self.writer {
            Some(writer) => writer.begin().await,
            None => Err(self.place.storage("it was opened for reading only")),
        }
    }

    pub(super) async fn verified(&self, run: RunId) -> Result<(Vec<Entry>, Vec<Chained>), JournalError> {
        self.verified_on(&self.reader, run).await
    }

    pub(super) async fn verified_on(
        &self,
        conn: impl SqliteExecutor<'_>,
        run: RunId,
    ) -> Result<(Vec<Entry>, Vec<Chained>), JournalError> {
        let damaged = |damage: Damage| JournalError::Damaged { run, seq: damage.seq, what: damage.what };
        let stored = self.stored(conn, run).await?;
        let entries = chain::verify(run, &stored.chained, stored.anchor).map_err(damaged)?;
        stored.fits(&entries).map_err(damaged)?;
        Ok((entries, stored.chained))
    }

    /// One statement, so that entries and summary are of the same moment.
    async fn stored(&self, conn: impl SqliteExecutor<'_>, run: RunId) -> Result<Stored, JournalError> {
        let mut rows = sqlx::query(
            "SELECT u.playbook, u.digest AS text_digest, u.declared_ms, s.entries, s.head, l.token, \
                    e.seq, e.at_ms, e.body, e.prev, e.digest, e.fence \
             FROM runs u LEFT JOIN run_summaries s ON s.run = u.run LEFT JOIN leases l ON l.run = u.run \
             LEFT JOIN events e ON e.run = u.run WHERE u.run = ? ORDER BY e.seq",
        )
        .bind(run.to_string())
        .fetch(conn);
        let mut stored: Option<Stored> = None;
        loop {
            let seq = stored.as_ref().map_or(0, |stored| stored.chained.len()) as u64 + 1;
            let failed = |error: sqlx::Error| {
                if is_damage(&error) {
                    return JournalError::Damaged { run, seq, what: format!("it can't be read: {error}") };
                }
                self.place.sql(error)
            };
            let Some(row) = rows.try_next().await.map_err(failed)? else { break };
            let stored = match &mut stored {
                Some(stored) => stored,
                none => none.insert(Stored::begin(&row).map_err(failed)?),
            };
            stored.take_in(&row).map_err(failed)?;
        }
        stored.ok_or_else(|| JournalError::NoSuchRun(run.to_string()))
    }

    async fn declare_in(&self, conn: &mut SqliteConnection, new: &NewRun<'_>) -> Result<Lease, JournalError> {
        let NewRun { run, playbook, holder, first } = *new;
        let Event::Declared(declaration) = &first.event else {
            return Err(self.place.storage("a run begins with its declaration, and this entry is none"));
        };
        let text_digest = Digest::of(playbook.text.as_bytes());
        if declaration.run != run || first.seq != 1 || declaration.digest != text_digest {
            return Err(self.place.storage(
                "the declaration does not fit its run: the id, the place or the playbook's digest differs",
            ));
        }
        let folder = playbook.folder.to_str().ok_or_else(|| {
            self.place.storage(format!(
                "the playbook's folder {} has a name that is not UTF-8",
                playbook.folder.display()
            ))
        })?;
        let id = run.to_string();
        let sql = |error| self.place.sql(error);
        let there: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM events WHERE run = ?")
            .bind(&id)
            .fetch_one(&mut *conn)
            .await
            .map_err(sql)?;
        if there > 0 {
            return Err(JournalError::Conflict { run, expected: 0, actual: there.unsigned_abs() });
        }
        sqlx::query("INSERT INTO playbooks (digest, text) VALUES (?, ?)")
            .bind(&text_digest.as_bytes()[..])
            .bind(&playbook.text)
            .execute(&mut *conn)
            .await
            .map_err(sql)?;
        sqlx::query("INSERT INTO runs (run, playbook, digest, folder, declared_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(&id)
            .bind(declaration.playbook.as_str())
            .bind(&text_digest.as_bytes()[..])
            .bind(folder)
            .bind(first.at.as_millis())
            .execute(&mut *conn)
            .await
            .map_err(sql)?;
        let lease = self.first_lease(conn, run, holder, first.at).await?;
        let chained = self.insert(conn, &lease, Digest::ZERO, std::slice::from_ref(first)).await?;
        let head = chained.last().map_or(Digest::ZERO, |last| last.digest);
        Summary::begin(declaration, first.at, head).write(conn, &self.place).await?;
        Ok(lease)
    }

    async fn append_in(
        &self,
        conn: &mut SqliteConnection,
        lease: &Lease,
        expected: u64,
        entries: &[Entry],
    ) -> Result<(), JournalError> {
        let run = lease.run;
        self.must_hold(conn, lease).await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM run_summaries s WHERE s.run = ?"
        )))
        .bind(run.to_string())
        .fetch_optional(&mut *conn)
        .await
        .map_err(|error| self.place.sql(error))?;
        let Some(row) = row else {
            return Err(self.place.storage(format!(
                "the summary of run {run} is missing; rebuild the summaries from the events"
            )));
        };
        let mut summary = Summary::read(&row, &self.place)?;
        if summary.entries != expected {
            return Err(JournalError::Conflict { run, expected, actual: summary.entries });
        }
        if summary.end.is_some() {
            return Err(JournalError::Finished(run));
        }
        let places_fit = (expected + 1..).zip(entries).all(|(place, entry)| entry.seq == place);
        let ended = entries.iter().position(|entry| matches!(entry.event, Event::Finished { .. }));
        if !places_fit || ended.is_some_and(|place| place + 1 != entries.len()) {
            return Err(self.place.storage(format!(
                "the entries for run {run} do not follow on from entry {expected}: nothing was written"
            )));
        }
        let chained = self.insert(conn, lease, summary.head, entries).await?;
        for (entry, stored) in entries.iter().zip(&chained) {
            summary.take_in(entry, stored.digest);
        }
        summary.update(conn, &self.place).await
    }

    async fn insert(
        &self,
        conn: &mut SqliteConnection,
        lease: &Lease,
        head: Digest,
        entries: &[Entry],
    ) -> Result<Vec<Chained>, JournalError> {
        let chained = chain::forge(lease.run, head, entries)
            .map_err(|damage| self.place.storage(format!("{damage}: nothing was written")))?;
        let run = lease.run.to_string();
        for entry in &chained {
            sqlx::query(
                "INSERT INTO events (run, seq, at_ms, body, prev, digest, fence) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(&run)
            .bind(i64::try_from(entry.seq).unwrap_or(i64::MAX))
            .bind(entry.at.as_millis())
            .bind(&entry.body)
            .bind(&entry.prev.as_bytes()[..])
            .bind(&entry.digest.as_bytes()[..])
            .bind(i64::try_from(lease.token).unwrap_or(i64::MAX))
            .execute(&mut *conn)
            .await
            .map_err(|error| self.place.sql(error))?;
        }
        Ok(chained)
    }

    async fn text(
        &self,
        row: Option<SqliteRow>,
        missing: JournalError,
    ) -> Result<PlaybookText, JournalError> {
        let Some(row) = row else { return Err(missing) };
        let sql = |error| self.place.sql(error);
        let stored: Vec<u8> = row.try_get(0).map_err(sql)?;
        let text: String = row.try_get(1).map_err(sql)?;
        let folder: String = row.try_get(2).map_err(sql)?;
        if digest(&stored) != Some(Digest::of(text.as_bytes())) {
            return Err(self.place.storage(
                "the text of a playbook is not the one that was stored: the file was altered or is damaged",
            ));
        }
        Ok(PlaybookText { text, folder: folder.into() })
    }
}

/// What the database holds of a run, not yet believed.
struct Stored {
    playbook: String,
    text_digest: Vec<u8>,
    declared: Timestamp,
    anchor: Option<(u64, Digest)>,
    token: Option<i64>,
    fence: i64,
    fenced: Result<(), Damage>,
    chained: Vec<Chained>,
}

impl Stored {
    fn begin(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let entries: Option<i64> = row.try_get("entries")?;
        let head: Option<Vec<u8>> = row.try_get("head")?;
        let anchor = entries.zip(head).map(|(entries, head)| {
            (u64::try_from(entries).unwrap_or(u64::MAX), digest(&head).unwrap_or(Digest::ZERO))
        });
        Ok(Self {
            playbook: row.try_get("playbook")?,
            text_digest: row.try_get("text_digest")?,
            declared: Timestamp::from_millis(row.try_get("declared_ms")?),
            anchor,
            token: row.try_get("token")?,
            fence: 1,
            fenced: Ok(()),
            chained: Vec::new(),
        })
    }

    fn take_in(&mut self, row: &SqliteRow) -> Result<(), sqlx::Error> {
        let Some(seq) = row.try_get::<Option<i64>, _>("seq")? else { return Ok(()) };
        // A number or digest out of range is kept as one that can't be right, and found so by the chain.
        let seq = u64::try_from(seq).unwrap_or(u64::MAX);
        let bytes = |name| Ok::<_, sqlx::Error>(digest(row.try_get(name)?).unwrap_or(Digest::ZERO));
        let fence: i64 = row.try_get("fence")?;
        if self.fenced.is_ok() && (fence < self.fence || self.token.is_some_and(|token| fence > token)) {
            self.fenced = Err(Damage::new(seq, format!("no holder of the lease had the token {fence}")));
        }
        self.fence = fence;
        self.chained.push(Chained {
            seq,
            at: Timestamp::from_millis(row.try_get("at_ms")?),
            body: row.try_get("body")?,
            prev: bytes("prev")?,
            digest: bytes("digest")?,
        });
        Ok(())
    }

    /// Whether what is kept beside the chain is what the chain says.
    fn fits(&self, entries: &[Entry]) -> Result<(), Damage> {
        let Some(Entry { at, event: Event::Declared(declaration), .. }) = entries.first() else {
            return Err(Damage::new(1, "it is not the declaration of the run"));
        };
        let differs = if self.playbook != declaration.playbook.as_str() {
            "playbook"
        } else if digest(&self.text_digest) != Some(declaration.digest) {
            "digest of the playbook"
        } else if self.declared != *at {
            "moment of declaration"
        } else {
            return self.fenced.clone();
        };
        Err(Damage::new(1, format!("the {differs} in the table of runs is not that of the declaration")))
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn declare(&self, first: NewRun<'_>) -> Result<Lease, JournalError> {
        let mut tx = self.begin().await?;
        let result = self.declare_in(tx.conn(), &first).await;
        tx.end(result).await
    }

    async fn append(&self, lease: &Lease, expected: u64, entries: &[Entry]) -> Result<(), JournalError> {
        let mut tx = self.begin().await?;
        let result = self.append_in(tx.conn(), lease, expected, entries).await;
        tx.end(result).await
    }

    async fn entries(&self, run: RunId) -> Result<Vec<Entry>, JournalError> {
        Ok(self.verified(run).await?.0)
    }

    async fn playbook(&self, digest: Digest) -> Result<PlaybookText, JournalError> {
        let row = sqlx::query(
            "SELECT p.digest, p.text, u.folder FROM playbooks p JOIN runs u ON u.digest = p.digest \
             WHERE p.digest = ? ORDER BY u.declared_ms DESC LIMIT 1",
        )
        .bind(&digest.as_bytes()[..])
        .fetch_optional(&self.reader)
        .await
        .map_err(|error| self.place.sql(error))?;
        let missing = self.place.storage(format!("there is no playbook with the digest {digest}"));
        self.text(row, missing).await
    }

    async fn playbook_of(&self, run: RunId) -> Result<PlaybookText, JournalError> {
        let row = sqlx::query(
            "SELECT p.digest, p.text, u.folder FROM runs u JOIN playbooks p ON p.digest = u.digest WHERE u.run = ?",
        )
        .bind(run.to_string())
        .fetch_optional(&self.reader)
        .await
        .map_err(|error| self.place.sql(error))?;
        self.text(row, JournalError::NoSuchRun(run.to_string())).await
    }

    async fn take_lease(&self, run: RunId, holder: &str, now: Timestamp) -> Result<Lease, JournalError> {
        self.take_over(run, holder, now).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<(), JournalError> {
        self.prolong(lease, now).await
    }

    async fn give_up(&self, lease: &Lease) -> Result<(), JournalError> {
        self.let_go(lease).await
    }

    async fn requests(&self, run: RunId, seen: u64) -> Result<Vec<Request>, JournalError> {
        self.requests_after(run, seen).await
    }

    async fn baseline(&self, key: &BaselineKey) -> Result<Option<Baseline>, JournalError> {
        self.newest_baseline(key).await
    }
}
