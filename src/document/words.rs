//! Words for messages: the nearest right word, quotations that can't break a terminal, lists.

/// The word of `known` that `given` was most likely meant to be.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    if given.is_empty() || given.chars().count() > 64 {
        return None;
    }
    known
        .into_iter()
        .filter_map(|word| {
            let lower = word.to_lowercase();
            let distance = strsim::damerau_levenshtein(&given, &lower);
            let allowed = given.chars().count().max(lower.chars().count()).div_ceil(3);
            let begins = given.len() >= 3 && (lower.starts_with(&given) || given.starts_with(&lower));
            let same = squeeze(&given) == squeeze(&lower);
            (distance <= allowed || begins || same).then_some((if same { 0 } else { distance }, word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Without what people mix up: `max-duration`, `maxDuration` and `max_duration` are the same.
fn squeeze(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// `did you mean …?`, or else all that there is to choose from.
pub(crate) fn suggest<'a>(given: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(given, known.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.clone().into_iter().nth(1).is_none() => format!("use {}", list(known, "or")),
        None => format!("use one of {}", list(known, "or")),
    }
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// A quotation in backticks: short, one line, and without anything that a terminal would obey.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", short(text))
}

/// At most 40 characters of a text, harmless on a terminal.
pub(crate) fn short(text: &str) -> String {
    let mut out: String = text.chars().take(40).map(harmless).collect();
    if text.chars().nth(40).is_some() {
        out.push('…');
    }
    out
}

/// A message that quotes a text of any length, cut to a line.
pub(crate) fn short_message(text: &str) -> String {
    let mut out: String = text.chars().take(120).map(harmless).collect();
    if text.chars().nth(120).is_some() {
        out.push('…');
    }
    out
}

/// Control characters and those that turn the direction of text become visible.
pub(crate) fn harmless(c: char) -> char {
    match c {
        '\n' => '↵',
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
            '\u{fffd}'
        }
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found() {
        let keys = ["needs", "restore", "verify", "max_duration", "recovery_point"];
        for (given, expected) in [
            ("need", Some("needs")),
            ("restroe", Some("restore")),
            ("maxDuration", Some("max_duration")),
            ("Recovery-Point", Some("recovery_point")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, keys), expected, "{given}");
        }
    }

    #[test]
    fn quotations_can_not_drive_a_terminal() {
        assert_eq!(quoted("a\u{1b}[31m\u{202e}b\nc"), "`a\u{fffd}[31m\u{fffd}b↵c`");
        assert_eq!(quoted(&"x".repeat(50)).chars().count(), 43);
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(list(["a"], "or"), "`a`");
        assert_eq!(list(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
