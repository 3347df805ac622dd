"""Statuses, pages, filters, tags: what an instance goes through, without data."""

import time


from .aws import CENTRAL, WEST, Case


class Lifecycle(Case):
    def test_an_instance_is_created_backed_up_available_deleted_and_gone(self):
        self.times({"creating": 0.6, "backing-up": 0.6, "deleting": 0.6})
        name = self.instance(wait=False)
        self.assertNotIn("Endpoint", self.describe(self.west, name))
        self.assertEqual(self.until(self.west, name), ["creating", "backing-up", "available"])
        self.assertIn("Endpoint", self.describe(self.west, name))
        self.west.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        self.assertEqual(self.until(self.west, name, "DBInstanceNotFound"), ["deleting", "DBInstanceNotFound"])

    def test_times_are_kept(self):
        self.times({"db:creating": 0.7, "backing-up": 0.1})
        begun = time.monotonic()
        self.instance(BackupRetentionPeriod=0)
        self.assertGreaterEqual(time.monotonic() - begun, 0.7)

    def test_no_retention_means_no_backup(self):
        name = self.instance(BackupRetentionPeriod=0, wait=False)
        self.assertEqual(self.until(self.west, name), ["creating", "available"])
        self.assertNotIn("LatestRestorableTime", self.describe(self.west, name))

    def test_the_first_automated_snapshot_is_there(self):
        name = self.instance()
        found = self.west.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="automated")["DBSnapshots"]
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0]["DBSnapshotIdentifier"].startswith(f"rds:{name}-"))

    def test_a_snapshot_tells_its_progress(self):
        name = self.instance()
        self.times({"snapshot:creating": 1.5, "backing-up": 1})
        snap = self.name("snap")
        self.west.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snap)
        self.assertEqual(self.describe(self.west, name)["DBInstanceStatus"], "backing-up")
        seen = set()
        self.poll(
            lambda: (seen.add(self.sight(self.west, snap)["PercentProgress"]), self.sight(self.west, snap)["Status"])[
                1
            ],
            "available",
        )
        self.assertGreater(len(seen), 3)
        self.assertEqual(self.sight(self.west, snap)["PercentProgress"], 100)

    def test_a_password_change_waits_and_shows_itself(self):
        name = self.instance()
        self.times({"modify-lag": 0.5, "resetting-master-credentials": 0.6})
        answer = self.west.modify_db_instance(
            DBInstanceIdentifier=name, MasterUserPassword="other-secret-1", ApplyImmediately=True
        )
        self.assertEqual(answer["DBInstance"]["DBInstanceStatus"], "available")
        self.assertEqual(answer["DBInstance"]["PendingModifiedValues"], {"MasterUserPassword": "****"})
        self.until(self.west, name, "resetting-master-credentials")
        self.until(self.west, name)
        self.assertEqual(self.describe(self.west, name)["PendingModifiedValues"], {})

    def test_modifying_passes_and_renaming_moves(self):
        self.times({"modifying": 0.6})
        name = self.instance(DeletionProtection=True)
        self.west.modify_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.m5.large", ApplyImmediately=True)
        self.until(self.west, name, "modifying")
        self.poll(lambda: self.describe(self.west, name)["DBInstanceClass"], "db.m5.large")
        self.until(self.west, name)
        self.west.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
        self.assertIs(self.describe(self.west, name)["DeletionProtection"], False)
        self.west.modify_db_instance(
            DBInstanceIdentifier=name, NewDBInstanceIdentifier=name + "-new", ApplyImmediately=True
        )
        self.until(self.west, name + "-new")
        self.refused("DBInstanceNotFound", self.west.describe_db_instances, DBInstanceIdentifier=name)

    def test_a_second_change_waits_for_the_first(self):
        name = self.instance()
        self.times({"modify-lag": 0.5, "modifying": 0.6, "resetting-master-credentials": 0.6})
        change = {"DBInstanceIdentifier": name, "ApplyImmediately": True}
        self.west.modify_db_instance(**change, DBInstanceClass="db.m5.large")
        second = self.west.modify_db_instance(**change, MasterUserPassword="other-secret-1")["DBInstance"]
        self.assertEqual(set(second["PendingModifiedValues"]), {"DBInstanceClass", "MasterUserPassword"})
        seen = set()
        self.poll(
            lambda: (
                seen.add(self.describe(self.west, name)["DBInstanceStatus"]),
                self.describe(self.west, name)["PendingModifiedValues"],
            )[1],
            {},
        )
        self.assertLessEqual({"modifying", "resetting-master-credentials"}, seen)
        self.assertEqual(self.describe(self.west, name)["DBInstanceClass"], "db.m5.large")

    def test_regions_and_accounts_are_apart(self):
        name = self.instance()
        self.refused("DBInstanceNotFound", self.central.describe_db_instances, DBInstanceIdentifier=name)
        other = self.aws.client("rds", WEST, **self.role("222222222222"))
        self.refused("DBInstanceNotFound", other.describe_db_instances, DBInstanceIdentifier=name)
        self.assertEqual(
            self.aws.client("sts", WEST, **self.role("222222222222")).get_caller_identity()["Account"], "222222222222"
        )
        self.instance(name, rds=other)
        self.assertIn(":222222222222:", self.describe(other, name)["DBInstanceArn"])

    def test_every_resource_has_an_identity_of_its_own(self):
        names = [self.instance(wait=False) for _ in range(3)]
        self.assertEqual(len({self.describe(self.west, name)["DbiResourceId"] for name in names}), 3)

    def test_pages_hold_as_many_as_asked_and_the_marker_leads_on(self):
        name = self.instance()
        for number in range(25):
            self.aws.control("POST", "snapshot", {"instance": name, "region": WEST, "id": f"rds:{name}-{number:02}"})
        first = self.west.describe_db_snapshots(DBInstanceIdentifier=name, MaxRecords=20)
        self.assertEqual(len(first["DBSnapshots"]), 20)
        rest = self.west.describe_db_snapshots(DBInstanceIdentifier=name, MaxRecords=20, Marker=first["Marker"])
        self.assertEqual(len(rest["DBSnapshots"]), 6)
        self.assertNotIn("Marker", rest)
        names = [one["DBSnapshotIdentifier"] for one in first["DBSnapshots"] + rest["DBSnapshots"]]
        self.assertEqual(len(set(names)), 26)
        for wrong in (19, 101):
            self.refused("InvalidParameterValue", self.west.describe_db_snapshots, MaxRecords=wrong)
            self.refused("InvalidParameterValue", self.west.describe_db_instances, MaxRecords=wrong)
        self.refused("InvalidParameterValue", self.west.describe_db_snapshots, Marker="nonsense")

    def test_filters_pick_and_unknown_ones_are_refused(self):
        name, other = self.instance(), self.instance(Engine="mariadb", EngineVersion="11.8")
        found = self.west.describe_db_instances(
            Filters=[{"Name": "db-instance-id", "Values": [name, other]}, {"Name": "engine", "Values": ["mariadb"]}]
        )["DBInstances"]
        self.assertEqual([one["DBInstanceIdentifier"] for one in found], [other])
        self.refused(
            "InvalidParameterValue", self.west.describe_db_instances, Filters=[{"Name": "tag:x", "Values": ["y"]}]
        )

    def test_tags_are_kept_listed_and_found_by_the_tagging_api(self):
        name, mark = self.instance(Tags=[{"Key": "firedrill", "Value": "yes"}]), self.name("run")
        arn = self.describe(self.west, name)["DBInstanceArn"]
        self.west.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "run", "Value": mark}])
        self.assertEqual(
            {one["Key"]: one["Value"] for one in self.west.list_tags_for_resource(ResourceName=arn)["TagList"]},
            {"firedrill": "yes", "run": mark},
        )
        tagging = self.aws.client("resourcegroupstaggingapi")
        found = tagging.get_resources(TagFilters=[{"Key": "run", "Values": [mark]}], ResourceTypeFilters=["rds:db"])
        self.assertEqual([one["ResourceARN"] for one in found["ResourceTagMappingList"]], [arn])
        self.assertEqual(
            self.aws.client("resourcegroupstaggingapi", CENTRAL).get_resources(
                TagFilters=[{"Key": "run", "Values": [mark]}]
            )["ResourceTagMappingList"],
            [],
        )
        self.west.remove_tags_from_resource(ResourceName=arn, TagKeys=["run"])
        self.assertEqual([one["Key"] for one in self.describe(self.west, name)["TagList"]], ["firedrill"])

    def test_automated_snapshots_can_be_of_any_age_and_by_aws_backup(self):
        name = self.instance()
        self.aws.control(
            "POST",
            "snapshot",
            {
                "instance": name,
                "region": WEST,
                "type": "awsbackup",
                "created": "2026-01-02T03:04:05Z",
                "tags": {"plan": "gold"},
            },
        )
        found = self.west.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="awsbackup")["DBSnapshots"]
        self.assertEqual([one["SnapshotCreateTime"].isoformat() for one in found], ["2026-01-02T03:04:05+00:00"])
        self.assertEqual(found[0]["TagList"], [{"Key": "plan", "Value": "gold"}])
        self.refused(
            "InvalidDBSnapshotState",
            self.west.delete_db_snapshot,
            DBSnapshotIdentifier=found[0]["DBSnapshotIdentifier"],
        )

    def test_a_deleted_instance_takes_its_automated_backups_along_unless_they_are_kept(self):
        name, kept = self.instance(), self.instance()
        identity = self.describe(self.west, kept)["DbiResourceId"]
        for one in (name, kept):
            self.west.delete_db_instance(
                DBInstanceIdentifier=one, SkipFinalSnapshot=True, DeleteAutomatedBackups=one == name
            )
            self.until(self.west, one, "DBInstanceNotFound")
        self.assertEqual(self.west.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"], [])
        found = self.west.describe_db_instance_automated_backups(DbiResourceId=identity)["DBInstanceAutomatedBackups"]
        self.assertEqual([one["Status"] for one in found], ["retained"])
        self.west.delete_db_instance_automated_backup(DbiResourceId=identity)
        self.refused(
            "DBInstanceAutomatedBackupNotFound",
            self.west.describe_db_instance_automated_backups,
            DbiResourceId=identity,
        )

    def test_what_it_offers_is_what_it_takes(self):
        versions = self.west.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]
        self.assertGreater(len(versions), 0)
        for version in versions:
            offered = self.west.describe_orderable_db_instance_options(
                Engine="postgres", EngineVersion=version["EngineVersion"]
            )
            classes = {one["DBInstanceClass"] for one in offered["OrderableDBInstanceOptions"]}
            self.assertIn("db.t3.medium", classes)
            self.assertNotIn("db.serverless", classes)
        self.instance(EngineVersion=versions[0]["EngineVersion"], DBInstanceClass=sorted(classes)[0])
        self.assertEqual(self.west.describe_certificates()["Certificates"][0]["CertificateType"], "CA")

    def test_hundreds_of_instances_without_data_are_no_trouble(self):
        self.aws.control("POST", "quotas", {"instances": 400})
        begun = time.monotonic()
        names = [self.instance(wait=False, BackupRetentionPeriod=0) for _ in range(60)]
        for name in names:
            self.until(self.west, name)
        self.assertLess(time.monotonic() - begun, 20)
        for name in names:
            self.west.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
