//! From the outcome of an activity to the events that say so.

use super::perform::Done;
use crate::{
    drill::{CheckStatus, ClaimStage, ClaimState, Event, Fault, FaultClass, Hydration, RunState},
    ids::ClaimId,
    ports::Observation,
    time::Timestamp,
};

/// The events that follow from `done`; none where nothing has changed.
pub(super) fn absorb(state: &RunState, done: Done, now: Timestamp) -> Vec<Event> {
    match done {
        Done::Looked { facts, refusals, surroundings } => {
            if refusals.is_empty() && surroundings.is_empty() {
                return vec![Event::Cleared { facts }];
            }
            let only_surroundings = refusals.is_empty();
            let reasons = refusals.into_iter().chain(surroundings).collect();
            vec![Event::Refused { reasons, surroundings: only_surroundings }]
        }
        Done::Chosen { step, attempt, result } => match *result {
            Ok((choice, chain)) => vec![Event::PointChosen {
                step,
                attempt,
                point: choice.point,
                considered: choice.considered,
                considered_total: choice.total,
                because: choice.because,
                chain,
            }],
            Err(fault) => vec![state.attempt_failed(&step, fault, now)],
        },
        Done::Acquired { claim, result } => match result {
            Ok(receipts) => vec![Event::ClaimAcquired { claim, receipts }],
            Err(fault) => {
                state.claim(&claim).map(|claim| state.acquire_failed(claim, fault, now)).unwrap_or_default()
            }
        },
        Done::Observed(seen) => {
            // Two claims of one step may be seen broken in one look; the attempt fails once.
            let mut events: Vec<Event> = Vec::new();
            for (claim, observation) in seen {
                for event in observed(state, &claim, observation, now) {
                    let again = matches!(&event, Event::AttemptFailed { step, .. }
                        if events.iter().any(|e| matches!(e, Event::AttemptFailed { step: s, .. } if s == step)));
                    if !again {
                        events.push(event);
                    }
                }
            }
            events
        }
        Done::Checked { step, attempt, check, outcome } => {
            vec![Event::CheckFinished { step, attempt, check, outcome: *outcome }]
        }
        Done::Ran { step, attempt, outcome, outputs, fault } => {
            let verdict = match (&outcome.status, fault) {
                (_, Some(fault)) => Some(fault),
                (CheckStatus::Passed, None) => None,
                (CheckStatus::Error(class), None) => Some(Fault::new(*class, outcome.actual.clone())),
                (CheckStatus::Failed, None) => {
                    let detail = outcome.details.last().map(|d| format!(": {d}")).unwrap_or_default();
                    Some(Fault::new(
                        FaultClass::Permanent,
                        format!(
                            "the command ended with {}, not {}{detail}",
                            outcome.actual, outcome.expected
                        ),
                    ))
                }
            };
            let check = super::perform::EXIT_CODE.to_owned();
            let finished = Event::CheckFinished { step: step.clone(), attempt, check, outcome: *outcome };
            let end = match verdict {
                None => Event::StepSucceeded { step, outputs },
                Some(fault) => state.attempt_failed(&step, fault, now),
            };
            vec![finished, end]
        }
        Done::Released { claim, result } => match result {
            Ok(receipts) => vec![Event::ReleaseAccepted { claim, receipts }],
            Err(fault) => {
                state.claim(&claim).map(|claim| state.release_failed(claim, fault, now)).unwrap_or_default()
            }
        },
    }
}

fn observed(state: &RunState, id: &ClaimId, observation: Observation, now: Timestamp) -> Vec<Event> {
    let Some(claim) = state.claim(id) else { return Vec::new() };
    let believed = claim.absence_counts_from().is_some_and(|from| now >= from);
    match (claim.stage(), observation) {
        (ClaimStage::Acquired, Observation::Ready { outputs, hydration }) => {
            vec![Event::ClaimReady { claim: id.clone(), outputs, hydration }]
        }
        (ClaimStage::Acquired | ClaimStage::Ready, Observation::Broken { reason }) => {
            state.claim_broken(claim, reason, now)
        }
        (ClaimStage::Acquired | ClaimStage::Ready, Observation::Absent { proof }) if believed => {
            state.claim_broken(claim, format!("it is gone, and firedrill did not remove it ({proof})"), now)
        }
        (ClaimStage::Ready, Observation::Ready { hydration, .. }) => hydrated(claim, hydration),
        (ClaimStage::Accepted(_), Observation::Absent { proof }) if believed => {
            vec![Event::ClaimRemoved { claim: id.clone(), proof }]
        }
        _ => Vec::new(),
    }
}

fn hydrated(claim: &ClaimState, hydration: Hydration) -> Vec<Event> {
    let done = claim.hydration() == Some(Hydration::Loading) && hydration == Hydration::Complete;
    if done { vec![Event::ClaimHydrated { claim: claim.id().clone() }] } else { Vec::new() }
}
