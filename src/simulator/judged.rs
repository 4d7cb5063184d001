//! The fleet before the real judge: the scope room finds nothing against benign agents, and in
//! every scope attack the thing that its kind names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::event::{AgentAction, RecordBody};
use crate::scope::{
    JudgeContext, Judgement, LimitUsage, ScopeBook, ScopeStatus, Templates, Violation, judge,
};

/// The hold: an action is judged this long after it came.
const HOLD_MS: i64 = 30 * SECOND_MS;

#[derive(Default)]
struct Court {
    books: BTreeMap<(String, String), (ScopeBook, LimitUsage)>,
    templates: Templates,
    seen: BTreeSet<String>,
}

impl Court {
    fn judge(&mut self, action: &AgentAction) -> Option<Judgement> {
        if !self
            .seen
            .insert(action.event_id.clone().unwrap().to_string())
        {
            return None;
        }
        let key = (action.tenant.to_string(), action.agent_id.to_string());
        let (book, usage) = self.books.entry(key).or_default();
        let ctx = JudgeContext {
            zone: None,
            tenant_managed: true,
            pending: false,
        };
        let template = || self.templates.for_action(action);
        let at_ms = action.occurred_at_ms.unwrap();
        Some(judge(book, template, usage, action, at_ms, &ctx))
    }

    fn declare(&mut self, record: SimRecord) {
        if let RecordBody::Scope(scope) = record.body {
            let key = (scope.tenant.to_string(), scope.agent_id.to_string());
            let (book, _) = self.books.entry(key).or_default();
            book.prune(record.at_ms);
            book.declare(*scope, record.at_ms);
        }
    }
}

fn fits(kind: Kind, action: &AgentAction, found: &Judgement) -> bool {
    let only =
        |violation| found.status == ScopeStatus::Active && found.violations.iter().eq([violation]);
    match kind {
        Kind::UndeclaredAgent => found.status == ScopeStatus::Missing,
        Kind::UnmappedTool => found.unmapped && found.violations.iter().next().is_none(),
        Kind::ResourceType => only(Violation::ResourceType),
        Kind::VerbOutsideGrant | Kind::DestructiveVerb => only(Violation::Verb),
        Kind::Sensitivity => only(Violation::Sensitivity),
        Kind::ResourceId => only(Violation::ResourceId),
        Kind::Owner => only(Violation::Owner),
        Kind::Tool => only(Violation::Tool),
        Kind::Destination | Kind::EgressDestination => only(Violation::Destination),
        Kind::InstructionSource => only(Violation::InstructionSource),
        Kind::ChannelBelow => only(Violation::Channel),
        Kind::DelegationOutside => only(Violation::DelegationNotAllowed),
        Kind::LimitExceeded => only(Violation::Limit),
        Kind::Expired => found.status == ScopeStatus::Expired,
        Kind::NotYetValid => found.status == ScopeStatus::NotYet,
        Kind::Suspended => found.status == ScopeStatus::Suspended,
        Kind::AfterTaskEnd => found.after_end,
        Kind::AfterRevocation => found.status == ScopeStatus::Revoked,
        Kind::OutsideHours => only(Violation::Hours),
        _ => action.agent_id.is_empty(),
    }
}

/// Two days of 150 agents with every kind of attack that is expected to be found.
fn attacked_fleet(seed: u64) -> Fleet {
    let kinds = Kind::expected();
    let start_ms = 1_767_571_200_000;
    let plan = AttackPlan {
        spacing_ms: 20 * MINUTE_MS,
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

/// Judges all that a fleet does; returns how many actions were judged, and the attacks found.
fn judge_fleet(seed: u64) -> (usize, BTreeSet<Kind>) {
    let mut fleet = attacked_fleet(seed);
    let (templates, problems) = Templates::parse(&templates());
    assert!(problems.is_empty(), "{problems:?}");
    let mut court = Court {
        templates,
        ..Court::default()
    };
    let mut held: VecDeque<SimRecord> = VecDeque::new();
    let mut found = BTreeSet::new();
    let mut judged = 0;
    loop {
        let record = fleet.next();
        let now_ms = record.as_ref().map_or(i64::MAX, |record| record.at_ms);
        while held
            .front()
            .is_some_and(|first| first.at_ms + HOLD_MS <= now_ms)
        {
            let record = held.pop_front().unwrap();
            let RecordBody::Action(action) = &record.body else {
                continue;
            };
            let Some(verdict) = court.judge(action) else {
                continue;
            };
            judged += 1;
            match record.label {
                Some(label) if fits(label.kind, action, &verdict) => {
                    found.insert(label.kind);
                }
                Some(_) => {}
                None => assert!(
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
            Some(record) if matches!(record.body, RecordBody::Action(_)) => held.push_back(record),
            Some(record) => court.declare(record),
        }
    }
    (judged, found)
}

#[test]
fn the_real_judge_is_silent_on_benign_agents_and_finds_every_scope_attack() {
    for seed in crate::property::seeds(2) {
        let (judged, found) = judge_fleet(seed);
        assert!(judged > 20_000, "{judged}");
        let missed: Vec<Kind> = Kind::of_family("scope")
            .into_iter()
            .filter(|kind| !found.contains(kind))
            .collect();
        assert!(missed.is_empty(), "seed {seed}: {missed:?}");
    }
}
