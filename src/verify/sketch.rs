//! Sums per bucket that name the rows that differ, from the stored baseline alone.
//!
//! An invertible Bloom lookup table (Goodrich and Mitzenmacher 2011), used to take the difference of two sets
//! (Eppstein, Goodrich, Uyeda and Varghese 2011). Each row is an element: its key and 64 bits of its hash. Each
//! element is added to three cells. Subtracting the sketches of the baseline and of the restored table leaves the
//! elements that are in one of them only; a cell that holds a single one of them gives it away by division, it is taken
//! out of its other two cells, and so on ("peeling").
//!
//! ```text
//!   cell      = count, Σ key, Σ row hash, Σ check       all of them sums, so the order of rows does not matter
//!   level 0   = 3 x 344 cells, every row                about 830 elements (a changed row is two) peel completely
//!   level 1-6 = 3 x 32 cells, one row in 16^level       so that an estimate and examples remain when level 0 is flooded
//! ```
//! No key is ever named on a guess: an element counts only if its sums divide without rest, its 64-bit check
//! (a hash of key and row together) agrees, and it belongs to the cell in which it was found.
//!
//! A changed row is an element of the baseline and another one, of the same key, of the restored table.

use super::{
    base64,
    fingerprint::Key,
    varint::{Unreadable, read_varint, unzigzag, varint, zigzag},
};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

const ELEMENT_SEED: u64 = u64::from_be_bytes(*b"fd1_loc1");
const PARTS: usize = 3;
const PART_CELLS: usize = 344;
const SAMPLE_PART_CELLS: usize = 32;
const SAMPLES: u32 = 6;
const SAMPLE_BITS: u32 = 4;
/// Of the text form.
const PREFIX: &str = "sk1:";

/// The sums of one set of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sketch {
    levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    count: i64,
    keys: i128,
    rows: i128,
    check: u64,
}

/// Key and row hash, in the form that is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    pub(crate) key: Key,
    pub(crate) row: u64,
}

/// Elements that are in one set only, with how often more: positive, in the first; negative, in the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) elements: Vec<(Element, i64)>,
    /// The part of all elements that was looked at: 0 all, n one in 16^n.
    pub(crate) level: u32,
}

impl Difference {
    /// By how much to multiply what was found.
    pub(crate) fn scale(&self) -> u64 {
        1 << (SAMPLE_BITS * self.level)
    }
}

impl Default for Sketch {
    fn default() -> Self {
        let level = |part: usize| Level { cells: vec![Cell::default(); PARTS * part] };
        let sampled = (0..SAMPLES).map(|_| level(SAMPLE_PART_CELLS));
        Self { levels: std::iter::once(level(PART_CELLS)).chain(sampled).collect() }
    }
}

/// Where an element goes.
struct Hashed {
    check: u64,
    places: u64,
}

impl Element {
    fn hashed(self) -> Hashed {
        let (tag, key) = match self.key {
            Key::Integer(key) => (0, key),
            Key::Hashed(key) => (1, key),
        };
        let mut bytes = [tag; 17];
        bytes[1..9].copy_from_slice(&key.to_le_bytes());
        bytes[9..].copy_from_slice(&self.row.to_le_bytes());
        let hash = xxh3_128_with_seed(&bytes, ELEMENT_SEED);
        Hashed { check: hash as u64, places: (hash >> 64) as u64 }
    }
}

impl Hashed {
    /// The cells of a level that has so many in each part: one in each part.
    fn cells(&self, part_cells: usize) -> [usize; PARTS] {
        let within = |shift: u32| {
            let bits = (self.places >> shift) & 0x1f_ffff;
            ((bits * part_cells as u64) >> 21) as usize
        };
        [within(0), part_cells + within(21), 2 * part_cells + within(42)]
    }

    /// The last level that it belongs to.
    fn last_level(&self) -> u32 {
        (self.check.trailing_zeros() / SAMPLE_BITS).min(SAMPLES)
    }
}

impl Cell {
    fn add(&mut self, element: Element, check: u64, times: i64) {
        let key = match element.key {
            Key::Integer(key) | Key::Hashed(key) => key,
        };
        self.count = self.count.wrapping_add(times);
        self.keys = self.keys.wrapping_add(i128::from(key).wrapping_mul(i128::from(times)));
        self.rows = self.rows.wrapping_add(i128::from(element.row).wrapping_mul(i128::from(times)));
        self.check = self.check.wrapping_add(check.wrapping_mul(times as u64));
    }

    fn plus(&mut self, other: &Cell) {
        self.count = self.count.wrapping_add(other.count);
        self.keys = self.keys.wrapping_add(other.keys);
        self.rows = self.rows.wrapping_add(other.rows);
        self.check = self.check.wrapping_add(other.check);
    }

    fn minus(&self, other: &Cell) -> Cell {
        Cell {
            count: self.count.wrapping_sub(other.count),
            keys: self.keys.wrapping_sub(other.keys),
            rows: self.rows.wrapping_sub(other.rows),
            check: self.check.wrapping_sub(other.check),
        }
    }

    /// The one element in it, if it can be nothing else.
    fn single(&self, at: usize, level: u32, part_cells: usize) -> Option<(Element, Hashed)> {
        let times = i128::from(self.count);
        let even = |sum: i128| (times != 0 && sum.checked_rem(times) == Some(0)).then(|| sum / times);
        let key = i64::try_from(even(self.keys)?).ok()?;
        let row = u64::try_from(even(self.rows)?).ok()?;
        [Key::Integer(key), Key::Hashed(key)].into_iter().find_map(|key| {
            let element = Element { key, row };
            let hashed = element.hashed();
            let fits = hashed.check.wrapping_mul(self.count as u64) == self.check
                && hashed.last_level() >= level
                && hashed.cells(part_cells).contains(&at);
            fits.then_some((element, hashed))
        })
    }
}

impl Level {
    fn part_cells(&self) -> usize {
        self.cells.len() / PARTS
    }

    /// Takes single elements out until nothing is left (then they are all), or nothing more can be taken out.
    fn peel(mut self, level: u32) -> Result<BTreeMap<Element, i64>, BTreeMap<Element, i64>> {
        let part = self.part_cells();
        let mut found: BTreeMap<Element, i64> = BTreeMap::new();
        let mut queue: Vec<usize> = (0..self.cells.len()).collect();
        // Honest sums end long before; damaged ones might feed each other for ever.
        let mut left = 4 * self.cells.len();
        while let Some(at) = queue.pop() {
            let Some((element, hashed)) = self.cells[at].single(at, level, part) else { continue };
            if left == 0 {
                return Err(found);
            }
            left -= 1;
            let times = self.cells[at].count;
            *found.entry(element).or_default() += times;
            for other in hashed.cells(part) {
                self.cells[other].add(element, hashed.check, times.wrapping_neg());
                queue.push(other);
            }
        }
        found.retain(|_, times| *times != 0);
        if self.cells.iter().all(|cell| *cell == Cell::default()) { Ok(found) } else { Err(found) }
    }
}

impl Sketch {
    /// Counts a row.
    pub(crate) fn add(&mut self, key: Key, row: u64) {
        let element = Element { key, row };
        let hashed = element.hashed();
        for level in 0..=hashed.last_level() as usize {
            let part = if level == 0 { PART_CELLS } else { SAMPLE_PART_CELLS };
            let cells = &mut self.levels[level].cells;
            for at in hashed.cells(part) {
                cells[at].add(element, hashed.check, 1);
            }
        }
    }

    /// Takes the rows of another part in.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.levels.iter_mut().zip(&other.levels) {
            for (mine, theirs) in mine.cells.iter_mut().zip(&theirs.cells) {
                mine.plus(theirs);
            }
        }
    }

    /// What is in one only. `None`: more differ than even the thinnest sample can tell.
    pub(crate) fn difference(&self, other: &Sketch) -> Option<Difference> {
        self.levels.iter().zip(&other.levels).zip(0..).find_map(|((a, b), level)| {
            let cells = a.cells.iter().zip(&b.cells).map(|(a, b)| a.minus(b)).collect();
            let elements = Level { cells }.peel(level).ok()?;
            Some(Difference { elements: elements.into_iter().collect(), level })
        })
    }

    /// As text: `sk1:` and base64 of the levels. Of each, runs of empty cells are written as their length.
    pub(crate) fn encode(&self) -> String {
        let mut bytes = Vec::new();
        for level in &self.levels {
            let mut empty = 0u64;
            for cell in &level.cells {
                if *cell == Cell::default() {
                    empty += 1;
                    continue;
                }
                varint(&mut bytes, u128::from(empty));
                empty = 0;
                varint(&mut bytes, zigzag(i128::from(cell.count)));
                varint(&mut bytes, zigzag(cell.keys));
                varint(&mut bytes, zigzag(cell.rows));
                bytes.extend_from_slice(&cell.check.to_le_bytes());
            }
            varint(&mut bytes, u128::from(empty));
        }
        format!("{PREFIX}{}", base64::encode(&bytes))
    }

    /// Reads the text form.
    pub(crate) fn decode(text: &str) -> Result<Sketch, Unreadable> {
        let bytes = text.strip_prefix(PREFIX).and_then(base64::decode).ok_or(Unreadable)?;
        let mut bytes = bytes.as_slice();
        let mut sketch = Sketch::default();
        for level in &mut sketch.levels {
            let mut at = 0usize;
            loop {
                let empty = usize::try_from(read_varint(&mut bytes)?).map_err(|_| Unreadable)?;
                at = level.cells.len().min(at.saturating_add(empty));
                let Some(cell) = level.cells.get_mut(at) else { break };
                cell.count = i64::try_from(unzigzag(read_varint(&mut bytes)?)).map_err(|_| Unreadable)?;
                cell.keys = unzigzag(read_varint(&mut bytes)?);
                cell.rows = unzigzag(read_varint(&mut bytes)?);
                let (check, rest) = bytes.split_first_chunk().ok_or(Unreadable)?;
                cell.check = u64::from_le_bytes(*check);
                bytes = rest;
                at += 1;
            }
        }
        if bytes.is_empty() { Ok(sketch) } else { Err(Unreadable) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use std::collections::BTreeSet;

    fn sketch(elements: impl IntoIterator<Item = (Key, u64)>) -> Sketch {
        let mut sketch = Sketch::default();
        elements.into_iter().for_each(|(key, row)| sketch.add(key, row));
        sketch
    }

    /// A cheap hash for tests: rows as they might be.
    fn row(key: i64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes())
    }

    fn table(rows: i64) -> impl Iterator<Item = (Key, u64)> {
        (0..rows).map(|key| (Key::Integer(key), row(key)))
    }

    #[test]
    fn equal_sets_leave_nothing() {
        let difference = sketch(table(5000)).difference(&sketch(table(5000))).expect("decodes");
        assert_eq!(difference, Difference { elements: Vec::new(), level: 0 });
    }

    #[test]
    fn four_hundred_changed_rows_are_all_named() {
        let other = table(20_000).map(|(key, row)| match key {
            Key::Integer(k) if k % 50 == 7 => (key, row ^ 1),
            _ => (key, row),
        });
        let difference = sketch(table(20_000)).difference(&sketch(other)).expect("decodes");
        assert_eq!(difference.level, 0);
        let keys: BTreeSet<Key> = difference.elements.iter().map(|(element, _)| element.key).collect();
        let wanted: BTreeSet<Key> = (0..20_000).filter(|k| k % 50 == 7).map(Key::Integer).collect();
        assert_eq!(keys, wanted);
        assert_eq!(difference.elements.len(), 800);
    }

    #[test]
    fn a_flood_leaves_an_estimate_and_true_examples() {
        let other = table(60_000).map(|(key, row)| (key, row.rotate_left(1)));
        let difference = sketch(table(60_000)).difference(&sketch(other)).expect("a sample decodes");
        assert!(difference.level > 0);
        let gone: i64 = difference.elements.iter().map(|(_, times)| times.max(&0)).sum();
        let estimate = gone as u64 * difference.scale();
        assert!((20_000..180_000).contains(&estimate), "{estimate}");
        for (element, times) in difference.elements {
            let Key::Integer(key) = element.key else { panic!("a key that nobody had: {element:?}") };
            let wanted = if times > 0 { row(key) } else { row(key).rotate_left(1) };
            assert_eq!((element.row, times.abs()), (wanted, 1));
        }
    }

    #[test]
    fn duplicates_are_counted() {
        let twice = [(Key::Hashed(5), 9), (Key::Hashed(5), 9), (Key::Hashed(6), 1)];
        let difference = sketch(twice).difference(&sketch([(Key::Hashed(6), 1)])).expect("decodes");
        assert_eq!(difference.elements, [(Element { key: Key::Hashed(5), row: 9 }, 2)]);
    }

    #[test]
    fn text_that_is_no_sketch_is_refused() {
        let good = sketch(table(10)).encode();
        for bad in ["", "sk1", "sk1:", "sk2:AAAA", "sk1:?", &good[..good.len() - 3], &format!("{good}AAAA")] {
            assert_eq!(Sketch::decode(bad), Err(Unreadable), "{bad:.20}");
        }
    }

    #[test]
    fn an_empty_sketch_is_short() {
        assert!(Sketch::default().encode().len() < 32);
        assert!(sketch(table(200_000)).encode().len() < 70_000);
    }

    fn element() -> impl Strategy<Value = (Key, u64)> {
        let key = prop_oneof![
            any::<i64>().prop_map(Key::Integer),
            (-50i64..50).prop_map(Key::Integer),
            any::<i64>().prop_map(Key::Hashed),
            (-50i64..50).prop_map(Key::Hashed),
        ];
        (key, prop_oneof![any::<u64>(), 0u64..5])
    }

    fn counts(elements: &[(Key, u64)], sign: i64, into: &mut BTreeMap<Element, i64>) {
        for (key, row) in elements {
            *into.entry(Element { key: *key, row: *row }).or_default() += sign;
        }
    }

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(1000))]

        /// Whatever the sets, what is named is exactly what differs.
        #[test]
        fn exactly_the_difference_is_named(
            common in prop::collection::vec(element(), 0..40),
            mine in prop::collection::vec(element(), 0..12),
            theirs in prop::collection::vec(element(), 0..12),
        ) {
            let a = sketch(common.iter().chain(&mine).copied());
            let b = sketch(common.iter().chain(&theirs).copied());
            let mut wanted = BTreeMap::new();
            counts(&mine, 1, &mut wanted);
            counts(&theirs, -1, &mut wanted);
            wanted.retain(|_, times| *times != 0);
            let difference = a.difference(&b);
            prop_assert!(difference.is_some());
            let difference = difference.unwrap();
            // Three equal places of two elements block each other about once in 344^3.
            if difference.level == 0 {
                prop_assert_eq!(difference.elements, wanted.into_iter().collect::<Vec<_>>());
            }
        }

        /// However many differ, nothing is named that does not.
        #[test]
        fn no_false_key_is_named(seed in any::<u64>(), changed in 1usize..1500) {
            let keys: Vec<i64> = (0..1500).map(|i| row(i ^ seed as i64) as i64).collect();
            let a = sketch(keys.iter().map(|k| (Key::Integer(*k), row(*k))));
            let b = sketch(keys.iter().enumerate().map(|(i, k)| {
                (Key::Integer(*k), if i < changed { !row(*k) } else { row(*k) })
            }));
            let truth: BTreeSet<i64> = keys[..changed].iter().copied().collect();
            let difference = a.difference(&b);
            prop_assert!(difference.is_some());
            let difference = difference.unwrap();
            // Two elements of 600 lie in the same three cells, and block the others, in about one case of 230.
            if difference.level == 0 {
                prop_assert_eq!(difference.elements.len(), 2 * changed);
            } else {
                prop_assert!(changed > 30, "so few are told apart");
            }
            for (element, times) in difference.elements {
                let Key::Integer(key) = element.key else { panic!("a key that nobody had") };
                prop_assert!(truth.contains(&key));
                prop_assert_eq!(times.abs(), 1);
            }
        }

        #[test]
        fn the_text_form_keeps_everything(elements in prop::collection::vec(element(), 0..50)) {
            let sketch = sketch(elements);
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }

        /// A damaged or hostile baseline never makes the peeling hang or panic.
        #[test]
        fn damaged_sums_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(sketch) = Sketch::decode(&format!("sk1:{}", base64::encode(&bytes))) {
                let _ = sketch.difference(&Sketch::default());
            }
        }
    }
}
