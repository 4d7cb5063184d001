//! What is wider than what, one by one, and what holds for all scopes and actions.

use proptest::prelude::*;

use super::*;
use crate::event::{
    AgentAction, ChannelRule, Grant, InstructionSource, Limit, Measure, Sensitivity, Verb,
};
use crate::scope::testing::{self, some_action, some_scope};
use crate::scope::{JudgeContext, LimitUsage, ScopeHistory, judge};

fn base() -> AgentScope {
    AgentScope {
        tools: vec!["mail.*".into()],
        limits: vec![Limit {
            measure: Measure::parse("count").unwrap(),
            window_ms: 60_000,
            max: 5.0,
        }],
        delegation: Some(DelegationRule {
            allowed: true,
            depth_max: Some(1),
            ..Default::default()
        }),
        hours: Some(WorkingHours {
            days: vec![1, 2],
            from_min: 480,
            to_min: 1020,
            zone: None,
        }),
        ..testing::scope("s", &[("email.*", "read"), ("database.table", "read,list")])
    }
}

#[test]
fn less_or_the_same_is_no_widening() {
    let narrower: [fn(&mut AgentScope); 8] = [
        |_| {},
        |s| s.grants.truncate(1),
        |s| s.grants[0].resource_types = vec!["email.message".into()],
        |s| s.grants[0].resource_ids = vec!["a*".into()],
        |s| s.grants[0].sensitivity_max = Some(Sensitivity::Internal),
        |s| s.tools = vec!["mail.send".into()],
        |s| s.limits[0].max = 4.0,
        |s| s.hours.as_mut().unwrap().to_min = 1000,
    ];
    for (n, change) in narrower.iter().enumerate() {
        let mut after = base();
        change(&mut after);
        assert!(!permits_more(&base(), &after), "case {n}");
    }
}

#[test]
fn more_of_any_kind_is_a_widening() {
    let wider: [fn(&mut AgentScope); 10] = [
        |s| s.grants[0].resource_types.push("calendar.event".into()),
        |s| s.grants[0].verbs.push(Verb::Send),
        |s| s.grants[0].verbs.clear(),
        |s| s.tools.clear(),
        |s| s.tools.push("web.*".into()),
        |s| s.limits[0].max = 6.0,
        |s| s.limits.clear(),
        |s| {
            s.delegation = Some(DelegationRule {
                allowed: true,
                ..Default::default()
            })
        },
        |s| s.hours.as_mut().unwrap().days = vec![1, 2, 3],
        |s| s.hours = None,
    ];
    for (n, change) in wider.iter().enumerate() {
        let mut after = base();
        change(&mut after);
        assert!(permits_more(&base(), &after), "case {n}");
    }
}

#[test]
fn two_grants_written_as_one_are_no_widening() {
    let before = testing::scope("s", &[("email", "read"), ("email", "send")]);
    let after = testing::scope("s", &[("email", "read,send")]);
    assert!(!permits_more(&before, &after));
    let other = AgentScope {
        grants: vec![Grant {
            resource_ids: vec!["a*".into()],
            ..after.grants[0].clone()
        }],
        ..after.clone()
    };
    assert!(permits_more(&other, &after));
}

fn names(parents: &[&AgentScope], child: &AgentScope) -> Vec<&'static str> {
    compare_scopes(parents, child).words().collect()
}

type Change = fn(&mut AgentScope);

/// Each makes one dimension wider.
const WIDEN: [(&str, Change); 16] = [
    ("resource_type", |s| {
        s.grants[0].resource_types = vec!["*".into()]
    }),
    ("resource_id", |s| s.grants[0].resource_ids = Vec::new()),
    ("verb", |s| s.grants[0].verbs.push(Verb::Delete)),
    ("sensitivity", |s| s.grants[0].sensitivity_max = None),
    ("owner", |s| s.grants[0].owners.push("o2".into())),
    ("tool", |s| s.tools.push("shell".into())),
    ("destination", |s| s.destinations.clear()),
    ("instruction_source", |s| {
        s.instruction_sources.push(InstructionSource::ToolOutput)
    }),
    ("channel", |s| s.channel = None),
    ("hours", |s| s.hours = None),
    ("limit", |s| s.limits[0].max = 6.0),
    ("delegation_not_allowed", |s| s.delegation = None),
    ("delegation_depth", |s| {
        s.delegation = rule(true, Some(2), Some(3))
    }),
    ("delegation_children", |s| {
        s.delegation = rule(true, Some(1), None)
    }),
    ("expiry", |s| s.expires_at_ms = Some(5_001)),
    ("expiry", |s| s.expires_at_ms = None),
];

fn rule(
    allowed: bool,
    depth_max: Option<u32>,
    children_max: Option<u32>,
) -> Option<DelegationRule> {
    Some(DelegationRule {
        allowed,
        depth_max,
        children_max,
    })
}

fn full() -> AgentScope {
    let mut scope = AgentScope {
        destinations: vec!["*.corp.example".into()],
        instruction_sources: vec![InstructionSource::User],
        channel: Some(ChannelRule {
            encrypted: true,
            authenticated: true,
        }),
        delegation: rule(true, Some(1), Some(3)),
        expires_at_ms: Some(5_000),
        ..base()
    };
    let grant = &mut scope.grants[0];
    grant.resource_ids = vec!["a*".into()];
    grant.sensitivity_max = Some(Sensitivity::Internal);
    grant.owners = vec!["o1".into()];
    scope.grants.truncate(1);
    scope
}

#[test]
fn each_dimension_is_named_and_no_other() {
    for (name, widen) in WIDEN {
        let (mut parent, mut child) = (full(), full());
        if name == "delegation_not_allowed" {
            parent.delegation = rule(false, None, None);
        }
        widen(&mut child);
        assert_eq!(names(&[&parent], &child), [name]);
        assert!(
            names(&[&child], &parent).is_empty() || name.starts_with("delegation"),
            "{name}"
        );
    }
}

#[test]
fn what_may_not_delegate_is_no_wider_for_a_depth_it_leaves_out() {
    let mut child = full();
    child.delegation = rule(false, None, None);
    assert!(names(&[&full()], &child).is_empty());
    child.delegation = None;
    assert_eq!(
        names(&[&full()], &child),
        ["delegation_depth", "delegation_children"]
    );
}

#[test]
fn of_several_parents_one_must_allow_the_whole() {
    let with = |id: &str, grant: (&str, &str), tool: &str| AgentScope {
        tools: vec![tool.into()],
        ..testing::scope(id, &[grant])
    };
    let mail = with("s1", ("email.*", "read"), "mail.*");
    let files = with("s2", ("code.file", "read"), "git.*");
    let parents = [&mail, &files];
    assert!(names(&parents, &mail).is_empty());
    let mixed = with("c", ("email.*", "read"), "git.*");
    assert_eq!(names(&parents, &mixed), ["resource_type"]);
    let mut both = with("c", ("email.*", "read"), "mail.send");
    both.grants.extend(files.grants.clone());
    assert_eq!(
        names(&parents, &both),
        ["resource_type"],
        "of files, with a tool for mail"
    );
    let mut same_tool = files.clone();
    same_tool.tools = vec!["mail.*".into()];
    assert!(
        names(&[&mail, &same_tool], &both).is_empty(),
        "grants of two, whole in all else"
    );
    assert!(names(&[], &both).is_empty(), "nothing to compare with");
}

#[test]
fn a_limit_is_kept_by_one_that_bounds_it() {
    let limit = |window_ms, max| Limit {
        measure: Measure::parse("count").unwrap(),
        window_ms,
        max,
    };
    let hourly = limit(3_600_000, 60.0);
    for (new, bounds) in [
        (limit(3_600_000, 60.0), true),
        (limit(7_200_000, 60.0), true),
        (limit(60_000, 1.0), true),
        (limit(60_000, 2.0), false),
        (limit(7_200_000, 61.0), false),
        (limit(7_000, 0.1), true),
    ] {
        assert_eq!(bounds_limit(&new, &hourly), bounds, "{new:?}");
    }
}

#[test]
fn a_comparison_that_is_too_long_is_cut_and_invents_nothing() {
    let many = |letter: &str| AgentScope {
        grants: (0..64)
            .map(|n| Grant {
                resource_types: vec!["t".into()],
                resource_ids: (0..256)
                    .map(|id| format!("{letter}{n}/{id}/*").into())
                    .collect(),
                ..Grant::default()
            })
            .collect(),
        ..testing::scope("s", &[])
    };
    let found = compare_scopes(&[&many("a")], &many("a"));
    assert!(found.cut && found.is_empty());
}

/// A scope of every dimension.
fn whole_scope() -> impl Strategy<Value = AgentScope> {
    let limit = (prop::sample::select(vec![60_000_i64, 3_600_000]), 1..5_u32);
    let limit = limit.prop_map(|(window_ms, max)| Limit {
        measure: Measure::parse("count").unwrap(),
        window_ms,
        max: f64::from(max),
    });
    let hours = (
        prop::collection::vec(1..=7_u8, 0..3),
        0..1_440_u16,
        0..=1_440_u16,
    );
    let hours = hours.prop_map(|(days, from_min, to_min)| WorkingHours {
        days,
        from_min,
        to_min,
        zone: None,
    });
    let few = || prop::option::of(0..3_u32);
    let delegation =
        (any::<bool>(), few(), few()).prop_map(|(allowed, depth, children)| DelegationRule {
            allowed,
            depth_max: depth,
            children_max: children,
        });
    let channel = (any::<bool>(), any::<bool>());
    let channel = channel.prop_map(|(encrypted, authenticated)| ChannelRule {
        encrypted,
        authenticated,
    });
    let rest = (
        prop::collection::vec(limit, 0..2),
        prop::option::of(hours),
        prop::option::of(delegation),
        prop::option::of(channel),
        prop::option::of(NOW..NOW + 10_000),
    );
    (some_scope(), rest).prop_map(|(scope, rest)| AgentScope {
        limits: rest.0,
        hours: rest.1,
        delegation: rest.2,
        channel: rest.3,
        expires_at_ms: rest.4,
        ..scope
    })
}

/// Each leaves less, or the same.
const RESTRICT: [fn(&mut AgentScope); 15] = [
    |s| drop(s.grants.pop()),
    |s| {
        s.grants
            .iter_mut()
            .for_each(|g| drop(g.resource_types.pop_if(|_| true)))
    },
    |s| {
        s.grants
            .iter_mut()
            .for_each(|g| g.resource_ids = vec!["b".into()])
    },
    |s| s.grants.iter_mut().for_each(|g| g.verbs.truncate(1)),
    |s| {
        s.grants
            .iter_mut()
            .for_each(|g| g.sensitivity_max = Some(Sensitivity::Public))
    },
    |s| {
        s.grants
            .iter_mut()
            .for_each(|g| g.owners.extend(first_owner(g)))
    },
    |s| s.tools = s.tools.first().cloned().into_iter().collect(),
    |s| s.destinations.truncate(1),
    |s| s.instruction_sources.truncate(1),
    |s| {
        s.channel = Some(ChannelRule {
            encrypted: true,
            authenticated: true,
        })
    },
    |s| s.hours.iter_mut().for_each(|h| h.days.dedup()),
    |s| s.limits.iter_mut().for_each(|l| l.max -= 1.0),
    |s| {
        s.limits.push(Limit {
            measure: Measure::parse("count").unwrap(),
            window_ms: 60_000,
            max: 0.0,
        })
    },
    |s| s.delegation = rule(false, Some(0), Some(0)),
    |s| s.expires_at_ms = Some(NOW),
];

fn first_owner(grant: &Grant) -> Option<crate::event::Text> {
    grant.owners.is_empty().then(|| "o1".into())
}

fn restricted(scope: &AgentScope, by: &[usize]) -> AgentScope {
    let mut less = scope.clone();
    by.iter().for_each(|n| RESTRICT[*n](&mut less));
    // A grant without a type would be refused.
    less.grants.retain(|grant| !grant.resource_types.is_empty());
    less
}

fn some_restrictions() -> impl Strategy<Value = Vec<usize>> {
    // The resource ids of a grant that names others are not a part of them.
    prop::collection::vec((0..RESTRICT.len()).prop_filter("ids", |n| *n != 2), 0..6)
}

const NOW: i64 = 1_780_315_200_000;

/// Whether one of the scopes allows the action, and what it violates otherwise.
fn judged(scopes: &[&AgentScope], action: &AgentAction, at_ms: i64) -> (bool, ViolationSet) {
    let mut history = ScopeHistory::default();
    for (n, scope) in scopes.iter().enumerate() {
        let scope = AgentScope {
            scope_id: format!("s{n}").into(),
            ..(*scope).clone()
        };
        history.declare(scope, NOW - 1_000);
    }
    let context = JudgeContext {
        at_ms,
        ..JudgeContext::default()
    };
    let found = judge(
        &history,
        || None,
        &mut LimitUsage::default(),
        action,
        &context,
    );
    let allowed = found.violations.is_empty() && found.status == crate::scope::ScopeStatus::Active;
    (allowed, found.violations)
}

fn act() -> impl Strategy<Value = AgentAction> {
    let flag = || prop::option::of(any::<bool>());
    (some_action(), flag(), flag(), any::<bool>()).prop_map(|(action, encrypted, known, spawns)| {
        let spawned = AgentAction {
            action_verb: Verb::Spawn,
            ..action.clone()
        };
        AgentAction {
            channel_encrypted: encrypted,
            channel_authenticated: known,
            ..if spawns { spawned } else { action }
        }
    })
}

const GRANT_PARTS: [Violation; 5] = [
    Violation::ResourceType,
    Violation::ResourceId,
    Violation::Verb,
    Violation::Sensitivity,
    Violation::Owner,
];

proptest! {
    #![proptest_config(crate::property::config(400))]

    #[test]
    fn no_scope_is_wider_than_itself(scope in whole_scope(), other in whole_scope()) {
        prop_assert!(names(&[&scope], &scope).is_empty());
        prop_assert!(names(&[&other, &scope], &scope).is_empty());
    }

    #[test]
    fn a_part_of_a_scope_is_not_wider(
        scope in whole_scope(), other in whole_scope(), by in some_restrictions(),
    ) {
        let less = restricted(&scope, &by);
        prop_assert_eq!(names(&[&scope], &less), Vec::<&str>::new());
        prop_assert_eq!(names(&[&other, &scope], &less), Vec::<&str>::new());
    }

    // Read from right to left: what goes beyond the parent is found, whatever the scopes.
    #[test]
    fn what_is_not_wider_allows_nothing_that_the_parents_do_not(
        parents in prop::collection::vec(whole_scope(), 1..3),
        by in some_restrictions(),
        borrowed in any::<bool>(),
        action in act(),
        after_ms in 0..10_000_i64,
    ) {
        let mut child = restricted(&parents[0], &by);
        if borrowed {
            let last = parents.last().unwrap();
            child.grants.extend(last.grants.clone());
            child.tools.clone_from(&last.tools);
        }
        let parents: Vec<&AgentScope> = parents.iter().collect();
        let at_ms = NOW + after_ms;
        if compare_scopes(&parents, &child).is_empty() && judged(&[&child], &action, at_ms).0 {
            let (allowed, violations) = judged(&parents, &action, at_ms);
            prop_assert!(allowed, "{:?}", violations);
        }
    }

    #[test]
    fn the_dimension_that_an_action_leaves_is_among_the_wider_ones(
        parent in whole_scope(), child in whole_scope(), action in act(),
    ) {
        let wider = compare_scopes(&[&parent], &child).violations;
        if judged(&[&child], &action, NOW).0 {
            for violation in judged(&[&parent], &action, NOW).1.iter() {
                match GRANT_PARTS.contains(&violation) {
                    true => prop_assert!(GRANT_PARTS.iter().any(|part| wider.contains(*part))),
                    false => prop_assert!(wider.contains(violation), "{violation:?}"),
                }
            }
        }
    }
}
