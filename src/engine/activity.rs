//! What the engine does through ports: each activity is a future that owns what it needs.

use super::{
    check::could_not,
    perform::{Done, EXIT_CODE},
};
use crate::{
    drill::{Choice, Claim, Fault, FaultClass, Link, Outputs, RecoveryPoint, choose},
    ids::{ClaimId, RunId, StepId},
    playbook::{Action, Playbook, Restore, SourceKind, Subject},
    ports::{
        AcquireRequest, CommandRequest, Known, Observation, Ports, Provider, ReleaseRequest, RestoreRequest,
        Tick,
    },
    time::{Period, Timestamp},
};
use std::sync::Arc;

/// A look at claims that takes longer than this tells nothing.
const LOOK_LIMIT: Period = Period::from_secs(60);
/// A preflight that takes longer than this has failed: before it there is no other end of the run in sight.
const PREFLIGHT_LIMIT: Period = Period::from_secs(300);
/// A call to remove that takes longer than this is made again, rather than waited for until the claim is leaked.
const RELEASE_LIMIT: Period = Period::from_secs(600);

/// What an activity works with.
pub(super) struct Context {
    pub(super) ports: Ports,
    pub(super) playbook: Arc<Playbook>,
    pub(super) known: Known,
    pub(super) declared: Timestamp,
    pub(super) run: RunId,
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
            scratch_aws: self.playbook.scratch().aws.as_ref(),
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

    fn provider(&self, kind: SourceKind) -> Result<&dyn Provider, Fault> {
        self.ports.providers.get(&kind).map(Arc::as_ref).ok_or_else(|| no_provider(kind))
    }

    /// What `work` gives, or a timeout.
    pub(super) async fn within<T>(
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

    pub(super) async fn preflight(self) -> Done {
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

    pub(super) async fn choose(self, step: StepId, attempt: u32, seed: u64) -> Done {
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

    pub(super) async fn acquire(self, claim: Claim, point: RecoveryPoint, earlier: Outputs) -> Done {
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

    pub(super) async fn observe(self, source: SourceKind, claims: Vec<Claim>) -> Done {
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
        self.ports.observer.tick(Tick {
            step: claim.step.clone(),
            what: claim.link.kind.clone(),
            done: percent,
            total: percent.map(|_| 100),
            unit: "percent",
            note,
        });
    }

    pub(super) async fn run_command(self, id: StepId, attempt: u32) -> Done {
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

    pub(super) async fn release(self, claim: Claim, point: Option<RecoveryPoint>) -> Done {
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
