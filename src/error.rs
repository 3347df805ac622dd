//! Why a command ended as it did, and its exit code: one exhaustive match each.

use crate::{
    drill::{Teardown, Verdict},
    engine::EngineError,
    ports::JournalError,
};
use std::process::ExitCode;

/// The exit codes that scripts and schedulers rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Restored, verified, objectives met, all removed; or the command did as asked.
    Passed = 0,
    /// A restore or a required check failed.
    Failed = 1,
    /// Wrong usage, or an invalid playbook or configuration.
    Invalid = 2,
    /// A guardrail or the preflight said no; nothing was created.
    Refused = 3,
    /// Restored and verified, but later or older than promised.
    ObjectiveMissed = 4,
    /// Something may be left behind.
    Leaked = 5,
    /// Credentials, network, disk.
    Surroundings = 6,
    /// Stopped on request, and all removed.
    Aborted = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// The exit code of a run that is over. What may be left behind wins over everything.
    pub fn of(verdict: Verdict, teardown: Teardown) -> Self {
        match (teardown, verdict) {
            (Teardown::Leaked(_), _) => Exit::Leaked,
            (Teardown::Clean, Verdict::Passed) => Exit::Passed,
            (Teardown::Clean, Verdict::ObjectiveMissed) => Exit::ObjectiveMissed,
            (Teardown::Clean, Verdict::Failed) => Exit::Failed,
            (Teardown::Clean, Verdict::SurroundingsFailed) => Exit::Surroundings,
            (Teardown::Clean, Verdict::Refused) => Exit::Refused,
            (Teardown::Clean, Verdict::Aborted) => Exit::Aborted,
        }
    }
}

/// Why a command did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, a playbook or the configuration is wrong. The text is complete as it stands.
    #[error("{0}")]
    Invalid(String),
    /// A rule says no.
    #[error("{0}")]
    Refused(String),
    /// The journal did not do as asked.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A run can't be driven further.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file or the terminal.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A backup, a baseline or a template does not allow what was asked.
    #[error("{0}")]
    Failed(String),
    /// Credentials, network, disk.
    #[error("{0}")]
    Surroundings(String),
}

impl Failure {
    /// Its exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Invalid(_) => Exit::Invalid,
            Failure::Refused(_) => Exit::Refused,
            Failure::Failed(_) => Exit::Failed,
            Failure::Io { .. } | Failure::Surroundings(_) => Exit::Surroundings,
            Failure::Journal(error) => of_journal(error),
            Failure::Engine(error) => match error {
                EngineError::Journal(error) => of_journal(error),
                EngineError::Illegal { .. } => Exit::Surroundings,
                EngineError::Over(_) => Exit::Invalid,
                // Left as it is: what it created is still there.
                EngineError::Left(_) => Exit::Leaked,
            },
        }
    }

    /// For `map_err` on what the system says.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Failure::Io { doing, source }
    }
}

fn of_journal(error: &JournalError) -> Exit {
    match error {
        JournalError::NoSuchRun(_) | JournalError::Ambiguous(_) | JournalError::Finished(_) => Exit::Invalid,
        JournalError::Held { .. } => Exit::Refused,
        JournalError::LeaseLost(_)
        | JournalError::Conflict { .. }
        | JournalError::Damaged { .. }
        | JournalError::Newer(_)
        | JournalError::Busy(_)
        | JournalError::Storage(_) => Exit::Surroundings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_behind_wins() {
        for verdict in [Verdict::Passed, Verdict::Failed, Verdict::ObjectiveMissed, Verdict::Aborted] {
            assert_eq!(Exit::of(verdict, Teardown::Leaked(1)), Exit::Leaked);
        }
        assert_eq!(Exit::of(Verdict::Passed, Teardown::Clean) as u8, 0);
        assert_eq!(Exit::of(Verdict::Aborted, Teardown::Clean) as u8, 7);
    }
}
