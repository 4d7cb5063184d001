//! The facts of what is usual: which of them some rule reads, and their values.

use smallvec::SmallVec;

use crate::behaviour::{
    ActionContext, ActionTraits, ClassBasis, ClassView, EgressTarget, Evidence, NotedAction,
    NovelTrait, Novelty, Profile,
};
use crate::rule::{Bundle, FactSlot, FactValue, Facts, fact};

use super::content_flow::ActionFlow;

/// What is said of an action beside what is usual.
#[derive(Debug, Clone, Default)]
pub(super) struct ActionBehaviour {
    basis: Option<ClassBasis>,
    /// Clean tasks of the class.
    pub class_tasks: u32,
    class: Novelty,
    agent: Novelty,
    pub class_switch: bool,
    pub egress: Option<EgressTarget>,
    pub flow: ActionFlow,
    /// Denied actions of the task on the resource type, before this one.
    pub denied_before: u32,
    /// Calls of the task like this one in a row.
    pub repeats: u32,
    /// Different resources of the type that the task was denied or failed on.
    pub failed_resources: u32,
    pub version_changed: bool,
    /// By how much rarer the action is than usual for its class, in bans.
    pub rarity: Option<f32>,
    /// The same of what the task does.
    pub drift_bans: Option<f32>,
    pub evidence: Evidence,
    signals: SmallVec<[&'static str; 6]>,
}

/// The novelty facts, each for the class and the agent.
const NOVEL_FACTS: [(NovelTrait, FactSlot, FactSlot); 6] = [
    (
        NovelTrait::TypeVerb,
        fact::NOVEL_TYPE_VERB_CLASS,
        fact::NOVEL_TYPE_VERB_AGENT,
    ),
    (
        NovelTrait::Destination,
        fact::NOVEL_DESTINATION_CLASS,
        fact::NOVEL_DESTINATION_AGENT,
    ),
    (
        NovelTrait::Resource,
        fact::NOVEL_RESOURCE_CLASS,
        fact::NOVEL_RESOURCE_AGENT,
    ),
    (
        NovelTrait::Tool,
        fact::NOVEL_TOOL_CLASS,
        fact::NOVEL_TOOL_AGENT,
    ),
    (
        NovelTrait::Model,
        fact::NOVEL_MODEL_CLASS,
        fact::NOVEL_MODEL_AGENT,
    ),
    (
        NovelTrait::Hour,
        fact::NOVEL_HOUR_CLASS,
        fact::NOVEL_HOUR_AGENT,
    ),
];

/// The facts of what is usual that some rule reads. The others are not computed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BehaviourReads {
    class: Novelty,
    agent: Novelty,
    pub class_switch: bool,
    egress: bool,
    pub repeats: bool,
    pub version: bool,
    drift: bool,
}

impl BehaviourReads {
    /// What the rules of a bundle read.
    pub fn of_bundle(bundle: &Bundle) -> Self {
        let reads = |slot: FactSlot| {
            let mut rules = bundle.rules.iter();
            rules.any(|rule| rule.reads.contains(&slot))
        };
        let mut all = BehaviourReads {
            class_switch: reads(fact::NOVEL_CLASS_SWITCH),
            egress: reads(fact::ACTION_EGRESS) || reads(fact::TASK_TRIFECTA),
            repeats: reads(fact::TASK_REPEATS),
            version: reads(fact::AGENT_VERSION_CHANGED),
            drift: reads(fact::PURPOSE_DRIFT_BANS),
            ..BehaviourReads::default()
        };
        for (what, of_class, of_agent) in NOVEL_FACTS {
            all.class.set(what, reads(of_class));
            all.agent.set(what, reads(of_agent));
        }
        all
    }
}

impl ActionBehaviour {
    /// What is said of an action with these traits.
    pub fn new(
        reads: BehaviourReads,
        traits: &ActionTraits,
        view: &ClassView<'_>,
        habits: Option<&Profile>,
        compared: (&ActionContext, Evidence),
    ) -> Self {
        let (ctx, evidence) = compared;
        let class = view.profile.map(|profile| profile.profile());
        ActionBehaviour {
            basis: Some(view.basis),
            class_tasks: view.tasks(),
            class: Novelty::of_action(reads.class, traits, class, ctx),
            agent: Novelty::of_action(reads.agent, traits, habits, ctx),
            class_switch: false,
            egress: match reads.egress {
                true => EgressTarget::of_action(traits, view, ctx),
                false => None,
            },
            flow: ActionFlow::default(),
            denied_before: 0,
            repeats: 0,
            failed_resources: 0,
            version_changed: false,
            rarity: match reads.drift {
                true => view.rarity_of(traits, ctx.at_ms),
                false => None,
            },
            drift_bans: None,
            signals: evidence
                .signals
                .iter()
                .map(|one| one.signal.as_str())
                .collect(),
            evidence,
        }
    }

    /// Takes over what the action is to its task.
    pub fn take_noted(&mut self, noted: &NotedAction) {
        self.repeats = noted.repeats;
        self.failed_resources = noted.failed_resources;
        self.version_changed = noted.version_changed;
        self.drift_bans = noted.drift_bans;
    }
}

/// The facts of what is said of an action.
pub(super) fn fill_behaviour<'a>(facts: &mut Facts<'a>, behaviour: Option<&'a ActionBehaviour>) {
    let Some(behaviour) = behaviour else {
        return;
    };
    facts.set(fact::NOVEL_BASIS, behaviour.basis.map(ClassBasis::as_str));
    facts.set(fact::EVIDENCE_CLASS_TASKS, i64::from(behaviour.class_tasks));
    facts.set(fact::NOVEL_CLASS_SWITCH, behaviour.class_switch);
    behaviour.flow.fill(facts);
    for (slot, count) in [
        (fact::TASK_DENIED_BEFORE, behaviour.denied_before),
        (fact::TASK_REPEATS, behaviour.repeats),
        (fact::TASK_FAILED_RESOURCES, behaviour.failed_resources),
    ] {
        if count > 0 {
            facts.set(slot, i64::from(count));
        }
    }
    if let Some(bans) = behaviour.drift_bans.filter(|bans| *bans > 0.0) {
        facts.set(fact::PURPOSE_DRIFT_BANS, f64::from(bans));
    }
    facts.set(fact::AGENT_VERSION_CHANGED, behaviour.version_changed);
    for (novelty, is_of_class) in [(behaviour.class, true), (behaviour.agent, false)] {
        if novelty.is_empty() {
            continue;
        }
        for (what, of_class, of_agent) in NOVEL_FACTS {
            let slot = if is_of_class { of_class } else { of_agent };
            facts.set(slot, novelty.has(what));
        }
    }
    if behaviour.evidence.bans > 0.0 {
        facts.set(fact::EVIDENCE_BANS, behaviour.evidence.bans);
        facts.set(fact::EVIDENCE_SIGNALS, FactValue::List(&behaviour.signals));
    }
}
