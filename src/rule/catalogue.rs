//! The fact catalogue: the names that rules may read, each with its type, unit and source.
//!
//! One table makes the slot constants of [`fact`], the listing of `scopewatch rules fields` and
//! the checks of rule files. A fact that this version does not compute is not in the table: a rule
//! that reads it is refused instead of staying silent for ever.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::event::{
    DelegationState, Effect, InstructionSource, Network, Outcome, Sensitivity, Verb,
};

use crate::scope::{ScopeBasis, ScopeStatus, Violation};

use super::FactSlot;

/// The type of a fact's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactType {
    Text,
    /// A whole number.
    Number,
    Float,
    Flag,
    /// A list of words; a rule's value is compared with every member.
    List,
    /// Epoch milliseconds.
    TimeMs,
}

impl FactType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FactType::Text => "text",
            FactType::Number => "number",
            FactType::Float => "float",
            FactType::Flag => "flag",
            FactType::List => "list",
            FactType::TimeMs => "time",
        }
    }

    #[must_use]
    pub fn is_numeric(self) -> bool {
        matches!(self, FactType::Number | FactType::Float | FactType::TimeMs)
    }
}

/// When a fact is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Every action has it.
    Always,
    /// Absent when not reported or not known: a rule that negates it must also require it.
    Optional,
    /// A flag that is absent when false, and false when absent: it may be negated freely.
    WhenTrue,
}

impl Presence {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Presence::Always => "always",
            Presence::Optional => "optional",
            Presence::WhenTrue => "when true",
        }
    }
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A field of the record, under the same name.
    Record,
    /// Follows from the record alone.
    Derived,
    /// The judgement of the action against the agent's scope.
    Scope,
    /// What became of the agent's task and credentials.
    Lifecycle,
    /// A metric that a baseline rule of the bundle declares.
    Baseline,
}

impl Source {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Record => "record",
            Source::Derived => "derived",
            Source::Scope => "scope",
            Source::Lifecycle => "lifecycle",
            Source::Baseline => "baseline",
        }
    }
}

/// One fact of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactInfo {
    pub slot: FactSlot,
    /// The name that rules use.
    pub name: Cow<'static, str>,
    pub fact_type: FactType,
    /// Unit of a number; empty when it has none.
    pub unit: &'static str,
    pub presence: Presence,
    pub source: Source,
    /// The closed vocabulary of a text or list; empty when it is open.
    pub words: &'static [&'static str],
    /// Record fields without which the fact is never there; empty for a record field, which needs
    /// itself.
    pub needs: &'static [FactSlot],
    pub doc: Cow<'static, str>,
}

/// Declares the static facts: constant, name, type and unit, presence, source, words, needs.
macro_rules! facts {
    ($($id:ident $name:literal $type:ident $unit:literal $presence:ident $source:ident
        $words:expr, [$($need:ident)*], $doc:literal;)+) => {
        /// The slot of each static fact.
        pub mod fact {
            use super::super::FactSlot;
            #[allow(
                clippy::upper_case_acronyms,
                non_camel_case_types,
                reason = "named as the constants are"
            )]
            #[repr(u16)]
            enum Order { $($id),+ }
            $(#[doc = $doc] pub const $id: FactSlot = FactSlot(Order::$id as u16);)+
        }

        /// Every static fact, in slot order. The facts of metrics follow them.
        static FACTS: &[FactInfo] = &[$(FactInfo {
            slot: fact::$id,
            name: Cow::Borrowed($name),
            fact_type: FactType::$type,
            unit: $unit,
            presence: Presence::$presence,
            source: Source::$source,
            words: $words,
            needs: &[$(fact::$need),*],
            doc: Cow::Borrowed($doc),
        }),+];
    };
}

/// The words of a closed vocabulary, as a constant.
macro_rules! words_of {
    ($words:ident, $vocabulary:ident) => {
        const $words: &[&str] = {
            const COUNT: usize = $vocabulary::ALL.len();
            const WORDS: [&str; COUNT] = {
                let mut words = [""; COUNT];
                let mut at = 0;
                while at < COUNT {
                    words[at] = $vocabulary::ALL[at].as_str();
                    at += 1;
                }
                words
            };
            &WORDS
        };
    };
}

words_of!(VERBS, Verb);
words_of!(EFFECTS, Effect);
words_of!(INSTRUCTION_SOURCES, InstructionSource);
words_of!(DELEGATION_STATES, DelegationState);
words_of!(SENSITIVITIES, Sensitivity);
words_of!(OUTCOMES, Outcome);
words_of!(NETWORKS, Network);
words_of!(VIOLATIONS, Violation);
words_of!(SCOPE_BASES, ScopeBasis);
words_of!(SCOPE_STATUSES, ScopeStatus);

const OPEN: &[&str] = &[];
const EVENT_KINDS: &[&str] = &["action"];
const CREDENTIAL_VERDICTS: &[&str] = &["expired"];
const BASELINE_STATES: &[&str] = &["learning", "active", "stale"];

facts! {
    EVENT_ID "event_id" Text "" Always Record OPEN, [],
        "The gateway's id of the event, or the record's position";
    OCCURRED_AT "occurred_at" TimeMs "ms" Always Record OPEN, [],
        "When the agent acted; the append time when not reported";
    TENANT "tenant" Text "" Always Record OPEN, [], "Tenant; `default` when the record names none";
    AGENT_ID "agent.id" Text "" Always Record OPEN, [], "The agent observed";
    AGENT_TYPE "agent.type" Text "" Optional Record OPEN, [], "Type of the agent";
    AGENT_VERSION "agent.version" Text "" Optional Record OPEN, [], "Version of the agent";
    PRINCIPAL_ID "principal.id" Text "" Optional Record OPEN, [],
        "Person or service the agent acts for";
    GATEWAY_ID "gateway.id" Text "" Optional Record OPEN, [],
        "The gateway that reported the action";
    TASK_ID "task.id" Text "" Optional Record OPEN, [], "Id of the task";
    TASK_CLASS "task.class" Text "" Optional Record OPEN, [],
        "Class of the task; the scope's where there is one";
    TASK_PURPOSE "task.purpose" Text "" Optional Record OPEN, [], "Declared purpose of the task";
    SESSION_ID "session.id" Text "" Optional Record OPEN, [], "Id of the session";
    INSTRUCTION_SOURCE "instruction.source" Text "" Optional Record INSTRUCTION_SOURCES, [],
        "Who or what made the agent take the action";
    INSTRUCTION_REF "instruction.ref" Text "" Optional Record OPEN, [],
        "Reference to the instruction";
    CREDENTIAL_ID "credential.id" Text "" Optional Record OPEN, [],
        "Credential id (jti or fingerprint)";
    CREDENTIAL_ISSUER "credential.issuer" Text "" Optional Record OPEN, [],
        "Issuer of the credential";
    CREDENTIAL_KIND "credential.kind" Text "" Optional Record OPEN, [], "Kind of credential";
    CREDENTIAL_ISSUED_AT "credential.issued_at" TimeMs "ms" Optional Record OPEN, [],
        "When the credential was issued";
    CREDENTIAL_EXPIRES_AT "credential.expires_at" TimeMs "ms" Optional Record OPEN, [],
        "When the credential expires";
    CREDENTIAL_BOUND_TO "credential.bound_to" Text "" Optional Record OPEN, [],
        "Key or workload the credential is bound to";
    DELEGATION_CHAIN "delegation.chain" List "" Optional Record OPEN, [],
        "Delegation chain, root first";
    DELEGATION_STATE "delegation.state" Text "" Optional Record DELEGATION_STATES, [],
        "What the gateway knew of the chain";
    TOOL_NAME "tool.name" Text "" Optional Record OPEN, [], "The tool called";
    TOOL_SERVER "tool.server" Text "" Optional Record OPEN, [], "The server of the tool";
    ACTION_VERB "action.verb" Text "" Always Record VERBS, [],
        "What the action does; `other` when not mapped";
    ACTION_OPERATION "action.operation" Text "" Optional Record OPEN, [],
        "Raw operation name of the tool or API";
    RESOURCE_TYPE "resource.type" Text "" Always Record OPEN, [],
        "Type of the resource; `unknown` when not mapped";
    RESOURCE_ID "resource.id" Text "" Optional Record OPEN, [], "Id of the resource";
    RESOURCE_OWNER "resource.owner" Text "" Optional Record OPEN, [], "Owner of the resource";
    RESOURCE_SENSITIVITY "resource.sensitivity" Text "" Optional Record SENSITIVITIES, [],
        "Sensitivity of the resource";
    DESTINATION_HOST "destination.host" Text "" Optional Record OPEN, [],
        "Host the action talks to";
    DESTINATION_ADDRESS "destination.address" Text "" Optional Record OPEN, [],
        "Network address the action talks to";
    DESTINATION_EXTERNAL "destination.external" Flag "" Optional Record OPEN, [],
        "The destination lies outside";
    VOLUME_RECORDS "volume.records" Number "" Optional Record OPEN, [], "Records touched";
    VOLUME_BYTES_IN "volume.bytes_in" Number "bytes" Optional Record OPEN, [], "Bytes read";
    VOLUME_BYTES_OUT "volume.bytes_out" Number "bytes" Optional Record OPEN, [],
        "Bytes written or sent";
    VOLUME_TOKENS_IN "volume.tokens_in" Number "tokens" Optional Record OPEN, [], "Model tokens in";
    VOLUME_TOKENS_OUT "volume.tokens_out" Number "tokens" Optional Record OPEN, [],
        "Model tokens out";
    VOLUME_COST_USD "volume.cost_usd" Float "USD" Optional Record OPEN, [], "Cost of the action";
    LATENCY_US "latency_us" Number "us" Optional Record OPEN, [], "How long the action took";
    OUTCOME "outcome" Text "" Optional Record OUTCOMES, [], "What the gateway answered";
    POLICY_DECISION_ID "policy.decision_id" Text "" Optional Record OPEN, [],
        "Id of the policy decision";
    CHANNEL_ENCRYPTED "channel.encrypted" Flag "" Optional Record OPEN, [],
        "The channel was encrypted";
    CHANNEL_AUTHENTICATED "channel.authenticated" Flag "" Optional Record OPEN, [],
        "Both ends of the channel were authenticated";
    CHANNEL_PEER_ID "channel.peer_id" Text "" Optional Record OPEN, [],
        "Identity of the channel's other end";
    CHANNEL_NETWORK "channel.network" Text "" Optional Record NETWORKS, [],
        "Network the channel crossed";
    CONTENT_UNTRUSTED "content.untrusted" Flag "" Optional Record OPEN, [],
        "The result carries text from outside";
    CONTENT_PRIVATE "content.private" Flag "" Optional Record OPEN, [],
        "The result carries private data";
    TRACE_ID "trace.id" Text "" Optional Record OPEN, [], "Trace id";
    SPAN_ID "span.id" Text "" Optional Record OPEN, [], "Span id";
    EVENT_SCHEMA_VERSION "event.schema_version" Text "" Optional Record OPEN, [],
        "Version of the record's schema";
    EVENT_KIND "event.kind" Text "" Always Derived EVENT_KINDS, [],
        "Kind of event; this version judges actions only";
    EVENT_CLAMPED "event.clamped" Flag "" WhenTrue Derived OPEN, [],
        "`occurred_at` lay too far from the append time and was moved";
    ACTION_EFFECT "action.effect" Text "" Always Derived EFFECTS, [ACTION_VERB],
        "Effect that follows from the verb";
    TIME_HOUR "time.hour" Number "h" Always Derived OPEN, [],
        "Hour of the day in the tenant's zone, 0 to 23";
    TIME_WEEKDAY "time.weekday" Number "" Always Derived OPEN, [],
        "ISO weekday in the tenant's zone, 1 = Monday";
    DELEGATION_DEPTH "delegation.depth" Number "hops" Optional Derived OPEN, [DELEGATION_CHAIN],
        "Identities above the agent in its chain; 0 when it acts directly";
    INSTRUCTION_TRUSTED "instruction.trusted" Flag "" Optional Derived OPEN, [INSTRUCTION_SOURCE],
        "The instruction came from operator, system prompt or user";
        CREDENTIAL_VERDICT "credential.verdict" Text "" Optional Derived CREDENTIAL_VERDICTS,
        [CREDENTIAL_EXPIRES_AT],
        "`expired` when the credential had expired at the action's time";
        CREDENTIAL_TTL_S "credential.ttl_s" Number "s" Optional Derived OPEN,
        [CREDENTIAL_ISSUED_AT CREDENTIAL_EXPIRES_AT],
        "Lifetime of the credential from issue to expiry";
    CREDENTIAL_AGE_S "credential.age_s" Number "s" Optional Derived OPEN, [CREDENTIAL_ISSUED_AT],
        "Age of the credential at the action's time";
    SCOPE_STATUS "scope.status" Text "" Always Scope SCOPE_STATUSES, [],
        "Status of the scope the action is judged by";
    SCOPE_VIOLATIONS "scope.violations" List "" Optional Scope VIOLATIONS, [],
        "What of the action an active scope does not allow";
    SCOPE_WIDENED "scope.widened" Flag "" WhenTrue Scope OPEN, [],
        "The scope was widened during the task";
    SCOPE_SINCE_WIDENED_S "scope.since_widened_s" Number "s" Optional Scope OPEN, [],
        "Time since the scope was widened";
    SCOPE_ENFORCEMENT_GAP "scope.enforcement_gap" Flag "" WhenTrue Scope OPEN, [OUTCOME],
        "The gateway allowed what the scope forbids";
    SCOPE_UNMAPPED "scope.unmapped" Flag "" WhenTrue Scope OPEN, [],
        "Verb `other` or resource type `unknown`: no grant can judge the action";
    SCOPE_BASIS "scope.basis" Text "" Optional Scope SCOPE_BASES, [],
        "How the judging scope was chosen";
    SCOPE_ID "scope.id" Text "" Optional Scope OPEN, [], "Id of the judging scope";
    SCOPE_AGE_S "scope.age_s" Number "s" Optional Scope OPEN, [],
        "Time since the judging scope took effect";
    LIFECYCLE_AFTER_END "lifecycle.after_end" Flag "" WhenTrue Lifecycle OPEN, [],
        "The action's task had ended";
    LIFECYCLE_AFTER_REVOCATION "lifecycle.after_revocation" Flag "" WhenTrue Lifecycle OPEN, [],
        "What was revoked acted again after the time allowed for it to take effect";
        LIFECYCLE_SINCE_REVOCATION_S "lifecycle.since_revocation_s" Number "s" Optional
        Lifecycle OPEN, [],
        "Time since the revocation was confirmed or requested";
}

/// The fact in a static slot; `None` for the slot of a metric's fact.
#[must_use]
pub fn static_fact(slot: FactSlot) -> Option<&'static FactInfo> {
    FACTS.get(slot.index())
}

/// The six facts of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricFacts {
    pub observed: FactSlot,
    pub expected: FactSlot,
    pub upper: FactSlot,
    pub ratio: FactSlot,
    pub p_value: FactSlot,
    pub state: FactSlot,
}

impl MetricFacts {
    /// All of them.
    #[must_use]
    pub const fn slots(&self) -> [FactSlot; 6] {
        [
            self.observed,
            self.expected,
            self.upper,
            self.ratio,
            self.p_value,
            self.state,
        ]
    }
}

/// The static facts and those of a bundle's metrics.
#[derive(Debug, Clone)]
pub struct FactCatalogue {
    facts: Vec<FactInfo>,
    /// Only looked up.
    by_name: FxHashMap<Cow<'static, str>, FactSlot>,
}

impl Default for FactCatalogue {
    fn default() -> Self {
        FactCatalogue::new()
    }
}

impl FactCatalogue {
    /// The static facts alone.
    #[must_use]
    pub fn new() -> Self {
        let by_name = FACTS
            .iter()
            .map(|fact| (fact.name.clone(), fact.slot))
            .collect();
        FactCatalogue {
            facts: FACTS.to_vec(),
            by_name,
        }
    }

    /// Adds the facts of a metric. The caller has made sure that `metric` is a new name.
    pub(super) fn add_metric(&mut self, metric: &str) {
        use FactType::{Float, Text};
        let mut add = |part: &str, fact_type, words, doc: &str| {
            let slot = FactSlot(u16::try_from(self.facts.len()).unwrap_or(u16::MAX));
            let name: Cow<'static, str> = Cow::Owned(format!("baseline.{metric}.{part}"));
            self.by_name.insert(name.clone(), slot);
            self.facts.push(FactInfo {
                slot,
                name,
                fact_type,
                unit: "",
                presence: Presence::Optional,
                source: Source::Baseline,
                words,
                needs: &[],
                doc: Cow::Owned(format!("{doc} of metric {metric}")),
            });
        };
        add("observed", Float, OPEN, "value of the judged pane");
        add("expected", Float, OPEN, "expected value");
        add("upper", Float, OPEN, "smallest value that raises an alarm");
        add("ratio", Float, OPEN, "observed divided by expected");
        add("p_value", Float, OPEN, "chance of a value as far out");
        add("state", Text, BASELINE_STATES, "state of the baseline");
    }

    /// The slots of a metric that `add_metric` added.
    #[must_use]
    pub fn metric(&self, metric: &str) -> Option<MetricFacts> {
        let slot = |part: &str| self.slot(&format!("baseline.{metric}.{part}"));
        Some(MetricFacts {
            observed: slot("observed")?,
            expected: slot("expected")?,
            upper: slot("upper")?,
            ratio: slot("ratio")?,
            p_value: slot("p_value")?,
            state: slot("state")?,
        })
    }

    /// How many slots [`super::Facts`] needs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The slot of a name.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<FactSlot> {
        self.by_name.get(name).copied()
    }

    /// The fact in a slot.
    #[must_use]
    pub fn info(&self, slot: FactSlot) -> Option<&FactInfo> {
        self.facts.get(slot.index())
    }

    /// The name of a slot's fact; empty for a slot outside the catalogue.
    #[must_use]
    pub fn name(&self, slot: FactSlot) -> &str {
        self.info(slot).map_or("", |fact| &fact.name)
    }

    /// Every fact, in slot order: what `scopewatch rules fields` prints.
    pub fn iter(&self) -> impl Iterator<Item = &FactInfo> {
        self.facts.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_indices_and_names_are_distinct() {
        let mut catalogue = FactCatalogue::new();
        catalogue.add_metric("actions");
        let metric = catalogue.metric("actions").unwrap();
        assert_eq!(catalogue.name(metric.state), "baseline.actions.state");
        for (index, fact) in catalogue.iter().enumerate() {
            assert_eq!(fact.slot.index(), index, "{}", fact.name);
            assert_eq!(catalogue.slot(&fact.name), Some(fact.slot), "{}", fact.name);
        }
    }

    #[test]
    fn a_closed_vocabulary_is_the_one_of_the_records() {
        let catalogue = FactCatalogue::new();
        let verbs = catalogue.info(fact::ACTION_VERB).unwrap().words;
        assert_eq!(verbs.len(), Verb::ALL.len());
        assert!(verbs.contains(&"transfer"));
    }
}
