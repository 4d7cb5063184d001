//! One compiled form for all scopes with the same terms.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::compiled::CompiledScope;
use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, InstructionSource, WorkingHours,
};
use crate::event::{Limit, Text};

/// Compiled forms of one cache. A full cache is emptied, which costs compilation only.
pub const CACHE_MAX: usize = 65_536;

/// Shares compiled scopes by the content of their terms, so that a hundred thousand agents with
/// the same grants share one. Never iterated.
#[derive(Debug, Default)]
pub struct CompileCache {
    shared: FxHashMap<[u8; 32], Arc<CompiledScope>>,
}

/// The parts of a scope that [`CompiledScope`] depends on: not whom it is for, nor when.
#[derive(Serialize)]
struct ScopeTerms<'a> {
    grants: &'a [Grant],
    tools: &'a [Text],
    destinations: &'a [Text],
    instruction_sources: &'a [InstructionSource],
    limits: &'a [Limit],
    channel: &'a Option<ChannelRule>,
    delegation: &'a Option<DelegationRule>,
    hours: &'a Option<WorkingHours>,
}

impl CompileCache {
    /// The compiled form of `scope`; compiles it if no scope with these terms is cached.
    pub fn get(&mut self, scope: &AgentScope) -> Arc<CompiledScope> {
        let Some(hash) = terms_hash(scope) else {
            return Arc::new(CompiledScope::compile_lenient(scope));
        };
        if self.shared.len() >= CACHE_MAX && !self.shared.contains_key(&hash) {
            self.shared.clear();
        }
        let make = || Arc::new(CompiledScope::compile_lenient(scope));
        Arc::clone(self.shared.entry(hash).or_insert_with(make))
    }

    /// How many distinct terms are cached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether nothing is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty()
    }
}

fn terms_hash(scope: &AgentScope) -> Option<[u8; 32]> {
    let terms = ScopeTerms {
        grants: &scope.grants,
        tools: &scope.tools,
        destinations: &scope.destinations,
        instruction_sources: &scope.instruction_sources,
        limits: &scope.limits,
        channel: &scope.channel,
        delegation: &scope.delegation,
        hours: &scope.hours,
    };
    let bytes = postcard::to_stdvec(&terms).ok()?;
    Some(*blake3::hash(&bytes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::testing;

    #[test]
    fn the_same_terms_share_one_form_whoever_they_are_for() {
        let mut cache = CompileCache::default();
        let one = testing::scope("s1", &[("email.*", "read")]);
        let two = AgentScope {
            scope_id: "s2".into(),
            agent_id: "b".into(),
            ..one.clone()
        };
        let other = testing::scope("s1", &[("email.*", "send")]);
        assert!(Arc::ptr_eq(&cache.get(&one), &cache.get(&two)));
        assert!(!Arc::ptr_eq(&cache.get(&one), &cache.get(&other)));
        assert_eq!(cache.len(), 2);
    }
}
