"""What one run of a contender takes: wall time, CPU of the server, CPU and memory of the client."""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .servers import Trouble

# Of a contender that has not ended by then there is no more to learn.
LONGEST = 1800


@dataclass
class Run:
    """What one run took, and what it said."""

    wall: float
    server: float
    client: float
    mebibytes: float
    code: int
    out: str
    err: str

    def needs(self, *codes):
        """Fails unless the command ended with one of these exit codes."""
        if self.code not in (codes or (0,)):
            said = (self.err.strip() or self.out.strip() or "no word why").splitlines()
            word = next((line for line in said if "error" in line.lower()), said[-1])
            raise Trouble(f"exit code {self.code}: {word[:400]}")
        return self


def run(server, command, **environment):
    """Runs a command against a server that nobody else uses."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        before = server.cpu()
        began = time.monotonic()
        child = subprocess.Popen(
            [str(word) for word in command], env={**server.environment(), **environment}, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True,
        )
        memory = Memory(child.pid)
        killer = threading.Timer(LONGEST, _kill, [child.pid])
        killer.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - began
        finally:
            killer.cancel()
            _kill(child.pid)
            mebibytes = memory.stop()
        child.returncode = os.waitstatus_to_exitcode(status)
        server.settle()
        used = server.cpu() - before
        out.seek(0)
        err.seek(0)
        return Run(wall, used, usage.ru_utime + usage.ru_stime, mebibytes, child.returncode, out.read(), err.read())


def _kill(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class Memory(threading.Thread):
    """Watches the most memory that a process and its descendants have at a time."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid, self._most, self._over = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self._over.wait(0.02):
            peak, now = self._look(self._pid, Path("/proc/self/cmdline").read_bytes())
            self._most = max(self._most, peak, now)

    def _look(self, pid, parent):
        """The peak of a process itself, and what it and its descendants have now."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            peak, now = (int(status[name].split()[0]) for name in ("VmHWM", "VmRSS"))
        except (OSError, KeyError):
            return 0, 0
        # Just forked, and not yet another program: its memory is its parent's.
        if words == parent:
            return 0, 0
        return peak, now + sum(self._look(child, words)[1] for child in children)

    def stop(self):
        self._over.set()
        self.join()
        return self._most / 1024


@dataclass
class Contender:
    """Someone who is measured."""

    title: str
    # Runs it once.
    go: callable
    # What is wrong with what it said; nothing, if it is right.
    wrong: callable = lambda run: None
    # A word by which the table finds it.
    key: str = ""
    # How firedrill is to stand to it.
    goal: object = None
    # What a person should know beside the numbers.
    note: str = ""
    runs: list = field(default_factory=list)
    faults: list = field(default_factory=list)
    # Why it can't take part.
    absent: str = ""

    @property
    def own(self):
        """Whether it is firedrill."""
        return self.title.startswith("firedrill")

    def median(self, what):
        return statistics.median(getattr(run, what) for run in self.runs) if self.runs else None


def interleave(contenders, rounds, say):
    """Runs all of them in turn, that many times, so that whatever disturbs the machine disturbs all alike."""
    for number in range(rounds):
        for contender in contenders:
            if contender.absent:
                continue
            try:
                done = contender.go()
            except Trouble as trouble:
                contender.absent = str(trouble)
                say(f"  {contender.title}: left out: {trouble}")
                continue
            contender.runs.append(done)
            try:
                fault = contender.wrong(done)
            except Trouble as trouble:
                fault = str(trouble)
            if fault:
                contender.faults.append(fault)
            say(f"  round {number + 1}: {done.wall:8.3f} s  {contender.title}{'  WRONG: ' + fault if fault else ''}")
