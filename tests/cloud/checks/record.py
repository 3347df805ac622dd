"""What was called, and whether it fits the models."""

import json
import urllib.error
import urllib.parse
import urllib.request

from .aws import CENTRAL, PASSWORD, WEST, Case

CREDENTIAL = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature=0"


class Record(Case):
    def raw(self, service, body, **headers):
        """A call that no SDK would make."""
        request = urllib.request.Request(
            self.aws.endpoint + "/", body, {"Authorization": CREDENTIAL.format(service)} | headers
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def query(self, **params):
        return self.raw("rds", urllib.parse.urlencode({"Version": "2014-10-31"} | params).encode())

    def wrong(self):
        return [text for one in self.aws.control("GET", "violations") for text in one["wrong"]]

    def test_every_call_is_on_record_and_no_secret_is(self):
        name = self.instance(wait=False)
        self.refused("DBInstanceNotFound", self.central.describe_db_instances, DBInstanceIdentifier="none")
        secrets = self.aws.client("secretsmanager")
        arn = secrets.create_secret(Name=self.name("s"), SecretString=PASSWORD)["ARN"]
        self.assertEqual(secrets.get_secret_value(SecretId=arn)["SecretString"], PASSWORD)
        calls = self.aws.control("GET", "calls")
        self.assertNotIn(PASSWORD, json.dumps(calls))
        self.assertEqual(
            [(one["service"], one["operation"], one["region"], one["status"], one["error"]) for one in calls],
            [
                ("rds", "CreateDBInstance", WEST, 200, None),
                ("rds", "DescribeDBInstances", CENTRAL, 404, "DBInstanceNotFound"),
                ("secretsmanager", "CreateSecret", WEST, 200, None),
                ("secretsmanager", "GetSecretValue", WEST, 200, None),
            ],
        )
        self.assertEqual(calls[0]["parameters"]["DBInstanceIdentifier"], name)
        self.assertEqual(calls[0]["parameters"]["MasterUserPassword"], "****")
        self.assertTrue(all(one["request_id"] and one["account"] == "123456789012" for one in calls))
        self.aws.control("DELETE", "calls")
        self.assertEqual(self.aws.control("GET", "calls"), [])

    def test_a_request_that_does_not_fit_the_model_is_noted(self):
        for params, words in [
            ({"Action": "DescribeDBInstances", "Colour": "red"}, "unknown parameter Colour"),
            ({"Action": "DescribeDBInstances", "MaxRecords": "many"}, "MaxRecords is no integer"),
            ({"Action": "CreateDBInstance", "DBInstanceIdentifier": "x"}, "Missing required parameter"),
            ({"Action": "ModifyDBInstance", "DBInstanceIdentifier": "x", "AutomationMode": "half"}, "is none of full"),
            ({"Action": "DescribeNothing"}, "no operation DescribeNothing"),
        ]:
            with self.subTest(words):
                self.aws.control("DELETE", "calls")
                self.query(**params)
                self.assertTrue(any(words in text for text in self.wrong()), self.wrong())
        self.aws.control("DELETE", "calls")
        self.raw(
            "kms",
            b'{"KeyID": "x"}',
            **{"X-Amz-Target": "TrentService.DescribeKey", "Content-Type": "application/x-amz-json-1.1"}
        )
        self.assertTrue(any("unknown member KeyID" in text for text in self.wrong()), self.wrong())
        self.aws.control("DELETE", "calls")

    def test_an_answer_that_does_not_fit_the_model_is_noted(self):
        """The check itself is checked: an answer is made wrong behind the emulator's back."""
        name = self.instance()
        for attributes, words in [
            ({"ActivityStreamStatus": "sleeping"}, "'sleeping' is none of"),
            ({"ReplicaMode": "upside-down"}, "'upside-down' is none of"),
        ]:
            self.aws.control("DELETE", "calls")
            self.aws.control("POST", "change", {"kind": "db", "id": name, "attributes": attributes})
            self.describe(self.west, name)
            self.assertTrue(any(words in text for text in self.wrong()), self.wrong())
        self.aws.control(
            "POST",
            "change",
            {"kind": "db", "id": name, "attributes": {"ActivityStreamStatus": "stopped", "ReplicaMode": None}},
        )
        self.aws.control("DELETE", "calls")

    def test_errors_are_never_html(self):
        for params, status, code in [
            ({"Action": "DescribeNothing"}, 400, b"InvalidAction"),
            ({"Action": "DescribeDBProxies"}, 501, b"NotImplemented"),
            ({"Action": "CreateDBInstance"}, 400, b"ValidationError"),
            ({}, 400, b"InvalidAction"),
        ]:
            answer = self.query(**params)
            self.assertEqual((answer[0], answer[1]["Content-Type"]), (status, "text/xml"))
            self.assertIn(b"<Code>" + code + b"</Code>", answer[2])
        self.aws.control("DELETE", "calls")

    def test_tags_can_be_changed_behind_everybody_s_back(self):
        name = self.instance(Tags=[{"Key": "firedrill", "Value": "yes"}])
        self.aws.control("POST", "change", {"kind": "db", "id": name, "tags": {}})
        self.assertEqual(self.describe(self.west, name)["TagList"], [])
        found = [one for one in self.aws.control("GET", "resources") if one["id"] == name]
        self.assertEqual([(one["region"], one["status"], one["tags"]) for one in found], [(WEST, "available", {})])
