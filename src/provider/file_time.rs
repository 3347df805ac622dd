//! The moment that a backup's file name tells.

use crate::time::Timestamp;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, format};

/// How a file name tells a moment: `strftime` letters, found anywhere in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamePattern<'a> {
    pattern: &'a str,
    zone: chrono_tz::Tz,
}

impl<'a> NamePattern<'a> {
    /// `Err`: the pattern itself is wrong.
    pub(super) fn new(pattern: &'a str, zone: Option<chrono_tz::Tz>) -> Result<Self, String> {
        let wrong = format::StrftimeItems::new(pattern).any(|item| matches!(item, format::Item::Error));
        if wrong || !pattern.contains('%') {
            return Err(format!(
                "`{pattern}` is not a timestamp pattern: write it with strftime letters, such as %Y%m%dT%H%M%SZ"
            ));
        }
        Ok(Self { pattern, zone: zone.unwrap_or(chrono_tz::UTC) })
    }

    /// The moment in `name`, or why there is none.
    pub(super) fn find(&self, name: &str) -> Result<Timestamp, String> {
        let mut before = None;
        let mut failed = None;
        for (at, first) in name.char_indices() {
            // A number is taken whole or not at all, and `-2026` is no year.
            let inside_a_number = first.is_ascii_digit() && before.is_some_and(|c: char| c.is_ascii_digit());
            let sign = matches!(first, '-' | '+') && self.pattern.starts_with('%');
            before = Some(first);
            if inside_a_number || sign || first.is_whitespace() {
                continue;
            }
            match self.parse(&name[at..]) {
                Some(Ok(time)) => return Ok(time),
                Some(Err(why)) => failed = failed.or(Some(why)),
                None => {}
            }
        }
        Err(failed.unwrap_or_else(|| format!("its name has no moment that reads as {}", self.pattern)))
    }

    fn parse(&self, text: &str) -> Option<Result<Timestamp, String>> {
        if let Ok((time, rest)) = DateTime::parse_and_remainder(text, self.pattern) {
            return sound(text, rest, time.naive_utc()).then(|| Ok(time.to_utc().into()));
        }
        let (local, rest) = NaiveDateTime::parse_and_remainder(text, self.pattern).ok().or_else(|| {
            let (date, rest) = NaiveDate::parse_and_remainder(text, self.pattern).ok()?;
            Some((date.and_time(NaiveTime::MIN), rest))
        })?;
        if !sound(text, rest, local) {
            return None;
        }
        // Seconds since 1970 are the same in every zone.
        if self.pattern.contains("%s") {
            return Some(Ok(local.and_utc().into()));
        }
        Some(match self.zone.from_local_datetime(&local) {
            LocalResult::Single(time) => Ok(time.to_utc().into()),
            // The hour that happens twice: the earlier is taken, so that the data never look newer than they are.
            LocalResult::Ambiguous(earlier, later) => Ok(earlier.min(later).to_utc().into()),
            LocalResult::None => Err(format!("{local} in its name does not exist in {}", self.zone)),
        })
    }
}

/// Whether the match does not end within a number and the year is one that backups are made in.
fn sound(text: &str, rest: &str, local: NaiveDateTime) -> bool {
    use chrono::Datelike;
    let matched = &text[..text.len() - rest.len()];
    let cut =
        matched.ends_with(|c: char| c.is_ascii_digit()) && rest.starts_with(|c: char| c.is_ascii_digit());
    !cut && (1970..=9999).contains(&local.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, zone: Option<chrono_tz::Tz>, name: &str) -> Result<String, String> {
        NamePattern::new(pattern, zone)?.find(name).map(|time| time.to_string())
    }

    #[test]
    fn the_moment_is_found_anywhere_in_the_name() {
        for (pattern, name, time) in [
            ("%Y%m%dT%H%M%SZ", "orders-20261123T031500Z.db.gz", "2026-11-23T03:15:00.000Z"),
            ("%Y-%m-%d_%H-%M", "2026-11-23_03-15.db", "2026-11-23T03:15:00.000Z"),
            ("%Y-%m-%d", "db-2026-11-23-full.sqlite", "2026-11-23T00:00:00.000Z"),
            ("%Y%m%d", "db2-20261123.sqlite", "2026-11-23T00:00:00.000Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "x 2026-11-23T03:15:00+0100.db", "2026-11-23T02:15:00.000Z"),
            ("-%s.db", "orders-1795403700.db", "2026-11-23T03:15:00.000Z"),
            ("%s", "orders-1795403700.db", "2026-11-23T03:15:00.000Z"),
            ("backup_%Y%m%d", "ä_backup_20261123.db", "2026-11-23T00:00:00.000Z"),
        ] {
            assert_eq!(find(pattern, None, name).as_deref(), Ok(time), "{pattern} in {name}");
        }
    }

    #[test]
    fn a_number_is_taken_whole_or_not_at_all() {
        for (pattern, name) in [
            ("%Y%m%d", "orders-120261123.db"),
            ("%Y%m%d", "orders-202611234.db"),
            ("%Y%m%d", "orders.db"),
            ("%Y%m%d", "orders-20261323.db"),
            ("%Y%m%d", "orders-12021123.db"),
        ] {
            let why = find(pattern, None, name).expect_err(name);
            assert!(why.contains("no moment"), "{why}");
        }
    }

    #[test]
    fn a_local_time_is_read_in_its_zone() {
        let berlin = Some(chrono_tz::Europe::Berlin);
        let find = |name| find("%Y%m%dT%H%M", berlin, name);
        assert_eq!(find("20260701T1200").as_deref(), Ok("2026-07-01T10:00:00.000Z"));
        // The hour that happens twice counts as the earlier, the one that never happens as none.
        assert_eq!(find("20261025T0230").as_deref(), Ok("2026-10-25T00:30:00.000Z"));
        assert!(find("20260329T0230").expect_err("never was").contains("does not exist in Europe/Berlin"));
    }

    #[test]
    fn a_wrong_pattern_is_told() {
        for pattern in ["%Q", "orders", "%"] {
            assert!(NamePattern::new(pattern, None).is_err(), "{pattern}");
        }
    }
}
