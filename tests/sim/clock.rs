//! The clock port over the runtime's paused time. The wall clock jumps where the scenario says so.

use super::hub::Hub;
use async_trait::async_trait;
use firedrill::{
    ports::Clock,
    time::{Period, Reading},
};
use std::{sync::Arc, time::Duration};

/// One process's clocks: its monotonic clock starts when it does.
pub struct SimClock {
    hub: Arc<Hub>,
    born: u64,
}

impl SimClock {
    pub fn new(hub: Arc<Hub>) -> Self {
        let born = hub.now();
        Self { hub, born }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn read(&self) -> Reading {
        Reading {
            wall: self.hub.wall(),
            monotonic: Duration::from_millis(self.hub.now().saturating_sub(self.born)),
        }
    }

    async fn sleep(&self, period: Period) {
        tokio::time::sleep(period.to_std()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_jumps_and_the_monotonic_one_does_not() {
    let hub = Hub::new(1, super::hub::Weather::default(), vec![(5_000, -60_000)], false);
    let clock = SimClock::new(hub);
    let before = clock.read();
    clock.sleep(Period::from_secs(6)).await;
    let after = clock.read();
    assert_eq!(after.monotonic - before.monotonic, Duration::from_secs(6));
    assert_eq!(after.wall.as_millis() - before.wall.as_millis(), 6_000 - 60_000);
}
