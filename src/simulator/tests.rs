//! What the fleet guarantees: equal seeds give equal records, records come in order of time, benign
//! agents keep to their scopes, and labels name what the attacks did.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::event::{
    ActionOutcome, AgentAction, AgentScope, DeclaredStatus, RecordBody, Sensitivity,
};

/// Monday 2026-01-05 00:00 UTC.
const MONDAY_MS: i64 = 1_767_571_200_000;

fn options(seed: u64, agents: u32, rate: f64, days: i64) -> FleetOptions {
    FleetOptions {
        seed,
        agents,
        tenants: 3,
        start_ms: MONDAY_MS,
        end_ms: MONDAY_MS + days * DAY_MS,
        rate,
        attacks: None,
    }
}

fn attacked(seed: u64, kinds: Vec<AttackKind>) -> FleetOptions {
    let plan = AttackPlan {
        attacks_max: Some(kinds.len() as u32),
        spacing_ms: 20 * MINUTE_MS,
        ..AttackPlan::new(kinds, MONDAY_MS + DAY_MS + 9 * HOUR_MS)
    };
    FleetOptions {
        attacks: Some(plan),
        ..options(seed, 400, 0.5, 3)
    }
}

fn action(record: &SimRecord) -> Option<&AgentAction> {
    match &record.body {
        RecordBody::Action(action) => Some(action),
        _ => None,
    }
}

fn digest(options: FleetOptions) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for record in Fleet::new(options).unwrap().take(30_000) {
        hasher.update(format!("{record:?}").as_bytes());
    }
    hasher.finalize()
}

#[test]
fn one_seed_is_one_world() {
    let with = |seed| attacked(seed, AttackKind::ALL.to_vec());
    assert_eq!(digest(with(7)), digest(with(7)));
    assert_ne!(digest(with(7)), digest(with(8)));
}

#[test]
fn options_out_of_range_are_refused() {
    let good = options(1, 10, 1.0, 1);
    assert!(
        Fleet::new(FleetOptions {
            agents: 0,
            ..good.clone()
        })
        .is_err()
    );
    assert!(
        Fleet::new(FleetOptions {
            tenants: 0,
            ..good.clone()
        })
        .is_err()
    );
    assert!(
        Fleet::new(FleetOptions {
            rate: f64::NAN,
            ..good.clone()
        })
        .is_err()
    );
    assert!(
        Fleet::new(FleetOptions {
            end_ms: good.start_ms,
            ..good.clone()
        })
        .is_err()
    );
    for agents in 1..12 {
        let fleet = Fleet::new(FleetOptions {
            agents,
            ..good.clone()
        })
        .unwrap();
        assert_eq!(fleet.agent_ids().count(), agents as usize);
        assert!(fleet.take(50).count() > 0);
    }
}

#[test]
fn records_come_in_order_and_waiting_ones_are_few() {
    let mut fleet = Fleet::new(attacked(3, AttackKind::ALL.to_vec())).unwrap();
    let (mut last_ms, mut most) = (i64::MIN, 0);
    while let Some(record) = fleet.next() {
        assert!(record.at_ms >= last_ms, "{record:?} after {last_ms}");
        last_ms = record.at_ms;
        most = most.max(fleet.pending_count());
    }
    assert!(most < 20_000, "{most}");
    assert_eq!(fleet.pending_count(), 0);
}

#[test]
fn the_rate_holds_over_a_week() {
    // The second fleet is so fast that its tasks become longer instead of more frequent.
    for (agents, rate) in [(60, 0.2), (8, 1.5)] {
        let fleet = Fleet::new(options(5, agents, rate, 7)).unwrap();
        let actions = fleet.filter(|record| action(record).is_some()).count() as f64;
        let reached = actions / (7.0 * 86_400.0);
        assert!(
            (0.7..1.3).contains(&(reached / rate)),
            "{reached} of {rate}"
        );
    }
}

#[test]
fn office_agents_sleep_at_night_and_others_do_not() {
    let mut by_type: BTreeMap<String, [u32; 24]> = BTreeMap::new();
    let mut weekend = BTreeSet::new();
    for record in Fleet::new(options(2, 100, 3.0, 7)).unwrap() {
        let Some(action) = action(&record) else {
            continue;
        };
        let at_ms = action.occurred_at_ms.unwrap();
        let kind = action.agent_type.clone().unwrap().to_string();
        if schedule::weekday(at_ms) > 5 {
            weekend.insert(kind.clone());
        }
        by_type.entry(kind).or_default()[usize::from(schedule::minute_of_day(at_ms)) / 60] += 1;
    }
    assert_eq!(by_type["research"][..8].iter().sum::<u32>(), 0);
    assert!(by_type["research"][10] > 0);
    assert!(!weekend.contains("finance") && weekend.contains("support"));
    assert!(by_type["support"][3] > 0 && by_type["support"][11] > by_type["support"][3]);
    assert!(
        by_type["worker"].iter().sum::<u32>() > 0,
        "orchestrators spawn"
    );
}

#[test]
fn every_kind_is_planted_and_its_label_is_true() {
    let mut fleet = Fleet::new(attacked(11, AttackKind::ALL.to_vec())).unwrap();
    let mut events: BTreeMap<String, (String, String, u32)> = BTreeMap::new();
    let mut copies = BTreeMap::<String, u32>::new();
    for record in fleet.by_ref() {
        let Some(action) = action(&record) else {
            continue;
        };
        let id = action.event_id.clone().unwrap().to_string();
        *copies.entry(id.clone()).or_default() += 1;
        if let Some(label) = record.label {
            let owner = (
                action.tenant.to_string(),
                action.agent_id.to_string(),
                label.index,
            );
            assert_eq!(events.insert(id, owner), None, "labelled twice");
        }
    }
    assert!(
        copies.values().all(|count| *count <= 2),
        "an id is shared by two events"
    );
    let labels = fleet.emitted_labels();
    let planted: BTreeSet<AttackKind> = labels.iter().map(|label| label.kind).collect();
    let missing: Vec<&AttackKind> = AttackKind::ALL
        .iter()
        .filter(|kind| !planted.contains(kind))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let mut named = 0;
    for label in &labels {
        assert_eq!(label.first_event_id, label.event_ids[0]);
        assert!(label.at_ms <= label.until_ms);
        assert_eq!(label.family, label.kind.family());
        for id in &label.event_ids {
            let (tenant, agent, index) = &events[id.as_str()];
            assert_eq!(
                (tenant.as_str(), agent.as_str()),
                (&*label.tenant, &*label.agent_id)
            );
            assert_eq!(
                fleet.planned_attacks()[*index as usize].attack_id,
                label.attack_id
            );
            named += 1;
        }
    }
    assert_eq!(named, events.len());
    let ids: BTreeSet<_> = labels.iter().map(|label| &label.attack_id).collect();
    assert_eq!(ids.len(), labels.len());
}

#[test]
fn every_family_has_kinds_and_every_kind_a_family() {
    for family in FAMILIES {
        assert!(!AttackKind::of_family(family).is_empty(), "{family}");
    }
    assert!(
        AttackKind::ALL
            .iter()
            .all(|kind| FAMILIES.contains(&kind.family()))
    );
    let judged: BTreeSet<AttackKind> = AttackKind::judged().into_iter().collect();
    for kind in AttackKind::ALL {
        let scored = kind.expected_rule().is_some() || kind.is_benign();
        assert_eq!(judged.contains(kind), scored, "{kind}");
    }
    assert_eq!(judged.len(), AttackKind::judged().len());
}

/// The scopes of a run by agent, for a simple judge that is independent of the scope room.
#[derive(Default)]
struct Book(BTreeMap<(String, String), Vec<AgentScope>>);

impl Book {
    fn declare(&mut self, scope: &AgentScope) {
        let key = (scope.tenant.to_string(), scope.agent_id.to_string());
        self.0.entry(key).or_default().push(scope.clone());
    }

    /// The scopes that may judge the action, each in the version valid at the action's time.
    fn judging(&self, action: &AgentAction) -> Vec<&AgentScope> {
        let key = (action.tenant.to_string(), action.agent_id.to_string());
        let at_ms = action.occurred_at_ms.unwrap();
        let all = self.0.get(&key).map_or(&[][..], Vec::as_slice);
        let mut current: BTreeMap<&str, &AgentScope> = BTreeMap::new();
        for scope in all
            .iter()
            .filter(|scope| scope.effective_from_ms.unwrap() <= at_ms)
        {
            current.insert(&scope.scope_id, scope);
        }
        let current: Vec<&AgentScope> = current.into_values().collect();
        let by_task: Vec<&AgentScope> = current
            .iter()
            .copied()
            .filter(|s| s.task_id.is_some() && s.task_id == action.task_id)
            .collect();
        if !by_task.is_empty() {
            return by_task;
        }
        let named = |s: &&AgentScope| {
            s.credential_ids
                .iter()
                .any(|c| Some(c) == action.credential_id.as_ref())
        };
        let by_credential: Vec<&AgentScope> = current.iter().copied().filter(named).collect();
        if by_credential.is_empty() {
            current
        } else {
            by_credential
        }
    }
}

fn covers(pattern: &str, id: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == id, |prefix| id.starts_with(prefix))
}

/// The dimensions of `scope` that the action violates; empty if none.
fn against(scope: &AgentScope, action: &AgentAction) -> Vec<&'static str> {
    let at_ms = action.occurred_at_ms.unwrap();
    let mut found = Vec::new();
    if scope.status != DeclaredStatus::Active || scope.expires_at_ms.is_some_and(|e| e <= at_ms) {
        found.push("status");
    }
    let granted = scope.grants.iter().any(|grant| {
        grant.resource_types.contains(&action.resource_type)
            && grant.verbs.contains(&action.action_verb)
            && (grant.resource_ids.is_empty()
                || action
                    .resource_id
                    .as_ref()
                    .is_none_or(|id| grant.resource_ids.iter().any(|pattern| covers(pattern, id))))
            && action
                .resource_sensitivity
                .is_none_or(|s| Some(s) <= grant.sensitivity_max)
            && (grant.owners.is_empty()
                || action
                    .resource_owner
                    .as_ref()
                    .is_none_or(|owner| grant.owners.contains(owner)))
    });
    let known = |list: &[crate::event::Text], word: &Option<crate::event::Text>| {
        list.is_empty() || word.as_ref().is_none_or(|word| list.contains(word))
    };
    let sources = &scope.instruction_sources;
    let minute = schedule::minute_of_day(at_ms);
    for (fine, name) in [
        (granted, "grant"),
        (known(&scope.tools, &action.tool_name), "tool"),
        (
            known(&scope.destinations, &action.destination_host),
            "destination",
        ),
        (
            sources.is_empty()
                || action
                    .instruction_source
                    .is_none_or(|s| sources.contains(&s)),
            "instruction",
        ),
        (
            scope.hours.as_ref().is_none_or(|h| {
                h.days.contains(&schedule::weekday(at_ms))
                    && (h.from_min..h.to_min).contains(&minute)
            }),
            "hours",
        ),
    ] {
        if !fine {
            found.push(name);
        }
    }
    found
}

#[test]
fn benign_agents_keep_to_their_scopes_through_all_noise() {
    let records: Vec<SimRecord> = Fleet::new(attacked(17, AttackKind::judged()))
        .unwrap()
        .collect();
    let mut book = Book::default();
    let mut first_seen = BTreeMap::new();
    for record in &records {
        if let RecordBody::Scope(scope) = &record.body {
            book.declare(scope);
            first_seen
                .entry(scope.scope_id.clone())
                .or_insert(record.at_ms);
        }
    }
    let mut spent: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (mut judged, mut late, mut denied) = (0, 0, 0);
    let mut seen = BTreeSet::new();
    let honest = |record: &&SimRecord| record.label.is_none_or(|label| label.kind.is_benign());
    for record in records.iter().filter(honest) {
        let Some(action) = action(record) else {
            continue;
        };
        if !seen.insert(action.event_id.clone()) {
            continue;
        }
        let templated = action.agent_type.as_deref() == Some("desk");
        let scopes = book.judging(action);
        if scopes.is_empty() {
            assert!(
                templated && action.task_class.is_some(),
                "nobody declared {action:?}"
            );
            continue;
        }
        judged += 1;
        late += u32::from(record.at_ms - action.occurred_at_ms.unwrap() > MINUTE_MS);
        denied += u32::from(action.outcome == Some(ActionOutcome::Denied));
        let fits = scopes
            .iter()
            .find(|scope| against(scope, action).is_empty());
        let Some(scope) = fits else {
            panic!(
                "{:?}: {action:?}",
                scopes
                    .iter()
                    .map(|s| against(s, action))
                    .collect::<Vec<_>>()
            )
        };
        assert!(
            first_seen[&scope.scope_id] - record.at_ms <= 15 * SECOND_MS,
            "declared after the wait"
        );
        let sums = spent.entry(scope.scope_id.to_string()).or_default();
        sums.0 += 1;
        sums.1 += action.volume_bytes_out.unwrap_or(0);
        for (limit, sum) in scope.limits.iter().zip([sums.0, sums.1]) {
            assert!(
                sum as f64 <= limit.max,
                "{} over its limits",
                scope.scope_id
            );
        }
    }
    assert!(
        judged > 10_000 && late > 20 && denied > 50,
        "{judged} {late} {denied}"
    );
}

/// What the scope of a child permits beyond that of the parent that it names.
fn wider_than_parent(
    scopes: &BTreeMap<(&str, &str), &AgentScope>,
    child: &AgentScope,
) -> Option<crate::scope::WiderDimensions> {
    let parent = child.parent.as_ref()?;
    let of_parent = scopes.get(&(&child.tenant, parent.scope_id.as_deref()?))?;
    Some(crate::scope::compare_scopes(&[*of_parent], child))
}

#[test]
fn only_attacks_give_a_child_more_than_its_parent_has() {
    let mut kinds = AttackKind::of_family("delegation");
    kinds.extend(AttackKind::of_family("credential"));
    let records: Vec<SimRecord> = Fleet::new(attacked(29, kinds)).unwrap().collect();
    let mut scopes = BTreeMap::new();
    let (mut honest, mut wide) = (0, 0);
    for record in &records {
        let RecordBody::Scope(scope) = &record.body else {
            continue;
        };
        if let Some(found) = wider_than_parent(&scopes, scope)
            && scope.status == DeclaredStatus::Active
        {
            let words: Vec<&str> = found.words().collect();
            assert_eq!(
                words.is_empty(),
                record.label.is_none(),
                "{words:?} {scope:?}"
            );
            honest += u32::from(words.is_empty());
            wide += u32::from(!words.is_empty());
        }
        scopes.insert((scope.tenant.as_str(), scope.scope_id.as_str()), &**scope);
    }
    assert!(honest > 100 && wide >= 1, "{honest} {wide}");
}

#[test]
fn every_child_was_spawned_and_names_its_parent_but_the_ambient_one() {
    let kinds = AttackKind::of_family("delegation");
    let records: Vec<SimRecord> = Fleet::new(attacked(31, kinds)).unwrap().collect();
    let mut spawned = BTreeSet::new();
    let mut nameless = BTreeSet::new();
    for record in &records {
        match &record.body {
            RecordBody::Action(action) if action.action_verb == crate::event::Verb::Spawn => {
                spawned.insert(action.resource_id.clone().unwrap());
            }
            RecordBody::Scope(scope) if scope.parent.is_none() => {
                nameless.insert(scope.agent_id.clone());
            }
            _ => {}
        }
    }
    let invented = nameless.iter().filter(|id| spawned.contains(*id));
    assert_eq!(invented.count(), 1, "the ambient child");
}

#[test]
fn what_scope_attacks_do_is_against_the_scope_that_judges_it() {
    let kinds = AttackKind::of_family("scope");
    let records: Vec<SimRecord> = Fleet::new(attacked(23, kinds)).unwrap().collect();
    let mut book = Book::default();
    for record in &records {
        if let RecordBody::Scope(scope) = &record.body {
            book.declare(scope);
        }
    }
    let mut kinds = BTreeSet::new();
    for record in records.iter().filter(|record| record.label.is_some()) {
        let (Some(action), Some(label)) = (action(record), record.label) else {
            continue;
        };
        let templated = action.agent_type.as_deref() == Some("desk");
        let scopes = book.judging(action);
        let wrong = match label.kind {
            AttackKind::UnmappedTool => action.resource_type == "unknown",
            AttackKind::ChannelBelow => action.channel_encrypted == Some(false),
            AttackKind::DelegationOutside => action.action_verb == crate::event::Verb::Spawn,
            AttackKind::LimitExceeded => action.volume_bytes_out == Some(4_500_000),
            AttackKind::Sensitivity => action.resource_sensitivity == Some(Sensitivity::Restricted),
            AttackKind::UndeclaredAgent | AttackKind::NotYetValid => {
                scopes.iter().all(|scope| scope.task_id != action.task_id)
            }
            _ => scopes.iter().all(|scope| against(scope, action).len() == 1),
        };
        assert!(wrong || templated, "{}: {action:?}", label.kind);
        kinds.insert(label.kind);
    }
    assert_eq!(kinds.len(), 21);
}
