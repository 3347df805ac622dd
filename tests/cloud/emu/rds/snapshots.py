"""Snapshots of instances and of clusters: taken, copied over regions and accounts, shared, deleted."""

from . import show
from .state import Resource, now
from .support import (Fault, default_key, filtered, identifier, kms_key, option_group, page, presigned, quota, tags)


class Words:
    """How the two kinds of snapshots are called."""

    def __init__(self, kind, one, id, source, fault, state_fault, exists, encrypted, quota):
        self.kind, self.one, self.id, self.source = kind, one, id, source
        self.fault, self.state_fault, self.exists, self.encrypted, self.quota = (
            fault, state_fault, exists, encrypted, quota)


INSTANCE = Words("snapshot", "DBSnapshot", "DBSnapshotIdentifier", "DBInstanceIdentifier", "DBSnapshotNotFoundFault",
                 "InvalidDBSnapshotStateFault", "DBSnapshotAlreadyExistsFault", "Encrypted", "manual-snapshots")
CLUSTER = Words("cluster-snapshot", "DBClusterSnapshot", "DBClusterSnapshotIdentifier", "DBClusterIdentifier",
                "DBClusterSnapshotNotFoundFault", "InvalidDBClusterSnapshotStateFault",
                "DBClusterSnapshotAlreadyExistsFault", "StorageEncrypted", "manual-cluster-snapshots")


def words(kind):
    return INSTANCE if kind in ("snapshot", "db") else CLUSTER


def need(call, id, said, usable=False):
    """The snapshot by its name, or by an ARN in any region and account that lets the caller see it."""
    if id.startswith("arn:"):
        one = call.state.by_arn(id)
        if one and (one.kind != said.kind or not visible(call, one)):
            one = None
    else:
        one = call.find(said.kind, id)
    if one is None:
        raise Fault(said.fault, f"{said.one} {id} not found.")
    if usable and one.status != "available":
        raise Fault(said.state_fault, f"{said.one} {one.id} is {one.status}, not available.")
    return one


def visible(call, one):
    return one.account == call.account or call.account in one.shared or "all" in one.shared


def about(one, database):
    """What a snapshot keeps of its source."""
    attrs = one.attrs
    kept = {key: attrs.get(key) for key in (
        "Engine", "AllocatedStorage", "MasterUsername", "EngineVersion", "KmsKeyId", "StorageType", "StorageThroughput",
        "IAMDatabaseAuthenticationEnabled", "PreferredBackupWindow", "BackupRetentionPeriod")}
    port = database.endpoint_port() if database else None
    # What a restore takes over where nothing is said.
    kept["_restore"] = {key: attrs.get(key) for key in ("DBInstanceClass", "DBName", "DatabaseName", "MultiAZ",
                                                       "CopyTagsToSnapshot", "DeletionProtection",
                                                       "PubliclyAccessible", "AutoMinorVersionUpgrade",
                                                       "BackupRetentionPeriod", "MonitoringInterval",
                                                       "ServerlessV2ScalingConfiguration")}
    kept["_password"] = one.password
    group = attrs.get("DBSubnetGroup")
    if one.kind == "db":
        kept |= {"Iops": attrs.get("Iops"), "AvailabilityZone": attrs["AvailabilityZone"],
                 "VpcId": group["VpcId"], "InstanceCreateTime": attrs["InstanceCreateTime"],
                 "LicenseModel": attrs["LicenseModel"], "DbiResourceId": attrs["DbiResourceId"],
                 "OptionGroupName": attrs["OptionGroupMemberships"][0]["OptionGroupName"],
                 "Encrypted": attrs["StorageEncrypted"], "DedicatedLogVolume": False, "SnapshotTarget": "region",
                 "Port": port or 0}
    else:
        kept |= {"AvailabilityZones": attrs["AvailabilityZones"], "EngineMode": attrs["EngineMode"],
                 "VpcId": kept_vpc(attrs), "ClusterCreateTime": attrs["ClusterCreateTime"],
                 "LicenseModel": attrs["_license"], "DbClusterResourceId": attrs["DbClusterResourceId"],
                 "StorageEncrypted": attrs["StorageEncrypted"], "AllocatedStorage": 1, "Port": port or 0}
    return kept


def kept_vpc(attrs):
    return attrs.get("_vpc")


def take(call, source, id, kind, tagged, wanted=None, created=None):
    """Takes a snapshot of an instance or a cluster. The copy of its data is made while the status is `creating`."""
    state, said = call.state, words(source.kind)
    if kind == "manual":
        id = identifier(id, wanted or said.id, 255)
        quota(call, said.quota)
    if state.find(said.kind, source.account, source.region, id):
        raise Fault(said.exists, f"Cannot create the snapshot because a snapshot with the identifier {id} already exists.")
    moment = created or now()
    attrs = about(source, source.database) | {
        said.source: source.id, "SnapshotType": kind, "SnapshotCreateTime": moment,
        "OriginalSnapshotCreateTime": moment, "SnapshotDatabaseTime": moment}
    if said is CLUSTER:
        attrs.pop("OriginalSnapshotCreateTime"), attrs.pop("SnapshotDatabaseTime")
    tagged = tagged or (dict(source.tags) if source.attrs.get("CopyTagsToSnapshot") else {})
    one = state.add(Resource(said.kind, source.account, source.region, id, attrs, tagged))

    def copy():
        taken = now()
        return taken, source.database.snapshot() if source.database else None

    def done(result):
        taken, one.image = result
        if created is None:
            for key in ("SnapshotCreateTime", "OriginalSnapshotCreateTime", "SnapshotDatabaseTime"):
                if key in one.attrs:
                    one.attrs[key] = taken
            from . import backups
            backups.point(state, source, taken, one.image)

    state.go(one, state.step(one, "creating", copy, done))
    return one


def create(call, params, said):
    source_id = params[said.source]
    if said is INSTANCE:
        from . import instances
        source = instances.need(call, source_id, ("available",))
        if source.attrs.get("DBClusterIdentifier"):
            raise Fault("InvalidParameterValue", "An Aurora instance has no snapshots; its cluster has.")
    else:
        from . import clusters
        source = clusters.need(call, source_id, ("available",))
    one = take(call, source, params[said.id], "manual", tags(params))
    if source.kind == "db":
        # The instance says that it is being backed up.
        call.state.then(source, call.state.step(source, "backing-up"))
    return {said.one: show.snapshot(call.state, one)}


def copy(call, params, said):
    state = call.state
    source_key, target_key = f"Source{said.id}", f"Target{said.id}"
    source = need(call, params[source_key], said, usable=True)
    elsewhere = source.region != call.region
    shared = source.account != call.account
    id = identifier(params[target_key], target_key, 255)
    if call.find(said.kind, id):
        raise Fault(said.exists, f"Cannot create the snapshot because a snapshot with the identifier {id} already exists.")
    key = source.attrs.get("KmsKeyId")
    if source.attrs[said.encrypted]:
        if elsewhere and not params.get("KmsKeyId"):
            raise Fault("InvalidParameterCombination" if said is CLUSTER else "KMSKeyNotAccessibleFault",
                        "KmsKeyId must be given to copy an encrypted snapshot from another region.")
        if shared and not params.get("KmsKeyId"):
            raise Fault("KMSKeyNotAccessibleFault", "KmsKeyId must be given to copy an encrypted snapshot that is "
                        "shared from another account.")
        if shared:
            # Its owner must let this account use the key that it was encrypted with.
            kms_key(call, source.attrs["KmsKeyId"], region=source.region)
        if elsewhere and call.require_presigned:
            presigned(call, params, f"Copy{said.one}", source_key, source.region)
    if params.get("KmsKeyId"):
        key = kms_key(call, params["KmsKeyId"])
    quota(call, said.quota)
    running = sum(one.busy() and one.attrs.get("_copied_from") == source.region for one in call.of(said.kind))
    if elsewhere and running >= state.quotas["copies"]:
        raise Fault("SnapshotQuotaExceededFault", f"Cannot run more than {state.quotas['copies']} copies of snapshots "
                    f"from {source.region} at once.")
    attrs = dict(source.attrs) | {
        "SnapshotType": "manual", "SnapshotCreateTime": now(), "KmsKeyId": key, said.encrypted: bool(key),
        "_copied_from": source.region}
    if said is INSTANCE:
        group = params.get("OptionGroupName")
        if group:
            attrs["OptionGroupName"] = option_group(call, group, attrs["Engine"], attrs["EngineVersion"])
        elif elsewhere or shared:
            attrs["OptionGroupName"] = option_group(call, None, attrs["Engine"], attrs["EngineVersion"])
        attrs["SourceDBSnapshotIdentifier"] = source.arn
        if elsewhere:
            attrs["SourceRegion"] = source.region
            attrs["VpcId"] = None
    else:
        attrs["SourceDBClusterSnapshotArn"] = source.arn
    tagged = (dict(source.tags) if params.get("CopyTags") else {}) | tags(params)
    one = state.add(Resource(said.kind, call.account, call.region, id, attrs, tagged))
    image = source.image.hold() if source.image else None

    def done(_):
        one.image = image

    state.go(one, state.step(one, "creating", None, done, name="copying"))
    return {said.one: show.snapshot(state, one)}


def describe(call, params, said):
    kind, id = params.get("SnapshotType"), params.get(said.id)
    if kind and kind not in ("automated", "manual", "shared", "public", "awsbackup"):
        raise Fault("InvalidParameterValue", f"The parameter SnapshotType is not valid: {kind}")
    mine = call.of(said.kind)
    others = [one for one in call.state.every() if one.kind == said.kind and one.region == call.region
              and one.account != call.account and one.attrs["SnapshotType"] == "manual"]
    shared = [one for one in others if call.account in one.shared]
    public = [one for one in others + mine if "all" in one.shared]
    if id and id.startswith("arn:"):
        one = call.state.by_arn(id)
        seen = one and one.kind == said.kind and one.region == call.region and visible(call, one)
        found = [one] if seen else []
    elif kind == "shared":
        found = shared
    elif kind == "public":
        found = public
    else:
        found = [one for one in mine if not kind or one.attrs["SnapshotType"] == kind]
        if params.get("IncludeShared") and not kind:
            found += shared
        if params.get("IncludePublic") and not kind:
            found += [one for one in public if one not in found]
    if id and not id.startswith("arn:"):
        found = [one for one in found if one.id == id.lower()]
    if id and not found:
        raise Fault(said.fault, f"{said.one} {id} not found.")
    source = params.get(said.source)
    if source:
        found = [one for one in found if one.attrs[said.source] == source.lower()]
    resource = "DbiResourceId" if said is INSTANCE else "DbClusterResourceId"
    if params.get(resource):
        found = [one for one in found if one.attrs[resource] == params[resource]]
    supported = {"snapshot-type": lambda one: (one.attrs["SnapshotType"],), "engine": lambda one: (one.attrs["Engine"],)}
    if said is INSTANCE:
        supported |= {"db-instance-id": lambda one: (one.attrs[said.source], source_arn(one, "db", said)),
                      "db-snapshot-id": lambda one: (one.id,), "dbi-resource-id": lambda one: (one.attrs[resource],)}
    else:
        supported |= {"db-cluster-id": lambda one: (one.attrs[said.source], source_arn(one, "cluster", said)),
                      "db-cluster-snapshot-id": lambda one: (one.id,)}
    answer = page(params, filtered(params, found, supported), f"{said.one}s")
    answer[f"{said.one}s"] = [show.snapshot(call.state, one) for one in answer[f"{said.one}s"]]
    return answer


def source_arn(one, kind, said):
    return f"arn:aws:rds:{one.region}:{one.account}:{kind}:{one.attrs[said.source]}"


def delete(call, params, said):
    one = need(call, params[said.id], said)
    if one.account != call.account or one.region != call.region:
        raise Fault(said.fault, f"{said.one} {params[said.id]} not found.")
    if one.attrs["SnapshotType"] != "manual":
        raise Fault(said.state_fault, f"Snapshot {one.id} is {one.attrs['SnapshotType']}: only manual ones can be "
                    "deleted.")
    if one.status not in ("available", "failed"):
        raise Fault(said.state_fault, f"Snapshot {one.id} is {one.status}: it can't be deleted now.")

    def gone(_):
        call.state.discard(one)
        if one.image:
            one.image.release()

    call.state.go(one, call.state.step(one, "deleting", None, gone, name="snapshot-deleting"))
    # What RDS answers to this is that it is deleted, though it is still seen for a while.
    return {said.one: show.snapshot(call.state, one) | {"Status": "deleted"}}


def attributes(one, said):
    result = f"{said.one}AttributesResult"
    named = f"{said.one}Attributes"
    return {result: {said.id: one.id, named: [{"AttributeName": "restore", "AttributeValues": list(one.shared)}]}}


def describe_attributes(call, params, said):
    one = need(call, params[said.id], said)
    return attributes(one, said)


def modify_attribute(call, params, said):
    one = need(call, params[said.id], said, usable=True)
    if params["AttributeName"] != "restore":
        raise Fault("InvalidParameterValue", f"Invalid snapshot attribute name: {params['AttributeName']}")
    add, remove = params.get("ValuesToAdd") or [], params.get("ValuesToRemove") or []
    if add and one.attrs["SnapshotType"] != "manual":
        raise Fault(said.state_fault, "Only manual snapshots can be shared.")
    if add and one.attrs[said.encrypted]:
        if default_key(call, one.attrs.get("KmsKeyId")):
            raise Fault(said.state_fault, "Sharing snapshots encrypted with the default service key for RDS is "
                        "currently not supported.")
        if "all" in add:
            raise Fault(said.state_fault, "Encrypted snapshots can't be made public.")
    one.shared = [value for value in dict.fromkeys(one.shared + add) if value not in remove]
    return attributes(one, said)


def both(function, name):
    """The operation for snapshots of instances and for those of clusters."""
    return {name.format(said.one): (lambda call, params, said=said: function(call, params, said))
            for said in (INSTANCE, CLUSTER)}


OPERATIONS = {
    **both(create, "Create{}"), **both(copy, "Copy{}"), **both(describe, "Describe{}s"), **both(delete, "Delete{}"),
    **both(describe_attributes, "Describe{}Attributes"), **both(modify_attribute, "Modify{}Attribute"),
}
