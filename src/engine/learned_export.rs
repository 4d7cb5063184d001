//! Reads what a store has learned, as control records that import it: committed state, which
//! nothing here changes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::detector::learned_state::export_profile;
use crate::detector::subject::{StoredSubject, SubjectKey};
use crate::detector::{Detector, StateError};
use crate::event::{AgentKey, CommandKind, ControlRecord, LearnedImport};
use crate::store::{Store, StoreError};

use super::shared_engine::Engine;

/// Who gives the command of an exported record, until somebody sends it.
const EXPORT_BY: &str = "export";

/// Why what was learned cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LearnedExportError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the partitions of a store have learned by `at_ms`: the profiles of every tenant, then what
/// was learned of each agent, in the order of their names.
///
/// # Errors
/// The store fails, or has no state of this version.
pub fn export_learned(
    engine: &Arc<Engine>,
    store: &dyn Store,
    at_ms: i64,
) -> Result<Vec<ControlRecord>, LearnedExportError> {
    let detector = engine.build_detector(&engine.rules());
    let partitions = store.partitions();
    let mut records = Vec::new();
    // Every partition knows the same profiles.
    if let Some(first) = partitions.first() {
        export_profiles(store, *first, at_ms, &mut records)?;
    }
    let mut agents = BTreeMap::new();
    for partition in partitions {
        read_agents(store, partition, &mut agents)?;
    }
    for (key, stored) in &agents {
        export_agent(&detector, key, stored, at_ms, &mut records)?;
    }
    Ok(records)
}

fn export_profiles(
    store: &dyn Store,
    partition: i32,
    at_ms: i64,
    records: &mut Vec<ControlRecord>,
) -> Result<(), LearnedExportError> {
    let mut found = Vec::new();
    store.scan_prefix(partition, b"t:", &mut |name, value| {
        if let Some((key, rest)) = split_name(name)
            && rest.starts_with("profile/")
        {
            found.push((key, value.to_vec()));
        }
        ControlFlow::Continue(())
    })?;
    let mut profiles = Vec::new();
    for (key, value) in found {
        let tenant = AgentKey::new(key.tenant(), "");
        profiles.push(record_of(tenant, at_ms, export_profile(&key, &value)?));
    }
    profiles.sort_by(|one, other| order_of(one).cmp(&order_of(other)));
    records.append(&mut profiles);
    Ok(())
}

/// By which the records of profiles are put in order.
fn order_of(record: &ControlRecord) -> (&str, Option<&crate::event::ProfileName>) {
    match &record.command {
        CommandKind::Import(import) => (record.tenant.as_str(), import.profile.as_ref()),
        _ => (record.tenant.as_str(), None),
    }
}

fn read_agents(
    store: &dyn Store,
    partition: i32,
    agents: &mut BTreeMap<SubjectKey, StoredSubject>,
) -> Result<(), StoreError> {
    store.scan_prefix(partition, b"a:", &mut |name, value| {
        if let Some((key, rest)) = split_name(name) {
            let stored: &mut StoredSubject = agents.entry(key).or_default();
            match rest {
                "live" => stored.live = Some(value.to_vec()),
                "learned" => stored.learned = Some(value.to_vec()),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    })
}

/// The subject of a key in the store, and what of it the value is.
fn split_name(name: &[u8]) -> Option<(SubjectKey, &str)> {
    let (prefix, rest) = std::str::from_utf8(name).ok()?.split_once('#')?;
    Some((SubjectKey::parse(prefix)?, rest))
}

fn export_agent(
    detector: &Detector,
    key: &SubjectKey,
    stored: &StoredSubject,
    at_ms: i64,
    records: &mut Vec<ControlRecord>,
) -> Result<(), LearnedExportError> {
    if let SubjectKey::Agent(agent) = key {
        let parts = detector.export_agent(key, stored, at_ms)?.into_iter();
        records.extend(parts.map(|part| record_of(agent.clone(), at_ms, part)));
    }
    Ok(())
}

fn record_of(agent: AgentKey, at_ms: i64, import: LearnedImport) -> ControlRecord {
    ControlRecord {
        tenant: agent.tenant,
        agent_id: agent.agent,
        by: EXPORT_BY.into(),
        at_ms,
        reason: None,
        command: CommandKind::Import(Box::new(import)),
    }
}
