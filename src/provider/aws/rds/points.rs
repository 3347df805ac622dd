//! The recovery points of an instance: snapshots of every kind, and moments of its continuous backup.
//!
//! | listed | where | when |
//! | --- | --- | --- |
//! | automated, manual, AWS Backup's | the backup's region | the scratch account owns the backup |
//! | shared snapshots | the backup's region | another account owns it |
//! | a moment of continuous backup | the scratch region | it is asked for; or it is replicated there, which saves a copy |

use super::{
    describe,
    place::Place,
    settings::{OF_SOURCE, keys},
};
use crate::{
    drill::{CONTINUOUS, Candidate, Outputs, RecoveryPoint},
    playbook::{RdsSource, Selector},
    provider::aws::{
        client::Connection,
        errors::Problem,
        tags::{RUN, Tags, value},
    },
    time::Timestamp,
};
use aws_sdk_rds::types::{DbInstance, DbInstanceAutomatedBackup, DbSnapshot};
use std::collections::BTreeSet;

/// Every recovery point, fit or not.
pub(super) async fn list(
    home: &Connection,
    scratch: &Connection,
    place: &Place,
    source: &RdsSource,
    wish: &Selector,
) -> Result<Vec<Candidate>, Problem> {
    let origin = match place.own() {
        true => describe::instance(home, &source.instance).await?.map(|it| of_instance(&it)),
        false => None,
    };
    let origin = origin.unwrap_or_default();
    let mut found = Vec::new();
    for snapshot in snapshots(home, place, source).await? {
        found.extend(of_snapshot(&snapshot, place, source, wish, &origin));
    }
    let elsewhere = !place.here() && matches!(wish, Selector::Latest | Selector::Before(_));
    let asked = matches!(wish, Selector::PointInTime(_) | Selector::PointInTimeLatest);
    if place.own() && (asked || elsewhere) {
        let backups = describe::automated_backups(scratch, &source.instance).await?;
        let backups: Vec<_> = backups.iter().filter(|backup| is_of(backup, place)).collect();
        for backup in &backups {
            found.extend(of_backup(backup, place, source, wish, &origin));
        }
        if asked && backups.is_empty() {
            found.extend(no_backup(place, source, wish));
        }
    }
    Ok(found)
}

async fn snapshots(home: &Connection, place: &Place, source: &RdsSource) -> Result<Vec<DbSnapshot>, Problem> {
    if !place.own() {
        let shared = describe::snapshots(home, None, Some("shared")).await?;
        let is_of = |snapshot: &DbSnapshot| {
            let owner = snapshot.db_snapshot_arn().and_then(|arn| arn.split(':').nth(4));
            owner == Some(&place.owner) && same(snapshot.db_instance_identifier(), &source.instance)
        };
        return Ok(shared.into_iter().filter(is_of).collect());
    }
    let mut all = describe::snapshots(home, Some(&source.instance), None).await?;
    all.extend(describe::snapshots(home, Some(&source.instance), Some("awsbackup")).await?);
    let mut seen = BTreeSet::new();
    all.retain(|snapshot| seen.insert(snapshot.db_snapshot_identifier.clone()));
    Ok(all)
}

fn same(found: Option<&str>, name: &str) -> bool {
    found.is_some_and(|found| found.eq_ignore_ascii_case(name))
}

/// Of all the backups under that name, those of this account and region: a name may be used in several regions.
fn is_of(backup: &DbInstanceAutomatedBackup, place: &Place) -> bool {
    let arn = backup.db_instance_arn().unwrap_or_default();
    let mut parts = arn.split(':').skip(3);
    let of_arn = (parts.next(), parts.next());
    match of_arn {
        (Some(region), Some(account)) => region == place.home && account == place.owner,
        _ => backup.region().is_none_or(|region| region == place.home),
    }
}

/// What a restored instance may take over from the source.
pub(super) fn of_instance(instance: &DbInstance) -> Outputs {
    let groups: Vec<&str> =
        instance.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).collect();
    let parameters = instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name());
    let iam = instance.iam_database_authentication_enabled().map(|on| on.to_string());
    let mut outputs = Outputs::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            outputs.insert(format!("{OF_SOURCE}{key}"), value);
        }
    };
    put(keys::CLASS, instance.db_instance_class().map(str::to_owned));
    let subnets = instance.db_subnet_group().and_then(|group| group.db_subnet_group_name());
    put(keys::SUBNET_GROUP, subnets.map(str::to_owned));
    put(keys::SECURITY_GROUPS, Some(groups.join(",")));
    put(keys::PARAMETER_GROUP, parameters.map(str::to_owned));
    put(keys::CA, instance.ca_certificate_identifier().map(str::to_owned));
    put(keys::IAM, iam);
    outputs
}

fn of_snapshot(
    snapshot: &DbSnapshot,
    place: &Place,
    source: &RdsSource,
    wish: &Selector,
    origin: &Outputs,
) -> Option<Candidate> {
    let name = snapshot.db_snapshot_identifier()?;
    let arn = snapshot.db_snapshot_arn().unwrap_or(name);
    // The end of a snapshot that is still being made is not known; it is listed with the moment of asking for nothing.
    let times = [
        (snapshot.snapshot_database_time(), "snapshot, database time"),
        (snapshot.original_snapshot_create_time(), "snapshot"),
        (snapshot.snapshot_create_time(), "snapshot"),
    ];
    let time = times.into_iter().find_map(|(at, from)| Some((describe::moment(at?)?, from)));
    let mut details = origin.clone();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            details.insert(key.to_owned(), value);
        }
    };
    put(keys::ARN, Some(arn.to_owned()));
    put(keys::REGION, Some(place.home.clone()));
    put(keys::ACCOUNT, Some(place.owner.clone()));
    put(keys::TYPE, snapshot.snapshot_type().map(str::to_owned));
    put(keys::ENGINE, snapshot.engine().map(str::to_owned));
    put(keys::ENGINE_VERSION, snapshot.engine_version().map(str::to_owned));
    put(keys::ENCRYPTED, snapshot.encrypted().map(|yes| yes.to_string()));
    put(keys::KMS_KEY, snapshot.kms_key_id().map(str::to_owned));
    put(keys::STORAGE_TYPE, snapshot.storage_type().map(str::to_owned));
    put(keys::IOPS, snapshot.iops().map(|iops| iops.to_string()));
    put(keys::THROUGHPUT, snapshot.storage_throughput().map(|rate| rate.to_string()));
    put(keys::GIB, snapshot.allocated_storage().map(|gib| gib.to_string()));
    put(keys::OPTION_GROUP, snapshot.option_group_name().map(str::to_owned));
    put(keys::PORT, snapshot.port().map(|port| port.to_string()));
    put(keys::LICENSE, snapshot.license_model().map(str::to_owned));
    let tags = describe::tags(snapshot.tag_list());
    let unfit = unfit(snapshot, &tags, place, source)
        .or_else(|| time.is_none().then(|| "RDS does not tell its moment".to_owned()));
    let (time, time_source) = time.unwrap_or((Timestamp::from_millis(0), "unknown"));
    let id = match wish {
        Selector::Id(id) if id == arn => arn,
        _ => name,
    };
    let point = RecoveryPoint {
        id: id.to_owned(),
        time,
        time_source: time_source.to_owned(),
        location: Some(place.home.clone()),
        bytes: snapshot.full_snapshot_size_in_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
        encrypted: snapshot.encrypted(),
        details,
    };
    Some(Candidate { point, unfit })
}

fn unfit(snapshot: &DbSnapshot, tags: &Tags, place: &Place, source: &RdsSource) -> Option<String> {
    let status = snapshot.status().unwrap_or("of unknown status");
    if status != "available" {
        let progress = snapshot.percent_progress().map(|percent| format!(" ({percent} %)"));
        return Some(format!("it is {status}{}", progress.unwrap_or_default()));
    }
    if let Some(run) = value(tags, RUN) {
        return Some(format!("it is a copy that the run {run} made and removes"));
    }
    if let Some((key, wanted)) =
        source.home.tags.iter().find(|(key, wanted)| value(tags, key) != Some(wanted.as_str()))
    {
        return Some(match value(tags, key) {
            Some(found) => format!("its tag {key} is {found}, not {wanted}"),
            None if !place.own() => {
                format!("the tags of a shared snapshot can't be seen, so {key} is not known")
            }
            None => format!("it has no tag {key}"),
        });
    }
    if !place.own() && place.home != place.region && snapshot.encrypted() == Some(true) {
        return Some(format!(
            "AWS copies no encrypted snapshot of another account into another region: copy it to {} in account {} and share that copy",
            place.region, place.owner
        ));
    }
    None
}

/// The moment of continuous backup that is asked for, of one backup that lies in the scratch region.
fn of_backup(
    backup: &DbInstanceAutomatedBackup,
    place: &Place,
    source: &RdsSource,
    wish: &Selector,
    origin: &Outputs,
) -> Option<Candidate> {
    let window = backup.restore_window();
    let edge = |at: Option<&aws_sdk_rds::primitives::DateTime>| at.and_then(describe::moment);
    let earliest = window.and_then(|window| edge(window.earliest_time()));
    let latest = window.and_then(|window| edge(window.latest_time()));
    let time = match (wish, latest) {
        (Selector::PointInTime(wanted), _) => *wanted,
        (Selector::Before(before), Some(latest)) => latest.min(*before),
        (_, Some(latest)) => latest,
        (_, None) => return None,
    };
    let status = backup.status().unwrap_or("of unknown status");
    let tags = describe::tags(backup.tag_list());
    let lacking = source.home.tags.iter().find(|(key, wanted)| value(&tags, key) != Some(wanted.as_str()));
    let unfit = match (earliest, latest) {
        // `retained`: the instance is deleted and its backups are kept.
        _ if !matches!(status, "active" | "retained" | "replicating") => {
            Some(format!("the backup is {status}"))
        }
        _ if lacking.is_some() => {
            lacking.map(|(key, _)| format!("the continuous backup lacks the tag {key}"))
        }
        (_, Some(latest)) if time > latest => {
            Some(format!("continuous backup reaches to {} only", latest.human()))
        }
        (Some(earliest), _) if time < earliest => {
            Some(format!("continuous backup begins at {} only", earliest.human()))
        }
        (_, Some(_)) => None,
        (_, None) => Some("RDS does not tell how far continuous backup reaches".to_owned()),
    };
    let arn = backup.db_instance_automated_backups_arn();
    let mut details = origin.clone();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            details.insert(key.to_owned(), value);
        }
    };
    put(keys::ARN, backup.db_instance_arn().map(str::to_owned));
    // A backup that was replicated here is named by its own ARN, one of this region by the instance it is of.
    put(keys::AUTOMATED_BACKUP, arn.filter(|_| !place.here()).map(str::to_owned));
    put(keys::RESOURCE, backup.dbi_resource_id().map(str::to_owned));
    put(keys::REGION, Some(place.region.clone()));
    put(keys::ACCOUNT, Some(place.owner.clone()));
    put(keys::TYPE, Some(if place.here() { "continuous" } else { "continuous, replicated" }.to_owned()));
    put(keys::ENGINE, backup.engine().map(str::to_owned));
    put(keys::ENGINE_VERSION, backup.engine_version().map(str::to_owned));
    put(keys::ENCRYPTED, backup.encrypted().map(|yes| yes.to_string()));
    put(keys::KMS_KEY, backup.kms_key_id().map(str::to_owned));
    put(keys::STORAGE_TYPE, backup.storage_type().map(str::to_owned));
    put(keys::IOPS, backup.iops().map(|iops| iops.to_string()));
    put(keys::THROUGHPUT, backup.storage_throughput().map(|rate| rate.to_string()));
    put(keys::GIB, backup.allocated_storage().map(|gib| gib.to_string()));
    put(keys::OPTION_GROUP, backup.option_group_name().map(str::to_owned));
    put(keys::PORT, backup.port().map(|port| port.to_string()));
    put(keys::LICENSE, backup.license_model().map(str::to_owned));
    let name = arn.or(backup.dbi_resource_id()).unwrap_or(&source.instance);
    let point = RecoveryPoint {
        id: format!("{name}@{time}"),
        time,
        time_source: CONTINUOUS.to_owned(),
        location: Some(place.region.clone()),
        bytes: None,
        encrypted: backup.encrypted(),
        details,
    };
    Some(Candidate { point, unfit })
}

/// Says why there is no continuous backup, where one is asked for.
fn no_backup(place: &Place, source: &RdsSource, wish: &Selector) -> Option<Candidate> {
    let time = match wish {
        Selector::PointInTime(moment) => *moment,
        _ => Timestamp::from_millis(0),
    };
    let why = match place.here() {
        true => {
            format!("{} has no continuous backup: its retention period is 0, or it is gone", source.instance)
        }
        false => format!(
            "continuous backup of {} in {} is not replicated to {}: `aws rds start-db-instance-automated-backups-replication` begins that; or restore a snapshot",
            source.instance, place.home, place.region
        ),
    };
    let point = RecoveryPoint {
        id: source.instance.clone(),
        time,
        time_source: CONTINUOUS.to_owned(),
        location: Some(place.region.clone()),
        bytes: None,
        encrypted: None,
        details: Outputs::new(),
    };
    Some(Candidate { point, unfit: Some(why) })
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
