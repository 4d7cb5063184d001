//! Stage 2: counts a group of findings in its incident and says whether an alert is due.
//!
//! An incident gathers the findings of one rule on one task of an agent, or on one class or tool
//! and day of a tenant. A rule that joins an incident for the first time makes an alert due,
//! so that no rule's first finding waits for a count.

use crate::event::{AgentKey, Text};

use super::case::join_case;
use super::id::DerivedId;
use super::incident::{
    AGENTS_MAX, ALSO_MAX, DAY_MS, EVIDENCE_ID_BYTES_MAX, EvidenceKeep, FirstEvent, Incident,
    NameNews, OVERFLOW_GROUP, QUIET_AGENT_MS, QUIET_TENANT_MS,
};
use super::incident_store::IncidentStore;
use super::input::{ActionContext, Finding, IncidentStores};
use super::rank::FindingGroup;
use super::rule_view::IncidentFold;

/// Tasks of one agent of which a rule has incidents of their own; further tasks share one.
pub const TASKS_MAX: usize = 8;
/// Classes or tools of which a rule has a summary of their own in a day; further ones share one.
pub const CLASSES_MAX: usize = 12;

/// Stands in a group's name where the record names no class or tool.
const UNNAMED: &str = "-";

/// The incident of a group after its findings were counted.
#[derive(Debug)]
pub(super) struct FoldedGroup {
    pub(super) incident: DerivedId,
    pub(super) alert_due: bool,
    /// The incident is another one's, because as many are open as may be.
    pub(super) shared: bool,
    /// Whether the finding brought a name that its summary had not reported.
    pub(super) news: NameNews,
}

/// Counts a group of findings in its incident; opens one where there is none.
pub(super) fn fold_group(
    stores: &mut IncidentStores<'_>,
    group: &FindingGroup<'_>,
    ctx: &ActionContext<'_>,
) -> FoldedGroup {
    let rule = &group.lead.rule;
    let store = stores.store_of(rule.fold);
    let name = group_name(store, &group.lead, ctx);
    let own = store.find_open(rule.id, rule.fold, name.as_ref());
    let shared = own
        .is_none()
        .then(|| store.shared_when_full(rule))
        .flatten();
    let incident = own.or(shared).unwrap_or_else(|| {
        let mut opened = new_incident(&group.lead, name, ctx);
        if rule.fold == IncidentFold::Agent {
            let agent = (&ctx.action.tenant, &ctx.action.agent_id);
            opened.case = Some(join_case(&mut store.case, agent, ctx.case, ctx.stream_ms));
        }
        let id = opened.id;
        store.add_incident(opened, ctx.evidence);
        id
    });
    let evidence_limit = store.evidence_limit(ctx.evidence);
    let (alert_due, news) = store
        .get_mut(incident)
        .map_or((false, NameNews::Known), |open| {
            count_finding(open, group, ctx, evidence_limit)
        });
    FoldedGroup {
        incident,
        alert_due,
        shared: shared.is_some(),
        news,
    }
}

/// The incident that `finding` opens; it has counted nothing yet.
fn new_incident(finding: &Finding<'_>, group: Option<Text>, ctx: &ActionContext<'_>) -> Incident {
    let rule = &finding.rule;
    let key = AgentKey::new(&ctx.action.tenant, &ctx.action.agent_id);
    let id = DerivedId::incident(&key, rule.id, group.as_deref(), ctx.position, ctx.append_ms);
    let first = FirstEvent {
        position: ctx.position.clone(),
        occurred_at_ms: ctx.action.occurred_at_ms.unwrap_or(ctx.append_ms),
        append_ms: ctx.append_ms,
    };
    Incident {
        group,
        agent_type: ctx.action.agent_type.clone(),
        severity: finding.severity,
        ..Incident::without_findings(id, rule, ctx.action.agent_id.clone(), first, ctx.stream_ms)
    }
}

/// Counts one finding and returns whether an alert is due: at counts 1, 2, 4, 8 …, when the
/// severity rises, when another rule joins, which no earlier alert could have named, when a
/// summary has a new name, and when every event must be listed and there is no room for more.
fn count_finding(
    incident: &mut Incident,
    group: &FindingGroup<'_>,
    ctx: &ActionContext<'_>,
    evidence_limit: usize,
) -> (bool, NameNews) {
    let graver = group.lead.severity > incident.severity;
    incident.severity = incident.severity.max(group.lead.severity);
    incident.count = incident.count.saturating_add(1);
    incident.last_ms = incident.last_ms.max(ctx.stream_ms);
    incident.due_ms = quiet_until_ms(incident, ctx.at_ms);
    incident.evidence.push(evidence_id(ctx), evidence_limit);
    let agent = &ctx.action.agent_id;
    let spans_agents = incident.fold != IncidentFold::Agent;
    if spans_agents && incident.agents.len() < AGENTS_MAX && !incident.agents.contains(agent) {
        incident.agents.push(agent.clone());
    }
    let news = note_news(incident, ctx);
    let mut joined = false;
    for rule in std::iter::once(&group.lead.rule.id).chain(&group.also) {
        let known = incident.rule == *rule || incident.also.iter().any(|known| known == rule);
        if incident.also.len() < ALSO_MAX && !known {
            incident.also.push((*rule).into());
            joined = true;
        }
    }
    let all_full =
        ctx.evidence == EvidenceKeep::Every && incident.evidence.ids().len() >= evidence_limit;
    // An alert is due again: news at once, repetitions at counts 2, 4, 8 and so on.
    let alert_due =
        graver || joined || news != NameNews::Known || all_full || incident.count.is_power_of_two();
    (alert_due, news)
}

/// Notes who and what is new in a summary of a day.
fn note_news(incident: &mut Incident, ctx: &ActionContext<'_>) -> NameNews {
    let tool = ctx.action.tool_name.as_deref().unwrap_or(UNNAMED);
    let tool = match incident.fold {
        IncidentFold::ClassDay => None,
        IncidentFold::ToolDay => Some(tool),
        IncidentFold::Agent | IncidentFold::Tenant => return NameNews::Known,
    };
    let agent = &ctx.action.agent_id;
    incident.news.note_names(day_of(ctx), agent, tool)
}

/// Stream time at which the incident closes unless a further finding comes.
fn quiet_until_ms(incident: &Incident, at_ms: i64) -> i64 {
    match incident.fold {
        IncidentFold::Agent => incident.last_ms.saturating_add(QUIET_AGENT_MS),
        IncidentFold::Tenant => incident.last_ms.saturating_add(QUIET_TENANT_MS),
        // The day's summary is one incident: it stays open until the day is over.
        IncidentFold::ClassDay | IncidentFold::ToolDay => {
            let day_end_ms = (at_ms.div_euclid(DAY_MS) + 1).saturating_mul(DAY_MS);
            incident
                .last_ms
                .max(day_end_ms)
                .saturating_add(QUIET_AGENT_MS)
        }
    }
}

/// The task, class or tool that a finding is counted under. One beyond [`TASKS_MAX`] or
/// [`CLASSES_MAX`] shares an incident with all further ones: invented names cannot evict each
/// other's incidents and so cause alerts without end.
fn group_name(
    store: &IncidentStore,
    finding: &Finding<'_>,
    ctx: &ActionContext<'_>,
) -> Option<Text> {
    let (rule, fold) = (finding.rule.id, finding.rule.fold);
    let name = own_group_name(fold, ctx)?;
    if store.find_open(rule, fold, Some(&name)).is_some() {
        return Some(name);
    }
    let groups = store.count_groups(rule, fold);
    match fold {
        IncidentFold::Agent | IncidentFold::Tenant if groups < TASKS_MAX => Some(name),
        IncidentFold::Agent | IncidentFold::Tenant => Some(OVERFLOW_GROUP.into()),
        IncidentFold::ClassDay | IncidentFold::ToolDay if groups < CLASSES_MAX => Some(name),
        IncidentFold::ClassDay | IncidentFold::ToolDay => {
            Some(format!("{OVERFLOW_GROUP}@{}", day_of(ctx)).into())
        }
    }
}

/// The task, class or tool as the record names it.
fn own_group_name(fold: IncidentFold, ctx: &ActionContext<'_>) -> Option<Text> {
    match fold {
        IncidentFold::Agent => ctx.action.task_id.clone(),
        IncidentFold::Tenant => None,
        IncidentFold::ClassDay => {
            let agent = ctx.action.agent_type.as_deref().unwrap_or(UNNAMED);
            let task = ctx.task_class.unwrap_or(UNNAMED);
            Some(format!("{agent}/{task}@{}", day_of(ctx)).into())
        }
        IncidentFold::ToolDay => {
            let tool = ctx.action.tool_name.as_deref().unwrap_or(UNNAMED);
            Some(format!("{tool}@{}", day_of(ctx)).into())
        }
    }
}

/// Days since the epoch, by the action's own time.
fn day_of(ctx: &ActionContext<'_>) -> i64 {
    ctx.at_ms.div_euclid(DAY_MS)
}

/// The event's id as an alert lists it. Of an event with a longer id the position is kept: ids come
/// from outside and are part of the state.
pub(super) fn evidence_id(ctx: &ActionContext<'_>) -> Text {
    if ctx.event_id.len() <= EVIDENCE_ID_BYTES_MAX {
        ctx.event_id.into()
    } else {
        ctx.position.to_string().into()
    }
}
