//! The fact catalogue: the names that rules may read, each with its type, unit and source.
//!
//! The slot constants of [`fact`], the listing of `scopewatch rules fields` and the checks of rule
//! files derive from the fields of an action and the table below. A fact that this version does not
//! compute is not in the table: a rule that reads it is refused, because it would never match.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

pub use super::fact_info::{FactInfo, FactPresence, FactSlot, FactSource, FactType};
use crate::behaviour::{ClassBasis, EgressTarget, EvidenceSignal, TrifectaSpan};

use crate::event::{
    ActionEffect, ActionField, ContentSource, DelegationVerdict, EventKind, FieldInfo, FieldKind,
    action_fields,
};
use crate::scope::{ScopeBasis, ScopeStatus, Violation, WiderDimensions};

/// Declares the static facts: first one for each field of the action, then the facts of the table,
/// each with constant, name, type, unit, presence, source, words and needs.
macro_rules! facts {
    (
        { $($id:ident $name:literal $type:ident $unit:literal $presence:ident $source:ident
            $words:expr, [$($need:ident)*], $doc:literal;)+ }
        $(#[doc = $field_doc:literal] $field_id:ident $field:ident: $field_type:ty { $($row:tt)* })+
    ) => {
        /// The slot of each static fact.
        pub mod fact {
            use super::FactSlot;
            #[allow(
                clippy::upper_case_acronyms,
                non_camel_case_types,
                reason = "named as the constants are"
            )]
            #[repr(u16)]
            enum SlotOrder { $($field_id,)+ $($id),+ }
            $(#[doc = $field_doc]
              pub const $field_id: FactSlot = FactSlot(SlotOrder::$field_id as u16);)+
            $(#[doc = $doc] pub const $id: FactSlot = FactSlot(SlotOrder::$id as u16);)+
        }

        /// Every static fact, in slot order. The facts of metrics follow them.
        static FACTS: &[FactInfo] = &[
            $(record_fact(fact::$field_id, ActionField::$field_id.info()),)+
            $(FactInfo {
                slot: fact::$id,
                name: Cow::Borrowed($name),
                fact_type: FactType::$type,
                unit: $unit,
                presence: FactPresence::$presence,
                source: FactSource::$source,
                words: $words,
                needs: &[$(fact::$need),*],
                doc: Cow::Borrowed($doc),
            }),+
        ];
    };
}

/// The fact of a field of the record.
const fn record_fact(slot: FactSlot, field: &'static FieldInfo) -> FactInfo {
    let (fact_type, words) = match field.kind {
        FieldKind::Text => (FactType::Text, OPEN),
        FieldKind::Time => (FactType::TimeMs, OPEN),
        FieldKind::Count => (FactType::Number, OPEN),
        FieldKind::Amount => (FactType::Float, OPEN),
        FieldKind::Flag => (FactType::Flag, OPEN),
        FieldKind::Word(words) => (FactType::Text, words),
        FieldKind::Texts => (FactType::List, OPEN),
    };
    FactInfo {
        slot,
        name: Cow::Borrowed(field.path),
        fact_type,
        unit: field.unit,
        presence: match field.always {
            true => FactPresence::Always,
            false => FactPresence::Optional,
        },
        source: FactSource::Record,
        words,
        needs: &[],
        doc: Cow::Borrowed(field.doc),
    }
}

const OPEN: &[&str] = &[];
const CREDENTIAL_VERDICTS: &[&str] = &["valid", "expired", "revoked", "not_in_scope"];
/// What a credential is used in again.
const REUSES: &[&str] = &["task", "session"];
const LIFECYCLE_ENDS: &[&str] = &["completed", "expired", "suspended", "revoked"];
/// How far the revocation has come that an action came after.
const REVOCATION_STATES: &[&str] = &["requested", "confirmed"];
const BASELINE_STATES: &[&str] = &["learning", "active", "stale", "class", "frozen"];

action_fields! { facts {
    EVENT_KIND "event.kind" Text "" Always Derived EventKind::WORDS, [],
        "Kind of event; a rule that does not read it matches actions only";
    EVENT_MALFORMED "event.malformed" List "" Optional Derived OPEN, [],
        "Fields and groups of the record whose values cannot be used";
    EVENT_ID_REUSED "event.id_reused" Flag "" WhenTrue Derived OPEN, [],
        "The agent's record has an event id that one of its last records had with other content";
    EVENT_DEAD_LETTER "event.dead_letter" Text "" Optional Derived OPEN, [],
        "Class of the dead letter, where `event.kind` is `dead_letter`";
    EVENT_CLAMPED "event.clamped" Flag "" WhenTrue Derived OPEN, [],
        "`occurred_at` lay too far from the append time and was moved";
    ACTION_EFFECT "action.effect" Text "" Always Derived ActionEffect::WORDS, [ACTION_VERB],
        "Effect that follows from the verb";
    TIME_HOUR "time.hour" Number "h" Always Derived OPEN, [],
        "Hour of the day in the tenant's zone, 0 to 23";
    TIME_WEEKDAY "time.weekday" Number "" Always Derived OPEN, [],
        "ISO weekday in the tenant's zone, 1 = Monday";
    DELEGATION_DEPTH "delegation.depth" Number "hops" Optional Derived OPEN, [DELEGATION_CHAIN],
        "Identities above the agent: in its chain, or by its declared parents where these are \
         more; 0 when it acts directly";
    DELEGATION_CHILDREN "delegation.children" Number "agents" Optional Delegation OPEN, [],
        "Children of the agent, that of this action included; beyond 64 they are only counted";
    DELEGATION_SPAWNED_1H "delegation.spawned_1h" Number "spawns" Optional Delegation OPEN,
        [ACTION_VERB],
        "Spawns of the agent in the last hour that were not denied, this action included";
    DELEGATION_TREE_SIZE "delegation.tree_size" Number "agents" Optional Delegation OPEN, [],
        "Agents of the delegation tree below the agent, itself included; beyond 256 they are only \
         counted";
    DELEGATION_VERDICT "delegation.verdict" Text "" Optional Delegation DelegationVerdict::WORDS,
        [],
        "On whose authority the agent acts; absent where nothing is said of it";
    DELEGATION_PARENT "delegation.parent" Text "" Optional Delegation OPEN, [],
        "Id of the agent that delegated to this one";
    DELEGATION_WIDENED "delegation.widened" List "" Optional Delegation WiderDimensions::WORDS, [],
        "The parts in which the scope permits more than those of its parent";
    DELEGATION_REVOCATION "delegation.revocation" Text "" Optional Delegation REVOCATION_STATES, [],
        "With the verdict `parent_revoked`: whether that revocation is only `requested` or is \
         `confirmed`";
    INSTRUCTION_TRUSTED "instruction.trusted" Flag "" Optional Derived OPEN, [INSTRUCTION_SOURCE],
        "The instruction came from operator, system prompt or user";
    CREDENTIAL_VERDICT "credential.verdict" Text "" Optional Scope CREDENTIAL_VERDICTS,
        [CREDENTIAL_ID],
        "What is known of the credential at the action's time, the gravest first: `revoked`, \
         `expired`, `not_in_scope` (the scope lists credentials and not this one), `valid`";
    CREDENTIAL_REUSED "credential.reused" List "" Optional Credential REUSES, [CREDENTIAL_ID],
        "What the agent used the credential in before: another `task`, another `session`";
    CREDENTIAL_FORWARDED "credential.forwarded" Flag "" WhenTrue Credential OPEN,
        [CREDENTIAL_ID],
        "Another agent is the holder of the credential: its scope names it, or it used it first";
    CREDENTIAL_USERS "credential.users" Number "" Optional Credential OPEN, [CREDENTIAL_ID],
        "Agents that have the credential, where there are several";
    CREDENTIAL_BINDING_MISMATCH "credential.binding_mismatch" Flag "" WhenTrue Credential OPEN,
        [CREDENTIAL_BOUND_TO],
        "The credential is bound to another key or workload than the channel's peer has, or than \
         before";
    CREDENTIAL_BEFORE_ISSUE "credential.before_issue" Flag "" WhenTrue Credential OPEN,
        [CREDENTIAL_ISSUED_AT],
        "The action happened more than a minute before the credential was issued";
    CREDENTIAL_TWO_NETWORKS "credential.two_networks" Flag "" WhenTrue Credential OPEN,
        [CREDENTIAL_ID CHANNEL_NETWORK],
        "Within a minute the credential was used from another network too, by another peer or \
         gateway";
    CREDENTIAL_OTHER_PEER "credential.other_peer" Flag "" WhenTrue Credential OPEN,
        [CREDENTIAL_ID CHANNEL_PEER_ID],
        "The channel's peer is not the one that the credential is bound to or was used by before";
    CREDENTIAL_TTL_S "credential.ttl_s" Number "s" Optional Derived OPEN,
        [CREDENTIAL_ISSUED_AT CREDENTIAL_EXPIRES_AT],
        "Lifetime of the credential from issue to expiry";
    CREDENTIAL_AGE_S "credential.age_s" Number "s" Optional Derived OPEN, [CREDENTIAL_ISSUED_AT],
        "Age of the credential at the action's time";
    SCOPE_STATUS "scope.status" Text "" Always Scope ScopeStatus::WORDS, [],
        "Status of the scope the action is judged by";
    SCOPE_VIOLATIONS "scope.violations" List "" Optional Scope Violation::WORDS, [],
        "The parts of the action that the judging scope does not allow, or did not before it ended";
    SCOPE_UNDECLARED_TASK "scope.undeclared_task" Flag "" WhenTrue Scope OPEN, [TASK_ID],
        "The agent has scopes, and none of them covers the task that the action names";
    SCOPE_WIDENED "scope.widened" Flag "" WhenTrue Scope OPEN, [],
        "The scope was widened during the task";
    SCOPE_SINCE_WIDENED_S "scope.since_widened_s" Number "s" Optional Scope OPEN, [],
        "Time since the scope was widened";
    SCOPE_ENFORCEMENT_GAP "scope.enforcement_gap" Flag "" WhenTrue Scope OPEN, [OUTCOME],
        "The gateway allowed what the scope forbids";
    SCOPE_UNMAPPED "scope.unmapped" Flag "" WhenTrue Scope OPEN, [],
        "Verb `other` or resource type `unknown`: no grant can judge the action";
    SCOPE_BASIS "scope.basis" Text "" Optional Scope ScopeBasis::WORDS, [],
        "How the judging scope was chosen";
    SCOPE_ID "scope.id" Text "" Optional Scope OPEN, [], "Id of the judging scope";
    SCOPE_AGE_S "scope.age_s" Number "s" Optional Scope OPEN, [],
        "Time since the judging scope took effect";
    LIFECYCLE_AFTER_END "lifecycle.after_end" Flag "" WhenTrue Lifecycle OPEN, [],
        "The action's task had been completed";
    LIFECYCLE_END "lifecycle.end" Text "" Optional Lifecycle LIFECYCLE_ENDS, [],
        "What ended before the action: the word for the scope that judges it";
    LIFECYCLE_AFTER_REVOCATION "lifecycle.after_revocation" Flag "" WhenTrue Lifecycle OPEN, [],
        "The agent acted with what was asked to be revoked, after the time that this may take";
    LIFECYCLE_REVOCATION "lifecycle.revocation" Text "" Optional Lifecycle REVOCATION_STATES, [],
        "Whether the revocation before the action was only `requested` or is `confirmed`";
    LIFECYCLE_PARENT_ENDED "lifecycle.parent_ended" Flag "" WhenTrue Lifecycle OPEN, [],
        "What the agent's parent, or an agent above that, was allowed is over";
    LIFECYCLE_SINCE_REVOCATION_S "lifecycle.since_revocation_s" Number "s" Optional
        Lifecycle OPEN, [],
        "Time since the revocation was confirmed or requested";
    LIFECYCLE_EFFECTIVE_REVOCATION_S "lifecycle.effective_revocation_s" Number "s" Optional
        Lifecycle OPEN, [],
        "Control: from the confirmed request until nobody acted with its targets any more";
    NOVEL_BASIS "novel.basis" Text "" Optional Behaviour ClassBasis::WORDS, [],
        "What the `novel` facts with `class` compare with: the tasks of the same type and class, \
         of the same type, or of the same agent";
    NOVEL_TYPE_VERB_CLASS "novel.type_verb.class" Flag "" WhenTrue Behaviour OPEN, [],
        "No clean task of the class used the verb on this resource type; like all of these, absent \
         until the class has five clean tasks";
    NOVEL_TYPE_VERB_AGENT "novel.type_verb.agent" Flag "" WhenTrue Behaviour OPEN, [],
        "No clean task of the agent did";
    NOVEL_DESTINATION_CLASS "novel.destination.class" Flag "" WhenTrue Behaviour OPEN, [],
        "No clean task of the class used one of the external destinations";
    NOVEL_DESTINATION_AGENT "novel.destination.agent" Flag "" WhenTrue Behaviour OPEN, [],
        "No clean task of the agent did";
    NOVEL_RESOURCE_CLASS "novel.resource.class" Flag "" WhenTrue Behaviour OPEN, [RESOURCE_ID],
        "Something is done to a resource that no clean task of the class used";
    NOVEL_RESOURCE_AGENT "novel.resource.agent" Flag "" WhenTrue Behaviour OPEN, [RESOURCE_ID],
        "Something is done to a resource that no clean task of the agent used";
    NOVEL_TOOL_CLASS "novel.tool.class" Flag "" WhenTrue Behaviour OPEN, [TOOL_NAME],
        "No clean task of the class called the tool";
    NOVEL_TOOL_AGENT "novel.tool.agent" Flag "" WhenTrue Behaviour OPEN, [TOOL_NAME],
        "No clean task of the agent did";
    NOVEL_MODEL_CLASS "novel.model.class" Flag "" WhenTrue Behaviour OPEN, [AGENT_MODEL],
        "No clean task of the class used the model; also absent until five clean tasks used one \
         model";
    NOVEL_MODEL_AGENT "novel.model.agent" Flag "" WhenTrue Behaviour OPEN, [AGENT_MODEL],
        "No clean task of the agent did";
    NOVEL_HOUR_CLASS "novel.hour.class" Flag "" WhenTrue Behaviour OPEN, [],
        "No clean task of the class was busy in this hour of the day";
    NOVEL_HOUR_AGENT "novel.hour.agent" Flag "" WhenTrue Behaviour OPEN, [],
        "No clean task of the agent was";
    NOVEL_CLASS_SWITCH "novel.class_switch" Flag "" WhenTrue Behaviour OPEN, [CREDENTIAL_ID],
        "The agent last used the credential for another class of tasks";
    ACTION_EGRESS "action.egress" Text "" Optional Behaviour EgressTarget::WORDS, [],
        "For a side effect or fetch with an external destination: how new that is. `declared` by \
         the scope, `known` to the class, only to its `peers`, new as is `usual` for the class, \
         `new`, or `unlearned`: the class has fewer than five clean tasks";
    TASK_UNTRUSTED_SEEN "task.untrusted_seen" List "" Optional Behaviour ContentSource::WORDS, [],
        "The kinds of untrusted content that the task has read before this action";
    TASK_SINCE_UNTRUSTED_ACTIONS "task.since_untrusted_actions" Number "actions" Optional
        Behaviour OPEN, [],
        "Actions of the task since it read untrusted content, this one included";
    TASK_SINCE_UNTRUSTED_S "task.since_untrusted_s" Number "s" Optional Behaviour OPEN, [],
        "Time since the task read untrusted content";
    TASK_PRIVATE_READ "task.private_read" Flag "" WhenTrue Behaviour OPEN, [],
        "The task has read private data before this action";
    TASK_TRIFECTA "task.trifecta" Text "" Optional Behaviour TrifectaSpan::WORDS, [],
        "The action has a `new` destination, and untrusted content and private data were read \
         before: by the `task` itself, or by agents of its delegation `tree` within an hour";
    TASK_DENIED_BEFORE "task.denied_before" Number "actions" Optional Behaviour OPEN, [OUTCOME],
        "Denied actions of the task on this resource type before this one, since one was allowed, \
         each within ten minutes of the next";
    TASK_REPEATS "task.repeats" Number "actions" Optional Behaviour OPEN, [],
        "Identical calls of the task in a row, this one included, each within ten seconds of the \
         next: same tool, verb, resource, external destination and bytes sent";
    TASK_FAILED_RESOURCES "task.failed_resources" Number "resources" Optional Behaviour OPEN,
        [RESOURCE_ID],
        "Of the 32 different resources of this type that the task tried last: those that it was \
         denied or failed on";
    AGENT_VERSION_CHANGED "agent.version_changed" Flag "" WhenTrue Behaviour OPEN,
        [AGENT_VERSION CREDENTIAL_ID],
        "The task was done by another version of the agent before, with the same credential";
    GATEWAY_MISSING "gateway.missing" Number "records" Optional Behaviour OPEN, [],
        "Link: numbers of the gateway that have not come ten minutes after a greater one";
    GATEWAY_MISSING_FIRST "gateway.missing_first" Number "" Optional Behaviour OPEN, [],
        "Link: the first of these numbers";
    GATEWAY_MISSING_LAST "gateway.missing_last" Number "" Optional Behaviour OPEN, [],
        "Link: the last of these numbers";
    PURPOSE_DRIFT_BANS "purpose.drift_bans" Float "bans" Optional Behaviour OPEN, [],
        "How far what the task does is from its class: by how much rarer in clean tasks of the \
         class its resource types and verbs are than an average one, the mean of 20 to 40 actions";
    EVIDENCE_BANS "evidence.bans" Float "bans" Optional Behaviour OPEN, [],
        "The evidence that somebody else steers the agent: the sum of its signals";
    EVIDENCE_CLASS_TASKS "evidence.class_tasks" Number "tasks" Optional Behaviour OPEN, [],
        "Clean tasks of the class: with fewer than five it is young, and little counts";
    EVIDENCE_SIGNALS "evidence.signals" List "" Optional Behaviour EvidenceSignal::WORDS, [],
        "The signals that the evidence consists of";
} }

/// The fact in a slot; `None` for the facts of metrics, whose slots differ from bundle to bundle.
#[must_use]
pub fn static_fact(slot: FactSlot) -> Option<&'static FactInfo> {
    FACTS.get(slot.index())
}

/// The slots of the six facts of one metric.
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
    /// All six slots.
    #[must_use]
    pub const fn all_slots(&self) -> [FactSlot; 6] {
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

/// The static facts and the facts of the metrics of one bundle.
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
    /// The static facts, without metrics.
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

    /// Adds the facts of a metric. The caller has checked that the name `metric` is new.
    pub(in crate::rule) fn add_metric(&mut self, metric: &str) {
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
                presence: FactPresence::Optional,
                source: FactSource::Baseline,
                words,
                needs: &[],
                doc: Cow::Owned(format!("{doc} of metric {metric}")),
            });
        };
        add("observed", Float, OPEN, "value of the judged pane");
        add("expected", Float, OPEN, "expected value");
        add("upper", Float, OPEN, "smallest value that alarms");
        add("ratio", Float, OPEN, "observed divided by expected");
        add(
            "p_value",
            Float,
            OPEN,
            "probability of a value this far from the expected one",
        );
        add("state", Text, BASELINE_STATES, "state of the baseline");
    }

    /// The slots of a metric that `add_metric` added.
    #[must_use]
    pub fn metric_facts(&self, metric: &str) -> Option<MetricFacts> {
        let slot = |part: &str| self.find_slot(&format!("baseline.{metric}.{part}"));
        Some(MetricFacts {
            observed: slot("observed")?,
            expected: slot("expected")?,
            upper: slot("upper")?,
            ratio: slot("ratio")?,
            p_value: slot("p_value")?,
            state: slot("state")?,
        })
    }

    /// The number of facts, and of slots in [`crate::rule::Facts`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The slot of the fact with this name.
    #[must_use]
    pub fn find_slot(&self, name: &str) -> Option<FactSlot> {
        self.by_name.get(name).copied()
    }

    /// The fact in a slot.
    #[must_use]
    pub fn fact_info(&self, slot: FactSlot) -> Option<&FactInfo> {
        self.facts.get(slot.index())
    }

    /// The fact with this name.
    #[must_use]
    pub fn find_fact(&self, name: &str) -> Option<&FactInfo> {
        self.fact_info(self.find_slot(name)?)
    }

    /// The name of the fact in a slot; empty for a slot outside the catalogue.
    #[must_use]
    pub fn fact_name(&self, slot: FactSlot) -> &str {
        self.fact_info(slot).map_or("", |fact| &fact.name)
    }

    /// Every fact, in slot order: what `scopewatch rules fields` prints.
    pub fn iter(&self) -> impl Iterator<Item = &FactInfo> {
        self.facts.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verb;

    #[test]
    fn slots_are_indices_and_names_are_distinct() {
        let mut catalogue = FactCatalogue::new();
        catalogue.add_metric("actions");
        let metric = catalogue.metric_facts("actions").unwrap();
        assert_eq!(catalogue.fact_name(metric.state), "baseline.actions.state");
        for (index, fact) in catalogue.iter().enumerate() {
            assert_eq!(fact.slot.index(), index, "{}", fact.name);
            assert_eq!(
                catalogue.find_slot(&fact.name),
                Some(fact.slot),
                "{}",
                fact.name
            );
        }
    }

    #[test]
    fn a_closed_vocabulary_is_the_one_of_the_records() {
        let catalogue = FactCatalogue::new();
        let verbs = catalogue.fact_info(fact::ACTION_VERB).unwrap().words;
        assert_eq!(verbs.len(), Verb::ALL.len());
        assert!(verbs.contains(&"transfer"));
    }
}
