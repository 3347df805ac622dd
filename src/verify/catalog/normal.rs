//! Expressions as a server prints them, in one form whatever its version and however often they were dumped and restored.
//!
//! PostgreSQL prints an expression from its parsed form. Two things change without anybody changing them:
//!
//! | | printed | after a restore, or by another version |
//! | --- | --- | --- |
//! | a list of `varchar` constants | `(ARRAY['a'::varchar, 'b'::varchar])::text[]` | `ARRAY[('a'::varchar)::text, ('b'::varchar)::text]` |
//! | a view over one relation | `SELECT t.id FROM t` (to 15) | `SELECT id FROM t` (from 16) |
//!
//! Both are brought to the form on the right, [`expression`] the first and [`view`] both. Spaces and line ends outside of texts
//! become one space. Nothing else is touched: a view over several relations keeps its qualified names.
//!
//! What is lost: in a view over exactly one relation, nothing, since all names are of that relation.

use std::ops::Range;

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Whether white space stood before it.
    pub(super) spaced: bool,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// A name, quoted or not, or a keyword.
    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"' || !c.is_ascii())
            && !self.text.ends_with('\'')
    }
}

/// Spaces and lists of cast constants in one form.
pub(super) fn expression(sql: &str) -> String {
    let mut tokens = tokens(sql, false);
    while let Some(changed) = cast_elements(&tokens) {
        tokens = changed;
    }
    joined(&tokens)
}

/// As [`expression`], and no qualified names in a query of one relation.
pub(super) fn view(sql: &str) -> String {
    let mut tokens = tokens(sql, false);
    while let Some(changed) = cast_elements(&tokens) {
        tokens = changed;
    }
    joined(&unqualified(tokens))
}

/// Texts with their quotes, words with their digits, each other character alone; `::` in one. `backslashes`: every text may have
/// them before a quote, not only one that says so with an E.
pub(super) fn tokens(sql: &str, backslashes: bool) -> Vec<Token> {
    let chars: Vec<char> = sql.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut spaced) = (0, false);
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            spaced = true;
            at += 1;
            continue;
        }
        let escapes = matches!(c, 'E' | 'e') && chars.get(at + 1) == Some(&'\'');
        let end = if escapes {
            quoted_end(&chars, at + 1, true)
        } else if c == '\'' || c == '"' || c == '`' {
            quoted_end(&chars, at, backslashes && c == '\'')
        } else if is_word(c) {
            let length = chars.iter().skip(at).take_while(|c| is_word(**c)).count();
            at + length
        } else if c == ':' && chars.get(at + 1) == Some(&':') {
            at + 2
        } else {
            at + 1
        };
        let text = chars.get(at..end).unwrap_or_default().iter().collect();
        found.push(Token { text, spaced });
        at = end;
        spaced = false;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Where a quoted text ends that starts there; a doubled quote does not end it.
fn quoted_end(chars: &[char], start: usize, escapes: bool) -> usize {
    let quote = chars.get(start).copied().unwrap_or('\'');
    let mut at = start + 1;
    while let Some(&c) = chars.get(at) {
        let doubled = c == quote && chars.get(at + 1) == Some(&quote);
        if doubled || escapes && c == '\\' {
            at += 2;
        } else if c == quote {
            return at + 1;
        } else {
            at += 1;
        }
    }
    chars.len()
}

/// One space where there was any white space, but none behind an opening bracket nor before a closing one.
pub(super) fn joined(tokens: &[Token]) -> String {
    let mut text = String::new();
    let mut opened = true;
    for token in tokens {
        if token.spaced && !opened && !matches!(token.text.as_str(), ")" | "]" | "," | ";") {
            text.push(' ');
        }
        text.push_str(&token.text);
        opened = matches!(token.text.as_str(), "(" | "[");
    }
    text
}

/// Where the bracket closes that opens there.
pub(super) fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The first `(ARRAY[a, b])::type[]` as `ARRAY[(a)::type, (b)::type]`.
fn cast_elements(tokens: &[Token]) -> Option<Vec<Token>> {
    let place = |start: usize| -> Option<(Range<usize>, Range<usize>, usize)> {
        let [open, array, bracket] = tokens.get(start..start + 3)? else { return None };
        if !(open.is("(") && array.is("ARRAY") && bracket.is("[")) {
            return None;
        }
        let end = closing(tokens, start + 2)?;
        if !(tokens.get(end + 1)?.is(")") && tokens.get(end + 2)?.is("::")) {
            return None;
        }
        let kind = end + 3;
        let length = tokens.iter().skip(kind).take_while(|token| !token.is("[")).count();
        let behind = kind + length;
        let plain = tokens.get(kind..behind)?.iter().all(|token| {
            token.is_word() || matches!(token.text.as_str(), "." | "(" | ")" | ",") || is_number(token)
        });
        let array = tokens.get(behind + 1)?.is("]") && !tokens.get(behind + 2).is_some_and(|t| t.is("["));
        (plain && array && length > 0).then_some((start + 3..end, kind..behind, behind + 2))
    };
    let (start, (elements, kind, behind)) =
        (0..tokens.len()).find_map(|start| place(start).map(|found| (start, found)))?;
    let kind = tokens.get(kind)?;
    let plain = |text: &str| Token { text: text.to_owned(), spaced: false };
    let mut changed: Vec<Token> = tokens.get(..start)?.to_vec();
    let spaced = tokens.get(start).is_some_and(|token| token.spaced);
    changed.extend([Token { text: "ARRAY".to_owned(), spaced }, plain("[")]);
    for (place, element) in split(tokens.get(elements)?).into_iter().enumerate() {
        if place > 0 {
            changed.push(plain(","));
        }
        changed.push(Token { text: "(".to_owned(), spaced: place > 0 });
        changed.extend(element.iter().cloned());
        changed.extend([plain(")"), plain("::")]);
        changed.extend(kind.iter().cloned());
    }
    changed.push(plain("]"));
    changed.extend_from_slice(tokens.get(behind..)?);
    Some(changed)
}

fn is_number(token: &Token) -> bool {
    token.text.chars().all(|c| c.is_ascii_digit())
}

/// At the commas that are in no bracket.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0i32;
    tokens
        .split(|token| {
            match token.text.as_str() {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                _ => {}
            }
            depth == 0 && token.is(",")
        })
        .collect()
}

/// Words that end a FROM clause, and those that follow a relation's alias.
const BEHIND_FROM: [&str; 13] = [
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "FOR",
    "TABLESAMPLE",
];

/// Takes the relation's name away before columns, where the query itself (not one within it) reads exactly one.
fn unqualified(tokens: Vec<Token>) -> Vec<Token> {
    let own = own_scope(&tokens);
    let outermost: Vec<usize> = own.iter().filter(|(_, depth)| *depth == 0).map(|(at, _)| *at).collect();
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let Some(from) = outermost.iter().position(|at| word(*at, "FROM")) else { return tokens };
    let item: Vec<usize> = outermost
        .iter()
        .skip(from + 1)
        .copied()
        .take_while(|at| !BEHIND_FROM.iter().any(|end| word(*at, end)) && !word(*at, ";"))
        .collect();
    let joins = item.iter().any(|at| word(*at, ",") || word(*at, "JOIN"));
    let several =
        outermost.iter().any(|at| ["UNION", "INTERSECT", "EXCEPT"].iter().any(|set| word(*at, set)));
    let alias = item.iter().rev().find(|at| tokens.get(**at).is_some_and(Token::is_word));
    let (false, Some(alias)) = (joins || several, alias.and_then(|at| tokens.get(*at)).cloned()) else {
        return tokens;
    };
    let qualifier = |at: usize| {
        tokens.get(at) == Some(&Token { spaced: tokens.get(at).is_some_and(|t| t.spaced), ..alias.clone() })
            && tokens.get(at + 1).is_some_and(|token| token.is(".") && !token.spaced)
            && !(at > 0 && tokens.get(at - 1).is_some_and(|token| token.is(".")))
    };
    let in_from = |at: usize| item.contains(&at);
    let mut dropped = vec![false; tokens.len()];
    let mut spaced = vec![false; tokens.len()];
    for (at, _) in &own {
        if qualifier(*at) && !in_from(*at) {
            for place in [*at, at + 1] {
                if let Some(dropped) = dropped.get_mut(place) {
                    *dropped = true;
                }
            }
            if let (Some(name), Some(token)) = (spaced.get_mut(at + 2), tokens.get(*at)) {
                *name = token.spaced;
            }
        }
    }
    tokens
        .into_iter()
        .zip(dropped.into_iter().zip(spaced))
        .filter(|(_, (dropped, _))| !dropped)
        .map(|(token, (_, spaced))| Token { spaced: token.spaced || spaced, ..token })
        .collect()
}

/// The places that belong to the query itself and not to one within it, each with how many brackets are around it.
fn own_scope(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(token) = tokens.get(at) {
        if token.is("(") {
            let within = tokens
                .get(at + 1)
                .is_some_and(|next| ["SELECT", "WITH", "VALUES"].contains(&next.text.as_str()));
            if within && let Some(end) = closing(tokens, at) {
                at = end + 1;
                continue;
            }
        }
        match token.text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => found.push((at, depth)),
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_constants_has_one_form_before_and_after_a_restore() {
        let fresh = "CHECK (((status)::text = ANY ((ARRAY['a,]'::character varying, 'b'::character varying])::text[])))";
        let restored = "CHECK (((status)::text = ANY (ARRAY[('a,]'::character varying)::text, ('b'::character varying)::text])))";
        assert_eq!(expression(fresh), expression(restored));
        assert_eq!(expression(restored), restored);
        let other = fresh.replace("'b'", "'c'");
        assert_ne!(expression(fresh), expression(&other));
    }

    #[test]
    fn two_lists_in_one_expression() {
        let fresh = "(a = ANY ((ARRAY['x'::character varying(5), f('y', 1)])::shop.kind[])) OR b <> ALL ((ARRAY[1, 2])::numeric(5,2)[])";
        assert_eq!(
            expression(fresh),
            "(a = ANY (ARRAY[('x'::character varying(5))::shop.kind, (f('y', 1))::shop.kind])) OR b <> ALL (ARRAY[(1)::numeric(5,2), (2)::numeric(5,2)])"
        );
    }

    #[test]
    fn spaces_are_one_but_not_in_texts() {
        assert_eq!(
            expression("CASE\n    WHEN (a =  'x  y''  z') THEN 1\nEND"),
            "CASE WHEN (a = 'x  y''  z') THEN 1 END"
        );
        assert_eq!(expression(r"E'a\'  b'  || 'c' "), r"E'a\'  b' || 'c'");
        assert_eq!(expression("'never closed  "), "'never closed  ");
    }

    #[test]
    fn a_view_of_one_relation_has_one_form_to_15_and_from_16() {
        let pairs = [
            (
                " SELECT st.id,\n    st.\"Odd name\"\n   FROM public.st\n  WHERE ((st.status)::text = 'st.id'::text);",
                " SELECT id,\n    \"Odd name\"\n   FROM public.st\n  WHERE ((status)::text = 'st.id'::text);",
            ),
            (
                "SELECT s.id, count(*) AS n FROM public.st s GROUP BY s.id HAVING (count(*) > 1) ORDER BY s.id;",
                "SELECT id, count(*) AS n FROM public.st s GROUP BY id HAVING (count(*) > 1) ORDER BY id;",
            ),
            (
                "WITH x AS (SELECT st.id FROM public.st) SELECT x.id, (SELECT max(s2.k) AS max FROM public.st s2 WHERE (s2.id = x.id)) AS max FROM x;",
                "WITH x AS (SELECT st.id FROM public.st) SELECT id, (SELECT max(s2.k) AS max FROM public.st s2 WHERE (s2.id = x.id)) AS max FROM x;",
            ),
            (
                "SELECT v.a, v.b FROM ( VALUES (1,'a'::text), (2,'b'::text)) v(a, b);",
                "SELECT a, b FROM ( VALUES (1,'a'::text), (2,'b'::text)) v(a, b);",
            ),
            ("SELECT x.x FROM generate_series(1, 3) x(x);", "SELECT x FROM generate_series(1, 3) x(x);"),
        ];
        for (to_15, from_16) in pairs {
            assert_eq!(view(to_15), view(from_16));
            assert_eq!(view(from_16), joined(&tokens(from_16, false)));
        }
    }

    #[test]
    fn a_view_of_several_relations_keeps_its_names() {
        for text in [
            "SELECT a.id, b.status FROM (public.st a JOIN public.st b ON ((a.id = b.k))) WHERE (a.x = b.y);",
            "SELECT a.id, b.status FROM public.st a, public.st b;",
            "SELECT a.id FROM public.st a LEFT JOIN public.b b ON (a.id = b.id)",
            "SELECT st.id FROM public.st UNION ALL SELECT st.k AS id FROM public.st",
            "SELECT 1 AS one;",
        ] {
            assert_eq!(view(text), text);
        }
        // The name of a schema or a column that is written like the relation is no qualifier of it.
        assert_eq!(view("SELECT st.st, (st.c).st FROM st.st;"), "SELECT st, (c).st FROM st.st;");
    }
}
