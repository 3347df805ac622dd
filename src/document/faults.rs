//! Faults of a file, each at its place: what is wrong and what would be right.

use super::mask;
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A stretch of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file can't be used.
    Error,
    /// The file can be used, but likely says something else than its author meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileFault {
    /// Where.
    pub span: Span,
    /// How bad.
    pub severity: Severity,
    /// What is wrong. Never a secret.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// The faults of one file, in the order of their places.
#[derive(Clone)]
pub struct Faults {
    pub(super) file: PathBuf,
    pub(super) text: Arc<str>,
    pub(super) masks: Vec<Span>,
    /// Where lines begin.
    lines: Vec<usize>,
    list: Vec<FileFault>,
    /// How many errors were not kept.
    pub(super) beyond: usize,
}

/// More faults than this are not kept: nobody reads them, and a file of nothing else must not fill the memory.
const MAX_KEPT: usize = 200;

/// A place as people count: lines and columns (in characters) from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Faults {
    /// None yet.
    pub(crate) fn new(file: &Path, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.into(),
            masks: mask::secrets(text),
            lines: std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect(),
            list: Vec::new(),
            beyond: 0,
        }
    }

    /// One fault of a file that could not even be read.
    pub(crate) fn unreadable(file: &Path, message: impl Into<String>, help: &str) -> Self {
        let mut faults = Self::new(file, "");
        faults.error(Span::default(), message, Some(help));
        faults
    }

    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>, help: Option<&str>) {
        self.push(span, Severity::Error, message.into(), help.map(str::to_owned));
    }

    pub(crate) fn push(&mut self, span: Span, severity: Severity, message: String, help: Option<String>) {
        let start = floor(&self.text, span.start);
        let end = floor(&self.text, span.end).max(start);
        let fault = FileFault { span: Span { start, end }, severity, message, help };
        // An alias is read once for each use; its faults are the same ones.
        if self.list.contains(&fault) {
            return;
        }
        if self.list.len() >= MAX_KEPT {
            self.beyond += usize::from(fault.severity == Severity::Error);
        } else {
            let at = self.list.partition_point(|f| (f.span.start, f.span.end) <= (start, end));
            self.list.insert(at, fault);
        }
    }

    /// What is written there may be a secret, and is not shown.
    pub(crate) fn hide(&mut self, span: Span) {
        self.masks.push(span);
    }

    /// How many, of those that are kept.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether any of them makes the file unusable.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many of them make the file unusable.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|fault| fault.severity == Severity::Error).count() + self.beyond
    }

    /// The faults, by place.
    pub fn iter(&self) -> std::slice::Iter<'_, FileFault> {
        self.list.iter()
    }

    /// The file they are in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The text at a place.
    pub(crate) fn slice(&self, span: Span) -> Option<&str> {
        self.text.get(span.start..span.end)
    }

    /// Line and column of a byte of the text.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let offset = floor(&self.text, offset);
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|i| self.lines.get(i)).copied().unwrap_or(0);
        Place { line, column: self.text[start..offset].chars().count() + 1 }
    }

    /// The faults as objects with `file`, `line`, `column`, `length`, `severity`, `message`, `help`.
    pub fn to_json(&self) -> serde_json::Value {
        self.list
            .iter()
            .map(|fault| {
                let place = self.place(fault.span.start);
                let length = self.text.get(fault.span.start..fault.span.end).map_or(0, |t| t.chars().count());
                serde_json::json!({
                    "file": self.file.display().to_string(),
                    "line": place.line,
                    "column": place.column,
                    "length": length,
                    "severity": fault.severity,
                    "message": fault.message,
                    "help": fault.help,
                })
            })
            .collect()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a FileFault;
    type IntoIter = std::slice::Iter<'a, FileFault>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// As shown to a person: the text itself may hold secrets.
impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Faults {}

/// The nearest boundary of a character at or before `offset`.
pub(super) fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_the_order_of_their_places_and_once() {
        let mut faults = Faults::new(Path::new("x.yaml"), "a: 1\nö: 2\n");
        for start in [8, 0, 8] {
            faults.error(Span { start, end: start + 1 }, "wrong", None);
        }
        let lines: Vec<_> = faults.iter().map(|f| faults.place(f.span.start)).collect();
        assert_eq!(lines, [Place { line: 1, column: 1 }, Place { line: 2, column: 3 }]);
    }

    #[test]
    fn a_flood_of_faults_is_counted_and_not_kept() {
        let mut faults = Faults::new(Path::new("x.yaml"), &"x".repeat(500));
        for start in 0..500 {
            faults.error(Span { start, end: start + 1 }, "wrong", None);
        }
        assert_eq!((faults.len(), faults.errors()), (200, 500));
        assert!(faults.to_string().ends_with("\nand 300 more errors\n"), "{faults}");
    }

    #[test]
    fn places_beyond_the_text_or_inside_a_character_are_moved_into_it() {
        let mut faults = Faults::new(Path::new("x.yaml"), "ö");
        faults.error(Span { start: 1, end: 99 }, "wrong", None);
        assert_eq!(faults.iter().next().map(|f| f.span), Some(Span { start: 0, end: 2 }));
        assert_eq!(faults.to_json()[0]["length"], 1);
    }
}
