//! Reads a control record from its tree: exactly one command, from words that must be known.

use super::check::TENANT_DEFAULT;
use super::object::{Object, Refusal};
use super::scope::one_agent;
use super::tree::Node;
use crate::event::TextBound::{Free, Id, Tenant};
use crate::event::{
    ApprovalDecision, CommandKind, ControlRecord, IncidentVerdict, RevocationResult, Text,
};

/// Reads a control record; the number of unknown fields is added to `unknown`.
pub(super) fn read(node: Node, unknown: &mut u32) -> Result<ControlRecord, Refusal> {
    let mut top = Object::record(node)?;
    let flat = top.text("agent_id", Id)?;
    let mut nested = None;
    if let Some(mut agent) = top.object("agent")? {
        nested = agent.text("id", Id)?;
        agent.finish(unknown);
    }
    let control = ControlRecord {
        tenant: top
            .text("tenant", Tenant)?
            .unwrap_or_else(|| TENANT_DEFAULT.into()),
        agent_id: one_agent(flat, nested)?,
        by: top.required("by", Id)?,
        at_ms: top.time("at")?.ok_or("at: required, and missing")?,
        reason: top.text("reason", Free)?,
        command: command(&mut top, unknown)?,
    };
    top.finish(unknown);
    Ok(control)
}

fn command(top: &mut Object, unknown: &mut u32) -> Result<CommandKind, Refusal> {
    let mut commands = Vec::new();
    for name in ["decision", "confirmation", "withdrawal", "verdict"] {
        if let Some(object) = top.object(name)? {
            commands.push(read_command(name, object, unknown)?);
        }
    }
    match (commands.pop(), commands.is_empty()) {
        (Some(command), true) => Ok(command),
        (Some(_), false) => Err("more than one command in one record".into()),
        (None, _) => {
            Err("one of decision, confirmation, withdrawal and verdict is required".into())
        }
    }
}

fn read_command(name: &str, mut object: Object, unknown: &mut u32) -> Result<CommandKind, Refusal> {
    let command = match name {
        "decision" => CommandKind::Decision {
            txn: object.required("txn", Id)?,
            decision: word(
                &mut object,
                "decision",
                &[
                    ("approve", ApprovalDecision::Approve),
                    ("deny", ApprovalDecision::Deny),
                ],
            )?,
        },
        "confirmation" => CommandKind::Confirmation {
            txn: object.required("txn", Id)?,
            target: object.text("target", Id)?,
            result: word(
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
            txn: object.required("txn", Id)?,
        },
        _ => CommandKind::Verdict {
            incident_id: object.required("incident_id", Id)?,
            verdict: word(
                &mut object,
                "verdict",
                &[
                    ("true_positive", IncidentVerdict::TruePositive),
                    ("false_positive", IncidentVerdict::FalsePositive),
                ],
            )?,
        },
    };
    object.finish(unknown);
    Ok(command)
}

/// A command word. Commands change what Scopewatch does, so a word outside the list is refused
/// rather than guessed at.
fn word<T: Copy>(object: &mut Object, name: &str, words: &[(&str, T)]) -> Result<T, Refusal> {
    let path = object.path_of(name);
    let found: Text = object.required(name, Id)?;
    words
        .iter()
        .find(|(word, _)| *word == found)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("{path}: `{found}` is none of {}", known.join(", "))
        })
}
