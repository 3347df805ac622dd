//! When to try again. Pure: the jitter comes from the run's seed, so a resumed run waits as long as the first would have.

use super::{ClaimState, Event, Fault, FaultClass, RunState};
use crate::{
    ids::StepId,
    playbook::Retry,
    time::{Period, Timestamp},
};

/// Calls that may pass are made this often, whatever the playbook says of whole attempts.
const CALL_TRIES: u32 = 6;
/// Attempts at a step after a fault that passes by itself, where the playbook asks for fewer.
const PASSING_ATTEMPTS: u32 = 3;
/// Removals that the provider forbids or calls impossible are tried this often before the claim is leaked.
const FORBIDDEN_RELEASES: u32 = 4;

const CALL_BACKOFF: Retry =
    Retry { attempts: CALL_TRIES, backoff: Period::from_secs(1), max_backoff: Period::from_secs(60) };

/// Exponential backoff with equal jitter: half of the step fixed, half drawn
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
pub(super) fn pause(retry: &Retry, tries: u32, seed: u64) -> Period {
    let doublings = tries.saturating_sub(1).min(32);
    let full = retry.backoff.as_millis().saturating_mul(1 << doublings).min(retry.max_backoff.as_millis());
    let drawn = if full < 2 { 0 } else { mix(seed) % (full / 2) };
    Period::from_millis(full - full / 2 + drawn)
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014): spreads a seed over 64 bits.
pub(super) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl RunState {
    /// 64 bits that depend on the run's seed and the name alone: whatever is drawn at random in a run.
    pub fn seed_for(&self, what: &str) -> u64 {
        self.draw(what, 0)
    }

    fn draw(&self, what: &str, tries: u32) -> u64 {
        what.bytes().fold(self.declaration.seed ^ u64::from(tries), |seed, byte| mix(seed ^ u64::from(byte)))
    }

    /// The event for an attempt that failed, with the moment of the next one if there is to be one.
    pub fn attempt_failed(&self, id: &StepId, fault: Fault, now: Timestamp) -> Event {
        let (attempt, retry) =
            self.step(id).map_or((1, Retry::default()), |step| (step.attempt, step.outline.retry));
        let attempts = match fault.class {
            FaultClass::Transient | FaultClass::Throttled => retry.attempts.max(PASSING_ATTEMPTS),
            FaultClass::Timeout => retry.attempts,
            FaultClass::Permanent | FaultClass::Surroundings | FaultClass::Refused => 1,
        };
        let retry_at =
            (attempt < attempts).then(|| now + pause(&retry, attempt, self.draw(id.as_str(), attempt)));
        Event::AttemptFailed { step: id.clone(), attempt, fault, retry_at }
    }

    /// The events for a call to acquire that failed: it is made again, or the attempt has failed.
    pub fn acquire_failed(&self, claim: &ClaimState, fault: Fault, now: Timestamp) -> Vec<Event> {
        let tries = claim.acquire_tries + 1;
        let id = claim.id().clone();
        let again =
            matches!(fault.class, FaultClass::Transient | FaultClass::Throttled) && tries < CALL_TRIES;
        let retry_at =
            again.then(|| now + pause(&CALL_BACKOFF, tries, self.draw(claim.id().as_str(), tries)));
        let mut events = vec![Event::AcquireFailed { claim: id, tries, fault: fault.clone(), retry_at }];
        if retry_at.is_none() {
            events.push(self.attempt_failed(&claim.claim.step, fault, now));
        }
        events
    }

    /// The events for a claim that was observed broken, or gone before it was to go.
    pub fn claim_broken(&self, claim: &ClaimState, reason: String, now: Timestamp) -> Vec<Event> {
        let link = &claim.claim.link;
        let fault = Fault::new(FaultClass::Permanent, format!("{} `{}`: {reason}", link.kind, link.name));
        let mut events = vec![Event::ClaimBroken { claim: claim.id().clone(), reason }];
        let running =
            self.step(&claim.claim.step).is_some_and(|step| step.status == super::StepStatus::Running);
        if running {
            events.push(self.attempt_failed(&claim.claim.step, fault, now));
        }
        events
    }

    /// The events for a call to release that failed: it is made again, or the claim is leaked.
    pub fn release_failed(&self, claim: &ClaimState, fault: Fault, now: Timestamp) -> Vec<Event> {
        let tries = claim.release_tries;
        let again = match fault.class {
            FaultClass::Refused => false,
            FaultClass::Permanent => tries < FORBIDDEN_RELEASES,
            _ => true,
        };
        let retry_at =
            again.then(|| now + pause(&CALL_BACKOFF, tries, self.draw(claim.id().as_str(), tries)));
        let id = claim.id().clone();
        let reason = self.leak_reason(claim, &fault.message);
        let mut events = vec![Event::ReleaseFailed { claim: id.clone(), tries, fault, retry_at }];
        if retry_at.is_none() {
            events.push(Event::ClaimLeaked { claim: id, reason });
        }
        events
    }

    pub(super) fn leak_reason(&self, claim: &ClaimState, why: &str) -> String {
        let link = &claim.claim.link;
        format!("{} `{}` in {}: {why}; look at it and remove it by hand", link.kind, link.name, link.scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry { attempts: 9, backoff: Period::from_secs(4), max_backoff: Period::from_secs(20) };
        for (tries, full) in [(1, 4), (2, 8), (3, 16), (4, 20), (40, 20)] {
            for seed in 0..50 {
                let pause = pause(&retry, tries, seed).as_millis();
                assert!((full * 500..=full * 1000).contains(&pause), "{tries}: {pause}");
            }
        }
    }
}
