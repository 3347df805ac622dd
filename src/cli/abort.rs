//! `firedrill abort` and `firedrill approve`: what a person wants of a run that another process may be driving.

use super::{args::Format, context::Context, say};
use crate::{
    drill::{Approval, StepKind, StepStatus, fold},
    engine::EngineError,
    error::{Exit, Failure},
    ids::StepId,
    ports::{Ask, Journal, JournalError},
    time::SystemClock,
};

pub(super) async fn abort(context: &Context, run: &str, reason: Option<String>) -> Result<Exit, Failure> {
    let app = context.app().await?;
    let run = app.journal().find_run(run).await?;
    app.journal().ask(run, &context.by(), SystemClock::wall(), &Ask::Abort { reason }).await?;
    match super::resume::one(context, &app, run, Format::Human).await {
        Err(Failure::Journal(JournalError::Held { holder, .. })) => {
            say(&format!(
                "asked: run {} is driven by {holder}, which stops it and tears it down",
                run.short()
            ));
            Ok(Exit::Passed)
        }
        other => other,
    }
}

pub(super) async fn approve(
    context: &Context,
    run: &str,
    step: &str,
    approved: bool,
    note: Option<String>,
) -> Result<Exit, Failure> {
    let app = context.app().await?;
    let run = app.journal().find_run(run).await?;
    let entries = app.journal().entries(run).await?;
    let state = fold(&entries).map_err(|illegal| EngineError::Illegal { run, illegal })?;
    let approvals = || state.steps().iter().filter(|step| step.outline().kind == StepKind::Approve);
    let names: Vec<_> = approvals().map(|step| step.id().to_string()).collect();
    let id: Option<StepId> = step.parse().ok();
    let found = id.and_then(|id| approvals().find(|step| step.id() == &id));
    let Some(found) = found else {
        return Err(Failure::Invalid(match names.len() {
            0 => format!("run {} has no approval step", run.short()),
            _ => format!("run {} has no approval step `{step}`; it has {}", run.short(), names.join(", ")),
        }));
    };
    let asked = matches!(found.approval(), Approval::Asked { .. }) && found.status() == StepStatus::Running;
    if !asked {
        return Err(Failure::Invalid(format!(
            "step {step} of run {} does not wait for an answer now",
            run.short()
        )));
    }
    let ask = Ask::Answer { step: found.id().clone(), approved, note };
    app.journal().ask(run, &context.by(), SystemClock::wall(), &ask).await?;
    say(&format!("answered {} to step {step} of run {}", if approved { "yes" } else { "no" }, run.short()));
    Ok(Exit::Passed)
}
