//! Files as output topics, and the count of what went into them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

use crate::codec::AlertFormat;
use crate::codec::locate::record_complaint_at;
use crate::engine::Engine;
use crate::engine::contract::{Output, OutputTopic};
use crate::replay::input_file::STDIN;

use super::file_position::FilePosition;
use super::input_sources::{ReadCounts, input_paths};
use super::output_files::OutputFile;
use super::{ReplayError, ReplayOptions};

/// Dead letters that are told one by one; the rest are counted.
const TOLD_MAX: u64 = 20;

/// What a replay did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    pub records: u64,
    pub actions: u64,
    /// Records that the mapping made nothing of.
    pub skipped: u64,
    /// Gateway retries: counted, not judged.
    pub retries: u64,
    /// Actions more than 15 minutes behind the newest one before them.
    pub late: u64,
    pub dead_letters: u64,
    /// Fields that the schema does not know.
    pub unknown_fields: u64,
    pub agents_with_alerts: u64,
    /// Alert messages of every activity.
    pub alerts: u64,
    /// Incidents opened.
    pub incidents: u64,
    /// Alert messages, by rule id.
    pub alerts_by_rule: BTreeMap<String, u64>,
    /// Incidents opened, by rule id.
    pub incidents_by_rule: BTreeMap<String, u64>,
    /// Revocation requests: `shadow` was planned, `auto` was sent.
    pub requests_by_mode: BTreeMap<String, u64>,
    /// Problems of the first dead letters, each with its place.
    pub problems: Vec<String>,
    /// Where the first late action stands.
    #[serde(skip)]
    pub late_first: Option<String>,
    /// Files of scopes or control records of which no record could be used.
    #[serde(skip)]
    pub useless: Vec<String>,
}

/// The open output files.
pub(super) struct Sink {
    alerts: Option<OutputFile>,
    revocations: Option<OutputFile>,
    dead_letters: Option<OutputFile>,
    agents: BTreeSet<Vec<u8>>,
    native: bool,
    /// Names of the files by number.
    files: Vec<String>,
    /// The first so many of them come through a mapping.
    mapped: usize,
    pub summary: Summary,
}

impl Sink {
    pub(super) fn create(options: &ReplayOptions, engine: &Engine) -> Result<Self, ReplayError> {
        let create = |path: &Option<_>| path.as_deref().map(OutputFile::create).transpose();
        Ok(Sink {
            alerts: create(&options.alerts)?,
            revocations: create(&options.revocations)?,
            dead_letters: create(&options.dead_letters)?,
            agents: BTreeSet::new(),
            native: engine.options().alert_format == AlertFormat::Native,
            files: input_paths(options).map(name).collect(),
            mapped: options
                .mapping
                .as_ref()
                .map_or(0, |_| options.actions.len()),
            summary: Summary::default(),
        })
    }

    /// Writes one message to its file.
    pub(super) fn write(&mut self, output: &Output) -> Result<(), ReplayError> {
        let value = output.value.as_deref().unwrap_or_default();
        match output.topic {
            OutputTopic::Alerts => {
                self.count(output, value);
                line(&mut self.alerts, value)
            }
            OutputTopic::Revocations => line(&mut self.revocations, value),
            OutputTopic::DeadLetter => {
                let header = |end: &str| {
                    let found = output.headers.iter().find(|(name, _)| name.ends_with(end));
                    let value = found
                        .and_then(|(_, value)| value.as_deref())
                        .unwrap_or_default();
                    String::from_utf8_lossy(value).into_owned()
                };
                let at = FilePosition::from_record(
                    &output.headers,
                    header(".offset").parse().unwrap_or(0),
                );
                self.dead(at, &header(".message"), value)
            }
            OutputTopic::Audit => {
                self.count_requests(value);
                Ok(())
            }
            // What links tell, the sources have told every task already.
            OutputTopic::Links => Ok(()),
        }
    }

    /// Counts a record that could not be used, tells the first ones and keeps its bytes.
    pub(super) fn dead(
        &mut self,
        at: FilePosition,
        message: &str,
        bytes: &[u8],
    ) -> Result<(), ReplayError> {
        // What a mapping says is about its output, and a container's records have no text.
        let record = (at.file >= self.mapped && !bytes.is_empty()).then_some(bytes);
        let file = self.files.get(at.file).map_or("", String::as_str);
        self.told(record_complaint_at(file, at.location(), record, message));
        line(&mut self.dead_letters, bytes)
    }

    /// Counts a record of which nothing is left, and tells the first ones.
    pub(super) fn told(&mut self, problem: String) {
        self.summary.dead_letters += 1;
        if self.summary.dead_letters <= TOLD_MAX {
            self.summary.problems.push(problem);
        }
    }

    /// Takes over what the sources counted.
    pub(super) fn take(&mut self, counts: &ReadCounts) {
        let summary = &mut self.summary;
        summary.records = counts.records;
        summary.skipped = counts.skipped;
        summary.unknown_fields = counts.unknown_fields;
        summary.late = counts.late;
        summary.late_first = counts.late_first.map(|at| {
            let file = self.files.get(at.file).map_or("", String::as_str);
            format!("{file}:{}", at.number)
        });
    }

    fn count(&mut self, output: &Output, value: &[u8]) {
        self.summary.alerts += 1;
        if let Some(key) = &output.key
            && !self.agents.contains(key)
        {
            self.agents.insert(key.clone());
            self.summary.agents_with_alerts += 1;
        }
        let Ok(alert) = serde_json::from_slice::<Json>(value) else {
            return;
        };
        let (rule, created) = if self.native {
            (&alert["rule"]["id"], alert["activity"] == "create")
        } else {
            (
                &alert["finding_info"]["analytic"]["uid"],
                alert["activity_id"] == 1,
            )
        };
        let rule = rule.as_str().unwrap_or("unknown");
        let count = |by_rule: &mut BTreeMap<String, u64>| {
            *by_rule.entry(rule.to_owned()).or_default() += 1;
        };
        count(&mut self.summary.alerts_by_rule);
        if created {
            self.summary.incidents += 1;
            count(&mut self.summary.incidents_by_rule);
        }
    }

    /// Counts requests by what the audit topic is told of them: an alert does not say whether its
    /// request was new, and a request can be several messages.
    fn count_requests(&mut self, value: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Entry {
            what: Option<String>,
        }
        let entry = serde_json::from_slice::<Entry>(value).ok();
        let mode = match entry.and_then(|entry| entry.what).as_deref() {
            Some("shadow_plan") => "shadow",
            Some("request_sent") => "auto",
            _ => return,
        };
        let modes = &mut self.summary.requests_by_mode;
        *modes.entry(mode.to_owned()).or_default() += 1;
    }

    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        let files = [
            &mut self.alerts,
            &mut self.revocations,
            &mut self.dead_letters,
        ];
        files.into_iter().flatten().try_for_each(OutputFile::flush)
    }
}

/// A file's name in messages.
fn name(path: &Path) -> String {
    match path.as_os_str() == STDIN {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    }
}

fn line(file: &mut Option<OutputFile>, value: &[u8]) -> Result<(), ReplayError> {
    file.as_mut().map_or(Ok(()), |file| file.write_line(value))
}
