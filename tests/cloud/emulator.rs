//! The emulator of AWS, started by the test process and ended with it.

use super::world::is_change;
use crate::servers::plain;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Mutex, OnceLock},
    time::Duration,
};
use tempfile::TempDir;

/// Nothing takes longer than it must: statuses pass in a blink.
const QUICK: &str = "default=0.1,modify-lag=0.05,initializing=0.2";

/// A running emulator. It ends when this is dropped, and when this process ends.
pub struct Emulator {
    endpoint: String,
    ca: PathBuf,
    child: Child,
    /// The keys of whoever prepares and looks.
    keys: Mutex<BTreeSet<String>>,
}

/// Whether there is one to start; says so if not. Where `tests/run` got one, it is started, come what may.
fn wanted() -> bool {
    let wanted = std::env::var_os("FIREDRILL_TEST_CLOUD").is_some();
    if !wanted {
        eprintln!(
            "not made: FIREDRILL_TEST_CLOUD is not set; tests/run gets the emulator of AWS and sets it"
        );
    }
    wanted
}

/// The one with real databases.
pub fn real() -> Option<&'static Emulator> {
    static REAL: OnceLock<Emulator> = OnceLock::new();
    wanted().then(|| REAL.get_or_init(|| Emulator::start(&[])))
}

/// The one whose instances are statuses alone, for many drills at once.
pub fn hollow() -> Option<&'static Emulator> {
    static HOLLOW: OnceLock<Emulator> = OnceLock::new();
    wanted().then(|| HOLLOW.get_or_init(|| Emulator::start(&["--no-data"])))
}

/// One without databases that nobody else sees, for what concerns everything in it.
pub fn own() -> Option<Emulator> {
    wanted().then(|| Emulator::start(&["--no-data"]))
}

impl Emulator {
    fn start(options: &[&str]) -> Self {
        // It removes the folder itself when it ends, which is after this process where all share it.
        let folder = TempDir::with_prefix_in("firedrill-cloud-", "/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a temporary folder").keep();
        let mut command = plain(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud/emulator"));
        command.arg(&folder).args(["--times", QUICK]).args(options);
        // A group of its own: an interrupt from the terminal ends the tests, and that ends this in good order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("tests/cloud/emulator runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let info: Value = serde_json::from_str(&line).expect("tests/cloud/emulator says where it is");
        let text = |key: &str| info[key].as_str().expect("a text").to_owned();
        Self { endpoint: text("endpoint"), ca: text("ca_bundle").into(), child, keys: Mutex::default() }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The authority of its servers' certificates.
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// What a control endpoint answers; panics with its words where it refuses.
    pub fn control(&self, request: &str, body: &Value) -> Value {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let (status, answer) = self.http(method, &format!("/_firedrill/{path}"), &[], &body.to_string());
        assert_eq!(status, 200, "{request} {body}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// A call of a service that takes forms and answers in XML, by whoever has that key.
    pub fn call(
        &self,
        key: &str,
        service: &str,
        region: &str,
        form: &[(&str, &str)],
    ) -> Result<String, String> {
        let version = match service {
            "rds" => "2014-10-31",
            "ec2" => "2016-11-15",
            _ => "2011-06-15",
        };
        let mut body = format!("Version={version}");
        for (name, value) in form {
            let _ = write!(body, "&{name}=");
            for byte in value.bytes() {
                let _ = match byte.is_ascii_alphanumeric() {
                    true => write!(body, "{}", char::from(byte)),
                    false => write!(body, "%{byte:02X}"),
                };
            }
        }
        let kind = "application/x-www-form-urlencoded";
        self.signed(key, service, region, &[("Content-Type", kind)], &body)
    }

    /// A call of a service that takes and answers JSON.
    pub fn json(&self, key: &str, service: &str, region: &str, target: &str, body: &Value) -> Value {
        let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)];
        let answer = self.signed(key, service, region, &headers, &body.to_string()).expect(target);
        // Some answer nothing.
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("JSON") }
    }

    fn signed(
        &self,
        key: &str,
        service: &str,
        region: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<String, String> {
        // The emulator looks at whose key it is and not at the signature.
        let by = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let all: Vec<_> = headers.iter().copied().chain([("Authorization", by.as_str())]).collect();
        match self.http("POST", "/", &all, body) {
            (200, answer) => Ok(answer),
            (_, answer) => Err(answer),
        }
    }

    fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let address = self.endpoint.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the emulator still runs");
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n{body}", body.len());
        let mut answer = Vec::new();
        stream.write_all(head.as_bytes()).expect("sent");
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// The key of a session in that account, for calls of [`Emulator::call`].
    pub fn key_of(&self, account: &str) -> String {
        let role = format!("arn:aws:iam::{account}:role/setup");
        let form = [("Action", "AssumeRole"), ("RoleArn", &role), ("RoleSessionName", "setup")];
        let answer = self.call("test", "sts", "us-east-1", &form).expect("a session");
        let key = between(&answer, "AccessKeyId").expect("a key").to_owned();
        self.keys.lock().expect("keys").insert(key.clone());
        key
    }

    /// What a control endpoint that lists things lists of that account.
    pub fn of(&self, request: &str, account: &str) -> Vec<Value> {
        let all = self.control(request, &json!({ "account": account }));
        all.as_array().expect("a list").clone()
    }

    /// Every call of that account.
    pub fn calls(&self, account: &str) -> Vec<Value> {
        self.of("GET calls", account)
    }

    /// Every call of firedrill's that changes something, in any account.
    pub fn changes(&self) -> Vec<Value> {
        let all = self.control("GET calls", &json!(null));
        let keys = self.keys.lock().expect("keys");
        let own = |call: &&Value| !call["access_key"].as_str().is_some_and(|key| keys.contains(key));
        let all = all.as_array().expect("a list").iter();
        all.filter(own).filter(|call| is_change(call)).cloned().collect()
    }

    /// What there is in that account, in any region.
    pub fn resources(&self, account: &str) -> Vec<Value> {
        self.of("GET resources", account)
    }

    /// Every call and every answer has fitted Amazon's published models.
    pub fn fits_the_models(&self) {
        let wrong = self.control("GET violations", &json!(null));
        assert_eq!(wrong, json!([]), "calls that Amazon's models do not know");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The first text of that element.
pub fn between<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    rest.split_once('<').map(|(text, _)| text)
}
