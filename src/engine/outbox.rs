//! The outcomes of the records applied since the last commit, and their encoded records.
//!
//! An outcome is encoded as soon as it is added. The size of its records counts towards the size
//! limit of the transaction, so it must be known before the commit.

use crate::codec::keys::SignError;

use super::contract::{CommitUrgency, InputRecord, OutputRecord};
use super::dead_letter::dead_letter;
use super::encode::MessageEncoder;
use super::outcome::{DeadLetter, TaskOutcome};

/// The outcomes for the next commit, in order.
#[derive(Debug, Default)]
pub(super) struct CommitOutbox {
    pub(super) outcomes: Vec<TaskOutcome>,
    pub(super) outputs: Vec<OutputRecord>,
    pub(super) urgency: CommitUrgency,
    /// Total size of the values in `outputs`.
    bytes: usize,
}

impl CommitOutbox {
    /// Adds an outcome. With an encoder, adds its records too.
    ///
    /// # Errors
    /// A request cannot be signed.
    pub(super) fn push_outcome(
        &mut self,
        outcome: TaskOutcome,
        encoder: Option<&MessageEncoder<'_>>,
    ) -> Result<(), SignError> {
        if let Some(encoder) = encoder {
            let encoded = self.outputs.len();
            encoder.encode_outcome(&outcome, &mut self.outputs)?;
            self.bytes += self.outputs[encoded..]
                .iter()
                .map(value_bytes)
                .sum::<usize>();
        }
        self.urgency = self.urgency.max(urgency_of(&outcome));
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Adds the dead letter of `record`. The output record contains the original bytes; the outcome
    /// does not, because they may be large.
    pub(super) fn push_dead_letter(&mut self, letter: DeadLetter, record: &InputRecord) {
        let output = dead_letter(record, &letter);
        self.bytes += value_bytes(&output);
        self.outputs.push(output);
        self.outcomes.push(TaskOutcome::DeadLetter(letter));
    }

    /// Adds a record that goes to another partition, as it is written there.
    pub(super) fn push_moved(&mut self, outcome: TaskOutcome, output: OutputRecord) {
        self.bytes += value_bytes(&output);
        self.outputs.push(output);
        self.urgency = self.urgency.max(urgency_of(&outcome));
        self.outcomes.push(outcome);
    }

    /// Size of the encoded records in bytes.
    pub(super) fn outputs_bytes(&self) -> usize {
        self.bytes
    }

    /// Notes that a record was applied, so that its state will be committed.
    pub(super) fn note_applied(&mut self) {
        self.urgency = self.urgency.max(CommitUrgency::Batch);
    }
}

/// How soon an outcome must be committed.
fn urgency_of(outcome: &TaskOutcome) -> CommitUrgency {
    match outcome {
        TaskOutcome::Revocation(_) => CommitUrgency::Revocation,
        // A moved action is judged only after the commit.
        TaskOutcome::Alert { .. } | TaskOutcome::Link(_) | TaskOutcome::Moved(_) => {
            CommitUrgency::Alert
        }
        TaskOutcome::Audit { .. } | TaskOutcome::DeadLetter(_) => CommitUrgency::Batch,
    }
}

fn value_bytes(output: &OutputRecord) -> usize {
    output.value.as_ref().map_or(0, Vec::len)
}
