//! The catalog of MySQL 8 and later and of MariaDB 10.6 and later.

pub(super) mod integrity;
pub(super) mod references;
pub(super) mod schema;
pub(super) mod sequences;

mod normal;

use super::text;
use crate::{
    drill::{Fault, FaultClass},
    server::Ask,
};

/// What is looked at.
struct Place {
    database: String,
    mariadb: bool,
}

/// Pins what the answers depend on, for the rest of the session, and finds out where it is.
async fn place(ask: &mut dyn Ask) -> Result<Place, Fault> {
    let rows = ask.rows("select cast(version() as char), cast(database() as char)", &[]).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    let mariadb = text(&row, 0).contains("MariaDB");
    let Some(database) = row.into_iter().nth(1).flatten() else {
        return Err(Fault::new(FaultClass::Permanent, "no database is chosen on this server: name one"));
    };
    ask.run("set time_zone = '+00:00', sql_mode = 'NO_BACKSLASH_ESCAPES', sql_quote_show_create = 1, sql_big_selects = 1, sql_select_limit = default")
        .await?;
    if !mariadb {
        // What information_schema tells of a table may else be a day old.
        ask.run("set information_schema_stats_expiry = 0").await?;
    }
    Ok(Place { database, mariadb })
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A name as it is shown: quoted only where it must be.
fn shown(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'));
    if plain { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!((shown("orders"), shown("a.b")), ("orders".into(), "`a.b`".into()));
        assert_eq!(quoted("a`; drop"), "`a``; drop`");
    }
}
