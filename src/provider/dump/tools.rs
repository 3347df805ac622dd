//! The programs of the databases: where they are, which version they are, what they can do.

use crate::{
    drill::{Fault, FaultClass},
    process::{Exit, Invocation, Runner, locate},
    time::Period,
};
use std::path::{Path, PathBuf};

/// A program that only tells its version takes no longer.
const QUICK: Period = Period::from_secs(30);

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) path: PathBuf,
    /// What it says of itself: `pg_restore (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    pub(super) says: String,
}

impl Tool {
    /// Finds a program, in the operator's folder or on the `PATH`, and asks for its version.
    pub(super) async fn find(runner: &Runner, folder: Option<&Path>, names: &[&str]) -> Result<Self, Fault> {
        let mut missing = None;
        for name in names {
            let written = folder.map_or((*name).to_owned(), |folder| folder.join(name).display().to_string());
            match locate(&written, Path::new("/")) {
                Ok(path) => {
                    let says = said(runner, &path, &["--version"]).await?;
                    let says = says.lines().next().unwrap_or_default().trim().to_owned();
                    return Ok(Self { path, says });
                }
                Err(fault) => missing = missing.or(Some(fault)),
            }
        }
        let missing = missing.map_or_else(String::new, |fault| fault.message);
        Err(Fault::new(
            FaultClass::Refused,
            format!("{missing}; its folder can also be given under `[tools]` in firedrill.toml"),
        ))
    }

    /// Its version: the first number with a point, or alone.
    pub(super) fn version(&self) -> Option<(u32, u32)> {
        version(&self.says)
    }

    /// Whether its help names that.
    pub(super) async fn knows(&self, runner: &Runner, help: &str, what: &str) -> bool {
        said(runner, &self.path, &[help]).await.is_ok_and(|text| text.contains(what))
    }
}

async fn said(runner: &Runner, program: &Path, args: &[&str]) -> Result<String, Fault> {
    let mut invocation = Invocation::new(program, "/");
    invocation.args = args.iter().map(Into::into).collect();
    invocation.env = vec![("LC_ALL".into(), "C".into())];
    invocation.timeout = Some(QUICK);
    let finished = runner.run(&invocation, None).await?;
    match finished.exit {
        Exit::Code(0) => Ok(finished.stdout.tail),
        other => Err(Fault::new(
            FaultClass::Surroundings,
            format!(
                "`{} {}` ended with {other}: {}",
                program.display(),
                args.join(" "),
                finished.stderr.last_lines(3).join(" | ")
            ),
        )),
    }
}

/// `(15, 18)` of `psql (PostgreSQL) 15.18 (Debian …)`; `(18, 0)` of `18beta1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let word = text.split([' ', '\t']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = word.split('.').map(|part| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part[..digits].parse::<u32>().ok()
    });
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (text, is) in [
            ("psql (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some((15, 18))),
            ("pg_restore (PostgreSQL) 18beta1", Some((18, 0))),
            ("pg_restore (PostgreSQL) 9.6.24", Some((9, 6))),
            ("nothing", None),
        ] {
            assert_eq!(version(text), is, "{text}");
        }
    }
}
