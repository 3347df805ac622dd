-- What sweeps removed: the intent, what came of it, and when it was observed absent. Only ever added to, and chained as the
-- events of a run are; src/journal/deletions.rs tells how. `run` may be one that this journal knows nothing of.
CREATE TABLE deletions (
    seq    INTEGER PRIMARY KEY CHECK (seq >= 1),
    at_ms  INTEGER NOT NULL,
    sweep  TEXT    NOT NULL CHECK (length(sweep) = 36),
    run    TEXT    NOT NULL CHECK (length(run) = 36),
    claim  TEXT    NOT NULL,
    body   TEXT    NOT NULL CHECK (json_valid(body)),
    prev   BLOB    NOT NULL CHECK (length(prev) = 32),
    digest BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TRIGGER deletions_in_order BEFORE INSERT ON deletions
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM deletions)
BEGIN SELECT RAISE(ABORT, 'a deletion is appended after the last one, nowhere else'); END;
CREATE TRIGGER deletions_chained BEFORE INSERT ON deletions
WHEN NEW.prev <> coalesce((SELECT digest FROM deletions WHERE seq = NEW.seq - 1), zeroblob(32))
BEGIN SELECT RAISE(ABORT, 'a deletion names the digest of the one before it'); END;
CREATE TRIGGER deletions_not_changed BEFORE UPDATE ON deletions
BEGIN SELECT RAISE(ABORT, 'deletions are never changed'); END;
CREATE TRIGGER deletions_not_deleted BEFORE DELETE ON deletions
BEGIN SELECT RAISE(ABORT, 'deletions are never deleted'); END;
