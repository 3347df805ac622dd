//! Every story in every format, compared with what is written down in `golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test --lib report::golden` writes it down anew; look at the difference before keeping it.

use super::{Format, TextStyle, render, text};
use crate::metrics::stories;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/golden")
}

/// Compares, or writes down where that is wanted. Gives the name of what differs.
fn compare(name: &str, made: &str) -> Option<String> {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder()).expect("the folder can be made");
        std::fs::write(&path, made).expect("a golden file can be written");
        return None;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    let at = wanted.lines().zip(made.lines()).position(|(wanted, made)| wanted != made);
    let line = at.map_or(wanted.lines().count().min(made.lines().count()), |at| at) + 1;
    (wanted != made).then(|| format!("{name} differs from line {line}: {:?}", made.lines().nth(line - 1)))
}

#[test]
fn every_story_reads_as_written_down() {
    let mut differing = Vec::new();
    for (name, run) in stories::all() {
        differing.extend(compare(&format!("{name}.txt"), &text(&run, TextStyle::default())));
        let markdown = render(&run, Format::Markdown, None).expect("renders");
        differing.extend(compare(&format!("{name}.md"), &markdown));
    }
    for (name, run) in stories::all().into_iter().filter(|(name, _)| ["passed", "hostile"].contains(name)) {
        let page = render(&run, Format::Html, None).expect("renders");
        differing.extend(compare(&format!("{name}.html"), &page));
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_story_renders_in_every_format_twice_the_same() {
    let mut stories = stories::all();
    stories.push(("wide", stories::wide(30).summary()));
    stories.push(("instant", stories::instant().summary()));
    for (name, run) in &stories {
        for format in [Format::Html, Format::Markdown, Format::Json] {
            let once = render(run, format, None).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(once, render(run, format, None).expect("renders"), "{name} as {format}");
            if let Some(samples) = std::env::var_os("FIREDRILL_SAMPLES") {
                let path = Path::new(&samples).join(format!("{name}.{format}"));
                std::fs::write(path, &once).expect("a sample can be written");
            }
        }
    }
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_runs_nothing() {
    for (name, run) in stories::all() {
        let page = render(&run, Format::Html, None).expect("renders");
        for word in ["<script", "<link", "<img", "<iframe", " src=", "@import", " onload=", "javascript:"] {
            assert!(!page.contains(word), "{name} holds {word}");
        }
        let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("href="), "{name} holds a link");
    }
}

#[test]
fn hostile_texts_stay_texts() {
    let run = stories::hostile().summary();
    let page = render(&run, Format::Html, None).expect("renders");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let markdown = render(&run, Format::Markdown, None).expect("renders");
    assert!(!markdown.contains("<script") && !markdown.replace("\\]", "").contains("]("));
    let terminal = text(&run, TextStyle::default());
    for (format, made) in [("html", &page), ("md", &markdown), ("text", &terminal)] {
        assert!(made.contains("U+202E") && !made.contains('\u{202e}'), "{format}");
        assert!(!made.contains('\u{1b}'), "{format}");
    }
    // Every row of a table has as many cells as its head.
    let mut cells = 0;
    for line in markdown.lines() {
        let count = line.matches('|').count();
        if count == 0 {
            cells = 0;
        } else if cells == 0 {
            cells = count;
        } else {
            assert_eq!(count, cells, "{line}");
        }
    }
}

#[test]
fn json_is_the_summary() {
    let run = stories::passed().summary();
    let json: serde_json::Value =
        serde_json::from_str(&render(&run, Format::Json, None).expect("renders")).expect("is JSON");
    assert_eq!(json["format"], "firedrill/run/v1");
    assert_eq!(json["verdict"], "passed");
    assert_eq!(json["rta"]["actual"], "27m");
    assert_eq!(json["rta"]["actual_ms"], 27 * 60 * 1000);
    assert_eq!(json["teardown"], "clean");
    assert_eq!(json["steps"][1]["milestones"]["hydrated"], "2026-11-23T09:26:00.000Z");
}
