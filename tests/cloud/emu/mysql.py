"""MariaDB and MySQL as RDS sets them up: the master user has the rights that RDS grants, and no more."""

import os
import subprocess
import time

from . import keeper, tls

RIGHTS = ("select, insert, update, delete, create, drop, reload, process, references, index, alter, show databases, "
          "create temporary tables, lock tables, execute, replication slave, replication client, create view, "
          "show view, create routine, alter routine, create user, event, trigger")


class Family:
    # It recovers from what a commit wrote to the operating system.
    gentle, hard = "TERM", "KILL"
    port = 3306
    tokens = False
    settings = {
        "bind-address": "127.0.0.1", "socket": "s", "pid-file": "pid", "skip-name-resolve": "ON",
        "innodb-buffer-pool-size": "32M", "innodb-flush-log-at-trx-commit": "2", "innodb-use-native-aio": "OFF",
        "performance-schema": "OFF", "max-connections": "60", "local-infile": "ON",
    }

    def __init__(self, servers, series, bin, version):
        self.servers, self.series, self.bin, self.version = servers, series, bin, version

    def program(self, name):
        return os.path.join(self.bin, name)

    def command(self, folder, port, *more):
        home, data = self.servers.folder, os.path.join(folder, "data")
        settings = self.settings | self.own | {
            "datadir": data, "tmpdir": data, "port": port, "ssl-ca": f"{home}/{tls.CA}",
            "ssl-cert": f"{home}/{tls.CERTIFICATE}", "ssl-key": f"{home}/{tls.KEY}",
        }
        return [self.program(self.server), *(f"--{name}={value}" for name, value in settings.items()), *more]

    def make(self, folder, password):
        data, script = os.path.join(folder, "data"), os.path.join(folder, "init.sql")
        self.make_data(folder, data)
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"create user rdsadmin@localhost identified by {text(password)};\n"
                       f"grant all on *.* to rdsadmin@localhost with grant option;\n{self.no_root}\n")
        os.chmod(script, 0o600)
        keeper.give(script)
        log = os.path.join(folder, "log")
        argv = self.command(folder, 0, "--skip-networking", f"--init-file={script}")
        process = self.servers.keeper.start(argv, log, data, self.hard)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            try:
                self.sql(data, 0, password, "select 1;")
                break
            except RuntimeError:
                time.sleep(0.1)
        process.terminate()
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise RuntimeError(f"{self.kind} {self.version} did not stop") from None
        with open(log, encoding="utf-8", errors="replace") as file:
            words = file.read()
        if status != 0:
            raise RuntimeError(f"{self.kind} {self.version}: no first data: {words[-1000:]}")
        os.remove(script)
        os.remove(log)

    def sql(self, data, port, password, script, database=None):
        return self.servers.keeper.run(
            [self.program(self.client), "--no-defaults", "--batch", "--raw", "--skip-column-names",
             "--default-character-set=utf8mb4", "-u", "rdsadmin", "-S", "s", database or "mysql"],
            cwd=data, input=script.encode(), extra={"MYSQL_PWD": password})

    def prepare(self, server):
        """Nothing: what is committed is in the log."""

    def make_master(self, server, user, password, name):
        script = (f"create user {text(user)}@'%' identified by {text(password)};\n"
                  f"grant {RIGHTS} on *.* to {text(user)}@'%' with grant option;\n")
        if name:
            script += f"create database `{name.replace('`', '``')}`;\n"
        server.admin(script)

    def set_password(self, server, user, password):
        server.admin(f"alter user {text(user)}@'%' identified by {text(password)};\n")


class MariaDb(Family):
    kind, server, client = "mariadb", "mariadbd", "mariadb"
    own = {"innodb-log-file-size": "16M", "aria-log-file-size": "8M"}
    no_root = "delete from mysql.global_priv where user in ('root', '');\nflush privileges;"

    def make_data(self, folder, data):
        os.mkdir(data, 0o700)
        keeper.give(data)
        self.servers.keeper.run(
            [self.program("mariadb-install-db"), f"--datadir={data}", "--innodb-log-file-size=16M",
             "--aria-log-file-size=8M"], cwd=folder)


class MySql(Family):
    kind, server, client = "mysql", "mysqld", "mysql"
    own = {"mysqlx": "OFF", "secure-file-priv": "NULL", "skip-log-bin": "ON", "innodb-redo-log-capacity": "16M"}
    no_root = "drop user if exists root@localhost;"

    def make_data(self, folder, data):
        self.servers.keeper.run(
            [self.program("mysqld"), "--initialize-insecure", "--innodb-use-native-aio=OFF",
             "--innodb-redo-log-capacity=16M", f"--datadir={data}"], cwd=folder)


def text(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
