//! Drafts scope templates from what agents were seen to do, for a person to review.
//!
//! A draft read back by `Templates::parse` judges every action it was made from as inside.

mod general;
mod hours;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use self::general::Values;
use self::hours::HoursSeen;
use super::measure::present;
use crate::event::{ActionEffect, AgentAction, Sensitivity, Text, Verb};

/// Classes a draft tells apart; actions of further ones are counted and left out.
pub const CLASSES_MAX: usize = 4_096;
/// Resource types of one class; past it one grant for every type stands in their place.
pub const TYPES_MAX: usize = 30;
/// Agents of one class; actions of further ones are counted and left out.
pub const AGENTS_MAX: usize = 100_000;
/// Distinct values kept of any one field; past it they count as their common prefix.
pub const VALUES_MAX: usize = 10_000;

/// Which actions one template is drafted from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassKey {
    pub tenant: Text,
    pub agent_type: Option<Text>,
    pub task_class: Option<Text>,
}

/// What was seen, by class.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    classes: BTreeMap<ClassKey, Seen>,
    skipped: u64,
}

/// What the agents of one class did.
#[derive(Debug, Clone, Default)]
struct Seen {
    actions: u64,
    agents: BTreeSet<Text>,
    /// By resource type and whether it was only observed.
    grants: BTreeMap<(Text, bool), GrantSeen>,
    tools: Values,
    destinations: Values,
    hours: HoursSeen,
}

#[derive(Debug, Clone, Default)]
struct GrantSeen {
    verbs: BTreeSet<Verb>,
    ids: Values,
    sensitivity_max: Option<Sensitivity>,
}

impl ClassKey {
    /// The class of an action; an empty text is an absent one.
    #[must_use]
    pub fn of(action: &AgentAction) -> Self {
        ClassKey {
            tenant: action.tenant.clone(),
            agent_type: present(&action.agent_type).map(Text::from),
            task_class: present(&action.task_class).map(Text::from),
        }
    }
}

impl Draft {
    /// Takes an action in, after `Resources::enrich`.
    pub fn observe(&mut self, action: &AgentAction) {
        let key = ClassKey::of(action);
        let room = match self.classes.get(&key) {
            None => self.classes.len() < CLASSES_MAX,
            Some(seen) => seen.agents.len() < AGENTS_MAX || seen.agents.contains(&action.agent_id),
        };
        // A `*` in a resource type is no type; a template could not name it.
        if room && !action.resource_type.contains('*') {
            self.classes.entry(key).or_default().observe(action);
        } else {
            self.skipped += 1;
        }
    }

    /// The classes seen, in order.
    pub fn classes(&self) -> impl Iterator<Item = &ClassKey> {
        self.classes.keys()
    }

    /// Actions left out: past [`CLASSES_MAX`] or [`AGENTS_MAX`], or of a type that holds `*`.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// One template, as a YAML document; empty for a class that was not seen.
    #[must_use]
    pub fn to_yaml(&self, class: &ClassKey) -> String {
        self.merged(class)
            .map(|seen| write::document(self, class, &seen))
            .unwrap_or_default()
    }

    /// Every template, as the documents of one file.
    #[must_use]
    pub fn to_yaml_all(&self) -> String {
        let documents: Vec<String> = self.classes.keys().map(|key| self.to_yaml(key)).collect();
        documents.join("---\n")
    }

    /// What a class's template must allow. A template without an agent type names its agents,
    /// which is more specific than a type, so it also takes the actions of those agents that did
    /// carry one.
    fn merged(&self, class: &ClassKey) -> Option<Seen> {
        let mut seen = self.classes.get(class)?.clone();
        if class.agent_type.is_some() {
            return Some(seen);
        }
        let agents = general::agent_patterns(&seen.agents);
        for (key, other) in &self.classes {
            let same_class = class.task_class.is_none() || class.task_class == key.task_class;
            let shares = || {
                other
                    .agents
                    .iter()
                    .any(|id| agents.iter().any(|g| g.matches(id)))
            };
            if key != class && key.tenant == class.tenant && same_class && shares() {
                seen.absorb(other);
            }
        }
        Some(seen)
    }
}

impl Seen {
    fn observe(&mut self, action: &AgentAction) {
        self.actions += 1;
        self.hours.observe(action.occurred_at_ms);
        self.agents.insert(action.agent_id.clone());
        if let Some(tool) = present(&action.tool_name) {
            self.tools.insert(tool);
        }
        let place = present(&action.destination_host).or(present(&action.destination_address));
        if let Some(place) = place {
            self.destinations.insert(place);
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
        if let Some(id) = present(&action.resource_id) {
            grant.ids.insert(id);
        }
        grant.sensitivity_max = grant.sensitivity_max.max(action.resource_sensitivity);
    }

    fn absorb(&mut self, other: &Seen) {
        self.actions += other.actions;
        self.tools.absorb(&other.tools);
        self.destinations.absorb(&other.destinations);
        self.hours.absorb(&other.hours);
        for (key, grant) in &other.grants {
            self.grants.entry(key.clone()).or_default().absorb(grant);
        }
    }
}

impl GrantSeen {
    fn absorb(&mut self, other: &GrantSeen) {
        self.verbs.extend(&other.verbs);
        self.ids.absorb(&other.ids);
        self.sensitivity_max = self.sensitivity_max.max(other.sensitivity_max);
    }
}
