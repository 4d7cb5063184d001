//! The negative-binomial upper tail of a count, and its inverse.

use statrs::distribution::{DiscreteCDF, NegativeBinomial, Poisson};

/// The variance is at least the mean (Poisson) and this share of it more. Otherwise one more action
/// of a perfectly regular agent would alarm.
const OVERDISPERSION_MIN: f64 = 0.1;
/// Means are cut to this; beyond it `min_count` and `min_ratio` decide.
const MEAN_MAX: f64 = 1e9;

/// Probability of `count` or more in a pane with this mean and variance, by the negative binomial
/// fitted by the method of moments: r = mean² / (variance − mean), p = r / (r + mean).
#[must_use]
pub fn upper_tail(count: u64, mean: f64, variance: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    let mean = mean.clamp(0.0, MEAN_MAX);
    if mean == 0.0 {
        return 0.0;
    }
    let excess = (variance - mean).max(mean * OVERDISPERSION_MIN);
    let size = mean * mean / excess;
    let success = size / (size + mean);
    match NegativeBinomial::new(size, success) {
        Ok(distribution) => distribution.sf(count - 1),
        // The size is beyond what the type takes; there the limit of the distribution is Poisson.
        Err(_) => Poisson::new(mean).map_or(1.0, |poisson| poisson.sf(count - 1)),
    }
}

/// The smallest count at or above `floor` whose upper tail is at most `probability`.
#[must_use]
pub fn alarm_level(floor: u64, probability: f64, mean: f64, variance: f64) -> u64 {
    if upper_tail(floor, mean, variance) <= probability {
        return floor;
    }
    let mut low = floor;
    let mut high = floor.max(1).saturating_mul(2);
    while upper_tail(high, mean, variance) > probability && high < u64::MAX / 4 {
        low = high;
        high = high.saturating_mul(2);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if upper_tail(middle, mean, variance) <= probability {
            high = middle
        } else {
            low = middle
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tail by summing the mass function in its recursive form.
    fn naive_upper(count: u64, mean: f64, variance: f64) -> f64 {
        let excess = (variance - mean).max(mean * OVERDISPERSION_MIN);
        let (size, p) = (
            mean * mean / excess,
            mean / excess * mean / (mean * mean / excess + mean),
        );
        let mut mass = p.powf(size);
        let mut below = 0.0;
        for k in 0..count {
            below += mass;
            mass *= (1.0 - p) * (size + k as f64) / (k as f64 + 1.0);
        }
        1.0 - below
    }

    #[test]
    fn the_tail_equals_the_summed_mass() {
        for (mean, variance) in [(2.0, 2.0), (2.0, 20.0), (30.0, 90.0), (0.05, 1.0)] {
            for count in [1, 2, 5, 20, 60] {
                let (ours, naive) = (
                    upper_tail(count, mean, variance),
                    naive_upper(count, mean, variance),
                );
                assert!(
                    (ours - naive).abs() < 1e-9,
                    "{mean} {variance} {count}: {ours} {naive}"
                );
            }
        }
    }

    #[test]
    fn the_level_is_the_first_count_beyond_the_probability() {
        for (mean, variance) in [(2.0, 2.0), (2.0, 20.0), (30.0, 900.0)] {
            let level = alarm_level(1, 1e-5, mean, variance);
            assert!(upper_tail(level, mean, variance) <= 1e-5);
            assert!(upper_tail(level - 1, mean, variance) > 1e-5);
        }
    }

    #[test]
    fn a_floor_already_beyond_is_the_level() {
        assert_eq!(alarm_level(20, 1e-5, 0.1, 0.1), 20);
        assert_eq!(alarm_level(20, 1e-5, 0.0, 0.0), 20);
    }
}
