//! Checks scope records and templates, and prints every problem with its place.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::actions::decoder;
use super::super::diagnostics::{self, counted, tell};
use super::super::exit::{Exit, Failure, Outcome};
use super::super::files::read_text;
use super::super::progress::Progress;
use super::words;
use crate::codec::locate;
use crate::codec::{DecodeError, Decoded, Decoder};
use crate::config::rule_files::is_yaml;
use crate::event::AgentScope;
use crate::replay::document::{self, starts_document};
use crate::replay::input_file::{FileRecord, InputError, InputFile, RecordContent};
use crate::scope::{CompiledScope, ScopeError, ScopeTemplates};
use crate::text::{Diagnostic, Location, ProblemSeverity};

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Templates (.yaml, .yml) and scope records (JSON or Avro; plain, gzip or zstd; `-` is
    /// standard input)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// What was found, printed as it is found.
struct Checker {
    decoder: Decoder,
    scopes: u64,
    errors: u64,
}

impl CheckArgs {
    pub(super) fn run(self) -> Outcome {
        let (templates, records): (Vec<PathBuf>, Vec<PathBuf>) =
            self.files.into_iter().partition(|path| is_yaml(path));
        let mut checker = Checker {
            decoder: decoder()?,
            scopes: 0,
            errors: 0,
        };
        let templates = checker.templates(&templates);
        for path in &records {
            if let Err(failure) = checker.records(path) {
                checker.failed(&failure.message);
            }
        }
        tell(&format!(
            "{}, {}, {}",
            counted(checker.scopes, "scope"),
            counted(templates, "template"),
            counted(checker.errors, "error"),
        ));
        Ok(if checker.errors == 0 {
            Exit::Ok
        } else {
            Exit::Input
        })
    }
}

impl Checker {
    /// Checks templates together, because two of them can be in each other's way.
    fn templates(&mut self, paths: &[PathBuf]) -> u64 {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            match read_text(path) {
                Ok(file) => files.push(file),
                Err(failure) => self.failed(&failure.message),
            }
        }
        let (templates, problems) = ScopeTemplates::parse(&files);
        let errors = diagnostics::print(&problems);
        self.errors += u64::try_from(errors).unwrap_or(u64::MAX);
        u64::try_from(templates.len()).unwrap_or(u64::MAX)
    }

    /// Checks the scope records of a file.
    fn records(&mut self, path: &Path) -> Result<(), Failure> {
        let file = InputFile::<AgentScope>::open(path);
        let mut file = file.map_err(|error| Failure::input(error.to_string()))?;
        let name = file.name().to_owned();
        let mut progress = Progress::new(&name, file.size_bytes(), false);
        let mut first = true;
        while let Some(record) = file.next() {
            progress.record(|| file.read_bytes());
            if std::mem::take(&mut first) && starts_document(&record) {
                drop(progress);
                return self.whole(record, file);
            }
            progress.suspend(|| self.record(&name, record));
        }
        Ok(())
    }

    /// Checks a file whose records are laid out freely; its first line was read already.
    fn whole(
        &mut self,
        first: Result<FileRecord<AgentScope>, InputError>,
        rest: InputFile<AgentScope>,
    ) -> Result<(), Failure> {
        let name = rest.name().to_owned();
        let file = document::join_lines(&name, std::iter::once(first).chain(rest))
            .map_err(|error| Failure::input(error.to_string()))?;
        match document::find_objects(&file) {
            Ok(objects) => {
                let text = Text {
                    name: &name,
                    text: &file.text,
                    first_line: 1,
                };
                for object in objects {
                    let record = file.text.get(object.span.clone()).unwrap_or_default();
                    self.text(&text, record, object.location);
                }
            }
            Err(problem) => self.problem(&problem),
        }
        Ok(())
    }

    fn record(&mut self, name: &str, record: Result<FileRecord<AgentScope>, InputError>) {
        match record {
            Err(error) => self.failed(&error.to_string()),
            Ok(FileRecord {
                number,
                content: RecordContent::Decoded(decoded),
            }) => {
                let problems = judge(&decoded);
                self.scopes += 1;
                for (severity, _, message) in problems {
                    let message = format!("record {number}: {message}");
                    self.problem(&plain(name, severity, message));
                }
            }
            Ok(FileRecord {
                number,
                content: RecordContent::Bytes(bytes),
            }) => {
                let line = usize::try_from(number).unwrap_or(usize::MAX);
                match std::str::from_utf8(&bytes) {
                    Ok(record) => {
                        let text = Text {
                            name,
                            text: record,
                            first_line: line,
                        };
                        self.text(&text, record, Location::new(line, 1));
                    }
                    Err(_) => self.failed(&format!("{name}:{number}: not UTF-8 text")),
                }
            }
        }
    }

    /// Checks one record that stands at `start` of its file.
    fn text(&mut self, text: &Text<'_>, record: &str, start: Location) {
        self.scopes += 1;
        let mut found: Vec<Found> = words::unread(record)
            .into_iter()
            .map(|(severity, path, message)| (severity, At::Path(path), message))
            .collect();
        match self.decoder.decode_scope(record.as_bytes()) {
            Ok(decoded) => {
                let named = found
                    .iter()
                    .any(|(how, ..)| *how == ProblemSeverity::Warning);
                let unknown = if named { 0 } else { decoded.unknown_fields };
                found.extend(judge(&Decoded {
                    unknown_fields: unknown,
                    ..decoded
                }));
            }
            Err(error) => found.insert(0, refused(&error)),
        }
        for (severity, at, message) in found {
            let location = match &at {
                At::Path(path) => locate::locate_field(record, path),
                At::Reader(location) => *location,
            };
            self.problem(&at_location(text, location, start, (severity, message)));
        }
    }

    fn problem(&mut self, problem: &Diagnostic) {
        self.errors += u64::from(problem.severity == ProblemSeverity::Error);
        tell(&problem.to_string());
    }

    fn failed(&mut self, message: &str) {
        self.errors += 1;
        tell(message);
    }
}

/// A file's text, or the one line of it that is in memory.
struct Text<'a> {
    name: &'a str,
    text: &'a str,
    first_line: usize,
}

/// Where in a record a problem is.
enum At {
    /// At this field.
    Path(String),
    /// Where the JSON reader stopped.
    Reader(Location),
}

type Found = (ProblemSeverity, At, String);

/// What is wrong with a scope that decodes.
fn judge(decoded: &Decoded<AgentScope>) -> Vec<Found> {
    let mut found = Vec::new();
    if let Err(error) = CompiledScope::compile(&decoded.value) {
        let path = path_of(&error);
        found.push((ProblemSeverity::Error, At::Path(path), error.to_string()));
    }
    let scope = &decoded.value;
    if let (Some(from_ms), Some(until_ms)) = (scope.effective_from_ms, scope.expires_at_ms)
        && from_ms > until_ms
    {
        let message = "expires_at: before effective_from, so the scope never holds".to_owned();
        found.push((
            ProblemSeverity::Error,
            At::Path("expires_at".to_owned()),
            message,
        ));
    }
    if decoded.unknown_fields > 0 {
        let fields = counted(decoded.unknown_fields.into(), "field");
        let message = format!("{fields} unknown to this version, and ignored");
        found.push((ProblemSeverity::Warning, At::Path(String::new()), message));
    }
    found
}

/// A record that does not decode: the JSON reader gives a place, the contract names the field.
fn refused(error: &DecodeError) -> Found {
    let message = error.message.clone();
    match locate::split_reader_location(&message) {
        Some((text, at)) => (ProblemSeverity::Error, At::Reader(at), text.to_owned()),
        None => {
            let field = message.split(": ").next().unwrap_or_default();
            (
                ProblemSeverity::Error,
                At::Path(field.to_owned()),
                message.clone(),
            )
        }
    }
}

/// A problem at `location` of a record that starts at `start` of its file.
fn at_location(
    text: &Text<'_>,
    location: Location,
    start: Location,
    (severity, message): (ProblemSeverity, String),
) -> Diagnostic {
    let Location { line, column } = locate::location_in_file(start, location);
    let shown = text.text.lines().nth(line.saturating_sub(text.first_line));
    Diagnostic {
        line,
        column,
        // A record on one line is too long to be shown with a caret under it.
        source_line: shown
            .filter(|line| line.len() <= LINE_SHOWN_MAX)
            .map(str::to_owned),
        ..plain(text.name, severity, message)
    }
}

/// Bytes of a line that is shown with a problem.
const LINE_SHOWN_MAX: usize = 200;

fn plain(name: &str, severity: ProblemSeverity, message: String) -> Diagnostic {
    Diagnostic {
        severity,
        ..Diagnostic::of_source(name, message)
    }
}

/// The field that a scope's own check complains of.
fn path_of(error: &ScopeError) -> String {
    match error {
        ScopeError::TooMany { what, .. } => what.replace(' ', "_"),
        ScopeError::GrantWithoutType { index } => format!("grants[{index}]"),
        ScopeError::TypePattern { .. } => "grants".to_owned(),
        ScopeError::UnknownMeasure { index, .. } => format!("limits[{index}].measure"),
        ScopeError::Window { index, .. } => format!("limits[{index}].window"),
        ScopeError::Max { index } | ScopeError::DistinctMax { index } => {
            format!("limits[{index}].max")
        }
        ScopeError::ChildrenMax => "delegation.children_max".to_owned(),
        ScopeError::Zone { .. } => "hours.zone".to_owned(),
        ScopeError::Hours => "hours".to_owned(),
    }
}
