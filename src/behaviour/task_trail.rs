//! The last actions of a task, for whoever reads an alert about it.

use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::limits::{TRAIL_NAME_BYTES_MAX, TRAIL_STEPS_MAX};
use crate::event::{ActionOutcome, Text, Verb};

/// Stands behind a name that was cut.
const CUT_SIGN: &str = "\u{2026}";

/// The last actions of a task, oldest first, at most [`TRAIL_STEPS_MAX`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct TaskTrail {
    steps: Vec<TrailStep>,
}

/// An action, or several like it in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailStep {
    /// The time of the last one, epoch milliseconds.
    pub at_ms: i64,
    pub verb: Verb,
    pub resource_type: Text,
    pub resource_id: Option<Text>,
    pub tool: Option<Text>,
    pub destination: Option<Text>,
    pub outcome: Option<ActionOutcome>,
    /// How many there were.
    pub times: u32,
    /// See [`TrailAction::mark`].
    mark: u64,
}

/// The names of an action, for the trail of its task.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrailAction<'a> {
    pub verb: Verb,
    pub resource_type: &'a str,
    pub resource_id: Option<&'a str>,
    pub tool: Option<&'a str>,
    /// Address or host.
    pub destination: Option<&'a str>,
    pub outcome: Option<ActionOutcome>,
}

impl TaskTrail {
    /// Notes an action of the task. One like the last is counted with it, so that a loop does not
    /// push out what came before.
    pub(super) fn note_action(&mut self, names: &TrailAction<'_>, at_ms: i64) {
        let mark = names.mark();
        if let Some(last) = self.steps.last_mut()
            && last.mark == mark
        {
            last.at_ms = last.at_ms.max(at_ms);
            last.times = last.times.saturating_add(1);
            return;
        }
        if self.steps.len() >= TRAIL_STEPS_MAX {
            self.steps.remove(0);
        }
        self.steps.push(TrailStep::new(names, at_ms, mark));
    }

    pub(super) fn steps(&self) -> &[TrailStep] {
        &self.steps
    }
}

impl TrailStep {
    /// One action as a step.
    #[must_use]
    pub fn of_action(names: &TrailAction<'_>, at_ms: i64) -> TrailStep {
        TrailStep::new(names, at_ms, names.mark())
    }

    fn new(names: &TrailAction<'_>, at_ms: i64, mark: u64) -> TrailStep {
        TrailStep {
            at_ms,
            verb: names.verb,
            resource_type: cut_name(names.resource_type),
            resource_id: names.resource_id.map(cut_name),
            tool: names.tool.map(cut_name),
            destination: names.destination.map(cut_name),
            outcome: names.outcome,
            times: 1,
            mark,
        }
    }

    /// Whether the step is of actions with these names and this outcome.
    #[must_use]
    pub fn is_of(&self, names: &TrailAction<'_>) -> bool {
        self.mark == names.mark()
    }
}

impl TrailAction<'_> {
    /// Hash of the whole names, verb and outcome: two long names may begin alike.
    fn mark(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        let names = [
            Some(self.verb.as_str()),
            self.outcome.map(ActionOutcome::as_str),
            Some(self.resource_type),
            self.resource_id,
            self.tool,
            self.destination,
        ];
        for name in names {
            hasher.write(name.unwrap_or_default().as_bytes());
            // No text has this byte, so the names cannot run into each other.
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

/// The beginning of a name, and a sign that it was cut: an agent chooses how long a name is.
fn cut_name(name: &str) -> Text {
    if name.len() <= TRAIL_NAME_BYTES_MAX {
        return name.into();
    }
    let end = name.floor_char_boundary(TRAIL_NAME_BYTES_MAX - CUT_SIGN.len());
    let begin = name.get(..end).unwrap_or_default();
    format!("{begin}{CUT_SIGN}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(id: &str) -> TrailAction<'_> {
        TrailAction {
            resource_type: "file.text",
            resource_id: Some(id),
            ..TrailAction::default()
        }
    }

    #[test]
    fn the_last_actions_stay_and_a_loop_is_one_of_them() {
        let mut trail = TaskTrail::default();
        for (at_ms, id) in ["a", "b", "b", "b", "c"].into_iter().enumerate() {
            trail.note_action(&names(id), at_ms as i64);
        }
        let seen = |trail: &TaskTrail| -> Vec<(String, u32, i64)> {
            let steps = trail.steps().iter();
            let id = |step: &TrailStep| step.resource_id.as_deref().unwrap_or_default().to_owned();
            steps
                .map(|step| (id(step), step.times, step.at_ms))
                .collect()
        };
        let expected = [("a", 1, 0), ("b", 3, 3), ("c", 1, 4)];
        assert_eq!(
            seen(&trail),
            expected.map(|(id, times, at)| (id.to_owned(), times, at))
        );
        for n in 0..20 {
            trail.note_action(&names(&format!("n{n}")), 10 + n);
        }
        assert_eq!(trail.steps().len(), TRAIL_STEPS_MAX);
        assert_eq!(seen(&trail).last(), Some(&("n19".to_owned(), 1, 29)));
        // Another outcome is another step.
        let denied = TrailAction {
            outcome: Some(ActionOutcome::Denied),
            ..names("n19")
        };
        trail.note_action(&denied, 30);
        assert_eq!(seen(&trail).last(), Some(&("n19".to_owned(), 1, 30)));
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_says_so() {
        // Each character has two bytes, and the first one leaves an odd number for them.
        let long = format!("x{}", "ü".repeat(4000));
        let mut trail = TaskTrail::default();
        trail.note_action(&names(&long), 0);
        trail.note_action(&names(&long), 1);
        // It begins alike, and is another one.
        trail.note_action(&names(&format!("{long}!")), 2);
        let [step, other] = trail.steps() else {
            panic!("{trail:?}");
        };
        let id = step.resource_id.as_deref().unwrap();
        assert!(
            id.len() <= TRAIL_NAME_BYTES_MAX && id.ends_with("ü\u{2026}"),
            "{id}"
        );
        assert_eq!((step.times, other.times), (2, 1));
    }

    #[test]
    fn another_destination_is_another_step() {
        let mut trail = TaskTrail::default();
        for destination in ["ceo@corp.example", "evil@attacker.example"] {
            let send = TrailAction {
                verb: Verb::Send,
                resource_type: "email.message",
                destination: Some(destination),
                ..TrailAction::default()
            };
            trail.note_action(&send, 0);
        }
        let shown: Vec<_> = (trail.steps().iter())
            .map(|step| step.destination.as_deref())
            .collect();
        assert_eq!(
            shown,
            [Some("ceo@corp.example"), Some("evil@attacker.example")]
        );
    }
}
