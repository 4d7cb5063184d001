//! The scopes that judge one action.

use std::sync::Arc;

use smallvec::SmallVec;

use super::compiled::CompiledScope;
use super::verdict_words::{ScopeBasis, ScopeStatus};
use crate::event::AgentScope;

/// One scope that may judge an action, in the version valid at the action's time.
#[derive(Debug, Clone, Copy)]
pub struct SelectedScope<'a> {
    pub scope: &'a Arc<AgentScope>,
    pub terms: &'a CompiledScope,
    /// False if only the end of the scope is known, and not what it permitted.
    pub terms_known: bool,
    /// When the version took effect, epoch milliseconds; absent for a template.
    pub effective_ms: Option<i64>,
    /// When the first version that is kept of the scope took effect; absent for a template.
    pub begun_ms: Option<i64>,
    /// When the scope was last widened, epoch milliseconds.
    pub widened_ms: Option<i64>,
}

/// The scopes that may judge an action, all of one status.
#[derive(Debug, Clone)]
pub struct ScopeSelection<'a> {
    /// Missing if there is no scope; the caller knows whether that means pending or unmanaged.
    pub status: ScopeStatus,
    pub basis: Option<ScopeBasis>,
    /// The agent has scopes, but the action names a task that none of them is for, and none is for
    /// the agent as a whole.
    pub undeclared_task: bool,
    /// By ascending scope id.
    pub scopes: SmallVec<[SelectedScope<'a>; 4]>,
}
