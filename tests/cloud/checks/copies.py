"""Snapshots over regions and accounts."""

import json

from .aws import CENTRAL, WEST, Case


class Copies(Case):
    def setUp(self):
        super().setUp()
        self.kms = self.aws.client("kms", WEST)
        self.near = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.far = self.aws.client("kms", CENTRAL).create_key()["KeyMetadata"]["Arn"]

    def arn(self, name):
        return self.sight(self.west, name)["DBSnapshotArn"]

    def test_a_copy_in_another_region_is_a_snapshot_there(self):
        snap = self.snapshot(self.instance(), Tags=[{"Key": "a", "Value": "1"}])
        self.times({"copying": 0.6})
        name = self.name("copy")
        made = self.central.copy_db_snapshot(
            SourceDBSnapshotIdentifier=self.arn(snap),
            TargetDBSnapshotIdentifier=name,
            Tags=[{"Key": "b", "Value": "2"}],
        )["DBSnapshot"]
        self.assertEqual((made["Status"], made["SourceRegion"]), ("creating", WEST))
        self.until_snapshot(self.central, name)
        copy = self.sight(self.central, name)
        self.assertEqual(copy["TagList"], [{"Key": "b", "Value": "2"}])
        self.assertEqual(copy["SourceDBSnapshotIdentifier"], self.arn(snap))
        source = self.sight(self.west, snap)
        self.assertEqual(copy["OriginalSnapshotCreateTime"], source["SnapshotCreateTime"])
        self.assertGreater(copy["SnapshotCreateTime"], source["SnapshotCreateTime"])
        self.refused("DBSnapshotNotFound", self.west.describe_db_snapshots, DBSnapshotIdentifier=name)
        self.central.copy_db_snapshot(
            SourceDBSnapshotIdentifier=self.arn(snap), TargetDBSnapshotIdentifier=name + "2", CopyTags=True
        )
        self.assertEqual(self.sight(self.central, name + "2")["TagList"], [{"Key": "a", "Value": "1"}])
        self.refused(
            "DBSnapshotAlreadyExists",
            self.central.copy_db_snapshot,
            SourceDBSnapshotIdentifier=self.arn(snap),
            TargetDBSnapshotIdentifier=name,
        )
        self.refused(
            "DBSnapshotNotFound",
            self.central.copy_db_snapshot,
            SourceDBSnapshotIdentifier=self.arn(snap) + "x",
            TargetDBSnapshotIdentifier=name + "3",
        )

    def test_an_encrypted_copy_wants_a_key_of_the_target_and_a_signed_request(self):
        snap = self.snapshot(self.instance(StorageEncrypted=True, KmsKeyId=self.near))
        asked = {"SourceDBSnapshotIdentifier": self.arn(snap), "TargetDBSnapshotIdentifier": self.name("copy")}
        copy = self.central.copy_db_snapshot
        self.refused("KMSKeyNotAccessibleFault", copy, **asked, SourceRegion=WEST)
        self.refused("KMSKeyNotAccessibleFault", copy, **asked, SourceRegion=WEST, KmsKeyId=self.near)
        self.refused("InvalidParameterCombination", copy, **asked, KmsKeyId=self.far)
        self.refused(
            "InvalidParameterValue",
            copy,
            **asked,
            KmsKeyId=self.far,
            PreSignedUrl="https://rds.eu-west-1.amazonaws.com/?Action=CopyDBSnapshot"
        )
        copy(**asked, SourceRegion=WEST, KmsKeyId=self.far)
        self.until_snapshot(self.central, asked["TargetDBSnapshotIdentifier"])
        self.assertEqual(self.sight(self.central, asked["TargetDBSnapshotIdentifier"])["KmsKeyId"], self.far)

    def test_another_account_sees_and_restores_what_is_shared_with_it(self):
        snap = self.snapshot(self.instance())
        other = self.aws.client("rds", WEST, **self.role("555555555555"))
        self.refused("DBSnapshotNotFound", other.describe_db_snapshots, DBSnapshotIdentifier=self.arn(snap))
        self.refused(
            "DBSnapshotNotFound",
            other.copy_db_snapshot,
            SourceDBSnapshotIdentifier=self.arn(snap),
            TargetDBSnapshotIdentifier="x",
        )
        shared = self.west.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=snap, AttributeName="restore", ValuesToAdd=["555555555555"]
        )
        self.assertEqual(
            shared["DBSnapshotAttributesResult"]["DBSnapshotAttributes"][0]["AttributeValues"], ["555555555555"]
        )
        names = [one["DBSnapshotArn"] for one in other.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]]
        self.assertIn(self.arn(snap), names)
        self.assertEqual(other.describe_db_snapshots()["DBSnapshots"], [])
        self.assertEqual(
            len(other.describe_db_snapshots(IncludeShared=True, DBSnapshotIdentifier=self.arn(snap))["DBSnapshots"]), 1
        )
        name = self.name("r")
        other.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=self.arn(snap))
        self.until(other, name)
        far = self.aws.client("rds", CENTRAL, **self.role("555555555555"))
        far.copy_db_snapshot(SourceDBSnapshotIdentifier=self.arn(snap), TargetDBSnapshotIdentifier=name)
        self.until_snapshot(far, name)
        self.west.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=snap, AttributeName="restore", ValuesToRemove=["555555555555"]
        )
        self.refused("DBSnapshotNotFound", other.describe_db_snapshots, DBSnapshotIdentifier=self.arn(snap))

    def test_the_default_key_can_not_be_shared_and_another_must_be_copied_with_one_s_own(self):
        plain = self.snapshot(self.instance(StorageEncrypted=True))
        share = {"AttributeName": "restore", "ValuesToAdd": ["222222222222"]}
        self.refused(
            "InvalidDBSnapshotState", self.west.modify_db_snapshot_attribute, DBSnapshotIdentifier=plain, **share
        )
        snap = self.snapshot(self.instance(StorageEncrypted=True, KmsKeyId=self.near))
        self.west.modify_db_snapshot_attribute(DBSnapshotIdentifier=snap, **share)
        role = self.role("222222222222")
        other = self.aws.client("rds", WEST, **role)
        name = self.name("c")
        asked = {"SourceDBSnapshotIdentifier": self.arn(snap), "TargetDBSnapshotIdentifier": name}
        self.refused(
            "KMSKeyNotAccessibleFault",
            other.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier=name,
            DBSnapshotIdentifier=self.arn(snap),
        )
        self.refused("KMSKeyNotAccessibleFault", other.copy_db_snapshot, **asked)
        mine = self.aws.client("kms", WEST, **role).create_key()["KeyMetadata"]["Arn"]
        self.refused("KMSKeyNotAccessibleFault", other.copy_db_snapshot, **asked, KmsKeyId=mine)
        self.kms.put_key_policy(
            KeyId=self.near,
            PolicyName="default",
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
                            "Action": "kms:*",
                            "Resource": "*",
                        }
                    ],
                }
            ),
        )
        other.copy_db_snapshot(**asked, KmsKeyId=mine)
        self.until_snapshot(other, name)
        other.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=name)
        self.until(other, name)
        self.assertEqual(self.describe(other, name)["KmsKeyId"], mine)

    def test_copies_from_a_region_at_once_are_limited(self):
        snap = self.snapshot(self.instance())
        before = self.aws.control("GET", "quotas")
        self.aws.control("POST", "quotas", {"copies": 1})
        self.times({"copying": 2})
        try:
            asked = {"SourceDBSnapshotIdentifier": self.arn(snap)}
            name = self.name("copy")
            self.central.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier=name)
            self.refused(
                "SnapshotQuotaExceeded", self.central.copy_db_snapshot, **asked, TargetDBSnapshotIdentifier=name + "2"
            )
            self.until_snapshot(self.central, name)
            self.central.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier=name + "2")
        finally:
            self.aws.control("POST", "quotas", before)

    def test_a_deleted_snapshot_is_gone_after_a_while(self):
        snap = self.snapshot(self.instance())
        self.times({"snapshot-deleting": 0.8})
        answer = self.west.delete_db_snapshot(DBSnapshotIdentifier=snap)
        self.assertEqual(answer["DBSnapshot"]["Status"], "deleted")
        self.assertEqual(
            self.poll(lambda: self.sight(self.west, snap)["Status"], "DBSnapshotNotFound"),
            ["deleting", "DBSnapshotNotFound"],
        )
        self.refused("DBSnapshotNotFound", self.west.delete_db_snapshot, DBSnapshotIdentifier=snap)
