//! Markdown as forges read it (GitHub-flavoured): tables, no HTML.

use super::{ReportError, escape, template::Templates, view};
use crate::metrics::RunSummary;
use std::path::Path;

const BUILT_IN: [(&str, &str); 1] = [("run.md", include_str!("../../reports/run.md.hbs"))];

/// The text, drawn from `run.md`.
pub(super) fn render(run: &RunSummary, folder: Option<&Path>) -> Result<String, ReportError> {
    let templates = Templates::load(&BUILT_IN, folder, escape::markdown)?;
    let view = view::View::of(run, Vec::new());
    templates.render("run.md", &view)
}
