//! Reading typed values out of spanned YAML, collecting every problem instead of the first.

use crate::event::Text;
use crate::event::diagnostic::{Diagnostic, SourceFile, nearest};
use crate::event::limits::{SCOPE_LIST_MAX, TEXT_BYTES_MAX};
use crate::event::yaml::Node;

/// A file being read and what was found wrong in it.
pub(crate) struct Reader<'f> {
    pub(crate) file: &'f SourceFile,
    pub(crate) found: Vec<Diagnostic>,
}

impl<'f> Reader<'f> {
    pub(crate) fn new(file: &'f SourceFile) -> Self {
        Reader {
            file,
            found: Vec::new(),
        }
    }

    pub(crate) fn error(&mut self, node: &Node, message: impl Into<String>) {
        self.found
            .push(Diagnostic::error(self.file, node.place, message));
    }

    pub(crate) fn warning(&mut self, node: &Node, message: impl Into<String>) {
        self.found
            .push(Diagnostic::warning(self.file, node.place, message));
    }

    fn error_near(&mut self, node: &Node, message: String, word: &str, known: &[&str]) {
        let error = Diagnostic::error(self.file, node.place, message);
        self.found.push(match nearest(word, known.iter().copied()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("known: {}", known.join(", "))),
        });
    }

    /// Whether `node` is a mapping; reports every key that is not in `known`.
    pub(crate) fn mapping(&mut self, node: &Node, what: &str, known: &[&str]) -> bool {
        let Some(pairs) = node.as_mapping() else {
            self.error(
                node,
                format!("{what} must be a mapping, not {}", node.kind()),
            );
            return false;
        };
        for (key, _) in pairs {
            match key.as_str() {
                Some(word) if known.contains(&word) => {}
                Some(word) => {
                    self.error_near(key, format!("unknown key `{word}` in {what}"), word, known);
                }
                None => self.error(key, format!("a key of {what} must be a word")),
            }
        }
        true
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        match node.as_str() {
            Some("") => self.error(node, format!("{what} is empty")),
            Some(text) if text.len() > TEXT_BYTES_MAX => {
                self.error(
                    node,
                    format!("{what} is longer than {TEXT_BYTES_MAX} bytes"),
                );
            }
            Some(text) => return Some(text.into()),
            None => self.error(node, format!("{what} must be a text, not {}", node.kind())),
        }
        None
    }

    /// A list, or one value for a list of one; bounded as a scope's lists are.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Node> {
        match node.as_sequence() {
            Some(items) if items.len() > SCOPE_LIST_MAX => {
                let count = items.len();
                self.error(
                    node,
                    format!("{what} has {count} entries, more than {SCOPE_LIST_MAX}"),
                );
                Vec::new()
            }
            Some(items) => items.iter().collect(),
            None => vec![node],
        }
    }

    /// A list of texts under `key`; empty when absent.
    pub(crate) fn texts(&mut self, node: &Node, key: &str) -> Vec<Text> {
        let Some(value) = node.get(key) else {
            return Vec::new();
        };
        let items = self.items(value, &format!("`{key}`"));
        items
            .into_iter()
            .filter_map(|item| self.text(item, &format!("`{key}`")))
            .collect()
    }

    /// A list of words of a closed list under `key`; empty when absent.
    pub(crate) fn words<T: Copy>(
        &mut self,
        node: &Node,
        key: &str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Vec<T> {
        let Some(value) = node.get(key) else {
            return Vec::new();
        };
        let items = self.items(value, &format!("`{key}`"));
        items
            .into_iter()
            .filter_map(|item| self.word(item, key, all, as_str))
            .collect()
    }

    /// One word of a closed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        key: &str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(node, &format!("`{key}`"))?;
        let found = all
            .iter()
            .copied()
            .find(|member| as_str(*member).eq_ignore_ascii_case(&text));
        if found.is_none() {
            let known: Vec<&str> = all.iter().map(|member| as_str(*member)).collect();
            self.error_near(
                node,
                format!("unknown word `{text}` for `{key}`"),
                &text,
                &known,
            );
        }
        found
    }

    /// `true` or `false` under `key`.
    pub(crate) fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        let value = node.get(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.error(value, format!("`{key}` must be true or false"));
        }
        flag
    }

    /// A whole number not below 0 under `key`.
    pub(crate) fn count(&mut self, node: &Node, key: &str) -> Option<u32> {
        let value = node.get(key)?;
        let count = value.as_i64().and_then(|count| u32::try_from(count).ok());
        if count.is_none() {
            self.error(value, format!("`{key}` must be a whole number not below 0"));
        }
        count
    }

    /// What `parse` reads from the text under `key`; `expected` says what that is.
    pub(crate) fn parsed<T>(
        &mut self,
        node: &Node,
        key: &str,
        expected: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = node.get(key) else {
            self.error(node, format!("`{key}` is missing; expected {expected}"));
            return None;
        };
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            self.error(value, format!("`{key}` must be {expected}"));
        }
        parsed
    }
}
