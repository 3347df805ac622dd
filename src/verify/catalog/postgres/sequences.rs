//! Whether sequences stand beyond the values that their columns hold.
//!
//! Looked at is every sequence that a column owns (serial, identity) or takes its default from, once for each such column.
//! The largest value is asked of the server: a look into an index that begins with the column, else a scan.
//!
//! | | compared |
//! | --- | --- |
//! | ascending | the next value is to be above the largest |
//! | descending | the next value is to be below the least |
//! | with CYCLE | below is where it may well be: the next value is not to be taken |
//!
//! A sequence that a column takes in an expression of its own is named in a note, and not compared.

use super::super::{
    Findings, Progress, text,
    words::{first, signed},
    yes,
};
use crate::{drill::Fault, server::Ask, verify::words::counted};

const SEQUENCES: &str = include_str!("sql/sequences.sql");

/// A sequence and a column that it numbers.
#[derive(Debug)]
struct Numbered {
    sequence: String,
    relation: String,
    column: String,
    /// For messages.
    column_name: String,
    increment: i128,
    least: i128,
    greatest: i128,
    cycles: bool,
    /// Why its values can't be compared.
    apart: Option<&'static str>,
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stand {
    last: i128,
    called: bool,
}

pub(in crate::verify::catalog) async fn check(
    ask: &mut dyn Ask,
    progress: Progress<'_>,
) -> Result<Findings, Fault> {
    super::pin(ask).await?;
    let all: Vec<Numbered> = ask.rows(SEQUENCES, &[]).await?.iter().map(|row| numbered(row)).collect();
    let total = all.len() as u64;
    let mut found = Findings::default();
    let (mut behind, mut used_up, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    for (done, numbered) in all.iter().enumerate() {
        progress(done as u64, Some(total));
        let Numbered { sequence, column_name, .. } = numbered;
        if let Some(why) = numbered.apart {
            apart.push(format!("sequence {sequence} and {column_name} were not compared: {why}"));
            continue;
        }
        let stand = ask
            .rows(&format!("select last_value::text, is_called::text from {sequence}"), &[])
            .await?
            .first()
            .and_then(|row| Some(Stand { last: text(row, 0).parse().ok()?, called: yes(row, 1) }));
        let Some(stand) = stand else {
            behind.push(format!("sequence {sequence} tells no value"));
            continue;
        };
        found.looked_at += 1;
        let next = numbered.next(stand);
        let Some(next) = next else {
            used_up.push(format!(
                "sequence {sequence} is used up: it stands at {}, its last; the next insert into {column_name} fails, as it does in the source",
                signed(stand.last)
            ));
            continue;
        };
        let Some(extreme) = ask.value(&numbered.extreme(next), &[]).await? else { continue };
        match extreme.parse() {
            Ok(extreme) => behind.extend(numbered.behind(stand, next, extreme)),
            Err(_) => apart.push(format!(
                "sequence {sequence} and {column_name} were not compared: the largest value is no number"
            )),
        }
    }
    progress(total, Some(total));
    found.problems = first(behind, "sequences behind their column");
    found.notes = first(used_up, "sequences that are used up");
    found.notes.extend(first(apart, "sequences that were not compared"));
    found.words = match found.looked_at {
        0 => "no sequence that numbers a column".to_owned(),
        looked => format!("{}, each against its column", counted(looked, "sequence")),
    };
    Ok(found)
}

fn numbered(row: &[Option<String>]) -> Numbered {
    let number = |column: usize, without: i128| text(row, column).parse().unwrap_or(without);
    Numbered {
        sequence: text(row, 0).to_owned(),
        relation: text(row, 1).to_owned(),
        column: text(row, 2).to_owned(),
        column_name: text(row, 3).to_owned(),
        increment: number(4, 1),
        least: number(5, i128::MIN),
        greatest: number(6, i128::MAX),
        cycles: yes(row, 7),
        apart: match text(row, 8) {
            "" => None,
            "expression" => Some("the column takes it in an expression"),
            "type" => Some("the column holds no numbers"),
            _ => Some("the column does not take its default from it"),
        },
    }
}

impl Numbered {
    /// What `nextval` gives; none: an error, since it is used up.
    fn next(&self, stand: Stand) -> Option<i128> {
        let next = if stand.called { stand.last.saturating_add(self.increment) } else { stand.last };
        let within = next >= self.least && next <= self.greatest;
        match (within, self.cycles) {
            (true, _) => Some(next),
            (false, true) => Some(if self.increment < 0 { self.greatest } else { self.least }),
            (false, false) => None,
        }
    }

    /// The value to compare the next one with.
    fn extreme(&self, next: i128) -> String {
        let Numbered { relation, column, .. } = self;
        if self.cycles {
            return format!("select {column}::text from {relation} x where {column} = {next} limit 1");
        }
        let extreme = if self.increment < 0 { "min" } else { "max" };
        // Rounded away from the sequence's start, so that no fraction hides a collision.
        let rounded = if self.increment < 0 { "ceil" } else { "floor" };
        format!("select {rounded}({extreme}({column})::numeric)::text from {relation} x")
    }

    /// The problem, if the next value is not free.
    fn behind(&self, stand: Stand, next: i128, extreme: i128) -> Option<String> {
        let Numbered { sequence, column_name, .. } = self;
        let stands = format!("sequence {sequence} stands at {}", signed(stand.last));
        if self.cycles {
            return Some(format!(
                "{stands}, but its next value {} is in {column_name} already: the next insert fails",
                signed(next)
            ));
        }
        let (taken, goes) =
            if self.increment < 0 { (next >= extreme, "down to") } else { (next <= extreme, "up to") };
        taken.then(|| {
            format!("{stands}, but {column_name} goes {goes} {}: the next insert fails", signed(extreme))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(increment: i128, cycles: bool) -> Numbered {
        Numbered {
            sequence: "shop.orders_id_seq".into(),
            relation: "only shop.orders".into(),
            column: "id".into(),
            column_name: "shop.orders.id".into(),
            increment,
            least: -100,
            greatest: 2_000_000,
            cycles,
            apart: None,
        }
    }

    fn at(last: i128, called: bool) -> Stand {
        Stand { last, called }
    }

    fn problem(numbered: &Numbered, stand: Stand, extreme: i128) -> Option<String> {
        numbered.next(stand).and_then(|next| numbered.behind(stand, next, extreme))
    }

    #[test]
    fn a_sequence_below_its_column_is_named() {
        assert_eq!(
            problem(&ids(1, false), at(5, true), 1_000_000).expect("a problem"),
            "sequence shop.orders_id_seq stands at 5, but shop.orders.id goes up to 1,000,000: the next insert fails"
        );
        assert_eq!(problem(&ids(1, false), at(1_000_000, true), 1_000_000), None);
        // Not called yet: the next value is the one where it stands.
        assert!(problem(&ids(1, false), at(7, false), 7).is_some());
        assert_eq!(problem(&ids(1, false), at(8, false), 7), None);
        assert_eq!(problem(&ids(10, false), at(995, true), 1000), None);
    }

    #[test]
    fn a_descending_sequence_is_to_be_below() {
        assert_eq!(
            problem(&ids(-1, false), at(-3, true), -50).expect("a problem"),
            "sequence shop.orders_id_seq stands at -3, but shop.orders.id goes down to -50: the next insert fails"
        );
        assert_eq!(problem(&ids(-1, false), at(-50, true), -50), None);
    }

    #[test]
    fn the_end_of_a_sequence_is_not_beyond_its_column() {
        assert_eq!(ids(1, false).next(at(2_000_000, true)), None);
        assert_eq!(ids(1, true).next(at(2_000_000, true)), Some(-100));
        assert_eq!(ids(-5, true).next(at(-97, true)), Some(2_000_000));
        assert!(ids(1, true).extreme(6).contains("= 6"));
    }
}
