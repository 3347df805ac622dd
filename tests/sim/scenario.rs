//! A scenario: a playbook's text, the world that it meets, the people, and what goes wrong.

use super::{
    cloud::{LinkSpec, scratch},
    hub::{EPOCH, Mishap, Weather},
    person::Answer,
};
use firedrill::{drill::Scope, ids::StepId, time::Timestamp};
use std::{collections::BTreeMap, fmt::Write as _};

#[derive(Debug, Clone)]
pub struct Scenario {
    pub seed: u64,
    pub steps: Vec<StepSpec>,
    /// Milliseconds, as in the playbook: both objectives or none.
    pub rto: Option<u64>,
    pub rpo: Option<u64>,
    pub max_duration: u64,
    pub keep_on_failure: Option<u64>,
    /// How long teardown may try before it gives a claim up.
    pub teardown: u64,
    pub weather: Weather,
    /// What befalls the so-many-th call that changes something.
    pub mishaps: BTreeMap<u64, Mishap>,
    /// Steps of the wall clock: true time, and by how much.
    pub jumps: Vec<(u64, i64)>,
    /// Process deaths at these true times.
    pub deaths: Vec<u64>,
    /// How long nobody drives the run after each death.
    pub down: u64,
    pub abort_at: Option<u64>,
    pub noise: Vec<(u64, StepId)>,
    pub quota: usize,
    /// Names that are taken by somebody else's resources before the run makes them: step, attempt, link.
    pub taken: Vec<(StepId, u32, &'static str)>,
}

#[derive(Debug, Clone)]
pub struct StepSpec {
    pub id: StepId,
    pub needs: Vec<StepId>,
    pub required: bool,
    pub timeout: Option<u64>,
    pub attempts: u32,
    pub backoff: u64,
    pub does: Does,
}

#[derive(Debug, Clone)]
pub enum Does {
    Restore(RestoreSpec),
    Verify { of: StepId, parallel: u32, checks: Vec<CheckSpec> },
    Approve { timeout: Option<u64>, answer: Answer },
    Run(CommandTruth),
}

#[derive(Debug, Clone)]
pub struct RestoreSpec {
    /// By the `sqlite` source, which checks its integrity by itself; otherwise by `command`.
    pub sqlite: bool,
    pub scope: Scope,
    pub chain: Vec<LinkSpec>,
    pub points: Vec<PointSpec>,
    pub max_age: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct PointSpec {
    pub id: String,
    pub time: Timestamp,
    /// Its data is right.
    pub right: bool,
    pub unfit: bool,
}

#[derive(Debug, Clone)]
pub struct CheckSpec {
    pub name: String,
    pub required: bool,
    pub judged: Judged,
    pub takes: u64,
    /// It ends with the status "could not be made".
    pub cannot: bool,
    /// A freshness check: the newest row is so much older than the recovery point.
    pub lag: Option<u64>,
    /// A fingerprint against a baseline, which was taken or not.
    pub baseline: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    ByData,
    Never,
    Always,
}

#[derive(Debug, Clone)]
pub struct CommandTruth {
    pub exit: i32,
    pub takes: u64,
}

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 3_600_000;

pub fn step_id(text: &str) -> StepId {
    text.parse().expect("a step id")
}

impl PointSpec {
    pub fn hours_old(id: &str, hours: i64, right: bool) -> Self {
        let time = Timestamp::from_millis(EPOCH - hours * 3_600_000);
        Self { id: id.to_owned(), time, right, unfit: false }
    }
}

impl CheckSpec {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            required: true,
            judged: Judged::ByData,
            takes: 500,
            cannot: false,
            lag: None,
            baseline: None,
        }
    }
}

impl RestoreSpec {
    pub fn calm(sqlite: bool, links: &[(&'static str, u64)]) -> Self {
        Self {
            sqlite,
            scope: scratch(),
            chain: links.iter().map(|(kind, ready)| LinkSpec::calm(kind, *ready)).collect(),
            points: vec![PointSpec::hours_old("newest", 1, true), PointSpec::hours_old("older", 25, true)],
            max_age: None,
        }
    }
}

impl StepSpec {
    pub fn new(id: &str, needs: &[&str], does: Does) -> Self {
        let needs = needs.iter().map(|need| step_id(need)).collect();
        Self { id: step_id(id), needs, required: true, timeout: None, attempts: 1, backoff: 5_000, does }
    }
}

impl Scenario {
    /// A calm day.
    pub fn calm(steps: Vec<StepSpec>) -> Self {
        Self {
            seed: 1,
            steps,
            rto: Some(20 * HOUR),
            rpo: Some(48 * HOUR),
            max_duration: 20 * HOUR,
            keep_on_failure: None,
            teardown: HOUR,
            weather: Weather::default(),
            mishaps: BTreeMap::new(),
            jumps: Vec::new(),
            deaths: Vec::new(),
            down: 5_000,
            abort_at: None,
            noise: Vec::new(),
            quota: 1000,
            taken: Vec::new(),
        }
    }

    pub fn step(&self, id: &StepId) -> &StepSpec {
        self.steps.iter().find(|step| step.id == *id).expect("a step of the scenario")
    }

    pub fn restore(&self, id: &StepId) -> &RestoreSpec {
        match &self.step(id).does {
            Does::Restore(restore) => restore,
            other => panic!("{id} is no restore but {other:?}"),
        }
    }

    pub fn point(&self, asset: &str, id: &str) -> &PointSpec {
        let points = &self.restore(&step_id(asset)).points;
        points.iter().find(|point| point.id == id).expect("a point of the scenario")
    }

    pub fn command(&self, id: &StepId) -> &CommandTruth {
        match &self.step(id).does {
            Does::Run(command) => command,
            other => panic!("{id} is no command but {other:?}"),
        }
    }

    /// A check of a verify step, or the one that a `sqlite` restore makes by itself.
    pub fn check(&self, step: &StepId, name: &str) -> CheckSpec {
        match &self.step(step).does {
            Does::Verify { checks, .. } => {
                checks.iter().find(|check| check.name == name).expect("a check of the step").clone()
            }
            _ => CheckSpec { judged: Judged::Always, ..CheckSpec::new(name) },
        }
    }

    pub fn answers(&self) -> BTreeMap<StepId, Answer> {
        let answer = |step: &StepSpec| match &step.does {
            Does::Approve { answer, .. } => Some((step.id.clone(), answer.clone())),
            _ => None,
        };
        self.steps.iter().filter_map(answer).collect()
    }

    /// The playbook's text.
    pub fn text(&self) -> String {
        let mut text = "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: { name: simulated }\n".to_owned();
        if let Some((rto, rpo)) = self.rto.zip(self.rpo) {
            let _ = writeln!(text, "objectives: {{ rto: {}, rpo: {} }}", period(rto), period(rpo));
        }
        let keep = self.keep_on_failure.map(|ms| format!(", keep_on_failure: {}", period(ms)));
        let _ = writeln!(
            text,
            "limits: {{ max_duration: {}, teardown: {}{} }}",
            period(self.max_duration),
            period(self.teardown),
            keep.unwrap_or_default()
        );
        text += "steps:\n";
        for step in &self.steps {
            step.write(&mut text);
        }
        text
    }
}

fn period(ms: u64) -> String {
    firedrill::time::Period::from_millis(ms).to_string()
}

impl StepSpec {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  - id: {}", self.id);
        if !self.needs.is_empty() {
            let needs: Vec<_> = self.needs.iter().map(StepId::as_str).collect();
            let _ = writeln!(text, "    needs: [{}]", needs.join(", "));
        }
        if !self.required {
            *text += "    required: false\n";
        }
        if let Some(timeout) = self.timeout {
            let _ = writeln!(text, "    timeout: {}", period(timeout));
        }
        if self.attempts > 1 {
            let backoff = period(self.backoff);
            let _ = writeln!(text, "    retry: {{ attempts: {}, backoff: {backoff} }}", self.attempts);
        }
        match &self.does {
            Does::Restore(restore) => restore.write(&self.id, text),
            Does::Verify { of, parallel, checks } => {
                let _ = writeln!(
                    text,
                    "    verify:\n      sql:\n        database: {of}\n        parallel: {parallel}\n        checks:"
                );
                for check in checks {
                    check.write(text);
                }
            }
            Does::Approve { timeout, .. } => {
                let timeout = timeout.map(|ms| format!(", timeout: {}", period(ms))).unwrap_or_default();
                let _ = writeln!(text, "    approve: {{ question: \"Is it well?\"{timeout} }}");
            }
            Does::Run(_) => *text += "    run: { argv: [\"true\"] }\n",
        }
    }
}

impl RestoreSpec {
    fn write(&self, id: &StepId, text: &mut String) {
        *text += "    restore:\n";
        let max_age = self.max_age.map(|ms| format!(", max_age: {}", period(ms))).unwrap_or_default();
        if self.sqlite {
            let _ = writeln!(text, "      sqlite: {{ backup: backups/{id}{max_age} }}");
        } else {
            let _ = writeln!(
                text,
                "      command: {{ commands: {{ recovery_point: [points, {id}], acquire: [make], \
                 release: [remove] }}{max_age} }}"
            );
        }
    }
}

impl CheckSpec {
    fn write(&self, text: &mut String) {
        let required = if self.required { "" } else { ", required: false" };
        let what = match (self.lag, self.baseline) {
            (Some(_), _) => "freshness: \"select max(at) from t\"",
            (_, Some(_)) => "fingerprint: { tables: [t] }, expect: baseline",
            _ => "query: \"select 1\", expect: { equals: 1 }",
        };
        let _ = writeln!(text, "          - {{ name: {}, {what}{required} }}", self.name);
    }
}
