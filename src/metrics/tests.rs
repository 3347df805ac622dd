use super::{
    Answer, AttemptOutcome, CheckResult, ClaimStanding, ObjectiveResult, PhaseKind, RunSummary, Standing,
    StepStanding,
    fixture::{START, id},
    stories,
};
use crate::{
    drill::{Entry, Verdict},
    time::{Period, Timestamp},
};

const fn minutes(count: u64) -> Period {
    Period::from_secs(count * 60)
}

fn step<'a>(summary: &'a RunSummary, name: &str) -> &'a super::StepSummary {
    summary.step(&id(name)).expect("the step")
}

#[test]
fn a_passed_run_is_measured_without_the_sign_off() {
    let summary = stories::passed().summary();
    assert_eq!(summary.verdict, Some(Verdict::Passed));
    assert_eq!(summary.rta.actual, Some(minutes(27)));
    assert_eq!((summary.rta.result, summary.rta.margin), (ObjectiveResult::Met, Some(minutes(93))));
    assert_eq!(summary.rpa.actual, Some(minutes(12)));
    assert_eq!(summary.rpa_by_data, Some(Period::from_secs(690)));
    assert_eq!(summary.waiting_for_people.total, minutes(20));
    assert_eq!(summary.waiting_for_people.within_recovery, Period::ZERO);
    assert_eq!((summary.checks.required, summary.checks.required_passed), (6, 6));
    assert_eq!((summary.checks.failed, summary.checks.rows), (1, 1_204_334));
    assert_eq!(
        (summary.cleanup.created, summary.cleanup.removed, summary.cleanup.took),
        (3, 3, Some(minutes(4)))
    );
}

#[test]
fn the_critical_path_has_no_gaps_and_adds_up() {
    for (name, summary) in stories::all() {
        let path = &summary.critical_path;
        let mut at = summary.declared;
        for link in &path.links {
            assert_eq!(link.from, at, "{name}: {} begins where the one before ended", link.label);
            let parts = link.parts;
            let sum = parts.working + parts.queued + parts.backoff + parts.person + parts.interrupted;
            assert_eq!(sum, link.took, "{name}: the parts of {}", link.label);
            at = link.to;
        }
        assert_eq!(Some(at), path.end, "{name}");
        if let Some(rta) = summary.rta.actual {
            assert_eq!(path.total, rta, "{name}: the path is the recovery time");
        }
    }
}

#[test]
fn the_path_goes_through_the_need_that_ended_last() {
    let summary = stories::passed().summary();
    let labels: Vec<_> = summary.critical_path.links.iter().map(|link| link.label.as_str()).collect();
    assert_eq!(labels, ["preflight", "shop", "shop-up", "smoke"]);
    let slack = |name| step(&summary, name).slack;
    assert_eq!(slack("orders-intact"), Some(minutes(8)));
    assert_eq!(slack("orders-db"), Some(minutes(8)));
    assert_eq!(slack("shop"), Some(Period::ZERO));
    assert_eq!(slack("sign-off"), None, "an approval has no bearing on the recovery time");
}

#[test]
fn a_restore_tells_its_moments() {
    let summary = stories::passed().summary();
    let shop = step(&summary, "shop").milestones.clone().expect("a restore has milestones");
    let minute = |count| Some(START + minutes(count));
    assert_eq!(shop.requested, Some(START + Period::from_secs(20)));
    assert_eq!((shop.available, shop.hydrated), (minute(22), minute(26)));
    assert_eq!((shop.verified, shop.removed), (minute(27), minute(51)));
    assert_eq!(shop.legs.len(), 7);
    assert_eq!(shop.legs[3].since_previous, Some(Period::from_secs(22 * 60 - 20)));
    assert_eq!(summary.milestones.verified, minute(27));
    assert_eq!(summary.milestones.removed, minute(51));
}

#[test]
fn a_missed_objective_says_by_how_much() {
    let summary = stories::objective_missed().summary();
    assert_eq!(summary.verdict, Some(Verdict::ObjectiveMissed));
    assert_eq!((summary.rta.result, summary.rta.margin), (ObjectiveResult::Missed, Some(minutes(5))));
    assert_eq!((summary.rpa.result, summary.rpa.margin), (ObjectiveResult::Missed, Some(minutes(10))));
}

#[test]
fn nothing_is_met_by_a_run_that_proved_no_recovery() {
    let summary = stories::failed_check().summary();
    assert_eq!(summary.verdict, Some(Verdict::Failed));
    assert_eq!((summary.rta.actual, summary.rta.result), (None, ObjectiveResult::NotAchieved));
    assert_eq!((summary.rpa.actual, summary.rpa.result), (Some(minutes(40)), ObjectiveResult::NotAchieved));
    assert_eq!(step(&summary, "shop-up").status, StepStanding::Skipped);
    assert_eq!(step(&summary, "shop-up").checks[0].status, CheckResult::NotRun);
    assert_eq!(step(&summary, "db").milestones.as_ref().and_then(|m| m.verified), None);
    assert!(!summary.critical_path.achieved);
    assert!(summary.critical_path.slack.is_empty());
    assert!(summary.phases.iter().any(|phase| phase.kind == PhaseKind::Kept));
}

#[test]
fn a_refused_run_created_nothing() {
    let summary = stories::refused().summary();
    assert_eq!(summary.verdict, Some(Verdict::Refused));
    assert_eq!((summary.cleanup.created, summary.reasons.len()), (0, 2));
    assert_eq!(summary.critical_path.links.len(), 1);
    assert_eq!(step(&summary, "db").started, None);
}

#[test]
fn a_step_under_way_when_the_run_stops_was_stopped() {
    let summary = stories::aborted().summary();
    assert_eq!(summary.verdict, Some(Verdict::Aborted));
    let intact = step(&summary, "intact");
    assert_eq!((intact.status, intact.attempts[0].outcome), (StepStanding::Failed, AttemptOutcome::Stopped));
    assert_eq!(summary.abort.as_ref().map(|abort| abort.by.as_str()), Some("ada@drill-host"));
}

#[test]
fn a_leaked_claim_says_why() {
    let summary = stories::leaked().summary();
    let claim = &summary.claims[0];
    assert_eq!((claim.state, summary.cleanup.leaked), (ClaimStanding::Leaked, 1));
    assert!(claim.leaked.as_ref().is_some_and(|why| why.contains("by hand")));
    assert_eq!((claim.removed, summary.milestones.removed), (None, None));
    assert_eq!(claim.faults, ["try 1 to remove it failed: permission denied"]);
}

#[test]
fn the_time_nobody_drove_the_run_is_marked() {
    let summary = stories::resumed().summary();
    let stretch = &summary.interrupted.stretches[0];
    assert_eq!((stretch.from, stretch.to), (START + minutes(10), START + minutes(18)));
    assert_eq!((summary.interrupted.total, summary.interrupted.within_recovery), (minutes(8), minutes(8)));
    let parts: Period =
        summary.critical_path.links.iter().fold(Period::ZERO, |sum, link| sum + link.parts.interrupted);
    assert_eq!(parts, minutes(8));
    assert_eq!(summary.rta.actual, Some(minutes(28)), "it counts all the same");
}

#[test]
fn a_retry_shows_its_pause_and_its_last_claims() {
    let summary = stories::retried().summary();
    let db = step(&summary, "db");
    let outcomes: Vec<_> = db.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [AttemptOutcome::Failed, AttemptOutcome::Succeeded]);
    let kinds = |kind| db.phases.iter().filter(|phase| phase.kind == kind).count();
    assert_eq!((kinds(PhaseKind::Backoff), kinds(PhaseKind::Removing)), (1, 2));
    assert_eq!(summary.critical_path.links[1].parts.backoff, minutes(2));
}

#[test]
fn a_run_that_goes_on_is_summed_up_as_of_now() {
    let summary = stories::unfinished().summary_at(15 * 60_000);
    assert_eq!((summary.state, summary.verdict), (Standing::Running, None));
    assert_eq!(summary.elapsed, minutes(15));
    assert_eq!(
        (summary.rta.result, summary.rpa.result),
        (ObjectiveResult::Pending, ObjectiveResult::Pending)
    );
    assert_eq!(step(&summary, "intact").took, Some(minutes(5)));
    assert_eq!(summary.cleanup.outstanding, 1);
    let late = stories::unfinished().summary_at(121 * 60_000);
    assert_eq!((late.rta.result, late.rta.margin), (ObjectiveResult::Missed, Some(minutes(1))));
}

#[test]
fn a_run_that_waits_for_a_person_says_so() {
    let summary = stories::approval_waiting().summary_at(30 * 60_000);
    assert_eq!(summary.state, Standing::WaitingForPerson);
    assert_eq!(summary.waiting_for_people.total, minutes(3));
    let approval = step(&summary, "sign-off").approval.clone().expect("an approval");
    assert_eq!((approval.answer, approval.waited), (Answer::None, Some(minutes(3))));
}

#[test]
fn every_prefix_of_every_journal_can_be_summed_up() {
    let stories: Vec<Vec<Entry>> = vec![
        stories::passed().entries,
        stories::failed_check().entries,
        stories::leaked().entries,
        stories::resumed().entries,
        stories::retried().entries,
        stories::refused().entries,
        stories::aborted().entries,
        stories::instant().entries,
    ];
    for entries in &stories {
        for length in 1..=entries.len() {
            let now = Timestamp::from_millis(0);
            let summary = super::summarise(&entries[..length], now).expect("a prefix is legal");
            assert!(summary.as_of >= entries[length - 1].at);
            assert!(summary.verdict.is_none() || length == entries.len());
            for phase in summary.steps.iter().flat_map(|step| &step.phases) {
                assert!(phase.from <= phase.to && phase.to <= summary.as_of);
            }
        }
    }
    assert!(super::summarise(&[], START).is_err());
}

#[test]
fn the_json_has_every_field_at_any_moment() {
    let keys = |summary: &RunSummary| match serde_json::to_value(summary).expect("serialises") {
        serde_json::Value::Object(map) => map.keys().cloned().collect::<Vec<_>>(),
        other => panic!("an object, not {other}"),
    };
    let full = keys(&stories::passed().summary());
    assert_eq!(keys(&stories::refused().summary()), full);
    assert_eq!(keys(&stories::unfinished().summary()), full);
}
