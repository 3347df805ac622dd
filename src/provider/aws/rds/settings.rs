//! How the restored instance is made: what the playbook says, else what the source has, else a refusal. Pure.
//!
//! Left to itself, RDS gives a restored instance the default security group, the default parameter group and whatever the
//! service's defaults are that day. A drill on those proves little, and may be open to the world. So each is settled
//! here, written into the claim before it is made, and read back from the live instance.

use crate::{drill::Outputs, playbook::InstanceWish};

/// Keys of a claim's parameters and of a recovery point's details.
pub(super) mod keys {
    pub(in super::super) const ARN: &str = "arn";
    pub(in super::super) const REGION: &str = "region";
    pub(in super::super) const ACCOUNT: &str = "account";
    pub(in super::super) const TYPE: &str = "type";
    pub(in super::super) const ENGINE: &str = "engine";
    pub(in super::super) const ENGINE_VERSION: &str = "engine_version";
    pub(in super::super) const KMS_KEY: &str = "kms_key";
    pub(in super::super) const ENCRYPTED: &str = "encrypted";
    pub(in super::super) const STORAGE_TYPE: &str = "storage_type";
    pub(in super::super) const IOPS: &str = "iops";
    pub(in super::super) const THROUGHPUT: &str = "throughput";
    pub(in super::super) const GIB: &str = "gib";
    pub(in super::super) const OPTION_GROUP: &str = "option_group";
    pub(in super::super) const CLASS: &str = "class";
    pub(in super::super) const SUBNET_GROUP: &str = "subnet_group";
    pub(in super::super) const SECURITY_GROUPS: &str = "security_groups";
    pub(in super::super) const PARAMETER_GROUP: &str = "parameter_group";
    pub(in super::super) const CA: &str = "ca_certificate";
    pub(in super::super) const IAM: &str = "iam_authentication";
    pub(in super::super) const MULTI_AZ: &str = "multi_az";
    pub(in super::super) const PORT: &str = "port";
    pub(in super::super) const LICENSE: &str = "license_model";
    /// The snapshot that a claim is made from, by the name that the call wants.
    pub(in super::super) const SNAPSHOT: &str = "snapshot";
    /// The moment that continuous backup is restored to, and from what.
    pub(in super::super) const MOMENT: &str = "moment";
    pub(in super::super) const AUTOMATED_BACKUP: &str = "automated_backup";
    pub(in super::super) const RESOURCE: &str = "resource_id";
    pub(in super::super) const HYDRATION: &str = "hydration";
    pub(in super::super) const ENDPOINT: &str = "endpoint";
}

/// The details of the source instance bear this before their keys.
pub(super) const OF_SOURCE: &str = "source.";

/// Whether a group is one that RDS makes by itself for each engine. Such a group may not be there before it is first
/// used, so it can't be named in a call; that it was taken is read back.
pub(super) fn is_default(group: &str) -> bool {
    group.starts_with("default.") || group.starts_with("default:")
}

/// What a restored instance is made with, from wish and recovery point; `here`: the backup lies in the scratch region and is the
/// scratch account's own, so that the source's subnets and groups are at hand. `Err`: what is missing, each with what
/// to do.
pub(super) fn settle(wish: &InstanceWish, point: &Outputs, here: bool) -> Result<Outputs, Vec<String>> {
    let source = |key: &str| point.get(&format!("{OF_SOURCE}{key}")).cloned();
    let snapshot = |key: &str| point.get(key).cloned();
    let (mut settings, mut missing) = (Outputs::new(), Vec::new());
    let mut need = |key: &str, value: Option<String>, why: &str| match value {
        Some(value) => drop(settings.insert(key.to_owned(), value)),
        None => missing.push(format!("`into.{key}` is needed: {why}")),
    };
    let unseen = "the source instance can't be seen, so its own is not known";
    need(keys::CLASS, wish.class.clone().or_else(|| source(keys::CLASS)), unseen);
    let apart = match here {
        true => unseen,
        false => "the source's own is in another region or account",
    };
    let own_subnets = source(keys::SUBNET_GROUP).filter(|_| here);
    let subnet_group = wish.subnet_group.clone().or_else(|| own_subnets.clone());
    need(keys::SUBNET_GROUP, subnet_group.clone(), apart);
    // Security groups belong to a network: the source's fit only where the instance is put into the source's network.
    let own_groups = source(keys::SECURITY_GROUPS).filter(|_| here && subnet_group == own_subnets);
    let groups = match wish.security_groups.is_empty() {
        false => Some(wish.security_groups.join(",")),
        true => own_groups,
    };
    need(
        keys::SECURITY_GROUPS,
        groups,
        "those of the source are of another network, and the default group is not taken silently",
    );
    let parameters = wish.parameter_group.clone().or_else(|| source(keys::PARAMETER_GROUP));
    need(keys::PARAMETER_GROUP, parameters, unseen);
    let options = wish.option_group.clone().or_else(|| snapshot(keys::OPTION_GROUP));
    need(keys::OPTION_GROUP, options, "the recovery point does not tell the source's own");
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            settings.insert(key.to_owned(), value);
        }
    };
    put(keys::CA, wish.ca_certificate.clone().or_else(|| source(keys::CA)));
    let iam = wish.iam_authentication.map(|wish| wish.to_string()).or_else(|| source(keys::IAM));
    put(keys::IAM, Some(iam.unwrap_or_else(|| "false".to_owned())));
    put(keys::MULTI_AZ, Some(wish.multi_az.to_string()));
    put(keys::ENGINE, snapshot(keys::ENGINE));
    put(keys::ENGINE_VERSION, snapshot(keys::ENGINE_VERSION));
    put(keys::PORT, snapshot(keys::PORT));
    put(keys::GIB, snapshot(keys::GIB));
    put(keys::ENCRYPTED, snapshot(keys::ENCRYPTED));
    storage(wish, point, &mut put);
    Ok(settings)
}

/// Storage type, and provisioned performance only where there is any to provision: of a small gp3 volume RDS reports the
/// baseline that every such volume has, and refuses to be asked for it.
fn storage(wish: &InstanceWish, point: &Outputs, put: &mut dyn FnMut(&str, Option<String>)) {
    let number = |key: &str| point.get(key).and_then(|text| text.parse::<i64>().ok());
    let kind = wish.storage_type.clone().or_else(|| point.get(keys::STORAGE_TYPE).cloned());
    let same_kind =
        wish.storage_type.is_none() || wish.storage_type.as_ref() == point.get(keys::STORAGE_TYPE);
    let provisioned = kind.as_deref().is_some_and(|kind| kind.starts_with("io"));
    let large = number(keys::GIB).is_some_and(|gib| gib >= 400) && kind.as_deref() == Some("gp3");
    let iops = number(keys::IOPS).filter(|iops| same_kind && (provisioned || large && *iops > 12_000));
    let throughput = number(keys::THROUGHPUT).filter(|rate| same_kind && large && *rate > 500);
    let iops = wish.iops.map(i64::from).or(iops);
    put(keys::THROUGHPUT, wish.throughput.map(i64::from).or(throughput).map(|rate| rate.to_string()));
    put(keys::IOPS, iops.map(|iops| iops.to_string()));
    put(keys::STORAGE_TYPE, kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Outputs {
        [
            ("engine", "postgres"),
            ("engine_version", "16.3"),
            ("option_group", "default:postgres-16"),
            ("storage_type", "gp3"),
            ("iops", "3000"),
            ("throughput", "125"),
            ("gib", "20"),
            ("port", "5432"),
            ("encrypted", "true"),
            ("source.class", "db.r6g.large"),
            ("source.subnet_group", "prod"),
            ("source.security_groups", "sg-1,sg-2"),
            ("source.parameter_group", "orders-pg16"),
            ("source.ca_certificate", "rds-ca-rsa2048-g1"),
            ("source.iam_authentication", "true"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    #[test]
    fn beside_its_source_a_restore_is_made_as_the_source() {
        let made = settle(&InstanceWish::default(), &point(), true).expect("all is known");
        for (key, value) in [
            ("class", "db.r6g.large"),
            ("subnet_group", "prod"),
            ("security_groups", "sg-1,sg-2"),
            ("parameter_group", "orders-pg16"),
            ("option_group", "default:postgres-16"),
            ("iam_authentication", "true"),
            ("multi_az", "false"),
            ("storage_type", "gp3"),
        ] {
            assert_eq!(made.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert!(!made.contains_key("iops"), "the baseline of a small volume can't be asked for");
    }

    #[test]
    fn elsewhere_the_network_must_be_named() {
        let missing = settle(&InstanceWish::default(), &point(), false).expect_err("no network");
        let of = |key: &str| missing.iter().any(|line| line.starts_with(&format!("`into.{key}`")));
        assert!(of("subnet_group") && of("security_groups") && missing.len() == 2, "{missing:?}");
        let wish = InstanceWish {
            subnet_group: Some("drill".into()),
            security_groups: vec!["sg-0abc".into()],
            ..InstanceWish::default()
        };
        let made = settle(&wish, &point(), false).expect("named");
        assert_eq!(made["subnet_group"], "drill");
        assert_eq!(made["parameter_group"], "orders-pg16");
    }

    #[test]
    fn another_network_wants_its_own_security_groups() {
        let wish = InstanceWish { subnet_group: Some("drill".into()), ..InstanceWish::default() };
        let missing = settle(&wish, &point(), true).expect_err("the source's groups are of another network");
        assert!(missing.len() == 1 && missing[0].contains("security_groups"), "{missing:?}");
    }

    #[test]
    fn a_source_that_is_gone_leaves_everything_to_the_playbook() {
        let mut point = point();
        point.retain(|key, _| !key.starts_with(OF_SOURCE));
        let missing = settle(&InstanceWish::default(), &point, true).expect_err("nothing is known");
        assert_eq!(missing.len(), 4, "{missing:?}");
    }

    #[test]
    fn provisioned_performance_is_kept() {
        let mut large = point();
        large.insert("storage_type".into(), "io2".into());
        large.insert("iops".into(), "20000".into());
        let made = settle(&InstanceWish::default(), &large, true).expect("known");
        assert_eq!((made["storage_type"].as_str(), made["iops"].as_str()), ("io2", "20000"));
        let wish = InstanceWish { storage_type: Some("gp3".into()), ..InstanceWish::default() };
        let made = settle(&wish, &large, true).expect("known");
        assert!(made["storage_type"] == "gp3" && !made.contains_key("iops"));
    }

    #[test]
    fn default_groups_are_known() {
        assert!(is_default("default.postgres16") && is_default("default:mysql-8-0"));
        assert!(!is_default("orders-pg16") && !is_default("defaults"));
    }
}
