//! The timeline as a picture: one lane a step, bars by what the time was spent on.
//!
//! ```text
//!                            RTA 27m │
//!  0        10m        20m        30m        40m
//!  ◆ shop                            22m · succeeded
//!  ░░▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒        ─────
//! ```
//!
//! Places along the time axis are percentages, everything else is in pixels: the same picture is readable on
//! a phone, on a wide screen and on paper. Each sort of bar has a pattern of its own, so that colour is never
//! the only thing that tells them apart.

use super::{
    escape,
    svg_style::{PATTERNS, STYLE, class, short_word},
    words,
};
use crate::{
    metrics::{Interval, PhaseKind, RunSummary, StepPhase, StepStanding, StepSummary, Word as _},
    time::{Period, Timestamp},
};
use std::fmt::Write as _;

/// So many lanes fit on a page of paper. A run with more gets several pictures.
const LANES: usize = 17;
const LANE: usize = 42;
const TOP: usize = 52;
const NAME: usize = 30;
const LEGEND_ROW: usize = 20;

/// The timeline, in as many pictures as it takes to print it without cutting a lane.
pub fn timelines(run: &RunSummary) -> Vec<String> {
    let scale = Scale::of(run);
    if run.steps.is_empty() {
        return vec![picture(run, &scale, &[], 1, 1)];
    }
    let parts = run.steps.len().div_ceil(LANES);
    // Even parts look better than a full one and a remainder of one.
    let size = run.steps.len().div_ceil(parts);
    let pictures = run.steps.chunks(size).enumerate();
    pictures.map(|(index, steps)| picture(run, &scale, steps, index + 1, parts)).collect()
}

/// Where a moment lies along the axis.
struct Scale {
    start: Timestamp,
    span: u64,
    /// The objective lies so far out that the run itself could not be seen beside it.
    rto_beyond: bool,
}

impl Scale {
    fn of(run: &RunSummary) -> Self {
        let run_length = run.elapsed.as_millis().max(1);
        let rto = run.objectives.rto.map_or(0, Period::as_millis);
        let rto_beyond = rto > run_length.saturating_mul(2);
        let span = if rto_beyond { run_length } else { run_length.max(rto.saturating_add(rto / 25)) };
        Self { start: run.declared, span, rto_beyond }
    }

    /// Hundredths of a percent.
    fn place(&self, at: Timestamp) -> u64 {
        let since = u128::from(at.since(self.start).as_millis());
        u64::try_from((since * 10_000 / u128::from(self.span)).min(10_000)).unwrap_or(10_000)
    }

    fn x(&self, at: Timestamp) -> String {
        percent(self.place(at))
    }

    fn anchor(&self, at: Timestamp) -> &'static str {
        if self.place(at) > 5_000 { "end" } else { "start" }
    }
}

fn percent(hundredths: u64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// The first of the usual steps with at most six ticks.
fn tick_step(span: u64) -> u64 {
    const USUAL: [u64; 33] = [
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        900_000,
        1_800_000,
        3_600_000,
        7_200_000,
        10_800_000,
        21_600_000,
        43_200_000,
        86_400_000,
        172_800_000,
        604_800_000,
        1_209_600_000,
        2_419_200_000,
        7_257_600_000,
        31_449_600_000,
    ];
    let fits = USUAL.into_iter().find(|step| span / step < 6);
    fits.unwrap_or_else(|| (span / 6).max(1))
}

fn picture(run: &RunSummary, scale: &Scale, steps: &[StepSummary], part: usize, parts: usize) -> String {
    let key = format!("fd-{}-{part}", run.short);
    let mut art = Art { out: String::new(), names: String::new(), key };
    let lanes = steps.len() + 1;
    let bottom = TOP + lanes * LANE;
    let kinds = kinds(run, steps);
    let legend_rows = (kinds.len() + 2 + usize::from(!run.interrupted.stretches.is_empty())).div_ceil(3);
    let height = bottom + 14 + legend_rows * LEGEND_ROW;
    art.open(run, height, part, parts);
    art.axis(scale, bottom);
    art.interruptions(run, scale, bottom);
    art.run_lane(run, scale, TOP);
    for (index, step) in steps.iter().enumerate() {
        art.lane(run, scale, step, TOP + (index + 1) * LANE);
    }
    art.markers(run, scale, bottom);
    let names = std::mem::take(&mut art.names);
    art.out.push_str(&names);
    art.legend(&kinds, !run.interrupted.stretches.is_empty(), bottom + 14);
    art.out.push_str("</svg>");
    art.out
}

/// The sorts of bars that occur, in the order of their declaration.
fn kinds(run: &RunSummary, steps: &[StepSummary]) -> Vec<PhaseKind> {
    let all = run.phases.iter().chain(steps.iter().flat_map(|step| &step.phases));
    let mut kinds: Vec<_> = all.map(|phase| phase.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

struct Art {
    out: String,
    /// The names of the lanes, drawn last: no line may cross them.
    names: String,
    key: String,
}

impl Art {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String can't fail.
        let _ = self.out.write_fmt(text);
        self.out.push('\n');
    }

    fn open(&mut self, run: &RunSummary, height: usize, part: usize, parts: usize) {
        let key = self.key.clone();
        let of = if parts > 1 { format!(" (part {part} of {parts})") } else { String::new() };
        let path: Vec<_> = run.critical_path.links.iter().map(|link| link.label.as_str()).collect();
        let rta = run.rta.actual.map_or("not achieved".to_owned(), Period::human);
        self.put(format_args!(
            "<svg class=\"fd-timeline\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"{key}-title {key}-desc\" width=\"100%\" height=\"{height}\">"
        ));
        self.put(format_args!(
            "<title id=\"{key}-title\">Timeline of run {} of {}{of}</title>",
            run.short, run.playbook
        ));
        self.put(format_args!(
            "<desc id=\"{key}-desc\">{} steps over {}. Recovery time: {rta}. Critical path: {}.</desc>",
            run.steps.len(),
            run.elapsed.human(),
            escape::html(&path.join(", then "))
        ));
        self.put(format_args!("<style>{STYLE}</style>"));
        self.out.push_str("<defs>\n");
        for (name, lines) in PATTERNS {
            self.put(format_args!(
                "<pattern id=\"{key}-{name}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><rect width=\"8\" height=\"8\" class=\"fd-c-{name}\"/><path d=\"{lines}\" class=\"fd-l-{name}\"/></pattern>"
            ));
        }
        self.put(format_args!(
            "<pattern id=\"{key}-gap\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\"><path d=\"M0 10L10 0M-2.5 2.5L2.5 -2.5M7.5 12.5L12.5 7.5\" class=\"fd-l-gap\"/></pattern>"
        ));
        self.out.push_str("</defs>\n");
    }

    fn axis(&mut self, scale: &Scale, bottom: usize) {
        let step = tick_step(scale.span);
        let ticks = (0..=6).map(|n| step.saturating_mul(n)).take_while(|tick| *tick <= scale.span);
        for tick in ticks {
            let at = scale.start + Period::from_millis(tick);
            let place = scale.place(at);
            let anchor = match place {
                0..400 => "start",
                9_300.. => "end",
                _ => "middle",
            };
            let x = percent(place);
            let label = if tick == 0 { "0".to_owned() } else { axis_label(tick) };
            self.put(format_args!("<line class=\"fd-grid\" x1=\"{x}\" x2=\"{x}\" y1=\"48\" y2=\"{bottom}\"/><text class=\"fd-axis\" x=\"{x}\" y=\"42\" text-anchor=\"{anchor}\">{label}</text>"));
        }
    }

    fn interruptions(&mut self, run: &RunSummary, scale: &Scale, bottom: usize) {
        for stretch in &run.interrupted.stretches {
            let (x, width) = extent(scale, Interval::new(stretch.from, stretch.to));
            self.put(format_args!(
                "<rect class=\"fd-gap\" x=\"{x}\" width=\"{width}\" y=\"48\" height=\"{}\" fill=\"url(#{}-gap)\"><title>interrupted for {}</title></rect>",
                bottom - 48,
                self.key.clone(),
                stretch.took.human()
            ));
        }
    }

    fn name(&mut self, y: usize, name: &str, critical: bool, right: &str) {
        let (class, mark) = if critical { ("fd-name fd-critical", "◆ ") } else { ("fd-name", "") };
        // Writing to a String can't fail.
        let _ = writeln!(
            self.names,
            "<text class=\"{class}\" x=\"0\" y=\"{}\">{mark}{}<title>{}</title></text><text class=\"fd-note\" x=\"100%\" y=\"{}\" text-anchor=\"end\">{}</text>",
            y + 12,
            escape::html(&escape::clip(name, NAME, "…")),
            escape::html(name),
            y + 12,
            escape::html(right)
        );
    }

    fn run_lane(&mut self, run: &RunSummary, scale: &Scale, y: usize) {
        self.name(y, "whole run", false, &format!("{} · {}", run.elapsed.human(), run.state.word()));
        let x = scale.x(run.as_of);
        self.put(format_args!(
            "<line class=\"fd-thread\" x1=\"0\" x2=\"{x}\" y1=\"{0}\" y2=\"{0}\"/>",
            y + 23
        ));
        for phase in &run.phases {
            self.bar(scale, phase, y + 17, 12);
        }
    }

    fn lane(&mut self, run: &RunSummary, scale: &Scale, step: &StepSummary, y: usize) {
        let took = step.took.map(|took| format!("{} · ", took.human())).unwrap_or_default();
        self.name(y, step.id.as_str(), step.critical, &format!("{took}{}", step.status.word()));
        self.put(format_args!(
            "<line class=\"fd-base\" x1=\"0\" x2=\"100%\" y1=\"{0}\" y2=\"{0}\"/>",
            y + 29
        ));
        for phase in &step.phases {
            match phase.kind {
                PhaseKind::Hydrating => self.bar(scale, phase, y + 25, 4),
                PhaseKind::Queued => self.bar(scale, phase, y + 22, 2),
                _ => self.bar(scale, phase, y + 17, 12),
            }
        }
        if step.phases.is_empty()
            && let Some(at) = step.started
        {
            let x = scale.x(at);
            self.put(format_args!(
                "<line class=\"fd-instant\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>",
                y + 17,
                y + 29
            ));
        }
        if let Some(link) = run.critical_path.links.iter().find(|link| link.step.as_ref() == Some(&step.id)) {
            let (x, width) = extent(scale, Interval::new(link.from, link.to));
            self.put(format_args!(
                "<rect class=\"fd-path\" x=\"{x}\" width=\"{width}\" y=\"{}\" height=\"14\"><title>on the critical path: {}</title></rect>",
                y + 16,
                link.took.human()
            ));
        }
        if step.status == StepStanding::Failed
            && let Some(at) = step.ended
        {
            self.put(format_args!(
                "<svg x=\"{}\" y=\"{}\" overflow=\"visible\"><path class=\"fd-fail\" d=\"M-4 -4L4 4M4 -4L-4 4\"/></svg>",
                scale.x(at),
                y + 23
            ));
        }
        for leg in step.milestones.iter().flat_map(|milestones| &milestones.legs).skip(1) {
            if let (Some(at), Some(since)) = (leg.at, leg.since_declared) {
                self.put(format_args!(
                    "<svg x=\"{}\" y=\"{}\" overflow=\"visible\"><path class=\"fd-tick\" d=\"M0 0L3 5L-3 5Z\"><title>{} after {}, at {}</title></path></svg>",
                    scale.x(at),
                    y + 29,
                    leg.name,
                    since.human(),
                    words::clock(at)
                ));
            }
        }
    }

    fn bar(&mut self, scale: &Scale, phase: &StepPhase, y: usize, height: usize) {
        let (from, to) = (scale.place(phase.from), scale.place(phase.to));
        let name = class(phase.kind);
        let failed = if phase.failed { " fd-failed" } else { "" };
        let title = format!(
            "{}: {}{}{}",
            phase.kind.word(),
            phase.interval().length().human(),
            if phase.attempt > 1 { format!(", attempt {}", phase.attempt) } else { String::new() },
            match (phase.open, phase.failed) {
                (true, _) => ", goes on",
                (false, true) => ", failed",
                (false, false) => "",
            }
        );
        // Too short to be seen as a bar: a stroke of fixed width stands for it.
        if to - from < 30 {
            let x = percent(from);
            self.put(format_args!(
                "<line class=\"fd-thin fd-s-{name}\" x1=\"{x}\" x2=\"{x}\" y1=\"{y}\" y2=\"{}\"><title>{title}</title></line>",
                y + height
            ));
            return;
        }
        let fill = match phase.kind {
            PhaseKind::Restoring | PhaseKind::Queued => format!("class=\"fd-bar fd-c-{name}{failed}\""),
            PhaseKind::Backoff => format!("class=\"fd-pause{failed}\""),
            _ => format!("class=\"fd-bar{failed}\" fill=\"url(#{}-{name})\"", self.key),
        };
        self.put(format_args!(
            "<rect {fill} x=\"{}\" width=\"{}\" y=\"{y}\" height=\"{height}\"><title>{title}</title></rect>",
            percent(from),
            percent(to - from)
        ));
    }

    fn markers(&mut self, run: &RunSummary, scale: &Scale, bottom: usize) {
        if let Some(rto) = run.objectives.rto {
            if scale.rto_beyond {
                self.put(format_args!(
                    "<text class=\"fd-mark\" x=\"100%\" y=\"26\" text-anchor=\"end\">RTO {} lies beyond →</text>",
                    rto.human()
                ));
            } else {
                self.marker(scale, run.declared + rto, 26, bottom, "fd-rto", &format!("RTO {}", rto.human()));
            }
        }
        if let (Some(at), Some(rta)) = (run.recovered_at, run.rta.actual) {
            self.marker(scale, at, 12, bottom, "fd-rta", &format!("RTA {}", rta.human()));
        }
        if run.finished.is_none() {
            self.marker(scale, run.as_of, 12, bottom, "fd-now", "as of now");
        }
    }

    fn marker(&mut self, scale: &Scale, at: Timestamp, y: usize, bottom: usize, class: &str, label: &str) {
        let (x, anchor) = (scale.x(at), scale.anchor(at));
        let shift = if anchor == "end" { "-4" } else { "4" };
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{bottom}\"/><text class=\"fd-mark\" x=\"{x}\" dx=\"{shift}\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>",
            y - 9
        ));
    }

    fn legend(&mut self, kinds: &[PhaseKind], interrupted: bool, top: usize) {
        let key = self.key.clone();
        let mut swatches: Vec<(String, &str)> = kinds
            .iter()
            .map(|kind| {
                let name = class(*kind);
                let swatch = match kind {
                    PhaseKind::Restoring => {
                        format!("<rect class=\"fd-bar fd-c-{name}\" width=\"18\" height=\"10\"/>")
                    }
                    PhaseKind::Queued => {
                        format!("<rect class=\"fd-bar fd-c-{name}\" y=\"4\" width=\"18\" height=\"2\"/>")
                    }
                    PhaseKind::Backoff => "<rect class=\"fd-pause\" width=\"18\" height=\"10\"/>".to_owned(),
                    _ => format!(
                        "<rect class=\"fd-bar\" fill=\"url(#{key}-{name})\" width=\"18\" height=\"10\"/>"
                    ),
                };
                (swatch, short_word(*kind))
            })
            .collect();
        if interrupted {
            swatches.push((
                format!("<rect class=\"fd-gap\" fill=\"url(#{key}-gap)\" width=\"18\" height=\"10\"/>"),
                "interrupted",
            ));
        }
        swatches.push(("<rect class=\"fd-path\" width=\"18\" height=\"10\"/>".to_owned(), "critical path"));
        swatches.push(("<path class=\"fd-tick\" d=\"M9 3L12 8L6 8Z\"/>".to_owned(), "milestone"));
        for (index, (swatch, word)) in swatches.iter().enumerate() {
            let (x, y) = (index % 3 * 112 + 1, top + index / 3 * LEGEND_ROW);
            self.put(format_args!(
                "<g transform=\"translate({x} {y})\">{swatch}<text class=\"fd-axis\" x=\"23\" y=\"9\">{word}</text></g>"
            ));
        }
    }
}

fn extent(scale: &Scale, interval: Interval) -> (String, String) {
    let (from, to) = (scale.place(interval.from), scale.place(interval.to));
    (percent(from), percent(to - from))
}

/// A moment on the axis: `1.5s` rather than `1s500ms`.
fn axis_label(millis: u64) -> String {
    if (1000..60_000).contains(&millis) && !millis.is_multiple_of(1000) {
        return Period::from_millis(millis).human();
    }
    Period::from_millis(millis).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::stories;

    fn count(text: &str, wanted: &str) -> usize {
        text.matches(wanted).count()
    }

    #[test]
    fn every_step_has_a_lane_and_the_picture_says_what_it_is() {
        let pictures = timelines(&stories::passed().summary());
        assert_eq!(pictures.len(), 1);
        let svg = &pictures[0];
        assert!(svg.contains("role=\"img\"") && svg.contains("<desc"), "{svg}");
        assert_eq!(count(svg, "class=\"fd-name"), 7);
        assert_eq!(count(svg, "fd-path\" x"), 3, "three steps made the recovery time");
        assert!(svg.contains("RTA 27m 00s"));
        assert!(svg.contains("waiting for a person: 20m 00s"));
    }

    #[test]
    fn many_lanes_are_spread_over_pictures() {
        let pictures = timelines(&stories::wide(30).summary());
        assert_eq!(pictures.len(), 4);
        assert!(pictures[3].contains("part 4 of 4"));
        let lanes: usize = pictures.iter().map(|svg| count(svg, "class=\"fd-name")).sum();
        assert_eq!(lanes, 60 + 4);
    }

    #[test]
    fn no_time_at_all_can_be_drawn() {
        let svg = timelines(&stories::instant().summary()).remove(0);
        assert!(svg.contains("fd-instant"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn an_objective_far_out_does_not_squeeze_the_run() {
        let far = timelines(&stories::aborted().summary()).remove(0);
        assert!(far.contains("RTO 2h 00m lies beyond"));
        let near = timelines(&stories::objective_missed().summary()).remove(0);
        assert!(near.contains("class=\"fd-rto\""));
    }

    #[test]
    fn an_interruption_is_hatched_and_named() {
        let svg = timelines(&stories::resumed().summary()).remove(0);
        assert!(svg.contains("interrupted for 8m 00s"));
        assert!(svg.contains(">interrupted</text>"));
    }

    #[test]
    fn the_axis_has_sensible_ticks() {
        for (span, step) in [
            (1, 1),
            (5, 1),
            (3_000, 1_000),
            (51 * 60_000, 600_000),
            (7_200_000, 1_800_000),
            (u64::MAX, u64::MAX / 6),
        ] {
            assert_eq!(tick_step(span), step, "{span}");
            assert!(span / step <= 6);
        }
    }

    #[test]
    fn long_names_are_cut_and_given_in_full() {
        let svg = timelines(&stories::hostile().summary()).remove(0);
        assert!(svg.contains(&format!("{}…", "x".repeat(29))));
        assert!(svg.contains(&format!("<title>{}</title>", "x".repeat(63))));
    }

    #[test]
    fn the_same_run_is_drawn_the_same() {
        for (name, run) in stories::all() {
            assert_eq!(timelines(&run), timelines(&run), "{name}");
        }
    }
}
