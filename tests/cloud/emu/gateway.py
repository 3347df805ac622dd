"""Every call passes here, on its way to moto and back.

    client ──► read ──► faults ──► who may ──► moto ──► check the answer ──► record ──► client
                          │ cut, slow, error    │ operation that is missing: 501 in the protocol's own format
"""

import datetime
import re
import socket
import threading
import time

from . import conform, faults, wire
from .wire import Problem


# Services whose operations are all in their model.
CHECKED = ("rds", "sts", "kms", "secretsmanager", "tagging")


class Calls:
    """The record of what was called."""

    def __init__(self):
        self._lock = threading.Lock()
        self.calls, self.violations, self._count = [], [], 0

    def add(self, entry):
        with self._lock:
            self._count += 1
            self.calls.append({"number": self._count} | entry)

    def violate(self, entry):
        with self._lock:
            self.violations.append(entry)

    def clear(self):
        with self._lock:
            self.calls, self.violations = [], []

    def copy(self, which):
        with self._lock:
            return list(getattr(self, which))


class Gateway:
    def __init__(self, app, control, calls, rules, guard, known):
        self.app, self.control, self.calls, self.rules, self.guard, self.known = app, control, calls, rules, guard, known

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_firedrill/"):
            return self.control(environ, start_response)
        if path.startswith("/moto-api"):
            return self.app(environ, start_response)
        begun = time.monotonic()
        call = wire.read(environ)
        account = self.guard.account(call)
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"), "service": call.service,
            "operation": call.operation, "account": account, "region": call.region, "access_key": call.access_key,
            "parameters": wire.blanked(call.params), "fault": None, "status": None, "error": None, "request_id": None,
        }
        refused, noted = conform.request(call)
        self.note(entry, "request", refused + noted)
        rule = self.rules.strike(call, account)
        if rule:
            entry["fault"] = rule.kind
            if rule.kind == "slow":
                time.sleep(rule.ms / 1000)
            elif rule.kind == "hold_before":
                self.rules.hold(entry, rule.ms)
            elif rule.kind == "cut_before":
                return self.cut(environ, start_response, entry, begun)
            elif rule.kind not in ("cut_after", "hold_after"):
                return self.send(start_response, entry, begun, *faults.problem(rule, call).answer(call))
        status, headers, body = self.serve(environ, call, account, refused)
        self.note(entry, "response", conform.response(call, status, body))
        if rule and rule.kind == "hold_after":
            finish(entry, begun, status, headers, body)
            self.rules.hold(entry, rule.ms)
        if rule and rule.kind == "cut_after":
            finish(entry, begun, status, headers, body)
            return self.cut(environ, start_response, entry, begun)
        return self.send(start_response, entry, begun, status, headers, body)

    def serve(self, environ, call, account, refused):
        problem = self.guard.refuse(call, account)
        if problem is None and refused:
            json_like = call.protocol == "json"
            problem = Problem("ValidationException" if json_like else "ValidationError", "; ".join(refused))
        if problem is None and call.service in CHECKED and call.shape() is None:
            problem = Problem("InvalidAction", f"The action {call.operation} is not valid for this web service.")
        if problem:
            return problem.answer(call)
        if call.service == "rds" and not self.known(call.operation):
            return missing(call).answer(call)
        answered = {}

        def start(status, headers, exc_info=None):
            answered["status"], answered["headers"] = int(status.split(" ", 1)[0]), list(headers)

        try:
            body = b"".join(self.app(environ, start))
        except NotImplementedError:
            return missing(call).answer(call)
        except Exception as error:
            print(f"{call.service} {call.operation}: {error!r}", flush=True, file=environ["wsgi.errors"])
            return Problem("InternalFailure", f"{type(error).__name__} in the emulator: {error}", 500).answer(call)
        status = answered["status"]
        html = any(name.lower() == "content-type" and "html" in value for name, value in answered["headers"])
        if status >= 400 and (html and b"<Error" not in body and not body.lstrip().startswith(b"{")):
            # What moto says to people who look at it in a browser.
            return missing(call).answer(call)
        id = wire.request_id()
        dropped = ("content-length", "connection", "x-amzn-requestid")
        headers = [(name, value) for name, value in answered["headers"] if name.lower() not in dropped]
        body = re.sub(rb"<(RequestId|requestId|RequestID)>[^<]*<", rb"<\1>" + id.encode() + b"<", body)
        return status, [*headers, ("x-amzn-RequestId", id)], body

    def send(self, start_response, entry, begun, status, headers, body):
        finish(entry, begun, status, headers, body)
        self.calls.add(entry)
        start_response(f"{status} {'OK' if status < 300 else 'Error'}", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def cut(self, environ, start_response, entry, begun):
        """Ends the connection without an answer."""
        entry["ms"] = round((time.monotonic() - begun) * 1000)
        self.calls.add(entry)
        try:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        raise ConnectionAbortedError("the connection is cut, as a test asked")

    def note(self, entry, what, wrong):
        if wrong:
            self.calls.violate({
                "time": entry["time"], "service": entry["service"], "operation": entry["operation"], "in": what,
                "wrong": wrong, "parameters": entry["parameters"]})


def finish(entry, begun, status, headers, body):
    entry["status"] = status
    entry["ms"] = round((time.monotonic() - begun) * 1000)
    entry["request_id"] = next((value for name, value in headers if name.lower() == "x-amzn-requestid"), None)
    if status >= 300:
        found = re.search(rb'<Code>([^<]+)</Code>|"__type": ?"(?:[^"]*#)?([^"#]+)"', body)
        entry["error"] = (found.group(1) or found.group(2)).decode() if found else None


def missing(call):
    return Problem("NotImplemented", f"This emulator has no {call.operation} of {call.service}.", 501)
