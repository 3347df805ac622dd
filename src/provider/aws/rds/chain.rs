//! From a recovery point to the claims that restore it. Pure: all that is needed later, after a crash too, is in the claims.
//!
//! | the backup lies | chain |
//! | --- | --- |
//! | in the scratch region, the scratch account's own | `instance` |
//! | in another region, or another account's and encrypted, or to be encrypted with another key | `snapshot_copy` -> `instance` |
//! | in continuous backup, here or replicated here | `instance` |

use super::{
    names::identifier,
    place::Place,
    settings::{is_default, keys, settle},
};
use crate::{
    drill::{CONTINUOUS, Fault, Link, Outputs, RecoveryPoint},
    playbook::{HydrationWish, RdsSource},
    ports::RestoreRequest,
    provider::aws::client::permanent,
    time::Period,
};

/// The link of a snapshot copied to the scratch region.
pub(super) const COPY: &str = "snapshot_copy";
/// The link of the restored instance.
pub(super) const INSTANCE: &str = "instance";

/// New things show late, and a request may still be under way when its sender is gone.
pub(super) const SETTLE: Period = Period::from_secs(20);

/// The claims that restore `point`.
pub(super) fn links(
    ask: &RestoreRequest<'_>,
    place: &Place,
    source: &RdsSource,
    point: &RecoveryPoint,
) -> Result<Vec<Link>, Fault> {
    plan(place, source, point).map_err(|why| permanent(why.join("; "))).map(|plan| {
        let name = identifier(ask.run, ask.step, ask.attempt);
        let link = |(kind, params): (&str, Outputs)| Link {
            kind: kind.to_owned(),
            scope: place.scope(),
            name: name.clone(),
            params,
            settle: SETTLE,
        };
        plan.into_iter().map(link).collect()
    })
}

/// Kinds and parameters of the claims. `Err`: what stands against it, each with what to do.
pub(super) fn plan(
    place: &Place,
    source: &RdsSource,
    point: &RecoveryPoint,
) -> Result<Vec<(&'static str, Outputs)>, Vec<String>> {
    let details = &point.details;
    let arn = details.get(keys::ARN).cloned().unwrap_or_else(|| point.id.clone());
    let mut against = Vec::new();
    let mut instance = settle(&source.into, details, place.here()).unwrap_or_else(|missing| {
        against.extend(missing);
        Outputs::new()
    });
    instance.insert(
        keys::HYDRATION.to_owned(),
        match source.hydration {
            HydrationWish::Wait => "wait".to_owned(),
            HydrationWish::Measure => "measure".to_owned(),
        },
    );
    if let Some((host, port)) = &source.endpoint {
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        instance.insert(keys::ENDPOINT.to_owned(), format!("{host}:{port}"));
    }
    let mut plan = Vec::new();
    if point.time_source == CONTINUOUS {
        if let Some(key) = &source.into.kms_key {
            against.push(format!(
                "`into.kms_key: {key}` can't be had of continuous backup, which keeps its own key: leave it out, or restore a snapshot"
            ));
        }
        instance.insert(keys::MOMENT.to_owned(), point.time.to_string());
        for key in [keys::AUTOMATED_BACKUP, keys::RESOURCE] {
            instance.extend(details.get(key).map(|value| (key.to_owned(), value.clone())));
        }
    } else {
        let copied = copy(place, source, point, &arn, &mut against);
        match copied {
            Some(params) => {
                if params.contains_key(keys::KMS_KEY) {
                    instance.insert(keys::ENCRYPTED.to_owned(), "true".to_owned());
                }
                plan.push((COPY, params));
            }
            None => drop(instance.insert(keys::SNAPSHOT.to_owned(), arn)),
        }
    }
    plan.push((INSTANCE, instance));
    if against.is_empty() { Ok(plan) } else { Err(against) }
}

/// What a copy is made with, where there must be one.
fn copy(
    place: &Place,
    source: &RdsSource,
    point: &RecoveryPoint,
    arn: &str,
    against: &mut Vec<String>,
) -> Option<Outputs> {
    let details = &point.details;
    let encrypted = point.encrypted == Some(true);
    let key = source.into.kms_key.as_ref();
    let away = place.home != place.region;
    let new_key = key.is_some_and(|key| !is_key(details.get(keys::KMS_KEY), key));
    let closed = encrypted && !place.own();
    if !(away || closed || new_key) {
        return None;
    }
    if encrypted && key.is_none() {
        let why = if away { "keys don't reach across regions" } else { "the key is another account's" };
        against.push(format!(
            "`into.kms_key` is needed: the backup is encrypted and {why}; name a key of {}, such as alias/drill",
            place.region
        ));
    }
    let mut params = Outputs::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            params.insert(key.to_owned(), value);
        }
    };
    put(keys::ARN, Some(arn.to_owned()));
    put(keys::REGION, Some(place.home.clone()));
    put(keys::KMS_KEY, key.cloned());
    put(keys::ENCRYPTED, Some((encrypted || key.is_some()).to_string()));
    put(keys::GIB, details.get(keys::GIB).cloned());
    // Groups don't reach across regions: where the source has one of its own, the copy must be given one of its new region.
    let group = source.into.option_group.clone().or_else(|| details.get(keys::OPTION_GROUP).cloned());
    put(keys::OPTION_GROUP, group.filter(|group| away && !is_default(group)));
    Some(params)
}

/// Whether a key, as RDS tells it (an ARN), is the one that the playbook names. An alias can't be told apart, so it is another.
fn is_key(found: Option<&String>, wanted: &str) -> bool {
    found.is_some_and(|found| found == wanted || found.rsplit('/').next() == Some(wanted))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{playbook::InstanceWish, time::Timestamp};

    pub(in super::super) fn place(home: &str, owner: &str) -> Place {
        Place {
            account: "210987654321".into(),
            region: "eu-central-1".into(),
            home: home.into(),
            owner: owner.into(),
        }
    }

    pub(in super::super) fn source(into: InstanceWish) -> RdsSource {
        RdsSource {
            instance: "orders-prod".into(),
            home: Default::default(),
            into,
            hydration: HydrationWish::Measure,
            endpoint: None,
            live: None,
        }
    }

    fn wish() -> InstanceWish {
        InstanceWish {
            class: Some("db.t4g.medium".into()),
            subnet_group: Some("drill".into()),
            security_groups: vec!["sg-0abc".into()],
            parameter_group: Some("default.postgres16".into()),
            ..InstanceWish::default()
        }
    }

    fn point(encrypted: bool) -> RecoveryPoint {
        let details = [
            ("arn", "arn:aws:rds:eu-west-1:210987654321:snapshot:nightly"),
            ("engine", "postgres"),
            ("option_group", "default:postgres-16"),
            ("kms_key", "arn:aws:kms:eu-west-1:210987654321:key/11"),
        ];
        RecoveryPoint {
            id: "nightly".into(),
            time: Timestamp::from_millis(1_795_424_400_000),
            time_source: "snapshot".into(),
            location: None,
            bytes: None,
            encrypted: Some(encrypted),
            details: details.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        }
    }

    fn kinds(plan: &[(&'static str, Outputs)]) -> Vec<&'static str> {
        plan.iter().map(|(kind, _)| *kind).collect()
    }

    const OWN: &str = "210987654321";
    const OTHER: &str = "123456789012";

    #[test]
    fn a_copy_is_made_only_where_there_must_be_one() {
        let of = |home: &str, owner: &str, encrypted, into| {
            plan(&place(home, owner), &source(into), &point(encrypted))
        };
        let here = of("eu-central-1", OWN, true, wish()).expect("a plan");
        assert_eq!(kinds(&here), [INSTANCE]);
        assert!(here[0].1["snapshot"].ends_with(":nightly"));
        let away = of("eu-west-1", OWN, false, wish()).expect("a plan");
        assert_eq!(kinds(&away), [COPY, INSTANCE]);
        assert!(!away[1].1.contains_key("snapshot"), "it comes from the copy");
        let shared = of("eu-central-1", OTHER, false, wish()).expect("a plan");
        assert_eq!(kinds(&shared), [INSTANCE]);
        let keyed = InstanceWish { kms_key: Some("alias/drill".into()), ..wish() };
        let shared = of("eu-central-1", OTHER, true, keyed.clone()).expect("a plan");
        assert_eq!((kinds(&shared), shared[0].1["kms_key"].as_str()), (vec![COPY, INSTANCE], "alias/drill"));
        let anew = of("eu-central-1", OWN, false, keyed).expect("a plan");
        assert_eq!((kinds(&anew), anew[1].1["encrypted"].as_str()), (vec![COPY, INSTANCE], "true"));
        let same = InstanceWish { kms_key: Some("11".into()), ..wish() };
        assert_eq!(kinds(&of("eu-central-1", OWN, true, same).expect("a plan")), [INSTANCE]);
    }

    #[test]
    fn an_encrypted_backup_wants_a_key_of_the_scratch_region() {
        for (home, owner) in [("eu-west-1", OWN), ("eu-central-1", OTHER)] {
            let why = plan(&place(home, owner), &source(wish()), &point(true)).expect_err("no key");
            assert!(why.len() == 1 && why[0].contains("`into.kms_key` is needed"), "{why:?}");
        }
    }

    #[test]
    fn an_option_group_of_its_own_is_named_for_a_copy() {
        let mut point = point(false);
        point.details.insert("option_group".into(), "orders-mysql".into());
        let away = plan(&place("eu-west-1", OWN), &source(wish()), &point).expect("a plan");
        assert_eq!(
            (away[0].1["option_group"].as_str(), away[1].1["option_group"].as_str()),
            ("orders-mysql", "orders-mysql")
        );
    }

    #[test]
    fn a_moment_is_restored_without_a_copy() {
        let mut point = point(true);
        point.time_source = CONTINUOUS.into();
        point.details.insert(
            "automated_backup".into(),
            "arn:aws:rds:eu-central-1:210987654321:auto-backup:ab-1".into(),
        );
        let made = plan(&place("eu-west-1", OWN), &source(wish()), &point).expect("a plan");
        assert_eq!(kinds(&made), [INSTANCE]);
        assert_eq!(made[0].1["moment"], point.time.to_string());
        assert!(made[0].1["automated_backup"].ends_with("ab-1"));
        let keyed = InstanceWish { kms_key: Some("alias/drill".into()), ..wish() };
        assert!(plan(&place("eu-west-1", OWN), &source(keyed), &point).is_err());
    }
}
