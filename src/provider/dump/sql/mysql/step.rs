//! The sieve's way through the bytes of a dump of MySQL or MariaDB: from one state to the next.

use super::{LONGEST_NAME, MysqlSieve, State, Statement};
use crate::provider::dump::{
    format::MYSQL_END,
    sql::{Refusal, Token},
};

impl MysqlSieve {
    /// One byte. True: it was not taken, and is to be given again.
    pub(super) fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<bool, Refusal> {
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
    pub(super) fn quoted(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
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
