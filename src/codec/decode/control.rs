//! Reads a control record from its tree of values. It has exactly one command, and unknown words
//! are refused. A security event token of an identity system is a confirmation.

use super::bounds::{COMMAND_MS_MIN, TENANT_DEFAULT};
use super::object::{RecordObject, Refusal};
use super::scope::one_agent;
use super::set_reply::{is_token, read_subject, read_token};
use super::tree::TreeNode;
use crate::event::TextBound::{Free, Id, Tenant};
use crate::event::limits::STATE_BYTES_MAX;
use crate::event::{
    AcceptedUse, AgentSelection, ApprovalDecision, BudgetCommand, CommandKind, ConfirmedTarget,
    ControlRecord, IncidentVerdict, LearnedImport, LearningChange, LearningCommand, LearningTarget,
    ProfileKind, ProfileName, RevocationResult, TaskClass, Text, Verb,
};
use crate::text::normal::Destination;

/// Reads a control record and adds the number of its unknown fields to `unknown`.
pub(super) fn read_control(node: TreeNode, unknown: &mut u32) -> Result<ControlRecord, Refusal> {
    let mut top = RecordObject::from_record(node)?;
    if is_token(&top) {
        return read_token(top, unknown);
    }
    let flat = top.take_text("agent_id", Id)?;
    let mut nested = None;
    if let Some(mut agent) = top.take_object("agent")? {
        nested = agent.take_text("id", Id)?;
        agent.count_unknown(unknown);
    }
    let command = one_command(&mut top, unknown)?;
    let agent_id = match (command.is_of_tenant(), &flat, &nested) {
        (true, None, None) => Text::default(),
        (true, ..) => {
            let problem = "a command about a class or about selected agents names no agent";
            return Err(format!("agent.id: {problem}"));
        }
        (false, ..) => one_agent(flat, nested)?,
    };
    let control = ControlRecord {
        tenant: top
            .take_text("tenant", Tenant)?
            .unwrap_or_else(|| TENANT_DEFAULT.into()),
        agent_id,
        by: top.required_text("by", Id)?,
        at_ms: command_time(&mut top)?,
        reason: top.take_text("reason", Free)?,
        command,
    };
    top.count_unknown(unknown);
    Ok(control)
}

/// When the command was given. A time in seconds would be one of 1970: then every action since
/// would count as done after the revocation that the record confirms.
fn command_time(top: &mut RecordObject) -> Result<i64, Refusal> {
    let at_ms = top.take_time("at")?.ok_or("at: required, and missing")?;
    if at_ms < COMMAND_MS_MIN {
        return Err(format!(
            "at: {at_ms} is before 2000; epoch milliseconds are expected, not seconds"
        ));
    }
    Ok(at_ms)
}

/// The fields of a record that name its command.
const COMMANDS: [&str; 8] = [
    "decision",
    "confirmation",
    "withdrawal",
    "verdict",
    "budget",
    "acceptance",
    "learning",
    "import",
];

fn one_command(top: &mut RecordObject, unknown: &mut u32) -> Result<CommandKind, Refusal> {
    let mut commands = Vec::new();
    for name in COMMANDS {
        if let Some(object) = top.take_object(name)? {
            commands.push(read_command(name, object, unknown)?);
        }
    }
    match (commands.pop(), commands.is_empty()) {
        (Some(command), true) => Ok(command),
        (Some(_), false) => Err("more than one command in one record".into()),
        (None, _) => Err(format!("one of {} is required", COMMANDS.join(", "))),
    }
}

fn read_command(
    name: &str,
    mut object: RecordObject,
    unknown: &mut u32,
) -> Result<CommandKind, Refusal> {
    let command = match name {
        "decision" => CommandKind::Decision {
            txn: object.required_text("txn", Id)?,
            decision: command_word(
                &mut object,
                "decision",
                &[
                    ("approve", ApprovalDecision::Approve),
                    ("deny", ApprovalDecision::Deny),
                ],
            )?,
        },
        "confirmation" => CommandKind::Confirmation {
            txn: object.required_text("txn", Id)?,
            target: confirmed_target(&mut object)?,
            result: command_word(
                &mut object,
                "result",
                &[
                    ("done", RevocationResult::Done),
                    ("not_found", RevocationResult::NotFound),
                    ("refused", RevocationResult::Refused),
                    ("partial", RevocationResult::Partial),
                    ("failed", RevocationResult::Failed),
                ],
            )?,
        },
        "withdrawal" => CommandKind::Withdrawal {
            txn: object.required_text("txn", Id)?,
        },
        "budget" => CommandKind::Budget {
            command: command_word(&mut object, "command", &[("rearm", BudgetCommand::Rearm)])?,
        },
        "acceptance" => CommandKind::Acceptance(Box::new(accepted_use(&mut object)?)),
        "learning" => CommandKind::Learning(Box::new(learning_command(&mut object, unknown)?)),
        "import" => CommandKind::Import(Box::new(learned_import(&mut object)?)),
        _ => CommandKind::Verdict {
            incident_id: object.required_text("incident_id", Id)?,
            verdict: command_word(
                &mut object,
                "verdict",
                &[
                    ("true_positive", IncidentVerdict::TruePositive),
                    ("false_positive", IncidentVerdict::FalsePositive),
                ],
            )?,
        },
    };
    object.count_unknown(unknown);
    Ok(command)
}

/// The target of a confirmation: its id, or its subject identifier as the request had it. An empty
/// one is refused: it must not become every target.
fn confirmed_target(object: &mut RecordObject) -> Result<Option<ConfirmedTarget>, Refusal> {
    if object.is_object("target") {
        return object.take_object("target")?.map(read_subject).transpose();
    }
    if !object.has_value("target") {
        return Ok(None);
    }
    let id = object.required_text("target", Id)?;
    Ok(Some(ConfirmedTarget { id, subject: None }))
}

/// What a person says is usual: a verb with its resource type, a resource with its type, a
/// destination or a tool.
fn accepted_use(object: &mut RecordObject) -> Result<AcceptedUse, Refusal> {
    let path = object.path_of("verb");
    let verb = object.take_text("verb", Id)?;
    let verb =
        verb.map(|word| Verb::from_word(&word).ok_or(format!("{path}: `{word}` is no verb")));
    let accepted = AcceptedUse {
        agent_type: object.take_text("agent_type", Id)?,
        task_class: object.take_text("task_class", Id)?,
        resource_type: object.take_text("resource_type", Id)?,
        verb: verb.transpose()?,
        resource_id: object.take_text("resource_id", Free)?,
        destination: object.take_text("destination", Free)?,
        tool: object.take_text("tool", Free)?,
    };
    let of_type = accepted.verb.is_some() || accepted.resource_id.is_some();
    if of_type != accepted.resource_type.is_some() {
        let path = object.path_of("resource_type");
        return Err(format!(
            "{path}: needs a verb or a resource_id, and each of them needs it"
        ));
    }
    if !of_type && accepted.destination.is_none() && accepted.tool.is_none() {
        let path = object.path_of("destination");
        return Err(format!(
            "{path}: a verb, a resource_id, a destination or a tool is required"
        ));
    }
    let readable = |text: &str| {
        let mut each = Destination::read_each(text).into_iter();
        each.any(|one| !matches!(one, Destination::Invalid))
    };
    if accepted
        .destination
        .as_deref()
        .is_some_and(|text| !readable(text))
    {
        let path = object.path_of("destination");
        return Err(format!("{path}: no host, address or account"));
    }
    Ok(accepted)
}

/// What is done with what is learned, and of whom.
fn learning_command(
    object: &mut RecordObject,
    unknown: &mut u32,
) -> Result<LearningCommand, Refusal> {
    let path = object.path_of("since");
    let since_ms = object.take_time("since")?;
    if let Some(ms) = since_ms.filter(|ms| *ms < COMMAND_MS_MIN) {
        return Err(format!(
            "{path}: {ms} is before 2000; epoch milliseconds are expected, not seconds"
        ));
    }
    let reset = LearningChange::Reset { since_ms };
    let words = [
        ("freeze", LearningChange::Freeze),
        ("unfreeze", LearningChange::Unfreeze),
        ("reset", reset),
    ];
    let change = command_word(object, "command", &words)?;
    if since_ms.is_some() && change != reset {
        return Err(format!("{path}: only a reset has it"));
    }
    let target = learning_target(object, unknown)?;
    Ok(LearningCommand { target, change })
}

fn learning_target(
    object: &mut RecordObject,
    unknown: &mut u32,
) -> Result<LearningTarget, Refusal> {
    let path = object.path_of("where");
    match (object.take_object("class")?, object.take_object("where")?) {
        (None, None) => Ok(LearningTarget::Agent),
        (Some(class), None) => Ok(LearningTarget::Class(task_class(class, unknown)?)),
        (None, Some(selected)) => Ok(LearningTarget::Agents(agent_selection(selected)?)),
        (Some(_), Some(_)) => Err(format!("{path}: a command has this or a class, not both")),
    }
}

fn task_class(mut class: RecordObject, unknown: &mut u32) -> Result<TaskClass, Refusal> {
    let path = class.path_of("agent_type");
    let named = TaskClass {
        agent_type: class.take_text("agent_type", Id)?.unwrap_or_default(),
        task_class: class.take_text("task_class", Id)?,
    };
    class.count_unknown(unknown);
    if named == TaskClass::default() {
        return Err(format!("{path}: an agent_type or a task_class is required"));
    }
    Ok(named)
}

/// Which agents. A key that is not known would narrow them: without it more agents would be meant
/// than the person said.
fn agent_selection(mut selected: RecordObject) -> Result<AgentSelection, Refusal> {
    let agent_type = selected.required_text("agent_type", Id)?;
    match selected.first_path() {
        Some(path) => Err(format!(
            "{path}: agents are selected by their agent_type only"
        )),
        None => Ok(AgentSelection { agent_type }),
    }
}

/// What was learned elsewhere, of a class or of the agent of the record.
fn learned_import(object: &mut RecordObject) -> Result<LearnedImport, Refusal> {
    let path = object.path_of("state");
    let state = match object.take_field("state") {
        TreeNode::Text(text) if text.len() <= STATE_BYTES_MAX => String::from(text),
        TreeNode::Text(text) => {
            let bytes = text.len();
            return Err(format!(
                "{path}: {bytes} bytes, at most {STATE_BYTES_MAX} are allowed"
            ));
        }
        other => return Err(format!("{path}: expected text, found {}", other.kind())),
    };
    let agent_type = object.take_text("agent_type", Id)?;
    let task_class = object.take_text("task_class", Id)?;
    let path = object.path_of("part");
    let part = match (object.take_text("part", Id)?.as_deref(), task_class) {
        (None, None) if agent_type.is_none() => None,
        (Some("peers"), None) => Some(ProfileKind::Peers),
        (Some("unnamed"), None) => Some(ProfileKind::Unnamed),
        (Some("class"), Some(class)) => Some(ProfileKind::Class(class)),
        _ => {
            return Err(format!(
                "{path}: expected peers or unnamed without a task_class, or class with one"
            ));
        }
    };
    let profile = part.map(|part| ProfileName {
        agent_type: agent_type.unwrap_or_default(),
        part,
    });
    Ok(LearnedImport { profile, state })
}

/// Reads a word of a closed list. A word outside the list is refused, because a command changes
/// what Scopewatch does.
fn command_word<T: Copy>(
    object: &mut RecordObject,
    name: &str,
    words: &[(&str, T)],
) -> Result<T, Refusal> {
    let path = object.path_of(name);
    let found: Text = object.required_text(name, Id)?;
    words
        .iter()
        .find(|(word, _)| *word == found)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("{path}: `{found}` is none of {}", known.join(", "))
        })
}
