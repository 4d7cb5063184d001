//! What an agent is evaluated for besides its actions: a scope that begins, changes or ends, a
//! control record, a link, a timer that is due, a record that cannot be used. Each is evaluated
//! once, and only by the rules that ask for it: those that read `event.kind`.

use jiff::tz::TimeZone;

use crate::event::{
    AgentAction, AgentScope, CommandKind, ControlRecord, EventKind, LinkBody, LinkCause,
    RecordPosition, UnreadableRecord,
};
use crate::response::CredentialSigns;
use crate::rule::{Bundle, Facts, Rule, RuleSet, fact, fill_time_facts};
use crate::scope::Judgement;

use super::credential_facts::fill_shared;
use super::delegation::{DelegationFacts, fill_delegation};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::explain_finding::Evaluation;
use super::facts;
use super::gateway_gap::GatewayGap;
use super::metric_slots::MetricAlarm;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::timed_action::{RecordOrigin, TimedAction};

/// The topic in the position of an event that no record caused: a timer.
const TIMER_TOPIC: &str = "#timer";

/// An event of an agent that is no action.
#[derive(Debug, Clone, Copy)]
pub(super) struct AgentEvent<'a> {
    pub content: EventContent<'a>,
    /// The record that led to it.
    pub cause: &'a LinkCause,
    /// The facts of the agent's delegation tree, where the event changed them.
    pub tree: Option<&'a DelegationFacts>,
    /// Metrics that alarm on it.
    pub alarms: &'a [MetricAlarm],
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub(super) enum EventContent<'a> {
    /// A scope record that begins or changes a scope.
    Grant(&'a AgentScope),
    /// A scope record that ends one.
    Lifecycle(&'a AgentScope),
    Control(&'a ControlRecord),
    /// A link arrived at the agent.
    Link(&'a LinkBody),
    /// Numbers of a gateway have not come: the agent is the subject of the gateway.
    GatewayGap(&'a GatewayGap),
    /// A timer of the agent was due.
    Tick,
    /// A record of an action cannot be used.
    DeadLetter(&'a UnreadableRecord),
}

impl EventContent<'_> {
    fn kind(&self) -> EventKind {
        match self {
            EventContent::Grant(_) => EventKind::Grant,
            EventContent::Lifecycle(_) => EventKind::Lifecycle,
            EventContent::Control(_) => EventKind::Control,
            EventContent::Link(_) | EventContent::GatewayGap(_) => EventKind::Link,
            EventContent::Tick => EventKind::Tick,
            EventContent::DeadLetter(_) => EventKind::DeadLetter,
        }
    }
}

/// The kinds of events for which a bundle has a rule that may match.
pub(super) fn evaluated_kinds(bundle: &Bundle) -> Vec<EventKind> {
    let has_rule = |kind: &EventKind| bundle.rules.iter().any(|rule| rule.may_match_kind(*kind));
    EventKind::ALL.iter().copied().filter(has_rule).collect()
}

/// The cause of what a record itself leads to at its agent.
pub(super) fn record_cause(origin: &RecordOrigin) -> LinkCause {
    LinkCause {
        position: origin.position.clone(),
        append_ms: origin.append_ms,
        at_ms: origin.append_ms,
        event_id: origin.position.to_string().into(),
    }
}

/// The cause of what a timer that was due at `due_ms` leads to.
pub(super) fn timer_cause(due_ms: i64) -> LinkCause {
    LinkCause {
        position: RecordPosition {
            topic: TIMER_TOPIC.into(),
            partition: 0,
            offset: due_ms,
            index: 0,
        },
        append_ms: due_ms,
        at_ms: due_ms,
        event_id: format!("timer/{due_ms}").into(),
    }
}

impl Detector {
    /// Whether a rule of the bundle may match such an event. If none may, nothing is prepared for
    /// its evaluation.
    pub(super) fn evaluates_kind(&self, kind: EventKind) -> bool {
        self.event_kinds.contains(&kind)
    }

    /// Evaluates an event that is no action at the agent `key`, which must be in memory. Alerts
    /// take position, times and event id from its cause.
    pub(super) fn evaluate_event(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        event: &AgentEvent<'_>,
        effects: &mut RecordEffects,
    ) {
        let kind = event.content.kind();
        let is_evaluated = self.evaluates_kind(kind) || !event.alarms.is_empty();
        if !is_evaluated || !self.judges_at(partition.stream_ms) {
            return;
        }
        let Some(action) = event_action(key, &event.content) else {
            return;
        };
        if partition.stream_ms == i64::MIN {
            // No record has moved time so far: it begins with this event.
            partition.stream_ms = event.cause.at_ms;
        }
        let origin = RecordOrigin::of_cause(event.cause);
        let timed = TimedAction {
            action: &action,
            origin: &origin,
            at_ms: event.cause.at_ms,
            counted_ms: event.cause.at_ms,
            clamped: false,
            id_reused: false,
            credential: CredentialSigns::default(),
            outage: None,
        };
        let mut facts = Facts::new(&self.bundle.catalogue);
        fill_effect(&mut facts, partition, key, &event.content);
        self.fill_event(&mut facts, &timed, event);
        let mut matched = Vec::new();
        self.bundle.match_rules(&facts, RuleSet::All, &mut matched);
        let asks = |rule: &Rule| rule.reads.contains(&fact::EVENT_KIND);
        matched.retain(|ix| self.bundle.rule(*ix).is_some_and(asks));
        for alarm in event.alarms {
            if let Some(metric) = self.bundle.metric(alarm.metric) {
                facts::fill_expected(&mut facts, metric, &alarm.found);
                if !matched.contains(&metric.rule) {
                    matched.push(metric.rule);
                }
            }
        }
        if matched.is_empty() {
            return;
        }
        let evaluation = Evaluation {
            timed: &timed,
            event_id: &event.cause.event_id,
            facts: &facts,
            judgement: &Judgement::default(),
            alarms: event.alarms,
            behaviour: None,
        };
        self.report_findings(partition, key, &matched, &evaluation, effects);
    }

    /// Sets what every event says: its kind, its agent, its task and its time.
    fn fill_event<'a>(
        &'a self,
        facts: &mut Facts<'a>,
        timed: &TimedAction<'a>,
        event: &AgentEvent<'a>,
    ) {
        let action = timed.action;
        facts.set(fact::EVENT_ID, &*event.cause.event_id);
        facts.set(fact::EVENT_KIND, event.content.kind().as_str());
        facts.set(fact::TENANT, &*action.tenant);
        facts.set(fact::AGENT_ID, &*action.agent_id);
        facts.set(fact::AGENT_TYPE, action.agent_type.as_deref());
        facts.set(fact::PRINCIPAL_ID, action.principal_id.as_deref());
        facts.set(fact::TASK_ID, action.task_id.as_deref());
        facts.set(fact::TASK_CLASS, action.task_class.as_deref());
        match event.content {
            EventContent::Grant(scope) | EventContent::Lifecycle(scope) => {
                facts.set(fact::SCOPE_ID, &*scope.scope_id);
            }
            EventContent::DeadLetter(unreadable) => {
                facts.set(fact::EVENT_DEAD_LETTER, &*unreadable.class);
            }
            EventContent::Link(body) => fill_shared(facts, action, body, &self.bundle.resources),
            EventContent::GatewayGap(gap) => gap.fill_facts(facts),
            EventContent::Control(_) | EventContent::Tick => {}
        }
        let utc = TimeZone::UTC;
        let zone = self.bundle.resources.tenant_zone(&action.tenant);
        let zone = zone.unwrap_or(&utc);
        fill_time_facts(facts, action, timed.at_ms, timed.clamped, zone);
        fill_delegation(facts, event.tree);
        // Last, because a rule test overrides what was computed.
        for given in &self.given {
            facts::fill_given(facts, given);
        }
    }
}

/// Sets how long it took until a revocation was effective that a control record confirms.
fn fill_effect(
    facts: &mut Facts<'_>,
    partition: &PartitionState,
    key: &SubjectKey,
    content: &EventContent<'_>,
) {
    if let EventContent::Control(control) = content
        && let CommandKind::Confirmation { txn, target, .. } = &control.command
        && let Some(state) = partition.agents.get(key)
    {
        let requests = state.live.incidents.requests();
        let effective_ms = requests.effective_ms_of(txn, target.as_ref());
        let effective_s = effective_ms.map(|ms| ms / 1_000);
        facts.set(fact::LIFECYCLE_EFFECTIVE_REVOCATION_S, effective_s);
    }
}

/// The event in the form of an action, by which findings are folded and shown: its agent, and of a
/// scope record the task. `None` for a subject that is no agent.
fn event_action(key: &SubjectKey, content: &EventContent<'_>) -> Option<AgentAction> {
    let (tenant, agent) = match (key, content) {
        (SubjectKey::Agent(key), _) => (&key.tenant, &key.agent),
        // The shared state of undeclared agents: the record says which of them.
        (SubjectKey::Overflow(tenant), EventContent::Control(control)) => {
            (tenant, &control.agent_id)
        }
        (SubjectKey::Overflow(tenant), EventContent::DeadLetter(unreadable)) => {
            (tenant, &unreadable.agent.agent)
        }
        _ => return None,
    };
    let mut action = AgentAction::new(agent);
    action.tenant.clone_from(tenant);
    if let EventContent::Grant(scope) | EventContent::Lifecycle(scope) = content {
        action.agent_type.clone_from(&scope.agent_type);
        action.principal_id.clone_from(&scope.principal_id);
        action.task_id.clone_from(&scope.task_id);
        action.task_class.clone_from(&scope.task_class);
        action.task_purpose.clone_from(&scope.purpose);
    }
    if let EventContent::Link(LinkBody::CredentialShared {
        credential,
        issuer,
        task,
        ..
    }) = content
    {
        action.credential_id = Some(credential.clone());
        action.credential_issuer.clone_from(issuer);
        action.task_id.clone_from(task);
    }
    if let EventContent::GatewayGap(gap) = content {
        action.gateway_id = Some(gap.gateway.clone());
    }
    Some(action)
}
