//! Which rows differ, from bucket sums: decoded, looked up in the restored table, and put in words.
//!
//! What the sums of one bucket leave over is one row, or two, or more than can be told apart. Whether a row was lost, added
//! or changed follows from the count, and from whether it is in the restored table. A lost row is not there to be asked for
//! its key: where the key is integers, their sums give it; else it is named by the digest of its key.

use super::{
    TableFingerprint,
    cells::{Cells, Element, P, Rest, Term},
    sql::{Found, How, Session, Target, Trouble},
    words::{counted, grouped},
};
use crate::ids::Digest;
use std::collections::BTreeMap;

/// How many keys are named in each list.
pub(super) const NAMED: usize = 20;
/// Rows that are looked up in the restored table at most.
const LOOKED_UP: usize = 400;

/// Rows that differ, by key in words, each with how often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Located {
    pub(super) changed: Vec<(String, u64)>,
    pub(super) lost: Vec<(String, u64)>,
    pub(super) extra: Vec<(String, u64)>,
    /// Buckets with rows that can't be told apart, of how many, and about how many rows those are.
    pub(super) unclear: Option<Unclear>,
    /// What else is to be said: the columns that differ.
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclear {
    pub(super) buckets: u64,
    pub(super) of: u64,
    pub(super) rows: u64,
}

/// Finds the rows of a restored table that differ from its baseline. `Err(why)`: sums can't tell.
pub(super) async fn locate(
    session: &mut dyn Session,
    target: &Target,
    how: How,
    was: &TableFingerprint,
    is: &TableFingerprint,
) -> Result<Result<Located, &'static str>, Trouble> {
    if was.key != is.key {
        return Ok(Err("the primary key is not that of the baseline"));
    }
    let (Ok(was_cells), Ok(is_cells)) = (Cells::decode(&was.buckets), Cells::decode(&is.buckets)) else {
        return Ok(Err("the baseline holds no bucket sums that can be read"));
    };
    let Some(rests) = was_cells.difference(&is_cells) else {
        return Ok(Err("the baseline has another number of buckets: take it anew"));
    };
    if rests.is_empty() {
        return Ok(Err("the bucket sums agree although the digests differ"));
    }
    // Of a bucket all are looked up, or none: one that was not would be taken for lost.
    let mut looked_up = 0;
    let most = if session.finds(target) { LOOKED_UP } else { 0 };
    let covered = rests
        .iter()
        .take_while(|rest| {
            looked_up += rest.terms.len();
            looked_up <= most
        })
        .count();
    let terms = rests.iter().take(covered).flat_map(|rest| &rest.terms);
    let elements: Vec<Element> = terms.map(|term| term.element.clone()).collect();
    // In the field, 31 ones are 0: a key of either may be meant.
    let ones: Vec<Element> = elements
        .iter()
        .filter(|element| element.r == 0)
        .map(|element| Element { bucket: element.bucket, r: P as u32 })
        .collect();
    let wanted: Vec<Element> = elements.into_iter().chain(ones).collect();
    let found = session.locate(target, how, &wanted, false).await?;
    let buckets = was_cells.len() as u64;
    // Keys that follow from sums are asked after: which bucket are they of?
    let mut asked: Vec<(Vec<i128>, Element)> = Vec::new();
    classify(&rests, covered, &found, &was.key, buckets, &mut |sums, element| {
        asked.push((sums.to_vec(), element.clone()));
        true
    });
    if asked.is_empty() {
        return Ok(Ok(classify(&rests, covered, &found, &was.key, buckets, &mut |_, _| true)));
    }
    let keys: Vec<Vec<i128>> = asked.iter().map(|(key, _)| key.clone()).collect();
    let places = session.places(target, how, &keys).await?;
    let true_ones: Vec<Vec<i128>> = asked
        .into_iter()
        .zip(places)
        .filter(|((_, element), place)| place.as_ref().is_some_and(|place| same(place, element)))
        .map(|((key, _), _)| key)
        .collect();
    let mut fits = |sums: &[i128], _: &Element| true_ones.iter().any(|key| key == sums);
    Ok(Ok(classify(&rests, covered, &found, &was.key, buckets, &mut fits)))
}

/// Whether two mean the same key, as far as the field tells.
fn same(a: &Element, b: &Element) -> bool {
    a.bucket == b.bucket && u64::from(a.r) % P == u64::from(b.r) % P
}

/// Tells whether a key of integers lies where it must.
type Fits<'a> = &'a mut dyn FnMut(&[i128], &Element) -> bool;

/// What a row that differs left over, and the rows of that key that are there.
type Looked<'a> = (&'a Term, &'a [&'a Found]);

/// Puts each bucket's rest in words; of the buckets from number `covered` on, nothing was looked up.
fn classify(
    rests: &[Rest],
    covered: usize,
    found: &[Found],
    key: &[String],
    buckets: u64,
    fits: Fits<'_>,
) -> Located {
    let mut here: BTreeMap<(u32, u32), Vec<&Found>> = BTreeMap::new();
    for row in found {
        here.entry((row.element.bucket, (u64::from(row.element.r) % P) as u32)).or_default().push(row);
    }
    let mut located = Located::default();
    let mut unclear = 0u64;
    for (number, rest) in rests.iter().enumerate() {
        let looked: Vec<Looked<'_>> = rest
            .terms
            .iter()
            .map(|term| {
                let rows = here.get(&(term.element.bucket, term.element.r)).map_or(&[][..], Vec::as_slice);
                (term, rows)
            })
            .collect();
        let told = match looked.as_slice() {
            // What is lost needs no looking up, if it is one row.
            [one] if number < covered || rest.count > 0 => single(rest, *one, key, fits, &mut located),
            [first, second] if number < covered => pair(rest, [*first, *second], key, fits, &mut located),
            _ => None,
        };
        if told.is_none() {
            unclear += 1;
        }
    }
    if unclear > 0 {
        let differing = rests.len() as f64;
        let all = buckets as f64;
        // As many rows thrown at random into the buckets hit so many of them (coupon collector); all hit: at least so many.
        let rows =
            if rests.len() as u64 >= buckets { all * all.ln() } else { -all * (1.0 - differing / all).ln() };
        located.unclear = Some(Unclear { buckets: unclear, of: buckets, rows: rows.round() as u64 });
    }
    located
}

/// A row by the digest of its key.
pub(super) fn by_digest(element: &Element, key: &[String]) -> String {
    let names = if key.is_empty() { "row".to_owned() } else { key.join(",") };
    format!("{names}#{:04x}{:08x}", element.bucket, element.r)
}

/// The key of a row that is gone, from the sums of keys; none where they don't fit what else is known of it.
fn key_of_lost(sums: &[i128], element: &Element, key: &[String], fits: Fits<'_>) -> Option<String> {
    if sums.is_empty() {
        return Some(by_digest(element, key));
    }
    let belongs = match sums {
        [only] => (*only & i128::from(P)) as u64 % P == u64::from(element.r) % P,
        several => fits(several, element),
    };
    if !belongs {
        return None;
    }
    Some(key.iter().zip(sums).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
}

/// One row of the bucket differs.
fn single(
    rest: &Rest,
    (term, rows): Looked<'_>,
    key: &[String],
    fits: Fits<'_>,
    to: &mut Located,
) -> Option<()> {
    let times = rest.count.unsigned_abs();
    if let (true, Some(row)) = (key.is_empty(), rows.first())
        && term.more_of(row.weight)? != rest.count
    {
        return None;
    }
    match rest.count {
        1.. => {
            let each: Option<Vec<i128>> = rest
                .keys
                .iter()
                .map(|sum| (sum % i128::from(rest.count) == 0).then(|| sum / i128::from(rest.count)))
                .collect();
            to.lost.push((key_of_lost(&each?, &term.element, key, fits)?, times));
        }
        // Of a row without a key another copy is lost or extra: it does not change.
        0 if !key.is_empty() && rest.keys.iter().all(|sum| *sum == 0) => to.changed.push((one(rows)?, 1)),
        0 => return None,
        _ => {
            let words = one(rows)?;
            let own = rows.first().map_or(&[][..], |row| row.keys.as_slice());
            if !rest.keys.iter().zip(own).all(|(sum, own)| *sum == own * i128::from(rest.count)) {
                return None;
            }
            to.extra.push((words, times));
        }
    }
    Some(())
}

/// The words of the one row that was found; copies of a row have the same key, or none.
fn one(rows: &[&Found]) -> Option<String> {
    let first = rows.first()?;
    (rows.len() == 1 || rows.iter().all(|row| row.words == first.words) || first.keys.is_empty())
        .then(|| first.words.clone())
}

/// Two rows of the bucket differ.
fn pair(rest: &Rest, both: [Looked<'_>; 2], key: &[String], fits: Fits<'_>, to: &mut Located) -> Option<()> {
    // What is there is told by its weight; what is not was lost, and the sums that are left are its own.
    let (mut count, mut keys) = (rest.count, rest.keys.clone());
    let (mut named, mut gone) = (Located::default(), Vec::new());
    for (term, rows) in both {
        let Some(row) = rows.first() else {
            gone.push(&term.element);
            continue;
        };
        let words = one(rows)?;
        let more = term.more_of(row.weight)?;
        if !key.is_empty() && more != -1 {
            named.changed.push((words, 1));
            continue;
        }
        count = count.checked_sub(more)?;
        for (sum, own) in keys.iter_mut().zip(&row.keys) {
            *sum -= i128::from(more) * own;
        }
        let list = if more > 0 { &mut named.lost } else { &mut named.extra };
        list.push((words, more.unsigned_abs()));
    }
    match gone.as_slice() {
        [] if count == 0 && keys.iter().all(|sum| *sum == 0) => {}
        // Without a key a row may have been there several times.
        [one] if count == 1 || (count > 1 && key.is_empty()) => {
            named.lost.push((key_of_lost(&keys, one, key, fits)?, count.unsigned_abs()));
        }
        [a, b] if count == 2 => match keys.as_slice() {
            [] if rest.certain => {
                named.lost.push((key_of_lost(&[], a, key, fits)?, 1));
                named.lost.push((key_of_lost(&[], b, key, fits)?, 1));
            }
            [sum] => {
                // Of each key the low 31 bits are known, and of both the sum: enough where what is above is the same for both.
                let above = sum - i128::from(a.r) - i128::from(b.r);
                if above % (2 << 31) != 0 {
                    return None;
                }
                for element in [a, b] {
                    let value = [i128::from(element.r) + above / 2];
                    if !fits(&value, element) {
                        return None;
                    }
                    named.lost.push((key_of_lost(&value, element, key, fits)?, 1));
                }
            }
            _ => return None,
        },
        _ => return None,
    }
    to.changed.append(&mut named.changed);
    to.lost.append(&mut named.lost);
    to.extra.append(&mut named.extra);
    Some(())
}

impl Located {
    /// Keys are named by their digest.
    pub(super) fn redacted(mut self, key: &[String]) -> Self {
        for list in [&mut self.changed, &mut self.lost, &mut self.extra] {
            for (words, _) in list.iter_mut() {
                *words = redacted(words, key);
            }
        }
        self.notes.clear();
        self
    }

    /// For a person, one line or a few.
    pub(super) fn words(&self, was: &TableFingerprint, is: &TableFingerprint) -> Vec<String> {
        self.words_against("baseline", was, is)
    }

    /// As [`Located::words`], where the rows were compared with those of the `other` side.
    pub(super) fn words_against(
        &self,
        other: &str,
        was: &TableFingerprint,
        is: &TableFingerprint,
    ) -> Vec<String> {
        let table = &was.table;
        let counts = match (was.rows, is.rows) {
            (was, is) if was == is => format!("{} in both", counted(was, "row")),
            (was, is) => format!("{} in the {other}, {} here", counted(was, "row"), grouped(is)),
        };
        let lists = [("changed", &self.changed), ("lost", &self.lost), ("extra", &self.extra)];
        let total: u64 = lists.iter().flat_map(|(_, keys)| *keys).map(|(_, times)| times).sum();
        let parts: Vec<String> = lists
            .iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(word, keys)| format!("{word} {}", list(keys)))
            .collect();
        let mut lines = Vec::new();
        if total > 0 {
            let verb = if total == 1 { "differs" } else { "differ" };
            lines.push(format!("{table}: {} {verb} ({counts}): {}", counted(total, "row"), parts.join("; ")));
        }
        if let Some(unclear) = self.unclear {
            let more = if total > 0 { "more rows differ" } else { "rows differ" };
            lines.push(format!(
                "{table}: {more} ({counts}), about {} in all; those in {} of {} buckets are too many to be told apart",
                grouped(unclear.rows),
                grouped(unclear.buckets),
                grouped(unclear.of)
            ));
        }
        lines.extend(self.notes.iter().cloned());
        lines
    }
}

/// A key by its digest, behind the names of its columns.
pub(super) fn redacted(words: &str, key: &[String]) -> String {
    let digest = Digest::of(words.as_bytes()).to_string();
    format!("{}#{}", if key.is_empty() { "row".to_owned() } else { key.join(",") }, &digest[..16])
}

fn list(keys: &[(String, u64)]) -> String {
    let mut words: Vec<String> = keys
        .iter()
        .take(NAMED)
        .map(|(name, times)| if *times == 1 { name.clone() } else { format!("{name} ({times} times)") })
        .collect();
    let rest: u64 = keys.iter().skip(NAMED).map(|(_, times)| times).sum();
    if rest > 0 {
        words.push(format!("and {} more", grouped(rest)));
    }
    words.join(", ")
}
