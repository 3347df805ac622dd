//! Where a run stands, folded from its events.

use super::{
    CheckOutcome, CheckStatus, Claim, Declaration, Entry, Fault, FaultClass, Hydration, IllegalEvent, Link,
    Outputs, RecoveryPoint, StepOutline, Teardown, TeardownReason, Verdict,
};
use crate::{
    ids::{ClaimId, StepId},
    time::{Period, Timestamp},
};
use std::collections::BTreeMap;

/// Where a run stands. Built by [`fold`] and [`next`](super::next) alone.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    pub(super) declaration: Declaration,
    pub(super) declared: Timestamp,
    pub(super) entries: u64,
    pub(super) last: Timestamp,
    pub(super) phase: Phase,
    pub(super) steps: Vec<StepState>,
    pub(super) claims: Vec<ClaimState>,
    pub(super) abort: Option<String>,
    pub(super) cut_short: Option<TeardownReason>,
}

/// The phases of a run.
///
/// ```text
/// Declared ─ cleared ─> Running ─> [Keeping] ─> TearingDown ─> Finished
///    └────── refused ─> Refused ────────────────────────────────┘
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Declared; guardrails and preflight are looked at.
    Declared,
    /// A guardrail or the preflight said no.
    Refused {
        /// Why.
        reasons: Vec<String>,
        /// The surroundings failed, rather than a rule saying no.
        surroundings: bool,
    },
    /// Steps are under way.
    Running,
    /// It failed, and what was restored is kept for a person to look at.
    Keeping {
        /// The hard end.
        until: Timestamp,
    },
    /// Everything is removed.
    TearingDown,
    /// Over.
    Finished {
        /// What it proved.
        verdict: Verdict,
        /// What it left.
        teardown: Teardown,
    },
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    pub(super) outline: StepOutline,
    pub(super) status: StepStatus,
    pub(super) attempt: u32,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) chosen: Option<Chosen>,
    pub(super) checks: BTreeMap<String, (Timestamp, CheckOutcome)>,
    pub(super) approval: Approval,
    pub(super) outputs: Outputs,
    pub(super) fault: Option<Fault>,
    /// It was under way when the run was stopped on request, and did not fail by itself.
    pub(super) stopped: bool,
}

/// Where a step stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// For the steps that it needs.
    Waiting,
    /// An attempt is under way.
    Running,
    /// An attempt failed; the next begins at this moment, or once the last one's claims are gone.
    Backoff(Timestamp),
    /// Done.
    Succeeded,
    /// Not to be done.
    Failed,
    /// Never started.
    Skipped,
}

/// A chosen recovery point and the chain that restores it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The point.
    pub point: RecoveryPoint,
    /// The chain.
    pub chain: Vec<Link>,
}

/// How far an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Nobody was asked yet.
    NotAsked,
    /// A person was asked.
    Asked {
        /// Until when an answer counts.
        until: Option<Timestamp>,
    },
    /// A person answered.
    Answered(bool),
}

/// Where a claim stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimState {
    pub(super) claim: Claim,
    pub(super) stage: ClaimStage,
    pub(super) acquire_tries: u32,
    pub(super) acquired: Option<Timestamp>,
    pub(super) ready: Option<Timestamp>,
    pub(super) outputs: Outputs,
    pub(super) hydration: Option<Hydration>,
    pub(super) release_began: Option<Timestamp>,
    /// The last moment before which less time may really have passed than the journal says.
    pub(super) time_lost: Option<Timestamp>,
    pub(super) release_tries: u32,
}

/// Where a claim stands, in a word.
///
/// ```text
/// Intended ─> Acquired ─> Ready      any of them ─> Releasing ─> Accepted ─> Removed
///    └───────────┴─────> Broken                        └────┴──────────────> Leaked
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimStage {
    /// It may be made from here on; not before that moment, where the last attempt failed.
    Intended(Option<Timestamp>),
    /// The provider took the request.
    Acquired,
    /// It was observed ready.
    Ready,
    /// It was observed broken, or could not be made.
    Broken,
    /// Its removal was asked for or is about to be; not before that moment, where the last attempt failed.
    Releasing(Option<Timestamp>),
    /// The provider took the request to remove it, at that moment.
    Accepted(Timestamp),
    /// It was observed absent.
    Removed,
    /// It may still be there.
    Leaked,
}

impl ClaimStage {
    /// Whether nothing more is to be done about it.
    pub fn is_settled(self) -> bool {
        matches!(self, ClaimStage::Removed | ClaimStage::Leaked)
    }
}

/// Folds the entries of a run; the first must be its declaration.
pub fn fold(entries: &[Entry]) -> Result<RunState, IllegalEvent> {
    let (first, rest) = entries.split_first().ok_or_else(IllegalEvent::empty)?;
    rest.iter().try_fold(RunState::begin(first)?, super::next)
}

impl RunState {
    /// With what the run was declared.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }
    /// When it was declared.
    pub fn declared(&self) -> Timestamp {
        self.declared
    }
    /// How many entries were folded.
    pub fn entries(&self) -> u64 {
        self.entries
    }
    /// The moment of the last entry.
    pub fn last(&self) -> Timestamp {
        self.last
    }
    /// The phase.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }
    /// The steps, each after all that it needs.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }
    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&StepState> {
        self.steps.iter().find(|step| step.id() == id)
    }
    /// The claims, in the order in which they were intended.
    pub fn claims(&self) -> &[ClaimState] {
        &self.claims
    }
    /// The claim of that name.
    pub fn claim(&self, id: &ClaimId) -> Option<&ClaimState> {
        self.claims.iter().find(|claim| claim.id() == id)
    }
    /// Who wanted the run stopped, if anyone did.
    pub fn abort(&self) -> Option<&str> {
        self.abort.as_deref()
    }
    /// Why teardown began before every step was settled, if it did.
    pub fn cut_short(&self) -> Option<TeardownReason> {
        self.cut_short
    }
    /// The verdict and the teardown's outcome, once the run is over.
    pub fn finished(&self) -> Option<(Verdict, Teardown)> {
        match self.phase {
            Phase::Finished { verdict, teardown } => Some((verdict, teardown)),
            _ => None,
        }
    }
    /// How many claims were given up on.
    pub fn leaked(&self) -> u32 {
        let count = self.claims.iter().filter(|claim| claim.stage == ClaimStage::Leaked).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether `claim` must be gone before `other` may be removed: it was made later in the same chain, or by a
    /// step that needs the other's step.
    pub(super) fn rests_on(&self, claim: &Claim, other: &Claim) -> bool {
        if claim.step == other.step {
            if claim.attempt != other.attempt {
                return false;
            }
            let place = |wanted: &Claim| self.claims.iter().position(|c| c.id() == &wanted.id);
            return place(claim) > place(other);
        }
        self.needs(&claim.step, &other.step)
    }

    /// Whether `step` needs `other`, directly or by others.
    pub fn needs(&self, step: &StepId, other: &StepId) -> bool {
        self.step(step).is_some_and(|step| {
            step.outline.needs.iter().any(|need| need == other || self.needs(need, other))
        })
    }

    /// Until when the run may take, before what is not done has failed.
    pub fn deadline(&self) -> Timestamp {
        self.declared + self.declaration.limits.max_duration
    }

    /// When a new claim of this run expires: past all that the run may take, and an hour for the resumption after a crash.
    pub fn expiry(&self) -> Timestamp {
        let limits = &self.declaration.limits;
        self.deadline()
            + limits.keep_on_failure.unwrap_or_default()
            + limits.teardown
            + Period::from_secs(3600)
    }

    pub(super) fn all_settled(&self) -> bool {
        self.steps.iter().all(|step| step.is_settled())
    }
}

impl StepState {
    /// Its name.
    pub fn id(&self) -> &StepId {
        &self.outline.id
    }
    /// What the playbook says of it.
    pub fn outline(&self) -> &StepOutline {
        &self.outline
    }
    /// Where it stands.
    pub fn status(&self) -> StepStatus {
        self.status
    }
    /// The attempt that is under way or was the last; 0: none yet.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
    /// When its last attempt began.
    pub fn started(&self) -> Option<Timestamp> {
        self.started
    }
    /// When it was settled.
    pub fn ended(&self) -> Option<Timestamp> {
        self.ended
    }
    /// The recovery point of the last attempt, and its chain.
    pub fn chosen(&self) -> Option<&Chosen> {
        self.chosen.as_ref()
    }
    /// The checks of the last attempt that have ended, when and how.
    pub fn checks(&self) -> &BTreeMap<String, (Timestamp, CheckOutcome)> {
        &self.checks
    }
    /// How far its approval is.
    pub fn approval(&self) -> Approval {
        self.approval
    }
    /// What it gave.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }
    /// Why it failed, last.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
    /// Whether it is over.
    pub fn is_settled(&self) -> bool {
        matches!(self.status, StepStatus::Succeeded | StepStatus::Failed | StepStatus::Skipped)
    }
    /// Whether every required check of the last attempt ran and passed.
    pub fn required_checks_passed(&self) -> bool {
        self.outline.checks.iter().filter(|(_, required)| *required).all(|(name, _)| {
            self.checks.get(name).is_some_and(|(_, outcome)| outcome.status == CheckStatus::Passed)
        })
    }
    pub(super) fn all_checks_ended(&self) -> bool {
        self.outline.checks.iter().all(|(name, _)| self.checks.contains_key(name))
    }
    /// Why the last attempt's checks don't let it succeed, if they don't.
    pub(super) fn check_fault(&self) -> Option<Fault> {
        let bad = |wanted: fn(&CheckStatus) -> bool| {
            self.outline.checks.iter().filter(|(_, required)| *required).find_map(|(name, _)| {
                self.checks.get(name).filter(|(_, outcome)| wanted(&outcome.status)).map(|(_, o)| (name, o))
            })
        };
        let words = |name: &str, outcome: &CheckOutcome| {
            let detail = outcome.details.first().map(|detail| format!("; {detail}")).unwrap_or_default();
            format!("check `{name}`: expected {}, found {}{detail}", outcome.expected, outcome.actual)
        };
        if let Some((name, outcome)) = bad(|status| *status == CheckStatus::Failed) {
            return Some(Fault::new(FaultClass::Permanent, words(name, outcome)));
        }
        let (name, outcome) = bad(|status| matches!(status, CheckStatus::Error(_)))?;
        let class = match outcome.status {
            CheckStatus::Error(class) => class,
            CheckStatus::Passed | CheckStatus::Failed => FaultClass::Permanent,
        };
        Some(Fault::new(class, format!("check `{name}` could not be made: {}", outcome.actual)))
    }
}

impl ClaimState {
    /// Its name.
    pub fn id(&self) -> &ClaimId {
        &self.claim.id
    }
    /// The claim itself.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }
    /// Where it stands.
    pub fn stage(&self) -> ClaimStage {
        self.stage
    }
    /// What it gives, once ready.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }
    /// Whether its storage is loaded, once ready.
    pub fn hydration(&self) -> Option<Hydration> {
        self.hydration
    }
    /// How often acquiring it has failed.
    pub fn acquire_tries(&self) -> u32 {
        self.acquire_tries
    }
    /// How often its removal was asked for.
    pub fn release_tries(&self) -> u32 {
        self.release_tries
    }

    /// From when on "it is not there" is believed. A request to make it may still be under way when the run
    /// turns to removing it, and clouds show new things late: the provider's settle time must have passed since
    /// the request was taken or, where that is not known, since the removal began. It is counted anew after a
    /// resumption and after the clock was set forward: there the journal's time runs ahead of the cloud's.
    pub fn absence_counts_from(&self) -> Option<Timestamp> {
        let since = self.acquired.or(self.release_began)?;
        Some(self.time_lost.map_or(since, |lost| lost.max(since)) + self.claim.link.settle)
    }

    /// From when on the removal has been tried, without the time before the last resumption or step of the clock,
    /// in which nobody may have tried.
    pub(super) fn removal_tried_since(&self) -> Option<Timestamp> {
        self.release_began.map(|began| self.time_lost.map_or(began, |lost| lost.max(began)))
    }
}
