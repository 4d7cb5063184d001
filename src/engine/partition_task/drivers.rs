//! What drivers without Kafka do with a task: replay, demo and rule tests.

use super::EngineTask;
use crate::detector::Detector;
use crate::engine::contract::{InputRecord, TaskError};
use crate::engine::input_merge::append_ms;
use crate::engine::subject_loading;
use crate::event::{
    AddressedLink, AgentAction, Input, Link, LinkBody, LinkTarget, Record, RecordBody, TimeSource,
};
use crate::store::Store;

impl EngineTask {
    /// Sets facts by hand, for rule tests.
    #[must_use]
    pub fn with_given(mut self, given: Vec<crate::detector::GivenFact>) -> Self {
        self.detector = self.detector.with_given(given);
        self
    }

    /// Turns encoding off: commits then have no output records except dead letters.
    #[must_use]
    pub fn without_encoding(mut self) -> Self {
        self.encodes = false;
        self
    }

    /// Queues an action that a mapping made. `raw` gives its position.
    pub fn push_mapped(&mut self, raw: InputRecord, action: AgentAction) {
        let time = self.engine.options.time;
        let body = RecordBody::Action(Box::new(action));
        let record = Record {
            input: raw.input,
            position: raw.position.clone(),
            append_ms: append_ms(&raw, &body),
            time,
            body,
        };
        self.merge.push_decoded(raw, record);
    }

    /// Queues a tick that moves stream time to `at_ms`, so that everything due by then happens.
    pub fn push_tick(&mut self, mut raw: InputRecord, at_ms: i64) {
        raw.input = Input::Links;
        let record = Record {
            input: raw.input,
            position: raw.position.clone(),
            append_ms: at_ms,
            time: TimeSource::Append,
            body: RecordBody::Link(Box::new(AddressedLink {
                target: LinkTarget::AllPartitions,
                link: Link {
                    cause: None,
                    body: LinkBody::Tick,
                },
            })),
        };
        self.merge.push_decoded(raw, record);
    }

    /// At the end of a recording: lists in alerts every event that no alert has listed yet. To be
    /// called after records were processed and before their commit is taken.
    ///
    /// # Errors
    /// A state cannot be read.
    pub fn report_pending(&mut self, store: &dyn Store) -> Result<(), TaskError> {
        for key in Detector::subjects_to_report(&self.state) {
            subject_loading::load_subject(&mut self.state, self.number, store, &key)?;
            self.detector
                .report_pending(&mut self.state, &key, &mut self.effects);
            self.collect_effects();
        }
        Ok(())
    }
}
