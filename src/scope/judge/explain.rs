//! One human sentence per violation: what was observed, what the scope allows.

use std::fmt::Display;

use jiff::tz::TimeZone;

use super::dimensions::{delegation_depth, outside_destination};
use super::grants::decide_by_grants;
use super::verdict::Judgement;
use crate::event::{AgentAction, AgentScope, Grant, Text, Verb, WorkingHours};
use crate::scope::model::compiled::{CompiledScope, verb_bit};
use crate::scope::model::countable::non_empty;
use crate::scope::model::verdict_words::Violation;
use crate::scope::model::working_hours::{local_time, time_zone};
use crate::text::units::{day_name, show_duration, show_time_of_day};

/// Stands in a sentence for a field that the record lacks.
const UNNAMED: &str = "unnamed";
/// Entries of a list that a sentence shows.
const SHOWN_MAX: usize = 6;

impl Judgement {
    /// A sentence on what `action` did and what the judging `scope` allows instead.
    #[must_use]
    pub fn explain(
        &self,
        violation: Violation,
        action: &AgentAction,
        scope: &AgentScope,
    ) -> String {
        let kind = &action.resource_type;
        match violation {
            Violation::ResourceType => {
                let granted = scope.grants.iter().flat_map(|g| &g.resource_types);
                format!(
                    "resource type {kind}; the scope grants {}",
                    format_list(granted)
                )
            }
            Violation::Tool => {
                let tool = or_unnamed(&action.tool_name);
                format!(
                    "tool {tool}; the scope allows {}",
                    format_list(&scope.tools)
                )
            }
            Violation::Destination => {
                let declared = CompiledScope::compile_lenient(scope).destinations;
                let destination = outside_destination(&declared, action).unwrap_or(UNNAMED);
                format!(
                    "destination {destination}; the scope allows {}",
                    format_list(&scope.destinations)
                )
            }
            Violation::ResourceId | Violation::Verb | Violation::Sensitivity | Violation::Owner => {
                explain_grant(violation, action, scope)
            }
            _ => self.explain_manner(violation, action, scope),
        }
    }

    /// The violations of the manner and time of the action.
    fn explain_manner(
        &self,
        violation: Violation,
        action: &AgentAction,
        scope: &AgentScope,
    ) -> String {
        let rule = scope.delegation.unwrap_or_default();
        match violation {
            Violation::InstructionSource => {
                let source = action.instruction_source.map_or("unknown", |s| s.as_str());
                let allowed = format_list(&scope.instruction_sources);
                format!("instructed by {source}; the scope takes instructions from {allowed}")
            }
            Violation::Channel => {
                let wanted = scope.channel.unwrap_or_default();
                let plain = wanted.encrypted && action.channel_encrypted == Some(false);
                let word = if plain { "encrypted" } else { "authenticated" };
                format!("the channel was not {word}; the scope demands an {word} channel")
            }
            Violation::Hours => self.explain_hours(scope.hours.as_ref()),
            Violation::Limit => self.explain_limit(scope),
            Violation::DelegationDepth => {
                let spawned = u32::from(action.action_verb == Verb::Spawn);
                let depth = delegation_depth(action) + spawned;
                format!(
                    "delegation depth {depth}; the scope allows {}",
                    format_maximum(rule.depth_max)
                )
            }
            Violation::DelegationChildren => {
                let children = self.children;
                format!(
                    "{children} children; the scope allows {}",
                    format_maximum(rule.children_max)
                )
            }
            _ => "spawned an agent; the scope allows no delegation".to_owned(),
        }
    }

    fn explain_hours(&self, hours: Option<&WorkingHours>) -> String {
        let Some(hours) = hours else {
            return "outside the declared hours".to_owned();
        };
        let allowed = show_hours(hours);
        let own = hours.zone.as_deref().and_then(time_zone);
        // A scope without a zone was judged in the tenant's zone, which is not known here: the
        // sentence then shows the moment in UTC, and names UTC.
        let zone = hours.zone.as_deref().filter(|_| own.is_some());
        let shown = zone.unwrap_or("UTC");
        let at = local_time(self.at_ms, own.as_ref().unwrap_or(&TimeZone::UTC)).map_or_else(
            || "an unknown time".to_owned(),
            |at| format!("{} {}", day_name(at.weekday), show_time_of_day(at.minute)),
        );
        format!("acted {at} ({shown}); the scope allows {allowed}")
    }

    fn explain_limit(&self, scope: &AgentScope) -> String {
        let hit = self
            .limit_hit
            .and_then(|hit| Some((hit, scope.limits.get(hit.index)?)));
        let Some((hit, limit)) = hit else {
            return "over a declared limit".to_owned();
        };
        let window = show_duration(limit.window_ms);
        let (observed, max) = (hit.observed, hit.max);
        format!(
            "{} reached {observed} in {window}; the scope allows {max}",
            limit.measure
        )
    }
}

/// `mon, fri 09:00 to 17:00 (Europe/Berlin)`.
pub(super) fn show_hours(hours: &WorkingHours) -> String {
    let days: Vec<&str> = hours.days.iter().map(|day| day_name(*day)).collect();
    let days = match days.is_empty() {
        true => "every day".to_owned(),
        false => days.join(", "),
    };
    let from = show_time_of_day(hours.from_min);
    let to = show_time_of_day(hours.to_min);
    let zone = hours.zone.as_deref().unwrap_or("the tenant's time");
    format!("{days} {from} to {to} ({zone})")
}

/// The violations of a grant of the action's resource type.
fn explain_grant(violation: Violation, action: &AgentAction, scope: &AgentScope) -> String {
    let kind = &action.resource_type;
    match violation {
        Violation::ResourceId => {
            let id = or_unnamed(&action.resource_id);
            let granted = grants_to_name(scope, action).flat_map(|g| &g.resource_ids);
            format!(
                "resource {id} of {kind}; the grant covers {}",
                format_list(granted)
            )
        }
        Violation::Verb => {
            let verbs: Vec<Verb> = grants_to_name(scope, action)
                .flat_map(|g| g.verbs.clone())
                .collect();
            format!(
                "verb {} on {kind}; the grant allows {}",
                action.action_verb,
                format_list(&verbs)
            )
        }
        Violation::Sensitivity => {
            let seen = action
                .resource_sensitivity
                .map_or("unknown", |s| s.as_str());
            let max = grants_to_name(scope, action)
                .filter_map(|g| g.sensitivity_max)
                .max();
            let max = max.map_or("any", |s| s.as_str());
            format!("sensitivity {seen} on {kind}; the grant allows at most {max}")
        }
        _ => {
            let owners = grants_to_name(scope, action).flat_map(|g| &g.owners);
            let owner = or_unnamed(&action.resource_owner);
            format!(
                "{kind} owned by {owner}; the grant covers owners {}",
                format_list(owners)
            )
        }
    }
}

/// The grants that a sentence names. One grant decided and has the verb and names the id: only
/// that. Otherwise of a complete record every grant of the type, and only those with the verb if
/// there are any; of a record without verb or id every candidate.
fn grants_to_name<'s>(
    scope: &'s AgentScope,
    action: &AgentAction,
) -> impl Iterator<Item = &'s Grant> {
    let compiled = CompiledScope::compile_lenient(scope).grants;
    let decision = decide_by_grants(&compiled, action);
    let violations = decision.as_ref().map(|found| found.violations);
    let violations = violations.unwrap_or_default();
    let candidates = decision.map(|found| found.candidates).unwrap_or_default();
    let complete = !action.verb_unmapped() && non_empty(&action.resource_id).is_some();
    let no_grant_has_verb = violations.contains(Violation::Verb);
    let by_candidate =
        !complete || !no_grant_has_verb && !violations.contains(Violation::ResourceId);
    let verb = verb_bit(action.action_verb);
    let kind = action.resource_type.clone();
    let grants = scope.grants.iter().zip(compiled).enumerate();
    grants
        .filter(move |(index, (_, compiled))| match by_candidate {
            true => candidates.contains(index),
            false => {
                compiled.covers_type(&kind) && (no_grant_has_verb || compiled.verbs & verb != 0)
            }
        })
        .map(|(_, (grant, _))| grant)
}

fn or_unnamed(text: &Option<Text>) -> &str {
    text.as_deref()
        .filter(|text| !text.is_empty())
        .unwrap_or(UNNAMED)
}

pub(super) fn format_maximum(max: Option<u32>) -> String {
    max.map_or_else(|| "any".to_owned(), |max| max.to_string())
}

/// The first [`SHOWN_MAX`] distinct items, and how many more there are.
pub(super) fn format_list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut shown: Vec<String> = Vec::new();
    for item in items {
        let item = item.to_string();
        if !shown.contains(&item) {
            shown.push(item);
        }
    }
    match shown.len().checked_sub(SHOWN_MAX) {
        _ if shown.is_empty() => "none".to_owned(),
        None | Some(0) => shown.join(", "),
        Some(more) => {
            shown.truncate(SHOWN_MAX);
            format!("{} and {more} more", shown.join(", "))
        }
    }
}
