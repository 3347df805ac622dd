//! What a run would do, found by the run's own steps: the same preflight, the same choice, the same chain. Nothing is
//! intended, acquired or journaled.

use super::{
    Engine, EngineError, Order,
    activity::{Context, Looked, PREFLIGHT_LIMIT},
    check::{kind_of, wants_baseline},
    declare::declaration,
    planned::{Against, Outlook, Plan, PlannedCheck, PlannedClaim, PlannedRestore, PlannedStep},
};
use crate::{
    drill::{Candidate, Entry, Event, FaultClass, Link, MAX_CONSIDERED, RunState, StepOutline},
    ids::{RunId, StepId},
    playbook::{Action, Check, CheckKind, FingerprintExpect, Playbook, Restore, Selector, Step, Subject},
    ports::Known,
};
use std::{collections::BTreeMap, sync::Arc};

/// Stands for the part of a name that every run draws for itself.
const RUN: &str = "RUN";

impl Engine {
    /// What a run of `playbook` would do now. `sample` tells that the run makes the backups itself, and they are not
    /// there yet.
    pub async fn plan(&self, playbook: Playbook, order: Order, sample: bool) -> Result<Plan, EngineError> {
        let at = self.ports.clock.read().wall;
        let mut random = [0; 10];
        let drawn = self.ports.random.next().to_le_bytes();
        random.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        random[8..].copy_from_slice(&drawn[..2]);
        let run = RunId::new(at, random);
        let declaration = declaration(&playbook, order, run, self.ports.random.next());
        let first = Entry { seq: 1, at, event: Event::Declared(Box::new(declaration)) };
        let state = RunState::begin(&first).map_err(|illegal| EngineError::Illegal { run, illegal })?;
        let known = Known { run: run.to_string(), declared: at.to_string(), ..Known::default() };
        let context =
            Context { ports: self.ports.clone(), playbook: Arc::new(playbook), known, declared: at, run };
        Ok(Planner { context, state, sample }.plan().await)
    }
}

struct Planner {
    context: Context,
    state: RunState,
    sample: bool,
}

impl Planner {
    async fn plan(&self) -> Plan {
        let playbook = &self.context.playbook;
        let mut steps: Vec<PlannedStep> = Vec::new();
        for step in playbook.steps() {
            let Some(outline) = self.state.step(&step.id).map(|step| step.outline()) else { continue };
            let planned = self.step(step, outline, &steps).await;
            steps.push(planned);
        }
        let (outlook, against) = judge(&steps);
        Plan {
            format: "firedrill/plan/v1",
            playbook: playbook.name().clone(),
            digest: playbook.digest(),
            at: self.context.declared,
            objectives: playbook.objectives(),
            limits: self.state.declaration().limits.clone(),
            outlook,
            against,
            steps,
        }
    }

    async fn step(&self, step: &Step, outline: &StepOutline, before: &[PlannedStep]) -> PlannedStep {
        let mut looked = self.context.look_at(step).await.unwrap_or_default();
        let restore = match &step.action {
            Action::Restore(restore) => Some(self.restore(step, outline, restore, &mut looked).await),
            _ => None,
        };
        let needed = before.iter().filter(|other| outline.needs.contains(&other.id));
        PlannedStep {
            id: step.id.clone(),
            kind: outline.kind,
            wave: needed.map(|other| other.wave).max().unwrap_or(0) + 1,
            needs: outline.needs.clone(),
            required: outline.required,
            checks: self.checks(step, outline, before).await,
            facts: looked.facts,
            refusals: looked.refusals,
            surroundings: looked.surroundings,
            restore,
            question: outline.question.clone(),
            timeout: outline.timeout,
        }
    }

    async fn restore(
        &self,
        step: &Step,
        outline: &StepOutline,
        restore: &Restore,
        looked: &mut Looked,
    ) -> PlannedRestore {
        let objective = self.context.playbook.objectives().rpo;
        let mut planned = PlannedRestore {
            wish: restore.recovery_point.clone(),
            point: None,
            because: None,
            drawn: matches!(restore.recovery_point, Selector::RandomWithin(_)),
            age: None,
            max_age: restore.max_age,
            rpo: objective.filter(|_| outline.counts_for_rpo),
            candidates: Vec::new(),
            found: 0,
            claims: Vec::new(),
            fault: None,
            made_by_run: false,
        };
        let listing = self.context.candidates(&step.id, 1);
        let listed = self.context.within(PREFLIGHT_LIMIT, "listing the recovery points", listing).await;
        let candidates = match listed {
            Ok(candidates) => candidates,
            Err(fault) if self.sample => {
                // The preflight says the same of what the run has not made yet.
                looked.refusals.retain(|refusal| *refusal != fault.message);
                planned.made_by_run = true;
                return planned;
            }
            Err(fault) => {
                planned.fault = Some(fault);
                return planned;
            }
        };
        let seed = self.state.seed_for(step.id.as_str());
        match self.context.choice(&step.id, 1, seed, candidates.clone()) {
            Ok((choice, chain)) => {
                planned.age = Some(self.context.declared.since(choice.point.time));
                planned.point = Some(choice.point);
                planned.because = Some(choice.because);
                planned.candidates = choice.considered;
                planned.found = choice.total;
                planned.claims = chain.into_iter().map(|link| self.claim(link)).collect();
            }
            // Too old to be taken: the run makes the sample anew.
            Err(_) if self.sample => planned.made_by_run = true,
            Err(fault) => {
                planned.found = candidates.len() as u64;
                planned.candidates = newest_first(candidates);
                planned.fault = Some(fault);
            }
        }
        planned
    }

    fn claim(&self, link: Link) -> PlannedClaim {
        let name = link.name.replace(&self.context.run.short(), RUN);
        PlannedClaim { kind: link.kind, name, scope: link.scope }
    }

    async fn checks(&self, step: &Step, outline: &StepOutline, before: &[PlannedStep]) -> Vec<PlannedCheck> {
        let (own, subject): (BTreeMap<String, Check>, Option<&StepId>) = match &step.action {
            Action::Verify(verify) => {
                let subject = match &verify.subject {
                    Subject::Database(database) => Some(&database.step),
                    Subject::Http | Subject::Kubernetes => None,
                };
                (verify.checks.iter().map(|check| (check.name.clone(), check.clone())).collect(), subject)
            }
            Action::Restore(restore) => {
                let checks = restore.built_in_checks().into_iter();
                (checks.map(|check| (check.name.clone(), check)).collect(), None)
            }
            Action::Run(_) | Action::Approve(_) => (BTreeMap::new(), None),
        };
        let restored = subject.and_then(|id| before.iter().find(|step| &step.id == id));
        let mut checks = Vec::new();
        for (name, required) in &outline.checks {
            let check = own.get(name);
            let against = match check {
                Some(check) => self.against(&step.id, check, restored).await,
                None => Against::Itself,
            };
            let kind = check.map_or("exit code", |check| kind_of(&check.kind));
            checks.push(PlannedCheck { name: name.clone(), kind, required: *required, against });
        }
        checks
    }

    async fn against(&self, step: &StepId, check: &Check, restored: Option<&PlannedStep>) -> Against {
        if !wants_baseline(check) {
            let live = match &check.kind {
                CheckKind::Fingerprint(check) => check.expect == FingerprintExpect::Source,
                CheckKind::Schema(check) => check.expect == FingerprintExpect::Source,
                _ => false,
            };
            return if live { Against::Source } else { Against::Itself };
        }
        let Some(restore) = restored.and_then(|step| step.restore.as_ref()) else { return Against::NotKnown };
        let Some(point) = &restore.point else {
            return if restore.made_by_run { Against::BaselineOfSample } else { Against::NotKnown };
        };
        match self.context.baseline(step, check, point).await {
            Ok(Some(baseline)) => Against::Baseline { taken: baseline.taken, source: baseline.source },
            Ok(None) if self.context.playbook.metadata().sample.is_some() => Against::BaselineOfSample,
            // The run may draw one that has a baseline.
            Ok(None) if restore.drawn => Against::NotKnown,
            Ok(None) => Against::NoBaseline,
            Err(_) => Against::NotKnown,
        }
    }
}

fn newest_first(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| (b.point.time, &b.point.id).cmp(&(a.point.time, &a.point.id)));
    candidates.truncate(MAX_CONSIDERED);
    candidates
}

/// How it would begin, by the rules of the run: a refusal wins over what could not be looked at.
fn judge(steps: &[PlannedStep]) -> (Outlook, Vec<String>) {
    let (mut refused, mut surroundings, mut failing) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        let of_step = |text: &String| format!("{}: {text}", step.id);
        refused.extend(step.refusals.iter().map(of_step));
        surroundings.extend(step.surroundings.iter().map(of_step));
        let said = |text: &String| step.refusals.contains(text) || step.surroundings.contains(text);
        let fault = step.restore.as_ref().and_then(|restore| restore.fault.as_ref());
        let fault = fault.filter(|fault| !said(&fault.message));
        match fault {
            None => {}
            Some(fault) if fault.class == FaultClass::Refused => refused.push(of_step(&fault.message)),
            Some(fault) if fault.class != FaultClass::Permanent => {
                surroundings.push(of_step(&fault.message));
            }
            Some(fault) if step.required => failing.push(of_step(&fault.message)),
            Some(_) => {}
        }
        let missing = |check: &&PlannedCheck| check.required && check.against == Against::NoBaseline;
        failing.extend(step.checks.iter().filter(missing).filter(|_| step.required).map(|check| {
            format!("{}: check `{}` has no baseline for this recovery point; `firedrill baseline` takes one, with the source as it was at that moment", step.id, check.name)
        }));
    }
    let outlook = match (refused.is_empty(), surroundings.is_empty(), failing.is_empty()) {
        (false, ..) => Outlook::Refused,
        (true, false, _) => Outlook::Surroundings,
        (true, true, false) => Outlook::WouldFail,
        (true, true, true) => Outlook::Ready,
    };
    (outlook, refused.into_iter().chain(surroundings).chain(failing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::{Fault, StepKind};

    fn step(id: &str) -> PlannedStep {
        PlannedStep {
            id: id.parse().expect("a step"),
            kind: StepKind::Verify,
            wave: 1,
            needs: Vec::new(),
            required: true,
            facts: Vec::new(),
            refusals: Vec::new(),
            surroundings: Vec::new(),
            restore: None,
            checks: Vec::new(),
            question: None,
            timeout: None,
        }
    }

    fn failing(id: &str, class: FaultClass) -> PlannedStep {
        let restore = PlannedRestore {
            wish: Selector::Latest,
            point: None,
            because: None,
            drawn: false,
            age: None,
            max_age: None,
            rpo: None,
            candidates: Vec::new(),
            found: 0,
            claims: Vec::new(),
            fault: Some(Fault::new(class, "no recovery point")),
            made_by_run: false,
        };
        PlannedStep { restore: Some(restore), ..step(id) }
    }

    #[test]
    fn a_refusal_wins_and_nothing_is_kept_back() {
        let refused = PlannedStep { refusals: vec!["not scratch".to_owned()], ..step("a") };
        let dark = PlannedStep { surroundings: vec!["no network".to_owned()], ..step("b") };
        let lost = failing("c", FaultClass::Permanent);
        let all = [lost.clone(), dark.clone(), refused];
        let (outlook, against) = judge(&all);
        assert_eq!(outlook, Outlook::Refused);
        assert_eq!(against, ["a: not scratch", "b: no network", "c: no recovery point"]);
        assert_eq!(judge(&[lost.clone(), dark]).0, Outlook::Surroundings);
        assert_eq!(judge(&[lost, failing("d", FaultClass::Permanent)]).1.len(), 2);
        assert_eq!(judge(&[step("e")]), (Outlook::Ready, Vec::new()));
    }

    #[test]
    fn what_the_verdict_does_not_depend_on_is_no_failure() {
        let optional = PlannedStep { required: false, ..failing("a", FaultClass::Permanent) };
        assert_eq!(judge(&[optional]).0, Outlook::Ready);
        let check = |required| PlannedCheck {
            name: "rows".to_owned(),
            kind: "fingerprint",
            required,
            against: Against::NoBaseline,
        };
        let verify = |required| PlannedStep { checks: vec![check(required)], ..step("v") };
        assert_eq!(judge(&[verify(true)]).0, Outlook::WouldFail);
        assert_eq!(judge(&[verify(false)]).0, Outlook::Ready);
    }

    #[test]
    fn what_the_preflight_has_said_is_not_said_twice() {
        let mut both = failing("a", FaultClass::Permanent);
        both.refusals.push("no recovery point".to_owned());
        assert_eq!(judge(&[both]), (Outlook::Refused, vec!["a: no recovery point".to_owned()]));
    }
}
