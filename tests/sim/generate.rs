//! From a seed, a scenario: a random graph of steps, a world, people, and bad luck.

use super::{
    cloud::{LinkSpec, production},
    hub::Weather,
    person::Answer,
    rng::Rng,
    scenario::{
        CheckSpec, CommandTruth, Does, HOUR, Judged, MINUTE, PointSpec, RestoreSpec, Scenario, StepSpec,
    },
};

const LINKS: [&str; 4] = ["snapshot-copy", "cluster", "instance", "proxy"];

/// How bad the day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Calm,
    Breezy,
    Stormy,
}

/// Every eighth seed is a day on which nothing goes wrong: its run must pass.
pub fn is_sunny(seed: u64) -> bool {
    seed.is_multiple_of(8)
}

pub fn scenario(seed: u64) -> Scenario {
    let mut scenario = any(seed);
    if is_sunny(seed) {
        make_sunny(&mut scenario);
    }
    scenario
}

fn make_sunny(scenario: &mut Scenario) {
    let calm = Scenario::calm(std::mem::take(&mut scenario.steps));
    *scenario = Scenario { seed: scenario.seed, noise: std::mem::take(&mut scenario.noise), ..calm };
    // Something that takes time must be required, or there is no recovery time to measure.
    scenario.steps[0].required = true;
    for step in &mut scenario.steps {
        step.timeout = None;
        match &mut step.does {
            Does::Restore(restore) => {
                let kind = restore.chain.len();
                let links = LINKS.map(|link| (link, 60_000));
                *restore = RestoreSpec::calm(restore.sqlite, &links[..kind]);
            }
            Does::Verify { checks, .. } => {
                for check in checks.iter_mut() {
                    (check.judged, check.cannot, check.lag) = (Judged::ByData, false, None);
                    check.baseline = check.baseline.map(|_| true);
                }
            }
            Does::Approve { answer, .. } => *answer = Answer { after: Some(5_000), approved: true },
            Does::Run(command) => command.exit = 0,
        }
    }
}

fn any(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x5eed_f1de_d411_1000);
    let day = *rng.pick(&[Day::Calm, Day::Breezy, Day::Breezy, Day::Stormy]);
    let mut scenario = Scenario::calm(steps(&mut rng, day));
    scenario.seed = seed;
    scenario.rto = some(&mut rng, 700, MINUTE / 2, 5 * MINUTE);
    scenario.rpo = some(&mut rng, 1000, HOUR / 2, 30 * HOUR).filter(|_| scenario.rto.is_some());
    scenario.max_duration = rng.between(MINUTE / 2, 6 * MINUTE);
    scenario.keep_on_failure = some(&mut rng, 250, MINUTE / 6, MINUTE);
    scenario.teardown = rng.between(4, 6) * MINUTE;
    scenario.weather = weather(&mut rng, day);
    scenario.down = rng.between(0, 40_000);
    if rng.permille(100) {
        scenario.abort_at = Some(rng.between(0, 2 * MINUTE));
    }
    if day != Day::Calm {
        let deaths = rng.between(0, 3);
        scenario.deaths = (0..deaths).map(|_| rng.between(0, 2 * MINUTE)).collect();
        if rng.permille(250) {
            let span = if rng.permille(500) { 2_000 } else { 2 * HOUR };
            let by =
                i64::try_from(rng.between(0, 2 * span)).expect("fits") - i64::try_from(span).expect("fits");
            scenario.jumps = vec![(rng.between(1, 2 * MINUTE), by)];
        }
    }
    if rng.permille(100) {
        let step = rng.pick(&scenario.steps).id.clone();
        scenario.noise.push((rng.between(0, 2 * MINUTE), step));
    }
    if rng.permille(50) {
        scenario.quota = usize::try_from(rng.between(1, 4)).expect("fits");
    }
    if rng.permille(40)
        && let Some(step) = scenario.steps.iter().find(|step| matches!(step.does, Does::Restore(_)))
    {
        let Does::Restore(restore) = &step.does else { return scenario };
        scenario.taken.push((step.id.clone(), 1, rng.pick(&restore.chain).kind));
    }
    scenario
}

fn some(rng: &mut Rng, permille: u64, low: u64, high: u64) -> Option<u64> {
    let drawn = rng.between(low, high);
    // Whole seconds, as a person would write.
    rng.permille(permille).then_some(drawn / 1000 * 1000)
}

fn weather(rng: &mut Rng, day: Day) -> Weather {
    let most = match day {
        Day::Calm => return Weather { latency: rng.between(0, 1) * 100, ..Weather::default() },
        Day::Breezy => 15,
        Day::Stormy => 120,
    };
    let mut some = || if rng.permille(500) { rng.between(0, most) } else { 0 };
    Weather {
        slow: some(),
        transient: some(),
        throttled: some(),
        permanent: some() / 4,
        surroundings: some() / 8,
        ack_lost: some(),
        request_lost: some(),
        hang: some() / 4,
        lies: some() * 2,
        busy: some(),
        storage: some() / 8,
        lease_lost: some() / 8,
        lands_late: some() * 8,
        latency: 100,
    }
}

fn steps(rng: &mut Rng, day: Day) -> Vec<StepSpec> {
    // Small playbooks are run faster, and most faults need no large one.
    let most = if rng.permille(700) { 4 } else { 12 };
    let count = rng.between(1, most);
    let mut steps: Vec<StepSpec> = Vec::new();
    let mut restores: Vec<String> = Vec::new();
    for n in 0..count {
        let id = format!("s{n}");
        let mut needs: Vec<String> = Vec::new();
        for earlier in &steps {
            if rng.permille(200) {
                needs.push(earlier.id.to_string());
            }
        }
        let does = match rng.between(0, 9) {
            _ if n == 0 => Does::Restore(restore(rng, day)),
            0..=3 => Does::Restore(restore(rng, day)),
            4..=7 if !restores.is_empty() => {
                let of = rng.pick(&restores).clone();
                if !needs.contains(&of) {
                    needs.push(of.clone());
                }
                verify(rng, day, &of)
            }
            8 => approve(rng),
            _ => {
                let exit = i32::from(rng.permille(80));
                Does::Run(CommandTruth { exit, takes: rng.between(0, 10_000) })
            }
        };
        if matches!(does, Does::Restore(_)) {
            restores.push(id.clone());
        }
        let needs: Vec<_> = needs.iter().map(String::as_str).collect();
        let mut step = StepSpec::new(&id, &needs, does);
        step.required = !rng.permille(100);
        let approval = matches!(step.does, Does::Approve { .. });
        step.timeout = some(rng, 250, 10_000, 4 * MINUTE).filter(|_| !approval);
        if rng.permille(400) && !approval {
            step.attempts = u32::try_from(rng.between(1, 4)).expect("fits");
            step.backoff = rng.between(1, 30) * 1000;
        }
        steps.push(step);
    }
    if !steps.iter().any(|step| step.required && matches!(step.does, Does::Verify { .. })) {
        // A playbook that proves nothing is refused by the parser. The first step is a restore.
        steps.push(StepSpec::new("last", &["s0"], verify(rng, day, "s0")));
    }
    steps
}

fn restore(rng: &mut Rng, day: Day) -> RestoreSpec {
    let links = usize::try_from(rng.between(1, 4)).expect("fits");
    let sqlite = rng.permille(500);
    let mut spec = RestoreSpec::calm(sqlite, &[]);
    spec.chain = LINKS[..links].iter().map(|kind| link(rng, day, kind)).collect();
    spec.points = (0..rng.between(0, 5) + 1)
        .map(|n| PointSpec {
            right: !rng.permille(60),
            unfit: rng.permille(60),
            ..PointSpec::hours_old(&format!("p{n}"), i64::try_from(rng.between(0, 40)).expect("fits"), true)
        })
        .collect();
    if rng.permille(15) {
        spec.points.clear();
    }
    if rng.permille(10) {
        spec.scope = production();
    }
    spec.max_age = some(rng, 200, HOUR, 48 * HOUR);
    spec
}

fn link(rng: &mut Rng, day: Day, kind: &'static str) -> LinkSpec {
    let mut link = LinkSpec::calm(kind, rng.between(0, 15_000));
    if rng.permille(50) {
        link.ready_after = rng.between(0, 5 * MINUTE);
    }
    link.settle = rng.between(2, 20) * 1000;
    link.delete_takes = rng.between(0, 10_000);
    link.hydrates_after = some(rng, 300, 0, MINUTE);
    if day == Day::Calm {
        return link;
    }
    link.shows_after = rng.between(0, link.settle / 2 - 1);
    if rng.permille(40) {
        link.ready_lie = rng.between(0, 30_000);
    }
    if rng.permille(30) {
        link.breaks_after = Some(rng.between(0, 120_000));
    }
    if rng.permille(40) {
        link.deletes_fail = 1;
    }
    if rng.permille(15) {
        link.stripped_after = Some(rng.between(0, 120_000));
    }
    link
}

fn verify(rng: &mut Rng, day: Day, of: &str) -> Does {
    let checks = (0..rng.between(1, 5)).map(|n| {
        let mut check = CheckSpec::new(&format!("c{n}"));
        check.required = !rng.permille(200);
        check.takes = rng.between(0, 6_000);
        check.judged = *rng.pick(&[Judged::ByData, Judged::ByData, Judged::ByData, Judged::Always]);
        if rng.permille(30) {
            check.judged = Judged::Never;
        }
        check.cannot = day != Day::Calm && rng.permille(20);
        if rng.permille(150) {
            check.lag = Some(rng.between(0, 4 * HOUR));
        } else if rng.permille(100) {
            check.baseline = Some(!rng.permille(100));
        }
        check
    });
    let mut checks: Vec<_> = checks.collect();
    // The parser refuses a playbook in which no check is required.
    checks[0].required = true;
    Does::Verify {
        of: super::scenario::step_id(of),
        parallel: u32::try_from(rng.between(1, 3)).expect("fits"),
        checks,
    }
}

fn approve(rng: &mut Rng) -> Does {
    let after = if rng.permille(100) { None } else { Some(rng.between(0, MINUTE / 2)) };
    let answer = Answer { after, approved: !rng.permille(80) };
    Does::Approve { timeout: some(rng, 700, MINUTE / 3, 2 * MINUTE), answer }
}
