//! The closed word lists of the vocabulary. A word that is not in its list becomes the list's
//! catch-all (`other` or `unknown`), which weakens a verdict and never makes one. ASCII letters are
//! read without case: a gateway that writes `DELETE` must not silence what judges `delete`.

/// Declares an enum of words. With `else` it is one of the vocabulary: case does not count, and
/// reading never fails, it falls back to the catch-all. Without, a word is read as it is written.
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
    ($(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $crate::event::words! { @members $(#[$doc])* $name {
            $($(#[$vdoc])* $variant = $word),+
        } }

        impl $name {
            /// The member for `word`.
            #[must_use]
            pub fn known(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, else $other:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $crate::event::words! { @members $(#[$doc])* $name {
            $($(#[$vdoc])* $variant = $word),+
        } }

        impl $name {
            /// The member for `word`, or `None` for a word outside the list.
            #[must_use]
            pub fn known(word: &str) -> Option<Self> {
                match word {
                    $($word => Some($name::$variant),)+
                    _ => Self::ALL
                        .iter()
                        .find(|member| member.as_str().eq_ignore_ascii_case(word))
                        .copied(),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self { $name::$other }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Ok(Self::known(word).unwrap_or($name::$other))
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
    Effect, else Unknown {
        Observe = "observe", Modify = "modify", Destroy = "destroy", Egress = "egress",
        Execute = "execute", Delegate = "delegate", Unknown = "unknown",
    }
}

impl Verb {
    /// The effect that follows from the verb alone.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Verb::Read | Verb::List | Verb::Search | Verb::Browse | Verb::Infer => Effect::Observe,
            Verb::Create | Verb::Update | Verb::Admin => Effect::Modify,
            Verb::Delete => Effect::Destroy,
            Verb::Send | Verb::Share | Verb::Transfer => Effect::Egress,
            Verb::Execute => Effect::Execute,
            Verb::Spawn => Effect::Delegate,
            Verb::Other => Effect::Unknown,
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
    /// What the gateway knew of the delegation chain.
    DelegationState, else Unattributed {
        Direct = "direct", Delegated = "delegated", Unattributed = "unattributed",
        Truncated = "truncated", Malformed = "malformed",
    }
}

words! {
    /// Sensitivity of a resource, lowest first: the order is the ceiling's order.
    Sensitivity, else Public {
        Public = "public", Internal = "internal", Confidential = "confidential",
        Restricted = "restricted",
    }
}

words! {
    /// What the gateway answered.
    Outcome, else Allowed {
        Allowed = "allowed", Denied = "denied", Error = "error",
    }
}

words! {
    /// The network a channel crossed.
    Network, else External {
        Loopback = "loopback", Internal = "internal", External = "external",
    }
}

words! {
    /// The status a scope record declares.
    DeclaredStatus, else Active {
        Active = "active", Completed = "completed", Suspended = "suspended", Revoked = "revoked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_a_strange_one_falls_to_the_catch_all() {
        for verb in Verb::ALL {
            assert_eq!(Verb::known(verb.as_str()), Some(*verb));
            assert_eq!(Verb::known(&verb.as_str().to_uppercase()), Some(*verb));
        }
        assert_eq!(
            Sensitivity::known("Restricted"),
            Some(Sensitivity::Restricted)
        );
        assert_eq!(
            DeclaredStatus::known("REVOKED"),
            Some(DeclaredStatus::Revoked)
        );
        assert_eq!("frobnicate".parse(), Ok(Verb::Other));
        assert_eq!("".parse(), Ok(InstructionSource::Unknown));
    }

    #[test]
    fn sensitivity_orders_from_public_to_restricted() {
        assert!(Sensitivity::Public < Sensitivity::Internal);
        assert!(Sensitivity::Confidential < Sensitivity::Restricted);
    }
}
