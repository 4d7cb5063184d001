//! Loads subjects from the store before the detector needs them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::detector::{
    Admission, PartitionState, StateError, StoredSubject, SubjectKey, TIMER_PREFIX, parse_timer_key,
};
use crate::engine::contract::TaskError;
use crate::store::{Store, StoreError};

/// Loads one subject unless it is in memory.
pub(super) fn load_subject(
    partition: &mut PartitionState,
    number: i32,
    store: &dyn Store,
    key: &SubjectKey,
) -> Result<(), TaskError> {
    if partition.is_loaded(key) {
        return Ok(());
    }
    let live = store.get(number, &key.live_key()).map_err(fatal_error)?;
    let learned = match key {
        SubjectKey::Tenant(_) | SubjectKey::Credential(_) => None,
        SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
            store.get(number, &key.learned_key()).map_err(fatal_error)?
        }
    };
    admit_subject(
        partition,
        number,
        store,
        key.clone(),
        StoredSubject {
            live,
            learned,
            others: None,
        },
    )
}

/// Loads many subjects in one read.
pub(super) fn load_subjects(
    partition: &mut PartitionState,
    number: i32,
    store: &dyn Store,
    mut keys: Vec<SubjectKey>,
) -> Result<(), TaskError> {
    keys.sort_unstable();
    keys.dedup();
    let names: Vec<Vec<u8>> = keys
        .iter()
        .flat_map(|key| [key.live_key(), key.learned_key()])
        .collect();
    let mut values = store
        .multi_get(number, &names)
        .map_err(fatal_error)?
        .into_iter();
    for key in keys {
        let live = values.next().flatten();
        let learned = values.next().flatten();
        admit_subject(
            partition,
            number,
            store,
            key,
            StoredSubject {
                live,
                learned,
                others: None,
            },
        )?;
    }
    Ok(())
}

/// Moves a stored subject into memory. Reads its deferred actions and blocks of event ids, or its
/// profiles, first if it has any.
fn admit_subject(
    partition: &mut PartitionState,
    number: i32,
    store: &dyn Store,
    key: SubjectKey,
    mut stored: StoredSubject,
) -> Result<(), TaskError> {
    let stopped = |error: StateError| TaskError::Stopped {
        reason: format!("partition {number}: {error}"),
    };
    let admission = partition.admit_subject(key.clone(), &stored);
    if admission.map_err(stopped)? == Admission::Loaded {
        return Ok(());
    }
    let mut others = BTreeMap::new();
    let prefixes = match &key {
        SubjectKey::Tenant(_) => vec![key.profiles_prefix()],
        _ => vec![key.deferred_prefix(), key.ids_prefix()],
    };
    for prefix in prefixes {
        let scanned = store.scan_prefix(number, &prefix, &mut |name, value| {
            others.insert(name.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        });
        scanned.map_err(fatal_error)?;
    }
    stored.others = Some(others);
    let admission = partition.admit_subject(key.clone(), &stored);
    match admission.map_err(stopped)? {
        Admission::Loaded => Ok(()),
        Admission::NeedsOthers => Err(stopped(StateError::DeferredMissing {
            key: key.key_prefix(),
        })),
    }
}

/// Loads the timers of a partition.
pub(super) fn load_timers(
    partition: &mut PartitionState,
    number: i32,
    store: &dyn Store,
) -> Result<(), TaskError> {
    store
        .scan_prefix(number, TIMER_PREFIX.as_bytes(), &mut |key, _| {
            if let Some((due_ms, subject)) = parse_timer_key(key) {
                partition.admit_timer(due_ms, subject);
            }
            ControlFlow::Continue(())
        })
        .map_err(fatal_error)
}

pub(super) fn fatal_error(error: StoreError) -> TaskError {
    TaskError::Fatal {
        reason: error.to_string(),
    }
}
