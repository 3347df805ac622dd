//! A session of checks on one PostgreSQL database.

use super::{
    columns::{Column, literal, placeholder},
    relations::{self, Relation},
    scan::{Plan, query_source, table_source},
    work::{self, Processes, trouble},
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
        cells::Element,
        fingerprint::{Head, Key},
        sql::{Found, How, Integrity, LeftOut, Mark, Seen, Session, Shape, Table, Target, Trouble},
        statement::Statement,
        value::Value,
    },
};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column as _, Executor, Row as _, SqlSafeStr, Statement as _,
    postgres::{PgTypeInfo, PgTypeKind},
};
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
    login: Login,
    processes: Processes,
    /// The first holds the snapshot that the others share.
    connections: Vec<PostgresAsk>,
    wanted: usize,
    snapshot: Option<String>,
    relations: BTreeMap<String, Relation>,
    version: u32,
    encoding: String,
    /// Whether the hash functions were looked at.
    probed: bool,
    scratch: bool,
    role: Role,
}

/// As whom the playbook's own queries run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// As the user, who can't write.
    Reader,
    /// As pg_read_all_data, which can't.
    ReadAll,
    /// As the user, who could.
    Writer,
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        self.processes.cancel();
    }
}

impl PostgresSession {
    /// Logs in.
    pub(in crate::verify) async fn open(login: &Login, reading: Reading<'_>) -> Result<Self, Trouble> {
        let processes = Processes::new(login);
        let mut ask = work::open(login, PATIENCE, &processes, reading.snapshot).await?;
        let version = ask.version().await?;
        let encoding = ask.value("select pg_catalog.current_setting('server_encoding')", &[]).await?;
        let role = role(&mut ask, version).await?;
        let relations = relations::relations(&mut ask).await?;
        Ok(Self {
            login: login.clone(),
            processes,
            connections: vec![ask],
            wanted: reading.connections.max(1),
            snapshot: reading.snapshot.map(str::to_owned),
            relations,
            version,
            encoding: encoding.unwrap_or_default(),
            probed: false,
            scratch: reading.scratch,
            role,
        })
    }

    fn main(&mut self) -> Result<&mut PostgresAsk, Fault> {
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
            let opened =
                work::open(&self.login, Period::ZERO, &self.processes, self.snapshot.as_deref()).await;
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

    fn relation(&self, name: &str) -> Result<Relation, Fault> {
        self.relations
            .get(name)
            .cloned()
            .ok_or_else(|| Fault::new(FaultClass::Permanent, format!("there is no table {name}")))
    }

    async fn columns(&mut self, shape: &Shape) -> Result<Vec<Column>, Fault> {
        let relation = self.relation(&shape.table.name)?;
        let encoding = self.encoding.clone();
        let (mut columns, _) = relations::describe(self.main()?, &relation, &encoding).await?;
        columns.retain(|column| shape.columns.iter().any(|(name, _)| *name == column.name));
        Ok(columns)
    }

    /// What is read of a target: the plan, the sources with their sizes, the conditions and their parameters.
    async fn work(&mut self, target: &Target, how: How) -> Result<Work, Trouble> {
        self.probe().await?;
        match target {
            Target::Table(shape) => {
                let relation = self.relation(&shape.table.name)?;
                let columns = self.columns(shape).await?;
                let plan = Plan::new(columns, &shape.key, how, matches!(relation.kind, 'r' | 'p' | 'm'));
                let (mut conditions, mut parameters) = (Vec::new(), Vec::new());
                if let Some(condition) = &shape.condition {
                    conditions.push(condition.sql.clone());
                    parameters.extend(condition.values.iter().cloned());
                }
                match &shape.left_out {
                    LeftOut::Nothing => {}
                    LeftOut::Since(column, since) => {
                        parameters.push(since.to_string());
                        conditions.push(format!(
                            "coalesce(x.{} < {}, true)",
                            super::columns::quoted(column),
                            placeholder(parameters.len(), &since.to_string())
                        ));
                    }
                    LeftOut::Keys(keys) => {
                        parameters.push(format!("{{{}}}", keys.join(",")));
                        conditions.push(plan.not_among(parameters.len()));
                    }
                }
                let leaves = relations::leaves(self.main()?, &relation).await?;
                let total = relations::estimate(self.main()?, &relation).await?;
                let leaves = leaves.iter().map(|(leaf, blocks)| (leaf.sql(), *blocks)).collect();
                let source = table_source(&relation.sql(), None, &conditions);
                Ok(Work { plan, leaves, conditions, parameters, source, total })
            }
            Target::Query(statement) => {
                self.path("default").await?;
                let columns = self.types_of(statement).await?;
                let plan = Plan::new(columns, &[], how, false);
                let source = query_source(statement, plan.columns());
                Ok(Work {
                    plan,
                    leaves: Vec::new(),
                    conditions: Vec::new(),
                    parameters: statement.values.clone(),
                    source,
                    total: None,
                })
            }
        }
    }

    /// For queries of the playbook, names are looked up as for its user; for all else, none are.
    async fn path(&mut self, path: &str) -> Result<(), Fault> {
        let set = if path == "default" {
            "reset search_path".to_owned()
        } else {
            format!("set search_path = {}", literal(path))
        };
        self.main()?.run(&set).await
    }

    async fn prepared(&mut self, statement: &Statement) -> Result<Vec<(String, PgTypeInfo)>, Trouble> {
        let prepared = self
            .main()?
            .inner()
            .prepare(AssertSqlSafe(statement.sql.as_str()).into_sql_str())
            .await
            .map_err(|error| trouble(&error))?;
        Ok(prepared
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.type_info().clone()))
            .collect())
    }

    async fn types_of(&mut self, statement: &Statement) -> Result<Vec<Column>, Trouble> {
        let mut types = Vec::new();
        for (name, kind) in self.prepared(statement).await? {
            let oid = kind.oid().map_or(0, |oid| oid.0);
            // Two columns of one name are kept apart.
            let mut unique = name.clone();
            let mut n = 1;
            while types.iter().any(|(other, _)| *other == unique) {
                n += 1;
                unique = format!("{name} ({n})");
            }
            types.push((unique, oid));
        }
        let encoding = self.encoding.clone();
        Ok(relations::describe_types(self.main()?, &types, &encoding).await?)
    }

    /// Makes sure that the hash functions are those that are known.
    async fn probe(&mut self) -> Result<(), Fault> {
        if self.probed {
            return Ok(());
        }
        let version = self.version;
        if !(130_000..190_000).contains(&version) {
            tracing::warn!(version, "this version of PostgreSQL was not tried with firedrill");
        }
        let got = self.main()?.value(PROBE, &[]).await?.unwrap_or_default();
        if got != PROBED {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!(
                    "the hash functions of this PostgreSQL ({version}) give other results than those of versions 13 to 18 on \
                     little-endian machines, so its fingerprints could not be compared ({got})"
                ),
            ));
        }
        self.probed = true;
        Ok(())
    }
}

/// Each function that a fingerprint uses, on constants.
const PROBE: &str = "select pg_catalog.concat_ws(' ', \
    pg_catalog.hashtextextended('firedrill' collate \"C\", 1), \
    pg_catalog.hashtextextended('' collate \"C\", -7), \
    pg_catalog.hashint4extended(-3, 81985529216486895), \
    pg_catalog.uuid_hash_extended('0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', 5), \
    pg_catalog.hash_array_extended(array[pg_catalog.numeric_send(-1234567.8900), pg_catalog.float8send('-0'), \
      pg_catalog.timestamptz_send('2026-11-23 09:00:00.000001+00'), null, pg_catalog.interval_send('1 mon 2 days 3.5 sec')], 11), \
    pg_catalog.hashtextextended(('{\"b\": [1.50, null, \"\\u00e9\"], \"a\": {}}'::jsonb)::text collate \"C\", 3), \
    pg_catalog.hashtextextended((array[1.5, 'NaN', -0.0, 1e-7]::float8[])::text collate \"C\", 3), \
    pg_catalog.hashtextextended((array[['a b', null], ['', '\"']])::text collate \"C\", 3))";
/// What PostgreSQL 13 to 18 answer.
const PROBED: &str = "8953529656456087850 7897695672827216937 8815019864224765693 -2019273770366422841 \
    2617586450415637884 -4092140575464062744 -4248109637517593960 6355788099181577841";

/// What a reading statement needs.
struct Work {
    plan: Plan,
    leaves: Vec<(String, u64)>,
    conditions: Vec<String>,
    parameters: Vec<String>,
    source: String,
    total: Option<u64>,
}

impl Work {
    fn parameters(&self) -> Vec<&str> {
        self.parameters.iter().map(String::as_str).collect()
    }
}

/// Whether the user could write, and whether queries can run as someone who can't.
async fn role(ask: &mut PostgresAsk, version: u32) -> Result<Role, Fault> {
    let writer = ask
        .value(
            "select (r.rolsuper or pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') or exists ( \
               select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
               where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' \
               and pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')))::text \
             from pg_catalog.pg_roles r where r.rolname = current_user",
            &[],
        )
        .await?;
    if writer.as_deref() == Some("false") {
        return Ok(Role::Reader);
    }
    if version < 140_000 {
        return Ok(Role::Writer);
    }
    let member = ask.value("select pg_catalog.pg_has_role('pg_read_all_data', 'MEMBER')::text", &[]).await?;
    Ok(if member.as_deref() == Some("true") { Role::ReadAll } else { Role::Writer })
}

#[async_trait]
impl Session for PostgresSession {
    fn placeholder(&self) -> fn(usize, &str) -> String {
        placeholder
    }

    async fn integrity(&mut self, seen: Seen<'_>) -> Result<Integrity, Trouble> {
        // In a session of its own: amcheck may have to be created, in a transaction that is rolled back.
        let mut ask = work::log_in(&self.login, PATIENCE, &self.processes).await?;
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

    async fn references(&mut self, seen: Seen<'_>) -> Result<Findings, Trouble> {
        Ok(catalog::references(self.main()?, ServerEngine::Postgres, false, seen).await?)
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
        let work = self.work(target, How { strong: how.strong, ..how }).await?;
        let pairs: Vec<(u32, u32)> = wanted.iter().map(|element| (element.bucket, element.r)).collect();
        let sql = work.plan.locate(&work.source, &pairs, columns, LOOKED_UP);
        let rows = self.main()?.rows(&sql, &work.parameters()).await?;
        let summed = work.plan.summed();
        let found = rows.into_iter().filter_map(|row| {
            let mut row = row.into_iter();
            let bucket = row.next()??.parse().ok()?;
            let r = row.next()??.parse().ok()?;
            let words = row.next()??;
            let keys = (0..summed).map(|_| row.next()??.parse().ok()).collect::<Option<_>>()?;
            let columns = row.map(Option::unwrap_or_default).collect();
            Some(Found { element: Element { bucket, r }, words, keys, columns })
        });
        Ok(found.collect())
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
        let position = self
            .main()?
            .value(
                "select case when pg_catalog.pg_is_in_recovery() then 'replayed ' || pg_catalog.pg_last_wal_replay_lsn()::text \
                 else 'LSN ' || pg_catalog.pg_current_wal_lsn()::text end",
                &[],
            )
            .await;
        // Managed and foreign servers may not tell: nothing depends on it.
        Ok(position.unwrap_or(None))
    }

    fn remarks(&self) -> Vec<String> {
        match self.role {
            Role::Reader | Role::ReadAll => Vec::new(),
            Role::Writer => vec![format!(
                "looked at as {}, who could write; the session is read-only, but give a user who can only read",
                self.login.user
            )],
        }
    }

    async fn answer(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble> {
        self.path("default").await?;
        if self.role == Role::ReadAll {
            self.main()?.run("set local role pg_read_all_data").await?;
        }
        let types = self.prepared(statement).await?;
        let names: Vec<String> = (1..=types.len()).map(|n| format!("c{n}")).collect();
        let list: Vec<String> = names.iter().map(|name| format!("q.{name}::text")).collect();
        let sql = match names.is_empty() {
            true => format!("select from ({}\n) q", statement.sql),
            false => format!("select {} from ({}\n) q({})", list.join(", "), statement.sql, names.join(", ")),
        };
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in &statement.values {
            query = query.bind(value.as_str());
        }
        let mut answer = Answer { rows: 0, more: false, first: Vec::new() };
        let mut rows = query.fetch(self.main()?.inner());
        while let Some(row) = rows.try_next().await.map_err(|error| trouble(&error))? {
            if answer.rows == enough {
                answer.more = true;
                break;
            }
            answer.rows += 1;
            if answer.rows == 1 {
                for (column, (_, kind)) in types.iter().enumerate() {
                    let text: Option<String> = row.try_get(column).map_err(|error| trouble(&error))?;
                    answer.first.push(value(text, kind));
                }
            }
        }
        Ok(answer)
    }

    async fn close(self: Box<Self>) {
        let mut session = *self;
        session.processes.forget();
        for ask in session.connections.drain(..) {
            ask.close().await;
        }
    }
}

/// A value by its type.
fn value(text: Option<String>, kind: &PgTypeInfo) -> Value {
    let Some(text) = text else { return Value::Null };
    let mut kind = kind.clone();
    while let PgTypeKind::Domain(base) = kind.kind() {
        kind = base.clone();
    }
    match sqlx::TypeInfo::name(&kind) {
        "INT2" | "INT4" | "INT8" | "OID" => text.parse().map_or(Value::Text(text), Value::Integer),
        "BOOL" => Value::Integer(i64::from(text == "true")),
        "FLOAT4" | "FLOAT8" => text.parse().map_or(Value::Text(text), Value::Real),
        "NUMERIC" => Value::Decimal(text),
        "BYTEA" => Value::Blob(text.strip_prefix("\\x").map(hex).unwrap_or_default()),
        _ => Value::Text(text),
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}
