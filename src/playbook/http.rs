//! HTTP checks.

use super::{
    checks::one,
    model::{CheckKind, EnvValue, HttpCheck, Subject, Verify},
    secrets, values,
};
use crate::document::{read::Reader, words};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A request, and what must come back.
pub(super) fn http(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("an http check", |m| {
        let name = m.opt("name", "A name; `http` where left out.", values::words_of);
        let url = m.need("url", "Where, with references such as {{ steps.ID.endpoint }}.", values::url);
        let method =
            m.opt("method", "GET where left out.", |r| r.word(&METHODS.map(|method| (method, method))));
        let headers = m.opt("headers", "Headers: a text, or where a secret comes from.", headers);
        let body = m.opt("body", "A body to send.", values::template);
        let status = m.opt("status", "The status that must come back; 200 where left out.", |r| {
            r.integer(100, 599).and_then(|status| u16::try_from(status).ok())
        });
        let body_matches =
            m.opt("body_matches", "A regular expression that the body must match.", values::regex);
        let within = m.opt("within", "Ask again for this long: services start slowly.", values::duration);
        let timeout = m.opt("timeout", "How long one request may take.", values::duration);
        let required =
            m.opt("required", "Whether the verdict depends on it; true where left out.", values::boolean);
        let bodiless = method.map_or(!m.has("method"), |method| matches!(method, "GET" | "HEAD"));
        if body.is_some() && bodiless {
            m.error("body", "a GET or HEAD request has no body", "add `method: POST`");
        }
        let check = HttpCheck {
            url: url?,
            method: method.unwrap_or("GET").to_owned(),
            headers: headers.unwrap_or_default().into_iter().collect(),
            body,
            status: status.unwrap_or(200),
            body_matches,
            within,
        };
        Some(one(
            Subject::Http,
            name.unwrap_or_else(|| "http".to_owned()),
            required,
            timeout,
            CheckKind::Http(check),
        ))
    })
}

fn headers(r: &mut Reader<'_>) -> Option<Vec<(String, EnvValue)>> {
    r.entries(|name, r| {
        let value = secrets::env_value(r);
        if r.describing() {
            return None;
        }
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        {
            r.error(format!("{} can't name a header", words::quoted(name)), "use letters, digits and `-`");
            return None;
        }
        let value = value?;
        let lower = name.to_lowercase();
        let secret = ["authorization", "proxy-authorization", "cookie"].contains(&lower.as_str());
        if secret || secrets::names_a_secret(&lower) {
            secrets::no_secret(r, name, &value)?;
        }
        if let EnvValue::Text(text) = &value
            && text.to_string().contains(['\n', '\r'])
        {
            r.error("a header's value is one line", "take the line break out");
            return None;
        }
        Some(value)
    })
}
