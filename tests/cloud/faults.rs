//! Each call of a drill, and what befalls it: the verdict, the exit code, how often things are made, and what is left.

use super::{
    emulator, side_by_side,
    world::{Drill, HOME, SCRATCH, World, says},
};
use serde_json::{Value, json};

const COPY: &str = "CopyDBSnapshot";
const RESTORE: &str = "RestoreDBInstanceFromDBSnapshot";
const DELETE: &str = "DeleteDBInstance";
const DELETE_COPY: &str = "DeleteDBSnapshot";
const ALWAYS: u32 = 0;

/// The calls of a drill, and where they are made.
const READS: &[(&str, &str)] = &[
    ("GetCallerIdentity", SCRATCH),
    ("DescribeDBInstances", HOME),
    ("DescribeDBSnapshots", HOME),
    ("DescribeDBInstanceAutomatedBackups", SCRATCH),
    ("DescribeDBInstances", SCRATCH),
    ("DescribeDBSnapshots", SCRATCH),
    ("DescribeDBSubnetGroups", SCRATCH),
    ("DescribeOrderableDBInstanceOptions", SCRATCH),
    ("DescribeAccountAttributes", SCRATCH),
];
const CHANGES: &[&str] = &[COPY, RESTORE, DELETE, DELETE_COPY];

/// What befalls a call, and what is to become of the drill.
#[derive(Debug, Clone)]
struct Case {
    operation: &'static str,
    region: &'static str,
    kind: &'static str,
    nth: u32,
    count: u32,
    /// For `error`.
    error: Option<&'static str>,
    code: i32,
    /// What may be left: kinds of things in the scratch region.
    left: &'static [&'static str],
    says: &'static [&'static str],
}

impl Case {
    /// A fault that befalls a call once, and that the drill does not mind.
    fn passing(operation: &'static str, region: &'static str, kind: &'static str) -> Self {
        Self { operation, region, kind, nth: 1, count: 1, error: None, code: 0, left: &[], says: &["PASSED"] }
    }

    fn nth(self, nth: u32) -> Self {
        Self { nth, ..self }
    }

    fn times(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// It lasts, and the drill ends with that code and those words.
    fn lasting(self, code: i32, says: &'static [&'static str]) -> Self {
        Self { count: ALWAYS, code, says, ..self }
    }

    fn left(self, left: &'static [&'static str]) -> Self {
        Self { left, ..self }
    }

    fn error(operation: &'static str, error: &'static str) -> Self {
        Self { error: Some(error), ..Self::passing(operation, SCRATCH, "error") }
    }

    fn rule(&self) -> Value {
        let mut rule = json!({ "operation": self.operation, "region": self.region, "kind": self.kind, "nth": self.nth, "count": self.count });
        if let Some(code) = self.error {
            rule["code"] = json!(code);
            rule["message"] = json!("so it is");
        }
        rule
    }
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (operation, region) in READS {
        for kind in ["throttle", "cut_before"] {
            all.push(Case::passing(operation, region, kind));
        }
    }
    for operation in CHANGES {
        for kind in ["throttle", "500", "cut_before", "cut_after", "wrong_state", "expired_token"] {
            all.push(Case::passing(operation, SCRATCH, kind));
        }
        // Beyond what the SDK tries by itself.
        all.push(Case::passing(operation, SCRATCH, "500").times(4));
    }
    all.extend([
        // While something is waited for, and while it is removed.
        Case::passing("DescribeDBInstances", SCRATCH, "500").nth(4).times(5),
        Case::passing("DescribeDBSnapshots", SCRATCH, "throttle").nth(4).times(5),
        Case::passing("DescribeDBInstances", SCRATCH, "expired_token").nth(4),
        Case::passing("DescribeDBSnapshots", SCRATCH, "access_denied").nth(4),
        Case::passing(RESTORE, SCRATCH, "slow"),
        Case::error(RESTORE, "InsufficientDBInstanceCapacity"),
        // What lasts is the surroundings' fault, and known before anything is made …
        Case::passing("GetCallerIdentity", SCRATCH, "access_denied").lasting(6, &["says AccessDenied"]),
        Case::passing("DescribeDBSnapshots", HOME, "access_denied").lasting(6, &["grant the action"]),
        Case::passing("DescribeDBSubnetGroups", SCRATCH, "access_denied")
            .lasting(6, &["DescribeDBSubnetGroups"]),
        Case::passing("DescribeAccountAttributes", SCRATCH, "access_denied")
            .lasting(6, &["grant the action"]),
        // … or when it is made.
        Case::passing(COPY, SCRATCH, "access_denied").lasting(6, &["CopyDBSnapshot", "grant the action"]),
        Case::passing(RESTORE, SCRATCH, "access_denied")
            .lasting(6, &["says AccessDenied", "grant the action"]),
        Case::passing(COPY, SCRATCH, "quota").lasting(6, &["says SnapshotQuotaExceeded", "raise the quota"]),
        Case::passing(RESTORE, SCRATCH, "quota")
            .lasting(6, &["says InstanceQuotaExceeded", "raise the quota"]),
        Case::error(COPY, "KMSKeyNotAccessibleFault")
            .lasting(1, &["KMSKeyNotAccessible", "the key must be in that region"]),
        Case::error(RESTORE, "InvalidRestoreFault").lasting(1, &["says InvalidRestoreFault"]),
        Case::error(RESTORE, "DBSubnetGroupDoesNotCoverEnoughAZs").lasting(1, &["second availability zone"]),
        // What can't be removed is told.
        Case::passing(DELETE, SCRATCH, "access_denied")
            .lasting(5, &["DeleteDBInstance", "grant the action"])
            .left(&["db"]),
        Case::passing(DELETE_COPY, SCRATCH, "access_denied")
            .lasting(5, &["DeleteDBSnapshot", "grant the action"])
            .left(&["snapshot"]),
    ]);
    all
}

#[test]
fn whatever_befalls_a_call_the_verdict_is_true_and_nothing_is_left_unsaid() {
    let Some(emulator) = emulator::hollow() else { return };
    let all = cases();
    assert!(all.len() >= 60, "only {}", all.len());
    side_by_side(33, all, |case| {
        let world = World::hollow(emulator);
        let mut drill = Drill::hollow(&world);
        if !case.left.is_empty() {
            // Else it goes on trying for minutes.
            drill.head = "limits: { teardown: 45s }\n".to_owned();
        }
        world.faults(&json!([case.rule()]));
        let ran = drill.run();
        assert!(world.struck() >= 1, "it never befell: {ran}");
        world.faults(&json!([]));
        assert_eq!(ran.code, case.code, "{ran}");
        says(&ran, case.says);
        let mut left: Vec<&str> = case.left.to_vec();
        let there = world.left();
        left.retain(|kind| !there.iter().any(|one| one.contains(&format!("{SCRATCH} {kind} fd-"))));
        assert!(left.is_empty() && there.len() == case.left.len(), "left are {there:?}: {ran}");
        for one in &there {
            // What is left is named, so that someone can look for it.
            says(&ran, &[one.rsplit(' ').next().expect("a name")]);
        }
        let made = (world.made(COPY), world.made(RESTORE));
        if case.code == 0 {
            assert_eq!(made, (1, 1), "{ran}");
        } else {
            assert!(made.0 <= 1 && made.1 <= 1, "{made:?}");
        }
        world.touched_scratch_alone();
    });
    emulator.fits_the_models();
}

/// The role itself can't be assumed.
#[test]
fn without_a_role_nothing_is_asked_of_the_account() {
    let Some(emulator) = emulator::hollow() else { return };
    side_by_side(
        3,
        [("access_denied", ALWAYS, 6), ("500", 1, 0), ("throttle", 1, 0)],
        |(kind, count, code)| {
            let world = World::hollow(emulator);
            let drill = Drill::hollow(&world);
            let role = format!("arn:aws:iam::{}:role/drill", world.account);
            // Whoever assumes it is of another account.
            let rule = json!({ "operation": "AssumeRole", "kind": kind, "count": count, "account": "123456789012", "parameters": { "RoleArn": role } });
            world.faults(&json!([rule]));
            let ran = drill.run();
            assert!(world.struck() >= 1, "it never befell: {ran}");
            assert_eq!(ran.code, code, "{ran}");
            if code != 0 {
                says(&ran, &["credentials", "check `role` in firedrill.toml"]);
                assert_eq!(world.calls().len(), 0);
            }
            world.left_nothing();
        },
    );
}
