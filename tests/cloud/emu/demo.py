"""Starts the emulator with a production to drill on, and writes a playbook for it: firedrill's restore of RDS, to try.

    tests/cloud/demo aws-demo [ROWS]

It gets what it lacks, makes `aws-demo/` with `drill.yaml`, `firedrill.toml` and `env`, says what to type, and runs until it
is interrupted; then the emulator and its databases are stopped. The passwords in `env` are of databases that end with it.
"""

import json
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .seed import SCRATCH, SOURCE, Aws

HERE = Path(__file__).resolve().parent.parent

DRILL = """# Two databases of {source} are restored in {scratch}, proven against their baselines, and removed.
apiVersion: firedrill/v1
kind: Playbook
metadata: {{ name: rds-demo, owner: you }}
scenario: {source} is lost; its databases are taken again from {scratch}.
objectives: {{ rto: 15m, rpo: 1h }}
scratch:
  aws: {{ account: "{account}", region: {scratch} }}
steps:
{steps}"""
STEP = """  - id: {step}
    restore:
      rds:
        instance: {instance}
        region: {source}
        recovery_point: latest
        max_age: 26h
        into:
          class: db.m6g.large
          subnet_group: {subnet_group}
          security_groups: [{security_group}]
          parameter_group: {parameter_group}
          kms_key: {kms_key}
        live:
          engine: {engine}
          host: "{host}"
          port: {port}
          user: {user}
          password: {{ env: {variable} }}
          tls: verify-full
          ca: {ca}
          database: {database}
  - id: {step}-intact
    needs: [{step}]
    verify:
      sql:
        database: {step}
        name: {database}
        password: {{ reset: true }}
        tls: verify-full
        ca: {ca}
        checks:
          - {{ name: all rows, fingerprint: {{ all_tables: true }}, expect: baseline }}
          - {{ name: fresh, freshness: "select max({moment}) from {table}" }}
"""


def main():
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder, rows = Path(sys.argv[1]).absolute(), sys.argv[2] if len(sys.argv) == 3 else "1000000"
    if not rows.isdigit():
        sys.exit(f"{rows} is no number of rows")
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is there and not empty: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    state = tempfile.mkdtemp(prefix="firedrill-aws-")
    print(f"making two databases of {int(rows):,} rows: half a minute or so", flush=True)
    for one in signal.SIGTERM, signal.SIGINT:
        signal.signal(one, lambda *_: sys.exit(0))
    command = [str(HERE / "emulator"), state, "--demo", rows, "--times", "creating=2,copying=2"]
    # It ends when this end of the pipe is closed, however that comes about.
    emulator = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = emulator.stdout.readline()
        if not line:
            sys.exit("the emulator did not start")
        write(folder, json.loads(line))
        emulator.wait()
    finally:
        emulator.stdin.close()
        emulator.wait()


def write(folder, ready):
    demo, aws = ready["demo"], Aws(ready["endpoint"])
    env = {"AWS_ENDPOINT_URL": ready["endpoint"], "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo",
           "AWS_EC2_METADATA_DISABLED": "true", "FIREDRILL_CONFIG": str(folder / "firedrill.toml"),
           "FIREDRILL_DATA_DIR": str(folder / "data")}
    steps = []
    for one in demo["databases"]:
        postgres = one["engine"] == "postgres"
        step = one["instance"].removesuffix("-prod")
        variable = f"{step.upper()}_PASSWORD"
        env[variable] = one["password"]
        family = next(name for name in demo["scratch"]["parameter_groups"] if name.startswith("postgres") == postgres)
        # Of the data as they are now, so that a baseline that is taken now is of it.
        aws.control("snapshot", {"instance": one["instance"], "region": SOURCE, "type": "automated"})
        steps.append(STEP.format(
            step=step, instance=one["instance"], source=SOURCE, subnet_group=demo["scratch"]["subnet_group"],
            security_group=demo["scratch"]["security_group"], kms_key=demo["scratch"]["kms_alias"],
            parameter_group=demo["scratch"]["parameter_groups"][family], engine="postgres" if postgres else "mysql",
            host=one["endpoint"]["Address"], port=one["endpoint"]["Port"], user=one["user"], variable=variable,
            ca=ready["ca_bundle"], database=one["database"], moment="placed_at" if postgres else "changed_at",
            table="orders" if postgres else "products"))
    drill = DRILL.format(account=ready["account"], source=SOURCE, scratch=SCRATCH, steps="\n".join(steps))
    (folder / "drill.yaml").write_text(drill)
    (folder / "firedrill.toml").write_text(
        "# The only place where anything may be made or deleted.\n"
        f'[scratch]\naws = [{{ account = "{ready["account"]}", regions = ["{SCRATCH}"] }}]\n')
    secrets = folder / "env"
    secrets.touch(mode=0o600)
    secrets.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items()))
    where = shlex.quote(str(folder))
    print(f"""
In another terminal:

  source {where}/env
  firedrill plan {where}/drill.yaml        # what a run would do
  firedrill baseline {where}/drill.yaml    # fingerprints of both databases as they are
  firedrill run {where}/drill.yaml         # copied, restored, proven, removed: exit 0

Change one row of the newest snapshot, and run again: exit 1, and the row is named.

  curl -s "$AWS_ENDPOINT_URL/_firedrill/tamper" -d '{{"snapshot": "NEWEST", "region": "{SOURCE}", "database": "orders", "sql": "update orders set total = total + 1 where id = 4711"}}'

where NEWEST is the snapshot that `firedrill plan` names. Ctrl-C here ends everything.
""", flush=True)


if __name__ == "__main__":
    main()
