//! SQLite backups: which are found and fit, what a restore gives, and what damage is told.

use super::*;
use crate::{
    drill::{FaultClass, Hydration},
    playbook::SqliteSource,
    process::tests::eventually,
};
use async_compression::tokio::bufread::{GzipEncoder, ZstdEncoder};
use std::{fs, os::unix::fs::symlink, time::Duration};
use tokio::io::AsyncReadExt;

/// What a database file looks like from outside.
fn database(bytes: usize) -> Vec<u8> {
    let mut data = b"SQLite format 3\0".to_vec();
    // Not compressible to nothing, so that there are many compressed bytes to cut.
    let mut state = 1u32;
    data.extend((16..bytes).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    data
}

async fn gzip(data: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzipEncoder::new(data).read_to_end(&mut packed).await.expect("packed");
    packed
}

async fn zstd(data: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    ZstdEncoder::new(data).read_to_end(&mut packed).await.expect("packed");
    packed
}

fn source(backup: &str, timestamp: Option<&str>) -> Source {
    Source::Sqlite(SqliteSource {
        backup: backup.into(),
        timestamp: timestamp.map(str::to_owned),
        timezone: None,
        live: None,
    })
}

fn set_age(path: &Path, days: u64) {
    let at = std::time::UNIX_EPOCH + Duration::from_millis(DECLARED.as_millis() as u64);
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(at - Duration::from_secs(days * 86_400)).expect("set");
}

/// Writes a file as old as that.
fn backup(machine: &Machine, name: &str, days: u64, bytes: &[u8]) -> PathBuf {
    let path = machine.write(&format!("backups/{name}"), bytes);
    set_age(&path, days);
    path
}

fn unfit<'a>(candidates: &'a [Candidate], name: &str) -> &'a str {
    let candidate = candidates.iter().find(|candidate| candidate.point.id.ends_with(name)).expect(name);
    candidate.unfit.as_deref().unwrap_or("fit")
}

#[tokio::test]
async fn every_file_of_a_folder_is_judged() {
    let machine = Machine::new();
    let data = database(5000);
    backup(&machine, "plain.db", 2, &data);
    backup(&machine, "packed.db.gz", 1, &gzip(&data).await);
    // The name lies; the first bytes don't.
    backup(&machine, "packed.zip", 3, &zstd(&data).await);
    backup(&machine, "empty.db", 1, b"");
    backup(&machine, "notes.txt", 1, b"hello");
    backup(&machine, "notes.gz", 1, &gzip(b"hello").await);
    backup(&machine, "cut.gz", 1, &gzip(&data).await[..12]);
    backup(&machine, "new.db.tmp", 1, &data);
    backup(&machine, "live.db", 1, &data);
    backup(&machine, "live.db-wal", 1, b"changes");
    backup(&machine, "quiet.db", 1, &data);
    backup(&machine, "quiet.db-wal", 1, b"");
    backup(&machine, ".hidden", 1, &data);
    fs::create_dir(machine.path("backups/folder")).expect("made");
    symlink("nowhere", machine.path("backups/dangling")).expect("linked");
    symlink("plain.db", machine.path("backups/latest")).expect("linked");

    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups", None));
    let candidates = drill.candidates().await;
    for (name, because) in [
        ("/plain.db", "fit"),
        ("packed.db.gz", "fit"),
        ("packed.zip", "fit"),
        ("quiet.db", "fit"),
        ("empty.db", "empty"),
        ("notes.txt", "it is not a SQLite database"),
        ("notes.gz", "what is packed in it is not a SQLite database"),
        ("cut.gz", "damaged"),
        ("new.db.tmp", "still being written"),
        ("live.db", "write-ahead log"),
        ("folder", "a folder"),
        ("dangling", "symbolic link to nothing"),
    ] {
        assert!(unfit(&candidates, name).contains(because), "{name}: {}", unfit(&candidates, name));
    }
    // Each once: the link shows nothing new, and what lies beside a database is no backup.
    assert_eq!(candidates.len(), 12);
    let latest = drill.latest().await;
    assert!(latest.id.ends_with("packed.db.gz") || latest.id.ends_with("quiet.db"), "{}", latest.id);
    assert_eq!(latest.time, DECLARED - Period::from_secs(86_400));
    assert_eq!(latest.time_source, "modification time");
}

#[tokio::test]
async fn the_time_comes_from_the_name_where_a_pattern_is_given() {
    let machine = Machine::new();
    let data = database(100);
    backup(&machine, "orders-20261122T030000Z.db", 0, &data);
    backup(&machine, "orders-20261123T030000Z.db", 5, &data);
    backup(&machine, "orders-20261124T030000Z.db", 5, &data);
    backup(&machine, "orders.db", 0, &data);
    symlink("orders-20261121T030000Z.db", machine.path("backups/latest")).expect("linked");
    backup(&machine, "orders-20261121T030000Z.db", 0, &data);
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups/*", Some("%Y%m%dT%H%M%SZ")));
    let candidates = drill.candidates().await;
    assert!(unfit(&candidates, "20261124T030000Z.db").contains("lies in the future"));
    assert!(unfit(&candidates, "orders.db").contains("no moment that reads as"));
    assert_eq!(unfit(&candidates, "20261121T030000Z.db"), "fit");
    let latest = drill.latest().await;
    assert_eq!(
        (latest.time.to_string().as_str(), latest.time_source.as_str()),
        ("2026-11-23T03:00:00.000Z", "file name")
    );
}

#[tokio::test]
async fn nothing_found_is_no_fault_but_a_missing_folder_is() {
    let machine = Machine::new();
    let provider = SqliteFile::new(machine.scratch());
    for empty in ["backups", "backups/*.db", "back[u]ps/*.gz", "nowhere/*.db"] {
        assert_eq!(Drill::new(&machine, &provider, source(empty, None)).candidates().await, []);
    }
    let drill = Drill::new(&machine, &provider, source("nowhere", None));
    let fault = provider.recovery_points(&drill.ask()).await.expect_err("is not there");
    assert_eq!(fault.class, FaultClass::Permanent);
    assert!(fault.message.contains("nowhere does not exist"), "{fault}");
    let drill = Drill::new(&machine, &provider, source("backups", Some("%Q")));
    assert!(provider.recovery_points(&drill.ask()).await.is_err());
}

#[tokio::test]
async fn a_backup_is_restored_observed_and_removed() {
    let machine = Machine::new();
    let data = database(3_000_000);
    // Two members one after the other, as parallel compressors and `cat` make them.
    let (first, second) = data.split_at(1_000_000);
    let two_members = [gzip(first).await, gzip(second).await].concat();
    let frames = [zstd(first).await, zstd(second).await].concat();
    for (name, bytes) in [("a.db", data.clone()), ("a.gz", two_members), ("a.zst", frames)] {
        let file = backup(&machine, name, 1, &bytes);
        let provider = SqliteFile::new(machine.scratch());
        let drill = Drill::new(&machine, &provider, source(&format!("backups/{name}"), None));
        let point = drill.latest().await;
        let claim = drill.claim(&point);
        assert!(is_absent(&drill.observe(&claim).await));

        let receipts = drill.acquire(&claim, &point).await.expect("restored");
        assert!(receipts[0].contains(&crate::ids::Digest::of(&bytes).to_string()), "{receipts:?}");
        assert_eq!(drill.acquire(&claim, &point).await, Ok(receipts));
        let Observation::Ready { outputs, hydration } = drill.observe(&claim).await else {
            panic!("not ready: {name}")
        };
        assert_eq!(hydration, Hydration::Complete);
        assert_eq!(outputs["engine"], "sqlite");
        assert_eq!(outputs["backup_id"], file.display().to_string());
        assert_eq!(fs::read(&outputs["path"]).expect("there"), data, "{name}");
        let ticks = machine.ticks.lock().expect("not poisoned").last().cloned().expect("told");
        assert_eq!((ticks.done, ticks.total), (Some(bytes.len() as u64), Some(bytes.len() as u64)));

        drill.release(&claim, &point).await.expect("removed");
        drill.release(&claim, &point).await.expect("nothing to remove");
        assert!(is_absent(&drill.observe(&claim).await));
        assert_eq!(machine.names("scratch"), [""; 0]);
        assert_eq!(fs::read(&file).expect("there"), bytes, "the backup was changed");
    }
}

#[tokio::test]
async fn damage_is_told_with_file_and_place() {
    let machine = Machine::new();
    let data = database(2_000_000);
    let gz = gzip(&data).await;
    let zst = zstd(&data).await;
    let mut flipped = gz.clone();
    flipped[1_000_000] ^= 0xff;
    for (name, bytes, because) in [
        ("cut.gz", gz[..gz.len() / 2].to_vec(), "end too early"),
        ("nearly.gz", gz[..gz.len() - 3].to_vec(), "end too early"),
        ("flipped.gz", flipped, "near byte"),
        ("tail.gz", [gz.as_slice(), b"garbage"].concat(), "near byte"),
        ("cut.zst", zst[..zst.len() / 2].to_vec(), "near byte"),
        ("tail.zst", [zst.as_slice(), b"garbage"].concat(), "near byte"),
    ] {
        backup(&machine, name, 1, &bytes);
        let provider = SqliteFile::new(machine.scratch());
        let drill = Drill::new(&machine, &provider, source(&format!("backups/{name}"), None));
        let point = drill.latest().await;
        let claim = drill.claim(&point);
        let fault = drill.acquire(&claim, &point).await.expect_err(name);
        assert_eq!(fault.class, FaultClass::Permanent, "{name}: {fault}");
        assert!(fault.message.contains(name) && fault.message.contains(because), "{fault}");
        assert!(matches!(drill.observe(&claim).await, Observation::Pending { .. }), "{name}");
        drill.release(&claim, &point).await.expect("removed");
        assert_eq!(machine.names("scratch"), [""; 0]);
    }
}

#[tokio::test]
async fn a_backup_that_changed_since_it_was_chosen_is_not_restored() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups", None));
    let point = drill.latest().await;
    backup(&machine, "a.db", 0, &database(1000));
    let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("changed");
    assert_eq!(fault.class, FaultClass::Transient);
    assert!(fault.message.contains("changed since it was chosen"), "{fault}");
    // And one that vanished is told too.
    fs::remove_file(machine.path("backups/a.db")).expect("removed");
    let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("gone");
    assert!(fault.message.contains("a.db"), "{fault}");
}

#[tokio::test]
async fn a_database_that_was_copied_without_its_log_is_not_restored() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups/a.db", None));
    let point = drill.latest().await;
    backup(&machine, "a.db-wal", 1, b"changes");
    let fault = drill.acquire(&drill.claim(&point), &point).await.expect_err("not complete");
    assert!(fault.message.contains(".backup") && fault.message.contains("VACUUM INTO"), "{fault}");
}

#[tokio::test]
async fn a_dropped_restore_writes_no_further_and_can_be_taken_up() {
    let machine = Machine::new();
    let data = database(40_000_000);
    backup(&machine, "a.db", 1, &data);
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups", None));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    let partial = PathBuf::from(&claim.link.params["path"]).join("restore.partial");
    let size = || fs::metadata(&partial).map_or(0, |meta| meta.len());
    {
        let acquire = drill.acquire(&claim, &point);
        tokio::select! {
            biased;
            () = async { while size() == 0 { tokio::task::yield_now().await } } => {}
            done = acquire => panic!("it was not dropped in time: {done:?}"),
        }
    }
    let last = size();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        size() <= last + 2 * 1024 * 1024,
        "more than the chunk on its way was written: {last} to {}",
        size()
    );
    assert!(matches!(drill.observe(&claim).await, Observation::Pending { .. }));
    drill.acquire(&claim, &point).await.expect("taken up");
    let path = outputs(drill.observe(&claim).await)["path"].clone();
    assert!(fs::read(path).expect("there") == data);
    drill.release(&claim, &point).await.expect("removed");
    assert!(eventually(|| machine.names("scratch").is_empty()).await);
}

#[tokio::test]
async fn a_scratch_folder_that_can_not_be_made_is_the_surroundings_fault() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups", None));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    // The folder can't be made where a file is in its way.
    fs::remove_dir(machine.path("scratch")).expect("removed");
    machine.write("scratch", b"in the way");
    let fault = drill.acquire(&claim, &point).await.expect_err("no folder");
    assert_eq!(fault.class, FaultClass::Surroundings, "{fault}");
}

#[tokio::test]
async fn the_preflight_lists_what_is_well() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    backup(&machine, "notes.txt", 1, b"x");
    let provider = SqliteFile::new(machine.scratch());
    let found = Drill::new(&machine, &provider, source("backups", None)).preflight().await;
    assert_eq!(found.refusals, [""; 0]);
    for fact in ["allowed and not production", "is writable", "free", "1 of 2 files fit"] {
        assert!(found.facts.iter().any(|line| line.contains(fact)), "{fact}: {:?}", found.facts);
    }
    // A scratch folder that is not there yet is no obstacle, and is not made by looking.
    fs::remove_dir(machine.path("scratch")).expect("removed");
    let found = Drill::new(&machine, &provider, source("backups", None)).preflight().await;
    assert_eq!(found.refusals, [""; 0]);
    assert!(!machine.path("scratch").exists());
}

#[tokio::test]
async fn the_preflight_refuses_what_is_not_scratch() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    symlink(machine.path("production"), machine.path("scratch/link")).expect("linked");
    let refusal = |scratch: Scratch, wish: Option<&str>, backup: &'static str| {
        let machine = &machine;
        let wish = wish.map(PathBuf::from);
        async move {
            let provider = SqliteFile::new(scratch);
            let mut drill = Drill::new(machine, &provider, source(backup, None));
            drill.wish = wish;
            drill.preflight().await.refusals.join("\n")
        }
    };
    let scratch = || machine.scratch();
    assert_eq!(refusal(scratch(), Some("scratch/mine"), "backups").await, "");
    let none = refusal(Scratch::default(), None, "backups").await;
    assert!(none.contains("`folders` under `[scratch]` in firedrill.toml"), "{none}");
    let elsewhere = refusal(scratch(), Some("elsewhere"), "backups").await;
    assert!(elsewhere.contains("the operator can add"), "{elsewhere}");
    for escape in ["scratch/link", "scratch/link/deeper", "scratch/../production", "production"] {
        let escaped = refusal(scratch(), Some(escape), "backups").await;
        assert!(escaped.contains("which is production"), "{escape}: {escaped}");
    }
    // Without production named, a link still leads out of what is allowed.
    let unnamed = Scratch { production: Vec::new(), ..scratch() };
    let escaped = refusal(unnamed, Some("scratch/link"), "backups").await;
    assert!(escaped.contains("is not an allowed scratch folder"), "{escaped}");
    let root = Scratch { allowed: vec!["/".into()], production: Vec::new() };
    assert!(refusal(root, Some("scratch"), "backups").await.contains("not an allowed"));
    // Scratch within the folder of the backups, or around it.
    let around = Scratch { allowed: vec![machine.base.clone()], production: Vec::new() };
    assert!(refusal(around.clone(), Some("backups/scratch"), "backups").await.contains("one in the other"));
    assert!(refusal(around, None, "backups/*.db").await.contains("one in the other"));
}

#[tokio::test]
async fn production_is_never_touched() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    machine.write("production/orders.db", "precious");
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups", None));
    let point = drill.latest().await;
    let mut claim = drill.claim(&point);
    claim.link.scope = Scope::Folder(machine.path("production").display().to_string());
    for fault in [
        drill.acquire(&claim, &point).await.expect_err("refused"),
        drill.release(&claim, &point).await.expect_err("refused"),
        provider.owned(&claim.link.scope).await.expect_err("refused"),
    ] {
        assert_eq!(fault.class, FaultClass::Refused, "{fault}");
    }
    assert_eq!(machine.names("production"), ["orders.db"]);
}

#[tokio::test]
async fn a_folder_with_another_marker_is_broken_and_kept() {
    let machine = Machine::new();
    backup(&machine, "a.db", 1, &database(1000));
    let provider = SqliteFile::new(machine.scratch());
    let drill = Drill::new(&machine, &provider, source("backups", None));
    let point = drill.latest().await;
    let claim = drill.claim(&point);
    drill.acquire(&claim, &point).await.expect("restored");
    let mut other = claim.clone();
    other.run = RunId::new(DECLARED, [9; 10]);
    assert!(matches!(drill.observe(&other).await, Observation::Broken { .. }));
    assert_eq!(drill.release(&other, &point).await.expect_err("kept").class, FaultClass::Refused);
    assert_eq!(provider.owned(&claim.link.scope).await.expect("lists").len(), 1);
    drill.release(&claim, &point).await.expect("removed");
    assert_eq!(provider.owned(&claim.link.scope).await, Ok(Vec::new()));
}
