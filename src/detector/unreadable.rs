//! A record that cannot be used and whose key names an agent. Nobody knows what the action was, so
//! only the rules that ask for such events evaluate it: those that read `event.kind`.

use crate::event::{AgentAction, UnreadableRecord};
use crate::rule::{Facts, RuleSet, fact, fill_time_facts};
use crate::scope::Judgement;
use jiff::tz::TimeZone;

use super::action::Evaluation;
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::timed_action::{RecordOrigin, TimedAction};

/// `event.kind` of such an event.
const DEAD_LETTER: &str = "dead_letter";

impl Detector {
    /// Evaluates a record of the actions topic that became a dead letter.
    pub(super) fn process_unreadable(
        &mut self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        unreadable: &UnreadableRecord,
        effects: &mut RecordEffects,
    ) {
        let mut action = AgentAction::new(&unreadable.agent.agent);
        action.tenant.clone_from(&unreadable.agent.tenant);
        let timed = TimedAction::new(&action, origin);
        let key = self.claim_subject(partition, &timed, effects);
        let Some(state) = effects.apply_record_once(&mut partition.agents, &key, origin) else {
            return;
        };
        partition
            .changes
            .mark_changed(&key, &mut state.marks, false);
        if self.judges_at(partition.stream_ms) {
            self.evaluate_unreadable(partition, &key, &timed, &unreadable.class, effects);
        }
    }

    fn evaluate_unreadable(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        timed: &TimedAction<'_>,
        class: &str,
        effects: &mut RecordEffects,
    ) {
        let event_id = timed.event_id();
        let mut facts = Facts::new(&self.bundle.catalogue);
        facts.set(fact::EVENT_ID, &*event_id);
        facts.set(fact::EVENT_KIND, DEAD_LETTER);
        facts.set(fact::EVENT_DEAD_LETTER, class);
        facts.set(fact::TENANT, &timed.action.tenant);
        facts.set(fact::AGENT_ID, &timed.action.agent_id);
        let utc = TimeZone::UTC;
        let zone = self.bundle.resources.tenant_zone(&timed.action.tenant);
        let zone = zone.unwrap_or(&utc);
        fill_time_facts(&mut facts, timed.action, timed.at_ms, timed.clamped, zone);
        let mut matched = Vec::new();
        self.bundle.match_rules(&facts, RuleSet::All, &mut matched);
        // A rule judges actions unless it asks for another kind of event.
        let asks = |rule: &crate::rule::Rule| rule.reads.contains(&fact::EVENT_KIND);
        matched.retain(|ix| self.bundle.rule(*ix).is_some_and(asks));
        if matched.is_empty() {
            return;
        }
        let evaluation = Evaluation {
            timed,
            event_id: &event_id,
            facts: &facts,
            judgement: &Judgement::default(),
            alarms: &[],
        };
        self.report_findings(partition, key, &matched, &evaluation, effects);
    }
}
