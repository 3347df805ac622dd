//! `firedrill run`: a drill now, in the foreground.

use super::{
    args::{Answer, Format, RunArgs},
    context::Context,
    report::write_html,
    say,
    view::{Mode, View},
};
use crate::{
    app::App,
    drill::Trigger,
    engine::{Drive, EngineError, Order, Stop},
    error::{Exit, Failure},
    metrics::{RunSummary, summarise},
    report::text,
};
use std::{io::IsTerminal, path::PathBuf, sync::Arc};
use tokio::sync::watch;

pub(super) async fn run(context: &Context, args: RunArgs) -> Result<Exit, Failure> {
    let checked = context.playbook(&args.playbook)?;
    let app = context.app().await?;
    let view = Arc::new(View::new(mode(context), args.answer.format == Format::Ndjson));
    if let Some(sample) = checked.metadata().sample {
        super::baseline::prepare_sample(context, &app, &checked, sample).await?;
    }
    let order =
        Order { trigger: Trigger::Manual, reason: args.reason, by: context.by(), keep: !args.no_keep };
    let engine = app.engine(Arc::clone(&view) as _);
    let drive = engine.declare(checked, order, app.holder()).await?;
    let after = After { answer: args.answer, report: args.report, open: args.open };
    to_the_end(context, &app, &view, drive, after).await
}

/// What to do when the run is over.
pub(super) struct After {
    pub(super) answer: Answer,
    pub(super) report: Option<PathBuf>,
    pub(super) open: bool,
}

/// Which view fits where stderr goes.
pub(super) fn mode(context: &Context) -> Mode {
    let global = &context.global;
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match (global.quiet, global.verbose) {
        (true, _) => Mode::Quiet,
        (false, 0) if std::io::stderr().is_terminal() && !dumb => Mode::Live,
        (false, 0) => Mode::Plain,
        (false, _) => Mode::Verbose,
    }
}

/// Drives a run to its end and tells how it went.
pub(super) async fn to_the_end(
    context: &Context,
    app: &App,
    view: &Arc<View>,
    drive: Drive,
    after: After,
) -> Result<Exit, Failure> {
    let run = drive.run();
    let (tell, stop) = watch::channel(Stop::No);
    let listener = tokio::spawn(listen(tell, context.by(), Arc::clone(view)));
    let result = Box::pin(drive.to_the_end(stop)).await;
    listener.abort();
    view.close();
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            let left = app.left_behind(run).await;
            let mut text = error.to_string();
            if !left.is_empty() {
                text += &format!(
                    "\n{} may still be there:\n  {}\nwhen the cause is mended, `firedrill resume {}` goes on and removes {}",
                    if left.len() == 1 { "this".to_owned() } else { format!("these {}", left.len()) },
                    left.join("\n  "),
                    run.short(),
                    if left.len() == 1 { "it" } else { "them" },
                );
            }
            say(&format!("error: {text}"));
            // What was created is known and can be resumed; the exit code tells why this process stopped.
            return Ok(match &error {
                EngineError::Left(_) if left.is_empty() => Exit::Aborted,
                _ => Failure::from(error).exit(),
            });
        }
    };
    let now = outcome.entries.last().map_or(crate::time::Timestamp::from_millis(0), |entry| entry.at);
    let summary =
        summarise(&outcome.entries, now).map_err(|illegal| EngineError::Illegal { run, illegal })?;
    let summary: RunSummary = summary.with_head(Some(app.journal().head(run).await?));
    match after.answer.format {
        Format::Human => {
            super::print(&text(&summary, context.style()))?;
        }
        Format::Json => {
            super::print(&format!("{}\n", super::pretty(&summary)))?;
        }
        Format::Ndjson => {
            super::print(&format!("{}\n", serde_json::json!({ "run": run, "summary": summary })))?;
        }
    }
    if after.report.is_some() || after.open {
        let path =
            after.report.unwrap_or_else(|| context.data_dir().join("reports").join(format!("{run}.html")));
        write_html(&summary, &path)?;
        if after.open {
            super::report::open(&path);
        }
    }
    Ok(Exit::of(outcome.verdict, outcome.teardown))
}

/// Ctrl-C or SIGTERM once: stop and tear down. Again: leave at once.
async fn listen(tell: watch::Sender<Stop>, by: String, view: Arc<View>) {
    for round in 0.. {
        if !interrupted().await {
            return std::future::pending().await;
        }
        if round == 0 {
            view.note("stopping: what was created is removed first; again to leave at once (resumable)");
            let _ = tell.send(Stop::Abort { by: by.clone(), reason: Some("interrupted".to_owned()) });
        } else {
            let _ = tell.send(Stop::Leave);
        }
    }
}

/// Waits for a signal that asks to stop; false if none can come.
async fn interrupted() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return false;
        };
        tokio::select! {
            got = int.recv() => got.is_some(),
            got = term.recv() => got.is_some(),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.is_ok()
}
