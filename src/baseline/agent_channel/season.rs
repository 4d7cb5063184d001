//! How much more or less than on average there is in each hour, of workdays and of weekends.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::hour_steps::{self, BINS};
use crate::baseline::wall_time::WallTime;

/// Steps of a stored factor per octave.
const STEPS: f64 = 16.0;
/// Factors lie within four octaves of one.
const OCTAVES_MAX: f64 = 4.0;
/// What an hour weighs against those before it in its bin.
const HOUR_WEIGHT: f64 = 0.15;

/// The factor of every step, by the step's bits: a pane asks for a dozen of them.
static FACTORS: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|bits| (f64::from((bits as u8).cast_signed()) / STEPS).exp2())
});

/// A factor of the mean for each hour, as an offset from one in steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    #[serde(with = "hour_steps")]
    steps: [i8; BINS],
}

impl Default for Season {
    fn default() -> Self {
        Season { steps: [0; BINS] }
    }
}

impl Season {
    /// The factor of an hour.
    pub fn factor(&self, wall: WallTime) -> f64 {
        FACTORS[usize::from(self.steps[bin_of(wall)].cast_unsigned())]
    }

    /// Learns an hour with `value`, where the mean of an hour is `mean`.
    pub fn learn(&mut self, wall: WallTime, value: f64, mean: f64) {
        if mean <= 0.0 {
            return;
        }
        let factor = self.factor(wall);
        let ratio = (value / mean).clamp(0.0, OCTAVES_MAX.exp2());
        let next = factor + HOUR_WEIGHT * (ratio - factor);
        let octaves = next.log2().clamp(-OCTAVES_MAX, OCTAVES_MAX);
        self.steps[bin_of(wall)] = (octaves * STEPS).round() as i8;
    }
}

fn bin_of(wall: WallTime) -> usize {
    wall.hour() + if wall.is_weekend() { BINS / 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: u16) -> WallTime {
        WallTime::at(day, hour * 60)
    }

    #[test]
    fn hours_learn_their_factor_and_weekends_are_apart() {
        let mut season = Season::default();
        for day in 0..28 {
            let value = if at(day, 9).is_weekend() { 0.0 } else { 40.0 };
            season.learn(at(day, 9), value, 10.0);
        }
        let (workday, weekend) = (season.factor(at(28, 9)), season.factor(at(30, 9)));
        assert!((3.0..=4.0).contains(&workday), "{workday}");
        assert!(weekend < 0.4, "{weekend}");
        assert!((season.factor(at(28, 10)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_season_reads_back_and_damage_is_refused() {
        let mut season = Season::default();
        (0..9).for_each(|day| season.learn(at(day, day as u16), 1e18, 1.0));
        let bytes = postcard::to_allocvec(&season).unwrap();
        assert_eq!(postcard::from_bytes::<Season>(&bytes).unwrap(), season);
        assert!(bytes.len() < 48, "{}", bytes.len());
        season.steps = std::array::from_fn(|hour| hour as i8);
        let bytes = postcard::to_allocvec(&season).unwrap();
        assert_eq!(postcard::from_bytes::<Season>(&bytes).unwrap(), season);
        assert_eq!(bytes.len(), 49);
        for damaged in [
            vec![100_i8, 0, 100, 0],
            vec![3, 3],
            vec![5],
            vec![0; 49],
            vec![-1, 0],
        ] {
            let bytes = postcard::to_allocvec(&damaged).unwrap();
            assert!(
                postcard::from_bytes::<Season>(&bytes).is_err(),
                "{damaged:?}"
            );
        }
    }
}
