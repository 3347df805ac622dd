//! The append-only list of events of each run, in SQLite.
