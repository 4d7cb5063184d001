//! How a sentence names an action and the ids in it.

use crate::event::AgentAction;

/// Characters of an id that a sentence shows.
const ID_CHARS_MAX: usize = 80;

/// `delete database.table orders.archive with db.query`.
pub(super) fn describe_action(action: &AgentAction) -> String {
    let mut text = format!("{} {}", action.action_verb, action.resource_type);
    for (before, part) in [(" ", &action.resource_id), (" with ", &action.tool_name)] {
        if let Some(part) = part {
            text.push_str(before);
            text.push_str(&shorten_id(part));
        }
    }
    text
}

pub(super) fn shorten_id(text: &str) -> String {
    match text.char_indices().nth(ID_CHARS_MAX) {
        None => text.to_string(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
