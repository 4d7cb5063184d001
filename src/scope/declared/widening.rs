//! Whether a later version of a scope permits more than an earlier one.
//!
//! Structural and sound within its bound: it compares patterns, never actions. Renewal (a later
//! `expires_at`) is no widening.

use crate::event::{AgentScope, ChannelRule, DelegationRule, Limit, Text, WorkingHours};
use crate::scope::model::compiled::{CompiledGrant, CompiledScope, TypePattern};
use crate::text::GlobPattern;
use crate::text::normal::{DestinationPattern, PathPattern};

/// Comparisons of patterns before a pair of versions counts as not widened: the lists of a scope
/// are bounded, but their product is not small, and an alert must not rest on a guess.
const STEPS_MAX: usize = 200_000;

/// Whether `after` permits something that `before` did not.
pub(super) fn permits_more(before: &AgentScope, after: &AgentScope) -> bool {
    let (old, new) = (
        CompiledScope::compile_lenient(before),
        CompiledScope::compile_lenient(after),
    );
    let open = |old: Option<u16>, new: Option<u16>| match (old, new) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => new & !old != 0,
    };
    list_widens(&old.tools, &new.tools, GlobPattern::covers)
        || list_widens(
            &old.destinations,
            &new.destinations,
            DestinationPattern::covers_pattern,
        )
        || open(old.sources, new.sources)
        || channel_widens(old.channel, new.channel)
        || delegation_widens(old.delegation, new.delegation)
        || hours_widen(before.hours.as_ref(), after.hours.as_ref())
        || limits_widen(&before.limits, &after.limits)
        || grants_widen(&old.grants, &new.grants)
}

/// An empty list leaves the dimension unjudged, which is the widest.
fn list_widens<P>(old: &[P], new: &[P], covers: fn(&P, &P) -> bool) -> bool {
    if old.is_empty() {
        return false;
    }
    new.is_empty()
        || new
            .iter()
            .any(|new| !old.iter().any(|old| covers(old, new)))
}

fn channel_widens(old: ChannelRule, new: ChannelRule) -> bool {
    (old.encrypted && !new.encrypted) || (old.authenticated && !new.authenticated)
}

fn delegation_widens(old: Option<DelegationRule>, new: Option<DelegationRule>) -> bool {
    let raised = |old: Option<u32>, new: Option<u32>| match (old, new) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => new > old,
    };
    match (old, new) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => {
            (new.allowed && !old.allowed)
                || raised(old.depth_max, new.depth_max)
                || raised(old.children_max, new.children_max)
        }
    }
}

/// Hours in another zone permit moments that the old ones did not, at some time of the year.
fn hours_widen(old: Option<&WorkingHours>, new: Option<&WorkingHours>) -> bool {
    match (old, new) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) if old.zone != new.zone => true,
        (Some(old), Some(new)) => {
            let before = open_minutes(old);
            open_minutes(new)
                .iter()
                .zip(before)
                .any(|(new, old)| *new && !old)
        }
    }
}

/// Every minute of the week that is inside.
fn open_minutes(hours: &WorkingHours) -> Vec<bool> {
    use crate::scope::model::working_hours::{CompiledHours, LocalTime};
    let zoneless = WorkingHours {
        zone: None,
        ..hours.clone()
    };
    let Some(compiled) = CompiledHours::compile(&zoneless) else {
        return Vec::new();
    };
    let minutes = (1..=7).flat_map(|weekday| (0..1_440).map(move |minute| (weekday, minute)));
    minutes
        .map(|(weekday, minute)| compiled.contains(LocalTime { weekday, minute }))
        .collect()
}

fn limits_widen(old: &[Limit], new: &[Limit]) -> bool {
    let bounded = |old: &Limit| {
        new.iter().any(|new| {
            new.measure == old.measure && new.window_ms == old.window_ms && new.max <= old.max
        })
    };
    !old.iter().all(bounded)
}

fn grants_widen(old: &[CompiledGrant], new: &[CompiledGrant]) -> bool {
    let any_id = [PathPattern::parse_lenient("*")];
    let mut steps = 0;
    for grant in new {
        let ids = if grant.ids.is_empty() {
            &any_id[..]
        } else {
            &grant.ids
        };
        for types in &grant.types {
            for id in ids {
                match granted_verbs(old, grant, types, id, &mut steps) {
                    None => return false,
                    Some(verbs) if grant.verbs & !verbs != 0 => return true,
                    Some(_) => {}
                }
            }
        }
    }
    false
}

/// The verbs that the old grants together gave on `types` and `id`; `None` past the bound.
fn granted_verbs(
    old: &[CompiledGrant],
    grant: &CompiledGrant,
    types: &TypePattern,
    id: &PathPattern,
    steps: &mut usize,
) -> Option<u16> {
    let mut verbs = 0;
    for before in old {
        *steps += 1 + before.types.len() + before.ids.len();
        if *steps > STEPS_MAX {
            return None;
        }
        let covers = before.types.iter().any(|old| old.covers_family(types))
            && (before.ids.is_empty() || before.ids.iter().any(|old| old.covers_pattern(id)))
            && before
                .sensitivity_max
                .is_none_or(|max| grant.sensitivity_max.is_some_and(|new| new <= max))
            && owners_cover(&before.owners, &grant.owners);
        if covers {
            verbs |= before.verbs;
        }
    }
    Some(verbs)
}

fn owners_cover(old: &[Text], new: &[Text]) -> bool {
    old.is_empty() || (!new.is_empty() && new.iter().all(|owner| old.contains(owner)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Grant, Measure, Sensitivity, Verb};
    use crate::scope::testing;

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
}
