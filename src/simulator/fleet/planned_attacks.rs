//! When an attack starts, and which of the fleet's records belong to it.

use super::Fleet;
use super::PENDING_MAX;
use crate::event::RecordBody;
use crate::simulator::attack_kind::AttackKind;
use crate::simulator::attack_label::AttackLabelRef;
use crate::simulator::attacks::{self, AttackScript};
use crate::simulator::schedule::SECOND_MS;
use crate::simulator::sim_record::SimRecord;

/// How often an attack that finds no agent is tried again, and after how long, ms.
const ATTACK_TRIES_MAX: u32 = 20;
const TRY_AGAIN_MS: i64 = 20 * SECOND_MS;

impl Fleet {
    /// Plans the next attack. Skips it if too many records are pending, or if no agent fits for a
    /// while.
    pub(super) fn plan_next_attack(&mut self) {
        let Some(plan) = self.options.attacks.clone() else {
            self.attack_next_ms = i64::MAX;
            return;
        };
        let now_ms = self.attack_next_ms;
        let serial = self.attacks_started;
        let kind = plan
            .kinds
            .get(serial as usize % plan.kinds.len().max(1))
            .copied();
        let over = plan.attacks_max.is_some_and(|max| serial >= max);
        let Some(kind) = kind.filter(|_| !over) else {
            self.attack_next_ms = i64::MAX;
            return;
        };
        let crowded = self.waiting.len() > PENDING_MAX;
        let cast = !crowded && self.write_attack(kind, serial, now_ms);
        if !cast && !crowded && self.attack_tries < ATTACK_TRIES_MAX {
            self.attack_tries += 1;
            self.attack_next_ms = now_ms + TRY_AGAIN_MS.min(plan.spacing_ms);
            return;
        }
        // The attacks after a late one keep their times.
        let late_ms = i64::from(self.attack_tries) * TRY_AGAIN_MS.min(plan.spacing_ms);
        let next_ms = now_ms.saturating_add(plan.spacing_ms) - late_ms;
        self.attack_next_ms = next_ms.max(now_ms + 1);
        self.attack_tries = 0;
        self.attacks_started += 1;
    }

    /// Writes the attack and schedules its records. Returns whether it found its agents.
    fn write_attack(&mut self, kind: AttackKind, serial: u32, now_ms: i64) -> bool {
        let mut script = AttackScript::new(&mut self.members, kind, serial, now_ms);
        attacks::write_attack(kind, &mut script);
        let (records, labels) = script.into_records();
        if labels.is_empty() {
            return false;
        }
        let first = self.labels.len() as u32;
        self.labels.extend(labels);
        for planned in records {
            let label = planned
                .label
                .map(|label| self.label_ref(first + label, kind));
            self.schedule_record(planned.at_ms.max(now_ms), planned.body, label);
        }
        true
    }

    /// The label at `index`. A script of `kind` may also have labels of other kinds.
    fn label_ref(&self, index: u32, kind: AttackKind) -> AttackLabelRef {
        let label = self.labels.get(index as usize);
        AttackLabelRef {
            index,
            kind: label.map_or(kind, |label| label.kind),
        }
    }

    /// Whether the identity system of the simulated world is silent about requests for the agent,
    /// and neither confirms nor refuses them.
    #[must_use]
    pub fn ignores_requests_for(&self, tenant: &str, agent_id: &str) -> bool {
        self.labels.iter().any(|label| {
            label.kind == AttackKind::ParentRequested
                && label.tenant == tenant
                && label.accomplices.iter().any(|other| other == agent_id)
        })
    }

    /// Adds an emitted record to its label.
    pub(super) fn record_in_label(&mut self, record: SimRecord) -> SimRecord {
        let label = record
            .label
            .and_then(|label| self.labels.get_mut(label.index as usize));
        let Some(label) = label else {
            return record;
        };
        if label.event_ids.is_empty() && label.scope_ids.is_empty() {
            label.at_ms = record.at_ms;
        }
        label.until_ms = record.at_ms;
        match &record.body {
            RecordBody::Action(action) => {
                let event_id = action.event_id.clone().unwrap_or_default();
                if label.event_ids.is_empty() {
                    label.first_event_id = event_id.clone();
                }
                label.event_ids.push(event_id);
            }
            RecordBody::Scope(scope) => label.scope_ids.push(scope.scope_id.clone()),
            _ => {}
        }
        record
    }
}
