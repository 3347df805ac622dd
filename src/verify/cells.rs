//! Sums per bucket, made by the database in the same scan as the fingerprint, that name the rows that differ.
//!
//! ```text
//!   bucket b of B = some bits of a hash of the row's key
//!   cell          = n    count of rows
//!                   s1   Σ half1 of the row hash          s2   Σ half2        (64 bits each; exact sums)
//!                   key  Σ of each integer column of the key (exact), where the key is integers
//!                   p_j  Σ w·r^j mod p,  j = 1, 2, 3 (and 4)
//!   w = half1 mod p,  r = 31 other bits of the key (of an integer key: its low 31 bits),  p = 2^31 - 1
//! ```
//!
//! The cells of a restored table are subtracted from those of the baseline. What rows have in common is gone, and
//! each row that was lost, added or changed is left as a term `d·r^j` (`d`: by how much its `w` differs). With `p_0 = s1 mod p`
//! the left-over sums are power sums of the few terms, and are solved as Prony solved sums of exponentials in 1795,
//! in the field of p elements: one term by a division, with two equations left over to check it; two terms by a quadratic
//! equation. This is the decoding of a Reed-Solomon code, of two symbols for each bucket, and needs neither the source nor a
//! second scan. The idea of summing keys so that few differences give themselves away is that of invertible Bloom lookup
//! tables (Goodrich and Mitzenmacher 2011).
//!
//! Three or more rows in one bucket can't be told apart. With 1,024 buckets that befalls 10 rows that differ with a chance of
//! about 1 in 9,000, and 100 rows with 1 in 7; those buckets are reported with their counts.
//!
//! No key is named on a guess: one term must fulfil two more equations (62 bits); of two terms, each is looked up in the
//! restored table, or agrees with the sum of keys, or with the fourth power sum. Whether a row that is there is a new one or a
//! changed one follows from its `w`: of a new one nothing else can be left over.

use super::{
    base64,
    varint::{Unreadable, read_varint, unzigzag, varint, zigzag},
};

/// The field's size, a Mersenne prime.
pub(super) const P: u64 = (1 << 31) - 1;
/// Buckets where the playbook does not say.
pub(super) const BUCKETS: u32 = 1024;
/// Of the text form.
const PREFIX: &str = "cs1:";
/// More integer columns of a key than this are not summed: the key is known by its hash.
pub(super) const KEY_COLUMNS: usize = 3;

/// The sums of one bucket, as a scan or a part of one gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) count: i64,
    pub(super) s1: i128,
    pub(super) s2: i128,
    /// For each integer column of the key.
    pub(super) keys: Vec<i128>,
    /// p_1, p_2, p_3, and p_4 where keys are not summed.
    pub(super) powers: [u32; 4],
}

/// The cells of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    key_columns: usize,
}

/// A row that differs, as far as sums tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) bucket: u32,
    /// 31 bits of its key.
    pub(super) r: u32,
}

/// What one row leaves over: `by·r^j`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) element: Element,
    /// The `w` of the row in the baseline, as often as it is there, less that of the restored one, modulo p.
    pub(super) by: u32,
}

impl Term {
    /// How many more of a row of this weight there are in the baseline, if nothing but their number differs.
    pub(super) fn more_of(&self, weight: u32) -> Option<i64> {
        let weight = u64::from(weight) % P;
        let times = times(u64::from(self.by), inverse(weight)) as i64;
        let signed = if times > P as i64 / 2 { times - P as i64 } else { times };
        (weight != 0).then_some(signed)
    }
}

/// What is left of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) bucket: u32,
    /// By how many rows the baseline has more here.
    pub(super) count: i64,
    /// By how much its sums of keys are more.
    pub(super) keys: Vec<i128>,
    /// The rows that it comes from: one, or two, or none where they can't be told apart.
    pub(super) terms: Vec<Term>,
    /// Whether two rows are certain by the sums alone.
    pub(super) certain: bool,
}

/// The remainder, never negative.
pub(super) fn modulo(value: i128) -> u32 {
    value.rem_euclid(i128::from(P)) as u32
}

impl Cell {
    fn plus(&mut self, other: &Cell) {
        self.count = self.count.wrapping_add(other.count);
        self.s1 = self.s1.wrapping_add(other.s1);
        self.s2 = self.s2.wrapping_add(other.s2);
        for (mine, theirs) in self.keys.iter_mut().zip(&other.keys) {
            *mine = mine.wrapping_add(*theirs);
        }
        for (mine, theirs) in self.powers.iter_mut().zip(&other.powers) {
            *mine = ((u64::from(*mine) + u64::from(*theirs)) % P) as u32;
        }
    }

    fn minus(&self, other: &Cell) -> Cell {
        let mut powers = [0; 4];
        for (at, power) in powers.iter_mut().enumerate() {
            *power = ((u64::from(self.powers[at]) + P - u64::from(other.powers[at]) % P) % P) as u32;
        }
        Cell {
            count: self.count.wrapping_sub(other.count),
            s1: self.s1.wrapping_sub(other.s1),
            s2: self.s2.wrapping_sub(other.s2),
            keys: self.keys.iter().zip(&other.keys).map(|(a, b)| a.wrapping_sub(*b)).collect(),
            powers,
        }
    }

    fn is_zero(&self) -> bool {
        self.count == 0
            && self.s1 == 0
            && self.s2 == 0
            && self.keys.iter().all(|key| *key == 0)
            && self.powers == [0; 4]
    }

    /// The terms that it consists of, and whether they are certain.
    fn solve(&self, bucket: u32) -> (Vec<Term>, bool) {
        let a = [modulo(self.s1), self.powers[0], self.powers[1], self.powers[2]].map(u64::from);
        let fourth = self.keys.is_empty().then_some(u64::from(self.powers[3]));
        let term = |r: u64, by: u64| Term { element: Element { bucket, r: r as u32 }, by: by as u32 };
        if a[0] != 0 {
            let r = times(a[1], inverse(a[0]));
            if times(a[1], r) == a[2] && times(a[2], r) == a[3] {
                return (vec![term(r, a[0])], true);
            }
        }
        let Some((r1, r2)) = two_terms(a) else { return (Vec::new(), false) };
        let certain = fourth.is_some_and(|fourth| {
            let (sum, product) = (add(r1, r2), times(r1, r2));
            fourth == sub(times(sum, a[3]), times(product, a[2]))
        });
        if fourth.is_some() && !certain {
            return (Vec::new(), false);
        }
        // From a_0 = d1 + d2 and a_1 = d1·r1 + d2·r2.
        let first = times(sub(a[1], times(a[0], r2)), inverse(sub(r1, r2)));
        (vec![term(r1, first), term(r2, sub(a[0], first))], certain)
    }
}

fn add(a: u64, b: u64) -> u64 {
    (a + b) % P
}

fn sub(a: u64, b: u64) -> u64 {
    (a + P - b) % P
}

fn times(a: u64, b: u64) -> u64 {
    a * b % P
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut product = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product = times(product, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    product
}

/// By Fermat's little theorem.
fn inverse(a: u64) -> u64 {
    power(a, P - 2)
}

/// A square root, if there is one: p is 3 mod 4.
fn root(a: u64) -> Option<u64> {
    let root = power(a, P.div_ceil(4));
    (times(root, root) == a).then_some(root)
}

/// The two r of `a_j = d1·r1^j + d2·r2^j`: the roots of `x² - (r1 + r2)·x + r1·r2`, whose coefficients the four sums give.
fn two_terms(a: [u64; 4]) -> Option<(u64, u64)> {
    let determinant = sub(times(a[1], a[1]), times(a[0], a[2]));
    if determinant == 0 {
        return None;
    }
    let over = inverse(determinant);
    let sum = times(sub(times(a[1], a[2]), times(a[0], a[3])), over);
    let product = times(sub(times(a[2], a[2]), times(a[1], a[3])), over);
    let half = inverse(2);
    let spread = root(sub(times(sum, sum), times(4, product)))?;
    let (r1, r2) = (times(add(sum, spread), half), times(sub(sum, spread), half));
    (r1 != r2).then_some((r1, r2))
}

impl Cells {
    /// Empty cells, `buckets` of them, for a key of so many integer columns (0: known by its hash).
    pub(super) fn new(buckets: u32, key_columns: usize) -> Self {
        let empty = Cell { keys: vec![0; key_columns], ..Cell::default() };
        Self { cells: vec![empty; buckets as usize], key_columns }
    }

    /// Takes the sums of a part in. A bucket that there is not is left out: `false`.
    pub(super) fn add(&mut self, bucket: u32, cell: &Cell) -> bool {
        let known = self.cells.get_mut(bucket as usize).filter(|_| cell.keys.len() == self.key_columns);
        known.map(|mine| mine.plus(cell)).is_some()
    }

    /// Rows, and the sums of both halves, of all buckets.
    pub(super) fn totals(&self) -> (u64, i128, i128) {
        self.cells.iter().fold((0, 0, 0), |(rows, s1, s2), cell| {
            (rows + cell.count.unsigned_abs(), s1.wrapping_add(cell.s1), s2.wrapping_add(cell.s2))
        })
    }

    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The buckets that differ. None: they are not of the same kind.
    pub(super) fn difference(&self, other: &Cells) -> Option<Vec<Rest>> {
        if self.cells.len() != other.cells.len() || self.key_columns != other.key_columns {
            return None;
        }
        let rests = self.cells.iter().zip(&other.cells).zip(0u32..).filter_map(|((mine, theirs), bucket)| {
            let rest = mine.minus(theirs);
            if rest.is_zero() {
                return None;
            }
            let (terms, certain) = rest.solve(bucket);
            Some(Rest { bucket, count: rest.count, keys: rest.keys, terms, certain })
        });
        Some(rests.collect())
    }

    /// As text: `cs1:` and base64 of the cells; runs of empty ones are written as their length.
    pub(super) fn encode(&self) -> String {
        let mut bytes = Vec::new();
        varint(&mut bytes, self.cells.len() as u128);
        varint(&mut bytes, self.key_columns as u128);
        let mut empty = 0u128;
        for cell in &self.cells {
            if cell.is_zero() {
                empty += 1;
                continue;
            }
            varint(&mut bytes, empty);
            empty = 0;
            varint(&mut bytes, zigzag(i128::from(cell.count)));
            varint(&mut bytes, zigzag(cell.s1));
            varint(&mut bytes, zigzag(cell.s2));
            cell.keys.iter().for_each(|key| varint(&mut bytes, zigzag(*key)));
            cell.powers.iter().for_each(|power| bytes.extend_from_slice(&power.to_le_bytes()));
        }
        varint(&mut bytes, empty);
        format!("{PREFIX}{}", base64::encode(&bytes))
    }

    /// Whether a text is of this form.
    pub(super) fn are_in(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads the text form.
    pub(super) fn decode(text: &str) -> Result<Cells, Unreadable> {
        let bytes = text.strip_prefix(PREFIX).and_then(base64::decode).ok_or(Unreadable)?;
        let mut bytes = bytes.as_slice();
        let mut small = |most: u128| {
            let value = read_varint(&mut bytes)?;
            if value <= most { Ok(value as usize) } else { Err(Unreadable) }
        };
        let (buckets, key_columns) = (small(1 << 20)?, small(KEY_COLUMNS as u128)?);
        let mut cells = Cells::new(u32::try_from(buckets).map_err(|_| Unreadable)?, key_columns);
        let mut at = 0usize;
        loop {
            let empty = usize::try_from(read_varint(&mut bytes)?).map_err(|_| Unreadable)?;
            at = buckets.min(at.saturating_add(empty));
            let Some(cell) = cells.cells.get_mut(at) else { break };
            cell.count = i64::try_from(unzigzag(read_varint(&mut bytes)?)).map_err(|_| Unreadable)?;
            cell.s1 = unzigzag(read_varint(&mut bytes)?);
            cell.s2 = unzigzag(read_varint(&mut bytes)?);
            for key in &mut cell.keys {
                *key = unzigzag(read_varint(&mut bytes)?);
            }
            for power in &mut cell.powers {
                let (four, rest) = bytes.split_first_chunk().ok_or(Unreadable)?;
                *power = u32::from_le_bytes(*four);
                bytes = rest;
            }
            at += 1;
        }
        if bytes.is_empty() { Ok(cells) } else { Err(Unreadable) }
    }
}

#[cfg(test)]
#[path = "cells_tests.rs"]
mod tests;
