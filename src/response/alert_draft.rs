//! Writes one alert: what its incident knows, and what the caller says besides.

use serde_json::{Map, Value};

use crate::event::{AgentAction, Text};

use super::alert::{
    Alert, AlertActivity, AlertContext, BaselineComparison, ChainEdge, EvidenceNote,
    RevocationBlock, RuleAdvice, RuleNote,
};
use super::id::DerivedId;
use super::incident::Incident;
use super::incident_store::IncidentStore;
use super::input::{ActionContext, BundleContext, FindingDetail};
use super::rank::FindingGroup;
use super::revocation_plan::RevocationPlan;
use super::rule_view::{IncidentFold, RevocationMode, RuleConfidence, RuleFamily, RuleView};

/// The states in which a metric is compared with what the agent itself did, lately enough.
const OWN_STATES: [&str; 2] = ["active", "frozen"];
/// A score of so many times what an alarm needs leaves little doubt.
const SURE_RATIO: f64 = 2.0;

/// What an alert says besides what its incident knows.
pub(super) struct AlertDraft<'a> {
    pub(super) tenant: &'a Text,
    /// The rule, where the caller has it; else it is looked up.
    pub(super) rule: Option<RuleView<'a>>,
    /// The weaker rules on the action; `None` where no action caused the alert, which then names
    /// every rule that ever joined.
    pub(super) also: Option<Vec<&'a str>>,
    pub(super) time_ms: i64,
    pub(super) message: String,
    pub(super) facts: Map<String, Value>,
    pub(super) expected: Option<BaselineComparison>,
    pub(super) evidence: Option<EvidenceNote>,
    pub(super) context: AlertContext,
    pub(super) chain: &'a [Text],
    pub(super) edges: &'a [ChainEdge],
    pub(super) trigger: Option<&'a AgentAction>,
    /// The mode of the revocation block where it has no target.
    pub(super) mode: Option<RevocationMode>,
    pub(super) notes: Vec<String>,
}

impl<'a> AlertDraft<'a> {
    /// An alert that no action caused.
    pub(super) fn without_action(tenant: &'a Text, time_ms: i64, message: String) -> Self {
        AlertDraft {
            tenant,
            rule: None,
            also: None,
            time_ms,
            message,
            facts: Map::new(),
            expected: None,
            evidence: None,
            context: AlertContext::default(),
            chain: &[],
            edges: &[],
            trigger: None,
            mode: None,
            notes: Vec::new(),
        }
    }

    /// The alert of a group of findings and of the plan made for them.
    pub(super) fn of_finding(
        group: &'a FindingGroup<'a>,
        plan: &RevocationPlan,
        detail: FindingDetail,
        ctx: &'a ActionContext<'a>,
    ) -> Self {
        let also = group.also.iter().chain(&group.informs);
        AlertDraft {
            tenant: &ctx.action.tenant,
            rule: Some(group.lead.rule),
            also: Some(also.copied().collect()),
            time_ms: ctx.stream_ms,
            message: detail.explanation,
            facts: detail.facts,
            expected: detail.expected,
            evidence: detail.evidence,
            context: detail.context,
            chain: ctx.chain,
            edges: ctx.edges,
            trigger: Some(ctx.action),
            mode: plan.mode,
            notes: plan.notes.clone(),
        }
    }

    /// The alert that the budget is used up.
    pub(super) fn of_budget(
        rule: RuleView<'a>,
        sentence: String,
        ctx: &'a ActionContext<'a>,
    ) -> Self {
        AlertDraft {
            rule: Some(rule),
            ..AlertDraft::without_action(&ctx.action.tenant, ctx.stream_ms, sentence)
        }
    }
}

/// Writes the next alert of an open incident; `None` when no such incident is open.
pub(super) fn next_alert(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    incident: DerivedId,
    mut draft: AlertDraft<'_>,
) -> Option<Alert> {
    let notes = std::mem::take(&mut draft.notes);
    let revocation = store.requests.block_of(incident, draft.mode, notes);
    let open = store.get_mut(incident)?;
    let activity = if open.message_n == 0 {
        AlertActivity::Create
    } else {
        AlertActivity::Update
    };
    Some(write_alert(bundle, open, activity, revocation, draft))
}

/// The rule as an alert names it: from the bundle, or by what is known of a rule that the bundle no
/// longer has.
pub(super) fn rule_note(bundle: &BundleContext<'_>, id: &Text, family: RuleFamily) -> RuleNote {
    match bundle.rule_view(id) {
        Some(rule) => RuleNote::from(&rule),
        None => RuleNote {
            id: id.clone(),
            title: id.clone(),
            family,
        },
    }
}

/// The agents of an incident that spans agents, and the one that the alert is about.
fn agents_with_trigger(incident: &Incident, trigger: Option<&AgentAction>) -> Vec<Text> {
    let mut agents = incident.agents.clone();
    if let Some(action) = trigger
        && incident.fold != IncidentFold::Agent
        && !agents.contains(&action.agent_id)
    {
        agents.push(action.agent_id.clone());
    }
    agents
}

/// The rules that an alert lists beside the one that names its incident.
fn rules_beside(
    bundle: &BundleContext<'_>,
    incident: &Incident,
    draft: &AlertDraft<'_>,
) -> Vec<RuleNote> {
    let note = |id: &Text| rule_note(bundle, id, incident.family);
    match &draft.also {
        // In a full store the strongest rule is not the one that named the incident.
        Some(fired) => {
            let strongest = draft.rule.iter().map(|rule| rule.id);
            let beside = strongest.chain(fired.iter().copied());
            let beside = beside.filter(|id| incident.rule != *id);
            beside.map(|id| note(&id.into())).collect()
        }
        None => incident.also.iter().map(note).collect(),
    }
}

/// How sure a finding is: as the author of the rule says, except where a baseline says more. One
/// that is no longer learning and is twice as far away as an alarm needs leaves little doubt; one
/// that the agent does not have of its own leaves much.
fn confidence_of(
    rule: Option<&RuleView<'_>>,
    family: RuleFamily,
    expected: Option<&BaselineComparison>,
) -> RuleConfidence {
    let said = rule.map_or(RuleConfidence::of_family(family), |rule| rule.confidence);
    match expected {
        Some(expected) if OWN_STATES.contains(&expected.state.as_str()) => {
            match expected.score >= SURE_RATIO * expected.needed {
                true => said.max(RuleConfidence::High),
                false => said,
            }
        }
        Some(_) => RuleConfidence::Low,
        None => said,
    }
}

pub(super) fn write_alert(
    bundle: &BundleContext<'_>,
    incident: &mut Incident,
    activity: AlertActivity,
    revocation: Option<RevocationBlock>,
    draft: AlertDraft<'_>,
) -> Alert {
    incident.message_n = incident.message_n.saturating_add(1);
    let (event_ids, event_ids_dropped) = incident.evidence.take_all();
    let also = rules_beside(bundle, incident, &draft);
    let named = bundle.rule_view(&incident.rule);
    let rule = draft.rule.or(named);
    let expected = draft.expected;
    Alert {
        message_id: DerivedId::message(incident.id, incident.message_n),
        incident_id: incident.id,
        case_id: incident.case,
        activity,
        time_ms: draft.time_ms,
        tenant: draft.tenant.clone(),
        agent_id: incident.agent.clone(),
        agent_type: incident.agent_type.clone(),
        task_id: incident.task().cloned(),
        rule: rule_note(bundle, &incident.rule, incident.family),
        advice: named.as_ref().map(RuleAdvice::from).unwrap_or_default(),
        also,
        severity: incident.severity,
        confidence: confidence_of(named.as_ref(), incident.family, expected.as_ref()),
        message: draft.message,
        event_ids,
        event_ids_dropped,
        first_event: incident.first.clone(),
        last_ms: incident.last_ms,
        count: incident.count,
        facts: draft.facts,
        expected,
        evidence: draft.evidence,
        context: draft.context,
        chain: draft.chain.to_vec(),
        edges: draft.edges.to_vec(),
        atlas: rule.map(|rule| rule.atlas.to_vec()).unwrap_or_default(),
        asi: rule.map(|rule| rule.asi.to_vec()).unwrap_or_default(),
        agents: agents_with_trigger(incident, draft.trigger),
        revocation,
        bundle: bundle.bundle.into(),
        trigger: draft.trigger.map(|action| Box::new(action.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::rule_view::BUDGET_RULE_VIEW;

    fn compared(state: &str, score: f64) -> BaselineComparison {
        BaselineComparison {
            metric: "actions".into(),
            group: None,
            window_ms: 60_000,
            observed: 1.0,
            expected: 1.0,
            upper: 1.0,
            ratio: 1.0,
            state: state.into(),
            score,
            needed: 5.0,
            learned_days: 1.0,
            highest: None,
            last_week: None,
        }
    }

    #[test]
    fn a_baseline_says_how_sure_a_finding_is_and_else_the_rule_or_its_family() {
        let of =
            |state, score| confidence_of(None, RuleFamily::Volume, Some(&compared(state, score)));
        for state in ["learning", "class", "stale"] {
            assert_eq!(of(state, 50.0), RuleConfidence::Low, "{state}");
        }
        for state in ["active", "frozen"] {
            assert_eq!(of(state, 9.9), RuleConfidence::Medium, "{state}");
            assert_eq!(of(state, 10.0), RuleConfidence::High, "{state}");
        }
        assert_eq!(
            confidence_of(None, RuleFamily::Volume, None),
            RuleConfidence::Medium
        );
        assert_eq!(
            confidence_of(None, RuleFamily::Scope, None),
            RuleConfidence::High
        );
        let low = RuleView {
            confidence: RuleConfidence::Low,
            ..BUDGET_RULE_VIEW
        };
        let said = confidence_of(Some(&low), RuleFamily::Scope, None);
        assert_eq!(said, RuleConfidence::Low);
    }
}
