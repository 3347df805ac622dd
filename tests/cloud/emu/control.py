"""The control endpoints under /_firedrill/, for tests."""

import datetime
import json

from .rds import backups, show
from .rds.state import now
from .wire import blanked


class Control:
    def __init__(self, state, calls, rules, guard, info):
        self.state, self.calls, self.rules, self.guard, self.info = state, calls, rules, guard, info

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/_firedrill/")
        status = 200
        try:
            sent = json.loads(environ["wsgi.input"].read(length) or b"null")
            handler = getattr(self, f"{method.lower()}_{path.replace('-', '_')}", None)
            if handler is None:
                status, answer = 404, {"error": f"no {method} {path}"}
            else:
                answer = handler(sent)
        except (ValueError, KeyError, TypeError, LookupError, RuntimeError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        body = json.dumps(answer, default=str).encode() + b"\n"
        start_response(f"{status} -", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def get_info(self, _):
        return self.info

    # What was called --------------------------------------------------------------------------------------------

    def get_calls(self, sent):
        return of_account(self.calls.copy("calls"), sent)

    def delete_calls(self, _):
        self.calls.clear()
        return {}

    def get_violations(self, _):
        return self.calls.copy("violations")

    # Faults -----------------------------------------------------------------------------------------------------

    def get_faults(self, _):
        return self.rules.shown()

    def post_faults(self, sent):
        """A list replaces all rules; with an `account` beside `rules`, those of that account."""
        one = isinstance(sent, dict)
        self.rules.set(sent["rules"] if one else sent or [], sent["account"] if one else None)
        return self.rules.shown()

    def delete_faults(self, _):
        self.rules.set([])
        return []

    def get_held(self, sent):
        return of_account(list(self.rules.held), sent)

    def post_release(self, sent):
        return self.rules.release((sent or {}).get("account"))

    # Settings ---------------------------------------------------------------------------------------------------

    def get_times(self, _):
        return self.state.times

    def post_times(self, times):
        self.state.times.update({key: float(value) for key, value in times.items()})
        return self.state.times

    def get_quotas(self, _):
        return self.state.quotas

    def post_quotas(self, quotas):
        if set(quotas) - set(self.state.quotas):
            raise ValueError(f"quotas are {', '.join(self.state.quotas)}")
        self.state.quotas.update({key: int(value) for key, value in quotas.items()})
        return self.state.quotas

    def post_overrides(self, attributes):
        """What every instance restored from now on is like, whatever is asked; {} ends that."""
        self.state.overrides = dict(attributes)
        return self.state.overrides

    def post_iam(self, sent):
        self.guard.enforced = bool(sent["enforce"])
        return {"enforce": self.guard.enforced}

    def post_expire(self, sent):
        """The session of that access key is over."""
        self.guard.expired.add(sent["access_key_id"])
        return {"expired": sorted(self.guard.expired)}

    def post_session(self, sent):
        """How long the sessions last that are begun from now on; null for as long as was asked."""
        self.guard.session_seconds = sent["seconds"]
        return {"seconds": self.guard.session_seconds}

    # Data -------------------------------------------------------------------------------------------------------

    def source(self, sent):
        """The instance or cluster that is meant: by ARN, or by name with region and account."""
        with self.state.lock:
            for kind, key in (("db", "instance"), ("cluster", "cluster")):
                if key in sent:
                    found = self.pick(kind, sent[key], sent)
                    # An Aurora instance has no data of its own.
                    return (show.cluster_of(self.state, found) if kind == "db" else None) or found
        raise ValueError("which `instance` or `cluster`?")

    def pick(self, kind, id, sent):
        with self.state.lock:
            if id.startswith("arn:"):
                found = [one for one in [self.state.by_arn(id)] if one]
            else:
                found = [one for one in self.state.every() if one.kind == kind and one.id == id.lower()
                         and sent.get("region", one.region) == one.region
                         and sent.get("account", one.account) == one.account]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources are {kind} {id}")
        return found[0]

    def post_checkpoint(self, sent):
        """A copy of the data as they are now, which a point in time can be restored to."""
        source = self.source(sent)
        moment = backups.checkpoint(self.state, source)
        if moment is None:
            raise ValueError(f"{source.id} has no automated backups: its retention is 0")
        return {"time": moment.isoformat(timespec="milliseconds") + "Z"}

    def post_snapshot(self, sent):
        """A snapshot that RDS or AWS Backup takes by itself: of type `automated` or `awsbackup`, and of any age."""
        source = self.source(sent)
        kind = sent.get("type", "automated")
        if kind not in ("automated", "awsbackup"):
            raise ValueError("type is automated or awsbackup")
        created = moment_of(sent["created"]) if "created" in sent else None
        moment = now()
        image = source.database.snapshot() if source.database else None
        with self.state.lock:
            one = backups.automated(self.state, source, moment, image, sent.get("id"), kind, created)
            one.tags.update(sent.get("tags") or {})
        return {"id": one.id, "arn": one.arn, "created": one.attrs["SnapshotCreateTime"].isoformat() + "Z"}

    def post_tamper(self, sent):
        """Runs SQL in a snapshot's data, without a trace in the snapshot itself."""
        kind, key = ("snapshot", "snapshot") if "snapshot" in sent else ("cluster-snapshot", "cluster_snapshot")
        one = self.pick(kind, sent[key], sent)
        if one.image is None:
            raise LookupError(f"{one.id} has no data")
        image = one.image.tampered(sent.get("database"), sent["sql"])
        with self.state.lock:
            old, one.image = one.image, image
        old.release()
        return {}

    def post_sql(self, sent):
        """Runs SQL as the administrator of a running instance, and tells what it printed."""
        source = self.source(sent)
        if source.database is None:
            raise LookupError(f"{source.id} has no server")
        return {"output": source.database.admin(sent["sql"], sent.get("database"))}

    def post_change(self, sent):
        """Changes a resource behind the caller's back: its `tags`, `attributes`, `status`, or the time it was made."""
        one = self.pick(sent["kind"], sent["id"], sent)
        with self.state.lock:
            if "tags" in sent:
                one.tags = dict(sent["tags"])
            for name, value in (sent.get("attributes") or {}).items():
                one.attrs[name] = moment_of(value) if name.endswith("Time") and value else value
            if "status" in sent:
                one.status = sent["status"]
            if "created" in sent:
                of_snapshots = ("SnapshotCreateTime", "OriginalSnapshotCreateTime")
                for name in of_snapshots if one.kind.endswith("snapshot") else ("InstanceCreateTime", "ClusterCreateTime"):
                    if name in one.attrs:
                        one.attrs[name] = moment_of(sent["created"])
        return {"arn": one.arn}

    def get_resources(self, sent):
        """All there is, in every account and region; or in one account."""
        with self.state.lock:
            self.state.settle()
            return [{"arn": one.arn, "kind": one.kind, "id": one.id, "account": one.account, "region": one.region,
                     "status": one.status, "tags": one.tags, "port": one.database.port if one.database else None,
                     "attributes": blanked({key: value for key, value in one.attrs.items() if not key.startswith("_")})}
                    for one in self.state.every() if (sent or {}).get("account", one.account) == one.account]


def of_account(calls, sent):
    """All, or those of the account that is named."""
    account = (sent or {}).get("account")
    return [one for one in calls if account in (None, one["account"])]


def moment_of(text):
    moment = datetime.datetime.fromisoformat(text)
    return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment
