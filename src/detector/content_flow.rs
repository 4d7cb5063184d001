//! Where content comes from and where it goes: what an action brings into its task, and the facts
//! of what the task and the agents around it have read before it.

use smallvec::SmallVec;

use crate::behaviour::{ContentRead, EgressTarget, TaskFlow, TrifectaSpan};
use crate::event::{ActionEffect, ActionOutcome, AgentAction, ContentSource, Sensitivity, Text};
use crate::rule::{FactValue, Facts, fact};

use super::tree_reads::TreeReads;

/// What is known of the content that an action may act on, and of where it takes it.
#[derive(Debug, Clone, Default)]
pub(super) struct ActionFlow {
    pub sources: SmallVec<[&'static str; 2]>,
    pub since_actions: Option<i64>,
    pub since_s: Option<i64>,
    pub private: bool,
    pub egress: Option<EgressTarget>,
    pub trifecta: Option<TrifectaSpan>,
    /// The other agents that have read.
    pub untrusted_by: Option<Text>,
    pub private_by: Option<Text>,
}

/// What an action brings into its task. What was denied returns nothing.
pub(super) fn content_read(action: &AgentAction) -> ContentRead {
    if action.outcome == Some(ActionOutcome::Denied) {
        return ContentRead::default();
    }
    let untrusted = action.content_untrusted == Some(true);
    let source = action.content_source.unwrap_or(ContentSource::Other);
    let failed = action.outcome == Some(ActionOutcome::Error);
    ContentRead {
        untrusted: untrusted.then_some(source),
        private: !failed && is_private(action),
    }
}

/// Whether the result carries private data. Where nobody says it, what is read of a confidential
/// resource is private.
fn is_private(action: &AgentAction) -> bool {
    let sensitive = || {
        let sensitivity = action.resource_sensitivity;
        sensitivity.is_some_and(|one| one >= Sensitivity::Confidential)
            && action.effect_class() == ActionEffect::Observe
    };
    action.content_private.unwrap_or_else(sensitive)
}

impl ActionFlow {
    /// What is known before an action at `at_ms`, of which its task and the other agents of its
    /// tree have read this.
    pub fn of_action(
        (task, tree): (Option<&TaskFlow>, Option<&TreeReads>),
        egress: Option<EgressTarget>,
        at_ms: i64,
    ) -> Self {
        let mut flow = ActionFlow {
            egress,
            ..ActionFlow::default()
        };
        if let Some(task) = task {
            flow.sources = task.sources.words().collect();
            flow.since_actions = task.since_actions().map(i64::from);
            flow.since_s = task.since_ms(at_ms).map(|ms| ms / 1_000);
            flow.private = task.private_ms.is_some();
        }
        if egress == Some(EgressTarget::New) {
            flow.set_trifecta(tree, at_ms);
        }
        flow
    }

    /// All three come together: untrusted content, private data, and something that leaves for
    /// where nothing of the class has gone.
    fn set_trifecta(&mut self, tree: Option<&TreeReads>, at_ms: i64) {
        let untrusted = !self.sources.is_empty();
        if untrusted && self.private {
            self.trifecta = Some(TrifectaSpan::Task);
            return;
        }
        let (by, of) = tree.map_or((None, None), |tree| tree.in_reach(at_ms));
        if (untrusted || by.is_some()) && (self.private || of.is_some()) {
            self.trifecta = Some(TrifectaSpan::Tree);
            self.untrusted_by = by.filter(|_| !untrusted).cloned();
            self.private_by = of.filter(|_| !self.private).cloned();
        }
    }

    /// Sets the facts.
    pub fn fill<'a>(&'a self, facts: &mut Facts<'a>) {
        if !self.sources.is_empty() {
            facts.set(fact::TASK_UNTRUSTED_SEEN, FactValue::List(&self.sources));
        }
        facts.set(fact::TASK_SINCE_UNTRUSTED_ACTIONS, self.since_actions);
        facts.set(fact::TASK_SINCE_UNTRUSTED_S, self.since_s);
        facts.set(fact::TASK_PRIVATE_READ, self.private);
        facts.set(fact::ACTION_EGRESS, self.egress.map(EgressTarget::as_str));
        facts.set(fact::TASK_TRIFECTA, self.trifecta.map(TrifectaSpan::as_str));
    }
}
