//! The demonstration database of the quick start, and its backups.
