//! The sums over rows that firedrill makes of what the server hashed.
//!
//! Under `strong` also a digest that nobody can make agree by choosing rows: LtHash (Bellare and Micciancio 1997; Lewi,
//! Kim, Maykov and Weis 2019). The SHA-256 of a row is spread to 1,024 numbers of 16 bits by SHA-256 in counter
//! mode, and those are summed; exactly, so that a row counts however often it occurs. Sums of 128 or of 256 bits would not do: with thousands of rows that one may choose,
//! others that have the same sum are found in no time (Wagner 2002). It depends on no order, and parts can be merged.

use super::scan::Record;
use crate::{
    ids::Digest,
    verify::cells::{Cell, Cells, KEY_COLUMNS, P},
};
use sha2::{Digest as _, Sha256};

/// Numbers of the strong digest.
const LANES: usize = 1024;
/// Numbers that one SHA-256 gives.
const LANES_EACH: usize = 16;

/// The sums of the rows seen so far.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    cells: Vec<Sum>,
    summed: usize,
    strong: Option<Box<[u64; LANES]>>,
    pub(super) rows: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: i64,
    halves: [i128; 2],
    keys: [i128; KEY_COLUMNS],
    powers: [u64; 4],
}

impl Sums {
    /// None yet, in that many buckets; `summed`: integer columns of the key.
    pub(super) fn new(buckets: u32, summed: usize, strong: bool) -> Self {
        Self {
            cells: vec![Sum::default(); buckets as usize],
            summed,
            strong: strong.then(|| Box::new([0; LANES])),
            rows: 0,
        }
    }

    /// Counts a row.
    pub(super) fn add(&mut self, record: &Record) {
        let Some(cell) = self.cells.get_mut(record.bucket as usize) else { return };
        self.rows += 1;
        cell.count += 1;
        for (sum, half) in cell.halves.iter_mut().zip(record.halves) {
            *sum = sum.wrapping_add(i128::from(half));
        }
        for (sum, key) in cell.keys.iter_mut().zip(record.keys) {
            *sum = sum.wrapping_add(key);
        }
        let r = u64::from(record.r);
        let mut power = record.halves[0] % P;
        for sum in &mut cell.powers {
            power = power * r % P;
            // Below 2^31 each: 2^33 rows fit.
            *sum += power;
        }
        if let Some(lanes) = &mut self.strong {
            spread(record, lanes);
        }
    }

    /// Takes the rows of another part in.
    pub(super) fn merge(&mut self, other: &Sums) {
        self.rows += other.rows;
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            mine.count += theirs.count;
            for at in 0..2 {
                mine.halves[at] = mine.halves[at].wrapping_add(theirs.halves[at]);
            }
            for at in 0..KEY_COLUMNS {
                mine.keys[at] = mine.keys[at].wrapping_add(theirs.keys[at]);
            }
            for at in 0..4 {
                mine.powers[at] = (mine.powers[at] % P) + (theirs.powers[at] % P);
            }
        }
        if let (Some(mine), Some(theirs)) = (&mut self.strong, &other.strong) {
            mine.iter_mut().zip(theirs.iter()).for_each(|(mine, theirs)| *mine = mine.wrapping_add(*theirs));
        }
    }

    /// The cells.
    pub(super) fn cells(&self) -> Cells {
        let mut cells = Cells::new(u32::try_from(self.cells.len()).unwrap_or(u32::MAX), self.summed);
        for (sum, bucket) in self.cells.iter().zip(0..) {
            let mut powers = [0; 4];
            // The fourth is for keys that are not summed.
            let used = if self.summed == 0 { 4 } else { 3 };
            for (power, sum) in powers.iter_mut().zip(sum.powers).take(used) {
                *power = (sum % P) as u32;
            }
            let cell = Cell {
                count: sum.count,
                s1: sum.halves[0],
                s2: sum.halves[1],
                keys: sum.keys[..self.summed].to_vec(),
                powers,
            };
            cells.add(bucket, &cell);
        }
        cells
    }

    /// The SHA-256 of the strong digest's numbers.
    pub(super) fn strong(&self) -> Option<String> {
        let lanes = self.strong.as_ref()?;
        let bytes: Vec<u8> = lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect();
        Some(Digest::of(&bytes).to_string())
    }
}

/// Adds a row's 1,024 numbers: those of SHA-256(row, 0), SHA-256(row, 1) and so on, each number little endian.
fn spread(record: &Record, lanes: &mut [u64; LANES]) {
    let mut block = [0u8; 34];
    let words = record.halves.into_iter().chain(record.rest);
    for (bytes, word) in block.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    for (counter, lanes) in (0u16..).zip(lanes.chunks_exact_mut(LANES_EACH)) {
        block[32..].copy_from_slice(&counter.to_le_bytes());
        let digest = Sha256::digest(block);
        for (lane, bytes) in lanes.iter_mut().zip(digest.chunks_exact(2)) {
            *lane = lane.wrapping_add(u64::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: i128, content: u64) -> Record {
        Record {
            halves: [content.wrapping_mul(0x9e37_79b9_7f4a_7c15), !content],
            rest: [content, content],
            keys: [key, 0, 0],
            bucket: (key & 7) as u32,
            r: key as u32 & P as u32,
        }
    }

    fn sums(rows: impl IntoIterator<Item = (i128, u64)>) -> Sums {
        let mut sums = Sums::new(8, 1, true);
        rows.into_iter().for_each(|(key, content)| sums.add(&record(key, content)));
        sums
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let rows: Vec<(i128, u64)> = (0..100).map(|key| (key - 50, key as u64 * 31)).collect();
        let whole = sums(rows.iter().copied());
        let mut parts = sums(rows[60..].iter().copied());
        parts.merge(&sums(rows[..60].iter().rev().copied()));
        assert_eq!((parts.cells(), parts.strong(), parts.rows), (whole.cells(), whole.strong(), 100));
    }

    #[test]
    fn a_changed_row_gives_itself_away() {
        let was = sums((0..100).map(|key| (key, key as u64)));
        let is = sums((0..100).map(|key| (key, if key == 42 { 7777 } else { key as u64 })));
        let rests = was.cells().difference(&is.cells()).expect("of one kind");
        let found: Vec<(u32, u32)> = rests
            .iter()
            .flat_map(|rest| &rest.terms)
            .map(|term| (term.element.bucket, term.element.r))
            .collect();
        assert_eq!(found, [(2, 42)]);
        assert_ne!(was.strong(), is.strong());
    }

    #[test]
    fn the_strong_digest_is_pinned() {
        assert_eq!(
            sums([(1, 1), (2, 2)]).strong().expect("strong"),
            "f76253d7e7059a8b2cb5fbeec7e3d5eccb2d6dfdf0719b2858f8e85e035b4dff"
        );
    }
}
