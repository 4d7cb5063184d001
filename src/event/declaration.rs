//! What an agent was declared to be allowed to do: the fields of `schemas/agent-scope.avsc`.
//!
//! These are the values as declared. The room `scope` compiles them and judges actions by them.

use serde::{Deserialize, Serialize};

use super::{AgentKey, DeclaredStatus, InstructionSource, Sensitivity, Text, Verb};

/// One version of a declared scope. An empty list leaves its dimension unjudged, except `grants`: a
/// scope without grants permits no resource at all. Times are epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentScope {
    /// Id of the scope. Its versions have the same id and differ in `effective_from_ms`.
    pub scope_id: Text,
    pub tenant: Text,
    pub agent_id: Text,
    pub agent_type: Option<Text>,
    pub task_id: Option<Text>,
    pub task_class: Option<Text>,
    pub purpose: Option<Text>,
    pub issuer: Option<Text>,
    pub principal_id: Option<Text>,
    pub credential_ids: Vec<Text>,
    pub parent: Option<ParentScope>,
    /// Start of this version; if absent, the record's own time.
    pub effective_from_ms: Option<i64>,
    /// End of this version, exclusive; if absent, it has no end.
    pub expires_at_ms: Option<i64>,
    pub status: DeclaredStatus,
    pub grants: Vec<Grant>,
    /// Tool names or globs.
    pub tools: Vec<Text>,
    /// Host, address or glob.
    pub destinations: Vec<Text>,
    pub instruction_sources: Vec<InstructionSource>,
    pub limits: Vec<Limit>,
    pub channel: Option<ChannelRule>,
    pub delegation: Option<DelegationRule>,
    pub hours: Option<WorkingHours>,
}

impl AgentScope {
    /// The agent that the record is about.
    #[must_use]
    pub fn agent_key(&self) -> AgentKey {
        AgentKey {
            tenant: self.tenant.clone(),
            agent: self.agent_id.clone(),
        }
    }
}

/// The scope that an agent's scope was delegated from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentScope {
    pub agent_id: Text,
    pub scope_id: Option<Text>,
    /// The actors above the agent as the `act` claim of its token names them, root first; empty
    /// where no token names them.
    pub act_chain: Vec<Text>,
}

/// One resource entry of a scope. An empty list restricts nothing, except `resource_types`, which
/// must name at least one type.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Grant {
    /// Resource types; `email.*` covers every type below `email`, `*` every type.
    pub resource_types: Vec<Text>,
    /// Globs over resource ids: `*` any run of characters, `?` one character.
    pub resource_ids: Vec<Text>,
    pub verbs: Vec<Verb>,
    pub sensitivity_max: Option<Sensitivity>,
    pub owners: Vec<Text>,
}

/// A declared cap: at most `max` of `measure` in any sliding `window_ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    pub measure: Measure,
    /// Window length, from 1 s to 31 d.
    pub window_ms: i64,
    pub max: f64,
}

/// What a limit or a baseline measures: a kind and, for a sum or different values, a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Measure {
    pub kind: MeasureKind,
    /// Wire name of the field, such as `volume.bytes_out`; empty for `count` and `rate`.
    pub field: Text,
}

/// The kinds of measure: `count`, `sum: F`, `distinct: F`, and for baselines `rate`: the share of
/// the agent's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MeasureKind {
    Count,
    Sum,
    Distinct,
    Rate,
}

/// Properties that a channel must have. `false` requires nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelRule {
    pub encrypted: bool,
    pub authenticated: bool,
}

/// Whether and how far the agent may delegate. An absent maximum is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DelegationRule {
    pub allowed: bool,
    pub depth_max: Option<u32>,
    pub children_max: Option<u32>,
}

/// Declared working hours in a time zone. `from` equal to `to` is the whole day; `from` after `to`
/// runs over midnight and belongs to the day it starts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingHours {
    /// ISO weekdays, 1 = Monday to 7 = Sunday; empty means every day.
    pub days: Vec<u8>,
    /// Minute of the day, 0 to 1439, inclusive.
    pub from_min: u16,
    /// Minute of the day, 0 to 1440, exclusive.
    pub to_min: u16,
    /// IANA zone name; if absent, the tenant's zone applies.
    pub zone: Option<Text>,
}

impl Measure {
    /// Reads `count`, `sum: F`, `distinct: F` or `rate`; the caller checks the field's name, and
    /// whether a rate can be measured there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, field) = match text.split_once(':') {
            None => (text.trim(), ""),
            Some((kind, field)) => (kind.trim(), field.trim()),
        };
        let kind = match (kind, field.is_empty()) {
            ("count", true) => MeasureKind::Count,
            ("sum", false) => MeasureKind::Sum,
            ("distinct", false) => MeasureKind::Distinct,
            ("rate", true) => MeasureKind::Rate,
            _ => return None,
        };
        Some(Measure {
            kind,
            field: field.into(),
        })
    }
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            MeasureKind::Count => f.write_str("count"),
            MeasureKind::Sum => write!(f, "sum: {}", self.field),
            MeasureKind::Distinct => write!(f, "distinct: {}", self.field),
            MeasureKind::Rate => f.write_str("rate"),
        }
    }
}
