//! The rules of the delegation family end to end, for the table of `rules.rs`.

use serde_json::{Value as Json, json};

use crate::harness::{MINUTE, SECOND, T0, anything, databases};
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
    deep["delegation.chain"] = json!(["root", "manager", "a1"]);
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

/// The scope of the parent with another status, and that of the child `a1`.
fn family(status: &str) -> Json {
    json!([
        {"agent.id": "manager", "scope_id": "p1", "grants": anything()},
        {"scope_id": "c1", "grants": anything(),
            "parent": {"agent_id": "manager", "scope_id": "p1"}},
        {"agent.id": "manager", "scope_id": "p1", "grants": anything(), "status": status,
            "effective_from": T0 - 30 * SECOND},
    ])
}

fn with(mut action: Json, field: &str, value: Json) -> Json {
    action[field] = value;
    action
}

/// The rules that compare an agent with what is above it.
pub fn tree_cases() -> Vec<Case> {
    let verb = |verb: &str| json!({"resource.type": "database.table", "action.verb": verb});
    let alone = json!([{"grants": anything()}]);
    let unattributed = |action| with(action, "delegation.state", "unattributed".into());
    let chain = |chain: Json| with(read(), "delegation.chain", chain);
    let wide = json!([
        {"agent.id": "manager", "scope_id": "p1", "grants": databases()},
        {"scope_id": "c1", "grants": anything(),
            "parent": {"agent_id": "manager", "scope_id": "p1"}},
    ]);
    let storm = (0..30).map(|n| (10 + n, spawn(&format!("c{n}")))).collect();
    let first = |rule, scopes, action| (rule, scopes, vec![(1, action)]);
    let (over, revoked) = (family("completed"), family("revoked"));
    vec![
        first("child-wider-than-parent", wide, read()),
        first("ambient-authority", alone.clone(), unattributed(read())),
        first(
            "ambient-authority-with-effect",
            alone.clone(),
            unattributed(verb("update")),
        ),
        first("orphan", over.clone(), read()),
        first("orphan-that-changes", over.clone(), verb("update")),
        first("orphan-destruction-or-egress", over, verb("delete")),
        first("parent-revoked", revoked, read()),
        first(
            "cyclic-chain",
            alone.clone(),
            chain(json!(["manager", "a1", "manager", "a1"])),
        ),
        first(
            "malformed-chain",
            family("active"),
            chain(json!(["stranger", "a1"])),
        ),
        first(
            "truncated-chain",
            alone.clone(),
            with(read(), "delegation.state", "truncated".into()),
        ),
        ("spawn-storm", alone, storm),
    ]
}
