//! Adapters that restore and remove: one source a file.
//!
//! | source | what a claim is | where |
//! | --- | --- | --- |
//! | [`SqliteFile`] | a folder with the restored file | a scratch folder |
//! | [`Rds`] | a copied snapshot, an instance | an AWS account and region |
//! | [`Commands`] | what the user's own commands made, and a folder for them | a scratch folder |

mod aws;
mod backup_file;
mod command;
mod command_env;
mod contract;
mod copy;
mod disk;
mod dump;
mod file_time;
mod place;
mod scratch;
mod sqlite_backup;
mod sqlite_file;
mod unpacked;

pub use aws::{Cloud, Rds, RdsLogins};
pub use command::Commands;
pub use dump::Dumps;
pub use scratch::Scratch;
pub use sqlite_file::SqliteFile;

use crate::{ids::RunId, ids::StepId, time::Period};

/// The name of what a restore creates: from the request alone, so that making it twice makes the same.
fn claim_name(run: RunId, step: &StepId, attempt: u32) -> String {
    format!("fd-{}-{step}-{attempt}", run.short())
}

/// Quick at first, then a tenth of the time already waited, at most `longest`.
fn pace(so_far: Period, quickest: Period, longest: Period) -> Period {
    Period::from_millis(
        (so_far.as_millis() / 10).clamp(quickest.as_millis(), longest.as_millis().max(quickest.as_millis())),
    )
}

/// A size for a person: `3.2 GiB`.
fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests;
