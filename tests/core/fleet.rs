//! The same records give the same messages and the same state, for any batches, aborts and cache
//! sizes.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use scopewatch::codec::json;
use scopewatch::engine::contract::{InputRecord, OutputRecord, OutputTopic};
use scopewatch::engine::{Engine, EngineOptions, EngineTask};
use scopewatch::event::{Input, RecordBody, TimeSource};
use scopewatch::simulator::{
    AttackKind, AttackPlan, Fleet, FleetOptions, HOUR_MS, MINUTE_MS, scope_templates,
};

use crate::harness::{
    Entries, Harness, alerts, engine, file, messages, of, options, raw, rules_with,
};

pub const START_MS: i64 = 1_767_571_200_000;

/// The records of a fleet with one attack of each kind, in order of arrival.
pub fn records(seed: u64) -> Vec<InputRecord> {
    let kinds = AttackKind::judged();
    let plan = AttackPlan {
        spacing_ms: 5 * MINUTE_MS,
        attacks_max: Some(kinds.len() as u32),
        ..AttackPlan::new(kinds, START_MS + 8 * HOUR_MS)
    };
    let fleet = Fleet::new(FleetOptions {
        seed,
        agents: 60,
        tenants: 2,
        start_ms: START_MS,
        end_ms: START_MS + 14 * HOUR_MS,
        rate: 0.15,
        attacks: Some(plan),
    });
    let mut offsets = [0_i64; 5];
    let mut append_ms = START_MS;
    let each = fleet.unwrap().map(|sim| {
        // Append times are all different, so that records are merged in order of arrival.
        append_ms = sim.at_ms.max(append_ms + 1);
        let (input, bytes) = match &sim.body {
            RecordBody::Action(action) => (Input::Actions, json::write_action(action)),
            RecordBody::Scope(scope) => (Input::Scopes, json::write_scope(scope)),
            RecordBody::Control(control) => (Input::Control, json::write_control(control)),
            RecordBody::Link(_) | RecordBody::Unreadable(_) => {
                unreachable!("the simulator makes none")
            }
        };
        let key = sim.body.agent_key().unwrap().to_string();
        let offset = &mut offsets[input as usize];
        *offset += 1;
        raw(
            input,
            *offset - 1,
            append_ms,
            Some(key.as_bytes()),
            Some(&bytes),
        )
    });
    each.collect()
}

fn fleet(change: impl FnOnce(&mut EngineOptions)) -> Harness {
    Harness::new(fleet_engine(change))
}

/// An engine with the rules and templates of the fleet, which requests what rules ask for.
pub fn fleet_engine(change: impl FnOnce(&mut EngineOptions)) -> Arc<Engine> {
    let mut more = scope_templates();
    more.push(file(
        "rules/response.yaml",
        "default: auto\nbudget: {agents-per-hour: 100}\n",
    ));
    let mut options = options();
    change(&mut options);
    engine(rules_with(&more), options)
}

/// How a run is cut into batches, and which commits fail.
pub struct Cut {
    /// Largest batch; sizes are drawn from 1 to this.
    batch_max: usize,
    /// One in so many commits is lost together with its task; 0 for none.
    abort_in: u64,
    /// One in so many commits is followed by a restart; 0 for none.
    restart_in: u64,
}

pub fn run(mut harness: Harness, records: &[InputRecord], cut: &Cut, seed: u64) -> Harness {
    let mut dice = Pcg64Mcg::seed_from_u64(seed);
    let mut one_in = move |n: u64| n > 0 && dice.next_u64().is_multiple_of(n);
    let mut sizes = Pcg64Mcg::seed_from_u64(seed + 1);
    let mut rest = records;
    while !rest.is_empty() {
        let size = 1 + (sizes.next_u64() as usize % cut.batch_max);
        let (batch, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        batch.iter().for_each(|record| harness.push(record.clone()));
        let mut commit = harness.take();
        while one_in(cut.abort_in) {
            harness.reopen();
            commit = harness.take();
        }
        if let Some(commit) = commit {
            harness.store(&commit);
        }
        if one_in(cut.restart_in) {
            harness.reopen();
        }
    }
    harness
}

/// What may not depend on the batches: messages, state, and META except its count and hashes.
fn essence(harness: &Harness) -> (Vec<&OutputRecord>, Entries, [Option<i64>; 5], i64) {
    let meta = harness.task.meta();
    let place = (meta.offsets_next, meta.stream_ms);
    (
        messages(&harness.outputs),
        harness.entries(),
        place.0,
        place.1,
    )
}

pub fn same(a: &Harness, b: &Harness, what: &str) {
    let (ours, theirs) = (essence(a), essence(b));
    for (mine, other) in ours.0.iter().zip(&theirs.0) {
        let text =
            |o: &OutputRecord| String::from_utf8_lossy(o.value.as_ref().unwrap()).into_owned();
        assert!(mine == other, "{what}:\n{}\n{}", text(mine), text(other));
    }
    assert_eq!(ours.0.len(), theirs.0.len(), "{what}: messages");
    for key in ours.1.keys().chain(theirs.1.keys()) {
        assert!(
            ours.1.get(key) == theirs.1.get(key),
            "{what}: {key} differs"
        );
    }
    assert_eq!((ours.2, ours.3), (theirs.2, theirs.3), "{what}: META");
}

const WHOLE: Cut = Cut {
    batch_max: usize::MAX,
    abort_in: 0,
    restart_in: 0,
};

fn whole(harness: Harness, records: &[InputRecord]) -> Harness {
    let mut harness = harness;
    records
        .iter()
        .for_each(|record| harness.push(record.clone()));
    harness.step();
    harness
}

pub fn cuts() -> [(&'static str, Cut); 4] {
    [
        (
            "one by one",
            Cut {
                batch_max: 1,
                ..WHOLE
            },
        ),
        (
            "random batches",
            Cut {
                batch_max: 300,
                ..WHOLE
            },
        ),
        (
            "aborts",
            Cut {
                batch_max: 60,
                abort_in: 3,
                restart_in: 0,
            },
        ),
        (
            "restarts",
            Cut {
                batch_max: 60,
                abort_in: 5,
                restart_in: 3,
            },
        ),
    ]
}

#[test]
fn batches_aborts_and_restarts_change_nothing() {
    for seed in crate::property::seeds(3) {
        let records = records(seed);
        let reference = whole(fleet(|_| ()), &records);
        let told = alerts(&reference.outputs).len();
        assert!(
            told > 40,
            "seed {seed}: {told} alerts of {} records",
            records.len()
        );
        assert!(of(&reference.outputs, OutputTopic::Revocations).count() > 4);
        for (name, cut) in cuts() {
            let other = run(fleet(|_| ()), &records, &cut, seed);
            same(&reference, &other, &format!("seed {seed}, {name}"));
        }
    }
}

#[test]
fn under_event_time_too() {
    // All scopes arrive before the actions, as when a topic is read from its beginning.
    let mut records = records(4);
    records.sort_by_key(|record| record.input == Input::Actions);
    let event = |options: &mut EngineOptions| options.time = TimeSource::Event;
    let reference = whole(fleet(event), &records);
    assert!(alerts(&reference.outputs).len() > 40);
    for (name, cut) in cuts() {
        let mut harness = fleet(event);
        let first = records
            .iter()
            .take_while(|record| record.input != Input::Actions)
            .count();
        records[..first]
            .iter()
            .for_each(|record| harness.push(record.clone()));
        let other = run(harness, &records[first..], &cut, 4);
        same(&reference, &other, name);
    }
}

#[test]
fn a_small_cache_judges_as_a_large_one() {
    for agents_cached_max in [1, 7, 40] {
        let records = records(5);
        let small = |options: &mut EngineOptions| options.agents_cached_max = agents_cached_max;
        let cut = Cut {
            batch_max: 20,
            ..WHOLE
        };
        let large = run(fleet(|_| ()), &records, &cut, 5);
        let small = run(fleet(small), &records, &cut, 5);
        assert!(
            small.task.subject_count() < large.task.subject_count(),
            "nothing was evicted"
        );
        same(&large, &small, &format!("{agents_cached_max} agents"));
    }
}

#[test]
fn a_tight_bound_on_deferred_actions_survives_restarts_and_evictions() {
    let records = records(6);
    let tight = |options: &mut EngineOptions| {
        options.detector.deferred_per_partition_max = 2;
        options.detector.defer_ms = 20 * MINUTE_MS;
    };
    let reference = whole(fleet(tight), &records);
    assert!(
        reference.count("deferrals_refused") > 0,
        "the bound was never hit"
    );
    for (name, cut) in cuts() {
        same(&reference, &run(fleet(tight), &records, &cut, 6), name);
    }
    let evicting = |options: &mut EngineOptions| {
        tight(options);
        options.agents_cached_max = 1;
    };
    let cut = Cut {
        batch_max: 5,
        ..WHOLE
    };
    same(
        &reference,
        &run(fleet(evicting), &records, &cut, 6),
        "evictions",
    );
}

#[test]
fn a_suffix_that_comes_again_changes_nothing() {
    let records = records(7);
    let mut harness = whole(fleet(|_| ()), &records);
    let ids = |outputs: &[OutputRecord]| -> std::collections::BTreeSet<Vec<u8>> {
        let id = |o: &OutputRecord| {
            o.headers
                .iter()
                .find(|(name, _)| name == "message-id")
                .cloned()
        };
        outputs.iter().filter_map(|o| id(o)?.1).collect()
    };
    let (before, told) = (harness.entries(), ids(&harness.outputs));
    for from in [records.len() / 2, records.len() - 50, 0] {
        let mark = harness.outputs.len();
        let again = EngineTask::open(Arc::clone(&harness.engine), 0, &harness.store);
        harness.task = again.unwrap();
        records[from..]
            .iter()
            .for_each(|record| harness.push(record.clone()));
        harness.step();
        let fresh = ids(&harness.outputs[mark..]);
        assert!(fresh.is_subset(&told), "from {from}: new ids");
        let after = harness.entries();
        for key in before.keys().chain(after.keys()) {
            assert!(
                before.get(key) == after.get(key),
                "from {from}: {key} changed"
            );
        }
    }
    assert!(harness.count("reapplied") > 0);
}
