//! Moments as databases without a type for them hold them.
//!
//! | value | read as |
//! | --- | --- |
//! | text `2026-11-23T09:00:00.5Z`, `2026-11-23 09:00:00+01:00`, `2026-11-23 09:00:00 UTC` | that moment |
//! | text `2026-11-23 09:00:00`, `2026-11-23 09:00`, `2026-11-23` | UTC, as SQLite's own date functions have it |
//! | integer, or a text of digits | seconds, milliseconds, microseconds or nanoseconds since 1970, by its size |
//! | real from 1,721,059.5 to 5,373,484.5 | a Julian day number |
//! | other real | seconds since 1970 |

use super::value::Value;
use crate::time::Timestamp;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};

const JULIAN_DAYS: std::ops::RangeInclusive<f64> = 1_721_059.5..=5_373_484.5;
const JULIAN_DAY_OF_1970: f64 = 2_440_587.5;
const MILLIS_OF_A_DAY: f64 = 86_400_000.0;

/// The moment that a value stands for, if it is one.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Text(text) => from_text(text.trim()),
        Value::Integer(integer) => Some(from_integer(*integer)),
        Value::Real(real) if JULIAN_DAYS.contains(real) => {
            from_millis((real - JULIAN_DAY_OF_1970) * MILLIS_OF_A_DAY)
        }
        Value::Real(real) => from_millis(real * 1000.0),
        Value::Decimal(text) => text.parse().ok().and_then(|real: f64| moment(&Value::Real(real))),
        Value::Null | Value::Blob(_) => None,
    }
}

fn from_millis(millis: f64) -> Option<Timestamp> {
    // Beyond the year 9999 it is no moment but something else.
    (millis.abs() < 253_402_300_800_000.0).then(|| Timestamp::from_millis(millis.round() as i64))
}

fn from_integer(integer: i64) -> Timestamp {
    Timestamp::from_millis(match integer.unsigned_abs() {
        0..100_000_000_000 => integer * 1000,
        100_000_000_000..100_000_000_000_000 => integer,
        100_000_000_000_000..100_000_000_000_000_000 => integer.div_euclid(1000),
        _ => integer.div_euclid(1_000_000),
    })
}

fn from_text(text: &str) -> Option<Timestamp> {
    if text.len() > 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(from_integer);
    }
    let (text, utc) = match text.strip_suffix("UTC").or_else(|| text.strip_suffix(['Z', 'z'])) {
        Some(text) => (text.trim_end(), true),
        None => (text, false),
    };
    let spaced = text.replacen(['T', 't'], " ", 1);
    if !utc {
        // `%z` takes +01:00 and +0100; a bare +01, as PostgreSQL writes it, is made whole first.
        let whole = match spaced.len().checked_sub(3).and_then(|at| spaced.split_at_checked(at)) {
            Some((before, zone)) if before.contains(':') && zone.starts_with(['+', '-']) => {
                format!("{before}{zone}:00")
            }
            _ => spaced.clone(),
        };
        for format in ["%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M%z"] {
            if let Ok(at) = DateTime::<FixedOffset>::parse_from_str(&whole, format) {
                return Some(at.to_utc().into());
            }
        }
    }
    let bare = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&spaced, format).ok())
        .or_else(|| spaced.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0));
    bare.map(|at| at.and_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Option<String> {
        moment(&value).map(|at| at.to_string())
    }

    fn text(text: &str) -> Option<String> {
        read(Value::Text(text.into()))
    }

    #[test]
    fn texts_are_read() {
        for same in [
            "2026-11-23 09:00:00",
            "2026-11-23T09:00:00Z",
            "2026-11-23T09:00:00.000+00:00",
            "2026-11-23 10:00:00+01:00",
            "2026-11-23 10:00:00 +0100",
            "2026-11-23 10:00:00.000000+01",
            "2026-11-23 04:30-04:30",
            "2026-11-23 09:00:00 UTC",
            "2026-11-23 09:00",
            " 2026-11-23 09:00:00.0 ",
            "1795424400",
            "1795424400000",
        ] {
            assert_eq!(text(same).as_deref(), Some("2026-11-23T09:00:00.000Z"), "{same}");
        }
        assert_eq!(text("2026-11-23").as_deref(), Some("2026-11-23T00:00:00.000Z"));
        assert_eq!(text("2026-11-23 09:00:00.123456").as_deref(), Some("2026-11-23T09:00:00.123Z"));
        for bad in ["", "yesterday", "23.11.2026", "2026-13-01", "2026-11-23 25:00", "12", "Zé", "é+1", "UTC"]
        {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_are_read_by_their_size() {
        for same in [1_795_424_400, 1_795_424_400_000, 1_795_424_400_000_000, 1_795_424_400_000_000_000] {
            assert_eq!(read(Value::Integer(same)).as_deref(), Some("2026-11-23T09:00:00.000Z"), "{same}");
        }
        assert_eq!(read(Value::Real(2_461_367.875)).as_deref(), Some("2026-11-23T09:00:00.000Z"));
        assert_eq!(read(Value::Real(1_795_424_400.5)).as_deref(), Some("2026-11-23T09:00:00.500Z"));
        assert!(read(Value::Integer(i64::MIN)).is_some());
        for none in [Value::Null, Value::Blob(vec![1]), Value::Real(f64::NAN), Value::Real(1e300)] {
            assert_eq!(read(none), None);
        }
    }
}
