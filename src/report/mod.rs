//! What people read: one format a file.
