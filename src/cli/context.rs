//! What every command needs: where things are, who asks, and how to answer.

use super::{args::Global, say};
use crate::{
    app::App, config::Config, error::Failure, playbook::Playbook, report::TextStyle, time::SystemClock,
};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

pub(super) struct Context {
    pub(super) global: Global,
}

impl Context {
    pub(super) fn new(global: Global) -> Self {
        Self { global }
    }

    /// Where the journal lives.
    pub(super) fn data_dir(&self) -> PathBuf {
        let platform =
            || directories::ProjectDirs::from("", "", "firedrill").map(|dirs| dirs.data_dir().to_owned());
        self.global.data_dir.clone().or_else(platform).unwrap_or_else(|| PathBuf::from(".firedrill"))
    }

    /// The operator's configuration, or the careful default.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        Config::load(self.global.config.as_deref(), &self.data_dir())
            .map_err(|faults| Failure::Invalid(faults.to_string()))
    }

    /// A checked playbook; its warnings are said.
    pub(super) fn playbook(&self, path: &Path) -> Result<Playbook, Failure> {
        let checked = Playbook::load(path, Some(SystemClock::wall()))
            .map_err(|faults| Failure::Invalid(faults.to_string()))?;
        if !checked.warnings.is_empty() && !self.global.quiet {
            say(checked.warnings.to_string().trim_end());
        }
        // The journal keeps the folder, and a run may be resumed from another one.
        let full = std::path::absolute(path).map_err(Failure::io(format!("finding {}", path.display())))?;
        let folder = full.parent().map(Path::to_owned).unwrap_or_default();
        Ok(checked.playbook.in_folder(folder))
    }

    /// The application, its journal open to write.
    pub(super) async fn app(&self) -> Result<App, Failure> {
        App::open(&self.data_dir(), self.config()?).await
    }

    /// The application, its journal open to read; none where there is no journal yet.
    pub(super) async fn app_to_read(&self) -> Result<Option<App>, Failure> {
        App::open_to_read(&self.data_dir(), self.config()?).await
    }

    /// User and host, for the record.
    pub(super) fn by(&self) -> String {
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        format!("{user}@{host}")
    }

    /// How to draw on stdout.
    pub(super) fn style(&self) -> TextStyle {
        let terminal = std::io::stdout().is_terminal();
        let no_color =
            self.global.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = match terminal_width() {
            Some(width) if terminal => width,
            _ => 80,
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok());
        let ascii = locale.is_some_and(|locale| locale == "C" || locale == "POSIX");
        TextStyle { width, colour: terminal && !no_color, unicode: !(terminal && ascii) }
    }
}

/// The width of the terminal that stdout is, if it is one.
fn terminal_width() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(|| {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    })
}
