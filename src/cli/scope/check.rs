//! Checks scope records and templates, and prints every problem with its location.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::actions::builtin_decoder;
use super::super::diagnostics::{self, count_noun, print_line};
use super::super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::super::files::read_text;
use super::super::progress::ReadProgress;
use super::unknown_fields;
use crate::codec::locate;
use crate::codec::{DecodeError, Decoded, Decoder};
use crate::config::rule_files::is_yaml;
use crate::event::AgentScope;
use crate::replay::document::{self, starts_document};
use crate::replay::input_file::{FileRecord, InputError, InputFile, RecordContent};
use crate::scope::{CompiledScope, ScopeError, ScopeTemplates, find_unmatchable};
use crate::text::{Diagnostic, Location, ProblemSeverity};

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Templates (.yaml, .yml) and scope records (JSON or Avro; plain, gzip or zstd; `-` is
    /// standard input)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Counts the records and errors, and prints each problem at once.
struct ScopeChecker {
    decoder: Decoder,
    scopes: u64,
    errors: u64,
}

impl CheckArgs {
    pub(super) fn run(self) -> CommandResult {
        let (templates, records): (Vec<PathBuf>, Vec<PathBuf>) =
            self.files.into_iter().partition(|path| is_yaml(path));
        let mut checker = ScopeChecker {
            decoder: builtin_decoder()?,
            scopes: 0,
            errors: 0,
        };
        let templates = checker.check_templates(&templates);
        for path in &records {
            if let Err(failure) = checker.check_file(path) {
                checker.print_failure(&failure.message);
            }
        }
        print_line(&format!(
            "{}, {}, {}",
            count_noun(checker.scopes, "scope"),
            count_noun(templates, "template"),
            count_noun(checker.errors, "error"),
        ));
        Ok(if checker.errors == 0 {
            ExitStatus::Ok
        } else {
            ExitStatus::Input
        })
    }
}

impl ScopeChecker {
    /// Checks all templates together, because two templates can conflict.
    fn check_templates(&mut self, paths: &[PathBuf]) -> u64 {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            match read_text(path) {
                Ok(file) => files.push(file),
                Err(failure) => self.print_failure(&failure.message),
            }
        }
        let (templates, problems) = ScopeTemplates::parse(&files);
        let errors = diagnostics::print_problems(&problems);
        self.errors += u64::try_from(errors).unwrap_or(u64::MAX);
        u64::try_from(templates.len()).unwrap_or(u64::MAX)
    }

    /// Checks the scope records of a file.
    fn check_file(&mut self, path: &Path) -> Result<(), CommandFailure> {
        let file = InputFile::<AgentScope>::open(path);
        let mut file = file.map_err(|error| CommandFailure::bad_input(error.to_string()))?;
        let name = file.name().to_owned();
        let mut progress = ReadProgress::new(&name, file.size_bytes(), false);
        let mut first = true;
        while let Some(record) = file.next() {
            progress.count_record(|| file.read_bytes());
            if std::mem::take(&mut first) && starts_document(&record) {
                drop(progress);
                return self.check_whole_file(record, file);
            }
            progress.suspend(|| self.check_record(&name, record));
        }
        Ok(())
    }

    /// Checks a file whose records span several lines; its first line was read already.
    fn check_whole_file(
        &mut self,
        first: Result<FileRecord<AgentScope>, InputError>,
        rest: InputFile<AgentScope>,
    ) -> Result<(), CommandFailure> {
        let name = rest.name().to_owned();
        let file = document::join_lines(&name, std::iter::once(first).chain(rest))
            .map_err(|error| CommandFailure::bad_input(error.to_string()))?;
        match document::find_objects(&file) {
            Ok(objects) => {
                let text = RecordText {
                    name: &name,
                    text: &file.text,
                    first_line: 1,
                };
                for object in objects {
                    let record = file.text.get(object.span.clone()).unwrap_or_default();
                    self.check_text(&text, record, object.location);
                }
            }
            Err(problem) => self.print_problem(&problem),
        }
        Ok(())
    }

    fn check_record(&mut self, name: &str, record: Result<FileRecord<AgentScope>, InputError>) {
        match record {
            Err(error) => self.print_failure(&error.to_string()),
            Ok(FileRecord {
                number,
                content: RecordContent::Decoded(decoded),
            }) => {
                let problems = scope_problems(&decoded);
                self.scopes += 1;
                for (severity, _, message) in problems {
                    let message = format!("record {number}: {message}");
                    self.print_problem(&whole_file_problem(name, severity, message));
                }
            }
            Ok(FileRecord {
                number,
                content: RecordContent::Bytes(bytes),
            }) => {
                let line = usize::try_from(number).unwrap_or(usize::MAX);
                match std::str::from_utf8(&bytes) {
                    Ok(record) => {
                        let text = RecordText {
                            name,
                            text: record,
                            first_line: line,
                        };
                        self.check_text(&text, record, Location::new(line, 1));
                    }
                    Err(_) => self.print_failure(&format!("{name}:{number}: not UTF-8 text")),
                }
            }
        }
    }

    /// Checks one record that begins at `start` of its file.
    fn check_text(&mut self, text: &RecordText<'_>, record: &str, start: Location) {
        self.scopes += 1;
        let mut found: Vec<FoundProblem> = unknown_fields::find_unknown(record)
            .into_iter()
            .map(|(severity, path, message)| (severity, ProblemLocation::Path(path), message))
            .collect();
        match self.decoder.decode_scope(record.as_bytes()) {
            Ok(decoded) => {
                let named = found
                    .iter()
                    .any(|(how, ..)| *how == ProblemSeverity::Warning);
                let unknown = if named { 0 } else { decoded.unknown_fields };
                found.extend(scope_problems(&Decoded {
                    unknown_fields: unknown,
                    ..decoded
                }));
            }
            Err(error) => found.insert(0, decode_problem(&error)),
        }
        for (severity, at, message) in found {
            let location = match &at {
                ProblemLocation::Path(path) => locate::locate_field(record, path),
                ProblemLocation::Reader(location) => *location,
            };
            self.print_problem(&at_location(text, location, start, (severity, message)));
        }
    }

    fn print_problem(&mut self, problem: &Diagnostic) {
        self.errors += u64::from(problem.severity == ProblemSeverity::Error);
        print_line(&problem.to_string());
    }

    fn print_failure(&mut self, message: &str) {
        self.errors += 1;
        print_line(message);
    }
}

/// The text of a file, or of the one line that was read.
struct RecordText<'a> {
    name: &'a str,
    text: &'a str,
    first_line: usize,
}

/// The location of a problem in a record.
enum ProblemLocation {
    /// The path of a field.
    Path(String),
    /// Where the JSON reader stopped.
    Reader(Location),
}

type FoundProblem = (ProblemSeverity, ProblemLocation, String);

/// The problems of a scope that decodes.
fn scope_problems(decoded: &Decoded<AgentScope>) -> Vec<FoundProblem> {
    let mut found = Vec::new();
    if let Err(error) = CompiledScope::compile(&decoded.value) {
        let path = field_path(&error);
        found.push((
            ProblemSeverity::Error,
            ProblemLocation::Path(path),
            error.to_string(),
        ));
    }
    let scope = &decoded.value;
    for (path, message) in find_unmatchable(scope) {
        let message = format!("{path}: {message}");
        found.push((ProblemSeverity::Error, ProblemLocation::Path(path), message));
    }
    if let (Some(from_ms), Some(until_ms)) = (scope.effective_from_ms, scope.expires_at_ms)
        && from_ms > until_ms
    {
        let message = "expires_at: before effective_from, so the scope never holds".to_owned();
        found.push((
            ProblemSeverity::Error,
            ProblemLocation::Path("expires_at".to_owned()),
            message,
        ));
    }
    if decoded.unknown_fields > 0 {
        let fields = count_noun(decoded.unknown_fields.into(), "field");
        let message = format!("{fields} unknown to this version, and ignored");
        found.push((
            ProblemSeverity::Warning,
            ProblemLocation::Path(String::new()),
            message,
        ));
    }
    found
}

/// The problem of a record that does not decode: at the JSON reader's location, or at the field
/// that the message names.
fn decode_problem(error: &DecodeError) -> FoundProblem {
    let message = error.message.clone();
    match locate::split_reader_location(&message) {
        Some((text, at)) => (
            ProblemSeverity::Error,
            ProblemLocation::Reader(at),
            text.to_owned(),
        ),
        None => {
            let field = message.split(": ").next().unwrap_or_default();
            (
                ProblemSeverity::Error,
                ProblemLocation::Path(field.to_owned()),
                message.clone(),
            )
        }
    }
}

/// A problem at `location` of a record that starts at `start` of its file.
fn at_location(
    text: &RecordText<'_>,
    location: Location,
    start: Location,
    (severity, message): (ProblemSeverity, String),
) -> Diagnostic {
    let Location { line, column } = locate::location_in_file(start, location);
    let shown = text.text.lines().nth(line.saturating_sub(text.first_line));
    Diagnostic {
        line,
        column,
        // A long line, such as a whole record, is not printed.
        source_line: shown
            .filter(|line| line.len() <= LINE_SHOWN_MAX)
            .map(str::to_owned),
        ..whole_file_problem(text.name, severity, message)
    }
}

/// Bytes of a source line that is printed with a problem, at most.
const LINE_SHOWN_MAX: usize = 200;

fn whole_file_problem(name: &str, severity: ProblemSeverity, message: String) -> Diagnostic {
    Diagnostic {
        severity,
        ..Diagnostic::of_source(name, message)
    }
}

/// The field that a scope error is about.
fn field_path(error: &ScopeError) -> String {
    match error {
        ScopeError::TooMany { what, .. } => what.replace(' ', "_"),
        ScopeError::GrantWithoutType { index } => format!("grants[{index}]"),
        ScopeError::TypePattern { .. } => "grants".to_owned(),
        ScopeError::UnknownMeasure { index, .. } => format!("limits[{index}].measure"),
        ScopeError::Window { index, .. } => format!("limits[{index}].window"),
        ScopeError::Max { index } => {
            format!("limits[{index}].max")
        }
        ScopeError::ChildrenMax => "delegation.children_max".to_owned(),
        ScopeError::Zone { .. } => "hours.zone".to_owned(),
        ScopeError::Hours => "hours".to_owned(),
    }
}
