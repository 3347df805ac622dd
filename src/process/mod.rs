//! Running commands: cleaned environment, bounded output, killed as a group, never outliving firedrill.
//!
//! ```text
//!  firedrill ══ socket ══> guard, leader of its own process group ──> command ──> whatever it starts
//!      │                     └─ the socket closes (firedrill is gone, even by kill -9): SIGKILL to the group
//!      └<── stdout and stderr, read to their end, digested, the last 64 KiB kept, secrets taken out ──┘
//! ```
//!
//! | what happens | what becomes of the group |
//! | --- | --- |
//! | the command ends | whatever it left running in its group is killed |
//! | its timeout passes | SIGTERM, ten seconds, SIGKILL |
//! | the future is dropped | SIGKILL at once |
//! | firedrill is killed | the guard sends SIGKILL |
//!
//! Not guaranteed: a process that starts a session of its own (`setsid`, a daemon) leaves the group and lives on.
//! That is how a restored server is started on purpose; removing it is the release command's duty.

mod capture;
mod group;
pub mod guard;
mod input;
mod locate;
mod prepare;
mod secrets;
mod step;

pub use capture::Captured;
pub(crate) use capture::shorten;
pub use input::{Feed, Input};
pub(crate) use locate::locate;
pub(crate) use prepare::variable_name;
pub use prepare::{Allowed, EnvSource, Prepared};
pub use secrets::Secrets;
pub use step::StepCommands;
pub(crate) use step::output_value;

use crate::{
    drill::{Fault, FaultClass},
    time::Period,
};
use std::{ffi::OsString, fmt, path::PathBuf};

/// How much of an output is kept where nothing else is said.
pub const OUTPUT_LIMIT: usize = 64 * 1024;

/// A command to run, with everything looked up: built from [`Prepared`], or by hand in a test.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program's absolute path.
    pub program: PathBuf,
    /// Its arguments, each passed as it is. Never secrets: every user of the machine can read them.
    pub args: Vec<OsString>,
    /// Its whole environment, beside what [`Invocation::BASE_ENV`] names.
    pub env: Vec<(OsString, OsString)>,
    /// The folder to run in.
    pub folder: PathBuf,
    /// Killed after this long.
    pub timeout: Option<Period>,
    /// How much of the end of each output is kept.
    pub limit: usize,
    /// Taken out of everything that is kept or said.
    pub secrets: Secrets,
}

impl Invocation {
    /// The variables of firedrill's own environment that a command gets to see.
    pub const BASE_ENV: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ"];

    /// A program without arguments in that folder.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            folder: folder.into(),
            timeout: None,
            limit: OUTPUT_LIMIT,
            secrets: Secrets::default(),
        }
    }

    /// For messages: the program's file name.
    fn name(&self) -> String {
        self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with that code.
    Code(i32),
    /// By that signal.
    Signal(i32),
}

impl Exit {
    /// From the standard library's words.
    pub(crate) fn from_status(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match status.code() {
            Some(code) => Self::Code(code),
            None => Self::Signal(status.signal().unwrap_or(0)),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(9) => f.write_str("killed by signal 9 (SIGKILL; out of memory?)"),
            Exit::Signal(signal) => write!(f, "killed by signal {signal}{}", signal_name(*signal)),
        }
    }
}

/// The names of the signals whose numbers are the same on every Unix.
fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        3 => " (SIGQUIT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        8 => " (SIGFPE)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        14 => " (SIGALRM)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// A command that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub exit: Exit,
    /// What it printed.
    pub stdout: Captured,
    /// What it complained.
    pub stderr: Captured,
    /// How long it ran.
    pub took: Period,
    /// Whether all of the input that it was given could be written to it. True where it was given none.
    pub fed: bool,
}

/// Takes each line of output as it comes, secrets taken out.
pub type OnLine<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Starts commands, through a guard or, in unit tests, directly.
#[derive(Debug, Clone)]
pub struct Runner {
    guard: Option<PathBuf>,
}

impl Runner {
    /// `guard`: the path of the firedrill binary, which knows [`guard::COMMAND`]. None: commands are started
    /// directly, and outlive a firedrill that is killed.
    pub fn new(guard: Option<PathBuf>) -> Self {
        Self { guard }
    }

    /// Runs to the end. `Err`: it could not be started, or was killed by its timeout.
    ///
    /// A future that is dropped takes the whole process group with it.
    pub async fn run(&self, invocation: &Invocation, on_line: Option<OnLine<'_>>) -> Result<Finished, Fault> {
        // Boxed: the state of two readers and their buffers would weigh on every future that holds this one.
        Box::pin(group::run(self.guard.as_deref(), invocation, None, on_line)).await
    }

    /// As [`Runner::run`], with a standard input that `feed` writes. Its fault kills the command and is given back.
    ///
    /// A command that ends well without having read everything is for the caller to judge: [`Finished::fed`].
    pub async fn run_fed(
        &self,
        invocation: &Invocation,
        feed: &mut dyn Feed,
        on_line: Option<OnLine<'_>>,
    ) -> Result<Finished, Fault> {
        Box::pin(group::run(self.guard.as_deref(), invocation, Some(feed), on_line)).await
    }
}

/// The fault of a command that could not be started, by the system's error number.
fn not_started(invocation: &Invocation, error: &std::io::Error) -> Fault {
    let path = invocation.program.display();
    let message = match error.kind() {
        std::io::ErrorKind::NotFound if invocation.program.exists() => {
            format!("{path} can't be started: the interpreter that its first line names is not there")
        }
        std::io::ErrorKind::NotFound => format!("{path} does not exist"),
        std::io::ErrorKind::PermissionDenied => {
            format!("{path} may not be executed by this user: check its mode and that of its folders")
        }
        _ => format!("{path} can't be started: {error}"),
    };
    Fault::new(FaultClass::Surroundings, invocation.secrets.redact(&message))
}

#[cfg(test)]
pub(crate) mod tests;
