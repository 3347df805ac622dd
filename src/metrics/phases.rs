//! What a step's time was spent on, and when all that a step needs was there.

use super::{
    PhaseKind, StepPhase,
    history::{Attempt, History},
};
use crate::{
    drill::{RunState, StepKind, StepState, StepStatus},
    time::Timestamp,
};

/// When all that the step needs was there; none while it is not.
pub(super) fn ready(history: &History<'_>, state: &RunState, step: &StepState) -> Option<Timestamp> {
    let needs = step.outline().needs.iter().map(|need| {
        state.step(need).filter(|need| need.status() == StepStatus::Succeeded).and_then(StepState::ended)
    });
    needs.fold(history.cleared, |latest, end| Some(latest?.max(end?)))
}

/// The phases of the run as a whole.
pub(super) fn of_run(history: &History<'_>, as_of: Timestamp) -> Vec<StepPhase> {
    let mut phases = Phases { as_of, list: Vec::new() };
    let teardown = history.teardown.map(|(at, _)| at);
    let finished = history.finished.map(|(at, _)| at);
    let past_preflight = history.cleared.or(history.refused).or(teardown);
    phases.add(PhaseKind::Preflight, 0, history.declared, past_preflight, history.refused.is_some());
    if let Some((from, _)) = history.kept {
        phases.add(PhaseKind::Kept, 0, from, teardown, false);
    }
    if let Some(from) = teardown {
        phases.add(PhaseKind::Removing, 0, from, finished, false);
    }
    phases.list
}

/// The phases of a step, in the order in which they began.
pub(super) fn of_step(
    history: &History<'_>,
    state: &RunState,
    step: &StepState,
    as_of: Timestamp,
) -> Vec<StepPhase> {
    let mut phases = Phases { as_of, list: Vec::new() };
    let attempts = history.of(step.id());
    if let Some(ready) = ready(history, state, step) {
        let started = attempts.first().map(|first| first.started).or(step.ended());
        phases.add(PhaseKind::Queued, 0, ready, started, false);
    }
    for (index, attempt) in attempts.iter().enumerate() {
        let next = attempts.get(index + 1).map(|next| next.started);
        phases.attempt(history, step, attempt);
        if let (Some(ended), Some(_)) = (attempt.ended, attempt.retry_at) {
            phases.add(PhaseKind::Backoff, attempt.number, ended, next.or(step.ended()), false);
        }
    }
    phases.list.retain(|phase| phase.from < phase.to || phase.open || phase.failed);
    phases.list.sort_by_key(|phase| phase.from);
    phases.list
}

struct Phases {
    as_of: Timestamp,
    list: Vec<StepPhase>,
}

impl Phases {
    fn add(&mut self, kind: PhaseKind, attempt: u32, from: Timestamp, to: Option<Timestamp>, failed: bool) {
        let (open, to) = (to.is_none(), to.unwrap_or(self.as_of).max(from));
        self.list.push(StepPhase { kind, attempt, from, to, open, failed });
    }

    fn attempt(&mut self, history: &History<'_>, step: &StepState, attempt: &Attempt<'_>) {
        let number = attempt.number;
        let end = attempt.ended.or(step.ended());
        let failed =
            attempt.fault.is_some() || (attempt.ended.is_none() && step.status() == StepStatus::Failed);
        match step.outline().kind {
            StepKind::Verify => self.add(PhaseKind::Checking, number, attempt.started, end, failed),
            StepKind::Run => self.add(PhaseKind::Command, number, attempt.started, end, failed),
            StepKind::Approve => {
                let asked = attempt.asked.map_or(attempt.started, |(at, _, _)| at);
                let until = attempt.answered.map(|(at, ..)| at).or(end);
                self.add(PhaseKind::Person, number, asked, until, failed);
            }
            StepKind::Restore(_) => self.restore(history, step, attempt, end, failed),
        }
    }

    fn restore(
        &mut self,
        history: &History<'_>,
        step: &StepState,
        attempt: &Attempt<'_>,
        end: Option<Timestamp>,
        failed: bool,
    ) {
        let number = attempt.number;
        let chosen = attempt.chosen.as_ref().map(|chosen| chosen.at);
        let available = history.available(step.id(), attempt);
        self.add(PhaseKind::Choosing, number, attempt.started, chosen.or(end), failed && chosen.is_none());
        if let Some(chosen) = chosen {
            let failed = failed && available.is_none();
            self.add(PhaseKind::Restoring, number, chosen, available.or(end), failed);
        }
        if let Some(available) = available
            && !step.outline().checks.is_empty()
        {
            self.add(PhaseKind::Checking, number, available, end, failed);
        }
        for claim in history.claims_of(step.id(), number) {
            let Some(ready) = claim.ready else { continue };
            if claim.hydration == Some(crate::drill::Hydration::Loading) {
                self.add(PhaseKind::Hydrating, number, ready, claim.release_began, false);
            } else if claim.hydrated.is_some_and(|hydrated| hydrated > ready) {
                self.add(PhaseKind::Hydrating, number, ready, claim.hydrated, false);
            }
        }
        let removals = || history.claims_of(step.id(), number).filter_map(|claim| claim.release_began);
        if let Some(began) = removals().min() {
            let settled: Option<Vec<_>> =
                history.claims_of(step.id(), number).map(|claim| claim.settled()).collect();
            let ended = settled.and_then(|moments| moments.into_iter().max());
            let leaked = history.claims_of(step.id(), number).any(|claim| claim.leaked.is_some());
            self.add(PhaseKind::Removing, number, began, ended, leaked);
        }
    }
}
