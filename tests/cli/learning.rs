//! The commands about what is learned: `freeze`, `unfreeze` and `reset` of `agent` and `class`.

use serde_json::json;

use crate::{folder, run_in};

const AT: &str = "2026-03-02T09:05:00Z";
const AT_MS: i64 = 1_772_442_300_000;

#[test]
fn each_command_writes_the_record_that_its_words_say() {
    let since = "--since 2026-03-02T09:05:00Z";
    for (words, of_tenant, learning) in [
        ("agent freeze t/a", false, json!({"command": "freeze"})),
        ("agent unfreeze t/a", false, json!({"command": "unfreeze"})),
        ("agent reset t/a", false, json!({"command": "reset"})),
        (
            &format!("agent reset t/a {since}"),
            false,
            json!({"command": "reset", "since": AT_MS}),
        ),
        (
            "agent freeze t --where agent.type=desk",
            true,
            json!({"command": "freeze", "where": {"agent_type": "desk"}}),
        ),
        (
            "agent unfreeze --where agent.type=a=b t",
            true,
            json!({"command": "unfreeze", "where": {"agent_type": "a=b"}}),
        ),
        (
            &format!("agent reset t --where agent.type=desk {since}"),
            true,
            json!({"command": "reset", "since": AT_MS, "where": {"agent_type": "desk"}}),
        ),
        (
            "class freeze t --agent-type desk --task-class refund",
            true,
            json!({"command": "freeze", "class": {"agent_type": "desk", "task_class": "refund"}}),
        ),
        (
            "class unfreeze t --agent-type desk",
            true,
            json!({"command": "unfreeze", "class": {"agent_type": "desk"}}),
        ),
        (
            &format!("class reset t --task-class refund {since}"),
            true,
            json!({"command": "reset", "since": AT_MS, "class": {"task_class": "refund"}}),
        ),
    ] {
        let more = format!("{words} --by ann --reason why --at {AT} --out -");
        let args: Vec<&str> = more.split(' ').collect();
        let ran = run_in(folder().path(), &args);
        assert_eq!(ran.code, 0, "{words}: {}", ran.err);
        let mut expected = json!({"tenant": "t", "by": "ann", "at": AT_MS, "reason": "why",
            "learning": learning});
        if !of_tenant {
            expected["agent"] = json!({"id": "a"});
        }
        assert_eq!(ran.json(), expected, "{words}");
    }
}

#[test]
fn what_names_no_class_no_agents_or_no_tenant_is_refused() {
    for (words, error) in [
        ("class freeze t", "--agent-type"),
        ("class freeze t/a --agent-type desk", "expected a tenant"),
        ("agent freeze t", "expected TENANT/AGENT"),
        ("agent freeze", "<TENANT/AGENT>"),
        ("agent freeze --where agent.type=desk", "<TENANT/AGENT>"),
        (
            "agent freeze t/a --where agent.type=desk",
            "expected a tenant, such as acme, and no agent",
        ),
        (
            "agent reset t --where agent.version=2",
            "expected agent.type=TYPE",
        ),
        ("agent reset t --where desk", "expected agent.type=TYPE"),
        (
            "agent reset t --where agent.type=",
            "expected agent.type=TYPE",
        ),
        (
            "agent reset t --where agent.type=a --where agent.type=b",
            "cannot be used multiple times",
        ),
        ("agent reset t/a --since yesterday", "--since"),
        (
            "agent reset t/a --since 1999-01-01T00:00:00Z",
            "before 2000",
        ),
    ] {
        let more = format!("{words} --by ann --out -");
        let args: Vec<&str> = more.split(' ').collect();
        let ran = run_in(folder().path(), &args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words}");
        assert!(ran.err.contains(error), "{words}: {}", ran.err);
    }
}
