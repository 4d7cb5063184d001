//! What is for people: lines on stderr, problems with their places.

use std::io::Write;

use crate::text::{Diagnostic, ProblemSeverity};

/// Complaints of one kind that are printed before the rest is only counted.
const COMPLAINTS_MAX: u64 = 20;

/// Writes one line to stderr. Were stderr gone, there would be nobody to tell.
pub(super) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints every problem; returns how many are errors.
pub(super) fn print<'d>(problems: impl IntoIterator<Item = &'d Diagnostic>) -> usize {
    let mut errors = 0;
    for problem in problems {
        tell(&problem.to_string());
        errors += usize::from(problem.severity == ProblemSeverity::Error);
    }
    errors
}

/// "1 problem", "2 problems".
pub(super) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Complaints about records, of which a file may hold millions: the first are printed.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    count: u64,
}

impl Complaints {
    pub(super) fn add(&mut self, message: &str) {
        self.count += 1;
        if self.count <= COMPLAINTS_MAX {
            tell(message);
        } else if self.count == COMPLAINTS_MAX + 1 {
            tell("… more of the kind are counted, not printed");
        }
    }
}
