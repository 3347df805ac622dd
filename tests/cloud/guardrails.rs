//! Attempts to make firedrill touch what is not scratch: each is refused, and no call that changes something goes out. What
//! happens behind its back while it goes on is in [`behind`](super::behind).

use super::{
    emulator::{self, Emulator},
    side_by_side,
    world::{Drill, HOME, SCRATCH, World, eventually, says, target},
};
use serde_json::json;
use std::process::Stdio;

/// The production of another account than the drill's: that of the plain access key.
const PRODUCTION: &str = "123456789012";
/// An account that is nobody's here.
const STRANGER: &str = "999999999999";

/// An attempt before anything is made: what is changed about playbook and configuration, and what is to be said.
type Attempt = (&'static str, fn(&mut Drill), i32, &'static [&'static str]);

const BEFORE: &[Attempt] = &[
    (
        "the credentials are production's",
        |drill| drill.config = without_role(&drill.config),
        3,
        &["account 123456789012, and the scratch account is", "nothing is done"],
    ),
    (
        "the role is a stranger's",
        |drill| drill.config = with_role_of(drill, STRANGER),
        2,
        &["this role is not one of account"],
    ),
    (
        "the role is production's",
        |drill| drill.config = with_role_of(drill, PRODUCTION),
        2,
        &["this role is not one of account"],
    ),
    (
        "the playbook is wider: production's region",
        |drill| drill.scratch = drill.scratch.replace(SCRATCH, HOME),
        3,
        &["region eu-west-1 of account", "is not scratch; allowed there: eu-central-1"],
    ),
    (
        "the playbook is wider: production's account",
        |drill| drill.scratch = drill.scratch.replace(&drill.account, PRODUCTION),
        3,
        &["account 123456789012 is production"],
    ),
    (
        "the playbook is wider: a stranger's account",
        |drill| drill.scratch = drill.scratch.replace(&drill.account, STRANGER),
        3,
        &["account 999999999999 is not scratch"],
    ),
    (
        "production is listed as scratch by mistake",
        |drill| drill.config = drill.config.replace(PRODUCTION, &drill.account),
        2,
        &["is scratch and production"],
    ),
    (
        "production is listed as scratch, with its role, and the playbook wants it",
        |drill| {
            drill.scratch = drill.scratch.replace(&drill.account, PRODUCTION);
            drill.config = drill.config.replace(&drill.account, PRODUCTION);
        },
        2,
        &["account 123456789012 is scratch and production"],
    ),
    (
        "nothing is scratch",
        |drill| drill.config = "[scratch]\n".to_owned(),
        3,
        &["is not scratch; the operator can allow it"],
    ),
    (
        "no subnet group of that name",
        |drill| drill.steps = drill.steps.replace("subnet_group: drill", "subnet_group: production"),
        3,
        &["there is no DB subnet group production in eu-central-1"],
    ),
    (
        "no parameter group of that name, and no default instead",
        |drill| drill.steps = drill.steps.replace("into: {", "into: { parameter_group: orders-pg16,"),
        3,
        &["no parameter group orders-pg16 in eu-central-1, and the default one is not taken silently"],
    ),
    (
        "no option group of that name, and no default instead",
        |drill| drill.steps = drill.steps.replace("into: {", "into: { option_group: orders-options,"),
        3,
        &["no option group orders-options in eu-central-1, and the default one is not taken silently"],
    ),
    (
        "no security group is named",
        |drill| {
            let (before, rest) = drill.steps.split_once("security_groups: [").expect("groups");
            let (_, after) = rest.split_once("], ").expect("an end");
            drill.steps = format!("{before}{after}");
        },
        3,
        &["`into.security_groups` is needed", "the default group is not taken silently"],
    ),
    (
        "no key of the scratch region",
        |drill| drill.steps = drill.steps.replace(", kms_key: alias/drill", ""),
        3,
        &["`into.kms_key` is needed: the backup is encrypted and keys don't reach across regions"],
    ),
    (
        "a class that is not offered",
        |drill| drill.steps = drill.steps.replace("into: {", "into: { class: db.r3.large,"),
        3,
        &["RDS does not offer db.r3.large", "name another `into.class`"],
    ),
    (
        "a backup that another account does not share",
        |drill| {
            let account = "region: eu-west-1\n        account: \"123456789012\"";
            drill.steps = drill.steps.replace("region: eu-west-1", account);
        },
        3,
        &["account 123456789012 shares no snapshot of orders", "share one there"],
    ),
];

fn with_role_of(drill: &Drill, account: &str) -> String {
    drill.config.replace(&format!("iam::{}", drill.account), &format!("iam::{account}"))
}

fn without_role(config: &str) -> String {
    let (before, rest) = config.split_once(", role = ").expect("a role");
    let (_, after) = rest.split_once(" }").expect("an end");
    format!("{before} }}{after}")
}

#[test]
fn what_is_not_scratch_is_refused_before_anything_is_made() {
    let Some(emulator) = emulator::hollow() else { return };
    let world = World::hollow(emulator);
    side_by_side(4, BEFORE.iter().map(|(name, ..)| *name), |name| {
        let (_, change, code, words) = BEFORE.iter().find(|(own, ..)| *own == name).expect("one of them");
        let mut drill = Drill::hollow(&world);
        change(&mut drill);
        let ran = drill.run();
        assert_eq!(ran.code, *code, "{ran}");
        says(&ran, words);
    });
    assert_eq!(world.changes(), Vec::<String>::new());
    assert!(!world.calls().is_empty(), "nothing was asked of AWS");
    outside_nothing_happened(emulator);
    emulator.fits_the_models();
}

/// In no account has firedrill called what changes something but in the region of drills, on what bears its names.
pub fn outside_nothing_happened(emulator: &Emulator) {
    for change in emulator.changes() {
        let of = |key: &str| change[key].as_str().unwrap_or_default();
        let inside =
            of("account").starts_with('7') && of("region") == SCRATCH && target(&change).starts_with("fd-");
        assert!(inside, "it called {change}");
    }
}

/// What may have changed about the surroundings while a run lay dead, and the exit code then.
const SINCE: &[Attempt] = &[
    (
        "the region is scratch no more",
        |drill| drill.config = drill.config.replace(SCRATCH, "eu-north-1"),
        5,
        &["is not scratch"],
    ),
    (
        "the account is production now",
        |drill| {
            drill.config = format!("[scratch]\n[production]\naws_accounts = [\"{}\"]\n", drill.account);
        },
        5,
        &["is production"],
    ),
    ("the configuration is empty", |drill| drill.config = String::new(), 5, &["is not scratch"]),
    (
        "the account is listed as both",
        |drill| drill.config = drill.config.replace(PRODUCTION, &drill.account),
        2,
        &["is scratch and production"],
    ),
    (
        "the role is a stranger's",
        |drill| drill.config = with_role_of(drill, STRANGER),
        2,
        &["this role is not one of account"],
    ),
    (
        "the credentials are production's",
        |drill| drill.config = without_role(&drill.config),
        5,
        &["account 123456789012, and the scratch account is"],
    ),
];

#[test]
fn a_run_that_is_resumed_is_judged_by_what_is_allowed_then() {
    let Some(emulator) = emulator::hollow() else { return };
    side_by_side(6, SINCE.iter().map(|(name, ..)| *name), |name| {
        let (_, change, code, words) = SINCE.iter().find(|(own, ..)| *own == name).expect("one of them");
        let world = World::hollow(emulator);
        let mut drill = Drill::hollow(&world);
        world.faults(&json!([{ "kind": "hold_after", "operation": "CopyDBSnapshot" }]));
        let mut command = drill.command(&["run", "drill.yaml", "-q"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        eventually("the call is held", 60, || !world.held().is_empty());
        child.kill().expect("killed");
        child.wait().expect("ended");
        world.release();
        // A call that was held is recorded once it is let go.
        eventually("the call is recorded", 20, || world.changes().len() == 1);
        let changed = world.changes();
        change(&mut drill);
        let ran = drill.ask(&["resume"]);
        assert_eq!(ran.code, *code, "{ran}");
        says(&ran, words);
        assert_eq!(world.changes(), changed, "it changed something where it may not");
        assert_eq!(world.all("snapshot", SCRATCH).len(), 1);
    });
    outside_nothing_happened(emulator);
}
