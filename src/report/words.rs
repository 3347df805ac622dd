//! The sentences of a report. Every format uses the same ones, so that none of them promises more than another.

use super::escape::one_line;
use crate::{
    drill::{Hydration, Teardown, TeardownReason, Trigger, Verdict},
    metrics::{CheckResult, Measured, ObjectiveResult, RunSummary, StepStanding, Word as _},
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
        return Headline { word: format!("{word}, but not clean"), sentence, tone: Tone::Bad };
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

/// What a run has shown, and what it has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    pub proven: Vec<String>,
    pub not_proven: Vec<String>,
}

/// What was proven and what was not, each with its ground.
pub(crate) fn proof(run: &RunSummary) -> Proof {
    Proof { proven: proven(run), not_proven: not_proven(run) }
}

fn proven(run: &RunSummary) -> Vec<String> {
    let mut list = Vec::new();
    let restores = || run.steps.iter().filter(|step| step.kind == "restore");
    for step in restores().filter(|step| step.status == StepStanding::Succeeded) {
        if let Some(point) = &step.point {
            list.push(format!(
                "{}: the recovery point of {} could be restored and was ready to use.",
                step.id,
                point.time.human()
            ));
        }
    }
    let checks = &run.checks;
    if checks.required > 0 && checks.required == checks.required_passed {
        let rows = match checks.rows {
            0 => String::new(),
            rows => format!(", over {} rows in all checks", count(rows)),
        };
        list.push(format!("All {} required checks ran and passed{rows}.", checks.required));
    } else if checks.required_passed > 0 {
        list.push(format!("{} of {} required checks passed.", checks.required_passed, checks.required));
    }
    if let Some(rta) = run.rta.actual {
        list.push(format!(
            "The recovery took {} from the declaration to the last required proof.",
            rta.human()
        ));
    }
    if run.cleanup.created > 0 && run.cleanup.removed == run.cleanup.created {
        let what = things(run.cleanup.created);
        list.push(format!("{what} created by the run: each was looked for afterwards and was gone."));
    }
    list
}

fn not_proven(run: &RunSummary) -> Vec<String> {
    let mut list = Vec::new();
    if run.verdict.is_none() {
        list.push("The run is not over, so no verdict follows from it.".to_owned());
    }
    for step in &run.steps {
        if !matches!(step.status, StepStanding::Succeeded) && run.verdict.is_some() {
            let optional = if step.required { "" } else { " (not required)" };
            let because =
                step.because.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
            list.push(format!("{}{optional} {}{because}", step.id, standing_past(step.status)));
        }
        let missing = step.checks.iter().filter(|check| check.status != CheckResult::Passed);
        for check in missing.filter(|_| step.status == StepStanding::Succeeded) {
            let optional = if check.required { "" } else { " (not required)" };
            let name = one_line(&check.name);
            list.push(format!("{}: check `{name}`{optional}: {}.", step.id, check.status.word()));
        }
    }
    for step in run.steps.iter().filter(|step| step.status == StepStanding::Succeeded) {
        let mine = || run.claims.iter().filter(|claim| claim.step == step.id && claim.ready.is_some());
        if mine().any(|claim| claim.hydration == Some(Hydration::Unknown)) {
            list.push(format!(
                "{}: that all of its storage was loaded; the provider does not tell.",
                step.id
            ));
        }
        if mine().any(|claim| claim.hydration == Some(Hydration::Loading)) {
            list.push(format!("{}: that all of its storage was loaded; it was loading to the end.", step.id));
        }
        if let Some(point) = step.point.as_ref().filter(|point| point.time_source == "modification time") {
            list.push(format!(
                "{}: the age of its recovery point ({}) rests on the file's modification time, which copying can change.",
                step.id,
                point.time.human()
            ));
        }
    }
    if run.checks.required == 0 && !run.steps.is_empty() {
        list.push("That the data is right: the playbook has no required check.".to_owned());
    }
    if run.rpa.actual.is_some() && run.rpa_by_data.is_none() {
        list.push(
            "How new the data itself is: no freshness check ran, so the recovery point actual rests on the recovery points' own times."
                .to_owned(),
        );
    }
    if run.cleanup.leaked > 0 {
        list.push(format!("That everything was removed: {} may be left behind.", things(run.cleanup.leaked)));
    }
    if !run.waiting_for_people.stretches.is_empty() {
        list.push("What people approved: an approval records their word, it measures nothing.".to_owned());
    }
    list.push(
        "Anything that no check looked at: other tables, other systems, another day's backup.".to_owned(),
    );
    list
}

fn standing_past(status: StepStanding) -> &'static str {
    match status {
        StepStanding::Failed => "failed",
        StepStanding::Skipped => "was skipped",
        StepStanding::Running => "was not done",
        StepStanding::Waiting => "was never started",
        StepStanding::Succeeded => "succeeded",
    }
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
        if at > 0 && (digits.len() - at) % 3 == 0 {
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

fn things(number: u32) -> String {
    if number == 1 { "1 resource".to_owned() } else { format!("{number} resources") }
}

pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixture;

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
        let headline = headline(&fixture::leaked().summary());
        assert_eq!((headline.word.as_str(), headline.tone), ("Passed, but not clean", Tone::Bad));
        assert!(headline.sentence.ends_with("1 resource may be left behind."), "{}", headline.sentence);
    }

    #[test]
    fn nothing_is_claimed_of_a_run_that_goes_on() {
        let run = fixture::unfinished().summary_at(900_000);
        assert!(headline(&run).sentence.contains("No verdict follows"));
        assert!(!proof(&run).proven.iter().any(|line| line.contains("All")), "{:?}", proof(&run));
    }

    #[test]
    fn what_was_not_proven_is_always_said() {
        for (name, run) in fixture::all() {
            let proof = proof(&run);
            assert!(!proof.not_proven.is_empty(), "{name}");
            if run.checks.required_passed < run.checks.required {
                let claims = |line: &String| line.contains("All") && line.contains("required");
                assert!(!proof.proven.iter().any(claims), "{name}: {:?}", proof.proven);
            }
        }
    }

    #[test]
    fn an_optional_check_that_failed_is_named() {
        let proof = proof(&fixture::passed().summary());
        assert!(
            proof.not_proven.iter().any(|line| line.contains("`banner` (not required): failed")),
            "{proof:?}"
        );
    }

    #[test]
    fn objectives_are_told_with_their_margin() {
        assert_eq!(against(&fixture::passed().summary().rta), "met, 1h 33m inside");
        assert_eq!(against(&fixture::objective_missed().summary().rpa), "missed by 10m 00s");
        assert_eq!(against(&fixture::failed_check().summary().rpa), "not achieved: no recovery was proven");
    }
}
