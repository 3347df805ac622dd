//! What a terminal can show: its width, its colours, its letters.

use super::escape::plain;
use crate::metrics::{CheckResult, PhaseKind};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns; fewer than 40 are taken for 40.
    pub width: usize,
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { width: 80, colour: false, unicode: true }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

impl TextStyle {
    pub(super) fn bounded(self) -> Self {
        Self { width: self.width.clamp(40, 240), ..self }
    }

    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => return text.to_owned(),
            _ if !self.colour || text.trim().is_empty() => return text.to_owned(),
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Good => "32",
            Ink::Warn => "33",
            Ink::Bad => "1;31",
        };
        match text.strip_suffix('\n') {
            Some(line) => format!("\u{1b}[{code}m{line}\u{1b}[0m\n"),
            None => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    pub(super) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { ".." }
    }

    pub(super) fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    pub(super) fn mark(self, result: CheckResult) -> (&'static str, Ink) {
        match result {
            CheckResult::Passed => (self.pick("✔", "+"), Ink::Good),
            CheckResult::Failed => (self.pick("✘", "x"), Ink::Bad),
            CheckResult::Error => ("!", Ink::Bad),
            CheckResult::NotRun => (self.pick("○", "-"), Ink::Dim),
        }
    }

    /// The letter of a bar.
    pub(super) fn letter(self, kind: PhaseKind) -> char {
        let (unicode, ascii) = match kind {
            PhaseKind::Preflight | PhaseKind::Choosing => ('░', ':'),
            PhaseKind::Queued => ('·', '.'),
            PhaseKind::Restoring => ('█', '#'),
            PhaseKind::Hydrating => ('▂', '_'),
            PhaseKind::Checking => ('▓', '='),
            PhaseKind::Command => ('▚', '%'),
            PhaseKind::Person => ('?', '?'),
            PhaseKind::Backoff => ('╌', '~'),
            PhaseKind::Removing => ('─', '-'),
            PhaseKind::Kept => ('▒', 'k'),
        };
        if self.unicode { unicode } else { ascii }
    }
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The text in so many columns, cut where it is longer.
pub(super) fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(width(ellipsis));
    let mut out = String::new();
    for c in text.chars() {
        let takes = c.width().unwrap_or(0);
        if takes > left {
            break;
        }
        left -= takes;
        out.push(c);
    }
    out + ellipsis
}

/// The text filled up to so many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    text.to_owned() + &" ".repeat(columns.saturating_sub(width(text)))
}

/// A page under construction, no line of which is wider than the terminal.
pub(super) struct Paper {
    pub style: TextStyle,
    pub out: String,
}

impl Paper {
    /// A line as it is; the caller has seen to its width.
    pub fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// An empty line, a title, and what belongs beside it.
    pub fn title(&mut self, text: &str, beside: &str) {
        self.out.push('\n');
        let title = self.style.paint(Ink::Bold, text);
        let room = self.style.width.saturating_sub(width(text) + 2);
        let beside = cut(&self.spelled(beside), room, self.style.ellipsis());
        self.line(&if beside.is_empty() { title } else { format!("{title}  {beside}") });
    }

    /// Wrapped at spaces; what follows the first line is indented under its text.
    pub fn wrapped(&mut self, first: &str, text: &str, ink: Ink) {
        let mut first = first;
        if width(first) + 16 > self.style.width {
            self.line(first);
            first = "      ";
        }
        let indent = width(first);
        for (at, line) in self.folded(text, self.style.width.saturating_sub(indent)).iter().enumerate() {
            let lead = if at == 0 { first.to_owned() } else { " ".repeat(indent) };
            let painted = self.style.paint(ink, line);
            self.line(&format!("{lead}{painted}"));
        }
    }

    /// The same after a coloured mark of one column, at `indent`.
    pub fn marked(&mut self, indent: usize, mark: &str, ink: Ink, text: &str) {
        let room = self.style.width.saturating_sub(indent + 2);
        for (at, line) in self.folded(text, room).iter().enumerate() {
            let mark = if at == 0 { self.style.paint(ink, mark) } else { " ".to_owned() };
            self.line(&format!("{}{mark} {line}", " ".repeat(indent)));
        }
    }

    /// What the terminal can show of a text that others wrote.
    fn spelled(&self, text: &str) -> String {
        let text = plain(text);
        if self.style.unicode {
            return text;
        }
        let mut out = String::new();
        for c in text.chars() {
            match c {
                c if c.is_ascii() => out.push(c),
                '–' | '—' => out.push('-'),
                '…' => out.push_str(".."),
                '→' => out.push_str("->"),
                c => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
            }
        }
        out
    }

    fn folded(&self, text: &str, room: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for paragraph in self.spelled(text).lines() {
            let mut line = String::new();
            for piece in paragraph.split_whitespace().flat_map(|word| pieces(word, room)) {
                if !line.is_empty() && width(&line) + 1 + width(&piece) > room {
                    lines.push(std::mem::take(&mut line));
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&piece);
            }
            lines.push(line);
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
        lines
    }
}

/// A word in pieces that fit.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let takes = c.width().unwrap_or(0);
        if used + takes > room {
            pieces.push(String::new());
            used = 0;
        }
        used += takes;
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(width: usize, unicode: bool) -> Paper {
        Paper { style: TextStyle { width, colour: false, unicode }, out: String::new() }
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(cut("日本語テキスト", 7, "…"), "日本語…");
        assert_eq!(width(&pad("日本", 6)), 6);
    }

    #[test]
    fn long_texts_are_wrapped_under_their_beginning() {
        let mut paper = paper(24, true);
        paper.wrapped("  why: ", "the disk is full\u{7} and abcdefghijklmnopqrstuvwxyz", Ink::Plain);
        assert_eq!(
            paper.out,
            "  why: the disk is\n       full<U+0007> and\n       abcdefghijklmnopq\n       rstuvwxyz\n"
        );
    }

    #[test]
    fn letters_that_cannot_be_shown_are_spelled_before_they_are_wrapped() {
        let mut paper = paper(40, false);
        paper.marked(2, "+", Ink::Good, &"日本語".repeat(6));
        assert!(paper.out.is_ascii());
        assert!(paper.out.lines().all(|line| line.len() <= 40), "{}", paper.out);
    }
}
