//! Lets the engine learn the fourteen days before the live part, into the same store.

use std::sync::Arc;

use crate::codec::json;
use crate::demo::{DemoPlan, DemoScreen};
use crate::engine::contract::{InputRecord, PartitionTask};
use crate::engine::partitioner;
use crate::engine::{EngineTask, TaskGroup};
use crate::event::{Input, RecordBody, RecordPosition};
use crate::run::ProcessParts;
use crate::store::WriteBatch;

use super::{DemoError, PARTITIONS};

/// Records per step.
const STEP: usize = 20_000;
/// The first offset of the learned records. All are below the offsets of the topics, which start
/// empty.
const OFFSET_START: i64 = i64::MIN / 2;

pub(super) fn learn_history(
    plan: &mut DemoPlan,
    parts: &Arc<ProcessParts>,
    screen: &mut DemoScreen<std::io::Stdout>,
) -> Result<(), DemoError> {
    for partition in 0..PARTITIONS {
        parts.store.open_partition(partition)?;
    }
    let mut tasks = TaskGroup::open(&parts.engine, &*parts.store, OFFSET_START)?;
    let expected = plan.learn_actions();
    let _ = screen.show_text(&format!(
        "learning fourteen simulated days, about {expected} actions …"
    ));
    let mut offset_next = OFFSET_START;
    loop {
        let mut read = 0;
        while read < STEP
            && let Some(record) = plan.next_learned_record()
        {
            read += 1;
            offset_next += 1;
            let raw_at = (offset_next, record.at_ms);
            push_record(&mut tasks, record.body, raw_at, parts)?;
        }
        tasks.process_all(&*parts.store)?;
        for task in tasks.tasks_mut() {
            commit_learned(task, parts)?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn push_record(
    tasks: &mut TaskGroup,
    body: RecordBody,
    (offset, at_ms): (i64, i64),
    parts: &ProcessParts,
) -> Result<(), DemoError> {
    let Some(agent) = body.agent_key() else {
        return Ok(());
    };
    let key = agent.to_string();
    let partition = partitioner::partition_of_key(key.as_bytes(), PARTITIONS.unsigned_abs());
    let (input, value) = match &body {
        RecordBody::Action(_) => (Input::Actions, Vec::new()),
        RecordBody::Scope(scope) => (Input::Scopes, json::write_scope(scope)),
        RecordBody::Control(control) => (Input::Control, json::write_control(control)),
        RecordBody::Link(_) | RecordBody::Unreadable(_) => return Ok(()),
    };
    let raw = InputRecord {
        input,
        position: RecordPosition {
            topic: "learned".into(),
            partition,
            offset,
            index: 0,
        },
        append_ms: at_ms,
        key: Some(key.into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    };
    match body {
        RecordBody::Action(action) => tasks.push_next_action(raw, *action, &*parts.store)?,
        _ => tasks.push_next(raw, &*parts.store)?,
    }
    Ok(())
}

/// Stores what a task learned. The topics are still empty, so META gets the task's time and no
/// offsets.
fn commit_learned(task: &mut EngineTask, parts: &ProcessParts) -> Result<(), DemoError> {
    let Some(commit) = task.take_commit() else {
        return Ok(());
    };
    let mut meta = commit.meta.clone();
    meta.offsets_next = [None; Input::ALL.len()];
    meta.changelog_next = 0;
    parts.store.write(WriteBatch::for_partition(
        commit.partition,
        commit.store_entries(),
        meta.to_bytes(),
    ))?;
    task.confirm_commit(&commit);
    Ok(())
}
