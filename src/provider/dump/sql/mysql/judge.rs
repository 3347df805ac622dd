//! What becomes of a statement of a dump of MySQL or MariaDB.

use super::{MysqlSieve, Statement};
use crate::provider::dump::sql::{Token, begins};
use std::ops::Range;

/// Engines whose tables lie on other servers.
const REACHING_OUT: [&str; 4] = ["FEDERATED", "FEDERATEDX", "CONNECT", "SPIDER"];

/// Character sets in which a byte of a letter can look like a backslash or a quote.
const MISLEADING: [&str; 6] = ["SJIS", "CP932", "GBK", "GB18030", "BIG5", "GB2312"];

/// What a statement can create, with the names of a dump.
const OWN_KINDS: [&str; 10] =
    ["TABLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "INDEX", "SEQUENCE", "PACKAGE", "LIBRARY"];

/// What is to be done with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    Pass,
    /// Without these parts of it.
    Cut(Vec<Range<usize>>, Option<&'static str>),
    /// `ALTER DATABASE`, and what comes from there on.
    Alter(usize),
    LeaveOut(&'static str),
    Refuse(String),
}

impl MysqlSieve {
    /// What is to be done with a statement.
    pub(super) fn judge(&mut self, statement: &Statement) -> Judgement {
        let tokens = statement.tokens.as_slice();
        let is = |words: &[&str]| begins(tokens, words);
        let any = |word: &str| tokens.iter().any(|token| token.is(word));
        let second =
            |words: &[&str]| tokens.get(1).is_some_and(|token| words.iter().any(|word| token.is(word)));
        let Some(first) = tokens.first() else { return Judgement::Pass };
        if is(&["USE"]) {
            return self.used(tokens.get(1));
        }
        if is(&["SET"]) {
            return self.set(tokens);
        }
        if is(&["CREATE"]) {
            return self.create(statement);
        }
        if is(&["ALTER"]) && second(&["DATABASE", "SCHEMA"]) {
            // Our database is the one that is used; the name is that of the source.
            return match tokens.get(2) {
                Some(Token::Name(_)) => Judgement::Cut(vec![statement.places[2].clone()], None),
                _ => Judgement::Pass,
            };
        }
        if is(&["DROP"]) && second(&["DATABASE", "SCHEMA"]) {
            return Judgement::LeaveOut("the database itself");
        }
        let replication = ["CHANGE", "START", "STOP", "RESET", "PURGE"].iter().any(|word| first.is(word))
            && ["MASTER", "SLAVE", "REPLICA", "REPLICATION", "BINARY"].iter().any(|word| any(word));
        if replication {
            return Judgement::LeaveOut("replication");
        }
        if is(&["FLUSH"]) {
            return Judgement::LeaveOut("flushes");
        }
        let forbidden = [
            "GRANT",
            "REVOKE",
            "INSTALL",
            "UNINSTALL",
            "SHUTDOWN",
            "RESTART",
            "KILL",
            "LOAD",
            "IMPORT",
            "CLONE",
            "RENAME",
        ];
        let of_server = ["USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE", "UNDO", "INSTANCE", "RESOURCE"];
        if let Some(word) = forbidden.iter().find(|word| first.is(word)) {
            return Judgement::Refuse(format!(
                "{word}: it would change the server beyond the database that is restored"
            ));
        }
        if (is(&["ALTER"]) || is(&["DROP"])) && second(&of_server) {
            return Judgement::Refuse(beyond(tokens));
        }
        if any("OUTFILE") || any("DUMPFILE") {
            return Judgement::Refuse("a statement that writes a file on the server".to_owned());
        }
        let named =
            ["ALTER", "DROP", "TRUNCATE", "LOCK", "UPDATE", "DELETE", "OPTIMIZE", "INSERT", "REPLACE"];
        if named.iter().any(|word| first.is(word)) && qualified(tokens) {
            return Judgement::Refuse(elsewhere());
        }
        Judgement::Pass
    }

    fn used(&mut self, database: Option<&Token>) -> Judgement {
        let name = match database {
            Some(Token::Name(name)) => name.clone(),
            Some(Token::Word(word)) => word.to_lowercase(),
            _ => return Judgement::Refuse("USE without a name".to_owned()),
        };
        match &self.database {
            Some(first) if *first != name => Judgement::Refuse(
                "a second USE: it holds several databases; make one dump of each".to_owned(),
            ),
            _ => {
                self.database = Some(name);
                Judgement::LeaveOut("USE")
            }
        }
    }

    fn set(&mut self, tokens: &[Token]) -> Judgement {
        let second =
            |words: &[&str]| tokens.get(1).is_some_and(|token| words.iter().any(|word| token.is(word)));
        if second(&["PASSWORD", "ROLE", "DEFAULT"]) {
            return Judgement::Refuse(
                "SET PASSWORD or SET ROLE: it would change the server beyond the database that is restored"
                    .to_owned(),
            );
        }
        let named = tokens.windows(2).any(|pair| {
            (pair[0].is("NAMES") || pair[0].is("CHARSET")) && MISLEADING.iter().any(|set| pair[1].is(set))
        });
        let client = tokens.windows(3).any(|three| {
            three[0].is("CHARACTER_SET_CLIENT") && MISLEADING.iter().any(|set| three[2].is(set))
        });
        if named || client {
            return Judgement::Refuse(
                "a character set in which letters can look like quotes (gbk, sjis, big5 and the like), so it can't be looked through"
                    .to_owned(),
            );
        }
        if tokens.iter().any(|token| token.is("SQL_LOG_BIN")) {
            return Judgement::LeaveOut("settings of the binary log");
        }
        if tokens.iter().any(|token| ["GLOBAL", "PERSIST", "PERSIST_ONLY"].iter().any(|word| token.is(word)))
        {
            return Judgement::LeaveOut("settings of the whole server");
        }
        for three in tokens.windows(3) {
            if three[0].is("SQL_MODE") && three[1] == Token::Sign(b'=') {
                self.escapes = !matches!(&three[2], Token::Text(mode) if mode.to_uppercase().contains("NO_BACKSLASH_ESCAPES"));
            }
        }
        Judgement::Pass
    }

    fn create(&mut self, statement: &Statement) -> Judgement {
        let tokens = statement.tokens.as_slice();
        let database = |token: &Token| token.is("DATABASE") || token.is("SCHEMA");
        if tokens.get(1).is_some_and(database) {
            return created_database(statement);
        }
        let own = |token: &Token| OWN_KINDS.iter().any(|kind| token.is(kind));
        let Some(at) = tokens.iter().take(40).position(own) else { return Judgement::Refuse(beyond(tokens)) };
        // Before what it is stand only its properties.
        let of_server = ["USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE", "UNDO", "RESOURCE"];
        if tokens.get(1).is_some_and(|second| of_server.iter().any(|word| second.is(word))) {
            return Judgement::Refuse(beyond(tokens));
        }
        let mut name = at + 1;
        while tokens
            .get(name)
            .is_some_and(|token| ["IF", "NOT", "EXISTS", "BODY"].iter().any(|word| token.is(word)))
        {
            name += 1;
        }
        if tokens.get(name + 1) == Some(&Token::Sign(b'.')) {
            return Judgement::Refuse(elsewhere());
        }
        if tokens[at].is("FUNCTION") && tokens.iter().any(|token| token.is("SONAME")) {
            return Judgement::Refuse("a function from a library of the server".to_owned());
        }
        if tokens[at].is("EVENT") && self.events_run {
            return Judgement::LeaveOut("events, which would run: the server's event_scheduler is on");
        }
        if tokens[at].is("TABLE") && reaches_out(tokens) {
            return Judgement::LeaveOut("tables that lie on other servers");
        }
        match definer(statement, at) {
            Some(part) => Judgement::Cut(vec![part], Some("definers")),
            None => Judgement::Pass,
        }
    }
}

pub(super) fn elsewhere() -> String {
    "a statement on a table of another database".to_owned()
}

fn beyond(tokens: &[Token]) -> String {
    let words: Vec<&str> = tokens
        .iter()
        .take(2)
        .map_while(|token| match token {
            Token::Word(word) if word.len() <= 20 => Some(word.as_str()),
            _ => None,
        })
        .collect();
    format!("{}: it would change the server beyond the database that is restored", words.join(" "))
}

/// Whether a table is named together with its database, before anything in parentheses.
pub(super) fn qualified(tokens: &[Token]) -> bool {
    let head = tokens.iter().take(12).take_while(|token| **token != Token::Sign(b'(')).collect::<Vec<_>>();
    head.windows(3).any(|three| {
        matches!(three[1], Token::Sign(b'.'))
            && matches!(three[0], Token::Name(_) | Token::Word(_))
            && !matches!(three[2], Token::Sign(_))
    })
}

fn reaches_out(tokens: &[Token]) -> bool {
    tokens.windows(3).any(|three| {
        three[0].is("ENGINE")
            && three[1] == Token::Sign(b'=')
            && REACHING_OUT.iter().any(|engine| three[2].is(engine))
    })
}

/// Of `CREATE DATABASE … name properties` only the properties matter: they become those of the scratch database.
fn created_database(statement: &Statement) -> Judgement {
    let tokens = &statement.tokens;
    let named = tokens.iter().position(|token| matches!(token, Token::Name(_)));
    let properties = |at: usize| {
        let mut rest = tokens[at + 1..].iter();
        rest.next().is_some_and(|token| token.is("DEFAULT") || token.is("CHARACTER") || token.is("COLLATE"))
    };
    match named {
        Some(at) if properties(at) => Judgement::Alter(statement.places[at].end),
        _ => Judgement::LeaveOut("the database itself"),
    }
}

/// Where `DEFINER = user@host` is, before what is created.
fn definer(statement: &Statement, kind: usize) -> Option<Range<usize>> {
    let tokens = &statement.tokens[..kind];
    let at = tokens.iter().position(|token| token.is("DEFINER"))?;
    if tokens.get(at + 1) != Some(&Token::Sign(b'=')) {
        return None;
    }
    let mut last = at + 2;
    let sign = |index: usize, byte: u8| tokens.get(index) == Some(&Token::Sign(byte));
    // `CURRENT_USER()`, or a user `@` a host.
    if sign(last + 1, b'@') || sign(last + 1, b'(') && sign(last + 2, b')') {
        last += 2;
    }
    let end = statement.places.get(last)?.end;
    Some(statement.places[at].start..end)
}
