//! The words of a verdict, as rules read them.

use crate::event::words;

words! {
    /// `scope.status`.
    ScopeStatus {
        Active = "active",
        /// No scope and no template, in a tenant that has had one.
        Missing = "missing",
        /// No scope and no template, in a tenant that never had one.
        Unmanaged = "unmanaged",
        /// No scope yet; the action is deferred.
        Pending = "pending",
        Expired = "expired",
        NotYet = "not_yet",
        Completed = "completed",
        Suspended = "suspended",
        Revoked = "revoked",
    }
}

impl Default for ScopeStatus {
    /// Nothing is known.
    fn default() -> Self {
        ScopeStatus::Unmanaged
    }
}

words! {
    /// `scope.basis`: how the judging scope was found.
    ScopeBasis {
        Task = "task", Credential = "credential", Union = "union", Template = "template",
    }
}

words! {
    /// A member of `scope.violations`.
    Violation {
        ResourceType = "resource_type",
        ResourceId = "resource_id",
        Verb = "verb",
        Sensitivity = "sensitivity",
        Owner = "owner",
        Tool = "tool",
        Destination = "destination",
        InstructionSource = "instruction_source",
        Channel = "channel",
        Hours = "hours",
        Limit = "limit",
        DelegationNotAllowed = "delegation_not_allowed",
        DelegationDepth = "delegation_depth",
        DelegationChildren = "delegation_children",
    }
}

/// A set of violations. Its order follows the catalogue of the violations; it only serves to choose
/// between sets of equal size.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct ViolationSet(u16);

impl ViolationSet {
    /// The set of one.
    #[must_use]
    pub const fn of(violation: Violation) -> Self {
        ViolationSet(1 << violation as u16)
    }

    pub fn insert(&mut self, violation: Violation) {
        self.0 |= Self::of(violation).0;
    }

    #[must_use]
    pub const fn contains(self, violation: Violation) -> bool {
        self.0 & Self::of(violation).0 != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The violations that both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        ViolationSet(self.0 & other.0)
    }

    /// The violations that either set has.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        ViolationSet(self.0 | other.0)
    }

    /// The members, in catalogue order.
    pub fn iter(self) -> impl Iterator<Item = Violation> {
        Violation::ALL
            .iter()
            .copied()
            .filter(move |violation| self.contains(*violation))
    }

    /// The words of the members, in catalogue order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Violation::as_str)
    }
}

impl FromIterator<Violation> for ViolationSet {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        let mut set = ViolationSet::default();
        violations
            .into_iter()
            .for_each(|violation| set.insert(violation));
        set
    }
}
