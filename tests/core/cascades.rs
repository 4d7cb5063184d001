//! `revoke: tree` from record to request: a tree of three levels, and a member that comes later.

use scopewatch::engine::Rules;
use scopewatch::engine::contract::{OutputRecord, OutputTopic};
use scopewatch::text::SourceFile;
use serde_json::{Value as Json, json};

use crate::harness::{Harness, SECOND, T0, databases, engine, file, of, options, read, rules_with};

/// A rule that asks for `target` of an agent that deletes, and the policy that lets it.
pub fn deletion_rule_files(target: &str) -> [SourceFile; 2] {
    let rule = "title: Deletion\nid: 4c1d7e82-b3e4-4960-a1c8-94e27d06fb98\nstatus: stable\n\
         description: A deletion.\nauthor: Scopewatch\n\
         date: 2026-03-02\ntags: [atlas.aml.t0053, owasp.asi02-2026]\n\
         logsource: {product: scopewatch, category: agent_action}\n\
         detection:\n  selection: {action.verb: delete}\n  condition: selection\n\
         falsepositives: [none]\nlevel: critical\n";
    let policy = "rules: {4c1d7e82-b3e4-4960-a1c8-94e27d06fb98: auto}\n";
    [
        file(
            "rules/policy/deletion.yaml",
            &format!("{rule}response: {{revoke: {target}}}\n"),
        ),
        file("rules/response.yaml", policy),
    ]
}

/// A rule that asks for the whole tree of an agent that deletes, and the policy that lets it.
pub fn tree_rule_files() -> [SourceFile; 2] {
    deletion_rule_files("tree")
}

/// The shipped rules and [`tree_rule_files`].
pub fn tree_rules() -> Rules {
    rules_with(&tree_rule_files())
}

pub fn scope(agent: &str, parent: Option<&str>) -> Json {
    let grants = databases();
    let mut scope = json!({"scope_id": format!("s-{agent}"), "agent.id": agent, "grants": grants});
    if let Some(parent) = parent {
        scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
    }
    scope
}

/// Plan, order, number of targets and agent of each of our own events, and their transactions.
pub fn requested(outputs: &[OutputRecord]) -> (Vec<String>, Vec<Json>) {
    let mut shown = Vec::new();
    let mut txns = Vec::new();
    for output in of(outputs, OutputTopic::Revocations) {
        let claims: Json = serde_json::from_slice(output.value.as_ref().unwrap()).unwrap();
        let (_, event) = claims["events"].as_object().unwrap().iter().next().unwrap();
        if event["plan"].is_u64() {
            let id = claims["sub_id"]["id"].as_str().unwrap();
            let (_, sub) = id.split_once('/').unwrap();
            let (plan, order, of) = (&event["plan"], &event["order"], &event["of"]);
            shown.push(format!("{plan}: {order}/{of} {sub}"));
            txns.push(claims["txn"].clone());
        }
    }
    txns.dedup();
    (shown, txns)
}

#[test]
fn a_tree_of_three_levels_is_requested_and_a_later_member_is_added_under_the_same_transaction() {
    let mut harness = Harness::new(engine(tree_rules(), options()));
    harness.scope(T0, scope("root", None));
    harness.scope(T0 + SECOND, scope("mid", Some("root")));
    harness.scope(T0 + 2 * SECOND, scope("leaf", Some("mid")));
    harness.step();
    let mut delete = read("e1");
    delete["agent.id"] = "root".into();
    delete["action.verb"] = "delete".into();
    harness.action(T0 + 3 * SECOND, delete);
    harness.step();
    let first = ["1: 1/3 root", "1: 2/3 mid", "1: 3/3 leaf"];
    assert_eq!(requested(&harness.outputs).0, first);
    harness.scope(T0 + 4 * SECOND, scope("late", Some("leaf")));
    harness.step();
    let (shown, txns) = requested(&harness.outputs);
    assert_eq!(shown[..3], first);
    assert_eq!(shown[3..], ["2: 1/1 late"]);
    assert_eq!(txns.len(), 1, "one transaction");
}
