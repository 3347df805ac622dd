//! `firedrill plan`: what a run would do. Nothing is made, changed or journaled.

use super::{args::Format, context::Context};
use crate::{
    app::App,
    drill::Trigger,
    engine::{Order, Outlook},
    error::{Exit, Failure},
    ids::PlaybookName,
    journal::RunFilter,
    metrics::{Estimate, estimate, summarise},
    ports::{Journal, Unseen},
    report::plan as page,
    sample,
    time::SystemClock,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// So many of the newest runs tell how long the next one takes.
const RUNS: u32 = 20;

pub(super) async fn plan(context: &Context, path: &Path, format: Format) -> Result<Exit, Failure> {
    let playbook = context.playbook(path)?;
    let name = playbook.name().clone();
    let unmade = match playbook.metadata().sample {
        Some(kind) => !sample::is_ready(&playbook.folder().join("sample"), kind, SystemClock::wall()).await,
        None => false,
    };
    let without;
    let app = match context.app_to_read().await? {
        Some(app) => app,
        None => {
            without = Nowhere::new();
            App::open(&without.0, context.config()?).await?
        }
    };
    let order = Order { trigger: Trigger::Manual, reason: None, by: context.by(), keep: true };
    let plan = Box::pin(app.engine(Arc::new(Unseen)).plan(playbook, order, unmade)).await?;
    let past = past(&app, name).await?;
    match format {
        Format::Human => super::print(&page(&plan, past.as_ref(), context.style()))?,
        Format::Json | Format::Ndjson => super::print(&format!(
            "{}\n",
            super::pretty(&serde_json::json!({ "plan": plan, "estimate": past }))
        ))?,
    };
    Ok(match plan.outlook {
        Outlook::Ready => Exit::Passed,
        Outlook::WouldFail => Exit::Failed,
        Outlook::Refused => Exit::Refused,
        Outlook::Surroundings => Exit::Surroundings,
    })
}

/// What the newest runs of this playbook say.
async fn past(app: &App, playbook: PlaybookName) -> Result<Option<Estimate>, Failure> {
    let now = SystemClock::wall();
    let filter = RunFilter { playbook: Some(playbook), limit: Some(RUNS), ..RunFilter::default() };
    let mut runs = Vec::new();
    for row in app.journal().runs(&filter, now).await?.iter().filter(|row| row.finished.is_some()) {
        // A run whose journal is damaged says nothing here; `firedrill show` says that it is.
        let Ok(entries) = app.journal().entries(row.run).await else { continue };
        runs.extend(summarise(&entries, now));
    }
    Ok(estimate(&runs))
}

/// A data directory for the while, where there is none yet: looking must not make one.
struct Nowhere(PathBuf);

impl Nowhere {
    fn new() -> Self {
        let id = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        Self(std::env::temp_dir().join(format!("firedrill-plan-{id:016x}")))
    }
}

impl Drop for Nowhere {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "a temporary folder stays");
        }
    }
}
