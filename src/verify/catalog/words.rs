//! Lines about what was found.

use crate::verify::words::{counted, grouped};

/// Lines of a kind that are listed.
pub(super) const LISTED: usize = 10;
/// Rows that refer to nothing are counted up to this many.
pub(super) const COUNTED: u64 = 1_000_000;

/// The first of a kind of line, and how many more there are.
pub(super) fn first(lines: Vec<String>, what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(LISTED);
    let mut shown: Vec<String> = lines.into_iter().take(LISTED).collect();
    if more > 0 {
        shown.push(format!("and {} more {what}", grouped(more as u64)));
    }
    shown
}

/// `-1,234,567`.
pub(super) fn signed(number: i128) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let size = u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{sign}{}", grouped(size))
}

/// `12 rows refer to rows of shop.orders that are not there`; more than [`COUNTED`] are not told apart.
pub(super) fn orphans(count: u64, to: &str) -> String {
    match count {
        1 => format!("1 row refers to {to}"),
        2..=COUNTED => format!("{} refer to {to}", counted(count, "row")),
        _ => format!("more than {} rows refer to {to}", grouped(COUNTED)),
    }
}

/// `: id=1; id=2; and 10 more`; nothing where no row is named.
pub(super) fn named(keys: &[String], count: u64) -> String {
    let more = count.saturating_sub(keys.len() as u64);
    match (keys, more) {
        ([], _) => String::new(),
        (keys, 0) => format!(": {}", keys.join("; ")),
        (keys, _) if count > COUNTED => format!(": {}; and more", keys.join("; ")),
        (keys, more) => format!(": {}; and {} more", keys.join("; "), grouped(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let lines: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        let shown = first(lines.clone(), "indexes");
        assert_eq!((shown.len(), shown[10].as_str()), (11, "and 2 more indexes"));
        assert_eq!(first(lines[..10].to_vec(), "indexes"), lines[..10]);
    }

    #[test]
    fn rows_are_counted_and_named() {
        let keys = ["id=1".to_owned(), "id=2".to_owned()];
        assert_eq!(orphans(1, "rows of a"), "1 row refers to rows of a");
        assert_eq!(orphans(12, "rows of a"), "12 rows refer to rows of a");
        assert_eq!(orphans(COUNTED + 1, "rows of a"), "more than 1,000,000 rows refer to rows of a");
        assert_eq!(named(&keys, 12), ": id=1; id=2; and 10 more");
        assert_eq!(named(&keys, 2), ": id=1; id=2");
        assert_eq!(named(&keys, COUNTED + 1), ": id=1; id=2; and more");
        assert_eq!(named(&[], 5), "");
        assert_eq!(
            (signed(-1_234), signed(i128::from(u64::MAX))),
            ("-1,234".into(), "18,446,744,073,709,551,615".into())
        );
    }
}
