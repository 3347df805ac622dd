//! Runs as a table that fits the terminal.

use super::{
    escape::one_line,
    terminal::{Ink, TextStyle, cut, pad, width},
};
use crate::{
    drill::{Teardown, Verdict},
    ids::{PlaybookName, RunId},
    metrics::{RunSummary, Word as _},
    time::{Period, Timestamp},
};

/// A run in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// The run.
    pub run: RunId,
    /// Its playbook.
    pub playbook: PlaybookName,
    /// When it was declared.
    pub declared: Timestamp,
    /// What it proved; none while it is not over.
    pub verdict: Option<Verdict>,
    /// Where it stands while it is not over, in words.
    pub state: String,
    /// Recovery time actual.
    pub rta: Option<Period>,
    /// Recovery point actual.
    pub rpa: Option<Period>,
    /// What it left; none while it is not over.
    pub teardown: Option<Teardown>,
}

impl From<&RunSummary> for ListRow {
    fn from(run: &RunSummary) -> Self {
        Self {
            run: run.run,
            playbook: run.playbook.clone(),
            declared: run.declared,
            verdict: run.verdict,
            state: run.state.word().to_owned(),
            rta: run.rta.actual,
            rpa: run.rpa.actual,
            teardown: run.teardown,
        }
    }
}

struct Column {
    head: &'static str,
    /// Dropped first where it is the highest; 0 is never dropped.
    rank: u8,
    cell: fn(&ListRow) -> String,
}

const COLUMNS: [Column; 7] = [
    Column { head: "RUN", rank: 0, cell: |row| row.run.short() },
    Column { head: "PLAYBOOK", rank: 0, cell: |row| row.playbook.to_string() },
    Column {
        head: "DECLARED (UTC)",
        rank: 3,
        cell: |row| row.declared.to_chrono().format("%Y-%m-%d %H:%M").to_string(),
    },
    Column {
        head: "VERDICT",
        rank: 0,
        cell: |row| row.verdict.map_or_else(|| one_line(&row.state), |verdict| verdict.to_string()),
    },
    Column { head: "RTA", rank: 2, cell: |row| row.rta.map_or("-".to_owned(), Period::human) },
    Column { head: "RPA", rank: 4, cell: |row| row.rpa.map_or("-".to_owned(), Period::human) },
    Column { head: "CLEANUP", rank: 1, cell: |row| row.teardown.map_or("-".to_owned(), |t| t.to_string()) },
];

const PLAYBOOK: usize = 1;
const VERDICT: usize = 3;
const CLEANUP: usize = 6;

/// The table, in the order given. Columns that don't fit are left out, the least needed first.
pub fn list(rows: &[ListRow], style: TextStyle) -> String {
    if rows.is_empty() {
        return "no runs\n".to_owned();
    }
    let style = style.bounded();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| COLUMNS.iter().map(|column| (column.cell)(row)).collect()).collect();
    let mut widths: Vec<usize> = COLUMNS
        .iter()
        .enumerate()
        .map(|(at, column)| {
            cells.iter().map(|row| width(&row[at])).max().unwrap_or(0).max(width(column.head))
        })
        .collect();
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    let total = |shown: &[usize], widths: &[usize]| shown.iter().map(|at| widths[*at] + 2).sum::<usize>() - 2;
    // A playbook's name is cut before a column is lost, but not below what still tells playbooks apart.
    let least = widths[PLAYBOOK].min(16);
    loop {
        let over = total(&shown, &widths).saturating_sub(style.width);
        if over == 0 {
            break;
        }
        if widths[PLAYBOOK] >= least + over {
            widths[PLAYBOOK] -= over;
            break;
        }
        match shown.iter().copied().max_by_key(|at| COLUMNS[*at].rank).filter(|at| COLUMNS[*at].rank > 0) {
            Some(lost) => shown.retain(|at| *at != lost),
            None => {
                let rest = total(&shown, &widths) - widths[PLAYBOOK];
                widths[PLAYBOOK] = style.width.saturating_sub(rest).max(4);
                break;
            }
        }
    }
    let line = |texts: Vec<String>| texts.join("  ").trim_end().to_owned() + "\n";
    let heads = shown.iter().map(|at| pad(COLUMNS[*at].head, widths[*at])).collect();
    let mut out = style.paint(Ink::Dim, &line(heads));
    for (row, cells) in rows.iter().zip(&cells) {
        let texts = shown.iter().map(|at| {
            let text = pad(&cut(&cells[*at], widths[*at], style.ellipsis()), widths[*at]);
            match *at {
                VERDICT => style.paint(ink(row.verdict), &text),
                CLEANUP if matches!(row.teardown, Some(Teardown::Leaked(_))) => style.paint(Ink::Bad, &text),
                _ => text,
            }
        });
        out.push_str(&line(texts.collect()));
    }
    out
}

fn ink(verdict: Option<Verdict>) -> Ink {
    match verdict {
        Some(Verdict::Passed) => Ink::Good,
        Some(Verdict::Failed | Verdict::SurroundingsFailed) => Ink::Bad,
        Some(Verdict::ObjectiveMissed | Verdict::Refused | Verdict::Aborted) => Ink::Warn,
        None => Ink::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::stories;

    fn rows() -> Vec<ListRow> {
        stories::all().iter().take(8).map(|(_, run)| ListRow::from(run)).collect()
    }

    fn style(width: usize) -> TextStyle {
        TextStyle { width, colour: false, unicode: true }
    }

    #[test]
    fn the_table_fits_the_usual_terminal() {
        insta::assert_snapshot!(list(&rows(), style(100)), @"
        RUN       PLAYBOOK         DECLARED (UTC)    VERDICT               RTA      RPA      CLEANUP
        9c2f1a04  orders-platform  2026-11-23 09:00  passed                27m 00s  12m 00s  clean
        9c2f1a04  orders-platform  2026-11-23 09:00  objective missed      20m 00s  40m 00s  clean
        9c2f1a04  orders-platform  2026-11-23 09:00  failed                -        40m 00s  clean
        9c2f1a04  orders-platform  2026-11-23 09:00  refused               -        -        clean
        9c2f1a04  orders-platform  2026-11-23 09:00  aborted               -        40m 00s  clean
        9c2f1a04  orders-platform  2026-11-23 09:00  passed                20m 00s  40m 00s  leaked(1)
        9c2f1a04  orders-platform  2026-11-23 09:00  passed                28m 00s  40m 00s  clean
        9c2f1a04  orders-platform  2026-11-23 09:00  waiting for a person  -        12m 00s  -
        ");
    }

    #[test]
    fn columns_are_left_out_where_it_is_narrow() {
        insta::assert_snapshot!(list(&rows()[..3], style(40)), @"
        RUN       PLAYBOOK      VERDICT
        9c2f1a04  orders-plat…  passed
        9c2f1a04  orders-plat…  objective missed
        9c2f1a04  orders-plat…  failed
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [20, 40, 57, 80, 200] {
            for line in list(&rows(), style(columns)).lines() {
                assert!(width(line) <= columns.max(40), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(list(&[], style(80)), "no runs\n");
    }
}
