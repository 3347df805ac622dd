"""Aurora clusters. The cluster has the data; its server runs while it has an instance, and serves all of them."""

from . import backups, catalog, instances, managed, show, snapshots
from .state import Resource, identity, now
from .support import (Fault, engine, filtered, identifier, kms_key, page, parameter_group, quota, security_groups,
                      subnet_group, tags)


def need(call, id, state_of=None):
    one = call.state.by_arn(id) if id.startswith("arn:") else call.find("cluster", id)
    if one is None or one.kind != "cluster" or (one.account, one.region) != (call.account, call.region):
        raise Fault("DBClusterNotFoundFault", f"DBCluster {id} not found.")
    if state_of and one.status not in state_of:
        raise Fault("InvalidDBClusterStateFault", f"DB cluster is not in {' or '.join(state_of)} state.")
    return one


def free_name(call, id):
    if call.find("cluster", id):
        raise Fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")


def assemble(call, params, name, version, defaults):
    asked = {**defaults, **{key: value for key, value in params.items() if value is not None}}
    group, covered = subnet_group(call, asked.get("DBSubnetGroupName"))
    retention = asked.get("BackupRetentionPeriod", 1)
    if not 1 <= retention <= 35:
        raise Fault("InvalidParameterValue", f"Invalid backup retention period: {retention}. It must be between 1 and 35.")
    capacity = asked.get("ServerlessV2ScalingConfiguration")
    if capacity and not capacity.get("MinCapacity", 0) <= capacity.get("MaxCapacity", 256):
        raise Fault("InvalidParameterValue", "MinCapacity must not be above MaxCapacity.")
    return {
        "Engine": name, "EngineVersion": version, "EngineMode": asked.get("EngineMode") or "provisioned",
        "AllocatedStorage": 1, "AvailabilityZones": catalog.zones(call.region),
        "BackupRetentionPeriod": retention, "DatabaseName": asked.get("DatabaseName"),
        "DBClusterParameterGroup": parameter_group(
            call, asked.get("DBClusterParameterGroupName"), call.catalog.family(name, version), cluster=True),
        "DBSubnetGroup": group["DBSubnetGroupName"], "_vpc": group["VpcId"], "_license": catalog.license(name),
        "_zones": covered,
        "MultiAZ": False, "MasterUsername": asked.get("MasterUsername"),
        "PreferredBackupWindow": asked.get("PreferredBackupWindow") or "03:00-03:30",
        "PreferredMaintenanceWindow": asked.get("PreferredMaintenanceWindow") or "sun:04:00-sun:04:30",
        "ReadReplicaIdentifiers": [],
        "VpcSecurityGroups": security_groups(call, asked.get("VpcSecurityGroupIds"), group["VpcId"]),
        "HostedZoneId": "Z29XKXDKYMONMX", "StorageEncrypted": bool(asked.get("StorageEncrypted", False)),
        "KmsKeyId": asked.get("KmsKeyId"), "DbClusterResourceId": identity("cluster-"), "AssociatedRoles": [],
        "IAMDatabaseAuthenticationEnabled": bool(asked.get("EnableIAMDatabaseAuthentication", False)),
        "ClusterCreateTime": now(), "CopyTagsToSnapshot": bool(asked.get("CopyTagsToSnapshot", False)),
        "DeletionProtection": bool(asked.get("DeletionProtection", False)), "HttpEndpointEnabled": False,
        "CrossAccountClone": False, "DomainMemberships": [], "ActivityStreamStatus": "stopped",
        "AutoMinorVersionUpgrade": True, "NetworkType": asked.get("NetworkType") or "IPV4",
        "ServerlessV2ScalingConfiguration": capacity, "EngineLifecycleSupport": "open-source-rds-extended-support",
        "CloneGroupId": asked.get("_clone_group"),
    }


def create(call, params):
    id = identifier(params["DBClusterIdentifier"], "DBClusterIdentifier", 63)
    free_name(call, id)
    name = params["Engine"]
    version, program = engine(call, name, params.get("EngineVersion"))
    if not catalog.aurora(name):
        raise Fault("InvalidParameterCombination", "this emulator has clusters of Aurora only")
    user, password = params.get("MasterUsername"), params.get("MasterUserPassword")
    if not user:
        raise Fault("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
    kept = managed.wanted(params)
    password = managed.password() if kept else password
    instances.check_master(user, password)
    asked = dict(params)
    if params.get("StorageEncrypted"):
        asked["KmsKeyId"] = kms_key(call, params.get("KmsKeyId"))
    attrs = assemble(call, asked, name, version, {})
    quota(call, "clusters")
    one = Resource("cluster", call.account, call.region, id, attrs, tags(params), password=password)
    if kept:
        managed.keep(call, one, password, params.get("MasterUserSecretKmsKeyId"))
    begin(call, one, program, lambda server: server.create(user, password, params.get("DatabaseName")))
    return {"DBCluster": show.cluster(call.state, one)}


def begin(call, one, program, fill):
    state = call.state
    state.add(one)

    def work():
        if state.data:
            one.database = state.servers.new(program)
            fill(one.database)
            state.tokens(one)
            # No instance yet: nobody serves the data.
            one.database.stop()

    state.go(one, state.step(one, "creating", work), backups.first(state, one))


def create_member(call, params):
    id = identifier(params["DBInstanceIdentifier"], "DBInstanceIdentifier", 63)
    instances.free_name(call, id)
    cluster = need(call, params["DBClusterIdentifier"], ("available", "backing-up", "creating", "modifying"))
    if params["Engine"] != cluster.attrs["Engine"]:
        raise Fault("InvalidParameterCombination", f"The engine of cluster {cluster.id} is {cluster.attrs['Engine']}.")
    for key in ("MasterUsername", "MasterUserPassword", "StorageEncrypted", "KmsKeyId", "DBName", "VpcSecurityGroupIds",
                "DeletionProtection", "BackupRetentionPeriod"):
        if params.get(key):
            raise Fault("InvalidParameterCombination", f"{key} is the cluster's, and not an instance's in it.")
    if params.get("DBInstanceClass") == "db.serverless" and not cluster.attrs["ServerlessV2ScalingConfiguration"]:
        raise Fault("InvalidParameterCombination", "Set ServerlessV2ScalingConfiguration of the cluster before an "
                    "instance of class db.serverless.")
    asked = dict(params) | {
        "DBSubnetGroupName": cluster.attrs["DBSubnetGroup"], "DBClusterIdentifier": cluster.id,
        "StorageEncrypted": cluster.attrs["StorageEncrypted"], "KmsKeyId": cluster.attrs["KmsKeyId"],
        "VpcSecurityGroupIds": [one["VpcSecurityGroupId"] for one in cluster.attrs["VpcSecurityGroups"]],
        "MasterUsername": cluster.attrs["MasterUsername"]}
    attrs = instances.assemble(call, asked, params["Engine"], cluster.attrs["EngineVersion"], {"PromotionTier": 1})
    quota(call, "instances")
    one = Resource("db", call.account, call.region, id, attrs, tags(params))
    state = call.state
    state.add(one)
    before = cluster.pending

    def work():
        # The cluster's own work first: its data may still be on the way.
        if before:
            before.result()
        if cluster.database:
            cluster.database.start()

    def made(_):
        one.attrs["_reachable"] = True

    state.go(one, state.step(one, "creating", work, made))
    return {"DBInstance": show.instance(state, one)}


def stop_after(state, instance):
    """Ends the server of a cluster whose last instance goes."""
    cluster = show.cluster_of(state, instance)
    if cluster and cluster.database and not [
            one for one in show.members(state, cluster) if one is not instance and one.status != "deleting"]:
        cluster.database.stop()


def describe(call, params):
    if params.get("DBClusterIdentifier"):
        found = [need(call, params["DBClusterIdentifier"])]
    else:
        found = call.of("cluster")
    found = filtered(params, found, {
        "db-cluster-id": lambda one: (one.id, one.arn), "engine": lambda one: (one.attrs["Engine"],),
        "db-cluster-resource-id": lambda one: (one.attrs["DbClusterResourceId"],), "domain": lambda one: (),
        "clone-group-id": lambda one: (one.attrs.get("CloneGroupId"),),
    })
    answer = page(params, found, "DBClusters")
    answer["DBClusters"] = [show.cluster(call.state, one) for one in answer["DBClusters"]]
    return answer


def modify(call, params):
    one = need(call, params["DBClusterIdentifier"], ("available",))
    state = call.state
    changes = {}
    for key, into in (("BackupRetentionPeriod", "BackupRetentionPeriod"), ("DeletionProtection", "DeletionProtection"),
                      ("CopyTagsToSnapshot", "CopyTagsToSnapshot"), ("PreferredBackupWindow", "PreferredBackupWindow"),
                      ("EnableIAMDatabaseAuthentication", "IAMDatabaseAuthenticationEnabled"),
                      ("ServerlessV2ScalingConfiguration", "ServerlessV2ScalingConfiguration")):
        if params.get(key) is not None:
            changes[into] = params[key]
    if not 1 <= changes.get("BackupRetentionPeriod", 1) <= 35:
        raise Fault("InvalidParameterValue", "Invalid backup retention period: it must be between 1 and 35.")
    if params.get("VpcSecurityGroupIds"):
        changes["VpcSecurityGroups"] = security_groups(call, params["VpcSecurityGroupIds"], one.attrs["_vpc"])
    if params.get("DBClusterParameterGroupName"):
        family = call.catalog.family(one.attrs["Engine"], one.attrs["EngineVersion"])
        changes["DBClusterParameterGroup"] = parameter_group(
            call, params["DBClusterParameterGroupName"], family, cluster=True)
    if params.get("NewDBClusterIdentifier"):
        raise Fault("InvalidParameterCombination", "this emulator renames no cluster")
    password = params.get("MasterUserPassword")
    kept = managed.wanted(params)
    if kept:
        password = managed.password()
    if password is not None:
        instances.check_master(one.attrs["MasterUsername"], password)
        if kept:
            managed.keep(call, one, password, params.get("MasterUserSecretKmsKeyId"))
        else:
            managed.drop(one)
    one.attrs.update(changes)
    if changes.get("IAMDatabaseAuthenticationEnabled"):
        state.then(one, state.step(one, "configuring-iam-database-auth", lambda: state.tokens(one)))
    if password is not None:
        one.attrs["PendingModifiedValues"] = {"MasterUserPassword": show.BLANK}

        def reset():
            if one.database:
                running = one.database.alive()
                one.database.start()
                one.database.engine.set_password(one.database, one.attrs["MasterUsername"], password)
                if not running and not show.members(state, one):
                    one.database.stop()

        def done(_):
            one.password = password
            one.attrs.pop("PendingModifiedValues", None)

        state.then(one, state.step(one, "available", name="modify-lag"),
                 state.step(one, "resetting-master-credentials", reset, done))
    return {"DBCluster": show.cluster(state, one)}


def delete(call, params):
    one = need(call, params["DBClusterIdentifier"])
    state = call.state
    if one.status == "deleting":
        raise Fault("InvalidDBClusterStateFault", f"Cluster {one.id} is already being deleted.")
    if one.status not in ("available", "failed", "stopped"):
        raise Fault("InvalidDBClusterStateFault", f"Cluster {one.id} is {one.status}: it can't be deleted now.")
    if one.attrs["DeletionProtection"]:
        raise Fault("InvalidParameterCombination", "Cannot delete protected Cluster, please disable deletion "
                    "protection and try again.")
    if any(member.status != "deleting" for member in show.members(state, one)):
        raise Fault("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in "
                    "non-deleting state.")
    skip, final = params.get("SkipFinalSnapshot", False), params.get("FinalDBSnapshotIdentifier")
    if skip and final:
        raise Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting with "
                    "SkipFinalSnapshot.")
    if not skip and not final:
        raise Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is "
                    "specified.")
    last = snapshots.take(call, one, final, "manual", {}, wanted="FinalDBSnapshotIdentifier") if final else None
    copied = last.pending if last else None
    keep = params.get("DeleteAutomatedBackups") is False

    def gone(_):
        state.discard(one)
        managed.drop(one)
        backups.end(state, one, keep)

    state.go(one, state.step(one, "deleting", lambda: instances.stop(one, copied), gone))
    return {"DBCluster": show.cluster(state, one)}


def restored(call, params, id, attrs, image, keep, tagged, password):
    name = attrs["Engine"]
    if params.get("Engine") and params["Engine"] != name:
        raise Fault("InvalidParameterCombination", f"The source is {name}: it can't be restored as {params['Engine']}.")
    version = attrs["EngineVersion"]
    if params.get("EngineVersion") and params["EngineVersion"] != version:
        raise Fault("InvalidParameterCombination", "this emulator upgrades no engine")
    found = call.catalog.find(name, version)
    if found is None:
        raise Fault("InvalidRestoreFault", f"{name} {version} can no longer be restored.")
    key = attrs.get("KmsKeyId")
    if key or params.get("KmsKeyId"):
        key = kms_key(call, params.get("KmsKeyId") or key)
    defaults = {one: value for one, value in keep.items() if value is not None}
    defaults |= {"MasterUsername": attrs["MasterUsername"]}
    asked = dict(params) | {"StorageEncrypted": bool(key), "KmsKeyId": key}
    made = assemble(call, asked, name, version, defaults)
    quota(call, "clusters")
    one = Resource("cluster", call.account, call.region, id, made, tagged, password=password)
    held = image.hold() if image else None

    def fill(server):
        if held:
            try:
                server.fill(held)
            finally:
                held.release()

    begin(call, one, found[1], fill)
    return {"DBCluster": show.cluster(call.state, one)}


def from_snapshot(call, params):
    id = identifier(params["DBClusterIdentifier"], "DBClusterIdentifier", 63)
    free_name(call, id)
    source = snapshots.need(call, params["SnapshotIdentifier"], snapshots.CLUSTER, usable=True)
    if source.region != call.region:
        raise Fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {params['SnapshotIdentifier']} not found.")
    if source.account != call.account and source.attrs["StorageEncrypted"]:
        raise Fault("KMSKeyNotAccessibleFault", "An encrypted snapshot that is shared from another account must be "
                    "copied before it is restored.")
    tagged = tags(params) if params.get("Tags") else dict(source.tags)
    return restored(call, params, id, source.attrs, source.image, source.attrs["_restore"], tagged,
                    source.attrs["_password"])


def to_point_in_time(call, params):
    id = identifier(params["DBClusterIdentifier"], "DBClusterIdentifier", 63)
    free_name(call, id)
    name, resource = params.get("SourceDBClusterIdentifier"), params.get("SourceDbClusterResourceId")
    if bool(name) == bool(resource):
        raise Fault("InvalidParameterCombination", "Exactly one of SourceDBClusterIdentifier and "
                    "SourceDbClusterResourceId must be given.")
    kind = params.get("RestoreType") or "full-copy"
    if kind not in ("full-copy", "copy-on-write"):
        raise Fault("InvalidParameterValue", f"Invalid RestoreType: {kind}")
    moment, latest = params.get("RestoreToTime"), params.get("UseLatestRestorableTime", False)
    if latest and moment:
        raise Fault("InvalidParameterCombination", "RestoreToTime can not be specified with UseLatestRestorableTime.")
    source = need(call, name) if name else None
    backup = call.state.backups.get(source.attrs["DbClusterResourceId"] if source else resource)
    if backup is None or (backup.kind, backup.account, backup.region) != ("cluster", call.account, call.region):
        raise Fault("DBClusterAutomatedBackupNotFoundFault", "DBCluster automated backup not found.")
    attrs = source.attrs if source else backup.attrs
    keep = {key: attrs.get(key) for key in ("CopyTagsToSnapshot", "DeletionProtection", "BackupRetentionPeriod",
                                            "ServerlessV2ScalingConfiguration")}
    keep["DBSubnetGroupName"] = attrs["DBSubnetGroup"]
    if kind == "copy-on-write":
        # A clone is of what is there now.
        if not latest or moment or source is None:
            raise Fault("InvalidParameterCombination", "A clone is made of a living cluster, of its latest state.")
        keep["_clone_group"] = attrs.get("CloneGroupId") or attrs["DbClusterResourceId"]
        attrs["CloneGroupId"] = keep["_clone_group"]
        image = source.database.snapshot() if source.database else None
    else:
        _, image = backups.pick(call, backup, moment, latest)
    answer = restored(call, params, id, attrs, image, keep, tags(params) or dict(source.tags if source else {}),
                      source.password if source else None)
    if kind == "copy-on-write" and image:
        image.release()
    return answer


OPERATIONS = {
    "CreateDBCluster": create, "DescribeDBClusters": describe, "ModifyDBCluster": modify, "DeleteDBCluster": delete,
    "RestoreDBClusterFromSnapshot": from_snapshot, "RestoreDBClusterToPointInTime": to_point_in_time,
}
