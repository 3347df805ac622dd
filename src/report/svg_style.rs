//! How the timeline looks: colours, patterns, and the words of its legend.

use crate::metrics::{PhaseKind, Word as _};

/// The class of a bar.
pub(super) fn class(kind: PhaseKind) -> &'static str {
    match kind {
        PhaseKind::Preflight => "preflight",
        PhaseKind::Queued => "queued",
        PhaseKind::Choosing => "choosing",
        PhaseKind::Restoring => "restoring",
        PhaseKind::Hydrating => "hydrating",
        PhaseKind::Checking => "checking",
        PhaseKind::Command => "command",
        PhaseKind::Person => "person",
        PhaseKind::Backoff => "backoff",
        PhaseKind::Removing => "removing",
        PhaseKind::Kept => "kept",
    }
}

/// The word in the legend.
pub(super) fn short_word(kind: PhaseKind) -> &'static str {
    match kind {
        PhaseKind::Choosing => "choosing",
        PhaseKind::Hydrating => "loading storage",
        PhaseKind::Command => "command",
        PhaseKind::Person => "person asked",
        PhaseKind::Backoff => "retry pause",
        PhaseKind::Kept => "kept",
        kind => kind.word(),
    }
}

/// Sorts of bars and the lines that make them distinct without colour.
pub(super) const PATTERNS: [(&str, &str); 8] = [
    ("preflight", "M0 8L8 0M-2 2L2 -2M6 10L10 6"),
    ("choosing", "M4 0V8"),
    ("hydrating", "M0 8L8 0M-2 2L2 -2M6 10L10 6"),
    ("checking", "M0 2H8M0 6H8"),
    ("command", "M0 0L8 8M8 0L0 8"),
    ("person", "M2 2h2M6 6h2"),
    ("removing", "M2 0V8M6 0V8"),
    ("kept", "M0 0L8 8M-2 6L2 10M6 -2L10 2"),
];

/// Colours are variables, so that dark mode and print change them in one place.
pub(super) const STYLE: &str = "\
.fd-timeline{--ink:#1f2933;--muted:#5b6673;--grid:#dfe3e8;--paper:#fff;--preflight:#7b8794;--queued:#9aa5b1;--choosing:#7b8794;--restoring:#2f6fb2;--hydrating:#8fbbe3;--checking:#2b7f6c;--command:#7356a3;--person:#c27c12;--removing:#a7b0ba;--kept:#b59f72;--bad:#b3261e;display:block;font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;color:var(--ink);overflow:visible}\
@media screen and (prefers-color-scheme:dark){.fd-timeline{--ink:#e4e8ec;--muted:#a3adb8;--grid:#333b44;--paper:#14181d;--preflight:#8d99a6;--queued:#6d7883;--choosing:#8d99a6;--restoring:#5b9bdc;--hydrating:#35618c;--checking:#46a893;--command:#a186d4;--person:#dd9a35;--removing:#5d6873;--kept:#8f7d55;--bad:#f2776f}}\
.fd-name{font-weight:500;fill:var(--ink)}.fd-critical{font-weight:700}.fd-note,.fd-axis{font-size:11px;fill:var(--muted)}.fd-name,.fd-note,.fd-mark{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}.fd-mark{font-size:11px;font-weight:600;fill:var(--ink)}\
.fd-grid{stroke:var(--grid)}.fd-base{stroke:var(--grid)}.fd-thread{stroke:var(--muted);stroke-width:1}.fd-thin{stroke-width:2}.fd-instant{stroke:var(--ink);stroke-width:2}\
.fd-bar{stroke:var(--paper);stroke-width:.5}.fd-pause{fill:none;stroke:var(--muted);stroke-dasharray:3 2}.fd-failed{stroke:var(--bad);stroke-width:1.5}.fd-path{fill:none;stroke:var(--ink);stroke-width:1.75}\
.fd-rta{stroke:var(--ink);stroke-width:2}.fd-rto{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:6 3}.fd-now{stroke:var(--muted);stroke-width:1.5;stroke-dasharray:2 3}.fd-fail{fill:none;stroke:var(--bad);stroke-width:2.5}.fd-tick{fill:var(--ink)}\
.fd-gap{stroke:var(--muted);stroke-dasharray:2 2;stroke-width:.75}.fd-l-gap{stroke:var(--muted);stroke-width:1.25;fill:none}\
.fd-c-preflight{fill:var(--preflight)}.fd-c-queued{fill:var(--queued)}.fd-c-choosing{fill:var(--choosing)}.fd-c-restoring{fill:var(--restoring)}.fd-c-hydrating{fill:var(--hydrating)}.fd-c-checking{fill:var(--checking)}.fd-c-command{fill:var(--command)}.fd-c-person{fill:var(--person)}.fd-c-removing{fill:var(--removing)}.fd-c-kept{fill:var(--kept)}\
.fd-s-preflight{stroke:var(--preflight)}.fd-s-queued{stroke:var(--queued)}.fd-s-choosing{stroke:var(--choosing)}.fd-s-restoring{stroke:var(--restoring)}.fd-s-hydrating{stroke:var(--hydrating)}.fd-s-checking{stroke:var(--checking)}.fd-s-command{stroke:var(--command)}.fd-s-person{stroke:var(--person)}.fd-s-backoff{stroke:var(--muted)}.fd-s-removing{stroke:var(--removing)}.fd-s-kept{stroke:var(--kept)}\
.fd-l-preflight,.fd-l-choosing,.fd-l-hydrating,.fd-l-checking,.fd-l-command,.fd-l-removing,.fd-l-kept{stroke:var(--paper);stroke-width:1;stroke-opacity:.75;fill:none}.fd-l-person{stroke:var(--paper);stroke-width:2;fill:none}";
