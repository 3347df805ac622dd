use super::session::MysqlSession;
use crate::{
    playbook::{ServerEngine, Tls},
    server::{Login, Secret},
    verify::{
        cells::Cells,
        sql::{How, Session, TableKind, Target},
        statement::Statement,
    },
};

fn login(port: u16, user: &str, database: &str) -> Login {
    Login {
        engine: ServerEngine::Mysql,
        host: "127.0.0.1".into(),
        port,
        user: user.into(),
        password: Some(Secret::new("secret")),
        database: database.into(),
        tls: Tls::Disable,
        ca: None,
    }
}

const SERVERS: [(&str, u16); 4] = [("m10", 34110), ("m11", 34118), ("y8", 34180), ("y9", 34197)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all() {
    let how = How { strong: std::env::var("STRONG").is_ok(), buckets: 1024 };
    for (name, port) in SERVERS {
        for n in [1usize, 3] {
            let mut s = MysqlSession::open(&login(port, "fd", "ty"), n, true).await.expect("open");
            println!("== {name} {n} position {:?} remarks {:?}", s.position().await, s.remarks());
            for table in s.tables().await.unwrap() {
                if table.kind != TableKind::Ordinary {
                    continue;
                }
                let shape = match s.describe(&table).await {
                    Ok(s) => s,
                    Err(e) => {
                        println!("{} {e:?}", table.name);
                        continue;
                    }
                };
                let mut shape = shape;
                shape.columns.retain(|(name, _)| !matches!(name.as_str(), "js" | "gj"));
                let t = std::time::Instant::now();
                let print = s.fingerprint(&Target::Table(shape.clone()), how, &|_, _| {}).await;
                match print {
                    Ok(p) => println!(
                        "{name} {:8} {} {:?} rows {} {} {:?}",
                        p.table,
                        p.algorithm,
                        p.key,
                        p.rows,
                        p.digest,
                        t.elapsed()
                    ),
                    Err(e) => println!("{name} {} {e:?}", table.name),
                }
            }
            println!("{:?}", s.remarks());
            Box::new(s).close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locate() {
    let how = How { strong: false, buckets: 1024 };
    for (name, port) in SERVERS {
        let mut s = MysqlSession::open(&login(port, "fd", "ty"), 2, true).await.expect("open");
        let mut w = MysqlSession::open(&login(port, "fd", "ty"), 1, true).await.expect("open");
        for (table, change, undo) in [
            (
                "big",
                "update big set amount = amount + 1 where id in (77, 50000, 99999)",
                "update big set amount = amount - 1 where id in (77, 50000, 99999)",
            ),
            (
                "bigu",
                "update bigu set v = v + 1000000 where v in (77, 50000, 99999)",
                "update bigu set v = v - 1000000 where v > 1000000",
            ),
            (
                "bigc",
                "update bigc set v = 'y' where a = 10 and b = 3",
                "update bigc set v = 'x' where a = 10 and b = 3",
            ),
            (
                "bigs",
                "update bigs set v = v + 1 where v = 777",
                "update bigs set v = v - 1 where v = 778 and id = 777*777*777",
            ),
        ] {
            let t = s.tables().await.unwrap().into_iter().find(|t| t.name == table).unwrap();
            let target = Target::Table(s.describe(&t).await.unwrap());
            let was = s.fingerprint(&target, how, &|_, _| {}).await.unwrap();
            w.raw("rollback").await;
            w.raw(change).await;
            let mut s2 = MysqlSession::open(&login(port, "fd", "ty"), 2, true).await.expect("open");
            let is = s2.fingerprint(&target, how, &|_, _| {}).await.unwrap();
            let rests = Cells::decode(&was.buckets)
                .unwrap()
                .difference(&Cells::decode(&is.buckets).unwrap())
                .unwrap();
            let elements: Vec<_> = rests.iter().flat_map(|r| r.elements.clone()).collect();
            let found = s2.locate(&target, how, &elements, true).await.unwrap();
            let buckets: Vec<u32> = rests.iter().map(|r| r.bucket).collect();
            let marks = s2.marks(&target, how, &buckets).await.unwrap();
            println!(
                "{name} {table} elements {elements:?} found {:?} marks {} {:?}",
                found.iter().map(|f| (&f.words, &f.keys, f.columns.len())).collect::<Vec<_>>(),
                marks.len(),
                marks.first()
            );

            drop(s2);
            w.raw(undo).await;
            let mut s2 = MysqlSession::open(&login(port, "fd", "ty"), 2, true).await.expect("open");
            let again = s2.fingerprint(&target, how, &|_, _| {}).await.unwrap();
            assert_eq!(again, was);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers() {
    for (name, port) in SERVERS {
        let mut s = MysqlSession::open(&login(port, "ro", "ty"), 2, true).await.expect("open");
        println!("== {name} {:?}", s.remarks());
        for (sql, values) in [
            ("select * from t where id = 2", vec![]),
            ("select * from t where id = 3", vec![]),
            ("select count(*), sum(amount), avg(d), max(at), min(b) from big", vec![]),
            ("select count(*) from big where at < cast(? as datetime(3))", vec!["2020-01-01T00:10:00.000Z"]),
            ("select count(*), ? from big where name = ?", vec!["x", "row 5"]),
            ("select code from bigu where code = ?", vec!["k9E3779B1"]),
            (
                "select true, 1 = 0, 1.50, 1e0, null, x'00ff', 'a', date'2026-01-02', 18446744073709551615",
                vec![],
            ),
            ("select sleep(0) from nothere", vec![]),
            ("select * from big where name = x'ff' and nothere = 'secret data'", vec![]),
        ] {
            let statement =
                Statement { sql: sql.into(), values: values.into_iter().map(str::to_owned).collect() };
            println!("{name} {:?}", s.answer(&statement, 2).await);
            let print = s
                .fingerprint(&Target::Query(statement), How { strong: false, buckets: 16 }, &|_, _| {})
                .await;
            println!("   {:?}", print.map(|p| (p.columns, p.rows, p.digest)));
        }
        let statement = Statement { sql: "select * from big".into(), values: vec![] };
        println!("{name} {:?}", s.answer(&statement, 20).await);
        Box::new(s).close().await;
    }
}

fn cpu(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit_once(')').unwrap().1;
    let f: Vec<&str> = rest.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wide() {
    let tables = std::env::var("TABLES").unwrap_or("wide".into());
    let servers = std::env::var("SERVERS").unwrap_or("m10".into());
    let connections = std::env::var("CONNECTIONS").unwrap_or("1 2".into());
    let how = How { strong: std::env::var("STRONG").is_ok(), buckets: 1024 };
    for (name, port) in SERVERS {
        if !servers.contains(name) {
            continue;
        }
        let pid = std::fs::read_to_string(format!("/tmp/fd-mysql/{name}/pid")).unwrap().trim().to_owned();
        for table in tables.split(' ') {
            for n in connections.split(' ') {
                for _ in 0..3 {
                    let mut s = MysqlSession::open(&login(port, "fd", "bench"), n.parse().unwrap(), true)
                        .await
                        .expect("open");
                    let t = s.tables().await.unwrap().into_iter().find(|t| t.name == table).unwrap();
                    let target = Target::Table(s.describe(&t).await.unwrap());
                    let (at, server, client) = (std::time::Instant::now(), cpu(&pid), cpu("self"));
                    let p = s.fingerprint(&target, how, &|_, _| {}).await.unwrap();
                    println!(
                        "{name} {table} connections {n}: wall {:.2} server cpu {:.2} client cpu {:.2} rows {} {}",
                        at.elapsed().as_secs_f64(),
                        cpu(&pid) - server,
                        cpu("self") - client,
                        p.rows,
                        p.digest
                    );
                }
            }
        }
    }
}
