//! One agent action, as a gateway reported it: the fields of `schemas/agent-action.avsc`.

use serde::{Deserialize, Serialize};

use super::{
    DelegationState, Effect, InstructionSource, Network, Outcome, Sensitivity, Text, Verb,
};

/// An agent action. Only `agent_id` is required; an absent field weakens a verdict, it never makes
/// or breaks one. Times are epoch milliseconds.
///
/// Field `group_name` here is `group.name` on the wire and in rules.
/// Serialisation is for held actions in stored state only; the wire forms are `codec`'s.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentAction {
    /// The gateway's id of this event; absent, the record's position stands in
    /// (topic/partition/offset/index).
    pub event_id: Option<Text>,
    /// When the agent acted, by the gateway's clock; absent, the append time stands in.
    pub occurred_at_ms: Option<i64>,

    /// Tenant; `default` when the record names none. Holds no `/`.
    pub tenant: Text,
    /// The agent observed.
    pub agent_id: Text,
    pub agent_type: Option<Text>,
    pub agent_version: Option<Text>,
    /// Person or service the agent acts for.
    pub principal_id: Option<Text>,
    pub gateway_id: Option<Text>,

    pub task_id: Option<Text>,
    pub task_class: Option<Text>,
    pub task_purpose: Option<Text>,
    pub session_id: Option<Text>,
    pub instruction_source: Option<InstructionSource>,
    pub instruction_ref: Option<Text>,

    /// Credential id (jti or fingerprint); a token value never enters the system.
    pub credential_id: Option<Text>,
    pub credential_issuer: Option<Text>,
    pub credential_kind: Option<Text>,
    pub credential_issued_at_ms: Option<i64>,
    pub credential_expires_at_ms: Option<i64>,
    pub credential_bound_to: Option<Text>,
    /// Delegation chain, root first, this agent last or absent.
    pub delegation_chain: Vec<Text>,
    pub delegation_state: Option<DelegationState>,

    pub tool_name: Option<Text>,
    pub tool_server: Option<Text>,
    pub action_verb: Verb,
    /// The raw operation name of the tool or API.
    pub action_operation: Option<Text>,
    /// Open dotted vocabulary; `unknown` when absent.
    pub resource_type: Text,
    pub resource_id: Option<Text>,
    pub resource_owner: Option<Text>,
    pub resource_sensitivity: Option<Sensitivity>,

    pub destination_host: Option<Text>,
    pub destination_address: Option<Text>,
    pub destination_external: Option<bool>,

    pub volume_records: Option<u64>,
    pub volume_bytes_in: Option<u64>,
    pub volume_bytes_out: Option<u64>,
    pub volume_tokens_in: Option<u64>,
    pub volume_tokens_out: Option<u64>,
    pub volume_cost_usd: Option<f64>,
    pub latency_us: Option<u64>,

    pub outcome: Option<Outcome>,
    pub policy_decision_id: Option<Text>,

    pub channel_encrypted: Option<bool>,
    pub channel_authenticated: Option<bool>,
    pub channel_peer_id: Option<Text>,
    pub channel_network: Option<Network>,

    /// The result carries text from outside.
    pub content_untrusted: Option<bool>,
    /// The result carries private data.
    pub content_private: Option<bool>,

    pub trace_id: Option<Text>,
    pub span_id: Option<Text>,
    pub event_schema_version: Option<Text>,
}

/// The resource type of an action that names none.
pub const RESOURCE_TYPE_UNKNOWN: &str = "unknown";
/// The tenant of a record that names none.
pub const TENANT_DEFAULT: &str = "default";

impl AgentAction {
    /// An action of `agent_id` with every default of the schema.
    #[must_use]
    pub fn new(agent_id: &str) -> Self {
        AgentAction {
            tenant: TENANT_DEFAULT.into(),
            agent_id: agent_id.into(),
            resource_type: RESOURCE_TYPE_UNKNOWN.into(),
            ..AgentAction::default()
        }
    }

    /// `action.effect`, which follows from the verb.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.action_verb.effect()
    }

    /// The verb is `other`: neither grants nor verbs can judge this action.
    #[must_use]
    pub fn verb_unmapped(&self) -> bool {
        self.action_verb == Verb::Other
    }

    /// The resource type is `unknown`: no grant can judge this action.
    #[must_use]
    pub fn resource_type_unmapped(&self) -> bool {
        self.resource_type == RESOURCE_TYPE_UNKNOWN
    }
}
