//! Collects what is wrong with one file, so that one run reports every problem.

use super::diagnostic::{Diagnostic, Location, ProblemSeverity, SourceFile};
use super::suggest::suggest_or_list;

/// The problems of one file.
#[derive(Debug)]
pub struct Problems<'f> {
    file: &'f SourceFile,
    found: Vec<Diagnostic>,
}

impl<'f> Problems<'f> {
    /// A file without a problem so far.
    #[must_use]
    pub fn new(file: &'f SourceFile) -> Self {
        Problems {
            file,
            found: Vec::new(),
        }
    }

    /// The file that is being read.
    #[must_use]
    pub fn file(&self) -> &'f SourceFile {
        self.file
    }

    /// How many errors there are so far; warnings do not count.
    #[must_use]
    pub fn error_count(&self) -> usize {
        let errors = self.found.iter();
        errors
            .filter(|problem| problem.severity == ProblemSeverity::Error)
            .count()
    }

    /// Every problem, in the order of reading.
    #[must_use]
    pub fn into_found(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Every problem, by line and column.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found
            .sort_by_key(|problem| (problem.line, problem.column));
        self.found
    }

    /// Adds a problem.
    pub fn report(&mut self, problem: Diagnostic) {
        self.found.push(problem);
    }

    pub fn error(&mut self, at: Location, message: impl Into<String>) {
        self.report(Diagnostic::error(self.file, at, message));
    }

    pub fn error_with_help(
        &mut self,
        at: Location,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report(Diagnostic::error(self.file, at, message).with_help(help));
    }

    pub fn warning(&mut self, at: Location, message: impl Into<String>) {
        self.report(Diagnostic::warning(self.file, at, message));
    }

    /// An error about `word`, which is none of `known`. `noun` describes the known words: a verb, a
    /// level.
    pub fn unknown_word(&mut self, at: Location, noun: &str, word: &str, known: &[&str]) {
        self.unknown(at, format!("unknown {noun} `{word}`"), word, known);
    }

    /// An error about a key of `parent` that is none of `known`.
    pub fn unknown_key(&mut self, at: Location, parent: &str, key: &str, known: &[&str]) {
        self.unknown(at, format!("unknown key `{key}` in {parent}"), key, known);
    }

    /// An error about a value of `key` that is none of `known`.
    pub fn unknown_value(&mut self, at: Location, key: &str, value: &str, known: &[&str]) {
        let message = format!("unknown value `{value}` of `{key}`");
        self.unknown(at, message, value, known);
    }

    fn unknown(&mut self, at: Location, message: String, word: &str, known: &[&str]) {
        let error = Diagnostic::error(self.file, at, message);
        self.report(Diagnostic {
            help: suggest_or_list(word, known),
            ..error
        });
    }
}
