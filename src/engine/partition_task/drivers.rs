//! What drivers without Kafka do with a task: replay, demo and rule tests.

use super::EngineTask;
use crate::detector::ClassCheck;
use crate::detector::{Detector, OutgoingLink};
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

    /// Lets the driver deliver the links for other partitions: processing stops at a record that
    /// leads to some, until [`EngineTask::take_links`].
    #[must_use]
    pub fn with_links_aside(mut self) -> Self {
        self.links_aside = Some(Vec::new());
        self
    }

    /// Takes the links for other partitions.
    pub fn take_links(&mut self) -> Vec<OutgoingLink> {
        self.links_aside
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Queues a link of another task. `raw` gives its position and append time.
    pub fn push_link(&mut self, raw: InputRecord, link: OutgoingLink) {
        let record = Record {
            input: raw.input,
            position: raw.position.clone(),
            append_ms: raw.append_ms,
            time: self.engine.options.time,
            body: RecordBody::Link(Box::new(link)),
        };
        self.merge.push_decoded(raw, record);
    }

    /// The time of the next queued action, epoch ms.
    pub fn next_action_ms(&mut self) -> Option<i64> {
        let time = self.engine.options.time;
        self.merge.next_action_ms(&self.decoder, time)
    }

    /// Under event time, the time from which a queued scope or control record is due, epoch ms.
    pub fn side_due_ms(&mut self) -> Option<i64> {
        let time = self.engine.options.time;
        self.merge.side_due_ms(&self.decoder, time)
    }

    /// The scope or control record that is applied next when the actions of all partitions have
    /// reached `reached_ms`, as its order among those of other partitions.
    pub fn next_side(&mut self, reached_ms: i64) -> Option<(i64, Input, i64)> {
        let time = self.engine.options.time;
        self.merge.next_side(&self.decoder, time, reached_ms)
    }

    /// Whether processing stops after each record.
    pub fn set_single_steps(&mut self, single: bool) {
        self.single_steps = single;
    }

    /// Notes that the actions of all partitions have reached `at_ms`, for drivers that know: scopes
    /// and control records that are due by then are applied. Stream time does not move.
    pub fn note_reached(&mut self, at_ms: i64) {
        self.merge.note_reached(at_ms);
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

    /// What the checks of classes at the end of a learning time have found in this partition.
    #[must_use]
    pub fn class_checks(&self) -> &[ClassCheck] {
        self.state.class_checks()
    }

    /// Checks what the classes of every tenant have learned, at the end of a recording that was
    /// only to be learned from.
    ///
    /// # Errors
    /// A request cannot be signed.
    pub fn check_classes(&mut self) -> Result<(), TaskError> {
        self.detector
            .check_all_classes(&mut self.state, &mut self.effects);
        self.collect_effects()
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
            self.collect_effects()?;
        }
        Ok(())
    }
}
