//! The check against small servers that answer as told.

use super::*;
use crate::{
    playbook::{Check, Template},
    ports::{Known, Progress},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers each connection with the next of the texts, then with the last of them; keeps what it was sent.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (keep, next) = (Arc::clone(&seen), AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 8192];
                let length = stream.read(&mut bytes).await.unwrap_or(0);
                keep.lock()
                    .expect("not poisoned")
                    .push(String::from_utf8_lossy(&bytes[..length]).into_owned());
                let turn = next.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
                let _ = stream.write_all(answers[turn].as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn check(url: &str) -> HttpCheck {
    HttpCheck {
        url: Template::parse(url).expect("a template"),
        method: "GET".to_owned(),
        headers: Default::default(),
        body: None,
        status: 200,
        body_matches: None,
        within: None,
    }
}

#[derive(Default)]
struct Ticks(Mutex<Vec<Tick>>);

impl Progress for Ticks {
    fn tick(&self, tick: Tick) {
        self.0.lock().expect("not poisoned").push(tick);
    }
}

async fn made(http: HttpCheck) -> Result<CheckOutcome, Fault> {
    made_with(http, None, &Ticks::default()).await
}

async fn made_with(http: HttpCheck, timeout: Option<Period>, ticks: &Ticks) -> Result<CheckOutcome, Fault> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "hunter2000\n").expect("written");
    let check = Check { name: "up".to_owned(), required: true, timeout, kind: CheckKind::Http(http) };
    let given = [("path".to_owned(), "health".to_owned())].into();
    let known = Known { steps: [("shop".parse().expect("a label"), given)].into(), ..Known::default() };
    let ask = CheckRequest {
        run: crate::ids::RunId::new(crate::time::Timestamp::from_millis(0), [7; 10]),
        step: &"checkout".parse().expect("a label"),
        check: &check,
        login: None,
        subject: &Default::default(),
        point: None,
        source: None,
        baseline: None,
        folder: folder.path(),
        declared: crate::time::Timestamp::from_millis(0),
        known: &known,
        progress: ticks,
    };
    HttpVerifier::new().check(&ask).await
}

async fn passed(http: HttpCheck) -> CheckOutcome {
    let outcome = made(http).await.expect("could be made");
    assert_eq!(outcome.status, CheckStatus::Passed, "{outcome:?}");
    outcome
}

async fn failed(http: HttpCheck, because: &str) -> CheckOutcome {
    let outcome = made(http).await.expect("could be made");
    assert_eq!(outcome.status, CheckStatus::Failed, "{outcome:?}");
    assert!(outcome.actual.contains(because), "{}", outcome.actual);
    outcome
}

#[tokio::test]
async fn the_status_is_what_counts() {
    let server = Server::new(vec![answer("200 OK", "fine"), answer("503 Service Unavailable", "")]).await;
    let outcome = passed(check(&format!("{}/{{{{ steps.shop.path }}}}", server.url))).await;
    assert_eq!((outcome.expected.as_str(), outcome.actual.as_str()), ("status 200", "status 200"));
    assert_eq!(outcome.digests["body"], format!("sha256:{}", crate::ids::Digest::of(b"fine")));
    assert_eq!(outcome.details[1], "body of 4 bytes");
    assert!(server.seen()[0].starts_with("GET /health HTTP/1.1\r\n"), "{}", server.seen()[0]);
    failed(check(&server.url), "status 503").await;
}

#[tokio::test]
async fn the_body_must_match_and_is_never_kept() {
    let server = Server::new(vec![answer("200 OK", "{\"orders\": 42, \"customer\": \"Ada\"}")]).await;
    let mut http = check(&server.url);
    http.body_matches = Some("\"orders\": [1-9]".to_owned());
    let outcome = passed(http.clone()).await;
    assert!(!format!("{outcome:?}").contains("Ada"));
    http.body_matches = Some("\"orders\": 0".to_owned());
    let outcome = failed(http, "status 200, body does not match").await;
    assert!(!format!("{outcome:?}").contains("Ada"));
}

#[tokio::test]
async fn method_headers_and_body_are_sent_and_secrets_not_told() {
    let server = Server::new(vec![answer("500 Oops", "no hunter2000 here")]).await;
    let mut http = check(&server.url.replace("http://", "http://user:secretpass@"));
    http.method = "POST".to_owned();
    http.headers.insert("X-Token".to_owned(), EnvValue::FromFile("token".into()));
    http.headers.insert("X-Plain".to_owned(), EnvValue::Text(Template::literal("plain")));
    http.body = Some(Template::parse("at {{ steps.shop.path }}").expect("a template"));
    let outcome = failed(http, "status 500").await;
    let seen = server.seen().join("");
    for part in [
        "POST / ",
        "x-token: hunter2000\r\n",
        "x-plain: plain\r\n",
        "\r\n\r\nat health",
        "user-agent: firedrill/",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let told = format!("{outcome:?}");
    assert!(!told.contains("hunter") && !told.contains("secretpass"), "{told}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Server::new(vec![answer("200 OK", "")]).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url);
    let server = Server::new(vec![moved]).await;
    let outcome = failed(check(&server.url), "status 302").await;
    assert!(outcome.details.iter().any(|line| line.contains(&other.url) && line.contains("not followed")));
    assert_eq!(other.seen(), [""; 0]);
}

#[tokio::test]
async fn a_service_may_take_its_time() {
    let server = Server::new(vec![answer("503 Starting", ""), answer("200 OK", "")]).await;
    let mut http = check(&server.url);
    http.within = Some(Period::from_secs(30));
    let ticks = Ticks::default();
    let outcome = made_with(http.clone(), None, &ticks).await.expect("could be made");
    assert_eq!(outcome.status, CheckStatus::Passed);
    assert!(outcome.details.iter().any(|line| line.contains("2 requests")), "{:?}", outcome.details);
    assert_eq!(ticks.0.lock().expect("not poisoned")[0].note, "status 503");
    // And has failed when the time is over.
    http.status = 418;
    http.within = Some(Period::from_millis(1500));
    let outcome = failed(http, "status 200").await;
    assert!(outcome.details.iter().any(|line| line.contains("2 requests")), "{:?}", outcome.details);
}

#[tokio::test]
async fn what_keeps_an_answer_away_is_told_in_plain_words() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = free.local_addr().expect("bound");
    drop(free);
    failed(check(&format!("http://{address}/")), "connection refused").await;
    failed(check("http://no-such-host.invalid/"), "host name was not found").await;

    // Speaks no TLS.
    let server = Server::new(vec![answer("200 OK", "")]).await;
    failed(check(&server.url.replace("http://", "https://")), "TLS").await;

    // Takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("bound"));
    let outcome = made_with(check(&url), Some(Period::from_millis(200)), &Ticks::default()).await;
    assert_eq!(outcome.expect("could be made").actual, "no answer within 200ms");

    let server = Server::new(vec!["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_owned()]).await;
    failed(check(&server.url), "broke off").await;
    let server = Server::new(vec!["not HTTP at all\r\n\r\n".to_owned()]).await;
    failed(check(&server.url), "no answer").await;
}

#[tokio::test]
async fn of_an_endless_body_only_the_beginning_is_read() {
    let server = Server::new(vec![answer("200 OK", &"x".repeat(BODY_LIMIT + 10))]).await;
    let outcome = passed(check(&server.url)).await;
    assert!(outcome.details[1].contains("only so many were read"), "{:?}", outcome.details);
}

#[tokio::test]
async fn a_check_that_can_not_be_made_proves_nothing() {
    let mut missing = check("http://localhost/");
    missing.headers.insert("X".to_owned(), EnvValue::FromEnv("FIREDRILL_TEST_NOT_SET".to_owned()));
    let mut broken = check("http://localhost/");
    broken.headers.insert("no header".to_owned(), EnvValue::Text(Template::literal("x")));
    let mut pattern = check("http://localhost/");
    pattern.body_matches = Some("(".to_owned());
    for (http, class, part) in [
        (check("nonsense"), FaultClass::Permanent, "not a URL"),
        (check("ftp://localhost/"), FaultClass::Permanent, "not an http or https URL"),
        (check("{{ steps.shop.nothing }}"), FaultClass::Permanent, "was not given"),
        (missing, FaultClass::Surroundings, "FIREDRILL_TEST_NOT_SET is not set"),
        (broken, FaultClass::Permanent, "the header `no header`"),
        (pattern, FaultClass::Permanent, "body_matches"),
    ] {
        let fault = made(http).await.expect_err(part);
        assert_eq!(fault.class, class, "{fault}");
        assert!(fault.message.contains(part), "{fault}");
    }
}
