//! `firedrill resume`: takes up what a crash left.

use super::{
    args::{Answer, Format},
    context::Context,
    run::{After, mode, to_the_end},
    say,
    view::View,
};
use crate::{
    app::App,
    error::{Exit, Failure},
    ids::RunId,
    ports::JournalError,
};
use std::sync::Arc;

pub(super) async fn resume(context: &Context, run: Option<String>, format: Format) -> Result<Exit, Failure> {
    let app = context.app().await?;
    let runs = match run {
        Some(run) => vec![app.journal().find_run(&run).await?],
        None => app.unfinished().await?,
    };
    if runs.is_empty() {
        say("nothing to resume: no run was left unfinished");
        return Ok(Exit::Passed);
    }
    let mut worst = Exit::Passed;
    let many = runs.len() > 1;
    for run in runs {
        match one(context, &app, run, format).await {
            Ok(exit) => worst = worse(worst, exit),
            Err(Failure::Journal(JournalError::Held { holder, .. })) if many => {
                say(&format!("run {} is being driven by {holder}: left alone", run.short()));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(worst)
}

/// Resumes one run and drives it to its end.
pub(super) async fn one(context: &Context, app: &App, run: RunId, format: Format) -> Result<Exit, Failure> {
    let playbook = app.playbook_of(run).await?;
    let view = Arc::new(View::new(mode(context), format == Format::Ndjson));
    let engine = app.engine(Arc::clone(&view) as _);
    let drive =
        engine.resume(run, playbook, context.by(), app.holder()).await.map_err(|error| match error {
            crate::engine::EngineError::Journal(error) => Failure::Journal(error),
            other => Failure::Engine(other),
        })?;
    let after = After { answer: Answer { format }, report: None, open: false };
    Box::pin(to_the_end(context, app, &view, drive, after)).await
}

/// The exit code that matters more.
fn worse(a: Exit, b: Exit) -> Exit {
    let weight = |exit: Exit| match exit {
        Exit::Leaked => 7,
        Exit::Surroundings => 6,
        Exit::Failed => 5,
        Exit::Refused => 4,
        Exit::ObjectiveMissed => 3,
        Exit::Aborted => 2,
        Exit::Invalid => 1,
        Exit::Passed => 0,
    };
    if weight(a) >= weight(b) { a } else { b }
}
