//! Evidence of a slow rise that no single sum shows: bets on the ranks of the hourly totals.
//!
//! Each total of an hour gets its rank among those before it, as a share of those at least as
//! large. As long as nothing changes, a bet on small ranks loses as often as it wins, so that its
//! wealth is a bound of how improbable the ranks are. Wealth below the stake is given back.

use serde::{Deserialize, Serialize};

/// The bets: small powers win on very small ranks, large ones on ranks that are often small.
const POWERS: [f64; 4] = [0.1, 0.25, 0.5, 0.75];
/// No rank counts as smaller: one hour alone is no drift.
const RANK_MIN: f64 = 0.02;
/// Hours before ranks mean anything: three days.
pub(super) const HOURS_MIN: f64 = 72.0;
const WEALTH_MAX: f64 = 8.0;
/// Buckets of the ratio of a total to what was expected, per octave; bucket 32 is as expected.
const STEPS: f64 = 4.0;

/// Parts of a ban in which wealth is kept.
const PARTS: f64 = 4_096.0;

/// Wealth of each bet, in parts of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct DriftBets {
    wealth: [u16; 4],
}

impl DriftBets {
    /// Takes the rank of an hour into account.
    pub fn bet(&mut self, rank: f64) {
        let rank = rank.clamp(RANK_MIN, 1.0).log10();
        for (wealth, power) in self.wealth.iter_mut().zip(POWERS) {
            let won = f64::from(*wealth) / PARTS + power.log10() + (power - 1.0) * rank;
            *wealth = (won.clamp(0.0, WEALTH_MAX) * PARTS) as u16;
        }
    }

    /// Evidence of a drift, in bans.
    pub fn score(&self) -> f64 {
        let each = self
            .wealth
            .iter()
            .map(|won| 10_f64.powf(f64::from(*won) / PARTS));
        (each.sum::<f64>() / POWERS.len() as f64).log10().max(0.0)
    }

    pub fn restart(&mut self) {
        self.wealth = [0; 4];
    }
}

/// The bucket of an hour's total among the ratios to what was expected.
pub(super) fn ratio_bucket(total: f64, expected: f64) -> u16 {
    let octaves = ((total + 1.0) / (expected.max(0.0) + 1.0)).log2();
    (32.0 + (STEPS * octaves).round()).clamp(0.0, 63.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hour_is_no_drift_and_six_are() {
        let mut bets = DriftBets::default();
        let hours = (1..20).find(|_| {
            bets.bet(0.0);
            bets.score() >= 3.25
        });
        assert!((4..=8).contains(&hours.unwrap()), "{hours:?}");
        bets.restart();
        assert!(bets.score() < 0.01);
    }

    /// Ranks as they come when nothing changes, in an order that is far from sorted.
    #[test]
    fn even_ranks_are_no_drift() {
        let mut bets = DriftBets::default();
        let mut highest = 0.0_f64;
        for hour in 0..5_000_u32 {
            bets.bet(f64::from(hour * 617 % 1_000 + 1) / 1_000.0);
            highest = highest.max(bets.score());
        }
        assert!(highest < 3.25, "{highest}");
    }

    #[test]
    fn any_total_has_a_bucket() {
        assert_eq!(ratio_bucket(7.0, 7.0), 32);
        for (total, expected) in [(0.0, 0.0), (1e18, 0.0), (0.0, 1e18), (1e18, -1.0)] {
            assert!(ratio_bucket(total, expected) < 64);
        }
    }
}
