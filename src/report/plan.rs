//! What a run would do, on a terminal: for `firedrill plan`.

use super::{
    escape::one_line,
    terminal::{Ink, Paper, TextStyle, cut, pad, width},
};
use crate::{
    drill::{Candidate, StepKind},
    engine::{Against, Outlook, Plan, PlannedCheck, PlannedRestore, PlannedStep},
    metrics::{CheckResult, Estimate},
    time::Period,
};

/// Candidates that are listed beside the chosen one; JSON has them all.
const SHOWN: usize = 5;

/// The plan, and how long it took so far.
pub fn plan(plan: &Plan, estimate: Option<&Estimate>, style: TextStyle) -> String {
    let mut page = Paper { style: style.bounded(), out: String::new() };
    page.outlook(plan);
    page.promises(plan, estimate);
    page.order(plan);
    for step in &plan.steps {
        page.step(step);
    }
    page.people(plan);
    page.out
}

/// A moment before now, for a person.
fn old(age: Option<Period>) -> String {
    age.map(|age| format!(", {} old", age.human())).unwrap_or_default()
}

fn last_part(id: &str) -> &str {
    if id.starts_with('/') { id.rsplit('/').next().unwrap_or(id) } else { id }
}

impl Paper {
    fn outlook(&mut self, plan: &Plan) {
        let (word, ink, sentence) = match plan.outlook {
            Outlook::Ready => ("READY", Ink::Good, "A run could start now."),
            Outlook::WouldFail => ("WOULD FAIL", Ink::Bad, "A run could start now, and would fail:"),
            Outlook::Refused => ("REFUSED", Ink::Bad, "A run would be refused before anything is made:"),
            Outlook::Surroundings => {
                ("NOT NOW", Ink::Warn, "A run would not start, for what it needs can't be reached:")
            }
        };
        let room = self.style.width.saturating_sub(word.len() + 2);
        let name = cut(plan.playbook.as_str(), room, self.style.ellipsis());
        self.line(&format!("{}  {name}", self.style.paint(ink, word)));
        self.wrapped("", sentence, Ink::Plain);
        let dash = self.style.pick("  • ", "  * ");
        for why in &plan.against {
            self.wrapped(dash, &one_line(why), Ink::Plain);
        }
        self.wrapped("", "Nothing was made or changed. What is chosen is chosen anew by the run.", Ink::Dim);
    }

    fn promises(&mut self, plan: &Plan, estimate: Option<&Estimate>) {
        self.out.push('\n');
        let dash = self.style.pick("–", "-");
        let or = |period: Option<Period>| period.map_or(dash.to_owned(), |period| period.to_string());
        let (rto, rpo) = (or(plan.objectives.rto), or(plan.objectives.rpo));
        self.wrapped("  promised  ", &format!("RTO {rto}, RPO {rpo}"), Ink::Plain);
        let took = match estimate {
            None => "not known: no run of this playbook has gone through yet".to_owned(),
            Some(past) => {
                let rta = past.rta.map(|rta| format!(", RTA {}", rta.human())).unwrap_or_default();
                let runs = match past.runs {
                    1 => "by the one run before".to_owned(),
                    many => format!("by {many} runs before, the longest {}", past.longest.human()),
                };
                format!("about {}{rta}: {runs}", past.whole.human())
            }
        };
        self.wrapped("  lasts     ", &took, Ink::Plain);
        let keep = match plan.limits.keep_on_failure {
            Some(keep) => format!("; what a failed run restored is kept for {keep}"),
            None => String::new(),
        };
        self.wrapped("  at most   ", &format!("{}{keep}", plan.limits.max_duration), Ink::Plain);
    }

    fn order(&mut self, plan: &Plan) {
        self.title("STEPS", "those of one number run side by side, each once what it needs is done");
        let names = plan.steps.iter().map(|step| width(step.id.as_str())).max().unwrap_or(0);
        let names = names.min(self.style.width / 3);
        let mut steps: Vec<&PlannedStep> = plan.steps.iter().collect();
        steps.sort_by_key(|step| step.wave);
        for step in steps {
            let name = pad(&cut(step.id.as_str(), names, self.style.ellipsis()), names);
            let mut does = match step.kind {
                StepKind::Restore(source) => format!("restore {}", source.key()),
                StepKind::Verify => "verify".to_owned(),
                StepKind::Approve => "a person answers".to_owned(),
                StepKind::Run => "a command".to_owned(),
            };
            let needs: Vec<&str> = step.needs.iter().map(|need| need.as_str()).collect();
            if !needs.is_empty() {
                does += &format!(", after {}", needs.join(" and "));
            }
            if !step.required {
                does += ", not required";
            }
            self.wrapped(&format!("{:>3}  {name}  ", step.wave), &does, Ink::Plain);
        }
    }

    fn step(&mut self, step: &PlannedStep) {
        if step.restore.is_none() && step.facts.is_empty() && step.checks.is_empty() && !step.is_held() {
            return;
        }
        let beside = match step.timeout {
            Some(timeout) => format!("at most {timeout} an attempt"),
            None => String::new(),
        };
        self.title(&format!("STEP {}", one_line(step.id.as_str())), &beside);
        if let Some(restore) = &step.restore {
            self.restore(restore);
        }
        for text in step.refusals.iter().chain(&step.surroundings) {
            self.marked(2, self.style.mark(CheckResult::Failed).0, Ink::Bad, &one_line(text));
        }
        for fact in &step.facts {
            self.marked(2, self.style.mark(CheckResult::Passed).0, Ink::Good, &one_line(fact));
        }
        if !step.checks.is_empty() {
            self.wrapped("  checks  ", &counted(&step.checks), Ink::Plain);
        }
        for check in &step.checks {
            self.planned(check);
        }
    }

    fn restore(&mut self, restore: &PlannedRestore) {
        if restore.made_by_run {
            self.wrapped(
                "  takes   ",
                "not known yet: the run makes the sample and its backups first",
                Ink::Plain,
            );
        }
        if let Some(fault) = &restore.fault {
            self.wrapped("  takes   ", &one_line(&fault.message), Ink::Bad);
        }
        if let Some(point) = &restore.point {
            let bytes = point.bytes.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
            let taken = format!(
                "{} of {} ({}){bytes}{}",
                one_line(last_part(&point.id)),
                point.time.human(),
                one_line(&point.time_source),
                old(restore.age)
            );
            self.wrapped("  takes   ", &taken, Ink::Bold);
            let because = restore.because.as_deref().unwrap_or_default();
            let again = if restore.drawn { "; the run draws anew, and may draw another one" } else { "" };
            self.wrapped("          ", &format!("{}{again}", one_line(because)), Ink::Plain);
        }
        if let Some(age) = restore.age {
            // Older than max_age, it would not have been chosen.
            if let Some(max_age) = restore.max_age {
                self.wrapped("  age     ", &format!("{} of max_age {max_age}", age.human()), Ink::Plain);
            }
            if let Some(rpo) = restore.rpo {
                let (text, ink) = match age > rpo {
                    true => {
                        (format!("{}, more than the RPO {rpo}: it would be missed", age.human()), Ink::Warn)
                    }
                    false => (format!("{}, within the RPO {rpo} so far", age.human()), Ink::Plain),
                };
                self.wrapped("  age     ", &text, ink);
            }
        }
        let others: Vec<&Candidate> = restore
            .candidates
            .iter()
            .filter(|candidate| Some(&candidate.point) != restore.point.as_ref())
            .collect();
        for (at, candidate) in others.iter().take(SHOWN).enumerate() {
            let unfit = candidate.unfit.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let text =
                format!("{} of {}{unfit}", last_part(&candidate.point.id), candidate.point.time.human());
            self.wrapped(if at == 0 { "  others  " } else { "          " }, &one_line(&text), Ink::Dim);
        }
        let listed = others.len().min(SHOWN) as u64 + u64::from(restore.point.is_some());
        if restore.found > listed {
            self.wrapped("          ", &format!("and {} more", restore.found - listed), Ink::Dim);
        }
        for (at, claim) in restore.claims.iter().enumerate() {
            let text = format!("{} {} in {}", claim.kind, claim.name, claim.scope);
            self.wrapped(if at == 0 { "  makes   " } else { "  then    " }, &one_line(&text), Ink::Plain);
        }
    }

    fn planned(&mut self, check: &PlannedCheck) {
        let optional = if check.required { "" } else { ", not required" };
        let (mark, ink, against) = match &check.against {
            Against::Itself => (self.style.pick("·", "-"), Ink::Dim, String::new()),
            Against::Source => (self.style.pick("·", "-"), Ink::Dim, ", with the live source".to_owned()),
            Against::Baseline { taken, source } => {
                let text = format!(", with the baseline of {} from {}", taken.human(), one_line(source));
                (self.style.mark(CheckResult::Passed).0, Ink::Good, text)
            }
            Against::NoBaseline => {
                let text = ": there is no baseline for this recovery point".to_owned();
                (self.style.mark(CheckResult::Failed).0, Ink::Bad, text)
            }
            Against::BaselineOfSample => {
                (self.style.pick("·", "-"), Ink::Dim, ", with a baseline that the run takes first".to_owned())
            }
            Against::NotKnown => {
                let text = ", with the baseline of whichever recovery point the run takes".to_owned();
                (self.style.mark(CheckResult::NotRun).0, Ink::Warn, text)
            }
        };
        let name = one_line(&check.name);
        self.marked(4, mark, ink, &format!("{name}: {}{optional}{against}", check.kind));
    }

    fn people(&mut self, plan: &Plan) {
        let asked: Vec<&PlannedStep> = plan.steps.iter().filter(|step| step.question.is_some()).collect();
        if asked.is_empty() {
            return;
        }
        self.title("A PERSON IS NEEDED", "`firedrill approve RUN STEP` answers");
        for step in asked {
            let question = one_line(step.question.as_deref().unwrap_or_default());
            let until = match step.timeout {
                Some(timeout) => format!(" (within {timeout})"),
                None => String::new(),
            };
            self.wrapped(&format!("  {}  ", step.id), &format!("{question}{until}"), Ink::Plain);
        }
    }
}

impl PlannedStep {
    fn is_held(&self) -> bool {
        !self.refusals.is_empty() || !self.surroundings.is_empty()
    }
}

fn counted(checks: &[PlannedCheck]) -> String {
    let required = checks.iter().filter(|check| check.required).count();
    match (checks.len(), checks.len() - required) {
        (all, 0) => all.to_string(),
        (all, optional) => format!("{all}, {optional} of them not required"),
    }
}

/// A size for a person.
fn size(bytes: u64) -> String {
    let mut left = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if left < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{left:.1} {unit}") };
        }
        left /= 1024.0;
    }
    format!("{left:.1} TiB")
}
