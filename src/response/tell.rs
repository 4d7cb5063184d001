//! Making an incident's next message.

use serde_json::{Map, Value};

use crate::event::{AgentAction, Text};

use super::alert::{Activity, Alert, CloseReason, Expected, Outcome, RuleNote};
use super::id::Id;
use super::incident::Incident;
use super::incidents::Incidents;
use super::respond::{BUDGET_FACTS, BUDGET_RULE, Setting};
use super::terms::{Fold, Mode, RuleFacts};

/// What a message says beside what its incident knows.
pub(super) struct Telling<'a> {
    pub(super) tenant: &'a Text,
    /// The rule, where the caller has it at hand.
    pub(super) rule: Option<RuleFacts<'a>>,
    /// The weaker rules on the action; `None` when no action caused the message, which then names
    /// every rule that ever joined.
    pub(super) also: Option<&'a [&'a str]>,
    pub(super) time_ms: i64,
    pub(super) message: String,
    pub(super) facts: Map<String, Value>,
    pub(super) expected: Option<Expected>,
    pub(super) chain: &'a [Text],
    pub(super) trigger: Option<&'a AgentAction>,
    pub(super) mode: Option<Mode>,
    pub(super) notes: Vec<String>,
}

impl<'a> Telling<'a> {
    /// A message that no action caused.
    pub(super) fn plain(tenant: &'a Text, time_ms: i64, message: String) -> Self {
        Telling {
            tenant,
            rule: None,
            also: None,
            time_ms,
            message,
            facts: Map::new(),
            expected: None,
            chain: &[],
            trigger: None,
            mode: None,
            notes: Vec::new(),
        }
    }
}

impl RuleFacts<'_> {
    /// What an alert says of its rule.
    #[must_use]
    pub fn note(&self) -> RuleNote {
        RuleNote {
            id: self.id.into(),
            title: self.title.into(),
            family: self.family,
        }
    }
}

/// Sends an open incident's next message and returns its id.
pub(super) fn tell(
    setting: &Setting<'_>,
    incidents: &mut Incidents,
    id: Id,
    telling: Telling<'_>,
    out: &mut Vec<Outcome>,
) -> Option<Id> {
    let mut incident = incidents.get(id)?.clone();
    let activity = Activity::of_message(incident.message_n.saturating_add(1));
    let alert = compose(setting, incidents, &mut incident, activity, telling);
    let message_id = alert.message_id;
    if let Some(open) = incidents.get_mut(id) {
        *open = incident;
    }
    out.push(Outcome::Alert(Box::new(alert)));
    Some(message_id)
}

/// Sends the last message of an incident that was just taken out of `incidents`.
pub(super) fn tell_closed(
    setting: &Setting<'_>,
    incidents: &Incidents,
    mut incident: Incident,
    tenant: &Text,
    reason: CloseReason,
    time_ms: i64,
    out: &mut Vec<Outcome>,
) {
    let title = note(setting, &incident).title;
    let who = match incident.fold {
        Fold::Agent => format!("agent {}", incident.agent),
        Fold::ClassDay | Fold::ToolDay | Fold::Tenant => format!("tenant {tenant}"),
    };
    let findings = match incident.count {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let why = match reason {
        CloseReason::Quiet => "nothing more happened",
        CloseReason::Crowded => "too many incidents are open and this one was the quietest",
        CloseReason::FalsePositive => "a person called it a false positive",
    };
    let message = format!("Closed after {findings}, because {why}: {title}, {who}");
    let telling = Telling::plain(tenant, time_ms, message);
    let activity = Activity::Close(reason);
    let alert = compose(setting, incidents, &mut incident, activity, telling);
    out.push(Outcome::Alert(Box::new(alert)));
}

/// The rule of an incident: from the bundle, or what the incident itself remembers when the bundle
/// no longer has it.
pub(super) fn note(setting: &Setting<'_>, incident: &Incident) -> RuleNote {
    match lookup(setting, &incident.rule) {
        Some(rule) => rule.note(),
        None => RuleNote {
            id: incident.rule.clone(),
            title: incident.rule.clone(),
            family: incident.family,
        },
    }
}

fn lookup<'a>(setting: &Setting<'a>, id: &str) -> Option<RuleFacts<'a>> {
    if id == BUDGET_RULE {
        Some(BUDGET_FACTS)
    } else {
        (setting.rule)(id)
    }
}

fn compose(
    setting: &Setting<'_>,
    incidents: &Incidents,
    incident: &mut Incident,
    activity: Activity,
    telling: Telling<'_>,
) -> Alert {
    incident.message_n = incident.message_n.saturating_add(1);
    let (event_ids, event_ids_dropped) = incident.evidence.take();
    let also = match telling.also {
        Some(fired) => fired.iter().map(|id| Text::from(*id)).collect(),
        None => incident.also.clone(),
    };
    let rule = telling.rule.or_else(|| lookup(setting, &incident.rule));
    Alert {
        message_id: Id::message(incident.id, incident.message_n),
        incident_id: incident.id,
        activity,
        time_ms: telling.time_ms,
        tenant: telling.tenant.clone(),
        agent_id: incident.agent.clone(),
        agent_type: incident.agent_type.clone(),
        task_id: incident.task().cloned(),
        rule: note(setting, incident),
        also,
        severity: incident.severity,
        message: telling.message,
        event_ids,
        event_ids_dropped,
        first_event: incident.first.clone(),
        last_ms: incident.last_ms,
        count: incident.count,
        facts: telling.facts,
        expected: telling.expected,
        chain: telling.chain.to_vec(),
        atlas: rule.map(|rule| rule.atlas.to_vec()).unwrap_or_default(),
        asi: rule.map(|rule| rule.asi.to_vec()).unwrap_or_default(),
        agents: incident.agents.clone(),
        revocation: incidents
            .requests
            .block(incident.id, telling.mode, telling.notes),
        bundle: setting.bundle.into(),
        trigger: telling.trigger.map(|action| Box::new(action.clone())),
    }
}
