//! Names of objects: what kind they are of, what they belong to, and which of them a pattern leaves out.
//!
//! A name begins with its kind: `table shop.orders`, `column shop.orders.total`, `index shop.by_day on shop.orders`,
//! `grant select on table shop.orders to readonly`. What belongs to a table goes with it.

use crate::verify::SchemaSnapshot;

/// Patterns that leave out owners and grants, for a restore that does not keep them.
pub const OWNERS_AND_GRANTS: [&str; 4] = ["owner of *", "grant *", "revoke *", "default *"];

/// Kinds of object that others belong to.
const TABLES: [&str; 4] = ["table", "foreign table", "view", "materialized view"];
/// The objects that none of the patterns names, nor what they belong to.
///
/// `*` stands for anything. A pattern names the whole object (`table shop.tmp_*`) or, without a space, a name of any kind. A name
/// without a schema is also one in `public`.
pub fn without(snapshot: &SchemaSnapshot, patterns: &[impl AsRef<str>]) -> SchemaSnapshot {
    let named = |object: &str| {
        let short = object.replacen(" public.", " ", 1);
        patterns.iter().any(|pattern| {
            let pattern = pattern.as_ref().trim();
            [object, &short].into_iter().any(|object| {
                matches(pattern, object)
                    || !pattern.contains(' ')
                        && kind_and_name(object).is_some_and(|(_, name)| matches(pattern, name))
            })
        })
    };
    let objects = snapshot.objects.iter().filter(|(object, definition)| {
        !named(object) && !belongs_to(object, definition).iter().any(|owner| named(owner))
    });
    SchemaSnapshot { objects: objects.map(|(name, definition)| (name.clone(), definition.clone())).collect() }
}

/// The kinds of object; those of several words before those that begin alike.
const KINDS: [&str; 46] = [
    "column order of",
    "materialized view",
    "foreign table",
    "event trigger",
    "foreign data wrapper",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
    "operator family",
    "operator class",
    "access method",
    "user mapping for",
    "transform for",
    "owner of",
    "database",
    "schema",
    "extension",
    "table",
    "view",
    "column",
    "constraint",
    "index",
    "trigger",
    "rule",
    "policy",
    "function",
    "procedure",
    "aggregate",
    "type",
    "domain",
    "sequence",
    "statistics",
    "collation",
    "cast",
    "operator",
    "conversion",
    "server",
    "language",
    "grant",
    "revoke",
    "default",
    "event",
    "partition",
    "package",
    "period",
];

/// `table`, `shop.orders`.
pub(super) fn kind_and_name(object: &str) -> Option<(&'static str, &str)> {
    KINDS.iter().find_map(|kind| {
        let name = object.strip_prefix(kind)?.strip_prefix(' ')?;
        Some((*kind, name))
    })
}

/// The objects that an object may belong to, by name.
pub(super) fn belongs_to(object: &str, definition: &str) -> Vec<String> {
    let tables = |name: &str| TABLES.iter().map(|kind| format!("{kind} {name}")).collect();
    let Some((kind, name)) = kind_and_name(object) else { return Vec::new() };
    match kind {
        "column" | "constraint" | "trigger" | "rule" | "policy" | "partition" => {
            outside_quotes(name, ".").last().map(|at| tables(&name[..*at])).unwrap_or_default()
        }
        "index" | "statistics" => {
            outside_quotes(name, " on ").last().map(|at| tables(&name[at + 4..])).unwrap_or_default()
        }
        "column order of" | "owner of" => vec![name.to_owned()],
        "grant" | "revoke" => {
            let end = outside_quotes(name, if kind == "grant" { " to " } else { " from " });
            let on = outside_quotes(name, " on ");
            let thing = on.first().zip(end.last()).and_then(|(on, end)| name.get(on + 4..*end));
            thing.map(|thing| vec![thing.to_owned()]).unwrap_or_default()
        }
        "sequence" => ["owned by ", "identity of "]
            .iter()
            .find_map(|word| {
                let at = *outside_quotes(definition, word).last()?;
                let column = &definition[at + word.len()..];
                outside_quotes(column, ".").last().map(|at| tables(&column[..*at]))
            })
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Where a text stands in a name, outside of quotes.
fn outside_quotes(name: &str, wanted: &str) -> Vec<usize> {
    let mut quote = None;
    let mut found = Vec::new();
    for (at, c) in name.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if name[at..].starts_with(wanted) => found.push(at),
            None => {}
        }
    }
    found
}

/// Whether a text is what a pattern stands for; `*` is anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(objects: &[(&str, &str)]) -> SchemaSnapshot {
        let objects = objects.iter().map(|(name, definition)| ((*name).to_owned(), (*definition).to_owned()));
        SchemaSnapshot { objects: objects.collect() }
    }

    #[test]
    fn patterns_leave_out_what_belongs_to_an_object_too() {
        let all = schema(&[
            ("table public.tmp_1", ""),
            ("column public.tmp_1.id", "integer"),
            ("index public.odd on public.tmp_1", "btree (id)"),
            ("sequence public.tmp_1_id_seq", "bigint start 1, owned by public.tmp_1.id"),
            ("grant select (id) on table public.tmp_1 to \"a to b\"", ""),
            ("grant select on table public.kept to \"a to b\"", ""),
            ("table public.kept", ""),
            ("view shop.tmp_view", ""),
        ]);
        let left = |patterns: &[&str]| without(&all, patterns).objects.into_keys().collect::<Vec<_>>();
        let kept =
            ["grant select on table public.kept to \"a to b\"", "table public.kept", "view shop.tmp_view"];
        assert_eq!(left(&["table tmp_*"]), kept);
        assert_eq!(left(&["table public.tmp_*"]), kept);
        assert_eq!(left(&["*.tmp_*"]).len(), 2);
        assert_eq!(left(&["kept"]).len(), 6);
        assert_eq!(left(&["table"]).len(), 8);
        assert_eq!(left(&OWNERS_AND_GRANTS).len(), 6);
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, yes) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*", "", true),
            ("a", "ab", false),
            ("a*b*c", "a1b2b3c", true),
            ("aa*aa", "aaa", false),
            ("*x", "ax", true),
        ] {
            assert_eq!(matches(pattern, text), yes, "{pattern} {text}");
        }
    }
}
