//! From a playbook to the declaration that a run begins with.

use crate::{
    drill::{Declaration, StepKind, StepOutline, Trigger},
    ids::RunId,
    playbook::{Action, Playbook, Selector, Step, Subject},
};

/// Why and by whom a run is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What started it.
    pub trigger: Trigger,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// User and host.
    pub by: String,
    /// Whether `keep_on_failure` is obeyed; otherwise a failed run is removed at once.
    pub keep: bool,
}

/// The declaration of a run of `playbook`.
pub(super) fn declaration(playbook: &Playbook, order: Order, run: RunId, seed: u64) -> Declaration {
    let mut limits = playbook.limits().clone();
    if !order.keep {
        limits.keep_on_failure = None;
    }
    Declaration {
        run,
        playbook: playbook.name().clone(),
        digest: playbook.digest(),
        trigger: order.trigger,
        reason: order.reason,
        by: order.by,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        objectives: playbook.objectives(),
        limits,
        seed,
        scenario: playbook.scenario().map(str::to_owned),
        controls: playbook.controls().to_vec(),
        steps: playbook.steps().iter().map(|step| outline(playbook, step)).collect(),
    }
}

fn outline(playbook: &Playbook, step: &Step) -> StepOutline {
    let (kind, parallel, question, own_timeout) = match &step.action {
        Action::Restore(restore) => (StepKind::Restore(restore.source.kind()), 1, None, None),
        Action::Verify(verify) => (StepKind::Verify, verify.parallel, None, None),
        Action::Run(_) => (StepKind::Run, 1, None, None),
        Action::Approve(ask) => (StepKind::Approve, 1, Some(ask.question.clone()), ask.timeout),
    };
    StepOutline {
        id: step.id.clone(),
        kind,
        needs: step.needs.clone(),
        required: step.required,
        timeout: own_timeout.into_iter().chain(step.timeout).min(),
        retry: step.retry,
        checks: step.check_names(),
        parallel,
        counts_for_rpo: counts_for_rpo(playbook, step),
        question,
    }
}

/// A restore that picks an older backup on purpose says nothing about the recovery point that a disaster would
/// leave, as long as the playbook has one that takes the newest.
fn counts_for_rpo(playbook: &Playbook, step: &Step) -> bool {
    let newest = |step: &Step| match &step.action {
        Action::Restore(restore) => {
            matches!(restore.recovery_point, Selector::Latest | Selector::PointInTimeLatest)
        }
        _ => false,
    };
    let any_newest = playbook.steps().iter().any(newest);
    let counts = |step: &Step| newest(step) || !any_newest;
    match &step.action {
        Action::Restore(_) => counts(step),
        Action::Verify(verify) => match &verify.subject {
            Subject::Database(database) => playbook.step(&database.step).is_some_and(counts),
            Subject::Http | Subject::Kubernetes => false,
        },
        Action::Run(_) | Action::Approve(_) => false,
    }
}
