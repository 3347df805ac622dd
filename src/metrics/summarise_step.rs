//! One step's part of the summary.

use super::{
    Answer, ApprovalSummary, AttemptOutcome, AttemptSummary, CandidateSummary, CheckResult, CheckSummary,
    PointSummary, StepStanding, StepSummary,
    history::{Attempt, Choice},
    milestones,
    summarise::Scene,
};
use crate::drill::{CheckOutcome, CheckStatus, Outputs, StepKind, StepState, StepStatus};

/// A value longer than this is shortened: the journal has it in full.
const LONGEST_TEXT: usize = 2000;
/// How many outputs, details, receipts or faults are listed.
const LONGEST_LIST: usize = 50;

impl Scene<'_> {
    pub(super) fn step(&self, step: &StepState) -> StepSummary {
        let outline = step.outline();
        let attempts = self.history.of(step.id());
        let (kind, source) = match outline.kind {
            StepKind::Restore(source) => ("restore", Some(source)),
            StepKind::Verify => ("verify", None),
            StepKind::Approve => ("approve", None),
            StepKind::Run => ("run", None),
        };
        let (status, retry_at) = match step.status() {
            StepStatus::Waiting => (StepStanding::Waiting, None),
            StepStatus::Backoff(at) => (StepStanding::Waiting, Some(at)),
            StepStatus::Running => (StepStanding::Running, None),
            StepStatus::Succeeded => (StepStanding::Succeeded, None),
            StepStatus::Failed => (StepStanding::Failed, None),
            StepStatus::Skipped => (StepStanding::Skipped, None),
        };
        let because = match status {
            StepStanding::Failed | StepStanding::Skipped => {
                let skipped = self.history.skipped.get(step.id()).map(|because| (*because).to_owned());
                skipped.or(step.fault().map(|fault| fault.message.clone()))
            }
            StepStanding::Waiting => step.fault().map(|fault| fault.message.clone()),
            StepStanding::Running | StepStanding::Succeeded => None,
        };
        let started = attempts.first().map(|first| first.started);
        StepSummary {
            id: step.id().clone(),
            kind,
            source,
            needs: outline.needs.clone(),
            required: outline.required,
            counts_for_rpo: outline.counts_for_rpo,
            status,
            because,
            retry_at,
            started,
            ended: step.ended(),
            took: started.map(|started| step.ended().unwrap_or(self.as_of).since(started)),
            critical: false,
            slack: None,
            attempts: attempts.iter().map(|attempt| attempt_summary(step, attempt)).collect(),
            checks: outline.checks.iter().map(|(name, required)| self.check(step, name, *required)).collect(),
            point: attempts.last().and_then(|a| a.chosen.as_ref()).map(|choice| self.point(choice)),
            approval: self.approval(step),
            outputs: shortened(step.outputs()),
            milestones: source.map(|_| milestones::of_restore(self.history, self.state, step)),
            phases: Vec::new(),
        }
    }

    fn check(&self, step: &StepState, name: &str, required: bool) -> CheckSummary {
        let ended = step.checks().get(name);
        let outcome = ended.map(|(_, outcome)| outcome);
        let (status, error) = match outcome.map(|outcome| outcome.status) {
            Some(CheckStatus::Passed) => (CheckResult::Passed, None),
            Some(CheckStatus::Failed) => (CheckResult::Failed, None),
            Some(CheckStatus::Error(class)) => (CheckResult::Error, Some(class)),
            None => (CheckResult::NotRun, None),
        };
        let text = |of: fn(&CheckOutcome) -> &str| outcome.map(|outcome| short(of(outcome)));
        let freshness = outcome.and_then(|outcome| outcome.freshness);
        CheckSummary {
            name: name.to_owned(),
            required,
            status,
            error,
            kind: text(|outcome| &outcome.kind),
            at: ended.map(|(at, _)| *at),
            expected: text(|outcome| &outcome.expected),
            actual: text(|outcome| &outcome.actual),
            details: texts(outcome.into_iter().flat_map(|o| o.details.iter().map(String::as_str))),
            rows: outcome.and_then(|outcome| outcome.rows),
            took: outcome.map(|outcome| outcome.took),
            freshness,
            freshness_age: freshness.map(|moment| self.history.declared.since(moment)),
            digests: outcome.map(|outcome| shortened(&outcome.digests)).unwrap_or_default(),
        }
    }

    fn point(&self, choice: &Choice<'_>) -> PointSummary {
        let declared = self.history.declared;
        let point = choice.point;
        PointSummary {
            id: short(&point.id),
            time: point.time,
            age: declared.since(point.time),
            time_source: short(&point.time_source),
            location: point.location.as_deref().map(short),
            bytes: point.bytes,
            encrypted: point.encrypted,
            chosen_at: choice.at,
            because: short(choice.because),
            considered: choice
                .considered
                .iter()
                .take(LONGEST_LIST)
                .map(|candidate| CandidateSummary {
                    id: short(&candidate.point.id),
                    time: candidate.point.time,
                    age: declared.since(candidate.point.time),
                    bytes: candidate.point.bytes,
                    chosen: candidate.point.id == point.id && candidate.point.time == point.time,
                    unfit: candidate.unfit.as_deref().map(short),
                })
                .collect(),
            considered_total: choice.total,
        }
    }

    fn approval(&self, step: &StepState) -> Option<ApprovalSummary> {
        if step.outline().kind != StepKind::Approve {
            return None;
        }
        let attempt = self.history.of(step.id()).last();
        let asked = attempt.and_then(|attempt| attempt.asked);
        let answered = attempt.and_then(|attempt| attempt.answered);
        let end = answered.map(|(at, ..)| at).or(step.ended()).unwrap_or(self.as_of);
        let question = asked.map(|(_, question, _)| question).or(step.outline().question.as_deref());
        Some(ApprovalSummary {
            question: short(question.unwrap_or_default()),
            asked: asked.map(|(at, ..)| at),
            until: asked.and_then(|(_, _, until)| until),
            answer: match (asked, answered) {
                (_, Some((_, true, ..))) => Answer::Approved,
                (_, Some((_, false, ..))) => Answer::Denied,
                (Some(_), None) => Answer::None,
                (None, None) => Answer::NotAsked,
            },
            answered: answered.map(|(at, ..)| at),
            by: answered.map(|(_, _, by, _)| by.to_owned()),
            note: answered.and_then(|(.., note)| note).map(short),
            waited: asked.map(|(at, ..)| end.since(at)),
        })
    }
}

fn attempt_summary(step: &StepState, attempt: &Attempt<'_>) -> AttemptSummary {
    let ended = attempt.ended.or(step.ended());
    AttemptSummary {
        attempt: attempt.number,
        started: attempt.started,
        ended,
        outcome: match (attempt.ended, attempt.fault, step.ended()) {
            (_, Some(_), _) => AttemptOutcome::Failed,
            (Some(_), None, _) => AttemptOutcome::Succeeded,
            (None, None, Some(_)) => AttemptOutcome::Stopped,
            (None, None, None) => AttemptOutcome::Running,
        },
        fault: attempt.fault.or(step.fault().filter(|_| attempt.ended.is_none() && ended.is_some())).cloned(),
        retry_at: attempt.retry_at,
    }
}

pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((at, _)) => format!("{}… ({} characters in all)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}

pub(super) fn texts<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut texts: Vec<_> = all.map(short).collect();
    let more = texts.len().saturating_sub(LONGEST_LIST);
    if more > 0 {
        texts.truncate(LONGEST_LIST);
        texts.push(format!("… and {more} more"));
    }
    texts
}

fn shortened(outputs: &Outputs) -> Outputs {
    outputs.iter().take(LONGEST_LIST).map(|(key, value)| (key.clone(), short(value))).collect()
}
