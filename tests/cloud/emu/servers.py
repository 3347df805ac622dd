"""Real database servers, one a DB instance, and the copies of their data that snapshots are.

A snapshot is taken the way a storage volume is: every process of the server is stopped for the time of the copy, so
that the files are those of one moment, and the server recovers from them as after a crash. Nothing that was committed
is missing. Copies are never written to afterwards; a restored instance runs on a copy of its own.
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import threading
import time

from . import keeper as processes
from . import tls
from .front import Front
from .mysql import MariaDb, MySql
from .postgres import Postgres

# Raise it when the engines make their first data in another way.
LAYOUT = 3


class Servers:
    """The programs that the installer of the servers got, and a folder for data."""

    def __init__(self, keeper, folder, cache, host, authority):
        self.authority = authority
        self.certificate = os.path.join(folder, tls.CERTIFICATE), os.path.join(folder, tls.KEY)
        self.keeper, self.folder, self.host = keeper, folder, host
        self.templates = os.path.join(cache, "cloud-templates")
        if not os.access(self.templates if os.path.exists(self.templates) else cache, os.W_OK):
            self.templates = os.path.join(folder, "templates")
        self.engines = {}
        kinds = {"postgres": Postgres, "mariadb": MariaDb, "mysql": MySql}
        try:
            with open(os.path.join(cache, "servers.tsv"), encoding="utf-8") as file:
                rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
        except OSError:
            rows = []
        for kind, series, bin, version in rows:
            self.engines[kind, series] = kinds[kind](self, series, bin, version)
        self._making = threading.Lock()
        self._count = 0
        self._counting = threading.Lock()

    def new(self, engine):
        """A server to be, with a folder of its own."""
        return Database(self, engine)

    def fresh(self, prefix):
        with self._counting:
            self._count += 1
            path = os.path.join(self.folder, f"{prefix}{self._count}")
        os.mkdir(path, 0o700)
        processes.give(path)
        return path

    def template(self, engine):
        """An empty server's data of that version, made once on this machine."""
        folder = os.path.join(self.templates, f"{engine.kind}-{engine.version}-{LAYOUT}")
        with self._making:
            if os.path.exists(folder):
                return folder
            os.makedirs(self.templates, exist_ok=True)
            with open(os.path.join(self.templates, ".lock"), "w", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not os.path.exists(folder):
                    new = self.fresh("template")
                    password = secrets.token_hex(16)
                    write_secret(os.path.join(new, "admin"), password)
                    engine.make(new, password)
                    clean(new)
                    shutil.rmtree(folder + ".new", ignore_errors=True)
                    self.copy(new, folder + ".new")
                    os.rename(folder + ".new", folder)
                    shutil.rmtree(new)
        return folder

    def copy(self, source, target):
        """As the user that runs the emulator, who is allowed to read all of it."""
        self.keeper.run(["cp", "-a", "--reflink=auto", "--", source, target], cwd=self.folder, as_servers=False)


class Image:
    """Data as they were at a moment. Copies of a snapshot share it; the last to let go removes it."""

    def __init__(self, servers, engine, folder):
        self.servers, self.engine, self.folder = servers, engine, folder
        self._holders = 1
        self._lock = threading.Lock()

    def hold(self):
        with self._lock:
            self._holders += 1
        return self

    def release(self):
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            shutil.rmtree(self.folder, ignore_errors=True)

    def size(self):
        return sum(os.lstat(os.path.join(at, file)).st_size for at, _, files in os.walk(self.folder) for file in files)

    def tampered(self, database, sql):
        """The same data after that SQL, as an image of its own."""
        server = Database(self.servers, self.engine)
        try:
            server.fill(self)
            server.start()
            server.admin(sql, database)
            return server.snapshot()
        finally:
            server.remove()


class Database:
    """One server and its data."""

    def __init__(self, servers, engine):
        self.servers, self.engine = servers, engine
        self.folder = servers.fresh("db")
        self.data = os.path.join(self.folder, "d")
        self.port = None
        self.process = None
        # With IAM authentication: the port that clients see, what listens there, and what judges tokens.
        self.outer, self.front, self.judge = None, None, None
        self.lock = threading.RLock()

    def endpoint_port(self):
        return self.outer or self.port

    def take_tokens(self, judge):
        """From now on users with the role rds_iam come in by token. The endpoint stays what it is."""
        with self.lock:
            if self.judge or not self.engine.tokens:
                return
            running = self.alive()
            self.stop()
            self.judge, self.outer, self.port = judge, self.port or free_port(), None
            if running:
                self.start()

    def create(self, user, password, name):
        """An empty database server with its master user."""
        self.servers.copy(self.servers.template(self.engine), self.data)
        self.start()
        self.engine.make_master(self, user, password, name)

    def fill(self, image):
        self.servers.copy(image.folder, self.data)

    def start(self):
        with self.lock:
            if self.alive():
                return
            log = os.path.join(self.folder, "log")
            for attempt in range(5):
                # Keeps its port over a restart, as an endpoint does, as long as it is free.
                port = self.port if attempt == 0 and self.port and free(self.port) else free_port()
                argv = self.engine.command(self.data, port)
                self.process = self.servers.keeper.start(argv, log, self.data_folder(), self.engine.hard)
                self.port = port
                if self.comes_up():
                    if self.judge:
                        self.front = Front(self.outer, self, self.judge)
                    return
                self.stop(hard=True)
                if "in use" not in tail(log):
                    raise RuntimeError(f"{self.engine.kind} {self.engine.version} did not start: {tail(log)}")
            raise RuntimeError(f"{self.engine.kind} {self.engine.version} found no free port")

    def data_folder(self):
        return os.path.join(self.data, "data")

    def comes_up(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    pass
                # Its password tells it from another server that got the port first.
                self.admin("select 1;")
                return True
            except (OSError, RuntimeError):
                time.sleep(0.03)
        return False

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def admin(self, sql, database=None):
        with open(os.path.join(self.data, "admin"), encoding="utf-8") as file:
            return self.engine.sql(self.data_folder(), self.port, file.read(), sql, database)

    def snapshot(self):
        """The data as they are now, whether the server runs or not."""
        target = self.servers.fresh("image")
        with self.lock:
            stopped = set()
            try:
                if self.alive():
                    self.engine.prepare(self)
                    stopped = freeze(self.process.pid)
                self.servers.copy(self.data, os.path.join(target, "d"))
            finally:
                for pid in stopped:
                    processes.send(pid, signal.SIGCONT)
        folder = os.path.join(target, "d")
        clean(folder)
        return Image(self.servers, self.engine, folder)

    def stop(self, hard=False):
        with self.lock:
            if self.front:
                self.front.close()
                self.front = None
            if not self.alive():
                return
            processes.send(self.process.pid, getattr(signal, "SIG" + (self.engine.hard if hard else self.engine.gentle)))
            try:
                self.process.wait(10)
            except Exception:
                for pid in processes.tree(self.process.pid):
                    processes.send(pid, signal.SIGKILL)
                self.process.wait()

    def remove(self):
        self.stop(hard=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def freeze(pid):
    """Stops the processes of a server, and returns which."""
    stopped = set()
    while True:
        # One more round for what was started while the last went on.
        more = processes.tree(pid) - stopped
        if not more:
            break
        for one in sorted(more, key=lambda one: one != pid):
            processes.send(one, signal.SIGSTOP)
        stopped |= more
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not all(halted(one) for one in stopped):
        time.sleep(0.001)
    return stopped


def halted(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
        return stat[stat.rindex(b")") + 2:stat.rindex(b")") + 3] in (b"T", b"t", b"Z", b"X")
    except OSError:
        return True


def clean(folder):
    """Removes what belongs to a running server, not to its data."""
    for name in ("postmaster.pid", "pid", "s", "s.lock", "mysqld_safe.pid"):
        try:
            os.remove(os.path.join(folder, "data", name))
        except FileNotFoundError:
            pass


def write_secret(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)
    processes.give(path)


def tail(path):
    with open(path, "rb") as file:
        return file.read()[-2000:].decode(errors="replace")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def free(port):
    with socket.socket() as one:
        # As the servers do: connections that were just closed are no hindrance.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
