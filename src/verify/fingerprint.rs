//! The arithmetic of fingerprints: pure, and described so that another program can reproduce it.
//!
//! # `fd1-xxh3-128`
//!
//! ```text
//! row    = for each column, in order:   NULL     00
//!                                       integer  01  i64, little endian
//!                                       real     02  IEEE 754 bits, little endian; every NaN as 7ff8000000000000
//!                                       text     03  u64 length in bytes, little endian; UTF-8
//!                                       blob     04  u64 length in bytes, little endian; the bytes
//! h(row) = XXH3-128(row, seed 6664315f726f7731)                               "fd1_row1"
//! sum    = Σ h(row) mod 2^128          a row that occurs n times counts n times
//! head   = text("fd1-xxh3-128"), for each column text(name) text(declared type)    coded as above, tag included
//! digest = XXH3-128(head, rows as u64, sum as u128, little endian; seed 6664315f64696731)      "fd1_dig1"
//! ```
//! written as `fd1-xxh3-128:` and 32 hexadecimal digits, most significant first.
//!
//! Rows are summed, so their order does not matter and the work can be split. A sum, not XOR: a row that occurs
//! twice must not cancel itself out. Types are tagged and lengths are written, so 1, 1.0 and '1' differ, NULL and
//! '' differ, 'ab','c' and 'a','bc' differ; -0.0 and 0.0 differ because their bits do.
//!
//! What it proves: two tables that differ by accident (a bit, a row, a swap) have equal digests with a chance of about
//! 2^-128. What it does not: it is no defence against someone who builds rows so that the digests agree.
//! XXH3 has no secret key, and sums of 128 bits can be forged with effort far below 2^64.
//!
//! Columns of SQLite: a NaN is stored as NULL by SQLite itself, so the two can't be told apart there. A real in a
//! column of REAL affinity loses the sign of -0.0 when it is stored.

use super::{TableFingerprint, sketch::Sketch};
use crate::ids::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The id of the algorithm described above.
pub const ALGORITHM: &str = "fd1-xxh3-128";

const ROW_SEED: u64 = u64::from_be_bytes(*b"fd1_row1");
const KEY_SEED: u64 = u64::from_be_bytes(*b"fd1_key1");
const DIGEST_SEED: u64 = u64::from_be_bytes(*b"fd1_dig1");

/// Values in their canonical bytes. Used again for each row, so that a row costs no allocation.
#[derive(Debug, Default, Clone)]
pub(crate) struct RowBytes(Vec<u8>);

/// A row or a key that is longer than this does not keep its buffer.
const KEPT_BYTES: usize = 1 << 20;

impl RowBytes {
    /// Forgets the values.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
        if self.0.capacity() > KEPT_BYTES {
            self.0 = Vec::new();
        }
    }

    pub(crate) fn null(&mut self) {
        self.0.push(0);
    }

    pub(crate) fn integer(&mut self, value: i64) {
        self.fixed(1, value.to_le_bytes());
    }

    pub(crate) fn real(&mut self, value: f64) {
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        self.fixed(2, bits.to_le_bytes());
    }

    pub(crate) fn text(&mut self, utf8: &[u8]) {
        self.sized(3, utf8);
    }

    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.sized(4, bytes);
    }

    fn fixed(&mut self, tag: u8, bytes: [u8; 8]) {
        let mut coded = [tag; 9];
        coded[1..].copy_from_slice(&bytes);
        self.0.extend_from_slice(&coded);
    }

    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        self.fixed(tag, (bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// The hash of a row.
    pub(crate) fn row_hash(&self) -> u128 {
        xxh3_128_with_seed(&self.0, ROW_SEED)
    }

    /// The SHA-256 of a row, in four parts.
    pub(crate) fn sha256(&self) -> [u64; 4] {
        let digest = Sha256::digest(&self.0);
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        words
    }

    /// The hash of a key that is not one integer.
    pub(crate) fn key(&self) -> Key {
        Key::Hashed(low(xxh3_128_with_seed(&self.0, KEY_SEED)) as i64)
    }
}

/// What a row is known by: a primary key of one integer as it is, any other key by its hash. A row of a table
/// without a key is known by its own hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Integer(i64),
    Hashed(i64),
}

impl Key {
    /// For a row that has no key.
    pub(crate) fn of_row(hash: u128) -> Self {
        Key::Hashed((hash >> 64) as u64 as i64)
    }
}

/// The low half of a hash.
pub(crate) fn low(hash: u128) -> u64 {
    hash as u64
}

/// The sums over the rows seen so far. Tallies of parts of a table can be merged in any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    sum: u128,
    sketch: Sketch,
}

impl Tally {
    /// Counts a row.
    pub(crate) fn add(&mut self, hash: u128, key: Key) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
        self.sketch.add(key, low(hash));
    }

    /// Takes the rows of another part in.
    pub(crate) fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
        self.sketch.merge(&other.sketch);
    }

    /// The fingerprint of all that was counted.
    pub(crate) fn finish(
        &self,
        table: &str,
        columns: Vec<(String, String)>,
        key: Vec<String>,
    ) -> TableFingerprint {
        let digest = digest(&columns, self.rows, self.sum);
        TableFingerprint {
            table: table.to_owned(),
            algorithm: ALGORITHM.to_owned(),
            columns,
            key,
            rows: self.rows,
            digest: format!("{digest:032x}"),
            buckets: self.sketch.encode(),
            condition: String::new(),
            changed: None,
        }
    }
}

fn digest(columns: &[(String, String)], rows: u64, sum: u128) -> u128 {
    let mut head = Head { algorithm: ALGORITHM, columns }.bytes();
    head.0.extend_from_slice(&rows.to_le_bytes());
    head.0.extend_from_slice(&sum.to_le_bytes());
    xxh3_128_with_seed(&head.0, DIGEST_SEED)
}

/// What belongs to a digest beside the rows: the algorithm, and the columns with their types.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) algorithm: &'static str,
    pub(crate) columns: &'a [(String, String)],
}

impl Head<'_> {
    fn bytes(&self) -> RowBytes {
        let mut head = RowBytes::default();
        head.text(self.algorithm.as_bytes());
        for (name, kind) in self.columns {
            head.text(name.as_bytes());
            head.text(kind.as_bytes());
        }
        head
    }

    /// Of the sums of two 64-bit halves of each row's hash: 128 bits, hexadecimal.
    pub(crate) fn digest(&self, rows: u64, half1: i128, half2: i128) -> String {
        let mut head = self.bytes();
        head.0.extend_from_slice(&rows.to_le_bytes());
        head.0.extend_from_slice(&half1.to_le_bytes());
        head.0.extend_from_slice(&half2.to_le_bytes());
        format!("{:032x}", xxh3_128_with_seed(&head.0, DIGEST_SEED))
    }

    /// SHA-256 over head, rows, buckets, and of each bucket its number, count, and the SHA-256 of its rows' SHA-256 in order.
    pub(crate) fn strong_digest(
        &self,
        rows: u64,
        buckets: u32,
        each: &BTreeMap<u32, (i64, String)>,
    ) -> String {
        let mut head = self.bytes();
        head.0.extend_from_slice(&rows.to_le_bytes());
        head.0.extend_from_slice(&buckets.to_le_bytes());
        for (bucket, (count, digest)) in each {
            head.0.extend_from_slice(&bucket.to_le_bytes());
            head.0.extend_from_slice(&count.to_le_bytes());
            head.text(digest.as_bytes());
        }
        Digest::of(&head.0).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{
        Just, Strategy, any, prop, prop_assert_eq, prop_assert_ne, prop_oneof, proptest,
    };

    #[derive(Debug, Clone, PartialEq)]
    enum V {
        Null,
        Integer(i64),
        Real(u64),
        Text(String),
        Blob(Vec<u8>),
    }

    fn encode(row: &[V]) -> RowBytes {
        let mut bytes = RowBytes::default();
        for value in row {
            match value {
                V::Null => bytes.null(),
                V::Integer(i) => bytes.integer(*i),
                V::Real(bits) => bytes.real(f64::from_bits(*bits)),
                V::Text(text) => bytes.text(text.as_bytes()),
                V::Blob(blob) => bytes.blob(blob),
            }
        }
        bytes
    }

    fn tally(rows: &[Vec<V>]) -> Tally {
        let mut tally = Tally::default();
        for row in rows {
            let hash = encode(row).row_hash();
            tally.add(hash, Key::of_row(hash));
        }
        tally
    }

    fn digest_of(rows: &[Vec<V>]) -> String {
        tally(rows).finish("t", vec![("a".into(), String::new())], Vec::new()).digest
    }

    fn real(value: f64) -> V {
        V::Real(value.to_bits())
    }

    #[test]
    fn look_alikes_differ() {
        let text = |t: &str| V::Text(t.into());
        let rows = [
            vec![V::Null],
            vec![],
            vec![V::Null, V::Null],
            vec![text("")],
            vec![V::Blob(vec![])],
            vec![text("1")],
            vec![V::Integer(1)],
            vec![real(1.0)],
            vec![V::Blob(b"1".to_vec())],
            vec![V::Integer(9_007_199_254_740_993)],
            vec![real(9_007_199_254_740_992.0)],
            vec![V::Integer(9_007_199_254_740_992)],
            vec![real(0.0)],
            vec![real(-0.0)],
            vec![V::Integer(0)],
            vec![real(f64::NAN)],
            vec![real(f64::INFINITY)],
            vec![real(f64::NEG_INFINITY)],
            vec![text("ab"), text("c")],
            vec![text("a"), text("bc")],
            vec![text("abc")],
            vec![text("a\0")],
            vec![text("a")],
            vec![V::Integer(1), V::Integer(2)],
            vec![V::Integer(2), V::Integer(1)],
        ];
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate() {
                let equal = digest_of(std::slice::from_ref(a)) == digest_of(std::slice::from_ref(b));
                assert_eq!(equal, i == j, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn every_nan_is_one_nan() {
        let payload = f64::from_bits(0xfff8_0000_0000_1234);
        assert!(payload.is_nan());
        assert_eq!(digest_of(&[vec![real(f64::NAN)]]), digest_of(&[vec![real(payload)]]));
        assert_ne!(digest_of(&[vec![real(f64::NAN)]]), digest_of(&[vec![V::Null]]));
    }

    #[test]
    fn duplicates_do_not_cancel_out() {
        let row = vec![V::Integer(7)];
        let digests: Vec<String> = (0..5)
            .map(|times| digest_of(&std::iter::repeat_n(row.clone(), times).collect::<Vec<_>>()))
            .collect();
        for (i, a) in digests.iter().enumerate() {
            assert!(digests[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn names_and_types_of_columns_belong_to_the_digest() {
        let tally = tally(&[vec![V::Integer(1)]]);
        let with =
            |name: &str, kind: &str| tally.finish("t", vec![(name.into(), kind.into())], Vec::new()).digest;
        assert_ne!(with("a", "TEXT"), with("b", "TEXT"));
        assert_ne!(with("a", "TEXT"), with("a", "INTEGER"));
        assert_ne!(with("a", "b"), with("ab", ""));
    }

    /// Stored baselines must stay comparable: this digest may never change under this algorithm id.
    #[test]
    fn the_algorithm_is_pinned() {
        let rows = [
            vec![V::Integer(1), V::Text("Zoë".into()), V::Null, real(-0.0), V::Blob(vec![0, 255])],
            vec![V::Integer(i64::MIN), V::Text(String::new()), V::Null, real(1.5), V::Blob(vec![])],
        ];
        assert_eq!(format!("{:032x}", encode(&rows[0]).row_hash()), "183e06cb47bfb28d7c253253d4a32f96");
        assert_eq!(digest_of(&rows), "a9b2efe9c4abee75bfdfb686d91089bc");
    }

    fn value() -> impl Strategy<Value = V> {
        prop_oneof![
            Just(V::Null),
            any::<i64>().prop_map(V::Integer),
            (-3i64..3).prop_map(V::Integer),
            any::<f64>().prop_map(|f| V::Real(f.to_bits())),
            Just(V::Real((-0.0f64).to_bits())),
            "[a-b]{0,2}".prop_map(V::Text),
            any::<String>().prop_map(V::Text),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(V::Blob),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<V>>> {
        (1usize..4).prop_flat_map(|width| prop::collection::vec(prop::collection::vec(value(), width), 1..20))
    }

    proptest! {
        #[test]
        fn order_and_splitting_do_not_matter(rows in rows(), cut in any::<prop::sample::Index>(), turn in any::<prop::sample::Index>()) {
            let mut other = rows.clone();
            other.rotate_left(turn.index(rows.len()));
            other.reverse();
            prop_assert_eq!(digest_of(&rows), digest_of(&other));
            let (left, right) = rows.split_at(cut.index(rows.len()));
            let mut merged = tally(right);
            merged.merge(&tally(left));
            let whole = tally(&rows).finish("t", Vec::new(), Vec::new());
            prop_assert_eq!(merged.finish("t", Vec::new(), Vec::new()), whole);
        }

        #[test]
        fn any_single_change_shows(rows in rows(), at in any::<prop::sample::Index>(), column in any::<prop::sample::Index>(), new in value(), how in 0..4) {
            let mut other = rows.clone();
            let at = at.index(rows.len());
            match how {
                0 => { let column = column.index(rows[at].len()); other[at][column] = new; }
                1 => { other.remove(at); }
                2 => other.push(rows[at].clone()),
                _ => other[at].rotate_left(1),
            }
            let key = |row: &Vec<V>| encode(row).0;
            let sorted = |rows: &[Vec<V>]| { let mut keys: Vec<_> = rows.iter().map(key).collect(); keys.sort(); keys };
            if sorted(&rows) == sorted(&other) {
                prop_assert_eq!(digest_of(&rows), digest_of(&other));
            } else {
                prop_assert_ne!(digest_of(&rows), digest_of(&other));
            }
        }
    }
}
