//! What people read: one format a file.
//!
//! ```text
//!                  ┌─> text, list      the terminal (also: plan and sweep, from what those found)
//! RunSummary ──────┼─> json            machines
//!   (metrics)      ├─> html ──┐
//!                  └─> markdown ──> template ──> reports/*.hbs, or the operator's own folder
//!                      svg, words: the picture and the sentences that they share
//! ```
//!
//! Equal summaries give equal bytes: no clock is read and nothing is left to the order of a hash map.

mod escape;
mod html;
mod json;
mod list;
mod markdown;
mod plan;
mod proof;
mod svg;
mod svg_style;
mod sweep;
mod template;
mod terminal;
mod text;
mod view;
mod words;

#[cfg(test)]
mod golden;

pub use list::{ListRow, list};
pub use plan::plan;
pub use svg::timelines;
pub use sweep::{deletions, sweep};
pub use template::ReportError;
pub use terminal::TextStyle;
pub use text::text;

use crate::metrics::RunSummary;
use std::{fmt, path::Path, str::FromStr};

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// For a forge or a wiki.
    Markdown,
    /// For machines: the summary as it is.
    Json,
}

impl Format {
    /// How a file of that format ends.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Markdown => "md",
            Format::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.extension())
    }
}

impl FromStr for Format {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "html" => Ok(Format::Html),
            "md" | "markdown" => Ok(Format::Markdown),
            "json" => Ok(Format::Json),
            other => Err(format!("`{other}` is not a format of a run report; use html, md or json")),
        }
    }
}

/// The report of a run. Templates found in `templates` stand in for the built-in ones of the same name.
pub fn render(run: &RunSummary, format: Format, templates: Option<&Path>) -> Result<String, ReportError> {
    match format {
        Format::Html => html::render(run, templates),
        Format::Markdown => markdown::render(run, templates),
        Format::Json => json::render(run),
    }
}
