//! What a simulated fleet can be asked for, and what it refuses.

use super::attacks::Kind;
use super::rhythm::MINUTE_MS;

/// Most agents a fleet may have; the event ids and state of each must stay distinct.
pub const AGENTS_MAX: u32 = 10_000_000;
/// Most tenants.
pub const TENANTS_MAX: u32 = 1_000;

/// A fleet to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOptions {
    /// Decides everything else.
    pub seed: u64,
    /// Agents, children of orchestrators included: 1 to 10,000,000.
    pub agents: u32,
    /// Tenants the agents are spread over: 1 to 1,000.
    pub tenants: u32,
    /// First moment, epoch ms.
    pub start_ms: i64,
    /// No task acts after this moment, epoch ms; `i64::MAX` never ends.
    pub end_ms: i64,
    /// Actions per second of the whole fleet, averaged over a week.
    pub rate: f64,
    /// Misdeeds to plant; `None` for a quiet fleet.
    pub attacks: Option<AttackPlan>,
}

/// Which attacks to plant, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttackPlan {
    /// One attack of each, in this order, over and over.
    pub kinds: Vec<Kind>,
    /// When the first one starts, epoch ms.
    pub from_ms: i64,
    /// From the start of one to the start of the next, ms; at least 1.
    pub spacing_ms: i64,
    /// How many attacks at most; `None` goes on until the fleet ends.
    pub attacks_max: Option<u32>,
}

impl AttackPlan {
    /// One attack every half hour from `from_ms`, of each of `kinds` in turn.
    #[must_use]
    pub fn new(kinds: Vec<Kind>, from_ms: i64) -> Self {
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
pub enum OptionsError {
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
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first option out of its range.
    pub fn check(&self) -> Result<(), OptionsError> {
        if !(1..=AGENTS_MAX).contains(&self.agents) {
            return Err(OptionsError::Agents(self.agents));
        }
        if !(1..=TENANTS_MAX).contains(&self.tenants) {
            return Err(OptionsError::Tenants(self.tenants));
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err(OptionsError::Rate(self.rate));
        }
        if self.end_ms <= self.start_ms {
            return Err(OptionsError::Span {
                start_ms: self.start_ms,
                end_ms: self.end_ms,
            });
        }
        match &self.attacks {
            Some(plan) if plan.spacing_ms < 1 => Err(OptionsError::Spacing(plan.spacing_ms)),
            _ => Ok(()),
        }
    }
}
