//! In which dimensions one scope permits more than others: a child's scope compared with those of
//! its parent, and a later version of a scope with an earlier one.
//!
//! Structural: it compares patterns, never actions. *Sound* within its bound: where no dimension is
//! wider, every action that the scope allows is allowed by one of the others too. Patterns that no
//! simple walk can compare count as wider.
//!
//! A part that a scope leaves out is unjudged, so it permits everything: it is wider than any list.
//! That is what the declaration means, and no guess about a field that a record lacks.

#[cfg(test)]
mod tests;

use crate::event::{AgentScope, DelegationRule, Limit, Text, WorkingHours};
use crate::scope::model::compiled::{CompiledGrant, CompiledScope, TypePattern};
use crate::scope::model::verdict_words::{Violation, ViolationSet};
use crate::text::GlobPattern;
use crate::text::normal::{DestinationPattern, PathPattern};

/// Comparisons of patterns in one call. What is beyond them counts as not wider: the lists of a
/// scope are bounded, but their product is not small, and an alert must not rest on a guess.
const STEPS_MAX: usize = 200_000;

/// The word for a scope that ends later, beside the words of the violations.
pub const EXPIRY_WORD: &str = "expiry";

/// The dimensions in which a scope permits more than others.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct WiderDimensions {
    /// Named by the violation of an action that only the wider scope allows.
    pub violations: ViolationSet,
    /// It ends later than the others, or has no end where they have one.
    pub expiry: bool,
    /// The comparison reached its bound: a grant that was not compared may be wider.
    pub cut: bool,
}

/// The words of the violations, and [`EXPIRY_WORD`].
const WORDS: [&str; Violation::WORDS.len() + 1] = {
    let mut words = [EXPIRY_WORD; Violation::WORDS.len() + 1];
    let mut at = 0;
    while at < Violation::WORDS.len() {
        words[at] = Violation::WORDS[at];
        at += 1;
    }
    words
};

impl WiderDimensions {
    /// Every word.
    pub const WORDS: &'static [&'static str] = &WORDS;

    /// Whether no dimension is wider.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.violations.is_empty() && !self.expiry
    }

    /// The words, as `delegation.widened` lists them.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let expiry = self.expiry.then_some(EXPIRY_WORD);
        self.violations.words().chain(expiry)
    }

    /// Sort key: the fewer dimensions, the nearer.
    fn distance(self) -> (u32, Self) {
        (self.violations.len() + u32::from(self.expiry), self)
    }
}

/// Whether `after` permits something that `before` did not. Renewal (a later `expires_at`) is no
/// widening.
pub(super) fn permits_more(before: &AgentScope, after: &AgentScope) -> bool {
    !compare_scopes(&[before], after).violations.is_empty()
}

/// The dimensions in which `child` permits more than `parents` together. As for a judged action,
/// one of the parents must allow it wholly: a grant of one and a tool of another make no whole.
/// Without a parent there is nothing to compare with, and nothing is wider.
#[must_use]
pub fn compare_scopes(parents: &[&AgentScope], child: &AgentScope) -> WiderDimensions {
    let compiled = CompiledScope::compile_lenient(child);
    let mut steps = Steps::default();
    let compared: Vec<(CompiledScope, WiderDimensions)> = parents
        .iter()
        .map(|parent| {
            let terms = CompiledScope::compile_lenient(parent);
            let apart = compare_apart(parent, child, (&terms, &compiled), &mut steps);
            (terms, apart)
        })
        .collect();
    // Those that are as wide in all but grants give what they grant together.
    let whole = compared.iter().filter(|(_, apart)| apart.is_empty());
    let together: Vec<&CompiledGrant> = whole.flat_map(|(terms, _)| &*terms.grants).collect();
    let mut nearest = (!together.is_empty()).then(|| WiderDimensions {
        violations: compare_grants(&together, &compiled.grants, &mut steps),
        ..WiderDimensions::default()
    });
    for (terms, apart) in &compared {
        if nearest.is_some_and(WiderDimensions::is_empty) {
            break;
        }
        let grants: Vec<&CompiledGrant> = terms.grants.iter().collect();
        let mut wider = *apart;
        let violations = compare_grants(&grants, &compiled.grants, &mut steps);
        wider.violations = wider.violations.union(violations);
        let nearer = |known: WiderDimensions| wider.distance() < known.distance();
        if nearest.is_none_or(nearer) {
            nearest = Some(wider);
        }
    }
    WiderDimensions {
        cut: steps.used_up(),
        ..nearest.unwrap_or_default()
    }
}

/// Counts the comparisons of one call.
#[derive(Debug, Default)]
struct Steps(usize);

impl Steps {
    /// Counts `more`; whether there is still room.
    fn take(&mut self, more: usize) -> bool {
        self.0 = self.0.saturating_add(more);
        !self.used_up()
    }

    fn used_up(&self) -> bool {
        self.0 > STEPS_MAX
    }
}

/// Everything but the grants.
fn compare_apart(
    parent: &AgentScope,
    child: &AgentScope,
    (old, new): (&CompiledScope, &CompiledScope),
    steps: &mut Steps,
) -> WiderDimensions {
    let sources = match (old.sources, new.sources) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => new & !old != 0,
    };
    let channel = (old.channel.encrypted && !new.channel.encrypted)
        || (old.channel.authenticated && !new.channel.authenticated);
    let covers_host = DestinationPattern::covers_pattern;
    let hosts_wider = list_widens(&old.destinations, &new.destinations, covers_host, steps);
    let wider = [
        (
            Violation::Tool,
            list_widens(&old.tools, &new.tools, GlobPattern::covers, steps),
        ),
        (Violation::Destination, hosts_wider),
        (Violation::InstructionSource, sources),
        (Violation::Channel, channel),
        (
            Violation::Hours,
            hours_widen(parent.hours.as_ref(), child.hours.as_ref()),
        ),
        (
            Violation::Limit,
            limits_widen(&parent.limits, &child.limits),
        ),
    ];
    let wider = wider.into_iter().filter(|(_, wider)| *wider);
    let violations: ViolationSet = wider.map(|(violation, _)| violation).collect();
    let expiry = match (parent.expires_at_ms, child.expires_at_ms) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(parent_ms), Some(child_ms)) => child_ms > parent_ms,
    };
    WiderDimensions {
        violations: violations.union(compare_delegation(old.delegation, new.delegation)),
        expiry,
        cut: false,
    }
}

/// An empty list leaves the dimension unjudged, which is the widest.
fn list_widens<P>(old: &[P], new: &[P], covers: fn(&P, &P) -> bool, steps: &mut Steps) -> bool {
    if old.is_empty() {
        return false;
    }
    if new.is_empty() {
        return true;
    }
    let mut new = new.iter();
    new.any(|new| steps.take(old.len()) && !old.iter().any(|old| covers(old, new)))
}

/// A scope without a rule may delegate without end.
fn compare_delegation(old: Option<DelegationRule>, new: Option<DelegationRule>) -> ViolationSet {
    let raised = |old: Option<u32>, new: Option<u32>| match (old, new) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => new > old,
    };
    let Some(old) = old else {
        return ViolationSet::default();
    };
    let new = new.unwrap_or(DelegationRule {
        allowed: true,
        ..DelegationRule::default()
    });
    // What may not delegate lengthens no chain: its own depth was its parent's to decide.
    let wider = [
        (Violation::DelegationNotAllowed, new.allowed && !old.allowed),
        (
            Violation::DelegationDepth,
            new.allowed && raised(old.depth_max, new.depth_max),
        ),
        (
            Violation::DelegationChildren,
            new.allowed && raised(old.children_max, new.children_max),
        ),
    ];
    let wider = wider.into_iter().filter(|(_, wider)| *wider);
    wider.map(|(violation, _)| violation).collect()
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
    let bounded = |old: &Limit| new.iter().any(|new| bounds_limit(new, old));
    !old.iter().all(bounded)
}

/// Whether what keeps the limit `new` keeps `old` too. A longer window with no larger maximum does;
/// a shorter one, if as many of its windows as cover the old one stay within the maximum.
fn bounds_limit(new: &Limit, old: &Limit) -> bool {
    if new.measure != old.measure || new.window_ms <= 0 {
        return false;
    }
    let (old_ms, new_ms) = (old.window_ms.max(0), new.window_ms);
    let windows = old_ms / new_ms + i64::from(old_ms % new_ms != 0);
    new.max * windows.max(1) as f64 <= old.max
}

/// The dimensions in which `new` grants more than `old` together.
fn compare_grants(
    old: &[&CompiledGrant],
    new: &[CompiledGrant],
    steps: &mut Steps,
) -> ViolationSet {
    let any_id = [PathPattern::parse_lenient("*")];
    let mut wider = ViolationSet::default();
    for grant in new {
        let ids = if grant.ids.is_empty() {
            &any_id[..]
        } else {
            &grant.ids
        };
        for types in &grant.types {
            let of_type = of_family(old, types, steps);
            if steps.used_up() {
                return wider;
            }
            if of_type.is_empty() {
                wider.insert(Violation::ResourceType);
                continue;
            }
            for id in ids {
                match compare_resource(&of_type, grant, id, steps) {
                    None => return wider,
                    Some(found) => wider = wider.union(found),
                }
            }
        }
    }
    wider
}

/// The grants that cover the whole family.
fn of_family<'g>(
    old: &[&'g CompiledGrant],
    types: &TypePattern,
    steps: &mut Steps,
) -> Vec<&'g CompiledGrant> {
    let old = old.iter().copied();
    old.filter(|grant| {
        steps.take(1 + grant.types.len()) && grant.types.iter().any(|old| old.covers_family(types))
    })
    .collect()
}

/// What one id of `grant` permits beyond the grants of its type; `None` past the bound.
///
/// As for an action: first the id decides which grants are compared, then the verbs. Of a verb that
/// only a grant with a lower ceiling or other owners gives, that part is wider.
fn compare_resource(
    of_type: &[&CompiledGrant],
    grant: &CompiledGrant,
    id: &PathPattern,
    steps: &mut Steps,
) -> Option<ViolationSet> {
    let mut verbs = VerbsGiven::default();
    let mut named = false;
    for before in of_type {
        if !steps.take(1 + before.ids.len()) {
            return None;
        }
        if before.ids.is_empty() || before.ids.iter().any(|old| old.covers_pattern(id)) {
            named = true;
            verbs.add(before, grant);
        }
    }
    if !named {
        return Some(ViolationSet::of(Violation::ResourceId));
    }
    Some(verbs.missing(grant.verbs))
}

/// The verbs that grants give together, by what else of them is wide enough.
#[derive(Debug, Default)]
struct VerbsGiven {
    any: u16,
    /// By grants whose ceiling is high enough.
    of_ceiling: u16,
    /// By grants with the owners.
    of_owners: u16,
    whole: u16,
}

impl VerbsGiven {
    fn add(&mut self, before: &CompiledGrant, grant: &CompiledGrant) {
        let ceiling = before
            .sensitivity_max
            .is_none_or(|max| grant.sensitivity_max.is_some_and(|new| new <= max));
        let owners = owners_cover(&before.owners, &grant.owners);
        self.any |= before.verbs;
        self.of_ceiling |= if ceiling { before.verbs } else { 0 };
        self.of_owners |= if owners { before.verbs } else { 0 };
        self.whole |= if ceiling && owners { before.verbs } else { 0 };
    }

    /// Why these verbs are not all given as wide as they are needed.
    fn missing(&self, verbs: u16) -> ViolationSet {
        let lacking = verbs & !self.whole;
        let mut wider = ViolationSet::default();
        if lacking & !self.any != 0 {
            wider.insert(Violation::Verb);
        }
        let lacking = lacking & self.any;
        // With the ceiling the owners are missing, with the owners the ceiling; else one of each.
        if lacking & !self.of_owners != 0 {
            wider.insert(Violation::Owner);
        }
        if lacking & self.of_owners != 0 {
            wider.insert(Violation::Sensitivity);
        }
        if lacking & !self.of_owners & !self.of_ceiling != 0 {
            wider.insert(Violation::Sensitivity);
        }
        wider
    }
}

fn owners_cover(old: &[Text], new: &[Text]) -> bool {
    old.is_empty() || (!new.is_empty() && new.iter().all(|owner| old.contains(owner)))
}
