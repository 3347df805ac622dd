//! Whether each foreign key finds its row, by an anti-join in the database.
//!
//! A server with `foreign_key_checks = 0`, as dumps set it, takes rows that refer to nothing and never looks at them again. MySQL
//! and MariaDB know MATCH SIMPLE alone: a key with a NULL in it refers to nothing. A parent may be in another database.

use super::{
    super::{
        Findings, OWN_TABLE, Progress, number, text,
        words::{COUNTED, LISTED, first, named, orphans},
    },
    Place, quoted, shown,
};
use crate::{drill::Fault, server::Ask, verify::words::counted};
use std::collections::BTreeMap;

const REFERENCES: &str = "select cast(table_name as char), cast(constraint_name as char), cast(column_name as char), \
      cast(referenced_table_schema as char), cast(referenced_table_name as char), cast(referenced_column_name as char) \
    from information_schema.key_column_usage \
    where table_schema = ? and referenced_table_name is not null order by table_name, constraint_name, ordinal_position";
const KEYS: &str = "select cast(s.table_name as char), cast(s.column_name as char), cast(c.data_type as char) \
    from information_schema.statistics s \
    join information_schema.columns c on c.table_schema = s.table_schema and c.table_name = s.table_name and c.column_name = s.column_name \
    where s.table_schema = ? and s.index_name = 'PRIMARY' order by s.table_name, s.seq_in_index";
const PARENT: &str =
    "select cast(count(*) as char) from information_schema.tables where table_schema = ? and table_name = ?";
const WITHOUT: &str = "select cast(engine as char), cast(count(*) as char) from information_schema.tables \
    where table_schema = ? and table_type = 'BASE TABLE' and engine in ('MyISAM', 'Aria', 'MEMORY', 'ARCHIVE', 'CSV') and table_name <> '_firedrill' \
    group by engine order by 1";

/// A foreign key.
struct Reference {
    table: String,
    name: String,
    parent: (String, String),
    /// Column, and the parent's.
    columns: Vec<(String, String)>,
}

pub(in crate::verify::catalog) async fn check(
    ask: &mut dyn Ask,
    redact: bool,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    let place = super::place(ask).await?;
    let references = references(ask, &place).await?;
    let mut keys: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in ask.rows(KEYS, &[&place.database]).await? {
        keys.entry(text(&row, 0).to_owned())
            .or_default()
            .push((text(&row, 1).to_owned(), text(&row, 2).to_owned()));
    }
    let total = references.len() as u64;
    let mut found = Findings::default();
    let mut broken = Vec::new();
    for (done, reference) in references.iter().enumerate() {
        progress(done as u64, Some(total));
        let (schema, parent) = &reference.parent;
        let there = ask.rows(PARENT, &[schema, parent]).await?;
        let there = there.first().is_some_and(|row| number(row, 0) > 0);
        let answer = ask.rows(&reference.count(&place, there), &[]).await?;
        let count = answer.first().map_or(0, |row| number(row, 0));
        found.looked_at += 1;
        if count == 0 {
            if !there {
                found.notes.push(format!(
                    "{}: {} is not on this server (foreign key {}); no row refers to it",
                    shown(&reference.table),
                    reference.parent_name(&place),
                    shown(&reference.name)
                ));
            }
            continue;
        }
        let mut named_keys = Vec::new();
        if let Some(key) = keys.get(&reference.table).filter(|_| !redact) {
            let rows = ask.rows(&reference.keys(&place, there, key), &[]).await?;
            named_keys = rows.iter().map(|row| text(row, 0).to_owned()).collect();
        }
        broken.push(reference.words(&place, there, count, &named_keys));
    }
    progress(total, Some(total));
    found.problems = first(broken, "foreign keys with rows that are not there");
    for row in ask.rows(WITHOUT, &[&place.database]).await? {
        let tables = number(&row, 1);
        let keeps = if tables == 1 { "is" } else { "are" };
        found.notes.push(format!(
            "{} {keeps} of engine {}, which keeps no foreign keys",
            counted(tables, "table"),
            text(&row, 0)
        ));
    }
    found.words = match total {
        0 => "no foreign key".to_owned(),
        total => format!("{}, each row of its table", counted(total, "foreign key")),
    };
    Ok(found)
}

async fn references(ask: &mut dyn Ask, place: &Place) -> Result<Vec<Reference>, Fault> {
    let mut all: Vec<Reference> = Vec::new();
    for row in ask.rows(REFERENCES, &[&place.database]).await? {
        let column = (text(&row, 2).to_owned(), text(&row, 5).to_owned());
        let (table, name) = (text(&row, 0), text(&row, 1));
        if table == OWN_TABLE {
            continue;
        }
        match all.last_mut().filter(|last| last.table == table && last.name == name) {
            Some(last) => last.columns.push(column),
            None => all.push(Reference {
                table: table.to_owned(),
                name: name.to_owned(),
                parent: (text(&row, 3).to_owned(), text(&row, 4).to_owned()),
                columns: vec![column],
            }),
        }
    }
    Ok(all)
}

impl Reference {
    fn orphans(&self, place: &Place, there: bool) -> String {
        let list = |one: &dyn Fn(&(String, String)) -> String| {
            self.columns.iter().map(one).collect::<Vec<_>>().join(" and ")
        };
        let present = list(&|(column, _)| format!("c.{} is not null", quoted(column)));
        let child = format!("{}.{} c", quoted(&place.database), quoted(&self.table));
        if !there {
            return format!("from {child} where {present}");
        }
        let equal = list(&|(column, parent)| format!("p.{} = c.{}", quoted(parent), quoted(column)));
        let (schema, parent) = &self.parent;
        format!(
            "from {child} where {present} and not exists (select 1 from {}.{} p where {equal})",
            quoted(schema),
            quoted(parent)
        )
    }

    fn count(&self, place: &Place, there: bool) -> String {
        format!(
            "select cast(count(*) as char) from (select 1 {} limit {}) o",
            self.orphans(place, there),
            COUNTED + 1
        )
    }

    fn keys(&self, place: &Place, there: bool, key: &[(String, String)]) -> String {
        let parts = key.iter().map(|(column, kind)| {
            let value = format!("c.{}", quoted(column));
            let name = format!("'{}='", column.replace('\'', "''"));
            match kind.to_lowercase().as_str() {
                "binary" | "varbinary" | "blob" | "bit" => {
                    format!("concat({name}, 'x''', hex(left({value}, 20)), '''')")
                }
                kind if kind.ends_with("int") || matches!(kind, "decimal" | "float" | "double" | "year") => {
                    format!("concat({name}, {value})")
                }
                _ => format!("concat({name}, quote(left(convert({value} using utf8mb4), 40)))"),
            }
        });
        let order: Vec<String> = key.iter().map(|(column, _)| format!("c.{}", quoted(column))).collect();
        format!(
            "select cast(concat_ws(' ', {}) as char) {} order by {} limit {LISTED}",
            parts.collect::<Vec<_>>().join(", "),
            self.orphans(place, there),
            order.join(", ")
        )
    }

    fn parent_name(&self, place: &Place) -> String {
        let (schema, parent) = &self.parent;
        if *schema == place.database { shown(parent) } else { format!("{}.{}", shown(schema), shown(parent)) }
    }

    fn words(&self, place: &Place, there: bool, count: u64, keys: &[String]) -> String {
        let parent = self.parent_name(place);
        let missing = if there {
            format!("rows of {parent} that are not there")
        } else {
            format!("{parent}, which is not on this server")
        };
        format!(
            "{}: {} (foreign key {}){}",
            shown(&self.table),
            orphans(count, &missing),
            shown(&self.name),
            named(keys, count)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_rows_or_only_counts_them() {
        let place = Place { database: "fd_1".into(), mariadb: true };
        let reference = Reference {
            table: "order_lines".into(),
            name: "lines_order".into(),
            parent: ("other".into(), "orders".into()),
            columns: vec![("order_id".into(), "id".into()), ("b".into(), "c".into())],
        };
        assert_eq!(
            reference.words(&place, true, 3, &["id=1".into(), "id=2".into()]),
            "order_lines: 3 rows refer to rows of other.orders that are not there (foreign key lines_order): id=1; id=2; and 1 more"
        );
        assert_eq!(
            reference.words(&place, false, 1, &[]),
            "order_lines: 1 row refers to other.orders, which is not on this server (foreign key lines_order)"
        );
        assert_eq!(
            reference.orphans(&place, true),
            "from `fd_1`.`order_lines` c where c.`order_id` is not null and c.`b` is not null and not exists (select 1 from `other`.`orders` p where p.`id` = c.`order_id` and p.`c` = c.`b`)"
        );
    }
}
