//! The shipped mappings on foreign records that are odd on purpose: every record of an agent
//! becomes an action, accounts stay apart, and nothing is guessed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::codec::{Mapping, json_lines, mapping};
use crate::event::AgentAction;

const CLOUDTRAIL: &str = include_str!("../../../schemas/mappings/cloudtrail.jq");
const TOOLCALLS: &str = include_str!("../../../schemas/mappings/agent-toolcalls.jq");
const TEMPLATE: &str = include_str!("../../../schemas/mappings/template.jq");
const TRAIL: &[u8] = include_bytes!("../../../tests/foreign/cloudtrail.jsonl");

fn compile(program: &str) -> Mapping {
    Mapping::compile("m.jq", program).unwrap_or_else(|problem| panic!("{problem}"))
}

/// One line of the expected text.
fn describe_action(action: &AgentAction) -> String {
    let mut line = String::new();
    let mut column = |value: Option<&dyn std::fmt::Display>| {
        let separator = if line.is_empty() { "" } else { " | " };
        match value {
            Some(value) => write!(line, "{separator}{value}").unwrap(),
            None => write!(line, "{separator}-").unwrap(),
        }
    };
    fn shown<T: std::fmt::Display>(value: Option<&T>) -> Option<&dyn std::fmt::Display> {
        value.map(|value| value as &dyn std::fmt::Display)
    }
    column(shown(action.event_id.as_ref()));
    column(Some(&action.agent_id));
    column(shown(action.agent_type.as_ref()));
    column(shown(action.tool_name.as_ref()));
    column(Some(&action.action_verb));
    column(shown(action.action_operation.as_ref()));
    column(Some(&action.resource_type));
    column(shown(action.resource_id.as_ref()));
    column(shown(action.resource_owner.as_ref()));
    column(shown(action.outcome.map(|word| word.as_str()).as_ref()));
    column(shown(
        action.channel_network.map(|word| word.as_str()).as_ref(),
    ));
    column(shown(action.volume_bytes_in.as_ref()));
    column(shown(action.volume_bytes_out.as_ref()));
    column(shown(action.credential_id.as_ref()));
    column(shown(action.credential_kind.as_ref()));
    line
}

/// What a mapping makes of a file, and the numbers of the lines that it skips.
fn describe_file(program: &str, records: &[u8]) -> (String, Vec<u64>) {
    let mapping = compile(program);
    let records = json_lines::json_lines(records).map(|line| (line.number, line.record.unwrap()));
    let (mut text, mut skipped) = (String::new(), Vec::new());
    for mapped in mapping::map_records(records, &mapping) {
        let outputs = mapped.result;
        let actions: Vec<AgentAction> = outputs
            .and_then(|outputs| outputs.into_iter().collect())
            .unwrap_or_else(|error| panic!("line {}: {error}", mapped.number));
        if actions.is_empty() {
            skipped.push(mapped.number);
        }
        for action in &actions {
            writeln!(text, "{}", describe_action(action)).unwrap();
        }
    }
    (text, skipped)
}

#[test]
fn odd_records_map_as_reviewed() {
    for (name, program, records, expected, skipped) in [
        (
            "cloudtrail",
            CLOUDTRAIL,
            TRAIL,
            include_str!("../../../tests/foreign/cloudtrail.mapped.txt"),
            4,
        ),
        (
            "agent-toolcalls",
            TOOLCALLS,
            include_bytes!("../../../tests/foreign/agent-toolcalls.jsonl"),
            include_str!("../../../tests/foreign/agent-toolcalls.mapped.txt"),
            2,
        ),
        (
            "template",
            TEMPLATE,
            include_bytes!("../../../tests/foreign/template.jsonl"),
            include_str!("../../../tests/foreign/template.mapped.txt"),
            1,
        ),
    ] {
        let (text, left_out) = describe_file(program, records);
        // Printed whole, so that a reviewer can compare and copy it.
        assert!(text == expected, "{name}:\n{text}<end>");
        assert_eq!(left_out.len(), skipped, "{name} skips {left_out:?}");
    }
}

/// The actions of one CloudTrail record.
fn trail(record: &Value) -> Vec<AgentAction> {
    compile(CLOUDTRAIL)
        .map_record(record.to_string().as_bytes())
        .and_then(|outputs| outputs.into_iter().collect())
        .unwrap_or_else(|error| panic!("{error}: {record}"))
}

#[test]
fn nobody_of_one_account_is_taken_for_somebody_of_another() {
    let accounts = ["111111111111", "222222222222", "333333333333"];
    let identities = [
        json!({"type": "IAMUser", "userName": "ops"}),
        json!({"type": "AssumedRole", "principalId": "A:s",
            "sessionContext": {"sessionIssuer": {"userName": "ops"}}}),
        json!({"type": "FederatedUser", "principalId": "1:ops"}),
        json!({"type": "SAMLUser", "userName": "ops"}),
        json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "ops"}}),
        json!({"type": "AWSAccount", "principalId": "ops"}),
        json!({"type": "AWSAccount"}),
        json!({"type": "Unknown", "userName": "ops"}),
        json!({"type": "Root"}),
    ];
    let mut ids = BTreeSet::new();
    for account in accounts {
        for identity in &identities {
            let mut identity = identity.clone();
            identity["accountId"] = account.into();
            let record = json!({"eventName": "GetObject", "eventSource": "s3.amazonaws.com",
                "recipientAccountId": "999999999999", "userIdentity": identity});
            let id = trail(&record)[0].agent_id.to_string();
            assert!(id.starts_with(&format!("{account}/")), "{id}");
            assert!(ids.insert(id.clone()), "{id} stands for two identities");
        }
    }
}

#[test]
fn a_key_id_proves_no_channel_and_no_argument_an_owner() {
    let record = json!({"eventName": "GetObject", "eventSource": "s3.amazonaws.com",
        "userIdentity": {"type": "IAMUser", "userName": "u", "accountId": "1",
            "accessKeyId": "AKIA1"},
        "requestParameters": {"bucketName": "b", "key": "k", "expectedBucketOwner": "2"}});
    let action = trail(&record).remove(0);
    assert_eq!(action.channel_authenticated, None);
    assert_eq!(action.channel_encrypted, None);
    assert_eq!(action.resource_owner, None);
    let call = json!({"agent": "a", "tool": "cancel_reservation", "ok": true,
        "arguments": {"reservation_id": "r", "user_id": "whoever", "owner": "whoever"}});
    let call = compile(TOOLCALLS).map_record(call.to_string().as_bytes());
    assert_eq!(call.unwrap().remove(0).unwrap().resource_owner, None);
    let silent = compile(TEMPLATE).map_record(br#"{"agent":"a","tool":"t"}"#);
    assert_eq!(silent.unwrap().remove(0).unwrap().outcome, None);
}

#[test]
fn a_mapping_emits_each_call_of_a_batch_and_never_none() {
    let request = |body: Value| {
        json!({"eventName": "InvokeGateway", "eventSource": "bedrock-agentcore.amazonaws.com",
            "eventID": "e", "requestParameters": {"body": body}})
    };
    let call = |tool: &str| json!({"method": "tools/call", "params": {"name": tool}});
    for calls in [0, 1, 2, 500, 501, 3_000] {
        let body = (0..calls).map(|n| call(&format!("t___delete_{n}")));
        let actions = trail(&request(body.collect()));
        let expected = if (1..=500).contains(&calls) { calls } else { 1 };
        assert_eq!(actions.len(), expected, "{calls} calls");
    }
}

/// A value of any type, some of them as hostile as JSON allows.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("")),
        Just(json!("{\"a\":{\"b\":1}}")),
        Just(json!("{bad")),
        Just(json!([])),
        Just(json!([[1], null, "x", {}])),
        Just(json!({})),
        Just(json!({"a": {"b": [1]}, "items": "x", "Set": 7})),
    ]
}

/// The ways to all values of `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (escape(name), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (name, part) in parts {
        let pointer = format!("{at}/{name}");
        pointers(part, &pointer, found);
        found.push(pointer);
    }
}

/// The sample records that have an event name themselves.
fn named_records() -> Vec<Value> {
    let lines = json_lines::json_lines(TRAIL);
    let records = lines.map(|line| serde_json::from_slice(line.record.unwrap()).unwrap());
    records
        .filter(|record: &Value| record["eventName"].is_string())
        .collect()
}

proptest! {
    #![proptest_config(crate::property::config(300))]

    #[test]
    fn every_trail_record_with_an_event_name_becomes_an_action(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), odd_value()), 0..6),
    ) {
        let records = named_records();
        let mut record = pick.get(&records).clone();
        let mut all = Vec::new();
        pointers(&record, "", &mut all);
        all.retain(|pointer| !pointer.ends_with("/eventName"));
        for (at, value) in changes {
            if let Some(target) = record.pointer_mut(at.get::<String>(&all)) {
                *target = value;
            }
        }
        let text = record.to_string();
        let mapped = compile_once().with(|mapping| mapping.map_record(text.as_bytes()));
        let actions: Vec<AgentAction> = mapped
            .and_then(|outputs| outputs.into_iter().collect())
            .unwrap_or_else(|error| panic!("{error}: {text}"));
        prop_assert!(!actions.is_empty(), "{}", text);
    }
}

/// The mapping, compiled once: compiling costs as much as mapping a thousand records.
fn compile_once() -> &'static std::thread::LocalKey<Mapping> {
    thread_local! {
        static MAPPING: Mapping = compile(CLOUDTRAIL);
    }
    &MAPPING
}
