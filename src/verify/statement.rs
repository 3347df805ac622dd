//! The text of a check's query: one statement that reads, with every reference bound as a parameter.
//!
//! The session is read-only anyway. What this adds is that a slip is told in words before anything runs: a second
//! statement that would never be looked at, a reference inside quotes that would be text, a parameter that nobody binds.
//!
//! A reference is bound as text: `{{ recovery_point.time }}` is `2026-11-23T09:00:00.000Z`. Where the column holds
//! another form, convert it in SQL, such as `datetime({{ recovery_point.time }})`.

use crate::{
    drill::{Fault, FaultClass},
    playbook::Bound,
};

/// A statement with numbered parameters, and their values in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Inside {
    Nothing,
    Word,
    Quote(char),
    LineComment,
    BlockComment,
}

impl Statement {
    /// Builds a statement; `placeholder` writes the n-th parameter, counted from 1, for that value.
    pub(super) fn build(
        parts: Vec<Bound>,
        placeholder: fn(usize, &str) -> String,
    ) -> Result<Statement, Fault> {
        let mut built = Statement { sql: String::new(), values: Vec::new() };
        let mut reader = Reader { inside: Inside::Nothing, ended: None, first: First::NotYet, read: 0 };
        for part in parts {
            match part {
                Bound::Text(text) => {
                    reader.read = built.sql.len();
                    reader.read(&text)?;
                    built.sql.push_str(&text);
                }
                Bound::Value(value) => {
                    reader.parameter()?;
                    built.sql.push_str(&placeholder(built.values.len() + 1, &value));
                    built.values.push(value);
                }
            }
        }
        let ended = reader.ended;
        reader.finish()?;
        // Without its semicolon, and what may come after one: the statement can stand in another.
        if let Some(end) = ended {
            built.sql.truncate(end);
        }
        Ok(built)
    }

    /// With the values that are bound, for a person.
    pub(super) fn in_words(&self) -> String {
        let sql = self.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.values.is_empty() { sql } else { format!("{sql} with {}", self.values.join(", ")) }
    }

    /// Builds a condition, in parentheses; its parameters are counted from 1.
    pub(super) fn condition(
        parts: Vec<Bound>,
        placeholder: fn(usize, &str) -> String,
    ) -> Result<Statement, Fault> {
        const BEFORE: &str = "select 1 where ";
        let whole = std::iter::once(Bound::Text(format!("{BEFORE}(")))
            .chain(parts)
            .chain(std::iter::once(Bound::Text("\n)".to_owned())));
        let mut built = Self::build(whole.collect(), placeholder)?;
        built.sql.drain(..BEFORE.len());
        Ok(built)
    }
}

struct Reader {
    inside: Inside,
    /// Where the semicolon is.
    ended: Option<usize>,
    first: First,
    /// The bytes before the text that is being read.
    read: usize,
}

/// The first word of the statement.
enum First {
    NotYet,
    Reading(String),
    Done(String),
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::new(FaultClass::Permanent, message)
}

impl Reader {
    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            match self.inside {
                // A doubled quote ends and begins again at once, which comes to the same.
                Inside::Quote(end) if c == end => self.inside = Inside::Nothing,
                Inside::LineComment if c == '\n' => self.inside = Inside::Nothing,
                Inside::BlockComment if c == '*' && next == Some('/') => {
                    chars.next();
                    self.inside = Inside::Nothing;
                }
                Inside::Quote(_) | Inside::LineComment | Inside::BlockComment => {}
                Inside::Word if c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii() => {
                    self.letter(c)
                }
                Inside::Nothing | Inside::Word => {
                    self.end_word();
                    match (c, next) {
                        ('-', Some('-')) => self.inside = Inside::LineComment,
                        ('/', Some('*')) => {
                            chars.next();
                            self.inside = Inside::BlockComment;
                        }
                        (';', _) => {
                            self.ended.get_or_insert(self.read + at);
                        }
                        (c, _) if c.is_whitespace() => {}
                        _ if self.ended.is_some() => {
                            return Err(wrong("the query holds more than one statement; a check runs one"));
                        }
                        ('\'' | '"' | '`', _) => self.inside = Inside::Quote(c),
                        ('[', _) => self.inside = Inside::Quote(']'),
                        // A cast, and operators, of PostgreSQL.
                        (':', Some(':')) | ('@', Some('>' | '@')) | ('<', Some('@')) => {
                            chars.next();
                        }
                        ('?' | ':' | '@' | '$', _) => {
                            return Err(wrong(format!(
                                "the query holds the parameter mark `{c}`, which nothing is bound to; values are put in as {{{{ … }}}}"
                            )));
                        }
                        (c, _) if c.is_alphanumeric() || c == '_' || !c.is_ascii() => {
                            self.inside = Inside::Word;
                            self.letter(c);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn letter(&mut self, c: char) {
        if let First::NotYet = self.first {
            self.first = First::Reading(String::new());
        }
        if let First::Reading(word) = &mut self.first {
            word.push(c.to_ascii_lowercase());
        }
    }

    fn end_word(&mut self) {
        self.inside = Inside::Nothing;
        if let First::Reading(word) = &mut self.first {
            self.first = First::Done(std::mem::take(word));
        }
    }

    fn parameter(&mut self) -> Result<(), Fault> {
        match self.inside {
            Inside::Quote(_) => Err(wrong(
                "a {{ … }} stands inside quotes, where it would be plain text; write it without quotes, it is bound as a parameter",
            )),
            Inside::LineComment | Inside::BlockComment => Err(wrong("a {{ … }} stands inside a comment")),
            Inside::Nothing | Inside::Word if self.ended.is_some() => {
                Err(wrong("the query holds more than one statement; a check runs one"))
            }
            Inside::Nothing | Inside::Word => {
                self.end_word();
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), Fault> {
        if matches!(self.inside, Inside::Quote(_) | Inside::BlockComment) {
            return Err(wrong("a quote or comment in the query is never closed"));
        }
        match self.first {
            First::Reading(word) | First::Done(word)
                if matches!(word.as_str(), "select" | "with" | "values") =>
            {
                Ok(())
            }
            _ => Err(wrong("a check only reads: the query must begin with SELECT, WITH or VALUES")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(parts: &[&str]) -> Result<Statement, String> {
        let parts = parts.iter().enumerate().map(|(i, part)| match i % 2 {
            0 => Bound::Text((*part).to_owned()),
            _ => Bound::Value((*part).to_owned()),
        });
        Statement::build(parts.collect(), |n, _| format!("?{n}")).map_err(|fault| fault.message)
    }

    #[test]
    fn references_become_parameters() {
        let built = build(&["select * from t where a < ", "x' or 1", " and b > ", "2", ";"]).expect("builds");
        assert_eq!(built.sql, "select * from t where a < ?1 and b > ?2");
        assert_eq!(built.values, ["x' or 1", "2"]);
    }

    #[test]
    fn one_statement_passes() {
        for sql in [
            "select 1",
            " \n-- why\nSELECT ';' ; -- done",
            "with x as (select 1) select * from x;;  /* ; */ ",
            "values (1)",
            "select 'it''s; fine', \"a;b\", `c;d`, [e;f], a$b, é from t",
            "select 1 - -1 / 2",
            "select a::text, b @> c, c <@ b, d @@ e from t",
            "select 'a' -- :x ?1\n || 'b'",
            "select '{{' || \"@\"",
        ] {
            let alone =
                sql.split_once(" ; -- done").or(sql.split_once(";;  /*")).map_or(sql, |(alone, _)| alone);
            assert_eq!(
                build(&[sql]).map(|built| built.sql.trim_end().to_owned()),
                Ok(alone.trim_end().to_owned())
            );
        }
    }

    #[test]
    fn slips_are_told() {
        for (sql, part) in [
            ("select 1; select 2", "more than one statement"),
            ("select 1; -- x\n delete from t", "more than one statement"),
            ("select 1 ;'x'", "more than one statement"),
            ("delete from t", "must begin with SELECT"),
            ("pragma journal_mode = wal", "must begin with SELECT"),
            ("attach 'x' as y", "must begin with SELECT"),
            ("", "must begin with SELECT"),
            ("selectx", "must begin with SELECT"),
            ("-- nothing", "must begin with SELECT"),
            ("select 'a", "never closed"),
            ("select /* a", "never closed"),
            ("select ?", "parameter mark `?`"),
            ("select :a", "parameter mark `:`"),
            ("select * from t where a=@b", "parameter mark `@`"),
        ] {
            let message = build(&[sql]).expect_err(sql);
            assert!(message.contains(part), "{sql}: {message}");
        }
        for (parts, part) in [
            (["select '", "x", "'"], "inside quotes"),
            (["select 1 -- ", "x", ""], "inside a comment"),
            (["select 1; ", "x", ""], "more than one statement"),
            (["", "select", " 1"], "must begin with SELECT"),
        ] {
            let message = build(&parts).expect_err(parts[0]);
            assert!(message.contains(part), "{parts:?}: {message}");
        }
    }
}
