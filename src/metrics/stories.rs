//! Journals made by hand, for the tests of everything that is drawn from them.

use super::{
    RunSummary,
    fixture::{MINUTE, RDS, SQLITE, START, Story, at, id, outline, passed_check, point},
};
use crate::{
    drill::{
        CheckOutcome, CheckStatus, Entry, Event, Fault, FaultClass, Hydration, RecoveryPoint, StepKind,
        TeardownReason,
    },
    ids::ClaimId,
    time::Period,
};

/// Two restores, two verify steps, a command and an approval; everything goes well.
pub(crate) fn passed() -> Story {
    let mut story = Story::new(
        vec![
            outline("orders-db", SQLITE, &[], &["integrity"]),
            outline("shop", RDS, &[], &[]),
            outline(
                "orders-intact",
                StepKind::Verify,
                &["orders-db"],
                &["all rows", "books balance", "fresh"],
            ),
            outline("shop-up", StepKind::Verify, &["shop", "orders-intact"], &["health", "?banner"]),
            outline("smoke", StepKind::Run, &["shop-up"], &["exit code"]),
            outline("sign-off", StepKind::Approve, &["smoke"], &[]),
        ],
        Some("2h"),
        Some("15m"),
    );
    passed_until_teardown(&mut story);
    story
        .teardown(47 * MINUTE, TeardownReason::Completed)
        .removed(47 * MINUTE, 48 * MINUTE, "orders-db", 1, "folder")
        .removed(48 * MINUTE, 50 * MINUTE, "shop", 1, "instance")
        .removed(50 * MINUTE, 51 * MINUTE, "shop", 1, "snapshot_copy")
        .finish(51 * MINUTE);
    story
}

fn passed_until_teardown(story: &mut Story) {
    let rows = passed_check("fingerprint", "baseline of 2026-11-23", "equal, 2 tables", Some(1_204_332));
    let books = passed_check("query", "equals 0", "0", Some(1));
    let mut fresh = passed_check("freshness", "at most 15m old", "11m 30s old", Some(1));
    fresh.freshness = Some(START - Period::from_secs(690));
    story
        .cleared(2_000)
        .start(2_000, "orders-db", 1)
        .start(2_000, "shop", 1)
        .choose(
            8_000,
            "orders-db",
            1,
            point("/var/backups/orders/orders-20261123T084800Z.db.gz", 12),
            &["folder"],
        )
        .intend(8_000, "orders-db", 1, "folder")
        .choose(
            20_000,
            "shop",
            1,
            point("arn:aws:rds:eu-west-1:123456789012:snapshot:shop", 9),
            &["snapshot_copy", "instance"],
        )
        .intend(20_000, "shop", 1, "snapshot_copy")
        .acquired(2 * MINUTE, "orders-db", 1, "folder")
        .acquired(2 * MINUTE, "shop", 1, "snapshot_copy")
        .ready(6 * MINUTE, "orders-db", 1, "folder", Hydration::Complete)
        .check(7 * MINUTE, "orders-db", 1, "integrity", passed_check("integrity", "ok", "ok", None))
        .succeed(7 * MINUTE, "orders-db")
        .start(7 * MINUTE, "orders-intact", 1)
        .ready(8 * MINUTE, "shop", 1, "snapshot_copy", Hydration::Complete)
        .intend(8 * MINUTE, "shop", 1, "instance")
        .acquired(9 * MINUTE, "shop", 1, "instance")
        .check(9 * MINUTE, "orders-intact", 1, "books balance", books)
        .check(9 * MINUTE, "orders-intact", 1, "fresh", fresh)
        .check(14 * MINUTE, "orders-intact", 1, "all rows", rows)
        .succeed(14 * MINUTE, "orders-intact")
        .ready(22 * MINUTE, "shop", 1, "instance", Hydration::Loading)
        .succeed(22 * MINUTE, "shop")
        .start(22 * MINUTE, "shop-up", 1)
        .check(25 * MINUTE, "shop-up", 1, "health", passed_check("http", "status 200", "status 200", None))
        .check(
            25 * MINUTE,
            "shop-up",
            1,
            "banner",
            CheckOutcome {
                status: CheckStatus::Failed,
                details: vec!["the page says `maintenance`".to_owned()],
                ..passed_check("http", "body matches `Welcome`", "no match in 2,113 bytes", None)
            },
        )
        .succeed(25 * MINUTE, "shop-up")
        .start(25 * MINUTE, "smoke", 1)
        .push(26 * MINUTE, Event::ClaimHydrated { claim: ClaimId::new(&id("shop"), 1, "instance") })
        .check(27 * MINUTE, "smoke", 1, "exit code", passed_check("exit code", "0", "0", None))
        .succeed(27 * MINUTE, "smoke")
        .start(27 * MINUTE, "sign-off", 1)
        .push(
            27 * MINUTE,
            Event::ApprovalRequested {
                step: id("sign-off"),
                question: "Did the on-call engineer reach the runbook?".to_owned(),
                until: Some(at(57 * MINUTE)),
            },
        )
        .push(
            47 * MINUTE,
            Event::ApprovalAnswered {
                step: id("sign-off"),
                approved: true,
                by: "grace@laptop".to_owned(),
                note: Some("took two attempts".to_owned()),
            },
        )
        .succeed(47 * MINUTE, "sign-off");
}

/// A restore and its verification, done at 10 and 20 minutes, nothing removed yet.
pub(crate) fn simple(rto: &str, rpo: &str) -> Story {
    let mut story = Story::new(
        vec![
            outline("db", SQLITE, &[], &["integrity"]),
            outline("intact", StepKind::Verify, &["db"], &["all rows"]),
        ],
        Some(rto),
        Some(rpo),
    );
    story
        .cleared(1_000)
        .restored(1_000, 9 * MINUTE, "db", 1, point("orders-20261123.db", 40))
        .check(10 * MINUTE, "db", 1, "integrity", passed_check("integrity", "ok", "ok", None))
        .succeed(10 * MINUTE, "db")
        .start(10 * MINUTE, "intact", 1)
        .check(
            20 * MINUTE,
            "intact",
            1,
            "all rows",
            passed_check("fingerprint", "baseline", "equal", Some(9)),
        )
        .succeed(20 * MINUTE, "intact");
    story
}

fn end(story: &mut Story, from: u64) {
    story
        .teardown(from, TeardownReason::Completed)
        .removed(from, from + MINUTE, "db", 1, "folder")
        .finish(from + MINUTE);
}

pub(crate) fn objective_missed() -> Story {
    let mut story = simple("15m", "30m");
    end(&mut story, 20 * MINUTE);
    story
}

pub(crate) fn failed_check() -> Story {
    let mut story = Story::new(
        vec![
            outline("db", SQLITE, &[], &["integrity"]),
            outline("intact", StepKind::Verify, &["db"], &["all rows", "books balance"]),
            outline("shop-up", StepKind::Verify, &["intact"], &["health"]),
        ],
        Some("2h"),
        Some("1h"),
    );
    story
        .cleared(1_000)
        .restored(1_000, 9 * MINUTE, "db", 1, point("orders-20261123.db", 40))
        .check(10 * MINUTE, "db", 1, "integrity", passed_check("integrity", "ok", "ok", None))
        .succeed(10 * MINUTE, "db")
        .start(10 * MINUTE, "intact", 1)
        .check(11 * MINUTE, "intact", 1, "books balance", passed_check("query", "equals 0", "0", Some(1)))
        .check(
            20 * MINUTE,
            "intact",
            1,
            "all rows",
            CheckOutcome {
                status: CheckStatus::Failed,
                details: vec![
                    "table orders: 3 rows differ in bucket 17 (id 4711 to 4713)".to_owned(),
                    "compare with the source before this backup is relied on".to_owned(),
                ],
                ..passed_check(
                    "fingerprint",
                    "fd1-xxh3-128:9a3f… 120,000 rows",
                    "fd1-xxh3-128:77b0… 120,000 rows",
                    Some(120_000),
                )
            },
        )
        .fail(
            20 * MINUTE,
            "intact",
            1,
            FaultClass::Permanent,
            "check `all rows`: expected fd1-xxh3-128:9a3f…, found fd1-xxh3-128:77b0…",
            None,
        )
        .push(
            20 * MINUTE,
            Event::StepSkipped {
                step: id("shop-up"),
                because: "it needs intact, which did not succeed".to_owned(),
            },
        )
        .push(20 * MINUTE, Event::KeptUntil { until: at(50 * MINUTE) })
        .teardown(50 * MINUTE, TeardownReason::KeepEnded)
        .removed(50 * MINUTE, 51 * MINUTE, "db", 1, "folder")
        .finish(51 * MINUTE);
    story
}

pub(crate) fn refused() -> Story {
    let mut story = Story::new(vec![outline("db", SQLITE, &[], &["integrity"])], Some("2h"), None);
    let reasons = vec![
        "account 123456789012 is production; run the drill against a scratch account".to_owned(),
        "the scratch folder /srv/drill does not exist; create it or change `scratch.folder`".to_owned(),
    ];
    story.push(1_500, Event::Refused { reasons, surroundings: false }).finish(1_500);
    story
}

pub(crate) fn aborted() -> Story {
    let mut story = simple("2h", "1h");
    // Take the last three entries back: `intact` is under way when the run is stopped.
    story.entries.truncate(story.entries.len() - 2);
    story
        .push(
            15 * MINUTE,
            Event::AbortRequested {
                by: "ada@drill-host".to_owned(),
                reason: Some("wrong backup".to_owned()),
            },
        )
        .teardown(15 * MINUTE, TeardownReason::Aborted)
        .removed(15 * MINUTE, 16 * MINUTE, "db", 1, "folder")
        .finish(16 * MINUTE);
    story
}

pub(crate) fn leaked() -> Story {
    let mut story = simple("2h", "1h");
    let claim = ClaimId::new(&id("db"), 1, "folder");
    let fault = Fault::new(FaultClass::Transient, "permission denied");
    let reason = "folder `fd-9c2f1a04-db-1-folder` in folder /srv/drill: permission denied; look at it and remove it by hand";
    story
        .teardown(20 * MINUTE, TeardownReason::Completed)
        .push(20 * MINUTE, Event::ReleaseIntended { claim: claim.clone(), tries: 1 })
        .push(21 * MINUTE, Event::ReleaseFailed { claim: claim.clone(), tries: 1, fault, retry_at: None })
        .push(21 * MINUTE, Event::ClaimLeaked { claim, reason: reason.to_owned() })
        .finish(21 * MINUTE);
    story
}

pub(crate) fn resumed() -> Story {
    let mut story = simple("2h", "1h");
    let tail = story.entries.split_off(story.entries.len() - 3);
    story.push(18 * MINUTE, Event::Resumed { by: "ada@drill-host".to_owned(), version: "0.1.0".to_owned() });
    let shift = 8 * MINUTE;
    for entry in tail {
        story.push(entry.at.since(START).as_millis() + shift, entry.event);
    }
    end(&mut story, 28 * MINUTE);
    story
}

pub(crate) fn approval_waiting() -> Story {
    let mut story = passed();
    let waiting = |entry: &Entry| matches!(entry.event, Event::ApprovalAnswered { .. });
    let place = story.entries.iter().position(waiting).expect("an answer");
    story.entries.truncate(place);
    story
}

pub(crate) fn retried() -> Story {
    let mut story = Story::new(
        vec![
            outline("db", SQLITE, &[], &["integrity"]),
            outline("intact", StepKind::Verify, &["db"], &["all rows"]),
        ],
        Some("2h"),
        Some("1h"),
    );
    story
        .cleared(1_000)
        .restored(1_000, 4 * MINUTE, "db", 1, point("orders-20261123.db", 40))
        .fail(5 * MINUTE, "db", 1, FaultClass::Transient, "connection reset by peer", Some(7 * MINUTE))
        .removed(5 * MINUTE, 6 * MINUTE, "db", 1, "folder")
        .restored(7 * MINUTE, 9 * MINUTE, "db", 2, point("orders-20261123.db", 40))
        .check(10 * MINUTE, "db", 2, "integrity", passed_check("integrity", "ok", "ok", None))
        .succeed(10 * MINUTE, "db")
        .start(10 * MINUTE, "intact", 1)
        .check(
            20 * MINUTE,
            "intact",
            1,
            "all rows",
            passed_check("fingerprint", "baseline", "equal", Some(9)),
        )
        .succeed(20 * MINUTE, "intact")
        .teardown(20 * MINUTE, TeardownReason::Completed)
        .removed(20 * MINUTE, 21 * MINUTE, "db", 2, "folder")
        .finish(21 * MINUTE);
    story
}

pub(crate) fn unfinished() -> Story {
    let mut story = simple("2h", "1h");
    story.entries.truncate(story.entries.len() - 2);
    story
}

pub(crate) fn clock_stepped() -> Story {
    let mut story = simple("2h", "1h");
    story.push(20 * MINUTE, Event::ClockStepped { millis: -65_000 });
    end(&mut story, 20 * MINUTE);
    story
}

/// Every free text holds what would break a page that trusted it.
pub(crate) fn hostile() -> Story {
    const EVIL: &str =
        "<script>alert(1)</script> | `x` [a](http://evil.example) \u{202e}gnp.exe\u{1b}[31m\n# head {{run}}";
    let mut story = Story::new(
        vec![
            outline("db", SQLITE, &[], &["integrity"]),
            outline("intact", StepKind::Verify, &["db"], &[EVIL]),
            outline(&"x".repeat(63), StepKind::Approve, &["intact"], &[]),
        ],
        Some("2h"),
        Some("1h"),
    );
    let declaration = story.declaration();
    declaration.reason = Some(EVIL.to_owned());
    declaration.by = EVIL.to_owned();
    declaration.version = EVIL.to_owned();
    declaration.scenario = Some(EVIL.to_owned());
    declaration.controls = vec![EVIL.to_owned()];
    let long = "x".repeat(63);
    let point = RecoveryPoint {
        id: EVIL.to_owned(),
        time_source: EVIL.to_owned(),
        location: Some(EVIL.to_owned()),
        ..point("", 40)
    };
    let claim = ClaimId::new(&id("db"), 1, "folder");
    story
        .push(500, Event::Cleared { facts: vec![EVIL.to_owned()] })
        .restored(1_000, 9 * MINUTE, "db", 1, point)
        .check(10 * MINUTE, "db", 1, "integrity", passed_check(EVIL, EVIL, EVIL, None))
        .push(
            10 * MINUTE,
            Event::StepSucceeded { step: id("db"), outputs: [(EVIL.to_owned(), EVIL.to_owned())].into() },
        )
        .start(10 * MINUTE, "intact", 1)
        .check(
            20 * MINUTE,
            "intact",
            1,
            EVIL,
            CheckOutcome {
                details: vec![EVIL.to_owned()],
                digests: [(EVIL.to_owned(), EVIL.to_owned())].into(),
                ..passed_check(EVIL, EVIL, EVIL, Some(9))
            },
        )
        .succeed(20 * MINUTE, "intact")
        .start(20 * MINUTE, &long, 1)
        .push(
            20 * MINUTE,
            Event::ApprovalRequested { step: id(&long), question: EVIL.to_owned(), until: None },
        )
        .push(
            21 * MINUTE,
            Event::ApprovalAnswered {
                step: id(&long),
                approved: false,
                by: EVIL.to_owned(),
                note: Some(EVIL.to_owned()),
            },
        )
        .fail(21 * MINUTE, &long, 1, FaultClass::Permanent, EVIL, None)
        .teardown(21 * MINUTE, TeardownReason::Completed)
        .release(21 * MINUTE, "db", 1, "folder")
        .push(22 * MINUTE, Event::ClaimLeaked { claim, reason: EVIL.to_owned() })
        .finish(22 * MINUTE);
    story
}

/// So many restores side by side, each with a verify step after it.
pub(crate) fn wide(count: u64) -> Story {
    let names: Vec<_> = (0..count).map(|n| (format!("db-{n}"), format!("intact-{n}"))).collect();
    let steps = names.iter().flat_map(|(db, intact)| {
        [outline(db, SQLITE, &[], &["integrity"]), outline(intact, StepKind::Verify, &[db], &["all rows"])]
    });
    let mut story = Story::new(steps.collect(), Some("2h"), None);
    story.cleared(1_000);
    for (n, (db, intact)) in (0..).zip(&names) {
        let from = 1_000 + n * 20_000;
        story
            .restored(from, from + 10_000, db, 1, point("orders.db", 40))
            .check(from + 11_000, db, 1, "integrity", passed_check("integrity", "ok", "ok", None))
            .succeed(from + 11_000, db)
            .start(from + 11_000, intact, 1)
            .check(from + 19_000, intact, 1, "all rows", passed_check("query", "1", "1", Some(1)))
            .succeed(from + 19_000, intact);
    }
    let end = 1_000 + count * 20_000;
    story.teardown(end, TeardownReason::Completed);
    for (db, _) in &names {
        story.removed(end, end, db, 1, "folder");
    }
    story.finish(end);
    story
}

/// One step, and no time at all passes.
pub(crate) fn instant() -> Story {
    let mut story = Story::new(vec![outline("db", SQLITE, &[], &["integrity"])], None, None);
    story
        .cleared(0)
        .restored(0, 0, "db", 1, point("orders.db", 0))
        .check(0, "db", 1, "integrity", passed_check("integrity", "ok", "ok", None))
        .succeed(0, "db")
        .teardown(0, TeardownReason::Completed)
        .removed(0, 0, "db", 1, "folder")
        .finish(0);
    story
}

/// Every story, by name.
pub(crate) fn all() -> Vec<(&'static str, RunSummary)> {
    vec![
        ("passed", passed().summary()),
        ("objective_missed", objective_missed().summary()),
        ("failed_check", failed_check().summary()),
        ("refused", refused().summary()),
        ("aborted", aborted().summary()),
        ("leaked", leaked().summary()),
        ("resumed", resumed().summary()),
        ("approval_waiting", approval_waiting().summary_at(30 * MINUTE)),
        ("retried", retried().summary()),
        ("unfinished", unfinished().summary_at(15 * MINUTE)),
        ("clock_stepped", clock_stepped().summary()),
        ("hostile", hostile().summary()),
    ]
}
