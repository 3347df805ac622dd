//! The sieve of plain PostgreSQL dumps, between the file and `psql`.
//!
//! Words, quotes and the ends of statements are told as `psql` tells them (`psqlscan.l`): dollar quotes, `E''` strings,
//! nested comments, parentheses, `BEGIN ATOMIC` bodies.

use super::{Found, LONGEST_HELD, Refusal, Sieve, Token, begins, names};
use crate::{
    playbook::{Extensions, Roles},
    provider::dump::format::PG_END,
};

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

/// What is to be done with a statement whose words are known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Judgement {
    Pass,
    /// It brings rows.
    PassRows,
    LeaveOut(&'static str),
    Refuse(String),
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

    fn judge(&mut self, tokens: &[Token]) -> Judgement {
        let is = |words: &[&str]| begins(tokens, words);
        let makes = is(&["CREATE"]) || is(&["ALTER"]) || is(&["DROP"]);
        let second =
            |words: &[&str]| tokens.get(1).is_some_and(|token| words.iter().any(|word| token.is(word)));
        let mapping = second(&["USER"]) && tokens.get(2).is_some_and(|token| token.is("MAPPING"));
        if is(&["COPY"]) {
            let from = names::outside(tokens, |token| token.is("FROM") || token.is("TO"));
            let rows =
                |at: usize| tokens[at].is("FROM") && tokens.get(at + 1).is_some_and(|next| next.is("STDIN"));
            return match from.as_slice() {
                [at] if rows(*at) => Judgement::PassRows,
                _ => Judgement::Refuse("COPY from or to a file or a program of the server".to_owned()),
            };
        }
        if makes && mapping {
            return Judgement::LeaveOut("user mappings to other servers");
        }
        if makes && second(&["SUBSCRIPTION"]) {
            return Judgement::LeaveOut("subscriptions");
        }
        if makes && second(&["DATABASE"])
            || (is(&["COMMENT", "ON"]) || is(&["SECURITY", "LABEL"])) && on_database(tokens)
        {
            return Judgement::LeaveOut("properties of the database itself");
        }
        if (is(&["GRANT"]) || is(&["REVOKE"])) && on_database(tokens) {
            return Judgement::LeaveOut("grants on the database itself");
        }
        if makes && second(&["ROLE", "USER", "GROUP", "TABLESPACE", "SYSTEM"])
            || is(&["REASSIGN"])
            || is(&["DROP", "OWNED"])
        {
            let what =
                tokens.iter().take(2).filter_map(names::name).collect::<Vec<_>>().join(" ").to_uppercase();
            return Judgement::Refuse(format!(
                "{what}: it would change the server beyond the database that is restored"
            ));
        }
        if is(&["COMMENT", "ON", "ROLE"]) || is(&["COMMENT", "ON", "TABLESPACE"]) {
            return Judgement::Refuse("a comment on what does not belong to the database".to_owned());
        }
        if is(&["SET", "DEFAULT_TABLESPACE"]) {
            return Judgement::LeaveOut("tablespaces");
        }
        if is(&["SET", "STANDARD_CONFORMING_STRINGS"]) {
            let off = tokens.get(3).is_some_and(|value| {
                value.is("OFF")
                    || value.is("FALSE")
                    || matches!(value, Token::Text(text) if text == "off" || text == "false")
            });
            self.standard = !off;
            return Judgement::Pass;
        }
        self.judge_roles_and_extensions(tokens)
    }

    fn judge_roles_and_extensions(&mut self, tokens: &[Token]) -> Judgement {
        let is = |words: &[&str]| begins(tokens, words);
        let extension = is(&["CREATE", "EXTENSION"])
            || is(&["ALTER", "EXTENSION"])
            || is(&["COMMENT", "ON", "EXTENSION"]);
        if is(&["CREATE", "EXTENSION"]) {
            let named = tokens
                .iter()
                .skip(2)
                .find(|token| !["IF", "NOT", "EXISTS"].iter().any(|word| token.is(word)));
            self.found.extensions.extend(named.and_then(names::name));
        }
        if extension && self.extensions == Extensions::Skip {
            return Judgement::LeaveOut("extensions");
        }
        let policy = is(&["CREATE", "POLICY"]);
        let session = is(&["SET", "SESSION", "AUTHORIZATION"]) || is(&["RESET", "SESSION", "AUTHORIZATION"]);
        let grant = is(&["GRANT"]) || is(&["REVOKE"]) || is(&["ALTER", "DEFAULT", "PRIVILEGES"]);
        let owner = is(&["ALTER"]) && names::owner(tokens).is_some();
        if !(policy || session || grant || owner) {
            return Judgement::Pass;
        }
        let roles = names::roles(tokens);
        let named = !roles.all.is_empty();
        self.found.roles.extend(roles.all);
        self.found.owners.extend(roles.owners);
        match self.roles {
            Roles::Keep | Roles::Create => Judgement::Pass,
            Roles::Skip if policy && !named => Judgement::Pass,
            Roles::Skip if policy => Judgement::LeaveOut("policies for roles"),
            Roles::Skip if grant => Judgement::LeaveOut("grants"),
            Roles::Skip => Judgement::LeaveOut("owners"),
        }
    }

    /// A line of psql's own. Those of `pg_dump` are left out; any other is none of a dump.
    fn meta(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let command = words.next().unwrap_or_default();
        let rest: Vec<&[u8]> = words.collect();
        match (command, rest.as_slice()) {
            (b"\\restrict" | b"\\unrestrict", [_]) => Ok(()),
            (b"\\connect", [database]) => {
                let database = database.to_vec();
                match &self.connected {
                    Some(first) if *first != database => Err(Refusal {
                        line: self.line,
                        what: "a second \\connect: it holds several databases; make one dump of each"
                            .to_owned(),
                        hostile: true,
                    }),
                    _ => {
                        self.connected = Some(database);
                        self.found.leave_out("\\connect");
                        Ok(())
                    }
                }
            }
            _ => {
                let name = String::from_utf8_lossy(&command[1..]).into_owned();
                let plain =
                    name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'!');
                let shown = if plain { format!("`\\{name}`") } else { "a backslash".to_owned() };
                Err(self.hostile(format!(
                    "{shown}: a command for psql, not for the server, and none that pg_dump writes"
                )))
            }
        }
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

    /// One byte. True: it was not taken, and is to be given again.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<bool, Refusal> {
        match std::mem::replace(&mut self.state, State::Code) {
            State::Code => self.code(byte, out)?,
            State::Dash if byte == b'-' => {
                self.comment.clear();
                self.state = State::Line;
                self.between(b"--", out)?;
            }
            State::Slash if byte == b'*' => {
                self.state = State::Block(1, 0);
                self.between(b"/*", out)?;
            }
            State::Dash => {
                self.after_escaped = false;
                self.sign(b'-', out)?;
                return Ok(true);
            }
            State::Slash => {
                self.after_escaped = false;
                self.sign(b'/', out)?;
                return Ok(true);
            }
            State::Line => {
                self.between(&[byte], out)?;
                if byte != b'\n' {
                    if self.comment.len() < 100 {
                        self.comment.push(byte);
                    }
                    self.state = State::Line;
                } else if !self.begun() && self.comment.trim_ascii_end() == &PG_END.as_bytes()[2..] {
                    self.closed = true;
                }
            }
            State::Block(depth, before) => {
                self.between(&[byte], out)?;
                self.state = match (before, byte) {
                    (b'*', b'/') if depth == 1 => State::Code,
                    (b'*', b'/') => State::Block(depth - 1, 0),
                    (b'/', b'*') => State::Block(depth + 1, 0),
                    _ => State::Block(depth, byte),
                };
            }
            State::Quote { escapes, escaped, mut text } => {
                self.keep(byte, out)?;
                self.state = match byte {
                    b'\'' if !escaped => State::QuoteEnd { escapes, text },
                    _ => {
                        if text.len() < LONGEST_NAME && self.statement.fate == Fate::Held {
                            text.push(byte);
                        }
                        State::Quote { escapes, escaped: escapes && !escaped && byte == b'\\', text }
                    }
                };
            }
            State::QuoteEnd { escapes, mut text } if byte == b'\'' => {
                self.keep(byte, out)?;
                text.push(byte);
                self.state = State::Quote { escapes, escaped: false, text };
            }
            State::QuoteEnd { escapes, text } => {
                self.after_escaped = escapes && self.standard;
                self.token(Token::Text(String::from_utf8_lossy(&text).into_owned()), out);
                return Ok(true);
            }
            State::Name(mut name) => {
                self.keep(byte, out)?;
                self.state = match byte {
                    b'"' => State::NameEnd(name),
                    _ => {
                        if name.len() < LONGEST_NAME {
                            name.push(byte);
                        }
                        State::Name(name)
                    }
                };
            }
            State::NameEnd(mut name) if byte == b'"' => {
                self.keep(byte, out)?;
                name.push(byte);
                self.state = State::Name(name);
            }
            State::NameEnd(name) => {
                self.token(Token::Name(String::from_utf8_lossy(&name).into_owned()), out);
                return Ok(true);
            }
            State::Tag(mut tag) => {
                let first = tag.is_empty();
                let fits = byte.is_ascii_alphabetic()
                    || byte == b'_'
                    || byte >= 0x80
                    || byte.is_ascii_digit() && !first;
                if byte == b'$' {
                    self.keep(byte, out)?;
                    tag.insert(0, b'$');
                    tag.push(b'$');
                    self.state = State::Dollar(tag, Vec::new());
                } else if fits && tag.len() < LONGEST_NAME {
                    self.keep(byte, out)?;
                    tag.push(byte);
                    self.state = State::Tag(tag);
                } else {
                    return Ok(true);
                }
            }
            State::Dollar(tag, mut last) => {
                self.keep(byte, out)?;
                if last.len() == tag.len() {
                    last.remove(0);
                }
                last.push(byte);
                if last == tag {
                    self.token(Token::Text(String::new()), out);
                } else {
                    self.state = State::Dollar(tag, last);
                }
            }
            State::Meta(mut line) => {
                if byte == b'\n' {
                    self.meta(&line)?;
                    out.push(byte);
                } else {
                    if line.len() < LONGEST_NAME {
                        line.push(byte);
                    }
                    self.state = State::Meta(line);
                }
            }
            State::CopyLine => match byte {
                b'\n' => {
                    out.push(byte);
                    self.state = State::Copy(Vec::new());
                }
                b'\r' => {
                    out.push(byte);
                    self.state = State::CopyLine;
                }
                _ => {
                    return Err(
                        self.hostile("something after COPY on its line, which pg_dump does not write")
                    );
                }
            },
            State::Copy(_) => return Err(self.hostile("rows where none can be")),
        }
        Ok(false)
    }

    /// A comment, or part of one: kept with the statement it is in.
    fn between(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.begun() || self.statement.fate == Fate::Passed {
            return bytes.iter().try_for_each(|byte| self.keep(*byte, out));
        }
        out.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes what cannot end the text that is being read, at one go.
    fn quoted(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        let State::Quote { escaped: false, .. } = self.state else { return 0 };
        if self.statement.fate == Fate::Held {
            return 0;
        }
        let end = piece.iter().position(|byte| matches!(byte, b'\'' | b'\\')).unwrap_or(piece.len());
        out.extend_from_slice(&piece[..end]);
        self.line += piece[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        end
    }

    /// Takes rows up to the line that ends them; gives how many bytes were taken.
    fn rows(&mut self, mut begun: Vec<u8>, piece: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < piece.len() {
            let end = memchr(b'\n', &piece[at..]).map(|end| at + end + 1);
            let line = &piece[at..end.unwrap_or(piece.len())];
            begun.extend_from_slice(&line[..line.len().min(5 - begun.len())]);
            out.extend_from_slice(line);
            at += line.len();
            if end.is_none() {
                break;
            }
            self.line += 1;
            if begun == b"\\.\n" || begun == b"\\.\r\n" {
                self.state = State::Code;
                return at;
            }
            begun.clear();
        }
        self.state = State::Copy(begun);
        at
    }
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    // Compiled to a search of several bytes at a time.
    bytes.iter().position(|other| *other == byte)
}

/// Whether these first words are those of a statement that is always passed on, however it goes on.
fn passes_at_once(tokens: &[Token]) -> bool {
    const HELD: [&str; 12] = [
        "ALTER", "GRANT", "REVOKE", "CREATE", "DROP", "COMMENT", "COPY", "SET", "RESET", "SECURITY",
        "REASSIGN", "IMPORT",
    ];
    const MADE: [&str; 14] = [
        "DATABASE",
        "ROLE",
        "USER",
        "GROUP",
        "TABLESPACE",
        "SUBSCRIPTION",
        "POLICY",
        "EXTENSION",
        "SYSTEM",
        "DEFAULT",
        "OR",
        "REPLACE",
        "FUNCTION",
        "PROCEDURE",
    ];
    let Some(Token::Word(first)) = tokens.first() else { return tokens.len() == 1 };
    if !HELD.contains(&first.as_str()) {
        return true;
    }
    // The words of a routine are needed until its body tells where the statement ends.
    if first != "CREATE" || tokens.len() < 2 {
        return false;
    }
    let second = |word: &&str| tokens[1].is(word);
    !MADE.iter().any(second)
}

fn on_database(tokens: &[Token]) -> bool {
    tokens.windows(2).any(|pair| pair[0].is("ON") && pair[1].is("DATABASE"))
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
