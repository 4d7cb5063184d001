//! Files as output topics, and the count of what went into them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

use crate::codec::locate::complaint;
use crate::service::engine::Engine;
use crate::service::input_file::STDIN;
use crate::service::task::{Output, OutputTopic};

use super::source::{files, place_of};
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
    pub dead_letters: u64,
    /// Fields that the schema does not know.
    pub unknown_fields: u64,
    /// Agents with an alert.
    pub agents: u64,
    /// Alert messages of every activity.
    pub alerts: u64,
    /// Incidents opened, by rule id.
    pub alerts_by_rule: BTreeMap<String, u64>,
    /// Requests and plans, by mode.
    pub requests_by_mode: BTreeMap<String, u64>,
    /// Problems of the first dead letters, each with its place.
    pub problems: Vec<String>,
}

/// The open output files.
pub(super) struct Sink {
    alerts: Option<(String, BufWriter<Box<dyn Write>>)>,
    revocations: Option<(String, BufWriter<Box<dyn Write>>)>,
    dead_letters: Option<(String, BufWriter<Box<dyn Write>>)>,
    agents: std::collections::BTreeSet<String>,
    native: bool,
    /// Names of the files by number.
    files: Vec<String>,
    /// The first so many of them come through a mapping.
    mapped: usize,
    pub summary: Summary,
}

impl Sink {
    pub(super) fn create(options: &ReplayOptions, engine: &Engine) -> Result<Self, ReplayError> {
        Ok(Sink {
            alerts: options.alerts.as_deref().map(create).transpose()?,
            revocations: options.revocations.as_deref().map(create).transpose()?,
            dead_letters: options.dead_letters.as_deref().map(create).transpose()?,
            agents: std::collections::BTreeSet::new(),
            native: engine.options().alert_format == crate::service::engine::AlertFormat::Native,
            files: files(options).map(name).collect(),
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
            OutputTopic::Revocations => {
                *self
                    .summary
                    .requests_by_mode
                    .entry("sent".to_owned())
                    .or_default() += 1;
                line(&mut self.revocations, value)
            }
            OutputTopic::DeadLetter => {
                let header = |end: &str| {
                    let found = output.headers.iter().find(|(name, _)| name.ends_with(end));
                    let value = found
                        .and_then(|(_, value)| value.as_deref())
                        .unwrap_or_default();
                    String::from_utf8_lossy(value).into_owned()
                };
                let at = header(".offset").parse().unwrap_or(0);
                self.dead(at, &header(".message"), value);
                Ok(())
            }
            // What links tell, the sources have told every task already.
            OutputTopic::Links | OutputTopic::Audit => Ok(()),
        }
    }

    /// Counts a record that could not be used, tells the first ones and keeps its bytes.
    pub(super) fn dead(&mut self, offset: i64, message: &str, bytes: &[u8]) {
        let (file, number) = place_of(offset);
        // What a mapping says is about its output, and a container's records have no text.
        let record = (file >= self.mapped && !bytes.is_empty()).then_some(bytes);
        let file = self.files.get(file).map_or("", String::as_str);
        self.told(complaint(file, number, record, message));
        // The summary tells how many there were even if this file cannot take them.
        let _ = line(&mut self.dead_letters, bytes);
    }

    /// Counts a record of which nothing is left, and tells the first ones.
    pub(super) fn told(&mut self, problem: String) {
        self.summary.dead_letters += 1;
        if self.summary.dead_letters <= TOLD_MAX {
            self.summary.problems.push(problem);
        }
    }

    fn count(&mut self, output: &Output, value: &[u8]) {
        self.summary.alerts += 1;
        if let Some(key) = &output.key {
            let key = String::from_utf8_lossy(key).into_owned();
            if !self.agents.contains(&key) {
                self.agents.insert(key);
                self.summary.agents += 1;
            }
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
        if created {
            let rule = rule.as_str().unwrap_or("unknown").to_owned();
            *self.summary.alerts_by_rule.entry(rule).or_default() += 1;
            if let Some(mode) = alert["revocation"]["mode"].as_str() {
                *self
                    .summary
                    .requests_by_mode
                    .entry(mode.to_owned())
                    .or_default() += 1;
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        let files = [
            &mut self.alerts,
            &mut self.revocations,
            &mut self.dead_letters,
        ];
        for (path, writer) in files.into_iter().flatten() {
            let path = path.clone();
            writer
                .flush()
                .map_err(|source| ReplayError::Output { path, source })?;
        }
        Ok(())
    }
}

/// A file's name in messages.
fn name(path: &Path) -> String {
    match path.as_os_str() == STDIN {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    }
}

fn create(path: &Path) -> Result<(String, BufWriter<Box<dyn Write>>), ReplayError> {
    let name = path.display().to_string();
    let out: Box<dyn Write> = if name == "-" {
        Box::new(io::stdout())
    } else {
        let failed = |source| ReplayError::Output {
            path: name.clone(),
            source,
        };
        Box::new(File::create(path).map_err(failed)?)
    };
    Ok((name, BufWriter::new(out)))
}

fn line(
    file: &mut Option<(String, BufWriter<Box<dyn Write>>)>,
    value: &[u8],
) -> Result<(), ReplayError> {
    let Some((path, writer)) = file else {
        return Ok(());
    };
    writer
        .write_all(value)
        .and_then(|()| writer.write_all(b"\n"))
        .map_err(|source| ReplayError::Output {
            path: path.clone(),
            source,
        })
}
