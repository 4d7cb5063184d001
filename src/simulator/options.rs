//! The options of a simulated fleet, and their ranges.

use super::attack_kind::AttackKind;
use super::schedule::MINUTE_MS;

/// The most agents of a fleet. Ids of agents and events stay unique up to this number.
pub const AGENTS_MAX: u32 = 10_000_000;
/// The most tenants of a fleet.
pub const TENANTS_MAX: u32 = 1_000;

/// A fleet to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOptions {
    /// The seed. Two fleets with equal options yield equal records.
    pub seed: u64,
    /// Number of agents, 1 to 10,000,000. Includes the children of orchestrators.
    pub agents: u32,
    /// Number of tenants, 1 to 1,000.
    pub tenants: u32,
    /// Start of the fleet, epoch ms.
    pub start_ms: i64,
    /// No task acts after this time, epoch ms. `i64::MAX` means that the fleet never ends.
    pub end_ms: i64,
    /// Actions per second of the whole fleet, averaged over a week.
    pub rate: f64,
    /// Attacks to plant; `None` for a fleet without attacks.
    pub attacks: Option<AttackPlan>,
}

/// Which attacks to plant, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttackPlan {
    /// The kinds of attack, planted in this order, again and again.
    pub kinds: Vec<AttackKind>,
    /// Start of the first attack, epoch ms.
    pub from_ms: i64,
    /// Time from the start of one attack to the start of the next, ms; at least 1.
    pub spacing_ms: i64,
    /// The most attacks; `None` means until the fleet ends.
    pub attacks_max: Option<u32>,
}

impl AttackPlan {
    /// One attack every 30 minutes from `from_ms`. The kinds take turns.
    #[must_use]
    pub fn new(kinds: Vec<AttackKind>, from_ms: i64) -> Self {
        AttackPlan {
            kinds,
            from_ms,
            spacing_ms: 30 * MINUTE_MS,
            attacks_max: None,
        }
    }
}

/// Why a fleet cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FleetOptionsError {
    #[error("a fleet has 1 to {AGENTS_MAX} agents, not {0}")]
    Agents(u32),
    #[error("a fleet has 1 to {TENANTS_MAX} tenants, not {0}")]
    Tenants(u32),
    #[error("the rate must be a positive number of actions per second, not {0}")]
    Rate(f64),
    #[error("the fleet would end at {end_ms} before it starts at {start_ms}")]
    Span { start_ms: i64, end_ms: i64 },
    #[error("attacks must be at least 1 ms apart, not {0}")]
    Spacing(i64),
}

impl FleetOptions {
    /// Checks that each option is within its range.
    ///
    /// # Errors
    /// The first option that is out of its range.
    pub fn check_ranges(&self) -> Result<(), FleetOptionsError> {
        if !(1..=AGENTS_MAX).contains(&self.agents) {
            return Err(FleetOptionsError::Agents(self.agents));
        }
        if !(1..=TENANTS_MAX).contains(&self.tenants) {
            return Err(FleetOptionsError::Tenants(self.tenants));
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err(FleetOptionsError::Rate(self.rate));
        }
        if self.end_ms <= self.start_ms {
            return Err(FleetOptionsError::Span {
                start_ms: self.start_ms,
                end_ms: self.end_ms,
            });
        }
        match &self.attacks {
            Some(plan) if plan.spacing_ms < 1 => Err(FleetOptionsError::Spacing(plan.spacing_ms)),
            _ => Ok(()),
        }
    }
}
