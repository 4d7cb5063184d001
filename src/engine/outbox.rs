//! Outcomes that wait for the next commit, and their bytes.
//!
//! An outcome is encoded when it is put in, once: what bounds a transaction is the size of its
//! records, so the size has to be known while the task goes on.

use super::contract::{CommitUrgency, InputRecord, OutputRecord};
use super::dead_letter::dead_letter;
use super::encode::MessageEncoder;
use super::outcome::{DeadLetter, TaskOutcome};

/// What a task has for its next commit, in the order in which it came about.
#[derive(Debug, Default)]
pub(super) struct CommitOutbox {
    pub(super) outcomes: Vec<TaskOutcome>,
    pub(super) outputs: Vec<OutputRecord>,
    pub(super) urgency: CommitUrgency,
    /// Bytes of the values in `outputs`.
    bytes: usize,
}

impl CommitOutbox {
    /// Puts an outcome in, with its records if there is an encoder.
    pub(super) fn push_outcome(
        &mut self,
        outcome: TaskOutcome,
        encoder: Option<&MessageEncoder<'_>>,
    ) {
        if let Some(encoder) = encoder {
            let encoded = self.outputs.len();
            encoder.encode_outcome(&outcome, &mut self.outputs);
            self.bytes += self.outputs[encoded..]
                .iter()
                .map(value_bytes)
                .sum::<usize>();
        }
        self.urgency = self.urgency.max(urgency_of(&outcome));
        self.outcomes.push(outcome);
    }

    /// Puts in that `record` could not be used. The letter carries the record as it came, which the
    /// outcome does not keep: it may be large.
    pub(super) fn push_dead_letter(&mut self, letter: DeadLetter, record: &InputRecord) {
        let output = dead_letter(record, &letter);
        self.bytes += value_bytes(&output);
        self.outputs.push(output);
        self.outcomes.push(TaskOutcome::DeadLetter(letter));
    }

    /// Bytes of the records that wait.
    pub(super) fn outputs_bytes(&self) -> usize {
        self.bytes
    }

    /// Notes that a record was applied: its state has to be committed.
    pub(super) fn note_applied(&mut self) {
        self.urgency = self.urgency.max(CommitUrgency::Batch);
    }
}

/// How soon an outcome must be committed.
fn urgency_of(outcome: &TaskOutcome) -> CommitUrgency {
    match outcome {
        TaskOutcome::Revocation(_) => CommitUrgency::Revocation,
        TaskOutcome::Alert { .. } | TaskOutcome::Link(_) => CommitUrgency::Alert,
        TaskOutcome::Audit { .. } | TaskOutcome::DeadLetter(_) => CommitUrgency::Batch,
    }
}

fn value_bytes(output: &OutputRecord) -> usize {
    output.value.as_ref().map_or(0, Vec::len)
}
