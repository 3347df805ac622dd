use super::*;
use crate::{
    playbook::InstanceWish,
    provider::aws::rds::chain::tests::{place, source},
};
use aws_sdk_rds::{
    primitives::DateTime,
    types::{RestoreWindow, Tag, builders::DbSnapshotBuilder},
};

const OWN: &str = "210987654321";

fn at(hours: i64) -> DateTime {
    DateTime::from_secs(1_795_424_400 + hours * 3600)
}

fn snapshot() -> DbSnapshotBuilder {
    DbSnapshot::builder()
        .db_snapshot_identifier("rds:orders-prod-2026-11-23-03-15")
        .db_snapshot_arn("arn:aws:rds:eu-west-1:210987654321:snapshot:rds:orders-prod-2026-11-23-03-15")
        .db_instance_identifier("orders-prod")
        .snapshot_create_time(at(1))
        .status("available")
        .engine("postgres")
        .allocated_storage(100)
        .encrypted(true)
        .kms_key_id("arn:aws:kms:eu-west-1:210987654321:key/11")
}

fn of(snapshot: DbSnapshotBuilder) -> Candidate {
    let source = source(InstanceWish::default());
    of_snapshot(&snapshot.build(), &place("eu-west-1", OWN), &source, &Selector::Latest, &Outputs::new())
        .expect("a name")
}

#[test]
fn the_moment_is_that_of_the_data_where_rds_tells_it() {
    let only = of(snapshot());
    assert_eq!((only.point.time_source.as_str(), only.unfit), ("snapshot", None));
    let copied = of(snapshot().original_snapshot_create_time(at(-2)));
    assert_eq!(only.point.time.since(copied.point.time), crate::time::Period::from_secs(3 * 3600));
    let told = of(snapshot().original_snapshot_create_time(at(-2)).snapshot_database_time(at(-3)));
    assert_eq!(told.point.time_source, "snapshot, database time");
    assert!(told.point.time < copied.point.time);
}

#[test]
fn what_can_not_be_restored_says_why() {
    let why = |snapshot: DbSnapshotBuilder| of(snapshot).unfit.unwrap_or_default();
    assert_eq!(why(snapshot().status("creating").percent_progress(30)), "it is creating (30 %)");
    let copy = snapshot().tag_list(Tag::builder().key(RUN).value("x").build());
    assert!(why(copy).contains("made and removes"));
    assert_eq!(why(snapshot().set_snapshot_create_time(None)), "RDS does not tell its moment");
}

#[test]
fn tags_are_asked_for() {
    let mut source = source(InstanceWish::default());
    source.home.tags.insert("tier".into(), "gold".into());
    let unfit = |snapshot: DbSnapshotBuilder| {
        of_snapshot(&snapshot.build(), &place("eu-west-1", OWN), &source, &Selector::Latest, &Outputs::new())
            .and_then(|candidate| candidate.unfit)
    };
    let tag = |value: &str| Tag::builder().key("tier").value(value).build();
    assert_eq!(unfit(snapshot().tag_list(tag("gold"))), None);
    assert_eq!(unfit(snapshot().tag_list(tag("tin"))), Some("its tag tier is tin, not gold".to_owned()));
    assert_eq!(unfit(snapshot()), Some("it has no tag tier".to_owned()));
}

#[test]
fn an_encrypted_snapshot_of_another_account_and_region_is_out_of_reach() {
    let unfit = |home: &str, encrypted: bool| {
        let snapshot = snapshot().encrypted(encrypted).build();
        let place = place(home, "123456789012");
        of_snapshot(&snapshot, &place, &source(InstanceWish::default()), &Selector::Latest, &Outputs::new())
            .and_then(|candidate| candidate.unfit)
    };
    assert!(unfit("eu-west-1", true).is_some_and(|why| why.contains("copy it to eu-central-1")));
    assert_eq!((unfit("eu-west-1", false), unfit("eu-central-1", true)), (None, None));
}

#[test]
fn a_snapshot_goes_by_its_name_or_by_its_arn_where_that_is_asked_for() {
    let named = of(snapshot());
    assert_eq!(named.point.id, "rds:orders-prod-2026-11-23-03-15");
    let arn = named.point.details["arn"].clone();
    let source = source(InstanceWish::default());
    let asked = Selector::Id(arn.clone());
    let found = of_snapshot(&snapshot().build(), &place("eu-west-1", OWN), &source, &asked, &Outputs::new());
    assert_eq!(found.expect("a name").point.id, arn);
}

fn backup(region: &str) -> DbInstanceAutomatedBackup {
    DbInstanceAutomatedBackup::builder()
        .db_instance_arn(format!("arn:aws:rds:{region}:{OWN}:db:orders-prod"))
        .db_instance_automated_backups_arn(format!("arn:aws:rds:eu-central-1:{OWN}:auto-backup:ab-1"))
        .dbi_resource_id("db-ABC")
        .status("active")
        .engine("postgres")
        .restore_window(RestoreWindow::builder().earliest_time(at(-48)).latest_time(at(0)).build())
        .build()
}

#[test]
fn moments_outside_the_window_are_unfit() {
    let source = source(InstanceWish::default());
    let of = |wish: &Selector| {
        let place = place("eu-central-1", OWN);
        of_backup(&backup("eu-central-1"), &place, &source, wish, &Outputs::new()).expect("a moment")
    };
    let latest = of(&Selector::PointInTimeLatest);
    let end = describe::moment(&at(0)).expect("a moment");
    assert_eq!((latest.point.time, latest.unfit), (end, None));
    assert_eq!(latest.point.id, format!("arn:aws:rds:eu-central-1:{OWN}:auto-backup:ab-1@{end}"));
    assert!(!latest.point.details.contains_key("automated_backup"), "it is of this region");
    let moment = |hours: i64| Selector::PointInTime(describe::moment(&at(hours)).expect("a moment"));
    assert_eq!(of(&moment(-1)).unfit, None);
    assert!(of(&moment(1)).unfit.is_some_and(|why| why.contains("reaches to")));
    assert!(of(&moment(-50)).unfit.is_some_and(|why| why.contains("begins at")));
}

#[test]
fn a_backup_that_is_replicated_is_named_by_its_own_arn() {
    let (home, source) = (place("eu-west-1", OWN), source(InstanceWish::default()));
    let replicated = backup("eu-west-1");
    assert!(is_of(&replicated, &home) && !is_of(&backup("eu-central-1"), &home));
    let found = of_backup(&replicated, &home, &source, &Selector::Latest, &Outputs::new()).expect("a moment");
    assert!(found.point.details["automated_backup"].ends_with("ab-1"));
    assert_eq!(found.point.details["type"], "continuous, replicated");
    let none = no_backup(&home, &source, &Selector::PointInTimeLatest).and_then(|none| none.unfit);
    assert!(none.is_some_and(|why| why.contains("not replicated to eu-central-1")));
}
