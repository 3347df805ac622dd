//! Dumps of PostgreSQL, MySQL and MariaDB.
#![allow(dead_code)]
mod archive;
mod files;
mod format;
mod sql;
