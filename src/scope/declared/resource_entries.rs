//! The entries of `rules/resources.yaml` in order, found by the first letter of the tool.

use std::cell::OnceCell;

use smallvec::SmallVec;

use crate::event::{AgentAction, ContentSource, Sensitivity, Text, Verb};
use crate::scope::model::countable::non_empty;
use crate::text::GlobPattern;
use crate::text::normal::{Destination, DestinationPattern, PathPattern, ResourcePath};

/// One entry: what it matches and what it fills.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResourceEntry {
    pub(crate) tool: Vec<GlobPattern>,
    pub(crate) server: Vec<GlobPattern>,
    pub(crate) resource: Vec<PathPattern>,
    pub(crate) host: Vec<DestinationPattern>,
    pub(crate) values: EntryValues,
}

/// Values for fields that the record lacks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct EntryValues {
    pub(crate) resource_type: Option<Text>,
    pub(crate) verb: Option<Verb>,
    pub(crate) sensitivity: Option<Sensitivity>,
    pub(crate) owner: Option<Text>,
    pub(crate) external: Option<bool>,
    pub(crate) untrusted: Option<bool>,
    pub(crate) source: Option<ContentSource>,
    pub(crate) private: Option<bool>,
}

/// Entries in the order of their file, indexed by the first letter of the tool.
#[derive(Debug, Clone, Default)]
pub(crate) struct EntryIndex {
    entries: Vec<ResourceEntry>,
    /// By the first byte of a tool in lower case: the indexes of the entries that it may match, so
    /// that an action is compared with a few entries and not with all.
    by_letter: Vec<Vec<u16>>,
    /// The indexes of the entries that an action without a tool may match.
    without_tool: Vec<u16>,
}

impl EntryIndex {
    /// At most `u16::MAX` entries; the file has fewer.
    pub(crate) fn new(entries: Vec<ResourceEntry>) -> Self {
        let indexes = || (0_u16..).zip(&entries);
        let by_letter = (0..=u8::MAX)
            .map(|letter| {
                let begins =
                    |entry: &ResourceEntry| entry.tool.iter().any(|glob| glob.may_begin(letter));
                indexes()
                    .filter(|(_, entry)| entry.tool.is_empty() || begins(entry))
                    .map(|(index, _)| index)
                    .collect()
            })
            .collect();
        let without_tool = indexes()
            .filter(|(_, entry)| entry.tool.is_empty())
            .map(|(index, _)| index)
            .collect();
        EntryIndex {
            by_letter,
            without_tool,
            entries,
        }
    }

    /// The first entry that matches.
    pub(crate) fn first_match(&self, action: &AgentAction) -> Option<&ResourceEntry> {
        let target = EntryTarget::of(action);
        let letter = non_empty(&action.tool_name).and_then(|tool| tool.bytes().next());
        let indexes = match letter {
            // Its folded form may begin with any letter.
            Some(_)
                if !action
                    .tool_name
                    .as_ref()
                    .is_some_and(|tool| tool.is_ascii()) =>
            {
                return self
                    .entries
                    .iter()
                    .find(|entry| entry.matches_action(&target));
            }
            Some(letter) => self
                .by_letter
                .get(usize::from(letter.to_ascii_lowercase()))?,
            None => &self.without_tool,
        };
        indexes
            .iter()
            .filter_map(|index| self.entries.get(usize::from(*index)))
            .find(|entry| entry.matches_action(&target))
    }
}

/// What entries compare of an action, in normal form.
struct EntryTarget<'a> {
    action: &'a AgentAction,
    /// Read when an entry asks for it: most have other parts that do not match.
    path: OnceCell<Option<ResourcePath<'a>>>,
    /// The recipients, if there are several.
    destinations: SmallVec<[Destination<'a>; 1]>,
}

impl<'a> EntryTarget<'a> {
    fn of(action: &'a AgentAction) -> Self {
        EntryTarget {
            path: OnceCell::new(),
            destinations: non_empty(&action.destination_host)
                .or(non_empty(&action.destination_address))
                .map(Destination::read_each)
                .unwrap_or_default(),
            action,
        }
    }

    fn path(&self) -> Option<&ResourcePath<'a>> {
        let id = || non_empty(&self.action.resource_id);
        let path = self.path.get_or_init(|| id().map(ResourcePath::read));
        path.as_ref()
    }
}

impl ResourceEntry {
    /// Whether every part of the entry matches. A part never matches an absent field. Of a resource
    /// id that nobody can follow, the best guess is compared: else it would escape its sensitivity.
    fn matches_action(&self, target: &EntryTarget<'_>) -> bool {
        any_glob_matches(&self.tool, &target.action.tool_name)
            && any_glob_matches(&self.server, &target.action.tool_server)
            && self.matches_destinations(&target.destinations)
            && self.matches_path(target)
    }

    /// Every recipient must match: an entry may say that they are not external.
    fn matches_destinations(&self, found: &[Destination<'_>]) -> bool {
        let covered = |one| self.host.iter().any(|pattern| pattern.covers(one));
        self.host.is_empty() || !found.is_empty() && found.iter().all(covered)
    }

    fn matches_path(&self, target: &EntryTarget<'_>) -> bool {
        let found = |path| self.resource.iter().any(|pattern| pattern.may_cover(path));
        self.resource.is_empty() || target.path().is_some_and(found)
    }

    /// Whether every action that `other` matches is matched by this entry too. Sound: `true` is
    /// certain.
    pub(crate) fn covers_entry(&self, other: &ResourceEntry) -> bool {
        part_covers(&self.tool, &other.tool, GlobPattern::covers)
            && part_covers(&self.server, &other.server, GlobPattern::covers)
            && part_covers(&self.host, &other.host, DestinationPattern::covers_pattern)
            && part_covers(&self.resource, &other.resource, PathPattern::covers_pattern)
    }
}

fn any_glob_matches(globs: &[GlobPattern], field: &Option<Text>) -> bool {
    let field = non_empty(field);
    globs.is_empty()
        || field.is_some_and(|text| globs.iter().any(|glob| glob.matches_ignore_case(text)))
}

/// Whether each pattern of `theirs` is covered by one of `ours`. No pattern at all is no condition.
fn part_covers<P>(ours: &[P], theirs: &[P], covers: fn(&P, &P) -> bool) -> bool {
    let covered = |pattern| ours.iter().any(|one| covers(one, pattern));
    ours.is_empty() || !theirs.is_empty() && theirs.iter().all(covered)
}

impl EntryValues {
    pub(crate) fn fill_action(&self, action: &mut AgentAction) {
        if let (true, Some(name)) = (action.resource_type_unmapped(), &self.resource_type) {
            action.resource_type = name.clone();
        }
        if let (true, Some(verb)) = (action.verb_unmapped(), self.verb) {
            action.action_verb = verb;
        }
        if action.resource_owner.is_none() {
            action.resource_owner.clone_from(&self.owner);
        }
        fill_absent(&mut action.resource_sensitivity, self.sensitivity);
        fill_absent(&mut action.destination_external, self.external);
        if action.content_untrusted.is_none() {
            action.content_untrusted = self.untrusted;
            fill_absent(&mut action.content_source, self.source);
        }
        fill_absent(&mut action.content_private, self.private);
    }
}

fn fill_absent<T: Copy>(field: &mut Option<T>, value: Option<T>) {
    *field = field.or(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = ResourceEntry> {
        let globs = || prop::collection::vec("[aAbé*?]{0,3}", 0..3);
        (globs(), globs()).prop_map(|(tool, server)| ResourceEntry {
            tool: tool.iter().map(|text| GlobPattern::new(text)).collect(),
            server: server.iter().map(|text| GlobPattern::new(text)).collect(),
            ..ResourceEntry::default()
        })
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn the_first_of_all_entries_that_match_is_found(
            entries in prop::collection::vec(entry(), 0..8),
            tool in prop::option::of("[aAbBé]{0,3}"),
            server in prop::option::of("[ab]{0,2}"),
        ) {
            let action = AgentAction {
                tool_name: tool.map(Text::from),
                tool_server: server.map(Text::from),
                ..AgentAction::new("a")
            };
            let target = EntryTarget::of(&action);
            let first = entries.iter().position(|entry| entry.matches_action(&target));
            let index = EntryIndex::new(entries);
            let found = index.first_match(&action).map(|found| {
                index.entries.iter().position(|entry| std::ptr::eq(entry, found))
            });
            prop_assert_eq!(found.flatten(), first);
        }
    }
}
