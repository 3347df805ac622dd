//! What an error of AWS means, and what to do about it.
//!
//! | what happened | class |
//! | --- | --- |
//! | too many calls | throttled: later |
//! | 5xx, a lost connection, a resource in another state, no capacity just now | transient: again |
//! | no or expired credentials, no permission, a quota | surroundings: nothing is known about the backup |
//! | anything else | permanent |
//!
//! A message names service, operation, region, code and request id. What was sent is never repeated.

use crate::drill::{Fault, FaultClass};
use aws_sdk_rds::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use std::error::Error;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    pub(super) fault: Fault,
}

/// What can be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What was asked for is not there.
    NotFound,
    /// What was to be made is there already.
    Exists,
    /// The credentials have run out.
    Expired,
    /// It is not allowed.
    Denied,
    /// Another state is needed first.
    State,
    /// Too many calls.
    Throttled,
    /// The account may have no more of it.
    Quota,
    /// Anything else.
    Other,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        problem.fault
    }
}

/// Which call it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) region: &'a str,
}

impl<'a> Call<'a> {
    /// A call to RDS.
    pub(super) fn rds(operation: &'static str, region: &'a str) -> Self {
        Self { service: "rds", operation, region }
    }

    /// What its error means.
    pub(super) fn problem<E, R>(&self, error: SdkError<E, R>) -> Problem
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
        SdkError<E, R>: RequestId,
    {
        let id = error.request_id().map(str::to_owned);
        match &error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                self.answered(meta.code(), meta.message(), id.as_deref())
            }
            SdkError::ResponseError(_) => self.garbled(&error, id.as_deref()),
            SdkError::TimeoutError(_) => self.say(
                Kind::Other,
                FaultClass::Transient,
                "did not answer in time; whether it had an effect is not known",
                None,
            ),
            SdkError::DispatchFailure(failure) => {
                let why = chain(&error);
                self.not_sent(&why, failure.is_user())
            }
            _ => {
                let why = chain(&error);
                self.say(Kind::Other, FaultClass::Permanent, &format!("could not be asked: {why}"), None)
            }
        }
    }

    /// An answer that says no.
    pub(super) fn answered(&self, code: Option<&str>, message: Option<&str>, id: Option<&str>) -> Problem {
        let Some(code) = code else {
            return self.say(
                Kind::Other,
                FaultClass::Transient,
                "answered with an error that has no code",
                id,
            );
        };
        let (kind, class, help) = judge(code);
        let says = match message.map(|message| message.trim().trim_end_matches('.')) {
            Some(message) if !message.is_empty() => format!("says {code}: {}", without_newlines(message)),
            _ => format!("says {code}"),
        };
        let text = if help.is_empty() { says } else { format!("{says}; {help}") };
        self.say(kind, class, &text, id)
    }

    fn garbled(&self, error: &dyn Error, id: Option<&str>) -> Problem {
        // An answer that is cut off may have had its effect; asking again is safe, since every call can be made twice.
        let why = chain(error);
        self.say(
            Kind::Other,
            FaultClass::Transient,
            &format!("answered with something that can't be read ({why}); is the endpoint one of AWS?"),
            id,
        )
    }

    fn not_sent(&self, why: &str, user: bool) -> Problem {
        let credentials = ["credential", "Credential", "AssumeRole", "sso session", "token file"];
        if credentials.iter().any(|word| why.contains(word)) {
            return self.say(
                Kind::Expired,
                FaultClass::Surroundings,
                &format!(
                    "can't be asked without credentials ({why}); set a profile or AWS_ACCESS_KEY_ID, log in with `aws sso login`, or check `role` in firedrill.toml"
                ),
                None,
            );
        }
        let class = if user { FaultClass::Surroundings } else { FaultClass::Transient };
        self.say(
            Kind::Other,
            class,
            &format!(
                "can't be reached ({why}); check the network, a proxy, and AWS_ENDPOINT_URL if it is set"
            ),
            None,
        )
    }

    fn say(&self, kind: Kind, class: FaultClass, text: &str, id: Option<&str>) -> Problem {
        let Call { service, operation, region } = self;
        let id = id.map(|id| format!(" (request {id})")).unwrap_or_default();
        Problem { kind, fault: Fault::new(class, format!("{service} {operation} in {region} {text}{id}")) }
    }
}

fn judge(code: &str) -> (Kind, FaultClass, &'static str) {
    use FaultClass::{Permanent, Surroundings, Throttled, Transient};
    let bare = code.strip_suffix("Fault").unwrap_or(code);
    match bare {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "PriorRequestNotComplete"
        | "LimitExceededException"
        | "SlowDown" => (Kind::Throttled, Throttled, "firedrill calls less often now"),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => (
            Kind::Expired,
            Surroundings,
            "the credentials have run out: renew them, firedrill reads them anew",
        ),
        "RequestTimeTooSkewed" => (Kind::Other, Surroundings, "set this machine's clock"),
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "InvalidAccessKeyId"
        | "AuthFailure" => {
            (Kind::Denied, Surroundings, "check which credentials are in use: `aws sts get-caller-identity`")
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "AuthorizationNotFound" => {
            (Kind::Denied, Surroundings, "grant the action: docs/rds.md lists what a drill calls")
        }
        "OptInRequired" => (Kind::Denied, Surroundings, "turn the region on for this account"),
        "InsufficientDBInstanceCapacity"
        | "InsufficientStorageClusterCapacity"
        | "InsufficientDBClusterCapacity" => (
            Kind::Other,
            Transient,
            "AWS has none of this class to give there now: another `class`, or subnets in more zones, may help in a real disaster too",
        ),
        "KMSKeyNotAccessible" => (
            Kind::Other,
            Permanent,
            "the key must be in that region and enabled, and its policy must let the caller use it and create grants",
        ),
        "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "InternalServerError"
        | "InternalServiceError"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException" => (Kind::Other, Transient, ""),
        "NotImplemented" | "InvalidAction" | "UnknownOperationException" => {
            (Kind::Other, Permanent, "what answers there is not the RDS of AWS in full")
        }
        "DBSubnetGroupDoesNotCoverEnoughAZs" => {
            (Kind::Other, Permanent, "add a subnet in a second availability zone to the group")
        }
        "ResourceNotFoundException" => (Kind::NotFound, Permanent, ""),
        _ if bare.ends_with("NotFound") || bare.ends_with("NotFoundMessage") => {
            (Kind::NotFound, Permanent, "")
        }
        _ if bare.ends_with("AlreadyExists") => (Kind::Exists, Permanent, ""),
        _ if bare.contains("QuotaExceeded") || bare.contains("LimitExceeded") => (
            Kind::Quota,
            Surroundings,
            "raise the quota (Service Quotas), or remove what is not needed: `firedrill list` shows runs that are not over",
        ),
        _ if bare.starts_with("Invalid") && bare.ends_with("State") => (Kind::State, Transient, ""),
        _ => (Kind::Other, Permanent, ""),
    }
}

/// An error and its causes in words: never their debug forms, which hold whole requests and answers.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    without_newlines(&text)
}

fn without_newlines(text: &str) -> String {
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = short.char_indices().nth(600) {
        short.truncate(at);
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str) -> (Kind, FaultClass) {
        let problem = Call::rds("DescribeDBInstances", "eu-west-1").answered(Some(code), None, None);
        (problem.kind, problem.fault.class)
    }

    #[test]
    fn codes_are_told_apart() {
        use FaultClass::{Permanent, Surroundings, Throttled, Transient};
        for (code, kind, wanted) in [
            ("Throttling", Kind::Throttled, Throttled),
            ("RequestLimitExceeded", Kind::Throttled, Throttled),
            ("ExpiredToken", Kind::Expired, Surroundings),
            ("ExpiredTokenException", Kind::Expired, Surroundings),
            ("AccessDenied", Kind::Denied, Surroundings),
            ("InvalidClientTokenId", Kind::Denied, Surroundings),
            ("InstanceQuotaExceeded", Kind::Quota, Surroundings),
            ("SnapshotQuotaExceeded", Kind::Quota, Surroundings),
            ("StorageQuotaExceeded", Kind::Quota, Surroundings),
            ("InvalidDBInstanceState", Kind::State, Transient),
            ("InvalidDBInstanceStateFault", Kind::State, Transient),
            ("InvalidDBSnapshotState", Kind::State, Transient),
            ("DBInstanceNotFound", Kind::NotFound, Permanent),
            ("DBSubnetGroupNotFoundFault", Kind::NotFound, Permanent),
            ("DBInstanceAlreadyExists", Kind::Exists, Permanent),
            ("DBSnapshotAlreadyExists", Kind::Exists, Permanent),
            ("KMSKeyNotAccessibleFault", Kind::Other, Permanent),
            ("InvalidParameterValue", Kind::Other, Permanent),
            ("InternalFailure", Kind::Other, Transient),
            ("InsufficientDBInstanceCapacity", Kind::Other, Transient),
        ] {
            assert_eq!(class(code), (kind, wanted), "{code}");
        }
    }

    #[test]
    fn a_message_says_where_what_and_what_to_do() {
        let call = Call::rds("RestoreDBInstanceFromDBSnapshot", "eu-central-1");
        let problem = call.answered(Some("InstanceQuotaExceeded"), Some("40 of 40 in use.\n"), Some("7f"));
        let text = problem.fault.message;
        assert!(text.starts_with("rds RestoreDBInstanceFromDBSnapshot in eu-central-1 says"), "{text}");
        assert!(
            text.contains("40 of 40 in use; raise the quota") && text.ends_with("(request 7f)"),
            "{text}"
        );
    }

    #[test]
    fn missing_credentials_are_the_surroundings_fault() {
        let call = Call::rds("DescribeDBInstances", "eu-west-1");
        let problem = call.not_sent("no providers in chain provided credentials", false);
        assert_eq!((problem.kind, problem.fault.class), (Kind::Expired, FaultClass::Surroundings));
        let problem = call.not_sent("error trying to connect: tcp connect error", false);
        assert_eq!(problem.fault.class, FaultClass::Transient);
    }
}
