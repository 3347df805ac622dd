"""firedrill as a contender: its playbooks, its commands, and what it must answer."""

import datetime
import json
import os
import re
import subprocess
from pathlib import Path

from .servers import ROOT, Trouble

CHECK = "rows"


def build(given):
    """The release build, made once; or the program that was given."""
    if given:
        return Path(given).resolve()
    done = subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "firedrill"], cwd=ROOT, check=False)
    if done.returncode != 0:
        raise Trouble("firedrill can't be built: see above")
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return (ROOT / target / "release" / "firedrill").resolve()


class Drill:
    """A playbook of one table: `live` is what was backed up, `restored` what came of it."""

    def __init__(self, program, server, engine, folder, table, live, restored, expect, strong=False, user=None, exclude=()):
        self.program, self.table = program, table
        self.folder = Path(folder)
        self.folder.mkdir()
        # JSON is YAML, and needs no care for quotes.
        place = {"host": "127.0.0.1", "port": server.port, "user": server.user}
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.point = now
        points = {"recovery_points": [{"id": "copy", "time": now}]}
        outputs = {"outputs": {"engine": engine, **place, "database": restored}}
        secret = {"password": {"env": "PGPASSWORD"}}
        fingerprint = {"tables": [table], **({"strong": True} if strong else {}), **({"exclude": [f"{table}.{column}" for column in exclude]} if exclude else {})}
        playbook = {
            "apiVersion": "firedrill/v1",
            "kind": "Playbook",
            "metadata": {"name": "bench"},
            "objectives": {"rto": "1h"},
            "steps": [
                {"id": "restored", "restore": {"command": {
                    "live": {"engine": engine, **place, **secret, "database": live},
                    "commands": {
                        "recovery_point": ["cat", self._write("points.json", points)],
                        "acquire": ["cat", self._write("outputs.json", outputs)],
                        "release": ["true"],
                    },
                }}},
                {"id": "proof", "needs": ["restored"], "verify": {"sql": {
                    "database": "restored", "user": user or server.user, **secret,
                    "checks": [{"name": CHECK, "fingerprint": fingerprint, "expect": expect}],
                }}},
            ],
        }
        self.playbook = self._write("playbook.yaml", playbook)
        self.exported = str(self.folder / "baseline.json")

    def _write(self, name, content):
        path = self.folder / name
        path.write_text(json.dumps(content, indent=1))
        return str(path)

    def baseline(self):
        """The command that reads the live database, and keeps the baseline in a file."""
        return self._command("baseline", self.playbook, "--point", "copy", "--point-time", self.point, "--export", self.exported)

    def take_in(self):
        """The command that keeps the exported baseline for the drills that follow."""
        return self._command("baseline", self.playbook, "--import", self.exported)

    def run(self):
        """The command that compares the restored database with the live one, or with the baseline."""
        return self._command("run", self.playbook, "--format", "json")

    def _command(self, *words):
        return [str(self.program), *words, "--quiet", "--data-dir", str(self.folder / "data")]

    def taken(self):
        """The fingerprint in the exported baseline."""
        with open(self.exported) as file:
            return json.load(file)["baselines"][0]["baseline"]["tables"][0]

    def check(self, done):
        """What a drill said of the one check."""
        try:
            steps = json.loads(done.out)["steps"]
            check = next(check for step in steps for check in step["checks"] if check["name"] == CHECK)
        except (ValueError, KeyError, StopIteration) as error:
            raise Trouble(f"the drill's answer can't be read: {error!r}") from error
        if check["status"] not in ("passed", "failed"):
            raise Trouble(f"the check was not made: {check['actual'] or check['details']}")
        return check

    def named(self, done):
        """The rows that it names."""
        check = self.check(done)
        found = {"changed": set(), "lost": set(), "extra": set()}
        for line in check["details"]:
            for what, keys in re.findall(r"(?<=[:;] )(changed|lost|extra) ((?:id=\d+(?:, )?)+)", line):
                found[what].update(int(key) for key in re.findall(r"\d+", keys))
        if (check["status"] == "passed") == any(found.values()):
            raise Trouble(f"it {check['status']}: {'; '.join(check['details'])[:300]}")
        return found

    def same(self, rows):
        """Whether every baseline is of all rows, and of the same digest: tells what is wrong."""
        seen = set()

        def wrong(_):
            taken = self.taken()
            seen.add(taken["digest"])
            if taken["rows"] != rows:
                return f"it is of {taken['rows']} rows"
            return None if len(seen) == 1 else "another digest of the same data"

        return wrong
