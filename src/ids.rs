//! Names of things: runs, steps, claims, digests.
//!
//! Each is parsed once and can't be built otherwise, so code that takes a [`StepId`] needs no check of its own.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What was wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a valid {what}: {rule}")]
pub struct InvalidId {
    what: &'static str,
    given: String,
    rule: &'static str,
}

macro_rules! string_form {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
    };
}

/// A DNS label as RFC 1123 has it: 1 to 63 of `a-z`, `0-9` and `-`, not beginning or ending with `-`.
fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

const LABEL_RULE: &str = "use 1 to 63 of a-z, 0-9 and `-`, not beginning or ending with `-`";

/// The name of a playbook: a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaybookName(String);

impl PlaybookName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlaybookName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_dns_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId { what: "playbook name", given: text.to_owned(), rule: LABEL_RULE })
    }
}

/// The name of a step within its playbook: a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepId(String);

impl StepId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StepId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_dns_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId { what: "step id", given: text.to_owned(), rule: LABEL_RULE })
    }
}

string_form!(PlaybookName);
string_form!(StepId);
string_form!(ClaimId);

/// Names a claim within its run: `step/attempt/kind`. The same call made twice names the same claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimId(String);

impl ClaimId {
    /// The claim for link `kind` of the restore that `step` makes in its `attempt`.
    pub fn new(step: &StepId, attempt: u32, kind: &str) -> Self {
        Self(format!("{step}/{attempt}/{kind}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClaimId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut parts = text.splitn(3, '/');
        let whole = (|| {
            let step: StepId = parts.next()?.parse().ok()?;
            let attempt: u32 = parts.next()?.parse().ok()?;
            let kind = parts.next().filter(|kind| !kind.is_empty())?;
            Some(Self::new(&step, attempt, kind))
        })();
        whole.ok_or_else(|| InvalidId {
            what: "claim id",
            given: text.to_owned(),
            rule: "it reads step/attempt/kind",
        })
    }
}

/// One execution of a playbook: a UUIDv7 (RFC 9562), so that runs sort by the time they were declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// A new id from the moment of declaration and randomness given by the caller.
    pub fn new(at: crate::time::Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// When it was declared, by the id's own word; none where it is no UUIDv7.
    pub fn declared(&self) -> Option<crate::time::Timestamp> {
        let millis = i64::try_from(self.0.as_u128() >> 80).ok()?;
        (self.0.get_version_num() == 7).then(|| crate::time::Timestamp::from_millis(millis))
    }

    /// The last eight hexadecimal digits: random, short enough for resource names and for a person.
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl FromStr for RunId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        uuid::Uuid::parse_str(text).map(Self).map_err(|_| InvalidId {
            what: "run id",
            given: text.to_owned(),
            rule: "it is a UUID such as 019370a2-1111-7abc-8def-0123456789ab",
        })
    }
}

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// What the first entry of a chain names as the one before it.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// From the 32 bytes themselves.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong =
            || InvalidId { what: "digest", given: text.to_owned(), rule: "it is 64 hexadecimal digits" };
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_checked() {
        for good in ["a", "orders-db", "a1", "0"] {
            assert!(good.parse::<StepId>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &long] {
            assert!(bad.parse::<StepId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests_round_trip() {
        let digest = Digest::of(b"firedrill");
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        assert!("zz".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn claim_ids_round_trip() {
        let step: StepId = "orders-db".parse().expect("a label");
        let id = ClaimId::new(&step, 2, "folder");
        assert_eq!(id.as_str().parse::<ClaimId>(), Ok(id));
        assert!("orders-db/x/folder".parse::<ClaimId>().is_err());
    }
}
