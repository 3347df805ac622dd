//! The sieve of dumps of MySQL and MariaDB, between the file and `mysql`.
//!
//! Words, quotes and the ends of statements are told as the client tells them: backslashes in texts, `` ` `` names,
//! `-- ` and `#` comments, `DELIMITER`. What stands in an executable comment (`/*!50003 … */`, `/*M!100616 … */`) is code.
//!
//! Accounts that a view, trigger or routine is to run as (`DEFINER`) are taken out: they are not on the scratch server, and
//! what they define would not work. It runs as whoever restores.

mod judge;
mod step;

use super::{Found, LONGEST_HELD, Refusal, Sieve, Token, begins};
use crate::playbook::ServerEngine;
use judge::{Judgement, elsewhere, qualified};
use std::ops::Range;

/// A name longer than this is none; a text is not kept beyond it.
const LONGEST_NAME: usize = 1024;

/// A statement has this many words before it is of no interest any more.
const MOST_TOKENS: usize = 8192;

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
