//! Which profile an action is compared with, and how many there may be.

use super::*;
use crate::event::TaskUse;

fn notice(agent_type: &str, task_class: Option<&str>, ended_ms: i64) -> TaskNotice {
    TaskNotice {
        agent_type: agent_type.into(),
        task_class: task_class.map(Text::from),
        ended_ms,
        used: TaskUse {
            pairs: vec![1],
            destinations: vec![2],
            ..TaskUse::default()
        },
        ..TaskNotice::default()
    }
}

fn name<'a>(agent_type: &'a str, task_class: Option<&'a str>) -> ClassName<'a> {
    ClassName {
        agent_type,
        task_class,
    }
}

#[test]
fn an_action_is_compared_with_its_class_else_its_type_else_the_agent_itself() {
    let mut table = ClassTable::default();
    for (agent_type, class) in [
        ("desk", Some("refund")),
        ("desk", None),
        ("", Some("refund")),
        ("", None),
    ] {
        assert_eq!(
            table.learn_task(&notice(agent_type, class, 5)),
            LearnedCounts::default()
        );
    }
    let own = Profile::default();
    for (agent_type, class, basis, tasks, peers) in [
        ("desk", Some("refund"), ClassBasis::TaskClass, Some(1), 2),
        ("desk", Some("other"), ClassBasis::TaskClass, None, 2),
        ("desk", None, ClassBasis::AgentType, Some(1), 2),
        ("", Some("refund"), ClassBasis::TaskClass, Some(1), 2),
        ("", None, ClassBasis::Agent, Some(0), 2),
    ] {
        let view = table.view(name(agent_type, class), Some(&own));
        assert_eq!(view.basis, basis);
        assert_eq!(
            view.profile.map(|one| one.tasks()),
            tasks,
            "{agent_type} {class:?}"
        );
        assert_eq!(view.peers.map(|one| one.tasks()), Some(peers));
    }
    assert_eq!(table.len(), 5);
}

#[test]
fn a_table_reads_back_from_what_is_stored() {
    let mut table = ClassTable::default();
    table.learn_task(&notice("desk", Some("a/b#c"), 5));
    table.learn_task(&notice("desk", None, 6));
    let changed = table.take_changed();
    assert_eq!(changed.len(), 3);
    assert!(table.take_changed().is_empty());
    let mut other = ClassTable::default();
    for (_, stored) in changed {
        let bytes = postcard::to_stdvec(&stored.unwrap()).unwrap();
        let stored: StoredProfile = postcard::from_bytes(&bytes).unwrap();
        // A second time changes nothing.
        other.admit(stored.clone());
        other.admit(stored);
    }
    assert_eq!(other, table);
}

#[test]
fn invented_classes_take_no_room_from_those_that_have_grown() {
    let mut table = ClassTable::default();
    for _ in 0..YOUNG_TASKS {
        table.learn_task(&notice("desk", Some("real"), 5));
    }
    let mut refused = 0;
    for number in 0..PROFILES_MAX {
        let invented = format!("invented-{number}");
        refused += table
            .learn_task(&notice("desk", Some(&invented), 6))
            .refused;
    }
    assert_eq!(table.len(), PROFILES_MAX);
    assert_eq!(refused, 2, "the class and the peers were there");
    assert_eq!(
        table.view(name("desk", Some("real")), None).tasks(),
        YOUNG_TASKS
    );
    assert_eq!(
        table.view(name("desk", Some("invented-0")), None).tasks(),
        0
    );
    // What went is taken out of the store.
    let gone = table
        .take_changed()
        .into_iter()
        .filter(|(_, stored)| stored.is_none());
    assert_eq!(gone.count(), 2);
}
