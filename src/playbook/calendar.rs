//! When a playbook runs by itself: cron, zone, the window of an unannounced drill, blackouts.
//!
//! | word | stands for |
//! | --- | --- |
//! | `@yearly` | `0 0 0 1 1 *` |
//! | `@quarterly` | `0 0 0 1 1,4,7,10 *` |
//! | `@monthly` | `0 0 0 1 * *` |
//! | `@weekly` | `0 0 0 * * MON` |
//! | `@daily` | `0 0 0 * * *` |
//!
//! The cron crate has words of its own, which differ (its week begins on Sunday, it has no quarter), so these
//! are put in before it sees the text.

use super::{
    model::{Blackout, Missed, Schedule, Unannounced},
    values,
};
use crate::{
    document::{read::Reader, words},
    time::{Period, Timestamp},
};
use chrono::{Datelike, Weekday};
use serde_json::json;
use std::str::FromStr;

const WORDS: [(&str, &str); 5] = [
    ("@yearly", "0 0 0 1 1 *"),
    ("@quarterly", "0 0 0 1 1,4,7,10 *"),
    ("@monthly", "0 0 0 1 * *"),
    ("@weekly", "0 0 0 * * MON"),
    ("@daily", "0 0 0 * * *"),
];

/// The fields, with what may be in them.
const FIELDS: [(&str, &str); 7] = [
    ("seconds", "0-59"),
    ("minutes", "0-59"),
    ("hours", "0-23"),
    ("day of the month", "1-31"),
    ("month", "1-12 or JAN-DEC"),
    ("day of the week", "1-7 (1 is Sunday) or SUN-SAT"),
    ("year", "1970-2100"),
];

/// Where the search for fires begins when no present is given: the answer must not depend on the clock, or
/// the playbook of an old run could not be read again.
const EARLY: i64 = 1_577_836_800_000;

impl Schedule {
    /// The cron text with words such as `@quarterly` put into fields.
    pub fn fields(&self) -> &str {
        expand(&self.cron)
    }

    /// When it fires next after `at`. Unannounced windows and blackouts are not looked at.
    pub fn fires_after(&self, at: Timestamp) -> Option<Timestamp> {
        fires(self.fields(), self.timezone, at).next()
    }

    /// Whether a day of its own zone is blacked out.
    pub fn blacked_out(&self, day: chrono::NaiveDate) -> Option<&Blackout> {
        self.blackout.iter().find(|blackout| (blackout.from..=blackout.to).contains(&day))
    }
}

fn expand(cron: &str) -> &str {
    WORDS.iter().find(|(word, _)| *word == cron.trim()).map_or(cron, |(_, fields)| fields)
}

fn fires(fields: &str, zone: chrono_tz::Tz, after: Timestamp) -> impl Iterator<Item = Timestamp> + use<> {
    let start = after.to_chrono().with_timezone(&zone);
    let schedule = cron::Schedule::from_str(fields).ok();
    schedule.into_iter().flat_map(move |schedule| schedule.after_owned(start).map(|at| at.to_utc().into()))
}

/// A schedule; `now` where "never again" is to be told from "never".
pub(super) fn schedule(r: &mut Reader<'_>) -> Option<Schedule> {
    r.fields("a schedule", |m| {
        let cron = m.need(
            "cron",
            "When it fires: seconds, minutes, hours, day of the month, month, day of the week; or @quarterly.",
            cron_text,
        );
        let timezone = m.opt("timezone", "The IANA zone of these times; UTC where left out.", values::timezone);
        let unannounced = m.opt(
            "unannounced",
            "Draw the moment at random within a window that each fire opens.",
            unannounced,
        );
        let blackout =
            m.opt("blackout", "Days without drills, both ends included.", |r| r.list(1, blackout_days));
        let missed = m.opt("missed", "A fire that was missed while the service was down: run once, or skip.", |r| {
            r.word(&[("run_once", Missed::RunOnce), ("skip", Missed::Skip)])
        });
        let cron = cron?;
        let timezone = timezone.unwrap_or(chrono_tz::UTC);
        if let Some(unannounced) = &unannounced {
            let early = Timestamp::from_millis(EARLY);
            let some: Vec<Timestamp> = fires(expand(&cron), timezone, early).take(24).collect();
            if !some.iter().any(|fire| has_a_day(unannounced, *fire, timezone)) {
                m.error(
                    "unannounced",
                    "no window ever holds one of the allowed days",
                    "make the window longer, or allow more days",
                );
            }
            let overlap = some.windows(2).any(|two| two[1].since(two[0]) < unannounced.window);
            if overlap {
                m.warn(
                    "unannounced",
                    format!("a window of {} is still open when the next one opens", unannounced.window),
                    "make the window shorter than the time between two fires",
                );
            }
        }
        let blackout = blackout.unwrap_or_default();
        let missed = missed.unwrap_or(Missed::RunOnce);
        Some(Schedule { cron, timezone, unannounced, blackout, missed })
    })
}

fn has_a_day(unannounced: &Unannounced, fire: Timestamp, zone: chrono_tz::Tz) -> bool {
    let day = |at: Timestamp| at.to_chrono().with_timezone(&zone).date_naive();
    let (first, last) = (day(fire), day(fire + unannounced.window));
    unannounced.days.is_empty()
        || first
            .iter_days()
            .take(7)
            .take_while(|day| *day <= last)
            .any(|day| unannounced.days.contains(&day.weekday()))
}

fn cron_text(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "examples": ["0 0 9 * * MON", "@quarterly"] });
    r.parsed(schema, "a cron text", |text| {
        let given = words::quoted(text);
        if text.trim().starts_with('@') {
            let known = WORDS.iter().map(|(word, _)| *word);
            return match known.clone().any(|word| word == text.trim()) {
                true => Ok(text.trim().to_owned()),
                false => Err((format!("{given} is not known here"), words::suggest(text.trim(), known))),
            };
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        match fields.len() {
            5 => {
                let help = format!("the first field is seconds: `0 {}`", fields.join(" "));
                return Err((format!("{given} has five fields, and needs six"), help));
            }
            6 | 7 => {}
            count => {
                let help = "write seconds, minutes, hours, day of the month, month, day of the week, and a year if \
                            need be: 0 0 9 * * MON";
                return Err((format!("{given} has {count} fields, and needs six"), help.to_owned()));
            }
        }
        for (i, field) in fields.iter().enumerate() {
            let mut probe = ["0", "0", "0", "*", "*", "*", "*"];
            probe[i] = field;
            if field.len() > 200 || cron::Schedule::from_str(&probe.join(" ")).is_err() {
                let (name, range) = FIELDS[i];
                let message = format!("{} is not a valid {name} field of a cron text", words::quoted(field));
                return Err((message, format!("use {range}, `*`, ranges, lists and steps such as */15")));
            }
        }
        let joined = fields.join(" ");
        let early = Timestamp::from_millis(EARLY);
        match fires(&joined, chrono_tz::UTC, early).next() {
            Some(_) => Ok(joined),
            None => Err((
                format!("{given} never fires"),
                "no day of the calendar fits all of its fields".to_owned(),
            )),
        }
    })
}

/// Whether a schedule that is valid fires within ten years of `now`.
pub(super) fn fires_soon(schedule: &Schedule, now: Timestamp) -> bool {
    let decade = Period::from_secs(10 * 366 * 24 * 3600);
    schedule.fires_after(now).is_some_and(|at| at <= now + decade)
}

fn unannounced(r: &mut Reader<'_>) -> Option<Unannounced> {
    r.fields("an unannounced drill", |m| {
        let window = m.need("window", "How long the window is open.", values::duration);
        let between = m.opt("between", "The hours of the day within which it may begin.", between);
        let days = m.opt("days", "The days on which it may begin.", |r| r.list(1, weekday));
        if let Some(days) = &days
            && let Some(twice) = (1..days.len()).find(|i| days[..*i].contains(&days[*i]))
        {
            let name = days[twice].to_string().to_lowercase();
            m.error("days", format!("`{name}` comes twice"), "name each day once");
        }
        Some(Unannounced { window: window?, between, days: days.unwrap_or_default() })
    })
}

fn between(r: &mut Reader<'_>) -> Option<(u32, u32)> {
    r.also(json!({ "minItems": 2, "maxItems": 2 }));
    let times = r.list(2, |r| {
        let schema = json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$" });
        r.parsed(schema, "a time of day", |text| {
            minutes(text).ok_or_else(|| {
                (format!("{} is not a time of day", words::quoted(text)), "write it as \"09:00\"".to_owned())
            })
        })
    })?;
    match times.as_slice() {
        [from, to] if from < to => Some((*from, *to)),
        [_, _] => {
            r.error("the window of the day ends before it begins", "give the earlier time first");
            None
        }
        _ => {
            r.error("more than two times", "give two: [\"09:00\", \"17:00\"]");
            None
        }
    }
}

/// Minutes after midnight.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let (hours, minutes): (u32, u32) =
        (two(hours).then(|| hours.parse().ok())??, two(minutes).then(|| minutes.parse().ok())??);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60).then_some(total)
}

fn weekday(r: &mut Reader<'_>) -> Option<Weekday> {
    r.word(&[
        ("mon", Weekday::Mon),
        ("tue", Weekday::Tue),
        ("wed", Weekday::Wed),
        ("thu", Weekday::Thu),
        ("fri", Weekday::Fri),
        ("sat", Weekday::Sat),
        ("sun", Weekday::Sun),
    ])
}

fn blackout_days(r: &mut Reader<'_>) -> Option<Blackout> {
    r.fields("a blackout", |m| {
        let from = m.need("from", "The first day.", values::day);
        let to = m.need("to", "The last day.", values::day);
        let reason = m.opt("reason", "Why.", values::words_of);
        let (from, to) = (from?, to?);
        if to < from {
            m.error("to", format!("the blackout ends on {to}, before it begins"), "swap `from` and `to`");
        }
        Some(Blackout { from, to, reason })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule {
            cron: cron.to_owned(),
            timezone: zone.parse().expect("a zone"),
            unannounced: None,
            blackout: Vec::new(),
            missed: Missed::Skip,
        }
    }

    fn next(cron: &str, zone: &str, at: &str) -> String {
        let at = at.parse().expect("a moment");
        schedule(cron, zone).fires_after(at).expect("fires").human()
    }

    #[test]
    fn words_fire_as_the_table_says() {
        let at = "2026-02-03T10:00:00Z";
        assert_eq!(next("@quarterly", "UTC", at), "2026-04-01 00:00:00Z");
        assert_eq!(next("@monthly", "UTC", at), "2026-03-01 00:00:00Z");
        assert_eq!(next("@weekly", "UTC", at), "2026-02-09 00:00:00Z");
        assert_eq!(next("@daily", "Europe/Berlin", at), "2026-02-03 23:00:00Z");
        assert_eq!(next("@yearly", "UTC", at), "2027-01-01 00:00:00Z");
    }

    #[test]
    fn daylight_saving_is_handled() {
        assert_eq!(next("0 0 9 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"), "2026-03-29 07:00:00Z");
        assert_eq!(next("0 0 9 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z"), "2026-03-28 08:00:00Z");
    }

    #[test]
    fn times_of_day_are_read() {
        assert_eq!(minutes("09:30"), Some(570));
        assert_eq!(minutes("24:00"), Some(1440));
        for bad in ["9:30", "24:01", "12:60", "12", "a:b", "１２:00"] {
            assert_eq!(minutes(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fire_that_is_past_for_good_is_told_from_one_to_come() {
        let past = schedule("0 0 0 1 1 * 2024", "UTC");
        assert!(!fires_soon(&past, "2026-01-01".parse().expect("a moment")));
        assert!(fires_soon(&past, "2023-01-01".parse().expect("a moment")));
    }
}
