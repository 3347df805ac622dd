//! Whether a list may be gone by: the same configuration, the same places, and not long ago.

use super::{Found, Standing, Thing, list::Listed};
use crate::time::Period;

/// A list older than this is not what someone has just looked at.
const LIST_LIFE: Period = Period::from_secs(24 * 3600);

/// The list is not for what is there now: nothing was removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{list}: {why}; nothing was removed. `firedrill sweep` finds anew, and writes a new list")]
pub struct Refused {
    /// The list's file.
    pub list: String,
    /// What does not fit.
    pub why: String,
}

/// Whether a list may be gone by, given what was found just now.
pub(super) fn fits(list: &Listed, fresh: &Found) -> Result<(), Refused> {
    let refuse = |why: String| Err(Refused { list: list.file.display().to_string(), why });
    let old = &list.found;
    if old.config != fresh.config {
        return refuse("what firedrill.toml allows has changed since, or it is another one".to_owned());
    }
    if old.at > fresh.at || fresh.at.since(old.at) > LIST_LIFE {
        return refuse(format!("it is of {}, and a list is good for {LIST_LIFE}", old.at.human()));
    }
    for place in &old.places {
        let left =
            |thing: &&Thing| thing.claim.link.scope == place.scope && thing.standing == Standing::LeftBehind;
        if !old.things.iter().any(|thing| left(&thing)) {
            continue;
        }
        let now = fresh.places.iter().find(|now| now.scope == place.scope);
        match now {
            None => return refuse(format!("{} is on it, and is not scratch now", place.scope)),
            // It could not be looked at now, so nothing will be removed there.
            Some(now) if now.fault.is_some() => {}
            Some(now) if now.identity != place.identity => {
                let said = |identity: &Option<String>| {
                    identity.clone().unwrap_or_else(|| "nothing of itself".to_owned())
                };
                return refuse(format!(
                    "{} is another place now: it said `{}`, and says `{}`",
                    place.scope,
                    said(&place.identity),
                    said(&now.identity)
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drill::{Claim, Link, Outputs, Scope},
        ids::{ClaimId, Digest, RunId, StepId},
        playbook::SourceKind,
        sweep::{FORMAT, Place},
        time::Timestamp,
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + hours * 3_600_000)
    }

    fn found(hours: i64) -> Found {
        let scope = Scope::Aws { account: "210987654321".to_owned(), region: "eu-central-1".to_owned() };
        let step: StepId = "db".parse().expect("a step");
        let claim = Claim {
            id: ClaimId::new(&step, 1, "instance"),
            run: RunId::new(at(-100), [7; 10]),
            step,
            attempt: 1,
            source: SourceKind::Rds,
            link: Link {
                kind: "instance".to_owned(),
                scope: scope.clone(),
                name: "fd-07070707-db-1".to_owned(),
                params: Outputs::new(),
                settle: Period::ZERO,
            },
            expires: at(-70),
        };
        let thing =
            Thing { claim, declared: None, age: None, standing: Standing::LeftBehind, why: String::new() };
        let place = Place { scope, identity: Some("one".to_owned()), fault: None, passed_over: false };
        Found {
            format: FORMAT.to_owned(),
            at: at(hours),
            by: "anna@drill".to_owned(),
            config: Digest::of(b"config"),
            places: vec![place],
            things: vec![thing],
            unclear: Vec::new(),
        }
    }

    fn judged(change: impl FnOnce(&mut Found)) -> Result<(), String> {
        let mut fresh = found(1);
        change(&mut fresh);
        let list = Listed { file: "/data/sweep.json".into(), found: found(0) };
        fits(&list, &fresh).map_err(|refused| refused.why)
    }

    #[test]
    fn a_list_fits_what_it_was_made_of() {
        assert_eq!(judged(|_| ()), Ok(()));
    }

    #[test]
    fn a_list_of_other_places_is_refused() {
        let refused = |change: fn(&mut Found)| judged(change).expect_err("refused");
        let other = refused(|fresh| fresh.places[0].identity = Some("another".to_owned()));
        assert!(other.contains("it said `one`, and says `another`"), "{other}");
        assert!(refused(|fresh| fresh.places[0].identity = None).contains("nothing of itself"));
        let account = refused(|fresh| {
            fresh.places[0].scope =
                Scope::Aws { account: "123456789012".to_owned(), region: "eu-central-1".to_owned() };
        });
        assert!(
            account.contains("aws 210987654321/eu-central-1 is on it, and is not scratch now"),
            "{account}"
        );
        assert!(refused(|fresh| fresh.config = Digest::of(b"other")).contains("firedrill.toml"));
        assert!(refused(|fresh| fresh.at = at(25)).contains("a list is good for"));
        assert!(refused(|fresh| fresh.at = at(-1)).contains("a list is good for"));
    }
}
