//! Stored state: timers that a restore rebuilds, damaged bytes, and a change of rules.

use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use scopewatch::engine::contract::{PartitionMeta, PartitionTask, TaskError, TaskFactory};
use scopewatch::engine::{EngineFactory, EngineTask};
use scopewatch::store::{MemoryStore, Store, WriteBatch};
use serde_json::json;

use crate::harness::{
    Entries, HOUR, Harness, MINUTE, T0, alerts, created, databases, entries, file, mail, read,
    record, rules_with,
};

/// A harness with deferred actions, open incidents and scopes: every kind of stored value.
fn busy() -> Harness {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"agent.id": "a1", "grants": databases()}));
    for n in 0..6 {
        harness.action(T0 + n, mail(&format!("e{n}")));
        let mut waits = read(&format!("w{n}"));
        waits["agent.id"] = format!("ghost-{}", n % 2).into();
        harness.action(T0 + MINUTE + n, waits);
        harness.step();
    }
    harness.scope(
        T0 + MINUTE + 9,
        json!({"agent.id": "ghost-1", "grants": databases()}),
    );
    harness.step();
    harness
}

#[test]
fn a_store_rebuilt_from_the_changelog_has_the_same_timers() {
    let harness = busy();
    let factory = EngineFactory(Arc::clone(&harness.engine));
    let restored = MemoryStore::new();
    restored.restore_begin(0).unwrap();
    restored.bulk_load(0, harness.changelog.clone()).unwrap();
    let mut index = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        index.extend(
            factory
                .local_entry(key, value)
                .map(|(key, value)| (key, Some(value))),
        );
        ControlFlow::Continue(())
    };
    restored.scan_prefix(0, b"", &mut visit).unwrap();
    restored.bulk_load(0, index).unwrap();
    let meta = harness.metas.last().unwrap().to_bytes();
    restored.restore_finish(0, meta).unwrap();
    let original = harness.entries();
    let timers = original
        .keys()
        .filter(|key| key.starts_with("#timer/"))
        .count();
    assert!(timers >= 2, "{:?}", original.keys());
    assert_eq!(entries(&restored), original);
}

#[test]
fn a_timer_that_brings_its_tenant_into_memory_brings_what_undeclared_agents_share() {
    let mut harness = Harness::with(|options| options.detector.agents_undeclared_max = 1);
    harness.scope(T0, json!({"agent.id": "a1", "grants": databases()}));
    let ghost = |name: &str| {
        let mut action = read(name);
        action["agent.id"] = name.into();
        action
    };
    harness.action(T0 + 1, ghost("ghost-1"));
    harness.action(T0 + 2, mail("e1"));
    assert!(!harness.step().is_empty(), "an incident waits for its end");
    harness.reopen();
    harness.tick(T0 + 2 * HOUR);
    harness.step();
    harness.action(T0 + 2 * HOUR + 1, ghost("ghost-2"));
    harness.step();
    assert_eq!(harness.count("onboarding_full"), 1);
}

#[test]
fn rules_change_between_batches_and_alerts_name_theirs() {
    let mut harness = busy();
    let before = harness.engine.rules().bundle.hash;
    harness.action(T0 + 2 * HOUR, mail("old"));
    let commit = harness.take().unwrap();
    let policy = file(
        "rules/resources.yaml",
        "alias: {db.table: database.table}\n",
    );
    let other = rules_with(&[policy]);
    let after = other.bundle.hash;
    assert_ne!(before, after);
    harness.engine.activate_rules(other);
    harness.store(&commit);
    harness.action(T0 + 4 * HOUR, mail("new"));
    let new = harness.step();
    let hex = |hash: [u8; 32]| {
        hash[..16]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let opened = |alerts: &[serde_json::Value]| {
        let opened = alerts.iter().filter(|alert| alert["activity"] == "create");
        opened
            .map(|a| a["bundle"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(opened(&alerts(&commit.outputs)).last(), Some(&hex(before)));
    assert_eq!(opened(&new), [hex(after)]);
    assert_eq!(created(&new).len(), 1);
    let hashes: Vec<_> = harness
        .metas
        .iter()
        .rev()
        .take(2)
        .map(|meta| meta.bundle_hash)
        .collect();
    assert_eq!(hashes, [after, before]);
}

#[test]
fn a_commit_is_judged_by_the_rules_it_names() {
    let mut harness = busy();
    let before = harness.engine.rules().bundle.hash;
    harness.action(T0 + 2 * HOUR, mail("first"));
    harness.process().unwrap();
    let policy = file("rules/resources.yaml", "timezone: Europe/Berlin\n");
    harness.engine.activate_rules(rules_with(&[policy]));
    harness.action(T0 + 2 * HOUR + 1, mail("second"));
    harness.step();
    assert_eq!(harness.metas.last().unwrap().bundle_hash, before);
    harness.action(T0 + 2 * HOUR + 2, mail("third"));
    harness.step();
    assert_ne!(harness.metas.last().unwrap().bundle_hash, before);
}

#[test]
fn a_new_alias_renames_what_was_granted_before_it() {
    let grants = json!([{"resource_types": ["db.table"], "verbs": ["read"]}]);
    for restart in [false, true] {
        let mut harness = Harness::with(|_| ());
        harness.scope(T0, json!({"grants": grants}));
        harness.step();
        let alias = "alias: {db.table: database.table}\n\
                     resources: [{tool: sql, type: DB.Table}]\n";
        harness
            .engine
            .activate_rules(rules_with(&[file("rules/resources.yaml", alias)]));
        if restart {
            harness.reopen();
        }
        harness.action(T0 + MINUTE, read("new name"));
        let mut old = read("old name");
        old["resource.type"] = "db.table".into();
        harness.action(T0 + MINUTE, old);
        let tool = json!({"event_id": "by tool", "tool.name": "sql", "action.verb": "read"});
        harness.action(T0 + MINUTE, tool);
        assert_eq!(created(&harness.step()), Vec::<String>::new(), "{restart}");
        harness.action(T0 + MINUTE, mail("outside"));
        assert_eq!(created(&harness.step()).len(), 1, "{restart}");
    }
}

#[test]
fn missing_deferred_actions_stop_the_partition() {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"agent.id": "other", "grants": databases()}));
    harness.action(T0 + 1, read("waits"));
    harness.step();
    let mut state = harness.entries();
    let before = state.len();
    state.retain(|key, _| !key.contains("#deferred/"));
    assert_eq!(state.len() + 1, before);
    let key = "a:acme/a1#live";
    let live = state[key].clone();
    let error = go_on(&harness, &state, key, live).unwrap_err().to_string();
    assert!(error.contains("none is stored"), "{error}");
}

#[test]
fn state_of_another_partition_count_or_a_newer_machine_is_refused() {
    let harness = busy();
    let meta = harness.metas.last().unwrap();
    type Change = fn(&mut PartitionMeta);
    let changes: [(Change, &str); 2] = [
        (
            |meta| meta.partition_count = 12,
            "written with 12 partitions",
        ),
        (|meta| meta.core_version += 1, "a newer scopewatch"),
    ];
    for (change, said) in changes {
        let mut meta = meta.clone();
        change(&mut meta);
        let store = MemoryStore::new();
        store.open_partition(0).unwrap();
        store
            .write(WriteBatch::for_partition(0, Vec::new(), meta.to_bytes()))
            .unwrap();
        let opened = EngineTask::open(Arc::clone(&harness.engine), 0, &store);
        let error = opened.err().map(|error| error.to_string()).unwrap();
        assert!(error.contains(said), "{error}");
    }
}

/// Opens the task with one stored value replaced by a damaged one, and processes an action.
fn go_on(harness: &Harness, state: &Entries, key: &str, value: Vec<u8>) -> Result<(), TaskError> {
    let store = MemoryStore::new();
    store.open_partition(0).unwrap();
    let mut state = state.clone();
    state.insert(key.to_owned(), value);
    let puts = state
        .into_iter()
        .map(|(key, value)| (key.into_bytes(), Some(value)))
        .collect();
    let meta = harness.metas.last().unwrap();
    store
        .write(WriteBatch::for_partition(0, puts, meta.to_bytes()))
        .unwrap();
    let mut task = EngineTask::open(Arc::clone(&harness.engine), 0, &store)?;
    for (n, agent) in (100..).zip(["a1", "ghost-0", "ghost-1"]) {
        let mut action = mail(&format!("x{n}"));
        action["agent.id"] = agent.into();
        let input = scopewatch::event::Input::Actions;
        task.push(record(input, n, T0 + 2 * HOUR + n, &action));
    }
    task.process_queued(&store)
}

proptest! {
    #![proptest_config(crate::property::config(200))]

    #[test]
    fn damaged_state_is_an_error_that_names_its_key(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        thread_local! { static BUSY: Harness = busy(); }
        BUSY.with(|harness| {
            let state = harness.entries();
            let values: Vec<_> = state.iter().filter(|(_, value)| !value.is_empty()).collect();
            let (key, value) = which.get(&values);
            let subject = key.split('#').next().unwrap();
            let short = value[..at.index(value.len())].to_vec();
            let error = go_on(harness, &state, key, short).unwrap_err();
            prop_assert!(error.to_string().contains(subject), "{key}: {error}");
            let mut flipped = (*value).clone();
            flipped[at.index(value.len())] ^= 1 << bit;
            let error = go_on(harness, &state, key, flipped).unwrap_err();
            prop_assert!(error.to_string().contains(subject), "{key}: {error}");
            let longer = [&value[..], &[0]].concat();
            prop_assert!(go_on(harness, &state, key, longer).is_err());
            Ok(())
        })?;
    }
}
