"""An emulator to check, and Amazon's SDK to check it with."""

import functools
import json
import os
import secrets
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

HERE = os.path.dirname(os.path.abspath(__file__))
EMULATOR = os.path.join(HERE, "../emulator")
WEST, CENTRAL = "eu-west-1", "eu-central-1"
PASSWORD = "first-secret-1234"
# Where copies cost least.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
ROOT = "AKIAFIREDRILLROOT000"


def processor_seconds(pid):
    """What a process and the children it has waited for have used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(one) for one in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class Emulator:
    def __init__(self, *options):
        self.folder = os.path.join(tempfile.mkdtemp(prefix="firedrill-cloud-", dir=MEMORY), "aws")
        os.chmod(os.path.dirname(self.folder), 0o711)
        self.process = subprocess.Popen(
            [EMULATOR, self.folder, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.boot = processor_seconds(self.process.pid)
        self.info = json.loads(line)
        self.endpoint = self.info["endpoint"]

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30)
        os.rmdir(os.path.dirname(self.folder))

    @functools.cache
    def client(self, service, region=WEST, key="test", secret="test", token=None):
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
        )

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.endpoint}/_firedrill/{path}", None if body is None else json.dumps(body).encode(), method=method
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None


_shared = {}


def shared(*options):
    """One emulator for all checks with those options."""
    if options not in _shared:
        _shared[options] = Emulator(*options)
    return _shared[options]


def end():
    for one in _shared.values():
        one.end()


class Case(unittest.TestCase):
    options = ("--no-data", "--times", "default=0.05,modify-lag=0,initializing=0.3")

    def setUp(self):
        self.aws = shared(*self.options)
        self.west, self.central = self.aws.client("rds", WEST), self.aws.client("rds", CENTRAL)
        self.aws.control("POST", "faults", [])
        self.aws.control("DELETE", "calls")

    def tearDown(self):
        wrong = self.aws.control("GET", "violations")
        self.assertEqual([one for one in wrong if one["in"] == "response"], [])

    def times(self, times):
        """Sets times until the end of the test."""
        before = self.aws.control("GET", "times")
        self.addCleanup(self.aws.control, "POST", "times", {key: before.get(key, before["default"]) for key in times})
        self.aws.control("POST", "times", times)

    def name(self, word="x"):
        return f"{word}-{secrets.token_hex(3)}"

    def instance(self, name=None, rds=None, wait=True, **more):
        name = name or self.name("db")
        asked = {
            "DBInstanceClass": "db.t3.medium",
            "Engine": "postgres",
            "EngineVersion": "16",
            "MasterUsername": "app",
            "MasterUserPassword": PASSWORD,
            "DBName": "shop",
            "AllocatedStorage": 20,
        } | more
        rds = rds or self.west
        rds.create_db_instance(
            DBInstanceIdentifier=name, **{key: value for key, value in asked.items() if value is not None}
        )
        if wait:
            self.until(rds, name)
        return name

    def snapshot(self, instance, name=None, **more):
        name = name or self.name("snap")
        self.west.create_db_snapshot(DBInstanceIdentifier=instance, DBSnapshotIdentifier=name, **more)
        self.until_snapshot(self.west, name)
        return name

    def describe(self, rds, name):
        return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def sight(self, rds, name):
        return rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]

    def until(self, rds, name, wanted="available"):
        return self.poll(lambda: self.describe(rds, name)["DBInstanceStatus"], wanted)

    def until_snapshot(self, rds, name):
        return self.poll(lambda: self.sight(rds, name)["Status"], "available")

    def poll(self, read, wanted, seconds=60):
        """Statuses in the order they were seen, up to the wanted one. An error counts by its code."""
        seen, deadline = [], time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                status = read()
            except ClientError as error:
                status = error.response["Error"]["Code"]
            if not seen or seen[-1] != status:
                seen.append(status)
            if status == wanted:
                return seen
            time.sleep(0.02)
        self.fail(f"waited for {wanted}, saw {seen}")

    def refused(self, code, call, **params):
        with self.assertRaises(ClientError) as caught:
            call(**params)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        return caught.exception

    def role(self, account, name="drill", **session):
        """Keys of a role in that account."""
        assumed = self.aws.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="check", **session
        )["Credentials"]
        return {"key": assumed["AccessKeyId"], "secret": assumed["SecretAccessKey"], "token": assumed["SessionToken"]}


def sql(aws, endpoint, script, user="app", password=PASSWORD, database="shop", engine="postgres"):
    """What the database's own client prints, over TLS that is verified in full."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": password, "MYSQL_PWD": password}
    host, port, ca = endpoint["Address"], str(endpoint["Port"]), aws.info["ca_bundle"]
    if engine == "postgres":
        argv = [
            "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-f",
            "-",
            "-v",
            "ON_ERROR_STOP=1",
            f"host={host} port={port} user={user} dbname={database} sslmode=verify-full sslrootcert={ca}",
        ]
    else:
        argv = [
            "mariadb",
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "-h",
            host,
            "-P",
            port,
            "-u",
            user,
            f"--ssl-ca={ca}",
            "--ssl-verify-server-cert",
            database,
        ]
    done = subprocess.run(argv, env=env, input=script, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "ERROR " + done.stderr.strip()
