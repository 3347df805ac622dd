"""The production to try a drill on."""

from .aws import CENTRAL, WEST, Case, sql


class Demo(Case):
    options = ("--times", "default=0,initializing=0", "--demo", "2000")

    def test_it_has_what_it_says(self):
        demo = self.aws.info["demo"]
        self.assertEqual((demo["source"]["region"], demo["scratch"]["region"]), (WEST, CENTRAL))
        for one in demo["databases"]:
            engine, table = one["engine"], {"postgres": "orders", "mysql": "products"}[one["engine"]]
            asked = f"select count(*) from {table} union all select max(id) from {table};"

            def ask(endpoint):
                return sql(self.aws, endpoint, asked, one["user"], one["password"], one["database"], engine).split()

            live = self.describe(self.west, one["instance"])
            self.assertTrue(live["DeletionProtection"] and live["PubliclyAccessible"] and live["MultiAZ"])
            self.assertNotEqual(ask(live["Endpoint"]), ["2000", "2000"])
            copy = f"{one['instance']}-copy"
            more = {"KmsKeyId": demo["scratch"]["kms_key"], "SourceRegion": WEST} if one["encrypted"] else {}
            self.central.copy_db_snapshot(
                SourceDBSnapshotIdentifier=one["snapshot_arn"], TargetDBSnapshotIdentifier=copy, **more
            )
            self.until_snapshot(self.central, copy)
            family = [name for name in demo["scratch"]["parameter_groups"] if name.startswith(engine)][0]
            self.central.restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier=copy,
                DBSnapshotIdentifier=copy,
                DBSubnetGroupName=demo["scratch"]["subnet_group"],
                VpcSecurityGroupIds=[demo["scratch"]["security_group"]],
                DBParameterGroupName=demo["scratch"]["parameter_groups"][family],
                BackupRetentionPeriod=0,
            )
            self.until(self.central, copy)
            self.assertEqual(ask(self.describe(self.central, copy)["Endpoint"]), ["2000", "2000"])
