//! `expect: source`: the restored tables against the live ones, read at the same time. With both at hand, rows and columns that
//! differ are named exactly, by looking only into the buckets that differ.

use super::{
    TableFingerprint,
    baseline::LIVE_CONNECTIONS,
    cells::{Cells, Element},
    difference::{Comparison, compare},
    location::{Located, by_digest},
    logins,
    sql::{Mark, Session, Target, Trouble, open_server},
    tables::{Binder, Measured, concluded, how, measure, sketched},
    targets::Aim,
    words::{counted, grouped},
};
use crate::{
    drill::{CheckOutcome, Fault, FaultClass},
    playbook::{FingerprintCheck, FingerprintOf, Source},
    ports::CheckRequest,
};
use std::collections::{BTreeMap, BTreeSet};

/// Rows whose columns are compared one by one.
const COLUMNS_OF: usize = 20;
/// The part of all buckets that is looked into; where more differ, the counts must do.
const FEW: usize = 4;

/// Makes a `fingerprint` check against the source.
pub(super) async fn check(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
    check: &FingerprintCheck,
    binder: &Binder<'_>,
    tick: &(dyn Fn(&str, u64, Option<u64>) + Send + Sync),
) -> Result<CheckOutcome, Trouble> {
    let mut live = open(ask).await?;
    let live_binder = Binder { placeholder: live.placeholder(), ..*binder };
    let since = ask.point.map(|point| point.time);
    let quiet = |_: &str, _: u64, _: Option<u64>| {};
    let (there, mut here) = if check.changed_since.is_empty() {
        // Both at once: two servers do the work of one.
        let (there, here) = tokio::join!(
            measure(live.as_mut(), check, &live_binder, Aim::Source(since), &quiet),
            measure(session, check, binder, Aim::Restored(&[]), tick)
        );
        (there?, here?)
    } else {
        let there = measure(live.as_mut(), check, &live_binder, Aim::Source(since), tick).await?;
        let prints: Vec<TableFingerprint> = there.tables.iter().map(|(_, print)| print.clone()).collect();
        let here = measure(session, check, binder, Aim::Restored(&prints), tick).await?;
        (there, here)
    };
    let mut details: Vec<String> =
        there.faults.iter().map(|fault| format!("on the source: {fault}")).collect();
    details.append(&mut here.faults);
    let differing = differences(session, live.as_mut(), check, &there, &here, &mut details).await?;
    let position = live.position().await.unwrap_or(None);
    live.close().await;
    let expected = match position {
        Some(position) => format!("the source as it is now ({position})"),
        None => "the source as it is now".to_owned(),
    };
    Ok(concluded(here, expected, differing, details))
}

/// A session on the source's live database.
pub(super) async fn open(ask: &CheckRequest<'_>) -> Result<Box<dyn Session>, Trouble> {
    let missing = || {
        Trouble::Fault(Fault::new(
            FaultClass::Permanent,
            "`expect: source` needs the live database: add `live` to the restore step",
        ))
    };
    let source = ask.source.ok_or_else(missing)?;
    if let Source::Sqlite(sqlite) = source {
        let live = ask.folder.join(sqlite.live.as_ref().ok_or_else(missing)?);
        return Ok(Box::new(super::sqlite::SqliteSession::of_live(&live).await?));
    }
    let login = logins::live(source, ask.folder)?.ok_or_else(missing)?;
    open_server(&login, LIVE_CONNECTIONS, false).await
}

async fn differences(
    session: &mut dyn Session,
    live: &mut dyn Session,
    check: &FingerprintCheck,
    there: &Measured,
    here: &Measured,
    details: &mut Vec<String>,
) -> Result<u64, Trouble> {
    let mut differing = 0;
    for (target, print) in &here.tables {
        let Some((live_target, was)) = there.tables.iter().find(|(_, was)| was.table == target.name()) else {
            differing += 1;
            details.push(format!("{}: not in the source", target.name()));
            continue;
        };
        match compare(was, print) {
            Comparison::Equal => {}
            Comparison::Shape(found) => {
                differing += 1;
                details.extend(found.into_iter().map(|found| format!("{}: {found}", target.name())));
            }
            Comparison::Rows(_) if Cells::are_in(&print.buckets) => {
                differing += 1;
                let sides = Sides { session: &mut *session, target, live: &mut *live, live_target };
                let located = sides.locate(check, was, print).await?;
                details.extend(match located {
                    Some(located) if check.redact_keys => {
                        located.redacted(&was.key).words_against("source", was, print)
                    }
                    Some(located) => located.words_against("source", was, print),
                    None => vec![format!(
                        "{}: {} differ ({} in the source, {} here)",
                        was.table,
                        if session.finds(target) { "very many rows" } else { "rows" },
                        counted(was.rows, "row"),
                        grouped(print.rows)
                    )],
                });
            }
            Comparison::Rows(difference) => {
                differing += 1;
                details.extend(sketched(session, target, check, &difference, was, print).await?);
            }
        }
    }
    if check.of == FingerprintOf::AllTables {
        for (target, was) in &there.tables {
            if !here.tables.iter().any(|(_, print)| print.table == target.name()) {
                differing += 1;
                details.push(format!(
                    "{}: the table is missing; it has {}",
                    was.table,
                    counted(was.rows, "row")
                ));
            }
        }
    }
    Ok(differing)
}

/// One table, restored and live.
struct Sides<'a> {
    session: &'a mut dyn Session,
    target: &'a Target,
    live: &'a mut dyn Session,
    live_target: &'a Target,
}

impl Sides<'_> {
    async fn locate(
        self,
        check: &FingerprintCheck,
        was: &TableFingerprint,
        is: &TableFingerprint,
    ) -> Result<Option<Located>, Trouble> {
        let how = how(check);
        let (Ok(was_cells), Ok(is_cells)) = (Cells::decode(&was.buckets), Cells::decode(&is.buckets)) else {
            return Ok(None);
        };
        let Some(rests) = was_cells.difference(&is_cells) else { return Ok(None) };
        if !self.session.finds(self.target) || rests.is_empty() || rests.len() > was_cells.len() / FEW {
            return Ok(None);
        }
        let buckets: Vec<u32> = rests.iter().map(|rest| rest.bucket).collect();
        let (there, here) = tokio::join!(
            self.live.marks(self.live_target, how, &buckets),
            self.session.marks(self.target, how, &buckets)
        );
        let (there, here) = (there?, here?);
        if is.key.is_empty() {
            return Ok(Some(without_key(there, here)));
        }
        let (there, here) = (counts(there), counts(here));
        let mut located = Located::default();
        let mut changed: Vec<Element> = Vec::new();
        let words: BTreeSet<&String> = there.keys().chain(here.keys()).map(|(words, _)| words).collect();
        for words in words {
            let of = |side: &BTreeMap<(String, String), (Mark, u64)>| -> Vec<(Mark, u64)> {
                side.range((words.clone(), String::new())..)
                    .take_while(|((other, _), _)| other == words)
                    .map(|(_, counted)| counted.clone())
                    .collect()
            };
            let (there, here) = (of(&there), of(&here));
            let only = |these: &[(Mark, u64)], those: &[(Mark, u64)]| -> u64 {
                these
                    .iter()
                    .map(|(mark, times)| {
                        let other = those.iter().find(|(other, _)| other.hash == mark.hash);
                        times.saturating_sub(other.map_or(0, |(_, times)| *times))
                    })
                    .sum()
            };
            let (gone, new) = (only(&there, &here), only(&here, &there));
            let both = gone.min(new);
            if both > 0 {
                located.changed.push((words.clone(), both));
                changed.extend(here.first().map(|(mark, _)| Element { bucket: mark.bucket, r: mark.r }));
            }
            if gone > both {
                located.lost.push((words.clone(), gone - both));
            }
            if new > both {
                located.extra.push((words.clone(), new - both));
            }
        }
        if !check.redact_keys {
            changed.truncate(COLUMNS_OF);
            let (there, here) = tokio::join!(
                self.live.locate(self.live_target, how, &changed, true),
                self.session.locate(self.target, how, &changed, true)
            );
            let (there, here) = (there?, here?);
            for row in &here {
                let Some(other) = there.iter().find(|other| other.words == row.words) else { continue };
                let columns: Vec<&str> = is
                    .columns
                    .iter()
                    .zip(row.columns.iter().zip(&other.columns))
                    .filter(|(_, (here, there))| here != there)
                    .map(|((name, _), _)| name.as_str())
                    .collect();
                if !columns.is_empty() {
                    located.notes.push(format!(
                        "{} {}: {} differs",
                        was.table,
                        row.words,
                        columns.join(", ")
                    ));
                }
            }
        }
        Ok(Some(located))
    }
}

/// Rows without a key are the same where their hashes are, wherever they lie; none changes, each is lost or extra.
fn without_key(there: Vec<Mark>, here: Vec<Mark>) -> Located {
    let mut rows: BTreeMap<String, (Mark, i64)> = BTreeMap::new();
    let both = there.into_iter().map(|mark| (mark, 1)).chain(here.into_iter().map(|mark| (mark, -1)));
    for (mark, times) in both {
        let row = rows.entry(mark.hash.clone()).or_insert_with(|| (mark.clone(), 0));
        row.1 += times;
        if times < 0 {
            // Where it lies here is of use to who looks for it.
            row.0 = mark;
        }
    }
    let mut located = Located::default();
    for (mark, more) in rows.into_values() {
        match more {
            0 => {}
            1.. => {
                let element = Element { bucket: mark.bucket, r: mark.r };
                located.lost.push((by_digest(&element, &[]), more.unsigned_abs()));
            }
            _ => located.extra.push((mark.words, more.unsigned_abs())),
        }
    }
    located
}

/// Rows by key and hash, with how often they occur.
fn counts(marks: Vec<Mark>) -> BTreeMap<(String, String), (Mark, u64)> {
    let mut counted: BTreeMap<(String, String), (Mark, u64)> = BTreeMap::new();
    for mark in marks {
        let key = (mark.words.clone(), mark.hash.clone());
        counted.entry(key).and_modify(|(_, times)| *times += 1).or_insert((mark, 1));
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_key_are_told_by_their_hashes() {
        let mark = |words: &str, hash: &str| Mark { words: words.into(), bucket: 3, r: 7, hash: hash.into() };
        let there = vec![mark("at 1", "a"), mark("at 2", "a"), mark("at 3", "b"), mark("at 4", "c")];
        let here = vec![mark("at 9", "c"), mark("at 8", "a"), mark("at 3", "d"), mark("at 5", "d")];
        let located = without_key(there, here);
        assert_eq!(located.changed, []);
        let lost = "row#000300000007".to_owned();
        assert_eq!(located.lost, [(lost.clone(), 1), (lost, 1)]);
        assert_eq!(located.extra, [("at 5".to_owned(), 2)]);
    }
}
