//! What an action gives as evidence, signal by signal: as a sentence, and as numbers.

use crate::behaviour::limits::YOUNG_TASKS;
use crate::behaviour::{EvidenceSignal, SignalCount};
use crate::event::{AgentAction, Text};
use crate::response::{EvidenceNote, SignalNote};
use crate::scope::Judgement;

use super::action_text::{describe_action, shorten_id};
use super::behaviour_facts::ActionBehaviour;

/// Flags of content that a sentence shows.
const FLAGS_SHOWN_MAX: usize = 4;

/// Each signal with its weight and the counts behind it, the heaviest first.
pub(super) fn note_evidence(
    action: &AgentAction,
    judgement: &Judgement,
    behaviour: &ActionBehaviour,
) -> EvidenceNote {
    let mut signals = behaviour.evidence.signals.clone();
    signals.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    let note = |one: &SignalCount| SignalNote {
        signal: one.signal.as_str().into(),
        weight: one.weight,
        about: explain_signal(one, action, judgement),
        class: counts_class(one.signal).then_some(one.class),
        peers: counts_peers(one.signal).then_some(one.peers),
    };
    EvidenceNote {
        bans: behaviour.evidence.bans,
        class_tasks: behaviour.class_tasks,
        signals: signals.iter().map(note).collect(),
    }
}

/// The same as one sentence.
pub(super) fn explain_evidence(action: &AgentAction, note: &EvidenceNote) -> String {
    let signals = note.signals.iter();
    let parts: Vec<String> = signals
        .map(|one| format!("{} {:+} {}", one.signal, one.weight, one.about))
        .collect();
    let young = match note.class_tasks {
        tasks if tasks < YOUNG_TASKS => {
            format!(" (class is learning, {tasks} of {YOUNG_TASKS} tasks)")
        }
        _ => String::new(),
    };
    format!(
        "Agent {}/{}: {}; {} \u{b7} sum {:.1}{young}",
        action.tenant,
        action.agent_id,
        describe_action(action),
        parts.join(" \u{b7} "),
        note.bans,
    )
}

/// Whether the signal is about something that the tasks of the class are counted by.
fn counts_class(signal: EvidenceSignal) -> bool {
    signal == EvidenceSignal::PairNew || counts_peers(signal)
}

/// The same for the tasks of the agent type.
fn counts_peers(signal: EvidenceSignal) -> bool {
    matches!(
        signal,
        EvidenceSignal::DestinationNew
            | EvidenceSignal::DestinationOfPeers
            | EvidenceSignal::ResourceNew
            | EvidenceSignal::ResourceOfPeers
    )
}

/// What one signal is about.
fn explain_signal(one: &SignalCount, action: &AgentAction, judgement: &Judgement) -> String {
    let ((class, of_class), (peers, of_peers)) = (one.class, one.peers);
    let class = format!("{class} of {of_class} tasks of this class");
    let counts = format!("{class}, {peers} of {of_peers} of its type");
    match one.signal {
        EvidenceSignal::OutOfScope => {
            let scope = shorten_id(judgement.scope_id().unwrap_or_default());
            format!("not granted by scope {scope}")
        }
        EvidenceSignal::PairNew => {
            let kind = shorten_id(&action.resource_type);
            format!("({kind}, {}): {class}", action.action_verb)
        }
        EvidenceSignal::DestinationNew | EvidenceSignal::DestinationOfPeers => {
            let address = action.destination_address.as_deref();
            let to = address.or(action.destination_host.as_deref());
            format!(
                "destination {}: {counts}",
                shorten_id(to.unwrap_or_default())
            )
        }
        EvidenceSignal::ResourceNew | EvidenceSignal::ResourceOfPeers => {
            let id = action.resource_id.as_deref().unwrap_or_default();
            format!("resource {}: {counts}", shorten_id(id))
        }
        EvidenceSignal::CriticalThere => "critical there".into(),
        EvidenceSignal::OutwardThere => "leaves the tenant".into(),
        EvidenceSignal::AfterUntrusted => "after untrusted content".into(),
        EvidenceSignal::Failed => "failed".into(),
        EvidenceSignal::KnownDestinations => "every destination is known".into(),
        EvidenceSignal::NowhereOutside => "goes nowhere outside".into(),
        EvidenceSignal::Flagged => explain_flags(&action.content_flags),
    }
}

/// What the gateway found in the content, by its own ids.
fn explain_flags(flags: &[Text]) -> String {
    let shown: Vec<String> = flags
        .iter()
        .take(FLAGS_SHOWN_MAX)
        .map(|id| shorten_id(id))
        .collect();
    let further = match flags.len().saturating_sub(FLAGS_SHOWN_MAX) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    format!("flagged at the gateway: {}{further}", shown.join(", "))
}
