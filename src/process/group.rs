//! One command from its start to its end: a process group, two outputs, a deadline.

use super::{Exit, Feed, Finished, Input, Invocation, OnLine, capture::Capture, guard, input, not_started};
use crate::{
    drill::{Fault, FaultClass},
    time::Period,
};
use futures_util::future::{Either, join, select};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{os::fd::OwnedFd, path::Path, pin::pin, process::Stdio, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};

/// Between the request to stop and the end of patience.
const GRACE: Duration = Duration::from_secs(10);

/// How long an output may stay open after its command ended, by a process that left the group with it.
const DRAIN: Duration = Duration::from_secs(2);

/// A process that does not die of SIGKILL hangs in the kernel; nobody is helped by waiting for it.
const REAP: Duration = Duration::from_secs(5);

/// A leader of a process group; the group dies with this value.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    fn spawn(mut command: Command) -> std::io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, leader })
    }

    /// A group without processes is no error: that is what is wanted.
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Waits for the leader; from then on its number may be another's, so nothing is sent to it any more.
    async fn reap(&mut self) {
        if timeout(REAP, self.child.wait()).await.is_ok() {
            self.leader = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// How the command, or the attempt to start it, ended.
enum Ending {
    Exit(Exit),
    NotStarted(std::io::Error),
    GuardLost,
}

pub(super) async fn run(
    guard: Option<&Path>,
    invocation: &Invocation,
    feed: Option<&mut dyn Feed>,
    on_line: Option<OnLine<'_>>,
) -> Result<Finished, Fault> {
    if !invocation.folder.is_dir() {
        let message = format!("the folder {} to run in does not exist", invocation.folder.display());
        return Err(Fault::new(FaultClass::Permanent, message));
    }
    let started = Instant::now();
    let (command, mut channel, input) = command(guard, invocation, feed.is_some())?;
    let mut group = Group::spawn(command).map_err(|error| match guard {
        None => not_started(invocation, &error),
        Some(guard) => Fault::new(
            FaultClass::Surroundings,
            format!("{} could not be started as a guard of commands: {error}", guard.display()),
        ),
    })?;
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    let mut captures = (Capture::new(invocation.limit), Capture::new(invocation.limit));
    let mut deadline = Deadline::new(invocation.timeout.map(|period| started + period.to_std()));
    let mut fed = feed.is_none();
    let mut gone_wrong = None;
    let ending = {
        let mut feeding = pin!(fill(feed, input));
        let secrets = &invocation.secrets;
        let mut pumps =
            pin!(join(captures.0.pump(stdout, secrets, on_line), captures.1.pump(stderr, secrets, on_line)));
        let mut open = true;
        let ending = loop {
            tokio::select! {
                ending = ended(&mut channel, &mut group) => break Some(ending),
                _ = &mut pumps, if open => open = false,
                result = &mut feeding, if !fed => match result {
                    Ok(()) => fed = true,
                    // With its input, which stays open until the command is dead.
                    Err(wrong) => {
                        gone_wrong = Some(wrong);
                        break None;
                    }
                },
                () = deadline.passed() => match deadline.next() {
                    Some(signal) => group.signal(signal),
                    None => break None,
                },
            }
        };
        group.signal(Signal::KILL);
        if open {
            let _ = timeout(DRAIN, &mut pumps).await;
        }
        ending
    };
    let took = Period::from(started.elapsed());
    group.reap().await;
    let stdout = captures.0.finish(&invocation.secrets);
    let stderr = captures.1.finish(&invocation.secrets);
    if let Some((fault, _)) = gone_wrong {
        return Err(fault);
    }
    if deadline.struck() {
        let allowed = invocation.timeout.unwrap_or_default().human();
        let mut message = format!("{} did not end within {allowed} and was killed", invocation.name());
        let last = [stderr.last_lines(5), stdout.last_lines(5)].into_iter().find(|lines| !lines.is_empty());
        if let Some(lines) = last {
            message = format!("{message}; its last words: {}", lines.join(" | "));
        }
        return Err(Fault::new(FaultClass::Timeout, message));
    }
    match ending {
        Some(Ending::Exit(exit)) => Ok(Finished { exit, stdout, stderr, took, fed }),
        Some(Ending::NotStarted(error)) => Err(not_started(invocation, &error)),
        Some(Ending::GuardLost) | None => Err(Fault::new(
            FaultClass::Transient,
            format!(
                "the process that guarded {} was killed, and the command with it: how it would have ended is not known",
                invocation.name()
            ),
        )),
    }
}

/// Writes the input and ends it. A fault comes with the input, still open.
async fn fill(feed: Option<&mut dyn Feed>, input: Option<Input>) -> Result<(), (Fault, Input)> {
    let (Some(feed), Some(mut input)) = (feed, input) else { return Ok(()) };
    match feed.feed(&mut input).await {
        Ok(()) => Ok(()),
        Err(fault) => Err((fault, input)),
    }
}

/// The command to spawn, firedrill's end of the guard's socket, and of the command's input if it is given one.
fn command(
    guard: Option<&Path>,
    invocation: &Invocation,
    fed: bool,
) -> Result<(Command, Option<UnixStream>, Option<Input>), Fault> {
    let surroundings = |error: std::io::Error| {
        Fault::new(FaultClass::Surroundings, format!("no socket for a guard: {error}"))
    };
    let (input, end) = match fed.then(input::pipe).transpose().map_err(surroundings)? {
        Some((input, end)) => (Some(input), Some(end)),
        None => (None, None),
    };
    let (mut command, channel) = match guard {
        None => {
            let mut command = Command::new(&invocation.program);
            command.stdin(end.map_or(Stdio::null(), Stdio::from));
            (command, None)
        }
        Some(guard) => {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(surroundings)?;
            ours.set_nonblocking(true).map_err(surroundings)?;
            let mut command = Command::new(guard);
            command.arg(guard::COMMAND);
            if let Some(end) = end {
                input::hand_over(&ours, &end).map_err(surroundings)?;
                command.arg(guard::INPUT);
            }
            command.arg("--").arg(&invocation.program).stdin(OwnedFd::from(theirs));
            (command, Some(UnixStream::from_std(ours).map_err(surroundings)?))
        }
    };
    let own = |name: &'static str| std::env::var_os(name).map(move |value| (name, value));
    command
        .args(&invocation.args)
        .env_clear()
        .envs(Invocation::BASE_ENV.into_iter().filter_map(own))
        .envs(invocation.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&invocation.folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok((command, channel, input))
}

/// Waits for the guard's word, or for the command itself where there is no guard. Can be dropped and called again:
/// the guard's word is a few bytes, written at once.
async fn ended(channel: &mut Option<UnixStream>, group: &mut Group) -> Ending {
    let Some(channel) = channel else {
        return match group.child.wait().await {
            Ok(status) => Ending::Exit(Exit::from_status(status)),
            Err(_) => Ending::GuardLost,
        };
    };
    let mut word = [0; 64];
    let told = pin!(channel.read(&mut word));
    let died = pin!(group.child.wait());
    let length = match select(told, died).await {
        Either::Left((length, _)) => length.unwrap_or(0),
        // The word may have been written just before the guard died.
        Either::Right((_, told)) => timeout(REAP, told).await.ok().and_then(Result::ok).unwrap_or(0),
    };
    match guard::Word::parse(&word[..length]) {
        Some(guard::Word::Ended(exit)) => Ending::Exit(exit),
        Some(guard::Word::NotStarted(errno)) => Ending::NotStarted(std::io::Error::from_raw_os_error(errno)),
        None => Ending::GuardLost,
    }
}

/// SIGTERM at the deadline, SIGKILL after the grace, and then no more waiting.
struct Deadline {
    at: Option<Instant>,
    struck: u8,
}

impl Deadline {
    fn new(at: Option<Instant>) -> Self {
        Self { at, struck: 0 }
    }

    async fn passed(&self) {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn next(&mut self) -> Option<Signal> {
        self.struck += 1;
        let (signal, patience) = match self.struck {
            1 => (Signal::TERM, GRACE),
            2 => (Signal::KILL, REAP),
            _ => return None,
        };
        self.at = Some(Instant::now() + patience);
        Some(signal)
    }

    fn struck(&self) -> bool {
        self.struck > 0
    }
}
