"""DB instances: made, described, changed, deleted."""

import re

from . import backups, catalog, managed, show, snapshots
from .state import Resource, identity, now
from .support import (Fault, engine, filtered, identifier, instance_class, kms_key, option_group, page,
                      parameter_group, quota, security_groups, storage, subnet_group, tags)

# What ModifyDBInstance takes over as it is, by its name in the answer.
PLAIN = {
    "AllocatedStorage": "AllocatedStorage", "BackupRetentionPeriod": "BackupRetentionPeriod", "MultiAZ": "MultiAZ",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade", "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "PubliclyAccessible": "PubliclyAccessible", "DeletionProtection": "DeletionProtection",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled", "PromotionTier": "PromotionTier",
    "CACertificateIdentifier": "CACertificateIdentifier", "PreferredBackupWindow": "PreferredBackupWindow",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow", "MaxAllocatedStorage": "MaxAllocatedStorage",
    "MonitoringInterval": "MonitoringInterval", "EnablePerformanceInsights": "PerformanceInsightsEnabled",
}


def need(call, id, state_of=None):
    """The instance by its name or ARN."""
    one = call.state.by_arn(id) if id.startswith("arn:") else call.find("db", id)
    if one is None or one.kind != "db" or (one.account, one.region) != (call.account, call.region):
        raise Fault("DBInstanceNotFoundFault", f"DBInstance {id} not found.")
    if state_of and one.status not in state_of:
        raise Fault("InvalidDBInstanceStateFault", f"Database instance is not in {' or '.join(state_of)} state.")
    return one


def free_name(call, id):
    if call.find("db", id):
        raise Fault("DBInstanceAlreadyExistsFault", "DB instance already exists")


def assemble(call, params, name, version, defaults):
    """The attributes of a new instance: what was asked wins, even an explicit no, else the defaults."""
    asked = {**defaults, **{key: value for key, value in params.items() if value is not None}}
    klass = instance_class(asked.get("DBInstanceClass"), name)
    multi = bool(asked.get("MultiAZ"))
    zone = asked.get("AvailabilityZone")
    if zone and multi:
        raise Fault("InvalidParameterCombination", "Requesting a specific availability zone is not valid for Multi-AZ "
                    "instances.")
    group, covered = subnet_group(call, asked.get("DBSubnetGroupName"), zone)
    retention = asked.get("BackupRetentionPeriod", 1)
    if not 0 <= retention <= 35:
        raise Fault("InvalidParameterValue", f"Invalid backup retention period: {retention}. It must be between 0 and 35.")
    family = call.catalog.family(name, version)
    held = {"StorageType": "aurora"} if catalog.aurora(name) else storage(
        asked.get("StorageType") or "gp2", asked.get("Iops"), asked.get("StorageThroughput"))
    return held | {
        "DBInstanceClass": klass, "Engine": name, "EngineVersion": version,
        "MasterUsername": asked.get("MasterUsername"), "DBName": asked.get("DBName"),
        "AllocatedStorage": 1 if catalog.aurora(name) else asked.get("AllocatedStorage") or 20,
        "InstanceCreateTime": now(), "PreferredBackupWindow": asked.get("PreferredBackupWindow") or "03:00-03:30",
        "PreferredMaintenanceWindow": asked.get("PreferredMaintenanceWindow") or "sun:04:00-sun:04:30",
        "BackupRetentionPeriod": retention, "DBSecurityGroups": [],
        "VpcSecurityGroups": security_groups(call, asked.get("VpcSecurityGroupIds"), group["VpcId"]),
        "DBParameterGroups": [
            {"DBParameterGroupName": parameter_group(call, asked.get("DBParameterGroupName"), family),
             "ParameterApplyStatus": "in-sync"}],
        "OptionGroupMemberships": [
            {"OptionGroupName": option_group(call, asked.get("OptionGroupName"), name, version), "Status": "in-sync"}],
        "AvailabilityZone": zone or covered[0], "SecondaryAvailabilityZone": covered[1] if multi else None,
        "DBSubnetGroup": group, "MultiAZ": multi, "PendingModifiedValues": {},
        "AutoMinorVersionUpgrade": asked.get("AutoMinorVersionUpgrade", True),
        "ReadReplicaDBInstanceIdentifiers": [], "LicenseModel": catalog.license(name),
        "PubliclyAccessible": bool(asked.get("PubliclyAccessible", False)),
        "CACertificateIdentifier": asked.get("CACertificateIdentifier") or "rds-ca-rsa2048-g1",
        "CopyTagsToSnapshot": bool(asked.get("CopyTagsToSnapshot", False)),
        "MonitoringInterval": asked.get("MonitoringInterval", 0), "DomainMemberships": [],
        "IAMDatabaseAuthenticationEnabled": bool(asked.get("EnableIAMDatabaseAuthentication", False)),
        "PerformanceInsightsEnabled": bool(asked.get("EnablePerformanceInsights", False)),
        "DeletionProtection": bool(asked.get("DeletionProtection", False)), "AssociatedRoles": [],
        "MaxAllocatedStorage": asked.get("MaxAllocatedStorage"), "PromotionTier": asked.get("PromotionTier"),
        "NetworkType": asked.get("NetworkType") or "IPV4", "BackupTarget": "region",
        "CustomerOwnedIpEnabled": False, "ActivityStreamStatus": "stopped", "DedicatedLogVolume": False,
        "StorageEncrypted": bool(asked.get("StorageEncrypted", False)), "KmsKeyId": asked.get("KmsKeyId"),
        "DbiResourceId": identity("db-"), "EngineLifecycleSupport": "open-source-rds-extended-support",
        "DBClusterIdentifier": asked.get("DBClusterIdentifier"), "_order": call.state.count(),
    }


def create(call, params):
    if params.get("DBClusterIdentifier"):
        from . import clusters
        return clusters.create_member(call, params)
    id = identifier(params["DBInstanceIdentifier"], "DBInstanceIdentifier", 63)
    free_name(call, id)
    name = params["Engine"]
    version, program = engine(call, name, params.get("EngineVersion"))
    if catalog.aurora(name):
        raise Fault("InvalidParameterCombination", f"{name} needs a DBClusterIdentifier.")
    user, password = params.get("MasterUsername"), params.get("MasterUserPassword")
    if not user:
        raise Fault("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
    kept = managed.wanted(params)
    password = managed.password() if kept else password
    check_master(user, password)
    asked = dict(params)
    if params.get("StorageEncrypted"):
        asked["KmsKeyId"] = kms_key(call, params.get("KmsKeyId"))
    elif params.get("KmsKeyId"):
        raise Fault("InvalidParameterCombination", "KmsKeyId is given, and StorageEncrypted is not.")
    attrs = assemble(call, asked, name, version, {})
    quota(call, "instances")
    one = Resource("db", call.account, call.region, id, attrs, tags(params), password=password)
    if kept:
        managed.keep(call, one, password, params.get("MasterUserSecretKmsKeyId"))
    begin(call, one, program, lambda server: server.create(user, password, params.get("DBName")))
    return {"DBInstance": show.instance(call.state, one)}


def check_master(user, password):
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", user) or user in ("rdsadmin", "postgres_fdw", "root"):
        raise Fault("InvalidParameterValue", f"MasterUsername {user} is a reserved word or has invalid characters.")
    if not password or not 8 <= len(password) <= 128 or re.search(r'[/"@ ]|[^ -~]', password):
        raise Fault("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password. Only printable "
                    "ASCII characters besides '/', '@', '\"', ' ' may be used, 8 to 128 of them.")


def begin(call, one, program, fill, restored=False):
    """Starts the server of a new instance, and takes its first automated backup where it is to have some."""
    state = call.state
    state.add(one)
    if restored:
        # What a test has a cloud do against its word.
        one.attrs.update(state.overrides)

    def work():
        if state.data:
            one.database = state.servers.new(program)
            fill(one.database)
            state.tokens(one)

    def made(_):
        one.attrs["_reachable"] = True
        if restored:
            one.hydration = state.hydration(one)

    steps = [state.step(one, "creating", work, made)]
    if one.attrs["BackupRetentionPeriod"] > 0:
        steps.append(backups.first(state, one))
    state.go(one, *steps)


def describe(call, params):
    if params.get("DBInstanceIdentifier"):
        found = [need(call, params["DBInstanceIdentifier"])]
    else:
        found = call.of("db")
    found = filtered(params, found, {
        "db-instance-id": lambda one: (one.id, one.arn), "dbi-resource-id": lambda one: (one.attrs["DbiResourceId"],),
        "engine": lambda one: (one.attrs["Engine"],), "domain": lambda one: (),
        "db-cluster-id": lambda one: cluster_names(call, one),
    })
    answer = page(params, found, "DBInstances")
    answer["DBInstances"] = [show.instance(call.state, one) for one in answer["DBInstances"]]
    return answer


def cluster_names(call, one):
    cluster = show.cluster_of(call.state, one)
    return (cluster.id, cluster.arn) if cluster else ()


def modify(call, params):
    one = need(call, params["DBInstanceIdentifier"], ("available",))
    state = call.state
    changes, group = {}, one.attrs["DBSubnetGroup"]
    name, version = one.attrs["Engine"], one.attrs["EngineVersion"]
    for key, into in PLAIN.items():
        if params.get(key) is not None:
            changes[into] = params[key]
    if params.get("DBInstanceClass"):
        changes["DBInstanceClass"] = instance_class(params["DBInstanceClass"], name)
    if params.get("DBSubnetGroupName"):
        group, _ = subnet_group(call, params["DBSubnetGroupName"])
        changes["DBSubnetGroup"] = group
    if params.get("VpcSecurityGroupIds"):
        changes["VpcSecurityGroups"] = security_groups(call, params["VpcSecurityGroupIds"], group["VpcId"])
    if params.get("DBParameterGroupName"):
        chosen = parameter_group(call, params["DBParameterGroupName"], call.catalog.family(name, version))
        changes["DBParameterGroups"] = [{"DBParameterGroupName": chosen, "ParameterApplyStatus": "pending-reboot"}]
    if params.get("OptionGroupName"):
        chosen = option_group(call, params["OptionGroupName"], name, version)
        changes["OptionGroupMemberships"] = [{"OptionGroupName": chosen, "Status": "in-sync"}]
    if params.get("EngineVersion") and params["EngineVersion"] != version:
        raise Fault("InvalidParameterCombination", "this emulator upgrades no engine")
    if any(params.get(key) for key in ("StorageType", "Iops", "StorageThroughput")):
        changes |= storage(params.get("StorageType") or one.attrs["StorageType"], params.get("Iops"),
                           params.get("StorageThroughput"))
    new_name = params.get("NewDBInstanceIdentifier")
    if new_name:
        new_name = identifier(new_name, "NewDBInstanceIdentifier", 63)
        free_name(call, new_name)
    password = params.get("MasterUserPassword")
    if managed.wanted(params):
        password = managed.password()
    elif params.get("RotateMasterUserPassword"):
        raise Fault("InvalidParameterCombination", "this emulator rotates no password")
    elif password is not None and one.attrs.get("MasterUserSecret") and params.get("ManageMasterUserPassword") is None:
        raise Fault("InvalidParameterCombination", "You can't specify MasterUserPassword for an instance with "
                    "ManageMasterUserPassword enabled.")
    if password is not None:
        if one.attrs.get("DBClusterIdentifier"):
            raise Fault("InvalidParameterCombination", "The password of an Aurora instance is its cluster's.")
        check_master(one.attrs["MasterUsername"], password)
        if params.get("ManageMasterUserPassword"):
            managed.keep(call, one, password, params.get("MasterUserSecretKmsKeyId"))
        else:
            managed.drop(one)
    change(call, one, changes, password, new_name, params.get("ApplyImmediately", False))
    return {"DBInstance": show.instance(state, one)}


def change(call, one, changes, password, new_name, immediately):
    """A password, and most of the rest, wait for a moment as pending values, and then for their status to pass."""
    state, steps = call.state, []
    pending = {key: value for key, value in changes.items()
               if key in ("DBInstanceClass", "AllocatedStorage", "MultiAZ", "StorageType", "Iops", "StorageThroughput",
                          "BackupRetentionPeriod", "CACertificateIdentifier") and value is not None
               and value != one.attrs.get(key)}
    # What needs no work is there at once.
    one.attrs.update({key: value for key, value in changes.items() if key not in pending})
    if password is not None:
        pending["MasterUserPassword"] = show.BLANK
    if new_name:
        pending["DBInstanceIdentifier"] = new_name
    one.attrs["PendingModifiedValues"] = one.attrs["PendingModifiedValues"] | pending
    if changes.get("IAMDatabaseAuthenticationEnabled"):
        steps.append(state.step(one, "configuring-iam-database-auth", lambda: state.tokens(one)))
    if not immediately and password is None and not steps:
        return
    if password is not None:
        def reset():
            if one.database:
                one.database.start()
                one.database.engine.set_password(one.database, one.attrs["MasterUsername"], password)

        def done(_):
            one.password = password
            settled(one, "MasterUserPassword")

        steps.append(state.step(one, "resetting-master-credentials", reset, done))
    rest = {key: value for key, value in pending.items() if key not in ("MasterUserPassword", "DBInstanceIdentifier")}
    if rest and immediately:
        def applied(_):
            one.attrs.update(rest)
            settled(one, *rest)

        steps.append(state.step(one, "modifying", None, applied))
        if rest.get("BackupRetentionPeriod") and not state.backups.get(one.attrs["DbiResourceId"]):
            steps.append(backups.first(state, one))
    if new_name and immediately:
        def renamed(_):
            state.discard(one)
            one.id = new_name
            state.add(one)
            settled(one, "DBInstanceIdentifier")

        steps.append(state.step(one, "renaming", None, renamed))
    if steps:
        # RDS takes a while to begin, and says `available` meanwhile.
        state.then(one, state.step(one, "available", name="modify-lag"), *steps)


def settled(one, *names):
    """Those values are no longer pending."""
    one.attrs["PendingModifiedValues"] = {
        key: value for key, value in one.attrs["PendingModifiedValues"].items() if key not in names}


def delete(call, params):
    one = need(call, params["DBInstanceIdentifier"])
    state, attrs = call.state, one.attrs
    if one.status == "deleting":
        raise Fault("InvalidDBInstanceStateFault", f"Instance {one.id} is already being deleted.")
    if one.status not in ("available", "failed", "stopped", "incompatible-restore"):
        raise Fault("InvalidDBInstanceStateFault", f"Instance {one.id} is {one.status}: it can't be deleted now.")
    member = attrs.get("DBClusterIdentifier")
    if attrs["DeletionProtection"] and not member:
        raise Fault("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion "
                    "protection and try again.")
    skip, final = params.get("SkipFinalSnapshot", False), params.get("FinalDBSnapshotIdentifier")
    if member:
        if final:
            raise Fault("InvalidParameterCombination", "An Aurora instance has no final snapshot of its own.")
    elif skip and final:
        raise Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting with "
                    "SkipFinalSnapshot.")
    elif not skip and not final:
        raise Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is "
                    "specified.")
    elif not skip and one.status == "failed":
        raise Fault("InvalidDBInstanceStateFault", "A failed instance can only be deleted with SkipFinalSnapshot.")
    last = snapshots.take(call, one, final, "manual", {}, wanted="FinalDBSnapshotIdentifier") if final else None
    keep = params.get("DeleteAutomatedBackups") is False

    def gone(_):
        state.discard(one)
        managed.drop(one)
        if not member:
            backups.end(state, one, keep)

    from . import clusters
    copied = last.pending if last else None
    state.go(one, state.step(
        one, "deleting", lambda: clusters.stop_after(state, one) if member else stop(one, copied), gone))
    return {"DBInstance": show.instance(state, one)}


def stop(one, copied=None):
    """Ends the server, after the final snapshot has its copy."""
    if copied:
        copied.result()
    if one.database:
        one.database.remove()


def reboot(call, params):
    one = need(call, params["DBInstanceIdentifier"], ("available",))
    cluster = show.cluster_of(call.state, one)
    database = cluster.database if cluster else one.database

    def again():
        if database:
            database.stop()
            database.start()

    def done(_):
        for group in one.attrs["DBParameterGroups"]:
            group["ParameterApplyStatus"] = "in-sync"

    call.state.then(one, call.state.step(one, "rebooting", again, done))
    return {"DBInstance": show.instance(call.state, one)}


OPERATIONS = {
    "CreateDBInstance": create, "DescribeDBInstances": describe, "ModifyDBInstance": modify,
    "DeleteDBInstance": delete, "RebootDBInstance": reboot,
}
