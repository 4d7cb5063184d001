//! Each dimension of a scope against one action. Only an odd id or host allocates.

use jiff::tz::TimeZone;

use super::compiled::{CompiledGrant, CompiledScope, source_bit, verb_bit};
use super::host;
use super::measure::present;
use super::path;
use super::usage::LimitUsage;
use super::verdict::{JudgeContext, LimitHit, Violation, Violations};
use crate::event::{AgentAction, AgentScope, InstructionSource, Verb};

/// What is asked of every scope that may judge an action.
pub(crate) struct Question<'a> {
    pub(crate) action: &'a AgentAction,
    pub(crate) at_ms: i64,
    pub(crate) ctx: &'a JudgeContext<'a>,
    pub(crate) usage: &'a LimitUsage,
}

/// The answer of one scope.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer {
    pub(crate) violations: Violations,
    pub(crate) limit_hit: Option<LimitHit>,
    /// Distinct children under the scope, the one this action spawns included.
    pub(crate) children: u32,
}

impl Question<'_> {
    /// Every dimension of `scope` against the action.
    pub(crate) fn ask(&self, scope: &AgentScope, terms: &CompiledScope) -> Answer {
        let mut violations = grants(&terms.grants, self.action);
        if outside_tools(terms, self.action) {
            violations.insert(Violation::Tool);
        }
        if outside_destinations(terms, self.action) {
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
        let limit_hit = self.limit_hit(scope, terms);
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
        self.delegation(terms, children, &mut violations);
        Answer {
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
        let zone = self.ctx.zone.unwrap_or(&utc);
        hours
            .local(self.at_ms, zone)
            .is_some_and(|local| !hours.contains(local))
    }

    fn limit_hit(&self, scope: &AgentScope, terms: &CompiledScope) -> Option<LimitHit> {
        terms.limits.iter().find_map(|limit| {
            let observed =
                self.usage
                    .with_action(&scope.scope_id, limit, self.action, self.at_ms)?;
            let max = limit.max;
            (observed > max).then_some(LimitHit {
                index: limit.index,
                observed,
                max,
            })
        })
    }

    fn delegation(&self, terms: &CompiledScope, children: u32, violations: &mut Violations) {
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

/// How many hand-overs lie between the root of the chain and the acting agent; 0 without a chain.
/// The chain may end with the agent itself or with its parent.
#[must_use]
pub fn delegation_depth(action: &AgentAction) -> u32 {
    let chain = &action.delegation_chain;
    let itself = chain.last().is_some_and(|last| *last == action.agent_id);
    u32::try_from(chain.len() - usize::from(itself)).unwrap_or(u32::MAX - 1)
}

/// `resource_type`, `verb` per resource type, then the parts of the grant that comes nearest:
/// one that grants the verb before one that does not, then one that names the resource, then the
/// one with the fewest violations, then the first.
fn grants(grants: &[CompiledGrant], action: &AgentAction) -> Violations {
    if action.resource_type_unmapped() || action.resource_type.is_empty() {
        return Violations::default();
    }
    match nearest_grant(grants, action) {
        Some((_, found)) => found,
        None => Violations::of(Violation::ResourceType),
    }
}

/// Of the grants of the action's resource type the place of the nearest, and what it lacks.
pub(crate) fn nearest_grant(
    grants: &[CompiledGrant],
    action: &AgentAction,
) -> Option<(usize, Violations)> {
    let kind = &action.resource_type;
    let mut nearest: Option<(usize, Violations)> = None;
    for (index, grant) in grants.iter().enumerate() {
        if !grant.types.iter().any(|types| types.covers(kind)) {
            continue;
        }
        let found = within_grant(grant, action);
        if found.is_empty() {
            return Some((index, found));
        }
        if nearest.is_none_or(|(_, best)| distance(found) < distance(best)) {
            nearest = Some((index, found));
        }
    }
    nearest
}

fn distance(violations: Violations) -> (bool, bool, u32) {
    (
        violations.contains(Violation::Verb),
        violations.contains(Violation::ResourceId),
        violations.len(),
    )
}

fn within_grant(grant: &CompiledGrant, action: &AgentAction) -> Violations {
    let mut found = Violations::default();
    if let Some(id) = present(&action.resource_id)
        && !grant.ids.is_empty()
        && !path::grants(&grant.ids, id)
    {
        found.insert(Violation::ResourceId);
    }
    if !action.verb_unmapped() && grant.verbs & verb_bit(action.action_verb) == 0 {
        found.insert(Violation::Verb);
    }
    if let (Some(seen), Some(max)) = (action.resource_sensitivity, grant.sensitivity_max)
        && seen > max
    {
        found.insert(Violation::Sensitivity);
    }
    if let Some(owner) = present(&action.resource_owner)
        && !grant.owners.is_empty()
        && !grant.owners.iter().any(|granted| granted == owner)
    {
        found.insert(Violation::Owner);
    }
    found
}

fn outside_tools(terms: &CompiledScope, action: &AgentAction) -> bool {
    let Some(tool) = present(&action.tool_name) else {
        return false;
    };
    !terms.tools.is_empty()
        && !terms
            .tools
            .iter()
            .any(|glob| glob.matches_ignore_case(tool))
}

/// The host is judged: a name that resolves to a declared address is another destination. The
/// address is judged where there is no host and nothing but addresses are declared: it may be that
/// of a declared name.
fn outside_destinations(terms: &CompiledScope, action: &AgentAction) -> bool {
    if terms.destinations.is_empty() {
        return false;
    }
    let named = |field| {
        present(field)
            .map(host::host)
            .filter(|host| !host.is_empty())
    };
    let covered = |place: &str| {
        let mut declared = terms.destinations.iter();
        declared.any(|pattern| host::covers(pattern, place))
    };
    match named(&action.destination_host) {
        Some(host) => !covered(&host),
        None => named(&action.destination_address).is_some_and(|address| {
            terms.destinations.iter().all(host::is_of_addresses) && !covered(&address)
        }),
    }
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
