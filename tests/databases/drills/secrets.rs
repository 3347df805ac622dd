//! No password is in what a drill says, writes, or starts.

use super::*;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

/// The command lines of all processes, looked at again and again until told to stop.
fn watch(stop: Arc<AtomicBool>) -> std::thread::JoinHandle<BTreeSet<String>> {
    std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while !stop.load(Ordering::Relaxed) {
            for process in std::fs::read_dir("/proc").expect("processes").flatten() {
                let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                seen.insert(String::from_utf8_lossy(&line).replace('\0', " "));
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        seen
    })
}

fn every_file(folder: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            every_file(&path, places);
        } else {
            places.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
}

#[test]
fn no_password_is_found_anywhere() {
    let Some(servers) = postgres() else { return };
    let mut drill = Drill::new(
        servers,
        &shop(servers.source, 50),
        &[
            "{ name: storage, integrity: true }",
            "{ name: all rows, fingerprint: { all_tables: true }, expect: baseline }",
            "{ name: as source, fingerprint: { all_tables: true }, expect: source }",
            "{ name: wrong, query: \"select no_such_column from orders\", expect: { rows: 1 } }",
        ],
    );
    let (path, moment) = drill.dump(&[]);
    let file = drill.firedrill.path().join("baseline.json").display().to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let watching = watch(Arc::clone(&stop));
    let mut places = Vec::new();
    let mut ask = |drill: &Drill, args: &[&str]| {
        let ran = drill.ask(args);
        places.push((format!("what {args:?} says"), format!("{ran}").into_bytes()));
        ran
    };
    let given = ["--point", &path, "--point-time", &moment.to_string()];
    ask(&drill, &[&["baseline", "drill.yaml", "-vv", "--export", &file], &given[..]].concat());
    ask(&drill, &["baseline", "drill.yaml", "-vv"]);
    let ran = ask(&drill, &["run", "drill.yaml", "-vv", "--report", "report.html"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stdout.contains("3 of 4 required passed"), "{ran}");
    ask(&drill, &["show", "last", "--events"]);
    ask(&drill, &["show", "last", "--format", "json"]);
    ask(&drill, &["report", "last", "--format", "md", "--out", "-"]);
    // Where it is refused, the password is not said either.
    drill.config = drill.config.replace(DRILLER, "firedrill_nobody");
    let ran = ask(&drill, &["run", "drill.yaml", "-vv"]);
    assert_eq!(ran.code, 6, "{ran}");
    stop.store(true, Ordering::Relaxed);
    let lines = watching.join().expect("watched");
    assert!(
        lines.iter().any(|line| line.contains("pg_restore") && line.contains(&path)),
        "too slow to see one"
    );
    assert!(lines.iter().any(|line| line.contains("firedrill") && line.contains("run drill.yaml")));
    places.extend(
        lines.into_iter().map(|line| (format!("the command line {line}"), line.clone().into_bytes())),
    );
    every_file(drill.firedrill.path(), &mut places);
    assert!(places.iter().any(|(name, _)| name.ends_with("firedrill.db")));
    for (name, bytes) in places {
        let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!found, "the password is in {name}");
    }
}
