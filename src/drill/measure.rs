//! What was achieved: the numbers that the verdict compares with the objectives, and that every report shows.

use super::{RunState, StepKind, StepState, StepStatus};
use crate::time::Period;

impl RunState {
    /// Recovery time actual: from the declaration until the last required proof (every required step that is no
    /// approval, with all its required checks). None unless all of them succeeded.
    pub fn rta(&self) -> Option<Period> {
        let mut last = None;
        for step in self.steps.iter().filter(|step| step.outline.required) {
            if step.status != StepStatus::Succeeded || !step.required_checks_passed() {
                return None;
            }
            if step.outline.kind != StepKind::Approve {
                last = last.max(step.ended);
            }
        }
        last.map(|at| at.since(self.declared))
    }

    /// Recovery point actual: from the declaration back to the newest data restored. The recovery point's own time
    /// and what a freshness check found in the data both count, and the worse one wins; over several restores the worst.
    pub fn rpa(&self) -> Option<Period> {
        let counts = |step: &&StepState| step.outline.counts_for_rpo && step.status == StepStatus::Succeeded;
        self.steps
            .iter()
            .filter(counts)
            .flat_map(|step| {
                let of_point = step.chosen.as_ref().map(|chosen| chosen.point.time);
                of_point.into_iter().chain(step.checks.values().filter_map(|(_, outcome)| outcome.freshness))
            })
            .map(|moment| self.declared.since(moment))
            .max()
    }
}
