"""It starts fast, and nothing of it is left, however it ends."""

import os
import signal
import socket
import subprocess
import time
import unittest

from . import aws


class Ends(unittest.TestCase):
    def begun(self):
        """An emulator with a running database, and that database's port."""
        one = aws.Emulator("--times", "default=0")
        rds = one.client("rds")
        rds.create_db_instance(
            DBInstanceIdentifier="a",
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            MasterUsername="app",
            MasterUserPassword=aws.PASSWORD,
            BackupRetentionPeriod=0,
        )
        for _ in range(600):
            found = rds.describe_db_instances()["DBInstances"][0]
            if found["DBInstanceStatus"] == "available":
                break
            time.sleep(0.05)
        return one, found["Endpoint"]["Port"]

    def gone(self, one, port):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                listening = probe.connect_ex(("127.0.0.1", port)) == 0
            if not listening and not os.path.exists(one.folder) and not working_in(one.folder):
                break
            time.sleep(0.05)
        else:
            self.fail(f"left: {working_in(one.folder)}, port {listening}, folder {os.path.exists(one.folder)}")
        one.end()

    def test_it_is_ready_within_three_seconds_and_binds_the_loopback_alone(self):
        one = aws.shared(*aws.Case.options)
        # Of the processor: what else runs on the machine is not its fault.
        self.assertLess(one.boot, 3)
        self.assertTrue(one.endpoint.startswith("http://127.0.0.1:"))
        port = int(one.endpoint.rsplit(":", 1)[1])
        with open("/proc/net/tcp", encoding="ascii") as file:
            bound = [
                line.split()[1] for line in file if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
            ]
        self.assertEqual(bound, [f"0100007F:{port:04X}"])

    def test_a_closed_pipe_ends_it(self):
        one, port = self.begun()
        one.process.stdin.close()
        one.process.wait(20)
        self.gone(one, port)

    def test_sigterm_ends_it(self):
        one, port = self.begun()
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(20)
        self.gone(one, port)

    def test_being_killed_leaves_no_server(self):
        one, port = self.begun()
        one.process.kill()
        one.process.wait(20)
        self.gone(one, port)

    def test_who_only_looks_around_in_its_folder_is_left_alone(self):
        one, port = self.begun()
        looking = subprocess.Popen(["sleep", "60"], cwd=one.folder)
        one.process.kill()
        one.process.wait(20)
        deadline = time.monotonic() + 10
        while os.path.exists(one.folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIsNone(looking.poll())
        looking.kill()
        looking.wait()
        self.gone(one, port)

    def test_the_end_of_its_parent_ends_it(self):
        script = f"{aws.EMULATOR} $0 --no-data </dev/null & read -r line; echo $line"
        folder = aws.tempfile.mkdtemp(prefix="firedrill-cloud-", dir=aws.MEMORY)
        parent = subprocess.Popen(
            ["bash", "-c", script, os.path.join(folder, "aws")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        parent.stdout.readline()
        self.assertTrue(os.path.exists(os.path.join(folder, "aws")))
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 10
        while os.path.exists(os.path.join(folder, "aws")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.rmdir(folder)

    def test_a_folder_with_something_in_it_is_left_alone(self):
        with aws.tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "precious"), "w", encoding="ascii"):
                pass
            done = subprocess.run([aws.EMULATOR, folder], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("not empty", done.stderr)
            self.assertTrue(os.path.exists(os.path.join(folder, "precious")))


def working_in(folder):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{entry}/cwd").startswith(folder):
                found.append(entry)
        except OSError:
            pass
    return found
