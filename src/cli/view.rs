//! What a person sees while a run runs: a live picture on a terminal, plain timestamped lines elsewhere.
//!
//! Both are drawn from the entries as they are journaled, folded by the same code as everything else; ticks
//! only move the numbers behind a step.

use super::words;
use crate::{
    drill::{Approval, Entry, Phase, RunState, StepStatus, next},
    ids::{RunId, StepId},
    ports::{Observer, Progress, Tick},
    time::Period,
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Which view to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A picture that moves.
    Live,
    /// Timestamped lines.
    Plain,
    /// Timestamped lines, small things too.
    Verbose,
    /// Nothing.
    Quiet,
}

/// Shows a run on stderr; with `stream`, each entry on stdout as JSON too.
pub(super) struct View {
    mode: Mode,
    stream: bool,
    runs: Mutex<BTreeMap<RunId, Shown>>,
    multi: MultiProgress,
}

struct Shown {
    state: RunState,
    head: Option<ProgressBar>,
    lines: BTreeMap<StepId, ProgressBar>,
}

impl View {
    pub(super) fn new(mode: Mode, stream: bool) -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        Self { mode, stream, runs: Mutex::default(), multi }
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Shown>> {
        // A panic elsewhere does not spoil what is shown.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, text: &str) {
        // A closed stderr is no reason to stop a drill.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Takes the picture away, so that what follows stands below it.
    pub(super) fn close(&self) {
        for shown in self.runs().values() {
            for bar in shown.lines.values().chain(&shown.head) {
                bar.finish_and_clear();
            }
        }
        let _ = self.multi.clear();
    }

    /// Says something above the picture.
    pub(super) fn note(&self, text: &str) {
        match self.mode {
            Mode::Live => {
                let _ = self.multi.println(text);
            }
            Mode::Plain | Mode::Verbose | Mode::Quiet => self.say(text),
        }
    }

    fn draw(&self, shown: &mut Shown) {
        let state = &shown.state;
        let head = shown.head.get_or_insert_with(|| self.bar("{msg:.bold}  {elapsed} since declared"));
        head.set_message(heading(state));
        for step in state.steps() {
            let bar = shown
                .lines
                .entry(step.id().clone())
                .or_insert_with(|| self.bar("  {spinner} {prefix:<18!} {wide_msg}"));
            bar.set_prefix(step.id().to_string());
            let (text, settled) = standing(state, step.id());
            if settled {
                let mark = match step.status() {
                    StepStatus::Succeeded => "✔",
                    StepStatus::Failed => "✘",
                    _ => "–",
                };
                bar.set_style(style(&format!("  {mark} {{prefix:<18!}} {{wide_msg}}")));
            }
            bar.set_message(text);
        }
    }

    fn bar(&self, template: &str) -> ProgressBar {
        let bar = self.multi.add(ProgressBar::new_spinner());
        bar.set_style(style(template));
        bar.enable_steady_tick(Duration::from_millis(125));
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn heading(state: &RunState) -> String {
    let declaration = state.declaration();
    let doing = match state.phase() {
        Phase::Declared => "preflight".to_owned(),
        Phase::Refused { .. } => "refused".to_owned(),
        Phase::Running => match declaration.objectives.rto {
            Some(rto) => format!("running, RTO {}", rto.human()),
            None => "running".to_owned(),
        },
        Phase::Keeping { until } => format!("kept until {}", until.human()),
        Phase::TearingDown => {
            let left = state.claims().iter().filter(|claim| !claim.stage().is_settled()).count();
            format!("removing, {left} left")
        }
        Phase::Finished { verdict, .. } => verdict.to_string(),
    };
    format!("{} {} · {doing}", declaration.playbook, declaration.run.short())
}

/// What a step does, in a few words, and whether it is over.
fn standing(state: &RunState, id: &StepId) -> (String, bool) {
    let Some(step) = state.step(id) else { return (String::new(), true) };
    let took = || {
        let span = step.started().zip(step.ended()).map(|(from, to)| to.since(from));
        span.map(Period::human).unwrap_or_default()
    };
    let why = || step.fault().map(|fault| fault.message.clone()).unwrap_or_default();
    let words = match step.status() {
        StepStatus::Waiting => "waiting".to_owned(),
        StepStatus::Backoff(at) => format!("failed, again at {}: {}", at.human(), why()),
        StepStatus::Succeeded => match step.outline().checks.len() {
            0 => took(),
            1 => format!("{}, 1 check", took()),
            checks => format!("{}, {checks} checks", took()),
        },
        StepStatus::Failed => format!("failed: {}", why()),
        StepStatus::Skipped => "skipped".to_owned(),
        StepStatus::Running if matches!(step.approval(), Approval::Asked { .. }) => {
            format!("firedrill approve {} {id}", state.declaration().run.short())
        }
        StepStatus::Running => match step.chosen() {
            Some(chosen) if !state.claims().iter().any(|claim| &claim.claim().step == id) => {
                format!("recovery point of {}", chosen.point.time.human())
            }
            Some(_) if step.outputs().is_empty() && step.checks().is_empty() => "restoring".to_owned(),
            None if step.outline().checks.is_empty() => "at work".to_owned(),
            _ => format!("{} of {} checks", step.checks().len(), step.outline().checks.len()),
        },
    };
    (words.lines().next().unwrap_or_default().to_owned(), step.is_settled())
}

impl Progress for View {
    fn tick(&self, tick: Tick) {
        if self.mode != Mode::Live {
            return;
        }
        let far = match (tick.done, tick.total) {
            (Some(done), Some(total)) if total > 0 => {
                format!(" {}%", (done.saturating_mul(100) / total).min(100))
            }
            (Some(done), _) => format!(" {done} {}", tick.unit),
            _ => String::new(),
        };
        for shown in self.runs().values() {
            let running =
                shown.state.step(&tick.step).is_some_and(|step| step.status() == StepStatus::Running);
            if let Some(bar) = shown.lines.get(&tick.step).filter(|_| running) {
                bar.set_message(format!("{}{far} {}", tick.what, tick.note));
            }
        }
    }
}

impl Observer for View {
    fn entry(&self, run: RunId, entry: &Entry) {
        if self.stream
            && let Ok(json) = serde_json::to_string(&serde_json::json!({ "run": run, "entry": entry }))
        {
            let _ = writeln!(std::io::stdout().lock(), "{json}");
        }
        let mut runs = self.runs();
        let state = match runs.remove(&run) {
            None => {
                RunState::begin(entry).ok().map(|state| Shown { state, head: None, lines: BTreeMap::new() })
            }
            Some(Shown { state, head, lines }) => {
                next(state, entry).ok().map(|state| Shown { state, head, lines })
            }
        };
        let Some(mut shown) = state else { return };
        match self.mode {
            Mode::Live => self.draw(&mut shown),
            Mode::Plain | Mode::Verbose => {
                if let Some(text) = words::line(entry, self.mode == Mode::Verbose) {
                    let since = entry.at.since(shown.state.declared());
                    self.say(&format!("{} +{:<7} {}", entry.at, since.human(), neutral(&text)));
                }
            }
            Mode::Quiet => {}
        }
        runs.insert(run, shown);
    }
}

/// Text from outside must not move the cursor or change colours.
pub(super) fn neutral(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
