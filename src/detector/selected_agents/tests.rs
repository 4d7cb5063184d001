//! When an agent carries out what was commanded about its type, and what counts before what.

use std::sync::Arc;

use super::*;
use crate::behaviour::Profile;
use crate::detector::deferral::DeferredTotals;
use crate::detector::dispatch::DetectorSettings;
use crate::detector::subject::StoredSubject;
use crate::event::{
    AgentKey, AgentSelection, CommandKind, ControlRecord, Input, LearningCommand, LearningTarget,
    Record, RecordBody, RecordPosition, TimeSource,
};
use crate::response::Policy;
use crate::rule::Bundle;

const FREEZE: LearningChange = LearningChange::Freeze;
const UNFREEZE: LearningChange = LearningChange::Unfreeze;
const RESET: LearningChange = LearningChange::Reset { since_ms: None };

/// A partition and what happens in it, one record a second.
struct World {
    detector: Detector,
    partition: PartitionState,
    offset: i64,
}

impl World {
    fn new() -> Self {
        let (bundle, problems) = Bundle::parse(&[]);
        let bundle = Arc::new(bundle.unwrap_or_else(|| panic!("{problems:?}")));
        let (policy, settings) = (Arc::new(Policy::default()), DetectorSettings::default());
        World {
            detector: Detector::new(bundle, policy, settings),
            partition: PartitionState::new(1, 0, DeferredTotals::default()),
            offset: 0,
        }
    }

    fn send(&mut self, input: Input, body: RecordBody) {
        self.offset += 1;
        let position = RecordPosition {
            topic: "t".into(),
            partition: 0,
            offset: self.offset,
            index: 0,
        };
        let record = Record {
            input,
            position,
            append_ms: self.offset * 1_000,
            time: TimeSource::Append,
            body,
        };
        let needed = self.partition.prepare_subjects(std::iter::once(&record));
        for key in needed {
            let stored = StoredSubject::default();
            self.partition.admit_subject(key, &stored).unwrap();
        }
        let mut effects = RecordEffects::default();
        let detector = &mut self.detector;
        detector.process_record(&mut self.partition, record, &mut effects);
        assert!(!effects.absent);
        for link in std::mem::take(&mut effects.links) {
            detector.deliver_link(&mut self.partition, &link, &mut effects);
        }
    }

    fn act(&mut self, agent: &str, agent_type: &str) {
        let action = AgentAction {
            tenant: "acme".into(),
            agent_type: (!agent_type.is_empty()).then(|| agent_type.into()),
            ..AgentAction::new(agent)
        };
        self.send(Input::Actions, RecordBody::Action(Box::new(action)));
    }

    /// A command about one agent, or, if that is empty, about the agents of the type `desk`.
    fn command(&mut self, agent: &str, change: LearningChange) {
        let target = match agent {
            "" => LearningTarget::Agents(AgentSelection {
                agent_type: "desk".into(),
            }),
            _ => LearningTarget::Agent,
        };
        let command = LearningCommand { target, change };
        let control = ControlRecord {
            tenant: "acme".into(),
            agent_id: agent.into(),
            by: "ann".into(),
            at_ms: 1,
            reason: None,
            command: CommandKind::Learning(Box::new(command)),
        };
        self.send(Input::Control, RecordBody::Control(Box::new(control)));
    }

    fn state(&mut self, agent: &str) -> &mut AgentState {
        let key = SubjectKey::Agent(AgentKey::new("acme", agent));
        self.partition.agents.get_mut(&key).unwrap()
    }

    fn frozen(&mut self, agent: &str) -> bool {
        self.state(agent).live.frozen
    }

    fn give_habits(&mut self, agent: &str) {
        self.state(agent).learned.habits = Some(Box::new(Profile::default()));
    }

    fn has_habits(&mut self, agent: &str) -> bool {
        self.state(agent).learned.habits.is_some()
    }
}

#[test]
fn an_agent_carries_a_command_out_with_its_next_action_and_once() {
    let mut world = World::new();
    world.act("a", "desk");
    world.act("b", "bot");
    world.command("", FREEZE);
    assert!(!world.frozen("a"), "it was not met since");
    world.act("a", "desk");
    world.act("b", "bot");
    assert!(world.frozen("a") && !world.frozen("b"));
    world.state("a").live.frozen = false;
    world.act("a", "desk");
    assert!(!world.frozen("a"), "it was carried out before");
    world.command("", FREEZE);
    world.act("a", "desk");
    world.command("", UNFREEZE);
    world.act("a", "desk");
    assert!(!world.frozen("a"));
}

#[test]
fn a_timer_meets_an_agent_as_an_action_does() {
    let mut world = World::new();
    world.act("a", "desk");
    world.command("", FREEZE);
    let key = SubjectKey::Agent(AgentKey::new("acme", "a"));
    let mut effects = RecordEffects::default();
    let partition = &mut world.partition;
    world
        .detector
        .fire_timer(partition, 9_000, &key, &mut effects);
    assert!(world.frozen("a"));
}

#[test]
fn what_was_commanded_last_counts_of_an_agent_and_of_its_type() {
    for (commands, frozen) in [
        (vec![("", FREEZE), ("a", UNFREEZE)], false),
        (vec![("a", UNFREEZE), ("", FREEZE)], true),
        (vec![("a", FREEZE), ("", UNFREEZE)], false),
        (vec![("", UNFREEZE), ("a", FREEZE)], true),
        (vec![("", FREEZE), ("a", UNFREEZE), ("", FREEZE)], true),
        (vec![("", FREEZE), ("a", RESET)], true),
    ] {
        // One that has acted before, and one that a person names before it acts.
        for acted in [true, false] {
            let mut world = World::new();
            if acted {
                world.act("a", "desk");
            }
            for (agent, change) in &commands {
                world.command(agent, *change);
            }
            world.act("a", "desk");
            assert_eq!(world.frozen("a"), frozen, "{commands:?} {acted}");
        }
    }
}

#[test]
fn a_reset_that_waits_is_carried_out_before_a_later_command_about_the_agent() {
    let mut world = World::new();
    world.act("a", "desk");
    world.give_habits("a");
    world.command("", RESET);
    assert!(world.has_habits("a"));
    world.command("a", UNFREEZE);
    assert!(!world.has_habits("a"));
    // What it learns after that stays.
    world.give_habits("a");
    world.act("a", "desk");
    assert!(world.has_habits("a"));
}

#[test]
fn a_new_agent_is_frozen_with_its_type_and_has_nothing_to_forget() {
    let mut world = World::new();
    world.command("", RESET);
    world.command("", FREEZE);
    // A person may have said what is usual for it, or imported it.
    world.command("a", RESET);
    world.give_habits("a");
    world.act("a", "desk");
    assert!(world.frozen("a") && world.has_habits("a"));
    world.act("a", "desk");
    assert!(world.has_habits("a"), "nor with its second action");
    world.command("", UNFREEZE);
    world.act("b", "desk");
    assert!(!world.frozen("b"));
}

#[test]
fn an_agent_counts_by_the_type_that_it_had_when_the_command_came() {
    for (before, after, frozen) in [
        ("desk", "desk", true),
        ("desk", "bot", true),
        ("desk", "", true),
        ("bot", "desk", false),
        ("", "desk", false),
        ("", "", false),
    ] {
        let mut world = World::new();
        world.act("a", before);
        world.command("", FREEZE);
        world.act("a", after);
        world.act("a", before);
        assert_eq!(world.frozen("a"), frozen, "{before} {after}");
    }
}

#[test]
fn what_is_stored_of_an_agent_and_its_tenant_comes_back() {
    let mut world = World::new();
    world.act("a", "desk");
    world.act("b", "desk");
    world.command("", RESET);
    world.command("", FREEZE);
    world.act("a", "desk");
    world.command("a", UNFREEZE);
    let stored = world.partition.take_changes();
    let value = |key: Vec<u8>| {
        let mut found = stored.iter().filter(|change| change.key == key);
        found.next().and_then(|change| change.value.clone())
    };
    world.partition = PartitionState::new(1, 9_000, DeferredTotals::default());
    let subjects = ["a", "b"].map(|agent| SubjectKey::Agent(AgentKey::new("acme", agent)));
    let tenant = SubjectKey::Tenant("acme".into());
    for key in subjects.into_iter().chain([tenant]) {
        let stored = StoredSubject {
            live: value(key.live_key()),
            learned: value(key.learned_key()),
            others: Some(Default::default()),
        };
        world.partition.admit_subject(key, &stored).unwrap();
    }
    for agent in ["a", "b"] {
        world.give_habits(agent);
        world.act(agent, "bot");
    }
    assert!(!world.frozen("a") && world.frozen("b"));
    assert!(world.has_habits("a") && !world.has_habits("b"));
}

/// One that is beyond the cap would freeze all others that are.
#[test]
fn the_shared_state_of_undeclared_agents_is_of_no_type() {
    let mut world = World::new();
    world.detector.settings.agents_undeclared_max = 1;
    world.act("a", "desk");
    world.act("b", "desk");
    world.command("", FREEZE);
    world.act("b", "desk");
    let shared = SubjectKey::Overflow("acme".into());
    let state = world.partition.agents.get_mut(&shared).unwrap();
    assert!(state.live.acted_last_ms > 0 && !state.live.frozen);
    world.act("a", "desk");
    assert!(world.frozen("a"));
}
