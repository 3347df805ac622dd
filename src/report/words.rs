//! The sentences of a report. Every format uses the same ones, so that none of them promises more than another.

use super::escape::one_line;
use crate::{
    drill::{Teardown, TeardownReason, Trigger, Verdict},
    metrics::{Measured, ObjectiveResult, RunSummary, Word as _},
    time::{Period, Timestamp},
};
use serde::Serialize;

/// How good the news is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
    Open,
}

/// The verdict and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Headline {
    pub word: String,
    pub sentence: String,
    pub tone: Tone,
}

/// The verdict in a word and a sentence.
pub(crate) fn headline(run: &RunSummary) -> Headline {
    let (tone, word, mut sentence) = match run.verdict {
        None => (Tone::Open, capital(run.state.word()), open_sentence(run)),
        Some(verdict) => {
            let (tone, sentence) = closed_sentence(run, verdict);
            (tone, capital(&verdict.to_string()), sentence)
        }
    };
    let left = run.cleanup.leaked;
    if left > 0 {
        sentence.push_str(&format!(" {} may be left behind.", things(left)));
        let joint = if run.verdict == Some(Verdict::Passed) { "but" } else { "and" };
        return Headline { word: format!("{word}, {joint} not clean"), sentence, tone: Tone::Bad };
    }
    Headline { word, sentence, tone }
}

fn open_sentence(run: &RunSummary) -> String {
    format!(
        "The run is not over; this is how it stood after {}. No verdict follows from it yet.",
        run.elapsed.human()
    )
}

fn closed_sentence(run: &RunSummary, verdict: Verdict) -> (Tone, String) {
    let clean = run.teardown == Some(Teardown::Clean);
    let sentence = match verdict {
        Verdict::Passed => {
            let objectives = match (run.objectives.rto, run.objectives.rpo) {
                (Some(_), Some(_)) => "within both objectives",
                (Some(_), None) => "within the recovery time objective; no recovery point objective was set",
                (None, Some(_)) => "within the recovery point objective; no recovery time objective was set",
                (None, None) => "with no objective to compare with",
            };
            let removed = match (run.cleanup.created, clean) {
                (0, _) => " Nothing was created.",
                (_, true) => " Everything that was created was observed gone.",
                (_, false) => "",
            };
            return (Tone::Good, format!("Restored and verified, {objectives}.{removed}"));
        }
        Verdict::ObjectiveMissed => "Restored and verified, but later or older than promised.",
        Verdict::Failed => "A recovery was not proven: a required step or check failed.",
        Verdict::SurroundingsFailed => {
            "Credentials, network or disk failed: nothing is known about the backup, neither good nor bad."
        }
        Verdict::Refused => {
            "A guardrail or the preflight said no. Nothing was created, nothing was restored."
        }
        Verdict::Aborted => "Stopped on request. What was not done by then is not proven.",
    };
    let tone = match verdict {
        Verdict::Passed => Tone::Good,
        Verdict::ObjectiveMissed | Verdict::Refused | Verdict::Aborted => Tone::Warn,
        Verdict::Failed | Verdict::SurroundingsFailed => Tone::Bad,
    };
    (tone, sentence.to_owned())
}

/// How an objective was kept, in words: `met, 1h 33m inside`.
pub(crate) fn against(measured: &Measured) -> String {
    match (measured.result, measured.margin) {
        (ObjectiveResult::Met, Some(Period::ZERO)) => "met exactly".to_owned(),
        (ObjectiveResult::Met, Some(margin)) => format!("met, {} inside", margin.human()),
        (ObjectiveResult::Missed, Some(margin)) if measured.actual.is_none() => {
            format!("missed already, by {}", margin.human())
        }
        (ObjectiveResult::Missed, Some(margin)) => format!("missed by {}", margin.human()),
        (ObjectiveResult::NotAchieved, _) if measured.actual.is_some() => {
            "not achieved: no recovery was proven".to_owned()
        }
        (result, _) => result.word().to_owned(),
    }
}

/// What started a run.
pub(crate) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Manual => "by hand".to_owned(),
        Trigger::Schedule(at) => format!("by schedule, for {}", at.human()),
        Trigger::After(run) => format!("after run {run}"),
    }
}

/// Why teardown began.
pub(crate) fn teardown_reason(reason: TeardownReason) -> &'static str {
    match reason {
        TeardownReason::Completed => "every step was settled",
        TeardownReason::MaxDuration => "the run had taken longer than its max_duration",
        TeardownReason::Aborted => "the run was to be stopped",
        TeardownReason::KeepEnded => "the time for which it was kept was over",
    }
}

/// What became of all that was created.
pub(crate) fn cleanup(run: &RunSummary) -> String {
    let cleanup = &run.cleanup;
    if cleanup.created == 0 {
        return "nothing was created".to_owned();
    }
    let mut words = format!("{} of {} observed gone", cleanup.removed, cleanup.created);
    if cleanup.leaked > 0 {
        words.push_str(&format!(", {} may be left behind", cleanup.leaked));
    }
    if cleanup.outstanding > 0 {
        words.push_str(&format!(", {} still to be removed", cleanup.outstanding));
    }
    words
}

/// What disturbed the measurement, if anything did.
pub(crate) fn notes(run: &RunSummary) -> Vec<String> {
    let mut notes = Vec::new();
    for stretch in &run.interrupted.stretches {
        notes.push(format!(
            "Interrupted for {}: from {} to {} nobody drove the run{}. The time counts as recovery time.",
            stretch.took.human(),
            stretch.from.human(),
            stretch.to.human(),
            stretch.by.as_deref().map(|by| format!("; {} took it up", one_line(by))).unwrap_or_default(),
        ));
    }
    for step in &run.clock_steps {
        let length = Period::from_millis(step.millis.unsigned_abs()).human();
        let (way, effect) = if step.millis < 0 {
            ("back", "was not followed; the times in the journal did not go back")
        } else {
            ("forward, or the machine slept", "counts in full, so that no recovery looks faster than it was")
        };
        notes.push(format!(
            "Clock step at {}: the wall clock went {way}, by {length}. It {effect}.",
            step.at.human()
        ));
    }
    let waiting = &run.waiting_for_people;
    for stretch in &waiting.stretches {
        let who = match (&stretch.by, stretch.open) {
            (Some(by), _) => format!("{} answered", one_line(by)),
            (None, true) => "nobody has answered yet".to_owned(),
            (None, false) => "nobody answered".to_owned(),
        };
        let step = stretch.step.as_ref().map(|step| format!(" in {step}")).unwrap_or_default();
        notes.push(format!("Waited for a person for {}{step}: {who}.", stretch.took.human()));
    }
    if !waiting.stretches.is_empty() && run.rta.actual.is_some() {
        let within = match waiting.within_recovery {
            Period::ZERO => "none of it".to_owned(),
            within => format!("{} of it", within.human()),
        };
        let total = waiting.total.human();
        notes.push(format!("People were waited for {total} in all, {within} within the recovery time."));
    }
    if let Some(abort) = &run.abort {
        let why = abort.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        notes.push(format!("{} wanted it stopped at {}{why}.", one_line(&abort.by), abort.at.human()));
    }
    if let (Some(until), Some(kept)) =
        (run.kept_until, run.phases.iter().find(|phase| phase.kind == crate::metrics::PhaseKind::Kept))
    {
        notes.push(format!(
            "After the failure what was restored was kept for a person to look at: from {}, at most until {}.",
            kept.from.human(),
            until.human()
        ));
    }
    notes
}

/// A term and what it means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Term {
    pub term: &'static str,
    pub meaning: &'static str,
}

/// How the numbers are made.
pub(crate) const METHOD: [Term; 7] = [
    Term {
        term: "Recovery time actual (RTA)",
        meaning: "from the declaration until every required step but approvals had succeeded with all its required checks passed; not achieved otherwise. Waiting, pauses and interruptions in between count.",
    },
    Term {
        term: "Recovery point actual (RPA)",
        meaning: "from the declaration back to the newest data restored: by the recovery point's own time and, where a freshness check ran, by the data itself. The worse one counts, and over several restores the worst.",
    },
    Term {
        term: "Critical path",
        meaning: "from the last required proof backwards, each time to the step that was waited for last. Its links have no gaps and add up to the recovery time. Slack is how much later another step could have ended without moving the end.",
    },
    Term {
        term: "Milestones",
        meaning: "point chosen; requested: the intent to restore was written down, just before the first call; available: the whole chain was ready; hydrated: all storage loaded, where the provider tells; verified: it and every required step resting on it was proven; removed: everything observed absent.",
    },
    Term {
        term: "Interrupted",
        meaning: "from the last entry that a process wrote before it died to the moment another took the run up.",
    },
    Term {
        term: "Times",
        meaning: "UTC, to the millisecond, taken from a clock that never goes back within a run. Steps of the wall clock are marked.",
    },
    Term {
        term: "Observed gone",
        meaning: "after the request to remove it the thing itself was looked for and was not there. An accepted request alone is no proof.",
    },
];

/// `1,204,332`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `46.0 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} bytes");
    }
    let mut tenths = u128::from(number) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `09:22:00Z`.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_chrono().format("%H:%M:%SZ").to_string()
}

pub(super) fn things(number: u32) -> String {
    if number == 1 { "1 resource".to_owned() } else { format!("{number} resources") }
}

pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::stories;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1_000, 1_204_332].map(count), ["0", "999", "1,000", "1,204,332"]);
        assert_eq!(
            [12, 1024, 48_234_496, u64::MAX].map(bytes),
            ["12 bytes", "1.0 KiB", "46.0 MiB", "15.9 EiB"]
        );
    }

    #[test]
    fn a_pass_with_something_left_behind_is_bad_news() {
        let headline = headline(&stories::leaked().summary());
        assert_eq!((headline.word.as_str(), headline.tone), ("Passed, but not clean", Tone::Bad));
        assert!(headline.sentence.ends_with("1 resource may be left behind."), "{}", headline.sentence);
    }

    #[test]
    fn objectives_are_told_with_their_margin() {
        assert_eq!(against(&stories::passed().summary().rta), "met, 1h 33m inside");
        assert_eq!(against(&stories::objective_missed().summary().rpa), "missed by 10m 00s");
        assert_eq!(against(&stories::failed_check().summary().rpa), "not achieved: no recovery was proven");
    }
}
