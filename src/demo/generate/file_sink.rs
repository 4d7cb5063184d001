//! A directory of generated files: `actions`, `scopes`, `control.jsonl`, `labels.jsonl`, and the
//! class templates of agents without scope records.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::codec::avro::{ActionFileWriter, Compression, ScopeFileWriter};
use crate::codec::{SchemaSet, json};
use crate::event::RecordBody;
use crate::simulator::{AttackLabel, SimRecord, scope_templates};

use super::{GenerateError, RecordSink};

/// Encoding of actions and scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    Jsonl,
    /// Avro object container files without compression, so that any reader can read them.
    Avro,
}

/// Size of the write buffer of each file.
const BUFFER_BYTES: usize = 256 * 1024;

type Out = BufWriter<File>;

#[expect(
    clippy::large_enum_variant,
    reason = "there is one value, for the whole run"
)]
enum RecordFiles<'s> {
    Jsonl {
        actions: Out,
        scopes: Out,
    },
    Avro {
        actions: Option<ActionFileWriter<'s, Out>>,
        scopes: Option<ScopeFileWriter<'s, Out>>,
    },
}

/// Writes records to a directory.
pub struct FileSink<'s> {
    dir: PathBuf,
    files: RecordFiles<'s>,
    control: Out,
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> GenerateError + '_ {
    |source| GenerateError::File {
        path: path.display().to_string(),
        source,
    }
}

fn avro_error<E: std::fmt::Display>(dir: &Path) -> impl FnOnce(E) -> GenerateError + '_ {
    |error| GenerateError::Avro {
        path: dir.display().to_string(),
        message: error.to_string(),
    }
}

fn create_file(dir: &Path, name: &str) -> Result<Out, GenerateError> {
    let path = dir.join(name);
    let file = File::create(&path).map_err(file_error(&path))?;
    Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
}

/// Writes the class templates of agents without scope records to `dir`; returns how many they are.
///
/// # Errors
/// A file cannot be created.
pub fn write_templates(dir: &Path) -> Result<usize, GenerateError> {
    std::fs::create_dir_all(dir).map_err(file_error(dir))?;
    let templates = scope_templates();
    for file in &templates {
        let name = Path::new(&file.path).file_name().unwrap_or_default();
        let path = dir.join(name);
        std::fs::write(&path, &file.text).map_err(file_error(&path))?;
    }
    Ok(templates.len())
}

impl<'s> FileSink<'s> {
    /// Creates `dir` and its files, and writes the class templates to `dir/scopes`.
    ///
    /// # Errors
    /// A file cannot be created.
    pub fn create(
        dir: &Path,
        format: RecordFormat,
        schemas: &'s SchemaSet,
    ) -> Result<Self, GenerateError> {
        write_templates(&dir.join("scopes"))?;
        let files = match format {
            RecordFormat::Jsonl => RecordFiles::Jsonl {
                actions: create_file(dir, "actions.jsonl")?,
                scopes: create_file(dir, "scopes.jsonl")?,
            },
            RecordFormat::Avro => {
                let actions = create_file(dir, "actions.avro")?;
                let scopes = create_file(dir, "scopes.avro")?;
                let plain = Compression::None;
                RecordFiles::Avro {
                    actions: Some(
                        ActionFileWriter::new(actions, schemas, plain).map_err(avro_error(dir))?,
                    ),
                    scopes: Some(
                        ScopeFileWriter::new(scopes, schemas, plain).map_err(avro_error(dir))?,
                    ),
                }
            }
        };
        Ok(FileSink {
            dir: dir.to_owned(),
            files,
            control: create_file(dir, "control.jsonl")?,
        })
    }

    /// Ends the Avro files: writes their last block.
    fn finish_containers(&mut self) -> Result<(), GenerateError> {
        let dir = &self.dir;
        if let RecordFiles::Avro { actions, scopes } = &mut self.files {
            let actions = actions.take().map(ActionFileWriter::finish);
            let scopes = scopes.take().map(ScopeFileWriter::finish);
            for file in [actions, scopes].into_iter().flatten() {
                let mut file = file.map_err(avro_error(dir))?;
                file.flush().map_err(file_error(dir))?;
            }
        }
        Ok(())
    }
}

/// The JSON of an action. Adds a field that no schema knows if the record asks for it.
#[must_use]
pub(super) fn action_json(record: &SimRecord, action: &crate::event::AgentAction) -> Vec<u8> {
    let mut line = json::write_action(action);
    if record.unknown_fields && line.pop() == Some(b'}') {
        line.extend_from_slice(br#","x_gateway_build":"2026.2-b7"}"#);
    }
    line
}

fn write_line(out: &mut Out, mut line: Vec<u8>) -> std::io::Result<()> {
    line.push(b'\n');
    out.write_all(&line)
}

impl RecordSink for FileSink<'_> {
    fn write_record(&mut self, record: &SimRecord) -> Result<(), GenerateError> {
        let dir = &self.dir;
        match (&record.body, &mut self.files) {
            (RecordBody::Action(action), RecordFiles::Jsonl { actions, .. }) => {
                write_line(actions, action_json(record, action)).map_err(file_error(dir))
            }
            (RecordBody::Scope(scope), RecordFiles::Jsonl { scopes, .. }) => {
                write_line(scopes, json::write_scope(scope)).map_err(file_error(dir))
            }
            (
                RecordBody::Action(action),
                RecordFiles::Avro {
                    actions: Some(actions),
                    ..
                },
            ) => actions.append(action).map_err(avro_error(dir)),
            (
                RecordBody::Scope(scope),
                RecordFiles::Avro {
                    scopes: Some(scopes),
                    ..
                },
            ) => scopes.append(scope).map_err(avro_error(dir)),
            (RecordBody::Control(control), _) => {
                write_line(&mut self.control, json::write_control(control)).map_err(file_error(dir))
            }
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), GenerateError> {
        let dir = &self.dir;
        match &mut self.files {
            RecordFiles::Jsonl { actions, scopes } => {
                actions.flush().map_err(file_error(dir))?;
                scopes.flush().map_err(file_error(dir))?;
            }
            RecordFiles::Avro { actions, scopes } => {
                if let Some(file) = actions {
                    file.flush().map_err(avro_error(dir))?;
                }
                if let Some(file) = scopes {
                    file.flush().map_err(avro_error(dir))?;
                }
            }
        }
        self.control.flush().map_err(file_error(dir))
    }

    fn finish(&mut self, labels: &[AttackLabel]) -> Result<(), GenerateError> {
        let mut out = create_file(&self.dir, "labels.jsonl")?;
        for label in labels {
            let line = serde_json::to_vec(label).unwrap_or_default();
            write_line(&mut out, line).map_err(file_error(&self.dir))?;
        }
        out.flush().map_err(file_error(&self.dir))?;
        self.finish_containers()?;
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::{GeneratePlan, generate_records};
    use super::*;
    use crate::codec::Decoder;
    use crate::simulator::{AttackKind, AttackPlan, FleetOptions, HOUR_MS};

    fn plan() -> GeneratePlan {
        let start_ms = 1_767_693_600_000;
        let attacks = AttackPlan::new(AttackKind::judged(), start_ms + HOUR_MS);
        GeneratePlan {
            fleet: FleetOptions {
                seed: 4,
                agents: 120,
                tenants: 2,
                start_ms,
                end_ms: start_ms + 14 * HOUR_MS,
                rate: 0.5,
                attacks: Some(attacks),
            },
            actions_max: None,
            scopes_first: false,
            real_time: false,
        }
    }

    #[test]
    fn every_line_decodes_and_every_label_names_lines() {
        let dir = tempfile::tempdir().unwrap();
        let schemas = SchemaSet::new([]).unwrap();
        let mut sink = FileSink::create(dir.path(), RecordFormat::Jsonl, &schemas).unwrap();
        let mut progress = 0;
        let stop = AtomicBool::new(false);
        let summary = generate_records(&plan(), &mut sink, &stop, &mut |actions, _| {
            progress = actions
        })
        .unwrap();
        assert_eq!(progress, summary.actions);
        let decoder = Decoder::new(schemas.clone());
        let text = std::fs::read_to_string(dir.path().join("actions.jsonl")).unwrap();
        let mut unknown = 0;
        for line in text.lines() {
            unknown += decoder
                .decode_action(line.as_bytes())
                .unwrap()
                .unknown_fields;
        }
        assert_eq!(text.lines().count() as u64, summary.actions);
        assert!(unknown > 0);
        let labels = std::fs::read_to_string(dir.path().join("labels.jsonl")).unwrap();
        assert_eq!(labels.lines().count() as u64, summary.attacks);
        assert!(summary.attacks >= 20);
        let label: serde_json::Value =
            serde_json::from_str(labels.lines().next().unwrap()).unwrap();
        let first = label["first_event_id"].as_str().unwrap();
        assert!(text.contains(first));
        assert!(dir.path().join("scopes/simulated-desk-mail.yaml").exists());
    }

    #[test]
    fn avro_files_hold_the_same_actions_and_a_limit_stops() {
        let dir = tempfile::tempdir().unwrap();
        let schemas = SchemaSet::new([]).unwrap();
        let mut sink = FileSink::create(dir.path(), RecordFormat::Avro, &schemas).unwrap();
        let plan = GeneratePlan {
            actions_max: Some(500),
            ..plan()
        };
        let stop = AtomicBool::new(false);
        let summary = generate_records(&plan, &mut sink, &stop, &mut |_, _| ()).unwrap();
        assert_eq!(summary.actions, 500);
        let file = File::open(dir.path().join("actions.avro")).unwrap();
        let read = crate::codec::avro::open_file::<crate::event::AgentAction, _>(file).unwrap();
        assert_eq!(read.count(), 500);
    }
}
