//! Values that must never be written down, and taking them out of texts.

use std::fmt;

/// What is put in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter values are not looked for: they would be found everywhere and hide nothing.
const SHORTEST: usize = 4;

/// Values that live in memory only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<Vec<u8>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Remembers a value, and each line of one that has several: tools print keys line by line.
    pub fn add(&mut self, value: &str) {
        let lines = value.lines().map(str::trim);
        for part in std::iter::once(value).chain(lines) {
            let part = part.as_bytes();
            if part.len() >= SHORTEST && !self.0.iter().any(|known| known == part) {
                self.0.push(part.to_vec());
            }
        }
        // The longest first, so that a secret within a secret leaves nothing of the outer one.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.redact_bytes(text.as_bytes())).into_owned()
    }

    /// The bytes without secrets.
    pub(super) fn redact_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            match self.0.iter().find(|secret| bytes[at..].starts_with(secret)) {
                Some(secret) => {
                    kept.extend_from_slice(REDACTED.as_bytes());
                    at += secret.len();
                }
                None => {
                    kept.push(bytes[at]);
                    at += 1;
                }
            }
        }
        kept
    }

    /// Where to begin in bytes whose front was cut off, so that no end of a secret is left at the cut.
    pub(super) fn after_cut(&self, bytes: &[u8]) -> usize {
        let end_of = |secret: &Vec<u8>| {
            let whole = bytes.starts_with(secret);
            (1..secret.len()).rev().find(|&n| !whole && bytes.starts_with(&secret[secret.len() - n..]))
        };
        self.0.iter().filter_map(end_of).max().unwrap_or(0)
    }

    /// Where to stop in bytes that may end in the middle of a secret: a killed command stops anywhere.
    pub(super) fn before_end(&self, bytes: &[u8]) -> usize {
        let begin_of =
            |secret: &Vec<u8>| (SHORTEST..secret.len()).rev().find(|&n| bytes.ends_with(&secret[..n]));
        bytes.len() - self.0.iter().filter_map(begin_of).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        values.iter().for_each(|value| secrets.add(value));
        secrets
    }

    #[test]
    fn secrets_are_taken_out_the_longest_first() {
        let secrets = secrets(&["hunter", "hunter2000", "abc"]);
        assert_eq!(secrets.redact("a hunter2000 b hunter c abc"), "a [redacted] b [redacted] c abc");
    }

    #[test]
    fn each_line_of_a_key_is_a_secret() {
        let secrets = secrets(&["-----BEGIN\nMIIEpAIB\n"]);
        assert_eq!(secrets.redact("x MIIEpAIB"), "x [redacted]");
    }

    #[test]
    fn no_end_of_a_secret_is_left_at_a_cut() {
        let secrets = secrets(&["s3cr3t-value"]);
        assert_eq!(secrets.after_cut(b"r3t-value and more"), 9);
        assert_eq!(secrets.after_cut(b"s3cr3t-value whole"), 0);
        assert_eq!(secrets.after_cut(b"nothing here"), 0);
    }

    #[test]
    fn no_begin_of_a_secret_is_left_at_the_end() {
        let secrets = secrets(&["s3cr3t-value"]);
        assert_eq!(secrets.before_end(b"pw=s3cr3t"), 3);
        assert_eq!(secrets.before_end(b"classes3"), 8);
    }

    #[test]
    fn a_debug_print_shows_no_secret() {
        assert_eq!(format!("{:?}", secrets(&["hunter2000"])), "Secrets(1)");
    }
}
