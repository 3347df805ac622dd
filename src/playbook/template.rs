//! `{{ steps.orders-db.path }}` inside the texts of a playbook.
//!
//! A template is parsed once. In command arguments and URLs the values are put in as text; in SQL each becomes
//! a bound parameter, so that no value is ever read as SQL.

use crate::ids::StepId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text with references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A stretch of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// A value known once the run is under way.
    Ref(Reference),
}

/// Something that a run knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// What a step gave: `{{ steps.ID.KEY }}`; `{{ steps.ID.recovery_point.time }}` is one of them.
    Output {
        /// The step.
        step: StepId,
        /// The key, such as `path`, `endpoint`, `port`, `recovery_point.time`.
        key: String,
    },
    /// `{{ recovery_point.time }}` or `{{ recovery_point.id }}`: of the restore that the check looks at.
    RecoveryPoint(String),
    /// `{{ run.id }}` or `{{ run.declared }}`.
    Run(String),
}

/// Why a template can't be read; the offset is in bytes from the start of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TemplateError {
    /// Byte offset of the fault.
    pub offset: usize,
    /// What is wrong and what would be right.
    pub what: String,
}

/// A template whose references were looked up: what is text and what is to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound {
    /// Text as it is.
    Text(String),
    /// A value.
    Value(String),
}

impl Bound {
    /// The text or the value.
    pub fn into_text(self) -> String {
        match self {
            Bound::Text(text) | Bound::Value(text) => text,
        }
    }
}

impl Template {
    /// A text without references.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(text.into())] }
    }

    /// Reads `{{ … }}` references.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|i| at + i) {
            if open > at {
                parts.push(Part::Text(text[at..open].to_owned()));
            }
            let close = text[open..].find("}}").map(|i| open + i).ok_or_else(|| TemplateError {
                offset: open,
                what: "`{{` is never closed by `}}`".to_owned(),
            })?;
            parts.push(Part::Ref(reference(text[open + 2..close].trim(), open)?));
            at = close + 2;
        }
        if at < text.len() || parts.is_empty() {
            parts.push(Part::Text(text[at..].to_owned()));
        }
        Ok(Self { parts })
    }

    /// The stretches, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The references, in order.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Ref(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// Looks each reference up; the first that `look_up` does not know is given back.
    pub fn bind(&self, look_up: impl Fn(&Reference) -> Option<String>) -> Result<Vec<Bound>, Reference> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Ok(Bound::Text(text.clone())),
                Part::Ref(reference) => look_up(reference).map(Bound::Value).ok_or_else(|| reference.clone()),
            })
            .collect()
    }

    /// Looks each reference up and puts it in as text.
    pub fn render(&self, look_up: impl Fn(&Reference) -> Option<String>) -> Result<String, Reference> {
        let bound = self.bind(look_up)?;
        Ok(bound.into_iter().map(Bound::into_text).collect())
    }
}

fn reference(inside: &str, offset: usize) -> Result<Reference, TemplateError> {
    let known = "write {{ steps.ID.KEY }}, {{ recovery_point.time }}, {{ recovery_point.id }}, {{ run.id }} or {{ run.declared }}";
    let wrong = || TemplateError { offset, what: format!("`{inside}` refers to nothing: {known}") };
    match inside.split_once('.') {
        Some(("steps", rest)) => {
            let (step, key) = rest.split_once('.').ok_or_else(wrong)?;
            let step = step
                .parse()
                .map_err(|error: crate::ids::InvalidId| TemplateError { offset, what: error.to_string() })?;
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if key.is_empty() || !key.chars().all(fits) {
                return Err(wrong());
            }
            Ok(Reference::Output { step, key: key.to_owned() })
        }
        Some(("recovery_point", key @ ("time" | "id"))) => Ok(Reference::RecoveryPoint(key.to_owned())),
        Some(("run", key @ ("id" | "declared"))) => Ok(Reference::Run(key.to_owned())),
        _ => Err(wrong()),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Output { step, key } => write!(f, "{{{{ steps.{step}.{key} }}}}"),
            Reference::RecoveryPoint(key) => write!(f, "{{{{ recovery_point.{key} }}}}"),
            Reference::Run(key) => write!(f, "{{{{ run.{key} }}}}"),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Ref(reference) => reference.fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found() {
        let template = Template::parse("a {{ steps.db.recovery_point.time }} b {{run.id}}").expect("parses");
        assert_eq!(template.references().count(), 2);
        let text = template.render(|reference| Some(format!("<{reference}>"))).expect("all known");
        assert_eq!(text, "a <{{ steps.db.recovery_point.time }}> b <{{ run.id }}>");
    }

    #[test]
    fn faults_name_their_place() {
        for (text, offset) in [("x {{ steps.db", 2), ("{{ foo }}", 0), ("ab{{ steps.DB.x }}", 2)] {
            assert_eq!(Template::parse(text).expect_err(text).offset, offset, "{text}");
        }
    }

    #[test]
    fn values_are_kept_apart_from_text() {
        let template = Template::parse("select {{ run.id }}").expect("parses");
        let bound = template.bind(|_| Some("1; drop table x".to_owned())).expect("known");
        assert_eq!(bound, [Bound::Text("select ".into()), Bound::Value("1; drop table x".into())]);
    }
}
