//! Single records: their time, retries, dead letters, unknown schemas.

use std::sync::Arc;

use scopewatch::codec::avro::ACTION_SCHEMA;
use scopewatch::codec::{Decoder, SchemaSet};
use scopewatch::engine::contract::{InputRecord, OutputTopic, PartitionTask, Rejection, TaskError};
use scopewatch::engine::outcome::FailureStage;
use scopewatch::engine::{Engine, EngineTask};
use scopewatch::event::{Input, TimeSource};
use serde_json::json;

use crate::harness::{
    HOUR, Harness, MINUTE, SECOND, T0, created, databases, file, mail, of, options, raw, read,
    record, rules_with,
};

#[test]
fn an_agents_clock_is_clamped_to_the_append_time() {
    let early = -15 * MINUTE;
    for (claim_ms, clamped) in [
        (early - 1, 1),
        (early, 0),
        (early + 1, 0),
        (5_000 - 1, 0),
        (5_000, 0),
        (5_001, 1),
    ] {
        let mut harness = Harness::with(|_| ());
        // The scope is valid in exactly the bounds: an action whose time is not moved into them is
        // outside.
        harness.scope(
            T0,
            json!({
                "grants": databases(), "effective_from": T0 + HOUR + early,
                "expires_at": T0 + HOUR + 5_001,
            }),
        );
        let mut action = read("e");
        action["occurred_at"] = (T0 + HOUR + claim_ms).into();
        harness.action(T0 + HOUR, action);
        assert!(harness.step().is_empty(), "{claim_ms}");
        assert_eq!(harness.count("clamped"), clamped, "{claim_ms}");
    }
}

#[test]
fn an_agents_future_never_moves_stream_time() {
    let mut harness = Harness::with(|_| ());
    let mut action = read("e");
    action["occurred_at"] = (T0 + 1_000 * HOUR).into();
    harness.action(T0, action);
    harness.step();
    assert_eq!(harness.task.stream_ms(), T0);
    // An earlier append time does not move stream time back.
    harness.action(T0 - HOUR, read("f"));
    harness.step();
    assert_eq!(harness.task.stream_ms(), T0);
    assert_eq!(harness.metas.last().unwrap().stream_ms, T0);
}

#[test]
fn a_tick_ends_waits_and_closes_incidents() {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"agent.id": "other", "grants": databases()}));
    harness.action(T0, read("e"));
    assert!(harness.step().is_empty(), "it waits");
    let ticks = |harness: &Harness, wall_ms, quiet_ms| {
        let tick = harness.task.tick_record(wall_ms, quiet_ms);
        tick.is_some()
    };
    let due_ms = T0 + 30 * SECOND;
    assert!(!ticks(&harness, due_ms - 1, 0), "nothing is due");
    assert!(ticks(&harness, due_ms, 0), "time must pass for it");
    assert!(!ticks(&harness, 0, 30 * SECOND - 1), "nothing is due");
    assert!(ticks(&harness, 0, 30 * SECOND), "the wall clock is behind");
    harness.tick(T0 + 30 * SECOND - 1);
    assert!(harness.step().is_empty(), "a millisecond too early");
    harness.tick(T0 + 30 * SECOND);
    assert_eq!(created(&harness.step()).len(), 1);
    let from_ms = T0 + MINUTE;
    harness.scope(from_ms, json!({"grants": databases()}));
    harness.action(from_ms, mail("f"));
    let titles = created(&harness.step());
    let opened = titles[0].as_str();
    harness.tick(from_ms + HOUR - 1);
    let closes = |alerts: &[serde_json::Value]| {
        alerts
            .iter()
            .filter(|a| a["activity"] == "quiet" && a["rule"]["title"] == opened)
            .count()
    };
    assert_eq!(closes(&harness.step()), 0);
    harness.tick(from_ms + HOUR);
    assert_eq!(closes(&harness.step()), 1);
}

#[test]
fn under_event_time_ticks_move_nothing_and_scopes_wait_for_the_actions_time() {
    let mut harness = Harness::with(|options| options.time = TimeSource::Event);
    let at = |id: &str, at_ms: i64| {
        let mut action = mail(id);
        action["occurred_at"] = at_ms.into();
        action
    };
    harness.scope(0, json!({"grants": databases(), "effective_from": T0}));
    harness.scope(
        0,
        json!({
            "grants": [{"resource_types": ["*"]}], "effective_from": T0 + 48 * HOUR,
        }),
    );
    harness.action(0, at("first", T0));
    harness.tick(T0 + 1_000 * HOUR);
    assert_eq!(created(&harness.step()).len(), 1);
    assert_eq!(harness.task.stream_ms(), T0);
    let taken = harness.task.meta().offset_next(Input::Scopes);
    assert_eq!(taken, Some(1), "the second scope waits");
    assert!(harness.task.tick_record(i64::MAX, i64::MAX).is_none());
    harness.action(0, at("second", T0 + 48 * HOUR));
    let after = harness.step();
    assert!(created(&after).is_empty(), "{after:?}");
    assert_eq!(harness.task.meta().offset_next(Input::Scopes), Some(2));
}

fn letters(harness: &Harness) -> Vec<(InputRecord, String)> {
    let of = of(&harness.outputs, OutputTopic::DeadLetter);
    of.map(|letter| {
        let header = |name: &str| {
            let name = format!("__scopewatch.errors.{name}");
            let (_, value) = letter
                .headers
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap();
            String::from_utf8(value.clone().unwrap()).unwrap()
        };
        let offset = header("offset").parse().unwrap();
        let topic = header("topic");
        let theirs = |(name, _): &&(String, _)| !name.starts_with("__scopewatch.");
        let mut original = raw(Input::Actions, offset, 0, None, None);
        original.input = if topic == "agent.scopes" {
            Input::Scopes
        } else {
            Input::Actions
        };
        (original.key, original.value) = (letter.key.clone(), letter.value.clone());
        original.headers = letter.headers.iter().filter(theirs).cloned().collect();
        (original, header("class"))
    })
    .collect()
}

#[test]
fn a_value_whose_schema_stands_in_a_header_is_a_dead_letter_that_names_the_header() {
    for header in ["__value_schema_id", "other"] {
        let mut harness = Harness::with(|_| ());
        let bare = [2, b'a', 2, 2];
        let mut record = raw(Input::Actions, 0, T0, Some(b"acme/a1"), Some(&bare));
        record.headers = vec![(header.to_owned(), Some(vec![1; 17]))];
        harness.push(record);
        harness.step();
        assert_eq!(letters(&harness)[0].1, "not_json");
        let letter = of(&harness.outputs, OutputTopic::DeadLetter)
            .next()
            .unwrap();
        let message = letter
            .headers
            .iter()
            .find(|(name, _)| name.ends_with(".message"));
        let message = message.and_then(|(_, value)| value.clone()).unwrap();
        let message = String::from_utf8(message).unwrap();
        assert_eq!(message.contains(header), header != "other", "{message}");
    }
}

/// Key, value and the class of the refusal.
type Bad<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a str);

#[test]
fn every_record_is_applied_or_a_dead_letter_byte_for_byte() {
    let mut harness = Harness::with(|_| ());
    let key: &[u8] = b"acme/a1";
    let huge = vec![b' '; 256 * 1024 + 1];
    let good = read("good")
        .to_string()
        .replace('{', r#"{"tenant":"acme","agent.id":"a1","#);
    let bad: [Bad<'_>; 11] = [
        (Some(key), Some(b"{\"agent\":\xff\xfe"), "not_json"),
        (Some(key), Some(b"[]"), "not_json"),
        (Some(key), None, "not_json"),
        (None, None, "not_json"),
        (Some(key), Some(b"\x00\x00\x00\x00\x07\x02a"), "not_json"),
        (Some(key), Some(b"\xc3\x01short"), "malformed"),
        (Some(key), Some(b"{\"tenant\":\"other\"}"), "contract"),
        (Some(key), Some(&huge), "too_large"),
        (Some(b"acme/other"), Some(good.as_bytes()), "key_mismatch"),
        (Some(b"\xff\x00"), Some(good.as_bytes()), "key_mismatch"),
        (None, Some(good.as_bytes()), "key_mismatch"),
    ];
    let headers = vec![
        ("trace".to_owned(), Some(b"\x00\xff".to_vec())),
        ("none".to_owned(), None),
    ];
    let mut sent = Vec::new();
    for (offset, (key, value, class)) in bad.iter().enumerate() {
        let mut letter = raw(Input::Actions, 2 * offset as i64, T0, *key, *value);
        letter.headers.clone_from(&headers);
        harness.push(letter.clone());
        let id = json!({"event_id": format!("ok{offset}")});
        harness.push(record(Input::Actions, 2 * offset as i64 + 1, T0, &id));
        letter.append_ms = 0;
        sent.push((letter, (*class).to_owned()));
    }
    let scope = raw(
        Input::Scopes,
        0,
        T0,
        Some(b"acme/b"),
        Some(b"{\"agent.id\":\"a\"}"),
    );
    harness.push(scope);
    harness.step();
    let found = letters(&harness);
    assert_eq!(found.len(), sent.len() + 1);
    for (letter, class) in &sent {
        let place = |l: &&(InputRecord, String)| {
            l.0.input == letter.input && l.0.position.offset == letter.position.offset
        };
        let matching: Vec<_> = found.iter().filter(place).collect();
        assert_eq!(matching, [&(letter.clone(), class.clone())]);
    }
    let totals = harness.engine.totals();
    assert_eq!(totals.records, 23);
    assert_eq!((totals.detector.actions, totals.dead_letters), (11, 12));
    assert_eq!(
        harness.metas.last().unwrap().offset_next(Input::Actions),
        Some(22)
    );
}

#[test]
fn a_dead_letter_alerts_for_the_agent_of_its_key_and_for_nobody_else() {
    let alerts = |key: Option<&[u8]>, value: &[u8]| {
        let mut harness = Harness::with(|_| ());
        harness.scope(T0, json!({"grants": databases()}));
        harness.push(raw(Input::Actions, 7, T0 + SECOND, key, Some(value)));
        harness.push(raw(Input::Control, 0, T0 + SECOND, key, Some(value)));
        let alerts = harness.step();
        assert_eq!(of(&harness.outputs, OutputTopic::Revocations).count(), 0);
        let alerts = alerts.iter();
        let unreadable = alerts.filter(|alert| alert["rule"]["title"] == "Unreadable action");
        let found = unreadable.map(|alert| {
            assert_eq!(alert["event_ids"], json!(["agent.actions/0/7/0"]));
            let class = alert["facts"]["event.dead_letter"].as_str();
            let text = alert["message"].as_str().unwrap();
            assert!(class.is_none_or(|class| text.contains(class)), "{text}");
            let agent = format!("{}/{}", alert["tenant"], alert["agent_id"]);
            agent.replace('"', "")
        });
        found.collect::<Vec<_>>()
    };
    let other = br#"{"tenant":"acme","agent.id":"b","action.verb":"delete"}"#;
    for value in [
        &b"no json"[..],
        b"",
        b"\x00\x00\x00\x00\x07",
        &[b'{'; 300_000],
        other,
    ] {
        assert_eq!(alerts(Some(b"acme/a1"), value), ["acme/a1"], "{value:?}");
        assert_eq!(
            alerts(Some(b"other/x/y"), value),
            ["other/x/y"],
            "undeclared too"
        );
        for key in [
            None,
            Some(&b"acme"[..]),
            Some(b"acme/"),
            Some(b"\xff/a"),
            Some(b"a/\n"),
        ] {
            assert_eq!(alerts(key, value), [""; 0], "{key:?}");
        }
    }
}

#[test]
fn a_dead_letter_is_judged_once_and_learned_from_by_no_other_rule() {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"grants": databases()}));
    let letter = |offset| raw(Input::Actions, offset, T0, Some(b"acme/a1"), Some(b"["));
    harness.push(letter(1));
    harness.push(letter(1));
    let alerts = harness.step();
    assert_eq!(created(&alerts), ["Unreadable action"]);
    assert_eq!(alerts[0]["also"], json!([]));
    assert_eq!(alerts[0]["count"], 1);
    assert_eq!(
        (harness.count("actions"), harness.count("findings")),
        (0, 1)
    );
}

#[test]
fn a_record_on_which_the_program_failed_is_a_dead_letter_and_not_even_decoded() {
    let mut harness = Harness::with(|_| ());
    let rejection = Rejection {
        stage: FailureStage::Processing,
        class: "processor_error",
        message: "the program failed on this record: boom".into(),
        reported: true,
    };
    let failed = record(Input::Actions, 0, T0, &read("good"));
    harness.task.push_rejected(failed.clone(), rejection);
    harness.step();
    let found = letters(&harness);
    assert_eq!((found.len(), &found[0].0.value), (1, &failed.value));
    assert_eq!(found[0].1, "processor_error");
    let totals = harness.engine.totals();
    assert_eq!((totals.detector.actions, totals.dead_letters), (0, 1));
    let meta = harness.metas.last().unwrap();
    assert_eq!(meta.offset_next(Input::Actions), Some(1));
}

/// An Avro schema with tenant and agent, and a record of it under the Confluent id 7.
const SMALL_SCHEMA: &str = "{\"type\":\"record\",\"name\":\"A\",\"fields\":[\
    {\"name\":\"tenant\",\"type\":\"string\"},\
    {\"name\":\"agent\",\"type\":{\"type\":\"record\",\
    \"name\":\"G\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}}]}";
const SMALL_RECORD: &[u8] = b"\0\0\0\0\x07\x08acme\x04a1";

/// A decoder that knows one schema under these ids.
fn decoder_of(ids: &[u32]) -> Decoder {
    let files = ids.iter().map(|id| (*id, file("a.avsc", SMALL_SCHEMA)));
    Decoder::new(SchemaSet::new(files).unwrap())
}

/// A harness whose decoder knows another id; a record with the id 7 waits before another record.
fn waiting_for_a_schema() -> Harness {
    let engine = Engine::new(decoder_of(&[8]), rules_with(&[]), None, options());
    let mut harness = Harness::new(Arc::new(engine));
    let key = Some(&b"acme/a1"[..]);
    harness.push(raw(Input::Actions, 0, T0, key, Some(SMALL_RECORD)));
    harness.push(record(Input::Actions, 1, T0 + 1, &read("after")));
    for _ in 0..2 {
        let error = harness.process().unwrap_err();
        assert!(matches!(error, TaskError::Paused { .. }), "{error}");
    }
    harness
}

#[test]
fn schemas_that_are_loaded_anew_end_the_wait_of_a_record() {
    let mut harness = waiting_for_a_schema();
    harness.engine.set_decoder(decoder_of(&[7, 8]));
    harness.step();
    assert!(letters(&harness).is_empty());
    assert_eq!(harness.engine.totals().detector.actions, 2);
}

#[test]
fn a_record_that_waits_no_longer_for_its_schema_is_a_dead_letter_and_the_next_is_judged() {
    let mut harness = waiting_for_a_schema();
    harness.task.reject_waiting(Input::Actions);
    harness.step();
    let found = letters(&harness);
    assert_eq!((found.len(), found[0].1.as_str()), (1, "unknown_schema_id"));
    assert_eq!(found[0].0.value.as_deref(), Some(SMALL_RECORD));
    let meta = harness.metas.last().unwrap();
    assert_eq!(meta.offset_next(Input::Actions), Some(2));
}

#[test]
fn an_unknown_schema_id_pauses_and_a_restart_that_knows_it_resumes() {
    let other = SchemaSet::new([(8, file("b.avsc", ACTION_SCHEMA))]).unwrap();
    let engine = Engine::new(Decoder::new(other), rules_with(&[]), None, options());
    let mut harness = Harness::new(Arc::new(engine));
    harness.action(T0, read("before"));
    let framed = |body: &[u8]| [&[0, 0, 0, 0, 7], body].concat();
    let schema = "{\"type\":\"record\",\"name\":\"A\",\"fields\":[\
        {\"name\":\"tenant\",\"type\":\"string\"},\
        {\"name\":\"agent\",\"type\":{\"type\":\"record\",\
        \"name\":\"G\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}}]}";
    let body = framed(b"\x08acme\x04a1");
    harness.push(raw(
        Input::Actions,
        1,
        T0 + 1,
        Some(b"acme/a1"),
        Some(&body),
    ));
    harness.push(record(Input::Actions, 2, T0 + 2, &read("after")));
    for _ in 0..2 {
        let error = harness.process().unwrap_err();
        let TaskError::Paused {
            input: Input::Actions,
            reason,
        } = error
        else {
            panic!("{error}")
        };
        assert!(reason.starts_with("agent.actions/0/1: "), "{reason}");
        assert_eq!(harness.task.pending_records(), 2);
    }
    let commit = harness.task.take_commit().unwrap();
    assert_eq!(
        commit.actions_offset_next,
        Some(1),
        "what came before is committed"
    );
    harness.store(&commit);
    let schemas = SchemaSet::new([(7, file("a.avsc", schema))]).unwrap();
    let engine = Engine::new(Decoder::new(schemas), rules_with(&[]), None, options());
    harness.engine = Arc::new(engine);
    harness.task = EngineTask::open(Arc::clone(&harness.engine), 0, &harness.store).unwrap();
    harness.reopen();
    harness.step();
    assert_eq!(
        harness.metas.last().unwrap().offset_next(Input::Actions),
        Some(3)
    );
    assert_eq!(harness.engine.totals().detector.actions, 2);
    assert_eq!(of(&harness.outputs, OutputTopic::DeadLetter).count(), 0);
}
