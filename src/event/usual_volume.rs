//! What an agent usually does in one metric, as it is told to the agents of its type.

use serde::{Deserialize, Serialize};

use super::Text;

/// Metrics of one agent in a notice.
pub const USUAL_VOLUMES_MAX: usize = 32;
/// Steps of an octave.
const STEPS_PER_OCTAVE: f64 = 256.0;
/// The greatest octave, and the least one below one.
const OCTAVES: i32 = 120;

/// What an agent usually does in one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualVolume {
    pub metric: Text,
    /// Length of its panes.
    pub pane_ms: i64,
    /// The share of panes with something in them, above 0.
    pub active: LogNumber,
    /// The sums over a pane, an hour and half a day.
    pub sums: [UsualSum; 3],
}

/// Mean and variance of the sums over one length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsualSum {
    pub mean: LogNumber,
    pub variance: LogNumber,
}

/// A positive number by its logarithm to the base 2, in steps of 1/256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct LogNumber(i32);

impl UsualSum {
    /// Whether both numbers are valid.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.mean.is_valid() && self.variance.is_valid()
    }
}

impl LogNumber {
    /// The nearest step to a number; the least one for what is not positive.
    #[must_use]
    pub fn of(number: f64) -> Self {
        let octaves = match number > 0.0 {
            true => number.log2().clamp(f64::from(-OCTAVES), f64::from(OCTAVES)),
            false => f64::from(-OCTAVES),
        };
        LogNumber((octaves * STEPS_PER_OCTAVE).round() as i32)
    }

    /// Its logarithm to the base 2.
    #[must_use]
    pub fn octaves(self) -> f64 {
        f64::from(self.0) / STEPS_PER_OCTAVE
    }

    /// Whether [`LogNumber::of`] can have made it.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.octaves().abs() <= f64::from(OCTAVES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_size_within_a_third_of_a_percent() {
        for number in [1e-9, 0.004, 1.0, 3.7, 412.0, 1e18, 1e36] {
            let back = LogNumber::of(number).octaves().exp2();
            assert!((back / number - 1.0).abs() < 0.0014, "{number} {back}");
        }
    }

    #[test]
    fn every_number_gives_a_valid_one() {
        for number in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            assert!(LogNumber::of(number).is_valid(), "{number}");
        }
        assert!(!LogNumber(i32::MAX).is_valid());
        assert!(!LogNumber(i32::MIN).is_valid());
    }
}
