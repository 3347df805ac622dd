//! The summary as it is, for machines.

use super::ReportError;
use crate::metrics::RunSummary;

/// Indented JSON with a line end.
pub(super) fn render(run: &RunSummary) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(run).map_err(ReportError::Json)?;
    text.push('\n');
    Ok(text)
}
