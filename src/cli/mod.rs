//! The command line: one file a command, each as a person would tell it.

mod abort;
mod args;
mod baseline;
mod check;
mod context;
mod init;
mod list;
mod plan;
mod report;
mod resume;
mod run;
mod show;
mod sweep;
mod view;
mod words;

use crate::error::{Exit, Failure};
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use context::Context;
use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

/// Reads the command line, does it, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging(cli.global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return report_failure(&Failure::Io { doing: "starting".to_owned(), source }).into(),
    };
    let result = runtime.block_on(Box::pin(dispatch(cli)));
    // A blocking read that nobody waits for any more must not keep the process.
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| report_failure(&failure)).into()
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let context = Context::new(cli.global);
    match cli.command {
        Command::Init { dir, force } => init::init(&dir, force),
        Command::Check { paths, answer } => check::check(&context, &paths, answer.format),
        Command::Plan { playbook, answer } => plan::plan(&context, &playbook, answer.format).await,
        Command::Run(args) => run::run(&context, args).await,
        Command::Baseline { playbook, point, point_time, snapshot, export, import, answer } => {
            let asked =
                baseline::Asked { point, point_time, snapshot, export, import, format: answer.format };
            baseline::baseline(&context, &playbook, asked).await
        }
        Command::List { playbook, quarter, count, answer } => {
            list::list(&context, playbook, quarter, count, answer.format).await
        }
        Command::Show { run, events, answer } => show::show(&context, &run, events, answer.format).await,
        Command::Resume { run, answer } => resume::resume(&context, run, answer.format).await,
        Command::Abort { run, reason } => abort::abort(&context, &run, reason).await,
        Command::Approve { run, step, no, note } => abort::approve(&context, &run, &step, !no, note).await,
        Command::Report { run, format, out, templates, open } => {
            report::report(&context, &run, format, out, templates, open).await
        }
        Command::Sweep(args) => sweep::sweep(&context, args).await,
        Command::Schema => print(&format!("{}\n", pretty(&crate::playbook::schema()))),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "firedrill", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Prints to stdout. A reader that went away (`firedrill list | head`) is no failure.
fn print(text: &str) -> Result<Exit, Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Io { doing: "writing to stdout".to_owned(), source: error })
        }
        _ => Ok(Exit::Passed),
    }
}

/// Indented JSON; what can't be written as JSON does not come up in our own types.
fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Says something to the person, on stderr.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn report_failure(failure: &Failure) -> Exit {
    match failure {
        Failure::Invalid(text) if text.contains('\n') => say(text),
        other => say(&format!("error: {}", view::neutral(&other.to_string()))),
    }
    failure.exit()
}

fn logging(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "firedrill=info,warn",
        _ => "firedrill=debug,info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FIREDRILL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
}
