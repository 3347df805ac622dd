//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Disaster-recovery drills: restore real backups, prove the data, measure what was achieved, remove everything.
#[derive(Debug, Parser)]
#[command(name = "firedrill", version, max_term_width = 100, propagate_version = false, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
}

const EXIT_CODES: &str = "Exit codes: 0 passed, 1 failed, 2 wrong usage or playbook, 3 refused, \
4 objective missed, 5 something may be left behind, 6 surroundings failed, 7 aborted";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where the journal (firedrill.db) lives [default: the platform's data directory]
    #[arg(long, global = true, env = "FIREDRILL_DATA_DIR", value_name = "DIR", help_heading = "Everywhere")]
    pub data_dir: Option<PathBuf>,
    /// The operator's configuration, firedrill.toml
    #[arg(long, global = true, env = "FIREDRILL_CONFIG", value_name = "FILE", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
    /// Say only what matters
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
    /// No colours (NO_COLOR is obeyed too)
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_color: bool,
}

/// How a listing answers.
#[derive(Debug, Clone, Copy, Args)]
pub struct Answer {
    /// How to answer; JSON goes to stdout alone, everything else to stderr
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For a person.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// For `run` and `resume`: each event as it is journaled, one JSON document a line; then as `json`.
    Ndjson,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented starter playbook and firedrill.toml
    Init {
        /// Where [default: this folder]
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Overwrite what is there
        #[arg(long)]
        force: bool,
    },
    /// Check playbooks and print every fault; nothing is contacted
    Check {
        /// Playbooks, or folders of them
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// How to answer.
        #[command(flatten)]
        answer: Answer,
    },
    /// What a run would do: recovery points chosen, what is made, what is checked; changes nothing
    Plan {
        /// The playbook
        playbook: PathBuf,
        /// How to answer.
        #[command(flatten)]
        answer: Answer,
    },
    /// Run a playbook now, in the foreground. Ctrl-C: stop and tear down; again: leave at once, resumable
    Run(RunArgs),
    /// Take the fingerprints on the source now, for the recovery point that a run would take
    Baseline {
        /// The playbook
        playbook: PathBuf,
        /// The id of the recovery point that the source's data belongs to [default: the newest]
        #[arg(long)]
        point: Option<String>,
        /// The moment of that recovery point, such as 2026-11-23T09:00:00Z: with --point, the backups need not be at hand
        #[arg(long, requires = "point", value_name = "TIME")]
        point_time: Option<crate::time::Timestamp>,
        /// A snapshot that another PostgreSQL session has exported, such as that of the dump itself
        #[arg(long, value_name = "ID", conflicts_with = "import")]
        snapshot: Option<String>,
        /// Write the baseline to a file instead of the journal, for a drill that runs elsewhere
        #[arg(long, value_name = "FILE", conflicts_with = "import")]
        export: Option<PathBuf>,
        /// Take in a baseline that was exported next to the source
        #[arg(long, value_name = "FILE")]
        import: Option<PathBuf>,
        /// How to answer.
        #[command(flatten)]
        answer: Answer,
    },
    /// Past and running runs, the newest first
    List {
        /// Only of this playbook
        #[arg(long)]
        playbook: Option<String>,
        /// Only those declared in this quarter, such as 2026-Q4
        #[arg(long)]
        quarter: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        count: u32,
        /// How to answer.
        #[command(flatten)]
        answer: Answer,
    },
    /// One run: timeline, checks, RTA and RPA against their objectives, cleanup
    Show {
        /// The run: its id, the beginning or end of it, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// Every event of its journal
        #[arg(long)]
        events: bool,
        /// How to answer.
        #[command(flatten)]
        answer: Answer,
    },
    /// Take up what a crash left
    Resume {
        /// The run [default: every run that nobody drives]
        run: Option<String>,
        /// How to answer.
        #[command(flatten)]
        answer: Answer,
    },
    /// Stop a run and tear it down
    Abort {
        /// The run
        run: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Answer a run that waits for a person
    Approve {
        /// The run
        run: String,
        /// The step
        step: String,
        /// Answer no
        #[arg(long)]
        no: bool,
        /// What to say beside it
        #[arg(long)]
        note: Option<String>,
    },
    /// Write the report of a run
    Report {
        /// The run: its id, the beginning or end of it, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// Which format
        #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
        format: ReportFormat,
        /// The file to write; `-`: stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Take templates from this folder where it has them
        #[arg(long, value_name = "DIR")]
        templates: Option<PathBuf>,
        /// Open it
        #[arg(long)]
        open: bool,
    },
    /// Find what firedrill left behind, with the journal lost too; with --apply remove it
    Sweep(SweepArgs),
    /// Print the JSON Schema of playbooks
    Schema,
    /// Print completions for a shell
    Completions {
        /// Which
        shell: clap_complete::Shell,
    },
}

/// What `run` takes.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The playbook
    pub playbook: PathBuf,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Remove everything at once, even where the playbook keeps a failed run
    #[arg(long)]
    pub no_keep: bool,
    /// Write the HTML report to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Open the HTML report when the run is over
    #[arg(long)]
    pub open: bool,
    /// How to answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// What `sweep` takes.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Remove what is on the list and left behind still
    #[arg(long)]
    pub apply: bool,
    /// Leave alone what is younger [default: 1d where this journal knows nothing of its run, else 0s]
    #[arg(long, value_name = "PERIOD")]
    pub min_age: Option<crate::time::Period>,
    /// Where to write the list [default: sweep.json in the data directory]
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    pub save: Option<PathBuf>,
    /// Which list to go by [default: the one in the data directory; without one, what is found now]
    #[arg(long, value_name = "FILE", requires = "apply")]
    pub list: Option<PathBuf>,
    /// Print what sweeps removed so far, with receipts and proofs
    #[arg(long, conflicts_with_all = ["apply", "save", "list", "min_age"])]
    pub record: bool,
    /// How to answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// Formats of a run report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One self-contained page.
    Html,
    /// Markdown.
    Md,
    /// JSON.
    Json,
}
