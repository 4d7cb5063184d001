//! Writes the output files of a replay, and counts their records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::codec::locate::record_complaint_at;
use crate::engine::contract::{OutputTopic, PartitionCommit};
use crate::engine::outcome::TaskOutcome;
use crate::event::Text;
use crate::replay::input_file::STDIN;
use crate::response::{Alert, AlertActivity, AuditKind};

use super::class_summary::ClassSummary;
use super::file_position::FilePosition;
use super::output_files::OutputFile;
use super::read_counts::ReadCounts;
use super::{ReplayError, ReplayOptions};

/// The most dead letters whose problems are reported. The others are only counted.
const PROBLEMS_MAX: u64 = 20;

/// The counts of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ReplaySummary {
    pub records: u64,
    pub actions: u64,
    /// Records from which the mapping made no action.
    pub skipped: u64,
    /// Events that a gateway sent again. They are counted and not judged again.
    pub retries: u64,
    /// Actions more than 15 minutes behind the newest action before them.
    pub late: u64,
    /// Actions dated more than a day ahead of those around them. Their time was moved back.
    pub ahead: u64,
    pub dead_letters: u64,
    /// Number of fields that the schema does not define.
    pub unknown_fields: u64,
    pub agents_with_alerts: u64,
    /// Number of alert messages: new, updated and closed incidents.
    pub alerts: u64,
    /// Number of incidents.
    pub incidents: u64,
    /// Number of alert messages by rule id.
    pub alerts_by_rule: BTreeMap<String, u64>,
    /// Number of incidents by rule id.
    pub incidents_by_rule: BTreeMap<String, u64>,
    /// Number of revocation plans: `shadow` ones were shown, `approve` ones waited for a person,
    /// `auto` and `approved` ones were sent.
    pub requests_by_mode: BTreeMap<String, u64>,
    /// For each class, what its tasks of the learning time give as evidence against each other.
    pub classes: Vec<ClassSummary>,
    /// Tasks of the learning time that taught unchecked, because there were too many.
    pub tasks_unchecked: u64,
    /// The problems of the first dead letters, each with its location.
    pub problems: Vec<String>,
    /// Location of the first late action.
    #[serde(skip)]
    pub late_first: Option<String>,
    /// Location of the first action dated ahead.
    #[serde(skip)]
    pub ahead_first: Option<String>,
    /// Files of scope or control records without a single usable record.
    #[serde(skip)]
    pub unusable_files: Vec<String>,
}

/// The open output files.
pub(super) struct OutputSink {
    alerts: Option<OutputFile>,
    revocations: Option<OutputFile>,
    audit: Option<OutputFile>,
    dead_letters: Option<OutputFile>,
    /// Tenant and id of every agent with an alert.
    agents: BTreeSet<(Text, Text)>,
    /// Names of the input files by number.
    files: Vec<String>,
    /// Number of files, from the first, whose records come from a mapping.
    mapped: usize,
    pub summary: ReplaySummary,
}

impl OutputSink {
    pub(super) fn create(options: &ReplayOptions) -> Result<Self, ReplayError> {
        let create = |path: &Option<_>| path.as_deref().map(OutputFile::create).transpose();
        Ok(OutputSink {
            alerts: create(&options.alerts)?,
            revocations: create(&options.revocations)?,
            audit: create(&options.audit)?,
            dead_letters: create(&options.dead_letters)?,
            agents: BTreeSet::new(),
            files: options.input_paths().map(shown_name).collect(),
            mapped: options
                .mapping
                .as_ref()
                .map_or(0, |_| options.actions.len()),
            summary: ReplaySummary::default(),
        })
    }

    /// Counts the outcomes of a commit, and writes its alerts, requests and dead letters.
    pub(super) fn write_commit(&mut self, commit: &PartitionCommit) -> Result<(), ReplayError> {
        for outcome in &commit.outcomes {
            match outcome {
                TaskOutcome::Alert { alert, .. } => self.count_alert(alert),
                TaskOutcome::Audit { entry, .. } => self.count_plan(entry.what),
                // Requests are counted by their audit entries, dead letters below. Links are
                // delivered between the tasks.
                TaskOutcome::Revocation(_)
                | TaskOutcome::Link(_)
                | TaskOutcome::Moved(_)
                | TaskOutcome::DeadLetter(_) => {}
            }
        }
        for output in &commit.outputs {
            let value = output.value.as_deref().unwrap_or_default();
            match output.topic {
                OutputTopic::Alerts => write_line(&mut self.alerts, value)?,
                OutputTopic::Revocations => write_line(&mut self.revocations, value)?,
                // The journal says what a commit took, which is no matter of a replay.
                OutputTopic::Audit if output.partition.is_none() => {
                    write_line(&mut self.audit, value)?;
                }
                OutputTopic::DeadLetter
                | OutputTopic::Audit
                | OutputTopic::Links
                | OutputTopic::Input(_) => {}
            }
        }
        for (letter, output) in commit.dead_letters() {
            let at = FilePosition::from_record(&output.headers, letter.position.offset);
            let value = output.value.as_deref().unwrap_or_default();
            self.write_dead_letter(at, letter.short_message(), value)?;
        }
        Ok(())
    }

    /// Counts an unusable record, reports it if it is among the first, and writes its bytes.
    pub(super) fn write_dead_letter(
        &mut self,
        at: FilePosition,
        message: &str,
        bytes: &[u8],
    ) -> Result<(), ReplayError> {
        // Without the bytes: the message of a mapping is about its output, and a record of an Avro
        // container has no text.
        let record = (at.file >= self.mapped && !bytes.is_empty()).then_some(bytes);
        let file = self.files.get(at.file).map_or("", String::as_str);
        self.count_problem(record_complaint_at(file, at.location(), record, message));
        write_line(&mut self.dead_letters, bytes)
    }

    /// Counts an unusable record without bytes, and reports it if it is among the first.
    pub(super) fn count_problem(&mut self, problem: String) {
        self.summary.dead_letters += 1;
        if self.summary.dead_letters <= PROBLEMS_MAX {
            self.summary.problems.push(problem);
        }
    }

    /// Copies the counts of what was read.
    pub(super) fn add_read_counts(&mut self, counts: &ReadCounts) {
        let summary = &mut self.summary;
        summary.records = counts.records;
        summary.skipped = counts.skipped;
        summary.unknown_fields = counts.unknown_fields;
        summary.late = counts.late;
        summary.ahead = counts.ahead;
        let locate = |at: FilePosition| {
            let file = self.files.get(at.file).map_or("", String::as_str);
            format!("{file}:{}", at.number)
        };
        summary.late_first = counts.late_first.map(locate);
        summary.ahead_first = counts.ahead_first.map(locate);
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

    /// Counts requests by their audit entries: an alert does not say whether its request is new,
    /// and one request can be several messages.
    fn count_plan(&mut self, what: AuditKind) {
        let mode = match what {
            AuditKind::ShadowPlan => "shadow",
            AuditKind::PlanWaiting => "approve",
            AuditKind::PlanApproved => "approved",
            AuditKind::RequestSent => "auto",
            _ => return,
        };
        let modes = &mut self.summary.requests_by_mode;
        *modes.entry(mode.to_owned()).or_default() += 1;
    }

    pub(super) fn flush_all(&mut self) -> Result<(), ReplayError> {
        let files = [
            &mut self.alerts,
            &mut self.revocations,
            &mut self.audit,
            &mut self.dead_letters,
        ];
        files.into_iter().flatten().try_for_each(OutputFile::flush)
    }
}

/// The name of a file in messages.
fn shown_name(path: &Path) -> String {
    match path.as_os_str() == STDIN {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    }
}

fn write_line(file: &mut Option<OutputFile>, value: &[u8]) -> Result<(), ReplayError> {
    file.as_mut().map_or(Ok(()), |file| file.write_line(value))
}
