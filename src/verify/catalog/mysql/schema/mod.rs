//! A definition for each object of a MySQL or MariaDB database.

mod code;

use super::{
    super::{HIDDEN, OWN_TABLE, text, yes},
    Place, normal, shown,
};
use crate::{
    drill::Fault,
    server::{Ask, Row},
    verify::{SchemaSnapshot, mysql::grants::hidden},
};
use std::collections::{BTreeMap, BTreeSet};

pub(in crate::verify::catalog) async fn snapshot(
    ask: &mut dyn Ask,
    grants: bool,
) -> Result<SchemaSnapshot, Fault> {
    let place = super::place(ask).await?;
    let mut taken = Taken { place, grants, objects: BTreeMap::new() };
    let json = taken.json_columns(ask).await?;
    taken.tables(ask).await?;
    taken.columns(ask, &json).await?;
    taken.indexes(ask).await?;
    taken.foreign_keys(ask).await?;
    taken.checks(ask, &json).await?;
    taken.partitions(ask).await?;
    taken.views(ask).await?;
    taken.routines(ask).await?;
    taken.triggers(ask).await?;
    taken.events(ask).await?;
    taken.sequences(ask).await?;
    if grants {
        taken.grants(ask).await?;
    }
    taken.hidden(ask).await?;
    let objects = taken.objects.into_iter();
    Ok(SchemaSnapshot {
        objects: objects.map(|(name, definition)| (name, definition.trim().to_owned())).collect(),
    })
}

/// What was found so far.
struct Taken {
    place: Place,
    grants: bool,
    objects: BTreeMap<String, String>,
}

/// A column, by table and name.
type Column = (String, String);

const JSON: &str = "select cast(table_name as char), cast(check_clause as char) from information_schema.check_constraints \
    where constraint_schema = ? and lower(check_clause) like 'json_valid(%'";
const TABLES: &str = "select cast(table_name as char), cast(table_type as char), cast(engine as char), cast(table_collation as char) \
    from information_schema.tables where table_schema = ? and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')";
const COLUMNS: &str = "select cast(c.table_name as char), cast(c.column_name as char), cast(c.column_type as char), cast(c.is_nullable as char), \
      cast(c.column_default as char), cast(c.extra as char), cast(c.collation_name as char), cast(c.generation_expression as char), {srs} \
    from information_schema.columns c join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name \
    where c.table_schema = ? and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by c.table_name, c.ordinal_position";
const INDEXES: &str = "select cast(table_name as char), cast(index_name as char), cast(non_unique as char), cast(column_name as char), \
      cast(collation as char), cast(sub_part as char), cast(index_type as char), {hidden}, {expression} \
    from information_schema.statistics where table_schema = ? order by table_name, index_name, seq_in_index";
const FOREIGN_KEYS: &str = "select cast(k.table_name as char), cast(k.constraint_name as char), cast(k.column_name as char), \
      cast(k.referenced_table_schema as char), cast(k.referenced_table_name as char), cast(k.referenced_column_name as char), \
      cast(r.update_rule as char), cast(r.delete_rule as char) \
    from information_schema.key_column_usage k \
    join information_schema.referential_constraints r on r.constraint_schema = k.constraint_schema \
      and r.constraint_name = k.constraint_name and r.table_name = k.table_name \
    where k.table_schema = ? and k.referenced_table_name is not null order by k.table_name, k.constraint_name, k.ordinal_position";
const CHECKS_MYSQL: &str = "select cast(t.table_name as char), cast(c.constraint_name as char), cast(c.check_clause as char), cast(t.enforced as char) \
    from information_schema.check_constraints c join information_schema.table_constraints t \
      on t.constraint_schema = c.constraint_schema and t.constraint_name = c.constraint_name and t.constraint_type = 'CHECK' \
    where c.constraint_schema = ?";
const CHECKS_MARIADB: &str = "select cast(table_name as char), cast(constraint_name as char), cast(check_clause as char), 'YES' \
    from information_schema.check_constraints where constraint_schema = ?";
const PARTITIONS: &str = "select cast(table_name as char), cast(partition_name as char), cast(subpartition_name as char), \
      cast(partition_method as char), cast(subpartition_method as char), cast(partition_expression as char), \
      cast(subpartition_expression as char), cast(partition_description as char) \
    from information_schema.partitions where table_schema = ? and partition_name is not null \
    order by table_name, partition_ordinal_position, subpartition_ordinal_position";
impl Taken {
    async fn rows(&self, ask: &mut dyn Ask, sql: &str) -> Result<Vec<Row>, Fault> {
        let rows = ask.rows(sql, &[&self.place.database]).await?;
        Ok(rows.into_iter().filter(|row| text(row, 0) != OWN_TABLE).collect())
    }

    fn put(&mut self, name: String, definition: String) {
        self.objects.insert(name, definition);
    }

    fn owner(&mut self, thing: &str, definer: &str) {
        if self.grants {
            self.put(format!("owner of {thing}"), definer.to_owned());
        }
    }

    /// What the server hides from this user without a word is noted beside the objects: of those nothing is known.
    async fn hidden(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let rows = ask.rows("show grants", &[]).await?;
        let grants: Vec<String> = rows.iter().map(|row| text(row, 0).to_owned()).collect();
        for (kind, privilege) in hidden(&grants, &self.place.database) {
            self.put(format!("{HIDDEN}{kind}"), format!("this user lacks {privilege}"));
        }
        Ok(())
    }

    /// MariaDB's JSON columns: texts with a constraint of their own.
    async fn json_columns(&self, ask: &mut dyn Ask) -> Result<BTreeSet<Column>, Fault> {
        if !self.place.mariadb {
            return Ok(BTreeSet::new());
        }
        let rows = self.rows(ask, JSON).await?;
        Ok(rows
            .iter()
            .filter_map(|row| Some((text(row, 0).to_owned(), json_column(text(row, 1))?)))
            .collect())
    }

    async fn tables(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        for row in self.rows(ask, TABLES).await? {
            let versioned = if text(&row, 1) == "SYSTEM VERSIONED" { ", system versioned" } else { "" };
            let definition = format!("{}, {}{versioned}", text(&row, 2), normal::collation(text(&row, 3)));
            self.put(format!("table {}", shown(text(&row, 0))), definition);
        }
        Ok(())
    }

    async fn columns(&mut self, ask: &mut dyn Ask, json: &BTreeSet<Column>) -> Result<(), Fault> {
        let srs = if self.place.mariadb { "null" } else { "cast(c.srs_id as char)" };
        let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows(ask, &COLUMNS.replace("{srs}", srs)).await? {
            let (table, name) = (text(&row, 0), text(&row, 1));
            let is_json = json.contains(&(table.to_owned(), name.to_owned())) && text(&row, 2) == "longtext";
            let kind = if is_json { "json".to_owned() } else { normal::kind(text(&row, 2)) };
            let extra = text(&row, 5);
            let has = |word: &str| extra.to_uppercase().contains(word);
            let mut words = vec![kind.clone()];
            if let Some(collation) = row.get(6).and_then(Option::as_deref).filter(|_| !is_json) {
                words.push(format!("collate {}", normal::collation(collation)));
            }
            if let Some(srs) = row.get(8).and_then(Option::as_deref) {
                words.push(format!("srid {srs}"));
            }
            if text(&row, 3) == "NO" {
                words.push("not null".to_owned());
            }
            let mysql = !self.place.mariadb;
            if has("VIRTUAL GENERATED") || has("STORED GENERATED") || has("PERSISTENT GENERATED") {
                let kept = if has("VIRTUAL") { "virtual" } else { "stored" };
                words.push(format!(
                    "generated always as ({}) {kept}",
                    normal::expression(text(&row, 7), mysql)
                ));
            } else if let Some(printed) = row.get(4).and_then(Option::as_deref) {
                let default = normal::default(printed, &self.place, has("DEFAULT_GENERATED"), &kind);
                words.extend(default.map(|default| format!("default {default}")));
            }
            if let Some(at) = extra.to_lowercase().find("on update ") {
                words.push(format!("on update {}", normal::expression(&extra[at + 10..], false)));
            }
            for (word, shown) in [
                ("AUTO_INCREMENT", "auto_increment"),
                ("INVISIBLE", "invisible"),
                ("WITHOUT SYSTEM VERSIONING", "without system versioning"),
            ] {
                words.extend(has(word).then(|| shown.to_owned()));
            }
            order.entry(shown(table)).or_default().push(shown(name));
            self.put(format!("column {}.{}", shown(table), shown(name)), words.join(" "));
        }
        for (table, columns) in order {
            self.put(format!("column order of table {table}"), columns.join(", "));
        }
        Ok(())
    }

    async fn indexes(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let (hidden, expression) = if self.place.mariadb {
            ("case ignored when 'YES' then 'ignored' end", "null")
        } else {
            ("case is_visible when 'NO' then 'invisible' end", "cast(expression as char)")
        };
        let sql = INDEXES.replace("{hidden}", hidden).replace("{expression}", expression);
        let mut indexes: BTreeMap<String, (String, Vec<String>, String)> = BTreeMap::new();
        for row in self.rows(ask, &sql).await? {
            let (name, kind) = (text(&row, 1), text(&row, 6).to_lowercase());
            let entry = indexes
                .entry(format!("index {} on {}", shown(name), shown(text(&row, 0))))
                .or_insert_with(|| {
                    let unique = match (name, text(&row, 2)) {
                        ("PRIMARY", _) => "primary ",
                        (_, "0") => "unique ",
                        _ => "",
                    };
                    let hidden = row
                        .get(7)
                        .and_then(Option::as_deref)
                        .map(|word| format!(", {word}"))
                        .unwrap_or_default();
                    (format!("{unique}{kind}"), Vec::new(), hidden)
                });
            let mut part = match row.get(8).and_then(Option::as_deref) {
                Some(expression) => format!("({})", normal::expression(expression, true)),
                None => shown(text(&row, 3)),
            };
            if let Some(length) = row.get(5).and_then(Option::as_deref).filter(|_| kind != "spatial") {
                part.push_str(&format!("({length})"));
            }
            if text(&row, 4) == "D" {
                part.push_str(" desc");
            }
            entry.1.push(part);
        }
        for (name, (kind, parts, hidden)) in indexes {
            self.put(name, format!("{kind} ({}){hidden}", parts.join(", ")));
        }
        Ok(())
    }

    async fn foreign_keys(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let mut keys: BTreeMap<String, (Vec<String>, String, Vec<String>, String)> = BTreeMap::new();
        for row in self.rows(ask, FOREIGN_KEYS).await? {
            let name = format!("constraint {}.{}", shown(text(&row, 0)), shown(text(&row, 1)));
            let entry = keys.entry(name).or_insert_with(|| {
                let schema = text(&row, 3);
                let parent = shown(text(&row, 4));
                let parent = if schema == self.place.database {
                    parent
                } else {
                    format!("{}.{parent}", shown(schema))
                };
                let rule = |word: &str, column: usize| match text(&row, column) {
                    // To InnoDB the two are one, and so is neither.
                    "RESTRICT" | "NO ACTION" | "" => String::new(),
                    rule => format!(" on {word} {}", rule.to_lowercase()),
                };
                (Vec::new(), parent, Vec::new(), format!("{}{}", rule("update", 6), rule("delete", 7)))
            });
            entry.0.push(shown(text(&row, 2)));
            entry.2.push(shown(text(&row, 5)));
        }
        for (name, (columns, parent, referenced, rules)) in keys {
            let definition = format!(
                "foreign key ({}) references {parent} ({}){rules}",
                columns.join(", "),
                referenced.join(", ")
            );
            self.put(name, definition);
        }
        Ok(())
    }

    async fn checks(&mut self, ask: &mut dyn Ask, json: &BTreeSet<Column>) -> Result<(), Fault> {
        let mysql = !self.place.mariadb;
        for row in self.rows(ask, if mysql { CHECKS_MYSQL } else { CHECKS_MARIADB }).await? {
            let (table, clause) = (text(&row, 0), text(&row, 2));
            if json_column(clause).is_some_and(|column| json.contains(&(table.to_owned(), column))) {
                continue;
            }
            let enforced = if yes(&row, 3) { "" } else { " not enforced" };
            let name = format!("constraint {}.{}", shown(table), shown(text(&row, 1)));
            self.put(name, format!("check ({}){enforced}", normal::expression(clause, mysql)));
        }
        Ok(())
    }

    async fn partitions(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let expression = |method: &str, text: &str| {
            format!("{} ({})", method.to_lowercase(), normal::expression(text, false))
        };
        for row in self.rows(ask, PARTITIONS).await? {
            let table = shown(text(&row, 0));
            let mut by = format!(", partitioned by {}", expression(text(&row, 3), text(&row, 5)));
            if let Some(method) = row.get(4).and_then(Option::as_deref) {
                by.push_str(&format!(" and by {}", expression(method, text(&row, 6))));
            }
            if let Some(definition) =
                self.objects.get_mut(&format!("table {table}")).filter(|words| !words.ends_with(&by))
            {
                definition.push_str(&by);
            }
            let description = text(&row, 7);
            let values = match text(&row, 3).to_lowercase() {
                _ if description.is_empty() => String::new(),
                method if method.starts_with("range") => format!("less than ({description})"),
                method if method.starts_with("list") => format!("in ({description})"),
                _ => description.to_owned(),
            };
            let entry =
                self.objects.entry(format!("partition {table}.{}", shown(text(&row, 1)))).or_insert(values);
            if let Some(sub) = row.get(2).and_then(Option::as_deref) {
                entry.push_str(&format!(" {}", shown(sub)));
            }
        }
        Ok(())
    }
}

/// The column of a constraint `` json_valid(`column`) ``.
fn json_column(clause: &str) -> Option<String> {
    let name = clause.trim().strip_prefix("json_valid(`")?.strip_suffix("`)")?;
    Some(name.replace("``", "`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_column_is_known_by_its_constraint() {
        assert_eq!(json_column("json_valid(`a``b`)"), Some("a`b".into()));
        assert_eq!(json_column("json_valid(`a`) and `a` <> ''"), None);
    }
}
