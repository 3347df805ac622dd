//! `firedrill report`: the report of a run, as a page, as Markdown or as JSON.

use super::{args::ReportFormat, context::Context, say};
use crate::{
    error::{Exit, Failure},
    metrics::RunSummary,
    report::{self, Format},
};
use std::path::{Path, PathBuf};

pub(super) async fn report(
    context: &Context,
    run: &str,
    format: ReportFormat,
    out: Option<PathBuf>,
    templates: Option<PathBuf>,
    and_open: bool,
) -> Result<Exit, Failure> {
    let app = context.app_to_read().await?.ok_or_else(|| {
        Failure::Invalid(format!("there is no run {run}: this data directory has no journal"))
    })?;
    let run = app.journal().find_run(run).await?;
    let summary = app.summary(run).await?;
    let format = match format {
        ReportFormat::Html => Format::Html,
        ReportFormat::Md => Format::Markdown,
        ReportFormat::Json => Format::Json,
    };
    let text = render(&summary, format, templates.as_deref())?;
    if out.as_deref() == Some(Path::new("-")) {
        return super::print(&text);
    }
    let path = out.unwrap_or_else(|| PathBuf::from(format!("{}-{}.{format}", summary.playbook, run.short())));
    write(&path, &text)?;
    if and_open {
        open(&path);
    }
    Ok(Exit::Passed)
}

fn render(summary: &RunSummary, format: Format, templates: Option<&Path>) -> Result<String, Failure> {
    report::render(summary, format, templates).map_err(|error| Failure::Invalid(error.to_string()))
}

/// Writes the HTML report of a run.
pub(super) fn write_html(summary: &RunSummary, path: &Path) -> Result<(), Failure> {
    write(path, &render(summary, Format::Html, None)?)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(Failure::io(format!("making the folder {}", folder.display())))?;
    }
    std::fs::write(path, text).map_err(Failure::io(format!("writing {}", path.display())))?;
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    say(&format!("report: {}", full.display()));
    Ok(())
}

/// Opens a file with what the desktop has for it; where there is none, its place was said already.
pub(super) fn open(path: &Path) {
    let headless = cfg!(target_os = "linux")
        && std::env::var_os("DISPLAY").is_none()
        && std::env::var_os("WAYLAND_DISPLAY").is_none()
        && std::env::var_os("BROWSER").is_none();
    if headless || open::that_detached(path).is_err() {
        say("no browser was found here; open the report by hand");
    }
}
