//! The sieve's way through the bytes of a PostgreSQL dump: from one state to the next.

use super::{Fate, LONGEST_NAME, PostgresSieve, State};
use crate::provider::dump::{
    format::PG_END,
    sql::{Refusal, Token},
};

impl PostgresSieve {
    /// One byte. True: it was not taken, and is to be given again.
    pub(super) fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<bool, Refusal> {
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
    pub(super) fn between(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.begun() || self.statement.fate == Fate::Passed {
            return bytes.iter().try_for_each(|byte| self.keep(*byte, out));
        }
        out.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes what cannot end the text that is being read, at one go.
    pub(super) fn quoted(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
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
    pub(super) fn rows(&mut self, mut begun: Vec<u8>, piece: &[u8], out: &mut Vec<u8>) -> usize {
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
