//! Secrets: a playbook says where they come from, and never what they are.
//!
//! The journal keeps the text of every playbook that ran, so a secret written into one is kept for good.

use super::{
    model::{EnvValue, Password},
    template::Template,
    values,
};
use crate::document::{
    read::{Read, Reader},
    words,
};
use regex::Regex;
use serde_json::json;
use std::sync::LazyLock;

/// The name of an environment variable. What was given is not repeated: it may be the secret itself.
pub(crate) fn variable(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
    let name = r.parsed(schema, "a variable's name", |text| {
        if is_variable(text) {
            return Ok(text.to_owned());
        }
        Err((
            "this is not the name of an environment variable".to_owned(),
            "give the variable's name, such as `PGPASSWORD`, not its value".to_owned(),
        ))
    });
    if name.is_none() {
        r.hide();
    }
    name
}

/// Whether a text can name an environment variable.
pub(super) fn is_variable(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A value of the environment or a header: a text, or where a secret comes from.
pub(super) fn env_value(r: &mut Reader<'_>) -> Option<EnvValue> {
    r.shared("value", |r| {
        r.forms(
            "a text, { env: NAME } or { file: PATH }",
            Some(|r| plain(r).map(EnvValue::Text)),
            None,
            Some(|r| {
                r.fields("the source of a value", |m| {
                    m.one_of(&[
                        ("env", "A variable of firedrill's own environment: for secrets.", |r| {
                            variable(r).map(EnvValue::FromEnv)
                        }),
                        ("file", "A file that holds it: for secrets.", |r| {
                            values::path(r).map(EnvValue::FromFile)
                        }),
                    ])
                })
            }),
        )
    })
}

/// A text with references that may be empty.
fn plain(r: &mut Reader<'_>) -> Option<Template> {
    if r.describing() {
        return values::template(r);
    }
    match r.text()?.as_str() {
        "" => Some(Template::literal("")),
        _ => values::template(r),
    }
}

static SECRET_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(passw(or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)$").ok()
});

/// Whether a variable of this name likely holds a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    SECRET_NAME.as_ref().is_some_and(|regex| regex.is_match(name))
}

/// Refuses a secret that is written out. The journal keeps the playbook's text, and a secret with it.
pub(super) fn no_secret(r: &mut Reader<'_>, name: &str, value: &EnvValue) -> Option<()> {
    let EnvValue::Text(text) = value else { return Some(()) };
    if text.references().next().is_some() || text.to_string().is_empty() {
        return Some(());
    }
    r.hide();
    r.error(
        format!("{} is a secret, and must not be written into a playbook", words::quoted(name)),
        "write { env: NAME } or { file: PATH }, and change the secret: this file has been read",
    );
    None
}

type Choice = (&'static str, &'static str, Read<Password>);

const ENV: Choice = ("env", "An environment variable.", |r| variable(r).map(Password::Env));
const FILE: Choice = ("file", "A file that holds it.", |r| values::path(r).map(Password::File));

/// Where a password comes from.
pub(super) fn password(r: &mut Reader<'_>) -> Option<Password> {
    r.shared("password", |r| {
        if written(
            r,
            "write { env: NAME }, { file: PATH } or { reset: true }; \
             also { secrets_manager: ARN } or { iam: true }",
        ) {
            return None;
        }
        r.fields("the source of a password", |m| {
            m.one_of(&[
                ("reset", "Set anew on the scratch instance, and known to firedrill alone.", |r| {
                    values::only_true(r).map(|()| Password::Reset)
                }),
                ENV,
                FILE,
                ("secrets_manager", "The ARN of a secret in AWS Secrets Manager.", |r| {
                    values::arn(r).map(Password::SecretsManager)
                }),
                ("iam", "A token made from the AWS credentials.", |r| {
                    values::only_true(r).map(|()| Password::Iam)
                }),
            ])
        })
    })
}

/// Where the password of a server comes from that AWS does not manage.
pub(super) fn server_password(r: &mut Reader<'_>) -> Option<Password> {
    r.shared("server_password", |r| {
        if written(r, "write { env: NAME } or { file: PATH }") {
            return None;
        }
        r.fields("the source of a password", |m| {
            m.elsewhere(
                &["reset", "secrets_manager", "iam"],
                "is for databases that AWS manages, and this server is none",
                "write { env: NAME } or { file: PATH }",
            );
            m.one_of(&[ENV, FILE])
        })
    })
}

/// Whether the password itself was written, which is a fault.
fn written(r: &mut Reader<'_>, help: &str) -> bool {
    let written = !r.describing() && !r.is_map();
    if written {
        r.hide();
        r.error("a password must not be written into a playbook", help);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in ["PGPASSWORD", "db_passwd", "VAULT_TOKEN", "AWS_SECRET_ACCESS_KEY", "X-Api-Key"] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["PGPASSWORD_FILE", "TOKENS_PER_SECOND", "KEY"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
