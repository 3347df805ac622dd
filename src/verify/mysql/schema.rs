//! What a MySQL database holds, as its catalog tells.

use super::columns::{Column, Form, literal, quoted};
use crate::{
    drill::{Fault, FaultClass},
    server::{Ask, mysql::MysqlAsk},
    verify::sql::{Table, TableKind},
};
use std::collections::BTreeMap;

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) kind: TableKind,
    /// Whether its engine keeps old versions of rows, so that a snapshot holds.
    pub(super) transactional: bool,
    /// About how many rows, from the statistics.
    pub(super) rows: Option<u64>,
}

/// A table's columns and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) columns: Vec<Column>,
    pub(super) key: Vec<String>,
    /// Whether the key is the primary key.
    pub(super) primary: bool,
}

/// Engines whose rows are elsewhere.
const ELSEWHERE: [&str; 5] = ["FEDERATED", "CONNECT", "SPIDER", "S3", "NDBCLUSTER"];
/// Engines that keep old versions.
const VERSIONED: [&str; 4] = ["INNODB", "ROCKSDB", "TOKUDB", "NDBCLUSTER"];

/// Everything with rows but sequences and firedrill's marker, by name.
pub(super) async fn relations(ask: &mut MysqlAsk) -> Result<BTreeMap<String, Relation>, Fault> {
    let rows = ask
        .rows(
            "select table_name, table_type, upper(engine), cast(table_rows as char) from information_schema.tables \
             where table_schema = database() and table_name <> '_firedrill' and table_type not in ('SEQUENCE', 'TEMPORARY', 'SYSTEM VIEW') \
             order by table_name",
            &[],
        )
        .await?;
    let relation = |row: Vec<Option<String>>| {
        let [name, kind, engine, rows] = <[Option<String>; 4]>::try_from(row).ok()?;
        let engine = engine.unwrap_or_default();
        let kind = match kind.as_deref() {
            Some("VIEW") => TableKind::View,
            _ if ELSEWHERE.contains(&engine.as_str()) => TableKind::Virtual,
            _ => TableKind::Ordinary,
        };
        let relation = Relation {
            kind,
            transactional: VERSIONED.contains(&engine.as_str()),
            rows: rows.and_then(|rows| rows.parse().ok()),
        };
        Some((name?, relation))
    };
    Ok(rows.into_iter().filter_map(relation).collect())
}

/// The same as the checks see them.
pub(super) fn tables(relations: &BTreeMap<String, Relation>) -> Vec<Table> {
    let table = |(name, relation): (&String, &Relation)| Table {
        name: name.clone(),
        kind: relation.kind,
        numbered: false,
    };
    relations.iter().map(table).collect()
}

/// Columns in order, invisible and generated ones too, without the periods of MariaDB's system versioning, which a dump does
/// not carry. The key: the primary key, else the first unique index on whole columns that are never NULL (by which
/// InnoDB orders the rows then).
pub(super) async fn describe(ask: &mut MysqlAsk, table: &str) -> Result<Description, Fault> {
    let name = literal(table);
    let rows = ask
        .rows(
            &format!(
                "select column_name, column_type, data_type, character_set_name, is_nullable, generation_expression \
                 from information_schema.columns where table_schema = database() and table_name = {name} \
                 and cast(table_name as binary) = cast({name} as binary) order by ordinal_position"
            ),
            &[],
        )
        .await?;
    let mut columns = Vec::new();
    for row in rows {
        let Ok([Some(name), Some(column_type), Some(data_type), set, nullable, generated]) =
            <[Option<String>; 6]>::try_from(row)
        else {
            return Err(Fault::new(FaultClass::Permanent, format!("the columns of {table} can't be read")));
        };
        if matches!(generated.as_deref(), Some("ROW START" | "ROW END")) {
            continue;
        }
        let data_type = data_type.to_ascii_lowercase();
        let not_null = nullable.as_deref() == Some("NO");
        let column = Column::new(name, &column_type, &data_type, set.as_deref(), not_null);
        columns.push(column);
    }
    let (key, primary) = key(ask, table).await?;
    // A key that orders by a column that is not read is none.
    let known = key.iter().all(|part| columns.iter().any(|column| column.name == *part));
    Ok(Description { columns, key: if known { key } else { Vec::new() }, primary: primary && known })
}

/// The columns of the key, and whether it is the primary key.
async fn key(ask: &mut MysqlAsk, table: &str) -> Result<(Vec<String>, bool), Fault> {
    // The primary key first, then unique indexes that are never NULL, as the server keeps them.
    let rows = ask.rows(&format!("show index from {}", quoted(table)), &[]).await?;
    let mut indexes: Vec<(String, Vec<String>, bool)> = Vec::new();
    for row in rows {
        // Table, Non_unique, Key_name, Seq_in_index, Column_name, Collation, Cardinality, Sub_part, Packed, Null, …
        let get = |at: usize| row.get(at).cloned().flatten();
        let (Some(unique), Some(name)) = (get(1), get(2)) else { continue };
        let column = get(4);
        let usable =
            unique == "0" && column.is_some() && get(7).is_none() && get(9).as_deref() != Some("YES");
        let at = match indexes.iter().position(|(other, ..)| *other == name) {
            Some(at) => at,
            None => {
                indexes.push((name, Vec::new(), true));
                indexes.len() - 1
            }
        };
        indexes[at].1.extend(column);
        indexes[at].2 &= usable;
    }
    let primary = indexes.iter().find(|(name, _, usable)| name == "PRIMARY" && *usable);
    let chosen = primary.or_else(|| indexes.iter().find(|(_, _, usable)| *usable));
    Ok(chosen.map_or((Vec::new(), false), |(name, columns, _)| (columns.clone(), name == "PRIMARY")))
}

/// How a column's value is fetched and written again, so that the rows after it can be asked for. `None`: its order in the index is
/// not that of a comparison.
pub(super) fn boundary(column: &Column) -> Option<(String, fn(&Column, &str) -> Option<String>)> {
    let source = column.source();
    let as_text = |_: &Column, text: &str| Some(literal(text));
    let as_number = |_: &Column, text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
        plain.then(|| text.to_owned())
    };
    let as_bytes = |column: &Column, hex: &str| {
        let plain = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let set = column.declared.rsplit(' ').next().filter(|_| column.text);
        plain.then(|| set.map_or(format!("x'{hex}'"), |set| format!("_{set} x'{hex}'")))
    };
    let kind = column.declared.split(['(', ' ']).next().unwrap_or_default();
    match (column.form, kind) {
        _ if column.integer => Some((format!("cast({} as char)", column.number()), as_number)),
        (Form::Plain, "decimal") => Some((format!("cast({source} as char)"), as_number)),
        (Form::Plain, "date" | "datetime" | "timestamp") | (Form::Word, _) => {
            Some((format!("cast({source} as char)"), as_text))
        }
        (Form::Text | Form::Bytes, "char" | "varchar" | "binary" | "varbinary") => {
            Some((format!("hex({source})"), as_bytes))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: &str, set: Option<&str>) -> Column {
        let data_type = kind.split(['(', ' ']).next().unwrap_or_default();
        Column::new("k".into(), kind, data_type, set, true)
    }

    #[test]
    fn boundaries_are_written_as_they_were_stored() {
        let written = |kind: &str, set, text: &str| {
            let column = column(kind, set);
            boundary(&column).and_then(|(_, write)| write(&column, text))
        };
        assert_eq!(written("bigint", None, "-5").as_deref(), Some("-5"));
        assert_eq!(written("varchar(9)", Some("latin1"), "5A6FEB").as_deref(), Some("_latin1 x'5A6FEB'"));
        assert_eq!(written("binary(16)", None, "00FF").as_deref(), Some("x'00FF'"));
        assert_eq!(written("binary(16)", None, "00' or 1").as_deref(), None);
        assert_eq!(written("bigint", None, "1 or 1").as_deref(), None);
        assert_eq!(written("enum('b','a')", Some("utf8mb4"), "61"), None, "its order is that of its numbers");
        assert_eq!(written("double", None, "1"), None);
    }
}
