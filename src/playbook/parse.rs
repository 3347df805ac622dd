//! From a file's text to a checked playbook, or to all of its faults.

use super::{
    calendar,
    graph::Graph,
    model::{
        AwsScratch, KubernetesScratch, Limits, Metadata, Objectives, Playbook, Sample, Schedule, ScratchWish,
    },
    steps, values,
};
use crate::{
    document::{
        self, Faults,
        read::{Context, Fields, Reader},
        words,
    },
    ports::PlaybookText,
    time::Timestamp,
};
use regex::Regex;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// A playbook without faults, and what its author should look at again.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The playbook.
    pub playbook: Playbook,
    /// Warnings only.
    pub warnings: Faults,
}

impl Playbook {
    /// Reads and checks a playbook. Looks at no clock and no other file, so the answer is always the same.
    pub fn parse(file: &Path, text: &str) -> Result<Checked, Faults> {
        Self::parse_at(file, text, None)
    }

    /// As [`Playbook::parse`], and a schedule that does not fire within ten years of `now` is a fault too.
    pub fn parse_at(file: &Path, text: &str, now: Option<Timestamp>) -> Result<Checked, Faults> {
        let mut cx = Context::new(Faults::new(file, text));
        if text.len() > document::MAX_BYTES {
            let message =
                format!("the file has {} bytes; a playbook has at most {}", text.len(), document::MAX_BYTES);
            return Err(Faults::unreadable(file, message, "is this the right file?"));
        }
        let Some(root) = document::parse_yaml(text, &mut cx.faults) else { return Err(cx.faults) };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let parts = cx.read(&root, playbook);
        let late = parts.as_ref().and_then(|parts| parts.schedule.as_ref()).zip(now);
        if let Some((schedule, now)) = late
            && !calendar::fires_soon(schedule, now)
            && let Some(place) = text.find("cron:").map(|start| document::Span { start, end: start + 4 })
        {
            cx.faults.error(place, "this schedule does not fire within ten years", Some("look at its year"));
        }
        match parts {
            Some(parts) if !cx.faults.has_errors() => Ok(Checked {
                playbook: Playbook {
                    text: text.to_owned(),
                    folder,
                    metadata: parts.metadata,
                    scenario: parts.scenario,
                    controls: parts.controls,
                    objectives: parts.objectives,
                    schedule: parts.schedule,
                    limits: parts.limits,
                    scratch: parts.scratch,
                    steps: parts.steps,
                },
                warnings: cx.faults,
            }),
            _ => Err(cx.faults),
        }
    }

    /// As [`Playbook::parse`], from bytes that may not be text.
    pub fn parse_bytes(file: &Path, bytes: &[u8], now: Option<Timestamp>) -> Result<Checked, Faults> {
        Self::parse_at(file, document::text_of(file, bytes).map_err(|faults| *faults)?, now)
    }

    /// Reads a playbook file.
    pub fn load(file: &Path, now: Option<Timestamp>) -> Result<Checked, Faults> {
        let unreadable = |error: std::io::Error| {
            Faults::unreadable(
                file,
                format!("the file can't be read: {error}"),
                "give the path of a playbook",
            )
        };
        let size = std::fs::metadata(file).map_err(unreadable)?.len();
        if size > document::MAX_BYTES as u64 {
            let message =
                format!("the file has {size} bytes; a playbook has at most {}", document::MAX_BYTES);
            return Err(Faults::unreadable(file, message, "is this the right file?"));
        }
        let bytes = std::fs::read(file).map_err(unreadable)?;
        Self::parse_bytes(file, &bytes, now)
    }

    /// Reads a playbook that the journal holds; relative paths start where its file was.
    pub fn parse_text(stored: &PlaybookText) -> Result<Checked, Faults> {
        Self::parse(&stored.folder.join("playbook.yaml"), &stored.text)
    }
}

/// The JSON Schema of a playbook, made by the code that reads it.
pub fn schema() -> Value {
    let mut schema = document::read::describe(playbook);
    if let Value::Object(object) = &mut schema {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("firedrill playbook"));
    }
    schema
}

/// What a file says, all of it right.
struct Parts {
    metadata: Metadata,
    scenario: Option<String>,
    controls: Vec<String>,
    objectives: Objectives,
    schedule: Option<Schedule>,
    limits: Limits,
    scratch: ScratchWish,
    steps: Vec<super::model::Step>,
}

fn playbook(r: &mut Reader<'_>) -> Option<Parts> {
    r.fields("a playbook", |m| {
        let _ = m.need("apiVersion", "`firedrill/v1`.", |r| r.word(&[("firedrill/v1", ())]));
        let _ = m.need("kind", "`Playbook`.", |r| r.word(&[("Playbook", ())]));
        let metadata = m.need("metadata", "What it is called, and whose it is.", metadata);
        let scenario = m.opt("scenario", "What is imagined to have happened.", values::words_of);
        let controls =
            m.opt("controls", "The controls that a run is evidence for: SOC2:A1.3.", |r| r.list(1, control));
        let objectives = m.opt("objectives", "What the business was promised.", objectives);
        let schedule = m.opt("schedule", "When it runs by itself.", calendar::schedule);
        let limits = m.opt("limits", "What a run may take.", limits);
        let scratch = m.opt("scratch", "Where, within what the operator allows.", scratch);
        let steps = m.need("steps", "The steps of the drill.", all_steps);
        if !m.has("objectives") {
            m.warn(
                "metadata",
                "without `objectives` a run measures, but promises nothing",
                "add `objectives: { rto: 2h, rpo: 15m }`",
            );
        }
        times(m, objectives, limits.as_ref(), steps.as_deref());
        Some(Parts {
            metadata: metadata?,
            scenario,
            controls: controls.unwrap_or_default(),
            objectives: objectives.unwrap_or_default(),
            schedule,
            limits: limits.unwrap_or_default(),
            scratch: scratch.unwrap_or_default(),
            steps: steps?,
        })
    })
}

/// Times that can't all be meant.
fn times(
    m: &mut Fields<'_, '_>,
    objectives: Option<Objectives>,
    limits: Option<&Limits>,
    steps: Option<&[super::model::Step]>,
) {
    let Some(max) = limits.map(|limits| limits.max_duration) else { return };
    if let Some(rto) = objectives.and_then(|objectives| objectives.rto)
        && max < rto
    {
        let message = format!("`max_duration` ({max}) is shorter than the recovery time objective ({rto})");
        m.warn("limits", message, "a run is stopped before it could miss its objective; make it longer");
    }
    for step in steps.unwrap_or_default() {
        if let Some(timeout) = step.timeout.filter(|timeout| *timeout > max) {
            let message =
                format!("the timeout of `{}` ({timeout}) is longer than `max_duration` ({max})", step.id);
            m.warn("limits", message, "the run ends first; make one longer or the other shorter");
        }
    }
}

fn metadata(r: &mut Reader<'_>) -> Option<Metadata> {
    r.fields("`metadata`", |m| {
        let name = m.need("name", "A DNS label, unique among the playbooks.", values::playbook_name);
        let description = m.opt("description", "For a person.", values::words_of);
        let owner = m.opt("owner", "The team that answers for it.", values::words_of);
        let sample = m.opt("sample", "A demonstration database that is made before the run.", |r| {
            r.word(&[("orders", Sample::Orders), ("orders-corrupted", Sample::OrdersCorrupted)])
        });
        Some(Metadata { name: name?, description, owner, sample })
    })
}

fn control(r: &mut Reader<'_>) -> Option<String> {
    static FORM: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[A-Za-z][A-Za-z0-9_.-]*:[A-Za-z0-9][A-Za-z0-9_.()/-]*$").ok());
    let help = "write FRAMEWORK:ID without a space: SOC2:A1.3, ISO27001:A.5.30, DORA:11";
    if r.is_map() {
        r.error("a control is one word", help);
        return None;
    }
    r.parsed(json!({ "type": "string", "pattern": "^[A-Za-z][^:]*:.+$" }), "a control", |text| {
        if FORM.as_ref().is_some_and(|form| form.is_match(text)) {
            return Ok(text.to_owned());
        }
        Err((format!("{} is not a control", words::quoted(text)), help.to_owned()))
    })
}

fn objectives(r: &mut Reader<'_>) -> Option<Objectives> {
    r.fields("`objectives`", |m| {
        let rto = m.opt("rto", "The recovery time objective: how soon it works again.", values::duration);
        let rpo = m.opt("rpo", "The recovery point objective: how much may be lost.", values::duration);
        let objectives = Objectives { rto, rpo };
        if objectives == Objectives::default() && !m.has("rto") && !m.has("rpo") {
            m.error("", "`objectives` promises nothing", "add `rto`, `rpo` or both");
        }
        Some(objectives)
    })
}

fn limits(r: &mut Reader<'_>) -> Option<Limits> {
    r.fields("`limits`", |m| {
        let max = m.opt("max_duration", "The whole run until teardown; 1d where left out.", values::duration);
        let keep =
            m.opt("keep_on_failure", "Keep what was restored this long after a failure.", values::duration);
        let teardown = m.opt(
            "teardown",
            "How long teardown may try before it calls something leaked; 1h where left out.",
            values::duration,
        );
        let cost = m.opt("max_cost_usd", "The run is refused where its estimate is higher.", cost);
        let usual = Limits::default();
        Some(Limits {
            max_duration: max.unwrap_or(usual.max_duration),
            keep_on_failure: keep,
            teardown: teardown.unwrap_or(usual.teardown),
            max_cost_usd: cost,
        })
    })
}

fn cost(r: &mut Reader<'_>) -> Option<f64> {
    let schema = json!({ "type": "number", "exclusiveMinimum": 0 });
    r.parsed(schema, "an amount in dollars", |text| {
        text.parse::<f64>().ok().filter(|cost| *cost > 0.0 && *cost <= 1e9).ok_or_else(|| {
            (
                format!("{} is not an amount in dollars", words::quoted(text)),
                "give a number above zero, without a sign of currency".to_owned(),
            )
        })
    })
}

fn scratch(r: &mut Reader<'_>) -> Option<ScratchWish> {
    r.fields("`scratch`", |m| {
        let aws = m.opt("aws", "An AWS account and region.", |r| {
            r.fields("an AWS scratch scope", |m| {
                let account = m.need("account", "Twelve digits.", values::account);
                let region = m.need("region", "Such as eu-central-1.", values::region);
                Some(AwsScratch { account: account?, region: region? })
            })
        });
        let kubernetes = m.opt("kubernetes", "A cluster and namespaces.", |r| {
            r.fields("a Kubernetes scratch scope", |m| {
                let context = m.need("context", "As in the kubeconfig.", values::words_of);
                let namespaces = m.need("namespaces", "Names; `*` at the end stands for the rest.", |r| {
                    r.list(1, values::namespaces)
                });
                Some(KubernetesScratch { context: context?, namespaces: namespaces? })
            })
        });
        let folder = m.opt("folder", "A folder; relative to the playbook where not absolute.", values::path);
        Some(ScratchWish { aws, kubernetes, folder })
    })
}

fn all_steps(r: &mut Reader<'_>) -> Option<Vec<super::model::Step>> {
    let drafts = r.list(1, steps::step)?;
    let order = r.context(|cx| Graph::check(&drafts, cx))?;
    let mut read: Vec<Option<super::model::Step>> = drafts.into_iter().map(|draft| draft.step).collect();
    order.into_iter().map(|i| read.get_mut(i).and_then(Option::take)).collect()
}
