//! One page that holds everything: no script, no font, no picture from elsewhere.

use super::{ReportError, escape, svg, template::Templates, view};
use crate::metrics::RunSummary;
use std::path::Path;

const BUILT_IN: [(&str, &str); 4] = [
    ("run.html", include_str!("../../reports/run.html.hbs")),
    ("style.html", include_str!("../../reports/style.html.hbs")),
    ("steps.html", include_str!("../../reports/steps.html.hbs")),
    ("evidence.html", include_str!("../../reports/evidence.html.hbs")),
];

/// The page, drawn from `run.html`.
pub(super) fn render(run: &RunSummary, folder: Option<&Path>) -> Result<String, ReportError> {
    let templates = Templates::load(&BUILT_IN, folder, escape::html)?;
    let view = view::View::of(run, svg::timelines(run));
    templates.render("run.html", &view)
}
