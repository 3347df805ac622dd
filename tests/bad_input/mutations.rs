//! Right files, damaged in every way that is cheap to think of: reading them ends, and either they are right
//! or their faults lie within them. The same, by a fuzzer that learns, is in `fuzz/`.

use firedrill::{
    config::Config,
    playbook::{Faults, Playbook},
};
use std::path::Path;

/// A generator of numbers that need not be good, only the same every time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).expect("small")
    }
}

/// What trips parsers.
const PIECES: [&str; 24] = [
    "{{",
    "}}",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "\n",
    "\t",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|\n",
    "\u{0}",
    "\u{202e}",
    "日本",
    "99999999999999999999",
    "---\n",
    "password: x",
];

fn mutate(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(out.len() + 1);
        let to = (at + numbers.below(40)).min(out.len());
        match numbers.below(6) {
            0 if at < out.len() => out[at] ^= 1 << numbers.below(8),
            1 => drop(out.drain(at..to)),
            2 => {
                let copy = out[at..to].to_vec();
                let there = numbers.below(out.len() + 1);
                out.splice(there..there, copy);
            }
            3 => {
                let lines: Vec<Vec<u8>> = out.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
                let (from, to) = (numbers.below(lines.len()), numbers.below(lines.len() + 1));
                let mut lines: Vec<Vec<u8>> = lines;
                if let Some(line) = lines.get(from).cloned() {
                    lines.insert(to.min(lines.len()), line);
                }
                out = lines.concat();
            }
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())].bytes();
                out.splice(at..at, piece);
            }
        }
    }
    out
}

fn sound(faults: &Faults, bytes: &[u8]) {
    assert!(!faults.is_empty(), "refused without a reason");
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').count() as u64;
    for fault in faults.to_json().as_array().expect("a list") {
        let line = fault["line"].as_u64().expect("a line");
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
        assert!(fault["column"].as_u64().is_some_and(|column| column >= 1));
        assert!(!fault["message"].as_str().expect("a message").is_empty());
    }
    let shown = faults.render(false);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

fn playbook(bytes: &[u8]) {
    match Playbook::parse_bytes(Path::new("x.yaml"), bytes, None) {
        Ok(checked) => {
            assert!(!checked.warnings.has_errors());
            assert!(!checked.playbook.steps().is_empty());
        }
        Err(faults) => {
            assert!(faults.has_errors());
            sound(&faults, bytes);
        }
    }
}

fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Err(faults) = Config::parse(Path::new("x.toml"), text, Path::new("/data"))
    {
        sound(&faults, bytes);
    }
}

fn corpus(extension: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["drills", "src/starter", "fuzz/corpus/playbook"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        let paths = entries.map(|entry| entry.expect("entry").path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|found| found == extension)));
    }
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).expect("read")).collect()
}

/// `FIREDRILL_MUTATIONS=100` makes a hundred times as many.
fn damage(bytes: &[u8], read: fn(&[u8]), seed: u64, rounds: usize) {
    let times = std::env::var("FIREDRILL_MUTATIONS").ok().and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
    for end in 0..bytes.len() {
        read(&bytes[..end]);
    }
    let mut numbers = Numbers(seed);
    for _ in 0..rounds * times {
        read(&mutate(bytes, &mut numbers));
    }
}

#[test]
fn damaged_playbooks_are_refused_in_order() {
    let corpus = corpus("yaml");
    assert!(corpus.len() >= 2);
    for (i, bytes) in corpus.iter().enumerate() {
        damage(bytes, playbook, 100 + i as u64, 600);
    }
}

#[test]
fn a_damaged_playbook_with_everything_in_it_is_refused_in_order() {
    damage(super::playbooks::BASE.as_bytes(), playbook, 1, 2000);
    damage(super::servers::BASE.as_bytes(), playbook, 2, 2000);
}

#[test]
fn large_files_of_nothing_right_are_refused_in_time() {
    let keys: String = (0..10_000).map(|i| format!("key{i}: {i}\n")).collect();
    let tokens = format!("{{ {} }}", "token: x, ".repeat(10_000));
    let quotes = "password: \"".repeat(10_000);
    let steps = format!("steps:\n{}", "  - { id: a, needs: [a, b], run: [x] }\n".repeat(450));
    let twice: String = (0..10_000).map(|i| format!("key{}: {i}\n", i % 5_000)).collect();
    for text in [twice, keys, tokens, quotes, steps, "- ".repeat(300_000), "\u{300}".repeat(200_000)] {
        playbook(text.as_bytes());
    }
}

#[test]
fn damaged_configurations_are_refused_in_order() {
    damage(super::configs::BASE.as_bytes(), config, 7, 3000);
    for bytes in corpus("toml") {
        damage(&bytes, config, 8, 1000);
    }
}
