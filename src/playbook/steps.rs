//! The nodes of the graph, one at a time. What is between them is looked at in [`super::graph`].

use super::{
    checks::verify,
    commands::command,
    model::{Action, Approve, Retry, SourceKind, Step},
    restores::restore,
    values,
};
use crate::{
    document::{
        Span,
        read::{At, Note, Reader},
    },
    drill::StepKind,
    ids::StepId,
};

/// What `needs` names is set aside under this word.
const NEED: &str = "a need";

/// A step as far as it could be read: the graph is looked at even where some of its steps are wrong.
pub(super) struct Draft {
    /// Its name, if that is right.
    pub id: Option<At<StepId>>,
    /// Where the step begins.
    pub span: Span,
    /// The steps it needs.
    pub needs: Vec<At<StepId>>,
    /// Whether it may need more than `needs` holds: a part of it could not be read.
    pub vague: bool,
    /// What it does, if one word says so.
    pub word: Option<&'static str>,
    /// Texts with references, names of checks, the database.
    pub notes: Vec<Note>,
    /// The step, if all of it is right.
    pub step: Option<Step>,
}

impl Draft {
    /// Its kind, as far as it is known.
    pub(super) fn kind(&self) -> Option<StepKind> {
        Some(match &self.step.as_ref()?.action {
            Action::Restore(restore) => StepKind::Restore(restore.source.kind()),
            Action::Verify(_) => StepKind::Verify,
            Action::Approve(_) => StepKind::Approve,
            Action::Run(_) => StepKind::Run,
        })
    }

    /// The kind of source, as far as it is known.
    pub(super) fn source(&self) -> Option<SourceKind> {
        match self.kind()? {
            StepKind::Restore(kind) => Some(kind),
            _ => None,
        }
    }

    /// Its name, or what stands for it in messages.
    pub(super) fn name(&self) -> &str {
        self.id.as_ref().map_or("?", |id| id.value.as_str())
    }
}

/// A step. Always gives a draft: faults are noted, and the step within it is left out.
pub(super) fn step(r: &mut Reader<'_>) -> Option<Draft> {
    let from = r.noted();
    let mut draft = Draft {
        id: None,
        span: r.span(),
        needs: Vec::new(),
        vague: false,
        word: None,
        notes: Vec::new(),
        step: None,
    };
    let step = r.fields("a step", |m| {
        let id = m.need("id", "Its name, a DNS label unique within the playbook.", values::step_id);
        let needs = m.opt("needs", "The steps that must have succeeded before it starts.", |r| {
            r.list(0, |r| {
                let id = values::step_id(r)?;
                r.note(id.value.as_str(), NEED);
                Some(id.value)
            })
        });
        let required =
            m.opt("required", "Whether the verdict depends on it; true where left out.", values::boolean);
        let timeout = m.opt("timeout", "How long one attempt may take.", values::duration);
        let retry = m.opt("retry", "Whether and how to try again what may pass.", retry);
        let action = m.one_of(&[
            ("restore", "Restores a backup.", |r| restore(r).map(Action::Restore)),
            ("verify", "Proves something about what was restored.", |r| verify(r).map(Action::Verify)),
            ("approve", "Asks a person.", |r| approve(r).map(Action::Approve)),
            ("run", "Runs a command.", |r| command(r).map(Action::Run)),
        ]);
        let words = ["restore", "verify", "approve", "run"].into_iter();
        let given: Vec<&'static str> = words.filter(|word| m.has(word)).collect();
        draft.id = id.clone();
        draft.vague = m.has("needs") && needs.is_none() || m.misspelt("needs");
        draft.word = if let [one] = given.as_slice() { Some(one) } else { None };
        if draft.word == Some("approve") {
            m.forbid(&["retry"], "for an approval", "a person is asked once");
            m.forbid(
                &["timeout"],
                "beside `approve`",
                "give it inside: approve: { question: …, timeout: … }",
            );
        }
        Some(Step {
            id: id?.value,
            needs: needs.unwrap_or_default(),
            required: required.unwrap_or(true),
            timeout,
            retry: retry.unwrap_or_default(),
            action: action?,
        })
    });
    let (needs, notes) = r.take_notes(from).into_iter().partition(|note: &Note| note.what == NEED);
    let needs: Vec<Note> = needs;
    draft.needs = needs
        .into_iter()
        .filter_map(|note| Some(At { value: note.text.parse().ok()?, span: note.span }))
        .collect();
    draft.notes = notes;
    draft.step = step;
    Some(draft)
}

fn retry(r: &mut Reader<'_>) -> Option<Retry> {
    r.fields("a retry", |m| {
        let attempts = m.need("attempts", "How many attempts in all.", |r| r.integer(1, 100));
        let backoff = m.opt("backoff", "The pause after the first; it doubles each time.", values::duration);
        let longest = m.opt("max_backoff", "The longest pause.", values::duration);
        let usual = Retry::default();
        let backoff = backoff.unwrap_or(usual.backoff);
        let max_backoff = longest.unwrap_or(usual.max_backoff.max(backoff));
        if max_backoff < backoff {
            m.error(
                "max_backoff",
                format!("`max_backoff` ({max_backoff}) is shorter than `backoff` ({backoff})"),
                "make it at least as long",
            );
        }
        Some(Retry { attempts: u32::try_from(attempts?).ok()?, backoff, max_backoff })
    })
}

fn approve(r: &mut Reader<'_>) -> Option<Approve> {
    r.fields("an approval", |m| {
        let question = m.need("question", "What is asked.", values::words_of);
        let timeout = m.opt("timeout", "How long to wait; no answer by then is a no.", values::duration);
        Some(Approve { question: question?, timeout })
    })
}
