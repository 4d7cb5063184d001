//! The forms in which identity systems write back: what is read, and what is refused by the name of
//! its field.

use super::decoder;
use crate::codec::DecodeError;
use crate::event::{
    AgentSelection, CommandKind, ConfirmedTarget, ControlRecord, LearningChange, LearningCommand,
    LearningTarget, RevocationResult, SubjectForm,
};

/// A subject identifier, as requests have it.
const SUBJECT: &str = r#"{"format":"jwt_id","iss":"https://i","jti":"c-1"}"#;
/// 2026 in seconds.
const AT_S: &str = "1767225600";

fn decode(record: &str, key: Option<&str>) -> Result<ControlRecord, DecodeError> {
    let decoded = decoder().decode_control(record.as_bytes(), key.map(str::as_bytes));
    decoded.map(|decoded| decoded.value)
}

fn confirmation(txn: &str, target: &str, result: &str) -> String {
    format!(
        r#"{{"agent":{{"id":"a"}},"by":"idp","at":"2026-01-01T00:00:00Z",
        "confirmation":{{"txn":{txn},"target":{target},"result":{result}}}}}"#
    )
}

/// A security event token of one CAEP event.
fn token(event: &str, body: &str) -> String {
    format!(
        r#"{{"iss":"https://i","jti":"j","iat":{AT_S},"aud":["x"],"txn":"x","sub_id":{SUBJECT},
        "events":{{"https://schemas.openid.net/secevent/caep/event-type/{event}":{{{body}}}}}}}"#
    )
}

/// The subject as it is read.
fn subject() -> ConfirmedTarget {
    ConfirmedTarget {
        id: "c-1".into(),
        subject: Some(SubjectForm::JwtId {
            iss: "https://i".into(),
        }),
    }
}

fn assert_confirms(control: &ControlRecord, target: Option<ConfirmedTarget>, record: &str) {
    assert_eq!(
        (&*control.tenant, &*control.agent_id),
        ("default", "a"),
        "{record}"
    );
    assert_eq!(control.at_ms, 1_767_225_600_000, "{record}");
    let command = CommandKind::Confirmation {
        txn: "x".into(),
        target,
        result: RevocationResult::Done,
    };
    assert_eq!(control.command, command, "{record}");
}

#[test]
fn a_confirmation_names_its_target_in_three_ways() {
    for (target, named) in [
        (r#""c-1""#, Some("c-1".into())),
        (SUBJECT, Some(subject())),
        ("null", None),
    ] {
        let record = confirmation(r#""x""#, target, r#""done""#);
        assert_confirms(&decode(&record, None).unwrap(), named, &record);
    }
}

#[test]
fn a_form_that_cannot_be_read_is_refused_by_the_name_of_its_field() {
    let good = confirmation(r#""x""#, r#""c-1""#, r#""done""#);
    let email = r#"{"format":"email","email":"a@b"}"#;
    for (record, names) in [
        (
            confirmation("8675309", r#""c-1""#, r#""done""#),
            "confirmation.txn",
        ),
        (
            confirmation(r#""x""#, "7", r#""done""#),
            "confirmation.target",
        ),
        (
            confirmation(r#""x""#, r#""c-1""#, r#""DONE""#),
            "confirmation.result",
        ),
        (
            confirmation(r#""x""#, r#""""#, r#""done""#),
            "confirmation.target",
        ),
        (
            confirmation(r#""x""#, r#"{"format":"jwt_id","jti":"c-1"}"#, r#""done""#),
            "target.iss",
        ),
        (confirmation(r#""x""#, email, r#""done""#), "target.format"),
        (
            good.replace(r#""2026-01-01T00:00:00Z""#, AT_S),
            "at: 1767225600 is before 2000",
        ),
        (good.replace("2026-01-01T", "1999-12-31T"), "is before 2000"),
    ] {
        let error = decode(&record, Some("default/a")).unwrap_err();
        assert!(error.message.contains(names), "{record}: {error}");
    }
}

#[test]
fn a_token_of_an_identity_system_confirms_what_it_reports() {
    let revoked = token("session-revoked", r#""event_timestamp":1767225600"#);
    let changed = token("credential-change", r#""change_type":"revoke""#);
    for record in [&revoked, &changed] {
        let control = decode(record, Some("default/a")).unwrap();
        assert_confirms(&control, Some(subject()), record);
    }
    for (record, key, names) in [
        (revoked.clone(), None, "agent.id"),
        (revoked.clone(), Some("no-tenant"), "agent.id"),
        (
            revoked.replace(AT_S, "1767225600000"),
            Some("default/a"),
            "iat",
        ),
        (
            revoked.replace(r#""txn":"x""#, r#""txn":7"#),
            Some("default/a"),
            "txn",
        ),
        (
            revoked.replace(SUBJECT, "null"),
            Some("default/a"),
            "sub_id",
        ),
        (
            changed.replace("revoke", "update"),
            Some("default/a"),
            "change_type",
        ),
        (token("risk-level-change", ""), Some("default/a"), "events"),
    ] {
        let error = decode(&record, key).unwrap_err();
        assert!(error.message.contains(names), "{record}: {error}");
    }
}

/// A token without a request is read, so that the audit topic can say what came; a token is about
/// the agent of its key, in whatever tenant, and without a key about the identity that it names.
#[test]
fn a_token_is_about_the_agent_of_its_key_and_may_name_no_request() {
    let revoked = token("session-revoked", r#""event_timestamp":1767225600"#);
    let own = revoked.replace(r#""txn":"x","#, "");
    let control = decode(&own, Some("default/a")).unwrap();
    let CommandKind::Confirmation { txn, .. } = &control.command else {
        panic!("{control:?}");
    };
    assert_eq!(txn, "");
    let identity = r#"{"format":"iss_sub","iss":"https://i","sub":"bot"}"#;
    let identity = revoked.replace(SUBJECT, identity);
    for (key, whose) in [
        (Some("acme/a"), Some("acme/a")),
        (None, Some("default/bot")),
        (Some("no-tenant"), None),
    ] {
        let named = decode(&identity, key).ok();
        let named = named.map(|control| control.agent_key().to_string());
        assert_eq!(named.as_deref(), whose, "{key:?}");
    }
}

#[test]
fn a_command_about_selected_agents_names_how_they_are_selected_and_no_agent() {
    let record = |more: &str| format!(r#"{{"by":"ann","at":"2026-01-01T00:00:00Z",{more}}}"#);
    let freeze = |more: &str| record(&format!(r#""learning":{{"command":"freeze",{more}}}"#));
    let read = decode(
        &freeze(r#""where":{"agent_type":"desk"}"#),
        Some("default/"),
    )
    .unwrap();
    let command = LearningCommand {
        target: LearningTarget::Agents(AgentSelection {
            agent_type: "desk".into(),
        }),
        change: LearningChange::Freeze,
    };
    assert_eq!(read.command, CommandKind::Learning(Box::new(command)));
    assert_eq!(read.agent_id, "");
    for (learning, error) in [
        (r#""where":{}"#, "learning.where.agent_type: required"),
        (
            r#""where":{"agent_type":""}"#,
            "learning.where.agent_type: required",
        ),
        (
            r#""where":{"agent_type":7}"#,
            "learning.where.agent_type: expected text",
        ),
        (r#""where":"desk""#, "learning.where: expected an object"),
        // With fewer keys than the person gave, more agents would be meant.
        (
            r#""where":{"agent_type":"desk","agent_version":"2"}"#,
            "learning.where.agent_version: agents are selected by",
        ),
        (
            r#""where":{"agent_type":"desk"},"class":{"agent_type":"desk"}"#,
            "learning.where: a command has this or a class",
        ),
        (
            r#""where":{"agent_type":"desk"},"since":"2026-01-01T00:00:00Z""#,
            "learning.since: only a reset",
        ),
    ] {
        let refused = decode(&freeze(learning), Some("default/")).unwrap_err();
        assert!(refused.message.starts_with(error), "{learning}: {refused}");
    }
    let named = record(
        r#""agent":{"id":"a"},"learning":{"command":"reset","where":{"agent_type":"desk"}}"#,
    );
    let refused = decode(&named, Some("default/a")).unwrap_err();
    assert!(refused.message.contains("names no agent"), "{refused}");
}
