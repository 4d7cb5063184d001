//! What the demo plays: two weeks to learn, then a stretch of attacks at sixty times the clock.

use std::time::Duration;

use crate::simulator::{
    AttackKind, AttackLabel, AttackPlan, DAY_MS, Fleet, FleetOptions, FleetOptionsError, MINUTE_MS,
    SECOND_MS, SimRecord,
};

/// Simulated days learned before the first attack.
pub const LEARN_DAYS: i64 = 14;
/// How much faster than the wall the demo's time runs.
pub const SPEED: u32 = 60;
/// Tuesday 2026-01-06 10:00 UTC: a working hour, after two whole weeks.
pub const LIVE_FROM_MS: i64 = 1_767_693_600_000;
/// Tenants of the demo's fleet.
const TENANTS: u32 = 3;
/// The first attack starts this long after the live part.
const FIRST_MS: i64 = 30 * SECOND_MS;
/// Kept free at the end: the longest script, its hold and its folding.
const TAIL_MS: i64 = 12 * MINUTE_MS;

/// What the user may choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemoOptions {
    /// Wall seconds of the live part.
    pub seconds: u32,
    pub agents: u32,
    /// Actions per wall second, averaged over a week; office hours are about twice as busy.
    pub rate: f64,
    pub seed: u64,
}

/// The records of a demo, in order.
#[derive(Debug)]
pub struct DemoPlan {
    fleet: Fleet,
    /// Taken from the fleet and not due yet.
    ahead: Option<SimRecord>,
    live_until_ms: i64,
    options: DemoOptions,
}

/// What is due at a moment of the live part.
#[derive(Debug)]
pub enum Due {
    Now(Box<SimRecord>),
    /// Nothing for this long.
    After(Duration),
    Over,
}

impl DemoPlan {
    /// Plans a demo: one attack of each kind that this version has a rule for, evenly spread.
    ///
    /// # Errors
    /// An option out of its range.
    pub fn new(options: &DemoOptions) -> Result<Self, FleetOptionsError> {
        let live_ms = i64::from(options.seconds.max(1)) * i64::from(SPEED) * SECOND_MS;
        let kinds = AttackKind::with_expected_rule();
        let room_ms = (live_ms - FIRST_MS - TAIL_MS).max(live_ms / 3);
        let plan = AttackPlan {
            spacing_ms: (room_ms / i64::try_from(kinds.len()).unwrap_or(1)).max(1),
            attacks_max: u32::try_from(kinds.len()).ok(),
            from_ms: LIVE_FROM_MS + FIRST_MS.min(live_ms / 10),
            kinds,
        };
        let fleet = Fleet::new(FleetOptions {
            seed: options.seed,
            agents: options.agents,
            tenants: TENANTS.min(options.agents.max(1)),
            start_ms: LIVE_FROM_MS - LEARN_DAYS * DAY_MS,
            end_ms: LIVE_FROM_MS + live_ms,
            rate: options.rate / f64::from(SPEED),
            attacks: Some(plan),
        })?;
        let live_until_ms = LIVE_FROM_MS + live_ms;
        Ok(DemoPlan {
            fleet,
            ahead: None,
            live_until_ms,
            options: *options,
        })
    }

    /// About how many actions the learned part has, for a progress bar.
    #[must_use]
    pub fn learn_actions(&self) -> u64 {
        let seconds = (LEARN_DAYS * DAY_MS / SECOND_MS) as f64;
        (self.options.rate / f64::from(SPEED) * seconds) as u64
    }

    /// The next record of the two weeks before the live part.
    pub fn learn(&mut self) -> Option<SimRecord> {
        let record = self.ahead.take().or_else(|| self.fleet.next())?;
        if record.at_ms < LIVE_FROM_MS {
            return Some(record);
        }
        self.ahead = Some(record);
        None
    }

    /// Agents of the fleet, attackers beyond it not counted.
    #[must_use]
    pub fn agents(&self) -> u64 {
        u64::from(self.options.agents)
    }

    /// The next live record, when `elapsed` wall time since the live part began has reached it.
    pub fn due(&mut self, elapsed: Duration) -> Due {
        let Some(record) = self.ahead.take().or_else(|| self.fleet.next()) else {
            return Due::Over;
        };
        if record.at_ms >= self.live_until_ms {
            return Due::Over;
        }
        let at = u64::try_from(record.at_ms - LIVE_FROM_MS).unwrap_or(0);
        let due = Duration::from_millis(at) / SPEED;
        if due <= elapsed {
            return Due::Now(Box::new(record));
        }
        self.ahead = Some(record);
        Due::After(due - elapsed)
    }

    /// The stream time that belongs to `elapsed`, epoch ms.
    #[must_use]
    pub fn stream_ms(elapsed: Duration) -> i64 {
        let passed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX / 100);
        LIVE_FROM_MS.saturating_add(passed.saturating_mul(i64::from(SPEED)))
    }

    /// The truth about what has been played so far.
    #[must_use]
    pub fn labels(&self) -> Vec<AttackLabel> {
        self.fleet.emitted_labels()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_weeks_are_learned_and_every_expected_attack_is_played() {
        for seed in crate::property::seeds(2) {
            let options = DemoOptions {
                seconds: 60,
                agents: 200,
                rate: 12.0,
                seed,
            };
            let mut plan = DemoPlan::new(&options).unwrap();
            let mut learned = 0;
            while let Some(record) = plan.learn() {
                assert!(record.at_ms < LIVE_FROM_MS && record.label.is_none());
                learned += 1;
            }
            assert!(learned as u64 > plan.learn_actions() / 2, "{learned}");
            assert!(matches!(plan.due(Duration::ZERO), Due::After(_)));
            let mut played = 0;
            while let Due::Now(_) = plan.due(Duration::from_secs(60)) {
                played += 1;
            }
            assert!(played > 500, "{played}");
            let mut kinds: Vec<AttackKind> = plan.labels().iter().map(|label| label.kind).collect();
            kinds.sort();
            kinds.dedup();
            assert_eq!(kinds, AttackKind::with_expected_rule(), "seed {seed}");
        }
    }
}
