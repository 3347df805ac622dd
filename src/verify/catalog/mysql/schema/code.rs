//! Views, routines, triggers, events, sequences, and who may use what.
//!
//! What a user may not see is no definition of nothing: it is an error that says what to grant.

use super::{
    super::{
        super::{OWN_TABLE, hashed, text, yes},
        normal, quoted, shown,
    },
    Taken,
};
use crate::{
    drill::{Fault, FaultClass},
    server::Ask,
};
use std::collections::{BTreeMap, BTreeSet};

const VIEWS: &str = "select cast(v.table_name as char), cast(v.view_definition as char), cast(v.check_option as char), \
      cast(v.security_type as char), cast(v.definer as char) from information_schema.views v where v.table_schema = ?";
const VIEW_COLUMNS: &str = "select cast(c.table_name as char), cast(c.column_name as char) from information_schema.columns c \
    join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name \
    where c.table_schema = ? and t.table_type = 'VIEW' order by c.table_name, c.ordinal_position";
const ROUTINES: &str = "select cast(routine_name as char), cast(routine_type as char), cast(routine_definition as char), \
      cast(is_deterministic as char), cast(sql_data_access as char), cast(security_type as char), cast(sql_mode as char), \
      cast(definer as char), cast(specific_name as char) \
    from information_schema.routines where routine_schema = ?";
const PARAMETERS: &str = "select cast(specific_name as char), cast(routine_type as char), cast(parameter_mode as char), \
      cast(parameter_name as char), cast(dtd_identifier as char), cast(collation_name as char) \
    from information_schema.parameters where specific_schema = ? order by specific_name, routine_type, ordinal_position";
const TRIGGERS: &str = "select cast(event_object_table as char), cast(trigger_name as char), cast(action_timing as char), \
      cast(event_manipulation as char), cast(action_order as char), cast(action_statement as char), cast(sql_mode as char), cast(definer as char) \
    from information_schema.triggers where trigger_schema = ?";
const EVENTS: &str = "select cast(event_name as char), cast(status as char), cast(event_type as char), cast(execute_at as char), \
      cast(interval_value as char), cast(interval_field as char), cast(starts as char), cast(ends as char), cast(on_completion as char), \
      cast(time_zone as char), cast(sql_mode as char), cast(event_definition as char), cast(definer as char) \
    from information_schema.events where event_schema = ?";
const SEQUENCES: &str = "select cast(table_name as char) from information_schema.tables where table_schema = ? and table_type = 'SEQUENCE'";
const GRANTS: &str = "select '', '', cast(grantee as char), cast(privilege_type as char), cast(is_grantable as char) \
      from information_schema.schema_privileges where table_schema in (?, replace(?, '_', '\\_')) \
    union all \
    select cast(table_name as char), '', cast(grantee as char), cast(privilege_type as char), cast(is_grantable as char) \
      from information_schema.table_privileges where table_schema = ? \
    union all \
    select cast(table_name as char), cast(column_name as char), cast(grantee as char), cast(privilege_type as char), cast(is_grantable as char) \
      from information_schema.column_privileges where table_schema = ?";

impl Taken {
    pub(super) async fn views(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows(ask, VIEW_COLUMNS).await? {
            columns.entry(text(&row, 0).to_owned()).or_default().push(shown(text(&row, 1)));
        }
        for row in self.rows(ask, VIEWS).await? {
            let (name, body) = (text(&row, 0), text(&row, 1));
            if body.is_empty() {
                return Err(unseen(&format!("view {}", shown(name)), "SHOW VIEW"));
            }
            let mut words =
                format!("({})", columns.get(name).map(|columns| columns.join(", ")).unwrap_or_default());
            if text(&row, 3) == "INVOKER" {
                words.push_str(", security invoker");
            }
            if text(&row, 2) != "NONE" {
                words.push_str(&format!(", {} check option", text(&row, 2).to_lowercase()));
            }
            words.push_str(&format!(", text {}", hashed(&normal::view(body, &self.place.database))));
            self.put(format!("view {}", shown(name)), words);
            self.owner(&format!("view {}", shown(name)), text(&row, 4));
        }
        Ok(())
    }

    pub(super) async fn routines(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let mut parameters: BTreeMap<(String, String), (Vec<String>, String)> = BTreeMap::new();
        for row in self.rows(ask, PARAMETERS).await? {
            let collation = row.get(5).and_then(Option::as_deref);
            let collation =
                collation.map(|name| format!(" collate {}", normal::collation(name))).unwrap_or_default();
            let kind = format!("{}{collation}", normal::kind(text(&row, 4)));
            let entry = parameters.entry((text(&row, 0).to_owned(), text(&row, 1).to_owned())).or_default();
            match (row.get(2).and_then(Option::as_deref), row.get(3).and_then(Option::as_deref)) {
                (None, None) => entry.1 = format!(" returns {kind}"),
                (mode, name) => {
                    let mode = mode
                        .filter(|_| text(&row, 1) == "PROCEDURE")
                        .map(|mode| format!("{} ", mode.to_lowercase()));
                    entry.0.push(format!(
                        "{}{} {kind}",
                        mode.unwrap_or_default(),
                        shown(name.unwrap_or_default())
                    ));
                }
            }
        }
        for row in self.rows(ask, ROUTINES).await? {
            let thing = format!("{} {}", text(&row, 1).to_lowercase(), shown(text(&row, 0)));
            let Some(body) = row.get(2).and_then(Option::as_deref) else {
                return Err(unseen(
                    &thing,
                    "SHOW_ROUTINE (MySQL) or SHOW CREATE ROUTINE (MariaDB), or SELECT on all",
                ));
            };
            let (parameters, returns) =
                parameters.remove(&(text(&row, 8).to_owned(), text(&row, 1).to_owned())).unwrap_or_default();
            let mut words = vec![format!("({}){returns}", parameters.join(", "))];
            words.extend(yes(&row, 3).then(|| "deterministic".to_owned()));
            words.push(text(&row, 4).to_lowercase());
            words.extend((text(&row, 5) == "INVOKER").then(|| "security invoker".to_owned()));
            words.push(format!("body {}", hashed(body)));
            words.extend(mode(text(&row, 6)));
            self.put(thing.clone(), words.join(", "));
            self.owner(&thing, text(&row, 7));
        }
        Ok(())
    }

    pub(super) async fn triggers(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        for row in self.rows(ask, TRIGGERS).await? {
            let thing = format!("trigger {}.{}", shown(text(&row, 0)), shown(text(&row, 1)));
            let when = format!("{} {}", text(&row, 2), text(&row, 3)).to_lowercase();
            let mut words =
                vec![format!("{when}, number {}", text(&row, 4)), format!("body {}", hashed(text(&row, 5)))];
            words.extend(mode(text(&row, 6)));
            self.put(thing.clone(), words.join(", "));
            self.owner(&thing, text(&row, 7));
        }
        Ok(())
    }

    pub(super) async fn events(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        for row in self.rows(ask, EVENTS).await? {
            let thing = format!("event {}", shown(text(&row, 0)));
            let status = match text(&row, 1) {
                status @ ("ENABLED" | "DISABLED") => status.to_lowercase(),
                _ => "disabled on the replica".to_owned(),
            };
            let mut words = vec![status];
            words.push(match row.get(3).and_then(Option::as_deref) {
                Some(at) => format!("at {at}"),
                None => format!("every {} {}", text(&row, 4), text(&row, 5).to_lowercase()),
            });
            for (word, column) in [("from", 6), ("until", 7)] {
                words.extend(
                    row.get(column).and_then(Option::as_deref).map(|moment| format!("{word} {moment}")),
                );
            }
            words.extend((text(&row, 8) == "PRESERVE").then(|| "preserved".to_owned()));
            words.push(format!("zone {}", text(&row, 9)));
            words.push(format!("body {}", hashed(text(&row, 11))));
            words.extend(mode(text(&row, 10)));
            self.put(thing.clone(), words.join(", "));
            self.owner(&thing, text(&row, 12));
        }
        Ok(())
    }

    /// MariaDB's sequences; where they stand is not part of the schema.
    pub(super) async fn sequences(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        if !self.place.mariadb {
            return Ok(());
        }
        for row in self.rows(ask, SEQUENCES).await? {
            let name = text(&row, 0);
            let sql = format!(
                "select cast(start_value as char), cast(increment as char), cast(minimum_value as char), cast(maximum_value as char), \
                 cast(cache_size as char), cast(cycle_option as char) from {}.{}",
                quoted(&self.place.database),
                quoted(name)
            );
            let state = ask.rows(&sql, &[]).await?.into_iter().next().unwrap_or_default();
            let definition = format!(
                "start {} increment {} from {} to {} cache {}{}",
                text(&state, 0),
                text(&state, 1),
                text(&state, 2),
                text(&state, 3),
                text(&state, 4),
                if text(&state, 5) == "1" { " cycle" } else { "" }
            );
            self.put(format!("sequence {}", shown(name)), definition);
        }
        Ok(())
    }

    pub(super) async fn grants(&mut self, ask: &mut dyn Ask) -> Result<(), Fault> {
        let database = self.place.database.clone();
        for row in ask.rows(GRANTS, &[&database, &database, &database, &database]).await? {
            let (table, column) = (text(&row, 0), text(&row, 1));
            let privilege = text(&row, 3).to_lowercase();
            if privilege == "usage" || table == OWN_TABLE {
                continue;
            }
            let part = if column.is_empty() { String::new() } else { format!(" ({})", shown(column)) };
            let thing = match table {
                "" => "database".to_owned(),
                table if self.objects.contains_key(&format!("view {}", shown(table))) => {
                    format!("view {}", shown(table))
                }
                table => format!("table {}", shown(table)),
            };
            // As accounts are written, but for the quotes that hide where a name ends.
            let account = text(&row, 2).replace('\'', "`");
            let option = if yes(&row, 4) { "with grant option" } else { "" };
            self.put(format!("grant {privilege}{part} on {thing} to {account}"), option.to_owned());
        }
        Ok(())
    }
}

/// The SQL mode that a body was made with, sorted.
fn mode(modes: &str) -> Option<String> {
    let sorted: BTreeSet<&str> = modes.split(',').filter(|mode| !mode.is_empty()).collect();
    (!sorted.is_empty())
        .then(|| format!("mode {}", sorted.into_iter().collect::<Vec<_>>().join(" ").to_lowercase()))
}

fn unseen(thing: &str, privilege: &str) -> Fault {
    Fault::new(
        FaultClass::Permanent,
        format!(
            "this user may not see how {thing} is defined: grant it {privilege}, or look as the user that owns it"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_sorted() {
        assert_eq!(
            mode("STRICT_TRANS_TABLES,ANSI_QUOTES"),
            Some("mode ansi_quotes strict_trans_tables".into())
        );
        assert_eq!(mode(""), None);
    }
}
