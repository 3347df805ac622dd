"""Automated backups: what a point in time is restored from, here and replicated to another region.

The emulator keeps no log of changes. It keeps copies: one with each automated or manual snapshot, and one each time
that a test asks for a checkpoint. A restore to a point in time takes the newest that is not younger than that, and
`LatestRestorableTime` is the time of the newest.
"""

import secrets

from . import catalog
from .state import Backup, Resource, now
from .support import Fault, filtered, kms_key, page

INSTANCE_KEY, CLUSTER_KEY = "DbiResourceId", "DbClusterResourceId"


def resource_key(source):
    return INSTANCE_KEY if source.kind == "db" else CLUSTER_KEY


def first(state, source):
    """The step in which a new instance or cluster gets its first automated snapshot."""
    def copy():
        moment = now()
        return moment, source.database.snapshot() if source.database else None

    def done(result):
        moment, image = result
        ensure(state, source)
        automated(state, source, moment, image)

    return state.step(source, "backing-up", copy, done)


def ensure(state, source):
    key = source.attrs[resource_key(source)]
    if key not in state.backups:
        word = "auto-backup" if source.kind == "db" else "cluster-auto-backup"
        arn = f"arn:aws:rds:{source.region}:{source.account}:{word}:ab-{secrets.token_hex(16)}"
        state.backups[key] = Backup(source.kind, source.account, source.region, source.id, source.attrs, arn)
    return state.backups[key]


def automated(state, source, moment, image, id=None, kind="automated", created=None):
    """An automated snapshot (or one of AWS Backup) of a copy that was taken."""
    from . import snapshots
    said = snapshots.words(source.kind)
    prefix = "awsbackup:job-" if kind == "awsbackup" else "rds:"
    number = 0
    while id is None or state.find(said.kind, source.account, source.region, id):
        id = f"{prefix}{source.id}-{moment:%Y-%m-%d-%H-%M}" + (f"-{number}" if number else "")
        number += 1
    attrs = snapshots.about(source, source.database) | {
        said.source: source.id, "SnapshotType": kind, "SnapshotCreateTime": created or moment}
    if said is snapshots.INSTANCE:
        attrs |= {"OriginalSnapshotCreateTime": created or moment, "SnapshotDatabaseTime": created or moment}
    tagged = dict(source.tags) if source.attrs.get("CopyTagsToSnapshot") else {}
    one = Resource(said.kind, source.account, source.region, id, attrs, tagged)
    one.image = image
    state.add(one)
    if created is None:
        point(state, source, moment, image)
    return one


def point(state, source, moment, image):
    """Adds a copy to those that a point in time is restored from, if the source has automated backups."""
    if not source.attrs.get("BackupRetentionPeriod"):
        return False
    backup = ensure(state, source)
    backup.points.append((moment, image.hold() if image else None))
    backup.points.sort(key=lambda item: item[0])
    return True


def checkpoint(state, source):
    """A copy of the source's data as they are now. It is done when this returns."""
    moment = now()
    image = source.database.snapshot() if source.database else None
    with state.lock:
        kept = point(state, source, moment, image)
    if image:
        image.release()
    return moment if kept else None


def end(state, source, keep):
    """The source is gone: its automated snapshots too, and its backups unless they are to be kept."""
    from . import snapshots
    said, key = snapshots.words(source.kind), source.attrs[resource_key(source)]
    backup = state.backups.get(key)
    if keep and backup:
        backup.retained = True
        return
    for one in list(state.of(said.kind, source.account, source.region).values()):
        if one.attrs["SnapshotType"] == "automated" and one.attrs[resource_key(source)] == key:
            state.discard(one)
            if one.image:
                one.image.release()
    if backup:
        drop(state, key)


def drop(state, key):
    for _, image in state.backups.pop(key).points:
        if image:
            image.release()


# Operations ----------------------------------------------------------------------------------------------------


def sight(state, backup):
    """A backup as RDS answers it. A replica shares the source's copies."""
    origin = state.backups.get(backup.replicates) if backup.replicates else backup
    attrs, origin = backup.attrs, origin or backup
    status = "replicating" if backup.replicates else "retained" if backup.retained else "active"
    points = origin.points or backup.points
    shown = {key: attrs.get(key) for key in (
        "AllocatedStorage", "MasterUsername", "Engine", "EngineVersion", "KmsKeyId", "StorageType",
        "StorageThroughput", "Iops", "IAMDatabaseAuthenticationEnabled", "BackupRetentionPeriod",
        "PreferredBackupWindow")}
    group = attrs.get("DBSubnetGroup")
    kind = "db" if backup.kind == "db" else "cluster"
    arn = f"arn:aws:rds:{origin.region}:{origin.account}:{kind}:{origin.id}"
    shown |= {"Status": status, "Region": origin.region, "TagList": [], "Port": catalog.PORTS[attrs["Engine"]],
              "RestoreWindow": {"EarliestTime": points[0][0], "LatestTime": points[-1][0]} if points else None}
    if backup.kind == "db":
        shown |= {"DBInstanceArn": arn, "DBInstanceIdentifier": origin.id, "DbiResourceId": attrs[INSTANCE_KEY],
                  "AvailabilityZone": attrs["AvailabilityZone"], "VpcId": group["VpcId"],
                  "InstanceCreateTime": attrs["InstanceCreateTime"], "LicenseModel": attrs["LicenseModel"],
                  "OptionGroupName": attrs["OptionGroupMemberships"][0]["OptionGroupName"],
                  "Encrypted": attrs["StorageEncrypted"], "DBInstanceAutomatedBackupsArn": backup.arn,
                  "BackupTarget": "region", "DedicatedLogVolume": False}
    else:
        shown |= {"DBClusterArn": arn, "DBClusterIdentifier": origin.id, CLUSTER_KEY: attrs[CLUSTER_KEY],
                  "AvailabilityZones": attrs["AvailabilityZones"], "VpcId": attrs["_vpc"],
                  "ClusterCreateTime": attrs["ClusterCreateTime"], "EngineMode": attrs["EngineMode"],
                  "StorageEncrypted": attrs["StorageEncrypted"], "DBClusterAutomatedBackupsArn": backup.arn}
    return {key: value for key, value in shown.items() if value is not None}


def describe(call, params, kind):
    word = "DBInstance" if kind == "db" else "DBCluster"
    key = INSTANCE_KEY if kind == "db" else CLUSTER_KEY
    found = [one for one in call.state.backups.values()
             if one.kind == kind and (one.account, one.region) == (call.account, call.region)]
    if params.get(key):
        found = [one for one in found if one.attrs[key] == params[key]]
    name = params.get(f"{word}Identifier")
    if name:
        found = [one for one in found if one.id == name.lower()]
    arn = params.get(f"{word}AutomatedBackupsArn")
    if arn:
        found = [one for one in found if one.arn == arn]
    if not found and (arn or name or params.get(key)):
        raise Fault(f"{word}AutomatedBackupNotFoundFault", f"{word} automated backup not found.")
    found = filtered(params, found, {
        "status": lambda one: (sight(call.state, one)["Status"],),
        "db-instance-id": lambda one: (one.id,), "dbi-resource-id": lambda one: (one.attrs.get(INSTANCE_KEY),),
        "db-cluster-id": lambda one: (one.id,), "db-cluster-resource-id": lambda one: (one.attrs.get(CLUSTER_KEY),),
    })
    answer = page(params, found, f"{word}AutomatedBackups")
    answer[f"{word}AutomatedBackups"] = [sight(call.state, one) for one in answer[f"{word}AutomatedBackups"]]
    return answer


def replicate(call, params):
    """Keeps the backups of an instance in another region, too: called in that region."""
    source = call.state.by_arn(params["SourceDBInstanceArn"])
    if source is None or source.kind != "db" or source.account != call.account:
        raise Fault("DBInstanceNotFoundFault", f"DBInstance {params['SourceDBInstanceArn']} not found.")
    if source.region == call.region:
        raise Fault("InvalidParameterCombination", "The source is in this region already.")
    if not source.attrs["BackupRetentionPeriod"]:
        raise Fault("InvalidDBInstanceStateFault", "The source has no automated backups.")
    attrs = dict(source.attrs)
    if attrs["StorageEncrypted"]:
        if not params.get("KmsKeyId"):
            raise Fault("KMSKeyNotAccessibleFault", "KmsKeyId must be given to replicate encrypted backups.")
        attrs["KmsKeyId"] = kms_key(call, params["KmsKeyId"])
    key = source.attrs[INSTANCE_KEY]
    ensure(call.state, source)
    held = f"{key}@{call.region}"
    arn = f"arn:aws:rds:{call.region}:{call.account}:auto-backup:ab-{secrets.token_hex(16)}"
    attrs["BackupRetentionPeriod"] = params.get("BackupRetentionPeriod") or 7
    call.state.backups[held] = Backup("db", call.account, call.region, source.id, attrs, arn, replicates=key)
    return {"DBInstanceAutomatedBackup": sight(call.state, call.state.backups[held])}


def stop_replication(call, params):
    for held, one in list(call.state.backups.items()):
        if one.replicates and one.region == call.region and one.id == params["SourceDBInstanceArn"].split(":")[-1]:
            shown = sight(call.state, one)
            del call.state.backups[held]
            return {"DBInstanceAutomatedBackup": shown}
    raise Fault("DBInstanceNotFoundFault", f"DBInstance {params['SourceDBInstanceArn']} is not replicated here.")


def delete(call, params):
    for held, one in list(call.state.backups.items()):
        mine = (one.account, one.region, one.kind) == (call.account, call.region, "db")
        if mine and (one.arn == params.get("DBInstanceAutomatedBackupsArn")
                     or held == params.get(INSTANCE_KEY)):
            if not one.retained and not one.replicates:
                raise Fault("InvalidDBInstanceAutomatedBackupStateFault", "The backups of a living instance can't be "
                            "deleted.")
            shown = sight(call.state, one)
            drop(call.state, held)
            return {"DBInstanceAutomatedBackup": shown | {"Status": "deleting"}}
    raise Fault("DBInstanceAutomatedBackupNotFoundFault", "DBInstance automated backup not found.")


def pick(call, backup, moment, latest):
    """The copy for a restore to that time, or to the latest one."""
    state = call.state
    origin = state.backups.get(backup.replicates) if backup.replicates else backup
    points = (origin or backup)
    if not points.points:
        raise Fault("InvalidRestoreFault", "There is no restorable time yet.")
    if latest:
        return points.points[-1]
    if moment is None:
        raise Fault("InvalidParameterCombination", "Either RestoreTime or UseLatestRestorableTime must be specified.")
    if moment > points.latest():
        raise Fault("InvalidParameterValue", "The specified instance cannot be restored to a time later than "
                    f"{points.latest().isoformat(timespec='milliseconds')}Z")
    if moment < points.earliest():
        raise Fault("InvalidParameterValue", "The specified instance cannot be restored to a time earlier than "
                    f"{points.earliest().isoformat(timespec='milliseconds')}Z")
    return points.at(moment)


OPERATIONS = {
    "DescribeDBInstanceAutomatedBackups": lambda call, params: describe(call, params, "db"),
    "DescribeDBClusterAutomatedBackups": lambda call, params: describe(call, params, "cluster"),
    "StartDBInstanceAutomatedBackupsReplication": replicate,
    "StopDBInstanceAutomatedBackupsReplication": stop_replication,
    "DeleteDBInstanceAutomatedBackup": delete,
}
