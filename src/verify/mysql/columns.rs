//! How each type of column enters the hash of a row: as bytes that are the same on MySQL 8 to 9 and MariaDB 10.6 to 11,
//! whatever the session's settings and the collation.
//!
//! | form | types | piece, where it may be NULL | NULL is |
//! | --- | --- | --- | --- |
//! | plain | integers, decimal, date, time, datetime, timestamp, year | its text | `n` |
//! | number | bit, and what has zerofill | `x + 0` as text | `n` |
//! | real | float, double | the bytes of `point(x + 0e0, 0)`: its IEEE 754 bits | `n` |
//! | text | char, text, enum, set, in utf8mb4 or utf8mb3 | its bytes | the byte fe |
//! | json | MySQL's json | its text, as the server writes it | the byte fe |
//! | word | MariaDB's uuid, inet4, inet6 | its text | `n` |
//! | bytes | binary, blob, geometry, and text of other character sets | its length in bytes, then the bytes | `n`, and no bytes |
//! | hex | vector | hexadecimal | `n` |
//!
//! Pieces are joined by the byte ff. A column that is never NULL has the same pieces: no digest depends on NOT NULL. Which
//! bytes belong to which column can be told from the joined bytes alone: ff and fe are no part of UTF-8, numbers and dates have
//! neither, of bytes the length comes first, and the point has 25 of them and begins with 00. So NULL and `''` differ, as
//! do `'ab', 'c'` and `'a', 'bc'`.
//!
//! A float or double is never written as text: of a float, the server writes six digits. Its -0.0 is taken as 0.0, which it
//! equals and which a dump makes of it. Texts are hashed as they are stored; the character set belongs to the declared type.

/// How a column enters the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Number,
    Real,
    Text,
    Json,
    Word,
    Bytes,
    Hex,
    /// Of a type that is not known: it can only be left out.
    Unknown,
}

/// A column, as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// In words that do not depend on the server's version: `varchar(40) utf8mb4`.
    pub(super) declared: String,
    pub(super) form: Form,
    pub(super) not_null: bool,
    /// Whether its values are whole numbers.
    pub(super) integer: bool,
    /// Whether its values are texts, in whatever character set.
    pub(super) text: bool,
}

/// What stands between two pieces: a binary text, so that the joined text is binary whatever it is made of.
const SEPARATOR: &str = "cast(x'ff' as binary)";
/// Stands for NULL among texts.
const NULL_TEXT: &str = "cast(x'fe' as binary)";

/// A name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL takes it, under any `sql_mode`.
pub(super) fn literal(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("_utf8mb4 x'{hex}'")
}

impl Column {
    /// From the catalog's words.
    pub(super) fn new(
        name: String,
        column_type: &str,
        data_type: &str,
        character_set: Option<&str>,
        not_null: bool,
    ) -> Self {
        let utf8 = matches!(character_set, Some("utf8mb4" | "utf8mb3" | "utf8"));
        let zerofill = column_type.contains("zerofill");
        let integer = matches!(data_type, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
        let form = match data_type {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" if zerofill => Form::Number,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "date" | "time"
            | "datetime" | "timestamp" | "year" => Form::Plain,
            "bit" => Form::Number,
            "float" | "double" => Form::Real,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
                if utf8 {
                    Form::Text
                } else {
                    Form::Bytes
                }
            }
            "json" => Form::Json,
            "uuid" | "inet4" | "inet6" => Form::Word,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry"
            | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometrycollection" | "geomcollection" => Form::Bytes,
            "vector" => Form::Hex,
            _ => Form::Unknown,
        };
        let declared = declared(column_type, data_type, character_set);
        Self { name, declared, form, not_null, integer, text: character_set.is_some() }
    }

    /// The column itself, of `x`.
    pub(super) fn source(&self) -> String {
        format!("x.{}", quoted(&self.name))
    }

    /// Its pieces: of one column, one or two.
    pub(super) fn pieces(&self) -> String {
        let source = self.source();
        let or = |expression: String, null: &str| match self.not_null {
            true => expression,
            false => format!("ifnull({expression}, {null})"),
        };
        match self.form {
            Form::Plain => or(source, "'n'"),
            Form::Number => or(format!("{source} + 0"), "'n'"),
            Form::Real => or(format!("point({source} + 0e0, 0)"), "'n'"),
            Form::Text => or(source, NULL_TEXT),
            Form::Json => or(format!("cast({source} as char)"), NULL_TEXT),
            Form::Word => or(format!("cast({source} as char)"), "'n'"),
            Form::Bytes => format!("{}, {source}", or(format!("length({source})"), "'n'")),
            Form::Hex | Form::Unknown => or(format!("hex({source})"), "'n'"),
        }
    }

    /// As a whole number, of a column that is one.
    pub(super) fn number(&self) -> String {
        match self.form {
            Form::Number => format!("({} + 0)", self.source()),
            _ => self.source(),
        }
    }

    /// In words for a person, of a column of the key.
    pub(super) fn words(&self) -> String {
        let (name, source) = (literal(&format!("{}=", self.name)), self.source());
        match self.form {
            Form::Plain | Form::Number | Form::Real | Form::Word => format!("{name}, {source}"),
            Form::Text | Form::Json | Form::Bytes if self.text || self.form == Form::Json => format!(
                "{name}, quote(convert(left({source}, 40) using utf8mb4)), if(char_length({source}) > 40, {}, '')",
                literal("…")
            ),
            _ => format!(
                "{name}, 'x''', hex(left({source}, 20)), if(length({source}) > 20, {}, ''), ''''",
                literal("…")
            ),
        }
    }

    /// What should be known of its type.
    pub(super) fn caution(&self) -> Option<&'static str> {
        (self.form == Form::Real && self.declared.starts_with("float")).then_some(
            "is of type float and compared bit by bit; mysqldump and mariadb-dump write six digits of a float, so a restored dump \
             differs in it: leave it out with `exclude`, or compare a rounded value with a query",
        )
    }
}

/// The declared type in words that all versions share: without display widths, with the character set.
fn declared(column_type: &str, data_type: &str, character_set: Option<&str>) -> String {
    // MariaDB marks compressed columns in a comment.
    let plain = match column_type.find("/*") {
        Some(at) => column_type[..at].trim_end(),
        None => column_type,
    };
    let attributes = |words: &[&str]| {
        let rest = plain.find(')').map_or(plain, |at| &plain[at..]);
        words
            .iter()
            .filter(|word| rest.contains(**word))
            .fold(String::new(), |all, word| format!("{all} {word}"))
    };
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => {
            format!("{data_type}{}", attributes(&["unsigned", "zerofill"]))
        }
        "geomcollection" => "geometrycollection".to_owned(),
        _ => match character_set {
            Some("utf8") => format!("{plain} utf8mb3"),
            Some(set) => format!("{plain} {set}"),
            None => plain.to_owned(),
        },
    }
}

/// The bytes of these columns, joined.
pub(super) fn joined(columns: &[Column]) -> String {
    let pieces: Vec<String> = columns.iter().map(Column::pieces).collect();
    format!("concat_ws({SEPARATOR}, {})", pieces.join(", "))
}

/// How a parameter is written. A moment, in the form in which firedrill writes moments, is a datetime; see [`bound`].
pub(super) fn placeholder(_: usize, value: &str) -> String {
    if moment(value) { "cast(? as datetime(3))".to_owned() } else { "?".to_owned() }
}

/// The value that is bound: a moment without its zone, which is the session's.
pub(super) fn bound(value: &str) -> String {
    match moment(value) {
        true => value.trim_end_matches('Z').replace('T', " "),
        false => value.to_owned(),
    }
}

fn moment(value: &str) -> bool {
    value.len() == 24 && value.ends_with('Z') && value.parse::<crate::time::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(column_type: &str, character_set: Option<&str>, not_null: bool) -> Column {
        let data_type = column_type.split(['(', ' ']).next().unwrap_or_default();
        Column::new("a`b".into(), column_type, data_type, character_set, not_null)
    }

    #[test]
    fn types_read_the_same_on_all_versions() {
        let declared = |of: &str, set| column(of, set, true).declared;
        assert_eq!(declared("int(11)", None), "int");
        assert_eq!(declared("bigint(20) unsigned", None), "bigint unsigned");
        assert_eq!(declared("int(5) unsigned zerofill", None), "int unsigned zerofill");
        assert_eq!(declared("int unsigned", None), "int unsigned");
        assert_eq!(declared("year(4)", None), "year");
        assert_eq!(declared("decimal(8,2) unsigned", None), "decimal(8,2) unsigned");
        assert_eq!(declared("varchar(40) /*M!100301 COMPRESSED*/", Some("utf8mb4")), "varchar(40) utf8mb4");
        assert_eq!(declared("enum('a','(zerofill)')", Some("utf8")), "enum('a','(zerofill)') utf8mb3");
        assert_eq!(declared("datetime(6)", None), "datetime(6)");
    }

    #[test]
    fn a_piece_tells_null_from_everything_else() {
        assert_eq!(column("int", None, true).pieces(), "x.`a``b`");
        assert_eq!(column("int", None, false).pieces(), "ifnull(x.`a``b`, 'n')");
        assert_eq!(column("double", None, false).pieces(), "ifnull(point(x.`a``b` + 0e0, 0), 'n')");
        assert_eq!(
            column("varchar(4)", Some("utf8mb4"), false).pieces(),
            "ifnull(x.`a``b`, cast(x'fe' as binary))"
        );
        assert_eq!(
            column("varchar(4)", Some("latin1"), false).pieces(),
            "ifnull(length(x.`a``b`), 'n'), x.`a``b`"
        );
        assert_eq!(column("blob", None, true).pieces(), "length(x.`a``b`), x.`a``b`");
    }

    #[test]
    fn an_unknown_type_is_told() {
        assert_eq!(column("xmltype", None, true).form, Form::Unknown);
    }

    #[test]
    fn moments_are_bound_without_their_zone() {
        let moment = "2026-11-23T09:00:00.000Z";
        assert_eq!(placeholder(1, moment), "cast(? as datetime(3))");
        assert_eq!(bound(moment), "2026-11-23 09:00:00.000");
        assert_eq!((placeholder(1, "x"), bound("x")), ("?".to_owned(), "x".to_owned()));
    }

    #[test]
    fn a_literal_is_safe_whatever_is_in_it() {
        assert_eq!(literal("a'\\"), "_utf8mb4 x'61275c'");
    }
}
