use super::*;
use crate::provider::aws::{
    rds::readback::tests::{live as builder, wanted},
    tags::tests::claim,
};
use aws_sdk_rds::types::{Endpoint, builders::DbInstanceBuilder};

fn instance() -> Claim {
    let mut claim = claim(INSTANCE, "fd-07070707-orders-db-1");
    claim.link.params = wanted();
    claim
}

/// As it was asked for, with its endpoint and its tags.
fn live() -> DbInstanceBuilder {
    builder()
        .set_tag_list(Some(describe::as_tags(&tags::of(&instance()))))
        .db_instance_arn("arn:aws:rds:eu-central-1:210987654321:db:fd-07070707-orders-db-1")
        .endpoint(Endpoint::builder().address("fd.x.eu-central-1.rds.amazonaws.com").port(5432).build())
        .master_username("app")
}

fn seen(live: DbInstanceBuilder, claim: &Claim) -> Observation {
    Watcher::default().of_instance(&live.build(), claim)
}

#[test]
fn only_available_and_as_asked_for_is_ready() {
    let Observation::Ready { outputs, hydration } = seen(live(), &instance()) else { panic!("ready") };
    assert_eq!(hydration, Hydration::Unknown);
    for (key, value) in [
        ("endpoint", "fd.x.eu-central-1.rds.amazonaws.com:5432"),
        ("port", "5432"),
        ("engine", "postgres"),
        ("user", "app"),
        ("tls", "verify-full"),
        ("region", "eu-central-1"),
        ("claim", "orders-db/1/instance"),
    ] {
        assert_eq!(outputs.get(key).map(String::as_str), Some(value), "{key}");
    }
    let Observation::Broken { reason } = seen(live().publicly_accessible(true), &instance()) else {
        panic!("open to the world")
    };
    assert!(reason.contains("PubliclyAccessible is true"), "{reason}");
    let Observation::Pending { note, .. } = seen(live().set_endpoint(None), &instance()) else {
        panic!("no endpoint")
    };
    assert!(note.contains("no endpoint"), "{note}");
}

#[test]
fn words_of_rds_are_told_apart_and_unknown_ones_are_waited_for() {
    for (status, wanted) in [
        ("available", Stage::Usable),
        ("storage-optimization", Stage::Usable),
        ("creating", Stage::Underway),
        ("backing-up", Stage::Underway),
        ("modifying", Stage::Underway),
        ("deleting", Stage::Underway),
        ("resetting-master-credentials", Stage::Underway),
        ("a-word-of-next-year", Stage::Underway),
        ("Available", Stage::Underway),
        ("failed", Stage::Broken),
        ("incompatible-parameters", Stage::Broken),
        ("incompatible-restore", Stage::Broken),
        ("storage-full", Stage::Broken),
    ] {
        assert_eq!(stage(status), wanted, "{status}");
    }
    let Observation::Pending { progress, note } =
        seen(live().db_instance_status("creating").percent_progress("40"), &instance())
    else {
        panic!("pending")
    };
    assert_eq!((progress, note.as_str()), (Some(0.4), "creating"));
}

#[test]
fn a_look_alike_is_never_ready() {
    let mut other = instance();
    other.attempt = 2;
    other.id = ClaimId::new(&other.step, 2, INSTANCE);
    for (live, claim) in [(live(), &other), (live().set_tag_list(None), &instance())] {
        let Observation::Broken { reason } = seen(live, claim) else { panic!("not ours") };
        assert!(reason.contains("not this run's"), "{reason}");
    }
}

#[test]
fn changes_under_way_are_waited_for() {
    let pending = aws_sdk_rds::types::PendingModifiedValues::builder();
    let changing = live().pending_modified_values(pending.clone().backup_retention_period(0).build());
    assert!(matches!(seen(changing.backup_retention_period(7), &instance()), Observation::Pending { .. }));
    let password = live().pending_modified_values(pending.master_user_password("****").build());
    assert!(matches!(seen(password, &instance()), Observation::Ready { .. }));
}

#[test]
fn storage_that_was_seen_loading_is_loaded_once_rds_no_longer_says_so() {
    let watcher = Watcher::default();
    let loading = live().storage_operation_status("Initializing").storage_operation_percent_progress(30);
    let hydration = |live: DbInstanceBuilder, claim: &Claim| match watcher.of_instance(&live.build(), claim) {
        Observation::Ready { hydration, .. } => Some(hydration),
        Observation::Pending { progress, .. } => {
            assert_eq!(progress, Some(0.3));
            None
        }
        _ => panic!("neither ready nor pending"),
    };
    assert_eq!(hydration(live(), &instance()), Some(Hydration::Unknown));
    assert_eq!(hydration(loading.clone(), &instance()), Some(Hydration::Loading));
    assert_eq!(hydration(live(), &instance()), Some(Hydration::Complete));
    let mut waiting = instance();
    waiting.link.params.insert("hydration".into(), "wait".into());
    assert_eq!(hydration(loading, &waiting), None);
    assert_eq!(hydration(live(), &waiting), Some(Hydration::Complete));
}

#[test]
fn another_way_to_the_database_changes_how_its_certificate_is_checked() {
    let mut claim = instance();
    claim.link.params.insert("endpoint".into(), "127.0.0.1:15432".into());
    let Observation::Ready { outputs, .. } = seen(live(), &claim) else { panic!("ready") };
    assert_eq!((outputs["host"].as_str(), outputs["port"].as_str()), ("127.0.0.1", "15432"));
    assert_eq!(outputs["tls"], "verify-ca");
    assert_eq!(outputs["address"], "fd.x.eu-central-1.rds.amazonaws.com:5432");
}

#[test]
fn a_copy_is_ready_once_available_ours_and_encrypted_as_asked() {
    let mut claim = claim(COPY, "fd-07070707-orders-db-1");
    claim.link.params.insert("encrypted".into(), "true".into());
    let live = || {
        DbSnapshot::builder()
            .db_snapshot_identifier("fd-07070707-orders-db-1")
            .status("available")
            .encrypted(true)
            .set_tag_list(Some(describe::as_tags(&tags::of(&claim))))
    };
    let Observation::Ready { outputs, .. } = of_copy(&live().build(), &claim) else { panic!("ready") };
    assert_eq!(outputs["snapshot"], "fd-07070707-orders-db-1");
    assert!(matches!(of_copy(&live().encrypted(false).build(), &claim), Observation::Broken { .. }));
    assert!(matches!(of_copy(&live().status("failed").build(), &claim), Observation::Broken { .. }));
    assert!(matches!(of_copy(&live().set_tag_list(None).build(), &claim), Observation::Broken { .. }));
    let Observation::Pending { progress, .. } =
        of_copy(&live().status("creating").percent_progress(25).build(), &claim)
    else {
        panic!("pending")
    };
    assert_eq!(progress, Some(0.25));
}
