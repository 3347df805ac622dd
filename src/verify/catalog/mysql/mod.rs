//! The catalog of MySQL 8 and later and of MariaDB 10.6 and later.

pub(super) mod integrity;
pub(super) mod references;
pub(super) mod schema;
pub(super) mod sequences;
