//! What the live instance really is, against what was asked for. Pure.
//!
//! A service, or a defaults policy of the account, may drop or change what a call says. An instance that is open to the
//! world or that can't be deleted is not one to load production's data into and log in to.

use super::settings::{is_default, keys};
use crate::drill::Outputs;
use aws_sdk_rds::types::DbInstance;
use std::collections::BTreeSet;

/// Every attribute that is not as it was asked for, in words.
pub(super) fn faults(live: &DbInstance, wanted: &Outputs) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    let text = |key: &str| wanted.get(key).map(String::as_str);
    let truth = |key: &str| wanted.get(key).map(|text| text == "true");

    // Safety: no answer is no proof.
    faults.must("PubliclyAccessible", live.publicly_accessible(), false);
    // RDS leaves what is off out of some answers.
    faults.must("DeletionProtection", Some(live.deletion_protection().unwrap_or(false)), false);
    faults.must("CopyTagsToSnapshot", Some(live.copy_tags_to_snapshot().unwrap_or(false)), false);
    faults.must("AutoMinorVersionUpgrade", live.auto_minor_version_upgrade(), false);
    faults.must("BackupRetentionPeriod", live.backup_retention_period(), 0);
    faults.must("MultiAZ", live.multi_az(), truth(keys::MULTI_AZ).unwrap_or(false));
    let iam = live.iam_database_authentication_enabled().unwrap_or(false);
    faults.must("IAMDatabaseAuthenticationEnabled", Some(iam), truth(keys::IAM).unwrap_or(false));
    if truth(keys::ENCRYPTED) == Some(true) {
        faults.must("StorageEncrypted", live.storage_encrypted(), true);
    }

    faults.same("DBInstanceClass", live.db_instance_class(), text(keys::CLASS));
    let subnets = live.db_subnet_group().and_then(|group| group.db_subnet_group_name());
    faults.same("DBSubnetGroup", subnets, text(keys::SUBNET_GROUP));
    faults.same("Engine", live.engine(), text(keys::ENGINE));
    faults.same("CACertificateIdentifier", live.ca_certificate_identifier(), text(keys::CA));
    faults.same("StorageType", live.storage_type(), text(keys::STORAGE_TYPE));

    let live_groups: BTreeSet<&str> =
        live.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).collect();
    let wanted_groups: BTreeSet<&str> =
        text(keys::SECURITY_GROUPS).map(|groups| groups.split(',').collect()).unwrap_or_default();
    if live_groups != wanted_groups {
        faults.say("VpcSecurityGroups", &listed(&live_groups), &listed(&wanted_groups));
    }

    let parameters: Vec<&str> =
        live.db_parameter_groups().iter().filter_map(|group| group.db_parameter_group_name()).collect();
    faults.group("DBParameterGroup", &parameters, text(keys::PARAMETER_GROUP));
    let options: Vec<&str> =
        live.option_group_memberships().iter().filter_map(|group| group.option_group_name()).collect();
    faults.group("OptionGroup", &options, text(keys::OPTION_GROUP));
    faults.0
}

fn listed(groups: &BTreeSet<&str>) -> String {
    match groups.is_empty() {
        true => "none".to_owned(),
        false => groups.iter().copied().collect::<Vec<_>>().join(", "),
    }
}

struct Faults(Vec<String>);

impl Faults {
    fn say(&mut self, attribute: &str, found: &str, wanted: &str) {
        self.0.push(format!("{attribute} is {found}, and {wanted} was asked for"));
    }

    fn must<T: PartialEq + std::fmt::Display>(&mut self, attribute: &str, found: Option<T>, wanted: T) {
        match found {
            Some(found) if found == wanted => {}
            Some(found) => self.say(attribute, &found.to_string(), &wanted.to_string()),
            None => self.say(attribute, "not told", &wanted.to_string()),
        }
    }

    fn same(&mut self, attribute: &str, found: Option<&str>, wanted: Option<&str>) {
        let Some(wanted) = wanted else { return };
        if !found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)) {
            self.say(attribute, found.unwrap_or("not told"), wanted);
        }
    }

    fn group(&mut self, attribute: &str, found: &[&str], wanted: Option<&str>) {
        let Some(wanted) = wanted else { return };
        if found.contains(&wanted) {
            return;
        }
        // The default group of a source on another engine version has another name.
        if is_default(wanted) && !found.is_empty() && found.iter().all(|group| is_default(group)) {
            return;
        }
        self.say(attribute, &if found.is_empty() { "not told".to_owned() } else { found.join(", ") }, wanted);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_sdk_rds::types::{
        DbParameterGroupStatus, DbSubnetGroup, OptionGroupMembership, VpcSecurityGroupMembership,
        builders::DbInstanceBuilder,
    };

    /// An instance as [`wanted`] wants it.
    pub(in super::super) fn live() -> DbInstanceBuilder {
        DbInstance::builder()
            .db_instance_identifier("fd-07070707-orders-db-1")
            .db_instance_status("available")
            .publicly_accessible(false)
            .deletion_protection(false)
            .copy_tags_to_snapshot(false)
            .auto_minor_version_upgrade(false)
            .backup_retention_period(0)
            .multi_az(false)
            .iam_database_authentication_enabled(false)
            .storage_encrypted(true)
            .db_instance_class("db.t4g.medium")
            .engine("postgres")
            .engine_version("16.3")
            .db_subnet_group(DbSubnetGroup::builder().db_subnet_group_name("drill").build())
            .vpc_security_groups(VpcSecurityGroupMembership::builder().vpc_security_group_id("sg-1").build())
            .db_parameter_groups(
                DbParameterGroupStatus::builder().db_parameter_group_name("default.postgres16").build(),
            )
            .option_group_memberships(
                OptionGroupMembership::builder().option_group_name("default:postgres-16").build(),
            )
    }

    pub(in super::super) fn wanted() -> Outputs {
        [
            ("class", "db.t4g.medium"),
            ("subnet_group", "drill"),
            ("security_groups", "sg-1"),
            ("parameter_group", "default.postgres16"),
            ("option_group", "default:postgres-16"),
            ("multi_az", "false"),
            ("iam_authentication", "false"),
            ("encrypted", "true"),
            ("engine", "postgres"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    #[test]
    fn an_instance_as_asked_for_has_no_faults() {
        assert_eq!(faults(&live().build(), &wanted()), Vec::<String>::new());
    }

    #[test]
    fn every_attribute_that_differs_is_named() {
        let group = |name: &str| VpcSecurityGroupMembership::builder().vpc_security_group_id(name).build();
        let changes: Vec<(&str, DbInstanceBuilder)> = vec![
            ("PubliclyAccessible", live().publicly_accessible(true)),
            ("PubliclyAccessible", live().set_publicly_accessible(None)),
            ("DeletionProtection", live().deletion_protection(true)),
            ("CopyTagsToSnapshot", live().copy_tags_to_snapshot(true)),
            ("AutoMinorVersionUpgrade", live().auto_minor_version_upgrade(true)),
            ("BackupRetentionPeriod", live().backup_retention_period(7)),
            ("MultiAZ", live().multi_az(true)),
            ("IAMDatabaseAuthenticationEnabled", live().iam_database_authentication_enabled(true)),
            ("StorageEncrypted", live().storage_encrypted(false)),
            ("DBInstanceClass", live().db_instance_class("db.m7g.large")),
            ("Engine", live().engine("mysql")),
            ("DBSubnetGroup", live().set_db_subnet_group(None)),
            ("VpcSecurityGroups", live().vpc_security_groups(group("sg-default"))),
            ("VpcSecurityGroups", live().set_vpc_security_groups(None)),
            ("DBParameterGroup", live().set_db_parameter_groups(None)),
            ("OptionGroup", live().set_option_group_memberships(None)),
        ];
        for (attribute, live) in changes {
            let faults = faults(&live.build(), &wanted());
            assert!(faults.len() == 1 && faults[0].starts_with(attribute), "{attribute}: {faults:?}");
        }
    }

    #[test]
    fn a_group_of_its_own_is_not_replaced_by_a_default() {
        let mut wanted = wanted();
        wanted.insert("parameter_group".into(), "orders-pg16".into());
        let faults = faults(&live().build(), &wanted);
        assert!(faults.len() == 1 && faults[0].contains("orders-pg16"), "{faults:?}");
    }
}
