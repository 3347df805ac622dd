//! The report in a real browser.

use super::Firedrill;
use std::process::Command;

#[test]
fn the_report_renders_without_errors_and_asks_the_network_for_nothing() {
    let wanted = std::env::var_os("FIREDRILL_TEST_BROWSER").is_some();
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success()));
    let Some(chromium) = found else {
        assert!(!wanted, "no Chromium was found, and FIREDRILL_TEST_BROWSER is set");
        eprintln!("not made: no Chromium here; tests/run installs one");
        return;
    };
    let firedrill = Firedrill::new();
    let playbook = firedrill.example("quickstart.yaml");
    let ran = firedrill.run(&["run", playbook.to_str().expect("utf-8"), "-q", "--report", "report.html"]);
    assert_eq!(ran.code, 0, "{ran}");
    let page = format!("file://{}", firedrill.path().join("report.html").display());
    let net_log = firedrill.path().join("net.json");
    let profile = firedrill.path().join("profile");
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--enable-logging=stderr",
            "--v=0",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--log-net-log={}", net_log.display()))
        .args(["--virtual-time-budget=2000", "--dump-dom", &page])
        .output()
        .expect("the browser starts");
    let dom = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(dom.contains("<svg") && dom.contains("quickstart"), "the page is there:\n{dom}\n{log}");
    let faults: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(faults.is_empty(), "{faults:?}");
    for tag in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!dom.contains(tag), "the page would ask the network: {tag}");
    }
}
