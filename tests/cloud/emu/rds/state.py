"""What RDS knows, and how a resource goes from one status to the next.

A resource stays in a step's status for the time that the settings say, and for as long as the step's work takes: a
server that starts, files that are copied. The step's effect then takes place, and the next step begins.

    create ──► creating ──► backing-up ──► available ──► deleting ──► gone
                  │ work        │ work                      │ work
               server starts   first copy               server stops
"""

import datetime
import secrets
import string
import sys
import threading
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable

UTC = datetime.UTC
FOREVER = datetime.datetime(9999, 1, 1)


def now():
    """The time as AWS tells it: to the millisecond, without a zone, in UTC."""
    moment = datetime.datetime.now(UTC).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def identity(prefix):
    """What AWS gives a resource as its own, whatever its name becomes."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26))


@dataclass
class Step:
    status: str
    seconds: float
    work: Callable[[], Any] | None = None
    effect: Callable[[Any], None] | None = None


@dataclass(eq=False)
class Resource:
    """A DB instance, a cluster, or a snapshot of one."""

    kind: str
    account: str
    region: str
    id: str
    attrs: dict
    tags: dict = field(default_factory=dict)
    status: str = "available"
    steps: deque = field(default_factory=deque)
    # The running server (instance, cluster), the copied data (snapshot), and the secrets nobody sees.
    database: Any = None
    image: Any = None
    shared: list = field(default_factory=list)
    password: str | None = None
    hydration: tuple | None = None
    entered: float = 0.0
    pending: Any = None

    @property
    def arn(self):
        return f"arn:aws:rds:{self.region}:{self.account}:{self.kind}:{self.id}"

    def busy(self):
        return bool(self.steps)


class State:
    """All accounts and regions."""

    def __init__(self, times, quotas, servers, data):
        self.times, self.quotas, self.servers, self.data = times, quotas, servers, data
        self.lock = threading.RLock()
        self.resources = {}
        # Automated backups by the identity of what they are of: restore windows, and the copies taken.
        self.backups = {}
        # Attributes that restored instances get whatever was asked: a cloud that lies.
        self.overrides = {}
        # Judges the token of a database user: (resource, user, token) -> what is wrong with it.
        self.judge = None
        self.pool = ThreadPoolExecutor(max_workers=3, thread_name_prefix="work")
        self._moving = []
        self._counted = 0
        threading.Thread(target=self._tick, name="clock", daemon=True).start()

    # Looking up ------------------------------------------------------------------------------------------------

    def of(self, kind, account, region):
        """All of a kind in a region of an account, by name."""
        return self.resources.setdefault((kind, account, region), {})

    def find(self, kind, account, region, id):
        return self.of(kind, account, region).get(id.lower())

    def add(self, resource):
        self.of(resource.kind, resource.account, resource.region)[resource.id.lower()] = resource
        return resource

    def discard(self, resource):
        self.of(resource.kind, resource.account, resource.region).pop(resource.id.lower(), None)

    def by_arn(self, arn):
        part = arn.split(":", 6)
        if len(part) != 7 or part[2] != "rds":
            return None
        return self.find(part[5], part[4], part[3], part[6])

    def every(self):
        return [one for group in self.resources.values() for one in group.values()]

    def count(self):
        """Which one of all resources this is."""
        self._counted += 1
        return self._counted

    def hydration(self, resource):
        """When the initialisation of restored storage began, and how long it takes."""
        seconds = self.seconds(resource.kind, "initializing")
        return (time.monotonic(), seconds) if seconds else None

    def tokens(self, resource):
        """Opens the door for tokens, where the resource has IAM authentication."""
        if resource.attrs.get("IAMDatabaseAuthenticationEnabled") and resource.database:
            resource.database.take_tokens(lambda user, token: self.judge(resource, user, token))

    # Going on --------------------------------------------------------------------------------------------------

    def seconds(self, kind, status):
        for key in (f"{kind}:{status}", status, "default"):
            if key in self.times:
                return float(self.times[key])
        return 0.3

    def step(self, resource, status, work=None, effect=None, name=None):
        return Step(status, self.seconds(resource.kind, name or status), work, effect)

    def go(self, resource, *steps):
        """Sends a resource through those steps. It is `available` after the last, unless that removed it."""
        resource.steps = deque(steps)
        if resource not in self._moving:
            self._moving.append(resource)
        self._enter(resource)

    def then(self, resource, *steps):
        """As `go`, but after what was asked before and has not begun yet."""
        if resource.steps and resource.steps[0].status == "available":
            resource.steps.extend(step for step in steps if step.status != "available")
        else:
            self.go(resource, *steps)

    def _enter(self, resource):
        step = resource.steps[0]
        resource.status, resource.entered = step.status, time.monotonic()
        resource.pending = self.pool.submit(step.work) if step.work else None

    def settle(self):
        """Lets every step whose time is over come to its end."""
        with self.lock:
            for resource in list(self._moving):
                while resource.steps and self._over(resource):
                    step = resource.steps[0]
                    try:
                        result = resource.pending.result() if resource.pending else None
                        if step.effect:
                            step.effect(result)
                    except Exception:
                        print(f"{resource.arn}: {step.status} failed:\n{traceback.format_exc()}", file=sys.stderr)
                        resource.steps.clear()
                        resource.status = "failed"
                        break
                    resource.steps.popleft()
                    if resource.steps:
                        self._enter(resource)
                    else:
                        resource.status = "available"
                if not resource.steps:
                    self._moving.remove(resource)

    def _over(self, resource):
        step = resource.steps[0]
        return time.monotonic() >= resource.entered + step.seconds and (
            resource.pending is None or resource.pending.done()
        )

    def progress(self, resource):
        """How much of the current step is over, in percent; 100 when there is none."""
        if not resource.steps:
            return 100
        step = resource.steps[0]
        part = (time.monotonic() - resource.entered) / step.seconds if step.seconds else 0.99
        return int(min(99, part * 100))

    def _tick(self):
        while True:
            time.sleep(0.05)
            self.settle()

    # Quotas ----------------------------------------------------------------------------------------------------

    def used(self, quota, account, region):
        if quota == "instances":
            return len(self.of("db", account, region))
        if quota == "clusters":
            return len(self.of("cluster", account, region))
        kind = {"manual-snapshots": "snapshot", "manual-cluster-snapshots": "cluster-snapshot"}[quota]
        return sum(one.attrs["SnapshotType"] == "manual" for one in self.of(kind, account, region).values())


@dataclass(eq=False)
class Backup:
    """The automated backups of an instance or cluster: what a point in time is restored from."""

    kind: str
    account: str
    region: str
    id: str
    attrs: dict
    arn: str
    # (time, image), oldest first.
    points: list = field(default_factory=list)
    retained: bool = False
    replicates: str | None = None

    def earliest(self):
        return self.points[0][0] if self.points else None

    def latest(self):
        return self.points[-1][0] if self.points else None

    def at(self, moment):
        """The newest copy that is not younger than that."""
        return max((point for point in self.points if point[0] <= moment), key=lambda point: point[0], default=None)
