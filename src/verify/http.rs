//! The `http` check: one request, the status and perhaps the body that must come back.
//!
//! Redirects are not followed: what the playbook names is what is checked. The machine's proxy settings are not used.
//! Nothing of a body is kept but its size and digest. A server that can't be reached is a failed check, not a
//! check that could not be made: the restored service is what should have answered.

use crate::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass},
    playbook::{CheckKind, EnvValue, HttpCheck},
    ports::{CheckRequest, Tick, Verifier},
    process::{EnvSource, Secrets, shorten},
    time::Period,
};
use async_trait::async_trait;
use reqwest::{
    Client, Method, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use sha2::Digest as _;
use std::{error::Error, io, sync::OnceLock, time::Duration};
use tokio::time::{Instant, sleep};

/// For one request, where the check says nothing.
const TIMEOUT: Period = Period::from_secs(10);

/// Between two requests of a check that may wait.
const PAUSE: Duration = Duration::from_secs(1);

/// More of a body than this is not read.
const BODY_LIMIT: usize = 1024 * 1024;

/// Makes `http` checks.
#[derive(Debug, Default)]
pub struct HttpVerifier {
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

/// A request with everything looked up.
struct Asked<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
    pattern: Option<regex::bytes::Regex>,
    secrets: Secrets,
}

/// What came back, or did not.
struct Answer {
    fits: bool,
    actual: String,
    details: Vec<String>,
    digest: Option<String>,
}

impl HttpVerifier {
    /// Without any connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Certificates are checked against the system's roots, which a machine that only speaks plain HTTP may lack.
    fn client(&self, url: &Url) -> Result<&Client, Fault> {
        let secure = url.scheme() == "https";
        let kept = if secure { &self.tls } else { &self.plain };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        // Another part of the process may have chosen already; any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("firedrill/", env!("CARGO_PKG_VERSION")));
        let builder = if secure { builder } else { builder.tls_certs_only([]) };
        let client = builder.build().map_err(|error| {
            let message = format!("no HTTPS connection can be made from this machine: {}", causes(&error));
            Fault::new(FaultClass::Surroundings, message)
        })?;
        Ok(kept.get_or_init(|| client))
    }

    fn prepare<'a>(&'a self, http: &HttpCheck, ask: &CheckRequest<'_>) -> Result<Asked<'a>, Fault> {
        let permanent = |message: String| Fault::new(FaultClass::Permanent, message);
        let text = ask.known.render(&http.url, ask.point)?;
        let url: Url = text.parse().map_err(|error| permanent(format!("`{text}` is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(permanent(format!("`{}` is not an http or https URL", shown(&url))));
        }
        let method = Method::from_bytes(http.method.as_bytes())
            .map_err(|_| permanent(format!("`{}` is not an HTTP method", http.method)))?;
        let mut secrets = Secrets::default();
        if let Some(password) = url.password() {
            secrets.add(password);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &http.headers {
            let wrong =
                || permanent(format!("the header `{name}` has a name or a value that HTTP does not allow"));
            let secret = !matches!(value, EnvValue::Text(_));
            let value = EnvSource::of(value, ask.folder, ask.known, ask.point)?.value(&mut secrets)?;
            let key: HeaderName = name.parse().map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(secret);
            headers.append(key, value);
        }
        let body = http.body.as_ref().map(|body| ask.known.render(body, ask.point)).transpose()?;
        let pattern = http.body_matches.as_deref().map(regex::bytes::Regex::new).transpose();
        let pattern = pattern.map_err(|error| permanent(format!("`body_matches`: {error}")))?;
        Ok(Asked { client: self.client(&url)?, method, url, headers, body, pattern, secrets })
    }
}

#[async_trait]
impl Verifier for HttpVerifier {
    async fn check(&self, ask: &CheckRequest<'_>) -> Result<CheckOutcome, Fault> {
        let CheckKind::Http(http) = &ask.check.kind else {
            return Err(Fault::new(
                FaultClass::Permanent,
                format!("`{}` is not an http check", ask.check.name),
            ));
        };
        let asked = self.prepare(http, ask)?;
        let started = Instant::now();
        let until = http.within.map(|within| started + within.to_std());
        let timeout = ask.check.timeout.unwrap_or(TIMEOUT).to_std();
        let mut requests = 0u64;
        let answer = loop {
            requests += 1;
            let answer = asked.once(http, timeout).await;
            if answer.fits || until.is_none_or(|until| Instant::now() + PAUSE >= until) {
                break answer;
            }
            ask.progress.tick(Tick {
                step: ask.step.clone(),
                what: ask.check.name.clone(),
                done: Some(requests),
                total: None,
                unit: "requests",
                note: answer.actual,
            });
            sleep(PAUSE).await;
        };
        Ok(outcome(http, &asked, answer, requests, started.elapsed().into()))
    }
}

fn outcome(http: &HttpCheck, asked: &Asked<'_>, answer: Answer, requests: u64, took: Period) -> CheckOutcome {
    let mut expected = format!("status {}", http.status);
    if let Some(pattern) = &http.body_matches {
        expected = format!("{expected}, body matches {pattern}");
    }
    let mut details = vec![format!("{} {}", asked.method, shown(&asked.url))];
    details.extend(answer.details);
    if requests > 1 {
        let within = http.within.unwrap_or_default().human();
        details.push(format!("{requests} requests, up to {within} were allowed"));
    }
    let clean = |text: &String| asked.secrets.redact(text);
    CheckOutcome {
        status: if answer.fits { CheckStatus::Passed } else { CheckStatus::Failed },
        kind: "http".to_owned(),
        expected,
        actual: clean(&answer.actual),
        details: details.iter().map(clean).collect(),
        rows: None,
        took,
        freshness: None,
        digests: answer.digest.into_iter().map(|digest| ("body".to_owned(), digest)).collect(),
    }
}

impl Asked<'_> {
    async fn once(&self, http: &HttpCheck, timeout: Duration) -> Answer {
        let mut request = self.client.request(self.method.clone(), self.url.clone());
        request = request.headers(self.headers.clone()).timeout(timeout);
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        match request.send().await {
            Ok(response) => self.judge(http, response).await,
            Err(error) => failed(plainly(&error, timeout), Vec::new()),
        }
    }

    async fn judge(&self, http: &HttpCheck, mut response: Response) -> Answer {
        let status = response.status();
        let mut details = Vec::new();
        if status.is_redirection() {
            let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            details.push(format!("it redirects to {}, which is not followed", shorten(to, 200)));
        }
        let (body, whole) = match read(&mut response).await {
            Ok(read) => read,
            Err(error) => {
                let why = format!("status {}, and the body broke off: {}", status.as_u16(), causes(&error));
                return failed(why, details);
            }
        };
        details.push(match whole {
            true => format!("body of {} bytes", body.len()),
            false => format!("body of more than {BODY_LIMIT} bytes; only so many were read"),
        });
        let matches = self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&body));
        let mut actual = format!("status {}", status.as_u16());
        if self.pattern.is_some() {
            actual.push_str(if matches { ", body matches" } else { ", body does not match" });
        }
        Answer {
            fits: status.as_u16() == http.status && matches,
            actual,
            details,
            digest: Some(format!(
                "sha256:{}",
                crate::ids::Digest::from_bytes(sha2::Sha256::digest(&body).into())
            )),
        }
    }
}

fn failed(actual: String, details: Vec<String>) -> Answer {
    Answer { fits: false, actual, details, digest: None }
}

/// The body up to the limit, and whether that was all.
async fn read(response: &mut Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// The URL without a user's name and password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only where there is no host, and then there is no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    shorten(url.as_str(), 500)
}

/// Why a request had no answer, in words that tell where to look.
fn plainly(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {}", Period::from(timeout).human());
    }
    let tls = chain(error).find_map(as_tls);
    if let Some(tls) = tls {
        return format!("the TLS connection failed: {tls}");
    }
    if error.is_dns() {
        let why = chain(error).last().map(ToString::to_string).unwrap_or_default();
        return format!("the host name was not found: {why}");
    }
    let kind = chain(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused: nothing listens there".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "the connection was reset".to_owned(),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            "the host can't be reached".to_owned()
        }
        _ => format!("no answer: {}", causes(error)),
    }
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

/// TLS errors travel inside I/O errors, sometimes two deep, and an I/O error does not name what it holds as its cause.
fn as_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => as_tls(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// All causes in one line. Not the error itself: it names the URL, perhaps with a password in it.
fn causes(error: &reqwest::Error) -> String {
    let causes: Vec<String> = chain(error).skip(1).map(ToString::to_string).collect();
    if causes.is_empty() { "the exchange broke off".to_owned() } else { causes.join(": ") }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
