//! The task of a partition: merges its inputs, drives the detector, and collects the next commit.

mod detours;
mod drivers;
mod local_links;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::codec::keys::SignError;
use crate::codec::{DecodeErrorKind, Decoder, json};
use crate::detector::{Detector, OutgoingLink, PartitionState, RecordEffects};
use crate::engine::contract::{
    CommitUrgency, InputRecord, OutputRecord, PartitionCommit, PartitionMeta, PartitionTask,
    Rejection, TaskError,
};
use crate::event::limits::LINK_BYTES_MAX;
use crate::event::{Input, Record, TimeSource};
use crate::rule::RuleIndex;
use crate::store::{META_KEY, Store};

use super::encode::{MessageEncoder, encode_tick};
use super::input_merge::{InputMerge, QueuedRecord};
use super::journal::{self, OffsetRanges};
use super::limits::PREFETCH_MAX;
use super::moved::{RecordDetour, record_detour};
use super::outbox::CommitOutbox;
use super::outcome::{FailureStage, TaskOutcome};
use super::outcome_causes::CauseTracker;
use super::progress::TaskProgress;
use super::rejections::{position_rejection, position_text, scope_rejection};
use super::rules::Rules;
use super::shared_engine::Engine;
use super::subject_loading;

/// Version of the state machine, stored in META.
const CORE_VERSION: u32 = 1;
/// Approximate size of a changed subject in bytes, for the limit on the size of a commit.
const CHANGED_BYTES: usize = 600;

/// The task that workers, replay, demo and rule tests drive.
pub struct EngineTask {
    engine: Arc<Engine>,
    /// The decoder that was last used.
    decoder: Arc<Decoder>,
    rules: Arc<Rules>,
    detector: Detector,
    number: i32,
    state: PartitionState,
    merge: InputMerge,
    meta: PartitionMeta,
    ranges: OffsetRanges,
    effects: RecordEffects,
    outbox: CommitOutbox,
    /// Links for other partitions that a driver delivers itself; `None`: they go by the topic.
    links_aside: Option<Vec<OutgoingLink>>,
    /// Processing stops after each record, for a driver that orders those of several partitions.
    single_steps: bool,
    /// Whether outcomes are encoded. Rule tests need only the typed outcomes.
    encodes: bool,
    causes: CauseTracker,
    /// A moved record was reported since the task was opened.
    moves_reported: bool,
    progress: TaskProgress,
    /// Number of findings per rule of the bundle since [`EngineTask::take_fired`].
    fired: Vec<u64>,
}

impl EngineTask {
    /// Opens the task of a partition from its store.
    ///
    /// # Errors
    /// META or a state has another version, or the number of partitions has changed.
    pub fn open(
        engine: Arc<Engine>,
        number: i32,
        store: &dyn Store,
    ) -> Result<EngineTask, TaskError> {
        let partitions = engine.options.partitions;
        let stopped = |reason: String| TaskError::Stopped {
            reason: format!("partition {number}: {reason}"),
        };
        let meta = match store
            .get(number, META_KEY)
            .map_err(subject_loading::fatal_error)?
        {
            None => PartitionMeta::new(CORE_VERSION, partitions),
            Some(bytes) => PartitionMeta::from_bytes(&bytes).map_err(|e| stopped(e.to_string()))?,
        };
        if meta.core_version > CORE_VERSION {
            return Err(stopped(format!(
                "its state was written by a newer scopewatch (state machine {}; this one is \
                 {CORE_VERSION}): start that one",
                meta.core_version
            )));
        }
        meta.check_partition_count(partitions).map_err(stopped)?;
        let mut state = PartitionState::new(partitions, meta.stream_ms, meta.deferred_totals());
        state.number = number;
        subject_loading::load_timers(&mut state, number, store)?;
        let rules = engine.rules();
        let detector = engine.build_detector(&rules);
        let decoder = engine.decoder();
        Ok(EngineTask {
            engine,
            decoder,
            rules,
            detector,
            number,
            state,
            merge: InputMerge::default(),
            meta,
            ranges: OffsetRanges::new(),
            effects: RecordEffects::default(),
            outbox: CommitOutbox::default(),
            links_aside: None,
            single_steps: false,
            encodes: true,
            causes: CauseTracker::default(),
            moves_reported: false,
            progress: TaskProgress::default(),
            fired: Vec::new(),
        })
    }

    /// The META of the last commit.
    #[must_use]
    pub fn meta(&self) -> &PartitionMeta {
        &self.meta
    }

    /// Stream time, epoch ms.
    #[must_use]
    pub fn stream_ms(&self) -> i64 {
        self.state.stream_ms
    }

    /// The time of the control record at the head of its queue, epoch ms.
    #[must_use]
    pub fn next_control_ms(&self) -> Option<i64> {
        self.merge.side_time_ms(Input::Control, 0)
    }

    /// Number of agents and tenants in memory.
    #[must_use]
    pub fn subject_count(&self) -> usize {
        self.state.len()
    }

    /// Number of fields that no record of its kind has, since the last commit was done.
    pub(super) fn unknown_fields(&self) -> u64 {
        self.progress.unknown_fields
    }

    /// Number of findings of one rule since the last call.
    pub fn take_fired(&mut self, rule: RuleIndex) -> u64 {
        self.fired
            .get_mut(rule.index())
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn process_head(
        &mut self,
        input: Input,
        reached_ms: i64,
        store: &dyn Store,
    ) -> Result<(), TaskError> {
        if let Some(QueuedRecord {
            decoded: Some(Err(error)),
            raw,
            waits: true,
            ..
        }) = self.merge.head(input)
            && let DecodeErrorKind::UnknownSchemaId(_) = error.kind
        {
            let reason = format!("{}: {error}", position_text(raw));
            return Err(TaskError::Paused { input, reason });
        }
        let Some(queued) = self.merge.pop(input) else {
            return Ok(());
        };
        let offset_last = queued.raw.position.offset;
        let range = self
            .ranges
            .entry(input)
            .or_insert((offset_last, offset_last));
        range.1 = offset_last;
        self.outbox.note_applied();
        self.progress.records += 1;
        self.progress.unknown_fields += u64::from(queued.unknown_fields);
        let QueuedRecord {
            raw,
            detour,
            decoded,
            ..
        } = queued;
        match detour {
            None => {}
            Some(RecordDetour::Reject(rejection)) => {
                return self.reject_record(&raw, rejection, store);
            }
            Some(RecordDetour::Move(home)) => {
                self.move_record(&raw, home);
                return Ok(());
            }
        }
        match decoded {
            Some(Ok(mut record)) => {
                self.set_missing_times(&mut record, reached_ms);
                if let Some((class, message)) = position_rejection(&raw, &record) {
                    self.add_dead_letter(&raw, FailureStage::Contract, class, message);
                    return self.report_unreadable(&raw, class, store);
                }
                self.apply_record(record, store)?;
                if let Some(refused) = self.effects.refused.take() {
                    let (class, message) = scope_rejection(&refused);
                    self.add_dead_letter(&raw, FailureStage::Contract, class, message);
                }
                Ok(())
            }
            Some(Err(error)) => {
                let class = error.kind.as_str();
                self.add_dead_letter(&raw, FailureStage::Decode, class, error.message);
                self.report_unreadable(&raw, class, store)
            }
            None => Ok(()),
        }
    }

    /// Fills in missing times. A file record without a timestamp takes the current stream time.
    /// Under event time the append time of a scope is from another clock, so the scope takes the
    /// time that the actions have reached.
    fn set_missing_times(&self, record: &mut Record, reached_ms: i64) {
        // Before the first action no time is reached: the scope keeps the time that it has.
        let reached = reached_ms > i64::MIN;
        if record.time == TimeSource::Event && record.input == Input::Scopes && reached {
            record.append_ms = reached_ms;
        }
        if record.append_ms == 0 && self.state.stream_ms > 0 {
            record.append_ms = self.state.stream_ms;
        }
    }

    fn apply_record(&mut self, record: Record, store: &dyn Store) -> Result<(), TaskError> {
        self.causes.set_cause(&record);
        let stream_ms = Detector::stream_ms_after(self.state.stream_ms, &record);
        self.fire_due_timers(stream_ms, store)?;
        // The subjects of the record are in memory: `process_queued` has loaded them for this
        // round.
        self.detector
            .process_record(&mut self.state, record, &mut self.effects);
        if std::mem::take(&mut self.effects.absent) {
            let reason = "an agent's state was not in memory when its record came".to_owned();
            return Err(TaskError::Fatal { reason });
        }
        self.deliver_local_links(store)?;
        // A link that comes late may set a timer that is due already, and no record may follow.
        self.fire_due_timers(self.state.stream_ms, store)?;
        self.collect_effects()
    }

    fn fire_due_timers(&mut self, stream_ms: i64, store: &dyn Store) -> Result<(), TaskError> {
        while let Some((due_ms, key)) = self.state.first_due(stream_ms) {
            for subject in Detector::subjects_of_timer(&key) {
                subject_loading::load_subject(&mut self.state, self.number, store, &subject)?;
            }
            self.detector
                .fire_timer(&mut self.state, due_ms, &key, &mut self.effects);
            self.deliver_local_links(store)?;
        }
        Ok(())
    }

    /// Moves the effects of the detector into the counters and the outbox.
    ///
    /// # Errors
    /// A request cannot be signed. The process ends, and the next one judges the records again.
    fn collect_effects(&mut self) -> Result<(), TaskError> {
        let fatal = |error: SignError| TaskError::Fatal {
            reason: error.to_string(),
        };
        self.progress
            .detector
            .add(&std::mem::take(&mut self.effects.counts));
        self.fired.resize(self.rules.bundle.rules.len(), 0);
        for rule in self.effects.fired.drain(..) {
            self.fired[rule.index()] += 1;
        }
        let encoder = MessageEncoder::new(&self.engine);
        let encoder = self.encodes.then_some(&encoder);
        for outcome in self.effects.outcomes.drain(..) {
            let outcome = self.causes.attribute_cause(outcome);
            match &outcome {
                TaskOutcome::Alert { .. } => self.progress.alerts += 1,
                TaskOutcome::Revocation(_) => self.progress.requests += 1,
                _ => {}
            }
            self.outbox.push_outcome(outcome, encoder).map_err(fatal)?;
        }
        for link in self.effects.links.drain(..) {
            match &mut self.links_aside {
                Some(aside) => aside.push(link),
                // Its receiver could not read it.
                None if json::write_link(&link).len() > LINK_BYTES_MAX => {
                    self.progress.detector.links_too_large += 1;
                }
                None => {
                    let outcome = TaskOutcome::Link(link);
                    self.outbox.push_outcome(outcome, encoder).map_err(fatal)?;
                }
            }
        }
        Ok(())
    }

    /// Takes over newly activated rules. Only between commits, because a commit names its rules.
    fn adopt_active_rules(&mut self) {
        let rules = self.engine.rules();
        if Arc::ptr_eq(&rules, &self.rules) || !self.ranges.is_empty() {
            return;
        }
        self.detector = self.engine.build_detector(&rules);
        self.rules = rules;
        self.fired.clear();
    }
}

impl PartitionTask for EngineTask {
    fn push(&mut self, record: InputRecord) {
        let detour = record_detour(&record, self.number, &self.engine);
        self.merge.push(record, detour);
    }

    fn push_rejected(&mut self, record: InputRecord, rejection: Rejection) {
        self.merge
            .push(record, Some(RecordDetour::Reject(rejection)));
    }

    fn reject_waiting(&mut self, input: Input) {
        self.merge.end_wait(input);
    }

    fn pending_records(&self) -> usize {
        self.merge.queued_count(self.engine.options.time)
    }

    fn pending_bytes(&self) -> usize {
        self.merge.queued_bytes(self.engine.options.time)
    }

    fn process_queued(&mut self, store: &dyn Store) -> Result<(), TaskError> {
        self.adopt_active_rules();
        let engine = Arc::clone(&self.engine);
        let time = engine.options.time;
        let decoder = engine.decoder();
        if !Arc::ptr_eq(&decoder, &self.decoder) {
            self.merge.forget_unknown_schemas();
            self.decoder = Arc::clone(&decoder);
        }
        loop {
            self.merge.decode_ahead(&decoder, time, PREFETCH_MAX);
            let missing = self
                .state
                .prepare_subjects(self.merge.decoded_records(PREFETCH_MAX));
            if !missing.is_empty() {
                subject_loading::load_subjects(&mut self.state, self.number, store, missing)?;
            }
            for _ in 0..PREFETCH_MAX {
                let stream_ms = self.state.stream_ms;
                match self.merge.next_input(&decoder, time, stream_ms) {
                    Some((input, reached_ms)) => self.process_head(input, reached_ms, store)?,
                    None => return Ok(()),
                }
                // The driver delivers these links before the next record.
                let aside = self.links_aside.as_ref();
                if self.single_steps || aside.is_some_and(|aside| !aside.is_empty()) {
                    return Ok(());
                }
            }
        }
    }

    fn commit_urgency(&self) -> CommitUrgency {
        self.outbox.urgency
    }

    fn dirty_bytes(&self) -> usize {
        self.outbox.outputs_bytes() + self.state.changed_count() * CHANGED_BYTES
    }

    fn take_commit(&mut self) -> Option<PartitionCommit> {
        if self.ranges.is_empty() {
            return None;
        }
        let changes = self.state.take_changes();
        let previous = blake3::hash(&self.meta.to_bytes());
        let ranges = std::mem::take(&mut self.ranges);
        for (input, (_, last)) in &ranges {
            self.meta.set_offset_next(*input, last + 1);
        }
        self.meta.stream_ms = self.state.stream_ms;
        self.meta.set_deferred_totals(self.state.deferred_totals());
        self.meta.sequence += 1;
        self.meta.bundle_hash = self.rules.bundle.hash;
        self.meta.previous_hash = *previous.as_bytes();
        let mut outbox = std::mem::take(&mut self.outbox);
        if self.encodes {
            let journal = journal::journal_record(self.number, &self.meta, &ranges);
            outbox.outputs.push(journal);
        }
        let (mut changelog, mut local) = (Vec::with_capacity(changes.len()), Vec::new());
        for change in changes {
            let entries = if change.local {
                &mut local
            } else {
                &mut changelog
            };
            entries.push((change.key, change.value));
        }
        Some(PartitionCommit {
            partition: self.number,
            outcomes: outbox.outcomes,
            outputs: outbox.outputs,
            changelog,
            local,
            meta: self.meta.clone(),
            actions_offset_next: self.meta.offset_next(Input::Actions),
            urgency: outbox.urgency,
            agents_cached: Some(self.state.len()),
        })
    }

    fn confirm_commit(&mut self, commit: &PartitionCommit) {
        // Takes all of META, because the worker may have moved offsets past transaction markers.
        self.meta.clone_from(&commit.meta);
        let mut progress = std::mem::take(&mut self.progress);
        progress
            .detector
            .add(&std::mem::take(&mut self.effects.counts));
        self.engine.add_progress(&progress);
        self.engine.observe_outcomes(&commit.outcomes);
        self.state
            .evict_subjects(self.engine.options.agents_cached_max);
    }

    fn tick_record(&self, wall_ms: i64, quiet_ms: i64) -> Option<OutputRecord> {
        let options = &self.engine.options;
        let now_ms = wall_ms.max(self.state.stream_ms.saturating_add(quiet_ms));
        let is_due = options.ticks
            && options.time == TimeSource::Append
            && self.state.first_due(now_ms).is_some();
        is_due.then(|| encode_tick(self.number))
    }
}
