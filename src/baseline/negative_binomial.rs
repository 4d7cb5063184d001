//! How rare a count is by the negative-binomial distribution, in bans: minus the decimal logarithm
//! of the probability.

use statrs::function::beta::checked_beta_reg;

/// The variance is at least the mean (Poisson) and this share of it more, so that the distribution
/// exists.
const EXCESS_SHARE_MIN: f64 = 1e-3;
/// A larger mean is scaled down to this: there only its ratio to the deviation matters.
const MEAN_MAX: f64 = 1e4;
/// Least mean that is computed with: what never happened has no distribution.
const MEAN_MIN: f64 = 1e-6;
/// Largest multiple of the mean that is computed with.
const RATIO_MAX: f64 = 1e9;
/// Least size of the distribution: below it one in a million panes has anything.
const SIZE_MIN: f64 = 1e-6;
/// No tail is rarer than so many bans: beyond it the probability is no number any more.
pub(super) const TAIL_BANS_MAX: f64 = 100.0;

/// Bans of `value` or more, where the mean and the variance are as given: r = mean² / (variance −
/// mean), p = r / (r + mean).
pub(super) fn tail_bans(value: f64, mean: f64, variance: f64) -> f64 {
    let mean = mean.max(MEAN_MIN);
    let value = value.min(mean.max(1.0) * RATIO_MAX);
    let scale = (mean / MEAN_MAX).max(1.0);
    let (value, mean, variance) = (value / scale, mean / scale, variance / (scale * scale));
    if value <= 0.0 {
        return 0.0;
    }
    let excess = (variance - mean).max(mean * EXCESS_SHARE_MIN);
    let size = (mean * mean / excess).max(SIZE_MIN);
    let share = mean / (size + mean);
    match checked_beta_reg(value, size, share) {
        Ok(tail) if tail > 0.0 => (-tail.min(1.0).log10()).min(TAIL_BANS_MAX),
        Ok(_) => TAIL_BANS_MAX,
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_as_published() {
        let cases = [
            (5.0, 1.0, 1.0, 2.435),
            (12.0, 4.0, 20.0, 1.163),
            (40.0, 12.0, 150.0, 1.412),
            (412.0, 12.0, 900.0, 3.833),
            (60.0, 0.1, 2.0, 4.188),
        ];
        for (value, mean, variance, expected) in cases {
            let bans = tail_bans(value, mean, variance);
            assert!((bans - expected).abs() < 0.005, "{value}: {bans}");
        }
    }

    /// The tail by summing the mass function in its recursive form.
    fn naive_bans(count: u32, mean: f64, variance: f64) -> f64 {
        let excess = (variance - mean).max(mean * EXCESS_SHARE_MIN);
        let size = mean * mean / excess;
        let p = size / (size + mean);
        let mut mass = p.powf(size);
        let mut below = 0.0;
        for k in 0..count {
            below += mass;
            mass *= (1.0 - p) * (size + f64::from(k)) / (f64::from(k) + 1.0);
        }
        -(1.0 - below).log10()
    }

    #[test]
    fn the_tail_equals_the_summed_mass() {
        for (mean, variance) in [(2.0, 2.0), (2.0, 20.0), (30.0, 90.0), (0.05, 1.0)] {
            for count in [1, 2, 5, 20] {
                let (ours, naive) = (
                    tail_bans(f64::from(count), mean, variance),
                    naive_bans(count, mean, variance),
                );
                // The sum loses its digits where the tail is small.
                assert!(naive > 9.0 || (ours - naive).abs() < 1e-3, "{ours} {naive}");
            }
        }
    }

    #[test]
    fn the_tail_is_a_number_and_rises_for_any_input() {
        for mean in [0.0, 1e-30, 1e-3, 1.0, 1e4, 1e9, 1e18] {
            for variance in [0.0, 1e-9, 1.0, 1e9, 1e36] {
                let mut before = 0.0;
                for value in [0.0, 1e-9, 0.5, 1.0, 3.0, 1e3, 1e6, 1e12, 1e18] {
                    let bans = tail_bans(value, mean, variance);
                    assert!(bans.is_finite() && bans >= 0.0, "{value} {mean} {variance}");
                    assert!(
                        bans >= before - 1e-6,
                        "{value} {mean} {variance}: {bans} after {before}"
                    );
                    before = bans;
                }
            }
        }
    }
}
