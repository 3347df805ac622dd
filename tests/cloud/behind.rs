//! What happens behind firedrill's back while a drill goes on: tags taken off, names taken, instances that come out
//! otherwise than asked for. What is not provably its own is kept and reported; what is, is removed.

use super::{
    emulator,
    guardrails::outside_nothing_happened,
    side_by_side,
    world::{Drill, SCRATCH, World, eventually, says, target},
};
use crate::binary::Ran;
use serde_json::{Value, json};
use std::process::Stdio;

const COPY: &str = "CopyDBSnapshot";
const RESTORE: &str = "RestoreDBInstanceFromDBSnapshot";

/// Another run, which never was.
const OTHER_RUN: &str = "01920000-0000-7000-8000-000000000001";

/// Lets a drill come to a call, does something behind its back, and lets it go on. `work` is told the name that the call
/// is about.
fn meanwhile(
    world: &World<'_>,
    drill: &Drill,
    kind: &str,
    operation: &str,
    work: impl FnOnce(&str),
) -> (Ran, String) {
    world.faults(&json!([{ "kind": kind, "operation": operation }]));
    let mut command = drill.command(&["run", "drill.yaml"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("firedrill starts");
    eventually("the call is held", 60, || !world.held().is_empty());
    let name = target(&world.held()[0]).to_owned();
    work(&name);
    world.release();
    (Ran::from(child.wait_with_output().expect("ended")), name)
}

/// The tags of that run and claim.
fn tags(run: &str, claim: &str) -> Value {
    json!({ "firedrill:run": run, "firedrill:claim": claim, "firedrill:step": "db", "firedrill:attempt": "1",
            "firedrill:source": "rds", "firedrill:expires": "2026-01-01T00:00:00Z" })
}

/// How many deletions of that kind were asked for, with or without success.
fn deletions(world: &World<'_>, kind: &str) -> usize {
    let operation = if kind == "db" { "DeleteDBInstance" } else { "DeleteDBSnapshot" };
    world.calls().iter().filter(|call| call["operation"] == operation).count()
}

/// What someone does to a claim's resource: its kind, the tags that it bears from then on, and what is said.
type Stripped = (&'static str, &'static str, Option<(&'static str, &'static str)>, &'static str);

const STRIPPED: &[Stripped] = &[
    ("the instance's tags are taken off", "db", None, "it lacks the tags firedrill:run and firedrill:claim"),
    (
        "the instance gets another run's tags",
        "db",
        Some((OTHER_RUN, "db/1/instance")),
        "its tags say claim db/1/instance of run",
    ),
    (
        "the copy's tags are taken off",
        "snapshot",
        None,
        "it lacks the tags firedrill:run and firedrill:claim",
    ),
    (
        "the copy gets another run's tags",
        "snapshot",
        Some((OTHER_RUN, "db/1/snapshot_copy")),
        "its tags say claim db/1/snapshot_copy of run",
    ),
    (
        "the copy gets another claim's tags",
        "snapshot",
        Some(("own", "other/1/snapshot_copy")),
        "its tags say claim other/1/snapshot_copy",
    ),
];

#[test]
fn what_bears_no_tags_of_the_run_is_kept_and_reported() {
    let Some(emulator) = emulator::hollow() else { return };
    side_by_side(5, STRIPPED.iter().map(|(name, ..)| *name), |name| {
        let (_, kind, tag, words) = *STRIPPED.iter().find(|(own, ..)| *own == name).expect("one of them");
        let world = World::hollow(emulator);
        let drill = Drill::hollow(&world);
        let operation = if kind == "db" { RESTORE } else { COPY };
        let (ran, held) = meanwhile(&world, &drill, "hold_after", operation, |name| {
            let own =
                world.all(kind, SCRATCH)[0]["tags"]["firedrill:run"].as_str().expect("a run").to_owned();
            let tags = match tag {
                None => json!({ "environment": "production" }),
                Some(("own", claim)) => tags(&own, claim),
                Some((run, claim)) => tags(run, claim),
            };
            world.change(kind, SCRATCH, name, &json!({ "tags": tags }));
        });
        assert_eq!(ran.code, 5, "{ran}");
        says(&ran, &[words, "kept", &held]);
        assert!(world.has(kind, SCRATCH, &held), "it was removed");
        assert_eq!(deletions(&world, kind), 0);
        if kind == "db" {
            assert!(!world.has("snapshot", SCRATCH, &held), "the copy is ours, and is removed");
        } else {
            assert_eq!(world.made(RESTORE), 0, "nothing is restored from what is not ours");
        }
        world.touched_scratch_alone();
    });
    outside_nothing_happened(emulator);
    emulator.fits_the_models();
}

/// Something of somebody else's has the name that the drill's own thing is to have.
#[test]
fn a_look_alike_is_neither_used_nor_removed() {
    let Some(emulator) = emulator::hollow() else { return };
    let all = [("db", false), ("db", true), ("snapshot", false), ("snapshot", true)];
    side_by_side(4, all, |(kind, tagged)| {
        let world = World::hollow(emulator);
        let drill = Drill::hollow(&world);
        let (ran, held) = meanwhile(&world, &drill, "hold_before", COPY, |name| {
            look_alike(&world, kind, name);
            let tags = if tagged { tags(OTHER_RUN, "db/1/instance") } else { json!({}) };
            world.change(kind, SCRATCH, name, &json!({ "tags": tags }));
        });
        let whose = if tagged { OTHER_RUN } else { "it lacks the tags firedrill:run and firedrill:claim" };
        says(&ran, &[whose, &held]);
        assert_eq!(ran.code, 5, "{ran}");
        assert!(world.has(kind, SCRATCH, &held), "it was removed");
        assert_eq!((deletions(&world, kind), world.made(RESTORE)), (0, 0));
        if kind == "db" {
            assert!(!world.has("snapshot", SCRATCH, &held), "the copy is ours, and is removed");
        }
        world.touched_scratch_alone();
    });
    outside_nothing_happened(emulator);
}

fn look_alike(world: &World<'_>, kind: &str, name: &str) {
    if kind == "db" {
        let form = [
            ("Action", "CreateDBInstance"),
            ("DBInstanceIdentifier", name),
            ("DBInstanceClass", "db.m6g.large"),
            ("Engine", "postgres"),
            ("MasterUsername", "chief"),
            ("MasterUserPassword", "of-somebody-else"),
            ("AllocatedStorage", "20"),
            ("DBSubnetGroupName", "drill"),
            ("VpcSecurityGroupIds.VpcSecurityGroupId.1", &world.groups[1]),
            ("BackupRetentionPeriod", "0"),
        ];
        world.call("rds", SCRATCH, &form);
        return;
    }
    look_alike(world, "db", "somebodys");
    eventually("it is available", 30, || {
        let all = world.all("db", SCRATCH);
        all.iter().any(|one| one["id"] == "somebodys" && one["status"] == "available")
    });
    let action = ("Action", "CreateDBSnapshot");
    let form = [action, ("DBInstanceIdentifier", "somebodys"), ("DBSnapshotIdentifier", name)];
    world.call("rds", SCRATCH, &form);
}

/// What the restored instance turns out to be like.
fn unlike() -> Vec<(&'static str, Value)> {
    vec![
        ("PubliclyAccessible", json!(true)),
        ("DeletionProtection", json!(true)),
        ("MultiAZ", json!(true)),
        ("BackupRetentionPeriod", json!(7)),
        ("CopyTagsToSnapshot", json!(true)),
        ("AutoMinorVersionUpgrade", json!(true)),
        ("DBInstanceClass", json!("db.r6g.large")),
        ("StorageEncrypted", json!(false)),
        ("IAMDatabaseAuthenticationEnabled", json!(true)),
        ("VpcSecurityGroups", json!([{ "VpcSecurityGroupId": "sg-0fedcba9876543210", "Status": "active" }])),
    ]
}

#[test]
fn an_instance_that_is_not_as_it_was_asked_for_is_not_used() {
    let Some(emulator) = emulator::hollow() else { return };
    side_by_side(10, unlike(), |(attribute, value)| {
        let world = World::hollow(emulator);
        let drill = Drill::hollow(&world);
        let (ran, _) = meanwhile(&world, &drill, "hold_after", RESTORE, |name| {
            let mut attributes = serde_json::Map::new();
            attributes.insert(attribute.to_owned(), value.clone());
            world.change("db", SCRATCH, name, &json!({ "attributes": attributes }));
        });
        assert_eq!(ran.code, 1, "{ran}");
        says(&ran, &["it is not as it was asked for", attribute]);
        assert_eq!(drill.last()["steps"][1]["status"], "skipped", "{ran}");
        world.left_nothing();
        world.touched_scratch_alone();
    });
    emulator.fits_the_models();
}

/// What is asked for is not always what is done: every instance comes out public and protected.
#[test]
fn a_policy_of_the_account_does_not_go_unseen() {
    let Some(emulator) = emulator::own() else { return };
    let world = World::hollow(&emulator);
    emulator.control("POST overrides", &json!({ "PubliclyAccessible": true, "DeletionProtection": true }));
    let drill = Drill::hollow(&world);
    let ran = drill.run();
    assert_eq!(ran.code, 1, "{ran}");
    says(
        &ran,
        &[
            "PubliclyAccessible is true, and false was asked for",
            "DeletionProtection is true, and false was asked for",
        ],
    );
    world.left_nothing();
    world.touched_scratch_alone();
    assert_eq!(world.made("ModifyDBInstance"), 1, "protection is taken off what is ours alone");
}
