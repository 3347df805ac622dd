//! What a run's events say about recovery: pure folds.
//!
//! ```text
//! journal entries ──> drill::fold ──> RunState   statuses, verdict, RTA, RPA: the numbers that the verdict used
//!        │                               │
//!        └──────────> history ───────────┴──> RunSummary ──> terminal, HTML, Markdown, JSON
//!                     when each thing happened
//! ```
//!
//! Everything that a person reads about a run is drawn from its [`RunSummary`], so that no two of them disagree.

mod critical;
mod estimate;
#[cfg(test)]
pub(crate) mod fixture;
mod history;
mod interval;
mod milestones;
mod phases;
mod step;
#[cfg(test)]
pub(crate) mod stories;
mod summarise;
mod summarise_step;
mod summary;
#[cfg(test)]
mod tests;
mod words;

pub use estimate::{Estimate, estimate};
pub use interval::Interval;
pub use step::{
    ApprovalSummary, AttemptSummary, CandidateSummary, CheckSummary, PointSummary, StepPhase, StepSummary,
};
pub use summarise::summarise;
pub use summary::{
    AbortSummary, CheckCounts, ClaimSummary, Cleanup, ClockStep, CriticalPath, Leg, Measured, Milestones,
    PathLink, PathParts, RunSummary, Slack, Stretch, Stretches,
};
pub use words::{
    Answer, AttemptOutcome, CheckResult, ClaimStanding, ObjectiveResult, PhaseKind, Standing, StepStanding,
    Word,
};
