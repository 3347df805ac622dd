//! What a run proved: never better than its events say.

use super::{FaultClass, Phase, RunState, StepStatus, Teardown, TeardownReason, Verdict};

impl RunState {
    /// What the run proves as it stands. Of two verdicts that both fit, the worse one.
    ///
    /// | what happened | verdict |
    /// | --- | --- |
    /// | refused by a rule / for want of the surroundings | refused / failed (surroundings) |
    /// | a required step failed or was skipped, or a required check did not run to success | failed |
    /// | … and every failure is one of credentials, network, disk | failed (surroundings) |
    /// | … but only since it was stopped on request | aborted |
    /// | all proven, later than the RTO or older than the RPO, or one of them not measurable | objective missed |
    /// | all proven in time | passed |
    pub fn verdict(&self) -> Verdict {
        if let Phase::Refused { surroundings, .. } = self.phase {
            return if surroundings { Verdict::SurroundingsFailed } else { Verdict::Refused };
        }
        if let Phase::Finished { verdict, .. } = self.phase {
            return verdict;
        }
        let stopped = self.cut_short == Some(TeardownReason::Aborted);
        let required = || self.steps.iter().filter(|step| step.outline.required);
        let proven =
            required().all(|step| step.status == StepStatus::Succeeded && step.required_checks_passed());
        if !proven {
            return self.why_not_proven(stopped);
        }
        if stopped {
            return Verdict::Aborted;
        }
        let objectives = self.declaration.objectives;
        let late = objectives.rto.is_some_and(|rto| self.rta().is_none_or(|rta| rta > rto));
        let old = objectives.rpo.is_some_and(|rpo| self.rpa().is_none_or(|rpa| rpa > rpo));
        if late || old { Verdict::ObjectiveMissed } else { Verdict::Passed }
    }

    fn why_not_proven(&self, stopped: bool) -> Verdict {
        let failed =
            self.steps.iter().filter(|step| step.outline.required && step.status == StepStatus::Failed);
        // A step that was under way when the run was stopped tells nothing, unless one of its checks had failed.
        let by_itself = |step: &&super::StepState| !step.stopped || step.check_fault().is_some();
        let failed: Vec<_> = failed.filter(by_itself).collect();
        if failed.is_empty() {
            return if stopped { Verdict::Aborted } else { Verdict::Failed };
        }
        let surroundings = |step: &&super::StepState| {
            step.fault.as_ref().is_some_and(|fault| fault.class == FaultClass::Surroundings)
        };
        if failed.iter().all(surroundings) { Verdict::SurroundingsFailed } else { Verdict::Failed }
    }

    /// What the run leaves behind as it stands.
    pub fn teardown(&self) -> Teardown {
        match self.leaked() {
            0 => Teardown::Clean,
            count => Teardown::Leaked(count),
        }
    }

    /// The verdict's reasons in words, the worst first.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let leaked = self.claims.iter().filter(|claim| claim.stage == super::ClaimStage::Leaked);
        reasons.extend(leaked.map(|claim| {
            let link = &claim.claim.link;
            format!("{} `{}` in {} may be left behind", link.kind, link.name, link.scope)
        }));
        if let Phase::Refused { reasons: why, .. } = &self.phase {
            reasons.extend(why.iter().cloned());
        }
        for step in &self.steps {
            let word = if step.outline.required { "" } else { " (not required)" };
            match step.status {
                StepStatus::Failed => {
                    let why = step.fault.as_ref().map_or("no reason was recorded", |f| f.message.as_str());
                    reasons.push(format!("step {} failed{word}: {why}", step.id()));
                }
                StepStatus::Skipped if step.outline.required => {
                    reasons.push(format!("step {} was skipped", step.id()));
                }
                _ => {}
            }
        }
        if self.cut_short == Some(TeardownReason::Aborted) {
            reasons.push(format!("aborted by {}", self.abort.as_deref().unwrap_or("someone")));
        }
        if self.verdict() == Verdict::ObjectiveMissed {
            let objectives = self.declaration.objectives;
            let mut compare =
                |what: &str, objective: Option<crate::time::Period>, actual: Option<crate::time::Period>| {
                    if let Some(objective) = objective {
                        match actual {
                            Some(actual) if actual > objective => reasons.push(format!(
                                "{what} {} is over the objective of {}",
                                actual.human(),
                                objective.human()
                            )),
                            None => reasons.push(format!("{what} could not be measured")),
                            _ => {}
                        }
                    }
                };
            compare("recovery time", objectives.rto, self.rta());
            compare("recovery point", objectives.rpo, self.rpa());
        }
        reasons
    }
}
