//! What a session makes sure of before it is believed: the server's hash functions, and as whom queries run.

use super::session::PostgresSession;
use crate::{
    drill::{Fault, FaultClass},
    server::{Ask, postgres::PostgresAsk},
};

/// As whom the playbook's own queries run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// As the user, who can't write.
    Reader,
    /// As pg_read_all_data, which can't.
    ReadAll,
    /// As the user, who could.
    Writer,
}

impl PostgresSession {
    /// Makes sure that the hash functions are those that are known.
    pub(super) async fn probe(&mut self) -> Result<(), Fault> {
        if self.probed {
            return Ok(());
        }
        let version = self.version;
        if !(130_000..190_000).contains(&version) {
            tracing::warn!(version, "this version of PostgreSQL was not tried with firedrill");
        }
        let got = self.main()?.value(PROBE, &[]).await?.unwrap_or_default();
        if got != PROBED {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!(
                    "the hash functions of this PostgreSQL ({version}) give other results than those of versions 13 to 18 on \
                     little-endian machines, so its fingerprints could not be compared ({got})"
                ),
            ));
        }
        self.probed = true;
        Ok(())
    }
}

/// Each function that a fingerprint uses, on constants.
const PROBE: &str = "select pg_catalog.concat_ws(' ', \
    pg_catalog.hashtextextended('firedrill' collate \"C\", 1), \
    pg_catalog.hashtextextended('' collate \"C\", -7), \
    pg_catalog.hashint4extended(-3, 81985529216486895), \
    pg_catalog.uuid_hash_extended('0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', 5), \
    pg_catalog.hash_array_extended(array[pg_catalog.numeric_send(-1234567.8900), pg_catalog.float8send('-0'), \
      pg_catalog.timestamptz_send('2026-11-23 09:00:00.000001+00'), null, pg_catalog.interval_send('1 mon 2 days 3.5 sec')], 11), \
    pg_catalog.hashtextextended(('{\"b\": [1.50, null, \"e\"], \"a\": {}}'::jsonb)::text collate \"C\", 3), \
    pg_catalog.hashtextextended((array[1.5, 'NaN', -0.0, 1e-7]::float8[])::text collate \"C\", 3), \
    pg_catalog.hashtextextended((array[['a b', null], ['', '\"']])::text collate \"C\", 3))";
/// What PostgreSQL 13 to 18 answer.
const PROBED: &str = "8953529656456087850 7897695672827216937 8815019864224765693 -2019273770366422841 \
    2617586450415637884 7816466194358094209 -4248109637517593960 6355788099181577841";

/// Whether the user could write, and whether queries can run as someone who can't.
pub(super) async fn role(ask: &mut PostgresAsk, version: u32) -> Result<Role, Fault> {
    let writer = ask
        .value(
            "select (r.rolsuper or pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') or exists ( \
               select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
               where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' \
               and pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')))::text \
             from pg_catalog.pg_roles r where r.rolname = current_user",
            &[],
        )
        .await?;
    if writer.as_deref() == Some("false") {
        return Ok(Role::Reader);
    }
    if version < 140_000 {
        return Ok(Role::Writer);
    }
    let member = ask.value("select pg_catalog.pg_has_role('pg_read_all_data', 'MEMBER')::text", &[]).await?;
    Ok(if member.as_deref() == Some("true") { Role::ReadAll } else { Role::Writer })
}
