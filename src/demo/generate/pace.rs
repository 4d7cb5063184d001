//! The pace of delivery: as fast as possible, or each record when the wall clock reaches its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::telemetry::wall_clock_ms;

/// The longest sleep between two checks of the stop flag.
const NAP: Duration = Duration::from_millis(100);

/// As fast as possible, or by the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPace {
    real_time: bool,
}

impl DeliveryPace {
    #[must_use]
    pub fn new(real_time: bool) -> Self {
        DeliveryPace { real_time }
    }

    /// Sleeps until `at_ms`. Returns false if `stop` was set in the meantime.
    pub fn wait_until(self, at_ms: i64, stop: &AtomicBool) -> bool {
        if !self.real_time {
            return true;
        }
        loop {
            let left_ms = u64::try_from(at_ms - wall_clock_ms()).unwrap_or(0);
            if left_ms == 0 {
                return true;
            }
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(left_ms).min(NAP));
        }
    }
}
