//! The shipped scope rules decide severity by the effect of an action, and nothing farther outside
//! the scope is milder.

use proptest::prelude::*;

use super::shipped_rules::shipped;
use crate::event::{ActionEffect, Verb};
use crate::rule::{Bundle, FactValue, Facts, RevokeTarget, RuleLevel, RuleSet, fact};
use crate::scope::{ScopeStatus, Violation};

/// The violations that make an action one outside its scope. The others are about its manner.
const OUTSIDE: [Violation; 7] = [
    Violation::ResourceType,
    Violation::ResourceId,
    Violation::Verb,
    Violation::Sensitivity,
    Violation::Owner,
    Violation::Tool,
    Violation::Destination,
];

/// The types of resources that make a difference.
const TYPES: [&str; 3] = ["database.table", "credential.key", "credential"];

/// Statuses of scopes, each worse than the one before it.
const STATUSES: [ScopeStatus; 6] = [
    ScopeStatus::Active,
    // Of a task that nobody declared.
    ScopeStatus::Missing,
    ScopeStatus::Expired,
    ScopeStatus::Completed,
    ScopeStatus::Suspended,
    ScopeStatus::Revoked,
];

/// What the scope room says of an action.
#[derive(Debug, Clone)]
struct Verdict {
    verb: Verb,
    resource_type: &'static str,
    status: ScopeStatus,
    violations: Vec<Violation>,
}

/// What the rules make of it: the level of the strongest, and whether one asks for a revocation.
type Response = (Option<RuleLevel>, bool);

fn respond(bundle: &Bundle, verdict: &Verdict) -> Response {
    let words: Vec<&str> = verdict.violations.iter().map(|one| one.as_str()).collect();
    let mut facts = Facts::new(&bundle.catalogue);
    facts.set(fact::ACTION_VERB, verdict.verb.as_str());
    facts.set(fact::ACTION_EFFECT, verdict.verb.effect_class().as_str());
    facts.set(fact::RESOURCE_TYPE, verdict.resource_type);
    facts.set(fact::SCOPE_STATUS, verdict.status.as_str());
    facts.set(fact::SCOPE_VIOLATIONS, FactValue::List(&words));
    let undeclared = verdict.status == ScopeStatus::Missing;
    facts.set(fact::SCOPE_UNDECLARED_TASK, undeclared);
    let mut matched = Vec::new();
    bundle.match_rules(&facts, RuleSet::All, &mut matched);
    let rules = || matched.iter().filter_map(|index| bundle.rule(*index));
    (
        rules().map(|rule| rule.level).max(),
        rules().any(|rule| rule.response.revoke != RevokeTarget::None),
    )
}

/// The same, written down as a table.
fn expected(verdict: &Verdict) -> Response {
    let has = |violation| verdict.violations.contains(&violation);
    let ended = STATUSES[1..].contains(&verdict.status);
    let outside = ended || OUTSIDE.into_iter().any(has);
    let by_status = match verdict.status {
        ScopeStatus::Revoked => Some((RuleLevel::Critical, true)),
        ScopeStatus::Suspended => Some((RuleLevel::High, true)),
        ScopeStatus::Completed => Some((RuleLevel::Medium, true)),
        ScopeStatus::Expired | ScopeStatus::Missing => Some((RuleLevel::Medium, false)),
        _ => None,
    };
    let graver = [ActionEffect::Destroy, ActionEffect::Egress]
        .contains(&verdict.verb.effect_class())
        || verdict.verb == Verb::Admin
        || verdict.resource_type.starts_with("credential");
    let by_effect = match verdict.verb {
        _ if !outside => None,
        _ if graver => Some((RuleLevel::Critical, true)),
        Verb::Create | Verb::Update | Verb::Execute | Verb::Spawn => Some((RuleLevel::High, false)),
        _ if has(Violation::Sensitivity) => Some((RuleLevel::High, false)),
        Verb::List | Verb::Search if !has(Violation::ResourceType) => Some((RuleLevel::Low, false)),
        _ => Some((RuleLevel::Medium, false)),
    };
    let all = [by_status, by_effect];
    let found = || all.iter().flatten();
    (
        found().map(|(level, _)| *level).max(),
        found().any(|(_, planned)| *planned),
    )
}

#[test]
fn severity_and_revocation_follow_the_effect_in_every_dimension_and_status() {
    let bundle = shipped();
    for number in 0..1 << OUTSIDE.len() {
        let chosen = |(bit, violation)| (number >> bit & 1 == 1).then_some(violation);
        let violations: Vec<Violation> =
            OUTSIDE.into_iter().enumerate().filter_map(chosen).collect();
        for status in STATUSES {
            for resource_type in TYPES {
                for verb in Verb::ALL {
                    let verdict = Verdict {
                        verb: *verb,
                        resource_type,
                        status,
                        violations: violations.clone(),
                    };
                    assert_eq!(
                        respond(&bundle, &verdict),
                        expected(&verdict),
                        "{verdict:?}"
                    );
                }
            }
        }
    }
}

/// Verbs by what they do, each group graver than the one before it.
const VERBS: [&[Verb]; 4] = [
    &[Verb::List, Verb::Search],
    &[Verb::Read, Verb::Browse, Verb::Infer],
    &[Verb::Create, Verb::Update, Verb::Execute, Verb::Spawn],
    &[
        Verb::Delete,
        Verb::Send,
        Verb::Share,
        Verb::Transfer,
        Verb::Admin,
    ],
];

/// A verb of group `group` or of a graver one.
fn verb_from(group: usize) -> impl Strategy<Value = Verb> {
    let verbs: Vec<Verb> = VERBS[group..].concat();
    prop::sample::select(verbs)
}

/// A verdict, and one that is farther outside in some or all respects.
fn nearer_and_farther() -> impl Strategy<Value = (Verdict, Verdict)> {
    let violations = || prop::sample::subsequence(Violation::ALL.to_vec(), 0..=14);
    let base = (
        0..VERBS.len(),
        0..TYPES.len(),
        0..STATUSES.len(),
        violations(),
        violations(),
    );
    base.prop_flat_map(|(group, kind, status, few, more)| {
        let nearer = prop::sample::select(VERBS[group].to_vec());
        let worse = (verb_from(group), 0..=kind, status..STATUSES.len());
        (nearer, worse).prop_map(move |(verb, (farther_verb, nearer_kind, farther_status))| {
            let nearer = Verdict {
                verb,
                resource_type: TYPES[nearer_kind],
                status: STATUSES[status],
                violations: few.clone(),
            };
            let farther = Verdict {
                verb: farther_verb,
                resource_type: TYPES[kind],
                status: STATUSES[farther_status],
                violations: few.iter().chain(&more).copied().collect(),
            };
            (nearer, farther)
        })
    })
}

proptest! {
    #![proptest_config(crate::property::config(2_000))]

    #[test]
    fn nothing_farther_outside_is_milder((nearer, farther) in nearer_and_farther()) {
        let bundle = bundle();
        let (near, far) = (respond(bundle, &nearer), respond(bundle, &farther));
        prop_assert!(far.0 >= near.0, "{nearer:?} {near:?}, {farther:?} {far:?}");
        prop_assert!(far.1 >= near.1, "{nearer:?} {near:?}, {farther:?} {far:?}");
    }

    /// An agent that observes more than was declared wakes nobody at night and keeps its
    /// credential.
    #[test]
    fn reading_more_than_declared_is_medium_at_most(
        verb in prop::sample::select([VERBS[0], VERBS[1], &[Verb::Other]].concat()),
        violations in prop::sample::subsequence(OUTSIDE.to_vec(), 0..=7),
        status in prop::sample::select(vec![ScopeStatus::Active, ScopeStatus::Expired]),
    ) {
        let violations: Vec<Violation> = violations
            .into_iter()
            .filter(|violation| *violation != Violation::Sensitivity)
            .collect();
        let verdict = Verdict { verb, resource_type: TYPES[0], status, violations };
        let (level, planned) = respond(bundle(), &verdict);
        prop_assert!(level <= Some(RuleLevel::Medium), "{verdict:?} {level:?}");
        prop_assert!(!planned, "{verdict:?}");
    }
}

/// The shipped bundle, loaded once.
fn bundle() -> &'static Bundle {
    static BUNDLE: std::sync::OnceLock<Bundle> = std::sync::OnceLock::new();
    BUNDLE.get_or_init(shipped)
}
