//! One action on its way: enriched, timed, judged by its scope, counted in its metrics, matched by
//! the rules, and its findings given to the response room.

use std::sync::Arc;

use jiff::tz::TimeZone;
use smallvec::SmallVec;

use crate::event::{AgentAction, text_fingerprint};
use crate::response::{
    ActionContext, CredentialProof, EvidenceKeep, Finding, IncidentStore, IncidentStores, TreeView,
    respond_to_findings,
};
use crate::rule::{Bundle, FactValue, Rule, RuleIndex, RuleSet, fact};
use crate::scope::{JudgeContext, Judgement, judge};

use super::action_hash::ActionHash;
use super::behaviour::{BehaviourMoment, BehaviourRoom};
use super::behaviour_facts::fill_behaviour;
use super::class_volume::CountedBy;
use super::credential_facts::{CredentialKnowledge, fill_credential};
use super::credential_links::{announce_use, note_holder};
use super::deferral::DeferralRoom;
use super::delegation::{DelegationState, fill_delegation};
use super::dispatch::{Detector, rule_view};
use super::effects::RecordEffects;
use super::explain_finding::Evaluation;
use super::facts::{self, RevocationBefore};
use super::lifecycle_facts::{AFTER_THE_END, taken_with_scope};
use super::links::bound_links;
use super::partition_state::{PartitionState, TenantStates};
use super::recent_ids::IdSighting;
use super::subject::{AgentState, SubjectKey};
use super::target_links::{inform_of_requests, report_uses};
use super::timed_action::{RecordOrigin, TimedAction};
use super::tree_actions::{TreeMoment, note_tree_action};

/// Which rules evaluate an action. An action that is deferred is evaluated twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// All rules.
    Complete,
    /// At its arrival, before its scope: the rules that read no fact of a scope.
    BeforeScope,
    /// When its scope came or the wait expired: the other rules.
    AfterScope,
}

impl Pass {
    fn rule_set(self) -> RuleSet {
        match self {
            Pass::Complete => RuleSet::All,
            Pass::BeforeScope => RuleSet::WithoutScope,
            Pass::AfterScope => RuleSet::OnlyScope,
        }
    }
}

impl Detector {
    /// Takes one action of the actions topic: finds its subject, ignores repeats, and evaluates the
    /// action by all rules, or defers it and evaluates it by the rules that need no scope.
    pub(super) fn process_action(
        &mut self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        mut action: Box<AgentAction>,
        effects: &mut RecordEffects,
    ) {
        effects.counts.actions += 1;
        let links_before = effects.links.len();
        // First of all, because aliases change what templates, scopes and rules compare with.
        self.bundle.resources.enrich_action(&mut action);
        let mut timed = TimedAction::new(&action, origin);
        effects.counts.clamped += u64::from(timed.clamped);
        let key = self.claim_subject(partition, timed.action, effects);
        let Some(state) = effects.apply_record_once(&mut partition.agents, &key, origin) else {
            return;
        };
        // From here on the state has changed, also where the action turns out to be a retry.
        partition
            .changes
            .mark_changed(&key, &mut state.marks, false);
        let sighting = sight_event_id(state, &key, &timed, partition.stream_ms);
        if sighting == IdSighting::Retry {
            effects.counts.retries += 1;
            // It has come, whatever its agent has of it.
            partition.note_gateway_number(&action, origin, effects);
            return;
        }
        timed.id_reused = sighting == IdSighting::Reused;
        timed.counted_ms = timed.time_in_silence(state.live.acted_last_ms);
        state.live.acted_last_ms = state.live.acted_last_ms.max(timed.counted_ms);
        // Before the action is judged: it is a use of its credential whatever the rules say.
        let acts_on = state.live.incidents.note_target_use(&action, timed.at_ms);
        if acts_on {
            report_uses(state, &key, partition.stream_ms, effects);
        }
        self.note_credential_and_tree(partition, &key, &mut timed, effects);
        timed.outage = partition.note_agent_acts(&key);
        partition.note_gateway_number(&action, origin, effects);
        let Some(state) = partition.agents.get_mut(&key) else {
            return;
        };
        let room = DeferralRoom {
            totals: partition.deferred,
            tenant: partition.tenants.get(key.tenant()),
        };
        // The room for deferrals is asked for last: a full one is counted only for an action that
        // would be deferred.
        let may_wait = matches!(key, SubjectKey::Agent(_))
            && self.awaits_scope(state, &timed)
            && self.is_managed(&partition.tenants, key.tenant());
        let defers = may_wait && self.may_defer_more(state, &room, timed.action);
        effects.counts.deferrals_refused += u64::from(may_wait && !defers);
        let pass = if defers {
            effects.counts.deferred += 1;
            self.defer_action(partition, &key, &timed);
            Pass::BeforeScope
        } else {
            Pass::Complete
        };
        self.evaluate_action(partition, &key, &timed, pass, effects);
        bound_links(partition, &key, links_before, effects);
        if acts_on {
            partition.set_timer(&key);
        }
    }

    /// Notes which credential the action uses and what it says of the agent's tree, and lets others
    /// know.
    fn note_credential_and_tree(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        timed: &mut TimedAction<'_>,
        effects: &mut RecordEffects,
    ) {
        // Agents that share a state would prove each other's credentials.
        let (SubjectKey::Agent(agent), Some(state)) = (key, partition.agents.get_mut(key)) else {
            return;
        };
        let stream_ms = partition.stream_ms;
        let used = state.live.credentials.note_use(timed.action, timed.at_ms);
        timed.credential = used.signs;
        if used.first {
            note_holder(&mut partition.tenants, &mut partition.changes, timed.action);
        }
        announce_use(&mut state.live.shares, timed, used, stream_ms, effects);
        let moment = TreeMoment {
            new_credential: used.first,
            stream_ms,
            wait_ms: self.settings.defer_ms,
        };
        if note_tree_action(state, agent, timed, moment, effects) {
            partition.changes.mark_changed(key, &mut state.marks, true);
        }
    }

    /// The subject an action belongs to: its agent, or the shared one of undeclared agents beyond
    /// the cap. An agent that turns out to be undeclared is counted under the cap.
    pub(super) fn claim_subject(
        &self,
        partition: &mut PartitionState,
        action: &AgentAction,
        effects: &mut RecordEffects,
    ) -> SubjectKey {
        let key = SubjectKey::Agent(action.agent_key());
        let Some(state) = partition.agents.get_mut(&key) else {
            return key;
        };
        let declared =
            !state.learned.book.is_empty() || self.bundle.templates.for_action(action).is_some();
        if declared != state.live.undeclared {
            state.known = true;
            return key;
        }
        // Each partition has a part of the cap to itself: they do not know of each other.
        let share = (self.settings.agents_undeclared_max / partition.partitions).max(1);
        let Some(tenant) = partition.tenants.get_mut(&action.tenant) else {
            return key;
        };
        if declared {
            // A template covers the agent now, as none did before: it is onboarded no longer.
            tenant.live.undeclared = tenant.live.undeclared.saturating_sub(1);
            state.live.undeclared = false;
            partition.mark_changed(&SubjectKey::Tenant(action.tenant.clone()), false);
            return key;
        }
        if !state.known && tenant.live.undeclared >= share {
            // The state that was loaded for the agent is unchanged and will be evicted.
            effects.counts.onboarding_full += 1;
            return SubjectKey::Overflow(action.tenant.clone());
        }
        tenant.live.undeclared += 1;
        state.known = true;
        state.live.undeclared = true;
        partition.mark_changed(&SubjectKey::Tenant(action.tenant.clone()), false);
        key
    }

    /// Whether the tenant ever declared a scope or a template. Until then no action waits for a
    /// scope: none will come.
    fn is_managed(&self, tenants: &TenantStates, tenant: &str) -> bool {
        self.bundle.templates.tenant_is_managed(tenant)
            || tenants.get(tenant).is_some_and(|state| state.live.managed)
    }

    /// Judges one action by its scope, counts it in its metrics, and reports what the rules of this
    /// pass find.
    pub(super) fn evaluate_action(
        &mut self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        timed: &TimedAction<'_>,
        pass: Pass,
        effects: &mut RecordEffects,
    ) {
        let tenant_managed = self.is_managed(&partition.tenants, key.tenant());
        // Facts and judgement borrow from the bundle while `self` is borrowed anew below.
        let bundle = Arc::clone(&self.bundle);
        let zone = bundle.resources.tenant_zone(&timed.action.tenant);
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        self.adapt_to_bundle(state);
        let context = judge_context(timed, pass, zone, tenant_managed);
        let judgement = judge_by_scopes(&bundle, state, timed, &context);
        let violations: SmallVec<[&str; 14]> = judgement.violations.words().collect();
        let delegation = self.delegation_facts(state, timed, &judgement);
        let event_id = timed.event_id();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut facts = scratch.take_facts(&bundle);
        facts::fill_record(&mut facts, timed, &event_id, zone);
        let malformed: SmallVec<[&str; 4]> = timed.action.malformed.names().collect();
        facts.set(fact::EVENT_MALFORMED, FactValue::List(&malformed));
        let revocation = revocation_before(&state.live.incidents, timed);
        facts::fill_scope(&mut facts, &judgement, &violations, revocation);
        let known = CredentialKnowledge::of_action(state, timed, &judgement, &bundle);
        fill_credential(&mut facts, timed, &known);
        fill_delegation(&mut facts, delegation.as_ref());
        let moment = BehaviourMoment::new(key, pass, &judgement, &facts);
        let mut room = BehaviourRoom {
            stream_ms: partition.stream_ms,
            partitions: partition.partitions,
            tenants: &mut partition.tenants,
            changes: &mut partition.changes,
            timers: &mut partition.timers,
        };
        self.note_agent_type(state, timed.action, &moment, &mut room);
        let behaviour = self.weigh_behaviour(state, timed, &moment, &mut room, effects);
        fill_behaviour(&mut facts, behaviour.as_ref());
        // Last, because a rule test overrides what was computed.
        facts::fill_all_given(&mut facts, &self.given);
        bundle.match_metrics(&facts, &mut scratch.metrics);
        let by = CountedBy::new(timed, &judgement, key, &partition.tenants);
        let counted = self.count_once(pass, &scratch.metrics, state, by, &mut facts);
        counted.note_changes(partition, key, effects);
        if self.judges_at(partition.stream_ms) {
            let evaluation = Evaluation {
                timed,
                event_id: &event_id,
                facts: &facts,
                judgement: &judgement,
                alarms: &counted.alarms,
                behaviour: behaviour.as_ref(),
            };
            self.collect_matches(pass.rule_set(), &evaluation, &mut scratch.rules);
            if !scratch.rules.is_empty() {
                self.note_task_findings(partition, key, timed.action, &scratch.rules);
                self.report_findings(partition, key, &scratch.rules, &evaluation, effects);
            }
            scratch.rules.clear();
        }
        scratch.facts = Some(facts.recycle());
        self.scratch = scratch;
    }

    /// Appends the rules that match the facts, and the rules of the metrics that alarmed.
    fn collect_matches(
        &self,
        set: RuleSet,
        evaluation: &Evaluation<'_>,
        matched: &mut Vec<RuleIndex>,
    ) {
        self.bundle.match_rules(evaluation.facts, set, matched);
        let alarms = evaluation.alarms.iter();
        let metrics = alarms.filter_map(|alarm| self.bundle.metric(alarm.metric));
        matched.extend(metrics.map(|metric| metric.rule));
    }

    /// Makes findings of the rules that matched and gives them to the response room.
    pub(super) fn report_findings(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        matched: &[RuleIndex],
        evaluation: &Evaluation<'_>,
        effects: &mut RecordEffects,
    ) {
        effects.note_fired(matched);
        let findings: Vec<Finding<'_>> = matched
            .iter()
            .filter_map(|ix| self.bundle.rule(*ix))
            .map(|rule| self.finding_of(partition, key, rule, evaluation))
            .collect();
        let known = partition.agents.get(key);
        let (chain, edges) = self.chain_of(known, evaluation.timed, evaluation.judgement);
        let tenant_key = SubjectKey::Tenant(key.tenant().clone());
        let (agents, tenants) = (&mut partition.agents, &mut partition.tenants);
        let (Some(agent), Some(tenant)) = (agents.get_mut(key), tenants.get_mut(key.tenant()))
        else {
            return;
        };
        let (tree, tasks) = (agent.learned.delegation.as_deref(), &agent.live.tasks);
        let timed = evaluation.timed;
        let claimed_class = timed.action.task_class.as_deref();
        let credential = timed.action.credential_id.as_deref();
        let others = credential.and_then(|id| agent.live.shares.others_of(id));
        let ctx = ActionContext {
            bundle: &self.bundle_context(partition.partitions),
            action: timed.action,
            position: &timed.origin.position,
            append_ms: timed.origin.append_ms,
            at_ms: timed.at_ms,
            stream_ms: partition.stream_ms,
            event_id: evaluation.event_id,
            task_class: evaluation.judgement.task_class().or(claimed_class),
            undeclared: agent.live.undeclared || matches!(key, SubjectKey::Overflow(_)),
            declared: !agent.learned.book.is_empty(),
            proof: CredentialProof::of_action(
                timed.action,
                &agent.live.credentials,
                evaluation.judgement.scope.as_deref(),
                others,
            ),
            evidence: match self.settings.lists_every_event {
                true => EvidenceKeep::Every,
                false => EvidenceKeep::Bounded,
            },
            chain: &chain,
            edges: &edges,
            case: self.case_of(timed.action, (&chain, &edges), &agent.live.shares),
            tree: &|| {
                let tree = tree.map_or_else(TreeView::default, DelegationState::tree_view);
                tree.without_shared(&timed.action.agent_id, &tenant.live.holders)
            },
            detail: &|id: &str| self.explain_finding(id, evaluation, tasks),
        };
        let mut stores = IncidentStores {
            agent: &mut agent.live.incidents,
            tenant: &mut tenant.live.incidents,
            budgets: &mut tenant.live.budgets,
        };
        respond_to_findings(&mut stores, &findings, &ctx, &mut effects.outcomes);
        inform_of_requests(partition, key, || timed.cause(evaluation.event_id), effects);
        // A finding may open or lengthen an incident, of the agent or of the tenant.
        for changed in [key, &tenant_key] {
            partition.mark_changed(changed, false);
            partition.set_timer(changed);
        }
    }

    /// A rule's finding. Where the rule reads that something was taken away from the agent, it says
    /// what: the rule may ask for nothing larger.
    fn finding_of<'r>(
        &self,
        partition: &PartitionState,
        key: &SubjectKey,
        rule: &'r Rule,
        evaluation: &Evaluation<'_>,
    ) -> Finding<'r> {
        let mut finding = Finding::new(rule_view(rule));
        if AFTER_THE_END.iter().any(|fact| rule.reads.contains(fact)) {
            let timed = evaluation.timed;
            let state = partition.agents.get(key);
            let requests = state.map(|state| state.live.incidents.requests());
            let revoked = requests.and_then(|ledger| ledger.taken_away(timed.action, timed.at_ms));
            finding.taken = revoked.max(taken_with_scope(evaluation.judgement));
        }
        finding
    }
}

/// The revocation that should have made an action impossible.
fn revocation_before(
    incidents: &IncidentStore,
    timed: &TimedAction<'_>,
) -> Option<RevocationBefore> {
    let since_ms = incidents.after_revocation(timed.action, timed.at_ms)?;
    Some(RevocationBefore {
        since_ms,
        confirmed: incidents.revocation_confirmed(timed.action, timed.at_ms),
    })
}

/// What the judge needs besides the action and the agent's scopes.
fn judge_context<'z>(
    timed: &TimedAction<'_>,
    pass: Pass,
    zone: Option<&'z TimeZone>,
    tenant_managed: bool,
) -> JudgeContext<'z> {
    JudgeContext {
        at_ms: timed.at_ms,
        counted_ms: Some(timed.counted_ms),
        zone,
        tenant_managed,
        pending: pass == Pass::BeforeScope,
    }
}

/// Judges an action by the scopes of its agent, or by a template where it has none.
fn judge_by_scopes(
    bundle: &Bundle,
    state: &mut AgentState,
    timed: &TimedAction<'_>,
    context: &JudgeContext<'_>,
) -> Judgement {
    judge(
        &state.learned.book,
        || bundle.templates.for_action(timed.action),
        &mut state.live.usage,
        timed.action,
        context,
    )
}

/// Compares the event id and content of an action with the agent's last ones, and notes them. An
/// action without an id of its own is always a new one.
fn sight_event_id(
    state: &mut AgentState,
    key: &SubjectKey,
    timed: &TimedAction<'_>,
    stream_ms: i64,
) -> IdSighting {
    let (action, origin) = (timed.action, timed.origin);
    let Some(id) = &action.event_id else {
        return IdSighting::New;
    };
    let shared_by = match key {
        SubjectKey::Overflow(_) => Some(action.agent_id.as_str()),
        SubjectKey::Agent(_) | SubjectKey::Tenant(_) | SubjectKey::Credential(_) => None,
    };
    let ids = &mut state.live.recent_ids;
    let first = || text_fingerprint(&format!("{} {}", origin.position, origin.append_ms));
    let hash_key = ids.hash_key(first);
    let index = origin.position.index;
    let hash = ActionHash::new(hash_key, id, index, shared_by, action);
    ids.note_id(hash, stream_ms)
}
