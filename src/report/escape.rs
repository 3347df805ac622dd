//! Texts that others wrote, made fit for a terminal, a page or a Markdown file.
//!
//! | where | what could go wrong | what is done |
//! | --- | --- | --- |
//! | everywhere | control characters, ANSI escapes, marks that turn the reading direction | shown as `<U+202E>` |
//! | HTML, SVG | tags, attributes, entities | `&lt;` and the like |
//! | Markdown | tables, emphasis, links, HTML, lists | backslashes and entities |

use std::fmt::Write as _;

/// Whether a character would change how its neighbours are shown, or do something to a terminal, unseen.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with what can't be seen made visible. Line ends stay.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' => out.push(' '),
            c if is_unseen(c) => {
                // Writing to a String can't fail.
                let _ = write!(out, "<U+{:04X}>", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    plain(text).split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// For text and attribute values in HTML and SVG.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            '=' => out.push_str("&#61;"),
            c => out.push(c),
        }
    }
    out
}

/// For running text and table cells in Markdown.
pub(crate) fn markdown(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let mut previous = None;
    // `1.`, `1)` or `-` begin a list only where a block begins.
    let mut at_start = true;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            // A backslash before a bar means different things to different forges.
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '!' | '#' => {
                out.push('\\');
                out.push(c);
            }
            ':' if rest.starts_with("//") => out.push_str("\\:"),
            '.' if previous == Some('w') || previous == Some('W') => out.push_str("\\."),
            '.' | ')' if at_start && (rest.is_empty() || rest.starts_with(' ')) => {
                out.push('\\');
                out.push(c);
            }
            '-' | '+' | '=' if previous.is_none() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        at_start = at_start && c.is_ascii_digit();
        previous = Some(c);
    }
    out
}

/// A code span, or running text where the text can't be in one safely: with backticks, or a bar, in a table.
pub(crate) fn markdown_code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() || text.contains(['`', '|']) { markdown(&text) } else { format!("`{text}`") }
}

/// At most so many characters, the last of them an ellipsis where something was cut.
pub(crate) fn clip(text: &str, longest: usize, ellipsis: &str) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let keep = longest.saturating_sub(ellipsis.chars().count());
    text.chars().take(keep).collect::<String>() + ellipsis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(plain("a\u{1b}[31m\u{202e}b\r\nc\td"), "a<U+001B>[31m<U+202E>b\nc d");
        assert_eq!(plain("\u{9b}2J\u{2066}\u{feff}\u{7f}"), "<U+009B>2J<U+2066><U+FEFF><U+007F>");
        assert_eq!(plain("日本 é 👩‍💻"), "日本 é 👩‍💻");
        assert_eq!(one_line(" a\n\n  b "), "a b");
    }

    #[test]
    fn html_has_no_tag_and_ends_no_attribute() {
        assert_eq!(html("<b a=\"x\">'&`"), "&lt;b a&#61;&quot;x&quot;&gt;&#39;&amp;&#96;");
    }

    #[test]
    fn markdown_stays_text() {
        for (text, escaped) in [
            ("a | b", "a &#124; b"),
            ("*x* _y_ `z`", "\\*x\\* \\_y\\_ \\`z\\`"),
            ("[a](http://b.c)", "\\[a\\](http\\://b.c)"),
            ("<script>", "&lt;script&gt;"),
            ("www.evil.example", "www\\.evil.example"),
            ("1. not a list", "1\\. not a list"),
            ("- not a list", "\\- not a list"),
            ("2026-11-23 4.2s", "2026-11-23 4.2s"),
            ("4.2s", "4.2s"),
            ("# head\n# two", "\\# head \\# two"),
            ("a\\|b", "a\\\\&#124;b"),
            ("ada@host", "ada&#64;host"),
        ] {
            assert_eq!(markdown(text), escaped);
        }
    }

    #[test]
    fn code_spans_hold_or_are_left_out() {
        assert_eq!(markdown_code("<a_b>"), "`<a_b>`");
        assert_eq!(markdown_code("a|b"), "a&#124;b");
        assert_eq!(markdown_code("a`*b*"), "a\\`\\*b\\*");
        assert_eq!(markdown_code(""), "");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(clip("abcdef", 4, "…"), "abc…");
        assert_eq!(clip("abcd", 4, "…"), "abcd");
    }
}
