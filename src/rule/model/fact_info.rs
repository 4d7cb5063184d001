//! What is known of a fact: its type, when it is present, and where it comes from.

use std::borrow::Cow;

/// The number of a fact: its index in the catalogue and in the facts of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactSlot(pub u16);

impl FactSlot {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The type of a fact's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactType {
    Text,
    /// A whole number.
    Number,
    Float,
    Flag,
    /// A list of words; a rule's value is compared with every member.
    List,
    /// Epoch milliseconds.
    TimeMs,
}

impl FactType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FactType::Text => "text",
            FactType::Number => "number",
            FactType::Float => "float",
            FactType::Flag => "flag",
            FactType::List => "list",
            FactType::TimeMs => "time",
        }
    }
}

/// When a fact is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactPresence {
    /// Every action has it.
    Always,
    /// Absent when not reported or not known: a rule that negates it must also require it.
    Optional,
    /// A flag that is absent when, and only when, it is false: a rule may negate it freely.
    WhenTrue,
}

impl FactPresence {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FactPresence::Always => "always",
            FactPresence::Optional => "optional",
            FactPresence::WhenTrue => "when true",
        }
    }
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactSource {
    /// A field of the record, under the same name.
    Record,
    /// Derived from the record alone.
    Derived,
    /// The judgement of the action against the agent's scope.
    Scope,
    /// On whose authority the agent acts: its scope's parent, its chain, what is above it.
    Delegation,
    /// The end of the agent's task and the revocation of its credentials.
    Lifecycle,
    /// The earlier uses of the credential, by this agent and by others.
    Credential,
    /// The profiles of the action's class, its peers and its agent.
    Behaviour,
    /// A metric that a baseline rule of the bundle declares.
    Baseline,
}

impl FactSource {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FactSource::Record => "record",
            FactSource::Derived => "derived",
            FactSource::Scope => "scope",
            FactSource::Delegation => "delegation",
            FactSource::Lifecycle => "lifecycle",
            FactSource::Credential => "credential",
            FactSource::Behaviour => "behaviour",
            FactSource::Baseline => "baseline",
        }
    }
}

/// One fact of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactInfo {
    pub slot: FactSlot,
    /// The name that rules use.
    pub name: Cow<'static, str>,
    pub fact_type: FactType,
    /// Unit of a number; empty when it has none.
    pub unit: &'static str,
    pub presence: FactPresence,
    pub source: FactSource,
    /// The closed vocabulary of a text or list; empty when it is open.
    pub words: &'static [&'static str],
    /// Record fields without which the fact is always absent; empty for a record field, which
    /// needs itself.
    pub needs: &'static [FactSlot],
    pub doc: Cow<'static, str>,
}
