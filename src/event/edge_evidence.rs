//! How an edge of a delegation tree is known.

use serde::{Deserialize, Serialize};

use super::words;

words! {
    /// One kind of evidence that one agent is the parent of another.
    EdgeSource {
        /// A scope record of the child names the parent.
        Scope = "scope",
        /// The `act` chain of a token, as a scope record of the child carries it.
        Token = "token",
        /// An accepted action of the parent spawned the child.
        Spawn = "spawn",
        /// The delegation chain on the child's own actions names the parent.
        Chain = "chain",
    }
}

/// The kinds of evidence that an edge has; none where it is only assumed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct EdgeEvidence(u8);

impl EdgeSource {
    const fn bit(self) -> u8 {
        match self {
            EdgeSource::Scope => 1,
            EdgeSource::Token => 2,
            EdgeSource::Spawn => 4,
            EdgeSource::Chain => 8,
        }
    }
}

impl EdgeEvidence {
    /// Evidence of one kind.
    #[must_use]
    pub const fn of(source: EdgeSource) -> Self {
        EdgeEvidence(source.bit())
    }

    /// This evidence and that of another kind.
    #[must_use]
    pub const fn with(self, source: EdgeSource) -> Self {
        EdgeEvidence(self.0 | source.bit())
    }

    /// The evidence of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        EdgeEvidence(self.0 | other.0)
    }

    /// Whether there is evidence of this kind.
    #[must_use]
    pub const fn has(self, source: EdgeSource) -> bool {
        self.0 & source.bit() != 0
    }

    /// Whether neither of the two agents could have invented the edge alone: a scope record says
    /// it, or the parent's spawning and the child's chain agree. An agent that claims a parent, or
    /// names another as its child, proves nothing: it must harm nobody but itself.
    #[must_use]
    pub const fn is_proven(self) -> bool {
        self.has(EdgeSource::Scope)
            || self.has(EdgeSource::Token)
            || self.has(EdgeSource::Spawn) && self.has(EdgeSource::Chain)
    }

    /// The words of its kinds, strongest first.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = EdgeSource::ALL.iter().copied();
        all.filter(move |source| self.has(*source))
            .map(EdgeSource::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_proven_by_a_record_or_by_both_of_its_agents() {
        use EdgeSource::{Chain, Scope, Spawn, Token};
        for (sources, proven) in [
            (&[][..], false),
            (&[Chain], false),
            (&[Spawn], false),
            (&[Spawn, Chain], true),
            (&[Scope], true),
            (&[Token], true),
            (&[Token, Chain], true),
        ] {
            let all = sources.iter().copied();
            let edge = all.fold(EdgeEvidence::default(), EdgeEvidence::with);
            assert_eq!(edge.is_proven(), proven, "{sources:?}");
            assert_eq!(edge.words().count(), sources.len());
        }
    }
}
