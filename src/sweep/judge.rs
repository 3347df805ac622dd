//! Whether something is left behind: from its mark, what the journal says of its run, and the moment alone.

use crate::{
    drill::Claim,
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};

/// What this journal does not know is left alone for so long: the run of another firedrill may be alive.
pub const YOUNG: Period = Period::from_secs(24 * 3600);

/// What is to become of a thing, or became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its run is alive or can be resumed: that run removes it.
    Kept,
    /// It would be left behind, but is young.
    Young,
    /// It can't be told whether it may be removed; it is kept.
    Doubtful,
    /// It is left behind, and may be removed.
    LeftBehind,
    /// It was removed and observed absent.
    Removed,
    /// It could not be removed, or it can't be seen whether it was.
    StillThere,
}

/// What the journal says of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// Nothing.
    Unknown,
    /// A live process drives it.
    Driven(String),
    /// It is not finished, and nobody drives it. With the claims that it journaled.
    Resumable(Vec<Claim>),
    /// It is over. With the claims that it journaled, in order.
    Finished(Vec<Claim>),
    /// It can't be read.
    Unreadable(String),
}

/// How a claim stands whose mark was found at `now`.
pub(super) fn judge(claim: &Claim, run: &Run, now: Timestamp, min_age: Option<Period>) -> (Standing, String) {
    let over = now >= claim.expires;
    let short = claim.run.short();
    let past = format!("its time was over at {}", claim.expires.human());
    let (claims, because) = match run {
        Run::Driven(holder) => {
            let late = if over { format!("; {past}") } else { String::new() };
            return (Standing::Kept, format!("its run is being driven by {holder}{late}"));
        }
        Run::Unreadable(why) => {
            return (Standing::Doubtful, format!("what the journal holds of its run can't be read: {why}"));
        }
        Run::Resumable(_) if !over => {
            let how = format!("its run is not over: `firedrill resume {short}` goes on, and removes it");
            return (Standing::Kept, how);
        }
        Run::Resumable(claims) => (Some(claims), format!("{past}, and nobody drives its run")),
        Run::Finished(claims) => (Some(claims), "its run is over".to_owned()),
        Run::Unknown if over => (None, format!("this journal knows nothing of its run, and {past}")),
        Run::Unknown => (None, "this journal knows nothing of its run".to_owned()),
    };
    if let Some(claims) = claims
        && let Some(doubt) = differs(claim, claims)
    {
        return (Standing::Doubtful, format!("{because}, but {doubt}"));
    }
    let age = claim.run.declared().map(|declared| now.since(declared));
    let least = match (min_age, run) {
        (Some(least), _) => least,
        (None, Run::Unknown) if !over => YOUNG,
        (None, _) => Period::ZERO,
    };
    if age.unwrap_or_default() < least {
        let other = match run {
            Run::Unknown if !over => "; another firedrill may drive it",
            _ => "",
        };
        let how = format!("{because}{other}; it is younger than {least} (`--min-age` says otherwise)");
        return (Standing::Young, how);
    }
    (Standing::LeftBehind, because)
}

/// Why a mark is not that of a claim that its run journaled.
fn differs(marked: &Claim, journaled: &[Claim]) -> Option<String> {
    let Some(claim) = journaled.iter().find(|claim| claim.id == marked.id) else {
        return Some(format!("that run never meant to make {}", marked.id));
    };
    let what = if claim.source != marked.source {
        "another source"
    } else if claim.link.kind != marked.link.kind || claim.link.name != marked.link.name {
        "another name"
    } else if claim.link.scope != marked.link.scope {
        "another place"
    } else {
        return None;
    };
    Some(format!("the journal has {what} for {}: `{}` in {}", marked.id, claim.link.name, claim.link.scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drill::{Link, Scope},
        ids::{ClaimId, RunId, StepId},
        playbook::SourceKind,
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + hours * 3_600_000)
    }

    /// Of a run that was declared at hour 0 and whose time is over at hour 26.
    fn claim() -> Claim {
        let step: StepId = "db".parse().expect("a step");
        Claim {
            id: ClaimId::new(&step, 1, "folder"),
            run: RunId::new(at(0), [7; 10]),
            step,
            attempt: 1,
            source: SourceKind::Sqlite,
            link: Link {
                kind: "folder".to_owned(),
                scope: Scope::Folder("/scratch".to_owned()),
                name: "fd-07070707-db-1".to_owned(),
                params: Default::default(),
                settle: Period::ZERO,
            },
            expires: at(26),
        }
    }

    fn of(run: &Run, hours: i64, min_age: Option<Period>) -> Standing {
        judge(&claim(), run, at(hours), min_age).0
    }

    #[test]
    fn a_live_run_is_never_touched() {
        let run = Run::Driven("anna@drill".to_owned());
        for hours in [0, 25, 26, 10_000] {
            assert_eq!(of(&run, hours, Some(Period::ZERO)), Standing::Kept, "{hours}");
        }
    }

    #[test]
    fn a_run_to_be_resumed_is_kept_until_its_time_is_over() {
        let run = Run::Resumable(vec![claim()]);
        assert_eq!(of(&run, 25, Some(Period::ZERO)), Standing::Kept);
        assert_eq!(of(&run, 26, None), Standing::LeftBehind);
    }

    #[test]
    fn what_a_finished_run_made_is_left_behind_and_nothing_else() {
        assert_eq!(of(&Run::Finished(vec![claim()]), 0, None), Standing::LeftBehind);
        assert_eq!(of(&Run::Finished(Vec::new()), 100, None), Standing::Doubtful);
        let changes: [fn(&mut Claim); 4] = [
            |claim| claim.link.name = "fd-07070707-other-1".to_owned(),
            |claim| claim.link.scope = Scope::Folder("/elsewhere".to_owned()),
            |claim| claim.source = SourceKind::Command,
            |claim| claim.link.kind = "instance".to_owned(),
        ];
        for change in changes {
            let mut journaled = claim();
            change(&mut journaled);
            for run in [Run::Finished(vec![journaled.clone()]), Run::Resumable(vec![journaled.clone()])] {
                assert_eq!(of(&run, 100, None), Standing::Doubtful, "{run:?}");
            }
        }
    }

    #[test]
    fn what_this_journal_does_not_know_may_be_anothers() {
        assert_eq!(of(&Run::Unknown, 23, None), Standing::Young);
        assert_eq!(of(&Run::Unknown, 24, None), Standing::LeftBehind);
        assert_eq!(of(&Run::Unknown, 1, Some(Period::from_secs(3600))), Standing::LeftBehind);
        let mut soon = claim();
        soon.expires = at(2);
        assert_eq!(judge(&soon, &Run::Unknown, at(3), None).0, Standing::LeftBehind);
        assert_eq!(judge(&soon, &Run::Unknown, at(3), Some(YOUNG)).0, Standing::Young);
        // An id that tells no moment is never old enough.
        let mut timeless = claim();
        timeless.run = "0198aaaa-0000-4000-8000-000000000000".parse().expect("an id");
        assert_eq!(judge(&timeless, &Run::Unknown, at(25), None).0, Standing::Young);
        assert_eq!(judge(&timeless, &Run::Unknown, at(26), None).0, Standing::LeftBehind);
    }

    #[test]
    fn what_can_not_be_read_is_in_doubt() {
        let run = Run::Unreadable("damaged".to_owned());
        assert_eq!(of(&run, 1000, Some(Period::ZERO)), Standing::Doubtful);
    }
}
