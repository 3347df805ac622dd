//! The reading calls. All pages are read, 100 things at a time; "not there" is an answer, no error.

use crate::{
    provider::aws::{
        client::Connection,
        errors::{Call, Kind, Problem},
        tags::Tags,
    },
    time::Timestamp,
};
use aws_sdk_rds::{
    primitives::DateTime,
    types::{
        DbInstance, DbInstanceAutomatedBackup, DbSnapshot, DbSubnetGroup, OrderableDbInstanceOption, Tag,
    },
};

/// As many as RDS gives at once.
const PAGE: i32 = 100;

/// Nothing, where what was asked for is not there.
fn unless_missing<T>(answer: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(problem) if problem.kind == Kind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Every instance of the account and region.
pub(super) async fn instances(at: &Connection) -> Result<Vec<DbInstance>, Problem> {
    let call = Call::rds("DescribeDBInstances", &at.region);
    let pages = at.rds.describe_db_instances().into_paginator().page_size(PAGE).items().send();
    pages.try_collect().await.map_err(|error| call.problem(error))
}

/// The instance of that name, if it is there.
pub(super) async fn instance(at: &Connection, name: &str) -> Result<Option<DbInstance>, Problem> {
    let call = Call::rds("DescribeDBInstances", &at.region);
    let answer = at.rds.describe_db_instances().db_instance_identifier(name).send().await;
    let found = unless_missing(answer.map_err(|error| call.problem(error)))?;
    let all = found.and_then(|found| found.db_instances).unwrap_or_default();
    Ok(all.into_iter().find(|instance| same(instance.db_instance_identifier(), name)))
}

/// Every manual snapshot of the account and region: copies are manual snapshots.
pub(super) async fn manual_snapshots(at: &Connection) -> Result<Vec<DbSnapshot>, Problem> {
    snapshots(at, None, Some("manual")).await
}

/// Snapshots of one instance or of all, of one type or of those that the account made.
pub(super) async fn snapshots(
    at: &Connection,
    instance: Option<&str>,
    kind: Option<&str>,
) -> Result<Vec<DbSnapshot>, Problem> {
    let call = Call::rds("DescribeDBSnapshots", &at.region);
    let ask = at
        .rds
        .describe_db_snapshots()
        .set_db_instance_identifier(instance.map(str::to_owned))
        .set_snapshot_type(kind.map(str::to_owned));
    let pages = ask.into_paginator().page_size(PAGE).items().send();
    // The snapshots of an instance that is gone, none being left.
    let found = unless_missing(pages.try_collect().await.map_err(|error| call.problem(error)))?;
    Ok(found.unwrap_or_default())
}

/// The snapshot of that name, if it is there.
pub(super) async fn snapshot(at: &Connection, name: &str) -> Result<Option<DbSnapshot>, Problem> {
    let call = Call::rds("DescribeDBSnapshots", &at.region);
    let answer = at.rds.describe_db_snapshots().db_snapshot_identifier(name).send().await;
    let found = unless_missing(answer.map_err(|error| call.problem(error)))?;
    let all = found.and_then(|found| found.db_snapshots).unwrap_or_default();
    Ok(all.into_iter().find(|snapshot| same(snapshot.db_snapshot_identifier(), name)))
}

/// Continuous backups of an instance, those too that are replicated here from elsewhere.
pub(super) async fn automated_backups(
    at: &Connection,
    instance: &str,
) -> Result<Vec<DbInstanceAutomatedBackup>, Problem> {
    let call = Call::rds("DescribeDBInstanceAutomatedBackups", &at.region);
    let ask = at.rds.describe_db_instance_automated_backups().db_instance_identifier(instance);
    let pages = ask.into_paginator().page_size(PAGE).items().send();
    let found = unless_missing(pages.try_collect().await.map_err(|error| call.problem(error)))?;
    Ok(found.unwrap_or_default())
}

/// The subnet group of that name, if it is there.
pub(super) async fn subnet_group(at: &Connection, name: &str) -> Result<Option<DbSubnetGroup>, Problem> {
    let call = Call::rds("DescribeDBSubnetGroups", &at.region);
    let answer = at.rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await;
    let found = unless_missing(answer.map_err(|error| call.problem(error)))?;
    Ok(found.and_then(|found| found.db_subnet_groups).unwrap_or_default().into_iter().next())
}

/// Whether the parameter group is there.
pub(super) async fn has_parameter_group(at: &Connection, name: &str) -> Result<bool, Problem> {
    let call = Call::rds("DescribeDBParameterGroups", &at.region);
    let answer = at.rds.describe_db_parameter_groups().db_parameter_group_name(name).send().await;
    let found = unless_missing(answer.map_err(|error| call.problem(error)))?;
    Ok(found.is_some_and(|found| !found.db_parameter_groups().is_empty()))
}

/// Whether the option group is there.
pub(super) async fn has_option_group(at: &Connection, name: &str) -> Result<bool, Problem> {
    let call = Call::rds("DescribeOptionGroups", &at.region);
    let answer = at.rds.describe_option_groups().option_group_name(name).send().await;
    let found = unless_missing(answer.map_err(|error| call.problem(error)))?;
    Ok(found.is_some_and(|found| !found.option_groups_list().is_empty()))
}

/// What is offered of a class for an engine's version.
pub(super) async fn offers(
    at: &Connection,
    engine: &str,
    version: Option<&str>,
    class: Option<&str>,
) -> Result<Vec<OrderableDbInstanceOption>, Problem> {
    let call = Call::rds("DescribeOrderableDBInstanceOptions", &at.region);
    let ask = at
        .rds
        .describe_orderable_db_instance_options()
        .engine(engine)
        .set_engine_version(version.map(str::to_owned))
        .set_db_instance_class(class.map(str::to_owned));
    let pages = ask.into_paginator().page_size(PAGE).items().send();
    pages.try_collect().await.map_err(|error| call.problem(error))
}

/// A quota of the account in a region.
pub(super) struct Quota {
    pub(super) name: String,
    pub(super) used: i64,
    pub(super) most: i64,
}

/// The quotas of the account in that region.
pub(super) async fn quotas(at: &Connection) -> Result<Vec<Quota>, Problem> {
    let call = Call::rds("DescribeAccountAttributes", &at.region);
    let answer = at.rds.describe_account_attributes().send().await.map_err(|error| call.problem(error))?;
    let all = answer.account_quotas().iter().filter_map(|quota| {
        Some(Quota { name: quota.account_quota_name()?.to_owned(), used: quota.used()?, most: quota.max()? })
    });
    Ok(all.collect())
}

/// RDS keeps identifiers in small letters.
fn same(found: Option<&str>, name: &str) -> bool {
    // A shared snapshot is asked for by its ARN and may answer to it.
    found.is_some_and(|found| found.eq_ignore_ascii_case(name))
}

/// The tags of a resource.
pub(super) fn tags(list: &[Tag]) -> Tags {
    list.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect()
}

/// Tags as the calls want them.
pub(super) fn as_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// A moment of AWS.
pub(super) fn moment(at: &DateTime) -> Option<Timestamp> {
    at.to_millis().ok().map(Timestamp::from_millis)
}
