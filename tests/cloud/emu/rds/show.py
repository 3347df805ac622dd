"""Resources as RDS answers them."""

import time

from . import catalog
from .support import tag_list

BLANK = "****"


def instance(state, one):
    shown = {key: value for key, value in one.attrs.items() if not key.startswith("_")}
    shown |= {
        "DBInstanceIdentifier": one.id, "DBInstanceArn": one.arn, "DBInstanceStatus": one.status,
        "TagList": tag_list(one.tags), "DbInstancePort": 0,
    }
    cluster = cluster_of(state, one)
    database = cluster.database if cluster else one.database
    if one.attrs.get("_reachable"):
        port = database and database.endpoint_port() or catalog.PORTS[shown["Engine"]]
        shown["Endpoint"] = {"Address": state.servers.host, "HostedZoneId": "Z29XKXDKYMONMX", "Port": port}
    if cluster:
        for key in ("StorageEncrypted", "KmsKeyId", "EngineVersion", "MasterUsername", "BackupRetentionPeriod",
                    "IAMDatabaseAuthenticationEnabled", "PreferredBackupWindow"):
            shown[key] = cluster.attrs.get(key)
    backup = state.backups.get(one.attrs["DbiResourceId"])
    if backup and backup.points and not cluster:
        shown["LatestRestorableTime"] = backup.latest()
    status, percent = hydration(one)
    if status:
        shown |= {"StorageOperationStatus": status, "StorageOperationPercentProgress": percent}
    return {key: value for key, value in shown.items() if value is not None}


def hydration(one):
    """The initialisation of restored storage: told while it goes on, gone afterwards."""
    if not one.hydration:
        return None, None
    begun, seconds = one.hydration
    part = (time.monotonic() - begun) / seconds if seconds else 1
    return ("Initializing", int(part * 100)) if part < 1 else (None, None)


def cluster_of(state, one):
    name = one.attrs.get("DBClusterIdentifier")
    return state.find("cluster", one.account, one.region, name) if name else None


def members(state, cluster):
    return sorted((one for one in state.of("db", cluster.account, cluster.region).values()
                   if (one.attrs.get("DBClusterIdentifier") or "") == cluster.id), key=lambda one: one.attrs["_order"])


def cluster(state, one):
    shown = {key: value for key, value in one.attrs.items() if not key.startswith("_")}
    instances = members(state, one)
    port = one.database and one.database.endpoint_port() or catalog.PORTS[shown["Engine"]]
    shown |= {
        "DBClusterIdentifier": one.id, "DBClusterArn": one.arn, "Status": one.status, "TagList": tag_list(one.tags),
        "Endpoint": state.servers.host, "ReaderEndpoint": state.servers.host, "Port": port,
        "DBClusterMembers": [
            {"DBInstanceIdentifier": member.id, "IsClusterWriter": index == 0,
             "DBClusterParameterGroupStatus": "in-sync", "PromotionTier": member.attrs.get("PromotionTier", 1)}
            for index, member in enumerate(instances)],
    }
    if one.busy():
        shown["PercentProgress"] = str(state.progress(one))
    backup = state.backups.get(one.attrs["DbClusterResourceId"])
    if backup and backup.points:
        shown |= {"EarliestRestorableTime": backup.earliest(), "LatestRestorableTime": backup.latest()}
    return {key: value for key, value in shown.items() if value is not None}


def snapshot(state, one):
    shown = {key: value for key, value in one.attrs.items() if not key.startswith("_")}
    mine = one.kind == "snapshot"
    progress = state.progress(one) if one.status != "failed" else 0
    shown |= {
        "DBSnapshotIdentifier" if mine else "DBClusterSnapshotIdentifier": one.id,
        "DBSnapshotArn" if mine else "DBClusterSnapshotArn": one.arn,
        "Status": one.status, "PercentProgress": progress, "TagList": tag_list(one.tags),
    }
    return {key: value for key, value in shown.items() if value is not None}
