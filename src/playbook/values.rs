//! The small values of a playbook: names, durations, templates, places.

use super::template::Template;
use crate::{
    document::{
        read::{At, Reader},
        words,
    },
    time::{Period, Timestamp},
};
use regex::Regex;
use serde_json::json;
use std::{path::PathBuf, sync::LazyLock};

/// Longer than this is a slip of the pen, and would overflow sums of times.
const LONGEST: Period = Period::from_secs(10 * 366 * 24 * 3600);

/// A DNS label, as `T` reads it.
fn label<T: std::str::FromStr<Err = crate::ids::InvalidId>>(r: &mut Reader<'_>) -> Option<T> {
    let schema = json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" });
    r.parsed(schema, "a name", |text| {
        text.parse::<T>().map_err(|_| {
            let rule = "1 to 63 of a-z, 0-9 and `-`, not beginning or ending with `-`";
            let tame: String = text
                .to_lowercase()
                .chars()
                .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
                .take(63)
                .collect();
            let tame = tame.trim_matches('-');
            let help = match tame.parse::<T>() {
                Ok(_) => format!("use {rule}, such as `{tame}`"),
                Err(_) => format!("use {rule}"),
            };
            (format!("{} is not a valid name", words::quoted(text)), help)
        })
    })
}

/// The name of a playbook.
pub(super) fn playbook_name(r: &mut Reader<'_>) -> Option<crate::ids::PlaybookName> {
    label(r)
}

/// The name of a step, with its place.
pub(super) fn step_id(r: &mut Reader<'_>) -> Option<At<crate::ids::StepId>> {
    let span = r.span();
    label(r).map(|value| At { value, span })
}

/// `true` or `false`.
pub(super) fn boolean(r: &mut Reader<'_>) -> Option<bool> {
    r.boolean()
}

/// A text that is not blank.
pub(crate) fn words_of(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "minLength": 1 }), "a text", not_blank)
}

fn not_blank(text: &str) -> Result<String, (String, String)> {
    if text.trim().is_empty() {
        return Err(("the text is empty".to_owned(), "write something, or leave the key out".to_owned()));
    }
    Ok(text.to_owned())
}

/// A list of texts that are not blank.
pub(super) fn several_words(r: &mut Reader<'_>) -> Option<Vec<String>> {
    r.list(1, words_of)
}

/// A path, taken as it is.
pub(crate) fn path(r: &mut Reader<'_>) -> Option<PathBuf> {
    words_of(r).map(PathBuf::from)
}

/// A length of time above zero.
pub(crate) fn duration(r: &mut Reader<'_>) -> Option<Period> {
    let schema = json!({
        "type": "string",
        "pattern": "^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
        "examples": ["90s", "15m", "2h", "1d", "1h30m"],
    });
    r.parsed(schema, "a duration such as 90s, 15m, 2h or 1d", |text| {
        let form = "write it as 90s, 15m, 2h, 1d or 1h30m";
        match text.parse::<Period>() {
            Ok(Period::ZERO) => Err(("a duration of nothing".to_owned(), "give more than zero".to_owned())),
            Ok(period) if period > LONGEST => {
                Err((format!("{} is longer than ten years", words::quoted(text)), form.to_owned()))
            }
            Ok(period) => Ok(period),
            Err(_) => {
                let help =
                    meant(text).map_or_else(|| form.to_owned(), |right| format!("did you mean {right}?"));
                Err((format!("{} is not a duration", words::quoted(text)), help))
            }
        }
    })
}

/// What a wrong duration was likely meant to be: `5 min`, `1.5h`, `90`.
fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok().filter(|n| (0.0..1e9).contains(n))?;
    let unit = unit.trim().to_lowercase();
    let seconds = match unit.as_str() {
        "" if number.fract() == 0.0 => return Some(format!("`{number}s`, `{number}m` or `{number}h`")),
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    };
    let right = std::time::Duration::try_from_secs_f64(number * seconds).ok()?;
    Some(format!("`{}`", Period::from(right)))
}

/// A moment.
pub(super) fn moment(r: &mut Reader<'_>) -> Option<Timestamp> {
    let schema = json!({ "type": "string", "examples": ["2026-11-23T09:00:00Z", "2026-11-23"] });
    r.parsed(schema, "a moment", |text| {
        text.parse::<Timestamp>().map_err(|_| {
            let help = "write it as 2026-11-23T09:00:00Z, or as a date, which is its first moment in UTC";
            (format!("{} is not a moment", words::quoted(text)), help.to_owned())
        })
    })
}

/// A day.
pub(super) fn day(r: &mut Reader<'_>) -> Option<chrono::NaiveDate> {
    r.parsed(json!({ "type": "string", "format": "date" }), "a date", |text| {
        text.parse::<chrono::NaiveDate>().map_err(|_| {
            (
                format!("{} is not a date of the calendar", words::quoted(text)),
                "write it as 2026-12-20".to_owned(),
            )
        })
    })
}

/// An IANA time zone.
pub(super) fn timezone(r: &mut Reader<'_>) -> Option<chrono_tz::Tz> {
    let schema = json!({ "type": "string", "examples": ["UTC", "Europe/Berlin"] });
    r.parsed(schema, "a time zone", |text| {
        text.parse::<chrono_tz::Tz>().map_err(|_| {
            let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            let tail = text.rsplit('/').next().unwrap_or(text).replace(' ', "_");
            let city = chrono_tz::TZ_VARIANTS
                .iter()
                .map(|zone| zone.name())
                .find(|name| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&tail)));
            let help = match city.or_else(|| words::nearest(text, names)) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "use a name of the IANA list, such as `UTC` or `Europe/Berlin`".to_owned(),
            };
            (format!("{} is not a time zone", words::quoted(text)), help)
        })
    })
}

/// A regular expression that compiles.
pub(super) fn regex(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "format": "regex" }), "a regular expression", |text| match Regex::new(
        text,
    ) {
        Ok(_) => Ok(text.to_owned()),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(("this regular expression is too large".to_owned(), "make its counts smaller".to_owned()))
        }
        Err(error) => {
            let lines = error.to_string();
            let why = lines.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Err((
                format!("{} is not a regular expression", words::quoted(text)),
                format!("{why}; it is read as the Rust crate `regex` does: no look-around"),
            ))
        }
    })
}

fn template_as(r: &mut Reader<'_>, what: &'static str) -> Option<Template> {
    let parsed = r.parsed(json!({ "type": "string", "minLength": 1 }), "a text", |text| {
        let template = Template::parse(&not_blank(text)?).map_err(|error| {
            let help = "references are {{ steps.ID.KEY }}, {{ recovery_point.time }}, {{ recovery_point.id }}, \
                        {{ run.id }} and {{ run.declared }}";
            let message = error.what.split(": write {{").next().unwrap_or_default();
            (words::short_message(message), help.to_owned())
        })?;
        Ok((template, text.to_owned()))
    })?;
    let (template, text) = parsed;
    r.note(&text, what);
    Some(template)
}

/// What a noted text is: decides which references it may have.
pub(super) const TEXT: &str = "a text";
/// A statement.
pub(super) const SQL: &str = "a statement";

/// A text with references.
pub(super) fn template(r: &mut Reader<'_>) -> Option<Template> {
    template_as(r, TEXT)
}

/// A statement with references, which become parameters.
pub(super) fn sql(r: &mut Reader<'_>) -> Option<Template> {
    let template = template_as(r, SQL)?;
    if !has_words(&template) {
        r.error("this is not a statement", "write a SELECT; references in it are bound as parameters");
        return None;
    }
    Some(template)
}

/// A condition for rows, to stand behind `where`. References in it become parameters.
pub(super) fn condition(r: &mut Reader<'_>) -> Option<Template> {
    let template = template_as(r, SQL)?;
    let text = template.to_string();
    let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    let (message, help) = if text.contains(';') {
        ("there is a `;` in this condition: it is no statement of its own", "take the `;` out")
    } else if first == "where" {
        ("the condition begins with `where`", "leave the word out: the key says it")
    } else if first == "select" || !has_words(&template) {
        ("this is not a condition", "write what holds for the rows, such as created_at < '2026-01-01'")
    } else {
        return Some(template);
    };
    r.error(message, help);
    None
}

/// Whether there is a word beside the references.
fn has_words(template: &Template) -> bool {
    template.parts().iter().any(|part| match part {
        super::Part::Text(text) => text.chars().any(char::is_alphabetic),
        super::Part::Ref(_) => false,
    })
}

/// `true`: the key is a form of its own, and `false` would say nothing.
pub(super) fn only_true(r: &mut Reader<'_>) -> Option<()> {
    r.also(json!({ "const": true }));
    match r.boolean()? {
        true => Some(()),
        false => {
            r.error("`false` says nothing here", "write `true`, or use another key");
            None
        }
    }
}

/// An ARN.
pub(crate) fn arn(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "pattern": "^arn:" }), "an ARN", |text| {
        if text.starts_with("arn:") && text.split(':').count() >= 6 {
            return Ok(text.to_owned());
        }
        Err(("this is not an ARN".to_owned(), "it reads arn:aws:SERVICE:REGION:ACCOUNT:NAME".to_owned()))
    })
}

/// An AWS account. Digits as written: a number loses its leading zeros elsewhere, not here.
pub(crate) fn account(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": ["string", "integer"], "pattern": "^[0-9]{12}$" });
    r.parsed(schema, "an AWS account", |text| {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(text.to_owned());
        }
        let help = match text.replace('-', "") {
            digits if digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                format!("did you mean \"{digits}\"?")
            }
            _ => "it has twelve digits, leading zeros included: \"012345678901\"".to_owned(),
        };
        Err((format!("{} is not an AWS account", words::quoted(text)), help))
    })
}

/// An AWS region.
pub(crate) fn region(r: &mut Reader<'_>) -> Option<String> {
    static FORM: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$").ok());
    r.parsed(json!({ "type": "string", "examples": ["eu-central-1"] }), "an AWS region", |text| {
        if FORM.as_ref().is_some_and(|form| form.is_match(text)) {
            return Ok(text.to_owned());
        }
        Err((
            format!("{} is not an AWS region", words::quoted(text)),
            "it reads like `eu-central-1`".to_owned(),
        ))
    })
}

/// A namespace, or the beginning of some: `drill-*`.
pub(crate) fn namespaces(r: &mut Reader<'_>) -> Option<String> {
    r.parsed(json!({ "type": "string", "examples": ["drill-*"] }), "a namespace", |text| {
        let head = text.strip_suffix('*').unwrap_or(text);
        // `drill-` is no name, but begins one.
        let probe = if head.len() < text.len() { format!("{head}x") } else { head.to_owned() };
        if text == "*" {
            return Err((
                "`*` is every namespace of the cluster, kube-system too".to_owned(),
                "give the beginning that scratch namespaces share, such as `drill-*`".to_owned(),
            ));
        }
        match probe.parse::<crate::ids::StepId>() {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err((
                format!("{} is not a namespace", words::quoted(text)),
                "use a-z, 0-9 and `-`; `*` at the end stands for the rest".to_owned(),
            )),
        }
    })
}

/// The URL of a check, with references.
pub(super) fn url(r: &mut Reader<'_>) -> Option<Template> {
    let template = template(r)?;
    // References stand for what is not known yet: `1` fits as host, port and path.
    let probe: String = template
        .parts()
        .iter()
        .map(|part| match part {
            super::Part::Text(text) => text.as_str(),
            super::Part::Ref(_) => "1",
        })
        .collect();
    let begins_with_reference = matches!(template.parts().first(), Some(super::Part::Ref(_)));
    match reqwest::Url::parse(&probe) {
        _ if begins_with_reference => Some(template),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            r.hide();
            r.error(
                "a URL must not hold a user or password",
                "send them as a header: { Authorization: { env: NAME } }",
            );
            None
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(template),
        Ok(url) if url.scheme() != "http" && url.scheme() != "https" => {
            r.error(
                format!("{} is not asked over HTTP", words::quoted(&probe)),
                "begin it with http:// or https://",
            );
            None
        }
        _ => {
            r.error(
                format!("{} is not a URL", words::quoted(&template.to_string())),
                "write it as http://host:port/path",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_duration_was_meant_to_be() {
        for (given, right) in [
            ("5min", "`5m`"),
            ("1.5h", "`1h30m`"),
            ("2 hours", "`2h`"),
            ("90", "`90s`, `90m` or `90h`"),
            ("1 week", "`7d`"),
        ] {
            assert_eq!(meant(given).as_deref(), Some(right), "{given}");
        }
        for given in ["", "x", "-5m", "1e400h", "1.2.3s"] {
            assert_eq!(meant(given), None, "{given}");
        }
    }
}
