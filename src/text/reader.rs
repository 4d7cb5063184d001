//! Reads typed values out of YAML nodes. What cannot be read is reported and left out.

use std::fmt::Display;

use compact_str::CompactString;

use super::problems::Problems;
use super::yaml::YamlNode;

/// Bytes of one text value.
pub const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Items of a list, unless the reader of the file sets its own bound.
pub const LIST_ITEMS_MAX: usize = 256;

impl Problems<'_> {
    /// The pairs of a mapping whose keys are free, in file order; `None` if `node` is no mapping.
    pub fn read_pairs<'n>(
        &mut self,
        node: &'n YamlNode,
        what: &str,
    ) -> Option<&'n [(YamlNode, YamlNode)]> {
        let pairs = node.as_mapping();
        if pairs.is_none() {
            self.wrong_kind(node, what, "a mapping");
        }
        pairs
    }

    /// The pairs of a mapping whose keys must be among `known`; a pair with another key is an
    /// error and left out. `None` if `node` is no mapping.
    pub fn read_mapping<'n>(
        &mut self,
        node: &'n YamlNode,
        what: &str,
        known: &[&str],
    ) -> Option<Vec<(&'n str, &'n YamlNode)>> {
        let pairs = self.read_pairs(node, what)?;
        let mut found = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            match key.as_str() {
                Some(name) if known.contains(&name) => found.push((name, value)),
                Some(name) => self.unknown_key(key.location, what, name, known),
                None => self.wrong_kind(key, &format!("a key of {what}"), "text"),
            }
        }
        Some(found)
    }

    /// The items of a list of at most `items_max`; empty if `node` is no list or too long.
    pub fn read_list<'n>(
        &mut self,
        node: &'n YamlNode,
        what: &str,
        items_max: usize,
    ) -> &'n [YamlNode] {
        let Some(items) = node.as_sequence() else {
            self.wrong_kind(node, what, "a list");
            return &[];
        };
        if items.len() > items_max {
            let count = items.len();
            let message = format!("{what} has {count} entries, more than {items_max}");
            self.error(node.location, message);
            return &[];
        }
        items
    }

    /// The items of a list of at most [`LIST_ITEMS_MAX`]; a value that is no list is its only item.
    pub fn read_items<'n>(&mut self, node: &'n YamlNode, what: &str) -> &'n [YamlNode] {
        match node.as_sequence() {
            Some(_) => self.read_list(node, what, LIST_ITEMS_MAX),
            None => std::slice::from_ref(node),
        }
    }

    /// A text that is neither empty nor longer than [`TEXT_BYTES_MAX`].
    pub fn read_text(&mut self, node: &YamlNode, what: &str) -> Option<CompactString> {
        match node.as_str() {
            Some("") => self.error(node.location, format!("{what} is empty")),
            Some(text) if text.len() > TEXT_BYTES_MAX => {
                let message = format!("{what} is longer than {TEXT_BYTES_MAX} bytes");
                self.error(node.location, message);
            }
            Some(text) => return Some(text.into()),
            None => self.wrong_kind(node, what, "text"),
        }
        None
    }

    /// The texts under `key`; one text counts as a list of one; empty if the key is absent.
    pub fn read_texts(&mut self, node: &YamlNode, key: &str) -> Vec<CompactString> {
        let Some(value) = node.get(key) else {
            return Vec::new();
        };
        let what = format!("`{key}`");
        let items = self.read_items(value, &what);
        items
            .iter()
            .filter_map(|item| self.read_text(item, &what))
            .collect()
    }

    /// The texts under `key` as patterns; one that `parse` refuses is an error with its location.
    pub fn read_patterns<P, E: Display>(
        &mut self,
        node: &YamlNode,
        key: &str,
        parse: fn(&str) -> Result<P, E>,
    ) -> Vec<(CompactString, P)> {
        let Some(value) = node.get(key) else {
            return Vec::new();
        };
        let what = format!("`{key}`");
        let mut patterns = Vec::new();
        for item in self.read_items(value, &what) {
            let Some(text) = self.read_text(item, &what) else {
                continue;
            };
            match parse(&text) {
                Ok(pattern) => patterns.push((text, pattern)),
                Err(error) => self.error(item.location, error.to_string()),
            }
        }
        patterns
    }

    /// One word of a closed list. `noun` describes the words; `parse` reads one.
    pub fn read_word<T>(
        &mut self,
        node: &YamlNode,
        noun: &str,
        words: &[&str],
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = node.as_str() else {
            self.wrong_kind(node, &format!("the {noun}"), "a word");
            return None;
        };
        let found = parse(text);
        if found.is_none() {
            self.unknown_word(node.location, noun, text, words);
        }
        found
    }

    /// `true` or `false` under `key`; `None` if the key is absent.
    pub fn read_flag(&mut self, node: &YamlNode, key: &str) -> Option<bool> {
        let value = node.get(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.error(value.location, format!("`{key}` must be true or false"));
        }
        flag
    }

    /// A whole number from 0 under `key`; `None` if the key is absent.
    pub fn read_count(&mut self, node: &YamlNode, key: &str) -> Option<u32> {
        let value = node.get(key)?;
        let count = value.as_i64().and_then(|count| u32::try_from(count).ok());
        if count.is_none() {
            let message = format!("`{key}` must be a whole number from 0");
            self.error(value.location, message);
        }
        count
    }

    /// The value that `parse` reads from the text under `key`, which must be there; `expected`
    /// describes it.
    pub fn read_parsed<T>(
        &mut self,
        node: &YamlNode,
        key: &str,
        expected: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = node.get(key) else {
            let message = format!("`{key}` is missing; expected {expected}");
            self.error(node.location, message);
            return None;
        };
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            self.error(value.location, format!("`{key}` must be {expected}"));
        }
        parsed
    }

    fn wrong_kind(&mut self, node: &YamlNode, what: &str, expected: &str) {
        let message = format!("{what} must be {expected}, not {}", node.kind());
        self.error(node.location, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{SourceFile, yaml};

    fn problems_of(text: &str, read: fn(&mut Problems<'_>, &YamlNode)) -> Vec<String> {
        let file = SourceFile {
            path: "t.yaml".into(),
            text: text.into(),
        };
        let documents = yaml::parse(&file).unwrap();
        let mut problems = Problems::new(&file);
        read(&mut problems, &documents[0]);
        let found = problems.into_sorted();
        found
            .iter()
            .map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.message))
            .collect()
    }

    #[test]
    fn every_problem_has_its_location_and_one_wording() {
        let found = problems_of(
            "tols: x\nnames: [a, '', [b]]\nflag: maybe\n",
            |problems, node| {
                problems.read_mapping(node, "a file", &["tools", "names", "flag", "count"]);
                assert_eq!(problems.read_texts(node, "names"), ["a"]);
                assert_eq!(problems.read_flag(node, "flag"), None);
                assert_eq!(
                    problems.read_parsed(node, "count", "a number", |_| Some(1)),
                    None
                );
            },
        );
        let expected = [
            "1:1 unknown key `tols` in a file",
            "1:1 `count` is missing; expected a number",
            "2:12 `names` is empty",
            "2:16 `names` must be text, not a list",
            "3:7 `flag` must be true or false",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_has_a_bound_and_one_value_may_stand_for_a_list() {
        let found = problems_of("{many: [1, 2, 3], one: 1}", |problems, node| {
            assert_eq!(
                problems
                    .read_list(node.get("many").unwrap(), "`many`", 2)
                    .len(),
                0
            );
            assert_eq!(
                problems.read_items(node.get("one").unwrap(), "`one`").len(),
                1
            );
            assert_eq!(
                problems
                    .read_list(node.get("one").unwrap(), "`one`", 2)
                    .len(),
                0
            );
        });
        let expected = [
            "1:8 `many` has 3 entries, more than 2",
            "1:24 `one` must be a list, not a value",
        ];
        assert_eq!(found, expected);
    }
}
