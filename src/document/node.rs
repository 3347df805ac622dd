//! The tree that a text becomes: every value and key with its place.

use super::Span;
use std::rc::Rc;

/// A value.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it is written. For lists and maps: where they begin.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// How many nodes there are when aliases are followed.
    pub weight: u64,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Rc<Node>>),
    /// A map, in the order written; a key may come twice.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub span: Span,
    /// The value.
    pub value: Rc<Node>,
}

/// A single value: its text as written, and what the language takes it for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text, quotes and escapes undone.
    pub text: String,
    /// What it is taken for.
    pub sort: Sort,
}

/// What the language takes a single value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Null,
    Bool(bool),
    Integer,
    Real,
    Text,
}

impl Node {
    pub(crate) fn new(span: Span, kind: Kind) -> Self {
        let below = match &kind {
            Kind::Scalar(_) => 0,
            Kind::List(items) => items.iter().map(|item| item.weight).fold(0, u64::saturating_add),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.weight).fold(0, u64::saturating_add),
        };
        Self { span, kind, weight: below.saturating_add(1) }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(Scalar { sort: Sort::Null, .. }))
    }

    /// For messages: `a list`, `the number 12`.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Scalar(scalar) => match scalar.sort {
                Sort::Null => "nothing".to_owned(),
                Sort::Bool(value) => format!("`{value}`"),
                Sort::Integer | Sort::Real => format!("the number {}", super::words::short(&scalar.text)),
                Sort::Text => format!("the text {}", super::words::quoted(&scalar.text)),
            },
        }
    }
}
