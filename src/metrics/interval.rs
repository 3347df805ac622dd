//! Arithmetic on stretches of time: joined, cut and taken away, so that nothing is counted twice.

use crate::time::{Period, Timestamp};
use serde::Serialize;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Interval {
    /// Its first moment.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Interval {
    /// From one moment to another; empty where the end is not after the beginning.
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to: to.max(from) }
    }

    /// How long it is.
    pub fn length(self) -> Period {
        self.to.since(self.from)
    }

    fn and(self, other: Interval) -> Option<Interval> {
        let both = Interval { from: self.from.max(other.from), to: self.to.min(other.to) };
        (both.from < both.to).then_some(both)
    }
}

/// The same time, without overlaps, in order.
pub(crate) fn union(intervals: impl IntoIterator<Item = Interval>) -> Vec<Interval> {
    let mut sorted: Vec<_> = intervals.into_iter().filter(|i| i.from < i.to).collect();
    sorted.sort();
    let mut joined: Vec<Interval> = Vec::new();
    for next in sorted {
        match joined.last_mut() {
            Some(last) if next.from <= last.to => last.to = last.to.max(next.to),
            _ => joined.push(next),
        }
    }
    joined
}

/// What is in both.
pub(crate) fn overlap(these: &[Interval], those: &[Interval]) -> Vec<Interval> {
    union(these.iter().flat_map(|this| those.iter().filter_map(|that| this.and(*that))))
}

/// What is in the first and not in the second.
pub(crate) fn without(these: &[Interval], those: &[Interval]) -> Vec<Interval> {
    let holes = union(those.iter().copied());
    let mut rest = Vec::new();
    for mut piece in union(these.iter().copied()) {
        for hole in &holes {
            if hole.to <= piece.from || hole.from >= piece.to {
                continue;
            }
            if piece.from < hole.from {
                rest.push(Interval::new(piece.from, hole.from));
            }
            piece.from = hole.to.min(piece.to);
        }
        if piece.from < piece.to {
            rest.push(piece);
        }
    }
    rest
}

/// How long they are together, nothing counted twice.
pub(crate) fn total(intervals: &[Interval]) -> Period {
    union(intervals.iter().copied()).into_iter().fold(Period::ZERO, |sum, i| sum + i.length())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(from: i64, to: i64) -> Interval {
        Interval::new(Timestamp::from_millis(from), Timestamp::from_millis(to))
    }

    #[test]
    fn overlapping_stretches_are_counted_once() {
        assert_eq!(union([at(5, 9), at(0, 3), at(2, 6)]), [at(0, 9)]);
        assert_eq!(total(&[at(0, 10), at(5, 15), at(20, 21)]).as_millis(), 16);
    }

    #[test]
    fn what_is_taken_away_leaves_the_rest() {
        assert_eq!(without(&[at(0, 10)], &[at(2, 4), at(8, 20)]), [at(0, 2), at(4, 8)]);
        assert_eq!(without(&[at(0, 10)], &[at(0, 10)]), []);
        assert_eq!(overlap(&[at(0, 4), at(6, 9)], &[at(3, 7)]), [at(3, 4), at(6, 7)]);
    }

    #[test]
    fn an_end_before_its_beginning_is_empty() {
        assert_eq!(at(9, 3).length(), Period::ZERO);
    }
}
