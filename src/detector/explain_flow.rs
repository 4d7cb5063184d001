//! The sentence of an alert about what was read before something leaves.

use crate::event::AgentAction;
use crate::rule::{FactSlot, Rule, fact};

use super::action_text::{describe_action, shorten_id};
use super::content_flow::ActionFlow;

/// The facts of a flow that an alert explains.
const EXPLAINED: [FactSlot; 4] = [
    fact::TASK_TRIFECTA,
    fact::TASK_UNTRUSTED_SEEN,
    fact::TASK_SINCE_UNTRUSTED_ACTIONS,
    fact::TASK_SINCE_UNTRUSTED_S,
];

/// Whether alerts of a rule say what was read before.
pub(super) fn explains_flow(rule: &Rule) -> bool {
    EXPLAINED.iter().any(|slot| rule.reads.contains(slot))
}

/// `Agent acme/a1: send email.message m1 to evil.example, 2 actions after untrusted content (web);
/// the task has read private data`.
pub(super) fn explain_flow(action: &AgentAction, flow: &ActionFlow) -> String {
    let mut text = format!(
        "Agent {}/{}: {}",
        action.tenant,
        action.agent_id,
        describe_action(action)
    );
    let address = action.destination_address.as_deref();
    let to = address.or(action.destination_host.as_deref());
    if let Some(to) = to.filter(|_| flow.egress.is_some()) {
        text.push_str(&format!(" to {}", shorten_id(to)));
    }
    if let Some(count) = flow.since_actions {
        let sources = flow.sources.join(", ");
        let unit = if count == 1 { "action" } else { "actions" };
        text.push_str(&format!(
            ", {count} {unit} after untrusted content ({sources})"
        ));
    }
    if let Some(agent) = &flow.untrusted_by {
        let agent = shorten_id(agent);
        text.push_str(&format!(
            "; agent {agent} of its tree has read untrusted content"
        ));
    }
    if flow.private {
        text.push_str("; the task has read private data");
    }
    if let Some(agent) = &flow.private_by {
        let agent = shorten_id(agent);
        text.push_str(&format!(
            "; agent {agent} of its tree has read private data"
        ));
    }
    text
}
