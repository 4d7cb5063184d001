//! Records that are not judged: those written to another partition, and dead letters with what the
//! rules are given of them.

use std::sync::Arc;

use crate::detector::{Detector, SubjectKey};
use crate::engine::contract::{InputRecord, PartitionNotice, Rejection, TaskError};
use crate::engine::journal;
use crate::engine::moved::moved_record;
use crate::engine::outcome::{DeadLetter, FailureStage, MovedRecord, TaskOutcome};
use crate::engine::rejections::unreadable_record;
use crate::engine::subject_loading;
use crate::store::Store;

use super::EngineTask;

impl EngineTask {
    /// Keeps a record that cannot be used.
    pub(super) fn add_dead_letter(
        &mut self,
        raw: &InputRecord,
        stage: FailureStage,
        class: &'static str,
        message: String,
    ) {
        self.progress.dead_letters += 1;
        let letter = DeadLetter {
            position: raw.position.clone(),
            stage,
            class,
            message,
        };
        self.outbox.push_dead_letter(letter, raw);
    }

    /// Makes a dead letter of a record that was rejected before it was decoded.
    pub(super) fn reject_record(
        &mut self,
        raw: &InputRecord,
        rejection: Rejection,
        store: &dyn Store,
    ) -> Result<(), TaskError> {
        let class = rejection.class;
        self.add_dead_letter(raw, rejection.stage, class, rejection.message);
        match rejection.reported {
            true => self.report_unreadable(raw, class, store),
            false => Ok(()),
        }
    }

    /// Writes a record to the partition of its key. The first one is reported.
    pub(super) fn move_record(&mut self, raw: &InputRecord, home: i32) {
        if !std::mem::replace(&mut self.moves_reported, true) {
            let notice = PartitionNotice::RecordMoved {
                topic: Arc::clone(&raw.position.topic),
                partition: self.number,
                offset: raw.position.offset,
                home,
            };
            self.outbox.outputs.push(journal::notice_record(&notice));
        }
        let moved = MovedRecord {
            position: raw.position.clone(),
            home,
        };
        let output = moved_record(raw, home);
        self.outbox.push_moved(TaskOutcome::Moved(moved), output);
    }

    /// Lets the rules know that a record of an action became a dead letter, if its key names an
    /// agent: an agent that could keep its records from being read would not be judged.
    pub(super) fn report_unreadable(
        &mut self,
        raw: &InputRecord,
        class: &str,
        store: &dyn Store,
    ) -> Result<(), TaskError> {
        let (time, stream_ms) = (self.engine.options.time, self.state.stream_ms);
        let Some(record) = unreadable_record(raw, class, time, stream_ms) else {
            return Ok(());
        };
        let agent = record.body.agent_key().map(SubjectKey::Agent);
        for subject in agent.iter().flat_map(Detector::subjects_of_timer) {
            subject_loading::load_subject(&mut self.state, self.number, store, &subject)?;
        }
        self.apply_record(record, store)
    }
}
