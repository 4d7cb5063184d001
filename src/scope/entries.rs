//! The entries of `rules/resources.yaml` in order, found by the first letter of the tool.

use super::host;
use super::measure::present;
use crate::event::{AgentAction, Sensitivity, Text, Verb};
use crate::text::Glob;

/// One entry: what it matches and what it fills.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) tool: Vec<Glob>,
    pub(crate) server: Vec<Glob>,
    pub(crate) resource: Vec<Glob>,
    pub(crate) host: Vec<Glob>,
    pub(crate) fill: Fill,
}

/// Values for fields that the record lacks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fill {
    pub(crate) resource_type: Option<Text>,
    pub(crate) verb: Option<Verb>,
    pub(crate) sensitivity: Option<Sensitivity>,
    pub(crate) owner: Option<Text>,
    pub(crate) external: Option<bool>,
    pub(crate) untrusted: Option<bool>,
    pub(crate) private: Option<bool>,
}

/// Entries in the order of their file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    entries: Vec<Entry>,
    /// By the first byte of a tool in lower case, the places of the entries it may match: an action
    /// is compared with a few of them, not with all.
    by_letter: Vec<Vec<u16>>,
    /// Those an action without a tool may match.
    without_tool: Vec<u16>,
}

impl Entries {
    /// At most `u16::MAX` entries; the file has fewer.
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let places = || (0_u16..).zip(&entries);
        let by_letter = (0..=u8::MAX)
            .map(|letter| {
                let begins = |entry: &Entry| entry.tool.iter().any(|glob| glob.may_begin(letter));
                places()
                    .filter(|(_, entry)| entry.tool.is_empty() || begins(entry))
                    .map(|(place, _)| place)
                    .collect()
            })
            .collect();
        let without_tool = places()
            .filter(|(_, entry)| entry.tool.is_empty())
            .map(|(place, _)| place)
            .collect();
        Entries {
            by_letter,
            without_tool,
            entries,
        }
    }

    /// The first entry that matches.
    pub(crate) fn find(&self, action: &AgentAction) -> Option<&Entry> {
        let letter = present(&action.tool_name).and_then(|tool| tool.bytes().next());
        let places = match letter {
            Some(letter) => self
                .by_letter
                .get(usize::from(letter.to_ascii_lowercase()))?,
            None => &self.without_tool,
        };
        places
            .iter()
            .filter_map(|place| self.entries.get(usize::from(*place)))
            .find(|entry| entry.matches(action))
    }
}

impl Entry {
    /// Every part given must hold; an action without that field does not match it.
    fn matches(&self, action: &AgentAction) -> bool {
        any(&self.tool, &action.tool_name, Glob::matches_ignore_case)
            && any(&self.server, &action.tool_server, Glob::matches_ignore_case)
            && (self.host.is_empty()
                || present(&action.destination_host)
                    .map(host::host)
                    .is_some_and(|named| self.host.iter().any(|g| host::covers(g, &named))))
            && any(&self.resource, &action.resource_id, Glob::matches)
    }
}

fn any(globs: &[Glob], field: &Option<Text>, matches: fn(&Glob, &str) -> bool) -> bool {
    globs.is_empty() || present(field).is_some_and(|text| globs.iter().any(|g| matches(g, text)))
}

impl Fill {
    pub(crate) fn apply(&self, action: &mut AgentAction) {
        if let (true, Some(name)) = (action.resource_type_unmapped(), &self.resource_type) {
            action.resource_type = name.clone();
        }
        if let (true, Some(verb)) = (action.verb_unmapped(), self.verb) {
            action.action_verb = verb;
        }
        if action.resource_owner.is_none() {
            action.resource_owner.clone_from(&self.owner);
        }
        fill(&mut action.resource_sensitivity, self.sensitivity);
        fill(&mut action.destination_external, self.external);
        fill(&mut action.content_untrusted, self.untrusted);
        fill(&mut action.content_private, self.private);
    }
}

fn fill<T: Copy>(field: &mut Option<T>, value: Option<T>) {
    *field = field.or(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let globs = || prop::collection::vec("[aAbé*?]{0,3}", 0..3);
        (globs(), globs()).prop_map(|(tool, server)| Entry {
            tool: tool.iter().map(|text| Glob::new(text)).collect(),
            server: server.iter().map(|text| Glob::new(text)).collect(),
            ..Entry::default()
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
            let first = entries.iter().position(|entry| entry.matches(&action));
            let index = Entries::new(entries);
            let found = index.find(&action).map(|found| {
                index.entries.iter().position(|entry| std::ptr::eq(entry, found))
            });
            prop_assert_eq!(found.flatten(), first);
        }
    }
}
