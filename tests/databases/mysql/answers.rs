//! Queries of all types, stopped statements, and what a check may not do.

use super::{BOTH, EVERY, EVERY_TYPE, Looking, said};
use crate::{
    binary::eventually,
    servers::{Server, shared},
};

#[tokio::test]
async fn answers_of_every_type_are_judged() {
    let checks = [
        "query: \"select bi from every_type where id = 2\", expect: { equals: 18446744073709551615 }",
        "query: \"select de from every_type where id = 2\", expect: { max: -9223372036854775807 }",
        "query: \"select sum(z) / 3 from every_type\", expect: { equals: 14 }",
        "query: \"select db from every_type where id = 2\", expect: { equals: 0.1 }",
        "query: \"select yr from every_type where id = 2\", expect: { equals: 2026 }",
        "query: \"select l1 from every_type where id = 2\", expect: { equals: \"Zoë ÿ\" }",
        "query: \"select en from every_type where id = 2\", expect: { equals: \"Zoë\" }",
        "query: \"select ci from every_type where ci = 'aDA'\", expect: { equals: Ada }",
        "query: \"select d from every_type where id = 3\", expect: { equals: \"0000-00-00\" }",
        "query: \"select bt = 0 from every_type where id = 2\", expect: { equals: false }",
        "query: \"select st from every_type where id = 1\", expect: { equals: null }",
        "query: \"select id from every_type\", expect: { rows: 3 }",
        "query: \"with t as (select 1 a) select count(*) from t\", expect: { equals: 1 }",
        "query: \"select count(*) from every_type where dt < {{ recovery_point.time }}\", expect: { equals: 2 }",
        "query: \"select {{ recovery_point.id }} from every_type where id = 1\", expect: { equals: one }",
        "freshness: \"select max(ts) from every_type\", max_age: 400d",
    ];
    for (kind, version) in EVERY.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, EVERY_TYPE);
        let looking = Looking::new(server, &checks);
        for (n, check) in checks.iter().enumerate() {
            let outcome = looking.made(n, &database, None).await;
            assert!(said(&outcome).0, "{kind:?} {version} {check}: {:?}", said(&outcome));
        }
    }
}

#[tokio::test]
async fn the_rows_of_a_query_have_a_digest() {
    let checks = [
        "fingerprint: { query: \"select id, fl, vc, l1, bl, dt, de from every_type\" }, expect: baseline",
        "fingerprint: { query: \"select id, fl, vc, l1, bl, dt, de from every_type where dt < {{ recovery_point.time }} order by id desc\" }, expect: baseline",
    ];
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, EVERY_TYPE);
        let looking = Looking::new(server, &checks);
        let baselines = looking.baselines(&database).await;
        let outcome = looking.made(0, &database, Some(&baselines[0])).await;
        assert!(said(&outcome).0, "{outcome:?}");
        let outcome = looking.made(1, &database, Some(&baselines[1])).await;
        assert_eq!((said(&outcome).0, outcome.rows), (true, Some(2)), "{outcome:?}");
        // A float's seventh digit, which its text does not show.
        server.sql(&database, "update every_type set fl = 1.1000001 where id = 2;");
        let outcome = looking.made(0, &database, Some(&baselines[0])).await;
        assert!(!said(&outcome).0, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_check_that_runs_out_of_time_leaves_nothing_running() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        let check = "query: \"select sleep(50)\", expect: { equals: 0 }, timeout: 1s";
        let looking = Looking::new(server, &[check]);
        let fault = looking.look(0, &database, None).await.expect_err("it takes longer");
        assert!(fault.message.contains("its timeout"), "{fault}");
        let running = format!(
            "select count(*) from information_schema.processlist where db = '{database}' and info like 'select sleep%';"
        );
        eventually("the statement ends", 20, || server.query(&database, &running) == "0");
    }
}

#[tokio::test]
async fn a_check_writes_nothing_and_shows_no_data() {
    let checks = [
        "query: \"select nextval_of_nothing()\", expect: { equals: 0 }",
        "query: \"select * from every_type into outfile '/tmp/firedrill-never'\", expect: { rows: 3 }",
        "query: \"select write_it()\", expect: { equals: 0 }",
        "query: \"select cast(bl as json) from every_type where id = 2 union select exp(710 + length(vc)) from every_type\", expect: { equals: 0 }",
        "query: \"select st_geomfromtext(concat('secret words ', vc)) from every_type\", expect: { equals: 0 }",
    ];
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let database = server.fresh_database();
        server.sql(&database, EVERY_TYPE);
        server.sql(
            &database,
            "delimiter //\ncreate function write_it() returns int deterministic modifies sql data \
             begin delete from every_type; return 0; end//\ndelimiter ;",
        );
        let looking = Looking::new(server, &checks);
        for (n, check) in checks.iter().enumerate() {
            match looking.look(n, &database, None).await {
                Ok(outcome) => assert!(!said(&outcome).0, "{kind:?} {version} {check}: {outcome:?}"),
                Err(fault) => {
                    assert!(!fault.message.contains("secret"), "{kind:?} {version} {check}: {fault}")
                }
            }
        }
        assert_eq!(server.query(&database, "select count(*) from every_type;"), "3");
    }
}
