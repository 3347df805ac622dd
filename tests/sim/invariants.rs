//! What must hold after every run, whatever went wrong.
//!
//! | invariant | where it is looked at |
//! | --- | --- |
//! | a call that makes or removes follows its journaled intent | `provider.rs`, at the call |
//! | nothing changes outside the scratch scope, nor what is not the run's | `cloud.rs`, at the effect; here |
//! | nothing is made twice | `cloud.rs`, at the effect |
//! | what is journaled as removed is not there | `journal.rs`, at the entry; here |
//! | every entry is legal after those before it, times never go back | `journal.rs`, at the entry; here |
//! | the run ends | `run.rs` |
//! | nothing is left but what is recorded as leaked, and nothing is given up without cause | here |
//! | the verdict is never better than the truth | here |
//! | a person's answer is heeded | here |

use super::{
    cloud::scratch,
    hub::EPOCH,
    run::{Sim, standing},
    scenario::{Does, Scenario, StepSpec},
    truth::Truth,
};
use firedrill::{
    drill::{ClaimStage, Event, FaultClass, RunState, StepStatus, Teardown, Verdict, fold},
    error::Exit,
    ids::ClaimId,
};

/// Looks at all of them; what does not hold is added to the violations.
pub fn check(sim: &Sim) {
    let entries = sim.journal.entries_now();
    let mut wrong = Vec::new();
    match fold(&entries) {
        Err(illegal) => wrong.push(format!("the journal is not legal: {illegal}")),
        Ok(state) => {
            if sim.journal.lock().folded.as_ref() != Some(&state) {
                wrong.push("folding the whole differs from folding step by step".to_owned());
            }
            world(sim, &state, &mut wrong);
            leaks(sim, &state, &mut wrong);
            answers(sim, &mut wrong);
            let truth = &sim.hub.lock().truth;
            match state.finished() {
                None => wrong.push("the run is not over".to_owned()),
                Some((verdict, teardown)) => {
                    exit_code(verdict, teardown, &mut wrong);
                    if (teardown == Teardown::Clean) != (state.leaked() == 0) {
                        wrong.push(format!("teardown is {teardown}, with {} leaked", state.leaked()));
                    }
                    verdict_is_true(&sim.scenario, truth, &state, verdict, &mut wrong);
                }
            }
        }
    }
    sim.hub.lock().violations.extend(wrong);
}

/// What a script sees: 0 only for a clean pass, 5 whenever something may be left.
fn exit_code(verdict: Verdict, teardown: Teardown, wrong: &mut Vec<String>) {
    let exit = Exit::of(verdict, teardown);
    let clean_pass = verdict == Verdict::Passed && teardown == Teardown::Clean;
    if (exit == Exit::Passed) != clean_pass || (exit == Exit::Leaked) != (teardown != Teardown::Clean) {
        wrong.push(format!("{verdict}, {teardown} exits with {exit:?}"));
    }
}

fn world(sim: &Sim, state: &RunState, wrong: &mut Vec<String>) {
    let world = sim.cloud.look();
    for ((scope, name), _) in standing() {
        if !world.resources.contains_key(&(scope.clone(), name.clone())) {
            wrong.push(format!("{name} in {scope} is gone"));
        }
    }
    for ((scope, name), resource) in &world.resources {
        let Some(claim) = &resource.made_for else { continue };
        if *scope != scratch() {
            wrong.push(format!("{name} was made in {scope}"));
        }
        let stage = state.claim(claim).map(|claim| claim.stage());
        if stage != Some(ClaimStage::Leaked) {
            wrong.push(format!("{name} is left behind; the journal says {stage:?}"));
        }
    }
}

/// A claim is given up for a reason only: its removal is impossible, or was tried long enough.
fn leaks(sim: &Sim, state: &RunState, wrong: &mut Vec<String>) {
    for claim in state.claims().iter().filter(|claim| claim.stage() == ClaimStage::Leaked) {
        let forbidden = sim.hub.lock().truth.no_removal.contains(claim.id());
        if !forbidden && tried_for(sim, claim.id()) < sim.scenario.teardown {
            wrong.push(format!("claim {} was given up without cause", claim.id()));
        }
    }
}

/// Whoever answers in time is not told that nobody answered. Where processes died or the journal was busy, an
/// answer may come to light too late.
fn answers(sim: &Sim, wrong: &mut Vec<String>) {
    let truth = &sim.hub.lock().truth;
    if truth.deaths > 0 || sim.scenario.weather.busy > 0 {
        return;
    }
    let journal = sim.journal.lock();
    for (entry, at) in journal.entries.iter().zip(&journal.times) {
        let Event::AttemptFailed { step, fault, .. } = &entry.event else { continue };
        let answered = truth.answered.get(step);
        if fault.class == FaultClass::Timeout && answered.is_some_and(|answered| answered + 5_000 < *at) {
            wrong.push(format!("step {step} failed for want of an answer, which was given"));
        }
    }
}

fn tried_for(sim: &Sim, claim: &ClaimId) -> u64 {
    let journal = sim.journal.lock();
    let moment = |wanted: fn(&Event) -> Option<&ClaimId>| {
        journal.entries.iter().find(|entry| wanted(&entry.event) == Some(claim)).map(|entry| entry.at)
    };
    let began = moment(|event| match event {
        Event::ReleaseIntended { claim, .. } => Some(claim),
        _ => None,
    });
    let given_up = moment(|event| match event {
        Event::ClaimLeaked { claim, .. } => Some(claim),
        _ => None,
    });
    began.zip(given_up).map_or(0, |(began, end)| end.since(began).as_millis())
}

fn verdict_is_true(
    scenario: &Scenario,
    truth: &Truth,
    state: &RunState,
    verdict: Verdict,
    wrong: &mut Vec<String>,
) {
    match verdict {
        Verdict::Passed | Verdict::ObjectiveMissed => {
            let required = || scenario.steps.iter().filter(|step| step.required);
            let proven: Option<Vec<u64>> = required().map(|step| proven(truth, state, step)).collect();
            let Some(proven) = proven else {
                let step = required().find(|step| self::proven(truth, state, step).is_none());
                return wrong.push(format!("{verdict}, but step {:?} was not proven", step.map(|s| &s.id)));
            };
            if verdict == Verdict::Passed {
                in_time(scenario, truth, state, &proven, wrong);
            }
        }
        Verdict::Refused if truth.anything_made => {
            wrong.push("refused, but something was made".to_owned());
        }
        Verdict::Aborted if !truth.abort_asked => {
            wrong.push("aborted, but nobody asked for it".to_owned());
        }
        _ => {}
    }
}

/// When the step was truly proven; none if it was not. An approval proves nothing about time: 0.
fn proven(truth: &Truth, state: &RunState, step: &StepSpec) -> Option<u64> {
    let seen = state.step(&step.id)?;
    // Checks of an earlier attempt prove nothing about this one.
    let of_last = |check: &str| {
        let this = |proven: &&super::truth::Proven| {
            proven.step == step.id && proven.check == check && proven.attempt == seen.attempt()
        };
        truth.proven.iter().rfind(this).map(|proven| proven.at)
    };
    match &step.does {
        Does::Restore(restore) => {
            let ready = |link: &super::cloud::LinkSpec| {
                truth.said_ready.get(&ClaimId::new(&step.id, seen.attempt(), link.kind)).copied()
            };
            let ready: Option<Vec<u64>> = restore.chain.iter().map(ready).collect();
            let last = ready?.into_iter().max()?;
            if restore.sqlite { Some(of_last("integrity")?.max(last)) } else { Some(last) }
        }
        Does::Verify { checks, .. } => {
            let required = checks.iter().filter(|check| check.required);
            let all: Option<Vec<u64>> = required.map(|check| of_last(&check.name)).collect();
            Some(all?.into_iter().max().unwrap_or(0))
        }
        Does::Approve { .. } => truth.approved.contains(&step.id).then_some(0),
        Does::Run(_) => of_last("exit code"),
    }
}

fn in_time(scenario: &Scenario, truth: &Truth, state: &RunState, proven: &[u64], wrong: &mut Vec<String>) {
    let declared = truth.declared.unwrap_or(0);
    let rta = proven.iter().max().copied().unwrap_or(0).saturating_sub(declared);
    // A clock that was set back while no process ran hides that time from anyone.
    let hidden = truth.deaths > 0 && scenario.jumps.iter().any(|(_, by)| *by < 0);
    if scenario.rto.is_some_and(|rto| rta > rto) && !hidden {
        wrong.push(format!("passed, but the recovery took {rta} ms"));
    }
    let declared = EPOCH + i64::try_from(declared).expect("fits");
    let mut oldest = 0;
    for step in &scenario.steps {
        let Some(seen) = state.step(&step.id).filter(|seen| seen.status() == StepStatus::Succeeded) else {
            continue;
        };
        let moment = match &step.does {
            Does::Restore(_) => seen.chosen().map(|chosen| chosen.point.time.as_millis()),
            Does::Verify { of, checks, .. } => {
                let point = state.step(of).and_then(|step| step.chosen()).map(|chosen| &chosen.point);
                let ran = |name: &str| truth.proven.iter().any(|p| p.step == step.id && p.check == name);
                let lags = checks.iter().filter(|check| ran(&check.name)).filter_map(|check| check.lag);
                let lag = i64::try_from(lags.max().unwrap_or(0)).expect("fits");
                point.map(|point| point.time.as_millis() - lag)
            }
            _ => None,
        };
        oldest = moment.map_or(oldest, |moment| oldest.max(declared - moment));
    }
    if scenario.rpo.is_some_and(|rpo| oldest > i64::try_from(rpo).expect("fits")) {
        wrong.push(format!("passed, but the data was {oldest} ms old"));
    }
}
