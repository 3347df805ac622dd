//! How each type of column enters the hash of a row.
//!
//! | kind | types | in the hash | NULL |
//! | --- | --- | --- | --- |
//! | small | smallint, integer, boolean | `hashint4extended(c, h)`: 32 bits and the state, mixed | 0 under a state of its own |
//! | big | bigint, oid | `hashint4extended(0, h # c)` | a constant |
//! | uuid | uuid | `uuid_hash_extended(c, h)` | a constant |
//! | sent | numeric, floats, dates and times, interval, bytea, bits, network types, money, pg_lsn | the bytes of the binary protocol, in one array that begins the chain | its place in the array counts as 0 |
//! | text | text and whatever has none of the above: json, jsonb, arrays, enums, ranges, composites, geometric types (their bytes tell one NaN from another), xml, types of extensions | `hashtextextended(c::text collate "C", h)` | a constant |
//!
//! `h` is the state so far: the hash of one column is the seed of the next one's, so places matter and nothing cancels out.
//! Only functions are used whose results are the same in PostgreSQL 13 to 18, on x86-64 and arm64, whatever the
//! collation and the session's settings (their source was read, and a session begins with a probe of each). Not used, although
//! faster: `hashint8extended` and `timestamp_hash_extended` (fold 64 bits to 32), `hash_numeric_extended` (blind to sign
//! and scale), `hashfloat8extended` (blind to -0.0), `jsonb_hash_extended` (blind to order 32 places apart, to
//! the sign of numbers, to nesting), `interval_hash_extended` (a month is 30 days), `hash_record_extended` (since 14
//! only), `hash_array_extended` over a column's own array (blind to its shape), `hashtext` under a nondeterministic collation.

/// How a column enters the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Small,
    Big,
    Uuid,
    /// By that function.
    Sent(&'static str),
    /// Bytes as they are.
    Bytes,
    /// As float8 or float4: every NaN is made one.
    Float(&'static str, &'static str),
    /// Cast to text.
    Text,
    /// Text already: nothing to compute.
    Plain,
    /// Where the cast to text is not what the type's output function gives.
    Output,
}

/// A column of a relation, as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// As declared, in words.
    pub(super) declared: String,
    pub(super) class: Class,
    pub(super) not_null: bool,
}

/// The class of a base type by its name in pg_catalog; `None`: of an unknown kind, cast to text.
pub(super) fn class(schema: &str, name: &str) -> Class {
    if schema != "pg_catalog" {
        return Class::Text;
    }
    match name {
        "int2" | "int4" | "bool" => Class::Small,
        "int8" | "oid" => Class::Big,
        "uuid" => Class::Uuid,
        "text" | "varchar" | "name" | "json" => Class::Plain,
        "bpchar" | "xml" => Class::Output,
        "float4" => Class::Float("float4", "float4send"),
        "float8" => Class::Float("float8", "float8send"),
        "numeric" => Class::Sent("numeric_send"),
        "timestamp" => Class::Sent("timestamp_send"),
        "timestamptz" => Class::Sent("timestamptz_send"),
        "date" => Class::Sent("date_send"),
        "time" => Class::Sent("time_send"),
        "timetz" => Class::Sent("timetz_send"),
        "interval" => Class::Sent("interval_send"),
        "bytea" => Class::Bytes,
        "bit" => Class::Sent("bit_send"),
        "varbit" => Class::Sent("varbit_send"),
        "inet" => Class::Sent("inet_send"),
        "cidr" => Class::Sent("cidr_send"),
        "macaddr" => Class::Sent("macaddr_send"),
        "macaddr8" => Class::Sent("macaddr8_send"),
        "money" => Class::Sent("cash_send"),
        "pg_lsn" => Class::Sent("pg_lsn_send"),
        "char" => Class::Sent("charsend"),
        _ => Class::Text,
    }
}

/// Whether a type's values are not covered, and why.
pub(super) fn unstable(schema: &str, name: &str) -> Option<&'static str> {
    (schema == "pg_catalog" && matches!(name, "aclitem" | "_aclitem"))
        .then_some("its text is another in each major version")
}

/// Stands for NULL among texts: 128 random bits.
const NULL_TEXT: &str = "'\u{1}fd1:6b0d3a5c9e174f28b1c07d52e8f4a693'";
/// Stands for NULL among UUIDs.
const NULL_UUID: &str = "'b3f1c6d2-94e7-4a58-8d0b-7c2e5f1a9043'::uuid";
/// Stands for NULL among bigints.
const NULL_BIG: &str = "7046029254386353131";
/// Changes the state where a small column is NULL.
const NULL_SMALL: &str = "5871781006564002453";

/// A name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it (standard_conforming_strings is on).
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What is selected from the relation so that the chains can be written: each expression once, with its name.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs {
    list: Vec<String>,
    /// The elements of the array that begins the chain.
    sent: Vec<String>,
    links: Vec<Link>,
}

#[derive(Debug, Clone)]
enum Link {
    Small(String, bool),
    Big(String, bool),
    Uuid(String, bool),
    Text(String, bool),
}

impl Inputs {
    /// For these columns, of `x`; `prefix` keeps names apart.
    pub(super) fn new(columns: &[Column], prefix: &str) -> Self {
        let mut inputs = Self::default();
        for (number, column) in columns.iter().enumerate() {
            let name = format!("{prefix}{number}");
            let source = format!("x.{}", quoted(&column.name));
            let nullable = !column.not_null;
            let mut input = |expression: String| inputs.list.push(format!("{expression} as {name}"));
            match column.class {
                Class::Small => {
                    input(format!("{source}::int4"));
                    inputs.links.push(Link::Small(name, nullable));
                }
                Class::Big => {
                    input(format!("{source}::int8"));
                    inputs.links.push(Link::Big(name, nullable));
                }
                Class::Uuid => {
                    input(source);
                    inputs.links.push(Link::Uuid(name, nullable));
                }
                Class::Sent(send) => inputs.sent.push(format!("{send}({source})")),
                Class::Bytes => inputs.sent.push(format!("{source}::bytea")),
                Class::Float(kind, send) => inputs.sent.push(format!(
                    "{send}(case when {source} = 'NaN'::{kind} then 'NaN'::{kind} else {source} end)"
                )),
                Class::Text | Class::Plain => {
                    input(format!("{source}::text collate \"C\""));
                    inputs.links.push(Link::Text(name, nullable));
                }
                Class::Output => {
                    // concat calls the type's output function, but makes NULL an empty text.
                    input(format!(
                        "case when {source} is not null then pg_catalog.concat({source}) collate \"C\" end"
                    ));
                    inputs.links.push(Link::Text(name, nullable));
                }
            }
        }
        if !inputs.sent.is_empty() {
            inputs.list.push(format!("array[{}]::bytea[] as {prefix}f", inputs.sent.join(", ")));
        }
        inputs
    }

    /// The select list.
    pub(super) fn list(&self) -> &[String] {
        &self.list
    }

    /// 64 bits over all of them, from that seed.
    pub(super) fn chain(&self, prefix: &str, seed: u64) -> String {
        let seed = seed as i64;
        let mut state = match self.sent.is_empty() {
            true => format!("({seed})::int8"),
            false => format!("pg_catalog.hash_array_extended({prefix}f, {seed})"),
        };
        for link in &self.links {
            state = match link {
                Link::Small(name, false) => format!("hashint4extended({name}, {state})"),
                Link::Small(name, true) => format!(
                    "hashint4extended(coalesce({name}, 0), {state} # case when {name} is null then {NULL_SMALL} else 0 end)"
                ),
                Link::Big(name, false) => format!("hashint4extended(0, {state} # {name})"),
                Link::Big(name, true) => {
                    format!("hashint4extended(0, {state} # coalesce({name}, {NULL_BIG}))")
                }
                Link::Uuid(name, false) => format!("uuid_hash_extended({name}, {state})"),
                Link::Uuid(name, true) => {
                    format!("uuid_hash_extended(coalesce({name}, {NULL_UUID}), {state})")
                }
                Link::Text(name, false) => format!("hashtextextended({name}, {state})"),
                Link::Text(name, true) => {
                    format!("hashtextextended(coalesce({name}, {NULL_TEXT}), {state})")
                }
            };
        }
        // Last a mixing of its own: the array's hash is a sum of its elements' hashes.
        format!("hashint4extended({}, {state})", self.links.len() + self.sent.len())
    }
}

/// A row's columns as a record of built-in types, whose binary form is the same everywhere: for SHA-256.
pub(super) fn record(columns: &[Column]) -> String {
    let values = columns.iter().map(|column| {
        let source = format!("x.{}", quoted(&column.name));
        match column.class {
            Class::Small => format!("{source}::int4"),
            Class::Big => format!("{source}::int8"),
            Class::Uuid => source,
            Class::Sent(send) => format!("{send}({source})"),
            Class::Bytes => format!("{source}::bytea"),
            Class::Float(kind, send) => {
                format!("{send}(case when {source} = 'NaN'::{kind} then 'NaN'::{kind} else {source} end)")
            }
            // As bytes: a text would be converted to the client's encoding, in a parallel worker to the database's.
            Class::Text | Class::Plain => format!("convert_to({source}::text, getdatabaseencoding())"),
            Class::Output => {
                format!("case when {source} is not null then convert_to(pg_catalog.concat({source}), getdatabaseencoding()) end")
            }
        }
    });
    format!("record_send(row({}))", values.collect::<Vec<_>>().join(", "))
}

/// How a parameter is written: as text; a moment, in the form in which firedrill writes moments, as timestamptz.
pub(super) fn placeholder(number: usize, value: &str) -> String {
    let moment = value.len() == 24 && value.ends_with('Z') && value.parse::<crate::time::Timestamp>().is_ok();
    if moment {
        format!("cast(cast(${number} as text) as timestamptz)")
    } else {
        format!("cast(${number} as text)")
    }
}
