"""What the operations share: the caller, the checks that RDS makes before it starts anything, pages and filters."""

import base64
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.rds.models import rds_backends

from . import catalog

DEFAULT_KEY = "alias/aws/rds"


class Fault(ServiceException):
    """An error by its name in the model of RDS, or one of the common ones."""

    def __init__(self, code, message):
        super().__init__(code, message)


@dataclass
class Call:
    """Who calls where."""

    state: object
    catalog: object
    account: str
    region: str
    # The caller's id for an encrypted copy is only taken from here.
    require_presigned: bool = True

    @property
    def groups(self):
        return rds_backends[self.account][self.region]

    @property
    def ec2(self):
        return ec2_backends[self.account][self.region]

    def find(self, kind, id):
        return self.state.find(kind, self.account, self.region, id)

    def of(self, kind):
        return list(self.state.of(kind, self.account, self.region).values())


# Names and tags ------------------------------------------------------------------------------------------------


def identifier(value, what, longest):
    """A legal name, as RDS keeps it: in lower case."""
    if not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", value or "") or len(value) > longest:
        raise Fault("InvalidParameterValue", f"The parameter {what} is not a valid identifier. Identifiers must begin "
                    "with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a "
                    "hyphen or contain two consecutive hyphens.")
    return value.lower()


def tags(params, key="Tags"):
    found = {}
    for tag in params.get(key) or []:
        if tag["Key"].lower().startswith("aws:"):
            raise Fault("InvalidParameterValue", f"The tag key {tag['Key']} uses a reserved prefix.")
        if tag["Key"] in found:
            raise Fault("InvalidParameterValue", f"The tag key {tag['Key']} is given twice.")
        found[tag["Key"]] = tag.get("Value", "")
    if len(found) > 50:
        raise Fault("InvalidParameterValue", "A resource can have at most 50 tags.")
    return found


def tag_list(found):
    return [{"Key": key, "Value": value} for key, value in sorted(found.items())]


# Network, groups, keys, offers ---------------------------------------------------------------------------------


def subnet_group(call, name, zone=None):
    if name in (None, "default"):
        vpc = call.ec2.get_default_vpc()
        subnets = list(call.ec2.get_default_subnets().values())
        if vpc is None or not subnets:
            raise Fault("DBSubnetGroupNotFoundFault", "No default subnet detected. Create a default VPC, or name a DB "
                        "subnet group.")
        group = {"DBSubnetGroupName": "default", "DBSubnetGroupDescription": "default", "VpcId": vpc.id,
                 "SubnetGroupStatus": "Complete", "Subnets": [
                     {"SubnetIdentifier": one.id, "SubnetStatus": "Active",
                      "SubnetAvailabilityZone": {"Name": one.availability_zone}} for one in subnets]}
    else:
        found = call.groups.subnet_groups.get(name.lower())
        if found is None:
            raise Fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
        group = {"DBSubnetGroupName": found.name, "DBSubnetGroupDescription": found.description,
                 "VpcId": found.vpc_id, "SubnetGroupStatus": found.subnet_group_status, "DBSubnetGroupArn": found.arn,
                 "Subnets": found.subnets}
        covered = {one["SubnetAvailabilityZone"]["Name"] for one in found.subnets}
        if len(covered) < 2:
            raise Fault("DBSubnetGroupDoesNotCoverEnoughAZs", f"DB subnet group '{name}' does not meet the "
                        "availability zone coverage requirement. Add subnets to cover at least 2 of them.")
    covered = sorted({one["SubnetAvailabilityZone"]["Name"] for one in group["Subnets"]})
    if zone and zone not in covered:
        raise Fault("InvalidVPCNetworkStateFault", f"Availability zone {zone} is not covered by DB subnet group "
                    f"'{group['DBSubnetGroupName']}'.")
    return group, covered


def security_groups(call, ids, vpc):
    if not ids:
        default = call.ec2.get_security_group_from_name("default", vpc)
        ids = [default.id] if default else []
    for id in ids:
        found = call.ec2.get_security_group_from_id(id)
        if found is None:
            raise Fault("InvalidParameterValue", f"Invalid security group , groupId= {id}, groupName=.")
        if found.vpc_id != vpc:
            raise Fault("InvalidVPCNetworkStateFault", f"The DB instance and EC2 security group are in different VPCs. "
                        f"The DB instance is in {vpc} and the EC2 security group is in {found.vpc_id}.")
    return [{"VpcSecurityGroupId": id, "Status": "active"} for id in ids]


def parameter_group(call, name, family, cluster=False):
    default = f"default.{family}"
    if name in (None, default):
        return default
    held = call.groups.db_cluster_parameter_groups if cluster else call.groups.db_parameter_groups
    found = held.get(name.lower())
    if found is None:
        code = "DBClusterParameterGroupNotFoundFault" if cluster else "DBParameterGroupNotFoundFault"
        raise Fault(code, f"DBParameterGroup not found: {name}")
    of = getattr(found, "db_parameter_group_family", None) or getattr(found, "family", family)
    if of != family:
        raise Fault("InvalidParameterCombination", f"The parameter group {name} with DBParameterGroupFamily {of} cannot "
                    f"be used for this instance. Please use a parameter group with DBParameterGroupFamily {family}.")
    return found.name


def option_group(call, name, engine, version):
    major = catalog.major(engine, version)
    default = f"default:{engine}-{major.replace('.', '-')}"
    if name in (None, default):
        return default
    found = call.groups.option_groups.get(name.lower())
    if found is None:
        raise Fault("OptionGroupNotFoundFault", f"Specified OptionGroupName: {name} not found.")
    if found.engine_name != engine or str(found.major_engine_version) != major:
        raise Fault("InvalidParameterCombination", f"The option group {name} is for {found.engine_name} "
                    f"{found.major_engine_version}, not for {engine} {major}.")
    return found.name


def kms_key(call, id, region=None):
    """The ARN of a key that the caller can use, in its own region or that one."""
    id, wanted = id or DEFAULT_KEY, region or call.region
    account, region, name = call.account, wanted, id
    if id.startswith("arn:"):
        part = id.split(":", 5)
        region, account, name = part[3], part[4], part[5].removeprefix("key/")
    why = None
    key = None
    if region != wanted:
        why = "it is in another region"
    else:
        backend = kms_backends[account][region]
        try:
            key = backend.describe_key(name)
        except Exception:
            why = "it does not exist, or you are not allowed to access it"
        else:
            if key.key_state != "Enabled":
                why = f"it is {key.key_state}"
            elif account != call.account and not re.search(call.account + r'|"AWS": ?"\*"', key.policy or ""):
                why = "its policy does not let this account use it"
    if why:
        raise Fault("KMSKeyNotAccessibleFault", f"The specified KMS key [{id}] can't be used: {why}.")
    return key.arn


def default_key(call, arn):
    """Whether that is the key that AWS keeps for RDS, which can't be shared."""
    if not arn:
        return False
    part = arn.split(":", 5)
    try:
        return kms_backends[part[4]][part[3]].describe_key(DEFAULT_KEY).arn == arn
    except Exception:
        return False


def engine(call, name, version):
    if name not in call.catalog.versions:
        raise Fault("InvalidParameterValue", f"Invalid DB engine: {name}")
    found = call.catalog.find(name, version)
    if found is None:
        raise Fault("InvalidParameterCombination", f"Cannot find version {version} for {name}")
    return found


def instance_class(name, engine):
    if name not in catalog.CLASSES:
        raise Fault("InvalidParameterValue", f"Invalid DB Instance class: {name}")
    if name not in catalog.classes(engine):
        raise Fault("InvalidParameterCombination", f"RDS does not support creating a DB instance with the following "
                    f"combination: DBInstanceClass={name}, Engine={engine}.")
    return name


def storage(kind, iops, throughput):
    """Type, IOPS and throughput, as they are after RDS has filled in what was not said."""
    if kind not in catalog.STORAGE:
        raise Fault("InvalidParameterValue", f"Invalid storage type: {kind}")
    usual_iops, usual_throughput = catalog.STORAGE[kind]
    if iops and usual_iops is None:
        raise Fault("InvalidParameterCombination", f"You can't specify IOPS for storage type {kind}.")
    if throughput and usual_throughput is None:
        raise Fault("InvalidParameterCombination", f"You can't specify storage throughput for storage type {kind}.")
    return {"StorageType": kind, "Iops": iops or usual_iops, "StorageThroughput": throughput or usual_throughput}


def quota(call, name, more=1):
    limit = call.state.quotas[name]
    if call.state.used(name, call.account, call.region) + more > limit:
        code, text = {
            "instances": ("InstanceQuotaExceededFault", "DB Instances"),
            "clusters": ("DBClusterQuotaExceededFault", "DB clusters"),
            "manual-snapshots": ("SnapshotQuotaExceededFault", "manual snapshots"),
            "manual-cluster-snapshots": ("SnapshotQuotaExceededFault", "manual DB cluster snapshots"),
        }[name]
        raise Fault(code, f"Cannot create more than {limit} {text} in this region.")


# Answers -------------------------------------------------------------------------------------------------------


def page(params, found, key, least=20):
    """One page of what was found, in an order that does not change, and the marker of the next."""
    size = params.get("MaxRecords", 100)
    if not least <= size <= 100:
        raise Fault("InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between {least} and 100")
    found = sorted(found, key=lambda one: one.arn)
    start = 0
    if params.get("Marker"):
        try:
            last = base64.urlsafe_b64decode(params["Marker"].encode()).decode()
        except ValueError:
            raise Fault("InvalidParameterValue", "Invalid marker") from None
        start = sum(one.arn <= last for one in found)
    shown = found[start:start + size]
    answer = {key: shown}
    if start + size < len(found):
        answer["Marker"] = base64.urlsafe_b64encode(shown[-1].arn.encode()).decode()
    return answer


def filtered(params, found, supported):
    """What passes all filters; `supported` tells how to read a filter's value off a resource."""
    for one in params.get("Filters") or []:
        if one["Name"] not in supported:
            raise Fault("InvalidParameterValue", f"Unrecognized filter name: {one['Name']}")
        if not one.get("Values"):
            raise Fault("InvalidParameterCombination", f"Filter {one['Name']} has no values.")
        read = supported[one["Name"]]
        wanted = {value.lower() for value in one["Values"]}
        found = [each for each in found if wanted & {str(value).lower() for value in read(each) if value}]
    return found


# Pre-signed requests -------------------------------------------------------------------------------------------


def presigned(call, params, operation, source_key, source_region):
    """Checks the request that the caller signed for the source's region."""
    url = params.get("PreSignedUrl")
    if not url:
        raise Fault("InvalidParameterCombination", "PreSignedUrl must be given to copy an encrypted snapshot from "
                    "another region.")
    query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    scope = query.get("X-Amz-Credential", "").split("/")
    wanted = {
        "Action": operation, source_key: params[source_key], "DestinationRegion": call.region,
        "KmsKeyId": params.get("KmsKeyId"), "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    }
    for key, value in wanted.items():
        if query.get(key) != value:
            raise Fault("InvalidParameterValue", f"PreSignedUrl has {key}={query.get(key)}, not {value}.")
    if len(scope) != 5 or scope[2] != source_region or scope[3] != "rds" or not query.get("X-Amz-Signature"):
        raise Fault("InvalidParameterValue", f"PreSignedUrl is not signed for RDS in {source_region}.")
