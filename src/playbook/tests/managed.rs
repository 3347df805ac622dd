//! Databases that AWS runs.

use super::{HEAD, parse};
use crate::playbook::{Action, HydrationWish, InstanceWish, Playbook, RdsSource, Selector, Source};
use std::path::Path;

fn text(rds: &str) -> String {
    format!(
        "{HEAD}steps:\n  - id: db\n    restore: {{ rds: {rds} }}\n  - id: ok\n    needs: [db]\n    run: [\"true\"]\n"
    )
}

fn rds(text: &str) -> (RdsSource, Selector) {
    let checked = parse(text);
    let Action::Restore(restore) = &checked.playbook.steps()[0].action else { panic!("a restore") };
    let Source::Rds(source) = &restore.source else { panic!("rds") };
    (source.clone(), restore.recovery_point.clone())
}

#[test]
fn an_instance_is_read_in_full() {
    let (source, point) = rds(&text(
        "{ instance: Orders-Prod, region: eu-west-1, account: \"123456789012\", tags: { tier: gold }, \
         recovery_point: { point_in_time: latest }, hydration: wait, endpoint: \"[::1]:15432\", \
         into: { class: db.r6g.large, subnet_group: drill, security_groups: [sg-1, sg-2], parameter_group: pg, \
         option_group: og, kms_key: alias/drill, ca_certificate: rds-ca-rsa2048-g1, iam_authentication: true, \
         storage_type: gp3, iops: 12000, throughput: 500, multi_az: true } }",
    ));
    assert_eq!((source.instance.as_str(), point), ("orders-prod", Selector::PointInTimeLatest));
    assert_eq!(source.home.region.as_deref(), Some("eu-west-1"));
    assert_eq!(source.home.account.as_deref(), Some("123456789012"));
    assert_eq!(source.home.tags.get("tier").map(String::as_str), Some("gold"));
    assert_eq!((source.hydration, source.endpoint), (HydrationWish::Wait, Some(("::1".into(), 15432))));
    let into = InstanceWish {
        class: Some("db.r6g.large".into()),
        subnet_group: Some("drill".into()),
        security_groups: vec!["sg-1".into(), "sg-2".into()],
        parameter_group: Some("pg".into()),
        option_group: Some("og".into()),
        kms_key: Some("alias/drill".into()),
        ca_certificate: Some("rds-ca-rsa2048-g1".into()),
        iam_authentication: Some(true),
        storage_type: Some("gp3".into()),
        iops: Some(12_000),
        throughput: Some(500),
        multi_az: true,
    };
    assert_eq!(source.into, into);
}

#[test]
fn what_an_instance_leaves_out_is_left_to_the_source() {
    let (source, point) = rds(&text("{ instance: orders-prod }"));
    assert_eq!((source.into, point), (InstanceWish::default(), Selector::Latest));
    assert_eq!((source.hydration, source.endpoint, source.live), (HydrationWish::Measure, None, None));
}

#[test]
fn slips_are_told() {
    for (rds, part) in [
        (
            "{ instance: \"arn:aws:rds:eu-west-1:123456789012:db:orders\" }",
            "the part of the ARN after `:db:`",
        ),
        ("{ instance: orders--prod }", "is not the identifier of a DB instance"),
        ("{ instance: orders, endpoint: localhost }", "is not a host and a port"),
        ("{ instance: orders, endpoint: \"http://x:5432\" }", "is not a host and a port"),
        ("{ instance: orders, into: { iops: 10 } }", "out of range"),
    ] {
        let faults = Playbook::parse(Path::new("drills/x.yaml"), &text(rds)).expect_err(rds).to_string();
        assert!(faults.contains(part), "{rds}: {faults}");
    }
}
