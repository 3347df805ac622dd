//! The sample as a whole: it is made on a real disk, once.

use super::*;
use crate::{
    drill::{CheckStatus, Outputs, RecoveryPoint},
    ids::RunId,
    playbook::{Action, CheckKind, Playbook, Source, Subject},
    ports::{Baseline, CheckRequest, Known, Unseen, Verifier},
    verify::{BaselineRequest, Checks, LiveSource, take_baselines, wanted_baselines},
};
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};

fn now() -> Timestamp {
    "2026-11-23T09:00:00.700Z".parse().expect("a moment")
}

async fn unpack(prepared: &Prepared, name: &str, to: &Path) -> PathBuf {
    use async_compression::tokio::bufread::ZstdDecoder;
    let packed = fs::read(prepared.backups.join(name)).await.expect("reads");
    let mut file = fs::File::create(to).await.expect("creates");
    io::copy(&mut ZstdDecoder::new(packed.as_slice()), &mut file).await.expect("unpacks");
    file.flush().await.expect("writes");
    to.to_owned()
}

async fn ask(database: &Path, sql: &'static str) -> i64 {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let mut connection = options.connect().await.expect("opens");
    let row = sqlx::query(sql).fetch_one(&mut connection).await.expect(sql);
    let value = row.try_get(0).expect("a number");
    connection.close().await.expect("closes");
    value
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("lists")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

const NEWEST: &str = "orders-20261123T090000Z.db.zst";

#[tokio::test]
async fn the_shop_is_whole_and_its_backups_are_of_their_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = prepare(folder.path(), Sample::Orders, now()).await.expect("makes");
    assert!(made.made);
    assert_eq!(
        files(&made.backups),
        ["orders-20261121T090000Z.db.zst", "orders-20261122T090000Z.db.zst", NEWEST]
    );
    assert_eq!(files(folder.path()), [".lock", "orders"]);
    let live = &made.live;
    for (sql, least) in [
        ("select count(*) from customers", 8000),
        ("select count(*) from orders", 40_000),
        ("select count(*) from order_lines", 105_000),
        ("select count(*) from ledger", 80_000),
        ("select count(*) from events", 20_000),
        ("select count(*) from customers where phone is null", 2000),
        ("select count(*) from orders where note is null", 20_000),
        ("select max(referral) from customers", 1 << 53),
        ("select sum(debit_cents) from ledger", 1),
    ] {
        let found = ask(live, sql).await;
        assert!(found >= least, "{sql}: {found}");
    }
    for (sql, wanted) in [
        ("select sum(debit_cents) - sum(credit_cents) from ledger", 0),
        ("select count(*) from pragma_foreign_key_check", 0),
        ("select count(*) from pragma_integrity_check where integrity_check <> 'ok'", 0),
        (
            "select count(*) from orders o where total_cents <> (select sum(quantity * unit_cents) from order_lines where order_id = o.id)",
            0,
        ),
        ("select strftime('%s', '2026-11-23 09:00:00') - strftime('%s', max(created_at)) from orders", 90),
        (
            "select count(*) from orders o join customers c on c.id = o.customer_id where c.created_at > o.created_at",
            0,
        ),
    ] {
        assert_eq!(ask(live, sql).await, wanted, "{sql}");
    }
    let scratch = folder.path().join("scratch.db");
    let old = unpack(&made, "orders-20261121T090000Z.db.zst", &scratch).await;
    let count = "select count(*) from orders";
    assert!((35_000..39_500).contains(&ask(&old, count).await));
    assert_eq!(ask(&old, "select count(*) from orders where created_at > '2026-11-21 09:00:00'").await, 0);
    let new = unpack(&made, NEWEST, &scratch).await;
    assert_eq!(ask(&new, count).await, 40_000);

    let again = prepare(folder.path(), Sample::Orders, now() + Period::from_secs(3599)).await.expect("finds");
    assert_eq!(again, Prepared { made: false, ..made.clone() });
    let later = prepare(folder.path(), Sample::Orders, now() + Period::from_secs(3601)).await.expect("makes");
    assert!(later.made && later.newest > made.newest);
    assert_eq!(files(&later.backups).len(), 3);
}

#[tokio::test]
async fn the_corrupted_backup_is_sound_but_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let both = tokio::join!(
        prepare(folder.path(), Sample::OrdersCorrupted, now()),
        prepare(folder.path(), Sample::OrdersCorrupted, now())
    );
    let (one, two) = (both.0.expect("makes"), both.1.expect("makes"));
    assert!(one.made != two.made, "one makes it, the other waits");
    let backup = unpack(&one, NEWEST, &folder.path().join("scratch.db")).await;
    assert_eq!(
        ask(&backup, "select count(*) from pragma_integrity_check where integrity_check <> 'ok'").await,
        0
    );
    assert_eq!(ask(&backup, "select count(*) from pragma_foreign_key_check").await, 0);
    let both = [&one.live, &backup];
    for (sql, difference) in [
        ("select count(*) from customers", 1),
        ("select count(*) from order_lines", -1),
        ("select sum(total_cents) from orders", 1000),
        ("select sum(debit_cents) - sum(credit_cents) from ledger", 0),
    ] {
        assert_eq!(ask(both[1], sql).await - ask(both[0], sql).await, difference, "{sql}");
    }
}

/// Makes the checks of an example playbook on the newest backup; gives those that did not pass, and what they said.
async fn drill(file: &str) -> Vec<(String, Vec<String>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("drills").join(file))
        .expect("a file");
    let playbook = Playbook::parse(&folder.path().join(file), &text).expect("no faults").playbook;
    let kind = playbook.metadata().sample.expect("a sample");
    let made = prepare(&folder.path().join("sample"), kind, now()).await.expect("makes");
    let database = unpack(&made, NEWEST, &folder.path().join("restored.db")).await;
    let point = RecoveryPoint {
        id: NEWEST.into(),
        time: made.newest,
        time_source: "file name".into(),
        location: None,
        bytes: None,
        encrypted: None,
        details: Outputs::new(),
    };
    let known = Known::default();
    let wanted = wanted_baselines(&playbook);
    let [one] = wanted.as_slice() else { panic!("one baseline: {wanted:?}") };
    let live = LiveSource::of(&one.restore.source, folder.path()).expect("no password to read");
    assert_eq!(live, Some(LiveSource::Sqlite(made.live.clone())));
    let Source::Sqlite(source) = &one.restore.source else { panic!("a file") };
    assert_eq!(folder.path().join(source.backup.parent().expect("a folder")), made.backups);
    let ask = BaselineRequest {
        step: one.step,
        check: &one.check.name,
        of: one.of,
        source: Some(&one.restore.source),
        point: Some(&point),
        known: &known,
        progress: &Unseen,
    };
    let tables = take_baselines(&[ask], &LiveSource::Sqlite(made.live.clone()), None)
        .await
        .expect("a baseline")
        .taken
        .remove(0)
        .tables;
    assert!(tables.iter().map(|table| table.rows).sum::<u64>() >= 250_000);
    let baseline = Baseline {
        taken: now(),
        source: made.live.display().to_string(),
        point: NEWEST.into(),
        point_time: made.newest,
        by: "test".into(),
        position: None,
        schema: None,
        tables,
    };
    let subject = Outputs::from([
        ("engine".to_owned(), "sqlite".to_owned()),
        ("path".to_owned(), database.display().to_string()),
    ]);
    let mut failed = Vec::new();
    for step in playbook.steps() {
        let Action::Verify(verify) = &step.action else { continue };
        assert!(matches!(verify.subject, Subject::Database(_)));
        for check in &verify.checks {
            let request = CheckRequest {
                run: RunId::new(now(), [0; 10]),
                step: &step.id,
                check,
                login: None,
                subject: &subject,
                point: Some(&point),
                source: None,
                baseline: matches!(check.kind, CheckKind::Fingerprint(_)).then_some(&baseline),
                folder: folder.path(),
                declared: now(),
                known: &known,
                progress: &Unseen,
            };
            let outcome = Checks::new(None).check(&request).await.expect(&check.name);
            if outcome.status != CheckStatus::Passed {
                failed.push((check.name.clone(), outcome.details));
            }
        }
    }
    failed
}

#[tokio::test]
async fn the_quick_start_proves_its_backup() {
    assert_eq!(drill("quickstart.yaml").await, []);
}

#[tokio::test]
async fn of_the_corrupted_one_every_row_that_differs_is_named() {
    let failed = drill("quickstart-corrupted.yaml").await;
    let [(check, details)] = failed.as_slice() else { panic!("one check fails: {failed:?}") };
    assert_eq!(check, "every row as in the baseline");
    let text = details.join("\n");
    for words in [
        "customers: 1 row differs (8,000 rows in the baseline, 8,001 here): extra id=900001",
        "order_lines: 1 row differs",
        "lost id=",
        "orders: 1 row differs (40,000 rows in both): changed id=112358",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert_eq!(details.len(), 3, "{text}");
}
