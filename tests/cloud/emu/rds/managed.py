"""Master passwords that RDS keeps in Secrets Manager, in a secret of its own."""

import json
import secrets
import uuid

from moto.secretsmanager.models import secretsmanager_backends

from .support import Fault, kms_key


def wanted(params):
    """Whether RDS is to keep the password; then none may be given."""
    if not params.get("ManageMasterUserPassword"):
        return False
    if params.get("MasterUserPassword"):
        raise Fault("InvalidParameterCombination", "You can't specify MasterUserPassword for an instance with "
                    "ManageMasterUserPassword enabled.")
    return True


def password():
    return secrets.token_urlsafe(24)


def keep(call, one, text, key=None):
    """Puts the password into a secret, as RDS writes them."""
    drop(one)
    word = "DBInstance" if one.kind == "db" else "DBCluster"
    arn = kms_key(call, key) if key else None
    secret = secretsmanager_backends[one.account][one.region].create_managed_secret(
        service_name="rds", secret_id=f"rds!{one.kind}-{uuid.uuid4()}",
        secret_string=json.dumps({"username": one.attrs["MasterUsername"], "password": text}),
        description=f"The secret associated with the primary RDS {word}: {one.arn}", kms_key_id=arn,
        tags=[{"Key": f"aws:rds:primary{word}Arn", "Value": one.arn}])
    one.attrs["MasterUserSecret"] = {"SecretArn": secret.arn, "SecretStatus": "active",
                                     "KmsKeyId": kms_key(call, arn or secret.kms_key_id)}


def drop(one):
    held = one.attrs.pop("MasterUserSecret", None)
    if held:
        secretsmanager_backends[one.account][one.region].delete_secret(held["SecretArn"], None, True)
