//! What is for people: lines on stderr, problems with their places.

use std::io::Write;

use crate::event::diagnostic::{Diagnostic, Severity};

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
        errors += usize::from(problem.severity == Severity::Error);
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

/// Splits "… at line 3 column 7", as the JSON reader ends its messages.
pub(in crate::cli) fn reader_place(message: &str) -> Option<(&str, usize, usize)> {
    let (text, place) = message.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(" column ")?;
    Some((
        text,
        line.parse().ok()?,
        column.parse::<usize>().ok()?.max(1),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_of_json_gives_its_own_place() {
        let split = reader_place("expected `,` at line 2 column 9");
        assert_eq!(split, Some(("expected `,`", 2, 9)));
        assert_eq!(reader_place("tenant: required"), None);
    }
}
