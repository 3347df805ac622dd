//! What MySQL and MariaDB print of types, defaults and expressions, in one form.
//!
//! | | MySQL | MariaDB | here |
//! | --- | --- | --- | --- |
//! | display widths | gone since 8.0.19, but `tinyint(1)` | `int(11)` | gone, but `tinyint(1)` and with `zerofill` |
//! | defaults | `new`, and whether it is an expression | `'new'`, `NULL` for none | `'new'`, none |
//! | now | `CURRENT_TIMESTAMP(3)` | `current_timestamp(3)` | `current_timestamp(3)` |
//! | brackets | around every operation | where they are needed | where they are needed, as far as that is safe to tell |
//! | texts | `_utf8mb4\'x\'` | `'x'` | `'x'` |
//! | JSON | `json` | `longtext`, and a constraint with `json_valid` | `json` |
//! | utf8 | `utf8mb3`; `utf8` before 8.0.29 | either | `utf8mb3` |
//!
//! Two versions of one product print alike. Between the products, expressions and views that one of them writes in words of its own
//! differ, and are shown.

use super::{
    super::normal::{Token, closing, joined, tokens},
    Place,
};

/// A column's type.
pub(super) fn kind(kind: &str) -> String {
    let kind = kind.trim().to_lowercase_outside_quotes();
    let word = kind.split(['(', ' ']).next().unwrap_or_default();
    let integer = matches!(word, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
    let as_boolean = kind == "tinyint(1)";
    if word == "year" || integer && !as_boolean && !kind.contains("zerofill") {
        let rest = kind[word.len()..].split_once(')').map_or(&kind[word.len()..], |(_, rest)| rest);
        return format!("{word}{rest}");
    }
    kind
}

trait Lower {
    fn to_lowercase_outside_quotes(&self) -> String;
}

impl Lower for str {
    /// The values of an enum stay as they are.
    fn to_lowercase_outside_quotes(&self) -> String {
        self.split('\'')
            .enumerate()
            .map(|(place, part)| if place % 2 == 0 { part.to_lowercase() } else { part.to_owned() })
            .collect::<Vec<_>>()
            .join("'")
    }
}

/// A collation, or the name of a character set.
pub(super) fn collation(name: &str) -> String {
    match name.strip_prefix("utf8").filter(|rest| rest.is_empty() || rest.starts_with('_')) {
        Some(rest) => format!("utf8mb3{rest}"),
        None => name.to_owned(),
    }
}

/// A default as MariaDB prints it; MySQL's is brought to that form. None: there is none.
pub(super) fn default(printed: &str, place: &Place, generated: bool, kind: &str) -> Option<String> {
    let quoted_kind = |kind: &str| {
        let word = kind.split(['(', ' ']).next().unwrap_or_default();
        !matches!(
            word,
            "tinyint"
                | "smallint"
                | "mediumint"
                | "int"
                | "bigint"
                | "decimal"
                | "float"
                | "double"
                | "bit"
                | "year"
        )
    };
    if place.mariadb {
        return (printed != "NULL").then(|| {
            let bare = printed.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            match bare.filter(|_| !quoted_kind(kind)) {
                Some(bare) => bare.to_owned(),
                None => joined(&without_brackets(plain_words(without_database(
                    tokens(printed, true),
                    &place.database,
                )))),
            }
        });
    }
    let now = printed.to_lowercase().starts_with("current_timestamp");
    Some(match () {
        () if generated || now => expression(printed, true),
        () if quoted_kind(kind) && !printed.starts_with("0x") => format!("'{}'", printed.replace('\'', "''")),
        () => printed.to_owned(),
    })
}

/// An expression. `escaped`: MySQL's, in which quotes have a backslash before them.
pub(super) fn expression(printed: &str, escaped: bool) -> String {
    let text = if escaped { unescaped(printed) } else { printed.to_owned() };
    joined(&without_brackets(plain_words(tokens(&text, true))))
}

/// A view's text, in which the names of its own database are left out.
pub(super) fn view(printed: &str, database: &str) -> String {
    joined(&without_brackets(plain_words(without_database(tokens(printed, true), database))))
}

/// Names of the database's own objects without the database's name.
fn without_database(all: Vec<Token>, database: &str) -> Vec<Token> {
    let quoted = super::quoted(database);
    let own = |at: usize| {
        all.get(at).is_some_and(|token| token.is(&quoted))
            && all.get(at + 1).is_some_and(|token| token.is("."))
            && !(at > 0 && all.get(at - 1).is_some_and(|token| token.is(".")))
    };
    let mut kept: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut spaced = false;
    while let Some(token) = all.get(at) {
        if own(at) {
            spaced = token.spaced;
            at += 2;
            continue;
        }
        kept.push(Token { spaced: token.spaced || spaced, ..token.clone() });
        spaced = false;
        at += 1;
    }
    kept
}

/// One level of backslashes less.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            c => plain.push(c),
        }
    }
    plain
}

/// Keywords and functions in small letters and by one name, texts without the name of their character set.
fn plain_words(tokens: Vec<Token>) -> Vec<Token> {
    let mut plain: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let introduced = token.text.starts_with('\'')
            && plain
                .last()
                .is_some_and(|last| last.text.starts_with("_utf8") || last.text.starts_with("_latin1"));
        if introduced && let Some(name) = plain.pop() {
            plain.push(Token { text: doubled(&token.text), spaced: name.spaced });
            continue;
        }
        let text = match token.text.chars().next() {
            Some('\'') => doubled(&token.text),
            Some('`' | '"') => token.text,
            _ => match token.text.to_lowercase().as_str() {
                "ucase" => "upper".to_owned(),
                "lcase" => "lower".to_owned(),
                "octet_length" => "length".to_owned(),
                "now" => "current_timestamp".to_owned(),
                word => word.to_owned(),
            },
        };
        plain.push(Token { text, spaced: token.spaced });
    }
    // `current_timestamp()` is `current_timestamp`.
    let mut at = 0;
    while at + 2 < plain.len() {
        let empty = plain[at].is("current_timestamp") && plain[at + 1].is("(") && plain[at + 2].is(")");
        if empty {
            plain.drain(at + 1..at + 3);
        }
        at += 1;
    }
    plain
}

/// A text whose quotes are doubled, not escaped.
fn doubled(text: &str) -> String {
    text.replace("\\'", "''")
}

/// How tightly what stands there binds: the looser, the smaller.
fn binding(word: &str) -> Option<u8> {
    Some(match word {
        "or" => 1,
        "xor" => 2,
        "and" => 3,
        "=" | "<" | ">" | "!" => 5,
        "is" | "like" | "in" | "between" | "regexp" | "rlike" => 5,
        "+" | "-" => 7,
        "*" | "/" | "%" | "div" | "mod" => 8,
        _ => return None,
    })
}

/// Words before and behind which an expression begins or ends.
const BEFORE: [&str; 11] =
    ["(", ",", "select", "distinct", "where", "having", "on", "when", "then", "else", "by"];
const BEHIND: [&str; 16] = [
    ")", ",", "as", "from", "where", "group", "order", "having", "limit", "union", "when", "then", "else",
    "end", "asc", "desc",
];

/// Without the brackets that change nothing, as far as that can be told from what stands next to them.
fn without_brackets(mut tokens: Vec<Token>) -> Vec<Token> {
    let mut at = 0;
    while at < tokens.len() {
        match removable(&tokens, at) {
            Some(end) => {
                let spaced = tokens[at].spaced;
                tokens.remove(end);
                tokens.remove(at);
                if let Some(first) = tokens.get_mut(at) {
                    first.spaced |= spaced;
                }
            }
            None => at += 1,
        }
    }
    tokens
}

/// Where the bracket closes that opens there, if both can go.
fn removable(tokens: &[Token], open: usize) -> Option<usize> {
    if !tokens.get(open)?.is("(") {
        return None;
    }
    let end = closing(tokens, open)?;
    let before = open.checked_sub(1).and_then(|at| tokens.get(at)).map(|token| token.text.as_str());
    let behind = tokens.get(end + 1).map(|token| token.text.as_str());
    let content = tokens.get(open + 1..end)?;
    if content.is_empty() || ["select", "with", "values"].contains(&content[0].text.as_str()) {
        return None;
    }
    let mut depth = 0;
    let mut loosest = u8::MAX;
    for token in content {
        match token.text.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            // A list of values, not a value.
            "," if depth == 0 => return None,
            "not" | "interval" | "collate" | "case" | "join" | "^" | "|" | "&" | "~" if depth == 0 => {
                loosest = loosest.min(4);
            }
            word if depth == 0 => loosest = loosest.min(binding(word).unwrap_or(u8::MAX)),
            _ => {}
        }
    }
    // The loosest that may stand next to it without taking a part of it.
    let left = match before {
        None => 0,
        // Behind a name, the brackets are a function's, unless the name is a keyword.
        Some(word) if BEFORE.contains(&word) => 0,
        Some(word) => binding(word)?,
    };
    let right = match behind {
        None => 0,
        Some(word) if BEHIND.contains(&word) => 0,
        Some(word) => binding(word)?,
    };
    // `in (x)` is a list, and `between x and y` has an `and` of its own.
    let listed = matches!(before, Some("in" | "between"));
    (!listed && loosest > left.max(right)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mariadb: bool) -> Place {
        Place { database: "fd_1".into(), mariadb }
    }

    #[test]
    fn types_without_display_widths() {
        for (mariadb, mysql) in [
            ("int(11)", "int"),
            ("bigint(20) unsigned", "bigint unsigned"),
            ("tinyint(4)", "tinyint"),
            ("tinyint(1)", "tinyint(1)"),
            ("tinyint(3) unsigned", "tinyint unsigned"),
            ("int(5) unsigned zerofill", "int(5) unsigned zerofill"),
            ("year(4)", "year"),
            ("varchar(80)", "varchar(80)"),
            ("enum('New','int(3)')", "enum('New','int(3)')"),
            ("decimal(10,0)", "decimal(10,0)"),
        ] {
            assert_eq!(kind(mariadb), mysql);
            assert_eq!(kind(mysql), mysql);
        }
        assert_ne!(kind("int"), kind("bigint"));
        assert_eq!(collation("utf8_general_ci"), "utf8mb3_general_ci");
        assert_eq!(collation("utf8mb4_bin"), "utf8mb4_bin");
    }

    #[test]
    fn defaults_of_both_products_are_one() {
        for (kind, mariadb, mysql, generated) in [
            ("varchar(10)", "'retail'", "retail", false),
            ("varchar(10)", "'it''s'", "it's", false),
            ("decimal(12,2)", "0.00", "0.00", false),
            ("bit(1)", "b'1'", "b'1'", false),
            ("datetime(3)", "current_timestamp(3)", "CURRENT_TIMESTAMP(3)", true),
            ("timestamp", "current_timestamp()", "CURRENT_TIMESTAMP", true),
            ("varchar(40)", "concat('x','y')", r"concat(_utf8mb4\'x\',_utf8mb4\'y\')", true),
            ("datetime", "'2024-01-01 00:00:00'", "2024-01-01 00:00:00", false),
        ] {
            assert_eq!(
                default(mariadb, &at(true), false, kind),
                default(mysql, &at(false), generated, kind),
                "{mysql}"
            );
        }
        assert_eq!(default("NULL", &at(true), false, "int"), None);
        assert_eq!(default("nextval(`fd_1`.`ids`)", &at(true), false, "int"), Some("nextval(`ids`)".into()));
    }

    #[test]
    fn expressions_lose_only_brackets_that_change_nothing() {
        for (mysql, mariadb) in [
            ("(`a` * 2)", "`a` * 2"),
            ("round((`total` * 1.19),2)", "round(`total` * 1.19,2)"),
            ("((`balance` >= 0) and (length(`name`) > 0))", "`balance` >= 0 and length(`name`) > 0"),
            (r"(`kind` in (_utf8mb4\'retail\',_utf8mb4\'it\\\'s\'))", "`kind` in ('retail','it''s')"),
            ("((`a` + `b`) * 2)", "(`a` + `b`) * 2"),
            ("(`a` + (`b` * 2))", "`a` + `b` * 2"),
            ("((`a` = 1) or ((`b` = 2) and (`c` = 3)))", "`a` = 1 or `b` = 2 and `c` = 3"),
        ] {
            assert_eq!(expression(mysql, true), expression(mariadb, false), "{mysql}");
            assert_eq!(expression(mariadb, false), mariadb);
        }
        for needed in [
            "(`a` or `b`) and `c`",
            "`a` * (`b` + 1)",
            "`a` - (`b` - 1)",
            "`a` in (1)",
            "(`a`,`b`) = (1,2)",
            "f(`a`)",
            "`a` = (select 1)",
            "not (`a` = 1 or `b`)",
        ] {
            assert_eq!(expression(needed, false), needed);
        }
    }

    #[test]
    fn views_of_both_products_are_one() {
        let mysql = "select (case when (`rich`.`customers`.`kind` = 'retail') then 1 else NULL end) AS `n`,upper(`rich`.`customers`.`kind`) AS `x`,(`c`.`at` + interval 1 day) AS `later`,(select max(`rich`.`o`.`t`) from `rich`.`o` where (`rich`.`o`.`id` = `c`.`id`)) AS `top` from (`rich`.`customers` `c` left join `rich`.`o` on((`o`.`a` = `c`.`b`))) having (count(`o`.`id`) > 0)";
        let mariadb = "select case when `rich`.`customers`.`kind` = 'retail' then 1 else NULL end AS `n`,ucase(`rich`.`customers`.`kind`) AS `x`,`c`.`at` + interval 1 day AS `later`,(select max(`rich`.`o`.`t`) from `rich`.`o` where `rich`.`o`.`id` = `c`.`id`) AS `top` from (`rich`.`customers` `c` left join `rich`.`o` on(`o`.`a` = `c`.`b`)) having count(`o`.`id`) > 0";
        assert_eq!(view(mysql, "rich"), view(mariadb, "rich"));
        assert!(!view(mysql, "rich").contains("rich"));
        assert_eq!(view(&mysql.replace("`rich`", "`fd_1`"), "fd_1"), view(mysql, "rich"));
        assert!(view(mysql, "other").contains("`rich`"));
    }
}
