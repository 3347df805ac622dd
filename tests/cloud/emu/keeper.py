"""Processes that the emulator starts: none outlives it.

    emulator ── pipe ──► watcher: at the pipe's end, ends what works inside the folder, and removes it
        └── one thread that starts every server, so that the kernel ends them with the emulator

The kernel's "tell me when my parent dies" counts the thread that started the process, not the whole program: a server
started by a short-lived thread would end with that. Hence one thread for all.
"""

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

NOBODY = 65534


class Keeper:
    def __init__(self, folder):
        self.folder = folder
        self._orders = queue.Queue()
        threading.Thread(target=self._serve, name="keeper", daemon=True).start()
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, folder], stdin=subprocess.PIPE, start_new_session=True
        )

    def start(self, argv, log, cwd, signal_name):
        """Starts a program as a user that servers accept. It gets that signal when the emulator dies."""
        answer = Future()
        self._orders.put((argv, log, cwd, signal_name, answer))
        return answer.result()

    def _serve(self):
        while True:
            argv, log, cwd, signal_name, answer = self._orders.get()
            try:
                with open(log, "ab") as out:
                    answer.set_result(
                        subprocess.Popen(
                            unprivileged(argv, signal_name), cwd=cwd, env=environment(cwd), stdin=subprocess.DEVNULL,
                            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                        )
                    )
            except BaseException as error:
                answer.set_exception(error)

    def run(self, argv, cwd, input=b"", extra=None, as_servers=True):
        """Runs a program to its end, and returns what it printed. Its words are in the error when it fails."""
        argv = unprivileged(argv, "KILL") if as_servers else argv
        done = subprocess.run(
            argv, cwd=cwd, env=environment(cwd) | (extra or {}), input=input, capture_output=True, timeout=180
        )
        if done.returncode != 0:
            raise RuntimeError(f"{os.path.basename(argv[-1])}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def end(self):
        """Ends all that runs, and removes the folder."""
        self._watcher.stdin.close()
        self._watcher.wait()


def unprivileged(argv, signal_name):
    who = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig", signal_name, *who, "--", *argv]


def give(path):
    """Hands a file to the user that servers run as."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def environment(folder):
    return {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TMPDIR": folder}


def tree(pid):
    """A process and all that descend from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    stat = file.read()
            except OSError:
                continue
            parents[int(entry)] = int(stat[stat.rindex(b")") + 2:].split()[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def inside(folder):
    """Servers that work inside that folder. Someone who looks around in it has a terminal, and servers have none."""
    found, owner = [], NOBODY if os.geteuid() == 0 else os.geteuid()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                cwd = os.readlink(f"/proc/{entry}/cwd").removesuffix(" (deleted)")
                with open(f"/proc/{entry}/stat", "rb") as file:
                    stat = file.read()
                terminal = int(stat[stat.rindex(b")") + 2:].split()[4])
                mine = os.stat(f"/proc/{entry}").st_uid == owner and terminal == 0
            except OSError:
                continue
            if mine and cwd.startswith(folder + "/"):
                found.append(int(entry))
    return found


def watch(folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    # Gently first: PostgreSQL then frees its shared memory.
    for number, patience in ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        for pid in inside(folder):
            send(pid, number)
            send(pid, signal.SIGCONT)
        while inside(folder) and time.monotonic() < deadline:
            time.sleep(0.02)
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            break
        time.sleep(0.05)


if __name__ == "__main__":
    os.chdir("/")
    watch(sys.argv[1])
