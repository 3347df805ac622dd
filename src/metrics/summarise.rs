//! Entries in, summary out.

use super::{
    CheckCounts, CheckResult, ClaimStanding, ClaimSummary, Cleanup, Interval, Measured, ObjectiveResult,
    RunSummary, Standing, StepPhase, StepSummary, Stretch, Stretches,
    critical::Ground,
    history::{ClaimHistory, History},
    interval::{overlap, total},
    milestones, phases,
    summarise_step::{short, texts},
};
use crate::{
    drill::{
        Approval, ClaimStage, ClaimState, Entry, IllegalEvent, Phase, RunState, StepState, StepStatus, fold,
    },
    ids::StepId,
    time::{Period, Timestamp},
};
use std::collections::BTreeMap;

/// Folds the entries of a run into its summary. A run that is not over is summed up as of `now`.
pub fn summarise(entries: &[Entry], now: Timestamp) -> Result<RunSummary, IllegalEvent> {
    let state = fold(entries)?;
    let history = History::read(state.declared(), entries);
    let finished = history.finished.map(|(at, _)| at);
    let as_of = finished.unwrap_or(now.max(state.last()));
    let recovered = state.rta().map(|rta| state.declared() + rta);
    let scene = Scene { history: &history, state: &state, as_of, recovered };
    Ok(scene.summary())
}

pub(super) struct Scene<'a> {
    pub(super) history: &'a History<'a>,
    pub(super) state: &'a RunState,
    pub(super) as_of: Timestamp,
    recovered: Option<Timestamp>,
}

impl Scene<'_> {
    fn summary(&self) -> RunSummary {
        let (history, state) = (self.history, self.state);
        let declaration = state.declaration();
        let phases: BTreeMap<StepId, Vec<StepPhase>> = state
            .steps()
            .iter()
            .map(|step| (step.id().clone(), phases::of_step(history, state, step, self.as_of)))
            .collect();
        let interrupted = self.interrupted();
        let ground = Ground {
            history,
            state,
            as_of: self.as_of,
            recovered: self.recovered,
            phases: &phases,
            interrupted: &interrupted,
        };
        let (critical_path, slack) = ground.path();
        let on_path = |id: &StepId| critical_path.links.iter().any(|link| link.step.as_ref() == Some(id));
        let steps: Vec<_> = state
            .steps()
            .iter()
            .map(|step| StepSummary {
                critical: on_path(step.id()),
                slack: slack.get(step.id()).copied().flatten(),
                phases: phases.get(step.id()).cloned().unwrap_or_default(),
                ..self.step(step)
            })
            .collect();
        let checks = counts(&steps);
        let restores: Vec<_> =
            steps.iter().filter_map(|step| Some((step.required, step.milestones.as_ref()?))).collect();
        let finished = history.finished.map(|(at, _)| at);
        let (rta, rpa) = self.measured();
        let (rpa_by_point, rpa_by_data) = self.rpa_parts();
        RunSummary {
            format: "firedrill/run/v1",
            run: declaration.run,
            short: declaration.run.short(),
            playbook: declaration.playbook.clone(),
            digest: declaration.digest,
            head: None,
            entries: state.entries(),
            trigger: declaration.trigger.clone(),
            reason: declaration.reason.clone(),
            by: declaration.by.clone(),
            version: declaration.version.clone(),
            scenario: declaration.scenario.clone(),
            controls: declaration.controls.clone(),
            declared: history.declared,
            cleared: history.cleared,
            preflight: texts(history.facts.iter().map(String::as_str)),
            finished,
            as_of: self.as_of,
            elapsed: self.as_of.since(history.declared),
            state: self.standing(),
            verdict: state.finished().map(|(verdict, _)| verdict),
            teardown: state.finished().map(|(_, teardown)| teardown),
            reasons: history.finished.map_or_else(|| state.reasons(), |(_, reasons)| reasons.to_vec()),
            objectives: declaration.objectives,
            rta,
            rpa,
            rpa_by_point,
            rpa_by_data,
            recovered_at: self.recovered,
            waiting_for_people: self.waiting(),
            interrupted,
            clock_steps: history.clock_steps.clone(),
            abort: history.abort.clone(),
            kept_until: history.kept.map(|(_, until)| until),
            milestones: milestones::of_run(history, &restores, self.recovered, &checks),
            checks,
            phases: phases::of_run(history, self.as_of),
            steps,
            critical_path,
            claims: history.claims.iter().filter_map(|claim| self.claim(claim)).collect(),
            cleanup: self.cleanup(),
        }
    }

    fn standing(&self) -> Standing {
        let asked = |step: &&StepState| matches!(step.approval(), Approval::Asked { .. });
        let running =
            || self.state.steps().iter().filter(|step| matches!(step.status(), StepStatus::Running));
        match self.state.phase() {
            Phase::Declared => Standing::Preflight,
            Phase::Running if running().next().is_some() && running().all(|step| asked(&step)) => {
                Standing::WaitingForPerson
            }
            Phase::Running => Standing::Running,
            Phase::Keeping { .. } => Standing::Kept,
            Phase::TearingDown | Phase::Refused { .. } => Standing::TearingDown,
            Phase::Finished { .. } => Standing::Finished,
        }
    }

    /// Both objectives. A recovery point is not "met" by a run that proved no recovery.
    fn measured(&self) -> (Measured, Measured) {
        let (rta, rpa) = (self.state.rta(), self.state.rpa());
        let objectives = self.state.declaration().objectives;
        let over = self.state.finished().is_some();
        let so_far = self.as_of.since(self.state.declared());
        let late = rta.or((!over).then_some(so_far));
        (
            compare(objectives.rto, rta, late, rta.is_some(), over),
            compare(objectives.rpo, rpa, rpa, rta.is_some(), over),
        )
    }

    /// The recovery point actual by the points alone and by the data alone.
    fn rpa_parts(&self) -> (Option<Period>, Option<Period>) {
        let counted = || {
            self.state
                .steps()
                .iter()
                .filter(|step| step.outline().counts_for_rpo && step.status() == StepStatus::Succeeded)
        };
        let age = |moment: Timestamp| self.state.declared().since(moment);
        let by_point = counted().filter_map(|step| step.chosen()).map(|chosen| age(chosen.point.time)).max();
        let by_data = counted()
            .flat_map(|step| step.checks().values())
            .filter_map(|(_, outcome)| outcome.freshness)
            .map(age)
            .max();
        (by_point, by_data)
    }

    fn stretches(&self, stretches: Vec<Stretch>) -> Stretches {
        let all: Vec<_> = stretches.iter().map(|s| Interval::new(s.from, s.to)).collect();
        let end = self.recovered.or(self.history.teardown.map(|(at, _)| at)).unwrap_or(self.as_of);
        let recovery = Interval::new(self.history.declared, end);
        Stretches { total: total(&all), within_recovery: total(&overlap(&all, &[recovery])), stretches }
    }

    fn interrupted(&self) -> Stretches {
        let stretch = |(from, to, by): &(Timestamp, Timestamp, &str)| Stretch {
            from: *from,
            to: *to,
            took: to.since(*from),
            open: false,
            step: None,
            by: Some((*by).to_owned()),
        };
        self.stretches(self.history.interrupted.iter().map(stretch).collect())
    }

    fn waiting(&self) -> Stretches {
        let mut stretches = Vec::new();
        for step in self.state.steps() {
            for attempt in self.history.of(step.id()) {
                let Some((from, _, _)) = attempt.asked else { continue };
                let end = attempt.answered.map(|(at, ..)| at).or(attempt.ended).or(step.ended());
                let to = end.unwrap_or(self.as_of);
                stretches.push(Stretch {
                    from,
                    to,
                    took: to.since(from),
                    open: end.is_none(),
                    step: Some(step.id().clone()),
                    by: attempt.answered.map(|(_, _, by, _)| by.to_owned()),
                });
            }
        }
        stretches.sort_by_key(|stretch| stretch.from);
        self.stretches(stretches)
    }

    fn claim(&self, history: &ClaimHistory<'_>) -> Option<ClaimSummary> {
        let claim = history.claim;
        let stage = self.state.claim(&claim.id).map(ClaimState::stage)?;
        Some(ClaimSummary {
            id: claim.id.clone(),
            step: claim.step.clone(),
            attempt: claim.attempt,
            source: claim.source,
            kind: short(&claim.link.kind),
            name: short(&claim.link.name),
            scope: short(&claim.link.scope.to_string()),
            state: match stage {
                ClaimStage::Intended(_) => ClaimStanding::Intended,
                ClaimStage::Acquired => ClaimStanding::Acquired,
                ClaimStage::Ready => ClaimStanding::Ready,
                ClaimStage::Broken => ClaimStanding::Broken,
                ClaimStage::Releasing(_) | ClaimStage::Accepted(_) => ClaimStanding::Removing,
                ClaimStage::Removed => ClaimStanding::Removed,
                ClaimStage::Leaked => ClaimStanding::Leaked,
            },
            intended: history.intended,
            acquired: history.acquired,
            ready: history.ready,
            hydration: history.hydration,
            release_began: history.release_began,
            release_tries: history.release_tries,
            removed: history.removed.map(|(at, _)| at),
            proof: history.removed.map(|(_, proof)| short(proof)),
            leaked: history.leaked.map(|(_, reason)| short(reason)),
            expires: claim.expires,
            receipts: texts(history.receipts.iter().copied()),
            faults: texts(history.faults.iter().map(String::as_str)),
        })
    }

    fn cleanup(&self) -> Cleanup {
        let count = |wanted: fn(ClaimStage) -> bool| {
            let of = self.state.claims().iter().filter(|claim| wanted(claim.stage())).count();
            u32::try_from(of).unwrap_or(u32::MAX)
        };
        let outstanding = count(|stage| !stage.is_settled());
        let began = self.history.teardown.map(|(at, _)| at);
        let settled = self.history.claims.iter().filter_map(ClaimHistory::settled).max();
        let ended = settled.filter(|_| outstanding == 0);
        Cleanup {
            created: count(|_| true),
            removed: count(|stage| stage == ClaimStage::Removed),
            leaked: count(|stage| stage == ClaimStage::Leaked),
            outstanding,
            began,
            reason: self.history.teardown.map(|(_, reason)| reason),
            ended,
            took: began.map(|began| {
                ended.or(self.history.finished.map(|(at, _)| at)).unwrap_or(self.as_of).since(began)
            }),
        }
    }
}

/// `so_far` is what the objective is exceeded by, even where nothing was measured yet.
fn compare(
    objective: Option<Period>,
    actual: Option<Period>,
    so_far: Option<Period>,
    proven: bool,
    over: bool,
) -> Measured {
    let beyond = |long: Period, short: Period| long.as_millis().saturating_sub(short.as_millis());
    let (result, margin) = match (objective, actual, so_far) {
        (Some(limit), _, Some(time)) if time > limit => (ObjectiveResult::Missed, Some(beyond(time, limit))),
        (Some(limit), Some(time), _) if proven => (ObjectiveResult::Met, Some(beyond(limit, time))),
        (None, Some(_), _) => (ObjectiveResult::NoObjective, None),
        _ if over => (ObjectiveResult::NotAchieved, None),
        (None, None, _) => (ObjectiveResult::NoObjective, None),
        _ => (ObjectiveResult::Pending, None),
    };
    Measured {
        objective,
        actual,
        actual_ms: actual.map(Period::as_millis),
        result,
        margin: margin.map(Period::from_millis),
    }
}

fn counts(steps: &[StepSummary]) -> CheckCounts {
    let mut counts = CheckCounts::default();
    for (step, check) in steps.iter().flat_map(|step| step.checks.iter().map(move |check| (step, check))) {
        counts.total += 1;
        counts.rows = counts.rows.saturating_add(check.rows.unwrap_or(0));
        let required = step.required && check.required;
        counts.required += u32::from(required);
        match check.status {
            CheckResult::Passed => {
                counts.passed += 1;
                counts.required_passed += u32::from(required);
            }
            CheckResult::Failed => counts.failed += 1,
            CheckResult::Error => counts.errors += 1,
            CheckResult::NotRun => counts.not_run += 1,
        }
    }
    counts
}
