//! To which task and class an action belongs, and what the task is to know of it.

use crate::behaviour::{Admitted, ClassName, TaskName, TaskVersion, hash_text};
use crate::event::{ActionField, ActionOutcome, AgentAction};
use crate::scope::{Judgement, non_empty};

/// The class that an action belongs to. That of its scope goes before the one that it claims.
pub(super) fn class_of<'a>(action: &'a AgentAction, judgement: &'a Judgement) -> ClassName<'a> {
    let scope = judgement.scope.as_deref();
    let declared = scope.and_then(|scope| non_empty(&scope.agent_type));
    ClassName {
        agent_type: declared
            .or(non_empty(&action.agent_type))
            .unwrap_or_default(),
        task_class: judgement.task_class().or(non_empty(&action.task_class)),
    }
}

/// The task that an action belongs to.
pub(super) fn task_name(action: &AgentAction) -> TaskName<'_> {
    let task = non_empty(&action.task_id).map(TaskName::Task);
    task.or(non_empty(&action.session_id).map(TaskName::Session))
        .unwrap_or(TaskName::Unnamed)
}

pub(super) fn admitted_of(action: &AgentAction) -> Admitted {
    match action.outcome {
        Some(ActionOutcome::Allowed) => Admitted::Allowed,
        Some(ActionOutcome::Denied) => Admitted::Denied,
        Some(ActionOutcome::Error) | None => Admitted::Unknown,
    }
}

/// The version and the credential of an action that names both.
pub(super) fn task_version(action: &AgentAction) -> Option<TaskVersion> {
    let readable = !action.is_malformed(ActionField::AGENT_VERSION)
        && !action.is_malformed(ActionField::CREDENTIAL_ID);
    let version = non_empty(&action.agent_version).filter(|_| readable)?;
    let credential = non_empty(&action.credential_id)?;
    Some(TaskVersion {
        version: hash_text(version),
        credential: hash_text(credential),
    })
}

/// When the scope of a task ends.
pub(super) fn expiry_of(judgement: &Judgement) -> Option<i64> {
    let scope = judgement.scope.as_deref()?;
    scope.task_id.as_ref().and(scope.expires_at_ms)
}
