//! What is usual for a class: learned from the clean tasks of one partition, it is known in every
//! other one, also after another instance has taken over.

use serde_json::{Value, json};

use super::delegation::{PARTITIONS, Step, StepSender, anything, away_from, created};
use super::support::kafka::bootstrap;
use super::support::service::Site;
use super::support::verdicts::Verdicts;

/// Clean tasks of the class: with so many it is no longer young.
const TASKS: i64 = 6;
/// From task to task: the one before is over.
const APART_MINUTES: i64 = 40;
const EVIDENCE: &str = "Evidence that somebody else steers the agent";
const TEACHER: &str = "teacher";

fn note(agent: &str, verb: &str) -> Value {
    json!({"agent": {"id": agent, "type": "desk"}, "task": {"class": "notes"},
        "action": {"verb": verb}, "resource": {"type": "ticket.note", "id": "n1"}})
}

#[test]
fn a_class_that_one_partition_learned_is_known_in_the_others_and_after_a_takeover() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::with_partitions(&servers, "classes", PARTITIONS as i32);
    site.create_topics();
    let first = site.start("a");
    let mut sender = StepSender::new(&site);
    let (usual, odd) = (away_from(TEACHER, "usual"), away_from(TEACHER, "odd"));
    let mut step = Step::new(0);
    for agent in [TEACHER, &usual, &odd] {
        // Without a scope every task would have a finding, and teach nothing.
        step.declare(agent, None, anything());
    }
    sender.send(step);
    for task in 0..TASKS {
        let mut step = Step::new(1 + task * APART_MINUTES);
        step.push(TEACHER, note(TEACHER, "create"));
        sender.send(step);
    }
    // The time of the partition goes on, so that the last task is over.
    sender.send(Step::new(1 + TASKS * APART_MINUTES));
    assert_eq!(first.terminate().0, Some(0));
    let mut second = site.start("b");
    second.wait_ran(PARTITIONS as usize);
    let mut step = Step::new(2 + TASKS * APART_MINUTES);
    step.push(&usual, note(&usual, "create"))
        .push(&odd, note(&odd, "update"));
    sender.send(step);
    assert_eq!(second.terminate().0, Some(0));

    let found = Verdicts::of_topics(&site);
    found.check_same(&sender.replayed());
    let of_evidence = |((title, agent), count): ((String, String), usize)| {
        (title == EVIDENCE).then_some((agent, count))
    };
    let alerted: Vec<_> = created(&found)
        .into_iter()
        .filter_map(of_evidence)
        .collect();
    assert_eq!(alerted, [(odd, 1)]);
    let mut alerts = found.alerts.iter();
    let alert = alerts.find(|alert| alert["rule"]["title"] == EVIDENCE);
    let message = alert.unwrap()["message"].as_str().unwrap();
    let expected = format!("0 of {TASKS} tasks of this class");
    assert!(message.contains(&expected), "{message}");
    assert_eq!(site.read_all("dead_letter"), Vec::new());
}
