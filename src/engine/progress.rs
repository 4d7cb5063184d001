//! Counters of tasks, for metrics and summaries.

use crate::detector::DetectorCounts;

/// Counts of a task since its last commit, or the totals of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskProgress {
    pub records: u64,
    pub dead_letters: u64,
    pub unknown_fields: u64,
    pub alerts: u64,
    pub requests: u64,
    pub detector: DetectorCounts,
}

impl TaskProgress {
    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &TaskProgress) {
        self.records += other.records;
        self.dead_letters += other.dead_letters;
        self.unknown_fields += other.unknown_fields;
        self.alerts += other.alerts;
        self.requests += other.requests;
        self.detector.add(&other.detector);
    }
}
