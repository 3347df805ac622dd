//! The moments of a restore and of the run.

use super::{CheckCounts, Leg, Milestones, history::History};
use crate::{
    drill::{Hydration, RunState, StepKind, StepState, StepStatus},
    time::Timestamp,
};

/// The moments of a restore step, by its last attempt; removal counts for all of them.
pub(super) fn of_restore(history: &History<'_>, state: &RunState, step: &StepState) -> Milestones {
    let id = step.id();
    let attempt = history.of(id).last();
    let claims: Vec<_> = attempt.map_or_else(Vec::new, |a| history.claims_of(id, a.number).collect());
    let available = attempt.and_then(|attempt| history.available(id, attempt));
    // Where one of the claims does not tell, the whole is not known to be loaded.
    let loaded: Option<Vec<_>> = claims
        .iter()
        .map(|claim| claim.hydrated.filter(|_| claim.hydration == Some(Hydration::Complete)))
        .collect();
    let mine = || history.claims.iter().filter(|claim| &claim.claim.step == id);
    let removed: Option<Vec<_>> = mine().map(|claim| claim.removed.map(|(at, _)| at)).collect();
    Milestones {
        declared: Some(history.declared),
        point_chosen: attempt.and_then(|attempt| attempt.chosen.as_ref()).map(|chosen| chosen.at),
        requested: claims.iter().map(|claim| claim.intended).min(),
        available,
        hydrated: available.and(loaded).and_then(|moments| moments.into_iter().max()),
        verified: verified(state, step),
        removed: removed.and_then(|moments| moments.into_iter().max()),
        legs: Vec::new(),
    }
    .with_legs()
}

/// The last proof of this restore and of every required step that rests on it; none unless all are there and
/// at least one required check is among them.
fn verified(state: &RunState, restore: &StepState) -> Option<Timestamp> {
    let rests = |step: &&StepState| {
        step.id() == restore.id() || (step.outline().required && state.needs(step.id(), restore.id()))
    };
    let proofs = || state.steps().iter().filter(rests).filter(|s| s.outline().kind != StepKind::Approve);
    let proven = |step: &StepState| step.status() == StepStatus::Succeeded && step.required_checks_passed();
    let checked = |step: &StepState| step.outline().checks.iter().any(|(_, required)| *required);
    if !proofs().all(proven) || !proofs().any(checked) {
        return None;
    }
    proofs().filter_map(StepState::ended).max()
}

/// The moments of the run: each is reached when the last of its restores has reached it. Restores that are not
/// required count only where none is.
pub(super) fn of_run(
    history: &History<'_>,
    restores: &[(bool, &Milestones)],
    recovered: Option<Timestamp>,
    checks: &CheckCounts,
) -> Milestones {
    let any_required = restores.iter().any(|(required, _)| *required);
    let counted = || restores.iter().filter(|(required, _)| *required || !any_required).map(|(_, m)| *m);
    let last = |moment: fn(&Milestones) -> Option<Timestamp>| {
        let all: Option<Vec<_>> = counted().map(moment).collect();
        all.and_then(|moments| moments.into_iter().max())
    };
    let removed: Option<Vec<_>> = history.claims.iter().map(|c| c.removed.map(|(at, _)| at)).collect();
    Milestones {
        declared: Some(history.declared),
        point_chosen: last(|m| m.point_chosen),
        requested: last(|m| m.requested),
        available: last(|m| m.available),
        hydrated: last(|m| m.hydrated),
        verified: recovered.filter(|_| checks.required > 0),
        removed: removed.and_then(|moments| moments.into_iter().max()),
        legs: Vec::new(),
    }
    .with_legs()
}

impl Milestones {
    fn with_legs(mut self) -> Self {
        let mut previous: Option<Timestamp> = None;
        self.legs = [
            ("declared", self.declared),
            ("point chosen", self.point_chosen),
            ("requested", self.requested),
            ("available", self.available),
            ("hydrated", self.hydrated),
            ("verified", self.verified),
            ("removed", self.removed),
        ]
        .into_iter()
        .map(|(name, at)| {
            // Loading may end after the proof: then the time between would be a negative one.
            let before = previous.filter(|before| at.is_some_and(|at| at >= *before));
            previous = at.max(previous);
            Leg {
                name,
                at,
                since_declared: at.zip(self.declared).map(|(at, declared)| at.since(declared)),
                since_previous: at.zip(before).map(|(at, before)| at.since(before)),
            }
        })
        .collect();
        self
    }
}
