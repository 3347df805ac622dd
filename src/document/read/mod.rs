//! Reads values out of a tree, notes every fault, and carries on. Run without a tree, the same code describes
//! what it reads as JSON Schema.
//!
//! ```text
//! fn step(r: &mut Reader<'_>) -> Option<Step> {
//!     r.fields("a step", |m| {
//!         let id = m.need("id", "Its name.", label);          // reading: the value, or a noted fault
//!         let needs = m.opt("needs", "Earlier steps.", labels); // describing: None, and the key is written down
//!         Some(Step { id: id?, needs: needs? })
//!     })
//! }
//! ```
//!
//! So keys must all be asked for before the first `?`: the rest would be neither checked nor described.

mod fields;

pub(crate) use fields::Fields;

use super::{
    Faults, Kind, Node, Scalar, Severity, Span,
    node::{Entry, Sort},
    words,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What reading a whole file gathers.
pub(crate) struct Context {
    /// The faults so far.
    pub faults: Faults,
    /// Texts that readers set aside for a look at the file as a whole.
    pub notes: Vec<Note>,
    /// Descriptions used in more than one place; only while describing.
    pub definitions: Map<String, Value>,
}

/// A text set aside, with its place and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub text: String,
    pub span: Span,
    pub what: &'static str,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub value: T,
    pub span: Span,
}

/// Reads or describes one kind of value.
pub(crate) type Read<T> = fn(&mut Reader<'_>) -> Option<T>;

/// One value to read; without a node, to describe.
pub(crate) struct Reader<'a> {
    cx: &'a mut Context,
    node: Option<&'a Node>,
    /// Where faults of the value as a whole are shown: for a map its key.
    at: Span,
    schema: Value,
}

impl Context {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, notes: Vec::new(), definitions: Map::new() }
    }

    /// Reads a tree.
    pub(crate) fn read<T>(&mut self, node: &Node, f: Read<T>) -> Option<T> {
        let at = node.span;
        f(&mut Reader { cx: self, node: Some(node), at, schema: Value::Null })
    }
}

/// The JSON Schema of what `f` reads.
pub(crate) fn describe<T>(f: Read<T>) -> Value {
    let mut cx = Context::new(Faults::new(std::path::Path::new(""), ""));
    let mut reader = Reader { cx: &mut cx, node: None, at: Span::default(), schema: json!({}) };
    let _ = f(&mut reader);
    let mut schema = reader.schema;
    if let Value::Object(object) = &mut schema {
        object.insert("$defs".to_owned(), Value::Object(std::mem::take(&mut cx.definitions)));
    }
    schema
}

impl<'a> Reader<'a> {
    pub(crate) fn describing(&self) -> bool {
        self.node.is_none()
    }

    /// Where the value is.
    pub(crate) fn span(&self) -> Span {
        self.node.map_or(self.at, |node| match node.kind {
            Kind::Scalar(_) => node.span,
            Kind::List(_) | Kind::Map(_) => self.at,
        })
    }

    /// Where its key is, for a value of a map.
    pub(crate) fn key(&self) -> Span {
        self.at
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.node, Some(Node { kind: Kind::Map(_), .. }))
    }

    pub(crate) fn error(&mut self, message: impl Into<String>, help: impl Into<String>) {
        let span = self.span();
        self.error_at(span, message, help);
    }

    pub(crate) fn error_at(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.cx.faults.push(span, Severity::Error, message.into(), Some(help.into()));
    }

    /// The value may be a secret: it is not shown in excerpts.
    pub(crate) fn hide(&mut self) {
        if let Some(node) = self.node {
            self.cx.faults.hide(node.span);
        }
    }

    /// Sets a text aside for later.
    pub(crate) fn note(&mut self, text: &str, what: &'static str) {
        let span = self.span();
        self.cx.notes.push(Note { text: text.to_owned(), span, what });
    }

    /// How many texts are set aside by now.
    pub(crate) fn noted(&self) -> usize {
        self.cx.notes.len()
    }

    /// Takes the texts set aside after the first `from`.
    pub(crate) fn take_notes(&mut self, from: usize) -> Vec<Note> {
        self.cx.notes.split_off(from.min(self.cx.notes.len()))
    }

    /// Lends what was gathered so far.
    pub(crate) fn context<T>(&mut self, f: impl FnOnce(&mut Context) -> T) -> T {
        f(self.cx)
    }

    /// Adds to the description.
    pub(crate) fn also(&mut self, more: Value) {
        if let (true, Value::Object(own), Value::Object(more)) = (self.describing(), &mut self.schema, more) {
            own.extend(more);
        }
    }

    fn wrong(&mut self, expected: &str) {
        let Some(node) = self.node else { return };
        let found = node.name();
        self.error(format!("expected {expected}, found {found}"), format!("give {expected} here"));
    }

    fn scalar(&mut self, expected: &str) -> Option<&'a Scalar> {
        match &self.node?.kind {
            Kind::Scalar(scalar) if scalar.sort != Sort::Null => Some(scalar),
            _ => {
                self.wrong(expected);
                None
            }
        }
    }

    /// Any single value, as its text: `yes`, `012` and `1.10` are what was written.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.also(json!({ "type": "string" }));
        self.scalar("a text").map(|scalar| scalar.text.clone())
    }

    /// A text that is read further; `f` says what is wrong and what would be right.
    pub(crate) fn parsed<T>(
        &mut self,
        schema: Value,
        expected: &str,
        f: impl FnOnce(&str) -> Result<T, (String, String)>,
    ) -> Option<T> {
        self.also(schema);
        let scalar = self.scalar(expected)?;
        match f(&scalar.text) {
            Ok(value) => Some(value),
            Err((message, help)) => {
                self.error(message, help);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Option<bool> {
        self.also(json!({ "type": "boolean" }));
        let scalar = self.scalar("`true` or `false`")?;
        if let Sort::Bool(value) = scalar.sort {
            return Some(value);
        }
        let help = match scalar.text.to_lowercase().as_str() {
            "yes" | "on" | "true" | "y" | "1" => "write `true`, without quotes",
            "no" | "off" | "false" | "n" | "0" => "write `false`, without quotes",
            _ => "write `true` or `false`",
        };
        let found = self.node.map(Node::name).unwrap_or_default();
        self.error(format!("expected `true` or `false`, found {found}"), help);
        None
    }

    /// A whole number between the two, both included.
    pub(crate) fn integer(&mut self, least: i64, most: i64) -> Option<i64> {
        self.also(json!({ "type": "integer", "minimum": least, "maximum": most }));
        let scalar = self.scalar("a whole number")?;
        match scalar.text.parse::<i64>() {
            Ok(value) if (least..=most).contains(&value) => Some(value),
            Ok(value) => {
                self.error(format!("{value} is out of range"), format!("use {least} to {most}"));
                None
            }
            Err(_) => {
                let found = self.node.map(Node::name).unwrap_or_default();
                let help = format!("use a number from {least} to {most}");
                self.error(format!("expected a whole number, found {found}"), help);
                None
            }
        }
    }

    /// Any single value with its type: what a query's answer is compared with.
    pub(crate) fn value(&mut self) -> Option<Value> {
        self.also(json!({ "type": ["string", "number", "boolean", "null"] }));
        let Kind::Scalar(scalar) = &self.node?.kind else {
            self.wrong("a single value");
            return None;
        };
        let text = scalar.text.as_str();
        match scalar.sort {
            Sort::Null => Some(Value::Null),
            Sort::Bool(value) => Some(Value::Bool(value)),
            Sort::Text => Some(Value::String(text.to_owned())),
            Sort::Integer => {
                let digits = text.strip_prefix('+').unwrap_or(text);
                let number = digits.parse::<i64>().map(Value::from);
                number.or_else(|_| digits.parse::<u64>().map(Value::from)).ok().or_else(|| {
                    self.error(
                        "this number is beyond 64 bits, so it can't be compared without loss",
                        "let the query cast to text, and give the number in quotes",
                    );
                    None
                })
            }
            Sort::Real => {
                let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
                number.map(Value::Number).or_else(|| {
                    self.error(
                        format!("`{}` equals nothing, not even itself", words::short(text)),
                        "give a finite number",
                    );
                    None
                })
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, words: &[(&'static str, T)]) -> Option<T> {
        let names = words.iter().map(|(name, _)| *name);
        self.also(json!({ "enum": names.clone().collect::<Vec<_>>() }));
        let scalar = self.scalar(&words::list(names.clone(), "or"))?;
        let found = words.iter().find(|(name, _)| *name == scalar.text).map(|(_, value)| *value);
        if found.is_none() {
            let message = format!("{} is not known here", words::quoted(&scalar.text));
            let help = words::suggest(&scalar.text, names);
            self.error(message, help);
        }
        found
    }

    /// A list, each item read by `f`; fails as a whole where an item fails.
    pub(crate) fn list<T>(&mut self, least: usize, f: Read<T>) -> Option<Vec<T>> {
        if self.describing() {
            let item = self.sub(f);
            self.also(json!({ "type": "array", "items": item }));
            if least > 0 {
                self.also(json!({ "minItems": least }));
            }
            return None;
        }
        let Kind::List(items) = &self.node?.kind else {
            let help = match self.node.map(|node| &node.kind) {
                Some(Kind::Scalar(scalar)) if scalar.sort != Sort::Null && least <= 1 => {
                    let written = self.cx.faults.slice(self.span()).unwrap_or_default();
                    format!("put it in brackets: [{}]", words::short(written))
                }
                _ => "a list is written as [a, b], or with a `- ` before each line".to_owned(),
            };
            let found = self.node.map(Node::name).unwrap_or_default();
            self.error(format!("expected a list, found {found}"), help);
            return None;
        };
        if items.len() < least {
            self.error("the list is empty", format!("give at least {least}"));
            return None;
        }
        let values: Vec<Option<T>> = items
            .iter()
            .map(|item| {
                let at = item.span;
                f(&mut Reader { cx: self.cx, node: Some(item), at, schema: Value::Null })
            })
            .collect();
        values.into_iter().collect()
    }

    /// What is described by `f` alone.
    fn sub<T>(&mut self, f: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Value {
        let mut reader = Reader { cx: self.cx, node: None, at: self.at, schema: json!({}) };
        let _ = f(&mut reader);
        reader.schema
    }

    /// A value that can be written as a single value, as a list or as a map.
    pub(crate) fn forms<T>(
        &mut self,
        expected: &str,
        single: Option<Read<T>>,
        list: Option<Read<T>>,
        map: Option<Read<T>>,
    ) -> Option<T> {
        if self.describing() {
            let forms: Vec<Value> = [single, list, map].into_iter().flatten().map(|f| self.sub(f)).collect();
            self.also(json!({ "anyOf": forms }));
            return None;
        }
        let form = match &self.node?.kind {
            Kind::Scalar(scalar) if scalar.sort == Sort::Null => None,
            Kind::Scalar(_) => single,
            Kind::List(_) => list,
            Kind::Map(_) => map,
        };
        match form {
            Some(f) => f(self),
            None => {
                self.wrong(expected);
                None
            }
        }
    }

    /// Describes once, under a name, what is used in many places.
    pub(crate) fn shared<T>(
        &mut self,
        name: &str,
        f: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        if !self.describing() {
            return f(self);
        }
        if !self.cx.definitions.contains_key(name) {
            // Written down first, so that a description within itself ends.
            self.cx.definitions.insert(name.to_owned(), Value::Null);
            let schema = self.sub(f);
            self.cx.definitions.insert(name.to_owned(), schema);
        }
        self.also(json!({ "$ref": format!("#/$defs/{name}") }));
        None
    }

    /// A map whose keys are names of the author's own.
    pub(crate) fn entries<T>(
        &mut self,
        f: impl Fn(&str, &mut Reader<'_>) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        if self.describing() {
            let value = self.sub(|r| f("", r));
            self.also(json!({ "type": "object", "additionalProperties": value }));
            return None;
        }
        let Kind::Map(entries) = &self.node?.kind else {
            self.wrong("a map of names and values");
            return None;
        };
        let mut whole = Some(Vec::with_capacity(entries.len()));
        let mut seen = HashMap::new();
        for entry in entries {
            if let Some(first) = earlier(&mut seen, entry) {
                duplicate(self.cx, entry, first);
                whole = None;
                continue;
            }
            let at = entry.span;
            let mut reader = Reader { cx: self.cx, node: Some(&entry.value), at, schema: Value::Null };
            match (f(&entry.key, &mut reader), &mut whole) {
                (Some(value), Some(all)) => all.push((entry.key.clone(), value)),
                _ => whole = None,
            }
        }
        whole
    }

    /// A map with known keys. What `f` does not ask for is a fault.
    pub(crate) fn fields<T>(
        &mut self,
        what: &'static str,
        f: impl FnOnce(&mut Fields<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let entries = match self.node {
            None => None,
            Some(Node { kind: Kind::Map(entries), .. }) => Some(entries.as_slice()),
            Some(_) => {
                let found = self.node.map(Node::name).unwrap_or_default();
                self.error(format!("expected {what}, found {found}"), "give a map of keys and values here");
                return None;
            }
        };
        let mut fields = Fields::new(self.cx, entries, self.at, what);
        let value = f(&mut fields);
        let (schema, failed) = fields.end();
        if self.describing() {
            self.also(schema);
        }
        if failed { None } else { value }
    }
}

/// The first entry with the same key, if this is not it.
fn earlier<'a>(seen: &mut HashMap<&'a str, &'a Entry>, entry: &'a Entry) -> Option<&'a Entry> {
    let first = *seen.entry(entry.key.as_str()).or_insert(entry);
    (!std::ptr::eq(first, entry)).then_some(first)
}

fn duplicate(cx: &mut Context, entry: &Entry, first: &Entry) {
    let line = cx.faults.place(first.span.start).line;
    cx.faults.error(
        entry.span,
        format!("the key {} comes twice; the first is on line {line}", words::quoted(&entry.key)),
        Some("keep one of them"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[derive(Debug, PartialEq)]
    struct Pair(String, Option<bool>);

    fn pair(r: &mut Reader<'_>) -> Option<Pair> {
        r.fields("a pair", |m| {
            let name = m.need("name", "What it is called.", |r| r.text());
            let flag = m.opt("required", "Whether.", |r| r.boolean());
            let _ = m.one_of::<i64>(&[("one", "1", |r| r.integer(0, 1)), ("two", "2", |r| r.integer(0, 2))]);
            Some(Pair(name?, flag))
        })
    }

    fn read(text: &str) -> (Option<Pair>, Vec<String>) {
        let mut cx = Context::new(Faults::new(Path::new("x.yaml"), text));
        let root = crate::document::parse_yaml(text, &mut cx.faults).expect("yaml");
        let value = cx.read(&root, pair);
        let said =
            |f: &crate::document::FileFault| format!("{} / {}", f.message, f.help.as_deref().unwrap_or(""));
        (value, cx.faults.iter().map(said).collect())
    }

    #[test]
    fn all_faults_of_a_map_are_noted_at_once() {
        let (value, faults) = read("nam: x\nrequired: yes\none: 5\ntwo: 1\none: 0");
        assert_eq!(value, None);
        assert_eq!(
            faults,
            [
                "a pair has no key `nam` / did you mean `name`?",
                "expected `true` or `false`, found the text `yes` / write `true`, without quotes",
                "5 is out of range / use 0 to 1",
                "a pair has both `one` and `two` / give exactly one of them",
                "the key `one` comes twice; the first is on line 3 / keep one of them",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let (_, faults) = read("required: true");
        assert_eq!(
            faults,
            [
                "a pair has no `name` / add `name`: what it is called",
                "a pair has none of `one` and `two` / give exactly one of them",
            ]
        );
        assert_eq!(read("{name: 12, two: 0}").0, Some(Pair("12".into(), None)));
    }

    #[test]
    fn what_is_refused_is_said_once() {
        let text = "three: 3\nnam: x";
        let mut cx = Context::new(Faults::new(Path::new("x.yaml"), text));
        let root = crate::document::parse_yaml(text, &mut cx.faults).expect("yaml");
        let read = |r: &mut Reader<'_>| {
            r.fields("a pair", |m| {
                m.elsewhere(&["three"], "is for others", "leave it out");
                let _ = m.need("name", "What it is called.", |r| r.text());
                m.one_of::<i64>(&[("one", "1", |r| r.integer(0, 1)), ("two", "2", |r| r.integer(0, 2))])
            })
        };
        assert_eq!(cx.read(&root, read), None);
        let said: Vec<&str> = cx.faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(said, ["`three` is for others", "a pair has no key `nam`"]);
    }

    #[test]
    fn the_reading_code_describes_itself() {
        let schema = describe(pair);
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["properties"]["required"]["type"], "boolean");
        assert_eq!(schema["oneOf"], json!([{ "required": ["one"] }, { "required": ["two"] }]));
    }
}
