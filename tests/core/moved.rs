//! Records of a producer with another partitioner: the agent is judged in the partition of its key,
//! as if the record had been written there when it was written elsewhere.

use std::sync::Arc;

use scopewatch::engine::contract::{InputRecord, OutputRecord, OutputTopic, PartitionTask};
use scopewatch::engine::partitioner::partition_of_key;
use scopewatch::engine::{Engine, EngineTask};
use scopewatch::event::Input;
use scopewatch::store::{MemoryStore, Store};
use serde_json::{Value as Json, json};

use crate::harness::{
    HOUR, MINUTE, T0, alerts, created, databases, engine, of, options, read, record, rules_with,
};

const PARTITIONS: i32 = 4;

struct Partition {
    number: i32,
    store: MemoryStore,
    task: EngineTask,
}

impl Partition {
    fn open(engine: &Arc<Engine>, number: i32) -> Self {
        let store = MemoryStore::new();
        store.open_partition(number).unwrap();
        let task = EngineTask::open(Arc::clone(engine), number, &store).unwrap();
        Partition {
            number,
            store,
            task,
        }
    }

    /// What the partition commits for these records.
    fn take(&mut self, records: &[InputRecord]) -> Vec<OutputRecord> {
        for record in records {
            let mut record = record.clone();
            record.position.partition = self.number;
            self.task.push(record);
        }
        self.task.process_queued(&self.store).unwrap();
        let commit = self.task.take_commit().unwrap();
        self.task.confirm_commit(&commit);
        commit.outputs
    }
}

fn shipped() -> Arc<Engine> {
    let mut options = options();
    options.partitions = PARTITIONS.unsigned_abs();
    engine(rules_with(&[]), options)
}

/// The record that arrives in the home partition, appended at `append_ms`.
fn arrived(moved: &OutputRecord, offset: i64, append_ms: i64) -> InputRecord {
    let OutputTopic::Input(input) = moved.topic else {
        panic!("{moved:?}")
    };
    let mut record = record(input, offset, append_ms, &json!({}));
    record.key.clone_from(&moved.key);
    record.value.clone_from(&moved.value);
    record.headers.clone_from(&moved.headers);
    record
}

fn delete(id: &str, occurred_ms: i64) -> Json {
    json!({"event_id": id, "resource.type": "database.table", "action.verb": "delete",
        "occurred_at": occurred_ms})
}

#[test]
fn an_action_in_a_foreign_partition_is_judged_by_the_scope_in_its_own_with_its_own_time() {
    let engine = shipped();
    let home = partition_of_key(b"acme/a1", PARTITIONS.unsigned_abs());
    let mut right = Partition::open(&engine, home);
    let scope = json!({"grants": databases(), "effective_from": T0 - HOUR,
        "expires_at": T0 + 30 * MINUTE});
    right.take(&[record(Input::Scopes, 0, T0 - HOUR, &scope)]);

    // Appended within the scope's time, moved two hours later: the partition was behind.
    let mut wrong = Partition::open(&engine, (home + 1) % PARTITIONS);
    let mut first = record(Input::Actions, 7, T0, &delete("e1", T0 - MINUTE));
    first.headers = vec![("trace".to_owned(), Some(b"1".to_vec()))];
    let second = record(Input::Actions, 8, T0, &read("e2"));
    let outputs = wrong.take(&[first.clone(), second]);
    assert!(alerts(&outputs).is_empty(), "not judged here: {outputs:?}");
    let moved: Vec<_> = of(&outputs, OutputTopic::Input(Input::Actions)).collect();
    assert_eq!(moved.len(), 2);
    assert_eq!(
        (moved[0].partition, &moved[0].key),
        (Some(home), &first.key)
    );
    assert_eq!(moved[0].value, first.value);
    assert_eq!(moved[0].headers[0], first.headers[0]);
    let audit = of(&outputs, OutputTopic::Audit).filter(|output| {
        String::from_utf8_lossy(output.value.as_deref().unwrap()).contains("record_moved")
    });
    assert_eq!(audit.count(), 1, "the first one is reported");

    let later: Vec<_> = (0..)
        .zip(&moved)
        .map(|(n, m)| arrived(m, n, T0 + 2 * HOUR))
        .collect();
    let found = alerts(&right.take(&later));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["event_ids"], json!(["e1"]));
    assert_eq!(found[0]["facts"]["scope.violations"], json!(["verb"]));
    assert_eq!(found[0]["first_event"]["occurred_at_ms"], T0 - MINUTE);
    let title = &created(&found)[0];
    assert!(!title.contains("expired"), "{title}");
    assert_eq!(engine.totals().detector.actions, 2);
}

#[test]
fn a_scope_and_a_control_record_in_a_foreign_partition_are_moved_too() {
    let engine = shipped();
    let home = partition_of_key(b"acme/a1", PARTITIONS.unsigned_abs());
    let mut wrong = Partition::open(&engine, (home + 1) % PARTITIONS);
    let scope = json!({"grants": databases(), "effective_from": T0});
    let verdict = json!({"by": "ana", "at": T0, "verdict": {"incident_id": "0".repeat(32),
        "verdict": "true_positive"}});
    let outputs = wrong.take(&[
        record(Input::Scopes, 0, T0, &scope),
        record(Input::Control, 0, T0, &verdict),
    ]);
    for input in [Input::Scopes, Input::Control] {
        let moved: Vec<_> = of(&outputs, OutputTopic::Input(input)).collect();
        assert_eq!(moved.len(), 1, "{input:?}");
        assert_eq!(moved[0].partition, Some(home));
    }
    let scope = of(&outputs, OutputTopic::Input(Input::Scopes))
        .next()
        .unwrap();
    let mut right = Partition::open(&engine, home);
    let outputs = right.take(&[
        arrived(scope, 0, T0 + 1),
        record(Input::Actions, 0, T0 + MINUTE, &delete("e1", T0 + MINUTE)),
    ]);
    let found = alerts(&outputs);
    assert_eq!(found[0]["facts"]["scope.violations"], json!(["verb"]));
}

#[test]
fn a_moved_action_without_an_id_keeps_the_id_that_it_had_where_it_was_written() {
    let engine = shipped();
    let home = partition_of_key(b"acme/a1", PARTITIONS.unsigned_abs());
    let number = (home + 1) % PARTITIONS;
    let mut action = delete("", T0);
    action.as_object_mut().unwrap().remove("event_id");
    let mut wrong = Partition::open(&engine, number);
    let outputs = wrong.take(&[record(Input::Actions, 7, T0, &action)]);
    let moved = of(&outputs, OutputTopic::Input(Input::Actions))
        .next()
        .unwrap();
    let mut right = Partition::open(&engine, home);
    let scope = json!({"grants": databases(), "effective_from": T0 - HOUR});
    // Without transactions it may be moved twice; that is a retry.
    let found = alerts(&right.take(&[
        record(Input::Scopes, 0, T0 - HOUR, &scope),
        arrived(moved, 0, T0 + 1),
        arrived(moved, 1, T0 + 2),
    ]));
    let id = format!("agent.actions/{number}/7/0");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["event_ids"], json!([id]));
    assert_eq!(engine.totals().detector.retries, 1);
}

#[test]
fn a_record_that_was_moved_to_a_wrong_partition_is_a_dead_letter_and_goes_no_further() {
    let engine = shipped();
    let home = partition_of_key(b"acme/a1", PARTITIONS.unsigned_abs());
    let mut first = Partition::open(&engine, (home + 1) % PARTITIONS);
    let outputs = first.take(&[record(Input::Actions, 0, T0, &read("e1"))]);
    let moved = of(&outputs, OutputTopic::Input(Input::Actions))
        .next()
        .unwrap();
    let mut second = Partition::open(&engine, (home + 2) % PARTITIONS);
    let outputs = second.take(&[arrived(moved, 0, T0)]);
    assert_eq!(of(&outputs, OutputTopic::Input(Input::Actions)).count(), 0);
    let letter = of(&outputs, OutputTopic::DeadLetter).next().unwrap();
    let class = (
        "__scopewatch.errors.class".to_owned(),
        Some(b"misplaced".to_vec()),
    );
    assert!(letter.headers.contains(&class), "{letter:?}");
    assert_eq!(letter.value, moved.value);
}
