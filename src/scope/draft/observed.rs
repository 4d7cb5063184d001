//! What agents did, by class: the material of a draft.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::observed_hours::ObservedHours;
use super::patterns::{ValueSet, agent_patterns, escape_star};
use crate::event::{ActionEffect, AgentAction, Sensitivity, Text, Verb};
use crate::scope::model::countable::non_empty;
use crate::text::normal::{DestinationPattern, PathPattern};

/// Classes of a draft; actions of further classes are counted and left out.
pub const CLASSES_MAX: usize = 4_096;
/// Resource types of one class; more become one grant of every type.
pub const TYPES_MAX: usize = 30;
/// Agents of one class; actions of further ones are counted and left out.
pub const AGENTS_MAX: usize = 100_000;

/// Which actions one template is drafted from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassKey {
    pub tenant: Text,
    pub agent_type: Option<Text>,
    pub task_class: Option<Text>,
}

/// The observed actions, by class.
#[derive(Debug, Clone, Default)]
pub struct TemplateDraft {
    pub(super) classes: BTreeMap<ClassKey, ObservedClass>,
    skipped: u64,
}

/// The actions of the agents of one class.
#[derive(Debug, Clone, Default)]
pub(super) struct ObservedClass {
    pub(super) actions: u64,
    pub(super) agents: BTreeSet<Text>,
    /// By resource type and whether it was only observed.
    pub(super) grants: BTreeMap<(Text, bool), ObservedGrant>,
    pub(super) tools: ValueSet,
    pub(super) destinations: ValueSet,
    pub(super) hours: ObservedHours,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ObservedGrant {
    pub(super) verbs: BTreeSet<Verb>,
    pub(super) ids: ValueSet,
    pub(super) sensitivity_max: Option<Sensitivity>,
}

impl ClassKey {
    /// The class of an action; an empty text is an absent one.
    #[must_use]
    pub fn of(action: &AgentAction) -> Self {
        ClassKey {
            tenant: action.tenant.clone(),
            agent_type: non_empty(&action.agent_type).map(Text::from),
            task_class: non_empty(&action.task_class).map(Text::from),
        }
    }
}

impl TemplateDraft {
    /// Adds an action, which `ResourceCatalogue::enrich_action` has completed.
    pub fn observe_action(&mut self, action: &AgentAction) {
        let key = ClassKey::of(action);
        let fits = match self.classes.get(&key) {
            None => self.classes.len() < CLASSES_MAX,
            Some(observed) => {
                observed.agents.len() < AGENTS_MAX || observed.agents.contains(&action.agent_id)
            }
        };
        // A `*` in a resource type is no type; a template could not name it.
        if fits && !action.resource_type.contains('*') && can_be_named(action) {
            self.classes.entry(key).or_default().observe_action(action);
        } else {
            self.skipped += 1;
        }
    }

    /// The observed classes, in order.
    pub fn class_keys(&self) -> impl Iterator<Item = &ClassKey> {
        self.classes.keys()
    }

    /// Actions left out: past `CLASSES_MAX` or `AGENTS_MAX`, of a type that contains `*`, or with
    /// an id or destination that has no normal form.
    #[must_use]
    pub fn skipped_count(&self) -> u64 {
        self.skipped
    }

    /// Everything that the template of a class must allow. A template without an agent type names
    /// its agents. That is more specific than a type, so the template also judges the actions of
    /// those agents that carry a type.
    pub(super) fn merge_overlapping(&self, class: &ClassKey) -> Option<ObservedClass> {
        let mut observed = self.classes.get(class)?.clone();
        if class.agent_type.is_some() {
            return Some(observed);
        }
        let agents = agent_patterns(&observed.agents);
        for (key, other) in &self.classes {
            let same_class = class.task_class.is_none() || class.task_class == key.task_class;
            let shares = || {
                other
                    .agents
                    .iter()
                    .any(|id| agents.iter().any(|g| g.matches(id)))
            };
            if key != class && key.tenant == class.tenant && same_class && shares() {
                observed.merge_from(other);
            }
        }
        Some(observed)
    }
}

/// Whether a template can name the action's id and destination: what has no normal form matches no
/// pattern.
fn can_be_named(action: &AgentAction) -> bool {
    let id = non_empty(&action.resource_id);
    let destinations = [&action.destination_host, &action.destination_address];
    let mut destinations = destinations.into_iter().filter_map(non_empty);
    id.is_none_or(|id| PathPattern::parse(&escape_star(id)).is_ok())
        && destinations.all(|text| DestinationPattern::parse(&escape_star(text)).is_ok())
}

impl ObservedClass {
    fn observe_action(&mut self, action: &AgentAction) {
        self.actions += 1;
        self.hours.observe_time(action.occurred_at_ms);
        self.agents.insert(action.agent_id.clone());
        if let Some(tool) = non_empty(&action.tool_name) {
            self.tools.insert(tool);
        }
        let host = non_empty(&action.destination_host);
        // A host explains an address in numbers, and no other.
        let address = non_empty(&action.destination_address)
            .filter(|address| host.is_none() || address.parse::<IpAddr>().is_err());
        for destination in host.into_iter().chain(address) {
            self.destinations.insert(destination);
        }
        if action.resource_type_unmapped() || action.resource_type.is_empty() {
            return;
        }
        let observes = matches!(
            action.effect_class(),
            ActionEffect::Observe | ActionEffect::Unknown
        );
        let grant = self
            .grants
            .entry((action.resource_type.clone(), observes))
            .or_default();
        grant.verbs.insert(action.action_verb);
        if let Some(id) = non_empty(&action.resource_id) {
            grant.ids.insert(id);
        }
        grant.sensitivity_max = grant.sensitivity_max.max(action.resource_sensitivity);
    }

    fn merge_from(&mut self, other: &ObservedClass) {
        self.actions += other.actions;
        self.tools.merge_from(&other.tools);
        self.destinations.merge_from(&other.destinations);
        self.hours.merge_from(&other.hours);
        for (key, grant) in &other.grants {
            self.grants
                .entry(key.clone())
                .or_default()
                .merge_from(grant);
        }
    }
}

impl ObservedGrant {
    pub(super) fn merge_from(&mut self, other: &ObservedGrant) {
        self.verbs.extend(&other.verbs);
        self.ids.merge_from(&other.ids);
        self.sensitivity_max = self.sensitivity_max.max(other.sensitivity_max);
    }
}
