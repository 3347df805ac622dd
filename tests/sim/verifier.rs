//! The verifier port: a check passes only if the simulated data is right, and sometimes cannot be made.

use super::{
    cloud::{Cloud, Truly, scratch},
    hub::{Hub, Mishap, fault},
    journal::SimJournal,
    scenario::{Judged, Scenario},
    truth::Proven,
};
use async_trait::async_trait;
use firedrill::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass},
    playbook::{CheckKind, FingerprintExpect},
    ports::{CheckRequest, Verifier},
    time::Period,
};
use std::{collections::BTreeMap, future::pending, sync::Arc};

pub struct SimVerifier {
    pub hub: Arc<Hub>,
    pub cloud: Arc<Cloud>,
    pub journal: Arc<SimJournal>,
    pub scenario: Arc<Scenario>,
}

impl SimVerifier {
    /// The recovery point and asset whose data is really looked at.
    fn data(&self, ask: &CheckRequest<'_>) -> Result<(String, String), Fault> {
        let name = ask.subject.get("path").ok_or_else(|| fault(FaultClass::Permanent))?;
        let now = self.hub.now();
        let world = self.cloud.look();
        let resource = world.resources.get(&(scratch(), name.clone()));
        match resource.map(|resource| (resource, resource.truly(now))) {
            Some((resource, Truly::Ready)) => Ok((resource.asset.clone(), resource.point.clone())),
            Some((_, Truly::Creating)) => {
                Err(Fault::new(FaultClass::Transient, "simulated: can't connect yet"))
            }
            _ => Err(Fault::new(FaultClass::Permanent, "simulated: there is no such database")),
        }
    }
}

#[async_trait]
impl Verifier for SimVerifier {
    async fn check(&self, ask: &CheckRequest<'_>) -> Result<CheckOutcome, Fault> {
        let spec = self.scenario.check(ask.step, &ask.check.name);
        let mishap = self.hub.mishap();
        self.hub.log(|| format!("check {} of {} ({mishap:?})", ask.check.name, ask.step));
        self.hub.wait(spec.takes).await;
        match mishap {
            Mishap::Hangs => pending().await,
            Mishap::Slow => self.hub.wait(90_000).await,
            Mishap::Fails(class) => return Err(fault(class)),
            Mishap::AckLost => return Err(fault(FaultClass::Transient)),
            Mishap::RequestLost | Mishap::None => {}
        }
        let (asset, point) = self.data(ask)?;
        if ask.point.is_none_or(|told| told.id != point) {
            self.hub.violation(format!("{}: the check was told of another recovery point", ask.step));
        }
        let point = self.scenario.point(&asset, &point);
        let wants_baseline = match &ask.check.kind {
            CheckKind::Fingerprint(check) => check.expect == FingerprintExpect::Baseline,
            _ => false,
        };
        let judged = match spec.judged {
            Judged::ByData => point.right,
            Judged::Never => false,
            Judged::Always => true,
        };
        let right = judged && (!wants_baseline || ask.baseline.is_some_and(|base| base.point == point.id));
        let status = if spec.cannot {
            CheckStatus::Error(FaultClass::Permanent)
        } else if right {
            CheckStatus::Passed
        } else {
            CheckStatus::Failed
        };
        if status == CheckStatus::Passed {
            let (at, attempt) = (self.hub.now(), self.journal.lock().attempt(ask.step));
            let proven = Proven { step: ask.step.clone(), check: ask.check.name.clone(), at, attempt };
            self.hub.lock().truth.proven.push(proven);
        }
        Ok(CheckOutcome {
            status,
            kind: "query".to_owned(),
            expected: "the right data".to_owned(),
            actual: if right { "the right data" } else { "other data" }.to_owned(),
            details: Vec::new(),
            rows: Some(1000),
            took: Period::from_millis(spec.takes),
            freshness: spec.lag.map(|lag| point.time - Period::from_millis(lag)),
            digests: BTreeMap::new(),
        })
    }
}
