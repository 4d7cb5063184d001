//! The table of an action's fields. Everything that handles an action field by field derives from
//! it: the struct [`super::AgentAction`], reading and writing the wire forms, the facts that rules
//! read, what a declared limit can count, the places in an OCSF finding, and the test that holds
//! `schemas/agent-action.avsc`.
//!
//! To add a field, add one entry here and the field to the schema. Stored state holds the fields in
//! the order of this table, and a fact's slot is its row: a new entry needs a new stored
//! form, so raise `FORMAT` in `detector/subject.rs`. A new group is an entry of `action_groups!`.

/// Calls the macro `$then` with every field. Tokens after `$then` are passed to it before the
/// fields.
///
/// An entry is its doc comment, the name of its [`super::ActionField`] and fact constant, its Rust
/// field and type, and in braces its name in records and rules (`group.name`, or `.name` for a
/// field without a group) followed by properties, each a method of [`super::FieldInfo`].
///
/// The type decides what a record may hold and whether the field can be absent: a text is an id
/// unless it is `free_text`, `i64` is a time, `u64` a count, `f64` an amount. Counts and amounts
/// can be summed by a limit unless they are `ordinal`, the distinct values of a field counted if it
/// has `count_distinct`.
macro_rules! action_fields {
    ($then:ident $($before:tt)*) => { $then! { $($before)*
        /// The gateway's id of the event, or the record's position
        EVENT_ID event_id: Option<Text> { .event_id, always_present }
        /// When the agent acted; the append time when not reported
        OCCURRED_AT occurred_at_ms: Option<i64> { .occurred_at, always_present }
        /// Tenant; `default` when the record names none
        TENANT tenant: Text { .tenant, no_slash }
        /// The agent observed
        AGENT_ID agent_id: Text { agent.id, ocsf_path("evidences.actor.app_uid") }
        /// Type of the agent
        AGENT_TYPE agent_type: Option<Text> { agent.type }
        /// Version of the agent
        AGENT_VERSION agent_version: Option<Text> { agent.version, free_text }
        /// The model that the agent used for the action, as the gateway names it
        AGENT_MODEL agent_model: Option<Text> { agent.model, free_text }
        /// Person or service the agent acts for
        PRINCIPAL_ID principal_id: Option<Text> {
            principal.id, count_distinct, ocsf_path("evidences.actor.user.uid")
        }
        /// The gateway that reported the action
        GATEWAY_ID gateway_id: Option<Text> { gateway.id }
        /// Number of the record at its gateway, counted by the gateway
        GATEWAY_SEQUENCE gateway_sequence: Option<u64> { gateway.sequence, ordinal }
        /// Id of the task
        TASK_ID task_id: Option<Text> { task.id, count_distinct }
        /// Class of the task; the scope's where there is one
        TASK_CLASS task_class: Option<Text> { task.class }
        /// Declared purpose of the task
        TASK_PURPOSE task_purpose: Option<Text> { task.purpose, free_text }
        /// Id of the session
        SESSION_ID session_id: Option<Text> {
            session.id, count_distinct, ocsf_path("evidences.actor.session.uid")
        }
        /// Who or what made the agent take the action
        INSTRUCTION_SOURCE instruction_source: Option<InstructionSource> { instruction.source }
        /// Reference to the instruction
        INSTRUCTION_REF instruction_ref: Option<Text> { instruction.ref, free_text }
        /// Credential id (jti or fingerprint)
        CREDENTIAL_ID credential_id: Option<Text> {
            credential.id, count_distinct,
            ocsf_path("evidences.actor.session.credential_uid"), ocsf_observable(19)
        }
        /// Issuer of the credential
        CREDENTIAL_ISSUER credential_issuer: Option<Text> {
            credential.issuer, ocsf_path("evidences.actor.session.issuer")
        }
        /// Kind of credential
        CREDENTIAL_KIND credential_kind: Option<Text> { credential.kind, free_text }
        /// When the credential was issued
        CREDENTIAL_ISSUED_AT credential_issued_at_ms: Option<i64> {
            credential.issued_at, ocsf_path("evidences.actor.session.created_time")
        }
        /// When the credential expires
        CREDENTIAL_EXPIRES_AT credential_expires_at_ms: Option<i64> {
            credential.expires_at, ocsf_path("evidences.actor.session.expiration_time")
        }
        /// Key or workload the credential is bound to
        CREDENTIAL_BOUND_TO credential_bound_to: Option<Text> { credential.bound_to, free_text }
        /// Delegation chain, root first
        DELEGATION_CHAIN delegation_chain: Vec<Text> { delegation.chain, entries_max(CHAIN_MAX) }
        /// What the gateway knew of the chain
        DELEGATION_STATE delegation_state: Option<DelegationState> { delegation.state }
        /// The tool called
        TOOL_NAME tool_name: Option<Text> { tool.name, count_distinct }
        /// The server of the tool
        TOOL_SERVER tool_server: Option<Text> { tool.server, count_distinct }
        /// What the action does; `other` when not mapped
        ACTION_VERB action_verb: Verb { action.verb }
        /// Raw operation name of the tool or API
        ACTION_OPERATION action_operation: Option<Text> {
            action.operation, free_text, count_distinct
        }
        /// Type of the resource; `unknown` when not mapped
        RESOURCE_TYPE resource_type: Text {
            resource.type, count_distinct, ocsf_path("resources.type")
        }
        /// Id of the resource
        RESOURCE_ID resource_id: Option<Text> {
            resource.id, free_text, count_distinct, ocsf_path("resources.uid"), ocsf_observable(10)
        }
        /// Owner of the resource
        RESOURCE_OWNER resource_owner: Option<Text> {
            resource.owner, free_text, count_distinct, ocsf_path("resources.owner.uid")
        }
        /// Sensitivity of the resource
        RESOURCE_SENSITIVITY resource_sensitivity: Option<Sensitivity> {
            resource.sensitivity, ocsf_path("resources.criticality")
        }
        /// Host the action talks to
        DESTINATION_HOST destination_host: Option<Text> {
            destination.host, free_text, count_distinct,
            ocsf_path("evidences.dst_endpoint.hostname"), ocsf_observable(1)
        }
        /// Network address the action talks to
        DESTINATION_ADDRESS destination_address: Option<Text> {
            destination.address, free_text, count_distinct
        }
        /// The destination lies outside
        DESTINATION_EXTERNAL destination_external: Option<bool> { destination.external }
        /// Records touched
        VOLUME_RECORDS volume_records: Option<u64> { volume.records }
        /// Bytes read
        VOLUME_BYTES_IN volume_bytes_in: Option<u64> { volume.bytes_in, with_unit("bytes") }
        /// Bytes written or sent
        VOLUME_BYTES_OUT volume_bytes_out: Option<u64> { volume.bytes_out, with_unit("bytes") }
        /// Model tokens in
        VOLUME_TOKENS_IN volume_tokens_in: Option<u64> { volume.tokens_in, with_unit("tokens") }
        /// Model tokens out
        VOLUME_TOKENS_OUT volume_tokens_out: Option<u64> { volume.tokens_out, with_unit("tokens") }
        /// Cost of the action
        VOLUME_COST_USD volume_cost_usd: Option<f64> { volume.cost_usd, with_unit("USD") }
        /// How long the action took
        LATENCY_US latency_us: Option<u64> { .latency_us, with_unit("us") }
        /// What the gateway answered
        OUTCOME outcome: Option<ActionOutcome> {
            .outcome, ocsf_path("evidences.api.response.message")
        }
        /// Id of the policy decision
        POLICY_DECISION_ID policy_decision_id: Option<Text> { policy.decision_id, free_text }
        /// The channel was encrypted
        CHANNEL_ENCRYPTED channel_encrypted: Option<bool> { channel.encrypted }
        /// Both ends of the channel were authenticated
        CHANNEL_AUTHENTICATED channel_authenticated: Option<bool> { channel.authenticated }
        /// Identity of the channel's other end
        CHANNEL_PEER_ID channel_peer_id: Option<Text> { channel.peer_id, free_text }
        /// Network the channel crossed
        CHANNEL_NETWORK channel_network: Option<Network> { channel.network }
        /// The result carries text from outside
        CONTENT_UNTRUSTED content_untrusted: Option<bool> { content.untrusted }
        /// The result carries private data
        CONTENT_PRIVATE content_private: Option<bool> { content.private }
        /// What the untrusted content is
        CONTENT_SOURCE content_source: Option<ContentSource> { content.source }
        /// What a content scanner or guardrail at the gateway found, by its own ids
        CONTENT_FLAGS content_flags: Vec<Text> { content.flags, entries_max(FLAGS_MAX) }
        /// Trace id
        TRACE_ID trace_id: Option<Text> { trace.id }
        /// Span id
        SPAN_ID span_id: Option<Text> { span.id }
        /// Version of the record's schema
        EVENT_SCHEMA_VERSION event_schema_version: Option<Text> { event.schema_version, free_text }
    } };
}
pub(crate) use action_fields;
