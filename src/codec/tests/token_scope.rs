//! Scopes from `authorization_details` and `act`, by the program and in records.

use serde_json::{Map, Value as Json, json};

use crate::codec::token_scope::{ClaimNames, actors_of, scope_of_claims};
use crate::codec::{Decoder, SchemaSet};
use crate::event::{AgentScope, Verb};

fn object(json: Json) -> Map<String, Json> {
    json.as_object().unwrap().clone()
}

/// The claims of a token by which an agent acts for a person; a planner gave it the task.
fn claims() -> Json {
    json!({
        "iss": "https://login.acme.example", "sub": "ana", "client_id": "gateway",
        "jti": "c-20931", "iat": 1_772_442_000, "exp": 1_772_445_600, "aud": "https://api",
        "act": {"sub": "research-7", "act": {"sub": "planner-1"}},
        "authorization_details": [
            {"type": "database.table", "actions": ["read", "list"], "identifier": "sales.orders",
             "locations": ["https://db.acme.example/sales"]},
            {"type": "email.message", "actions": ["write"],
             "locations": ["https://mail.acme.example"]}
        ]
    })
}

fn decode(record: &Json) -> Result<AgentScope, String> {
    let decoder = Decoder::new(SchemaSet::new([]).unwrap());
    let decoded = decoder.decode_scope(record.to_string().as_bytes());
    decoded.map(|one| one.value).map_err(|error| error.message)
}

#[test]
fn claims_become_a_scope_of_the_current_actor() {
    let scope = decode(&claims()).unwrap();
    assert_eq!(scope.scope_id, "c-20931");
    assert_eq!(scope.agent_id, "research-7", "the outermost actor");
    let parent = scope.parent.unwrap();
    assert_eq!(parent.agent_id, "planner-1");
    assert_eq!(parent.act_chain, ["planner-1"]);
    assert_eq!(scope.principal_id.as_deref(), Some("ana"));
    assert_eq!(scope.issuer.as_deref(), Some("https://login.acme.example"));
    assert_eq!(scope.credential_ids, ["c-20931"]);
    assert_eq!(scope.effective_from_ms, Some(1_772_442_000_000));
    assert_eq!(scope.expires_at_ms, Some(1_772_445_600_000));
    assert_eq!(scope.grants.len(), 2);
    assert_eq!(scope.grants[0].resource_types, ["database.table"]);
    assert_eq!(scope.grants[0].resource_ids, ["sales.orders"]);
    assert_eq!(scope.grants[0].verbs, [Verb::Read, Verb::List]);
    assert_eq!(scope.grants[1].verbs, [Verb::Create, Verb::Update]);
    assert_eq!(scope.destinations, ["db.acme.example", "mail.acme.example"]);
}

#[test]
fn the_actors_above_the_agent_are_a_chain_with_the_root_first() {
    let mut record = claims();
    record["act"] = json!({"sub": "c", "act": {"sub": "b", "act": {"sub": "root"}}});
    let parent = decode(&record).unwrap().parent.unwrap();
    assert_eq!(parent.agent_id, "b");
    assert_eq!(parent.act_chain, ["root", "b"]);
}

#[test]
fn fields_of_a_scope_go_before_claims() {
    let mut record = claims();
    record["scope_id"] = "s1".into();
    record["agent"] = json!({"id": "a1", "type": "research"});
    record["task"] = json!({"id": "t1"});
    record["expires_at"] = 1_772_443_000_000_i64.into();
    record["grants"] = json!([{"resource_types": ["llm.inference"]}]);
    let scope = decode(&record).unwrap();
    assert_eq!(
        (scope.scope_id.as_str(), scope.agent_id.as_str()),
        ("s1", "a1")
    );
    assert_eq!(scope.task_id.as_deref(), Some("t1"));
    assert_eq!(scope.expires_at_ms, Some(1_772_443_000_000));
    assert_eq!(scope.grants.len(), 3);
}

#[test]
fn nothing_that_is_not_understood_widens_a_scope() {
    let names = ClaimNames::default();
    let one = |detail: Json| {
        let claims = object(json!({"jti": "j", "sub": "a", "authorization_details": [detail]}));
        scope_of_claims(&claims, &names).unwrap()
    };
    let unknown = one(json!({"type": "payment_initiation", "actions": ["initiate", "status"]}));
    assert_eq!(unknown.record["grants"][0]["verbs"], json!(["other"]));
    assert_eq!(unknown.notes.len(), 2, "{:?}", unknown.notes);
    for detail in [
        json!({"actions": ["read"]}),
        json!({"type": "*"}),
        json!("read"),
    ] {
        let found = one(detail);
        assert_eq!(found.record["grants"], json!([]));
        assert_eq!(found.notes.len(), 1);
    }
    let narrowed = one(json!({"type": "customer", "datatypes": ["contacts"], "limit": 5}));
    let types = &narrowed.record["grants"][0]["resource_types"];
    assert_eq!(*types, json!(["customer.contacts"]));
    assert!(narrowed.notes[0].contains("limit: no grant can express it"));
    let literal = one(json!({"type": "file", "identifier": "a*"}));
    assert_eq!(literal.record["grants"][0]["resource_ids"], json!(["a?"]));
}

#[test]
fn names_of_the_server_can_be_mapped() {
    let names = ClaimNames {
        types: [(
            "payment_initiation".to_owned(),
            "payment.transfer".to_owned(),
        )]
        .into(),
        actions: [("initiate".to_owned(), Verb::Transfer)].into(),
    };
    let detail = json!({"type": "payment_initiation", "actions": ["initiate"]});
    let claims = object(json!({"jti": "j", "sub": "a", "authorization_details": [detail]}));
    let grants = scope_of_claims(&claims, &names).unwrap().record["grants"].clone();
    let expected = json!([{"resource_types": ["payment.transfer"], "verbs": ["transfer"]}]);
    assert_eq!(grants, expected);
}

#[test]
fn wrong_claims_are_refused_with_their_place() {
    let cases = [
        (json!({"act": {}}), "act: actor 1 has no `sub`"),
        (
            json!({"act": {"sub": "a", "act": {"sub": 1}}}),
            "actor 2 has no `sub`",
        ),
        (
            json!({"authorization_details": {}}),
            "authorization_details: not a list",
        ),
        (json!({"exp": "soon"}), "exp: not a time in seconds"),
        (json!({"active": false}), "not active"),
    ];
    for (claims, part) in cases {
        let error = scope_of_claims(&object(claims), &ClaimNames::default()).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    let mut act = json!({"sub": "a"});
    for _ in 0..40 {
        act = json!({"sub": "a", "act": act});
    }
    assert!(actors_of(&act).unwrap_err().contains("more than 32"));
    let mut record = claims();
    record["act"] = json!({"sub": ""});
    assert!(decode(&record).unwrap_err().contains("act: "));
}
