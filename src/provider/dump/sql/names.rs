//! The roles that a statement of PostgreSQL names: owners and those who are granted something.

use super::{Token, begins};
use std::collections::BTreeSet;

/// Words that stand where a role can, and are none.
const NO_ROLES: [&str; 6] = ["PUBLIC", "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER", "DEFAULT", "NONE"];

/// A name as the server has it.
pub(in super::super) fn name(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if NO_ROLES.contains(&word.as_str()) => None,
        Token::Word(word) => Some(word.to_lowercase()),
        Token::Name(name) | Token::Text(name) => Some(name.clone()),
        Token::Sign(_) => None,
    }
}

/// The roles that a statement names.
#[derive(Debug, Default)]
pub(in super::super) struct Named {
    /// All of them.
    pub(in super::super) all: BTreeSet<String>,
    /// Those that own something or do something, and are not only granted something.
    pub(in super::super) owners: BTreeSet<String>,
}

/// The roles that the statement names.
pub(in super::super) fn roles(tokens: &[Token]) -> Named {
    let mut named = Named::default();
    let (all, owners) = (&mut named.all, &mut named.owners);
    if begins(tokens, &["GRANT"]) || begins(tokens, &["REVOKE"]) {
        grant(tokens, all, owners);
    } else if begins(tokens, &["ALTER", "DEFAULT", "PRIVILEGES"]) {
        if let Some(at) = tokens.iter().position(|token| token.is("ROLE") || token.is("USER")) {
            list(&tokens[at + 1..], owners);
        }
        if let Some(at) = tokens.iter().position(|token| token.is("GRANT") || token.is("REVOKE")) {
            grant(&tokens[at..], all, owners);
        }
    } else if begins(tokens, &["ALTER"]) {
        owners.extend(owner(tokens).and_then(name));
    } else if begins(tokens, &["CREATE", "POLICY"]) {
        list(policy_roles(tokens), all);
    } else if begins(tokens, &["SET", "SESSION", "AUTHORIZATION"]) {
        owners.extend(tokens.get(3).and_then(name));
    }
    all.extend(owners.iter().cloned());
    named
}

/// The role in `ALTER … OWNER TO role`, which ends the statement.
pub(in super::super) fn owner(tokens: &[Token]) -> Option<&Token> {
    match tokens {
        [.., owner, to, role] if owner.is("OWNER") && to.is("TO") => Some(role),
        _ => None,
    }
}

/// What stands after the `TO` of a policy.
pub(in super::super) fn policy_roles(tokens: &[Token]) -> &[Token] {
    let Some(at) = outside(tokens, |token| token.is("TO")).first().copied() else { return &[] };
    &tokens[at + 1..]
}

fn grant(tokens: &[Token], into: &mut BTreeSet<String>, by: &mut BTreeSet<String>) {
    let word = if tokens.first().is_some_and(|first| first.is("REVOKE")) { "FROM" } else { "TO" };
    if let Some(at) = outside(tokens, |token| token.is(word)).last() {
        list(&tokens[at + 1..], into);
    }
    if let Some(at) = tokens.windows(2).position(|pair| pair[0].is("GRANTED") && pair[1].is("BY")) {
        by.extend(tokens.get(at + 2).and_then(name));
    }
}

/// Names with commas between them.
fn list(tokens: &[Token], into: &mut BTreeSet<String>) {
    let mut rest = tokens;
    loop {
        if rest.first().is_some_and(|token| token.is("GROUP")) {
            rest = &rest[1..];
        }
        let Some(first) = rest.first() else { return };
        into.extend(name(first));
        match rest.get(1) {
            Some(Token::Sign(b',')) => rest = &rest[2..],
            _ => return,
        }
    }
}

/// Where such tokens are, outside of parentheses.
pub(super) fn outside(tokens: &[Token], wanted: impl Fn(&Token) -> bool) -> Vec<usize> {
    let mut depth = 0i32;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign(b'(') => depth += 1,
            Token::Sign(b')') => depth -= 1,
            token if depth == 0 && wanted(token) => found.push(at),
            _ => {}
        }
    }
    found
}
