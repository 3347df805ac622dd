//! From what the playbook says to what is started: references looked up, the program found and allowed.
//!
//! A reference in an argument is put in as text: an argument is passed as it is, so nothing in it is ever read
//! as a command. In a text for the shell it is not put in at all: the value is given as an environment variable and
//! the reference becomes `${FIREDRILL_STEPS_ORDERS_DB_PATH}`, which the shell expands without reading it as code.
//! Quote it as any variable: `"{{ steps.orders-db.path }}"`. Within single quotes the shell expands nothing.

use super::{Invocation, Secrets, locate::locate};
use crate::{
    drill::{Fault, FaultClass, RecoveryPoint},
    playbook::{CommandLine, CommandSpec, EnvValue, Reference, Template},
    ports::Known,
    time::Period,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The shell of texts.
const SHELL: &str = "/bin/sh";

/// Which programs the operator allows.
///
/// This bounds what a playbook's author starts, it is no sandbox: an allowed program may start others.
#[derive(Clone)]
pub struct Allowed(Arc<Rule>);

/// Asked with the program as written and the path that it was found at.
type Rule = dyn Fn(&str, &str) -> bool + Send + Sync;

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Allowed(..)")
    }
}

impl Allowed {
    /// By a rule, asked with the absolute path of what would be started.
    pub fn new(rule: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |_, path| rule(path)))
    }

    /// Every program.
    pub fn any() -> Self {
        Self::new(|_| true)
    }

    /// These alone: absolute paths, or names for whatever firedrill's own PATH finds.
    pub fn only(programs: impl IntoIterator<Item = String>) -> Self {
        let programs: std::collections::BTreeSet<String> = programs.into_iter().collect();
        Self(Arc::new(move |written, path| {
            programs.contains(path) || (!written.contains('/') && programs.contains(written))
        }))
    }

    fn check(&self, written: &str, path: &Path) -> Result<(), Fault> {
        let path = path.display().to_string();
        if (self.0)(written, &path) {
            return Ok(());
        }
        Err(Fault::new(
            FaultClass::Refused,
            format!(
                "the program `{written}` is not allowed on this machine: its operator can add \"{path}\" to `allowed` under `[commands]` in firedrill.toml"
            ),
        ))
    }
}

/// A variable's value, or where it comes from: what is written down is never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvSource {
    /// The value.
    Text(String),
    /// A variable of firedrill's own environment.
    FromEnv(String),
    /// A file's content without the line end.
    FromFile(PathBuf),
}

impl EnvSource {
    /// With the references looked up and the file's path made absolute.
    pub(crate) fn of(
        value: &EnvValue,
        folder: &Path,
        known: &Known,
        point: Option<&RecoveryPoint>,
    ) -> Result<Self, Fault> {
        Ok(match value {
            EnvValue::Text(template) => Self::Text(known.render(template, point)?),
            EnvValue::FromEnv(name) => Self::FromEnv(name.clone()),
            EnvValue::FromFile(path) => Self::FromFile(folder.join(path)),
        })
    }

    /// The value, remembered as a secret where it is one.
    pub(crate) fn value(&self, secrets: &mut Secrets) -> Result<String, Fault> {
        let surroundings = |message| Fault::new(FaultClass::Surroundings, message);
        let value = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::FromEnv(name) => std::env::var(name).map_err(|error| {
                surroundings(match error {
                    std::env::VarError::NotPresent => {
                        format!(
                            "the environment variable {name} is not set: set it for the firedrill process"
                        )
                    }
                    std::env::VarError::NotUnicode(_) => {
                        format!("the environment variable {name} is not UTF-8 text")
                    }
                })
            })?,
            Self::FromFile(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    surroundings(format!("the secret in {} can't be read: {error}", path.display()))
                })?;
                text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned()
            }
        };
        secrets.add(&value);
        Ok(value)
    }
}

/// A command ready to be started, now or after a crash: it holds no secrets, only where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The program as the playbook has it.
    pub written: String,
    /// The program's path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment beside what is always passed.
    pub env: BTreeMap<String, EnvSource>,
    /// The folder to run in.
    pub folder: PathBuf,
    /// Killed after this long.
    pub timeout: Option<Period>,
    /// Exit codes that mean success.
    pub success: Vec<i32>,
}

impl Prepared {
    /// Looks everything up. `given` are the `FIREDRILL_` variables, which win over the playbook's own.
    pub fn new(
        spec: &CommandSpec,
        folder: &Path,
        known: &Known,
        point: Option<&RecoveryPoint>,
        given: &[(String, String)],
        allowed: &Allowed,
    ) -> Result<Self, Fault> {
        let folder = spec.folder.as_ref().map_or_else(|| folder.to_owned(), |own| folder.join(own));
        let mut env = BTreeMap::new();
        for (name, value) in &spec.env {
            env.insert(name.clone(), EnvSource::of(value, &folder, known, point)?);
        }
        let (written, args) = match &spec.line {
            CommandLine::Argv(argv) => {
                let mut argv =
                    argv.iter().map(|part| known.render(part, point)).collect::<Result<Vec<_>, _>>()?;
                if argv.is_empty() {
                    return Err(Fault::new(FaultClass::Permanent, "the command is empty"));
                }
                (argv.remove(0), argv)
            }
            CommandLine::Shell(text) => {
                let text = for_shell(text, known, point, &mut env)?;
                (SHELL.to_owned(), vec!["-c".to_owned(), text])
            }
        };
        env.extend(given.iter().map(|(name, value)| (name.clone(), EnvSource::Text(value.clone()))));
        let program = locate(&written, &folder)?;
        let prepared = Self {
            written,
            program,
            args,
            env,
            folder,
            timeout: spec.timeout,
            success: if spec.success.is_empty() { vec![0] } else { spec.success.clone() },
        };
        prepared.check(allowed)?;
        Ok(prepared)
    }

    /// Whether the operator allows the program.
    pub fn check(&self, allowed: &Allowed) -> Result<(), Fault> {
        allowed.check(&self.written, &self.program)
    }

    /// Reads the secrets: from here on they are in memory.
    pub fn invocation(&self) -> Result<Invocation, Fault> {
        let mut invocation = Invocation::new(&self.program, &self.folder);
        for (name, source) in &self.env {
            let value = source.value(&mut invocation.secrets)?;
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(Fault::new(
                    FaultClass::Permanent,
                    format!(
                        "the environment variable `{name}` has a name or a value that no process can be given"
                    ),
                ));
            }
            invocation.env.push((name.into(), value.into()));
        }
        invocation.args = self.args.iter().map(Into::into).collect();
        invocation.timeout = self.timeout;
        Ok(invocation)
    }
}

/// The shell text with its references turned into variables, which are put into `env`. Other text within double
/// braces, such as the templates of `docker inspect --format`, is left as it is.
fn for_shell(
    text: &str,
    known: &Known,
    point: Option<&RecoveryPoint>,
    env: &mut BTreeMap<String, EnvSource>,
) -> Result<String, Fault> {
    let mut done = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(close) = rest[open..].find("}}").map(|i| open + i + 2) else { break };
        done.push_str(&rest[..open]);
        let inside = rest[open + 2..close - 2].trim_start();
        if ["steps.", "recovery_point.", "run."].iter().any(|start| inside.starts_with(start)) {
            let template = Template::parse(&rest[open..close])
                .map_err(|error| Fault::new(FaultClass::Permanent, error.to_string()))?;
            for reference in template.references() {
                let name = variable(reference);
                let value = EnvSource::Text(known.render(&template, point)?);
                if env.get(&name).is_some_and(|other| *other != value) {
                    return Err(Fault::new(
                        FaultClass::Permanent,
                        format!("{reference} would be the variable {name}, which has another value already"),
                    ));
                }
                done.push_str(&format!("${{{name}}}"));
                env.insert(name, value);
            }
        } else {
            done.push_str(&rest[open..close]);
        }
        rest = &rest[close..];
    }
    done.push_str(rest);
    Ok(done)
}

/// `{{ steps.orders-db.path }}` is `FIREDRILL_STEPS_ORDERS_DB_PATH`.
fn variable(reference: &Reference) -> String {
    let path = match reference {
        Reference::Output { step, key } => format!("steps_{step}_{key}"),
        Reference::RecoveryPoint(key) => format!("recovery_point_{key}"),
        Reference::Run(key) => format!("run_{key}"),
    };
    variable_name(&path)
}

/// `FIREDRILL_` and the text as a variable's name may be.
pub(crate) fn variable_name(text: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("FIREDRILL_{}", text.chars().map(upper).collect::<String>())
}
