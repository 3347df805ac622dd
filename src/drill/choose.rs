//! Which recovery point: the same rules for every source.

use super::{Candidate, Fault, FaultClass, MAX_CONSIDERED, RecoveryPoint, retry::mix};
use crate::{
    playbook::Selector,
    time::{Period, Timestamp},
};

/// A point may lie this far in the future of the declaration: clocks differ. Beyond it, it is not believed.
pub const CLOCK_SKEW: Period = Period::from_secs(300);

/// The [`time_source`](RecoveryPoint::time_source) of a moment that continuous backup can restore. A provider lists such
/// points only where the selector asks for one.
pub const CONTINUOUS: &str = "continuous backup";

/// What was chosen, from what, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The point.
    pub point: RecoveryPoint,
    /// What there was, newest first, at most [`MAX_CONSIDERED`], the chosen one always among them.
    pub considered: Vec<Candidate>,
    /// How many there were.
    pub total: u64,
    /// Why this one.
    pub because: String,
}

/// Chooses among `candidates` for a run declared at `declared`. Equal moments are ordered by id, the greatest first.
pub fn choose(
    wish: &Selector,
    max_age: Option<Period>,
    mut candidates: Vec<Candidate>,
    declared: Timestamp,
    seed: u64,
) -> Result<Choice, Fault> {
    for candidate in &mut candidates {
        if candidate.unfit.is_none() && candidate.point.time > declared + CLOCK_SKEW {
            candidate.unfit = Some(format!("its time {} lies in the future", candidate.point.time.human()));
        }
    }
    candidates.sort_by(|a, b| (b.point.time, &b.point.id).cmp(&(a.point.time, &a.point.id)));
    let (at, because) = pick(wish, &candidates, declared, seed)?;
    let point = candidates[at].point.clone();
    let age = declared.since(point.time);
    if let Some(max_age) = max_age.filter(|max_age| age > *max_age) {
        return Err(fault(format!(
            "the recovery point `{}` of {} is {} old, more than max_age {max_age}; the backups may have stopped",
            point.id,
            point.time.human(),
            age.human()
        )));
    }
    let total = candidates.len() as u64;
    if at >= MAX_CONSIDERED {
        candidates.swap(MAX_CONSIDERED - 1, at);
    }
    candidates.truncate(MAX_CONSIDERED);
    Ok(Choice { point, considered: candidates, total, because })
}

fn fault(message: String) -> Fault {
    Fault::new(FaultClass::Permanent, message)
}

fn pick(
    wish: &Selector,
    all: &[Candidate],
    declared: Timestamp,
    seed: u64,
) -> Result<(usize, String), Fault> {
    let fit = || all.iter().enumerate().filter(|(_, candidate)| candidate.unfit.is_none());
    let none = |what: &str| {
        let unfit = all.iter().find_map(|c| c.unfit.as_ref().map(|why| format!("`{}`: {why}", c.point.id)));
        match unfit {
            Some(why) => {
                fault(format!("no recovery point {what}: of {} found, none fits, such as {why}", all.len()))
            }
            None if all.is_empty() => fault(format!("no recovery point {what}: none was found at all")),
            None => fault(format!("no recovery point {what}: {} were found, all others", all.len())),
        }
    };
    let of = |count: usize| if count == 1 { "the only one".to_owned() } else { format!("of {count}") };
    match wish {
        Selector::Latest => {
            let (at, _) = fit().next().ok_or_else(|| none("can be restored"))?;
            let passed_over = at;
            let mut because = format!("the newest, {}", of(fit().count()));
            if passed_over > 0 {
                because += &format!("; {passed_over} newer could not be taken");
            }
            Ok((at, because))
        }
        Selector::Id(id) => {
            let at = all.iter().position(|candidate| &candidate.point.id == id);
            let at = at.ok_or_else(|| none(&format!("has the id `{id}`")))?;
            match &all[at].unfit {
                Some(why) => Err(fault(format!("recovery point `{id}` can't be restored: {why}"))),
                None => Ok((at, "asked for by its id".to_owned())),
            }
        }
        Selector::Before(moment) => {
            let found = fit().find(|(_, candidate)| candidate.point.time <= *moment);
            let (at, _) = found.ok_or_else(|| none(&format!("is from {} or before", moment.human())))?;
            Ok((at, format!("the newest at or before {}", moment.human())))
        }
        Selector::RandomWithin(period) => {
            let within: Vec<_> = fit().filter(|(_, c)| declared.since(c.point.time) <= *period).collect();
            if within.is_empty() {
                return Err(none(&format!("is from the last {period}")));
            }
            let drawn = usize::try_from(mix(seed) % within.len() as u64).unwrap_or(0);
            Ok((within[drawn].0, format!("drawn at random among {} of the last {period}, seed {seed}", within.len())))
        }
        Selector::PointInTimeLatest | Selector::PointInTime(_)
            if !all.iter().any(|candidate| candidate.point.time_source == CONTINUOUS) =>
        {
            Err(fault("this source has no continuous backup to restore a point in time from; choose `latest`, an id or `before`".to_owned()))
        }
        Selector::PointInTimeLatest => {
            let found = fit().find(|(_, candidate)| candidate.point.time_source == CONTINUOUS);
            let (at, _) = found.ok_or_else(|| none("can be restored from continuous backup"))?;
            Ok((at, "the latest moment that continuous backup can restore".to_owned()))
        }
        Selector::PointInTime(moment) => {
            let point = |candidate: &Candidate| {
                candidate.point.time_source == CONTINUOUS && candidate.point.time == *moment
            };
            let found = fit().find(|(_, candidate)| point(candidate));
            let (at, _) = found.ok_or_else(|| none(&format!("holds the moment {}", moment.human())))?;
            Ok((at, "asked for by its moment, from continuous backup".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + hours * 3_600_000)
    }

    fn candidate(id: &str, hours: i64, unfit: Option<&str>) -> Candidate {
        let point = RecoveryPoint {
            id: id.to_owned(),
            time: at(hours),
            time_source: "file name".to_owned(),
            location: None,
            bytes: None,
            encrypted: None,
            details: Default::default(),
        };
        Candidate { point, unfit: unfit.map(str::to_owned) }
    }

    fn pick_of(wish: &Selector, max_age: Option<Period>, all: Vec<Candidate>) -> Result<String, String> {
        choose(wish, max_age, all, at(0), 7).map(|choice| choice.point.id).map_err(|fault| fault.message)
    }

    #[test]
    fn the_newest_that_fits_is_taken() {
        let all = vec![
            candidate("old", -30, None),
            candidate("new", -2, None),
            candidate("bad", -1, Some("empty")),
        ];
        assert_eq!(pick_of(&Selector::Latest, None, all.clone()), Ok("new".to_owned()));
        assert_eq!(pick_of(&Selector::Before(at(-10)), None, all.clone()), Ok("old".to_owned()));
        let id = Selector::Id("bad".to_owned());
        assert!(pick_of(&id, None, all).expect_err("unfit").contains("empty"));
    }

    #[test]
    fn a_backup_from_the_future_is_not_believed() {
        let all = vec![candidate("future", 3, None), candidate("now", 0, None)];
        assert_eq!(pick_of(&Selector::Latest, None, all), Ok("now".to_owned()));
    }

    #[test]
    fn too_old_fails_and_says_so() {
        let why =
            pick_of(&Selector::Latest, Some(Period::from_secs(3600)), vec![candidate("old", -30, None)]);
        assert!(why.expect_err("too old").contains("1d 06h old, more than max_age 1h"));
        let none = pick_of(&Selector::Latest, None, Vec::new()).expect_err("nothing");
        assert!(none.contains("none was found at all"), "{none}");
    }

    #[test]
    fn a_moment_is_taken_from_continuous_backup_alone() {
        let mut moment = candidate("db@-3", -3, None);
        moment.point.time_source = CONTINUOUS.to_owned();
        let snapshot = candidate("snapshot", -3, None);
        let wish = Selector::PointInTime(at(-3));
        assert_eq!(pick_of(&wish, None, vec![snapshot.clone(), moment.clone()]), Ok("db@-3".to_owned()));
        let latest = Selector::PointInTimeLatest;
        assert_eq!(
            pick_of(&latest, None, vec![candidate("newer", -1, None), moment.clone()]),
            Ok("db@-3".to_owned())
        );
        let none = pick_of(&latest, None, vec![snapshot]).expect_err("no continuous backup");
        assert!(none.contains("no continuous backup"), "{none}");
        moment.unfit = Some("before the window begins".to_owned());
        let none = pick_of(&wish, None, vec![moment]).expect_err("outside the window");
        assert!(none.contains("before the window begins"), "{none}");
    }

    #[test]
    fn ties_are_ordered_by_id() {
        let all = vec![candidate("a", -1, None), candidate("b", -1, None)];
        assert_eq!(pick_of(&Selector::Latest, None, all), Ok("b".to_owned()));
    }

    #[test]
    fn a_random_one_lies_within_and_depends_on_the_seed_alone() {
        let all: Vec<_> = (0..60).map(|day| candidate(&format!("p{day:02}"), -24 * day, None)).collect();
        let wish = Selector::RandomWithin(Period::from_secs(30 * 86_400));
        let drawn: Vec<_> = (0..200)
            .map(|seed| choose(&wish, None, all.clone(), at(0), seed).expect("some fit").point.id)
            .collect();
        assert!(drawn.iter().all(|id| id.as_str() <= "p30"));
        let distinct: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert!(distinct.len() > 20, "only {}", distinct.len());
        assert_eq!(choose(&wish, None, all.clone(), at(0), 5), choose(&wish, None, all, at(0), 5));
    }

    #[test]
    fn the_chosen_one_is_always_among_those_listed() {
        let all: Vec<_> = (0..60).map(|hour| candidate(&format!("p{hour:02}"), -hour, None)).collect();
        let choice = choose(&Selector::Before(at(-50)), None, all, at(0), 1).expect("fits");
        assert_eq!((choice.considered.len(), choice.total), (MAX_CONSIDERED, 60));
        assert!(choice.considered.iter().any(|candidate| candidate.point == choice.point));
    }
}
