//! What a profile learns, in any order and within its bounds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::behaviour::limits::{FORGET_HOURS, TASK_IDLE_MS, TASK_MODELS_MAX};
use crate::event::TaskUse;

const HOUR_MS: i64 = 3_600_000;
const START_MS: i64 = 490_000 * HOUR_MS;

fn notice(agent: u32, ended_ms: i64, pairs: &[u64]) -> TaskNotice {
    TaskNotice {
        agent,
        ended_ms,
        used: TaskUse {
            pairs: pairs.to_vec(),
            destinations: pairs.to_vec(),
            resources: pairs.to_vec(),
            tools: pairs.to_vec(),
            models: pairs.iter().copied().take(TASK_MODELS_MAX).collect(),
            objects: pairs.to_vec(),
            hours: 1 << 9,
        },
        ..TaskNotice::default()
    }
}

/// A class whose learning time is over.
fn grown(agents: u32) -> Profile {
    let mut profile = Profile::default();
    for number in 0..LEARNING_TASKS {
        let one = notice(number % agents, START_MS, &[1]);
        profile.learn_task(&one, Learner::Class, true);
    }
    profile
}

#[test]
fn a_pair_is_as_rare_as_few_tasks_used_it_beside_the_average_pair() {
    let mut profile = Profile::default();
    let rarity = |profile: &Profile, pair| profile.rarity_of(pair, START_MS);
    for number in 0..40 {
        let young = profile.tasks() < YOUNG_TASKS;
        assert_eq!(rarity(&profile, 1).is_none(), young, "{number}");
        // One pair of every task, and one of every tenth.
        let pairs: &[u64] = if number % 10 == 0 { &[1, 2] } else { &[1] };
        profile.learn_task(&notice(1, START_MS, pairs), Learner::Class, true);
    }
    // 44 uses of two pairs: 22 on average.
    let expected = |with: f64| Some((22.0 / (with + 0.5)).log10() as f32);
    assert_eq!(rarity(&profile, 1), Some(0.0), "not less than 0");
    assert_eq!(rarity(&profile, 2), expected(4.0));
    assert_eq!(rarity(&profile, 3), expected(0.0));
    // Where each task does something else, nothing is rare.
    let mut profile = Profile::default();
    for number in 0..40 {
        profile.learn_task(&notice(1, START_MS, &[number]), Learner::Class, true);
    }
    assert!(rarity(&profile, 99) < Some(0.31));
    let peers = &mut Profile::default();
    for _ in 0..40 {
        peers.learn_task(&notice(1, START_MS, &[1]), Learner::AgentType, true);
    }
    assert_eq!(rarity(peers, 3), None, "peers learn no pairs");
}

#[test]
fn after_the_learning_time_one_agent_cannot_teach_its_class_alone() {
    let later_ms = START_MS + LEARNING_MS;
    let day_ms = 24 * HOUR_MS;
    // Agents of the class; then of each task its agent and the hours after the learning time.
    type Row = (u32, &'static [(u32, i64)], bool);
    let rows: [Row; 8] = [
        (2, &[(0, 0)], false),
        (
            2,
            &[(0, 0), (0, 9), (0, 18), (0, 27), (0, 36), (0, 45)],
            false,
        ),
        (2, &[(0, 0), (1, 9), (0, 18), (0, 20), (0, 23)], false),
        (2, &[(0, 0), (1, 9), (0, 18), (0, 20)], false),
        (2, &[(0, 0), (1, 9), (0, 18), (0, 20), (0, 24)], true),
        (1, &[(0, 0), (0, 24)], false),
        (1, &[(0, 0), (0, 1), (0, 2)], false),
        (1, &[(0, 0), (0, 1), (0, 24)], true),
    ];
    for (agents, tasks, known) in rows {
        let mut profile = grown(agents);
        for (agent, hours) in tasks {
            let one = notice(*agent, later_ms + hours * HOUR_MS, &[7]);
            profile.learn_task(&one, Learner::Class, true);
        }
        let at_ms = later_ms + 3 * day_ms;
        let found = profile.is_known(ProfilePart::Pair, 7, at_ms);
        assert_eq!(found, known, "{agents} agents, {tasks:?}");
        assert!(profile.is_known(ProfilePart::Pair, 1, at_ms));
    }
    // Within the learning time, and in that of a replay, one task is enough.
    for (agents, ended_ms, teaching) in [(2, later_ms - 1, false), (2, later_ms, true)] {
        let mut profile = grown(agents);
        let one = TaskNotice {
            teaching,
            ..notice(0, ended_ms, &[7])
        };
        profile.learn_task(&one, Learner::Class, true);
        assert!(
            profile.is_known(ProfilePart::Pair, 7, later_ms),
            "{teaching}"
        );
    }
}

#[test]
fn what_no_task_used_for_ninety_days_is_forgotten() {
    let mut profile = grown(2);
    let limit_ms = START_MS + i64::from(FORGET_HOURS) * HOUR_MS;
    for (at_ms, known) in [(limit_ms, true), (limit_ms + HOUR_MS, false)] {
        assert_eq!(profile.is_known(ProfilePart::Destination, 1, at_ms), known);
        let tasks = profile.tasks_with(ProfilePart::Destination, 1, at_ms);
        assert_eq!(tasks > 0, known);
    }
    // And it is learned anew, as something new.
    let one = notice(0, limit_ms + HOUR_MS, &[1]);
    profile.learn_task(&one, Learner::Class, true);
    assert!(!profile.is_known(ProfilePart::Destination, 1, limit_ms + HOUR_MS));
}

#[test]
fn a_full_profile_drops_what_was_used_longest_ago_and_counts_it() {
    let mut profile = Profile::default();
    let old = notice(0, START_MS, &[1]);
    profile.learn_task(&old, Learner::Class, true);
    let room = u64::try_from(TOOLS_MAX).unwrap_or(0);
    let later: Vec<u64> = (2..=room + 1).collect();
    let dropped = profile.learn_task(
        &notice(0, START_MS + 48 * HOUR_MS, &later),
        Learner::Class,
        true,
    );
    assert_eq!(dropped, 1, "of the tools, of which the fewest have room");
    let at_ms = START_MS + 50 * HOUR_MS;
    assert!(!profile.is_known(ProfilePart::Tool, 1, at_ms));
    assert!(profile.is_known(ProfilePart::Tool, 2, at_ms));
    assert!(profile.is_known(ProfilePart::Destination, 1, at_ms));
    // Without room in the tenant, a profile learns nothing beside what it has.
    let mut small = Profile::default();
    assert!(small.learn_task(&old, Learner::Class, false) > 0);
    assert_eq!(small.entries(), 0);
}

/// A clean task of an agent that used these models, so many days after the first.
fn with_models(agent: u32, days: i64, models: &[u64]) -> TaskNotice {
    TaskNotice {
        agent,
        ended_ms: START_MS + days * 24 * HOUR_MS,
        used: TaskUse {
            tools: vec![1],
            models: models.to_vec(),
            ..TaskUse::default()
        },
        ..TaskNotice::default()
    }
}

/// A class of two agents that has learned for eight days, with these models.
fn grown_with(models: &[u64]) -> Profile {
    let mut profile = Profile::default();
    for number in 0..=LEARNING_TASKS {
        let days = i64::from(number) * 8 / i64::from(LEARNING_TASKS);
        let one = with_models(number % 2, days, models);
        profile.learn_task(&one, Learner::Class, true);
    }
    profile
}

#[test]
fn a_model_is_new_only_where_five_tasks_used_one_model_that_is_known() {
    let mut profile = Profile::default();
    for number in 0..7 {
        // Each task is routed to a model that no other task uses.
        profile.learn_task(&with_models(1, 0, &[100 + number]), Learner::Class, true);
        assert!(!profile.is_new_model(7, START_MS), "{number}");
    }
    for number in 0..5 {
        assert!(!profile.is_new_model(7, START_MS), "{number}");
        profile.learn_task(&with_models(1, 0, &[1]), Learner::Class, true);
    }
    assert!(profile.is_new_model(7, START_MS));
    assert!(!profile.is_new_model(1, START_MS));
    assert!(!profile.is_new_model(100, START_MS));
    let forgotten_ms = START_MS + i64::from(FORGET_HOURS + 1) * HOUR_MS;
    assert!(!profile.is_new_model(7, forgotten_ms), "nothing is left");
}

/// An old class would take five tasks over a day for the first model, and alert meanwhile.
#[test]
fn models_have_a_learning_time_of_their_own() {
    let mut profile = grown_with(&[]);
    profile.learn_task(&with_models(0, 10, &[1]), Learner::Class, true);
    assert!(
        profile
            .models
            .is_known(1, profile.known_at(profile.last_ms))
    );
    for number in 0..2 * i64::from(LEARNING_TASKS) {
        let one = with_models(0, 10 + number / 8, &[1]);
        profile.learn_task(&one, Learner::Class, true);
    }
    // Two weeks later one task makes nothing known any more.
    profile.learn_task(&with_models(0, 24, &[2]), Learner::Class, true);
    assert!(profile.is_new_model(2, profile.last_ms));
    // And a new model that is rolled out is known after five tasks of two agents on two days.
    for number in 0..4 {
        let one = with_models(number % 2, 25, &[2]);
        profile.learn_task(&one, Learner::Class, true);
    }
    assert!(!profile.is_new_model(2, profile.last_ms));
}

#[test]
fn an_agent_that_invents_models_pushes_out_its_own_and_nothing_else() {
    let mut profile = grown_with(&[1]);
    // The only agent with model 2 rests.
    profile.learn_task(&with_models(5, 9, &[2]), Learner::Class, true);
    for number in 0..i64::try_from(4 * MODELS_MAX).unwrap() {
        let invented = [1_000 + number.cast_unsigned()];
        profile.learn_task(
            &with_models(6, 10 + number / 4, &invented),
            Learner::Class,
            true,
        );
    }
    assert_eq!(profile.models.len(), MODELS_MAX);
    // Others find room beside what it invented, of which the newest is left.
    profile.learn_task(&with_models(7, 60, &[3]), Learner::Class, true);
    let hashes = profile.models.hashes();
    let newest = 1_000 + 4 * MODELS_MAX as u64 - 1;
    for kept in [1, 2, 3, newest] {
        assert!(hashes.contains(&kept), "{kept}");
    }
    assert_eq!(profile.tools.len(), 1);
}

#[test]
fn a_reset_and_a_task_that_is_taken_back_forget_models() {
    let mut profile = grown_with(&[1]);
    let late = with_models(0, 20, &[2]);
    profile.learn_task(&late, Learner::Class, true);
    let reset = profile.clone().before(Some(START_MS + 15 * 24 * HOUR_MS));
    assert_eq!(reset.unwrap().models.hashes(), [1]);
    profile.forget_task(&late.used);
    assert_eq!(profile.models.hashes(), [1]);
    // The peers are not asked for models.
    let mut peers = Profile::default();
    peers.learn_task(&late, Learner::AgentType, true);
    assert_eq!(peers.models.len(), 0);
}

type DrawnTask = (u32, i64, BTreeSet<u64>);

/// An agent, when its task ended in steps, and what it used.
fn task(
    steps: i64,
    count: std::ops::Range<usize>,
    hashes: std::ops::Range<u64>,
) -> impl Strategy<Value = DrawnTask> {
    (
        0u32..3,
        0..steps,
        prop::collection::btree_set(hashes, count),
    )
}

proptest! {
    #![proptest_config(crate::property::config(128))]

    /// While a class learns, the order of its tasks does not matter; what is learned later is
    /// known by the same rule in any order, too.
    #[test]
    fn no_profile_depends_on_the_order_of_its_tasks(
        tasks in prop::collection::vec(task(160, 1..4, 0..12), 1..18),
        rotate in 0usize..18,
    ) {
        let learn = |order: &[DrawnTask]| {
            let mut profile = grown(2);
            let mut young = Profile::default();
            for (agent, hours, used) in order {
                let used: Vec<u64> = used.iter().copied().collect();
                let soon = notice(*agent, START_MS + hours * HOUR_MS, &used);
                young.learn_task(&soon, Learner::Class, true);
                let late = notice(*agent, START_MS + LEARNING_MS + hours * HOUR_MS, &used);
                profile.learn_task(&late, Learner::Class, true);
            }
            (profile, young)
        };
        let mut turned = tasks.clone();
        turned.rotate_left(rotate % tasks.len());
        let mut back = tasks.clone();
        back.reverse();
        prop_assert_eq!(learn(&turned), learn(&tasks));
        prop_assert_eq!(learn(&back), learn(&tasks));
    }

    #[test]
    fn a_profile_keeps_its_bounds_and_reads_back(
        tasks in prop::collection::vec(task(3_000, 0..64, 0..u64::MAX), 0..60),
        agent in any::<bool>(),
    ) {
        let learner = if agent { Learner::Agent } else { Learner::Class };
        let mut profile = Profile::default();
        for (agent, hours, used) in &tasks {
            let used: Vec<u64> = used.iter().copied().collect();
            let one = notice(*agent, START_MS + hours * TASK_IDLE_MS, &used);
            profile.learn_task(&one, learner, true);
        }
        let share = if agent { AGENT_SHARE } else { 1 };
        let room = [PAIRS_MAX, DESTINATIONS_MAX, RESOURCES_MAX, TOOLS_MAX, MODELS_MAX * share];
        for (set, max) in profile.sets().into_iter().zip(room) {
            prop_assert!(set.len() <= max / share);
            let hashes = set.hashes();
            prop_assert!(hashes.windows(2).all(|two| two[0] < two[1]));
        }
        let bytes = postcard::to_stdvec(&profile).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Profile>(&bytes).unwrap(), profile);
    }
}
