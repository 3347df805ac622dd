//! `firedrill sweep`: what is left behind is found by its marks, and nothing else is touched.

use super::{Firedrill, eventually};
use std::{
    path::{Path, PathBuf},
    process::Child,
};

/// A firedrill whose scratch folder lies outside its data directory, with backups to restore.
struct Swept {
    firedrill: Firedrill,
}

impl Swept {
    fn new() -> Self {
        let firedrill = Firedrill::new();
        let sample = firedrill.example("quickstart.yaml");
        let ran = firedrill.run(&["run", sample.to_str().expect("utf-8"), "-q"]);
        assert_eq!(ran.code, 0, "{ran}");
        let swept = Self { firedrill };
        swept.allow(&[swept.scratch()]);
        std::fs::remove_dir_all(swept.firedrill.data()).expect("the first journal goes");
        swept
    }

    fn scratch(&self) -> PathBuf {
        self.firedrill.path().join("scratch")
    }

    fn allow(&self, folders: &[PathBuf]) {
        let text = format!("[scratch]\nfolders = {folders:?}\n");
        self.firedrill.write("firedrill.toml", &text);
    }

    fn run(&self, args: &[&str]) -> super::Ran {
        self.firedrill.run(&[args, &["--config", "firedrill.toml"]].concat())
    }

    fn json(&self, args: &[&str]) -> serde_json::Value {
        self.firedrill.json(&[args, &["--config", "firedrill.toml", "--format", "json"]].concat())
    }

    fn left(&self) -> Vec<String> {
        let Ok(read) = std::fs::read_dir(self.scratch()) else { return Vec::new() };
        let mut left: Vec<String> =
            read.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        left.sort();
        left
    }

    fn playbook(&self, name: &str, then: &str, more: &str) -> PathBuf {
        let text = format!(
            "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: {name} }}\n{more}steps:\n  \
             - {{ id: db, restore: {{ sqlite: {{ backup: sample/orders/backups }} }} }}\n  \
             - {{ id: then, needs: [db], run: [\"/bin/sh\", \"-c\", {then:?}] }}\n"
        );
        self.firedrill.write(&format!("drills/{name}.yaml"), &text)
    }

    /// A run that has restored and goes on for a while, and the folder that it made.
    fn begun(&self, name: &str) -> (Child, String) {
        let before = self.left();
        let playbook = self.playbook(name, "sleep 300", "");
        let playbook = playbook.to_str().expect("utf-8").to_owned();
        let child = self.firedrill.spawn(&["run", &playbook, "-q", "--config", "firedrill.toml"]);
        let mut made = String::new();
        eventually("the backup is restored", 60, || {
            let new: Vec<_> = self.left().into_iter().filter(|name| !before.contains(name)).collect();
            made = new.first().cloned().unwrap_or_default();
            self.scratch().join(&made).join("restored.db").is_file()
        });
        (child, made)
    }

    fn killed(&self, name: &str) -> String {
        let (mut child, made) = self.begun(name);
        child.kill().expect("killed with SIGKILL");
        child.wait().expect("ended");
        made
    }
}

fn standing(found: &serde_json::Value, name: &str) -> String {
    let things = found["things"].as_array().expect("things");
    let thing = things.iter().find(|thing| thing["claim"]["link"]["name"] == name);
    thing.map_or_else(
        || format!("{name} was not found"),
        |thing| thing["standing"].as_str().unwrap_or("").to_owned(),
    )
}

fn forge(folder: &Path, marker: Option<&str>) {
    std::fs::create_dir_all(folder).expect("made");
    std::fs::write(folder.join("precious.db"), "rows").expect("written");
    if let Some(marker) = marker {
        std::fs::write(folder.join(".firedrill.json"), marker).expect("written");
    }
}

#[test]
fn with_the_journal_lost_what_a_killed_run_left_is_removed_and_nothing_else() {
    let swept = Swept::new();
    let dead = swept.killed("lost");
    std::fs::remove_dir_all(swept.firedrill.data()).expect("the journal is lost");
    let (mut child, alive) = swept.begun("alive");
    let marker =
        std::fs::read_to_string(swept.scratch().join(&dead).join(".firedrill.json")).expect("a marker");
    forge(&swept.scratch().join("fd-0badcafe-db-1"), None);
    forge(&swept.scratch().join("fd-0badf00d-db-1"), Some(&marker[..marker.len() / 2]));
    forge(&swept.scratch().join("fd-0defaced-db-1"), Some(&marker));
    forge(&swept.scratch().join("precious"), None);
    let before = swept.left();

    // Another firedrill may drive a run that this journal knows nothing of.
    let found = swept.json(&["sweep"]);
    assert_eq!(standing(&found, &dead), "young", "{found}");
    assert_eq!(standing(&found, &alive), "kept", "{found}");
    assert_eq!(found["unclear"].as_array().map(Vec::len), Some(3), "{found}");
    let young = swept.run(&["sweep", "--apply"]);
    assert_eq!(young.code, 5, "{young}");
    assert_eq!(swept.left(), before);

    let ran = swept.run(&["sweep", "--min-age", "0s"]);
    assert_eq!(ran.code, 5, "{ran}");
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
    assert_eq!(swept.left(), before, "the first phase removes nothing");
    let found = swept.json(&["sweep", "--apply", "--min-age", "0s"]);
    assert_eq!(standing(&found, &dead), "removed", "{found}");
    assert_eq!(standing(&found, &alive), "kept", "{found}");
    let rest: Vec<String> = before.into_iter().filter(|name| *name != dead).collect();
    assert_eq!(swept.left(), rest);
    for name in ["fd-0badcafe-db-1", "fd-0badf00d-db-1", "fd-0defaced-db-1", "precious"] {
        assert!(swept.scratch().join(name).join("precious.db").is_file(), "{name}");
    }

    let record = swept.json(&["sweep", "--record"]);
    let types: Vec<_> =
        record.as_array().expect("records").iter().map(|row| row["deletion"]["type"].clone()).collect();
    assert_eq!(types, ["intended", "accepted", "absent"]);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(swept.run(&["abort", "last"]).code, 7);
    assert!(!swept.left().contains(&alive));
}

#[test]
fn a_run_that_can_be_resumed_removes_what_it_made_itself() {
    let swept = Swept::new();
    let made = swept.killed("resumable");
    let ran = swept.run(&["sweep", "--min-age", "0s"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("firedrill resume"), "{ran}");
    let ran = swept.run(&["sweep", "--apply", "--min-age", "0s"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(swept.left(), [made]);
    assert_eq!(swept.run(&["abort", "last"]).code, 7);
    assert_eq!(swept.left(), Vec::<String>::new());
    assert_eq!(swept.run(&["sweep"]).code, 0);
}

#[test]
fn a_list_is_good_for_its_own_places_alone() {
    let swept = Swept::new();
    let dead = swept.killed("lost");
    std::fs::remove_dir_all(swept.firedrill.data()).expect("the journal is lost");
    let find = ["sweep", "--min-age", "0s", "--save", "list.json"];
    let apply = ["sweep", "--apply", "--min-age", "0s", "--list", "list.json"];
    assert_eq!(swept.run(&apply).code, 2, "there is no list");
    assert_eq!(swept.run(&find).code, 5);

    // Another folder in its place, with the very same things in it.
    let moved = swept.firedrill.path().join("moved");
    std::fs::rename(swept.scratch(), &moved).expect("moved away");
    std::fs::create_dir(swept.scratch()).expect("another one");
    std::fs::rename(moved.join(&dead), swept.scratch().join(&dead)).expect("moved in");
    let ran = swept.run(&apply);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.stderr.contains("another place now"), "{ran}");
    assert_eq!(swept.left(), std::slice::from_ref(&dead));

    assert_eq!(swept.run(&find).code, 5);
    swept.allow(&[swept.scratch(), swept.firedrill.path().join("more")]);
    let ran = swept.run(&apply);
    assert_eq!(ran.code, 3, "{ran}");
    assert_eq!(swept.left(), std::slice::from_ref(&dead));

    // What came after the list is not removed by it.
    assert_eq!(swept.run(&find).code, 5);
    let later = swept.killed("later");
    std::fs::remove_dir_all(swept.firedrill.data()).expect("the journal is lost again");
    let ran = swept.run(&apply);
    assert_eq!(ran.code, 5, "{ran}");
    assert_eq!(swept.left(), [later]);
    // Without a list both phases are one.
    assert_eq!(swept.run(&["sweep", "--apply", "--min-age", "0s"]).code, 0);
    assert_eq!(swept.left(), Vec::<String>::new());
}

#[test]
fn what_a_finished_run_leaked_is_removed_once_it_can_be_told() {
    let swept = Swept::new();
    let away = swept.firedrill.path().join("marker");
    let take = format!("mv {}/fd-*-db-1/.firedrill.json {}", swept.scratch().display(), away.display());
    let playbook = swept.playbook("leaking", &take, "limits: { teardown: 1s }\n");
    let ran = swept.run(&["run", playbook.to_str().expect("utf-8"), "-q"]);
    assert_eq!(ran.code, 5, "{ran}");
    let made = swept.left();
    assert_eq!(made.len(), 1);
    let ran = swept.run(&["sweep", "--apply"]);
    assert_eq!(ran.code, 5, "without its marker it is in doubt: {ran}");
    assert_eq!(swept.left(), made);
    std::fs::rename(&away, swept.scratch().join(&made[0]).join(".firedrill.json")).expect("put back");
    let found = swept.json(&["sweep"]);
    assert_eq!(standing(&found, &made[0]), "left_behind", "{found}");
    let ran = swept.run(&["sweep", "--apply"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(swept.left(), Vec::<String>::new());
}

#[test]
fn what_only_a_lost_playbook_could_release_is_kept() {
    let firedrill = Firedrill::new();
    let scratch = firedrill.path().join("scratch");
    firedrill.write("firedrill.toml", &format!("[scratch]\nfolders = [{scratch:?}]\n"));
    let text = super::by_commands("tool", "touch made; sleep 300", "");
    let playbook = firedrill.write("drill.yaml", &text);
    let mut child =
        firedrill.spawn(&["run", playbook.to_str().expect("utf-8"), "-q", "--config", "firedrill.toml"]);
    eventually("the tool runs", 30, || firedrill.path().join("made").exists());
    child.kill().expect("killed");
    child.wait().expect("ended");
    std::fs::remove_dir_all(firedrill.data()).expect("the journal is lost");
    let ran = firedrill.run(&["sweep", "--apply", "--min-age", "0s", "--config", "firedrill.toml"]);
    assert_eq!(ran.code, 5, "{ran}");
    assert!(ran.stdout.contains("release it by hand"), "{ran}");
    assert_eq!(std::fs::read_dir(&scratch).expect("there").count(), 1);
}
