//! The records of the demo: two weeks to learn from, then live attacks at 60 times real time.

use std::time::Duration;

use crate::simulator::{
    AttackKind, AttackLabel, AttackPlan, DAY_MS, Fleet, FleetOptions, FleetOptionsError, MINUTE_MS,
    SECOND_MS, SimRecord,
};

/// Number of simulated days before the live part. The engine only learns from them.
pub const LEARN_DAYS: i64 = 14;
/// How many times faster than the wall clock the simulated time runs.
pub const SPEED: u32 = 60;
/// Start of the live part: Tuesday 2026-01-06 10:00 UTC, within office hours.
pub const LIVE_FROM_MS: i64 = 1_767_693_600_000;
/// Tenants of the demo's fleet.
const TENANTS: u32 = 3;
/// The first attack starts this long after the live part begins, ms of simulated time.
const FIRST_MS: i64 = 30 * SECOND_MS;
/// Time without a new attack at the end, ms of simulated time. It covers the longest attack, the
/// deferral of its actions and the folding of its alerts.
const TAIL_MS: i64 = 12 * MINUTE_MS;

/// The options that a user can set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemoOptions {
    /// Duration of the live part in seconds of wall time.
    pub seconds: u32,
    pub agents: u32,
    /// Actions per second of wall time, averaged over a week. Office hours are about twice as busy.
    pub rate: f64,
    pub seed: u64,
}

/// The records of a demo in order.
#[derive(Debug)]
pub struct DemoPlan {
    fleet: Fleet,
    /// A record that was read from the fleet and is not due yet.
    ahead: Option<SimRecord>,
    live_until_ms: i64,
    options: DemoOptions,
}

/// The state of the live part at a given time.
#[derive(Debug)]
pub enum DueRecord {
    Now(Box<SimRecord>),
    /// No record is due for this long.
    After(Duration),
    Over,
}

impl DemoPlan {
    /// Plans a demo with one attack of each kind that has a shipped rule, and one of each benign
    /// twin, evenly spread.
    ///
    /// # Errors
    /// An option is out of its range.
    pub fn new(options: &DemoOptions) -> Result<Self, FleetOptionsError> {
        let live_ms = i64::from(options.seconds.max(1)) * i64::from(SPEED) * SECOND_MS;
        let kinds = AttackKind::judged();
        let attack_span_ms = (live_ms - FIRST_MS - TAIL_MS).max(live_ms / 3);
        let plan = AttackPlan {
            spacing_ms: (attack_span_ms / i64::try_from(kinds.len()).unwrap_or(1)).max(1),
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

    /// Approximate number of actions before the live part, for messages.
    #[must_use]
    pub fn learn_actions(&self) -> u64 {
        let seconds = (LEARN_DAYS * DAY_MS / SECOND_MS) as f64;
        (self.options.rate / f64::from(SPEED) * seconds) as u64
    }

    /// The next record from before the live part.
    pub fn next_learned_record(&mut self) -> Option<SimRecord> {
        let record = self.ahead.take().or_else(|| self.fleet.next())?;
        if record.at_ms < LIVE_FROM_MS {
            return Some(record);
        }
        self.ahead = Some(record);
        None
    }

    /// Number of agents of the fleet, without the agents that attacks invent.
    #[must_use]
    pub fn agent_count(&self) -> u64 {
        u64::from(self.options.agents)
    }

    /// The next live record, if it is due `elapsed` wall time after the live part began.
    pub fn next_live_record(&mut self, elapsed: Duration) -> DueRecord {
        let Some(record) = self.ahead.take().or_else(|| self.fleet.next()) else {
            return DueRecord::Over;
        };
        if record.at_ms >= self.live_until_ms {
            return DueRecord::Over;
        }
        let at = u64::try_from(record.at_ms - LIVE_FROM_MS).unwrap_or(0);
        let due = Duration::from_millis(at) / SPEED;
        if due <= elapsed {
            return DueRecord::Now(Box::new(record));
        }
        self.ahead = Some(record);
        DueRecord::After(due - elapsed)
    }

    /// The simulated time after `elapsed` wall time of the live part, epoch ms.
    #[must_use]
    pub fn stream_ms(elapsed: Duration) -> i64 {
        let passed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX / 100);
        LIVE_FROM_MS.saturating_add(passed.saturating_mul(i64::from(SPEED)))
    }

    /// Whether the identity system is silent about requests for the agent.
    #[must_use]
    pub fn ignores_requests_for(&self, tenant: &str, agent_id: &str) -> bool {
        self.fleet.ignores_requests_for(tenant, agent_id)
    }

    /// The labels of the attacks that were played so far.
    #[must_use]
    pub fn emitted_labels(&self) -> Vec<AttackLabel> {
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
            while let Some(record) = plan.next_learned_record() {
                assert!(record.at_ms < LIVE_FROM_MS && record.label.is_none());
                learned += 1;
            }
            assert!(learned as u64 > plan.learn_actions() / 2, "{learned}");
            assert!(matches!(
                plan.next_live_record(Duration::ZERO),
                DueRecord::After(_)
            ));
            let mut played = 0;
            while let DueRecord::Now(_) = plan.next_live_record(Duration::from_secs(60)) {
                played += 1;
            }
            assert!(played > 500, "{played}");
            let mut kinds: Vec<AttackKind> = plan
                .emitted_labels()
                .iter()
                .map(|label| label.kind)
                .collect();
            kinds.sort();
            kinds.dedup();
            let mut judged = AttackKind::judged();
            judged.sort();
            assert_eq!(kinds, judged, "seed {seed}");
        }
    }
}
