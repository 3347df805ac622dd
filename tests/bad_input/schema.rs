//! The schema says the same as the parser: right files conform, files with wrong structure don't.

use serde_json::Value;

/// Whether a value conforms, as far as the words that our schema uses go.
fn conforms(root: &Value, schema: &Value, value: &Value) -> bool {
    if schema == &Value::Bool(false) {
        return false;
    }
    let Value::Object(rules) = schema else { return true };
    rules.iter().all(|(rule, want)| match rule.as_str() {
        "$ref" => {
            let path = want.as_str().expect("a reference").trim_start_matches('#');
            conforms(root, root.pointer(path).expect("defined"), value)
        }
        "type" => want
            .as_array()
            .map_or_else(|| has_type(want, value), |any| any.iter().any(|t| has_type(t, value))),
        "enum" => want.as_array().expect("a list").contains(value),
        "const" => want == value,
        "anyOf" => want.as_array().expect("a list").iter().any(|one| conforms(root, one, value)),
        "oneOf" => {
            want.as_array().expect("a list").iter().filter(|one| conforms(root, one, value)).count() == 1
        }
        "allOf" => want.as_array().expect("a list").iter().all(|one| conforms(root, one, value)),
        "required" => {
            let keys = want.as_array().expect("a list");
            value
                .as_object()
                .is_none_or(|map| keys.iter().all(|key| map.contains_key(key.as_str().expect("a key"))))
        }
        "properties" => value.as_object().is_none_or(|map| {
            map.iter().all(|(key, inner)| want.get(key).is_none_or(|schema| conforms(root, schema, inner)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|map| {
            let own = rules.get("properties").and_then(Value::as_object);
            let mut others = map.iter().filter(|(key, _)| own.is_none_or(|own| !own.contains_key(*key)));
            others.all(|(_, inner)| conforms(root, want, inner))
        }),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| conforms(root, want, item))),
        "minItems" => {
            value.as_array().is_none_or(|items| items.len() as u64 >= want.as_u64().expect("a number"))
        }
        "maxItems" => {
            value.as_array().is_none_or(|items| items.len() as u64 <= want.as_u64().expect("a number"))
        }
        "minLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 >= want.as_u64().expect("a number"))
        }
        "minimum" => value.as_f64().is_none_or(|n| n >= want.as_f64().expect("a number")),
        "maximum" => value.as_f64().is_none_or(|n| n <= want.as_f64().expect("a number")),
        "exclusiveMinimum" => value.as_f64().is_none_or(|n| n > want.as_f64().expect("a number")),
        "pattern" => {
            let regex = regex::Regex::new(want.as_str().expect("a text")).expect("compiles");
            value.as_str().is_none_or(|text| regex.is_match(text))
        }
        "$defs" | "$schema" | "title" | "description" | "examples" | "format" => true,
        other => panic!("the schema uses `{other}`, which this test does not know"),
    })
}

fn has_type(want: &Value, value: &Value) -> bool {
    match want.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

fn fits(text: &str) -> bool {
    let schema = firedrill::playbook::schema();
    // As the parser reads them: `yes` is a text.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options::<Value>(text, options)
        .is_ok_and(|value| conforms(&schema, &schema, &value))
}

#[test]
fn right_files_conform_to_the_schema() {
    assert!(fits(super::playbooks::BASE));
    assert!(fits(super::servers::BASE));
    assert!(fits(firedrill::starter::PLAYBOOK.1));
    let drills = concat!(env!("CARGO_MANIFEST_DIR"), "/drills/example-platform.yaml");
    assert!(fits(&std::fs::read_to_string(drills).expect("read")));
}

/// Faults of structure alone: a schema can't see a circle, or a zone that is none.
const STRUCTURE: [&str; 37] = [
    "unknown keys everywhere",
    "missing keys",
    "no steps",
    "steps are empty",
    "another version",
    "another kind",
    "a list for a map",
    "a text for a list",
    "a map for a text",
    "yes for true",
    "an unknown sample",
    "an unknown way with missed fires",
    "a step that does nothing",
    "a step that does two things",
    "a misspelt step",
    "an unknown source",
    "two sources",
    "a restore of nothing",
    "a misspelt recovery point",
    "a command as one text",
    "an empty command",
    "two expectations",
    "a password in the playbook",
    "dump: misspelt keys",
    "dump: no backup",
    "dump: no jobs",
    "dump: unknown ways with roles and extensions",
    "dump: keys of PostgreSQL for MySQL",
    "server: no host",
    "server: passwords that only AWS has",
    "server: an unknown way to secure it",
    "server: live without its database",
    "check: nothing by false",
    "check: two looks at once",
    "rows: buckets that are no power of two",
    "rows: a condition without a table",
    "rows: an unknown thing to redact",
];

#[test]
fn wrong_structure_does_not_conform_to_the_schema() {
    for name in STRUCTURE {
        let files = [
            (super::playbooks::BASE, super::playbooks::CASES),
            (super::servers::BASE, super::servers::CASES),
        ];
        let case = |(base, cases): &(&'static str, &'static [super::Case])| {
            cases.iter().find(|case| case.0 == name).map(|case| (*base, case.1))
        };
        let (base, changes) = files.iter().find_map(case).expect(name);
        let mut text = base.to_owned();
        for (from, to) in changes {
            text = text.replacen(from, to, 1);
        }
        assert!(!fits(&text), "{name}");
    }
}

/// Every map that the schema knows, by its path, with its keys.
fn maps<'a>(path: &str, schema: &'a Value, out: &mut Vec<(String, Vec<&'a String>)>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        out.push((path.to_owned(), properties.keys().collect()));
    }
    match schema {
        Value::Object(map) => map.iter().for_each(|(key, inner)| maps(&format!("{path}/{key}"), inner, out)),
        Value::Array(list) => list.iter().for_each(|inner| maps(path, inner, out)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_has_a_description() {
    let schema = firedrill::playbook::schema();
    let mut all = Vec::new();
    maps("", &schema, &mut all);
    assert!(all.len() > 30, "{}", all.len());
    for (path, keys) in all {
        for key in keys {
            let described = schema.pointer(&format!("{path}/properties/{key}/description"));
            // Paths through lists of forms can't be followed by pointer.
            assert!(described.is_some() || path.contains("anyOf"), "{path}: {key}");
        }
    }
}
