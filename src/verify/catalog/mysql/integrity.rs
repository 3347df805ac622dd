//! The checks that MySQL and MariaDB make of their own storage: `CHECK TABLE … EXTENDED`, and what the server says of itself.
//!
//! | engine | what EXTENDED looks at |
//! | --- | --- |
//! | InnoDB, MariaDB 10.6.11 and later | the pages of each index, their order, and that each record of an index has its row |
//! | InnoDB, else | the pages of each index, their order, and that each index counts the same rows; EXTENDED says no more |
//! | MyISAM, Aria | every key of every row |
//! | views | that what they name is there |
//!
//! Of a message only what comes before a printed record is kept: MariaDB prints rows.

use super::{
    super::{Findings, OWN_TABLE, Progress, text, words::first},
    Place, quoted, shown,
};
use crate::{
    drill::{Fault, FaultClass},
    server::Ask,
    verify::words::{counted, grouped},
};

const TABLES: &str = "select cast(table_name as char), cast(table_type as char), cast(engine as char) \
    from information_schema.tables where table_schema = ? and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') \
    order by table_type, table_name";
const WITHOUT_KEY: &str = "select cast(t.table_name as char) from information_schema.tables t \
    where t.table_schema = ? and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and not exists ( \
      select 1 from information_schema.table_constraints k where k.table_schema = t.table_schema \
      and k.table_name = t.table_name and k.constraint_type in ('PRIMARY KEY', 'UNIQUE')) order by 1";
const SETTINGS: &str =
    "select cast(@@innodb_force_recovery as char), cast(@@innodb_checksum_algorithm as char)";
const FORCE_RECOVERY: &str = "select cast(@@innodb_force_recovery as char)";
/// MySQL alone tells the state of a tablespace.
const TABLESPACES: &str = "select cast(name as char), cast(state as char) from information_schema.innodb_tablespaces \
    where state not in ('normal', 'active') and substring_index(name, '/', 1) = ? order by name";

pub(in crate::verify::catalog) async fn check(
    ask: &mut dyn Ask,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    let place = super::place(ask).await?;
    let mut found = Findings::default();
    settings(ask, &mut found).await?;
    if !place.mariadb {
        tablespaces(ask, &place, &mut found).await?;
    }
    let rows: Vec<_> = ask.rows(TABLES, &[&place.database]).await?;
    let rows: Vec<_> = rows.iter().filter(|row| text(row, 0) != OWN_TABLE).collect();
    let total = rows.len() as u64;
    let (mut tables, mut views) = (0u64, 0u64);
    let mut damaged = Vec::new();
    let mut notes = Vec::new();
    for (done, row) in rows.iter().enumerate() {
        progress(done as u64, Some(total));
        let (name, view) = (text(row, 0), text(row, 1) == "VIEW");
        let option = if view { "" } else { " extended" };
        let sql = format!("check table {}.{}{option}", quoted(&place.database), quoted(name));
        let kind = if view { "view" } else { "table" };
        let said = ask.rows(&sql, &[]).await.map_err(|fault| gone(fault, kind, name))?;
        match judge(&said) {
            Judged::Sound(remarks) => {
                *(if view { &mut views } else { &mut tables }) += 1;
                notes.extend(remarks.into_iter().map(|remark| format!("{kind} {}: {remark}", shown(name))));
            }
            Judged::Damaged(what) => {
                *(if view { &mut views } else { &mut tables }) += 1;
                damaged.push(format!("{kind} {}: {what}", shown(name)));
            }
            Judged::NotLookedAt(why) => {
                notes.push(format!("{kind} {} was not looked at: {why}", shown(name)));
            }
        }
    }
    progress(total, Some(total));
    if rows.iter().all(|row| text(row, 1) == "VIEW") {
        found.problems.push("the database holds no tables".to_owned());
    }
    found.problems.splice(0..0, first(damaged, "that are damaged"));
    found.notes.extend(first(notes, "remarks"));
    let without: Vec<String> = ask
        .rows(WITHOUT_KEY, &[&place.database])
        .await?
        .iter()
        .map(|row| text(row, 0))
        .filter(|name| *name != OWN_TABLE)
        .map(|name| {
            format!("table {} has no primary and no unique key: rows of it can't be told apart", shown(name))
        })
        .collect();
    found.notes.extend(first(without, "tables without a key"));
    found.looked_at = tables + views;
    found.words =
        format!("CHECK TABLE EXTENDED looked at {} and {}", counted(tables, "table"), counted(views, "view"));
    Ok(found)
}

/// A server that went away tells where to look.
fn gone(fault: Fault, kind: &str, name: &str) -> Fault {
    let why = if fault.class.may_pass() {
        "; MySQL stops itself where it meets a damaged page: look into its error log"
    } else {
        ""
    };
    Fault { message: format!("while {kind} {} was looked at: {}{why}", shown(name), fault.message), ..fault }
}

/// What the server says of itself.
async fn settings(ask: &mut dyn Ask, found: &mut Findings) -> Result<(), Fault> {
    let rows = match ask.rows(SETTINGS, &[]).await {
        Ok(rows) => rows,
        // The algorithm of checksums is no setting any more.
        Err(fault) if !fault.class.may_pass() => ask.rows(FORCE_RECOVERY, &[]).await?,
        Err(fault) => return Err(fault),
    };
    let row = rows.into_iter().next().unwrap_or_default();
    let force = text(&row, 0);
    if !matches!(force, "0" | "") {
        found.problems.push(format!(
            "the server runs with innodb_force_recovery = {force}: InnoDB passes over damage; set it to 0 and restart the server"
        ));
    }
    if text(&row, 1).contains("none") {
        found.notes.push(
            "innodb_checksum_algorithm is none: a page that was changed on disk is noticed only by what is in it"
                .to_owned(),
        );
    }
    Ok(())
}

async fn tablespaces(ask: &mut dyn Ask, place: &Place, found: &mut Findings) -> Result<(), Fault> {
    match ask.rows(TABLESPACES, &[&place.database]).await {
        Ok(rows) => {
            let lines = rows.iter().map(|row| format!("tablespace {} is {}", text(row, 0), text(row, 1)));
            found.problems.extend(first(lines.collect(), "tablespaces that are not sound"));
            Ok(())
        }
        Err(fault) if fault.class == FaultClass::Permanent => {
            found.notes.push(
                "the state of InnoDB's tablespaces was not looked at: grant this user PROCESS".to_owned(),
            );
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}

#[derive(Debug, PartialEq)]
enum Judged {
    Sound(Vec<String>),
    Damaged(String),
    NotLookedAt(String),
}

/// What the rows of a CHECK TABLE say: table, operation, kind of message, message.
fn judge(rows: &[crate::server::Row]) -> Judged {
    let mut errors = Vec::new();
    let mut remarks = Vec::new();
    let mut status = "";
    for row in rows {
        let message = without_records(text(row, 3));
        match text(row, 2).to_lowercase().as_str() {
            "status" => status = text(row, 3),
            "note" if message.contains("doesn't support check") => return Judged::NotLookedAt(message),
            "info" | "note" => remarks.push(message),
            // What a crash left and nobody can see any more.
            "warning" if message.contains("Unpurged") => remarks.push(message),
            // Accounts are the server's and in no dump.
            "error" | "warning" if message.contains("specified as a definer") => {
                return Judged::NotLookedAt(message);
            }
            _ => errors.push(message),
        }
    }
    let sound = matches!(status, "OK" | "Table is already up to date");
    if errors.is_empty() && sound {
        return Judged::Sound(remarks);
    }
    if !sound && !status.is_empty() && errors.is_empty() {
        errors.push(status.to_owned());
    }
    if errors.is_empty() {
        return Judged::NotLookedAt("CHECK TABLE gave no answer".to_owned());
    }
    let more = errors.len().saturating_sub(3);
    errors.truncate(3);
    if more > 0 {
        errors.push(format!("and {} more", grouped(more as u64)));
    }
    Judged::Damaged(errors.join("; "))
}

/// A message up to where a record is printed.
fn without_records(message: &str) -> String {
    let ends = ["COMPACT RECORD", "RECORD(", "TUPLE ", "TUPLE(", "{"];
    let end = ends.iter().filter_map(|end| message.find(end)).min().unwrap_or(message.len());
    message[..end].trim_end_matches([' ', ':', ',']).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(&str, &str)]) -> Vec<crate::server::Row> {
        rows.iter()
            .map(|(kind, message)| {
                ["fd_1.t", "check", kind, message].map(|text| Some(text.to_owned())).into()
            })
            .collect()
    }

    #[test]
    fn what_a_check_says() {
        assert_eq!(judge(&rows(&[("status", "OK")])), Judged::Sound(vec![]));
        assert_eq!(
            judge(&rows(&[
                ("Warning", "InnoDB: Index 'by_name' contains 5 entries, should be 6."),
                ("error", "Corrupt")
            ])),
            Judged::Damaged("InnoDB: Index 'by_name' contains 5 entries, should be 6.; Corrupt".into())
        );
        assert_eq!(
            judge(&rows(&[("status", "Operation failed")])),
            Judged::Damaged("Operation failed".into())
        );
        assert!(matches!(
            judge(&rows(&[("note", "The storage engine for the table doesn't support check")])),
            Judged::NotLookedAt(_)
        ));
        assert!(matches!(judge(&[]), Judged::NotLookedAt(_)));
    }

    #[test]
    fn a_record_in_a_message_is_not_shown() {
        let message = "InnoDB: Clustered index record not found for index `k` of table `fd_1`.`t`: COMPACT RECORD(info_bits=0, 2 fields): {[4]4111,[8]secret}";
        let Judged::Damaged(words) = judge(&rows(&[("Warning", message), ("status", "OK")])) else {
            panic!("that is damage")
        };
        assert_eq!(words, "InnoDB: Clustered index record not found for index `k` of table `fd_1`.`t`");
        let left = "InnoDB: Unpurged clustered index record in table `a`.`b`: RECORD(x): {[1]s}";
        assert_eq!(
            judge(&rows(&[("Warning", left), ("status", "OK")])),
            Judged::Sound(vec!["InnoDB: Unpurged clustered index record in table `a`.`b`".into()])
        );
    }
}
