//! Exact decimals of any length, compared.

use std::cmp::Ordering;

/// A decimal: its sign and its digits before and after the point, without zeros that say nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    whole: String,
    part: String,
}

impl Decimal {
    /// Reads `-12.50`, `1e-7`. `None`: it is no such number (NaN, Infinity).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let figures = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !figures(whole)
            || !figures(part)
            || (whole.is_empty() && part.is_empty())
            || exponent.abs() > 10_000
        {
            return None;
        }
        let all = format!("{whole}{part}");
        let point = whole.len() as i64 + i64::from(exponent);
        let (whole, part) = match usize::try_from(point) {
            Ok(point) if point <= all.len() => (all[..point].to_owned(), all[point..].to_owned()),
            Ok(point) => (format!("{all}{}", "0".repeat(point - all.len())), String::new()),
            Err(_) => (String::new(), format!("{}{all}", "0".repeat(usize::try_from(-point).ok()?))),
        };
        let whole = whole.trim_start_matches('0').to_owned();
        let part = part.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && part.is_empty();
        Some(Self { negative: negative && !zero, whole, part })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |a: &Decimal, b: &Decimal| {
            a.whole
                .len()
                .cmp(&b.whole.len())
                .then_with(|| a.whole.cmp(&b.whole))
                .then_with(|| a.part.cmp(&b.part))
        };
        match (self.negative, other.negative) {
            (false, false) => size(self, other),
            (true, true) => size(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_compared_exactly() {
        let rising = [
            "-1e3",
            "-12.5",
            "-12.05",
            "-0.000001",
            "0",
            "1e-7",
            "0.09",
            "0.1",
            "9.99",
            "10",
            "123456789012345678901234567890.1",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(Decimal::parse(a).cmp(&Decimal::parse(b)), i.cmp(&j), "{a} {b}");
            }
        }
        for (a, b) in [("1.50", "1.5"), ("-0.0", "0"), ("0012", "12."), (".5", "5e-1"), ("1200", "1.2E3")] {
            assert_eq!(Decimal::parse(a), Decimal::parse(b), "{a} {b}");
        }
        for bad in ["", "NaN", "Infinity", "1x", "-", "e5", "1e99999999"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }
}
