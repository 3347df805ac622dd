"""Database servers on 127.0.0.1 that live as long as the benchmark does.

Each is started through `tests/servers/keep`: when this process ends, for whatever reason, the script stops the server and
removes its folder.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tests" / "servers"
NOBODY = 65534


class Trouble(Exception):
    """Something that a person can put right, in words."""


def install():
    """Gets the servers that are missing, and gives the folder they are in."""
    subprocess.run([SCRIPTS / "install"], check=False, stdout=subprocess.DEVNULL)
    where = subprocess.run([SCRIPTS / "install", "where"], check=True, capture_output=True, text=True)
    return Path(where.stdout.strip())


def programs(cache, kind, series):
    """The folder of programs of a server, and its full version."""
    listed = cache / "servers.tsv"
    for line in listed.read_text().splitlines() if listed.exists() else []:
        columns = line.split("\t")
        if columns[:2] == [kind, series]:
            return Path(columns[2]), columns[3]
    raise Trouble(f"there is no {kind} {series}: run {SCRIPTS / 'install'} and see what it says")


class Server:
    """A running server; as a context manager it is stopped at the end."""

    gentle, hard = "TERM", "KILL"
    user = "firedrill"

    def __init__(self, bin, version):
        self.bin, self.version = bin, version
        self.password = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="firedrill-bench-"))
        self._give(self.folder)
        self.port = self.pid = None
        self._keeper = None

    def __enter__(self):
        try:
            self._make_data()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._keeper:
            self._keeper.stdin.close()
            self._keeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        """What client programs get: the password, and nothing else about databases."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TERM") if name in os.environ}
        return {**kept, "LC_ALL": "C.UTF-8", "PGPASSWORD": self.password, "MYSQL_PWD": self.password}

    def cpu(self):
        """Seconds of CPU that the server has used since it started."""
        raise NotImplementedError

    def settle(self):
        """Waits until what served the last client has ended."""

    def _start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [SCRIPTS / "keep", self.folder, self.folder / "log", self.gentle, self.hard, *self._unprivileged(self.hard)]
        # A group of its own: an interrupt from the terminal ends this process, which ends the server in good order.
        self._keeper = subprocess.Popen(
            [*command, *self._command()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, process_group=0,
        )
        self._keeper.stdin.write(f"run --port={self.port}\n")
        self._keeper.stdin.flush()
        self.pid = int(self._keeper.stdout.readline())
        deadline = time.monotonic() + 120
        while not self._answers():
            if time.monotonic() > deadline or not Path(f"/proc/{self.pid}/cmdline").read_bytes():
                raise Trouble(f"{self} did not come up:\n{(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        time.sleep(0.5)
        self._own = set(_children(self.pid))

    def _run(self, program, *arguments):
        """A program as the server's user."""
        done = subprocess.run(
            [*self._unprivileged("KILL"), self.bin / program, *arguments],
            env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )
        if done.returncode != 0:
            raise Trouble(f"{program} failed: {done.stderr.strip()[-2000:]}")

    def _write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        self._give(path)
        return path

    @staticmethod
    def _unprivileged(signal):
        """The beginning of a command that runs as a user whom servers accept, and ends with its parent."""
        user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", "--pdeathsig", signal, *user, "--"]

    @staticmethod
    def _give(path):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)


class Postgres(Server):
    gentle, hard = "INT", "QUIT"

    def __init__(self, cache, megabytes):
        super().__init__(*programs(cache, "postgres", "15"))
        self.megabytes = megabytes

    def __str__(self):
        return f"PostgreSQL {self.version}"

    def _make_data(self):
        secret = self._write("secret", self.password)
        self._run("initdb", "-D", self.folder / "data", "-U", self.user, "-A", "scram-sha-256", "--no-sync",
                  "--encoding=UTF8", "--locale=C.UTF-8", "--pwfile", secret)
        secret.unlink()

    def _command(self):
        # As Debian ships it, but for memory, and for what makes loading slow or a measurement noisy.
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": f"{self.megabytes}MB",
            "fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0",
            "max_wal_size": "8GB", "checkpoint_timeout": "1h", "autovacuum": "off", "maintenance_work_mem": "512MB",
        }
        return [self.bin / "postgres", "-D", self.folder / "data", *(f"--{name}={value}" for name, value in settings.items())]

    def psql(self, database, *statements):
        """The command that runs these statements, each in a transaction of its own, with bare answers."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", database]
        each = [word for statement in statements for word in ("-c", statement)]
        return [str(self.bin / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *where, *each]

    def ask(self, database, *statements):
        done = subprocess.run(self.psql(database, *statements), env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"{self}: {done.stderr.strip()[:2000]}")
        return done.stdout.strip()

    def _answers(self):
        try:
            return self.ask("postgres", "select 1") == "1"
        except Trouble:
            return False

    def settle(self):
        """Its processes for clients and their parallel workers end a moment after their client."""
        deadline = time.monotonic() + 5
        while set(_children(self.pid)) - self._own and time.monotonic() < deadline:
            time.sleep(0.01)

    def cpu(self):
        """Of the postmaster, the processes it has waited for, and those that it has now."""
        while True:
            own, ended = _times(self.pid)
            children = _children(self.pid)
            living = sum(sum(_times(child)) for child in children)
            if _times(self.pid)[1] == ended and _children(self.pid) == children:
                return own + ended + living


class MariaDb(Server):
    def __init__(self, cache, megabytes):
        super().__init__(*programs(cache, "mariadb", "10.11"))
        self.megabytes = megabytes

    def __str__(self):
        return f"MariaDB {self.version}"

    def _make_data(self):
        data = self.folder / "data"
        data.mkdir()
        self._give(data)
        self._run("mariadb-install-db", f"--datadir={data}")
        # Whoever can reach the port can reach an account without a password.
        self._write("init.sql", f"create user if not exists {self.user}@'%' identified by '{self.password}';\n"
                                f"grant all privileges on *.* to {self.user}@'%' with grant option;\n"
                                "delete from mysql.global_priv where user in ('root', '');\nflush privileges;\n")

    def _command(self):
        settings = {
            "datadir": self.folder / "data", "bind-address": "127.0.0.1", "socket": self.folder / "s", "pid-file": self.folder / "pid",
            "init-file": self.folder / "init.sql", "skip-name-resolve": "ON", "innodb-buffer-pool-size": f"{self.megabytes}M",
            "innodb-log-file-size": "1G", "innodb-flush-log-at-trx-commit": "0", "innodb-doublewrite": "OFF",
            "innodb-use-native-aio": "OFF", "innodb-stats-persistent": "ON",
        }
        return [self.bin / "mariadbd", *(f"--{name}={value}" for name, value in settings.items())]

    def where(self):
        return ["-h", "127.0.0.1", "-P", str(self.port), "-u", self.user]

    def mariadb(self, database, *statements):
        return [str(self.bin / "mariadb"), "--no-defaults", *self.where(), "-N", "-B", database, "-e", "; ".join(statements)]

    def ask(self, database, *statements):
        done = subprocess.run(self.mariadb(database, *statements), env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"{self}: {done.stderr.strip()[:2000]}")
        return done.stdout.strip()

    def _answers(self):
        try:
            return self.ask("mysql", "select 1") == "1"
        except Trouble:
            return False

    def cpu(self):
        return _times(self.pid)[0]


def _times(pid):
    """Seconds of CPU of a process, and of the children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    tick = os.sysconf("SC_CLK_TCK")
    user, system, children_user, children_system = (int(field) / tick for field in fields[11:15])
    return user + system, children_user + children_system


def _children(pid):
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
