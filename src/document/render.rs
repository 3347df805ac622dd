//! Faults as text: one line that other programs can read, the line of the file, what would be right.
//!
//! ```text
//! drills/shop.yaml:12:5: error: a step has no key `ned`
//!    |
//! 12 |     ned: [orders-db]
//!    |     ^^^
//!    = help: did you mean `needs`?
//! ```

use super::{
    faults::{Faults, FileFault, Severity, Span, floor},
    words::harmless,
};
use std::fmt::Write as _;

const WIDTH: usize = 80;

/// The letters that colour a terminal; empty where colour is not wanted.
struct Paint {
    bold: &'static str,
    bad: &'static str,
    warn: &'static str,
    dim: &'static str,
    off: &'static str,
}

const PLAIN: Paint = Paint { bold: "", bad: "", warn: "", dim: "", off: "" };
const COLOUR: Paint = Paint {
    bold: "\u{1b}[1m",
    bad: "\u{1b}[1;31m",
    warn: "\u{1b}[1;33m",
    dim: "\u{1b}[34m",
    off: "\u{1b}[0m",
};

impl Faults {
    /// All faults as text, with an excerpt of the file each.
    pub fn render(&self, colour: bool) -> String {
        let paint = if colour { COLOUR } else { PLAIN };
        let mut out = String::new();
        for (i, fault) in self.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            self.render_one(&mut out, fault, &paint);
        }
        if self.beyond > 0 {
            // Writing to a String can't fail.
            let _ = writeln!(out, "\nand {} more errors", self.beyond);
        }
        out
    }

    fn render_one(&self, out: &mut String, fault: &FileFault, paint: &Paint) {
        let place = self.place(fault.span.start);
        let Paint { bold, bad, warn, dim, off } = *paint;
        let tone = if fault.severity == Severity::Error { bad } else { warn };
        let file: String = self.file().display().to_string().chars().map(harmless).collect();
        let message: String = fault.message.chars().map(harmless).collect();
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "{bold}{file}:{}:{}: {off}{tone}{}{off}{bold}: {message}{off}",
            place.line, place.column, fault.severity
        );
        let number = place.line.to_string();
        let margin = number.len();
        if !self.text.is_empty() {
            let (line, before, marked) = self.excerpt(fault.span, WIDTH.saturating_sub(margin + 3));
            let carets = "^".repeat(marked.max(1));
            let _ = writeln!(out, "{dim}{:margin$} |{off}", "");
            let _ = writeln!(out, "{dim}{number} |{off} {line}");
            let _ = writeln!(out, "{dim}{:margin$} |{off} {:before$}{tone}{carets}{off}", "", "");
        }
        if let Some(help) = &fault.help {
            let help: String = help.chars().map(harmless).collect();
            let lead = format!("{:margin$} = help: ", "");
            let indent = lead.len();
            for (i, line) in wrap(&help, WIDTH - indent).iter().enumerate() {
                let lead = if i == 0 { lead.clone() } else { " ".repeat(indent) };
                let _ = writeln!(out, "{dim}{lead}{off}{line}");
            }
        }
    }

    /// The line that holds the start of `span`, cut to `room`, then the columns before and of the mark.
    fn excerpt(&self, span: Span, room: usize) -> (String, usize, usize) {
        let text = &*self.text;
        let line_start = text[..span.start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[span.start..].find('\n').map_or(text.len(), |i| span.start + i);
        let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
        // No more of a long line is looked at than could be shown.
        let from = floor(text, span.start.saturating_sub(8 * WIDTH)).max(line_start);
        let to = floor(text, span.start + 8 * WIDTH).min(line_end).max(from);
        let masks: Vec<&Span> = self.masks.iter().filter(|mask| mask.start < to && mask.end > from).collect();
        let masked = |at: usize| masks.iter().any(|mask| (mask.start..mask.end).contains(&at));
        let letters: Vec<(usize, char)> = text[from..to]
            .char_indices()
            .map(|(i, c)| (from + i, if masked(from + i) && c != ' ' { '*' } else { harmless(c) }))
            .collect();
        let first = letters.iter().position(|(at, _)| *at >= span.start).unwrap_or(letters.len());
        let last = letters.iter().position(|(at, _)| *at >= span.end).unwrap_or(letters.len());
        // A long line is cut so that the mark is seen with something before it.
        let cut = if letters.len() > room { first.saturating_sub(room / 3) } else { 0 };
        let mut shown = String::new();
        let (mut before, mut marked, mut used) = (0, 0, 0);
        if cut > 0 {
            shown.push('…');
            (before, used) = (1, 1);
        }
        for (i, (_, c)) in letters.iter().enumerate().skip(cut) {
            let wide = width(*c);
            if used + wide + 1 > room && i + 1 < letters.len() {
                shown.push('…');
                break;
            }
            shown.push(*c);
            used += wide;
            if i < first {
                before += wide;
            } else if i < last {
                marked += wide;
            }
        }
        (shown, before, marked)
    }
}

/// Columns that a character takes on a terminal, near enough for a caret.
fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Breaks at spaces outside backticks and braces.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    let (mut quoted, mut depth) = (false, 0usize);
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match pieces.last_mut() {
            Some(piece) if quoted || depth > 0 => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
        depth = (depth + word.matches('{').count()).saturating_sub(word.matches('}').count());
    }
    for piece in pieces {
        let length = piece.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(&piece);
            used += length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn one(text: &str, marked: &str) -> String {
        let start = text.find(marked).expect("marked text is there");
        let mut faults = Faults::new(Path::new("x.yaml"), text);
        faults.error(Span { start, end: start + marked.len() }, "wrong", Some("right"));
        faults.to_string()
    }

    #[test]
    fn the_caret_is_under_the_fault() {
        assert_eq!(
            one("a: 1\nned: [x]\n", "ned"),
            "x.yaml:2:1: error: wrong\n  |\n2 | ned: [x]\n  | ^^^\n  = help: right\n"
        );
    }

    #[test]
    fn wide_and_combining_letters_keep_the_caret_in_place() {
        assert!(one("日本e\u{301}: x", "x").contains("\n  |        ^\n"), "{}", one("日本e\u{301}: x", "x"));
    }

    #[test]
    fn long_lines_are_cut_around_the_fault() {
        let text = format!("{}x{}", "a".repeat(300), "b".repeat(300));
        let shown = one(&text, "x");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        let lines: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
        let caret = lines[3].iter().position(|c| *c == '^').expect("a caret");
        assert_eq!(lines[2][caret], 'x');
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = one("{ user: x, password: hunter2, colour: 1 }", "colour");
        assert!(!shown.contains("hunter2") && shown.contains("password: *******,"), "{shown}");
    }

    #[test]
    fn help_is_wrapped_and_the_terminal_is_not_driven() {
        let mut faults = Faults::new(Path::new("x.yaml"), "a: \u{1b}[31m");
        faults.error(Span { start: 0, end: 1 }, "wr\u{1b}ong", Some(&"word ".repeat(40)));
        let shown = faults.to_string();
        assert!(shown.lines().all(|line| line.chars().count() <= 80));
        assert!(!shown.contains('\u{1b}'));
        assert!(faults.render(true).contains("\u{1b}[1;31merror"));
    }
}
