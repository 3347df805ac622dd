//! Adapters that restore and remove: one source a file.
