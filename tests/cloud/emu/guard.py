"""Who calls, and whether they may. Signatures are not looked at; access keys, sessions and policies are."""

import json
import threading

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcnow
from moto.iam import access_control, models as iam
from moto.sts import models as sts

from . import faults, policy, tokens
from .rds.support import DEFAULT_KEY
from .wire import Problem

# Parameters of RDS that name a resource, and its kind in an ARN.
NAMED = {
    "DBInstanceIdentifier": "db", "TargetDBInstanceIdentifier": "db", "SourceDBInstanceIdentifier": "db",
    "DBSnapshotIdentifier": "snapshot", "SourceDBSnapshotIdentifier": "snapshot",
    "TargetDBSnapshotIdentifier": "snapshot", "DBClusterIdentifier": "cluster", "SourceDBClusterIdentifier": "cluster",
    "DBClusterSnapshotIdentifier": "cluster-snapshot", "SourceDBClusterSnapshotIdentifier": "cluster-snapshot",
    "TargetDBClusterSnapshotIdentifier": "cluster-snapshot", "SnapshotIdentifier": "cluster-snapshot",
    "DBSubnetGroupName": "subgrp", "DBParameterGroupName": "pg", "OptionGroupName": "og",
    "DBClusterParameterGroupName": "cluster-pg", "ResourceName": "", "SourceDBInstanceAutomatedBackupsArn": "",
    "SourceDBInstanceArn": "",
}
# What a call without names is about.
WHOLE = {
    "DescribeDBInstances": "db", "DescribeDBSnapshots": "snapshot", "DescribeDBClusters": "cluster",
    "DescribeDBClusterSnapshots": "cluster-snapshot", "DescribeDBSubnetGroups": "subgrp",
    "DescribeDBParameterGroups": "pg", "DescribeOptionGroups": "og", "DescribeDBClusterParameterGroups": "cluster-pg",
}
# Which of the names is what a call makes.
MADE = ("TargetDBInstanceIdentifier", "TargetDBSnapshotIdentifier", "TargetDBClusterSnapshotIdentifier",
        "DBSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBInstanceIdentifier", "DBClusterIdentifier",
        "DBSubnetGroupName", "DBParameterGroupName", "DBClusterParameterGroupName", "OptionGroupName")
PREFIX = {"tagging": "tag"}


class Guard:
    def __init__(self, root_key, state):
        self.root_key, self.state = root_key, state
        self.enforced = False
        self.expired = set()
        # When set, sessions are over after that many seconds, whatever was asked.
        self.session_seconds = None
        self._lock = threading.Lock()
        self.shorten()

    def judge_token(self, resource, user, text):
        """What is wrong with the token of a database user."""
        endpoint = f"{self.state.servers.host}:{resource.database.endpoint_port()}"
        return tokens.wrong(text, user, endpoint, resource.region,
                            lambda key, session: self.secret(resource, user, key, session))

    def secret(self, resource, user, key, session_token):
        """The secret of a key that may connect; None for a key that nobody issued, while policies are not enforced."""
        if key in self.expired:
            raise ValueError("the session is over")
        account = iam.get_account_id_from(key)
        session = sts.sts_backends[account]["aws"].get_assumed_role_from_access_key(key)
        if session:
            if session.expiration <= utcnow():
                raise ValueError("the session is over")
            if session.session_token != session_token:
                raise ValueError("the session token is not right")
        elif session_token:
            raise ValueError("the session is not known")
        if self.enforced and key != self.root_key:
            try:
                held = access_control.create_access_key(
                    account_id=account, partition="aws", access_key_id=key,
                    headers={"X-Amz-Security-Token": session_token} if session_token else {})
            except access_control.CreateAccessKeyFailure:
                raise ValueError("the access key is not known") from None
            identity = resource.attrs.get("DbiResourceId") or resource.attrs.get("DbClusterResourceId")
            arn = f"arn:aws:rds-db:{resource.region}:{resource.account}:dbuser:{identity}/{user}"
            documents = [document(one) for one in held.collect_policies()]
            if policy.judge(documents, "rds-db:connect", arn, {"aws:principalaccount": account}) != "allow":
                raise ValueError(f"{held.arn} is not authorized to perform rds-db:connect on {arn}")
        if session:
            return session.secret_access_key
        known = iam.iam_backends[account]["aws"].access_keys.get(key)
        return known.secret_access_key if known else None

    def shorten(self):
        """Lets a session say when it is over, and be over then, sooner than AWS allows."""
        begin, guard = sts.AssumedRole.__init__, self

        def init(role, *args, **named):
            if guard.session_seconds is not None:
                named["duration"] = guard.session_seconds
            begin(role, *args, **named)

        sts.AssumedRole.__init__ = init

    def account(self, call):
        """The account of an access key: the one of the role that was assumed, else the first."""
        return iam.get_account_id_from(call.access_key) if call.access_key else DEFAULT_ACCOUNT_ID

    def session(self, call, account):
        if not call.token:
            return None
        return sts.sts_backends[account]["aws"].get_assumed_role_from_access_key(call.access_key)

    def refuse(self, call, account):
        """The error of a call that is not let through."""
        if call.service is None:
            return None
        session = self.session(call, account)
        if call.access_key in self.expired or (session and session.expiration <= utcnow()):
            return faults.expired(call)
        if not self.enforced or call.access_key == self.root_key:
            return None
        try:
            return self.denied(call, account, session)
        except policy.Unknown as unknown:
            return Problem("NotImplemented", f"This emulator does not understand {unknown} in a policy.", 501)

    def denied(self, call, account, session):
        if (call.service, call.operation) == ("sts", "GetCallerIdentity"):
            return None
        try:
            held = access_control.create_access_key(
                account_id=account, partition="aws", access_key_id=call.access_key,
                headers={"X-Amz-Security-Token": call.token} if call.token else {})
        except access_control.CreateAccessKeyFailure:
            json_like = call.protocol in ("json", "rest-json")
            return Problem("UnrecognizedClientException" if json_like else "InvalidClientTokenId",
                           "The security token included in the request is invalid.", 400 if json_like else 403)
        documents = [document(one) for one in held.collect_policies()]
        for action, arn, context in self.questions(call, account):
            context = context | {"aws:principalaccount": account, "aws:principalarn": held.arn}
            if call.service == "sts" and call.operation == "AssumeRole":
                if not self.trusted(arn, held.arn, account, context):
                    return self.problem(call, held.arn, action, arn)
                # In the same account a trust policy that names the caller would do; policies ask for both here.
            verdict = policy.judge(documents, action, arn, context)
            if verdict != "allow":
                return self.problem(call, held.arn, action, arn, verdict)
        return None

    def trusted(self, arn, principal, account, context):
        owner = arn.split(":")[4]
        try:
            role = iam.iam_backends[owner]["aws"].get_role_by_arn(arn)
        except Exception:
            return False
        trust = role.assume_role_policy_document
        return policy.trusts(json.loads(trust) if isinstance(trust, str) else trust, principal, account,
                             "sts:AssumeRole", context)

    def problem(self, call, who, action, arn, verdict=None):
        why = "with an explicit deny in an identity-based policy" if verdict == "deny" else (
            f"because no identity-based policy allows the {action} action")
        text = f"User: {who} is not authorized to perform: {action} on resource: {arn} {why}"
        if action.startswith("kms:") and call.service == "rds":
            return Problem("KMSKeyNotAccessibleFault", text)
        json_like = call.protocol in ("json", "rest-json")
        return Problem("AccessDeniedException" if json_like else "AccessDenied", text, 400 if json_like else 403)

    # What is asked of the policies ------------------------------------------------------------------------------

    def questions(self, call, account):
        """Action, resource and context, for each resource of the call: all must be allowed."""
        action = f"{PREFIX.get(call.service, call.service)}:{call.operation}"
        base = {"aws:requestedregion": call.region, "aws:securetransport": "false"}
        if call.service != "rds":
            if call.operation == "AssumeRole" and call.params.get("ExternalId"):
                base["sts:externalid"] = call.params["ExternalId"]
            yield action, self.other(call, account), base
            return
        wanted = {tag["Key"]: tag.get("Value", "") for tag in call.params.get("Tags") or []}
        base |= {f"aws:requesttag/{key}": value for key, value in wanted.items()}
        base |= {f"rds:req-tag/{key}": value for key, value in wanted.items()}
        if wanted or call.params.get("TagKeys"):
            base["aws:tagkeys"] = list(wanted) + list(call.params.get("TagKeys") or [])
        for key, name in (("DBInstanceClass", "rds:databaseclass"), ("Engine", "rds:databaseengine"),
                          ("MultiAZ", "rds:multiaz"), ("StorageEncrypted", "rds:storageencrypted")):
            if key in call.params:
                value = call.params[key]
                base[name] = str(value).lower() if isinstance(value, bool) else value
        named = {key: self.arn(call, account, kind, call.params[key]) for key, kind in NAMED.items()
                 if call.params.get(key)}
        whole = WHOLE.get(call.operation)
        arns = list(named.values())
        if whole and not any(f":{whole}:" in arn for arn in arns):
            arns.append(f"arn:aws:rds:{call.region}:{account}:{whole}:*")
        for arn in arns or ["*"]:
            yield action, arn, base | self.about(arn)
        if wanted and call.operation != "AddTagsToResource":
            made = next((named[key] for key in MADE if key in named), "*")
            # What does not exist yet has no tags.
            yield "rds:AddTagsToResource", made, base
        if call.params.get("KmsKeyId"):
            key = self.key(call, account, call.params["KmsKeyId"])
            if not key.endswith(DEFAULT_KEY):
                for one in ("kms:DescribeKey", "kms:CreateGrant"):
                    yield one, key, {**base, "kms:viaservice": f"rds.{call.region}.amazonaws.com"}

    def arn(self, call, account, kind, value):
        if value.startswith("arn:"):
            return value
        return f"arn:aws:rds:{call.region}:{account}:{kind}:{value.lower()}"

    def about(self, arn):
        """What the resource itself says: its tags."""
        with self.state.lock:
            one = self.state.by_arn(arn)
            if one is None:
                return {}
            found = {}
            for key, value in one.tags.items():
                found[f"aws:resourcetag/{key}"] = value
                found[f"rds:{one.kind}-tag/{key}"] = value
            return found | {"aws:resourceaccount": one.account}

    def key(self, call, account, id):
        from moto.kms.models import kms_backends
        if id.startswith("arn:") and ":key/" in id:
            return id
        name = id.split(":", 5)[5] if id.startswith("arn:") else id
        try:
            return kms_backends[account][call.region].describe_key(name).arn
        except Exception:
            return f"arn:aws:kms:{call.region}:{account}:{name if name.startswith('alias/') else 'key/' + name}"

    def other(self, call, account):
        if call.service == "sts":
            return call.params.get("RoleArn") or "*"
        if call.service == "kms" and call.params.get("KeyId"):
            return self.key(call, account, call.params["KeyId"])
        if call.service == "secretsmanager" and call.params.get("SecretId"):
            from moto.secretsmanager.models import secretsmanager_backends
            id = call.params["SecretId"]
            try:
                return secretsmanager_backends[account][call.region].secrets[id].arn
            except Exception:
                return id if id.startswith("arn:") else f"arn:aws:secretsmanager:{call.region}:{account}:secret:{id}-??????"
        return "*"


def document(held):
    """A policy in one of the forms that moto keeps it in."""
    if isinstance(held, iam.Policy):
        held = next(one for one in held.versions if one.is_default).document
    elif isinstance(held, dict) and "policy_document" in held:
        held = held["policy_document"]
    return json.loads(held) if isinstance(held, str) else held
