"""What RDS refuses, and with which error."""

from botocore.exceptions import ClientError

from .aws import CENTRAL, PASSWORD, WEST, Case


class Refusals(Case):
    def create(self, **more):
        return {
            "DBInstanceIdentifier": self.name("db"),
            "DBInstanceClass": "db.t3.medium",
            "Engine": "postgres",
            "MasterUsername": "app",
            "MasterUserPassword": PASSWORD,
        } | more

    def network(self, region=WEST, zones=2):
        """A VPC of its own, with a subnet group and a security group."""
        ec2, rds, name = self.aws.client("ec2", region), self.aws.client("rds", region), self.name("net")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=region + "abc"[number])[
                "Subnet"
            ]["SubnetId"]
            for number in range(zones)
        ]
        rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=subnets)
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        return name, group

    def test_each_part_of_a_new_instance_must_exist_and_fit(self):
        create = self.west.create_db_instance
        subnets, group = self.network()
        single, _ = self.network(zones=1)
        self.west.create_db_parameter_group(
            DBParameterGroupName="for-mysql", DBParameterGroupFamily="mysql8.0", Description="x"
        )
        key = self.aws.client("kms", WEST).create_key()["KeyMetadata"]["KeyId"]
        far = self.aws.client("kms", CENTRAL).create_key()["KeyMetadata"]["Arn"]
        off = self.aws.client("kms", WEST).create_key()["KeyMetadata"]["KeyId"]
        self.aws.client("kms", WEST).disable_key(KeyId=off)
        for code, params in [
            ("DBSubnetGroupNotFoundFault", {"DBSubnetGroupName": "nowhere"}),
            ("DBSubnetGroupDoesNotCoverEnoughAZs", {"DBSubnetGroupName": single}),
            ("InvalidVPCNetworkStateFault", {"DBSubnetGroupName": subnets, "AvailabilityZone": "eu-west-1c"}),
            ("InvalidParameterValue", {"VpcSecurityGroupIds": ["sg-12345678"]}),
            ("InvalidVPCNetworkStateFault", {"VpcSecurityGroupIds": [group]}),
            ("DBParameterGroupNotFound", {"DBParameterGroupName": "nothing"}),
            ("InvalidParameterCombination", {"DBParameterGroupName": "for-mysql"}),
            ("OptionGroupNotFoundFault", {"OptionGroupName": "nothing"}),
            ("KMSKeyNotAccessibleFault", {"StorageEncrypted": True, "KmsKeyId": "no-such-key"}),
            ("KMSKeyNotAccessibleFault", {"StorageEncrypted": True, "KmsKeyId": far}),
            ("KMSKeyNotAccessibleFault", {"StorageEncrypted": True, "KmsKeyId": off}),
            ("InvalidParameterCombination", {"KmsKeyId": key}),
            ("InvalidParameterValue", {"DBInstanceClass": "db.x9.huge"}),
            ("InvalidParameterCombination", {"DBInstanceClass": "db.serverless"}),
            ("InvalidParameterCombination", {"EngineVersion": "9.6"}),
            ("InvalidParameterValue", {"Engine": "db2000"}),
            ("InvalidParameterValue", {"DBInstanceIdentifier": "9-lives"}),
            ("InvalidParameterValue", {"DBInstanceIdentifier": "two--hyphens"}),
            ("InvalidParameterValue", {"MasterUserPassword": "short"}),
            ("InvalidParameterValue", {"MasterUserPassword": "with@sign-and-more"}),
            ("InvalidParameterValue", {"MasterUsername": "rdsadmin"}),
            ("InvalidParameterValue", {"StorageType": "floppy"}),
            ("InvalidParameterCombination", {"StorageType": "gp2", "Iops": 3000}),
            ("InvalidParameterValue", {"BackupRetentionPeriod": 36}),
            ("InvalidParameterCombination", {"MultiAZ": True, "AvailabilityZone": "eu-west-1a"}),
        ]:
            with self.subTest(**params):
                self.refused(code, create, **self.create(**params))
        made = create(
            **self.create(DBSubnetGroupName=subnets, VpcSecurityGroupIds=[group], StorageEncrypted=True, KmsKeyId=key)
        )
        self.assertEqual(made["DBInstance"]["VpcSecurityGroups"][0]["VpcSecurityGroupId"], group)
        self.assertTrue(made["DBInstance"]["KmsKeyId"].endswith(key))

    def test_a_name_is_given_once(self):
        name = self.instance(wait=False)
        self.refused(
            "DBInstanceAlreadyExists", self.west.create_db_instance, **self.create(DBInstanceIdentifier=name.upper())
        )

    def test_deleting_wants_a_word_about_the_final_snapshot(self):
        name, delete = self.instance(), self.west.delete_db_instance
        self.refused("InvalidParameterCombination", delete, DBInstanceIdentifier=name)
        self.refused(
            "InvalidParameterCombination",
            delete,
            DBInstanceIdentifier=name,
            SkipFinalSnapshot=True,
            FinalDBSnapshotIdentifier=name + "-last",
        )
        delete(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=name + "-last")
        self.refused("InvalidDBInstanceState", delete, DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        self.until(self.west, name, "DBInstanceNotFound")
        self.refused("DBInstanceNotFound", delete, DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        self.until_snapshot(self.west, name + "-last")

    def test_protection_protects(self):
        name = self.instance(DeletionProtection=True)
        self.refused(
            "InvalidParameterCombination",
            self.west.delete_db_instance,
            DBInstanceIdentifier=name,
            SkipFinalSnapshot=True,
        )
        self.assertEqual(self.describe(self.west, name)["DBInstanceStatus"], "available")

    def test_what_is_busy_can_not_be_changed(self):
        self.times({"db:creating": 1.5})
        name = self.instance(wait=False)
        busy = {"DBInstanceIdentifier": name}
        self.refused("InvalidDBInstanceState", self.west.modify_db_instance, **busy, DeletionProtection=False)
        self.refused("InvalidDBInstanceState", self.west.reboot_db_instance, **busy)
        self.refused(
            "InvalidDBInstanceState", self.west.create_db_snapshot, **busy, DBSnapshotIdentifier=self.name("s")
        )
        self.refused("InvalidDBInstanceState", self.west.delete_db_instance, **busy, SkipFinalSnapshot=True)

    def test_an_unfinished_snapshot_is_of_no_use(self):
        name, snap = self.instance(), self.name("snap")
        self.times({"snapshot:creating": 1.5})
        self.west.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snap)
        arn = self.sight(self.west, snap)["DBSnapshotArn"]
        self.refused(
            "InvalidDBSnapshotState",
            self.west.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier=self.name("r"),
            DBSnapshotIdentifier=snap,
        )
        self.refused(
            "InvalidDBSnapshotState",
            self.central.copy_db_snapshot,
            SourceDBSnapshotIdentifier=arn,
            TargetDBSnapshotIdentifier=snap,
        )
        self.refused("InvalidDBSnapshotState", self.west.delete_db_snapshot, DBSnapshotIdentifier=snap)

    def test_quotas_are_kept_and_told(self):
        other = self.aws.client("rds", WEST, **self.role("333333333333"))
        before = self.aws.control("GET", "quotas")
        name = self.instance(rds=other)
        other.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier="one")
        self.until_snapshot(other, "one")
        self.until(other, name)
        self.aws.control("POST", "quotas", {"instances": 1, "manual-snapshots": 1})
        try:
            self.refused("InstanceQuotaExceeded", other.create_db_instance, **self.create())
            self.refused(
                "InstanceQuotaExceeded",
                other.restore_db_instance_from_db_snapshot,
                DBInstanceIdentifier="r",
                DBSnapshotIdentifier="one",
            )
            self.refused(
                "SnapshotQuotaExceeded", other.create_db_snapshot, DBInstanceIdentifier=name, DBSnapshotIdentifier="two"
            )
            self.refused(
                "SnapshotQuotaExceeded",
                other.copy_db_snapshot,
                SourceDBSnapshotIdentifier="one",
                TargetDBSnapshotIdentifier="two",
            )
            told = {
                one["AccountQuotaName"]: (one["Used"], one["Max"])
                for one in other.describe_account_attributes()["AccountQuotas"]
            }
            self.assertEqual((told["DBInstances"], told["ManualSnapshots"]), ((1, 1), (1, 1)))
        finally:
            self.aws.control("POST", "quotas", before)

    def test_what_is_missing_says_so_in_the_protocol(self):
        refused = self.refused("NotImplemented", self.west.describe_db_proxies)
        self.assertEqual(refused.response["ResponseMetadata"]["HTTPStatusCode"], 501)
        # moto would answer this one, and know nothing of these instances.
        self.refused("NotImplemented", self.west.describe_blue_green_deployments)
        refused = self.refused("NotImplemented", self.aws.client("kms").describe_custom_key_stores)
        self.assertEqual(refused.response["ResponseMetadata"]["HTTPStatusCode"], 501)
        with self.assertRaises(ClientError) as caught:
            self.aws.client("ec2").describe_verified_access_instances()
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 501)
