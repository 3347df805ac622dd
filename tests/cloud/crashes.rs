//! Killed before and after the calls of a drill, and resumed: nothing is made twice, nothing is left, and the verdict is the
//! one that it would have been.

use super::{
    drills, emulator, side_by_side,
    world::{Drill, HOME, SCRATCH, World, eventually, says},
};
use crate::binary::Ran;
use serde_json::json;
use std::{process::Stdio, thread};

const COPY: &str = "CopyDBSnapshot";
const RESTORE: &str = "RestoreDBInstanceFromDBSnapshot";
const MODIFY: &str = "ModifyDBInstance";

/// When firedrill is killed, and what becomes of the call that was under way.
#[derive(Debug, Clone, Copy)]
struct Crash {
    operation: &'static str,
    region: &'static str,
    nth: u32,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// Before its effect, which comes all the same, before the drill is resumed.
    Before,
    /// Before its effect, which comes once the resumed drill has made the same call by itself.
    Late,
    /// After its effect, of which nobody was told.
    After,
}

/// Lets the drill come to that call, kills it there, and resumes it.
fn crash(world: &World<'_>, drill: &Drill, crash: Crash) -> Ran {
    let kind = if crash.at == At::After { "hold_after" } else { "hold_before" };
    world.faults(
        &json!([{ "kind": kind, "operation": crash.operation, "region": crash.region, "nth": crash.nth }]),
    );
    let mut command = drill.command(&["run", "drill.yaml", "-q"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("firedrill starts");
    eventually("the call is held", 120, || !world.held().is_empty());
    child.kill().expect("killed");
    child.wait().expect("ended");
    if crash.at == At::Late {
        return thread::scope(|scope| {
            let resumed = scope.spawn(|| drill.ask(&["resume"]));
            eventually("it has made the call by itself", 60, || world.made(crash.operation) > 0);
            world.release();
            resumed.join().expect("resumed")
        });
    }
    let calls = world.calls().len();
    world.release();
    eventually("the call has had its effect", 20, || world.calls().len() > calls);
    drill.ask(&["resume"])
}

fn passed_once(world: &World<'_>, drill: &Drill, ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran}");
    says(ran, &["PASSED"]);
    world.left_nothing();
    assert_eq!((world.made(COPY), world.made(RESTORE)), (1, 1), "{ran}");
    world.touched_scratch_alone();
    let runs = drill.ask(&["list", "--format", "json"]);
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).expect("JSON");
    let runs = runs.as_array().expect("runs");
    assert_eq!(runs.len(), 1, "a second run was begun");
    assert_eq!((&runs[0]["verdict"], &runs[0]["teardown"]), (&"passed".into(), &"clean".into()));
}

#[test]
fn killed_at_any_call_and_resumed_it_restores_once_and_leaves_nothing() {
    let Some(emulator) = emulator::hollow() else { return };
    let mut all = Vec::new();
    for operation in [COPY, RESTORE, "DeleteDBInstance", "DeleteDBSnapshot"] {
        for at in [At::Before, At::Late, At::After] {
            all.push(Crash { operation, region: SCRATCH, nth: 1, at });
        }
    }
    for (operation, region, nth) in [
        ("GetCallerIdentity", SCRATCH, 1),
        ("DescribeDBSnapshots", HOME, 1),
        ("DescribeDBInstances", HOME, 1),
        ("DescribeDBInstanceAutomatedBackups", SCRATCH, 1),
        ("DescribeDBSubnetGroups", SCRATCH, 1),
        ("DescribeAccountAttributes", SCRATCH, 1),
        // What was chosen is journaled; it is chosen again only before.
        ("DescribeDBSnapshots", HOME, 3),
        ("DescribeDBSnapshots", SCRATCH, 2),
        ("DescribeDBSnapshots", SCRATCH, 3),
        ("DescribeDBInstances", SCRATCH, 2),
        ("DescribeDBInstances", SCRATCH, 3),
        // While its removal is awaited.
        ("DescribeDBInstances", SCRATCH, 6),
        ("DescribeDBSnapshots", SCRATCH, 6),
    ] {
        all.push(Crash { operation, region, nth, at: At::After });
    }
    side_by_side(25, all, |at| {
        let world = World::hollow(emulator);
        let drill = Drill::hollow(&world);
        let ran = crash(&world, &drill, at);
        passed_once(&world, &drill, &ran);
    });
    emulator.fits_the_models();
}

/// With real data: the password that was set is lost with the process, and is set anew.
#[test]
fn killed_while_it_sets_a_password_or_after_a_restore_the_data_are_proven_all_the_same() {
    let Some(emulator) = emulator::real() else { return };
    let all = [(MODIFY, At::Before), (MODIFY, At::After), (RESTORE, At::After)];
    side_by_side(3, all, |(operation, at)| {
        let world = World::new(emulator);
        let drill = drills::orders(&world);
        let ran = crash(&world, &drill, Crash { operation, region: SCRATCH, nth: 1, at });
        passed_once(&world, &drill, &ran);
        says(&ran, &["equal: 1 table, 1,000 rows"]);
    });
    emulator.fits_the_models();
}
