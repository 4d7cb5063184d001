//! The fleet against the real scope judge: no findings for benign agents, and for each scope attack
//! the violation that its kind names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::event::{AgentAction, RecordBody};
use crate::scope::{
    JudgeContext, Judgement, LimitUsage, ScopeHistory, ScopeStatus, ScopeTemplates, Violation,
    judge,
};

/// Actions are judged this long after their delivery, ms, as the detector defers them.
const DEFER_MS: i64 = 30 * SECOND_MS;

#[derive(Default)]
struct ScopeJudge {
    books: BTreeMap<(String, String), (ScopeHistory, LimitUsage)>,
    templates: ScopeTemplates,
    judged_ids: BTreeSet<String>,
}

impl ScopeJudge {
    fn judge_action(&mut self, action: &AgentAction) -> Option<Judgement> {
        if !self
            .judged_ids
            .insert(action.event_id.clone().unwrap().to_string())
        {
            return None;
        }
        let key = (action.tenant.to_string(), action.agent_id.to_string());
        let (book, usage) = self.books.entry(key).or_default();
        let ctx = JudgeContext {
            at_ms: action.occurred_at_ms.unwrap(),
            counted_ms: None,
            zone: None,
            tenant_managed: true,
            pending: false,
        };
        let template = || self.templates.for_action(action);
        Some(judge(book, template, usage, action, &ctx))
    }

    fn declare_scope(&mut self, record: SimRecord) {
        if let RecordBody::Scope(scope) = record.body {
            let key = (scope.tenant.to_string(), scope.agent_id.to_string());
            let (book, _) = self.books.entry(key).or_default();
            book.prune(record.at_ms);
            book.declare(*scope, record.at_ms);
        }
    }
}

fn matches_kind(kind: AttackKind, action: &AgentAction, found: &Judgement) -> bool {
    let only =
        |violation| found.status == ScopeStatus::Active && found.violations.iter().eq([violation]);
    match kind {
        AttackKind::UndeclaredAgent => found.status == ScopeStatus::Missing,
        AttackKind::UnmappedTool => found.unmapped && found.violations.iter().next().is_none(),
        AttackKind::ResourceType => only(Violation::ResourceType),
        AttackKind::VerbOutsideGrant | AttackKind::DestructiveVerb => only(Violation::Verb),
        AttackKind::Sensitivity => only(Violation::Sensitivity),
        AttackKind::ResourceId => only(Violation::ResourceId),
        AttackKind::Owner => only(Violation::Owner),
        AttackKind::Tool => only(Violation::Tool),
        AttackKind::Destination | AttackKind::EgressDestination => only(Violation::Destination),
        AttackKind::InstructionSource => only(Violation::InstructionSource),
        AttackKind::ChannelBelow => only(Violation::Channel),
        AttackKind::DelegationOutside => only(Violation::DelegationNotAllowed),
        AttackKind::LimitExceeded => only(Violation::Limit),
        AttackKind::Expired => found.status == ScopeStatus::Expired,
        AttackKind::NotYetValid => found.status == ScopeStatus::NotYet,
        AttackKind::Suspended => found.status == ScopeStatus::Suspended,
        AttackKind::AfterTaskEnd => found.after_end,
        AttackKind::AfterRevocation => found.status == ScopeStatus::Revoked,
        AttackKind::OutsideHours => only(Violation::Hours),
        _ => action.agent_id.is_empty(),
    }
}

/// Two days of 150 agents with every kind of attack that has a shipped rule.
fn attacked_fleet(seed: u64) -> Fleet {
    let kinds = AttackKind::judged();
    let start_ms = 1_767_571_200_000;
    let plan = AttackPlan {
        spacing_ms: 12 * MINUTE_MS,
        attacks_max: Some(kinds.len() as u32),
        ..AttackPlan::new(kinds, start_ms + 33 * HOUR_MS)
    };
    Fleet::new(FleetOptions {
        seed,
        agents: 150,
        tenants: 2,
        start_ms,
        end_ms: start_ms + 2 * DAY_MS,
        rate: 0.4,
        attacks: Some(plan),
    })
    .unwrap()
}

/// Judges all actions of a fleet. Returns the number of judged actions, and the kinds of attacks
/// that were detected.
fn judge_fleet(seed: u64) -> (usize, BTreeSet<AttackKind>) {
    let mut fleet = attacked_fleet(seed);
    let (templates, problems) = ScopeTemplates::parse(&scope_templates());
    assert!(problems.is_empty(), "{problems:?}");
    let mut judge = ScopeJudge {
        templates,
        ..ScopeJudge::default()
    };
    let mut deferred: VecDeque<SimRecord> = VecDeque::new();
    let mut found = BTreeSet::new();
    let mut judged = 0;
    loop {
        let record = fleet.next();
        let now_ms = record.as_ref().map_or(i64::MAX, |record| record.at_ms);
        while deferred
            .front()
            .is_some_and(|first| first.at_ms + DEFER_MS <= now_ms)
        {
            let record = deferred.pop_front().unwrap();
            let RecordBody::Action(action) = &record.body else {
                continue;
            };
            let Some(verdict) = judge.judge_action(action) else {
                continue;
            };
            judged += 1;
            match record.label {
                Some(label) if matches_kind(label.kind, action, &verdict) => {
                    found.insert(label.kind);
                }
                Some(label) if !label.kind.is_benign() => {}
                _ => assert!(
                    verdict.status == ScopeStatus::Active
                        && verdict.violations.iter().next().is_none()
                        && !verdict.unmapped,
                    "seed {seed}: {:?} {:?} {action:?}",
                    verdict.status,
                    verdict.violations.iter().collect::<Vec<_>>()
                ),
            }
        }
        match record {
            None => break,
            Some(record) if matches!(record.body, RecordBody::Action(_)) => {
                deferred.push_back(record)
            }
            Some(record) => judge.declare_scope(record),
        }
    }
    (judged, found)
}

#[test]
fn the_real_judge_is_silent_on_benign_agents_and_finds_every_scope_attack() {
    for seed in crate::property::seeds(2) {
        let (judged, found) = judge_fleet(seed);
        assert!(judged > 20_000, "{judged}");
        let missed: Vec<AttackKind> = AttackKind::of_family("scope")
            .into_iter()
            .filter(|kind| !found.contains(kind))
            .collect();
        assert!(missed.is_empty(), "seed {seed}: {missed:?}");
    }
}
