//! The inline tests of a rule, as parsed. `engine` runs them, because a test needs the whole
//! detector.

use serde_json::Value as Json;

use crate::text::Location;

use super::catalogue::FactSlot;
use super::rule_response::{RevocationMode, RevokeTarget};

/// The start of every test: Monday 2026-03-02, 09:00 UTC, in epoch milliseconds. The day is fixed
/// so that a test can name hours and times of expiry.
pub const TEST_START_MS: i64 = 1_772_442_000_000;

/// One entry of `tests:`.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    pub name: String,
    /// The location of the entry in the file of the rule.
    pub location: Location,
    pub given: GivenState,
    pub events: Vec<TestEvent>,
    pub expect: TestExpectation,
}

/// The state before the first event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenState {
    /// Scope records, in the JSON form of the scopes topic. The runner fills in missing fields.
    pub scopes: Vec<(Json, Location)>,
    /// Facts set on every event, such as those of baselines, which take weeks to learn.
    pub facts: Vec<(FactSlot, Json)>,
    /// The mode of every request, instead of what `response.yaml` says.
    pub mode: Option<RevocationMode>,
}

/// Which record a test event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestRecordKind {
    Action,
    Scope,
    Control,
}

/// One event, or several equal events at regular times.
#[derive(Debug, Clone, PartialEq)]
pub struct TestEvent {
    /// Time of the first event, in milliseconds after the start of the test.
    pub at_ms: i64,
    /// Number of events, at least 1.
    pub repeat: u32,
    /// Time from one event to the next, in milliseconds.
    pub every_ms: i64,
    pub record: TestRecordKind,
    /// The record, in the JSON form of its topic. The runner fills in missing fields.
    pub body: Json,
    pub location: Location,
}

/// Whether the rule must match, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestExpectation {
    /// No event may match.
    Silent,
    /// At least one event must match.
    Fire {
        /// The exact number of events that match; `None`: any number from 1.
        count: Option<u32>,
        /// The first event that matches, counted from 1 over all repetitions.
        on: Option<u32>,
        /// What the finding requests to be revoked.
        revoke: Option<RevokeTarget>,
    },
}
