//! The calls that make a claim, as firedrill makes them: every setting is said, none is left to a default. The requests are
//! built purely, so that what is asked can be looked at without asking it.

use super::{
    chain::{COPY, INSTANCE},
    describe, presign,
    settings::{is_default, keys},
};
use crate::{
    drill::{Claim, Fault, Outputs},
    ports::Receipts,
    provider::{
        aws::{
            client::{Scratch, as_problem, permanent},
            errors::{Call, Kind, Problem},
            tags,
        },
        scratch::refused,
    },
    time::Timestamp,
};
use aws_sdk_rds::{
    operation::{
        RequestId, copy_db_snapshot::builders::CopyDbSnapshotInputBuilder,
        restore_db_instance_from_db_snapshot::builders::RestoreDbInstanceFromDbSnapshotInputBuilder,
        restore_db_instance_to_point_in_time::builders::RestoreDbInstanceToPointInTimeInputBuilder,
    },
    primitives::DateTime,
};

/// Makes a claim, or finds it made. `earlier`: what the chain's earlier claims gave.
pub(super) async fn acquire(at: &Scratch, claim: &Claim, earlier: &Outputs) -> Result<Receipts, Problem> {
    if let Some(found) = found(at, claim).await? {
        return Ok(vec![found]);
    }
    let made = match claim.link.kind.as_str() {
        COPY => copy_snapshot(at, claim).await,
        INSTANCE if claim.link.params.contains_key(keys::MOMENT) => restore_moment(at, claim).await,
        INSTANCE => restore_snapshot(at, claim, earlier).await,
        other => Err(as_problem(refused(format!("`{other}` is no claim of an RDS restore")))),
    };
    match made {
        // An answer that was lost on its way: the SDK's own second try finds what the first has made.
        Err(problem) if problem.kind == Kind::Exists => match found(at, claim).await? {
            Some(found) => Ok(vec![found]),
            None => Err(problem),
        },
        other => other,
    }
}

/// Whether the claim is made already. Something else of its name is refused: it is nobody's to use or to remove.
async fn found(at: &Scratch, claim: &Claim) -> Result<Option<String>, Problem> {
    let name = &claim.link.name;
    let tags = match claim.link.kind.as_str() {
        COPY => describe::snapshot(at, name).await?.map(|found| describe::tags(found.tag_list())),
        INSTANCE => describe::instance(at, name).await?.map(|found| describe::tags(found.tag_list())),
        other => return Err(as_problem(refused(format!("`{other}` is no claim of an RDS restore")))),
    };
    match tags.map(|tags| tags::belongs_to(&tags, claim)) {
        None => Ok(None),
        Some(Ok(())) => Ok(Some(format!("{name} was made already and bears this claim's tags"))),
        Some(Err(whose)) => Err(as_problem(refused(format!(
            "there is a {} {name} in {} already, and {whose}: nothing is made",
            claim.link.kind, claim.link.scope
        )))),
    }
}

async fn copy_snapshot(at: &Scratch, claim: &Claim) -> Result<Receipts, Problem> {
    let call = Call::rds("CopyDBSnapshot", &at.region);
    let signed = presign::url(at, claim).await.map_err(as_problem)?;
    let copying = copying(claim).set_pre_signed_url(signed.clone());
    let done = copying.send_with(&at.rds).await.map_err(|error| {
        let mut problem = call.problem(error);
        // Whoever has the signed request can make it.
        if let Some(signed) = signed {
            problem.fault.message = problem.fault.message.replace(&signed, "…");
        }
        problem
    })?;
    Ok(receipt("CopyDBSnapshot", done.request_id()))
}

async fn restore_snapshot(at: &Scratch, claim: &Claim, earlier: &Outputs) -> Result<Receipts, Problem> {
    let call = Call::rds("RestoreDBInstanceFromDBSnapshot", &at.region);
    let input = from_snapshot(claim, earlier).map_err(as_problem)?;
    let done = input.send_with(&at.rds).await.map_err(|error| call.problem(error))?;
    Ok(receipt("RestoreDBInstanceFromDBSnapshot", done.request_id()))
}

async fn restore_moment(at: &Scratch, claim: &Claim) -> Result<Receipts, Problem> {
    let call = Call::rds("RestoreDBInstanceToPointInTime", &at.region);
    let input = to_moment(claim).map_err(as_problem)?;
    let done = input.send_with(&at.rds).await.map_err(|error| call.problem(error))?;
    Ok(receipt("RestoreDBInstanceToPointInTime", done.request_id()))
}

/// The evidence of a call that changed something.
pub(super) fn receipt(operation: &str, id: Option<&str>) -> Receipts {
    vec![format!("{operation}: request {}", id.unwrap_or("without an id"))]
}

/// What is asked of a copy.
fn copying(claim: &Claim) -> CopyDbSnapshotInputBuilder {
    let params = &claim.link.params;
    CopyDbSnapshotInputBuilder::default()
        .set_source_db_snapshot_identifier(params.get(keys::ARN).cloned())
        .target_db_snapshot_identifier(&claim.link.name)
        .set_kms_key_id(params.get(keys::KMS_KEY).cloned())
        .set_option_group_name(params.get(keys::OPTION_GROUP).cloned())
        // Tags of production may grant rights, or have others act on the copy.
        .copy_tags(false)
        .set_tags(Some(describe::as_tags(&tags::of(claim))))
}

/// A setting, read as the call wants it.
struct Wanted<'a>(&'a Outputs);

impl Wanted<'_> {
    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    fn number(&self, key: &str) -> Option<i32> {
        self.0.get(key)?.parse().ok()
    }

    fn truth(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|text| text == "true")
    }

    fn group(&self, key: &str) -> Option<String> {
        self.text(key).filter(|group| !is_default(group))
    }

    fn security_groups(&self) -> Option<Vec<String>> {
        let groups = self.0.get(keys::SECURITY_GROUPS)?;
        Some(groups.split(',').map(str::to_owned).collect())
    }
}

/// How an instance is made, whatever it is restored from: the two requests have these in common, and no type that says so.
macro_rules! made_as_wanted {
    ($request:expr, $claim:expr) => {{
        let wanted = Wanted(&$claim.link.params);
        $request
            .set_db_instance_class(wanted.text(keys::CLASS))
            .set_db_subnet_group_name(wanted.text(keys::SUBNET_GROUP))
            .set_vpc_security_group_ids(wanted.security_groups())
            .set_db_parameter_group_name(wanted.group(keys::PARAMETER_GROUP))
            .set_option_group_name(wanted.group(keys::OPTION_GROUP))
            .set_ca_certificate_identifier(wanted.text(keys::CA))
            .enable_iam_database_authentication(wanted.truth(keys::IAM))
            .set_storage_type(wanted.text(keys::STORAGE_TYPE))
            .set_iops(wanted.number(keys::IOPS))
            .set_storage_throughput(wanted.number(keys::THROUGHPUT))
            .multi_az(wanted.truth(keys::MULTI_AZ))
            .publicly_accessible(false)
            .deletion_protection(false)
            .copy_tags_to_snapshot(false)
            .auto_minor_version_upgrade(false)
            .backup_retention_period(0)
            .set_tags(Some(describe::as_tags(&tags::of($claim))))
    }};
}

/// What is asked of a restore from a snapshot.
fn from_snapshot(
    claim: &Claim,
    earlier: &Outputs,
) -> Result<RestoreDbInstanceFromDbSnapshotInputBuilder, Fault> {
    let wanted = Wanted(&claim.link.params);
    let snapshot = wanted
        .text(keys::SNAPSHOT)
        .or_else(|| earlier.get(keys::SNAPSHOT).cloned())
        .ok_or_else(|| permanent("the copy gave no snapshot to restore"))?;
    let request = RestoreDbInstanceFromDbSnapshotInputBuilder::default()
        .db_snapshot_identifier(snapshot)
        .db_instance_identifier(&claim.link.name);
    Ok(made_as_wanted!(request, claim))
}

/// What is asked of a restore from continuous backup.
fn to_moment(claim: &Claim) -> Result<RestoreDbInstanceToPointInTimeInputBuilder, Fault> {
    let wanted = Wanted(&claim.link.params);
    let moment = wanted
        .text(keys::MOMENT)
        .and_then(|text| text.parse::<Timestamp>().ok())
        .ok_or_else(|| permanent("the claim does not tell the moment to restore"))?;
    let backup = wanted.text(keys::AUTOMATED_BACKUP);
    // One of the two names the source: the backup itself, or the instance that was backed up, by the id that no other has.
    let resource = wanted.text(keys::RESOURCE).filter(|_| backup.is_none());
    if backup.is_none() && resource.is_none() {
        return Err(permanent("RDS tells neither the ARN of the continuous backup nor its resource id"));
    }
    let request = RestoreDbInstanceToPointInTimeInputBuilder::default()
        .set_source_db_instance_automated_backups_arn(backup)
        .set_source_dbi_resource_id(resource)
        .restore_time(DateTime::from_millis(moment.as_millis()))
        .target_db_instance_identifier(&claim.link.name);
    Ok(made_as_wanted!(request, claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::aws::tags::tests::claim;

    fn instance() -> Claim {
        let mut claim = claim(INSTANCE, "fd-07070707-orders-db-1");
        claim.link.params = [
            ("snapshot", "arn:aws:rds:eu-central-1:210987654321:snapshot:nightly"),
            ("class", "db.t4g.medium"),
            ("subnet_group", "drill"),
            ("security_groups", "sg-1,sg-2"),
            ("parameter_group", "default.postgres16"),
            ("option_group", "orders"),
            ("iam_authentication", "false"),
            ("multi_az", "false"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        claim
    }

    #[test]
    fn a_restore_says_every_setting() {
        let input = from_snapshot(&instance(), &Outputs::new()).expect("a request").build().expect("whole");
        assert_eq!(input.publicly_accessible(), Some(false));
        assert_eq!(input.deletion_protection(), Some(false));
        assert_eq!(input.multi_az(), Some(false));
        assert_eq!(input.copy_tags_to_snapshot(), Some(false));
        assert_eq!(input.auto_minor_version_upgrade(), Some(false));
        assert_eq!(input.backup_retention_period(), Some(0));
        assert_eq!(input.enable_iam_database_authentication(), Some(false));
        assert_eq!(input.vpc_security_group_ids(), ["sg-1", "sg-2"]);
        assert_eq!(input.db_parameter_group_name(), None, "the default group is taken by not naming one");
        assert_eq!(input.option_group_name(), Some("orders"));
        assert_eq!(describe::tags(input.tags()), tags::of(&instance()));
    }

    #[test]
    fn a_copy_gives_the_snapshot_to_restore() {
        let mut claim = instance();
        claim.link.params.remove("snapshot");
        assert!(from_snapshot(&claim, &Outputs::new()).is_err());
        let earlier = Outputs::from([("snapshot".to_owned(), "fd-07070707-orders-db-1".to_owned())]);
        let input = from_snapshot(&claim, &earlier).expect("a request").build().expect("whole");
        assert_eq!(input.db_snapshot_identifier(), Some("fd-07070707-orders-db-1"));
    }

    #[test]
    fn a_copy_takes_no_tags_but_firedrills_own() {
        let mut claim = claim(COPY, "fd-07070707-orders-db-1");
        claim.link.params.insert("arn".into(), "arn:aws:rds:eu-west-1:210987654321:snapshot:nightly".into());
        claim.link.params.insert("kms_key".into(), "alias/drill".into());
        let input = copying(&claim).build().expect("whole");
        assert_eq!((input.copy_tags(), input.kms_key_id()), (Some(false), Some("alias/drill")));
        assert_eq!(describe::tags(input.tags()), tags::of(&claim));
    }

    #[test]
    fn a_moment_is_asked_for_exactly_and_of_one_source() {
        let mut claim = instance();
        claim.link.params.insert("moment".into(), "2026-11-23T09:00:00.000Z".into());
        assert!(to_moment(&claim).is_err(), "no source");
        claim.link.params.insert("resource_id".into(), "db-ABC".into());
        let input = to_moment(&claim).expect("a request").build().expect("whole");
        assert_eq!(input.source_dbi_resource_id(), Some("db-ABC"));
        assert_eq!(input.restore_time().and_then(describe::moment), "2026-11-23T09:00:00Z".parse().ok());
        assert_eq!(input.use_latest_restorable_time(), None);
        claim.link.params.insert("automated_backup".into(), "arn:…:ab-1".into());
        let input = to_moment(&claim).expect("a request").build().expect("whole");
        assert_eq!((input.source_dbi_resource_id(), input.publicly_accessible()), (None, Some(false)));
    }
}
