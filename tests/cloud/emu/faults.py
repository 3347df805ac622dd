"""Faults that a test asks for: which calls, and what befalls them."""

import threading
from dataclasses import dataclass, field

from .wire import Problem

KINDS = ("throttle", "500", "503", "slow", "cut_before", "cut_after", "hold_before", "hold_after", "access_denied",
         "expired_token", "quota", "wrong_state", "error")
FIELDS = {"service", "operation", "account", "region", "parameters", "mutating", "nth", "count", "kind", "ms", "code",
          "message", "status"}
READING = ("Describe", "List", "Get", "AssumeRole", "Download")


@dataclass
class Rule:
    """Befalls the calls it matches, from the `nth` on, `count` of them; a count of 0 means all."""

    kind: str
    service: str = "*"
    operation: str = "*"
    account: str = "*"
    region: str = "*"
    parameters: dict = field(default_factory=dict)
    # Only calls that change something, or only those that do not.
    mutating: bool | None = None
    nth: int = 1
    count: int = 1
    ms: int = 1000
    code: str | None = None
    message: str | None = None
    status: int | None = None
    seen: int = 0
    struck: int = 0
    # The account whose test made the rule, where one did.
    of: str | None = None

    def matches(self, call, account):
        return (
            self.service in ("*", call.service) and self.operation in ("*", call.operation)
            and self.account in ("*", account) and self.region in ("*", call.region)
            and self.mutating in (None, not (call.operation or "").startswith(READING))
            and all(call.params.get(key) == value for key, value in self.parameters.items())
        )


class Faults:
    def __init__(self):
        self.rules = []
        self.held = []
        self._lock = threading.Lock()
        self._released = threading.Condition()

    def hold(self, entry, ms):
        """Keeps a call waiting until a test lets go of it."""
        with self._released:
            self.held.append(entry)
            self._released.wait_for(lambda: entry not in self.held, ms / 1000)
            if entry in self.held:
                self.held.remove(entry)

    def release(self, account=None):
        """Lets go of all calls that wait, or those of an account, and tells which."""
        with self._released:
            gone = [entry for entry in self.held if account in (None, entry["account"])]
            self.held = [entry for entry in self.held if entry not in gone]
            self._released.notify_all()
        return gone

    def set(self, rules, account=None):
        """Replaces all rules, or those that were made for an account's test; they are for that account if they don't say."""
        made = []
        for rule in rules:
            if set(rule) - FIELDS:
                raise ValueError(f"a rule has no {', '.join(sorted(set(rule) - FIELDS))}")
            if str(rule.get("kind")) not in KINDS:
                raise ValueError(f"kind is one of {', '.join(KINDS)}")
            # Long enough for a test to do what it holds a call for.
            usual = {"ms": 60000} if str(rule["kind"]).startswith("hold") else {}
            mine = {"account": account, "of": account} if account else {}
            made.append(Rule(**{**usual, **mine, **rule, "kind": str(rule["kind"])}))
        with self._lock:
            self.rules = [rule for rule in self.rules if account and rule.of != account] + made

    def strike(self, call, account):
        """The first rule that befalls this call. Every rule that matches counts it."""
        struck = None
        with self._lock:
            for rule in self.rules:
                if not rule.matches(call, account):
                    continue
                rule.seen += 1
                due = rule.seen >= rule.nth and (rule.count == 0 or rule.seen < rule.nth + rule.count)
                if due and struck is None:
                    rule.struck += 1
                    struck = rule
        return struck

    def shown(self):
        with self._lock:
            return [dict(vars(rule)) for rule in self.rules]


def problem(rule, call):
    """The error of a rule, as the service would tell it."""
    json = call.protocol in ("json", "rest-json")
    match rule.kind:
        case "throttle":
            made = Problem("ThrottlingException" if json else "Throttling", "Rate exceeded")
        case "500":
            made = Problem("InternalServerError" if json else "InternalFailure", "An internal error has occurred.", 500)
        case "503":
            made = Problem("ServiceUnavailable", "The service is unavailable. Please try again.", 503)
        case "access_denied":
            made = Problem("AccessDeniedException" if json else "AccessDenied",
                           f"User is not authorized to perform: {call.service}:{call.operation}", 400 if json else 403)
        case "expired_token":
            made = expired(call)
        case "quota":
            made = quota(call.operation or "")
        case "wrong_state":
            made = wrong_state(call.operation or "")
        case _:
            made = Problem("InternalFailure", "An internal error has occurred.", 400)
    return Problem(rule.code or made.code, rule.message or made.message, rule.status or made.status)


def expired(call):
    json = call.protocol in ("json", "rest-json")
    return Problem("ExpiredTokenException" if json else "ExpiredToken",
                   "The security token included in the request is expired", 400 if json else 403)


def quota(operation):
    if "Snapshot" in operation and not operation.startswith("Restore"):
        return Problem("SnapshotQuotaExceeded", "Cannot create more than the quota of manual snapshots.")
    if "Cluster" in operation:
        return Problem("DBClusterQuotaExceededFault", "Cannot create more DB clusters.", 403)
    return Problem("InstanceQuotaExceeded", "Cannot create more than the quota of DB instances.")


def wrong_state(operation):
    if "ClusterSnapshot" in operation:
        return Problem("InvalidDBClusterSnapshotStateFault", "The DB cluster snapshot is in the wrong state.")
    if "Snapshot" in operation:
        return Problem("InvalidDBSnapshotState", "The DB snapshot is in the wrong state.")
    if "Cluster" in operation:
        return Problem("InvalidDBClusterStateFault", "The DB cluster is in the wrong state.")
    return Problem("InvalidDBInstanceState", "The DB instance is in the wrong state.")
