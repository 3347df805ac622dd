//! The command runner: commands whose exit code is known.

use super::{
    hub::{Hub, Mishap, fault},
    journal::SimJournal,
    scenario::Scenario,
    truth::Proven,
};
use async_trait::async_trait;
use firedrill::{
    drill::{CheckOutcome, CheckStatus, Fault, FaultClass},
    ports::{CommandDone, CommandRequest, CommandRunner},
    time::Period,
};
use std::{collections::BTreeMap, future::pending, sync::Arc};

pub struct SimCommands {
    pub hub: Arc<Hub>,
    pub journal: Arc<SimJournal>,
    pub scenario: Arc<Scenario>,
}

#[async_trait]
impl CommandRunner for SimCommands {
    async fn run(&self, ask: &CommandRequest<'_>) -> Result<CommandDone, Fault> {
        let spec = self.scenario.command(&ask.step.id);
        self.hub.log(|| format!("run {}", ask.step.id));
        let mishap = self.hub.mishap();
        self.hub.wait(spec.takes).await;
        match mishap {
            Mishap::Hangs => pending().await,
            Mishap::Slow => self.hub.wait(90_000).await,
            Mishap::Fails(class) => return Err(fault(class)),
            Mishap::AckLost => return Err(fault(FaultClass::Transient)),
            Mishap::RequestLost | Mishap::None => {}
        }
        let good = spec.exit == 0;
        if good {
            let (at, attempt) = (self.hub.now(), self.journal.lock().attempt(&ask.step.id));
            let proven = Proven { step: ask.step.id.clone(), check: "exit code".to_owned(), at, attempt };
            self.hub.lock().truth.proven.push(proven);
        }
        let outcome = CheckOutcome {
            status: if good { CheckStatus::Passed } else { CheckStatus::Failed },
            kind: "exit code".to_owned(),
            expected: "0".to_owned(),
            actual: spec.exit.to_string(),
            details: Vec::new(),
            rows: None,
            took: Period::from_millis(spec.takes),
            freshness: None,
            digests: BTreeMap::new(),
        };
        let outputs = BTreeMap::from([("exit_code".to_owned(), spec.exit.to_string())]);
        Ok(CommandDone { outcome, outputs })
    }
}
