//! Which steps made the recovery time.
//!
//! ```text
//! declared ── preflight ── orders-db ──── orders-intact ──── checkout ── end of the recovery
//!                            shop ── shop-up ┄┄┄ slack ┄┄┄┄┄┄┘
//! ```
//!
//! The walk goes back from the last required proof, each time to the need that ended last, so that the links have
//! no gaps and add up to the whole. The slack of a step is how much later it could have ended, everything after
//! it taking as long as it did, without moving the end.

use super::{
    CriticalPath, Interval, PathLink, PathParts, PhaseKind, Slack, StepPhase, Stretches,
    history::History,
    interval::{overlap, total, without},
    phases::ready,
};
use crate::{
    drill::{RunState, StepKind, StepState, StepStatus},
    ids::StepId,
    time::{Period, Timestamp},
};
use std::collections::BTreeMap;

/// What the walk looks at.
pub(super) struct Ground<'a> {
    pub history: &'a History<'a>,
    pub state: &'a RunState,
    pub as_of: Timestamp,
    pub recovered: Option<Timestamp>,
    pub phases: &'a BTreeMap<StepId, Vec<StepPhase>>,
    pub interrupted: &'a Stretches,
}

impl Ground<'_> {
    /// The critical path, and the slack of every step (zero on the path, none where it has no bearing).
    pub fn path(&self) -> (CriticalPath, BTreeMap<StepId, Option<Period>>) {
        let (links, end) = self.walk();
        let total = end.map_or(Period::ZERO, |end| end.since(self.history.declared));
        let links: Vec<_> = links.into_iter().rev().map(|link| self.link(link, total)).collect();
        let slack = self.recovered.map(|end| self.slack(end)).unwrap_or_default();
        let on_path = |id: &StepId| links.iter().any(|link| link.step.as_ref() == Some(id));
        let others = self.state.steps().iter().map(StepState::id).filter(|id| !on_path(id));
        let others = others.map(|id| Slack { step: id.clone(), slack: slack.get(id).copied().flatten() });
        let listed = if self.recovered.is_some() { others.collect() } else { Vec::new() };
        (CriticalPath { achieved: self.recovered.is_some(), end, total, links, slack: listed }, slack)
    }

    /// When a step ended, or now where it goes on; none where it never started.
    fn end(&self, step: &StepState) -> Option<Timestamp> {
        match step.status() {
            StepStatus::Succeeded | StepStatus::Failed => step.ended(),
            StepStatus::Running | StepStatus::Backoff(_) => Some(self.as_of),
            StepStatus::Waiting | StepStatus::Skipped => None,
        }
        .filter(|_| !self.history.of(step.id()).is_empty())
    }

    /// The links from the last to the first, and where the path ends.
    fn walk(&self) -> (Vec<(Option<&StepId>, Interval)>, Option<Timestamp>) {
        let required = |step: &&StepState| {
            step.outline().required && (self.recovered.is_none() || step.outline().kind != StepKind::Approve)
        };
        let ended = |step: &&StepState| self.end(step);
        let steps = || self.state.steps().iter().filter(|step| self.end(step).is_some());
        let last = steps().filter(required).max_by_key(ended).or_else(|| steps().max_by_key(ended));
        let preflight_end = self.history.cleared.or(self.history.refused);
        let mut links = Vec::new();
        let mut end = None;
        let mut current = last;
        while let Some(step) = current {
            let (Some(to), Some(from)) = (self.end(step), ready(self.history, self.state, step)) else {
                break;
            };
            end.get_or_insert(to);
            links.push((Some(step.id()), Interval::new(from, to)));
            let needs = step.outline().needs.iter().filter_map(|need| self.state.step(need));
            current = needs.max_by_key(|need| need.ended());
        }
        let preflight_end = preflight_end.or(self.history.teardown.map(|(at, _)| at)).unwrap_or(self.as_of);
        let end = end.or(Some(preflight_end));
        links.push((None, Interval::new(self.history.declared, preflight_end)));
        (links, end)
    }

    fn link(&self, (step, whole): (Option<&StepId>, Interval), total_time: Period) -> PathLink {
        let took = whole.length();
        let whole_millis = total_time.as_millis().max(1);
        let share = (took.as_millis().saturating_mul(1000) + whole_millis / 2) / whole_millis;
        let percent = f64::from(u32::try_from(share).unwrap_or(1000)) / 10.0;
        PathLink {
            step: step.cloned(),
            label: step.map_or("preflight", StepId::as_str).to_owned(),
            from: whole.from,
            to: whole.to,
            took,
            percent,
            parts: self.parts(step, whole),
        }
    }

    /// Interruptions win over waiting for a person, that over pauses, those over queueing; the rest is work.
    fn parts(&self, step: Option<&StepId>, whole: Interval) -> PathParts {
        let phases = step.and_then(|step| self.phases.get(step)).map_or(&[][..], Vec::as_slice);
        let of = |kind: PhaseKind| -> Vec<_> {
            phases.iter().filter(|phase| phase.kind == kind).map(StepPhase::interval).collect()
        };
        let mut rest = vec![whole];
        let mut carve = |sort: &[Interval]| {
            let part = overlap(&rest, sort);
            rest = without(&rest, sort);
            total(&part)
        };
        let dead: Vec<_> = self.interrupted.stretches.iter().map(|s| Interval::new(s.from, s.to)).collect();
        let interrupted = carve(&dead);
        let person = carve(&of(PhaseKind::Person));
        let backoff = carve(&of(PhaseKind::Backoff));
        let queued = carve(&of(PhaseKind::Queued));
        PathParts { working: total(&rest), queued, backoff, person, interrupted }
    }

    /// How much later each step could have ended. Steps come after what they need, so the pass runs backwards.
    fn slack(&self, recovery_end: Timestamp) -> BTreeMap<StepId, Option<Period>> {
        let mut latest_end: BTreeMap<&StepId, Timestamp> = BTreeMap::new();
        let mut slack = BTreeMap::new();
        for step in self.state.steps().iter().rev() {
            let proves = step.outline().required && step.outline().kind != StepKind::Approve;
            let by_itself = proves.then_some(recovery_end);
            let by_others = self
                .state
                .steps()
                .iter()
                .filter(|other| other.outline().needs.contains(step.id()))
                .filter_map(|other| {
                    let whole = Interval::new(ready(self.history, self.state, other)?, self.end(other)?);
                    latest_end.get(other.id()).map(|latest| *latest - whole.length())
                })
                .min();
            let latest = by_itself.into_iter().chain(by_others).min();
            if let Some(latest) = latest {
                latest_end.insert(step.id(), latest);
            }
            slack
                .insert(step.id().clone(), latest.zip(self.end(step)).map(|(latest, end)| latest.since(end)));
        }
        slack
    }
}
