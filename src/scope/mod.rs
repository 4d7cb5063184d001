//! Scopes: what an agent was declared to be allowed to do, and whether an action stays inside.
//!
//! Place in the flow: `detector` asks [`judge`] once per action, after [`Resources::enrich`] has
//! filled what the gateway left out; rules then read the verdict as the `scope.*` facts.
//!
//! This room must not know of rules, baselines, alerts or clocks: every time it uses comes from a
//! record. A field that an action lacks weakens a verdict and never makes one.
//!
//! It owns two pieces of an agent's state: [`ScopeBook`] (declared scopes with their versions, at
//! most [`SCOPES_MAX`] of [`VERSIONS_MAX`], together [`BOOK_BYTES_MAX`]) and [`LimitUsage`] (what
//! declared limits have counted, at most [`WINDOWS_MAX`] windows and [`CHILDREN_MAX`] children).
//! Compiled forms are rebuilt on load and shared by content
//! through [`CompileCache`]. [`Templates`] and [`Resources`] are parts of the rule bundle.
//!
//! Read first: the tests of [`verdict`], then those of [`book`].

#![deny(clippy::disallowed_methods)]

pub mod book;
mod cache;
mod check;
mod children;
pub mod compiled;
pub mod draft;
mod entries;
mod host;
pub mod hours;
mod measure;
mod path;
pub mod resources;
mod resources_parse;
mod select;
pub mod template;
mod template_parse;
pub mod usage;
pub mod verdict;
mod widen;

#[cfg(test)]
mod testing;

pub use book::{BOOK_BYTES_MAX, Declared, SCOPES_MAX, ScopeBook, VERSIONS_MAX};
pub use cache::CompileCache;
pub use check::delegation_depth;
pub use children::CHILDREN_MAX;
pub use compiled::{CompiledScope, ScopeError};
pub use draft::{ClassKey, Draft};
pub use hours::{LocalTime, local_time, zone};
pub(crate) use measure::present;
pub use resources::Resources;
pub use select::{Selected, Selection};
pub use template::{Template, Templates};
pub use usage::{LimitUsage, WINDOWS_MAX};
pub use verdict::{
    JudgeContext, Judgement, LimitHit, ScopeBasis, ScopeStatus, Violation, Violations, judge,
};
