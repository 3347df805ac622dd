//! The keys of a map: which may, must and can't be there.

use super::{Context, Note, Read, Reader, duplicate, earlier};
use crate::document::{Severity, Span, node::Entry, words};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The keys of a map.
pub(crate) struct Fields<'r, 'a> {
    cx: &'r mut Context,
    entries: Option<&'a [Entry]>,
    at: Span,
    what: &'static str,
    known: Vec<&'static str>,
    /// Keys that are there and refused: nothing more is said of them.
    refused: Vec<&'static str>,
    /// Keys (one of which) must be there and are not, with message and help.
    missing: Vec<(Vec<&'static str>, String, String)>,
    failed: bool,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    alternatives: Vec<Value>,
}

impl<'r, 'a> Fields<'r, 'a> {
    /// Those of `entries`; none where they are to be described.
    pub(super) fn new(
        cx: &'r mut Context,
        entries: Option<&'a [Entry]>,
        at: Span,
        what: &'static str,
    ) -> Self {
        Self {
            cx,
            entries,
            at,
            what,
            known: Vec::new(),
            refused: Vec::new(),
            missing: Vec::new(),
            failed: false,
            properties: Map::new(),
            required: Vec::new(),
            alternatives: Vec::new(),
        }
    }

    fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries?.iter().find(|entry| entry.key == key)
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The keys that may be there and are not.
    fn unused(&self) -> Vec<&'static str> {
        self.known.iter().copied().filter(|word| !self.has(word)).collect()
    }

    /// Whether a key that nothing asked for was likely meant to be this one.
    pub(crate) fn misspelt(&self, key: &'static str) -> bool {
        let unused = self.unused();
        let unknown = |entry: &&Entry| !self.known.contains(&entry.key.as_str());
        let mut strays = self.entries.unwrap_or_default().iter().filter(unknown);
        strays.any(|entry| words::nearest(&entry.key, unused.iter().copied()) == Some(key))
    }

    /// Where the key is, or the map.
    pub(crate) fn place(&self, key: &str) -> Span {
        self.find(key).map_or(self.at, |entry| entry.span)
    }

    /// Notes a fault at a key of the map, or at the map.
    pub(crate) fn error(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.place(key);
        self.cx.faults.push(span, Severity::Error, message.into(), Some(help.into()));
        self.failed = true;
    }

    /// Notes a fault anywhere below the map.
    pub(crate) fn error_at(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.cx.faults.push(span, Severity::Error, message.into(), Some(help.into()));
        self.failed = true;
    }

    /// Notes a warning at a key of the map, or at the map.
    pub(crate) fn warn(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.place(key);
        self.cx.faults.push(span, Severity::Warning, message.into(), Some(help.into()));
    }

    /// Sets a key that is there aside for later.
    pub(crate) fn note(&mut self, key: &str, what: &'static str) {
        if let Some(entry) = self.find(key) {
            self.cx.notes.push(Note { text: key.to_owned(), span: entry.span, what });
        }
    }

    /// How many texts are set aside by now.
    pub(crate) fn noted(&self) -> usize {
        self.cx.notes.len()
    }

    /// Takes the texts set aside after the first `from`.
    pub(crate) fn take_notes(&mut self, from: usize) -> Vec<Note> {
        self.cx.notes.split_off(from.min(self.cx.notes.len()))
    }

    /// A key that may be left out.
    pub(crate) fn opt<T>(
        &mut self,
        key: &'static str,
        doc: &str,
        f: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        if self.entries.is_none() {
            let mut reader = Reader { cx: self.cx, node: None, at: self.at, schema: json!({}) };
            let _ = f(&mut reader);
            let mut schema = reader.schema;
            if let Value::Object(object) = &mut schema {
                object.insert("description".to_owned(), Value::String(doc.to_owned()));
            }
            self.properties.insert(key.to_owned(), schema);
            return None;
        }
        let entry = self.find(key)?;
        let mut reader =
            Reader { cx: self.cx, node: Some(&entry.value), at: entry.span, schema: Value::Null };
        let value = f(&mut reader);
        // A fault below was noted there; the whole can't be used then.
        self.failed |= value.is_none();
        value
    }

    /// A key that must be there.
    pub(crate) fn need<T>(
        &mut self,
        key: &'static str,
        doc: &str,
        f: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        self.required.push(key);
        if self.entries.is_some() && !self.has(key) {
            let message = format!("{} has no `{key}`", self.what);
            self.missing.push((vec![key], message, format!("add `{key}`: {}", lower(doc))));
        }
        self.opt(key, doc, f)
    }

    /// Exactly one of several keys.
    pub(crate) fn one_of<T>(&mut self, choices: &[(&'static str, &str, Read<T>)]) -> Option<T> {
        let keys: Vec<&'static str> = choices.iter().map(|(key, ..)| *key).collect();
        let alternatives: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        self.alternatives.push(json!({ "oneOf": alternatives }));
        let mut found = None;
        for (key, doc, f) in choices {
            let value = self.opt(key, doc, *f);
            found = found.or(value);
        }
        let mut given: Vec<&'static str> = keys.iter().copied().filter(|key| self.has(key)).collect();
        given.sort_by_key(|key| self.place(key));
        match given.as_slice() {
            [] if self.entries.is_some() && self.refused.is_empty() => {
                let message =
                    format!("{} has none of {}", self.what, words::list(keys.iter().copied(), "and"));
                self.missing.push((keys, message, "give exactly one of them".to_owned()));
            }
            [first, second, ..] => {
                let message = format!("{} has both `{first}` and `{second}`", self.what);
                self.error(second, message, "give exactly one of them");
            }
            _ => {}
        }
        found
    }

    /// Forbids keys that are known, but make no sense beside another.
    pub(crate) fn forbid(&mut self, keys: &[&'static str], why: &str, help: &str) {
        for key in keys {
            if self.has(key) {
                self.error(key, format!("`{key}` has no meaning {why}"), help);
            }
        }
    }

    /// Refuses keys that mean something in maps of the same kind, but not here: that is said rather than that they are
    /// unknown, nor that one of several keys asked for afterwards is missing.
    pub(crate) fn elsewhere(&mut self, keys: &[&'static str], why: &str, help: &str) {
        for key in keys {
            if self.has(key) {
                self.error(key, format!("`{key}` {why}"), help);
                self.refused.push(key);
            }
        }
    }

    /// Notes what was not asked for and what is missing. Gives the description, and whether anything was wrong.
    pub(super) fn end(mut self) -> (Value, bool) {
        let entries = self.entries.unwrap_or_default();
        let mut seen = HashMap::new();
        // Worked out once: a file of nothing but unknown keys must not be gone through for each of them.
        let unused = self.unused();
        for entry in entries {
            let first = earlier(&mut seen, entry);
            if self.known.contains(&entry.key.as_str()) {
                if let Some(first) = first {
                    duplicate(self.cx, entry, first);
                    self.failed = true;
                }
                continue;
            }
            self.failed = true;
            if self.refused.contains(&entry.key.as_str()) {
                continue;
            }
            let (message, help) = self.unknown(&entry.key, &unused);
            self.cx.faults.error(entry.span, message, Some(&help));
        }
        self.failed |= !self.missing.is_empty();
        for (_, message, help) in std::mem::take(&mut self.missing) {
            self.cx.faults.error(self.at, message, Some(&help));
        }
        let mut schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": self.properties,
        });
        if let Value::Object(object) = &mut schema {
            if !self.required.is_empty() {
                object.insert("required".to_owned(), json!(self.required));
            }
            match self.alternatives.as_slice() {
                [] => {}
                [Value::Object(only)] => object.extend(only.clone()),
                several => {
                    object.insert("allOf".to_owned(), json!(several));
                }
            }
        }
        (schema, self.failed)
    }

    /// The message for a key that nothing asked for. A missing key that it was likely meant to be is not
    /// reported beside it.
    fn unknown(&mut self, key: &str, unused: &[&'static str]) -> (String, String) {
        let message = format!("{} has no key {}", self.what, words::quoted(key));
        if key == "<<" {
            return (message, "merge keys are not read: write the keys out".to_owned());
        }
        if let Some(word) = words::nearest(key, unused.iter().copied()) {
            self.missing.retain(|(keys, ..)| !keys.contains(&word));
            return (message, format!("did you mean `{word}`?"));
        }
        let help = match unused.is_empty() {
            true => "leave it out".to_owned(),
            false => format!("it may have {}", words::list(unused.iter().copied(), "and")),
        };
        (message, help)
    }
}

/// For the middle of a sentence, without its full stop.
fn lower(doc: &str) -> String {
    let doc = doc.trim_end_matches('.');
    let mut letters = doc.chars();
    let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    match letters.clone().next() {
        Some(second) if second.is_uppercase() => doc.to_owned(),
        _ => first + letters.as_str(),
    }
}
