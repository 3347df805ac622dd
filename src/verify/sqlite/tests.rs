//! Checks as the engine asks for them, on real SQLite files.

use crate::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass, Outputs, RecoveryPoint},
    ids::StepId,
    playbook::{
        Check, CheckKind, Expectation, FingerprintCheck, FingerprintExpect, FingerprintOf, RowCount, Template,
    },
    ports::{Baseline, CheckRequest, Known, Unseen, Verifier},
    time::{Period, Timestamp},
    verify::{BaselineOf, BaselineRequest, Checks, LiveSource, TableFingerprint, take_baselines},
};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use std::path::{Path, PathBuf};

const DECLARED: &str = "2026-11-23T09:00:00Z";

/// A folder with a database in it.
struct Database {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Database {
    async fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a b%#?.db");
        let database = Self { folder, path };
        database.run(sql).await;
        database
    }

    async fn run(&self, sql: &str) {
        let options =
            SqliteConnectOptions::new().filename(&self.path).create_if_missing(true).foreign_keys(false);
        let mut connection = options.connect().await.expect("opens");
        connection.execute(sqlx::AssertSqlSafe(sql)).await.expect(sql);
        connection.close().await.expect("closes");
    }

    /// The same, changed: what a wrong restore might give.
    async fn altered(&self, sql: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("restored.db");
        std::fs::copy(&self.path, &path).expect("copies");
        let database = Self { folder, path };
        database.run(sql).await;
        database
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).expect("lists");
        let mut names: Vec<String> =
            files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    async fn check(&self, kind: CheckKind) -> Result<CheckOutcome, Fault> {
        self.check_against(kind, None, None).await
    }

    async fn check_against(
        &self,
        kind: CheckKind,
        baseline: Option<&Baseline>,
        timeout: Option<Period>,
    ) -> Result<CheckOutcome, Fault> {
        let step: StepId = "orders-intact".parse().expect("a label");
        let check = Check { name: "it".into(), required: true, timeout, kind };
        let subject = Outputs::from([
            ("engine".to_owned(), "sqlite".to_owned()),
            ("path".to_owned(), self.path.display().to_string()),
        ]);
        let (point, known) = (point(), Known::default());
        let ask = CheckRequest {
            run: crate::ids::RunId::new(Timestamp::from_millis(0), [0; 10]),
            step: &step,
            check: &check,
            login: None,
            subject: &subject,
            point: Some(&point),
            source: None,
            baseline,
            folder: Path::new("."),
            declared: DECLARED.parse().expect("a moment"),
            known: &known,
            progress: &Unseen,
        };
        Checks::new(None).check(&ask).await
    }

    async fn query(&self, sql: &str, expect: Expectation) -> Result<CheckOutcome, Fault> {
        let sql = Template::parse(sql).expect("a template");
        self.check(CheckKind::Query { sql, expect, allow_empty: false }).await
    }

    async fn baseline(&self, check: &FingerprintCheck) -> Result<Vec<TableFingerprint>, Fault> {
        let step: StepId = "orders-intact".parse().expect("a label");
        let (known, point) = (Known::default(), point());
        let ask = BaselineRequest {
            step: &step,
            check: "it",
            of: BaselineOf::Fingerprint(check),
            source: None,
            point: Some(&point),
            known: &known,
            progress: &Unseen,
        };
        take_baselines(&[ask], &LiveSource::Sqlite(self.path.clone()), None)
            .await
            .map(|mut all| all.taken.remove(0).tables)
    }

    /// Takes a baseline here and checks `restored` against it.
    async fn compare(&self, check: &FingerprintCheck, restored: &Database) -> CheckOutcome {
        let tables = self.baseline(check).await.expect("a baseline");
        let baseline = of(tables);
        let kind = CheckKind::Fingerprint(check.clone());
        restored.check_against(kind, Some(&baseline), None).await.expect("a check")
    }
}

fn point() -> RecoveryPoint {
    RecoveryPoint {
        id: "orders.db.zst".into(),
        time: "2026-11-23T08:00:00Z".parse().expect("a moment"),
        time_source: "file name".into(),
        location: None,
        bytes: None,
        encrypted: None,
        details: Outputs::new(),
    }
}

fn of(tables: Vec<TableFingerprint>) -> Baseline {
    let moment: Timestamp = "2026-11-23T08:00:01Z".parse().expect("a moment");
    Baseline {
        taken: moment,
        source: "orders.db".into(),
        point: "orders.db.zst".into(),
        point_time: moment,
        by: "test".into(),
        position: None,
        schema: None,
        tables,
    }
}

fn fingerprint(of: FingerprintOf) -> FingerprintCheck {
    FingerprintCheck {
        of,
        exclude: Vec::new(),
        expect: FingerprintExpect::Baseline,
        allow_empty: false,
        strong: false,
        buckets: None,
        conditions: Default::default(),
        changed_since: Default::default(),
        redact_keys: false,
    }
}

fn tables(names: &[&str]) -> FingerprintCheck {
    fingerprint(FingerprintOf::Tables(names.iter().map(|name| (*name).to_owned()).collect()))
}

fn all() -> FingerprintCheck {
    fingerprint(FingerprintOf::AllTables)
}

fn passed(outcome: &CheckOutcome) -> bool {
    outcome.status == CheckStatus::Passed
}

fn told(outcome: &CheckOutcome) -> String {
    assert_eq!(outcome.status, CheckStatus::Failed, "{outcome:?}");
    outcome.details.join("\n")
}

const SHOP: &str = "
    create table customers (id integer primary key, name text not null, email text);
    create table orders (id integer primary key, customer int references customers(id), total int, note text);
    insert into customers select value, 'c' || value, null from generate_series(1, 500);
    insert into orders select value, 1 + value % 500, value * 7, '' from generate_series(1, 5000);";

async fn shop() -> Database {
    // generate_series is an extension of the shell: written out here.
    let series = "with recursive generate_series(value) as (select 1 union all select value + 1 from generate_series where value < N)";
    let sql = SHOP
        .replace(
            "insert into customers select",
            &format!("insert into customers {} select", series.replace('N', "500")),
        )
        .replace(
            "insert into orders select",
            &format!("insert into orders {} select", series.replace('N', "5000")),
        )
        .replace("generate_series(1, 500)", "generate_series")
        .replace("generate_series(1, 5000)", "generate_series");
    Database::new(&sql).await
}

#[tokio::test]
async fn a_good_copy_equals_its_baseline_and_leaves_nothing_behind() {
    let shop = shop().await;
    let restored = shop.altered("vacuum").await;
    let outcome = shop.compare(&all(), &restored).await;
    assert!(passed(&outcome), "{outcome:?}");
    assert_eq!(outcome.rows, Some(5500));
    assert_eq!(outcome.kind, "fingerprint");
    assert_eq!(outcome.actual, "equal: 2 tables, 5,500 rows");
    assert_eq!(outcome.digests.keys().collect::<Vec<_>>(), ["customers", "orders"]);
    assert!(outcome.digests["orders"].starts_with("fd1-xxh3-128:"));
    assert_eq!(restored.files(), ["restored.db"]);
    assert_eq!(shop.files(), ["a b%#?.db"]);
}

#[tokio::test]
async fn rows_that_differ_are_named_by_primary_key() {
    let shop = shop().await;
    let wrong = "update orders set total = total + 1 where id in (4711, 12);
                 delete from orders where id = 99;
                 insert into orders values (120001, 1, 5, null);
                 update customers set email = '' where id = 7;";
    let outcome = shop.compare(&all(), &shop.altered(wrong).await).await;
    assert_eq!(
        told(&outcome),
        "customers: 1 row differs (500 rows in both): changed id=7\n\
         orders: 4 rows differ (5,000 rows in both): changed id=12, id=4711; lost id=99; extra id=120001"
    );
    assert_eq!(outcome.actual, "2 of 2 tables differ, 5,500 rows read");
}

#[tokio::test]
async fn other_keys_are_found_again_in_the_restored_table() {
    let make = "create table t (region text, name text, v, primary key (region, name)) without rowid;
                insert into t values ('eu', 'a', 1), ('eu', 'b', 2), ('us', 'it''s', 3);
                create table u (v, w); insert into u values (1, 'x'), (1, 'x'), (2, 'y');";
    let wrong = "update t set v = 9 where name = 'it''s'; delete from t where name = 'a'; insert into t values ('eu', x'00ff', 1);
                 delete from u where rowid = 1; insert into u values (3, 'z');";
    let database = Database::new(make).await;
    let text = told(&database.compare(&all(), &database.altered(wrong).await).await);
    assert!(text.contains("changed region='us' name='it\\'s'"), "{text}");
    assert!(text.contains("extra region='eu' name=x'00ff'"), "{text}");
    assert!(text.contains("lost region,name#"), "{text}");
    assert!(text.contains("u: 2 rows differ (3 rows in both): lost row#"), "{text}");
    assert!(text.contains("extra rowid=4"), "{text}");
}

#[tokio::test]
async fn look_alikes_are_told_apart() {
    let values = [
        "null",
        "''",
        "x''",
        "0",
        "0.0",
        "'0'",
        "1",
        "1.0",
        "'1'",
        "x'31'",
        "9007199254740992",
        "9007199254740993",
        "9007199254740992.0",
        "1e999",
        "-1e999",
        "'a'",
        "'a' || char(0)",
        "9223372036854775807",
        "-9223372036854775808",
        "0.1",
        "0.30000000000000004",
        "0.3",
    ];
    let make = |value: &str| {
        format!("create table t (id integer primary key, v); insert into t values (1, {value})")
    };
    let mut seen: Vec<(String, &str)> = Vec::new();
    for value in values {
        let prints = Database::new(&make(value)).await.baseline(&all()).await.expect("a baseline");
        let digest = prints[0].digest.clone();
        assert!(!seen.iter().any(|(other, _)| *other == digest), "{value} {seen:?}");
        seen.push((digest, value));
    }
    let negative = Database::new(&make("-0.0")).await.baseline(&all()).await.expect("a baseline");
    let positive = Database::new(&make("0.0")).await.baseline(&all()).await.expect("a baseline");
    assert_ne!(negative[0].digest, positive[0].digest);
    // SQLite has no NaN: it stores NULL.
    let nan = Database::new(&make("1e999 - 1e999")).await.baseline(&all()).await.expect("a baseline");
    assert_eq!(nan[0].digest, seen[0].0);
}

#[tokio::test]
async fn duplicates_swaps_and_moved_values_are_seen() {
    let make = "create table t (a, b); insert into t values (1, 2), (1, 2), (3, 4), (null, 5)";
    let database = Database::new(make).await;
    for wrong in [
        "delete from t where rowid = 1",
        "insert into t values (1, 2)",
        "delete from t where a = 1",
        "update t set a = 4, b = 3 where a = 3",
        "update t set a = case a when 1 then 3 else 1 end where rowid in (2, 3)",
        "update t set a = 5, b = null where a is null",
    ] {
        let outcome = database.compare(&all(), &database.altered(wrong).await).await;
        assert!(!passed(&outcome), "{wrong}");
    }
    let same =
        database.altered("delete from t; insert into t values (null, 5), (3, 4), (1, 2), (1, 2)").await;
    assert!(passed(&database.compare(&all(), &same).await));
}

#[tokio::test]
async fn any_name_and_any_kind_of_table_is_read() {
    let make = r#"
        create table "we""ird; drop table x --" ("select" text, "a""b", rowid int, g int as (length("select")) stored, v as (g + 1));
        insert into "we""ird; drop table x --" ("select", "a""b", rowid) values ('x', 1, 2), ('y', 1, 2);
        create view names as select name from sqlite_schema;
        create virtual table docs using fts5(body); insert into docs values ('hello');
        create table auto (id integer primary key autoincrement); insert into auto values (5);"#;
    let database = Database::new(make).await;
    let prints = database.baseline(&all()).await.expect("a baseline");
    let names: Vec<(&str, u64)> = prints.iter().map(|print| (print.table.as_str(), print.rows)).collect();
    assert_eq!(names, [("auto", 1), ("we\"ird; drop table x --", 2)]);
    let columns: Vec<&str> = prints[1].columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["select", "a\"b", "rowid", "g", "v"]);
    let outcome = database.compare(&all(), &database).await;
    assert!(passed(&outcome));
    assert!(outcome.details[0].contains("virtual and foreign tables (docs)"), "{outcome:?}");
    assert!(outcome.details[1].contains("docs_content"), "{outcome:?}");
    let named = database.compare(&tables(&["docs", "names"]), &database).await;
    assert!(passed(&named), "{named:?}");
    let wrong = "update \"we\"\"ird; drop table x --\" set \"select\" = 'z' where \"select\" = 'y'";
    assert!(
        told(&database.compare(&all(), &database.altered(wrong).await).await).contains("extra _rowid_=2")
    );
}

#[tokio::test]
async fn a_missing_table_is_told_with_the_nearest_name() {
    let shop = shop().await;
    let outcome =
        shop.compare(&tables(&["orders"]), &shop.altered("alter table orders rename to ordres").await).await;
    assert_eq!(told(&outcome), "there is no table `orders` (did you mean `ordres`?)");
    let outcome = shop.compare(&all(), &shop.altered("drop table orders").await).await;
    assert!(told(&outcome).contains("orders: the table is missing; it had 5,000 rows"), "{outcome:?}");
    let outcome = shop.compare(&all(), &shop.altered("create table x as select 1").await).await;
    assert_eq!(told(&outcome), "x: not in the baseline");
}

#[tokio::test]
async fn changed_columns_are_told() {
    let shop = shop().await;
    let wrong = "alter table orders drop column note; alter table customers add column age int";
    let text = told(&shop.compare(&all(), &shop.altered(wrong).await).await);
    assert!(text.contains("orders: column `note` is missing"), "{text}");
    assert!(text.contains("customers: column `age` is not in the baseline"), "{text}");
}

#[tokio::test]
async fn excluded_columns_do_not_count() {
    let shop = shop().await;
    let restored = shop.altered("update orders set note = 'read' where id = 3").await;
    let exclude = |entry: &str| FingerprintCheck { exclude: vec![entry.to_owned()], ..all() };
    assert!(passed(&shop.compare(&exclude("Orders.NOTE"), &restored).await));
    let without_key = shop.compare(&exclude("orders.id"), &restored).await;
    assert!(told(&without_key).contains("extra rowid=3"), "{without_key:?}");
    let fault = shop.baseline(&exclude("orders.nota")).await.expect_err("no such column");
    assert!(fault.message.contains("did you mean `orders.note`?"), "{fault}");
}

#[tokio::test]
async fn no_rows_prove_nothing_unless_allowed() {
    let empty = Database::new("create table t (id integer primary key)").await;
    assert!(empty.baseline(&all()).await.expect_err("empty").message.contains("t has no rows"));
    let allowed = FingerprintCheck { allow_empty: true, ..all() };
    assert!(passed(&empty.compare(&allowed, &empty).await));
    let full = Database::new("create table t (id integer primary key); insert into t values (1)").await;
    assert!(told(&full.compare(&all(), &empty).await).contains("t has no rows"));
    assert!(told(&full.compare(&allowed, &empty).await).contains("lost id=1"));
    let nothing = Database::new("create view v as select 1").await;
    assert!(nothing.baseline(&allowed).await.expect_err("no tables").message.contains("there are no tables"));
}

#[tokio::test]
async fn without_a_baseline_nothing_is_proven() {
    let shop = shop().await;
    let fault = shop.check(CheckKind::Fingerprint(all())).await.expect_err("no baseline");
    assert_eq!(fault.class, FaultClass::Permanent);
    assert!(fault.message.contains("run `firedrill baseline PLAYBOOK`"), "{fault}");
    let mut other = of(shop.baseline(&all()).await.expect("a baseline"));
    other.point = "another".into();
    let kind = CheckKind::Fingerprint(all());
    let fault = shop.check_against(kind, Some(&other), None).await.expect_err("another's baseline");
    assert!(fault.message.contains("of recovery point another"), "{fault}");
}

#[tokio::test]
async fn digests_can_be_written_down() {
    let shop = shop().await;
    let sql = "select customer, sum(total) from orders where id <= 5000 group by customer";
    let query = |expect| {
        CheckKind::Fingerprint(FingerprintCheck {
            of: FingerprintOf::Query(Template::literal(sql)),
            expect,
            ..all()
        })
    };
    let wanted = FingerprintExpect::Digest("fd1-xxh3-128:00".into());
    let outcome = shop.check(query(wanted)).await.expect("a check");
    assert!(!passed(&outcome));
    let digest = outcome.digests["query"].clone();
    assert!(told(&outcome).contains(&digest), "{outcome:?}");
    for digest in
        [digest.clone(), digest.to_uppercase().replace("FD1-XXH3", "fd1-xxh3"), digest[13..].to_owned()]
    {
        let outcome = shop.check(query(FingerprintExpect::Digest(digest))).await.expect("a check");
        assert!(passed(&outcome), "{outcome:?}");
        assert_eq!(outcome.rows, Some(500));
    }
    let two = FingerprintCheck { expect: FingerprintExpect::Digest(digest.clone()), ..all() };
    assert!(!passed(&shop.check(CheckKind::Fingerprint(two)).await.expect("a check")));
    let other = query(FingerprintExpect::Digest(digest.replace("fd1", "fd9")));
    assert!(told(&shop.check(other).await.expect("a check")).contains("the digest is of fd9-xxh3-128"));
}

#[tokio::test]
async fn a_big_table_is_split_and_gives_the_same_digest() {
    let make = "create table t (id integer primary key, v text);
        with recursive n(i) as (select -5000 union all select i + 1 from n where i < 5000) insert into t select i * 90, 'v' || i from n;
        create table u as select id, v from t; create view w as select * from t;";
    let database = Database::new(make).await;
    // The live side reads on one connection, the restored side on several.
    let outcome = database.compare(&tables(&["t", "u"]), &database).await;
    assert!(passed(&outcome), "{outcome:?}");
    assert_eq!(outcome.rows, Some(20_002));
    let wrong = "update t set v = 'x' where id in (-450000, 450000, 0)";
    let text = told(&database.compare(&tables(&["t"]), &database.altered(wrong).await).await);
    assert!(text.ends_with("changed id=-450000, id=0, id=450000"), "{text}");
}

#[tokio::test]
async fn integrity_sees_broken_references_and_broken_pages() {
    let shop = shop().await;
    let sound = shop.check(CheckKind::Integrity).await.expect("a check");
    assert!(passed(&sound), "{sound:?}");
    assert!(sound.actual.contains("2 tables"), "{sound:?}");
    let orphaned = shop.altered("delete from customers where id = 3").await;
    let outcome = orphaned.check(CheckKind::Integrity).await.expect("a check");
    assert_eq!(told(&outcome), "orders: 10 rows refer to rows of customers that are not there");

    let torn = shop.altered("create index by_total on orders(total)").await;
    let mut bytes = std::fs::read(&torn.path).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&torn.path, &bytes).expect("writes");
    assert!(!passed(&torn.check(CheckKind::Integrity).await.expect("a check")));
    std::fs::write(&torn.path, b"no database at all, but long enough to have a header of that kind")
        .expect("writes");
    let outcome = torn.check(CheckKind::Integrity).await.expect("a check");
    assert!(told(&outcome).contains("damaged") && outcome.actual.contains("not a database"), "{outcome:?}");
    std::fs::write(&torn.path, b"").expect("writes");
    let outcome = torn.check(CheckKind::Integrity).await.expect("a check");
    assert_eq!(told(&outcome), "the file holds no tables");
    std::fs::remove_file(&torn.path).expect("removes");
    assert_eq!(torn.check(CheckKind::Integrity).await.expect_err("no file").class, FaultClass::Permanent);
}

#[tokio::test]
async fn a_file_with_a_search_index_is_sound() {
    let make = "create virtual table docs using fts5(body); insert into docs values ('hello'), ('world');
                create table t (id integer primary key); insert into t values (1)";
    let outcome = Database::new(make).await.check(CheckKind::Integrity).await.expect("a check");
    assert!(passed(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn references_that_can_not_be_followed_are_a_note() {
    let make = "create table p (a); create table c (a references p(a)); insert into c values (1)";
    let outcome = Database::new(make).await.check(CheckKind::Integrity).await.expect("a check");
    assert!(passed(&outcome), "{outcome:?}");
    assert!(outcome.details[0].starts_with("references were not checked in full"), "{outcome:?}");
}

#[tokio::test]
async fn queries_are_judged() {
    let shop = shop().await;
    let sum = shop
        .query("select sum(total) from orders", Expectation::Equals(json!(87_517_500)))
        .await
        .expect("runs");
    assert!(passed(&sum), "{sum:?}");
    assert_eq!(
        (sum.rows, sum.expected.as_str(), sum.actual.as_str()),
        (Some(1), "equals 87517500", "87517500")
    );
    let orphans = "select 1 from orders o left join customers c on c.id = o.customer where c.id is null";
    let none = RowCount { min: None, max: Some(0) };
    assert!(passed(&shop.query(orphans, Expectation::Rows(none)).await.expect("runs")));
    let outcome = shop.query("select * from orders", Expectation::Rows(none)).await.expect("runs");
    assert_eq!((outcome.status, outcome.actual.as_str()), (CheckStatus::Failed, "5,000 rows"));
    let many = shop.query("select * from orders", Expectation::Equals(json!(1))).await.expect("runs");
    assert_eq!((many.status, many.actual.as_str()), (CheckStatus::Failed, "more than one row"));
    let before = "select count(*) from orders where '2026-11-23T08:00:00.000Z' = {{ recovery_point.time }} and id < 11";
    assert!(passed(&shop.query(before, Expectation::Equals(json!(10))).await.expect("runs")));
}

#[tokio::test]
async fn freshness_gives_the_newest_moment() {
    let make =
        "create table t (at text); insert into t values ('2026-11-23 07:30:00'), ('2026-11-22 07:30:00')";
    let database = Database::new(make).await;
    let ask = |max_age: u64| CheckKind::Freshness {
        sql: Template::literal("select max(at) from t"),
        max_age: Some(Period::from_secs(60 * max_age)),
    };
    let outcome = database.check(ask(90)).await.expect("runs");
    assert!(passed(&outcome));
    assert_eq!(outcome.freshness, Some("2026-11-23T07:30:00Z".parse().expect("a moment")));
    assert!(!passed(&database.check(ask(89)).await.expect("runs")));
    let newer = database.altered("insert into t values ('2026-11-23 08:30:00')").await;
    assert!(
        newer.check(ask(90)).await.expect("runs").details[0]
            .contains("30m 00s newer than the recovery point")
    );
}

#[tokio::test]
async fn nothing_is_ever_written() {
    let shop = shop().await;
    let before = std::fs::read(&shop.path).expect("reads");
    let none = Expectation::Rows(RowCount { min: None, max: None });
    for sql in [
        "with x as (select 1) delete from orders",
        "with x as (select 1) insert into customers select 9999, '', '' from x",
        "select * from pragma_journal_mode('wal')",
        "select load_extension('x')",
        "select writefile('x', 'y')",
    ] {
        let fault = shop.query(sql, none.clone()).await.expect_err(sql);
        assert_eq!(fault.class, FaultClass::Permanent, "{sql} {fault}");
    }
    for sql in
        ["select 1; drop table orders", "drop table orders", "pragma user_version = 5", "attach 'x' as x"]
    {
        assert!(shop.query(sql, none.clone()).await.is_err(), "{sql}");
    }
    assert_eq!(std::fs::read(&shop.path).expect("reads"), before);
    assert_eq!(shop.files(), ["a b%#?.db"]);
}

#[tokio::test]
async fn wrong_queries_are_faults_with_the_reason() {
    let shop = shop().await;
    let fault =
        shop.query("select totl from orders", Expectation::Equals(json!(1))).await.expect_err("no column");
    assert_eq!(
        (fault.class, fault.message.as_str()),
        (FaultClass::Permanent, "SQLite says: no such column: totl")
    );
    let fault = shop.query("select 1 from t where a = '{{ run.id }}'", Expectation::Equals(json!(1))).await;
    assert!(fault.expect_err("quoted").message.contains("inside quotes"));
}

#[tokio::test]
async fn a_runaway_query_is_stopped() {
    let shop = shop().await;
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    let kind = CheckKind::Query {
        sql: Template::literal(sql),
        expect: Expectation::Equals(json!(1)),
        allow_empty: false,
    };
    let fault = shop.check_against(kind, None, Some(Period::from_millis(100))).await.expect_err("endless");
    assert_eq!(fault.class, FaultClass::Timeout);
    // The worker's thread has the file open until its statement has really ended.
    let open = || {
        let links = std::fs::read_dir("/proc/self/fd").expect("lists").flatten();
        links.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == shop.path)).count()
    };
    for _ in 0..200 {
        if open() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the statement still runs");
}

#[tokio::test]
async fn a_log_beside_the_file_is_read() {
    let shop = shop().await;
    let options = SqliteConnectOptions::new()
        .filename(&shop.path)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", "0");
    let mut writer = options.connect().await.expect("opens");
    writer.execute("delete from orders where id > 10").await.expect("deletes");
    let count = "select count(*) from orders";
    assert!(passed(&shop.query(count, Expectation::Equals(json!(10))).await.expect("runs")));
    let prints = shop.baseline(&tables(&["orders"])).await.expect("a baseline");
    assert_eq!(prints[0].rows, 10);
    writer.close().await.expect("closes");
    assert!(passed(&shop.query(count, Expectation::Equals(json!(10))).await.expect("runs")));
    assert_eq!(shop.files(), ["a b%#?.db"], "a file in WAL mode is read without making a log");
    let before = std::fs::read(&shop.path).expect("reads");
    let prints = shop.baseline(&tables(&["orders"])).await.expect("a baseline");
    assert_eq!(prints[0].rows, 10);
    assert!(std::fs::read(&shop.path).expect("reads") == before, "the live file is as it was");
}

#[tokio::test]
async fn other_engines_and_kinds_are_refused_in_words() {
    let shop = shop().await;
    let fault = shop.check(CheckKind::Kubernetes).await.expect_err("no verifier");
    assert_eq!(fault.message, "this build has no verifier for kubernetes");
    let step: StepId = "s".parse().expect("a label");
    let known = Known::default();
    let check = Check { name: "it".into(), required: true, timeout: None, kind: CheckKind::Integrity };
    let subject = Outputs::from([("engine".to_owned(), "oracle".to_owned())]);
    let ask = CheckRequest {
        run: crate::ids::RunId::new(Timestamp::from_millis(0), [0; 10]),
        step: &step,
        check: &check,
        login: None,
        subject: &subject,
        point: None,
        source: None,
        baseline: None,
        folder: Path::new("."),
        declared: Timestamp::from_millis(0),
        known: &known,
        progress: &Unseen,
    };
    let fault = Checks::new(None).check(&ask).await.expect_err("no dialect");
    assert!(fault.message.contains("`oracle`"), "{fault}");
}
