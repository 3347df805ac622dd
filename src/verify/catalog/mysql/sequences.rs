//! Whether AUTO_INCREMENT stands beyond the values of its column.
//!
//! InnoDB raises the counter to the largest value when it opens a table, so that behind it is a table of another engine or a
//! damaged one. In MariaDB the defaults that take from a sequence are looked at too; a sequence that no column takes from is
//! named in a note.

use super::{
    super::{
        Findings, OWN_TABLE, Progress, text,
        words::{first, signed},
    },
    Place, quoted, shown,
};
use crate::{drill::Fault, server::Ask, verify::words::counted};
use std::collections::BTreeSet;

const COUNTERS: &str = "select cast(c.table_name as char), cast(c.column_name as char), cast(t.auto_increment as char), \
      cast(c.column_type as char) \
    from information_schema.columns c \
    join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name \
    where c.table_schema = ? and lower(c.extra) like '%auto_increment%' order by 1";
/// Columns that an index begins with. Joined in the server, this would take MariaDB minutes over thousands of tables.
const LEADING: &str = "select cast(table_name as char), cast(column_name as char) from information_schema.statistics \
    where table_schema = ? and seq_in_index = 1";
const DEFAULTS: &str = "select cast(table_name as char), cast(column_name as char), cast(column_default as char) \
    from information_schema.columns where table_schema = ? and lower(column_default) like '%nextval(%' order by 1, 2";
const SEQUENCES: &str = "select cast(table_name as char) from information_schema.tables \
    where table_schema = ? and table_type = 'SEQUENCE' order by 1";

pub(in crate::verify::catalog) async fn check(
    ask: &mut dyn Ask,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    let place = super::place(ask).await?;
    let mut found = Findings::default();
    let counters = ask.rows(COUNTERS, &[&place.database]).await?;
    let leading: BTreeSet<(String, String)> = ask
        .rows(LEADING, &[&place.database])
        .await?
        .iter()
        .map(|row| (text(row, 0).to_owned(), text(row, 1).to_owned()))
        .collect();
    let total = counters.len() as u64;
    let mut behind = Vec::new();
    let mut notes = Vec::new();
    for (done, row) in counters.iter().enumerate() {
        progress(done as u64, Some(total));
        let (table, column) = (text(row, 0), text(row, 1));
        if table == OWN_TABLE {
            continue;
        }
        let name = format!("{}.{}", shown(table), shown(column));
        if !leading.contains(&(table.to_owned(), column.to_owned())) {
            notes.push(format!("{name} counts within each group of a longer key: it was not compared"));
            continue;
        }
        found.looked_at += 1;
        let Some(largest) = largest(ask, &place, table, column, "max").await? else { continue };
        let next = row.get(2).cloned().flatten().and_then(|next| next.parse::<i128>().ok());
        match greatest(text(row, 3)) {
            Some(greatest) if largest >= greatest => notes.push(format!(
                "AUTO_INCREMENT of {name} is used up: the column is at {}, its last; the next insert fails, as it does in the source",
                signed(largest)
            )),
            _ => match next {
                Some(next) if next > largest => {}
                Some(next) => behind.push(format!(
                    "AUTO_INCREMENT of {} stands at {}, but {name} goes up to {}: the next insert fails",
                    shown(table),
                    signed(next),
                    signed(largest)
                )),
                None => behind.push(format!(
                    "the server tells no AUTO_INCREMENT of {}, though {name} goes up to {}",
                    shown(table),
                    signed(largest)
                )),
            },
        }
    }
    if place.mariadb {
        sequences(ask, &place, &mut found, &mut behind, &mut notes).await?;
    }
    progress(total, Some(total));
    found.problems = first(behind, "counters behind their column");
    found.notes = first(notes, "remarks on counters");
    found.words = match found.looked_at {
        0 => "no column with AUTO_INCREMENT".to_owned(),
        looked => format!("{}, each against its column", counted(looked, "counter")),
    };
    Ok(found)
}

/// MariaDB's sequences, by the columns that take from them.
async fn sequences(
    ask: &mut dyn Ask,
    place: &Place,
    found: &mut Findings,
    behind: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Result<(), Fault> {
    let mut taken = BTreeSet::new();
    let all: Vec<String> =
        ask.rows(SEQUENCES, &[&place.database]).await?.iter().map(|row| text(row, 0).to_owned()).collect();
    for row in ask.rows(DEFAULTS, &[&place.database]).await? {
        let (table, column) = (text(&row, 0), text(&row, 1));
        let name = format!("{}.{}", shown(table), shown(column));
        let sequence = named_in(text(&row, 2)).filter(|sequence| all.contains(sequence));
        let Some(sequence) = sequence else {
            notes.push(format!(
                "{name} takes a sequence in an expression, or one of another database: it was not compared"
            ));
            continue;
        };
        let state = format!(
            "select cast(next_not_cached_value as char), cast(increment as char), cast(cycle_option as char) from {}.{}",
            quoted(&place.database),
            quoted(&sequence)
        );
        let state = ask.rows(&state, &[]).await?.into_iter().next().unwrap_or_default();
        taken.insert(sequence.clone());
        let number = |column: usize| text(&state, column).parse::<i128>().ok();
        let (Some(next), Some(increment), false) = (number(0), number(1), text(&state, 2) == "1") else {
            notes.push(format!("sequence {} starts again at its end: it was not compared", shown(&sequence)));
            continue;
        };
        found.looked_at += 1;
        let descends = increment < 0;
        let extreme = largest(ask, place, table, column, if descends { "min" } else { "max" }).await?;
        let taken = |extreme: i128| if descends { next >= extreme } else { next <= extreme };
        if let Some(extreme) = extreme.filter(|extreme| taken(*extreme)) {
            behind.push(format!(
                "sequence {} gives {} next, but {name} goes {} to {}: the next insert fails",
                shown(&sequence),
                signed(next),
                if descends { "down" } else { "up" },
                signed(extreme)
            ));
        }
    }
    let unused = all.iter().filter(|name| !taken.contains(*name));
    notes.extend(
        unused.map(|name| format!("sequence {} is no column's default: it was not compared", shown(name))),
    );
    Ok(())
}

async fn largest(
    ask: &mut dyn Ask,
    place: &Place,
    table: &str,
    column: &str,
    extreme: &str,
) -> Result<Option<i128>, Fault> {
    let rounded = if extreme == "min" { "ceiling" } else { "floor" };
    let sql = format!(
        "select cast({rounded}({extreme}(x.{})) as char) from {}.{} x",
        quoted(column),
        quoted(&place.database),
        quoted(table)
    );
    let value = ask.value(&sql, &[]).await?;
    // A column of floating point may answer with an exponent.
    Ok(value.and_then(|value| value.parse().ok().or_else(|| Some(value.parse::<f64>().ok()? as i128))))
}

/// The sequence of this database in a plain `` nextval(`database`.`sequence`) ``.
fn named_in(default: &str) -> Option<String> {
    let name = default.trim().strip_prefix("nextval(")?.strip_suffix(')')?.strip_suffix('`')?;
    let name = name.rsplit_once("`.`").map_or(name.strip_prefix('`'), |(_, name)| Some(name))?;
    Some(name.replace("``", "`"))
}

/// The last value of an integer type.
fn greatest(kind: &str) -> Option<i128> {
    let bits = match kind.split(['(', ' ']).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let bits = if kind.contains("unsigned") { bits } else { bits - 1 };
    Some((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_type() {
        assert_eq!(greatest("tinyint(4)"), Some(127));
        assert_eq!(greatest("int unsigned"), Some(4_294_967_295));
        assert_eq!(greatest("bigint"), Some(i128::from(i64::MAX)));
        assert_eq!(greatest("double"), None);
    }

    #[test]
    fn a_sequence_is_found_in_a_plain_default() {
        assert_eq!(named_in("nextval(`fd_1`.`ids`)"), Some("ids".into()));
        assert_eq!(named_in("nextval(`o``dd`)"), Some("o`dd".into()));
        assert_eq!(named_in("nextval(`a`.`b`) + 1"), None);
    }
}
