//! A journal under construction, for tests; the finished ones are in `stories`.

use super::{RunSummary, summarise};
use crate::{
    drill::{
        Candidate, CheckOutcome, CheckStatus, Claim, Declaration, Entry, Event, Fault, FaultClass, Hydration,
        Link, Outputs, RecoveryPoint, Scope, StepKind, StepOutline, TeardownReason, Trigger, fold,
    },
    ids::{ClaimId, Digest, RunId, StepId},
    playbook::{Limits, Objectives, Retry, SourceKind},
    time::{Period, Timestamp},
};

/// 2026-11-23T09:00:00Z, when every story begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_424_400_000);

pub(super) const MINUTE: u64 = 60_000;

/// A journal under construction. Times are given in milliseconds since the declaration.
pub(crate) struct Story {
    pub entries: Vec<Entry>,
}

pub(crate) fn id(text: &str) -> StepId {
    text.parse().expect("a step id")
}

/// An outline; `checks` with a leading `?` are not required.
pub(crate) fn outline(name: &str, kind: StepKind, needs: &[&str], checks: &[&str]) -> StepOutline {
    StepOutline {
        id: id(name),
        kind,
        needs: needs.iter().map(|need| id(need)).collect(),
        required: true,
        timeout: None,
        retry: Retry::default(),
        checks: checks
            .iter()
            .map(|check| (check.trim_start_matches('?').to_owned(), !check.starts_with('?')))
            .collect(),
        parallel: 4,
        counts_for_rpo: matches!(kind, StepKind::Restore(_) | StepKind::Verify),
        question: (kind == StepKind::Approve)
            .then(|| "Did the on-call engineer reach the runbook?".to_owned()),
    }
}

pub(crate) const SQLITE: StepKind = StepKind::Restore(SourceKind::Sqlite);
pub(crate) const RDS: StepKind = StepKind::Restore(SourceKind::Rds);

pub(super) fn at(millis: u64) -> Timestamp {
    START + Period::from_millis(millis)
}

pub(crate) fn point(id: &str, age_minutes: u64) -> RecoveryPoint {
    RecoveryPoint {
        id: id.to_owned(),
        time: START - Period::from_millis(age_minutes * MINUTE),
        time_source: "file name".to_owned(),
        location: Some("/var/backups/orders".to_owned()),
        bytes: Some(48_234_496),
        encrypted: Some(false),
        details: Outputs::new(),
    }
}

pub(crate) fn passed_check(kind: &str, expected: &str, actual: &str, rows: Option<u64>) -> CheckOutcome {
    CheckOutcome {
        status: CheckStatus::Passed,
        kind: kind.to_owned(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
        details: Vec::new(),
        rows,
        took: Period::from_millis(1_250),
        freshness: None,
        digests: Outputs::new(),
    }
}

impl Story {
    pub fn new(steps: Vec<StepOutline>, rto: Option<&str>, rpo: Option<&str>) -> Self {
        let objectives = Objectives {
            rto: rto.map(|text| text.parse().expect("a period")),
            rpo: rpo.map(|text| text.parse().expect("a period")),
        };
        let declaration = Declaration {
            run: RunId::new(START, [1, 2, 3, 4, 5, 6, 0x9c, 0x2f, 0x1a, 0x04]),
            playbook: "orders-platform".parse().expect("a name"),
            digest: Digest::of(b"playbook"),
            trigger: Trigger::Manual,
            reason: Some("quarterly drill".to_owned()),
            by: "ada@drill-host".to_owned(),
            version: "0.1.0".to_owned(),
            objectives,
            limits: Limits::default(),
            seed: 7,
            scenario: Some("eu-west-1 is lost; orders are taken again from eu-central-1.".to_owned()),
            controls: vec!["SOC2:A1.3".to_owned(), "ISO27001:A.5.30".to_owned()],
            steps,
        };
        let first = Entry { seq: 1, at: START, event: Event::Declared(Box::new(declaration)) };
        Self { entries: vec![first] }
    }

    pub fn declaration(&mut self) -> &mut Declaration {
        match &mut self.entries[0].event {
            Event::Declared(declaration) => declaration,
            _ => panic!("the first entry is the declaration"),
        }
    }

    pub fn push(&mut self, millis: u64, event: Event) -> &mut Self {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, at: at(millis), event });
        self
    }

    pub fn cleared(&mut self, millis: u64) -> &mut Self {
        let facts = vec!["scratch folder /srv/drill is allowed and has 80 GB free".to_owned()];
        self.push(millis, Event::Cleared { facts })
    }

    pub fn start(&mut self, millis: u64, step: &str, attempt: u32) -> &mut Self {
        self.push(millis, Event::StepStarted { step: id(step), attempt })
    }

    pub fn choose(
        &mut self,
        millis: u64,
        step: &str,
        attempt: u32,
        point: RecoveryPoint,
        chain: &[&str],
    ) -> &mut Self {
        let older = RecoveryPoint {
            id: format!("{}.older", point.id),
            time: point.time - Period::from_secs(86_400),
            ..point.clone()
        };
        let unfit = Candidate {
            point: RecoveryPoint { id: format!("{}.partial", point.id), bytes: Some(0), ..older.clone() },
            unfit: Some("empty file".to_owned()),
        };
        let considered = vec![
            Candidate { point: point.clone(), unfit: None },
            Candidate { point: older, unfit: None },
            unfit,
        ];
        let chain = chain.iter().map(|kind| link(step, attempt, kind)).collect();
        self.push(
            millis,
            Event::PointChosen {
                step: id(step),
                attempt,
                point,
                considered,
                considered_total: 14,
                because: "the newest that is fit".to_owned(),
                chain,
            },
        )
    }

    pub fn intend(&mut self, millis: u64, step: &str, attempt: u32, kind: &str) -> &mut Self {
        let claim = Claim {
            id: ClaimId::new(&id(step), attempt, kind),
            run: RunId::new(START, [0; 10]),
            step: id(step),
            attempt,
            source: SourceKind::Sqlite,
            link: link(step, attempt, kind),
            expires: at(26 * 60 * MINUTE),
        };
        self.push(millis, Event::ClaimIntended { claim })
    }

    pub fn acquired(&mut self, millis: u64, step: &str, attempt: u32, kind: &str) -> &mut Self {
        let claim = ClaimId::new(&id(step), attempt, kind);
        self.push(millis, Event::ClaimAcquired { claim, receipts: vec![format!("request {step}-{kind}")] })
    }

    pub fn ready(
        &mut self,
        millis: u64,
        step: &str,
        attempt: u32,
        kind: &str,
        hydration: Hydration,
    ) -> &mut Self {
        let claim = ClaimId::new(&id(step), attempt, kind);
        let outputs = [("path".to_owned(), format!("/srv/drill/{step}/orders.db"))].into();
        self.push(millis, Event::ClaimReady { claim, outputs, hydration })
    }

    /// One link, from the start of the step until it is ready.
    pub fn restored(
        &mut self,
        from: u64,
        to: u64,
        step: &str,
        attempt: u32,
        point: RecoveryPoint,
    ) -> &mut Self {
        let piece = (to - from) / 10;
        self.start(from, step, attempt)
            .choose(from + piece, step, attempt, point, &["folder"])
            .intend(from + piece, step, attempt, "folder")
            .acquired(to - piece, step, attempt, "folder")
            .ready(to, step, attempt, "folder", Hydration::Complete)
    }

    pub fn check(
        &mut self,
        millis: u64,
        step: &str,
        attempt: u32,
        check: &str,
        outcome: CheckOutcome,
    ) -> &mut Self {
        self.push(millis, Event::CheckFinished { step: id(step), attempt, check: check.to_owned(), outcome })
    }

    pub fn succeed(&mut self, millis: u64, step: &str) -> &mut Self {
        let outputs = [("path".to_owned(), format!("/srv/drill/{step}/orders.db"))].into();
        self.push(millis, Event::StepSucceeded { step: id(step), outputs })
    }

    pub fn fail(
        &mut self,
        millis: u64,
        step: &str,
        attempt: u32,
        class: FaultClass,
        message: &str,
        retry: Option<u64>,
    ) -> &mut Self {
        self.push(
            millis,
            Event::AttemptFailed {
                step: id(step),
                attempt,
                fault: Fault::new(class, message),
                retry_at: retry.map(at),
            },
        )
    }

    pub fn teardown(&mut self, millis: u64, reason: TeardownReason) -> &mut Self {
        self.push(millis, Event::TeardownBegan { reason })
    }

    pub fn release(&mut self, millis: u64, step: &str, attempt: u32, kind: &str) -> &mut Self {
        let claim = ClaimId::new(&id(step), attempt, kind);
        self.push(millis, Event::ReleaseIntended { claim: claim.clone(), tries: 1 })
            .push(millis, Event::ReleaseAccepted { claim, receipts: Vec::new() })
    }

    pub fn removed(&mut self, from: u64, to: u64, step: &str, attempt: u32, kind: &str) -> &mut Self {
        let claim = ClaimId::new(&id(step), attempt, kind);
        let proof = format!("folder /srv/drill/{step}-{attempt} was looked for and is not there");
        self.release(from, step, attempt, kind).push(to, Event::ClaimRemoved { claim, proof })
    }

    /// The end, with the verdict that the events prove.
    pub fn finish(&mut self, millis: u64) -> &mut Self {
        let state = fold(&self.entries).expect("a legal story");
        let event = Event::Finished {
            verdict: state.verdict(),
            teardown: state.teardown(),
            reasons: state.reasons(),
        };
        self.push(millis, event)
    }

    pub fn summary(&self) -> RunSummary {
        self.summary_at(0)
    }

    pub fn summary_at(&self, millis: u64) -> RunSummary {
        let summary = summarise(&self.entries, at(millis)).expect("a legal story");
        summary.with_head(Some(Digest::of(b"head")))
    }
}

fn link(step: &str, attempt: u32, kind: &str) -> Link {
    Link {
        kind: kind.to_owned(),
        scope: Scope::Folder("/srv/drill".to_owned()),
        name: format!("fd-9c2f1a04-{step}-{attempt}-{kind}"),
        params: Outputs::new(),
        settle: Period::ZERO,
    }
}
