//! What is said when a server can't be logged in to, and that it says what to do.

use super::{BOTH, login};
use crate::servers::{Kind, Server, Setup, shared};
use firedrill::{
    drill::FaultClass,
    playbook::Tls,
    server::{Ask as _, Login, Secret, mysql::connect},
    time::Period,
};

async fn refused(login: &Login) -> (FaultClass, String) {
    match connect(login, Period::ZERO).await {
        Ok(_) => panic!("logged in to {}", login.place()),
        Err(fault) => (fault.class, fault.message),
    }
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = shared(kind, version);
        let good = login(server, "mysql");
        let surroundings = FaultClass::Surroundings;
        let cases = [
            (
                Login { password: Some(Secret::new("wrong")), ..good.clone() },
                surroundings,
                "check the password of firedrill",
            ),
            (Login { user: "nobody".into(), ..good.clone() }, surroundings, "check the password of nobody"),
            (
                Login { database: "not_there".into(), ..good.clone() },
                surroundings,
                "check the database's name",
            ),
            (Login { port: 1, ..good.clone() }, FaultClass::Transient, "nothing listens at 127.0.0.1:1"),
            (Login { host: "no-such-host.invalid".into(), ..good.clone() }, surroundings, "host name"),
            (
                Login { host: "/nowhere/s".into(), ..good.clone() },
                FaultClass::Transient,
                "there is no socket at /nowhere/s",
            ),
        ];
        for (login, class, part) in cases {
            let (found, message) = refused(&login).await;
            assert!(message.contains(part) && found == class, "{kind:?} {version}: {found:?} {message}");
            assert!(!message.contains(server.password()), "{message}");
        }
    }
}

#[tokio::test]
async fn tls_is_checked_as_asked() {
    for (kind, version) in BOTH.into_iter().filter(|(kind, version)| Server::wanted(*kind, version)) {
        let server = Setup::new(kind, version).tls("DNS:localhost,DNS:db.example").start();
        let plain = login(&server, "mysql");
        let with = |tls, ca: bool, host: &str| Login {
            tls,
            ca: ca.then(|| server.ca()),
            host: host.to_owned(),
            ..plain.clone()
        };
        for (login, cipher) in [
            (with(Tls::Require, false, "127.0.0.1"), true),
            (with(Tls::VerifyCa, true, "127.0.0.1"), true),
            (with(Tls::VerifyFull, true, "localhost"), true),
        ] {
            let mut ask = connect(&login, Period::ZERO).await.unwrap_or_else(|fault| panic!("{fault}"));
            let rows = ask.rows("show session status like 'Ssl_cipher'", &[]).await.expect("told");
            let told = rows[0][1].as_deref().is_some_and(|cipher| !cipher.is_empty());
            assert_eq!(told, cipher, "{kind:?} {version} {:?}", login.tls);
            ask.close().await;
        }
        for (login, part) in [
            (with(Tls::VerifyFull, true, "127.0.0.1"), "for another host name"),
            (with(Tls::VerifyFull, false, "localhost"), "give the authority's certificate as `ca`"),
            (
                Login { ca: Some("/nowhere/ca.pem".into()), ..with(Tls::VerifyCa, false, "localhost") },
                "/nowhere/ca.pem",
            ),
        ] {
            let (class, message) = refused(&login).await;
            assert!(
                message.contains(part) && class == FaultClass::Surroundings,
                "{kind:?} {version}: {message}"
            );
        }
    }
}

#[tokio::test]
async fn accounts_that_can_not_log_in_are_told() {
    if Server::wanted(Kind::MySql, "9.7") {
        let server = shared(Kind::MySql, "9.7");
        server.sql(
            "mysql",
            "create user locked@'%' identified by 'secret' account lock; create user expired@'%' identified by 'secret' password expire; \
             create user secure@'%' identified by 'secret' require ssl; create user plain@'%' identified by 'secret';",
        );
        let of = |user: &str, tls| Login {
            user: user.into(),
            password: Some(Secret::new("secret")),
            tls,
            ..login(server, "")
        };
        let (_, message) = refused(&of("locked", Tls::Require)).await;
        assert!(message.contains("account unlock"), "{message}");
        // On this machine, a password that must not travel in the open travels over TLS.
        for user in ["plain", "secure"] {
            connect(&of(user, Tls::Disable), Period::ZERO).await.unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
    if Server::wanted(Kind::MySql, "9.7") {
        let server = Server::with(Kind::MySql, "9.7", &["max-connections=1", "tls-version="]);
        let (_, message) = refused(&Login { tls: Tls::Require, ..login(&server, "") }).await;
        assert!(message.contains("offers no TLS") || message.contains("TLS"), "{message}");
    }
}
