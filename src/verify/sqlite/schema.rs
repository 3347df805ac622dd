//! What tables a SQLite file holds, and of what shape they are.

use super::{Pace, each_row, value};
use crate::verify::{
    sql::{LeftOut, Shape, Table, TableKind, Trouble},
    statement::Statement,
    value::Value,
};
use sqlx::{Row, sqlite::SqliteConnection};
use std::{ops::ControlFlow, path::Path};

/// Every table and view but SQLite's own, by name.
pub(super) async fn tables(connection: &mut SqliteConnection) -> Result<Vec<Table>, Trouble> {
    let sql = "select name, type, wr from pragma_table_list \
               where schema = 'main' and name not like 'sqlite\\_%' escape '\\' order by name";
    let mut tables = Vec::new();
    each_row(connection, &Statement { sql: sql.into(), values: Vec::new() }, |row| {
        let kind = match value(row.try_get_raw(1)?)?.to_string().as_str() {
            "view" => TableKind::View,
            "virtual" => TableKind::Virtual,
            "shadow" => TableKind::Shadow,
            _ => TableKind::Ordinary,
        };
        let name = value(row.try_get_raw(0)?)?.to_string();
        let without_rowid = value(row.try_get_raw(2)?)? == Value::Integer(1);
        let numbered = !without_rowid && matches!(kind, TableKind::Ordinary | TableKind::Shadow);
        tables.push(Table { name, kind, numbered });
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(tables)
}

/// Columns in order, generated ones too; the primary key; the name of the row number.
pub(super) async fn describe(connection: &mut SqliteConnection, table: &Table) -> Result<Shape, Trouble> {
    let sql = "select name, type, pk from pragma_table_xinfo(?1, 'main') where hidden <> 1 order by cid";
    let statement = Statement { sql: sql.into(), values: vec![table.name.clone()] };
    let mut columns = Vec::new();
    let mut key: Vec<(i64, String)> = Vec::new();
    each_row(connection, &statement, |row| {
        let name = value(row.try_get_raw(0)?)?.to_string();
        let declared = match value(row.try_get_raw(1)?)? {
            Value::Null => String::new(),
            declared => declared.to_string(),
        };
        if let Value::Integer(place @ 1..) = value(row.try_get_raw(2)?)? {
            key.push((place, name.clone()));
        }
        columns.push((name, declared));
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    key.sort();
    let hidden_by_column =
        |alias: &str| columns.iter().any(|(name, _): &(String, String)| name.eq_ignore_ascii_case(alias));
    let row_number =
        ["rowid", "_rowid_", "oid"].into_iter().find(|alias| table.numbered && !hidden_by_column(alias));
    let key = key.into_iter().map(|(_, name)| name).collect();
    Ok(Shape { table: table.clone(), columns, key, row_number, condition: None, left_out: LeftOut::Nothing })
}

/// A name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The least and the greatest row number of a table that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowNumbers {
    pub(super) least: i64,
    pub(super) greatest: i64,
}

/// Two lookups in the table's tree.
pub(super) async fn row_numbers(
    connection: &mut SqliteConnection,
    shape: &Shape,
) -> Result<Option<RowNumbers>, Trouble> {
    let Some(number) = shape.row_number else { return Ok(None) };
    let table = quoted(&shape.table.name);
    let sql = format!(
        "select (select min(x.{number}) from main.{table} x), (select max(x.{number}) from main.{table} x)"
    );
    let mut found = None;
    each_row(connection, &Statement { sql, values: Vec::new() }, |row| {
        if let (Value::Integer(least), Value::Integer(greatest)) =
            (value(row.try_get_raw(0)?)?, value(row.try_get_raw(1)?)?)
        {
            found = Some(RowNumbers { least, greatest });
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(found)
}

/// Below this, opening connections costs more than it gains.
const WORTH_SPLITTING: u64 = 200_000;
/// What rows read ahead of their reader may take, as far as can be guessed beforehand.
const AHEAD_BYTES: u64 = 8 << 20;

impl RowNumbers {
    /// About how many rows there are: all numbers between, used or not.
    pub(super) fn count(self) -> u64 {
        self.greatest.abs_diff(self.least).saturating_add(1)
    }

    pub(super) fn worth_splitting(self) -> bool {
        self.count() >= WORTH_SPLITTING
    }

    /// Cuts into so many ranges of about equal length, both ends included.
    pub(super) fn cut(self, parts: u64) -> Vec<(i64, i64)> {
        let least = i128::from(self.least);
        let length = i128::from(self.greatest) - least + 1;
        let parts = i128::from(parts.clamp(1, self.count()));
        let edge = |n: i128| least + length * n / parts;
        (0..parts)
            .filter_map(|n| Some((i64::try_from(edge(n)).ok()?, i64::try_from(edge(n + 1) - 1).ok()?)))
            .collect()
    }
}

/// How many rows to hold ahead of the reader of a file with so many rows, so that wide rows do not fill the memory.
pub(super) fn rows_ahead(file: &Path, rows: u64) -> usize {
    let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
    let row = (bytes / rows.max(1)).max(1);
    usize::try_from(AHEAD_BYTES / row).unwrap_or(usize::MAX).clamp(16, 2048)
}

/// Batches need room to gather in while the reader sleeps.
pub(super) fn pace(ahead: usize) -> Pace {
    if ahead >= 512 { Pace::Batches } else { Pace::Eager }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_number_once() {
        for (least, greatest, parts) in
            [(1, 10, 3), (5, 5, 4), (i64::MIN, i64::MAX, 7), (-3, 3, 100), (i64::MAX - 1, i64::MAX, 2)]
        {
            let ranges = RowNumbers { least, greatest }.cut(parts);
            assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (least, greatest));
            assert!(ranges.iter().all(|(from, to)| from <= to), "{ranges:?}");
            assert!(ranges.windows(2).all(|pair| pair[0].1.checked_add(1) == Some(pair[1].0)), "{ranges:?}");
        }
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a \"b\"; drop"), "\"a \"\"b\"\"; drop\"");
    }
}
