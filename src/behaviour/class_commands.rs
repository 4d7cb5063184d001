//! What people commanded about the classes of a tenant: which learn nothing, and which had to
//! forget.
//!
//! Clean tasks and commands reach each partition in an order of its own. So a command is kept with
//! its time, and a task counts by the time at which it ended: every partition learns the same.

use serde::{Deserialize, Serialize};

use super::limits::CLASS_COMMANDS_MAX;
use crate::event::{
    ClassNotice, LearningChange, ProfileKind, ProfileName, ProfileNotice, TaskClass, TaskNotice,
    Text,
};

/// The classes of a tenant about which there is a command.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClassCommands(Vec<CommandedClass>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CommandedClass {
    agent_type: Text,
    /// `None`: every class of the agent type.
    task_class: Option<Text>,
    /// Time and place of the last command: a repeat changes nothing.
    last: (i64, i64, u32),
    /// The tasks that ended from the first time on teach nothing, up to the second one if it is
    /// there.
    frozen: Option<(i64, Option<i64>)>,
    /// The tasks that ended from the first time on, and before the second one, were forgotten.
    forgotten: Option<(i64, i64)>,
}

impl CommandedClass {
    fn is(&self, class: &TaskClass) -> bool {
        self.agent_type == class.agent_type && self.task_class == class.task_class
    }

    fn is_frozen_now(&self) -> bool {
        self.frozen.is_some_and(|(_, until_ms)| until_ms.is_none())
    }

    fn bars(&self, notice: &TaskNotice) -> bool {
        let all = self.task_class.is_none();
        if self.agent_type != notice.agent_type || !(all || self.task_class == notice.task_class) {
            return false;
        }
        let ended_ms = notice.ended_ms;
        let within = |from_ms: i64, until_ms: i64| (from_ms..until_ms).contains(&ended_ms);
        self.frozen
            .is_some_and(|(from_ms, until_ms)| within(from_ms, until_ms.unwrap_or(i64::MAX)))
            || self
                .forgotten
                .is_some_and(|(from_ms, until_ms)| within(from_ms, until_ms))
    }
}

impl ClassCommands {
    /// Keeps that a profile takes the place of what was learned: the tasks before it are forgotten.
    /// As [`Self::note_command`].
    pub fn note_import(&mut self, notice: &ProfileNotice) -> bool {
        self.note_command(&ClassNotice {
            tenant: notice.tenant.clone(),
            class: class_of(&notice.name),
            at_ms: notice.at_ms,
            order: notice.order,
            change: LearningChange::Reset { since_ms: None },
        })
    }

    /// Whether a command about the class can be kept.
    #[must_use]
    pub fn has_room_for(&self, class: &TaskClass) -> bool {
        self.0.len() < CLASS_COMMANDS_MAX
            || self
                .0
                .iter()
                .any(|one| one.is(class) || !one.is_frozen_now())
    }

    /// Keeps a command. Returns whether it is to be carried out: not a repeat of one, nor one that
    /// there is no room for.
    pub fn note_command(&mut self, notice: &ClassNotice) -> bool {
        let last = (notice.at_ms, notice.order.0, notice.order.1);
        let known = self.0.iter().position(|one| one.is(&notice.class));
        if known.is_none() && !self.make_room() {
            return false;
        }
        let index = known.unwrap_or_else(|| {
            self.0.push(CommandedClass {
                agent_type: notice.class.agent_type.clone(),
                task_class: notice.class.task_class.clone(),
                last: (i64::MIN, 0, 0),
                frozen: None,
                forgotten: None,
            });
            self.0.len() - 1
        });
        let one = &mut self.0[index];
        if last <= one.last {
            return false;
        }
        one.last = last;
        match notice.change {
            LearningChange::Freeze if !one.is_frozen_now() => {
                one.frozen = Some((notice.at_ms, None));
            }
            LearningChange::Freeze => {}
            LearningChange::Unfreeze => {
                if let Some((_, until_ms @ None)) = &mut one.frozen {
                    *until_ms = Some(notice.at_ms);
                }
            }
            LearningChange::Reset { since_ms } => {
                one.forgotten = Some((since_ms.unwrap_or(i64::MIN), notice.at_ms));
            }
        }
        true
    }

    /// Makes room for one more class. That which is not frozen and was commanded longest ago goes.
    fn make_room(&mut self) -> bool {
        if self.0.len() < CLASS_COMMANDS_MAX {
            return true;
        }
        let over = (0..self.0.len()).filter(|index| !self.0[*index].is_frozen_now());
        let Some(oldest) = over.min_by_key(|index| self.0[*index].last) else {
            return false;
        };
        self.0.remove(oldest);
        true
    }

    /// Whether a task teaches nothing: its class was frozen when it ended, or had to forget it.
    #[must_use]
    pub fn bars(&self, notice: &TaskNotice) -> bool {
        !notice.accepted && self.0.iter().any(|one| one.bars(notice))
    }
}

/// The tasks that a profile learns from.
#[must_use]
pub fn class_of(name: &ProfileName) -> TaskClass {
    TaskClass {
        agent_type: name.agent_type.clone(),
        task_class: match &name.part {
            ProfileKind::Class(class) => Some(class.clone()),
            ProfileKind::Peers | ProfileKind::Unnamed => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(agent_type: &str, order: i64, at_ms: i64, change: LearningChange) -> ClassNotice {
        ClassNotice {
            tenant: "acme".into(),
            class: TaskClass {
                agent_type: agent_type.into(),
                task_class: None,
            },
            at_ms,
            order: (order, 0),
            change,
        }
    }

    fn task(ended_ms: i64) -> TaskNotice {
        TaskNotice {
            agent_type: "desk".into(),
            task_class: Some("refund".into()),
            ended_ms,
            ..TaskNotice::default()
        }
    }

    #[test]
    fn a_task_counts_by_its_end_whenever_the_command_comes() {
        let mut commands = ClassCommands::default();
        let reset = LearningChange::Reset { since_ms: Some(50) };
        for (order, at_ms, change) in [
            (1, 100, LearningChange::Freeze),
            (2, 150, LearningChange::Freeze),
            (3, 200, LearningChange::Unfreeze),
            (4, 300, LearningChange::Unfreeze),
            (5, 60, reset),
        ] {
            commands.note_command(&command("desk", order, at_ms, change));
        }
        // The reset came with an earlier time: it is taken for a repeat.
        for (ended_ms, barred) in [
            (55, false),
            (99, false),
            (100, true),
            (199, true),
            (200, false),
        ] {
            assert_eq!(commands.bars(&task(ended_ms)), barred, "{ended_ms}");
        }
        assert!(commands.note_command(&command("desk", 6, 400, reset)));
        assert!(!commands.note_command(&command("desk", 6, 400, reset)));
        for (ended_ms, barred) in [(49, false), (50, true), (399, true), (400, false)] {
            assert_eq!(commands.bars(&task(ended_ms)), barred, "{ended_ms}");
        }
        let mut accepted = task(150);
        accepted.accepted = true;
        assert!(!commands.bars(&accepted), "a person's word counts");
        let mut other = task(150);
        other.agent_type = "else".into();
        assert!(!commands.bars(&other));
        other = task(150);
        other.task_class = None;
        assert!(commands.bars(&other), "every class of the type");
    }

    #[test]
    fn what_is_frozen_stays_when_there_is_no_room_and_what_is_over_goes() {
        let mut commands = ClassCommands::default();
        let max = CLASS_COMMANDS_MAX as i64;
        for n in 0..max {
            let freeze = command(&format!("t{n}"), n, n, LearningChange::Freeze);
            assert!(commands.note_command(&freeze));
        }
        let more = command("more", max, max, LearningChange::Freeze);
        assert!(!commands.has_room_for(&more.class));
        assert!(!commands.note_command(&more));
        assert!(commands.has_room_for(&command("t3", 0, 0, LearningChange::Freeze).class));
        commands.note_command(&command("t3", max + 1, max + 1, LearningChange::Unfreeze));
        assert!(commands.has_room_for(&more.class));
        assert!(commands.note_command(&more));
        assert_eq!(commands.0.len(), CLASS_COMMANDS_MAX);
        assert!(commands.0.iter().all(CommandedClass::is_frozen_now));
    }

    #[test]
    fn a_class_that_is_imported_forgets_the_tasks_before_and_stays_frozen() {
        let import = |part, order| ProfileNotice {
            tenant: "acme".into(),
            name: ProfileName {
                agent_type: "desk".into(),
                part,
            },
            at_ms: 100,
            order: (order, 0),
            state: String::new(),
        };
        let task = |ended_ms| TaskNotice {
            agent_type: "desk".into(),
            task_class: Some("notes".into()),
            ended_ms,
            ..TaskNotice::default()
        };
        let class = || ProfileKind::Class("notes".into());
        for part in [class(), ProfileKind::Peers, ProfileKind::Unnamed] {
            let mut commands = ClassCommands::default();
            assert!(commands.note_import(&import(part.clone(), 1)));
            assert!(commands.bars(&task(99)) && !commands.bars(&task(100)));
            assert!(!commands.note_import(&import(part, 1)), "a repeat");
        }
        let mut commands = ClassCommands::default();
        let mut freeze = command("desk", 1, 50, LearningChange::Freeze);
        freeze.class.task_class = Some("notes".into());
        commands.note_command(&freeze);
        assert!(commands.note_import(&import(class(), 2)));
        assert!(commands.bars(&task(99)) && commands.bars(&task(100)));
    }
}
