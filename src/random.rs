//! Randomness, from the system alone.

/// The system's source of randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl crate::ports::Random for SystemRandom {
    fn next(&self) -> u64 {
        // Where the system has no randomness to give, the time will do: ids must differ, they guard nothing.
        getrandom::u64().unwrap_or_else(|_| {
            let reading = crate::time::SystemClock::read();
            let nanos = u64::try_from(reading.monotonic.as_nanos()).unwrap_or(u64::MAX);
            nanos ^ u64::try_from(reading.wall.as_millis()).unwrap_or(0).rotate_left(32)
        })
    }
}
