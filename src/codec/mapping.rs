//! Maps foreign JSON to actions with a jq program.
//!
//! A program reads one record and nothing else: no environment, no clock, no files, no other
//! record; it has no filter that ends the process. It emits zero, one or many actions; a record
//! without an output is skipped.
//!
//! Bounded are the length and depth of the record, the depth of the text that `fromjson` reads, and
//! the number, size and depth of the outputs. Not bounded are the running time, memory and stack of
//! the program, because the jq library has no bound for them. A program that loops without an
//! output (`def f: f; f`) never ends. A program that recurses without end (`def f: 1 + f; f`), or
//! drops a value of ten thousands of levels, overflows the stack and ends the process. Records may
//! be hostile, programs are trusted: operators write them and review them like rules.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use jaq_core::load::{Arena, Error as LoadError, File, Loader, span};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut, unwrap_valr};
use jaq_json::{Num, Val};

use super::decoder::action_from_json;
use super::error::DecodeError;
use super::foreign_value::read_value;
use super::locate::NOT_JSON;
use crate::event::AgentAction;
use crate::event::limits::{JSON_DEPTH_MAX, MAPPED_ACTIONS_MAX, RECORD_BYTES_MAX};
use crate::text::{Diagnostic, Location, SourceFile};

/// Native filters that a program cannot call, nor any definition that uses them. With them a result
/// would depend on more than the record, or a program would reach outside.
const LEFT_OUT: &[&str] = &[
    "env",
    "now",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "localtime",
    "strflocaltime",
    "fromjson",
];

/// Levels of an output: those of a record, and as many that the program adds. A record alone must
/// not make its output too deep.
const OUTPUT_DEPTH_MAX: usize = 2 * JSON_DEPTH_MAX;
/// Bytes of an output. A program may pass on a part of the record in several fields, and what a
/// field cannot take is cut.
const OUTPUT_BYTES_MAX: usize = 4 * RECORD_BYTES_MAX;

const NO_FILES: &str = "a mapping includes no other file";

type Data = JustLut<Val>;

/// The outputs of a program for one record, in their order: actions, and what is no action with the
/// reason, which names the output, counted from 0.
pub type MappedOutputs = Vec<Result<AgentAction, DecodeError>>;

/// A compiled jq program.
pub struct Mapping {
    path: String,
    filter: Filter<Data>,
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Mapping {
    /// Compiles a program.
    ///
    /// # Errors
    /// The first problem, with its line and column.
    pub fn compile(path: &str, text: &str) -> Result<Mapping, Box<Diagnostic>> {
        let file = SourceFile {
            path: path.into(),
            text: text.into(),
        };
        let arena = Arena::default();
        let kept = |name: &str| !LEFT_OUT.contains(&name);
        let defs = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let loader = Loader::new(defs.filter(|def| kept(def.name)));
        let modules = loader
            .load(
                &arena,
                File {
                    code: text,
                    path: (),
                },
            )
            .map_err(|errors| {
                let found = errors
                    .into_iter()
                    .find_map(|(_, error)| load_problem(text, error));
                program_diagnostic(&file, found)
            })?;
        // jaq loads data files separately; without this call their variables would be unset.
        jaq_core::load::import(&modules, |_| Err(NO_FILES.to_owned())).map_err(|errors| {
            let found = errors
                .into_iter()
                .find_map(|(_, error)| load_problem(text, error));
            program_diagnostic(&file, found)
        })?;
        let funs = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let filter = Compiler::default()
            .with_funs(funs.filter(|(name, ..)| kept(name)).chain([from_json()]))
            .compile(modules)
            .map_err(|errors| {
                let mut all = errors.into_iter().flat_map(|(_, errors)| errors);
                let found = all.next().map(|(name, kind)| {
                    let hint = if kept(name.trim_start_matches('$')) && name != "$ENV" {
                        ""
                    } else {
                        " (left out: a mapping sees its record only)"
                    };
                    (
                        program_location(text, name),
                        format!("unknown {} `{name}`{hint}", kind.as_str()),
                    )
                });
                program_diagnostic(&file, found)
            })?;
        Ok(Mapping {
            path: path.into(),
            filter,
        })
    }

    /// Where the program came from.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Maps one record. An empty list means that the record is skipped. An output that is no action
    /// costs no other: an agent may have written the part of the record that it comes from.
    ///
    /// # Errors
    /// If the record is not JSON within the limits.
    pub fn map_record(&self, record: &[u8]) -> Result<MappedOutputs, DecodeError> {
        let input = read_record(record)?;
        let (mut outputs, mut deep) = (Vec::new(), Vec::new());
        // A record may trigger a panic in the jq library, which must not stop the partition.
        let run = AssertUnwindSafe(|| self.run_program(input, &mut outputs, &mut deep));
        if catch_unwind(run).is_err() {
            let part = format!("output {}", outputs.len());
            outputs.push(Err(
                DecodeError::malformed("the jq library panicked").within(&part)
            ));
        }
        drop_by_level(deep);
        let within = |error: DecodeError| error.within(&self.path);
        Ok(outputs
            .into_iter()
            .map(|output| output.map_err(within))
            .collect())
    }

    /// Runs the program. An output that nests too deep is moved to `deep`, so that the caller can
    /// drop it level by level: an ordinary drop would overflow the stack.
    fn run_program(&self, input: Val, outputs: &mut MappedOutputs, deep: &mut Vec<Val>) {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        for (index, output) in self
            .filter
            .id
            .run((context, input))
            .map(unwrap_valr)
            .enumerate()
        {
            if index >= MAPPED_ACTIONS_MAX {
                let message = format!(
                    "output {index}: more than {MAPPED_ACTIONS_MAX} outputs for one record"
                );
                outputs.push(Err(DecodeError::contract(message)));
                // The value may nest as deep as any.
                deep.push(output.unwrap_or_else(jaq_core::Error::into_val));
                return;
            }
            let action = read_output(output, deep);
            outputs.push(action.map_err(|error| error.within(&format!("output {index}"))));
        }
    }
}

/// Makes an action of an output. A value that nests too deep is moved to `deep`.
fn read_output(
    output: Result<Val, jaq_core::Error<Val>>,
    deep: &mut Vec<Val>,
) -> Result<AgentAction, DecodeError> {
    // An error contains a value of the program, which may nest as deep.
    let emitted = match &output {
        Ok(value) => value.clone(),
        Err(error) => error.clone().into_val(),
    };
    if nests_too_deep(&emitted) {
        deep.push(emitted);
        let message = format!("nested deeper than {OUTPUT_DEPTH_MAX} levels");
        return Err(DecodeError::contract(message));
    }
    let value =
        output.map_err(|error| DecodeError::contract(shorten_message(&format!("{error}"))))?;
    let mut json = BoundedBuffer(Vec::new());
    // Fails only if the output is too long.
    if jaq_json::write::write(&mut json, &compact_format(), 0, &value).is_err() {
        return Err(DecodeError::too_large(json.0.len() + 1, OUTPUT_BYTES_MAX));
    }
    action_from_json(&json.0).map(|decoded| decoded.value)
}

/// The actions among the outputs of one record, each with the number of its output, and why others
/// are no actions: the first reason, and how many more there are.
#[must_use]
pub fn split_outputs(outputs: MappedOutputs) -> (Vec<(u32, AgentAction)>, Option<String>) {
    let (mut actions, mut reason, mut further) = (Vec::new(), None, 0_usize);
    for (index, output) in (0_u32..).zip(outputs) {
        match output {
            Ok(action) => actions.push((index, action)),
            Err(_) if reason.is_some() => further += 1,
            Err(error) => reason = Some(error.message),
        }
    }
    let reason = reason.map(|reason| match further {
        0 => reason,
        more => format!("{reason}; and {more} more outputs are no actions"),
    });
    (actions, reason)
}

/// The result of mapping one record.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedRecord {
    /// The caller's number of the record, such as its line.
    pub number: u64,
    /// Its outputs, none if the record was skipped; or why it was refused.
    pub result: Result<MappedOutputs, DecodeError>,
}

/// Maps numbered records and yields the result of each, for `map test`.
pub fn map_records<'r>(
    records: impl IntoIterator<Item = (u64, &'r [u8])>,
    mapping: &Mapping,
) -> impl Iterator<Item = MappedRecord> {
    records.into_iter().map(|(number, record)| MappedRecord {
        number,
        result: mapping.map_record(record),
    })
}

/// Parses a record. The parser of jaq does not bound the depth, so a deep record would end the
/// process.
fn read_record(record: &[u8]) -> Result<Val, DecodeError> {
    if record.len() > RECORD_BYTES_MAX {
        return Err(DecodeError::too_large(record.len(), RECORD_BYTES_MAX));
    }
    read_value(record).map_err(|fault| DecodeError::not_json(format!("{NOT_JSON}{fault}")))
}

/// The filter `fromjson`, which reads as a record is read: its text comes from the record.
fn from_json() -> Fun<Data> {
    run(("fromjson", v(0), |cv| {
        bome(match &cv.1 {
            Val::TStr(text) => match read_value(text) {
                // A text such as `NaN` is more likely a name than a number.
                Ok(Val::Num(Num::Float(number))) if !number.is_finite() => {
                    Err(jaq_core::Error::str(format_args!("fromjson: not a number")))
                }
                Ok(value) => Ok(value),
                Err(fault) => Err(jaq_core::Error::str(format_args!("fromjson: {fault}"))),
            },
            _ => Err(jaq_core::Error::str(format_args!(
                "fromjson: expected text"
            ))),
        })
    }))
}

/// Whether a value nests deeper than an output may. It does not recurse, as the value may be of any
/// depth.
fn nests_too_deep(value: &Val) -> bool {
    let mut left = vec![(value, 0)];
    while let Some((value, depth)) = left.pop() {
        if depth > OUTPUT_DEPTH_MAX {
            return true;
        }
        match value {
            Val::Arr(items) => left.extend(items.iter().map(|item| (item, depth + 1))),
            Val::Obj(entries) => {
                let parts = entries.iter().flat_map(|(key, value)| [key, value]);
                left.extend(parts.map(|part| (part, depth + 1)));
            }
            _ => {}
        }
    }
    false
}

/// Drops values level by level: the drop that the compiler makes recurses and would overflow the
/// stack.
fn drop_by_level(mut left: Vec<Val>) {
    while let Some(value) = left.pop() {
        match value {
            Val::Arr(items) => left.extend(Rc::try_unwrap(items).unwrap_or_default()),
            Val::Obj(entries) => {
                let entries = Rc::try_unwrap(entries).unwrap_or_default();
                left.extend(entries.into_iter().flat_map(|(key, value)| [key, value]));
            }
            _ => {}
        }
    }
}

fn compact_format() -> jaq_json::write::Pp {
    jaq_json::write::Pp::default()
}

/// A buffer that accepts at most as many bytes as an output may have.
struct BoundedBuffer(Vec<u8>);

impl std::io::Write for BoundedBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The first 300 characters of a jq error, which can contain the whole record.
fn shorten_message(message: &str) -> String {
    let mut short: String = message.chars().take(300).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}

type Problem = (Option<Location>, String);

fn load_problem(text: &str, error: LoadError<&str>) -> Option<Problem> {
    match error {
        LoadError::Io(errors) => errors
            .into_iter()
            .next()
            .map(|(name, _)| (program_location(text, name), NO_FILES.into())),
        LoadError::Lex(errors) => errors.into_iter().next().map(|(expected, found)| {
            (
                program_location(text, found),
                format!("expected {}", expected.as_str()),
            )
        }),
        LoadError::Parse(errors) => errors.into_iter().next().map(|(expected, found)| {
            let found_text: String = found.chars().take(20).collect();
            let found_text = if found_text.is_empty() {
                "the end".into()
            } else {
                format!("`{found_text}`")
            };
            (
                program_location(text, found),
                format!("expected {}, found {found_text}", expected.as_str()),
            )
        }),
    }
}

fn program_diagnostic(file: &SourceFile, problem: Option<Problem>) -> Box<Diagnostic> {
    let (at, message) = problem.unwrap_or_else(|| (None, "the jq program does not compile".into()));
    Box::new(Diagnostic::error(
        file,
        at.unwrap_or(Location::WHOLE_FILE),
        message,
    ))
}

/// The location of `part` in the program's text; `None` if `part` is not a slice of it.
fn program_location(text: &str, part: &str) -> Option<Location> {
    let (start, end) = (text.as_ptr() as usize, text.as_ptr() as usize + text.len());
    let at = part.as_ptr() as usize;
    let inside = (start..=end).contains(&at);
    inside.then(|| Location::of_byte(text, span(text, part).start))
}
