//! Commands of the user's own, in `run` steps and `command` restores.

use super::{
    model::{CommandLine, CommandSpec, EnvValue},
    secrets,
    template::Template,
    values,
};
use crate::document::{
    read::{Read, Reader},
    words,
};
use std::collections::BTreeMap;

/// Programs that read a text as commands.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash"];

/// A command: `[program, argument, …]`, or a map.
pub(super) fn command(r: &mut Reader<'_>) -> Option<CommandSpec> {
    r.shared("command", |r| {
        // Read only to say what would be right; not described, since it is never right.
        let one_text: Option<Read<CommandSpec>> = if r.describing() { None } else { Some(one_text) };
        r.forms(
            "a command: [program, argument, …] or a map",
            one_text,
            Some(|r| argv(r).map(bare)),
            Some(full),
        )
    })
}

fn one_text(r: &mut Reader<'_>) -> Option<CommandSpec> {
    let text = r.text()?;
    let words: Vec<&str> = text.split_whitespace().take(6).collect();
    r.error(
        format!("{} is one text, not a program with its arguments", words::quoted(&text)),
        format!("write [{}], or {{ shell: \"…\" }} if a shell is to read it", words.join(", ")),
    );
    None
}

fn bare(argv: Vec<Template>) -> CommandSpec {
    CommandSpec {
        line: CommandLine::Argv(argv),
        env: BTreeMap::new(),
        folder: None,
        timeout: None,
        success: vec![0],
    }
}

fn argv(r: &mut Reader<'_>) -> Option<Vec<Template>> {
    let argv = r.list(1, argument)?;
    let is = |i: usize, words: &[&str]| {
        argv.get(i).is_some_and(|part: &Template| words.contains(&part.to_string().as_str()))
    };
    if is(0, &SHELLS)
        && is(1, &["-c", "-ec", "-lc"])
        && argv.get(2).is_some_and(|t| t.references().next().is_some())
    {
        r.error(
            "a reference would be pasted into a shell's text",
            "write { shell: \"…\" }: there references are passed as variables",
        );
        return None;
    }
    Some(argv)
}

/// An argument may be empty; a program may not, but then nothing of that name is found.
fn argument(r: &mut Reader<'_>) -> Option<Template> {
    if !r.describing() && r.text()?.is_empty() {
        return Some(Template::literal(""));
    }
    values::template(r)
}

fn full(r: &mut Reader<'_>) -> Option<CommandSpec> {
    r.fields("a command", |m| {
        let line = m.one_of(&[
            ("argv", "The program and its arguments, each passed as it is.", |r| {
                argv(r).map(CommandLine::Argv)
            }),
            ("shell", "A text for /bin/sh -c; references become variables, never text.", |r| {
                values::template(r)?;
                r.text().map(CommandLine::Shell)
            }),
        ]);
        let env = m.opt("env", "Variables to set: a text, or where a secret comes from.", env);
        let folder =
            m.opt("folder", "The folder to run in; that of the playbook where left out.", values::path);
        let timeout =
            m.opt("timeout", "Kill it, with all that it started, after this long.", values::duration);
        let success = m.opt("success", "Exit codes that mean success; 0 where left out.", |r| {
            r.list(1, |r| r.integer(0, 255).and_then(|code| i32::try_from(code).ok()))
        });
        Some(CommandSpec {
            line: line?,
            env: env.unwrap_or_default(),
            folder,
            timeout,
            success: success.unwrap_or_else(|| vec![0]),
        })
    })
}

fn env(r: &mut Reader<'_>) -> Option<BTreeMap<String, EnvValue>> {
    let entries = r.entries(|name, r| {
        let value = secrets::env_value(r);
        if r.describing() {
            return None;
        }
        if !secrets::is_variable(name) {
            r.error(
                format!("{} can't name an environment variable", words::quoted(name)),
                "use A-Z, a-z, 0-9 and `_`, not beginning with a digit",
            );
            return None;
        }
        let value = value?;
        if secrets::names_a_secret(name) {
            secrets::no_secret(r, name, &value)?;
        }
        Some(value)
    })?;
    Some(entries.into_iter().collect())
}
