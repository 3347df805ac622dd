//! How a table is cut into ranges of its key, each read by one statement.
//!
//! | key begins with | cut |
//! | --- | --- |
//! | the one integer that it is, its numbers used densely | by arithmetic, between least and greatest |
//! | something else that is compared as the index orders it | by asking for the key some 32,000 rows further on |
//! | anything else, or there is no key | not: the rows come one by one |

use super::{
    columns::{Column, quoted},
    schema::boundary,
};
use crate::{
    drill::{Fault, FaultClass},
    server::{Ask, mysql::MysqlAsk},
};

/// Rows that one statement reads, where the server takes packets of that size.
const ROWS: u64 = 32_768;
/// A table with this many times more numbers than rows is not cut by arithmetic.
const SPARSE: i128 = 4;

/// Hands out the ranges of a table, one after another.
#[derive(Debug)]
pub(super) enum Cut {
    /// Everything at once.
    Whole { done: bool },
    /// Numbers from `next` to `greatest`, so many at a time.
    Numbers { column: String, next: i128, greatest: i128, width: i128 },
    /// Keys after the last one, if any was asked for; so many rows at a time.
    Keys { table: String, column: Column, after: Option<String>, rows: u64, done: bool },
}

/// A range: a condition on `x`; and whether its rows fit in one answer for all that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) conditions: Vec<String>,
    pub(super) one_answer: bool,
}

/// Rows of such records that fit in an answer.
pub(super) fn rows_each(record_bytes: usize, answer_bytes: usize) -> u64 {
    // A range by arithmetic may hold several times as many rows as meant.
    let fit = answer_bytes / record_bytes.max(1) / (SPARSE as usize + 1);
    ROWS.min(fit as u64).max(16)
}

impl Cut {
    /// Everything at once.
    pub(super) fn whole() -> Self {
        Cut::Whole { done: false }
    }

    /// For a table with about so many rows, whose index begins with that column; `alone`: it is the whole key.
    pub(super) async fn of(
        ask: &mut MysqlAsk,
        table: &str,
        index: Option<&str>,
        column: &Column,
        alone: bool,
        estimate: u64,
        rows: u64,
    ) -> Result<Self, Fault> {
        if estimate <= rows || boundary(column).is_none() {
            return Ok(Self::whole());
        }
        if alone && column.integer {
            let (number, table) = (column.number(), table);
            let edges = ask
                .rows(
                    &format!(
                        "select cast(min({number}) as char), cast(max({number}) as char) from {table} x"
                    ),
                    &[],
                )
                .await?;
            let edge = |at: usize| edges.first()?.get(at)?.as_deref()?.parse::<i128>().ok();
            let (Some(least), Some(greatest)) = (edge(0), edge(1)) else { return Ok(Self::whole()) };
            let numbers = greatest - least + 1;
            if numbers <= i128::from(estimate) * SPARSE {
                let width =
                    (i128::from(rows) * numbers / i128::from(estimate)).clamp(1, i128::from(rows) * SPARSE);
                return Ok(Cut::Numbers { column: column.source(), next: least, greatest, width });
            }
        }
        let index = index.map(|name| format!(" force index ({})", quoted(name))).unwrap_or_default();
        let table = format!("{table} x{index}");
        Ok(Cut::Keys { table, column: column.clone(), after: None, rows, done: false })
    }

    /// Whether there may be more than one range.
    pub(super) fn is_cut(&self) -> bool {
        !matches!(self, Cut::Whole { .. })
    }

    /// The next range.
    pub(super) async fn next(&mut self, ask: &mut MysqlAsk) -> Result<Option<Range>, Fault> {
        let one_answer = self.is_cut();
        match self {
            Cut::Whole { done } => {
                let first = !std::mem::replace(done, true);
                Ok(first.then(|| Range { conditions: Vec::new(), one_answer }))
            }
            Cut::Numbers { column, next, greatest, width } => {
                if next > greatest {
                    return Ok(None);
                }
                let last = (*next + *width - 1).min(*greatest);
                let condition = format!("{column} between {next} and {last}");
                *next = last + 1;
                Ok(Some(Range { conditions: vec![condition], one_answer }))
            }
            Cut::Keys { done: true, .. } => Ok(None),
            Cut::Keys { table, column, after, rows, done } => {
                let unreadable = || {
                    Fault::new(FaultClass::Permanent, format!("the keys of {table} can't be read in order"))
                };
                let (fetch, write) = boundary(column).ok_or_else(unreadable)?;
                let source = column.source();
                let mut conditions: Vec<String> =
                    after.iter().map(|after| format!("{source} > {after}")).collect();
                let from = match conditions.first() {
                    Some(condition) => format!(" where {condition}"),
                    None => String::new(),
                };
                let sql = format!(
                    "select {fetch} from {table}{from} order by {source} limit 1 offset {}",
                    rows.saturating_sub(1)
                );
                match ask.value(&sql, &[]).await? {
                    Some(last) => {
                        let last = write(column, &last).ok_or_else(unreadable)?;
                        conditions.push(format!("{source} <= {last}"));
                        *after = Some(last);
                    }
                    None => *done = true,
                }
                Ok(Some(Range { conditions, one_answer }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_small_enough_for_an_answer() {
        assert_eq!(rows_each(54, 16 << 20), ROWS);
        assert_eq!(rows_each(54, 1 << 20), 3883);
        assert_eq!(rows_each(100, 1024), 16);
    }
}
