//! Files as output topics, and the count of what went into them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::codec::locate::record_complaint_at;
use crate::engine::contract::{Commit, OutputTopic};
use crate::engine::outcome::TaskOutcome;
use crate::event::Text;
use crate::replay::input_file::STDIN;
use crate::response::{Alert, AlertActivity, AuditKind};

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
    /// Tenant and id of every agent with an alert.
    agents: BTreeSet<(Text, Text)>,
    /// Names of the files by number.
    files: Vec<String>,
    /// The first so many of them come through a mapping.
    mapped: usize,
    pub summary: Summary,
}

impl Sink {
    pub(super) fn create(options: &ReplayOptions) -> Result<Self, ReplayError> {
        let create = |path: &Option<_>| path.as_deref().map(OutputFile::create).transpose();
        Ok(Sink {
            alerts: create(&options.alerts)?,
            revocations: create(&options.revocations)?,
            dead_letters: create(&options.dead_letters)?,
            agents: BTreeSet::new(),
            files: input_paths(options).map(name).collect(),
            mapped: options
                .mapping
                .as_ref()
                .map_or(0, |_| options.actions.len()),
            summary: Summary::default(),
        })
    }

    /// Counts what a commit brought and writes its records to their files.
    pub(super) fn write_commit(&mut self, commit: &Commit) -> Result<(), ReplayError> {
        for outcome in &commit.outcomes {
            match outcome {
                TaskOutcome::Alert { alert, .. } => self.count_alert(alert),
                TaskOutcome::Audit { entry, .. } => self.count_plan(entry.what),
                // Requests are counted by their audit entries, dead letters below. What links say,
                // the sources have told every task already.
                TaskOutcome::Revocation(_) | TaskOutcome::Link(_) | TaskOutcome::DeadLetter(_) => {}
            }
        }
        for output in &commit.outputs {
            let value = output.value.as_deref().unwrap_or_default();
            match output.topic {
                OutputTopic::Alerts => line(&mut self.alerts, value)?,
                OutputTopic::Revocations => line(&mut self.revocations, value)?,
                OutputTopic::DeadLetter | OutputTopic::Audit | OutputTopic::Links => {}
            }
        }
        for (letter, output) in commit.dead_letters() {
            let at = FilePosition::from_record(&output.headers, letter.position.offset);
            let value = output.value.as_deref().unwrap_or_default();
            self.dead(at, letter.short_message(), value)?;
        }
        Ok(())
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

    fn count_alert(&mut self, alert: &Alert) {
        let summary = &mut self.summary;
        summary.alerts += 1;
        let agent = (alert.tenant.clone(), alert.agent_id.clone());
        summary.agents_with_alerts += u64::from(self.agents.insert(agent));
        let count = |by_rule: &mut BTreeMap<String, u64>| {
            *by_rule.entry(alert.rule.id.to_string()).or_default() += 1;
        };
        count(&mut summary.alerts_by_rule);
        if alert.activity == AlertActivity::Create {
            summary.incidents += 1;
            count(&mut summary.incidents_by_rule);
        }
    }

    /// Counts plans by their audit entries: an alert does not say whether its request was new, and
    /// a request can be several messages.
    fn count_plan(&mut self, what: AuditKind) {
        let mode = match what {
            AuditKind::ShadowPlan => "shadow",
            AuditKind::RequestSent => "auto",
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
