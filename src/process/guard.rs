//! The guard: a small process between firedrill and a command, which ends the command's whole process group as soon
//! as firedrill is gone, however it went.
//!
//! It is firedrill's own binary, started as `firedrill internal-guard [--input] -- PROGRAM ARGS…`, leader of a new
//! process group. Its standard input is a socket to firedrill. It says one word on it when the command has ended, and
//! when it reads the end of it, firedrill is dead. With `--input` the command's own input comes through it first.
//!
//! | word | meaning |
//! | --- | --- |
//! | `exit N` | the command ended with that code |
//! | `signal N` | the command was killed by that signal |
//! | `error N` | the command could not be started: errno |

use super::{Exit, input};
use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group};
use std::{
    ffi::OsString,
    fmt,
    os::fd::AsFd,
    process::{ExitCode, Stdio},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    signal::unix::{SignalKind, signal},
};

/// The hidden subcommand.
pub const COMMAND: &str = "internal-guard";

/// Says that the command's standard input is handed over on the socket.
pub(super) const INPUT: &str = "--input";

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Ended(Exit),
    NotStarted(i32),
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Ended(Exit::Code(code)) => writeln!(f, "exit {code}"),
            Word::Ended(Exit::Signal(signal)) => writeln!(f, "signal {signal}"),
            Word::NotStarted(errno) => writeln!(f, "error {errno}"),
        }
    }
}

impl Word {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (what, number) = line.split_once(' ')?;
        let number: i32 = number.parse().ok()?;
        match what {
            "exit" => Some(Self::Ended(Exit::Code(number))),
            "signal" => Some(Self::Ended(Exit::Signal(number))),
            "error" => Some(Self::NotStarted(number)),
            _ => None,
        }
    }
}

/// The guard's whole life. `args` is what follows [`COMMAND`] on the command line.
///
/// It ends by killing its own group, itself included; an exit code is returned only where it can't work at all.
pub fn guard_main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let wrong = ExitCode::from(2);
    let mut first = args.next();
    let fed = first.as_ref().is_some_and(|arg| arg == INPUT);
    if fed {
        first = args.next();
    }
    if first.is_none_or(|arg| arg != "--") {
        return wrong;
    }
    let Some(program) = args.next() else { return wrong };
    // Killing the group is all that a guard does in the end, so it must be its own.
    if getpgrp() != getpid() {
        return wrong;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::from(71);
    };
    let _ = runtime.block_on(watch(program, args.collect(), fed));
    let _ = kill_current_process_group(Signal::KILL);
    ExitCode::from(71)
}

async fn watch(program: OsString, args: Vec<OsString>, fed: bool) -> std::io::Result<()> {
    // A request to stop goes to the whole group; the guard has to outlive the command to tell how it ended.
    // Handlers, unlike ignored signals, are not handed down to the command.
    let _deaf = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::quit())?,
    ];
    let stdin = std::io::stdin();
    let channel = std::os::unix::net::UnixStream::from(stdin.as_fd().try_clone_to_owned()?);
    let input = if fed { Stdio::from(input::take_over(&channel)?) } else { Stdio::null() };
    channel.set_nonblocking(true)?;
    let mut channel = UnixStream::from_std(channel)?;
    let spawned = tokio::process::Command::new(program).args(args).stdin(input).spawn();
    let word = match spawned {
        Err(error) => Word::NotStarted(error.raw_os_error().unwrap_or(22)),
        Ok(mut child) => {
            let mut nothing = [0; 1];
            tokio::select! {
                status = child.wait() => Word::Ended(Exit::from_status(status?)),
                _ = channel.read(&mut nothing) => return Ok(()),
            }
        }
    };
    channel.write_all(word.to_string().as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for word in [
            Word::Ended(Exit::Code(0)),
            Word::Ended(Exit::Code(255)),
            Word::Ended(Exit::Signal(9)),
            Word::NotStarted(13),
        ] {
            assert_eq!(Word::parse(word.to_string().as_bytes()), Some(word));
        }
    }

    #[test]
    fn half_a_word_is_none() {
        for bytes in [b"".as_slice(), b"exit 1", b"exit\n", b"exit x\n", b"gone 1\n", b"\xff\n"] {
            assert_eq!(Word::parse(bytes), None);
        }
    }

    #[test]
    fn a_guard_without_a_command_does_nothing() {
        let args = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
        for list in [&[][..], &["--"], &["ls"]] {
            assert_eq!(format!("{:?}", guard_main(args(list))), format!("{:?}", ExitCode::from(2)));
        }
    }
}
