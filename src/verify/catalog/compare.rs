//! How a restored schema differs from its baseline, in lines that a person can act on.
//!
//! Where a table is missing, so are its columns and grants: one line says it.

use super::{
    hex,
    names::{belongs_to, kind_and_name},
};
use crate::verify::{
    SchemaSnapshot,
    words::{counted, nearest},
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Among more new objects of a kind, none is guessed to be the one that is missing.
const GUESSED: usize = 200;
/// A definition that is longer is cut to where it differs.
const LONGEST: usize = 240;

/// The digest of a schema: equal for equal definitions of equal objects.
pub fn digest(snapshot: &SchemaSnapshot) -> String {
    let mut hash = Sha256::new();
    for (name, definition) in &snapshot.objects {
        for text in [name, definition] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    format!("fd1-schema-sha256:{}", hex(&hash.finalize()))
}

/// Each difference in words, what is missing first; none: they are equal.
pub fn compare(baseline: &SchemaSnapshot, restored: &SchemaSnapshot) -> Vec<String> {
    let gone = only_in(baseline, restored);
    let new = only_in(restored, baseline);
    let mut lines = Vec::new();
    for (object, definition) in &gone.alone {
        let was =
            if definition.is_empty() { String::new() } else { format!("; it was: {}", shown(definition)) };
        let with = gone.with(object).map(|with| format!(", and with it {with}")).unwrap_or_default();
        let hint =
            renamed(object, definition, &new.alone).map(|hint| format!(" ({hint})")).unwrap_or_default();
        lines.push(format!("{object} is missing{with}{was}{hint}"));
    }
    for (object, was) in &baseline.objects {
        let Some(is) = restored.objects.get(object).filter(|is| *is != was) else { continue };
        if object.starts_with("column order of ") && !same_columns(was, is) {
            continue;
        }
        lines.push(match (was.as_str(), is.as_str()) {
            ("", is) => format!("{object} is {}, and was not", shown(is)),
            (was, "") => format!("{object} was {}, and is not", shown(was)),
            (was, is) => {
                let (was, is) = differing(was, is);
                format!("{object} was {was}, is {is}")
            }
        });
    }
    for object in new.alone.keys() {
        let with = new.with(object).map(|with| format!(", and with it {with}")).unwrap_or_default();
        lines.push(format!("{object} is new: not in the baseline{with}"));
    }
    lines
}

/// Objects that only one side has.
struct OneSided<'a> {
    /// Those that belong to nothing that is missing too.
    alone: BTreeMap<&'a str, &'a str>,
    /// What went with each of the others, by kind.
    with: BTreeMap<String, BTreeMap<&'a str, u64>>,
}

impl OneSided<'_> {
    fn with(&self, object: &str) -> Option<String> {
        let kinds = self.with.get(object)?;
        let words: Vec<String> = kinds.iter().map(|(kind, count)| plural(*count, kind)).collect();
        Some(match words.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, before)) => format!("{} and {last}", before.join(", ")),
            None => return None,
        })
    }
}

fn plural(count: u64, kind: &str) -> String {
    match kind {
        "index" | "policy" if count > 1 => {
            let many = if kind == "index" { "indexes" } else { "policies" };
            format!("{} {many}", crate::verify::words::grouped(count))
        }
        _ => counted(count, kind),
    }
}

fn only_in<'a>(this: &'a SchemaSnapshot, other: &SchemaSnapshot) -> OneSided<'a> {
    let mut found = OneSided { alone: BTreeMap::new(), with: BTreeMap::new() };
    let missing = |object: &str| this.objects.contains_key(object) && !other.objects.contains_key(object);
    for (object, definition) in &this.objects {
        if other.objects.contains_key(object) {
            continue;
        }
        let kind = kind_and_name(object).map_or("object", |(kind, _)| kind);
        match belongs_to(object, definition).into_iter().find(|owner| missing(owner)) {
            // The order of the columns and the owner are no things of their own.
            Some(_) if kind == "column order of" || kind == "owner of" => {}
            Some(owner) => *found.with.entry(owner).or_default().entry(kind).or_default() += 1,
            None if kind == "column order of" => {}
            None => {
                found.alone.insert(object, definition);
            }
        }
    }
    found
}

/// What a missing object may be called now: one of its kind with the same definition, or with a similar name.
fn renamed(object: &str, definition: &str, new: &BTreeMap<&str, &str>) -> Option<String> {
    let (kind, name) = kind_and_name(object)?;
    let alike: Vec<(&str, &str)> = new
        .iter()
        .filter_map(|(other, definition)| {
            kind_and_name(other).filter(|(other, _)| *other == kind).map(|(_, name)| (name, *definition))
        })
        .collect();
    if alike.len() > GUESSED {
        return None;
    }
    let same: Vec<&str> = alike
        .iter()
        .filter(|(_, other)| !definition.is_empty() && *other == definition)
        .map(|(name, _)| *name)
        .collect();
    if let [one] = same.as_slice() {
        return Some(format!("{one} is new and is the same"));
    }
    nearest(name, alike.iter().map(|(name, _)| *name)).map(|near| format!("there is {near}, which is new"))
}

/// Whether two lists name the same columns, in whatever order.
fn same_columns(was: &str, is: &str) -> bool {
    let set = |list: &str| list.split(", ").map(str::to_owned).collect::<BTreeSet<String>>();
    set(was) == set(is)
}

/// Both definitions, cut to where they differ if they are long.
fn differing(was: &str, is: &str) -> (String, String) {
    let (was, is) = (digests_cut(was), digests_cut(is));
    if was.len().max(is.len()) <= LONGEST {
        return (was, is);
    }
    let before = was.chars().zip(is.chars()).take_while(|(a, b)| a == b).count();
    let behind = was.chars().rev().zip(is.chars().rev()).take_while(|(a, b)| a == b).count();
    let cut = |text: &str| {
        let length = text.chars().count();
        let start = before.min(length).saturating_sub(40);
        let end = (length - behind.min(length - before.min(length)) + 40).min(length).max(start);
        let end = end.min(start + LONGEST);
        let middle: String = text.chars().skip(start).take(end - start).collect();
        format!("{}{middle}{}", if start > 0 { "…" } else { "" }, if end < length { "…" } else { "" })
    };
    (cut(&was), cut(&is))
}

/// A definition as it is shown where there is nothing to compare it with.
fn shown(definition: &str) -> String {
    let text = digests_cut(definition);
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The first digits of a digest are enough to see that two differ.
fn digests_cut(definition: &str) -> String {
    let mut parts = definition.split("sha256:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_hexdigit).count();
        text.push_str("sha256:");
        text.push_str(&part[..digits.min(8)]);
        text.push_str(if digits > 8 { "…" } else { "" });
        text.push_str(&part[digits..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(objects: &[(&str, &str)]) -> SchemaSnapshot {
        let objects = objects.iter().map(|(name, definition)| ((*name).to_owned(), (*definition).to_owned()));
        SchemaSnapshot { objects: objects.collect() }
    }

    const SHOP: [(&str, &str); 8] = [
        ("table shop.orders", ""),
        ("column shop.orders.id", "bigint not null"),
        ("column shop.orders.total", "numeric(12,2) not null"),
        ("column order of table shop.orders", "id, total"),
        ("constraint shop.orders.orders_pkey", "PRIMARY KEY (id)"),
        ("index shop.orders_total_idx on shop.orders", "btree (total)"),
        ("grant select on table shop.orders to readonly", ""),
        ("owner of table shop.orders", "app"),
    ];

    fn shop_but(leave: &str, with: &[(&str, &str)]) -> SchemaSnapshot {
        let kept = SHOP.iter().filter(|(name, _)| *name != leave).chain(with);
        schema(&kept.copied().collect::<Vec<_>>())
    }

    #[test]
    fn equal_schemas_have_no_difference() {
        assert_eq!(compare(&schema(&SHOP), &schema(&SHOP)), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_changed_and_new_is_named() {
        let restored = shop_but(
            "index shop.orders_total_idx on shop.orders",
            &[("column shop.orders.total", "numeric(10,2) not null"), ("table shop.extra", "")],
        );
        assert_eq!(
            compare(&schema(&SHOP), &restored),
            [
                "index shop.orders_total_idx on shop.orders is missing; it was: btree (total)",
                "column shop.orders.total was numeric(12,2) not null, is numeric(10,2) not null",
                "table shop.extra is new: not in the baseline",
            ]
        );
        let option = [("grant select on table shop.orders to readonly", "with grant option")];
        let restored = shop_but("", &option);
        assert_eq!(
            compare(&schema(&SHOP), &restored),
            ["grant select on table shop.orders to readonly is with grant option, and was not"]
        );
        let restored = shop_but("grant select on table shop.orders to readonly", &[]);
        assert_eq!(
            compare(&schema(&SHOP), &restored),
            ["grant select on table shop.orders to readonly is missing"]
        );
    }

    #[test]
    fn a_missing_table_takes_what_belongs_to_it_along() {
        assert_eq!(
            compare(&schema(&SHOP), &schema(&[])),
            ["table shop.orders is missing, and with it 2 columns, 1 constraint, 1 grant and 1 index"]
        );
        assert_eq!(
            compare(&schema(&[]), &schema(&SHOP)),
            [
                "table shop.orders is new: not in the baseline, and with it 2 columns, 1 constraint, 1 grant and 1 index"
            ]
        );
    }

    #[test]
    fn a_renamed_object_is_recognised() {
        let restored = shop_but(
            "index shop.orders_total_idx on shop.orders",
            &[("index shop.by_total on shop.orders", "btree (total)")],
        );
        assert_eq!(
            compare(&schema(&SHOP), &restored),
            [
                "index shop.orders_total_idx on shop.orders is missing; it was: btree (total) (shop.by_total on shop.orders is new and is the same)",
                "index shop.by_total on shop.orders is new: not in the baseline",
            ]
        );
        let restored = shop_but("column shop.orders.total", &[("column shop.orders.totals", "text")]);
        let lines = compare(&schema(&SHOP), &restored);
        assert!(lines[0].ends_with("(there is shop.orders.totals, which is new)"), "{lines:?}");
    }

    #[test]
    fn the_order_of_columns_counts_only_where_they_are_the_same() {
        let order = "column order of table shop.orders";
        let lines = compare(&schema(&SHOP), &shop_but(order, &[(order, "total, id")]));
        assert_eq!(lines, ["column order of table shop.orders was id, total, is total, id"]);
        let restored = schema(&[
            ("table shop.orders", ""),
            ("column shop.orders.id", "bigint not null"),
            (order, "id"),
            ("constraint shop.orders.orders_pkey", "PRIMARY KEY (id)"),
            ("index shop.orders_total_idx on shop.orders", "btree (total)"),
            ("grant select on table shop.orders to readonly", ""),
            ("owner of table shop.orders", "app"),
        ]);
        assert_eq!(
            compare(&schema(&SHOP), &restored),
            ["column shop.orders.total is missing; it was: numeric(12,2) not null"]
        );
    }

    #[test]
    fn a_digest_tells_every_change() {
        let one = digest(&schema(&SHOP));
        assert!(one.starts_with("fd1-schema-sha256:") && one.len() == 18 + 64, "{one}");
        assert_eq!(one, digest(&schema(&SHOP)));
        assert_ne!(one, digest(&shop_but("table shop.orders", &[])));
        assert_ne!(digest(&schema(&[("a", "bc")])), digest(&schema(&[("ab", "c")])));
        assert_ne!(digest(&schema(&[("a", "b")])), digest(&schema(&[("b", "a")])));
    }

    #[test]
    fn long_definitions_are_cut_to_where_they_differ() {
        let long = "x".repeat(500);
        let (was, is) = differing(&format!("{long}AAA{long}"), &format!("{long}BBBB{long}"));
        assert!(was.len() < LONGEST + 10 && was.contains("AAA") && was.starts_with('…'), "{was}");
        assert!(is.contains("BBBB"), "{is}");
        let (was, is) = differing(&long, &format!("{long}{long}"));
        assert!(was.len() < is.len(), "{was} {is}");
        assert_eq!(
            differing("text sha256:00112233445566778899aabbccddeeff, x", "y"),
            ("text sha256:00112233…, x".to_owned(), "y".to_owned())
        );
    }
}
