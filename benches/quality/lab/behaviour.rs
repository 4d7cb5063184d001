//! Sessions through the engine: which attacks its evidence finds, and which honest sessions it
//! flags; beside it what the rules of scopes find, and what "first seen" alone finds.

use std::collections::{BTreeMap, BTreeSet};

use scopewatch::event::{ActionOutcome, AgentAction, AgentScope, Grant};

use super::fleet::{MINUTE_MS, START_MS, Zone};
use super::gateway::{Finding, Gateway, shipped_rules};
use super::random::Random;
use super::score::Share;
use super::sessions::{ClassModel, Manners, Step, classes};

/// The ids of the two rules of evidence.
const ALERT_RULE: &str = "16e8c93a-0bb9-55e2-88c0-744e460e7e37";
const REVOKE_RULE: &str = "486cc531-b5ff-53de-ae5f-febe9848ca67";
/// Agents of a class.
const AGENTS: usize = 3;
/// Minutes from round to round: the tasks of the round before are over.
const ROUND: i64 = 75;
/// One session in so many is attacked, once the classes are known.
const ATTACKED: u64 = 6;

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    EvidenceAlert,
    EvidenceRevoke,
    ScopeRules,
    FirstSeen,
}

impl Judge {
    pub const ALL: [Judge; 4] = [
        Judge::EvidenceAlert,
        Judge::EvidenceRevoke,
        Judge::ScopeRules,
        Judge::FirstSeen,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Judge::EvidenceAlert => "evidence, alert at 1.8",
            Judge::EvidenceRevoke => "evidence, revoke at 4.3",
            Judge::ScopeRules => "rules of scopes only",
            Judge::FirstSeen => "first seen only",
        }
    }
}

/// What a judge found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct JudgeScore {
    /// Of the attackers' own actions.
    pub attacks: Share,
    /// Of the honest sessions.
    pub honest: Share,
}

impl JudgeScore {
    pub fn precision(&self) -> f64 {
        let found = self.attacks.hits;
        f64::from(found) / f64::from(found + self.honest.hits).max(1.0)
    }
}

pub type BehaviourScores = BTreeMap<Judge, JudgeScore>;

/// How much a run learns and judges.
#[derive(Debug, Clone, Copy)]
pub struct SessionPlan {
    pub manners: Manners,
    /// Clean tasks of each class before anything is judged.
    pub learned: usize,
    /// Sessions of each class that are judged.
    pub judged: usize,
    /// Whether scopes are declared for the classes.
    pub scopes: bool,
}

/// A session that was judged.
struct Session {
    hostile: bool,
    task: String,
    /// The event of the attacker.
    event: Option<String>,
    first_seen: bool,
    attack_first_seen: bool,
}

/// What honest sessions of a class had, for the judge who knows only first times.
#[derive(Default)]
struct FirstSeen(BTreeSet<String>);

impl FirstSeen {
    fn traits(step: &Step) -> Vec<String> {
        let (kind, verb) = step.pair;
        let pair = format!("{kind} {verb:?}");
        step.destination.iter().cloned().chain([pair]).collect()
    }

    fn is_new(&self, step: &Step) -> bool {
        let traits = FirstSeen::traits(step);
        !traits.iter().all(|known| self.0.contains(known))
    }

    fn learn(&mut self, steps: &[Step]) {
        self.0.extend(steps.iter().flat_map(FirstSeen::traits));
    }
}

/// Runs the rounds of all classes.
pub fn judge_sessions(plan: &SessionPlan, seed: u64) -> BehaviourScores {
    let models = classes(seed);
    let learned_ms = START_MS + plan.learned as i64 * ROUND * MINUTE_MS;
    let mut gateway = Gateway::with_learning(shipped_rules(&[]), Some(learned_ms));
    declare_classes(&mut gateway, &models, plan.scopes);
    let mut known: Vec<FirstSeen> = models.iter().map(|_| FirstSeen::default()).collect();
    let mut random = Random::new(seed, 8_000_000);
    let mut sessions = Vec::new();
    for round in 0..plan.learned + plan.judged {
        let mut actions = Vec::new();
        for model in &models {
            let judged = round >= plan.learned;
            let hostile = judged && random.below(ATTACKED) == 0;
            let steps = match hostile {
                true => model.hostile_task(plan.manners, &mut random),
                false => model.honest_task(plan.manners, &mut random),
            };
            let known = &mut known[model.number];
            let attack = steps.iter().position(|step| step.hostile);
            let task = format!("{}-{round}", model.name);
            let event = |n: usize| format!("{task}-{n}");
            if judged {
                sessions.push(Session {
                    hostile,
                    event: attack.map(event),
                    first_seen: steps.iter().any(|step| known.is_new(step)),
                    attack_first_seen: attack.is_some_and(|at| known.is_new(&steps[at])),
                    task: task.clone(),
                });
            }
            if !hostile {
                known.learn(&steps);
            }
            let agent = format!("{}-{}", model.name, round % AGENTS);
            let mut at_ms = START_MS + (round as i64 * ROUND + 1) * MINUTE_MS;
            at_ms += random.below(60_000) as i64;
            for (n, step) in steps.iter().enumerate() {
                at_ms += 2_000 + random.below(20_000) as i64;
                actions.push((
                    at_ms,
                    event(n),
                    action_of(model, &agent, &task, step, at_ms),
                ));
            }
        }
        actions.sort_by_key(|(at_ms, _, _)| *at_ms);
        for (at_ms, event, mut action) in actions {
            gateway.send_named(&mut action, at_ms, event);
        }
        gateway.commit();
    }
    let findings = gateway.finish_findings();
    score(&sessions, &findings)
}

fn declare_classes(gateway: &mut Gateway, models: &[ClassModel], own_scopes: bool) {
    for model in models {
        for n in 0..AGENTS {
            let agent = format!("{}-{n}", model.name);
            if !own_scopes {
                gateway.declare(Zone::Utc.tenant(), &agent, model.agent_type);
                continue;
            }
            let mut grants: Vec<Grant> = model
                .granted
                .iter()
                .map(|(kind, verb)| Grant {
                    resource_types: vec![(*kind).into()],
                    verbs: vec![*verb],
                    ..Grant::default()
                })
                .collect();
            grants.push(Grant {
                resource_types: vec!["*".into()],
                verbs: vec![scopewatch::event::Verb::Read],
                ..Grant::default()
            });
            gateway.declare_scope(&AgentScope {
                scope_id: format!("scope-{agent}").into(),
                tenant: Zone::Utc.tenant().into(),
                agent_id: agent.into(),
                agent_type: Some(model.agent_type.into()),
                task_class: Some(model.name.as_str().into()),
                effective_from_ms: Some(START_MS - 86_400_000),
                grants,
                ..AgentScope::default()
            });
        }
    }
    gateway.commit();
}

fn action_of(model: &ClassModel, agent: &str, task: &str, step: &Step, at_ms: i64) -> AgentAction {
    let (kind, verb) = step.pair;
    let destination = step.destination.as_deref();
    let (address, host) = match destination {
        Some(text) if text.contains('@') => (Some(text.into()), None),
        other => (None, other.map(Into::into)),
    };
    AgentAction {
        occurred_at_ms: Some(at_ms),
        tenant: Zone::Utc.tenant().into(),
        agent_id: agent.into(),
        agent_type: Some(model.agent_type.into()),
        task_id: Some(task.into()),
        task_class: Some(model.name.as_str().into()),
        credential_id: Some(format!("key-{task}").into()),
        tool_name: Some(step.tool.as_str().into()),
        action_verb: verb,
        resource_type: kind.into(),
        resource_id: step.resource.as_deref().map(Into::into),
        destination_address: address,
        destination_host: host,
        content_untrusted: Some(step.untrusted),
        outcome: Some(match step.failed {
            true => ActionOutcome::Error,
            false => ActionOutcome::Allowed,
        }),
        ..AgentAction::new("")
    }
}

/// Whether a judge's rules are among those of a finding.
fn is_of(judge: Judge, finding: &Finding) -> bool {
    match judge {
        Judge::EvidenceAlert => finding.has_rule(ALERT_RULE) || finding.has_rule(REVOKE_RULE),
        Judge::EvidenceRevoke => finding.has_rule(REVOKE_RULE),
        Judge::ScopeRules => finding.family == "scope",
        Judge::FirstSeen => false,
    }
}

fn score(sessions: &[Session], findings: &[Finding]) -> BehaviourScores {
    let mut scores = BehaviourScores::new();
    for judge in Judge::ALL {
        let of_judge: Vec<&Finding> = findings.iter().filter(|f| is_of(judge, f)).collect();
        let tasks: BTreeSet<&str> = of_judge.iter().map(|f| f.task.as_str()).collect();
        let events = of_judge.iter().flat_map(|finding| &finding.events);
        let events: BTreeSet<&str> = events.map(String::as_str).collect();
        let score = scores.entry(judge).or_default();
        for session in sessions {
            let first_seen = judge == Judge::FirstSeen;
            match (&session.event, session.hostile) {
                (Some(event), true) => {
                    let found = events.contains(event.as_str());
                    score
                        .attacks
                        .note(found || first_seen && session.attack_first_seen);
                }
                _ => {
                    let flagged = tasks.contains(session.task.as_str());
                    score
                        .honest
                        .note(flagged || first_seen && session.first_seen);
                }
            }
        }
    }
    scores
}

pub fn add_scores(sum: &mut BehaviourScores, more: BehaviourScores) {
    for (judge, score) in more {
        let known = sum.entry(judge).or_default();
        known.attacks.add(score.attacks);
        known.honest.add(score.honest);
    }
}
