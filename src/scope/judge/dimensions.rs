//! Checks every dimension of a scope against one action. Allocates only for an id
//! or a destination that is not written in its normal form.

use jiff::tz::TimeZone;

use super::grants::check_grants;
use super::limit_usage::LimitUsage;
use super::verdict::{JudgeContext, LimitHit};
use crate::event::{
    ActionField, AgentAction, InstructionSource, RESOURCE_TYPE_UNKNOWN, Verb, text_fingerprint,
};
use crate::scope::model::compiled::{CompiledScope, excludes_unreadable, source_bit};
use crate::scope::model::countable::non_empty;
use crate::scope::model::selection::SelectedScope;
use crate::scope::model::verdict_words::{Violation, ViolationSet};
use crate::text::normal::{Destination, DestinationPattern, Host};

/// Stands for a destination that cannot be read.
const UNREADABLE: &str = "unreadable";

/// The action, and what every scope that may judge it is checked with.
pub(super) struct ActionCheck<'a> {
    pub(super) action: &'a AgentAction,
    pub(super) context: &'a JudgeContext<'a>,
    pub(super) usage: &'a LimitUsage,
}

/// The result for one scope.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CheckResult {
    pub(super) violations: ViolationSet,
    pub(super) limit_hit: Option<LimitHit>,
    /// Distinct children under the scope, the one this action spawns included.
    pub(super) children: u32,
}

impl CheckResult {
    /// Orders scopes that an action leaves, nearest first: scopes that grant the resource type
    /// first, then by the number of violations, then by the violations themselves.
    pub(super) fn distance(&self) -> (bool, u32, ViolationSet) {
        let other_type = self.violations.contains(Violation::ResourceType);
        (other_type, self.violations.len(), self.violations)
    }
}

impl ActionCheck<'_> {
    /// Checks every dimension of a scope.
    pub(super) fn check_scope(&self, selected: &SelectedScope<'_>) -> CheckResult {
        let (scope, terms) = (selected.scope, selected.terms);
        let mut violations = check_grants(&terms.grants, self.action);
        if outside_tools(terms, self.action) {
            violations.insert(Violation::Tool);
        }
        if outside_destination(&terms.destinations, self.action).is_some() {
            violations.insert(Violation::Destination);
        }
        if outside_sources(terms, self.action) {
            violations.insert(Violation::InstructionSource);
        }
        if weak_channel(terms, self.action) {
            violations.insert(Violation::Channel);
        }
        if self.outside_hours(terms) {
            violations.insert(Violation::Hours);
        }
        let limit_hit = self.limit_hit(selected);
        if limit_hit.is_some() {
            violations.insert(Violation::Limit);
        }
        let children = match self.action.action_verb {
            Verb::Spawn => self
                .usage
                .children
                .with_action(&scope.scope_id, self.action),
            _ => 0,
        };
        self.check_delegation(terms, children, &mut violations);
        CheckResult {
            violations,
            limit_hit,
            children,
        }
    }

    fn outside_hours(&self, terms: &CompiledScope) -> bool {
        let Some(hours) = &terms.hours else {
            return false;
        };
        let utc = TimeZone::UTC;
        let zone = self.context.zone.unwrap_or(&utc);
        hours
            .local_time(self.context.at_ms, zone)
            .is_some_and(|local| !hours.contains(local))
    }

    fn limit_hit(&self, selected: &SelectedScope<'_>) -> Option<LimitHit> {
        if selected.terms.limits.is_empty() {
            return None;
        }
        let scope = text_fingerprint(&selected.scope.scope_id);
        let time = self.context.time_in(selected);
        selected.terms.limits.iter().find_map(|limit| {
            let observed = self.usage.with_action(scope, limit, self.action, time)?;
            let max = limit.max;
            (observed > max).then_some(LimitHit {
                index: limit.index,
                observed,
                max,
            })
        })
    }

    fn check_delegation(
        &self,
        terms: &CompiledScope,
        children: u32,
        violations: &mut ViolationSet,
    ) {
        let Some(rule) = terms.delegation else {
            return;
        };
        let spawns = self.action.action_verb == Verb::Spawn;
        if spawns && !rule.allowed {
            violations.insert(Violation::DelegationNotAllowed);
        }
        let depth = delegation_depth(self.action) + u32::from(spawns);
        if rule.depth_max.is_some_and(|max| depth > max) {
            violations.insert(Violation::DelegationDepth);
        }
        if spawns && rule.children_max.is_some_and(|max| children > max) {
            violations.insert(Violation::DelegationChildren);
        }
    }
}

/// The number of delegations from the root of the chain to the acting agent; 0 without a chain.
/// The chain may end with the agent itself or with its parent; one that begins with the agent is
/// the wrong way round, but of the same length.
#[must_use]
pub fn delegation_depth(action: &AgentAction) -> u32 {
    let chain = &action.delegation_chain;
    let ends = [chain.first(), chain.last()];
    let itself = ends.iter().flatten().any(|id| **id == action.agent_id);
    u32::try_from(chain.len() - usize::from(itself)).unwrap_or(u32::MAX - 1)
}

fn outside_tools(terms: &CompiledScope, action: &AgentAction) -> bool {
    if action.is_malformed(ActionField::TOOL_NAME) {
        return excludes_unreadable(&terms.tools, |tool| tool.as_str() == "*");
    }
    let Some(tool) = non_empty(&action.tool_name) else {
        return false;
    };
    !terms.tools.is_empty()
        && !terms
            .tools
            .iter()
            .any(|glob| glob.matches_ignore_case(tool))
}

/// The destination that the declared ones do not cover, as the action names it.
///
/// Host and address are judged alike, and each recipient where one of them lists several. An action
/// may name both: then an address in numbers is the one that the covered name resolved to, unless
/// only addresses are declared. The host of a declared mail address is covered where the action
/// sends mail: its address says which account, or nobody knows which.
pub(super) fn outside_destination<'a>(
    declared: &[DestinationPattern],
    action: &'a AgentAction,
) -> Option<&'a str> {
    if declared.is_empty() {
        return None;
    }
    let unreadable = |field| action.is_malformed(field);
    if (unreadable(ActionField::DESTINATION_HOST) || unreadable(ActionField::DESTINATION_ADDRESS))
        && excludes_unreadable(declared, |one| matches!(one, DestinationPattern::Any))
    {
        let shown = action.destination_host.as_deref();
        return Some(
            shown
                .or(action.destination_address.as_deref())
                .unwrap_or(UNREADABLE),
        );
    }
    let (host_text, address_text) = (
        non_empty(&action.destination_host),
        non_empty(&action.destination_address),
    );
    let hosts = host_text.map(Destination::read_each).unwrap_or_default();
    let addresses = address_text.map(Destination::read_each).unwrap_or_default();
    let covered = |found: &Destination<'_>| declared.iter().any(|one| one.covers(found));
    let of_mail = |found: &Destination<'_>| {
        let Destination::Host(host) = found else {
            return false;
        };
        let same_host = match addresses.is_empty() {
            true => may_be_mail(&action.resource_type),
            false => addresses.iter().all(|address| is_mailbox_at(address, host)),
        };
        same_host && declared.iter().any(|one| one.names_mailbox_at(host))
    };
    if hosts.iter().any(|host| !covered(host) && !of_mail(host)) {
        return host_text;
    }
    let resolved = matches!(hosts.as_slice(), [Destination::Host(_)])
        && matches!(addresses.as_slice(), [Destination::Host(Host::Address(_))])
        && !declared.iter().all(DestinationPattern::is_of_addresses);
    let outside = addresses
        .iter()
        .any(|address| !resolved && !covered(address));
    address_text.filter(|_| outside)
}

fn is_mailbox_at(address: &Destination<'_>, host: &Host<'_>) -> bool {
    matches!(address, Destination::Mailbox { host: at, .. } if at == host)
}

/// Whether an action may be one of mail.
fn may_be_mail(resource_type: &str) -> bool {
    let family = resource_type.split('.').next().unwrap_or_default();
    [RESOURCE_TYPE_UNKNOWN, "", "email"].contains(&family)
}

fn outside_sources(terms: &CompiledScope, action: &AgentAction) -> bool {
    match (action.instruction_source, terms.sources) {
        (None | Some(InstructionSource::Unknown), _) | (_, None) => false,
        (Some(source), Some(allowed)) => allowed & source_bit(source) == 0,
    }
}

fn weak_channel(terms: &CompiledScope, action: &AgentAction) -> bool {
    (terms.channel.encrypted && action.channel_encrypted == Some(false))
        || (terms.channel.authenticated && action.channel_authenticated == Some(false))
}
