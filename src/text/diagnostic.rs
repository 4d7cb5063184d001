//! A problem in a text file: where it is, what is wrong, what to write instead.

use std::fmt;

/// A line and column of a text, both 1-based, the column in characters; 0 where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

impl Location {
    /// A problem of the whole file.
    pub const WHOLE_FILE: Location = Location::new(0, 0);
    /// The first character of a text.
    pub const START: Location = Location::new(1, 1);

    #[must_use]
    pub const fn new(line: usize, column: usize) -> Self {
        Location { line, column }
    }

    /// The location of the byte at `index` of `text`; of its end, if there is no such byte.
    #[must_use]
    pub fn of_byte(text: &str, index: usize) -> Self {
        let before = text.get(..index).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Location::new(before.matches('\n').count() + 1, column)
    }
}

/// A problem and its location in a file, or in another source of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: ProblemSeverity,
    pub path: String,
    /// 1-based; 0 for a problem of the whole file.
    pub line: usize,
    /// 1-based, in characters; 0 if unknown.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to write instead, if known.
    pub help: Option<String>,
    /// The text of the line, shown with a caret below it.
    pub source_line: Option<String>,
}

/// Whether the file can be used in spite of the problem (a warning) or not (an error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemSeverity {
    Warning,
    Error,
}

/// A text file that was read for a pure room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user would write it.
    pub path: String,
    pub text: String,
}

impl Diagnostic {
    /// An error at `at` in `file`, with the text of the line.
    #[must_use]
    pub fn error(file: &SourceFile, at: Location, message: impl Into<String>) -> Self {
        let line = at.line.checked_sub(1);
        Diagnostic {
            line: at.line,
            column: at.column,
            source_line: line
                .and_then(|index| file.text.lines().nth(index))
                .map(str::to_owned),
            ..Diagnostic::of_source(&file.path, message)
        }
    }

    /// A warning at `at` in `file`, with the text of the line.
    #[must_use]
    pub fn warning(file: &SourceFile, at: Location, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: ProblemSeverity::Warning,
            ..Diagnostic::error(file, at, message)
        }
    }

    /// An error of a whole source: a file, an environment variable, a flag.
    #[must_use]
    pub fn of_source(name: impl Into<String>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: ProblemSeverity::Error,
            path: name.into(),
            line: 0,
            column: 0,
            message: message.into(),
            help: None,
            source_line: None,
        }
    }

    /// Adds what to write instead.
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
            ProblemSeverity::Warning => "warning",
            ProblemSeverity::Error => "error",
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
