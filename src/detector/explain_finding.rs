//! What an alert says of the match of a rule: why, and what surrounds the action.

use crate::behaviour::limits::TRAIL_STEPS_MAX;
use crate::behaviour::{OpenTasks, TrailStep};
use crate::event::{AgentAction, Text};
use crate::response::{
    AlertContext, CaseAnchor, ChainEdge, CredentialShares, FindingDetail, RecentAction, ScopeNote,
};
use crate::rule::{Facts, fact};
use crate::scope::{Judgement, PermitLines};

use super::action_task::task_name;
use super::action_text::{describe_call, trail_action};
use super::behaviour_facts::ActionBehaviour;
use super::dispatch::Detector;
use super::explain;
use super::explain_evidence::{explain_evidence, note_evidence};
use super::explain_flow::{explain_flow, explains_flow};
use super::facts;
use super::metric_slots::MetricAlarm;
use super::timed_action::TimedAction;

/// An action with everything that its rules saw of it.
pub(super) struct Evaluation<'a> {
    pub timed: &'a TimedAction<'a>,
    pub event_id: &'a str,
    pub facts: &'a Facts<'a>,
    pub judgement: &'a Judgement,
    pub alarms: &'a [MetricAlarm],
    pub behaviour: Option<&'a ActionBehaviour>,
}

impl Detector {
    /// Why a rule matched, for people.
    pub(super) fn explain_finding(
        &self,
        id: &str,
        evaluation: &Evaluation<'_>,
        tasks: &OpenTasks,
    ) -> FindingDetail {
        let Some(rule) = self.find_rule(id) else {
            return FindingDetail::default();
        };
        let expected = rule.baseline.and_then(|metric| {
            let mut alarms = evaluation.alarms.iter();
            let alarm = alarms.find(|alarm| alarm.metric == metric)?;
            Some((self.bundle.metric(metric)?, alarm))
        });
        let (action, judgement) = (evaluation.timed.action, evaluation.judgement);
        let reads_evidence = rule.reads.contains(&fact::EVIDENCE_BANS);
        let behaviour = evaluation.behaviour;
        let evidence = behaviour.filter(|_| reads_evidence);
        let evidence = evidence.map(|behaviour| note_evidence(action, judgement, behaviour));
        let explanation = match (&evidence, behaviour) {
            (Some(evidence), _) => explain_evidence(action, evidence),
            (None, Some(behaviour)) if explains_flow(rule) => explain_flow(action, &behaviour.flow),
            _ => explain::explain_match(rule, action, judgement, evaluation.facts, expected),
        };
        let is_action = explain::is_action(evaluation.facts);
        FindingDetail {
            explanation,
            facts: facts::read_by(rule, &self.bundle, evaluation.facts),
            expected: expected
                .map(|(metric, expected)| explain::compare_baseline(metric, expected)),
            evidence,
            context: alert_context(tasks, evaluation.timed, judgement, is_action),
        }
    }

    /// By what the case of the agent's incidents is named: by the root of its tree where every edge
    /// up to it is proven, else by the credential where other agents have it too and no operator
    /// declares that they share it, else by the agent. What only the agent's own records say of its
    /// parents joins it to nobody.
    pub(super) fn case_of<'a>(
        &self,
        action: &'a AgentAction,
        (chain, edges): (&'a [Text], &[ChainEdge]),
        shares: &CredentialShares,
    ) -> CaseAnchor<'a> {
        let proven = !edges.is_empty() && edges.iter().all(|edge| edge.evidence.is_proven());
        if let Some(root) = chain.first().filter(|_| proven) {
            return CaseAnchor::Agent(root);
        }
        let shared = |id: &&str| {
            shares.shared_use(id).is_some() && !self.bundle.resources.is_shared_credential(id)
        };
        let credential = action.credential_id.as_deref().filter(shared);
        credential.map_or(CaseAnchor::Agent(&action.agent_id), CaseAnchor::Credential)
    }
}

/// What surrounds an action: the scope that judged it, and what its task did until then.
/// `is_action`: it is one, and no other event of the agent.
fn alert_context(
    tasks: &OpenTasks,
    timed: &TimedAction<'_>,
    judgement: &Judgement,
    is_action: bool,
) -> AlertContext {
    let steps = tasks.trail_of(task_name(timed.action).key());
    let names = trail_action(timed.action);
    // An action that waits for its scope is not noted yet, and those of agents that share a state
    // never are.
    let is_noted = steps.last().is_some_and(|step| step.is_of(&names));
    let own = (is_action && !is_noted).then(|| TrailStep::of_action(&names, timed.at_ms));
    let kept = steps
        .len()
        .min(TRAIL_STEPS_MAX - usize::from(own.is_some()));
    let before = steps.get(steps.len() - kept..).unwrap_or_default();
    AlertContext {
        scope: note_scope(judgement),
        recent: before.iter().chain(&own).map(note_step).collect(),
    }
}

fn note_scope(judgement: &Judgement) -> Option<ScopeNote> {
    let scope = judgement.scope.as_deref()?;
    let permits = PermitLines::of_scope(scope);
    let basis = judgement.basis.map_or("", |basis| basis.as_str());
    Some(ScopeNote {
        id: scope.scope_id.clone(),
        basis: basis.into(),
        status: judgement.status.as_str().into(),
        expires_at_ms: scope.expires_at_ms,
        permits: permits.lines,
        permits_further: permits.further,
    })
}

fn note_step(step: &TrailStep) -> RecentAction {
    let (id, tool) = (step.resource_id.as_deref(), step.tool.as_deref());
    let mut action = describe_call(step.verb, &step.resource_type, id, tool);
    if let Some(destination) = &step.destination {
        action.push_str(" to ");
        action.push_str(destination);
    }
    RecentAction {
        at_ms: step.at_ms,
        action,
        outcome: step.outcome.map(|outcome| outcome.as_str().into()),
        times: step.times,
    }
}
