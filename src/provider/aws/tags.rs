//! What makes a resource of AWS firedrill's: the claim, as tags on it.
//!
//! | tag | what it holds |
//! | --- | --- |
//! | `firedrill:run` | the run |
//! | `firedrill:claim` | the claim's name within the run, `step/attempt/kind` |
//! | `firedrill:step`, `firedrill:attempt` | for people and bills |
//! | `firedrill:source` | which provider made it |
//! | `firedrill:expires` | past this moment it may be removed, whatever became of the run |
//!
//! They are put on by the very call that makes the resource: there is no moment at which it has none.

use crate::{
    drill::{Claim, Link, Scope},
    ids::{ClaimId, RunId, StepId},
    playbook::SourceKind,
    ports::Owned,
    time::{Period, Timestamp},
};

/// The run.
pub(super) const RUN: &str = "firedrill:run";
/// The claim.
pub(super) const CLAIM: &str = "firedrill:claim";
/// The step.
pub(super) const STEP: &str = "firedrill:step";
/// Its attempt.
pub(super) const ATTEMPT: &str = "firedrill:attempt";
/// The provider.
pub(super) const SOURCE: &str = "firedrill:source";
/// When it expires.
pub(super) const EXPIRES: &str = "firedrill:expires";

/// Keys and values, as a resource bears them.
pub(super) type Tags = Vec<(String, String)>;

/// What a claim's resource bears.
pub(super) fn of(claim: &Claim) -> Tags {
    [
        (RUN, claim.run.to_string()),
        (CLAIM, claim.id.as_str().to_owned()),
        (STEP, claim.step.as_str().to_owned()),
        (ATTEMPT, claim.attempt.to_string()),
        (SOURCE, claim.source.key().to_owned()),
        (EXPIRES, claim.expires.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The value of a tag.
pub(super) fn value<'a>(tags: &'a Tags, key: &str) -> Option<&'a str> {
    tags.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
}

/// Whether a resource is this claim's by its tags; `Err`: whose it is instead.
pub(super) fn belongs_to(tags: &Tags, claim: &Claim) -> Result<(), String> {
    are_of(tags, claim.run, claim.id.as_str())
}

/// Whether tags name that claim of that run; `Err`: what they name instead.
pub(super) fn are_of(tags: &Tags, run: RunId, claim: &str) -> Result<(), String> {
    match (value(tags, RUN), value(tags, CLAIM)) {
        (Some(own), Some(id)) if own == run.to_string() && id == claim => Ok(()),
        (Some(own), Some(id)) => {
            Err(format!("its tags say claim {id} of run {own}, not {claim} of run {run}"))
        }
        _ => Err(format!(
            "it lacks the tags {RUN} and {CLAIM}, so firedrill did not make it, or someone took them off"
        )),
    }
}

/// What the tags of a resource say of the claim that made it; none: firedrill did not make it.
pub(super) fn owned(tags: &Tags, source: SourceKind, scope: &Scope, name: &str) -> Option<Owned> {
    let run: RunId = value(tags, RUN)?.parse().ok()?;
    let id: ClaimId = value(tags, CLAIM)?.parse().ok()?;
    if value(tags, SOURCE)? != source.key() {
        return None;
    }
    let mut parts = id.as_str().splitn(3, '/');
    let step: StepId = parts.next()?.parse().ok()?;
    let attempt = parts.next()?.parse().ok()?;
    let kind = parts.next()?.to_owned();
    let expires: Timestamp = value(tags, EXPIRES)?.parse().ok()?;
    let link = Link {
        kind,
        scope: scope.clone(),
        name: name.to_owned(),
        params: Default::default(),
        settle: Period::ZERO,
    };
    Some(Owned { run, claim: Claim { id, run, step, attempt, source, link, expires } })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A claim of a step `orders-db`.
    pub(in super::super) fn claim(kind: &str, name: &str) -> Claim {
        let step: StepId = "orders-db".parse().expect("a label");
        Claim {
            id: ClaimId::new(&step, 1, kind),
            run: RunId::new(Timestamp::from_millis(1_795_424_400_000), [7; 10]),
            step,
            attempt: 1,
            source: SourceKind::Rds,
            link: Link {
                kind: kind.to_owned(),
                scope: Scope::Aws { account: "210987654321".to_owned(), region: "eu-central-1".to_owned() },
                name: name.to_owned(),
                params: Default::default(),
                settle: Period::from_secs(60),
            },
            expires: Timestamp::from_millis(1_795_510_800_000),
        }
    }

    #[test]
    fn what_is_put_on_is_read_back() {
        let claim = claim("instance", "fd-07070707-orders-db-1");
        let tags = of(&claim);
        assert_eq!(belongs_to(&tags, &claim), Ok(()));
        let found = owned(&tags, SourceKind::Rds, &claim.link.scope, &claim.link.name).expect("ours");
        assert_eq!((found.run, &found.claim.id, found.claim.expires), (claim.run, &claim.id, claim.expires));
        assert_eq!(found.claim.link.kind, "instance");
        assert!(owned(&tags, SourceKind::Aurora, &claim.link.scope, "x").is_none());
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:/=+-@ ".contains(c);
        for (key, value) in tags {
            assert!(key.len() <= 128 && value.len() <= 256 && value.chars().all(allowed), "{key}={value}");
        }
    }

    #[test]
    fn another_run_another_claim_and_no_tags_are_not_ours() {
        let claim = claim("instance", "fd-07070707-orders-db-1");
        let with = |key: &str, other: &str| {
            let mut tags = of(&claim);
            tags.iter_mut().filter(|(own, _)| own == key).for_each(|(_, value)| *value = other.to_owned());
            belongs_to(&tags, &claim)
        };
        assert!(with(RUN, "01930000-0000-7000-8000-000000000000").is_err());
        assert!(with(CLAIM, "orders-db/2/instance").is_err());
        let mut stripped = of(&claim);
        stripped.retain(|(key, _)| key != RUN);
        assert!(belongs_to(&stripped, &claim).expect_err("stripped").contains("lacks the tags"));
        assert!(belongs_to(&Vec::new(), &claim).is_err());
    }
}
