//! The inline tests of a rule, as parsed. Running them needs the whole core and is the detector's.

use serde_json::Value as Json;

use crate::text::Location;

use super::catalogue::FactSlot;
use super::rule_response::RevokeTarget;

/// When every test begins: Monday 2026-03-02, 09:00 UTC, in epoch milliseconds. A fixed day lets
/// a test name hours and expiries.
pub const TEST_START_MS: i64 = 1_772_442_000_000;

/// One entry of `tests:`.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    pub name: String,
    /// Where the entry stands in the rule's file.
    pub location: Location,
    pub given: GivenState,
    pub events: Vec<TestEvent>,
    pub expect: TestExpectation,
}

/// What holds before the first event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenState {
    /// Scope records, in the JSON form of the scopes topic; defaults are the runner's.
    pub scopes: Vec<(Json, Location)>,
    /// Facts set by hand on every event, for what takes weeks to learn.
    pub facts: Vec<(FactSlot, Json)>,
}

/// One or several equal events.
#[derive(Debug, Clone, PartialEq)]
pub struct TestEvent {
    /// Time of the first, in milliseconds after the start of the test.
    pub at_ms: i64,
    /// How many of them, at least 1.
    pub repeat: u32,
    /// Time from one to the next.
    pub every_ms: i64,
    /// The action, in the JSON form of the actions topic, without what the runner defaults.
    pub body: Json,
    pub location: Location,
}

/// What the rule must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestExpectation {
    /// It never fires.
    Silent,
    /// It fires.
    Fire {
        /// Exactly so many events; `None`: at least one.
        count: Option<u32>,
        /// First on this event, counted from 1 over all repetitions.
        on: Option<u32>,
        /// What the finding asks to have revoked.
        revoke: Option<RevokeTarget>,
    },
}
