//! A run on a terminal: at the end of `firedrill run`, and for `firedrill show`.

use super::{
    escape::one_line,
    terminal::{Ink, Paper, TextStyle, cut, pad, width},
    words::{self, Tone},
};
use crate::metrics::{
    CheckResult, CheckSummary, ClaimStanding, Measured, PathParts, PhaseKind, RunSummary, StepStanding,
    StepSummary, Word as _,
};
use crate::time::Period;

/// The run, as it stood at the moment of its summary.
pub fn text(run: &RunSummary, style: TextStyle) -> String {
    let mut page = Paper { style: style.bounded(), out: String::new() };
    page.head(run);
    page.left_behind(run);
    page.numbers(run);
    if run.steps.iter().any(|step| step.started.is_some()) {
        page.timeline(run);
        page.checks(run);
        page.critical_path(run);
    }
    page.cleanup(run);
    page.notes(run);
    page.out
}

/// Notes that stand beside a check that passed.
const NOTES: usize = 4;

impl Paper {
    fn head(&mut self, run: &RunSummary) {
        let headline = words::headline(run);
        let ink = match headline.tone {
            Tone::Good => Ink::Good,
            Tone::Warn => Ink::Warn,
            Tone::Bad => Ink::Bad,
            Tone::Open => Ink::Bold,
        };
        let word = headline.word.to_uppercase();
        let room = self.style.width.saturating_sub(width(&word) + 14);
        let name = cut(run.playbook.as_str(), room, self.style.ellipsis());
        self.line(&format!("{}  {name}  {}", self.style.paint(ink, &word), run.short));
        self.wrapped("", &headline.sentence, Ink::Plain);
        if run.verdict != Some(crate::drill::Verdict::Passed) {
            let dash = self.style.pick("  • ", "  * ");
            for reason in &run.reasons {
                self.wrapped(dash, &one_line(reason), Ink::Plain);
            }
        }
        self.out.push('\n');
        self.wrapped("  run       ", &run.run.to_string(), Ink::Plain);
        let why = run.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        let declared = format!(
            "{} by {}, {}{why}",
            run.declared.human(),
            one_line(&run.by),
            words::trigger(&run.trigger)
        );
        self.wrapped("  declared  ", &declared, Ink::Plain);
        match run.finished {
            Some(at) => {
                let text = format!("{}, after {}", at.human(), run.elapsed.human());
                self.wrapped("  finished  ", &text, Ink::Plain);
            }
            None => {
                let text = format!("{}, {} so far", run.state.word(), run.elapsed.human());
                self.wrapped("  state     ", &text, Ink::Plain);
            }
        }
    }

    fn left_behind(&mut self, run: &RunSummary) {
        let leaked: Vec<_> = run.claims.iter().filter(|claim| claim.state == ClaimStanding::Leaked).collect();
        if leaked.is_empty() {
            return;
        }
        self.out.push('\n');
        let shout = match leaked.len() {
            1 => "1 RESOURCE MAY STILL EXIST, AND MAY COST MONEY".to_owned(),
            count => format!("{count} RESOURCES MAY STILL EXIST, AND MAY COST MONEY"),
        };
        self.wrapped("!! ", &shout, Ink::Bad);
        for claim in leaked {
            let what = format!("{} {} in {}", claim.kind, claim.name, claim.scope);
            self.wrapped("   ", &one_line(&what), Ink::Bold);
            self.wrapped("     why: ", &one_line(claim.leaked.as_deref().unwrap_or_default()), Ink::Plain);
        }
        let advice = "`firedrill sweep` lists what is left; `firedrill sweep --apply` removes what bears firedrill's mark. What it can't remove must be removed by hand.";
        self.wrapped("   what to do: ", advice, Ink::Plain);
    }

    fn numbers(&mut self, run: &RunSummary) {
        self.out.push('\n');
        self.number("RTA", "RTO", &run.rta);
        self.number("RPA", "RPO", &run.rpa);
        if let (Some(point), Some(data)) = (run.rpa_by_point, run.rpa_by_data) {
            let text = format!("by recovery point {}, by the data {}", point.human(), data.human());
            self.wrapped("       ", &text, Ink::Dim);
        }
    }

    fn number(&mut self, name: &str, objective: &str, measured: &Measured) {
        use crate::metrics::ObjectiveResult;
        let dash = self.style.pick("–", "-");
        let actual = measured.actual.map_or(dash.to_owned(), Period::human);
        let promised = measured.objective.map_or(dash.to_owned(), Period::human);
        let ink = match measured.result {
            ObjectiveResult::Met => Ink::Good,
            ObjectiveResult::Missed => Ink::Bad,
            ObjectiveResult::NotAchieved => Ink::Warn,
            ObjectiveResult::Pending | ObjectiveResult::NoObjective => Ink::Plain,
        };
        let lead = format!("  {name}  {}  {objective} {}  ", pad(&actual, 8), pad(&promised, 8));
        self.wrapped(&lead, &words::against(measured), ink);
    }

    fn timeline(&mut self, run: &RunSummary) {
        self.title("Steps", "");
        let longest = run.steps.iter().map(|step| width(step.id.as_str())).max().unwrap_or(0);
        let name_width = longest.min(self.style.width / 3);
        let bar_width = self.style.width.saturating_sub(name_width + 5 + 2 + 9).max(8);
        for step in &run.steps {
            let (mark, ink) = self.step_mark(step.status);
            let star = if step.critical { self.style.pick("◆", "*") } else { " " };
            let name = pad(&cut(step.id.as_str(), name_width, self.style.ellipsis()), name_width);
            let name = if step.critical { self.style.paint(Ink::Bold, &name) } else { name };
            let took = step.took.map_or_else(|| step.status.word().to_owned(), Period::human);
            let mark = self.style.paint(ink, mark);
            self.line(&format!("{mark} {star} {name} {}  {took}", self.bar(run, step, bar_width)));
        }
        let axis = self.axis(run, bar_width);
        let lead = " ".repeat(name_width + 5);
        self.line(&format!("{lead}{axis}"));
        let mut kinds: Vec<_> = run.steps.iter().flat_map(|step| &step.phases).map(|p| p.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut legend: Vec<_> =
            kinds.iter().map(|kind| format!("{} {}", self.style.letter(*kind), kind.word())).collect();
        legend.push(format!("{} critical path", self.style.pick("◆", "*")));
        self.wrapped("    ", &legend.join(", "), Ink::Dim);
    }

    fn step_mark(&self, status: StepStanding) -> (&'static str, Ink) {
        match status {
            StepStanding::Succeeded => (self.style.pick("✔", "+"), Ink::Good),
            StepStanding::Failed => (self.style.pick("✘", "x"), Ink::Bad),
            StepStanding::Skipped | StepStanding::Waiting => (self.style.pick("○", "-"), Ink::Dim),
            StepStanding::Running => (self.style.pick("▸", ">"), Ink::Warn),
        }
    }

    /// Each cell shows what most of its time was spent on; storage that loads beside other work gives way to it.
    fn bar(&self, run: &RunSummary, step: &StepSummary, columns: usize) -> String {
        let span = u128::from(run.elapsed.as_millis().max(1));
        let place = |at: crate::time::Timestamp| u128::from(at.since(run.declared).as_millis());
        let cells = (0..columns).map(|cell| {
            let from = span * cell as u128 / columns as u128;
            let to = (span * (cell as u128 + 1) / columns as u128).max(from + 1);
            let best = step
                .phases
                .iter()
                .filter(|phase| place(phase.from) < to && place(phase.to) >= from)
                .map(|phase| {
                    let inside = place(phase.to).min(to).saturating_sub(place(phase.from).max(from));
                    let behind = matches!(phase.kind, PhaseKind::Hydrating | PhaseKind::Queued);
                    (inside > 0, !behind, inside, phase)
                })
                // A phase that only touches the cell's edge shows there if it shows nowhere else.
                .filter(|(inside, .., phase)| {
                    *inside || (phase.from == phase.to && place(phase.from) >= from)
                })
                .max_by_key(|(some, front, inside, _)| (*some, *front, *inside));
            best.map_or(' ', |(.., phase)| self.style.letter(phase.kind))
        });
        cells.collect()
    }

    fn axis(&self, run: &RunSummary, columns: usize) -> String {
        let end = run.elapsed.human();
        let gap = columns.saturating_sub(1 + width(&end));
        let mut axis: Vec<char> = format!("0{}{end}", " ".repeat(gap)).chars().collect();
        if let Some(at) = run.recovered_at {
            let span = u128::from(run.elapsed.as_millis().max(1));
            let place = u128::from(at.since(run.declared).as_millis()) * columns as u128 / span;
            let place = usize::try_from(place).unwrap_or(0);
            let label = format!("{}RTA", self.style.pick("▴", "^"));
            let free = place >= 2 && place + label.chars().count() + 1 < columns - width(&end);
            if free {
                for (offset, c) in label.chars().enumerate() {
                    axis[place + offset] = c;
                }
            }
        }
        axis.into_iter().collect()
    }

    fn checks(&mut self, run: &RunSummary) {
        if run.checks.total == 0 {
            return;
        }
        let counts = &run.checks;
        let rows =
            if counts.rows > 0 { format!(", {} rows", words::count(counts.rows)) } else { String::new() };
        self.title(
            "Checks",
            &format!("{} of {} required passed{rows}", counts.required_passed, counts.required),
        );
        for step in run.steps.iter().filter(|step| !step.checks.is_empty()) {
            self.line(&format!("  {}", step.id));
            for check in &step.checks {
                self.check(check);
            }
        }
    }

    fn check(&mut self, check: &CheckSummary) {
        let (mark, ink) = self.style.mark(check.status);
        let optional = if check.required { "" } else { " (not required)" };
        let name = one_line(&check.name);
        let found = match check.status {
            CheckResult::Passed => check.actual.as_deref().map(one_line).unwrap_or_default(),
            other => other.word().to_owned(),
        };
        let took = check.took.map(|took| format!(" ({})", took.human())).unwrap_or_default();
        self.marked(4, mark, ink, &format!("{name}{optional}: {found}{took}"));
        if matches!(check.status, CheckResult::Failed | CheckResult::Error) {
            self.wrapped("        expected  ", check.expected.as_deref().unwrap_or_default(), Ink::Plain);
            self.wrapped("        found     ", check.actual.as_deref().unwrap_or_default(), Ink::Bad);
            for detail in &check.details {
                self.wrapped("        ", &one_line(detail), Ink::Plain);
            }
        } else {
            // What was not looked at belongs beside a check that passed.
            for note in check.details.iter().take(NOTES) {
                self.wrapped("        note  ", &one_line(note), Ink::Dim);
            }
            if let Some(more) = check.details.len().checked_sub(NOTES).filter(|more| *more > 0) {
                self.wrapped("        ", &format!("and {more} more in the report"), Ink::Dim);
            }
        }
    }

    fn critical_path(&mut self, run: &RunSummary) {
        let path = &run.critical_path;
        let what = match (path.achieved, run.finished) {
            (true, _) => format!("made the recovery time of {}", path.total.human()),
            (false, Some(_)) => format!("no recovery proven; steps ended after {}", path.total.human()),
            (false, None) => format!("what took the {} so far", path.total.human()),
        };
        self.title("Critical path", &what);
        let longest = path.links.iter().map(|link| width(&link.label)).max().unwrap_or(0);
        let name_width = longest.min(self.style.width / 3);
        for link in &path.links {
            let name = pad(&cut(&link.label, name_width, self.style.ellipsis()), name_width);
            let lead = format!("  {name}  {:>8}  {:>5.1}%  ", link.took.human(), link.percent);
            self.wrapped(&lead, &parts(&link.parts), Ink::Dim);
        }
        let slack: Vec<_> = path
            .slack
            .iter()
            .filter_map(|slack| Some(format!("{} {}", slack.step, slack.slack?.human())))
            .collect();
        if !slack.is_empty() {
            self.wrapped("  slack: ", &slack.join(", "), Ink::Plain);
        }
    }

    fn cleanup(&mut self, run: &RunSummary) {
        self.title("Cleanup", &words::cleanup(run));
        for claim in &run.claims {
            let (mark, ink) = match claim.state {
                ClaimStanding::Removed => (self.style.pick("✔", "+"), Ink::Good),
                ClaimStanding::Leaked => ("!", Ink::Bad),
                _ => (self.style.pick("▸", ">"), Ink::Warn),
            };
            let state = match claim.state {
                ClaimStanding::Removed => "observed gone",
                ClaimStanding::Leaked => "MAY BE LEFT BEHIND",
                other => other.word(),
            };
            let text = format!("{} {}: {state}", claim.kind, claim.name);
            self.marked(2, mark, ink, &one_line(&text));
        }
    }

    fn notes(&mut self, run: &RunSummary) {
        let notes = words::notes(run);
        if notes.is_empty() {
            return;
        }
        self.title("Notes", "");
        let dash = self.style.pick("  • ", "  * ");
        for note in notes {
            self.wrapped(dash, &note, Ink::Plain);
        }
    }
}

/// What of a link's time was not work.
pub(super) fn parts(parts: &PathParts) -> String {
    let named = [
        ("queued", parts.queued),
        ("retry pauses", parts.backoff),
        ("waiting for a person", parts.person),
        ("interrupted", parts.interrupted),
    ];
    let told = named.into_iter().filter(|(_, period)| *period > Period::ZERO);
    told.map(|(name, period)| format!("{} {name}", period.human())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::stories;

    const WIDTHS: [usize; 4] = [40, 60, 80, 132];

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for (name, run) in stories::all() {
            for columns in WIDTHS {
                for unicode in [true, false] {
                    let page = text(&run, TextStyle { width: columns, colour: false, unicode });
                    for line in page.lines() {
                        assert!(width(line) <= columns, "{name} at {columns}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_unicode_only_ascii_is_printed() {
        for (name, run) in stories::all() {
            let page = text(&run, TextStyle { width: 80, colour: false, unicode: false });
            assert!(page.is_ascii(), "{name}: {page}");
        }
    }

    #[test]
    fn colours_are_the_only_difference_that_colour_makes() {
        let bare = |text: &str| {
            let mut out = String::new();
            let mut rest = text;
            while let Some((before, after)) = rest.split_once("\u{1b}[") {
                out.push_str(before);
                rest = after.split_once('m').map_or("", |(_, rest)| rest);
            }
            out + rest
        };
        for (name, run) in stories::all() {
            let plain = text(&run, TextStyle { colour: false, ..TextStyle::default() });
            let painted = text(&run, TextStyle { colour: true, ..TextStyle::default() });
            assert_eq!(bare(&painted), plain, "{name}");
            assert!(!plain.contains('\u{1b}'), "{name}");
        }
    }

    #[test]
    fn what_is_left_behind_is_shouted_before_the_numbers() {
        let page = text(&stories::leaked().summary(), TextStyle::default());
        let shout = page.find("1 RESOURCE MAY STILL EXIST").expect("a shout");
        assert!(shout < page.find("RTA").expect("a number"));
        assert!(page.contains("firedrill sweep --apply"));
    }

    #[test]
    fn a_run_in_no_time_and_a_wide_one_can_be_shown() {
        assert!(text(&stories::instant().summary(), TextStyle::default()).contains("PASSED"));
        let wide = text(&stories::wide(30).summary(), TextStyle::default());
        assert!(wide.contains("intact-29"));
    }
}
