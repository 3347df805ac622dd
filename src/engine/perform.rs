//! What activities there are, what each is for, and what comes of it.

use super::activity::Context;
use crate::{
    drill::{CheckOutcome, Choice, Claim, Command, Fault, Link, Outputs, RunState, Scope, StepStatus},
    ids::{ClaimId, StepId},
    playbook::{Action, Playbook, SourceKind, Subject},
    ports::{Known, Observation, Ports, Receipts},
};
use std::{pin::Pin, sync::Arc};

/// The check that a command step makes.
pub(super) const EXIT_CODE: &str = "exit code";

/// What an activity is for. Two wishes with one key are the same wish.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Preflight,
    Choose(StepId),
    Acquire(ClaimId),
    Observe(SourceKind, Scope),
    Check(StepId, String),
    Run(StepId),
    Release(ClaimId),
}

impl Key {
    /// The key of a wish that one activity fulfils.
    pub(super) fn of(command: &Command) -> Option<Self> {
        Some(match command {
            Command::Preflight => Key::Preflight,
            Command::ChoosePoint { step } => Key::Choose(step.clone()),
            Command::Acquire { claim } => Key::Acquire(claim.clone()),
            Command::Check { step, check } => Key::Check(step.clone(), check.clone()),
            Command::RunCommand { step } => Key::Run(step.clone()),
            Command::Release { claim } => Key::Release(claim.clone()),
            Command::Observe { .. } | Command::Record(_) | Command::WakeAt(_) => return None,
        })
    }
}

/// The outcome of an activity.
pub(super) enum Done {
    Looked { facts: Vec<String>, refusals: Vec<String>, surroundings: Vec<String> },
    Chosen { step: StepId, attempt: u32, result: Box<Result<(Choice, Vec<Link>), Fault>> },
    Acquired { claim: ClaimId, result: Result<Receipts, Fault> },
    Observed(Vec<(ClaimId, Observation)>),
    Checked { step: StepId, attempt: u32, check: String, outcome: Box<CheckOutcome> },
    Ran { step: StepId, attempt: u32, outcome: Box<CheckOutcome>, outputs: Outputs, fault: Option<Fault> },
    Released { claim: ClaimId, result: Result<Receipts, Fault> },
}

/// An activity under way.
pub(super) type Activity = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Begins what `key` stands for; `claims` are those of an observation.
pub(super) fn begin(
    ports: &Ports,
    playbook: &Arc<Playbook>,
    state: &RunState,
    key: &Key,
    claims: Vec<Claim>,
) -> Option<Activity> {
    let context = Context {
        ports: ports.clone(),
        playbook: Arc::clone(playbook),
        // Looks are by far the most frequent, and need nothing of what earlier steps gave.
        known: if matches!(key, Key::Observe(..)) { Known::default() } else { known(state) },
        declared: state.declared(),
        run: state.declaration().run,
    };
    Some(match key {
        Key::Preflight => Box::pin(context.preflight()),
        Key::Choose(step) => {
            let attempt = state.step(step)?.attempt();
            Box::pin(context.choose(step.clone(), attempt, state.seed_for(step.as_str())))
        }
        Key::Acquire(id) => {
            let claim = state.claim(id)?.claim().clone();
            let step = state.step(&claim.step)?;
            let point = step.chosen()?.point.clone();
            Box::pin(context.acquire(claim, point, state.restore_outputs(step)))
        }
        Key::Observe(source, _) => Box::pin(context.observe(*source, claims)),
        Key::Check(step, check) => {
            let this = state.step(step)?;
            let subject = match &playbook.step(step)?.action {
                Action::Verify(verify) => match &verify.subject {
                    Subject::Database(database) => Some(&database.step),
                    Subject::Http | Subject::Kubernetes => None,
                },
                _ => Some(step),
            };
            let restored = subject.and_then(|id| state.step(id));
            let point = restored.and_then(|step| step.chosen()).map(|chosen| chosen.point.clone());
            let given = restored.map(|step| state.restore_outputs(step)).unwrap_or_default();
            Box::pin(context.check(step.clone(), this.attempt(), check.clone(), given, point))
        }
        Key::Run(step) => Box::pin(context.run_command(step.clone(), state.step(step)?.attempt())),
        Key::Release(id) => {
            let claim = state.claim(id)?.claim().clone();
            // The point is that of the claim's own attempt where it is the step's last; a release does not depend on it.
            let point = state.step(&claim.step)?.chosen().map(|chosen| chosen.point.clone());
            Box::pin(context.release(claim, point))
        }
    })
}

/// What the finished steps of a run gave.
pub(crate) fn known(state: &RunState) -> Known {
    let done = state.steps().iter().filter(|step| step.status() == StepStatus::Succeeded);
    Known {
        run: state.declaration().run.to_string(),
        declared: state.declared().to_string(),
        steps: done.map(|step| (step.id().clone(), step.outputs().clone())).collect(),
    }
}
