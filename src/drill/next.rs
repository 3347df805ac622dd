//! Every legal move of a run, in one match. What is not listed is illegal: the journal is damaged or the engine is wrong.

use super::{
    Approval, Chosen, ClaimStage, ClaimState, Entry, Event, Fault, FaultClass, Hydration, Phase, RunState,
    StepState, StepStatus, TeardownReason,
};
use crate::{
    ids::{ClaimId, StepId},
    time::Timestamp,
};

/// An event that can't follow what came before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} is not legal there: {why}")]
pub struct IllegalEvent {
    /// The entry.
    pub seq: u64,
    /// Why.
    pub why: String,
}

impl IllegalEvent {
    pub(super) fn empty() -> Self {
        Self { seq: 0, why: "a run has at least its declaration".to_owned() }
    }
}

impl RunState {
    /// The state right after a run's first entry.
    pub fn begin(first: &Entry) -> Result<Self, IllegalEvent> {
        let Event::Declared(declaration) = &first.event else {
            return Err(IllegalEvent { seq: first.seq, why: "a run begins with its declaration".to_owned() });
        };
        if first.seq != 1 {
            return Err(IllegalEvent { seq: first.seq, why: "the first entry has number 1".to_owned() });
        }
        let steps = declaration.steps.iter().map(|outline| StepState {
            outline: outline.clone(),
            status: StepStatus::Waiting,
            attempt: 0,
            started: None,
            ended: None,
            chosen: None,
            checks: Default::default(),
            approval: Approval::NotAsked,
            outputs: Default::default(),
            fault: None,
            stopped: false,
        });
        Ok(Self {
            steps: steps.collect(),
            declaration: declaration.as_ref().clone(),
            declared: first.at,
            entries: 1,
            last: first.at,
            phase: Phase::Declared,
            claims: Vec::new(),
            abort: None,
            cut_short: None,
        })
    }
}

/// The state after `entry`, or why it can't follow.
pub fn next(mut state: RunState, entry: &Entry) -> Result<RunState, IllegalEvent> {
    let illegal = |why: String| IllegalEvent { seq: entry.seq, why };
    if entry.seq != state.entries + 1 {
        return Err(illegal(format!("number {} was expected", state.entries + 1)));
    }
    if entry.at < state.last {
        return Err(illegal("its time is before the entry before it".to_owned()));
    }
    state.apply(&entry.event, entry.at).map_err(illegal)?;
    state.entries = entry.seq;
    state.last = entry.at;
    Ok(state)
}

/// `Ok` or the words for why not.
fn must(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

impl RunState {
    fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), String> {
        must(!matches!(self.phase, Phase::Finished { .. }), || "the run is over".to_owned())?;
        match event {
            Event::Declared(_) => Err("a run is declared once".to_owned()),
            Event::ClockStepped { millis } if *millis < 0 => Ok(()),
            Event::Resumed { .. } | Event::ClockStepped { .. } => {
                self.claims.iter_mut().for_each(|claim| claim.time_lost = Some(at));
                Ok(())
            }
            Event::Cleared { .. } => {
                must(self.phase == Phase::Declared, || "the run is past its preflight".to_owned())?;
                self.phase = Phase::Running;
                Ok(())
            }
            Event::Refused { reasons, surroundings } => {
                must(self.phase == Phase::Declared, || "the run is past its preflight".to_owned())?;
                self.phase = Phase::Refused { reasons: reasons.clone(), surroundings: *surroundings };
                Ok(())
            }
            Event::StepStarted { step, attempt } => self.step_started(step, *attempt, at),
            Event::PointChosen { step, attempt, point, chain, .. } => {
                let step = self.running(step, *attempt)?;
                must(step.chosen.is_none(), || format!("step {} has chosen already", step.id()))?;
                step.chosen = Some(Chosen { point: point.clone(), chain: chain.clone() });
                Ok(())
            }
            Event::ClaimIntended { claim } => {
                let known = self.claims.iter().any(|known| known.id() == &claim.id);
                must(!known, || format!("claim {} is intended twice", claim.id))?;
                let step = self.running(&claim.step, claim.attempt)?;
                let planned = step.chosen.as_ref().is_some_and(|chosen| chosen.chain.contains(&claim.link));
                must(planned, || format!("claim {} is not of the chosen chain", claim.id))?;
                self.claims.push(ClaimState {
                    claim: claim.clone(),
                    stage: ClaimStage::Intended(None),
                    acquire_tries: 0,
                    acquired: None,
                    ready: None,
                    outputs: Default::default(),
                    hydration: None,
                    release_began: None,
                    time_lost: None,
                    release_tries: 0,
                });
                Ok(())
            }
            Event::ClaimAcquired { claim, .. } => {
                let claim = self.claim_at(claim, |stage| matches!(stage, ClaimStage::Intended(_)))?;
                claim.stage = ClaimStage::Acquired;
                claim.acquired = Some(at);
                Ok(())
            }
            Event::AcquireFailed { claim, tries, retry_at, .. } => {
                let claim = self.claim_at(claim, |stage| matches!(stage, ClaimStage::Intended(_)))?;
                must(*tries == claim.acquire_tries + 1, || {
                    format!("try {} was expected", claim.acquire_tries + 1)
                })?;
                claim.acquire_tries = *tries;
                claim.stage = match retry_at {
                    Some(when) => ClaimStage::Intended(Some(*when)),
                    None => ClaimStage::Broken,
                };
                Ok(())
            }
            Event::ClaimReady { claim, outputs, hydration } => {
                let claim = self.claim_at(claim, |stage| stage == ClaimStage::Acquired)?;
                claim.stage = ClaimStage::Ready;
                claim.ready = Some(at);
                claim.outputs = outputs.clone();
                claim.hydration = Some(*hydration);
                Ok(())
            }
            Event::ClaimBroken { claim, .. } => {
                let stages = |stage| matches!(stage, ClaimStage::Acquired | ClaimStage::Ready);
                self.claim_at(claim, stages)?.stage = ClaimStage::Broken;
                Ok(())
            }
            Event::ClaimHydrated { claim } => {
                let claim = self.claim_at(claim, |stage| stage == ClaimStage::Ready)?;
                must(claim.hydration == Some(Hydration::Loading), || "it was not loading".to_owned())?;
                claim.hydration = Some(Hydration::Complete);
                Ok(())
            }
            Event::CheckFinished { step, attempt, check, outcome } => {
                let step = self.running(step, *attempt)?;
                let known = step.outline.checks.iter().any(|(name, _)| name == check);
                must(known && !step.checks.contains_key(check), || format!("check `{check}` is not due"))?;
                step.checks.insert(check.clone(), (at, outcome.clone()));
                Ok(())
            }
            Event::StepSucceeded { step, outputs } => self.step_succeeded(step, outputs, at),
            Event::AttemptFailed { step, attempt, fault, retry_at } => {
                let step = self.running(step, *attempt)?;
                step.fault = Some(fault.clone());
                match retry_at {
                    Some(when) => step.status = StepStatus::Backoff(*when),
                    None => {
                        step.status = StepStatus::Failed;
                        step.ended = Some(at);
                    }
                }
                Ok(())
            }
            Event::StepSkipped { step, .. } => {
                must(self.phase == Phase::Running, || "steps are skipped while the run runs".to_owned())?;
                let step = self.step_mut(step)?;
                must(step.status == StepStatus::Waiting, || format!("step {} has started", step.id()))?;
                step.status = StepStatus::Skipped;
                step.ended = Some(at);
                Ok(())
            }
            Event::ApprovalRequested { step, until, .. } => {
                let step = self.approving(step, |approval| approval == Approval::NotAsked)?;
                step.approval = Approval::Asked { until: *until };
                Ok(())
            }
            Event::ApprovalAnswered { step, approved, .. } => {
                let step = self.approving(step, |approval| matches!(approval, Approval::Asked { .. }))?;
                step.approval = Approval::Answered(*approved);
                Ok(())
            }
            Event::AbortRequested { by, .. } => {
                must(self.abort.is_none(), || "an abort was asked for already".to_owned())?;
                self.abort = Some(by.clone());
                Ok(())
            }
            Event::KeptUntil { until } => {
                let fits = self.phase == Phase::Running && self.all_settled();
                must(fits, || "a run is kept once its steps are settled".to_owned())?;
                self.phase = Phase::Keeping { until: *until };
                Ok(())
            }
            Event::TeardownBegan { reason } => self.teardown_began(*reason, at),
            Event::ReleaseIntended { claim, tries } => {
                let claim = self.releasable(claim)?;
                must(*tries == claim.release_tries + 1, || {
                    format!("try {} was expected", claim.release_tries + 1)
                })?;
                claim.stage = ClaimStage::Releasing(None);
                claim.release_tries = *tries;
                claim.release_began.get_or_insert(at);
                Ok(())
            }
            Event::ReleaseAccepted { claim, .. } => {
                let claim = self.claim_at(claim, |stage| matches!(stage, ClaimStage::Releasing(_)))?;
                claim.stage = ClaimStage::Accepted(at);
                Ok(())
            }
            Event::ReleaseFailed { claim, retry_at, .. } => {
                let claim = self.claim_at(claim, |stage| matches!(stage, ClaimStage::Releasing(_)))?;
                // Without a next try the claim waits for its `ClaimLeaked`, which is journaled in the same breath.
                claim.stage = ClaimStage::Releasing(Some(retry_at.unwrap_or(at)));
                Ok(())
            }
            Event::ClaimRemoved { claim, .. } => {
                let claim = self.claim_at(claim, |stage| matches!(stage, ClaimStage::Accepted(_)))?;
                let believed = claim.absence_counts_from().is_some_and(|from| at >= from);
                must(believed, || "its absence does not count yet".to_owned())?;
                claim.stage = ClaimStage::Removed;
                Ok(())
            }
            Event::ClaimLeaked { claim, .. } => {
                let releasing = |stage| matches!(stage, ClaimStage::Releasing(_) | ClaimStage::Accepted(_));
                self.claim_at(claim, releasing)?.stage = ClaimStage::Leaked;
                Ok(())
            }
            Event::Finished { verdict, teardown, .. } => {
                let fits = matches!(self.phase, Phase::TearingDown | Phase::Refused { .. });
                must(fits, || "a run ends by its teardown or its refusal".to_owned())?;
                let owed = self.claims.iter().find(|claim| !claim.stage.is_settled());
                must(owed.is_none(), || "a claim is neither observed absent nor leaked".to_owned())?;
                must(*verdict == self.verdict(), || format!("the events prove `{}`", self.verdict()))?;
                must(*teardown == self.teardown(), || format!("teardown was {}", self.teardown()))?;
                self.phase = Phase::Finished { verdict: *verdict, teardown: *teardown };
                Ok(())
            }
        }
    }

    fn step_mut(&mut self, id: &StepId) -> Result<&mut StepState, String> {
        self.steps.iter_mut().find(|step| step.id() == id).ok_or_else(|| format!("there is no step {id}"))
    }

    /// The step, if that attempt of it is under way.
    fn running(&mut self, id: &StepId, attempt: u32) -> Result<&mut StepState, String> {
        must(self.phase == Phase::Running, || "steps move while the run runs".to_owned())?;
        let step = self.step_mut(id)?;
        let fits = step.status == StepStatus::Running && step.attempt == attempt;
        must(fits, || format!("attempt {attempt} of step {id} is not under way"))?;
        Ok(step)
    }

    fn approving(&mut self, id: &StepId, fits: impl Fn(Approval) -> bool) -> Result<&mut StepState, String> {
        let attempt = self.step_mut(id)?.attempt;
        let step = self.running(id, attempt)?;
        let is_approval = step.outline.kind == super::StepKind::Approve;
        must(is_approval && fits(step.approval), || format!("step {id} does not wait for that"))?;
        Ok(step)
    }

    fn claim_at(
        &mut self,
        id: &ClaimId,
        fits: impl Fn(ClaimStage) -> bool,
    ) -> Result<&mut ClaimState, String> {
        let claim = self
            .claims
            .iter_mut()
            .find(|claim| claim.id() == id)
            .ok_or_else(|| format!("there is no claim {id}"))?;
        must(fits(claim.stage), || format!("claim {id} is {:?}", claim.stage))?;
        Ok(claim)
    }

    /// A claim that may be removed now: the run is tearing down or its attempt has failed, and nothing rests on it.
    fn releasable(&mut self, id: &ClaimId) -> Result<&mut ClaimState, String> {
        let this = self.claims.iter().find(|claim| claim.id() == id);
        let this = this.ok_or_else(|| format!("there is no claim {id}"))?;
        must(self.may_release(this), || format!("claim {id} is not to be removed yet"))?;
        self.claim_at(id, |stage| !stage.is_settled())
    }

    fn step_started(&mut self, id: &StepId, attempt: u32, at: Timestamp) -> Result<(), String> {
        must(self.phase == Phase::Running, || "steps start while the run runs".to_owned())?;
        let ready = self.is_ready(id);
        let free = !self.claims.iter().any(|claim| &claim.claim.step == id && !claim.stage.is_settled());
        let step = self.step_mut(id)?;
        match step.status {
            StepStatus::Waiting => must(ready, || format!("step {id} needs steps that have not succeeded"))?,
            StepStatus::Backoff(until) => must(free && at >= until, || format!("step {id} must wait"))?,
            _ => return Err(format!("step {id} is {:?}", step.status)),
        }
        must(attempt == step.attempt + 1, || format!("attempt {} was expected", step.attempt + 1))?;
        step.status = StepStatus::Running;
        step.attempt = attempt;
        step.started = Some(at);
        step.chosen = None;
        step.checks.clear();
        step.approval = Approval::NotAsked;
        Ok(())
    }

    fn step_succeeded(&mut self, id: &StepId, outputs: &super::Outputs, at: Timestamp) -> Result<(), String> {
        let attempt = self.step_mut(id)?.attempt;
        let restored = self.restored(id);
        let step = self.running(id, attempt)?;
        must(step.required_checks_passed(), || format!("a required check of step {id} has not passed"))?;
        must(step.all_checks_ended(), || format!("a check of step {id} has not ended"))?;
        match step.outline.kind {
            super::StepKind::Restore(_) => must(restored, || format!("the chain of step {id} is not ready"))?,
            super::StepKind::Approve => {
                let yes = step.approval == Approval::Answered(true);
                must(yes, || format!("nobody approved step {id}"))?;
            }
            super::StepKind::Verify | super::StepKind::Run => {}
        }
        step.status = StepStatus::Succeeded;
        step.outputs = outputs.clone();
        step.ended = Some(at);
        Ok(())
    }

    fn teardown_began(&mut self, reason: TeardownReason, at: Timestamp) -> Result<(), String> {
        let settled = self.all_settled();
        match (&self.phase, reason) {
            (Phase::Running, TeardownReason::Completed) if settled => {}
            (Phase::Running, TeardownReason::MaxDuration) if at >= self.deadline() => {}
            (Phase::Declared | Phase::Running, TeardownReason::Aborted) if self.abort.is_some() => {}
            (Phase::Keeping { .. }, TeardownReason::Aborted) if self.abort.is_some() => {}
            (Phase::Keeping { until }, TeardownReason::KeepEnded) if at >= *until => {}
            (phase, reason) => return Err(format!("{reason:?} does not end {phase:?}")),
        }
        if !settled {
            self.cut_short = Some(reason);
            let fault = match reason {
                TeardownReason::MaxDuration => Fault::new(
                    FaultClass::Timeout,
                    format!(
                        "not done within the run's max_duration of {}",
                        self.declaration.limits.max_duration
                    ),
                ),
                _ => Fault::new(FaultClass::Permanent, "stopped on request before it was done"),
            };
            for step in self.steps.iter_mut().filter(|step| !step.is_settled()) {
                step.status = match step.status {
                    StepStatus::Waiting => StepStatus::Skipped,
                    _ => StepStatus::Failed,
                };
                step.ended = Some(at);
                step.fault = Some(fault.clone());
                step.stopped = reason == TeardownReason::Aborted;
            }
        }
        self.phase = Phase::TearingDown;
        Ok(())
    }
}
