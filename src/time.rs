//! Moments and lengths of time, and the only place where the clock of the machine is read.
//!
//! A state machine that reads the clock can't be tested, so everything else takes time as an argument.
//! Wall clocks jump; [`Steady`] turns a wall clock and a monotonic clock into moments that never go back,
//! and tells when the wall clock was stepped.

use serde::{Deserialize, Serialize};
use std::{fmt, ops::Add, ops::Sub, str::FromStr, time::Duration};

/// A moment in UTC, to the millisecond. Written as RFC 3339: `2026-11-23T09:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// A text that is no moment or no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {what}")]
pub struct InvalidTime {
    given: String,
    what: &'static str,
}

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Timestamp) -> Period {
        Period::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As a `chrono` moment, for calendars and time zones.
    pub fn to_chrono(self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// For a person: `2026-11-23 09:00:00Z`.
    pub fn human(self) -> String {
        self.to_chrono().format("%Y-%m-%d %H:%M:%SZ").to_string()
    }
}

impl From<chrono::DateTime<chrono::Utc>> for Timestamp {
    fn from(at: chrono::DateTime<chrono::Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(at: std::time::SystemTime) -> Self {
        chrono::DateTime::<chrono::Utc>::from(at).into()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_chrono().format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;
    /// RFC 3339 with a zone, or a bare date, which is its first moment in UTC.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
            return Ok(Self(at.timestamp_millis()));
        }
        text.parse::<chrono::NaiveDate>()
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|at| Self(at.and_utc().timestamp_millis()))
            .ok_or_else(|| InvalidTime {
                given: text.to_owned(),
                what: "a moment; write it as 2026-11-23T09:00:00Z",
            })
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTime;
    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> String {
        at.to_string()
    }
}

impl Add<Period> for Timestamp {
    type Output = Timestamp;
    fn add(self, period: Period) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(period.0).unwrap_or(i64::MAX)))
    }
}

impl Sub<Period> for Timestamp {
    type Output = Timestamp;
    fn sub(self, period: Period) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(period.0).unwrap_or(i64::MAX)))
    }
}

/// A length of time, to the millisecond. Written as in playbooks: `90s`, `15m`, `2h`, `1d`, `1h30m`, `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(u64);

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Period {
    /// No time at all.
    pub const ZERO: Period = Period(0);

    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// As the standard library has it.
    pub const fn to_std(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// For a person, at most two units: `1h 30m`, `4.2s`, `310ms`.
    pub fn human(self) -> String {
        let ms = self.0;
        match ms {
            0..1000 => format!("{ms}ms"),
            1000..60_000 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
            60_000..3_600_000 => format!("{}m {:02}s", ms / 60_000, ms % 60_000 / 1000),
            3_600_000..86_400_000 => format!("{}h {:02}m", ms / 3_600_000, ms % 3_600_000 / 60_000),
            _ => format!("{}d {:02}h", ms / 86_400_000, ms % 86_400_000 / 3_600_000),
        }
    }
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, millis) in UNITS {
            if unit != "w" && rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl FromStr for Period {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let wrong = || InvalidTime {
            given: text.to_owned(),
            what: "a duration; write it as 90s, 15m, 2h, 1d or 1h30m",
        };
        if text == "0" {
            return Ok(Self::ZERO);
        }
        let mut rest = text;
        let mut total = 0u64;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit = &rest[digits..digits + letters];
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            if *millis >= last {
                return Err(wrong());
            }
            last = *millis;
            total = number.checked_mul(*millis).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
            rest = &rest[digits + letters..];
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self(total)) }
    }
}

impl TryFrom<String> for Period {
    type Error = InvalidTime;
    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

impl Add for Period {
    type Output = Period;
    fn add(self, other: Period) -> Period {
        Period(self.0.saturating_add(other.0))
    }
}

/// What a clock says: the wall clock, and a monotonic one whose zero means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time since some moment of this process; never goes back.
    pub monotonic: Duration,
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Both clocks, now.
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clocks are read")]
    pub fn read() -> Reading {
        use std::{sync::OnceLock, time::Instant};
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        Reading { wall: chrono::Utc::now().into(), monotonic: start.elapsed() }
    }

    /// The wall clock, for what is not measured.
    pub fn wall() -> Timestamp {
        Self::read().wall
    }
}

#[async_trait::async_trait]
impl crate::ports::Clock for SystemClock {
    fn read(&self) -> Reading {
        SystemClock::read()
    }

    async fn sleep(&self, period: Period) {
        tokio::time::sleep(period.to_std()).await;
    }
}

/// Wall-clock steps smaller than this are taken for drift and ordinary NTP slewing, and not marked.
pub const STEP_TOLERANCE: Period = Period::from_millis(1000);

/// Turns readings into moments that never go back, and finds steps of the wall clock.
///
/// Between two readings the time that passed is the monotonic clock's, unless the wall clock ran ahead of it
/// by more than [`STEP_TOLERANCE`]: then the machine slept or the clock was set forward, which can't be told
/// apart, and the longer time is taken, because a recovery must never look faster than it was. A wall clock
/// that was set back is not followed. Both are reported as a [`Step`].
#[derive(Debug, Clone)]
pub struct Steady {
    now: Timestamp,
    last: Reading,
}

/// The wall clock was set, or the machine slept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// By how many milliseconds the wall clock moved beyond the time that passed; negative: it was set back.
    pub millis: i64,
}

impl Steady {
    /// Begins at `reading`, but not before `floor`: the last moment already written down.
    pub fn new(reading: Reading, floor: Option<Timestamp>) -> (Self, Option<Step>) {
        let now = floor.map_or(reading.wall, |floor| floor.max(reading.wall));
        let back = now.since(reading.wall);
        let step = (back > STEP_TOLERANCE)
            .then(|| Step { millis: -i64::try_from(back.as_millis()).unwrap_or(i64::MAX) });
        (Self { now, last: reading }, step)
    }

    /// Takes a new reading; gives the moment it stands for, and whether the wall clock was stepped since.
    pub fn advance(&mut self, reading: Reading) -> (Timestamp, Option<Step>) {
        let passed = Period::from(reading.monotonic.saturating_sub(self.last.monotonic));
        let expected = self.last.wall + passed;
        let millis = reading.wall.as_millis().saturating_sub(expected.as_millis());
        let tolerance = i64::try_from(STEP_TOLERANCE.as_millis()).unwrap_or(i64::MAX);
        self.now = self.now + passed;
        let step = (millis.abs() > tolerance).then_some(Step { millis });
        if millis > tolerance {
            self.now = self.now + Period::from_millis(millis.unsigned_abs());
        }
        self.last = reading;
        (self.now, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_and_write() {
        for (text, millis, back) in [
            ("90s", 90_000, "1m30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1d", 86_400_000, "1d"),
            ("2w", 1_209_600_000, "14d"),
            ("250ms", 250, "250ms"),
            ("0", 0, "0s"),
        ] {
            let period: Period = text.parse().expect(text);
            assert_eq!((period.as_millis(), period.to_string().as_str()), (millis, back));
        }
        for bad in ["", "h", "5", "5x", "-5m", "1.5h", "30m1h", "1h1h", "99999999999999d", "1 h"] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_read_and_write() {
        let at: Timestamp = "2026-11-23T10:00:00+01:00".parse().expect("a moment");
        assert_eq!(at.to_string(), "2026-11-23T09:00:00.000Z");
        assert!("2026-13-01".parse::<Timestamp>().is_err());
    }

    fn reading(wall: i64, monotonic: u64) -> Reading {
        Reading { wall: Timestamp::from_millis(wall), monotonic: Duration::from_millis(monotonic) }
    }

    #[test]
    fn a_clock_set_back_is_not_followed() {
        let (mut steady, step) = Steady::new(reading(100_000, 0), None);
        assert_eq!(step, None);
        let (at, step) = steady.advance(reading(40_000, 5_000));
        assert_eq!(at, Timestamp::from_millis(105_000));
        assert_eq!(step, Some(Step { millis: -65_000 }));
        let (at, step) = steady.advance(reading(41_000, 6_000));
        assert_eq!((at, step), (Timestamp::from_millis(106_000), None));
    }

    #[test]
    fn a_clock_set_forward_counts_against_the_recovery() {
        let (mut steady, _) = Steady::new(reading(100_000, 0), None);
        let (at, step) = steady.advance(reading(160_000, 5_000));
        assert_eq!(at, Timestamp::from_millis(160_000));
        assert_eq!(step, Some(Step { millis: 55_000 }));
    }

    #[test]
    fn a_new_process_never_begins_before_what_is_written() {
        let floor = Timestamp::from_millis(200_000);
        let (mut steady, step) = Steady::new(reading(100_000, 0), Some(floor));
        assert_eq!(step, Some(Step { millis: -100_000 }));
        assert_eq!(steady.advance(reading(100_010, 10)).0, Timestamp::from_millis(200_010));
    }
}
