"""What a restored instance takes from its source, and what from the caller."""

import datetime

from .aws import CENTRAL, WEST, Case


class Restores(Case):
    def restore(self, snap, rds=None, **more):
        name = self.name("r")
        (rds or self.west).restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snap, **more
        )
        self.until(rds or self.west, name)
        return self.describe(rds or self.west, name)

    def test_an_explicit_no_is_heard(self):
        snap = self.snapshot(
            self.instance(
                PubliclyAccessible=True,
                DeletionProtection=True,
                MultiAZ=True,
                CopyTagsToSnapshot=True,
                AutoMinorVersionUpgrade=True,
                BackupRetentionPeriod=7,
            )
        )
        no = {
            "PubliclyAccessible": False,
            "DeletionProtection": False,
            "MultiAZ": False,
            "CopyTagsToSnapshot": False,
            "AutoMinorVersionUpgrade": False,
            "BackupRetentionPeriod": 0,
        }
        for key, value in no.items():
            with self.subTest(key):
                self.assertEqual(self.restore(snap, **no)[key], value)
        silent = self.restore(snap)
        for key in ("PubliclyAccessible", "DeletionProtection", "MultiAZ", "CopyTagsToSnapshot"):
            self.assertIs(silent[key], True, key)
        self.assertEqual(silent["BackupRetentionPeriod"], 7)

    def test_a_key_that_is_off_restores_nothing(self):
        kms = self.aws.client("kms", WEST)
        key = kms.create_key()["KeyMetadata"]["Arn"]
        snap = self.snapshot(self.instance(StorageEncrypted=True, KmsKeyId=key))
        self.assertEqual(self.restore(snap)["KmsKeyId"], key)
        kms.disable_key(KeyId=key.split("/")[-1])
        self.refused(
            "KMSKeyNotAccessibleFault",
            self.west.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier=self.name("r"),
            DBSnapshotIdentifier=snap,
        )

    def test_a_lying_cloud_does_as_it_likes(self):
        snap = self.snapshot(self.instance())
        self.aws.control("POST", "overrides", {"PubliclyAccessible": True, "DeletionProtection": True})
        one = self.restore(snap, PubliclyAccessible=False, DeletionProtection=False)
        self.assertEqual((one["PubliclyAccessible"], one["DeletionProtection"]), (True, True))
        self.aws.control("POST", "overrides", {})
        self.assertIs(self.restore(snap, PubliclyAccessible=False)["PubliclyAccessible"], False)

    def test_what_is_said_wins_and_the_rest_is_the_default(self):
        self.west.create_db_parameter_group(
            DBParameterGroupName="mine", DBParameterGroupFamily="postgres16", Description="x"
        )
        snap = self.snapshot(self.instance(DBParameterGroupName="mine", StorageType="gp3", AllocatedStorage=50))
        one = self.restore(
            snap, DBInstanceClass="db.m5.large", DBParameterGroupName="mine", StorageType="io1", Iops=2000
        )
        self.assertEqual((one["DBInstanceClass"], one["StorageType"], one["Iops"]), ("db.m5.large", "io1", 2000))
        self.assertEqual(one["DBParameterGroups"][0]["DBParameterGroupName"], "mine")
        silent = self.restore(snap)
        self.assertEqual((silent["StorageType"], silent["AllocatedStorage"]), ("gp3", 50))
        self.assertEqual(silent["DBParameterGroups"][0]["DBParameterGroupName"], "default.postgres16")
        self.refused(
            "InvalidParameterCombination",
            self.west.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="small",
            DBSnapshotIdentifier=snap,
            AllocatedStorage=20,
        )
        self.refused(
            "InvalidParameterCombination",
            self.west.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="other",
            DBSnapshotIdentifier=snap,
            Engine="mysql",
        )

    def test_tags_are_those_that_are_given_or_else_the_snapshot_s(self):
        snap = self.snapshot(self.instance(Tags=[{"Key": "env", "Value": "prod"}], CopyTagsToSnapshot=True))
        self.assertEqual(self.restore(snap)["TagList"], [{"Key": "env", "Value": "prod"}])
        self.assertEqual(
            self.restore(snap, Tags=[{"Key": "drill", "Value": "1"}])["TagList"], [{"Key": "drill", "Value": "1"}]
        )

    def test_storage_initialises_and_then_says_nothing(self):
        self.times({"initializing": 1.5})
        snap = self.snapshot(self.instance())
        source = self.west.describe_db_instances()["DBInstances"]
        self.assertFalse(
            any("StorageOperationStatus" in one for one in source if one["DBInstanceIdentifier"].startswith("db-"))
        )
        one = self.restore(snap)
        name, seen = one["DBInstanceIdentifier"], set()
        self.assertEqual(one["StorageOperationStatus"], "Initializing")
        self.poll(
            lambda: (
                seen.add(self.describe(self.west, name).get("StorageOperationPercentProgress")),
                self.describe(self.west, name).get("StorageOperationStatus"),
            )[1],
            None,
        )
        self.assertGreater(len(seen), 3)

    def test_a_snapshot_of_another_region_must_be_copied_first(self):
        snap = self.sight(self.west, self.snapshot(self.instance()))["DBSnapshotArn"]
        self.refused(
            "DBSnapshotNotFound",
            self.central.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="x",
            DBSnapshotIdentifier=snap,
        )

    def test_a_point_in_time_lies_between_the_earliest_and_the_latest(self):
        source, restore = self.instance(), self.west.restore_db_instance_to_point_in_time
        earliest = self.describe(self.west, source)["LatestRestorableTime"]
        self.aws.control("POST", "checkpoint", {"instance": source, "region": WEST})
        latest = self.describe(self.west, source)["LatestRestorableTime"]
        self.assertGreater(latest, earliest)
        second = datetime.timedelta(seconds=1)
        asked = {"SourceDBInstanceIdentifier": source, "TargetDBInstanceIdentifier": self.name("p")}
        self.refused("InvalidParameterValue", restore, **asked, RestoreTime=latest + second)
        self.refused("InvalidParameterValue", restore, **asked, RestoreTime=earliest - second)
        self.refused("InvalidParameterCombination", restore, **asked)
        self.refused("InvalidParameterCombination", restore, **asked, RestoreTime=latest, UseLatestRestorableTime=True)
        restore(**asked, RestoreTime=latest)
        none = self.instance(BackupRetentionPeriod=0)
        self.refused(
            "PointInTimeRestoreNotEnabled",
            restore,
            SourceDBInstanceIdentifier=none,
            TargetDBInstanceIdentifier=self.name("p"),
            UseLatestRestorableTime=True,
        )
        window = self.west.describe_db_instance_automated_backups(DBInstanceIdentifier=source)[
            "DBInstanceAutomatedBackups"
        ][0]
        self.assertEqual((window["Status"], window["RestoreWindow"]["LatestTime"]), ("active", latest))

    def test_replicated_backups_restore_in_the_other_region(self):
        source = self.describe(self.west, self.instance())
        made = self.central.start_db_instance_automated_backups_replication(SourceDBInstanceArn=source["DBInstanceArn"])
        backup = made["DBInstanceAutomatedBackup"]
        self.assertEqual((backup["Status"], backup["Region"]), ("replicating", WEST))
        found = self.central.describe_db_instance_automated_backups(
            DBInstanceAutomatedBackupsArn=backup["DBInstanceAutomatedBackupsArn"]
        )
        self.assertEqual(len(found["DBInstanceAutomatedBackups"]), 1)
        name = self.name("p")
        self.central.restore_db_instance_to_point_in_time(
            SourceDBInstanceAutomatedBackupsArn=backup["DBInstanceAutomatedBackupsArn"],
            TargetDBInstanceIdentifier=name,
            UseLatestRestorableTime=True,
            BackupRetentionPeriod=0,
        )
        self.until(self.central, name)
        self.assertTrue(self.describe(self.central, name)["AvailabilityZone"].startswith(CENTRAL))
        self.central.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=source["DBInstanceArn"])
