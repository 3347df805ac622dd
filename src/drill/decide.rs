//! What is wanted now: the whole set, from the state and the moment alone.
//!
//! The engine compares it with what is under way: it begins what is new, goes on with what is wanted still, and
//! drops what is not. A crash changes nothing: the same state wants the same things.

use super::{
    Approval, Claim, ClaimStage, ClaimState, Event, Fault, FaultClass, Hydration, Outputs, Phase, RunState,
    StepKind, StepState, StepStatus, TeardownReason, Verdict,
};
use crate::{
    ids::{ClaimId, StepId},
    time::{Period, Timestamp},
};

/// Something wanted now.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Look at the guardrails and the preflight.
    Preflight,
    /// Choose the recovery point of a restore, and lay its chain down.
    ChoosePoint {
        /// The step.
        step: StepId,
    },
    /// Make a claim, whose intent is journaled.
    Acquire {
        /// The claim.
        claim: ClaimId,
    },
    /// Look how a claim is, again and again.
    Observe {
        /// The claim.
        claim: ClaimId,
    },
    /// Make a check.
    Check {
        /// The step.
        step: StepId,
        /// The check's name.
        check: String,
    },
    /// Run the command of a step.
    RunCommand {
        /// The step.
        step: StepId,
    },
    /// Remove a claim, whose removal's intent is journaled.
    Release {
        /// The claim.
        claim: ClaimId,
    },
    /// Journal this.
    Record(Box<Event>),
    /// Decide again at that moment.
    WakeAt(Timestamp),
}

/// A removal that was taken but shows no effect is asked for again after this long: the request may have been lost.
const RELEASE_AGAIN: Period = Period::from_secs(120);

/// Everything that is wanted at `now`.
pub fn decide(state: &RunState, now: Timestamp) -> Vec<Command> {
    let mut wanted = Wanted { state, now, commands: Vec::new() };
    match state.phase() {
        Phase::Finished { .. } => {}
        Phase::Declared if state.abort.is_some() => wanted.teardown(TeardownReason::Aborted),
        Phase::Declared => wanted.commands.push(Command::Preflight),
        Phase::Refused { .. } => wanted.finish(),
        Phase::Running => wanted.running(),
        Phase::Keeping { until } => wanted.keeping(*until),
        Phase::TearingDown => wanted.tearing_down(),
    }
    wanted.commands
}

struct Wanted<'a> {
    state: &'a RunState,
    now: Timestamp,
    commands: Vec<Command>,
}

impl Wanted<'_> {
    fn record(&mut self, event: Event) {
        self.commands.push(Command::Record(Box::new(event)));
    }

    /// True once `at` has come; otherwise asks to be woken then.
    fn due(&mut self, at: Timestamp) -> bool {
        if self.now >= at {
            return true;
        }
        self.commands.push(Command::WakeAt(at));
        false
    }

    fn teardown(&mut self, reason: TeardownReason) {
        self.record(Event::TeardownBegan { reason });
    }

    fn finish(&mut self) {
        let state = self.state;
        self.record(Event::Finished {
            verdict: state.verdict(),
            teardown: state.teardown(),
            reasons: state.reasons(),
        });
    }

    fn running(&mut self) {
        let state = self.state;
        if state.abort.is_some() {
            return self.teardown(TeardownReason::Aborted);
        }
        if state.all_settled() {
            return self.settled();
        }
        if self.due(state.deadline()) {
            return self.teardown(TeardownReason::MaxDuration);
        }
        for step in &state.steps {
            match step.status {
                StepStatus::Waiting => self.waiting(step),
                StepStatus::Running => self.under_way(step),
                StepStatus::Backoff(until) => self.backoff(step, until),
                StepStatus::Succeeded | StepStatus::Failed | StepStatus::Skipped => {}
            }
        }
        let loading = state
            .claims
            .iter()
            .filter(|claim| claim.stage == ClaimStage::Ready && claim.hydration == Some(Hydration::Loading));
        self.commands.extend(loading.map(|claim| Command::Observe { claim: claim.id().clone() }));
    }

    /// Every step is settled: keep what was restored for a person to look at, or tear down.
    fn settled(&mut self) {
        let state = self.state;
        let held = state.claims.iter().any(|claim| !claim.stage.is_settled());
        let failed = matches!(state.verdict(), Verdict::Failed | Verdict::SurroundingsFailed);
        match state.declaration.limits.keep_on_failure {
            Some(keep) if failed && held => self.record(Event::KeptUntil { until: self.now + keep }),
            _ => self.teardown(TeardownReason::Completed),
        }
    }

    fn keeping(&mut self, until: Timestamp) {
        if self.state.abort.is_some() {
            self.teardown(TeardownReason::Aborted);
        } else if self.due(until) {
            self.teardown(TeardownReason::KeepEnded);
        }
    }

    fn waiting(&mut self, step: &StepState) {
        let state = self.state;
        if state.is_ready(step.id()) {
            return self.record(Event::StepStarted { step: step.id().clone(), attempt: 1 });
        }
        let lost = step.outline.needs.iter().find(|need| {
            state
                .step(need)
                .is_some_and(|need| matches!(need.status, StepStatus::Failed | StepStatus::Skipped))
        });
        if let Some(need) = lost {
            let because = format!("it needs {need}, which did not succeed");
            self.record(Event::StepSkipped { step: step.id().clone(), because });
        }
    }

    fn under_way(&mut self, step: &StepState) {
        let asked_until = match step.approval {
            Approval::Asked { until } => until,
            _ => None,
        };
        let limit = step.outline.timeout.zip(step.started).map(|(timeout, started)| started + timeout);
        if let Some(limit) = limit.into_iter().chain(asked_until).min()
            && self.due(limit)
        {
            let what = if asked_until.is_some() { "nobody answered" } else { "not done" };
            let after = limit.since(step.started.unwrap_or(limit)).human();
            return self.fail(step, Fault::new(FaultClass::Timeout, format!("{what} within {after}")));
        }
        match step.outline.kind {
            StepKind::Restore(_) => self.restore(step),
            StepKind::Verify => self.checks(step, Outputs::new()),
            StepKind::Run => self.commands.push(Command::RunCommand { step: step.id().clone() }),
            StepKind::Approve => self.approval(step),
        }
    }

    fn approval(&mut self, step: &StepState) {
        let id = step.id().clone();
        match step.approval {
            Approval::NotAsked => {
                let question = step.outline.question.clone().unwrap_or_default();
                let until = step.outline.timeout.map(|timeout| self.now + timeout);
                self.record(Event::ApprovalRequested { step: id, question, until });
            }
            Approval::Asked { .. } => {}
            Approval::Answered(true) => {
                self.record(Event::StepSucceeded { step: id, outputs: Outputs::new() })
            }
            Approval::Answered(false) => {
                self.fail(step, Fault::new(FaultClass::Permanent, "a person answered no"));
            }
        }
    }

    /// The chain of a restore: each link is acquired once the one before is ready.
    fn restore(&mut self, step: &StepState) {
        let state = self.state;
        let Some(chosen) = &step.chosen else {
            return self.commands.push(Command::ChoosePoint { step: step.id().clone() });
        };
        for link in &chosen.chain {
            let id = ClaimId::new(step.id(), step.attempt, &link.kind);
            let Some(claim) = state.claim(&id) else {
                let StepKind::Restore(source) = step.outline.kind else { return };
                let (run, attempt) = (state.declaration.run, step.attempt);
                let (step, link, expires) = (step.id().clone(), link.clone(), state.expiry());
                return self.record(Event::ClaimIntended {
                    claim: Claim { id, run, step, attempt, source, link, expires },
                });
            };
            match claim.stage {
                ClaimStage::Ready => {}
                ClaimStage::Intended(Some(at)) if !self.due(at) => return,
                ClaimStage::Intended(_) => return self.commands.push(Command::Acquire { claim: id }),
                ClaimStage::Acquired => return self.commands.push(Command::Observe { claim: id }),
                // Its fault is journaled together with this stage.
                _ => return,
            }
        }
        self.checks(step, state.restore_outputs(step));
    }

    /// The checks of a step, so many at a time; then its end.
    fn checks(&mut self, step: &StepState, outputs: Outputs) {
        let due: Vec<_> =
            step.outline.checks.iter().filter(|(name, _)| !step.checks.contains_key(name)).collect();
        if due.is_empty() {
            return match step.check_fault() {
                Some(fault) => self.fail(step, fault),
                None => self.record(Event::StepSucceeded { step: step.id().clone(), outputs }),
            };
        }
        let at_once = usize::try_from(step.outline.parallel.max(1)).unwrap_or(1);
        self.commands.extend(
            due.into_iter()
                .take(at_once)
                .map(|(name, _)| Command::Check { step: step.id().clone(), check: name.clone() }),
        );
    }

    fn fail(&mut self, step: &StepState, fault: Fault) {
        self.commands
            .retain(|command| !matches!(command, Command::Check { step: of, .. } if of == step.id()));
        let event = self.state.attempt_failed(step.id(), fault, self.now);
        self.record(event);
    }

    /// Before the next attempt, what the last one made is removed.
    fn backoff(&mut self, step: &StepState, until: Timestamp) {
        let state = self.state;
        let held: Vec<_> = state.held_by(step.id()).collect();
        if held.is_empty() {
            if self.due(until) {
                let attempt = step.attempt + 1;
                self.record(Event::StepStarted { step: step.id().clone(), attempt });
            }
            return;
        }
        self.remove(held.into_iter());
    }

    fn tearing_down(&mut self) {
        let state = self.state;
        if state.claims.iter().all(|claim| claim.stage.is_settled()) {
            return self.finish();
        }
        self.remove(state.claims.iter().rev());
    }

    /// Removes claims on which nothing rests any more, in parallel where nothing orders them.
    fn remove<'b>(&mut self, claims: impl Iterator<Item = &'b ClaimState>) {
        let state = self.state;
        for claim in claims.filter(|claim| !claim.stage.is_settled() && state.may_release(claim)) {
            let id = claim.id().clone();
            let patience = claim.removal_tried_since().map(|since| since + state.declaration.limits.teardown);
            if let Some(patience) = patience
                && self.due(patience)
            {
                let reason = state.leak_reason(claim, "it was not observed absent in time");
                self.record(Event::ClaimLeaked { claim: id, reason });
                continue;
            }
            let tries = claim.release_tries + 1;
            match claim.stage {
                ClaimStage::Releasing(Some(at)) => {
                    if self.due(at) {
                        self.record(Event::ReleaseIntended { claim: id, tries });
                    }
                }
                ClaimStage::Releasing(None) => self.commands.push(Command::Release { claim: id }),
                ClaimStage::Accepted(at) => {
                    let again = claim.absence_counts_from().map_or(at, |from| from.max(at)) + RELEASE_AGAIN;
                    if self.due(again) {
                        self.record(Event::ReleaseIntended { claim: id, tries });
                    } else {
                        self.commands.push(Command::Observe { claim: id });
                    }
                }
                _ => self.record(Event::ReleaseIntended { claim: id, tries }),
            }
        }
    }
}

impl RunState {
    /// Whether all that a step needs has succeeded.
    pub(super) fn is_ready(&self, id: &StepId) -> bool {
        self.step(id).is_some_and(|step| {
            let done = |need| self.step(need).is_some_and(|need| need.status == StepStatus::Succeeded);
            step.outline.needs.iter().all(done)
        })
    }

    /// The claims of a step that are not settled, the last made first.
    pub(super) fn held_by(&self, id: &StepId) -> impl Iterator<Item = &ClaimState> {
        self.claims.iter().rev().filter(move |claim| &claim.claim.step == id && !claim.stage.is_settled())
    }

    /// Whether a claim may be removed now.
    pub(super) fn may_release(&self, claim: &ClaimState) -> bool {
        let over = match self.phase {
            Phase::TearingDown => true,
            Phase::Running => {
                self.step(&claim.claim.step).is_some_and(|step| matches!(step.status, StepStatus::Backoff(_)))
            }
            _ => false,
        };
        let free =
            |other: &ClaimState| other.stage.is_settled() || !self.rests_on(&other.claim, &claim.claim);
        over && !claim.stage.is_settled() && self.claims.iter().all(free)
    }

    /// Whether the chain of a restore step is ready from end to end.
    pub(super) fn restored(&self, id: &StepId) -> bool {
        let Some(step) = self.step(id) else { return false };
        let ready = |link: &super::Link| {
            let claim = self.claim(&ClaimId::new(id, step.attempt, &link.kind));
            claim.is_some_and(|claim| claim.stage == ClaimStage::Ready)
        };
        step.chosen.as_ref().is_some_and(|chosen| chosen.chain.iter().all(ready))
    }

    /// What a restore gives: what its claims give, the later ones winning, and its recovery point.
    pub fn restore_outputs(&self, step: &StepState) -> Outputs {
        let mine = |claim: &&ClaimState| {
            &claim.claim.step == step.id()
                && claim.claim.attempt == step.attempt
                && claim.stage == ClaimStage::Ready
        };
        let mut outputs: Outputs =
            self.claims.iter().filter(mine).flat_map(|claim| claim.outputs.clone()).collect();
        if let Some(chosen) = &step.chosen {
            outputs.insert("recovery_point.id".to_owned(), chosen.point.id.clone());
            outputs.insert("recovery_point.time".to_owned(), chosen.point.time.to_string());
        }
        outputs
    }
}
