//! A session of checks on one PostgreSQL database.

use super::{
    columns::{literal, placeholder},
    probe::{Role, role},
    relations::{self, Relation},
    scan::{Plan, table_source},
    work,
};
use crate::{
    drill::{Fault, FaultClass},
    playbook::ServerEngine,
    server::{Ask, Login, postgres::PostgresAsk},
    time::{Period, Timestamp},
    verify::{
        SchemaSnapshot, TableFingerprint,
        answer::Answer,
        catalog::{self, Findings},
        cells::{Element, modulo},
        fingerprint::{Head, Key},
        running::Running,
        sql::{Found, How, Integrity, LeftOut, Mark, Seen, Session, Shape, Table, Target, Trouble, Watch},
        statement::Statement,
    },
};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// The id of the fingerprint's algorithm: see `docs/fingerprints.md`.
pub(super) const ALGORITHM: &str = "fd1-pg-128";
/// The same of the strong one.
pub(super) const STRONG: &str = "fd1-pg-sha256";
/// How long a server that is up but not ready is waited for.
const PATIENCE: Period = Period::from_secs(120);
/// Rows that a second look names at most.
const LOOKED_UP: usize = 10_000;
/// Rows of differing buckets that are held at most.
const MARKS: usize = 2_000_000;
/// Changed rows whose keys a baseline holds at most.
const CHANGED: usize = 100_000;

/// How a database is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verify) struct Reading<'a> {
    /// Connections that share the work.
    pub(in crate::verify) connections: usize,
    /// Whether the database is firedrill's own to change.
    pub(in crate::verify) scratch: bool,
    /// A snapshot that another session has exported.
    pub(in crate::verify) snapshot: Option<&'a str>,
}

/// A session; when it is dropped, what it runs is cancelled.
pub(in crate::verify) struct PostgresSession {
    pub(super) login: Login,
    pub(super) running: Running,
    /// The first holds the snapshot that the others share.
    pub(super) connections: Vec<PostgresAsk>,
    pub(super) wanted: usize,
    pub(super) snapshot: Option<String>,
    pub(super) relations: BTreeMap<String, Relation>,
    pub(super) version: u32,
    pub(super) encoding: String,
    /// Whether the hash functions were looked at.
    pub(super) probed: bool,
    pub(super) scratch: bool,
    /// Where the log stood right after the snapshot was taken.
    position: Option<String>,
    pub(super) role: Role,
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        work::cancel(&self.running);
    }
}

impl PostgresSession {
    /// Logs in.
    pub(in crate::verify) async fn open(login: &Login, reading: Reading<'_>) -> Result<Self, Trouble> {
        let running = Running::new(login);
        let mut ask = work::open(login, PATIENCE, &running, reading.snapshot).await?;
        let version = ask.version().await?;
        let encoding = ask.value("select pg_catalog.current_setting('server_encoding')", &[]).await?;
        let position = match (reading.scratch, reading.snapshot) {
            (false, None) => position(&mut ask).await,
            // Of a foreign snapshot only its name is known.
            (_, snapshot) => snapshot.map(|snapshot| format!("snapshot {snapshot}")),
        };
        let role = role(&mut ask, version).await?;
        let relations = relations::relations(&mut ask).await?;
        Ok(Self {
            login: login.clone(),
            running,
            connections: vec![ask],
            wanted: reading.connections.max(1),
            snapshot: reading.snapshot.map(str::to_owned),
            relations,
            version,
            encoding: encoding.unwrap_or_default(),
            probed: false,
            scratch: reading.scratch,
            position,
            role,
        })
    }

    pub(super) fn main(&mut self) -> Result<&mut PostgresAsk, Fault> {
        self.connections.first_mut().ok_or_else(|| {
            Fault::new(FaultClass::Transient, "the connection to PostgreSQL was lost while it read")
        })
    }

    /// Opens what is missing of the connections, all on the first one's snapshot.
    async fn spread(&mut self) -> Result<(), Fault> {
        if self.connections.len() >= self.wanted {
            return Ok(());
        }
        if self.snapshot.is_none() {
            let exported = self.main()?.value("select pg_catalog.pg_export_snapshot()", &[]).await?;
            self.snapshot = exported;
        }
        while self.connections.len() < self.wanted {
            let opened = work::open(&self.login, Period::ZERO, &self.running, self.snapshot.as_deref()).await;
            match opened {
                Ok(ask) => self.connections.push(ask),
                // Fewer connections take longer; they prove the same.
                Err(fault) => {
                    tracing::warn!(
                        place = self.login.place(),
                        fault = fault.message,
                        "going on with fewer connections"
                    );
                    self.wanted = self.connections.len();
                }
            }
        }
        Ok(())
    }

    pub(super) fn relation(&self, name: &str) -> Result<Relation, Fault> {
        self.relations
            .get(name)
            .cloned()
            .ok_or_else(|| Fault::new(FaultClass::Permanent, format!("there is no table {name}")))
    }

    /// For queries of the playbook, names are looked up as for its user, but first among what is built in: the hashing
    /// around a query must mean the same whatever that path is. For all else, none are.
    pub(super) async fn path(&mut self, path: &str) -> Result<(), Fault> {
        let set = if path == "default" {
            "reset search_path; select pg_catalog.set_config('search_path', \
             'pg_catalog, ' operator(pg_catalog.||) pg_catalog.current_setting('search_path'), false)"
                .to_owned()
        } else {
            format!("set search_path = {}", literal(path))
        };
        self.main()?.run(&set).await
    }
}

/// The position in the log: where the snapshot is, or a little after it.
async fn position(ask: &mut PostgresAsk) -> Option<String> {
    // Inside a savepoint: managed and foreign servers may refuse, and nothing depends on it.
    ask.run("savepoint position").await.ok()?;
    let told = ask
        .value(
            "select case when pg_catalog.pg_is_in_recovery() then 'replayed LSN ' || pg_catalog.pg_last_wal_replay_lsn()::text \
             else 'LSN ' || pg_catalog.pg_current_wal_lsn()::text end",
            &[],
        )
        .await;
    // Released too: a snapshot can't be exported from within it.
    let ended = ask.run("rollback to savepoint position; release savepoint position").await;
    told.ok().flatten().filter(|_| ended.is_ok()).map(|lsn| format!("{lsn} or a little before"))
}

#[async_trait]
impl Session for PostgresSession {
    fn placeholder(&self) -> fn(usize, &str) -> String {
        placeholder
    }

    async fn integrity(&mut self, seen: Seen<'_>) -> Result<Integrity, Trouble> {
        // In a session of its own: amcheck may have to be created, in a transaction that is rolled back.
        let mut ask = work::log_in(&self.login, PATIENCE, &self.running).await?;
        let found = catalog::integrity(&mut ask, ServerEngine::Postgres, self.scratch, seen).await?;
        ask.close().await;
        Ok(found.into())
    }

    async fn schema(&mut self, grants: bool, exclude: &[String]) -> Result<SchemaSnapshot, Trouble> {
        Ok(catalog::snapshot(self.main()?, ServerEngine::Postgres, grants, exclude).await?)
    }

    async fn sequences(&mut self, seen: Seen<'_>) -> Result<Findings, Trouble> {
        Ok(catalog::sequences(self.main()?, ServerEngine::Postgres, seen).await?)
    }

    async fn references(&mut self, redact: bool, seen: Seen<'_>) -> Result<Findings, Trouble> {
        Ok(catalog::references(self.main()?, ServerEngine::Postgres, redact, seen).await?)
    }

    async fn tables(&mut self) -> Result<Vec<Table>, Trouble> {
        Ok(relations::tables(&self.relations))
    }

    async fn describe(&mut self, table: &Table) -> Result<Shape, Trouble> {
        let relation = self.relation(&table.name)?;
        let encoding = self.encoding.clone();
        let (columns, key) = relations::describe(self.main()?, &relation, &encoding).await?;
        Ok(Shape {
            table: table.clone(),
            columns: columns.into_iter().map(|column| (column.name, column.declared)).collect(),
            key,
            row_number: None,
            condition: None,
            left_out: LeftOut::Nothing,
        })
    }

    async fn fingerprint(
        &mut self,
        target: &Target,
        how: How,
        seen: Seen<'_>,
    ) -> Result<TableFingerprint, Trouble> {
        let work = self.work(target, how).await?;
        let units = match (target, how.strong) {
            (Target::Table(_), false) => work::units(
                &work.plan,
                &work.leaves,
                &work.conditions,
                self.wanted,
                self.version,
                work.total.unwrap_or(0),
            ),
            // Rows in order can't be put together from parts.
            _ => vec![work::unit(&work.plan, &work.source)],
        };
        if units.len() > 1 {
            self.spread().await?;
        } else {
            let parallel = format!("set max_parallel_workers_per_gather = {}", self.wanted.min(4));
            self.main()?.run(&parallel).await?;
        }
        let summed = work::sum(
            &mut self.connections,
            &work.plan,
            how.buckets,
            units,
            &work.parameters,
            work.total,
            seen,
        )
        .await?;
        if matches!(target, Target::Query(_)) {
            self.path("").await?;
        }
        let (name, columns, key) = match target {
            Target::Table(shape) => (shape.table.name.as_str(), shape.columns.clone(), shape.key.clone()),
            Target::Query(_) => {
                let columns = work.plan.columns().iter();
                let columns = columns.map(|column| (column.name.clone(), column.declared.clone())).collect();
                ("query", columns, Vec::new())
            }
        };
        let (rows, s1, s2) = summed.cells.totals();
        let head = Head { algorithm: if how.strong { STRONG } else { ALGORITHM }, columns: &columns };
        let digest = match how.strong {
            false => head.digest(rows, s1, s2),
            true => head.strong_digest(rows, how.buckets, &summed.strong),
        };
        Ok(TableFingerprint {
            table: name.to_owned(),
            algorithm: head.algorithm.to_owned(),
            columns,
            key,
            rows,
            digest,
            buckets: summed.cells.encode(),
            condition: String::new(),
            changed: None,
        })
    }

    async fn names(&mut self, _: &Target, _: &[Key]) -> Result<BTreeMap<Key, String>, Trouble> {
        Ok(BTreeMap::new())
    }

    async fn locate(
        &mut self,
        target: &Target,
        how: How,
        wanted: &[Element],
        columns: bool,
    ) -> Result<Vec<Found>, Trouble> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let work = self.work(target, how).await?;
        let pairs: Vec<(u32, u32)> = wanted.iter().map(|element| (element.bucket, element.r)).collect();
        let sql = work.plan.locate(&work.source, &pairs, columns, LOOKED_UP);
        let rows = self.main()?.rows(&sql, &work.parameters()).await?;
        let summed = work.plan.summed();
        let found = rows.into_iter().filter_map(|row| {
            let mut row = row.into_iter();
            let bucket = row.next()??.parse().ok()?;
            let r = row.next()??.parse().ok()?;
            let words = row.next()??;
            let weight = modulo(row.next()??.parse().ok()?);
            let keys = (0..summed).map(|_| row.next()??.parse().ok()).collect::<Option<_>>()?;
            let columns = row.map(Option::unwrap_or_default).collect();
            Some(Found { element: Element { bucket, r }, words, weight, keys, columns })
        });
        Ok(found.collect())
    }

    async fn places(
        &mut self,
        target: &Target,
        how: How,
        keys: &[Vec<i128>],
    ) -> Result<Vec<Option<Element>>, Trouble> {
        let mut places = vec![None; keys.len()];
        let Some(sql) = self.work(target, how).await?.plan.places(keys) else { return Ok(places) };
        let rows = self.main()?.rows(&sql, &[]).await?;
        for row in rows {
            let mut numbers = row.into_iter().map(|text| text.and_then(|text| text.parse::<u32>().ok()));
            let mut next = || numbers.next().flatten();
            if let (Some(n), Some(bucket), Some(r)) = (next(), next(), next())
                && let Some(place) = places.get_mut(n as usize)
            {
                *place = Some(Element { bucket, r });
            }
        }
        Ok(places)
    }

    async fn marks(&mut self, target: &Target, how: How, buckets: &[u32]) -> Result<Vec<Mark>, Trouble> {
        let work = self.work(target, how).await?;
        let sql = work.plan.marks(&work.source, buckets, MARKS + 1);
        let rows = self.main()?.rows(&sql, &work.parameters()).await?;
        if rows.len() > MARKS {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!(
                    "more than {MARKS} rows lie in the buckets that differ: too many to compare one by one"
                ),
            )
            .into());
        }
        let marks = rows.into_iter().filter_map(|row| {
            let [bucket, r, words, hash] = <[Option<String>; 4]>::try_from(row).ok()?;
            Some(Mark { words: words?, bucket: bucket?.parse().ok()?, r: r?.parse().ok()?, hash: hash? })
        });
        Ok(marks.collect())
    }

    async fn changed(
        &mut self,
        shape: &Shape,
        column: &str,
        since: Timestamp,
    ) -> Result<Vec<String>, Trouble> {
        let relation = self.relation(&shape.table.name)?;
        let columns = self.columns(&Shape { left_out: LeftOut::Nothing, ..shape.clone() }).await?;
        let plan = Plan::new(columns, &shape.key, How { strong: false, buckets: 1 }, true);
        if plan.key().is_empty() {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!(
                    "{} has no primary key, so rows that changed can't be told from others: use `where`",
                    shape.table.name
                ),
            )
            .into());
        }
        let since = since.to_string();
        let condition =
            format!("not coalesce(x.{} < {}, true)", super::columns::quoted(column), placeholder(1, &since));
        let sql = plan.key_hashes(&table_source(&relation.sql(), None, &[condition]), CHANGED + 1);
        let rows = self.main()?.rows(&sql, &[&since]).await?;
        if rows.len() > CHANGED {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!(
                    "more than {CHANGED} rows of {} changed since the recovery point: take the baseline sooner after the backup",
                    shape.table.name
                ),
            )
            .into());
        }
        let mut keys: Vec<String> =
            rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        keys.sort();
        Ok(keys)
    }

    async fn position(&mut self) -> Result<Option<String>, Trouble> {
        Ok(self.position.clone())
    }

    async fn uncovered(&mut self) -> Result<Vec<String>, Trouble> {
        Ok(relations::uncovered(self.main()?).await?)
    }

    fn watch(&self) -> Option<Watch> {
        let running = self.running.clone();
        Some(Box::new(move || {
            let running = running.clone();
            Box::pin(async move { work::doing(&running).await })
        }))
    }

    fn remarks(&self) -> Vec<String> {
        match self.role {
            Role::Reader | Role::ReadAll => Vec::new(),
            // Who restored a database owns it.
            Role::Writer if self.scratch => Vec::new(),
            Role::Writer => vec![format!(
                "looked at as {}, who could write; the session is read-only, but give a user who can only read",
                self.login.user
            )],
        }
    }

    async fn answer(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble> {
        self.ask_query(statement, enough).await
    }

    async fn close(self: Box<Self>) {
        let mut session = *self;
        session.running.forget();
        for ask in session.connections.drain(..) {
            ask.close().await;
        }
    }
}
