//! What people commanded about selections of the agents of a tenant: which learn nothing, and which
//! have to forget.
//!
//! Most agents are not in memory. So a command is kept, and each agent carries it out before it
//! learns anything more: it keeps the number of the last one that it has carried out.

use serde::{Deserialize, Serialize};

use super::limits::{AGENT_COMMAND_KEPT_MS, AGENT_COMMANDS_MAX};
use crate::event::{AgentSelection, AgentsNotice, LearningChange};

/// The commands about selections of the agents of a tenant, in the order in which they are carried
/// out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentCommands {
    /// Number of the last one; 0 before the first.
    last: u64,
    kept: Vec<KeptCommand>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptCommand {
    number: u64,
    selection: AgentSelection,
    change: LearningChange,
    /// Its time and place: a repeat changes nothing.
    given: (i64, i64, u32),
}

impl KeptCommand {
    /// Whether some agent may still have to carry it out when as much as possible is forgotten.
    fn is_needed(&self, now_ms: i64) -> bool {
        let age_ms = now_ms.saturating_sub(self.given.0);
        self.change == LearningChange::Freeze || age_ms < AGENT_COMMAND_KEPT_MS
    }

    /// Whether who carries out `later` need not carry out this one before.
    fn is_covered_by(&self, later: &AgentsNotice) -> bool {
        self.selection == later.selection
            && match (self.change, later.change) {
                (
                    LearningChange::Reset { since_ms: earlier },
                    LearningChange::Reset { since_ms },
                ) => since_ms <= earlier,
                (LearningChange::Reset { .. }, _) | (_, LearningChange::Reset { .. }) => false,
                (LearningChange::Freeze | LearningChange::Unfreeze, _) => true,
            }
    }
}

impl AgentCommands {
    /// Number of the last command. An agent that has carried it out has nothing to do.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What the agents of a type have to carry out after the command number `done`, in order.
    pub fn changes_after<'c>(
        &'c self,
        done: u64,
        agent_type: &'c str,
    ) -> impl Iterator<Item = LearningChange> + 'c {
        let kept = self.kept.iter().filter(move |one| one.number > done);
        let meant = kept.filter(move |one| one.selection.agent_type == agent_type);
        meant.map(|one| one.change)
    }

    /// Whether a command can be kept.
    #[must_use]
    pub fn has_room_for(&self, notice: &AgentsNotice) -> bool {
        let stays = |one: &&KeptCommand| one.is_needed(notice.at_ms) && !one.is_covered_by(notice);
        self.kept.iter().filter(stays).count() < AGENT_COMMANDS_MAX
    }

    /// Keeps a command. Returns whether it is to be carried out: not a repeat of one, nor one that
    /// there is no room for.
    pub fn note_command(&mut self, notice: &AgentsNotice) -> bool {
        let given = (notice.at_ms, notice.order.0, notice.order.1);
        let repeats = |one: &KeptCommand| one.selection == notice.selection && one.given >= given;
        if self.kept.iter().any(repeats) || !self.has_room_for(notice) {
            return false;
        }
        self.kept.retain(|one| !one.is_covered_by(notice));
        if self.kept.len() >= AGENT_COMMANDS_MAX {
            self.forget_oldest(notice.at_ms);
        }
        self.last += 1;
        self.kept.push(KeptCommand {
            number: self.last,
            selection: notice.selection.clone(),
            change: notice.change,
            given,
        });
        true
    }

    fn forget_oldest(&mut self, now_ms: i64) {
        let oldest = self.kept.iter().position(|one| !one.is_needed(now_ms));
        if let Some(oldest) = oldest {
            self.kept.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREEZE: LearningChange = LearningChange::Freeze;
    const UNFREEZE: LearningChange = LearningChange::Unfreeze;
    const RESET: LearningChange = LearningChange::Reset { since_ms: None };

    fn since(ms: i64) -> LearningChange {
        LearningChange::Reset { since_ms: Some(ms) }
    }

    fn command(agent_type: &str, order: i64, change: LearningChange) -> AgentsNotice {
        AgentsNotice {
            tenant: "acme".into(),
            selection: AgentSelection {
                agent_type: agent_type.into(),
            },
            at_ms: order,
            order: (order, 0),
            change,
        }
    }

    fn after(commands: &AgentCommands, done: u64, agent_type: &str) -> Vec<LearningChange> {
        commands.changes_after(done, agent_type).collect()
    }

    #[test]
    fn an_agent_is_to_do_what_came_since_for_its_type_and_in_order() {
        let mut commands = AgentCommands::default();
        assert_eq!(commands.last(), 0);
        for (order, (agent_type, change)) in [("desk", RESET), ("bot", FREEZE), ("desk", FREEZE)]
            .iter()
            .enumerate()
        {
            assert!(commands.note_command(&command(agent_type, order as i64, *change)));
        }
        assert_eq!(commands.last(), 3);
        assert_eq!(after(&commands, 0, "desk"), [RESET, FREEZE]);
        assert_eq!(after(&commands, 1, "desk"), [FREEZE]);
        assert_eq!(after(&commands, 3, "desk"), []);
        assert_eq!(after(&commands, 0, "bot"), [FREEZE]);
        assert_eq!(after(&commands, 0, "else"), []);
        assert_eq!(after(&commands, 0, ""), []);
    }

    #[test]
    fn a_command_replaces_only_what_it_makes_needless_and_a_repeat_changes_nothing() {
        for (earlier, later, left) in [
            (FREEZE, UNFREEZE, vec![UNFREEZE]),
            (UNFREEZE, FREEZE, vec![FREEZE]),
            (FREEZE, RESET, vec![FREEZE, RESET]),
            (RESET, FREEZE, vec![RESET, FREEZE]),
            (RESET, RESET, vec![RESET]),
            (since(5), RESET, vec![RESET]),
            (since(5), since(3), vec![since(3)]),
            // Who has not carried out the first one has to forget more than the second one says.
            (since(3), since(5), vec![since(3), since(5)]),
            (RESET, since(5), vec![RESET, since(5)]),
        ] {
            let mut commands = AgentCommands::default();
            commands.note_command(&command("desk", 1, earlier));
            commands.note_command(&command("else", 2, earlier));
            assert!(commands.note_command(&command("desk", 3, later)));
            assert_eq!(after(&commands, 0, "desk"), left);
            assert_eq!(after(&commands, 0, "else"), [earlier]);
            assert_eq!(after(&commands, 2, "desk"), [later]);
            let known = commands.clone();
            assert!(!commands.note_command(&command("desk", 3, later)));
            assert!(!commands.note_command(&command("desk", 1, earlier)));
            assert_eq!(commands, known);
        }
    }

    #[test]
    fn a_command_beyond_the_bound_is_refused_until_an_old_one_is_needed_no_longer() {
        let mut commands = AgentCommands::default();
        let max = AGENT_COMMANDS_MAX as i64;
        for n in 0..max {
            let change = if n == 1 { RESET } else { FREEZE };
            assert!(commands.note_command(&command(&format!("t{n}"), n, change)));
        }
        let mut more = command("more", max, FREEZE);
        let full = commands.clone();
        assert!(!commands.has_room_for(&more) && !commands.note_command(&more));
        assert_eq!(commands, full);
        let replaces = command("t3", max + 1, UNFREEZE);
        assert!(commands.has_room_for(&replaces) && commands.note_command(&replaces));
        // The reset is the oldest that is no freeze.
        more.at_ms = 1 + AGENT_COMMAND_KEPT_MS;
        assert!(commands.has_room_for(&more) && commands.note_command(&more));
        assert_eq!(commands.kept.len(), AGENT_COMMANDS_MAX);
        assert_eq!(after(&commands, 0, "t1"), []);
        assert_eq!(after(&commands, 0, "t0"), [FREEZE]);
        assert_eq!(after(&commands, 0, "more"), [FREEZE]);
        assert_eq!(commands.last(), full.last() + 2);
    }
}
