"""Makes a production region with data in it, and a region to drill in; says in JSON what it made.

In eu-west-1: `orders-prod` (PostgreSQL, encrypted) and `catalog-prod` (MySQL), each with a table of so many rows, a
snapshot of both, and rows that were changed after it. In eu-central-1: what a drill restores into, and nothing else.
All of it goes through the API and the databases' own clients, as anyone would do it.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

SOURCE, SCRATCH = "eu-west-1", "eu-central-1"
DIGITS = "(select 0 n" + "".join(f" union all select {n}" for n in range(1, 10)) + ")"

POSTGRES = """
create table customers (id bigint primary key, name text not null, city text not null);
insert into customers select g, 'customer ' || g, (array['Berlin', 'Porto', 'Lyon', 'Gent'])[g % 4 + 1]
    from generate_series(1, greatest({rows} / 100, 1)) g;
create table orders (id bigint primary key, customer_id bigint not null references customers, total numeric(12, 2) not null,
    status text not null, placed_at timestamptz not null, note text);
insert into orders select g, g % greatest({rows} / 100, 1) + 1, g % 100000 / 100.0,
    (array['new', 'paid', 'sent', 'returned'])[g % 4 + 1], now() - ({rows} - g) * interval '1 second',
    case g % 10 when 0 then null else 'order ' || g end from generate_series(1, {rows}) g;
create index on orders (placed_at);
analyze;
"""
MYSQL = """
create table products (id bigint primary key, name varchar(100) not null, price decimal(12, 2) not null,
    stock int not null, changed_at datetime(6) not null, key (changed_at));
insert into products select n + 1, concat('product ', n + 1), n % 100000 / 100, n % 500,
    now(6) - interval ({rows} - n) second
    from (select a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n + 1000000 * g.n n
          from {digits} a, {digits} b, {digits} c, {digits} d, {digits} e, {digits} f, {digits} g) numbers
    where n < {rows};
"""
# After the snapshot: what a restore of it must not show.
LATER = {
    "postgres": """
update orders set status = 'cancelled' where id % 1000 = 7;
delete from orders where id % 1000 = 9;
insert into orders select {rows} + g, 1, 1, 'new', now(), 'after the snapshot' from generate_series(1, 100) g;
""",
    "mysql": """
update products set price = price + 1 where id % 1000 = 7;
delete from products where id % 1000 = 9;
insert into products select {rows} + n + 1, 'after the snapshot', 1, 1, now(6) from {digits} a;
""",
}


class Aws:
    def __init__(self, endpoint):
        self.endpoint = endpoint

    def client(self, service, region):
        return boto3.client(service, region_name=region, endpoint_url=self.endpoint, aws_access_key_id="test",
                            aws_secret_access_key="test", config=Config(retries={"max_attempts": 2}))

    def control(self, path, body):
        request = urllib.request.Request(f"{self.endpoint}/_firedrill/{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def surroundings(aws, region, name, families):
    """A subnet group, a security group, parameter groups and a key."""
    ec2, rds, kms = (aws.client(one, region) for one in ("ec2", "rds", "kms"))
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = [one["SubnetId"] for one in
               ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]]
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=subnets)
    groups = {}
    for family in families:
        groups[family] = f"{name}-{family.replace('.', '-')}"
        rds.create_db_parameter_group(DBParameterGroupName=groups[family], DBParameterGroupFamily=family,
                                      Description=name)
    key = kms.create_key(Description=name)["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
    return {"vpc": vpc, "subnet_group": name, "security_group": group, "parameter_groups": groups, "kms_key": key,
            "kms_alias": f"alias/{name}"}


def until(read, wanted, seconds=300):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = read()
        if status == wanted:
            return
        if status == "failed":
            break
        time.sleep(0.1)
    sys.exit(f"waited for {wanted} in vain")


def run_sql(engine, endpoint, user, password, database, ca, script):
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "PGPASSWORD": password,
           "MYSQL_PWD": password}
    host, port = endpoint["Address"], str(endpoint["Port"])
    if engine == "postgres":
        argv = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-",
                f"host={host} port={port} user={user} dbname={database} sslmode=verify-full sslrootcert={ca}"]
    else:
        argv = ["mariadb", "--no-defaults", "-h", host, "-P", port, "-u", user, f"--ssl-ca={ca}",
                "--ssl-verify-server-cert", database]
    done = subprocess.run(argv, env=env, input=script, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{argv[0]}: {done.stderr}")


def one_database(aws, ca, around, name, engine, version, family, user, database, script, rows, encrypted):
    rds = aws.client("rds", SOURCE)
    password = secrets.token_urlsafe(18)
    more = {"StorageEncrypted": True, "KmsKeyId": around["kms_key"]} if encrypted else {}
    rds.create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.m6g.large", Engine=engine, EngineVersion=version,
        MasterUsername=user, MasterUserPassword=password, DBName=database, AllocatedStorage=20, StorageType="gp3",
        DBSubnetGroupName=around["subnet_group"], VpcSecurityGroupIds=[around["security_group"]],
        DBParameterGroupName=around["parameter_groups"][family], MultiAZ=True, DeletionProtection=True,
        PubliclyAccessible=True, BackupRetentionPeriod=7, CopyTagsToSnapshot=True,
        Tags=[{"Key": "environment", "Value": "production"}, {"Key": "service", "Value": database}], **more)

    def instance():
        return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    until(lambda: instance()["DBInstanceStatus"], "available")
    endpoint = instance()["Endpoint"]
    values = {"rows": rows, "digits": DIGITS}
    run_sql(engine, endpoint, user, password, database, ca, script.format(**values))
    snapshot = f"{name}-nightly"
    made = rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)["DBSnapshot"]
    until(lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]["Status"], "available")
    later = LATER["postgres" if engine == "postgres" else "mysql"]
    run_sql(engine, endpoint, user, password, database, ca, later.format(**values))
    point = aws.control("checkpoint", {"instance": name, "region": SOURCE})["time"]
    secret = aws.client("secretsmanager", SCRATCH).create_secret(
        Name=f"firedrill/{name}", SecretString=json.dumps(
            {"engine": engine, "username": user, "password": password, "host": endpoint["Address"],
             "port": endpoint["Port"], "dbname": database, "dbInstanceIdentifier": name}))
    until(lambda: instance()["DBInstanceStatus"], "available")
    return {"instance": name, "arn": instance()["DBInstanceArn"], "engine": engine, "version": instance()["EngineVersion"],
            "database": database, "user": user, "password": password, "endpoint": endpoint, "snapshot": snapshot,
            "snapshot_arn": made["DBSnapshotArn"], "latest_restorable_time": point, "rows_at_snapshot": rows,
            "secret": secret["ARN"], "encrypted": encrypted}


def main():
    parser = argparse.ArgumentParser(prog="tests/cloud/seed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--ca", help="the authority of the servers; else the emulator is asked")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", default="16", metavar="VERSION")
    parser.add_argument("--mysql", default="mysql:8.0", metavar="ENGINE:VERSION", help="mysql:8.0 or mariadb:11.8")
    parser.add_argument("--plain", action="store_true", help="orders-prod is not encrypted")
    asked = parser.parse_args()
    aws = Aws(asked.endpoint)
    ca = asked.ca or json.load(urllib.request.urlopen(f"{asked.endpoint}/_firedrill/info"))["ca_bundle"]
    engine, _, version = asked.mysql.partition(":")
    families = [f"postgres{asked.postgres.split('.')[0]}", engine + ".".join(version.split(".")[:2])]
    source = surroundings(aws, SOURCE, "production", families)
    scratch = surroundings(aws, SCRATCH, "firedrill", families)
    jobs = [
        ("orders-prod", "postgres", asked.postgres, families[0], "orders_admin", "orders", POSTGRES, not asked.plain),
        ("catalog-prod", engine, version, families[1], "catalog_admin", "catalog", MYSQL, False),
    ]
    with ThreadPoolExecutor(2) as pool:
        databases = list(pool.map(lambda job: one_database(aws, ca, source, *job[:-1], asked.rows, job[-1]), jobs))
    print(json.dumps({"source": {"region": SOURCE, **source}, "scratch": {"region": SCRATCH, **scratch},
                      "databases": databases}))


if __name__ == "__main__":
    main()
