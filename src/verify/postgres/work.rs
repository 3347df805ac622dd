//! Connections that share one snapshot, and the ranges that they sum together.

use super::scan::{Odd, Plan, Summed as Part, table_source};
use crate::{
    drill::{Fault, FaultClass},
    server::{
        Ask, Login,
        postgres::{PostgresAsk, connect, explain, is_damage},
    },
    time::Period,
    verify::{
        cells::Cells,
        running::Running,
        sql::{Seen, Trouble},
    },
};
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row as _};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// Blocks of a range at least: 64 MiB of blocks of 8 KiB.
const LEAST_BLOCKS: u64 = 8192;
/// Blocks of a range at most: 1 GiB, so that progress can be told. Fewer ranges are better: each statement is compiled anew, which
/// takes as long as some 200,000 rows.
const MOST_BLOCKS: u64 = 131_072;
/// A range with more rows than this is worth compiling for.
const WORTH_COMPILING: u64 = 500_000;

/// What every session sets, in one go.
pub(super) const SETTINGS: &str = "\
    set client_min_messages = error; set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; \
    set extra_float_digits = 1; set bytea_output = 'hex'; set lc_monetary = 'C'; set xmloption = 'content'; \
    set standard_conforming_strings = on; set quote_all_identifiers = off; set transform_null_equals = off; \
    set statement_timeout = 0; set lock_timeout = '30s'; set idle_in_transaction_session_timeout = 0; set row_security = off; \
    set synchronize_seqscans = off; set default_transaction_read_only = on; set work_mem = '64MB'; set jit = off; set search_path = ''";

/// What the first of them is at, as the server tells.
pub(super) async fn doing(running: &Running) -> Option<String> {
    let first = running.first()?;
    let mut ask = connect(running.login(), Period::ZERO).await.ok()?;
    let told = ask
        .value(
            "select case when wait_event_type = 'IO' then 'waiting for storage (' || wait_event || ')' \
             when wait_event is not null then 'waiting: ' || wait_event_type || ' ' || wait_event \
             else 'computing' end from pg_catalog.pg_stat_activity where pid = $1::text::int and state = 'active'",
            &[&first],
        )
        .await;
    ask.close().await;
    told.ok().flatten()
}

/// Asks the server to stop what they run.
pub(super) fn cancel(running: &Running) {
    running.end(async |login, ids| {
        let Ok(mut ask) = connect(&login, Period::ZERO).await else { return };
        for id in ids {
            // One that has ended is nothing to cancel.
            let _ = ask.value("select pg_cancel_backend($1::text::int)::text", &[&id]).await;
        }
        ask.close().await;
    });
}

/// Logs in; what the connection runs is cancelled with the others.
pub(super) async fn log_in(login: &Login, patience: Period, running: &Running) -> Result<PostgresAsk, Fault> {
    let mut ask = connect(login, patience).await?;
    if let Some(id) = ask.value("select pg_catalog.pg_backend_pid()::text", &[]).await? {
        running.add(id);
    }
    Ok(ask)
}

/// Logs in and pins the settings. `snapshot`: what to see; else a snapshot of its own.
pub(super) async fn open(
    login: &Login,
    patience: Period,
    running: &Running,
    snapshot: Option<&str>,
) -> Result<PostgresAsk, Fault> {
    let mut ask = log_in(login, patience, running).await?;
    ask.run(SETTINGS).await?;
    let version = ask.version().await?;
    if version >= 140_000 {
        // Where this machine goes away, the server notices and stops.
        ask.run("set client_connection_check_interval = '5s'").await?;
    }
    if version >= 170_000 {
        ask.run("set transaction_timeout = 0").await?;
    }
    ask.run("begin isolation level repeatable read read only").await?;
    if let Some(snapshot) = snapshot {
        let set = format!("set transaction snapshot {}", super::columns::literal(snapshot));
        ask.run(&set).await.map_err(|fault| {
            Fault::new(fault.class, format!("the snapshot {snapshot} can't be used: {}", fault.message))
        })?;
    }
    Ok(ask)
}

/// A stretch of a table, or all of something that can't be cut.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    sql: String,
    compile: bool,
}

/// Cuts what is to be read into units. `leaves`: tables with their sizes in blocks.
pub(super) fn units(
    plan: &Plan,
    leaves: &[(String, u64)],
    conditions: &[String],
    connections: usize,
    version: u32,
    rows: u64,
) -> Vec<Unit> {
    let blocks: u64 = leaves.iter().map(|(_, blocks)| blocks).sum();
    // As many for each connection, so that all end at about the same time.
    let connections = (connections as u64).max(1);
    let ranges = connections * blocks.div_ceil(connections * MOST_BLOCKS).max(1);
    let each = blocks.div_ceil(ranges).max(LEAST_BLOCKS);
    let mut units = Vec::new();
    for (table, size) in leaves {
        let cut = version >= 140_000 && *size > each;
        let ranges: Vec<Option<(u64, Option<u64>)>> = match cut {
            false => vec![None],
            true => (0..size.div_ceil(each))
                .map(|n| Some((n * each, (n + 1 < size.div_ceil(each)).then_some((n + 1) * each))))
                .collect(),
        };
        for range in ranges {
            let part = if cut { each } else { *size };
            let compile = blocks > 0 && rows / blocks.max(1) * part >= WORTH_COMPILING;
            units.push(Unit { sql: plan.sums(&table_source(table, range, conditions)), compile });
        }
    }
    units
}

/// A unit for a source that is not a table.
pub(super) fn unit(plan: &Plan, source: &str) -> Unit {
    Unit { sql: plan.sums(source), compile: false }
}

/// The sums of everything, and of each bucket its digest under `strong`.
pub(super) struct Summed {
    pub(super) cells: Cells,
    pub(super) strong: BTreeMap<u32, (i64, String)>,
}

/// Sums all units over these connections, and gives the connections back.
pub(super) async fn sum(
    connections: &mut Vec<PostgresAsk>,
    plan: &Plan,
    buckets: u32,
    units: Vec<Unit>,
    parameters: &[String],
    total: Option<u64>,
    seen: Seen<'_>,
) -> Result<Summed, Trouble> {
    let job = Arc::new((units, plan.clone(), parameters.to_vec(), AtomicUsize::new(0), AtomicU64::new(0)));
    let mut workers = JoinSet::new();
    let used = connections.len().min(job.0.len()).max(1);
    for mut ask in connections.drain(connections.len().saturating_sub(used)..) {
        let job = Arc::clone(&job);
        workers.spawn(async move {
            let (units, plan, parameters, next, rows) = &*job;
            let mut parts = Vec::new();
            while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                let part = run(&mut ask, unit, plan, parameters).await?;
                let counted: u64 = part.iter().map(|part| part.cell.count.unsigned_abs()).sum();
                rows.fetch_add(counted, Ordering::Relaxed);
                parts.extend(part);
            }
            Ok::<_, Trouble>((ask, parts))
        });
    }
    let mut summed = Summed { cells: Cells::new(buckets, plan.summed()), strong: BTreeMap::new() };
    loop {
        tokio::select! {
            done = workers.join_next() => match done {
                None => break,
                Some(Ok(done)) => {
                    let (ask, parts) = done?;
                    connections.push(ask);
                    for part in parts {
                        if !summed.cells.add(part.bucket, &part.cell) {
                            return Err(unreadable().into());
                        }
                        if let Some(strong) = part.strong {
                            summed.strong.insert(part.bucket, (part.cell.count, strong));
                        }
                    }
                }
                Some(Err(error)) => {
                    return Err(Fault::new(FaultClass::Surroundings, format!("a reader ended: {error}")).into());
                }
            },
            () = tokio::time::sleep(Duration::from_millis(250)) => seen(job.4.load(Ordering::Relaxed), total),
        }
    }
    Ok(summed)
}

fn unreadable() -> Fault {
    Fault::new(FaultClass::Permanent, "PostgreSQL's sums can't be read")
}

async fn run(
    ask: &mut PostgresAsk,
    unit: &Unit,
    plan: &Plan,
    parameters: &[String],
) -> Result<Vec<Part>, Trouble> {
    let jit = match unit.compile {
        true => {
            "set jit = on; set jit_above_cost = 0; set jit_inline_above_cost = 0; set jit_optimize_above_cost = 0"
        }
        false => "set jit = off",
    };
    ask.run(jit).await?;
    let mut query = sqlx::query(AssertSqlSafe(unit.sql.as_str())).persistent(false);
    for parameter in parameters {
        query = query.bind(parameter.as_str());
    }
    let mut rows = query.fetch(ask.inner());
    let mut cells = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(|error| trouble(&error))? {
        let texts = (0..row.len()).map(|column| row.try_get::<Option<String>, _>(column));
        let texts = texts.collect::<Result<Vec<_>, _>>().map_err(|error| trouble(&error))?;
        cells.push(plan.cell(&texts).map_err(|odd| match odd {
            Odd::Unreadable => Trouble::Fault(unreadable()),
            Odd::Nulls(rows) => {
                Trouble::Damaged(format!("{rows} rows hold NULL in a column that is declared NOT NULL"))
            }
        })?);
    }
    Ok(cells)
}

/// What an error of a reading statement means.
pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    match is_damage(error) {
        Some(what) => Trouble::Damaged(what),
        None => Trouble::Fault(explain(error)),
    }
}
