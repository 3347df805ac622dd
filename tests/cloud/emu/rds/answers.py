"""What RDS tells about itself: quotas, engines, classes, certificates; and the tags of its resources."""

from moto.rds.models import rds_backends

from . import catalog
from .state import FOREVER, now
from .support import Fault, tag_list, tags

QUOTAS = {
    "DBInstances": "instances", "ManualSnapshots": "manual-snapshots", "DBClusters": "clusters",
    "ManualClusterSnapshots": "manual-cluster-snapshots",
}


def attributes(call, params):
    state = call.state
    found = [{"AccountQuotaName": name, "Used": state.used(quota, call.account, call.region),
              "Max": state.quotas[quota]} for name, quota in QUOTAS.items()]
    storage = sum(one.attrs["AllocatedStorage"] for one in call.of("db"))
    found += [
        {"AccountQuotaName": "AllocatedStorage", "Used": storage, "Max": 100000},
        {"AccountQuotaName": "DBSubnetGroups", "Used": len(call.groups.subnet_groups), "Max": 50},
        {"AccountQuotaName": "DBParameterGroups", "Used": len(call.groups.db_parameter_groups), "Max": 50},
        {"AccountQuotaName": "OptionGroups", "Used": len(call.groups.option_groups), "Max": 20},
    ]
    return {"AccountQuotas": found}


def cut(params, found, key, least=20):
    """Pages of what has no ARN."""
    size = params.get("MaxRecords", 100)
    top = 10000 if key == "OrderableDBInstanceOptions" else 100
    if not least <= size <= top:
        raise Fault("InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between {least} and {top}")
    try:
        start = int(params.get("Marker") or 0)
    except ValueError:
        raise Fault("InvalidParameterValue", "Invalid marker") from None
    answer = {key: found[start:start + size]}
    if start + size < len(found):
        answer["Marker"] = str(start + size)
    return answer


def versions(call, params):
    found = []
    for name, offered in call.catalog.versions.items():
        if params.get("Engine") and params["Engine"] != name:
            continue
        best = next(reversed(offered))
        for version in offered:
            family = call.catalog.family(name, version)
            asked = params.get("EngineVersion")
            if asked and version != asked and not version.startswith(asked + "."):
                continue
            if params.get("DBParameterGroupFamily") and params["DBParameterGroupFamily"] != family:
                continue
            if params.get("DefaultOnly") and version != best:
                continue
            found.append({
                "Engine": name, "EngineVersion": version, "MajorEngineVersion": catalog.major(name, version),
                "DBParameterGroupFamily": family, "DBEngineDescription": name,
                "DBEngineVersionDescription": f"{name} {version}", "Status": "available", "ValidUpgradeTarget": [],
                "SupportedEngineModes": ["provisioned"], "SupportsReadReplica": True, "SupportsBabelfish": False,
                "SupportsLogExportsToCloudwatchLogs": False, "SupportsGlobalDatabases": False,
                "SupportsParallelQuery": False, "SupportedFeatureNames": [],
                "SupportedCACertificateIdentifiers": ["rds-ca-rsa2048-g1", "rds-ca-ecc384-g1"], "TagList": []})
    return cut(params, found, "DBEngineVersions")


def orderable(call, params):
    name = params["Engine"]
    if name not in call.catalog.versions:
        raise Fault("InvalidParameterValue", f"Invalid DB engine: {name}")
    found = []
    for version in call.catalog.versions[name]:
        if params.get("EngineVersion") and version != params["EngineVersion"]:
            continue
        for klass in catalog.classes(name):
            if params.get("DBInstanceClass") and klass != params["DBInstanceClass"]:
                continue
            if params.get("LicenseModel") and params["LicenseModel"] != catalog.license(name):
                continue
            for storage in ["aurora"] if catalog.aurora(name) else list(catalog.STORAGE):
                iops, throughput = catalog.STORAGE.get(storage, (None, None))
                found.append({
                    "Engine": name, "EngineVersion": version, "DBInstanceClass": klass,
                    "LicenseModel": catalog.license(name), "Vpc": True, "MultiAZCapable": not catalog.aurora(name),
                    "AvailabilityZones": [{"Name": zone} for zone in catalog.zones(call.region)],
                    "ReadReplicaCapable": True, "SupportsStorageEncryption": True, "StorageType": storage,
                    "SupportsIops": iops is not None, "SupportsStorageThroughput": throughput is not None,
                    "SupportsIAMDatabaseAuthentication": True, "SupportsEnhancedMonitoring": True,
                    "SupportsPerformanceInsights": True, "SupportedNetworkTypes": ["IPV4"], "MinStorageSize": 20,
                    "MaxStorageSize": 65536, "SupportedEngineModes": ["provisioned"], "SupportsClusters": False})
    return cut(params, found, "OrderableDBInstanceOptions")


def certificates(call, params):
    name = "rds-ca-rsa2048-g1"
    if params.get("CertificateIdentifier") not in (None, name):
        raise Fault("CertificateNotFoundFault", f"Certificate {params['CertificateIdentifier']} not found.")
    return {"Certificates": [{
        "CertificateIdentifier": name, "CertificateType": "CA", "ValidTill": FOREVER.replace(year=2061),
        "ValidFrom": now().replace(year=2021), "Thumbprint": "0" * 40,
        "CertificateArn": f"arn:aws:rds:{call.region}::cert:{name}"}], "DefaultCertificateForNewLaunches": name}


def pending(call, params):
    return {"PendingMaintenanceActions": []}


# Tags ----------------------------------------------------------------------------------------------------------


def tagged(call, arn):
    one = call.state.by_arn(arn)
    if one is None or (one.account, one.region) != (call.account, call.region):
        part = arn.split(":", 6)
        if len(part) != 7 or part[2] != "rds":
            raise Fault("InvalidParameterValue", f"Invalid resource name: {arn}")
        if (part[3], part[4]) != (call.region, call.account) or part[5] in ("db", "cluster", "snapshot",
                                                                           "cluster-snapshot"):
            code = {"db": "DBInstanceNotFoundFault", "cluster": "DBClusterNotFoundFault",
                    "snapshot": "DBSnapshotNotFoundFault",
                    "cluster-snapshot": "DBClusterNotFoundFault"}.get(part[5], "InvalidParameterValue")
            raise Fault(code, f"{arn} not found.")
    return one


def list_tags(call, params):
    one = tagged(call, params["ResourceName"])
    if one is None:
        return {"TagList": rds_backends[call.account][call.region].list_tags_for_resource(params["ResourceName"])}
    return {"TagList": tag_list(one.tags)}


def add_tags(call, params):
    one = tagged(call, params["ResourceName"])
    if one is None:
        rds_backends[call.account][call.region].add_tags_to_resource(params["ResourceName"], params["Tags"])
    else:
        one.tags.update(tags(params))
    return {}


def remove_tags(call, params):
    one = tagged(call, params["ResourceName"])
    if one is None:
        rds_backends[call.account][call.region].remove_tags_from_resource(params["ResourceName"], params["TagKeys"])
    else:
        for key in params["TagKeys"]:
            one.tags.pop(key, None)
    return {}


OPERATIONS = {
    "DescribeAccountAttributes": attributes, "DescribeDBEngineVersions": versions,
    "DescribeOrderableDBInstanceOptions": orderable, "DescribeCertificates": certificates,
    "DescribePendingMaintenanceActions": pending, "ListTagsForResource": list_tags, "AddTagsToResource": add_tags,
    "RemoveTagsFromResource": remove_tags,
}
