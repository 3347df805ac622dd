//! TOML into the tree.

use super::{
    Faults, Span,
    node::{Entry, Kind, Node, Scalar, Sort},
};
use std::{ops::Range, rc::Rc};
use toml::de::{DeTable, DeValue};

/// The tree of a text; none where its syntax is wrong. The parser recovers, so all syntax faults are noted.
pub(crate) fn parse(text: &str, faults: &mut Faults) -> Option<Rc<Node>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        faults.error(place(&span), format!("this is not TOML: {}", error.message()), None);
    }
    errors.is_empty().then(|| Rc::new(table(root.get_ref(), Span::default())))
}

fn place(span: &Range<usize>) -> Span {
    Span { start: span.start, end: span.end }
}

fn table(table: &DeTable<'_>, span: Span) -> Node {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            span: place(&key.span()),
            value: Rc::new(node(value.get_ref(), place(&value.span()))),
        })
        .collect();
    entries.sort_by_key(|entry| entry.span);
    let span = entries.first().map_or(span, |entry| entry.span);
    Node::new(span, Kind::Map(entries))
}

fn node(value: &DeValue<'_>, span: Span) -> Node {
    let scalar = |text: String, sort| Kind::Scalar(Scalar { text, sort });
    let kind = match value {
        DeValue::String(text) => scalar(text.to_string(), Sort::Text),
        DeValue::Integer(number) => scalar(number.as_str().to_owned(), Sort::Integer),
        DeValue::Float(number) => scalar(number.as_str().to_owned(), Sort::Real),
        DeValue::Boolean(value) => scalar(value.to_string(), Sort::Bool(*value)),
        DeValue::Datetime(moment) => scalar(moment.to_string(), Sort::Text),
        DeValue::Array(items) => {
            Kind::List(items.iter().map(|item| Rc::new(node(item.get_ref(), place(&item.span())))).collect())
        }
        DeValue::Table(inner) => return table(inner, span),
    };
    Node::new(span, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn keys_and_values_keep_their_places() {
        let text = "playbooks = [\"a\"]\n[scratch]\nfolders = [\"/x\"]\n";
        let mut faults = Faults::new(Path::new("x.toml"), text);
        let root = parse(text, &mut faults).expect("parses");
        let Kind::Map(entries) = &root.kind else { panic!("a map") };
        let places: Vec<&str> = entries.iter().map(|e| &text[e.span.start..e.span.end]).collect();
        assert_eq!(places, ["playbooks", "scratch"]);
    }

    #[test]
    fn every_syntax_fault_is_noted() {
        let text = "a = \nb = [1\nc = \"x\n";
        let mut faults = Faults::new(Path::new("x.toml"), text);
        assert!(parse(text, &mut faults).is_none());
        assert!(faults.len() >= 2, "{faults}");
    }
}
