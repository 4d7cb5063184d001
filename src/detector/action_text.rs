//! How a sentence names an action and the ids in it.

use crate::behaviour::TrailAction;
use crate::event::{AgentAction, Verb};
use crate::scope::non_empty;

/// Characters of an id that a sentence shows.
const ID_CHARS_MAX: usize = 80;

/// `delete database.table orders.archive with db.query`.
pub(super) fn describe_action(action: &AgentAction) -> String {
    let (id, tool) = (action.resource_id.as_deref(), action.tool_name.as_deref());
    describe_call(action.action_verb, &action.resource_type, id, tool)
}

/// The same for the parts of an action.
pub(super) fn describe_call(
    verb: Verb,
    resource_type: &str,
    id: Option<&str>,
    tool: Option<&str>,
) -> String {
    let mut text = format!("{verb} {resource_type}");
    for (before, part) in [(" ", id), (" with ", tool)] {
        if let Some(part) = part {
            text.push_str(before);
            text.push_str(&shorten_id(part));
        }
    }
    text
}

/// The names of an action, for the trail of its task.
pub(super) fn trail_action(action: &AgentAction) -> TrailAction<'_> {
    let address = non_empty(&action.destination_address);
    TrailAction {
        verb: action.action_verb,
        resource_type: &action.resource_type,
        resource_id: non_empty(&action.resource_id),
        tool: non_empty(&action.tool_name),
        destination: address.or(non_empty(&action.destination_host)),
        outcome: action.outcome,
    }
}

pub(super) fn shorten_id(text: &str) -> String {
    match text.char_indices().nth(ID_CHARS_MAX) {
        None => text.to_string(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
