//! An event in a line of words, for the plain log and for `show --events`.

use crate::drill::{CheckStatus, Entry, Event, Hydration, TeardownReason};

/// What an entry says, in a line; `verbose` tells the small things too.
pub(super) fn line(entry: &Entry, verbose: bool) -> Option<String> {
    let small = |text: String| verbose.then_some(text);
    match &entry.event {
        Event::Declared(declaration) => {
            Some(format!("declared: {} run {} by {}", declaration.playbook, declaration.run, declaration.by))
        }
        Event::Resumed { by, .. } => {
            Some(format!("resumed by {by}; what was under way before was interrupted"))
        }
        Event::ClockStepped { millis } => Some(format!("the wall clock was stepped by {millis} ms")),
        Event::Cleared { facts } => Some(format!("cleared: {} things were looked at", facts.len())),
        Event::Refused { reasons, .. } => Some(format!("refused: {}", reasons.join("; "))),
        Event::StepStarted { step, attempt: 1 } => Some(format!("{step}: started")),
        Event::StepStarted { step, attempt } => Some(format!("{step}: started, attempt {attempt}")),
        Event::PointChosen { step, point, because, .. } => Some(format!(
            "{step}: recovery point {} of {} ({because})",
            short_path(&point.id),
            point.time.human()
        )),
        Event::ClaimIntended { claim } => small(format!(
            "{}: will make {} `{}` in {}",
            claim.step, claim.link.kind, claim.link.name, claim.link.scope
        )),
        Event::ClaimAcquired { claim, .. } => small(format!("{claim}: requested")),
        Event::AcquireFailed { claim, tries, fault, retry_at } => {
            Some(format!("{claim}: try {tries} failed: {fault}{}", again(*retry_at)))
        }
        Event::ClaimReady { claim, hydration, .. } => Some(match hydration {
            Hydration::Loading => format!("{claim}: available, storage still loading"),
            Hydration::Complete | Hydration::Unknown => format!("{claim}: available"),
        }),
        Event::ClaimBroken { claim, reason } => Some(format!("{claim}: broken: {reason}")),
        Event::ClaimHydrated { claim } => Some(format!("{claim}: storage loaded")),
        Event::CheckFinished { step, check, outcome, .. } => {
            let word = match outcome.status {
                CheckStatus::Passed => "passed",
                CheckStatus::Failed => "FAILED",
                CheckStatus::Error(_) => "could not be made",
            };
            let rows = outcome.rows.map(|rows| format!(" over {rows} rows")).unwrap_or_default();
            let mut text = format!("{step}: check `{check}` {word}{rows} in {}", outcome.took.human());
            if outcome.status != CheckStatus::Passed {
                text += &format!(": expected {}, found {}", outcome.expected, outcome.actual);
                for detail in &outcome.details {
                    text += &format!("\n    {detail}");
                }
            }
            Some(text)
        }
        Event::StepSucceeded { step, .. } => Some(format!("{step}: done")),
        Event::AttemptFailed { step, attempt, fault, retry_at } => {
            Some(format!("{step}: attempt {attempt} failed: {fault}{}", again(*retry_at)))
        }
        Event::StepSkipped { step, because } => Some(format!("{step}: skipped: {because}")),
        Event::ApprovalRequested { step, question, until } => {
            let until = until.map(|until| format!(" until {}", until.human())).unwrap_or_default();
            Some(format!("{step}: waiting for a person{until}: {question}"))
        }
        Event::ApprovalAnswered { step, approved, by, .. } => {
            Some(format!("{step}: {by} answered {}", if *approved { "yes" } else { "no" }))
        }
        Event::AbortRequested { by, reason } => {
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(format!("abort asked for by {by}{reason}"))
        }
        Event::KeptUntil { until } => Some(format!(
            "failed; what was restored is kept until {} for you to look at (`firedrill abort` removes it now)",
            until.human()
        )),
        Event::TeardownBegan { reason } => Some(format!(
            "teardown: {}",
            match reason {
                TeardownReason::Completed => "every step is settled",
                TeardownReason::MaxDuration => "the run took longer than its max_duration",
                TeardownReason::Aborted => "on request",
                TeardownReason::KeepEnded => "the time to look at the failed run is over",
            }
        )),
        Event::ReleaseIntended { claim, .. } => small(format!("{claim}: removing")),
        Event::ReleaseAccepted { claim, .. } => small(format!("{claim}: removal requested")),
        Event::ReleaseFailed { claim, tries, fault, retry_at } => {
            Some(format!("{claim}: removal, try {tries}, failed: {fault}{}", again(*retry_at)))
        }
        Event::ClaimRemoved { claim, proof } => Some(format!("{claim}: removed ({proof})")),
        Event::ClaimLeaked { claim, reason } => Some(format!("{claim}: MAY BE LEFT BEHIND: {reason}")),
        Event::Finished { verdict, teardown, .. } => Some(format!("finished: {verdict}, cleanup {teardown}")),
    }
}

fn again(at: Option<crate::time::Timestamp>) -> String {
    at.map(|at| format!("; again at {}", at.human())).unwrap_or_default()
}

/// The last part of a path; anything else as it is.
pub(super) fn short_path(id: &str) -> &str {
    if id.starts_with('/') { id.rsplit('/').next().unwrap_or(id) } else { id }
}
