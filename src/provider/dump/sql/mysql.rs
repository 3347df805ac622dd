//! The sieve of dumps of MySQL and MariaDB, between the file and `mysql`.
//!
//! Words, quotes and the ends of statements are told as the client tells them: backslashes in texts, `` ` `` names,
//! `-- ` and `#` comments, `DELIMITER`. What stands in an executable comment (`/*!50003 … */`, `/*M!100616 … */`) is code.
//!
//! Accounts that a view, trigger or routine is to run as (`DEFINER`) are taken out: they are not on the scratch server, and
//! what they define would not work. It runs as whoever restores.

use super::{Found, LONGEST_HELD, Refusal, Sieve, Token, begins};
use crate::{playbook::ServerEngine, provider::dump::format::MYSQL_END};
use std::ops::Range;

/// A name longer than this is none; a text is not kept beyond it.
const LONGEST_NAME: usize = 1024;

/// A statement has this many words before it is of no interest any more.
const MOST_TOKENS: usize = 8192;

/// Engines whose tables lie on other servers.
const REACHING_OUT: [&str; 4] = ["FEDERATED", "FEDERATEDX", "CONNECT", "SPIDER"];

/// Character sets in which a byte of a letter can look like a backslash or a quote.
const MISLEADING: [&str; 6] = ["SJIS", "CP932", "GBK", "GB18030", "BIG5", "GB2312"];

/// What a statement can create, with the names of a dump.
const OWN_KINDS: [&str; 10] =
    ["TABLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "INDEX", "SEQUENCE", "PACKAGE", "LIBRARY"];

/// Looks through a dump of MySQL or MariaDB.
pub(in super::super) struct MysqlSieve {
    /// Whether events would run on the scratch server.
    events_run: bool,
    state: State,
    line: u64,
    delimiter: Vec<u8>,
    /// The last bytes of code, as many as the delimiter has.
    tail: Vec<u8>,
    /// Within an executable comment.
    executable: bool,
    /// Whether a backslash in a text makes the next byte plain.
    escapes: bool,
    word: Vec<u8>,
    comment: Vec<u8>,
    statement: Statement,
    database: Option<String>,
    closed: bool,
    found: Found,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Code,
    Dash,
    DashDash,
    Slash,
    /// After `/*`, before it is known whether it is code: what came since.
    Opening(Vec<u8>),
    /// The number of an executable comment.
    Number,
    Star,
    Line,
    Block(u8),
    Quote {
        by: u8,
        escaped: bool,
        text: Vec<u8>,
    },
    QuoteEnd {
        by: u8,
        text: Vec<u8>,
    },
    /// The rest of a line that begins with `DELIMITER`.
    Delimiter(Vec<u8>),
}

struct Statement {
    text: Vec<u8>,
    tokens: Vec<Token>,
    /// Where each is in the text.
    places: Vec<Range<usize>>,
    passed: bool,
    line: u64,
}

impl Statement {
    fn new() -> Self {
        Self { text: Vec::new(), tokens: Vec::new(), places: Vec::new(), passed: false, line: 0 }
    }
}

/// What is to be done with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Judgement {
    Pass,
    /// Without these parts of it.
    Cut(Vec<Range<usize>>, Option<&'static str>),
    /// `ALTER DATABASE`, and what comes from there on.
    Alter(usize),
    LeaveOut(&'static str),
    Refuse(String),
}

impl MysqlSieve {
    /// `events_run`: whether the server's event scheduler is on.
    pub(in super::super) fn new(events_run: bool) -> Self {
        Self {
            events_run,
            state: State::Code,
            line: 1,
            delimiter: b";".to_vec(),
            tail: Vec::new(),
            executable: false,
            escapes: true,
            word: Vec::new(),
            comment: Vec::new(),
            statement: Statement::new(),
            database: None,
            closed: false,
            found: Found::default(),
        }
    }

    fn hostile(&self, what: impl Into<String>) -> Refusal {
        Refusal { line: self.line, what: what.into(), hostile: true }
    }

    fn begun(&self) -> bool {
        self.statement.passed
            || !self.statement.tokens.is_empty()
            || !self.word.is_empty()
            || !self.statement.text.is_empty()
    }

    fn keep(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.statement.passed || !self.begun() && byte.is_ascii_whitespace() {
            out.push(byte);
            return Ok(());
        }
        if self.statement.text.is_empty() {
            self.statement.line = self.line;
        }
        if self.statement.text.len() >= LONGEST_HELD {
            return Err(self.hostile("a statement that must be looked at as a whole has no end"));
        }
        self.statement.text.push(byte);
        Ok(())
    }

    /// A comment, or part of one: kept with the statement it is in.
    fn between(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.begun() {
            return bytes.iter().try_for_each(|byte| self.keep(*byte, out));
        }
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn token(&mut self, token: Token, length: usize, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.closed = false;
        let statement = &mut self.statement;
        if statement.passed || statement.tokens.len() >= MOST_TOKENS {
            return Ok(());
        }
        let end = statement.text.len();
        statement.places.push(end.saturating_sub(length)..end);
        statement.tokens.push(token);
        // Rows: what comes before them tells all.
        let tokens = &statement.tokens;
        let rows = begins(tokens, &["INSERT"]) || begins(tokens, &["REPLACE"]);
        let told = match tokens.last() {
            Some(Token::Sign(byte)) => *byte == b'(',
            Some(last) => ["VALUES", "VALUE", "SELECT", "SET"].iter().any(|word| last.is(word)),
            None => false,
        };
        if rows && told {
            if qualified(tokens) {
                return Err(Refusal { line: statement.line, what: elsewhere(), hostile: true });
            }
            statement.passed = true;
            out.append(&mut statement.text);
        }
        Ok(())
    }

    fn end_word(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.word.is_empty() {
            return Ok(());
        }
        let length = self.word.len();
        let word = String::from_utf8_lossy(&std::mem::take(&mut self.word)).to_uppercase();
        self.token(Token::Word(word), length, out)
    }

    fn code(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let part_of_word = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80;
        if part_of_word {
            self.keep(byte, out)?;
            self.remember(byte);
            if self.word.len() < LONGEST_NAME {
                self.word.push(byte);
            }
            return self.ends_here(out);
        }
        if byte.is_ascii_whitespace()
            && self.word.eq_ignore_ascii_case(b"delimiter")
            && self.statement.tokens.is_empty()
            && self.statement.text.len() == self.word.len()
        {
            self.word.clear();
            self.statement = Statement::new();
            out.extend_from_slice(b"DELIMITER ");
            return self.delimiter_line(Vec::new(), byte, out);
        }
        self.end_word(out)?;
        match byte {
            b'\\' => {
                return Err(self
                    .hostile("a backslash outside of a text: a command for the client, not for the server"));
            }
            b'-' => self.state = State::Dash,
            b'/' => self.state = State::Slash,
            b'*' if self.executable => self.state = State::Star,
            b'#' => {
                self.comment.clear();
                self.between(b"#", out)?;
                self.state = State::Line;
            }
            b'\'' | b'"' | b'`' => {
                self.keep(byte, out)?;
                self.tail.clear();
                self.state = State::Quote { by: byte, escaped: false, text: Vec::new() };
            }
            _ => return self.sign(byte, out),
        }
        Ok(())
    }

    fn sign(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.keep(byte, out)?;
        self.remember(byte);
        if self.tail == self.delimiter {
            return self.end_statement(out);
        }
        // Half of a delimiter is no word of the statement.
        if !byte.is_ascii_whitespace() && !self.delimiter.starts_with(&[byte]) {
            self.token(Token::Sign(byte), 1, out)?;
        }
        Ok(())
    }

    fn ends_here(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.tail == self.delimiter { self.end_statement(out) } else { Ok(()) }
    }

    fn remember(&mut self, byte: u8) {
        if self.tail.len() == self.delimiter.len() {
            self.tail.remove(0);
        }
        self.tail.push(byte);
    }

    /// The rest of a `DELIMITER` line.
    fn delimiter_line(&mut self, mut text: Vec<u8>, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if byte != b'\n' {
            if text.len() < 64 && byte != b'\r' {
                text.push(byte);
            }
            self.state = State::Delimiter(text);
            return Ok(());
        }
        let delimiter = text.trim_ascii().to_vec();
        let sound = !delimiter.is_empty()
            && delimiter.len() <= 16
            && delimiter.iter().all(|byte| b";$|/~^&!%".contains(byte));
        if !sound {
            return Err(self.hostile("a DELIMITER that no dump program writes"));
        }
        out.extend_from_slice(&delimiter);
        out.push(b'\n');
        self.delimiter = delimiter;
        self.tail.clear();
        self.state = State::Code;
        Ok(())
    }

    fn end_statement(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.word.clear();
        self.tail.clear();
        self.executable = false;
        let statement = std::mem::replace(&mut self.statement, Statement::new());
        let newlines =
            |text: &[u8], out: &mut Vec<u8>| out.extend(text.iter().filter(|byte| **byte == b'\n'));
        let judgement = if statement.passed { Judgement::Pass } else { self.judge(&statement) };
        match judgement {
            Judgement::Pass => out.extend_from_slice(&statement.text),
            Judgement::Cut(parts, what) => {
                if let Some(what) = what {
                    self.found.leave_out(what);
                }
                let mut from = 0;
                for part in parts {
                    out.extend_from_slice(&statement.text[from..part.start]);
                    newlines(&statement.text[part.clone()], out);
                    from = part.end;
                }
                out.extend_from_slice(&statement.text[from..]);
            }
            Judgement::Alter(from) => {
                newlines(&statement.text[..from], out);
                out.extend_from_slice(b"ALTER DATABASE ");
                out.extend_from_slice(&statement.text[from..]);
            }
            Judgement::LeaveOut(what) => {
                self.found.leave_out(what);
                newlines(&statement.text, out);
            }
            Judgement::Refuse(what) => return Err(Refusal { line: statement.line, what, hostile: true }),
        }
        Ok(())
    }

    fn judge(&mut self, statement: &Statement) -> Judgement {
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
                "a character set in which letters can look like quotes: dump with --default-character-set=utf8mb4".to_owned(),
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

    /// One byte. True: it was not taken, and is to be given again.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<bool, Refusal> {
        match std::mem::replace(&mut self.state, State::Code) {
            State::Code => self.code(byte, out)?,
            State::Dash if byte == b'-' => self.state = State::DashDash,
            State::Dash => {
                self.sign(b'-', out)?;
                return Ok(true);
            }
            State::DashDash if byte.is_ascii_whitespace() || byte.is_ascii_control() => {
                self.comment.clear();
                self.between(b"--", out)?;
                self.state = State::Line;
                return Ok(true);
            }
            State::DashDash => {
                self.sign(b'-', out)?;
                self.sign(b'-', out)?;
                return Ok(true);
            }
            State::Slash if byte == b'*' => self.state = State::Opening(b"/*".to_vec()),
            State::Slash => {
                self.sign(b'/', out)?;
                return Ok(true);
            }
            State::Opening(mut so_far) => match (so_far.as_slice(), byte) {
                (b"/*", b'M') => {
                    so_far.push(byte);
                    self.state = State::Opening(so_far);
                }
                (b"/*" | b"/*M", b'!') => {
                    so_far.push(byte);
                    so_far.iter().try_for_each(|byte| self.keep(*byte, out))?;
                    self.tail.clear();
                    self.executable = true;
                    self.state = State::Number;
                }
                _ => {
                    self.between(&so_far, out)?;
                    self.state = State::Block(0);
                    return Ok(true);
                }
            },
            State::Number if byte.is_ascii_digit() => {
                self.keep(byte, out)?;
                self.state = State::Number;
            }
            State::Number
                if byte == b'\\'
                    && self.statement.text.ends_with(b"!999999")
                    && self.statement.tokens.is_empty() =>
            {
                // `/*M!999999\- enable the sandbox mode */`: the client is restricted in any case.
                self.statement = Statement::new();
                self.executable = false;
                self.state = State::Block(0);
                out.extend_from_slice(b"/*");
            }
            State::Number => return Ok(true),
            State::Star if byte == b'/' => {
                self.keep(b'*', out)?;
                self.keep(b'/', out)?;
                self.tail.clear();
                self.executable = false;
            }
            State::Star => {
                self.sign(b'*', out)?;
                return Ok(true);
            }
            State::Line => {
                self.between(&[byte], out)?;
                if byte == b'\n' {
                    let end = self.comment.starts_with(&MYSQL_END.as_bytes()[2..]);
                    self.closed = self.closed || end && !self.begun();
                } else {
                    if self.comment.len() < 100 {
                        self.comment.push(byte);
                    }
                    self.state = State::Line;
                }
            }
            State::Block(before) => {
                self.between(&[byte], out)?;
                if (before, byte) != (b'*', b'/') {
                    self.state = State::Block(byte);
                }
            }
            State::Quote { by, escaped, mut text } => {
                self.keep(byte, out)?;
                if byte == by && !escaped {
                    self.state = State::QuoteEnd { by, text };
                } else {
                    if text.len() < LONGEST_NAME && !self.statement.passed {
                        text.push(byte);
                    }
                    let escaped = self.escapes && by != b'`' && !escaped && byte == b'\\';
                    self.state = State::Quote { by, escaped, text };
                }
            }
            State::QuoteEnd { by, mut text } if byte == by => {
                self.keep(byte, out)?;
                text.push(byte);
                self.state = State::Quote { by, escaped: false, text };
            }
            State::QuoteEnd { by, text } => {
                let length = text.len() + 2 + text.iter().filter(|byte| **byte == by).count();
                let text = String::from_utf8_lossy(&text).into_owned();
                self.token(if by == b'`' { Token::Name(text) } else { Token::Text(text) }, length, out)?;
                return Ok(true);
            }
            State::Delimiter(text) => self.delimiter_line(text, byte, out)?,
        }
        Ok(false)
    }

    /// Takes what cannot end the text that is being read, at one go.
    fn quoted(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        let State::Quote { by, escaped: false, .. } = self.state else { return 0 };
        if !self.statement.passed {
            return 0;
        }
        let end = piece.iter().position(|byte| *byte == by || *byte == b'\\').unwrap_or(piece.len());
        out.extend_from_slice(&piece[..end]);
        self.line += piece[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        end
    }
}

fn elsewhere() -> String {
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
fn qualified(tokens: &[Token]) -> bool {
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
    if sign(last + 1, b'(') && sign(last + 2, b')') {
        last += 2;
    } else if sign(last + 1, b'@') {
        last += 2;
    }
    let end = statement.places.get(last)?.end;
    Some(statement.places[at].start..end)
}

impl Sieve for MysqlSieve {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut at = 0;
        while at < piece.len() {
            at += self.quoted(&piece[at..], out);
            let Some(byte) = piece.get(at).copied() else { break };
            let line = self.line;
            while self.step(byte, out)? {}
            self.line = line + u64::from(byte == b'\n');
            at += 1;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        // A last line without its end is one all the same.
        if matches!(self.state, State::Line | State::DashDash) {
            while self.step(b'\n', out)? {}
        }
        if self.begun() || self.state != State::Code || !self.closed {
            let what = super::super::format::not_whole(ServerEngine::Mysql);
            return Err(Refusal { line: self.line, what, hostile: false });
        }
        Ok(())
    }

    fn found(&self) -> &Found {
        &self.found
    }
}
