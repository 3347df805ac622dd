"""IAM: policies with resources and tag conditions are enforced, and sessions end."""

import json
import time

from .aws import CENTRAL, PASSWORD, ROOT, WEST, Case

ACCOUNT = "123456789012"


class Policies(Case):
    def setUp(self):
        super().setUp()
        self.iam = self.aws.client("iam", "us-east-1", key=ROOT)

    def tearDown(self):
        self.aws.control("POST", "iam", {"enforce": False})
        super().tearDown()

    def statement(self, action, resource="*", effect="Allow", **condition):
        return {"Effect": effect, "Action": action, "Resource": resource} | (
            {"Condition": condition} if condition else {}
        )

    def user(self, *statements):
        """Clients of a new user with that policy, while policies are enforced."""
        name = self.name("user")
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(
            UserName=name,
            PolicyName="p",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
        )
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.aws.control("POST", "iam", {"enforce": True})
        return lambda service, region=WEST: self.aws.client(
            service, region, key=key["AccessKeyId"], secret=key["SecretAccessKey"]
        )

    def asked(self, **more):
        return {
            "DBInstanceIdentifier": self.name("db"),
            "DBInstanceClass": "db.t3.medium",
            "Engine": "postgres",
            "MasterUsername": "app",
            "MasterUserPassword": PASSWORD,
        } | more

    def test_nothing_is_allowed_that_no_policy_allows(self):
        client = self.user(self.statement("rds:DescribeDBInstances"))
        client("rds").describe_db_instances()
        self.refused("AccessDenied", client("rds").describe_db_snapshots)
        self.refused("AccessDenied", client("rds").create_db_instance, **self.asked())
        self.refused("AccessDeniedException", client("kms").list_keys)
        client("sts").get_caller_identity()
        self.refused("InvalidClientTokenId", self.west.describe_db_instances)
        self.aws.client("rds", key=ROOT).describe_db_instances()

    def test_a_deny_wins(self):
        name, other = self.instance(), self.instance()
        client = self.user(self.statement("rds:*"), self.statement("rds:Delete*", f"arn:aws:rds:*:*:db:{name}", "Deny"))
        self.refused(
            "AccessDenied", client("rds").delete_db_instance, DBInstanceIdentifier=name, SkipFinalSnapshot=True
        )
        client("rds").delete_db_instance(DBInstanceIdentifier=other, SkipFinalSnapshot=True)

    def test_what_is_made_must_have_our_tag_and_only_that_is_deleted(self):
        production = self.instance(Tags=[{"Key": "env", "Value": "prod"}])
        client = self.user(
            self.statement(
                ["rds:CreateDBInstance", "rds:AddTagsToResource"], StringEquals={"aws:RequestTag/firedrill": "yes"}
            ),
            self.statement("rds:DeleteDBInstance", StringEquals={"aws:ResourceTag/firedrill": "yes"}),
            self.statement("rds:Describe*"),
        )
        rds = client("rds")
        self.refused("AccessDenied", rds.create_db_instance, **self.asked())
        self.refused("AccessDenied", rds.create_db_instance, **self.asked(Tags=[{"Key": "firedrill", "Value": "no"}]))
        ours = self.asked(Tags=[{"Key": "firedrill", "Value": "yes"}])
        rds.create_db_instance(**ours)
        self.until(rds, ours["DBInstanceIdentifier"])
        self.refused("AccessDenied", rds.delete_db_instance, DBInstanceIdentifier=production, SkipFinalSnapshot=True)
        rds.delete_db_instance(DBInstanceIdentifier=ours["DBInstanceIdentifier"], SkipFinalSnapshot=True)

    def test_tags_on_something_new_want_the_right_to_tag(self):
        client = self.user(self.statement("rds:CreateDBInstance"))
        self.refused("AccessDenied", client("rds").create_db_instance, **self.asked(Tags=[{"Key": "a", "Value": "b"}]))
        client("rds").create_db_instance(**self.asked())

    def test_a_region_can_be_a_condition(self):
        client = self.user(self.statement("rds:*", StringEquals={"aws:RequestedRegion": CENTRAL}))
        client("rds", CENTRAL).describe_db_instances()
        self.refused("AccessDenied", client("rds", WEST).describe_db_instances)

    def test_source_and_target_of_a_copy_must_be_allowed(self):
        arn = self.sight(self.west, self.snapshot(self.instance()))["DBSnapshotArn"]
        target = f"arn:aws:rds:{CENTRAL}:{ACCOUNT}:snapshot:firedrill-*"
        client = self.user(self.statement("rds:CopyDBSnapshot", target))
        self.refused(
            "AccessDenied",
            client("rds", CENTRAL).copy_db_snapshot,
            SourceDBSnapshotIdentifier=arn,
            TargetDBSnapshotIdentifier="firedrill-1",
        )
        client = self.user(self.statement("rds:CopyDBSnapshot", [target, arn]))
        self.refused(
            "AccessDenied",
            client("rds", CENTRAL).copy_db_snapshot,
            SourceDBSnapshotIdentifier=arn,
            TargetDBSnapshotIdentifier="other-1",
        )
        client("rds", CENTRAL).copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="firedrill-1"
        )

    def test_a_key_must_be_allowed_too(self):
        key = self.aws.client("kms", WEST).create_key()["KeyMetadata"]["Arn"]
        client = self.user(self.statement("rds:*"))
        self.refused(
            "KMSKeyNotAccessibleFault",
            client("rds").create_db_instance,
            **self.asked(StorageEncrypted=True, KmsKeyId=key),
        )
        client = self.user(self.statement("rds:*"), self.statement(["kms:DescribeKey", "kms:CreateGrant"], key))
        client("rds").create_db_instance(**self.asked(StorageEncrypted=True, KmsKeyId=key))

    def test_a_condition_that_is_not_understood_is_refused_aloud(self):
        client = self.user(self.statement("rds:*", DateLessThan={"aws:CurrentTime": "2030-01-01T00:00:00Z"}))
        self.refused("NotImplemented", client("rds").describe_db_instances)

    def test_a_role_is_assumed_by_those_it_trusts_with_their_external_id(self):
        role, name = self.role("444444444444"), self.name("role")
        iam = self.aws.client("iam", "us-east-1", **role)
        client = self.user(self.statement("sts:AssumeRole", f"arn:aws:iam::444444444444:role/{name}"))
        self.aws.control("POST", "iam", {"enforce": False})
        arn = f"arn:aws:iam::444444444444:role/{name}"
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"sts:ExternalId": "drill-7"}},
                }
            ],
        }
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(
            RoleName=name,
            PolicyName="p",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [self.statement("rds:DescribeDBInstances")]}
            ),
        )
        self.aws.control("POST", "iam", {"enforce": True})
        assume = client("sts").assume_role
        self.refused("AccessDenied", assume, RoleArn=arn, RoleSessionName="drill")
        self.refused("AccessDenied", assume, RoleArn=arn, RoleSessionName="drill", ExternalId="drill-8")
        self.refused("AccessDenied", assume, RoleArn=arn + "x", RoleSessionName="drill", ExternalId="drill-7")
        keys = assume(RoleArn=arn, RoleSessionName="drill", ExternalId="drill-7")["Credentials"]
        rds = self.aws.client("rds", WEST, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        self.assertEqual(rds.describe_db_instances()["DBInstances"], [])
        self.refused("AccessDenied", rds.describe_db_snapshots)

    def test_a_session_ends_at_its_time_or_when_a_test_says_so(self):
        self.aws.control("POST", "session", {"seconds": 3})
        short = self.aws.client("rds", WEST, **self.role("222222222222"))
        self.aws.control("POST", "session", {"seconds": None})
        short.describe_db_instances()
        keys = self.role("222222222222")
        long = self.aws.client("rds", WEST, **keys)
        time.sleep(3.1)
        self.refused("ExpiredToken", short.describe_db_instances)
        long.describe_db_instances()
        self.aws.control("POST", "expire", {"access_key_id": keys["key"]})
        self.refused("ExpiredToken", long.describe_db_instances)
