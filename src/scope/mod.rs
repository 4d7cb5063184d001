//! Scopes: what an agent was declared to be allowed to do, and whether an action stays inside.
//!
//! Place in the flow: `detector` calls [`judge()`] once per action, after
//! [`ResourceCatalogue::enrich_action`] has filled in what the gateway left out. Rules then read
//! the verdict as the `scope.*` facts.
//!
//! This room must not know of rules, baselines, alerts or clocks: every time it uses comes from a
//! record. A field that an action lacks weakens a verdict and never makes one.
//!
//! It owns two pieces of an agent's state: [`ScopeHistory`] (declared scopes with their versions,
//! at most [`SCOPES_MAX`] of [`VERSIONS_MAX`], together [`HISTORY_BYTES_MAX`]) and [`LimitUsage`]
//! (the counts of declared limits, at most [`WINDOWS_MAX`] windows and [`CHILDREN_MAX`] children).
//! Compiled forms are rebuilt on load, and equal terms share one form in [`CompileCache`].
//! [`ScopeTemplates`] and [`ResourceCatalogue`] are parts of the rule bundle.
//!
//! Inside: `model` at the bottom, `declared` above it, `judge` above both; `draft` uses `model`.
//!
//! ```
//! use scopewatch::event::{AgentAction, AgentScope, Grant, Verb};
//! use scopewatch::scope::{JudgeContext, LimitUsage, ScopeHistory, judge};
//!
//! let mut history = ScopeHistory::default();
//! let grant = Grant {
//!     resource_types: vec!["code.file".into()],
//!     verbs: vec![Verb::Read],
//!     ..Grant::default()
//! };
//! let scope = AgentScope { scope_id: "s1".into(), grants: vec![grant], ..AgentScope::default() };
//! history.declare(scope, 1_000);
//!
//! let mut action = AgentAction::new("agent-1");
//! action.resource_type = "code.file".into();
//! action.action_verb = Verb::Delete;
//! let mut usage = LimitUsage::default();
//! let ctx = JudgeContext { at_ms: 2_000, ..JudgeContext::default() };
//! let judgement = judge(&history, || None, &mut usage, &action, &ctx);
//! assert_eq!(judgement.violations.words().collect::<Vec<_>>(), ["verb"]);
//! ```
//!
//! Read first: `judge/tests/mod.rs`, then `declared/history/tests`.

#![deny(clippy::disallowed_methods)]

mod declared;
mod draft;
mod judge;
mod model;

#[cfg(test)]
mod testing;

pub use declared::history::ScopeHistory;
pub use declared::resources::ResourceCatalogue;
pub use declared::template::{ScopeTemplate, ScopeTemplates};
pub use declared::versions::{DeclareOutcome, END_GRACE_MS, LatestVersion, VERSIONS_MAX};
pub use declared::widening::{EXPIRY_WORD, WiderDimensions, compare_scopes};
pub use draft::observed::{ClassKey, TemplateDraft};
pub use judge::limit_usage::{LimitUsage, WINDOWS_MAX};
pub use judge::pane_clock::SILENCE_MAX_MS;
pub use judge::permits::PermitLines;
pub use judge::verdict::{JudgeContext, Judgement, LimitHit};
pub use judge::{delegation_depth, judge};
pub use model::compile_cache::CompileCache;
pub use model::compiled::{CompiledScope, ScopeError};
pub(crate) use model::countable::{CountedField, FieldShare, non_empty};
pub use model::limits::{CHILDREN_MAX, HISTORY_BYTES_MAX, SCOPES_MAX};
pub use model::selection::{ScopeSelection, SelectedScope};
pub use model::unmatchable::find_unmatchable;
pub use model::verdict_words::{ScopeBasis, ScopeStatus, Violation, ViolationSet};
pub use model::working_hours::{LocalTime, local_time};
