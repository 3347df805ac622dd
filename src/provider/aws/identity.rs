//! Whose account the credentials are: asked of AWS itself before anything is believed or done.
//!
//! Neither an environment variable nor a profile's name is proof. It is asked on the first use of a connection in a process,
//! which is again on every resume, and anew every few minutes: credentials can be exchanged under a running process.

use super::{
    client::Connection,
    errors::{Call, Kind, Problem},
};
use crate::{
    drill::{Fault, FaultClass},
    time::{Period, SystemClock},
};
use aws_config::SdkConfig;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long an answer is believed.
const BELIEVED: Period = Period::from_secs(300);

/// Who the credentials of a connection are.
pub(super) struct Identity {
    sts: aws_sdk_sts::Client,
    wanted: String,
    known: Mutex<Option<Known>>,
}

struct Known {
    at: Duration,
    arn: String,
}

impl Identity {
    pub(super) fn new(sdk: &SdkConfig, account: &str) -> Self {
        Self { sts: aws_sdk_sts::Client::new(sdk), wanted: account.to_owned(), known: Mutex::default() }
    }

    /// Makes sure that the credentials are of the account that is meant.
    pub(super) async fn confirm(&self, connection: &Connection) -> Result<(), Problem> {
        let mut known = self.known.lock().await;
        let now = SystemClock::read().monotonic;
        if known.as_ref().is_some_and(|known| now.saturating_sub(known.at) < BELIEVED.to_std()) {
            return Ok(());
        }
        *known = None;
        let call = Call { service: "sts", operation: "GetCallerIdentity", region: &connection.region };
        let answer = self.sts.get_caller_identity().send().await.map_err(|error| call.problem(error))?;
        judge(&self.wanted, answer.account(), answer.arn())?;
        *known = Some(Known { at: now, arn: answer.arn().unwrap_or_default().to_owned() });
        Ok(())
    }

    /// The caller's ARN, once confirmed.
    pub(super) async fn arn(&self) -> Option<String> {
        self.known.lock().await.as_ref().map(|known| known.arn.clone())
    }
}

fn judge(wanted: &str, account: Option<&str>, arn: Option<&str>) -> Result<(), Problem> {
    let who = arn.unwrap_or("a caller without a name");
    let fault = match account {
        Some(account) if account == wanted => return Ok(()),
        Some(account) => format!(
            "the credentials are of {who} in account {account}, and the scratch account is {wanted}: nothing is done. \
             Use a profile of that account, or name its `role` under `[scratch] aws` in firedrill.toml"
        ),
        None => format!("AWS does not tell the account of {who}: nothing is done"),
    };
    Err(Problem { kind: Kind::Other, fault: Fault::new(FaultClass::Refused, fault) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scratch_account_is_taken() {
        assert!(judge("210987654321", Some("210987654321"), None).is_ok());
        let arn = Some("arn:aws:iam::123456789012:user/ada");
        let problem = judge("210987654321", Some("123456789012"), arn).expect_err("another account");
        assert_eq!(problem.fault.class, FaultClass::Refused);
        assert!(problem.fault.message.contains("123456789012"), "{}", problem.fault);
        assert!(judge("210987654321", None, None).is_err());
    }
}
