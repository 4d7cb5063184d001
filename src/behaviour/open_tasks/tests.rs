//! When a task is over, whether it is clean, and what it is remembered by.

use super::*;
use crate::behaviour::ActionTraits;
use crate::event::TASK_SET_MAX;

const MINUTE_MS: i64 = 60_000;
const START_MS: i64 = 1_780_000_000_000;

fn traits(number: u64) -> ActionTraits {
    ActionTraits {
        pair: number,
        resource: Some(number),
        tool: Some(7),
        ..ActionTraits::default()
    }
}

fn moment(name: TaskName<'_>, stream_ms: i64) -> TaskMoment<'_> {
    TaskMoment {
        key: name.key(),
        class: ClassName {
            agent_type: "desk",
            task_class: Some("refund"),
        },
        stream_ms,
        hour: Some(9),
        expires_ms: None,
        learn_until_ms: None,
        untrusted: false,
        read: ContentRead::default(),
        at_ms: stream_ms,
        resource_type: "a",
        admitted: Admitted::Allowed,
        done: true,
    }
}

#[test]
fn a_task_is_over_after_half_an_hour_without_actions() {
    let mut tasks = OpenTasks::default();
    let name = TaskName::Task("t1");
    for minute in [0, 20, 40] {
        let at_ms = START_MS + minute * MINUTE_MS;
        assert!(tasks.end_due(at_ms).is_empty());
        assert_eq!(tasks.note_action(&traits(1), &moment(name, at_ms)), None);
    }
    // It was looked at when half an hour was over, and has gone on since.
    assert_eq!(tasks.check_ms(), Some(START_MS + 50 * MINUTE_MS));
    assert!(tasks.end_due(START_MS + 70 * MINUTE_MS - 1).is_empty());
    let ended = tasks.end_due(START_MS + 70 * MINUTE_MS);
    assert_eq!(ended.len(), 1);
    assert!(ended[0].clean);
    assert_eq!(ended[0].used.pairs, [1]);
    assert_eq!(ended[0].used.hours, 1 << 9);
    assert_eq!(tasks, OpenTasks::default());
}

#[test]
fn a_task_with_a_finding_or_a_revoked_scope_is_not_clean() {
    let name = TaskName::Task("t1");
    for (finding, completed, done, clean) in [
        (false, true, true, true),
        (true, true, true, false),
        (false, false, true, false),
        (false, true, false, false),
    ] {
        let mut tasks = OpenTasks::default();
        let one = TaskMoment {
            done,
            ..moment(name, START_MS)
        };
        tasks.note_action(&traits(1), &one);
        if finding {
            tasks.note_finding(name.key());
            tasks.note_finding(TaskName::Task("another").key());
        }
        let ended = tasks.end_task(name.key(), completed).unwrap();
        assert_eq!(ended.clean, clean, "{finding} {completed} {done}");
        assert_eq!(tasks.end_task(name.key(), completed), None);
    }
}

#[test]
fn a_scope_that_ends_ends_its_task_and_an_unnamed_task_ends_within_a_day() {
    let mut tasks = OpenTasks::default();
    let one = TaskMoment {
        expires_ms: Some(START_MS + 10 * MINUTE_MS),
        ..moment(TaskName::Task("t1"), START_MS)
    };
    tasks.note_action(&traits(1), &one);
    assert_eq!(tasks.end_due(START_MS + 10 * MINUTE_MS).len(), 1);
    let mut ended = 0;
    for minute in 0..25 * 60 {
        let at_ms = START_MS + minute * MINUTE_MS;
        ended += tasks.end_due(at_ms).len();
        tasks.note_action(&traits(1), &moment(TaskName::Unnamed, at_ms));
    }
    assert_eq!(ended, 1);
}

#[test]
fn the_action_before_is_that_of_the_same_task() {
    let mut tasks = OpenTasks::default();
    let (one, other) = (TaskName::Task("t1"), TaskName::Session("t1"));
    let untrusted = TaskMoment {
        untrusted: true,
        ..moment(one, START_MS)
    };
    tasks.note_action(&traits(1), &untrusted);
    tasks.note_action(&traits(1), &moment(other, START_MS));
    assert!(tasks.after_untrusted(one.key()));
    assert!(!tasks.after_untrusted(other.key()));
    tasks.note_action(&traits(1), &moment(one, START_MS));
    assert!(!tasks.after_untrusted(one.key()));
}

#[test]
fn what_an_agent_can_invent_is_bounded() {
    let mut tasks = OpenTasks::default();
    let mut replaced = 0;
    for number in 0..3 * OPEN_TASKS_MAX {
        let id = format!("t{number}");
        let at_ms = START_MS + number as i64;
        let one = moment(TaskName::Task(&id), at_ms);
        replaced += usize::from(tasks.note_action(&traits(1), &one).is_some());
        tasks.switch_class(&id, one.class);
    }
    assert_eq!(replaced, 2 * OPEN_TASKS_MAX);
    assert_eq!(tasks.tasks.len(), OPEN_TASKS_MAX);
    assert_eq!(tasks.classes.len(), CLASS_USES_MAX);
    let last = format!("t{}", 3 * OPEN_TASKS_MAX - 1);
    let name = TaskName::Task(&last);
    for number in 0..500 {
        tasks.note_action(&traits(number), &moment(name, START_MS));
    }
    let ended = tasks.end_task(name.key(), true).unwrap();
    assert!(
        ended
            .used
            .lists()
            .iter()
            .all(|list| list.len() <= TASK_SET_MAX)
    );
}

#[test]
fn a_task_that_ends_for_another_one_teaches_if_it_rested_or_a_replay_learns() {
    for (apart_ms, learns, clean) in [
        (0, false, false),
        (1_000, false, false),
        (REPLACED_IDLE_MS, false, true),
        (0, true, true),
        (1_000, true, true),
    ] {
        let mut tasks = OpenTasks::default();
        let mut replaced = None;
        for number in 0..=OPEN_TASKS_MAX {
            let id = format!("t{number}");
            // The first task acted longest ago: `apart_ms` before the last one begins.
            let at_ms = START_MS + if number == 0 { 0 } else { apart_ms };
            let one = TaskMoment {
                learn_until_ms: learns.then_some(START_MS + 30 * MINUTE_MS),
                ..moment(TaskName::Task(&id), at_ms)
            };
            replaced = tasks.note_action(&traits(number as u64), &one);
        }
        let ended = replaced.unwrap();
        assert_eq!(ended.used.pairs, [0], "the first task, of {apart_ms}");
        assert_eq!((ended.clean, ended.teaching), (clean, learns), "{apart_ms}");
    }
}

#[test]
fn what_began_in_the_learning_time_ends_with_it_and_teaches() {
    let until_ms = START_MS + 10 * MINUTE_MS;
    for (began_ms, ends_ms, teaching) in [
        (START_MS, until_ms, true),
        (until_ms, until_ms + TASK_IDLE_MS, false),
    ] {
        let mut tasks = OpenTasks::default();
        let one = TaskMoment {
            learn_until_ms: Some(until_ms).filter(|until_ms| began_ms < *until_ms),
            ..moment(TaskName::Unnamed, began_ms)
        };
        tasks.note_action(&traits(1), &one);
        assert_eq!(tasks.check_ms(), Some(ends_ms));
        assert!(tasks.end_due(ends_ms - 1).is_empty());
        let ended = tasks.end_due(ends_ms);
        assert_eq!((ended[0].clean, ended[0].teaching), (true, teaching));
    }
}

#[test]
fn a_credential_that_is_used_for_another_class_is_noticed_once() {
    let mut tasks = OpenTasks::default();
    let class = |task_class| ClassName {
        agent_type: "desk",
        task_class: Some(task_class),
    };
    let uses = ["a", "a", "b", "b", "a"].map(|one| tasks.switch_class("c1", class(one)));
    assert_eq!(uses, [false, false, true, false, true]);
    assert!(!tasks.switch_class("c2", class("b")));
    assert!(!tasks.switch_class("c1", class("a")));
}
