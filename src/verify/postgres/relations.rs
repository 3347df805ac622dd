//! What a PostgreSQL database holds, as its catalog tells.

use super::columns::{Class, Column, class, quoted, unstable};
use crate::{
    drill::{Fault, FaultClass},
    server::{Ask, postgres::PostgresAsk},
    verify::sql::{Table, TableKind},
};
use std::collections::BTreeMap;

/// A table, view or the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) oid: String,
    pub(super) schema: String,
    pub(super) name: String,
    /// `pg_class.relkind`.
    pub(super) kind: char,
}

impl Relation {
    /// As people write it: without its schema where that is `public`.
    pub(super) fn shown(&self) -> String {
        let plain = |name: &str| if name.contains('.') { quoted(name) } else { name.to_owned() };
        match self.schema.as_str() {
            "public" => plain(&self.name),
            schema => format!("{}.{}", plain(schema), plain(&self.name)),
        }
    }

    /// As SQL takes it. Rows of inheriting tables are theirs; those of partitions are the parent's.
    pub(super) fn sql(&self) -> String {
        let only = if matches!(self.kind, 'r' | 'f') { "only " } else { "" };
        format!("{only}{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    fn table_kind(&self) -> TableKind {
        match self.kind {
            'v' | 'm' => TableKind::View,
            'f' => TableKind::Virtual,
            _ => TableKind::Ordinary,
        }
    }
}

/// Everything with rows that is not the engine's own, an extension's, a partition, or firedrill's marker, by name.
pub(super) async fn relations(ask: &mut PostgresAsk) -> Result<BTreeMap<String, Relation>, Fault> {
    let rows = ask
        .rows(
            "select c.oid::text, n.nspname::text, c.relname::text, c.relkind::text \
             from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition \
             and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relpersistence <> 't' \
             and c.relname <> '_firedrill' \
             and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               and d.objid = c.oid and d.deptype = 'e') \
             order by 2, 3",
            &[],
        )
        .await?;
    let relation = |row: Vec<Option<String>>| {
        let [oid, schema, name, kind] = <[Option<String>; 4]>::try_from(row).ok()?;
        let kind = kind?.chars().next()?;
        let relation = Relation { oid: oid?, schema: schema?, name: name?, kind };
        Some((relation.shown(), relation))
    };
    Ok(rows.into_iter().filter_map(relation).collect())
}

/// The same as the checks see them.
pub(super) fn tables(relations: &BTreeMap<String, Relation>) -> Vec<Table> {
    let table = |(name, relation): (&String, &Relation)| Table {
        name: name.clone(),
        kind: relation.table_kind(),
        numbered: relation.kind == 'r',
    };
    relations.iter().map(table).collect()
}

/// Columns in order, and the key: the primary key, else a unique index on columns that are never NULL.
pub(super) async fn describe(
    ask: &mut PostgresAsk,
    relation: &Relation,
    encoding: &str,
) -> Result<(Vec<Column>, Vec<String>), Fault> {
    let rows = ask
        .rows(
            "with recursive base as ( \
               select a.attnum, t.oid, t.typtype, t.typbasetype from pg_catalog.pg_attribute a \
               join pg_catalog.pg_type t on t.oid = a.atttypid where a.attrelid = $1::text::oid and a.attnum > 0 and not a.attisdropped \
               union all \
               select b.attnum, t.oid, t.typtype, t.typbasetype from base b join pg_catalog.pg_type t on t.oid = b.typbasetype \
               where b.typtype = 'd') \
             select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), n.nspname::text, t.typname::text, \
               (a.attnotnull and $2::text <> 'f' and not exists (select from pg_catalog.pg_constraint k where k.conrelid = a.attrelid \
                 and k.contype = 'n' and not k.convalidated and a.attnum = any(k.conkey)))::text \
             from pg_catalog.pg_attribute a join base b on b.attnum = a.attnum and b.typtype <> 'd' \
             join pg_catalog.pg_type t on t.oid = b.oid join pg_catalog.pg_namespace n on n.oid = t.typnamespace \
             where a.attrelid = $1::text::oid order by a.attnum",
            &[&relation.oid, &relation.kind.to_string()],
        )
        .await?;
    let mut columns = Vec::new();
    for row in rows {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (name, declared, schema, base, not_null) = (next(), next(), next(), next(), next());
        columns.push(column(name, declared, &schema, &base, not_null == "true", encoding)?);
    }
    let key = ask
        .rows(
            "select a.attname::text from (select i.indrelid, i.indkey, i.indnkeyatts from pg_catalog.pg_index i \
               where i.indrelid = $1::text::oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null \
               and not exists (select from pg_catalog.pg_attribute a where a.attrelid = i.indrelid \
                 and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]) and not a.attnotnull) \
               order by i.indisprimary desc, i.indnkeyatts, i.indexrelid limit 1) i \
             cross join lateral unnest(i.indkey::int2[]) with ordinality u(attnum, place) \
             join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum \
             where u.place <= i.indnkeyatts order by u.place",
            &[&relation.oid],
        )
        .await?;
    Ok((columns, key.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()))
}

/// The columns of a query: names, with the ids and modifiers of their types.
pub(super) async fn describe_types(
    ask: &mut PostgresAsk,
    columns: &[(String, u32)],
    encoding: &str,
) -> Result<Vec<Column>, Fault> {
    let mut described = Vec::new();
    for (name, oid) in columns {
        let rows = ask
            .rows(
                "with recursive base as (select oid, typtype, typbasetype from pg_catalog.pg_type where oid = $1::text::oid \
                 union all select t.oid, t.typtype, t.typbasetype from base b join pg_catalog.pg_type t on t.oid = b.typbasetype \
                 where b.typtype = 'd') \
                 select pg_catalog.format_type($1::text::oid, null), n.nspname::text, t.typname::text from base b \
                 join pg_catalog.pg_type t on t.oid = b.oid join pg_catalog.pg_namespace n on n.oid = t.typnamespace \
                 where b.typtype <> 'd'",
                &[&oid.to_string()],
            )
            .await?;
        let mut row = rows.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (declared, schema, base) = (next(), next(), next());
        described.push(column(name.clone(), declared, &schema, &base, false, encoding)?);
    }
    Ok(described)
}

fn column(
    name: String,
    declared: String,
    schema: &str,
    base: &str,
    not_null: bool,
    encoding: &str,
) -> Result<Column, Fault> {
    if let Some(why) = unstable(schema, base) {
        return Err(Fault::new(
            FaultClass::Permanent,
            format!(
                "column {name} is of type {declared}, which has no stable form ({why}): leave it out with `exclude`"
            ),
        ));
    }
    let class = class(schema, base);
    // Texts are hashed as the server stores them: another encoding, other bytes.
    let declared = match class {
        Class::Text | Class::Plain | Class::Output if encoding != "UTF8" => {
            format!("{declared} in {encoding}")
        }
        _ => declared,
    };
    Ok(Column { name, declared, class, not_null })
}

/// The tables that hold the rows: itself, or the leaves of a partitioned one; each with its size in blocks.
pub(super) async fn leaves(
    ask: &mut PostgresAsk,
    relation: &Relation,
) -> Result<Vec<(Relation, u64)>, Fault> {
    let rows = ask
        .rows(
            "select c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, \
             (case when c.relkind in ('r', 'm') then pg_catalog.pg_relation_size(c.oid) \
               / pg_catalog.current_setting('block_size')::int8 else 0 end)::text \
             from (select relid from pg_catalog.pg_partition_tree($1::text::oid::pg_catalog.regclass) where isleaf \
               union select $1::text::oid::pg_catalog.regclass where not exists \
               (select from pg_catalog.pg_partition_tree($1::text::oid::pg_catalog.regclass))) l \
             join pg_catalog.pg_class c on c.oid = l.relid join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where c.relkind <> 'p' order by c.oid",
            &[&relation.oid],
        )
        .await?;
    let leaf = |row: Vec<Option<String>>| {
        let [oid, schema, name, kind, blocks] = <[Option<String>; 5]>::try_from(row).ok()?;
        let relation = Relation { oid: oid?, schema: schema?, name: name?, kind: kind?.chars().next()? };
        Some((relation, blocks?.parse().ok()?))
    };
    let leaves: Vec<(Relation, u64)> = rows.into_iter().filter_map(leaf).collect();
    if let Some((foreign, _)) = leaves.iter().find(|(leaf, _)| leaf.kind == 'f' && relation.kind == 'p') {
        return Err(Fault::new(
            FaultClass::Refused,
            format!(
                "{} has a partition, {}, that is a foreign table: reading it would reach another server; name the other \
                 partitions in a `query` instead",
                relation.shown(),
                foreign.shown()
            ),
        ));
    }
    Ok(leaves)
}

/// About how many rows, from the statistics.
pub(super) async fn estimate(ask: &mut PostgresAsk, relation: &Relation) -> Result<Option<u64>, Fault> {
    let sum = ask
        .value(
            "select sum(greatest(c.reltuples, 0))::int8::text from pg_catalog.pg_class c where c.reltuples > 0 and (c.oid = $1::text::oid \
             or c.oid in (select relid from pg_catalog.pg_partition_tree($1::text::oid::pg_catalog.regclass) where isleaf))",
            &[&relation.oid],
        )
        .await?;
    Ok(sum.and_then(|sum| sum.parse().ok()))
}

/// What has no rows of a table's own, or none that a backup is sure to hold.
pub(super) async fn uncovered(ask: &mut PostgresAsk) -> Result<Vec<String>, Fault> {
    let rows = ask
        .rows(
            "select 'large objects', count(*)::text, null from pg_catalog.pg_largeobject_metadata union all \
             select 'unlogged', count(*)::text, string_agg(c.oid::pg_catalog.regclass::text, ', ' order by c.oid) from pg_catalog.pg_class c \
             where c.relkind = 'r' and c.relpersistence = 'u' union all \
             select 'materialized views', count(*)::text, string_agg(c.oid::pg_catalog.regclass::text, ', ' order by c.oid) \
             from pg_catalog.pg_class c where c.relkind = 'm' union all \
             select 'tables of extensions', count(*)::text, string_agg(c.oid::pg_catalog.regclass::text, ', ' order by c.oid) \
             from pg_catalog.pg_class c join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               and d.objid = c.oid and d.deptype = 'e' where c.relkind in ('r', 'p')",
            &[],
        )
        .await?;
    let mut words = Vec::new();
    for row in rows {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (what, count, names) =
            (row.next().unwrap_or_default(), row.next().unwrap_or_default(), row.next().unwrap_or_default());
        match (what.as_str(), count.as_str()) {
            (_, "0") => {}
            ("unlogged", _) => words.push(format!(
                "unlogged tables ({names}) are empty after a crash, a failover and a restore of a snapshot: their rows are \
                 compared as any others"
            )),
            (what, count) if names.is_empty() => {
                words.push(format!("not covered: {count} {what}, whose content is in no table"));
            }
            (what, _) => words.push(format!("not covered: {what} ({names})")),
        }
    }
    Ok(words)
}
