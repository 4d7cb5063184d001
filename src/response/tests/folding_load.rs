//! Folding under load: a full store closes nothing, a summary hides nobody, and a recording lists
//! every event.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::Text;
use crate::response::incident::NameNews;

const DAY_MS: i64 = 86_400_000;

/// Rules of every fold and severity, so that more incidents open than a store may have.
const RULES: [&str; 8] = [
    "scope.verb",
    "scope.resource",
    "scope.session",
    "scope.agent",
    "channel.plain",
    "channel.grave",
    "scope.undeclared",
    "scope.unmapped",
];

/// Opens as many incidents of the agent as may be open.
fn full_bench() -> Bench {
    let mut bench = Bench::new("default: auto\n");
    for task in 0..TASKS_MAX {
        for rule in &RULES[..4] {
            bench.action.task_id = Some(format!("t{task}").into());
            bench.fire(&[*rule]);
        }
    }
    assert_eq!(bench.agent.open().len(), OPEN_MAX);
    bench
}

#[test]
fn a_full_store_counts_a_new_rule_in_the_gravest_incident_of_its_family() {
    let mut bench = full_bench();
    let before = bench.agent.open().to_vec();
    // Make one incident of the family graver than the others.
    bench.action.task_id = Some("t3".into());
    let graver = Finding {
        severity: RuleLevel::Critical,
        ..Finding::new(rule("scope.resource").unwrap())
    };
    let gravest = alerts(&bench.fire_findings(&[graver]))[0].incident_id;
    bench.action.task_id = Some("t-new".into());
    let out = bench.fire(&["scope.verb"]);
    let alert = alerts(&out)[0].clone();
    assert_eq!(alert.incident_id, gravest);
    assert_eq!(alert.activity, AlertActivity::Update);
    assert_eq!(
        also_ids(&alert),
        ["scope.verb"],
        "the rule that fired is named"
    );
    assert!(alert.message.contains("32 are open"), "{}", alert.message);
    // No incident of the family `channel` is open: the gravest of all counts it.
    let out = bench.fire(&["channel.plain"]);
    assert_eq!(alerts(&out)[0].incident_id, gravest);
    assert_eq!(bench.agent.open().len(), OPEN_MAX);
    let same = |(now, then): (&Incident, &Incident)| now.id == then.id;
    assert!(bench.agent.open().iter().zip(&before).all(same));
}

#[test]
fn in_a_full_store_a_graver_finding_is_reported_at_once_and_may_ask_for_a_revocation() {
    let mut bench = full_bench();
    let asked = requests(&bench.out).len();
    bench.action.credential_id = Some("tok-new".into());
    for n in 0..3 {
        bench.action.task_id = Some(format!("t-new-{n}").into());
        bench.fire(&["channel.plain"]);
    }
    let graver = Finding {
        severity: RuleLevel::Critical,
        ..Finding::new(rule("scope.verb").unwrap())
    };
    let out = bench.fire_findings(&[graver]);
    assert_eq!(alerts(&out)[0].severity, RuleLevel::Critical);
    assert_eq!(requests(&bench.out).len(), asked + 1);
}

#[test]
fn room_in_a_full_store_comes_back_when_incidents_are_quiet() {
    let mut bench = full_bench();
    bench.pass(QUIET_AGENT_MS);
    bench.action.task_id = Some("t-new".into());
    let out = bench.fire(&["channel.plain"]);
    assert_eq!(alerts(&out)[0].activity, AlertActivity::Create);
}

#[test]
fn a_summary_names_each_new_agent_up_to_32_a_day() {
    let mut bench = Bench::new("");
    bench.action.agent_type = Some("research".into());
    let mut named = Vec::new();
    for agent in 0..60 {
        bench.action.agent_id = format!("bot-{agent}").into();
        // A repetition is no news.
        for _ in 0..2 {
            for alert in alerts(&bench.fire(&["scope.undeclared"])) {
                if alert.agents.contains(&bench.action.agent_id) {
                    named.push(bench.action.agent_id.clone());
                }
            }
        }
    }
    named.dedup();
    let first: Vec<Text> = (0..NEWS_DAY_MAX)
        .map(|n| format!("bot-{n}").into())
        .collect();
    assert_eq!(named[..NEWS_DAY_MAX], first);
    // Beyond the cap an alert still comes at counts that double.
    assert!(named.len() <= NEWS_DAY_MAX + 3, "{named:?}");
    let last = |alert: &&&Alert| alert.message.contains("further ones are counted");
    assert_eq!(alerts(&bench.out).iter().filter(last).count(), 1);
    bench.now_ms += DAY_MS;
    let out = bench.fire(&["scope.undeclared"]);
    assert_eq!(alerts(&out).len(), 1, "a new day, a new summary");
}

#[test]
fn a_summary_that_spans_days_names_agents_anew_each_day() {
    let mut news = DayNews::default();
    for day in 0..3 {
        assert_eq!(news.note_names(day, "a", None), NameNews::New);
        assert_eq!(news.note_names(day, "a", None), NameNews::Known);
    }
    assert_eq!(
        news.note_names(1, "b", None),
        NameNews::New,
        "a late action does not bring a day back"
    );
    assert_eq!(news.note_names(2, "a", None), NameNews::Known);
}

#[test]
fn each_unmapped_tool_is_reported_the_thirteenth_of_the_day_too() {
    let mut bench = Bench::new("");
    for tool in 0..200 {
        bench.action.tool_name = Some(format!("tool-{tool}").into());
        bench.fire(&["scope.unmapped"]);
        bench.fire(&["scope.unmapped"]);
    }
    let named: Vec<Text> = alerts(&bench.out)
        .iter()
        .filter_map(|alert| alert.trigger.as_ref()?.tool_name.clone())
        .collect();
    for tool in 0..CLASSES_MAX + NEWS_DAY_MAX {
        let name = Text::from(format!("tool-{tool}"));
        assert!(named.contains(&name), "{name} was never reported");
    }
    assert!(
        named.len() < 2 * CLASSES_MAX + NEWS_DAY_MAX + 12,
        "{}",
        named.len()
    );
    // Invented tools do not hide another agent.
    bench.action.agent_id = "other".into();
    assert_eq!(alerts(&bench.fire(&["scope.unmapped"])).len(), 1);
}

/// One action of a life under load.
#[derive(Debug, Clone)]
struct Step {
    rules: Vec<usize>,
    task: u8,
    agent: u8,
    class: u8,
    tool: u8,
    graver: bool,
    wait_ms: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (
        prop::collection::vec(0..RULES.len(), 1..4),
        0..14u8,
        0..60u8,
        0..16u8,
        0..70u8,
        prop::bool::weighted(0.05),
        prop_oneof![9 => 0..10_000i64, 1 => 0..2 * QUIET_AGENT_MS],
    )
        .prop_map(|(rules, task, agent, class, tool, graver, wait_ms)| Step {
            rules,
            task,
            agent,
            class,
            tool,
            graver,
            wait_ms,
        })
}

/// An event with the greatest severity among the findings on it that fold alike.
type Told = (Text, bool, RuleLevel);

/// Plays a step; what the alerts must say of it in the end.
fn play(bench: &mut Bench, step: &Step) -> Vec<Told> {
    bench.pass(step.wait_ms);
    bench.action.task_id = Some(format!("t{}", step.task).into());
    bench.action.agent_type = Some(format!("kind-{}", step.class).into());
    bench.action.tool_name = Some(format!("tool-{}", step.tool).into());
    // The store of the agent is one agent's; summaries span agents.
    let summary = step.rules.iter().all(|index| *index >= 6);
    let agent = if summary { step.agent } else { 0 };
    bench.action.agent_id = format!("bot-{agent}").into();
    let findings: Vec<Finding<'_>> = step
        .rules
        .iter()
        .map(|index| {
            let mut finding = Finding::new(rule(RULES[*index]).unwrap());
            if step.graver {
                finding.severity = RuleLevel::Critical;
            }
            finding
        })
        .collect();
    bench.fire_findings(&findings);
    let event: Text = format!("e{}", bench.offset).into();
    let mut told: BTreeMap<bool, RuleLevel> = BTreeMap::new();
    for finding in &findings {
        let per_agent = finding.rule.fold == IncidentFold::Agent;
        let severity = told.entry(per_agent).or_insert(finding.severity);
        *severity = finding.severity.max(*severity);
    }
    told.into_iter()
        .map(|(per_agent, severity)| (event.clone(), per_agent, severity))
        .collect()
}

/// The most alerts that an incident may cause: counts that double, names and rules that are new,
/// severities that rise, lists of events that are full, its plans, its last alert and its close.
fn alerts_allowed(count: u64, days: u64) -> u64 {
    let doubling = u64::from(count.ilog2()) + 1;
    let names = 2 * NEWS_DAY_MAX as u64 * days;
    doubling + names + 8 + 4 + count / EVIDENCE_MAX as u64 + 32 + 2
}

proptest! {
    #![proptest_config(crate::property::config(64))]

    #[test]
    fn at_the_end_of_a_recording_every_event_stands_in_an_alert_of_its_severity(
        steps in prop::collection::vec(step(), 1..400)
    ) {
        let mut bench = Bench::new("");
        bench.evidence = EvidenceKeep::Every;
        let told: Vec<Told> = steps.iter().flat_map(|step| play(&mut bench, step)).collect();
        bench.finish();
        let mut listed: BTreeMap<(&str, bool), RuleLevel> = BTreeMap::new();
        for alert in alerts(&bench.out) {
            prop_assert_eq!(alert.event_ids_dropped, 0);
            prop_assert!(alert.event_ids.len() <= EVIDENCE_MAX);
            let per_agent = alert.agents.is_empty();
            for event in &alert.event_ids {
                let severity = listed
                    .entry((event, per_agent))
                    .or_insert(alert.severity);
                *severity = alert.severity.max(*severity);
            }
        }
        for (event, per_agent, severity) in &told {
            let found = listed.get(&(event.as_str(), *per_agent));
            prop_assert!(found >= Some(severity), "{event} {severity:?}: {found:?}");
        }
        prop_assert!(bench.finish().is_empty(), "a second end has nothing to add");
    }

    #[test]
    fn alerts_stay_few_and_nothing_is_closed_but_by_quiet(
        steps in prop::collection::vec(step(), 1..400),
        evidence in prop::sample::select(vec![EvidenceKeep::Every, EvidenceKeep::Bounded]),
    ) {
        let mut bench = Bench::new("");
        bench.evidence = evidence;
        let mut elapsed_ms = 0;
        for step in &steps {
            play(&mut bench, step);
            elapsed_ms += step.wait_ms;
            prop_assert!(bench.agent.open().len() <= OPEN_MAX);
            prop_assert!(bench.tenant.open().len() <= OPEN_MAX);
        }
        bench.finish();
        let days = 2 + u64::try_from(elapsed_ms / DAY_MS).unwrap();
        let mut sent: BTreeMap<DerivedId, (u64, u64)> = BTreeMap::new();
        for alert in alerts(&bench.out) {
            let (messages, count) = sent.entry(alert.incident_id).or_default();
            *messages += 1;
            *count = alert.count;
            if let AlertActivity::Close(reason) = alert.activity {
                prop_assert_eq!(reason, CloseReason::Quiet);
            }
        }
        for (messages, count) in sent.values() {
            prop_assert!(*messages <= alerts_allowed(*count, days), "{messages} of {count}");
        }
    }
}
