//! The sieve of plain PostgreSQL dumps, between the file and `psql`.
//!
//! Words, quotes and the ends of statements are told as `psql` tells them (`psqlscan.l`): dollar quotes, `E''` strings,
//! nested comments, parentheses, `BEGIN ATOMIC` bodies.

mod judge;
mod step;

use super::{Found, LONGEST_HELD, Refusal, Sieve, Token, begins};
use crate::playbook::{Extensions, Roles};
use judge::{Judgement, passes_at_once};

/// A name longer than this is none; a text is not kept beyond it.
const LONGEST_NAME: usize = 1024;

/// A statement has this many words before it is of no interest any more.
const MOST_TOKENS: usize = 4096;

/// Looks through a plain dump of PostgreSQL.
pub(in super::super) struct PostgresSieve {
    roles: Roles,
    extensions: Extensions,
    state: State,
    line: u64,
    /// Whether a backslash in `'…'` is a backslash.
    standard: bool,
    /// The word that is being read.
    word: Vec<u8>,
    statement: Statement,
    /// The comment that is being read, as far as it can matter.
    comment: Vec<u8>,
    /// The database that `\connect` led to.
    connected: Option<Vec<u8>>,
    /// Whether something was created.
    made: bool,
    /// An `E''` string has just ended.
    after_escaped: bool,
    /// Whether the closing line has been seen, and nothing since.
    closed: bool,
    found: Found,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Code,
    /// After a `-`, or a `/`: it may begin a comment.
    Dash,
    Slash,
    Line,
    /// Nested so deep; the byte before.
    Block(u32, u8),
    /// Within `'…'`.
    Quote {
        escapes: bool,
        escaped: bool,
        text: Vec<u8>,
    },
    /// After a `'` within such: its end, or half of a doubled one.
    QuoteEnd {
        escapes: bool,
        text: Vec<u8>,
    },
    /// Within `"…"`.
    Name(Vec<u8>),
    NameEnd(Vec<u8>),
    /// After `$`, with what may be the name of a dollar quote.
    Tag(Vec<u8>),
    /// Within a dollar quote: its delimiter, and the last bytes.
    Dollar(Vec<u8>, Vec<u8>),
    /// A line that begins with a backslash.
    Meta(Vec<u8>),
    /// After `COPY … FROM stdin;`, before the end of that line.
    CopyLine,
    /// Rows. The first bytes of the line, at most five.
    Copy(Vec<u8>),
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Not known yet: its text is held back.
    Held,
    Passed,
}

struct Statement {
    text: Vec<u8>,
    tokens: Vec<Token>,
    fate: Fate,
    /// Parentheses that are open.
    depth: i64,
    /// `BEGIN ATOMIC` bodies, and `CASE`s in them, that are open.
    begun: u32,
    line: u64,
}

impl Statement {
    fn new() -> Self {
        Self { text: Vec::new(), tokens: Vec::new(), fate: Fate::Held, depth: 0, begun: 0, line: 0 }
    }
}

impl PostgresSieve {
    /// With what becomes of roles and extensions.
    pub(in super::super) fn new(roles: Roles, extensions: Extensions) -> Self {
        Self {
            roles,
            extensions,
            state: State::Code,
            line: 1,
            standard: true,
            word: Vec::new(),
            statement: Statement::new(),
            comment: Vec::new(),
            connected: None,
            made: false,
            after_escaped: false,
            closed: false,
            found: Found::default(),
        }
    }

    fn hostile(&self, what: impl Into<String>) -> Refusal {
        Refusal { line: self.line, what: what.into(), hostile: true }
    }

    fn begun(&self) -> bool {
        !self.statement.tokens.is_empty() || !self.word.is_empty() || !self.statement.text.is_empty()
    }

    /// A byte that is part of a statement, or stands between two.
    fn keep(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        match self.statement.fate {
            Fate::Held if !self.begun() && byte.is_ascii_whitespace() => out.push(byte),
            Fate::Held => {
                if self.statement.text.is_empty() {
                    self.statement.line = self.line;
                }
                if self.statement.text.len() >= LONGEST_HELD {
                    return Err(self.hostile("a statement that must be looked at as a whole has no end"));
                }
                self.statement.text.push(byte);
            }
            Fate::Passed => out.push(byte),
        }
        Ok(())
    }

    fn token(&mut self, token: Token, out: &mut Vec<u8>) {
        self.closed = false;
        if self.statement.fate == Fate::Passed || self.statement.tokens.len() >= MOST_TOKENS {
            return;
        }
        self.statement.tokens.push(token);
        if passes_at_once(&self.statement.tokens) {
            self.made |= begins(&self.statement.tokens, &["CREATE"]);
            self.statement.fate = Fate::Passed;
            out.append(&mut self.statement.text);
        }
    }

    fn end_word(&mut self, out: &mut Vec<u8>) {
        if self.word.is_empty() {
            return;
        }
        self.after_escaped = false;
        let word = String::from_utf8_lossy(&std::mem::take(&mut self.word)).to_uppercase();
        self.count_bodies(&word);
        self.token(Token::Word(word), out);
    }

    /// As `psql` does it, so that the semicolons within a function's body do not end the statement.
    fn count_bodies(&mut self, word: &str) {
        let is = |at: usize, words: &[&str]| {
            self.statement.tokens.get(at).is_some_and(|token| words.iter().any(|word| token.is(word)))
        };
        let routine = &["FUNCTION", "PROCEDURE"];
        let in_routine = is(0, &["CREATE"])
            && (is(1, routine) || is(1, &["OR"]) && is(2, &["REPLACE"]) && is(3, routine))
            && self.statement.depth == 0;
        match word {
            "BEGIN" if in_routine => self.statement.begun += 1,
            "CASE" if in_routine && self.statement.begun > 0 => self.statement.begun += 1,
            "END" if in_routine => self.statement.begun = self.statement.begun.saturating_sub(1),
            _ => {}
        }
    }

    /// The semicolon has come.
    fn end_statement(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let statement = std::mem::replace(&mut self.statement, Statement::new());
        let judgement = match statement.fate {
            Fate::Passed => Judgement::Pass,
            Fate::Held => self.judge(&statement.tokens),
        };
        match judgement {
            Judgement::Pass => out.extend_from_slice(&statement.text),
            Judgement::PassRows => {
                out.extend_from_slice(&statement.text);
                self.state = State::CopyLine;
            }
            Judgement::LeaveOut(what) => {
                self.found.leave_out(what);
                out.extend(statement.text.iter().filter(|byte| **byte == b'\n'));
            }
            Judgement::Refuse(what) => return Err(Refusal { line: statement.line, what, hostile: true }),
        }
        Ok(())
    }

    fn code(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let part_of_word = byte.is_ascii_alphanumeric()
            || byte == b'_'
            || byte >= 0x80
            || byte == b'$' && !self.word.is_empty();
        if part_of_word {
            self.keep(byte, out)?;
            if self.word.len() < LONGEST_NAME {
                self.word.push(byte);
            }
            return Ok(());
        }
        let prefix = std::mem::take(&mut self.word);
        let escape_string = byte == b'\'' && prefix.eq_ignore_ascii_case(b"e");
        if !escape_string {
            self.word = prefix;
            self.end_word(out);
        }
        if byte == b'\\' {
            if self.begun() {
                return Err(self.hostile(
                    "a backslash in the middle of a statement: a command for psql, not for the server",
                ));
            }
            self.state = State::Meta(vec![byte]);
            return Ok(());
        }
        if !byte.is_ascii_whitespace() && !matches!(byte, b'-' | b'/' | b'\'') {
            self.after_escaped = false;
        }
        match byte {
            b';' if self.statement.depth <= 0 && self.statement.begun == 0 => {
                self.keep(byte, out)?;
                self.end_statement(out)
            }
            b'-' => {
                self.state = State::Dash;
                Ok(())
            }
            b'/' => {
                self.state = State::Slash;
                Ok(())
            }
            b'\'' => {
                if std::mem::take(&mut self.after_escaped) && !escape_string {
                    return Err(self
                        .hostile("an E'' string that goes on after its end, which pg_dump does not write"));
                }
                self.keep(byte, out)?;
                let escapes = escape_string || !self.standard;
                self.state = State::Quote { escapes, escaped: false, text: Vec::new() };
                Ok(())
            }
            b'"' => {
                self.keep(byte, out)?;
                self.state = State::Name(Vec::new());
                Ok(())
            }
            b'$' => {
                self.keep(byte, out)?;
                self.state = State::Tag(Vec::new());
                Ok(())
            }
            _ => self.sign(byte, out),
        }
    }

    fn sign(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.keep(byte, out)?;
        match byte {
            b'(' => self.statement.depth += 1,
            b')' => self.statement.depth -= 1,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            self.token(Token::Sign(byte), out);
        }
        Ok(())
    }
}

impl Sieve for PostgresSieve {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if piece.contains(&0) {
            return Err(Refusal {
                line: self.line,
                what: "a zero byte, which no text of PostgreSQL has".to_owned(),
                hostile: false,
            });
        }
        let mut at = 0;
        while at < piece.len() {
            if let State::Copy(begun) = &mut self.state {
                let begun = std::mem::take(begun);
                at += self.rows(begun, &piece[at..], out);
                continue;
            }
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
        if matches!(self.state, State::Meta(_) | State::Line) {
            self.step(b'\n', out)?;
        }
        if self.begun() || self.state != State::Code || !self.closed {
            let what = super::super::format::not_whole(crate::playbook::ServerEngine::Postgres);
            return Err(Refusal { line: self.line, what, hostile: false });
        }
        Ok(())
    }

    fn found(&self) -> &Found {
        &self.found
    }
}
