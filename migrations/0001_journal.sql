-- The journal of firedrill. src/journal/mod.rs explains the tables and how the chain of events is verified.
-- What is evidence is only ever added to: triggers refuse to change or delete it, `INSERT OR REPLACE` included.

-- Which firedrill brought the schema to which version: a message for an older firedrill that meets a newer file.
CREATE TABLE builds (
    schema    INTEGER PRIMARY KEY,
    firedrill TEXT NOT NULL
) STRICT;

-- The texts of the playbooks that were run, by their SHA-256.
CREATE TABLE playbooks (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    text   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who a run is. `run` is a UUIDv7 in lower case with hyphens.
CREATE TABLE runs (
    run         TEXT    NOT NULL PRIMARY KEY CHECK (length(run) = 36),
    playbook    TEXT    NOT NULL,
    digest      BLOB    NOT NULL REFERENCES playbooks (digest),
    folder      TEXT    NOT NULL,
    declared_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_digest ON runs (digest, declared_ms);

-- What happened: the only truth about a run.
CREATE TABLE events (
    run    TEXT    NOT NULL REFERENCES runs (run),
    seq    INTEGER NOT NULL CHECK (seq >= 1),
    at_ms  INTEGER NOT NULL,
    type   TEXT    GENERATED ALWAYS AS (json_extract(body, '$.type')) VIRTUAL,
    body   TEXT    NOT NULL CHECK (json_valid(body)),
    prev   BLOB    NOT NULL CHECK (length(prev) = 32),
    digest BLOB    NOT NULL CHECK (length(digest) = 32),
    fence  INTEGER NOT NULL CHECK (fence >= 1),
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- Who may write to a run. A token that has grown is never taken back.
CREATE TABLE leases (
    run        TEXT    NOT NULL PRIMARY KEY REFERENCES runs (run),
    holder     TEXT,
    token      INTEGER NOT NULL CHECK (token >= 1),
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_holder ON leases (holder) WHERE holder IS NOT NULL;

-- What people asked of a run that another process may be driving.
CREATE TABLE requests (
    run    TEXT    NOT NULL REFERENCES runs (run),
    number INTEGER NOT NULL CHECK (number >= 1),
    by     TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL,
    ask    TEXT    NOT NULL CHECK (json_valid(ask)),
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- Fingerprints taken on a source. The newest of a check and recovery point counts; the others stay.
CREATE TABLE baselines (
    id            INTEGER PRIMARY KEY,
    playbook      TEXT    NOT NULL,
    step          TEXT    NOT NULL,
    check_name    TEXT    NOT NULL,
    point         TEXT    NOT NULL,
    point_time_ms INTEGER NOT NULL,
    taken_ms      INTEGER NOT NULL,
    source        TEXT    NOT NULL,
    by            TEXT    NOT NULL,
    tables        INTEGER NOT NULL,
    rows          INTEGER NOT NULL,
    body          TEXT    NOT NULL CHECK (json_valid(body)),
    digest        BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX baselines_by_key ON baselines (playbook, step, check_name, point, id);

-- A projection of events, for listings. It can be rebuilt.
CREATE TABLE run_summaries (
    run         TEXT    NOT NULL PRIMARY KEY REFERENCES runs (run),
    playbook    TEXT    NOT NULL,
    trigger     TEXT    NOT NULL,
    by          TEXT    NOT NULL,
    declared_ms INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    waiting     TEXT    NOT NULL,
    finished_ms INTEGER,
    verdict     TEXT,
    leaked      INTEGER,
    entries     INTEGER NOT NULL,
    head        BLOB    NOT NULL CHECK (length(head) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_summaries_by_time ON run_summaries (declared_ms, run);
CREATE INDEX run_summaries_by_playbook ON run_summaries (playbook, declared_ms, run);
CREATE INDEX run_summaries_unfinished ON run_summaries (declared_ms, run) WHERE finished_ms IS NULL;

-- Events: appended in order, chained, by the holder of the lease; never changed.
CREATE TRIGGER events_in_order BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'an event is appended after the last one, nowhere else'); END;
CREATE TRIGGER events_chained BEFORE INSERT ON events
WHEN NEW.prev <> coalesce((SELECT digest FROM events WHERE run = NEW.run AND seq = NEW.seq - 1), zeroblob(32))
BEGIN SELECT RAISE(ABORT, 'an event names the digest of the one before it'); END;
CREATE TRIGGER events_fenced BEFORE INSERT ON events
WHEN NEW.fence IS NOT (SELECT token FROM leases WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'an event is appended with the token of the lease'); END;
CREATE TRIGGER events_not_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_not_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

-- Playbooks: a text that is there stays, and is not stored twice.
CREATE TRIGGER playbooks_once BEFORE INSERT ON playbooks
WHEN EXISTS (SELECT 1 FROM playbooks WHERE digest = NEW.digest)
BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER playbooks_not_changed BEFORE UPDATE ON playbooks
BEGIN SELECT RAISE(ABORT, 'playbooks are never changed'); END;
CREATE TRIGGER playbooks_not_deleted BEFORE DELETE ON playbooks
BEGIN SELECT RAISE(ABORT, 'playbooks are never deleted'); END;

CREATE TRIGGER runs_once BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'a run is declared once'); END;
CREATE TRIGGER runs_not_changed BEFORE UPDATE ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never changed'); END;
CREATE TRIGGER runs_not_deleted BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;

CREATE TRIGGER requests_in_order BEFORE INSERT ON requests
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM requests WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'a request is appended after the last one, nowhere else'); END;
CREATE TRIGGER requests_not_changed BEFORE UPDATE ON requests
BEGIN SELECT RAISE(ABORT, 'requests are never changed'); END;
CREATE TRIGGER requests_not_deleted BEFORE DELETE ON requests
BEGIN SELECT RAISE(ABORT, 'requests are never deleted'); END;

CREATE TRIGGER baselines_once BEFORE INSERT ON baselines
WHEN EXISTS (SELECT 1 FROM baselines WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a baseline is added, never replaced'); END;
CREATE TRIGGER baselines_not_changed BEFORE UPDATE ON baselines
BEGIN SELECT RAISE(ABORT, 'baselines are never changed'); END;
CREATE TRIGGER baselines_not_deleted BEFORE DELETE ON baselines
BEGIN SELECT RAISE(ABORT, 'baselines are never deleted'); END;

CREATE TRIGGER leases_once BEFORE INSERT ON leases
WHEN EXISTS (SELECT 1 FROM leases WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'a run has one lease'); END;
CREATE TRIGGER leases_only_grow BEFORE UPDATE ON leases
WHEN NEW.token < OLD.token OR NEW.run <> OLD.run
BEGIN SELECT RAISE(ABORT, 'the token of a lease only grows'); END;
CREATE TRIGGER leases_not_deleted BEFORE DELETE ON leases
BEGIN SELECT RAISE(ABORT, 'leases are never deleted'); END;
