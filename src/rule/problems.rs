//! Collects what is wrong with one file, each problem at its place.

use crate::event::diagnostic::{Diagnostic, Severity, SourceFile, nearest};
use crate::event::yaml::{Node, Place};

/// The problems of one file.
pub(super) struct Problems<'f> {
    pub file: &'f SourceFile,
    pub list: Vec<Diagnostic>,
}

impl<'f> Problems<'f> {
    pub(super) fn new(file: &'f SourceFile) -> Self {
        Problems {
            file,
            list: Vec::new(),
        }
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        self.list
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count()
    }

    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.list.push(Diagnostic::error(self.file, place, message));
    }

    pub(super) fn error_help(
        &mut self,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.list
            .push(Diagnostic::error(self.file, place, message).with_help(help));
    }

    pub(super) fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.list
            .push(Diagnostic::warning(self.file, place, message));
    }

    /// An error about `word`, which should have been one of `known`.
    pub(super) fn unknown(&mut self, place: Place, what: &str, word: &str, known: &[&str]) {
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.error_help(place, format!("unknown {what} `{word}`"), help);
    }

    /// The pairs of a mapping whose keys must be among `known`; others are errors and left out.
    pub(super) fn known_keys<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Vec<(&'n str, Place, &'n Node)> {
        let Some(pairs) = node.as_mapping() else {
            self.error(
                node.place,
                format!("{what} must be a mapping, not {}", node.kind()),
            );
            return Vec::new();
        };
        let mut found = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            match key.as_str() {
                Some(name) if known.contains(&name) => found.push((name, key.place, value)),
                Some(name) => self.unknown(key.place, &format!("key of {what}"), name, known),
                None => self.error(key.place, format!("a key of {what} must be text")),
            }
        }
        found
    }

    /// One of the words of an enum, by its `known` function.
    pub(super) fn word<T>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[&str],
        known: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = node.as_str().unwrap_or_default();
        let found = known(text);
        if found.is_none() {
            match node.as_str() {
                Some(text) => self.unknown(node.place, what, text, words),
                None => self.error(
                    node.place,
                    format!("{what} must be a word, not {}", node.kind()),
                ),
            }
        }
        found
    }
}
