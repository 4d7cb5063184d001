//! A task left out, or forgotten, is as one that never taught; and what is set aside.

use proptest::prelude::*;

use super::*;
use crate::behaviour::{EvidenceWeights, TaskName};
use crate::event::{AgentAction, TaskUse};

const HOUR_MS: i64 = 3_600_000;
const AT_MS: i64 = 490_000 * HOUR_MS;

/// What an action used: which of a few types, resources and destinations, and for which class.
type Step = (u8, u8, u8);

fn weighed((kind, resource, destination): Step) -> WeighedAction {
    let verbs = [Verb::Send, Verb::Delete, Verb::Update, Verb::Read];
    let mut action = AgentAction::new("a");
    action.action_verb = verbs[usize::from(kind) % verbs.len()];
    action.resource_type = format!("type-{}", kind / 4).into();
    action.resource_id = (resource > 0).then(|| format!("r{resource}").into());
    action.destination_host = (destination > 0).then(|| format!("h{destination}.example").into());
    WeighedAction {
        traits: ActionTraits::of_action(&action, &|_| false),
        ctx: ActionContext {
            at_ms: AT_MS,
            ..ActionContext::default()
        },
        names: ActionNames {
            task: None,
            verb: action.action_verb,
            resource_type: action.resource_type,
            resource_id: action.resource_id,
            destination: action.destination_host,
        },
    }
}

fn used(actions: &[WeighedAction]) -> TaskUse {
    let mut all = TaskUse::default();
    for WeighedAction { traits, .. } in actions {
        all.pairs.push(traits.pair);
        all.destinations.extend(&traits.external);
        all.resources.extend(traits.resource);
        all.objects.extend(traits.object(false));
    }
    all.hours = 1 << 9;
    let lists = [
        &mut all.pairs,
        &mut all.destinations,
        &mut all.resources,
        &mut all.objects,
    ];
    for list in lists {
        list.sort_unstable();
        list.dedup();
    }
    all
}

/// A task of one of two classes of the same agent type.
fn task(agent: u32, second_class: bool, steps: &[Step]) -> (TaskNotice, Vec<WeighedAction>) {
    let actions: Vec<WeighedAction> = steps.iter().copied().map(weighed).collect();
    let notice = TaskNotice {
        agent,
        agent_type: "desk".into(),
        task_class: Some(if second_class { "two" } else { "one" }.into()),
        ended_ms: AT_MS - HOUR_MS,
        teaching: true,
        used: used(&actions),
        ..TaskNotice::default()
    };
    (notice, actions)
}

fn table<'n>(notices: impl Iterator<Item = &'n TaskNotice>) -> ClassTable {
    let mut table = ClassTable::default();
    for notice in notices {
        table.learn_task(notice);
    }
    table
}

fn class_of(notice: &TaskNotice) -> ClassName<'_> {
    ClassName {
        agent_type: &notice.agent_type,
        task_class: notice.task_class.as_deref(),
    }
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    #[test]
    fn a_task_left_out_or_forgotten_is_as_one_that_never_taught(
        tasks in prop::collection::vec(
            (any::<bool>(), prop::collection::vec((0..8_u8, 0..6_u8, 0..6_u8), 1..6)),
            2..60,
        ),
        out in any::<prop::sample::Index>(),
    ) {
        let numbered = (0_u32..).zip(&tasks);
        let tasks = numbered.map(|(n, (second, steps))| task(n % 7, *second, steps));
        let tasks: Vec<_> = tasks.collect();
        let out = out.index(tasks.len());
        let whole = table(tasks.iter().map(|(notice, _)| notice));
        let others = tasks.iter().enumerate().filter(|(index, _)| *index != out);
        let without = table(others.map(|(_, (notice, _))| notice));
        let (left_out, actions) = &tasks[out];
        let mut forgotten = whole.clone();
        forgotten.forget_task(left_out);
        let weights = SignalWeights::default();
        for WeighedAction { traits, ctx, .. } in actions {
            let weigh = |view| weigh_action(traits, &view, ctx, &weights);
            let expected = weigh(without.view(class_of(left_out), None));
            let view = whole.view(class_of(left_out), None).without(&left_out.used);
            prop_assert_eq!(weigh(view).bans, expected.bans);
            prop_assert_eq!(weigh(forgotten.view(class_of(left_out), None)), expected);
        }
    }
}

/// Thirty tasks that do the same, and one that mails to nobody knows whom.
fn log_with_one_odd_task() -> (LearningLog, ClassTable) {
    let (mut log, mut classes) = (LearningLog::default(), ClassTable::default());
    for number in 0..31_u32 {
        let odd = number == 13;
        let (notice, actions) = task(
            number,
            false,
            &[(4, 1, 1), if odd { (0, 3, 5) } else { (0, 0, 1) }],
        );
        let name = number.to_string();
        let key = TaskName::Task(&name).key();
        let agent = Text::from(format!("a{}", number % 3));
        for action in actions {
            // The same once more is weighed once.
            log.note_action(&agent, key, action.clone());
            log.note_action(&agent, key, action);
        }
        assert!(!log.end_task(&agent, key, Some(&notice)));
        classes.learn_task(&notice);
    }
    (log, classes)
}

#[test]
fn a_strange_task_among_those_that_taught_is_set_aside() {
    let (log, classes) = log_with_one_odd_task();
    let weights = EvidenceWeights::default();
    let checks = log.check_tasks(&classes, &|class| weights.for_task("t", class));
    let [check] = &checks[..] else {
        panic!("{checks:?}")
    };
    assert_eq!((check.tasks, check.alerted, check.revoked), (31, 1, 1));
    let [odd] = &check.set_aside[..] else {
        panic!("{:?}", check.set_aside)
    };
    let expected = "send type-0 r3 at h5.example is 4.5 bans";
    assert!(odd.to_string().starts_with(expected), "{odd}");
}

#[test]
fn unclean_tasks_are_not_weighed_and_what_is_beyond_the_bound_is_said() {
    let mut log = LearningLog::default();
    let (notice, actions) = task(1, false, &[(0, 1, 1)]);
    let agent = Text::from("a");
    let key = |n: usize| TaskName::Task(&n.to_string()).key();
    log.note_action(&agent, key(0), actions[0].clone());
    assert!(!log.end_task(&agent, key(0), None));
    assert!(log.is_empty());
    for n in 0..LOGGED_TASKS_MAX {
        assert!(!log.end_task(&agent, key(n), Some(&notice)));
    }
    assert!(log.end_task(&agent, key(1), Some(&notice)));
}
