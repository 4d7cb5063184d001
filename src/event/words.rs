//! The closed word lists of the vocabulary. A word outside its list becomes the list's catch-all
//! (`other` or `unknown`), or is read as absent where the list has none: both weaken a verdict and
//! never make one. ASCII letters are read without case: a gateway that writes `DELETE` must not
//! silence what judges `delete`.

/// A closed list of words, as the field of a record.
pub trait WordList: Copy {
    /// Every word, in declaration order.
    const WORDS: &'static [&'static str];

    /// The word as it is written.
    fn as_word(self) -> &'static str;

    /// The member for a record's word. A word outside the list gives the catch-all, or `None` where
    /// the list has none.
    fn from_record(word: &str) -> Option<Self>;
}

/// Declares an enum of words. With `else` it is a list of the vocabulary: case does not count, and
/// what follows `else` is the catch-all, or `none`. Without, a word is read as it is written.
macro_rules! words {
    (@members $(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Every word, in declaration order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
    (@any_case $(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+
    }) => {
        $crate::event::words! { @members $(#[$doc])* $name {
            $($(#[$vdoc])* $variant = $word),+
        } }

        impl $name {
            /// The member for `word`, or `None` for a word outside the list.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some($name::$variant),)+
                    _ => Self::ALL
                        .iter()
                        .find(|member| $crate::text::normal::same_word(member.as_str(), word))
                        .copied(),
                }
            }
        }
    };
    ($(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $crate::event::words! { @members $(#[$doc])* $name {
            $($(#[$vdoc])* $variant = $word),+
        } }

        impl $name {
            /// The member for `word`.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, else none {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $crate::event::words! { @any_case $(#[$doc])* $name {
            $($(#[$vdoc])* $variant = $word),+
        } }

        impl $crate::event::WordList for $name {
            const WORDS: &'static [&'static str] = $name::WORDS;

            fn as_word(self) -> &'static str { self.as_str() }

            fn from_record(word: &str) -> Option<Self> { Self::from_word(word) }
        }
    };
    ($(#[$doc:meta])* $name:ident, else $other:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $crate::event::words! { @any_case $(#[$doc])* $name {
            $($(#[$vdoc])* $variant = $word),+
        } }

        impl Default for $name {
            fn default() -> Self { $name::$other }
        }

        impl $crate::event::WordList for $name {
            const WORDS: &'static [&'static str] = $name::WORDS;

            fn as_word(self) -> &'static str { self.as_str() }

            fn from_record(word: &str) -> Option<Self> {
                Some(Self::from_word(word).unwrap_or($name::$other))
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What an action does to its resource.
    Verb, else Other {
        Read = "read", List = "list", Search = "search", Create = "create", Update = "update",
        Delete = "delete", Execute = "execute", Send = "send", Share = "share",
        Transfer = "transfer", Browse = "browse", Infer = "infer", Spawn = "spawn",
        Admin = "admin",
        /// A verb outside the list: never violates a grant, sets `scope.unmapped`.
        Other = "other",
    }
}

words! {
    /// The effect class of a verb (`action.effect`).
    ActionEffect, else Unknown {
        Observe = "observe", Modify = "modify", Destroy = "destroy", Egress = "egress",
        Execute = "execute", Delegate = "delegate", Unknown = "unknown",
    }
}

impl Verb {
    /// The effect that follows from the verb alone.
    #[must_use]
    pub const fn effect_class(self) -> ActionEffect {
        match self {
            Verb::Read | Verb::List | Verb::Search | Verb::Browse | Verb::Infer => {
                ActionEffect::Observe
            }
            Verb::Create | Verb::Update | Verb::Admin => ActionEffect::Modify,
            Verb::Delete => ActionEffect::Destroy,
            Verb::Send | Verb::Share | Verb::Transfer => ActionEffect::Egress,
            Verb::Execute => ActionEffect::Execute,
            Verb::Spawn => ActionEffect::Delegate,
            Verb::Other => ActionEffect::Unknown,
        }
    }
}

words! {
    /// Who or what made the agent take the action.
    InstructionSource, else Unknown {
        Operator = "operator", SystemPrompt = "system_prompt", User = "user",
        ParentAgent = "parent_agent", ToolOutput = "tool_output",
        RetrievedData = "retrieved_data", Memory = "memory", Unknown = "unknown",
    }
}

words! {
    /// What the untrusted content in the result of an action is.
    ContentSource, else Other {
        /// A page, or what a search of the web found.
        Web = "web",
        Email = "email",
        Document = "document",
        /// What a tool returned.
        Tool = "tool",
        /// What an agent wrote down for later.
        Memory = "memory",
        Other = "other",
    }
}

words! {
    /// What the gateway knew of the delegation chain.
    DelegationState, else none {
        Direct = "direct", Delegated = "delegated", Unattributed = "unattributed",
        Truncated = "truncated", Malformed = "malformed",
    }
}

words! {
    /// On whose authority an agent acts.
    DelegationVerdict {
        /// Its own: nobody delegated to it.
        Direct = "direct",
        Delegated = "delegated",
        /// Whatever spawned it gave it no authority that can be seen.
        Ambient = "ambient",
        /// The scope of its parent is over, or is not known.
        Orphaned = "orphaned",
        /// The scope of its parent, or of an agent above that, was revoked.
        ParentRevoked = "parent_revoked",
        Truncated = "truncated",
        Malformed = "malformed",
        Cyclic = "cyclic",
    }
}

words! {
    /// Sensitivity of a resource, lowest first: the order is the ceiling's order.
    Sensitivity, else none {
        Public = "public", Internal = "internal", Confidential = "confidential",
        Restricted = "restricted",
    }
}

words! {
    /// What the gateway answered.
    ActionOutcome, else none {
        Allowed = "allowed", Denied = "denied", Error = "error",
    }
}

words! {
    /// The network a channel crossed.
    Network, else none {
        Loopback = "loopback", Internal = "internal", External = "external",
    }
}

words! {
    /// The status a scope record declares.
    DeclaredStatus, else none {
        Active = "active", Completed = "completed", Suspended = "suspended", Revoked = "revoked",
    }
}

words! {
    /// What an agent is evaluated for.
    EventKind {
        /// An action of the agent.
        Action = "action",
        /// A scope record that begins or changes a scope.
        Grant = "grant",
        /// A scope record that ends a scope.
        Lifecycle = "lifecycle",
        Control = "control",
        /// A link that arrived at the agent.
        Link = "link",
        /// A timer of the agent that was due.
        Tick = "tick",
        /// A record of an action that cannot be used.
        DeadLetter = "dead_letter",
    }
}

impl Default for DeclaredStatus {
    /// The status of a scope record that names none.
    fn default() -> Self {
        DeclaredStatus::Active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_a_strange_one_falls_to_the_catch_all() {
        for verb in Verb::ALL {
            assert_eq!(Verb::from_word(verb.as_str()), Some(*verb));
            assert_eq!(Verb::from_word(&verb.as_str().to_uppercase()), Some(*verb));
        }
        assert_eq!(
            Sensitivity::from_word("Restricted"),
            Some(Sensitivity::Restricted)
        );
        assert_eq!(
            DeclaredStatus::from_word("REVOKED"),
            Some(DeclaredStatus::Revoked)
        );
        assert_eq!(Verb::from_word("\u{17f}end"), Some(Verb::Send));
        assert_eq!(Verb::from_word("ＤＥＬＥＴＥ"), Some(Verb::Delete));
        assert_eq!(Verb::from_record("frobnicate"), Some(Verb::Other));
        assert_eq!(
            InstructionSource::from_record(""),
            Some(InstructionSource::Unknown)
        );
        assert_eq!(Sensitivity::from_record("secret"), None);
    }

    #[test]
    fn sensitivity_orders_from_public_to_restricted() {
        assert!(Sensitivity::Public < Sensitivity::Internal);
        assert!(Sensitivity::Confidential < Sensitivity::Restricted);
    }
}
