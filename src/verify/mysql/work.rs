//! Connections that see one moment, and the ranges that they read together.

use super::{
    columns::{bound, quoted},
    cut::{Cut, Range},
    pins::pin,
    scan::{Plan, Source},
    sums::Sums,
};
use crate::{
    drill::{Fault, FaultClass},
    server::{
        Ask, Login,
        mysql::{MysqlAsk, connect, explain, is_damage},
    },
    time::Period,
    verify::{
        running::Running,
        sql::{Seen, Trouble},
    },
};
use futures_util::{TryStreamExt, stream::BoxStream};
use sqlx::{AssertSqlSafe, Decode, MySql, Row as _, ValueRef, mysql::MySqlRow};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// Rows between two looks of those who watch, where they come one by one.
const TICK_ROWS: u64 = 10_000;

/// Asks the server to end them, and what they run.
pub(super) fn kill(running: &Running) {
    running.end(async |login, ids| {
        let Ok(mut ask) = connect(&login, Period::ZERO).await else { return };
        for id in ids {
            // One that has ended is nothing to end.
            let _ = ask.run(&format!("kill {id}")).await;
        }
        ask.close().await;
    });
}

/// Logs in, pins the settings, and begins.
pub(super) async fn open(
    login: &Login,
    patience: Period,
    running: &Running,
) -> Result<(MysqlAsk, Server), Fault> {
    let (mut ask, server) = log_in(login, patience, running).await?;
    begin(&mut ask).await?;
    Ok((ask, server))
}

/// Logs in and pins the settings.
pub(super) async fn log_in(
    login: &Login,
    patience: Period,
    running: &Running,
) -> Result<(MysqlAsk, Server), Fault> {
    let mut ask = connect(login, patience).await?;
    let facts = ask
        .rows(
            "select cast(connection_id() as char), version(), cast(@@max_allowed_packet as char), database()",
            &[],
        )
        .await?;
    let mut facts = facts.into_iter().next().unwrap_or_default().into_iter();
    let mut next = || facts.next().flatten();
    // A number, since it goes into a statement.
    if let Some(id) = next().filter(|id| id.parse::<u64>().is_ok()) {
        running.add(id);
    }
    let version = next().unwrap_or_default();
    let server = Server {
        mariadb: version.to_ascii_lowercase().contains("mariadb"),
        version,
        packet: next().and_then(|packet| packet.parse().ok()).unwrap_or(1 << 20),
        database: next().unwrap_or_default(),
    };
    if server.database.is_empty() {
        return Err(Fault::new(
            FaultClass::Permanent,
            format!("no database is named, so nothing at {} can be looked at", login.place()),
        ));
    }
    pin(&mut ask, server.mariadb).await?;
    Ok((ask, server))
}

/// What is known of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) mariadb: bool,
    pub(super) version: String,
    /// The largest packet that it sends.
    pub(super) packet: usize,
    /// The database.
    pub(super) database: String,
}

/// From here on the connection sees one moment, and writes nothing.
async fn begin(ask: &mut MysqlAsk) -> Result<(), Fault> {
    ask.run("start transaction with consistent snapshot, read only").await
}

/// The server's own name for the moment that the connection sees, where it tells.
pub(super) async fn position(ask: &mut MysqlAsk, server: &Server) -> Option<String> {
    let told =
        |value: Result<Option<String>, Fault>| value.ok().flatten().filter(|value| !value.trim().is_empty());
    if server.mariadb {
        // Of the snapshot itself.
        let rows = ask.rows("show status like 'binlog_snapshot_%'", &[]).await.ok()?;
        let get = |name: &str| {
            rows.iter().find(|row| row.first().is_some_and(|is| is.as_deref() == Some(name)))?.get(1)?.clone()
        };
        let (file, at) = (get("Binlog_snapshot_file")?, get("Binlog_snapshot_position")?);
        if file.is_empty() {
            return None;
        }
        let gtid = told(ask.value("select binlog_gtid_pos(?, ?)", &[&file, &at]).await);
        return Some(gtid.map_or(format!("binlog {file}:{at}"), |gtid| format!("GTID {gtid}")));
    }
    let gtid = told(ask.value("select @@global.gtid_executed", &[]).await)?;
    Some(format!("GTID {}, or a moment earlier", gtid.replace('\n', "")))
}

/// Connections that see what `main` sees from now on: for an instant nobody writes to these tables, while all begin.
///
/// Fewer than wanted where that can't be had: with one connection nothing is locked.
pub(super) async fn spread(
    login: &Login,
    running: &Running,
    main: &mut MysqlAsk,
    tables: &[String],
    wanted: usize,
) -> Result<Vec<MysqlAsk>, Fault> {
    let mut others = Vec::new();
    while others.len() + 1 < wanted {
        match open(login, Period::ZERO, running).await {
            Ok((ask, _)) => others.push(ask),
            Err(fault) => {
                tracing::warn!(fault = fault.message, "going on with fewer connections");
                break;
            }
        }
    }
    if others.is_empty() || tables.is_empty() {
        return Ok(Vec::new());
    }
    let lock = async {
        let mut ask = connect(login, Period::ZERO).await?;
        ask.run("set session lock_wait_timeout = 5").await?;
        let list: Vec<String> = tables.iter().map(|table| format!("{} read", quoted(table))).collect();
        ask.run(&format!("lock tables {}", list.join(", "))).await?;
        Ok::<_, Fault>(ask)
    };
    let mut lock = match lock.await {
        Ok(lock) => lock,
        Err(fault) => {
            tracing::info!(
                fault = fault.message,
                "tables can't be locked for an instant: one connection reads"
            );
            for ask in others {
                ask.close().await;
            }
            return Ok(Vec::new());
        }
    };
    for ask in std::iter::once(main).chain(others.iter_mut()) {
        ask.run("rollback").await?;
        begin(ask).await?;
    }
    lock.run("unlock tables").await?;
    lock.close().await;
    Ok(others)
}

/// What is to be summed.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) source: Source,
    pub(super) parameters: Vec<String>,
    pub(super) buckets: u32,
    pub(super) strong: bool,
    pub(super) total: Option<u64>,
}

/// Sums all ranges over these connections, and gives the connections back.
pub(super) async fn sum(
    connections: &mut Vec<MysqlAsk>,
    job: Job,
    cut: Cut,
    seen: Seen<'_>,
) -> Result<Sums, Trouble> {
    let used = if cut.is_worth_sharing() { connections.len() } else { 1 };
    let total = job.total;
    let mut whole = Sums::new(job.buckets, job.plan.summed(), job.strong);
    let shared = Arc::new((job, tokio::sync::Mutex::new(cut), AtomicU64::new(0)));
    let mut workers = JoinSet::new();
    for mut ask in connections.drain(connections.len().saturating_sub(used.max(1))..) {
        let shared = Arc::clone(&shared);
        workers.spawn(async move {
            let (job, cut, rows) = &*shared;
            let mut sums = Sums::new(job.buckets, job.plan.summed(), job.strong);
            loop {
                // Held while the next range is asked for: a few milliseconds.
                let range = cut.lock().await.next(&mut ask).await?;
                let Some(range) = range else { break };
                read(&mut ask, job, &range, &mut sums, rows).await?;
            }
            Ok::<_, Trouble>((ask, sums))
        });
    }
    loop {
        tokio::select! {
            done = workers.join_next() => match done {
                None => return Ok(whole),
                Some(Ok(done)) => {
                    let (ask, sums) = done?;
                    connections.push(ask);
                    whole.merge(&sums);
                }
                Some(Err(error)) => {
                    return Err(Fault::new(FaultClass::Surroundings, format!("a reader ended: {error}")).into());
                }
            },
            () = tokio::time::sleep(Duration::from_millis(250)) => seen(shared.2.load(Ordering::Relaxed), total),
        }
    }
}

async fn read(
    ask: &mut MysqlAsk,
    job: &Job,
    range: &Range,
    sums: &mut Sums,
    rows: &AtomicU64,
) -> Result<(), Trouble> {
    let source = job.source.and(&range.conditions);
    if range.one_answer && at_once(ask, job, &source, sums, rows).await? {
        return Ok(());
    }
    one_by_one(ask, job, &source, sums, rows).await
}

/// Reads the rows in one answer; `false`: they do not fit in it.
async fn at_once(
    ask: &mut MysqlAsk,
    job: &Job,
    source: &str,
    sums: &mut Sums,
    rows: &AtomicU64,
) -> Result<bool, Trouble> {
    let sql = job.plan.chunk(source);
    let mut answers = asked(ask, &sql, &job.parameters);
    let mut fits = false;
    while let Some(answer) = answers.try_next().await.map_err(|error| trouble(&error))? {
        let count = bytes(&answer, 0)?.and_then(|count| std::str::from_utf8(count).ok()?.parse::<u64>().ok());
        let count = count.ok_or_else(unreadable)?;
        let Some(records) = job.plan.records(count, bytes(&answer, 1)?.unwrap_or_default()) else { continue };
        fits = true;
        for record in records {
            sums.add(&record.ok_or_else(unreadable)?);
        }
        rows.fetch_add(count, Ordering::Relaxed);
    }
    Ok(fits)
}

/// Reads the rows one by one.
async fn one_by_one(
    ask: &mut MysqlAsk,
    job: &Job,
    source: &str,
    sums: &mut Sums,
    rows: &AtomicU64,
) -> Result<(), Trouble> {
    let sql = job.plan.stream(source);
    let mut answers = asked(ask, &sql, &job.parameters);
    let mut since = 0;
    while let Some(answer) = answers.try_next().await.map_err(|error| trouble(&error))? {
        let record = bytes(&answer, 0)?.ok_or_else(too_long)?;
        sums.add(&job.plan.read(record).ok_or_else(unreadable)?);
        since += 1;
        if since == TICK_ROWS {
            rows.fetch_add(since, Ordering::Relaxed);
            since = 0;
        }
    }
    rows.fetch_add(since, Ordering::Relaxed);
    Ok(())
}

/// Runs a statement with its parameters bound.
pub(super) fn asked<'a>(
    ask: &'a mut MysqlAsk,
    sql: &'a str,
    parameters: &'a [String],
) -> BoxStream<'a, Result<MySqlRow, sqlx::Error>> {
    if parameters.is_empty() {
        return sqlx::raw_sql(AssertSqlSafe(sql)).fetch(ask.inner());
    }
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for parameter in parameters {
        query = query.bind(bound(parameter));
    }
    query.fetch(ask.inner())
}

/// A column as it came; none: NULL.
fn bytes(row: &MySqlRow, column: usize) -> Result<Option<&[u8]>, Trouble> {
    let raw = row.try_get_raw(column).map_err(|error| trouble(&error))?;
    if raw.is_null() {
        return Ok(None);
    }
    let bytes = <&[u8] as Decode<'_, MySql>>::decode(raw);
    bytes.map(Some).map_err(|error| trouble(&sqlx::Error::Decode(error)))
}

fn unreadable() -> Fault {
    Fault::new(FaultClass::Permanent, "the hashes that MySQL sent can't be read")
}

/// The server gives NULL for a text that does not fit in a packet.
fn too_long() -> Fault {
    Fault::new(
        FaultClass::Permanent,
        "a row is longer than max_allowed_packet, so the server can't hash it: raise max_allowed_packet there",
    )
}

/// What an error of a reading statement means.
pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    match is_damage(error) {
        Some(what) => Trouble::Damaged(what),
        None => Trouble::Fault(explain(error)),
    }
}
