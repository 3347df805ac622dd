//! What can go wrong on the way to a server, in words that say what to do.

use super::Login;
use crate::{
    drill::{Fault, FaultClass},
    playbook::Tls,
    time::{Period, SystemClock},
};
use std::{future::Future, io::ErrorKind, path::Path};

/// How long one attempt to log in may take.
pub(super) const CONNECT_TIMEOUT: Period = Period::from_secs(15);

/// Waiting for less is not worth a word.
const WORTH_TELLING: Period = Period::from_secs(10);

/// The pause between two attempts.
const PAUSE: Period = Period::from_secs(1);

/// Tries again while the fault is one that passes, at most for `patience`.
pub(super) async fn with_patience<T, F: Future<Output = Result<T, Fault>>>(
    patience: Period,
    attempt: impl Fn() -> F,
) -> Result<T, Fault> {
    let started = SystemClock::read().monotonic;
    let mut told = false;
    loop {
        let fault = match attempt().await {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        let waited: Period = SystemClock::read().monotonic.saturating_sub(started).into();
        if fault.class != FaultClass::Transient || waited >= patience {
            return Err(fault);
        }
        // A person who mistyped the port should not wonder at the silence.
        if !told && patience >= WORTH_TELLING {
            tracing::warn!("{}; trying again for {}", fault.message, patience.human());
            told = true;
        }
        tokio::time::sleep(PAUSE.to_std()).await;
    }
}

/// The words of a login that failed for its password.
pub(super) const CHECK_PASSWORD: &str = "check the password of";

/// Whether a login failed for its password: one that was just set on a managed instance takes minutes to work.
pub fn blames_password(fault: &Fault) -> bool {
    fault.message.contains(CHECK_PASSWORD)
}

pub(super) fn no_answer(place: &str) -> Fault {
    Fault::new(
        FaultClass::Transient,
        format!(
            "{place} did not answer within {}: a firewall or security group may drop the packets, or the address is wrong",
            CONNECT_TIMEOUT.human()
        ),
    )
}

pub(super) fn unreadable_ca(ca: &Path, error: &std::io::Error) -> Fault {
    Fault::new(
        FaultClass::Surroundings,
        format!("the certificates of `ca`, {}, can't be read: {error}", ca.display()),
    )
}

/// What an error that does not come from the database itself means.
pub(super) fn of_connecting(error: &sqlx::Error, login: &Login) -> Fault {
    let place = login.place();
    let fault = |class, what: String| Fault::new(class, what);
    match error {
        // The handshake's own errors come wrapped as errors of the stream.
        sqlx::Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            of_tls(&io.to_string(), &place)
        }
        sqlx::Error::Tls(tls) => of_tls(&tls.to_string(), &place),
        sqlx::Error::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused => fault(
                FaultClass::Transient,
                format!("nothing listens at {place}: is the server up, and is the port right?"),
            ),
            ErrorKind::NotFound if login.host.starts_with('/') => {
                fault(FaultClass::Transient, format!("there is no socket at {place}: is the server up?"))
            }
            ErrorKind::PermissionDenied => {
                fault(FaultClass::Surroundings, format!("{place} may not be opened: {io}"))
            }
            ErrorKind::TimedOut => no_answer(&place),
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof
            | ErrorKind::BrokenPipe => fault(
                FaultClass::Transient,
                format!(
                    "{place} ended the connection at once: it may be starting, or want {}",
                    other_tls(login.tls)
                ),
            ),
            _ if io.to_string().contains("lookup") => fault(
                FaultClass::Surroundings,
                format!(
                    "the host name of {place} is not known: {io}; check it, and the resolver of this machine"
                ),
            ),
            _ => fault(FaultClass::Surroundings, format!("{place} can't be reached: {io}")),
        },
        sqlx::Error::Configuration(why) => {
            fault(FaultClass::Surroundings, format!("{place} can't be logged in to: {why}"))
        }
        other => fault(FaultClass::Surroundings, format!("{place} can't be logged in to: {other}")),
    }
}

fn of_tls(text: &str, place: &str) -> Fault {
    // An authority of the same name with another key shows as a bad signature.
    let help = if ["UnknownIssuer", "unknown issuer", "BadSignature"].iter().any(|word| text.contains(word)) {
        "its certificate is signed by an authority that is not trusted here: give the authority's certificate as `ca` (for RDS: the region's bundle)"
    } else if text.contains("NotValidForName") || text.contains("not valid for name") {
        "its certificate is for another host name: use the name in the certificate, or `tls: verify-ca` through a tunnel"
    } else if text.contains("Expired") || text.contains("expired") {
        "its certificate has expired"
    } else if text.contains("does not support") || text.contains("server does not") {
        "the server offers no TLS: turn it on there, or say `tls: disable`"
    } else {
        "`tls` says how the connection is secured, `ca` whom to trust"
    };
    Fault::new(FaultClass::Surroundings, format!("TLS with {place} failed: {text}; {help}"))
}

fn other_tls(tls: Tls) -> &'static str {
    match tls {
        Tls::Disable => "TLS",
        _ => "no TLS",
    }
}

/// A message without what stands in quotes, where that may be data.
pub(super) fn without_data(message: &str, may_hold_data: bool) -> String {
    if !may_hold_data {
        return message.lines().next().unwrap_or_default().to_owned();
    }
    let mut text = String::new();
    let mut quoted: Option<char> = None;
    for c in message.lines().next().unwrap_or_default().chars() {
        match quoted {
            Some(end) if c == end => {
                text.push(c);
                quoted = None;
            }
            Some(_) => {}
            None => {
                text.push(c);
                if matches!(c, '"' | '\'') {
                    text.push('…');
                    quoted = Some(c);
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_in_quotes_is_left_out() {
        let message = "invalid input syntax for type integer: \"ada@example.org\"\nDETAIL: x";
        assert_eq!(without_data(message, true), "invalid input syntax for type integer: \"…\"");
        assert_eq!(
            without_data("relation \"orders\" does not exist", false),
            "relation \"orders\" does not exist"
        );
        assert_eq!(without_data("value 'a", true), "value '…");
    }
}
