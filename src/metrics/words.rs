//! The words for where things stand, in a summary and on the page.

use serde::Serialize;

/// The word for a value, as a person reads it.
pub trait Word {
    /// The word.
    fn word(&self) -> &'static str;
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }
        impl Word for $name {
            fn word(&self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// Where a run stands.
    Standing {
        /// Guardrails and preflight are looked at.
        Preflight = "preflight",
        /// Steps are under way.
        Running = "running",
        /// Nothing moves until a person answers.
        WaitingForPerson = "waiting for a person",
        /// What was restored is kept for a person to look at.
        Kept = "kept for inspection",
        /// Everything is being removed.
        TearingDown = "tearing down",
        /// Over.
        Finished = "finished",
    }
}

words! {
    /// How an objective was kept.
    ObjectiveResult {
        /// Within the objective.
        Met = "met",
        /// Over it, or certain to be.
        Missed = "missed",
        /// The run is over and did not prove a recovery, so there is nothing to compare.
        NotAchieved = "not achieved",
        /// The run goes on.
        Pending = "not known yet",
        /// Nothing was promised.
        NoObjective = "no objective",
    }
}

words! {
    /// Where a step stands.
    StepStanding {
        /// For the steps that it needs, or for its next attempt.
        Waiting = "waiting",
        /// An attempt is under way.
        Running = "running",
        /// Done.
        Succeeded = "succeeded",
        /// Not to be done.
        Failed = "failed",
        /// Never started.
        Skipped = "skipped",
    }
}

words! {
    /// How an attempt ended.
    AttemptOutcome {
        /// It goes on.
        Running = "running",
        /// Done.
        Succeeded = "succeeded",
        /// It failed.
        Failed = "failed",
        /// The run was stopped before it was done.
        Stopped = "stopped",
    }
}

words! {
    /// How a check ended.
    CheckResult {
        /// It ran and found what was expected.
        Passed = "passed",
        /// It ran and found something else.
        Failed = "failed",
        /// It could not be made; nothing is proven.
        Error = "could not be made",
        /// It was never made; nothing is proven.
        NotRun = "not run",
    }
}

words! {
    /// What a person answered.
    Answer {
        /// Nobody was asked.
        NotAsked = "not asked",
        /// There is no answer yet, or none came.
        None = "no answer",
        /// Yes.
        Approved = "approved",
        /// No.
        Denied = "denied",
    }
}

words! {
    /// Where a claim stands.
    ClaimStanding {
        /// It may have been made.
        Intended = "intended",
        /// The provider took the request.
        Acquired = "acquired",
        /// It was observed ready.
        Ready = "ready",
        /// It is broken, or could not be made.
        Broken = "broken",
        /// Its removal is under way.
        Removing = "removing",
        /// It was observed absent.
        Removed = "removed",
        /// It may still be there.
        Leaked = "leaked",
    }
}

words! {
    /// What a stretch of a step's time was spent on.
    PhaseKind {
        /// Guardrails and preflight.
        Preflight = "preflight",
        /// Ready to start, not started.
        Queued = "queued",
        /// Choosing the recovery point.
        Choosing = "choosing the recovery point",
        /// From the choice until the restored thing was ready.
        Restoring = "restoring",
        /// Ready, its storage still loading.
        Hydrating = "loading storage",
        /// Checks.
        Checking = "checking",
        /// A command.
        Command = "running a command",
        /// A person was asked.
        Person = "waiting for a person",
        /// A pause before the next attempt.
        Backoff = "pause before a retry",
        /// Removal of what was created.
        Removing = "removing",
        /// Kept for a person to look at after a failure.
        Kept = "kept for inspection",
    }
}
