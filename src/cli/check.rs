//! `firedrill check`: every fault of the given playbooks; nothing is contacted.

use super::{args::Format, context::Context, say};
use crate::{
    error::{Exit, Failure},
    playbook::{Checked, Faults, Playbook},
    time::SystemClock,
};
use std::path::{Path, PathBuf};

pub(super) fn check(context: &Context, paths: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let config = context.global.config.as_deref().map(|_| context.config()).transpose();
    let mut files = Vec::new();
    for path in paths {
        files.extend(playbooks_in(path)?);
    }
    let mut names: std::collections::BTreeMap<String, PathBuf> = Default::default();
    let (mut faults, mut warnings, mut reports) = (0, 0, Vec::new());
    for file in &files {
        match Playbook::load(file, Some(SystemClock::wall())) {
            Ok(Checked { playbook, warnings: mild, .. }) => {
                warnings += mild.len();
                reports.extend(tell(context, format, &mild));
                if let Some(other) = names.insert(playbook.name().to_string(), file.clone()) {
                    faults += 1;
                    say(&format!(
                        "{}: error: the name `{}` is that of {} too; names are unique",
                        file.display(),
                        playbook.name(),
                        other.display()
                    ));
                }
            }
            Err(found) => {
                faults += found.len();
                reports.extend(tell(context, format, &found));
            }
        }
    }
    if format != Format::Human {
        super::print(&format!("{}\n", super::pretty(&reports)))?;
    }
    if let Err(Failure::Invalid(text)) = &config {
        say(text.trim_end());
        faults += 1;
    }
    let many = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    if !context.global.quiet {
        let warned = if warnings > 0 { format!(", {}", many(warnings, "warning")) } else { String::new() };
        say(&format!("checked {}: {}{warned}", many(files.len(), "playbook"), many(faults, "error")));
    }
    Ok(if faults == 0 { Exit::Passed } else { Exit::Invalid })
}

fn tell(context: &Context, format: Format, faults: &Faults) -> Vec<serde_json::Value> {
    if faults.is_empty() {
        return Vec::new();
    }
    if format == Format::Human {
        if !context.global.quiet || faults.has_errors() {
            say(faults.to_string().trim_end());
        }
        return Vec::new();
    }
    match faults.to_json() {
        serde_json::Value::Array(each) => each,
        other => vec![other],
    }
}

/// The playbook itself, or those of a folder.
fn playbooks_in(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let read =
        std::fs::read_dir(path).map_err(Failure::io(format!("reading the folder {}", path.display())))?;
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let mut found: Vec<_> = read.filter_map(|entry| Some(entry.ok()?.path())).filter(is_yaml).collect();
    found.sort();
    if found.is_empty() {
        return Err(Failure::Invalid(format!("the folder {} has no playbook (*.yaml)", path.display())));
    }
    Ok(found)
}
