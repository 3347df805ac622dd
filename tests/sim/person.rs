//! The people around a run: they answer approvals, or not, and ask for aborts, by requests in the journal.

use super::hub::Hub;
use firedrill::{
    ids::StepId,
    ports::{Ask, Request},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a person does when asked.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How long they take; none: they never answer.
    pub after: Option<u64>,
    pub approved: bool,
}

#[derive(Debug, Default, Clone)]
pub struct Person {
    /// By step.
    answers: BTreeMap<StepId, Answer>,
    /// True time of an abort.
    abort_at: Option<u64>,
    /// Requests that fit nothing: answers to steps that did not ask, at a true time.
    noise: Vec<(u64, StepId)>,
    asked: BTreeSet<StepId>,
    due: Vec<(u64, Ask)>,
    made: Vec<Request>,
}

impl Person {
    pub fn new(answers: BTreeMap<StepId, Answer>, abort_at: Option<u64>, noise: Vec<(u64, StepId)>) -> Self {
        Self { answers, abort_at, noise, asked: BTreeSet::new(), due: Vec::new(), made: Vec::new() }
    }

    /// A step asks now.
    pub fn asked(&mut self, step: &StepId, now: u64) {
        self.asked.insert(step.clone());
        let Some(Answer { after: Some(after), approved }) = self.answers.get(step) else { return };
        let ask = Ask::Answer { step: step.clone(), approved: *approved, note: None };
        self.due.push((now + after, ask));
    }

    /// Requests made by now, beyond the first `seen`.
    pub fn requests(&mut self, seen: u64, now: u64, hub: &Hub) -> Vec<Request> {
        if self.abort_at.is_some_and(|at| at <= now) {
            self.abort_at = None;
            self.due.push((now, Ask::Abort { reason: Some("a person wants it".to_owned()) }));
            // People press twice.
            self.due.push((now + 1000, Ask::Abort { reason: None }));
        }
        for (at, step) in self.noise.extract_if(.., |(at, _)| *at <= now) {
            self.due.push((at, Ask::Answer { step, approved: true, note: None }));
        }
        self.due.sort_by_key(|(at, _)| *at);
        for (at, ask) in self.due.extract_if(.., |(at, _)| *at <= now) {
            if let Ask::Answer { step, .. } = &ask
                && self.asked.contains(step)
            {
                hub.lock().truth.answered.entry(step.clone()).or_insert(at);
            }
            match &ask {
                Ask::Abort { .. } => hub.lock().truth.abort_asked = true,
                Ask::Answer { step, approved: true, .. } => {
                    hub.lock().truth.approved.insert(step.clone());
                }
                Ask::Answer { .. } => {}
            }
            // The machine's own clock, wherever it stands: the request may be some milliseconds old.
            let at = hub.wall_at(at);
            let number = self.made.len() as u64 + 1;
            self.made.push(Request { number, by: "person@desk".to_owned(), at, ask });
        }
        let seen = usize::try_from(seen).expect("fits").min(self.made.len());
        self.made[seen..].to_vec()
    }
}
