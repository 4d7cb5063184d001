//! Every limit of a record at one below, at the limit, and one above.

use super::decoder;
use crate::codec::avro::Encoder;
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::event::limits::{
    CHAIN_MAX, FLAGS_MAX, GRANTS_MAX, ID_BYTES_MAX, JSON_DEPTH_MAX, RECORD_BYTES_MAX,
    SCOPE_LIMITS_MAX, SCOPE_LIST_MAX, TEXT_BYTES_MAX,
};
use crate::event::{AgentAction, AgentScope, Grant, Limit, Measure, Text};

/// Decodes a value with `n` of something at and around `limit`, as JSON and as Avro.
fn around(limit: usize, decode: impl Fn(usize) -> Result<(), DecodeError>) {
    for n in [limit - 1, limit] {
        assert_eq!(decode(n), Ok(()), "{n} of {limit}");
    }
    assert_eq!(
        decode(limit + 1).unwrap_err().kind,
        DecodeErrorKind::Contract,
        "over {limit}"
    );
}

/// Reads an action in both forms; an error if it has a malformed field or none reads it.
fn both_forms(action: &AgentAction) -> Result<(), DecodeError> {
    let decoder = decoder();
    let avro = Encoder::new(decoder.schemas())
        .action_single_object(action)
        .unwrap();
    let avro = decoder.decode_action(&avro);
    let json = decoder.decode_action(&crate::codec::json::write_action(action));
    assert_eq!(avro, json);
    match json?.value.malformed.is_empty() {
        true => Ok(()),
        false => Err(DecodeError::contract("malformed")),
    }
}

fn both_scope_forms(scope: &AgentScope) -> Result<(), DecodeError> {
    let decoder = decoder();
    let avro = Encoder::new(decoder.schemas())
        .scope_single_object(scope)
        .unwrap();
    let avro = decoder.decode_scope(&avro).map(|_| ());
    let json = decoder
        .decode_scope(&crate::codec::json::write_scope(scope))
        .map(|_| ());
    assert_eq!(avro, json);
    json
}

fn text(n: usize) -> Text {
    "x".repeat(n).into()
}

fn texts(n: usize) -> Vec<Text> {
    vec!["x".into(); n]
}

fn scope() -> AgentScope {
    AgentScope {
        scope_id: "s".into(),
        tenant: "t".into(),
        agent_id: "a".into(),
        ..AgentScope::default()
    }
}

#[test]
fn ids_have_at_most_their_limit() {
    type Set = fn(&mut AgentAction, Text);
    let ids: [Set; 7] = [
        |a, t| a.tenant = t,
        |a, t| a.agent_id = t,
        |a, t| a.task_id = Some(t),
        |a, t| a.credential_id = Some(t),
        |a, t| a.event_id = Some(t),
        |a, t| a.resource_type = t,
        |a, t| a.delegation_chain = vec![t],
    ];
    for set in ids {
        around(ID_BYTES_MAX, |n| {
            let mut action = AgentAction::new("a");
            set(&mut action, text(n));
            both_forms(&action)
        });
    }
    around(ID_BYTES_MAX, |n| {
        both_scope_forms(&AgentScope {
            scope_id: text(n),
            ..scope()
        })
    });
    around(ID_BYTES_MAX, |n| {
        both_scope_forms(&AgentScope {
            task_id: Some(text(n)),
            ..scope()
        })
    });
    around(ID_BYTES_MAX, |n| {
        both_scope_forms(&AgentScope {
            credential_ids: vec![text(n)],
            ..scope()
        })
    });
}

#[test]
fn texts_have_at_most_their_limit() {
    around(TEXT_BYTES_MAX, |n| {
        both_forms(&AgentAction {
            resource_id: Some(text(n)),
            ..AgentAction::new("a")
        })
    });
    around(TEXT_BYTES_MAX, |n| {
        both_scope_forms(&AgentScope {
            purpose: Some(text(n)),
            ..scope()
        })
    });
    around(TEXT_BYTES_MAX, |n| {
        both_scope_forms(&AgentScope {
            tools: vec![text(n)],
            ..scope()
        })
    });
}

#[test]
fn lists_have_at_most_their_limit() {
    around(CHAIN_MAX, |n| {
        both_forms(&AgentAction {
            delegation_chain: texts(n),
            ..AgentAction::new("a")
        })
    });
    around(FLAGS_MAX, |n| {
        both_forms(&AgentAction {
            content_flags: texts(n),
            ..AgentAction::new("a")
        })
    });
    let grant = Grant {
        resource_types: texts(1),
        ..Grant::default()
    };
    around(GRANTS_MAX, |n| {
        both_scope_forms(&AgentScope {
            grants: vec![grant.clone(); n],
            ..scope()
        })
    });
    let limit = Limit {
        measure: Measure::parse("count").unwrap(),
        window_ms: 1_000,
        max: 1.0,
    };
    around(SCOPE_LIMITS_MAX, |n| {
        both_scope_forms(&AgentScope {
            limits: vec![limit.clone(); n],
            ..scope()
        })
    });
    type Set = fn(&mut AgentScope, Vec<Text>);
    let lists: [Set; 6] = [
        |s, l| s.credential_ids = l,
        |s, l| s.tools = l,
        |s, l| s.destinations = l,
        |s, l| {
            s.grants = vec![Grant {
                resource_types: l,
                ..Grant::default()
            }]
        },
        |s, l| {
            let resource_types = vec!["t".into()];
            s.grants = vec![Grant {
                resource_types,
                resource_ids: l,
                ..Grant::default()
            }];
        },
        |s, l| {
            let resource_types = vec!["t".into()];
            s.grants = vec![Grant {
                resource_types,
                owners: l,
                ..Grant::default()
            }];
        },
    ];
    for set in lists {
        around(SCOPE_LIST_MAX, |n| {
            let mut scope = scope();
            set(&mut scope, texts(n));
            both_scope_forms(&scope)
        });
    }
}

#[test]
fn a_record_has_at_most_its_limit_and_is_refused_unread() {
    let head = r#"{"agent.id":"a","ignored":""#;
    let record = |n: usize| format!("{head}{}\"}}", "x".repeat(n - head.len() - 2)).into_bytes();
    for n in [RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX] {
        assert_eq!(record(n).len(), n);
        assert!(decoder().decode_action(&record(n)).is_ok());
    }
    let kind = DecodeErrorKind::TooLarge {
        limit: RECORD_BYTES_MAX,
    };
    for refused in [
        record(RECORD_BYTES_MAX + 1),
        vec![0xff; RECORD_BYTES_MAX + 1],
    ] {
        assert_eq!(decoder().decode_action(&refused).unwrap_err().kind, kind);
        assert_eq!(decoder().decode_scope(&refused).unwrap_err().kind, kind);
        assert_eq!(
            decoder().decode_control(&refused, None).unwrap_err().kind,
            kind
        );
    }
}

#[test]
fn scopes_nest_at_most_their_limit_and_actions_as_deep_as_nobody_looks() {
    // The record itself is the first level.
    for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
        let nested = |n: usize| {
            let inner = if open == "[" { "" } else { "1" };
            format!("{}{inner}{}", open.repeat(n), close.repeat(n))
        };
        around(JSON_DEPTH_MAX, |n| {
            let ignored = nested(n - 1);
            let scope = format!(r#"{{"scope_id":"s","agent_id":"a","ignored":{ignored}}}"#);
            decoder().decode_scope(scope.as_bytes()).map(|_| ())
        });
        for n in [JSON_DEPTH_MAX, 500, 20_000] {
            let ignored = nested(n);
            for json in [
                format!(r#"{{"agent.id":"a","ignored":{ignored}}}"#),
                format!(r#"{{"agent":{{"id":"a","ignored":{ignored}}}}}"#),
                format!(r#"{{"agent.id":"a","task.id":{ignored}}}"#),
                format!(r#"{{"agent.id":"a","delegation.chain":[{ignored}]}}"#),
            ] {
                let action = decoder().decode_action(json.as_bytes()).unwrap().value;
                assert_eq!(action.agent_id, "a");
                assert_eq!(action.malformed.is_empty(), json.contains("ignored"));
            }
        }
    }
    let bottomless = format!(r#"{{"agent.id":"a","x":{}"#, "[".repeat(200_000));
    assert!(decoder().decode_action(bottomless.as_bytes()).is_err());
    assert!(decoder().decode_scope(bottomless.as_bytes()).is_err());
    assert!(decoder().decode_link(bottomless.as_bytes()).is_err());
}

#[test]
fn ids_have_no_control_characters_and_a_tenant_no_slash() {
    let read = |json: &str| decoder().decode_action(json.as_bytes());
    for bad in ["a\\u0000b", "a\\nb", "a\\u007fb", "a\\u0085b"] {
        for path in ["task.id", "credential.id", "resource.type", "tool.name"] {
            let json = format!(r#"{{"agent.id":"a","{path}":"{bad}"}}"#);
            let action = read(&json).unwrap().value;
            assert_eq!(action.malformed.names().collect::<Vec<_>>(), [path]);
        }
        for json in [
            format!(r#"{{"agent.id":"{bad}"}}"#),
            format!(r#"{{"agent.id":"a","tenant":"{bad}"}}"#),
        ] {
            let error = read(&json).unwrap_err();
            assert_eq!(error.kind, DecodeErrorKind::Contract, "{json}");
        }
    }
    let slash = read(r#"{"agent.id":"a/b","tenant":"a/b"}"#).unwrap_err();
    assert!(slash.message.contains("tenant"), "{slash}");
    let lines = read(r#"{"agent.id":"a/b","task.purpose":"two\nlines"}"#).unwrap();
    assert!(lines.value.malformed.is_empty());
}
