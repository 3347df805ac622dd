//! The drill: pure. Events in, state out; state in, wishes out. No clock, no I/O, no randomness.
//!
//! ```text
//!            entries                       wishes
//! journal ──────────> next ──> RunState ──────────> the engine performs them,
//!    ^                             │ decide(now)     and journals what came of it
//!    └─────────────────────────────┴───────────────────────────┘
//! ```
//!
//! [`next`] lists every legal move in one match; [`decide`] gives the whole set of things wanted at a moment.
//! A resumed run is the same loop with a longer journal.

mod choose;
mod claim;
mod decide;
mod declaration;
mod event;
mod measure;
mod next;
mod outcome;
mod retry;
mod state;
#[cfg(test)]
mod tests;
mod verdict;

pub use choose::{CLOCK_SKEW, CONTINUOUS, Choice, choose};
pub use claim::{Candidate, Claim, Hydration, Link, Outputs, RecoveryPoint, Scope};
pub use decide::{Command, decide};
pub use declaration::{Declaration, StepKind, StepOutline, Trigger};
pub use event::{Entry, Event, MAX_CONSIDERED, TeardownReason};
pub use next::{IllegalEvent, next};
pub use outcome::{CheckOutcome, CheckStatus, Fault, FaultClass, Teardown, Verdict};
pub use state::{Approval, Chosen, ClaimStage, ClaimState, Phase, RunState, StepState, StepStatus, fold};
