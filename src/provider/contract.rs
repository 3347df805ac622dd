//! What the commands of a `command` source print, read strictly where firedrill relies on it.
//!
//! The full contract is in `docs/command-source.md`. Keys that are not part of it are ignored, so that the JSON of a
//! backup tool can be passed on as it is.

use crate::{
    drill::{Candidate, Hydration, Outputs, RecoveryPoint},
    process::{Secrets, output_value, shorten},
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Clocks of two machines may differ by so much; a backup from further in the future has a wrong time.
const SKEW: Period = Period::from_secs(300);

/// Receipts are for evidence, not for logs.
const MOST_RECEIPTS: usize = 50;

/// What `acquire` gave; kept beside what it made, since nobody else remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Acquired {
    pub(super) outputs: Outputs,
    pub(super) receipts: Vec<String>,
}

/// What `observe` said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observed {
    pub(super) state: State,
    pub(super) progress: Option<f64>,
    pub(super) note: String,
    pub(super) outputs: Outputs,
    pub(super) hydration: Hydration,
    pub(super) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Ready,
    Broken,
    Absent,
}

/// The recovery points in what `recovery_point` printed.
pub(super) fn recovery_points(
    text: &str,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<Vec<Candidate>, String> {
    let Some(mut object) = object_with(text, "recovery_points")? else {
        return Err(
            r#"it must print {"recovery_points": [{"id": "…", "time": "2026-11-23T03:15:00Z"}]}"#.to_owned()
        );
    };
    let Some(Value::Array(list)) = object.remove("recovery_points") else {
        return Err("`recovery_points` is not a list".to_owned());
    };
    let mut found: Vec<Candidate> = Vec::with_capacity(list.len());
    let mut ids = std::collections::BTreeSet::new();
    for (i, value) in list.into_iter().enumerate() {
        let candidate =
            candidate(value, secrets, now).map_err(|why| format!("recovery_points[{i}]: {why}"))?;
        if !ids.insert(candidate.point.id.clone()) {
            return Err(format!("recovery_points[{i}]: the id `{}` is there twice", candidate.point.id));
        }
        found.push(candidate);
    }
    Ok(found)
}

fn candidate(value: Value, secrets: &Secrets, now: Timestamp) -> Result<Candidate, String> {
    let Value::Object(object) = value else { return Err("it is not an object".to_owned()) };
    let id = match object.get("id") {
        Some(Value::String(id)) if !id.is_empty() && id.len() <= 1024 => secrets.redact(id),
        Some(Value::Number(id)) => id.to_string(),
        Some(_) => return Err("`id` is not a text of 1 to 1024 bytes".to_owned()),
        None => return Err("`id` is missing".to_owned()),
    };
    let time = match object.get("time") {
        Some(Value::String(time)) => time.parse().map_err(|error| format!("`time`: {error}"))?,
        Some(Value::Number(seconds)) => {
            match seconds.as_i64().and_then(|seconds| seconds.checked_mul(1000)) {
                Some(millis) => Timestamp::from_millis(millis),
                None => return Err(format!("`time`: {seconds} is not a number of seconds since 1970")),
            }
        }
        Some(_) => return Err("`time` is not a moment such as \"2026-11-23T03:15:00Z\"".to_owned()),
        None => return Err("`time` is missing: the moment whose data the backup holds".to_owned()),
    };
    let bytes = match object.get("bytes") {
        None | Some(Value::Null) => None,
        Some(bytes) => Some(bytes.as_u64().ok_or("`bytes` is not a whole number")?),
    };
    let encrypted = match object.get("encrypted") {
        None | Some(Value::Null) => None,
        Some(truth) => Some(truth.as_bool().ok_or("`encrypted` is not true or false")?),
    };
    let location = text(&object, "location", secrets)?;
    let said = text(&object, "unfit", secrets)?;
    let details = outputs(&object, "details", secrets)?;
    let future = (time > now + SKEW).then(|| format!("its time, {}, lies in the future", time.human()));
    let point = RecoveryPoint {
        id,
        time,
        time_source: "command".to_owned(),
        location: (!location.is_empty()).then_some(location),
        bytes,
        encrypted,
        details,
    };
    Ok(Candidate { point, unfit: (!said.is_empty()).then_some(said).or(future) })
}

/// What `acquire` gave: it need not print anything.
pub(super) fn acquired(text: &str, secrets: &Secrets) -> Result<Acquired, String> {
    let object = match object_with(text, "outputs")? {
        Some(object) => object,
        None => object_with(text, "receipts")?.unwrap_or_default(),
    };
    let receipts = match object.get("receipts") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => {
            let text = |value: &Value| match value {
                Value::String(text) => Ok(shorten(&secrets.redact(text), 500)),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err("`receipts` is not a list of texts".to_owned()),
            };
            list.iter().take(MOST_RECEIPTS).map(text).collect::<Result<_, _>>()?
        }
        Some(_) => return Err("`receipts` is not a list of texts".to_owned()),
    };
    Ok(Acquired { outputs: outputs(&object, "outputs", secrets)?, receipts })
}

/// What `observe` said.
pub(super) fn observed(whole: &str, secrets: &Secrets) -> Result<Observed, String> {
    const STATES: &str = "pending, ready, broken or absent";
    let Some(object) = object_with(whole, "state")? else {
        return Err(format!(r#"it must print {{"state": "…"}} with one of {STATES}"#));
    };
    let state = match object.get("state").and_then(Value::as_str) {
        Some("pending") => State::Pending,
        Some("ready") => State::Ready,
        Some("broken") => State::Broken,
        Some("absent") => State::Absent,
        _ => return Err(format!("`state` is not one of {STATES}")),
    };
    let hydration = match text(&object, "hydration", secrets)?.as_str() {
        "complete" => Hydration::Complete,
        "loading" => Hydration::Loading,
        "" | "unknown" => Hydration::Unknown,
        _ => return Err("`hydration` is not one of complete, loading or unknown".to_owned()),
    };
    let progress = match object.get("progress") {
        None | Some(Value::Null) => None,
        Some(value) => Some(share(value).ok_or("`progress` is not a number from 0 to 1")?),
    };
    Ok(Observed {
        state,
        progress,
        note: shorten(&text(&object, "note", secrets)?, 300),
        outputs: outputs(&object, "outputs", secrets)?,
        hydration,
        reason: shorten(&text(&object, "reason", secrets)?, 1000),
    })
}

/// A line such as `{"progress": 0.4, "note": "…"}`; any other line is none.
pub(super) fn progress(line: &str) -> Option<(f64, String)> {
    if !line.starts_with('{') {
        return None;
    }
    let Ok(Value::Object(object)) = serde_json::from_str(line) else { return None };
    let note = object.get("note").and_then(Value::as_str).unwrap_or_default();
    Some((share(object.get("progress")?)?, shorten(note, 300)))
}

fn share(value: &Value) -> Option<f64> {
    value.as_f64().filter(|share| (0.0..=1.0).contains(share))
}

fn text(object: &Map<String, Value>, key: &str, secrets: &Secrets) -> Result<String, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(secrets.redact(text)),
        Some(_) => Err(format!("`{key}` is not a text")),
    }
}

fn outputs(object: &Map<String, Value>, key: &str, secrets: &Secrets) -> Result<Outputs, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(Outputs::new()),
        Some(Value::Object(members)) => members
            .iter()
            .map(|(name, value)| Ok((name.clone(), output_value(name, value, secrets)?)))
            .collect::<Result<_, String>>()
            .map_err(|why| format!("`{key}`: {why}")),
        Some(_) => Err(format!("`{key}` is not an object")),
    }
}

/// The last JSON object with that key that begins at the start of a line: on one line or spread over many, among
/// whatever else the tool prints. `Err`: there is none, and something that looks like JSON can't be read.
fn object_with(text: &str, key: &str) -> Result<Option<Map<String, Value>>, String> {
    let mut broken = None;
    let mut end = text.len();
    while let Some(start) = text[..end].rfind('{') {
        end = start;
        if start > 0 && !text[..start].ends_with('\n') {
            continue;
        }
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(object))) if object.contains_key(key) => return Ok(Some(object)),
            Some(Err(error)) => broken = Some(error),
            _ => {}
        }
    }
    match broken {
        // Any tool may print a line that begins with a brace; only one that means this key is taken at its word.
        Some(error) if text.contains(&format!("\"{key}\"")) => {
            Err(format!("its output is not valid JSON: {error}"))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Secrets {
        Secrets::default()
    }

    fn now() -> Timestamp {
        "2026-11-23T09:00:00Z".parse().expect("a moment")
    }

    fn points(text: &str) -> Result<Vec<Candidate>, String> {
        recovery_points(text, &none(), now())
    }

    #[test]
    fn recovery_points_are_read() {
        let text = r#"listing…
{
  "recovery_points": [
    {"id": "a", "time": "2026-11-23T03:15:00+01:00", "bytes": 7, "encrypted": true,
     "location": "s3", "details": {"label": "x", "n": 3}, "unknown": []},
    {"id": 17, "time": 1795403700},
    {"id": "c", "time": "2026-11-23T09:05:01Z"},
    {"id": "d", "time": "2026-11-23", "unfit": "incomplete"}
  ]
}
"#;
        let points = points(text).expect("valid");
        let first = &points[0].point;
        assert_eq!((first.time.to_string().as_str(), first.bytes), ("2026-11-23T02:15:00.000Z", Some(7)));
        assert_eq!((first.encrypted, first.details["n"].as_str()), (Some(true), "3"));
        assert_eq!(points[1].point.time.to_string(), "2026-11-23T03:15:00.000Z");
        assert!(points[2].unfit.as_deref().is_some_and(|why| why.contains("future")));
        assert_eq!(points[3].unfit.as_deref(), Some("incomplete"));
    }

    #[test]
    fn faults_name_the_place() {
        for (text, part) in [
            ("", "must print"),
            ("nothing", "must print"),
            (r#"{"recovery_points": 3}"#, "not a list"),
            (r#"{"recovery_points": ["#, "not valid JSON"),
            (r#"{"recovery_points": [3]}"#, "recovery_points[0]: it is not an object"),
            (r#"{"recovery_points": [{"time": 1}]}"#, "[0]: `id` is missing"),
            (r#"{"recovery_points": [{"id": "a"}]}"#, "[0]: `time` is missing"),
            (r#"{"recovery_points": [{"id": "a", "time": "yesterday"}]}"#, "`yesterday` is not a moment"),
            (r#"{"recovery_points": [{"id": "a", "time": 1, "bytes": -1}]}"#, "`bytes`"),
            (r#"{"recovery_points": [{"id": "a", "time": 1}, {"id": "a", "time": 2}]}"#, "[1]: the id `a`"),
            (
                r#"{"recovery_points": [{"id": "a", "time": 1, "details": {"x": {}}}]}"#,
                "`details`: the output `x`",
            ),
        ] {
            let why = points(text).expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        }
        assert_eq!(points(r#"{"recovery_points": []}"#), Ok(Vec::new()));
    }

    #[test]
    fn acquire_may_print_anything() {
        assert_eq!(acquired("restored 5 files\n", &none()), Ok(Acquired::default()));
        assert_eq!(acquired("{main} restored\n", &none()), Ok(Acquired::default()));
        assert_eq!(acquired("{\"message_type\":\"status\"}\nok", &none()), Ok(Acquired::default()));
        let text = "{\"progress\": 1}\n{\"outputs\": {\"port\": 5432}, \"receipts\": [\"job 7\"]}\nbye\n";
        let acquired = acquired(text, &none()).expect("valid");
        assert_eq!((acquired.outputs["port"].as_str(), acquired.receipts[0].as_str()), ("5432", "job 7"));
        assert!(super::acquired("{\"outputs\": [}", &none()).is_err());
        assert!(super::acquired("{\"outputs\": {\"a\": []}}", &none()).is_err());
    }

    #[test]
    fn observe_must_say_a_state() {
        let said =
            observed(r#"{"state": "pending", "progress": 0.5, "note": "replaying"}"#, &none()).expect("ok");
        assert_eq!((said.state, said.progress, said.note.as_str()), (State::Pending, Some(0.5), "replaying"));
        for text in
            ["", "ready", r#"{"state": "up"}"#, r#"{"state": 1}"#, r#"{"state": "ready", "progress": 7}"#]
        {
            assert!(observed(text, &none()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_that_json_escapes_is_taken_out_too() {
        let mut secrets = Secrets::default();
        secrets.add("pa\"ss\\word");
        let text = r#"{"outputs": {"dsn": "user:pa\"ss\\word@host"}}"#;
        assert_eq!(acquired(text, &secrets).expect("valid").outputs["dsn"], "user:[redacted]@host");
    }

    #[test]
    fn progress_lines_are_told_from_others() {
        assert_eq!(progress(r#"{"progress": 0.4, "note": "x"}"#), Some((0.4, "x".to_owned())));
        for line in ["0.4", r#"{"progress": 40}"#, r#"{"progress": "0.4"}"#, "{", r#"{"done": 1}"#] {
            assert_eq!(progress(line), None, "{line}");
        }
    }
}
