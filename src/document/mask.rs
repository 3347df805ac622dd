//! Which stretches of a text may be secrets: they are never shown, whatever else is wrong on their line.
//!
//! A playbook must not hold secrets, but one that wrongly does is just what is shown in excerpts. The search
//! is on the text alone, so that it works where the syntax is broken too, and rather hides too much.

use super::Span;
use regex::Regex;
use std::sync::LazyLock;

/// A key whose value is likely a secret, with what follows up to the value.
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?:passwd|password|passphrase|secret|token|authorization|cookie|api[_-]?key|access[_-]?key)["']?[ \t]*[:=][ \t]*"#,
    )
    .ok()
});

/// User and password inside a URL.
static URL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"://[^/\s:@"']*:([^/\s@"']+)@"#).ok());

/// The stretches to hide, in order.
pub(super) fn secrets(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for key in KEY.iter().flat_map(|regex| regex.find_iter(text)) {
        let start = key.end();
        // One within another is hidden already; so is the rest of a line without end.
        if found.last().is_some_and(|last: &Span| start < last.end) {
            continue;
        }
        let rest = &text[start..];
        let line = rest.find('\n').unwrap_or(rest.len());
        let end = match rest.bytes().next() {
            // A map or list holds references, not the secret itself.
            None | Some(b'{' | b'[' | b'\n' | b'\r') => continue,
            Some(b'|' | b'>') => start + block(text, key.start(), start + line),
            Some(quote @ (b'"' | b'\'')) => {
                let close = rest[1..].find(char::from(quote)).map_or(line, |i| i + 2);
                start + close.max(1)
            }
            Some(_) => start + plain(text, key.start(), &rest[..line]),
        };
        found.push(Span { start, end });
    }
    let urls = URL.iter().flat_map(|regex| regex.captures_iter(text));
    found.extend(urls.filter_map(|c| c.get(1)).map(|m| Span { start: m.start(), end: m.end() }));
    found.sort_by_key(|span| span.start);
    found
}

/// How long a value without quotes is: within braces up to the next sign, otherwise the whole line.
fn plain(text: &str, key: usize, rest: &str) -> usize {
    let near = super::faults::floor(text, key.saturating_sub(4096));
    let before = &text[text[near..key].rfind('\n').map_or(near, |i| near + i + 1)..key];
    let braces = before.matches('{').count() > before.matches('}').count();
    let length = if braces { rest.find([',', '}']).unwrap_or(rest.len()) } else { rest.len() };
    rest[..length].trim_end().len()
}

/// How far beyond the line's end a block of text reaches: all lines indented deeper than the key's.
fn block(text: &str, key: usize, line_end: usize) -> usize {
    let line_start = text[..key].rfind('\n').map_or(0, |i| i + 1);
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let own = indent(&text[line_start..line_end]);
    let rest = &text[line_end..];
    let length: usize = rest
        .split_inclusive('\n')
        .skip(1)
        .take_while(|line| line.trim().is_empty() || indent(line) > own)
        .map(str::len)
        .sum();
    let first = rest.split_inclusive('\n').next().map_or(0, str::len);
    (line_end + first + length) - text[..line_end].rfind(['|', '>']).unwrap_or(line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        secrets(text).into_iter().map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn values_of_secret_keys_are_hidden() {
        assert_eq!(hidden("password: hunter2\nx: 1"), ["hunter2"]);
        assert_eq!(hidden("{ db_password: hunter2 }"), ["hunter2"]);
        assert_eq!(hidden("{ db_password: hunter2, x: 1 }"), ["hunter2"]);
        assert_eq!(hidden("password: hun,ter}2"), ["hun,ter}2"]);
        assert_eq!(hidden("Authorization: \"Bearer a b\" # x"), ["\"Bearer a b\""]);
        assert_eq!(hidden("token = 'abc'"), ["'abc'"]);
        assert_eq!(hidden("url: postgres://u:pw@host/x"), ["pw"]);
        assert_eq!(hidden("  password: |\n    one\n    two\n  x: 1\n"), ["|\n    one\n    two\n"]);
    }

    #[test]
    fn references_are_shown() {
        assert!(hidden("password: { env: PGPASSWORD }").is_empty());
        assert!(hidden("password:\n  file: /run/x").is_empty());
    }

    #[test]
    fn anything_goes_in() {
        for text in ["password:", "token: \"", "secret: '", "password: |", "é: password: >é\n é", "://:@"]
        {
            for span in secrets(text) {
                assert!(text.get(span.start..span.end).is_some(), "{text}");
            }
        }
    }
}
