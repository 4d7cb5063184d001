//! The order in which a task applies the records that have arrived: by time, then by input, then by
//! offset.
//!
//! Under event time and for backfills, the append time of scopes and control records is not
//! comparable with the time of actions. A scope is then applied as soon as the actions' time is
//! within [`LEAD_MS`] of its effective time, or of that of a scope behind it in the queue. Applying
//! all scopes at once would overflow the scope history of agents with many tasks. A control record
//! reacts to an action, so it is applied before the first action with a later time.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::codec::{DecodeError, DecodeErrorKind, Decoder};
use crate::detector::claimed_ms;
use crate::engine::contract::{InputRecord, index_of};
use crate::event::{Input, Record, RecordBody, TimeSource};

use super::moved::{RecordDetour, record_origin};

/// How long before its effective time a scope is applied under event time, ms.
const LEAD_MS: i64 = 3_600_000;
/// Number of scopes behind the head that are checked, so that a head which is not due delays few
/// scopes that are.
const LOOK_BEHIND: usize = 1_024;

/// The inputs whose records are actions.
const ACTING: [Input; 2] = [Input::Actions, Input::Backfill];

/// A queued record. It is decoded when it comes near the head of its queue.
#[derive(Debug)]
pub(super) struct QueuedRecord {
    pub raw: InputRecord,
    /// Not decoded, because it is not judged here.
    pub detour: Option<RecordDetour>,
    pub decoded: Option<Result<Record, DecodeError>>,
    /// Number of fields that the schema does not define; 0 before decoding.
    pub unknown_fields: u32,
    /// If its schema is unknown, it waits for the schema.
    pub waits: bool,
}

/// One queue per input, in the order of [`Input::ALL`].
#[derive(Debug, Default)]
pub(super) struct InputMerge {
    queues: [VecDeque<QueuedRecord>; Input::ALL.len()],
    queued: usize,
    /// Bytes of keys, values and headers in each queue.
    bytes: [usize; Input::ALL.len()],
    /// Number of scopes taken from the queue so far.
    taken: u64,
    look_ahead: LookAhead,
    /// The time that the actions of all partitions have reached, epoch ms, if the driver knows.
    reached_ms: Option<i64>,
}

/// Cache for [`InputMerge::due_behind`]: the earliest time among the scopes behind the head. Valid
/// while `queued` and `taken` are unchanged.
#[derive(Debug, Default)]
struct LookAhead {
    /// Number of queued scopes that were looked at.
    queued: usize,
    /// Scopes taken before the look.
    taken: u64,
    /// Earliest effective time behind the head, epoch ms; `None` if no such scope has one.
    earliest_ms: Option<i64>,
}

impl InputMerge {
    pub(super) fn push(&mut self, raw: InputRecord, detour: Option<RecordDetour>) {
        self.push_queued(QueuedRecord {
            raw,
            detour,
            decoded: None,
            unknown_fields: 0,
            waits: true,
        });
    }

    /// Queues a record that is already decoded.
    pub(super) fn push_decoded(&mut self, raw: InputRecord, record: Record) {
        self.push_queued(QueuedRecord {
            raw,
            detour: None,
            decoded: Some(Ok(record)),
            unknown_fields: 0,
            waits: true,
        });
    }

    fn push_queued(&mut self, queued: QueuedRecord) {
        let input = queued.raw.input as usize;
        self.queued += 1;
        self.bytes[input] += queued.raw.byte_count();
        self.queues[input].push_back(queued);
    }

    /// Number of queued records that count as pending. Under event time, scopes and control records
    /// do not count: they wait for actions, and must not stop the reading of actions.
    pub(super) fn queued_count(&self, time: TimeSource) -> usize {
        match time {
            TimeSource::Append => self.queued,
            TimeSource::Event => ACTING
                .map(|input| self.queues[input as usize].len())
                .iter()
                .sum(),
        }
    }

    /// Size in bytes of the records that [`InputMerge::queued_count`] counts.
    pub(super) fn queued_bytes(&self, time: TimeSource) -> usize {
        match time {
            TimeSource::Append => self.bytes.iter().sum(),
            TimeSource::Event => ACTING.map(|input| self.bytes[input as usize]).iter().sum(),
        }
    }

    /// Decodes up to `count` records from the head of each queue.
    pub(super) fn decode_ahead(&mut self, decoder: &Decoder, time: TimeSource, count: usize) {
        for queue in &mut self.queues {
            for queued in queue.iter_mut().take(count) {
                queued.decode_once(decoder, time);
            }
        }
    }

    /// The decoded records among the first `count` of each queue.
    pub(super) fn decoded_records(&self, count: usize) -> impl Iterator<Item = &Record> {
        self.queues
            .iter()
            .flat_map(move |queue| queue.iter().take(count))
            .filter_map(|queued| match &queued.decoded {
                Some(Ok(record)) => Some(record),
                _ => None,
            })
    }

    /// The input whose head is applied next, and the time that the actions have reached; `None` if
    /// no record is due at stream time `stream_ms`.
    pub(super) fn next_input(
        &mut self,
        decoder: &Decoder,
        time: TimeSource,
        stream_ms: i64,
    ) -> Option<(Input, i64)> {
        let mut heads: SmallVec<[(Input, i64); 5]> = SmallVec::new();
        for input in Input::ALL {
            if let Some(head) = self.queues[input as usize].front_mut() {
                head.decode_once(decoder, time);
                heads.push((input, head.time_ms()));
            }
        }
        let is_action = |input: Input| matches!(input, Input::Actions | Input::Backfill);
        if time == TimeSource::Append && self.queues[Input::Backfill as usize].is_empty() {
            return heads
                .into_iter()
                .min_by_key(|(input, at_ms)| (*at_ms, *input))
                .map(|(input, _)| (input, stream_ms));
        }
        let action = heads
            .iter()
            .filter(|(input, _)| is_action(*input))
            .min_by_key(|h| (h.1, h.0));
        // A record that cannot be decoded has no time of its own, and its append time is from
        // another clock. It must not move the actions' time.
        let read = |input: Input| {
            let head = self.head(input).and_then(|head| head.decoded.as_ref());
            head.is_some_and(Result::is_ok)
        };
        let reached_ms = action
            .filter(|(input, _)| read(*input))
            .map_or(stream_ms, |(_, at_ms)| stream_ms.max(*at_ms));
        let reached_ms = self.reached_ms.map_or(reached_ms, |ms| ms.max(reached_ms));
        let action = action.copied();
        let mut side: SmallVec<[(Input, i64); 3]> = SmallVec::new();
        for (input, _) in heads.into_iter().filter(|(input, _)| !is_action(*input)) {
            let lead_ms = match input {
                Input::Control => 0,
                _ => LEAD_MS,
            };
            let due = |at_ms: i64| at_ms.saturating_sub(lead_ms) <= reached_ms;
            let at_ms = self.side_time_ms(input, 0).unwrap_or(i64::MIN);
            if due(at_ms) || input == Input::Scopes && self.due_behind(decoder, time, due) {
                side.push((input, at_ms));
            }
        }
        let side = side
            .into_iter()
            .min_by_key(|(input, at_ms)| (*at_ms, *input));
        side.or(action).map(|(input, _)| (input, reached_ms))
    }

    /// Whether a scope behind the head of the queue is due, although the head is not.
    fn due_behind(
        &mut self,
        decoder: &Decoder,
        time: TimeSource,
        due: impl Fn(i64) -> bool,
    ) -> bool {
        self.earliest_behind(decoder, time).is_some_and(due)
    }

    /// The earliest time of a scope behind the head of the queue.
    fn earliest_behind(&mut self, decoder: &Decoder, time: TimeSource) -> Option<i64> {
        let queue = &mut self.queues[Input::Scopes as usize];
        let count = queue.len().min(LOOK_BEHIND);
        if self.look_ahead.queued != count || self.look_ahead.taken != self.taken {
            for queued in queue.iter_mut().take(count) {
                queued.decode_once(decoder, time);
            }
            let dated = (1..count).filter_map(|index| self.side_time_ms(Input::Scopes, index));
            self.look_ahead = LookAhead {
                queued: count,
                taken: self.taken,
                earliest_ms: dated.min(),
            };
        }
        self.look_ahead.earliest_ms
    }

    /// The time from which a queued scope or control record is due under event time; `None` if none
    /// is queued.
    pub(super) fn side_due_ms(&mut self, decoder: &Decoder, time: TimeSource) -> Option<i64> {
        for input in [Input::Scopes, Input::Control] {
            if let Some(head) = self.queues[input as usize].front_mut() {
                head.decode_once(decoder, time);
            }
        }
        let head_ms = |merge: &Self, input: Input| {
            let queued = !merge.queues[input as usize].is_empty();
            queued.then(|| merge.side_time_ms(input, 0).unwrap_or(i64::MIN))
        };
        let control = head_ms(self, Input::Control);
        let behind = self.earliest_behind(decoder, time);
        let scopes = head_ms(self, Input::Scopes).into_iter().chain(behind).min();
        let scopes = scopes.map(|at_ms| at_ms.saturating_sub(LEAD_MS));
        scopes.into_iter().chain(control).min()
    }

    /// The scope or control record that is applied next when the actions have reached `reached_ms`,
    /// as its order among those of other partitions: its own time, input and offset.
    pub(super) fn next_side(
        &mut self,
        decoder: &Decoder,
        time: TimeSource,
        reached_ms: i64,
    ) -> Option<(i64, Input, i64)> {
        if self.side_due_ms(decoder, time)? > reached_ms {
            return None;
        }
        let heads = [Input::Scopes, Input::Control].map(|input| {
            let position = &self.head(input)?.raw.position;
            let at_ms = self.side_time_ms(input, 0).unwrap_or(i64::MIN);
            let is_due = input == Input::Scopes || at_ms <= reached_ms;
            is_due.then_some((at_ms, input, position.offset))
        });
        heads.into_iter().flatten().min()
    }

    /// Notes that the actions of all partitions have reached `at_ms`: what is due by then is
    /// applied, although no action of this partition has come so far.
    pub(super) fn note_reached(&mut self, at_ms: i64) {
        self.reached_ms = self.reached_ms.max(Some(at_ms));
    }

    /// The time of the action at the head of its queue; `None` if there is none, or it cannot be
    /// decoded.
    pub(super) fn next_action_ms(&mut self, decoder: &Decoder, time: TimeSource) -> Option<i64> {
        let head = self.queues[Input::Actions as usize].front_mut()?;
        head.decode_once(decoder, time);
        let readable = head.decoded.as_ref().is_some_and(Result::is_ok);
        readable.then(|| head.time_ms())
    }

    /// The own time of a scope or control record: when the scope takes effect, when the command was
    /// given.
    pub(super) fn side_time_ms(&self, input: Input, index: usize) -> Option<i64> {
        match &self.queues[input as usize].get(index)?.decoded {
            Some(Ok(Record {
                body: RecordBody::Scope(scope),
                ..
            })) => scope.effective_from_ms,
            Some(Ok(Record {
                body: RecordBody::Control(control),
                ..
            })) => Some(control.at_ms),
            _ => None,
        }
    }

    /// The head of the queue waits no longer for its schema.
    pub(super) fn end_wait(&mut self, input: Input) {
        if let Some(head) = self.queues[input as usize].front_mut() {
            head.waits = false;
        }
    }

    /// Records whose schema was unknown are decoded again: the schemas were loaded anew.
    pub(super) fn forget_unknown_schemas(&mut self) {
        let unknown = |queued: &&mut QueuedRecord| {
            let error = queued
                .decoded
                .as_ref()
                .and_then(|decoded| decoded.as_ref().err());
            error.is_some_and(|error| matches!(error.kind, DecodeErrorKind::UnknownSchemaId(_)))
        };
        let all = self.queues.iter_mut().flatten();
        all.filter(unknown).for_each(|queued| queued.decoded = None);
    }

    pub(super) fn head(&self, input: Input) -> Option<&QueuedRecord> {
        self.queues[input as usize].front()
    }

    pub(super) fn pop(&mut self, input: Input) -> Option<QueuedRecord> {
        let queued = self.queues[input as usize].pop_front()?;
        self.queued -= 1;
        self.bytes[input as usize] -= queued.raw.byte_count();
        self.taken += u64::from(input == Input::Scopes);
        Some(queued)
    }
}

/// The header with which newer Avro serializers name the schema of a value without framing.
const SCHEMA_HEADER: &str = "__value_schema_id";

/// The error of a record whose headers name its schema says so: its value alone looks like noise.
fn name_schema_header(
    mut error: DecodeError,
    headers: &[(String, Option<Vec<u8>>)],
) -> DecodeError {
    if headers.iter().any(|(name, _)| name == SCHEMA_HEADER) {
        error.message.push_str(&format!(
            "; its header {SCHEMA_HEADER} names a schema, and no schema is looked up by a header"
        ));
    }
    error
}

impl QueuedRecord {
    fn decode_once(&mut self, decoder: &Decoder, time: TimeSource) {
        if self.decoded.is_some() || self.detour.is_some() {
            return;
        }
        let bytes = self.raw.value.as_deref().unwrap_or_default();
        let body = match self.raw.input {
            Input::Actions | Input::Backfill => decoder
                .decode_keyed_action(bytes, self.raw.key.as_deref())
                .map(|decoded| {
                    self.unknown_fields = decoded.unknown_fields;
                    RecordBody::Action(decoded.value)
                }),
            Input::Scopes => decoder.decode_scope(bytes).map(|decoded| {
                self.unknown_fields = decoded.unknown_fields;
                RecordBody::Scope(Box::new(decoded.value))
            }),
            Input::Control => decoder
                .decode_control(bytes, self.raw.key.as_deref())
                .map(|decoded| RecordBody::Control(Box::new(decoded.value))),
            Input::Links => decoder
                .decode_link(bytes)
                .map(|decoded| RecordBody::Link(Box::new(decoded.value))),
        };
        let body = body.map_err(|error| name_schema_header(error, &self.raw.headers));
        self.decoded = Some(body.map(|body| {
            let mut record = Record {
                input: self.raw.input,
                position: self.raw.position.clone(),
                append_ms: append_ms(&self.raw, &body),
                time,
                body,
            };
            restore_origin(&self.raw, &mut record);
            if matches!(record.body, RecordBody::Action(_)) && !self.raw.headers.is_empty() {
                record.position.index = index_of(&self.raw.headers);
            }
            record
        }));
    }

    /// The time by which this record is merged with the other inputs.
    fn time_ms(&self) -> i64 {
        match &self.decoded {
            Some(Ok(Record {
                time,
                input,
                append_ms,
                body: RecordBody::Action(action),
                ..
            })) if *time == TimeSource::Event || *input == Input::Backfill => {
                claimed_ms(action, *append_ms)
            }
            _ => self.raw.append_ms,
        }
    }
}

/// Gives a moved record the append time and, if it has none, the event id that it would have had
/// where it was.
fn restore_origin(raw: &InputRecord, record: &mut Record) {
    let Some(origin) = record_origin(raw) else {
        return;
    };
    record.append_ms = origin.append_ms;
    if let RecordBody::Action(action) = &mut record.body {
        let event_id = || origin.position.to_string().into();
        action.event_id.get_or_insert_with(event_id);
    }
}

/// The append time. A record of a replay has none; it takes the time of its action.
pub(super) fn append_ms(raw: &InputRecord, body: &RecordBody) -> i64 {
    match body {
        RecordBody::Action(action) if raw.append_ms == 0 => action.occurred_at_ms.unwrap_or(0),
        _ => raw.append_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RecordPosition;

    #[test]
    fn a_batch_is_bounded_by_bytes_too_and_backfills_count_under_event_time() {
        let mut merge = InputMerge::default();
        for (offset, input) in (0..).zip([Input::Actions, Input::Backfill, Input::Scopes]) {
            let record = InputRecord {
                input,
                position: RecordPosition {
                    topic: "t".into(),
                    partition: 0,
                    offset,
                    index: 0,
                },
                append_ms: 0,
                key: Some(vec![0; 10]),
                value: Some(vec![0; 100]),
                headers: vec![("abc".to_owned(), Some(vec![0; 7]))],
            };
            merge.push(record, None);
        }
        let sizes = |merge: &InputMerge| {
            [TimeSource::Append, TimeSource::Event]
                .map(|time| (merge.queued_count(time), merge.queued_bytes(time)))
        };
        assert_eq!(sizes(&merge), [(3, 360), (2, 240)]);
        merge.pop(Input::Backfill);
        assert_eq!(sizes(&merge), [(2, 240), (1, 120)]);
    }
}
