//! Text for people on stderr: lines, and problems with their locations.

use std::io::Write;

use crate::text::{Diagnostic, ProblemSeverity};

/// Complaints that are printed; further ones are only counted.
const COMPLAINTS_MAX: u64 = 20;

/// Writes one line to stderr. An error is ignored: there is no other way to report it.
pub(super) fn print_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints every problem; returns how many are errors.
pub(super) fn print_problems<'d>(problems: impl IntoIterator<Item = &'d Diagnostic>) -> usize {
    let mut errors = 0;
    for problem in problems {
        print_line(&problem.to_string());
        errors += usize::from(problem.severity == ProblemSeverity::Error);
    }
    errors
}

/// "1 problem", "2 problems".
pub(super) fn count_noun(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Prints the first complaints about records: a file may have millions of records.
#[derive(Debug, Default)]
pub(super) struct ComplaintPrinter {
    count: u64,
}

impl ComplaintPrinter {
    pub(super) fn print_or_count(&mut self, message: &str) {
        self.count += 1;
        if self.count <= COMPLAINTS_MAX {
            print_line(message);
        } else if self.count == COMPLAINTS_MAX + 1 {
            print_line("… more of the kind are counted, not printed");
        }
    }
}
