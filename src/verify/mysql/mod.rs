//! MySQL 8 to 9 and MariaDB 10.6 to 11: read-only sessions whose rows are hashed in the database.
//!
//! | | restored | live |
//! | --- | --- | --- |
//! | seen | one moment: all connections begin while the tables are locked against writers, for an instant | one moment: one consistent snapshot, nothing is locked |
//! | connections | 4 | 1 |
//!
//! Tables whose engine keeps no old versions of rows (MyISAM, Aria, MEMORY) are read as they are when they are read.
//!
//! Pinned for the session: SQL mode, time zone, `sql_auto_is_null`, `sql_select_limit`, character sets and what else would change
//! an answer; a read-only transaction, repeatable read. A dropped session ends its connections' statements.
//!
//! A table is cut by ranges of its key, and each connection takes the next range when it is done with one.

mod columns;
mod cut;
pub(in crate::verify) mod grants;
mod pins;
mod scan;
mod schema;
mod session;
mod sums;
mod values;
mod work;

pub(super) use session::MysqlSession;
