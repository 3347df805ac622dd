//! Seeded randomness: SplitMix64 (Steele, Lea, Flood 2014). Small, fast, and the same on every machine.

use firedrill::ports::Random;
use std::sync::Mutex;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.next() % 1000 < chance
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let last = u64::try_from(of.len()).expect("fits") - 1;
        &of[usize::try_from(self.between(0, last)).expect("fits")]
    }
}

/// The engine's [`Random`] port over a seeded stream.
pub struct SimRandom(Mutex<Rng>);

impl SimRandom {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::new(seed)))
    }
}

impl Random for SimRandom {
    fn next(&self) -> u64 {
        self.0.lock().expect("not poisoned").next()
    }
}

#[test]
fn the_stream_is_splitmix64() {
    let mut rng = Rng::new(1_234_567);
    let first: Vec<u64> = (0..3).map(|_| rng.next()).collect();
    assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    assert!((0..1000).map(|_| rng.between(3, 5)).all(|n| (3..=5).contains(&n)));
}
