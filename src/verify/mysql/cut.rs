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
    Whole { one_answer: bool, done: bool },
    /// Numbers from `next` to `greatest`, so many at a time.
    Numbers { column: String, next: i128, greatest: i128, width: i128 },
    /// Keys after the last one, if any was asked for; so many rows at a time. `many`: it is worth sharing.
    Keys { table: String, column: Column, after: Option<String>, rows: u64, many: bool, done: bool },
}

/// A range: conditions on `x`; and whether its rows fit in one answer for all that is known.
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

/// A table that is to be cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutting<'a> {
    /// As SQL takes it.
    pub(super) table: &'a str,
    /// The index to follow, where the server might choose another.
    pub(super) index: Option<&'a str>,
    /// The key.
    pub(super) key: &'a [Column],
    /// About how many rows. Right after a restore, statistics may be far off.
    pub(super) estimate: Option<u64>,
    /// Rows of a range.
    pub(super) rows: u64,
}

impl Cutting<'_> {
    /// Decides how.
    pub(super) async fn cut(self, ask: &mut MysqlAsk) -> Result<Cut, Fault> {
        let Some(column) = self.key.first().filter(|column| boundary(column).is_some()) else {
            let one_answer = !self.is_there(ask, self.rows).await?;
            return Ok(Cut::Whole { one_answer, done: false });
        };
        if self.key.len() == 1 && column.integer {
            let number = column.number();
            let sql = format!(
                "select cast(min({number}) as char), cast(max({number}) as char) from {} x",
                self.table
            );
            let edges = ask.rows(&sql, &[]).await?;
            let edge = |at: usize| edges.first()?.get(at)?.as_deref()?.parse::<i128>().ok();
            let (Some(least), Some(greatest)) = (edge(0), edge(1)) else {
                return Ok(Cut::Whole { one_answer: true, done: false });
            };
            if let Some(width) = self.width(greatest - least + 1) {
                return Ok(Cut::Numbers { column: column.source(), next: least, greatest, width });
            }
        }
        let many = self.is_there(ask, self.rows * SPARSE as u64).await?;
        let index = self.index.map(|name| format!(" force index ({})", quoted(name))).unwrap_or_default();
        let table = format!("{} x{index}", self.table);
        Ok(Cut::Keys { table, column: column.clone(), after: None, rows: self.rows, many, done: false })
    }

    /// How many of so many numbers a range takes, if rows use them densely enough.
    fn width(self, numbers: i128) -> Option<i128> {
        let rows = i128::from(self.rows);
        if numbers <= rows * SPARSE {
            return Some(numbers);
        }
        let estimate = i128::from(self.estimate?);
        (numbers <= estimate * SPARSE).then(|| (rows * numbers / estimate).clamp(1, rows * SPARSE))
    }

    /// Whether there are more than so many rows.
    async fn is_there(self, ask: &mut MysqlAsk, rows: u64) -> Result<bool, Fault> {
        let sql = format!("select cast(1 as char) from {} x limit 1 offset {rows}", self.table);
        Ok(ask.value(&sql, &[]).await?.is_some())
    }
}

impl Cut {
    /// Whether several connections have something to share.
    pub(super) fn is_worth_sharing(&self) -> bool {
        match self {
            Cut::Whole { .. } => false,
            Cut::Numbers { next, greatest, width, .. } => greatest - next > 4 * width,
            Cut::Keys { many, .. } => *many,
        }
    }

    /// The next range.
    pub(super) async fn next(&mut self, ask: &mut MysqlAsk) -> Result<Option<Range>, Fault> {
        match self {
            Cut::Whole { one_answer, done } => {
                let first = !std::mem::replace(done, true);
                Ok(first.then(|| Range { conditions: Vec::new(), one_answer: *one_answer }))
            }
            Cut::Numbers { column, next, greatest, width } => {
                if next > greatest {
                    return Ok(None);
                }
                let last = (*next + *width - 1).min(*greatest);
                let condition = format!("{column} between {next} and {last}");
                *next = last + 1;
                Ok(Some(Range { conditions: vec![condition], one_answer: true }))
            }
            Cut::Keys { done: true, .. } => Ok(None),
            Cut::Keys { table, column, after, rows, done, .. } => {
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
                Ok(Some(Range { conditions, one_answer: true }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(numbers: i128, estimate: Option<u64>) -> Option<i128> {
        Cutting { table: "t", index: None, key: &[], estimate, rows: 1000 }.width(numbers)
    }

    #[test]
    fn numbers_are_cut_by_arithmetic_where_rows_use_them_densely() {
        assert_eq!(width(3000, None), Some(3000), "few numbers can't hold many rows");
        assert_eq!(width(1_000_000, Some(1_000_000)), Some(1000));
        assert_eq!(width(1_000_000, Some(250_000)), Some(4000));
        assert_eq!(width(1_000_000, Some(2_000_000)), Some(500));
        assert_eq!(width(1_000_000, Some(200_000)), None);
        assert_eq!(width(1_000_000, Some(0)), None, "statistics that know of no row");
        assert_eq!(width(1_000_000, None), None);
    }

    #[test]
    fn ranges_are_small_enough_for_an_answer() {
        assert_eq!(rows_each(54, 16 << 20), ROWS);
        assert_eq!(rows_each(54, 1 << 20), 3883);
        assert_eq!(rows_each(100, 1024), 16);
    }
}
