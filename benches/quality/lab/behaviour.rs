//! Sessions through the engine: which actions of attackers its evidence finds, and which honest
//! sessions it flags; beside it the rules of scopes, three plain rules, and a naive evaluator of
//! evidence with which the engine has to agree.

use std::collections::{BTreeMap, BTreeSet};

use scopewatch::event::{ActionOutcome, AgentAction, AgentScope, Grant};

use super::fleet::{MINUTE_MS, START_MS, Zone};
use super::gateway::{Gateway, Matched, shipped_rules};
use super::random::Random;
use super::reference::{AS_WRITTEN, Departures, Fresh, Reference, Weight, is_plainly_new};
use super::score::Share;
use super::session_families::{FAMILIES, Pair};
use super::sessions::{ClassModel, Manners, Session, Step, classes};

/// Minutes from round to round: the sessions of the round before are over.
const ROUND: i64 = 75;
const ALERT: f64 = 1.8;
const REVOKE: f64 = 4.3;
/// From here on a session of the learning time does not teach.
const SET_ASIDE: f64 = 2.8;
/// What the engine does beside the description.
const OF_ENGINE: Departures = Departures {
    failed_teaches_nothing: true,
    fresh: Fresh::ByPairAndUse,
};
/// Where every new resource counts.
const NEVER_FRESH: Departures = Departures {
    fresh: Fresh::Never,
    ..OF_ENGINE
};

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    EvidenceAlert,
    EvidenceRevoke,
    WrittenAlert,
    WrittenRevoke,
    NothingAside,
    NeverFresh,
    ScopeRules,
    PlainRules,
}

impl Judge {
    pub const ALL: [Judge; 8] = [
        Judge::EvidenceAlert,
        Judge::EvidenceRevoke,
        Judge::WrittenAlert,
        Judge::WrittenRevoke,
        Judge::NothingAside,
        Judge::NeverFresh,
        Judge::ScopeRules,
        Judge::PlainRules,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Judge::EvidenceAlert => "evidence, alert at 1.8",
            Judge::EvidenceRevoke => "evidence, revoke at 4.3",
            Judge::WrittenAlert => "naive evaluator, 1.8",
            Judge::WrittenRevoke => "naive evaluator, 4.3",
            Judge::NothingAside => "nothing set aside, 1.8",
            Judge::NeverFresh => "new resources never usual, 1.8",
            Judge::ScopeRules => "rules of scopes only",
            Judge::PlainRules => "three plain rules and scope",
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
    /// Of what is flagged. As many attacked sessions as honest ones are taken to be judged.
    pub fn precision(&self) -> f64 {
        let (found, wrong) = (self.attacks.value(), self.honest.value());
        found / (found + wrong).max(f64::MIN_POSITIVE)
    }

    pub fn add(&mut self, other: JudgeScore) {
        self.attacks.add(other.attacks);
        self.honest.add(other.honest);
    }
}

/// What all judges found in all families, and where engine and evaluator differ.
#[derive(Debug, Clone, Default)]
pub struct BehaviourScores {
    /// By judge and family.
    pub judges: BTreeMap<(Judge, usize), JudgeScore>,
    /// Judged sessions.
    pub sessions: u32,
    /// Sessions in which the engine differs from the description, and those of them in which it
    /// does not do what its departures say either.
    pub differ: u32,
    pub unexplained: Vec<String>,
    /// What the check at the end of the learning time expects of honest sessions.
    pub expected_alerts: Share,
    pub expected_revocations: Share,
    /// Sessions of the learning time that were set aside: those that were attacked, and others.
    pub hostile_aside: Share,
    pub honest_aside: Share,
}

impl BehaviourScores {
    pub fn add(&mut self, other: BehaviourScores) {
        for (key, score) in other.judges {
            self.judges.entry(key).or_default().add(score);
        }
        self.sessions += other.sessions;
        self.differ += other.differ;
        self.unexplained.extend(other.unexplained);
        self.expected_alerts.add(other.expected_alerts);
        self.expected_revocations.add(other.expected_revocations);
        self.hostile_aside.add(other.hostile_aside);
        self.honest_aside.add(other.honest_aside);
    }

    /// What a judge found in one family, or in all.
    pub fn of(&self, judge: Judge, family: Option<usize>) -> JudgeScore {
        let mut sum = JudgeScore::default();
        for ((one, of), score) in &self.judges {
            if *one == judge && family.is_none_or(|family| family == *of) {
                sum.add(*score);
            }
        }
        sum
    }
}

/// How much a run learns and judges.
#[derive(Debug, Clone, Copy)]
pub struct SessionPlan {
    pub manners: Manners,
    /// Clean sessions of each class before anything is judged.
    pub learned: usize,
    /// Honest sessions of each class that are judged; half as many are attacked.
    pub judged: usize,
    /// Whether scopes are declared for the classes.
    pub scopes: bool,
    /// The share of the sessions of the learning time that are attacked.
    pub hostile: f64,
}

/// What the judges say of one step.
struct StepJudgement {
    matched: Matched,
    /// By each of the evaluators.
    written: Weight,
    expected: Weight,
    taught_by_all: Weight,
    never: Weight,
    plain: bool,
}

/// The classes of a run, with those who judge.
struct Run<'p> {
    plan: &'p SessionPlan,
    models: Vec<ClassModel>,
    gateway: Gateway,
    /// As the description says, as the engine should do, where nothing was set aside, and where
    /// every new resource counts.
    written: Reference,
    expected: Reference,
    taught_by_all: Reference,
    never: Reference,
    /// The sessions of the learning time.
    taught: Vec<Session>,
    /// The tasks of those that were attacked.
    hostile: BTreeSet<String>,
    scores: BehaviourScores,
}

/// Runs the rounds of all classes.
pub fn judge_sessions(plan: &SessionPlan, seed: u64) -> BehaviourScores {
    let learned_ms = START_MS + plan.learned as i64 * ROUND * MINUTE_MS;
    let mut run = Run {
        plan,
        models: classes(seed),
        gateway: Gateway::with_learning(shipped_rules(&[]), Some(learned_ms)),
        written: Reference::new(AS_WRITTEN),
        expected: Reference::new(OF_ENGINE),
        taught_by_all: Reference::new(OF_ENGINE),
        never: Reference::new(NEVER_FRESH),
        taught: Vec::new(),
        hostile: BTreeSet::new(),
        scores: BehaviourScores::default(),
    };
    run.declare_classes();
    let mut random = Random::new(seed, 8_000_000);
    let rounds = plan.learned + plan.judged + plan.judged / 2;
    for round in 0..rounds {
        let judged = round >= plan.learned;
        // Every third session is attacked.
        let attacked = judged && (round - plan.learned) % 3 == 2;
        let share = match (judged, attacked) {
            (false, _) => plan.hostile,
            (true, attacked) => f64::from(u8::from(attacked)),
        };
        let sessions = run.sessions_of(share, &mut random);
        if round == plan.learned {
            run.set_strange_aside();
        }
        run.play_round(round, &sessions, &mut random);
    }
    run.note_checks();
    run.scores
}

impl Run<'_> {
    /// A session of each class; this share of them is attacked.
    fn sessions_of(&self, share: f64, random: &mut Random) -> Vec<Session> {
        let manners = &self.plan.manners;
        let models = self.models.iter();
        let mut is_attacked = || share >= 1.0 || share > 0.0 && random.happens(share);
        let attacked: Vec<bool> = models.clone().map(|_| is_attacked()).collect();
        models
            .zip(attacked)
            .map(
                |(model, attacked)| match attacked && model.can_be_attacked() {
                    true => model.attacked(manners, random),
                    false => model.honest(manners, random),
                },
            )
            .collect()
    }

    /// Does at the end of the learning time what the engine does: sessions with much evidence
    /// against what the others have taught do not teach.
    fn set_strange_aside(&mut self) {
        let taught = std::mem::take(&mut self.taught);
        let granted: Vec<Option<Vec<Pair>>> = taught
            .iter()
            .map(|session| self.plan.scopes.then(|| self.model(session).granted()))
            .collect();
        let all = [&mut self.written, &mut self.expected, &mut self.never];
        for reference in all {
            let mut strange = Vec::new();
            for (session, granted) in taught.iter().zip(&granted) {
                let bans = reference.weigh_without(session, granted.as_deref());
                if bans >= SET_ASIDE {
                    strange.push(session);
                }
            }
            strange.into_iter().for_each(|one| reference.forget(one));
        }
        self.taught = taught;
    }

    /// Notes what the engine's check expected, and what it set aside.
    fn note_checks(&mut self) {
        let scores = &mut self.scores;
        let mut share = |of: fn(&mut BehaviourScores) -> &mut Share, hits, all| {
            of(scores).add(Share { hits, all });
        };
        let mut aside = (0, 0);
        for check in self.gateway.class_checks() {
            share(|all| &mut all.expected_alerts, check.alerted, check.tasks);
            share(
                |all| &mut all.expected_revocations,
                check.revoked,
                check.tasks,
            );
            for task in &check.set_aside {
                let name = task.names.task.as_deref().unwrap_or_default();
                let hostile = self.hostile.contains(name);
                aside.0 += u32::from(hostile);
                aside.1 += u32::from(!hostile);
            }
        }
        let hostile = self.hostile.len() as u32;
        share(|all| &mut all.hostile_aside, aside.0, hostile);
        let honest = self.taught.len() as u32 - hostile;
        share(|all| &mut all.honest_aside, aside.1, honest);
    }

    fn model(&self, session: &Session) -> &ClassModel {
        let is_its =
            |model: &&ClassModel| (model.family, model.number) == (session.family, session.class);
        self.models.iter().find(is_its).expect("its class exists")
    }

    /// Plays a session of every class at once.
    fn play_round(&mut self, round: usize, sessions: &[Session], random: &mut Random) {
        let start_ms = START_MS + (round as i64 * ROUND + 1) * MINUTE_MS;
        let mut order = Vec::new();
        for (number, session) in sessions.iter().enumerate() {
            let mut at_ms = start_ms + random.below(60_000) as i64;
            for index in 0..session.steps.len() {
                at_ms += 2_000 + random.below(20_000) as i64;
                order.push((at_ms, number, index));
            }
        }
        order.sort_unstable();
        let mut matched: Vec<Vec<Matched>> = vec![Vec::new(); sessions.len()];
        for (at_ms, number, index) in order {
            let session = &sessions[number];
            let mut action = self.action_of(session, &session.steps[index], round, at_ms);
            let event = format!("{round}-{number}-{index}");
            matched[number].push(self.gateway.judge(&mut action, at_ms, event));
        }
        self.gateway.commit();
        let learns = round < self.plan.learned;
        let mut clean = Vec::new();
        for (session, matched) in sessions.iter().zip(matched) {
            let judgements = self.judge_steps(session, &matched);
            if !learns {
                self.note(session, &judgements);
            }
            let is_clean = |weight: fn(&StepJudgement) -> f64| {
                let found = |one: &StepJudgement| one.matched.scope || weight(one) >= ALERT;
                learns || !judgements.iter().any(found)
            };
            clean.push([
                is_clean(|one| one.written.bans),
                is_clean(|one| one.expected.bans),
                is_clean(|one| one.taught_by_all.bans),
                is_clean(|one| one.never.bans),
            ]);
        }
        // What a round teaches is known in the next one.
        let all = [
            &mut self.written,
            &mut self.expected,
            &mut self.taught_by_all,
            &mut self.never,
        ];
        for (number, reference) in all.into_iter().enumerate() {
            for (session, clean) in sessions.iter().zip(&clean) {
                if clean[number] {
                    reference.learn(session);
                }
            }
        }
        if learns {
            let attacked = sessions.iter().filter(|one| one.is_attacked());
            let names = attacked.map(|one| task_name(&self.model(one).name(), round));
            self.hostile.extend(names.collect::<Vec<String>>());
            self.taught.extend(sessions.iter().cloned());
        }
    }

    fn judge_steps(&self, session: &Session, matched: &[Matched]) -> Vec<StepJudgement> {
        let granted = self.plan.scopes.then(|| self.model(session).granted());
        let granted = granted.as_deref();
        let indices = 0..session.steps.len();
        let judge = |index: usize| StepJudgement {
            matched: matched[index],
            written: self.written.weigh(session, index, granted),
            expected: self.expected.weigh(session, index, granted),
            taught_by_all: self.taught_by_all.weigh(session, index, granted),
            never: self.never.weigh(session, index, granted),
            plain: is_plainly_new(&self.written, session, index, granted),
        };
        indices.map(judge).collect()
    }

    fn note(&mut self, session: &Session, judgements: &[StepJudgement]) {
        let hostile = session.steps.iter().position(|step| step.hostile);
        let grown = self.written.class_tasks(session) >= 5;
        for judge in Judge::ALL {
            let finds = |one: &StepJudgement| match judge {
                Judge::EvidenceAlert => one.matched.evidence,
                Judge::EvidenceRevoke => one.matched.strong_evidence,
                Judge::WrittenAlert => one.written.bans >= ALERT,
                Judge::WrittenRevoke => grown && one.written.bans >= REVOKE,
                Judge::NothingAside => one.taught_by_all.bans >= ALERT,
                Judge::NeverFresh => one.never.bans >= ALERT,
                Judge::ScopeRules => one.matched.scope,
                Judge::PlainRules => one.plain,
            };
            let score = self.scores.judges.entry((judge, session.family));
            let score = score.or_default();
            match hostile {
                Some(index) => score.attacks.note(finds(&judgements[index])),
                None => score.honest.note(judgements.iter().any(finds)),
            }
        }
        self.compare(session, judgements, grown);
    }

    /// Compares the engine with the description, and with what its departures say.
    fn compare(&mut self, session: &Session, judgements: &[StepJudgement], grown: bool) {
        let tiers = |weight: &Weight| (weight.bans >= ALERT, grown && weight.bans >= REVOKE);
        let found = |one: &StepJudgement| (one.matched.evidence, one.matched.strong_evidence);
        let differs = |one: &StepJudgement| found(one) != tiers(&one.written);
        self.scores.sessions += 1;
        self.scores.differ += u32::from(judgements.iter().any(differs));
        for (one, step) in judgements.iter().zip(&session.steps) {
            if found(one) != tiers(&one.expected) {
                let name = self.model(session).name();
                let text = format!("{name}: {step:?}: {:?}, {:?}", one.matched, one.expected);
                self.scores.unexplained.push(text);
            }
        }
    }

    fn declare_classes(&mut self) {
        for model in &self.models {
            let agent = model.name();
            if !self.plan.scopes {
                let tenant = Zone::Utc.tenant();
                self.gateway.declare(tenant, &agent, model.of().name);
                continue;
            }
            let grant = |(kind, verb): Pair| Grant {
                resource_types: vec![kind.into()],
                verbs: vec![verb],
                ..Grant::default()
            };
            self.gateway.declare_scope(&AgentScope {
                scope_id: format!("scope-{agent}").into(),
                tenant: Zone::Utc.tenant().into(),
                agent_id: agent.as_str().into(),
                agent_type: Some(model.of().name.into()),
                task_class: Some(agent.as_str().into()),
                effective_from_ms: Some(START_MS - 86_400_000),
                grants: model.granted().into_iter().map(grant).collect(),
                ..AgentScope::default()
            });
        }
        self.gateway.commit();
    }

    fn action_of(&self, session: &Session, step: &Step, round: usize, at_ms: i64) -> AgentAction {
        let class = self.model(session).name();
        let task = task_name(&class, round);
        let (kind, verb) = step.pair;
        let destination = step.destination.as_deref();
        let (address, host) = match destination {
            Some(host) if kind == "web.page" => (None, Some(host.into())),
            other => (other.map(Into::into), None),
        };
        AgentAction {
            occurred_at_ms: Some(at_ms),
            tenant: Zone::Utc.tenant().into(),
            agent_id: class.as_str().into(),
            agent_type: Some(FAMILIES[session.family].name.into()),
            task_id: Some(task.into()),
            task_class: Some(class.as_str().into()),
            credential_id: Some(format!("key-{class}").into()),
            tool_name: Some(format!("{kind}.{verb}").into()),
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
}

fn task_name(class: &str, round: usize) -> String {
    format!("{class}-{round}")
}
