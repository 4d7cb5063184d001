//! What one action costs beside the profiles of its class, its peers and its agent: reading its
//! traits, the novelty facts, the evidence, and its note in the open task; and what a clean task
//! costs that profiles learn.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scopewatch::behaviour::{
    ActionContext, ActionTraits, Admitted, ClassName, ClassTable, ContentRead, Learner, Novelty,
    OpenTasks, Profile, SignalWeights, TaskMoment, TaskName, TrailAction, weigh_action,
};
use scopewatch::event::{AgentAction, TaskNotice, Verb};

const START_MS: i64 = 1_767_571_200_000;
const CLASS: ClassName<'_> = ClassName {
    agent_type: "support",
    task_class: Some("ticket"),
};

/// Actions of a task: reads, updates, and mails that go outside.
fn actions(task: u32) -> Vec<AgentAction> {
    (0..8)
        .map(|step| {
            let number = (task * 7 + step * 13) % 400;
            let mut action = AgentAction {
                agent_id: "support-1".into(),
                tool_name: Some("desk.update".into()),
                action_verb: Verb::Update,
                resource_type: "ticket.case".into(),
                resource_id: Some(format!("ticket/{number}").into()),
                ..AgentAction::default()
            };
            match step % 4 {
                0 => {
                    action.action_verb = Verb::Read;
                    action.tool_name = Some("desk.read".into());
                }
                1 => {
                    action.action_verb = Verb::Send;
                    action.tool_name = Some("mail.reply".into());
                    action.resource_type = "email.message".into();
                    action.destination_host = Some(format!("mail-{}.example", number % 40).into());
                    action.destination_external = Some(true);
                }
                _ => {}
            }
            action
        })
        .collect()
}

fn traits_of(action: &AgentAction) -> ActionTraits {
    ActionTraits::of_action(action, &|_| false)
}

fn moment(task: &str, stream_ms: i64) -> TaskMoment<'_> {
    TaskMoment {
        key: TaskName::Task(task).key(),
        class: CLASS,
        stream_ms,
        hour: Some(9),
        expires_ms: None,
        learn_until_ms: None,
        untrusted: false,
        read: ContentRead::default(),
        at_ms: stream_ms,
        names: TrailAction {
            resource_type: "ticket.case",
            resource_id: Some("ticket/17"),
            tool: Some("desk.update"),
            ..TrailAction::default()
        },
        admitted: Admitted::Allowed,
        done: true,
        call: None,
        rarity: None,
        version: None,
    }
}

fn notice(task: u32) -> TaskNotice {
    let mut open = OpenTasks::default();
    for action in &actions(task) {
        open.note_action(&traits_of(action), &moment("t", START_MS));
    }
    let ended = open
        .end_task(TaskName::Task("t").key(), true)
        .expect("it is open");
    TaskNotice {
        tenant: "acme".into(),
        agent: task % 5,
        agent_type: ended.agent_type,
        task_class: ended.task_class,
        ended_ms: START_MS + i64::from(task) * 600_000,
        teaching: false,
        accepted: false,
        used: ended.used,
        volumes: Vec::new(),
    }
}

/// Everything that an action costs: the mean over reads, mails and updates; with the facts that no
/// shipped rule reads, and without.
fn bench_actions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("behaviour");
    let ctx = ActionContext {
        at_ms: START_MS + 86_400_000,
        task_scope: true,
        hour: Some(9),
        ..ActionContext::default()
    };
    let all = actions(3);
    let weights = SignalWeights::default();
    for (name, tasks) in [("known class", 200), ("unknown class", 0)] {
        let mut table = ClassTable::default();
        let mut habits = (tasks > 0).then(Profile::default);
        for task in 0..tasks {
            table.learn_task(&notice(task));
            if let Some(habits) = &mut habits {
                habits.learn_task(&notice(task), Learner::Agent, true);
            }
        }
        group.throughput(Throughput::Elements(all.len() as u64));
        for (facts, asked) in [
            ("evidence", Novelty::default()),
            ("evidence and every fact", Novelty::EVERY),
        ] {
            let mut open = OpenTasks::default();
            group.bench_function(format!("{name}: {facts}"), |bench| {
                bench.iter(|| {
                    let mut bans = 0.0;
                    for action in &all {
                        let traits = traits_of(action);
                        let view = table.view(CLASS, habits.as_ref());
                        let class = view.profile.map(|profile| profile.profile());
                        let novel = Novelty::of_action(asked, &traits, class, &ctx);
                        let own = Novelty::of_action(asked, &traits, habits.as_ref(), &ctx);
                        bans += weigh_action(&traits, &view, &ctx, &weights).bans;
                        if !asked.is_empty() {
                            open.switch_class("c-1", CLASS);
                        }
                        open.note_action(&traits, &moment("t-1", ctx.at_ms));
                        std::hint::black_box((novel, own));
                    }
                    bans
                });
            });
        }
        group.bench_function(format!("{name}: traits alone"), |bench| {
            bench.iter(|| {
                for action in &all {
                    std::hint::black_box(traits_of(action));
                }
            });
        });
    }
    group.finish();
}

fn bench_learning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clean task");
    group.throughput(Throughput::Elements(1));
    let notices: Vec<TaskNotice> = (0..200).map(notice).collect();
    let mut table = ClassTable::default();
    for notice in &notices {
        table.learn_task(notice);
    }
    let mut next = notices.iter().cycle();
    group.bench_function("learned by class and peers", |bench| {
        bench.iter(|| next.next().map(|notice| table.learn_task(notice)));
    });
    group.finish();
}

criterion_group!(benches, bench_actions, bench_learning);
criterion_main!(benches);
