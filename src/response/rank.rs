//! Stage 1: orders the findings on one action and groups them by the incident they belong to.
//!
//! **One action, one alert.** Of the findings that fold per agent, only the strongest gets an
//! incident and an alert; the alert names the others in `also`. They open incidents of their own
//! when they match later without it.
//!
//! **An informational rule only informs.** It opens no incident and makes no alert due; an alert
//! that the same action makes for another rule names it.

use std::cmp::Reverse;

use super::input::Finding;
use super::rule_view::{BUDGET_RULE_VIEW, IncidentFold, RuleLevel, RuleView};

/// The order in which the groups of one action are worked through: the agent's own alert comes
/// before the summaries that span agents.
const FOLD_ORDER: [IncidentFold; 4] = [
    IncidentFold::Agent,
    IncidentFold::ClassDay,
    IncidentFold::ToolDay,
    IncidentFold::Tenant,
];

/// Findings on one action that are counted in one incident.
#[derive(Debug)]
pub(super) struct FindingGroup<'a> {
    /// The strongest finding: its rule names the incident.
    pub(super) lead: Finding<'a>,
    /// Ids of the other rules that the alert names, and that are news when they join its incident.
    pub(super) also: Vec<&'a str>,
    /// Ids of the informational rules that the alert names too. The incident does not remember
    /// them: they would take the room of rules that are news.
    pub(super) informs: Vec<&'a str>,
    /// The findings that may ask for a revocation, strongest first.
    pub(super) asking: Vec<Finding<'a>>,
    pub(super) cause: GroupCause,
}

/// What a group is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupCause {
    /// Rules of the bundle matched the action.
    RuleMatches,
    /// The action used up the tenant's revocation budget, of declared agents or of others.
    BudgetUsedUp { declared: bool },
}

impl FindingGroup<'_> {
    /// The group of this room's own finding: the budget of this hour is used up.
    pub(super) fn budget_used_up(declared: bool) -> FindingGroup<'static> {
        FindingGroup {
            lead: Finding::new(BUDGET_RULE_VIEW),
            also: Vec::new(),
            informs: Vec::new(),
            asking: Vec::new(),
            cause: GroupCause::BudgetUsedUp { declared },
        }
    }
}

/// Orders findings by severity, then the scope family before others, then by the risk that their
/// rules add, then by rule id; returns a group for each kind of fold among them. So of rules of one
/// severity the one that its author thinks worse leads: an action after a revocation before what
/// the action did. The order of `findings` does not matter.
pub(super) fn rank_findings<'a>(findings: &[Finding<'a>]) -> Vec<FindingGroup<'a>> {
    let mut ranked: Vec<&Finding<'a>> = findings.iter().collect();
    ranked.sort_by_key(|finding| {
        let rule = &finding.rule;
        (
            Reverse(finding.severity),
            rule.family.sort_rank(),
            Reverse(rule.risk),
            rule.id,
        )
    });
    ranked.dedup_by_key(|finding| finding.rule.id);
    let (informing, ranked): (Vec<_>, Vec<_>) = ranked
        .into_iter()
        .partition(|finding| only_informs(&finding.rule));
    let groups = FOLD_ORDER.iter().filter_map(|fold| {
        let folds_so = |finding: &&&Finding<'a>| finding.rule.fold == *fold;
        let lead = *ranked.iter().find(folds_so)?;
        let per_agent = *fold == IncidentFold::Agent;
        // The agent's alert names every rule that matched; a summary names only its own kind.
        let named = |finding: &&&Finding<'a>| per_agent || finding.rule.fold == *fold;
        let also = ranked
            .iter()
            .filter(named)
            .map(|finding| finding.rule.id)
            .filter(|id| *id != lead.rule.id);
        let informs = informing.iter().filter(named);
        // A summary spans agents, so its findings may not ask for the target of one agent.
        let asking = ranked
            .iter()
            .filter(|finding| per_agent && finding.rule.fold == IncidentFold::Agent)
            .map(|finding| (*finding).clone());
        Some(FindingGroup {
            lead: lead.clone(),
            also: also.collect(),
            informs: informs.map(|finding| finding.rule.id).collect(),
            asking: asking.collect(),
            cause: GroupCause::RuleMatches,
        })
    });
    groups.collect()
}

/// Whether the rule only adds to the alerts of others, as Sigma says of this level.
fn only_informs(rule: &RuleView<'_>) -> bool {
    rule.level == RuleLevel::Informational
}
