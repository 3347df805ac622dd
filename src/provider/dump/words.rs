//! What `pg_restore`, `psql` and `mysql` complain of, without what may be data.
//!
//! Errors of a restore quote values: of a row that violates a constraint, of a text that is no number. Rows are never
//! evidence, so a quotation is kept only where the word before it says that it is a name. `DETAIL`, `CONTEXT` and the
//! statement itself are left out.
//!
//! Not guaranteed: what a trigger or function of the dump writes into its own messages without quotes.

use crate::drill::{Fault, FaultClass};
use regex::Regex;
use std::sync::{LazyLock, Mutex, PoisonError};

/// So many lines tell enough.
const MOST_LINES: usize = 12;

/// A line longer than this is no message.
const LONGEST: usize = 400;

/// Before a name, not a value.
const NAMES: [&str; 46] = [
    "table",
    "relation",
    "column",
    "constraint",
    "index",
    "key",
    "role",
    "user",
    "database",
    "schema",
    "extension",
    "type",
    "function",
    "procedure",
    "aggregate",
    "file",
    "sequence",
    "view",
    "language",
    "encoding",
    "parameter",
    "tablespace",
    "server",
    "operator",
    "collation",
    "publication",
    "subscription",
    "trigger",
    "rule",
    "policy",
    "method",
    "library",
    "module",
    "for",
    "at",
    "name",
    "event",
    "variable",
    "engine",
    "charset",
    "set",
    "plugin",
    "routine",
    "option",
    "as",
    "archive",
];

/// What follows a value to the end of the line, and is no part of it.
static ENDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"['\x22] for key '[^']*'$|['\x22] for column [`'][^ ]*[`'] at row \d+$|['\x22] at (?:row|line) \d+$",
    )
    .ok()
});

/// Collects complaints as they come.
#[derive(Default)]
pub(super) struct Complaints(Mutex<Vec<String>>);

impl Complaints {
    /// Takes a line of the program's output in, if it is a complaint.
    pub(super) fn take(&self, line: &str) {
        let Some(complaint) = complaint(line) else { return };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST_LINES && !lines.contains(&complaint) {
            lines.push(complaint);
        }
    }

    /// Whether there is one; a hint alone is none.
    pub(super) fn any(&self) -> bool {
        self.lines().iter().any(|line| !line.starts_with("HINT:"))
    }

    /// All of them.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fault of a restore that `what` ended in such a way.
    pub(super) fn fault(&self, what: &str, ended: &str) -> Fault {
        let lines = self.lines();
        let said = if lines.is_empty() { String::new() } else { format!(": {}", lines.join(" | ")) };
        Fault::new(class(&lines), format!("{what} ended with {ended}{said}"))
    }
}

/// A line that tells of an error, cleaned; none: it is something else.
fn complaint(line: &str) -> Option<String> {
    let line = line.trim();
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    let postgres = begins(&[
        "pg_restore: error:",
        "pg_restore: from TOC entry",
        "pg_restore: warning: errors ignored",
        "psql: error:",
        "HINT:",
    ]) || line.starts_with("psql:")
        && ["ERROR:", "FATAL:", "error:"].iter().any(|word| line.contains(word))
        || begins(&["ERROR:", "FATAL:", "pg_restore: FATAL"]);
    let mysql = begins(&["ERROR ", "mysql: [ERROR]", "mariadb: ", "mysql: unknown"]) || alters_data(line);
    if !postgres && !mysql {
        return None;
    }
    Some(crate::process::shorten(&without_values(&numbered(line)), LONGEST))
}

/// A warning of MySQL's that says that a value was changed to make it fit: out of range, truncated, incorrect, too long.
fn alters_data(line: &str) -> bool {
    ["1264", "1265", "1292", "1366", "1406"]
        .iter()
        .any(|code| line.strip_prefix("Warning (Code ").is_some_and(|rest| rest.starts_with(code)))
}

/// `psql` counts one line more than the dump has: the one that restricts it comes first.
fn numbered(line: &str) -> String {
    let Some(rest) = line.strip_prefix("psql:<stdin>:") else { return line.to_owned() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match (rest[..digits].parse::<u64>(), rest[digits..].strip_prefix(':')) {
        (Ok(number), Some(rest)) => format!("line {}:{rest}", number.saturating_sub(1)),
        _ => line.to_owned(),
    }
}

/// The line without quotations that may be values, and without bytes of data.
fn without_values(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    let mut kept = false;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let quote = &rest[at..=at];
        let before = &rest[..at];
        text.push_str(before);
        let after = &rest[at + 1..];
        // An apostrophe within a word, as in `doesn't`, begins no quotation.
        let within = quote == "'" && before.ends_with(char::is_alphanumeric);
        if within {
            text.push('\'');
            rest = after;
            continue;
        }
        let word =
            before.trim_end().trim_end_matches([':', '(', ',']).rsplit([' ', '(']).next().unwrap_or_default();
        // `shop`.`orders` is a name of two parts.
        let is_name = NAMES.contains(&word.to_lowercase().as_str()) || kept && before == ".";
        kept = is_name;
        text.push_str(quote);
        match after.find(quote).filter(|_| is_name) {
            Some(end) => {
                text.push_str(&after[..=end]);
                rest = &after[end + 1..];
            }
            None => {
                // A value may hold quotes: it ends where what always follows it begins, or with the last quote.
                text.push('…');
                let end =
                    ENDS.as_ref().and_then(|ends| ends.find_iter(after).last()).map(|tail| tail.start());
                let end = end.or_else(|| after.rfind(quote)).unwrap_or(after.len());
                text.push_str(after.get(end..=end).unwrap_or_default());
                rest = after.get(end + 1..).unwrap_or_default();
            }
        }
    }
    text.push_str(rest);
    match text.find(": 0x") {
        Some(at) => format!("{}: …", &text[..at]),
        None => text,
    }
}

/// Whose fault it is.
fn class(lines: &[String]) -> FaultClass {
    let any = |words: &[&str]| lines.iter().any(|line| words.iter().any(|word| line.contains(word)));
    if any(&["No space left on device", "could not extend file", "is full", "Disk full", "out of memory"]) {
        FaultClass::Surroundings
    } else if any(&[
        "server closed the connection",
        "connection to server",
        "terminating connection",
        "is shutting down",
        "is starting up",
        "in recovery mode",
        "Lost connection",
        "server has gone away",
        "Can't connect",
        "deadlock detected",
    ]) {
        FaultClass::Transient
    } else if any(&["Permission denied", "could not open input file", "could not open directory"]) {
        FaultClass::Surroundings
    } else {
        FaultClass::Permanent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out_and_names_are_kept() {
        for (line, kept) in [
            (
                "pg_restore: error: COPY failed for table \"orders\": ERROR:  invalid input syntax for type integer: \"ada@example.org\"",
                "pg_restore: error: COPY failed for table \"orders\": ERROR:  invalid input syntax for type integer: \"…\"",
            ),
            (
                "psql:<stdin>:13: ERROR:  duplicate key value violates unique constraint \"orders_pkey\"",
                "line 12: ERROR:  duplicate key value violates unique constraint \"orders_pkey\"",
            ),
            (
                "psql:<stdin>:7: ERROR:  value \"99999999999\" is out of range for type integer",
                "line 6: ERROR:  value \"…\" is out of range for type integer",
            ),
            ("ERROR:  role \"app_owner\" does not exist", "ERROR:  role \"app_owner\" does not exist"),
            (
                "ERROR:  invalid byte sequence for encoding \"UTF8\": 0xe9 0x20",
                "ERROR:  invalid byte sequence for encoding \"UTF8\": …",
            ),
            (
                "ERROR 1062 (23000) at line 12: Duplicate entry 'ada' for key 'PRIMARY'",
                "ERROR 1062 (23000) at line 12: Duplicate entry '…' for key 'PRIMARY'",
            ),
            (
                "ERROR 1064 (42000) at line 3: You have an error in your SQL syntax near 'ada' at line 1",
                "ERROR 1064 (42000) at line 3: You have an error in your SQL syntax near '…' at line 1",
            ),
            (
                "ERROR 1366 (22007) at line 4: Incorrect integer value: 'ada' for column `t`.`a` at row 1",
                "ERROR 1366 (22007) at line 4: Incorrect integer value: '…' for column `t`.`a` at row 1",
            ),
            (
                "ERROR 1146 (42S02): Table 'x.t' doesn't exist",
                "ERROR 1146 (42S02): Table 'x.t' doesn't exist",
            ),
            (
                "ERROR 1273 (HY000) at line 25: Unknown collation: 'utf8mb4_0900_ai_ci'",
                "ERROR 1273 (HY000) at line 25: Unknown collation: 'utf8mb4_0900_ai_ci'",
            ),
            (
                "pg_restore: error: could not execute query: ERROR:  extension \"postgis\" is not available",
                "pg_restore: error: could not execute query: ERROR:  extension \"postgis\" is not available",
            ),
            ("ERROR:  unterminated \"ada", "ERROR:  unterminated \"…"),
            (
                "Warning (Code 1265): Data truncated for column 'b' at row 1",
                "Warning (Code 1265): Data truncated for column 'b' at row 1",
            ),
        ] {
            assert_eq!(complaint(line).as_deref(), Some(kept));
        }
    }

    #[test]
    fn what_is_no_complaint_is_none() {
        for line in [
            "pg_restore: creating TABLE \"public.orders\"",
            "DETAIL:  Key (email)=(ada@example.org) already exists.",
            "CONTEXT:  COPY orders, line 3, column id: \"ada\"",
            "Command was: INSERT INTO t VALUES ('ada');",
            "Warning (Code 1681): Integer display width is deprecated",
            "",
        ] {
            assert_eq!(complaint(line), None, "{line}");
        }
    }

    #[test]
    fn faults_are_classed_by_what_was_said() {
        let of = |line: &str| {
            let complaints = Complaints::default();
            complaints.take(line);
            complaints.fault("pg_restore", "exit code 1").class
        };
        assert_eq!(of("pg_restore: error: could not execute query: ERROR:  x"), FaultClass::Permanent);
        assert_eq!(of("psql: error: connection to server at \"x\" failed"), FaultClass::Transient);
        assert_eq!(
            of("ERROR:  could not extend file \"base/1\": No space left on device"),
            FaultClass::Surroundings
        );
        let silent = Complaints::default().fault("psql", "exit code 3");
        assert_eq!(
            (silent.message.as_str(), silent.class),
            ("psql ended with exit code 3", FaultClass::Permanent)
        );
    }
}
