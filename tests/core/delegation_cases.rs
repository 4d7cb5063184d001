//! The rules of the delegation family end to end, for the table of `rules.rs`.

use serde_json::{Value as Json, json};

use crate::harness::{MINUTE, T0, anything, databases};
use crate::rules::Case;

fn read() -> Json {
    json!({"resource.type": "database.table", "action.verb": "read"})
}

fn spawn(child: &str) -> Json {
    json!({"resource.type": "agent.child", "action.verb": "spawn", "resource.id": child})
}

/// Each rule with scopes and actions; only the last action matches the rule.
pub fn delegation_cases() -> Vec<Case> {
    let limits = json!({"allowed": true, "depth_max": 1, "children_max": 1});
    let limited = json!([{"grants": anything(), "delegation": limits}]);
    let mut deep = read();
    deep["delegation.chain"] = json!(["root", "planner", "a1"]);
    let widened = json!([
        {"grants": databases(), "effective_from": T0 - MINUTE},
        {"grants": anything(), "effective_from": T0},
    ]);
    let send = json!({"resource.type": "email.message", "action.verb": "send"});
    vec![
        ("depth-over-limit", limited.clone(), vec![(1, deep)]),
        (
            "fan-out-over-limit",
            limited,
            vec![(1, spawn("c1")), (2, spawn("c2"))],
        ),
        ("widened-then-used", widened, vec![(1, send)]),
    ]
}
