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
        names: TrailAction {
            resource_type: "a",
            ..TrailAction::default()
        },
        admitted: Admitted::Allowed,
        done: true,
        call: None,
        rarity: None,
        version: None,
    }
}

#[test]
fn a_task_is_over_after_half_an_hour_without_actions() {
    let mut tasks = OpenTasks::default();
    let name = TaskName::Task("t1");
    for minute in [0, 20, 40] {
        let at_ms = START_MS + minute * MINUTE_MS;
        assert!(tasks.end_due(at_ms).is_empty());
        let noted = tasks.note_action(&traits(1), &moment(name, at_ms));
        assert_eq!(noted, NotedAction::default());
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
        replaced += usize::from(tasks.note_action(&traits(1), &one).replaced.is_some());
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
            replaced = tasks.note_action(&traits(number as u64), &one).replaced;
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

fn version(version: u64, credential: u64) -> Option<TaskVersion> {
    Some(TaskVersion {
        version,
        credential,
    })
}

#[test]
fn a_version_changes_within_a_task_with_a_name_and_by_what_was_accepted() {
    let (task, session) = (TaskName::Task("t1"), TaskName::Session("t1"));
    let (allowed, denied) = (Admitted::Allowed, Admitted::Denied);
    let mut tasks = OpenTasks::default();
    // Task, version and credential, what became of it, whether it is another version.
    for (number, (name, said, admitted, changed)) in [
        (task, version(1, 7), allowed, false),
        (task, version(1, 7), allowed, false),
        // Nobody says the version here.
        (task, None, allowed, false),
        (task, version(2, 7), denied, true),
        // The denied one has changed nothing.
        (task, version(1, 7), allowed, false),
        (task, version(2, 7), Admitted::Unknown, true),
        (task, version(2, 7), allowed, false),
        // With a new credential.
        (task, version(3, 8), allowed, false),
        (session, version(4, 8), allowed, false),
        (task, version(3, 8), allowed, false),
        (TaskName::Unnamed, version(1, 7), allowed, false),
        (TaskName::Unnamed, version(2, 7), allowed, false),
    ]
    .into_iter()
    .enumerate()
    {
        let one = TaskMoment {
            version: said,
            admitted,
            ..moment(name, START_MS)
        };
        let noted = tasks.note_action(&traits(1), &one);
        assert_eq!(noted.version_changed, changed, "{number}");
    }
}

#[test]
fn each_task_has_rows_and_tries_of_its_own_and_keeps_them_in_stored_state() {
    let names = [TaskName::Task("t1"), TaskName::Task("t2")];
    let mut tasks = OpenTasks::default();
    for number in 0..10_u64 {
        for name in names {
            let one = TaskMoment {
                call: CallMark::of_action(&traits(1), None),
                done: false,
                ..moment(name, START_MS)
            };
            let noted = tasks.note_action(&traits(number << 40), &one);
            let count = number as u32 + 1;
            assert_eq!((noted.repeats, noted.failed_resources), (count, count));
        }
        let bytes = postcard::to_allocvec(&tasks).unwrap();
        tasks = postcard::from_bytes(&bytes).unwrap();
    }
    // What cannot be compared has no row and ends none; what happened fails on nothing.
    let other = moment(names[0], START_MS);
    let noted = tasks.note_action(&traits(3 << 40), &other);
    assert_eq!((noted.repeats, noted.failed_resources), (0, 9));
    let one = TaskMoment {
        call: CallMark::of_action(&traits(1), None),
        ..other
    };
    assert_eq!(tasks.note_action(&traits(1), &one).repeats, 11);
}
