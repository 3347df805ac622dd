//! Plain dumps on their way to `psql` or `mysql`: statements that would leave the scratch database, start a program or
//! speak to the client rather than to the server are refused or left out.
//!
//! A dump is a program in SQL, and whoever can write into the folder of backups writes it. What runs it here is a scratch
//! server and a client on firedrill's machine, so three fences stand one behind the other: this sieve, the client's own
//! restricted mode (`\restrict`, `--binary-mode`, `--sandbox`), and the rights of the login on the scratch server. A sieve
//! alone is none: SQL can hide what it does in functions. See `docs/dumps.md`.
//!
//! Dumps are streams of any size. A statement is held back only while its first words do not tell what it is; the rows
//! of `COPY` and `INSERT` pass as they come. Lines are kept in number, so that an error names the right one.

pub(super) mod mysql;
pub(super) mod names;
pub(super) mod postgres;

use std::collections::{BTreeMap, BTreeSet};

/// A statement that must be looked at as a whole may be this long.
pub(super) const LONGEST_HELD: usize = 16 * 1024 * 1024;

/// Looks through a dump, piece by piece.
pub(super) trait Sieve: Send {
    /// Takes the next piece, and gives what may pass of it.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal>;

    /// The dump has ended. `Err`: too early, or in the middle of something.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal>;

    /// What was found on the way.
    fn found(&self) -> &Found;
}

/// Why a dump is not restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// From 1.
    pub(super) line: u64,
    /// What is there, without any value.
    pub(super) what: String,
    /// Whether the dump is no dump as the dump programs write them, rather than cut off or damaged.
    pub(super) hostile: bool,
}

/// What was found in a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Statements that were left out, by what they are.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    /// Roles that own something or are granted something.
    pub(super) roles: BTreeSet<String>,
    /// Those among them that whoever restores has to act as.
    pub(super) owners: BTreeSet<String>,
    /// Extensions that are created.
    pub(super) extensions: BTreeSet<String>,
}

impl Found {
    /// Notes a statement that is left out.
    fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }

    /// For a person: `3 grants, 1 subscription`.
    pub(super) fn left_out_in_words(&self) -> Option<String> {
        let words: Vec<String> =
            self.left_out.iter().map(|(what, count)| format!("{what} ({count})")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// A word of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or a name without quotes, in upper case.
    Word(String),
    /// A quoted name.
    Name(String),
    /// A text; its value is not kept beyond what a name can be long.
    Text(String),
    /// Anything else, a byte of it.
    Sign(u8),
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(text) if text == word)
    }
}

/// Whether the statement begins with these words.
fn begins(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, word)| token.is(word))
}

#[cfg(test)]
mod tests;
