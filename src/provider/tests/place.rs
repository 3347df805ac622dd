//! Folders in scratch: the three proofs before a deletion, and every way in which a crash can leave them.

use super::{
    super::place::{Found, MARKER, Place, owned},
    *,
};
use crate::{drill::FaultClass, playbook::SourceKind};
use std::os::unix::fs::symlink;

fn claim(machine: &Machine) -> Claim {
    let link = Link {
        kind: "folder".to_owned(),
        scope: Scope::Folder(machine.path("scratch").display().to_string()),
        name: claim_name(machine.run, &machine.step, 1),
        params: Outputs::new(),
        settle: Period::ZERO,
    };
    machine.claim(SourceKind::Sqlite, link)
}

fn place(machine: &Machine) -> (Claim, Place) {
    let claim = claim(machine);
    let place = Place::cleared(&claim, &machine.scratch()).expect("allowed");
    (claim, place)
}

/// The removal is refused, and the fault says so.
async fn kept(place: &Place, claim: &Claim, because: &str) {
    let fault = place.remove(claim).await.expect_err("is kept");
    assert_eq!(fault.class, FaultClass::Refused, "{fault}");
    assert!(fault.message.contains(because), "{fault}");
}

#[tokio::test]
async fn a_folder_is_made_once_and_removed_with_all_in_it() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    assert_eq!(place.look(&claim), Ok(Found::Absent));
    place.make(&claim).expect("made");
    place.make(&claim).expect("found made");
    assert_eq!(place.look(&claim), Ok(Found::Ours));
    std::fs::create_dir_all(place.live.join("a/b")).expect("made");
    std::fs::write(place.live.join("a/b/c"), "x").expect("written");
    place.remove(&claim).await.expect("removed");
    place.remove(&claim).await.expect("nothing to remove");
    assert_eq!(machine.names("scratch"), [""; 0]);
}

#[tokio::test]
async fn a_tree_of_read_only_folders_is_removed() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    place.make(&claim).expect("made");
    let inner = place.live.join("a/b");
    std::fs::create_dir_all(&inner).expect("made");
    std::fs::write(inner.join("c"), "x").expect("written");
    for folder in [&inner, &place.live.join("a")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o555)).expect("set");
    }
    place.remove(&claim).await.expect("removed");
    assert_eq!(machine.names("scratch"), [""; 0]);
}

#[tokio::test]
async fn links_in_a_folder_are_removed_and_not_followed() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    machine.write("production/orders.db", "precious");
    place.make(&claim).expect("made");
    symlink(machine.path("production"), place.live.join("out")).expect("linked");
    std::fs::create_dir(place.live.join("sub")).expect("made");
    symlink(machine.path("production"), place.live.join("sub/out")).expect("linked");
    place.remove(&claim).await.expect("removed");
    assert_eq!(machine.names("production"), ["orders.db"]);
}

#[tokio::test]
async fn a_link_in_the_place_of_the_folder_is_kept() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    place.make(&claim).expect("made");
    std::fs::rename(&place.live, machine.path("production/moved")).expect("moved");
    symlink(machine.path("production/moved"), &place.live).expect("linked");
    kept(&place, &claim, "symbolic link").await;
    assert!(machine.path("production/moved").join(MARKER).exists());
    assert!(matches!(place.look(&claim), Ok(Found::Foreign(_))));
}

#[tokio::test]
async fn a_folder_of_another_run_or_of_nobody_is_kept() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    std::fs::create_dir(&place.live).expect("made");
    std::fs::write(place.live.join("x"), "x").expect("written");
    kept(&place, &claim, "can't be told who made it").await;
    assert!(place.make(&claim).is_err());

    let mut other = claim.clone();
    other.run = RunId::new(DECLARED, [8; 10]);
    std::fs::write(place.live.join(MARKER), serde_json::to_vec(&other).expect("JSON")).expect("written");
    kept(&place, &claim, "belongs to claim db/1/folder of run").await;

    std::fs::write(place.live.join(MARKER), "{}").expect("written");
    kept(&place, &claim, "can't be read as a claim").await;
    std::fs::remove_file(place.live.join(MARKER)).expect("removed");
    symlink(machine.path("production"), place.live.join(MARKER)).expect("linked");
    kept(&place, &claim, "can't be read as a claim").await;
    assert_eq!(std::fs::read(place.live.join("x")).expect("there"), b"x");
}

#[test]
fn a_scope_that_is_not_scratch_any_more_is_refused() {
    let machine = Machine::new();
    let mut claim = claim(&machine);
    let refused = |claim: &Claim, scratch: &Scratch| {
        let fault = Place::cleared(claim, scratch).expect_err("refused");
        assert_eq!(fault.class, FaultClass::Refused);
        fault.message
    };
    assert!(refused(&claim, &Scratch::default()).contains("not an allowed scratch folder"));
    let mut scratch = machine.scratch();
    scratch.production = vec![machine.path("scratch")];
    assert!(refused(&claim, &scratch).contains("production"));
    // Production within the folder of the claim itself.
    scratch.production = vec![machine.path("scratch").join(&claim.link.name).join("db")];
    assert!(refused(&claim, &scratch).contains("production"));
    for name in ["..", "fd-../x", "fd-a/../../production", "production", "fd-A", ""] {
        claim.link.name = name.to_owned();
        assert!(refused(&claim, &machine.scratch()).contains("not the name"), "{name}");
    }
    claim = self::claim(&machine);
    claim.link.scope = Scope::Folder(machine.path("production").display().to_string());
    assert!(refused(&claim, &machine.scratch()).contains("production"));
    claim.link.scope = Scope::Command("x".to_owned());
    refused(&claim, &machine.scratch());
}

#[test]
fn a_scratch_folder_that_became_a_link_is_refused() {
    let machine = Machine::new();
    let claim = claim(&machine);
    std::fs::remove_dir(machine.path("scratch")).expect("removed");
    symlink(machine.path("production"), machine.path("scratch")).expect("linked");
    let fault = Place::cleared(&claim, &machine.scratch()).expect_err("refused");
    assert!(fault.message.contains("symbolic link"), "{fault}");
}

#[tokio::test]
async fn whatever_a_crash_leaves_is_found_and_removed() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    let marker = serde_json::to_vec(&claim).expect("JSON");
    let beside = |suffix: &str| machine.path("scratch").join(format!("{}{suffix}", claim.link.name));
    for (suffix, files) in [
        (".making", &[][..]),
        (".making", &[".firedrill.json.partial"]),
        (".making", &[MARKER]),
        (".removing", &[MARKER, "restored.db"]),
        (".removing", &[MARKER]),
        (".removing", &[]),
    ] {
        std::fs::create_dir(beside(suffix)).expect("made");
        for file in files {
            let bytes = if *file == MARKER { marker.as_slice() } else { b"half" };
            std::fs::write(beside(suffix).join(file), bytes).expect("written");
        }
        assert!(matches!(place.look(&claim), Ok(Found::Half(_))), "{suffix} {files:?}");
        if suffix == ".making" {
            place.make(&claim).expect("made whole");
            assert_eq!(place.look(&claim), Ok(Found::Ours));
        } else {
            assert!(place.make(&claim).is_err());
        }
        place.remove(&claim).await.expect("removed");
        assert_eq!(machine.names("scratch"), [""; 0], "{suffix} {files:?}");
    }
}

#[tokio::test]
async fn a_half_made_folder_that_holds_more_is_kept() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    let making = machine.path("scratch").join(format!("{}.making", claim.link.name));
    std::fs::create_dir(&making).expect("made");
    std::fs::write(making.join("x"), "x").expect("written");
    kept(&place, &claim, "more than a marker").await;
    assert!(making.join("x").exists());
}

#[test]
fn what_firedrill_made_is_found_by_its_markers() {
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    let root = machine.path("scratch");
    place.make(&claim).expect("made");
    std::fs::create_dir(root.join("fd-nobody")).expect("made");
    // A copy under another name is not the claim.
    std::fs::create_dir(root.join("fd-copy")).expect("made");
    std::fs::copy(place.live.join(MARKER), root.join("fd-copy").join(MARKER)).expect("copied");
    symlink(&place.live, root.join("fd-link")).expect("linked");
    let found = owned(&root, SourceKind::Sqlite).expect("lists");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].run, &found[0].claim), (machine.run, &claim));
    assert_eq!(owned(&root, SourceKind::Command), Ok(Vec::new()));
    assert_eq!(owned(&root.join("nowhere"), SourceKind::Sqlite), Ok(Vec::new()));
    // Under its other names it is still found.
    std::fs::rename(&place.live, root.join(format!("{}.removing", claim.link.name))).expect("renamed");
    assert_eq!(owned(&root, SourceKind::Sqlite).expect("lists").len(), 1);
}

#[test]
fn only_this_user_may_look_into_a_folder() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new();
    let (claim, place) = place(&machine);
    place.make(&claim).expect("made");
    let mode = std::fs::metadata(&place.live).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
