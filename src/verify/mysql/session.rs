//! A session of checks on one MySQL or MariaDB database.

use super::{
    columns::{Column, Form, bound, placeholder, quoted},
    cut::{Cut, Cutting, rows_each},
    grants::may_write,
    pins::ANSWER_BYTES,
    scan::{Plan, Source, element},
    schema::{self, Description, Relation},
    values::{self, Kind},
    work::{self, Job, Server, asked, trouble},
};
use crate::{
    drill::{Fault, FaultClass},
    playbook::ServerEngine,
    server::{Ask, Login, mysql::MysqlAsk},
    time::{Period, Timestamp},
    verify::{
        SchemaSnapshot, TableFingerprint,
        answer::Answer,
        catalog::{self, Findings},
        cells::{Element, modulo},
        fingerprint::{Head, Key, RowBytes},
        running::Running,
        sql::{
            Found, How, Integrity, LeftOut, Mark, Seen, Session, Shape, Table, TableKind, Target, Trouble,
        },
        statement::Statement,
    },
};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Column as _, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// The id of the fingerprint's algorithm: see `docs/fingerprints.md`.
pub(super) const ALGORITHM: &str = "fd1-mysql-128";
/// The same of the strong one.
pub(super) const STRONG: &str = "fd1-mysql-sha256";
/// How long a server that is up but not ready is waited for.
const PATIENCE: Period = Period::from_secs(120);
/// Rows that a second look names at most.
const LOOKED_UP: usize = 10_000;
/// Rows of differing buckets that are held at most.
const MARKS: usize = 2_000_000;
/// Changed rows whose keys a baseline holds at most.
const CHANGED: usize = 100_000;

/// A session; when it is dropped, what it runs is ended.
pub(in crate::verify) struct MysqlSession {
    login: Login,
    running: Running,
    connections: Vec<MysqlAsk>,
    wanted: usize,
    server: Server,
    relations: BTreeMap<String, Relation>,
    described: BTreeMap<String, Description>,
    writer: bool,
    position: Option<String>,
    /// Tables in which rows differed.
    differing: BTreeSet<String>,
    /// Whether a statement was left before its end: then connections are ended, not closed.
    left: bool,
}

impl Drop for MysqlSession {
    fn drop(&mut self) {
        work::kill(&self.running);
    }
}

impl MysqlSession {
    /// Logs in. `scratch`: on a database that is firedrill's own, several connections read. Elsewhere one does, as several would see
    /// one moment only if writers were held up.
    pub(in crate::verify) async fn open(
        login: &Login,
        connections: usize,
        scratch: bool,
    ) -> Result<Self, Trouble> {
        let running = Running::new(login);
        let (mut ask, server) = work::open(login, PATIENCE, &running).await?;
        let position = work::position(&mut ask, &server).await;
        let grants = ask.rows("show grants", &[]).await.unwrap_or_default();
        let grants: Vec<String> = grants.into_iter().flatten().flatten().collect();
        // Who restored a database owns it.
        let writer = !scratch && may_write(&grants, &server.database);
        let relations = schema::relations(&mut ask).await?;
        Ok(Self {
            login: login.clone(),
            running,
            connections: vec![ask],
            wanted: if scratch { connections.max(1) } else { 1 },
            server,
            relations,
            described: BTreeMap::new(),
            writer,
            position,
            differing: BTreeSet::new(),
            left: false,
        })
    }

    fn main(&mut self) -> Result<&mut MysqlAsk, Fault> {
        self.connections.first_mut().ok_or_else(|| {
            Fault::new(FaultClass::Transient, "the connection to MySQL was lost while it read")
        })
    }

    /// Opens what is missing of the connections.
    async fn spread(&mut self) -> Result<(), Fault> {
        if self.connections.len() >= self.wanted {
            return Ok(());
        }
        let ordinary = self.relations.iter().filter(|(_, relation)| relation.kind == TableKind::Ordinary);
        let tables: Vec<String> = ordinary.map(|(name, _)| name.clone()).collect();
        let (login, running, wanted) = (self.login.clone(), self.running.clone(), self.wanted);
        let others = work::spread(&login, &running, self.main()?, &tables, wanted).await?;
        self.connections.extend(others);
        self.wanted = self.connections.len();
        Ok(())
    }

    fn relation(&self, name: &str) -> Result<Relation, Fault> {
        self.relations
            .get(name)
            .cloned()
            .ok_or_else(|| Fault::new(FaultClass::Permanent, format!("there is no table {name}")))
    }

    async fn description(&mut self, table: &str) -> Result<Description, Fault> {
        if let Some(known) = self.described.get(table) {
            return Ok(known.clone());
        }
        self.relation(table)?;
        let description = schema::describe(self.main()?, table).await?;
        self.described.insert(table.to_owned(), description.clone());
        Ok(description)
    }

    /// What is read of a table.
    async fn work(&mut self, shape: &Shape, how: How) -> Result<Work, Trouble> {
        let relation = self.relation(&shape.table.name)?;
        let description = self.description(&shape.table.name).await?;
        let mut columns = description.columns;
        columns.retain(|column| shape.columns.iter().any(|(name, _)| *name == column.name));
        if let Some(unknown) = columns.iter().find(|column| column.form == Form::Unknown) {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!(
                    "{}.{} is of type {}, which firedrill does not know: leave it out with `exclude`",
                    shape.table.name, unknown.name, unknown.declared
                ),
            )
            .into());
        }
        let plan = Plan::new(columns, &shape.key, how);
        let mut source = Source { table: quoted(&shape.table.name), conditions: Vec::new() };
        let mut parameters = Vec::new();
        if let Some(condition) = &shape.condition {
            source.conditions.push(condition.sql.clone());
            parameters.extend(condition.values.iter().cloned());
        }
        match &shape.left_out {
            LeftOut::Nothing => {}
            LeftOut::Since(column, since) => {
                parameters.push(since.to_string());
                let moment = placeholder(parameters.len(), &since.to_string());
                source.conditions.push(format!("coalesce(x.{} < {moment}, true)", quoted(column)));
            }
            LeftOut::Keys(keys) => source.conditions.push(plan.not_among(keys)),
        }
        let ordered = description.primary && !plan.key().is_empty();
        Ok(Work { plan, source, parameters, ordered, total: relation.rows })
    }

    /// How the table is cut.
    async fn cut(&mut self, work: &Work, rows: u64) -> Result<Cut, Fault> {
        let cutting = Cutting {
            table: &work.source.table,
            index: work.ordered.then_some("PRIMARY"),
            key: work.plan.key(),
            estimate: work.total,
            rows,
        };
        cutting.cut(self.main()?).await
    }

    /// Hashes the rows of a query. They are hashed here, from their binary form: a query has no catalog to tell its types.
    async fn of_query(
        &mut self,
        statement: &Statement,
        how: How,
        seen: Seen<'_>,
    ) -> Result<TableFingerprint, Trouble> {
        let mut sums = super::sums::Sums::new(how.buckets, 0, how.strong);
        let mut query = sqlx::query(AssertSqlSafe(statement.sql.as_str())).persistent(false);
        for value in &statement.values {
            query = query.bind(bound(value));
        }
        let mut columns: Option<Vec<(String, String)>> = None;
        let mut bytes = RowBytes::default();
        {
            let mut rows = query.fetch(self.main()?.inner());
            while let Some(row) = rows.try_next().await.map_err(|error| trouble(&error))? {
                columns.get_or_insert_with(|| {
                    let named = row.columns().iter();
                    named
                        .map(|column| {
                            (column.name().to_owned(), Kind::of(column.type_info()).word().to_owned())
                        })
                        .collect()
                });
                bytes.clear();
                for column in 0..row.len() {
                    let raw = row.try_get_raw(column).map_err(|error| trouble(&error))?;
                    values::push(&mut bytes, raw).map_err(|error| trouble(&error))?;
                }
                sums.add(&super::scan::Record::of_bytes(&bytes, how.buckets));
                if sums.rows.is_multiple_of(10_000) {
                    seen(sums.rows, None);
                }
            }
        }
        Ok(finish("query", columns.unwrap_or_default(), Vec::new(), how, &sums))
    }
}

/// What a reading statement needs.
struct Work {
    plan: Plan,
    source: Source,
    parameters: Vec<String>,
    /// Whether the key is the primary key.
    ordered: bool,
    total: Option<u64>,
}

impl Work {
    fn bound(&self) -> Vec<String> {
        self.parameters.iter().map(|parameter| bound(parameter)).collect()
    }
}

fn finish(
    name: &str,
    columns: Vec<(String, String)>,
    key: Vec<String>,
    how: How,
    sums: &super::sums::Sums,
) -> TableFingerprint {
    let cells = sums.cells();
    let (rows, s1, s2) = cells.totals();
    let head = Head { algorithm: if how.strong { STRONG } else { ALGORITHM }, columns: &columns };
    let digest = match sums.strong() {
        None => head.digest(rows, s1, s2),
        Some(strong) => {
            // The plain sums too, by which buckets are compared.
            let strong = format!("{strong}:{s1:032x}:{s2:032x}");
            let whole = BTreeMap::from([(0, (i64::try_from(rows).unwrap_or(i64::MAX), strong))]);
            head.strong_digest(rows, 1, &whole)
        }
    };
    TableFingerprint {
        table: name.to_owned(),
        algorithm: head.algorithm.to_owned(),
        columns,
        key,
        rows,
        digest,
        buckets: cells.encode(),
        condition: String::new(),
        changed: None,
    }
}

fn too_many(what: String) -> Trouble {
    Fault::new(FaultClass::Permanent, what).into()
}

#[async_trait]
impl Session for MysqlSession {
    fn placeholder(&self) -> fn(usize, &str) -> String {
        placeholder
    }

    async fn integrity(&mut self, seen: Seen<'_>) -> Result<Integrity, Trouble> {
        // In a session of its own: CHECK TABLE ends a transaction.
        let mut ask = work::log_in(&self.login, PATIENCE, &self.running).await?.0;
        let found = catalog::integrity(&mut ask, ServerEngine::Mysql, false, seen).await?;
        ask.close().await;
        Ok(found.into())
    }

    async fn schema(&mut self, grants: bool, exclude: &[String]) -> Result<SchemaSnapshot, Trouble> {
        Ok(catalog::snapshot(self.main()?, ServerEngine::Mysql, grants, exclude).await?)
    }

    async fn sequences(&mut self, seen: Seen<'_>) -> Result<Findings, Trouble> {
        Ok(catalog::sequences(self.main()?, ServerEngine::Mysql, seen).await?)
    }

    async fn references(&mut self, redact: bool, seen: Seen<'_>) -> Result<Findings, Trouble> {
        Ok(catalog::references(self.main()?, ServerEngine::Mysql, redact, seen).await?)
    }

    async fn tables(&mut self) -> Result<Vec<Table>, Trouble> {
        Ok(schema::tables(&self.relations))
    }

    async fn describe(&mut self, table: &Table) -> Result<Shape, Trouble> {
        let description = self.description(&table.name).await?;
        Ok(Shape {
            table: table.clone(),
            columns: description.columns.into_iter().map(|column| (column.name, column.declared)).collect(),
            key: description.key,
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
        let shape = match target {
            Target::Table(shape) => shape,
            Target::Query(statement) => return self.of_query(statement, how, seen).await,
        };
        let work = self.work(shape, how).await?;
        let rows = rows_each(work.plan.record_bytes(), self.server.packet.min(ANSWER_BYTES));
        let mut cut = self.cut(&work, rows).await?;
        if cut.is_worth_sharing() && self.wanted > self.connections.len() {
            self.spread().await?;
            // The edges may be others at the moment that all of them see.
            cut = self.cut(&work, rows).await?;
        }
        let job = Job {
            plan: work.plan,
            source: work.source,
            parameters: work.parameters,
            buckets: how.buckets,
            strong: how.strong,
            total: work.total,
        };
        let sums = work::sum(&mut self.connections, job, cut, seen).await?;
        Ok(finish(&shape.table.name, shape.columns.clone(), shape.key.clone(), how, &sums))
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
        // The rows of a query have no key by which they could be found.
        let (Target::Table(shape), false) = (target, wanted.is_empty()) else { return Ok(Vec::new()) };
        self.differing.insert(shape.table.name.clone());
        let work = self.work(shape, how).await?;
        let mut rs: Vec<u32> = wanted.iter().map(|element| element.r).collect();
        rs.sort_unstable();
        rs.dedup();
        let sql = work.plan.locate(&work.source, &rs, columns, LOOKED_UP);
        let summed = work.plan.summed();
        let parameters = work.bound();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let rows = self.main()?.rows(&sql, &parameters).await?;
        let found = rows.into_iter().filter_map(|row| {
            let mut row = row.into_iter();
            let bucket = row.next()??.parse().ok()?;
            let r = row.next()??.parse().ok()?;
            let words = row.next()??;
            let weight = modulo(u64::from_str_radix(&row.next()??, 16).ok()?.into());
            let keys = (0..summed).map(|_| row.next()??.parse().ok()).collect::<Option<_>>()?;
            let columns = row.map(Option::unwrap_or_default).collect();
            let element = Element { bucket, r };
            wanted.contains(&element).then_some(Found { element, words, weight, keys, columns })
        });
        Ok(found.collect())
    }

    fn finds(&self, target: &Target) -> bool {
        matches!(target, Target::Table(_))
    }

    async fn places(
        &mut self,
        _: &Target,
        how: How,
        keys: &[Vec<i128>],
    ) -> Result<Vec<Option<Element>>, Trouble> {
        // As the server computes them, so it need not be asked.
        Ok(keys.iter().map(|key| Some(element(key, how.buckets))).collect())
    }

    async fn marks(&mut self, target: &Target, how: How, buckets: &[u32]) -> Result<Vec<Mark>, Trouble> {
        let (Target::Table(shape), false) = (target, buckets.is_empty()) else { return Ok(Vec::new()) };
        self.differing.insert(shape.table.name.clone());
        let work = self.work(shape, how).await?;
        let sql = work.plan.marks(&work.source, buckets, MARKS + 1);
        let parameters = work.bound();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let rows = self.main()?.rows(&sql, &parameters).await?;
        if rows.len() > MARKS {
            return Err(too_many(format!(
                "more than {MARKS} rows lie in the buckets that differ: too many to compare one by one"
            )));
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
        let plain = Shape { left_out: LeftOut::Nothing, ..shape.clone() };
        let mut work = self.work(&plain, How { strong: false, buckets: 1 }).await?;
        if work.plan.key().is_empty() {
            return Err(too_many(format!(
                "{} has no primary key, so rows that changed can't be told from others: use `where`",
                shape.table.name
            )));
        }
        let since = since.to_string();
        let moment = placeholder(1, &since);
        work.source.conditions = vec![format!("not coalesce(x.{} < {moment}, true)", quoted(column))];
        let sql = work.plan.key_hashes(&work.source.and(&[]), CHANGED + 1);
        let rows = self.main()?.rows(&sql, &[&bound(&since)]).await?;
        if rows.len() > CHANGED {
            return Err(too_many(format!(
                "more than {CHANGED} rows of {} changed since the recovery point: take the baseline sooner after the backup",
                shape.table.name
            )));
        }
        let mut keys: Vec<String> =
            rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        keys.sort();
        Ok(keys)
    }

    async fn position(&mut self) -> Result<Option<String>, Trouble> {
        Ok(self.position.clone())
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.writer {
            remarks.push(format!(
                "looked at as {}, who could write; the session is read-only, but give a user who can only read",
                self.login.user
            ));
        }
        for (table, description) in &self.described {
            if self.differing.contains(table) {
                let cautions = description
                    .columns
                    .iter()
                    .filter_map(|column: &Column| Some((column, column.caution()?)));
                remarks
                    .extend(cautions.map(|(column, caution)| format!("{table}.{} {caution}", column.name)));
            }
            if self
                .relations
                .get(table)
                .is_some_and(|relation| relation.kind == TableKind::Ordinary && !relation.transactional)
            {
                remarks.push(format!(
                    "{table} has an engine without transactions: it was read as it was at that moment, not as of the snapshot"
                ));
            }
        }
        remarks
    }

    async fn answer(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble> {
        let mut answer = Answer { rows: 0, more: false, first: Vec::new() };
        let mut sql = statement.sql.clone();
        if !statement.values.is_empty() {
            // Bound, and yet answered as text: prepared by the server, from variables of the session.
            let main = self.main()?;
            let names: Vec<String> = (0..statement.values.len()).map(|n| format!("@fd{n}")).collect();
            let sets: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
            let mut set = sqlx::query(AssertSqlSafe(format!("set @fd = ?, {}", sets.join(", "))))
                .persistent(false)
                .bind(statement.sql.as_str());
            for value in &statement.values {
                set = set.bind(bound(value));
            }
            set.execute(main.inner()).await.map_err(|error| trouble(&error))?;
            main.run("prepare fd from @fd").await?;
            sql = format!("execute fd using {}", names.join(", "));
        }
        {
            let mut rows = asked(self.main()?, &sql, &[]);
            while let Some(row) = rows.try_next().await.map_err(|error| trouble(&error))? {
                if answer.rows == enough {
                    answer.more = true;
                    break;
                }
                answer.rows += 1;
                if answer.rows == 1 {
                    for column in 0..row.len() {
                        let raw = row.try_get_raw(column).map_err(|error| trouble(&error))?;
                        answer.first.push(values::value(raw).map_err(|error| trouble(&error))?);
                    }
                }
            }
        }
        self.left |= answer.more;
        Ok(answer)
    }

    async fn close(mut self: Box<Self>) {
        if self.left {
            return;
        }
        self.running.forget();
        for ask in self.connections.drain(..) {
            ask.close().await;
        }
    }
}
