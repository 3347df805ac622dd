//! When each thing happened: one pass over the entries, which [`fold`](crate::drill::fold) has found legal.
//!
//! The run's state knows how things stand; this knows how they came to stand so, attempt by attempt.

use super::{AbortSummary, ClockStep};
use crate::{
    drill::{Candidate, Claim, Entry, Event, Fault, Hydration, RecoveryPoint, TeardownReason},
    ids::{ClaimId, StepId},
    time::Timestamp,
};
use std::collections::BTreeMap;

/// What happened when.
pub(super) struct History<'a> {
    pub declared: Timestamp,
    pub cleared: Option<Timestamp>,
    pub facts: &'a [String],
    pub refused: Option<Timestamp>,
    pub teardown: Option<(Timestamp, TeardownReason)>,
    /// When the keeping began, and until when it lasts.
    pub kept: Option<(Timestamp, Timestamp)>,
    pub finished: Option<(Timestamp, &'a [String])>,
    pub abort: Option<AbortSummary>,
    /// From when until when nobody drove the run, and who took it up.
    pub interrupted: Vec<(Timestamp, Timestamp, &'a str)>,
    pub clock_steps: Vec<ClockStep>,
    pub attempts: BTreeMap<&'a StepId, Vec<Attempt<'a>>>,
    pub skipped: BTreeMap<&'a StepId, &'a str>,
    pub claims: Vec<ClaimHistory<'a>>,
}

/// An attempt at a step.
pub(super) struct Attempt<'a> {
    pub number: u32,
    pub started: Timestamp,
    pub chosen: Option<Choice<'a>>,
    pub asked: Option<(Timestamp, &'a str, Option<Timestamp>)>,
    pub answered: Option<(Timestamp, bool, &'a str, Option<&'a str>)>,
    pub ended: Option<Timestamp>,
    pub fault: Option<&'a Fault>,
    pub retry_at: Option<Timestamp>,
}

/// The choice of a recovery point.
pub(super) struct Choice<'a> {
    pub at: Timestamp,
    pub point: &'a RecoveryPoint,
    pub considered: &'a [Candidate],
    pub total: u64,
    pub because: &'a str,
    pub links: usize,
}

/// What became of a claim.
pub(super) struct ClaimHistory<'a> {
    pub claim: &'a Claim,
    pub intended: Timestamp,
    pub acquired: Option<Timestamp>,
    pub ready: Option<Timestamp>,
    pub hydration: Option<Hydration>,
    pub hydrated: Option<Timestamp>,
    pub broken: bool,
    pub release_began: Option<Timestamp>,
    pub release_tries: u32,
    pub removed: Option<(Timestamp, &'a str)>,
    pub leaked: Option<(Timestamp, &'a str)>,
    pub receipts: Vec<&'a str>,
    pub faults: Vec<String>,
}

impl ClaimHistory<'_> {
    /// When nothing more was to be done about it.
    pub fn settled(&self) -> Option<Timestamp> {
        self.removed.map(|(at, _)| at).or(self.leaked.map(|(at, _)| at))
    }
}

impl<'a> History<'a> {
    /// Reads the entries of a run that was declared then.
    pub fn read(declared: Timestamp, entries: &'a [Entry]) -> Self {
        let mut history = Self {
            declared,
            cleared: None,
            facts: &[],
            refused: None,
            teardown: None,
            kept: None,
            finished: None,
            abort: None,
            interrupted: Vec::new(),
            clock_steps: Vec::new(),
            attempts: BTreeMap::new(),
            skipped: BTreeMap::new(),
            claims: Vec::new(),
        };
        for (index, entry) in entries.iter().enumerate() {
            history.take(&entries[..index], entry);
        }
        history
    }

    /// The attempts of a step, in order.
    pub fn of(&self, id: &StepId) -> &[Attempt<'a>] {
        self.attempts.get(id).map_or(&[], Vec::as_slice)
    }

    /// The claims of one attempt, in the order of the chain.
    pub fn claims_of<'b>(
        &'b self,
        step: &'b StepId,
        attempt: u32,
    ) -> impl Iterator<Item = &'b ClaimHistory<'a>> {
        self.claims.iter().filter(move |c| &c.claim.step == step && c.claim.attempt == attempt)
    }

    /// When the whole chain of an attempt was ready.
    pub fn available(&self, step: &StepId, attempt: &Attempt<'a>) -> Option<Timestamp> {
        let links = attempt.chosen.as_ref()?.links;
        let ready: Vec<_> = self.claims_of(step, attempt.number).filter_map(|claim| claim.ready).collect();
        if ready.len() < links {
            return None;
        }
        ready.into_iter().max().or(attempt.chosen.as_ref().map(|chosen| chosen.at))
    }

    fn last_attempt(&mut self, step: &StepId) -> Option<&mut Attempt<'a>> {
        self.attempts.get_mut(step).and_then(|attempts| attempts.last_mut())
    }

    fn claim(&mut self, id: &ClaimId) -> Option<&mut ClaimHistory<'a>> {
        self.claims.iter_mut().find(|claim| &claim.claim.id == id)
    }

    fn take(&mut self, before: &'a [Entry], entry: &'a Entry) {
        let at = entry.at;
        match &entry.event {
            Event::Resumed { by, .. } => {
                // A clock step found on resuming is of the same moment, not the last sign of life.
                let sign = before
                    .iter()
                    .rev()
                    .find(|e| !(e.at == at && matches!(e.event, Event::ClockStepped { .. })));
                self.interrupted.push((sign.map_or(self.declared, |sign| sign.at), at, by));
            }
            Event::ClockStepped { millis } => self.clock_steps.push(ClockStep { at, millis: *millis }),
            Event::Cleared { facts } => (self.cleared, self.facts) = (Some(at), facts),
            Event::Refused { .. } => self.refused = Some(at),
            Event::AbortRequested { by, reason } => {
                self.abort = Some(AbortSummary { at, by: by.clone(), reason: reason.clone() });
            }
            Event::KeptUntil { until } => self.kept = Some((at, *until)),
            Event::TeardownBegan { reason } => self.teardown = Some((at, *reason)),
            Event::Finished { reasons, .. } => self.finished = Some((at, reasons)),
            Event::StepSkipped { step, because } => {
                self.skipped.insert(step, because);
            }
            Event::Declared(_) | Event::CheckFinished { .. } => {}
            Event::StepStarted { .. }
            | Event::PointChosen { .. }
            | Event::StepSucceeded { .. }
            | Event::AttemptFailed { .. }
            | Event::ApprovalRequested { .. }
            | Event::ApprovalAnswered { .. } => self.take_step(at, &entry.event),
            _ => self.take_claim(at, &entry.event),
        }
    }

    fn take_step(&mut self, at: Timestamp, event: &'a Event) {
        if let Event::StepStarted { step, attempt } = event {
            self.attempts.entry(step).or_default().push(Attempt {
                number: *attempt,
                started: at,
                chosen: None,
                asked: None,
                answered: None,
                ended: None,
                fault: None,
                retry_at: None,
            });
            return;
        }
        let step = match event {
            Event::PointChosen { step, .. }
            | Event::StepSucceeded { step, .. }
            | Event::AttemptFailed { step, .. }
            | Event::ApprovalRequested { step, .. }
            | Event::ApprovalAnswered { step, .. } => step,
            _ => return,
        };
        let Some(attempt) = self.last_attempt(step) else { return };
        match event {
            Event::PointChosen { point, considered, considered_total, because, chain, .. } => {
                let (total, links) = (*considered_total, chain.len());
                attempt.chosen = Some(Choice { at, point, considered, total, because, links });
            }
            Event::StepSucceeded { .. } => attempt.ended = Some(at),
            Event::AttemptFailed { fault, retry_at, .. } => {
                attempt.ended = Some(at);
                attempt.fault = Some(fault);
                attempt.retry_at = *retry_at;
            }
            Event::ApprovalRequested { question, until, .. } => attempt.asked = Some((at, question, *until)),
            Event::ApprovalAnswered { approved, by, note, .. } => {
                attempt.answered = Some((at, *approved, by, note.as_deref()));
            }
            _ => {}
        }
    }

    fn take_claim(&mut self, at: Timestamp, event: &'a Event) {
        if let Event::ClaimIntended { claim } = event {
            self.claims.push(ClaimHistory {
                claim,
                intended: at,
                acquired: None,
                ready: None,
                hydration: None,
                hydrated: None,
                broken: false,
                release_began: None,
                release_tries: 0,
                removed: None,
                leaked: None,
                receipts: Vec::new(),
                faults: Vec::new(),
            });
            return;
        }
        let (Event::ClaimAcquired { claim, .. }
        | Event::AcquireFailed { claim, .. }
        | Event::ClaimReady { claim, .. }
        | Event::ClaimBroken { claim, .. }
        | Event::ClaimHydrated { claim }
        | Event::ReleaseIntended { claim, .. }
        | Event::ReleaseAccepted { claim, .. }
        | Event::ReleaseFailed { claim, .. }
        | Event::ClaimRemoved { claim, .. }
        | Event::ClaimLeaked { claim, .. }) = event
        else {
            return;
        };
        let Some(it) = self.claim(claim) else { return };
        match event {
            Event::ClaimAcquired { receipts, .. } => {
                it.acquired = Some(at);
                it.receipts.extend(receipts.iter().map(String::as_str));
            }
            Event::AcquireFailed { tries, fault, retry_at, .. } => {
                it.broken = retry_at.is_none();
                it.faults.push(format!("try {tries} to make it failed: {fault}"));
            }
            Event::ClaimReady { hydration, .. } => {
                it.ready = Some(at);
                it.hydration = Some(*hydration);
                it.hydrated = (*hydration == Hydration::Complete).then_some(at);
            }
            Event::ClaimBroken { reason, .. } => {
                it.broken = true;
                it.faults.push(format!("broken: {reason}"));
            }
            Event::ClaimHydrated { .. } => {
                (it.hydration, it.hydrated) = (Some(Hydration::Complete), Some(at));
            }
            Event::ReleaseIntended { tries, .. } => {
                it.release_began.get_or_insert(at);
                it.release_tries = *tries;
            }
            Event::ReleaseAccepted { receipts, .. } => {
                it.receipts.extend(receipts.iter().map(String::as_str));
            }
            Event::ReleaseFailed { tries, fault, .. } => {
                it.faults.push(format!("try {tries} to remove it failed: {fault}"));
            }
            Event::ClaimRemoved { proof, .. } => it.removed = Some((at, proof)),
            Event::ClaimLeaked { reason, .. } => it.leaked = Some((at, reason)),
            _ => {}
        }
    }
}
