"""IAM database authentication: a token in a password's place, on PostgreSQL."""

import json
import time

import boto3

from .aws import PASSWORD, ROOT, WEST, Case, sql


class Tokens(Case):
    options = ("--times", "default=0,initializing=0")

    def tearDown(self):
        self.aws.control("POST", "iam", {"enforce": False})
        super().tearDown()

    def made(self, **more):
        name = self.instance(BackupRetentionPeriod=0, **more)
        endpoint = self.describe(self.west, name)["Endpoint"]
        self.assertEqual(
            "",
            self.ask(
                endpoint,
                "create role reader login; grant rds_iam to reader; create table t (i int); insert into t values (7);"
                " grant select on t to reader;",
                user="app",
                password=PASSWORD,
            ),
        )
        return name, endpoint

    def ask(self, endpoint, script, password, user="reader"):
        return sql(self.aws, endpoint, script, user=user, password=password)

    def token(self, endpoint, user="reader", region=WEST, **keys):
        keys = keys or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.Session(**keys, region_name=region).client("rds", endpoint_url=self.aws.endpoint)
        return client.generate_db_auth_token(
            DBHostname=endpoint["Address"], Port=endpoint["Port"], DBUsername=user, Region=region
        )

    def test_a_token_opens_the_door_of_its_user_and_instance_alone(self):
        _, endpoint = self.made(EnableIAMDatabaseAuthentication=True)
        _, other = self.made(EnableIAMDatabaseAuthentication=True)
        good = self.token(endpoint)
        self.assertEqual(self.ask(endpoint, "select i, current_user from t;", good), "7|reader")
        self.assertEqual(self.ask(endpoint, "select count(*) from generate_series(1, 300000);", good), "300000")
        self.assertEqual(len(self.ask(endpoint, "select repeat('x', 5000000);", good)), 5000000)
        for wrong, words in [
            (self.token(other), "the token is for"),
            (self.token(endpoint, user="app"), "for the user app"),
            (self.token(endpoint, region="eu-central-1"), "eu-central-1"),
            (PASSWORD, "no token"),
            (good.replace("X-Amz-Expires=900", "X-Amz-Expires=99999"), "expired"),
        ]:
            answer = self.ask(endpoint, "select 1;", wrong)
            self.assertIn("PAM authentication failed", answer)
            self.assertIn(words, answer)
        self.assertEqual(self.ask(endpoint, "select i from t;", PASSWORD, user="app"), "7")
        self.assertIn("ERROR", self.ask(endpoint, "select 1;", self.token(endpoint, user="app"), user="app"))

    def test_older_series_take_tokens_too(self):
        for version in ("13", "15"):
            _, endpoint = self.made(EngineVersion=version, EnableIAMDatabaseAuthentication=True)
            self.assertEqual(self.ask(endpoint, "select i from t;", self.token(endpoint)), "7")

    def test_it_can_be_switched_on_and_the_endpoint_stays(self):
        name, endpoint = self.made()
        self.assertIn("ERROR", self.ask(endpoint, "select 1;", self.token(endpoint)))
        self.west.modify_db_instance(
            DBInstanceIdentifier=name, EnableIAMDatabaseAuthentication=True, ApplyImmediately=True
        )
        self.poll(lambda: self.ask(endpoint, "select i from t;", self.token(endpoint)), "7")
        self.until(self.west, name)
        self.assertEqual(self.describe(self.west, name)["Endpoint"], endpoint)
        snap, other = self.snapshot(name), self.name("r")
        self.west.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=other, DBSnapshotIdentifier=snap)
        self.until(self.west, other)
        restored = self.describe(self.west, other)["Endpoint"]
        self.assertEqual(self.ask(restored, "select i from t;", self.token(restored)), "7")

    def test_policies_sessions_and_signatures_count(self):
        name, endpoint = self.made(EnableIAMDatabaseAuthentication=True)
        identity = self.describe(self.west, name)["DbiResourceId"]
        iam, user = self.aws.client("iam", "us-east-1", key=ROOT), self.name("user")
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        self.assertEqual(self.ask(endpoint, "select i from t;", self.token(endpoint, **keys)), "7")
        self.assertIn(
            "signature",
            self.ask(endpoint, "select 1;", self.token(endpoint, **keys | {"aws_secret_access_key": "guess"})),
        )
        self.aws.control("POST", "iam", {"enforce": True})
        self.assertIn("not authorized", self.ask(endpoint, "select 1;", self.token(endpoint, **keys)))
        statement = {
            "Effect": "Allow",
            "Action": "rds-db:connect",
            "Resource": f"arn:aws:rds-db:*:*:dbuser:{identity}/reader",
        }
        iam.put_user_policy(
            UserName=user,
            PolicyName="p",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        self.assertEqual(self.ask(endpoint, "select i from t;", self.token(endpoint, **keys)), "7")
        self.aws.control("POST", "iam", {"enforce": False})
        self.aws.control("POST", "session", {"seconds": 5})
        role = self.role("123456789012")
        self.aws.control("POST", "session", {"seconds": None})
        session = {
            "aws_access_key_id": role["key"],
            "aws_secret_access_key": role["secret"],
            "aws_session_token": role["token"],
        }
        self.assertEqual(self.ask(endpoint, "select i from t;", self.token(endpoint, **session)), "7")
        time.sleep(5.1)
        self.assertIn("session is over", self.ask(endpoint, "select 1;", self.token(endpoint, **session)))
