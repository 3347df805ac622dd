//! The `run` step: a command whose exit code is a check.

use super::{Allowed, Captured, Exit, Finished, Prepared, Runner, Secrets};
use crate::{
    drill::{CheckOutcome, CheckStatus, Fault, Outputs},
    ports::{CommandDone, CommandRequest, CommandRunner},
};
use async_trait::async_trait;

/// How many lines of each output go into the evidence.
const LINES: usize = 20;

/// An output value longer than this is no name, path or number for a later step.
const LONGEST_VALUE: usize = 4096;

/// How many values a command may give.
const MOST_VALUES: usize = 100;

/// Runs the commands of `run` steps.
#[derive(Debug, Clone)]
pub struct StepCommands {
    runner: Runner,
    allowed: Allowed,
}

impl StepCommands {
    /// With the operator's list of programs.
    pub fn new(runner: Runner, allowed: Allowed) -> Self {
        Self { runner, allowed }
    }
}

#[async_trait]
impl CommandRunner for StepCommands {
    async fn run(&self, ask: &CommandRequest<'_>) -> Result<CommandDone, Fault> {
        let given = [
            ("FIREDRILL_RUN".to_owned(), ask.run.to_string()),
            ("FIREDRILL_STEP".to_owned(), ask.step.id.to_string()),
        ];
        let prepared = Prepared::new(ask.command, ask.folder, ask.known, None, &given, &self.allowed)?;
        let invocation = prepared.invocation()?;
        let finished = self.runner.run(&invocation, None).await?;
        Ok(done(&prepared.success, &finished, &invocation.secrets))
    }
}

fn done(success: &[i32], finished: &Finished, secrets: &Secrets) -> CommandDone {
    let (given, mut details) = given(&finished.stdout, secrets);
    for (name, output) in [("stderr", &finished.stderr), ("stdout", &finished.stdout)] {
        details.extend(output.last_lines(LINES).into_iter().map(|line| format!("{name}: {line}")));
    }
    let passed = matches!(finished.exit, Exit::Code(code) if success.contains(&code));
    let mut outputs = given;
    outputs.insert("stdout_digest".to_owned(), finished.stdout.digest_text());
    if let Exit::Code(code) = finished.exit {
        outputs.insert("exit_code".to_owned(), code.to_string());
    }
    let codes: Vec<String> = success.iter().map(i32::to_string).collect();
    let outcome = CheckOutcome {
        status: if passed { CheckStatus::Passed } else { CheckStatus::Failed },
        kind: "exit code".to_owned(),
        expected: format!("exit code {}", codes.join(" or ")),
        actual: finished.exit.to_string(),
        details,
        rows: None,
        took: finished.took,
        freshness: None,
        digests: [("stdout", &finished.stdout), ("stderr", &finished.stderr)]
            .map(|(name, output)| (name.to_owned(), output.digest_text()))
            .into(),
    };
    CommandDone { outcome, outputs }
}

/// The `outputs` of a JSON object on the last line of stdout, and what was left out of them and why.
fn given(stdout: &Captured, secrets: &Secrets) -> (Outputs, Vec<String>) {
    let none = (Outputs::new(), Vec::new());
    let Some(line) = stdout.tail.lines().rfind(|line| !line.trim().is_empty()) else { return none };
    let Ok(serde_json::Value::Object(mut object)) = serde_json::from_str(line) else { return none };
    let Some(serde_json::Value::Object(members)) = object.remove("outputs") else { return none };
    let mut outputs = Outputs::new();
    let mut notes = Vec::new();
    for (key, value) in members {
        match output_value(&key, &value, secrets) {
            Ok(_) if outputs.len() == MOST_VALUES => {
                notes.push(format!("left out: all outputs but the first {MOST_VALUES}"));
                break;
            }
            Ok(text) => {
                outputs.insert(key, text);
            }
            Err(why) => notes.push(format!("left out: {why}")),
        }
    }
    (outputs, notes)
}

/// A JSON value as an output, or why it can't be one.
pub(crate) fn output_value(
    key: &str,
    value: &serde_json::Value,
    secrets: &Secrets,
) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = super::capture::shorten(key, 40);
    if key.is_empty() || !key.chars().all(fits) {
        return Err(format!(
            "the name of the output `{name}` is not valid: use a-z, A-Z, 0-9, `_`, `-` and `.`"
        ));
    }
    let text = match value {
        serde_json::Value::String(text) => secrets.redact(text),
        serde_json::Value::Number(number) => number.to_string(),
        serde_json::Value::Bool(truth) => truth.to_string(),
        _ => {
            return Err(format!("the output `{name}` is not a text, a number, true or false"));
        }
    };
    if text.len() > LONGEST_VALUE {
        return Err(format!("the output `{name}` is longer than {LONGEST_VALUE} bytes"));
    }
    Ok(text)
}
