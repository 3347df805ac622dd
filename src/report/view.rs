//! What a template sees: the summary, and the sentences that go with it.

use super::{
    proof::{Proof, proof},
    words::{self, Headline, METHOD, Term},
};
use crate::metrics::RunSummary;
use serde::Serialize;

/// The root of a template's data.
#[derive(Serialize)]
pub(super) struct View<'a> {
    /// The summary, as in JSON.
    run: &'a RunSummary,
    headline: Headline,
    rta: String,
    rpa: String,
    trigger: String,
    cleanup: String,
    /// Why teardown began; empty where it did not.
    teardown_reason: &'static str,
    proof: Proof,
    notes: Vec<String>,
    method: [Term; 7],
    /// SVG, already escaped.
    timelines: Vec<String>,
    /// Names the sorts of things that a template leaves out where there are none.
    has: Has,
}

#[derive(Serialize)]
struct Has {
    restores: bool,
    points: bool,
    interruptions: bool,
    slack: bool,
    objectives_missed: bool,
}

impl<'a> View<'a> {
    pub(super) fn of(run: &'a RunSummary, timelines: Vec<String>) -> Self {
        use crate::metrics::ObjectiveResult::Missed;
        Self {
            run,
            headline: words::headline(run),
            rta: words::against(&run.rta),
            rpa: words::against(&run.rpa),
            trigger: words::trigger(&run.trigger),
            cleanup: words::cleanup(run),
            teardown_reason: run.cleanup.reason.map(words::teardown_reason).unwrap_or_default(),
            proof: proof(run),
            notes: words::notes(run),
            method: METHOD,
            timelines,
            has: Has {
                restores: run.steps.iter().any(|step| step.milestones.is_some()),
                points: run.steps.iter().any(|step| step.point.is_some()),
                interruptions: !run.interrupted.stretches.is_empty(),
                slack: !run.critical_path.slack.is_empty(),
                objectives_missed: run.rta.result == Missed || run.rpa.result == Missed,
            },
        }
    }
}
