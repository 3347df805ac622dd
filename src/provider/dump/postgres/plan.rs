//! What of an archive is restored: the list for `pg_restore --use-list`, the roles and extensions that it names.

use crate::{
    playbook::{DumpSource, Extensions, Roles},
    provider::dump::{
        archive::{Entry, Toc},
        sql::{Found, Refusal, Sieve, postgres::PostgresSieve},
    },
};
use std::collections::BTreeSet;

/// What is to be restored of an archive.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Plan {
    /// The ids of the entries to restore, in their order.
    pub(in super::super) ids: Vec<i64>,
    /// What is left out, and the roles and extensions that are named.
    pub(in super::super) found: Found,
}

impl Plan {
    /// As `--use-list` reads it.
    pub(in super::super) fn list(&self) -> String {
        self.ids.iter().map(|id| format!("{id};\n")).collect()
    }
}

/// Goes through a table of contents. `Err`: it holds what would leave the database.
pub(in super::super) fn plan(toc: &Toc, source: &DumpSource) -> Result<Plan, String> {
    let mut plan = Plan::default();
    let mut roles = BTreeSet::new();
    for entry in &toc.entries {
        let left_out = left_out(entry, source);
        if left_out.is_none_or(|what| what != "the database itself") {
            for sql in [&entry.sql, &entry.copy] {
                let found = look(sql).map_err(|refusal| {
                    format!(
                        "the archive holds, as {} {}, {}: pg_dump does not write that, so it is not restored",
                        entry.kind, entry.tag, refusal.what
                    )
                })?;
                roles.extend(found.roles);
                plan.found.owners.extend(found.owners);
                plan.found.extensions.extend(found.extensions);
            }
        }
        let policy = entry.kind == "POLICY" && source.roles == Roles::Skip && names_roles(&entry.sql);
        match left_out.or(policy.then_some("policies for roles")) {
            Some(what) => *plan.found.left_out.entry(what).or_default() += 1,
            None => {
                plan.ids.push(entry.id);
                plan.found.owners.extend(Some(entry.owner.clone()).filter(|owner| !owner.is_empty()));
            }
        }
    }
    roles.extend(plan.found.owners.iter().cloned());
    plan.found.roles = roles;
    if source.roles == Roles::Skip {
        let grants =
            toc.entries.iter().filter(|entry| matches!(entry.kind.as_str(), "ACL" | "DEFAULT ACL")).count();
        if grants > 0 {
            *plan.found.left_out.entry("grants").or_default() += grants as u64;
        }
    }
    Ok(plan)
}

/// What an entry is, if it is always left out.
fn left_out(entry: &Entry, source: &DumpSource) -> Option<&'static str> {
    let about = |what: &str| entry.tag.starts_with(what);
    match entry.kind.as_str() {
        "DATABASE" | "DATABASE PROPERTIES" => Some("the database itself"),
        "COMMENT" | "ACL" | "SECURITY LABEL" if about("DATABASE ") => Some("the database itself"),
        // They would reach out to other servers, production among them.
        "SUBSCRIPTION" | "SUBSCRIPTION TABLE" => Some("subscriptions"),
        "USER MAPPING" => Some("user mappings to other servers"),
        "EXTENSION" if source.extensions == Extensions::Skip => Some("extensions"),
        "COMMENT" if about("EXTENSION ") && source.extensions == Extensions::Skip => Some("extensions"),
        _ => None,
    }
}

fn look(sql: &str) -> Result<Found, Refusal> {
    let mut sieve = PostgresSieve::new(Roles::Keep, Extensions::Create);
    sieve.push(sql.as_bytes(), &mut Vec::new())?;
    Ok(sieve.found().clone())
}

fn names_roles(sql: &str) -> bool {
    look(sql).is_ok_and(|found| !found.roles.is_empty())
}

/// The character encoding that the dump is in.
pub(in super::super) fn encoding(toc: &Toc) -> Option<String> {
    let entry = toc.entries.iter().find(|entry| entry.kind == "ENCODING")?;
    encoding_in(&entry.sql)
}

/// `UTF8` of `SET client_encoding = 'UTF8';`.
pub(in super::super) fn encoding_in(sql: &str) -> Option<String> {
    let (_, rest) = sql.split_once("client_encoding = '")?;
    Some(rest.split_once('\'')?.0.to_owned())
}
