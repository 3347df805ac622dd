"""Faults that a test asks for."""

import threading
import time

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

from .aws import CENTRAL, Case


class Faults(Case):
    def fault(self, **rule):
        self.aws.control("POST", "faults", [rule])

    def last(self):
        return self.aws.control("GET", "calls")[-1]

    def test_errors_come_with_their_codes_and_have_no_effect(self):
        for kind, code, status in [
            ("throttle", "Throttling", 400),
            ("500", "InternalFailure", 500),
            ("503", "ServiceUnavailable", 503),
            ("access_denied", "AccessDenied", 403),
            ("expired_token", "ExpiredToken", 403),
            ("quota", "InstanceQuotaExceeded", 400),
            ("wrong_state", "InvalidDBInstanceState", 400),
        ]:
            with self.subTest(kind):
                self.fault(kind=kind, service="rds", operation="CreateDBInstance")
                name = self.name("db")
                refused = self.refused(code, self.instance, name=name)
                self.assertEqual(refused.response["ResponseMetadata"]["HTTPStatusCode"], status)
                self.assertEqual((self.last()["fault"], self.last()["error"]), (kind, code))
                self.refused("DBInstanceNotFound", self.describe, rds=self.west, name=name)
                self.instance(name)

    def test_an_error_of_one_s_own(self):
        self.fault(
            kind="error",
            operation="DescribeDBInstances",
            code="InsufficientDBInstanceCapacity",
            message="none left",
            status=400,
        )
        self.assertIn("none left", str(self.refused("InsufficientDBInstanceCapacity", self.west.describe_db_instances)))

    def test_other_protocols_have_their_own_format(self):
        self.fault(kind="throttle", count=0)
        self.refused("ThrottlingException", self.aws.client("kms").list_keys)
        self.refused("ThrottlingException", self.aws.client("secretsmanager").list_secrets)
        self.refused("Throttling", self.aws.client("ec2").describe_vpcs)
        self.refused("Throttling", self.aws.client("sts").get_caller_identity)

    def test_the_nth_call_and_those_after_it(self):
        self.fault(kind="500", operation="DescribeDBInstances", nth=3, count=2)
        seen = []
        for _ in range(6):
            try:
                self.west.describe_db_instances()
                seen.append(True)
            except ClientError:
                seen.append(False)
        self.assertEqual(seen, [True, True, False, False, True, True])
        self.assertEqual([(one["seen"], one["struck"]) for one in self.aws.control("GET", "faults")], [(6, 2)])

    def test_a_rule_is_for_a_region_and_for_parameters(self):
        name, other = self.instance(), self.instance()
        self.fault(kind="500", region=CENTRAL, count=0)
        self.west.describe_db_instances()
        self.refused("InternalFailure", self.central.describe_db_instances)
        self.fault(kind="500", parameters={"DBInstanceIdentifier": name}, count=0)
        self.describe(self.west, other)
        self.refused("InternalFailure", self.describe, rds=self.west, name=name)

    def test_slow_is_slow(self):
        self.fault(kind="slow", ms=400)
        begun = time.monotonic()
        self.west.describe_db_instances()
        self.assertGreaterEqual(time.monotonic() - begun, 0.4)

    def test_a_cut_before_has_no_effect_and_a_cut_after_has(self):
        for kind, made in [("cut_before", False), ("cut_after", True)]:
            with self.subTest(kind):
                self.fault(kind=kind, operation="CreateDBInstance")
                name = self.name("db")
                with self.assertRaises((ConnectionClosedError, EndpointConnectionError, HTTPClientError)):
                    self.instance(name)
                found = [one["DBInstanceIdentifier"] for one in self.west.describe_db_instances()["DBInstances"]]
                self.assertEqual(name in found, made)
                record = [one for one in self.aws.control("GET", "calls") if one["fault"] == kind][0]
                self.assertEqual(record["status"], 200 if made else None)

    def test_a_held_call_waits_before_its_effect_or_after_it(self):
        for kind, made in [("hold_before", False), ("hold_after", True)]:
            with self.subTest(kind):
                self.fault(kind=kind, mutating=True)
                name = self.name("db")
                self.west.describe_db_instances()
                caller = threading.Thread(target=self.instance, kwargs={"name": name, "wait": False})
                caller.start()
                self.poll(lambda: len(self.aws.control("GET", "held")), 1)
                found = [one["DBInstanceIdentifier"] for one in self.west.describe_db_instances()["DBInstances"]]
                self.assertEqual(name in found, made)
                self.assertEqual(
                    [one["operation"] for one in self.aws.control("POST", "release")], ["CreateDBInstance"]
                )
                caller.join()
                self.until(self.west, name)

    def test_a_rule_that_makes_no_sense_is_refused(self):
        for rule in ({"kind": "explode"}, {"kind": "500", "when": "now"}):
            with self.assertRaises(AssertionError):
                self.fault(**rule)
