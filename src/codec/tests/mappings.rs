//! Mappings: what a jq program may do, how its outputs become actions, and the shipped programs on
//! real records.

use std::fmt::Write as _;

use crate::codec::{DecodeErrorKind, Mapping, json, json_lines, mapping};
use crate::event::limits::{JSON_DEPTH_MAX, MAPPED_ACTIONS_MAX, RECORD_BYTES_MAX};
use crate::event::{ActionField, AgentAction, Verb};

const CLOUDTRAIL: &str = include_str!("../../../schemas/mappings/cloudtrail.jq");
const TOOLCALLS: &str = include_str!("../../../schemas/mappings/agent-toolcalls.jq");
const TEMPLATE: &str = include_str!("../../../schemas/mappings/template.jq");

fn compile(program: &str) -> Mapping {
    Mapping::compile("m.jq", program).unwrap_or_else(|problem| panic!("{problem}"))
}

fn map(program: &str, record: &str) -> Result<Vec<AgentAction>, (DecodeErrorKind, String)> {
    compile(program)
        .map_record(record.as_bytes())
        .and_then(|outputs| outputs.into_iter().collect())
        .map_err(|error| (error.kind, error.message))
}

#[test]
fn a_mapping_is_shared_by_all_workers() {
    fn shared<T: Send + Sync>() {}
    shared::<Mapping>();
}

#[test]
fn a_program_sees_its_record_and_nothing_else() {
    for program in [
        "env",
        "$ENV",
        "now",
        "input",
        "inputs",
        "halt",
        "halt(0)",
        "halt_error",
        "halt_error(1)",
        "debug",
        "debug(.)",
        "stderr",
        "input_filename",
        "localtime",
        "strflocaltime(\"%H\")",
        "$__prog_args",
        "$__loc__.file | input",
        "get_search_list",
        "modulemeta",
    ] {
        let problem = Mapping::compile("m.jq", program).unwrap_err();
        assert!(problem.line > 0, "{program}: {problem}");
    }
    for program in [
        "include \"other\"; .",
        "import \"other\" as o; .",
        "import \"d\" as $d; $d",
    ] {
        assert!(Mapping::compile("m.jq", program).is_err(), "{program}");
    }
}

#[test]
fn a_program_that_does_not_compile_says_where() {
    for (program, location, expected) in [
        (
            "{\n  agent: { id: .a },\n  tool: nme(.x)\n}",
            (3, 9),
            "unknown filter `nme`",
        ),
        (".a |\n  $b", (2, 3), "unknown variable `$b`"),
        ("def f: 1; \"é\" | g", (1, 17), "unknown filter `g`"),
        ("{a: 1", (1, 6), "expected"),
        ("now", (1, 1), "left out"),
    ] {
        let problem = Mapping::compile("m.jq", program).unwrap_err();
        assert_eq!(
            (problem.line, problem.column),
            location,
            "{program}: {problem}"
        );
        assert!(problem.message.contains(expected), "{program}: {problem}");
        assert_eq!(problem.path, "m.jq");
    }
    assert!(Mapping::compile("m.jq", ". |").is_err());
    assert!(Mapping::compile("m.jq", "if . then").is_err());
}

#[test]
fn outputs_become_actions_none_one_or_many() {
    let each = r#".agents[] | {"agent.id": ., tenant: "t"}"#;
    assert_eq!(map(each, r#"{"agents":[]}"#), Ok(vec![]));
    let ids: Vec<_> = map(each, r#"{"agents":["a","b"]}"#)
        .unwrap()
        .into_iter()
        .map(|action| action.agent_id)
        .collect();
    assert_eq!(ids, ["a", "b"]);
    let (kind, message) = map(each, r#"{"agents":["a",7]}"#).unwrap_err();
    assert_eq!(kind, DecodeErrorKind::Contract);
    assert!(message.contains("output 1: agent.id"), "{message}");
    let (kind, message) = map(".[] | .x | keys", r#"[{"x":5}]"#).unwrap_err();
    assert_eq!(kind, DecodeErrorKind::Contract);
    assert!(message.contains("m.jq: output 0"), "{message}");
    let (kind, _) = map("\"text\"", "{}").unwrap_err();
    assert_eq!(kind, DecodeErrorKind::NotJson);
}

#[test]
fn an_output_that_is_no_action_costs_no_other() {
    let each = r#".[] | if . == 7 then error("seven") else {"agent.id": .} end"#;
    let more = format!(
        "range({}) | {{\"agent.id\": \"a\"}}",
        MAPPED_ACTIONS_MAX + 9
    );
    let deep = r#"{"agent.id": "a"}, (reduce range(50000) as $i (1; [.])), {"agent.id": "c"}"#;
    for (program, record, kept, reason) in [
        (
            each,
            r#"["a", 7, "c"]"#,
            vec![0, 2],
            Some("m.jq: output 1: "),
        ),
        (
            each,
            r#"["a", [], "c"]"#,
            vec![0, 2],
            Some("m.jq: output 1: agent.id"),
        ),
        (
            each,
            r#"[7, 7, [], "d"]"#,
            vec![3],
            Some("and 2 more outputs"),
        ),
        (each, r#"["a", "b"]"#, vec![0, 1], None),
        (each, "[]", vec![], None),
        (deep, "{}", vec![0, 2], Some("output 1: nested deeper")),
        (
            &*more,
            "{}",
            (0..MAPPED_ACTIONS_MAX as u32).collect(),
            Some("more than"),
        ),
    ] {
        let outputs = compile(program).map_record(record.as_bytes()).unwrap();
        let (actions, refused) = mapping::split_outputs(outputs);
        let numbers: Vec<u32> = actions.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, kept, "{program} {record}");
        let refused = refused.unwrap_or_default();
        assert!(
            refused.contains(reason.unwrap_or_default()),
            "{record}: {refused}"
        );
        assert_eq!(refused.is_empty(), reason.is_none(), "{record}: {refused}");
    }
}

#[test]
fn an_odd_value_of_the_record_is_malformed_in_the_action_too() {
    let program = "{agent: {id: .who}, tool: {name: .tool}, resource: {id: .args.id}, \
                   volume: {records: .n, cost_usd: .cost}, occurred_at: .at, task: .task}";
    let long = "x".repeat(5_000);
    let long = format!(r#""args":{{"id":"{long}"}}"#);
    let deep = format!(r#""tool":{}{}"#, "[".repeat(50), "]".repeat(50));
    for (odd, name) in [
        (r#""tool":"delete_rows","tool":"read_rows""#, "tool.name"),
        (
            r#""tool":"delete_rows","\u0074ool":"read_rows""#,
            "tool.name",
        ),
        (r#""args":{"id":"u1","id":"u2"}"#, "resource.id"),
        (r#""args":{"id":{"k":1}}"#, "resource.id"),
        (r#""n":18446744073709551616"#, "volume.records"),
        (r#""n":-1"#, "volume.records"),
        (r#""n":"3""#, "volume.records"),
        (r#""cost":NaN"#, "volume.cost_usd"),
        (r#""cost":1e400"#, "volume.cost_usd"),
        (r#""at":"never""#, "occurred_at"),
        (r#""task":3"#, "task"),
        (long.as_str(), "resource.id"),
        (deep.as_str(), "tool.name"),
    ] {
        let actions = map(program, &format!(r#"{{"who":"a",{odd}}}"#)).unwrap();
        let names: Vec<_> = actions[0].malformed.names().collect();
        assert_eq!(names, [name], "{odd}");
        // A raw input writes the action to the topic of actions, where it is read again.
        let again = super::decoder().decode_action(&json::write_action(&actions[0]));
        assert_eq!(*again.unwrap().value, actions[0], "{odd}");
    }
    let half = map(program, r#"{"who":"a","tool":"q \ud83d"}"#).unwrap();
    assert_eq!(half[0].tool_name.as_deref(), Some("q \u{fffd}"));
}

#[test]
fn outputs_are_bounded_in_number_and_size() {
    for n in [MAPPED_ACTIONS_MAX - 1, MAPPED_ACTIONS_MAX] {
        let program = format!("range({n}) | {{\"agent.id\": \"a\"}}");
        assert_eq!(map(&program, "{}").unwrap().len(), n);
    }
    for program in [
        format!(
            "range({}) | {{\"agent.id\": \"a\"}}",
            MAPPED_ACTIONS_MAX + 1
        ),
        "repeat({\"agent.id\": \"a\"})".to_owned(),
    ] {
        assert_eq!(
            map(&program, "{}").unwrap_err().0,
            DecodeErrorKind::Contract
        );
    }
    let large = r#"{"agent.id": "a", ignored: ("x" * 1000 | [limit(1100; repeat(.))])}"#;
    let limit = 4 * RECORD_BYTES_MAX;
    assert_eq!(
        map(large, "{}").unwrap_err().0,
        DecodeErrorKind::TooLarge { limit }
    );
}

#[test]
fn a_record_is_bounded_before_the_program_sees_it() {
    let program = compile(r#"{"agent.id": "a"}"#);
    for depth in [JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1, 100_000] {
        let record = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(program.map_record(record.as_bytes()).is_ok(), "{depth}");
        // The same text inside the record, read by the program itself.
        let within = serde_json::json!({ "x": record }).to_string();
        let read = map(
            r#".x | fromjson | {"agent.id": "a", "task.id": .}"#,
            &within,
        )
        .unwrap();
        assert!(read[0].is_malformed(ActionField::TASK_ID), "{depth}");
    }
    assert!(program.map_record("[".repeat(200_000).as_bytes()).is_err());
    let padded = |n: usize| format!("{}1", " ".repeat(n - 1));
    assert!(
        program
            .map_record(padded(RECORD_BYTES_MAX).as_bytes())
            .is_ok()
    );
    let limit = RECORD_BYTES_MAX;
    let error = program
        .map_record(padded(RECORD_BYTES_MAX + 1).as_bytes())
        .unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TooLarge { limit });
    for bad in ["", "{", "{} {}", "{]", "[1 2]"] {
        assert_eq!(
            program.map_record(bad.as_bytes()).unwrap_err().kind,
            DecodeErrorKind::NotJson
        );
    }
}

/// One line per action: what a reviewer wants to see of a mapping.
fn summary(program: &str, sample: &[u8]) -> String {
    let mapping = compile(program);
    let records = json_lines::json_lines(sample).map(|line| (line.number, line.record.unwrap()));
    let mut text = String::new();
    for tested in mapping::map_records(records, &mapping) {
        let outputs = tested.result;
        let actions: Vec<AgentAction> = outputs
            .and_then(|outputs| outputs.into_iter().collect())
            .unwrap_or_else(|error| panic!("{}: {error}", tested.number));
        assert_eq!(actions.len(), 1, "record {}", tested.number);
        for a in &actions {
            let word = |text: &Option<crate::event::Text>| text.clone().unwrap_or_default();
            writeln!(
                text,
                "{} {} {} {} {} {}",
                a.agent_id,
                word(&a.tool_name),
                a.action_verb,
                a.resource_type,
                word(&a.resource_id),
                a.outcome.map_or("-", |outcome| outcome.as_str()),
            )
            .unwrap();
            assert!(a.occurred_at_ms.is_some() && a.event_id.is_some());
            // What a mapping makes is within the contract and survives being written again.
            let written = json::write_action(a);
            assert_eq!(&*super::decoder().decode_action(&written).unwrap().value, a);
        }
    }
    text
}

#[test]
fn real_tool_calls_map_as_reviewed() {
    let sample = include_bytes!("../../../tests/corpora/agent-toolcalls.jsonl");
    let expected = include_str!("../../../tests/corpora/agent-toolcalls.mapped.txt");
    assert_eq!(summary(TOOLCALLS, sample), expected);
}

#[test]
fn real_cloudtrail_records_map_as_reviewed() {
    let sample = include_bytes!("../../../tests/corpora/cloudtrail.jsonl");
    let expected = include_str!("../../../tests/corpora/cloudtrail.mapped.txt");
    assert_eq!(summary(CLOUDTRAIL, sample), expected);
}

#[test]
fn tool_calls_of_other_desks_map_too() {
    let call = |record: &str| map(TOOLCALLS, record).unwrap();
    let strange = call(r#"{"agent":"a","tool":"refund_order","arguments":"none","ok":true}"#);
    assert_eq!(strange[0].action_verb, Verb::Transfer);
    assert!(strange[0].resource_type_unmapped());
    assert!(call(r#"{"agent":"a","tool":"frobnicate"}"#)[0].verb_unmapped());
    assert!(call(r#"{"tool":"think"}"#).is_empty());
    assert!(call(r#"{"agent":"a"}"#).is_empty());
    let named = call(r#"{"agent":"a","tool":"think","model":"gpt-4o"}"#);
    assert_eq!(named[0].agent_model.as_deref(), Some("gpt-4o"));
    assert_eq!(named[0].agent_version, None);
}

#[test]
fn the_template_passes_the_model_and_the_number_of_the_record_on() {
    let record = r#"{"agent":"a","model":"gpt-4o","record_number":7}"#;
    let read = map(TEMPLATE, record).unwrap().remove(0);
    assert_eq!(read.agent_model.as_deref(), Some("gpt-4o"));
    assert_eq!(read.gateway_sequence, Some(7));
    let odd = map(TEMPLATE, r#"{"agent":"a","record_number":"x"}"#).unwrap();
    assert!(odd[0].is_malformed(ActionField::GATEWAY_SEQUENCE));
}

#[test]
fn cloudtrail_is_read_in_each_envelope_and_what_is_no_action_is_skipped() {
    let record = r#"{"eventName":"GetObject","eventSource":"s3.amazonaws.com","eventID":"e",
        "eventTime":"2026-01-01T00:00:00Z","readOnly":true,"recipientAccountId":"1",
        "requestParameters":{"bucketName":"b","key":"k/x"},"sourceIPAddress":"203.0.113.9",
        "userIdentity":{"type":"Root","accountId":"1"}}"#;
    let one = map(CLOUDTRAIL, record).unwrap();
    assert_eq!(one[0].agent_id, "1/root");
    assert_eq!(one[0].resource_id.as_deref(), Some("b/k/x"));
    assert_eq!(one[0].resource_type, "storage.object");
    assert_eq!(one[0].channel_network.unwrap().as_str(), "external");
    let file = map(CLOUDTRAIL, &format!(r#"{{"Records":[{record},{record}]}}"#)).unwrap();
    assert_eq!(file, [one[0].clone(), one[0].clone()]);
    let bridge = format!(r#"{{"detail-type":"AWS API Call via CloudTrail","detail":{record}}}"#);
    assert_eq!(map(CLOUDTRAIL, &bridge).unwrap(), one);
    // A record that names an event is never left out, whatever its category.
    let named = record.replacen('{', r#"{"eventCategory":"Insight","#, 1);
    assert_eq!(map(CLOUDTRAIL, &named).unwrap(), one);
    for skipped in [
        r#"{"eventCategory":"Insight","insightDetails":{"eventName":"GetObject"}}"#,
        r#"{"digestS3Bucket":"b"}"#,
        r#"{"Records":[]}"#,
        "{}",
    ] {
        assert_eq!(map(CLOUDTRAIL, skipped), Ok(vec![]), "{skipped}");
    }
}

#[test]
fn cloudtrail_identities_of_every_kind_have_a_name() {
    let agent = |identity: &str| {
        let record = format!(
            r#"{{"eventName":"X","eventSource":"new-service.amazonaws.com",
                "userIdentity":{identity}}}"#
        );
        let action = map(CLOUDTRAIL, &record).unwrap().remove(0);
        (
            action.agent_id.to_string(),
            action.action_verb,
            action.resource_type.to_string(),
        )
    };
    for (identity, id) in [
        (r#"{"type":"IAMUser","userName":"u"}"#, "unknown/user:u"),
        (
            r#"{"type":"IAMUser","principalId":"AIDA1"}"#,
            "unknown/user:AIDA1",
        ),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/r/session"}"#,
            "1/role:r",
        ),
        (
            r#"{"type":"AssumedRole","principalId":"AROA1:session"}"#,
            "unknown/role:AROA1",
        ),
        (
            r#"{"type":"FederatedUser","principalId":"1:ann"}"#,
            "unknown/federated:ann",
        ),
        (
            r#"{"type":"SAMLUser","userName":"ann@corp"}"#,
            "unknown/saml:ann@corp",
        ),
        (
            r#"{"type":"WebIdentityUser","principalId":"a:b:ann"}"#,
            "unknown/web:a:b:ann",
        ),
        (
            r#"{"type":"IdentityCenterUser","onBehalfOf":{"userId":"u1"}}"#,
            "unknown/identity_center:u1",
        ),
        (
            r#"{"type":"AWSService","invokedBy":"x.amazonaws.com"}"#,
            "service:x.amazonaws.com",
        ),
        (r#"{"type":"AWSAccount","accountId":"2"}"#, "2/account"),
        ("{}", "unknown"),
        ("null", "unknown"),
        ("\"odd\"", "unknown"),
    ] {
        let expected = (id.to_owned(), Verb::Other, "cloud.new_service".to_owned());
        assert_eq!(agent(identity), expected, "{identity}");
    }
}

#[test]
fn a_record_with_a_field_of_another_type_is_mapped_or_refused_but_never_breaks_the_program() {
    for (program, sample) in [
        (
            CLOUDTRAIL,
            &include_bytes!("../../../tests/corpora/cloudtrail.jsonl")[..],
        ),
        (
            TOOLCALLS,
            include_bytes!("../../../tests/corpora/agent-toolcalls.jsonl"),
        ),
        (
            TEMPLATE,
            include_bytes!("../../../tests/corpora/agent-toolcalls.jsonl"),
        ),
    ] {
        let mapping = compile(program);
        for line in json_lines::json_lines(sample).step_by(9) {
            let record: serde_json::Value = serde_json::from_slice(line.record.unwrap()).unwrap();
            for name in record.as_object().unwrap().keys() {
                for value in ["null", "7", "-1.5", "\"x\"", "[]", "[[1]]", "{}", "true"] {
                    let mut changed = record.clone();
                    changed[name] = serde_json::from_str(value).unwrap();
                    let outputs = mapping.map_record(changed.to_string().as_bytes()).unwrap();
                    for error in outputs.into_iter().filter_map(Result::err) {
                        assert!(
                            !error.message.contains("panicked"),
                            "{name}={value}: {error}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_output_of_any_depth_is_refused_and_dropped_in_safety() {
    let deep = "(reduce range(50000) as $i (1; [.]))";
    let maps = "(reduce range(50000) as $i (1; {a: .}))";
    for program in [
        format!("{{agent: {{id: \"a\"}}, zzz: {deep}}}"),
        format!("{{agent: {{id: \"a\"}}, zzz: {maps}}}"),
        format!("{deep} as $x | {{agent: {{id: \"a\"}}, x: [$x, $x]}}"),
        format!("error({deep})"),
        deep.to_owned(),
    ] {
        let mut outputs = compile(&program).map_record(b"{}").unwrap();
        let error = outputs.remove(0).unwrap_err();
        assert!(
            error.message.contains("output 0: nested deeper than 64"),
            "{error}"
        );
    }
    let within = compile("{agent: {id: \"a\"}, zzz: (reduce range(63) as $i (1; [.]))}");
    assert!(within.map_record(b"{}").unwrap()[0].is_ok());
}
