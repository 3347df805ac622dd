//! What becomes of a statement of a PostgreSQL dump, and of a line for `psql`.

use super::PostgresSieve;
use crate::{
    playbook::{Extensions, Roles},
    provider::dump::sql::{Refusal, Token, begins, names},
};

/// What is to be done with a statement whose words are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    Pass,
    /// It brings rows.
    PassRows,
    LeaveOut(&'static str),
    Refuse(String),
}

impl PostgresSieve {
    /// What is to be done with a statement, from its words.
    pub(super) fn judge(&mut self, tokens: &[Token]) -> Judgement {
        let is = |words: &[&str]| begins(tokens, words);
        let makes = is(&["CREATE"]) || is(&["ALTER"]) || is(&["DROP"]);
        let second =
            |words: &[&str]| tokens.get(1).is_some_and(|token| words.iter().any(|word| token.is(word)));
        let mapping = second(&["USER"]) && tokens.get(2).is_some_and(|token| token.is("MAPPING"));
        if is(&["COPY"]) {
            let from = names::outside(tokens, |token| token.is("FROM") || token.is("TO"));
            let rows =
                |at: usize| tokens[at].is("FROM") && tokens.get(at + 1).is_some_and(|next| next.is("STDIN"));
            return match from.as_slice() {
                [at] if rows(*at) => Judgement::PassRows,
                _ => Judgement::Refuse("COPY from or to a file or a program of the server".to_owned()),
            };
        }
        if makes && mapping {
            return Judgement::LeaveOut("user mappings to other servers");
        }
        if makes && second(&["SUBSCRIPTION"]) {
            return Judgement::LeaveOut("subscriptions");
        }
        if makes && second(&["DATABASE"])
            || (is(&["COMMENT", "ON"]) || is(&["SECURITY", "LABEL"])) && on_database(tokens)
        {
            return Judgement::LeaveOut("properties of the database itself");
        }
        if (is(&["GRANT"]) || is(&["REVOKE"])) && on_database(tokens) {
            return Judgement::LeaveOut("grants on the database itself");
        }
        // Settings of a role for the database alone, as `--create` writes them.
        if is(&["ALTER", "ROLE"]) && tokens.get(3..).is_some_and(|rest| begins(rest, &["IN", "DATABASE"])) {
            return Judgement::LeaveOut("properties of the database itself");
        }
        if makes && second(&["ROLE", "USER", "GROUP", "TABLESPACE", "SYSTEM"])
            || is(&["REASSIGN"])
            || is(&["DROP", "OWNED"])
        {
            let what =
                tokens.iter().take(2).filter_map(names::name).collect::<Vec<_>>().join(" ").to_uppercase();
            return Judgement::Refuse(format!(
                "{what}: it would change the server beyond the database that is restored"
            ));
        }
        if is(&["COMMENT", "ON", "ROLE"]) || is(&["COMMENT", "ON", "TABLESPACE"]) {
            return Judgement::Refuse("a comment on what does not belong to the database".to_owned());
        }
        if is(&["SET", "DEFAULT_TABLESPACE"]) {
            return Judgement::LeaveOut("tablespaces");
        }
        if is(&["SET", "STANDARD_CONFORMING_STRINGS"]) {
            let off = tokens.get(3).is_some_and(|value| {
                value.is("OFF")
                    || value.is("FALSE")
                    || matches!(value, Token::Text(text) if text == "off" || text == "false")
            });
            self.standard = !off;
            return Judgement::Pass;
        }
        // `--clean` drops everything before it makes anything, and nothing is there yet; but for the schema `public`.
        let drops = is(&["DROP"])
            || is(&["ALTER"]) && tokens.iter().any(|token| token.is("DROP") || token.is("DETACH"));
        let public = is(&["DROP", "SCHEMA"]) && tokens.last().is_some_and(|last| last.is("PUBLIC"));
        let unlinks = is(&["SELECT", "PG_CATALOG"]);
        if (drops || unlinks) && !self.made && !public {
            return Judgement::LeaveOut("drops of what is not there");
        }
        self.made |= is(&["CREATE"]);
        self.judge_roles_and_extensions(tokens)
    }

    fn judge_roles_and_extensions(&mut self, tokens: &[Token]) -> Judgement {
        let is = |words: &[&str]| begins(tokens, words);
        let extension = is(&["CREATE", "EXTENSION"])
            || is(&["ALTER", "EXTENSION"])
            || is(&["COMMENT", "ON", "EXTENSION"]);
        if is(&["CREATE", "EXTENSION"]) {
            let named = tokens
                .iter()
                .skip(2)
                .find(|token| !["IF", "NOT", "EXISTS"].iter().any(|word| token.is(word)));
            self.found.extensions.extend(named.and_then(names::name));
        }
        if extension && self.extensions == Extensions::Skip {
            return Judgement::LeaveOut("extensions");
        }
        let policy = is(&["CREATE", "POLICY"]);
        let session = is(&["SET", "SESSION", "AUTHORIZATION"]) || is(&["RESET", "SESSION", "AUTHORIZATION"]);
        let grant = is(&["GRANT"]) || is(&["REVOKE"]) || is(&["ALTER", "DEFAULT", "PRIVILEGES"]);
        let owner = is(&["ALTER"]) && names::owner(tokens).is_some();
        if !(policy || session || grant || owner) {
            return Judgement::Pass;
        }
        let roles = names::roles(tokens);
        let named = !roles.all.is_empty();
        self.found.roles.extend(roles.all);
        self.found.owners.extend(roles.owners);
        match self.roles {
            Roles::Keep | Roles::Create => Judgement::Pass,
            Roles::Skip if policy && !named => Judgement::Pass,
            Roles::Skip if policy => Judgement::LeaveOut("policies for roles"),
            Roles::Skip if grant => Judgement::LeaveOut("grants"),
            Roles::Skip => Judgement::LeaveOut("owners"),
        }
    }

    /// A line of psql's own. Those of `pg_dump` are left out; any other is none of a dump.
    pub(super) fn meta(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let command = words.next().unwrap_or_default();
        let rest: Vec<&[u8]> = words.collect();
        match (command, rest.as_slice()) {
            (b"\\restrict" | b"\\unrestrict", [_]) => Ok(()),
            (b"\\connect", [database]) => {
                let database = database.to_vec();
                match &self.connected {
                    Some(first) if *first != database => Err(Refusal {
                        line: self.line,
                        what: "a second \\connect: it holds several databases; make one dump of each"
                            .to_owned(),
                        hostile: true,
                    }),
                    _ => {
                        self.connected = Some(database);
                        self.found.leave_out("\\connect");
                        Ok(())
                    }
                }
            }
            _ => {
                let name = String::from_utf8_lossy(&command[1..]).into_owned();
                let plain =
                    name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'!');
                let shown = if plain { format!("`\\{name}`") } else { "a backslash".to_owned() };
                Err(self.hostile(format!(
                    "{shown}: a command for psql, not for the server, and none that pg_dump writes"
                )))
            }
        }
    }
}

/// Whether these first words are those of a statement that is always passed on, however it goes on.
pub(super) fn passes_at_once(tokens: &[Token]) -> bool {
    const HELD: [&str; 12] = [
        "ALTER", "GRANT", "REVOKE", "CREATE", "DROP", "COMMENT", "COPY", "SET", "RESET", "SECURITY",
        "REASSIGN", "IMPORT",
    ];
    const MADE: [&str; 14] = [
        "DATABASE",
        "ROLE",
        "USER",
        "GROUP",
        "TABLESPACE",
        "SUBSCRIPTION",
        "POLICY",
        "EXTENSION",
        "SYSTEM",
        "DEFAULT",
        "OR",
        "REPLACE",
        "FUNCTION",
        "PROCEDURE",
    ];
    let Some(Token::Word(first)) = tokens.first() else { return tokens.len() == 1 };
    // `SELECT pg_catalog.lo_unlink(…)` is how a large object is dropped.
    if first == "SELECT" {
        let unlink = ["SELECT", "PG_CATALOG", "", "LO_UNLINK"];
        let fits =
            |(token, word): (&Token, &&str)| token.is(word) || word.is_empty() && *token == Token::Sign(b'.');
        return !tokens.iter().zip(&unlink).all(fits);
    }
    if !HELD.contains(&first.as_str()) {
        return true;
    }
    // The words of a routine are needed until its body tells where the statement ends.
    if first != "CREATE" || tokens.len() < 2 {
        return false;
    }
    let second = |word: &&str| tokens[1].is(word);
    !MADE.iter().any(second)
}

fn on_database(tokens: &[Token]) -> bool {
    tokens.windows(2).any(|pair| pair[0].is("ON") && pair[1].is("DATABASE"))
}
