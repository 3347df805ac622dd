//! `firedrill show`: one run, drawn from its journal as the live view drew it.

use super::{args::Format, context::Context, words};
use crate::{
    error::{Exit, Failure},
    ports::Journal,
    report::text,
};

pub(super) async fn show(
    context: &Context,
    run: &str,
    events: bool,
    format: Format,
) -> Result<Exit, Failure> {
    let app = context.app_to_read().await?.ok_or_else(|| {
        Failure::Invalid(format!("there is no run {run}: this data directory has no journal"))
    })?;
    let run = app.journal().find_run(run).await?;
    if events {
        let entries = app.journal().entries(run).await?;
        return match format {
            Format::Human => {
                let declared =
                    entries.first().map(|entry| entry.at).unwrap_or(crate::time::Timestamp::from_millis(0));
                let lines = entries.iter().map(|entry| {
                    let text = words::line(entry, true).unwrap_or_default();
                    let since = entry.at.since(declared).human();
                    format!("{:>4} {} +{since:<8} {}\n", entry.seq, entry.at, super::view::neutral(&text))
                });
                super::print(&lines.collect::<String>())
            }
            Format::Json => super::print(&format!("{}\n", super::pretty(&entries))),
            Format::Ndjson => {
                let lines = entries.iter().filter_map(|entry| serde_json::to_string(entry).ok());
                super::print(&lines.map(|line| line + "\n").collect::<String>())
            }
        };
    }
    let summary = app.summary(run).await?;
    match format {
        Format::Human => super::print(&text(&summary, context.style())),
        Format::Json | Format::Ndjson => super::print(&format!("{}\n", super::pretty(&summary))),
    }
}
