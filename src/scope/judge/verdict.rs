//! The verdict on one action, and the context of judging besides the action and its scopes.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::event::AgentScope;
use crate::scope::model::verdict_words::{ScopeBasis, ScopeStatus, ViolationSet};

/// What the judge needs besides the action and the agent's own scopes.
#[derive(Debug, Clone, Copy, Default)]
pub struct JudgeContext<'a> {
    /// The action's own time, epoch milliseconds.
    pub at_ms: i64,
    /// When limits count the action, if not at its own time: it claims an earlier one, at which its
    /// agent was silent.
    pub counted_ms: Option<i64>,
    /// The tenant's time zone; UTC if absent.
    pub zone: Option<&'a TimeZone>,
    /// The tenant has had a scope or template, so an agent without one is reported.
    pub tenant_managed: bool,
    /// The action is deferred until its scope arrives; until then no scope judges or counts it.
    pub pending: bool,
}

/// A declared limit that the action exceeded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitHit {
    /// Its index in the scope's `limits`.
    pub index: usize,
    /// The count of the window, the action included.
    pub observed: f64,
    pub max: f64,
}

/// The verdict on one action.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    pub status: ScopeStatus,
    /// How the judging scope was found; absent if there is none.
    pub basis: Option<ScopeBasis>,
    /// The judging scope.
    pub scope: Option<Arc<AgentScope>>,
    /// What the action violates; for a scope that has ended, what it would have violated before.
    pub violations: ViolationSet,
    /// The agent has scopes, and none of them is for the task that the action names.
    pub undeclared_task: bool,
    /// The verb is `other` or the resource type `unknown`, so grants could not judge.
    pub unmapped: bool,
    /// The gateway allowed an action that the scope forbids.
    pub enforcement_gap: bool,
    /// Time from the judging version's `effective_from` to the action.
    pub age_ms: Option<i64>,
    /// The judging version, or an earlier one that is still kept, grants more than the version
    /// before it.
    pub widened: bool,
    /// Time from the latest widening to the action.
    pub since_widened_ms: Option<i64>,
    /// The scope was completed. One that expired may only be renewed late.
    pub after_end: bool,
    pub limit_hit: Option<LimitHit>,
    /// The action's own time, epoch milliseconds.
    pub at_ms: i64,
    /// Distinct children of the scope, the one that the action spawns included.
    pub(super) children: u32,
}

impl Judgement {
    /// Id of the judging scope; for a template its name.
    #[must_use]
    pub fn scope_id(&self) -> Option<&str> {
        self.scope.as_ref().map(|scope| scope.scope_id.as_str())
    }

    /// Task class of the judging scope. It overrides the one on the action.
    #[must_use]
    pub fn task_class(&self) -> Option<&str> {
        self.scope.as_ref()?.task_class.as_deref()
    }
}
