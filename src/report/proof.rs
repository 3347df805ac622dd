//! What a run has shown, and what it has not: never more than its events prove.

use super::{
    escape::one_line,
    words::{count, things},
};
use crate::{
    drill::Hydration,
    metrics::{CheckResult, RunSummary, StepStanding, Word as _},
};
use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics::stories, report::words::headline};

    #[test]
    fn nothing_is_claimed_of_a_run_that_goes_on() {
        let run = stories::unfinished().summary_at(900_000);
        assert!(headline(&run).sentence.contains("No verdict follows"));
        assert!(!proof(&run).proven.iter().any(|line| line.contains("All")), "{:?}", proof(&run));
    }

    #[test]
    fn what_was_not_proven_is_always_said() {
        for (name, run) in stories::all() {
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
        let proof = proof(&stories::passed().summary());
        assert!(
            proof.not_proven.iter().any(|line| line.contains("`banner` (not required): failed")),
            "{proof:?}"
        );
    }
}
