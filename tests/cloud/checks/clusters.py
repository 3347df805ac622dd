"""Aurora: clusters with real data, and the instances in them."""

from .aws import CENTRAL, PASSWORD, WEST, Case, sql

SERVERLESS = {"MinCapacity": 0.5, "MaxCapacity": 4}


class Statuses(Case):
    """What needs no data."""

    def cluster(self, wait=True, rds=None, **more):
        name = self.name("c")
        rds = rds or self.west
        rds.create_db_cluster(
            **{
                "DBClusterIdentifier": name,
                "Engine": "aurora-postgresql",
                "MasterUsername": "app",
                "MasterUserPassword": PASSWORD,
                "DatabaseName": "shop",
            }
            | more
        )
        if wait:
            self.until_cluster(rds, name)
        return name

    def describe_cluster(self, rds, name):
        return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]

    def until_cluster(self, rds, name, wanted="available"):
        return self.poll(lambda: self.describe_cluster(rds, name)["Status"], wanted)

    def member(self, cluster, rds=None, engine="aurora-postgresql", klass="db.r6g.large", **more):
        name = self.name("m")
        rds = rds or self.west
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBClusterIdentifier=cluster, Engine=engine, DBInstanceClass=klass, **more
        )
        self.until(rds, name)
        return name

    def cluster_snapshot(self, cluster, name=None):
        name = name or self.name("cs")
        self.west.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=cluster)
        self.until_cluster_snapshot(self.west, name)
        return name

    def until_cluster_snapshot(self, rds, name):
        self.poll(
            lambda: rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"][0][
                "Status"
            ],
            "available",
        )

    def test_a_cluster_goes_after_its_instances(self):
        name = self.cluster()
        first, second = self.member(name), self.member(name)
        members = self.describe_cluster(self.west, name)["DBClusterMembers"]
        self.assertEqual(
            [(one["DBInstanceIdentifier"], one["IsClusterWriter"]) for one in members], [(first, True), (second, False)]
        )
        gone = {"DBClusterIdentifier": name, "SkipFinalSnapshot": True}
        self.refused("InvalidDBClusterStateFault", self.west.delete_db_cluster, **gone)
        for one in (first, second):
            self.west.delete_db_instance(DBInstanceIdentifier=one)
        for one in (first, second):
            self.until(self.west, one, "DBInstanceNotFound")
        self.refused("InvalidParameterCombination", self.west.delete_db_cluster, DBClusterIdentifier=name)
        self.west.delete_db_cluster(**gone)
        self.assertEqual(
            self.until_cluster(self.west, name, "DBClusterNotFoundFault"), ["deleting", "DBClusterNotFoundFault"]
        )

    def test_what_a_cluster_refuses(self):
        name = self.cluster(DeletionProtection=True)
        self.refused(
            "InvalidParameterCombination", self.west.delete_db_cluster, DBClusterIdentifier=name, SkipFinalSnapshot=True
        )
        self.refused(
            "DBClusterAlreadyExistsFault",
            self.west.create_db_cluster,
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername="app",
            MasterUserPassword=PASSWORD,
        )
        asked = {"DBInstanceIdentifier": self.name("m"), "DBClusterIdentifier": name, "DBInstanceClass": "db.r6g.large"}
        self.refused("InvalidParameterCombination", self.west.create_db_instance, **asked, Engine="postgres")
        self.refused(
            "InvalidParameterCombination",
            self.west.create_db_instance,
            **asked | {"DBInstanceClass": "db.serverless"},
            Engine="aurora-postgresql"
        )
        self.refused(
            "DBClusterNotFoundFault",
            self.west.create_db_instance,
            **asked | {"DBClusterIdentifier": "none"},
            Engine="aurora-postgresql"
        )
        self.refused(
            "InvalidParameterCombination",
            self.west.create_db_instance,
            DBInstanceIdentifier="m",
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
            MasterUsername="app",
            MasterUserPassword=PASSWORD,
        )
        self.refused(
            "DBClusterParameterGroupNotFound",
            self.west.create_db_cluster,
            DBClusterIdentifier="x",
            Engine="aurora-postgresql",
            MasterUsername="app",
            MasterUserPassword=PASSWORD,
            DBClusterParameterGroupName="none",
        )
        self.refused(
            "InvalidParameterValue",
            self.west.create_db_cluster,
            DBClusterIdentifier="x",
            Engine="aurora-postgresql",
            MasterUsername="app",
            MasterUserPassword=PASSWORD,
            BackupRetentionPeriod=0,
        )
        self.refused(
            "DBClusterSnapshotNotFoundFault",
            self.west.restore_db_cluster_from_snapshot,
            DBClusterIdentifier="x",
            Engine="aurora-postgresql",
            SnapshotIdentifier="none",
        )
        self.assertNotEqual(
            self.describe_cluster(self.west, name)["DbClusterResourceId"],
            self.describe_cluster(self.west, self.cluster())["DbClusterResourceId"],
        )

    def test_a_cluster_snapshot_is_copied_shared_and_paged(self):
        key = self.aws.client("kms", WEST).create_key()["KeyMetadata"]["Arn"]
        far = self.aws.client("kms", CENTRAL).create_key()["KeyMetadata"]["Arn"]
        snap = self.cluster_snapshot(self.cluster(StorageEncrypted=True, KmsKeyId=key))
        arn = self.west.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=snap)["DBClusterSnapshots"][0][
            "DBClusterSnapshotArn"
        ]
        asked = {"SourceDBClusterSnapshotIdentifier": arn, "TargetDBClusterSnapshotIdentifier": snap}
        self.refused("InvalidParameterCombination", self.central.copy_db_cluster_snapshot, **asked)
        self.central.copy_db_cluster_snapshot(**asked, SourceRegion=WEST, KmsKeyId=far)
        self.until_cluster_snapshot(self.central, snap)
        other = self.aws.client("rds", WEST, **self.role("222222222222"))
        self.refused(
            "DBClusterSnapshotNotFoundFault", other.describe_db_cluster_snapshots, DBClusterSnapshotIdentifier=arn
        )
        self.west.modify_db_cluster_snapshot_attribute(
            DBClusterSnapshotIdentifier=snap, AttributeName="restore", ValuesToAdd=["222222222222"]
        )
        self.assertEqual(len(other.describe_db_cluster_snapshots(SnapshotType="shared")["DBClusterSnapshots"]), 1)
        self.refused("InvalidParameterValue", self.west.describe_db_cluster_snapshots, MaxRecords=5)
        self.refused(
            "InvalidDBClusterSnapshotStateFault",
            self.west.delete_db_cluster_snapshot,
            DBClusterSnapshotIdentifier=self.west.describe_db_cluster_snapshots(SnapshotType="automated")[
                "DBClusterSnapshots"
            ][0]["DBClusterSnapshotIdentifier"],
        )

    def test_an_explicit_no_is_heard(self):
        snap = self.cluster_snapshot(self.cluster(DeletionProtection=True, CopyTagsToSnapshot=True))
        name = self.name("c")
        self.west.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=name,
            SnapshotIdentifier=snap,
            Engine="aurora-postgresql",
            DeletionProtection=False,
            CopyTagsToSnapshot=False,
            BackupRetentionPeriod=1,
        )
        self.until_cluster(self.west, name)
        one = self.describe_cluster(self.west, name)
        self.assertEqual((one["DeletionProtection"], one["CopyTagsToSnapshot"]), (False, False))


class Data(Statuses):
    options = ("--times", "default=0,initializing=0")

    def ask(self, cluster, script, engine, **more):
        one = self.describe_cluster(self.west, cluster)
        return sql(
            self.aws,
            {"Address": one["Endpoint"], "Port": one["Port"]},
            script,
            engine="postgres" if "postgres" in engine else "mysql",
            **more
        )

    def go(self, engine):
        name = self.cluster(Engine=engine, ServerlessV2ScalingConfiguration=SERVERLESS)
        self.assertIn("ERROR", self.ask(name, "select 1;", engine))
        member = self.member(name, engine=engine, klass="db.serverless")
        self.assertEqual(
            self.describe(self.west, member)["Endpoint"]["Port"], self.describe_cluster(self.west, name)["Port"]
        )
        self.assertEqual(
            self.ask(name, "create table t (id int); insert into t values (1); select * from t;", engine), "1"
        )
        snap = self.cluster_snapshot(name)
        self.ask(name, "insert into t values (2);", engine)
        at = self.aws.control("POST", "checkpoint", {"cluster": name})["time"]
        self.ask(name, "insert into t values (3);", engine)
        made = {kind: self.name("r") for kind in ("snapshot", "time", "clone")}
        self.west.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=made["snapshot"], SnapshotIdentifier=snap, Engine=engine
        )
        source = {"SourceDBClusterIdentifier": name}
        self.west.restore_db_cluster_to_point_in_time(DBClusterIdentifier=made["time"], **source, RestoreToTime=at)
        self.west.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=made["clone"], **source, RestoreType="copy-on-write", UseLatestRestorableTime=True
        )
        for kind, rows in (("snapshot", "1"), ("time", "2"), ("clone", "3")):
            self.until_cluster(self.west, made[kind])
            self.member(made[kind], engine=engine, klass="db.serverless")
            self.assertEqual(self.ask(made[kind], "select max(id) from t;", engine), rows, kind)
        self.west.modify_db_cluster(
            DBClusterIdentifier=made["clone"], MasterUserPassword="another-5678", ApplyImmediately=True
        )
        self.until_cluster(self.west, made["clone"])
        self.poll(lambda: self.ask(made["clone"], "select 1;", engine, password="another-5678"), "1")
        self.assertIn("ERROR", self.ask(made["clone"], "select 1;", engine))

    def test_aurora_postgresql(self):
        self.go("aurora-postgresql")

    def test_aurora_mysql(self):
        self.go("aurora-mysql")

    # What needs no data was checked without.
    test_a_cluster_goes_after_its_instances = test_what_a_cluster_refuses = None
    test_a_cluster_snapshot_is_copied_shared_and_paged = test_an_explicit_no_is_heard = None
