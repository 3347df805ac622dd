//! The emulator of AWS, started once for all tests that want it. It ends with the test process.

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// A running emulator with the demonstration's data.
pub struct Emulator {
    pub endpoint: String,
    pub account: String,
    pub seed: Value,
    info: Value,
    // Its standard input is the pipe by which it knows that this process is there.
    _child: Child,
    _folder: tempfile::TempDir,
}

fn cloud() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud")
}

/// Whether the emulator and what it needs are installed.
fn installed() -> bool {
    let Ok(shown) = Command::new(cloud().join("install")).arg("where").output() else { return false };
    let venv = String::from_utf8_lossy(&shown.stdout).trim().to_owned();
    !venv.is_empty() && Path::new(&venv).join("bin/python").exists()
}

impl Emulator {
    /// The emulator, for one test at a time; none where it is not installed.
    pub fn shared() -> Option<MutexGuard<'static, Emulator>> {
        static SHARED: OnceLock<Option<Mutex<Emulator>>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            if installed() {
                return Some(Mutex::new(Self::start()));
            }
            let wanted = std::env::var_os("FIREDRILL_TEST_CLOUD").is_some();
            assert!(!wanted, "no emulator of AWS, and FIREDRILL_TEST_CLOUD is set");
            eprintln!("not made: no emulator of AWS here; tests/cloud/install gets one");
            None
        });
        shared.as_ref().map(|shared| shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new(cloud().join("emulator"))
            .arg(folder.path().join("aws"))
            .args(["--times", "creating=2,db:deleting=0.5"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let info: Value = serde_json::from_str(&line).expect("what the emulator says of itself");
        let endpoint = info["endpoint"].as_str().expect("an endpoint").to_owned();
        let seeded = Command::new(cloud().join("seed"))
            .args(["--endpoint", &endpoint, "--rows", "2000"])
            .output()
            .expect("the data are made");
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        Self {
            account: info["account"].as_str().expect("an account").to_owned(),
            seed: serde_json::from_slice(&seeded.stdout).expect("what was made"),
            endpoint,
            info,
            _child: child,
            _folder: folder,
        }
    }

    /// The file with the authority of its servers' certificates.
    pub fn ca(&self) -> &str {
        self.info["ca_bundle"].as_str().expect("a file")
    }

    /// A database of the demonstration.
    pub fn database(&self, instance: &str) -> &Value {
        let all = self.seed["databases"].as_array().expect("databases");
        all.iter().find(|one| one["instance"] == instance).expect("that database")
    }

    pub fn get(&self, what: &str) -> Value {
        self.ask("GET", what, "")
    }

    pub fn post(&self, what: &str, body: &Value) -> Value {
        self.ask("POST", what, &body.to_string())
    }

    pub fn forget_calls(&self) {
        self.ask("DELETE", "calls", "");
    }

    /// Operation and region of every call that may change something.
    pub fn changes(&self) -> Vec<(String, String)> {
        let calls = self.get("calls");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = calls.as_array().expect("calls").iter();
        let all = all.map(|call| (text(&call["operation"]), text(&call["region"])));
        all.filter(|(operation, _)| !operation.starts_with("Describe") && !operation.starts_with("Get"))
            .collect()
    }

    /// Removes an instance of the scratch region, as anyone can.
    pub fn remove(&self, id: &str) {
        let venv = Command::new(cloud().join("install")).arg("where").output().expect("a folder");
        let python = Path::new(String::from_utf8_lossy(&venv.stdout).trim()).join("bin/python");
        let script = "import boto3, sys\n\
            rds = boto3.client('rds', region_name='eu-central-1', endpoint_url=sys.argv[1], \
            aws_access_key_id='test', aws_secret_access_key='test')\n\
            rds.delete_db_instance(DBInstanceIdentifier=sys.argv[2], SkipFinalSnapshot=True)\n\
            rds.get_waiter('db_instance_deleted').wait(DBInstanceIdentifier=sys.argv[2], WaiterConfig={'Delay': 1})\n";
        let done =
            Command::new(python).args(["-c", script, &self.endpoint, id]).status().expect("python starts");
        assert!(done.success());
    }

    fn ask(&self, method: &str, what: &str, body: &str) -> Value {
        let address = self.endpoint.strip_prefix("http://").expect("plain HTTP");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = format!(
            "{method} /_firedrill/{what} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{what}: {answer}");
        if body.trim().is_empty() { Value::Null } else { serde_json::from_str(body).expect(what) }
    }
}
