"""PostgreSQL as RDS sets it up: the master user is no superuser."""

import os

from . import tls

ROLES = """
create role rds_superuser nologin createdb createrole;
grant pg_monitor, pg_signal_backend to rds_superuser with admin option;
create role rds_iam nologin;
create role rds_replication nologin;
"""


class Postgres:
    kind = "postgres"
    # Fast and immediate shutdown; the latter still frees its shared memory.
    gentle, hard = "INT", "QUIT"
    port = 5432
    tokens = True
    settings = {
        "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "shared_buffers": "16MB",
        "max_connections": "60", "max_worker_processes": "4", "dynamic_shared_memory_type": "mmap",
        "max_wal_size": "64MB", "min_wal_size": "16MB", "ssl": "on",
    }

    def __init__(self, servers, series, bin, version):
        self.servers, self.series, self.bin, self.version = servers, series, bin, version

    def program(self, name):
        return os.path.join(self.bin, name)

    def make(self, folder, password):
        data, secret = os.path.join(folder, "data"), os.path.join(folder, "admin")
        self.servers.keeper.run(
            [self.program("initdb"), "-D", data, "-U", "rdsadmin", "-A", "scram-sha-256", "--no-sync",
             "--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=4", "--pwfile", secret], cwd=folder)
        force = "host all all 0.0.0.0/0 reject\n" if int(self.series) >= 15 else ""
        # Users of IAM have no password: a front comes in for them.
        # From 127.0.0.2 the front comes, with a certificate in the place of a user's token.
        lines = "host all rdsadmin 127.0.0.1/32 scram-sha-256\nhost all rdsadmin 0.0.0.0/0 reject\n" \
            "hostssl all all 127.0.0.2/32 cert\nhost all all 127.0.0.2/32 reject\n" \
            f"hostssl all all 0.0.0.0/0 scram-sha-256\n{force}host all all 0.0.0.0/0 scram-sha-256\n"
        with open(os.path.join(data, "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write(lines)
        # Single-user mode: no server is needed for this. A line is a command.
        self.servers.keeper.run(
            [self.program("postgres"), "--single", "-D", data, "-c", "fsync=off", "postgres"], cwd=data,
            input=ROLES.encode())

    def command(self, folder, port):
        home = self.servers.folder
        settings = self.settings | {
            "port": port, "ssl_ca_file": f"{home}/{tls.CA}", "ssl_cert_file": f"{home}/{tls.CERTIFICATE}",
            "ssl_key_file": f"{home}/{tls.KEY}",
        }
        return [self.program("postgres"), "-D", os.path.join(folder, "data"),
                *(f"--{name}={value}" for name, value in settings.items())]

    def sql(self, data, port, password, script, database=None):
        return self.servers.keeper.run(
            [self.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-h", "127.0.0.1",
             "-p", str(port), "-U", "rdsadmin", "-d", database or "postgres"],
            cwd=data, input=script.encode(), extra={"PGPASSWORD": password})

    def prepare(self, server):
        """A checkpoint, so that a restored server need not recover long."""
        server.admin("checkpoint;")

    def make_master(self, server, user, password, name):
        script = (f"create role {ident(user)} login createdb createrole password {text(password)};\n"
                  f"grant rds_superuser to {ident(user)};\nalter database postgres owner to {ident(user)};\n")
        if int(self.series) >= 16:
            # Before, whoever could make roles could grant any.
            script += f"grant rds_iam to {ident(user)} with admin true, inherit false, set false;\n"
        if int(self.series) < 15:
            script += f"grant all on schema public to {ident(user)};\n"
        if name and name != "postgres":
            script += f"create database {ident(name)} owner {ident(user)};\n"
        server.admin(script)

    def set_password(self, server, user, password):
        server.admin(f"alter role {ident(user)} password {text(password)};\n")


def ident(name):
    return '"' + name.replace('"', '""') + '"'


def text(value):
    return "'" + value.replace("'", "''") + "'"
