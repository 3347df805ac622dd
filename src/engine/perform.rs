//! What the engine does through ports: each activity is a future that owns what it needs.

use crate::{
    drill::{
        CheckOutcome, CheckStatus, Choice, Claim, Command, Fault, FaultClass, Link, Outputs, RecoveryPoint,
        RunState, Scope, StepStatus, choose,
    },
    ids::{ClaimId, StepId},
    playbook::{
        Action, Check, CheckKind, DatabaseSubject, FingerprintExpect, Playbook, Restore, SourceKind, Subject,
    },
    ports::{
        AcquireRequest, BaselineKey, CheckRequest, CommandRequest, Known, Observation, Ports, Receipts,
        ReleaseRequest, RestoreRequest,
    },
    time::Period,
};
use std::{pin::Pin, sync::Arc};

/// The check that a command step makes.
pub(super) const EXIT_CODE: &str = "exit code";
/// A look at claims that takes longer than this tells nothing.
const LOOK_LIMIT: Period = Period::from_secs(60);
/// A preflight that takes longer than this has failed: before it there is no other end of the run in sight.
const PREFLIGHT_LIMIT: Period = Period::from_secs(300);
/// A call to remove that takes longer than this is made again, rather than waited for until the claim is leaked.
const RELEASE_LIMIT: Period = Period::from_secs(600);

/// What an activity is for. Two wishes with one key are the same wish.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Preflight,
    Choose(StepId),
    Acquire(ClaimId),
    Observe(SourceKind, Scope),
    Check(StepId, String),
    Run(StepId),
    Release(ClaimId),
}

impl Key {
    /// The key of a wish that one activity fulfils.
    pub(super) fn of(command: &Command) -> Option<Self> {
        Some(match command {
            Command::Preflight => Key::Preflight,
            Command::ChoosePoint { step } => Key::Choose(step.clone()),
            Command::Acquire { claim } => Key::Acquire(claim.clone()),
            Command::Check { step, check } => Key::Check(step.clone(), check.clone()),
            Command::RunCommand { step } => Key::Run(step.clone()),
            Command::Release { claim } => Key::Release(claim.clone()),
            Command::Observe { .. } | Command::Record(_) | Command::WakeAt(_) => return None,
        })
    }
}

/// The outcome of an activity.
pub(super) enum Done {
    Looked { facts: Vec<String>, refusals: Vec<String>, surroundings: Vec<String> },
    Chosen { step: StepId, attempt: u32, result: Box<Result<(Choice, Vec<Link>), Fault>> },
    Acquired { claim: ClaimId, result: Result<Receipts, Fault> },
    Observed(Vec<(ClaimId, Observation)>),
    Checked { step: StepId, attempt: u32, check: String, outcome: Box<CheckOutcome> },
    Ran { step: StepId, attempt: u32, outcome: Box<CheckOutcome>, outputs: Outputs, fault: Option<Fault> },
    Released { claim: ClaimId, result: Result<Receipts, Fault> },
}

/// An activity under way.
pub(super) type Activity = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Begins what `key` stands for; `claims` are those of an observation.
pub(super) fn begin(
    ports: &Ports,
    playbook: &Arc<Playbook>,
    state: &RunState,
    key: &Key,
    claims: Vec<Claim>,
) -> Option<Activity> {
    let context = Context {
        ports: ports.clone(),
        playbook: Arc::clone(playbook),
        known: known(state),
        declared: state.declared(),
        run: state.declaration().run,
    };
    Some(match key {
        Key::Preflight => Box::pin(context.preflight()),
        Key::Choose(step) => {
            let attempt = state.step(step)?.attempt();
            Box::pin(context.choose(step.clone(), attempt, state.seed_for(step.as_str())))
        }
        Key::Acquire(id) => {
            let claim = state.claim(id)?.claim().clone();
            let step = state.step(&claim.step)?;
            let point = step.chosen()?.point.clone();
            Box::pin(context.acquire(claim, point, state.restore_outputs(step)))
        }
        Key::Observe(source, _) => Box::pin(context.observe(*source, claims)),
        Key::Check(step, check) => {
            let this = state.step(step)?;
            let subject = match &playbook.step(step)?.action {
                Action::Verify(verify) => match &verify.subject {
                    Subject::Database(database) => Some(&database.step),
                    Subject::Http | Subject::Kubernetes => None,
                },
                _ => Some(step),
            };
            let restored = subject.and_then(|id| state.step(id));
            let point = restored.and_then(|step| step.chosen()).map(|chosen| chosen.point.clone());
            let given = restored.map(|step| state.restore_outputs(step)).unwrap_or_default();
            Box::pin(context.check(step.clone(), this.attempt(), check.clone(), given, point))
        }
        Key::Run(step) => Box::pin(context.run_command(step.clone(), state.step(step)?.attempt())),
        Key::Release(id) => {
            let claim = state.claim(id)?.claim().clone();
            // The point is that of the claim's own attempt where it is the step's last; a release does not depend on it.
            let point = state.step(&claim.step)?.chosen().map(|chosen| chosen.point.clone());
            Box::pin(context.release(claim, point))
        }
    })
}

/// What the finished steps of a run gave.
fn known(state: &RunState) -> Known {
    let done = state.steps().iter().filter(|step| step.status() == StepStatus::Succeeded);
    Known {
        run: state.declaration().run.to_string(),
        declared: state.declared().to_string(),
        steps: done.map(|step| (step.id().clone(), step.outputs().clone())).collect(),
    }
}

struct Context {
    ports: Ports,
    playbook: Arc<Playbook>,
    known: Known,
    declared: crate::time::Timestamp,
    run: crate::ids::RunId,
}

fn no_provider(kind: SourceKind) -> Fault {
    Fault::new(FaultClass::Refused, format!("this build of firedrill can't restore from `{}`", kind.key()))
}

impl Context {
    fn restore<'a>(&'a self, step: &'a StepId, attempt: u32, restore: &'a Restore) -> RestoreRequest<'a> {
        RestoreRequest {
            run: self.run,
            step,
            attempt,
            restore,
            folder: self.playbook.folder(),
            scratch_folder: self.playbook.scratch().folder.as_deref(),
            declared: self.declared,
        }
    }

    fn restore_of(&self, step: &StepId) -> Result<&Restore, Fault> {
        match self.playbook.step(step).map(|step| &step.action) {
            Some(Action::Restore(restore)) => Ok(restore),
            _ => Err(Fault::new(
                FaultClass::Permanent,
                format!("step {step} is no restore in the journaled playbook"),
            )),
        }
    }

    fn provider(&self, kind: SourceKind) -> Result<&dyn crate::ports::Provider, Fault> {
        self.ports.providers.get(&kind).map(Arc::as_ref).ok_or_else(|| no_provider(kind))
    }

    /// What `work` gives, or a timeout.
    async fn within<T>(
        &self,
        limit: Period,
        what: &str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            biased;
            result = work => result,
            () = self.ports.clock.sleep(limit) => {
                Err(Fault::new(FaultClass::Timeout, format!("{what} took longer than {limit}")))
            }
        }
    }

    async fn preflight(self) -> Done {
        let (mut facts, mut refusals, mut surroundings) = (Vec::new(), Vec::new(), Vec::new());
        for step in self.playbook.steps() {
            let found = match &step.action {
                Action::Restore(restore) => match self.provider(restore.source.kind()) {
                    Ok(provider) => {
                        let ask = self.restore(&step.id, 1, restore);
                        let look = provider.preflight(&ask);
                        self.within(PREFLIGHT_LIMIT, "the preflight", look).await
                    }
                    Err(fault) => Err(fault),
                },
                Action::Verify(verify) if verify.subject == Subject::Kubernetes => Err(Fault::new(
                    FaultClass::Refused,
                    "this build of firedrill has no checks for Kubernetes",
                )),
                _ => continue,
            };
            let of_step = |text: String| format!("step {}: {text}", step.id);
            match found {
                Ok(found) => {
                    facts.extend(found.facts.into_iter().map(of_step));
                    refusals.extend(found.refusals.into_iter().map(of_step));
                }
                Err(fault) if matches!(fault.class, FaultClass::Refused | FaultClass::Permanent) => {
                    refusals.push(of_step(fault.message));
                }
                Err(fault) => surroundings.push(of_step(fault.message)),
            }
        }
        Done::Looked { facts, refusals, surroundings }
    }

    async fn choose(self, step: StepId, attempt: u32, seed: u64) -> Done {
        let result = self.chosen(&step, attempt, seed).await;
        Done::Chosen { step, attempt, result: Box::new(result) }
    }

    async fn chosen(&self, step: &StepId, attempt: u32, seed: u64) -> Result<(Choice, Vec<Link>), Fault> {
        let restore = self.restore_of(step)?;
        let provider = self.provider(restore.source.kind())?;
        let ask = self.restore(step, attempt, restore);
        let candidates = provider.recovery_points(&ask).await?;
        let choice = choose(&restore.recovery_point, restore.max_age, candidates, self.declared, seed)?;
        let chain = provider.chain(&ask, &choice.point)?;
        if chain.is_empty() {
            return Err(Fault::new(
                FaultClass::Permanent,
                "the source knows no way to restore this recovery point",
            ));
        }
        Ok((choice, chain))
    }

    async fn acquire(self, claim: Claim, point: RecoveryPoint, earlier: Outputs) -> Done {
        let result = async {
            let restore = self.restore_of(&claim.step)?;
            let ask = AcquireRequest {
                restore: self.restore(&claim.step, claim.attempt, restore),
                claim: &claim,
                point: &point,
                earlier: &earlier,
                known: &self.known,
                progress: self.ports.observer.as_ref(),
            };
            self.provider(claim.source)?.acquire(&ask).await
        };
        let result = result.await;
        Done::Acquired { claim: claim.id, result }
    }

    async fn observe(self, source: SourceKind, claims: Vec<Claim>) -> Done {
        let asked: Vec<&Claim> = claims.iter().collect();
        let unknown = |fault: &Fault| {
            let each = |claim: &Claim| (claim.id.clone(), Observation::Unknown(fault.clone()));
            claims.iter().map(each).collect()
        };
        let provider = match self.provider(source) {
            Ok(provider) => provider,
            Err(fault) => return Done::Observed(unknown(&fault)),
        };
        let seen = tokio::select! {
            biased;
            seen = provider.observe(&asked) => seen,
            () = self.ports.clock.sleep(LOOK_LIMIT) => {
                let what = format!("looking at {} claims took longer than {LOOK_LIMIT}", claims.len());
                unknown(&Fault::new(FaultClass::Timeout, what))
            }
        };
        for (id, observation) in &seen {
            self.show(&claims, id, observation);
        }
        Done::Observed(seen)
    }

    /// Ticks for whoever watches; what matters for the run is journaled by the engine.
    fn show(&self, claims: &[Claim], id: &ClaimId, observation: &Observation) {
        let Some(claim) = claims.iter().find(|claim| &claim.id == id) else { return };
        let (done, note) = match observation {
            Observation::Pending { progress, note } => (*progress, note.clone()),
            Observation::Unknown(fault) => (None, fault.message.clone()),
            _ => return,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
        let percent = done.map(|part| (part.clamp(0.0, 1.0) * 100.0) as u64);
        self.ports.observer.tick(crate::ports::Tick {
            step: claim.step.clone(),
            what: claim.link.kind.clone(),
            done: percent,
            total: percent.map(|_| 100),
            unit: "percent",
            note,
        });
    }

    async fn check(
        self,
        step: StepId,
        attempt: u32,
        name: String,
        given: Outputs,
        point: Option<RecoveryPoint>,
    ) -> Done {
        let found = self.find_check(&step, &name);
        let outcome = match found {
            None => {
                could_not("check", Fault::new(FaultClass::Permanent, "it is not in the journaled playbook"))
            }
            Some((check, login)) => {
                let kind = kind_of(&check.kind);
                let work = self.make_check(&step, &check, login.as_ref(), &given, point.as_ref());
                // The verifier stops its own statement; this is for one that can't.
                let limit = check.timeout.map(|timeout| timeout + Period::from_secs(5));
                let result = match limit {
                    None => work.await,
                    Some(limit) => tokio::select! {
                        biased;
                        result = work => result,
                        () = self.ports.clock.sleep(limit) => {
                            Err(Fault::new(FaultClass::Timeout, format!("it took longer than {limit}")))
                        }
                    },
                };
                result.unwrap_or_else(|fault| could_not(kind, fault))
            }
        };
        Done::Checked { step, attempt, check: name, outcome: Box::new(outcome) }
    }

    fn find_check(&self, step: &StepId, name: &str) -> Option<(Check, Option<DatabaseSubject>)> {
        match &self.playbook.step(step)?.action {
            Action::Verify(verify) => {
                let check = verify.checks.iter().find(|check| check.name == name)?;
                let login = match &verify.subject {
                    Subject::Database(database) => Some(database.clone()),
                    Subject::Http | Subject::Kubernetes => None,
                };
                Some((check.clone(), login))
            }
            Action::Restore(restore) => {
                let check = restore.built_in_checks().into_iter().find(|check| check.name == name)?;
                Some((check, None))
            }
            Action::Run(_) | Action::Approve(_) => None,
        }
    }

    async fn make_check(
        &self,
        step: &StepId,
        check: &Check,
        login: Option<&DatabaseSubject>,
        subject: &Outputs,
        point: Option<&RecoveryPoint>,
    ) -> Result<CheckOutcome, Fault> {
        let wants_baseline =
            matches!(&check.kind, CheckKind::Fingerprint(f) if f.expect == FingerprintExpect::Baseline);
        let baseline = match point.filter(|_| wants_baseline) {
            None => None,
            Some(point) => {
                let key = BaselineKey {
                    playbook: self.playbook.name().clone(),
                    step: step.clone(),
                    check: check.name.clone(),
                    point: point.id.clone(),
                };
                self.ports.journal.baseline(&key).await.map_err(|error| {
                    Fault::new(FaultClass::Surroundings, format!("the baseline could not be read: {error}"))
                })?
            }
        };
        let ask = CheckRequest {
            run: self.run,
            step,
            check,
            login,
            subject,
            point,
            baseline: baseline.as_ref(),
            folder: self.playbook.folder(),
            declared: self.declared,
            known: &self.known,
            progress: self.ports.observer.as_ref(),
        };
        self.ports.verifier.check(&ask).await
    }

    async fn run_command(self, id: StepId, attempt: u32) -> Done {
        let result = match self.playbook.step(&id) {
            Some(step) => match &step.action {
                Action::Run(command) => {
                    let ask = CommandRequest {
                        run: self.run,
                        step,
                        command,
                        folder: self.playbook.folder(),
                        known: &self.known,
                    };
                    self.ports.commands.run(&ask).await
                }
                _ => Err(Fault::new(FaultClass::Permanent, "it is no command in the journaled playbook")),
            },
            None => Err(Fault::new(FaultClass::Permanent, "it is not in the journaled playbook")),
        };
        match result {
            Ok(done) => Done::Ran {
                step: id,
                attempt,
                outcome: Box::new(done.outcome),
                outputs: done.outputs,
                fault: None,
            },
            Err(fault) => {
                let outcome = Box::new(could_not(EXIT_CODE, fault.clone()));
                Done::Ran { step: id, attempt, outcome, outputs: Outputs::new(), fault: Some(fault) }
            }
        }
    }

    async fn release(self, claim: Claim, point: Option<RecoveryPoint>) -> Done {
        let result = async {
            let restore = self.restore_of(&claim.step)?;
            let point = point.ok_or_else(|| {
                Fault::new(FaultClass::Permanent, "its recovery point is not in the journal")
            })?;
            let ask = ReleaseRequest {
                restore: self.restore(&claim.step, claim.attempt, restore),
                point: &point,
                known: &self.known,
            };
            let removal = self.provider(claim.source)?.release(&claim, &ask);
            self.within(RELEASE_LIMIT, "the call to remove it", removal).await
        };
        let result = result.await;
        Done::Released { claim: claim.id, result }
    }
}

/// The outcome of a check that could not be made: nothing is proven.
fn could_not(kind: &str, fault: Fault) -> CheckOutcome {
    CheckOutcome {
        status: CheckStatus::Error(fault.class),
        kind: kind.to_owned(),
        expected: "the check to be made".to_owned(),
        actual: fault.message,
        details: Vec::new(),
        rows: None,
        took: Period::ZERO,
        freshness: None,
        digests: Outputs::new(),
    }
}

fn kind_of(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::Integrity => "integrity",
        CheckKind::Fingerprint(_) => "fingerprint",
        CheckKind::Query { .. } => "query",
        CheckKind::Freshness { .. } => "freshness",
        CheckKind::Http(_) => "http",
        CheckKind::Kubernetes => "kubernetes",
    }
}
