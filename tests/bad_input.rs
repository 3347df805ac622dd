//! Wrong playbooks and configurations, and what is said about them.
//!
//! Each case is a right file with something replaced. What is said is kept in `tests/golden/`;
//! `FIREDRILL_BLESS=1 cargo test --test all bad_input` writes it anew, to be read before it is committed.

#![expect(clippy::expect_used, clippy::panic, reason = "these are tests, their helpers too")]

use firedrill::{
    config::Config,
    playbook::{Faults, Playbook},
};
use std::{fmt::Write as _, path::Path};

mod configs;
mod mutations;
mod playbooks;
mod schema;
mod servers;

/// A case: its name, what is replaced, by what.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

fn check(golden: &str, base: &str, cases: &[Case], parse: fn(&str) -> Option<Faults>) {
    let mut said = String::new();
    for (name, changes) in cases {
        let mut text = base.to_owned();
        for (from, to) in *changes {
            assert!(text.contains(from), "case {name}: `{from}` is not in the file");
            text = text.replacen(from, to, 1);
        }
        let faults = parse(&text).unwrap_or_else(|| panic!("case {name}: nothing was found wrong"));
        let _ = writeln!(said, "## {name}\n\n{faults}");
    }
    assert!(!said.contains("hunter2"), "a secret is shown");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("FIREDRILL_BLESS").is_some() {
        std::fs::write(&file, &said).expect("golden is written");
        return;
    }
    let kept = std::fs::read_to_string(&file).expect("golden is there");
    for (kept, now) in kept.split("## ").zip(said.split("## ")) {
        assert_eq!(kept, now, "FIREDRILL_BLESS=1 takes the new messages over");
    }
    assert_eq!(kept, said, "FIREDRILL_BLESS=1 takes the new messages over");
}

fn playbook(text: &str) -> Option<Faults> {
    match Playbook::parse_at(Path::new("drill.yaml"), text, "2026-06-01".parse().ok()) {
        Err(faults) => Some(faults),
        Ok(checked) => Some(checked.warnings).filter(|warnings| !warnings.is_empty()),
    }
}

fn config(text: &str) -> Option<Faults> {
    Config::parse(Path::new("firedrill.toml"), text, Path::new("/data")).err()
}

#[test]
fn wrong_playbooks_are_explained() {
    assert!(playbook(playbooks::BASE).is_none(), "{}", playbook(playbooks::BASE).expect("faults"));
    check("bad_playbooks.txt", playbooks::BASE, playbooks::CASES, playbook);
}

#[test]
fn wrong_playbooks_of_servers_are_explained() {
    assert!(playbook(servers::BASE).is_none(), "{}", playbook(servers::BASE).expect("faults"));
    check("bad_servers.txt", servers::BASE, servers::CASES, playbook);
}

#[test]
fn wrong_configurations_are_explained() {
    assert!(config(configs::BASE).is_none(), "{}", config(configs::BASE).expect("faults"));
    check("bad_configs.txt", configs::BASE, configs::CASES, config);
}

#[test]
fn there_are_many_cases_and_each_has_its_own_name() {
    let mut names: Vec<&str> = {
        let cases = playbooks::CASES.iter().chain(servers::CASES).chain(configs::CASES);
        cases.map(|case| case.0).collect()
    };
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 200, "{count}");
}

#[test]
fn files_that_are_no_text_are_explained() {
    let latin = [b"apiVersion: firedrill/v1\nkind: Pl\xe4ybook\n".as_slice(), b"\xff\xfe\x00a"];
    for bytes in latin {
        let faults = Playbook::parse_bytes(Path::new("x.yaml"), bytes, None).expect_err("no UTF-8");
        assert!(faults.to_string().contains("is not UTF-8"), "{faults}");
    }
    let huge = "#".repeat(2 << 20);
    let faults = Playbook::parse(Path::new("x.yaml"), &huge).expect_err("too large");
    assert!(faults.to_string().contains("at most 1048576"), "{faults}");
    let faults = Playbook::load(Path::new("no/such.yaml"), None).expect_err("no file");
    assert!(faults.to_string().contains("can't be read"), "{faults}");
}

#[test]
fn messages_fit_a_terminal() {
    let text = playbooks::BASE.replacen("needs: [shop]", "neds: [shop]", 1);
    let faults = playbook(&text).expect("faults");
    let json = faults.to_json();
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["file"], "drill.yaml");
    assert!(json[0]["line"].as_u64().is_some_and(|line| line > 1));
    for line in faults.to_string().lines().filter(|line| !line.starts_with("drill.yaml:")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_committed_schema_is_what_the_parser_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/playbook.schema.json");
    let now = serde_json::to_string_pretty(&firedrill::playbook::schema()).expect("json") + "\n";
    if std::env::var_os("FIREDRILL_BLESS").is_some() {
        std::fs::write(&file, &now).expect("schema is written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == now, "drills/playbook.schema.json is old: FIREDRILL_BLESS=1 writes it anew");
}

#[test]
fn every_example_is_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("drills") {
        let file = entry.expect("entry").path();
        if file.extension().is_some_and(|extension| extension == "yaml") {
            let checked = Playbook::load(&file, None).unwrap_or_else(|faults| panic!("{faults}"));
            assert!(checked.warnings.is_empty(), "{}", checked.warnings);
            count += 1;
        }
    }
    assert!(count >= 1);
}
