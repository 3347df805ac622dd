//! How long a run will take, by those before it.

use super::RunSummary;
use crate::{
    drill::Verdict,
    time::{Period, Timestamp},
};
use serde::Serialize;

/// What earlier runs say of the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// How many runs it rests on: those that restored and proved all.
    pub runs: usize,
    /// From the declaration to the end of the cleanup: the median.
    pub whole: Period,
    /// The longest of them.
    pub longest: Period,
    /// Recovery time actual: the median.
    pub rta: Option<Period>,
    /// When the newest of them was declared.
    pub newest: Timestamp,
}

/// The estimate from runs of one playbook; none where no run went through.
pub fn estimate(runs: &[RunSummary]) -> Option<Estimate> {
    let through = |run: &&RunSummary| {
        run.finished.is_some() && matches!(run.verdict, Some(Verdict::Passed | Verdict::ObjectiveMissed))
    };
    let through: Vec<&RunSummary> = runs.iter().filter(through).collect();
    let whole: Vec<Period> = through.iter().map(|run| run.elapsed).collect();
    Some(Estimate {
        runs: through.len(),
        longest: whole.iter().copied().max()?,
        whole: median(whole)?,
        rta: median(through.iter().filter_map(|run| run.rta.actual).collect()),
        newest: through.iter().map(|run| run.declared).max()?,
    })
}

/// The middle one; of an even number the greater of the two, for nobody minds being early.
fn median(mut periods: Vec<Period>) -> Option<Period> {
    periods.sort_unstable();
    periods.get(periods.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::stories;

    #[test]
    fn only_runs_that_went_through_count() {
        let stories = stories::all();
        let runs: Vec<RunSummary> = stories.into_iter().map(|(_, run)| run).collect();
        let through = |verdict| runs.iter().filter(|run| run.verdict == Some(verdict)).count();
        let found = estimate(&runs).expect("some passed");
        assert_eq!(found.runs, through(Verdict::Passed) + through(Verdict::ObjectiveMissed));
        assert!(found.whole <= found.longest && found.runs < runs.len());
        let failed: Vec<_> = runs.into_iter().filter(|run| run.verdict == Some(Verdict::Failed)).collect();
        assert!(!failed.is_empty() && estimate(&failed).is_none());
    }

    #[test]
    fn the_middle_one_counts() {
        let secs = |all: &[u64]| median(all.iter().map(|s| Period::from_secs(*s)).collect());
        assert_eq!(secs(&[9, 1, 5]), Some(Period::from_secs(5)));
        assert_eq!(secs(&[9, 1]), Some(Period::from_secs(9)));
        assert_eq!(secs(&[]), None);
    }
}
