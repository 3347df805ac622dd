//! YAML into the tree.
//!
//! Built from the parser's events rather than through serde: they tell the place of every key and value and
//! the text as written, so that `012` stays `012` and a key written twice is seen twice. Plain values are read
//! as YAML 1.2 has it (`yes`, `on` and `no` are texts).

use super::{
    Faults, Span,
    node::{Entry, Kind, Node, Scalar, Sort},
    words::quoted,
};
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span as Marked, Tag};
use std::{collections::HashMap, rc::Rc};

/// Aliases followed, a file may not hold more values than this.
const MAX_NODES: u64 = 50_000;
/// Lists and maps may not lie deeper than this within each other.
const MAX_DEPTH: usize = 64;

/// A list or map that is not closed yet.
struct Open {
    span: Span,
    anchor: usize,
    map: bool,
    items: Vec<Rc<Node>>,
    keys: Vec<(String, Span)>,
    key: Option<(String, Span)>,
}

/// The tree of a text with one document; none where faults were noted that leave nothing to read.
pub(crate) fn parse(text: &str, faults: &mut Faults) -> Option<Rc<Node>> {
    let mut builder =
        Builder { text, faults, open: Vec::new(), anchors: HashMap::new(), root: None, documents: 0 };
    let options = {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, marked) = match event {
            Ok(event) => event,
            Err(error) => {
                builder.syntax(&error);
                return None;
            }
        };
        builder.take(event, &marked).ok()?;
    }
    let root = builder.root.take();
    if root.as_ref().is_none_or(|root| root.is_null()) {
        let whole = Span { start: 0, end: 0 };
        builder.faults.error(
            whole,
            "the file is empty",
            Some("`firedrill init` writes a playbook to start from"),
        );
        return None;
    }
    root
}

/// Reading can't go on; the fault is noted.
struct Stop;

struct Builder<'a> {
    text: &'a str,
    faults: &'a mut Faults,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    documents: u32,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, marked: &Marked) -> Result<(), Stop> {
        let span = self.span(marked);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "one file holds one playbook: put the others into files of their own";
                    self.faults.error(span, "a second document begins here", Some(help));
                    return Err(Stop);
                }
                Ok(())
            }
            Event::Scalar(value, style, anchor, tag) => {
                let scalar = self.scalar(&value, style, tag.as_deref(), span);
                self.value(Rc::new(Node::new(span, Kind::Scalar(scalar))), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(span, anchor, false, tag.as_deref()),
            Event::MappingStart(_, anchor, tag) => self.begin(span, anchor, true, tag.as_deref()),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(node) => self.value(node, 0),
                None => {
                    self.faults.error(span, "this alias stands inside the value that it names", None);
                    Err(Stop)
                }
            },
            _ => Ok(()),
        }
    }

    fn span(&self, marked: &Marked) -> Span {
        let start = marked.start.byte_offset().unwrap_or(0).min(self.text.len());
        let end = marked.end.byte_offset().unwrap_or(start).clamp(start, self.text.len());
        let written = super::faults::floor(self.text, start)..super::faults::floor(self.text, end);
        let trimmed = self.text[written.clone()].trim_end().len();
        Span { start: written.start, end: written.start + trimmed }
    }

    fn begin(&mut self, span: Span, anchor: usize, map: bool, tag: Option<&Tag>) -> Result<(), Stop> {
        self.tag(tag, span);
        if self.open.len() >= MAX_DEPTH {
            self.faults.error(span, format!("values lie more than {MAX_DEPTH} levels deep here"), None);
            return Err(Stop);
        }
        self.open.push(Open { span, anchor, map, items: Vec::new(), keys: Vec::new(), key: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let mut span = open.span;
        let kind = if open.map {
            // What is wrong with a map as a whole is shown at its first key.
            if let Some((_, first)) = open.keys.first() {
                span = *first;
            }
            let entries = open.keys.into_iter().zip(open.items);
            Kind::Map(entries.map(|((key, span), value)| Entry { key, span, value }).collect())
        } else {
            Kind::List(open.items)
        };
        self.value(Rc::new(Node::new(span, kind)), open.anchor)
    }

    fn value(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Stop> {
        if node.weight > MAX_NODES {
            let message = format!("with its aliases followed, the file holds more than {MAX_NODES} values");
            self.faults.error(node.span, message, Some("write it without so many aliases"));
            return Err(Stop);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if !open.map {
            open.items.push(node);
            return Ok(());
        }
        if let Some(key) = open.key.take() {
            open.keys.push(key);
            open.items.push(node);
            return Ok(());
        }
        match &node.kind {
            Kind::Scalar(scalar) => open.key = Some((scalar.text.clone(), node.span)),
            Kind::List(_) | Kind::Map(_) => {
                let references = self.text[open.span.start..].starts_with("{{")
                    || self.text[..node.span.start].ends_with("{{")
                    || self.text[..node.span.start].trim_end().ends_with("{{");
                let help = if references {
                    "a text with `{{ … }}` has to be in quotes: \"{{ steps.ID.KEY }}\""
                } else {
                    "a key is a word followed by a colon"
                };
                self.faults.error(node.span, "a list or map can't be a key", Some(help));
                return Err(Stop);
            }
        }
        Ok(())
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Scalar {
        let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if !forced {
            self.tag(tag, span);
        }
        let plain = style == ScalarStyle::Plain && !forced;
        Scalar { text: value.to_owned(), sort: if plain { sort(value) } else { Sort::Text } }
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) {
        if let Some(tag) = tag {
            let message = format!("the tag {} has no meaning here", quoted(&tag.original()));
            self.faults.error(span, message, Some("leave it out"));
        }
    }

    fn syntax(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or_else(|| {
            self.text.char_indices().nth(error.marker().index()).map_or(self.text.len(), |(i, _)| i)
        });
        let mut at = super::faults::floor(self.text, at);
        // The parser often notices only at the end of the file, where there is no line to show.
        if self.text[at..].trim().is_empty() {
            at = super::faults::floor(self.text, self.text.trim_end().len().saturating_sub(1));
        }
        let info = error.info();
        let message = match info.as_str() {
            "" => "this is not YAML".to_owned(),
            info => format!("this is not YAML: {info}"),
        };
        let end = at + self.text[at..].chars().next().map_or(0, char::len_utf8);
        let help = hint(self.text, at);
        self.faults.error(Span { start: at, end }, message, help);
    }
}

/// What most often is behind a syntax fault.
fn hint(text: &str, at: usize) -> Option<&'static str> {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let previous = text[..start].trim_end_matches(['\n', '\r']);
    let previous = previous.rfind('\n').map_or(previous, |i| &previous[i + 1..]);
    let value = |line: &str| line.split_once(": ").map_or("", |(_, value)| value).trim_start().to_owned();
    let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    if indent(line) || indent(previous) {
        return Some("indent with spaces: YAML allows no tabs there");
    }
    for line in [line, previous] {
        let value = value(line);
        if value.starts_with(['@', '`', '%', '*', '&', '!']) {
            return Some("a text that begins with a sign such as `@` or `*` has to be in quotes");
        }
        if value.starts_with("{{") || line.trim_start().starts_with("- {{") {
            return Some("a text with `{{ … }}` has to be in quotes: \"{{ steps.ID.KEY }}\"");
        }
    }
    let value = value(line);
    if value.contains(": ") && !value.starts_with(['"', '\'', '{', '[', '|', '>']) {
        return Some("a text with `: ` inside has to be in quotes");
    }
    if let Some(hint) = unclosed(&text[..start]) {
        return Some(hint);
    }
    if line.matches('"').count() % 2 == 1 || value.starts_with(['"', '\'']) {
        return Some("look for a quote that is not closed, or for text after a closing quote");
    }
    let depth = |line: &str| line.len() - line.trim_start().len();
    if depth(line) > depth(previous) && !previous.trim_end().ends_with(':') {
        return Some("look at the indentation: this line is indented deeper than the one above");
    }
    None
}

/// Whether a line shortly above opens something that it does not close.
fn unclosed(above: &str) -> Option<&'static str> {
    above.lines().rev().take(3).find_map(|line| {
        let line = line.split(" #").next().unwrap_or_default();
        let more = |open: char, close: char| line.matches(open).count() > line.matches(close).count();
        if line.matches('"').count() % 2 == 1 {
            return Some("look for a quote that is not closed on a line above");
        }
        (more('[', ']') || more('{', '}')).then_some("look for a bracket that is not closed on a line above")
    })
}

/// The core schema of YAML 1.2.
fn sort(text: &str) -> Sort {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Sort::Null,
        "true" | "True" | "TRUE" => return Sort::Bool(true),
        "false" | "False" | "FALSE" => return Sort::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Sort::Integer;
    }
    let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'))
        && text.parse::<f64>().is_ok();
    let special = matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    if number || special { Sort::Real } else { Sort::Text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn faults(text: &str) -> Vec<String> {
        let mut faults = Faults::new(Path::new("x.yaml"), text);
        let root = parse(text, &mut faults);
        assert!(root.is_some() || !faults.is_empty());
        faults.iter().map(|f| format!("{}: {}", f.span.start, f.message)).collect()
    }

    #[test]
    fn plain_values_are_read_as_yaml_1_2() {
        for (text, expected) in [
            ("yes", Sort::Text),
            ("on", Sort::Text),
            ("true", Sort::Bool(true)),
            ("~", Sort::Null),
            ("012", Sort::Integer),
            ("-1.5e3", Sort::Real),
            ("2026-01-01", Sort::Text),
            ("1.2.3", Sort::Text),
            (".inf", Sort::Real),
            ("5m", Sort::Text),
        ] {
            assert_eq!(sort(text), expected, "{text}");
        }
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = i - 1;
            text.push_str(&format!(
                "a{i}: &a{i} [*a{before}, *a{before}, *a{before}, *a{before}, *a{before}]\n"
            ));
        }
        assert!(faults(&text)[0].contains("more than 50000 values"), "{:?}", faults(&text));
    }

    #[test]
    fn an_alias_within_itself_is_refused() {
        assert!(faults("a: &a [*a]")[0].contains("inside the value that it names"));
    }

    #[test]
    fn depth_is_bounded() {
        assert!(faults(&"[".repeat(5000)).len() == 1);
        assert!(faults(&format!("{}x{}", "[".repeat(70), "]".repeat(70)))[0].contains("64 levels"));
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "ä: [1,\n  \"two\"]\n";
        let mut noted = Faults::new(Path::new("x.yaml"), text);
        let root = parse(text, &mut noted).expect("parses");
        let Kind::Map(entries) = &root.kind else { panic!("a map") };
        assert_eq!(&text[entries[0].span.start..entries[0].span.end], "ä");
        let Kind::List(items) = &entries[0].value.kind else { panic!("a list") };
        assert_eq!(&text[items[1].span.start..items[1].span.end], "\"two\"");
    }
}
