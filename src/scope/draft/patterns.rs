//! Generalises many values to few patterns: a prefix that more than [`LISTED_MAX`] values share
//! replaces them.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Text;
use crate::text::GlobPattern;

/// Distinct values kept of any one field; past it they count as their common prefix.
pub const VALUES_MAX: usize = 10_000;
/// Values with a shared prefix that are listed one by one; more become one pattern.
pub(crate) const LISTED_MAX: usize = 20;
/// Patterns in one list of a draft; more become `*`.
const PATTERNS_MAX: usize = 64;

/// Distinct values of one field, bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct ValueSet {
    kept: BTreeSet<Text>,
    /// The common prefix of all values, once there were more than [`VALUES_MAX`].
    shared: Option<String>,
}

impl ValueSet {
    pub(crate) fn insert(&mut self, value: &str) {
        if let Some(shared) = &mut self.shared {
            let end = common_prefix(shared, value);
            shared.truncate(end);
            return;
        }
        self.kept.insert(value.into());
        if self.kept.len() > VALUES_MAX {
            let first = self.kept.first().map(Text::as_str).unwrap_or_default();
            let last = self.kept.last().map(Text::as_str).unwrap_or_default();
            let end = common_prefix(first, last);
            self.shared = Some(first.get(..end).unwrap_or_default().to_owned());
            self.kept.clear();
        }
    }

    pub(crate) fn merge_from(&mut self, other: &ValueSet) {
        other.kept.iter().for_each(|value| self.insert(value));
        if let Some(shared) = &other.shared {
            // The other prefix stands for all values of the other side.
            let first = self
                .kept
                .first()
                .map_or(shared.as_str(), Text::as_str)
                .to_owned();
            let last = self
                .kept
                .last()
                .map_or(shared.as_str(), Text::as_str)
                .to_owned();
            let mut all = self.shared.clone().unwrap_or_else(|| shared.clone());
            for value in [first.as_str(), last.as_str(), shared.as_str()] {
                all.truncate(common_prefix(&all, value));
            }
            self.shared = Some(all);
            self.kept.clear();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.shared.is_none()
    }

    /// Patterns that match every value, generalised from the front.
    pub(crate) fn prefix_patterns(&self) -> Vec<String> {
        match &self.shared {
            Some(shared) => vec![prefix_pattern(shared)],
            None => generalise_prefixes(&self.kept),
        }
    }

    /// The same from the back, as hosts are: `*.example.com`.
    pub(crate) fn host_patterns(&self) -> Vec<String> {
        if self.shared.is_some() {
            return vec!["*".to_owned()];
        }
        let backwards = |text: &str| text.chars().rev().collect::<String>();
        let reversed = self
            .kept
            .iter()
            .map(|host| Text::from(backwards(host)))
            .collect();
        generalise_prefixes(&reversed)
            .iter()
            .map(|pattern| backwards(pattern))
            .collect()
    }
}

/// Patterns that match every agent of a set.
pub(crate) fn agent_patterns(agents: &BTreeSet<Text>) -> Vec<GlobPattern> {
    generalise_prefixes(agents)
        .iter()
        .map(|pattern| GlobPattern::new(pattern))
        .collect()
}

/// Patterns that match every value.
pub(crate) fn generalise_prefixes(values: &BTreeSet<Text>) -> Vec<String> {
    let values: Vec<&str> = values.iter().map(Text::as_str).collect();
    patterns_of_sorted(&values)
}

/// A pattern for a value that may contain `*`, which becomes `?`: an agent that names a resource
/// `*` must not draft itself a grant of everything.
pub(crate) fn escape_star(value: &str) -> String {
    value.replace('*', "?")
}

fn prefix_pattern(prefix: &str) -> String {
    format!("{}*", escape_star(prefix))
}

/// Patterns for sorted `values`.
fn patterns_of_sorted(values: &[&str]) -> Vec<String> {
    if values.len() <= LISTED_MAX {
        return values.iter().map(|value| escape_star(value)).collect();
    }
    let cut = shared_head(values);
    if !cut.is_empty() {
        return vec![prefix_pattern(cut)];
    }
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for value in values {
        let head = value
            .split_inclusive(is_separator)
            .next()
            .unwrap_or_default();
        groups.entry(head).or_default().push(value);
    }
    let mut patterns = Vec::new();
    for members in groups.values() {
        // A group of one head shares at least that, unless the head is a word of its own.
        if members.len() > LISTED_MAX {
            patterns.push(prefix_pattern(shared_head(members)));
        } else {
            patterns.extend(members.iter().map(|member| escape_star(member)));
        }
    }
    if patterns.len() > PATTERNS_MAX {
        vec!["*".to_owned()]
    } else {
        patterns
    }
}

/// The common prefix of sorted values, cut after its last separator. A prefix without separator
/// counts from 3 bytes on, such as `order` in `order17`.
fn shared_head<'v>(values: &[&'v str]) -> &'v str {
    let (first, last) = (values.first().unwrap_or(&""), values.last().unwrap_or(&""));
    let shared = first.get(..common_prefix(first, last)).unwrap_or_default();
    match shared.rfind(is_separator) {
        Some(at) => shared.get(..=at).unwrap_or_default(),
        None if shared.len() >= 3 => shared,
        None => "",
    }
}

/// Separators are ASCII, so the byte after one starts a character.
fn is_separator(c: char) -> bool {
    matches!(c, '/' | '.' | ':' | '_' | '-' | '#' | '@' | '|')
}

/// The length of the common prefix in bytes, at a character boundary.
fn common_prefix(one: &str, two: &str) -> usize {
    one.char_indices()
        .zip(two.chars())
        .find(|((_, a), b)| a != b)
        .map_or_else(|| one.len().min(two.len()), |((at, _), _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_stay_literal_and_many_become_their_prefix() {
        let set = |n: usize, head: &str| -> BTreeSet<Text> {
            (0..n).map(|i| format!("{head}{i}").into()).collect()
        };
        assert_eq!(generalise_prefixes(&set(20, "db/orders/")).len(), 20);
        assert_eq!(generalise_prefixes(&set(21, "db/orders/")), ["db/orders/*"]);
        let mut mixed = set(30, "db/orders/");
        mixed.extend(set(2, "s3:"));
        assert_eq!(generalise_prefixes(&mixed), ["db/orders/*", "s3:0", "s3:1"]);
    }

    #[test]
    fn hosts_generalise_from_the_back() {
        let mut hosts = ValueSet::default();
        (0..30).for_each(|n| hosts.insert(&format!("h{n}.example.com")));
        assert_eq!(hosts.host_patterns(), ["*.example.com"]);
    }

    #[test]
    fn past_the_bound_only_the_shared_prefix_is_known() {
        let mut values = ValueSet::default();
        (0..=VALUES_MAX).for_each(|n| values.insert(&format!("order/{n}")));
        assert_eq!(values.prefix_patterns(), ["order/*"]);
        values.insert("or");
        assert_eq!(values.prefix_patterns(), ["or*"]);
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn every_value_matches_some_pattern_and_patterns_stay_few(
            ids in proptest::collection::btree_set("[abé]{0,2}[/.]?[a-c*?]{0,3}", 0..120),
        ) {
            let ids: BTreeSet<Text> = ids.iter().map(Text::from).collect();
            let patterns = generalise_prefixes(&ids);
            prop_assert!(patterns.len() <= PATTERNS_MAX);
            for id in &ids {
                prop_assert!(patterns.iter().any(|p| GlobPattern::new(p).matches(id)), "{id}");
            }
            let mut values = ValueSet::default();
            ids.iter().for_each(|id| values.insert(id));
            let hosts = values.host_patterns();
            for id in &ids {
                prop_assert!(hosts.iter().any(|p| GlobPattern::new(p).matches(id)), "{id}");
            }
        }
    }
}
