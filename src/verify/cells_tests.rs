use super::*;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

const B: u32 = 64;

/// A row as the database would sum it: an integer key and two halves of a hash.
fn mix(x: u64, seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(&x.to_le_bytes(), seed)
}

fn cell(key: i64, content: u64, summed: bool) -> (u32, Cell) {
    let (g1, g2) = (
        mix(key as u64 ^ content.rotate_left(32), 1) as i64,
        mix(key as u64 ^ content.rotate_left(32), 2) as i64,
    );
    let w = u64::from(modulo(i128::from(g1)));
    let r = if summed { (key as u64) & P } else { mix(key as u64, 9) & P };
    let powers = [1, 2, 3, 4].map(|j| times(w, power(r, j)) as u32);
    let cell = Cell {
        count: 1,
        s1: i128::from(g1),
        s2: i128::from(g2),
        keys: if summed { vec![i128::from(key)] } else { Vec::new() },
        powers: if summed { [powers[0], powers[1], powers[2], 0] } else { powers },
    };
    ((mix(key as u64, 7) % u64::from(B)) as u32, cell)
}

fn table(rows: impl IntoIterator<Item = (i64, u64)>, summed: bool) -> Cells {
    let mut cells = Cells::new(B, usize::from(summed));
    for (key, content) in rows {
        let (bucket, cell) = cell(key, content, summed);
        assert!(cells.add(bucket, &cell));
    }
    cells
}

fn r_of(key: i64, summed: bool) -> u32 {
    (if summed { (key as u64) & P } else { mix(key as u64, 9) & P }) as u32
}

#[test]
fn equal_tables_leave_nothing() {
    let rows = || (0..5000).map(|key| (key, 3));
    assert_eq!(table(rows(), true).difference(&table(rows().rev_sorted(), true)), Some(Vec::new()));
}

trait RevSorted: Iterator<Item = (i64, u64)> + Sized {
    fn rev_sorted(self) -> Vec<(i64, u64)> {
        let mut all: Vec<_> = self.collect();
        all.reverse();
        all
    }
}
impl<I: Iterator<Item = (i64, u64)>> RevSorted for I {}

#[test]
fn a_text_that_holds_no_cells_is_refused() {
    let good = table((0..40).map(|key| (key, 1)), true).encode();
    assert_eq!(Cells::decode(&good), Ok(table((0..40).map(|key| (key, 1)), true)));
    for bad in ["", "cs1:", "sk1:AAAA", &good[..good.len() - 5], &format!("{good}AAAA")] {
        assert!(Cells::decode(bad).is_err(), "{bad:.20}");
    }
}

#[test]
fn other_kinds_are_not_compared() {
    assert_eq!(Cells::new(64, 1).difference(&Cells::new(128, 1)), None);
    assert_eq!(Cells::new(64, 1).difference(&Cells::new(64, 0)), None);
}

#[test]
fn three_rows_in_one_bucket_are_not_guessed_where_keys_are_hashed() {
    // Without a sum of keys the fourth power sum must agree: a wrong pair passes once in 2^31.
    let mut guessed = 0;
    for start in 0..3000i64 {
        let rows: Vec<i64> = (start * 10_000..).filter(|key| cell(*key, 0, false).0 == 5).take(3).collect();
        let was = table(rows.iter().map(|key| (*key, 1)), false);
        let is = table(rows.iter().map(|key| (*key, 2)), false);
        let rests = was.difference(&is).expect("comparable");
        guessed += rests.iter().filter(|rest| !rest.terms.is_empty()).count();
    }
    assert_eq!(guessed, 0);
}

fn keys() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::btree_set(0..i64::from(i32::MAX) - 1, 1..4).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #[test]
    fn one_or_two_rows_in_a_bucket_are_found(keys in keys(), how in prop::collection::vec(0..3u8, 4), summed in any::<bool>()) {
        let base: Vec<(i64, u64)> = (0..300).map(|key| (key * 7_000_001 % 2_000_000_000, 1)).collect();
        let mut was = base.clone();
        let mut is = base;
        was.retain(|(key, _)| !keys.contains(key));
        is.retain(|(key, _)| !keys.contains(key));
        for (key, how) in keys.iter().zip(&how) {
            match how {
                0 => { was.push((*key, 1)); is.push((*key, 2)); }
                1 => was.push((*key, 1)),
                _ => is.push((*key, 1)),
            }
        }
        let rests = table(was, summed).difference(&table(is, summed)).expect("comparable");
        for rest in rests {
            let here: Vec<u32> = keys.iter().filter(|key| cell(**key, 0, summed).0 == rest.bucket).map(|key| r_of(*key, summed)).collect();
            prop_assert!(!here.is_empty());
            if here.len() <= 2 {
                let mut found: Vec<u32> = rest.terms.iter().map(|term| term.element.r).collect();
                let mut wanted = here.clone();
                found.sort_unstable();
                wanted.sort_unstable();
                prop_assert_eq!(found, wanted);
            }
        }
    }

    #[test]
    fn parts_can_be_added_in_any_order(cut in 0usize..200) {
        let rows: Vec<(i64, u64)> = (0..200).map(|key| (key, 5)).collect();
        let mut whole = Cells::new(B, 1);
        for (key, content) in rows[cut..].iter().chain(&rows[..cut]) {
            let (bucket, cell) = cell(*key, *content, true);
            whole.add(bucket, &cell);
        }
        prop_assert_eq!(&whole, &table(rows, true));
        prop_assert_eq!(Cells::decode(&whole.encode()), Ok(whole));
    }
}
