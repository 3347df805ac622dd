//! Restores by the user's own commands: any tool that can list, restore and remove.
//!
//! ```text
//!  <scratch>/fd-RUN-STEP-1/   .firedrill.json  whose this is
//!                             command.json     how to observe, for a firedrill that was started anew
//!                             outputs.json     what acquire gave: from here on it is not run again
//!                             released         release has succeeded, observe does not say absent yet
//!                             data/            FIREDRILL_SCRATCH: the command's own
//! ```
//!
//! The folder is made before `acquire` is run and removed after `release` has succeeded, so where it is absent,
//! nothing is owed. What the commands make elsewhere is theirs to remove; see `docs/command-source.md`.

use super::{
    command_env::{Files, claim_env, request_env},
    contract,
    contract::{Acquired, State},
    disk::{cant, exists, read_json, write_json, write_whole},
    pace,
    place::{Found, Place, owned},
    scratch::{Scratch, real, refused},
};
use crate::{
    drill::{Candidate, Claim, Fault, FaultClass, Hydration, Link, RecoveryPoint, Scope},
    ids::ClaimId,
    playbook::{CommandLine, CommandSource, CommandSpec, Source, SourceKind},
    ports::{
        AcquireRequest, Known, Observation, Owned, Preflight, Provider, Receipts, ReleaseRequest,
        RestoreRequest, Tick,
    },
    process::{Allowed, Captured, Exit, Finished, OnLine, Prepared, Runner, Secrets},
    time::Period,
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

/// The one link of the chain.
const KIND: &str = "command";

/// `EX_TEMPFAIL` of sysexits.h: "try again later".
const TEMPORARY: i32 = 75;

/// A list of recovery points longer than this is no list for a person to choose from.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// Where a command has no timeout of its own. `acquire` is bounded by its step and run alone.
const LIST_TIMEOUT: Period = Period::from_secs(600);
const OBSERVE_TIMEOUT: Period = Period::from_secs(50);
const RELEASE_TIMEOUT: Period = Period::from_secs(3600);

/// How many observe commands run at the same time.
const TOGETHER: usize = 8;

/// Restores by commands.
#[derive(Debug, Clone)]
pub struct Commands {
    runner: Runner,
    allowed: Allowed,
    scratch: Scratch,
}

/// A command that ended well, and the secrets that it was given.
struct Done {
    finished: Finished,
    secrets: Secrets,
}

impl Commands {
    /// With the operator's lists of programs and of scratch folders.
    pub fn new(runner: Runner, allowed: Allowed, scratch: Scratch) -> Self {
        Self { runner, allowed, scratch }
    }

    async fn call(
        &self,
        what: &str,
        command: &Prepared,
        timeout: Option<Period>,
        on_line: Option<OnLine<'_>>,
    ) -> Result<Done, Fault> {
        let named = |fault: Fault| Fault::new(fault.class, format!("the {what} command: {}", fault.message));
        command.check(&self.allowed).map_err(named)?;
        let mut invocation = command.invocation().map_err(named)?;
        invocation.timeout = invocation.timeout.or(timeout);
        invocation.limit = ANSWER_LIMIT;
        let finished = self.runner.run(&invocation, on_line).await.map_err(named)?;
        let class = match finished.exit {
            Exit::Code(code) if command.success.contains(&code) => {
                return Ok(Done { finished, secrets: invocation.secrets });
            }
            Exit::Code(TEMPORARY) | Exit::Signal(_) => FaultClass::Transient,
            Exit::Code(_) => FaultClass::Permanent,
        };
        let said = [&finished.stderr, &finished.stdout].map(|output| output.last_lines(10));
        let said = said.into_iter().find(|lines| !lines.is_empty()).unwrap_or_default();
        let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(" | ")) };
        Err(Fault::new(
            class,
            format!("the {what} command ({}) ended with {}{said}", command.written, finished.exit),
        ))
    }

    async fn observe_one(&self, claim: &Claim) -> Result<Observation, Fault> {
        let place = Place::of(claim)?;
        let pending = |note: String| Observation::Pending { progress: None, note };
        match place.look(claim)? {
            Found::Absent => {
                let proof = format!(
                    "{}; it is removed only after the release command has succeeded",
                    place.absence()
                );
                return Ok(Observation::Absent { proof });
            }
            Found::Foreign(reason) => return Ok(Observation::Broken { reason }),
            Found::Half(_) => return Ok(pending("the folder is being made or removed".to_owned())),
            Found::Ours => {}
        }
        let files = Files::of(&place);
        let released = exists(&files.released)?;
        let Some(acquired) = read_json::<Acquired>(&files.outputs)? else {
            if !released {
                return Ok(pending("the acquire command has not succeeded yet".to_owned()));
            }
            return self.observe_released(claim, &place, &files).await;
        };
        if released {
            return self.observe_released(claim, &place, &files).await;
        }
        let Some(command) = read_json::<Option<Prepared>>(&files.command)?.flatten() else {
            return Ok(Observation::Ready { outputs: acquired.outputs, hydration: Hydration::Unknown });
        };
        let said = self.ask_observe(&command).await?;
        Ok(match said.state {
            State::Pending => Observation::Pending { progress: said.progress, note: said.note },
            State::Ready => {
                let mut outputs = acquired.outputs;
                outputs.extend(said.outputs);
                Observation::Ready { outputs, hydration: said.hydration }
            }
            State::Broken => Observation::Broken {
                reason: some(said.reason)
                    .or(some(said.note))
                    .unwrap_or("the observe command says so".to_owned()),
            },
            // Not an absence: the folder is still there, and what else was made is owed to the release command.
            State::Absent => Observation::Broken {
                reason: "the observe command says that nothing is there, though acquire has succeeded"
                    .to_owned(),
            },
        })
    }

    /// The release command has succeeded; the folder goes when the observe command says that nothing is left.
    async fn observe_released(
        &self,
        claim: &Claim,
        place: &Place,
        files: &Files,
    ) -> Result<Observation, Fault> {
        if let Some(command) = read_json::<Option<Prepared>>(&files.command)?.flatten() {
            let said = self.ask_observe(&command).await?;
            if said.state != State::Absent {
                let note =
                    some(said.note).unwrap_or("the observe command does not say absent yet".to_owned());
                return Ok(Observation::Pending { progress: said.progress, note });
            }
        }
        Place::cleared(claim, &self.scratch)?.remove(claim).await?;
        Ok(Observation::Absent {
            proof: format!("release has succeeded, observe says absent, and {}", place.absence()),
        })
    }

    async fn ask_observe(&self, command: &Prepared) -> Result<contract::Observed, Fault> {
        let done = self.call("observe", command, Some(OBSERVE_TIMEOUT), None).await?;
        let text = whole(&done.finished.stdout).map_err(|why| unreadable("observe", &why))?;
        contract::observed(text, &done.secrets).map_err(|why| unreadable("observe", &why))
    }

    fn prepare(
        &self,
        spec: &CommandSpec,
        ask: &RestoreRequest<'_>,
        known: &Known,
        point: Option<&RecoveryPoint>,
        given: &[(String, String)],
    ) -> Result<Prepared, Fault> {
        let prepared = Prepared::new(spec, ask.folder, known, point, given, &self.allowed)?;
        // Read and forgotten: a secret that is missing is found before anything is made.
        prepared.invocation()?;
        Ok(prepared)
    }
}

#[async_trait]
impl Provider for Commands {
    async fn preflight(&self, ask: &RestoreRequest<'_>) -> Result<Preflight, Fault> {
        let source = source(ask)?;
        let mut found = self.scratch.preflight(ask, &[], None);
        let known =
            Known { run: ask.run.to_string(), declared: ask.declared.to_string(), ..Known::default() };
        for (what, spec) in commands(source) {
            let mut bare = spec.clone();
            // What earlier steps give is not known yet; the program, its rights and its secrets are.
            let later = match &mut bare.line {
                CommandLine::Argv(argv) => {
                    argv.truncate(1);
                    argv.iter().any(|program| program.references().next().is_some())
                }
                CommandLine::Shell(text) => {
                    text.clear();
                    false
                }
            };
            bare.env.retain(|_, value| !matches!(value, crate::playbook::EnvValue::Text(_)));
            if later {
                found.facts.push(format!(
                    "the program of the {what} command is known only once the run is under way"
                ));
                continue;
            }
            match self.prepare(&bare, ask, &known, None, &[]) {
                Ok(ready) => found.facts.push(format!("{what}: {} can be run", ready.program.display())),
                Err(fault) => found.refusals.push(format!("the {what} command: {}", fault.message)),
            }
        }
        Ok(found)
    }

    async fn recovery_points(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
        let known =
            Known { run: ask.run.to_string(), declared: ask.declared.to_string(), ..Known::default() };
        let command = self.prepare(&source(ask)?.recovery_point, ask, &known, None, &request_env(ask))?;
        let done = self.call("recovery_point", &command, Some(LIST_TIMEOUT), None).await?;
        whole(&done.finished.stdout)
            .and_then(|text| contract::recovery_points(text, &done.secrets, ask.declared))
            .map_err(|why| unreadable("recovery_point", &why))
    }

    fn chain(&self, ask: &RestoreRequest<'_>, point: &RecoveryPoint) -> Result<Vec<Link>, Fault> {
        let params = [("point_id", point.id.clone())];
        Ok(vec![self.scratch.link(ask, KIND, params)?])
    }

    async fn acquire(&self, ask: &AcquireRequest<'_>) -> Result<Receipts, Fault> {
        let source = source(&ask.restore)?;
        let place = Place::cleared(ask.claim, &self.scratch)?;
        let files = Files::of(&place);
        let env = claim_env(&ask.restore, ask.claim, ask.point, &files);
        let prepare = |spec| self.prepare(spec, &ask.restore, ask.known, Some(ask.point), &env);
        // Everything that can be wrong without anything being made is found before anything is made.
        let acquire = prepare(&source.acquire)?;
        let observe = source.observe.as_ref().map(prepare).transpose()?;
        prepare(&source.release)?;
        place.make(ask.claim)?;
        if exists(&files.released)? {
            return Err(refused(format!("{} is being released already", place.live.display())));
        }
        if let Some(acquired) = read_json::<Acquired>(&files.outputs)? {
            return Ok(acquired.receipts);
        }
        write_json(&files.command, &observe)?;
        match fs::DirBuilder::new().mode(0o700).create(&files.data) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(cant("create", &files.data, &error));
            }
            _ => {}
        }
        let on_line = |line: &str| {
            if let Some((share, note)) = contract::progress(line) {
                ask.progress.tick(Tick {
                    step: ask.restore.step.clone(),
                    what: KIND.to_owned(),
                    // Truncated, so that 100 is only shown when it is done.
                    done: Some((share * 100.0) as u64),
                    total: Some(100),
                    unit: "percent",
                    note,
                });
            }
        };
        let done = self.call("acquire", &acquire, None, Some(&on_line)).await?;
        let stdout = &done.finished.stdout;
        let mut acquired =
            contract::acquired(&stdout.tail, &done.secrets).map_err(|why| unreadable("acquire", &why))?;
        acquired.receipts.push(format!(
            "acquire ended with {} after {}, stdout {}",
            done.finished.exit,
            done.finished.took.human(),
            stdout.digest_text()
        ));
        acquired.outputs.entry("scratch".to_owned()).or_insert_with(|| files.data.display().to_string());
        write_json(&files.outputs, &acquired)?;
        Ok(acquired.receipts)
    }

    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        let one = |claim: &Claim| {
            let claim = claim.clone();
            async move {
                let seen = self.observe_one(&claim).await.unwrap_or_else(Observation::Unknown);
                (claim.id, seen)
            }
        };
        let all: Vec<_> = claims.iter().map(|claim| one(claim)).collect();
        stream::iter(all).buffered(TOGETHER).collect().await
    }

    async fn release(&self, claim: &Claim, ask: &ReleaseRequest<'_>) -> Result<Receipts, Fault> {
        if claim.source != SourceKind::Command {
            return Err(refused(format!("the claim {} was not made by the command provider", claim.id)));
        }
        if let Source::Unsupported { .. } = ask.restore.restore.source {
            return Err(refused(format!(
                "the playbook of run {} is not in this journal, and with it the command that releases what was made: release it by hand, then remove the folder {}",
                claim.run.short(),
                claim.link.name
            )));
        }
        let source = source(&ask.restore)?;
        let place = Place::cleared(claim, &self.scratch)?;
        let there = match place.look(claim)? {
            Found::Foreign(why) => return Err(refused(format!("{why}; nothing is released"))),
            Found::Ours => true,
            Found::Absent | Found::Half(_) => false,
        };
        let files = Files::of(&place);
        let env = claim_env(&ask.restore, claim, ask.point, &files);
        let prepare = |spec| self.prepare(spec, &ask.restore, ask.known, Some(ask.point), &env);
        let release = match prepare(&source.release) {
            // `acquire` prepares this same command before it makes the folder: it was never run.
            Err(fault) if !there && matches!(place.look(claim)?, Found::Absent) => {
                return Ok(vec![format!("nothing was made: {}; {fault}", place.absence())]);
            }
            other => other?,
        };
        let done = self.call("release", &release, Some(RELEASE_TIMEOUT), None).await?;
        let mut receipts = vec![format!(
            "release ended with {} after {}, stdout {}",
            done.finished.exit,
            done.finished.took.human(),
            done.finished.stdout.digest_text()
        )];
        if let Some(observe) = &source.observe {
            let observe = prepare(observe)?;
            let said = self.ask_observe(&observe).await?;
            if said.state != State::Absent {
                if !there {
                    return Err(Fault::new(
                        FaultClass::Transient,
                        "the release command has succeeded, but the observe command does not say absent yet",
                    ));
                }
                write_json(&files.command, &Some(observe))?;
                write_whole(&files.released, b"").map_err(|error| cant("write", &files.released, &error))?;
                receipts.push("observe does not say absent yet".to_owned());
                return Ok(receipts);
            }
            receipts.push("observe says absent".to_owned());
        }
        place.remove(claim).await?;
        receipts.push(format!("removed {}", place.live.display()));
        Ok(receipts)
    }

    async fn owned(&self, scope: &Scope) -> Result<Vec<Owned>, Fault> {
        let Scope::Folder(root) = scope else { return Ok(Vec::new()) };
        let root = real(Path::new(root))?;
        self.scratch.check(&root)?;
        owned(&root, SourceKind::Command)
    }

    fn pace(&self, so_far: Period) -> Period {
        pace(so_far, Period::from_millis(200), Period::from_secs(15))
    }
}

fn source<'a>(ask: &RestoreRequest<'a>) -> Result<&'a CommandSource, Fault> {
    match &ask.restore.source {
        Source::Command(source) => Ok(source),
        other => Err(Fault::new(
            FaultClass::Permanent,
            format!("`{}` is not restored by the command provider", other.kind().key()),
        )),
    }
}

fn commands(source: &CommandSource) -> impl Iterator<Item = (&'static str, &CommandSpec)> {
    let always = [
        ("recovery_point", &source.recovery_point),
        ("acquire", &source.acquire),
        ("release", &source.release),
    ];
    always.into_iter().chain(source.observe.iter().map(|observe| ("observe", observe)))
}

/// The whole output, or why it is not the whole.
fn whole(output: &Captured) -> Result<&str, String> {
    if output.truncated {
        return Err(format!("it printed {} bytes; {ANSWER_LIMIT} are the most that is read", output.bytes));
    }
    Ok(&output.tail)
}

fn unreadable(what: &str, why: &str) -> Fault {
    Fault::new(FaultClass::Permanent, format!("the answer of the {what} command can't be used: {why}"))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
