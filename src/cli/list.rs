//! `firedrill list`: past and running runs.

use super::{args::Format, context::Context};
use crate::{
    error::{Exit, Failure},
    journal::RunFilter,
    metrics::{RunSummary, summarise},
    ports::Journal,
    report::{ListRow, list as table},
    time::{SystemClock, Timestamp},
};

pub(super) async fn list(
    context: &Context,
    playbook: Option<String>,
    quarter: Option<String>,
    count: u32,
    format: Format,
) -> Result<Exit, Failure> {
    let (from, to) = match quarter.as_deref().map(quarter_bounds) {
        None => (None, None),
        Some(Ok((from, to))) => (Some(from), Some(to)),
        Some(Err(text)) => return Err(Failure::Invalid(text)),
    };
    let playbook = playbook
        .map(|name| name.parse())
        .transpose()
        .map_err(|error: crate::ids::InvalidId| Failure::Invalid(error.to_string()))?;
    let Some(app) = context.app_to_read().await? else {
        return super::print(match format {
            Format::Human => "no run yet: this data directory has no journal\n",
            Format::Json | Format::Ndjson => "[]\n",
        });
    };
    let filter = RunFilter { playbook, from, to, limit: Some(count), ..RunFilter::default() };
    let mut summaries = Vec::new();
    for row in app.journal().runs(&filter, SystemClock::wall()).await? {
        let entries = app.journal().entries(row.run).await?;
        let summary = summarise(&entries, SystemClock::wall());
        summaries
            .push(summary.map_err(|illegal| crate::engine::EngineError::Illegal { run: row.run, illegal })?);
    }
    match format {
        Format::Human => {
            let rows: Vec<ListRow> = summaries.iter().map(ListRow::from).collect();
            super::print(&table(&rows, context.style()))
        }
        Format::Json | Format::Ndjson => {
            let rows: Vec<_> = summaries.iter().map(row).collect();
            super::print(&format!("{}\n", super::pretty(&rows)))
        }
    }
}

/// A run in a listing, for machines; `firedrill show` has the rest.
fn row(run: &RunSummary) -> serde_json::Value {
    serde_json::json!({
        "run": run.run,
        "playbook": run.playbook,
        "trigger": run.trigger,
        "reason": run.reason,
        "by": run.by,
        "declared": run.declared,
        "finished": run.finished,
        "state": run.state,
        "verdict": run.verdict,
        "teardown": run.teardown,
        "reasons": run.reasons,
        "objectives": run.objectives,
        "rta": run.rta,
        "rpa": run.rpa,
    })
}

/// The first moment of a quarter and of the one after it, in UTC.
fn quarter_bounds(text: &str) -> Result<(Timestamp, Timestamp), String> {
    let wrong = || format!("`{text}` is no quarter; write it as 2026-Q4");
    let (year, quarter) = text.split_once("-Q").ok_or_else(wrong)?;
    let year: i32 = year.parse().map_err(|_| wrong())?;
    let quarter: u32 = quarter.parse().ok().filter(|q| (1..=4).contains(q)).ok_or_else(wrong)?;
    let start = |year, quarter: u32| {
        chrono::NaiveDate::from_ymd_opt(year, quarter * 3 - 2, 1)
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|at| Timestamp::from(at.and_utc()))
            .ok_or_else(wrong)
    };
    let end = if quarter == 4 { start(year + 1, 1) } else { start(year, quarter + 1) };
    Ok((start(year, quarter)?, end?))
}

#[cfg(test)]
mod tests {
    use super::quarter_bounds;

    #[test]
    fn quarters_are_read() {
        let (from, to) = quarter_bounds("2026-Q4").expect("a quarter");
        assert_eq!(from.to_string(), "2026-10-01T00:00:00.000Z");
        assert_eq!(to.to_string(), "2027-01-01T00:00:00.000Z");
        for bad in ["2026", "2026-Q5", "Q4-2026", "2026-Q0", "2026-q4"] {
            assert!(quarter_bounds(bad).is_err(), "{bad}");
        }
    }
}
