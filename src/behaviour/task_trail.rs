//! The last actions of a task, for whoever reads an alert about it.

use serde::{Deserialize, Serialize};

use super::limits::{TRAIL_NAME_BYTES_MAX, TRAIL_STEPS_MAX};
use crate::event::{ActionOutcome, Text, Verb};

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
    pub outcome: Option<ActionOutcome>,
    /// How many there were.
    pub times: u32,
}

/// The names of an action, for the trail of its task.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrailAction<'a> {
    pub verb: Verb,
    pub resource_type: &'a str,
    pub resource_id: Option<&'a str>,
    pub tool: Option<&'a str>,
    pub outcome: Option<ActionOutcome>,
}

impl TaskTrail {
    /// Notes an action of the task. One like the last is counted with it, so that a loop does not
    /// push out what came before.
    pub(super) fn note_action(&mut self, names: &TrailAction<'_>, at_ms: i64) {
        if let Some(last) = self.steps.last_mut()
            && last.is_like(names)
        {
            last.at_ms = last.at_ms.max(at_ms);
            last.times = last.times.saturating_add(1);
            return;
        }
        if self.steps.len() >= TRAIL_STEPS_MAX {
            self.steps.remove(0);
        }
        self.steps.push(TrailStep {
            at_ms,
            verb: names.verb,
            resource_type: shown(names.resource_type).into(),
            resource_id: names.resource_id.map(|id| shown(id).into()),
            tool: names.tool.map(|tool| shown(tool).into()),
            outcome: names.outcome,
            times: 1,
        });
    }

    pub(super) fn steps(&self) -> &[TrailStep] {
        &self.steps
    }
}

impl TrailStep {
    fn is_like(&self, names: &TrailAction<'_>) -> bool {
        self.verb == names.verb
            && self.outcome == names.outcome
            && self.resource_type == shown(names.resource_type)
            && self.resource_id.as_deref() == names.resource_id.map(shown)
            && self.tool.as_deref() == names.tool.map(shown)
    }
}

/// The beginning of a name: an agent chooses how long it is.
fn shown(name: &str) -> &str {
    let end = name.floor_char_boundary(TRAIL_NAME_BYTES_MAX);
    name.get(..end).unwrap_or(name)
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
    fn a_long_name_is_cut_between_characters_and_still_known_again() {
        // Each character has two bytes, and the first one leaves an odd number for them.
        let long = format!("x{}", "ü".repeat(4000));
        let mut trail = TaskTrail::default();
        trail.note_action(&names(&long), 0);
        trail.note_action(&names(&long), 1);
        let [step] = trail.steps() else {
            panic!("{trail:?}");
        };
        let id = step.resource_id.as_deref().unwrap();
        assert_eq!((id.len(), step.times), (TRAIL_NAME_BYTES_MAX - 1, 2));
    }
}
