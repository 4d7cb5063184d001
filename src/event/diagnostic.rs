//! Where something is wrong in a text file, and how to show it.
//!
//! Every reader of text files (rules, templates, resources, response policy, configuration)
//! collects these instead of stopping at the first.

use std::fmt;

/// A problem at a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub path: String,
    /// 1-based; 0 when the problem is the whole file's.
    pub line: usize,
    /// 1-based, in characters; 0 when unknown.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to write instead, when known.
    pub help: Option<String>,
    /// The text of the line, for the caret.
    pub source_line: Option<String>,
}

/// Whether a problem stops the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// A text file handed to a pure room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As the user would name it, relative to where they look.
    pub path: String,
    pub text: String,
}

impl Diagnostic {
    /// An error at a place of `file`, with the line's text.
    #[must_use]
    pub fn error(file: &SourceFile, place: (usize, usize), message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            path: file.path.clone(),
            line: place.0,
            column: place.1,
            message: message.into(),
            help: None,
            source_line: place
                .0
                .checked_sub(1)
                .and_then(|index| file.text.lines().nth(index))
                .map(str::to_owned),
        }
    }

    /// A warning at a place of `file`.
    #[must_use]
    pub fn warning(file: &SourceFile, place: (usize, usize), message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(file, place, message)
        }
    }

    /// The same with a suggestion.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    /// `path:line:column: error: message`, the line with a caret, the help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        match (self.line, self.column) {
            (0, _) => write!(f, "{}: {word}: {}", self.path, self.message)?,
            (line, 0) => write!(f, "{}:{line}: {word}: {}", self.path, self.message)?,
            (line, column) => {
                write!(f, "{}:{line}:{column}: {word}: {}", self.path, self.message)?;
            }
        }
        if let (Some(text), true) = (&self.source_line, self.column > 0) {
            let gutter = self.line.to_string();
            write!(f, "\n  {gutter} | {text}")?;
            write!(f, "\n  {:1$} | {2:>3$}", "", gutter.len(), "^", self.column)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// The candidate nearest to `word`, when it is near enough to be a likely typo.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + word.chars().count() / 3)
        .map(|(_, candidate)| candidate)
}
