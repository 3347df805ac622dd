//! PostgreSQL's own checks: checksums of pages, `amcheck`, and what the catalog says of indexes, constraints and triggers.
//!
//! | | looked at with |
//! | --- | --- |
//! | btree indexes | `bt_index_check`, `heapallindexed`: order, and that each row of the table is in the index; from 17 on that unique ones are |
//! | gin indexes | `gin_index_check`, 18 |
//! | tables, their large values | `verify_heapam`, 14 and later; before, and without `amcheck`: every page is read |
//!
//! Each object is looked at inside of a block that catches its error, so that one damaged index hides nothing of the others. Of an
//! error only the code and the server's own message are kept, never its detail, and the message only where it is one about
//! storage: an index over an expression may fail with a message that holds a value.

use super::super::{Findings, Progress, text, words::first, yes};
use crate::{
    drill::{Fault, FaultClass},
    server::Ask,
    verify::words::{counted, grouped},
};
use std::collections::BTreeMap;

const CATALOG: &str = include_str!("sql/integrity.sql");
const OBJECTS: &str = include_str!("sql/storage.sql");
const AMCHECK: &str = "select quote_ident(n.nspname), e.extversion, \
    (select string_agg(p.proname || p.pronargs, ' ') from pg_proc p where p.pronamespace = n.oid)::text, \
    (select bool_and(has_function_privilege(p.oid, 'execute')) from pg_proc p \
     join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' and d.refobjid = e.oid \
     where p.proname in ('bt_index_check', 'verify_heapam'))::text \
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'amcheck'";
/// Where the result of a block is left.
const RESULT: &str = "select current_setting('firedrill.found', true)";

/// What there is to look with.
struct Tools {
    schema: String,
    version: String,
    functions: Vec<String>,
}

impl Tools {
    fn has(&self, function: &str) -> bool {
        self.functions.iter().any(|name| name == function)
    }
}

/// Something that is stored.
struct Stored {
    oid: String,
    name: String,
    kind: String,
}

impl Stored {
    /// A table of the catalog, or where large values lie; not the database's own.
    fn is_the_servers(&self) -> bool {
        ["pg_catalog.", "pg_toast."].iter().any(|schema| self.name.starts_with(schema))
    }
}

pub(in crate::verify::catalog) async fn check(
    ask: &mut dyn Ask,
    allow_create: bool,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    super::pin(ask).await?;
    let mut found = Findings::default();
    let checksums = catalog(ask, &mut found).await?;
    let (mut tools, created) = match tools(ask, &mut found).await? {
        Some(tools) => (Some(tools), None),
        None if allow_create => create(ask, &mut found).await?,
        None => {
            found.notes.push(
                "amcheck is not in this database: indexes were not looked at; have it in the source (CREATE EXTENSION amcheck, \
                 as superuser) so that each backup brings it"
                    .to_owned(),
            );
            (None, None)
        }
    };
    if tools.as_ref().is_some_and(|tools| !tools.has("bt_index_check2")) {
        tools = None;
    }
    let looked = storage(ask, tools.as_ref(), progress, &mut found).await;
    // What was made for the look goes, whatever came of the look.
    let undone = match created {
        Some(undo) => ask.run(undo).await,
        None => Ok(()),
    };
    found.words = format!("{}; {checksums}", looked?);
    undone?;
    Ok(found)
}

/// What the catalog says; the words on checksums.
async fn catalog(ask: &mut dyn Ask, found: &mut Findings) -> Result<String, Fault> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in ask.rows(CATALOG, &[]).await? {
        lists.entry(text(&row, 0).to_owned()).or_default().push(text(&row, 1).to_owned());
    }
    let mut take = |kind: &str| lists.remove(kind).unwrap_or_default();
    found.problems.extend(take("failure"));
    found.problems.extend(first(take("index"), "indexes that are not valid"));
    found.problems.extend(first(take("system trigger"), "tables whose references are not enforced"));
    if take("tables") == ["0"] {
        found.problems.push("the database holds no tables".to_owned());
    }
    found.notes.extend(take("server"));
    found.notes.extend(first(take("constraint"), "constraints that are not validated"));
    found.notes.extend(first(take("trigger"), "triggers that are switched off"));
    found.notes.extend(first(take("collation"), "collations of another version"));
    let on = take("checksums") == ["on"];
    if !on {
        found.notes.push(
            "data checksums are off on this server: a page that was changed on disk is noticed only by what is in it"
                .to_owned(),
        );
    }
    Ok(format!("data checksums {}", if on { "on" } else { "off" }))
}

/// `amcheck`, where it is and may be used.
async fn tools(ask: &mut dyn Ask, found: &mut Findings) -> Result<Option<Tools>, Fault> {
    let rows = ask.rows(AMCHECK, &[]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut tools = Tools {
        schema: text(row, 0).to_owned(),
        version: text(row, 1).to_owned(),
        functions: text(row, 2).split(' ').map(str::to_owned).collect(),
    };
    if !yes(row, 3) {
        tools.functions.clear();
        found.notes.push(
            "this user may not use amcheck: indexes were not looked at; grant it execute on the functions bt_index_check and \
             verify_heapam, or check as superuser"
                .to_owned(),
        );
    }
    Ok(Some(tools))
}

/// Makes `amcheck`, and tells the statement that undoes it. A connection that is lost undoes it too.
async fn create(
    ask: &mut dyn Ask,
    found: &mut Findings,
) -> Result<(Option<Tools>, Option<&'static str>), Fault> {
    // A savepoint can be set only inside of a transaction: so this tells whether the caller has begun one.
    let undo = if ask.run("savepoint firedrill_amcheck").await.is_ok() {
        "rollback to savepoint firedrill_amcheck"
    } else {
        ask.run("begin read write").await?;
        "rollback"
    };
    let made = async {
        ask.run("create schema firedrill_amcheck").await?;
        ask.run("create extension amcheck schema firedrill_amcheck").await?;
        tools(ask, found).await
    }
    .await;
    match made {
        Ok(tools) => Ok((tools, Some(undo))),
        Err(fault) => {
            ask.run(undo).await?;
            if fault.class.may_pass() {
                return Err(fault);
            }
            found.notes.push(format!(
                "amcheck can't be created here, so indexes were not looked at: {}",
                fault.message
            ));
            Ok((None, None))
        }
    }
}

/// Looks at each stored object; tells at which.
async fn storage(
    ask: &mut dyn Ask,
    tools: Option<&Tools>,
    progress: Progress<'_>,
    found: &mut Findings,
) -> Result<String, Fault> {
    let mut objects = Vec::new();
    let mut unseen: BTreeMap<String, u64> = BTreeMap::new();
    for row in ask.rows(OBJECTS, &[]).await? {
        let object = Stored {
            oid: text(&row, 0).to_owned(),
            name: text(&row, 1).to_owned(),
            kind: text(&row, 2).to_owned(),
        };
        match statement(&object, tools) {
            Some(statement) => objects.push((object, statement)),
            None => *unseen.entry(object.kind).or_default() += 1,
        }
    }
    let total = objects.len() as u64;
    let (mut tables, mut indexes) = (0u64, 0u64);
    let mut damaged = Vec::new();
    let mut refused = Vec::new();
    let mut refused_own = 0u64;
    for (done, (object, statement)) in objects.iter().enumerate() {
        progress(done as u64, Some(total));
        ask.run(statement).await.map_err(|fault| Fault {
            message: format!("while {} {} was looked at: {}", object.kind, object.name, fault.message),
            ..fault
        })?;
        let result = ask.value(RESULT, &[]).await?.unwrap_or_default();
        match judge(&result) {
            Judged::Sound => {}
            Judged::Damaged(what) => {
                damaged.push(format!("{} {}: {what}", object.kind, object.name));
            }
            Judged::Refused(_) if object.is_the_servers() => {
                refused_own += 1;
                continue;
            }
            Judged::Refused(why) => {
                refused.push(format!("{} {} was not looked at: {why}", object.kind, object.name));
                continue;
            }
            Judged::Busy(why) => {
                return Err(Fault::new(
                    FaultClass::Transient,
                    format!("{} {} can't be looked at now: {why}", object.kind, object.name),
                ));
            }
        }
        *(if object.kind.ends_with("index") { &mut indexes } else { &mut tables }) += 1;
    }
    progress(total, Some(total));
    found.looked_at = tables + indexes;
    found.problems.splice(0..0, first(damaged, "that are damaged"));
    found.notes.extend(first(refused, "that were not looked at"));
    if refused_own > 0 {
        found.notes.push(format!(
            "{} of the server's own were not looked at, since this user may not read them",
            counted(refused_own, "table")
        ));
    }
    if tools.is_some() && !unseen.is_empty() {
        let kinds: Vec<String> = unseen.iter().map(|(kind, n)| format!("{} {kind}", grouped(*n))).collect();
        found.notes.push(format!("amcheck can't look at: {}", kinds.join(", ")));
    }
    let heaps = counted(tables, "table");
    Ok(match tools {
        Some(tools) if tools.has("verify_heapam6") => format!(
            "amcheck {} looked at {heaps} and {}, each row of them",
            tools.version,
            indexes_in_words(indexes)
        ),
        Some(tools) => format!(
            "amcheck {} looked at {}, each row of them; every page of {heaps} was read",
            tools.version,
            indexes_in_words(indexes)
        ),
        None => format!("every page of {heaps} was read, indexes were not looked at"),
    })
}

fn indexes_in_words(indexes: u64) -> String {
    if indexes == 1 { "1 index".to_owned() } else { format!("{} indexes", grouped(indexes)) }
}

/// A block that looks at one object and leaves what it found; none: nothing can look at it.
fn statement(object: &Stored, tools: Option<&Tools>) -> Option<String> {
    let relation = format!("{}::oid::regclass", object.oid);
    let call = |call: String| format!("perform {call};");
    let look = match (object.kind.as_str(), tools) {
        ("btree index", Some(tools)) if tools.has("bt_index_check3") => {
            call(format!("{}.bt_index_check({relation}, true, true)", tools.schema))
        }
        ("btree index", Some(tools)) => call(format!("{}.bt_index_check({relation}, true)", tools.schema)),
        ("gin index", Some(tools)) if tools.has("gin_index_check1") => {
            call(format!("{}.gin_index_check({relation})", tools.schema))
        }
        ("table", Some(tools)) if tools.has("verify_heapam6") => format!(
            "select case when count(*) > 0 then 'faults ' || count(*) || ' ' || string_agg(x.words, '; ') \
               filter (where x.place <= 3) end into found \
             from (select row_number() over () as place, concat_ws(', ', 'block ' || v.blkno, 'item ' || v.offnum, \
               'attribute ' || v.attnum) || ': ' || v.msg as words \
               from {}.verify_heapam({relation}, false, true) v) x;",
            tools.schema
        ),
        // Pages of the table are to be read, not those of an index in their place.
        ("table", _) => format!(
            "perform set_config('enable_indexonlyscan', 'off', true), set_config('enable_indexscan', 'off', true); \
             execute 'select count(*) from only ' || {relation};"
        ),
        _ => return None,
    };
    let block = format!(
        "declare found text; begin \
           perform set_config('firedrill.found', '', false); \
           begin {look} exception when others then found := 'error ' || sqlstate || ' ' || sqlerrm; end; \
           perform set_config('firedrill.found', coalesce(found, ''), false); \
         end"
    );
    Some(format!("do {}", super::dollars(&block)))
}

#[derive(Debug, PartialEq)]
enum Judged {
    Sound,
    Damaged(String),
    /// The server would not look.
    Refused(String),
    /// It may look later.
    Busy(String),
}

/// What a block's result means.
fn judge(result: &str) -> Judged {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(faults) = result.strip_prefix("faults ") {
        let (count, words) = faults.split_once(' ').unwrap_or((faults, ""));
        let count: u64 = count.parse().unwrap_or(1);
        return Judged::Damaged(format!("{}: {}", counted(count, "fault"), one_line(words)));
    }
    let Some(error) = result.strip_prefix("error ") else { return Judged::Sound };
    let (state, message) = error.split_once(' ').unwrap_or((error, ""));
    let message = one_line(message);
    match state.get(..2).unwrap_or_default() {
        "XX" | "58" => Judged::Damaged(message),
        _ if state == "42501" || state == "0A000" => Judged::Refused(message),
        "40" | "55" | "53" | "57" => Judged::Busy(message),
        _ => Judged::Damaged(format!("the server stopped with error {state} while looking at its rows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_tells_damage_from_what_could_not_be_looked_at() {
        assert_eq!(judge(""), Judged::Sound);
        assert_eq!(
            judge("error XX002 item order invariant violated for index \"a\""),
            Judged::Damaged("item order invariant violated for index \"a\"".into())
        );
        assert_eq!(
            judge("faults 1200 block 1, item 2: toast value 5 is missing; block 2: x"),
            Judged::Damaged("1,200 faults: block 1, item 2: toast value 5 is missing; block 2: x".into())
        );
        assert!(matches!(judge("error 42501 permission denied for table t"), Judged::Refused(_)));
        assert!(matches!(judge("error 55P03 canceling statement due to lock timeout"), Judged::Busy(_)));
    }

    #[test]
    fn a_message_that_may_hold_a_value_is_not_shown() {
        let Judged::Damaged(words) =
            judge("error 22P02 invalid input syntax for type integer: \"4111 1111\"")
        else {
            panic!("that is damage")
        };
        assert!(words.contains("22P02") && !words.contains("4111"), "{words}");
    }
}
