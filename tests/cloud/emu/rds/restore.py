"""Restoring instances: from a snapshot, and to a point in time."""

from . import backups, catalog, instances, managed, show, snapshots
from .state import Resource
from .support import Fault, identifier, kms_key, quota, tags


def from_snapshot(call, params):
    id = identifier(params["DBInstanceIdentifier"], "DBInstanceIdentifier", 63)
    if not params.get("DBSnapshotIdentifier"):
        raise Fault("InvalidParameterCombination", "DBSnapshotIdentifier must be given.")
    instances.free_name(call, id)
    source = snapshots.need(call, params["DBSnapshotIdentifier"], snapshots.INSTANCE, usable=True)
    if source.region != call.region:
        raise Fault("DBSnapshotNotFoundFault", f"DBSnapshot {params['DBSnapshotIdentifier']} not found.")
    if source.account != call.account and source.attrs["Encrypted"]:
        raise Fault("KMSKeyNotAccessibleFault", "An encrypted snapshot that is shared from another account must be "
                    "copied before it is restored.")
    # Nothing said: the tags of the snapshot.
    tagged = tags(params) if params.get("Tags") else dict(source.tags)
    one = build(call, params, id, source.attrs, source.image, source.attrs["_restore"], tagged, source.attrs["_password"])
    return {"DBInstance": show.instance(call.state, one)}


def to_point_in_time(call, params):
    id = identifier(params["TargetDBInstanceIdentifier"], "TargetDBInstanceIdentifier", 63)
    instances.free_name(call, id)
    backup, attrs, password, tagged = source_of(call, params)
    latest = params.get("UseLatestRestorableTime", False)
    if latest and params.get("RestoreTime"):
        raise Fault("InvalidParameterCombination", "RestoreTime can not be specified with UseLatestRestorableTime.")
    _, image = backups.pick(call, backup, params.get("RestoreTime"), latest)
    keep = {key: attrs.get(key) for key in ("DBInstanceClass", "DBName", "MultiAZ", "CopyTagsToSnapshot",
                                            "DeletionProtection", "PubliclyAccessible", "AutoMinorVersionUpgrade",
                                            "BackupRetentionPeriod", "MonitoringInterval")}
    if backup.region == call.region and not backup.replicates:
        keep["DBSubnetGroupName"] = attrs["DBSubnetGroup"]["DBSubnetGroupName"]
    one = build(call, params, id, attrs, image, keep, tags(params) or dict(tagged), password)
    return {"DBInstance": show.instance(call.state, one)}


def source_of(call, params):
    """The backups that were meant: of a living instance, or kept after it, or replicated from another region."""
    arn, resource = params.get("SourceDBInstanceAutomatedBackupsArn"), params.get("SourceDbiResourceId")
    name = params.get("SourceDBInstanceIdentifier")
    if sum(bool(one) for one in (arn, resource, name)) != 1:
        raise Fault("InvalidParameterCombination", "Exactly one of SourceDBInstanceIdentifier, SourceDbiResourceId and "
                    "SourceDBInstanceAutomatedBackupsArn must be given.")
    state = call.state
    if name:
        source = instances.need(call, name)
        if source.status not in ("available", "backing-up", "modifying", "storage-optimization"):
            raise Fault("InvalidDBInstanceStateFault", f"Instance {source.id} is {source.status}.")
        if not source.attrs["BackupRetentionPeriod"] or source.attrs["DbiResourceId"] not in state.backups:
            raise Fault("PointInTimeRestoreNotEnabledFault", f"Instance {source.id} has no automated backups.")
        return state.backups[source.attrs["DbiResourceId"]], source.attrs, source.password, source.tags
    for held, one in state.backups.items():
        if one.kind == "db" and (one.account, one.region) == (call.account, call.region) and (
                one.arn == arn or held == resource):
            return one, one.attrs, None, {}
    raise Fault("DBInstanceAutomatedBackupNotFoundFault", "DBInstance automated backup not found.")


def build(call, params, id, attrs, image, keep, tagged, password):
    """A new instance over a copy of an image. What is asked wins, even an explicit no."""
    name = attrs["Engine"]
    if params.get("Engine") and params["Engine"] != name:
        raise Fault("InvalidParameterCombination", f"The source is {name}: it can't be restored as {params['Engine']}.")
    found = call.catalog.find(name, attrs["EngineVersion"])
    if found is None:
        raise Fault("InvalidRestoreFault", f"{name} {attrs['EngineVersion']} can no longer be restored.")
    if attrs.get("KmsKeyId"):
        kms_key(call, attrs["KmsKeyId"])
    if (params.get("AllocatedStorage") or attrs["AllocatedStorage"]) < attrs["AllocatedStorage"]:
        raise Fault("InvalidParameterCombination", "A restored instance can't have less storage than its source.")
    defaults = {key: value for key, value in keep.items() if value is not None}
    if "StorageType" not in params:
        # Its size of IOPS goes with the type.
        for key in ("Iops", "StorageThroughput"):
            if catalog.STORAGE.get(attrs["StorageType"], (None, None))[key != "Iops"] and attrs.get(key):
                defaults[key] = attrs[key]
        defaults["StorageType"] = attrs["StorageType"]
    defaults |= {"MasterUsername": attrs["MasterUsername"], "AllocatedStorage": attrs["AllocatedStorage"],
                 "EnableIAMDatabaseAuthentication": attrs.get("IAMDatabaseAuthenticationEnabled")}
    asked = {key: value for key, value in params.items() if key not in ("DBName", "KmsKeyId", "StorageEncrypted")}
    asked |= {"StorageEncrypted": bool(attrs.get("KmsKeyId")), "KmsKeyId": attrs.get("KmsKeyId")}
    made = instances.assemble(call, asked, name, attrs["EngineVersion"], defaults)
    quota(call, "instances")
    one = Resource("db", call.account, call.region, id, made, tagged, password=password)
    kept = managed.wanted(params)
    if kept:
        one.password = managed.password()
        managed.keep(call, one, one.password, params.get("MasterUserSecretKmsKeyId"))
    held = image.hold() if image else None

    def fill(server):
        try:
            if held:
                server.fill(held)
        finally:
            if held:
                held.release()
        server.start()
        if kept:
            server.engine.set_password(server, made["MasterUsername"], one.password)

    instances.begin(call, one, found[1], fill, restored=True)
    return one


OPERATIONS = {
    "RestoreDBInstanceFromDBSnapshot": from_snapshot,
    "RestoreDBInstanceToPointInTime": to_point_in_time,
}
