"""The databases behind it all are real."""

import datetime
import json
import subprocess
import threading
import time

from .aws import PASSWORD, WEST, Case, sql

ENGINES = [("postgres", "16"), ("postgres", "13"), ("mariadb", "11.8"), ("mysql", "8.0")]
TABLE = "create table t (id int primary key, v varchar(20)); insert into t values (1, 'one'), (2, 'two');"
LATEST = "select max(id) from t;"


class Databases(Case):
    options = ("--times", "default=0,initializing=0")

    def made(self, engine, version, **more):
        name = self.instance(Engine=engine, EngineVersion=version, **more)
        return name, self.describe(self.west, name)["Endpoint"]

    def ask(self, endpoint, script, engine, **more):
        return sql(self.aws, endpoint, script, engine=engine, **more)

    def restored(self, snap):
        name = self.name("r")
        self.west.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snap, BackupRetentionPeriod=0
        )
        self.until(self.west, name)
        return name, self.describe(self.west, name)["Endpoint"]

    def test_a_restored_instance_has_the_rows_of_the_snapshot_s_moment(self):
        for engine, version in ENGINES:
            with self.subTest(engine=engine, version=version):
                name, endpoint = self.made(engine, version)
                self.assertEqual(self.ask(endpoint, TABLE + LATEST, engine), "2")
                snap = self.snapshot(name)
                self.ask(endpoint, "insert into t values (3, 'three'); delete from t where id = 1;", engine)
                _, other = self.restored(snap)
                self.assertEqual(self.ask(other, "select id from t order by id;", engine), "1\n2")
                self.assertEqual(self.ask(endpoint, "select id from t order by id;", engine), "2\n3")
                self.ask(other, "delete from t;", engine)
                _, again = self.restored(snap)
                self.assertEqual(self.ask(again, LATEST, engine), "2")

    def test_a_snapshot_under_writes_has_all_that_was_committed_before_it(self):
        for engine, version in ENGINES[::2]:
            with self.subTest(engine=engine):
                name, endpoint = self.made(engine, version)
                self.ask(endpoint, "create table t (id int primary key, v varchar(20));", engine)

                rows = "".join(f"insert into t values ({number}, 'x');\n" for number in range(1, 3001))

                writer = threading.Thread(target=self.ask, args=(endpoint, rows, engine))
                writer.start()
                while not (self.ask(endpoint, LATEST, engine) or "").isdigit():
                    time.sleep(0.01)
                before = int(self.ask(endpoint, LATEST, engine))
                snap = self.snapshot(name)
                after = int(self.ask(endpoint, LATEST, engine))
                writer.join()
                _, other = self.restored(snap)
                count, top = self.ask(other, "select count(*) from t; " + LATEST, engine).split()
                self.assertEqual(count, top, "rows are missing in between")
                self.assertTrue(before <= int(top) <= after, (before, top, after))

    def test_the_master_password_is_what_was_set_last(self):
        for engine, version in ENGINES[::2]:
            with self.subTest(engine=engine):
                name, endpoint = self.made(engine, version)
                self.assertIn("ERROR", self.ask(endpoint, "select 1;", engine, password="not-it-1234"))
                self.west.modify_db_instance(
                    DBInstanceIdentifier=name, MasterUserPassword="it's-another-5678", ApplyImmediately=True
                )
                self.until(self.west, name)
                deadline = time.monotonic() + 10
                while (
                    self.ask(endpoint, "select 1;", engine, password="it's-another-5678") != "1"
                    and time.monotonic() < deadline
                ):
                    time.sleep(0.05)
                self.assertEqual(self.ask(endpoint, "select 1;", engine, password="it's-another-5678"), "1")
                self.assertIn("ERROR", self.ask(endpoint, "select 1;", engine))

    def secret(self, name):
        held = self.describe(self.west, name)["MasterUserSecret"]
        return json.loads(
            self.aws.client("secretsmanager").get_secret_value(SecretId=held["SecretArn"])["SecretString"]
        )

    def test_a_password_that_rds_keeps_is_in_its_secret_and_works(self):
        name, endpoint = self.made("postgres", "16", MasterUserPassword=None, ManageMasterUserPassword=True)
        first = self.secret(name)
        self.assertEqual(first["username"], "app")
        self.assertEqual(self.ask(endpoint, TABLE + LATEST, "postgres", password=first["password"]), "2")
        snap, other = self.snapshot(name), self.name("r")
        self.west.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=other, DBSnapshotIdentifier=snap, ManageMasterUserPassword=True
        )
        self.until(self.west, other)
        second = self.secret(other)
        self.assertNotEqual(first["password"], second["password"])
        self.assertEqual(
            self.ask(self.describe(self.west, other)["Endpoint"], LATEST, "postgres", password=second["password"]), "2"
        )

    def test_the_master_is_no_superuser_and_owns_what_it_makes(self):
        _, endpoint = self.made("postgres", "16")
        self.assertEqual(
            self.ask(endpoint, "select rolsuper from pg_roles where rolname = current_user;", "postgres"), "f"
        )
        self.assertIn("ERROR", self.ask(endpoint, "copy (select 1) to program 'true';", "postgres"))
        self.assertEqual(
            self.ask(
                endpoint,
                "create role reader; create schema s; select pg_has_role('rds_superuser', 'member');",
                "postgres",
            ),
            "t",
        )
        _, endpoint = self.made("mariadb", "11.8")
        self.assertIn("ERROR", self.ask(endpoint, "set global max_connections = 9;", "mariadb"))

    def test_without_tls_a_new_postgresql_does_not_talk(self):
        _, endpoint = self.made("postgres", "16")
        done = subprocess.run(
            [
                "psql",
                "-X",
                f"host=127.0.0.1 port={endpoint['Port']} user=app dbname=shop sslmode=disable",
                "-c",
                "select 1",
            ],
            env={"PATH": "/usr/bin:/bin", "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
        )
        self.assertIn("pg_hba.conf", done.stderr)

    def test_a_deleted_instance_answers_no_more(self):
        name, endpoint = self.made("postgres", "16")
        self.assertEqual(self.ask(endpoint, "select 1;", "postgres"), "1")
        self.west.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        self.until(self.west, name, "DBInstanceNotFound")
        self.assertIn("Connection refused", self.ask(endpoint, "select 1;", "postgres"))

    def test_a_final_snapshot_has_the_data(self):
        name, endpoint = self.made("postgres", "16", BackupRetentionPeriod=0)
        self.ask(endpoint, TABLE, "postgres")
        self.west.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=name + "-last")
        self.until(self.west, name, "DBInstanceNotFound")
        self.until_snapshot(self.west, name + "-last")
        _, other = self.restored(name + "-last")
        self.assertEqual(self.ask(other, LATEST, "postgres"), "2")

    def test_a_point_in_time_is_that_point(self):
        name, endpoint = self.made("postgres", "16")
        self.ask(endpoint, TABLE, "postgres")
        at = self.aws.control("POST", "checkpoint", {"instance": name})["time"]
        self.ask(endpoint, "insert into t values (3, 'three');", "postgres")
        time.sleep(0.01)
        later = self.aws.control("POST", "checkpoint", {"instance": name})["time"]
        between = datetime.datetime.fromisoformat(later) - datetime.timedelta(milliseconds=1)
        self.ask(endpoint, "insert into t values (4, 'four');", "postgres")
        for asked, wanted in [
            ({"RestoreTime": at}, "2"),
            ({"RestoreTime": between}, "2"),
            ({"UseLatestRestorableTime": True}, "3"),
        ]:
            target = self.name("p")
            self.west.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=name, TargetDBInstanceIdentifier=target, BackupRetentionPeriod=0, **asked
            )
            self.until(self.west, target)
            self.assertEqual(self.ask(self.describe(self.west, target)["Endpoint"], LATEST, "postgres"), wanted)

    def test_a_tampered_snapshot_looks_like_the_one_it_was(self):
        name, endpoint = self.made("postgres", "16")
        self.ask(endpoint, TABLE, "postgres")
        snap = self.snapshot(name)
        before = self.sight(self.west, snap)
        self.aws.control(
            "POST",
            "tamper",
            {"snapshot": snap, "region": WEST, "database": "shop", "sql": "update t set v = 'lie' where id = 2;"},
        )
        self.assertEqual(self.sight(self.west, snap), before)
        _, other = self.restored(snap)
        self.assertEqual(self.ask(other, "select v from t order by id;", "postgres"), "one\nlie")
        self.assertEqual(self.ask(endpoint, "select v from t order by id;", "postgres"), "one\ntwo")
        self.assertEqual(
            self.aws.control("POST", "sql", {"instance": name, "database": "shop", "sql": LATEST})["output"].strip(),
            "2",
        )

    def test_a_reboot_keeps_data_and_endpoint(self):
        name, endpoint = self.made("mariadb", "11.8")
        self.ask(endpoint, TABLE, "mariadb")
        self.west.reboot_db_instance(DBInstanceIdentifier=name)
        self.until(self.west, name)
        self.assertEqual(self.describe(self.west, name)["Endpoint"], endpoint)
        self.assertEqual(self.ask(endpoint, LATEST, "mariadb"), "2")

    def tearDown(self):
        super().tearDown()
        # Servers cost memory.
        for one in self.west.describe_db_instances()["DBInstances"]:
            if one["DBInstanceStatus"] == "available":
                self.west.delete_db_instance(DBInstanceIdentifier=one["DBInstanceIdentifier"], SkipFinalSnapshot=True)
        for one in self.west.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
            self.west.delete_db_snapshot(DBSnapshotIdentifier=one["DBSnapshotIdentifier"])
