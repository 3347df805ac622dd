//! The people around a run: they answer approvals, or not, and ask for aborts, by requests in the journal.

use super::hub::{EPOCH, Hub};
use firedrill::{
    ids::StepId,
    ports::{Ask, Request},
    time::Timestamp,
};
use std::collections::BTreeMap;

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
    pub answers: BTreeMap<StepId, Answer>,
    /// True time of an abort.
    pub abort_at: Option<u64>,
    /// Requests that fit nothing: answers to steps that did not ask, at a true time.
    pub noise: Vec<(u64, StepId)>,
    due: Vec<(u64, Ask)>,
    made: Vec<Request>,
}

impl Person {
    /// A step asks now.
    pub fn asked(&mut self, step: &StepId, now: u64) {
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
            let truth = &mut hub.lock().truth;
            match &ask {
                Ask::Abort { .. } => truth.abort_asked = true,
                Ask::Answer { step, approved: true, .. } => {
                    truth.approved.insert(step.clone());
                }
                Ask::Answer { .. } => {}
            }
            let at = Timestamp::from_millis(EPOCH + i64::try_from(at).expect("fits"));
            let number = self.made.len() as u64 + 1;
            self.made.push(Request { number, by: "person@desk".to_owned(), at, ask });
        }
        let seen = usize::try_from(seen).expect("fits").min(self.made.len());
        self.made[seen..].to_vec()
    }
}
