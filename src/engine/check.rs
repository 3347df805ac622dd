//! Making a check: finding it in the playbook, its baseline in the journal, and bounding its time.

use super::{activity::Context, perform::Done};
use crate::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass, Outputs, RecoveryPoint},
    ids::StepId,
    playbook::{Action, Check, CheckKind, DatabaseSubject, FingerprintExpect, Source, Subject},
    ports::{BaselineKey, CheckRequest},
    time::Period,
};

impl Context {
    pub(super) async fn check(
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
                let patience = match &check.kind {
                    // Asked again and again: the timeout is that of one request.
                    CheckKind::Http(http) => http.within.unwrap_or_default(),
                    _ => Period::ZERO,
                };
                let limit = check.timeout.map(|timeout| timeout + patience + Period::from_secs(5));
                let result = match limit {
                    None => work.await,
                    Some(limit) => self.within(limit, "it", work).await,
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

    /// Where the data that a step looks at was restored from.
    fn source_of(&self, step: &StepId, login: Option<&DatabaseSubject>) -> Option<&Source> {
        let restored_by = login.map_or(step, |login| &login.step);
        match &self.playbook.step(restored_by)?.action {
            Action::Restore(restore) => Some(&restore.source),
            _ => None,
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
        let wants_baseline = match &check.kind {
            CheckKind::Fingerprint(check) => check.expect == FingerprintExpect::Baseline,
            CheckKind::Schema(check) => check.expect == FingerprintExpect::Baseline,
            _ => false,
        };
        let baseline = match point.filter(|_| wants_baseline) {
            None => None,
            Some(point) => {
                let key = BaselineKey {
                    playbook: self.playbook.name().clone(),
                    step: step.clone(),
                    check: check.name.clone(),
                    point: point.id.clone(),
                };
                self.ports
                    .journal
                    .baseline(&key)
                    .await
                    .map_err(|error| {
                        Fault::new(
                            FaultClass::Surroundings,
                            format!("the baseline could not be read: {error}"),
                        )
                    })?
                    // A backup that was overwritten in place keeps its id: its moment must be the same too.
                    .filter(|baseline| baseline.point_time == point.time)
            }
        };
        let ask = CheckRequest {
            run: self.run,
            step,
            check,
            login,
            subject,
            point,
            source: self.source_of(step, login),
            baseline: baseline.as_ref(),
            folder: self.playbook.folder(),
            declared: self.declared,
            known: &self.known,
            progress: self.ports.observer.as_ref(),
        };
        self.ports.verifier.check(&ask).await
    }
}

/// The outcome of a check that could not be made: nothing is proven.
pub(super) fn could_not(kind: &str, fault: Fault) -> CheckOutcome {
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
        CheckKind::Schema(_) => "schema",
        CheckKind::Sequences => "sequences",
        CheckKind::References { .. } => "references",
        CheckKind::Fingerprint(_) => "fingerprint",
        CheckKind::Query { .. } => "query",
        CheckKind::Freshness { .. } => "freshness",
        CheckKind::Http(_) => "http",
        CheckKind::Kubernetes => "kubernetes",
    }
}
