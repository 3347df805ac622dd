//! Ten thousand seeds: each a random playbook, world and fault plan, run to its end and looked at.
//!
//! `FIREDRILL_SEEDS=1000000 cargo test --test all sim::seeds` runs a million;
//! `FIREDRILL_SEED=123 cargo test --test all sim::seeds -- --nocapture` replays one, with its journal and calls.

use super::{
    generate,
    run::{Ran, run},
};
use firedrill::drill::{Teardown, Verdict};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

const DEFAULT: u64 = 10_000;
/// So many failing seeds are enough to look at.
const ENOUGH: usize = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn replay(seed: u64) -> String {
    format!("FIREDRILL_SEED={seed} cargo test --test all sim::seeds::ten_thousand_seeds -- --nocapture")
}

#[derive(Default)]
struct Tally {
    ends: BTreeMap<String, u64>,
    failures: BTreeMap<u64, String>,
    processes: u64,
    entries: u64,
}

fn one(seed: u64, tally: &Mutex<Tally>) {
    let scenario = generate::scenario(seed);
    let sunny = generate::is_sunny(seed);
    let result = catch_unwind(AssertUnwindSafe(|| run(scenario, None, false)));
    let tally = &mut *tally.lock().expect("not poisoned");
    let failed = tally.failures.len();
    match result {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            tally.failures.insert(seed, format!("panicked: {}", text.unwrap_or_default()));
        }
        Ok(mut ran) => {
            if sunny && ran.end != Some((Verdict::Passed, Teardown::Clean)) {
                ran.violations.push(format!("nothing went wrong, but the run ended with {:?}", ran.end));
            }
            if let Some(first) = ran.violations.first() {
                tally.failures.insert(seed, first.clone());
            }
            if let Some((verdict, teardown)) = ran.end {
                *tally.ends.entry(format!("{verdict}")).or_default() += 1;
                let left = if teardown == Teardown::Clean { "clean" } else { "leaked" };
                *tally.ends.entry(left.to_owned()).or_default() += 1;
            }
            tally.processes += u64::from(ran.processes);
            tally.entries += ran.entries.len() as u64;
        }
    }
    // At once: a million seeds take a while.
    if tally.failures.len() > failed {
        eprintln!("{}", replay(seed));
    }
}

#[expect(clippy::print_stdout, reason = "a replay is read by a person")]
fn show(seed: u64) -> Ran {
    let scenario = generate::scenario(seed);
    println!("seed {seed}\n{scenario:#?}\n{}", scenario.text());
    let ran = run(scenario, None, true);
    println!("{:?}", ran.end);
    for violation in &ran.violations {
        println!("VIOLATED {violation}");
    }
    ran
}

#[test]
#[expect(clippy::print_stdout, reason = "how the seeds ended is worth a line")]
fn ten_thousand_seeds() {
    if let Some(seed) = number("FIREDRILL_SEED") {
        let ran = show(seed);
        assert!(ran.violations.is_empty(), "seed {seed}: {:#?}", ran.violations);
        return;
    }
    let count = number("FIREDRILL_SEEDS").unwrap_or(DEFAULT);
    let first = number("FIREDRILL_FIRST_SEED").unwrap_or(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || tally.lock().expect("not poisoned").failures.len() >= ENOUGH {
                        return;
                    }
                    one(seed, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("not poisoned");
    println!("{count} seeds: {} processes, {} entries, {:?}", tally.processes, tally.entries, tally.ends);
    let lines: Vec<_> = tally
        .failures
        .iter()
        .map(|(seed, what)| format!("seed {seed}: {what}\n    {}", replay(*seed)))
        .collect();
    assert!(lines.is_empty(), "{} seeds failed:\n{}", lines.len(), lines.join("\n"));
    if count >= 2_000 {
        for end in [
            "passed",
            "objective missed",
            "failed",
            "failed (surroundings)",
            "refused",
            "aborted",
            "clean",
            "leaked",
        ] {
            assert!(tally.ends.contains_key(end), "no run ended as {end}: the seeds don't cover it");
        }
    }
}

#[test]
fn the_same_seed_writes_the_same_journal() {
    for seed in 0..100 {
        let once = run(generate::scenario(seed), None, false).bytes();
        let again = run(generate::scenario(seed), None, false).bytes();
        assert!(once == again, "seed {seed} is not deterministic");
    }
}
